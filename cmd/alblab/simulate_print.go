package main

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// simulateJSON is the JSON form of a simulation: null where there is none.
type simulateJSON struct {
	Schema      string               `json:"schema"`
	Endpoint    string               `json:"endpoint"`
	Address     string               `json:"address"`
	Policy      *string              `json:"policy"`
	Certificate *string              `json:"certificate"`
	Counts      map[string]int       `json:"counts"`
	Seconds     float64              `json:"seconds"`
	Clients     []simulateClientJSON `json:"clients"`
}

type simulateClientJSON struct {
	Client     string           `json:"client"`
	Family     string           `json:"family"`
	Year       *int             `json:"year"`
	Verdict    string           `json:"verdict"`
	Version    wire.Version     `json:"version"`
	Cipher     wire.Suite       `json:"cipher"`
	Group      wire.Group       `json:"group"`
	ALPN       *string          `json:"alpn"`
	HelloRetry bool             `json:"hello_retry"`
	Asked      bool             `json:"certificate_requested"`
	Completed  bool             `json:"completed"`
	Library    string           `json:"library"`
	Ending     *string          `json:"ending"`
	Alert      *string          `json:"alert"`
	Words      *string          `json:"words"`
	Why        *string          `json:"why"`
	Decided    *policy.Decision `json:"decided"`
	Differs    bool             `json:"differs"`
}

// orNull is null for an empty text.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// printSimulation prints the results in a format.
func (a *app) printSimulation(s *simulation, format string) error {
	switch format {
	case "json":
		return a.json(s.json())
	case "csv":
		return a.simulationCSV(s)
	}
	return a.simulationTable(s)
}

func (s *simulation) json() simulateJSON {
	j := simulateJSON{
		Schema: "alblab.simulate/1", Endpoint: s.endpoint.name, Address: s.endpoint.addr.String(), Seconds: s.took.Seconds(),
		Counts: map[string]int{}, Clients: []simulateClientJSON{},
	}
	if s.policy != nil {
		certs := s.certs.String()
		j.Policy, j.Certificate = &s.policy.Name, &certs
	}
	for i := range s.results {
		r := &s.results[i]
		o := &r.Attempt.Outcome
		c := simulateClientJSON{
			Client: r.Client.Name, Family: r.Client.Family, Verdict: string(r.Verdict), Version: o.Version, Cipher: o.Suite, Group: o.Group,
			ALPN: orNull(o.ALPN), HelloRetry: r.Attempt.HelloRetry, Asked: r.Attempt.CertificateRequested, Completed: r.Completed, Library: string(r.Library),
			Ending: orNull(string(o.Ending)), Alert: orNull(alertName(o)), Words: orNull(r.Attempt.Words), Why: orNull(s.why(r)),
			Decided: s.decided(r),
		}
		if r.Client.Year != 0 {
			c.Year = &r.Client.Year
		}
		c.Differs = differs(r, c.Decided)
		j.Counts[string(r.Verdict)]++
		j.Clients = append(j.Clients, c)
	}
	return j
}

func alertName(o *wire.Outcome) string {
	if o.Alert == nil {
		return ""
	}
	return o.Alert.String()
}

// why says what kept a client from a full handshake, where it was not the server.
func (s *simulation) why(r *catalog.Result) string {
	if r.Verdict == catalog.Failed {
		return failure(r)
	}
	if l := s.limitation(r, s.decided(r)); l != "" {
		return "the lab cannot answer as decided: " + l
	}
	return r.Why
}

// simulationCSV prints a row for each client.
func (a *app) simulationCSV(s *simulation) error {
	w := csv.NewWriter(a.out)
	_ = w.Write([]string{"client", "family", "year", "verdict", "version", "cipher", "group", "alpn", "completed", "library", "ending", "alert", "why", "differs"})
	for i := range s.results {
		r := &s.results[i]
		o := &r.Attempt.Outcome
		version, suite, group, year := "", "", "", ""
		if o.Version != 0 {
			version, suite = o.Version.String(), o.Suite.String()
		}
		if o.Group != 0 {
			group = o.Group.String()
		}
		if r.Client.Year != 0 {
			year = strconv.Itoa(r.Client.Year)
		}
		_ = w.Write([]string{
			r.Client.Name, r.Client.Family, year, string(r.Verdict), version, suite, group, o.ALPN, strconv.FormatBool(r.Completed),
			string(r.Library), string(o.Ending), alertName(o), s.why(r), strconv.FormatBool(differs(r, s.decided(r))),
		})
	}
	w.Flush()
	return w.Error()
}

// nameWidth is the room for a client's name; with the longest answer it makes 80 columns.
const nameWidth = 33

// simulationTable prints a line for each client, then the sums.
func (a *app) simulationTable(s *simulation) error {
	t := a.newTable("client", "answer")
	counts := map[catalog.Verdict]int{}
	endings := map[string]int{}
	different, marked, asked := 0, 0, 0
	for i := range s.results {
		r := &s.results[i]
		counts[r.Verdict]++
		answer := s.answer(r)
		if r.Verdict == catalog.Refused {
			endings[refusal(&r.Attempt)]++
			if r.Attempt.CertificateRequested {
				asked++
			}
			answer = a.paint(text.FgRed, answer)
		}
		if r.Verdict == catalog.Connects && !r.Completed {
			marked++
			answer += " *"
		}
		if d := s.decided(r); differs(r, d) {
			different++
			answer += "\n" + a.paint(text.FgYellow, "  "+decision(d))
			if l := s.limitation(r, d); l != "" {
				answer += "\n" + cut("  "+l, columns-nameWidth-2)
			}
		}
		t.AppendRow([]any{cut(r.Client.Name, nameWidth), answer})
	}
	fmt.Fprintln(a.out, t.Render())
	fmt.Fprintf(a.out, "\n%s\n", indentAfter(s.summary(counts, endings)))
	if marked > 0 {
		fmt.Fprintf(a.out, "* answered by the server; the rest of the handshake is beyond our libraries\n")
	}
	if s.policy != nil && s.lab == nil {
		words := fmt.Sprintf("every client sees what %s decides", s.policy.Name)
		if different > 0 {
			words = fmt.Sprintf("%d clients see something else than %s decides", different, s.policy.Name)
		}
		fmt.Fprintf(a.out, "%s\n", words)
	}
	if asked > 0 {
		fmt.Fprintf(a.out, "%s\n", indentAfter(certificateAsked(asked, s.policy != nil)))
	}
	return nil
}

// certificateAsked says of so many refused clients why they may have been: a server that demands a client certificate refuses
// whoever has none, whatever the policy says of the hello.
func certificateAsked(n int, compared bool) string {
	words := fmt.Sprintf("%d of the refused were asked for a client certificate, and simulate sends none: that may be why they were refused", n)
	if compared {
		words += ", and not the policy"
	}
	return words
}

// indentAfter wraps words; the lines after the first are set in by two.
func indentAfter(s string) string {
	lines := strings.Split(text.WrapSoft(s, columns-2), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n  ")
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}

// answer is what a client saw, in at most 45 columns.
func (s *simulation) answer(r *catalog.Result) string {
	o := &r.Attempt.Outcome
	room := columns - nameWidth - 2
	switch r.Verdict {
	case catalog.Connects:
		return negotiated(o.Version, o.Suite, o.Group)
	case catalog.Refused:
		words := "refused: " + refusal(&r.Attempt)
		if d := s.decided(r); d != nil && d.Outcome == policy.Refused {
			words += ", " + d.Reason.String()
		}
		return cut(words, room)
	case catalog.Declines:
		return cut("the client declines: "+r.Why, room)
	}
	return cut("no connection: "+failure(r), room)
}

// negotiated is "1.2 ECDHE-RSA-AES128-GCM-SHA256 secp256r1".
func negotiated(v wire.Version, suite wire.Suite, g wire.Group) string {
	words := versionSpan([]wire.Version{v}) + " " + suite.OpenSSL()
	if g != 0 {
		words += " " + g.String()
	}
	return words
}

// refusal says how a server refused: reset, alert handshake_failure, closed, silence.
func refusal(attempt *clients.Attempt) string {
	o := &attempt.Outcome
	switch {
	case attempt.NotTLS:
		return "an answer that is not TLS"
	case o.Alert != nil:
		return "alert " + strings.TrimPrefix(o.Alert.String(), "fatal ")
	case o.Ending == wire.EndingReset:
		return "reset"
	case o.Ending == wire.EndingFIN:
		return "closed without a word"
	case o.Ending == wire.EndingTimeout:
		return "silence"
	}
	return "an answer that is not TLS"
}

// decision is what the policy decides, as the table says it.
func decision(d *policy.Decision) string {
	if d.Outcome == policy.Refused {
		return "policy: refused, " + d.Reason.String()
	}
	return "policy: " + negotiated(d.Version, d.Suite, d.Group)
}

func (s *simulation) summary(counts map[catalog.Verdict]int, endings map[string]int) string {
	parts := []string{fmt.Sprintf("%d of %d connect", counts[catalog.Connects], len(s.results))}
	if n := counts[catalog.Refused]; n > 0 {
		var how []string
		for _, e := range sortedByCount(endings) {
			how = append(how, fmt.Sprintf("%d %s", endings[e], e))
		}
		parts = append(parts, fmt.Sprintf("%d refused (%s)", n, strings.Join(how, ", ")))
	}
	if n := counts[catalog.Declines]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d decline", n))
	}
	if n := counts[catalog.Failed]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d without a connection", n))
	}
	where := s.endpoint.name
	if s.lab != nil {
		where = s.policy.Name + ", certificates " + s.certs.String()
	}
	return fmt.Sprintf("%s, %s, %.1f s", strings.Join(parts, ", "), where, s.took.Seconds())
}

// sortedByCount returns the keys, the most frequent first.
func sortedByCount(m map[string]int) []string {
	keys := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(keys, func(a, b string) int { return m[b] - m[a] })
	return keys
}

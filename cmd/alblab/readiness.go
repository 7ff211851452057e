package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/matrix"
	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/policy"
)

const readinessHelp = `Say who is ready for post-quantum key exchange (ML-KEM): which clients send a
key share, which only list a group, which have none, and which have no TLS 1.3,
without which there is none.

For each client: the groups, the size of its hello and how many TCP segments it
takes (an ML-KEM share does not fit one, which some middleboxes do not bear),
what it agrees on under --policy, whether that takes a HelloRetryRequest, and
whether it would if the policy preferred its post-quantum groups strongly, as
no policy of AWS's does today.

The clients are those of the catalogue, or, with INPUT, those of your own packet
captures.`

// readinessPolicy is the newest policy that AWS recommends: the console's default.
const readinessPolicy = "TLS13-1-2-Res-PQ-2025-09"

func readinessCommand(a *app) *cobra.Command {
	var f clientFlags
	var name string
	cmd := &cobra.Command{
		Use:   "readiness [INPUT...]",
		Short: "Say which clients are ready for post-quantum key exchange",
		Long:  readinessHelp,
		Example: `  alblab readiness
  alblab readiness capture.pcap --format html -o readiness.html
  alblab readiness --clients 'OpenSSL*' --policy TLS13-1-2-FIPS-PQ-2025-09`,
	}
	f.register(cmd)
	cmd.Flags().StringVar(&name, "policy", readinessPolicy, "a policy with post-quantum groups, by `NAME`")
	_ = cmd.RegisterFlagCompletionFunc("policy", policyNames)
	out := formatFlag(cmd, "text", "html", "csv", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := policyByName(name)
		if err != nil {
			return err
		}
		certs, err := parseCertSet(f.cert)
		if err != nil {
			return usageError(cmd, err)
		}
		rows, source, err := a.rows(cmd.Context(), &f, args)
		if err != nil {
			return err
		}
		r, err := matrix.NewReadiness(rows, p, certs)
		if err != nil {
			return hint(err, "those that have are named PQ: 'alblab list policies'")
		}
		return a.toFile(f.out, func() error { return a.printReadiness(r, source, out.value) })
	}
	return cmd
}

func (a *app) printReadiness(r *matrix.Readiness, source matrix.Source, format string) error {
	switch format {
	case "html":
		return r.WriteHTML(a.out, source)
	case "csv":
		return a.readinessCSV(r)
	case "json":
		return a.json(newReadinessJSON(r))
	}
	a.readinessText(r, source)
	return nil
}

// readinessText prints who offers something, the others in a sum.
func (a *app) readinessText(r *matrix.Readiness, source matrix.Source) {
	sum := r.Summarize()
	fmt.Fprintf(a.out, "%s, under %s\n\n", source.Clients, rollout.Short(r.Policy.Name))
	for _, c := range sum.Offers {
		if c.Clients == 0 {
			continue
		}
		line := fmt.Sprintf("%5d  %s", c.Clients, c.Offer.Words())
		if c.Connections > 0 {
			line += fmt.Sprintf(" (%s)", plural(int(c.Connections), "connection"))
		}
		fmt.Fprintln(a.out, line)
	}
	fmt.Fprintf(a.out, "%5d  agree on a post-quantum group\n", sum.Agree)
	fmt.Fprintf(a.out, "%5d  are refused for their versions, cipher suites or groups\n", sum.Refused)
	fmt.Fprintf(a.out, "%5d  take a HelloRetryRequest for it, %d if it were strongly preferred\n", sum.Retry, sum.RetryStrict)
	fmt.Fprintf(a.out, "%5d  send a hello of more than one TCP segment, up to %d bytes\n\n", sum.TwoSegments, sum.LargestBytes)
	t := a.newTable("client", "bytes", "segs", "agrees on", "offers")
	rest := 0
	for i := range r.Rows {
		row := &r.Rows[i]
		if len(row.Groups) == 0 && row.Segments6 < 2 {
			rest++
			continue
		}
		offers := "no ML-KEM"
		switch {
		case row.Offer == matrix.OfferOther:
			offers = "draft"
		case len(row.Shares) > 0:
			offers = "share"
		case len(row.Groups) > 0:
			offers = a.paint(text.FgYellow, "list only")
		}
		if row.Retries() {
			offers = a.paint(text.FgYellow, "retry")
		}
		t.AppendRow([]any{cut(row.Name, 34), row.Bytes, fmt.Sprintf("%d/%d", row.Segments4, row.Segments6), cut(agreedOn(row.Now), 20), offers})
	}
	if t.Length() > 0 {
		fmt.Fprintln(a.out, t.Render())
		fmt.Fprintln(a.out)
	}
	fmt.Fprintf(a.out, "%s without any, not shown; --format csv has them.\nsegs: TCP segments over IPv4/IPv6, at an MSS of %d/%d bytes.\ndraft: Kyber, which no ALB policy has. retry: lists a group without a key share.\n\nAsk your own logs who breaks, before you change to it:\nalblab who-breaks --from POLICY-OF-TODAY --to %s ./my-logs\n",
		plural(rest, "client"), matrix.MSS4, matrix.MSS6, rollout.Short(r.Policy.Name))
}

// agreedOn is the group of a decision, or "-".
func agreedOn(d policy.Decision) string {
	switch {
	case d.Outcome == policy.Refused:
		return "refused"
	case d.Group == 0:
		return "-"
	}
	return d.Group.String()
}

func (a *app) readinessCSV(r *matrix.Readiness) error {
	w := csv.NewWriter(a.out)
	_ = w.Write([]string{"client", "family", "year", "connections", "offer", "groups", "key_shares", "hello_bytes", "segments_ipv4", "segments_ipv6", "outcome", "group", "retry", "retry_if_strongly_preferred"})
	for i := range r.Rows {
		row := &r.Rows[i]
		group := ""
		if row.Now.Group != 0 {
			group = row.Now.Group.String()
		}
		_ = w.Write([]string{
			row.Name, row.Family, number(row.Year), number(int(row.Connections)), string(row.Offer), strings.Join(texts(row.Groups), " "),
			strings.Join(texts(row.Shares), " "), strconv.Itoa(row.Bytes), strconv.Itoa(row.Segments4), strconv.Itoa(row.Segments6),
			row.Now.Outcome.String(), group, strconv.FormatBool(row.Retries()), strconv.FormatBool(row.RetriesIfPreferred()),
		})
	}
	w.Flush()
	return w.Error()
}

type readinessJSON struct {
	Schema  string                `json:"schema"`
	Policy  string                `json:"policy"`
	Summary matrix.Summary        `json:"summary"`
	Clients []readinessClientJSON `json:"clients"`
}

type readinessClientJSON struct {
	Client      string          `json:"client"`
	Family      *string         `json:"family"`
	Note        *string         `json:"note"`
	Connections *int64          `json:"connections"`
	Offer       matrix.Offer    `json:"offer"`
	Groups      []string        `json:"groups"`
	KeyShares   []string        `json:"key_shares"`
	HelloBytes  int             `json:"hello_bytes"`
	Segments    [2]int          `json:"segments"` // over IPv4, IPv6
	Decision    policy.Decision `json:"decision"`
	Retry       bool            `json:"retry"`
	RetryStrict bool            `json:"retry_if_strongly_preferred"`
}

func newReadinessJSON(r *matrix.Readiness) readinessJSON {
	j := readinessJSON{Schema: "alblab.readiness/1", Policy: r.Policy.Name, Summary: r.Summarize(), Clients: []readinessClientJSON{}}
	for i := range r.Rows {
		row := &r.Rows[i]
		c := readinessClientJSON{
			Client: row.Name, Family: orNull(row.Family), Note: orNull(row.Note), Offer: row.Offer, Groups: groupNames(row.Groups), KeyShares: groupNames(row.Shares),
			HelloBytes: row.Bytes, Segments: [2]int{row.Segments4, row.Segments6}, Decision: row.Now, Retry: row.Retries(), RetryStrict: row.RetriesIfPreferred(),
		}
		if row.Connections > 0 {
			c.Connections = &row.Connections
		}
		j.Clients = append(j.Clients, c)
	}
	return j
}

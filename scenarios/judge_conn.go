package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/accesslog"
)

// accept notes a difference unless the value is one of the accepted ones; no accepted values means anything.
func accept[T comparable](j *judgement, f Fact, what string, set []T, got T) {
	if len(set) == 0 || slices.Contains(set, got) {
		return
	}
	j.differ(f, what+" "+joinSet(set), what+" "+joinSet([]T{got}))
}

// client judges what the client saw.
func (j *judgement) client(a *attempt, w *ClientWant) {
	o := a.Attempt.Outcome
	accept(j, FactClient, "stage", w.Stages, o.Stage)
	accept(j, FactClient, "ending", w.Endings, o.Ending)
	accept(j, FactClient, "version", w.Versions, o.Version)
	accept(j, FactClient, "suite", w.Suites, o.Suite)
	accept(j, FactClient, "group", w.Groups, o.Group)
	accept(j, FactClient, "protocol", w.ALPN, o.ALPN)
	accept(j, FactClient, "exit code", w.Exit, a.Attempt.Exit)
	accept(j, FactClient, "number of CA names", w.CANames, len(a.Attempt.CertificateAuthorities))
	// A relay, as 'alblab serve' makes one for each listener, has another port than the listener.
	called := strings.NewReplacer("<host>", j.carrier.endpoint.Host, "<port>", strconv.Itoa(int(a.Attempt.Remote.Port())))
	words := slices.Clone(w.Words)
	for i := range words {
		words[i] = called.Replace(words[i])
	}
	accept(j, FactClient, "words", words, a.Attempt.Words)
	wanted := 0
	if len(w.Status) > 0 {
		wanted = max(1, a.step.Requests)
	}
	if n := len(a.Attempt.Responses); n != wanted {
		j.differ(FactClient, fmt.Sprintf("%d responses", wanted), fmt.Sprint(n))
	}
	for _, r := range a.Attempt.Responses {
		accept(j, FactClient, "status", w.Status, r.Status)
		if w.Body != "" && r.Body != w.Body {
			j.differ(FactClient, fmt.Sprintf("body %q", w.Body), fmt.Sprintf("%q", r.Body))
		}
		if got := r.Header.Get("Server"); w.Server != "" && got != w.Server {
			j.differ(FactClient, "server: "+w.Server, "server: "+got)
		}
	}
}

// header judges which headers reached the target, on its echo of them: a line each.
func (j *judgement) header(a *attempt, want map[string]bool) {
	for name, present := range want {
		for _, r := range a.Attempt.Responses {
			found := "none"
			for line := range strings.Lines(r.Body) {
				if key, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
					found = strings.TrimSpace(line)
				}
			}
			switch has := found != "none"; {
			case present && !has:
				j.differ(FactClient, "header "+name+" at the target", found)
			case !present && has:
				j.differ(FactClient, "no header "+name+" at the target", found)
			}
		}
	}
}

// flows judges the flow records of both directions.
func (j *judgement) flows(p *pair, w *ConnWant) {
	c := p.conn
	if w.Reject {
		if c.Rejected.Records == 0 || c.HasFlow() {
			j.differ(FactFlow, "REJECT and no ACCEPT", fmt.Sprintf("%d REJECT and %d ACCEPT records", c.Rejected.Records, c.In.Records+c.Out.Records))
		}
		j.flow("client to load balancer", w.In, c.Rejected)
		return
	}
	if c.Rejected.Records > 0 {
		j.differ(FactFlow, "no REJECT", fmt.Sprintf("%d REJECT records", c.Rejected.Records))
	}
	in, out := w.In, w.Out
	if w.Refused {
		in, out = refusedFlight(len(p.Attempt.Hello))
	}
	j.flow("client to load balancer", in, c.In)
	j.flow("load balancer to client", out, c.Out)
}

func (j *judgement) flow(direction string, w *FlowWant, got correlate.Flow) {
	if w == nil {
		return
	}
	flags := slices.Contains(w.Flags, got.Flags) || len(w.Flags) == 0
	if w.Packets.Has(got.Packets) && w.Bytes.Has(got.Bytes) && flags {
		return
	}
	j.differ(FactFlow,
		fmt.Sprintf("%s: %s packets, %s bytes, flags %s", direction, w.Packets, w.Bytes, joinSet(w.Flags)),
		fmt.Sprintf("%d packets, %d bytes, flags %d", got.Packets, got.Bytes, got.Flags))
}

// Sizes of IPv4 packets with TCP timestamps, as experiment 1 shows them: 60 (SYN) + 52 (ACK) + 216 (a hello of 164).
const (
	sizeSYN = 60
	sizeACK = 52
	// What a segment holds at most: the MSS of 1460 less the timestamps. The embedded network's stack (gVisor) also
	// leaves room for SACK blocks that it does not send.
	dataLinux  = 1448
	dataGVisor = 1420
)

// refusedFlight computes the flow records of a hello that the load balancer answers with a reset, from the length of
// what the client sent. The load balancer may acknowledge two segments at once or each of them.
func refusedFlight(hello int) (in, out *FlowWant) {
	segments := func(data int) int { return max(1, (hello+data-1)/data) }
	few, many := segments(dataLinux), segments(dataGVisor)
	in = &FlowWant{
		Packets: Between(int64(2+few), int64(2+many)),
		Bytes:   Between(int64(sizeSYN+sizeACK+few*sizeACK+hello), int64(sizeSYN+sizeACK+many*sizeACK+hello)),
		Flags:   []int{2},
	}
	out = &FlowWant{
		Packets: Between(3, int64(2+many)),
		Bytes:   Between(sizeSYN+2*sizeACK, int64(sizeSYN+sizeACK+many*sizeACK)),
		Flags:   []int{22},
	}
	return in, out
}

// line judges the connection log's line.
func (j *judgement) line(c *correlate.Conn, w *LineWant) {
	r := c.ConnLog
	switch {
	case w == nil && r == nil:
		return
	case w == nil:
		j.differ(FactConnection, "no line in the connection log", r.VerifyStatus, c.ConnLogRef)
		return
	case r == nil:
		j.differ(FactConnection, "a line in the connection log, "+w.Status, "none")
		return
	}
	want := []string{w.Status, w.Version}
	got := []string{r.VerifyStatus, r.TLSProtocol}
	if !w.AnyCipher {
		want, got = append(want, w.Cipher, w.KeyExchange), append(got, r.TLSCipher, r.KeyExchange)
	}
	if !slices.Equal(want, got) {
		j.differ(FactConnection, dashes(want), dashes(got), c.ConnLogRef)
	}
	j.leaf(c, r, w)
	if failed := w.Status != "Success"; failed != (r.HandshakeLatency < 0) {
		j.differ(FactConnection, "a handshake latency only of a success", r.HandshakeLatency.String(), c.ConnLogRef)
	}
}

// dashes joins texts as the logs write them, "-" for none.
func dashes(ws []string) string {
	out := slices.Clone(ws)
	for i := range out {
		if out[i] == "" {
			out[i] = "-"
		}
	}
	return strings.Join(out, " ")
}

// access judges the access log's lines: one for each request, all alike.
func (j *judgement) access(p *pair, want *ConnWant) {
	c, w := p.conn, want.Access
	wanted := 0
	if w != nil {
		wanted = max(1, p.step.Requests)
	}
	if c.Requests != wanted {
		j.differ(FactAccess, fmt.Sprintf("%d lines in the access log", wanted), fmt.Sprint(c.Requests))
	}
	if w == nil {
		return
	}
	actions := w.Actions
	// Another scenario's web ACL judges this one's requests too, and a load balancer that was built for more has one as well.
	through := j.carrier.plan.spec.WAF != nil && actions != "waf"
	either := j.carrier.endpoint.Kind != "embedded"
	if through {
		actions = "waf," + actions
	}
	for i, r := range c.Access {
		if either && !through && r.ActionsExecuted == "waf,"+w.Actions {
			actions = r.ActionsExecuted
		}
		expect := []string{w.Type, fmt.Sprint(w.Status), w.Version, w.Cipher, actions}
		if got := accessWords(r); !slices.Equal(expect, got) {
			j.differ(FactAccess, dashes(expect), dashes(got), c.AccessRefs[i])
		}
	}
}

func accessWords(r *accesslog.Record) []string {
	return []string{r.Type, fmt.Sprint(r.ELBStatusCode), r.SSLProtocol, r.SSLCipher, r.ActionsExecuted}
}

package benchmark

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alblab/alblab/analyzers"
)

const pageHead = `# How sure is a finding?

Made by ` + "`alblab benchmark --connections %d --seed %d --out docs/certainty.md`" + `; do not edit by hand. Its last part, of other people's
programs on a real kernel, needs Linux and the programs; elsewhere the command keeps the figures that stand here.

The lab carries out connections whose course is known, because their clients were made to take it, and the analyzers judge what they left
behind, with little evidence and with all of it. Truth has two levels: the **stage** (blocked, no data, first flight refused, refused
later, completed, closed by the client) and the **cause**. A label is checked against what the client saw, and never against what the
load balancer or an analyzer thought of it. The mix leans to what is hard to tell apart: it is no real load balancer's, so shares
of right answers say nothing about how often a real one's failures have which cause.

Views, each with the listener's policy and mutual-TLS mode, and the load balancer's idle timeout, known:

`

const pageWords = `
**Precision**: of the connections that a view calls refused at the first flight, the share that was. **Recall**: of those that were, the share that
it finds. **Stage**: connections of all six stages with the right one. **Cause alone**: exactly the right cause was named. **In a set**: several causes
were named, since the evidence cannot separate them, and the right one is among them (with the sets' mean size). **Wrong**: the right one is not
among them: an error. **None**: no finding, or no cause.

`

// WriteMarkdown writes the page docs/certainty.md.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, r.Connections, r.Seed)
	for _, v := range views() {
		fmt.Fprintf(&b, "- **(%s)** %s\n", v.name, v.words)
	}
	b.WriteString(pageWords)
	for _, m := range r.Mixes {
		m.markdown(&b)
	}
	r.kernel(&b)
	b.WriteString(pageTail)
	_, err := io.WriteString(w, b.String())
	return err
}

func (m *MixResult) markdown(b *strings.Builder) {
	name := strings.ToUpper(m.Name[:1]) + m.Name[1:]
	fmt.Fprintf(b, "## %s: %s connections\n\n%s", name, thousands(m.Connections), m.Doc)
	if m.Dropped > 0 {
		where := "on their bad paths the clients did not become what they were to be"
		if m.Kernel {
			where = "on the bad paths their programs did not see what they were to see"
		}
		if len(m.Odd) > 0 {
			where += ", and on good ones too, which is a missed goal"
		}
		fmt.Fprintf(b, " %d more were carried out and are not judged: %s.", m.Dropped, where)
	}
	b.WriteString("\n\n| view | precision | recall | stage | cause alone | in a set | wrong | none |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range m.Views {
		s.row(b)
	}
	b.WriteString("\n")
	for _, g := range m.Goals() {
		fmt.Fprintf(b, "- %s\n", g)
		if !g.Met() {
			m.mistakes(b, &g)
		}
	}
	for _, s := range m.Views {
		n := 0
		for _, k := range s.Unexplained {
			n += k
		}
		if n > 0 {
			of := "that nobody made"
			if m.Kernel {
				of = "that the load balancer never accepted, and that have no label"
			}
			fmt.Fprintf(b, "- (%s) findings on connections %s: %d, which count against precision\n", s.View, of, n)
		}
	}
	b.WriteString("\n")
	m.stages(b)
}

func (s *Score) row(b *strings.Builder) {
	const first = analyzers.StageFirstFlight
	fmt.Fprintf(b, "| (%s) %s | %s | %s ", s.View, s.Words, figure(s.Precision(first)), figure(s.Recall(first)))
	if s.Filter {
		b.WriteString("| - | - | - | - | - |\n")
		return
	}
	all := s.Exact + s.InSet + s.Wrong + s.None
	set := ""
	if s.InSet > 0 {
		set = fmt.Sprintf(" (of %.1f)", float64(s.SetSize)/float64(s.InSet))
	}
	fmt.Fprintf(b, "| %s | %s | %s%s | %d | %d |\n", figure(s.StageRight()), figure(share(s.Exact, all)), figure(share(s.InSet, all)), set, s.Wrong, s.None)
}

// mistakes shows the first mistakes for which a goal was missed.
func (m *MixResult) mistakes(b *strings.Builder, g *Goal) {
	const most = 3
	for _, s := range m.Views {
		if s.View != g.View {
			continue
		}
		n := 0
		for _, x := range s.Mistakes {
			about := strings.Contains(x, ", found only ") == strings.HasPrefix(g.Words, "sets")
			if about || strings.HasPrefix(g.Words, "causes") {
				fmt.Fprintf(b, "  - %s\n", x)
				if n++; n == most {
					break
				}
			}
		}
	}
}

// stageList is the order of the tables.
func stageList() []analyzers.Stage {
	return []analyzers.Stage{analyzers.StageBlocked, analyzers.StageNoData, analyzers.StageFirstFlight, analyzers.StageRefusedLater,
		analyzers.StageCompleted, analyzers.StageClosedByOther}
}

// stages shows recall and precision of each stage in each view.
func (m *MixResult) stages(b *strings.Builder) {
	b.WriteString("| precision / recall of the stage | connections |")
	for _, s := range m.Views {
		if !s.Filter {
			fmt.Fprintf(b, " (%s) |", s.View)
		}
	}
	b.WriteString("\n|---|---|---|---|---|---|\n")
	for _, st := range stageList() {
		n := 0
		for _, k := range m.Views[0].Stages[st] {
			n += k
		}
		fmt.Fprintf(b, "| %s | %s |", strings.ReplaceAll(string(st), "-", " "), thousands(n))
		for _, s := range m.Views {
			if !s.Filter {
				fmt.Fprintf(b, " %s / %s |", figure(s.Precision(st)), figure(s.Recall(st)))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// Headline is what the README shows: of traffic that no signature was written against, a line for each kind.
func (r *Result) Headline() string {
	const first = analyzers.StageFirstFlight
	var lines []string
	for _, m := range append(slices.Clone(r.Mixes), r.Kernel...) {
		if m.Name != "unseen" && !m.Kernel {
			continue
		}
		var parts []string
		for _, s := range m.Views {
			parts = append(parts, fmt.Sprintf("(%s) %s / %s", s.View, figure(s.Precision(first)), figure(s.Recall(first))))
		}
		lines = append(lines, m.Name+": "+strings.Join(parts, ", "))
	}
	return strings.Join(lines, "\n")
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

const pageTail = `## What the views cannot do

- **(a)** counts packets: health checks, scans and clients that give up have as few as a refusal, and a hello in several segments, or a path
  that loses packets, has more. On a load balancer that answers with an alert and a FIN it finds next to nothing, as those packets are more than 4.
- **(b)** does not see how a connection ended. A client that leaves within its hello looks like one that was refused.
- **(c)** shows stages, never a cause, but for what was rejected. After the load balancer's flight it cannot tell a session from a refusal by sizes alone.
- **completed** speaks of the handshake alone: a session that the connection log calls good may have ended in a refused renegotiation, which
  a capture shows.
- **(d)** has no word for why a hello was refused or a certificate was missing: all of it is ` + "`Failed:UnmappedConnectionError`" + `. A certificate that the load
  balancer cannot read, as one of an Ed25519 key, leaves the same line as none; below TLS 1.3 a capture shows that one was sent. Where a load balancer would
  refuse with an alert and a FIN, and not with the reset that both experiments saw, a client that leaves after the flight cannot be told from one that
  is refused there: no goal is set for the stage.
- **(e)** cannot look into TLS 1.3: a missing certificate and a broken message, an alert about the server's certificate and any other, are sets. A half-open
  scan and a client whose ACK was lost before its own reset are one too. Where flow records were skipped, the capture has them all.
- Who was first where **both ends sent a reset** neither a flow log nor the connection log says: whoever is reset sends none, so packets crossed or came
  in another order. (d) then says so, takes the client's for the first, unless the listener demands a certificate, and names the causes of both stages. Its goal
  for the stage counts such a connection as right where the truth is in that set; the column counts only the stage that was named first.
  Of a session that the log calls good it then says that the client may have asked for renegotiation; sessions that a client resets on a bad path are not
  counted among the causes with a code.
- What is left out, and why: a client that resets within its hello comes on good paths only, since a reset does not wait for data that was lost, and nobody
  could say whether there was any. On a bad path the cause of a client that resets, or that sent nothing, is not counted as visible in clear: who ended it shows
  only if all of its few packets came. Where a load balancer refuses with an alert and a FIN nobody asks for renegotiation, as sessions end so there too.
- What flow logs skip (SKIPDATA) is gone: no goal is set there but that nothing wrong is claimed.

What a real load balancer does may differ from the embedded lab where its behaviour is an assumption ([fidelity.md](fidelity.md)).
`

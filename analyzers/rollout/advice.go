package rollout

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/analyzers/rollout/page"
)

// Answer is the report in one sentence and what to do next, for somebody who reads no more than that.
type Answer struct {
	Effect   Effect // Keeps: change; Breaks: do not; Unknown: find out first
	Headline string
	Lead     string
	Next     []Step
}

// Step is something to do.
type Step struct {
	Text    string
	Command string // that does it; may be empty
}

// Answer says what the report comes to.
func (r *Report) Answer() Answer {
	to := Short(r.To)
	var a Answer
	switch {
	case r.Breaks.Clients > 0:
		a.Effect = Breaks
		a.Headline = fmt.Sprintf("Do not change yet: %s", r.counted(r.Breaks, "break", "breaks"))
		if r.Gate != nil && r.Gate.Passed && r.Gate.FailOn != FailOnNever {
			a.Headline = fmt.Sprintf("Within what you allow: %s", r.counted(r.Breaks, "break", "breaks"))
		}
		who := "They"
		if r.Breaks.Clients == 1 && r.Noun() == nounClient {
			who = "It"
		}
		more := " any more"
		if r.From == "" {
			more = "" // who knows whether they can today
		}
		a.Lead = fmt.Sprintf("%s cannot connect under %s%s.%s", who, to, more, r.rest())
		a.Next = r.nextBreaks()
	case r.Unknown.Clients > 0:
		a.Effect = Unknown
		a.Headline = fmt.Sprintf("Not certain yet: nobody is known to break, but %s", r.counted(r.Unknown, "may", "may"))
		a.Lead = fmt.Sprintf("The evidence does not show what they offer beside what they were seen with.%s", r.likely())
		a.Next = r.nextUnknown()
	case r.Keeps.Clients == 0:
		a.Effect = Keeps
		a.Headline = fmt.Sprintf("Nothing to break: none of %s can connect today", plural(r.Total.Clients, r.Noun()))
		a.Lead = "All of the evidence is of attempts that fail before any change: 'alblab analyze' says why."
		a.Next = []Step{{Text: "Add evidence of clients that connect, and check --from: is it the policy that the listener has now?"}}
	case r.catalogueOnly():
		a.Effect = Keeps
		a.Headline = fmt.Sprintf("Nothing known against it: %s", r.allKeep())
		a.Lead = "That says nothing of clients that are not in the catalogue: yours may be among these."
		a.Next = append([]Step{r.askOwn("perhaps yours are others")}, r.nextKeeps()...)
	default:
		a.Effect = Keeps
		a.Headline = fmt.Sprintf("Safe to change: %s", r.allKeep())
		a.Lead = fmt.Sprintf("Every client in the evidence connects under %s.", to)
		a.Next = r.nextKeeps()
	}
	return a
}

// plural is "1 client", "1,234 clients".
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return page.Number(n) + " " + what + "s"
}

// catalogueOnly says whether nobody's traffic was looked at.
func (r *Report) catalogueOnly() bool {
	return !slices.ContainsFunc(r.Clients, func(c ClientReport) bool { return c.Kind != KindCatalogue })
}

// The words for who is judged.
const (
	nounClient  = "client"
	nounNetwork = "network"
)

// Noun is what the clients of the report are: "client", or "network" where they are told apart by network alone, each of which may
// have many clients.
func (r *Report) Noun() string {
	noun := nounClient
	for i := range r.Clients {
		switch c := &r.Clients[i]; {
		case r.Beside(c):
		case c.Kind != KindNetwork:
			return nounClient
		default:
			noun = nounNetwork
		}
	}
	return noun
}

func (r *Report) counted(c Count, one, many string) string {
	verb := one
	if c.Clients == 1 {
		verb = many
	}
	s := fmt.Sprintf("%s of %s %s", page.Number(c.Clients), plural(r.Total.Clients, nounClient), verb)
	switch {
	case r.catalogueOnly():
		return fmt.Sprintf("%s of %s of the catalogue %s", page.Number(c.Clients), plural(r.Total.Clients, nounClient), verb)
	case r.Noun() == nounNetwork:
		s = fmt.Sprintf("clients in %s of %s %s", page.Number(c.Clients), plural(r.Total.Clients, nounNetwork), one)
	}
	return s + fmt.Sprintf(" (%s of connections)", page.Percent(c.Share))
}

func (r *Report) allKeep() string {
	n := r.Keeps.Clients
	switch {
	case r.Noun() == nounNetwork && n == 1:
		return "the clients in the one network keep connecting"
	case r.Noun() == nounNetwork:
		return fmt.Sprintf("the clients in all %s keep connecting", plural(n, nounNetwork))
	case n == 1:
		return "the one client keeps connecting"
	case r.catalogueOnly():
		return fmt.Sprintf("all %s of the catalogue keep connecting", plural(n, nounClient))
	}
	return fmt.Sprintf("all %s keep connecting", plural(n, nounClient))
}

// rest is a sentence on those that do not break, with a blank before it; "" if there are none.
func (r *Report) rest() string {
	k, u := r.Keeps.Clients, r.Unknown.Clients
	if k+u == 0 {
		return ""
	}
	s := fmt.Sprintf(" Of the others, %s keep", plural(k, nounClient))
	switch {
	case r.Noun() == nounNetwork && k == 1:
		s = " Of the other networks, 1 keeps as a whole"
	case r.Noun() == nounNetwork:
		s = fmt.Sprintf(" Of the other networks, %s keep as a whole", page.Number(k))
	case k == 1:
		s = " Of the others, 1 client keeps"
	}
	if u > 0 {
		s += fmt.Sprintf(", and of %s the evidence does not tell", page.Number(u))
	}
	return s + "."
}

func (r *Report) likely() string {
	k, b := r.LikelyKeeps.Clients, r.LikelyBreaks.Clients
	switch {
	case k > 0 && k == r.Unknown.Clients:
		return " Real clients like them would all keep: that is a guess."
	case k > 0 && b > 0:
		return fmt.Sprintf(" Going by real clients like them, %s likely keep and %s likely break: a guess.", page.Number(k), page.Number(b))
	case b > 0:
		return fmt.Sprintf(" Going by real clients like them, %s likely break: a guess.", page.Number(b))
	case k > 0:
		return fmt.Sprintf(" Going by real clients like them, %s likely keep: a guess.", page.Number(k))
	}
	return ""
}

func (r *Report) nextBreaks() (steps []Step) {
	instead, or := "Take %s instead: of the policies that keep everyone it is the nearest to %s. %s", "Or take %s, the strictest that keeps everyone. %s"
	if r.catalogueOnly() {
		steps = append(steps, r.askOwn("perhaps none of those that break is yours"))
		instead, or = "If clients like these must connect, take %s: of the policies that keep them all it is the nearest to %s. %s", "Or take %s, the strictest that keeps them all. %s"
	}
	switch c := r.Choices; {
	case c.Nearest != nil && c.Nearest.Policy == r.To: // not while it breaks somebody
	case c.Nearest != nil && c.Nearest.Policy == r.From:
		steps = append(steps, Step{Text: fmt.Sprintf("Stay with %s for now: of the policies that keep everyone it is the nearest to %s.", Short(r.From), Short(r.To))})
		if c.Strictest != nil && c.Strictest.Policy != r.From {
			steps = append(steps, Step{Text: fmt.Sprintf(or, Short(c.Strictest.Policy), priceWords(c.Strictest.Price))})
		}
	case c.Nearest != nil:
		steps = append(steps, Step{Text: fmt.Sprintf(instead, Short(c.Nearest.Policy), Short(r.To), priceWords(c.Nearest.Price))})
		if c.Strictest != nil && c.Strictest.Policy != c.Nearest.Policy {
			steps = append(steps, Step{Text: fmt.Sprintf(or, Short(c.Strictest.Policy), priceWords(c.Strictest.Price))})
		}
	}
	cure := "Cure the clients that break, in the list below: each says what it must become able to do. Then ask again."
	if len(steps) > 0 {
		cure = "Or c" + cure[1:]
	}
	steps = append(steps, Step{Text: cure})
	if c := r.Choices.Fewest; c != nil && c.Policy != r.To && c.Breaks < r.Breaks.Connections {
		steps = append(steps, Step{Text: fmt.Sprintf("No policy is known to keep everyone. Of those that can be chosen, %s breaks the fewest: %s of %s. %s",
			Short(c.Policy), page.Number(c.Breaks), plural(r.Total.Connections, r.unit()), priceWords(c.Price))})
	}
	for _, x := range r.Reasons {
		if x.Effect == Breaks && x.Reason == ReasonCertificate {
			steps = append(steps, Step{Text: fmt.Sprintf("%s want a certificate of the other kind: give the listener one more (RSA or ECDSA), and ask again with --cert both.",
				plural(x.Clients, r.Noun()))})
		}
	}
	steps = append(steps, Step{Text: "If these clients may be lost, say how many: the exit code then lets the change pass.",
		Command: fmt.Sprintf("alblab who-breaks ... --allow-share %s", allowance(r.Breaks.Share))})
	return append(steps, r.settle(false)...)
}

// askOwn is the first thing to do where only a catalogue was asked.
func (r *Report) askOwn(why string) Step {
	return Step{Text: "Ask your own logs and captures first: these are clients of a catalogue, and " + why + ".",
		Command: "alblab who-breaks --from POLICY-OF-TODAY --to " + Short(r.To) + " ./my-logs capture.pcap"}
}

// unit is what shares are of.
func (r *Report) unit() string {
	if r.catalogueOnly() {
		return "client"
	}
	return "connection"
}

// allowance is a share rounded up to two digits, so that it covers what it is for.
func allowance(share float64) string {
	percent := share * 100
	if percent <= 0 {
		return "0%"
	}
	unit := math.Pow(10, math.Floor(math.Log10(percent))-1)
	up := min(math.Ceil(percent/unit*(1-1e-9))*unit, 100)
	return strconv.FormatFloat(up, 'f', max(0, -int(math.Floor(math.Log10(unit)+0.5))), 64) + "%"
}

func priceWords(price []string) string {
	if len(price) == 0 {
		return "Nothing becomes weaker."
	}
	return "Its price, against what you want: " + strings.Join(price, "; ") + "."
}

func (r *Report) nextUnknown() []Step {
	steps := r.settle(true)
	if c := r.Choices.Nearest; c != nil && c.Policy != r.To {
		steps = append(steps, Step{Text: fmt.Sprintf("Or take %s, which is known to keep everyone. %s", Short(c.Policy), priceWords(c.Price))})
	}
	return steps
}

// settle says how to find out about those that are unknown.
func (r *Report) settle(first bool) (steps []Step) {
	wants := map[Evidence]int64{}
	inPart := false
	for i := range r.Clients {
		c := &r.Clients[i]
		if c.FailsToday {
			continue
		}
		for _, e := range c.Settle {
			wants[e]++
		}
		inPart = inPart || len(c.Settle) > 0 && c.Effect == Breaks
	}
	switch {
	case r.From != "" && r.Foreign > 0:
		steps = append(steps, Step{Text: fmt.Sprintf("%s cannot have been made under %s: check --from and --from-cert, or choose the listener with --port.",
			plural(r.Foreign, "connection"), Short(r.From))})
	case r.From == "" && wants[SettleFrom] > 0:
		steps = append(steps, Step{Text: "Say which policy the listener has now, with --from: the same lines then prove more.",
			Command: "aws elbv2 describe-listeners --load-balancer-arn ARN --query 'Listeners[].SslPolicy'"})
	}
	if wants[SettleKeyExchange] > 0 {
		steps = append(steps, Step{Text: "Use the load balancer's connection logs: since 2026 they name the group (tls_keyexchange), which older lines and access logs do not."})
	}
	if n := wants[SettleCapture]; n > 0 && (first || r.Unknown.Connections > 0) {
		who := fmt.Sprintf("the %s", plural(n, "unknown "+r.Noun()))
		switch {
		case inPart:
			who = fmt.Sprintf("the %s that the evidence leaves open, as a whole or in part", plural(n, r.Noun()))
		case n == 1:
			who = "the one unknown " + r.Noun()
		}
		steps = append(steps, Step{Text: fmt.Sprintf("Capture the hellos of %s (VPC traffic mirroring, or on the client), and add the file to the command: a hello settles it.", who), Command: "tcpdump -i any -w hellos.pcap 'tcp port 443'"})
	}
	return steps
}

func (r *Report) nextKeeps() []Step {
	steps := []Step{{Text: "Change the listener.", Command: "aws elbv2 modify-listener --listener-arn ARN --ssl-policy " + r.To}}
	back := "the old one"
	if r.From != "" {
		back = Short(r.From)
	}
	steps = append(steps, Step{Text: fmt.Sprintf("Watch ClientTLSNegotiationErrorCount and the connection log for a day. If it rises, change back to %s, and ask 'alblab analyze' who failed.", back)})
	if c := r.Choices.Strictest; c != nil && c.Policy != r.To {
		steps = append(steps, Step{Text: fmt.Sprintf("The strictest policy that keeps everyone is %s.", Short(c.Policy))})
	}
	return steps
}

// Caveats are what bounds the answer.
func (r *Report) Caveats() (list []string) {
	add := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(r.catalogueOnly(), "These are clients of a catalogue, not yours: add captures or logs to know who uses your load balancer.")
	if first, last := r.Period(); !r.catalogueOnly() && !first.IsZero() {
		add(true, "The evidence is %s (UTC). Who did not connect then is not in it: a yearly job, a device that was off.", stretch(first, last))
	}
	add(r.Noun() == nounNetwork, "A network stands where the worst of its connections does, and may have many clients: --by address or --by user-agent tells them apart.")
	add(r.FailsToday.Connections > 0 && r.catalogueOnly(), "Fail today already: %s. The change does not break them; they do not count.", plural(r.FailsToday.Clients, nounClient))
	add(r.FailsToday.Connections > 0 && !r.catalogueOnly(), "Fails today already: %s, %s that never came through among them. The change does not break them; they do not count.",
		plural(r.FailsToday.Connections, "attempt"), plural(r.FailsToday.Clients, r.Noun()))
	add(r.Foreign > 0, "%s cannot have been made under %s: were they made at another listener (see --port), under another policy or with another certificate? They were judged without it.",
		plural(r.Foreign, "connection"), Short(r.From))
	add(r.Assume == "standard" && !r.catalogueOnly(), "Clients behind log lines are taken to obey RFC 8446 where they may also offer TLSv1.3; --assume nothing takes nothing for granted.")
	add(r.Certificates == "both", "The load balancer is taken to have an RSA and an ECDSA certificate: say --cert rsa if it has RSA alone.")
	add(r.Stats.Damaged > 0, "%s could not be read.", plural(r.Stats.Damaged, "record"))
	return list
}

// stretch is when evidence was taken.
func stretch(first, last time.Time) string {
	from, to := first.Format("2006-01-02 15:04"), last.Format("2006-01-02 15:04")
	if from == to {
		return "of one minute, " + from
	}
	return "from " + from + " to " + to
}

// BesideWords says in a line what becomes of the catalogue's clients beside real traffic; "" if there are none.
func (r *Report) BesideWords() string {
	n := r.Catalogue
	if n == nil {
		return ""
	}
	s := fmt.Sprintf("Beside your traffic, and counted nowhere else: of %s of the catalogue, %s keep", plural(n.Clients, "client"), page.Number(n.Keeps))
	if n.Breaks > 0 {
		s += fmt.Sprintf(", %s break (%s)", page.Number(n.Breaks), r.namesBeside(Breaks))
	}
	if n.FailsToday > 0 {
		s += fmt.Sprintf(", %s fail today", page.Number(n.FailsToday))
	}
	return s + "."
}

// namesBeside names a few clients of the catalogue.
func (r *Report) namesBeside(e Effect) string {
	const few = 5
	var names []string
	more := 0
	for i := range r.Clients {
		c := &r.Clients[i]
		switch {
		case !r.Beside(c) || c.FailsToday || c.Effect != e:
		case len(names) < few:
			names = append(names, c.Name)
		default:
			more++
		}
	}
	s := strings.Join(names, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %s more", page.Number(int64(more)))
	}
	return s
}

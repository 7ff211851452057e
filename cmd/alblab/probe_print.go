package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// printProbe prints the story in a format.
func (a *app) printProbe(p *probe, format string) error {
	if format == "json" {
		return a.json(struct {
			Schema    string          `json:"schema"`
			Endpoint  string          `json:"endpoint"`
			Address   string          `json:"address"`
			Client    string          `json:"client"`
			Connected *float64        `json:"connected"` // seconds, null if there was no connection
			Attempt   clients.Attempt `json:"attempt"`
			Events    []eventJSON     `json:"events"`
			Why       *string         `json:"why"`
		}{"alblab.probe/1", p.endpoint.name, p.endpoint.addr.String(), p.name(), p.seconds(), p.attempt, eventsJSON(p.events), orNull(p.incapable)})
	}
	w := a.out
	fmt.Fprintf(w, "%s at %s", p.name(), p.endpoint.name)
	if at := p.endpoint.addr.String(); at != p.endpoint.name {
		fmt.Fprintf(w, " (%s)", at)
	}
	fmt.Fprintf(w, "\n\n")
	p.offer(a)
	for _, l := range p.steps() {
		fmt.Fprintf(w, "%9s  %s\n", l.at, strings.ReplaceAll(hang(l.text, 11), "\n", "\n           "))
	}
	if p.connected != 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s\n", p.conclusion())
	if p.incapable != "" {
		fmt.Fprintf(w, "our stand-in goes no further: %s\n", p.incapable)
	}
	for _, r := range p.attempt.Responses {
		fmt.Fprintf(w, "response: %s %d, %d bytes\n", r.Proto, r.Status, r.Length)
	}
	if p.attempt.CertificateRequested {
		words := "none was sent"
		if p.attempt.CertificateSent {
			words = "ours was sent"
		}
		fmt.Fprintf(w, "the server asked for a client certificate: %s\n", words)
	}
	if p.attempt.Exit != 0 {
		fmt.Fprintf(w, "curl: (%d) %s\n", p.attempt.Exit, p.attempt.Words)
	}
	return nil
}

// eventJSON is one flight: seconds since the start.
type eventJSON struct {
	At    float64  `json:"at"`
	Until float64  `json:"until"`
	Sent  bool     `json:"sent"`
	Bytes int      `json:"bytes"`
	What  []string `json:"what"`
}

func eventsJSON(events []clients.Event) []eventJSON {
	out := []eventJSON{}
	for _, e := range events {
		out = append(out, eventJSON{e.At.Seconds(), e.Until.Seconds(), e.Sent, e.Bytes, append([]string{}, e.What...)})
	}
	return out
}

func (p *probe) name() string { return p.profile.Name }

func (p *probe) seconds() *float64 {
	if p.connected == 0 {
		return nil
	}
	s := p.connected.Seconds()
	return &s
}

// offer prints what the hello said.
func (p *probe) offer(a *app) {
	h, err := wire.ParseHello(p.attempt.Hello)
	if err != nil {
		return
	}
	lists := []struct{ name, values string }{
		{"versions", offeredVersions(h)},
		{"ciphers", ciphers(h)},
		{"groups", strings.Join(texts(withoutGREASE(h.Groups)), " ")},
		{"shares", strings.Join(texts(shareGroups(h)), " ")},
		{"schemes", strings.Join(texts(withoutGREASE(h.Schemes)), " ")},
		{"alpn", strings.Join(h.ALPN, " ")},
		{"name", h.ServerName},
		{"ja4", h.JA4()},
	}
	fmt.Fprintf(a.out, "its hello, %d bytes, offers\n", len(p.attempt.Hello))
	for _, l := range lists {
		if l.values != "" {
			fmt.Fprintf(a.out, "  %-8s  %s\n", l.name, strings.ReplaceAll(hang(l.values, 12), "\n", "\n            "))
		}
	}
	fmt.Fprintln(a.out)
}

// hang wraps words for a column that begins at an indent.
func hang(s string, indent int) string {
	var b strings.Builder
	room := columns - indent
	at := 0
	for i, w := range strings.Fields(s) {
		if i > 0 && at+1+len(w) > room {
			b.WriteByte('\n')
			at = 0
		} else if i > 0 {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += len(w)
	}
	return b.String()
}

// offeredVersions: an older hello cannot say where its versions begin.
func offeredVersions(h *wire.ClientHello) string {
	if h.HasSupportedVersions {
		return strings.Join(texts(withoutGREASE(h.SupportedVersions)), " ")
	}
	return "up to " + h.LegacyVersion.String()
}

func ciphers(h *wire.ClientHello) string {
	var names []string
	for _, s := range withoutGREASE(h.Suites) {
		names = append(names, s.OpenSSL())
	}
	return strings.Join(names, " ")
}

func shareGroups(h *wire.ClientHello) []wire.Group {
	var list []wire.Group
	for _, k := range h.KeyShares {
		list = append(list, k.Group)
	}
	return withoutGREASE(list)
}

func withoutGREASE[T ~uint16](list []T) []T {
	var out []T
	for _, v := range list {
		if !wire.IsGREASE(v) {
			out = append(out, v)
		}
	}
	return out
}

// step is one line of the story.
type step struct{ at, text string }

func (p *probe) steps() []step {
	if p.connected == 0 {
		return nil
	}
	steps := []step{{millis(p.connected), "TCP connected"}}
	for _, e := range p.events {
		arrow := "<-"
		if e.Sent {
			arrow = "->"
		}
		line := arrow + " " + strings.Join(e.What, ", ")
		if e.Bytes > 0 {
			line += fmt.Sprintf(" (%d bytes)", e.Bytes)
		}
		steps = append(steps, step{millis(e.At), line})
		if e.Until-e.At > 100*time.Millisecond {
			steps = append(steps, step{millis(e.Until), "   the last of it"})
		}
	}
	return steps
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// conclusion says how far it came, in one line.
func (p *probe) conclusion() string {
	o := &p.attempt.Outcome
	if p.attempt.NotTLS {
		return "answered, but not in TLS: " + howEnded(o)
	}
	switch o.Stage {
	case wire.StageDial:
		return "no connection: " + o.Detail
	case wire.StageSilent:
		return "no answer: " + howEnded(o)
	case wire.StageHello:
		if p.attempt.HelloRetry {
			return "answered with a HelloRetryRequest for " + o.Group.String() + ", " + howEnded(o)
		}
		return "refused after the hello: " + howEnded(o)
	case wire.StageHandshake:
		return "not completed: " + negotiated(o.Version, o.Suite, o.Group) + " was chosen, " + howEnded(o)
	}
	words := "connected: " + negotiated(o.Version, o.Suite, o.Group)
	if o.ALPN != "" {
		words += ", " + printable(o.ALPN)
	}
	if o.Ending == wire.EndingReset || o.Ending == wire.EndingAlert && o.Alert.Level == wire.AlertFatal {
		words += "; then " + howEnded(o)
		if o.Version == wire.TLS13 && p.attempt.CertificateRequested && o.Stage == wire.StageRequest {
			words += " (in TLS 1.3 the client thinks itself connected before its certificate is judged)"
		}
	}
	return words
}

// printable keeps what a server says from being more than words on a terminal.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

func howEnded(o *wire.Outcome) string {
	by := "the server"
	if !o.ByPeer {
		by = "the client"
	}
	switch o.Ending {
	case wire.EndingReset:
		return by + " reset the connection"
	case wire.EndingAlert:
		return by + " sent the alert " + o.Alert.String()
	case wire.EndingFIN:
		return by + " closed the connection"
	case wire.EndingTimeout:
		return "silence until the deadline"
	}
	if o.Detail != "" {
		return "the client gave up: " + o.Detail
	}
	return "the client went no further"
}

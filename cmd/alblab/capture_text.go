package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence/capture"
)

// captureText writes a few lines for each connection, and at the end how many had which answer.
type captureText struct {
	out    io.Writer
	offers captureOffers
	b      []byte
}

func (w *captureText) write(_ string, c *capture.Conversation) error {
	b := c.Client.AppendTo(w.b[:0])
	b = c.Server.AppendTo(append(b, " -> "...))
	if c.VNI >= 0 {
		b = fmt.Appendf(b, ", VNI %d", c.VNI)
	}
	if h := c.Hello; h != nil && h.ServerName != "" {
		b = append(b, ", "...)
		b = append(b, printable(h.ServerName)...)
	}
	b = w.hello(append(b, '\n'), c)
	b = appendOutcome(b, c)
	b = fmt.Appendf(b, "  %s in, %s out, frames %d to %d\n", amount(&c.FromClient), amount(&c.FromServer), c.FirstFrame, c.EndFrame)
	if notes := captureNotes(c); notes != "" {
		b = append(append(append(b, "  "...), notes...), '\n')
	}
	w.b = b
	_, err := w.out.Write(b)
	return err
}

// hello appends what the client offered.
func (w *captureText) hello(b []byte, c *capture.Conversation) []byte {
	switch {
	case c.Hello != nil:
		h := c.Hello
		b = append(append(b, "  offers "...), offeredVersions(h)...)
		b = fmt.Appendf(b, ", %s", plural(len(h.Suites), "suite"))
		if len(h.ALPN) > 0 {
			b = append(append(b, ", ALPN "...), printable(strings.Join(h.ALPN, " "))...)
		}
		f := w.offers.of(h)
		return fmt.Appendf(b, "\n  JA3 %s\n  JA4 %s\n", f.ja3, f.ja4)
	case c.HelloErr != nil:
		return fmt.Appendf(b, "  a damaged hello: %v\n", c.HelloErr)
	case len(c.NotTLS) > 0:
		return fmt.Appendf(b, "  not TLS: %s\n", printable(string(c.NotTLS[:min(len(c.NotTLS), 40)])))
	case len(c.HelloBytes) > 0:
		return fmt.Appendf(b, "  a part of a hello, %s\n", plural(len(c.HelloBytes), "byte"))
	case c.Unanswered():
		return append(b, "  no answer to the SYN\n"...)
	case c.Refused():
		return append(b, "  the SYN was refused\n"...)
	case c.HalfOpen():
		return append(b, "  the client never completed TCP's handshake\n"...)
	case c.Silent():
		return append(b, "  the client sent nothing\n"...)
	}
	return append(b, "  no hello in the capture\n"...)
}

// appendOutcome appends the answer and the end.
func appendOutcome(b []byte, c *capture.Conversation) []byte {
	answer := c.Answer()
	b = append(append(b, "  answer: "...), answer.String()...)
	if c.HelloRetry != nil {
		b = fmt.Appendf(b, ", first hello-retry for %s", c.HelloRetry.Group)
	}
	if c.ServerHello != nil {
		b = fmt.Appendf(b, ", %s %s", c.Version(), c.Suite())
		if c.Group != 0 {
			b = fmt.Appendf(b, " %s", c.Group)
		}
	}
	if a, by := c.Alert(); a != nil {
		b = fmt.Appendf(b, ", alert %s (%d) of the %s", a.Name(), a.Description, by)
	}
	b = append(b, "\n  "...)
	if c.EndedBy == capture.SideNone {
		return append(b, "not ended\n"...)
	}
	return fmt.Appendf(b, "ended by the %s's %s after %s\n", c.EndedBy, strings.ToUpper(c.Ending.String()), c.Ended.Sub(c.Start).Round(time.Microsecond))
}

func amount(d *capture.Direction) string {
	return fmt.Sprintf("%s of %s", plural(int(d.Packets), "packet"), plural(int(d.Bytes), "byte"))
}

// captureNotes says what else there is to know of how the capture was taken.
func captureNotes(c *capture.Conversation) string {
	var notes []string
	if c.Handshake == capture.HandshakeUnseen {
		notes = append(notes, "begun before the capture")
	}
	if c.FromClient.Lost {
		notes = append(notes, "bytes of the client are missing")
	}
	if c.FromServer.Lost {
		notes = append(notes, "bytes of the server are missing")
	}
	if c.Evicted {
		notes = append(notes, "given up early")
	}
	return strings.Join(notes, ", ")
}

func (w *captureText) summary(c *captured) error {
	fmt.Fprintf(w.out, "\n%s, %s, %s\n", plural(int(c.stats.Frames), "packet"), plural(c.conns, "connection"), plural(c.hellos, "hello"))
	for a, n := range c.answers {
		if n > 0 && capture.Answer(a) != capture.AnswerNone {
			fmt.Fprintf(w.out, "  %-13s %d\n", capture.Answer(a), n)
		}
	}
	if n := c.answers[capture.AnswerNone]; n > 0 {
		fmt.Fprintf(w.out, "  %-13s %d\n", "no hello", n)
	}
	return nil
}

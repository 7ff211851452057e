package embedded_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

// soakKind is a sort of client, and what each of its connections leaves behind.
type soakKind struct {
	name      string
	weight    int // in a thousand
	listener  string
	good, bad int  // lines of the connection log
	reset     bool // one side resets: what was under way is lost
	waits     bool // for the idle timeout
	mayVanish bool // it may be over before the load balancer has looked at it, and then leaves neither line nor end
	// do is nil for a half-open scan.
	do func(ctx context.Context, s *soak, c *counted, port uint16) (requests, blocked int, err error)
}

func soakKinds() []soakKind {
	limit := func(v wire.Version, alpn string) func(*clients.Profile) {
		return func(p *clients.Profile) { p.MinVersion, p.MaxVersion, p.ALPN = v, v, []string{alpn} }
	}
	return []soakKind{
		{name: "refused", weight: 320, bad: 1, reset: true, do: sends("tls11-max", 0)},
		{name: "plain-http", weight: 80, bad: 1, reset: true, do: says([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))},
		{name: "garbage", weight: 60, bad: 1, reset: true, do: says([]byte("\x45\x00garbage garbage garbage"))},
		{name: "health-check", weight: 110, do: says(nil)},
		{name: "health-check-reset", weight: 50, reset: true, mayVanish: true, do: resets("", 0)},
		{name: "half-hello", weight: 60, bad: 1, do: sends("curl", 100)},
		{name: "half-hello-reset", weight: 40, bad: 1, reset: true, mayVanish: true, do: resets("curl", 100)},
		{name: "gives-up-at-flight", weight: 30, bad: 1, do: calls(limit(wire.TLS13, "h2"), &clients.Manner{Quit: clients.QuitFlight, By: wire.EndingFIN}, 0)},
		{name: "refused-in-pieces", weight: 20, bad: 1, reset: true, do: calls(func(p *clients.Profile) { p.MinVersion, p.MaxVersion = wire.TLS10, wire.TLS11 }, &clients.Manner{Segment: 50}, 0)},
		{name: "completed-12", weight: 40, good: 1, do: calls(limit(wire.TLS12, "http/1.1"), nil, 2)},
		{name: "completed-13", weight: 60, good: 1, do: calls(limit(wire.TLS13, "http/1.1"), nil, 1)},
		{name: "completed-h2", weight: 25, good: 1, do: calls(limit(wire.TLS13, "h2"), nil, 3)},
		{name: "session-alone", weight: 15, good: 1, do: calls(limit(wire.TLS12, "http/1.1"), nil, 0)},
		{name: "forward", weight: 10, good: 1, listener: "forward", do: calls(limit(wire.TLS13, "http/1.1"), nil, 2)},
		{name: "waf-blocked", weight: 20, good: 1, do: blocked(limit(wire.TLS13, "http/1.1"))},
		{name: "renegotiation", weight: 10, good: 1, reset: true, do: calls(limit(wire.TLS12, "http/1.1"), &clients.Manner{Renegotiate: clients.RenegotiateLater}, 1)},
		{name: "distrust", weight: 10, bad: 1, do: distrusts(limit(wire.TLS12, "http/1.1"))},
		{name: "no-certificate", weight: 10, listener: "verify", bad: 1, reset: true, do: certified(limit(wire.TLS12, "http/1.1"), pki.KindNone, 0)},
		{name: "untrusted-certificate", weight: 5, listener: "verify", bad: 1, reset: true, do: certified(limit(wire.TLS13, "http/1.1"), pki.KindUntrusted, 0)},
		{name: "right-certificate", weight: 10, listener: "verify", good: 1, do: certified(limit(wire.TLS13, "http/1.1"), pki.KindGoodECDSA, 1)},
		{name: "half-open-scan", weight: 10},
		{name: "silent", weight: 1, waits: true, do: waits},
		{name: "half-hello-silent", weight: 1, bad: 1, waits: true, do: waitsWithin},
		{name: "slow-hello", weight: 3, good: 1, do: calls(limit(wire.TLS13, "http/1.1"), &clients.Manner{Segment: 200, Pause: 100 * time.Millisecond}, 1)},
	}
}

// ended takes what a connection's end may look like for no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// rest reads to the peer's end.
func rest(c *counted) error {
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	return ended(err)
}

// says sends bytes, closes its half and reads to the end.
func says(b []byte) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return func(_ context.Context, _ *soak, c *counted, _ uint16) (int, int, error) {
		if len(b) > 0 {
			if _, err := c.Write(b); err != nil {
				return 0, 0, ended(err)
			}
		} else if err := c.CloseWrite(); err != nil {
			return 0, 0, ended(err)
		}
		return 0, 0, rest(c)
	}
}

// sends sends a recorded hello, or the beginning of it, and reads to the end.
func sends(name string, cut int) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return func(_ context.Context, s *soak, c *counted, _ uint16) (int, int, error) {
		b := s.hellos[name]
		if cut > 0 {
			b = b[:cut]
		}
		if _, err := c.Write(b); err != nil {
			return 0, 0, ended(err)
		}
		if cut > 0 {
			if err := c.CloseWrite(); err != nil {
				return 0, 0, ended(err)
			}
		}
		return 0, 0, rest(c)
	}
}

// resets sends the beginning of a hello, or nothing, and resets.
func resets(name string, cut int) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return func(_ context.Context, s *soak, c *counted, _ uint16) (int, int, error) {
		if cut > 0 {
			if _, err := c.Write(s.hellos[name][:cut]); err != nil {
				return 0, 0, ended(err)
			}
		}
		return 0, 0, c.Reset()
	}
}

// waits says nothing until the load balancer closes; waitsWithin falls silent within its hello.
func waits(_ context.Context, _ *soak, c *counted, _ uint16) (int, int, error) { return 0, 0, rest(c) }

func waitsWithin(_ context.Context, s *soak, c *counted, _ uint16) (int, int, error) {
	if _, err := c.Write(s.hellos["curl"][:100]); err != nil {
		return 0, 0, err
	}
	return 0, 0, rest(c)
}

// soakCall is a client of TLS, by one way or another.
type soakCall struct {
	change   func(*clients.Profile)
	manner   *clients.Manner
	requests int
	header   http.Header
	cert     pki.Kind
	distrust bool
}

func (x soakCall) do(ctx context.Context, s *soak, c *counted, port uint16) (int, int, error) {
	p := clients.Curl()
	x.change(p)
	k := clients.Call{Profile: p, ServerName: s.lab.Endpoint().Host, Roots: s.pki.RootPool()}
	if x.distrust {
		k.Roots = x509.NewCertPool()
	}
	if x.cert != pki.KindNone {
		cert, err := s.pki.Client(x.cert)
		if err != nil {
			return 0, 0, err
		}
		k.Certificate = &cert
	}
	for range x.requests {
		k.Requests = append(k.Requests, clients.Request{Path: "/" + strconv.Itoa(int(port)), Header: x.header})
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	a, err := clients.Do(ctx, x.manner.Conn(c, func(d time.Duration) error { time.Sleep(d); return nil }), k)
	if err == nil && len(a.Responses) != x.requests {
		err = fmt.Errorf("%d responses, not %d: %s %s %s", len(a.Responses), x.requests, a.Outcome.Stage, a.Outcome.Ending, a.Outcome.Detail)
	}
	denied := 0
	for _, r := range a.Responses {
		if r.Status == http.StatusForbidden {
			denied++
		}
	}
	return len(a.Responses), denied, err
}

func calls(change func(*clients.Profile), m *clients.Manner, requests int) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return soakCall{change: change, manner: m, requests: requests}.do
}

func blocked(change func(*clients.Profile)) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return soakCall{change: change, requests: 1, header: http.Header{"X-Forwarded-For": {"192.0.2.66"}}}.do
}

func distrusts(change func(*clients.Profile)) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return soakCall{change: change, distrust: true}.do
}

func certified(change func(*clients.Profile), k pki.Kind, requests int) func(context.Context, *soak, *counted, uint16) (int, int, error) {
	return soakCall{change: change, cert: k, requests: requests}.do
}

package aws

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
)

// canary is a good request of the lab's own, after all others: when its records have come, a log is alive, and what is not in
// it did not happen.
type canary struct {
	path     string
	listener string
	port     int
	at       time.Time
}

// ownPath is what the paths of the lab's own requests begin with: its records say which address this run comes from.
func (l *Lab) ownPath() string { return "/alblab/" + l.c.Nonce + "/" }

// errNotServed is a request that got no answer.
var errNotServed = errors.New("no answer")

// reply is an answer, as far as it tells who gave it.
type reply struct {
	status       int
	server, body string // of the body the first 4 K: a fixed response has at most 1024 bytes
}

// request makes one HTTPS request at a node, with the good client certificate or without any.
func (l *Lab) request(ctx context.Context, listener string, at netip.Addr, path string, withCertificate bool) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := l.dial(ctx, lab.Vantage{}, listener, at)
	if err != nil {
		return reply{}, fmt.Errorf("connecting to listener %s: %w", listener, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(l.roots)
	c := &tls.Config{ServerName: l.host, RootCAs: roots, MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}}
	if withCertificate && l.c.PKI != nil {
		cert, err := l.c.PKI.Client(l.goodKind(listener))
		if err != nil {
			return reply{}, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	t := tls.Client(conn, c)
	if err := t.HandshakeContext(ctx); err != nil {
		return reply{}, fmt.Errorf("%w from listener %s: %w", errNotServed, listener, err)
	}
	if _, err = fmt.Fprintf(t, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: alblab\r\nConnection: close\r\n\r\n", path, l.host); err == nil {
		var res *http.Response
		if res, err = http.ReadResponse(bufio.NewReader(t), nil); err == nil {
			body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // cut short it still says who spoke
			return reply{res.StatusCode, res.Header.Get("Server"), string(body)}, res.Body.Close()
		}
	}
	return reply{}, fmt.Errorf("%w from listener %s: %w", errNotServed, listener, err)
}

// goodKind is a client certificate that the listener takes: a policy may bind its signatures.
func (l *Lab) goodKind(listener string) pki.Kind {
	if p, err := policy.ByName(l.policies[listener]); err == nil && len(p.CertSchemes) > 0 {
		return pki.KindGoodStrict
	}
	return pki.KindGoodECDSA
}

// learnHost asks the load balancer which name its certificate is for. Whether the certificate is good is the clients' affair.
func (l *Lab) learnHost(ctx context.Context) error {
	var errs []error
	for _, name := range l.order() {
		host, err := l.certificateName(ctx, name)
		if err == nil {
			l.host = host
			return nil
		}
		errs = append(errs, err)
	}
	return problem("is the lab up, and is this machine's address among allowed_cidrs? ('alblab aws status')", "no listener answers: %w", errs[0])
}

func (l *Lab) certificateName(ctx context.Context, listener string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := l.dial(ctx, lab.Vantage{}, listener, netip.Addr{})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	t := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // only the name is read; requests verify against the lab's own CA
		MinVersion:         tls.VersionTLS10,
		VerifyConnection: func(s tls.ConnectionState) error {
			leaf = s.PeerCertificates[0]
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			return nil
		},
	})
	err = t.HandshakeContext(ctx)
	if leaf == nil {
		return "", fmt.Errorf("listener %s: %w", listener, err)
	}
	for _, n := range leaf.DNSNames {
		if strings.HasPrefix(n, "*.") || n == "localhost" {
			continue
		}
		if len(l.roots) > 0 {
			return n, nil
		}
		// ACM issued it: the authority is among those that this machine trusts.
		chains, err := leaf.Verify(x509.VerifyOptions{DNSName: n, Intermediates: between})
		if err != nil {
			return "", fmt.Errorf("listener %s: %w", listener, err)
		}
		root := chains[0][len(chains[0])-1]
		l.roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
		return n, nil
	}
	return "", fmt.Errorf("listener %s: its certificate names no host", listener)
}

// order is the listeners, those without mutual TLS first.
func (l *Lab) order() []string {
	all := slices.Sorted(maps.Keys(l.ports))
	rank := map[string]int{"off": 0, "passthrough": 1, "verify": 2}
	slices.SortStableFunc(all, func(a, b string) int { return rank[l.now[a].mode] - rank[l.now[b].mode] })
	return all
}

// confirmFor is how long a change of a listener may take to reach every node.
//
// Assumption: AWS does not say how long; a run prints what it measured.
const confirmFor = 3 * time.Minute

// confirm waits until every node goes by the listener's new mode: in verify mode a client without a certificate gets no answer
// and one with a good one does; in the others a client without does.
func (l *Lab) confirm(ctx context.Context, listener string, m mtls) error {
	begin := l.clock.Now()
	for {
		err := l.goesBy(ctx, listener, m)
		now := l.clock.Now()
		switch {
		case err == nil:
			l.learn("how long a listener's new mutual TLS mode takes to reach every node", "%s to %s: %s", listener, m.mode, now.Sub(begin).Round(time.Second))
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case now.Sub(begin) > confirmFor:
			return fmt.Errorf("listener %s does not go by mutual TLS %s after %s: %w", listener, m.mode, confirmFor, err)
		}
		if err := l.clock.WaitUntil(ctx, now.Add(2*time.Second)); err != nil {
			return err
		}
	}
}

func (l *Lab) goesBy(ctx context.Context, listener string, m mtls) error {
	for _, node := range l.nodes(ctx) {
		_, err := l.request(ctx, listener, node, l.nextPath("probe"), false)
		switch {
		case m.mode != "verify" && err != nil:
			return err
		case m.mode == "verify" && err == nil:
			return errors.New("it still serves a client without a certificate")
		case m.mode == "verify" && !errors.Is(err, errNotServed):
			return err
		}
		if m.mode == "verify" && l.c.PKI != nil {
			if _, err := l.request(ctx, listener, node, l.nextPath("probe"), true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Lab) nextPath(what string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	return fmt.Sprintf("%s%s/%d", l.ownPath(), what, l.requests)
}

// sendCanaries makes one good request at each node.
func (l *Lab) sendCanaries(ctx context.Context) ([]canary, error) {
	l.mu.Lock()
	order := l.order()
	l.mu.Unlock()
	var all []canary
	var last error
	for _, node := range l.nodes(ctx) {
		sent := false
		for _, listener := range order {
			c := canary{path: l.nextPath("canary"), listener: listener, port: l.ports[listener], at: l.clock.Now()}
			if _, last = l.request(ctx, listener, node, c.path, true); last == nil {
				all, sent = append(all, c), true
				break
			}
		}
		if !sent && ctx.Err() == nil {
			l.logger.Warn("a node answers no canary", "node", node.String(), "error", last)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no canary was answered, so that no log can be shown to be alive: %w", last)
	}
	return all, nil
}

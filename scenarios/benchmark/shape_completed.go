package benchmark

import (
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

func completed(v wire.Version, alpn string) func(*generator, *deed) {
	return func(g *generator, d *deed) {
		p := clients.Curl()
		p.MinVersion, p.MaxVersion, p.ALPN = v, v, []string{alpn}
		d.profile, d.requests = p, 1+g.IntN(3)
		if g.IntN(8) == 0 {
			d.requests = 0
		}
		if v == wire.TLS12 && g.IntN(2) == 0 {
			d.listener = tls12
			p.Suites = nil
		}
		d.is(analyzers.StageCompleted, signatures.Completed)
		if v == wire.TLS13 {
			d.hidden()
		}
	}
}

func completedMTLS(g *generator, d *deed) {
	completed([]wire.Version{wire.TLS12, wire.TLS13}[g.IntN(2)], "http/1.1")(g, d)
	kinds := g.goodCertificates()
	d.listener, d.cert = verify, kinds[g.IntN(len(kinds))]
}

// idleBetween waits longer between two requests than the load balancer keeps the connection.
func idleBetween(g *generator, d *deed) {
	completed(wire.TLS12, "http/1.1")(g, d)
	d.listener, d.requests = current, 2
	d.manner = &clients.Manner{Waits: []clients.Wait{{Before: 4, For: time.Duration(g.mix.idle+10) * time.Second}}}
}

func distrust(v wire.Version) func(*generator, *deed) {
	return func(g *generator, d *deed) {
		completed(v, "http/1.1")(g, d)
		d.distrust = true
		demanded(g, d)
		d.is(analyzers.StageClosedByOther, signatures.ServerCertificateDistrusted)
		if v == wire.TLS13 {
			d.hidden() // its alert is encrypted
		}
	}
}

// renegotiation asks for another handshake within the session.
func renegotiation(g *generator, d *deed) {
	completed(wire.TLS12, "http/1.1")(g, d)
	d.listener, d.profile.Suites = current, nil
	how := []clients.Renegotiate{clients.RenegotiateAtOnce, clients.RenegotiateLater, clients.RenegotiateInClear}[g.IntN(3)]
	d.manner = &clients.Manner{Renegotiate: how}
	d.is(analyzers.StageCompleted, signatures.RenegotiationAttempted)
}

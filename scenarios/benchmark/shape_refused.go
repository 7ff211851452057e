package benchmark

import (
	"slices"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/wire"
)

func closedPort(g *generator, d *deed) {
	d.from, d.syns = lab.Vantage{Client: firstProber + g.IntN(probers), IPv6: d.from.IPv6}, []uint16{8080}
	d.is(analyzers.StageBlocked, signatures.SecurityGroupReject)
}

// portScan sweeps over well-known ports, all closed.
func portScan(g *generator, d *deed) {
	well := []uint16{21, 22, 23, 25, 80, 110, 143, 3306, 3389, 5432, 6379, 8000}
	d.from, d.syns = lab.Vantage{Client: firstScanner + g.IntN(scanners)}, well[:9+g.IntN(4)]
	d.is(analyzers.StageBlocked, signatures.PortScan)
}

func halfOpen(g *generator, d *deed) {
	d.from, d.syns = lab.Vantage{Client: firstScanner + g.IntN(scanners)}, []uint16{443}
	d.is(analyzers.StageNoData, signatures.HalfOpenScan)
	d.hidden() // a client that resets while its ACK is lost looks the same
}

// quit is a client that gives up at a moment, in a way.
func quit(when clients.Quit, by wire.Ending, stage analyzers.Stage, cause string) func(*generator, *deed) {
	return func(g *generator, d *deed) {
		d.manner = &clients.Manner{Quit: when, By: by}
		d.profile = clients.Curl()
		if when != clients.QuitConnect && g.IntN(2) == 0 {
			d.profile.MaxVersion = wire.TLS12
		}
		if when == clients.QuitFlight {
			demanded(g, d)
		}
		d.is(stage, cause)
	}
}

// demanded sends some of those who leave after the load balancer's flight to a listener that demands a certificate: its mode alone must
// not tell who ended a connection.
func demanded(g *generator, d *deed) {
	if g.mix.catalogue && g.IntN(4) == 0 {
		d.listener = verify
	}
}

// quitWithin is a client that gives up within its hello.
func quitWithin(by wire.Ending) func(*generator, *deed) {
	return func(g *generator, d *deed) {
		d.manner = &clients.Manner{Quit: clients.QuitHello, Cut: 6 + g.IntN(180), By: by}
		if by == wire.EndingReset && bad(d.from) {
			d.from.Client = g.IntN(usual) // a reset does not wait for lost data: whether there was any nobody could say
		}
		cause := signatures.ClosedByClient
		if by == wire.EndingTimeout {
			cause = signatures.HandshakeTimeout
		}
		d.is(analyzers.StageClosedByOther, cause)
	}
}

func refused(d *deed, cause string) { d.is(analyzers.StageFirstFlight, cause) }

func oldVersion(g *generator, d *deed) {
	p := clients.Curl()
	switch g.IntN(3) {
	case 0:
		p.MinVersion, p.MaxVersion = wire.TLS10, wire.TLS11
	case 1:
		p.MinVersion, p.MaxVersion = wire.TLS10, wire.TLS10
	default:
		p.MinVersion, p.MaxVersion, d.listener = wire.TLS12, wire.TLS12, tls13
	}
	if g.IntN(3) == 0 {
		p.ALPN = nil
	}
	if g.IntN(6) == 0 {
		p.HelloLen = 300 + g.IntN(3000)
	}
	d.profile = p
	refused(d, signatures.NoCommonVersion)
}

func noCommonSuite(g *generator, d *deed) {
	p := clients.Curl()
	p.MinVersion, p.MaxVersion = wire.TLS12, wire.TLS12
	all := []wire.Suite{0x000A, 0x0005, 0x0004, 0x0013, 0x0016, 0x0041, 0x0084, 0x0096, 0x0088}
	p.Suites = append([]wire.Suite{}, all[:1+g.IntN(len(all))]...)
	d.profile = p
	refused(d, signatures.NoCommonSuite)
}

func noCommonGroup(g *generator, d *deed) {
	p := clients.Curl()
	p.MinVersion, p.MaxVersion = wire.TLS13, wire.TLS13
	p.Groups = []wire.Group{0x0100} // ffdhe2048, which no policy has
	p.KeyShares = []wire.Group{}
	if g.IntN(2) == 0 {
		p.Groups = []wire.Group{0x001E, 0x0101} // x448, ffdhe3072
	}
	d.profile = p
	refused(d, signatures.NoCommonGroup)
}

// noCommonScheme meets a listener whose key the policy lets sign nothing that the client knows. Below such mistakes of the
// listener's owner no client is refused for its schemes, as s2n-tls falls back to what was not offered (package policy).
func noCommonScheme(_ *generator, d *deed) {
	p := clients.Curl()
	p.MinVersion, p.MaxVersion = wire.TLS13, wire.TLS13
	p.Groups = []wire.Group{wire.SECP384R1}
	p.Schemes = []wire.Scheme{0x0403, 0x0804, 0x0401} // ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256
	d.profile, d.listener = p, strict
	refused(d, signatures.NoCommonSignatureScheme)
}

// fallbackSCSV is TLS_FALLBACK_SCSV, RFC 7507.
const fallbackSCSV wire.Suite = 0x5600

func fallback(_ *generator, d *deed) {
	p := clients.Curl()
	p.MinVersion, p.MaxVersion = wire.TLS12, wire.TLS12
	p.Suites = []wire.Suite{0xC02B, 0xC02F, 0xC02C, 0xC030, 0x009C, fallbackSCSV}
	d.profile = p
	refused(d, signatures.InappropriateFallback)
}

func malformed(g *generator, d *deed) {
	p, err := clients.ByName("malformed-hello")
	if err != nil {
		panic("benchmark: " + err.Error()) // it is built in
	}
	q := *p
	q.Raw = append([]byte(nil), p.Raw...)
	q.Raw[5+4+2+g.IntN(32)] ^= byte(1 + g.IntN(255)) // another random
	d.profile = &q
	refused(d, signatures.MalformedHello)
}

// noHello begins with another record of TLS: an alert, a ChangeCipherSpec, application data.
func noHello(g *generator, d *deed) {
	raw := [][]byte{{21, 3, 1, 0, 2, 2, 40}, {21, 3, 3, 0, 2, 1, 0}, {20, 3, 3, 0, 1, 1}, append([]byte{23, 3, 3, 0, 60}, make([]byte, 60)...)}[g.IntN(4)]
	d.profile = &clients.Profile{Name: "no-hello", Doc: "a record of TLS that is no hello", Kind: clients.KindRaw, Raw: raw}
	refused(d, signatures.MalformedHello)
}

func tooLarge(g *generator, d *deed) {
	n := 1<<16 + g.IntN(1<<16)
	raw := append([]byte{22, 3, 1, 0x40, 0, 1, byte(n >> 16), byte(n >> 8), byte(n), 3, 3}, make([]byte, 200+g.IntN(6000))...)
	d.profile = &clients.Profile{Name: "too-large", Doc: "a hello beyond the limit", Kind: clients.KindRaw, Raw: raw}
	refused(d, signatures.HelloTooLarge)
}

func notTLS(text string) func(*generator, *deed) {
	return func(_ *generator, d *deed) {
		d.profile = &clients.Profile{Name: "not-tls", Doc: "no TLS", Kind: clients.KindRaw, Raw: []byte(text)}
		refused(d, signatures.NotTLS)
	}
}

func garbage(g *generator, d *deed) {
	raw := make([]byte, 20+g.IntN(4000))
	for i := range raw {
		raw[i] = byte(g.Uint32())
	}
	raw[0] = byte(24 + g.IntN(100)) // neither a record of TLS nor SSLv2's framing
	d.profile = &clients.Profile{Name: "garbage", Doc: "random bytes", Kind: clients.KindRaw, Raw: raw}
	refused(d, signatures.NotTLS)
}

// reusedPort is a client behind an address translation that gives a port to the next client at once.
func reusedPort(g *generator, d *deed) {
	oldVersion(g, d)
	d.from, d.reuse = lab.Vantage{Client: natted}, true
}

// certificate is a client in verify mode with a certificate, or none, that is refused without a code.
func certificate(k pki.Kind, v wire.Version) func(*generator, *deed) {
	return func(g *generator, d *deed) {
		d.listener, d.cert, d.requests = verify, k, g.IntN(2)
		d.profile = clients.Curl()
		d.profile.MinVersion, d.profile.MaxVersion = v, v
		d.is(analyzers.StageRefusedLater, signatures.ClientCertificateMissing)
		if v == wire.TLS13 {
			d.hidden()
		}
	}
}

// certificateRefused is a client with a bad certificate: in the mix of known shapes one of the commonest, else any whose making does
// not take long, and at times a good one that the policy does not take.
func certificateRefused(g *generator, d *deed) {
	kinds := g.badCertificates()
	k := kinds[g.IntN(len(kinds))]
	v := []wire.Version{wire.TLS12, wire.TLS13}[g.IntN(2)]
	if k.TLS12 {
		v = wire.TLS12
	}
	certificate(k.Kind, v)(g, d)
	d.hidden() // the connection log says it
	d.cause = signatures.ClientCertificateRefused
	switch k.Code {
	case pki.CodeIncompatible:
		d.listener, d.profile.Groups = verifyStrict, []wire.Group{wire.SECP384R1}
		d.code = k.Code
	case pki.CodeUnmapped:
	default:
		d.code = k.Code
	}
}

// badCertificates are the kinds that a load balancer refuses.
func (g *generator) badCertificates() []pki.KindInfo {
	common := []pki.Kind{pki.KindUntrusted, pki.KindExpired, pki.KindNotYetValid, pki.KindWrongPurpose}
	var kinds []pki.KindInfo
	for _, k := range pki.Kinds() {
		if k.Code == "" || k.Slow || !g.mix.catalogue && !slices.Contains(common, k.Kind) {
			continue
		}
		kinds = append(kinds, k)
	}
	if g.mix.catalogue {
		kinds = append(kinds, pki.KindInfo{Kind: pki.KindGoodECDSA, Code: pki.CodeIncompatible}) // signed with SHA-256
	}
	return kinds
}

// goodCertificates are the kinds that a load balancer takes.
func (g *generator) goodCertificates() []pki.Kind {
	if !g.mix.catalogue {
		return []pki.Kind{pki.KindGoodECDSA}
	}
	var kinds []pki.Kind
	for _, k := range pki.Kinds() {
		if k.Code == "" && !k.Slow {
			kinds = append(kinds, k.Kind)
		}
	}
	return kinds
}

// brokenFlight is a client whose messages after the load balancer's flight arrive damaged.
func brokenFlight(g *generator, d *deed) {
	d.profile = clients.Curl()
	d.profile.MaxVersion = wire.TLS12
	d.manner = &clients.Manner{Damage: 2}
	d.is(analyzers.StageRefusedLater, signatures.RefusedLater)
	if g.mix.catalogue && g.IntN(2) == 0 { // with mutual TLS and a good certificate it looks like one that was refused
		d.listener, d.cert = verify, pki.KindGoodECDSA
		d.hidden()
	}
}

// overTheEdge is a refused or completed client whose connection is cut in two by the end of a flow-log window.
func overTheEdge(g *generator, d *deed) {
	if g.IntN(3) > 0 {
		oldVersion(g, d)
	} else {
		completed(wire.TLS13, "http/1.1")(g, d)
	}
	d.at = time.Minute - 300*time.Millisecond
	d.manner = &clients.Manner{Segment: 80 + g.IntN(80), Pause: 200 * time.Millisecond}
}

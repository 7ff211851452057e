package alb

import (
	"slices"
	_ "unsafe" // for go:linkname

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// This file is the one place that reaches into another package's globals: uTLS has the code of three cipher suites of
// security policies (TLS_ECDHE_{RSA,ECDSA}_WITH_AES_256_CBC_SHA384, TLS_RSA_WITH_AES_256_CBC_SHA256), which crypto/tls
// lacks, but its server's lists of preference do not name them. They are TLS 1.2 only. A version of uTLS that changes the
// variables breaks the tests that negotiate these suites; the version is pinned in go.mod.

//go:linkname cipherSuitesPreferenceOrder github.com/refraction-networking/utls.cipherSuitesPreferenceOrder
var cipherSuitesPreferenceOrder []uint16

//go:linkname cipherSuitesPreferenceOrderNoAES github.com/refraction-networking/utls.cipherSuitesPreferenceOrderNoAES
var cipherSuitesPreferenceOrderNoAES []uint16

const (
	ecdheECDSAWithAES256CBCSHA384 wire.Suite = 0xC024
	ecdheRSAWithAES256CBCSHA384   wire.Suite = 0xC028
	rsaWithAES256CBCSHA256        wire.Suite = 0x003D
)

func cbcSuites() []wire.Suite {
	return []wire.Suite{ecdheECDSAWithAES256CBCSHA384, ecdheRSAWithAES256CBCSHA384, rsaWithAES256CBCSHA256}
}

// enableCBC lets uTLS's servers use the three suites. Handshakes, of clients of the same process as well, read uTLS's lists
// without a lock, so they are set before the first of them, when the program starts: the one such set-up of the load balancer.
var _ = enableCBC()

func enableCBC() bool {
	utls.EnableWeakCiphers()
	for _, s := range cbcSuites() {
		if !slices.Contains(cipherSuitesPreferenceOrder, uint16(s)) {
			cipherSuitesPreferenceOrder = append(slices.Clip(cipherSuitesPreferenceOrder), uint16(s))
			cipherSuitesPreferenceOrderNoAES = append(slices.Clip(cipherSuitesPreferenceOrderNoAES), uint16(s))
		}
	}
	return true
}

// needsUTLS reports whether crypto/tls cannot carry out a decision that uTLS can: besides the three suites, signatures
// with SHA-1 in TLS 1.2, which Go has switched off for whole programs (GODEBUG tlssha1).
func needsUTLS(d policy.Decision) bool {
	const rsaPKCS1SHA1, ecdsaSHA1 wire.Scheme = 0x0201, 0x0203
	return slices.Contains(cbcSuites(), d.Suite) ||
		d.Version == wire.TLS12 && (d.Scheme == rsaPKCS1SHA1 || d.Scheme == ecdsaSHA1)
}

// cbcConfig is an engineConfig of uTLS, TLS 1.2 only.
type cbcConfig struct{ cfg *utls.Config }

func newCBCConfig(lb *LoadBalancer, ln *listener, node Node, k engineKey, c servedCert) *cbcConfig {
	d := k.decision
	cert := utls.Certificate{Certificate: c.Certificate.Certificate, PrivateKey: c.PrivateKey, OCSPStaple: c.OCSPStaple, Leaf: c.leaf}
	if d.Scheme != 0 {
		cert.SupportedSignatureAlgorithms = []utls.SignatureScheme{utls.SignatureScheme(d.Scheme)}
	}
	cfg := &utls.Config{
		Certificates:           []utls.Certificate{cert},
		MinVersion:             uint16(d.Version),
		MaxVersion:             uint16(k.max),
		CipherSuites:           []uint16{uint16(d.Suite)},
		Time:                   lb.cfg.Clock.Now,
		SessionTicketsDisabled: ln.MTLS != ModeOff,
	}
	if d.Group != 0 {
		cfg.CurvePreferences = []utls.CurveID{utls.CurveID(d.Group)}
	}
	cfg.GetConfigForClient = func(chi *utls.ClientHelloInfo) (*utls.Config, error) {
		if t, ok := chi.Conn.(*transport); ok {
			narrow(t, chi.CipherSuites, chi.SignatureSchemes, &d)
		}
		return nil, nil
	}
	if k.alpn != "" {
		cfg.NextProtos = []string{k.alpn}
	}
	if ln.MTLS != ModeOff {
		cfg.ClientAuth = utls.RequestClientCert
		if ln.MTLS == ModeVerify && ln.AdvertiseCANames {
			cfg.ClientCAs = ln.TrustStore.roots
		}
	}
	cfg.SetSessionTicketKeys([][32]byte{lb.ticketKey(ln, node, "utls")})
	return &cbcConfig{cfg}
}

func (c *cbcConfig) start(t *transport, seen certsSeen) engine {
	cfg := c.cfg
	if seen != nil {
		cfg = cfg.Clone()
		cfg.VerifyConnection = func(cs utls.ConnectionState) error {
			seen(cs.PeerCertificates)
			return nil
		}
	}
	return &utlsEngine{utls.Server(t, cfg)}
}

type utlsEngine struct{ *utls.Conn }

func (e *utlsEngine) negotiated() negotiated {
	s := e.ConnectionState()
	return negotiated{
		version: wire.Version(s.Version),
		suite:   wire.Suite(s.CipherSuite),
		alpn:    s.NegotiatedProtocol,
		resumed: s.DidResume,
	}
}

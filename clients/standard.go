package clients

import (
	"crypto/tls"
	"net/netip"
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// isName reports whether a host may stand in server_name.
func isName(host string) bool {
	_, err := netip.ParseAddr(host)
	return host != "" && err != nil
}

// standard reports whether the profile needs crypto/tls: it has the hybrid groups of NIST curves, which uTLS lacks.
func (p *Profile) standard() bool {
	return slices.ContainsFunc(p.Groups, func(g wire.Group) bool {
		return g == wire.SecP256r1MLKEM768 || g == wire.SecP384r1MLKEM1024
	})
}

// validateStandard: crypto/tls chooses most of the hello itself.
func (p *Profile) validateStandard(bad func(string, ...any)) {
	const why = "SecP256r1MLKEM768 and SecP384r1MLKEM1024 are crypto/tls's, which"
	if p.Suites != nil {
		for _, s := range p.Suites {
			if !slices.ContainsFunc(slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()), func(c *tls.CipherSuite) bool { return c.ID == uint16(s) }) {
				bad("%s does not know the suite %s", why, s)
			}
		}
	}
	if p.KeyShares != nil {
		bad("%s chooses the key shares itself", why)
	}
	if p.Schemes != nil {
		bad("%s chooses the signature schemes itself", why)
	}
	if p.HelloLen != 0 || p.Omit != nil || p.NoSNI {
		bad("%s neither pads its hello nor leaves extensions out", why)
	}
	for _, g := range p.Groups {
		if curves[g] == nil && g != wire.X25519MLKEM768 && g != wire.SecP256r1MLKEM768 && g != wire.SecP384r1MLKEM1024 {
			bad("%s does not know the group %s", why, g)
		}
	}
}

// standardClient is crypto/tls with the profile's versions, suites, groups and ALPN. It orders them in its own way.
func (s *session) standardClient(p *Profile) *tls.Conn {
	sh := p.shape()
	cfg := &tls.Config{
		ServerName:         s.call.ServerName,
		RootCAs:            s.call.Roots,
		InsecureSkipVerify: s.call.Roots == nil,
		NextProtos:         sh.alpn,
		MinVersion:         uint16(sh.min),
		MaxVersion:         uint16(sh.max),
		CurvePreferences:   convert[tls.CurveID](sh.groups),

		SessionTicketsDisabled: true,
	}
	if r := s.renegotiates(); r != nil {
		cfg.KeyLogWriter = &r.keyLog
	}
	if p.Suites != nil {
		cfg.CipherSuites = convert[uint16](p.Suites)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = s.attempt.Remote.Addr().String()
	}
	cfg.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		s.attempt.CertificateRequested = true
		s.attempt.CertificateAuthorities = authorities(r.AcceptableCAs)
		cert := s.call.Certificate
		r.AcceptableCAs = nil
		if cert == nil || len(cert.Certificate) == 0 || r.SupportsCertificate(cert) != nil {
			return new(tls.Certificate), nil
		}
		s.attempt.CertificateSent = true
		return cert, nil
	}
	return tls.Client(s.conn, cfg)
}

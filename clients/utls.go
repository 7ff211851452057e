package clients

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"fmt"

	utls "github.com/refraction-networking/utls"

	"github.com/alblab/alblab/lab/wire"
)

// weakSuites switches on three suites with CBC and SHA-2 in uTLS that policies have and crypto/tls lacks: c028, c024
// and 003d. It is a setting of the whole process in uTLS, read during handshakes without a lock: it must be on before the
// first one, of clients or of the load balancer in the same process, so it is set when the program starts.
var _ = weakSuites()

func weakSuites() bool {
	utls.EnableWeakCiphers()
	return true
}

// utlsClient makes the client whose hello is the profile's.
func (s *session) utlsClient(p *Profile) (*utls.UConn, error) {
	sh := p.shape()
	c := utls.UClient(s.conn, s.utlsConfig(sh), utls.HelloCustom)
	shares, keys, err := keyShares(sh.shares)
	if err != nil {
		return nil, err
	}
	if err := c.ApplyPreset(sh.utlsSpec(p, s.call.ServerName, shares)); err != nil {
		return nil, fmt.Errorf("building the hello: %w", err)
	}
	state := c.HandshakeState.State13.KeyShareKeys
	if sh.max >= wire.TLS13 && state.Ecdhe == nil { // uTLS wants one, used or not
		if state.Ecdhe = state.MlkemEcdhe; state.Ecdhe == nil {
			state.Ecdhe, err = ecdh.X25519().GenerateKey(rand.Reader)
		}
	}
	// uTLS keeps the key of one share; the right one is put in place when the server has chosen.
	s.conn.flight.onHello = func(h *wire.ServerHello) {
		if k := keys[h.Group]; k != nil && s.conn.flight.retry == nil {
			c.HandshakeState.State13.KeyShareKeys.Ecdhe = k
		}
	}
	if sh.template != nil {
		templateFields(c, sh.template)
		s.conn.record = sh.template.RecordVersion
	} else if sh.max < wire.TLS13 {
		c.HandshakeState.Hello.SessionId = nil // RFC 8446, appendix D.4, asks for one; before, OpenSSL sends none
	}
	if err == nil {
		err = padHello(c, p.HelloLen)
	}
	return c, err
}

func (s *session) utlsConfig(sh shape) *utls.Config {
	cfg := &utls.Config{
		ServerName:             s.call.ServerName,
		RootCAs:                s.call.Roots,
		InsecureSkipVerify:     s.call.Roots == nil,
		NextProtos:             sh.alpn,
		SessionTicketsDisabled: true,
	}
	if r := s.renegotiates(); r != nil {
		cfg.KeyLogWriter = &r.keyLog
	}
	if cfg.ServerName == "" && s.call.Roots != nil {
		cfg.ServerName = s.attempt.Remote.Addr().String()
	}
	cfg.GetClientCertificate = func(r *utls.CertificateRequestInfo) (*utls.Certificate, error) {
		s.attempt.CertificateRequested = true
		s.attempt.CertificateAuthorities = authorities(r.AcceptableCAs)
		cert := s.call.Certificate
		if cert == nil || len(cert.Certificate) == 0 {
			return new(utls.Certificate), nil
		}
		u := &utls.Certificate{Certificate: cert.Certificate, PrivateKey: cert.PrivateKey, Leaf: cert.Leaf}
		// As OpenSSL does, send the certificate whatever authorities the server names, unless it cannot sign with it.
		r.AcceptableCAs = nil
		if r.SupportsCertificate(u) != nil {
			return new(utls.Certificate), nil
		}
		s.attempt.CertificateSent = true
		return u, nil
	}
	return cfg
}

// keyShares makes a share for each group, in order. Those of X25519MLKEM768 are left to uTLS. Those of the other hybrid groups
// are right, so that a server can answer, but uTLS cannot go on. Those of groups that nobody here can compute are random
// bytes of the right length, good for a server that does not choose them.
func keyShares(groups []wire.Group) (shares []utls.KeyShare, keys map[wire.Group]*ecdh.PrivateKey, err error) {
	keys = map[wire.Group]*ecdh.PrivateKey{}
	for _, g := range groups {
		share := utls.KeyShare{Group: utls.CurveID(g)}
		switch curve := curves[g]; {
		case curve != nil:
			key, err := curve.GenerateKey(rand.Reader)
			if err != nil {
				return nil, nil, fmt.Errorf("key share for %s: %w", g, err)
			}
			keys[g], share.Data = key, key.PublicKey().Bytes()
		case wire.IsGREASE(g):
			share.Data = []byte{0} // as BoringSSL
		case g == wire.SecP256r1MLKEM768, g == wire.SecP384r1MLKEM1024:
			if share.Data, err = hybridShare(g); err != nil {
				return nil, nil, fmt.Errorf("key share for %s: %w", g, err)
			}
		case g != wire.X25519MLKEM768:
			share.Data = make([]byte, ShareLen(g))
			_, _ = rand.Read(share.Data) // never fails: crypto/rand
		}
		shares = append(shares, share)
	}
	return shares, keys, nil
}

// hybridShare is a share of a hybrid group whose private keys are thrown away: draft-ietf-tls-ecdhe-mlkem, section 3.1.
func hybridShare(g wire.Group) ([]byte, error) {
	curve, encapsulation := ecdh.P256(), func() ([]byte, error) {
		k, err := mlkem.GenerateKey768()
		if err != nil {
			return nil, err
		}
		return k.EncapsulationKey().Bytes(), nil
	}
	if g == wire.SecP384r1MLKEM1024 {
		curve, encapsulation = ecdh.P384(), func() ([]byte, error) {
			k, err := mlkem.GenerateKey1024()
			if err != nil {
				return nil, err
			}
			return k.EncapsulationKey().Bytes(), nil
		}
	}
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	ek, err := encapsulation()
	return append(key.PublicKey().Bytes(), ek...), err
}

var curves = map[wire.Group]ecdh.Curve{
	wire.X25519: ecdh.X25519(), wire.SECP256R1: ecdh.P256(), wire.SECP384R1: ecdh.P384(), wire.SECP521R1: ecdh.P521(),
}

// ShareLen is the length of a client's key share of a group in bytes: RFC 8446, section 4.2.8; RFC 7919; draft-ietf-tls-ecdhe-mlkem.
func ShareLen(g wire.Group) int {
	lengths := map[wire.Group]int{
		groupX448: 56, 0x0100: 256, 0x0101: 384, 0x0102: 512, 0x0103: 768, 0x0104: 1024,
		0x001F: 65, 0x0020: 97, 0x0021: 129, // brainpool
		wire.SecP256r1MLKEM768: 65 + 1184, wire.SecP384r1MLKEM1024: 97 + 1568, 0x0200: 800, 0x0201: 1184, 0x0202: 1568,
		0x6399: 32 + 1184, 0x639A: 65 + 1184,
	}
	if n := lengths[g]; n > 0 {
		return n
	}
	return 32
}

func (sh shape) utlsSpec(p *Profile, name string, shares []utls.KeyShare) *utls.ClientHelloSpec {
	spec := &utls.ClientHelloSpec{TLSVersMin: uint16(sh.min), TLSVersMax: uint16(sh.max), CompressionMethods: []byte{0}}
	for _, id := range sh.suites {
		spec.CipherSuites = append(spec.CipherSuites, uint16(id))
	}
	for _, e := range sh.extensions {
		if e == wire.ExtServerName && !isName(name) {
			continue // RFC 6066, section 3: no addresses
		}
		spec.Extensions = append(spec.Extensions, sh.utlsExtension(e, p, shares))
	}
	return spec
}

func (sh shape) utlsExtension(e uint16, p *Profile, shares []utls.KeyShare) utls.TLSExtension {
	if sh.template != nil {
		return sh.recorded(e, shares)
	}
	switch e {
	case wire.ExtServerName:
		return &utls.SNIExtension{}
	case wire.ExtPointFormats:
		return &utls.SupportedPointsExtension{SupportedPoints: []byte{0, 1, 2}}
	case wire.ExtSupportedGroups:
		return &utls.SupportedCurvesExtension{Curves: convert[utls.CurveID](sh.groups)}
	case wire.ExtALPN:
		return &utls.ALPNExtension{AlpnProtocols: sh.alpn}
	case wire.ExtExtendedMasterSecret:
		return &utls.ExtendedMasterSecretExtension{}
	case wire.ExtSignatureAlgorithms:
		return &utls.SignatureAlgorithmsExtension{SupportedSignatureAlgorithms: convert[utls.SignatureScheme](sh.schemes)}
	case wire.ExtSupportedVersions:
		var versions []uint16
		for v := sh.max; v >= sh.min; v-- {
			versions = append(versions, uint16(v))
		}
		return &utls.SupportedVersionsExtension{Versions: versions}
	case wire.ExtPSKModes:
		return &utls.PSKKeyExchangeModesExtension{Modes: []byte{1}} // psk_dhe_ke
	case wire.ExtKeyShare:
		return &utls.KeyShareExtension{KeyShares: shares}
	case wire.ExtPadding:
		if p.HelloLen > 0 {
			return &utls.UtlsPaddingExtension{} // padHello decides
		}
		return &utls.UtlsPaddingExtension{GetPaddingLen: opensslPadding}
	}
	return &utls.GenericExtension{Id: e}
}

func convert[To, From ~uint16](list []From) []To {
	to := make([]To, len(list))
	for i, v := range list {
		to[i] = To(v)
	}
	return to
}

// opensslPadding: a hello of 256 to 511 bytes hangs some old load balancers, so OpenSSL pads it to 512: RFC 7685,
// section 1, and SSL_OP_TLSEXT_PADDING in SSL_CTX_set_options(3).
func opensslPadding(n int) (padding int, pad bool) {
	if n <= 255 || n >= 512 {
		return 0, false
	}
	return max(512-n-4, 1), true
}

// padHello makes the hello's record exactly n bytes long. The padding extension has at least 4 bytes; where fewer are
// missing, the session id makes up for them, which may have any length up to 32 (RFC 8446, section 4.1.2).
func padHello(c *utls.UConn, n int) error {
	if n == 0 {
		return nil
	}
	if err := c.BuildHandshakeState(); err != nil {
		return fmt.Errorf("building the hello: %w", err)
	}
	hello := c.HandshakeState.Hello
	missing := n - 5 - len(hello.Raw)
	var pad *utls.UtlsPaddingExtension
	for _, e := range c.Extensions {
		if p, ok := e.(*utls.UtlsPaddingExtension); ok {
			pad = p
		}
	}
	switch {
	case missing < 0:
		return fmt.Errorf("the hello has %d bytes without padding, more than the %d asked for", 5+len(hello.Raw), n)
	case missing >= 4 && pad != nil:
		pad.WillPad, pad.PaddingLen = true, missing-4
	case len(hello.SessionId)+missing <= 32:
		hello.SessionId = append(hello.SessionId, make([]byte, missing)...)
		_, _ = rand.Read(hello.SessionId)
	case pad != nil:
		pad.WillPad, pad.PaddingLen = true, 0
		hello.SessionId = hello.SessionId[:len(hello.SessionId)+missing-4]
	default:
		return fmt.Errorf("the hello has %d bytes and may not be padded to %d: extension %d is omitted", 5+len(hello.Raw), n, wire.ExtPadding)
	}
	return nil
}

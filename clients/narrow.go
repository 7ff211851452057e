package clients

import "github.com/alblab/alblab/lab/wire"

// narrowProfiles are clients that offer little of one thing.
func narrowProfiles() []*Profile {
	tls12 := func(p *Profile) { p.MaxVersion = wire.TLS12 }
	suites := func(list ...wire.Suite) func(*Profile) {
		return func(p *Profile) { tls12(p); p.Suites = append(list, scsv) }
	}
	return []*Profile{
		like("cbc-only", "TLS 1.2 with CBC suites alone", suites(0xC028, 0xC024, 0xC027, 0xC023, 0xC014, 0xC00A, 0xC013, 0xC009)),
		like("cbc-sha384-only", "TLS 1.2 with ECDHE-RSA-AES256-SHA384 and its ECDSA sister alone", suites(0xC028, 0xC024)),
		like("rsa-key-exchange-only", "TLS 1.2 without forward secrecy", suites(0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F)),
		like("3des-only", "TLS 1.2 with triple DES alone", suites(0x000A)),
		like("dhe-only", "TLS 1.2 with finite-field Diffie-Hellman alone, which no load balancer does", suites(0x009F, 0x009E, 0x006B, 0x0067, 0x0039, 0x0033)),
		like("chacha-only", "TLS 1.2 with ChaCha20-Poly1305 alone", suites(0xCCA9, 0xCCA8)),
		like("unknown-suites-only", "TLS 1.2 with suites that nobody has defined", suites(0x1234, 0xFEFE)),
		like("odd-groups-only", "TLS 1.3 with X448 and a brainpool curve alone", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Groups = []wire.Group{groupX448, 0x001F}
		}),
		like("odd-curves-only", "TLS 1.2 with ECDHE suites and secp256k1 alone", func(p *Profile) {
			tls12(p)
			p.Suites = []wire.Suite{0xC030, 0xC02F, 0xC02C, 0xC02B, scsv}
			p.Groups = []wire.Group{0x0016}
		}),
		like("x25519-only", "TLS 1.3 with X25519 alone", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Groups = []wire.Group{wire.X25519}
		}),
		like("retry", "TLS 1.3 with a share of X25519, P-256 without: a policy without X25519 answers with HelloRetryRequest", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Groups = []wire.Group{wire.X25519, wire.SECP256R1, wire.SECP384R1}
		}),
		like("sha1-only", "TLS 1.2 with SHA-1 signatures alone", func(p *Profile) {
			p.MinVersion, p.MaxVersion = wire.TLS12, wire.TLS12
			p.Schemes = []wire.Scheme{0x0201, 0x0203}
		}),
		like("ed25519-only", "TLS 1.3 with Ed25519 signatures alone, for which no load balancer has a certificate", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Schemes = []wire.Scheme{0x0807}
		}),
	}
}

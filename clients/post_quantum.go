package clients

import "github.com/alblab/alblab/lab/wire"

// postQuantumProfiles offer hybrid groups. Their hellos take two segments.
func postQuantumProfiles() []*Profile {
	return []*Profile{
		like("pq", "X25519MLKEM768 and X25519, with a share of each, as browsers do", func(p *Profile) {
			p.Groups = []wire.Group{wire.X25519MLKEM768, wire.X25519, wire.SECP256R1, wire.SECP384R1}
			p.KeyShares = []wire.Group{wire.X25519MLKEM768, wire.X25519}
		}),
		like("pq-only", "TLS 1.3 with X25519MLKEM768 alone", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Groups = []wire.Group{wire.X25519MLKEM768}
		}),
		like("pq-tls13", "TLS 1.3 alone, with X25519MLKEM768 and X25519", func(p *Profile) {
			p.MinVersion = wire.TLS13
			p.Groups = []wire.Group{wire.X25519MLKEM768, wire.X25519}
			p.KeyShares = p.Groups
		}),
		{
			Name: "pq-p256", Doc: "crypto/tls with SecP256r1MLKEM768 alone", MinVersion: wire.TLS13,
			Groups: []wire.Group{wire.SecP256r1MLKEM768}, ALPN: []string{"h2", "http/1.1"},
		},
		{
			Name: "pq-p384", Doc: "crypto/tls with SecP384r1MLKEM1024 alone", MinVersion: wire.TLS13,
			Groups: []wire.Group{wire.SecP384r1MLKEM1024}, ALPN: []string{"h2", "http/1.1"},
		},
	}
}

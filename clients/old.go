package clients

import "github.com/alblab/alblab/lab/wire"

// oldProfiles are clients whose highest version is no longer allowed everywhere.
func oldProfiles() []*Profile {
	return []*Profile{
		like("tls11-max", "curl --tls-max 1.1, with a hello of 164 bytes as in experiment 1", func(p *Profile) {
			p.MaxVersion, p.HelloLen = wire.TLS11, 164
		}),
		like("tls11-only", "curl --tlsv1.1 --tls-max 1.1", func(p *Profile) { p.MinVersion, p.MaxVersion = wire.TLS11, wire.TLS11 }),
		like("tls10-only", "curl --tls-max 1.0", func(p *Profile) { p.MaxVersion = wire.TLS10 }),
		like("fallback-scsv", "a client that falls back to TLS 1.1 and says so (RFC 7507)", func(p *Profile) {
			p.MaxVersion = wire.TLS11
			p.Suites = append(defaultSuites(wire.TLS10, wire.TLS11), fallbackSCSV)
		}),
	}
}

const fallbackSCSV wire.Suite = 0x5600 // TLS_FALLBACK_SCSV, RFC 7507

package benchmark

import (
	"math/rand/v2"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
)

// mix is a kind of traffic on a kind of load balancer.
type mix struct {
	name, doc   string
	unseen      bool    // signatures were not written against it
	share       int     // of all connections, in percent
	wireProfile string  // of the load balancer
	idle        int     // its idle timeout in seconds
	ipv6        float64 // share of the clients that come by IPv6
	lossy       float64 // share of those whose path loses, doubles and reorders packets
	catalogue   bool    // clients are those of the catalogue; else shapes of curl
	gaps        bool    // flow-log records are skipped (SKIPDATA)
	slow        float64 // share of hellos that come in pieces or in several records
}

// mixes returns all of them, in the order of the tables.
func mixes() []*mix {
	return []*mix{
		{
			name: "known", share: 35, idle: 60, slow: 0.05,
			doc: "Shapes that the signatures were written against: curl's hellos and variations of them, good paths, IPv4, a load balancer that resets.",
		},
		{
			name: "unseen", share: 40, unseen: true, idle: 35, ipv6: 0.3, lossy: 0.12, catalogue: true, slow: 0.15,
			doc: "Real clients' hellos from the catalogue, IPv4 and IPv6, other policies, ports used again behind one address, an eighth of the paths losing, " +
				"doubling and reordering packets, hellos in many pieces and records, another idle timeout, every kind of client certificate but those of large " +
				"RSA keys (two codes of the connection log by fault injection: no certificate is known that provokes them).",
		},
		{
			name: "unseen, alert-close", share: 15, unseen: true, idle: 60, ipv6: 0.2, lossy: 0.05, catalogue: true, slow: 0.1, wireProfile: "alert-close",
			doc: "The same on a load balancer that refuses with an alert and a FIN instead of a reset, which no experiment has seen.",
		},
		{
			name: "unseen, gaps", share: 10, unseen: true, idle: 60, ipv6: 0.2, lossy: 0.05, catalogue: true, slow: 0.1, gaps: true,
			doc: "The same as unseen, with flow-log windows in which records were skipped (SKIPDATA): what is gone cannot be found.",
		},
	}
}

// Names of the listeners.
const (
	current = "current" // TLS 1.2 and 1.3
	tls12   = "tls12"   // TLS 1.2 only
	tls13   = "tls13"   // TLS 1.3 only
	verify  = "verify"  // TLS 1.2 and 1.3, mutual TLS
	strict  = "strict"  // P-384 and SHA-384 alone, with a certificate of P-256: nothing that the server can sign is allowed

	verifyStrict = "verify-strict" // mutual TLS, P-384 and SHA-384 alone: in the clients' certificates too
)

// spec is the load balancer of a mix.
func (m *mix) spec(seed uint64) lab.Spec {
	policies := map[string]string{current: "TLS13-1-2-2021-06", tls12: "FS-1-2-Res-2020-10", tls13: "TLS13-1-3-2021-06", verify: "TLS13-1-2-2021-06"}
	if m.catalogue {
		policies = map[string]string{current: "TLS13-1-2-Res-PQ-2025-09", tls12: "TLS-1-2-2017-01", tls13: "TLS13-1-3-PQ-2025-09", verify: "TLS13-1-2-Res-2021-06"}
	}
	policies[strict], policies[verifyStrict] = "TLS13-1-2-RFC9151-FIPS-2023-07", "TLS13-1-2-RFC9151-FIPS-2023-07"
	listeners := map[string]lab.Listener{}
	for name, port := range ports() {
		l := lab.Listener{Port: port, SSLPolicy: policies[name], Certificate: "ecdsa"}
		if m.catalogue && name == tls12 {
			l.Certificate = "both"
		}
		if name == verify || name == verifyStrict {
			l.MTLSMode = "verify" // two listeners of a load balancer may
		}
		if name == verifyStrict {
			l.Certificate = "ecdsa:p384:sha384"
		}
		listeners[name] = l
	}
	// No certificate is known that provokes the two faults: the load balancer is told to have them, by the certificate's name.
	return lab.Spec{Listeners: listeners, Embedded: &lab.Embedded{
		Seed: seed, WireProfile: m.wireProfile, IdleTimeout: m.idle, CertificateFaults: pki.Faults(),
	}}
}

func ports() map[string]uint16 {
	return map[string]uint16{current: 443, tls12: 8443, tls13: 9443, verify: 10443, strict: 11443, verifyStrict: 12443}
}

// Clients of the lab, by what they are used for.
const (
	usual        = 32 // 0 to 31: anybody
	firstLossy   = 32 // on bad paths
	lossyClients = 8
	natted       = 40 // many clients behind one address, which uses its ports again at once
	firstProber  = 44 // who tries a port that is closed
	probers      = 4
	firstScanner = 48
	scanners     = 4
)

// vantage draws where a client comes from.
func (m *mix) vantage(r *rand.Rand) lab.Vantage {
	v := lab.Vantage{Client: r.IntN(usual), IPv6: r.Float64() < m.ipv6}
	if r.Float64() < m.lossy {
		v.Client = firstLossy + r.IntN(lossyClients)
	}
	return v
}

func bad(v lab.Vantage) bool { return v.Client >= firstLossy && v.Client < firstLossy+lossyClients }

// link is the path of a client on a bad one: worse from client to client.
func link(client int, seed uint64) lab.Link {
	k := float64(client-firstLossy+1) / lossyClients
	return lab.Link{Loss: 0.04 * k, Duplicate: 0.02 * k, Reorder: 0.03 * k, Seed: seed}
}

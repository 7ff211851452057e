package policy

import (
	"github.com/alblab/alblab/lab/wire"
)

// A decision works on bit masks. Each identifier that any policy knows has a small number (its index in one of the tables
// below, 0 for all others); each policy maps that number to the place in its own order of preference. So the offers of a hello
// become one mask whose lowest bit is what the server likes best.

// nowhere is the place of what a policy does not have. No mask of a policy has that bit.
const nowhere = 63

// scsvPlace is the place of TLS_FALLBACK_SCSV among the suites.
const scsvPlace = 62

// numbers maps each 16-bit identifier to its small number.
type numbers [1 << 16]uint8

func (n *numbers) of(id uint16) uint8 { return n[id] }

func number[T ~uint16](ids []T) *numbers {
	n := new(numbers)
	for i, id := range ids {
		n[id] = uint8(i + 1)
	}
	return n
}

var (
	knownSuites = []wire.Suite{
		wire.FallbackSCSV, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC023, 0xC027, 0xC009, 0xC013, 0xC02C, 0xC030, 0xC024, 0xC028,
		0xC00A, 0xC014, 0x009C, 0x003C, 0x002F, 0x009D, 0x003D, 0x0035, 0x000A, 0xCCA8, 0xCCA9,
	}
	knownGroups = []wire.Group{
		wire.SECP256R1, wire.SECP384R1, wire.SECP521R1, wire.X25519, wire.SecP256r1MLKEM768, wire.X25519MLKEM768, wire.SecP384r1MLKEM1024,
	}
	knownSchemes = []wire.Scheme{
		wire.RSAPKCS1SHA1, wire.ECDSASHA1, wire.RSAPKCS1SHA224, wire.ECDSASHA224, wire.RSAPKCS1SHA256, wire.ECDSAP256SHA256,
		wire.RSAPKCS1SHA384, wire.ECDSAP384SHA384, wire.RSAPKCS1SHA512, wire.ECDSAP521SHA512, wire.RSAPSSSHA256, wire.RSAPSSSHA384,
		wire.RSAPSSSHA512, wire.RSAPSSPSSSHA256, wire.RSAPSSPSSSHA384, wire.RSAPSSPSSSHA512,
	}
	suiteNumber  = number(knownSuites)
	groupNumber  = number(knownGroups)
	schemeNumber = number(knownSchemes)
)

// places maps numbers to a policy's order. The index is a number, which is below 32.
type places [32]uint8

func place[T ~uint16](n *numbers, list []T) (p places) {
	for i := range p {
		p[i] = nowhere
	}
	for i, id := range list[:min(len(list), scsvPlace)] {
		if k := n.of(uint16(id)); k != 0 {
			p[k] = uint8(i)
		}
	}
	return p
}

// mask turns what a client offers into places of the policy.
func mask[T ~uint16](n *numbers, p *places, offered []T) (m uint64) {
	for _, id := range offered {
		m |= 1 << (p[n.of(uint16(id))&31] & 63)
	}
	return m
}

// table is a policy in masks of places.
type table struct {
	min, max             wire.Version
	suites               places
	tls13                uint64 // suites of TLS 1.3
	keyTransport         uint64 // suites with RSA key transport
	ecdheRSA, ecdheECDSA uint64
	before12             uint64 // suites that TLS 1.0 and 1.1 can use
	groups               places
	allGroups            uint64
	hybrid, strong       uint64 // groups
	fallbackGroup        wire.Group
	schemes              places
	pss256, pss384       uint64 // rsa_pss_rsae, by hash
	pss512, pkcs1        uint64
	ecdsa                uint64
	ecdsaCurve           [3]uint64 // the scheme that TLS 1.3 ties to P-256, P-384, P-521
	sha1                 uint64
}

func compile(p *Policy) *table {
	t := &table{
		min: p.Versions[0], max: p.Versions[len(p.Versions)-1],
		suites: place(suiteNumber, p.Suites), groups: place(groupNumber, p.Groups), schemes: place(schemeNumber, p.Schemes),
	}
	t.suites[suiteNumber.of(uint16(wire.FallbackSCSV))] = scsvPlace
	for i, s := range p.Suites {
		bit := uint64(1) << i
		info, _ := s.Info()
		switch {
		case info.KeyExchange == wire.KeyExchangeAny:
			t.tls13 |= bit
		case info.KeyExchange == wire.KeyExchangeRSA:
			t.keyTransport |= bit
		case info.KeyExchange == wire.KeyExchangeECDHE && info.Auth == wire.AuthRSA:
			t.ecdheRSA |= bit
		case info.KeyExchange == wire.KeyExchangeECDHE && info.Auth == wire.AuthECDSA:
			t.ecdheECDSA |= bit
		}
		if info.Min != 0 && info.Min < wire.TLS12 {
			t.before12 |= bit
		}
	}
	t.compileGroups(p)
	t.compileSchemes(p)
	return t
}

func (t *table) compileGroups(p *Policy) {
	for i, g := range p.Groups {
		bit := uint64(1) << i
		t.allGroups |= bit
		if g.PostQuantum() {
			t.hybrid |= bit
		}
		for _, s := range p.StronglyPreferred {
			if s == g {
				t.strong |= bit
			}
		}
		if g == wire.SECP256R1 || t.fallbackGroup == 0 && !g.PostQuantum() {
			t.fallbackGroup = g
		}
	}
}

func (t *table) compileSchemes(p *Policy) {
	for i, s := range p.Schemes {
		bit := uint64(1) << i
		switch s {
		case wire.RSAPSSSHA256:
			t.pss256 |= bit
		case wire.RSAPSSSHA384:
			t.pss384 |= bit
		case wire.RSAPSSSHA512:
			t.pss512 |= bit
		case wire.ECDSAP256SHA256:
			t.ecdsaCurve[0] |= bit
		case wire.ECDSAP384SHA384:
			t.ecdsaCurve[1] |= bit
		case wire.ECDSAP521SHA512:
			t.ecdsaCurve[2] |= bit
		case wire.RSAPKCS1SHA1, wire.ECDSASHA1:
			t.sha1 |= bit
		}
		switch s & 0xFF {
		case 0x01:
			t.pkcs1 |= bit
		case 0x03:
			t.ecdsa |= bit
		}
	}
}

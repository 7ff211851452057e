package clients

import (
	"errors"
	"fmt"
	"slices"

	"github.com/alblab/alblab/lab/wire"
)

// Validate reports what is wrong with a profile, all of it at once.
func (p *Profile) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Name == "" {
		bad("it has no name")
	}
	switch p.Kind {
	case KindTLS:
		if p.Hello != nil {
			p.validateTemplate(bad)
		} else {
			p.validateTLS(bad)
		}
	case KindRaw:
		if len(p.Raw) == 0 {
			bad("kind raw without raw bytes")
		}
	case KindSilent:
		if len(p.Raw) > 0 {
			bad("kind silent with raw bytes")
		}
	default:
		bad("unknown kind %d", p.Kind)
	}
	if errs != nil {
		return fmt.Errorf("profile %s: %w", p.Name, errors.Join(errs...))
	}
	return nil
}

func (p *Profile) validateTLS(bad func(string, ...any)) {
	s := p.shape()
	for _, v := range []wire.Version{s.min, s.max} {
		if v < wire.TLS10 || v > wire.TLS13 {
			bad("version %s: a handshake is possible from TLSv1 to TLSv1.3; older ones need kind raw", v)
			return
		}
	}
	if s.min > s.max {
		bad("the lowest version, %s, is above the highest, %s", s.min, s.max)
	}
	if len(p.Raw) > 0 {
		bad("raw bytes need kind raw")
	}
	if len(s.suites) == 0 {
		bad("no cipher suites")
	}
	if s.max >= wire.TLS13 {
		if len(s.groups) == 0 {
			bad("TLSv1.3 without groups")
		}
		for _, e := range p.Omit {
			if e == wire.ExtSupportedVersions || e == wire.ExtKeyShare || e == wire.ExtSupportedGroups || e == wire.ExtSignatureAlgorithms {
				bad("TLSv1.3 without extension %d", e)
			}
		}
		if len(s.schemes) == 0 {
			bad("TLSv1.3 without signature schemes")
		}
	} else if len(p.KeyShares) > 0 {
		bad("key shares without TLSv1.3")
	}
	for _, g := range s.shares {
		if !slices.Contains(s.groups, g) {
			bad("key share for %s, which is not among the groups", g)
		}
	}
	for _, a := range p.ALPN {
		if a == "" || len(a) > 255 {
			bad("ALPN name %q: it must have 1 to 255 bytes", a)
		}
	}
	if p.HelloLen < 0 || p.HelloLen > 5+1<<14 {
		bad("hello length %d: a record has at most %d bytes", p.HelloLen, 5+1<<14)
	}
	if p.standard() {
		p.validateStandard(bad)
	}
}

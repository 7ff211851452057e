package policy

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/alblab/alblab/lab/wire"
)

//go:embed policies/*.txt
var files embed.FS

// All returns every policy, in the order of the ALB guide's tables. They are shared: do not change them.
var All = sync.OnceValue(func() []*Policy {
	all := make([]*Policy, len(order))
	for i, name := range order {
		text, err := files.ReadFile("policies/" + Prefix + name + ".txt")
		if err == nil {
			all[i], err = Parse(Prefix+name, string(text))
		}
		if err != nil {
			panic("policy: embedded " + name + ": " + err.Error())
		}
	}
	return all
})

// Parse reads a policy in the form of the files that this package embeds: comments ("#"), sections ("[suites]"), one value a
// line, in the order of preference. "# source: title | address" lines become Sources.
func Parse(name, text string) (*Policy, error) {
	p := &Policy{Name: name}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			if s, ok := strings.CutPrefix(line, "# source: "); ok {
				p.Sources = append(p.Sources, strings.Replace(s, " | ", ", ", 1))
			}
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		default:
			if err := p.add(section, line); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
	}
	if len(p.Versions) == 0 || len(p.Suites) == 0 || len(p.Groups) == 0 || len(p.Schemes) == 0 {
		return nil, fmt.Errorf("a policy needs versions, suites, groups and schemes")
	}
	p.ForwardSecret = true
	for _, s := range p.Suites {
		if info, _ := s.Info(); info.KeyExchange == wire.KeyExchangeRSA {
			p.ForwardSecret = false
		}
	}
	p.compiled = compile(p)
	return p, nil
}

func (p *Policy) add(section, value string) (err error) {
	switch section {
	case "family":
		p.Family = value
	case "status":
		p.Status = value
	case "notes":
		if p.Notes != "" {
			p.Notes += "; "
		}
		p.Notes += value
	case "versions":
		p.Versions, err = appendParsed(p.Versions, value, wire.ParseVersion)
		if n := len(p.Versions); err == nil && n > 1 && p.Versions[n-1] <= p.Versions[n-2] {
			return fmt.Errorf("version %s does not ascend", value)
		}
	case "suites":
		p.Suites, err = appendParsed(p.Suites, value, wire.ParseSuite)
		if n := len(p.Suites); err == nil {
			if _, known := p.Suites[n-1].Info(); !known {
				return fmt.Errorf("nothing is known of cipher suite %s", value)
			}
		}
	case "groups":
		p.Groups, err = appendParsed(p.Groups, value, wire.ParseGroup)
	case "strongly preferred groups":
		p.StronglyPreferred, err = appendParsed(p.StronglyPreferred, value, wire.ParseGroup)
	case "schemes":
		p.Schemes, err = appendParsed(p.Schemes, value, wire.ParseScheme)
	case "certificate schemes":
		p.CertSchemes, err = appendParsed(p.CertSchemes, value, wire.ParseScheme)
	default:
		return fmt.Errorf("value %q in unknown section %q", value, section)
	}
	return err
}

func appendParsed[T comparable](to []T, s string, parse func(string) (T, error)) ([]T, error) {
	v, err := parse(s)
	if err != nil {
		return to, err
	}
	for _, have := range to {
		if have == v {
			return to, fmt.Errorf("%s occurs twice", s)
		}
	}
	return append(to, v), nil
}

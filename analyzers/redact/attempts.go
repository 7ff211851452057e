package redact

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// attempts redacts the clients' own view.
func (m *Mapper) attempts(j *job) error {
	in, err := j.open()
	if err != nil {
		return err
	}
	defer in.Close()
	lines := evidence.NewLines(in, j.options)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var out []byte
		if err == nil {
			if out, err = m.attempt(line); err != nil {
				err = lines.Damaged("", "")
			}
		}
		if err != nil {
			if err := j.damage(err); err != nil {
				return err
			}
			continue
		}
		if err := j.put(lines.Line(), out); err != nil {
			return err
		}
	}
}

// attemptKept are members that a lab gives, not its user.
var attemptKept = map[string]bool{
	"scenario": true, "time": true, "profile": true, "listener": true, "hello_retry": true, "certificate_requested": true,
	"certificate_sent": true, "exit": true,
}

func (m *Mapper) attempt(line []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var a map[string]any
	if err := d.Decode(&a); err != nil {
		return nil, err
	}
	for k, v := range a {
		switch {
		case attemptKept[k]:
		case k == "local" || k == "remote":
			s, _ := v.(string)
			ap, err := netip.ParseAddrPort(s)
			if err != nil {
				return nil, err
			}
			a[k] = m.AddrPort(ap).String()
		case k == "hello":
			s, _ := v.(string)
			b, err := hex.DecodeString(s)
			if err != nil {
				return nil, err
			}
			m.helloBytes(b)
			a[k] = hex.EncodeToString(b)
		case k == "certificate_authorities":
			a[k] = mapTexts(v, m.Subject)
		case k == "responses":
			a[k] = m.responses(v)
		default: // step, words, lines, outcome, and what later versions may have
			a[k] = mapTexts(v, m.text)
		}
	}
	return json.Marshal(a)
}

// mapTexts replaces every text in a JSON value.
func mapTexts(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for i := range v {
			v[i] = mapTexts(v[i], f)
		}
	case map[string]any:
		for k := range v {
			v[k] = mapTexts(v[k], f)
		}
	}
	return v
}

// responses replaces headers and bodies.
func (m *Mapper) responses(v any) any {
	list, _ := v.([]any)
	for _, r := range list {
		resp, _ := r.(map[string]any)
		if body, ok := resp["body"].(string); ok {
			resp["body"] = m.word("body", body, false)
		}
		headers, _ := resp["header"].(map[string]any)
		for name, values := range headers {
			headers[name] = mapTexts(values, func(s string) string { return m.header(name, s) })
		}
	}
	return v
}

// manifest replaces the account-side names, and what the specification has of addresses.
func (m *Mapper) manifest(in evidence.Manifest) (evidence.Manifest, error) {
	out := in
	out.Files = nil
	out.LoadBalancer = m.LoadBalancer(in.LoadBalancer)
	out.Addresses = nil
	for _, a := range in.Addresses {
		out.Addresses = append(out.Addresses, m.text(a))
	}
	if len(in.Spec) > 0 {
		var spec any
		d := json.NewDecoder(bytes.NewReader(in.Spec))
		d.UseNumber()
		if err := d.Decode(&spec); err != nil {
			return out, err
		}
		b, err := json.Marshal(mapTexts(spec, m.specText))
		if err != nil {
			return out, err
		}
		out.Spec = b
	}
	return out, nil
}

// specText replaces addresses, prefixes, ARNs and host names; a policy's name and the like stay.
func (m *Mapper) specText(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits()).Masked().String()
	}
	if strings.HasPrefix(s, "ELBSecurityPolicy-") {
		return s
	}
	return m.text(s)
}

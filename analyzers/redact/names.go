package redact

import (
	"net/netip"
	"regexp"
	"strings"
)

// Digits replaces an account's number.
func (m *Mapper) Digits(s string) string { return m.word("account", s, false) }

// ID replaces what follows the first dash of an identifier of AWS's: "eni-0123456789abcdef0".
func (m *Mapper) ID(s string) string {
	prefix, rest, ok := strings.Cut(s, "-")
	if !ok || rest == "" {
		return m.token(s)
	}
	return prefix + "-" + m.token(rest)
}

var hexToken = regexp.MustCompile(`^[0-9a-fA-F-]{8,}$`)

// keptTokens are parts of names that AWS gives, not the user.
var keptTokens = map[string]bool{
	"app": true, "net": true, "targetgroup": true, "loadbalancer": true, "listener": true, "listener-rule": true, "certificate": true,
	"regional": true, "global": true, "webacl": true, "rulegroup": true, "managed": true, "session-reused": true, "truststore": true, "ipset": true,
}

// token replaces one part of a name or path of identifiers.
func (m *Mapper) token(s string) string {
	switch {
	case keptTokens[s]:
		return s
	case len(s) == 12 && strings.Trim(s, "0123456789") == "":
		return m.Digits(s)
	case hexToken.MatchString(s):
		return m.word("hex", s, true)
	}
	return m.word("name", s, false)
}

func (m *Mapper) tokens(s, separator string) string {
	parts := strings.Split(s, separator)
	for i, p := range parts {
		parts[i] = m.token(p)
	}
	return strings.Join(parts, separator)
}

// LoadBalancer replaces the name and the id of "app/<name>/<id>".
func (m *Mapper) LoadBalancer(s string) string { return m.tokens(s, "/") }

// ARN replaces account and resource; partition, service, region and the kind of resource stay.
func (m *Mapper) ARN(s string) string {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return m.tokens(s, "/")
	}
	if parts[4] != "" && parts[4] != "aws" {
		parts[4] = m.Digits(parts[4])
	}
	parts[5] = m.tokens(parts[5], "/")
	return strings.Join(parts, ":")
}

var traceHex = regexp.MustCompile(`[0-9a-fA-F]{24,}`)

// Trace replaces the identifying part of a trace id; its time stays.
func (m *Mapper) Trace(s string) string {
	return traceHex.ReplaceAllStringFunc(s, func(h string) string { return m.word("trace", h, true) })
}

// Host replaces the labels of a host name, all but the last; an address is replaced as one, a port stays.
func (m *Mapper) Host(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return m.AddrPort(ap).String()
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		r := m.Addr(a).String()
		if strings.HasPrefix(s, "[") {
			r = "[" + r + "]"
		}
		return r
	}
	name, port, ok := strings.Cut(s, ":")
	labels := strings.Split(strings.ToLower(name), ".")
	last := len(labels) - 1
	if last > 0 && labels[last] == "" { // ends in a dot
		last--
	}
	if strings.HasSuffix(strings.ToLower(name), ".elb.amazonaws.com") {
		last = len(labels) - 4 // name.region.elb.amazonaws.com: the region and what follows stay
	}
	for i := range labels {
		if i < last || last <= 0 && i == 0 {
			labels[i] = m.word("host", labels[i], false)
		}
	}
	name = strings.Join(labels, ".")
	if ok {
		name += ":" + port
	}
	return name
}

var escape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

// Path replaces the segments of a path, and the keys and values of a query string.
func (m *Mapper) Path(s string) string {
	p, query, has := strings.Cut(s, "?")
	segments := strings.Split(p, "/")
	for i, seg := range segments {
		segments[i] = m.word("path", escape.ReplaceAllString(seg, "___"), false)
	}
	p = strings.Join(segments, "/")
	if has {
		p += "?" + m.Query(query)
	}
	return p
}

// Query replaces the keys and values of a query string.
func (m *Mapper) Query(s string) string {
	pairs := strings.Split(s, "&")
	for i, pair := range pairs {
		k, v, has := strings.Cut(escape.ReplaceAllString(pair, "___"), "=")
		pairs[i] = m.word("query", k, false)
		if has {
			pairs[i] += "=" + m.word("query", v, false)
		}
	}
	return strings.Join(pairs, "&")
}

// URL replaces host, path and query of a URL.
func (m *Mapper) URL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return m.Path(s)
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if strings.HasPrefix(path, "?") {
		path = "?" + m.Query(path[1:])
	} else {
		path = m.Path(path)
	}
	return scheme + "://" + m.Host(host) + path
}

// Request replaces the URL of a request line.
func (m *Mapper) Request(s string) string {
	method, rest, ok := strings.Cut(s, " ")
	i := strings.LastIndexByte(rest, ' ')
	if !ok || i < 0 {
		return m.word("text", s, false)
	}
	return method + " " + m.URL(rest[:i]) + rest[i:]
}

// Subject replaces the values of a distinguished name; the attributes' types stay. RFC 2253.
func (m *Mapper) Subject(s string) string {
	var b strings.Builder
	start := 0
	flush := func(end int) {
		part := s[start:end]
		if k, v, ok := strings.Cut(part, "="); ok {
			b.WriteString(k + "=" + m.word("subject", v, false))
		} else {
			b.WriteString(m.word("subject", part, false))
		}
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '+' || c == ';'):
			flush(i)
			b.WriteByte(c)
			start = i + 1
		}
	}
	flush(len(s))
	return b.String()
}

// Serial replaces a certificate's serial number.
func (m *Mapper) Serial(s string) string { return m.word("serial", s, true) }

// Agent replaces a user agent, if that was asked for.
func (m *Mapper) Agent(s string) string {
	if !m.agents {
		return m.text(s)
	}
	return m.word("agent", s, false)
}

var (
	arnText  = regexp.MustCompile(`arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[^\s"',]+`)
	addrText = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b|(?i:\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\b)`)
	hostText = regexp.MustCompile(`\b[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,24}\b`)
)

// text replaces addresses, ARNs and host names within a sentence.
func (m *Mapper) text(s string) string {
	s = arnText.ReplaceAllStringFunc(s, m.ARN)
	s = addrText.ReplaceAllStringFunc(s, func(t string) string {
		a, err := netip.ParseAddr(t)
		if err != nil {
			return t
		}
		return m.Addr(a).String()
	})
	return hostText.ReplaceAllStringFunc(s, m.Host)
}

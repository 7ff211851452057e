package catalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/alblab/alblab/lab/wire"
)

// Parse reads a client in the form of the files that this package embeds: comments ("#"), sections ("[suites]"), one
// value a line, in the client's order.
func Parse(text string) (*Client, error) {
	c := &Client{SessionID: -1}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.ContainsFunc(line, unicode.IsControl): // it would reach somebody's terminal
			return nil, fmt.Errorf("line %d: control character in %q", i+1, line)
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		default:
			if err := c.add(section, line); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
	}
	switch {
	case c.Name == "" || c.Family == "":
		return nil, errors.New("a client needs a name and a family")
	case len(c.Suites) == 0 || c.Min == 0 || c.Max < c.Min || c.LegacyVersion == 0:
		return nil, errors.New("a client needs suites, versions and a client version")
	case !c.SSLv2Format && c.RecordVersion == 0:
		return nil, errors.New("a client needs a record version")
	}
	if c.SessionID < 0 {
		c.SessionID = c.usualSessionID()
	}
	for _, s := range c.Suites {
		if s > 0xFFFF && !c.SSLv2Format {
			return nil, fmt.Errorf("suite 0x%06X needs SSLv2's framing", s)
		}
	}
	return c, nil
}

func (c *Client) add(section, value string) (err error) {
	one := func(to *string) error {
		if *to != "" {
			return fmt.Errorf("a second value in section %q", section)
		}
		*to = value
		return nil
	}
	switch section {
	case "name":
		return one(&c.Name)
	case "family":
		return one(&c.Family)
	case "version":
		return one(&c.Version)
	case "platform":
		return one(&c.Platform)
	case "source":
		return one(&c.Source)
	case "session id":
		if c.SessionID, err = strconv.Atoi(value); err == nil && (c.SessionID < 0 || c.SessionID > 32) {
			err = fmt.Errorf("session id of %s bytes: at most 32", value)
		}
	case "compression":
		c.Compression, err = appendParsed(c.Compression, value, func(s string) (byte, error) {
			v, err := strconv.ParseUint(s, 10, 8)
			return byte(v), err
		})
	case "year":
		c.Year, err = strconv.Atoi(value)
	case "framing":
		if c.SSLv2Format = value == "sslv2"; !c.SSLv2Format {
			return fmt.Errorf("unknown framing %q", value)
		}
	case "lowest version":
		c.Min, err = parseVersion(value)
	case "highest version":
		c.Max, err = parseVersion(value)
	case "record version":
		c.RecordVersion, err = parseVersion(value)
	case "client version":
		c.LegacyVersion, err = parseVersion(value)
	case "suites":
		c.Suites, err = appendParsed(c.Suites, value, parseSuite)
	case "groups":
		c.Groups, err = appendParsed(c.Groups, value, wire.ParseGroup)
	case "key shares":
		c.KeyShares, err = appendParsed(c.KeyShares, value, wire.ParseGroup)
	case "schemes":
		c.Schemes, err = appendParsed(c.Schemes, value, wire.ParseScheme)
	case "alpn":
		c.ALPN, err = appendParsed(c.ALPN, value, parseProtocol)
	case "supported versions":
		c.SupportedVersions, err = appendParsed(c.SupportedVersions, value, parseVersion)
	case "extensions":
		err = c.addExtension(value)
	default:
		return fmt.Errorf("value %q in unknown section %q", value, section)
	}
	return err
}

// noBody stands for the contents of an extension that is empty where others are not.
const noBody = "-"

// addExtension reads an extension's name and, after a blank, its contents in hex.
func (c *Client) addExtension(value string) (err error) {
	name, body, has := strings.Cut(value, " ")
	if c.Extensions, err = appendParsed(c.Extensions, name, parseExtension); err != nil || !has {
		return err
	}
	data := []byte{}
	if body = strings.TrimSpace(body); body != noBody {
		if data, err = hex.DecodeString(body); err != nil {
			return fmt.Errorf("contents of extension %s: %w", name, err)
		}
	}
	if c.Bodies == nil {
		c.Bodies = map[uint16][]byte{}
	}
	c.Bodies[c.Extensions[len(c.Extensions)-1]] = data
	return nil
}

// usualSessionID is the length of session id of clients that say nothing else: RFC 8446, appendix D.4.
func (c *Client) usualSessionID() int {
	if c.Max >= wire.TLS13 && !c.SSLv2Format {
		return 32
	}
	return 0
}

func appendParsed[T any](to []T, s string, parse func(string) (T, error)) ([]T, error) {
	v, err := parse(s)
	if err != nil {
		return to, err
	}
	return append(to, v), nil
}

// parseVersion also takes hex, for drafts of TLS 1.3 and GREASE.
func parseVersion(s string) (wire.Version, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		v, err := strconv.ParseUint(hex, 16, 16)
		return wire.Version(v), err
	}
	return wire.ParseVersion(s)
}

// parseSuite also takes SSLv2's suites, as 0x010080.
func parseSuite(s string) (uint32, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok && len(hex) == 6 {
		v, err := strconv.ParseUint(hex, 16, 24)
		return uint32(v), err
	}
	v, err := wire.ParseSuite(s)
	return uint32(v), err
}

func suiteText(s uint32) string {
	if s > 0xFFFF {
		return fmt.Sprintf("0x%06X", s)
	}
	return wire.Suite(s).String()
}

// protocolText quotes names of protocols that are not plain, as GREASE's.
func protocolText(s string) string {
	plain := s != "" && !strings.ContainsAny(s[:1], `"#[`) && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if plain {
		return s
	}
	return strconv.QuoteToASCII(s)
}

func parseProtocol(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	p, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("protocol %s: %w", s, err)
	}
	return p, nil
}

// AppendText writes the form that Parse reads.
func (c *Client) AppendText(b []byte) ([]byte, error) {
	w := bytes.NewBuffer(b)
	source := c.Source
	if source == "" {
		source = "testssl.sh, client simulations; SSL Labs, user agents | https://github.com/testssl/testssl.sh"
	}
	fmt.Fprintf(w, "# What %s offers. source: %s\n", line(c.Name), line(source))
	section := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			fmt.Fprintf(w, "\n[%s]\n%s\n", name, strings.Join(values, "\n"))
		}
	}
	section("name", line(c.Name))
	section("family", line(c.Family))
	section("version", line(c.Version))
	section("platform", line(c.Platform))
	section("source", line(c.Source))
	if c.Year != 0 {
		section("year", strconv.Itoa(c.Year))
	}
	if c.SSLv2Format {
		section("framing", "sslv2")
	}
	section("lowest version", idText(c.Min))
	section("highest version", idText(c.Max))
	if c.RecordVersion != 0 {
		section("record version", idText(c.RecordVersion))
	}
	section("client version", idText(c.LegacyVersion))
	if c.SessionID != c.usualSessionID() {
		section("session id", strconv.Itoa(c.SessionID))
	}
	section("compression", texts(c.Compression, func(m byte) string { return strconv.Itoa(int(m)) })...)
	section("suites", texts(c.Suites, suiteText)...)
	section("groups", texts(c.Groups, idText)...)
	section("key shares", texts(c.KeyShares, idText)...)
	section("schemes", texts(c.Schemes, idText)...)
	section("alpn", texts(c.ALPN, protocolText)...)
	section("supported versions", texts(c.SupportedVersions, idText)...)
	section("extensions", texts(c.Extensions, func(e uint16) string {
		body, ok := c.Bodies[e]
		switch {
		case !ok:
			return extensionText(e)
		case len(body) == 0:
			return extensionText(e) + " " + noBody
		}
		return extensionText(e) + " " + hex.EncodeToString(body)
	})...)
	return w.Bytes(), nil
}

// line makes a value from outside fit for one line that is neither a comment nor a section.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.TrimLeft(strings.TrimSpace(s), "#[ ")
}

// idText names a version, group or scheme; the name of 0 would be "none".
func idText[T interface {
	~uint16
	String() string
}](v T) string {
	if v == 0 {
		return "0x0000"
	}
	return v.String()
}

func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = text(v)
	}
	return out
}

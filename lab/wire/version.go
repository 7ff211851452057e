package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns AWS's form: "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3". 0 is "none", a value without a name hex.
func (v Version) String() string {
	switch v {
	case 0:
		return "none"
	case SSLv2:
		return "SSLv2"
	case SSLv3:
		return "SSLv3"
	case TLS10:
		return "TLSv1"
	case TLS11:
		return "TLSv1.1"
	case TLS12:
		return "TLSv1.2"
	case TLS13:
		return "TLSv1.3"
	}
	return hex16(uint16(v))
}

// ParseVersion reads the forms that String writes, and also "TLSv1.0" and the number alone ("1.2").
func ParseVersion(s string) (Version, error) {
	switch t := strings.ToLower(strings.TrimSpace(s)); strings.TrimPrefix(strings.TrimPrefix(t, "tls"), "v") {
	case "1", "1.0":
		return TLS10, nil
	case "1.1":
		return TLS11, nil
	case "1.2":
		return TLS12, nil
	case "1.3":
		return TLS13, nil
	case "sslv3":
		return SSLv3, nil
	case "sslv2":
		return SSLv2, nil
	default:
		if v, ok := parseHex16(t); ok {
			return Version(v), nil
		}
	}
	return 0, fmt.Errorf("unknown TLS version %q", s)
}

// MarshalText writes the form of String, and nothing for 0.
func (v Version) MarshalText() ([]byte, error) { return marshalID(uint16(v), v.String) }

// UnmarshalText is the reverse of MarshalText.
func (v *Version) UnmarshalText(b []byte) (err error) { return unmarshalID(b, v, ParseVersion) }

// MarshalJSON writes a string, and null for 0.
func (v Version) MarshalJSON() ([]byte, error) { return marshalJSON(uint16(v), v.String) }

// UnmarshalJSON is the reverse of MarshalJSON.
func (v *Version) UnmarshalJSON(b []byte) error { return unmarshalJSON(b, v, ParseVersion) }

// The four identifiers (version, suite, group, scheme) share one textual convention: the value 0 means "none" and is the
// empty text and the JSON null; a value without a name is "0x" and four hex digits.

func hex16(v uint16) string { return fmt.Sprintf("0x%04X", v) }

func parseHex16(s string) (uint16, bool) {
	digits, ok := strings.CutPrefix(strings.ToLower(s), "0x")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 16, 16)
	return uint16(v), err == nil
}

func marshalID(v uint16, name func() string) ([]byte, error) {
	if v == 0 {
		return []byte{}, nil
	}
	return []byte(name()), nil
}

func unmarshalID[T ~uint16](b []byte, to *T, parse func(string) (T, error)) (err error) {
	if len(b) == 0 {
		*to = 0
		return nil
	}
	*to, err = parse(string(b))
	return err
}

func marshalJSON(v uint16, name func() string) ([]byte, error) {
	if v == 0 {
		return []byte("null"), nil
	}
	return []byte(strconv.Quote(name())), nil
}

func unmarshalJSON[T ~uint16](b []byte, to *T, parse func(string) (T, error)) error {
	s := string(b)
	if s == "null" {
		*to = 0
		return nil
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return fmt.Errorf("want a JSON string, found %.40s", s)
	}
	return unmarshalID([]byte(s[1:len(s)-1]), to, parse)
}

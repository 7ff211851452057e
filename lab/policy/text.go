package policy

import (
	"fmt"
	"strconv"
)

var resultNames = [...]string{Refused: "refused", Negotiated: "negotiated", HelloRetry: "hello-retry"}

// String returns "negotiated", "hello-retry" or "refused".
func (r Result) String() string { return name(resultNames[:], int(r)) }

// MarshalText writes the form of String.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (r *Result) UnmarshalText(b []byte) error {
	i, err := lookup(resultNames[:], "result", string(b))
	*r = Result(i)
	return err
}

var reasonNames = [...]string{
	ReasonNone: "none", ReasonMalformed: "malformed-hello", ReasonNoCommonVersion: "no-common-version",
	ReasonInappropriateFallback: "inappropriate-fallback", ReasonNoCommonSuite: "no-common-suite",
	ReasonNoCommonGroup: "no-common-group", ReasonNoCommonScheme: "no-common-signature-scheme",
	ReasonUnusableCertificate: "unusable-certificate",
}

// String returns the reason in kebab-case: "no-common-version"; "none" for ReasonNone.
func (r Reason) String() string { return name(reasonNames[:], int(r)) }

// MarshalText writes the form of String, and nothing for ReasonNone.
func (r Reason) MarshalText() ([]byte, error) {
	if r == ReasonNone {
		return []byte{}, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText is the reverse of MarshalText.
func (r *Reason) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*r = ReasonNone
		return nil
	}
	i, err := lookup(reasonNames[:], "reason", string(b))
	*r = Reason(i)
	return err
}

// MarshalJSON writes a string, and null for ReasonNone.
func (r Reason) MarshalJSON() ([]byte, error) {
	if r == ReasonNone {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, r.String()), nil
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (r *Reason) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = ReasonNone
		return nil
	}
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("reason: want a JSON string, found %.40s", b)
	}
	return r.UnmarshalText([]byte(s))
}

// String returns "rsa" or "ecdsa".
func (k KeyType) String() string { return name([]string{RSA: "rsa", ECDSA: "ecdsa"}, int(k)) }

func name(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return strconv.Itoa(i)
}

func lookup(names []string, kind, s string) (int, error) {
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q", kind, s)
}

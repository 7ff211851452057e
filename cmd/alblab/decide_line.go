package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/alblab/alblab/lab/policy"
)

// helloLine is one line of decide's input.
type helloLine struct {
	name string
	data []byte
}

// parseHelloLine reads "name<TAB>hex" or bare hex, nil for an empty line or a comment. Hex may be grouped by blanks or
// colons, as tshark and openssl print it.
func parseHelloLine(line []byte) (*helloLine, error) {
	line = bytes.TrimRight(line, " \r\n")
	if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
		return nil, nil
	}
	h := &helloLine{}
	digits := line
	if i := bytes.LastIndexByte(line, '\t'); i >= 0 {
		h.name, digits = string(bytes.TrimSpace(line[:i])), line[i+1:]
	}
	digits = bytes.TrimSpace(digits)
	if bytes.ContainsAny(digits, " :") {
		digits = bytes.ReplaceAll(bytes.ReplaceAll(digits, []byte(" "), nil), []byte(":"), nil)
	}
	digits = bytes.TrimPrefix(digits, []byte("0x"))
	if len(digits) == 0 {
		return nil, errors.New("a name without a hello: want name, tab, hex")
	}
	h.data = make([]byte, hex.DecodedLen(len(digits)))
	_, err := hex.Decode(h.data, digits)
	var invalid hex.InvalidByteError
	switch {
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("not hex: %q; want hex, or a name, a tab and hex", rune(invalid))
	case errors.Is(err, hex.ErrLength):
		return nil, fmt.Errorf("an odd number of hex digits (%d): the line is cut", len(digits))
	}
	return h, err
}

// appendDecision appends one JSON object and a line end. The names are quoted already.
func appendDecision(b, hello, name, cert []byte, d policy.Decision, detail string) []byte {
	b = append(append(b, `{"hello":`...), hello...)
	b = append(append(b, `,"policy":`...), name...)
	b = append(append(b, `,"cert":`...), cert...)
	b = append(append(append(b, `,"outcome":"`...), d.Outcome.String()...), '"')
	b = appendText(append(b, `,"version":`...), d.Version != 0, d.Version)
	b = appendText(append(b, `,"cipher":`...), d.Suite != 0, d.Suite)
	b = appendText(append(b, `,"group":`...), d.Group != 0, d.Group)
	b = appendText(append(b, `,"signature_scheme":`...), d.Scheme != 0, d.Scheme)
	b = appendText(append(b, `,"reason":`...), d.Reason != policy.ReasonNone, d.Reason)
	b = append(b, `,"detail":`...)
	if detail == "" {
		b = append(b, "null"...)
	} else {
		b = appendQuoted(b, detail)
	}
	return append(b, "}\n"...)
}

// appendText appends a name of ours, which needs no escapes, or null.
func appendText(b []byte, there bool, v fmt.Stringer) []byte {
	if !there {
		return append(b, "null"...)
	}
	return append(append(append(b, '"'), v.String()...), '"')
}

// appendQuoted appends a JSON string.
func appendQuoted(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic("alblab: a string that is no JSON: " + err.Error())
	}
	return append(b, q...)
}

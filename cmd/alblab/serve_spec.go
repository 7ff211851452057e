package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// wrongType says which field of the spec wants what.
func wrongType(spec []byte, e *json.UnmarshalTypeError) error {
	field := fieldAt(spec, e.Offset)
	if field == "" {
		field = "the spec"
	}
	got, number, _ := strings.Cut(e.Value, " ")
	if number != "" {
		got = number // "number 70000" does not fit
	}
	if got == "bool" {
		got = "true or false"
	}
	return fmt.Errorf("%s: want %s, not %s", field, wanted(field, e.Type), withArticle(got))
}

// fieldAt is the path of the value that ends, or begins, at an offset: with the names of listeners, which Field of the error
// leaves out.
func fieldAt(spec []byte, offset int64) string {
	type level struct {
		list, named bool // named: a key was read, its value comes
		key         string
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(spec))
	for {
		token, err := d.Token()
		top := len(stack) - 1
		key, isKey := token.(string)
		isKey = isKey && top >= 0 && !stack[top].list && !stack[top].named
		if err != nil || !isKey && d.InputOffset() >= offset {
			break
		}
		switch delim, _ := token.(json.Delim); {
		case isKey:
			stack[top].key, stack[top].named = key, true
			continue
		case delim == '{' || delim == '[':
			stack = append(stack, level{list: delim == '['})
			continue
		case delim != 0:
			stack = stack[:top]
			top--
		}
		if top >= 0 {
			stack[top].named = false
		}
	}
	var path []string
	for _, l := range stack {
		if !l.list {
			path = append(path, l.key)
		}
	}
	return strings.Join(path, ".")
}

// examples of fields that are objects.
var examples = map[string]string{
	"the spec":       `{"listeners": {"https": {"port": 443, "ssl_policy": "TLS13-1-2-2021-06"}}}`,
	"listeners":      `{"https": {"port": 443, "ssl_policy": "TLS13-1-2-2021-06"}}`,
	"default_action": `{"type": "fixed-response"}`,
	"waf":            `{"ip_reputation": true}`,
	"embedded":       `{"seed": 1}`,
}

// wanted says in JSON's words what a field takes.
func wanted(field string, t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string in quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint16:
		return "a whole number from 0 to 65535"
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Slice:
		return `a list, such as ["192.0.2.0/24"]`
	}
	if t.PkgPath() == "net/netip" {
		return `an address range in quotes, such as "192.0.2.0/24"`
	}
	example := examples[field[strings.LastIndex(field, ".")+1:]]
	if example == "" && strings.HasPrefix(field, "listeners.") {
		example = `{"port": 443, "ssl_policy": "TLS13-1-2-2021-06"}`
	}
	if example == "" {
		return "an object in braces"
	}
	return "an object, such as " + example
}

// withArticle is "a string", "an array"; numbers and values stay.
func withArticle(s string) string {
	switch s {
	case "string", "number":
		return "a " + s
	case "object", "array":
		return "an " + s
	}
	return s
}

package awsapi

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// input is what a call was given, a structure whatever the protocol was. What has the wrong type is noted as a problem, and the
// value is taken as missing.
type input struct {
	members map[string]any // string, bool, float64, int64, uint64, json.Number, time.Time, []any, map[string]any
	problem *error         // shared by the structures of a call
}

func newInput(members map[string]any) *input {
	return &input{members: members, problem: new(error)}
}

func (in *input) bad(name, want string) {
	if *in.problem == nil {
		*in.problem = failure("SerializationException", "%s: want %s", name, want)
	}
}

// has reports whether a member was given.
func (in *input) has(name string) bool { return in.members[name] != nil }

// str is a text.
func (in *input) str(name string) string {
	switch v := in.members[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	in.bad(name, "a string")
	return ""
}

// num is a whole number, missing if it was not given.
func (in *input) num(name string, missing int64) int64 {
	var f float64
	switch v := in.members[name].(type) {
	case nil:
		return missing
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			in.bad(name, "an integer")
			return missing
		}
		return n
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ = v.Float64()
	case int64:
		return v
	case uint64:
		f = float64(v)
	case float64:
		f = v
	default:
		in.bad(name, "an integer")
		return missing
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<62 {
		in.bad(name, "an integer")
		return missing
	}
	return int64(f)
}

// flag is a truth value.
func (in *input) flag(name string) bool {
	switch v := in.members[name].(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b
		}
	}
	in.bad(name, "true or false")
	return false
}

// time is a time: ISO 8601 in the Query protocol, seconds since 1970 in JSON, tag 1 in CBOR. Zero if it was not given.
func (in *input) time(name string) time.Time {
	switch v := in.members[name].(type) {
	case nil:
		return time.Time{}
	case time.Time:
		return v.UTC()
	case json.Number:
		if f, err := v.Float64(); err == nil && math.Abs(f) < 1e11 {
			return seconds(f)
		}
	case float64:
		if math.Abs(v) < 1e11 {
			return seconds(v)
		}
	case int64:
		return time.Unix(v, 0).UTC()
	case uint64:
		if v < 1e11 {
			return time.Unix(int64(v), 0).UTC()
		}
	case cbor.Tag:
		return (&input{members: map[string]any{name: v.Content}, problem: in.problem}).time(name)
	case string:
		for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
			if t, err := time.Parse(form, v); err == nil {
				return t.UTC()
			}
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil && math.Abs(f) < 1e11 {
			return seconds(f)
		}
	}
	in.bad(name, "a timestamp")
	return time.Time{}
}

func seconds(f float64) time.Time {
	s, part := math.Modf(f)
	return time.Unix(int64(s), int64(math.Round(part*1e6))*1000).UTC()
}

// list is the entries of a list.
func (in *input) list(name string) []any {
	switch v := in.members[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	case string:
		if v == "" {
			return nil // an empty list in the Query protocol
		}
	}
	in.bad(name, "a list")
	return nil
}

// strs is a list of texts.
func (in *input) strs(name string) []string {
	var all []string
	for _, v := range in.list(name) {
		s, ok := v.(string)
		if !ok {
			in.bad(name, "a list of strings")
			return nil
		}
		all = append(all, s)
	}
	return all
}

// structs is a list of structures.
func (in *input) structs(name string) []*input {
	var all []*input
	for _, v := range in.list(name) {
		m, ok := v.(map[string]any)
		if !ok {
			in.bad(name, "a list of structures")
			return nil
		}
		all = append(all, &input{members: m, problem: in.problem})
	}
	return all
}

// sub is a structure, empty if it was not given.
func (in *input) sub(name string) *input {
	switch v := in.members[name].(type) {
	case nil:
	case map[string]any:
		return &input{members: v, problem: in.problem}
	default:
		in.bad(name, "a structure")
	}
	return &input{problem: in.problem}
}

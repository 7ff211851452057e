package waflog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/alblab/alblab/lab/evidence"
)

// Records reads WAF log records, plain or gzip: one a line as AWS delivers them, or objects over several lines as people
// and tools print them, several in a row or in a list. The output of aws wafv2 get-sampled-requests is read too, each
// sampled request as a record with the fields that it has. Each record is its own and may be kept; its Line is where it
// begins. Unknown keys are kept in Other.
//
// A damaged record gives an *evidence.ParseError and reading goes on; any other error is the reader's and the last.
// Options.MaxLine holds for a line and for a whole record.
func Records(r io.Reader, o *evidence.Options) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		s := newSplitter(r, o)
		for {
			obj, line, err := s.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				if !yield(nil, err) || !evidence.IsDamage(err) {
					return
				}
				continue
			}
			if !decode(obj, line, s.file, yield) {
				return
			}
		}
	}
}

// decode yields what one JSON object holds and reports whether to go on.
func decode(obj []byte, line int, file string, yield func(*Record, error) bool) bool {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(obj, &keys); err != nil {
		return yield(nil, &evidence.ParseError{File: file, Line: line, Msg: jsonMessage(err) + ": " + evidence.Quote(obj)})
	}
	if list, ok := keys["SampledRequests"]; ok {
		return decodeSamples(list, line, file, yield)
	}
	rec := &Record{Line: line}
	for key, value := range keys {
		to := rec.field(key)
		if to == nil {
			if rec.Other == nil {
				rec.Other = make(map[string]json.RawMessage)
			}
			rec.Other[key] = value
			continue
		}
		if err := json.Unmarshal(value, to); err != nil {
			return yield(nil, &evidence.ParseError{File: file, Line: line, Field: key, Msg: jsonMessage(err) + ": " + evidence.Quote(value)})
		}
	}
	if rec.Action == "" {
		return yield(nil, &evidence.ParseError{File: file, Line: line, Field: "action", Msg: "missing: this is no WAF log record: " + evidence.Quote(obj)})
	}
	return yield(rec, nil)
}

// field returns where the value of a top-level key goes, nil if the record does not name the key.
func (r *Record) field(key string) any {
	switch key {
	case "timestamp":
		return &r.Timestamp
	case "formatVersion":
		return &r.FormatVersion
	case "webaclId":
		return &r.WebACLID
	case "terminatingRuleId":
		return &r.TerminatingRuleID
	case "terminatingRuleType":
		return &r.TerminatingRuleType
	case "action":
		return &r.Action
	case "terminatingRuleMatchDetails":
		return &r.TerminatingRuleMatchDetails
	case "httpSourceName":
		return &r.HTTPSourceName
	case "httpSourceId":
		return &r.HTTPSourceID
	case "ruleGroupList":
		return &r.RuleGroupList
	case "rateBasedRuleList":
		return &r.RateBasedRuleList
	case "nonTerminatingMatchingRules":
		return &r.NonTerminatingMatchingRules
	case "requestHeadersInserted":
		return &r.RequestHeadersInserted
	case "responseCodeSent":
		return &r.ResponseCodeSent
	case "httpRequest":
		return &r.HTTPRequest
	case "labels":
		return &r.Labels
	case "requestBodySize":
		return &r.RequestBodySize
	case "requestBodySizeInspectedByWAF":
		return &r.RequestBodySizeInspected
	case "ja3Fingerprint":
		return &r.JA3Fingerprint
	case "ja4Fingerprint":
		return &r.JA4Fingerprint
	}
	return nil
}

// jsonMessage says in one clear line what is wrong.
func jsonMessage(err error) string {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		if typ.Field != "" {
			return fmt.Sprintf("%s is a JSON %s where a %s is expected", typ.Field, typ.Value, jsonKind(typ))
		}
		return fmt.Sprintf("JSON %s where a %s is expected", typ.Value, jsonKind(typ))
	}
	var syn *json.SyntaxError
	if errors.As(err, &syn) {
		return "not JSON: " + syn.Error()
	}
	return err.Error()
}

func jsonKind(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "struct", "map":
		return "object"
	case "slice":
		return "list"
	case "string":
		return "string"
	}
	return "number"
}

// splitter cuts the input into top-level JSON objects.
type splitter struct {
	lines *evidence.Lines
	file  string
	max   int
	rest  []byte // of the current line, not looked at yet
	obj   []byte // the object so far, when it began on an earlier line
	begin int    // line on which obj began
	depth int
	str   bool // inside a string
	esc   bool // after a backslash in a string
}

func newSplitter(r io.Reader, o *evidence.Options) *splitter {
	s := &splitter{lines: evidence.NewLines(r, o), max: evidence.MaxLine}
	if o != nil {
		s.file = o.File
		if o.MaxLine > 0 {
			s.max = o.MaxLine
		}
	}
	return s
}

// next returns the next object and the line on which it begins. The bytes are valid until the next call.
func (s *splitter) next() (obj []byte, line int, err error) {
	if s.depth == 0 {
		s.obj = s.obj[:0]
	}
	for {
		if len(s.rest) == 0 {
			line, err := s.lines.Next()
			if err == io.EOF && s.depth > 0 {
				return nil, 0, s.broken("the record does not end")
			}
			if err != nil {
				if s.depth > 0 && evidence.IsDamage(err) {
					s.reset() // a part of the object is lost
				}
				return nil, 0, err
			}
			// A line that begins a record at its first column ends a half-written one before it: within a record that is
			// printed over several lines, only its own brace stands there.
			if s.depth > 0 && line[0] == '{' {
				err := s.broken("the record does not end")
				s.rest = line
				return nil, 0, err
			}
			s.rest = line
		}
		if s.depth == 0 {
			if err := s.skipBetween(); err != nil {
				return nil, 0, err
			}
			if len(s.rest) == 0 {
				continue
			}
			s.begin = s.lines.Line()
		}
		if obj, done := s.take(); done {
			return obj, s.begin, nil
		}
		if len(s.obj) > s.max {
			return nil, 0, s.broken(fmt.Sprintf("the record is longer than %d bytes", s.max))
		}
	}
}

// skipBetween drops what may stand between objects; anything else up to the line's end is damage.
func (s *splitter) skipBetween() error {
	s.rest = bytes.TrimLeft(s.rest, " \t,[]")
	if len(s.rest) == 0 || s.rest[0] == '{' {
		return nil
	}
	bad := s.rest
	s.rest = nil
	if bytes.HasPrefix(bad, []byte(evidence.PermissionTest)) {
		return nil // no request
	}
	return s.lines.Damaged("", "not a JSON object: "+evidence.Quote(bad))
}

// take takes of rest what belongs to the object and reports whether it is complete.
func (s *splitter) take() (obj []byte, done bool) {
	for i, c := range s.rest {
		switch {
		case s.esc:
			s.esc = false
		case s.str && c == '\\':
			s.esc = true
		case c == '"':
			s.str = !s.str
		case s.str:
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			s.depth--
			if s.depth > 0 {
				continue
			}
			obj, s.rest = s.rest[:i+1], s.rest[i+1:]
			if len(s.obj) > 0 {
				s.obj = append(s.obj, obj...)
				obj = s.obj
			}
			return obj, true
		}
	}
	s.obj = append(append(s.obj, s.rest...), '\n')
	s.rest = nil
	s.str, s.esc = false, false // a string does not go over a line end
	return nil, false
}

// broken gives up the object that has begun.
func (s *splitter) broken(msg string) error {
	err := &evidence.ParseError{File: s.file, Line: s.begin, Msg: msg + ": " + evidence.Quote(bytes.TrimRight(s.obj, "\n"))}
	s.reset()
	return err
}

func (s *splitter) reset() {
	s.obj, s.rest = s.obj[:0], nil
	s.depth, s.str, s.esc = 0, false, false
}

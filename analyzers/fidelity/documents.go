package fidelity

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// attempts are the clients' own view: paired by scenario and step, whenever they were.
func (r *reader) attempts() ([]entry, error) {
	endpoint := regexp.MustCompile(`connection to \S+`)
	echo := newEcho(r)
	return collect(r, evidence.KindAttempts, documents, func(d document) (entry, int, bool) {
		scenario, _ := d.value["scenario"].(string)
		if r.common != nil && !r.common[scenario] {
			return entry{}, 0, false
		}
		e := entry{group: fmt.Sprint(scenario, " ", d.value["step"])}
		lengths := ""
		for _, f := range flat(d.value) {
			switch name := f.name; {
			case name == "time":
				f.reason = byTime
			case name == "local" || name == "remote":
				f.reason = byAddress
			case name == "hello":
				f.reason = byChance
			case name == "responses[].header.Date[]":
				f.reason = byTime
			case name == "responses[].body": // before the others: fields come in order
				if body := echo.fold(f.value); body != f.value {
					f.value, lengths = body, byName
				}
			case name == "responses[].header.Content-Length[]", name == "responses[].length":
				f.reason = lengths
			case name == "words" || name == "lines[]":
				f.value = endpoint.ReplaceAllString(f.value, "connection to HOST")
			}
			e.put(f.name, f.value, f.reason)
		}
		return e, d.line, true
	})
}

// waf are the records of AWS WAF (docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html).
func (r *reader) waf() ([]entry, error) {
	reasons := map[string]string{
		"timestamp": byTime, "webaclId": byID, "httpSourceId": byID, "httpRequest.clientIp": byAddress, "httpRequest.country": byPlace,
		"httpRequest.requestId": byID, "httpRequest.host": byName, "httpRequest.headers.host": byName,
	}
	return collect(r, evidence.KindWAF, waflog.Records, func(rec *waflog.Record) (entry, int, bool) {
		// The record does not name the listener; the request's line in the access log does. Without one, a record of a slot that
		// scenarios share is of none in particular.
		scenario, ok := r.own(address(rec.HTTPRequest.ClientIP), time.UnixMilli(rec.Timestamp), r.traces[rec.HTTPRequest.RequestID])
		if !ok {
			return entry{}, 0, false
		}
		e := entry{group: r.group(scenario, 0, "")}
		text, err := rec.AppendText(nil)
		if err != nil {
			return e, rec.Line, true
		}
		var value map[string]any
		if json.Unmarshal(text, &value) != nil {
			return e, rec.Line, true
		}
		byHeader(value)
		for _, f := range flat(value) {
			e.put(f.name, f.value, reasons[f.name])
		}
		return e, rec.Line, true
	})
}

// byHeader makes the list of a request's headers a map, so that their order does not matter.
func byHeader(record map[string]any) {
	request, _ := record["httpRequest"].(map[string]any)
	list, _ := request["headers"].([]any)
	headers := map[string]any{}
	for _, h := range list {
		pair, _ := h.(map[string]any)
		headers[strings.ToLower(fmt.Sprint(pair["name"]))] = pair["value"]
	}
	if request != nil {
		request["headers"] = headers
	}
}

// document is one line of JSON.
type document struct {
	line  int
	value map[string]any
}

// documents reads JSON lines.
func documents(in io.Reader, o *evidence.Options) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		lines := evidence.NewLines(in, o)
		evidence.Yield(yield, func() (document, error) {
			line, err := lines.Next()
			if err != nil {
				return document{}, err
			}
			d := document{line: lines.Line()}
			if err := json.Unmarshal(line, &d.value); err != nil {
				return d, lines.Damaged("", "not a JSON object")
			}
			return d, nil
		})
	}
}

// flat lists the leaves of a JSON document by their path, in order. The values of a list are one leaf.
func flat(value map[string]any) []field {
	leaves := map[string][]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if path != "" {
					k = path + "." + k
				}
				walk(k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		case nil:
		case float64:
			leaves[path] = append(leaves[path], strconv.FormatFloat(v, 'f', -1, 64))
		default:
			leaves[path] = append(leaves[path], fmt.Sprint(v))
		}
	}
	walk("", value)
	var out []field
	for _, name := range slices.Sorted(maps.Keys(leaves)) {
		out = append(out, field{name: name, value: strings.Join(leaves[name], "; ")})
	}
	return out
}

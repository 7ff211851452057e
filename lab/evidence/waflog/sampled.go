package waflog

import (
	"encoding/json"
	"math"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// sampledRequest is one entry of GetSampledRequests
// (source: docs.aws.amazon.com/waf/latest/APIReference/API_SampledHTTPRequest.html).
type sampledRequest struct {
	Request struct {
		ClientIP, Country, URI, Method, HTTPVersion string
		Headers                                     []Header // names match without regard to case
	}
	Timestamp               sampleTime
	Action                  string
	RuleNameWithinRuleGroup string
	ResponseCodeSent        *int
	Labels                  []Label
}

// sampleTime is a time in Unix milliseconds, read from Unix seconds or from RFC 3339, as the AWS CLI is set to print.
type sampleTime int64

func (t *sampleTime) UnmarshalJSON(b []byte) error {
	var sec float64
	if err := json.Unmarshal(b, &sec); err == nil && math.Abs(sec) < 1e12 {
		*t = sampleTime(math.Round(sec * 1000))
		return nil
	}
	var tim time.Time
	if err := json.Unmarshal(b, &tim); err != nil {
		return err
	}
	*t = sampleTime(tim.UnixMilli())
	return nil
}

// decodeSamples yields a record for each sampled request and reports whether to go on.
func decodeSamples(list json.RawMessage, line int, file string, yield func(*Record, error) bool) bool {
	var entries []json.RawMessage
	if err := json.Unmarshal(list, &entries); err != nil {
		return yield(nil, &evidence.ParseError{File: file, Line: line, Field: "SampledRequests", Msg: jsonMessage(err) + ": " + evidence.Quote(list)})
	}
	for _, e := range entries {
		var s sampledRequest
		if err := json.Unmarshal(e, &s); err != nil {
			if !yield(nil, &evidence.ParseError{File: file, Line: line, Field: "SampledRequests", Msg: jsonMessage(err) + ": " + evidence.Quote(e)}) {
				return false
			}
			continue
		}
		if s.Action == "" {
			if !yield(nil, &evidence.ParseError{File: file, Line: line, Field: "Action", Msg: "missing: this is no sampled request: " + evidence.Quote(e)}) {
				return false
			}
			continue
		}
		rec := &Record{
			Line: line, Timestamp: int64(s.Timestamp), FormatVersion: 1, Action: s.Action,
			TerminatingRuleID: s.RuleNameWithinRuleGroup, ResponseCodeSent: s.ResponseCodeSent, Labels: s.Labels,
			HTTPRequest: Request{
				ClientIP: s.Request.ClientIP, Country: s.Request.Country, Headers: s.Request.Headers,
				URI: s.Request.URI, HTTPVersion: s.Request.HTTPVersion, HTTPMethod: s.Request.Method,
			},
		}
		if !yield(rec, nil) {
			return false
		}
	}
	return true
}

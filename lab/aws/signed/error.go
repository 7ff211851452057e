package signed

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
)

// Error is what a service answers to a call that it refuses. It is an API error of the SDK's kind (smithy.APIError), so that the
// SDK's retryer knows what to repeat.
type Error struct {
	Service, Action, Code, Message, RequestID string
	Status                                    int
}

var _ smithy.APIError = (*Error)(nil)

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s: %s", e.Service, e.Action, e.Code, e.Message)
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// ErrorCode implements smithy.APIError.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage implements smithy.APIError.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault implements smithy.APIError.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= 500 {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// HTTPStatusCode is how the SDK's retryer asks for the status.
func (e *Error) HTTPStatusCode() int { return e.Status }

// refusal reads the shapes of errors: EC2's <Response><Errors><Error>, the other Query services' <ErrorResponse><Error>, JSON's
// __type with or without a namespace, or what a proxy on the way says. Sources:
// docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, smithy.io/2.0/aws/protocols/aws-query-protocol.html and
// aws-json-1_1-protocol.html.
func (c *Client) refusal(action string, res *http.Response, b []byte) error {
	e := &Error{Service: c.s.Title, Action: action, Status: res.StatusCode, Code: "UnknownError", Message: "HTTP " + http.StatusText(res.StatusCode)}
	if c.s.Target != "" {
		var j struct {
			Type, Code, Message string
			Underscored         string `json:"__type"`
		}
		if json.Unmarshal(b, &j) != nil {
			return e
		}
		code := cmp.Or(res.Header.Get("X-Amzn-Errortype"), j.Underscored, j.Code, e.Code)
		code, _, _ = strings.Cut(code, ":")
		e.Code = code[strings.LastIndexByte(code, '#')+1:]
		e.Message, e.RequestID = cmp.Or(j.Message, e.Message), res.Header.Get("X-Amzn-Requestid")
		return e
	}
	type problem struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	var x struct {
		Errors    []problem `xml:"Errors>Error"`
		Error     problem   `xml:"Error"`
		RequestID string    `xml:"RequestID"`
		Request   string    `xml:"RequestId"`
	}
	if xml.Unmarshal(b, &x) != nil {
		return e
	}
	p := x.Error
	if len(x.Errors) > 0 {
		p = x.Errors[0]
	}
	if p.Code != "" {
		e.Code, e.Message, e.RequestID = p.Code, p.Message, cmp.Or(x.RequestID, x.Request)
	}
	return e
}

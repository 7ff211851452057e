package alb

import (
	"net/http"
	"strings"
)

// trace is a request's X-Amzn-Trace-Id (docs.aws.amazon.com/elasticloadbalancing/latest/application/
// load-balancer-request-tracing.html).
type trace struct {
	header string // as sent to the target and logged
	root   string // the value of Root
}

const traceHeader = "X-Amzn-Trace-Id"

// newTrace makes a header with a Root field; or, where the client sent one with a Root, puts a Self field in front of what
// it sent, in the place of an older Self.
func newTrace(h http.Header, id string) trace {
	sent := h.Get(traceHeader)
	var kept []string
	root := ""
	for _, field := range strings.Split(sent, ";") {
		field = strings.TrimSpace(field)
		name, value, _ := strings.Cut(field, "=")
		switch {
		case field == "" || strings.EqualFold(name, "Self"):
			continue
		case strings.EqualFold(name, "Root"):
			root = value
		}
		kept = append(kept, field)
	}
	if root == "" {
		return trace{strings.Join(append([]string{"Root=" + id}, withoutRoot(kept)...), ";"), id}
	}
	return trace{strings.Join(append([]string{"Self=" + id}, kept...), ";"), root}
}

func withoutRoot(fields []string) []string {
	var out []string
	for _, f := range fields {
		if name, _, _ := strings.Cut(f, "="); !strings.EqualFold(name, "Root") {
			out = append(out, f)
		}
	}
	return out
}

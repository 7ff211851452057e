package fidelity

import (
	"regexp"
	"strconv"
	"strings"
)

// echo folds what must differ out of a request that a target gives back as its answer's body: addresses, identifiers, dates and
// certificates. Their form stays: what is escaped or written otherwise is another body.
type echo struct {
	reader *reader
	folds  []fold
	port   *regexp.Regexp
}

type fold struct {
	what *regexp.Regexp
	with string
}

func newEcho(r *reader) *echo {
	return &echo{r, []fold{
		{regexp.MustCompile(`(?m)^Host: [^\s:]+(:\d+)?`), "Host: HOST"},
		{regexp.MustCompile(`(?m)^X-Amzn-Trace-Id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}`), "X-Amzn-Trace-Id: ID"},
		{regexp.MustCompile(`(?m)^X-Forwarded-For: [0-9a-f.:]+`), "X-Forwarded-For: ADDRESS"},
		{regexp.MustCompile(`(?m)^(X-Amzn-Mtls-Clientcert-Serial-Number: )[0-9A-F]+`), "${1}SERIAL"},
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
		{regexp.MustCompile(`BEGIN%20CERTIFICATE-----(?:[A-Za-z0-9+/=]|%0A)+-----END`), "BEGIN%20CERTIFICATE-----BASE64-----END"},
	}, regexp.MustCompile(`(?m)^X-Forwarded-Port: \d+`)}
}

// fold returns a body without what must differ; others are as they were.
func (e *echo) fold(body string) string {
	if !strings.Contains(body, "X-Amzn-Trace-Id: ") { // every request that the load balancer forwards has one
		return body
	}
	for _, f := range e.folds {
		body = f.what.ReplaceAllString(body, f.with)
	}
	return e.port.ReplaceAllStringFunc(body, func(line string) string {
		name, port, _ := strings.Cut(line, " ")
		p, err := strconv.Atoi(port)
		if err != nil {
			return line
		}
		return name + " " + e.reader.port(p)
	})
}

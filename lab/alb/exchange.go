package alb

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/waflog"
	"github.com/alblab/alblab/lab/waf"
)

// exchange is one request on its way to its response.
type exchange struct {
	c        *conn
	req      *http.Request
	raw      []waflog.Header // as sent, in order
	proto    string          // HTTP/1.1, HTTP/2.0
	created  time.Time
	trace    trace
	received int64 // bytes of the request; HTTP/1.1 knows them when the body has been read

	actions []string
	reason  string // error_reason
	target  string // address:port
	tgCode  int    // the target's status, 0: none
	times   [3]time.Duration
}

// response is what the client gets. The headers that belong to the connection (Connection, Transfer-Encoding) are not in it.
type response struct {
	status int
	header http.Header   // Server and Date included
	body   io.ReadCloser // nil: none
	length int64         // of the body, -1: unknown
	own    bool          // made by the load balancer, not by a target
	tunnel io.ReadWriteCloser
}

func (r *response) discard() {
	if r.body != nil {
		r.body.Close()
	}
}

func (c *conn) newExchange(r *http.Request, proto string, raw []waflog.Header) *exchange {
	now := c.lb.cfg.Clock.Now()
	return &exchange{c: c, req: r, raw: raw, proto: proto, created: now,
		trace: newTrace(r.Header, c.ids.request(now, r.Method+" "+r.RequestURI)), times: [3]time.Duration{-1, -1, -1}}
}

// answer judges a request and carries out the listener's action. ctx ends when the client is gone.
func (x *exchange) answer(ctx context.Context) *response {
	if resp := x.refuse(); resp != nil {
		return resp
	}
	if acl := x.c.lb.cfg.ACL; acl != nil {
		x.actions = append(x.actions, "waf")
		v, rec := acl.Judge(x.wafRequest())
		x.c.lb.cfg.Recorder.WAF(&rec)
		if v == waf.Block {
			return x.page(http.StatusForbidden)
		}
	}
	a := &x.c.ln.Action
	if a.Type == ActionForward {
		return x.forward(ctx)
	}
	x.actions = append(x.actions, "fixed-response")
	x.c.count(metricFixedResponses, 1)
	// The charset is what experiment 2's ALB sent for text/plain.
	contentType := a.ContentType
	if contentType == "" {
		contentType = "text/plain"
	}
	if !strings.Contains(contentType, "charset") {
		contentType += "; charset=utf-8"
	}
	return x.own(a.StatusCode, contentType, a.MessageBody)
}

// refuse answers requests that a load balancer does not take (source: docs.aws.amazon.com/elasticloadbalancing/latest/
// application/load-balancer-troubleshooting.html).
func (x *exchange) refuse() *response {
	if x.req.Method == http.MethodTrace {
		return x.page(http.StatusMethodNotAllowed)
	}
	hops := 0
	for _, v := range x.req.Header.Values("X-Forwarded-For") {
		hops += 1 + strings.Count(v, ",")
	}
	if hops > maxForwardedFor {
		return x.page(463)
	}
	return nil
}

const maxForwardedFor = 30

// own makes a response of the load balancer itself.
func (x *exchange) own(status int, contentType, body string) *response {
	h := http.Header{}
	h.Set("Server", serverName)
	h.Set("Date", x.c.lb.cfg.Clock.Now().UTC().Format(http.TimeFormat))
	h.Set("Content-Type", contentType)
	r := &response{status: status, header: h, own: true, length: int64(len(body))}
	if body != "" {
		r.body = io.NopCloser(strings.NewReader(body))
	}
	return r
}

const serverName = "awselb/2.0"

// page makes an error response of the load balancer. Its size is that of a published access-log line: a 400 of 272 bytes with
// its head (github.com/hardik-aws/ctaudit, test data).
func (x *exchange) page(status int) *response {
	return x.own(status, "text/html", errorPage(status))
}

func errorPage(status int) string {
	title := strconv.Itoa(status)
	if t := statusText(status); t != "" {
		title += " " + t
	}
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"
}

// statusText is the reason phrase, "" for AWS's own codes.
func statusText(status int) string {
	switch status {
	case http.StatusServiceUnavailable:
		return "Service Temporarily Unavailable"
	case http.StatusGatewayTimeout:
		return "Gateway Time-out"
	case http.StatusRequestTimeout:
		return "Request Time-out"
	case http.StatusRequestURITooLong:
		return "Request-URI Too Large"
	}
	return http.StatusText(status)
}

// wafRequest is the request as AWS WAF gets it.
func (x *exchange) wafRequest() *waf.Request {
	c := x.c
	c.fingerprint()
	path, args, _ := strings.Cut(x.req.RequestURI, "?")
	if x.req.URL.IsAbs() {
		path, args = x.req.URL.EscapedPath(), x.req.URL.RawQuery
	}
	return &waf.Request{
		Time:        x.created,
		SourceID:    c.lb.cfg.Account + "-" + c.lb.cfg.Name,
		ID:          x.trace.root,
		ClientIP:    c.client.Addr(),
		Method:      x.req.Method,
		URI:         path,
		Args:        args,
		HTTPVersion: x.proto,
		Scheme:      "https",
		Host:        x.req.Host,
		Headers:     x.raw,
		BodySize:    x.req.ContentLength,
		JA3:         c.ja3,
		JA4:         c.ja4,
	}
}

func (c *conn) fingerprint() {
	c.fingerprints.Do(func() {
		c.ja3, c.ja4 = c.hello.JA3(), c.hello.JA4()
	})
}

// finish writes the access log's line and counts. sent is the size of the response.
func (x *exchange) finish(status int, own bool, sent int64) {
	c := x.c
	r := x.record(status, sent)
	c.lb.cfg.Recorder.Access(&r)
	x.account(status, own, sent)
}

// account counts a request that has its line.
func (x *exchange) account(status int, own bool, sent int64) {
	c := x.c
	c.mu.Lock()
	c.requests++
	c.mu.Unlock()
	bytes := float64(x.received + sent)
	c.count(metricProcessedBytes, bytes)
	if c.client.Addr().Is6() {
		c.count(metricIPv6Requests, 1)
		c.count(metricIPv6Bytes, bytes)
	}
	if x.target != "" {
		c.count(metricRequests, 1)
	}
	if own {
		for _, m := range elbCodeMetrics(status) {
			c.count(m, 1)
		}
	}
	if m := targetCodeMetric(x.tgCode); m != "" {
		c.count(m, 1)
	}
}

func (x *exchange) record(status int, sent int64) accesslog.Record {
	c := x.c
	r := c.accessRecord(status)
	r.Type = "https"
	if x.proto == "HTTP/2.0" {
		r.Type = "h2"
	}
	r.ReceivedBytes, r.SentBytes = x.received, sent
	r.RequestProcessingTime, r.TargetProcessingTime, r.ResponseProcessingTime = x.times[0], x.times[1], x.times[2]
	r.Request = x.req.Method + " " + x.url() + " " + x.proto
	r.UserAgent = cut(x.req.UserAgent(), maxUserAgent)
	r.TraceID = x.trace.header
	r.MatchedRulePriority = "0" // the default action
	r.RequestCreationTime = x.created
	r.ActionsExecuted = strings.Join(x.actions, ",")
	r.ErrorReason = x.reason
	if c.ln.Action.Type == ActionForward && len(x.actions) > 0 && x.actions[len(x.actions)-1] == "forward" {
		r.TargetGroupARN = c.ln.Action.TargetGroupARN
	}
	if x.target != "" {
		r.Target, r.TargetPortList = x.target, x.target
	}
	if x.tgCode != 0 {
		r.TargetStatusCode, r.TargetStatusCodeList = x.tgCode, strconv.Itoa(x.tgCode)
	}
	return r
}

// maxUserAgent is where the log cuts the user agent off.
const maxUserAgent = 8 << 10

// accessRecord holds what all requests of a connection share.
func (c *conn) accessRecord(status int) accesslog.Record {
	r := accesslog.Record{
		Type:                   "https",
		Time:                   c.lb.cfg.Clock.Now(),
		ELB:                    c.lb.cfg.Name,
		Client:                 c.client,
		RequestProcessingTime:  -1,
		TargetProcessingTime:   -1,
		ResponseProcessingTime: -1,
		ELBStatusCode:          status,
		TargetStatusCode:       -1,
		SSLCipher:              c.decision.Suite.OpenSSL(),
		SSLProtocol:            c.decision.Version.String(),
		ChosenCertARN:          c.ln.certARN(int(c.decision.Cert)),
		ConnTraceID:            c.id,
		NodeIP:                 c.node.logAddr(),
	}
	if c.got.resumed {
		r.ChosenCertARN = "session-reused"
	}
	// The name is "-" too where it matched no certificate and the default one was served.
	if sni := c.hello.ServerName; sni != "" && c.ln.covers(int(c.decision.Cert), sni) {
		r.DomainName = sni
	}
	return r
}

// url is the request's address in the log: protocol://host:port/uri, the port the listener's.
func (x *exchange) url() string {
	uri := x.req.RequestURI
	if x.req.URL.IsAbs() {
		uri = x.req.URL.RequestURI()
	}
	return "https://" + withPort(x.req.Host, x.c.ln.Port) + uri
}

// withPort puts a listener's port behind a host that may have one.
func withPort(host string, port uint16) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func itoa(n int) string { return strconv.Itoa(n) }

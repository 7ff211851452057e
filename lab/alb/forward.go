package alb

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
)

// connectTimeout is how long a target may take to accept a connection (docs.aws.amazon.com/elasticloadbalancing/latest/
// application/load-balancer-troubleshooting.html, HTTP 504).
const connectTimeout = 10 * time.Second

var (
	errConnectTimeout = errors.New("the target did not accept the connection in time")
	errTargetTimeout  = errors.New("the target did not answer within the idle timeout")
)

// forward sends the request to the target and returns its response, or the load balancer's own: 503 without a registered
// target, 504 where the target does not connect or answer in time, 502 where it breaks off or answers nonsense.
func (x *exchange) forward(ctx context.Context) *response {
	c := x.c
	x.actions = append(x.actions, "forward")
	if c.lb.cfg.DialTarget == nil {
		return x.page(http.StatusServiceUnavailable)
	}
	clock := c.lb.cfg.Clock
	ctx, cancel := context.WithCancelCause(ctx)
	var once sync.Once
	var connected time.Time
	got := &gotConn{kept: make(chan struct{}), note: func(addr string) {
		once.Do(func() { connected = clock.Now() })
		x.target = addr
	}}
	out, err := x.outgoing(context.WithValue(ctx, gotConnKey{}, got))
	if err != nil {
		cancel(nil)
		return x.page(http.StatusBadRequest)
	}
	stop := clock.AfterFunc(c.lb.cfg.IdleTimeout, func() { cancel(errTargetTimeout) })
	resp, err := c.lb.targets(c.node).RoundTrip(out)
	stop()
	now := clock.Now()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		return x.targetFailed(err, cause)
	}
	if connected.IsZero() {
		connected = x.created
	}
	x.tgCode = resp.StatusCode
	x.times = [3]time.Duration{connected.Sub(x.created), now.Sub(connected), 0}
	r := &response{status: resp.StatusCode, header: resp.Header, length: resp.ContentLength, body: &targetBody{resp.Body, ctx, cancel, got}}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if tunnel, ok := resp.Body.(io.ReadWriteCloser); ok {
			r.tunnel, r.body = tunnel, nil
			return r
		}
	}
	removeHopByHop(r.header)
	return r
}

func (x *exchange) targetFailed(err, cause error) *response {
	var dial *dialError
	if errors.As(err, &dial) {
		x.c.count(metricTargetErrors, 1)
	}
	switch {
	case errors.Is(cause, errTargetTimeout), errors.Is(err, errConnectTimeout), errors.Is(cause, errConnectTimeout):
		return x.page(http.StatusGatewayTimeout)
	case errors.As(err, &dial) && isTimeout(dial.err):
		return x.page(http.StatusGatewayTimeout)
	}
	return x.page(http.StatusBadGateway)
}

// targetBody is a target's response body. Closing it frees the request's context.
type targetBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	got    *gotConn
}

func (b *targetBody) Close() error {
	err := b.ReadCloser.Close()
	b.got.settle(b.ctx)
	b.cancel(nil)
	return err
}

// outgoing is the request as the target gets it.
func (x *exchange) outgoing(ctx context.Context) (*http.Request, error) {
	c := x.c
	in := x.req
	out := in.Clone(ctx)
	out.URL.Scheme, out.URL.Host = "http", "target"
	if out.URL.Path == "" {
		out.URL.Path = "/"
	}
	out.RequestURI = ""
	out.Close = false
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	if in.ContentLength == 0 {
		out.Body = nil
	} else if b, ok := in.Body.(*requestBody); ok {
		out.Body = b.lend()
	}
	upgrade := ""
	if httpguts.HeaderValuesContainsToken(in.Header["Connection"], "Upgrade") {
		upgrade = in.Header.Get("Upgrade")
	}
	h := out.Header
	removeHopByHop(h)
	if upgrade != "" {
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", upgrade)
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or the library would name itself
	}
	c.addForwarded(h)
	h.Set(traceHeader, x.trace.header)
	out.Host = hostForTarget(in.Host, c.ln.Port)
	return out, nil
}

// addForwarded sets the headers that tell the target about the client (docs.aws.amazon.com/elasticloadbalancing/latest/
// application/x-forwarded-headers.html; mutual-authentication.html).
//
// Assumption: mutual-TLS headers that a client sent are removed in every mode: a target could not trust them otherwise.
func (c *conn) addForwarded(h http.Header) {
	client := c.client.Addr().String()
	if prior := h.Values("X-Forwarded-For"); len(prior) > 0 {
		client = strings.Join(prior, ", ") + ", " + client
	}
	h.Set("X-Forwarded-For", client)
	h.Set("X-Forwarded-Proto", "https")
	h.Set("X-Forwarded-Port", strconv.Itoa(int(c.ln.Port)))
	for name := range h {
		if strings.HasPrefix(name, mtlsPrefix) {
			delete(h, name)
		}
	}
	if len(c.chain) == 0 {
		return
	}
	leaf := c.chain[0]
	switch c.ln.MTLS {
	case ModePassthrough:
		h.Set(mtlsPrefix, pemHeader(c.chain...))
	case ModeVerify:
		h.Set(mtlsPrefix+"-Serial-Number", serialString(leaf))
		h.Set(mtlsPrefix+"-Issuer", issuerString(leaf))
		h.Set(mtlsPrefix+"-Subject", subjectString(leaf))
		h.Set(mtlsPrefix+"-Validity", validityString(leaf))
		h.Set(mtlsPrefix+"-Leaf", pemHeader(leaf))
	}
}

const mtlsPrefix = "X-Amzn-Mtls-Clientcert"

// hostForTarget is the Host header without host header preservation: a port that is not the scheme's own is put behind it
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html).
func hostForTarget(host string, port uint16) string {
	if port == 80 || port == 443 {
		return host
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

// removeHopByHop removes the fields that end with a connection (RFC 9110, section 7.6.1).
func removeHopByHop(h http.Header) {
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

package alb

import (
	"io"
	"net/http"
	"strconv"
)

// tunnel carries an upgraded connection (WebSocket) until one side ends it. Its one line of the access log is written then
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html: type wss).
func (h *http1) tunnel(x *exchange, r *response, before int64) bool {
	c := h.c
	defer r.tunnel.Close()
	h.sent = 0
	h.bw.WriteString("HTTP/1.1 " + strconv.Itoa(r.status) + " " + http.StatusText(r.status) + "\r\n")
	r.header.Write(h.bw)
	h.bw.WriteString("\r\n")
	err := h.bw.Flush()
	if err == nil {
		c.t.rest() // the idle timeout counts again; next's own rest follows
		err = h.relay(r.tunnel)
		c.t.work()
	}
	x.received = h.consumed() - before
	rec := x.record(r.status, h.sent)
	rec.Type = "wss"
	c.lb.cfg.Recorder.Access(&rec)
	x.account(r.status, false, h.sent)
	h.over(err)
	return false
}

// relay copies both ways and returns what ended the client's direction, nil if the target ended first.
func (h *http1) relay(target io.ReadWriteCloser) error {
	up := make(chan error, 1)
	go func() {
		_, err := io.Copy(target, h.br)
		target.Close()
		if err == nil {
			err = io.EOF
		}
		up <- err
	}()
	down := make(chan error, 1)
	go func() {
		_, err := io.Copy(countWriter{h.c.eng, &h.sent}, target)
		down <- err
	}()
	select {
	case err := <-up:
		<-down
		return err
	case <-down:
		h.c.t.SetReadDeadline(past)
		<-up
		return nil
	}
}

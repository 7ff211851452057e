package scenarios

import (
	"bytes"
	"fmt"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/capture"
)

// capture judges what the packets show: the hello in plain view, with the versions and suites that the client sent, and
// how the load balancer ended the connection.
func (j *judgement) capture(p *pair, want string) {
	if want == "" || !j.carrier.captures() {
		return
	}
	c := p.conn.Capture
	if c == nil {
		j.differ(FactCapture, "the packets of the connection", "none")
		return
	}
	at := p.conn.CaptureRef
	if c.Handshake != capture.HandshakeComplete || c.Incomplete {
		j.differ(FactCapture, "the whole connection from its SYN", fmt.Sprintf("handshake %s, incomplete: %t", c.Handshake, c.Incomplete), at)
	}
	sent := []byte(p.Attempt.Hello)
	if c.Hello != nil && !bytes.Equal(c.HelloBytes, sent[:min(len(sent), len(c.HelloBytes))]) {
		j.differ(FactCapture, "the hello that the client sent", "another", at)
	}
	if got := ending(p.conn); got != want {
		j.differ(FactCapture, want, got, at)
	}
}

// ending says in a word how the packets end: the first FIN or RST, and whether the load balancer's RST came on a hello.
func ending(c *correlate.Conn) string {
	f := c.Capture
	switch {
	case f.FromServer.RSTFrame != 0 && f.Hello == nil:
		return "reset without a hello"
	case f.FromServer.RSTFrame != 0 && f.FromClient.RSTFrame == 0:
		return "hello, then reset"
	case f.Ending == capture.EndingFIN && f.FromServer.FINFrame != 0 && f.FromClient.FINFrame != 0:
		return "fin"
	}
	return fmt.Sprintf("%s by %s", f.Ending, f.EndedBy)
}

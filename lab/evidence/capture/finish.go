package capture

import "github.com/alblab/alblab/lab/wire"

// parsed is the memory of a conversation and all that it points to.
type parsed struct {
	conversation  Conversation
	hello, second wire.ClientHello
	server, retry wire.ServerHello
	alerts        [2]wire.Alert
}

// finish fills in the conversation of a connection that is given out. What it points to lies in m and in the connection.
func (c *conn) finish(m *parsed) *Conversation {
	v := &m.conversation
	ci, si := 1-c.server, c.server
	client, server := &c.sides[ci], &c.sides[si]
	*v = Conversation{} // and then in place, which a literal of this size is not
	v.Client, v.Server, v.VNI = c.addr(int(ci)).addrPort(c.v6), c.addr(int(si)).addrPort(c.v6), int(c.key.vni)
	v.Start, v.End, v.FirstFrame, v.EndFrame, v.Handshake = unix(c.start), unix(c.end), c.firstFrame, c.endFrame, c.shook
	v.ServerHelloFrame, v.Group, v.CertificateRequest, v.ClientCertificate = c.serverHelloFrame, c.group, c.request, c.certificate
	v.Ending, v.Evicted = c.ending, c.evicted
	client.direction(&v.FromClient, &m.alerts[0])
	server.direction(&v.FromServer, &m.alerts[1])
	if c.ending != EndingOpen {
		v.Ended, v.EndedBy = unix(c.ended), SideClient
		if c.endedBy == c.server {
			v.EndedBy = SideServer
		}
	}
	v.Incomplete = v.FromClient.Lost || v.FromServer.Lost || v.Handshake == HandshakeUnseen
	c.finishHello(v, m, client)
	c.finishAnswer(v, m)
	return v
}

// addr is the address of a side.
func (c *conn) addr(side int) end {
	if (side == 0) == c.low {
		return c.key.low
	}
	return c.key.high
}

// direction fills in what a side sent; d is empty.
func (s *side) direction(d *Direction, a *wire.Alert) {
	d.Packets, d.Bytes, d.Flags, d.MSS, d.Data, d.Segments = s.packets, s.bytes, s.flags, s.mss, s.data, int64(s.segments)
	d.Retransmitted, d.Fragments, d.Lost = int64(s.retransmitted), int64(s.fragments), s.lost || s.stream.gap()
	d.EncryptedAlerts, d.ChangeCipherSpec, d.AppData, d.LateHandshakes = int(s.sealedAlerts), s.ccs, int(s.appData), int(s.lateHandshakes)
	d.FINFrame, d.RSTFrame = s.finFrame, s.rstFrame
	if s.segments > 0 {
		d.DataEnd = unix(s.dataEnd)
	}
	if s.alerted {
		*a = wire.Alert{Level: s.alert[0], Description: s.alert[1]}
		d.Alert, d.AlertFrame = a, s.alertFrame
	}
}

// finishHello parses the client's hello.
func (c *conn) finishHello(v *Conversation, m *parsed, client *side) {
	if c.preface.n > 0 {
		v.Preface = c.preface.of(c.buf)
	}
	switch client.helloState {
	case helloCollect, helloWhole:
		v.HelloBytes = client.hello.of(c.buf)
		v.HelloSegments = int(client.helloN)
		if client.helloState == helloCollect {
			break
		}
		if err := m.hello.Parse(v.HelloBytes[5:]); err != nil {
			v.HelloErr = err
			break
		}
		m.hello.RecordVersion = wire.Version(be.Uint16(v.HelloBytes[1:]))
		v.Hello, v.HelloFrame = &m.hello, client.helloF
	case helloReader:
		h := client.reader
		if h.State() != wire.HelloComplete && v.Handshake == HandshakeUnseen {
			return // the capture begins in the middle
		}
		v.HelloBytes = h.Raw()
		switch h.State() {
		case wire.HelloComplete:
			v.Hello, v.HelloBytes = h.Hello(), v.HelloBytes[:min(h.Consumed(), len(v.HelloBytes))]
			v.HelloFrame = client.helloF
		case wire.HelloMalformed:
			v.HelloErr = h.Err()
		case wire.HelloNotTLS:
			v.NotTLS, v.HelloBytes = v.HelloBytes[:min(len(v.HelloBytes), 64)], nil
		}
		if len(v.HelloBytes) > 0 {
			v.HelloSegments = int(client.helloN)
		}
	}
}

// finishAnswer parses what the server said, and a second hello.
func (c *conn) finishAnswer(v *Conversation, m *parsed) {
	if c.retry.n > 0 && m.retry.Parse(c.retry.of(c.buf)) == nil {
		v.HelloRetry = &m.retry
	}
	if c.chosen.n > 0 && m.server.Parse(c.chosen.of(c.buf)) == nil {
		v.ServerHello = &m.server
	}
	if c.second.n > 0 && m.second.Parse(c.second.of(c.buf)) == nil { // what is wrong with it, the server says
		v.SecondHello = &m.second
	}
}

// finished returns a conversation of its own memory.
func (c *conn) finished() *Conversation {
	shared := c.buf // is used again
	c.buf = append([]byte(nil), shared...)
	v := c.finish(new(parsed))
	c.buf = shared
	return v
}

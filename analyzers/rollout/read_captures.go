package rollout

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// captures reads packet captures.
func (r *reader) captures(ctx context.Context, list []Input) error {
	file := uint32(0)
	return each(ctx, list, func(in io.Reader, o *evidence.Options) error {
		n := 0
		file++
		for conv, err := range capture.Connections(in, o, nil) {
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return fmt.Errorf("reading %s: %w", o.File, context.Cause(ctx))
			}
			switch {
			case evidence.IsDamage(err):
				r.damage(err)
			case err != nil:
				return err
			default:
				r.conversation(conv, file)
			}
		}
		return nil
	})
}

// conversation counts one connection of a capture. One that another file has shown (the same hosts captured twice, a capture and a
// mirror, a copy) does not count again.
func (r *reader) conversation(v *capture.Conversation, file uint32) {
	c := r.all
	c.stats.Captured++
	if r.o.Port != 0 && v.Server.Port() != r.o.Port {
		return
	}
	addr, at := v.Client.Addr().Unmap(), v.Start.UnixNano()
	now := sighting{at: at, server: hashed(v.Server), file: file, hello: v.Hello != nil}
	if r.captured[netip.AddrPortFrom(addr, v.Client.Port())].again(now) {
		c.stats.Repeated++
		return
	}
	offer, ja4 := 0, ""
	switch {
	case v.Hello != nil:
		ja4 = v.Hello.JA4()
		offer = c.offerHello(v.Hello, ja4, v.ServerHello != nil, refused(v))
	case v.HelloErr != nil && !v.FromClient.Lost:
		offer = c.offerHello(nil, "", false, refused(v))
	case v.ServerHello != nil: // the hello was not captured, or not all of it
		offer = c.offerSeen(answered(v))
	case v.HelloErr != nil:
		offer = c.offerSeen(Seen{})
	default:
		c.stats.NotTLS++
		return
	}
	var t *tally
	if ja4 == "" || r.o.By == ByAddress || r.o.By == ByNetwork {
		t = c.byAddress(addr)
	} else {
		t = c.byName(KindJA4, ja4)
		n := t.known()
		n.addrs = addExample(n.addrs, addr.String())
	}
	if v.Hello != nil && v.Hello.ServerName != "" {
		n := t.known()
		n.names = addExample(n.names, v.Hello.ServerName)
	}
	t.seen(at)
	t.use(offer, 1)
	c.stats.Connections++
	if len(r.captured) < maxCaptured {
		r.captured[netip.AddrPortFrom(addr, v.Client.Port())] = now
	}
}

// sighting is when and where a capture has a connection of a client's port.
type sighting struct {
	at     int64 // nanoseconds since 1970
	server uint32
	file   uint32 // 0: there is none
	hello  bool   // which settled the client
}

// again says whether this connection is one that another file has shown already, hello and all. Clocks of two hosts may differ a
// little; within one file, a client that takes the same port again has made another connection.
func (s sighting) again(now sighting) bool {
	const near = int64(5 * time.Second)
	return s.hello && s.file != now.file && s.server == now.server && now.at-s.at > -near && now.at-s.at < near
}

// hashed tells servers apart in less space than their addresses take.
func hashed(a netip.AddrPort) uint32 {
	b := a.Addr().Unmap().As16()
	return crc32.Update(crc32.ChecksumIEEE(b[:]), crc32.IEEETable, binary.BigEndian.AppendUint16(nil, a.Port()))
}

// refused says whether the server ended the connection upon the hello: by a fatal alert, FIN or RST in place of a ServerHello.
func refused(v *capture.Conversation) bool {
	if v.ServerHello != nil || v.HelloRetry != nil || v.FromServer.Lost {
		return false
	}
	return v.FromServer.Alert != nil || v.EndedBy == capture.SideServer
}

// answered is what a ServerHello says of a hello that was not captured.
func answered(v *capture.Conversation) Seen {
	s := Seen{Version: v.ServerHello.Version, Suite: v.ServerHello.Suite, Group: v.Group}
	if transport(s.Suite) {
		s.Group = wire.Group(0)
	}
	return s
}

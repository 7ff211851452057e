package rollout

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// captures reads packet captures.
func (r *reader) captures(ctx context.Context, list []Input) error {
	return each(ctx, list, func(in io.Reader, o *evidence.Options) error {
		n := 0
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
				r.conversation(conv)
			}
		}
		return nil
	})
}

// conversation counts one connection of a capture.
func (r *reader) conversation(v *capture.Conversation) {
	c := r.all
	c.stats.Captured++
	if r.o.Port != 0 && v.Server.Port() != r.o.Port {
		return
	}
	offer, ja4 := 0, ""
	switch {
	case v.Hello != nil:
		ja4 = v.Hello.JA4()
		offer = c.offerHello(v.Hello, ja4, v.ServerHello != nil)
	case v.HelloErr != nil && !v.FromClient.Lost:
		offer = c.offerHello(nil, "", false)
	case v.ServerHello != nil: // the hello was not captured, or not all of it
		offer = c.offerSeen(answered(v))
	case v.HelloErr != nil:
		offer = c.offerSeen(Seen{})
	default:
		c.stats.NotTLS++
		return
	}
	addr := v.Client.Addr().Unmap()
	var t *tally
	if ja4 == "" || r.o.By == ByAddress || r.o.By == ByNetwork {
		t = c.byAddress(addr)
	} else {
		t = c.byName(KindJA4, ja4)
		t.addrs = addExample(t.addrs, addr.String())
	}
	if v.Hello != nil {
		t.names = addExample(t.names, v.Hello.ServerName)
	}
	at := v.Start.UnixNano()
	t.seen(at)
	t.use(offer, 1)
	c.stats.Connections++
	if len(r.captured) < maxCaptured {
		r.captured[netip.AddrPortFrom(addr, v.Client.Port())] = at
	}
}

// answered is what a ServerHello says of a hello that was not captured.
func answered(v *capture.Conversation) Seen {
	s := Seen{Version: v.ServerHello.Version, Suite: v.ServerHello.Suite, Group: v.Group}
	if transport(s.Suite) {
		s.Group = wire.Group(0)
	}
	return s
}

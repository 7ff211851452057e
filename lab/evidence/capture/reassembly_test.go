package capture

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

// cutUp sends a stream's bytes as segments that overlap and come more than once, in any order. They cover all of it.
func cutUp(r *rand.Rand, f *flow, stream []byte) {
	type span struct{ from, to int }
	var all []span
	longest := 1 + r.IntN(1460)
	if len(stream)/longest > 400 { // more pieces than a side may hold
		longest = 1 + len(stream)/400
	}
	for at := 0; at < len(stream); {
		to := min(len(stream), at+1+r.IntN(longest))
		all = append(all, span{max(0, at-r.IntN(1+r.IntN(100))), to})
		for r.IntN(8) == 0 {
			all = append(all, span{at, to})
		}
		at = to
	}
	for range r.IntN(5) {
		from := r.IntN(len(stream))
		all = append(all, span{from, min(len(stream), from+1+r.IntN(1460))})
	}
	switch r.IntN(3) {
	case 0:
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	case 1: // neighbours change places
		for i := 1; i < len(all); i += 1 + r.IntN(4) {
			all[i-1], all[i] = all[i], all[i-1]
		}
	}
	base := f.cSeq
	for _, s := range all {
		f.cSeq = base + uint32(s.from)
		f.send(true, PSH|ACK, stream[s.from:s.to])
	}
	f.cSeq = base + uint32(len(stream))
}

// randomHello is a hello of any size in any number of records.
func randomHello(t testing.TB, r *rand.Rand) (records []byte) {
	t.Helper()
	o := &wire.EncodeOptions{PadTo: 200 + r.IntN(3000)}
	record := 0
	switch r.IntN(4) {
	case 0:
		record = 1 + r.IntN(o.PadTo)
	case 1:
		o.PadTo = 200 + r.IntN(15000)
	}
	msg, err := wire.AppendClientHello(nil, &wire.ClientHello{
		LegacyVersion: wire.TLS12, Random: bytes.Repeat([]byte{byte(r.Uint32())}, 32), Suites: []wire.Suite{0xc02f, wire.Suite(r.Uint32())},
		ServerName: "lab.alblab.example", HasGroups: true, Groups: []wire.Group{wire.X25519},
		Extensions: []uint16{wire.ExtServerName, wire.ExtSupportedGroups, wire.ExtPadding},
	}, o)
	require.NoError(t, err)
	return wire.AppendRecords(nil, msg, wire.TLS10, record)
}

// However the segments of a hello are cut, doubled, overlapped and put in order, the hello is the same, and so are its bytes.
func TestAnyOrderGivesTheSameHello(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		hello := randomHello(t, r)
		s := newScript(t)
		f := s.flow("203.0.113.10:40000", "10.0.1.10:443")
		f.cSeq = r.Uint32()
		f.open()
		cutUp(r, f, hello)
		f.send(false, RST|ACK, nil)
		c := s.one()
		require.NotNil(t, c.Hello, "seed %d: %v", seed, c.HelloErr)
		require.Equal(t, hello, c.HelloBytes, "seed %d", seed)
		require.Equal(t, "lab.alblab.example", c.Hello.ServerName)
		require.False(t, c.Incomplete, "seed %d", seed)
		require.EqualValues(t, len(hello), c.FromClient.Data)
		require.Equal(t, AnswerRST, c.Answer())
	}
}

// FuzzReassembly sends a hello in the pieces that the input names: two bytes each for where and how long. What is made of them is the
// hello, or a part of it that is said to be one.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 0, 255, 255})
	f.Add([]byte{0, 100, 2, 88, 0, 0, 0, 200})
	f.Add([]byte{1, 0, 1, 0, 0, 0, 1, 0, 0, 200, 0, 100, 2, 0, 1, 0})
	hello := hello11(f, 600)
	f.Fuzz(func(t *testing.T, pieces []byte) {
		s := newScript(t)
		c := s.flow("203.0.113.10:40000", "10.0.1.10:443")
		c.open()
		base := c.cSeq
		covered := make([]bool, len(hello))
		for len(pieces) >= 4 && len(s.packets) < 500 {
			from := int(be.Uint16(pieces)) % len(hello)
			to := min(len(hello), from+1+int(be.Uint16(pieces[2:])))
			pieces = pieces[4:]
			c.cSeq = base + uint32(from)
			c.send(true, PSH|ACK, hello[from:to])
			for i := from; i < to; i++ {
				covered[i] = true
			}
		}
		whole := 0
		for whole < len(hello) && covered[whole] {
			whole++
		}
		v := s.one()
		if !bytes.Equal(v.HelloBytes, hello[:whole]) && len(v.HelloBytes)+whole > 0 {
			t.Fatalf("%d bytes of the hello, want %d", len(v.HelloBytes), whole)
		}
		if (v.Hello != nil) != (whole == len(hello)) {
			t.Fatalf("hello %v with %d of %d bytes", v.Hello, whole, len(hello))
		}
	})
}

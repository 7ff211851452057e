package main

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/wire"
)

// hostileHellos are hellos of real clients.
func hostileHellos(t *testing.T) [][]byte {
	t.Helper()
	var all [][]byte
	for _, c := range catalog.All() {
		if h, err := c.Hello("lab.alblab.example"); err == nil && len(h) > 60 {
			all = append(all, h)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// mutations is how many damaged hellos are sent.
const mutations = 1200

// mutated sends hellos that are damaged, always the same ones, many at a time.
func (h *hostile) mutated(t *testing.T) {
	hellos := hostileHellos(t)
	var wg sync.WaitGroup
	work := make(chan uint64)
	for range 16 {
		wg.Go(func() {
			for seed := range work {
				rng := rand.New(rand.NewPCG(seed, 0x686f7374696c65))
				if err := h.send(mutate(rng, hellos[rng.IntN(len(hellos))]), rng); err != nil {
					t.Errorf("mutation %d: %v", seed, err)
				}
			}
		})
	}
	for seed := range uint64(mutations) {
		work <- seed
	}
	close(work)
	wg.Wait()
}

// send sends pieces, sees what comes, and leaves by FIN or by reset.
func (h *hostile) send(pieces [][]byte, rng *rand.Rand) error {
	c, err := h.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, p := range pieces {
		if _, err := c.Write(p); err != nil {
			return nil // it has been refused
		}
	}
	if rng.IntN(2) == 0 {
		_ = c.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1<<20))
	if rng.IntN(4) == 0 {
		return c.SetLinger(0)
	}
	return nil
}

// mutate damages a hello and cuts it into pieces. It is a function of the random numbers alone.
func mutate(rng *rand.Rand, hello []byte) [][]byte {
	b := slices.Clone(hello)
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(b))
		switch rng.IntN(9) {
		case 0: // bits flipped
			for range 1 + rng.IntN(8) {
				b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			}
		case 1: // cut short
			b = b[:max(at, 1)]
		case 2: // a length that lies: of the record, of the message, or anywhere
			lie := []int{3, 6, 7, at, at}[rng.IntN(5)]
			if lie+2 <= len(b) {
				binary.BigEndian.PutUint16(b[lie:], uint16(rng.Uint32()))
			}
		case 3: // in many records
			if len(b) > 9 && b[0] == 22 {
				b = wire.AppendRecords(nil, b[5:], wire.TLS10, 1+rng.IntN(60))
			}
		case 4: // empty records before it
			for range 1 + rng.IntN(40) {
				b = append([]byte{22, 3, 1, 0, 0}, b...)
			}
		case 5: // bytes put in
			extra := make([]byte, 1+rng.IntN(64))
			for i := range extra {
				extra[i] = byte(rng.Uint32())
			}
			b = slices.Insert(b, at, extra...)
		case 6: // another hello behind it
			b = append(b, hello...)
		case 7: // another type of record, or version
			b[rng.IntN(min(3, len(b)))] = byte(rng.Uint32())
		case 8: // something of it twice
			b = slices.Insert(b, at, b[at:min(len(b), at+rng.IntN(200))]...)
		}
	}
	var pieces [][]byte
	for size := 1 + rng.IntN(2*len(b)); len(b) > 0; {
		n := min(size, len(b))
		pieces = append(pieces, b[:n])
		b = b[n:]
		if len(pieces) > 64 {
			size = len(b) + 1
		}
	}
	return pieces
}

func TestMutateIsDeterministic(t *testing.T) {
	hello := hostileHellos(t)[0]
	a := mutate(rand.New(rand.NewPCG(3, 4)), hello)
	require.Equal(t, a, mutate(rand.New(rand.NewPCG(3, 4)), hello))
	require.NotEqual(t, a, mutate(rand.New(rand.NewPCG(3, 5)), hello))
}

package clients_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

// wireOf runs a curl with a manner against a peer that only listens, and returns the pieces that it read and the pauses.
func wireOf(t *testing.T, m *clients.Manner, answer []byte) (pieces [][]byte, slept []time.Duration, ended error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	next := make(chan struct{}, 1) // a piece was read
	got := make(chan [][]byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- nil
			return
		}
		defer c.Close()
		var all [][]byte
		for {
			b := make([]byte, 1<<16)
			n, err := c.Read(b)
			if n > 0 {
				all = append(all, b[:n])
				if len(all) == 1 && answer != nil {
					_, _ = c.Write(answer)
				}
				select {
				case next <- struct{}{}:
				default:
				}
			}
			if err != nil {
				ended = err
				got <- all
				return
			}
			if m.By == wire.EndingTimeout { // it would wait for us
				got <- all
				return
			}
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	sleep := func(d time.Duration) error {
		slept = append(slept, d)
		<-next
		return nil
	}
	_, err = clients.Do(ctx, m.Conn(conn, sleep), clients.Call{Profile: clients.Curl(), ServerName: "lab.example"})
	require.NoError(t, err)
	return <-got, slept, ended
}

func TestManner(t *testing.T) {
	t.Run("segments", func(t *testing.T) {
		m := &clients.Manner{Segment: 100, Pause: time.Second, Quit: clients.QuitHello}
		require.True(t, m.Pauses())
		pieces, slept, err := wireOf(t, m, nil)
		require.ErrorIs(t, err, io.EOF)
		hello := bytes.Join(pieces, nil)
		require.Len(t, pieces, (len(hello)+99)/100)
		require.Len(t, slept, len(pieces)-1)
		_, perr := wire.ParseHello(hello)
		require.NoError(t, perr)
	})
	t.Run("records", func(t *testing.T) {
		pieces, _, _ := wireOf(t, &clients.Manner{Record: 50, Quit: clients.QuitHello}, nil)
		hello := bytes.Join(pieces, nil)
		require.Equal(t, []byte{0, 50}, hello[3:5])
		require.Equal(t, byte(22), hello[55], "the next record")
		_, err := wire.ParseHello(hello)
		require.NoError(t, err)
	})
	t.Run("cut and reset", func(t *testing.T) {
		pieces, _, err := wireOf(t, &clients.Manner{Quit: clients.QuitHello, Cut: 60, By: wire.EndingReset}, nil)
		require.LessOrEqual(t, len(bytes.Join(pieces, nil)), 60)
		require.False(t, errors.Is(err, io.EOF), "a reset, not an end")
	})
	t.Run("no byte", func(t *testing.T) {
		pieces, _, err := wireOf(t, &clients.Manner{Quit: clients.QuitConnect}, nil)
		require.Empty(t, pieces)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("after the flight", func(t *testing.T) {
		pieces, _, err := wireOf(t, &clients.Manner{Quit: clients.QuitFlight}, []byte{22, 3, 3})
		require.Len(t, pieces, 1, "nothing but the hello")
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("silence until the peer ends it", func(t *testing.T) {
		m := &clients.Manner{Quit: clients.QuitHello, Cut: 10, By: wire.EndingTimeout}
		require.True(t, m.Pauses())
		pieces, _, _ := wireOf(t, m, nil)
		require.Len(t, bytes.Join(pieces, nil), 10)
	})
	t.Run("wait", func(t *testing.T) {
		m := &clients.Manner{Waits: []clients.Wait{{Before: 1, For: time.Minute}}, Quit: clients.QuitConnect}
		require.True(t, m.Pauses())
	})
	require.False(t, (*clients.Manner)(nil).Pauses())
}

package kernel_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/kernel"
	"github.com/alblab/alblab/lab/vnet"
)

const (
	inside      = "ALBLAB_KERNEL_INSIDE"
	unavailable = "UNAVAILABLE: "
)

// TestNetwork runs TestInside in namespaces of its own.
func TestNetwork(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := kernel.Command(t.Context(), self, "-test.run=^TestInside$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if _, said, ok := strings.Cut(string(out), unavailable); ok {
		t.Skipf("SKIPPED: %s", strings.SplitN(said, "\n", 2)[0])
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Skipf("SKIPPED: no namespaces of our own: %v", err)
	}
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestInside")
}

// TestInside carries a megabyte over each path: the tap sees whole packets, none longer than the path's MTU, and what is not
// to enter does not.
func TestInside(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("it runs within TestNetwork")
	}
	v4, v6 := netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("2001:db8:1::10")
	var mu sync.Mutex
	longest, rejected, lost := map[netip.Addr]int{}, 0, false
	c := kernel.Config{
		Paths: []kernel.Path{{To: v4, From: netip.MustParseAddr("203.0.113.10")}, {To: v6, From: netip.MustParseAddr("2001:db8::10"), MTU: 1300}},
		VNet: vnet.Config{
			Clock:   vnet.WallClock(),
			Nodes:   []vnet.Interface{{IPv4: v4, IPv6: v6}},
			Ingress: func(_ netip.Addr, port uint16) bool { return port == 443 },
			Tap: func(p *vnet.Packet) {
				mu.Lock()
				defer mu.Unlock()
				if p.Rejected {
					rejected++
				}
				to := v4
				if p.Data[0]>>4 == 6 {
					to = v6
				}
				longest[to] = max(longest[to], len(p.Data))
			},
			Fault: func(p *vnet.Packet) vnet.Fault { // the first long packet of all is lost, and sent again by the kernel
				mu.Lock()
				defer mu.Unlock()
				if !lost && p.Inbound && len(p.Data) > 1000 {
					lost = true
					return vnet.Fault{Drop: true}
				}
				return vnet.Fault{}
			},
		},
	}
	n, err := kernel.New(c)
	if errors.Is(err, kernel.ErrUnavailable) {
		t.Log(unavailable + err.Error())
		return
	}
	require.NoError(t, err)
	data := bytes.Repeat([]byte("alblab "), 150_000)
	for _, p := range c.Paths {
		l, err := n.Listen(netip.AddrPortFrom(p.To, 443))
		require.NoError(t, err)
		got := make(chan []byte)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				close(got)
				return
			}
			defer conn.Close()
			b, _ := io.ReadAll(conn)
			got <- b
		}()
		conn, err := net.Dial("tcp", netip.AddrPortFrom(p.To, 443).String())
		require.NoError(t, err)
		require.Equal(t, p.From.String(), conn.LocalAddr().(*net.TCPAddr).IP.String())
		_, err = conn.Write(data)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.True(t, bytes.Equal(data, <-got))
		require.NoError(t, l.Close())
	}
	d := net.Dialer{Timeout: 200e6}
	_, err = d.Dial("tcp", netip.AddrPortFrom(v4, 80).String())
	require.Error(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.True(t, lost)
	require.Positive(t, rejected)
	require.Equal(t, map[netip.Addr]int{v4: 1500, v6: 1300}, longest)
	require.NoError(t, n.Close())
}

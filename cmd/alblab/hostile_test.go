package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// TestHostile runs test suites for hostile TLS and floods against one serve command, at once. It must not stop, must answer a good
// client all the while, must leave nothing behind, and account for each connection: what the capture shows, what was
// printed and what the logs hold agree, port by port.
func TestHostile(t *testing.T) {
	hostileServe(t, func(*testing.T, *hostile) {}) // what the standard library starts once and keeps is no leak
	leaked := hostileServe(t, func(t *testing.T, h *hostile) {
		t.Run("suites", func(t *testing.T) {
			for _, s := range hostileSuites() {
				t.Run(s.name, func(t *testing.T) {
					program := tooltest.Need(t, s.program)
					t.Parallel()
					h.suite(t, program, s)
				})
			}
			t.Run("mutated", func(t *testing.T) { t.Parallel(); h.mutated(t) })
			t.Run("floods", func(t *testing.T) { t.Parallel(); h.floods(t) })
		})
	})
	require.Zero(t, leaked, "goroutines and open files are left behind")
}

// hostile is a serve command under attack.
type hostile struct {
	*served
	host, port, out string
	mu              sync.Mutex
	printed         []string
	dialled         map[uint16]int // connections of this test's own, by their port
}

// hostileServe runs serve while something is done to it, with a good client all the while, accounts for all connections, and
// returns how many goroutines and files are left over.
func hostileServe(t *testing.T, during func(*testing.T, *hostile)) (leaked int) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	goroutines, files := runtime.NumGoroutine(), descriptors()
	h := &hostile{out: filepath.Join(t.TempDir(), "bundle"), dialled: map[uint16]int{}}
	h.served = startServe(t, "--listen", "127.0.0.1:0", "--out", h.out)
	u, err := url.Parse(h.url)
	require.NoError(t, err)
	h.host, h.port = u.Hostname(), u.Port()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for line := range h.lines {
			h.mu.Lock()
			h.printed = append(h.printed, line)
			h.mu.Unlock()
		}
	}()
	stop := make(chan struct{})
	var answered atomic.Int64
	var good sync.WaitGroup
	good.Go(func() {
		client := h.client(t, &tls.Config{})
		for {
			if !h.ask(t, client) {
				return
			}
			answered.Add(1)
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	during(t, h)
	close(stop)
	good.Wait()
	h.ask(t, h.client(t, &tls.Config{}))
	require.Positive(t, answered.Load(), "the good client was never answered")
	h.stop()
	select {
	case code := <-h.code:
		require.Equal(t, exitDone, code, h.errs)
	case <-time.After(30 * time.Second):
		require.Fail(t, "serve does not end")
	}
	<-drained
	require.Empty(t, h.errs.String())
	h.account(t)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		runtime.GC() // os.File closes what was forgotten
		leaked = max(0, runtime.NumGoroutine()-goroutines) + max(0, descriptors()-files)
		if leaked == 0 {
			return 0
		}
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Logf("%d goroutines before, %d after; %d files before, %d after\n%s", goroutines, runtime.NumGoroutine(), files, descriptors(),
				stacks[:runtime.Stack(stacks, true)])
			return leaked
		}
	}
}

// ask is the good client: it must be answered.
func (h *hostile) ask(t *testing.T, client *http.Client) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		t.Error(err)
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		t.Errorf("the good client: %v", err)
		return false
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(body) != "alblab ok" {
		t.Errorf("the good client got %q, %v", body, err)
		return false
	}
	return true
}

func descriptors() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not on this system
	}
	return len(d)
}

// traffic is what a kind of evidence says of a port of the client's.
type traffic struct {
	conns              int
	lines              int // of the connection log
	inP, outP          int64
	inB, outB          int64
	printed, unwritten int // lines that serve printed; of those, of connections that leave no line in the log
}

// printedLine is a line of serve's about a connection.
var printedLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (\S+) https: (.*)$`)

// account compares capture, flow log, connection log and what was printed.
func (h *hostile) account(t *testing.T) {
	ports := map[uint16]*traffic{}
	of := func(p uint16) *traffic {
		if ports[p] == nil {
			ports[p] = &traffic{}
		}
		return ports[p]
	}
	for v, err := range capture.Conversations(h.open(t, "capture.pcap"), nil) {
		require.NoError(t, err)
		x := of(v.Client.Port())
		if v.Handshake == capture.HandshakeComplete {
			x.conns++
		}
		x.inP, x.inB = x.inP+v.FromClient.Packets, x.inB+v.FromClient.Bytes
		x.outP, x.outB = x.outP+v.FromServer.Packets, x.outB+v.FromServer.Bytes
	}
	for r, err := range connlog.Records(h.open(t, "connection.log"), nil) {
		require.NoError(t, err)
		of(r.ClientPort).lines++
	}
	for r, err := range flowlog.Records(h.open(t, "flow.log"), nil) {
		require.NoError(t, err)
		switch {
		case r.LogStatus != flowlog.OK || r.Action != flowlog.Accept:
		case r.DstPort == 443:
			x := of(uint16(r.SrcPort))
			x.inP, x.inB = x.inP-r.Packets, x.inB-r.Bytes
		default:
			x := of(uint16(r.DstPort))
			x.outP, x.outB = x.outP-r.Packets, x.outB-r.Bytes
		}
	}
	for _, line := range h.printed {
		require.NotContains(t, line, "lines not shown")
		m := printedLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		x := of(netip.MustParseAddrPort(m[1]).Port())
		x.printed++
		if strings.HasPrefix(m[2], "said nothing") || strings.Contains(m[2], "cannot carry this out") {
			x.unwritten++
		}
	}
	require.NotEmpty(t, ports)
	wrong := 0
	for p, x := range ports {
		ok := x.inP == 0 && x.inB == 0 && x.outP == 0 && x.outB == 0 && x.conns == x.printed && x.lines == x.printed-x.unwritten && x.conns >= h.dialled[p]
		if !ok {
			if wrong++; wrong < 20 {
				t.Errorf("port %d is not accounted for (flow records are taken off the capture's): %+v, dialled %d", p, *x, h.dialled[p])
			}
		}
	}
	for p := range h.dialled {
		require.Contains(t, ports, p, "no evidence of a connection from this port")
	}
	require.Zero(t, wrong)
}

// open reads a file of the bundle whole: it must not stay open.
func (h *hostile) open(t *testing.T, name string) io.Reader {
	b, err := os.ReadFile(filepath.Join(h.out, name))
	require.NoError(t, err)
	return bytes.NewReader(b)
}

// dial connects as one of this test's own clients.
func (h *hostile) dial() (*net.TCPConn, error) {
	c, err := net.Dial("tcp", net.JoinHostPort(h.host, h.port))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dialled[c.LocalAddr().(*net.TCPAddr).AddrPort().Port()]++
	return c.(*net.TCPConn), nil
}

// hostileSuite is a program that we did not write.
type hostileSuite struct {
	name, program string
	args          []string // {host}, {port} and {url} are filled in
	says          []string // regular expressions, in what it says
	never         []string
}

// hostileSuites are the test suites and floods that Debian has.
func hostileSuites() []hostileSuite {
	return []hostileSuite{
		{"testssl", "testssl", []string{"--quiet", "--color", "0", "--warnings", "batch", "--ip", "one", "-H", "-I", "-T", "-R", "-Z", "{host}:{port}"},
			[]string{`Heartbleed.*not vulnerable`, `CCS.*not vulnerable`, `Secure Client-Initiated Renegotiation +not vulnerable`, `POODLE|Fallback|TLS_FALLBACK_SCSV|SCSV`},
			[]string{`VULNERABLE \(NOT ok\)`}},
		// Its Heartbleed test ends the program where a reset overtakes what it sends.
		{"sslscan", "sslscan", []string{"--no-colour", "--show-sigs", "--no-heartbleed", "{host}:{port}"}, []string{`TLSv1\.3 +enabled`, `TLSv1\.1 +disabled`, `Accepted +TLSv1\.2|Preferred +TLSv1\.2`}, nil},
		{"nmap", "nmap", []string{"-Pn", "-p", "{port}", "--script",
			"+ssl-enum-ciphers,+ssl-heartbleed,+ssl-ccs-injection,+ssl-poodle,+ssl-dh-params,+sslv2,+sslv2-drown,+ssl-cert,+tls-alpn,+tls-ticketbleed", "{host}"},
			[]string{`TLSv1\.2:`, `open`}, []string{`State: VULNERABLE`}},
		{"gnutls-cli-debug", "gnutls-cli-debug", []string{"-p", "{port}", "{host}"}, []string{`for TLS 1\.2 .*yes`, `for TLS 1\.3 .*yes`}, nil},
		{"slow-headers", "slowhttptest", slow("-H"), []string{`Slowhttptest|slow`}, nil},
		{"slow-body", "slowhttptest", slow("-B"), []string{`Slowhttptest|slow`}, nil},
		{"slow-read", "slowhttptest", slow("-X"), []string{`Slowhttptest|slow`}, nil},
		{"handshake-flood", "openssl", []string{"s_time", "-connect", "{host}:{port}", "-new", "-time", "3"}, []string{`[1-9]\d* connections in`}, nil},
	}
}

func slow(mode string) []string {
	return []string{mode, "-c", "80", "-r", "80", "-l", "5", "-i", "1", "-p", "3", "-u", "{url}"}
}

// suite runs a program to its end.
func (h *hostile) suite(t *testing.T, program string, s hostileSuite) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	fill := strings.NewReplacer("{host}", h.host, "{port}", h.port, "{url}", h.url)
	var args []string
	for _, a := range s.args {
		args = append(args, fill.Replace(a))
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	cmd.WaitDelay = time.Second
	b, _ := cmd.CombinedOutput() // the exit code counts what it finds
	require.NoError(t, ctx.Err(), "it does not end: %s", b)
	for _, w := range s.says {
		require.Regexp(t, w, string(b))
	}
	for _, w := range s.never {
		require.NotRegexp(t, w, string(b))
	}
}

// floods are connections that go no further: silent ones, slow hellos, resets, and clients that ask for another handshake
// again and again.
func (h *hostile) floods(t *testing.T) {
	const each = 150
	var all []*net.TCPConn
	hello := hostileHellos(t)[0]
	for i := range 3 * each {
		c, err := h.dial()
		require.NoError(t, err)
		if i%3 > 0 {
			_, err = c.Write(hello[:i%3+i%200]) // a piece of a hello, or of its header
			require.NoError(t, err)
		}
		all = append(all, c)
	}
	for n := range 20 { // the slow ones go on, a byte at a time
		for i, c := range all {
			if i%3 == 2 {
				_, _ = c.Write(hello[2+i%200+n:][:1]) // the load balancer may have refused
			}
		}
	}
	for i, c := range all {
		if i%2 == 0 {
			require.NoError(t, c.SetLinger(0))
		}
		require.NoError(t, c.Close())
	}
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		return // the suites say so
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 10 {
		cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", net.JoinHostPort(h.host, h.port), "-tls1_2")
		cmd.Stdin = strings.NewReader("R\n")
		_ = cmd.Run() // it is reset
	}
	require.NoError(t, ctx.Err())
}

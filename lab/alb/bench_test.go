package alb

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wallClock is the computer's.
type wallClock struct{}

func (wallClock) Now() time.Time                                  { return time.Now() }
func (wallClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// startBench runs a load balancer that records, on the wall clock.
func startBench(b *testing.B, l Listener) *bench {
	return start(b, l, func(c *Config) {
		c.Clock = wallClock{}
		c.Recorder = nil
		c.Observe = nil
	})
}

// helloOf is the ClientHello of a configuration, as bytes.
func helloOf(t testing.TB, cfg *tls.Config) []byte {
	here, there := net.Pipe()
	defer here.Close()
	rec := &recordConn{Conn: here}
	go io.Copy(io.Discard, there)
	here.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	require.Error(t, tls.Client(rec, cfg).Handshake())
	return rec.sent
}

// BenchmarkRefused is experiment 1's hello over loopback: connect, hello, RST.
func BenchmarkRefused(b *testing.B) {
	lab := startBench(b, Listener{Policy: mustPolicy(b, "FS-1-2-Res-2020-10")})
	hello := helloOf(b, tls11())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 1)
		for pb.Next() {
			c, err := net.Dial("tcp", lab.addr)
			if err != nil {
				b.Error(err)
				return
			}
			c.Write(hello)
			if _, err := c.Read(buf); err == nil {
				b.Error("answered")
			}
			c.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conns/s")
}

// BenchmarkRefusedPipe is the load balancer's own share of it: no sockets.
func BenchmarkRefusedPipe(b *testing.B) {
	lab := startBench(b, Listener{Policy: mustPolicy(b, "FS-1-2-Res-2020-10")})
	hello := helloOf(b, tls11())
	b.ReportAllocs()
	for b.Loop() {
		here, there := net.Pipe()
		go here.Write(hello)
		lab.lb.ServeConn(there, testNode, "main")
		here.Close()
	}
}

// BenchmarkCompleted is one full handshake and one request a connection over loopback, client and server in one process.
func BenchmarkCompleted(b *testing.B) {
	for _, tt := range []struct {
		name, cert string
		version    uint16
		group      tls.CurveID
	}{
		{"rsa-tls12-p256", "rsa", tls.VersionTLS12, tls.CurveP256},
		{"p256-tls12-p256", "ecdsa", tls.VersionTLS12, tls.CurveP256},
		{"p256-tls13-x25519", "ecdsa", tls.VersionTLS13, tls.X25519},
	} {
		b.Run(tt.name, func(b *testing.B) {
			lab := startBench(b, Listener{Policy: mustPolicy(b, "TLS13-1-2-2021-06"), Certificates: []tls.Certificate{serverCert(b, tt.cert)}})
			cfg := clientConfig()
			cfg.MinVersion, cfg.MaxVersion, cfg.CurvePreferences = tt.version, tt.version, []tls.CurveID{tt.group}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c, err := net.Dial("tcp", lab.addr)
					if err != nil {
						b.Error(err)
						return
					}
					got, err := exchangeOver(tls.Client(c, cfg), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
					if err != nil || len(got) == 0 {
						b.Error(err)
					}
					c.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conns/s")
		})
	}
}

// BenchmarkRequests is requests on one kept connection.
func BenchmarkRequests(b *testing.B) {
	for _, h2 := range []bool{false, true} {
		b.Run(map[bool]string{false: "h1", true: "h2"}[h2], func(b *testing.B) {
			lab := startBench(b, Listener{})
			client := lab.httpsClient(b, h2)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := client.Get("https://" + testHost + "/")
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			client.CloseIdleConnections()
		})
	}
}

// BenchmarkVerify judges a client's chain.
func BenchmarkVerify(b *testing.B) {
	ts := testTrustStore(b)
	chain := parseChain(b, "good-intermediate")
	o := VerifyOptions{Now: newTestClock().Now()}
	b.ReportAllocs()
	for b.Loop() {
		if code := ts.Verify(chain, o); code != "" {
			b.Fatal(code)
		}
	}
}

package catalog

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/wire"
)

// program is a TLS client of this machine.
type program struct {
	name, family string
	year         int
	tool         string   // "" : this test itself
	version      []string // the command that tells it
	command      func(dir, port string) []string
	anyOrder     bool // it shuffles its extensions
	min          wire.Version
}

// programs are the clients that TestCaptured asks. Each command connects to 127.0.0.1 and names lab.alblab.example; what it
// says of the connection that then ends does not matter.
func programs() []program {
	const name = host
	return []program{
		{name: "curl %s (Debian 12)", family: "curl", year: 2023, tool: "curl", version: []string{"curl", "--version"},
			command: func(_, port string) []string {
				return []string{"curl", "-sk", "--resolve", name + ":" + port + ":127.0.0.1", "https://" + name + ":" + port + "/"}
			}},
		{name: "OpenSSL %s (Debian 12)", family: "OpenSSL", year: 2026, tool: "openssl", version: []string{"openssl", "version"},
			command: func(_, port string) []string {
				return []string{"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-servername", name}
			}},
		{name: "GnuTLS %s (Debian 12)", family: "GnuTLS", year: 2023, tool: "gnutls-cli", version: []string{"gnutls-cli", "--version"},
			command: func(_, port string) []string {
				return []string{"gnutls-cli", "--insecure", "--sni-hostname", name, "--port", port, "127.0.0.1"}
			}},
		{name: "Node %s", family: "Node", year: 2026, tool: "node", version: []string{"node", "--version"},
			command: func(_, port string) []string {
				return []string{"node", "-e", "require('https').get({host:'127.0.0.1',port:" + port + ",servername:'" + name + "',rejectUnauthorized:false}).on('error',()=>{})"}
			}},
		{name: "Java %s (OpenJDK)", family: "Java", year: 2025, tool: "java", version: []string{"java", "-version"}, min: wire.TLS12,
			command: func(dir, port string) []string { return []string{"java", filepath.Join(dir, "Hello.java"), port, name} }},
		{name: "Python %s (Debian 12)", family: "Python", year: 2023, tool: "/usr/bin/python3", version: []string{"/usr/bin/python3", "--version"},
			command: func(_, port string) []string {
				return []string{"/usr/bin/python3", "-c", "import http.client,ssl,socket\nc=ssl.create_default_context()\n" +
					"c.wrap_socket(socket.create_connection(('127.0.0.1'," + port + ")),server_hostname='" + name + "')"}
			}},
		{name: "Chromium %s (Debian 12)", family: "Chrome", year: 2026, tool: "chromium", version: []string{"chromium", "--version"}, anyOrder: true,
			command: func(dir, port string) []string {
				return []string{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(dir, "profile"),
					"--host-resolver-rules=MAP " + name + " 127.0.0.1", "--timeout=5000", "--dump-dom", "https://" + name + ":" + port + "/"}
			}},
		{name: "Go %s", family: "Go", year: 2026},
	}
}

const javaClient = `import javax.net.ssl.*;
import java.net.*;
import java.util.*;
class Hello {
	public static void main(String[] a) throws Exception {
		SSLSocket s = (SSLSocket) ((SSLSocketFactory) SSLSocketFactory.getDefault()).createSocket("127.0.0.1", Integer.parseInt(a[0]));
		SSLParameters p = s.getSSLParameters();
		p.setServerNames(List.of(new SNIHostName(a[1])));
		s.setSSLParameters(p);
		s.startHandshake();
	}
}
`

// TestCaptured lets the programs of this machine say hello and compares that with their files. With -update it writes them, and
// adds files for versions that are new; capture.sh does that. A version that has no file skips.
func TestCaptured(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a browser and a Java compiler: left out with -short")
	}
	for _, p := range programs() {
		t.Run(p.family, func(t *testing.T) {
			version := strings.TrimPrefix(runtime.Version(), "go")
			if p.tool != "" {
				tooltest.Need(t, p.tool)
				out, err := exec.CommandContext(t.Context(), p.version[0], p.version[1:]...).CombinedOutput()
				require.NoError(t, err)
				version = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`).FindString(string(out))
				require.NotEmpty(t, version, "%s", out)
			}
			short := version
			if p.family == "Chrome" {
				short, _, _ = strings.Cut(version, ".")
			}
			name := fmt.Sprintf(p.name, short)
			if _, err := ByName(name); err != nil && !*update {
				t.Skipf("there is no file of %s: capture.sh adds it", name)
			}
			c, err := FromHello(name, p.capture(t))
			require.NoError(t, err)
			c.Family, c.Version, c.Year = p.family, version, p.year
			c.Source = fmt.Sprintf("captured by capture.sh from %s %s on Debian 12", strings.Fields(p.name)[0], version)
			c.Min = max(c.Min, p.min)
			compareFile(t, c, p.anyOrder)
		})
	}
}

// capture returns the first hello that the program sends.
func (p *program) capture(t *testing.T) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer l.Close()
	hello := make(chan []byte, 100)
	go accept(l, hello)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	var done <-chan error
	if p.tool == "" {
		done = goClient(ctx, l.Addr().String())
	} else {
		done = p.start(t, ctx, port)
	}
	select {
	case b := <-hello:
		_ = l.Close()
		cancel()
		<-done
		return b
	case <-ctx.Done():
		require.Fail(t, "no hello came")
	}
	return nil
}

func (p *program) start(t *testing.T, ctx context.Context, port string) <-chan error {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Hello.java"), []byte(javaClient), 0o600))
	args := p.command(dir, port)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return done
}

func goClient(ctx context.Context, addr string) <-chan error {
	done := make(chan error, 1)
	go func() {
		tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, addr)
			}}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
		if err == nil {
			_, err = tr.RoundTrip(req)
		}
		done <- err
	}()
	return done
}

// accept reads the hello of each connection and ends it.
func accept(l net.Listener, hello chan<- []byte) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var r wire.HelloReader
			buf := make([]byte, 4096)
			for r.State() == wire.HelloNeedMore {
				n, err := conn.Read(buf)
				r.Feed(buf[:n])
				if err != nil {
					break
				}
			}
			if h := r.Hello(); h != nil && h.ServerName == host {
				hello <- r.Raw()
			}
		}()
	}
}

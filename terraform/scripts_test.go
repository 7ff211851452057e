package terraform_test

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// render fills a template of the forms ${name} and $${, all that ours use.
func render(t *testing.T, file string, values map[string]string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	text := regexp.MustCompile(`\$?\$\{(\w+)\}|\$\$\{`).ReplaceAllStringFunc(string(raw), func(m string) string {
		if rest, escaped := strings.CutPrefix(m, "$$"); escaped {
			return "$" + rest
		}
		v, ok := values[strings.Trim(m, "${}")]
		require.True(t, ok, "%s: no value for %s", file, m)
		return v
	})
	return text
}

// userData are the scripts that instances run at first start, as Terraform puts them together.
func userData(t *testing.T) map[string]string {
	t.Helper()
	expire := render(t, "modules/instance/expire.sh.tftpl", map[string]string{"expires_at": "2036-01-01T00:00:00Z"})
	echo, err := os.ReadFile("modules/target/echo.sh")
	require.NoError(t, err)
	capture := render(t, "modules/mirror/capture.sh.tftpl", map[string]string{"bucket": "b", "prefix": "captures", "region": "us-east-1"})
	return map[string]string{"target": expire + "\n" + string(echo), "mirror": expire + "\n" + capture, "check": read(t, "check")}
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// embedded is a script that another one writes by a here-document, between two lines.
func embedded(t *testing.T, script, word string) string {
	t.Helper()
	_, rest, ok := strings.Cut(script, "<<'"+word+"'\n")
	require.True(t, ok, "no here-document %s", word)
	text, _, ok := strings.Cut(rest, "\n"+word+"\n")
	require.True(t, ok)
	return text + "\n"
}

func TestScriptsAreBash(t *testing.T) {
	bash := tooltest.Need(t, "bash")
	scripts := userData(t)
	scripts["upload"] = embedded(t, scripts["mirror"], "SCRIPT")
	for name, script := range scripts {
		c := exec.CommandContext(t.Context(), bash, "-n")
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		require.Less(t, len(script), 16384, "%s: user data has at most 16 KB", name)
	}
}

func TestScriptsPassShellcheck(t *testing.T) {
	shellcheck := tooltest.Need(t, "shellcheck")
	scripts := userData(t)
	scripts["upload"] = embedded(t, scripts["mirror"], "SCRIPT")
	for name, script := range scripts {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=bash", "-")
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}

// The capturing instance rotates each minute, ends itself, uploads what is left when it stops.
func TestCaptureUnits(t *testing.T) {
	script := userData(t)["mirror"]
	require.Contains(t, script, "ExecStart=/usr/sbin/tcpdump -i ${INTERFACE} -n -U -s 0 -G 60 ")
	require.Contains(t, script, "%%Y%%m%%dT%%H%%M%%SZ.pcap udp dst port 4789\n", "systemd's % are doubled")
	require.Contains(t, script, "ExecStopPost=/usr/local/bin/alblab-upload once\n")
	require.Contains(t, script, "Persistent=true\n")
	require.NotContains(t, script, "$${", "an escape of the template is left")
}

// The uploader sends each file, again when it has grown, and keeps what could not be sent.
func TestUploader(t *testing.T) {
	bash := tooltest.Need(t, "bash")
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	// Stands in for the AWS CLI: notes what it is told; a file "refuse" makes it fail.
	write("aws", "#!/bin/bash\n[ ! -e "+dir+"/refuse ] || exit 1\necho \"$(basename \"$4\") $5\" >>"+dir+"/sent\n", 0o700)
	script := write("upload", embedded(t, userData(t)["mirror"], "SCRIPT"), 0o700)
	captures := filepath.Join(dir, "captures")
	require.NoError(t, os.Mkdir(captures, 0o700))
	run := func() string {
		c := exec.CommandContext(t.Context(), bash, script, "once")
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "DESTINATION=s3://b/captures", "ALBLAB_CAPTURES="+captures)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		sent, err := os.ReadFile(filepath.Join(dir, "sent"))
		if os.IsNotExist(err) {
			return ""
		}
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(dir, "sent")))
		return string(sent)
	}
	require.Empty(t, run(), "nothing to send")
	write("captures/20360101T000000Z.pcap", "one", 0o600)
	write("captures/20360101T000100Z.pcap", "two", 0o600)
	sent := run()
	require.Regexp(t, `(?m)^20360101T000000Z\.pcap s3://b/captures/\S+-20360101T000000Z\.pcap$`, sent)
	require.Equal(t, 2, strings.Count(sent, "\n"))
	write("refuse", "", 0o600)
	require.Empty(t, run())
	require.FileExists(t, filepath.Join(captures, "20360101T000000Z.pcap"), "what could not be sent is kept")
}

// The target answers as the embedded lab's does: the request line, the host, the headers.
func TestEchoAnswersWithHeaders(t *testing.T) {
	python := tooltest.Need(t, "python3")
	script := filepath.Join(t.TempDir(), "echo")
	require.NoError(t, os.WriteFile(script, []byte(embedded(t, userData(t)["target"], "PYTHON")), 0o700))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	c := exec.CommandContext(t.Context(), python, "-u", "-c", "import sys; print('up'); sys.stdout.flush(); sys.argv[1:]=['"+port+"']; exec(open('"+script+"').read())")
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+"/x?y=z", strings.NewReader("body"))
	require.NoError(t, err)
	req.Host = "lab.example.com"
	req.Header.Set("X-Amzn-Mtls-Clientcert-Subject", "CN=client")
	var res *http.Response
	require.Eventually(t, func() bool { // the port opens a moment after the program began
		res, err = http.DefaultClient.Do(req)
		return err == nil
	}, 20e9, 20e6)
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, []string{"Content-Length", "Content-Type", "Date"}, slices.Sorted(maps.Keys(res.Header)), "as the embedded lab's target: a comparison of the two would show another")
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(string(body), "POST /x?y=z HTTP/1.1\nHost: lab.example.com\n"), "%q", body)
	require.Contains(t, string(body), "X-Amzn-Mtls-Clientcert-Subject: CN=client\r\n")
}

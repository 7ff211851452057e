package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// realClient is a program that we did not write, and its calls.
type realClient struct {
	program string
	input   string // for its standard input, filled in as args are
	cases   []realCase
	// call runs one case. Where it is nil, batch runs all of them in one process and gives each its line of the output.
	call  func(t *testing.T, program, input string, args []string) realOutput
	batch func(t *testing.T, program string, args [][]string) map[string]realOutput
}

// realCase is one call to a listener of its own: so each record of the evidence is known to be of this call.
type realCase struct {
	name     string
	listener lab.Listener // the port is given to it; the certificate is rsa if it has none
	// args are the program's. {name}, {port}, {url} and the files that serve wrote are filled in: {ca}, {rsa}, {rsa-key},
	// {ecdsa}, {ecdsa-key}, {expired}, {expired-key}, {untrusted}, {untrusted-key}, and {upload}, 3 MB of zeros.
	args []string
	fail bool     // the program ends with an error
	exit int      // with this exit code, if it is not 0
	says []string // what the program says: regular expressions, filled in too
	want realWant
}

// realWant is what the evidence says of every connection of the case.
type realWant struct {
	connections             int    // 0: one or more, as the program likes
	status                  string // of the connection log, after "Failed:"; "" is Success
	protocol, cipher, group string // of both logs; "" where the handshake did not come to that
	kind                    string // of the access log's lines: https, h2
	requests                int    // lines of the access log; -1: one or more
	signature               string // analyze's conclusion
	also                    string // another that some of the connections may have
}

type realOutput struct {
	code int
	text string
}

// realLab is the one running lab of the test.
type realLab struct {
	*served
	ports map[string]string // of the doors, by case
	out   string
}

// TestRealClients lets curl, OpenSSL, GnuTLS, Node, Java and Chromium into the lab of one serve command: what they say
// themselves, what serve prints, what the logs hold and what analyze concludes must all agree.
func TestRealClients(t *testing.T) {
	clients := []realClient{curlClient(), opensslClient(), gnutlsClient(), nodeClient(), javaClient(), chromiumClient()}
	l := startReal(t, clients)
	called := map[string]bool{}
	t.Run("call", func(t *testing.T) {
		for _, c := range clients {
			t.Run(c.program, func(t *testing.T) {
				program := tooltest.Need(t, c.program)
				for _, k := range c.cases {
					called[c.program+"-"+k.name] = true
				}
				t.Parallel()
				l.call(t, program, c)
			})
		}
	})
	require.Equal(t, exitDone, l.end(t), l.errs)
	require.Empty(t, l.errs.String())
	if len(called) == 0 {
		t.Skip("SKIPPED: none of the programs is installed")
	}
	e := readReal(t, l)
	for _, c := range clients {
		for _, k := range c.cases {
			if name := c.program + "-" + k.name; called[name] {
				t.Run("evidence/"+name, func(t *testing.T) { e.check(t, name, k) })
			}
		}
	}
	require.Equal(t, e.metric.Sum, float64(e.metric.Found), e.metric.Words)
	require.Positive(t, e.metric.Found)
}

// realSpec is the lab with a listener for each case.
func realSpec(clients []realClient) lab.Spec {
	spec := lab.Spec{Listeners: map[string]lab.Listener{}}
	port := uint16(1000)
	for _, c := range clients {
		for _, k := range c.cases {
			k.listener.Port = port
			if k.listener.Certificate == "" {
				k.listener.Certificate = "rsa"
			}
			spec.Listeners[c.program+"-"+k.name] = k.listener
			port++
		}
	}
	return spec
}

func startReal(t *testing.T, clients []realClient) *realLab {
	t.Helper()
	b, err := json.Marshal(realSpec(clients))
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "spec.json")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "upload"), make([]byte, 3_000_000), 0o600))
	l := &realLab{out: filepath.Join(dir, "bundle"), ports: map[string]string{}}
	l.served = startServe(t, "--spec", file, "--out", l.out, "--listen", "127.0.0.1:0")
	door := regexp.MustCompile(`^listening on https://127\.0\.0\.1:(\d+)/ \(listener (\S+),`)
	for _, line := range l.all {
		if m := door.FindStringSubmatch(line); m != nil {
			l.ports[m[2]] = m[1]
		}
	}
	rsa := l.fill("", "{rsa-key}")[0] // the last that is written, when the lab already serves
	require.Eventually(t, func() bool { _, err := os.Stat(rsa); return err == nil }, 20*time.Second, 10*time.Millisecond)
	for _, c := range clients {
		require.NotEmpty(t, c.cases, c.program)
		for _, k := range c.cases {
			require.Contains(t, l.ports, c.program+"-"+k.name)
		}
	}
	return l
}

// fill puts ports and files into words of a case.
func (l *realLab) fill(name string, words ...string) []string {
	port := l.ports[name]
	r := []string{"{name}", name, "{port}", port, "{url}", "https://localhost:" + port + "/" + name, "{ca}", l.ca, "{upload}", filepath.Join(filepath.Dir(l.out), "upload")}
	for short, kind := range map[string]string{"rsa": "good-rsa", "ecdsa": "good-ecdsa", "expired": "expired", "untrusted": "untrusted"} {
		path := filepath.Join(filepath.Dir(l.ca), "client-"+kind)
		r = append(r, "{"+short+"}", path+".pem", "{"+short+"-key}", path+"-key.pem")
	}
	replacer := strings.NewReplacer(r...)
	filled := slices.Clone(words)
	for i := range filled {
		filled[i] = replacer.Replace(filled[i])
	}
	return filled
}

// call runs all cases of a program and checks what it says.
func (l *realLab) call(t *testing.T, program string, c realClient) {
	var outputs map[string]realOutput
	if c.batch != nil {
		var all [][]string
		for _, k := range c.cases {
			all = append(all, l.fill(c.program+"-"+k.name, append([]string{"name={name}", "url={url}", "ca={ca}"}, k.args...)...))
		}
		outputs = c.batch(t, program, all)
	}
	for _, k := range c.cases {
		t.Run(k.name, func(t *testing.T) {
			name := c.program + "-" + k.name
			out, ok := outputs[name]
			if c.batch == nil {
				out, ok = c.call(t, program, l.fill(name, c.input)[0], l.fill(name, k.args...)), true
			}
			require.True(t, ok, "%s says nothing; it says of others: %s", c.program, slices.Collect(maps.Keys(outputs)))
			switch {
			case k.exit != 0:
				require.Equal(t, k.exit, out.code, out.text)
			case k.fail:
				require.NotZero(t, out.code, out.text)
			default:
				require.Zero(t, out.code, out.text)
			}
			require.NotEmpty(t, k.says)
			for _, s := range l.fill(name, k.says...) {
				require.Regexp(t, s, out.text)
			}
		})
	}
}

// runProgram runs a program to its end and returns all that it says.
func runProgram(t *testing.T, program, input string, args []string) realOutput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // children of a killed program may hold its output
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "%s %s does not end:\n%s", program, args, &out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, "%s", &out)
	}
	return realOutput{cmd.ProcessState.ExitCode(), out.String()}
}

// batchLines runs a program once with an argument for each case: its fields, apart by tabs. Its output has a line for
// each case, which name finds in it; whether the call failed stands there too.
func batchLines(t *testing.T, program, script string, args [][]string, name, failed *regexp.Regexp) map[string]realOutput {
	t.Helper()
	all := []string{script}
	for _, a := range args {
		all = append(all, strings.Join(a, "\t"))
	}
	out := runProgram(t, program, "", all)
	require.Zero(t, out.code, out.text)
	lines := map[string]realOutput{}
	for line := range strings.Lines(out.text) {
		if m := name.FindStringSubmatch(line); m != nil {
			o := realOutput{text: line}
			if failed.MatchString(line) {
				o.code = 1
			}
			lines[m[1]] = o
		}
	}
	return lines
}

func portOf(l lab.Listener) string { return strconv.Itoa(int(l.Port)) }

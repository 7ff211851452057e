package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// labCapture is a capture of the lab: one client refused, one not.
func labCapture(t *testing.T) (path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "evidence")
	var errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"run", "tls-1-1-refused", "--out", dir}, strings.NewReader(""), io.Discard, &errs), errs.String())
	return filepath.Join(dir, "capture.pcap")
}

func captureOf(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"capture"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// Ctrl-C while more may come keeps what came.
func TestCaptureInterrupted(t *testing.T) {
	file, err := os.ReadFile(labCapture(t))
	require.NoError(t, err)
	r, w := io.Pipe()
	defer w.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	written := make(chan struct{})
	go func() {
		_, _ = w.Write(file)
		_, _ = w.Write(file[:1]) // is taken when what came before has been handed on
		close(written)
		interrupt() // and the pipe stays open
	}()
	var out, errs bytes.Buffer
	require.Zero(t, run(ctx, []string{"capture", "-"}, r, &out, &errs))
	<-written
	require.Contains(t, errs.String(), "alblab: warning: interrupted: these are the connections found so far\n")
	require.Contains(t, out.String(), "answer: rst")
	require.Contains(t, out.String(), " packets, 2 connections, 2 hellos\n")
}

// A damaged capture is read as far as it goes; --strict makes that an error.
func TestCaptureDamaged(t *testing.T) {
	path := labCapture(t)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	require.NoError(t, os.WriteFile(cut, file[:len(file)-20], 0o600))
	code, out, errs := captureOf(t, cut)
	require.Zero(t, code)
	require.Contains(t, out, "2 connections, 2 hellos")
	require.Regexp(t, `^alblab: warning: .*cut\.pcap:\d+: the file ends 20 bytes before the end of a packet, at byte \d+\n$`, errs)
	code, out, errs = captureOf(t, "--strict", cut)
	require.Equal(t, exitError, code)
	require.Contains(t, out, "2 connections, 2 hellos", "it is told all the same")
	require.Contains(t, errs, "alblab: error: 1 damaged place\n")
	for i := range 3000 { // many damaged places: few are told of
		at := 24 + i*97
		if at+4 >= len(file) {
			break
		}
		file[at] ^= 0xff
	}
	require.NoError(t, os.WriteFile(cut, file, 0o600))
	_, _, errs = captureOf(t, cut)
	require.LessOrEqual(t, strings.Count(errs, "\n"), fewWarnings+4, errs)
}

// JSON and CSV say the same of each connection.
func TestCaptureFormatsAgree(t *testing.T) {
	path := labCapture(t)
	_, lines, errs := captureOf(t, "--format", "json", path)
	require.Empty(t, errs)
	_, table, errs := captureOf(t, "--format", "csv", path)
	require.Empty(t, errs)
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(lines) {
		var c struct {
			Schema, File, Start, Client, Answer, Ending string
			Version, Cipher, Group                      *string
			Hello                                       struct {
				Server   string `json:"server_name"`
				JA3, JA4 string
				Versions []string
				Ciphers  []string
				Schemes  []string `json:"signature_schemes"`
			}
			FromClient struct{ Packets, Bytes json.Number } `json:"from_client"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &c), line)
		n++
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = rows[n][i]
		}
		require.Equal(t, "alblab.capture/1", c.Schema)
		require.Equal(t, row["start"], c.Start)
		require.Equal(t, row["client"]+":"+row["client_port"], c.Client)
		require.Equal(t, row["answer"], c.Answer)
		require.Equal(t, row["server_name"], c.Hello.Server)
		require.Equal(t, []string{row["ja3"], row["ja4"]}, []string{c.Hello.JA3, c.Hello.JA4})
		require.Equal(t, row["versions"], strings.Join(c.Hello.Versions, " "))
		require.Equal(t, row["ciphers"], strings.Join(c.Hello.Ciphers, " "))
		require.Equal(t, row["signature_schemes"], strings.Join(c.Hello.Schemes, " "))
		require.Equal(t, row["bytes_in"], c.FromClient.Bytes.String())
		require.Equal(t, row["cipher"] == "", c.Cipher == nil)
	}
	require.Equal(t, 2, n)
	require.Len(t, rows, 3)
}

// Names come from whoever connects: they are no formulas, no control characters, and no new columns.
func TestCaptureFields(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "lab.example": "lab.example", "=1+1": "'=1+1", "a,b": `"a,b"`, "a\"b\r\nc": "\"a\"\"b\r\nc\"", "@x,y": `"'@x,y"`,
	} {
		require.Equal(t, want, string(appendField(nil, in)), in)
	}
	for in, want := range map[string]string{"lab.example": `"lab.example"`, "a\"b": `"a\"b"`, "\x1b[1m": "\"\\u001b[1m\"", "\xff": `"\ufffd"`} {
		require.Equal(t, want, string(appendPlain(nil, in)))
	}
}

// The times are those of the standard library, in whatever order they come.
func TestClockText(t *testing.T) {
	const layout = "2006-01-02T15:04:05.000000000Z"
	var k clockText
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{
		midnight, midnight.Add(-1), midnight.Add(123456789), midnight.Add(23*time.Hour + 59*time.Minute + 59*time.Second + 1), midnight.AddDate(0, 0, 1),
		time.Unix(0, 0), time.Unix(0, -1), time.Unix(-86400, 0), time.Unix(-86401, 5), midnight.In(time.FixedZone("", 3600)), time.Unix(1<<33, 999_999_999),
	} {
		require.Equal(t, at.UTC().Format(layout), string(k.append(nil, at)))
	}
}

package capture

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/wire"
)

// tool runs a program of Wireshark's on files.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tooltest.Need(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// sample is a refused connection over each IP version, in a file.
func sample(t *testing.T) (path string, want []*Conversation) {
	t.Helper()
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	s.packets = append(s.packets, refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets...)
	path = filepath.Join(t.TempDir(), "sample.pcap")
	require.NoError(t, os.WriteFile(path, s.pcap(), 0o600))
	return path, conversations(t, s.pcap(), nil)
}

func load(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// Wireshark's converters write the same capture in each form that they know, and it reads the same.
func TestConvertedCaptures(t *testing.T) {
	path, want := sample(t)
	out := filepath.Join(t.TempDir(), "out")
	for _, form := range []string{"pcap", "nsecpcap", "pcapng", "modpcap"} {
		tool(t, "editcap", "-F", form, path, out)
		if form == "modpcap" { // Alexey Kuznetzov's, of before the year 2000: not ours, and said to be so
			_, errs := read(t, load(t, out))
			require.Contains(t, errs[0], "neither pcap nor pcapng")
			continue
		}
		got := conversations(t, load(t, out), nil)
		for _, c := range got {
			if form == "pcap" { // microseconds
				c.Start, c.End, c.Ended = c.Start.Add(789), c.End.Add(789), c.Ended.Add(789)
				c.FromClient.DataEnd = c.FromClient.DataEnd.Add(789)
			}
		}
		require.Equal(t, want, got, form)
	}
}

// Files merged are several interfaces of one pcapng, each with its link type; cut frames keep their lengths.
func TestMergedAndCutCaptures(t *testing.T) {
	path, want := sample(t)
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw.pcap")
	ip := refused(t, "198.51.100.7:5555", "10.0.1.10:443")
	dump := filepath.Join(dir, "dump.txt")
	var text strings.Builder
	for _, p := range ip.packets {
		fmt.Fprintf(&text, "%s\n000000", p.at.Format("15:04:05.000000000"))
		for _, b := range p.ip {
			fmt.Fprintf(&text, " %02x", b)
		}
		text.WriteString("\n\n")
	}
	require.NoError(t, os.WriteFile(dump, []byte(text.String()), 0o600))
	tool(t, "text2pcap", "-l", "101", "-t", "%H:%M:%S.%f", dump, raw)
	merged := filepath.Join(dir, "merged")
	tool(t, "mergecap", "-w", merged, "-a", path, raw)
	got := conversations(t, load(t, merged), nil)
	require.Len(t, got, 3)
	require.Equal(t, want[0].HelloBytes, got[0].HelloBytes)
	clients := map[string]bool{}
	for _, c := range got {
		clients[c.Client.String()] = c.Hello != nil && c.Answer() == AnswerRST
	}
	require.Equal(t, map[string]bool{"203.0.113.10:32768": true, "[2001:db8::10]:32768": true, "198.51.100.7:5555": true}, clients)

	cut := filepath.Join(dir, "cut")
	tool(t, "editcap", "-s", "100", path, cut)
	for _, c := range conversations(t, load(t, cut), nil) {
		require.Nil(t, c.Hello)
		require.True(t, c.FromClient.Lost)
		require.Equal(t, SideServer, c.EndedBy)
		require.EqualValues(t, 3, c.FromServer.Packets)
	}
	tool(t, "editcap", "-s", "40", path, cut) // into the headers
	var st Stats
	for _, err := range ConversationsWithin(bytes.NewReader(load(t, cut)), nil, &Limits{Stats: &st}) {
		require.NoError(t, err)
	}
	require.EqualValues(t, 12, st.Truncated)
}

// A capture that dumpcap takes of curl and openssl on loopback shows what they did, and tshark sees the same hellos.
func TestLiveCapture(t *testing.T) {
	dumpcap, curl, tshark, openssl := tooltest.Need(t, "dumpcap"), tooltest.Need(t, "curl"), tooltest.Need(t, "tshark"), tooltest.Need(t, "openssl")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	file := filepath.Join(t.TempDir(), "live.pcapng")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	dump := exec.CommandContext(ctx, dumpcap, "-i", "lo", "-f", "tcp port "+port, "-w", file, "-q")
	dump.Cancel = func() error { return dump.Process.Signal(os.Interrupt) }
	words, err := os.Create(filepath.Join(t.TempDir(), "words"))
	require.NoError(t, err)
	defer words.Close()
	dump.Stderr = words
	require.NoError(t, dump.Start())
	ended := make(chan error, 1)
	go func() { ended <- dump.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !begun(file) { // dumpcap has written the file's first blocks
		select {
		case err := <-ended:
			t.Skipf("SKIPPED: dumpcap may not capture here: %v: %s", err, load(t, words.Name()))
		case <-tick.C:
		}
	}
	url := "https://lab.alblab.example:" + port + "/"
	resolve := "lab.alblab.example:" + port + ":127.0.0.1"
	for _, args := range [][]string{{}, {"--tls-max", "1.2"}, {"--tls-max", "1.1"}, {"--http1.1"}} {
		_ = exec.CommandContext(ctx, curl, append(args, "-sk", "--max-time", "10", "--resolve", resolve, url)...).Run() // it may be refused
	}
	s := exec.CommandContext(ctx, openssl, "s_client", "-connect", "127.0.0.1:"+port, "-servername", "openssl.example", "-groups", "X448:P-256")
	_ = s.Run() // standard input is empty: it ends at once
	var got []*Conversation
	for got = over(load(t, file)); len(got) < 5 && ctx.Err() == nil; got = over(load(t, file)) { // the kernel gives it packets when it likes
		<-tick.C
	}
	stop()
	<-ended
	require.Len(t, got, 5)
	checkLive(t, got)
	theirs := tool(t, "tshark", "-n", "-r", file, "-d", "tcp.port=="+port+",tls", "-Y", "tls.handshake.type==1", "-T", "fields", "-e", "frame.number", "-e", "tls.handshake.ja3")
	for _, c := range got {
		require.Contains(t, theirs, fmt.Sprintf("%d\t%s\n", c.HelloFrame, c.Hello.JA3()), "%s", tshark)
	}
}

// over are the connections of a capture that have ended. Its last block may not be whole yet.
func over(file []byte) (all []*Conversation) {
	for c, err := range Conversations(bytes.NewReader(file), nil) {
		if err == nil && c.Ending != EndingOpen && c.FromClient.Data > 0 {
			all = append(all, c)
		}
	}
	return all
}

func checkLive(t *testing.T, got []*Conversation) {
	t.Helper()
	byFrame := map[int]*Conversation{}
	var order []int
	for _, c := range got {
		require.NotNil(t, c.Hello)
		require.False(t, c.Incomplete)
		byFrame[c.FirstFrame] = c
		order = append(order, c.FirstFrame)
	}
	sortInts(order)
	for i, want := range []struct {
		name    string
		answer  Answer
		version wire.Version
	}{
		{"lab.alblab.example", AnswerServerHello, wire.TLS13}, {"lab.alblab.example", AnswerServerHello, wire.TLS12},
		{"lab.alblab.example", AnswerAlert, 0}, {"lab.alblab.example", AnswerServerHello, wire.TLS13}, {"openssl.example", AnswerServerHello, wire.TLS13},
	} {
		c := byFrame[order[i]]
		require.Equal(t, want.name, c.Hello.ServerName)
		require.Equal(t, want.answer, c.Answer(), "connection %d", i)
		require.Equal(t, want.version, c.Version(), "connection %d", i)
	}
	alert, by := byFrame[order[2]].Alert()
	require.Equal(t, "protocol_version", alert.Name())
	require.Equal(t, SideServer, by)
	retry := byFrame[order[4]].HelloRetry
	require.NotNil(t, retry, "openssl sends a key of X448, which Go does not have")
	require.Equal(t, wire.SECP256R1, retry.Group)
	require.NotNil(t, byFrame[order[4]].SecondHello)
}

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/labtest/tooltest"
	"github.com/alblab/alblab/lab/wire"
)

func small(vxlan bool) traffic {
	return traffic{Packets: 6001, Connections: 500, Seed: 7, VXLAN: vxlan}
}

func made(t *testing.T, tr traffic) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := generate(&b, tr)
	require.NoError(t, err)
	require.Equal(t, tr.Packets, n)
	return b.Bytes()
}

// The same traffic is the same file, and holds what was asked for, plain as well as mirrored.
func TestGenerate(t *testing.T) {
	require.Equal(t, made(t, small(false)), made(t, small(false)))
	for _, vxlan := range []bool{false, true} {
		var st capture.Stats
		conns, hellos, answers := 0, 0, map[capture.Answer]int{}
		for c, err := range capture.Connections(bytes.NewReader(made(t, small(vxlan))), nil, &capture.Limits{Stats: &st}) {
			require.NoError(t, err)
			conns++
			if c.Hello != nil {
				hellos++
			}
			answers[c.Answer()]++
			require.False(t, c.Incomplete, "frame %d", c.FirstFrame)
			require.Equal(t, vxlan, c.VNI == 0x123456)
		}
		require.EqualValues(t, 6001, st.Frames)
		require.Equal(t, 500, conns)
		require.Equal(t, conns, hellos+answers[capture.AnswerNone])
		for _, a := range []capture.Answer{capture.AnswerServerHello, capture.AnswerAlert, capture.AnswerRST, capture.AnswerSilence, capture.AnswerNone} {
			require.NotZero(t, answers[a], a.String())
		}
	}
	_, err := generate(&bytes.Buffer{}, traffic{Packets: 10, Connections: 500})
	require.ErrorContains(t, err, "need")
}

// seen is what both say of a connection.
type seen struct {
	helloFrame                                            int
	serverName, alpn, versions, suites, groups, sigs, ja3 string
	answer                                                string // version and suite of the ServerHello
	alert                                                 string
	ends                                                  string // first FIN or RST: frame and port that sent it
}

// tshark sees the same: names, protocols, versions, suites, groups, schemes, JA3, answers, alerts, and who ended it.
func TestTsharkAgrees(t *testing.T) {
	tshark := tooltest.Need(t, "tshark")
	for _, vxlan := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "x.pcap")
		content := made(t, small(vxlan))
		require.NoError(t, os.WriteFile(file, content, 0o600))
		theirs := ask(t, tshark, file)
		ours := map[string]seen{}
		for c, err := range capture.Connections(bytes.NewReader(content), nil, nil) {
			require.NoError(t, err)
			ours[c.Client.String()] = of(c)
		}
		require.Len(t, ours, 500)
		for client, want := range theirs {
			// tshark also lists the schemes of delegated_credentials and signature_algorithms_cert.
			require.Contains(t, want.sigs, ours[client].sigs, "%s %+v", client, want)
			want.sigs = ours[client].sigs
			require.Equal(t, want, ours[client], client)
		}
		hellos := 0
		for _, o := range ours {
			if o.ja3 != "" {
				hellos++
			}
		}
		require.Greater(t, hellos, 400)
	}
}

func of(c *capture.Conversation) seen {
	var s seen
	if h := c.Hello; h != nil {
		s = seen{helloFrame: c.HelloFrame, serverName: h.ServerName, alpn: strings.Join(h.ALPN, ","), versions: hex(h.SupportedVersions), suites: hex(h.Suites),
			groups: hex(h.Groups), sigs: hex(h.Schemes), ja3: h.JA3()}
	}
	if c.ServerHello != nil {
		v := c.ServerHello.LegacyVersion
		s.answer = hex([]wire.Version{v}) + " " + hex([]wire.Suite{c.ServerHello.Suite})
	}
	if a, _ := c.Alert(); a != nil {
		s.alert = strconv.Itoa(int(a.Description))
	}
	switch c.EndedBy {
	case capture.SideClient:
		s.ends = strconv.Itoa(max(c.FromClient.FINFrame, c.FromClient.RSTFrame)) + " " + strconv.Itoa(int(c.Client.Port()))
	case capture.SideServer:
		s.ends = strconv.Itoa(max(c.FromServer.FINFrame, c.FromServer.RSTFrame)) + " 443"
	}
	return s
}

func hex[T ~uint16](ids []T) string {
	var all []string
	for _, id := range ids {
		all = append(all, "0x"+strconv.FormatUint(0x10000|uint64(id), 16)[1:])
	}
	return strings.Join(all, ",")
}

// ask has tshark's view of each connection that has any of it, by client.
func ask(t *testing.T, tshark, file string) map[string]seen {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(tshark, tsharkArgs(file)...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	fields := tsharkFields()
	all := map[string]seen{}
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, cells, len(fields))
		v := map[string]string{}
		for i, f := range fields {
			v[f] = cells[i]
		}
		sources := strings.Split(v["ip.src"], ",")
		client := sources[len(sources)-1] + ":" + v["tcp.srcport"]
		if v["tcp.srcport"] == "443" {
			client = "" // by stream
		}
		key := "stream " + v["tcp.stream"]
		s := all[key]
		s.take(v)
		all[key] = s
		if client != "" {
			all[key+" client"] = seen{ja3: client}
		}
	}
	byClient := map[string]seen{}
	for key, s := range all {
		if c, ok := all[key+" client"]; ok {
			byClient[c.ja3] = s
		}
	}
	require.Greater(t, len(byClient), 450)
	return byClient
}

// take adds what a frame shows.
func (s *seen) take(v map[string]string) {
	frame, _ := strconv.Atoi(v["frame.number"])
	types := "," + v["tls.handshake.type"] + ","
	if strings.Contains(types, ",1,") && s.helloFrame == 0 {
		s.helloFrame, s.serverName, s.alpn = frame, v["tls.handshake.extensions_server_name"], v["tls.handshake.extensions_alpn_str"]
		s.versions, s.suites = v["tls.handshake.extensions.supported_version"], v["tls.handshake.ciphersuite"]
		s.groups, s.sigs, s.ja3 = v["tls.handshake.extensions_supported_group"], v["tls.handshake.sig_hash_alg"], v["tls.handshake.ja3"]
	}
	if strings.Contains(types, ",2,") {
		s.answer = v["tls.handshake.version"] + " " + v["tls.handshake.ciphersuite"] // the last: behind a HelloRetryRequest comes the ServerHello
	}
	if d := v["tls.alert_message.desc"]; d != "" && s.alert == "" {
		s.alert = d
	}
	flags, _ := strconv.ParseUint(strings.TrimPrefix(v["tcp.flags"], "0x"), 16, 16)
	if flags&5 != 0 && s.ends == "" {
		s.ends = v["frame.number"] + " " + v["tcp.srcport"]
	}
}

// The program runs with small files.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds alblab")
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-packets", "3000", "-connections", "250", "-runs", "1", "-tshark", "", "-alblab", self(t)}, &out))
	require.Contains(t, out.String(), "plain.pcap: 3000 packets, 3000 packets of 250 connections, seed 1, ")
	require.Contains(t, out.String(), "VXLAN takes ")
}

// self is a program that takes any arguments.
func self(t *testing.T) string { return tooltest.Need(t, "true") }

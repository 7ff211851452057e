package embedded_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// tshark reads both captures without a complaint, and sees the hello, the SNI and the RST.
func TestTsharkReadsTheCaptures(t *testing.T) {
	tshark := tooltest.Need(t, "tshark")
	dir := t.TempDir()
	l := labtest.StartWith(t, experiment1, &embedded.Options{Dir: dir})
	require.NoError(t, refuse(t.Context(), l, lab.Vantage{}, hello(t)))
	require.NoError(t, refuse(t.Context(), l, lab.Vantage{Client: 1, IPv6: true}, hello(t)))
	_, err := l.Collect(t.Context())
	require.NoError(t, err)

	ask := func(file string, args ...string) []string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(tshark, append([]string{"-n", "-r", filepath.Join(dir, file), "-o", "tcp.check_checksum:TRUE",
			"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}, args...)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		// Root is told that it should not be; nothing else may be said.
		for line := range strings.Lines(stderr.String()) {
			require.Contains(t, line, "Running as user")
		}
		return strings.Fields(stdout.String())
	}
	fields := func(file, filter string, names ...string) []string {
		args := []string{"-Y", filter, "-T", "fields"}
		for _, n := range names {
			args = append(args, "-e", n)
		}
		return ask(file, args...)
	}
	for _, file := range []string{"capture.pcap", "mirror.pcapng"} {
		require.Len(t, fields(file, "frame", "frame.number"), 12, "%s: two refused connections of 6 packets", file)
		require.Empty(t, fields(file, "_ws.malformed || tcp.checksum.status==0 || ip.checksum.status==0 || tcp.analysis.flags", "frame.number"), file)
		require.Equal(t, []string{"lab.alblab.example", "lab.alblab.example"},
			fields(file, "tls.handshake.type==1", "tls.handshake.extensions_server_name"), file)
		require.Len(t, fields(file, "tcp.flags.reset==1 && tcp.srcport==443", "frame.number"), 2, file)
	}
	require.Equal(t, []string{"7777", "7778"}, unique(fields("mirror.pcapng", "vxlan", "vxlan.vni")))
}

func unique(all []string) (one []string) {
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			one = append(one, s)
		}
	}
	return one
}

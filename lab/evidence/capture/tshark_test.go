package capture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// tshark reads what both writers write without a complaint, and sees what is in it.
func TestTshark(t *testing.T) {
	tshark := tooltest.Need(t, "tshark")
	s := refused(t, "203.0.113.10:32768", "10.0.1.10:443")
	s.packets = append(s.packets, refused(t, "[2001:db8::10]:32768", "[2001:db8:1::10]:443").packets...)
	for name, file := range map[string][]byte{"capture.pcap": s.pcap(), "mirror.pcapng": s.mirror(0)} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, file, 0o600))
		show := func(filter string, fields ...string) []string {
			args := []string{"-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", filter, "-T", "fields"}
			for _, f := range fields {
				args = append(args, "-e", f)
			}
			var out, complaints bytes.Buffer
			cmd := exec.Command(tshark, args...)
			cmd.Stdout, cmd.Stderr = &out, &complaints
			require.NoError(t, cmd.Run(), complaints.String())
			for line := range strings.Lines(complaints.String()) {
				require.Contains(t, line, "Running as user", "tshark complains about %s", name)
			}
			return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		}
		require.Len(t, show("frame", "frame.number"), 12)
		require.Equal(t, []string{""}, show("_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags", "frame.number"))
		require.Equal(t, []string{"4\tlab.alblab.example", "10\tlab.alblab.example"},
			show("tls.handshake.type == 1", "frame.number", "tls.handshake.extensions_server_name"))
		require.Equal(t, []string{"6", "12"}, show("tcp.flags.reset == 1", "frame.number"))
		require.Equal(t, []string{"1767323045.000006789"}, show("frame.number == 1", "frame.time_epoch"))
		if name == "mirror.pcapng" {
			require.Equal(t, []string{"7777\t10.0.1.10,203.0.113.10"}, show("frame.number == 1", "vxlan.vni", "ip.src"))
		}
		// And we see the same as tshark, frame by frame.
		convs := conversations(t, file, nil)
		require.Len(t, convs, 2)
		for i, c := range convs {
			require.Equal(t, 4+6*i, c.HelloFrame)
			require.Equal(t, 6+6*i, c.EndFrame)
		}
	}
}

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// fullDiskScript lets 30 good clients and 30 that are refused talk to a lab whose folder has little room.
const fullDiskScript = `
mkdir small
mount -t tmpfs -o size=96k tmpfs small || exit 99
mkfifo pipe
alblab serve --listen 127.0.0.1:0 --out small/s >pipe 2>errors &
serve=$!
exec 3<pipe
while read -r line <&3; do
	case $line in
	*https://*) [ -n "$url" ] || url=$(echo "$line" | grep -o 'https://[^ ]*/') ;;
	Ctrl-C*) break ;;
	esac
done
cat <&3 >/dev/null &
for i in $(seq 30); do curl -s --cacert small/s/pki/ca.pem "$url" >/dev/null; done
for i in $(seq 30); do curl -s --tls-max 1.1 --cacert small/s/pki/ca.pem "$url"; done
for i in $(seq 100); do grep -q warning errors && break; sleep 0.1; done
cp errors during
kill -INT $serve
wait $serve
`

// TestServeFullDisk: what a full disk cannot take is told at once, and all of the evidence is kept elsewhere.
func TestServeFullDisk(t *testing.T) {
	tooltest.Need(t, "curl")
	unshare := tooltest.Need(t, "unshare")
	if out, err := exec.CommandContext(t.Context(), unshare, "-rm", "sh", "-c", "mount -t tmpfs -o size=96k tmpfs /mnt").CombinedOutput(); err != nil {
		t.Skipf("no file system may be mounted here, not even in a name space of one's own: %v: %s", err, out)
	}
	dir := t.TempDir()
	spare := filepath.Join(dir, "tmp")
	require.NoError(t, os.Mkdir(spare, 0o700))
	cmd := exec.CommandContext(t.Context(), unshare, "-rm", "sh", "-c", fullDiskScript)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+spare)
	out, err := cmd.CombinedOutput()
	errs, _ := os.ReadFile(filepath.Join(dir, "errors"))
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s%s", out, errs)
	require.Equal(t, exitError, exit.ExitCode(), "%s%s", out, errs)

	during, err := os.ReadFile(filepath.Join(dir, "during"))
	require.NoError(t, err)
	require.Regexp(t, `^alblab: warning: evidence cannot be written: .* no space left on device\n$`, string(during))
	said := strings.Split(strings.TrimSpace(string(errs)), "\n")
	require.Len(t, said, 3, "%s", errs)
	require.Regexp(t, `^alblab: error: keeping the evidence in small/s: `, said[1])
	m := regexp.MustCompile(`^alblab: hint: the evidence was kept in (\S+) instead`).FindStringSubmatch(said[2])
	require.NotNil(t, m, said[2])

	b, err := evidence.Open(os.DirFS(m[1]))
	require.NoError(t, err)
	require.NoError(t, b.Verify())
	connections, err := fs.ReadFile(b.FS, "connection.log")
	require.NoError(t, err)
	require.Equal(t, 60, strings.Count(string(connections), "\n"), "the refusals too")
	for _, f := range b.Manifest.Files {
		require.Zero(t, f.Lost, f.Name)
		require.Positive(t, f.Records, f.Name)
	}
}

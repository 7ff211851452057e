package redact_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/redact"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/scenarios"
)

// TestEveryScenario redacts the evidence of all scenarios. The analyzers must find the same before and after, but for names;
// and no identifier of the original may be left anywhere in the copy.
func TestEveryScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every scenario")
	}
	r, err := scenarios.Run(t.Context(), scenarios.Options{
		Start: func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return embedded.Start(ctx, spec, nil) },
		Seed:  1,
	})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, r.Save(dir))
	bundles := 0
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.Name() == evidence.ManifestName {
			bundles++
			folder := filepath.Dir(name)
			t.Run(filepath.Base(folder), func(t *testing.T) { checkBundle(t, folder) })
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, bundles, 1, "no bundle was found, or none below")
	t.Run("all", func(t *testing.T) { checkBelow(t, dir, bundles) })
}

// checkBelow redacts the whole folder of a run: each bundle in it must be there in the copy, with the same findings, and by the
// same key, so that the client of one is the client of the other.
func checkBelow(t *testing.T, from string, bundles int) {
	original, err := evidence.Open(os.DirFS(from))
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	o := redact.Options{Key: []byte("a key of sixteen bytes and more")}
	stats, err := redact.Bundle(t.Context(), original, to, o)
	require.NoError(t, err)
	require.Empty(t, stats.LeftOut)
	found := 0
	for i := range bundles {
		folder := scenarios.Folder(i)
		x, err := evidence.Open(os.DirFS(filepath.Join(from, folder)))
		require.NoError(t, err)
		y, err := evidence.Open(os.DirFS(filepath.Join(to, folder)))
		require.NoError(t, err)
		require.NoError(t, y.Verify(), "checksums of the manifest")
		require.Equal(t, findings(t, x), findings(t, y))
		nothingLeft(t, filepath.Join(from, folder), filepath.Join(to, folder))
		alone := filepath.Join(t.TempDir(), "alone")
		_, err = redact.Bundle(t.Context(), &evidence.Bundle{FS: x.FS, Manifest: x.Manifest}, alone, redact.Options{Key: o.Key, LeaveOut: true})
		require.NoError(t, err)
		one, err := os.ReadFile(filepath.Join(alone, "access.log"))
		require.NoError(t, err)
		other, err := os.ReadFile(filepath.Join(to, folder, "access.log"))
		require.NoError(t, err)
		require.Equal(t, string(one), string(other), "the same key")
		found++
	}
	require.Equal(t, bundles, found)

	require.NoError(t, os.WriteFile(filepath.Join(from, scenarios.Folder(1), "notes.txt"), []byte("notes"), 0o600))
	original, err = evidence.Open(os.DirFS(from))
	require.NoError(t, err)
	var unknown *redact.UnknownError
	_, err = redact.Bundle(t.Context(), original, filepath.Join(t.TempDir(), "copy"), o)
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{scenarios.Folder(1) + "/notes.txt"}, unknown.Names)
}

func checkBundle(t *testing.T, from string) {
	original, err := evidence.Open(os.DirFS(from))
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	stats, err := redact.Bundle(t.Context(), original, to, redact.Options{Key: []byte("a key of sixteen bytes and more"), LeaveOut: true})
	require.NoError(t, err)
	own := slices.DeleteFunc(stats.Files, func(f redact.FileStats) bool { return strings.Contains(f.From, "/") }) // not those of bundles below
	require.Len(t, own, len(original.Manifest.Files))
	redacted, err := evidence.Open(os.DirFS(to))
	require.NoError(t, err)
	require.NoError(t, redacted.Verify(), "checksums of the manifest")
	for i, f := range original.Manifest.Files {
		g := redacted.Manifest.Files[i]
		require.Equal(t, []any{f.Name, f.Kind, f.Format}, []any{g.Name, g.Kind, g.Format})
		if f.Kind != evidence.KindMetrics { // a document, not records
			require.Equal(t, f.Records, g.Records, f.Name)
		}
	}
	require.Equal(t, findings(t, original), findings(t, redacted))
	require.NotEmpty(t, findings(t, original))
	sameCaptures(t, original, redacted)
	nothingLeft(t, from, to)
}

// findings are what the analyzers find, without names and addresses.
func findings(t *testing.T, b *evidence.Bundle) []string {
	t.Helper()
	r, err := analyzers.Run(t.Context(), b, signatures.All(), nil)
	require.NoError(t, err)
	var list []string
	for _, f := range r.Findings {
		var cites []string
		for _, c := range f.Cites {
			cites = append(cites, c.String())
		}
		slices.Sort(cites)
		s := fmt.Sprintf("%s %s %v %v %v", f.Signature, f.Certainty, f.Causes, f.Basis, cites)
		if f.Conn != nil {
			s += fmt.Sprintf(" %d>%d %s %s in %v out %v requests %d", f.Conn.Client.Port(), f.Conn.Server.Port(), f.Conn.Start, f.Conn.End, f.Conn.In, f.Conn.Out, f.Conn.Requests)
		}
		if f.Decision != nil {
			s += " " + f.Decision.String()
		}
		list = append(list, s)
	}
	list = append(list, fmt.Sprintf("%d connections, %d failures, %d undecided, %d clients, damaged %d", r.Connections, r.Failures, r.Undecided, len(r.Clients), r.Damaged))
	slices.Sort(list)
	return list
}

// sameCaptures: packets keep number, time, length, ports, flags; hellos keep their fingerprint.
func sameCaptures(t *testing.T, a, b *evidence.Bundle) {
	for _, f := range a.Manifest.Files {
		if f.Kind != evidence.KindCapture && f.Kind != evidence.KindMirror {
			continue
		}
		x, y := packets(t, a, f.Name), packets(t, b, f.Name)
		require.NotEmpty(t, x)
		require.Len(t, y, len(x))
		for i := range x {
			require.Equal(t, x[i], y[i])
		}
	}
}

func packets(t *testing.T, b *evidence.Bundle, name string) []string {
	t.Helper()
	in, err := b.OpenFile(name)
	require.NoError(t, err)
	defer in.Close()
	var list []string
	for p, err := range capture.Packets(in, nil) {
		if err != nil {
			list = append(list, err.Error())
			continue
		}
		list = append(list, fmt.Sprint(p.Number, p.Time, p.VNI, p.Src.Port(), p.Dst.Port(), p.Protocol, p.IPLen, p.Truncated, p.Flags, p.Seq, p.Ack, p.Window, p.MSS, len(p.Payload)))
	}
	in, err = b.OpenFile(name)
	require.NoError(t, err)
	defer in.Close()
	var talks []string
	for c, err := range capture.Conversations(in, nil) {
		if err != nil {
			continue
		}
		s := fmt.Sprint(c.Client.Port(), c.FirstFrame, c.EndFrame, c.HelloErr != nil, c.HelloSegments, c.Ending, c.EndedBy, c.CertificateRequest, c.ClientCertificate, c.Group, c.Answer(), len(c.NotTLS), c.Version(), c.Suite())
		if c.Hello != nil {
			s += c.Hello.JA4() + c.Hello.JA3()
		}
		talks = append(talks, s)
	}
	slices.Sort(talks)
	return append(list, talks...)
}

var (
	identifiers = regexp.MustCompile(`\b\d{12}\b|\b(?:eni|vpc|subnet|i)-[0-9a-f]{8,}|TID_[0-9a-f]{32}|Root=1-[0-9a-f]{8}-[0-9a-f]{24}|/[0-9a-f]{16}\b|certificate/[0-9a-f-]{36}|\b[0-9A-F]{32}\b|CN=[^",]+|O=[^",]+`)
	ipv4s       = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	ipv6s       = regexp.MustCompile(`\b2001:db8[0-9a-f:]*`)
)

// nothingLeft greps the copy for what the original has: identifiers, addresses as text and as bytes, host names.
func nothingLeft(t *testing.T, from, to string) {
	gone := map[string]bool{"alblab.example": true, "alblab test": true, "app/alblab": true, "webacl/alblab": true}
	addrs := map[netip.Addr]bool{}
	for _, name := range []string{"access.log", "connection.log", "flow.log", "waf.log", "metrics.json", "manifest.json"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			continue
		}
		for _, s := range identifiers.FindAllString(string(b), -1) {
			gone[strings.TrimLeft(s, "/")] = true
		}
		for _, s := range append(ipv4s.FindAllString(string(b), -1), ipv6s.FindAllString(string(b), -1)...) {
			if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() {
				addrs[a] = true
				gone[s] = true
			}
		}
	}
	require.Greater(t, len(gone), 10, "too few identifiers were found")
	require.Greater(t, len(addrs), 1)
	err := filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		low := bytes.ToLower(b)
		for s := range gone {
			require.NotContains(t, string(low), strings.ToLower(s), "%s of the original is in %s", s, d.Name())
		}
		require.NotContains(t, string(low), hex.EncodeToString([]byte("alblab.example")), d.Name())
		return nil
	})
	require.NoError(t, err)
	for _, name := range []string{"capture.pcap", "mirror.pcapng"} {
		checkPackets(t, filepath.Join(to, name), addrs)
	}
}

// checkPackets looks for the original's addresses in the headers.
func checkPackets(t *testing.T, name string, addrs map[netip.Addr]bool) {
	in, err := os.Open(name)
	if os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	defer in.Close()
	for p, err := range capture.Packets(in, nil) {
		if err == nil {
			require.False(t, addrs[p.Src.Addr()], "%s in %s", p.Src, name)
			require.False(t, addrs[p.Dst.Addr()], "%s in %s", p.Dst, name)
		}
	}
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	for a := range addrs {
		if a.Is4() && cmp.Compare(a.As4()[0], 100) > 0 { // 10.0.1.10 and the like are bytes that occur by chance
			s := a.As4()
			require.False(t, bytes.Contains(b, s[:]), "%s as bytes in %s", a, name)
		}
	}
}

// TestUnknownIsRefused: a file that no reader is there for is neither read nor copied.
func TestUnknownIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "connection.log"), []byte("2026-01-01T00:00:05.000000Z 203.0.113.10 32768 8443 - - - \"-\" - - - TID_817aa9c0e49f10598ca2214ec267f7a8\nnonsense 203.0.113.10\n\n2026-01-01T00:00:06.000000Z 203.0.113.10 32769 8443 - - - \"-\" - - - TID_817aa9c0e49f10598ca2214ec267f7a9\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("the customer is 203.0.113.10"), 0o600))
	b, err := evidence.Open(os.DirFS(dir))
	require.NoError(t, err)
	o := redact.Options{Key: make([]byte, 16)}
	_, err = redact.Bundle(t.Context(), b, filepath.Join(t.TempDir(), "a"), o)
	var unknown *redact.UnknownError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{"notes.txt"}, unknown.Names)

	o.LeaveOut = true
	to := filepath.Join(t.TempDir(), "b")
	stats, err := redact.Bundle(t.Context(), b, to, o)
	require.NoError(t, err)
	require.Equal(t, []string{"notes.txt"}, stats.LeftOut)
	require.EqualValues(t, 1, stats.Files[0].Damaged)
	out, err := os.ReadFile(filepath.Join(to, "connection.log"))
	require.NoError(t, err)
	lines := strings.Split(string(out), "\n")
	require.Equal(t, "redacted damaged line", lines[1])
	require.Empty(t, lines[2], "lines keep their numbers")
	require.Contains(t, lines[3], " 32769 8443 ")
	require.NotContains(t, string(out), "203.0.113.10")
	_, err = os.Stat(filepath.Join(to, "notes.txt"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	o.Key = []byte("short")
	_, err = redact.Bundle(t.Context(), b, filepath.Join(t.TempDir(), "c"), o)
	require.ErrorContains(t, err, "16 bytes")
}

package evidence

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// spilled makes a store in a folder whose flow log's disk takes room bytes.
func spilled(t *testing.T, room int, memory int64) (s *Store, a *Appender, disk *fullDisk, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := NewStore(dir, &StoreOptions{Spill: true, MaxMemory: memory})
	require.NoError(t, err)
	a = appendTo(t, s, "flow.log", KindFlow)
	require.NoError(t, a.sink.close())
	disk = &fullDisk{room: room}
	a.sink = disk
	return s, a, disk, dir
}

// numbered writes records of 14 bytes.
func numbered(t *testing.T, a *Appender, n int) (want string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		line := fmt.Sprintf("record %d\n", 100_000+i)
		b.WriteString(line)
		_, err := a.Write([]byte(line))
		require.NoError(t, err)
	}
	return b.String()
}

// TestSpill: wherever the disk fails, every record is in the bundle once, and the folder's manifest tells what the folder has.
func TestSpill(t *testing.T) {
	for _, room := range []int{0, 1, 13, 14, 15, storeBuffer - 1, storeBuffer, storeBuffer + 1, 100_005, 139_999} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			s, a, disk, dir := spilled(t, room, 0)
			want := numbered(t, a, 10_000)
			require.EqualError(t, s.Flush(), "writing flow.log: no space left on device")
			want += numbered(t, a, 10_000)
			require.NoError(t, s.Flush(), "told once")
			require.NoError(t, s.Put(File{Name: "metrics.json", Kind: KindMetrics, Records: 2}, []byte("[]")))
			first, err := s.Snapshot(Manifest{})
			require.NoError(t, err)
			late := want + numbered(t, a, 100)
			b, err := s.Seal(Manifest{})
			require.NoError(t, err)
			for _, x := range []struct {
				b    *Bundle
				want string
			}{{first, want}, {b, late}} {
				require.NoError(t, x.b.Verify())
				got, err := fs.ReadFile(x.b.FS, "flow.log")
				require.NoError(t, err)
				require.Equal(t, x.want, string(got))
				require.EqualValues(t, len(x.want)/14, x.b.Manifest.Files[0].Records)
				require.Zero(t, x.b.Manifest.Files[0].Lost)
				require.NoError(t, fstest.TestFS(x.b.FS, "flow.log", "metrics.json"))
			}
			require.Equal(t, late[:room/14*14], string(disk.got), "whole records only")

			left, err := os.ReadFile(filepath.Join(dir, "flow.log"))
			require.NoError(t, err)
			require.Empty(t, left)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "flow.log"), disk.got, 0o600))
			folder, err := Open(os.DirFS(dir))
			require.NoError(t, err)
			require.NoError(t, folder.Verify())
			require.EqualValues(t, len(disk.got)/14, folder.Manifest.Files[0].Records)
			require.EqualValues(t, (len(late)-len(disk.got))/14, folder.Manifest.Files[0].Lost)

			spare := filepath.Join(t.TempDir(), "spare")
			require.NoError(t, b.Save(spare))
			saved, err := Open(os.DirFS(spare))
			require.NoError(t, err)
			require.NoError(t, saved.Verify())
			require.Equal(t, b.Manifest.Files, saved.Manifest.Files)
		})
	}
}

// TestSpillMemoryFull: memory is bounded too; then records are counted as lost, and that is told as well.
func TestSpillMemoryFull(t *testing.T) {
	s, a, _, _ := spilled(t, 100_005, 100_000)
	want := numbered(t, a, 40_000)
	err := s.Flush()
	require.ErrorIs(t, err, ErrNoRoom)
	b, err := s.Seal(Manifest{})
	require.NoError(t, err, "told once")
	got, err := fs.ReadFile(b.FS, "flow.log")
	require.NoError(t, err)
	f := b.Manifest.Files[0]
	require.EqualValues(t, len(got)/14, f.Records)
	require.EqualValues(t, 40_000, f.Records+f.Lost)
	require.Greater(t, len(got), 100_005, "some of memory was used")
	require.LessOrEqual(t, len(got), 200_005)
	require.Equal(t, want[:len(got)], string(got))
	spare := t.TempDir()
	require.NoError(t, b.Save(spare))
	m, err := ReadManifest(os.DirFS(spare))
	require.NoError(t, err)
	require.Equal(t, f.Lost, m.Files[0].Lost, "what is lost stays said")
}

// TestSpillPut: a file that is replaced whole stays in memory once its disk has failed, and is not there twice.
func TestSpillPut(t *testing.T) {
	s, err := NewStore(t.TempDir(), &StoreOptions{Spill: true})
	require.NoError(t, err)
	f := File{Name: "metrics.json", Kind: KindMetrics, Records: 3}
	require.NoError(t, s.Put(f, []byte("first")))
	a := appendTo(t, s, "metrics.json", KindMetrics)
	require.NoError(t, a.sink.close())
	a.sink = &fullDisk{room: 2}
	for _, text := range []string{"second", "the third", "4"} {
		require.NoError(t, s.Put(f, []byte(text)))
		b, _ := s.Snapshot(Manifest{})
		require.NoError(t, b.Verify())
		got, err := fs.ReadFile(b.FS, "metrics.json")
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		require.EqualValues(t, 3, b.Manifest.Files[0].Records)
	}
}

// TestSpillFolderGone: a file that the folder cannot begin is one of memory.
func TestSpillFolderGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s, err := NewStore(dir, &StoreOptions{Spill: true})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600), "a file in the folder's place")
	require.NoError(t, s.Put(File{Name: "metrics.json", Kind: KindMetrics, Records: 1}, []byte("kept")))
	b, err := s.Seal(Manifest{})
	require.ErrorContains(t, err, "writing metrics.json: making the evidence folder")
	got, err := fs.ReadFile(b.FS, "metrics.json")
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
}

// TestAnnounce: a run that is killed leaves a folder that says what it is of.
func TestAnnounce(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStore(dir, nil)
	require.NoError(t, err)
	a := appendTo(t, s, "flow.log", KindFlow)
	require.NoError(t, s.Announce(Manifest{Lab: "embedded", Spec: []byte(`{"a":1}`)}))
	numbered(t, a, 3)
	require.NoError(t, s.Flush())
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "pki"), 0o700))
	b, err := Open(os.DirFS(dir))
	require.NoError(t, err)
	require.NoError(t, b.Verify())
	require.JSONEq(t, `{"a":1}`, string(b.Manifest.Spec))
	require.Equal(t, []File{{Name: "flow.log", Kind: KindFlow, Records: -1}}, b.Manifest.Files)
	require.NoError(t, s.Close())

	memory, err := NewStore("", nil)
	require.NoError(t, err)
	require.NoError(t, memory.Announce(Manifest{}))
}

// TestCertificatesLeftOut: what a lab writes for its clients is no evidence, and nothing to warn of.
func TestCertificatesLeftOut(t *testing.T) {
	b, err := Open(fstest.MapFS{
		"pki/ca.pem": {Data: []byte("-----BEGIN CERTIFICATE-----")}, "ca.pem": {Data: []byte("-----BEGIN CERTIFICATE-----")},
	})
	require.NoError(t, err)
	require.Equal(t, []Skipped{{Name: "ca.pem", Reason: "not recognised as evidence"}}, b.Skipped)
}

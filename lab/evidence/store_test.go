package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bothStores runs the test with a folder and with memory; dir is "" for memory.
func bothStores(t *testing.T, run func(t *testing.T, dir string)) {
	t.Run("folder", func(t *testing.T) { run(t, filepath.Join(t.TempDir(), "new", "out")) })
	t.Run("memory", func(t *testing.T) { run(t, "") })
}

func appendTo(tb testing.TB, s *Store, name string, k Kind) *Appender {
	tb.Helper()
	a, err := s.Append(name, k, "")
	require.NoError(tb, err)
	return a
}

func TestStore(t *testing.T) {
	bothStores(t, func(t *testing.T, dir string) {
		s, err := NewStore(dir, nil)
		require.NoError(t, err)
		flow, err := s.Append("flow.log", KindFlow, "${version}")
		require.NoError(t, err)
		_, err = flow.WriteHeader([]byte("version\n"))
		require.NoError(t, err)
		// 16 writers at once; 200 KB are several times the buffer.
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 250 {
					fmt.Fprintf(flow, "writer %02d record %04d %s\n", w, i, strings.Repeat("x", 28))
				}
			})
		}
		wg.Wait()
		appendTo(t, s, "parts/waf.log", KindWAF)
		same, err := s.Append("flow.log", KindFlow, "")
		require.NoError(t, err)
		require.Same(t, flow, same)

		b, err := s.Seal(Manifest{Lab: "embedded", Seed: 7, Spec: json.RawMessage(`{"a":1}`), Files: []File{{Name: "parts/waf.log", Records: 5}}})
		require.NoError(t, err)
		require.NoError(t, b.Verify())
		require.NoError(t, fstest.TestFS(b.FS, "manifest.json", "flow.log", "parts/waf.log"))
		content, err := fs.ReadFile(b.FS, "flow.log")
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		require.Len(t, lines, 4001)
		assert.Equal(t, "version", lines[0])
		seen := make(map[string]bool)
		for _, l := range lines[1:] {
			assert.Len(t, l, len("writer 00 record 0000 ")+28)
			seen[l] = true
		}
		assert.Len(t, seen, 4000, "records do not mix and none is lost")
		sum := sha256.Sum256(content)
		assert.Equal(t, []File{
			{Name: "flow.log", Kind: KindFlow, Format: "${version}", Records: 4000, SHA256: hex.EncodeToString(sum[:])},
			{Name: "parts/waf.log", Kind: KindWAF, Records: 5, SHA256: hex.EncodeToString(sha256.New().Sum(nil))},
		}, b.Manifest.Files)

		// The same bundle, read again from its files.
		again, err := Open(b.FS)
		require.NoError(t, err)
		var spec any
		require.NoError(t, json.Unmarshal(again.Manifest.Spec, &spec))
		assert.Equal(t, map[string]any{"a": 1.0}, spec)
		assert.Equal(t, b.Manifest.Files, again.Manifest.Files)
		if dir != "" {
			again, err = Open(os.DirFS(dir))
			require.NoError(t, err)
			require.NoError(t, again.Verify())
			assert.Equal(t, b.Manifest.Files, again.Manifest.Files)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, left, 3, "no temporary file stays")
		}

		_, err = flow.Write([]byte("late\n"))
		require.ErrorContains(t, err, "appending to flow.log: the evidence is sealed")
		_, err = s.Append("late.log", KindFlow, "")
		require.ErrorContains(t, err, "sealed")
		twice, err := s.Seal(Manifest{})
		require.NoError(t, err)
		assert.Equal(t, b.Manifest.Files[0], twice.Manifest.Files[0])
	})
}

func TestSnapshot(t *testing.T) {
	bothStores(t, func(t *testing.T, dir string) {
		s, err := NewStore(dir, nil)
		require.NoError(t, err)
		a := appendTo(t, s, "access.log", KindAccess)
		var want strings.Builder
		var bundles []*Bundle
		var wants []string
		for i := range 5 {
			for j := range i * 1000 {
				line := fmt.Sprintf("%d %d\n", i, j)
				want.WriteString(line)
				_, err := io.WriteString(a, line)
				require.NoError(t, err)
			}
			b, err := s.Snapshot(Manifest{})
			require.NoError(t, err)
			bundles, wants = append(bundles, b), append(wants, want.String())
		}
		require.NoError(t, s.Close())
		for i, b := range bundles {
			content, err := fs.ReadFile(b.FS, "access.log")
			require.NoError(t, err)
			assert.Equal(t, wants[i], string(content), "a snapshot does not see what comes later")
			assert.EqualValues(t, strings.Count(wants[i], "\n"), b.Manifest.Files[0].Records)
			require.NoError(t, b.Verify())
		}
	})
}

func TestStoreMemoryCap(t *testing.T) {
	s, err := NewStore("", &StoreOptions{MaxMemory: 300_000})
	require.NoError(t, err)
	a := appendTo(t, s, "capture.pcap", KindCapture)
	other := appendTo(t, s, "access.log", KindAccess)
	record := strings.Repeat("x", 1000)
	for range 1000 {
		n, err := io.WriteString(a, record)
		require.NoError(t, err)
		require.Equal(t, 1000, n)
	}
	require.ErrorContains(t, a.Err(), "writing capture.pcap: no room in memory")
	_, err = io.WriteString(other, "small\n")
	require.NoError(t, err)
	b, err := s.Seal(Manifest{})
	require.ErrorContains(t, err, "writing capture.pcap: no room in memory for more evidence; a folder would take it")
	require.NotNil(t, b, "what was gathered is not lost")
	access, capture := b.Manifest.Files[0], b.Manifest.Files[1]
	assert.EqualValues(t, 1, access.Records)
	assert.EqualValues(t, 1000, capture.Records+capture.Lost)
	assert.Positive(t, capture.Records)
	assert.Positive(t, capture.Lost)
	content, err := fs.ReadFile(b.FS, "capture.pcap")
	require.NoError(t, err)
	assert.Len(t, content, int(capture.Records)*1000)
	require.NoError(t, b.Verify())
}

// fullDisk takes room bytes and then fails, after a part of the bytes.
type fullDisk struct {
	room int
	got  []byte
}

var errFull = errors.New("no space left on device")

func (d *fullDisk) write(b []byte) (int, error) {
	n := min(d.room, len(b))
	d.room -= n
	d.got = append(d.got, b[:n]...)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}
func (d *fullDisk) truncate(size int64) { d.got = d.got[:size] }
func (d *fullDisk) content(int64) content {
	return bytesContent(append([]byte(nil), d.got...))
}
func (d *fullDisk) restart() error { d.got = nil; return nil }
func (d *fullDisk) close() error   { return nil }

func TestStoreDiskFull(t *testing.T) {
	s, err := NewStore("", nil)
	require.NoError(t, err)
	a := appendTo(t, s, "flow.log", KindFlow)
	disk := &fullDisk{room: 100_005}
	a.sink = disk
	for i := range 20_000 {
		n, err := fmt.Fprintf(a, "record %d\n", 100_000+i)
		require.NoError(t, err)
		require.Equal(t, 14, n)
	}
	err = s.Flush()
	require.ErrorIs(t, err, errFull)
	require.EqualError(t, err, "writing flow.log: no space left on device")
	require.NoError(t, s.Flush(), "told once")
	b, err := s.Seal(Manifest{})
	require.NoError(t, err)
	assert.EqualValues(t, 100_005/14, b.Manifest.Files[0].Records)
	assert.EqualValues(t, 20_000-100_005/14, b.Manifest.Files[0].Lost)
	require.True(t, strings.HasSuffix(string(disk.got), "\n"), "the file ends in a whole record")
	require.NoError(t, b.Verify())
}

func TestStoreFolderErrors(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStore(dir, nil)
	require.NoError(t, err)
	for _, name := range []string{"", ".", "../x", "/x", `a\b`, "a/../b", "manifest.json"} {
		_, err := s.Append(name, KindFlow, "")
		require.ErrorContains(t, err, "cannot be the name of an evidence file", name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "flow.log"), []byte("old"), 0o644))
	_, err = s.Append("flow.log", KindFlow, "")
	require.ErrorIs(t, err, fs.ErrExist)
	appendTo(t, s, "access.log", KindAccess)
	_, err = s.Seal(Manifest{})
	require.NoError(t, err)

	_, err = NewStore(dir, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "holds a bundle already")
	s, err = NewStore(dir, &StoreOptions{Overwrite: true})
	require.NoError(t, err)
	appendTo(t, s, "flow.log", KindFlow)
	b, err := s.Seal(Manifest{})
	require.NoError(t, err)
	assert.Len(t, b.Manifest.Files, 1)
	content, err := os.ReadFile(filepath.Join(dir, "flow.log"))
	require.NoError(t, err)
	assert.Empty(t, content)

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = NewStore(filepath.Join(file, "out"), nil)
	require.ErrorContains(t, err, "making the evidence folder")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(dir, "manifest.json"))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o644), info.Mode().Perm())
	}

	// The folder goes away during the run: what cannot be written is told, and nothing panics.
	gone := filepath.Join(t.TempDir(), "gone")
	s, err = NewStore(gone, nil)
	require.NoError(t, err)
	appendTo(t, s, "flow.log", KindFlow)
	require.NoError(t, os.RemoveAll(gone))
	b, err = s.Seal(Manifest{})
	require.ErrorContains(t, err, "writing manifest.json")
	require.NotNil(t, b)
}

// A big file in a folder does not stay in memory.
func TestStoreFolderBoundsMemory(t *testing.T) {
	s, err := NewStore(t.TempDir(), nil)
	require.NoError(t, err)
	a := appendTo(t, s, "capture.pcap", KindCapture)
	record := make([]byte, 1500)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20_000 {
		_, err := a.Write(record)
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
	b, err := s.Seal(Manifest{})
	require.NoError(t, err)
	assert.EqualValues(t, 20_000, b.Manifest.Files[0].Records)
	info, err := fs.Stat(b.FS, "capture.pcap")
	require.NoError(t, err)
	assert.EqualValues(t, 20_000*1500, info.Size())
}

func TestStoreReadsAtAnyOffset(t *testing.T) {
	s, err := NewStore("", nil)
	require.NoError(t, err)
	a := appendTo(t, s, "x.bin", KindCapture)
	var want []byte
	for i := range 40 { // records larger than buffer and pieces too
		p := make([]byte, 1+i*i*i*50)
		for j := range p {
			p[j] = byte(i + j)
		}
		want = append(want, p...)
		_, err := a.Write(p)
		require.NoError(t, err)
	}
	b, err := s.Seal(Manifest{})
	require.NoError(t, err)
	f, err := b.FS.Open("x.bin")
	require.NoError(t, err)
	at := f.(io.ReaderAt)
	for off := 0; off < len(want); off += 99_991 {
		p := make([]byte, min(300_000, len(want)-off))
		n, err := at.ReadAt(p, int64(off))
		require.Equal(t, len(p), n)
		if err != nil {
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, want[off:off+n], p)
	}
	require.NoError(t, f.Close())
}

func BenchmarkAppend(b *testing.B) {
	record := []byte(strings.Repeat("x", 149) + "\n")
	s, err := NewStore(b.TempDir(), nil)
	require.NoError(b, err)
	a := appendTo(b, s, "access.log", KindAccess)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a.Write(record)
		}
	})
	require.NoError(b, s.Close())
}

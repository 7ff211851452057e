package evidence

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/samples", name))
	require.NoError(tb, err)
	return string(b)
}

func TestDetectSamples(t *testing.T) {
	want := map[string]Kind{
		"alb-access.log": KindAccess, "alb-access-2026.log": KindAccess,
		"alb-connection.log": KindConnection, "alb-connection-2026.log": KindConnection, "alb-connection-expired-partial.txt": KindConnection,
		"vpc-flow-default.log": KindFlow, "vpc-flow-custom-tcpflags.log": KindFlow, "vpc-flow-custom-v5.log": KindFlow,
		"vpc-flow-requester-managed.log": KindFlow,
		"waf-allow.json":                 KindWAF, "waf-block.json": KindWAF, "waf-block-sqli-doc.json": KindWAF, "waf-ja4-excerpt.json": KindWAF,
		"waf-sampled-requests.json": KindWAF, "cloudwatch-get-metric-statistics.json": KindMetrics,
	}
	files, err := os.ReadDir("testdata/samples")
	require.NoError(t, err)
	require.Len(t, files, len(want))
	for _, f := range files {
		content := sample(t, f.Name())
		k, format := Detect([]byte(content), "x")
		assert.Equal(t, want[f.Name()], k, f.Name())
		if k != KindFlow {
			assert.Empty(t, format)
			continue
		}
		header, body, _ := strings.Cut(content, "\n")
		assert.Equal(t, "${"+strings.ReplaceAll(header, " ", "} ${")+"}", format)
		k, format = Detect([]byte(body), "x") // without its header row
		assert.Equal(t, KindFlow, k, f.Name())
		assert.Empty(t, format)
	}
}

func TestDetect(t *testing.T) {
	flow := "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
	connection := strings.TrimSpace(sample(t, "alb-connection.log"))
	pcapVXLAN := "\x4d\x3c\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x01\x00\x00\x00" + // header, Ethernet
		"\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x2a\x00\x00\x00" + // record, 42 bytes
		"aaaaaabbbbbb\x08\x00" + "\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00aaaabbbb" + "\xc0\x00\x12\xb5\x00\x08\x00\x00"
	pcapng := "\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00" +
		"\x01\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x04\x00\x14\x00\x00\x00"
	packet := "\x06\x00\x00\x00\x4c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x2a\x00\x00\x00" +
		pcapVXLAN[40:] + "\x00\x00" + "\x4c\x00\x00\x00"
	tests := []struct {
		name, content, file string
		want                Kind
	}{
		{"nothing", "", "notes.txt", ""},
		{"prose", "Dear all,\nthe load balancer is OK.\n", "notes.txt", ""},
		{"metrics of a bundle", `[{"Namespace": "AWS/ApplicationELB", "MetricName": "NewConnectionCount"}]`, "x", KindMetrics},
		{"attempts", `{"time":"x","profile":"curl","outcome":{}}`, "x", KindAttempts},
		{"own report", `{"schema": "alblab.analyze/1", "action": "x", "httpRequest": 1}`, "report.json", ""},
		{"WAF lines", `{"timestamp":1,"formatVersion":1,"webaclId":"x","action":"ALLOW"}` + "\n", "x", KindWAF},
		{"other JSON", `{"a": 1}`, "x.json", ""},
		{"CloudWatch flow", `{"events":[{"message":"` + flow + `"}]}`, "x", KindFlow},
		{"CloudWatch WAF", `{"events":[{"message":"{\"webaclId\":\"x\",\"action\":\"ALLOW\"}"}]}`, "x", KindWAF},
		{"CloudWatch cut", (`{"events":[{"message":"` + flow + `"}, {"mess`), "x", KindFlow},
		{"CloudWatch empty", `{"events":[]}`, "flow.log", KindFlow},
		{"export of flow", "2023-05-11T10:00:00.000Z " + flow, "x", KindFlow},
		{"export of connection", "2023-05-11T10:00:00.000Z " + connection, "x", KindConnection},
		{"export of WAF", `2023-05-11T10:00:00.000Z {"webaclId":"x","action":"ALLOW"}`, "x", KindWAF},
		{"CloudWatch WAF behind the test of the permission", `{"events":[{"message":"Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription."},{"message":"{\"webaclId\":\"x\",\"action\":\"ALLOW\"}"}]}`, "x", KindWAF},
		{"damage first", "half a li\n" + flow + "\n", "x", KindFlow},
		{"pcap", pcapVXLAN[:24], "capture.pcap", KindCapture},
		{"pcap of mirrored packets", pcapVXLAN, "x", KindMirror},
		{"pcap big-endian", "\xa1\xb2\xc3\xd4", "x", KindCapture},
		{"pcap, other port", strings.Replace(pcapVXLAN, "\x12\xb5", "\x01\xbb", 1), "mirror", KindCapture},
		{"pcapng", pcapng, "x", KindCapture},
		{"pcapng without packets", pcapng, "mirror.pcapng", KindMirror},
		{"pcapng of mirrored packets", pcapng + packet, "x", KindMirror},
		{"empty part", "", "AWSLogs/1/vpcflowlogs/r/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz", KindFlow},
		{"empty access", "", "123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20140215T2340Z_172.160.001.192_20sg8hgm.log.gz", KindAccess},
		{"empty connection", "", "conn_log_123456789012_elasticloadbalancing_us-east-2_app.x.y_20220215T2340Z_1.2.3.4_z.log.gz", KindConnection},
		{"empty connection, older name", "", "conn_log.123456789012_elasticloadbalancing_us-east-2_app.x.y_20220215T2340Z_1.2.3.4_z.log.gz", KindConnection},
		{"empty WAF", "", "11111111111_waflogs_us-east-1_TEST-WEBACL_20211028T1950Z_e0ca43b5.log.gz", KindWAF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, _ := Detect([]byte(tt.content), tt.file)
			assert.Equal(t, tt.want, k)
		})
	}
}

func TestOpenPlainFolder(t *testing.T) {
	const prefix = "AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/05/01/"
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	access := prefix + "123456789012_elasticloadbalancing_us-east-2_app.x.y_20220501T2345Z_1.2.3.4_a.log.gz"
	conn2 := prefix + "conn_log_123456789012_elasticloadbalancing_us-east-2_app.x.y_20220501T2345Z_1.2.3.4_b.log.gz"
	conn1 := prefix + "conn_log_123456789012_elasticloadbalancing_us-east-2_app.x.y_20220501T2340Z_1.2.3.4_c.log.gz"
	flow := sample(t, "vpc-flow-custom-v5.log")
	header, _, _ := strings.Cut(flow, "\n")
	fsys := fstest.MapFS{
		"AWSLogs/123456789012/ELBAccessLogTestFile": file("Enable AccessLog for ELB: x"),
		"export/aws-logs-write-test":                file("Permission Check Successful"),
		access:                                      file(zipped(t, sample(t, "alb-access-2026.log"))),
		conn2:                                       file(zipped(t, sample(t, "alb-connection-2026.log"))),
		conn1:                                       file(zipped(t, sample(t, "alb-connection.log"))[:30]), // damaged
		"flow/part.gz":                              file(zipped(t, flow)),
		"manifest.json":                             file(`{"files": "of something else"}`),
		"README.txt":                                file("notes\n"),
		"broken.gz":                                 file("\x1f\x8b\x08broken"),
		".git/config":                               file("x"),
		"waf.json":                                  file(sample(t, "waf-allow.json")),
	}
	b, err := Open(fsys)
	require.NoError(t, err)
	var got []string
	for _, f := range b.Manifest.Files {
		got = append(got, string(f.Kind)+" "+f.Name)
		assert.EqualValues(t, -1, f.Records)
	}
	assert.ElementsMatch(t, []string{"access " + access, "connection " + conn1, "connection " + conn2, "flow flow/part.gz", "waf waf.json"}, got)
	skipped := make(map[string]string)
	for _, s := range b.Skipped {
		skipped[s.Name] = s.Reason
	}
	assert.Len(t, skipped, 5)
	assert.Equal(t, "not recognised as evidence", skipped["README.txt"])
	assert.Contains(t, skipped["broken.gz"], "damaged gzip")
	assert.Contains(t, skipped["AWSLogs/123456789012/ELBAccessLogTestFile"], "marker")

	assert.True(t, b.Has(KindWAF))
	assert.False(t, b.Has(KindCapture))
	files := b.Files(KindConnection)
	require.Len(t, files, 2)
	assert.Equal(t, conn1, files[0].Name, "parts come in the order of their keys")

	lines := 0
	require.NoError(t, b.Each(KindFlow, func(r io.Reader, o *Options) error {
		assert.Equal(t, "flow/part.gz", o.File)
		assert.Equal(t, "${"+strings.ReplaceAll(header, " ", "} ${")+"}", o.Format)
		lines += len(readLines(t, r, o))
		return nil
	}))
	assert.Equal(t, 3, lines)
	require.ErrorIs(t, b.Each(KindFlow, func(io.Reader, *Options) error { return io.ErrClosedPipe }), io.ErrClosedPipe)
	require.NoError(t, b.Verify())
}

func TestOpenManifest(t *testing.T) {
	fsys := fstest.MapFS{
		"manifest.json": {Data: []byte(`{"schema":"alblab.bundle/1","lab":"aws","later":1,"files":[
			{"name":"flow","kind":"flow","format":"${version}","records":0},
			{"name":"access.log","kind":"access","records":1,"sha256":"2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881"},
			{"name":"gone.log","kind":"connection","records":1}]}`)},
		"flow/b.gz": {}, "flow/a.gz": {}, "access.log": {Data: []byte("x")}, "unlisted.log": {Data: []byte(sample(t, "alb-access.log"))},
	}
	b, err := Open(fsys)
	require.NoError(t, err)
	assert.Equal(t, "aws", b.Manifest.Lab)
	assert.Equal(t, []File{{Name: "flow/a.gz", Kind: KindFlow, Format: "${version}", Records: -1}, {Name: "flow/b.gz", Kind: KindFlow, Format: "${version}", Records: -1}},
		b.Files(KindFlow))
	assert.Len(t, b.Files(KindAccess), 1)
	require.NoError(t, b.Verify())
	fsys["access.log"].Data = []byte("y")
	require.ErrorContains(t, b.Verify(), "access.log is not what the manifest says")
	err = b.Each(KindConnection, func(io.Reader, *Options) error { panic("not called") })
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "gone.log")
	_, err = b.OpenFile("../etc/passwd")
	require.ErrorContains(t, err, "not a path inside of the bundle")
}

func TestManifestErrors(t *testing.T) {
	tests := []struct{ name, manifest, want string }{
		{"newer", `{"schema":"alblab.bundle/2"}`, "reading manifest.json: schema alblab.bundle/2 is newer than this version reads (alblab.bundle/1)"},
		{"odd", `{"schema":"alblab.bundle/x"}`, `unknown schema "alblab.bundle/x"`},
		{"cut", `{"schema":"alblab.bu`, "reading manifest.json: unexpected end of JSON input"},
		{"traversal", `{"schema":"alblab.bundle/1","files":[{"name":"../../etc/passwd","kind":"flow"}]}`, `file name "../../etc/passwd" is not a path inside of the bundle`},
		{"absolute", `{"schema":"alblab.bundle/1","files":[{"name":"/etc/passwd"}]}`, `"/etc/passwd" is not a path`},
		{"backslash", `{"schema":"alblab.bundle/1","files":[{"name":"..\\x"}]}`, "is not a path"},
		{"root", `{"schema":"alblab.bundle/1","files":[{"name":"."}]}`, "is not a path"},
		{"empty", `{"schema":"alblab.bundle/1","files":[{"name":""}]}`, "is not a path"},
		{"twice", `{"schema":"alblab.bundle/1","files":[{"name":"a"},{"name":"a"}]}`, `file "a" is listed twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(fstest.MapFS{"manifest.json": {Data: []byte(tt.manifest)}})
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := ReadManifest(fstest.MapFS{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenPaths(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
		return name
	}
	a := write("a/connection.log", sample(t, "alb-connection.log"))
	write("b/.hidden/access.log", sample(t, "alb-access.log"))
	notes := write("b/notes.txt", "x")
	b, err := OpenPaths(a, filepath.Join(dir, "b"), a, filepath.Join(dir, "a", "..", "a", "connection.log"))
	require.NoError(t, err)
	require.Len(t, b.Manifest.Files, 2)
	require.Len(t, b.Skipped, 1)
	assert.Equal(t, notes, b.Skipped[0].Name)
	require.NoError(t, b.Each(KindConnection, func(r io.Reader, o *Options) error {
		assert.Equal(t, a, o.File, "as it was given")
		assert.Len(t, readLines(t, r, o), 2)
		return nil
	}))

	b, err = OpenPaths(dir)
	require.NoError(t, err)
	assert.Len(t, b.Manifest.Files, 1, "hidden folders of a folder are left alone")
	b, err = OpenPaths(notes)
	require.NoError(t, err)
	assert.Empty(t, b.Manifest.Files)
	_, err = OpenPaths(filepath.Join(dir, "gone"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = OpenPaths(a, filepath.Join(dir, "gone"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	t.Chdir(filepath.Join(dir, "b"))
	b, err = OpenPaths("../a/connection.log", "notes.txt")
	require.NoError(t, err)
	require.Len(t, b.Manifest.Files, 1)
	assert.Equal(t, "a/connection.log", b.Manifest.Files[0].Name)
	damaged := 0
	require.NoError(t, b.Each(KindConnection, func(r io.Reader, o *Options) error {
		l := NewLines(r, o)
		_, err := l.Next()
		require.NoError(t, err)
		require.EqualError(t, l.Damaged("", "x"), "../a/connection.log:1: x")
		require.FileExists(t, o.File)
		damaged++
		return nil
	}))
	require.Equal(t, 1, damaged)
}

// TestCutHeaderRow: a header row of which gzip has lost the end is no format; that it is cut is told, and not of a field's half name.
func TestCutHeaderRow(t *testing.T) {
	header, body, _ := strings.Cut(sample(t, "vpc-flow-custom-tcpflags.log"), "\n")
	whole := zipped(t, header+"\n"+body)
	seen := 0
	for n := range len(whole) {
		first, err := readSome(Decompress(strings.NewReader(whole[:n])), sniffLen)
		if err == nil || len(first) == 0 || strings.Contains(string(first), "\n") {
			continue
		}
		b, err := Open(fstest.MapFS{"flow.log.gz": {Data: []byte(whole[:n])}})
		require.NoError(t, err)
		for _, f := range b.Manifest.Files {
			seen++
			require.Empty(t, f.Format, string(first))
		}
		require.Equal(t, 1, len(b.Manifest.Files)+len(b.Skipped))
	}
	require.NotZero(t, seen)
}

func FuzzDetect(f *testing.F) {
	files, err := os.ReadDir("testdata/samples")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, e := range files {
		f.Add([]byte(sample(f, e.Name())), e.Name())
	}
	f.Add([]byte("\x0a\x0d\x0d\x0a\x0c\x00\x00\x00aaaa"), "mirror")
	f.Add([]byte("\xd4\xc3\xb2\xa1"), "")
	f.Fuzz(func(t *testing.T, first []byte, name string) {
		k, format := Detect(first, name)
		if k == "" && format != "" || format != "" && k != KindFlow {
			t.Fatalf("kind %q, format %q", k, format)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"schema":"alblab.bundle/1","seed":1,"spec":{"a":1},"slots":[{"name":"x"}],"files":[{"name":"a/b","kind":"flow","records":1}]}`))
	f.Add([]byte(`{"schema":"alblab.bundle/9"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		out, err := m.encode()
		require.NoError(t, err)
		again, err := decodeManifest(out)
		require.NoError(t, err)
		twice, err := again.encode()
		require.NoError(t, err)
		require.Equal(t, string(out), string(twice))
		_, err = Open(fstest.MapFS{"manifest.json": {Data: b}})
		require.NoError(t, err)
	})
}

package connlog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func readAll(t testing.TB, in string) (recs []*Record, errs []string) {
	t.Helper()
	for r, err := range Records(strings.NewReader(in), &evidence.Options{File: "connection.log"}) {
		if err != nil {
			var pe *evidence.ParseError
			require.ErrorAs(t, err, &pe)
			errs = append(errs, err.Error())
			continue
		}
		recs = append(recs, r)
	}
	return recs, errs
}

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NotEmpty(t, b)
	return string(b)
}

func TestVendorSample(t *testing.T) {
	recs, errs := readAll(t, sample(t, "alb-connection.log"))
	require.Empty(t, errs)
	require.Len(t, recs, 2)
	want := Record{
		Line: 1, Time: time.Date(2023, 10, 4, 17, 5, 15, 514108000, time.UTC),
		ClientIP: netip.MustParseAddr("203.0.113.1"), ClientPort: 36280, ListenerPort: 443,
		TLSProtocol: "TLSv1.2", TLSCipher: "ECDHE-RSA-AES128-GCM-SHA256", HandshakeLatency: 4036 * time.Millisecond,
		LeafSubject:   "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US",
		LeafNotBefore: time.Date(2023, 9, 21, 22, 43, 21, 0, time.UTC),
		LeafNotAfter:  time.Date(2026, 6, 17, 22, 43, 21, 0, time.UTC),
		LeafSerial:    "FEF257372D5C14D4", VerifyStatus: "Success", ConnTraceID: "TID_3180a73013c8ca4bac2f731159d4b0fe",
	}
	require.Equal(t, want, *recs[0])
	require.Equal(t, time.Duration(-1), recs[1].HandshakeLatency)
	require.Equal(t, "Failed:ClientCertUntrusted", recs[1].VerifyStatus)
}

// The lines of 2026 have all fields that AppendText writes, so they come back byte for byte.
func TestRoundTripOf2026Lines(t *testing.T) {
	in := sample(t, "alb-connection-2026.log")
	recs, errs := readAll(t, in)
	require.Empty(t, errs)
	require.Len(t, recs, 2)
	require.Equal(t, "secp256r1", recs[0].KeyExchange)
	require.Equal(t, "192.0.2.57", recs[0].NodeIP)
	var out []byte
	for _, r := range recs {
		var err error
		out, err = r.AppendText(out)
		require.NoError(t, err)
		out = append(out, '\n')
	}
	require.Equal(t, in, string(out))
}

// An old line gets dashes for the fields that it lacks.
func TestOldLinesGrowToFifteenFields(t *testing.T) {
	in := strings.Split(sample(t, "alb-connection.log"), "\n")[0]
	recs, _ := readAll(t, in)
	out, err := recs[0].AppendText(nil)
	require.NoError(t, err)
	require.Equal(t, in+" - - -", string(out))
}

// TestPartialSample: what the seven columns hold is there, the rest is absent, and the way back gives them again.
func TestPartialSample(t *testing.T) {
	in := sample(t, "alb-connection-expired-partial.txt")
	recs, errs := readAll(t, in)
	require.Empty(t, errs)
	require.Len(t, recs, 3)
	require.Equal(t, Record{
		Line: 1, Partial: true, Time: time.Date(2024, 4, 5, 18, 31, 29, 268987000, time.UTC),
		TLSProtocol: "TLSv1.3", TLSCipher: "ECDHE-RSA-AES256-SHA", HandshakeLatency: -1,
		LeafSubject:   "CN=client-expired.alb-mtls-example.com,OU=IT,O=Company LLC,L=City,ST=State,C=US",
		LeafNotBefore: time.Date(2024, 1, 2, 19, 17, 20, 0, time.UTC),
		LeafNotAfter:  time.Date(2024, 4, 2, 19, 17, 20, 0, time.UTC),
		LeafSerial:    "02", VerifyStatus: "Failed:ClientCertExpired",
	}, *recs[0])
	require.False(t, recs[0].ClientIP.IsValid())
	for i, line := range strings.Split(strings.TrimSpace(in), "\n") {
		out, err := recs[i].AppendText(nil)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(line, `"Failed:ClientCertExpired"`, "Failed:ClientCertExpired"), string(out))
	}
}

// TestPartialIsNoExcuse: a line that lacks anything of the seven columns, or a whole line that lost fields, is damaged as ever.
func TestPartialIsNoExcuse(t *testing.T) {
	const good = `2024-04-05T18:31:29.268987Z TLSv1.3 ECDHE-RSA-AES256-SHA "CN=a,O=b c" NotBefore=2024-01-02T19:17:20Z;NotAfter=2024-04-02T19:17:20Z 02 Failed:ClientCertExpired`
	recs, errs := readAll(t, good)
	require.Empty(t, errs)
	require.Len(t, recs, 1)
	const whole = `2026-03-02T12:00:00.004000Z 203.0.113.10 40000 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 "-" - - Success TID_01 x25519 app/lab/0123456789abcdef 198.51.100.1`
	lines := []string{good + " x", good + " ", strings.Replace(good, "TLSv1.3", "203.0.113.10", 1), strings.Replace(good, "TLSv1.3", "-", 1),
		strings.Replace(good, "ECDHE-RSA-AES256-SHA", "-", 1), strings.Replace(good, `"CN=a,O=b c"`, "CN=a", 1), strings.Replace(good, "T18", "T28", 1),
		strings.Replace(good, "NotBefore=", "", 1), strings.Replace(good, "Failed:ClientCertExpired", "-", 1), strings.Replace(good, " 02", "", 1)}
	for n := range len(whole) { // cut anywhere, or without its beginning
		if strings.Count(whole[:n], " ") < minFields-1 {
			lines = append(lines, whole[:n])
		}
		if strings.Count(whole[n:], " ") < minFields-1 {
			lines = append(lines, whole[n:])
		}
	}
	for _, in := range lines {
		if strings.TrimSpace(in) == "" {
			continue
		}
		recs, errs := readAll(t, in+"\n")
		require.Empty(t, recs, in)
		require.Len(t, errs, 1, in)
	}
}

func TestTolerance(t *testing.T) {
	const base = `2026-01-02T03:04:05.000006Z 192.0.2.1 1024 443 - - - "-" - - Failed:UnmappedConnectionError TID_1`
	tests := []struct {
		name, in string
		check    func(*testing.T, *Record)
	}{
		{"quoted status", strings.Replace(base, "Failed:UnmappedConnectionError", `"Failed:ClientCertExpired"`, 1),
			func(t *testing.T, r *Record) { require.Equal(t, "Failed:ClientCertExpired", r.VerifyStatus) }},
		{"undocumented trailing dash", base + " -", func(t *testing.T, r *Record) { require.Empty(t, r.KeyExchange) }},
		{"fields of the future", base + ` x25519 app/a/1 192.0.2.9 - "new field" 7`,
			func(t *testing.T, r *Record) { require.Equal(t, "192.0.2.9", r.NodeIP) }},
		{"unquoted subject dash", strings.Replace(base, `"-"`, `-`, 1), func(t *testing.T, r *Record) { require.Empty(t, r.LeafSubject) }},
		{"CRLF", base + "\r\n", func(t *testing.T, r *Record) { require.Equal(t, "TID_1", r.ConnTraceID) }},
		{"IPv6", strings.Replace(base, "192.0.2.1", "2001:db8::10", 1),
			func(t *testing.T, r *Record) { require.True(t, r.ClientIP.Is6()) }},
		{"blanks and quotes in the subject", strings.Replace(base, `"-"`, `"CN=a \"b\" c,O=x"`, 1),
			func(t *testing.T, r *Record) { require.Equal(t, `CN=a \"b\" c,O=x`, r.LeafSubject) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, tt.in)
			require.Empty(t, errs)
			require.Len(t, recs, 1)
			tt.check(t, recs[0])
		})
	}
}

func TestDamagedLines(t *testing.T) {
	const good = `2026-01-02T03:04:05.000006Z 192.0.2.1 1024 443 - - - "-" - - Success TID_1`
	tests := []struct{ name, in, want string }{
		{"time", strings.Replace(good, "03:04", "33:04", 1), `field timestamp: "2026-01-02T33:04:05.000006Z" is not a time like 2026-01-02T15:04:05.000000Z`},
		{"address", strings.Replace(good, "192.0.2.1", "192.0.2", 1), `field client_ip: "192.0.2" is not an address`},
		{"port", strings.Replace(good, "1024", "70000", 1), `field client_port: "70000" is not a port number`},
		{"latency", strings.Replace(good, `443 - - -`, `443 - - fast`, 1), `field tls_handshake_latency: "fast" is not a number of seconds`},
		{"validity", strings.Replace(good, `"-" -`, `"-" NotBefore=x`, 1), `field leaf_client_cert_validity: "NotBefore=x" is not NotBefore=<time>;NotAfter=<time>`},
		{"open quote", strings.Replace(good, `"-"`, `"CN=a`, 1), "quoted field 8 does not end: "},
		{"control character", strings.Replace(good, "TID_1", "TID\x01", 1), "field 12 holds a control character: "},
		{"half a line", good[:40], "3 fields, a connection log line has at least 12: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, good+"\n"+tt.in+"\n"+good+"\n")
			require.Len(t, errs, 1)
			require.Contains(t, errs[0], "connection.log:2: "+tt.want)
			require.Len(t, recs, 2, "the lines around are read")
			require.Equal(t, 3, recs[1].Line)
		})
	}
}

func TestAppendTextRefusesWhatTheFormCannotHold(t *testing.T) {
	b, err := (&Record{TLSCipher: "a b"}).AppendText([]byte("x"))
	require.EqualError(t, err, `writing connection log: field tls_cipher: "a b" cannot be written unquoted`)
	require.Equal(t, "x", string(b))
	_, err = (&Record{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}).AppendText(nil)
	require.ErrorContains(t, err, "year 12026")
}

// A hostile subject cannot leave its field.
func TestAppendTextKeepsTheSubjectInItsQuotes(t *testing.T) {
	for _, s := range []string{`CN="x" y`, "CN=a\nb", `CN=a\`, "CN=\\\n", `CN=\"`} {
		out, err := (&Record{LeafSubject: s, ConnTraceID: "TID_1"}).AppendText(nil)
		require.NoError(t, err)
		recs, errs := readAll(t, string(out))
		require.Empty(t, errs, "%q", s)
		require.Len(t, recs, 1)
		require.Equal(t, "TID_1", recs[0].ConnTraceID, "%q", s)
	}
}

func TestGzip(t *testing.T) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := io.WriteString(z, sample(t, "alb-connection-2026.log"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	recs, errs := readAll(t, buf.String())
	require.Empty(t, errs)
	require.Len(t, recs, 2)
}

func TestReaderErrorEndsReading(t *testing.T) {
	broken := errors.New("disk gone")
	n := 0
	for r, err := range Records(iotest.ErrReader(broken), nil) {
		require.Nil(t, r)
		require.ErrorIs(t, err, broken)
		n++
	}
	require.Equal(t, 1, n)
}

// A file that was cut within the last fields of its last line: what is left of it looks whole, as the log once had fewer fields.
func TestCutLastLine(t *testing.T) {
	const whole = `2026-03-02T12:00:00.004000Z 203.0.113.10 40000 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 "-" - - Success TID_01 x25519 app/lab/0123456789abcdef 198.51.100.1`
	cut := whole[:strings.Index(whole, "_01")+2]
	recs, errs := readAll(t, whole+"\n"+whole+"\n"+cut)
	require.Len(t, recs, 2)
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "connection.log:3: the line is cut: it has 12 fields and no line end, the line before it has 15: ")
	for name, in := range map[string]string{
		"a line end": whole + "\n" + cut + "\n", "as many fields": whole + "\n" + whole, "an older log": cut + "\n" + cut, "nothing before it": cut,
	} {
		_, errs := readAll(t, in)
		require.Empty(t, errs, name)
	}
}

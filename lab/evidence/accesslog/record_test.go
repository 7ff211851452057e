package accesslog

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func readAll(t testing.TB, in string) (recs []*Record, errs []string) {
	t.Helper()
	for r, err := range Records(strings.NewReader(in), &evidence.Options{File: "access.log"}) {
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
	recs, errs := readAll(t, sample(t, "alb-access.log"))
	require.Empty(t, errs)
	require.Len(t, recs, 7)
	var types []string
	for _, r := range recs {
		types = append(types, r.Type)
	}
	require.Equal(t, []string{"http", "https", "h2", "ws", "wss", "http", "http"}, types)
	require.Equal(t, Record{
		Line: 2, Type: "https", Time: time.Date(2018, 7, 2, 22, 23, 0, 186641000, time.UTC),
		ELB: "app/my-loadbalancer/50dc6c495c0c9188", Client: netip.MustParseAddrPort("192.168.131.39:2817"), Target: "10.0.0.1:80",
		RequestProcessingTime: 86 * time.Millisecond, TargetProcessingTime: 48 * time.Millisecond, ResponseProcessingTime: 37 * time.Millisecond,
		ELBStatusCode: 200, TargetStatusCode: 200, ReceivedBytes: 0, SentBytes: 57,
		Request: "GET https://www.example.com:443/ HTTP/1.1", UserAgent: "curl/7.46.0",
		SSLCipher: "ECDHE-RSA-AES128-GCM-SHA256", SSLProtocol: "TLSv1.2",
		TargetGroupARN: "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067",
		TraceID:        "Root=1-58337281-1d84f3d73c47ec4e58577259", DomainName: "www.example.com",
		ChosenCertARN:       "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012",
		MatchedRulePriority: "1", RequestCreationTime: time.Date(2018, 7, 2, 22, 22, 48, 364000000, time.UTC),
		ActionsExecuted: "authenticate,forward", TargetPortList: "10.0.0.1:80", TargetStatusCodeList: "200",
	}, *recs[1])
	require.Equal(t, "LambdaInvalidResponse", recs[6].ErrorReason)
	require.Equal(t, -1, recs[6].TargetStatusCode)
	require.Empty(t, recs[6].Target)
}

// The lines of September 2026 have all 36 fields, so they come back byte for byte.
func TestRoundTripOf2026Lines(t *testing.T) {
	in := sample(t, "alb-access-2026.log")
	recs, errs := readAll(t, in)
	require.Empty(t, errs)
	require.Len(t, recs, 2)
	require.Equal(t, time.Duration(-1), recs[0].RequestProcessingTime)
	require.Equal(t, "fixed-response", recs[0].ActionsExecuted)
	require.Equal(t, "100.51.96.60", recs[1].NodeIP)
	require.Equal(t, "- http://k8s-tileserver-617dd1df30-606955064.us-east-1.elb.amazonaws.com:80- -", recs[1].Request)
	var out []byte
	for _, r := range recs {
		var err error
		out, err = r.AppendText(out)
		require.NoError(t, err)
		out = append(out, '\n')
	}
	require.Equal(t, in, string(out))
}

func TestOldLinesGrowToAllFields(t *testing.T) {
	in := strings.Split(sample(t, "alb-access.log"), "\n")[0]
	recs, _ := readAll(t, in)
	out, err := recs[0].AppendText(nil)
	require.NoError(t, err)
	require.Equal(t, in+` - "-" "-" "-" - "-" "-"`, string(out))
}

// https://github.com/DataBiosphere/azul/pull/4920 shows \x22 in the request of a real line; \" is how Classic Load Balancers write it.
func TestEscapes(t *testing.T) {
	base := strings.Split(sample(t, "alb-access.log"), "\n")[0]
	tests := []struct{ in, want, out string }{
		{`curl\x22x`, `curl"x`, `curl\x22x`},
		{`\"nlp research\"`, `"nlp research"`, `\x22nlp research\x22`},
		{`C:\dir`, `C:\dir`, `C:\x5Cdir`},
		{`a\x5cb\\c`, `a\b\c`, `a\x5Cb\x5Cc`},
		{`\xE3\x81\x82\x0A`, "\u3042\n", `\xE3\x81\x82\x0A`},
		{`\xzz\x2`, `\xzz\x2`, `\x5Cxzz\x5Cx2`},
		{``, ``, `-`},
	}
	for _, tt := range tests {
		recs, errs := readAll(t, strings.Replace(base, "curl/7.46.0", tt.in, 1))
		require.Empty(t, errs, tt.in)
		require.Equal(t, tt.want, recs[0].UserAgent)
		out, err := recs[0].AppendText(nil)
		require.NoError(t, err)
		require.Contains(t, string(out), ` "`+tt.out+`" - - arn:`)
	}
}

func TestTolerance(t *testing.T) {
	base := strings.Split(sample(t, "alb-access-2026.log"), "\n")[0]
	for _, tt := range []struct{ name, in, client string }{
		{"fields of the future", base + ` x "y z" -`, "216.180.246.224:21790"},
		{"IPv6 in brackets", strings.Replace(base, "216.180.246.224", "[2001:db8::10]", 1), "[2001:db8::10]:21790"},
		{"IPv6 without", strings.Replace(base, "216.180.246.224", "2001:db8::10", 1), "[2001:db8::10]:21790"},
		{"quoted client", strings.Replace(base, "216.180.246.224:21790", `"216.180.246.224:21790"`, 1), "216.180.246.224:21790"},
		{"CRLF", base + "\r\n", "216.180.246.224:21790"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, tt.in)
			require.Empty(t, errs)
			require.Len(t, recs, 1)
			require.Equal(t, tt.client, recs[0].Client.String())
		})
	}
}

func TestDamagedLines(t *testing.T) {
	good := strings.Split(sample(t, "alb-access.log"), "\n")[0]
	tests := []struct{ name, in, want string }{
		{"time", strings.Replace(good, "2018-07-02T22:23:00", "yesterday", 1), `field time: "yesterday.186641Z" is not a time like 2026-01-02T15:04:05.000000Z`},
		{"client", strings.Replace(good, "192.168.131.39:2817", "192.168.131.39", 1), `field client:port: "192.168.131.39" is not an address and port`},
		{"seconds", strings.Replace(good, "0.001", "0,001", 1), `field target_processing_time: "0,001" is not a number of seconds`},
		{"status", strings.Replace(good, " 200 200 34", " 200 OK 34", 1), `field target_status_code: "OK" is not a status code`},
		{"bytes", strings.Replace(good, " 34 366", " 34 many", 1), `field sent_bytes: "many" is not a number`},
		{"creation", strings.Replace(good, "2018-07-02T22:22:48.364000Z", "x", 1), `field request_creation_time: "x" is not a time like`},
		{"half", good[:180], "does not end: no closing quote: "},
		{"half between fields", good[:60], "3 fields, an access log line has at least 29: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, errs := readAll(t, good+"\n"+tt.in+"\n"+good+"\n")
			require.Len(t, errs, 1)
			require.Contains(t, errs[0], "access.log:2: ")
			require.Contains(t, errs[0], tt.want)
			require.Len(t, recs, 2, "the lines around are read")
			require.Equal(t, 3, recs[1].Line)
		})
	}
}

func TestAppendText(t *testing.T) {
	b, err := (&Record{NodeIP: "a b"}).AppendText([]byte("x"))
	require.EqualError(t, err, `writing access log: field node IP address: "a b" cannot be written unquoted`)
	require.Equal(t, "x", string(b))

	b, err = (&Record{UserAgent: strings.Repeat("u", 9000)}).AppendText(nil)
	require.NoError(t, err)
	require.Equal(t, 8192, strings.Count(string(b), "u"), "user agents are cut at 8 KB")
}

// A file that was cut within the last fields of its last line: what is left of it looks whole, as the log once had fewer fields.
func TestCutLastLine(t *testing.T) {
	whole := strings.TrimSuffix(sample(t, "alb-access-2026.log"), "\n")
	whole = whole[strings.LastIndexByte(whole, '\n')+1:]
	cut := whole[:strings.LastIndex(whole, " TID_")]
	recs, errs := readAll(t, whole+"\n"+cut)
	require.Len(t, recs, 1)
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "access.log:2: the line is cut: it has 29 fields and no line end, the line before it has 3")
	for name, in := range map[string]string{"a line end": whole + "\n" + cut + "\n", "as many fields": whole + "\n" + whole, "an older log": cut + "\n" + cut} {
		_, errs := readAll(t, in)
		require.Empty(t, errs, name)
	}
}

package flowlog

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func samples(tb testing.TB) []string {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.log")
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	return names
}

// read returns the records, which must all be sound.
func read(tb testing.TB, log string, o *evidence.Options) []*Record {
	tb.Helper()
	var out []*Record
	for r, err := range Records(strings.NewReader(log), o) {
		require.NoError(tb, err)
		out = append(out, r.Clone())
	}
	return out
}

func TestSamplesRoundTrip(t *testing.T) {
	for _, name := range samples(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			header, body, _ := strings.Cut(string(b), "\n")
			f, err := ParseFormat(header)
			require.NoError(t, err)
			require.Equal(t, header, f.Header())
			recs := read(t, string(b), nil)
			require.Len(t, recs, strings.Count(body, "\n"))
			var out []byte
			for i, r := range recs {
				assert.Equal(t, i+2, r.Line)
				out = append(f.Append(out, r), '\n')
			}
			assert.Equal(t, body, string(out))
			// Without the header row, the format has to be given.
			assert.Len(t, read(t, body, &evidence.Options{Format: f.String()}), len(recs))
		})
	}
}

func TestSampleValues(t *testing.T) {
	b, err := os.ReadFile("testdata/vpc-flow-custom-v5.log")
	require.NoError(t, err)
	recs := read(t, string(b), nil)
	require.Len(t, recs, 2)
	assert.Equal(t, &Record{
		Line: 3, Version: 5, AccountID: []byte("123456789012"), InterfaceID: []byte("eni-1235b8ca123456789"),
		SrcAddr: netip.MustParseAddr("10.0.0.71"), DstAddr: netip.MustParseAddr("52.95.128.179"), SrcPort: 34210, DstPort: 80,
		Protocol: 6, Packets: 7, Bytes: 471, Start: 1616729292, End: 1616729349, Action: Accept, LogStatus: OK,
		VPCID: []byte("vpc-abcdefab012345678"), SubnetID: []byte("subnet-aaaaaaaa012345678"), InstanceID: []byte("i-0c50d5961bcb2d47b"),
		TCPFlags: 3, Type: []byte("IPv4"), PktSrcAddr: netip.MustParseAddr("10.0.0.71"), PktDstAddr: netip.MustParseAddr("52.95.128.179"),
		Region: []byte("ap-southeast-2"), AZID: []byte("apse2-az3"), FlowDirection: []byte("egress"), TrafficPath: 8,
		Other: [][]byte{nil, nil, nil, []byte("S3")}, // sublocation-type, sublocation-id, pkt-src-aws-service, pkt-dst-aws-service
	}, recs[1])

	b, err = os.ReadFile("testdata/vpc-flow-default.log")
	require.NoError(t, err)
	recs = read(t, string(b), nil)
	noData := Blank()
	noData.Line, noData.Version, noData.LogStatus = 4, 2, NoData
	noData.AccountID, noData.InterfaceID = []byte("123456789010"), []byte("eni-1235b8ca123456789")
	noData.Start, noData.End = 1431280876, 1431280934
	assert.Equal(t, &noData, recs[2])
}

const good = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"

func TestDamage(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"version", "2 123", "1 123", `field version: bad value "1", want a number from 2`},
		{"version missing", "2 123", "- 123", `field version: bad value "-"`},
		{"account", "123456789010 ", "1234\x0156 ", `field account-id: bad value "1234\x0156"`},
		{"interface", "eni-1235b8ca123456789", "en-1235", `field interface-id: bad value "en-1235", want eni-...`},
		{"interface only prefix", "eni-1235b8ca123456789", "eni-", `field interface-id`},
		{"octet", "172.31.16.139", "172.31.16.256", `field srcaddr: bad value "172.31.16.256", want an IP address`},
		{"leading zero", "172.31.16.139", "172.31.016.139", `field srcaddr`},
		{"three parts", "172.31.16.21", "172.31.16", `field dstaddr`},
		{"five parts", "172.31.16.21", "172.31.16.2.1", `field dstaddr`},
		{"empty part", "172.31.16.21", "172..16.21", `field dstaddr`},
		{"zone", "172.31.16.21", "fe80::1%eth0", `field dstaddr`},
		{"port", "20641", "65536", `field srcport: bad value "65536", want a number up to 65535`},
		{"port sign", "20641", "+2064", `field srcport`},
		{"port negative", "20641", "-2064", `field srcport`},
		{"port zeros", "20641", "00641", `field srcport`},
		{"protocol", " 6 ", " 256 ", `field protocol: bad value "256", want a number up to 255`},
		{"packets letters", " 20 ", " 2O ", `field packets: bad value "2O", want a number`},
		{"packets float", " 20 ", " 2.0 ", `field packets`},
		{"packets 2^63", " 20 ", " 9223372036854775808 ", `field packets`},
		{"bytes 20 digits", " 4249 ", " 18446744073709551616 ", `field bytes`},
		{"start", "1418530010", "253402300800", `field start: bad value "253402300800", want Unix seconds`},
		{"end before start", "1418530070", "1418530009", `end is before start`},
		{"action", "ACCEPT", "accept", `field action: bad value "accept", want ACCEPT or REJECT`},
		{"status", " OK", " OKAY", `field log-status: bad value "OKAY", want OK, NODATA or SKIPDATA`},
		{"status cut", " OK", " O", `field log-status`},
		{"cut", " ACCEPT OK", "", `record has 12 fields, the format 14`},
		{"nul", " ACCEPT OK", " ACCEPT OK\x00", `field log-status: bad value "OK\x00"`},
		{"no traffic but OK", "20641", "-", `log-status is OK but a field of the traffic has no value`},
		{"traffic but NODATA", " OK", " NODATA", `log-status is NODATA but a field of the traffic has a value`},
		{"traffic but SKIPDATA", " OK", " SKIPDATA", `log-status is SKIPDATA but a field of the traffic has a value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			require.NotEqual(t, good, bad)
			log := good + "\n" + bad + "\n" + good + "\n"
			var lines []int
			var errs []error
			for r, err := range Records(strings.NewReader(log), &evidence.Options{File: "flow.log"}) {
				if err != nil {
					errs = append(errs, err)
					continue
				}
				lines = append(lines, r.Line)
			}
			assert.Equal(t, []int{1, 3}, lines)
			require.Len(t, errs, 1)
			var pe *evidence.ParseError
			require.ErrorAs(t, errs[0], &pe)
			assert.Equal(t, 2, pe.Line)
			assert.ErrorContains(t, errs[0], "flow.log:2: "+tt.want)
		})
	}
}

func TestTolerance(t *testing.T) {
	tests := []struct{ name, log string }{
		{"two spaces", strings.Replace(good, " ", "  ", 3)},
		{"tab", strings.Replace(good, " ", "\t", 1)},
		{"trailing space", good + " "},
		{"CRLF", good + "\r\n"},
		{"fields behind", good + " 2 10.0.0.1 new"},
		{"largest counts", strings.Replace(good, "20 4249", "9223372036854775807 9223372036854775807", 1)},
		{"unknown account", strings.Replace(good, "123456789010", "unknown", 1)},
		{"no interface", strings.Replace(good, "eni-1235b8ca123456789", "-", 1)},
		{"mapped address", strings.Replace(good, "172.31.16.139", "::ffff:1.2.3.4", 1)},
		{"longest address", strings.Replace(good, "172.31.16.139", "255.255.255.255", 1)},
		{"shortest address", strings.Replace(good, "172.31.16.139", "0.0.0.0", 1)},
		{"byte order mark", "\xef\xbb\xbf" + good},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Len(t, read(t, tt.log, nil), 1)
		})
	}
}

func TestHeaderRows(t *testing.T) {
	lab := LabFormat()
	rec := read(t, good, nil)[0]
	rec.Version, rec.TCPFlags = lab.Version(), 3
	row := string(lab.Append(nil, rec))

	// Two files, one behind the other, and an option that is wrong: header rows win.
	log := lab.Header() + "\n" + row + "\n" + DefaultFormat().Header() + "\n" + good + "\n"
	recs := read(t, log, &evidence.Options{Format: "${srcaddr} ${dstaddr}"})
	require.Len(t, recs, 2)
	assert.Equal(t, 3, recs[0].TCPFlags)
	assert.Equal(t, -1, recs[1].TCPFlags)
	assert.Equal(t, []int{2, 4}, []int{recs[0].Line, recs[1].Line})

	// A field that is not known yet.
	recs = read(t, "version srcaddr shiny-new dstaddr\n12 10.0.0.1 x,y 10.0.0.2\n", nil)
	require.Len(t, recs, 1)
	assert.Equal(t, [][]byte{[]byte("x,y")}, recs[0].Other)

	// A format of texts, in which a header row looks like a record.
	recs = read(t, "region az-id\nus-east-1 use1-az1\nregion az-id\nus-east-1 use1-az2\n", nil)
	require.Len(t, recs, 2)
	assert.Equal(t, "use1-az2", string(recs[1].AZID))
}

func TestFormatErrors(t *testing.T) {
	tests := []struct{ name, format, want string }{
		{"empty", " ", "flow log format: it is empty"},
		{"unknown", "${version} ${tcp-flag}", `flow log format: unknown field "tcp-flag"; did you mean tcp-flags?`},
		{"underscore", "${src_addr}", `flow log format: unknown field "src_addr"; did you mean srcaddr?`},
		{"camel", "${flowDirection}", `unknown field "flowDirection"; did you mean flow-direction?`},
		{"far", "${zzzzzzzz}", `flow log format: unknown field "zzzzzzzz"`},
		{"no brace", "$version", `flow log format: "$version" is not of the form ${field-name}`},
		{"open brace", "${version", `"${version" is not of the form`},
		{"no space", "${version}${srcaddr}", `"${version}${srcaddr}": fields are separated by one space`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseFormat(tt.format)
			require.ErrorContains(t, err, tt.want)
			n := 0
			for _, err := range Records(strings.NewReader(good), &evidence.Options{Format: tt.format + " ${zzzzzzz}"}) {
				require.Error(t, err)
				n++
			}
			require.Equal(t, 1, n)
		})
	}
}

func TestFormat(t *testing.T) {
	assert.Equal(t, "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "+
		"${bytes} ${start} ${end} ${action} ${log-status}", DefaultFormat().String())
	assert.Equal(t, 2, DefaultFormat().Version())
	assert.Equal(t, 8, LabFormat().Version())
	assert.Len(t, LabFormat().Fields(), 22)
	f, err := ParseFormat("$${version} $${next-hop-vpc-id} $${encryption-status}")
	require.NoError(t, err)
	assert.Equal(t, "version next-hop-vpc-id encryption-status", f.Header())
	assert.Equal(t, 11, f.Version())
	all := make(map[string]bool)
	for _, c := range columns() {
		assert.False(t, all[c.name], c.name)
		all[c.name] = true
	}
	assert.Len(t, all, 14+7+4+4+10+1+1+1+12) // versions 2, 3, 4, 5, 7, 8, 9, 10, 11
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	for range 2 { // two members
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, DefaultFormat().Header()+"\n"+strings.Repeat(good+"\n", 1000))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	require.Len(t, read(t, b.String(), nil), 2000)

	n := 0
	var errs []error
	for _, err := range Records(bytes.NewReader(b.Bytes()[:b.Len()-20]), &evidence.Options{File: "x.log.gz"}) {
		if err != nil {
			errs = append(errs, err)
		} else {
			n++
		}
	}
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "damaged gzip")
	require.Greater(t, n, 1000)
}

func TestReaderFails(t *testing.T) {
	boom := errors.New("boom")
	var got []error
	for _, err := range Records(io.MultiReader(strings.NewReader(good+"\n"), iotest.ErrReader(boom)), nil) {
		got = append(got, err)
	}
	require.Len(t, got, 2)
	require.NoError(t, got[0])
	require.ErrorIs(t, got[1], boom)
}

func TestStopEarly(t *testing.T) {
	n := 0
	for range Records(strings.NewReader(good+"\n"+good+"\n"), nil) {
		n++
		break
	}
	require.Equal(t, 1, n)
}

func TestClone(t *testing.T) {
	rows := manyRecords(LabFormat(), 3)
	var kept []*Record
	for r, err := range Records(iotest.OneByteReader(bytes.NewReader(rows)), nil) {
		require.NoError(t, err)
		kept = append(kept, r.Clone())
	}
	require.Len(t, kept, 3)
	out := append([]byte(LabFormat().Header()), '\n')
	for _, r := range kept {
		out = append(LabFormat().Append(out, r), '\n')
	}
	assert.Equal(t, string(rows), string(out))
}

func TestFlagNames(t *testing.T) {
	for flags, want := range map[int]string{-1: "-", 0: "none", 2: "SYN", 3: "FIN SYN", 18: "SYN ACK", 19: "FIN SYN ACK", 22: "SYN RST ACK",
		4: "RST", 42: "SYN 40"} {
		assert.Equal(t, want, FlagNames(flags))
	}
}

// The parser allocates nothing per record: ten thousand cost as much as ten.
func TestAllocations(t *testing.T) {
	custom, err := ParseFormat("version resource-id type srcaddr dstaddr az-id asg-tag bytes packets start end action log-status")
	require.NoError(t, err)
	for _, f := range []*Format{DefaultFormat(), LabFormat(), custom} {
		cost := func(n int) float64 {
			log := manyRecords(f, n)
			return testing.AllocsPerRun(5, func() {
				for _, err := range Records(bytes.NewReader(log), nil) {
					if err != nil {
						panic(err)
					}
				}
			})
		}
		few, many := cost(10), cost(10_000)
		assert.LessOrEqual(t, many, few+20, f.Header()) // the last line of each buffer may be copied once
	}
}

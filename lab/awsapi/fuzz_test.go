package awsapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// walk reads every member of an input in every way: none may panic.
func walk(in *input, depth int) {
	for name := range in.members {
		in.str(name)
		in.num(name, 0)
		in.flag(name)
		in.time(name)
		in.strs(name)
		if depth < maxDepth {
			for _, s := range in.structs(name) {
				walk(s, depth+1)
			}
			walk(in.sub(name), depth+1)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{
		"Names.member.1=a&Names.member.2=b&PageSize=7", "Filter.1.Name=x&Filter.1.Value.1=y&Filter.2.Value=z", "A.member=1&A.member.member.1=2&A=3",
		"MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name=LoadBalancer", "a.1=x&a.b=y", "a..1=x&.=y&=z", "a.-1=x&a.99999999999999999999=y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		m, err := decodeForm(form)
		if err != nil {
			return
		}
		walk(newInput(m), 0)
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"logGroupName":"x","limit":1.5,"a":[{"b":null},[1]],"t":1767225600.5,"n":1e999}`, `{}`, ``, `null`, `[]`, `{"a":1}{`, `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeJSON(b)
		if err != nil {
			return
		}
		walk(newInput(m), 0)
	})
}

func FuzzCBOR(f *testing.F) {
	b, err := cbor.Marshal(map[string]any{"StartTime": cbor.Tag{Number: 1, Content: 1767225600.5}, "Q": []any{map[string]any{"Id": "m", "N": -1, "B": true}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for _, s := range []string{"\xbf\xff", "\xbfaa\xc1\x1a\x69\x55\xb9\x00\xff", "\xa1aa\xc1\xc1\xc1\x00", "\xa1aa\x5f\xff", "\xa1\x01\x02", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeCBOR(b)
		if err != nil {
			return
		}
		walk(newInput(m), 0)
	})
}

// FuzzAnswer: what goes into an answer comes out of it, in each protocol.
func FuzzAnswer(f *testing.F) {
	f.Add("a<b>&\"'\x00\xff", 1.5, int64(-7))
	f.Add("", 0.0, int64(1<<62))
	f.Fuzz(func(t *testing.T, s string, x float64, n int64) {
		o := out{{"S", s}, {"X", x}, {"N", n}, {"L", list{s, s}}, {"None", nil}}
		var b bytes.Buffer
		appendXML(&b, "R", "member", o)
		var fromXML struct {
			L []string `xml:"L>member"`
			N int64
		}
		if err := xml.Unmarshal(b.Bytes(), &fromXML); err != nil || fromXML.N != n || len(fromXML.L) != 2 {
			t.Fatalf("%s: %v", b.Bytes(), err)
		}
		b.Reset()
		appendJSON(&b, o)
		var fromJSON struct{ N int64 }
		if err := json.Unmarshal(b.Bytes(), &fromJSON); err != nil || fromJSON.N != n {
			t.Fatalf("%s: %v", b.Bytes(), err)
		}
		c, err := encodeCBOR(o)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := decodeCBOR(c); strings.ToValidUTF8(s, "") == s && (err != nil || m["S"] != s) {
			t.Fatalf("%v: %v", m, err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64), "20260101T000000Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("a", 64))
	s := &Server{id: Identity{Region: "us-east-1"}, wall: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }}
	f.Fuzz(func(t *testing.T, auth, date, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{auth}, []string{date}
		sig, err := parseSignature(r)
		if err == nil && sig == nil {
			t.Fatal("neither a signature nor an error")
		}
		if err == nil {
			_ = sig.check("sts", s)
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add("", mark{At: 7, Scope: "s"}.token())
	f.Add("bytes=0-9", "f/"+strings.Repeat("0", 56)+"/s")
	f.Add(`?a -b "c \" d" %e+% f`, "x")
	f.Fuzz(func(t *testing.T, header, token string) {
		if m, ok := readMark(token); ok {
			if again, ok := readMark(m.token()); !ok || !reflect.DeepEqual(m, again) {
				t.Fatalf("%+v became %+v", m, again)
			}
		}
		readEventToken(token)
		if from, to, _, err := byteRange(header, 100); err == nil && (from < 0 || to > 100 || from > to) {
			t.Fatal(from, to)
		}
		if match, err := parseTerms(header); err == nil {
			match([]byte(token))
		}
		_, _ = ParseFaults(header)
		_, _ = ParseDelivery(header)
	})
}

// FuzzFrames: blocks of a capture that is damaged.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x06\x00\x00\x00\x20\x00\x00\x00aaaaaaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := wholeBlocks(b)
		var fr frames
		if err := fr.take(b[:n], 0, time.Time{}); err != nil {
			return
		}
		for _, x := range fr.waiting {
			p := append([]byte(nil), b[x.place.at:x.place.at+int64(x.place.len)]...)
			(&mirrorSession{vni: 7, length: 20}).shape(p)
		}
	})
}

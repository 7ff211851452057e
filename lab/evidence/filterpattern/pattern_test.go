package filterpattern

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The pattern of experiment 1, as it was pasted into AWS.
const experiment = `[version, account, interface, srcaddr, dstaddr, srcport, destport="443", protocol="6", packets<5, bytes, start, end, action="ACCEPT", logstatus]`

// The experiment's records, in the default format and in alblab's, which begins with the default fields.
const (
	failed   = "2 123456789012 eni-0a1b2c3d4e5f60718 203.0.113.10 10.0.1.10 54321 443 6 3 328 1739600000 1739600030 ACCEPT OK"
	answered = "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.10 203.0.113.10 443 54321 6 3 164 1739600000 1739600030 ACCEPT OK"
	good     = "2 123456789012 eni-0a1b2c3d4e5f60718 203.0.113.10 10.0.1.10 54322 443 6 18 1921 1739600000 1739600030 ACCEPT OK"
	rejected = "2 123456789012 eni-0a1b2c3d4e5f60718 203.0.113.10 10.0.1.10 54323 443 6 1 60 1739600000 1739600030 REJECT OK"
	noData   = "2 123456789012 eni-0a1b2c3d4e5f60718 - - - - - - - 1739600000 1739600030 - NODATA"
	labTail  = " 2 203.0.113.10 10.0.1.10 ingress - vpc-0a1b2c3d4e5f60718 subnet-0a1b2c3d4e5f60718 -"
	header   = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)

// Events of FilterAndPatternSyntax.html.
const (
	apache  = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	info    = "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200"
	info2   = "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310"
	warning = "WARNING 09/25/2014 12:00:02 Invalid user request"
	failure = "ERROR 09/25/2014 12:00:02 Failed to process request"
)

func TestMatch(t *testing.T) {
	withEllipsis := strings.TrimSuffix(experiment, "]") + ", ...]"
	vendor := func(cond string) string {
		p := "[version, accountid, interfaceid, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, end, action, logstatus]"
		name, _, _ := strings.Cut(cond, " ")
		return strings.Replace(p, " "+name, " "+cond, 1)
	}
	tests := []struct {
		name, pattern string
		yes, no       []string
	}{
		{"experiment 1", experiment, []string{failed}, []string{answered, good, rejected, noData, header, failed + labTail, ""}},
		{"experiment 1 with ellipsis", withEllipsis, []string{failed, failed + labTail},
			[]string{answered, good, rejected, noData, good + labTail, rejected + labTail}},
		// docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html and the filter pattern page's own examples.
		{"vendor all", vendor("version"), []string{failed, good, noData, header}, []string{failed + " x", "2 3"}},
		{"vendor subnet", vendor("srcaddr = 10.0.1.*"), []string{answered}, []string{failed, noData}},
		{"vendor ports", vendor("dstport = 80 || dstport = 443"), []string{failed, good}, []string{answered, noData}},
		{"vendor bytes", vendor("bytes >= 400"), []string{good}, []string{failed, noData, header}},
		{"vendor action", vendor("action = REJECT"), []string{rejected}, []string{failed}},
		{"vendor SSH", `[version, account, eni, source, destination, srcport, destport="22", protocol="6", packets, bytes, windowstart, windowend, action="REJECT", flowlogstatus]`,
			[]string{strings.Replace(rejected, " 443 ", " 22 ", 1)}, []string{rejected}},
		{"page regex", `[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]`,
			[]string{apache}, []string{strings.Replace(apache, "404", "500", 1), strings.Replace(apache, "html", "htm", 1), "1" + apache[:8] + "0" + apache[9:]}},
		{"page ellipsis", `[..., request =*.html*, status_code = 4*, bytes]`, []string{apache, apache[len("127.0.0.1 "):], "a b c " + apache}, []string{apache + " 1"}},
		{"page compound", `[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]`,
			[]string{apache, strings.Replace(apache, "404", "410", 1)}, []string{strings.Replace(apache, "404", "411", 1)}},
		{"page order", "[w1=ERROR, w2]", []string{failure}, []string{info, info2, warning, "ERROR"}},
		{"page or", "[w1=ERROR || w1=WARNING, w2]", []string{failure, warning}, []string{info, info2}},
		{"page exclude", "[w1!=ERROR && w1!=WARNING, w2]", []string{info, info2}, []string{failure, warning}},
		{"page top level", "[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", []string{info}, []string{info2, warning, failure}},
		{"page child level", "[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]",
			[]string{info2}, []string{info, warning, failure}},

		{"exact count", "[a, b]", []string{"1 2", " 1  2 ", "1\t2"}, []string{"1", "1 2 3", ""}},
		{"ellipsis behind", "[a=1, ...]", []string{"1", "1 2 3"}, []string{"2 1", ""}},
		{"ellipsis between", "[a=1, ..., z=9]", []string{"1 9", "1 5 9", "1 9 9"}, []string{"1", "9", "1 9 8"}},
		{"ellipsis alone", "[...]", []string{"", "x", "a b"}, nil},
		{"dash names", "[ip, -, -, code=4*]", []string{"1 2 3 404"}, []string{"1 2 3 504"}},
		{"no name", "[a=1,,c=3,]", []string{"1 2 3 4"}, []string{"1 2 4 4", "1 2 3"}},
		{"last condition needs the last token", "[w1=ERROR, w2=x]", []string{"ERROR x"}, []string{"ERROR x y"}},
		{"precedence", "[a=1 || a=2 && a!=2, b]", []string{"1 x"}, []string{"2 x", "3 x"}},
		{"parentheses", "[(a=1 || a=2) && a!=2, b]", []string{"1 x"}, []string{"2 x"}},
		{"no spaces", "[a=1||a=2,b<5&&b>2]", []string{"1 3", "2 4"}, []string{"1 5", "3 3"}},
		{"case", "[a=Error]", []string{"Error"}, []string{"ERROR", "error"}},
		{"quotes hold separators", `[a="x, y] && z", b]`, []string{`"x, y] && z" 1`}, []string{"x 1"}},
		{"quoted token", `[a="two words"]`, []string{`"two words"`, "[two words]"}, []string{"two words"}},
		{"escaped asterisk", `[a="\*", b=x\*y]`, []string{"* x*y"}, []string{"x x*y", "* xzy"}},
		{"wildcard in quotes", `[a="GET *"]`, []string{`"GET /"`}, []string{`"POST /"`}},
		{"inner wildcard", "[a=1*2*3]", []string{"123", "1x2y3", "12223"}, []string{"132", "1233x", "x123", "13"}},
		{"wildcard overlaps", "[a=ab*ba]", []string{"abba", "abxba"}, []string{"aba"}},
		{"any", "[a=*, b!=*]", nil, []string{"1 2", "1"}},
		{"numbers", "[a=443, b>=-1.5, c<1e+3]", []string{"443 0 999", "443.0 -1.5 -7", "4.43e2 1 1"}, []string{"4430 0 0", "443 -1.6 0", "443 0 1000"}},
		{"quoted number is text", `[a="443"]`, []string{"443"}, []string{"443.0"}},
		{"large numbers are exact", "[a>9007199254740992]", []string{"9007199254740993"}, []string{"9007199254740992"}},
		{"not a number", "[a<5, b!=5]", []string{"4 -", "-1 6"}, []string{"- 6", "x 6", "4 5", "4 5.0", "NaN 1", "0x1 1"}},
		{"not matching regex", "[a!=%^1%]", []string{"21"}, []string{"12"}},
		{"regex escapes", `[a=%\x28\d+\x29$%, b=%^a{,2}$%]`, []string{"x(12) aa", "(1) a"}, []string{"12 a", "(1) aaa"}},
		{"unclosed", `[a, b, c]`, []string{`[x "y z`, `"x [y z`}, []string{`"x y" z`, "[x y z]"}},
		{"quote inside", `[a, b]`, []string{`a"b c"d`, `"a"b c`}, []string{`"a "b" c" d`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.pattern)
			require.NoError(t, err)
			assert.Equal(t, tt.pattern, p.String())
			require.NotEmpty(t, append(tt.yes, tt.no...))
			for _, event := range tt.yes {
				assert.True(t, p.Match([]byte(event)), "want a match: %s", event)
			}
			for _, event := range tt.no {
				assert.False(t, p.Match([]byte(event)), "want no match: %s", event)
			}
		})
	}
}

// The example of aws logs test-metric-filter, docs.aws.amazon.com/cli/latest/reference/logs/test-metric-filter.html.
func TestFields(t *testing.T) {
	p, err := Parse("[ip, server, username, timestamp, request, status_code, bytes > 1000]")
	require.NoError(t, err)
	fields, ok := p.Fields([]byte(apache))
	require.True(t, ok)
	got := make(map[string]string)
	for _, f := range fields {
		got[f.Name] = string(f.Value)
	}
	assert.Equal(t, map[string]string{"ip": "127.0.0.1", "server": "Prod", "username": "frank", "timestamp": "10/Oct/2000:13:25:15 -0700",
		"request": "GET /index.html HTTP/1.0", "status_code": "404", "bytes": "1534"}, got)

	_, ok = p.Fields([]byte(strings.Replace(apache, "1534", "15", 1)))
	assert.False(t, ok)

	p, err = Parse("[w1=ERROR, w2]")
	require.NoError(t, err)
	fields, ok = p.Fields([]byte(failure))
	require.True(t, ok)
	assert.Equal(t, []Field{{"w1", []byte("ERROR")}, {"w2", []byte("09/25/2014 12:00:02 Failed to process request")}}, fields)

	p, err = Parse("[first, , ..., last]")
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "", "...", "last"}, p.Names())
	fields, ok = p.Fields([]byte("1 2 3 4 5"))
	require.True(t, ok)
	assert.Equal(t, []Field{{"first", []byte("1")}, {"last", []byte("5")}}, fields)
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, pattern, want string }{
		{"empty", "", "column 1: a pattern for space-delimited events begins with ["},
		{"terms", "ERROR", "column 1: a pattern for space-delimited events begins with ["},
		{"json", ` { $.a = 1 }`, "column 2: this is a pattern for JSON events"},
		{"no field", "[ ]", "column 3: the pattern names no field"},
		{"not closed", "[a, b", "column 6: want a comma or ], found the end"},
		{"behind", "[a] b", `column 5: found "b" behind the closing ]`},
		{"two ellipses", "[..., a, ...]", "column 10: a second ellipsis"},
		{"double equal", "[a==1]", "column 3: unknown operator =="},
		{"turned operator", "[a=>1]", "column 3: unknown operator =>"},
		{"no value", "[a=, b]", `column 4: want a value, found ","`},
		{"no name", "[=1]", `column 2: want the name of a field, found "="`},
		{"literal", `["ERROR"]`, "column 2: want the name of a field"},
		{"word AND", "[a=1 AND a=2]", `column 6: want a comma or ], found "A"`},
		{"two names", "[a=1 || b=2]", `column 9: a condition on "b" in the position of "a"`},
		{"name alone", "[a && a=1]", "column 4: && behind a name without a condition"},
		{"name behind", "[a=1 || a]", `column 10: want an operator, found "]"`},
		{"name in parentheses", "[(a)]", "column 4: parentheses around a name"},
		{"parenthesis", "[(a=1]", `column 6: want ), found "]"`},
		{"order of text", "[a<x]", "column 4: < compares with a number"},
		{"order of wildcard", "[a>=4*]", "column 5: >= compares with a number"},
		{"order of regex", "[a>%1%]", "column 4: > compares with a number, not with a regular expression"},
		{"quotation marks", `[a="x]`, "column 4: the quotation marks are not closed"},
		{"mark inside", `[a=x"y"]`, "column 5: a quotation mark inside of a value"},
		{"regex open", "[a=%x]", "column 4: the regular expression has no closing %"},
		{"regex empty", "[a=%%]", "column 5: the regular expression is empty"},
		{"regex symbol", "[a=%x!%]", `column 6: '!' is not supported in a regular expression; \x21 matches it`},
		{"regex group", "[a=%(x)%]", `column 5: parentheses are not supported in a regular expression; \x28 and \x29 match them`},
		{"regex escape", `[a=%x\b%]`, `column 6: \b is not supported`},
		{"regex hex", `[a=%\x9g%]`, `column 5: \x needs two hexadecimal digits`},
		{"regex not ASCII", `[a=%é%]`, "column 5: multi-byte characters are not supported"},
		{"regex high hex", `[a=%\xff%]`, `column 5: \xff is not an ASCII character`},
		{"regex broken", "[a=%x**%]", "column 5: bad regular expression: invalid nested repetition operator"},
		{"regex class", "[a=%[x%]", "column 5: bad regular expression: missing closing ]"},
		{"three regexes", "[a=%1%, b=%2%, c=%3%]", "column 18: a pattern has at most 2 regular expressions"},
		{"too long", "[" + strings.Repeat("a", 1024) + "]", "column 1: the pattern has 1026 characters, AWS takes 1024 at most"},
		{"columns are characters", "[é=x, ü==1]", "column 8: unknown operator =="},
		{"deep", "[" + strings.Repeat("(", 40), "too many parentheses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.pattern)
			var se *SyntaxError
			require.ErrorAs(t, err, &se)
			assert.ErrorContains(t, err, "filter pattern, column ")
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// Each regular expression of the page's "Usage of supported operators" is accepted, and matches what the page says it matches. (The page's
// "gra|ey" for gray and grey holds because a match may be anywhere.)
func TestPageRegexes(t *testing.T) {
	tests := []struct {
		regex   string
		yes, no []string
	}{
		{"^[hc]at", []string{"hat", "cat"}, []string{"xhat"}}, {"[hc]at$", []string{"hat", "a cat"}, []string{"cats"}},
		{"colou?r", []string{"color", "colour"}, []string{"colouur"}}, {"[abcx-z]", []string{"a", "y"}, []string{"d"}},
		{"^a{3,5}$", []string{"aaa", "aaaaa"}, []string{"aa", "aaaaaa"}}, {"gra|ey", []string{"gray", "grey"}, []string{"gry"}},
		{"^starting|^initializing|^shutting down", []string{"starting", "shutting down"}, []string{"skipping initializing"}},
		{"abcc|ab[^c]$", []string{"abcc", "aba"}, []string{"aac"}}, {`\[.\]`, []string{"x[a]", "x[]]", "x[ ]"}, []string{"x[]"}},
		{`10\.10\.0\.1`, []string{"10.10.0.1"}, []string{"10010,051"}}, {"10.10.0.1", []string{"10010,051"}, nil},
		{"ab*c", []string{"ac", "abbbc"}, []string{"adc"}}, {"ab+c", []string{"abc"}, []string{"ac"}}, {".at", []string{"4at", "#at", " at"}, []string{"at"}},
		{`\d`, []string{"1"}, []string{"a"}}, {`^\D$`, []string{"a"}, []string{"1"}}, {`\s`, []string{"a b"}, []string{"ab"}}, {`^\S$`, []string{"a"}, nil},
		{`^\w$`, []string{"_"}, []string{"-"}}, {`^\W$`, []string{"-"}, []string{"_"}}, {`\x3A`, []string{"a:b"}, []string{"a"}}, {`\x28`, []string{"("}, []string{")"}},
	}
	for _, tt := range tests {
		p, err := Parse("[a=%" + tt.regex + "%]")
		require.NoError(t, err, tt.regex)
		for _, v := range tt.yes {
			assert.True(t, p.Match([]byte(`"`+v+`"`)), "%s: %s", tt.regex, v)
		}
		for _, v := range tt.no {
			assert.False(t, p.Match([]byte(`"`+v+`"`)), "%s: %s", tt.regex, v)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	for _, pattern := range []string{experiment, "[..., bytes>1e3, start, end, action, logstatus]", "[a, b, c=%^eni-0a%, d=203.*, ...]"} {
		p, err := Parse(pattern)
		require.NoError(t, err)
		event := []byte(failed)
		assert.Zero(t, testing.AllocsPerRun(100, func() { p.Match(event) }), pattern)
	}
}

func BenchmarkMatch(b *testing.B) {
	p, err := Parse(experiment)
	require.NoError(b, err)
	event := []byte(failed)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match(event) {
			b.Fatal("no match")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(experiment, failed)
	f.Add(`[ip=%127\.0\.0\.[1-9]%, user, ..., request =*.html*, (status_code = 4* || status_code>"1e3") && status_code!=410, w1]`, apache)
	f.Add("[a=*, b!=*, w3]", "[x y] \"z w\" v u")
	f.Add(`[a="\*\"\\", ...]`, `"[`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := Parse(pattern)
		if err != nil {
			se, ok := err.(*SyntaxError)
			if !ok || se.Column < 1 || se.Column > len(pattern)+1 || se.Msg == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		ok := p.Match([]byte(event))
		fields, again := p.Fields([]byte(event))
		if ok != again {
			t.Fatalf("Match %v, Fields %v", ok, again)
		}
		for _, f := range fields {
			if f.Name == "" || !strings.Contains(event, string(f.Value)) {
				t.Fatalf("field %q is not in the event", f.Name)
			}
		}
	})
}

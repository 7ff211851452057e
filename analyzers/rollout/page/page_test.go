package page

import (
	"html/template"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteNeedsNothingElse(t *testing.T) {
	content := template.Must(template.New("c").Funcs(Funcs()).Parse(`<h1>{{.}}</h1>{{bar nil}}`))
	var b strings.Builder
	require.NoError(t, Write(&b, Frame{Title: "a < b", Footer: "made by us"}, content, `<script>alert("x")</script>`))
	html := b.String()
	require.Contains(t, html, "<title>a &lt; b</title>")
	require.NotContains(t, html, "<script")
	for _, outside := range []string{"http://", "https://", "src=", "@import", "url("} {
		require.NotContains(t, html, outside, "the page must not need the network")
	}
	require.Contains(t, html, "prefers-color-scheme: dark")
	require.Contains(t, html, `name="viewport"`)
}

func TestBar(t *testing.T) {
	b := string(Bar([]Part{{"keeps", "99.99% keep", 0.9999}, {"breaks", `0.01% "break"`, 0.0001}, {"unknown", "none", 0}}))
	require.Contains(t, b, `class="breaks"`)
	require.NotContains(t, b, `class="unknown"`)
	require.Contains(t, b, "&#34;break&#34;")
}

func TestProse(t *testing.T) {
	require.EqualValues(t, `a &lt;b&gt; <span class="word">&#34;c-d&#34;,</span> e`, Prose("a <b>\n\"c-d\",  e"))
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		share float64
		want  string
	}{
		{0, "0%"}, {1, "100%"}, {0.5, "50%"}, {0.123, "12.3%"}, {0.0123, "1.23%"}, {0.0005, "0.050%"}, {0.000000001, "<0.001%"},
		{0.9999999, ">99.9%"}, {0.1, "10%"},
	} {
		require.Equal(t, tt.want, Percent(tt.share))
	}
	require.Equal(t, "1,234,567", Number(1234567))
	require.Equal(t, "999", Number(999))
}

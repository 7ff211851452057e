package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/labtest/tooltest"
)

// TestPagesInBrowser looks at HTML pages in a real browser, light and dark, on a desk and on a telephone: it takes screenshots,
// which "go test -artifacts" keeps, and holds that the page fills no more than the window's width and has the colours asked for.
func TestPagesInBrowser(t *testing.T) {
	chromium := tooltest.Need(t, "chromium")
	connections, requests := whoBreaksLogs(t)
	bundle := filepath.Join(t.TempDir(), "bundle")
	var ignored bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"run", "experiment-1", "--out", bundle}, strings.NewReader(""), &ignored, &ignored), ignored.String())
	recorded := filepath.Join(bundle, "capture.pcap")
	for _, page := range []struct {
		name string
		code int
		args []string
	}{
		{"who-breaks", exitNegative, []string{"who-breaks", "--from", "TLS13-1-0-2021-06", "--to", "TLS13-1-2-Res-2021-06", connections, requests, "--format", "html"}},
		{"who-breaks-catalogue", exitNegative, []string{"who-breaks", "--to", "TLS13-1-3-2021-06", "--catalog", "--format", "html"}},
		{"matrix", exitDone, []string{"matrix", "--format", "html"}},
		{"matrix-capture", exitDone, []string{"matrix", recorded, "--format", "html"}},
		{"readiness", exitDone, []string{"readiness", "--format", "html"}},
	} {
		t.Run(page.name, func(t *testing.T) {
			t.Parallel() // a browser's start is mostly waiting
			var out, errs bytes.Buffer
			require.Equal(t, page.code, run(t.Context(), page.args, strings.NewReader(""), &out, &errs), errs.String())
			checkPage(t, chromium, page.name, out.String())
		})
	}
}

// telephone and desk are widths in CSS pixels.
const telephone, desk = 390, 1200

func checkPage(t *testing.T, chromium, name, html string) {
	dir := t.TempDir()
	file := filepath.Join(dir, name+".html")
	require.NoError(t, os.WriteFile(file, []byte(html), 0o600))
	for _, width := range []int{telephone, desk} {
		for theme, background := range map[string]color.RGBA{"light": {0xff, 0xff, 0xff, 0xff}, "dark": {0x0d, 0x11, 0x17, 0xff}} {
			shot := filepath.Join(t.ArtifactDir(), fmt.Sprintf("%s-%d-%s.png", name, width, theme))
			browse(t, chromium, dir, width, theme, file, "--screenshot="+shot)
			picture := readPicture(t, shot)
			require.Equal(t, width, picture.Bounds().Dx())
			require.Equal(t, background, color.RGBAModel.Convert(picture.At(1, 1)), "the background in %s", theme)
			require.Greater(t, colours(picture), 20, "an empty page")
		}
	}
	// A copy of the page that measures itself: how far right anything reaches that has no scroll bar of its own, words that are
	// wider than what they stand in among it.
	measured := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(html, "")
	require.NotEqual(t, html, measured)
	measured = strings.Replace(measured, "</body>", fmt.Sprintf(`<script>
document.documentElement.style.width = "%dpx"; // a window is never narrower than 500
let right = 0;
for (const e of document.body.querySelectorAll("*"))
	if (!e.closest(".scroll") && !e.closest("svg") && !e.parentElement.closest(".m-map")) {
		const box = e.getBoundingClientRect();
		right = Math.max(right, box.right, e.matches(".m-map") ? 0 : box.left + e.scrollWidth);
	}
document.title = "reaches " + Math.ceil(right);
</script></body>`, telephone), 1)
	require.NoError(t, os.WriteFile(file, []byte(measured), 0o600))
	dom := browse(t, chromium, dir, telephone, "light", file, "--dump-dom")
	reach := regexp.MustCompile(`<title>reaches (\d+)</title>`).FindStringSubmatch(dom)
	require.NotNil(t, reach, "the page did not measure itself")
	right, err := strconv.Atoi(reach[1])
	require.NoError(t, err)
	require.LessOrEqual(t, right, telephone, "the page is wider than a telephone")
	require.Greater(t, right, telephone/2)
}

// browse lets the browser show a file, without a network.
func browse(t *testing.T, chromium, dir string, width int, theme, file string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	scheme := map[string]string{"light": "1", "dark": "0"}[theme]
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--proxy-server=127.0.0.1:9", "--user-data-dir=" + filepath.Join(dir, "profile"),
		fmt.Sprintf("--window-size=%d,2400", width), "--blink-settings=preferredColorScheme=" + scheme}, args...)
	cmd := exec.CommandContext(ctx, chromium, append(args, (&url.URL{Scheme: "file", Path: file}).String())...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out)
}

func readPicture(t *testing.T, name string) image.Image {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	return picture
}

// colours counts different colours, up to some.
func colours(p image.Image) int {
	seen := map[color.Color]bool{}
	for y := p.Bounds().Min.Y; y < p.Bounds().Max.Y && len(seen) < 100; y += 2 {
		for x := p.Bounds().Min.X; x < p.Bounds().Max.X; x += 2 {
			seen[p.At(x, y)] = true
		}
	}
	return len(seen)
}

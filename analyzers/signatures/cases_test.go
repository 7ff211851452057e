package signatures_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

var update = flag.Bool("update", false, "write the cases' want.txt and report.txt")

// TestCases runs every case of testdata: a txtar whose comment tells the story and whose files are the evidence.
// "options" holds listeners (443=POLICY,mtls=verify), packets.txt becomes capture.pcap, want.txt is the findings, report.txt,
// where it is, the report as people see it.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	found := map[string]int{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.NotEmpty(t, strings.TrimSpace(string(a.Comment)), "a case tells its story")
			rep := runCase(t, a)
			for _, s := range rep.Signatures {
				found[s.Signature] += s.Connections
			}
			checkReport(t, rep)
			got := map[string]string{"want.txt": findings(rep)}
			var text bytes.Buffer
			require.NoError(t, rep.WriteText(&text))
			got["report.txt"] = text.String()
			for _, l := range strings.Split(text.String(), "\n") {
				require.LessOrEqual(t, len([]rune(l)), 80, "a line is too wide: %s", l)
			}
			compare(t, file, a, got)
		})
	}
	for _, a := range signatures.All() {
		require.Positive(t, found[a.Name], "no case finds %s", a.Name)
	}
}

// compare holds golden files against what came, or writes them.
func compare(t *testing.T, file string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	hasWant := false
	for i := range a.Files {
		f := &a.Files[i]
		text, golden := got[f.Name]
		if !golden {
			continue
		}
		hasWant = hasWant || f.Name == "want.txt"
		if *update {
			f.Data = []byte(text)
		} else {
			require.Equal(t, string(f.Data), text, f.Name)
		}
	}
	if *update {
		if !hasWant {
			a.Files = append(a.Files, txtar.File{Name: "want.txt", Data: []byte(got["want.txt"])})
		}
		require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
		return
	}
	require.True(t, hasWant, "the case has no want.txt")
}

func runCase(t *testing.T, a *txtar.Archive) *analyzers.Report {
	t.Helper()
	fsys := fstest.MapFS{}
	o := &analyzers.Options{}
	for _, f := range a.Files {
		switch f.Name {
		case "want.txt", "report.txt":
		case "options":
			o.Listeners = listeners(t, string(f.Data))
		case "packets.txt":
			fsys["capture.pcap"] = &fstest.MapFile{Data: writeCapture(t, string(f.Data))}
		default:
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	b, err := evidence.Open(fsys)
	require.NoError(t, err)
	rep, err := analyzers.Run(context.Background(), b, signatures.All(), o)
	require.NoError(t, err)
	return rep
}

func listeners(t *testing.T, text string) map[uint16]analyzers.Listener {
	t.Helper()
	out := map[uint16]analyzers.Listener{}
	for _, line := range strings.Fields(text) {
		port, rest, _ := strings.Cut(line, "=")
		n, err := strconv.ParseUint(port, 10, 16)
		require.NoError(t, err)
		var l analyzers.Listener
		for i, w := range strings.Split(rest, ",") {
			switch {
			case i == 0 && w != "":
				l.Policy, err = policy.ByName(w)
				require.NoError(t, err)
			case strings.HasPrefix(w, "mtls="):
				l.MTLS = strings.TrimPrefix(w, "mtls=")
			case strings.HasPrefix(w, "cert="):
				l.Certs, err = policy.ParseCertSet(strings.TrimPrefix(w, "cert="))
				require.NoError(t, err)
			}
		}
		out[uint16(n)] = l
	}
	return out
}

// checkReport holds what is true of every report.
func checkReport(t *testing.T, rep *analyzers.Report) {
	t.Helper()
	seen := map[int]bool{}
	for _, f := range rep.Findings {
		require.NotEmpty(t, f.Cites, "%s cites nothing", f.Signature)
		require.NotEmpty(t, f.Message)
		require.NotEmpty(t, f.Basis)
		require.False(t, seen[f.Conn.Index], "%s has two findings", f.Conn.Client)
		seen[f.Conn.Index] = true
		if f.Decision == nil {
			require.Empty(t, f.Cure(), "a cure without a policy")
		}
		if len(f.Causes) > 0 {
			require.True(t, slices.Contains(f.Causes, f.Signature), "%s is not among its own causes", f.Signature)
		}
		if f.Signature != signatures.RefusedFirstFlight && len(f.Causes) > 1 {
			require.NotEqual(t, analyzers.Certain, f.Certainty, "%s is certain of several causes", f.Signature)
		}
	}
	js, err := rep.MarshalJSON()
	require.NoError(t, err)
	require.Contains(t, string(js), `"schema":"alblab.analyze/1"`)
}

// findings are the findings as want.txt has them.
func findings(rep *analyzers.Report) string {
	var b strings.Builder
	for _, f := range rep.Findings {
		fmt.Fprintf(&b, "%s -> %d: %s, %s, %s\n", f.Conn.Client, f.Conn.Server.Port(), f.Signature, f.Stage, f.Certainty)
		fmt.Fprintf(&b, "  %s\n", f.Message)
		fmt.Fprintf(&b, "  because %s\n", f.Basis)
		if len(f.Causes) > 0 {
			fmt.Fprintf(&b, "  causes: %s\n", strings.Join(f.Causes, ", "))
		}
		for _, n := range f.Notes {
			fmt.Fprintf(&b, "  note: %s\n", n)
		}
		if c := f.Cure(); c != "" {
			fmt.Fprintf(&b, "  cure: %s\n", c)
		}
		refs := make([]string, len(f.Cites))
		for i, r := range f.Cites {
			refs[i] = r.String()
		}
		fmt.Fprintf(&b, "  cites: %s\n", strings.Join(refs, ", "))
	}
	for _, m := range rep.Metrics {
		fmt.Fprintf(&b, "metric %s: %g, found %d\n", m.Metric, m.Sum, m.Found)
	}
	for _, s := range rep.Skipped {
		fmt.Fprintf(&b, "skipped: %s\n", s.Analyzer)
	}
	for _, n := range rep.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, p := range rep.Problems {
		fmt.Fprintf(&b, "damaged: %v\n", p)
	}
	return b.String()
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestReadme runs every command that README.md shows with a prompt, in its order and in one folder, and looks for the
// output that it shows below one. It also checks the two commands for newcomers, which are this module's own.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(text), "\n"), 150, "README.md is at most 150 lines")
	require.Contains(t, string(text), "go run ./cmd/alblab run ")
	require.Contains(t, string(text), "go test ./... ")

	script, commands := readmeScript(string(text))
	require.Greater(t, commands, 4, "the README's commands were not found")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o644))
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true})
}

// readmeScript turns the README's fenced blocks into a script. A block's lines without a prompt are output: of its
// last command, or, in a block without commands, of the last command of the block before.
func readmeScript(text string) (script string, commands int) {
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case !fenced || line == "":
		case strings.HasPrefix(line, "$ "):
			b.WriteString("exec " + strings.TrimPrefix(line, "$ ") + "\n")
			commands++
		case commands > 0 && !strings.HasPrefix(line, "alblab ") && !strings.Contains(line, "->") && !strings.HasPrefix(line, "go "):
			b.WriteString("stdout " + quotePattern(line) + "\n")
		}
	}
	return b.String(), commands
}

// quotePattern makes a line a pattern for testscript: figures of time may differ.
func quotePattern(line string) string {
	p := regexp.QuoteMeta(line)
	p = regexp.MustCompile(`[0-9]+\\\.[0-9] s`).ReplaceAllString(p, `[0-9.]+ s`)
	return "'" + strings.ReplaceAll(p, "'", "''") + "'"
}

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
	script += inlineScript(t, string(text))
	require.Greater(t, commands, 4, "the README's commands were not found")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o644))
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true})
}

// placeholders are what the README's tables write where a user puts something of their own, and what the test puts there.
var placeholders = strings.NewReplacer(
	"./my-logs", "evidence", "terraform PATH", "terraform main.tf", "443=POLICY", "443=TLS13-1-2-2021-06", "--policy NAME", "--policy 2016-08", "policy NAME", "policy 2016-08",
	"policy A B", "policy 2016-08 TLS13-1-2-2021-06", "COMMAND", "run", "'[version, ...]'", "'[version, ...]'", "flow.log", "evidence/flow.log",
)

// elsewhere are commands that need a server that goes on, and the test that runs them.
var elsewhere = map[string]string{
	"alblab serve --policy FS-1-2-Res-2020-10": "TestRealClients", "alblab serve": "TestRealClients", "alblab import clients": "TestScripts", "alblab simulate HOST:PORT": "TestSimulateServed",
	"alblab probe HOST:PORT --as NAME": "TestScripts", "alblab benchmark": "TestScripts/benchmark",
	"alblab diagnose LOAD-BALANCER --since 1h": "TestDiagnose", "alblab serve --aws-api 127.0.0.1:4566": "TestServeAWS",
	"alblab aws up": "TestAWSUpPlans", "alblab aws down": "TestAWSUpPlans",
	"alblab ...": "", "alblab run": "TestScripts/run", // the run without names is TestScenarios as well
}

// inlineScript runs the commands that the README shows within its text, and those of blocks without a prompt.
func inlineScript(t *testing.T, text string) string {
	hello, err := os.ReadFile("testdata/readme-hello.hex")
	require.NoError(t, err)
	var b strings.Builder
	n := 0
	for _, m := range regexp.MustCompile("`(alblab [^`]+)`|(?m)^(alblab [a-z-]+ [^`\n]*--[^`\n]+)$").FindAllStringSubmatch(text, -1) {
		command := m[1] + m[2]
		if test, ok := elsewhere[command]; ok {
			if name, _, _ := strings.Cut(test, "/"); name != "" {
				requireTest(t, name)
			}
			continue
		}
		b.WriteString("exec " + placeholders.Replace(command) + "\n")
		n++
	}
	require.Greater(t, n, 5, "the README's commands were not found")
	const listener = `resource "aws_lb_listener" "https" {
  protocol   = "HTTPS"
  port       = 443
  ssl_policy = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
}
`
	return b.String() + "-- hello.hex --\n" + string(hello) + "-- main.tf --\n" + listener
}

// requireTest fails if no test of this package has the name.
func requireTest(t *testing.T, name string) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.Contains(string(text), "func "+name+"(") {
			return
		}
	}
	t.Fatalf("README.md relies on %s, which is not there", name)
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
		case commands > 0 && !strings.HasPrefix(line, "alblab ") && !strings.Contains(line, "->") && !strings.HasPrefix(line, "go ") && !strings.HasPrefix(line, "ALBLAB_"):
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

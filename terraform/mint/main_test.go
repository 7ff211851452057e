package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the examples read lies in the folder, and no key but the server's and the clients'.
func TestMintWritesWhatExamplesRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	var out bytes.Buffer
	require.NoError(t, run([]string{"-out", dir, "-host", "lab.example.com"}, &out))
	require.Contains(t, out.String(), "lab.example.com")

	examples, err := filepath.Glob("../examples/*/main.tf")
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	read := 0
	for _, example := range examples {
		text, err := os.ReadFile(example)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`[^s]\(?file\("\$\{var\.pki\}/([^"]+)"\)|= file\("\$\{var\.pki\}/([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
			if name := strings.ReplaceAll(m[1]+m[2], "${k}", "rsa"); !strings.Contains(name, "-chain") {
				read++
				require.FileExists(t, filepath.Join(dir, name), example)
			}
		}
	}
	require.Greater(t, read, 5)

	keys, err := filepath.Glob(filepath.Join(dir, "*key*"))
	require.NoError(t, err)
	for _, k := range keys {
		require.Regexp(t, `/(server|client)-[a-z-]+-key\.pem$`, k)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		require.Equal(t, strings.HasSuffix(e.Name(), "-key.pem"), bytes.Contains(text, []byte("PRIVATE KEY")), e.Name())
	}
}

func TestMintErrors(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	require.ErrorContains(t, run([]string{"-host", "localhost", "-out", dir}, &out), "has no dot")
	require.ErrorContains(t, run([]string{"-keys", "ed25519", "-out", dir}, &out), `server certificate "ed25519"`)
	require.ErrorContains(t, run([]string{"more"}, &out), `unexpected argument "more"`)
	require.ErrorIs(t, run([]string{"-h"}, &out), flag.ErrHelp)
}

package main

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
)

// TestFilterObeysNobody: what strangers send must not move a terminal's cursor; whoever keeps the events gets them as they are.
func TestFilterObeysNobody(t *testing.T) {
	const log = "a \x1b[2J\u009b0m\x9b \tb\n"
	for _, tt := range []struct {
		tty  bool
		want string
	}{
		{true, "x.log:1: a ?[2J?0m\ufffd ?b\n"},
		{false, "x.log:1: " + log},
	} {
		p, err := filterpattern.Parse("[...]")
		require.NoError(t, err)
		var out bytes.Buffer
		a := &app{out: bufio.NewWriter(&out), tty: tt.tty}
		f := &filter{app: a, pattern: p}
		require.NoError(t, f.read(bytes.NewReader([]byte(log)), &evidence.Options{File: "x.log"}))
		require.NoError(t, a.out.Flush())
		require.Equal(t, tt.want, out.String())
	}
}

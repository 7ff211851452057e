package signatures_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
)

// FuzzRun lets the analyzers loose on files of any content: they never panic, find at most one thing of a connection, and cite
// what they find.
func FuzzRun(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(f, err)
		in := map[string][]byte{}
		for _, x := range a.Files {
			in[x.Name] = x.Data
		}
		var packets []byte
		if script, ok := in["packets.txt"]; ok {
			t := new(testing.T)
			packets = writeCapture(t, string(script))
		}
		f.Add(in["flow.log"], in["connection.log"], in["access.log"], in["waf.log"], packets)
	}
	f.Fuzz(func(t *testing.T, flow, conn, access, waf, packets []byte) {
		fsys := fstest.MapFS{
			"manifest.json": {Data: []byte(fuzzManifest)}, "flow.log": {Data: flow}, "connection.log": {Data: conn}, "access.log": {Data: access},
			"waf.log": {Data: waf}, "capture.pcap": {Data: packets},
		}
		b, err := evidence.Open(fsys)
		require.NoError(t, err)
		rep, err := analyzers.Run(context.Background(), b, signatures.All(), nil)
		if err != nil {
			var pe *evidence.ParseError
			require.True(t, errors.As(err, &pe), "%v", err)
			return
		}
		checkReport(t, rep)
		var text bytes.Buffer
		require.NoError(t, rep.WriteText(&text))
		n := rep.Undecided
		for _, s := range rep.Signatures {
			n += s.Connections
		}
		require.Equal(t, rep.Connections, n, "every connection is accounted for")
	})
}

const fuzzManifest = `{"schema":"alblab.bundle/1","lab":"embedded","addresses":["10.0.1.10"],
"spec":{"listeners":{"https":{"port":443,"ssl_policy":"TLS13-1-2-2021-06","mtls_mode":"verify"}}},"files":[
{"name":"flow.log","kind":"flow"},{"name":"connection.log","kind":"connection"},{"name":"access.log","kind":"access"},
{"name":"waf.log","kind":"waf"},{"name":"capture.pcap","kind":"capture"}]}`

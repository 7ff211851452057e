package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
)

// FuzzSpec: any file is a spec or one error, and a spec that was read writes and reads again.
func FuzzSpec(f *testing.F) {
	for _, s := range []string{
		`{"listeners": {"https": {"port": 443, "ssl_policy": "2016-08", "default_action": {}}}}`,
		`{"listeners": {}, "waf": {"ip_reputation": true, "block_forwarded_ips": ["192.0.2.66/32"]}, "embedded": {"wire_profile": "alert-close"}}`,
		`{"listeners": `, `[]`, ``, `{} {}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		spec, err := decodeSpec("spec.json", b)
		if err != nil {
			require.ErrorContains(t, err, "spec.json:")
			return
		}
		text, err := json.Marshal(spec)
		require.NoError(t, err)
		again, err := decodeSpec("spec.json", text)
		require.NoError(t, err)
		require.Equal(t, spec, again)
	})
}

func TestSpecFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"listeners": {
		"old": {"port": 8443, "ssl_policy": "2016-08", "default_action": {}},
		"new": {"port": 443, "ssl_policy": "TLS13-1-2-2021-06", "default_action": {"type": "forward"}}}}`), 0o600))
	f := serveFlags{spec: path, capture: "full", seed: 9}
	spec, err := f.labSpec()
	require.NoError(t, err)
	require.Len(t, spec.Listeners, 2)
	require.Nil(t, spec.WAF, "a spec says all itself")
	require.Equal(t, &lab.Embedded{Seed: 9, Capture: "off"}, spec.Embedded, "nobody sees packets without --out")
	f.out = "dir"
	spec, err = f.labSpec()
	require.NoError(t, err)
	require.Equal(t, "full", spec.Embedded.Capture)
}

// TestSpecTypes: what a field wants is said in JSON's words, with the field's name and line, not in Go's.
func TestSpecTypes(t *testing.T) {
	tests := []struct{ spec, want string }{
		{"{\"listeners\": {\"https\": {\n\"port\": 443,\n\"default_action\": \"fixed-response\"}}}",
			`spec.json:3: listeners.https.default_action: want an object, such as {"type": "fixed-response"}, not a string`},
		{`{"listeners": {"https": {"port": "443"}}}`, `spec.json:1: listeners.https.port: want a whole number from 0 to 65535, not a string`},
		{`{"listeners": {"https": {"port": 70000}}}`, `listeners.https.port: want a whole number from 0 to 65535, not 70000`},
		{`{"listeners": {"https": {"ssl_policy": ["2016-08"]}}}`, `listeners.https.ssl_policy: want a string in quotes, not an array`},
		{`{"listeners": []}`, `listeners: want an object, such as {"https": {"port": 443, "ssl_policy": "TLS13-1-2-2021-06"}}, not an array`},
		{`{"listeners": {}, "waf": {"ip_reputation": 1}}`, `waf.ip_reputation: want true or false, not `},
		{`{"listeners": {}, "waf": true}`, `waf: want an object, such as {"ip_reputation": true}, not true or false`},
		{`{"allowed_cidrs": "192.0.2.0/24"}`, `allowed_cidrs: want a list, such as ["192.0.2.0/24"], not a string`},
		{`[]`, `the spec: want an object, such as {"listeners": `},
	}
	for _, tt := range tests {
		_, err := decodeSpec("spec.json", []byte(tt.spec))
		require.ErrorContains(t, err, tt.want)
		require.NotContains(t, err.Error(), "Go ")
		require.NotContains(t, err.Error(), "unmarshal")
	}
}

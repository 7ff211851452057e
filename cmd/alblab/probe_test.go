package main

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
)

// TestProbeCertificates: probe sends bad client certificates as well, and says what is wrong with the pair itself.
func TestProbeCertificates(t *testing.T) {
	s := startServe(t, "--mtls", "verify", "--listen", "127.0.0.1:0")
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	files, err := pki.New("lab.example").WriteFiles(t.TempDir(), pki.KindGoodECDSA, pki.KindWrongKey, pki.KindMalformed)
	require.NoError(t, err)
	for kind, words := range map[pki.Kind]string{
		pki.KindGoodECDSA: "",
		pki.KindWrongKey:  "the key does not belong to the certificate; they are used all the same",
		pki.KindMalformed: "the certificate cannot be parsed; it is used all the same",
	} {
		var out, errs bytes.Buffer
		args := []string{"probe", "127.0.0.1:" + u.Port(), "--tls-max", "1.2", "--cert", files.Certs[kind][0], "--key", files.Certs[kind][1]}
		require.Zero(t, run(t.Context(), args, strings.NewReader(""), &out, &errs), "%s: %s", kind, errs.String())
		require.Contains(t, out.String(), "the server asked for a client certificate: ours was sent", kind)
		require.Contains(t, out.String(), "\nnot completed: 1.2 ", "%s: no CA that the load balancer trusts", kind)
		require.Contains(t, errs.String(), words, kind)
		if words == "" {
			require.Empty(t, errs.String())
		}
	}
	var out, errs bytes.Buffer
	args := []string{"probe", "127.0.0.1:" + u.Port(), "--path", "/", "--cert", files.Certs[pki.KindGoodECDSA][0], "--key", files.Certs[pki.KindGoodECDSA][1]}
	require.Zero(t, run(t.Context(), args, strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, out.String(), "the client thinks itself connected before its certificate is judged")
}

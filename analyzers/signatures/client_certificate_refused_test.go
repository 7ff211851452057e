package signatures_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestEachCodeHasACase: the reasons of
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html, each in a case of its own,
// and explained by more than its name.
func TestEachCodeHasACase(t *testing.T) {
	files, err := filepath.Glob("testdata/client-certificate-refused-*.txtar")
	require.NoError(t, err)
	words := map[string]string{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(t, err)
		var line, want string
		for _, f := range a.Files {
			switch f.Name {
			case "connection.log":
				line = string(f.Data)
			case "want.txt":
				want = string(f.Data)
			}
		}
		if strings.Count(line, "\n") != 1 {
			continue
		}
		_, code, _ := strings.Cut(line, "Failed:")
		code, _, _ = strings.Cut(code, " ")
		require.Contains(t, want, ": client-certificate-refused, refused-later, ", file)
		require.Contains(t, want, "("+code+")", file)
		_, message, _ := strings.Cut(want, "the client's certificate was refused: ")
		words[code], _, _ = strings.Cut(message, " ("+code)
	}
	for _, code := range []string{
		"ClientCertMaxChainDepthExceeded", "ClientCertMaxSizeExceeded", "ClientCertCrlHit", "ClientCertCrlProcessingError",
		"ClientCertUntrusted", "ClientCertNotYetValid", "ClientCertExpired", "ClientCertTypeUnsupported", "ClientCertInvalid",
		"ClientCertPurposeInvalid", "ClientCertRejected", "ClientCertIncompatible", "UnmappedConnectionError",
	} {
		require.Greater(t, len(strings.Fields(words[code])), 8, "%s: %q", code, words[code])
	}
}

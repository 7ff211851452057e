package scenarios

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/pki"
)

// TestEveryDocumentedCode: each reason of
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html is wanted by a scenario, those
// that no certificate provokes by one that a lab without fault injection skips.
func TestEveryDocumentedCode(t *testing.T) {
	wanted := map[string][]*Scenario{}
	for _, s := range All() {
		for i := range s.Steps {
			if l := s.Steps[i].Want.Line; l != nil {
				code := strings.TrimPrefix(l.Status, "Failed:")
				wanted[code] = append(wanted[code], s)
			}
		}
	}
	for code, injected := range map[string]bool{
		"ClientCertMaxChainDepthExceeded": false, "ClientCertMaxSizeExceeded": false, "ClientCertCrlHit": false,
		"ClientCertCrlProcessingError": true, "ClientCertUntrusted": false, "ClientCertNotYetValid": false,
		"ClientCertExpired": false, "ClientCertTypeUnsupported": false, "ClientCertInvalid": false,
		"ClientCertPurposeInvalid": false, "ClientCertRejected": true, "ClientCertIncompatible": false,
		"UnmappedConnectionError": false,
	} {
		require.NotEmpty(t, wanted[code], code)
		for _, s := range wanted[code] {
			require.Equal(t, injected, len(s.Needs) > 0 && s.Spec.Embedded != nil && len(s.Spec.Embedded.CertificateFaults) > 0, "%s: %s", code, s.Name)
		}
	}
}

// TestEveryKindHasAScenario: one for each row of pki's table.
func TestEveryKindHasAScenario(t *testing.T) {
	names := map[string]*Scenario{}
	for _, s := range append(All(), Long()...) {
		names[s.Name] = s
	}
	n := 0
	for _, info := range pki.Kinds() {
		s := names["mtls-verify-"+string(info.Kind)]
		require.NotNil(t, s, info.Kind)
		require.Equal(t, info.Assumed, len(s.Assumed) > 0, info.Kind)
		n += len(s.Steps)
	}
	require.Greater(t, n, 60)
}

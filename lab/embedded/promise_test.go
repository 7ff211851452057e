package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
)

// TestCertificatesMadeLater: on the wall's clock RSA certificates are made while the lab listens, and are what was promised.
func TestCertificatesMadeLater(t *testing.T) {
	p, err := clients.ByName("tls12-only")
	require.NoError(t, err)
	for _, certificate := range []string{"rsa", "rsa:2048:sha384", "rsa:1024:sha512", "rsa:2047", "both", "ecdsa:p384", "ecdsa:p256:sha384"} {
		t.Run(certificate, func(t *testing.T) {
			spec := lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "2016-08", Certificate: certificate}}}
			l := labtest.StartWith(t, spec, &embedded.Options{WallClock: true})
			conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
			require.NoError(t, err)
			a, err := clients.Do(t.Context(), conn, clients.Call{
				Profile: p, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(), Requests: []clients.Request{{Path: "/"}},
			})
			require.NoError(t, err)
			require.Len(t, a.Responses, 1, "%+v", a.Outcome)
			require.Equal(t, 200, a.Responses[0].Status)
		})
	}
	t.Run("what cannot be made is told at once", func(t *testing.T) {
		spec := lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, Certificate: "rsa:2048:pss-sha256"}}}
		_, err := embedded.Start(t.Context(), spec, &embedded.Options{WallClock: true})
		require.ErrorContains(t, err, "making certificate rsa:2048:pss-sha256")
	})
}

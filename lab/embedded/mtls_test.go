package embedded_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/labtest"
	"github.com/alblab/alblab/lab/pki"
)

func verifying(change func(*lab.Listener)) lab.Spec {
	l := lab.Listener{Port: 443, SSLPolicy: "TLS13-1-2-2021-06", MTLSMode: "verify", Certificate: "ecdsa"}
	if change != nil {
		change(&l)
	}
	return lab.Spec{Listeners: map[string]lab.Listener{"https": l}, Embedded: &lab.Embedded{Seed: 1}}
}

// statuses calls a lab once with each kind of certificate of an authority and returns what the connection log says.
func statuses(t *testing.T, l *embedded.Lab, authority *pki.PKI, kinds ...pki.Kind) []string {
	for _, k := range kinds {
		cert, err := authority.Client(k)
		require.NoError(t, err)
		conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
		require.NoError(t, err)
		_, err = clients.Do(t.Context(), conn, clients.Call{
			Profile: clients.Curl(), ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(), Certificate: &cert,
			Requests: []clients.Request{{Path: "/"}}, Time: l.Now(),
		})
		require.NoError(t, err)
	}
	b, err := l.Collect(t.Context())
	require.NoError(t, err)
	var out []string
	require.NoError(t, b.Each(evidence.KindConnection, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range connlog.Records(r, o) {
			require.NoError(t, err)
			out = append(out, strings.TrimPrefix(rec.VerifyStatus, "Failed:"))
		}
		return nil
	}))
	return out
}

// TestOwnTrustStore: a listener trusts the CA bundle and honours the lists that its Spec gives, and not the lab's own.
func TestOwnTrustStore(t *testing.T) {
	other := pki.New("other.example")
	lists, err := other.CRLs()
	require.NoError(t, err)
	l := labtest.Start(t, verifying(func(l *lab.Listener) {
		l.TrustStore = string(other.TrustStore())
		l.RevocationLists = "# two lists\n" + string(lists[0]) + "\n" + string(lists[1])
	}))
	require.Equal(t, []string{"Success", "ClientCertCrlHit", "ClientCertCrlHit", "ClientCertUntrusted"},
		statuses(t, l, other, pki.KindGoodECDSA, pki.KindRevoked, pki.KindRevokedStale, pki.KindUntrusted))

	l = labtest.Start(t, verifying(func(l *lab.Listener) { l.TrustStore = string(other.TrustStore()) }))
	require.Equal(t, []string{"Success"}, statuses(t, l, other, pki.KindRevoked), "no list, no revocation")

	l = labtest.Start(t, verifying(nil))
	require.Equal(t, []string{"ClientCertUntrusted"}, statuses(t, l, other, pki.KindGoodECDSA))
}

// TestCertificateFaults: the two reasons that no certificate provokes come for the names in the Spec alone.
func TestCertificateFaults(t *testing.T) {
	s := verifying(nil)
	s.Embedded.CertificateFaults = pki.Faults()
	l := labtest.Start(t, s)
	require.Equal(t, []string{"ClientCertRejected", "ClientCertCrlProcessingError", "Success"},
		statuses(t, l, l.PKI(), pki.KindRejected, pki.KindCrlFault, pki.KindGoodECDSA))
}

// TestTrustStoreSpecErrors: what an account would not take is refused before anything listens, with the limit.
func TestTrustStoreSpecErrors(t *testing.T) {
	p := pki.New("x.example")
	bundle := string(p.TrustStore())
	list, err := p.CRL()
	require.NoError(t, err)
	faulty := verifying(nil)
	faulty.Embedded.CertificateFaults = map[string]string{"a": "ClientCertExpired"}
	tests := []struct {
		name string
		spec lab.Spec
		want string
	}{
		{"without verify", verifying(func(l *lab.Listener) { l.MTLSMode, l.TrustStore = "passthrough", bundle }), "trust_store and revocation_lists need mtls_mode verify"},
		{"too many CAs", verifying(func(l *lab.Listener) { l.TrustStore = strings.Repeat(bundle, 13) }), "26 certificates, 25 are allowed"},
		{"too many lists", verifying(func(l *lab.Listener) { l.TrustStore, l.RevocationLists = bundle, strings.Repeat(string(list), 31) }), "31 revocation lists, 30 are allowed"},
		{"no list", verifying(func(l *lab.Listener) { l.RevocationLists = string(list) + "x" }), "revocation_lists: no PEM block after list 1"},
		{"not a list", verifying(func(l *lab.Listener) { l.RevocationLists = bundle }), `PEM block 1 is of type "CERTIFICATE", X509 CRL is allowed`},
		{"no certificate", verifying(func(l *lab.Listener) { l.TrustStore = "#" }), "reading trust store: no PEM block"},
		{"fault", faulty, `certificate fault of "a": unknown reason "ClientCertExpired"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := embedded.Start(t.Context(), tt.spec, nil)
			require.ErrorContains(t, err, "starting the embedded lab: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

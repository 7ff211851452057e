package embedded_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
)

func modifiable() lab.Spec {
	return lab.Spec{Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa"}}}
}

// A change that is refused changes nothing; one that is made is what the lab says of itself from then on.
func TestModifyListener(t *testing.T) {
	spec := modifiable()
	l := labtest.Start(t, spec)
	name := func(s string) *string { return &s }
	for want, c := range map[string]awsapi.Change{
		"unknown security policy": {SSLPolicy: name("TLS13-1-9")},
		"unknown value":           {MTLS: &awsapi.MTLS{Mode: "strict"}},
		"no trust store":          {SSLPolicy: name("TLS13-1-0-2021-06"), MTLS: &awsapi.MTLS{Mode: "verify", TrustStore: "arn:x"}},
	} {
		require.ErrorContains(t, l.ModifyListener("https", c), want)
	}
	require.ErrorContains(t, l.ModifyListener("other", awsapi.Change{}), "no such listener")
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-2021-06", l.Listeners()[0].SSLPolicy)

	stores, err := l.TrustStores()
	require.NoError(t, err)
	require.NoError(t, l.ModifyListener("https", awsapi.Change{SSLPolicy: name("TLS13-1-0-2021-06"), MTLS: &awsapi.MTLS{Mode: "verify", TrustStore: stores[0].ARN, AdvertiseCANames: true}}))
	now := l.Listeners()[0]
	require.Equal(t, "verify", now.MTLSMode)
	require.Equal(t, stores[0].ARN, now.TrustStore)
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-0-2021-06", l.Endpoint().Policies["https"])
	b, err := l.Collect(t.Context())
	require.NoError(t, err)
	var kept lab.Spec
	require.NoError(t, json.Unmarshal(b.Manifest.Spec, &kept))
	require.Equal(t, "verify", kept.Listeners["https"].MTLSMode)
	require.Empty(t, spec.Listeners["https"].MTLSMode, "the caller's own Spec stays as it is")
}

// Names in the account follow from the seed.
func TestIdentity(t *testing.T) {
	a, b := labtest.Start(t, modifiable()).Identity(), labtest.Start(t, modifiable()).Identity()
	a.Roots, b.Roots = nil, nil // keys are fresh
	require.Equal(t, a, b)
	require.Len(t, a.Nodes, 2)
	require.Empty(t, a.WebACL)
	require.True(t, a.Mirrored)
	quiet := labtest.StartWith(t, modifiable(), &embedded.Options{Off: true})
	_, err := quiet.Evidence(t.Context(), true)
	require.ErrorContains(t, err, "without evidence")
}

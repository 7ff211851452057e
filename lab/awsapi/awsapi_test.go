package awsapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
	"github.com/alblab/alblab/lab/pki"
)

// bench is a lab, its API, and a configuration of the SDK for it.
type bench struct {
	*embedded.Lab
	api    *awsapi.Server
	url    string
	config aws.Config
}

func testSpec() lab.Spec {
	return lab.Spec{
		Listeners: map[string]lab.Listener{
			"https": {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa"},
			"mtls":  {Port: 8443, SSLPolicy: "TLS13-1-2-Res-2021-06", MTLSMode: "verify", Certificate: "ecdsa"},
			"fwd":   {Port: 9443, Certificate: "ecdsa", DefaultAction: lab.Action{Type: "forward"}},
		},
		WAF: &lab.WAF{IPReputation: true, BlockForwardedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}},
	}
}

func start(t testing.TB, o *awsapi.Options) *bench {
	t.Helper()
	return startWith(t, testSpec(), o)
}

// startWith starts a lab on a virtual clock and its API; nil options deliver at once.
func startWith(t testing.TB, spec lab.Spec, o *awsapi.Options) *bench {
	t.Helper()
	if o == nil {
		o = &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true}}
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	b := &bench{Lab: labtest.Start(t, spec)}
	b.api = awsapi.New(b.Lab, o)
	srv := httptest.NewServer(b.api)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	b.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), HTTPClient: srv.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		// An answer that comes before the SDK's transport has looked for the end of its own request's body breaks the connection
		// (smithy-go 1.28, safeWriteToReadCloser.WriteTo), which the SDK then tries again.
		RetryMaxAttempts: 5,
	}
	return b
}

// get makes one request of a listener, or fails to.
func (b *bench) get(t testing.TB, listener, path string, header http.Header, change func(*clients.Call)) clients.Attempt {
	t.Helper()
	conn, err := b.Dial(t.Context(), lab.Vantage{}, listener)
	require.NoError(t, err)
	call := clients.Call{
		Profile: clients.Curl(), ServerName: b.Endpoint().Host, Roots: b.PKI().RootPool(), Time: b.Lab.Now(),
		Requests: []clients.Request{{Method: "GET", Path: path, Header: header}}, Listener: listener,
	}
	if change != nil {
		change(&call)
	}
	a, err := clients.Do(t.Context(), conn, call)
	require.NoError(t, err)
	return a
}

// tooOld is experiment 1's client, which the policies here refuse.
func tooOld(c *clients.Call) {
	p, err := clients.ByName("tls11-max")
	if err != nil {
		panic(err)
	}
	c.Profile = p
}

func withCertificate(t testing.TB, b *bench, k pki.Kind) func(*clients.Call) {
	return func(c *clients.Call) {
		cert, err := b.PKI().Client(k)
		require.NoError(t, err)
		c.Certificate = &cert
	}
}

// traffic is what most tests look at: a good request, a blocked one, one that is too old, and one without its certificate.
func (b *bench) traffic(t testing.TB) {
	t.Helper()
	require.Len(t, b.get(t, "https", "/good", nil, nil).Responses, 1)
	require.Len(t, b.get(t, "https", "/blocked", http.Header{"X-Forwarded-For": {"192.0.2.66"}}, nil).Responses, 1)
	require.Empty(t, b.get(t, "https", "/old", nil, tooOld).Responses)
	require.Empty(t, b.get(t, "mtls", "/naked", nil, nil).Responses)
	require.Len(t, b.get(t, "mtls", "/dressed", nil, withCertificate(t, b, pki.KindGoodECDSA)).Responses, 1)
}

// pass lets the lab's time pass.
func (b *bench) pass(t testing.TB, d time.Duration) {
	t.Helper()
	require.NoError(t, b.WaitUntil(context.Background(), b.Lab.Now().Add(d)))
}

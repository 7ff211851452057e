package alb

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/waf"
)

const testACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/lab/01234567-89ab-cdef-0123-456789abcdef"

// TestWAF: judged after TLS and before the action, each request a record; a block is a 403 with the load balancer's page.
func TestWAF(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("h2=", h2), func(t *testing.T) {
			b := start(t, Listener{}, func(c *Config) {
				acl, err := waf.New(waf.Config{ARN: testACL, ReputationGroup: true, Blocked: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}})
				require.NoError(t, err)
				c.ACL = acl
			})
			client := b.httpsClient(t, h2)
			good, _ := get(t, client, "https://"+testHost+"/good?a=b", http.Header{"User-Agent": {"curl/8"}})
			bad, page := get(t, client, "https://"+testHost+"/bad", http.Header{"X-Forwarded-For": {"192.0.2.66"}})
			b.hangUp(t, client)
			require.Equal(t, []int{200, 403}, []int{good.StatusCode, bad.StatusCode})
			require.Equal(t, errorPage(403), page)
			require.Equal(t, "text/html", bad.Header.Get("Content-Type"))
			require.EqualValues(t, 118, bad.ContentLength)
			recs, lines := b.waf(t), b.requests(t)
			require.Len(t, recs, 2)
			require.Len(t, lines, 2)
			for i, r := range recs {
				require.Equal(t, "Root="+r.HTTPRequest.RequestID, lines[i].TraceID)
				require.Equal(t, []string{"ALB", "123456789012-" + testName, "127.0.0.1", "https", testHost},
					[]string{r.HTTPSourceName, r.HTTPSourceID, r.HTTPRequest.ClientIP, r.HTTPRequest.Scheme, r.HTTPRequest.Host})
				require.Len(t, r.JA3Fingerprint, 32)
				require.Len(t, r.JA4Fingerprint, 36)
				require.EqualValues(t, b.clock.Now().UnixMilli(), r.Timestamp)
			}
			require.Equal(t, []string{"ALLOW", "BLOCK"}, []string{recs[0].Action, recs[1].Action})
			require.Equal(t, []string{"Default_Action", waf.ForwardedIPRule}, []string{recs[0].TerminatingRuleID, recs[1].TerminatingRuleID})
			require.Equal(t, []string{"/good", "a=b", "GET"}, []string{recs[0].HTTPRequest.URI, recs[0].HTTPRequest.Args, recs[0].HTTPRequest.HTTPMethod})
			require.Equal(t, []string{"waf,fixed-response", "waf"}, []string{lines[0].ActionsExecuted, lines[1].ActionsExecuted})
			host := "Host"
			if h2 {
				host = "host"
			}
			require.Equal(t, host, recs[0].HTTPRequest.Headers[0].Name)
			m := b.metrics()
			require.Equal(t, []float64{1, 1}, []float64{m["HTTP_Fixed_Response_Count"], m["HTTPCode_ELB_4XX_Count"]})
		})
	}
}

// TestNoWAFRecordWithoutASession is experiment 2's point.
func TestNoWAFRecordWithoutASession(t *testing.T) {
	b := start(t, Listener{MTLS: ModeVerify, TrustStore: testTrustStore(t)}, func(c *Config) {
		acl, err := waf.New(waf.Config{ARN: testACL})
		require.NoError(t, err)
		c.ACL = acl
	})
	client := b.httpsClient(t, true)
	_, err := client.Get("https://" + testHost + "/")
	require.Error(t, err)
	b.wait(t)
	require.Empty(t, b.waf(t))
	require.Empty(t, b.requests(t))
	require.Equal(t, failedMetrics(b.metrics()["NewConnectionCount"]), b.metrics())
}

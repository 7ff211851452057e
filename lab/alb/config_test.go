package alb

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigErrors(t *testing.T) {
	p := mustPolicy(t, "2016-08")
	certs := []tls.Certificate{serverCert(t, "ecdsa")}
	clock := newTestClock()
	tests := []struct {
		name string
		c    Config
		want string
	}{
		{"clock", Config{}, "load balancer: no clock"},
		{"profile", Config{Clock: clock, WireProfile: "x"}, `load balancer: unknown wire profile "x" (reset, alert-close)`},
		{"twice", Config{Clock: clock, Listeners: []Listener{{Policy: p, Certificates: certs}, {Policy: p, Certificates: certs}}}, `load balancer: two listeners named ""`},
		{"policy", Config{Clock: clock, Listeners: []Listener{{Name: "a"}}}, `listener "a": no security policy`},
		{"certificate", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p}}}, `listener "a": no certificate`},
		{"trust store", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p, Certificates: certs, MTLS: ModeVerify}}}, `listener "a": mutual TLS mode verify needs a trust store`},
		{"mode", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p, Certificates: certs, MTLS: "on"}}}, `listener "a": unknown mutual TLS mode "on" (off, passthrough, verify)`},
		{"status", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p, Certificates: certs, Action: Action{StatusCode: 302}}}}, `listener "a": fixed response: status code 302 is not 2XX, 4XX or 5XX`},
		{"action", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p, Certificates: certs, Action: Action{Type: "redirect"}}}}, `listener "a": unknown action "redirect" (fixed-response, forward)`},
		{"empty certificate", Config{Clock: clock, Listeners: []Listener{{Name: "a", Policy: p, Certificates: []tls.Certificate{{}}}}}, `listener "a": certificate 1: empty`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.c)
			require.EqualError(t, err, tt.want)
		})
	}
	lb, err := New(Config{Clock: clock})
	require.NoError(t, err)
	require.EqualError(t, lb.Serve(nil, testNode, "x"), `serving: no listener named "x"`)
	require.NoError(t, lb.Close())
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
)

// TestSimulateServed lets the catalogue knock on a load balancer that is served on loopback: through real sockets too every
// client sees what the policy decides.
func TestSimulateServed(t *testing.T) {
	const policy = "ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09"
	s := startServe(t, "--policy", policy, "--listen", "127.0.0.1:0")
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"simulate", "127.0.0.1:" + u.Port(), "--policy", policy, "--format", "json"}, strings.NewReader(""), &out, &errs)
	require.Zero(t, code, errs.String())
	var got simulateJSON
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Greater(t, len(got.Clients), 150)
	for _, c := range got.Clients {
		require.Equal(t, c.Client == "Java 6u45", c.Differs, "%+v", c) // SSLv2's framing: alb.Limitations
		require.NotNil(t, c.Decided, c.Client)
	}
	require.Greater(t, got.Counts["connects"], 100)
	require.Positive(t, got.Counts["refused"])
	require.Len(t, got.Counts, 2)
}

// TestSimulateVerify: a listener that demands client certificates refuses those who have none, and simulate says that this may be why.
func TestSimulateVerify(t *testing.T) {
	const policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	s := startServe(t, "--policy", policy, "--mtls", "verify", "--listen", "127.0.0.1:0")
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	var out, errs bytes.Buffer
	simulate := func(more ...string) {
		out.Reset()
		args := append([]string{"simulate", "127.0.0.1:" + u.Port(), "--clients", "OpenSSL 3*"}, more...)
		require.Zero(t, run(t.Context(), args, strings.NewReader(""), &out, &errs), errs.String())
	}
	simulate("--format", "json")
	var got simulateJSON
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.NotEmpty(t, got.Clients)
	for _, c := range got.Clients {
		require.True(t, c.Asked, c.Client)
		require.Equal(t, string(catalog.Refused), c.Verdict, c.Client)
	}
	said := fmt.Sprintf("%d of the refused were asked for a client certificate, and simulate sends none: that may be why they were refused", len(got.Clients))
	simulate()
	require.Contains(t, strings.Join(strings.Fields(out.String()), " "), said)
	simulate("--policy", policy)
	require.Contains(t, strings.Join(strings.Fields(out.String()), " "), said+", and not the policy")
}

// TestSimulateNotTLS: a server that speaks plain HTTP connects nobody, and is named as what it is, by probe too.
func TestSimulateNotTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	at := plain.Listener.Addr().String()
	total := len(catalog.All())
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"simulate", at}, strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, out.String(), fmt.Sprintf("0 of %d connect, %d refused (%d an answer that is not TLS)", total, total, total))
	for _, name := range []string{"curl", "Java 6u45"} {
		out.Reset()
		require.Zero(t, run(t.Context(), []string{"probe", at, "--as", name}, strings.NewReader(""), &out, &errs), errs.String())
		require.Contains(t, out.String(), "\nanswered, but not in TLS: ", name)
		require.NotContains(t, out.String(), "connected: ", name)
	}
}

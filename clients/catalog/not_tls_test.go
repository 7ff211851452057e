package catalog_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
)

// TestSimulateNotTLS: no client connects to a server that speaks something else, also not those whose hello is sent as bytes.
func TestSimulateNotTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	tests := []struct {
		name string
		dial catalog.Dial
	}{
		{"plain HTTP", func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", plain.Listener.Addr().String())
		}},
		{"random bytes", func(context.Context) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				random := make([]byte, 700)
				rng := rand.New(rand.NewPCG(1, 2))
				for i := range random {
					random[i] = byte(rng.Uint32())
				}
				random[0] = 0x45 // no record of TLS
				if _, err := server.Read(make([]byte, 5)); err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, server) }()
				_, _ = server.Write(random)
			}()
			return client, nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := 0
			for _, r := range catalog.Simulate(t.Context(), tt.dial, catalog.All(), &catalog.Options{ServerName: "lab.example"}) {
				require.Equal(t, catalog.Refused, r.Verdict, "%s: %+v, %v", r.Client.Name, r.Attempt.Outcome, r.Err)
				require.False(t, r.Completed, r.Client.Name)
				require.True(t, r.Attempt.NotTLS, "%s: %+v", r.Client.Name, r.Attempt.Outcome)
				if r.Library == catalog.LibraryNone {
					raw++
				}
			}
			require.Equal(t, 3, raw)
		})
	}
}

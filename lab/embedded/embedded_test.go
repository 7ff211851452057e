package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/labtest"
)

// experiment1 is the set-up of docs/experiments.md.
var experiment1 = lab.Spec{Listeners: map[string]lab.Listener{
	"https": {Port: 443, SSLPolicy: "FS-1-2-Res-2020-10", Certificate: "ecdsa"},
}}

// hello returns a first record of exactly 164 bytes, as in experiment 1: a TLS 1.1 hello.
func hello(t testing.TB) *clients.Profile {
	p, err := clients.ByName("tls11-max")
	require.NoError(t, err)
	return p
}

// refuse makes one attempt that must end in a reset.
func refuse(ctx context.Context, l *embedded.Lab, from lab.Vantage, p *clients.Profile) error {
	conn, err := l.Dial(ctx, from, "https")
	if err != nil {
		return err
	}
	a, err := clients.Do(ctx, conn, clients.Call{Profile: p, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool()})
	if err != nil {
		return err
	}
	if a.Outcome.Ending != "reset" {
		return fmt.Errorf("ended in %q, not in a reset: %+v", a.Outcome.Ending, a.Outcome)
	}
	return nil
}

// flows reads the flow log of a bundle into texts of its counts, by how often each stands there.
func flows(t testing.TB, b *evidence.Bundle) (in, out map[string]int) {
	in, out = map[string]int{}, map[string]int{}
	err := b.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range flowlog.Records(r, o) {
			if err != nil {
				return err
			}
			counts := fmt.Sprintf("%d/%d/%d", rec.Packets, rec.Bytes, rec.TCPFlags)
			if rec.DstPort == 443 {
				in[counts]++
			} else {
				out[counts]++
			}
		}
		return nil
	})
	require.NoError(t, err)
	return in, out
}

// Experiment 1's figures, in every one of 1,000 connections by 16 clients at once; docs/experiments.md. IPv6 headers are
// 20 bytes longer: 3 packets more by 60.
func TestRefusedSignatureNeverVaries(t *testing.T) {
	for _, tt := range []struct {
		name    string
		v6      bool
		in, out string
	}{
		{"IPv4", false, "3/328/2", "3/164/22"},
		{"IPv6", true, "3/388/2", "3/224/22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := labtest.Start(t, experiment1)
			p := hello(t)
			const workers, each = 16, 1000/16 + 1
			errs := make(chan error, workers)
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for range each {
						if err := refuse(t.Context(), l, lab.Vantage{Client: w, IPv6: tt.v6}, p); err != nil {
							errs <- err
							return
						}
					}
				})
			}
			wg.Wait()
			close(errs)
			require.NoError(t, <-errs)
			b, err := l.Collect(t.Context())
			require.NoError(t, err)
			in, out := flows(t, b)
			require.Equal(t, map[string]int{tt.in: workers * each}, in)
			require.Equal(t, map[string]int{tt.out: workers * each}, out)
		})
	}
}

func TestSuccessHasFlags3And19(t *testing.T) {
	l := labtest.Start(t, experiment1)
	p, err := clients.ByName("curl")
	require.NoError(t, err)
	conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
	require.NoError(t, err)
	a, err := clients.Do(t.Context(), conn, clients.Call{Profile: p, ServerName: l.Endpoint().Host, Roots: l.PKI().RootPool(),
		Requests: []clients.Request{{Path: "/"}}})
	require.NoError(t, err)
	require.Len(t, a.Responses, 1, "%+v", a)
	require.Equal(t, 200, a.Responses[0].Status)
	require.Equal(t, "alblab ok", a.Responses[0].Body)
	b, err := l.Collect(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.Verify())
	in, out := flows(t, b)
	require.Len(t, in, 1)
	require.Len(t, out, 1)
	for counts := range in {
		require.Regexp(t, `/3$`, counts)
	}
	for counts := range out {
		require.Regexp(t, `/19$`, counts)
	}
}

func TestClosedPortIsRejected(t *testing.T) {
	l := labtest.Start(t, experiment1)
	_, err := l.Dial(t.Context(), lab.Vantage{}, ":8444")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	b, err := l.Collect(t.Context())
	require.NoError(t, err)
	var actions []flowlog.Action
	require.NoError(t, b.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range flowlog.Records(r, o) {
			require.NoError(t, err)
			require.Equal(t, 8444, rec.DstPort)
			require.Equal(t, 2, rec.TCPFlags)
			actions = append(actions, rec.Action)
		}
		return nil
	}))
	require.Equal(t, []flowlog.Action{flowlog.Reject}, actions)
}

func TestAllowedCIDRs(t *testing.T) {
	spec := experiment1
	spec.AllowedCIDRs = []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")}
	l := labtest.Start(t, spec)
	conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = l.Dial(t.Context(), lab.Vantage{Client: 1}, "https")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestHalfOpenScan(t *testing.T) {
	l := labtest.Start(t, experiment1)
	open, err := l.SYN(t.Context(), lab.Vantage{}, 443)
	require.NoError(t, err)
	require.True(t, open)
	open, err = l.SYN(t.Context(), lab.Vantage{}, 444)
	require.NoError(t, err)
	require.False(t, open)
}

// A silent client is ended by a FIN at the idle timeout of the virtual clock, which costs no time.
func TestSilenceEndsAtIdleTimeout(t *testing.T) {
	l := labtest.Start(t, experiment1)
	begin := l.Now()
	conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, l.WaitUntil(t.Context(), begin.Add(59*time.Second)))
	require.NoError(t, l.WaitUntil(t.Context(), begin.Add(61*time.Second)))
	n, err := conn.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

func TestDialErrors(t *testing.T) {
	l := labtest.Start(t, experiment1)
	for _, tt := range []struct {
		listener string
		from     lab.Vantage
		want     string
	}{
		{"htps", lab.Vantage{}, "no such listener"},
		{":0", lab.Vantage{}, "not a port"},
		{":x", lab.Vantage{}, "not a port"},
		{"https", lab.Vantage{Client: 64}, "clients 0 to 63"},
		{"https", lab.Vantage{Client: -1}, "clients 0 to 63"},
	} {
		_, err := l.Dial(t.Context(), tt.from, tt.listener)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestSpecErrors(t *testing.T) {
	https := experiment1.Listeners["https"]
	with := func(change func(*lab.Listener)) lab.Spec {
		l := https
		change(&l)
		return lab.Spec{Listeners: map[string]lab.Listener{"a": l}}
	}
	tests := []struct {
		name string
		spec lab.Spec
		want string
	}{
		{"no listeners", lab.Spec{}, "no listeners"},
		{"same port", lab.Spec{Listeners: map[string]lab.Listener{"a": https, "b": https}}, "port 443 is taken by listener a"},
		{"no port", with(func(l *lab.Listener) { l.Port = 0 }), "port is missing"},
		{"policy", with(func(l *lab.Listener) { l.SSLPolicy = "2016-80" }), "2016-08"},
		{"mtls", with(func(l *lab.Listener) { l.MTLSMode = "on" }), `unknown value "on"`},
		{"names without verify", with(func(l *lab.Listener) { l.AdvertiseCANames = true }), "need mtls_mode verify"},
		{"action", with(func(l *lab.Listener) { l.DefaultAction.Type = "redirect" }), "unknown value"},
		{"status", with(func(l *lab.Listener) { l.DefaultAction.StatusCode = 99 }), "status_code"},
		{"certificate", with(func(l *lab.Listener) { l.Certificate = "dsa" }), "certificate"},
		{"zones", lab.Spec{Listeners: experiment1.Listeners, Embedded: &lab.Embedded{Zones: 9}}, "1 or 2"},
		{"profile", lab.Spec{Listeners: experiment1.Listeners, Embedded: &lab.Embedded{WireProfile: "x"}}, "wire_profile"},
		{"capture", lab.Spec{Listeners: experiment1.Listeners, Embedded: &lab.Embedded{Capture: "x"}}, "capture"},
		{"flow format", lab.Spec{Listeners: experiment1.Listeners, Embedded: &lab.Embedded{FlowFormat: "${versio}"}}, "version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := embedded.Start(t.Context(), tt.spec, nil)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// The lab leaves no goroutine behind.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		l, err := embedded.Start(t.Context(), experiment1, nil)
		require.NoError(t, err)
		require.NoError(t, refuse(t.Context(), l, lab.Vantage{}, hello(t)))
		held, err := l.Dial(t.Context(), lab.Vantage{}, "https") // still open when the lab closes
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.NoError(t, l.Close(), "closing twice")
		_, err = held.Read(make([]byte, 1))
		require.Error(t, err)
		_, err = l.Dial(t.Context(), lab.Vantage{}, "https")
		require.Error(t, err)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		stacks := make([]byte, 1<<20)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

// A folder that cannot take the evidence is said at the start.
func TestFolderErrors(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err := embedded.Start(t.Context(), experiment1, &embedded.Options{Dir: file})
	require.True(t, errors.Is(err, syscall.ENOTDIR) || errors.Is(err, os.ErrExist), "%v", err)
}

package scenarios_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// TestSameSeed: two runs with the same seed leave the same evidence. Keys and certificates are fresh at each start, so the two
// share them here. Exempt are what a client draws at random into its hello, and packets and bytes of flows that went on
// after the hello, and the acknowledgements of a hello of many segments; any other hello that was refused may not vary.
func TestSameSeed(t *testing.T) {
	keys := pki.New("lab.alblab.example")
	all, again, others := bundlesOf(t, keys, 42), bundlesOf(t, keys, 42), bundlesOf(t, keys, 43)
	require.Len(t, again, len(all))
	for i := range all {
		compareBundles(t, all[i], again[i], others[i])
	}
}

func compareBundles(t *testing.T, first, second, other *evidence.Bundle) {
	t.Helper()
	names := 0
	for _, f := range first.Manifest.Files {
		if f.Kind == evidence.KindCapture || f.Kind == evidence.KindMirror {
			continue // random bytes, in as many packets as flow.log says
		}
		names++
		require.Equal(t, withoutChance(t, first, f), withoutChance(t, second, f), f.Name)
	}
	require.GreaterOrEqual(t, names, 6)
	require.Equal(t, first.Manifest.Slots, second.Manifest.Slots)
	require.Equal(t, first.Manifest.LoadBalancer, second.Manifest.LoadBalancer)
	require.JSONEq(t, string(first.Manifest.Spec), string(second.Manifest.Spec))
	require.NotEqual(t, first.Manifest.LoadBalancer, other.Manifest.LoadBalancer, "another seed gives other names")
}

func bundlesOf(t *testing.T, keys *pki.PKI, seed uint64) []*evidence.Bundle {
	t.Helper()
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		return embedded.Start(ctx, spec, &embedded.Options{PKI: keys})
	}
	r, err := scenarios.Run(t.Context(), scenarios.Options{Start: start, Seed: seed})
	require.NoError(t, err)
	require.NotEmpty(t, r.Bundles)
	return r.Bundles
}

// withoutChance is a file's text without what is exempt.
func withoutChance(t *testing.T, b *evidence.Bundle, f evidence.File) string {
	t.Helper()
	text, err := fs.ReadFile(b.FS, f.Name)
	require.NoError(t, err)
	var out strings.Builder
	n, long := 0, longHellos(string(text))
	for line := range strings.Lines(string(text)) {
		n++
		switch f.Kind {
		case evidence.KindFlow:
			fields := strings.Fields(line)
			packets, err := strconv.Atoi(fields[8])
			toTarget := fields[5] == "80" || fields[6] == "80"
			switch flags := fields[14]; {
			case n == 1: // the header row
			case flags == "3" || flags == "19" || flags == "22" && long[fields[4]+" "+fields[6]]:
				fields[8], fields[9] = "packets", "bytes"
			case err == nil && (packets > 4 || toTarget || flags == "22" && len(fields[9]) > 3): // certificates went over it, or a request raced the reset
				fields[8], fields[9] = "packets", "bytes"
			}
			line = strings.Join(fields, " ") + "\n"
		case evidence.KindAttempts:
			var a map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &a), line)
			hello, _ := a["hello"].(string)
			a["hello"] = len(hello) // versions and suites are in the flow records' bytes and in the decisions
			clean, err := json.Marshal(a)
			require.NoError(t, err)
			line = string(clean) + "\n"
		}
		out.WriteString(line)
	}
	require.NotEmpty(t, out.String(), f.Name)
	return out.String()
}

// longHellos are the client addresses and ports that sent more than three full segments: how many of those the load
// balancer acknowledges before it refuses is TCP's affair.
func longHellos(flowLog string) map[string]bool {
	long := map[string]bool{}
	for line := range strings.Lines(flowLog) {
		fields := strings.Fields(line)
		if bytes, err := strconv.Atoi(fields[9]); err == nil && bytes > 3*1500 {
			long[fields[3]+" "+fields[5]] = true
		}
	}
	return long
}

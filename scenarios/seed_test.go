package scenarios_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// TestSameSeed: two runs with the same seed leave the same evidence. Keys and certificates are fresh at each start, so the two
// share them here. Exempt are what a client draws at random into its hello, and packets and bytes of flows that went on
// after the hello, that ended in good order, or whose hello took many segments: how many bare acknowledgements those take is
// TCP's affair. A hello that was refused by a reset may not vary.
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
	// Which packet a faulty link loses depends on the order of packets, and with it when the rest arrives.
	list := slices.DeleteFunc(scenarios.All(), func(s *scenarios.Scenario) bool { return slices.Contains(s.Needs, lab.LinkFaults) })
	require.Greater(t, len(list), 24)
	r, err := scenarios.Run(t.Context(), scenarios.Options{Start: start, Seed: seed, Scenarios: list})
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
	flows := bytesByClient(string(text))
	for line := range strings.Lines(string(text)) {
		switch f.Kind {
		case evidence.KindFlow:
			fields := strings.Fields(line)
			client, _ := flowClient(fields)
			if sum := flows[client]; sum.out > answered || sum.in > 3*1500 || sum.orderly {
				fields[8], fields[9] = "packets", "bytes"
				if flags, err := strconv.Atoi(fields[14]); err == nil && flags&flowlog.SYN == 0 {
					fields[14] = "flags" // a later window: a client's FIN may cross the load balancer's reset
				}
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

// answered is more than the load balancer sends to a client whose hello it refuses: SYN-ACK, ACKs, RST.
const answered = 400

// byteSums are a connection's bytes, from the client and to it, and whether either side closed it by a FIN.
type byteSums struct {
	in, out int
	orderly bool
}

// bytesByClient sums a flow log up by the client's address and port. Packets and bytes of a connection may vary once the
// load balancer has answered more than a refusal takes, when the hello took more than three full segments (how many of those
// are acknowledged before the refusal), and when a FIN ended it (it may carry the acknowledgement or follow it).
func bytesByClient(flowLog string) map[string]byteSums {
	sums := map[string]byteSums{}
	for line := range strings.Lines(flowLog) {
		fields := strings.Fields(line)
		client, out := flowClient(fields)
		sum := sums[client]
		if n, _ := strconv.Atoi(field(fields, 9)); out {
			sum.out += n
		} else {
			sum.in += n
		}
		if flags, err := strconv.Atoi(field(fields, 14)); err == nil && flags&flowlog.FIN != 0 {
			sum.orderly = true
		}
		sums[client] = sum
	}
	return sums
}

// flowClient is the address and port at the other end of the load balancer's interface, and whether the record is of the way out.
func flowClient(fields []string) (client string, out bool) {
	if field(fields, 17) == "egress" {
		return fields[4] + " " + fields[6], true
	}
	return field(fields, 3) + " " + field(fields, 5), false
}

func field(fields []string, i int) string {
	if i >= len(fields) {
		return "" // of another file
	}
	return fields[i]
}

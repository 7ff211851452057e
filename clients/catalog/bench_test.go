package catalog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/labtest"
)

func benchmarkLab(b *testing.B, cert string) *embedded.Lab {
	return labtest.StartWith(b, lab.Spec{
		Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: cert}},
		Embedded:  &lab.Embedded{Seed: 1, Zones: 1, Capture: "off"},
	}, &embedded.Options{WallClock: true, Off: true})
}

// BenchmarkSimulateFarAway asks the whole catalogue over a path of half a second each way, and tells how many round trips that took in
// all: as many as its slowest client needs (TestRoundTrips), and what the computer adds.
func BenchmarkSimulateFarAway(b *testing.B) {
	const way = 500 * time.Millisecond
	l := benchmarkLab(b, "ecdsa")
	require.NoError(b, l.SetLink(lab.Vantage{}, lab.Link{Delay: way}))
	for b.Loop() {
		catalog.Simulate(b.Context(), dialer(l, "https"), catalog.All(), &catalog.Options{ServerName: matrixHost})
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(2*way), "round-trips/op")
}

// BenchmarkSimulateEmbedded asks the whole catalogue on the lab's own network, both ends in this process.
func BenchmarkSimulateEmbedded(b *testing.B) {
	for _, cert := range []string{"rsa", "ecdsa", "both"} {
		b.Run(cert, func(b *testing.B) {
			l := benchmarkLab(b, cert)
			for b.Loop() {
				catalog.Simulate(b.Context(), dialer(l, "https"), catalog.All(), &catalog.Options{ServerName: matrixHost})
			}
		})
	}
}

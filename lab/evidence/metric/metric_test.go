package metric

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/evidence"
)

func readAll(t testing.TB, in string) (all []Series, errs []string) {
	t.Helper()
	for s, err := range Records(strings.NewReader(in), &evidence.Options{File: "metrics.json"}) {
		if err != nil {
			var pe *evidence.ParseError
			require.ErrorAs(t, err, &pe)
			errs = append(errs, err.Error())
			continue
		}
		all = append(all, *s)
	}
	return all, errs
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestGetMetricStatistics(t *testing.T) {
	b, err := os.ReadFile("testdata/cloudwatch-get-metric-statistics.json")
	require.NoError(t, err)
	all, errs := readAll(t, string(b))
	require.Empty(t, errs)
	require.Equal(t, []Series{{Line: 1, MetricName: "UnHealthyHostCount", Stat: "Average",
		Timestamps: []time.Time{at("2016-04-18T04:00:00Z"), at("2016-04-18T22:00:00Z")}, Values: []float64{0, 0}}}, all)
}

func TestSeveralStatistics(t *testing.T) {
	all, errs := readAll(t, `{"Label":"X","Datapoints":[{"Timestamp":"2026-01-01T00:01:00+00:00","Sum":2,"SampleCount":1,"ExtendedStatistics":{"p99":7}},
		{"Timestamp":1767225600,"Sum":3}]}`)
	require.Empty(t, errs)
	require.Len(t, all, 3)
	require.Equal(t, "Sum", all[1].Stat)
	require.Equal(t, []float64{3, 2}, all[1].Values)
	require.Equal(t, at("2026-01-01T00:00:00Z"), all[1].Timestamps[0])
	require.Equal(t, "p99", all[2].Stat)
}

// A metric of which nothing was published in the time that was asked for.
func TestGetMetricStatisticsOfNothing(t *testing.T) {
	all, errs := readAll(t, `{"Label":"ClientTLSNegotiationErrorCount","Datapoints":[]}`)
	require.Empty(t, errs)
	require.Equal(t, []Series{{Line: 1, MetricName: "ClientTLSNegotiationErrorCount"}}, all)
}

// The form of https://docs.aws.amazon.com/cli/latest/reference/cloudwatch/get-metric-data.html: newest first.
func TestGetMetricData(t *testing.T) {
	all, errs := readAll(t, `{
    "MetricDataResults": [
        {
            "Id": "m1",
            "Label": "ClientTLSNegotiationErrorCount",
            "Timestamps": [
                "2026-01-01T00:02:00+00:00",
                "2026-01-01T00:00:00+00:00"
            ],
            "Values": [
                1.0,
                4.0
            ],
            "StatusCode": "Complete"
        },
        {"Id": "m2", "Timestamps": [], "Values": []}
    ],
    "Messages": []
}
`)
	require.Empty(t, errs)
	require.Len(t, all, 2)
	require.Equal(t, "ClientTLSNegotiationErrorCount", all[0].MetricName)
	require.Equal(t, []float64{4, 1}, all[0].Values)
	require.Equal(t, 5.0, all[0].Sum())
	require.Equal(t, "m2", all[1].MetricName)
}

func TestAggregator(t *testing.T) {
	a := NewAggregator()
	lb, az := Dimension{"LoadBalancer", "app/alblab/1"}, Dimension{"AvailabilityZone", "us-east-1a"}
	t0 := at("2026-01-01T00:00:00Z")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 1000 {
				a.Add("AWS/ApplicationELB", "NewConnectionCount", t0.Add(time.Duration((i*1000+j)%3)*time.Minute+59*time.Second), 1, lb)
			}
		})
	}
	wg.Wait()
	a.Add("AWS/ApplicationELB", "NewConnectionCount", t0, 2, az, lb)
	a.Add("AWS/ApplicationELB", "Zero", t0, 0, lb)
	a.Add("AWS/ApplicationELB", "NaN", t0, math.NaN(), lb)
	all := a.Series()
	require.Len(t, all, 2, "zero is not published")
	require.Equal(t, "us-east-1a", all[0].Dimension("AvailabilityZone"))
	require.Equal(t, []Dimension{lb}, all[1].Dimensions)
	require.Equal(t, []time.Time{t0, t0.Add(time.Minute), t0.Add(2 * time.Minute)}, all[1].Timestamps)
	require.Equal(t, 8000.0, all[1].Sum())
	require.Equal(t, "Sum", all[1].Stat)
	require.Equal(t, 60, all[1].Period)
	require.Equal(t, int64(1), a.Dropped())
}

func TestAggregatorTakesTimesInAnyOrderAndBefore1970(t *testing.T) {
	a := NewAggregator()
	for _, s := range []int64{120, 0, 61, -1, 60} {
		a.Add("n", "m", time.Unix(s, 0), 1)
	}
	s := a.Series()[0]
	require.Equal(t, []float64{1, 1, 2, 1}, s.Values)
	require.Equal(t, int64(-60), s.Timestamps[0].Unix())
}

func TestAggregatorIsBounded(t *testing.T) {
	a := NewAggregator()
	a.max = 100
	for i := range 1000 {
		a.Add("n", fmt.Sprint(i), time.Unix(0, 0), 1)
		a.Add("n", "one", time.Unix(int64(60*i), 0), 1)
	}
	require.Positive(t, a.Dropped())
	require.LessOrEqual(t, a.points, 100)
}

func TestNilAggregator(t *testing.T) {
	var a *Aggregator
	a.Add("n", "m", time.Time{}, 1)
	require.Empty(t, a.Series())
	require.Zero(t, a.Dropped())
}

func TestRoundTrip(t *testing.T) {
	a := NewAggregator()
	a.Add("AWS/ApplicationELB", "B", at("2026-01-01T00:00:10Z"), 1.5, Dimension{"LoadBalancer", "app/<x>/1"})
	a.Add("AWS/ApplicationELB", "A", at("2026-01-01T00:00:10Z"), 1)
	a.Add("AWS/ApplicationELB", "A", at("2026-01-01T00:01:10Z"), 3)
	want := a.Series()
	var buf bytes.Buffer
	require.NoError(t, Write(&buf, want))
	require.Equal(t, `[
{"Namespace":"AWS/ApplicationELB","MetricName":"A","Dimensions":[],"Stat":"Sum","Period":60,"Timestamps":["2026-01-01T00:00:00Z","2026-01-01T00:01:00Z"],"Values":[1,3]},
{"Namespace":"AWS/ApplicationELB","MetricName":"B","Dimensions":[{"Name":"LoadBalancer","Value":"app/<x>/1"}],"Stat":"Sum","Period":60,"Timestamps":["2026-01-01T00:00:00Z"],"Values":[1.5]}
]
`, buf.String())
	got, errs := readAll(t, buf.String())
	require.Empty(t, errs)
	require.Len(t, got, 2)
	require.Equal(t, 2, got[0].Line)
	require.Equal(t, 3, got[1].Line)
	for i := range got {
		got[i].Line = 0
		if len(got[i].Dimensions) == 0 {
			got[i].Dimensions = nil
		}
	}
	require.Equal(t, want, got)

	buf.Reset()
	require.NoError(t, Write(&buf, nil))
	require.Equal(t, "[]\n", buf.String())
	got, errs = readAll(t, buf.String())
	require.Empty(t, got)
	require.Empty(t, errs)
}

func TestDamage(t *testing.T) {
	const good = `{"MetricName":"A","Timestamps":["2026-01-01T00:00:00Z"],"Values":[1]}`
	for _, tt := range []struct{ name, in, want string }{
		{"half a line", `{"MetricName":"A","Timest`, `metrics.json:2: not JSON: `},
		{"text", `hello`, `metrics.json:2: not a JSON object: "hello"`},
		{"no metric", `{"a":1}`, `metrics.json:2: field MetricName: missing: this is no metric data`},
		{"counts differ", `{"MetricName":"A","Values":[1]}`, `metrics.json:2: field Timestamps: 0 timestamps and 1 values`},
		{"bad time", `{"MetricName":"A","Timestamps":["noon"],"Values":[1]}`, `metrics.json:2: field Timestamps: `},
		{"bad value", `{"MetricName":"A","Timestamps":[1],"Values":["x"]}`, `metrics.json:2: field Values: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, errs := readAll(t, good+"\n"+tt.in+"\n"+good+"\n")
			require.Len(t, errs, 1)
			require.Contains(t, errs[0], tt.want)
			require.Len(t, all, 2, "the lines around are read")
			require.Equal(t, 3, all[1].Line)
		})
	}
}

func TestDamagedGzipGivesWhatItHolds(t *testing.T) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write([]byte(`{"MetricName":"A","Timestamps":[],"Values":[]}` + "\n"))
	require.NoError(t, z.Close())
	all, errs := readAll(t, buf.String()[:buf.Len()-6])
	require.Len(t, all, 1)
	require.Len(t, errs, 1)
	require.Contains(t, errs[0], "damaged gzip")
}

func FuzzRecords(f *testing.F) {
	b, err := os.ReadFile("testdata/cloudwatch-get-metric-statistics.json")
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`[{"MetricName":"A","Dimensions":[{"Name":"n","Value":"v"}],"Timestamps":["2026-01-01T00:00:00Z"],"Values":[1e300]}]`))
	f.Add([]byte(`{"MetricDataResults":[{"Id":"a","Timestamps":[1.5,1],"Values":[1,2]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for s, err := range Records(bytes.NewReader(in), nil) {
			var pe *evidence.ParseError
			if err != nil {
				if !errors.As(err, &pe) {
					t.Fatalf("error type %T: %v", err, err)
				}
				continue
			}
			text, err := s.AppendText(nil)
			if err != nil {
				t.Fatal(err)
			}
			for again, err := range Records(bytes.NewReader(text), nil) {
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				twice, err := again.AppendText(nil)
				if err != nil || !bytes.Equal(text, twice) {
					t.Fatalf("%q became %q (%v)", text, twice, err)
				}
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	a := NewAggregator()
	lb, az := Dimension{"LoadBalancer", "app/alblab/0123456789abcdef"}, Dimension{"AvailabilityZone", "us-east-1a"}
	t0 := at("2026-01-01T00:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		a.Add("AWS/ApplicationELB", "NewConnectionCount", t0, 1, az, lb)
	}
}

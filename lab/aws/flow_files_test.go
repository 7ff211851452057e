package aws_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/scenarios"
)

// TestFlowLogsInS3: scenarios are judged as well by flow logs that come as files, of either form, and the bundle has them as one
// text.
func TestFlowLogsInS3(t *testing.T) {
	for _, form := range []string{"plain-text", "parquet"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			list := few(t)
			a := plannedAccount(t, list, &awsapi.Options{FlowFiles: form})
			require.Equal(t, aws.ToS3, a.cfg.Outputs.FlowLog.DestinationType)
			c, err := aws.Check(t.Context(), a.cfg.AWS, a.cfg.Clients, aws.CheckOptions{Outputs: &a.cfg.Outputs, Listeners: 3, Minutes: 10, Phases: 2,
				Endpoint: true, Clock: a.lab, Dial: reachable})
			require.NoError(t, err)
			require.NoError(t, c.Err())
			a.cfg.Delivery.Poll = time.Minute
			l, err := aws.Attach(t.Context(), a.cfg)
			require.NoError(t, err)
			r, err := scenarios.Run(t.Context(), runOptions(l, list))
			require.NoError(t, err)
			require.NoError(t, l.Close())
			require.Zero(t, r.Errors)
			require.Zero(t, r.Failed)
			require.NotEmpty(t, r.Bundles)
			for _, b := range r.Bundles {
				files := b.Files(evidence.KindFlow)
				require.Len(t, files, 1)
				require.Equal(t, "flow.log", files[0].Name)
				require.Equal(t, flowlog.LabFormat().String(), files[0].Format)
			}
			var answers []string
			for _, x := range l.Lessons() {
				answers = append(answers, x.Question+": "+x.Answer)
			}
			lesson := "how flow logs in Parquet say that a field has no value: a number is null, a text is null"
			require.Equal(t, form == "parquet", slices.Contains(answers, lesson), answers)
			require.Contains(t, answers, "whether the log group's own resource policy, for log-group:NAME:*, is enough for AWS WAF to write: it is: records came")
			left(t, a)
		})
	}
}

// TestGatherFlowLogsInS3: diagnose reads them under both kinds of prefix, and finds what it finds in CloudWatch Logs.
func TestGatherFlowLogsInS3(t *testing.T) {
	for _, o := range []awsapi.Options{{FlowFiles: "plain-text"}, {FlowFiles: "parquet"}, {FlowFiles: "parquet", FlowHive: true}} {
		a, w := troubledWith(t, &o)
		lb, err := a.cfg.Clients.Describe(t.Context(), a.lab.Identity().LoadBalancer)
		require.NoError(t, err)
		require.Empty(t, lb.Gaps())
		require.Equal(t, o.FlowFiles, lb.FlowLogs[0].FileFormat)
		require.Equal(t, o.FlowHive, lb.FlowLogs[0].Hive)
		g, err := a.cfg.Clients.Gather(t.Context(), lb, w, nil)
		require.NoError(t, err)
		require.Empty(t, g.Problems)
		require.True(t, g.Bundle.Has(evidence.KindFlow))
		r, err := analyzers.Run(t.Context(), g.Bundle, signatures.All(), nil)
		require.NoError(t, err)
		require.Zero(t, r.Damaged)
		found, cited := map[string]int{}, 0
		for _, f := range r.Findings {
			found[f.Signature]++
			for _, c := range f.Cites {
				if strings.HasPrefix(c.File, "flow/") {
					cited++
				}
			}
		}
		require.Equal(t, map[string]int{"refused-first-flight": 2, "completed": 1, "client-certificate-missing": 1}, found)
		require.NotZero(t, cited)
	}
}

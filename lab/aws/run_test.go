package aws_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/scenarios"
)

// awsCan is what a lab in an account can do, with a mirror.
func awsCan() []lab.Capability {
	return []lab.Capability{lab.Capture, lab.ClientCertificates, lab.AnyPort}
}

// TestAllScenarios: every scenario that the AWS lab can run is green through the SDK, with AWS's delivery times on the embedded
// lab's clock.
func TestAllScenarios(t *testing.T) {
	all := scenarios.All()
	plan, err := scenarios.NewPlan(scenarios.Options{Together: true, Scenarios: all, Capabilities: awsCan(), Seed: 1})
	require.NoError(t, err)
	require.Len(t, plan.Phases, 2)
	a := newAccount(t, plan.Spec, &awsapi.Options{})
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	r, err := scenarios.Run(t.Context(), runOptions(l, all))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	passed := 0
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		switch v.Verdict {
		case scenarios.Pass:
			passed++
			require.Empty(t, v.Learned, v.Story())
		case scenarios.Skip:
			t.Logf("%s: %s", v.Name, v.Message)
		default:
			t.Error(v.Story())
		}
	}
	t.Logf("%d of %d passed", passed, len(all))
	for _, x := range l.Lessons() {
		t.Log(x)
	}
}

package aws_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/analyzers/fidelity"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/scenarios"
)

// TestFidelityOfTheSDKPath: what lab/aws brings home of a run is what the embedded lab collects of the same run itself. Each
// difference must be one that fidelity explains.
func TestFidelityOfTheSDKPath(t *testing.T) {
	all := scenarios.All()
	here, err := scenarios.Run(t.Context(), scenarios.Options{
		Scenarios: all, Seed: 1,
		Start: func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return embedded.Start(ctx, spec, nil) },
	})
	require.NoError(t, err)

	plan, err := scenarios.NewPlan(scenarios.Options{Together: true, Scenarios: all, Capabilities: awsCan(), Seed: 1})
	require.NoError(t, err)
	a := newAccount(t, plan.Spec, &awsapi.Options{})
	l, err := aws.Attach(t.Context(), a.cfg)
	require.NoError(t, err)
	there, err := scenarios.Run(t.Context(), runOptions(l, all))
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.Len(t, there.Bundles, len(plan.Phases))
	require.Len(t, here.Bundles, len(plan.Phases))

	compared := 0
	for i := range there.Bundles {
		r, err := fidelity.Compare(t.Context(), here.Bundles[i], there.Bundles[i], &fidelity.Options{Analyzers: signatures.All()})
		require.NoError(t, err)
		require.Empty(t, r.ScenariosB)
		require.Zero(t, r.A.Damaged+r.B.Damaged)
		compared += r.Scenarios
		kinds := map[string]fidelity.Kind{}
		for _, k := range r.Kinds {
			kinds[k.Kind] = k
			require.Equal(t, [2]int{}, [2]int{k.AloneA, k.AloneB}, "%s without a partner: %+v %+v", k.Kind, k.OnlyA, k.OnlyB)
			for _, f := range k.Fields {
				require.Zero(t, f.Differs+f.OnlyA+f.OnlyB, "%s %s: %+v", k.Kind, f.Name, f.Examples)
			}
		}
		for _, k := range []evidence.Kind{evidence.KindFlow, evidence.KindConnection, evidence.KindAccess, evidence.KindWAF, evidence.KindMetrics} {
			require.NotZero(t, kinds[string(k)].Paired, k)
		}
	}
	require.Equal(t, there.Passed, compared)
}

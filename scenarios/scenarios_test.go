package scenarios_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/scenarios"
)

// start starts the lab that ALBLAB_LAB names: the embedded one unless told otherwise.
func start(t *testing.T) func(context.Context, lab.Spec) (lab.Lab, error) {
	switch name := os.Getenv("ALBLAB_LAB"); name {
	case "", "embedded":
		return startLab
	case "aws":
		t.Skip("this test is of the embedded lab")
		return nil
	default:
		t.Fatalf("ALBLAB_LAB=%s: there is no such lab; use embedded or aws", name)
		return nil
	}
}

func startLab(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
	return embedded.Start(ctx, spec, nil)
}

// TestScenarios runs all scenarios on one lab and judges each in a subtest.
func TestScenarios(t *testing.T) { runAll(t, scenarios.All()) }

// TestLong runs those that are too slow for every day.
func TestLong(t *testing.T) {
	if os.Getenv("ALBLAB_LONG") == "" {
		t.Skip("SKIPPED: RSA keys of up to 8192 bits take many seconds; set ALBLAB_LONG=1 to run this test")
	}
	runAll(t, scenarios.Long())
}

func runAll(t *testing.T, all []*scenarios.Scenario) {
	require.NotEmpty(t, all)
	onAWS := os.Getenv("ALBLAB_LAB") == "aws"
	var r *scenarios.Report
	if onAWS {
		if r = runOnAWS(t, all); r == nil {
			return // the stage was skipped
		}
	} else {
		var err error
		r, err = scenarios.Run(t.Context(), scenarios.Options{Start: start(t), Scenarios: all, Seed: 1})
		require.NoError(t, err)
		require.Len(t, r.Scenarios, len(all))
	}
	for i := range r.Scenarios {
		v := &r.Scenarios[i]
		t.Run(v.Name, func(t *testing.T) {
			switch v.Verdict {
			case scenarios.Pass:
			case scenarios.Skip:
				t.Skip(v.Message)
			default:
				t.Error(v.Story())
			}
		})
	}
	if !r.OK() {
		dir := filepath.Join(t.ArtifactDir(), "bundle")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, r.Save(dir))
		t.Logf("the bundle is in %s", dir)
	}
	for _, v := range r.Scenarios {
		if onAWS {
			break
		}
		require.NotEqual(t, scenarios.Skip, v.Verdict, "the embedded lab lacks nothing: %s: %s", v.Name, v.Message)
	}
}

//go:build race

package scenarios_test

import (
	"testing"

	"github.com/alblab/alblab/scenarios"
)

// runOnAWS is left out of tests with the race detector, whose build of AWS's SDK takes minutes; lab/aws is tested with it by
// .ci/nightly.
func runOnAWS(t *testing.T, _ []*scenarios.Scenario) *scenarios.Report {
	t.Fatal("the lab in an account is not run with the race detector: leave out -race")
	return nil
}

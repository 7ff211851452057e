package aws_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/scenarios"
)

// TestOwnAddressOnTheReputationList: AWS does not publish the list, so that Check cannot know; the first request does, before
// anything is waited for.
func TestOwnAddressOnTheReputationList(t *testing.T) {
	list := few(t)
	plan, err := scenarios.NewPlan(scenarios.Options{Together: true, Scenarios: list, Capabilities: awsCan(), Seed: 1})
	require.NoError(t, err)
	if plan.Spec.Embedded == nil {
		plan.Spec.Embedded = &lab.Embedded{}
	}
	plan.Spec.Embedded.IPReputation = []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")}
	a := newAccount(t, plan.Spec, nil)
	_, err = aws.Attach(t.Context(), a.cfg)
	require.ErrorContains(t, err, "the web ACL blocks this machine (403): its address may be on AWS's IP reputation list")
	require.Contains(t, aws.Hint(err), "run from another network")
	left(t, a)
}

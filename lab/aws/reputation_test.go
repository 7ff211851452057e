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

// TestListenerAnswers403: a fixed response of 403 is the listener's own answer; a web ACL that blocks by default is no
// reputation list.
func TestListenerAnswers403(t *testing.T) {
	spec := lab.Spec{
		Listeners: map[string]lab.Listener{"https": {Port: 443, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "ecdsa",
			DefaultAction: lab.Action{StatusCode: 403, ContentType: "text/plain", MessageBody: "not for you"}}},
		WAF: &lab.WAF{IPReputation: true},
	}
	for _, body := range []string{"not for you", ""} {
		l := spec.Listeners["https"]
		l.DefaultAction.MessageBody = body
		spec.Listeners["https"] = l
		a := newAccount(t, spec, nil)
		l403, err := aws.Attach(t.Context(), a.cfg)
		require.NoError(t, err, "the listener's own answer, %q", body)
		require.NoError(t, l403.Close())
	}

	blocked := spec
	blocked.Embedded = &lab.Embedded{IPReputation: []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")}}
	_, err := aws.Attach(t.Context(), newAccount(t, blocked, nil).cfg)
	require.ErrorContains(t, err, "may be on AWS's IP reputation list", "the rule, though the listener would answer 403 as well")

	blocked.Embedded, blocked.WAF = nil, &lab.WAF{DefaultActionBlock: true}
	_, err = aws.Attach(t.Context(), newAccount(t, blocked, nil).cfg)
	require.ErrorContains(t, err, "its default action is to block")
}

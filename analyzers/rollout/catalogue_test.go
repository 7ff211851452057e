package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// TestRealClients derives lines from the hellos of real clients: under AssumeStandard, which is about such, nothing that is
// said of them may be wrong, whether the old policy is known or not.
func TestRealClients(t *testing.T) {
	var hellos []*wire.ClientHello
	var names []string
	for _, c := range catalog.All() {
		b, err := c.Hello("example.com")
		require.NoError(t, err)
		h, err := wire.ParseHello(b)
		require.NoError(t, err)
		hellos, names = append(hellos, h), append(names, c.Name)
	}
	require.Greater(t, len(hellos), 100)
	count := map[Effect]int{}
	wrong := map[string]int{}
	for _, set := range certSets(t)[:3] {
		for _, to := range policy.All() {
			truth := make([]policy.Decision, len(hellos))
			for i, h := range hellos {
				truth[i] = to.Decide(h, set)
			}
			for _, from := range append([]*policy.Policy{nil}, policy.All()...) {
				memo := map[Seen]Judgement{}
				j := newLineJudge(&Question{To: to, From: from, Certs: set, Assume: AssumeStandard})
				writer := from
				if writer == nil {
					writer = policy.All()[0]
				}
				for i, h := range hellos {
					d := writer.Decide(h, set)
					if !Connects(d) {
						continue
					}
					s := Seen{Version: d.Version, Suite: d.Suite, Group: d.Group}
					got, ok := memo[s]
					if !ok {
						got = j.judge(s)
						memo[s] = got
					}
					count[got.Effect]++
					if got.Effect == Keeps && !Connects(truth[i]) || got.Effect == Breaks && truth[i].Outcome != policy.Refused {
						wrong[names[i]+": "+got.Effect.String()+" "+writer.Name+" -> "+to.Name+" "+set.String()]++
					}
				}
			}
		}
	}
	t.Log(count)
	require.Empty(t, wrong)
	require.Greater(t, count[Keeps], count[Unknown], "most real clients can be told of")
}

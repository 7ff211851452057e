package scenarios

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
)

// accountLike is the embedded lab that says it is in an account.
type accountLike struct{ *embedded.Lab }

func (a *accountLike) Endpoint() lab.Endpoint {
	e := a.Lab.Endpoint()
	e.Kind = "aws"
	return e
}

// TestQuestions: every question is asked by a run, and the embedded lab's answer is what the table says that it assumes.
func TestQuestions(t *testing.T) {
	asked := map[string]bool{}
	var list []*Scenario
	for _, q := range questions() {
		asked[q.scenario] = true
		require.NotEmpty(t, q.embedded, q.text)
	}
	for _, s := range All() {
		if asked[s.Name] {
			list = append(list, s)
		}
	}
	require.Len(t, list, len(asked), "a question names a scenario that there is not")
	got := map[string]string{}
	start := func(ctx context.Context, spec lab.Spec) (lab.Lab, error) {
		l, err := embedded.Start(ctx, spec, nil)
		if err != nil {
			return nil, err
		}
		return &accountLike{l}, nil
	}
	r, err := Run(t.Context(), Options{Start: start, Scenarios: list, Seed: 1})
	require.NoError(t, err)
	for _, a := range r.Answers {
		got[a.Question] = a.Answer
	}
	for _, q := range questions() {
		assert.Equal(t, q.embedded, got[q.text], q.text)
	}
}

// TestPatience: whether a load balancer holds a refused client back is one of the questions.
func TestPatience(t *testing.T) {
	require.Equal(t, "at once", patience(40*time.Millisecond))
	require.Equal(t, "after 17 s", patience(17*time.Second+200*time.Millisecond))
}

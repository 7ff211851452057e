// Package labtest starts embedded labs in tests.
package labtest

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/embedded"
)

// Start starts an embedded lab on a virtual clock with its evidence in memory, and closes it when the test ends. What
// goes wrong inside the lab is in the test's output.
func Start(t testing.TB, spec lab.Spec) *embedded.Lab {
	t.Helper()
	return StartWith(t, spec, &embedded.Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, spec lab.Spec, o *embedded.Options) *embedded.Lab {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	l, err := embedded.Start(t.Context(), spec, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

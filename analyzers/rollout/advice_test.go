package rollout

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllowanceCovers(t *testing.T) {
	for share, want := range map[float64]string{0: "0%", 0.224: "23%", 0.0219: "2.2%", 0.001: "0.10%", 0.00012345: "0.013%", 1: "100%", 0.999: "100%", 0.5: "50%"} {
		got := allowance(share)
		require.Equal(t, want, got)
		back, err := ParseShare(got)
		require.NoError(t, err)
		require.GreaterOrEqual(t, back, share)
	}
}

package aws_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
)

// TestCost: what commands print is what the page of costs adds up to.
func TestCost(t *testing.T) {
	text, err := os.ReadFile("../../docs/aws-costs.md")
	require.NoError(t, err)
	require.Contains(t, string(text), fmt.Sprintf("| **everything** | | | **%.3f** | |", aws.Cost(time.Hour)))
}

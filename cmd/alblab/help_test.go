package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelpWidth: the help of every command fits a terminal of 80 columns.
func TestHelpWidth(t *testing.T) {
	count := 0
	var check func(*cobra.Command)
	check = func(c *cobra.Command) {
		if strings.Contains(c.CommandPath(), "completion") { // cobra's own words
			return
		}
		var out bytes.Buffer
		c.SetOut(&out)
		require.NoError(t, c.Help())
		require.NotEmpty(t, out.String())
		count++
		for line := range strings.Lines(out.String()) {
			line = strings.TrimRight(line, "\n")
			assert.LessOrEqual(t, utf8.RuneCountInString(line), columns, "%s: %s", c.CommandPath(), line)
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(newRoot(&app{}))
	require.Greater(t, count, 10)
}

package evidence

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestYield(t *testing.T) {
	damage, broken := &ParseError{Line: 2, Msg: "x"}, errors.New("disk on fire")
	tests := []struct {
		name string
		in   []error // nil is a record
		stop int     // the caller wants no more after so many
		want int
	}{
		{"to the end", []error{nil, nil, io.EOF, nil}, 9, 2},
		{"over damage", []error{nil, damage, nil, io.EOF}, 9, 3},
		{"until it breaks", []error{nil, broken, nil}, 9, 2},
		{"until told to stop", []error{nil, nil, nil}, 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, got := 0, []error(nil)
			Yield(func(n int, err error) bool {
				require.Equal(t, len(got)+1, n)
				got = append(got, err)
				return len(got) < tt.stop
			}, func() (int, error) {
				i++
				return i, tt.in[i-1]
			})
			require.Equal(t, tt.in[:tt.want], got)
		})
	}
}

func TestParseSeconds(t *testing.T) {
	for s, want := range map[string]time.Duration{"": -1, "0": 0, "0.004": 4 * time.Millisecond, "12.000000001": 12*time.Second + 1} {
		got, err := ParseSeconds(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"-1", "x", "1.x", "1.0000000001", "99999999999", "."} {
		_, err := ParseSeconds(s)
		require.Error(t, err, s)
	}
	_, err := ParseTime("2026-01-02T15:04:05+00:00")
	require.Error(t, err)
	got, err := ParseTime("2026-01-02T15:04:05.000001Z")
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 1, 2, 15, 4, 5, 1000, time.UTC), got)
}

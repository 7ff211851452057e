package alb

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

func TestAlertWatch(t *testing.T) {
	hello := append([]byte{22, 3, 1, 1, 4}, make([]byte, 260)...)
	ccs := []byte{20, 3, 3, 0, 1, 1}
	alert := []byte{21, 3, 3, 0, 2, 2, 48}
	sealed := append([]byte{23, 3, 3, 0, 19}, make([]byte, 19)...)
	long := append([]byte{21, 3, 3, 0, 26}, make([]byte, 26)...) // encrypted, as below TLS 1.3
	join := func(all ...[]byte) (b []byte) {
		for _, x := range all {
			b = append(b, x...)
		}
		return b
	}
	unknownCA := &wire.Alert{Level: 2, Description: 48}
	for _, tt := range []struct {
		name string
		sent []byte
		want *wire.Alert
	}{
		{"hello alone", hello, nil},
		{"alert", join(hello, alert), unknownCA},
		{"behind a change of cipher", join(hello, ccs, alert, alert), unknownCA},
		{"encrypted", join(hello, ccs, sealed), nil},
		{"encrypted, below 1.3", join(hello, long, sealed), nil},
		{"cut", join(hello, alert[:6]), nil},
		{"empty record", join([]byte{22, 3, 3, 0, 0}, alert), unknownCA},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 5, 7, 100, len(tt.sent)} {
				var w alertWatch
				for b := tt.sent; len(b) > 0; b = b[min(size, len(b)):] {
					w.feed(b[:min(size, len(b))])
				}
				require.Equal(t, tt.want, w.alert, "in pieces of %d", size)
			}
		})
	}
}

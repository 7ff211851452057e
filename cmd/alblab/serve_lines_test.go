package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/wire"
)

func TestEndedByClient(t *testing.T) {
	tests := []struct {
		name string
		o    wire.Outcome
		want string
	}{
		{"distrust", wire.Outcome{ByPeer: true, Ending: wire.EndingAlert, Alert: &wire.Alert{Level: wire.AlertFatal, Description: 48}},
			"the client ended it: alert unknown_ca; cure: let the client trust the authority given at the start"},
		{"another alert", wire.Outcome{ByPeer: true, Ending: wire.EndingAlert, Alert: &wire.Alert{Level: wire.AlertFatal, Description: 80}},
			"the client ended it: alert internal_error"},
		{"reset", wire.Outcome{ByPeer: true, Ending: wire.EndingReset}, "the client reset it"},
		{"closed", wire.Outcome{ByPeer: true, Ending: wire.EndingFIN}, "the client closed it"},
		{"silence", wire.Outcome{Ending: wire.EndingTimeout}, "the client fell silent: closed after the idle timeout"},
		{"the load balancer's refusal", wire.Outcome{Ending: wire.EndingReset}, ""},
		{"the load balancer's alert", wire.Outcome{Ending: wire.EndingAlert, Alert: &wire.Alert{Level: wire.AlertFatal, Description: 42}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, endedByClient(&tt.o)) })
	}
}

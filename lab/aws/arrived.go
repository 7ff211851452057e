package aws

import (
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// came counts the canaries of which something is known.
func (h *harvest) count(has func(canary) bool) int {
	n := 0
	for _, c := range h.canaries {
		if has(c) {
			n++
		}
	}
	return n
}

func (h *harvest) cameAccess() int {
	return h.count(func(c canary) bool { _, ok := h.access[c.path]; return ok })
}

// cameConnection joins by the trace id, as AWS says: the client's port is another behind address translation.
func (h *harvest) cameConnection() int {
	return h.count(func(c canary) bool {
		trace, ok := h.access[c.path]
		if ok || h.awaits(evidence.KindAccess) {
			return h.opened[trace]
		}
		return h.lateLine(evidence.KindConnection, c.at)
	})
}

func (h *harvest) cameWAF() int { return h.count(func(c canary) bool { return h.judged[c.path] }) }

func (h *harvest) cameFlows() int {
	return h.count(func(c canary) bool {
		for _, f := range h.flows {
			mine := h.own[f.from] || len(h.own) == 0 && !h.awaits(evidence.KindAccess)
			if mine && f.port == c.port && !f.start.Before(c.at.Truncate(time.Second)) {
				return true
			}
		}
		return false
	})
}

// awaits reports whether something of a kind may still come.
func (h *harvest) awaits(k evidence.Kind) bool {
	for _, p := range h.pipes {
		if p.kind == k {
			return !p.arrived && p.err == nil
		}
	}
	return false
}

// lateLine reports whether there is a line of this time or later.
func (h *harvest) lateLine(k evidence.Kind, t time.Time) bool {
	for _, l := range h.lines[k] {
		if !l.at.Before(t) {
			return true
		}
	}
	return false
}

// cameMetrics wants the canary's minute to have data, and to be over.
func (h *harvest) cameMetrics() int {
	return h.count(func(c canary) bool {
		minute := c.at.UTC().Truncate(time.Minute)
		if h.lab.clock.Now().Before(minute.Add(time.Minute)) {
			return false
		}
		for i := range h.series {
			s := &h.series[i]
			if s.MetricName != "NewConnectionCount" || len(s.Dimensions) != 1 {
				continue
			}
			for _, t := range s.Timestamps {
				if t.Equal(minute) {
					return true
				}
			}
		}
		return false
	})
}

func (h *harvest) cameSamples() int {
	return h.count(func(c canary) bool {
		for _, s := range h.samples {
			if s.URI == c.path {
				return true
			}
		}
		return false
	})
}

func (h *harvest) cameCaptures() int {
	return h.count(func(c canary) bool { return !h.newest.Before(c.at.Truncate(time.Second)) }) // S3's times are whole seconds
}

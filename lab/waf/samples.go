package waf

import (
	"time"

	"github.com/alblab/alblab/lab/evidence/waflog"
)

// Samples are kept for three hours (source: docs.aws.amazon.com/waf/latest/developerguide/web-acl-testing-view-sample.html),
// and at most 500 a rule, which is as many as one call of GetSampledRequests returns.
const (
	sampleHours = 3
	maxSamples  = 500
)

// samples are the latest requests that one rule decided.
type samples struct {
	ring  []Sample // oldest at next once it is full
	next  int
	count [sampleHours * 60]struct { // requests by minute, for the population
		minute int64
		n      int64
	}
}

// Sample is one kept request.
type Sample struct {
	Time   time.Time
	Record waflog.Record
}

func (a *ACL) sample(at time.Time, rec *waflog.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.samples[rec.TerminatingRuleID]
	if s == nil {
		s = new(samples)
		a.samples[rec.TerminatingRuleID] = s
	}
	one := Sample{at, *rec}
	if len(s.ring) < maxSamples {
		s.ring = append(s.ring, one)
	} else {
		s.ring[s.next] = one
		s.next = (s.next + 1) % maxSamples
	}
	minute := at.Unix() / 60
	c := &s.count[minute%int64(len(s.count))]
	if c.minute != minute {
		c.minute, c.n = minute, 0
	}
	c.n++
}

// Samples returns the kept requests that a rule decided between from and to, the latest first, at most max, and how many
// there were, counted by whole minutes. now is the time of asking: what is older than three hours is gone. rule is a
// rule's name, or DefaultAction.
func (a *ACL) Samples(rule string, from, to, now time.Time, max int) (list []Sample, population int64) {
	oldest := now.Add(-sampleHours * time.Hour)
	if from.Before(oldest) {
		from = oldest
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.samples[rule]
	if s == nil {
		return nil, 0
	}
	n := len(s.ring)
	for i := range n {
		one := &s.ring[(s.next+n-1-i)%n]
		if len(list) < max && !one.Time.Before(from) && !one.Time.After(to) {
			list = append(list, *one)
		}
	}
	for _, c := range s.count {
		if c.minute >= from.Unix()/60 && c.minute <= to.Unix()/60 {
			population += c.n
		}
	}
	return list, population
}

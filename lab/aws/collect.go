package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/metric"
)

// IncompleteError says what evidence did not come, though there is a bundle of what did.
type IncompleteError struct {
	Missing []string // "access log: 1 of 2 canaries after 30m0s"
	Cause   error    // the context's, if the wait was ended
	hint    string
}

func (e *IncompleteError) Error() string {
	s := "evidence is missing: " + strings.Join(e.Missing, "; ")
	if e.Cause != nil {
		s += " (" + e.Cause.Error() + ")"
	}
	return s
}

func (e *IncompleteError) Unwrap() error { return e.Cause }

// lastLook is how long, by the computer's clock, the last look may take after the context has ended.
const lastLook = 15 * time.Second

// settleRounds is how often at most everything is looked at again after all canaries have come.
const settleRounds = 3

// collect waits until the evidence of everything so far has come, once; later calls return what the first one found. The
// harvest is not nil unless nothing was begun. On the context's end it looks a last time and returns what there is.
func (l *Lab) collect(ctx context.Context) (*harvest, error) {
	l.collectMu.Lock()
	defer l.collectMu.Unlock()
	if l.collected != nil {
		return l.collected, nil
	}
	l.mu.Lock()
	begun := len(l.phases) > 0
	l.mu.Unlock()
	if !begun {
		return nil, errors.New("collecting evidence: no phase was begun")
	}
	h := newHarvest(l)
	l.collected = h
	if err := l.seeInterfaces(ctx); err != nil && ctx.Err() == nil {
		l.logger.Warn("listing the load balancer's network interfaces", "error", err)
	}
	h.window = Window{l.started.Add(-time.Minute), l.clock.Now()}
	var err error
	h.canaries, err = l.sendCanaries(ctx)
	if err != nil && ctx.Err() == nil {
		l.logger.Warn("sending canaries", "error", err)
	}
	h.pipes = h.newPipes()
	h.await(ctx)
	if err := h.settle(ctx); err != nil && ctx.Err() == nil {
		l.logger.Warn("looking again", "error", err)
	}
	if ctx.Err() != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
		defer cancel()
		h.look(last)
	}
	h.window.To = h.window.To.Add(time.Minute)
	h.learn()
	return h, h.incomplete(ctx, err)
}

// await looks until every pipe has shown all canaries, or its time is over.
func (h *harvest) await(ctx context.Context) {
	l := h.lab
	begin := l.clock.Now()
	for {
		h.look(ctx)
		now := l.clock.Now()
		waiting := h.waiting(now.Sub(begin))
		if len(waiting) == 0 || ctx.Err() != nil {
			return
		}
		h.progress(waiting, now.Sub(begin))
		if l.clock.WaitUntil(ctx, now.Add(l.c.Delivery.Poll)) != nil {
			return
		}
	}
}

// look fetches what is new in every pipe that is not given up.
func (h *harvest) look(ctx context.Context) {
	h.window.To = h.lab.clock.Now().Add(time.Minute)
	for _, p := range h.pipes {
		if p.err != nil || ctx.Err() != nil {
			continue
		}
		err := p.fetch(ctx)
		p.passing = nil
		switch {
		case err == nil || ctx.Err() != nil:
		case lasting(err):
			p.err = err
			h.lab.logger.Warn("giving up", "what", p.what, "error", err)
		default:
			p.passing = err
		}
		if !p.arrived && len(h.canaries) > 0 && p.came() == len(h.canaries) {
			p.arrived, p.took = true, h.lab.clock.Now().Sub(h.canaries[len(h.canaries)-1].at)
		}
	}
}

// lasting reports whether an error will not pass by waiting: a missing permission, ended credentials, a bucket that is not there.
func lasting(err error) bool {
	c := code(err)
	for _, part := range []string{"AccessDenied", "UnauthorizedOperation", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient",
		"SignatureDoesNotMatch", "AuthFailure", "NoSuchBucket", "Validation"} {
		if strings.Contains(c, part) {
			return true
		}
	}
	return errors.Is(err, errTooMuch)
}

// waiting are the pipes that may still bring something after this long: twice the planned time is waited for the logs, once for
// what is extra.
func (h *harvest) waiting(since time.Duration) []*pipe {
	var all []*pipe
	for _, p := range h.pipes {
		most := 2 * p.planned
		if p.extra {
			most = p.planned
		}
		if !p.arrived && p.err == nil && since < most && len(h.canaries) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// progress says what is awaited, and how long at most.
func (h *harvest) progress(waiting []*pipe, since time.Duration) {
	if h.lab.c.Progress == nil {
		return
	}
	var words []string
	var most time.Duration
	for _, p := range waiting {
		w := p.what
		if n := len(h.canaries); n > 1 {
			w = fmt.Sprintf("%s (%d of %d)", p.what, p.came(), n)
		}
		if p.passing != nil {
			w += " (" + shortError(p.passing) + ")"
		}
		words = append(words, w)
		limit := 2 * p.planned
		if p.extra {
			limit = p.planned
		}
		most = max(most, limit)
	}
	h.lab.c.Progress(fmt.Sprintf("waiting for %s: %s of at most %s", strings.Join(words, ", "), since.Round(time.Second), most))
}

// shortError is an error's code, or its first words.
func shortError(err error) string {
	if c := code(err); c != "" {
		return c
	}
	s := err.Error()
	return s[:min(len(s), 60)]
}

// settle looks again until nothing new comes: other files of the same five minutes, windows that closed later.
func (h *harvest) settle(ctx context.Context) error {
	for range settleRounds {
		if len(h.canaries) == 0 {
			return nil
		}
		if h.lab.c.Progress != nil {
			h.lab.c.Progress("all canaries that will come have come: one more look for stragglers")
		}
		if err := h.lab.clock.WaitUntil(ctx, h.lab.clock.Now().Add(h.lab.c.Delivery.Settle)); err != nil {
			return err
		}
		h.newly = 0
		h.look(ctx)
		if h.newly == 0 {
			return nil
		}
	}
	return nil
}

// incomplete makes an error of what did not come; nil if all did.
func (h *harvest) incomplete(ctx context.Context, sending error) error {
	e := &IncompleteError{Cause: ctx.Err()}
	if len(h.canaries) == 0 && sending != nil {
		e.Missing = append(e.Missing, sending.Error())
	}
	for _, p := range h.pipes {
		switch {
		case p.err != nil && !p.extra:
			e.Missing = append(e.Missing, p.what+": "+p.err.Error())
			e.hint = Hint(p.err)
		case p.arrived || p.extra || len(h.canaries) == 0:
		case p.passing != nil:
			e.Missing = append(e.Missing, p.what+": "+p.passing.Error())
		default:
			e.Missing = append(e.Missing, fmt.Sprintf("%s: %d of %d canaries came", p.what, p.came(), len(h.canaries)))
		}
	}
	if len(e.Missing) == 0 {
		return nil
	}
	if e.hint == "" {
		e.hint = "is the log on, and may AWS write to its destination? 'alblab aws status' shows it; absence proves nothing where no canary came"
	}
	return &Problem{e, e.hint}
}

// learn notes how long each artefact took: AWS promises nothing.
func (h *harvest) learn() {
	for _, p := range h.pipes {
		if p.arrived {
			h.lab.learn("how long the "+p.what+" takes", "%s after the last request (planned: %s)", p.took.Round(time.Second), p.planned)
		}
	}
	if h.noValue != "" {
		h.lab.learn("how flow logs in Parquet say that a field has no value", "%s", h.noValue)
	}
	if w := h.lab.c.Outputs.WAF; w != nil && w.DestinationType == ToCloudWatchLogs {
		// AWS's own form of the policy's resource ends in :log-stream:*
		// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html).
		answer := "no record came: try :log-stream:* for :* in terraform/modules/waf"
		if len(h.judged) > 0 {
			answer = "it is: records came"
		}
		h.lab.learn("whether the log group's own resource policy, for log-group:NAME:*, is enough for AWS WAF to write", "%s", answer)
	}
	if n := len(h.lines[evidence.KindAccess]); n > 0 {
		answer := "there are none"
		if extra := tokensBeyond(h.lines[evidence.KindAccess][n-1].text, 34); len(extra) > 0 {
			answer = strings.Join(extra, " ")
		}
		h.lab.learn("access-log tokens after the 34th, whose names are not documented", "%s", answer)
	}
}

// tokensBeyond splits a line at spaces outside of quotes and returns the tokens after the n-th.
func tokensBeyond(text string, n int) []string {
	quoted := false
	all := strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	return slices.Clone(all[min(n, len(all)):])
}

// points counts data points.
func points(all []metric.Series) int {
	n := 0
	for i := range all {
		n += len(all[i].Values)
	}
	return n
}

package awsapi

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
)

// Limits of one answer (docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
const (
	maxEvents      = 10_000
	maxEventBytes  = 1 << 20
	maxEventsRead  = 100_000 // that one call of FilterLogEvents looks at: a page may be empty and still not be the last
	maxStreamNames = 100
)

// filterLogEvents searches the events of a group. Pages may be empty and have a token all the same.
func filterLogEvents(c *call) (out, error) {
	g, err := c.logGroup()
	if err != nil {
		return nil, err
	}
	names, prefix := c.in.strs("logStreamNames"), c.in.str("logStreamNamePrefix")
	switch {
	case len(names) > 0 && prefix != "":
		return nil, badParameter("logStreamNames and logStreamNamePrefix cannot be specified together.")
	case len(names) > maxStreamNames:
		return nil, logConstraint(names, "logStreamNames", "have length less than or equal to 100")
	}
	q, err := c.eventQuery()
	if err != nil {
		return nil, err
	}
	match, err := c.filter()
	if err != nil {
		return nil, err
	}
	if err := c.shelf.look(c.ctx, g.kind == evidence.KindFlow); err != nil {
		return nil, err
	}
	if err := c.haveStreams(g, names); err != nil {
		return nil, err
	}
	p := c.pages("nextToken", 0, int64(q.limit), badParameter("The specified nextToken is invalid."))
	if p.bad != nil {
		return nil, p.bad
	}
	r, done, err := c.eventReader(g)
	if err != nil {
		return nil, err
	}
	defer done()
	all := c.visible(g)
	// The token is the number of the event after which the next page begins: events that come in between do not move it.
	start := 0
	if p.at > 0 {
		start, _ = slices.BinarySearchFunc(all, p.after, func(e event, id string) int { return strings.Compare(e.id(), id) })
		for start < len(all) && all[start].id() <= p.after {
			start++
		}
	}
	if p.empty && start < len(all) {
		return out{{"events", list{}}, {"searchedLogStreams", list{}}, {"nextToken", p.next(p.after, true)}}, nil
	}
	var events list
	bytes, token, buf := 0, "", make([]byte, 4<<10)
	for i := start; i < len(all); i++ {
		e := &all[i]
		if len(events) >= p.size || bytes >= maxEventBytes || i-start >= maxEventsRead {
			token = p.next(all[i-1].id(), false)
			break
		}
		if e.at < q.from || e.at > q.to || len(names) > 0 && !slices.Contains(names, e.stream) || !strings.HasPrefix(e.stream, prefix) {
			continue
		}
		text, err := eventText(r, e, buf)
		if err != nil {
			return nil, err
		}
		if !match(text) {
			continue
		}
		bytes += len(text) + 26
		events = append(events, out{{"logStreamName", e.stream}, {"timestamp", e.at}, {"message", string(text)},
			{"ingestionTime", e.arrives}, {"eventId", e.id()}})
	}
	if events == nil {
		events = list{}
	}
	return out{{"events", events}, {"searchedLogStreams", list{}}, {"nextToken", orNil(token)}}, nil
}

// next is the token of the page after an event.
func (p *pager) next(id string, full bool) string {
	return mark{At: 1, After: id, Scope: p.scope, Full: full}.token()
}

// eventQuery is the part of a search that both calls have.
type eventQuery struct {
	from, to int64
	limit    int
}

func (c *call) eventQuery() (eventQuery, error) {
	q := eventQuery{from: c.in.num("startTime", 0), to: c.in.num("endTime", 1<<62)}
	limit := c.in.num("limit", maxEvents)
	switch {
	case limit < 1:
		return q, logConstraint(limit, "limit", "have value greater than or equal to 1")
	case limit > maxEvents:
		return q, logConstraint(limit, "limit", "have value less than or equal to 10000")
	case q.from < 0:
		return q, logConstraint(q.from, "startTime", "have value greater than or equal to 0")
	case q.to < 0:
		return q, logConstraint(q.to, "endTime", "have value greater than or equal to 0")
	}
	q.limit = int(limit)
	return q, nil
}

// filter makes a condition of the filter pattern.
func (c *call) filter() (func([]byte) bool, error) {
	text := c.in.str("filterPattern")
	if len(text) > 1024 {
		return nil, logConstraint(text[:64]+"...", "filterPattern", "have length less than or equal to 1024")
	}
	if strings.TrimSpace(text) == "" {
		return func([]byte) bool { return true }, nil
	}
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		p, err := filterpattern.Parse(text)
		if err != nil {
			return nil, badParameter("Invalid filter pattern: %s", err)
		}
		return p.Match, nil
	}
	match, err := parseTerms(text)
	if err != nil {
		return nil, badParameter("Invalid filter pattern: %s", err)
	}
	return match, nil
}

func (c *call) haveStreams(g logGroup, names []string) error {
	if len(names) == 0 {
		return nil
	}
	streams := c.streams(g)
	for _, n := range names {
		if !slices.ContainsFunc(streams, func(s logStream) bool { return s.name == n }) {
			return failure("ResourceNotFoundException", "The specified log stream does not exist.")
		}
	}
	return nil
}

// eventReader opens the evidence that a group's events stand in.
func (c *call) eventReader(g logGroup) (io.ReaderAt, func(), error) {
	h := c.shelf
	h.mu.Lock()
	defer h.mu.Unlock()
	r, closer, err := h.reader(g.kind)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the evidence of %s: %w", g.name, err)
	}
	return r, func() { closer.Close() }, nil
}

// eventText is an event's message, in buf if it fits.
func eventText(r io.ReaderAt, e *event, buf []byte) ([]byte, error) {
	if e.text != "" {
		return []byte(e.text), nil
	}
	return readPlace(r, e.place, buf)
}

// getLogEvents reads one stream, in pages that both ends have tokens for. It is at its end when the token that it was given comes back.
func getLogEvents(c *call) (out, error) {
	g, err := c.logGroup()
	if err != nil {
		return nil, err
	}
	stream := c.in.str("logStreamName")
	if stream == "" {
		return nil, logConstraint("null", "logStreamName", "not be null")
	}
	q, err := c.eventQuery()
	if err != nil {
		return nil, err
	}
	token := c.in.str("nextToken")
	forward, id, ok := readEventToken(token)
	if token == "" {
		forward, ok = c.in.flag("startFromHead"), true
	}
	if !ok {
		return nil, badParameter("The specified nextToken is invalid.")
	}
	if err := c.shelf.look(c.ctx, g.kind == evidence.KindFlow); err != nil {
		return nil, err
	}
	if err := c.haveStreams(g, []string{stream}); err != nil {
		return nil, err
	}
	if f := c.faults.get().PageSize; f > 0 {
		q.limit = min(q.limit, f)
	}
	all := slices.DeleteFunc(c.visible(g), func(e event) bool {
		return e.stream != stream || e.at < q.from || e.at >= q.to
	})
	// The token's event is not in the page: it is the last one before it, or the first one behind.
	from, to := 0, len(all)
	if token != "" {
		at, found := slices.BinarySearchFunc(all, id, func(e event, id string) int { return strings.Compare(e.id(), id) })
		if forward {
			if from = at; found {
				from++
			}
		} else {
			to = at
		}
	}
	if forward {
		to = min(to, from+q.limit)
	} else {
		from = max(from, to-q.limit)
	}
	return c.eventPage(g, all[from:to], token, id)
}

// eventPage is a page with its tokens. An empty page gives back the place that it was asked for.
func (c *call) eventPage(g logGroup, page []event, token, id string) (out, error) {
	r, done, err := c.eventReader(g)
	if err != nil {
		return nil, err
	}
	defer done()
	first, last := id, id
	if token == "" {
		first, last = strings.Repeat("0", 56), strings.Repeat("0", 56)
	}
	events := list{}
	for i := range page {
		text, err := eventText(r, &page[i], nil)
		if err != nil {
			return nil, err
		}
		events = append(events, out{{"timestamp", page[i].at}, {"message", string(text)}, {"ingestionTime", page[i].arrives}})
	}
	if n := len(page); n > 0 {
		first, last = page[0].id(), page[n-1].id()
	}
	return out{{"events", events}, {"nextForwardToken", "f/" + last + "/s"}, {"nextBackwardToken", "b/" + first + "/s"}}, nil
}

// readEventToken reads a token of GetLogEvents: f/<56 digits>/s or b/<56 digits>/s.
func readEventToken(token string) (forward bool, id string, ok bool) {
	p := strings.Split(token, "/")
	if len(p) != 3 || p[0] != "f" && p[0] != "b" || p[2] != "s" || len(p[1]) != 56 || strings.Trim(p[1], "0123456789") != "" {
		return false, "", false
	}
	return p[0] == "f", p[1], true
}

package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/evidence/flowlog"
	"github.com/alblab/alblab/lab/evidence/metric"
	"github.com/alblab/alblab/lab/evidence/parquet"
	"github.com/alblab/alblab/lab/evidence/waflog"
)

// maxHarvest bounds the evidence of one run in memory.
const maxHarvest = 512 << 20

var errTooMuch = fmt.Errorf("more than %d bytes of evidence came: what comes later is left out", maxHarvest)

// harvest is the evidence of a run as far as it has come: whole lines as AWS wrote them, with the time that each is of.
type harvest struct {
	lab      *Lab
	window   Window
	canaries []canary
	pipes    []*pipe
	seen     map[string]bool // objects and events that are in
	lines    map[evidence.Kind][]line
	format   *flowlog.Format // of the lines of the flow log
	series   []metric.Series
	samples  []Sample
	captures map[string][]byte // by file name
	size     int

	own    map[netip.Addr]bool // the addresses that this run's requests came from
	access map[string]string   // conn_trace_id by path, of the lab's own requests
	opened map[string]bool     // conn_trace_id of successful lines of the connection log
	judged map[string]bool     // paths of the lab's own requests in the web ACL's log
	flows  []flowEnd           // of flow records since the canaries
	newest time.Time           // of a capture
	newly  int                 // records and objects since the last look

	noValue string // how Parquet says that a record has no value
}

// line is one record.
type line struct {
	at   time.Time
	text string
}

// flowEnd is what a flow record says of a connection to a listener.
type flowEnd struct {
	from  netip.Addr
	port  int
	start time.Time
}

func newHarvest(l *Lab) *harvest {
	h := &harvest{
		lab: l, seen: map[string]bool{}, lines: map[evidence.Kind][]line{}, captures: map[string][]byte{}, own: map[netip.Addr]bool{},
		access: map[string]string{}, opened: map[string]bool{}, judged: map[string]bool{},
	}
	for _, a := range l.c.Sources {
		h.own[a.Unmap()] = true
	}
	return h
}

// once reports whether a thing is new, and notes it.
func (h *harvest) once(id string) bool {
	if h.seen[id] {
		return false
	}
	h.seen[id] = true
	h.newly++
	return true
}

// add takes the lines of one file or of some events. Damaged ones are kept, where their neighbours are: who reads the bundle is
// told of them.
func (h *harvest) add(k evidence.Kind, name string, raw []byte, format string) error {
	if h.size += len(raw); h.size > maxHarvest {
		return errTooMuch
	}
	if k == evidence.KindFlow && bytes.HasPrefix(raw, []byte(parquet.Magic)) {
		if h.noValue == "" {
			h.noValue = noValue(raw)
		}
		raw = h.flowText(name, raw)
	}
	at := map[int]time.Time{} // by line; the zero time leaves the line out
	o := &evidence.Options{File: name, Format: format}
	var err error
	switch k {
	case evidence.KindFlow:
		err = h.readFlows(raw, o, at)
	case evidence.KindAccess:
		err = each(accesslog.Records(bytes.NewReader(raw), o), func(r *accesslog.Record) {
			at[r.Line] = r.Time
			h.sawAccess(r)
		})
	case evidence.KindConnection:
		err = each(connlog.Records(bytes.NewReader(raw), o), func(r *connlog.Record) {
			at[r.Line] = r.Time
			if r.VerifyStatus == "Success" {
				h.opened[r.ConnTraceID] = true
			}
		})
	case evidence.KindWAF:
		err = each(waflog.Records(bytes.NewReader(raw), o), func(r *waflog.Record) {
			at[r.Line] = time.UnixMilli(r.Timestamp).UTC()
			if strings.HasPrefix(r.HTTPRequest.URI, h.lab.ownPath()) {
				h.judged[r.HTTPRequest.URI] = true
				h.mine(r.HTTPRequest.ClientIP)
			}
		})
	}
	if err != nil {
		return err
	}
	return h.keep(k, raw, o, at)
}

// each calls f with every record that can be read; damage is no error here.
func each[R any](seq func(func(R, error) bool), f func(R)) error {
	var failed error
	seq(func(r R, err error) bool {
		switch {
		case err == nil:
			f(r)
		case !evidence.IsDamage(err):
			failed = err
			return false
		}
		return true
	})
	return failed
}

// keep stores the raw lines at their times.
func (h *harvest) keep(k evidence.Kind, raw []byte, o *evidence.Options, at map[int]time.Time) error {
	lines := evidence.NewLines(bytes.NewReader(raw), o)
	last := h.window.From
	for _, n := range slices.Sorted(maps.Keys(at)) { // lines before the first that can be read lie beside it
		if !at[n].IsZero() {
			last = at[n]
			break
		}
	}
	for {
		text, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case evidence.IsDamage(err):
			continue
		case err != nil:
			return err
		case k == evidence.KindFlow && isHeader(text):
			continue
		}
		t, read := at[lines.Line()]
		switch {
		case read && t.IsZero():
			continue
		case read:
			last = t
		}
		h.lines[k] = append(h.lines[k], line{last, string(text)})
	}
}

// flowText makes lines in the run's format of a Parquet file, whose columns may stand in another order.
func (h *harvest) flowText(name string, raw []byte) []byte {
	lines := evidence.NewLines(bytes.NewReader(raw), &evidence.Options{File: name})
	want := h.format.Fields()
	var columns map[string]int
	var out bytes.Buffer
	for {
		text, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		if err != nil { // the rest of the file is lost
			h.lab.logger.Warn("a file of the flow log", "error", err)
			if !evidence.IsDamage(err) {
				return out.Bytes()
			}
			continue
		}
		fields := strings.Fields(string(text))
		if columns == nil {
			columns = map[string]int{}
			for i, f := range fields {
				columns[f] = i
			}
			continue
		}
		for i, f := range want {
			if i > 0 {
				out.WriteByte(' ')
			}
			if at, ok := columns[f]; ok && at < len(fields) {
				out.WriteString(fields[at])
			} else {
				out.WriteByte('-')
			}
		}
		out.WriteByte('\n')
	}
}

// isHeader reports whether a line is the header row of a flow log.
func isHeader(text []byte) bool {
	return bytes.HasPrefix(text, []byte("version ")) || bytes.Contains(text, []byte(" log-status"))
}

// readFlows notes the times of flow records and leaves out those of other interfaces: the lab's VPC has more than the load
// balancer's.
func (h *harvest) readFlows(raw []byte, o *evidence.Options, at map[int]time.Time) error {
	h.lab.mu.Lock()
	ours := maps.Clone(h.lab.interfaces)
	h.lab.mu.Unlock()
	ports := map[int]bool{}
	for _, p := range h.lab.ports {
		ports[p] = true
	}
	return each(flowlog.Records(bytes.NewReader(raw), o), func(r *flowlog.Record) {
		if _, ok := ours[string(r.InterfaceID)]; !ok && len(ours) > 0 {
			at[r.Line] = time.Time{}
			return
		}
		start := time.Unix(r.Start, 0).UTC()
		at[r.Line] = start
		if len(h.canaries) > 0 && ports[r.DstPort] && !start.Before(h.canaries[0].at.Truncate(time.Second)) {
			h.flows = append(h.flows, flowEnd{r.SrcAddr.Unmap(), r.DstPort, start})
		}
	})
}

// sawAccess learns from a request of the lab's own where this run comes from.
func (h *harvest) sawAccess(r *accesslog.Record) {
	i := strings.Index(r.Request, h.lab.ownPath())
	if i < 0 {
		return
	}
	p, _, _ := strings.Cut(r.Request[i:], " ")
	h.access[p] = r.ConnTraceID
	h.own[r.Client.Addr().Unmap()] = true
}

func (h *harvest) mine(ip string) {
	if a, err := netip.ParseAddr(ip); err == nil {
		h.own[a.Unmap()] = true
	}
}

// bundle makes a phase's evidence: the lines of its time, metrics of its minutes, all captures.
func (h *harvest) bundle(p *Phase) (*evidence.Bundle, error) {
	w := h.windowOf(p)
	s, err := evidence.NewStore("", &evidence.StoreOptions{MaxMemory: 2 * maxHarvest})
	if err != nil {
		return nil, err
	}
	names := map[evidence.Kind]string{
		evidence.KindFlow: "flow.log", evidence.KindAccess: "access.log", evidence.KindConnection: "connection.log", evidence.KindWAF: "waf.log",
	}
	for _, q := range h.pipes {
		name, isLog := names[q.kind]
		if !isLog || len(h.lines[q.kind]) == 0 && !q.arrived {
			continue // a log that is off is not in the bundle, an empty one that is on is
		}
		if err := h.putLines(s, name, q.kind, w); err != nil {
			return nil, err
		}
	}
	if err := h.putRest(s, w); err != nil {
		return nil, err
	}
	m := evidence.Manifest{Lab: "aws", LoadBalancer: h.lab.c.Outputs.LoadBalancer()}
	if m.Spec, err = json.Marshal(p.spec); err != nil {
		return nil, err
	}
	h.lab.mu.Lock()
	for _, a := range h.lab.addresses() {
		m.Addresses = append(m.Addresses, a.String())
	}
	h.lab.mu.Unlock()
	for _, a := range slices.SortedFunc(maps.Keys(h.own), netip.Addr.Compare) {
		m.Clients = append(m.Clients, a.String())
	}
	return s.Seal(m)
}

// windowOf is the time of a phase: the first has all that was before, the last all after.
func (h *harvest) windowOf(p *Phase) Window {
	w := Window{p.begin, p.end}
	if p == h.lab.phases[0] {
		w.From = h.window.From
	}
	if w.To.IsZero() {
		w.To = h.window.To
	}
	return w
}

func (h *harvest) putLines(s *evidence.Store, name string, k evidence.Kind, w Window) error {
	format := ""
	if k == evidence.KindFlow && h.format != nil {
		format = h.format.String()
	}
	a, err := s.Append(name, k, format)
	if err != nil {
		return err
	}
	if format != "" {
		if _, err := a.WriteHeader([]byte(h.format.Header() + "\n")); err != nil {
			return err
		}
	}
	lines := slices.Clone(h.lines[k])
	slices.SortStableFunc(lines, func(x, y line) int { return x.at.Compare(y.at) })
	for _, l := range lines {
		if !w.Has(l.at) {
			continue
		}
		if _, err := a.Write([]byte(l.text + "\n")); err != nil {
			return err
		}
	}
	return nil
}

func (h *harvest) putRest(s *evidence.Store, w Window) error {
	var series []metric.Series
	for _, x := range h.series {
		c := x.Clone()
		c.Timestamps, c.Values = nil, nil
		for i, t := range x.Timestamps {
			if !t.Before(w.From.Truncate(time.Minute)) && t.Before(w.To) {
				c.Timestamps, c.Values = append(c.Timestamps, t), append(c.Values, x.Values[i])
			}
		}
		if len(c.Values) > 0 {
			series = append(series, *c)
		}
	}
	var b bytes.Buffer
	if err := metric.Write(&b, series); err != nil {
		return err
	}
	err := s.Put(evidence.File{Name: "metrics.json", Kind: evidence.KindMetrics, Records: int64(len(series))}, b.Bytes())
	if err != nil {
		return err
	}
	if h.has(KindSamples) {
		if err := h.putSamples(s, w); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.captures)) {
		kind, _ := evidence.Detect(h.captures[name], name)
		if kind == "" {
			kind = evidence.KindMirror
		}
		if err := s.Put(evidence.File{Name: path.Join("mirror", name), Kind: kind, Records: -1}, h.captures[name]); err != nil {
			return err
		}
	}
	return nil
}

// putSamples writes them as the AWS CLI prints them.
func (h *harvest) putSamples(s *evidence.Store, w Window) error {
	out := struct{ SampledRequests []any }{[]any{}}
	for _, x := range h.samples {
		if w.Has(x.Time) {
			out.SampledRequests = append(out.SampledRequests, x.raw)
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return s.Put(evidence.File{Name: "waf-samples.json", Kind: KindSamples, Records: int64(len(out.SampledRequests))}, append(b, '\n'))
}

// has reports whether a kind was asked for and came.
func (h *harvest) has(k evidence.Kind) bool {
	return slices.ContainsFunc(h.pipes, func(p *pipe) bool { return p.kind == k && p.err == nil })
}

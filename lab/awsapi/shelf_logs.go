package awsapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// The log stream and the event that AWS writes into a log group when log delivery to it is set up, to try its permission. They are no
// records of the log. Source: log groups of several users in public, aws-waf-logs-... among them; no page of AWS's describes them.
const (
	validationStream = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"
	validationEvent  = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription."
)

// flowWindow is the aggregation interval that the lab's flow log has.
const flowWindow = time.Minute

// takeFlow takes records of the flow log. The event's timestamp is the record's start
// (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html); the stream is the interface's.
func (h *shelf) takeFlow(b []byte, base int64, format string, now time.Time) error {
	f, err := flowlog.ParseFormat(format)
	if err != nil {
		return err
	}
	fields := f.Fields()
	eni, start, end := slices.Index(fields, "interface-id"), slices.Index(fields, "start"), slices.Index(fields, "end")
	header := []byte(f.Header())
	column := func(cols [][]byte, i int) []byte {
		if i < 0 || i >= len(cols) {
			return nil
		}
		return cols[i]
	}
	var cols [][]byte
	eachLine(b, base, func(line []byte, p place) {
		if bytes.Equal(line, header) {
			return // CloudWatch Logs has no header
		}
		cols = cols[:0]
		for c := range bytes.SplitSeq(line, []byte(" ")) {
			cols = append(cols, c)
		}
		from, ferr := strconv.ParseInt(string(column(cols, start)), 10, 64)
		to, terr := strconv.ParseInt(string(column(cols, end)), 10, 64)
		if ferr != nil {
			from = now.Unix()
		}
		if terr != nil {
			to = from
		}
		if h.s.flowFiles != "" { // a file holds the records that end in its five minutes
			h.line(evidence.KindFlow, "", time.Unix(to, 0).UTC(), p)
			return
		}
		stream, known := h.streams[string(column(cols, eni))]
		if !known {
			stream = cmp.Or(string(column(cols, eni)), h.s.id.Nodes[0].Interface) + "-all"
			h.streams[string(column(cols, eni))] = stream
		}
		arrives := now
		if !h.s.delivery.AtOnce {
			arrives = windowEnd(time.Unix(to, 0), flowWindow).Add(h.s.delivery.Flow)
		}
		h.flow.add(event{at: from * 1000, arrives: arrives.UnixMilli(), stream: stream, place: p})
	})
	h.flow.sort()
	return nil
}

// takeWAF takes records of the web ACL's log. Streams are named <Region>_<web ACL>_<n>
// (docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html); the lab's log fits into the first.
func (h *shelf) takeWAF(b []byte, base int64, now time.Time) error {
	stream := fmt.Sprintf("%s_%s_0", h.s.id.Region, h.s.names.webACL)
	var err error
	eachLine(b, base, func(line []byte, p place) {
		var rec struct {
			Timestamp int64 `json:"timestamp"`
		}
		if e := json.Unmarshal(line, &rec); e != nil && err == nil {
			err = fmt.Errorf("WAF record: %w", e)
		}
		arrives := now
		if !h.s.delivery.AtOnce {
			arrives = time.UnixMilli(rec.Timestamp).Add(h.s.delivery.WAF)
		}
		h.waf.add(event{at: rec.Timestamp, arrives: arrives.UnixMilli(), stream: stream, place: p})
	})
	h.waf.sort()
	return err
}

// id is the number that FilterLogEvents gives an event: digits whose order is the events' order.
func (e *event) id() string { return fmt.Sprintf("%020d%036d", e.at+1<<42, e.seq) }

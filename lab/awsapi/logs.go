package awsapi

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// logs is CloudWatch Logs (docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/).
func (s *Server) logs() *service {
	return &service{
		name: "logs", target: "Logs_20140328", protocols: []protocol{protocolJSON11},
		operations: map[string]operation{
			"DescribeLogGroups":   describeLogGroups,
			"DescribeLogStreams":  describeLogStreams,
			"FilterLogEvents":     filterLogEvents,
			"GetLogEvents":        getLogEvents,
			"ListTagsForResource": listLogTags,
			"ListTagsLogGroup":    listLogTags,
		},
	}
}

// badParameter is the service's error for a value that it does not take.
func badParameter(format string, args ...any) *apiError {
	return failure("InvalidParameterException", format, args...)
}

// logConstraint is a value outside of its bounds, in the words of CloudWatch Logs.
func logConstraint(value any, name, must string) *apiError {
	return badParameter("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, name, must)
}

// logGroup is one log group with what has been delivered to it.
type logGroup struct {
	name string
	kind evidence.Kind
}

// logGroups are the groups that there are, by name.
func (c *call) logGroups() []logGroup {
	var all []logGroup
	if !c.off(evidence.KindFlow) && c.flowFiles == "" {
		all = append(all, logGroup{c.names.flowGroup, evidence.KindFlow})
	}
	if !c.off(evidence.KindWAF) {
		all = append(all, logGroup{c.names.wafGroup, evidence.KindWAF})
	}
	slices.SortFunc(all, func(a, b logGroup) int { return cmp.Compare(a.name, b.name) })
	return all
}

var groupName = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]{1,512}$`)

// logGroup finds the group that a call names, by its name or its ARN.
func (c *call) logGroup() (logGroup, error) {
	name, id := c.in.str("logGroupName"), c.in.str("logGroupIdentifier")
	switch {
	case name == "" && id == "":
		return logGroup{}, badParameter("Either logGroupName or logGroupIdentifier must be specified")
	case name != "" && id != "":
		return logGroup{}, badParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
	case id != "":
		name = strings.TrimSuffix(strings.TrimPrefix(id, c.logGroupARN("")), ":*")
	}
	if !groupName.MatchString(name) {
		return logGroup{}, logConstraint(name, "logGroupName", `satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	}
	for _, g := range c.logGroups() {
		if g.name == name {
			return g, nil
		}
	}
	return logGroup{}, failure("ResourceNotFoundException", "The specified log group does not exist.")
}

func describeLogGroups(c *call) (out, error) {
	prefix, pattern := c.in.str("logGroupNamePrefix"), c.in.str("logGroupNamePattern")
	if prefix != "" && pattern != "" {
		return nil, badParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if err := c.shelf.look(c.ctx, false); err != nil {
		return nil, err
	}
	var all list
	for _, g := range c.logGroups() {
		if !strings.HasPrefix(g.name, prefix) || !strings.Contains(g.name, pattern) {
			continue
		}
		stored := int64(0)
		for _, e := range c.visible(g) {
			stored += int64(e.place.len) + int64(len(e.text)) + 26 // bytes, and 26 an event (PutLogEvents)
		}
		all = append(all, out{
			{"logGroupName", g.name}, {"creationTime", c.id.Created.UnixMilli()}, {"retentionInDays", 7}, {"metricFilterCount", 0},
			{"arn", c.logGroupARN(g.name) + ":*"}, {"storedBytes", stored}, {"logGroupClass", "STANDARD"}, {"logGroupArn", c.logGroupARN(g.name)},
		})
	}
	return c.logPage("logGroups", all)
}

// logPage cuts a listing of CloudWatch Logs: nextToken, limit 1 to 50.
func (c *call) logPage(member string, all list) (out, error) {
	limit := c.in.num("limit", 50)
	if limit < 1 {
		return nil, logConstraint(limit, "limit", "have value greater than or equal to 1")
	}
	if limit > 50 {
		return nil, logConstraint(limit, "limit", "have value less than or equal to 50")
	}
	p := c.pages("nextToken", limit, 50, badParameter("The specified nextToken is invalid."))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(all))
	return out{{member, all[from:to]}, {"nextToken", orNil(next)}}, nil
}

func describeLogStreams(c *call) (out, error) {
	g, err := c.logGroup()
	if err != nil {
		return nil, err
	}
	prefix, order := c.in.str("logStreamNamePrefix"), c.in.str("orderBy")
	switch {
	case order != "" && order != "LogStreamName" && order != "LastEventTime":
		return nil, logConstraint(order, "orderBy", "satisfy enum value set: [LastEventTime, LogStreamName]")
	case order == "LastEventTime" && prefix != "":
		return nil, badParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if err := c.shelf.look(c.ctx, g.kind == evidence.KindFlow); err != nil {
		return nil, err
	}
	streams := c.streams(g)
	slices.SortFunc(streams, func(a, b logStream) int {
		if order == "LastEventTime" {
			return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.name, b.name))
		}
		return cmp.Compare(a.name, b.name)
	})
	if c.in.flag("descending") {
		slices.Reverse(streams)
	}
	var all list
	for _, s := range streams {
		if !strings.HasPrefix(s.name, prefix) {
			continue
		}
		all = append(all, out{
			{"logStreamName", s.name}, {"creationTime", s.created}, {"firstEventTimestamp", s.first}, {"lastEventTimestamp", s.last},
			{"lastIngestionTime", s.ingested}, {"uploadSequenceToken", fmt.Sprintf("%056d", s.ingested)},
			{"arn", c.logGroupARN(g.name) + ":log-stream:" + s.name}, {"storedBytes", 0},
		})
	}
	return c.logPage("logStreams", all)
}

// logStream is a stream as its events show it.
type logStream struct {
	name                           string
	created, first, last, ingested int64
}

// streams are the streams of a group.
func (c *call) streams(g logGroup) []logStream {
	var all []logStream
	at := map[string]int{}
	for _, e := range c.visible(g) {
		i, ok := at[e.stream]
		if !ok {
			i = len(all)
			at[e.stream] = i
			all = append(all, logStream{name: e.stream, first: e.at, created: e.arrives})
		}
		s := &all[i]
		s.last, s.created, s.ingested = max(s.last, e.at), min(s.created, e.arrives), max(s.ingested, e.arrives)
	}
	return all
}

// visible are the events of a group that have been delivered, in their order.
func (c *call) visible(g logGroup) []event {
	until, ok := c.horizon(g.kind)
	h := c.shelf
	h.mu.Lock()
	defer h.mu.Unlock()
	source := h.flow.all
	if g.kind == evidence.KindWAF {
		source = h.waf.all
	}
	limit := until.UnixMilli()
	all := make([]event, 0, len(source))
	for _, e := range source {
		if e.text != "" || ok && e.arrives <= limit { // what AWS writes by itself comes whatever becomes of the log
			all = append(all, e)
		}
	}
	return all
}

func listLogTags(c *call) (out, error) {
	if c.operation == "ListTagsForResource" {
		name := strings.TrimSuffix(strings.TrimPrefix(c.in.str("resourceArn"), c.logGroupARN("")), ":*")
		c.in.members["logGroupName"] = name
	}
	if _, err := c.logGroup(); err != nil {
		return nil, err
	}
	tags := out{}
	for _, t := range c.tags() {
		kv := t.(out)
		tags = append(tags, field{kv[0].value.(string), kv[1].value})
	}
	return out{{"tags", tags}}, nil
}

package awsapi

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// ec2 is Amazon EC2 (docs.aws.amazon.com/AWSEC2/latest/APIReference/), as far as a load balancer's network, flow logs and traffic
// mirroring are concerned.
func (s *Server) ec2() *service {
	return &service{
		name: "ec2", version: "2016-11-15", item: "item", namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
		protocols: []protocol{protocolQuery},
		operations: map[string]operation{
			"DescribeNetworkInterfaces":     describeNetworkInterfaces,
			"DescribeFlowLogs":              describeFlowLogs,
			"DescribeVpcs":                  describeVpcs,
			"DescribeSubnets":               describeSubnets,
			"DescribeSecurityGroups":        describeSecurityGroups,
			"DescribeInstances":             describeInstances,
			"DescribeTrafficMirrorTargets":  describeMirrorTargets,
			"DescribeTrafficMirrorFilters":  describeMirrorFilters,
			"DescribeTrafficMirrorSessions": describeMirrorSessions,
			"CreateTrafficMirrorSession":    createMirrorSession,
			"DeleteTrafficMirrorSession":    deleteMirrorSession,
		},
	}
}

// entity is something that EC2 describes: what it is searched by, and what is said of it.
type entity struct {
	id      string
	filters map[string][]string // by the names of the filters
	tags    map[string]string
	body    out
}

// describe lists entities: by their ids, by filters, in pages.
func (c *call) describe(ids, prefix, notFound, element string, all []entity) (out, error) {
	wanted := c.in.strs(ids)
	if err := checkIDs(wanted, prefix, notFound, all); err != nil {
		return nil, err
	}
	filters := c.in.structs("Filter")
	if len(filters) == 0 {
		filters = c.in.structs("Filters") // only some operations have the plural on the wire
	}
	items := list{}
	for _, e := range all {
		ok := len(wanted) == 0 || slices.Contains(wanted, e.id)
		for _, f := range filters {
			match, err := e.match(f.str("Name"), f.strs("Value"))
			if err != nil {
				return nil, err
			}
			ok = ok && match
		}
		if ok {
			items = append(items, e.body)
		}
	}
	most := c.in.num("MaxResults", 0)
	if c.in.has("MaxResults") && (most < 5 || most > 1000) {
		return nil, failure("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", most)
	}
	if most > 0 && len(wanted) > 0 {
		return nil, failure("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", ids)
	}
	p := c.pages("NextToken", most, 1000, failure("InvalidNextToken", "The token '%.80s' is invalid", c.in.str("NextToken")))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(items))
	return out{{element, items[from:to]}, {"nextToken", orNil(next)}}, nil
}

var idForm = regexp.MustCompile(`^[0-9a-f]{8,17}$`)

// checkIDs holds ids to their form, and to what there is.
func checkIDs(wanted []string, prefix, notFound string, all []entity) error {
	for _, id := range wanted {
		tail, ok := strings.CutPrefix(id, prefix+"-")
		if !ok || !idForm.MatchString(tail) {
			return failure(strings.Replace(notFound, ".NotFound", ".Malformed", 1), "Invalid id: \"%.80s\" (expecting \"%s-...\")", id, prefix)
		}
		if !slices.ContainsFunc(all, func(e entity) bool { return e.id == id }) {
			return failure(notFound, "The ID '%s' does not exist", id)
		}
	}
	return nil
}

// match says whether one of the values fits. * and ? stand for any text and any character
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
func (e *entity) match(name string, values []string) (bool, error) {
	var have []string
	switch {
	case strings.HasPrefix(name, "tag:"):
		v, ok := e.tags[name[4:]]
		if !ok {
			return false, nil
		}
		have = []string{v}
	case name == "tag-key":
		for k := range e.tags {
			have = append(have, k)
		}
	default:
		var ok bool
		if have, ok = e.filters[name]; !ok {
			return false, failure("InvalidParameterValue", "The filter '%.80s' is invalid", name)
		}
	}
	for _, h := range have {
		if slices.ContainsFunc(values, func(v string) bool { return like(v, h) }) {
			return true, nil
		}
	}
	return false, nil
}

// like matches a text with a filter's value. path.Match treats slashes and brackets as special, which these values may contain.
func like(pattern, s string) bool {
	special := strings.NewReplacer("/", "\x00", "[", `\[`, "]", `\]`)
	ok, err := path.Match(special.Replace(pattern), strings.ReplaceAll(s, "/", "\x00"))
	return err == nil && ok
}

// tagSet are tags as EC2 writes them.
func tagSet(tags map[string]string) list {
	l := list{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		l = append(l, out{{"key", k}, {"value", tags[k]}})
	}
	return l
}

// ownTags are the tags of what Terraform would have made.
func (s *Server) ownTags() map[string]string {
	m := map[string]string{}
	for _, t := range s.tags() {
		kv := t.(out)
		m[kv[0].value.(string)] = kv[1].value.(string)
	}
	return m
}

// entityOf makes an entity whose filters are plain values.
func entityOf(id string, tags map[string]string, body out, filters ...string) entity {
	e := entity{id: id, tags: tags, body: append(body, field{"tagSet", tagSet(tags)}), filters: map[string][]string{}}
	for i := 0; i+1 < len(filters); i += 2 {
		e.filters[filters[i]] = append(e.filters[filters[i]], filters[i+1])
	}
	return e
}

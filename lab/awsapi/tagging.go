package awsapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tagging is the Resource Groups Tagging API (docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/).
func (s *Server) tagging() *service {
	return &service{
		name: "tagging", target: "ResourceGroupsTaggingAPI_20170126", protocols: []protocol{protocolJSON11},
		operations: map[string]operation{"GetResources": getResources},
	}
}

// tagged is a resource with its tags.
type tagged struct {
	arn  string
	tags map[string]string
}

// resourcesWithTags are all parts of the lab that have tags, in the order of their ARNs. The load balancer's network interfaces have none:
// they are the service's own.
func (s *Server) resourcesWithTags() ([]tagged, error) {
	own := s.ownTags()
	stores, err := s.account.TrustStores()
	if err != nil {
		return nil, err
	}
	var all []tagged
	add := func(arn string) { all = append(all, tagged{arn, own}) }
	ec2 := func(what string) string { return fmt.Sprintf("arn:aws:ec2:%s:%s:%s", s.id.Region, s.id.Account, what) }
	add(s.names.loadBalancer)
	add(s.names.targetGroup)
	for _, l := range s.account.Listeners() {
		add(s.names.listeners + l.ID)
	}
	for _, t := range stores {
		add(t.ARN)
	}
	for _, b := range s.buckets() {
		add("arn:aws:s3:::" + b)
	}
	c := call{Server: s}
	for _, g := range c.logGroups() {
		add(s.logGroupARN(g.name))
	}
	if s.id.WebACL != "" {
		add(s.id.WebACL)
	}
	for _, what := range []string{"vpc/" + s.id.VPC, "security-group/" + s.id.SecurityGroup, "vpc-flow-log/" + s.names.flowLog} {
		add(ec2(what))
	}
	for _, n := range s.id.Nodes {
		add(ec2("subnet/" + n.Subnet))
	}
	if s.id.Mirrored {
		for _, what := range []string{"traffic-mirror-target/" + s.names.mirrorTarget, "traffic-mirror-filter/" + s.names.mirrorFilter, "instance/" + s.names.instance} {
			add(ec2(what))
		}
	}
	if s.terminated != "" {
		add(ec2("instance/" + s.terminated))
	}
	for _, m := range s.mirrors.living() {
		if len(m.tags) > 0 {
			all = append(all, tagged{ec2("traffic-mirror-session/" + m.id), m.tags})
		}
	}
	slices.SortFunc(all, func(a, b tagged) int { return strings.Compare(a.arn, b.arn) })
	return all, nil
}

func getResources(c *call) (out, error) {
	size := c.in.num("ResourcesPerPage", 0)
	if c.in.has("ResourcesPerPage") && (size < 1 || size > 100) {
		return nil, badParameter("ResourcesPerPage must be between 1 and 100")
	}
	arns, types := c.in.strs("ResourceARNList"), c.in.strs("ResourceTypeFilters")
	filters := c.in.structs("TagFilters")
	if len(arns) > 0 && (len(types) > 0 || len(filters) > 0 || size > 0 || c.in.has("PaginationToken")) {
		return nil, badParameter("ResourceARNList cannot be used with other parameters")
	}
	for _, t := range types {
		if t == "" || strings.Count(t, ":") > 1 {
			return nil, badParameter("Unsupported service or resource type: %s", t)
		}
	}
	resources, err := c.resourcesWithTags()
	if err != nil {
		return nil, err
	}
	all := list{}
	for _, r := range resources {
		if len(arns) > 0 && !slices.Contains(arns, r.arn) || len(types) > 0 && !slices.ContainsFunc(types, r.isType) || !r.match(filters) {
			continue
		}
		tags := list{}
		for _, k := range slices.Sorted(maps.Keys(r.tags)) {
			tags = append(tags, out{{"Key", k}, {"Value", r.tags[k]}})
		}
		all = append(all, out{{"ResourceARN", r.arn}, {"Tags", tags}})
	}
	p := c.pages("PaginationToken", size, 50, failure("PaginationTokenExpiredException", "The specified pagination token has expired or is invalid."))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(all))
	return out{{"PaginationToken", next}, {"ResourceTagMappingList", all[from:to]}}, nil
}

// isType reports whether a resource is of a type: service, or service:type.
func (r *tagged) isType(t string) bool {
	service, kind, _ := strings.Cut(t, ":")
	p := strings.SplitN(r.arn, ":", 6)
	if len(p) != 6 || p[2] != service {
		return false
	}
	return kind == "" || strings.HasPrefix(p[5], kind+"/") || strings.HasPrefix(p[5], kind+":") || strings.Contains(p[5], "/"+kind+"/") || service == "s3"
}

// match holds a resource to filters: each key must be there, with one of the values if there are any.
func (r *tagged) match(filters []*input) bool {
	for _, f := range filters {
		v, ok := r.tags[f.str("Key")]
		values := f.strs("Values")
		if !ok || len(values) > 0 && !slices.Contains(values, v) {
			return false
		}
	}
	return true
}

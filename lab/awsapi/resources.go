package awsapi

import (
	"fmt"
	"strings"
)

// The names of the lab's tags.
const (
	tagRun     = "alblab:run"
	tagOwner   = "alblab:owner"
	tagExpires = "alblab:expires-at"
)

// resources are the names that follow from an Identity.
type resources struct {
	loadBalancer string // ARN
	name         string // of the load balancer
	targetGroup  string // ARN
	listeners    string // ARN of a listener without its id
	rules        string // ARN of a rule without its listener's id
	flowLog      string // fl-...
	flowGroup    string // log group
	wafGroup     string
	logBucket    string
	mirrorBucket string
	trustBucket  string
	webACL       string // name
	webACLID     string
	mirrorTarget string // tmt-...
	mirrorFilter string // tmf-...
	instance     string // i-...
	instanceENI  string // of the mirror's instance
}

// Prefixes in the buckets.
const (
	accessPrefix     = "access"
	connectionPrefix = "connection"
	mirrorPrefix     = "mirror"
	flowPrefix       = "flow"
)

func resourcesOf(id Identity) resources {
	elb := func(what string) string {
		return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:%s", id.Region, id.Account, what)
	}
	_, tail, _ := strings.Cut(id.LoadBalancer, "/")
	name, short, _ := strings.Cut(tail, "/")
	long := "0" + short // 17 digits, as EC2's ids have
	r := resources{
		loadBalancer: elb("loadbalancer/" + id.LoadBalancer),
		name:         name,
		targetGroup:  elb(id.TargetGroup),
		listeners:    elb("listener/" + id.LoadBalancer + "/"),
		rules:        elb("listener-rule/" + id.LoadBalancer + "/"),
		flowLog:      "fl-" + long,
		flowGroup:    "/alblab/" + name + "/flow-logs",
		wafGroup:     "aws-waf-logs-" + name,
		logBucket:    "alblab-logs-" + id.Account,
		mirrorBucket: "alblab-mirror-" + id.Account,
		trustBucket:  "alblab-trust-store-" + id.Account,
		mirrorTarget: "tmt-" + long,
		mirrorFilter: "tmf-" + long,
		instance:     "i-" + long,
		instanceENI:  "eni-" + long,
	}
	if parts := strings.Split(id.WebACL, "/"); len(parts) == 4 {
		r.webACL, r.webACLID = parts[2], parts[3]
	}
	return r
}

// tags are those of everything in the lab.
func (s *Server) tags() list {
	return list{
		out{{"Key", tagRun}, {"Value", s.id.RunID}},
		out{{"Key", tagOwner}, {"Value", "alblab"}},
		out{{"Key", tagExpires}, {"Value", s.expires()}},
	}
}

// expires is when a lab's owner would want it gone: the embedded lab ends with its process, a day is more than any lives.
func (s *Server) expires() string {
	return s.id.Created.UTC().AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z")
}

// logGroupARN is the ARN of a log group.
func (s *Server) logGroupARN(name string) string {
	return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s", s.id.Region, s.id.Account, name)
}

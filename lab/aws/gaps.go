package aws

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab/evidence/flowlog"

	"github.com/alblab/alblab/lab/evidence"
)

// Gap is evidence that is not there, because a log is off or lacks a field.
type Gap struct {
	What    string `json:"what"`    // "connection log"
	Why     string `json:"why"`     // what it would tell
	Command string `json:"command"` // that turns it on; <UPPER CASE> stands for what only the user knows
}

// Gaps says which logs of the load balancer are off, what they would tell, and the command that turns each on. A log whose
// setting could not be read is no gap: Unread tells of it.
func (lb *LoadBalancer) Gaps() []Gap {
	var gaps []Gap
	if lb.Read(evidence.KindConnection) && !lb.ConnectionLog.On {
		gaps = append(gaps, Gap{"connection log",
			"one line for each connection: the version, suite and group that were agreed, or that there was no agreement and why a client certificate was refused",
			lb.turnOn("connection_logs")})
	}
	if lb.Read(evidence.KindAccess) && !lb.AccessLog.On {
		gaps = append(gaps, Gap{"access log", "which clients come with which version and suite, by user agent: who would break under another policy",
			lb.turnOn("access_logs")})
	}
	if lb.Read(evidence.KindFlow) {
		best := BestFlowLog(lb.FlowLogs)
		switch {
		case best == nil:
			gaps = append(gaps, Gap{"flow log", "the packets of each connection, also of those that never sent a hello, and of ports that are closed", lb.createFlowLog()})
		case !hasTCPFlags(best.Format):
			gaps = append(gaps, Gap{"tcp-flags in flow log " + best.ID,
				"who ended a connection, and how: without them a refused client and one that left look alike. A flow log's format cannot be changed: make a second one",
				lb.createFlowLog()})
		case best.MaxAggregation > 60:
			gaps = append(gaps, Gap{fmt.Sprintf("a window of 60 s in flow log %s (it is %d s)", best.ID, best.MaxAggregation),
				"when a client failed, to the minute, and which connections belong together", lb.createFlowLog()})
		}
	}
	if lb.WebACL != nil && len(lb.WAFLogs) == 0 && lb.Read(evidence.KindWAF) {
		gaps = append(gaps, Gap{"AWS WAF log", "which requests reached the web ACL, and what it answered",
			fmt.Sprintf("aws wafv2 put-logging-configuration --region %s --logging-configuration ResourceArn=%s,LogDestinationConfigs=arn:aws:logs:%s:%s:log-group:aws-waf-logs-<NAME>",
				lb.Region, arnOf(lb), lb.Region, lb.Account)})
	}
	return gaps
}

func arnOf(lb *LoadBalancer) string {
	if lb.WebACL == nil || lb.WebACL.ARN == nil {
		return "<WEB-ACL-ARN>"
	}
	return *lb.WebACL.ARN
}

// Read says whether the setting of a kind of evidence could be asked for: a log is off only where it is known.
func (lb *LoadBalancer) Read(k evidence.Kind) bool {
	switch k {
	case evidence.KindConnection, evidence.KindAccess:
		return lb.Attributes != nil
	case evidence.KindFlow:
		return len(lb.Interfaces) > 0 && !lb.unread("listing flow logs")
	case evidence.KindWAF:
		return !lb.unread("looking for the web ACL") && !lb.unread("logging configuration")
	}
	return true
}

// unread reports whether a part of the settings could not be read.
func (lb *LoadBalancer) unread(what string) bool {
	for _, err := range lb.Unread {
		if strings.Contains(err.Error(), what) {
			return true
		}
	}
	return false
}

// turnOn is the command for a log of the load balancer's attributes
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-connection-logs.html: the bucket needs a policy that
// lets the load balancer write).
func (lb *LoadBalancer) turnOn(what string) string {
	return fmt.Sprintf("aws elbv2 modify-load-balancer-attributes --region %s --load-balancer-arn %s --attributes Key=%[3]s.s3.enabled,Value=true Key=%[3]s.s3.bucket,Value=<BUCKET>",
		lb.Region, lb.ARN, what)
}

// createFlowLog is the command for a flow log of the load balancer's interfaces
// (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl-create-flow-log.html), in the format that the analyzers know best.
func (lb *LoadBalancer) createFlowLog() string {
	var ids []string
	for _, i := range lb.Interfaces {
		ids = append(ids, i.ID)
	}
	return fmt.Sprintf("aws ec2 create-flow-logs --region %s --resource-type NetworkInterface --resource-ids %s --traffic-type ALL --max-aggregation-interval 60 "+
		"--log-group-name <GROUP> --deliver-logs-permission-arn <ROLE-ARN> --log-format '%s'", lb.Region, strings.Join(ids, " "), flowlog.LabFormat())
}

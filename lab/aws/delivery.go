package aws

import (
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Delivery says how long each artefact takes to come, counted from what it tells of: twice that is waited for at most. Nil
// means [DefaultDelivery].
type Delivery struct {
	FlowLogs, FlowS3   time.Duration
	Access, Connection time.Duration
	WAFLogs, WAFS3     time.Duration
	Samples, Metrics   time.Duration
	Captures           time.Duration
	Poll               time.Duration // between two looks
	Settle             time.Duration // one more look after all has come: other files of the same five minutes
}

// DefaultDelivery is what AWS's pages say, with the window or the file's five minutes added:
//
//   - flow logs: windows of 60 s, about 5 minutes to CloudWatch Logs, about 10 to S3
//     (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html);
//   - load balancer logs: a file each 5 minutes and node, eventually consistent
//     (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html);
//   - AWS WAF: near real time to CloudWatch Logs, files of 5 minutes to S3
//     (docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html).
//
// Assumption: the totals, of which AWS says "best effort". A run prints what it measured.
func DefaultDelivery() Delivery {
	return Delivery{
		FlowLogs: 10 * time.Minute, FlowS3: 20 * time.Minute,
		Access: 15 * time.Minute, Connection: 15 * time.Minute,
		WAFLogs: 3 * time.Minute, WAFS3: 10 * time.Minute,
		Samples: 5 * time.Minute, Metrics: 5 * time.Minute,
		Captures: 4 * time.Minute,
		Poll:     20 * time.Second, Settle: time.Minute,
	}
}

// of is the time of one kind, by where it is delivered to.
func (d *Delivery) of(k evidence.Kind, toS3 bool) time.Duration {
	switch k {
	case evidence.KindFlow:
		if toS3 {
			return d.FlowS3
		}
		return d.FlowLogs
	case evidence.KindAccess:
		return d.Access
	case evidence.KindConnection:
		return d.Connection
	case evidence.KindWAF:
		if toS3 {
			return d.WAFS3
		}
		return d.WAFLogs
	case KindSamples:
		return d.Samples
	case evidence.KindMetrics:
		return d.Metrics
	case evidence.KindMirror:
		return d.Captures
	}
	return 0
}

// longest is the time that all of a lab's evidence is planned to take.
func (d *Delivery) longest(o *Outputs) time.Duration {
	most := max(d.Access, d.Connection, d.Metrics, d.of(evidence.KindFlow, o.FlowLog.DestinationType == ToS3))
	if o.WAF != nil {
		most = max(most, d.of(evidence.KindWAF, o.WAF.DestinationType == ToS3), d.Samples)
	}
	return most + d.Settle
}

// KindSamples is the kind of a bundle's waf-samples.json: what GetSampledRequests answered. It repeats requests of the web
// ACL's log, so that analyzers do not count it again.
const KindSamples evidence.Kind = "samples"

package analyzers

import "github.com/alblab/alblab/lab/evidence"

// kinds are those that analyzers read, in the order of reports.
var kinds = []evidence.Kind{
	evidence.KindFlow, evidence.KindConnection, evidence.KindAccess, evidence.KindWAF, evidence.KindMetrics,
	evidence.KindCapture, evidence.KindMirror,
}

// adds says what a kind that is missing would add.
var adds = map[evidence.Kind]string{
	evidence.KindFlow:       "a VPC flow log with tcp-flags shows connections that no other log mentions: scans, silence, rejected packets",
	evidence.KindConnection: "the connection log has a line for each attempt, with the reason where a client certificate was refused",
	evidence.KindAccess:     "the access log shows who uses which TLS version and suite today",
	evidence.KindWAF:        "the WAF log shows which requests were blocked, by which rule",
	evidence.KindMetrics:    "the metric ClientTLSNegotiationErrorCount shows whether all failures were found",
	evidence.KindCapture:    "a packet capture shows the versions, suites and groups that a client offered: why its hello was refused, and what would cure it",
}

func kindWords(k evidence.Kind) string {
	switch k {
	case evidence.KindFlow:
		return "a VPC flow log"
	case evidence.KindConnection:
		return "a connection log"
	case evidence.KindAccess:
		return "an access log"
	case evidence.KindWAF:
		return "a WAF log"
	case evidence.KindMetrics:
		return "CloudWatch metrics"
	case evidence.KindCapture, evidence.KindMirror:
		return "a packet capture"
	}
	return string(k)
}

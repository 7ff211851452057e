package evidence

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"path"
	"strings"
)

// Detect says what a file is, from its first bytes (unpacked, a few lines or more) and its name. Content goes first; the name decides
// where content says nothing, as for an empty file under AWS's own key names. The kind is "" if it is none that is known.
//
// Format is what File.Format holds: for a flow log with a header row, the row as '${version} ${account-id} ...'.
func Detect(first []byte, name string) (k Kind, format string) {
	if k = detectCapture(first, name); k != "" {
		return k, ""
	}
	if isParquet(first) {
		return KindFlow, "" // its columns say the format
	}
	first = first[len(leadingBOM(first)):]
	if isCloudWatch(first) {
		if msg := firstMessage(first); msg != nil {
			return Detect(msg, name)
		}
		return kindOfName(name), ""
	}
	first = bytes.TrimLeft(first, " \t\r\n")
	first = trimExportTime(first)
	if rest, ok := bytes.CutPrefix(first, []byte(PermissionTest)); ok {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
		return Detect(rest, name)
	}
	if len(first) > 0 && (first[0] == '{' || first[0] == '[') {
		if k = detectJSON(first); k == "" && len(first) < sniffLen/2 && !json.Valid(first) {
			k = kindOfName(name) // cut or damaged
		}
		return k, ""
	}
	for line := range bytes.SplitSeq(first, []byte("\n")) {
		line = trimExportTime(bytes.TrimSuffix(line, []byte("\r")))
		if k, format = detectLine(line); k != "" {
			return k, format
		}
	}
	return kindOfName(name), ""
}

// PermissionTest begins the event that AWS writes into a log group, in a stream of its own, when log delivery to it is set up. It is
// no record of the log (experiment 2: the group holds the stream that AWS WAF itself made; the text is that of log groups published
// by users).
const PermissionTest = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs"

// firstMessage returns the first message of a CloudWatch Logs document that may be cut, nil if there is none.
func firstMessage(doc []byte) []byte {
	var b [4096]byte
	n, _ := io.ReadFull(newCloudWatch(bytes.NewReader(doc), len(doc)), b[:])
	if n == 0 {
		return nil
	}
	return b[:n]
}

// detectJSON knows the JSON kinds by keys that only they have.
func detectJSON(b []byte) Kind {
	has := func(keys ...string) bool {
		for _, k := range keys {
			if !bytes.Contains(b, []byte(`"`+k+`"`)) {
				return false
			}
		}
		return true
	}
	switch {
	case has("schema") && bytes.Contains(b, []byte(`"alblab.`)):
		return "" // a report or manifest of our own
	case has("webaclId"), has("terminatingRuleId"), has("httpRequest", "action"), has("SampledRequests", "PopulationSize"):
		return KindWAF
	case has("profile", "outcome"):
		return KindAttempts
	case has("Datapoints", "Label"), has("MetricDataResults"), has("Namespace", "MetricName"):
		return KindMetrics
	}
	return ""
}

// detectLine knows the kinds of text log by one line.
func detectLine(line []byte) (Kind, string) {
	if len(line) == 0 || len(line) > sniffLen {
		return "", ""
	}
	f := strings.Fields(string(line))
	if len(f) == 0 {
		return "", ""
	}
	if isFlowHeader(f) {
		return KindFlow, "${" + strings.Join(f, "} ${") + "}"
	}
	switch {
	case len(f) >= 12 && isAccessType(f[0]) && isTime(f[1]):
		return KindAccess, ""
	case len(f) >= 7 && isTime(f[0]) && (isAddr(f[1]) || strings.HasPrefix(f[1], "TLSv")):
		return KindConnection, ""
	case isFlowRecord(f):
		return KindFlow, ""
	}
	return "", ""
}

func isAccessType(s string) bool {
	switch s {
	case "http", "https", "h2", "grpcs", "ws", "wss":
		return true
	}
	return false
}

func isTime(s string) bool {
	return len(s) >= len("2018-07-02T22:23:00Z") && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[len(s)-1] == 'Z'
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isFlowHeader: all tokens look like field names of a flow log, and one of them is such a name for certain.
func isFlowHeader(f []string) bool {
	known := false
	for _, name := range f {
		for _, c := range []byte(name) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
		switch name {
		case "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "log-status", "vpc-id", "subnet-id",
			"tcp-flags", "pkt-srcaddr", "pkt-dstaddr", "flow-direction", "traffic-path", "instance-id", "az-id":
			known = true
		}
	}
	return known
}

// isFlowRecord: a record without a header row. Any custom format may stand here, so it goes by the values that formats nearly
// always have: the status or the action, and a network interface or two addresses.
func isFlowRecord(f []string) bool {
	var status, who, addrs int
	for _, v := range f {
		switch {
		case v == "OK", v == "NODATA", v == "SKIPDATA", v == "ACCEPT", v == "REJECT":
			status++
		case strings.HasPrefix(v, "eni-"):
			who++
		case len(v) <= 45 && isAddr(v):
			addrs++
		}
	}
	return status > 0 && (who > 0 || addrs > 1)
}

// kindOfName knows AWS's key names and the names in a bundle.
// Sources: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html,
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html and
// load-balancer-connection-logs.html (whose older copies write conn_log with a dot), and
// docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html.
func kindOfName(name string) Kind {
	base := strings.TrimSuffix(path.Base(name), ".gz")
	switch {
	case strings.Contains(base, "_vpcflowlogs_"):
		return KindFlow
	case strings.HasPrefix(base, "conn_log_"), strings.HasPrefix(base, "conn_log."):
		return KindConnection
	case strings.Contains(base, "_elasticloadbalancing_"):
		return KindAccess
	case strings.Contains(base, "_waflogs_"):
		return KindWAF
	}
	switch base {
	case "attempts.jsonl":
		return KindAttempts
	case "flow.log":
		return KindFlow
	case "connection.log":
		return KindConnection
	case "access.log":
		return KindAccess
	case "waf.log":
		return KindWAF
	case "metrics.json":
		return KindMetrics
	case "capture.pcap":
		return KindCapture
	case "mirror.pcapng":
		return KindMirror
	}
	return ""
}

// isMarker knows the objects that AWS writes only to try its permission: the load balancer's
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html) and that of exports
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasksConsole.html).
func isMarker(name string) bool {
	switch path.Base(name) {
	case "ELBAccessLogTestFile", "ELBConnectionLogTestFile", "ELBHealthCheckLogTestFile", "aws-logs-write-test":
		return true
	}
	return false
}

package fidelity

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/accesslog"
	"github.com/alblab/alblab/lab/evidence/connlog"
)

// kindReader reads the entries of one kind.
type kindReader struct {
	kind evidence.Kind
	read func(*reader) ([]entry, error)
}

// kinds are the kinds that are compared; access logs before the web ACL's, whose records get their listener from them. Captures are not: their packets are in the flow records, and their handshakes in the findings.
func kinds() []kindReader {
	return []kindReader{
		{evidence.KindAttempts, (*reader).attempts},
		{evidence.KindFlow, (*reader).flows},
		{evidence.KindConnection, (*reader).connections},
		{evidence.KindAccess, (*reader).requests},
		{evidence.KindWAF, (*reader).waf},
		{evidence.KindMetrics, (*reader).metrics},
	}
}

func (r *reader) connections() ([]entry, error) {
	return collect(r, evidence.KindConnection, connlog.Records, func(rec *connlog.Record) (entry, int, bool) {
		scenario, ok := r.own(rec.ClientIP, rec.Time, int(rec.ListenerPort))
		if !ok {
			return entry{}, 0, false
		}
		e := entry{group: r.group(scenario, int(rec.ListenerPort), "")}
		validity := ""
		if !rec.LeafNotBefore.IsZero() || !rec.LeafNotAfter.IsZero() {
			validity = rec.LeafNotBefore.Format(time.RFC3339) + ";" + rec.LeafNotAfter.Format(time.RFC3339)
		}
		e.put("timestamp", rec.Time.Format(time.RFC3339Nano), byTime)
		e.put("client_ip", rec.ClientIP.String(), byAddress)
		e.put("client_port", strconv.Itoa(int(rec.ClientPort)), byID)
		e.put("listener_port", r.port(int(rec.ListenerPort)), "")
		e.put("tls_protocol", rec.TLSProtocol, "")
		e.put("tls_cipher", rec.TLSCipher, "")
		e.put("tls_handshake_latency", seconds(rec.HandshakeLatency), byTime)
		e.put("leaf_client_cert_subject", rec.LeafSubject, "")
		e.put("leaf_client_cert_validity", validity, byTime)
		e.put("leaf_client_cert_serial_number", rec.LeafSerial, byID)
		e.put("tls_verify_status", rec.VerifyStatus, "")
		e.put("conn_trace_id", rec.ConnTraceID, byID)
		e.put("tls_keyexchange", rec.KeyExchange, "")
		e.put("elb", rec.ELB, byID)
		e.put("node_ip", rec.NodeIP, byAddress)
		return e, rec.Line, true
	})
}

func (r *reader) requests() ([]entry, error) {
	r.traces = map[string]int{}
	return collect(r, evidence.KindAccess, accesslog.Records, func(rec *accesslog.Record) (entry, int, bool) {
		at := rec.RequestCreationTime
		if at.IsZero() {
			at = rec.Time
		}
		request, port := r.withoutHost(rec.Request)
		if len(r.traces) < r.most {
			// The same id: docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html, requestId.
			r.traces[strings.TrimPrefix(rec.TraceID, "Root=")] = port
		}
		scenario, ok := r.own(rec.Client.Addr(), at, port)
		if !ok {
			return entry{}, 0, false
		}
		e := entry{group: r.group(scenario, port, "")}
		for _, f := range []field{
			{"type", rec.Type, ""}, {"time", rec.Time.Format(time.RFC3339Nano), byTime}, {"elb", rec.ELB, byID},
			{"client:port", rec.Client.String(), byAddress}, {"target:port", rec.Target, byAddress},
			{"request_processing_time", seconds(rec.RequestProcessingTime), byTime},
			{"target_processing_time", seconds(rec.TargetProcessingTime), byTime},
			{"response_processing_time", seconds(rec.ResponseProcessingTime), byTime},
			{"elb_status_code", number(int64(rec.ELBStatusCode)), ""}, {"target_status_code", number(int64(rec.TargetStatusCode)), ""},
			{"received_bytes", number(rec.ReceivedBytes), byName}, {"sent_bytes", number(rec.SentBytes), byName},
			{"request", request, ""}, {"user_agent", rec.UserAgent, ""}, {"ssl_cipher", rec.SSLCipher, ""}, {"ssl_protocol", rec.SSLProtocol, ""},
			{"target_group_arn", rec.TargetGroupARN, byID}, {"trace_id", rec.TraceID, byID}, {"domain_name", rec.DomainName, byName},
			{"chosen_cert_arn", rec.ChosenCertARN, byID}, {"matched_rule_priority", rec.MatchedRulePriority, ""},
			{"request_creation_time", stamp(rec.RequestCreationTime), byTime},
			{"actions_executed", rec.ActionsExecuted, ""}, {"redirect_url", rec.RedirectURL, ""}, {"error_reason", rec.ErrorReason, ""},
			{"target:port_list", rec.TargetPortList, byAddress}, {"target_status_code_list", rec.TargetStatusCodeList, ""},
			{"classification", rec.Classification, ""}, {"classification_reason", rec.ClassificationReason, ""},
			{"conn_trace_id", rec.ConnTraceID, byID}, {"transformed_host", rec.TransformedHost, ""}, {"transformed_uri", rec.TransformedURI, ""},
			{"request_transform_status", rec.RequestTransformStatus, ""}, {"node_ip", rec.NodeIP, byAddress},
		} {
			e.put(f.name, f.value, f.reason)
		}
		return e, rec.Line, true
	})
}

// withoutHost leaves the host's name out of a request line, "GET https://host:443/ HTTP/1.1", and gives the port.
func (r *reader) withoutHost(request string) (text string, port int) {
	method, rest, ok := strings.Cut(request, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 {
		return request, 0
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return request, 0
	}
	port, _ = strconv.Atoi(u.Port())
	u.Host = "HOST:" + r.port(port)
	return method + " " + u.String() + " " + version, port
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func seconds(d time.Duration) string {
	if d < 0 {
		return ""
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}

func number(n int64) string {
	if n < 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// address reads what may be an address, or the zero Addr.
func address(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

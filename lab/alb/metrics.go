package alb

// The metrics of the namespace AWS/ApplicationELB that this load balancer counts (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html). All are sums.
//
// A connection that fails in its handshake moves NewConnectionCount and ClientTLSNegotiationErrorCount, nothing else
// (experiment 2).
const (
	metricNewConnections    = "NewConnectionCount"    // from clients, and to targets
	metricActiveConnections = "ActiveConnectionCount" // Assumption: once, when a connection is established
	metricTLSErrors         = "ClientTLSNegotiationErrorCount"
	metricProcessedBytes    = "ProcessedBytes" // HTTP headers and bodies
	metricRequests          = "RequestCount"   // requests for which a target could be chosen
	metricFixedResponses    = "HTTP_Fixed_Response_Count"
	metricIPv6Requests      = "IPv6RequestCount"
	metricIPv6Bytes         = "IPv6ProcessedBytes"
	metricTargetErrors      = "TargetConnectionErrorCount"
)

// elbCodeMetrics are the metrics for a status code that the load balancer made itself.
func elbCodeMetrics(status int) []string {
	switch status / 100 {
	case 4:
		return []string{"HTTPCode_ELB_4XX_Count"}
	case 5:
		m := []string{"HTTPCode_ELB_5XX_Count"}
		switch status {
		case 500, 502, 503, 504:
			m = append(m, "HTTPCode_ELB_"+itoa(status)+"_Count")
		}
		return m
	}
	return nil
}

// targetCodeMetric is the metric for a status code that a target gave.
func targetCodeMetric(status int) string {
	if status < 200 || status > 599 {
		return ""
	}
	return "HTTPCode_Target_" + itoa(status/100) + "XX_Count"
}

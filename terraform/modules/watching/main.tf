# What a person watches: a dashboard, an alarm on failed TLS negotiations, and experiment 1's filter pattern as a metric.
# Queries stand in queries.tf and athena.tf.

locals {
  ports = sort([for p in var.ports : format("%05d", p)])

  # A pattern has at most 1024 characters: so many ports go into one.
  chunks = { for i, ports in chunklist([for p in local.ports : tostring(tonumber(p))], 20) : tostring(i) => ports }

  # docs/experiments.md, experiment 1: few packets, accepted, to a listener's port. The default format's 14 fields come
  # first in ours; the ellipsis stands for the rest.
  patterns = { for i, ports in local.chunks : i =>
    "[version, account, interface, srcaddr, dstaddr, srcport, ${join(" || ", [for p in ports : "destport=\"${p}\""])}, protocol=\"6\", packets<5, bytes, start, end, action=\"ACCEPT\", logstatus, ...]"
  }

  namespace = "alblab/${var.name}"
  metric    = "FlowsLikeFailedHandshakes"
}

resource "aws_cloudwatch_log_metric_filter" "suspects" {
  for_each = var.flow_log_group == null ? {} : local.patterns

  name           = "${var.name}-suspects-${each.key}"
  log_group_name = var.flow_log_group
  pattern        = each.value

  metric_transformation {
    namespace     = local.namespace
    name          = local.metric
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "negotiation_errors" {
  alarm_name        = "${var.name}-client-tls-negotiation-errors"
  alarm_description = "Clients fail to negotiate TLS with ${var.load_balancer}: \"alblab diagnose ${var.name} --since 1h\" says who, and why."

  namespace           = "AWS/ApplicationELB"
  metric_name         = "ClientTLSNegotiationErrorCount"
  dimensions          = { LoadBalancer = var.load_balancer }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.alarm_threshold

  # The metric is published only when it is not zero.
  treat_missing_data = "notBreaching"

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    start          = "-PT1H"
    periodOverride = "inherit"
    widgets = concat([
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title = "Failed TLS negotiations, and connections", region = var.region, stat = "Sum", period = 60, view = "timeSeries"
          metrics = [
            ["AWS/ApplicationELB", "ClientTLSNegotiationErrorCount", "LoadBalancer", var.load_balancer],
            ["AWS/ApplicationELB", "NewConnectionCount", "LoadBalancer", var.load_balancer],
            ["AWS/ApplicationELB", "RejectedConnectionCount", "LoadBalancer", var.load_balancer],
          ]
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title = "Answers", region = var.region, stat = "Sum", period = 60, view = "timeSeries"
          metrics = [
            ["AWS/ApplicationELB", "HTTP_Fixed_Response_Count", "LoadBalancer", var.load_balancer],
            ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.load_balancer],
            ["AWS/ApplicationELB", "HTTPCode_ELB_4XX_Count", "LoadBalancer", var.load_balancer],
            ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", var.load_balancer],
          ]
        }
      },
      {
        type       = "alarm", x = 0, y = 6, width = 12, height = 3
        properties = { title = "Alarm", alarms = [aws_cloudwatch_metric_alarm.negotiation_errors.arn] }
      },
      ], [for w in [
        {
          type = "metric", x = 12, y = 6, width = 12, height = 6
          properties = {
            title   = "Flows that look like failed handshakes", region = var.region, stat = "Sum", period = 60, view = "timeSeries"
            metrics = [[local.namespace, local.metric]]
          }
        },
        {
          type = "log", x = 0, y = 12, width = 24, height = 6
          properties = {
            title = "Who they come from", region = var.region, view = "table"
            query = "SOURCE '${coalesce(var.flow_log_group, "none")}' | ${local.insights.suspects}"
          }
        },
        ] : w if var.flow_log_group != null], [for w in [
        {
          type = "metric", x = 0, y = 18, width = 12, height = 6
          properties = {
            title = "Web ACL", region = var.region, stat = "Sum", period = 60, view = "timeSeries"
            metrics = [
              ["AWS/WAFV2", "AllowedRequests", "WebACL", var.web_acl_name, "Region", var.region, "Rule", "ALL"],
              ["AWS/WAFV2", "BlockedRequests", "WebACL", var.web_acl_name, "Region", var.region, "Rule", "ALL"],
            ]
          }
        },
    ] : w if var.web_acl_name != null])
  })
}

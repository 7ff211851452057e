# Saved Logs Insights queries, for the logs that lie in CloudWatch Logs.

locals {
  # Names of our own, one for each field: the ones that Logs Insights discovers by itself know only the default format.
  aliases = [for f in var.flow_fields : "f_${replace(f, "-", "_")}"]
  parse   = "parse @message \"${join(" ", [for f in var.flow_fields : "*"])}\" as ${join(", ", local.aliases)}"
  listed  = "[${join(", ", [for p in local.ports : "\"${tonumber(p)}\""])}]"

  insights = {
    # Returned RST (4) besides SYN and ACK: 22; a close without a session: 19 with few packets.
    suspects = <<-QUERY
      ${local.parse}
      | filter f_dstport in ${local.listed} and f_protocol = "6" and f_action = "ACCEPT" and f_packets < 5
      | stats count(*) as flows, sum(f_packets) as packets, sum(f_bytes) as octets, min(f_start) as first, max(f_end) as last by f_srcaddr, f_dstport
      | sort flows desc
      | limit 100
    QUERY

    resets = <<-QUERY
      ${local.parse}
      | filter f_srcport in ${local.listed} and f_protocol = "6" and f_tcp_flags in ["4", "6", "7", "20", "22", "23"]
      | stats count(*) as flows, sum(f_packets) as packets by f_dstaddr, f_srcport, f_tcp_flags
      | sort flows desc
      | limit 100
    QUERY

    rejected = <<-QUERY
      ${local.parse}
      | filter f_action = "REJECT"
      | stats count(*) as flows by f_srcaddr, f_dstport, f_reject_reason
      | sort flows desc
      | limit 100
    QUERY
  }

  waf_insights = {
    waf-verdicts = <<-QUERY
      filter ispresent(webaclId)
      | stats count(*) as requests by action, terminatingRuleId, httpRequest.clientIp
      | sort requests desc
      | limit 100
    QUERY

    waf-by-minute = <<-QUERY
      filter ispresent(webaclId)
      | stats count(*) as requests by bin(1m), action
    QUERY

    waf-clients = <<-QUERY
      filter ispresent(webaclId)
      | stats count(*) as requests by ja3Fingerprint, ja4Fingerprint, httpRequest.clientIp, action
      | sort requests desc
      | limit 100
    QUERY
  }
}

resource "aws_cloudwatch_query_definition" "flow" {
  for_each = var.flow_log_group == null ? {} : local.insights

  name            = "${var.name}/${each.key}"
  log_group_names = [var.flow_log_group]
  query_string    = chomp(each.value) # as the API gives it back
}

resource "aws_cloudwatch_query_definition" "waf" {
  for_each = var.waf_log_group == null ? {} : local.waf_insights

  name            = "${var.name}/${each.key}"
  log_group_names = [var.waf_log_group]
  query_string    = chomp(each.value) # as the API gives it back
}

# The web ACL and its log.

# Mocks have the form that the provider asks for: it checks the ARNs of mocks too.
mock_provider "aws" {
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/alblab-0a1b2c3d/0a1b2c3d-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_wafv2_ip_set" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:regional/ipset/alblab-0a1b2c3d/0a1b2c3d-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:alblab" }
  }
}

variables {
  name              = "alblab-0a1b2c3d"
  waf               = { ip_reputation = true, block_forwarded_ips = ["192.0.2.66/32"], forwarded_ip_header = "X-Forwarded-For", default_action_block = false }
  load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/alblab-0a1b2c3d/0123456789abcdef"
  log_destination   = "cloud-watch-logs"
  account_id        = "111122223333"
  partition         = "aws"
  region            = "us-east-1"
  retention_days    = 7
}

run "cloudwatch" {
  command = apply

  module {
    source = "./modules/waf"
  }

  assert {
    condition     = { for r in aws_wafv2_web_acl.this.rule : r.name => r.priority } == { "AWS-AWSManagedRulesAmazonIpReputationList" = 0, "block-forwarded-ips" = 1 }
    error_message = "The managed group first, then the rule by the forwarded address."
  }
  assert {
    condition     = one([for r in aws_wafv2_web_acl.this.rule : one(one(one(r.statement).ip_set_reference_statement).ip_set_forwarded_ip_config) if r.priority == 1]) == { header_name = "X-Forwarded-For", position = "FIRST", fallback_behavior = "NO_MATCH" }
    error_message = "By the header's first address; a request without it does not match."
  }
  assert {
    condition     = length(aws_wafv2_web_acl.this.default_action[0].allow) == 1 && length(aws_wafv2_web_acl.this.default_action[0].block) == 0
    error_message = "What no rule blocks is allowed."
  }
  assert {
    condition     = startswith(aws_cloudwatch_log_group.this[0].name, "aws-waf-logs-") && aws_cloudwatch_log_group.this[0].retention_in_days == 7
    error_message = "AWS WAF takes log groups only whose names begin with aws-waf-logs-."
  }
  assert {
    condition     = output.log_group == "aws-waf-logs-alblab-0a1b2c3d" && output.log_bucket == null
    error_message = "The outputs do not say where the log goes."
  }
  assert {
    condition     = aws_wafv2_web_acl_logging_configuration.this.log_destination_configs == toset([aws_cloudwatch_log_group.this[0].arn]) && length(aws_wafv2_web_acl_logging_configuration.this.logging_filter) == 0
    error_message = "Every record goes to the log group: a filter would make absence prove nothing."
  }
  assert {
    condition     = aws_cloudwatch_log_resource_policy.this[0].resource_arn == aws_cloudwatch_log_group.this[0].arn && aws_cloudwatch_log_resource_policy.this[0].policy_name == null
    error_message = "The policy is the log group's own, not one of the account's ten."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_log_resource_policy.this[0].policy_document).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Any account's logs could be delivered."
  }
}

run "s3_both_families_and_block" {
  command = plan

  module {
    source = "./modules/waf"
  }

  variables {
    log_destination = "s3"
    waf             = { ip_reputation = false, block_forwarded_ips = ["192.0.2.66/32", "2001:db8::66/128"], forwarded_ip_header = "X-Real-IP", default_action_block = true }
  }

  assert {
    condition     = aws_wafv2_web_acl_logging_configuration.this.log_destination_configs == toset(["arn:aws:s3:::aws-waf-logs-alblab-0a1b2c3d-111122223333"])
    error_message = "The log goes to a bucket whose name begins with aws-waf-logs-."
  }
  assert {
    condition     = length(aws_cloudwatch_log_group.this) == 0 && output.log_group == null && output.log_bucket == "aws-waf-logs-alblab-0a1b2c3d-111122223333"
    error_message = "A web ACL has one destination."
  }
  assert {
    condition     = { for k, s in aws_wafv2_ip_set.forwarded : k => s.addresses } == { IPV4 = toset(["192.0.2.66/32"]), IPV6 = toset(["2001:db8::66/128"]) }
    error_message = "An IP set has addresses of one family."
  }
  assert {
    condition     = toset([for r in aws_wafv2_web_acl.this.rule : r.name]) == toset(["block-forwarded-ips", "block-forwarded-ips-v6"])
    error_message = "A rule for each family, and no managed group."
  }
  assert {
    condition     = length(aws_wafv2_web_acl.this.default_action[0].block) == 1
    error_message = "The default action blocks."
  }
}

run "no_addresses" {
  command = plan

  module {
    source = "./modules/waf"
  }

  variables {
    waf = { ip_reputation = true, block_forwarded_ips = [], forwarded_ip_header = "X-Forwarded-For", default_action_block = false }
  }

  assert {
    condition     = length(aws_wafv2_ip_set.forwarded) == 0 && length(aws_wafv2_web_acl.this.rule) == 1
    error_message = "An empty IP set is left out."
  }
}

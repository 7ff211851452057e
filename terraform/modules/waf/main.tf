# The web ACL and its log. The names of its rules are those that the embedded lab writes into its records.

locals {
  ipv4 = [for c in var.waf.block_forwarded_ips : c if !strcontains(c, ":")]
  ipv6 = [for c in var.waf.block_forwarded_ips : c if strcontains(c, ":")]
  sets = merge(
    length(local.ipv4) > 0 ? { IPV4 = local.ipv4 } : {},
    length(local.ipv6) > 0 ? { IPV6 = local.ipv6 } : {},
  )
  to_s3 = var.log_destination == "s3"

  # AWS WAF takes only destinations whose names begin so (docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html).
  destination = "aws-waf-logs-${var.name}"
}

resource "aws_wafv2_ip_set" "forwarded" {
  for_each = local.sets

  name               = "${var.name}-forwarded-${lower(each.key)}"
  description        = "Addresses that block-forwarded-ips blocks"
  scope              = "REGIONAL"
  ip_address_version = each.key
  addresses          = each.value
}

resource "aws_wafv2_web_acl" "this" {
  name        = var.name
  description = "The web ACL of an alblab lab"
  scope       = "REGIONAL"

  default_action {
    dynamic "allow" {
      for_each = var.waf.default_action_block ? [] : [1]
      content {}
    }
    dynamic "block" {
      for_each = var.waf.default_action_block ? [1] : []
      content {}
    }
  }

  dynamic "rule" {
    for_each = var.waf.ip_reputation ? [1] : []
    content {
      name     = "AWS-AWSManagedRulesAmazonIpReputationList"
      priority = 0

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = "AWSManagedRulesAmazonIpReputationList"
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "AWS-AWSManagedRulesAmazonIpReputationList"
        sampled_requests_enabled   = true
      }
    }
  }

  # By the header's first address, never by the client's own: the ACL covers the whole load balancer, and one runner would be
  # both allowed and blocked. A request without the header, or with nonsense in it, does not match.
  dynamic "rule" {
    for_each = local.sets
    content {
      name     = rule.key == "IPV4" ? "block-forwarded-ips" : "block-forwarded-ips-v6"
      priority = rule.key == "IPV4" ? 1 : 2

      action {
        block {}
      }

      statement {
        ip_set_reference_statement {
          arn = aws_wafv2_ip_set.forwarded[rule.key].arn

          ip_set_forwarded_ip_config {
            header_name       = var.waf.forwarded_ip_header
            position          = "FIRST"
            fallback_behavior = "NO_MATCH"
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key == "IPV4" ? "block-forwarded-ips" : "block-forwarded-ips-v6"
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = var.load_balancer_arn
  web_acl_arn  = aws_wafv2_web_acl.this.arn
}

resource "aws_cloudwatch_log_group" "this" {
  count = local.to_s3 ? 0 : 1

  name              = local.destination
  retention_in_days = var.retention_days
}

# A policy on the log group itself: of those on the account a Region has ten, which other labs need too.
resource "aws_cloudwatch_log_resource_policy" "this" {
  count = local.to_s3 ? 0 : 1

  resource_arn = aws_cloudwatch_log_group.this[0].arn

  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LogDelivery"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${local.destination}:*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:logs:${var.region}:${var.account_id}:*" }
      }
    }]
  })
}

module "bucket" {
  source = "../bucket"
  count  = local.to_s3 ? 1 : 0

  name        = "${local.destination}-${var.account_id}"
  partition   = var.partition
  expire_days = var.retention_days

  # docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html. Written here, or AWS would write its own into the policy
  # and every plan would differ.
  statements = [
    {
      Sid       = "AWSLogDeliveryWrite"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "arn:${var.partition}:s3:::${local.destination}-${var.account_id}/AWSLogs/${var.account_id}/*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id, "s3:x-amz-acl" = "bucket-owner-full-control" }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:logs:${var.region}:${var.account_id}:*" }
      }
    },
    {
      Sid       = "AWSLogDeliveryAclCheck"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = "arn:${var.partition}:s3:::${local.destination}-${var.account_id}"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:logs:${var.region}:${var.account_id}:*" }
      }
    },
  ]
}

# No filter: an absent record proves something only where none could have been dropped.
resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [local.to_s3 ? module.bucket[0].arn : aws_cloudwatch_log_group.this[0].arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }

  depends_on = [aws_cloudwatch_log_resource_policy.this]
}

# Where evidence lands: one bucket for access and connection logs (and flow logs, if they go to S3), each under a prefix of
# its own, for access and connection logs would share a folder under the same one; and the flow log.

locals {
  prefixes = { access = "access", connection = "connection", flow = "flow" }
  bucket   = "${var.name}-${var.account_id}-logs"
  to_s3    = var.flow_log_destination == "s3"

  # The 14 fields of the default format in their order, so that published filter patterns fit with ", ..." at their end; then
  # what tells a failed handshake from a good one. lab/evidence/flowlog.LabFormat has the same.
  fields = [
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
    "start", "end", "action", "log-status",
    "tcp-flags", "pkt-srcaddr", "pkt-dstaddr", "flow-direction", "traffic-path", "vpc-id", "subnet-id", "reject-reason",
  ]
  format = join(" ", [for f in local.fields : "$${${f}}"])

  elb_writes = [for log in ["access", "connection"] : {
    Sid       = "LoadBalancer${title(log)}Log"
    Effect    = "Allow"
    Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
    Action    = "s3:PutObject"
    # The account in the path keeps other accounts' load balancers out.
    Resource = "arn:${var.partition}:s3:::${local.bucket}/${local.prefixes[log]}/AWSLogs/${var.account_id}/*"
  }]

  delivered = {
    StringEquals = { "aws:SourceAccount" = var.account_id }
    ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:logs:${var.region}:${var.account_id}:*" }
  }

  # docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
  flow_writes = [
    {
      Sid       = "AWSLogDeliveryWrite"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "arn:${var.partition}:s3:::${local.bucket}/${local.prefixes.flow}/AWSLogs/${var.account_id}/*"
      Condition = {
        StringEquals = merge(local.delivered.StringEquals, { "s3:x-amz-acl" = "bucket-owner-full-control" })
        ArnLike      = local.delivered.ArnLike
      }
    },
    {
      Sid       = "AWSLogDeliveryAclCheck"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = "arn:${var.partition}:s3:::${local.bucket}"
      Condition = local.delivered
    },
  ]
}

module "bucket" {
  source = "../bucket"

  name        = local.bucket
  partition   = var.partition
  expire_days = var.retention_days
  statements  = concat(local.elb_writes, [for s in local.flow_writes : s if local.to_s3])
}

resource "aws_cloudwatch_log_group" "flow" {
  count = local.to_s3 ? 0 : 1

  name              = "/alblab/${var.name}/flow"
  retention_in_days = var.retention_days
}

resource "aws_iam_role" "flow" {
  count = local.to_s3 ? 0 : 1

  name        = "${var.name}-flow-log"
  description = "Lets VPC flow logs write into the lab's log group"

  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:ec2:${var.region}:${var.account_id}:vpc-flow-log/*" }
      }
    }]
  })
}

# No logs:CreateLogGroup, or the last delivery after a destroy would bring the group back.
resource "aws_iam_role_policy" "flow" {
  count = local.to_s3 ? 0 : 1

  name = "write"
  role = aws_iam_role.flow[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/alblab/${var.name}/flow:*"
      }, {
      Effect   = "Allow"
      Action   = "logs:DescribeLogGroups"
      Resource = "*"
    }]
  })
}

resource "aws_flow_log" "this" {
  vpc_id                   = var.vpc_id
  traffic_type             = "ALL"
  max_aggregation_interval = 60
  log_format               = local.format

  log_destination_type = var.flow_log_destination
  log_destination      = local.to_s3 ? "${module.bucket.arn}/${local.prefixes.flow}/" : aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn         = local.to_s3 ? null : aws_iam_role.flow[0].arn

  dynamic "destination_options" {
    for_each = local.to_s3 ? [1] : []
    content {
      file_format                = "parquet"
      hive_compatible_partitions = false
      per_hour_partition         = false
    }
  }

  tags = { Name = var.name }

  depends_on = [aws_iam_role_policy.flow]
}

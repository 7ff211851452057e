# Logs: who may write them, in which format, where.

# Mocks have the form that the provider asks for: it checks the ARNs of mocks too.
mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:alblab" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/alblab" }
  }
}

variables {
  name                 = "alblab-0a1b2c3d"
  vpc_id               = "vpc-0123456789abcdef0"
  flow_log_destination = "cloud-watch-logs"
  account_id           = "111122223333"
  partition            = "aws"
  region               = "us-east-1"
  retention_days       = 7
}

run "cloudwatch" {
  command = apply

  module {
    source = "./modules/evidence"
  }

  assert {
    condition     = startswith(aws_flow_log.this.log_format, "$${version} $${account-id} $${interface-id} $${srcaddr} $${dstaddr} $${srcport} $${dstport} $${protocol} $${packets} $${bytes} $${start} $${end} $${action} $${log-status} $${tcp-flags} ")
    error_message = "The 14 default fields come first, in their order: ${aws_flow_log.this.log_format}"
  }
  assert {
    condition     = aws_flow_log.this.max_aggregation_interval == 60 && aws_flow_log.this.traffic_type == "ALL"
    error_message = "Flow logs of all traffic, in windows of 60 s."
  }
  assert {
    condition     = aws_flow_log.this.log_destination == aws_cloudwatch_log_group.flow[0].arn && aws_flow_log.this.iam_role_arn == aws_iam_role.flow[0].arn
    error_message = "Flow logs go to the log group, by the role."
  }
  assert {
    condition     = aws_cloudwatch_log_group.flow[0].retention_in_days == 7
    error_message = "A log group that keeps its events for ever."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.flow[0].policy, "CreateLogGroup")
    error_message = "With logs:CreateLogGroup the log group would come back after a destroy."
  }
  assert {
    condition     = jsondecode(aws_iam_role.flow[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "Any account's flow logs could take the role."
  }
  assert {
    condition     = output.prefixes.access != output.prefixes.connection && alltrue([for p in values(output.prefixes) : !strcontains(p, "AWSLogs")])
    error_message = "Each log has a prefix of its own, without AWSLogs."
  }
  assert {
    condition     = output.flow_log.log_group == "/alblab/alblab-0a1b2c3d/flow" && output.flow_log.bucket == null
    error_message = "The outputs do not say where flow logs go."
  }
}

run "s3" {
  command = apply

  module {
    source = "./modules/evidence"
  }

  variables {
    flow_log_destination = "s3"
  }

  assert {
    condition     = aws_flow_log.this.log_destination == "arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs/flow/" && aws_flow_log.this.iam_role_arn == null
    error_message = "Flow logs go under a prefix of the bucket, without a role: ${aws_flow_log.this.log_destination}"
  }
  assert {
    condition     = aws_flow_log.this.destination_options[0].file_format == "parquet"
    error_message = "Flow logs in S3 are Parquet."
  }
  assert {
    condition     = length(aws_cloudwatch_log_group.flow) + length(aws_iam_role.flow) == 0
    error_message = "A log group or role that nothing uses."
  }
  assert {
    condition     = output.flow_log.prefix == "flow" && output.flow_log.log_group == null
    error_message = "The outputs do not say where flow logs go."
  }
}

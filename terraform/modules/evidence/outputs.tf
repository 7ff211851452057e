output "bucket" {
  description = "The bucket of logs, its policy in force."
  value       = module.bucket.name
}

output "prefixes" {
  description = "The prefix of each log in it."
  value       = local.prefixes
}

output "flow_fields" {
  description = "The fields of flow logs in their order."
  value       = local.fields
}

output "flow_log" {
  description = "Where flow logs go, and the order of their fields."
  value = {
    destination_type = aws_flow_log.this.log_destination_type
    log_group        = local.to_s3 ? null : aws_cloudwatch_log_group.flow[0].name
    bucket           = local.to_s3 ? module.bucket.name : null
    prefix           = local.to_s3 ? local.prefixes.flow : null
    format           = local.format
  }
}

output "arn" {
  description = "The web ACL's ARN, once it is associated and logs."
  value       = aws_wafv2_web_acl.this.arn
  depends_on  = [aws_wafv2_web_acl_association.this, aws_wafv2_web_acl_logging_configuration.this]
}

output "name" {
  description = "The web ACL's name."
  value       = aws_wafv2_web_acl.this.name
}

output "log_group" {
  description = "The log group, null if the log goes to S3."
  value       = local.to_s3 ? null : aws_cloudwatch_log_group.this[0].name
}

output "log_bucket" {
  description = "The bucket, null if the log goes to CloudWatch Logs."
  value       = local.to_s3 ? module.bucket[0].name : null
}

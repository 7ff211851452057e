output "name" {
  description = "The bucket's name, once its policy is in force: a load balancer tests whether it may write when it is told of the bucket."
  value       = var.name
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this]
}

output "arn" {
  description = "The bucket's ARN, once its policy is in force."
  value       = local.arn
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this]
}

output "arns" {
  description = "The ARN of each trust store, once its revocation lists are in it."
  value       = { for name, t in aws_lb_trust_store.this : name => t.arn }
  depends_on  = [aws_lb_trust_store_revocation.this]
}

output "bucket" {
  description = "The bucket of bundles and lists."
  value       = module.bucket.name
}

output "arn" {
  description = "The load balancer's ARN."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "Its name in logs and metrics: app/NAME/ID."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "Its DNS name."
  value       = aws_lb.this.dns_name
}

output "security_group_id" {
  description = "The security group of its nodes."
  value       = aws_security_group.this.id
}

output "listener_arns" {
  description = "The ARN of each listener, once all its certificates are attached."
  value       = { for name, l in aws_lb_listener.this : name => l.arn }
  depends_on  = [aws_lb_listener_certificate.further]
}

output "policies" {
  description = "The security policy of each listener."
  value       = local.policies
}

output "host" {
  description = "The name by which clients reach it."
  value       = var.domain == null ? aws_lb.this.dns_name : var.domain.name
  depends_on  = [aws_route53_record.name]
}

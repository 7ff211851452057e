output "group_arn" {
  description = "The target group."
  value       = aws_lb_target_group.this.arn
}

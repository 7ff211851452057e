output "dashboard" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "workgroup" {
  description = "The Athena workgroup."
  value       = aws_athena_workgroup.this.name
}

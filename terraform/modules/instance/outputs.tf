output "id" {
  description = "The instance."
  value       = aws_instance.this.id
}

output "network_interface_id" {
  description = "Its network interface."
  value       = aws_instance.this.primary_network_interface_id
}

output "private_ip" {
  description = "Its private address."
  value       = aws_instance.this.private_ip
}

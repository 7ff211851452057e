output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "The two public subnets, once they have their way to the Internet: it must outlive what has public addresses."
  value       = aws_subnet.public[*].id
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "target_subnet_id" {
  description = "The subnet without a way to the Internet."
  value       = aws_subnet.target.id
  depends_on  = [aws_route_table_association.target]
}

output "target_cidr" {
  description = "The addresses of that subnet."
  value       = aws_subnet.target.cidr_block
}

variable "name" {
  description = "What the names of its parts begin with."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_id" {
  description = "A subnet; it needs no way to the Internet."
  type        = string
}

variable "load_balancer_security_group_id" {
  description = "The security group of the load balancer's nodes, who alone may connect."
  type        = string
}

variable "image" {
  description = "The image: Amazon Linux 2023 for arm64."
  type        = string
}

variable "instance_type" {
  description = "A type of a Graviton family."
  type        = string
}

variable "expires_at" {
  description = "When the instance ends itself, RFC 3339 in UTC."
  type        = string
}

variable "name" {
  description = "What the names of its parts begin with."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "vpc_cidr" {
  description = "The VPC's addresses: from where mirrored packets come, and what is not mirrored between."
  type        = string
}

variable "subnet_id" {
  description = "A public subnet for the instance."
  type        = string
}

variable "ports" {
  description = "The ports of the listeners."
  type        = list(number)
}

variable "image" {
  description = "The image: Amazon Linux 2023 for arm64."
  type        = string
}

variable "instance_type" {
  description = "A type of a Graviton family. A target of a small type takes 10 sources."
  type        = string
}

variable "expires_at" {
  description = "When the instance ends itself, RFC 3339 in UTC."
  type        = string
}

variable "retention_days" {
  description = "How long captures are kept, in days."
  type        = number
}

variable "vni" {
  description = "The VXLAN network id that sessions carry."
  type        = number
}

variable "partition" {
  description = "The partition of ARNs."
  type        = string
}

variable "region" {
  description = "The Region."
  type        = string
}

variable "account_id" {
  description = "The account."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

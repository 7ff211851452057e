variable "name" {
  description = "What the names of bucket, log group and role begin with."
  type        = string
}

variable "vpc_id" {
  description = "The VPC whose flows are logged."
  type        = string
}

variable "flow_log_destination" {
  description = "Where flow logs go: cloud-watch-logs or s3."
  type        = string
}

variable "retention_days" {
  description = "How long logs are kept, in days."
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

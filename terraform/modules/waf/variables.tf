variable "name" {
  description = "The web ACL's name."
  type        = string
}

variable "waf" {
  description = "The web ACL, as the lab has it."
  type = object({
    ip_reputation        = bool
    block_forwarded_ips  = list(string)
    forwarded_ip_header  = string
    default_action_block = bool
  })
}

variable "load_balancer_arn" {
  description = "The load balancer that it protects."
  type        = string
}

variable "log_destination" {
  description = "Where its log goes: cloud-watch-logs or s3."
  type        = string
}

variable "retention_days" {
  description = "How long the log is kept, in days."
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

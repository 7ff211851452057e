variable "name" {
  description = "The load balancer's name, at most 32 characters."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,32}$", var.name))
    error_message = "A load balancer's name has at most 32 letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets in two zones."
  type        = list(string)
}

variable "allowed_cidrs" {
  description = "Who may connect."
  type        = list(string)
}

variable "listeners" {
  description = "The listeners, as the lab has them."
  type = map(object({
    port                             = number
    ssl_policy                       = string
    mtls_mode                        = string
    ignore_client_certificate_expiry = bool
    advertise_ca_names               = bool
    default_action = object({
      type         = string
      status_code  = number
      content_type = string
      message_body = string
    })
  }))
}

variable "certificate_keys" {
  description = "The keys of each listener's certificates, the default one first."
  type        = map(list(string))
}

variable "certificate_arns" {
  description = "The ARN of each certificate by its key."
  type        = map(string)
}

variable "trust_store_arns" {
  description = "The ARN of the trust store of each listener in mode verify."
  type        = map(string)
}

variable "target" {
  description = "The target group to forward to and the addresses of its targets; null for none."
  type = object({
    group_arn = string
    cidr      = string
  })
  default = null
}

variable "log_bucket" {
  description = "The bucket for access and connection logs, its policy in force."
  type        = string
}

variable "access_log_prefix" {
  description = "The prefix of access logs, another one than connection logs have."
  type        = string
}

variable "connection_log_prefix" {
  description = "The prefix of connection logs."
  type        = string
}

variable "domain" {
  description = "A name to point to the load balancer, and its Route 53 zone; null for none."
  type = object({
    name    = string
    zone_id = string
  })
  default = null
}

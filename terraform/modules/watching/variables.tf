variable "name" {
  description = "What the names of its parts begin with."
  type        = string
}

variable "load_balancer" {
  description = "The load balancer's name in metrics: app/NAME/ID."
  type        = string
}

variable "ports" {
  description = "The ports of the listeners."
  type        = list(number)
}

variable "alarm_threshold" {
  description = "Failed TLS negotiations a minute from which on the alarm is raised."
  type        = number
}

variable "alarm_actions" {
  description = "ARNs that the alarm tells."
  type        = list(string)
}

variable "flow_log_group" {
  description = "The log group of flow logs, null if they go to S3."
  type        = string
}

variable "flow_fields" {
  description = "The fields of flow logs in their order."
  type        = list(string)
}

variable "log_bucket" {
  description = "The bucket of access and connection logs, and of flow logs if they go to S3."
  type        = string
}

variable "log_prefixes" {
  description = "The prefix of each log in it."
  type = object({
    access     = string
    connection = string
    flow       = string
  })
}

variable "web_acl_name" {
  description = "The web ACL, null for none."
  type        = string
}

variable "waf_log_group" {
  description = "The log group of the web ACL, null if there is none."
  type        = string
}

variable "waf_log_bucket" {
  description = "The bucket of the web ACL's log, null if there is none."
  type        = string
}

variable "retention_days" {
  description = "How long results of queries are kept, in days."
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

# The lab as Terraform will see it: the same names as the json tags of lab.Spec (lab/spec.go); lab/spec_test.go compares them.

variable "listeners" {
  description = "HTTPS listeners by name: port, security policy, mutual TLS mode with its trust store and revocation lists (PEM, empty for the lab's own), default action, key of the server certificate."
  type = map(object({
    port                             = number
    ssl_policy                       = string
    mtls_mode                        = optional(string, "off")
    ignore_client_certificate_expiry = optional(bool, false)
    advertise_ca_names               = optional(bool, false)
    trust_store                      = optional(string, "")
    revocation_lists                 = optional(string, "")
    default_action = optional(object({
      type         = optional(string, "fixed-response")
      status_code  = optional(number, 200)
      content_type = optional(string, "text/plain")
      message_body = optional(string, "alblab ok")
    }), {})
    certificate = optional(string, "both")
  }))

  validation {
    condition     = length(var.listeners) > 0
    error_message = "Name at least one listener."
  }
  validation {
    condition     = alltrue([for l in var.listeners : contains(["off", "passthrough", "verify"], l.mtls_mode)])
    error_message = "mtls_mode is off, passthrough or verify."
  }
}

variable "waf" {
  description = "The web ACL, or null for none: the managed IP-reputation group, then a rule that blocks by the address in a header, then the default action."
  type = object({
    ip_reputation        = optional(bool, true)
    block_forwarded_ips  = optional(list(string), [])
    forwarded_ip_header  = optional(string, "X-Forwarded-For")
    default_action_block = optional(bool, false)
  })
  default = null
}

variable "allowed_cidrs" {
  description = "Who may connect to the load balancer's listeners."
  type        = list(string)

  validation {
    condition     = alltrue([for c in var.allowed_cidrs : can(cidrhost(c, 0))])
    error_message = "Each entry is a CIDR block such as 198.51.100.7/32."
  }
}

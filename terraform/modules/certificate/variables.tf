variable "name" {
  description = "What the certificates' names begin with."
  type        = string
}

variable "certificates" {
  description = "Certificates to import, PEM, by key (rsa, ecdsa:p384, ...)."
  type = map(object({
    certificate_body  = string
    certificate_chain = optional(string)
  }))
}

variable "private_keys" {
  description = "Their private keys, PEM. Ephemeral."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "certificates_version" {
  description = "Raised when certificates and keys change."
  type        = number
}

variable "domain" {
  description = "The name, and the Route 53 zone that it is in; null to import."
  type = object({
    name    = string
    zone_id = string
  })
  default = null
}

variable "keys" {
  description = "The keys of certificates to issue for the domain."
  type        = set(string)
  default     = []
}

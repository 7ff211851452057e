variable "name" {
  description = "What the names of bucket and trust stores begin with."
  type        = string
}

variable "account_id" {
  description = "The account, part of the bucket's name."
  type        = string
}

variable "partition" {
  description = "The partition of ARNs."
  type        = string
}

variable "expire_days" {
  description = "After how many days replaced bundles go."
  type        = number
}

variable "trust_stores" {
  description = "CA certificates and revocation lists, PEM, by the name of the trust store."
  type = map(object({
    trust_store      = string
    revocation_lists = optional(string, "")
  }))
}

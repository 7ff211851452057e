variable "name" {
  description = "The bucket's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "partition" {
  description = "The partition of ARNs: aws, aws-cn, aws-us-gov."
  type        = string
}

variable "versioned" {
  description = "Keeps versions: for objects that others refer to by version."
  type        = bool
  default     = false
}

variable "expire_days" {
  description = "After how many days objects go, in a versioned bucket only versions that are no longer current."
  type        = number
}

variable "statements" {
  description = "Statements for the bucket's policy, besides the one that refuses connections without TLS."
  type        = any
  default     = []
}

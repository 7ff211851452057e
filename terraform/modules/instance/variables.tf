variable "name" {
  description = "Its name."
  type        = string
}

variable "image" {
  description = "The image: Amazon Linux 2023 for arm64."
  type        = string
}

variable "instance_type" {
  description = "A type of a Graviton family: the image is for arm64."
  type        = string
}

variable "subnet_id" {
  description = "The subnet."
  type        = string
}

variable "security_group_ids" {
  description = "Its security groups."
  type        = list(string)
}

variable "public" {
  description = "Whether it has a public address."
  type        = bool
}

variable "instance_profile" {
  description = "The instance profile; null for no role."
  type        = string
  default     = null
}

variable "expires_at" {
  description = "When it ends itself, RFC 3339 in UTC."
  type        = string
}

variable "script" {
  description = "What to do at first start, Bash, after the timer that ends the instance is set."
  type        = string
}

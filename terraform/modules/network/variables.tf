variable "name" {
  description = "Name of the VPC; its parts begin with it."
  type        = string
}

variable "vpc_cidr" {
  description = "The VPC's addresses, from /16 to /20."
  type        = string
}

variable "availability_zones" {
  description = "Two zones, or none for the Region's first two."
  type        = list(string)
  default     = []
}

# Inputs of the guard rails in guard.tf.

variable "region" {
  description = "The AWS Region to build in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of an AWS Region, such as us-east-1."
  }
}

variable "allowed_account_ids" {
  description = "The accounts in which a lab may be built; with credentials of any other one, nothing is planned."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_account_ids) > 0
    error_message = "Name the sandbox account: nothing is built in an account that is not named."
  }
  validation {
    condition     = alltrue([for a in var.allowed_account_ids : can(regex("^[0-9]{12}$", a))])
    error_message = "An account id has 12 digits."
  }
}

variable "owner" {
  description = "Who answers for the lab: a name, a team or an address, for the tag alblab:owner."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,256}$", var.owner))
    error_message = "owner has 1 to 256 letters, digits, blanks and _.:/=+-@, as AWS's tags do."
  }
}

# What keeps a lab from harm: the accounts that it may be built in, and the tags by which it is found again. The provider
# is configured here and in the examples, never in a module.

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

provider "aws" {
  region              = var.region
  allowed_account_ids = var.allowed_account_ids

  # Inputs only: what the plan computes would differ from plan to plan, which breaks the apply
  # (github.com/hashicorp/terraform-provider-aws/issues/40065).
  default_tags {
    tags = {
      "alblab:run"        = var.run_id
      "alblab:owner"      = var.owner
      "alblab:expires-at" = var.expires_at
    }
  }
}

# A warning, not an error: a lab that has expired must still be planned, and destroyed.
check "not_expired" {
  assert {
    condition     = timecmp(plantimestamp(), var.expires_at) < 0
    error_message = "expires_at lies in the past: sweeping may take the lab down at any time, and its instances end at once."
  }
}

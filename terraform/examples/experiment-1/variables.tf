variable "region" {
  description = "The AWS Region to build in."
  type        = string
  default     = "us-east-1"
}

variable "allowed_account_ids" {
  description = "The sandbox account."
  type        = list(string)

  validation {
    condition     = length(var.allowed_account_ids) > 0
    error_message = "Name the sandbox account: nothing is built in an account that is not named."
  }
}

variable "owner" {
  description = "Who answers for the lab."
  type        = string
}

variable "run_id" {
  description = "Eight hexadecimal digits: openssl rand -hex 4."
  type        = string
}

variable "expires_at" {
  description = "When the lab may be swept away: date -u -d '+4 hours' +%FT%TZ."
  type        = string
}

variable "allowed_cidrs" {
  description = "Your address, as 198.51.100.7/32."
  type        = list(string)
}

variable "pki" {
  description = "The folder that \"go run ./terraform/mint -out DIR\" wrote."
  type        = string
  default     = "pki"
}

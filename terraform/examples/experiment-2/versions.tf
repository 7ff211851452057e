terraform {
  # Write-only arguments and ephemeral input variables: Terraform 1.11, OpenTofu 1.11.
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.66"
    }
  }
}

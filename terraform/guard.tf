# What keeps a lab from harm: the accounts that it may be built in, and the tags by which it is found again. The provider
# is configured here and in the examples, never in a module.

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

# Trust stores: bundles without blank lines, by their version; each list a file.

mock_provider "aws" {
  mock_resource "aws_lb_trust_store" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:truststore/alblab-0a1b2c3d/0123456789abcdef" }
  }
}

variables {
  name        = "alblab-0a1b2c3d"
  account_id  = "111122223333"
  partition   = "aws"
  expire_days = 7
  trust_stores = {
    default = {
      trust_store      = "# a comment\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\n\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
      revocation_lists = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    }
    "a/listener-with-a-name-of-more-than-32-characters" = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
  }
}

run "trust_stores" {
  command = apply

  module {
    source = "./modules/trust_store"
  }

  assert {
    condition     = aws_s3_object.bundle["default"].content == "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    error_message = "A bundle has certificates one after the other, without blank lines: ${aws_s3_object.bundle["default"].content}"
  }
  assert {
    condition     = alltrue([for name, t in aws_lb_trust_store.this : t.ca_certificates_bundle_s3_object_version == aws_s3_object.bundle[name].version_id])
    error_message = "A new bundle would change nothing: its version is not passed on."
  }
  assert {
    condition     = alltrue([for t in aws_lb_trust_store.this : length(t.name) <= 32 && can(regex("^alblab-0a1b2c3d-[0-9a-f]{8}$", t.name))])
    error_message = "Names of trust stores have at most 32 characters."
  }
  assert {
    condition     = length(distinct([for t in aws_lb_trust_store.this : t.name])) == 2
    error_message = "Two trust stores have one name."
  }
  assert {
    condition     = keys(aws_lb_trust_store_revocation.this) == ["default/0", "default/1"] && length(distinct([for o in aws_s3_object.list : o.key])) == 2
    error_message = "Each revocation list is a file of its own."
  }
  assert {
    condition     = alltrue([for k, r in aws_lb_trust_store_revocation.this : r.revocations_s3_object_version == aws_s3_object.list[k].version_id])
    error_message = "A new list would change nothing: its version is not passed on."
  }
}

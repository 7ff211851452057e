# Certificates: imported, or issued for a name.

mock_provider "aws" {
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn                       = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
      domain_validation_options = [{ domain_name = "lab.example.com", resource_record_name = "_x.lab.example.com", resource_record_type = "CNAME", resource_record_value = "_y.acm-validations.aws" }]
    }
  }
}

variables {
  name = "alblab-0a1b2c3d"
  certificates = {
    "rsa"               = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    "ecdsa:p384:sha384" = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate_chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
  }
  private_keys = {
    "rsa"               = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    "ecdsa:p384:sha384" = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
  }
  certificates_version = 3
  keys                 = ["rsa", "ecdsa:p384"]
}

run "imported" {
  command = apply

  module {
    source = "./modules/certificate"
  }

  assert {
    condition     = alltrue([for c in aws_acm_certificate.imported : c.private_key == null && c.private_key_wo == null && c.private_key_wo_version == 3])
    error_message = "A private key is stored."
  }
  assert {
    condition     = join(" ", keys(output.arns)) == "ecdsa:p384:sha384 rsa" && length(aws_acm_certificate.issued) == 0
    error_message = "Each certificate is imported, and none issued."
  }
}

# A later plan or a destroy has no key, and needs none.
run "without_keys" {
  command = plan

  module {
    source = "./modules/certificate"
  }

  variables {
    private_keys = {}
  }

  assert {
    condition     = length(aws_acm_certificate.imported) == 2
    error_message = "The certificates stay."
  }
}

run "issued" {
  command = apply

  module {
    source = "./modules/certificate"
  }

  variables {
    domain = { name = "lab.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  assert {
    condition     = { for k, c in aws_acm_certificate.issued : k => c.key_algorithm } == { "ecdsa:p384" = "EC_secp384r1", rsa = "RSA_2048" } && alltrue([for c in aws_acm_certificate.issued : c.validation_method == "DNS"])
    error_message = "A certificate for each key, validated by DNS."
  }
  assert {
    condition     = aws_route53_record.validation[0].name == "_x.lab.example.com" && !aws_route53_record.validation[0].allow_overwrite && length(aws_acm_certificate_validation.issued) == 2
    error_message = "One record validates them all."
  }
  assert {
    condition     = length(aws_acm_certificate.imported) == 0
    error_message = "Nothing is imported."
  }
}

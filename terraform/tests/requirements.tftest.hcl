# What takes more than one input to refuse.

variables {
  region              = "us-east-1"
  allowed_account_ids = ["111122223333"]
  owner               = "tests"
  run_id              = "0a1b2c3d"
  expires_at          = "2036-01-01T00:00:00Z"
  allowed_cidrs       = ["198.51.100.7/32"]
  listeners = {
    https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
  }
  server_certificates = {
    rsa = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
  }
  server_private_keys = {
    rsa = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
  }
}

# everyone, said once
run "open_once" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [terraform_data.requirements]
}

# both halves of everyone are everyone
run "open_in_two_halves" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [terraform_data.requirements]
}

# said, but not meant
run "open_without_a_block" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    open_to_the_internet = true
  }

  expect_failures = [terraform_data.requirements]
}

run "expired_long_ago" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    expires_at = "2006-01-01T00:00:00Z"
  }

  expect_failures = [terraform_data.requirements]
}

run "verify_without_trust_store" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify" }
    }
  }

  expect_failures = [terraform_data.requirements]
}

run "lists_without_trust_store" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    revocation_lists = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
  }

  expect_failures = [terraform_data.requirements]
}

run "extra_named_like_a_listener" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { https = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    }
  }

  expect_failures = [terraform_data.requirements]
}

run "listener_named_default" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    listeners = {
      default = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    }
  }

  expect_failures = [terraform_data.requirements]
}

run "certificate_missing" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { https = { port = 443, ssl_policy = "", certificate = "both" } }
  }

  expect_failures = [terraform_data.requirements]
}

run "domain_and_certificates" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    domain = { name = "lab.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  expect_failures = [terraform_data.requirements]
}

run "domain_with_a_key_that_acm_does_not_issue" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    domain              = { name = "lab.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
    server_certificates = {}
    listeners           = { https = { port = 443, ssl_policy = "", certificate = "rsa:3072" } }
  }

  expect_failures = [terraform_data.requirements]
}

run "too_many_certificates" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners           = { https = { port = 443, ssl_policy = "", certificate = join(",", [for p in setproduct(["rsa", "rsa:2048", "rsa:3072", "rsa:4096", "ecdsa", "ecdsa:p256", "ecdsa:p384"], ["", ":sha256", ":sha384", ":sha512"]) : join("", p)]) } }
    server_certificates = { for k in [for p in setproduct(["rsa", "rsa:2048", "rsa:3072", "rsa:4096", "ecdsa", "ecdsa:p256", "ecdsa:p384"], ["", ":sha256", ":sha384", ":sha512"]) : join("", p)] : k => { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
  }

  expect_failures = [terraform_data.requirements]
}

run "more_than_60_rules" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = [for i in range(61) : "198.51.100.${i}/32"]
  }

  expect_failures = [terraform_data.requirements]
}

# A listener of a later phase may find its trust store under its own name.
run "extra_for_a_listener_of_a_later_phase" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { https = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
  }

  assert {
    condition     = join(" ", keys(local.trust_stores)) == "https"
    error_message = "The trust store is made."
  }
}

# Who says it twice means it.
run "open_twice" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs        = ["0.0.0.0/0"]
    open_to_the_internet = true
  }

  assert {
    condition     = local.open
    error_message = "0.0.0.0/0 is everyone."
  }
}

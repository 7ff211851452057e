# Every input that is refused by itself: at least a run for each validation. tests/inputs has the same files as the modules.

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

run "listeners_none" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {}
  }

  expect_failures = [var.listeners]
}

run "listeners_more_than_50" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { for i in range(51) : "l${i}" => { port = 1000 + i, ssl_policy = "", certificate = "rsa" } }
  }

  expect_failures = [var.listeners]
}

run "listeners_bad_name" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { "a b" = { port = 443, ssl_policy = "", certificate = "rsa" } }
  }

  expect_failures = [var.listeners]
}

run "listeners_port_zero" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 0, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_port_too_high" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 65536, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_port_broken" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443.5, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_same_port" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      a = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
      b = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_unknown_policy" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { https = { port = 443, ssl_policy = "ELBSecurityPolicy-TLS13-1-2-2021-O6", certificate = "rsa" } }
  }

  expect_failures = [var.listeners]
}

run "listeners_unknown_mtls_mode" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "on" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_three_verify" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      a = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
      b = { port = 444, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
      c = { port = 445, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_expiry_without_verify" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", ignore_client_certificate_expiry = true }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_names_without_verify" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "passthrough", advertise_ca_names = true }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_trust_store_without_verify" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_lists_without_verify" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", revocation_lists = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_trust_store_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "ca.pem" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_trust_store_26" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = join("", [for i in range(26) : "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_lists_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", revocation_lists = "crl.pem" }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_lists_31" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", revocation_lists = join("", [for i in range(31) : "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]) }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_unknown_action" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", default_action = { type = "redirect" } }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_status_302" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", default_action = { status_code = 302 } }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_content_type" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", default_action = { content_type = "image/png" } }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_long_body" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = {
      https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", certificate = "rsa", default_action = { message_body = format("%01025d", 0) } }
    }
  }

  expect_failures = [var.listeners]
}

run "listeners_unknown_certificate" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { https = { port = 443, ssl_policy = "", certificate = "ed25519" } }
  }

  expect_failures = [var.listeners]
}

run "listeners_certificate_of_1024_bits" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    listeners = { https = { port = 443, ssl_policy = "", certificate = "rsa:1024" } }
  }

  expect_failures = [var.listeners]
}

run "waf_no_cidr" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    waf = { block_forwarded_ips = ["192.0.2.66"] }
  }

  expect_failures = [var.waf]
}

run "waf_everyone" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    waf = { block_forwarded_ips = ["0.0.0.0/0"] }
  }

  expect_failures = [var.waf]
}

run "waf_too_many" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    waf = { block_forwarded_ips = flatten([for i in range(101) : [for j in range(100) : "192.0.2.66/32"]]) }
  }

  expect_failures = [var.waf]
}

run "waf_header" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    waf = { forwarded_ip_header = "X Forwarded For" }
  }

  expect_failures = [var.waf]
}

run "allowed_cidrs_none" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = []
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_no_cidr" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["198.51.100.7"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_host_bits" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["198.51.100.7/24"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_ipv6" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["2001:db8::/32"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "allowed_cidrs_twice" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_cidrs = ["198.51.100.7/32", "198.51.100.7/32"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "run_id_upper_case" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    run_id = "0A1B2C3D"
  }

  expect_failures = [var.run_id]
}

run "run_id_too_long" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    run_id = "0a1b2c3d4"
  }

  expect_failures = [var.run_id]
}

run "expires_at_no_zone" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    expires_at = "2036-01-01T00:00:00"
  }

  expect_failures = [var.expires_at]
}

run "expires_at_offset" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    expires_at = "2036-01-01T00:00:00+02:00"
  }

  expect_failures = [var.expires_at]
}

run "expires_at_no_such_day" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    expires_at = "2036-02-31T00:00:00Z"
  }

  expect_failures = [var.expires_at]
}

run "vpc_cidr_too_small" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    vpc_cidr = "10.0.0.0/24"
  }

  expect_failures = [var.vpc_cidr]
}

run "vpc_cidr_too_large" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    vpc_cidr = "10.0.0.0/8"
  }

  expect_failures = [var.vpc_cidr]
}

run "vpc_cidr_public" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    vpc_cidr = "198.51.0.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "availability_zones_one" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    availability_zones = ["us-east-1a"]
  }

  expect_failures = [var.availability_zones]
}

run "availability_zones_same_twice" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    availability_zones = ["us-east-1a", "us-east-1a"]
  }

  expect_failures = [var.availability_zones]
}

run "trust_store_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    trust_store = "ca.pem"
  }

  expect_failures = [var.trust_store]
}

run "trust_store_too_many" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    trust_store = join("", [for i in range(26) : "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
  }

  expect_failures = [var.trust_store]
}

run "trust_store_private_key" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
  }

  expect_failures = [var.trust_store]
}

run "revocation_lists_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    revocation_lists = "crl.pem"
  }

  expect_failures = [var.revocation_lists]
}

run "revocation_lists_too_many" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    revocation_lists = join("", [for i in range(31) : "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
  }

  expect_failures = [var.revocation_lists]
}

run "extra_trust_stores_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { a = { trust_store = "ca.pem" } }
  }

  expect_failures = [var.extra_trust_stores]
}

run "extra_trust_stores_too_many_certificates" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { a = { trust_store = join("", [for i in range(26) : "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) } }
  }

  expect_failures = [var.extra_trust_stores]
}

run "extra_trust_stores_too_many_lists" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { a = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", revocation_lists = join("", [for i in range(31) : "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]) } }
  }

  expect_failures = [var.extra_trust_stores]
}

run "extra_trust_stores_too_many" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { for i in range(18) : "t${i}" => { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
  }

  expect_failures = [var.extra_trust_stores]
}

run "extra_trust_stores_default_taken" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    extra_trust_stores = { default = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
  }

  expect_failures = [var.extra_trust_stores]
}

run "server_certificates_chain_in_the_body" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_certificates = { rsa = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
  }

  expect_failures = [var.server_certificates]
}

run "server_certificates_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_certificates = { rsa = { certificate_body = "server.pem" } }
  }

  expect_failures = [var.server_certificates]
}

run "server_certificates_private_key" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_certificates = { rsa = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate_chain = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" } }
  }

  expect_failures = [var.server_certificates]
}

run "server_private_keys_no_pem" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_private_keys = { rsa = "server-key.pem" }
  }

  expect_failures = [var.server_private_keys]
}

run "server_private_keys_encrypted" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_private_keys = { rsa = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n" }
  }

  expect_failures = [var.server_private_keys]
}

run "server_private_keys_too_long" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_private_keys = { rsa = "-----BEGIN PRIVATE KEY-----\n${format("%05120d", 0)}\n-----END PRIVATE KEY-----\n" }
  }

  expect_failures = [var.server_private_keys]
}

run "server_certificates_version_zero" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    server_certificates_version = 0
  }

  expect_failures = [var.server_certificates_version]
}

run "roots_pem_private_key" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    roots_pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
  }

  expect_failures = [var.roots_pem]
}

run "domain_no_dot" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    domain = { name = "lab", zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  expect_failures = [var.domain]
}

run "domain_zone" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    domain = { name = "lab.example.com", zone_id = "/hostedzone/Z0123456789ABCDEFGHIJ" }
  }

  expect_failures = [var.domain]
}

run "flow_log_destination_unknown" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    flow_log_destination = "kinesis-data-firehose"
  }

  expect_failures = [var.flow_log_destination]
}

run "waf_log_destination_unknown" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    waf_log_destination = "kinesis-data-firehose"
  }

  expect_failures = [var.waf_log_destination]
}

run "log_retention_days_forever" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    log_retention_days = 0
  }

  expect_failures = [var.log_retention_days]
}

run "mirror_vni_zero" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    mirror = { vni = 0 }
  }

  expect_failures = [var.mirror]
}

run "mirror_vni_too_large" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    mirror = { vni = 16777216 }
  }

  expect_failures = [var.mirror]
}

run "instance_type_not_graviton" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    instance_type = "t3.nano"
  }

  expect_failures = [var.instance_type]
}

run "alarm_threshold_zero" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    alarm_threshold = 0
  }

  expect_failures = [var.alarm_threshold]
}

run "alarm_actions_no_arn" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    alarm_actions = ["ops@example.com"]
  }

  expect_failures = [var.alarm_actions]
}

run "alarm_actions_six" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    alarm_actions = [for i in range(6) : "arn:aws:sns:us-east-1:111122223333:t${i}"]
  }

  expect_failures = [var.alarm_actions]
}

run "permissions_boundary_no_policy" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    permissions_boundary = "arn:aws:iam::111122223333:role/alblab-boundary"
  }

  expect_failures = [var.permissions_boundary]
}

run "region_unknown" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "allowed_account_ids_none" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_account_ids = []
  }

  expect_failures = [var.allowed_account_ids]
}

run "allowed_account_ids_alias" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    allowed_account_ids = ["sandbox"]
  }

  expect_failures = [var.allowed_account_ids]
}

run "owner_empty" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    owner = ""
  }

  expect_failures = [var.owner]
}

run "owner_bracket" {
  command = plan

  module {
    source = "./tests/inputs"
  }

  variables {
    owner = "me <me@example.com>"
  }

  expect_failures = [var.owner]
}

# The whole lab, applied with mocks: each option, and what alblab reads of it.

# Mocks have the form that the provider asks for: it checks the ARNs of mocks too.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn                       = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
      domain_validation_options = [{ domain_name = "lab.example.com", resource_record_name = "_x.lab.example.com", resource_record_type = "CNAME", resource_record_value = "_y.acm-validations.aws" }]
    }
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/alblab-0a1b2c3d/0123456789abcdef"
      arn_suffix = "app/alblab-0a1b2c3d/0123456789abcdef"
      dns_name   = "alblab-0a1b2c3d-1234567890.us-east-1.elb.amazonaws.com"
    }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/alblab-0a1b2c3d/0123456789abcdef/fedcba9876543210" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/alblab-0a1b2c3d-target/0123456789abcdef" }
  }
  mock_resource "aws_lb_trust_store" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:truststore/alblab-0a1b2c3d/0123456789abcdef" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/alblab-0a1b2c3d/0a1b2c3d-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_wafv2_ip_set" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:regional/ipset/alblab-0a1b2c3d/0a1b2c3d-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:alblab" }
  }
  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:alblab" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/alblab" }
  }
}

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

run "least" {
  assert {
    condition     = output.schema == "alblab.outputs/1" && output.run_id == "0a1b2c3d" && output.account_id == "111122223333" && output.region == "us-east-1"
    error_message = "The outputs do not say what lab this is."
  }
  assert {
    condition     = output.endpoints == { https = "alblab-0a1b2c3d-1234567890.us-east-1.elb.amazonaws.com:443" }
    error_message = "An endpoint is a host and a port."
  }
  assert {
    condition     = output.policies == { https = "ELBSecurityPolicy-TLS13-1-2-2021-06" } && output.load_balancer_name == "app/alblab-0a1b2c3d/0123456789abcdef"
    error_message = "The outputs do not name the load balancer and its policies."
  }
  assert {
    condition     = output.access_log == { bucket = "alblab-0a1b2c3d-111122223333-logs", prefix = "access" } && output.connection_log == { bucket = "alblab-0a1b2c3d-111122223333-logs", prefix = "connection" }
    error_message = "The outputs do not say where logs go."
  }
  assert {
    condition     = output.flow_log.destination_type == "cloud-watch-logs" && output.flow_log.log_group == "/alblab/alblab-0a1b2c3d/flow"
    error_message = "Flow logs go to CloudWatch Logs unless told otherwise."
  }
  assert {
    condition     = output.waf == null && output.mirror == null && output.trust_store_bucket == null && length(output.trust_store_arns) == 0
    error_message = "What was not asked for is not there."
  }
}

run "everything" {
  variables {
    listeners = {
      https       = { port = 443, ssl_policy = "TLS13-1-2-2021-06" }
      own         = { port = 444, ssl_policy = "", mtls_mode = "verify", trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate = "rsa" }
      verify      = { port = 445, ssl_policy = "", mtls_mode = "verify", certificate = "ecdsa" }
      passthrough = { port = 446, ssl_policy = "", mtls_mode = "passthrough", certificate = "rsa", default_action = { type = "forward" } }
    }
    server_certificates = {
      rsa   = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate_chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
      ecdsa = { certificate_body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
    }
    roots_pem            = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    trust_store          = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    revocation_lists     = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    extra_trust_stores   = { later = { trust_store = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } }
    waf                  = { block_forwarded_ips = ["192.0.2.66/32"] }
    mirror               = { vni = 4242 }
    flow_log_destination = "s3"
    waf_log_destination  = "s3"
    alarm_actions        = ["arn:aws:sns:us-east-1:111122223333:ops"]
  }

  assert {
    condition     = join(" ", keys(output.trust_store_arns)) == "default later own" && output.trust_store_bucket == "alblab-0a1b2c3d-111122223333-trust"
    error_message = "Trust stores: the lab's, a listener's own, one for later."
  }
  assert {
    condition     = output.waf.bucket == "aws-waf-logs-alblab-0a1b2c3d-111122223333" && output.waf.log_group == null && output.waf.destination_type == "s3"
    error_message = "The outputs do not say where the web ACL's log goes."
  }
  assert {
    condition     = output.mirror.vni == 4242 && output.mirror.bucket == "alblab-0a1b2c3d-111122223333-mirror" && output.mirror.prefix == "captures"
    error_message = "The outputs do not say what mirror sessions need."
  }
  assert {
    condition     = output.flow_log.bucket == "alblab-0a1b2c3d-111122223333-logs" && output.flow_log.prefix == "flow"
    error_message = "The outputs do not say where flow logs go."
  }
  assert {
    condition     = output.roots_pem != "" && length(output.listener_arns) == 4
    error_message = "Clients need the server's roots."
  }
}

run "domain" {
  variables {
    domain              = { name = "lab.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
    server_certificates = {}
    roots_pem           = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
  }

  assert {
    condition     = output.endpoints == { https = "lab.example.com:443" } && output.roots_pem == ""
    error_message = "Clients reach the name, whose certificate everyone trusts."
  }
}

run "expired" {
  command = plan

  variables {
    expires_at = "2024-01-01T00:00:00Z"
  }

  expect_failures = [check.not_expired]
}

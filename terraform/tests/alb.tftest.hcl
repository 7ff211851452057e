# The load balancer, its security group, its listeners.

# Mocks have the form that the provider asks for: it checks the ARNs of mocks too.
mock_provider "aws" {
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
}

variables {
  name          = "alblab-0a1b2c3d"
  vpc_id        = "vpc-0123456789abcdef0"
  subnet_ids    = ["subnet-1", "subnet-2"]
  allowed_cidrs = ["198.51.100.7/32", "192.0.2.0/24"]
  listeners = {
    https       = { port = 443, ssl_policy = "TLS13-1-2-2021-06", mtls_mode = "off", ignore_client_certificate_expiry = false, advertise_ca_names = false, default_action = { type = "fixed-response", status_code = 200, content_type = "text/plain", message_body = "alblab ok" } }
    verify      = { port = 8443, ssl_policy = "ELBSecurityPolicy-FS-1-2-Res-2020-10", mtls_mode = "verify", ignore_client_certificate_expiry = true, advertise_ca_names = true, default_action = { type = "fixed-response", status_code = 200, content_type = "text/plain", message_body = "alblab ok" } }
    passthrough = { port = 9443, ssl_policy = "", mtls_mode = "passthrough", ignore_client_certificate_expiry = false, advertise_ca_names = false, default_action = { type = "forward", status_code = 200, content_type = "text/plain", message_body = "alblab ok" } }
  }
  certificate_keys = { https = ["rsa", "ecdsa"], verify = ["rsa"], passthrough = ["ecdsa"] }
  certificate_arns = {
    rsa   = "arn:aws:acm:us-east-1:111122223333:certificate/rsa"
    ecdsa = "arn:aws:acm:us-east-1:111122223333:certificate/ecdsa"
  }
  trust_store_arns      = { verify = "arn:aws:elasticloadbalancing:us-east-1:111122223333:truststore/t/0123456789abcdef" }
  target                = { group_arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/t/0123456789abcdef", cidr = "10.0.3.0/24" }
  log_bucket            = "logs"
  access_log_prefix     = "access"
  connection_log_prefix = "connection"
}

run "listeners" {
  command = plan

  module {
    source = "./modules/alb"
  }

  assert {
    condition     = !aws_lb.this.internal && aws_lb.this.drop_invalid_header_fields && !aws_lb.this.enable_deletion_protection && aws_lb.this.ip_address_type == "ipv4"
    error_message = "An Internet-facing load balancer that can be destroyed and drops invalid header fields."
  }
  assert {
    condition     = aws_lb.this.access_logs[0].enabled && aws_lb.this.connection_logs[0].enabled && aws_lb.this.access_logs[0].prefix != aws_lb.this.connection_logs[0].prefix
    error_message = "Both logs are on, each under a prefix of its own."
  }
  assert {
    condition = toset([for r in aws_vpc_security_group_ingress_rule.clients : "${r.ip_protocol} ${r.from_port}-${r.to_port} ${r.cidr_ipv4}"]) == toset([
      "tcp 443-443 198.51.100.7/32", "tcp 443-443 192.0.2.0/24", "tcp 8443-8443 198.51.100.7/32", "tcp 8443-8443 192.0.2.0/24",
      "tcp 9443-9443 198.51.100.7/32", "tcp 9443-9443 192.0.2.0/24",
    ])
    error_message = "The listeners' ports are open to allowed_cidrs, and nothing else is."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.target[0].cidr_ipv4 == "10.0.3.0/24" && aws_vpc_security_group_egress_rule.target[0].to_port == 80
    error_message = "The way out leads to the target only."
  }
  assert {
    condition = { for name, l in aws_lb_listener.this : name => l.ssl_policy } == {
      https = "ELBSecurityPolicy-TLS13-1-2-2021-06", verify = "ELBSecurityPolicy-FS-1-2-Res-2020-10", passthrough = "ELBSecurityPolicy-2016-08"
    }
    error_message = "Policies may be named with and without their prefix; the default is the API's."
  }
  assert {
    condition     = { for name, l in aws_lb_listener.this : name => l.mutual_authentication[0].mode } == { https = "off", verify = "verify", passthrough = "passthrough" }
    error_message = "The mode is always written: leaving the block out does not switch it off."
  }
  assert {
    condition     = aws_lb_listener.this["verify"].mutual_authentication[0].trust_store_arn == var.trust_store_arns.verify && aws_lb_listener.this["verify"].mutual_authentication[0].ignore_client_certificate_expiry && aws_lb_listener.this["verify"].mutual_authentication[0].advertise_trust_store_ca_names == "on"
    error_message = "What belongs to mode verify is passed on."
  }
  assert {
    condition     = aws_lb_listener.this["passthrough"].mutual_authentication[0].trust_store_arn == null
    error_message = "A trust store belongs to mode verify only."
  }
  assert {
    condition     = aws_lb_listener.this["https"].default_action[0].fixed_response[0].message_body == "alblab ok" && aws_lb_listener.this["passthrough"].default_action[0].target_group_arn == var.target.group_arn && length(aws_lb_listener.this["passthrough"].default_action[0].fixed_response) == 0
    error_message = "A fixed response, or the target."
  }
  assert {
    condition     = aws_lb_listener.this["https"].certificate_arn == var.certificate_arns.rsa && { for k, c in aws_lb_listener_certificate.further : k => c.certificate_arn } == { "https ecdsa" = var.certificate_arns.ecdsa }
    error_message = "The first certificate is the default, the others are further ones."
  }
}

run "no_target_no_way_out" {
  command = plan

  module {
    source = "./modules/alb"
  }

  variables {
    target           = null
    listeners        = { https = { port = 443, ssl_policy = "TLS13-1-2-2021-06", mtls_mode = "off", ignore_client_certificate_expiry = false, advertise_ca_names = false, default_action = { type = "fixed-response", status_code = 200, content_type = "text/plain", message_body = "alblab ok" } } }
    certificate_keys = { https = ["rsa"] }
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.target) == 0
    error_message = "Fixed responses need no way out."
  }
}

run "long_name" {
  command = plan

  module {
    source = "./modules/alb"
  }

  variables {
    name = "alblab-0a1b2c3d-0a1b2c3d-0a1b2c3d-0"
  }

  expect_failures = [var.name]
}

# The load balancer, who may reach it, and its listeners.

locals {
  # The API's default where a listener names no policy.
  policies = { for name, l in var.listeners : name => l.ssl_policy == "" ? "ELBSecurityPolicy-2016-08" : "ELBSecurityPolicy-${trimprefix(l.ssl_policy, "ELBSecurityPolicy-")}" }

  openings = { for pair in setproduct([for l in var.listeners : l.port], var.allowed_cidrs) :
    "${pair[0]} ${pair[1]}" => { port = pair[0], cidr = pair[1] }
  }

  # The first certificate is the listener's default, the others are further ones.
  further = merge([for name, keys in var.certificate_keys : {
    for k in slice(keys, 1, length(keys)) : "${name} ${k}" => { listener = name, key = k }
  }]...)
}

resource "aws_security_group" "this" {
  name        = "${var.name}-alb"
  description = "Clients of the load balancer"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-alb" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = local.openings

  security_group_id = aws_security_group.this.id
  description       = "Listener on port ${each.value.port}"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.cidr
}

# Fixed responses need no way out; a target does.
resource "aws_vpc_security_group_egress_rule" "target" {
  count = var.target == null ? 0 : 1

  security_group_id = aws_security_group.this.id
  description       = "The target"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_ipv4         = var.target.cidr
}

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  ip_address_type    = "ipv4"
  security_groups    = [aws_security_group.this.id]
  subnets            = var.subnet_ids

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_http2               = true
  idle_timeout               = 60

  # A lab must go when it is told to.
  enable_deletion_protection = false

  access_logs {
    enabled = true
    bucket  = var.log_bucket
    prefix  = var.access_log_prefix
  }

  connection_logs {
    enabled = true
    bucket  = var.log_bucket
    prefix  = var.connection_log_prefix
  }

  tags = { Name = var.name }
}

resource "aws_lb_listener" "this" {
  for_each = var.listeners

  load_balancer_arn = aws_lb.this.arn
  port              = each.value.port
  protocol          = "HTTPS"
  ssl_policy        = local.policies[each.key]
  certificate_arn   = lookup(var.certificate_arns, var.certificate_keys[each.key][0], null)

  # Always written: leaving the block out does not switch a mode off that was on.
  mutual_authentication {
    mode                             = each.value.mtls_mode
    trust_store_arn                  = each.value.mtls_mode == "verify" ? lookup(var.trust_store_arns, each.key, null) : null
    ignore_client_certificate_expiry = each.value.mtls_mode == "verify" ? each.value.ignore_client_certificate_expiry : null
    advertise_trust_store_ca_names   = each.value.mtls_mode == "verify" ? (each.value.advertise_ca_names ? "on" : "off") : null
  }

  default_action {
    type             = each.value.default_action.type
    target_group_arn = each.value.default_action.type == "forward" ? var.target.group_arn : null

    dynamic "fixed_response" {
      for_each = each.value.default_action.type == "fixed-response" ? [each.value.default_action] : []
      content {
        status_code  = fixed_response.value.status_code
        content_type = fixed_response.value.content_type
        message_body = fixed_response.value.message_body
      }
    }
  }

  tags = { Name = each.key }
}

resource "aws_lb_listener_certificate" "further" {
  for_each = local.further

  listener_arn    = aws_lb_listener.this[each.value.listener].arn
  certificate_arn = lookup(var.certificate_arns, each.value.key, null)
}

resource "aws_route53_record" "name" {
  count = var.domain == null ? 0 : 1

  zone_id = var.domain.zone_id
  name    = var.domain.name
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}

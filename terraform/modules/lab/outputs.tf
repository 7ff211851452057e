# What alblab reads to attach to the lab: the keys of lab/aws.Outputs. The root module passes them on.

output "schema" {
  description = "The form of these outputs: alblab.outputs/1."
  value       = "alblab.outputs/1"
}

output "run_id" {
  description = "The lab's eight hexadecimal digits, the tag alblab:run."
  value       = var.run_id
}

output "region" {
  description = "The Region that the lab is in."
  value       = local.region
}

output "account_id" {
  description = "The account that the lab is in."
  value       = local.account_id
}

output "expires_at" {
  description = "When the lab may be swept away, RFC 3339."
  value       = var.expires_at
}

output "endpoints" {
  description = "host:port of each listener."
  value       = { for name, l in var.listeners : name => "${module.alb.host}:${l.port}" }
}

output "policies" {
  description = "The security policy of each listener, by its full name."
  value       = module.alb.policies
}

output "listener_arns" {
  description = "The ARN of each listener."
  value       = module.alb.listener_arns
}

output "load_balancer_arn" {
  description = "The load balancer's ARN."
  value       = module.alb.arn
}

output "load_balancer_name" {
  description = "The load balancer's name as logs and metrics have it: app/NAME/ID."
  value       = module.alb.arn_suffix
}

output "load_balancer_dns_name" {
  description = "The load balancer's DNS name."
  value       = module.alb.dns_name
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "roots_pem" {
  description = "The CA certificates, PEM, that clients trust to reach the server; empty for a certificate that ACM issued."
  value       = var.domain == null ? var.roots_pem : ""
}

output "flow_log" {
  description = "Where flow logs go, and the order of their fields."
  value       = module.evidence.flow_log
}

output "access_log" {
  description = "Where access logs go."
  value       = { bucket = module.evidence.bucket, prefix = module.evidence.prefixes.access }
}

output "connection_log" {
  description = "Where connection logs go."
  value       = { bucket = module.evidence.bucket, prefix = module.evidence.prefixes.connection }
}

output "waf" {
  description = "The web ACL and where its log goes; null without one."
  value = var.waf == null ? null : {
    web_acl_arn      = module.waf[0].arn
    destination_type = var.waf_log_destination
    log_group        = module.waf[0].log_group
    bucket           = module.waf[0].log_bucket
    prefix           = ""
  }
}

output "trust_store_arns" {
  description = "The ARN of each trust store: \"default\" for the lab's own, else by the listener that brought it, or its name in extra_trust_stores."
  value       = local.trust_store_arns
}

output "trust_store_bucket" {
  description = "The bucket of CA bundles and revocation lists; null without a trust store."
  value       = length(local.trust_stores) > 0 ? module.trust_store[0].bucket : null
}

output "mirror" {
  description = "What a mirror session needs, and where captures go; null without mirroring."
  value       = var.mirror == null ? null : module.mirror[0].mirror
}

# What alblab reads to attach to the lab ("terraform output -json"): the keys are those of lab/aws.Outputs.

output "schema" {
  description = "The form of these outputs: alblab.outputs/1."
  value       = module.lab.schema
}

output "run_id" {
  description = "The lab's eight hexadecimal digits, the tag alblab:run."
  value       = module.lab.run_id
}

output "region" {
  description = "The Region that the lab is in."
  value       = module.lab.region
}

output "account_id" {
  description = "The account that the lab is in."
  value       = module.lab.account_id
}

output "expires_at" {
  description = "When the lab may be swept away, RFC 3339."
  value       = module.lab.expires_at
}

output "endpoints" {
  description = "host:port of each listener."
  value       = module.lab.endpoints
}

output "policies" {
  description = "The security policy of each listener, by its full name."
  value       = module.lab.policies
}

output "listener_arns" {
  description = "The ARN of each listener."
  value       = module.lab.listener_arns
}

output "load_balancer_arn" {
  description = "The load balancer's ARN."
  value       = module.lab.load_balancer_arn
}

output "load_balancer_name" {
  description = "The load balancer's name as logs and metrics have it: app/NAME/ID."
  value       = module.lab.load_balancer_name
}

output "load_balancer_dns_name" {
  description = "The load balancer's DNS name."
  value       = module.lab.load_balancer_dns_name
}

output "vpc_id" {
  description = "The VPC."
  value       = module.lab.vpc_id
}

output "roots_pem" {
  description = "The CA certificates, PEM, that clients trust to reach the server; empty for a certificate that ACM issued."
  value       = module.lab.roots_pem
}

output "flow_log" {
  description = "Where flow logs go, and the order of their fields."
  value       = module.lab.flow_log
}

output "access_log" {
  description = "Where access logs go."
  value       = module.lab.access_log
}

output "connection_log" {
  description = "Where connection logs go."
  value       = module.lab.connection_log
}

output "waf" {
  description = "The web ACL and where its log goes; null without one."
  value       = module.lab.waf
}

output "trust_store_arns" {
  description = "The ARN of each trust store: \"default\" for the lab's own, else by the listener that brought it, or its name in extra_trust_stores."
  value       = module.lab.trust_store_arns
}

output "trust_store_bucket" {
  description = "The bucket of CA bundles and revocation lists; null without a trust store."
  value       = module.lab.trust_store_bucket
}

output "mirror" {
  description = "What a mirror session needs, and where captures go; null without mirroring."
  value       = module.lab.mirror
}

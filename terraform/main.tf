# One lab. What it is made of stands in modules/lab; the provider and its guard rails in guard.tf.
module "lab" {
  source = "./modules/lab"

  listeners                   = var.listeners
  waf                         = var.waf
  allowed_cidrs               = var.allowed_cidrs
  open_to_the_internet        = var.open_to_the_internet
  run_id                      = var.run_id
  expires_at                  = var.expires_at
  vpc_cidr                    = var.vpc_cidr
  availability_zones          = var.availability_zones
  trust_store                 = var.trust_store
  revocation_lists            = var.revocation_lists
  extra_trust_stores          = var.extra_trust_stores
  server_certificates         = var.server_certificates
  server_private_keys         = var.server_private_keys
  server_certificates_version = var.server_certificates_version
  roots_pem                   = var.roots_pem
  domain                      = var.domain
  flow_log_destination        = var.flow_log_destination
  waf_log_destination         = var.waf_log_destination
  log_retention_days          = var.log_retention_days
  mirror                      = var.mirror
  instance_type               = var.instance_type
  forward_target              = var.forward_target
  alarm_threshold             = var.alarm_threshold
  alarm_actions               = var.alarm_actions
  permissions_boundary        = var.permissions_boundary
}

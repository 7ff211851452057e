# A lab: network, load balancer, what it needs to speak TLS, and what records what happens.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Amazon Linux, by Systems Manager's public parameter.
data "aws_ssm_parameter" "image" {
  count = local.forwards || var.mirror != null ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

locals {
  # At most 32 characters, for load balancers and trust stores take no more.
  name       = "alblab-${var.run_id}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  trust_store_arns = length(local.trust_stores) > 0 ? module.trust_store[0].arns : {}
}

module "network" {
  source = "../network"

  name               = local.name
  vpc_cidr           = var.vpc_cidr
  availability_zones = var.availability_zones
}

module "certificate" {
  source = "../certificate"

  name                 = local.name
  certificates         = var.server_certificates
  private_keys         = var.server_private_keys
  certificates_version = var.server_certificates_version
  domain               = var.domain
  keys                 = local.wanted_keys
}

module "trust_store" {
  source = "../trust_store"
  count  = length(local.trust_stores) > 0 ? 1 : 0

  name         = local.name
  account_id   = local.account_id
  partition    = local.partition
  expire_days  = var.log_retention_days
  trust_stores = local.trust_stores
}

module "evidence" {
  source = "../evidence"

  name                 = local.name
  vpc_id               = module.network.vpc_id
  flow_log_destination = var.flow_log_destination
  permissions_boundary = var.permissions_boundary
  retention_days       = var.log_retention_days
  partition            = local.partition
  region               = local.region
  account_id           = local.account_id
}

module "alb" {
  source = "../alb"

  name                  = local.name
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.public_subnet_ids
  allowed_cidrs         = var.allowed_cidrs
  listeners             = var.listeners
  certificate_keys      = local.certificate_keys
  certificate_arns      = module.certificate.arns
  trust_store_arns      = { for name, store in local.store_of : name => local.trust_store_arns[store] if contains(keys(local.trust_stores), store) }
  log_bucket            = module.evidence.bucket
  access_log_prefix     = module.evidence.prefixes.access
  connection_log_prefix = module.evidence.prefixes.connection
  domain                = var.domain

  target = local.forwards ? { group_arn = module.target[0].group_arn, cidr = module.network.target_cidr } : null
}

module "target" {
  source = "../target"
  count  = local.forwards ? 1 : 0

  name                            = local.name
  vpc_id                          = module.network.vpc_id
  subnet_id                       = module.network.target_subnet_id
  load_balancer_security_group_id = module.alb.security_group_id
  image                           = nonsensitive(data.aws_ssm_parameter.image[0].value)
  instance_type                   = var.instance_type
  expires_at                      = var.expires_at
}

module "waf" {
  source = "../waf"
  count  = var.waf == null ? 0 : 1

  name              = local.name
  waf               = var.waf
  load_balancer_arn = module.alb.arn
  log_destination   = var.waf_log_destination
  retention_days    = var.log_retention_days
  partition         = local.partition
  region            = local.region
  account_id        = local.account_id
}

module "mirror" {
  source = "../mirror"
  count  = var.mirror == null ? 0 : 1

  name           = local.name
  vpc_id         = module.network.vpc_id
  vpc_cidr       = var.vpc_cidr
  subnet_id      = module.network.public_subnet_ids[0]
  ports          = local.ports
  image          = nonsensitive(data.aws_ssm_parameter.image[0].value)
  instance_type  = var.instance_type
  expires_at     = var.expires_at
  retention_days = var.log_retention_days
  vni            = var.mirror.vni

  permissions_boundary = var.permissions_boundary
  partition            = local.partition
  region               = local.region
  account_id           = local.account_id
}

module "watching" {
  source = "../watching"

  name            = local.name
  load_balancer   = module.alb.arn_suffix
  ports           = local.ports
  alarm_threshold = var.alarm_threshold
  alarm_actions   = var.alarm_actions
  flow_log_group  = module.evidence.flow_log.log_group
  flow_fields     = module.evidence.flow_fields
  log_bucket      = module.evidence.bucket
  log_prefixes    = module.evidence.prefixes
  web_acl_name    = var.waf == null ? null : module.waf[0].name
  waf_log_group   = var.waf == null ? null : module.waf[0].log_group
  waf_log_bucket  = var.waf == null ? null : module.waf[0].log_bucket
  retention_days  = var.log_retention_days
  partition       = local.partition
  region          = local.region
  account_id      = local.account_id
}

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
  ports      = [for l in var.listeners : l.port]

  # "both" is an RSA and an ECDSA certificate, the RSA one the default, as in policy.ParseCertSet.
  certificate_keys = { for name, l in var.listeners : name => distinct(split(",", replace(l.certificate, "both", "rsa,ecdsa"))) }
  wanted_keys      = toset(flatten(values(local.certificate_keys)))

  # Which trust store a listener in mode verify has: the lab's own unless it brings certificates or lists.
  verify = { for name, l in var.listeners : name => l if l.mtls_mode == "verify" }
  store_of = { for name, l in local.verify : name =>
    l.trust_store == "" && l.revocation_lists == "" ? "default" : name
  }
  trust_stores = merge(
    var.trust_store == "" ? {} : { default = { trust_store = var.trust_store, revocation_lists = var.revocation_lists } },
    { for name, l in local.verify : name => {
      trust_store      = l.trust_store == "" ? var.trust_store : l.trust_store
      revocation_lists = l.revocation_lists
    } if local.store_of[name] == name },
    var.extra_trust_stores,
  )
  trust_store_arns = length(local.trust_stores) > 0 ? module.trust_store[0].arns : {}

  forwards = var.forward_target || anytrue([for l in var.listeners : l.default_action.type == "forward"])

  # Widest first: a block wider than /8 is everyone as good as 0.0.0.0/0 is, and two halves of it are too.
  open = anytrue([for c in var.allowed_cidrs : tonumber(split("/", c)[1]) < 8])
}

# What takes more than one variable to judge. Nothing is applied if one of these does not hold.
resource "terraform_data" "requirements" {
  lifecycle {
    precondition {
      condition     = !local.open || var.open_to_the_internet
      error_message = "allowed_cidrs names a block wider than /8, which opens the listeners to everyone: if that is meant, say it twice, with open_to_the_internet = true."
    }
    precondition {
      condition     = local.open || !var.open_to_the_internet
      error_message = "open_to_the_internet is true, but no block of allowed_cidrs is wider than /8: name 0.0.0.0/0 there too, or leave it out."
    }
    precondition {
      condition     = timecmp(var.expires_at, "2020-01-01T00:00:00Z") > 0
      error_message = "expires_at lies long ago."
    }
    precondition {
      condition     = alltrue([for name, l in local.verify : l.trust_store != "" || var.trust_store != ""])
      error_message = "A listener has mtls_mode verify and no trust_store: give it one, or the variable trust_store."
    }
    precondition {
      condition     = var.revocation_lists == "" || var.trust_store != ""
      error_message = "revocation_lists needs trust_store: the lists belong to the lab's own trust store."
    }
    precondition {
      condition     = length(setintersection(keys(var.extra_trust_stores), keys(var.listeners))) == 0 && !contains(values({ for name, s in local.store_of : name => name if s == name }), "default")
      error_message = "An extra trust store has the name of a listener, or a listener with a trust store of its own is named \"default\": choose another name."
    }
    precondition {
      condition     = length(local.trust_stores) <= 20
      error_message = "An account has at most 20 trust stores."
    }
    precondition {
      condition     = var.domain != null || length(setsubtract(local.wanted_keys, keys(var.server_certificates))) == 0
      error_message = "server_certificates lacks ${join(", ", setsubtract(local.wanted_keys, keys(var.server_certificates)))}, which listeners name: mint it (lab/pki does), or set domain."
    }
    precondition {
      condition     = var.domain == null || length(var.server_certificates) == 0
      error_message = "Both domain and server_certificates are set: certificates are issued for a domain, or imported."
    }
    precondition {
      condition     = var.domain == null || alltrue([for k in local.wanted_keys : contains(["rsa", "rsa:2048", "ecdsa", "ecdsa:p256", "ecdsa:p384"], k)])
      error_message = "ACM issues certificates with the keys rsa, ecdsa and ecdsa:p384 only: import others, without domain."
    }
    precondition {
      condition     = length(local.wanted_keys) <= 25
      error_message = "A load balancer has at most 25 certificates besides the default ones."
    }
    precondition {
      condition     = length(var.listeners) * length(var.allowed_cidrs) <= 60
      error_message = "A security group has 60 inbound rules: ${length(var.listeners)} listeners and ${length(var.allowed_cidrs)} blocks need ${length(var.listeners) * length(var.allowed_cidrs)}."
    }
  }
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
  partition      = local.partition
  region         = local.region
  account_id     = local.account_id
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

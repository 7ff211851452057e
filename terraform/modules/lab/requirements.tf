# What follows from the inputs alone, and what takes more than one of them to judge. It needs no provider: tests/inputs has this file
# and variables.tf, and tests them fast.

locals {
  ports = [for l in var.listeners : l.port]

  # "both" is an RSA and an ECDSA certificate, the RSA one the default, as in policy.ParseCertSet.
  certificate_keys = { for name, l in var.listeners : name => distinct(split(",", replace(l.certificate, "both", "rsa,ecdsa"))) }
  wanted_keys      = toset(flatten(values(local.certificate_keys)))

  # Which trust store a listener in mode verify has: the lab's own unless it brings certificates or lists.
  verify = { for name, l in var.listeners : name => l if l.mtls_mode == "verify" }
  store_of = { for name, l in local.verify : name =>
    l.trust_store == "" && l.revocation_lists == "" ? "default" : name
  }
  owners = [for name, store in local.store_of : name if store == name]
  trust_stores = merge(
    var.trust_store == "" ? {} : { default = { trust_store = var.trust_store, revocation_lists = var.revocation_lists } },
    { for name, l in local.verify : name => {
      trust_store      = l.trust_store == "" ? var.trust_store : l.trust_store
      revocation_lists = l.revocation_lists
    } if contains(local.owners, name) },
    var.extra_trust_stores,
  )

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
      condition     = length(setintersection(keys(var.extra_trust_stores), local.owners)) == 0 && !contains(local.owners, "default")
      error_message = "A listener with a trust store of its own has the name of an extra one, or is named \"default\": choose another name."
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

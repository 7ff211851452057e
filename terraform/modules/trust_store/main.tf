# Trust stores: CA bundles and revocation lists in a versioned bucket, whose version ids are passed on, for a new bundle
# under the same key and version changes nothing. No keys here: certificates and lists are public.

locals {
  # One certificate or list after the other without blank lines, as a trust store wants its bundle
  # (docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html).
  bundles = { for name, t in var.trust_stores : name => "${join("\n", regexall("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", replace(t.trust_store, "\r", "")))}\n" }

  # A revocation list each a file.
  lists = merge([for name, t in var.trust_stores : {
    for i, list in regexall("-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----", replace(t.revocation_lists, "\r", "")) :
    "${name}/${i}" => { trust_store = name, text = "${list}\n" }
  }]...)

  # Names of trust stores have letters, digits and hyphens, at most 32; those of listeners may be longer.
  ids = { for name in keys(var.trust_stores) : name => substr(sha256(name), 0, 8) }
}

module "bucket" {
  source = "../bucket"

  name        = "${var.name}-${var.account_id}-trust"
  partition   = var.partition
  versioned   = true
  expire_days = var.expire_days
}

resource "aws_s3_object" "bundle" {
  for_each = local.bundles

  bucket       = module.bucket.name
  key          = "${local.ids[each.key]}/ca-bundle.pem"
  content      = each.value
  content_type = "application/x-pem-file"
}

resource "aws_lb_trust_store" "this" {
  for_each = local.bundles

  name                                     = "${var.name}-${local.ids[each.key]}"
  ca_certificates_bundle_s3_bucket         = module.bucket.name
  ca_certificates_bundle_s3_key            = aws_s3_object.bundle[each.key].key
  ca_certificates_bundle_s3_object_version = aws_s3_object.bundle[each.key].version_id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_s3_object" "list" {
  for_each = local.lists

  bucket       = module.bucket.name
  key          = "${local.ids[each.value.trust_store]}/list-${split("/", each.key)[length(split("/", each.key)) - 1]}.crl.pem"
  content      = each.value.text
  content_type = "application/x-pem-file"
}

resource "aws_lb_trust_store_revocation" "this" {
  for_each = local.lists

  trust_store_arn               = aws_lb_trust_store.this[each.value.trust_store].arn
  revocations_s3_bucket         = module.bucket.name
  revocations_s3_key            = aws_s3_object.list[each.key].key
  revocations_s3_object_version = aws_s3_object.list[each.key].version_id
}

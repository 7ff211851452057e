# The server's certificates: imported with a write-only private key, or issued by ACM for a name in a Route 53 zone.

locals {
  imported = var.domain == null ? var.certificates : {}
  issued   = var.domain == null ? {} : { for k in var.keys : k => lookup(local.algorithms, k, null) }

  # Public certificates of ACM have these keys (docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html).
  algorithms = {
    "rsa"        = "RSA_2048"
    "rsa:2048"   = "RSA_2048"
    "ecdsa"      = "EC_prime256v1"
    "ecdsa:p256" = "EC_prime256v1"
    "ecdsa:p384" = "EC_secp384r1"
  }
}

resource "aws_acm_certificate" "imported" {
  for_each = local.imported

  certificate_body  = each.value.certificate_body
  certificate_chain = each.value.certificate_chain

  # Sent when the certificate is made or the version changes, stored nowhere. A later plan, or a destroy, needs no key: then
  # this stands in its place, and is not sent.
  private_key_wo         = lookup(var.private_keys, each.key, "no private key was given for ${each.key}")
  private_key_wo_version = var.certificates_version

  tags = { Name = "${var.name}-${replace(each.key, ":", "-")}" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "issued" {
  for_each = local.issued

  domain_name       = var.domain.name
  validation_method = "DNS"
  key_algorithm     = each.value

  tags = { Name = "${var.name}-${replace(each.key, ":", "-")}" }

  lifecycle {
    create_before_destroy = true
  }
}

# Every certificate of an account for one name is validated by the same record. One that is there already belongs to another
# certificate, whose renewal would fail once a destroy has removed it: it is not overwritten.
resource "aws_route53_record" "validation" {
  count = length(local.issued) > 0 ? 1 : 0

  zone_id = var.domain.zone_id
  name    = one(values(aws_acm_certificate.issued)[0].domain_validation_options).resource_record_name
  type    = one(values(aws_acm_certificate.issued)[0].domain_validation_options).resource_record_type
  records = [one(values(aws_acm_certificate.issued)[0].domain_validation_options).resource_record_value]
  ttl     = 60
}

resource "aws_acm_certificate_validation" "issued" {
  for_each = local.issued

  certificate_arn         = aws_acm_certificate.issued[each.key].arn
  validation_record_fqdns = [aws_route53_record.validation[0].fqdn]

  timeouts {
    create = "20m"
  }
}

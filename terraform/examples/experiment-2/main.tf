# Experiment 2 (docs/experiments.md): does a request without a client certificate reach AWS WAF? A listener in mode
# verify behind a web ACL; once without and three times with a certificate:
#
#   to=::$(terraform output -json lab | jq -r .load_balancer_dns_name)
#   curl -v --cacert pki/ca.pem --connect-to "$to" https://lab.alblab.example
#   curl -v --cacert pki/ca.pem --connect-to "$to" --cert pki/client-good-rsa.pem --key pki/client-good-rsa-key.pem https://lab.alblab.example
#
#   go run ../../mint -out pki    # server certificate, and CA certificates of clients
#   export TF_VAR_run_id=$(openssl rand -hex 4) TF_VAR_expires_at=$(date -u -d '+4 hours' +%FT%TZ) TF_VAR_owner=$USER
#   export TF_VAR_allowed_account_ids='["111122223333"]' TF_VAR_allowed_cidrs='["198.51.100.7/32"]'
#   terraform init && terraform apply
#   terraform output -json lab >outputs.json    # for "alblab run --lab aws --outputs outputs.json"
#   terraform destroy

provider "aws" {
  region              = var.region
  allowed_account_ids = var.allowed_account_ids

  default_tags {
    tags = {
      "alblab:run"        = var.run_id
      "alblab:owner"      = var.owner
      "alblab:expires-at" = var.expires_at
    }
  }
}

locals {
  keys = ["rsa"] # of the server certificates that mint wrote
}

module "lab" {
  source = "../../modules/lab"

  run_id        = var.run_id
  expires_at    = var.expires_at
  allowed_cidrs = var.allowed_cidrs

  listeners = {
    https = { port = 443, ssl_policy = "ELBSecurityPolicy-2016-08", certificate = "rsa", mtls_mode = "verify" }
  }
  trust_store      = file("${var.pki}/client-ca.pem")
  revocation_lists = file("${var.pki}/client-ca.crl.pem")
  waf              = {}

  server_certificates = { for k in local.keys : k => {
    certificate_body  = file("${var.pki}/server-${k}.pem")
    certificate_chain = fileexists("${var.pki}/server-${k}-chain.pem") ? file("${var.pki}/server-${k}-chain.pem") : null
  } }
  server_private_keys = { for k in local.keys : k => file("${var.pki}/server-${k}-key.pem") }
  roots_pem           = file("${var.pki}/ca.pem")
}

# Everything at once: a domain, every mTLS mode, a target, a web ACL, mirroring, and all logs in S3 for Athena.
#
#   go run ../../mint -out pki    # CA certificates of clients; the server's come from ACM
#   export TF_VAR_run_id=$(openssl rand -hex 4) TF_VAR_expires_at=$(date -u -d '+4 hours' +%FT%TZ) TF_VAR_owner=$USER
#   export TF_VAR_allowed_account_ids='["111122223333"]' TF_VAR_allowed_cidrs='["198.51.100.7/32"]'
#   export TF_VAR_domain='{"name":"lab.example.com","zone_id":"Z0123456789ABCDEFGHIJ"}'
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

module "lab" {
  source = "../../modules/lab"

  run_id        = var.run_id
  expires_at    = var.expires_at
  allowed_cidrs = var.allowed_cidrs

  # The certificates are issued by ACM for the name, which points to the load balancer.
  domain = var.domain

  listeners = {
    modern      = { port = 443, ssl_policy = "TLS13-1-2-Res-PQ-2025-09" }
    old         = { port = 8443, ssl_policy = "TLS-1-0-2015-04", certificate = "rsa" }
    verify      = { port = 9443, ssl_policy = "TLS13-1-2-2021-06", mtls_mode = "verify", advertise_ca_names = true }
    expired     = { port = 9444, ssl_policy = "TLS13-1-2-2021-06", mtls_mode = "verify", ignore_client_certificate_expiry = true }
    passthrough = { port = 9445, ssl_policy = "TLS13-1-2-2021-06", mtls_mode = "passthrough", default_action = { type = "forward" } }
  }
  trust_store      = file("${var.pki}/client-ca.pem")
  revocation_lists = file("${var.pki}/client-ca.crl.pem")

  # Later phases of a run switch a listener to it.
  extra_trust_stores = {
    without-lists = { trust_store = file("${var.pki}/client-ca.pem") }
  }

  waf = {
    block_forwarded_ips = ["192.0.2.66/32", "2001:db8::66/128"]
  }

  mirror = {}

  # Minutes later than CloudWatch Logs; Athena reads it.
  flow_log_destination = "s3"
  waf_log_destination  = "s3"
}

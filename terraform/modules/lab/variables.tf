# The description of a lab: the names of lab.Spec (its json tags) first, then what only an account needs. The root module
# has the same file; tests compare them with each other and with lab.Spec.

variable "listeners" {
  description = "HTTPS listeners by name: port, security policy, mutual TLS mode with its trust store and revocation lists (PEM, empty for the lab's own), default action, keys of the server certificates."
  type = map(object({
    port                             = number
    ssl_policy                       = string
    mtls_mode                        = optional(string, "off")
    ignore_client_certificate_expiry = optional(bool, false)
    advertise_ca_names               = optional(bool, false)
    trust_store                      = optional(string, "")
    revocation_lists                 = optional(string, "")
    default_action = optional(object({
      type         = optional(string, "fixed-response")
      status_code  = optional(number, 200)
      content_type = optional(string, "text/plain")
      message_body = optional(string, "alblab ok")
    }), {})
    certificate = optional(string, "both")
  }))
  nullable = false

  validation {
    condition     = length(var.listeners) > 0
    error_message = "Name at least one listener."
  }
  validation {
    condition     = length(var.listeners) <= 50
    error_message = "An Application Load Balancer has at most 50 listeners."
  }
  validation {
    condition     = alltrue([for name, l in var.listeners : can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$", name))])
    error_message = "A listener's name begins with a letter or digit and has at most 63 letters, digits, dots, slashes, hyphens and underscores."
  }
  validation {
    condition     = alltrue([for l in var.listeners : l.port >= 1 && l.port <= 65535 && floor(l.port) == l.port])
    error_message = "port is a whole number from 1 to 65535."
  }
  validation {
    condition     = length(distinct([for l in var.listeners : l.port])) == length(var.listeners)
    error_message = "Each listener has a port of its own."
  }
  validation {
    condition = alltrue([for l in var.listeners : contains([
      "",
      "2016-08",
      "FS-1-1-2019-08",
      "FS-1-2-2019-08",
      "FS-1-2-Res-2019-08",
      "FS-1-2-Res-2020-10",
      "FS-2018-06",
      "TLS-1-0-2015-04",
      "TLS-1-1-2017-01",
      "TLS-1-2-2017-01",
      "TLS-1-2-Ext-2018-06",
      "TLS13-1-0-2021-06",
      "TLS13-1-0-FIPS-2023-04",
      "TLS13-1-0-FIPS-PQ-2025-09",
      "TLS13-1-0-PQ-2025-09",
      "TLS13-1-1-2021-06",
      "TLS13-1-1-FIPS-2023-04",
      "TLS13-1-2-2021-06",
      "TLS13-1-2-Ext0-FIPS-2023-04",
      "TLS13-1-2-Ext0-FIPS-PQ-2025-09",
      "TLS13-1-2-Ext0-RFC9151-FIPS-2023-07",
      "TLS13-1-2-Ext1-2021-06",
      "TLS13-1-2-Ext1-FIPS-2023-04",
      "TLS13-1-2-Ext1-FIPS-PQ-2025-09",
      "TLS13-1-2-Ext1-PQ-2025-09",
      "TLS13-1-2-Ext2-2021-06",
      "TLS13-1-2-Ext2-FIPS-2023-04",
      "TLS13-1-2-Ext2-FIPS-PQ-2025-09",
      "TLS13-1-2-Ext2-PQ-2025-09",
      "TLS13-1-2-FIPS-2023-04",
      "TLS13-1-2-FIPS-PQ-2025-09",
      "TLS13-1-2-PQ-2025-09",
      "TLS13-1-2-RFC9151-FIPS-2023-07",
      "TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07",
      "TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07",
      "TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07",
      "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07",
      "TLS13-1-2-Res-2021-06",
      "TLS13-1-2-Res-FIPS-2023-04",
      "TLS13-1-2-Res-FIPS-PQ-2025-09",
      "TLS13-1-2-Res-PQ-2025-09",
      "TLS13-1-3-2021-06",
      "TLS13-1-3-FIPS-2023-04",
      "TLS13-1-3-FIPS-PQ-2025-09",
      "TLS13-1-3-PQ-2025-09",
      "TLS13-1-3-RFC9151-FIPS-2023-07",
    ], trimprefix(l.ssl_policy, "ELBSecurityPolicy-"))])
    error_message = "ssl_policy is a security policy that alblab knows (see \"alblab policies\"), with or without ELBSecurityPolicy-, or empty for the API's default."
  }
  validation {
    condition     = alltrue([for l in var.listeners : contains(["off", "passthrough", "verify"], l.mtls_mode)])
    error_message = "mtls_mode is off, passthrough or verify."
  }
  # docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html: the limit cannot be raised.
  validation {
    condition     = length([for l in var.listeners : l if l.mtls_mode == "verify"]) <= 2
    error_message = "A load balancer has at most 2 listeners with mtls_mode verify, a limit that AWS does not raise: let later phases of a run change the listener, or build a second lab."
  }
  validation {
    condition = alltrue([for l in var.listeners : l.mtls_mode == "verify" ||
    !(l.ignore_client_certificate_expiry || l.advertise_ca_names || l.trust_store != "" || l.revocation_lists != "")])
    error_message = "ignore_client_certificate_expiry, advertise_ca_names, trust_store and revocation_lists need mtls_mode verify."
  }
  validation {
    condition     = alltrue([for l in var.listeners : l.trust_store == "" || length(regexall("-----BEGIN CERTIFICATE-----", l.trust_store)) > 0])
    error_message = "A listener's trust_store is PEM text with at least one certificate."
  }
  validation {
    condition     = alltrue([for l in var.listeners : length(regexall("-----BEGIN CERTIFICATE-----", l.trust_store)) <= 25])
    error_message = "A trust store has at most 25 CA certificates."
  }
  validation {
    condition     = alltrue([for l in var.listeners : l.revocation_lists == "" || length(regexall("-----BEGIN X509 CRL-----", l.revocation_lists)) > 0])
    error_message = "A listener's revocation_lists is PEM text with at least one X509 CRL."
  }
  validation {
    condition     = alltrue([for l in var.listeners : length(regexall("-----BEGIN X509 CRL-----", l.revocation_lists)) <= 30])
    error_message = "A trust store has at most 30 revocation lists."
  }
  validation {
    condition     = alltrue([for l in var.listeners : contains(["fixed-response", "forward"], l.default_action.type)])
    error_message = "default_action type is fixed-response, or forward to the lab's own target."
  }
  validation {
    condition     = alltrue([for l in var.listeners : can(regex("^[245][0-9][0-9]$", tostring(l.default_action.status_code)))])
    error_message = "default_action status_code is 2XX, 4XX or 5XX."
  }
  validation {
    condition     = alltrue([for l in var.listeners : contains(["text/plain", "text/css", "text/html", "application/javascript", "application/json"], l.default_action.content_type)])
    error_message = "default_action content_type is text/plain, text/css, text/html, application/javascript or application/json."
  }
  validation {
    condition     = alltrue([for l in var.listeners : length(l.default_action.message_body) <= 1024])
    error_message = "default_action message_body has at most 1024 characters."
  }
  validation {
    condition     = alltrue([for l in var.listeners : alltrue([for k in split(",", l.certificate) : can(regex("^(both|rsa(:(2048|3072|4096))?(:sha(256|384|512))?|ecdsa(:p(256|384|521))?(:sha(256|384|512))?)$", k))])])
    error_message = "certificate is both, or keys such as rsa, rsa:3072:sha384, ecdsa, ecdsa:p384:sha384 joined by commas; the first is the default. A load balancer takes RSA keys of 2048, 3072 and 4096 bits."
  }
}

variable "waf" {
  description = "The web ACL, or null for none: the managed IP-reputation group, then a rule that blocks by the address in a header, then the default action."
  type = object({
    ip_reputation        = optional(bool, true)
    block_forwarded_ips  = optional(list(string), [])
    forwarded_ip_header  = optional(string, "X-Forwarded-For")
    default_action_block = optional(bool, false)
  })
  default = null

  validation {
    condition     = alltrue([for c in try(var.waf.block_forwarded_ips, []) : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "Each entry of block_forwarded_ips is a CIDR block such as 192.0.2.66/32; an IP set takes no /0."
  }
  validation {
    condition     = try(length(var.waf.block_forwarded_ips), 0) <= 10000
    error_message = "An IP set has at most 10,000 addresses."
  }
  validation {
    condition     = var.waf == null || can(regex("^[A-Za-z0-9-]{1,255}$", var.waf.forwarded_ip_header))
    error_message = "forwarded_ip_header is the name of a header: letters, digits and hyphens."
  }
}

variable "allowed_cidrs" {
  description = "Who may connect to the load balancer's listeners: IPv4 CIDR blocks. 0.0.0.0/0 needs open_to_the_internet too."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_cidrs) > 0
    error_message = "Name at least one CIDR block: the address of who runs the tests, such as 198.51.100.7/32."
  }
  validation {
    condition     = alltrue([for c in var.allowed_cidrs : can(cidrnetmask(c)) && c == try("${cidrhost(c, 0)}/${split("/", c)[1]}", "")])
    error_message = "Each entry is an IPv4 CIDR block without host bits, such as 198.51.100.7/32 (the load balancer has IPv4 only)."
  }
  validation {
    condition     = length(distinct(var.allowed_cidrs)) == length(var.allowed_cidrs)
    error_message = "A CIDR block is named twice."
  }
}

variable "open_to_the_internet" {
  description = "Say it twice: true, together with a block wider than /8 in allowed_cidrs, opens the listeners to everyone. Scanners will call."
  type        = bool
  default     = false
  nullable    = false
}

variable "run_id" {
  description = "Eight hexadecimal digits that name this lab and everything in it; choose them at random and keep them: they are part of names that must be unique in the account and, of buckets, in the world."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{8}$", var.run_id))
    error_message = "run_id is eight hexadecimal digits in lower case, as \"openssl rand -hex 4\" gives them."
  }
}

variable "expires_at" {
  description = "When the lab may be swept away, RFC 3339 in UTC: a tag on everything, and the time at which instances end themselves. An input, for a value computed in the plan would change all tags with each plan."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", var.expires_at)) && can(timeadd(var.expires_at, "0s"))
    error_message = "expires_at is a time in RFC 3339, in UTC, such as 2026-11-22T20:00:00Z."
  }
}

variable "vpc_cidr" {
  description = "The VPC's addresses, from /16 to /20, private; its first /24 blocks become the subnets."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 20, false)
    error_message = "vpc_cidr is an IPv4 CIDR block from /16 to /20."
  }
  validation {
    condition     = can(regex("^(10\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.)", var.vpc_cidr))
    error_message = "vpc_cidr is private: in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918)."
  }
}

variable "availability_zones" {
  description = "Two zones for the load balancer's nodes; empty for the Region's first two. Name them where the first two lack the instance type."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = contains([0, 2], length(distinct(var.availability_zones))) && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "availability_zones names two different zones, or none."
  }
}

variable "trust_store" {
  description = "The CA certificates, PEM, of listeners in mtls_mode verify that have no trust_store of their own. No keys."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.trust_store == "" || length(regexall("-----BEGIN CERTIFICATE-----", var.trust_store)) > 0
    error_message = "trust_store is PEM text with at least one certificate."
  }
  validation {
    condition     = length(regexall("-----BEGIN CERTIFICATE-----", var.trust_store)) <= 25
    error_message = "A trust store has at most 25 CA certificates."
  }
  validation {
    condition     = length(regexall("PRIVATE KEY-----", var.trust_store)) == 0
    error_message = "trust_store holds a private key: the keys of CAs and clients never reach Terraform."
  }
}

variable "revocation_lists" {
  description = "The revocation lists, PEM, any number, of trust_store."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.revocation_lists == "" || length(regexall("-----BEGIN X509 CRL-----", var.revocation_lists)) > 0
    error_message = "revocation_lists is PEM text with at least one X509 CRL."
  }
  validation {
    condition     = length(regexall("-----BEGIN X509 CRL-----", var.revocation_lists)) <= 30
    error_message = "A trust store has at most 30 revocation lists."
  }
}

variable "extra_trust_stores" {
  description = "Trust stores that later phases of a run switch a listener to, by name: made, attached to no listener."
  type = map(object({
    trust_store      = string
    revocation_lists = optional(string, "")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for t in var.extra_trust_stores : length(regexall("-----BEGIN CERTIFICATE-----", t.trust_store)) > 0])
    error_message = "Each trust_store is PEM text with at least one certificate."
  }
  validation {
    condition     = alltrue([for t in var.extra_trust_stores : length(regexall("-----BEGIN CERTIFICATE-----", t.trust_store)) <= 25 && length(regexall("-----BEGIN X509 CRL-----", t.revocation_lists)) <= 30])
    error_message = "A trust store has at most 25 CA certificates and 30 revocation lists."
  }
  # 20 an account; two listeners may have one of their own, and one is the lab's.
  validation {
    condition     = length(var.extra_trust_stores) <= 17
    error_message = "An account has at most 20 trust stores: name at most 17 extra ones."
  }
  validation {
    condition     = !contains(keys(var.extra_trust_stores), "default")
    error_message = "The name \"default\" is the lab's own trust store, made of the variable trust_store."
  }
}

variable "server_certificates" {
  description = "The server certificates to import into ACM, PEM, by key as listeners name them (rsa, ecdsa, rsa:3072:sha384, ...). Not used with domain."
  type = map(object({
    certificate_body  = string
    certificate_chain = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for c in var.server_certificates : length(regexall("-----BEGIN CERTIFICATE-----", c.certificate_body)) == 1])
    error_message = "certificate_body is PEM text with exactly one certificate; the rest belongs into certificate_chain."
  }
  validation {
    condition     = alltrue([for c in var.server_certificates : length(regexall("PRIVATE KEY-----", "${c.certificate_body}${coalesce(c.certificate_chain, " ")}")) == 0])
    error_message = "A private key stands among the certificates: it belongs into server_private_keys, which is never stored."
  }
}

variable "server_private_keys" {
  description = "The private keys, PEM without a passphrase, of server_certificates, by the same keys. Ephemeral: in no plan and no state, and needed only by the apply that imports them."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = alltrue([for k in values(var.server_private_keys) : length(regexall("-----BEGIN (RSA |EC )?PRIVATE KEY-----", k)) == 1])
    error_message = "Each private key is PEM text (PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY) without a passphrase."
  }
  validation {
    condition     = alltrue([for k in values(var.server_private_keys) : length(k) <= 5120])
    error_message = "ACM takes private keys of at most 5 KB."
  }
}

variable "server_certificates_version" {
  description = "Raise it when the certificates and keys change: Terraform cannot see that a write-only argument did."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.server_certificates_version >= 1 && floor(var.server_certificates_version) == var.server_certificates_version
    error_message = "server_certificates_version is a whole number from 1."
  }
}

variable "roots_pem" {
  description = "The CA certificates, PEM, that clients trust to reach the server: copied to the outputs. Empty with domain."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(regexall("PRIVATE KEY-----", var.roots_pem)) == 0
    error_message = "roots_pem holds a private key: the keys of CAs never reach Terraform."
  }
}

variable "domain" {
  description = "A name in a public Route 53 zone: ACM then issues the certificates, validated by DNS, and the name points to the load balancer, so it must be the lab's alone: a validation record that the zone already has is refused, not taken over. Null: certificates are imported and no domain is needed."
  type = object({
    name    = string
    zone_id = string
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain.name))
    error_message = "domain name is a full domain name in lower case, such as lab.example.com."
  }
  validation {
    condition     = var.domain == null || can(regex("^Z[A-Z0-9]{4,31}$", var.domain.zone_id))
    error_message = "domain zone_id is the id of a Route 53 zone, such as Z0123456789ABCDEFGHIJ."
  }
}

variable "flow_log_destination" {
  description = "Where flow logs go: cloud-watch-logs, or s3 in Parquet, later by some minutes, and which Athena reads too."
  type        = string
  default     = "cloud-watch-logs"
  nullable    = false

  validation {
    condition     = contains(["cloud-watch-logs", "s3"], var.flow_log_destination)
    error_message = "flow_log_destination is cloud-watch-logs or s3."
  }
}

variable "waf_log_destination" {
  description = "Where the web ACL's log goes: cloud-watch-logs, or s3, later by some minutes and for Athena. A web ACL has one."
  type        = string
  default     = "cloud-watch-logs"
  nullable    = false

  validation {
    condition     = contains(["cloud-watch-logs", "s3"], var.waf_log_destination)
    error_message = "waf_log_destination is cloud-watch-logs or s3."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch Logs and the buckets keep what a forgotten lab wrote, in days."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90], var.log_retention_days)
    error_message = "log_retention_days is 1, 3, 5, 7, 14, 30, 60 or 90."
  }
}

variable "mirror" {
  description = "Traffic mirroring: target, filter and an instance that captures; null for none. The sessions are made by alblab, for the load balancer's network interfaces are known only when it runs, and change as it scales. vni is the VXLAN network id that the sessions carry."
  type = object({
    vni = optional(number, 4789001)
  })
  default = null

  validation {
    condition     = var.mirror == null || try(var.mirror.vni >= 1 && var.mirror.vni <= 16777215 && floor(var.mirror.vni) == var.mirror.vni, false)
    error_message = "mirror vni is a whole number from 1 to 16777215."
  }
}

variable "instance_type" {
  description = "Type of the capturing instance and of the target: a Graviton one, for both use the arm64 image, and Nitro, as mirror targets must be."
  type        = string
  default     = "t4g.nano"
  nullable    = false

  validation {
    condition     = can(regex("^(t4g|[cmr][6-9]g[dn]?)\\.[a-z0-9]+$", var.instance_type))
    error_message = "instance_type is of a Graviton family such as t4g.nano, c7g.medium or m8g.medium."
  }
}

variable "forward_target" {
  description = "Makes the target that default_action forward needs even if no listener forwards yet: a later phase may."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_threshold" {
  description = "Failed TLS negotiations a minute from which on the alarm is raised."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.alarm_threshold >= 1
    error_message = "alarm_threshold is at least 1."
  }
}

variable "alarm_actions" {
  description = "ARNs that the alarm tells, such as an SNS topic's; empty for none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for a in var.alarm_actions : can(regex("^arn:aws[a-z-]*:", a))])
    error_message = "Each alarm action is an ARN."
  }
  validation {
    condition     = length(var.alarm_actions) <= 5
    error_message = "An alarm has at most 5 actions."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles that the lab makes, as the runner's policies demand it (policies/boundary.json); null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.permissions_boundary))
    error_message = "permissions_boundary is the ARN of an IAM policy."
  }
}

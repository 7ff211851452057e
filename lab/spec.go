package lab

import "net/netip"

// Spec describes a lab. Its json tags are the names of the Terraform variables. It is plain data: read at start, not after.
type Spec struct {
	Listeners    map[string]Listener `json:"listeners"`               // by name; at least one
	WAF          *WAF                `json:"waf,omitempty"`           // nil: no web ACL
	AllowedCIDRs []netip.Prefix      `json:"allowed_cidrs,omitempty"` // who may connect; embedded: empty means everyone
	Embedded     *Embedded           `json:"embedded,omitempty"`      // what only the embedded lab knows
}

// Listener is one HTTPS listener.
type Listener struct {
	Port      uint16 `json:"port"`
	SSLPolicy string `json:"ssl_policy"`          // with or without "ELBSecurityPolicy-"; "" is the API's default, 2016-08
	MTLSMode  string `json:"mtls_mode,omitempty"` // off (default), passthrough, verify
	// IgnoreClientCertificateExpiry and AdvertiseCANames belong to mtls_mode verify.
	IgnoreClientCertificateExpiry bool `json:"ignore_client_certificate_expiry,omitempty"`
	AdvertiseCANames              bool `json:"advertise_ca_names,omitempty"`
	// TrustStore and RevocationLists belong to mtls_mode verify too: PEM text, the CA bundle and any number of lists. "" is the
	// lab's own client CAs and their lists.
	TrustStore      string `json:"trust_store,omitempty"`
	RevocationLists string `json:"revocation_lists,omitempty"`
	DefaultAction   Action `json:"default_action"`
	Certificate     string `json:"certificate,omitempty"` // rsa, ecdsa, both (default), rsa:3072:sha384, ...; see policy.ParseCertSet
}

// Action is a listener's default action. The zero value is a fixed response of 200 "alblab ok" (9 bytes, text/plain).
type Action struct {
	Type        string `json:"type,omitempty"` // fixed-response (default) or forward, to the lab's own target
	StatusCode  int    `json:"status_code,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	MessageBody string `json:"message_body,omitempty"`
}

// WAF is the web ACL: the managed IP-reputation group, then a rule that blocks by the address in a header, then the default.
type WAF struct {
	IPReputation       bool           `json:"ip_reputation"`                  // AWSManagedRulesAmazonIpReputationList
	BlockForwardedIPs  []netip.Prefix `json:"block_forwarded_ips,omitempty"`  // by the first address of the header
	ForwardedIPHeader  string         `json:"forwarded_ip_header,omitempty"`  // default X-Forwarded-For
	DefaultActionBlock bool           `json:"default_action_block,omitempty"` // false: allow
}

// Embedded holds the settings of the embedded lab only. The zero value is useful.
type Embedded struct {
	Seed         uint64         `json:"seed,omitempty"`
	WireProfile  string         `json:"wire_profile,omitempty"`  // reset (default) or alert-close
	Zones        int            `json:"zones,omitempty"`         // 1 or 2 (default)
	IPReputation []netip.Prefix `json:"ip_reputation,omitempty"` // contents of the managed list: AWS's are not public
	FlowFormat   string         `json:"flow_format,omitempty"`   // "" is the 14 default fields, then tcp-flags and more
	Capture      string         `json:"capture,omitempty"`       // full (default), hello, off
	IdleTimeout  int            `json:"idle_timeout,omitempty"`  // seconds, default 60
	// CertificateFaults is fault injection: a listener in verify mode refuses the good client certificate of a common name for
	// a reason that no certificate is known to provoke, ClientCertRejected or ClientCertCrlProcessingError.
	CertificateFaults map[string]string `json:"certificate_faults,omitempty"`
}

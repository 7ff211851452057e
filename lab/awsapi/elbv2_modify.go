package awsapi

import (
	"errors"
	"slices"

	"github.com/alblab/alblab/lab/policy"
)

// maxVerify is how many listeners of a load balancer may be in mode verify
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const maxVerify = 2

// notHere is a change that AWS would make and this lab cannot.
func notHere(what string) *apiError {
	return failure("OperationNotPermitted", "This operation is not allowed: the embedded lab cannot change %s", what)
}

// modifyListener changes a listener's security policy or mutual authentication. Whatever else it is given must be as it is.
func modifyListener(c *call) (out, error) {
	arn := c.in.str("ListenerArn")
	if arn == "" {
		return nil, required("listenerArn")
	}
	c.modify.Lock()
	defer c.modify.Unlock()
	l, err := c.listener(arn)
	if err != nil {
		return nil, err
	}
	if err := c.unchanged(l); err != nil {
		return nil, err
	}
	var ch Change
	if name := c.in.str("SslPolicy"); name != "" {
		// Names are matched as they are written; our own look-up is more lenient.
		if !slices.Contains(policy.Names(), name) {
			return nil, failure("SSLPolicyNotFound", "SSL policy '%s' not found", name)
		}
		ch.SSLPolicy = &name
	}
	if c.in.has("MutualAuthentication") {
		if ch.MTLS, err = c.mutualAuthentication(l); err != nil {
			return nil, err
		}
	}
	if *c.in.problem != nil {
		return nil, *c.in.problem
	}
	if err := c.account.ModifyListener(l.Name, ch); err != nil {
		var unknown *policy.UnknownError
		if errors.As(err, &unknown) {
			return nil, failure("SSLPolicyNotFound", "SSL policy '%s' not found", unknown.Name)
		}
		return nil, err
	}
	if c.modified != nil {
		c.modified(l.Name)
	}
	if l, err = c.listener(arn); err != nil {
		return nil, err
	}
	return out{{"Listeners", c.listenerList([]Listener{l})}}, nil
}

// unchanged refuses what the lab cannot change.
func (c *call) unchanged(l Listener) error {
	if p := c.in.num("Port", int64(l.Port)); p != int64(l.Port) {
		if p < 1 || p > 65535 {
			return constraint(p, "port", "between 1 and 65535")
		}
		return notHere("the port of a listener")
	}
	switch p := c.in.str("Protocol"); p {
	case "", "HTTPS":
	case "HTTP":
		return notHere("the protocol of a listener")
	case "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE":
		return failure("UnsupportedProtocol", "Protocol '%s' is not supported for load balancers with type 'application'", p)
	default:
		return invalid("Protocol '%s' must be one of 'HTTPS, HTTP'", p)
	}
	for _, cert := range c.in.structs("Certificates") {
		if a := cert.str("CertificateArn"); !slices.Contains(l.Certificates, a) {
			return failure("CertificateNotFound", "Certificate ARN '%s' is not valid", a)
		}
	}
	if c.in.has("AlpnPolicy") && len(c.in.list("AlpnPolicy")) > 0 {
		return failure("InvalidConfigurationRequest", "ALPN policy is not supported for listeners with protocol 'HTTPS'")
	}
	for _, a := range c.in.structs("DefaultActions") {
		if t := a.str("Type"); t != "" && t != c.actions(l.DefaultAction)[0].(out)[0].value {
			return notHere("the default action of a listener")
		}
	}
	return nil
}

// mutualAuthentication reads and checks the member of that name
// (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_MutualAuthenticationAttributes.html).
//
// Assumption: the wording of the errors; which ones there are follows from that page and the limits.
func (c *call) mutualAuthentication(l Listener) (*MTLS, error) {
	in := c.in.sub("MutualAuthentication")
	m := &MTLS{Mode: in.str("Mode"), TrustStore: in.str("TrustStoreArn"), IgnoreExpiry: in.flag("IgnoreClientCertificateExpiry")}
	switch v := in.str("AdvertiseTrustStoreCaNames"); v {
	case "", "off":
	case "on":
		m.AdvertiseCANames = true
	default:
		return nil, invalid("AdvertiseTrustStoreCaNames '%s' must be one of 'on, off'", v)
	}
	switch m.Mode {
	case "off", "passthrough":
		if m.TrustStore != "" || m.IgnoreExpiry || m.AdvertiseCANames {
			return nil, invalid("TrustStoreArn, IgnoreClientCertificateExpiry and AdvertiseTrustStoreCaNames cannot be used when the mutual authentication mode is '%s'", m.Mode)
		}
		return m, nil
	case "verify":
	default:
		return nil, invalid("Mutual authentication mode '%s' must be one of 'off, passthrough, verify'", m.Mode)
	}
	if m.TrustStore == "" {
		return nil, invalid("A trust store ARN must be specified when the mutual authentication mode is 'verify'")
	}
	if _, err := c.trustStore(m.TrustStore); err != nil {
		return nil, err
	}
	others := 0
	for _, o := range c.account.Listeners() {
		if o.MTLSMode == "verify" && o.Name != l.Name {
			others++
		}
	}
	if l.MTLSMode != "verify" && others >= maxVerify {
		return nil, failure("TooManyListeners", "The maximum number of listeners with mutual authentication mode 'verify' for load balancer '%s' has been reached", c.names.loadBalancer)
	}
	return m, nil
}

package embedded

import (
	"fmt"
	"maps"
	"slices"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/policy"
)

// The API's default, when a listener names no policy (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html).
const defaultPolicy = "ELBSecurityPolicy-2016-08"

// listener is a lab.Listener with its names resolved.
type listener struct {
	lab.Listener
	name   string
	policy *policy.Policy
	certs  policy.CertSet
	own    lab.Listener // as the Spec has it, whatever has been modified since
	store  string       // trust store that ModifyListener chose, by name; "": as the Spec has it
}

// resolve checks a Spec and resolves its names. Listeners come in the order of their names.
func resolve(spec lab.Spec) ([]listener, error) {
	if len(spec.Listeners) == 0 {
		return nil, fmt.Errorf("the spec has no listeners: name at least one")
	}
	var all []listener
	ports := map[uint16]string{}
	for _, name := range slices.Sorted(maps.Keys(spec.Listeners)) {
		l, err := resolveListener(name, spec.Listeners[name])
		if err != nil {
			return nil, fmt.Errorf("listener %s: %w", name, err)
		}
		if other, taken := ports[l.Port]; taken {
			return nil, fmt.Errorf("listener %s: port %d is taken by listener %s", name, l.Port, other)
		}
		ports[l.Port] = name
		all = append(all, l)
	}
	if e := spec.Embedded; e != nil {
		if err := oneOf("wire_profile", e.WireProfile, "", "reset", "alert-close"); err != nil {
			return nil, err
		}
		if err := oneOf("capture", e.Capture, "", "full", "hello", "off"); err != nil {
			return nil, err
		}
		if e.Zones < 0 || e.Zones > 2 {
			return nil, fmt.Errorf("zones: %d: the embedded lab has 1 or 2", e.Zones)
		}
		if e.IdleTimeout < 0 || e.IdleTimeout > 4000 {
			// 1 to 4000 s (docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html).
			return nil, fmt.Errorf("idle_timeout: %d: an ALB takes 1 to 4000 seconds", e.IdleTimeout)
		}
	}
	return all, nil
}

func resolveListener(name string, l lab.Listener) (listener, error) {
	r := listener{Listener: l, name: name, own: l}
	if l.Port == 0 {
		return r, fmt.Errorf("port is missing")
	}
	policyName := l.SSLPolicy
	if policyName == "" {
		policyName = defaultPolicy
	}
	var err error
	if r.policy, err = policy.ByName(policyName); err != nil {
		return r, fmt.Errorf("ssl_policy: %w", err)
	}
	if err := oneOf("mtls_mode", l.MTLSMode, "", "off", "passthrough", "verify"); err != nil {
		return r, err
	}
	if l.MTLSMode != "verify" && (l.IgnoreClientCertificateExpiry || l.AdvertiseCANames || l.TrustStore != "" || l.RevocationLists != "") {
		return r, fmt.Errorf("ignore_client_certificate_expiry, advertise_ca_names, trust_store and revocation_lists need mtls_mode verify")
	}
	if err := oneOf("default_action type", l.DefaultAction.Type, "", "fixed-response", "forward"); err != nil {
		return r, err
	}
	if s := l.DefaultAction.StatusCode; s != 0 && (s < 200 || s > 599) {
		return r, fmt.Errorf("default_action status_code: %d: a fixed response has 2XX, 4XX or 5XX", s)
	}
	if r.certs, err = policy.ParseCertSet(l.Certificate); err != nil {
		return r, fmt.Errorf("certificate: %w", err)
	}
	return r, nil
}

func oneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: unknown value %q: use one of %q", field, value, allowed[1:])
}

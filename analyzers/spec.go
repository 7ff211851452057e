package analyzers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

// spec is the part of a manifest's spec that helps to read the evidence.
type spec struct {
	Listeners map[string]struct {
		Port        uint16 `json:"port"`
		SSLPolicy   string `json:"ssl_policy"`
		MTLSMode    string `json:"mtls_mode"`
		Certificate string `json:"certificate"`
	} `json:"listeners"`
	Embedded *struct {
		IdleTimeout int `json:"idle_timeout"`
	} `json:"embedded"`
}

// defaultPolicy is what a listener has whose policy nobody chose (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html).
const defaultPolicy = "ELBSecurityPolicy-2016-08"

// withSpec adds the listeners of a manifest's spec to those given. What it cannot use it says in notes.
func withSpec(raw json.RawMessage, given map[uint16]Listener) (out map[uint16]Listener, notes []string) {
	if len(raw) == 0 {
		return given, nil
	}
	var s spec
	if err := json.Unmarshal(raw, &s); err != nil {
		return given, []string{fmt.Sprintf("the manifest's spec was not used: %v", err)}
	}
	out = map[uint16]Listener{}
	for _, name := range slices.Sorted(maps.Keys(s.Listeners)) {
		l := s.Listeners[name]
		k := Listener{MTLS: l.MTLSMode}
		if k.MTLS == "" {
			k.MTLS = "off"
		}
		if l.SSLPolicy == "" {
			l.SSLPolicy = defaultPolicy
		}
		var err error
		if k.Policy, err = policy.ByName(l.SSLPolicy); err != nil {
			notes = append(notes, fmt.Sprintf("listener %s: %v", name, err))
		}
		if l.Certificate == "" {
			l.Certificate = "both"
		}
		if k.Certs, err = policy.ParseCertSet(l.Certificate); err != nil {
			notes = append(notes, fmt.Sprintf("listener %s: %v", name, err))
		}
		out[l.Port] = k
	}
	maps.Copy(out, given)
	return out, notes
}

// fromManifest fills in what the options for joining leave open.
func fromManifest(co *correlate.Options, b *evidence.Bundle, listeners map[uint16]Listener) {
	if len(co.ListenerPorts) == 0 {
		co.ListenerPorts = slices.Sorted(maps.Keys(listeners))
	}
	if len(co.Addresses) == 0 {
		for _, s := range b.Manifest.Addresses {
			if a, err := netip.ParseAddr(s); err == nil {
				co.Addresses = append(co.Addresses, a)
			}
		}
	}
	if co.LoadBalancer == "" {
		co.LoadBalancer = b.Manifest.LoadBalancer
	}
	var s spec
	if co.IdleTimeout == 0 && json.Unmarshal(b.Manifest.Spec, &s) == nil && s.Embedded != nil {
		co.IdleTimeout = time.Duration(s.Embedded.IdleTimeout) * time.Second
	}
}

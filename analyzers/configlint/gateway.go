package configlint

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The controllers that make a load balancer of a Gateway, and the group of what customizes it.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/gateway/gateway/
const (
	albGatewayController = "gateway.k8s.aws/alb"
	nlbGatewayController = "gateway.k8s.aws/nlb"
	gatewayParameters    = "gateway.k8s.aws"
)

// takeGateway keeps an object of the Gateway API or of what customizes it. Other projects have objects of the same kinds: the group
// tells them apart.
func (c *cluster) takeGateway(kind string, o *object) {
	group, _, _ := strings.Cut(text(field(o.node, "apiVersion")), "/")
	switch {
	case kind == "LoadBalancerConfiguration" && group == gatewayParameters:
		c.settings[o.full()] = o
	case group != "gateway.networking.k8s.io" && group != "gateway.networking.x-k8s.io":
	case kind == "Gateway":
		c.gateways = append(c.gateways, o)
	case kind == "GatewayClass":
		c.gatewayClasses[o.name] = o
	case kind == "ListenerSet" || kind == "XListenerSet":
		c.listenerSets = append(c.listenerSets, o)
	}
}

// gatewaySettings is a LoadBalancerConfiguration that a Gateway or its class names.
type gatewaySettings struct {
	object  *object
	missing string // its name, if it is not among the files
}

// gateway makes the listeners of a Gateway. Source of the rules, and of mutual authentication, which is switched off wherever a
// LoadBalancerConfiguration does not say otherwise:
// https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/main/pkg/gateway/model/model_build_listener.go
//
// A listener that no route is attached to is not made; routes come and go, so they are not looked at.
func (c *cluster) gateway(o *object, def Value) {
	class := c.gatewayClasses[text(fields(o.node, "spec", "gatewayClassName"))]
	kind, ok := c.gatewayKind(o, class)
	if !ok {
		return
	}
	order := c.gatewaySettings(o, class)
	made := map[string]bool{}
	for _, l := range c.gatewayListeners(o) {
		port, protocol := text(field(l.node, "port")), strings.ToUpper(text(field(l.node, "protocol")))
		if kind == KindApplication && protocol != "HTTPS" || kind == KindNetwork && protocol != "TLS" || made[port] {
			continue // of several host names at one port there is one listener
		}
		made[port] = true
		at := l.doc.at(l.node)
		out := Listener{
			Address: "gateway " + strings.TrimPrefix(o.full(), "default/") + ":" + port, Kind: kind, Protocol: protocol, Port: port, At: at,
			Policy: def, MTLS: Value{Origin: OriginDefault, At: at},
		}
		out.Policy.At = at
		if kind == KindApplication {
			out.MTLS.Text, out.MTLS.Why = "off", "aws-load-balancer-controller switches it off"
		}
		c.customize(&out, order, protocol+":"+port)
		if mode := fields(l.node, "tls", "mode"); text(mode) == "Passthrough" {
			out.Policy = Value{Origin: OriginUnknown, Why: "what the controller makes of tls.mode Passthrough is not documented", At: l.doc.at(mode)}
		}
		c.result.Listeners = append(c.result.Listeners, out)
	}
}

// gatewayKind says which load balancer a Gateway becomes; ok is false where another controller serves it.
func (c *cluster) gatewayKind(o, class *object) (kind Kind, ok bool) {
	if class != nil {
		switch text(fields(class.node, "spec", "controllerName")) {
		case albGatewayController:
			return KindApplication, true
		case nlbGatewayController:
			return KindNetwork, true
		}
		return "", false
	}
	// The class is not in these files: its name and the parameters must tell.
	name := strings.ToLower(text(fields(o.node, "spec", "gatewayClassName")))
	switch {
	case strings.Contains(name, "nlb"):
		return KindNetwork, true
	case strings.Contains(name, "alb"):
		return KindApplication, true
	case text(fields(o.node, "spec", "infrastructure", "parametersRef", "group")) != gatewayParameters:
		return "", false
	}
	for _, l := range items(fields(o.node, "spec", "listeners")) {
		if strings.EqualFold(text(field(l, "protocol")), "TLS") {
			return KindNetwork, true
		}
	}
	return KindApplication, true
}

// gatewaySettings returns what customizes a Gateway, the one that goes before the other first: that of the class, unless it says
// otherwise. https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/gateway/loadbalancerconfig/
func (c *cluster) gatewaySettings(o, class *object) (order []gatewaySettings) {
	add := func(ref *yaml.Node, namespace string) {
		if text(field(ref, "group")) != gatewayParameters || text(field(ref, "kind")) != "LoadBalancerConfiguration" {
			return
		}
		name := cmp.Or(namespace, "default") + "/" + text(field(ref, "name"))
		s := gatewaySettings{object: c.settings[name]}
		if s.object == nil {
			s.missing = name
		}
		order = append(order, s)
	}
	if class != nil {
		ref := fields(class.node, "spec", "parametersRef")
		add(ref, text(field(ref, "namespace")))
	}
	ofClass := len(order) > 0
	add(fields(o.node, "spec", "infrastructure", "parametersRef"), o.namespace)
	if ofClass && order[0].object != nil && text(fields(order[0].object.node, "spec", "mergingMode")) == "prefer-gateway" {
		slices.Reverse(order)
	}
	return order
}

// customize sets what a LoadBalancerConfiguration says of a listener: the first that knows it, as a whole.
func (c *cluster) customize(l *Listener, order []gatewaySettings, key string) {
	for _, s := range order {
		if s.missing != "" {
			unknown := Value{Origin: OriginUnknown, Why: "the LoadBalancerConfiguration " + s.missing + " is not among the files", At: l.At}
			l.Policy, l.MTLS = unknown, unknown
			return
		}
		for _, n := range items(fields(s.object.node, "spec", "listenerConfigurations")) {
			if !strings.EqualFold(text(field(n, "protocolPort")), key) {
				continue
			}
			if p := field(n, "sslPolicy"); text(p) != "" {
				l.Policy = Value{Origin: OriginSet, Text: text(p), At: s.object.doc.at(p)}
			}
			if m := fields(n, "mutualAuthentication", "mode"); text(m) != "" && l.Kind == KindApplication { // "Only applies to Application LoadBalancer Gateways"
				l.MTLS = Value{Origin: OriginSet, Text: text(m), At: s.object.doc.at(m)}
			}
			return
		}
	}
}

// gatewayListener is a listener of a Gateway, its own or one of a ListenerSet.
type gatewayListener struct {
	doc  *document
	node *yaml.Node
}

// gatewayListeners returns a Gateway's own listeners, then those of ListenerSets that it allows.
// Assumption: a namespace has the labels that a selector asks for, which these files seldom tell.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/gateway/listenersets/
func (c *cluster) gatewayListeners(o *object) (list []gatewayListener) {
	for _, n := range items(fields(o.node, "spec", "listeners")) {
		list = append(list, gatewayListener{o.doc, n})
	}
	from := text(fields(o.node, "spec", "allowedListeners", "namespaces", "from"))
	if from == "" || from == "None" {
		return list
	}
	for _, s := range c.listenerSets {
		ref := fields(s.node, "spec", "parentRef")
		parent := cmp.Or(text(field(ref, "namespace")), s.namespace, "default") + "/" + text(field(ref, "name"))
		same := cmp.Or(s.namespace, "default") == cmp.Or(o.namespace, "default")
		if kind := text(field(ref, "kind")); parent != o.full() || kind != "" && kind != "Gateway" || from == "Same" && !same {
			continue
		}
		for _, n := range items(fields(s.node, "spec", "listeners")) {
			list = append(list, gatewayListener{s.doc, n})
		}
	}
	return list
}

package configlint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// IngressOptions say what the manifests do not.
type IngressOptions struct {
	DefaultPolicy string // the controller's --default-ssl-policy; "": the manifests' own, else the flag's default
	Before        string // the same manifests as they were, to find mutual authentication that was removed; "": none
}

// Ingress reads Kubernetes manifests, a file or all of a folder: Ingress, IngressClass, IngressClassParams, Service, and of the
// Gateway API Gateway, GatewayClass, ListenerSet and LoadBalancerConfiguration, as aws-load-balancer-controller does, and the
// controller's own Deployment for its flags. Templates must be rendered before.
func Ingress(path string, o *IngressOptions) (*Result, error) {
	if o == nil {
		o = &IngressOptions{}
	}
	r, err := ingress(path, o)
	if err != nil {
		return nil, err
	}
	if o.Before != "" {
		old, err := ingress(o.Before, &IngressOptions{DefaultPolicy: o.DefaultPolicy})
		if err != nil {
			return nil, err
		}
		r.removedSince(old)
	}
	return r.finish(), nil
}

func ingress(path string, o *IngressOptions) (*Result, error) {
	names, err := disk{}.find(path, ".yaml", ".yml", ".json")
	if err != nil {
		return nil, err
	}
	r := &Result{}
	c := newCluster(r)
	for _, name := range names {
		b, err := disk{}.read(name)
		if err != nil {
			return nil, err
		}
		r.Files++
		c.manifests(name, b)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no manifest in %s: no file that ends in .yaml, .yml or .json", path)
	}
	c.listeners(o.DefaultPolicy)
	return r, nil
}

// object is one Kubernetes object.
type object struct {
	doc             *document
	node            *yaml.Node
	name, namespace string
}

func (o *object) full() string { return cmp.Or(o.namespace, "default") + "/" + o.name }

// annotation returns an annotation's text and where it stands.
func (o *object) annotation(key string) (string, Position, bool) {
	n := fields(o.node, "metadata", "annotations", key)
	if n == nil {
		return "", Position{}, false
	}
	return text(n), o.doc.at(n), true
}

func (o *object) at() Position { return o.doc.at(o.node) }

// cluster is what the manifests together say.
type cluster struct {
	result    *Result
	ingresses []*object
	services  []*object
	classes   map[string]*object // IngressClass
	params    map[string]*object // IngressClassParams
	def       Value              // the controller's --default-ssl-policy, if a Deployment says it

	gateways       []*object
	listenerSets   []*object
	gatewayClasses map[string]*object // GatewayClass
	settings       map[string]*object // LoadBalancerConfiguration, by namespace and name
}

func newCluster(r *Result) *cluster {
	return &cluster{result: r, classes: map[string]*object{}, params: map[string]*object{}, gatewayClasses: map[string]*object{}, settings: map[string]*object{}}
}

func (c *cluster) manifests(name string, b []byte) {
	for _, d := range c.result.documents(name, b) {
		c.take(d, d.root, 0)
	}
}

func (c *cluster) take(d *document, n *yaml.Node, depth int) {
	n = follow(n)
	o := &object{doc: d, node: n, name: text(fields(n, "metadata", "name")), namespace: text(fields(n, "metadata", "namespace"))}
	switch kind := text(field(n, "kind")); kind {
	case "Ingress":
		c.ingresses = append(c.ingresses, o)
	case "Service":
		c.services = append(c.services, o)
	case "IngressClass":
		c.classes[o.name] = o
	case "IngressClassParams":
		c.params[o.name] = o
	case "Deployment":
		c.deployment(o)
	case "Gateway", "GatewayClass", "LoadBalancerConfiguration", "ListenerSet", "XListenerSet":
		c.takeGateway(kind, o)
	default:
		if strings.HasSuffix(kind, "List") && depth < 3 {
			for _, item := range items(field(n, "items")) {
				c.take(d, item, depth+1)
			}
		}
	}
}

// deployment looks for the controller's flag.
func (c *cluster) deployment(o *object) {
	for _, container := range items(fields(o.node, "spec", "template", "spec", "containers")) {
		args := slices.Concat(items(field(container, "args")), items(field(container, "command")))
		for i, a := range args {
			v, ok := strings.CutPrefix(text(a), "--default-ssl-policy")
			switch {
			case !ok:
			case strings.HasPrefix(v, "="):
				c.def = Value{Origin: OriginDefault, Text: v[1:], Why: "the controller's --default-ssl-policy at " + o.doc.at(a).String()}
			case v == "" && i+1 < len(args):
				c.def = Value{Origin: OriginDefault, Text: text(args[i+1]), Why: "the controller's --default-ssl-policy at " + o.doc.at(a).String()}
			}
		}
	}
}

// listeners makes the listeners of all objects.
func (c *cluster) listeners(flag string) {
	def := Value{Origin: OriginDefault, Text: controllerDefault, Why: whyController}
	if c.def.Text != "" {
		def = c.def
	}
	if flag != "" {
		def = Value{Origin: OriginDefault, Text: flag, Why: "the --default-ssl-policy that was given here"}
	}
	groups := map[string]map[int][]*ingressPort{}
	var order []string
	for _, o := range c.ingresses {
		class, auto, ok := c.class(o)
		if !ok {
			continue
		}
		group := o.full()
		if g, _, has := o.annotation(albPrefix + "group.name"); has {
			group = "group " + g
		}
		if p := text(fields(class, "spec", "group", "name")); p != "" {
			group = "group " + p
		}
		if groups[group] == nil {
			groups[group] = map[int][]*ingressPort{}
			order = append(order, group)
		}
		for _, p := range c.ports(o, class) {
			p.auto = auto
			groups[group][p.port] = append(groups[group][p.port], p)
		}
	}
	for _, g := range order {
		for _, ports := range groups[g] {
			c.merge(g, ports, def)
		}
	}
	for _, o := range c.services {
		c.service(o, def)
	}
	for _, o := range c.gateways {
		c.gateway(o, def)
	}
}

const albPrefix = "alb.ingress.kubernetes.io/"

// The controllers that make an Application Load Balancer of an Ingress: aws-load-balancer-controller, and EKS Auto Mode's.
// https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
const (
	albController  = "ingress.k8s.aws/alb"
	autoController = "eks.amazonaws.com/alb"
)

// class finds the IngressClassParams of an Ingress; ok is false where another controller serves it.
func (c *cluster) class(o *object) (params *yaml.Node, auto, ok bool) {
	name := text(fields(o.node, "spec", "ingressClassName"))
	if old, _, has := o.annotation("kubernetes.io/ingress.class"); has && name == "" {
		return nil, false, old == "alb"
	}
	class := c.classes[name]
	if name == "" {
		for _, n := range sortedKeys(c.classes) {
			if v, _, _ := c.classes[n].annotation("ingressclass.kubernetes.io/is-default-class"); isTrue(v) {
				class = c.classes[n]
			}
		}
	}
	if class == nil { // the class is not in these files: its name or the annotations must tell
		return nil, false, strings.Contains(strings.ToLower(name), "alb") || hasALB(o)
	}
	controller := text(fields(class.node, "spec", "controller"))
	if p := c.params[text(fields(class.node, "spec", "parameters", "name"))]; p != nil {
		params = p.node
	}
	return params, controller == autoController, controller == albController || controller == autoController
}

func sortedKeys(m map[string]*object) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func hasALB(o *object) bool {
	list := items(fields(o.node, "metadata", "annotations"))
	for i := 0; i < len(list); i += 2 {
		if strings.HasPrefix(list[i].Value, albPrefix) {
			return true
		}
	}
	return false
}

// ingressPort is what one Ingress says of one HTTPS port.
type ingressPort struct {
	object *object
	port   int
	auto   bool
	policy Value // OriginDefault: it names none
	mtls   Value
}

// ports reads an Ingress's HTTPS ports. IngressClassParams go before annotations. Source of the rules:
// https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/main/pkg/ingress/model_build_listener.go
func (c *cluster) ports(o *object, params *yaml.Node) []*ingressPort {
	_, _, cert := o.annotation(albPrefix + "certificate-arn")
	cert = cert || len(items(fields(params, "spec", "certificateArn"))) > 0 || len(items(fields(params, "spec", "certificateARNs"))) > 0
	var numbers []int
	if raw, at, has := o.annotation(albPrefix + "listen-ports"); has {
		var entries []map[string]int
		if err := json.Unmarshal([]byte(raw), &entries); err != nil {
			c.result.problem(at, "annotation %slisten-ports: %q is not like [{\"HTTPS\":443}]", albPrefix, cutText(raw))
		}
		for _, e := range entries {
			if n, ok := e["HTTPS"]; ok {
				numbers = append(numbers, n)
			}
		}
	} else if cert {
		numbers = []int{443}
	}
	policy := Value{Origin: OriginDefault, At: o.at()}
	if v, at, has := o.annotation(albPrefix + "ssl-policy"); has {
		policy = Value{Origin: OriginSet, Text: v, At: at}
	}
	if n := fields(params, "spec", "sslPolicy"); text(n) != "" {
		policy = Value{Origin: OriginSet, Text: text(n), At: c.params[text(fields(params, "metadata", "name"))].doc.at(n)}
	}
	mtls := c.mutual(o)
	slices.Sort(numbers)
	var out []*ingressPort
	for _, n := range slices.Compact(numbers) {
		out = append(out, &ingressPort{object: o, port: n, policy: policy, mtls: mtls(n)})
	}
	return out
}

func cutText(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}

// mutual reads the annotation of mutual authentication, by port. Where it is left out, the controller sends "off" for port
// 443, and nothing for any other port: computeIngressMutualAuthentication of the file named at ports.
func (c *cluster) mutual(o *object) func(port int) Value {
	raw, at, has := o.annotation(albPrefix + "mutual-authentication")
	if !has {
		return func(port int) Value {
			v := Value{Origin: OriginDefault, At: o.at()}
			if port == 443 {
				v.Text, v.Why = "off", "aws-load-balancer-controller switches it off on port 443"
			}
			return v
		}
	}
	var entries []struct {
		Port int
		Mode string
	}
	if err := json.Unmarshal([]byte(raw), &entries); err != nil {
		c.result.problem(at, "annotation %smutual-authentication: %q is not like [{\"port\":443,\"mode\":\"verify\",...}]", albPrefix, cutText(raw))
		return func(int) Value { return Value{Origin: OriginUnknown, Why: "the annotation is damaged", At: at} }
	}
	return func(port int) Value {
		for _, e := range entries {
			if e.Port == port {
				return Value{Origin: OriginSet, Text: e.Mode, At: at}
			}
		}
		return Value{Origin: OriginDefault, At: at}
	}
}

// merge makes the listener of a group's port. All that name a policy must name the same.
func (c *cluster) merge(group string, ports []*ingressPort, def Value) {
	first := ports[0]
	l := Listener{
		Address: strings.TrimPrefix(group, "default/") + ":" + strconv.Itoa(first.port), Kind: KindApplication, Protocol: "HTTPS",
		Port: strconv.Itoa(first.port), At: first.object.at(), Policy: first.policy, MTLS: first.mtls,
	}
	for _, p := range ports {
		switch {
		case p.policy.Origin == OriginDefault:
		case l.Policy.Origin == OriginDefault:
			l.Policy = p.policy
		case l.Policy.Text != p.policy.Text:
			c.result.find(RuleConflict, p.policy.At, l.Address,
				fmt.Sprintf("the policy is %s here and %s at %s", p.policy.Text, l.Policy.Text, l.Policy.At))
		}
		if l.MTLS.Origin == OriginDefault && p.mtls.Origin != OriginDefault {
			l.MTLS = p.mtls
		}
	}
	if l.Policy.Origin == OriginDefault {
		at := l.Policy.At
		l.Policy = def
		l.Policy.At = at
		if first.auto {
			l.Policy = Value{Origin: OriginUnknown, Why: "the default of EKS Auto Mode is not documented", At: at}
		}
	}
	if first.auto && l.MTLS.Origin == OriginDefault {
		l.MTLS = Value{Origin: OriginUnknown, Why: "what EKS Auto Mode does is not documented", At: l.MTLS.At}
	}
	if l.MTLS.Origin == OriginDefault && !l.MutualOff() && c.usesMutual() {
		l.MutualLeftOut = fmt.Sprintf("no mutual-authentication for port %s: the controller switches it off by itself on port 443 alone; write [{\"port\":%s,\"mode\":\"off\"}]", l.Port, l.Port)
	}
	c.result.Listeners = append(c.result.Listeners, l)
}

// usesMutual tells whether mutual authentication occurs in the manifests at all.
func (c *cluster) usesMutual() bool {
	return slices.ContainsFunc(c.ingresses, func(o *object) bool {
		_, _, has := o.annotation(albPrefix + "mutual-authentication")
		return has
	})
}

const servicePrefix = "service.beta.kubernetes.io/aws-load-balancer-"

// service makes the TLS listeners of a Network Load Balancer.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/
func (c *cluster) service(o *object, def Value) {
	kind, _, _ := o.annotation(servicePrefix + "type")
	class := text(fields(o.node, "spec", "loadBalancerClass"))
	ours := kind == "external" || kind == "nlb-ip" || class == "service.k8s.aws/nlb" || class == "eks.amazonaws.com/nlb"
	_, _, cert := o.annotation(servicePrefix + "ssl-cert")
	if text(fields(o.node, "spec", "type")) != "LoadBalancer" || !ours || !cert {
		return
	}
	policy := def
	policy.At = o.at()
	if v, at, has := o.annotation(servicePrefix + "ssl-negotiation-policy"); has {
		policy = Value{Origin: OriginSet, Text: v, At: at}
	}
	only, _, limited := o.annotation(servicePrefix + "ssl-ports")
	names := strings.Split(strings.ReplaceAll(only, " ", ""), ",")
	for _, p := range items(fields(o.node, "spec", "ports")) {
		port, name := text(field(p, "port")), text(field(p, "name"))
		if limited && only != "*" && !slices.Contains(names, port) && (name == "" || !slices.Contains(names, name)) {
			continue
		}
		c.result.Listeners = append(c.result.Listeners, Listener{
			Address: strings.TrimPrefix(o.full(), "default/") + ":" + port, Kind: KindNetwork, Protocol: "TLS", Port: port, At: o.at(),
			Policy: policy, MTLS: Value{Origin: OriginDefault, At: o.at()},
		})
	}
}

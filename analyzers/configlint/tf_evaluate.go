package configlint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// maxInstances bounds what count, for_each and modules can make.
const maxInstances = 10000

// evaluate finds the listeners of a module and of those that it calls. Address is the module's, "module.web.", and key the
// names of the calls.
func (l *tfLoader) evaluate(m *tfModule, given map[string]cty.Value, address string, key []string) {
	s := l.scope(m, given)
	for _, b := range m.listeners {
		name := address + b.Labels[0] + "." + b.Labels[1]
		s.instances(b.Body, name, func(inner *tfScope, name string) { inner.listener(b, name) })
	}
	for _, c := range m.calls {
		name := address + "module." + c.Labels[0]
		path := append(slices.Clip(key), c.Labels[0])
		if len(path) > 20 {
			l.result.problem(position(c.DefRange), "modules call each other more than 20 deep")
			continue
		}
		s.instances(c.Body, name, func(inner *tfScope, name string) { l.call(inner, c, name, path) })
	}
}

// instances calls make for each instance that count or for_each ask for; once, with unknown each and count, where they are
// not known.
func (s *tfScope) instances(body hcl.Body, name string, make func(*tfScope, string)) {
	content, _, _ := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "count"}, {Name: "for_each"}}})
	one := func(suffix string, each map[string]cty.Value) {
		s.loader.instances++
		if s.loader.instances > maxInstances {
			return
		}
		inner := *s
		inner.each = each
		make(&inner, name+suffix)
	}
	if a := content.Attributes["count"]; a != nil {
		text, known := asText(s.value(a.Expr))
		var n int
		if _, err := fmt.Sscanf(text, "%d", &n); !known || err != nil {
			one("[*]", map[string]cty.Value{"count": cty.DynamicVal})
			return
		}
		for i := range min(n, maxInstances) {
			one(fmt.Sprintf("[%d]", i), map[string]cty.Value{"count": cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(i))})})
		}
		return
	}
	a := content.Attributes["for_each"]
	if a == nil {
		one("", nil)
		return
	}
	all := s.value(a.Expr)
	if !all.IsKnown() || all.IsNull() || !all.CanIterateElements() {
		one("[*]", map[string]cty.Value{"each": cty.DynamicVal})
		return
	}
	for it := all.ElementIterator(); it.Next(); {
		k, v := it.Element()
		if all.Type().IsSetType() {
			k = v
		}
		text, _ := asText(k)
		one(fmt.Sprintf("[%q]", text), map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": k, "value": v})})
	}
}

var callSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
	{Name: "source"}, {Name: "version"}, {Name: "count"}, {Name: "for_each"}, {Name: "providers"}, {Name: "depends_on"},
}}

// call evaluates a module that is called: a local folder, one that is installed, or a published one whose defaults are known.
func (l *tfLoader) call(s *tfScope, b *hcl.Block, address string, path []string) {
	content, rest, _ := b.Body.PartialContent(callSchema)
	at := position(b.DefRange)
	source := s.setting(content.Attributes["source"], at).Text
	attrs, _ := rest.JustAttributes()
	dir := ""
	if strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		dir = filepath.Join(s.module.dir, filepath.FromSlash(source))
	} else if at, ok := l.installed[strings.Join(path, ".")]; ok {
		dir = at
	}
	if dir != "" {
		m, err := l.load(dir)
		if err != nil {
			l.result.problem(at, "module %s: %v", b.Labels[0], err)
			return
		}
		given := map[string]cty.Value{}
		for name, a := range attrs {
			given[name] = s.value(a.Expr)
		}
		l.evaluate(m, given, address+".", path)
		return
	}
	version := s.setting(content.Attributes["version"], at).Text
	switch registry := strings.TrimPrefix(source, "registry.terraform.io/"); registry {
	case "terraform-aws-modules/alb/aws":
		s.publishedALB(attrs, version, address, at)
	case "cloudposse/alb/aws":
		s.cloudposseALB(attrs, version, address, at)
	default:
		if makesListeners(source, attrs) {
			l.result.find(RuleModule, at, "", fmt.Sprintf("module %s (%s) is not read: its code is not here", address, orNone(source)))
		}
	}
}

// makesListeners tells a module that seems to make load balancers.
func makesListeners(source string, attrs hcl.Attributes) bool {
	for name := range attrs {
		if strings.Contains(name, "ssl_policy") || strings.Contains(name, "listener") {
			return true
		}
	}
	s := strings.ToLower(source)
	return strings.Contains(s, "alb") || strings.Contains(s, "load-balancer") || strings.Contains(s, "elbv2")
}

// publishedALB reads the arguments of terraform-aws-modules/alb/aws: from version 9 on a map of listeners, before that a list
// https_listeners. https://registry.terraform.io/modules/terraform-aws-modules/alb/aws
func (s *tfScope) publishedALB(attrs hcl.Attributes, version, address string, at Position) {
	def, why := moduleDefault(version)
	if a := attrs["listener_ssl_policy_default"]; a != nil {
		if v := s.setting(a, at); v.Origin == OriginSet {
			def, why = v.Text, "the call's listener_ssl_policy_default"
		}
	}
	for _, name := range []string{"https_listeners", "listeners"} {
		a := attrs[name]
		if a == nil {
			continue
		}
		resource := address + ".aws_lb_listener.this"
		if name == "https_listeners" {
			resource = address + ".aws_lb_listener.frontend_https"
		}
		list := s.value(a.Expr)
		here := position(a.Expr.Range())
		if !list.IsKnown() || list.IsNull() || !list.CanIterateElements() {
			s.loader.result.Listeners = append(s.loader.result.Listeners, Listener{
				Address: resource + "[*]", Kind: KindApplication, Protocol: "HTTPS", At: at,
				Policy: Value{Origin: OriginUnknown, Why: s.unresolved(a.Expr), At: here},
				MTLS:   Value{Origin: OriginUnknown, Why: s.unresolved(a.Expr), At: here},
			})
			continue
		}
		i := 0
		for it := list.ElementIterator(); it.Next(); i++ {
			k, e := it.Element()
			text, ok := asText(k)
			suffix := fmt.Sprintf("[%q]", text)
			if !ok || k.Type() == cty.Number {
				suffix = fmt.Sprintf("[%d]", i)
			}
			s.moduleListener(e, resource+suffix, name == "https_listeners", def, why, place(a.Expr, text, here))
		}
	}
}

// place finds where an element of a map that is written out stands.
func place(e hcl.Expression, key string, otherwise Position) Position {
	pairs, diags := hcl.ExprMap(e)
	if diags.HasErrors() {
		return otherwise
	}
	for _, p := range pairs {
		if hcl.ExprAsKeyword(p.Key) == key {
			return position(p.Key.Range())
		}
		if v, diags := p.Key.Value(nil); !diags.HasErrors() {
			if t, ok := asText(v); ok && t == key {
				return position(p.Key.Range())
			}
		}
	}
	return otherwise
}

// moduleListener makes a listener of one element of the module's argument.
func (s *tfScope) moduleListener(e cty.Value, address string, https bool, def, why string, at Position) {
	unknown := func() string { return "the listener's arguments are not known" }
	protocol := asValue(member(e, "protocol"), at, unknown)
	name := strings.ToUpper(protocol.Text)
	if name == "" && (https || protocol.Origin == OriginUnknown) {
		name = "HTTPS"
	}
	if name != "HTTPS" && name != "TLS" { // the module's default_protocol is HTTP
		return
	}
	l := Listener{Address: address, Kind: KindApplication, Protocol: name, At: at, Port: asValue(member(e, "port"), at, unknown).Text}
	if name == "TLS" {
		l.Kind = KindNetwork
	}
	l.Policy = asValue(member(e, "ssl_policy"), at, unknown)
	if l.Policy.Origin == OriginSet && l.Policy.Text == "" { // try hands it on, coalesce does not
		l.Policy.Origin, l.Policy.Why = OriginUnknown, "it is empty, and what the module makes of that differs from version to version"
	}
	if l.Policy.Origin == OriginDefault {
		l.Policy.Text, l.Policy.Why = def, why
		if def == "" {
			l.Policy.Origin = OriginUnknown
		}
	}
	l.MTLS = asValue(member(e, "mutual_authentication"), at, unknown)
	if mutual := member(e, "mutual_authentication"); mutual.IsKnown() && !mutual.IsNull() {
		l.MTLS = asValue(member(mutual, "mode"), at, unknown)
	}
	s.loader.result.Listeners = append(s.loader.result.Listeners, l)
}

// member returns an attribute of an object or map: null where it has none, unknown where the object is.
func member(v cty.Value, name string) cty.Value {
	switch t := v.Type(); {
	case !v.IsKnown():
		return cty.DynamicVal
	case v.IsNull():
		return cty.NullVal(cty.DynamicPseudoType)
	case t.IsObjectType() && t.HasAttribute(name):
		return v.GetAttr(name)
	case t.IsMapType() && v.HasIndex(cty.StringVal(name)).RawEquals(cty.True):
		return v.Index(cty.StringVal(name))
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// cloudposseALB reads the arguments of cloudposse/alb/aws: one listener, if https_enabled says so.
// https://registry.terraform.io/modules/cloudposse/alb/aws
func (s *tfScope) cloudposseALB(attrs hcl.Attributes, version, address string, at Position) {
	enabled := s.setting(attrs["https_enabled"], at)
	if enabled.Origin == OriginDefault || enabled.Text == "false" {
		return
	}
	l := Listener{Address: address + ".aws_lb_listener.https", Kind: KindApplication, Protocol: "HTTPS", At: at}
	l.Port = s.setting(attrs["https_port"], at).Text
	l.MTLS = Value{Origin: OriginDefault, At: at}
	l.Policy = s.setting(attrs["https_ssl_policy"], at)
	if l.Policy.Origin == OriginDefault {
		if l.Policy.Text, l.Policy.Why = cloudposseDefault(version); l.Policy.Text == "" {
			l.Policy.Origin = OriginUnknown
		}
	}
	s.loader.result.Listeners = append(s.loader.result.Listeners, l)
}

package configlint

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// listener reads one instance of an aws_lb_listener.
func (s *tfScope) listener(b *hcl.Block, address string) {
	content, _, _ := b.Body.PartialContent(listenerSchema)
	attrs := content.Attributes
	at := position(b.DefRange)
	protocol := s.setting(attrs["protocol"], at)
	name := strings.ToUpper(protocol.Text)
	leftOut := protocol.leftOut() && s.httpsByCertificate(attrs, at)
	switch {
	case leftOut:
		name = "HTTPS"
		s.loader.result.find(RuleNoProtocol, at, address, byCertificate)
	case protocol.Origin == OriginUnknown && (attrs["ssl_policy"] != nil || attrs["certificate_arn"] != nil):
		if ssl := s.setting(attrs["ssl_policy"], at); ssl.Origin == OriginDefault && attrs["ssl_policy"] != nil {
			return // null by an expression that knows more of the protocol than we do
		}
		name = "HTTPS"
	case protocol.Origin == OriginUnknown:
		return // nothing tells that it speaks TLS
	case name != "HTTPS" && name != "TLS":
		return
	}
	l := Listener{Address: address, Kind: KindApplication, Protocol: name, Port: s.setting(attrs["port"], at).Text, At: at}
	if name == "TLS" {
		l.Kind = KindNetwork
	}
	if l.Policy = s.setting(attrs["ssl_policy"], at); l.Policy.leftOut() {
		l.Policy.Origin = OriginDefault
	}
	l.MTLS, l.MutualLeftOut = s.mutual(content, at)
	for _, v := range []*Value{&l.Policy, &l.MTLS} {
		if v.Origin == OriginDefault && s.loader.result.damaged[at.File] {
			v.Origin, v.Why = OriginUnknown, "the file is damaged"
		}
	}
	if l.Policy.Origin == OriginDefault {
		l.Policy.Text, l.Policy.Why = apiDefault, whyTerraform
	}
	s.loader.result.Listeners = append(s.loader.result.Listeners, l)
}

var listenerSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "port"}, {Name: "protocol"}, {Name: "ssl_policy"}, {Name: "certificate_arn"}, {Name: "load_balancer_arn"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "mutual_authentication"}, {Type: "dynamic", LabelNames: []string{"type"}}},
}

// byCertificate says what becomes of a listener that names no protocol, at an Application Load Balancer. "Default to HTTP for
// Application Load Balancers if no protocol specified and no certificate ARN is present"; versions before that have "Keep previous
// default of HTTP for Application Load Balancers".
// https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/elbv2/listener.go
const byCertificate = "no protocol is named: with a certificate, recent versions of Terraform's provider make it HTTPS, older ones HTTP; write protocol = \"HTTPS\""

// httpsByCertificate says whether a listener that names no protocol becomes one of HTTPS.
func (s *tfScope) httpsByCertificate(attrs hcl.Attributes, at Position) bool {
	if s.setting(attrs["certificate_arn"], at).leftOut() {
		return false
	}
	balancer := s.setting(attrs["load_balancer_arn"], at).Text // as far as it is written out
	return !strings.Contains(balancer, "loadbalancer/net/") && !strings.Contains(balancer, "loadbalancer/gwy/")
}

// leftOut says whether Terraform's provider takes the setting for one that is not there: it asks with GetOk of its SDK, which
// an empty text does not pass, no more than null does.
// https://pkg.go.dev/github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema#ResourceData.GetOk
func (v Value) leftOut() bool {
	return v.Origin == OriginDefault || v.Origin == OriginSet && v.Text == ""
}

// setting reads an attribute as a text. One that is not there or null is OriginDefault, with an empty text.
func (s *tfScope) setting(a *hcl.Attribute, listener Position) Value {
	if a == nil {
		return Value{Origin: OriginDefault, At: listener}
	}
	at := position(a.Expr.Range())
	return asValue(s.value(a.Expr), at, func() string { return s.unresolved(a.Expr) })
}

// asValue makes a text of a value of any simple type.
func asValue(v cty.Value, at Position, why func() string) Value {
	text, known := asText(v)
	switch {
	case v.IsKnown() && v.IsNull():
		return Value{Origin: OriginDefault, At: at}
	case !known:
		return Value{Origin: OriginUnknown, Why: why(), At: at}
	}
	return Value{Origin: OriginSet, Text: text, At: at}
}

func asText(v cty.Value) (string, bool) {
	if !v.IsKnown() || v.IsNull() {
		return "", false
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Number:
		return v.AsBigFloat().Text('f', 0), true
	case cty.Bool:
		return fmt.Sprint(v.True()), true
	}
	return "", false
}

// Terraform's attribute is computed where the block is left out: nothing is sent, and what is there stays. "Listeners that
// already exist keep theirs" holds for the policy as well. See also
// https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2497 for the same in CloudFormation.
const (
	leftOutSwitch = "the mutual_authentication block is left out by its condition, which does not switch mutual TLS off where it was on: write mode = \"off\" instead"
	leftOutStore  = "there is a trust store, and this listener has no mutual_authentication block, which does not switch mutual TLS off where it was on: write mode = \"off\""
)

// mutual reads the mutual_authentication block, written out or dynamic.
func (s *tfScope) mutual(content *hcl.BodyContent, at Position) (v Value, leftOut string) {
	v = Value{Origin: OriginDefault, At: at}
	for _, b := range content.Blocks {
		switch {
		case b.Type == "mutual_authentication":
			return s.mode(b.Body, position(b.DefRange)), ""
		case b.Labels[0] == "mutual_authentication":
			return s.dynamicMutual(b)
		}
	}
	if len(s.module.stores) > 0 {
		leftOut = leftOutStore
	}
	return v, leftOut
}

// mode reads what is in the block.
func (s *tfScope) mode(body hcl.Body, at Position) Value {
	content, _, _ := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "mode"}}})
	v := s.setting(content.Attributes["mode"], at)
	if v.Origin == OriginDefault { // a block without a mode, which the provider refuses
		return Value{Origin: OriginUnknown, Why: "the block names no mode", At: at}
	}
	return v
}

// dynamicMutual reads a dynamic block: none, or one for the first element.
func (s *tfScope) dynamicMutual(b *hcl.Block) (v Value, leftOut string) {
	at := position(b.DefRange)
	content, _, _ := b.Body.PartialContent(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "for_each"}, {Name: "iterator"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
	})
	each := content.Attributes["for_each"]
	if each == nil || len(content.Blocks) == 0 {
		return Value{Origin: OriginUnknown, Why: "the dynamic block is not whole", At: at}, ""
	}
	list := s.value(each.Expr)
	if !list.IsKnown() || list.IsNull() || !list.CanIterateElements() {
		return Value{Origin: OriginUnknown, Why: s.unresolved(each.Expr), At: at}, ""
	}
	iterator := "mutual_authentication"
	if it := content.Attributes["iterator"]; it != nil {
		if t, diags := hcl.AbsTraversalForExpr(it.Expr); !diags.HasErrors() {
			iterator = t.RootName()
		}
	}
	if it := list.ElementIterator(); it.Next() {
		k, e := it.Element()
		inner := *s
		inner.each = map[string]cty.Value{iterator: cty.ObjectVal(map[string]cty.Value{"key": k, "value": e})}
		for name, v := range s.each {
			inner.each[name] = v
		}
		return inner.mode(content.Blocks[0].Body, at), ""
	}
	return Value{Origin: OriginDefault, At: at}, leftOutSwitch
}

// removedSince finds mutual authentication that the configuration had and has no more.
func (r *Result) removedSince(old *Result) {
	was := map[string]Value{}
	for _, l := range old.Listeners {
		was[l.Address] = l.MTLS
	}
	for i := range r.Listeners {
		l := &r.Listeners[i]
		w, ok := was[l.Address]
		on := w.Origin == OriginUnknown || w.Origin == OriginSet && w.Text != "off"
		if !ok || !on || l.MTLS.Origin != OriginDefault || l.MutualOff() {
			continue
		}
		mode := w.Text
		if mode == "" {
			mode = "something that is not known"
		}
		l.MutualLeftOut = ""
		r.find(RuleMutualRemoved, l.MTLS.At, l.Address,
			fmt.Sprintf("mutual authentication was %s (%s) and is only left out now: the listener keeps it on", mode, w.At))
	}
}

// MutualOff reports whether the tool switches mutual authentication off where it is left out, as
// aws-load-balancer-controller does for port 443.
func (l *Listener) MutualOff() bool { return l.MTLS.Origin == OriginDefault && l.MTLS.Text == "off" }

package configlint

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// TemplateOptions say what a template does not.
type TemplateOptions struct {
	Parameters []string // NAME=VALUE
	Before     string   // the same template or folder as it was, to find mutual authentication that was removed; "": none
}

// CloudFormation reads a template in YAML or JSON, also one that the CDK made, or all templates of a folder (cdk.out, too).
func CloudFormation(path string, o *TemplateOptions) (*Result, error) {
	if o == nil {
		o = &TemplateOptions{}
	}
	r, err := cloudFormation(path, o.Parameters)
	if err != nil {
		return nil, err
	}
	if o.Before != "" {
		old, err := cloudFormation(o.Before, o.Parameters)
		if err != nil {
			return nil, err
		}
		r.removedSince(old)
	}
	return r.finish(), nil
}

func cloudFormation(path string, parameters []string) (*Result, error) {
	given := map[string]string{}
	for _, p := range parameters {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("parameter %q: want NAME=VALUE", p)
		}
		given[name] = value
	}
	names, err := disk{}.find(path, ".yaml", ".yml", ".json", ".template")
	if err != nil {
		return nil, err
	}
	r := &Result{}
	for _, name := range names {
		b, err := disk{}.read(name)
		if err != nil {
			return nil, err
		}
		if r.template(name, b, given) {
			r.Files++
		} else if len(names) == 1 && len(r.Problems) == 0 {
			return nil, fmt.Errorf("%s: no CloudFormation template: it has no Resources", name)
		}
	}
	if r.Files == 0 && len(r.Problems) == 0 {
		return nil, fmt.Errorf("no CloudFormation template in %s", path)
	}
	return r, nil
}

// template reads the listeners of a template; it reports whether the file is one.
func (r *Result) template(name string, b []byte, given map[string]string) bool {
	found := false
	for _, d := range r.documents(name, b) {
		resources := field(d.root, "Resources")
		if resources == nil {
			continue
		}
		found = true
		t := &cfnTemplate{document: d, given: given, budget: 100000}
		list := items(resources)
		stores := slices.ContainsFunc(list, func(n *yaml.Node) bool {
			return text(field(n, "Type")) == "AWS::ElasticLoadBalancingV2::TrustStore"
		})
		for i := 0; i+1 < len(list); i += 2 {
			switch res := list[i+1]; text(field(res, "Type")) {
			case "AWS::ElasticLoadBalancingV2::Listener":
				if l := t.listener(list[i], res, stores); l != nil {
					r.Listeners = append(r.Listeners, *l)
				}
			default:
				if strings.HasPrefix(list[i].Value, "Fn::ForEach") {
					r.find(RuleModule, d.at(list[i]), "", list[i].Value+" is not expanded: listeners in it are not seen")
				}
			}
		}
	}
	return found
}

const leftOutTemplate = "there is a trust store, and this listener has no MutualAuthentication, which does not switch mutual TLS off where it was on: write Mode: off"

// listener reads one resource, nil if it does not speak TLS or its condition says that it is not made.
func (t *cfnTemplate) listener(id, res *yaml.Node, stores bool) *Listener {
	if c := text(field(res, "Condition")); c != "" {
		if made, known := t.condition(c); known && !made {
			return nil
		}
	}
	props := field(res, "Properties")
	at := t.at(id)
	protocol := t.value(field(props, "Protocol"), at)
	name := protocol.Text
	if protocol.Origin == OriginUnknown && (field(props, "Certificates") != nil || field(props, "SslPolicy") != nil) {
		name = "HTTPS"
	}
	if name != "HTTPS" && name != "TLS" {
		return nil
	}
	l := &Listener{Address: id.Value, Kind: KindApplication, Protocol: name, At: at, Port: t.value(field(props, "Port"), at).Text}
	if p := text(fields(res, "Metadata", "aws:cdk:path")); p != "" {
		l.Address += " (" + p + ")"
	}
	if name == "TLS" {
		l.Kind = KindNetwork
	}
	l.Policy = t.value(field(props, "SslPolicy"), at)
	if l.Policy.Origin == OriginDefault {
		l.Policy.Text, l.Policy.Why = apiDefault, whyCloudFormation
	}
	l.MTLS = t.mutual(field(props, "MutualAuthentication"), at)
	if stores {
		l.MutualLeftOut = leftOutTemplate
	}
	return l
}

// mutual reads MutualAuthentication, which may be behind an Fn::If as a whole.
func (t *cfnTemplate) mutual(n *yaml.Node, at Position) Value {
	if n == nil {
		return Value{Origin: OriginDefault, At: at}
	}
	n, why := t.choose(n)
	switch {
	case why != "":
		return Value{Origin: OriginUnknown, Why: why, At: at}
	case n == nil:
		return Value{Origin: OriginDefault, At: at}
	}
	v := t.value(field(n, "Mode"), t.at(n))
	if v.Origin == OriginDefault {
		v.Origin, v.Why = OriginUnknown, "it names no Mode"
	}
	return v
}

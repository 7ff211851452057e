package configlint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// cfnTemplate evaluates the intrinsic functions of one template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
type cfnTemplate struct {
	*document
	given  map[string]string // parameters
	depth  int
	budget int // evaluations that are left, which a template of aliases to aliases would use up
}

// call returns the function of a node and its argument: the short form (!Ref x) or the long one ({Ref: x}).
func call(n *yaml.Node) (function string, arg *yaml.Node) {
	if n == nil {
		return "", nil
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name := n.Tag[1:]
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		plain := *n
		plain.Tag = ""
		return name, &plain
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		if k := n.Content[0].Value; k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::") {
			return k, follow(n.Content[1])
		}
	}
	return "", nil
}

// enter guards the recursion; leave with t.depth--.
func (t *cfnTemplate) enter() bool {
	t.depth++
	t.budget--
	return t.depth < 100 && t.budget > 0
}

// value evaluates a property. One that is not there, or AWS::NoValue, is OriginDefault.
func (t *cfnTemplate) value(n *yaml.Node, owner Position) Value {
	if n == nil {
		return Value{Origin: OriginDefault, At: owner}
	}
	at := t.at(n)
	n, why := t.choose(n)
	switch {
	case why != "":
		return Value{Origin: OriginUnknown, Why: why, At: at}
	case n == nil:
		return Value{Origin: OriginDefault, At: at}
	}
	s, why := t.text(n)
	if why != "" {
		return Value{Origin: OriginUnknown, Why: why, At: at}
	}
	return Value{Origin: OriginSet, Text: s, At: at}
}

// choose follows Fn::If and AWS::NoValue: nil if nothing is left. Why says what is not known.
func (t *cfnTemplate) choose(n *yaml.Node) (chosen *yaml.Node, why string) {
	n = follow(n)
	if !t.enter() {
		return nil, "it is too deep"
	}
	defer func() { t.depth-- }()
	switch f, arg := call(n); f {
	case "Ref":
		if text(arg) == "AWS::NoValue" {
			return nil, ""
		}
	case "Fn::If":
		list := items(arg)
		if len(list) != 3 || arg.Kind != yaml.SequenceNode {
			return nil, "Fn::If wants three elements"
		}
		yes, known := t.condition(text(list[0]))
		if !known {
			return nil, "it depends on the condition " + text(list[0])
		}
		if yes {
			return t.choose(list[1])
		}
		return t.choose(list[2])
	}
	return n, ""
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:[^}]*\}\}`)

// text evaluates a node to a text.
func (t *cfnTemplate) text(n *yaml.Node) (s, why string) {
	if !t.enter() {
		return "", "it is too deep"
	}
	defer func() { t.depth-- }()
	n, why = t.choose(n)
	if why != "" || n == nil {
		return "", why
	}
	f, arg := call(n)
	switch f {
	case "":
		if n.Kind != yaml.ScalarNode {
			return "", "it is no text"
		}
		if m := dynamicReference.FindString(n.Value); m != "" {
			return "", m + " is resolved by AWS"
		}
		return n.Value, ""
	case "Ref":
		return t.ref(text(arg))
	case "Fn::Sub":
		return t.sub(arg)
	case "Fn::Join":
		return t.join(arg)
	case "Fn::FindInMap":
		return t.findInMap(arg)
	case "Fn::Select":
		return t.selected(arg)
	}
	return "", f + " is evaluated by AWS"
}

// ref reads a parameter: what the user gives, else its default.
func (t *cfnTemplate) ref(name string) (s, why string) {
	if v, ok := t.given[name]; ok {
		return v, ""
	}
	p := fields(t.root, "Parameters", name)
	if p == nil {
		return "", name + " is known to AWS alone"
	}
	if kind := text(field(p, "Type")); strings.HasPrefix(kind, "AWS::SSM::") {
		return "", "the parameter " + name + " is read from Systems Manager"
	}
	d := field(p, "Default")
	if d == nil {
		return "", "the parameter " + name + " has no default"
	}
	return text(d), ""
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (t *cfnTemplate) sub(arg *yaml.Node) (s, why string) {
	source, vars := arg, (*yaml.Node)(nil)
	if arg != nil && arg.Kind == yaml.SequenceNode && len(arg.Content) == 2 {
		source, vars = follow(arg.Content[0]), follow(arg.Content[1])
	}
	out := placeholder.ReplaceAllStringFunc(text(source), func(m string) string {
		name := strings.TrimSpace(m[2 : len(m)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		v, w := "", ""
		if n := field(vars, name); n != nil {
			v, w = t.text(n)
		} else {
			v, w = t.ref(name)
		}
		if w == "" && len(v) > 1024 {
			v, w = "", "it is too long"
		}
		if w != "" {
			why = w
		}
		return v
	})
	return out, why
}

func (t *cfnTemplate) join(arg *yaml.Node) (s, why string) {
	list := items(arg)
	if len(list) != 2 {
		return "", "Fn::Join wants two elements"
	}
	var parts []string
	for _, n := range items(list[1]) {
		p, why := t.text(n)
		if why != "" {
			return "", why
		}
		if parts = append(parts, p); len(p)*len(parts) > maxText {
			return "", "it is too long"
		}
	}
	if follow(list[1]).Kind != yaml.SequenceNode {
		return "", "the list of Fn::Join is evaluated by AWS"
	}
	return strings.Join(parts, text(list[0])), ""
}

func (t *cfnTemplate) findInMap(arg *yaml.Node) (s, why string) {
	list := items(arg)
	if len(list) < 3 {
		return "", "Fn::FindInMap wants three elements"
	}
	var keys []string
	for _, n := range list[:3] {
		k, why := t.text(n)
		if why != "" {
			return "", why
		}
		keys = append(keys, k)
	}
	n := fields(t.root, "Mappings", keys[0], keys[1], keys[2])
	if n == nil {
		return "", fmt.Sprintf("the mapping %s has no %s, %s", keys[0], keys[1], keys[2])
	}
	return text(n), ""
}

func (t *cfnTemplate) selected(arg *yaml.Node) (s, why string) {
	list := items(arg)
	if len(list) != 2 {
		return "", "Fn::Select wants two elements"
	}
	index, why := t.text(list[0])
	if why != "" {
		return "", why
	}
	i, err := strconv.Atoi(index)
	from := follow(list[1])
	if f, _ := call(from); err != nil || f != "" || from.Kind != yaml.SequenceNode || i < 0 || i >= len(from.Content) {
		return "", "the list of Fn::Select is evaluated by AWS"
	}
	return t.text(from.Content[i])
}

// condition evaluates one of the template's conditions.
func (t *cfnTemplate) condition(name string) (yes, known bool) {
	n := fields(t.root, "Conditions", name)
	if n == nil {
		return false, false
	}
	return t.holds(n)
}

func (t *cfnTemplate) holds(n *yaml.Node) (yes, known bool) {
	if !t.enter() {
		return false, false
	}
	defer func() { t.depth-- }()
	f, arg := call(follow(n))
	list := items(arg)
	switch f {
	case "Condition":
		return t.condition(text(arg))
	case "Fn::Equals":
		if len(list) != 2 {
			return false, false
		}
		a, whyA := t.text(list[0])
		b, whyB := t.text(list[1])
		return a == b, whyA == "" && whyB == ""
	case "Fn::Not":
		if len(list) != 1 {
			return false, false
		}
		yes, known = t.holds(list[0])
		return !yes, known
	case "Fn::And", "Fn::Or":
		decides := f == "Fn::Or" // one such decides, whatever the others are
		known = true
		for _, c := range list {
			y, k := t.holds(c)
			if k && y == decides {
				return decides, true
			}
			known = known && k
		}
		return !decides, known
	}
	return false, false
}

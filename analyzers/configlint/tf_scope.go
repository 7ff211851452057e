package configlint

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// tfScope evaluates the expressions of one module.
type tfScope struct {
	loader *tfLoader
	module *tfModule
	vars   map[string]cty.Value
	locals map[string]cty.Value
	busy   map[string]bool // locals that are being evaluated
	each   map[string]cty.Value
}

// maxLeaves bounds every value, so that files made to grow do not.
const (
	maxLeaves = 4096
	maxText   = 64 << 10
)

// small replaces a value that is too large by an unknown one.
func small(v cty.Value) cty.Value {
	leaves, ok := 0, true
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		v, _ = v.Unmark()
		leaves++
		if leaves > maxLeaves || v.Type() == cty.String && v.IsKnown() && !v.IsNull() && len(v.AsString()) > maxText {
			ok = false
		}
		return ok, nil
	})
	if !ok {
		return cty.DynamicVal
	}
	return v
}

// value evaluates an expression; what it needs and nobody knows is unknown in the result.
func (s *tfScope) value(e hcl.Expression) cty.Value {
	if fors(e) > 2 {
		return cty.DynamicVal
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: tfFunctions()}
	locals := map[string]cty.Value{}
	for _, t := range e.Variables() {
		root := t.RootName()
		switch root {
		case "var":
			ctx.Variables[root] = cty.ObjectVal(s.vars)
		case "local":
			if len(t) > 1 {
				if a, ok := t[1].(hcl.TraverseAttr); ok {
					locals[a.Name] = s.local(a.Name)
				}
			}
			ctx.Variables[root] = cty.ObjectVal(locals)
		default:
			if v, ok := s.each[root]; ok {
				ctx.Variables[root] = v
			} else {
				ctx.Variables[root] = cty.DynamicVal // resources, data, module outputs, path, terraform
			}
		}
	}
	v, diags := e.Value(ctx)
	if diags.HasErrors() {
		return cty.DynamicVal
	}
	v, _ = v.UnmarkDeep()
	return small(v)
}

// fors counts the for expressions in an expression, one inside the other or not.
func fors(e hcl.Expression) int {
	node, ok := e.(hclsyntax.Node)
	if !ok {
		return 0
	}
	n := 0
	_ = hclsyntax.VisitAll(node, func(n2 hclsyntax.Node) hcl.Diagnostics {
		if _, ok := n2.(*hclsyntax.ForExpr); ok {
			n++
		}
		return nil
	})
	return n
}

func (s *tfScope) local(name string) cty.Value {
	if v, ok := s.locals[name]; ok {
		return v
	}
	e, ok := s.module.locals[name]
	if !ok || s.busy[name] {
		return cty.DynamicVal
	}
	s.busy[name] = true
	outer := s.each
	s.each = nil
	v := s.value(e)
	s.each = outer
	delete(s.busy, name)
	s.locals[name] = v
	return v
}

// unresolved says what an expression needs that is not known.
func (s *tfScope) unresolved(e hcl.Expression) string {
	var names []string
	for _, t := range e.Variables() {
		name := traversal(t)
		switch t.RootName() {
		case "var":
			if len(t) > 1 {
				if a, ok := t[1].(hcl.TraverseAttr); ok {
					v, declared := s.vars[a.Name]
					switch {
					case !declared:
						name += ", which is not declared"
					case !v.IsKnown():
						name += " has no value here"
					case v.IsWhollyKnown():
						continue
					}
				}
			}
		case "local":
			if len(t) > 1 {
				if a, ok := t[1].(hcl.TraverseAttr); ok {
					if s.local(a.Name).IsWhollyKnown() {
						continue
					}
					if e := s.module.locals[a.Name]; e != nil && !s.busy["why "+a.Name] {
						s.busy["why "+a.Name] = true
						name += " (" + s.unresolved(e) + ")"
						delete(s.busy, "why "+a.Name)
					}
				}
			}
		default:
			if v, ok := s.each[t.RootName()]; ok && v.IsWhollyKnown() {
				continue
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "its expression cannot be evaluated here"
}

// traversal writes a reference as it stands in the file.
func traversal(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		default:
			b.WriteString("[...]")
		}
		if b.Len() > 80 {
			break
		}
	}
	return b.String()
}

// variables returns the values of the root module's variables, the strongest source last, as Terraform has it:
// https://developer.hashicorp.com/terraform/language/values/variables#variable-definition-precedence
func (l *tfLoader) variables(m *tfModule, o *TerraformOptions) (map[string]cty.Value, error) {
	given := map[string]cty.Value{}
	var auto []string
	entries, _ := l.files.list(m.dir) // one file alone may lie in a folder that cannot be listed
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, ".auto.tfvars") || strings.HasSuffix(n, ".auto.tfvars.json") {
			auto = append(auto, filepath.Join(m.dir, n))
		}
	}
	slices.Sort(auto)
	for _, n := range slices.Concat([]string{filepath.Join(m.dir, "terraform.tfvars"), filepath.Join(m.dir, "terraform.tfvars.json")}, auto) {
		if b, err := l.files.read(n); err == nil {
			l.tfvars(given, n, b)
		}
	}
	for _, n := range o.VarFiles {
		b, err := l.files.read(n)
		if err != nil {
			return nil, err
		}
		l.tfvars(given, n, b)
	}
	for _, v := range o.Vars {
		name, text, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("variable %q: want NAME=VALUE", v)
		}
		given[name] = l.argument(text)
	}
	return given, nil
}

// argument reads the value of -var: an expression where it is one for a list or map, else the text itself.
func (l *tfLoader) argument(text string) cty.Value {
	if strings.ContainsAny(text[:min(1, len(text))], `[{"`) && tooNested([]byte(text)) == "" {
		if e, diags := hclsyntax.ParseExpression([]byte(text), "-var", hcl.InitialPos); !diags.HasErrors() {
			if v, diags := e.Value(nil); !diags.HasErrors() {
				return small(v)
			}
		}
	}
	return cty.StringVal(text)
}

func (l *tfLoader) tfvars(into map[string]cty.Value, name string, b []byte) {
	body := l.result.hcl(name, b)
	if body == nil {
		return
	}
	attrs, diags := body.JustAttributes()
	l.result.diagnostics(name, diags)
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		v, diags := attrs[k].Expr.Value(nil)
		l.result.diagnostics(name, diags)
		if !diags.HasErrors() {
			into[k] = small(v)
		}
	}
}

// scope makes the scope of a module that is called with these values.
func (l *tfLoader) scope(m *tfModule, given map[string]cty.Value) *tfScope {
	s := &tfScope{loader: l, module: m, vars: map[string]cty.Value{}, locals: map[string]cty.Value{}, busy: map[string]bool{}}
	for name, b := range m.variables {
		attrs, _ := b.Body.JustAttributes()
		v, ok := given[name]
		if d := attrs["default"]; d != nil && (!ok || v.IsKnown() && v.IsNull() && !nullable(attrs["nullable"])) {
			dv, diags := d.Expr.Value(nil)
			l.result.diagnostics(m.dir, diags)
			if v, ok = dv, !diags.HasErrors(); ok {
				v = small(v)
			}
		}
		if !ok {
			v = cty.DynamicVal
		}
		if t := attrs["type"]; t != nil {
			v = typed(v, t.Expr)
		}
		s.vars[name] = v
	}
	return s
}

func nullable(a *hcl.Attribute) bool {
	if a == nil {
		return true
	}
	v, diags := a.Expr.Value(nil)
	return diags.HasErrors() || v.RawEquals(cty.True)
}

// typed converts a value to a variable's type, with the defaults of its optional attributes.
func typed(v cty.Value, e hcl.Expression) cty.Value {
	t, defaults, diags := typeexpr.TypeConstraintWithDefaults(e)
	if diags.HasErrors() {
		return v
	}
	if defaults != nil && v.IsKnown() && !v.IsNull() {
		v = defaults.Apply(v)
	}
	if c, err := convert.Convert(v, t); err == nil {
		return c
	}
	return v
}

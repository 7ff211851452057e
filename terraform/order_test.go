package terraform_test

import (
	"path"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
)

// scope is a module as it is called: what its variables are is said by the caller.
type scope struct {
	dir    string
	call   *hclsyntax.Body // of the caller's module block; nil for modules/lab
	caller *scope
}

// following finds the resources that must be there before something else: those that its expressions name, directly, through
// locals, variables and the outputs of modules, and what outputs wait for.
type following struct {
	t     *testing.T
	seen  map[string]bool
	found []string // "modules/bucket aws_s3_bucket_policy.this"
}

func (f *following) body(s *scope, b *hclsyntax.Body) {
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range b.Attributes {
			if !yield(n) {
				return
			}
		}
	}) {
		f.expression(s, b.Attributes[name].Expr)
	}
	for _, inner := range b.Blocks {
		f.body(s, inner.Body)
	}
}

func (f *following) expression(s *scope, e hclsyntax.Expression) {
	for _, v := range e.Variables() {
		f.traversal(s, v)
	}
}

func (f *following) traversal(s *scope, v hcl.Traversal) {
	second := ""
	if len(v) > 1 {
		if a, ok := v[1].(hcl.TraverseAttr); ok {
			second = a.Name
		}
	}
	key := s.dir + " " + v.RootName() + "." + second
	switch v.RootName() {
	case "each", "count", "self", "path", "data", "terraform":
		return
	case "module":
		f.module(s, v, second)
		return
	}
	if f.seen[key] {
		return
	}
	f.seen[key] = true
	switch v.RootName() {
	case "var":
		if s.call != nil && s.call.Attributes[second] != nil {
			f.expression(s.caller, s.call.Attributes[second].Expr)
		}
	case "local":
		for _, b := range blocks(f.t, s.dir) {
			if a := b.Body.Attributes[second]; b.Type == "locals" && a != nil {
				f.expression(s, a.Expr)
			}
		}
	default:
		f.found = append(f.found, key)
	}
}

func (f *following) module(s *scope, v hcl.Traversal, name string) {
	output := ""
	for _, part := range v[2:] {
		if a, ok := part.(hcl.TraverseAttr); ok {
			output = a.Name
			break
		}
	}
	key := s.dir + " module." + name + "." + output
	if f.seen[key] {
		return
	}
	f.seen[key] = true
	for _, b := range blocks(f.t, s.dir) {
		if b.Type != "module" || b.Labels[0] != name {
			continue
		}
		inner := &scope{path.Join(s.dir, literal(f.t, b, "source")), b.Body, s}
		for _, o := range blocks(f.t, inner.dir) {
			if o.Type == "output" && (output == "" || o.Labels[0] == output) {
				f.body(inner, o.Body)
			}
		}
	}
}

// before is what is there before a resource of modules/lab's module.
func before(t *testing.T, module, kind string) []string {
	lab := &scope{dir: "modules/lab"}
	for _, b := range blocks(t, lab.dir) {
		if b.Type != "module" || b.Labels[0] != module {
			continue
		}
		s := &scope{path.Join(lab.dir, literal(t, b, "source")), b.Body, lab}
		for _, r := range blocks(t, s.dir) {
			if r.Type == "resource" && r.Labels[0] == kind {
				f := &following{t: t, seen: map[string]bool{}}
				f.body(s, r.Body)
				return f.found
			}
		}
	}
	t.Fatalf("modules/lab's module %s has no %s", module, kind)
	return nil
}

// TestOrder: AWS tests whether it may write when it is told where. A bucket's policy must be in force before a load balancer, a flow log or
// a web ACL is told of the bucket, and by the same order it is taken away after them.
func TestOrder(t *testing.T) {
	for _, tt := range []struct{ module, kind, first string }{
		{"alb", "aws_lb", "modules/bucket aws_s3_bucket_policy.this"},
		{"evidence", "aws_flow_log", "modules/bucket aws_s3_bucket_policy.this"},
		{"evidence", "aws_flow_log", "modules/evidence aws_iam_role_policy.flow"},
		{"waf", "aws_wafv2_web_acl_logging_configuration", "modules/bucket aws_s3_bucket_policy.this"},
		{"waf", "aws_wafv2_web_acl_logging_configuration", "modules/waf aws_cloudwatch_log_resource_policy.this"},
	} {
		require.Contains(t, before(t, tt.module, tt.kind), tt.first, tt.module)
	}
}

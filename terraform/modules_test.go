package terraform_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/policy"
)

// The root module and the module that it calls describe a lab in the same words; the tests' inputs are those files.
func TestInputsAreTheSame(t *testing.T) {
	require.Equal(t, read(t, "variables.tf"), read(t, "modules/lab/variables.tf"), "cp terraform/variables.tf terraform/modules/lab/")
	for name, source := range map[string]string{
		"variables.tf": "modules/lab/variables.tf", "requirements.tf": "modules/lab/requirements.tf", "guard_variables.tf": "guard_variables.tf",
	} {
		require.Equal(t, read(t, source), read(t, filepath.Join("tests/inputs", name)))
	}
	var want, got []string
	for _, b := range blocks(t, "modules/lab") {
		if b.Type == "variable" {
			want = append(want, b.Labels[0])
		}
	}
	for _, b := range blocks(t, ".") {
		if b.Type == "module" {
			for name, a := range b.Body.Attributes {
				if name != "source" {
					got = append(got, name)
					require.Equal(t, "var."+name, b.text(a.Expr.Range()))
				}
			}
		}
	}
	require.ElementsMatch(t, want, got, "the root module passes every input on")
}

// Outputs are what alblab reads: the keys of lab/aws.Outputs, and of what they hold.
func TestOutputsAreWhatIsRead(t *testing.T) {
	tags := structTags(t, "../lab/aws/outputs.go")
	for _, dir := range []string{".", "modules/lab"} {
		var names []string
		for _, b := range blocks(t, dir) {
			if b.Type == "output" {
				names = append(names, b.Labels[0])
			}
		}
		require.ElementsMatch(t, tags["Outputs"], names, dir)
	}
	nested := map[string]string{"access_log": "BucketOutput", "connection_log": "BucketOutput", "waf": "WAFOutput", "flow_log": "FlowLogOutput", "mirror": "MirrorOutput"}
	found := 0
	for _, dir := range []string{"modules/lab", "modules/evidence", "modules/mirror"} {
		for _, b := range blocks(t, dir) {
			if b.Type != "output" || nested[b.Labels[0]] == "" {
				continue
			}
			if keys := objectKeys(b.Body.Attributes["value"].Expr); keys != nil {
				found++
				require.ElementsMatch(t, tags[nested[b.Labels[0]]], keys, "%s: output %s", dir, b.Labels[0])
			}
		}
	}
	require.Equal(t, len(nested), found)
}

// structTags reads the json names of a file's structs. It parses: to import the package would build AWS's SDK for this test.
func structTags(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	all := map[string][]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				if field.Tag != nil {
					tag, err := strconv.Unquote(field.Tag.Value)
					require.NoError(t, err)
					name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
					all[spec.Name.Name] = append(all[spec.Name.Name], name)
				}
			}
		}
		return true
	})
	require.NotEmpty(t, all["Outputs"])
	return all
}

// objectKeys are the keys of an object that an expression makes, also as one side of a condition.
func objectKeys(e hclsyntax.Expression) []string {
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		var keys []string
		for _, item := range e.Items {
			v, _ := item.KeyExpr.Value(nil)
			keys = append(keys, v.AsString())
		}
		return keys
	case *hclsyntax.ConditionalExpr:
		return slices.Concat(objectKeys(e.TrueResult), objectKeys(e.FalseResult))
	}
	return nil
}

// Names of security policies that inputs may have are those that alblab knows.
func TestInputsKnowThePolicies(t *testing.T) {
	text := read(t, "variables.tf")
	_, rest, ok := strings.Cut(text, "contains([\n      \"\",\n")
	require.True(t, ok)
	listed, _, ok := strings.Cut(rest, "])")
	require.True(t, ok)
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\s+"([^"]+)",$`).FindAllStringSubmatch(listed, -1) {
		names = append(names, "ELBSecurityPolicy-"+m[1])
	}
	var want []string
	for _, p := range policy.All() {
		want = append(want, p.Name)
	}
	require.ElementsMatch(t, want, names)
}

// The same versions everywhere, bound to one major version of the provider.
func TestVersions(t *testing.T) {
	want := read(t, "versions.tf")
	require.Contains(t, want, `version = "~> 6.`)
	for _, dir := range modules(t) {
		require.Equal(t, want, read(t, filepath.Join(dir, "versions.tf")), dir)
	}
}

// Where the provider is configured, its guard rails are: the accounts, and the tags. No module configures it.
func TestProvidersAreGuarded(t *testing.T) {
	for _, dir := range modules(t) {
		providers := 0
		for _, b := range blocks(t, dir) {
			if b.Type != "provider" {
				continue
			}
			providers++
			require.Contains(t, b.Body.Attributes, "allowed_account_ids", dir)
			text := b.text(b.Range()) + b.text(b.Body.Range())
			for _, tag := range []string{"alblab:run", "alblab:owner", "alblab:expires-at"} {
				require.Contains(t, text, tag, dir)
			}
		}
		if strings.HasPrefix(dir, "modules/") {
			require.Zero(t, providers, dir)
		} else {
			require.Equal(t, 1, providers, dir)
		}
	}
}

// Each validation and each precondition has a run in which it refuses.
func TestEachRefusalIsTested(t *testing.T) {
	expected := map[string]int{}
	files, err := filepath.Glob("tests/*.tftest.hcl")
	require.NoError(t, err)
	for _, file := range files {
		for _, m := range regexp.MustCompile(`expect_failures = \[([a-z_.]+)\]`).FindAllStringSubmatch(read(t, file), -1) {
			expected[m[1]]++
		}
	}
	want := 0
	count := func(what string, b block, kind string) {
		n := 0
		for _, inner := range b.Body.Blocks {
			if inner.Type == kind {
				n++
			}
		}
		want += n
		require.GreaterOrEqual(t, expected[what], n, "%s has %d of %s, and fewer runs in which it refuses", what, n, kind)
	}
	for _, dir := range []string{".", "modules/lab", "modules/alb", "modules/bucket"} {
		for _, b := range blocks(t, dir) {
			switch {
			case b.Type == "variable" && dir != "modules/lab": // the root module's are the same
				count("var."+b.Labels[0], b, "validation")
			case b.Type == "resource" && b.Labels[0] == "terraform_data":
				for _, inner := range b.Body.Blocks {
					count("terraform_data."+b.Labels[1], block{inner, b.source}, "precondition")
				}
			}
		}
	}
	require.Greater(t, want, 60)
}

// What is made for one machine stays on it.
func TestNothingLocalIsKept(t *testing.T) {
	ignored := read(t, ".gitignore")
	for _, pattern := range []string{".terraform/", ".terraform.lock.hcl", "*.tfstate", "*.tfvars", "pki/"} {
		require.Contains(t, ignored, pattern+"\n")
	}
}

// The web ACL's rules are named as the embedded lab's records name them.
func TestRulesAreNamedAsInTheEmbeddedLab(t *testing.T) {
	source, err := os.ReadFile("../lab/waf/waf.go")
	require.NoError(t, err)
	for _, constant := range []string{"ReputationRule", "ForwardedIPRule"} {
		m := regexp.MustCompile(constant + `\s+= "([^"]+)"`).FindSubmatch(source)
		require.NotNil(t, m, constant)
		require.Contains(t, read(t, "modules/waf/main.tf"), `"`+string(m[1])+`"`)
	}
}

// EC2 takes these characters in descriptions of security groups and their rules, no apostrophes for one
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html).
func TestSecurityGroupsAreDescribedAsEC2Allows(t *testing.T) {
	seen := 0
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			if b.Type == "resource" && (b.Labels[0] == "aws_security_group" || strings.HasPrefix(b.Labels[0], "aws_vpc_security_group_")) {
				seen++
				require.Regexp(t, `^"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}"$`, attribute(b, "description"), "%s: %s", dir, b.Labels[1])
			}
		}
	}
	require.Greater(t, seen, 6)
}

package terraform_test

import (
	"flag"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var update = flag.Bool("update", false, "rewrite the generated parts of documents")

// block is one block of a module, with the file that it stands in.
type block struct {
	*hclsyntax.Block
	source []byte
}

// text is an expression as it was written.
func (b block) text(r hcl.Range) string { return string(r.SliceBytes(b.source)) }

// blocks reads the blocks of a folder's .tf files, in the order of files and lines.
func blocks(t testing.TB, dir string) []block {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no .tf files in %s", dir)
	slices.Sort(files)
	var all []block
	for _, file := range files {
		f, diags := hclparse.NewParser().ParseHCLFile(file)
		require.False(t, diags.HasErrors(), "%s", diags)
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			all = append(all, block{b, f.Bytes})
		}
	}
	return all
}

// modules are the folders with a module, an example or the root module, "." first.
func modules(t testing.TB) []string {
	t.Helper()
	dirs := []string{"."}
	for _, pattern := range []string{"modules/*", "examples/*"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found)
		dirs = append(dirs, found...)
	}
	return dirs
}

// locals evaluates the local values of a module that follow from these variables alone. What refers to resources is left out.
func locals(t testing.TB, dir string, variables map[string]cty.Value) map[string]cty.Value {
	t.Helper()
	open := map[string]hclsyntax.Expression{}
	for _, b := range blocks(t, dir) {
		if b.Type == "locals" {
			for name, a := range b.Body.Attributes {
				open[name] = a.Expr
			}
		}
	}
	done := map[string]cty.Value{}
	for progress := true; progress; {
		progress = false
		for name, expr := range open {
			if !slices.ContainsFunc(expr.Variables(), func(v hcl.Traversal) bool { return !known(v, done) }) {
				ctx := &hcl.EvalContext{Functions: functions(), Variables: map[string]cty.Value{
					"var": cty.ObjectVal(variables), "local": cty.ObjectVal(done),
				}}
				v, diags := expr.Value(ctx)
				require.False(t, diags.HasErrors(), "%s: local.%s: %s", dir, name, diags)
				done[name] = v
				delete(open, name)
				progress = true
			}
		}
	}
	return done
}

func known(v hcl.Traversal, done map[string]cty.Value) bool {
	switch v.RootName() {
	case "var":
		return true
	case "local":
		_, ok := done[v[1].(hcl.TraverseAttr).Name]
		return ok
	}
	return false
}

// functions are those of Terraform's that the modules' locals use.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"format": stdlib.FormatFunc, "join": stdlib.JoinFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc,
		"replace": stdlib.ReplaceFunc, "sort": stdlib.SortFunc, "title": stdlib.TitleFunc, "flatten": stdlib.FlattenFunc,
		"tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String),
	}
}

// list makes a list of strings of a value.
func list(v cty.Value) []string {
	var all []string
	for _, e := range v.AsValueSlice() {
		all = append(all, e.AsString())
	}
	return all
}

// watching are the locals of modules/watching: all logs where flow logs and the web ACL's go to S3, or to CloudWatch Logs.
func watching(t testing.TB, s3 bool, ports ...int64) map[string]cty.Value {
	t.Helper()
	evidence := locals(t, "modules/evidence", awsVars())
	var numbers []cty.Value
	for _, p := range ports {
		numbers = append(numbers, cty.NumberIntVal(p))
	}
	vars := map[string]cty.Value{
		"name": cty.StringVal("alblab-0a1b2c3d"), "account_id": cty.StringVal("111122223333"), "region": cty.StringVal("us-east-1"),
		"ports": cty.ListVal(numbers), "flow_fields": evidence["fields"], "log_bucket": cty.StringVal("logs"), "log_prefixes": evidence["prefixes"],
		"flow_log_group": cty.StringVal("/alblab/flow"), "waf_log_bucket": cty.NullVal(cty.String), "web_acl_name": cty.StringVal("acl"),
	}
	if s3 {
		vars["flow_log_group"], vars["waf_log_bucket"] = cty.NullVal(cty.String), cty.StringVal("aws-waf-logs-alblab")
	}
	return locals(t, "modules/watching", vars)
}

// awsVars are what modules/evidence is given.
func awsVars() map[string]cty.Value {
	return map[string]cty.Value{
		"name": cty.StringVal("alblab-0a1b2c3d"), "account_id": cty.StringVal("111122223333"), "partition": cty.StringVal("aws"),
		"region": cty.StringVal("us-east-1"), "flow_log_destination": cty.StringVal("s3"),
	}
}

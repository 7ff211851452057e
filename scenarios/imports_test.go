package scenarios_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/alblab/alblab/"

// allowed says which packages of this module a package may import, in files that are not tests. A pattern that ends in
// "/..." means the packages below as well. "lab/evidence/..." as a key is for every package below that has no row of its
// own. To add a package or a dependency between packages, begin here.
func allowed() map[string][]string {
	return map[string][]string{
		"lab/wire":                   {},
		"lab/evidence":               {"lab/evidence/parquet"},
		"lab/evidence/parquet":       {},
		"lab/pki":                    {},
		"lab/evidence/filterpattern": {},
		"lab/policy":                 {"lab/wire"},
		"lab/evidence/...":           {"lab/evidence"},
		"lab/evidence/capture":       {"lab/evidence", "lab/wire"},
		"lab":                        {"lab/policy", "lab/evidence", "lab/pki"},
		"lab/waf":                    {"lab/evidence/..."},
		"lab/vnet":                   {"lab/evidence/..."},
		"lab/alb":                    {"lab/wire", "lab/policy", "lab/pki", "lab/waf", "lab/evidence/..."},
		"lab/gateway":                {"lab"},
		"lab/kernel":                 {"lab/vnet"},
		"lab/embedded":               {"lab", "lab/wire", "lab/policy", "lab/pki", "lab/evidence/...", "lab/waf", "lab/vnet", "lab/alb", "lab/gateway", "lab/awsapi"},
		"lab/awsapi":                 {"lab", "lab/policy", "lab/evidence/..."},
		"lab/aws":                    {"lab", "lab/pki", "lab/policy", "lab/wire", "lab/evidence/...", "lab/aws/ec2query", "lab/aws/signed"},
		"lab/aws/ec2query":           {"lab/aws/signed"},
		"lab/aws/signed":             {},
		"lab/aws/deploy":             {"lab", "lab/pki", "lab/policy", "lab/aws", "terraform"},
		"terraform":                  {},
		"lab/labtest":                {"lab", "lab/embedded"},
		"lab/labtest/tooltest":       {},
		"clients":                    {"lab/wire"},
		"clients/catalog":            {"lab/wire", "lab/evidence", "lab/evidence/capture", "clients"},
		"analyzers/correlate":        {"lab/evidence/..."},
		"analyzers":                  {"lab/evidence/...", "analyzers/correlate", "lab/policy", "lab/wire"},
		"analyzers/signatures":       {"lab/evidence/...", "analyzers/correlate", "analyzers", "lab/policy", "lab/wire"},
		"analyzers/rollout":          {"lab/evidence/...", "analyzers/correlate", "analyzers", "analyzers/signatures", "lab/policy", "lab/wire", "clients/catalog", "analyzers/rollout/page"},
		"analyzers/rollout/page":     {},
		"analyzers/matrix":           {"lab/policy", "lab/wire", "analyzers/rollout/page"},
		"analyzers/redact":           {"lab/wire", "lab/evidence/..."},
		"analyzers/configlint":       {"lab/policy"},
		"analyzers/fidelity":         {"lab/evidence/...", "analyzers/correlate", "analyzers"},
		"scenarios":                  {"lab", "lab/wire", "lab/evidence/...", "lab/pki", "lab/policy", "clients/...", "analyzers/..."},
		"scenarios/benchmark":        {"lab", "lab/wire", "lab/evidence/...", "lab/pki", "lab/policy", "clients/...", "analyzers/...", "scenarios"},
		"cmd/alblab":                 {"..."},
		"cmd/capturebench":           {"lab/wire", "lab/evidence/capture", "clients/catalog"},
		"terraform/mint":             {"lab/pki"},
	}
}

// owners says which package alone may import a heavy dependency, in files that are not tests.
func owners() map[string][]string {
	return map[string][]string{
		"gvisor.dev/gvisor":                     {"lab/vnet"},
		"github.com/refraction-networking/utls": {"clients", "lab/alb"},
		"github.com/aws/aws-sdk-go-v2":          {"lab/aws", "lab/aws/ec2query", "lab/aws/signed"},
		"github.com/aws/smithy-go":              {"lab/aws", "lab/aws/ec2query", "lab/aws/signed"},
		"github.com/hashicorp/terraform-exec":   {"lab/aws/deploy"},
		"github.com/fxamacker/cbor":             {"lab/awsapi"},
		"github.com/gopacket/gopacket":          {"lab/evidence/capture"},
		"github.com/spf13/cobra":                {"cmd/alblab"},
		"github.com/gruntwork-io/terratest":     {},
		"testing":                               {"lab/labtest", "lab/labtest/tooltest"},
		"github.com/stretchr/testify":           {"lab/labtest"},
		"github.com/rogpeppe/go-internal":       {},
	}
}

// TestImports holds who may import whom. It reads the source files itself: "go test" cannot see what a subprocess read
// and would answer from its cache.
func TestImports(t *testing.T) {
	root := ".."
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			skip := name != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata")
			if skip {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files++
			rel, err := filepath.Rel(root, name)
			require.NoError(t, err)
			checkFile(t, name, filepath.ToSlash(rel))
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50, "found too few files to have looked in the right place")
}

func checkFile(t *testing.T, name, rel string) {
	src, err := os.ReadFile(name)
	require.NoError(t, err)
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	require.NoError(t, err)
	if ignored(string(src)) {
		return
	}
	pkg := path.Dir(rel)
	rules, known := rulesOf(pkg)
	if !known {
		t.Errorf("%s: package %s has no row in the import table of this test", rel, pkg)
		return
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		if own, ok := strings.CutPrefix(imported, module); ok {
			if !matches(rules, own) {
				t.Errorf("%s: %s may not import %s", rel, pkg, own)
			}
			continue
		}
		for dep, who := range owners() {
			if (imported == dep || strings.HasPrefix(imported, dep+"/")) && !slices.Contains(who, pkg) {
				t.Errorf("%s: only %v may import %s", rel, who, dep)
			}
		}
	}
}

// ignored reports whether a file belongs to no build: a generator, run by hand.
func ignored(src string) bool {
	return strings.HasPrefix(src, "//go:build ignore\n") || strings.Contains(src, "\n//go:build ignore\n")
}

func rulesOf(pkg string) ([]string, bool) {
	table := allowed()
	if r, ok := table[pkg]; ok {
		return r, true
	}
	for dir := path.Dir(pkg); dir != "."; dir = path.Dir(dir) {
		if r, ok := table[dir+"/..."]; ok {
			return r, true
		}
	}
	return nil, false
}

func matches(rules []string, pkg string) bool {
	return slices.ContainsFunc(rules, func(r string) bool {
		base, below := strings.CutSuffix(r, "...")
		base = strings.TrimSuffix(base, "/")
		return r == pkg || below && (base == "" || pkg == base || strings.HasPrefix(pkg, base+"/"))
	})
}

func TestImportRules(t *testing.T) {
	require.True(t, matches([]string{"lab/evidence/..."}, "lab/evidence"))
	require.True(t, matches([]string{"lab/evidence/..."}, "lab/evidence/flowlog"))
	require.False(t, matches([]string{"lab/evidence/..."}, "lab/evident"))
	require.False(t, matches([]string{"lab"}, "lab/policy"))
	require.True(t, matches([]string{"..."}, "lab/policy"))
	_, known := rulesOf("lab/evidence/metric")
	require.True(t, known)
	_, known = rulesOf("lab/unheard")
	require.False(t, known)
}

package configlint

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestCases reads each txtar of testdata: the files, in its comment after "options:" what the user says, and want.txt.
func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.Greater(t, len(names), 15, "too few cases")
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			require.NoError(t, err)
			dir := t.TempDir()
			want := -1
			for i, f := range a.Files {
				if f.Name == "want.txt" {
					want = i
					continue
				}
				to := filepath.Join(dir, f.Name)
				require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
				require.NoError(t, os.WriteFile(to, f.Data, 0o600))
			}
			got := describe(t, filepath.Base(name), string(a.Comment), dir)
			if *update {
				if want < 0 {
					want = len(a.Files)
					a.Files = append(a.Files, txtar.File{Name: "want.txt"})
				}
				a.Files[want].Data = []byte(got)
				require.NoError(t, os.WriteFile(name, txtar.Format(a), 0o600))
				return
			}
			require.GreaterOrEqual(t, want, 0, "no want.txt")
			require.Equal(t, string(a.Files[want].Data), got)
		})
	}
}

// describe lints the case and writes what was found.
func describe(t *testing.T, name, comment, dir string) string {
	options := map[string][]string{}
	for line := range strings.Lines(comment) {
		if rest, ok := strings.CutPrefix(line, "options:"); ok {
			for o := range strings.FieldsSeq(rest) {
				k, v, _ := strings.Cut(o, "=")
				options[k] = append(options[k], v)
			}
		}
	}
	one := func(key string) string {
		if len(options[key]) == 0 {
			return ""
		}
		return filepath.Join(dir, options[key][0])
	}
	at := dir
	if p := one("path"); p != "" {
		at = p
	}
	var r *Result
	var err error
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case "terraform":
		o := &TerraformOptions{Vars: options["var"], Before: one("before")}
		if f := one("var-file"); f != "" {
			o.VarFiles = []string{f}
		}
		r, err = Terraform(at, o)
	case "cloudformation":
		r, err = CloudFormation(at, &TemplateOptions{Parameters: options["var"], Before: one("before")})
	case "ingress":
		o := &IngressOptions{Before: one("before")}
		if p := options["default-ssl-policy"]; p != nil {
			o.DefaultPolicy = p[0]
		}
		r, err = Ingress(at, o)
	default:
		t.Fatalf("the name must begin with the kind: %s", name)
	}
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
	}
	return strings.ReplaceAll(write(r), dir+string(filepath.Separator), "")
}

func write(r *Result) string {
	var b strings.Builder
	for _, l := range r.Listeners {
		fmt.Fprintf(&b, "%s: %s %s %s %s\n", l.At, l.Address, l.Kind, l.Protocol, l.Port)
		fmt.Fprintf(&b, "  policy %s\n  mtls %s\n", writeValue(l.Policy), writeValue(l.MTLS))
	}
	for _, f := range r.Findings {
		if quiet := []RuleID{RuleCBC, RuleNoPostQuantum, RuleNoSecrecy}; !slices.Contains(quiet, f.Rule) {
			fmt.Fprintf(&b, "%s: %s: %s: %s: %s\n", f.At, f.Level, f.Rule, f.Listener, f.Message)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem %v\n", p)
	}
	return b.String()
}

func writeValue(v Value) string {
	s := fmt.Sprintf("%s %s at %s", v.Origin, v.Text, v.At)
	if v.Why != "" {
		s += " (" + v.Why + ")"
	}
	return s
}

// TestWeaknesses says what is weak about policies whose content is published.
func TestWeaknesses(t *testing.T) {
	tests := []struct {
		policy string
		want   []RuleID
	}{
		{"ELBSecurityPolicy-2016-08", []RuleID{RuleCBC, RuleNoSecrecy, RuleNoPostQuantum, RuleOldVersion}},
		{"ELBSecurityPolicy-FS-1-1-2019-08", []RuleID{RuleCBC, RuleNoPostQuantum, RuleOldVersion}},
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", []RuleID{RuleCBC, RuleNoPostQuantum}},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []RuleID{RuleNoPostQuantum}},
		{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", nil},
		{"ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", []RuleID{RuleCBC, RuleNoSecrecy}},
		{"elbsecuritypolicy-2016-08", []RuleID{RuleUnknownName}},
		{"2016-08", []RuleID{RuleUnknownName}},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-60", []RuleID{RuleUnknownName}},
	}
	for _, tt := range tests {
		t.Run(tt.policy, func(t *testing.T) {
			r := &Result{Listeners: []Listener{{Policy: Value{Origin: OriginSet, Text: tt.policy}}}}
			r.finish()
			var got []RuleID
			for _, f := range r.Findings {
				got = append(got, f.Rule)
			}
			require.ElementsMatch(t, tt.want, got)
		})
	}
}

func TestRules(t *testing.T) {
	seen := map[RuleID]bool{}
	for _, r := range Rules() {
		require.False(t, seen[r.ID])
		seen[r.ID] = true
		require.NotEmpty(t, r.Short)
		require.NotEmpty(t, r.Help)
		require.Equal(t, r, RuleByID(r.ID))
	}
	require.Panics(t, func() { RuleByID("none") })
}

func TestModuleVersions(t *testing.T) {
	tests := []struct {
		constraint, want string
	}{
		{"6.10.0", "ELBSecurityPolicy-2016-08"},
		{"~> 8.0", "ELBSecurityPolicy-2016-08"},
		{"9.16.0", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
		{"~> 9.0", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
		{">= 9.1, < 10.0", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
		{">= 9.1, < 10.0.0", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"},
		{"~> 10.0.1", "ELBSecurityPolicy-TLS13-1-3-2021-06"},
		{">= 9.0", ""},
		{"~> 9", ""}, // the rightmost component may grow: 10 is allowed
		{"", ""},
		{"!= 9.0", ""},
		{"nonsense", ""},
		{"11.0.0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.constraint, func(t *testing.T) {
			got, why := moduleDefault(tt.constraint)
			require.Equal(t, tt.want, got)
			require.NotEmpty(t, why)
		})
	}
	got, _ := cloudposseDefault("2.3.0")
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-2021-06", got)
	got, _ = cloudposseDefault("1.11.1")
	require.Empty(t, got)
}

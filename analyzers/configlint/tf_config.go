package configlint

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
)

// TerraformOptions say what the files do not.
type TerraformOptions struct {
	Vars     []string // NAME=VALUE, as terraform -var: an expression, or a text
	VarFiles []string // .tfvars or .tfvars.json, as terraform -var-file
	Before   string   // the same configuration as it was: a folder, to find mutual authentication that was removed; "": none
}

// Terraform reads a folder of Terraform code as its root module, with the modules it calls (local folders, and what
// terraform init has put into .terraform); or one file: code, or the JSON that terraform show -json prints for a plan or a
// state. The error is one of finding the files; what is damaged in them is in the result.
func Terraform(path string, o *TerraformOptions) (*Result, error) {
	if o == nil {
		o = &TerraformOptions{}
	}
	r, err := terraform(disk{}, path, o)
	if err != nil {
		return nil, err
	}
	if o.Before != "" {
		old, err := terraform(disk{}, o.Before, &TerraformOptions{Vars: o.Vars, VarFiles: o.VarFiles})
		if err != nil {
			return nil, err
		}
		r.removedSince(old)
	}
	return r.finish(), nil
}

func terraform(from files, name string, o *TerraformOptions) (*Result, error) {
	r := &Result{}
	if _, err := from.list(name); err != nil {
		b, err := from.read(name)
		if err != nil {
			return nil, err
		}
		if looksLikePlan(b) {
			r.Files = 1
			r.plan(name, b)
			return r, nil
		}
	}
	l := &tfLoader{files: from, result: r, parsed: map[string]*tfModule{}}
	m, err := l.load(name)
	if err != nil {
		return nil, err
	}
	l.installed = l.manifest(filepath.Join(m.dir, ".terraform", "modules", "modules.json"), m.dir)
	given, err := l.variables(m, o)
	if err != nil {
		return nil, err
	}
	l.evaluate(m, given, "", nil)
	return r, nil
}

// tfModule is the code of one folder, parsed.
type tfModule struct {
	dir       string
	variables map[string]*hcl.Block
	locals    map[string]hcl.Expression
	calls     []*hcl.Block // module
	listeners []*hcl.Block // resource "aws_lb_listener"
	balancers map[string]*hcl.Block
	stores    []*hcl.Block // resource "aws_lb_trust_store"
}

// tfLoader reads modules, each folder once.
type tfLoader struct {
	files     files
	result    *Result
	parsed    map[string]*tfModule
	installed map[string]string // the folder of each installed module, by its call's address: "alb", "web.alb"
	instances int
}

var rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "variable", LabelNames: []string{"name"}}, {Type: "locals"}, {Type: "module", LabelNames: []string{"name"}},
	{Type: "resource", LabelNames: []string{"type", "name"}},
}}

// load parses the files of a folder, or the one file that is named.
func (l *tfLoader) load(dir string) (*tfModule, error) {
	if m := l.parsed[dir]; m != nil {
		return m, nil
	}
	names, folder := []string{dir}, path.Dir(filepath.ToSlash(dir))
	if entries, err := l.files.list(dir); err == nil {
		names, folder = nil, dir
		for _, e := range entries {
			if n := e.Name(); !e.IsDir() && (strings.HasSuffix(n, ".tf") || strings.HasSuffix(n, ".tf.json")) {
				names = append(names, filepath.Join(dir, n))
			}
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("no Terraform code in %s: no file that ends in .tf or .tf.json", dir)
		}
	}
	m := &tfModule{dir: folder, variables: map[string]*hcl.Block{}, locals: map[string]hcl.Expression{}, balancers: map[string]*hcl.Block{}}
	l.parsed[dir] = m
	// Overriding files come last, as in Terraform; their blocks replace what has the same name, which for listeners is
	// told by position alone here: both are read.
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(a, b) })
	for _, n := range names {
		b, err := l.files.read(n)
		if err != nil {
			return nil, err
		}
		l.result.Files++
		if body := l.result.hcl(n, b); body != nil {
			l.take(m, body)
		}
	}
	return m, nil
}

// hcl parses a file; what is damaged is a problem, and the rest is returned.
func (r *Result) hcl(name string, b []byte) hcl.Body {
	if why := tooNested(b); why != "" {
		r.problem(Position{File: name}, "%s", why)
		return nil
	}
	var file *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(name, ".json") {
		file, diags = hcljson.Parse(b, name)
	} else {
		file, diags = hclsyntax.ParseConfig(b, name, hcl.InitialPos)
	}
	r.diagnostics(name, diags)
	if diags.HasErrors() {
		if r.damaged == nil {
			r.damaged = map[string]bool{}
		}
		r.damaged[name] = true
	}
	if file == nil || file.Body == nil {
		return nil
	}
	return file.Body
}

func (r *Result) diagnostics(file string, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := Position{File: file}
		if d.Subject != nil {
			at = position(*d.Subject)
		}
		r.problem(at, "%s", sentence(d.Summary, d.Detail))
	}
}

// sentence puts a diagnostic into one line, lower case first.
func sentence(summary, detail string) string {
	s := strings.TrimSuffix(strings.Join(strings.Fields(summary+": "+detail), " "), ".")
	s = strings.TrimSuffix(s, ":")
	if s != "" {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func position(r hcl.Range) Position {
	return Position{File: r.Filename, Line: r.Start.Line, Column: r.Start.Column}
}

// take puts the blocks of a file where they belong.
func (l *tfLoader) take(m *tfModule, body hcl.Body) {
	content, _, diags := body.PartialContent(rootSchema)
	for _, d := range diags {
		if d.Subject != nil {
			l.result.diagnostics(d.Subject.Filename, hcl.Diagnostics{d})
		}
	}
	for _, b := range content.Blocks {
		switch b.Type {
		case "variable":
			m.variables[b.Labels[0]] = b
		case "locals":
			attrs, _ := b.Body.JustAttributes()
			for name, a := range attrs {
				m.locals[name] = a.Expr
			}
		case "module":
			m.calls = append(m.calls, b)
		case "resource":
			switch b.Labels[0] {
			case "aws_lb_listener", "aws_alb_listener":
				m.listeners = append(m.listeners, b)
			case "aws_lb", "aws_alb":
				m.balancers[b.Labels[0]+"."+b.Labels[1]] = b
			case "aws_lb_trust_store":
				m.stores = append(m.stores, b)
			}
		}
	}
}

// tooNested guards the recursive parsers against files made to exhaust them.
func tooNested(b []byte) string {
	const most = 500
	depth, signs, choices := 0, 0, 0
	for _, c := range b {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '?':
			choices++
		}
		switch c {
		case '!', '-':
			signs++
		case ' ', '\t', '\r', '\n':
		default:
			signs = 0
		}
		if depth > most || signs > 4*most || choices > 40*most {
			return fmt.Sprintf("nested deeper than %d levels, which is no configuration", most)
		}
	}
	return ""
}

// manifest reads where terraform init has put modules.
// https://developer.hashicorp.com/terraform/cli/commands/init#child-module-installation
func (l *tfLoader) manifest(name, root string) map[string]string {
	b, err := l.files.read(name)
	if err != nil {
		return nil // not initialised, which is no problem
	}
	var list struct{ Modules []struct{ Key, Dir string } }
	if err := json.Unmarshal(b, &list); err != nil {
		l.result.problem(Position{File: name}, "%v", err)
		return nil
	}
	dirs := map[string]string{}
	for _, m := range list.Modules {
		dirs[m.Key] = filepath.Join(root, filepath.FromSlash(m.Dir))
	}
	return dirs
}

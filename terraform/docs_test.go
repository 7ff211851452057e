package terraform_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
)

// generated compares the part of a document between <!-- NAME --> and <!-- /NAME --> with text, or writes it with -update.
func generated(t *testing.T, file, name, text string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	doc := read(t, file)
	head, rest, ok := strings.Cut(doc, begin)
	require.True(t, ok, "%s has no %s", file, begin)
	old, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no %s", file, end)
	if *update && old != text {
		require.NoError(t, os.WriteFile(file, []byte(head+begin+text+end+tail), 0o644))
		return
	}
	require.Equal(t, text, old, "%s: run go test ./terraform -update", file)
}

// attribute is an attribute's text in one line, "" without one.
func attribute(b block, name string) string {
	a, ok := b.Body.Attributes[name]
	if !ok {
		return ""
	}
	return strings.Join(strings.Fields(b.text(a.Expr.Range())), " ")
}

// literal is the value of a text.
func literal(t *testing.T, b block, name string) string {
	t.Helper()
	a, ok := b.Body.Attributes[name]
	require.True(t, ok, "%s %s has no %s", b.Type, b.Labels[0], name)
	v, diags := a.Expr.Value(nil)
	require.False(t, diags.HasErrors(), "%s", diags)
	return v.AsString()
}

// typeName is a type, structures in short.
func typeName(b block) string {
	typ := attribute(b, "type")
	for _, short := range []string{"map(object(", "object("} {
		if strings.HasPrefix(typ, short) {
			return strings.TrimRight(short, "(") + strings.Repeat(")", strings.Count(short, "(")-1)
		}
	}
	return typ
}

func inputs(t *testing.T, dir string) string {
	var rows []string
	for _, b := range blocks(t, dir) {
		if b.Type != "variable" {
			continue
		}
		fallback := attribute(b, "default")
		switch {
		case fallback == "":
			fallback = "**required**"
		default:
			fallback = "`" + fallback + "`"
		}
		if attribute(b, "ephemeral") == "true" {
			fallback += ", ephemeral"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s | %s |\n", b.Labels[0], typeName(b), fallback, cell(literal(t, b, "description"))))
	}
	slices.Sort(rows)
	return "| input | type | default | what |\n| --- | --- | --- | --- |\n" + strings.Join(rows, "")
}

func outputs(t *testing.T, dir string) string {
	var rows []string
	for _, b := range blocks(t, dir) {
		if b.Type == "output" {
			rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", b.Labels[0], cell(literal(t, b, "description"))))
		}
	}
	slices.Sort(rows)
	return "| output | what |\n| --- | --- |\n" + strings.Join(rows, "")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func TestReadme(t *testing.T) {
	generated(t, "README.md", "inputs", inputs(t, "."))
	generated(t, "README.md", "outputs", outputs(t, "."))
}

// Each module's page is written whole: what its first comment says, its inputs, its outputs.
func TestModulePages(t *testing.T) {
	dirs, err := filepath.Glob("modules/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		var what []string
		for line := range strings.Lines(read(t, filepath.Join(dir, "main.tf"))) {
			rest, ok := strings.CutPrefix(line, "#")
			if !ok {
				break
			}
			what = append(what, strings.TrimSpace(rest))
		}
		require.NotEmpty(t, what, "%s/main.tf does not begin with a comment that says what the module is", dir)
		page := "# " + filepath.Base(dir) + "\n\n" + strings.Join(what, "\n") + "\n\n" + inputs(t, dir) + "\n" + outputs(t, dir) +
			"\nWritten by `go test ./terraform -update`.\n"
		file := filepath.Join(dir, "README.md")
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(page), 0o644))
			continue
		}
		require.Equal(t, page, read(t, file), "%s: run go test ./terraform -update", file)
	}
}

// Everything that can be set or read is described, and everything that can be set is typed.
func TestDescriptions(t *testing.T) {
	seen := 0
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			switch b.Type {
			case "variable":
				require.NotEmpty(t, attribute(b, "type"), "%s: variable %s has no type", dir, b.Labels[0])
				fallthrough
			case "output":
				seen++
				d := literal(t, b, "description")
				require.Regexp(t, `[.)]$`, d, "%s: %s %s", dir, b.Type, b.Labels[0])
			}
			for _, v := range b.Body.Blocks {
				if v.Type == "validation" || v.Type == "precondition" {
					requireMessage(t, dir, block{v, b.source})
				}
			}
		}
	}
	require.Greater(t, seen, 100)
}

// requireMessage: a sentence that says what is wanted, as Terraform shows it under the line at fault.
func requireMessage(t *testing.T, dir string, b block) {
	t.Helper()
	_, ok := b.Body.Attributes["error_message"].Expr.(*hclsyntax.TemplateExpr)
	require.True(t, ok, dir)
	require.Regexp(t, `[.]"$`, attribute(b, "error_message"), dir)
}

// Each module, policy and example is told of.
func TestDocumentsNameEverything(t *testing.T) {
	for doc, patterns := range map[string][]string{
		"../docs/terraform.md": {"modules/*", "policies/*.json"}, "README.md": {"examples/*"},
	} {
		text := read(t, doc)
		for _, pattern := range patterns {
			found, err := filepath.Glob(pattern)
			require.NoError(t, err)
			require.NotEmpty(t, found)
			for _, name := range found {
				if strings.HasSuffix(name, ".json") {
					name = strings.TrimSuffix(filepath.Base(name), ".json")
				}
				require.Contains(t, text, name, doc)
			}
		}
	}
}

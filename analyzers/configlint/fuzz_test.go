package configlint

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// memory is a folder of files in memory.
type memory map[string]string

func (m memory) read(name string) ([]byte, error) {
	b, ok := m[filepath.ToSlash(name)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(b), nil
}

type entry string

func (e entry) Name() string               { return string(e) }
func (e entry) IsDir() bool                { return false }
func (e entry) Type() fs.FileMode          { return 0 }
func (e entry) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

func (m memory) list(dir string) ([]fs.DirEntry, error) {
	var out []fs.DirEntry
	for name := range m {
		if filepath.ToSlash(filepath.Dir(name)) == filepath.ToSlash(dir) {
			out = append(out, entry(filepath.Base(name)))
		}
	}
	if len(out) == 0 {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

// seeds adds the files of the cases of a kind.
func seeds(f *testing.F, kind string, suffixes ...string) {
	names, err := filepath.Glob("testdata/" + kind + "-*.txtar")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, n := range names {
		a, err := txtar.ParseFile(n)
		require.NoError(f, err)
		for _, file := range a.Files {
			for _, s := range suffixes {
				if strings.HasSuffix(file.Name, s) {
					f.Add(string(file.Data))
				}
			}
		}
	}
}

// check holds what is true of every result, and that hostile files cost no unbounded work.
func check(t *testing.T, r *Result, begun time.Time) {
	r.finish()
	for _, l := range r.Listeners {
		require.NotEmpty(t, l.Address)
		require.NotEmpty(t, l.At.File)
		if l.Policy.Origin == OriginUnknown {
			require.NotEmpty(t, l.Policy.Why)
			require.Empty(t, l.Policy.Text)
		}
	}
	for _, p := range r.Problems {
		require.NotEmpty(t, p.Msg)
		require.NotContains(t, p.Msg, "\n")
	}
	_ = write(r)
	if d := time.Since(begun); d > 20*time.Second {
		t.Fatalf("took %v", d)
	}
}

func FuzzTerraform(f *testing.F) {
	seeds(f, "terraform", ".tf")
	f.Add(`locals { a = [for x in local.a : x] }`)
	f.Add(`locals {` + "\n a = \"${local.b}${local.b}\"\n b = \"${local.a}\"\n}")
	f.Fuzz(func(t *testing.T, code string) {
		begun := time.Now()
		r, err := terraform(memory{"m/main.tf": code, "m/sub/main.tf": code}, "m", &TerraformOptions{})
		require.NoError(t, err)
		check(t, r, begun)
	})
}

func FuzzTerraformJSON(f *testing.F) {
	seeds(f, "terraform", ".tf.json")
	f.Add(`{"resource":{"aws_lb_listener":{"a":{"protocol":"HTTPS","ssl_policy":"${var.p}"}}}}`)
	f.Fuzz(func(t *testing.T, code string) {
		begun := time.Now()
		r, err := terraform(memory{"m/main.tf.json": code}, "m", &TerraformOptions{})
		require.NoError(t, err)
		check(t, r, begun)
	})
}

func FuzzPlan(f *testing.F) {
	seeds(f, "terraform", "plan.json")
	f.Fuzz(func(t *testing.T, plan string) {
		begun := time.Now()
		r := &Result{}
		r.plan("plan.json", []byte(plan))
		check(t, r, begun)
	})
}

func FuzzCloudFormation(f *testing.F) {
	seeds(f, "cloudformation", ".yaml", ".json")
	f.Fuzz(func(t *testing.T, template string) {
		begun := time.Now()
		r := &Result{}
		r.template("template.yaml", []byte(template), nil)
		check(t, r, begun)
	})
}

func FuzzIngress(f *testing.F) {
	seeds(f, "ingress", ".yaml", ".json")
	f.Fuzz(func(t *testing.T, manifest string) {
		begun := time.Now()
		r := &Result{}
		c := newCluster(r)
		c.manifests("ingress.yaml", []byte(manifest))
		c.listeners("")
		check(t, r, begun)
	})
}

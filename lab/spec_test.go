package lab_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
)

// One description builds both labs: the json tags of lab.Spec are the names in terraform/variables.tf.
func TestSpecHasTerraformsNames(t *testing.T) {
	text, err := os.ReadFile("../terraform/variables.tf")
	require.NoError(t, err)
	got := map[string][]string{} // variable: attributes at any depth
	for _, block := range strings.Split(string(text), "\nvariable ")[1:] {
		name := regexp.MustCompile(`^"(\w+)"`).FindStringSubmatch(block)[1]
		typed, _, _ := strings.Cut(block, "validation {")
		for _, m := range regexp.MustCompile(`(?m)^\s+(\w+)\s+= (?:number|string|bool|optional|object|map)`).FindAllStringSubmatch(typed, -1) {
			if m[1] != "type" || strings.Contains(m[0], "optional") {
				got[name] = append(got[name], m[1])
			}
		}
		slices.Sort(got[name])
	}
	require.NotEmpty(t, got, "no variables found")

	spec := reflect.TypeFor[lab.Spec]()
	want := map[string][]string{}
	for i := range spec.NumField() {
		f := spec.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "embedded" {
			continue // what only the embedded lab knows
		}
		want[tag] = tags(f.Type)
		slices.Sort(want[tag])
	}
	require.Equal(t, want["listeners"], got["listeners"])
	require.Equal(t, want["waf"], got["waf"])
	require.Contains(t, string(text), `variable "allowed_cidrs"`)
	require.Len(t, want, 3, "a new field of lab.Spec needs a variable")
}

func tags(t reflect.Type) []string {
	var all []string
	switch t.Kind() {
	case reflect.Map, reflect.Pointer, reflect.Slice:
		return tags(t.Elem())
	case reflect.Struct:
		if t.PkgPath() != reflect.TypeFor[lab.Spec]().PkgPath() {
			return nil
		}
		for i := range t.NumField() {
			tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			all = append(all, tag)
			all = append(all, tags(t.Field(i).Type)...)
		}
	}
	return all
}

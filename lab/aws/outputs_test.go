package aws_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
)

const plainOutputs = `{"schema":"alblab.outputs/1","run_id":"0a1b2c3d","region":"us-east-1","account_id":"111122223333","expires_at":"2026-11-22T20:00:00Z",
"endpoints":{"a":"alb.example:443"},"policies":{"a":"ELBSecurityPolicy-2016-08"},"listener_arns":{"a":"arn:l"},
"load_balancer_arn":"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/alblab-0a1b2c3d/50dc6c495c0c9188",
"waf":null,"mirror":{"target_id":"tmt-1","vni":4789001}}`

// wrapped is the same as "terraform output -json" prints it.
func wrapped(t *testing.T) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(plainOutputs), &all))
	out := map[string]any{}
	for name, v := range all {
		out[name] = map[string]any{"sensitive": false, "type": "dynamic", "value": v}
	}
	b, err := json.Marshal(out)
	require.NoError(t, err)
	return string(b)
}

func TestReadOutputs(t *testing.T) {
	plain, err := aws.ReadOutputs(strings.NewReader(plainOutputs))
	require.NoError(t, err)
	require.Equal(t, "app/alblab-0a1b2c3d/50dc6c495c0c9188", plain.LoadBalancer())
	require.Nil(t, plain.WAF)
	require.Equal(t, 4789001, plain.Mirror.VNI)
	same, err := aws.ReadOutputs(strings.NewReader(wrapped(t)))
	require.NoError(t, err)
	require.Equal(t, plain, same)

	tests := []struct{ name, in, want string }{
		{"nothing applied", "{}", "there are none"},
		{"no JSON", "Warning: No outputs found", "not a JSON object"},
		{"others' outputs", `{"vpc_id":{"value":"vpc-1","type":"string","sensitive":false}}`, "no schema"},
		{"newer", strings.Replace(plainOutputs, "outputs/1", "outputs/2", 1), `schema "alblab.outputs/2"`},
		{"half", strings.Replace(strings.Replace(plainOutputs, "run_id", "x", 1), "region", "y", 1), "region, run_id: missing"},
		{"no port", strings.Replace(plainOutputs, "alb.example:443", "alb.example", 1), "is no host:port"},
		{"no listener", strings.Replace(plainOutputs, `"listener_arns":{"a"`, `"listener_arns":{"b"`, 1), "listener_arns: a: missing"},
		{"no ARN", strings.Replace(plainOutputs, "loadbalancer/", "", 1), "no ARN of a load balancer"},
		{"no roots", strings.Replace(plainOutputs, `"waf":null`, `"waf":null,"roots_pem":"x"`, 1), "roots_pem: no certificate"},
		{"wrong type", strings.Replace(plainOutputs, `"us-east-1"`, `7`, 1), "region"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := aws.ReadOutputs(strings.NewReader(tt.in))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzReadOutputs(f *testing.F) {
	f.Add([]byte(plainOutputs))
	f.Add([]byte(`{"schema":{"value":"alblab.outputs/1","sensitive":false}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := aws.ReadOutputs(strings.NewReader(string(b)))
		if err == nil && (len(o.Endpoints) == 0 || o.LoadBalancer() == "") {
			t.Fatal("outputs without a load balancer")
		}
	})
}

// TestOutputsAreTerraforms: the json tags are the names of terraform/outputs.tf.
func TestOutputsAreTerraforms(t *testing.T) {
	text, err := os.ReadFile("../../terraform/outputs.tf")
	require.NoError(t, err)
	var have []string
	for _, m := range regexp.MustCompile(`(?m)^output "(\w+)"`).FindAllStringSubmatch(string(text), -1) {
		have = append(have, m[1])
	}
	var want []string
	o := reflect.TypeFor[aws.Outputs]()
	for i := range o.NumField() {
		want = append(want, o.Field(i).Tag.Get("json"))
	}
	slices.Sort(have)
	slices.Sort(want)
	require.NotEmpty(t, have)
	require.Equal(t, want, have)
}

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// program is a Terraform that builds nothing: it keeps a state, notes how it was called, and fails to destroy as often as the
// file "refuse" has bytes.
const program = `#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/calls"
command=$1
state=terraform.tfstate
for a in "$@"; do
  case $a in
    -var-file=*keys*) cp "${a#-var-file=}" "$here/keys-seen"; stat -c %a "${a#-var-file=}" >> "$here/keys-mode" ;;
  esac
done
case $command in
  version) echo '{"terraform_version":"1.11.0","platform":"linux_amd64","provider_selections":{}}' ;;
  init) ;;
  apply)
    [ -e "$here/broken" ] && { echo 'Error: creating ELBv2 Load Balancer: AccessDenied' >&2; echo '{"resources":[{"mode":"managed"}]}' > "$state"; exit 1; }
    echo '{"resources":[{"mode":"managed"}]}' > "$state" ;;
  output) cat "$here/outputs" ;;
  destroy)
    if [ -s "$here/refuse" ]; then
      n=$(wc -c < "$here/refuse"); head -c $((n-1)) "$here/refuse" > "$here/r"; mv "$here/r" "$here/refuse"
      echo 'Error: deleting S3 Bucket (alblab-logs): BucketNotEmpty: The bucket you tried to delete is not empty' >&2; exit 1
    fi
    echo '{"resources":[]}' > "$state" ;;
esac
`

const outputs = `{"schema":{"value":"alblab.outputs/1","type":"string","sensitive":false},
"run_id":{"value":"0a1b2c3d","type":"string","sensitive":false},"region":{"value":"us-east-1","type":"string","sensitive":false},
"account_id":{"value":"111122223333","type":"string","sensitive":false},"expires_at":{"value":"2026-11-22T20:00:00Z","type":"string","sensitive":false},
"endpoints":{"value":{"a":"alb.example:443"},"type":["map","string"],"sensitive":false},
"listener_arns":{"value":{"a":"arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/alblab-0a1b2c3d/1/2"},"type":["map","string"],"sensitive":false},
"load_balancer_arn":{"value":"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/alblab-0a1b2c3d/50dc6c495c0c9188","type":"string","sensitive":false},
"waf":{"value":null,"type":"dynamic","sensitive":false}}`

// clock counts the waits.
type clock struct {
	now   time.Time
	waits int
}

func (c *clock) Now() time.Time { return c.now }
func (c *clock) WaitUntil(ctx context.Context, t time.Time) error {
	c.now, c.waits = t, c.waits+1
	return ctx.Err()
}

// fake writes the program and returns its folder.
func fake(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "terraform")
	require.NoError(t, os.WriteFile(path, []byte(program), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "outputs"), []byte(outputs), 0o600))
	return dir, path
}

func options(t *testing.T, path string) Options {
	t.Helper()
	plan, err := scenarios.NewPlan(scenarios.Options{Together: true, Seed: 1, Capabilities: []lab.Capability{lab.Capture, lab.ClientCertificates, lab.AnyPort}})
	require.NoError(t, err)
	return Options{
		Spec: plan.Spec, Region: "us-east-1", Account: "111122223333", Owner: "tester", Expires: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC),
		AllowedCIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, Terraform: path,
	}
}

// TestBoundary: the runner's policies let it make roles within a boundary only; the settings name it under the name of
// Terraform's variable, and a lab that is up keeps it.
func TestBoundary(t *testing.T) {
	const boundary = "arn:aws:iam::111122223333:policy/alblab-boundary"
	_, path := fake(t)
	f, err := Open(filepath.Join(t.TempDir(), "lab"), "")
	require.NoError(t, err)
	variable, err := os.ReadFile(filepath.Join(f.config, "variables.tf"))
	require.NoError(t, err)
	require.Contains(t, string(variable), `variable "permissions_boundary"`)
	o := options(t, path)
	read := func() map[string]any {
		_, err := f.Up(t.Context(), o, io.Discard)
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(f.Dir(), variables))
		require.NoError(t, err)
		var s map[string]any
		require.NoError(t, json.Unmarshal(b, &s))
		return s
	}
	require.NotContains(t, read(), "permissions_boundary")
	o.Boundary = boundary
	require.Equal(t, boundary, read()["permissions_boundary"])
	o.Boundary = ""
	require.Equal(t, boundary, read()["permissions_boundary"])
}

func TestUpAndDown(t *testing.T) {
	dir, path := fake(t)
	f, err := Open(filepath.Join(t.TempDir(), "lab"), "")
	require.NoError(t, err)
	require.False(t, f.HasState())
	var out bytes.Buffer
	o, err := f.Up(t.Context(), options(t, path), &out)
	require.NoError(t, err)
	require.Equal(t, "app/alblab-0a1b2c3d/50dc6c495c0c9188", o.LoadBalancer())
	require.Nil(t, o.WAF)
	require.True(t, f.HasState())
	require.NoFileExists(t, filepath.Join(f.Dir(), keys), "private keys stay only while Terraform applies")

	var seen struct {
		Keys map[string]string `json:"server_private_keys"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "keys-seen"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &seen))
	require.Contains(t, seen.Keys["ecdsa:p384:sha384"], "PRIVATE KEY")
	mode, err := os.ReadFile(filepath.Join(dir, "keys-mode"))
	require.NoError(t, err)
	require.Equal(t, "600\n", string(mode))

	s, err := f.Settings()
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{8}$`, s.RunID)
	require.Equal(t, "2026-11-22T20:00:00Z", s.ExpiresAt)
	require.True(t, s.ForwardTarget)
	require.Contains(t, s.TrustStore, "BEGIN CERTIFICATE")
	text, err := os.ReadFile(filepath.Join(f.Dir(), variables))
	require.NoError(t, err)
	require.NotContains(t, string(text), "PRIVATE KEY")
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	require.NotContains(t, string(calls), "PRIVATE KEY")

	p, err := pki.Load(f.PKI())
	require.NoError(t, err)
	require.True(t, p.Has(pki.KindGoodStrict))

	// Up again keeps the run id and the certificates: nothing is replaced.
	_, err = f.Up(t.Context(), options(t, path), &out)
	require.NoError(t, err)
	again, err := f.Settings()
	require.NoError(t, err)
	require.Equal(t, s, again)
	// Certificates that are made anew are imported anew.
	require.Equal(t, 1, s.CertificatesVersion)
	require.NoError(t, os.Remove(filepath.Join(f.PKI(), "client-ca.pem")))
	_, err = f.Up(t.Context(), options(t, path), &out)
	require.NoError(t, err)
	renewed, err := f.Settings()
	require.NoError(t, err)
	require.Equal(t, 2, renewed.CertificatesVersion)
	require.NotEqual(t, s.ServerCertificates, renewed.ServerCertificates)
	other := options(t, path)
	other.Region = "eu-west-1"
	_, err = f.Up(t.Context(), other, &out)
	require.ErrorContains(t, err, "is up in account 111122223333, region us-east-1")
	require.NotEmpty(t, aws.Hint(err))

	// The bucket gets new logs twice.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "refuse"), []byte("xx"), 0o600))
	c := &clock{now: time.Unix(0, 0)}
	require.NoError(t, f.Down(t.Context(), path, &out, c))
	require.Equal(t, 2, c.waits)
	require.False(t, f.HasState())
	_, err = f.Outputs()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, f.Down(t.Context(), path, &out, c), "safe to run again")
	require.NoError(t, f.Remove())
	require.NoDirExists(t, f.Dir())
}

func TestUpFails(t *testing.T) {
	dir, path := fake(t)
	f, err := Open(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600))
	var out bytes.Buffer
	_, err = f.Up(t.Context(), options(t, path), &out)
	require.ErrorContains(t, err, "building the lab: ")
	require.ErrorContains(t, err, "AccessDenied")
	require.Contains(t, aws.Hint(err), "alblab aws down")
	require.NoFileExists(t, filepath.Join(f.Dir(), keys))
	require.True(t, f.HasState(), "what was built is known")
	require.Error(t, f.Remove())
}

func TestDownGivesUp(t *testing.T) {
	dir, path := fake(t)
	f, err := Open(t.TempDir(), "")
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = f.Up(t.Context(), options(t, path), &out)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "refuse"), bytes.Repeat([]byte("x"), 100), 0o600))
	err = f.Down(t.Context(), path, &out, &clock{now: time.Unix(0, 0)})
	require.ErrorContains(t, err, "BucketNotEmpty")
	require.Contains(t, aws.Hint(err), "sweep")
}

// TestPasses: what a destroy meets while something else is still going.
func TestPasses(t *testing.T) {
	for _, s := range []string{"TrafficMirrorTargetInUse", "TrafficMirrorFilterInUse", "TrustStoreInUse", "DependencyViolation", "BucketNotEmpty"} {
		require.True(t, Passes(errors.New("Error: deleting: api error "+s+": it is in use")), s)
	}
	require.False(t, Passes(errors.New("Error: api error AccessDenied: no")))
}

func TestOpenErrors(t *testing.T) {
	_, err := Open(t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "the Terraform configuration")
	_, err = find("no-such-program-here")
	require.ErrorContains(t, err, "no-such-program-here is not installed")
	require.NotEmpty(t, aws.Hint(err))
}

// TestConfiguration: the program brings along what the repository has.
func TestConfiguration(t *testing.T) {
	f, err := Open(t.TempDir(), "")
	require.NoError(t, err)
	n := 0
	root := "../../../terraform"
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		top := filepath.Dir(rel) == "."
		switch {
		case err != nil:
			return err
		case d.IsDir() && top && rel != "." && rel != "modules":
			return fs.SkipDir
		case d.IsDir() || top && filepath.Ext(name) != ".tf":
			return nil
		}
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(f.config, rel))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), rel)
		n++
		return nil
	}))
	require.Greater(t, n, 20)
}

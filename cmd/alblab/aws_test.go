package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
)

// awsServer is an embedded lab that answers AWS's API, and the environment of a user who calls it.
func awsServer(t *testing.T) (url string, api *awsapi.Server) {
	t.Helper()
	l, err := embedded.Start(t.Context(), lab.Spec{Listeners: map[string]lab.Listener{"tls13-1-2-2021-06-rsa": {Port: 8445, SSLPolicy: "TLS13-1-2-2021-06", Certificate: "rsa"}}}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	api = awsapi.New(l, nil)
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_ENDPOINT_URL": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return s.URL, api
}

// command runs one and returns what it printed.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestAWSPolicies(t *testing.T) {
	url, _ := awsServer(t)
	code, out, errs := command(t, "aws", "policies", "--endpoint-url", url)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, "policies compared, 0 differences")
	code, out, _ = command(t, "aws", "policies", "--endpoint-url", url, "--format", "json")
	require.Equal(t, exitDone, code)
	var v struct {
		Schema      string
		Compared    int
		Differences []any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, "alblab.aws-policies/1", v.Schema)
	require.Greater(t, v.Compared, 40)
	require.NotNil(t, v.Differences)
}

func TestAWSSweep(t *testing.T) {
	url, _ := awsServer(t)
	code, out, errs := command(t, "aws", "sweep", "--endpoint-url", url)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, "elasticloadbalancing loadbalancer app/alblab/")
	require.Contains(t, out, "nothing was deleted: --yes deletes")
	code, out, errs = command(t, "aws", "sweep", "--endpoint-url", url, "--yes") // the embedded lab's API deletes nothing
	require.Equal(t, exitError, code)
	left := strings.Count(out, "  run ")
	require.Greater(t, left, 5)
	require.Contains(t, errs, fmt.Sprintf("%d resources could not be deleted", left))
	code, out, _ = command(t, "aws", "sweep", "--endpoint-url", url, "--run", "another")
	require.Equal(t, exitDone, code)
	require.Equal(t, "nothing is left of run another\n", out)
	code, out, _ = command(t, "aws", "sweep", "--endpoint-url", url, "--run", "another", "--expired")
	require.Equal(t, exitDone, code)
	require.Equal(t, "nothing is left of run another, but for labs that have not expired\n", out)
	code, out, _ = command(t, "aws", "sweep", "--endpoint-url", url, "--run", "another", "--format", "json")
	require.Equal(t, exitDone, code)
	require.JSONEq(t, `{"schema":"alblab.aws-sweep/1","leftovers":[]}`, out)
}

func TestAWSUpPlans(t *testing.T) {
	url, _ := awsServer(t)
	args := []string{"aws", "up", "--allow", "198.51.100.7/32", "--endpoint-url", url}
	code, out, errs := command(t, append(args, "--account", "111122223333")...)
	require.Equal(t, exitDone, code, errs)
	require.Equal(t, "nothing was built: --yes builds it\n", out)
	for _, want := range []string{"phase 1: ", "phase 2: 3 scenarios", "skipped: ", "cost: about $0.11 an hour", "ok  account"} {
		require.Contains(t, errs, want)
	}
	costsOfPages(t, errs)
	code, _, errs = command(t, append(args, "--account", "999999999999")...)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "allowed is 999999999999\n")
	require.Contains(t, errs, "hint: use credentials of the sandbox account")
	code, _, errs = command(t, append(args, "--account", "111122223333", "--for", "30m")...)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "error: time: the run takes ")
	code, _, errs = command(t, append(args, "--account", "111122223333", "--allow", "0.0.0.0/0")...)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "that is the whole Internet")
	t.Setenv("AWS_ENDPOINT_URL", url)
	code, _, errs = command(t, append(args, "--account", "111122223333", "--permissions-boundary", "alblab-boundary")...)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "--permissions-boundary alblab-boundary: want the ARN of an IAM policy")
	code, _, errs = command(t, "aws", "up", "--allow", "198.51.100.7/32", "--account", "111122223333")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "hint: unset AWS_ENDPOINT_URL")
}

// costsOfPages holds each page that says what a run takes and costs to what 'aws up' printed for all scenarios.
func costsOfPages(t *testing.T, up string) {
	t.Helper()
	m := regexp.MustCompile(`ok  time +(\d+h\d+m)0s, until .*, about \$(\d\.\d\d)\n`).FindStringSubmatch(up)
	require.NotNil(t, m, up)
	for file, want := range map[string][]string{
		"../../README.md":         {"(about " + m[2] + " USD a run)"},
		"../../docs/aws.md":       {"the run: " + m[1] + " for all scenarios", fmt.Sprintf("about %.2f US dollars an hour, %s for all scenarios", aws.Cost(time.Hour), m[2])},
		"../../docs/aws-costs.md": {"take " + m[1] + " at most and cost about " + m[2] + ":"},
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, w := range want {
			require.Contains(t, string(text), w, file)
		}
	}
	require.Contains(t, awsHelp, fmt.Sprintf("about %.2f US dollars an hour", aws.Cost(time.Hour)))
}

func TestAWSWithoutLab(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"aws", "status", "--dir", dir}, {"run", "--lab", "aws", "--dir", dir}} {
		code, _, errs := command(t, args...)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "no lab is up: there is no "+filepath.Join(dir, "outputs.json"))
		require.Contains(t, errs, "hint: 'alblab aws up' builds one")
	}
	code, out, _ := command(t, "aws", "down", "--dir", dir)
	require.Equal(t, exitDone, code)
	require.Equal(t, "no lab is up in "+dir+"\n", out)
	dir = filepath.Join(dir, "mistyped")
	code, out, _ = command(t, "aws", "down", "--dir", dir)
	require.Equal(t, exitDone, code)
	require.Equal(t, "no lab is up in "+dir+"\n", out)
	require.NoDirExists(t, dir)
	code, _, errs := command(t, "run", "--outputs", "x")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "--outputs needs --lab aws")
	code, _, errs = command(t, "aws", "up", "--account", "111122223333")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "--allow: say who may connect")
}

// TestAWSEndpointLeftOver: a left-over AWS_ENDPOINT_URL is said, or an emulator's answer reads like the account's; sweep, whose
// "nothing is left" would be believed, refuses it.
func TestAWSEndpointLeftOver(t *testing.T) {
	url, _ := awsServer(t)
	for _, args := range [][]string{{"aws", "sweep"}, {"aws", "policies"}, {"diagnose", "alblab"}} {
		t.Setenv("AWS_ENDPOINT_URL", url)
		code, _, errs := command(t, args...)
		if args[len(args)-1] == "sweep" {
			require.Equal(t, exitError, code)
			require.Contains(t, errs, "error: calls would go to "+url+", not to AWS")
		} else {
			require.Equal(t, exitDone, code, errs)
		}
		require.Contains(t, errs, "calls go to "+url+", not to AWS", args)
		t.Setenv("AWS_ENDPOINT_URL", "")
		code, _, errs = command(t, append(args, "--endpoint-url", url)...)
		require.Equal(t, exitDone, code, errs)
		require.NotContains(t, errs, "not to AWS", args)
	}
}

func TestAWSThrottled(t *testing.T) {
	url, api := awsServer(t)
	api.SetFaults(awsapi.Faults{Expired: true})
	code, _, errs := command(t, "aws", "policies", "--endpoint-url", url)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "hint: the credentials have ended")
	require.Equal(t, 2, strings.Count(errs, "\n"), "one error, one hint")
}

package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServeAWS: the API is beside the load balancer, has its evidence, and changes it.
func TestServeAWS(t *testing.T) {
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	s := startServe(t, "--listen", "127.0.0.1:0", "--cert", "ecdsa", "--aws-api", "127.0.0.1:0", "--delivery", "0s", "--outputs", outputs)
	api := s.find(t, `^AWS's API is on (\S+) `)
	b, err := os.ReadFile(outputs)
	require.NoError(t, err)
	var o struct {
		Schema    string            `json:"schema"`
		Endpoints map[string]string `json:"endpoints"`
		Listeners map[string]string `json:"listener_arns"`
	}
	require.NoError(t, json.Unmarshal(b, &o))
	require.Equal(t, "alblab.outputs/1", o.Schema)
	require.Equal(t, "https://"+o.Endpoints["https"]+"/", s.url)

	old := s.client(t, &tls.Config{ServerName: "lab.alblab.example", MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11})
	_, err = old.Get(s.url)
	require.Error(t, err)
	require.Contains(t, call(t, api, "logs", "Logs_20140328.FilterLogEvents", `{"logGroupName":"/alblab/alblab/flow-logs"}`), " 22 ")
	modified := form(t, api, "Action=ModifyListener&Version=2015-12-01&SslPolicy=ELBSecurityPolicy-TLS13-1-0-2021-06&ListenerArn="+o.Listeners["https"])
	require.Contains(t, modified, "<SslPolicy>ELBSecurityPolicy-TLS13-1-0-2021-06</SslPolicy>")
	r, err := old.Get(s.url)
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, 0, s.end(t), s.errs)
}

// TestServeForScenarios: a lab by the description that run writes has what the scenarios need; one without says how to get it.
func TestServeForScenarios(t *testing.T) {
	dir := t.TempDir()
	spec, outputs, pki := filepath.Join(dir, "spec.json"), filepath.Join(dir, "outputs.json"), filepath.Join(dir, "lab")
	code, out, errs := command(t, "run", "experiment-2", "waf-block", "--write-spec", spec)
	require.Equal(t, exitDone, code, errs)
	require.Empty(t, out)
	require.Equal(t, spec+" with 2 listeners\n", errs)
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	plan := func(args ...string) (int, string, string) {
		s := startServe(t, append([]string{"--listen", "127.0.0.1:0", "--aws-api", "127.0.0.1:0", "--delivery", "0s", "--outputs", outputs, "--out", pki}, args...)...)
		defer func() { require.Equal(t, 0, s.end(t), s.errs) }()
		api := s.find(t, `^AWS's API is on (\S+) `)
		return command(t, "run", "--lab", "aws", "experiment-2", "waf-block", "--outputs", outputs, "--pki", filepath.Join(pki, "pki"), "--plan", "--endpoint-url", api)
	}
	code, _, errs = plan("--spec", spec)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, errs, "phase 1: 2 scenarios in ")
	require.NotContains(t, errs, "skipped")

	pki = filepath.Join(dir, "other")
	code, _, errs = plan()
	require.Equal(t, exitError, code, errs)
	require.Contains(t, errs, "hint: 'alblab run --write-spec spec.json' describes a lab that has what they need")

	code, _, errs = command(t, "run", "ipv6", "--write-spec", spec)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "none of these scenarios can run on a load balancer of AWS's")
	code, _, errs = command(t, "run", "--write-spec", filepath.Join(dir, "no", "folder"))
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "writing the lab's description")
}

// TestServeFlowFiles: the flow log goes to a bucket in Parquet, and analyze reads what is fetched from there.
func TestServeFlowFiles(t *testing.T) {
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	s := startServe(t, "--listen", "127.0.0.1:0", "--cert", "ecdsa", "--aws-api", "127.0.0.1:0", "--delivery", "0s", "--outputs", outputs, "--flow-files", "parquet")
	api := strings.TrimSuffix(s.find(t, `^AWS's API is on (\S+) `), "/")
	b, err := os.ReadFile(outputs)
	require.NoError(t, err)
	var o struct {
		FlowLog struct {
			Type   string `json:"destination_type"`
			Bucket string `json:"bucket"`
			Prefix string `json:"prefix"`
		} `json:"flow_log"`
	}
	require.NoError(t, json.Unmarshal(b, &o))
	require.Equal(t, "s3", o.FlowLog.Type)
	old := s.client(t, &tls.Config{ServerName: "lab.alblab.example", MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11})
	_, err = old.Get(s.url)
	require.Error(t, err)
	get := func(path string) string {
		r, err := http.NewRequest(http.MethodGet, api+"/"+o.FlowLog.Bucket+path, nil)
		require.NoError(t, err)
		return signed(t, r, "s3")
	}
	keys := regexp.MustCompile(`<Key>([^<]+_vpcflowlogs_[^<]+\.log\.parquet)</Key>`).FindStringSubmatch(get("?list-type=2&prefix=" + o.FlowLog.Prefix + "/"))
	require.NotEmpty(t, keys)
	file := filepath.Join(t.TempDir(), "flow.parquet")
	require.NoError(t, os.WriteFile(file, []byte(get("/"+keys[1])), 0o600))
	code, out, errs := command(t, "analyze", "--strict", file)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, "flow.parquet:1")
	require.Equal(t, 0, s.end(t), s.errs)

	code, _, errs = command(t, "serve", "--aws-api", "127.0.0.1:0", "--flow-files", "orc")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, `--flow-files is plain-text or parquet, not "orc"`)
	code, _, errs = command(t, "serve", "--flow-files", "parquet")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "--flow-files needs --aws-api")
}

// call makes a call of a JSON service; who signs it does not matter.
func call(t *testing.T, api, service, target, body string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, api, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return signed(t, r, service)
}

func form(t *testing.T, api, body string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, api, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return signed(t, r, "elasticloadbalancing")
}

func signed(t *testing.T, r *http.Request, service string) string {
	t.Helper()
	now := time.Now().UTC()
	r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/"+now.Format("20060102")+"/us-east-1/"+service+"/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, string(b))
	return string(b)
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/evidence"
)

// accountWithTrouble is an endpoint of AWS's API at whose load balancer an old client has failed and another has not.
func accountWithTrouble(t *testing.T, o *awsapi.Options) (endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"), "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	l, err := embedded.Start(t.Context(), lab.Spec{Listeners: map[string]lab.Listener{
		"https": {Port: 443, SSLPolicy: "FS-1-2-Res-2020-10", Certificate: "rsa"},
	}}, &embedded.Options{WallClock: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	for _, name := range []string{"tls11-max", "tls12-only"} {
		p, err := clients.ByName(name)
		require.NoError(t, err)
		conn, err := l.Dial(t.Context(), lab.Vantage{}, "https")
		require.NoError(t, err)
		_, err = clients.Do(t.Context(), conn, clients.Call{Profile: p, ServerName: l.Endpoint().Host, Requests: []clients.Request{{Path: "/"}}, Roots: l.PKI().RootPool()})
		require.NoError(t, err)
	}
	s := httptest.NewServer(awsapi.New(l, o))
	t.Cleanup(s.Close)
	return s.URL
}

func diagnose(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"diagnose"}, args...), nil, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestDiagnose(t *testing.T) {
	endpoint := accountWithTrouble(t, &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true}, Wall: time.Now})
	kept := filepath.Join(t.TempDir(), "kept")
	code, out, errs := diagnose(t, "alblab", "--endpoint-url", endpoint, "--out", kept)
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	for _, want := range []string{
		"HTTPS:443  ELBSecurityPolicy-FS-1-2-Res-2020-10  off", "connection on, access on", "ClientTLSNegotiationErrorCount: 1, most in the minute",
		"203.0.113.10: 2 connections, 1 failure", "refused-first-flight", "TLSv1.2", "evidence is in " + kept,
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "turn it on")
	for line := range strings.Lines(out) {
		if !strings.Contains(line, kept) && !strings.Contains(line, ".log.gz:") { // file names do not break
			require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), columns, line)
		}
	}
	code = run(t.Context(), []string{"analyze", kept}, nil, &bytes.Buffer{}, &bytes.Buffer{})
	require.Zero(t, code, "what is kept can be analyzed")

	code, out, errs = diagnose(t, "alblab", "--endpoint-url", endpoint, "--format", "json")
	require.Zero(t, code, errs)
	var j struct {
		Schema string  `json:"schema"`
		Failed float64 `json:"client_tls_negotiation_error_count"`
		Report struct {
			Failures int `json:"failures"`
		} `json:"report"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.Equal(t, "alblab.diagnose/1", j.Schema)
	require.Equal(t, 1.0, j.Failed)
	require.Equal(t, 1, j.Report.Failures)
}

// TestDiagnoseParquet: flow logs that go to S3 in Parquet are read as others are.
func TestDiagnoseParquet(t *testing.T) {
	endpoint := accountWithTrouble(t, &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true}, Wall: time.Now, FlowFiles: "parquet"})
	kept := filepath.Join(t.TempDir(), "kept")
	code, out, errs := diagnose(t, "alblab", "--endpoint-url", endpoint, "--out", kept)
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	require.Contains(t, out, "refused-first-flight")
	files, err := filepath.Glob(filepath.Join(kept, "flow", "*.log.parquet"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var stdout bytes.Buffer
	require.Zero(t, run(t.Context(), append([]string{"analyze", "--strict", "--format", "json"}, files...), nil, &stdout, &bytes.Buffer{}))
	require.Regexp(t, `"file": ".*\.log\.parquet",\s*"line": \d`, stdout.String(), "records of the file are cited")
}

// TestDiagnoseGaps: what is off is said, with the command; the counter alone says that there were failures.
func TestDiagnoseGaps(t *testing.T) {
	endpoint := accountWithTrouble(t, &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true},
		Faults: awsapi.Faults{Off: []evidence.Kind{evidence.KindConnection, evidence.KindAccess, evidence.KindFlow}}})
	code, out, errs := diagnose(t, "alblab", "--endpoint-url", endpoint)
	require.Zero(t, code, errs)
	require.Contains(t, out, "connection off, access off, flow off")
	require.Equal(t, 3, strings.Count(out, "turn it on: aws "), out)
	require.Contains(t, out, "ClientTLSNegotiationErrorCount: 1")
}

// TestDiagnoseIdle: where a log is on and nothing happened, it is not called missing for want of being on.
func TestDiagnoseIdle(t *testing.T) {
	endpoint := accountWithTrouble(t, &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true}})
	code, out, errs := diagnose(t, "alblab", "--endpoint-url", endpoint, "--since", "3h", "--until", "2h")
	require.Zero(t, code, errs)
	require.Contains(t, out, "connection on, access on")
	for _, log := range []string{"the connection log", "the access log"} {
		require.Contains(t, out, "missing: "+log)
	}
	require.Equal(t, 2, strings.Count(out, "is on and has no line in this time"), out)
	require.NotContains(t, out, "has a line for each attempt")
}

func TestDiagnoseErrors(t *testing.T) {
	endpoint := accountWithTrouble(t, &awsapi.Options{Delivery: &awsapi.Delivery{AtOnce: true}})
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"no ARN", []string{"arn:aws:x", "--endpoint-url", endpoint}, []string{"'arn:aws:x' is not a valid load balancer ARN", "hint: give its name, ARN, "}},
		{"no such load balancer", []string{"absent", "--endpoint-url", endpoint}, []string{`no load balancer "absent" in us-east-1`, "hint: "}},
		{"no name", nil, []string{"a load balancer's name"}},
		{"backwards", []string{"alblab", "--since", "1h", "--until", "2h"}, []string{"--since 1h0m0s is not before --until 2h0m0s"}},
		{"nobody there", []string{"alblab", "--endpoint-url", "http://127.0.0.1:1"}, []string{"alblab: error: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := diagnose(t, tt.args...)
			require.Equal(t, exitError, code)
			for _, w := range tt.want {
				require.Contains(t, errs, w)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		endpoint := accountWithTrouble(t, &awsapi.Options{Faults: awsapi.Faults{Expired: true}})
		code, _, errs := diagnose(t, "alblab", "--endpoint-url", endpoint)
		require.Equal(t, exitError, code)
		require.Contains(t, errs, "xpired")
		require.Contains(t, errs, "hint: ")
	})
}

// TestDiagnoseUnread: what could not be asked for is unknown, neither off nor none nor zero.
func TestDiagnoseUnread(t *testing.T) {
	d := &diagnosis{lb: &aws.LoadBalancer{Unread: []error{errors.New("looking for the web ACL: AccessDenied")}},
		problems: []error{errors.New("listing the metrics of app/a/1: AccessDenied")}}
	b, err := evidence.NewStore("", nil)
	require.NoError(t, err)
	defer b.Close()
	bundle, err := b.Seal(evidence.Manifest{Lab: "aws"})
	require.NoError(t, err)
	require.NoError(t, d.count(bundle))
	require.Equal(t, "connection unknown, access unknown, flow unknown, AWS WAF unknown", d.logs())
	require.Nil(t, d.json().Failed)
	d.lb.Unread, d.problems = nil, nil
	require.NoError(t, d.count(bundle))
	require.Equal(t, "connection unknown, access unknown, flow unknown, no web ACL", d.logs())
	require.NotNil(t, d.json().Failed)
}

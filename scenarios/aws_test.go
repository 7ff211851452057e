//go:build !race

package scenarios_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gruntwork-io/terratest/modules/terraform"
	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/aws/deploy"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// The lab in an account, with ALBLAB_LAB=aws (docs/aws.md):
//
//	ALBLAB_AWS_ACCOUNT=111122223333 ALBLAB_AWS_ALLOW=198.51.100.7/32 ALBLAB_LAB=aws go test ./scenarios/... -timeout 150m
//
// With the runner's own policies ALBLAB_AWS_BOUNDARY is the ARN of alblab-boundary. Terratest applies and destroys; its stages are skipped by SKIP_setup, SKIP_validate and SKIP_teardown, as everywhere. The stages
// are a few lines of our own, because terratest's package for them brings in Kubernetes.

// teardownTime is how long before the test's deadline work stops: go test ends a test that is too late without any clean-up.
const teardownTime = 20 * time.Minute

// settleTime is how long AWS is given to forget what is gone, before it is reported as left behind.
const settleTime = 5 * time.Minute

// stage runs a part of a test unless it is to be skipped.
func stage(t *testing.T, name string, f func()) {
	t.Helper()
	if os.Getenv("SKIP_"+name) != "" {
		t.Logf("SKIP_%s is set: the stage %s is skipped", name, name)
		return
	}
	f()
}

// awsRun is a run of scenarios in an account.
type awsRun struct {
	folder *deploy.Folder
	config aws.Config
	list   []*scenarios.Scenario
	check  aws.CheckOptions
}

// runOnAWS builds the lab, runs the scenarios, and takes it down, also when something fails or is interrupted.
func runOnAWS(t *testing.T, list []*scenarios.Scenario) *scenarios.Report {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := ctx
	r := &awsRun{list: chosen(t, list)}
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, end.Add(-teardownTime))
		defer cancel()
		r.check.Deadline = end
	}
	dir := os.Getenv("ALBLAB_AWS_DIR")
	if dir == "" {
		base, err := os.UserConfigDir()
		require.NoError(t, err)
		dir = filepath.Join(base, "alblab", "test")
	}
	var err error
	r.folder, err = deploy.Open(dir, "")
	require.NoError(t, err)
	sdk, err := aws.LoadConfig(work, &aws.ConfigOptions{Endpoint: os.Getenv("ALBLAB_AWS_ENDPOINT")})
	require.NoError(t, err)
	r.config = aws.Config{AWS: sdk, Clients: aws.NewClients(sdk), Progress: func(s string) { t.Log(s) }}
	r.check.Endpoint = os.Getenv("ALBLAB_AWS_ENDPOINT") != ""

	defer stage(t, "teardown", func() { r.teardown(t) })
	stage(t, "setup", func() { r.setup(t, work) })
	var report *scenarios.Report
	stage(t, "validate", func() { report = r.validate(t, work) })
	return report
}

// chosen are the scenarios that ALBLAB_SCENARIOS names, or all.
func chosen(t *testing.T, list []*scenarios.Scenario) []*scenarios.Scenario {
	names := strings.FieldsFunc(os.Getenv("ALBLAB_SCENARIOS"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(names) == 0 {
		return list
	}
	list = slices.DeleteFunc(slices.Clone(list), func(s *scenarios.Scenario) bool { return !slices.Contains(names, s.Name) })
	require.NotEmpty(t, list, "ALBLAB_SCENARIOS names no scenario")
	return list
}

// plan is what the run will do, printed before anything is spent.
func (r *awsRun) plan(t *testing.T, o scenarios.Options) *scenarios.Plan {
	o.Scenarios, o.Seed, o.Together = r.list, 1, true
	p, err := scenarios.NewPlan(o)
	require.NoError(t, err)
	t.Logf("%d phases, %d minutes, %d listeners, %d scenarios skipped", len(p.Phases), p.Minutes, len(p.Spec.Listeners), len(p.Skipped))
	require.NotEmpty(t, p.Phases, "the lab can run none of the scenarios")
	return p
}

// checked refuses a run that cannot end well.
func (r *awsRun) checked(t *testing.T, ctx context.Context, p *scenarios.Plan) *aws.CheckReport {
	r.check.Listeners, r.check.Minutes, r.check.Phases = len(p.Spec.Listeners), p.Minutes, len(p.Phases)
	report, err := aws.Check(ctx, r.config.AWS, r.config.Clients, r.check)
	require.NoError(t, err)
	for _, i := range report.Items {
		t.Logf("%s: %s", i.Name, i.Text)
	}
	if err := report.Err(); err != nil {
		t.Fatalf("%v; %s", err, aws.Hint(err))
	}
	return report
}

func (r *awsRun) options(b *deploy.Build) *terraform.Options {
	o := &terraform.Options{
		TerraformDir: b.Dir, VarFiles: b.VarFiles, NoColor: true, Lock: true,
		// ELB delivers logs after the load balancer is gone; its interfaces keep subnets busy.
		RetryableTerraformErrors: map[string]string{}, MaxRetries: 20, TimeBetweenRetries: 30 * time.Second,
	}
	for _, s := range deploy.Passing() {
		o.RetryableTerraformErrors["(?s).*"+s+".*"] = s + " passes"
	}
	return o
}

func (r *awsRun) setup(t *testing.T, ctx context.Context) {
	account, allow := os.Getenv("ALBLAB_AWS_ACCOUNT"), os.Getenv("ALBLAB_AWS_ALLOW")
	if account == "" || allow == "" {
		t.Fatal("set ALBLAB_AWS_ACCOUNT to the one account that may be used, and ALBLAB_AWS_ALLOW to your public address, such as 198.51.100.7/32")
	}
	prefix, err := netip.ParsePrefix(allow)
	require.NoError(t, err, "ALBLAB_AWS_ALLOW")
	p := r.plan(t, scenarios.Options{Capabilities: []lab.Capability{lab.Capture, lab.ClientCertificates, lab.AnyPort}})
	r.check.Accounts, r.check.Build = []string{account}, os.Getenv("SKIP_teardown") == ""
	report := r.checked(t, ctx, p)
	b, err := r.folder.Prepare(deploy.Options{
		Spec: p.Spec, Region: r.config.AWS.Region, Account: account, Owner: "go-test", Expires: report.Finish.Add(time.Hour), AllowedCIDRs: []netip.Prefix{prefix},
		Boundary: os.Getenv("ALBLAB_AWS_BOUNDARY"),
	})
	require.NoError(t, err)
	// Not the test's context: Terraform that is killed forgets what it has built. Ctrl-C reaches it as well, and it stops.
	_, err = terraform.InitAndApplyContextE(t, context.WithoutCancel(ctx), r.options(b))
	require.NoError(t, errors.Join(err, b.Done()))
	values, err := terraform.OutputAllContextE(t, context.WithoutCancel(ctx), r.options(r.folder.Teardown()))
	require.NoError(t, err)
	_, err = r.folder.WriteOutputs(values)
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "interrupted, or too little time is left")
}

func (r *awsRun) validate(t *testing.T, ctx context.Context) *scenarios.Report {
	var err error
	r.config.Outputs, err = r.folder.Outputs()
	require.NoError(t, err, "no lab is up: is SKIP_setup set by mistake?")
	r.config.PKI, err = pki.Load(r.folder.PKI())
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	r.check.Outputs, r.check.Build = &r.config.Outputs, false
	if !r.check.Deadline.IsZero() {
		r.check.Deadline = r.check.Deadline.Add(-teardownTime)
	}
	l, err := aws.Attach(ctx, r.config)
	require.NoError(t, err)
	defer func() {
		if err := l.Close(); err != nil {
			t.Errorf("%v; %s", err, aws.Hint(err))
		}
	}()
	o := scenarios.Options{Capabilities: l.Capabilities(), Listeners: l.Deployed()}
	r.checked(t, ctx, r.plan(t, o))
	o.Scenarios, o.Seed, o.Together, o.Grace = r.list, 1, true, time.Minute
	o.Start = func(ctx context.Context, spec lab.Spec) (lab.Lab, error) { return l.Phase(ctx, spec) }
	o.Progress = func(done, total int, s *scenarios.Scenario) {
		if s != nil {
			t.Logf("%d/%d %s", done+1, total, s.Name)
		}
	}
	report, err := scenarios.Run(ctx, o)
	if err != nil { // what could be judged is still told
		t.Errorf("%v; %s", err, aws.Hint(err))
	}
	if report != nil {
		report.Endpoint = r.config.Clients.Endpoint
		for _, x := range l.Lessons() {
			report.Answers = append(report.Answers, scenarios.Answer{Question: x.Question, Answer: x.Answer})
		}
		r.keep(t, report)
	}
	return report
}

// learnedFile has what a run learned, a line each.
const learnedFile = "learned.txt"

// keep writes evidence, report and what was learned to a folder of this run's own: go test prints nothing of a test that passes unless
// it is told -v.
func (r *awsRun) keep(t *testing.T, report *scenarios.Report) {
	dir := filepath.Join(r.folder.Dir(), "run-"+time.Now().UTC().Format("20060102T150405Z"))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, report.Save(dir))
	from := ""
	if report.Endpoint != "" {
		from = " of " + report.Endpoint + ", not of AWS"
	}
	var b strings.Builder
	for _, x := range report.Answers {
		fmt.Fprintf(&b, "learned%s: %s: %s\n", from, x.Question, x.Answer)
		if x.Embedded != "" && x.Embedded != x.Answer {
			fmt.Fprintf(&b, "  the embedded lab: %s\n", x.Embedded)
		}
	}
	for i := range report.Scenarios {
		if v := &report.Scenarios[i]; len(v.Learned) > 0 {
			fmt.Fprint(&b, v.Story())
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, learnedFile), []byte(b.String()), 0o600))
	t.Logf("evidence, report and %s are in %s\n%s", learnedFile, dir, b.String())
}

// teardown destroys, and reports what is left behind.
func (r *awsRun) teardown(t *testing.T) {
	ctx := context.Background() // also after Ctrl-C
	run := ""
	if s, err := r.folder.Settings(); err == nil {
		run = s.RunID
	}
	if r.folder.HasState() {
		if _, err := r.config.Clients.EndSessions(ctx, run); err != nil {
			t.Errorf("%v; %s", err, aws.Hint(err))
		}
		if _, err := terraform.DestroyContextE(t, ctx, r.options(r.folder.Teardown())); err != nil {
			t.Errorf("taking the lab down: %v; run 'alblab aws down --dir %s'", err, r.folder.Dir())
		}
	}
	if run == "" {
		return
	}
	left, err := r.config.Clients.Settled(ctx, run, aws.WallClock(), settleTime)
	if err != nil {
		t.Errorf("looking for leftovers: %v", err)
	}
	for _, l := range left {
		t.Errorf("left behind: %s; %s", l.ARN, l.Command)
	}
}

// TestRunIsKept: what a run in an account has learned is there to be read after it, though the test has passed.
func TestRunIsKept(t *testing.T) {
	f, err := deploy.Open(t.TempDir(), "")
	require.NoError(t, err)
	(&awsRun{folder: f}).keep(t, &scenarios.Report{Endpoint: "http://127.0.0.1:4566", Answers: []scenarios.Answer{{Question: "whether", Answer: "yes", Embedded: "no"}}})
	found, err := filepath.Glob(filepath.Join(f.Dir(), "run-*", learnedFile))
	require.NoError(t, err)
	require.Len(t, found, 1)
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	require.Equal(t, "learned of http://127.0.0.1:4566, not of AWS: whether: yes\n  the embedded lab: no\n", string(text))
	require.FileExists(t, filepath.Join(filepath.Dir(found[0]), "report.json"))
}

// TestStages: a stage is skipped by the usual variable.
func TestStages(t *testing.T) {
	t.Setenv("SKIP_setup", "1")
	var ran []string
	for _, name := range []string{"setup", "validate", "teardown"} {
		stage(t, name, func() { ran = append(ran, name) })
	}
	require.Equal(t, []string{"validate", "teardown"}, ran)
}

// TestOutputsOfTerratest: terratest's values make outputs that can be read.
func TestOutputsOfTerratest(t *testing.T) {
	f, err := deploy.Open(t.TempDir(), "")
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, json.Unmarshal([]byte(`{"schema":"alblab.outputs/1","run_id":"0a1b2c3d","region":"us-east-1","account_id":"111122223333",
		"load_balancer_arn":"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/a/1","endpoints":{"a":"h.example:443"},
		"listener_arns":{"a":"arn"},"mirror":{"vni":4789001}}`), &values))
	o, err := f.WriteOutputs(values)
	require.NoError(t, err)
	require.Equal(t, 4789001, o.Mirror.VNI)
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/configlint"
	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/policy"
)

const lintHelp = `Read the configuration of load balancers and say which security policy is in
effect at each HTTPS listener (TLS listener of a Network Load Balancer), also
where nobody named one: then the tool's default holds, and tools differ. Says
what is weak about it, which clients of the catalogue it refuses, and where
mutual TLS is left out of a file, which does not switch it off.

Values that the files do not tell are reported as unknown, never guessed. What
is damaged is reported with its position, and the rest is read.

With --before, the configuration as it was (another folder, for instance a
checkout of the main branch), mutual TLS that was removed is found.

The exit code is 1 if there is a finding of --fail-on or above.`

// lintFlags are what all three readers take.
type lintFlags struct {
	failOn, cert, catalog string
	before                string
	vars, varFiles        []string
	defaultPolicy         string
	format                *format
}

// levels of --fail-on.
var failOnWords = []string{"warning", "error", "never"}

func lintCommand(a *app) *cobra.Command {
	return parent("lint", "Find the security policy in effect in configuration files", lintHelp,
		lintTerraform(a), lintCloudFormation(a), lintIngress(a))
}

// lintOf makes one of the three commands; read reads the configuration.
func lintOf(a *app, use, short, long, example string, f *lintFlags, read func(path string) (*configlint.Result, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " PATH", Short: short, Long: long, Example: example, Args: exactly(1, "one file or folder"),
	}
	fl := cmd.Flags()
	fl.StringVar(&f.before, "before", "", "the configuration as it was, at `PATH`: finds mutual TLS that was removed")
	fl.StringVar(&f.cert, "cert", "both", "the listeners' certificates: rsa, ecdsa, both, rsa:3072:sha384, ecdsa:p384, ...")
	fl.StringVar(&f.catalog, "catalog", "", "clients from `DIR` ('alblab import clients' makes one) in place of the built-in catalogue")
	failOn := &format{value: "warning", allowed: failOnWords}
	fl.Var(failOn, "fail-on", "exit with 1 from this `level` on: warning, error, never")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(cobraWords(failOnWords), cobra.ShellCompDirectiveNoFileComp))
	f.format = formatFlag(cmd, "text", "json", "sarif")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		certs, err := parseCertSet(f.cert)
		if err != nil {
			return usageError(cmd, err)
		}
		f.failOn = failOn.value
		r, err := read(args[0])
		if err != nil {
			return hint(err, "check the path; %s --help shows what it takes", cmd.CommandPath())
		}
		if len(r.Problems) > 0 && len(r.Listeners) == 0 {
			return hint(fmt.Errorf("nothing could be read: %w", r.Problems[0]), "mend what is damaged (%s), or give another path", plural(len(r.Problems), "place"))
		}
		for _, p := range r.Problems {
			r.Findings = append(r.Findings, configlint.Finding{Rule: configlint.RuleFile, Level: configlint.RuleByID(configlint.RuleFile).Level, At: p.At, Message: p.Msg})
		}
		refused, err := a.refusedClients(r, f.catalog, certs)
		if err != nil {
			return err
		}
		return a.printLint(&lintReport{kind: use, path: args[0], result: r, refused: refused, flags: f})
	}
	return cmd
}

func lintTerraform(a *app) *cobra.Command {
	f := &lintFlags{}
	cmd := lintOf(a, "terraform", "Read Terraform code, or the JSON of a plan or state", `Read Terraform code: a folder as its root module with the modules that it calls
(local folders, and what 'terraform init' has fetched), or one file. Variables
have the values of --var, --var-file, terraform.tfvars and *.auto.tfvars, and
their defaults. The defaults of terraform-aws-modules/alb/aws and
cloudposse/alb/aws are known without their code.

Or read the JSON of a plan or a state, which has every value:

  terraform plan -out plan && terraform show -json plan > plan.json`,
		`  alblab lint terraform .
  alblab lint terraform . --var-file prod.tfvars --fail-on error
  alblab lint terraform plan.json --format sarif > alblab.sarif
  alblab lint terraform . --before ../main-branch`, f,
		func(path string) (*configlint.Result, error) {
			return configlint.Terraform(path, &configlint.TerraformOptions{Vars: f.vars, VarFiles: f.varFiles, Before: f.before})
		})
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "a variable's value, `NAME=VALUE`; may be repeated")
	cmd.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "variables from `FILE` (.tfvars or .tfvars.json); may be repeated")
	return cmd
}

func lintCloudFormation(a *app) *cobra.Command {
	f := &lintFlags{}
	cmd := lintOf(a, "cloudformation", "Read CloudFormation templates, also those that the CDK makes", `Read a CloudFormation template in YAML or JSON, or all templates of a folder,
such as cdk.out after 'cdk synth'. Parameters have the values of --var and their
defaults; Ref, Sub, If, FindInMap, Join and Select are evaluated, what AWS alone
knows is unknown.`,
		`  alblab lint cloudformation template.yaml
  alblab lint cloudformation cdk.out --var Stage=prod`, f,
		func(path string) (*configlint.Result, error) {
			return configlint.CloudFormation(path, &configlint.TemplateOptions{Parameters: f.vars, Before: f.before})
		})
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "a parameter's value, `NAME=VALUE`; may be repeated")
	return cmd
}

func lintIngress(a *app) *cobra.Command {
	f := &lintFlags{}
	cmd := lintOf(a, "ingress", "Read Kubernetes manifests for the AWS Load Balancer Controller", `Read Kubernetes manifests, a file or all of a folder: Ingress with its
annotations, IngressClass, IngressClassParams, Service; of the Gateway API
Gateway, GatewayClass, ListenerSet and LoadBalancerConfiguration; and the
Deployment of aws-load-balancer-controller for its --default-ssl-policy.
Templates must be rendered before (helm template, kustomize build).`,
		`  alblab lint ingress manifests/
  helm template ./chart > all.yaml && alblab lint ingress all.yaml`, f,
		func(path string) (*configlint.Result, error) {
			return configlint.Ingress(path, &configlint.IngressOptions{DefaultPolicy: f.defaultPolicy, Before: f.before})
		})
	cmd.Flags().StringVar(&f.defaultPolicy, "default-ssl-policy", "", "the controller's flag of this name, if the manifests do not show it: a policy's `NAME`")
	_ = cmd.RegisterFlagCompletionFunc("default-ssl-policy", policyNames)
	return cmd
}

// fails tells whether a finding is at or above the level that fails.
func (f *lintFlags) fails(level configlint.Level) bool {
	switch f.failOn {
	case "warning":
		return level != configlint.LevelNote
	case "error":
		return level == configlint.LevelError
	}
	return false
}

// refusedClients decides for each policy in effect which clients of the catalogue it refuses, and adds a finding for each
// listener.
func (a *app) refusedClients(r *configlint.Result, dir string, certs policy.CertSet) (map[string][]refusedClient, error) {
	list, err := a.catalogue(dir, nil)
	if err != nil {
		return nil, err
	}
	hellos, err := parsedHellos(list)
	if err != nil {
		return nil, err
	}
	by := map[string][]refusedClient{}
	for i := range r.Listeners {
		l := &r.Listeners[i]
		p := l.EffectivePolicy()
		if p == nil {
			continue
		}
		if _, done := by[p.Name]; !done {
			by[p.Name] = refusedBy(p, hellos, certs)
		}
		if f, ok := clientsFinding(l, p, by[p.Name], hellos); ok {
			r.Findings = append(r.Findings, f)
		}
	}
	configlint.SortFindings(r.Findings)
	return by, nil
}

// clientsFinding says who breaks. It is a warning where a client of the last years is among them.
func clientsFinding(l *configlint.Listener, p *policy.Policy, refused []refusedClient, all []catalogHello) (configlint.Finding, bool) {
	if len(refused) == 0 {
		return configlint.Finding{}, false
	}
	newest, recent := 0, 0
	for _, h := range all {
		newest = max(newest, h.client.Year)
	}
	const years = 8 // as long as servers and devices are in use
	for _, c := range refused {
		if c.client.Year > newest-years {
			recent++
		}
	}
	f := configlint.Finding{
		Rule: configlint.RuleClients, Level: configlint.LevelNote, At: l.Policy.At, Listener: l.Address,
		Message: fmt.Sprintf("%s refuses %d of the catalogue's %d clients: %s", rollout.Short(p.Name), len(refused), len(all), families(refused)),
	}
	if recent > 0 {
		f.Level = configlint.LevelWarning
		f.Message += fmt.Sprintf("; %d of them of %d or later", recent, newest-years+1)
	}
	return f, true
}

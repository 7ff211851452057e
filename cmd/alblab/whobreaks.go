package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/policy"
)

const whoBreaksHelp = `Say which clients a change of security policy breaks: for each of them, whether
it keeps connecting under the policy --to, breaks, or whether the evidence does
not tell; with its share of the connections, the reason and the cure, and the
policy that would keep everyone.

INPUT is any mixture of packet captures, ALB connection logs and ALB access
logs: files, folders, gzip, S3 folders as AWS writes them, s3://BUCKET/PREFIX, -
for standard input. --catalog asks about some 150 real clients, in place of
traffic, or beside it in a line of their own.

  capture         settles it: the whole offer is there
  connection log  settles much: version, cipher suite and group that were chosen
  access log      settles less: no group, and no client that failed

--from names the policy that wrote the logs. Then a line also proves what the
client did not offer, as the load balancer picks by its own order; without it no
line can prove that a client breaks. Where a line proves nothing, the output
says what would, and what clients like it make likely: a guess, no finding.

By default a client that may offer TLSv1.3 is taken to offer what RFC 8446
demands of it (--assume standard); with --assume nothing a client counts as
keeping only if that is proven for every hello that fits its lines.

Exit code: 1 if more connections break than --allow-share, by default any; with
--fail-on unknown those that may break count too. Who fails today does not
count. 2 if the evidence could not be read.`

// whoBreaksFlags are what the user asks for.
type whoBreaksFlags struct {
	to, from, cert, fromCert string
	catalog                  string
	by, failOn, assume       *format
	allowShare               string
	port                     uint16
	limit                    int
	strict                   bool
	s3                       s3Flags
}

// builtIn is what --catalog means without a folder.
const builtIn = "built-in"

func whoBreaksCommand(a *app) *cobra.Command {
	f := &whoBreaksFlags{}
	cmd := &cobra.Command{
		Use:   "who-breaks --to POLICY [--from POLICY] INPUT...",
		Short: "Say which clients a change of policy breaks",
		Long:  whoBreaksHelp,
		Example: `  alblab who-breaks --to TLS13-1-2-Res-PQ-2025-09 --catalog
  alblab who-breaks --from 2016-08 --to TLS13-1-2-2021-06 ./AWSLogs capture.pcap
  alblab who-breaks --from 2016-08 --to TLS13-1-2-2021-06 --format html \
      s3://my-logs/AWSLogs/ > who-breaks.html
  alblab who-breaks --to TLS13-1-2-2021-06 conn.log.gz --fail-on unknown \
      --allow-share 0.1% --format junit > who-breaks.xml`,
	}
	fl := cmd.Flags()
	fl.StringVar(&f.to, "to", "", "the new security policy, by `NAME`")
	fl.StringVar(&f.from, "from", "", "the policy that wrote the logs, by `NAME`: lines then prove more")
	fl.StringVar(&f.cert, "cert", "both", "the load balancer's certificates: rsa, ecdsa, both, rsa:3072:sha384, ecdsa:p384, ...")
	fl.StringVar(&f.fromCert, "from-cert", "", "its certificates under --from, if others")
	fl.StringVar(&f.catalog, "catalog", "", "add the clients of the catalogue, or of `DIR` with --catalog=DIR")
	fl.Lookup("catalog").NoOptDefVal = builtIn
	f.by = wordFlag(cmd, "by", "group clients by `WHAT`", "auto", "ja4", "user-agent", "address", "network")
	f.failOn = wordFlag(cmd, "fail-on", "exit 1 if there are clients with this `EFFECT`", "breaks", "unknown", "never")
	f.assume = wordFlag(cmd, "assume", "what clients obey of what their lines leave open: `RULES`", "standard", "nothing")
	fl.StringVar(&f.allowShare, "allow-share", "0%", "`SHARE` of connections that may break all the same, as 0.1%")
	fl.Uint16Var(&f.port, "port", 0, "only connections to this `PORT` of the load balancer")
	fl.IntVar(&f.limit, "limit", 20, "`N` clients in text, Markdown and HTML; 0: all of them")
	fl.BoolVar(&f.strict, "strict", false, "exit 2 if a record is damaged")
	f.s3.add(cmd)
	out := formatFlag(cmd, "text", "json", "csv", "markdown", "junit", "sarif", "html")
	_ = cmd.RegisterFlagCompletionFunc("to", policyNames)
	_ = cmd.RegisterFlagCompletionFunc("from", policyNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, allow, err := f.question(args)
		if err != nil {
			return usageError(cmd, err)
		}
		in, err := a.rolloutInputs(cmd.Context(), args, &f.s3)
		if err != nil {
			return err
		}
		stop := a.spin("reading")
		t, err := rollout.Read(cmd.Context(), in.files, &rollout.ReadOptions{By: rollout.By(f.by.value), Port: f.port})
		stop()
		if err != nil {
			return err
		}
		if f.catalog != "" {
			dir := f.catalog
			if dir == builtIn {
				dir = ""
			}
			list, err := a.catalogue(dir, nil)
			if err != nil {
				return err
			}
			if err := t.AddCatalogue(list); err != nil {
				return err
			}
		}
		if len(t.Clients) == 0 {
			return in.nothing(t)
		}
		r := rollout.Judge(q, t)
		a.negate = !r.Decide(rollout.FailOn(f.failOn.value), allow).Passed
		p := &whoBreaksPage{Report: r, inputs: in.names, limit: f.limit}
		if err := a.printWhoBreaks(p, out.value); err != nil {
			return err
		}
		return a.warnDamage(t, f.strict)
	}
	return cmd
}

// wordFlag adds a flag with one of a few words; the first is the default.
func wordFlag(cmd *cobra.Command, name, usage string, allowed ...string) *format {
	f := &format{value: allowed[0], allowed: allowed}
	cmd.Flags().Var(f, name, usage+": "+joinWords(allowed))
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(cobraWords(allowed), cobra.ShellCompDirectiveNoFileComp))
	return f
}

func joinWords(words []string) string {
	s := words[0]
	for _, w := range words[1:] {
		s += ", " + w
	}
	return s
}

// question makes the question of the flags.
func (f *whoBreaksFlags) question(args []string) (q *rollout.Question, allow float64, err error) {
	if f.to == "" {
		return nil, 0, errors.New("--to is missing: the policy that you want to change to")
	}
	if len(args) == 0 && f.catalog == "" {
		return nil, 0, errors.New("say from what: captures, connection logs, access logs, or --catalog")
	}
	q = &rollout.Question{}
	if q.To, err = policyByName(f.to); err != nil {
		return nil, 0, err
	}
	if f.from != "" {
		if q.From, err = policyByName(f.from); err != nil {
			return nil, 0, err
		}
	}
	if q.Certs, err = parseCertSet(f.cert); err != nil {
		return nil, 0, err
	}
	if f.fromCert != "" {
		if q.FromCerts, err = parseCertSet(f.fromCert); err != nil {
			return nil, 0, err
		}
	}
	if f.assume.value == "standard" {
		q.Assume = rollout.AssumeStandard
	}
	if f.limit < 0 {
		return nil, 0, errors.New("--limit must not be less than 0")
	}
	allow, err = rollout.ParseShare(f.allowShare)
	if err != nil {
		err = fmt.Errorf("--allow-share: %w", err)
	}
	return q, allow, err
}

// warnDamage tells of damage.
func (a *app) warnDamage(t *rollout.Traffic, strict bool) error {
	if err := a.out.Flush(); err != nil {
		return err
	}
	for _, two := range t.Alike[:min(len(t.Alike), fewWarnings)] {
		a.warn("%s begins with the same line as %s: if it is a copy, its connections count twice", two[1], two[0])
	}
	shown := t.Problems[:min(len(t.Problems), fewWarnings)]
	for _, p := range shown {
		a.warn("%v", p)
	}
	if more := t.Stats.Damaged - int64(len(shown)); more > 0 {
		a.warn("and %d more", more)
	}
	if strict && t.Stats.Damaged > 0 {
		return errors.New(plural(int(t.Stats.Damaged), "damaged record"))
	}
	return nil
}

// certNote says which certificates the judgement is for, where they are not the usual ones.
func certNote(q string) string {
	if set, err := policy.ParseCertSet("both"); err == nil && set.String() == q {
		return "RSA and ECDSA certificates"
	}
	return "certificates " + q
}

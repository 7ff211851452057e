package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/analyzers/matrix"
	"github.com/alblab/alblab/analyzers/rollout"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

const matrixHelp = `Ask every policy about every client, and show it as a heat map: which clients
connect, with which version, and why the others are refused.

The clients are those of the catalogue, or, with INPUT, those of your own packet
captures: files and folders, pcap and pcapng, also as a mirror target receives
them. Clients of a capture are told apart by JA4.

In the text form a column is a policy and a letter an answer; a legend follows.
The HTML form is one file that needs no network: open it in a browser, point at
a cell.`

// clientFlags choose whom to ask about.
type clientFlags struct {
	globs   []string
	catalog string
	cert    string
	out     string
}

func (f *clientFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.globs, "clients", nil, "only clients whose names match `GLOB` (* and ?); may be repeated")
	fl.StringVar(&f.catalog, "catalog", "", "clients from `DIR` ('alblab import clients' makes one) in place of the built-in catalogue")
	fl.StringVar(&f.cert, "cert", "both", "the load balancer's certificates: rsa, ecdsa, both, rsa:3072:sha384, ecdsa:p384, ...")
	fl.StringVarP(&f.out, "out", "o", "", "write to `FILE` in place of standard output")
	_ = cmd.RegisterFlagCompletionFunc("clients", clientNames)
}

func matrixCommand(a *app) *cobra.Command {
	var f clientFlags
	var policies []string
	cmd := &cobra.Command{
		Use:   "matrix [INPUT...]",
		Short: "Show which clients connect under which policy, as a heat map",
		Long:  matrixHelp,
		Example: `  alblab matrix --clients 'Java*' --clients 'IE*'
  alblab matrix --policy 'TLS13-1-2-*' --format html -o matrix.html
  alblab matrix capture.pcap --format html -o mine.html
  alblab matrix --cert ecdsa --format csv`,
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&policies, "policy", nil, "only policies whose names match `GLOB` (* and ?); may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("policy", policyNames)
	out := formatFlag(cmd, "text", "html", "csv", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := matchPolicies(policies)
		if err != nil {
			return err
		}
		certs, err := parseCertSet(f.cert)
		if err != nil {
			return usageError(cmd, err)
		}
		rows, source, err := a.rows(cmd.Context(), &f, args)
		if err != nil {
			return err
		}
		m := matrix.New(rows, list, certs)
		return a.toFile(f.out, func() error { return a.printMatrix(m, source, out.value) })
	}
	return cmd
}

// matchPolicies returns the policies that the patterns match, in the order of all; no pattern means all.
func matchPolicies(patterns []string) ([]*policy.Policy, error) {
	if len(patterns) == 0 {
		return policy.All(), nil
	}
	var list []*policy.Policy
	used := make([]bool, len(patterns))
	for _, p := range policy.All() {
		matched := false
		for i, pattern := range patterns {
			if matchGlob(strings.ToLower(pattern), strings.ToLower(p.Name)) || matchGlob(strings.ToLower(pattern), strings.ToLower(rollout.Short(p.Name))) {
				matched, used[i] = true, true
			}
		}
		if matched {
			list = append(list, p)
		}
	}
	for i, pattern := range patterns {
		if used[i] {
			continue
		}
		if !strings.ContainsAny(pattern, "*?") {
			_, err := policyByName(pattern)
			if err != nil {
				return nil, err
			}
		}
		return nil, hint(fmt.Errorf("no policy matches %q", pattern), "'alblab list policies' shows all names")
	}
	return list, nil
}

// matchGlob tells whether a text matches a pattern of * and ?.
func matchGlob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]) && pattern[p] != '*':
			p++
			i++
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case star >= 0:
			p = star + 1
			mark++
			i = mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// rows are the clients to ask about: of captures, else of the catalogue.
func (a *app) rows(ctx context.Context, f *clientFlags, inputs []string) ([]matrix.Row, matrix.Source, error) {
	if len(inputs) > 0 {
		return a.capturedRows(ctx, f, inputs)
	}
	list, err := a.catalogue(f.catalog, f.globs)
	if err != nil {
		return nil, matrix.Source{}, err
	}
	hellos, err := parsedHellos(list)
	if err != nil {
		return nil, matrix.Source{}, err
	}
	var rows []matrix.Row
	for _, h := range hellos {
		rows = append(rows, matrix.Row{Name: h.client.Name, Family: h.client.Family, Year: h.client.Year, Hello: h.hello, Bytes: h.size})
	}
	what := fmt.Sprintf("The %d clients of the catalogue", len(rows))
	if len(f.globs) > 0 {
		what = fmt.Sprintf("%s of the catalogue, matching %s", plural(len(rows), "client"), strings.Join(f.globs, ", "))
	}
	if f.catalog != "" {
		what = fmt.Sprintf("%s of %s", plural(len(rows), "client"), f.catalog)
	}
	return rows, matrix.Source{Clients: what, Footer: "Made by alblab " + readVersion().Version + "."}, nil
}

// maxRows bounds what a capture of a scanner makes of a page.
const maxRows = 2000

// capturedRows are the clients of captures, those with the most connections first.
func (a *app) capturedRows(ctx context.Context, f *clientFlags, inputs []string) ([]matrix.Row, matrix.Source, error) {
	if len(f.globs) > 0 || f.catalog != "" {
		return nil, matrix.Source{}, errors.New("--clients and --catalog are for the catalogue; a capture has clients of its own")
	}
	b, err := evidence.OpenPaths(inputs...)
	if err != nil {
		return nil, matrix.Source{}, hint(err, "give packet captures, or folders that have some")
	}
	var captures []rollout.Input
	for _, in := range rollout.Inputs(b) {
		if in.Kind == evidence.KindCapture || in.Kind == evidence.KindMirror {
			captures = append(captures, in)
		}
	}
	if len(captures) == 0 {
		return nil, matrix.Source{}, hint(errors.New("no packet capture in "+strings.Join(inputs, ", ")), "logs do not say what a client offers; without INPUT the catalogue is asked")
	}
	t, err := rollout.Read(ctx, captures, &rollout.ReadOptions{By: rollout.ByJA4})
	if err != nil {
		return nil, matrix.Source{}, err
	}
	for i, p := range t.Problems {
		if i == fewWarnings {
			a.warn("and %d more", t.Stats.Damaged-fewWarnings)
			break
		}
		a.warn("%v", p)
	}
	rows, without := rowsOf(t)
	if without > 0 {
		a.warn("%s without a whole hello, which cannot be asked about", plural(without, "connection"))
	}
	if len(rows) > maxRows {
		a.warn("%d different clients; the %d with the most connections are shown", len(rows), maxRows)
		rows = rows[:maxRows]
	}
	if len(rows) == 0 {
		return nil, matrix.Source{}, errors.New("no whole ClientHello in " + strings.Join(inputs, ", "))
	}
	return rows, matrix.Source{
		Clients: fmt.Sprintf("%s in %s of %s", plural(len(rows), "different client"), plural(int(t.Stats.Connections), "connection"), strings.Join(inputs, ", ")),
		Footer:  "Made by alblab " + readVersion().Version + " of " + strings.Join(inputs, ", ") + ".",
	}, nil
}

// toFile runs print with standard output or, if a name is given, with the file in its place.
func (a *app) toFile(name string, print func() error) error {
	if name == "" {
		return print()
	}
	file, err := os.Create(name)
	if err != nil {
		return hint(err, "choose another file with --out")
	}
	defer file.Close()
	if err := a.out.Flush(); err != nil {
		return err
	}
	stdout, color := a.out, a.color
	a.out, a.color = newOut(file), false
	err = print()
	err = errors.Join(err, a.out.Flush(), file.Close())
	a.out, a.color = stdout, color
	return err
}

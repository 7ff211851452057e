package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/evidence"
)

// clockLayout is how a diagnosis names a minute.
const clockLayout = "2006-01-02 15:04"

// printDiagnosis prints the load balancer, who failed, and what evidence is missing.
func (a *app) printDiagnosis(d *diagnosis, strict bool) error {
	fmt.Fprintf(a.out, "%s (%s, %s)\n", d.lb.Name, d.lb.Scheme, d.lb.Region)
	fmt.Fprintf(a.out, "%s to %s UTC\n\n", d.window.From.UTC().Format(clockLayout), d.window.To.UTC().Format(clockLayout))
	t := a.newTable("listener", "security policy", "mutual TLS")
	for _, l := range d.lb.Listeners {
		t.AppendRow([]any{fmt.Sprintf("%s:%d", l.Protocol, l.Port), dash(l.Policy), mtlsWords(l)})
	}
	fmt.Fprintln(a.out, t.Render())
	fmt.Fprintf(a.out, "\nlogs: %s\n", wrapped(d.logs(), columns-6, "  "))
	count := fmt.Sprintf("ClientTLSNegotiationErrorCount: %.0f", d.failed)
	switch {
	case !d.counted:
		count = "ClientTLSNegotiationErrorCount: could not be read"
	case d.failed > 0:
		count += fmt.Sprintf(", most in the minute %s UTC (%.0f)", d.peak.UTC().Format(clockLayout), d.most)
	}
	fmt.Fprintf(a.out, "%s\n\n", count)
	if err := a.printAnalysis(d.report, "text", strict); err != nil {
		return err
	}
	for _, g := range d.gaps {
		fmt.Fprintf(a.out, "\noff: %s\n  %s\n", g.What, wrapped("would tell: "+g.Why, columns-2, "  "))
		fmt.Fprintf(a.out, "  turn it on: %s\n", g.Command)
	}
	if d.kept != "" {
		fmt.Fprintf(a.out, "\nevidence is in %s: alblab analyze %s\n", d.kept, shellQuote(d.kept))
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func mtlsWords(l aws.Listener) string {
	words := l.MTLSMode
	if l.Protocol != "HTTPS" || words == "" {
		return "-"
	}
	if l.IgnoreExpiry {
		words += ", expired certificates pass"
	}
	return words
}

// logs says in a line which logs there are.
func (d *diagnosis) logs() string {
	on := func(what string, k evidence.Kind, on bool) string {
		switch {
		case on:
			return what + " on"
		case !d.lb.Read(k):
			return what + " unknown"
		}
		return what + " off"
	}
	words := []string{on("connection", evidence.KindConnection, d.lb.ConnectionLog.On), on("access", evidence.KindAccess, d.lb.AccessLog.On)}
	if f := aws.BestFlowLog(d.lb.FlowLogs); f != nil {
		words = append(words, fmt.Sprintf("flow %s (%s, windows of %d s)", f.ID, orWord(f.LogGroup, f.Destination), f.MaxAggregation))
	} else {
		words = append(words, on("flow", evidence.KindFlow, false))
	}
	if d.lb.WebACL == nil && d.lb.Read(evidence.KindWAF) {
		words = append(words, "no web ACL")
	} else {
		words = append(words, on("AWS WAF", evidence.KindWAF, len(d.lb.WAFLogs) > 0))
	}
	return strings.Join(words, ", ")
}

func orWord(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// diagnosisJSON is the JSON of a diagnosis.
type diagnosisJSON struct {
	Schema       string            `json:"schema"`
	LoadBalancer string            `json:"load_balancer"`
	ARN          string            `json:"arn"`
	Region       string            `json:"region"`
	Since        time.Time         `json:"since"`
	Until        time.Time         `json:"until"`
	Listeners    []listenerJSON    `json:"listeners"`
	Failed       *float64          `json:"client_tls_negotiation_error_count"` // null: could not be read
	Report       *analyzers.Report `json:"report"`
	Gaps         []aws.Gap         `json:"gaps"`
	Problems     []string          `json:"problems"`
}

type listenerJSON struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	Policy   string `json:"ssl_policy,omitempty"`
	MTLS     string `json:"mtls_mode,omitempty"`
}

func (d *diagnosis) json() diagnosisJSON {
	j := diagnosisJSON{
		Schema: "alblab.diagnose/1", LoadBalancer: d.lb.Name, ARN: d.lb.ARN, Region: d.lb.Region, Since: d.window.From.UTC(), Until: d.window.To.UTC(),
		Report: d.report, Gaps: append([]aws.Gap{}, d.gaps...), Problems: []string{},
	}
	if d.counted {
		j.Failed = &d.failed
	}
	for _, l := range d.lb.Listeners {
		j.Listeners = append(j.Listeners, listenerJSON{l.Protocol, l.Port, l.Policy, l.MTLSMode})
	}
	for _, err := range append(d.lb.Unread, d.problems...) {
		j.Problems = append(j.Problems, err.Error())
	}
	return j
}

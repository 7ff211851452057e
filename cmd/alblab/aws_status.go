package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/evidence"
)

const awsStatusHelp = `Show the lab that is up: its listeners with policy and mutual TLS, its logs,
when it expires and what it costs until then. Nothing is changed.`

// awsStatus is the JSON form.
type awsStatus struct {
	Schema    string         `json:"schema"`
	RunID     string         `json:"run_id"`
	Name      string         `json:"load_balancer"`
	DNSName   string         `json:"dns_name"`
	ExpiresAt time.Time      `json:"expires_at"`
	Listeners []listenerLine `json:"listeners"`
	Logs      []logLine      `json:"logs"`
	Dollars   float64        `json:"dollars_an_hour"` // 0 for a lab that is not in AWS
}

type listenerLine struct {
	Port   int    `json:"port"`
	Policy string `json:"policy"`
	MTLS   string `json:"mtls"`
}

type logLine struct {
	Log     string `json:"log"`
	On      bool   `json:"on"`
	Unknown bool   `json:"unknown,omitempty"` // the setting could not be read
	To      string `json:"to,omitempty"`
}

func awsStatusCommand(a *app) *cobra.Command {
	var account accountFlags
	var outputs, dir string
	cmd := &cobra.Command{Use: "status", Short: "Show the lab that is up", Long: awsStatusHelp, Example: "  alblab aws status", Args: exactly(0, "no arguments")}
	account.add(cmd.Flags())
	dirFlag(cmd.Flags(), &dir)
	cmd.Flags().StringVar(&outputs, "outputs", "", "the lab's outputs, `FILE`")
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o, _, err := readOutputs(outputs, dir)
		if err != nil {
			return err
		}
		c, err := account.config(cmd.Context(), a, o.Region)
		if err != nil {
			return err
		}
		lb, err := c.Clients.Describe(cmd.Context(), o.LoadBalancerARN)
		if err != nil {
			return awsError(err)
		}
		for _, err := range lb.Unread {
			a.warn("%v", firstLine(err))
		}
		s := statusOf(&o, lb)
		if f.value == "json" {
			return a.json(s)
		}
		return a.printStatus(s)
	}
	return cmd
}

func statusOf(o *aws.Outputs, lb *aws.LoadBalancer) *awsStatus {
	s := &awsStatus{
		Schema: "alblab.aws-status/1", RunID: o.RunID, Name: lb.Name, DNSName: lb.DNSName, ExpiresAt: o.ExpiresAt,
	}
	if o.InAWS() {
		s.Dollars = aws.Cost(time.Hour)
	}
	for _, l := range lb.Listeners {
		s.Listeners = append(s.Listeners, listenerLine{l.Port, l.Policy, l.MTLSMode})
	}
	bucket := func(name string, k evidence.Kind, b aws.BucketLog) {
		to := ""
		if b.On {
			to = "s3://" + b.Bucket + "/" + b.Prefix
		}
		s.Logs = append(s.Logs, logLine{name, b.On, !b.On && !lb.Read(k), to})
	}
	bucket("access", evidence.KindAccess, lb.AccessLog)
	bucket("connection", evidence.KindConnection, lb.ConnectionLog)
	flow := logLine{Log: "flow"}
	for _, l := range lb.FlowLogs {
		if l.Status == "ACTIVE" {
			flow.On, flow.To = true, l.LogGroup
			if flow.To == "" {
				flow.To = l.Destination
			}
		}
	}
	flow.Unknown = !flow.On && !lb.Read(evidence.KindFlow)
	waf := len(lb.WAFLogs) > 0
	s.Logs = append(s.Logs, flow, logLine{"waf", waf, !waf && !lb.Read(evidence.KindWAF), strings.Join(lb.WAFLogs, " ")})
	return s
}

func (a *app) printStatus(s *awsStatus) error {
	cost := "costs nothing: not in AWS"
	if s.Dollars > 0 {
		cost = fmt.Sprintf("$%.2f an hour", s.Dollars)
	}
	fmt.Fprintf(a.out, "%s\n%s\nexpires %s, %s\n\n", s.Name, s.DNSName, s.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC"), cost)
	t := a.newTable("port", "policy", "mtls")
	for _, l := range s.Listeners {
		t.AppendRow([]any{l.Port, l.Policy, l.MTLS})
	}
	fmt.Fprintf(a.out, "%s\n\n", t.Render())
	t = a.newTable("log", "on", "to")
	for _, l := range s.Logs {
		on := "yes"
		switch {
		case l.Unknown:
			on = "unknown"
		case !l.On:
			on = "no"
		}
		t.AppendRow([]any{l.Log, on, l.To})
	}
	_, err := fmt.Fprintln(a.out, t.Render())
	return err
}

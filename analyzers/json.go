package analyzers

import (
	"encoding/json"
	"time"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/policy"
)

type jsonReport struct {
	Schema      string       `json:"schema"`
	Connections int          `json:"connections"`
	Undecided   int          `json:"undecided,omitempty"`
	Failures    int          `json:"failures"`
	Targets     int          `json:"target_connections"`
	Signatures  []Tally      `json:"signatures"`
	Clients     []Client     `json:"clients"`
	Findings    []*Finding   `json:"findings"`
	Omitted     int          `json:"findings_omitted,omitempty"`
	TLS         []Usage      `json:"tls"`
	Metrics     []MetricFact `json:"metrics,omitempty"`
	Skipped     []Skipped    `json:"skipped,omitempty"`
	Missing     []Missing    `json:"missing,omitempty"`
	Files       []jsonFile   `json:"files"`
	Damaged     int          `json:"damaged_records"`
	Problems    []string     `json:"problems,omitempty"`
	Notes       []string     `json:"notes,omitempty"`
}

type jsonFile struct {
	Name     string        `json:"name"`
	Kind     evidence.Kind `json:"kind"`
	Records  int           `json:"records"`
	Problems int           `json:"problems,omitempty"`
}

// MarshalJSON writes the report with schema "alblab.analyze/1".
func (r *Report) MarshalJSON() ([]byte, error) {
	j := jsonReport{
		Schema: r.Schema, Connections: r.Connections, Undecided: r.Undecided, Failures: r.Failures, Targets: r.Targets,
		Signatures: list(r.Signatures), Clients: list(r.Clients), Findings: list(r.Findings), Omitted: r.Omitted, TLS: list(r.TLS),
		Metrics: r.Metrics, Skipped: r.Skipped, Missing: r.Missing, Damaged: r.Damaged, Notes: r.Notes, Files: []jsonFile{},
	}
	for _, f := range r.Files {
		j.Files = append(j.Files, jsonFile{f.File, f.Kind, f.Records, f.Problems})
	}
	for _, p := range r.Problems {
		j.Problems = append(j.Problems, p.Error())
	}
	return json.Marshal(j)
}

// list makes an empty list of none, as readers of JSON expect.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

type jsonFinding struct {
	Signature   string              `json:"signature"`
	Stage       Stage               `json:"stage"`
	Certainty   Certainty           `json:"certainty"`
	Causes      []string            `json:"causes,omitempty"`
	Message     string              `json:"message"`
	Basis       string              `json:"basis,omitempty"`
	Client      string              `json:"client"`
	Listener    uint16              `json:"listener"`
	Server      string              `json:"server,omitempty"`
	Start       time.Time           `json:"start"`
	TraceID     string              `json:"conn_trace_id,omitempty"`
	Requests    int                 `json:"requests,omitempty"`
	In          *jsonFlow           `json:"flow_in,omitempty"`
	Out         *jsonFlow           `json:"flow_out,omitempty"`
	Offer       *Offer              `json:"offer,omitempty"`
	Reason      string              `json:"policy_reason,omitempty"`
	Cure        string              `json:"cure,omitempty"`
	Notes       []string            `json:"notes,omitempty"`
	Explanation *policy.Explanation `json:"explanation,omitempty"`
	Cites       []evidence.Ref      `json:"cites"`
}

type jsonFlow struct {
	Packets int64 `json:"packets"`
	Bytes   int64 `json:"bytes"`
	Flags   *int  `json:"tcp_flags"` // null where the format lacks them
}

// MarshalJSON writes the finding with what identifies its connection.
func (f *Finding) MarshalJSON() ([]byte, error) {
	c := f.Conn
	j := jsonFinding{
		Signature: f.Signature, Stage: f.Stage, Certainty: f.Certainty, Causes: f.Causes, Message: f.Message, Basis: f.Basis,
		Client: endpoint(c), Listener: c.Server.Port(), Start: c.Start, Requests: c.Requests,
		In: flowJSON(c.In), Out: flowJSON(c.Out), Offer: f.Offer, Notes: f.Notes, Cites: f.Cites,
	}
	if c.Server.Addr().IsValid() {
		j.Server = c.Server.String()
	}
	if c.ConnLog != nil {
		j.TraceID = c.ConnLog.ConnTraceID
	} else if len(c.Access) > 0 {
		j.TraceID = c.Access[0].ConnTraceID
	}
	if f.Decision != nil {
		j.Reason = f.Decision.Reason.String()
	}
	j.Cure, j.Explanation = f.Cure(), f.Explanation
	return json.Marshal(j)
}

func flowJSON(f correlate.Flow) *jsonFlow {
	if f.Records == 0 {
		return nil
	}
	j := &jsonFlow{Packets: f.Packets, Bytes: f.Bytes}
	if f.Flags >= 0 {
		j.Flags = &f.Flags
	}
	return j
}

// endpoint is the client as "203.0.113.10:40000", without a port where none is known, "-" where nothing is.
func endpoint(c *correlate.Conn) string {
	if c.Client.Port() != 0 && c.Client.Addr().IsValid() {
		return c.Client.String()
	}
	return addrText(c.Client.Addr())
}

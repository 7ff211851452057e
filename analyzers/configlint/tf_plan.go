package configlint

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// looksLikePlan tells the JSON of terraform show from Terraform code in JSON.
func looksLikePlan(b []byte) bool {
	head := b[:min(len(b), 4096)]
	return bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) && bytes.Contains(head, []byte(`"format_version"`))
}

// The JSON of a plan or state, as far as it is read.
// https://developer.hashicorp.com/terraform/internals/json-format
type planJSON struct {
	PlannedValues *planValues  `json:"planned_values"`
	Values        *planValues  `json:"values"` // of a state
	Changes       []planChange `json:"resource_changes"`
	Configuration struct {
		Root planConfig `json:"root_module"`
	} `json:"configuration"`
}

type planValues struct {
	Root planModule `json:"root_module"`
}

type planModule struct {
	Resources []planResource `json:"resources"`
	Children  []planModule   `json:"child_modules"`
}

type planResource struct {
	Address string       `json:"address"`
	Type    string       `json:"type"`
	Values  planListener `json:"values"`
}

type planListener struct {
	Port     *json.Number `json:"port"`
	Protocol *string      `json:"protocol"`
	Policy   *string      `json:"ssl_policy"`
	Cert     *string      `json:"certificate_arn"`
	Balancer *string      `json:"load_balancer_arn"`
	Mutual   []struct {
		Mode *string `json:"mode"`
	} `json:"mutual_authentication"`
}

type planChange struct {
	Address string `json:"address"`
	Type    string `json:"type"`
	Change  struct {
		Actions []string        `json:"actions"`
		Before  json.RawMessage `json:"before"`
		Unknown json.RawMessage `json:"after_unknown"`
	} `json:"change"`
}

type planConfig struct {
	Resources []struct {
		Address     string                     `json:"address"`
		Expressions map[string]json.RawMessage `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Module planConfig `json:"module"`
	} `json:"module_calls"`
}

// plan reads a plan or a state. All values stand there as Terraform knows them; only what is known after apply is unknown.
func (r *Result) plan(name string, b []byte) {
	var p planJSON
	where := newPlaces(name, b)
	if err := json.Unmarshal(b, &p); err != nil {
		at := Position{File: name}
		var syntax *json.SyntaxError
		var typ *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			at = where.position(int(syntax.Offset))
		case errors.As(err, &typ):
			at = where.position(int(typ.Offset))
		}
		r.problem(at, "not the JSON of terraform show: %s", strings.TrimPrefix(err.Error(), "json: "))
		if syntax != nil {
			return
		}
	}
	values := p.PlannedValues
	if values == nil {
		values = p.Values
	}
	if values == nil {
		r.problem(Position{File: name}, "neither planned_values nor values: not the JSON of a plan or a state")
		return
	}
	changes := map[string]*planChange{}
	for i := range p.Changes {
		changes[p.Changes[i].Address] = &p.Changes[i]
	}
	configured := map[string]bool{}
	p.Configuration.Root.mutual("", configured)
	values.Root.each(func(res *planResource) {
		r.planned(res, changes[res.Address], configured, where.of(res.Address))
	})
}

// each calls f for the listeners of a module and those below.
func (m *planModule) each(f func(*planResource)) {
	for i := range m.Resources {
		if t := m.Resources[i].Type; t == "aws_lb_listener" || t == "aws_alb_listener" {
			f(&m.Resources[i])
		}
	}
	for i := range m.Children {
		m.Children[i].each(f)
	}
}

// mutual notes of every resource whether the configuration has a mutual_authentication block for it.
func (c *planConfig) mutual(prefix string, into map[string]bool) {
	for _, res := range c.Resources {
		_, into[prefix+res.Address] = res.Expressions["mutual_authentication"]
	}
	for name, call := range c.Calls {
		call.Module.mutual(prefix+"module."+name+".", into)
	}
}

// planned makes a listener of a resource of the plan.
func (r *Result) planned(res *planResource, change *planChange, configured map[string]bool, at Position) {
	v := &res.Values
	var unknown struct {
		Policy any `json:"ssl_policy"`
		Cert   any `json:"certificate_arn"`
	}
	var before planListener
	creates := false
	if change != nil {
		_ = json.Unmarshal(change.Change.Unknown, &unknown) // of another shape: nothing is unknown
		_ = json.Unmarshal(change.Change.Before, &before)
		creates = len(change.Change.Actions) > 0 && change.Change.Actions[0] == "create"
	}
	protocol := textOf(v.Protocol)
	byCert := protocol == "" && creates && v.httpsByCertificate(unknown.Cert == true)
	if byCert {
		protocol = "HTTPS"
	}
	if protocol != "HTTPS" && protocol != "TLS" {
		return
	}
	if res.Address == "" {
		r.problem(at, "a listener without an address: not the JSON of terraform show")
		return
	}
	l := Listener{Address: res.Address, Kind: KindApplication, Protocol: protocol, At: at}
	if byCert {
		r.find(RuleNoProtocol, at, l.Address, byCertificate)
	}
	if l.Protocol == "TLS" {
		l.Kind = KindNetwork
	}
	if v.Port != nil {
		l.Port = v.Port.String()
	}
	l.Policy = Value{Origin: OriginSet, At: at}
	switch {
	case textOf(v.Policy) != "":
		l.Policy.Text = *v.Policy
	case creates && (unknown.Policy == true || v.Policy != nil): // computed, or empty: nothing is sent, the API decides
		l.Policy = Value{Origin: OriginDefault, Text: apiDefault, Why: whyTerraform, At: at}
	case v.Policy != nil:
		l.Policy = Value{Origin: OriginUnknown, Why: "it is empty, and a listener that exists keeps what it has", At: at}
	default:
		l.Policy = Value{Origin: OriginUnknown, Why: "it is known after apply", At: at}
	}
	mode := func(p *planListener) string {
		if len(p.Mutual) > 0 && p.Mutual[0].Mode != nil {
			return *p.Mutual[0].Mode
		}
		return ""
	}
	l.MTLS = Value{Origin: OriginSet, Text: mode(v), At: at}
	if l.MTLS.Text == "" {
		l.MTLS.Origin = OriginDefault
	}
	has, known := configured[withoutKeys(res.Address)]
	was := mode(&before)
	if known && !has && was != "" && was != "off" {
		r.find(RuleMutualRemoved, at, l.Address,
			"mutual authentication is "+was+" and the configuration leaves it out: the plan does not switch it off")
	}
	r.Listeners = append(r.Listeners, l)
}

// httpsByCertificate says of a listener without a protocol whether it becomes one of HTTPS, as [tfScope.httpsByCertificate] does.
func (v *planListener) httpsByCertificate(later bool) bool {
	balancer := textOf(v.Balancer)
	return (later || textOf(v.Cert) != "") && !strings.Contains(balancer, "loadbalancer/net/") && !strings.Contains(balancer, "loadbalancer/gwy/")
}

// textOf is a text that may be missing.
func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// withoutKeys removes the instance keys of an address, as the plan's configuration has none.
func withoutKeys(address string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case depth > 0 && c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// places finds where the plan first names a resource.
type places struct {
	file  string
	lines []int // where each line begins
	at    map[string]int
}

func newPlaces(file string, b []byte) *places {
	p := &places{file: file, lines: lineStarts(b), at: map[string]int{}}
	key := []byte(`"address":`)
	for i := 0; ; {
		n := bytes.Index(b[i:], key)
		if n < 0 {
			return p
		}
		i += n + len(key)
		for i < len(b) && b[i] == ' ' {
			i++
		}
		end := i + 1
		for end < len(b) && b[end] != '"' {
			if b[end] == '\\' {
				end++
			}
			end++
		}
		var address string
		if end < len(b) && json.Unmarshal(b[i:end+1], &address) == nil {
			if _, ok := p.at[address]; !ok {
				p.at[address] = i
			}
		}
	}
}

func (p *places) of(address string) Position { return p.position(p.at[address]) }

func (p *places) position(i int) Position {
	line, _ := slices.BinarySearch(p.lines, i+1) // the number of lines that begin at or before i
	return Position{File: p.file, Line: line, Column: i - p.lines[line-1] + 1}
}

func lineStarts(b []byte) []int {
	starts := []int{0}
	for i, c := range b {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

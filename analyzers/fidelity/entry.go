package fidelity

import (
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// entry is a record with its fields by name, ready to be compared.
type entry struct {
	group  string // slot, listener port, direction: only entries of one group are paired
	ref    evidence.Ref
	fields []field
}

// field is a value of a record. A reason says why it differs from run to run; "" if it must not. That there is a value must not
// depend on the run, whatever the reason: only a country may be missing.
type field struct {
	name, value, reason string
}

// The reasons why fields differ from run to run.
const (
	byAddress = "addresses"
	byPlace   = "countries, which addresses for documentation have none of"
	byTime    = "times"
	byID      = "identifiers"
	byChance  = "random values"
	byName    = "names of the load balancer and the lengths that follow from them"
	byNetwork = "what follows from certificates and acknowledgements, where the load balancer sent data or the client much"
	byOthers  = "the account's metrics count strangers and targets too"
)

// key is what must be the same for two entries to be the same.
func (e *entry) key() string {
	var b strings.Builder
	for _, f := range e.fields {
		switch {
		case f.reason == "":
			b.WriteString(f.name)
			b.WriteByte(0)
			b.WriteString(f.value)
			b.WriteByte(0)
		case f.value != "" && f.reason != byPlace:
			b.WriteString(f.name)
			b.WriteByte(1)
		}
	}
	return b.String()
}

// text is the entry as a person reads it: what counts of it.
func (e *entry) text() string {
	var parts []string
	for _, f := range e.fields {
		if f.reason == "" && f.value != "" && f.value != "-" {
			parts = append(parts, f.name+"="+f.value)
		}
	}
	const most = 12
	if len(parts) > most {
		parts = append(parts[:most], "...")
	}
	return strings.Join(parts, " ")
}

// put adds a field; "-" and "" both mean that there is no value.
func (e *entry) put(name, value, reason string) {
	if value == "-" {
		value = ""
	}
	e.fields = append(e.fields, field{name, value, reason})
}

package flowlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is the order of fields in a flow log. It is immutable.
type Format struct {
	cols      []column
	plan      []field
	set       uint32 // of plan
	required  uint32 // fields that a record with log-status OK has
	others    int    // columns that go to Record.Other
	twin      []int  // by column: for a packet's address, the column of the interface's before it, else -1
	isPlain   bool   // begins with the default format's fields
	isDefault bool   // is the default format
	loose     bool   // a header row would pass as a record
}

// defaultFields is the format that a flow log has unless told otherwise.
// Source: docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html, "Default format".
const defaultFields = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"

// labFields begins with the default fields, so that a filter pattern over the default format fits with ", ..." at its end.
const labFields = defaultFields + " tcp-flags pkt-srcaddr pkt-dstaddr flow-direction traffic-path vpc-id subnet-id reject-reason"

// DefaultFormat returns AWS's default format: version 2, 14 fields, without tcp-flags.
func DefaultFormat() *Format { return mustFormat(defaultFields) }

// LabFormat returns the format that alblab's own flow logs have: the default fields, then tcp-flags, pkt-srcaddr, pkt-dstaddr,
// flow-direction, traffic-path, vpc-id, subnet-id and reject-reason.
func LabFormat() *Format { return mustFormat(labFields) }

func mustFormat(s string) *Format {
	f, err := ParseFormat(s)
	if err != nil {
		panic("flowlog: " + err.Error())
	}
	return f
}

// ParseFormat reads a format as the LogFormat of a flow log has it, '${version} ${account-id} ...'. It also takes the
// spelling of Terraform, where each dollar sign is doubled, and a header row's bare names. An unknown name is an error that
// gives the nearest names.
func ParseFormat(s string) (*Format, error) {
	tokens := strings.Fields(s)
	if len(tokens) == 0 {
		return nil, errors.New("flow log format: it is empty")
	}
	known := columns()
	cols := make([]column, 0, len(tokens))
	for _, t := range tokens {
		name, err := fieldName(t)
		if err != nil {
			return nil, fmt.Errorf("flow log format: %w", err)
		}
		i := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("flow log format: unknown field %q%s", name, nearest(name, known))
		}
		cols = append(cols, known[i])
	}
	return newFormat(cols), nil
}

// fieldName takes ${name}, $${name} and name.
func fieldName(token string) (string, error) {
	name, dollar := strings.CutPrefix(token, "$")
	name = strings.TrimPrefix(name, "$")
	inner, open := strings.CutPrefix(name, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	switch {
	case dollar && open && closed && inner != "" && !strings.ContainsAny(inner, "${}"):
		return inner, nil
	case !dollar && !open && !closed && !strings.ContainsAny(name, "${}"):
		return name, nil
	case strings.Count(token, "$") > 1:
		return "", fmt.Errorf("%q: fields are separated by one space", token)
	}
	return "", fmt.Errorf("%q is not of the form ${field-name}", token)
}

func newFormat(cols []column) *Format {
	f := &Format{cols: cols, loose: true}
	for _, c := range cols {
		f.plan = append(f.plan, c.field)
		f.set |= c.field.bit()
		switch c.field {
		case fOther:
			f.others++
		case fRegion, fAZID, fRejectReason, fAccountID:
		default:
			f.loose = false
		}
	}
	f.set &^= fOther.bit()
	for i, id := range f.plan {
		f.twin = append(f.twin, -1)
		if id == fPktSrcAddr || id == fPktDstAddr {
			f.twin[i] = slices.Index(f.plan[:i], id-fPktSrcAddr+fSrcAddr)
		}
	}
	f.required = f.set & trafficBits
	if f.set&fType.bit() != 0 {
		// Assumption: traffic of type EFA does not have ports, and maybe no addresses.
		f.required &^= endpointBits
	}
	f.isPlain = len(f.plan) >= int(fLogStatus)
	for i := fVersion; f.isPlain && i <= fLogStatus; i++ {
		f.isPlain = f.plan[i-fVersion] == i
	}
	f.isDefault = f.isPlain && len(f.plan) == int(fLogStatus)
	return f
}

// String returns the format as AWS's APIs take it: '${version} ${account-id} ...'.
func (f *Format) String() string {
	var b strings.Builder
	for i, c := range f.cols {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("${" + c.name + "}")
	}
	return b.String()
}

// Fields returns the names of the fields in order.
func (f *Format) Fields() []string {
	names := make([]string, len(f.cols))
	for i, c := range f.cols {
		names[i] = c.name
	}
	return names
}

// Header returns the header row that flow logs in S3 begin with, without a line end.
func (f *Format) Header() string { return strings.Join(f.Fields(), " ") }

// Version is what a record of the format has in its version field: the highest version among the fields.
func (f *Format) Version() int {
	v := 2
	for _, c := range f.cols {
		v = max(v, c.version)
	}
	return v
}

// headerFormat returns the format that a header row gives, nil if the line is none. Names that are not known become
// columns of Record.Other, so that a field that AWS adds does not spoil the rest; at least half have to be known.
func headerFormat(line []byte) *Format {
	if len(line) == 0 || line[0] < 'a' || line[0] > 'z' || len(line) > 16<<10 {
		return nil
	}
	known := columns()
	var cols []column
	hits := 0
	for t := range strings.FieldsSeq(string(line)) {
		for _, c := range []byte(t) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return nil
			}
		}
		if i := slices.IndexFunc(known, func(c column) bool { return c.name == t }); i >= 0 {
			cols = append(cols, known[i])
			hits++
		} else {
			cols = append(cols, column{fOther, t, 0})
		}
	}
	if hits == 0 || hits*2 < len(cols) {
		return nil
	}
	return newFormat(cols)
}

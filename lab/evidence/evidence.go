// Package evidence is what a lab or an AWS account leaves behind: the bundle on disk, references into it, and the line
// reader that all log formats share. The formats themselves are the packages below it.
//
// Start with [Open] for a bundle, or with the Records function of a format package for a single file.
package evidence

import "fmt"

// Kind names a sort of evidence.
type Kind string

// The kinds.
const (
	KindAttempts   Kind = "attempts"   // the clients' own view, attempts.jsonl
	KindFlow       Kind = "flow"       // VPC flow log
	KindConnection Kind = "connection" // ALB connection log
	KindAccess     Kind = "access"     // ALB access log
	KindWAF        Kind = "waf"        // AWS WAF log, JSON lines
	KindMetrics    Kind = "metrics"    // CloudWatch metrics
	KindCapture    Kind = "capture"    // packet capture at the load balancer's interfaces
	KindMirror     Kind = "mirror"     // the same as a mirror target receives it, VXLAN
)

// Ref points at one record: a file of a bundle and a line (or a capture's frame number), both as a person counts, from 1.
type Ref struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns "connection.log:12".
func (r Ref) String() string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// ParseError says where input is damaged and how. Parsers return it for a record and go on with the next.
type ParseError struct {
	File  string // as named in Options, or ""
	Line  int    // from 1; for binary formats the record or packet number
	Field string // the field's name as AWS writes it, "" if the whole record is meant
	Msg   string // what is wrong, quoting the value
	// Container: it is no record, but what holds the records that is damaged here, such as gzip: what follows cannot be read, and what came before may be wrong.
	Container bool
}

func (e *ParseError) Error() string {
	pos := fmt.Sprintf("%s:%d: ", e.File, e.Line)
	if e.File == "" {
		pos = fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Field != "" {
		return pos + "field " + e.Field + ": " + e.Msg
	}
	return pos + e.Msg
}

// Options for readers. Nil means the zero value.
type Options struct {
	File    string // name for positions in errors
	MaxLine int    // longest line in bytes, 0 means MaxLine; a longer one is a ParseError and is skipped
	Format  string // flow logs: the format, '${version} ${account-id} ...'; "" means the header row, or the default format
}

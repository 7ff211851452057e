package flowlog

import (
	"bytes"
	"io"
	"iter"
	"slices"
	"strconv"

	"github.com/alblab/alblab/lab/evidence"
)

// Records reads the records of a flow log. The format is Options.Format, else a header row at the beginning, else the default
// format. A header row is the format of what follows wherever it stands, also against Options.Format: it says what is in the
// file. Columns behind the last one of the format are passed over.
//
// The record is the same in each step and borrows the reader's buffer: Clone keeps it. A damaged line gives an error of
// type *evidence.ParseError and reading goes on; any other error is final.
func Records(r io.Reader, o *evidence.Options) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		f := DefaultFormat()
		if o != nil && o.Format != "" {
			var err error
			if f, err = ParseFormat(o.Format); err != nil {
				yield(nil, err)
				return
			}
		}
		p := parser{lines: evidence.NewLines(r, o), first: true}
		p.use(f)
		evidence.Yield(yield, p.next)
	}
}

// parser is the state of Records.
type parser struct {
	lines *evidence.Lines
	f     *Format
	rec   Record
	ends  []int32
	spare []byte
	first bool
}

// use takes another format, and a record that has no value from the one before.
func (p *parser) use(f *Format) {
	p.f = f
	p.rec = Blank()
	p.rec.Other = make([][]byte, f.others)
	p.ends = make([]int32, len(f.plan))
}

func (p *parser) next() (*Record, error) {
	if p.f.isDefault && !p.first {
		if ahead := p.lines.Ahead(); len(ahead) >= usualWindow {
			if n := parseUsual(ahead, &p.rec); n > 0 {
				p.rec.Line = p.lines.Take(n)
				return &p.rec, nil
			}
		}
	}
	for {
		line, err := p.lines.Next()
		if err != nil {
			return nil, err
		}
		if (p.first || p.f.loose) && p.header(line) {
			continue
		}
		if !p.f.parse(padded(line, &p.spare), len(line), p.ends, &p.rec) {
			if p.header(line) { // of the next of several files in a row
				continue
			}
			if err := p.slow(line); err != nil {
				return nil, err
			}
		}
		p.rec.Line = p.lines.Line()
		return &p.rec, nil
	}
}

// header takes the format of a header row.
func (p *parser) header(line []byte) bool {
	p.first = false
	f := headerFormat(line)
	if f == nil {
		return false
	}
	p.use(f)
	return true
}

// slow reads a line that is not in the exact form: with more white space than one space between fields, as in text that was copied from
// elsewhere, or damaged. It says what is wrong.
func (p *parser) slow(line []byte) error {
	fields := bytes.Fields(line)
	if len(fields) < len(p.f.plan) {
		return p.lines.Damaged("", "record has "+strconv.Itoa(len(fields))+" fields, the format "+strconv.Itoa(len(p.f.plan)))
	}
	fields = fields[:len(p.f.plan)]
	if clean := bytes.Join(fields, []byte(" ")); p.f.parse(padded(clean, &p.spare), len(clean), p.ends, &p.rec) {
		return nil
	}
	present := p.f.set
	for i, c := range p.f.cols {
		has, ok := true, true
		if c.field != fOther {
			has, ok = p.rec.parseField(c.field, padded(slices.Clip(fields[i]), &p.spare), 0, len(fields[i]))
		}
		if !has {
			present &^= c.field.bit()
		}
		if !ok || bytes.ContainsFunc(fields[i], isControl) {
			return p.lines.Damaged(c.name, "bad value "+evidence.Quote(fields[i])+c.field.wants())
		}
	}
	return p.lines.Damaged("", p.f.shape(present, &p.rec))
}

func isControl(r rune) bool { return r < ' ' }

// wants says in a few words what a field's value has to be.
func (f field) wants() string {
	switch f {
	case fVersion:
		return ", want a number from 2"
	case fSrcPort, fDstPort:
		return ", want a number up to 65535"
	case fProtocol, fTCPFlags, fTrafficPath:
		return ", want a number up to 255"
	case fPackets, fBytes:
		return ", want a number"
	case fStart, fEnd:
		return ", want Unix seconds"
	case fSrcAddr, fDstAddr, fPktSrcAddr, fPktDstAddr:
		return ", want an IP address"
	case fAction:
		return ", want ACCEPT or REJECT"
	case fLogStatus:
		return ", want OK, NODATA or SKIPDATA"
	case fType:
		return ", want IPv4, IPv6 or EFA"
	case fFlowDirection:
		return ", want ingress or egress"
	case fInterfaceID:
		return ", want eni-..."
	case fVPCID:
		return ", want vpc-..."
	case fSubnetID:
		return ", want subnet-..."
	case fInstanceID:
		return ", want i-..."
	}
	return ""
}

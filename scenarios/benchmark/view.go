package benchmark

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/filterpattern"
	"github.com/alblab/alblab/lab/evidence/flowlog"
)

// view is the evidence that somebody has.
type view struct {
	name, words string
	filter      bool // the published filter judges, not the signatures
	flags       bool // the flow log has tcp-flags
	kinds       []evidence.Kind
}

// views returns the columns of the benchmark.
func views() []view {
	return []view{
		{name: "a", words: "the published filter, `packets<5`, default format", filter: true},
		{name: "b", words: "signatures, flow log in the default format"},
		{name: "c", words: "signatures, flow log with tcp-flags", flags: true},
		{name: "d", words: "and the connection log", flags: true, kinds: []evidence.Kind{evidence.KindConnection}},
		{name: "e", words: "and the capture", flags: true, kinds: []evidence.Kind{evidence.KindConnection, evidence.KindCapture}},
	}
}

// published is the filter pattern of experiment 1 for a listener's port.
const published = `[version, account, interface, srcaddr, dstaddr, srcport, destport="%d", protocol="6", packets<5, bytes, start, end, action="ACCEPT", logstatus]`

// viewer makes the views of one lab's evidence.
type viewer struct {
	mix    *mix
	bundle *evidence.Bundle
	dir    string
	seed   uint64
	ports  []uint16 // of the listeners
}

// all judges with each view in turn.
func (v *viewer) all(ctx context.Context, truths []*truth, mr *MixResult) error {
	for i, s := range mr.Views {
		if err := v.judge(ctx, views()[i], truths, s); err != nil {
			return fmt.Errorf("judging with %s: %w", s.View, err)
		}
	}
	for _, t := range truths {
		if t.dropped {
			mr.Dropped++
		} else {
			mr.Connections++
		}
	}
	return nil
}

// overlay is the bundle's files with some of the benchmark's own.
type overlay struct{ own, base fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.own.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.base.Open(name)
	}
	return f, err
}

// judge judges the lab's evidence as somebody would who has only this view of it.
func (v *viewer) judge(ctx context.Context, w view, truths []*truth, s *Score) error {
	format := flowlog.DefaultFormat()
	if w.flags {
		format = flowlog.LabFormat()
	}
	name := "flow-" + w.name + ".log"
	if err := v.writeFlow(filepath.Join(v.dir, name), format); err != nil {
		return err
	}
	if w.filter {
		found, err := v.filter(filepath.Join(v.dir, name))
		if err != nil {
			return err
		}
		s.filtered(truths, found)
		return nil
	}
	b := &evidence.Bundle{FS: overlay{os.DirFS(v.dir), v.bundle.FS}, Manifest: v.bundle.Manifest}
	b.Manifest.Files = []evidence.File{{Name: name, Kind: evidence.KindFlow, Format: format.String(), Records: -1}}
	for _, k := range w.kinds {
		b.Manifest.Files = append(b.Manifest.Files, v.bundle.Files(k)...)
	}
	rep, err := analyzers.Run(ctx, b, signatures.All(), &analyzers.Options{Examples: -1})
	if err != nil {
		return err
	}
	if rep.Damaged > 0 {
		return fmt.Errorf("the lab's evidence is damaged: %w", errors.Join(rep.Problems...))
	}
	s.add(truths, rep)
	return nil
}

// writeFlow writes the lab's flow log in another format, with a header row. In a mix with gaps records are missing.
func (v *viewer) writeFlow(name string, format *flowlog.Format) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing a view: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	fmt.Fprintln(out, format.Header())
	g := newGaps(v.mix.gaps, v.seed)
	var line []byte
	err = v.bundle.Each(evidence.KindFlow, func(r io.Reader, o *evidence.Options) error {
		for rec, err := range flowlog.Records(r, o) {
			if err != nil {
				return err
			}
			if !g.keep(rec) {
				continue
			}
			line = append(format.Append(line[:0], rec), '\n')
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	for _, rec := range g.skipped {
		line = append(format.Append(line[:0], &rec), '\n')
		if _, werr := out.Write(line); werr != nil {
			err = errors.Join(err, werr)
		}
	}
	return errors.Join(err, out.Flush())
}

// gaps takes records out of a flow log, as AWS does when it cannot keep up: it says so with a SKIPDATA record for the
// interface and window (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
type gaps struct {
	*rand.Rand // nil: none
	windows    map[gap]bool
	skipped    []flowlog.Record
}

type gap struct {
	iface  string
	minute int64
}

func newGaps(on bool, seed uint64) *gaps {
	g := &gaps{windows: map[gap]bool{}}
	if on {
		g.Rand = rand.New(rand.NewPCG(seed, 0x67617073))
	}
	return g
}

// keep decides about a record: in a third of the windows a fifth of the records is lost.
func (g *gaps) keep(r *flowlog.Record) bool {
	if g.Rand == nil {
		return true
	}
	k := gap{string(r.InterfaceID), r.Start / 60}
	hit, seen := g.windows[k]
	if !seen {
		hit = g.IntN(3) == 0
		g.windows[k] = hit
		if hit {
			s := flowlog.Blank()
			s.Version, s.AccountID, s.InterfaceID = r.Version, slices.Clone(r.AccountID), slices.Clone(r.InterfaceID)
			s.Start, s.End, s.LogStatus = k.minute*60, k.minute*60+59, flowlog.SkipData
			g.skipped = append(g.skipped, s)
		}
	}
	return !hit || g.IntN(5) > 0
}

// filter returns the clients' ends of the connections that the published filter finds.
func (v *viewer) filter(name string) (map[end]bool, error) {
	patterns := map[int]*filterpattern.Pattern{}
	for _, port := range v.ports {
		p, err := filterpattern.Parse(fmt.Sprintf(published, port))
		if err != nil {
			return nil, err
		}
		patterns[int(port)] = p
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading a view: %w", err)
	}
	defer f.Close()
	found := map[end]bool{}
	var line []byte
	for rec, err := range flowlog.Records(f, &evidence.Options{File: name}) {
		if err != nil {
			return nil, err
		}
		p := patterns[rec.DstPort]
		if p == nil || !rec.SrcAddr.IsValid() {
			continue
		}
		if line, err = rec.AppendText(line[:0]); err != nil {
			return nil, err
		}
		if p.Match(line) {
			found[endOf(rec)] = true
		}
	}
	return found, nil
}

package rollout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"github.com/alblab/alblab/lab/evidence"
)

// Input is one file of evidence.
type Input struct {
	Kind evidence.Kind
	Name string // for positions in errors
	Open func() (io.ReadCloser, error)
}

// Inputs lists the files of a bundle that say who connected: captures, connection logs and access logs.
func Inputs(b *evidence.Bundle) (list []Input) {
	for _, k := range []evidence.Kind{evidence.KindCapture, evidence.KindMirror, evidence.KindConnection, evidence.KindAccess} {
		for _, f := range b.Files(k) {
			list = append(list, Input{Kind: k, Name: b.Shown(f.Name), Open: func() (io.ReadCloser, error) { return b.OpenFile(f.Name) }})
		}
	}
	return list
}

// ReadOptions of [Read]. Nil means the zero value.
type ReadOptions struct {
	By      By     // "": ByAuto
	Workers int    // goroutines that read; 0: one for each core
	Port    uint16 // only connections to this port of the load balancer; 0: all
}

// maxProblems bounds how many damaged places are told one by one.
const maxProblems = 20

// maxCaptured bounds how many connections of captures are remembered, so that lines of logs about them do not count again.
const maxCaptured = 1 << 20

// reader is a reading in progress.
type reader struct {
	o     ReadOptions
	all   *collector
	files int

	mu       sync.Mutex
	problems []error
	damaged  int64

	captured map[netip.AddrPort]sighting // the last connection of a client's port in captures
	begins   map[uint64]string           // the log that begins with a line
	alike    [][2]string
	recent   *recent
}

// Read counts who connected. Captures come first, then connection logs, then access logs, whatever the order of inputs: what
// one of them has shown is not counted again from the next. Damage is counted, and reading goes on; an error is one of
// opening or reading a file.
func Read(ctx context.Context, inputs []Input, o *ReadOptions) (*Traffic, error) {
	r := &reader{captured: map[netip.AddrPort]sighting{}, begins: map[uint64]string{}, recent: newRecent()}
	if o != nil {
		r.o = *o
	}
	if r.o.By == "" {
		r.o.By = ByAuto
	}
	if r.o.Workers <= 0 {
		r.o.Workers = runtime.GOMAXPROCS(0)
	}
	r.all = newCollector(r.o.By)
	for _, phase := range []struct {
		kinds []evidence.Kind
		read  func(context.Context, []Input) error
	}{
		{[]evidence.Kind{evidence.KindCapture, evidence.KindMirror}, r.captures},
		{[]evidence.Kind{evidence.KindConnection}, r.connections},
		{[]evidence.Kind{evidence.KindAccess}, r.requests},
	} {
		var list []Input
		for _, in := range inputs {
			for _, k := range phase.kinds {
				if in.Kind == k {
					list = append(list, in)
				}
			}
		}
		if len(list) == 0 {
			continue
		}
		r.files += len(list)
		if err := phase.read(ctx, list); err != nil {
			return nil, err
		}
	}
	t := r.all.traffic()
	t.Problems, t.Alike = r.problems, r.alike
	t.Stats.Files, t.Stats.Damaged = r.files, r.damaged
	return t, nil
}

// damage notes a place that cannot be read.
func (r *reader) damage(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.damaged++
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, err)
	}
}

// opened is an input that was opened, or could not be.
type opened struct {
	in   Input
	file io.ReadCloser
	err  error
}

// ahead is how many inputs are opened before they are read: an object of a bucket takes its time to come.
const ahead = 8

// each reads inputs one after the other.
func each(ctx context.Context, list []Input, read func(io.Reader, *evidence.Options) error) error {
	next, stop := make(chan opened, ahead), make(chan struct{})
	go func() {
		defer close(next)
		for _, in := range list {
			f, err := in.Open()
			select {
			case next <- opened{in, f, err}:
			case <-stop:
				if err == nil {
					f.Close()
				}
				return
			}
		}
	}()
	defer func() {
		close(stop)
		for o := range next {
			if o.err == nil {
				o.file.Close()
			}
		}
	}()
	for o := range next {
		if o.err != nil {
			return o.err
		}
		err := ctx.Err()
		if err != nil {
			err = fmt.Errorf("reading %s: %w", o.in.Name, context.Cause(ctx))
		} else {
			err = read(o.file, &evidence.Options{File: o.in.Name})
		}
		o.file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// block is some lines of a file.
type block struct {
	text  []byte
	file  string
	first int // number of the first line
	// cut: the file ends in this line, without a line end. The line before it stands in front of it, to show how many fields there
	// should be, and was read already.
	cut bool
}

// blocks reads all inputs on one goroutine, cuts them into blocks of whole lines, and lets the workers read those. count reads
// one block into a worker's collector.
func (r *reader) blocks(ctx context.Context, list []Input, worker func() func(*collector, block)) error {
	todo, free := make(chan block, 2*r.o.Workers), make(chan []byte, 4*r.o.Workers)
	var wait sync.WaitGroup
	parts := make([]*collector, r.o.Workers)
	for i := range parts {
		parts[i] = newCollector(r.o.By)
		count := worker()
		wait.Go(func() {
			for b := range todo {
				count(parts[i], b)
				select {
				case free <- b.text:
				default:
				}
			}
		})
	}
	err := each(ctx, list, func(in io.Reader, o *evidence.Options) error { return r.cut(ctx, in, o, todo, free) })
	close(todo)
	wait.Wait()
	for _, p := range parts {
		r.all.merge(p)
	}
	return err
}

// cut makes blocks of a file.
func (r *reader) cut(ctx context.Context, in io.Reader, o *evidence.Options, todo chan<- block, free <-chan []byte) error {
	lines := evidence.NewLines(in, o)
	begun := false
	var last []byte // the line read last
	for ctx.Err() == nil {
		var buf []byte
		select {
		case buf = <-free:
		default:
		}
		text, first, err := lines.Block(buf[:0])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case evidence.IsDamage(err):
			r.damage(err)
		case err != nil:
			return err
		default:
			if !begun {
				r.begin(text, o.File)
				begun = true
			}
			if lines.Cut() && len(last) > 0 {
				todo <- block{slices.Concat(last, []byte{'\n'}, text), o.File, first - 1, true}
				continue
			}
			last = append(last[:0], lastLine(text)...)
			todo <- block{text, o.File, first, false}
		}
	}
	return fmt.Errorf("reading %s: %w", o.File, context.Cause(ctx))
}

// lastLine is the last line of a block, without its end.
func lastLine(text []byte) []byte {
	text = bytes.TrimRight(text, "\r\n")
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// maxBegins bounds how many logs are remembered by their first lines.
const maxBegins = 1 << 16

// begin notes logs that begin with the same line: every line has an ID or at least a time of its own, so one is a copy of the other.
func (r *reader) begin(text []byte, file string) {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	h := fnv.New64a()
	h.Write(line)
	sum := h.Sum64()
	if other, ok := r.begins[sum]; ok && len(r.alike) < maxProblems {
		r.alike = append(r.alike, [2]string{other, file})
	} else if !ok && len(r.begins) < maxBegins {
		r.begins[sum] = file
	}
}

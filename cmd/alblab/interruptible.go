package main

import (
	"context"
	"io"
	"os"
)

// interruptible ends a stream when the command is interrupted. A file is read as it is, since reading it does not wait; for others,
// which may, a goroutine waits.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return &interruptedFile{ctx, f}
		}
	}
	return &interruptedStream{ctx: ctx, r: r, done: make(chan streamed, 1)}
}

type interruptedFile struct {
	ctx context.Context
	f   *os.File
}

func (i *interruptedFile) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, io.EOF
	}
	return i.f.Read(p)
}

type interruptedStream struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte
	left []byte // of buf
	done chan streamed
}

type streamed struct {
	n   int
	err error
}

func (i *interruptedStream) Read(p []byte) (int, error) {
	if len(i.left) > 0 {
		n := copy(p, i.left)
		i.left = i.left[n:]
		return n, nil
	}
	if i.buf == nil {
		i.buf = make([]byte, 256<<10)
	}
	if i.ctx.Err() != nil {
		return 0, io.EOF
	}
	go func() {
		n, err := i.r.Read(i.buf)
		i.done <- streamed{n, err}
	}()
	select {
	case <-i.ctx.Done():
		return 0, io.EOF
	case s := <-i.done:
		n := copy(p, i.buf[:s.n])
		i.left = i.buf[n:s.n]
		return n, s.err
	}
}

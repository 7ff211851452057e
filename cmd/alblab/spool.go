package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spooled is what cannot be read twice, "-" for standard input and named pipes such as <(command), on disk.
type spooled struct {
	paths []string          // the arguments, with files in place of streams
	shown map[string]string // by such a file: what the user calls it
	dir   string            // "" if there are none
}

// spool copies streams among the arguments into a folder of its own. The caller closes what it returns.
func (a *app) spool(ctx context.Context, args []string) (*spooled, error) {
	s := &spooled{shown: map[string]string{}}
	stdin := 0
	for _, arg := range args {
		name, path := arg, arg
		var err error
		if arg == "-" {
			if stdin++; stdin > 1 {
				err = errors.New("standard input can be read once: give - once")
			} else {
				name = "standard input"
				path, err = s.copy(ctx, a.in, name)
			}
		} else if info, statErr := os.Stat(arg); statErr == nil && info.Mode()&os.ModeNamedPipe != 0 {
			path, err = s.pipe(ctx, arg)
		}
		if err != nil {
			s.close()
			return nil, err
		}
		if path != arg {
			s.shown[path] = name
		}
		s.paths = append(s.paths, path)
	}
	return s, nil
}

// pipe copies a named pipe. To open one waits until somebody writes to it; who interrupts does not.
func (s *spooled) pipe(ctx context.Context, name string) (string, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(name)
		done <- opened{f, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case o := <-done:
		if o.err != nil {
			return "", o.err
		}
		defer o.f.Close()
		return s.copy(ctx, o.f, name)
	}
}

// copy writes a stream to a file that only its owner reads: logs tell of people.
func (s *spooled) copy(ctx context.Context, r io.Reader, name string) (path string, err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "alblab-"); err != nil {
			return "", fmt.Errorf("reading %s: %w", name, err)
		}
	}
	path = filepath.Join(s.dir, fmt.Sprintf("input-%d", len(s.paths)+1))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	_, err = io.Copy(f, interruptible(ctx, r))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", hint(fmt.Errorf("reading %s: %w", name, err), "it is kept in %s while it is read: set TMPDIR to a folder with room", s.dir)
	}
	return path, nil
}

func (s *spooled) close() {
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // the answer has been given
	}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit codes.
const (
	exitDone     = 0
	exitNegative = 1 // the user asked for judgement and it is negative
	exitError    = 2 // wrong usage, or the work could not be done
)

// app is what all commands share.
type app struct {
	in     io.Reader
	out    *bufio.Writer // flushed at the end, and by commands that print as things happen
	err    io.Writer
	tty    bool // standard output is a terminal
	color  bool // standard output is a terminal and colours are welcome
	live   bool // standard error is a terminal: a progress line may be drawn
	negate bool // the judgement is negative
	ended  bool // the user has ended the work
	warnMu sync.Mutex
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: bufio.NewWriterSize(stdout, 64<<10), err: stderr}
	_, noColor := os.LookupEnv("NO_COLOR")
	plain := noColor && os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	a.tty = isTerminal(stdout)
	a.color, a.live = a.tty && !plain, isTerminal(stderr) && os.Getenv("TERM") != "dumb"
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(a.out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if ferr := a.out.Flush(); err == nil {
		err = ferr
	}
	if errors.Is(err, syscall.EPIPE) {
		err = nil // the reader has seen enough
	}
	if err != nil && err == ctx.Err() { // bare: no command has said what was interrupted
		err = errors.New("interrupted")
	}
	if err != nil {
		printProblem(stderr, err)
		return exitError
	}
	if a.negate {
		return exitNegative
	}
	return exitDone
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// problem is an error with a word on what to do next.
type problem struct {
	err  error
	hint string
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// hint adds what to do next to an error.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &problem{err, fmt.Sprintf(format, args...)}
}

// printProblem prints an error and its hint: one line each.
func printProblem(w io.Writer, err error) {
	for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(w, "alblab: error: %s\n", line)
	}
	var p *problem
	if errors.As(err, &p) && p.hint != "" {
		fmt.Fprintf(w, "alblab: hint: %s\n", p.hint)
	}
}

// fewWarnings is how many damaged places are told of one by one.
const fewWarnings = 5

// warn prints something that does not stop the work.
func (a *app) warn(format string, args ...any) {
	a.warnMu.Lock()
	defer a.warnMu.Unlock()
	fmt.Fprintf(a.err, "alblab: warning: %s\n", fmt.Sprintf(format, args...))
}

// usageError explains a wrong command line. An error that has a hint keeps it.
func usageError(cmd *cobra.Command, err error) error {
	var p *problem
	if err == nil || errors.As(err, &p) && p.hint != "" {
		return err
	}
	return hint(err, "see '%s --help'", cmd.CommandPath())
}

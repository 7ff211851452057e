// Command capturebench measures how fast alblab reads packet captures, beside tshark on the same files and the same question: the fields
// of each hello, JA3, and the outcome.
//
//	go run ./cmd/capturebench
//
// makes a capture of a million packets of 100,000 connections, once plain and once as a traffic mirror's target receives it, builds
// alblab, and lets both read them. The same seed makes the same files.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "capturebench: error:", err)
		os.Exit(2)
	}
}

// bench is one run of the program.
type bench struct {
	traffic
	dir    string
	alblab string
	tshark string
	runs   int
	out    io.Writer
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	b := bench{out: out}
	fs := flag.NewFlagSet("capturebench", flag.ContinueOnError)
	fs.IntVar(&b.Packets, "packets", 1_000_000, "packets of the capture")
	fs.IntVar(&b.Connections, "connections", 100_000, "connections of the capture")
	fs.Uint64Var(&b.Seed, "seed", 1, "of all chance")
	fs.StringVar(&b.dir, "dir", "", "`folder` for the captures, which stay there; default: one that is removed")
	fs.StringVar(&b.alblab, "alblab", "", "`program` to measure; default: built from this source")
	fs.StringVar(&b.tshark, "tshark", "tshark", "`program` to compare with; empty leaves it out")
	fs.IntVar(&b.runs, "runs", 3, "of alblab, of which the fastest counts")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if b.runs < 1 || b.Connections < 1 {
		return fmt.Errorf("want a run and a connection at least")
	}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "capturebench"); err != nil {
			return err
		}
		defer os.RemoveAll(b.dir)
	}
	if b.alblab == "" {
		b.alblab = filepath.Join(b.dir, "alblab")
		if msg, err := exec.CommandContext(ctx, "go", "build", "-o", b.alblab, "github.com/alblab/alblab/cmd/alblab").CombinedOutput(); err != nil {
			return fmt.Errorf("building alblab: %w: %s", err, msg)
		}
	}
	return b.measure(ctx)
}

// measure makes the files and lets the programs read them.
func (b *bench) measure(ctx context.Context) error {
	plain, err := b.file("plain.pcap", false)
	if err != nil {
		return err
	}
	vxlan, err := b.file("vxlan.pcap", true)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%-28s %9s %9s %9s\n", "", "wall s", "CPU s", "RSS MB")
	one, err := b.best(ctx, "alblab, plain", b.runs, b.alblab, "capture", "--format", "csv", plain)
	if err != nil {
		return err
	}
	two, err := b.best(ctx, "alblab, VXLAN", b.runs, b.alblab, "capture", "--format", "csv", vxlan)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "VXLAN takes %.2f times as long as plain (CPU: %.2f times)\n", ratio(two.wall, one.wall), ratio(two.cpu, one.cpu))
	if b.tshark == "" {
		return nil
	}
	other, err := b.best(ctx, "tshark, plain", 1, b.tshark, tsharkArgs(plain)...)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "tshark takes %.0f times as long (CPU: %.0f times)\n", ratio(other.wall, one.wall), ratio(other.cpu, one.cpu))
	return nil
}

// tsharkArgs ask tshark for what alblab says of connections: hellos with JA3, answers, alerts, and ends.
func tsharkArgs(file string) []string {
	args := []string{"-n", "-r", file, "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "tls.handshake.type==1 || tls.handshake.type==2 || tls.alert_message || tcp.flags.reset==1 || tcp.flags.fin==1", "-T", "fields"}
	for _, f := range tsharkFields() {
		args = append(args, "-e", f)
	}
	return args
}

func tsharkFields() []string {
	return []string{
		"tcp.stream", "frame.number", "frame.time_epoch", "ip.src", "tcp.srcport", "tcp.dstport", "tcp.flags", "tls.handshake.type",
		"tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str", "tls.handshake.version",
		"tls.handshake.extensions.supported_version", "tls.handshake.ciphersuite", "tls.handshake.extensions_supported_group",
		"tls.handshake.sig_hash_alg", "tls.handshake.ja3", "tls.alert_message.desc",
	}
}

// file makes one capture.
func (b *bench) file(name string, vxlan bool) (path string, err error) {
	t := b.traffic
	t.VXLAN = vxlan
	path = filepath.Join(b.dir, name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := generate(w, t)
	if err == nil {
		err = w.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	info, serr := os.Stat(path)
	if err == nil {
		err = serr
	}
	if err != nil {
		return "", fmt.Errorf("making %s: %w", path, err)
	}
	fmt.Fprintf(b.out, "%s: %d packets, %s, %d MB\n", name, n, t, info.Size()>>20)
	return path, nil
}

// cost is what a run took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // bytes, 0 if the system does not say
}

// best runs a program some times and prints the fastest.
func (b *bench) best(ctx context.Context, what string, runs int, program string, args ...string) (least cost, err error) {
	for i := range runs {
		cmd := exec.CommandContext(ctx, program, args...)
		var complaints strings.Builder
		cmd.Stderr = &complaints
		begun := time.Now()
		err := cmd.Run() // standard output goes nowhere
		c := cost{wall: time.Since(begun)}
		if err != nil {
			return cost{}, fmt.Errorf("%s: %w: %s", what, err, complaints.String())
		}
		c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		c.rss = maxRSS(cmd.ProcessState)
		if i == 0 || c.wall < least.wall {
			least = c
		}
	}
	fmt.Fprintf(b.out, "%-28s %9.2f %9.2f %9d\n", what, least.wall.Seconds(), least.cpu.Seconds(), least.rss>>20)
	return least, nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

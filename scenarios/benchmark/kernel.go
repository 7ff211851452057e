package benchmark

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/signatures"
	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/scenarios"
)

// KernelLab is a lab that programs of this computer can call.
type KernelLab interface {
	lab.Lab
	scenarios.Credentials
	// Doors are the ways in. Addresses must be good for the lab's server certificates.
	Doors() []Door
	// Variants are settings of the clients' TCP; each applies one and stays until the next. None: as the computer is set.
	Variants() []func() error
}

// Door is one way to a lab.
type Door struct {
	Addr   func(listener string) netip.AddrPort // what a program calls
	Source netip.Addr                           // its address as the evidence shows it
	Bad    bool                                 // the path loses packets, or worse
	Wire   bool                                 // whatever a program sends is seen, also what makes no connection
}

// Accepted is a connection that the load balancer accepted, as it says itself.
type Accepted struct {
	Client netip.AddrPort
	Port   uint16
	Start  time.Time
	Unused bool  // nothing came from the client
	Shaken bool  // the handshake was completed
	Fault  error // the lab could not do what a load balancer does

	late bool // it ended after the evidence was collected
}

// KernelOptions for KernelTraffic. Start and Dir are required.
type KernelOptions struct {
	// Start makes a lab on the wall clock that keeps its evidence in dir, and tells of each connection when it has ended.
	Start   func(ctx context.Context, spec lab.Spec, dir string, seen func(Accepted)) (KernelLab, error)
	Dir     string // new or empty; gets the evidence and the truth
	Quick   bool   // the first and the last door, and the clients' TCP as it is
	NoWaits bool   // without the programs that do nothing until the load balancer's idle timeout
	// WireProfile is the load balancer's, of lab.Embedded.
	WireProfile string
	// Now is the clock of the evidence.
	Now func() time.Time
}

// kernelTruth is what is written of a connection for KernelResult.
type kernelTruth struct {
	Shape   string          `json:"shape"`
	Client  netip.AddrPort  `json:"client"`
	Port    uint16          `json:"port"`
	Start   time.Time       `json:"start"`
	Stage   analyzers.Stage `json:"stage"`
	Cause   string          `json:"cause"`
	Code    string          `json:"code,omitempty"` // of the connection log, where the certificate has one of its own
	Clear   bool            `json:"clear"`
	Crossed bool            `json:"crossed"`
	Dropped bool            `json:"dropped"`
}

// kernelBook is what KernelTraffic writes beside the evidence.
type kernelBook struct {
	Truths   []kernelTruth `json:"truths"`
	Programs []string      `json:"programs"` // that were there
	Missing  []string      `json:"missing"`
	Errors   []string      `json:"errors"` // what did not go as it was to, on a good path
}

const (
	kernelLabDir = "lab"
	kernelBookAs = "truth.json"
	// kernelIdle is the load balancer's idle timeout in seconds. A program that takes longer to find its words, as Java's first
	// handshake may while others use the processors, would be cut off.
	kernelIdle    = 30
	kernelTimes   = 4 // connections of a call of the Python client
	kernelWorkers = 8 // programs at work at once; those that only wait come on top
)

//go:embed kernel_client.py
var kernelPython []byte

//go:embed KernelClient.java
var kernelJava []byte

// kernelRun is one run of all programs.
type kernelRun struct {
	o     *KernelOptions
	lab   KernelLab
	spec  lab.Spec
	dir   string // files of the programs
	known map[string]bool
	more  chan struct{} // a connection has ended

	mu        sync.Mutex
	calls     []kernelCall
	accepted  []Accepted
	book      kernelBook
	collected bool
}

// kernelCall is one call of a program.
type kernelCall struct {
	c          *kernelCase
	door       *Door
	port       uint16 // the lab's
	begin, end time.Time
	conns      int    // that it makes
	odd        string // why it does not count
}

// KernelTraffic lets programs that we did not write call a lab over the kernel's TCP, and writes down what is true of their
// connections: what each was told to do, which connections it made as the load balancer says, and whether its exit code fits.
func KernelTraffic(ctx context.Context, o KernelOptions) (err error) {
	r := &kernelRun{o: &o, dir: filepath.Join(o.Dir, "programs"), spec: kernelSpec(o.WireProfile), known: map[string]bool{}, more: make(chan struct{}, 1)}
	r.lab, err = o.Start(ctx, r.spec, filepath.Join(o.Dir, kernelLabDir), r.seen)
	if err != nil {
		return err
	}
	if err := errors.Join(r.run(ctx), r.lab.Close()); err != nil {
		return err
	}
	r.settle()
	b, err := json.MarshalIndent(&r.book, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(ctx.Err(), os.WriteFile(filepath.Join(o.Dir, kernelBookAs), b, 0o600))
}

// run lets all programs call, and collects what they leave.
func (r *kernelRun) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	variants := r.lab.Variants()
	if len(variants) == 0 || r.o.Quick {
		variants = []func() error{func() error { return nil }}
	}
	for i, apply := range variants {
		if err := apply(); err != nil {
			return err
		}
		r.all(ctx, i)
	}
	r.await(ctx)
	if _, err := r.lab.Collect(ctx); err != nil {
		return fmt.Errorf("collecting evidence: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collected = true
	return nil
}

// seen takes down a connection that has ended.
func (r *kernelRun) seen(a Accepted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.late = r.collected
	r.accepted = append(r.accepted, a)
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// await waits until the load balancer has told of every connection of the good paths. On a bad one a client's last word may be
// lost; then the connection lives on to the idle timeout.
func (r *kernelRun) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*kernelIdle*time.Second)
	defer cancel()
	for !r.complete() {
		select {
		case <-r.more:
		case <-ctx.Done():
			return
		}
	}
}

func (r *kernelRun) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.calls {
		if x := &r.calls[i]; !x.c.raw && !x.door.Bad && x.odd == "" && len(r.connections(x)) < max(x.conns, 1) {
			return false
		}
	}
	return true
}

// connections are those that a call made: of its port, its source and its time, as calls of a case at a door follow each other.
func (r *kernelRun) connections(x *kernelCall) []*Accepted {
	var all []*Accepted
	for i := range r.accepted {
		a := &r.accepted[i]
		if a.Port == x.port && a.Client.Addr() == x.door.Source && !a.Start.Before(x.begin) && !a.Start.After(x.end.Add(time.Second)) {
			all = append(all, a)
		}
	}
	return all
}

// kernelSpec has a listener for each case, so that a connection's case is known by its port.
func kernelSpec(wireProfile string) lab.Spec {
	s := lab.Spec{Listeners: map[string]lab.Listener{}, Embedded: &lab.Embedded{
		IdleTimeout: kernelIdle, Seed: 1, WireProfile: wireProfile, CertificateFaults: pki.Faults(),
	}}
	for i, c := range kernelCases() {
		l := c.listener
		l.Port = uint16(1000 + i)
		s.Listeners[c.name] = l
	}
	return s
}

// prepare writes the programs' files.
func (r *kernelRun) prepare(ctx context.Context) error {
	if _, err := r.lab.PKI().WriteFiles(r.dir, append(kernelKinds(), pki.KindGoodECDSA)...); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"kernel_client.py": kernelPython, "KernelClient.java": kernelJava} {
		if err := os.WriteFile(filepath.Join(r.dir, name), text, 0o600); err != nil {
			return fmt.Errorf("writing a program: %w", err)
		}
	}
	if _, err := exec.LookPath("javac"); err == nil {
		if out, err := exec.CommandContext(ctx, "javac", "-d", r.dir, filepath.Join(r.dir, "KernelClient.java")).CombinedOutput(); err != nil {
			return fmt.Errorf("javac: %w: %s", err, out)
		}
		out, err := exec.CommandContext(ctx, "keytool", "-importcert", "-noprompt", "-alias", "lab", "-file", filepath.Join(r.dir, "ca.pem"),
			"-keystore", filepath.Join(r.dir, "trust.p12"), "-storetype", "PKCS12", "-storepass", "alblab").CombinedOutput()
		if err != nil {
			return fmt.Errorf("keytool: %w: %s", err, out)
		}
	}
	return nil
}

// all carries out every case, some at a time, each at one door after the other's turn. Those that wait for the load balancer's
// idle timeout begin first, all at once: they need no processor.
func (r *kernelRun) all(ctx context.Context, variant int) {
	cases, doors := kernelCases(), r.lab.Doors()
	if r.o.Quick && len(doors) > 2 {
		doors = []Door{doors[0], doors[len(doors)-1]}
	}
	slots := make(chan struct{}, kernelWorkers)
	var wg sync.WaitGroup
	slices.SortStableFunc(cases, func(x, y kernelCase) int {
		switch {
		case x.waits == y.waits:
			return 0
		case x.waits:
			return -1
		}
		return 1
	})
	for i := range cases {
		c := &cases[i]
		if !r.there(c) {
			continue
		}
		for n := range doors {
			d := &doors[n]
			if c.waits && r.o.NoWaits || c.good && d.Bad || c.raw && (!d.Wire || d.Bad) || // what is sent once may be lost, and leaves nothing
				c.once && (n > 0 || variant > 0) || c.args[0] == "hping3" && d.Source.Is6() {
				continue
			}
			if c.waits {
				wg.Go(func() { r.call(ctx, c, d) })
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				r.call(ctx, c, d)
			})
		}
	}
	wg.Wait()
}

// there says whether a case's programs are installed.
func (r *kernelRun) there(c *kernelCase) bool {
	needs := []string{c.args[0]}
	if c.args[0] == "java" {
		needs = append(needs, "javac") // with keytool it is in every JDK
	}
	if c.args[0] == "sh" { // the last of the pipe
		last := c.args[2][strings.LastIndex(c.args[2], "|")+1:]
		needs = append(needs, strings.Fields(last)[0])
	}
	for _, p := range needs {
		ok, asked := r.known[p]
		if !asked {
			_, err := exec.LookPath(p)
			ok = err == nil
			r.known[p] = ok
			if list := &r.book.Programs; p != "sh" && p != "javac" {
				if !ok {
					list = &r.book.Missing
				}
				*list = append(*list, p)
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// kernelPatience is more than a call takes, unless the one reset of a refusal was lost and the program waits for ever.
const kernelPatience = time.Minute

// call runs a program once.
func (r *kernelRun) call(ctx context.Context, c *kernelCase, d *Door) {
	at := d.Addr(c.name)
	host := at.Addr().String()
	six := ""
	if at.Addr().Is6() {
		host, six = "["+host+"]", "-6"
	}
	fill := strings.NewReplacer("{ip}", at.Addr().String(), "{host}", host, "{port}", fmt.Sprint(at.Port()), "{source}", d.Source.String(),
		"{ca}", filepath.Join(r.dir, "ca.pem"), "{dir}", r.dir, "{times}", fmt.Sprint(kernelTimes), "{six}", six)
	var args []string
	for _, a := range c.args {
		if a = fill.Replace(a); a != "" {
			args = append(args, a)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, kernelPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = 5 * time.Second // children of a program that is gone may hold its output
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null", "HOME="+r.dir)
	x := kernelCall{c: c, door: d, port: r.spec.Listeners[c.name].Port, begin: r.o.Now(), conns: cmp.Or(c.conns, 1)}
	if args[0] == "python3" {
		x.conns = kernelTimes
	}
	out, err := cmd.CombinedOutput()
	x.end = r.o.Now()
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	whatever := c.code < 0 || r.o.WireProfile != "" && args[0] == "openssl" // to s_client an alert close_notify is a good end
	if !whatever && (c.code == 0 && err != nil || c.code == 1 && err == nil) || code < 0 {
		said := fmt.Sprintf("%s: exit code %d, %.300s", strings.Join(args, " "), code, strings.TrimSpace(string(out)))
		x.odd = strings.ReplaceAll(said, r.dir, "DIR")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, x)
	r.book.Truths = append(r.book.Truths, x.raw()...)
}

// raw are the truths of a call that makes no connection.
func (x *kernelCall) raw() []kernelTruth {
	if !x.c.raw {
		return nil
	}
	t := x.truth()
	t.Client, t.Start = netip.AddrPortFrom(x.door.Source, 0), x.begin
	if x.c.stage == analyzers.StageBlocked {
		t.Port = 9
	}
	return []kernelTruth{t}
}

func (x *kernelCall) truth() kernelTruth {
	t := kernelTruth{Shape: x.c.name, Port: x.port, Stage: x.c.stage, Cause: x.c.cause, Code: x.c.logged(), Clear: x.c.clear, Dropped: x.odd != ""}
	t.Crossed = x.door.Bad && x.c.byReset && t.Stage == analyzers.StageCompleted
	if x.door.Bad && (t.Stage == analyzers.StageNoData || x.c.byReset) {
		t.Clear = false // who ended it shows only if all of its few packets came; a reset is sent but once
	}
	return t
}

// settle labels the connections of each call.
func (r *kernelRun) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.calls {
		x := &r.calls[i]
		if x.odd != "" && !x.door.Bad {
			r.book.Errors = append(r.book.Errors, x.odd)
		}
		if x.c.raw {
			continue
		}
		all := r.connections(x)
		for _, a := range all {
			if a.Fault != nil {
				r.book.Errors = append(r.book.Errors, fmt.Sprintf("%s: %v", x.c.name, a.Fault))
			}
			r.book.Truths = append(r.book.Truths, x.became(a))
		}
		switch n := len(all); {
		case x.door.Bad:
		case x.conns > 0 && n != x.conns:
			r.book.Errors = append(r.book.Errors, fmt.Sprintf("%s: %d connections were accepted, %d were to be", x.c.name, n, x.conns))
		case n == 0:
			r.book.Errors = append(r.book.Errors, x.c.name+": no connection was accepted")
		}
	}
}

// became is the truth of one of a call's connections.
func (x *kernelCall) became(a *Accepted) kernelTruth {
	t := x.truth()
	t.Client, t.Start = a.Client, a.Start
	switch {
	case a.late: // it was open when the evidence was collected
		t.Dropped = true
	case x.c.conns >= 0:
		if x.door.Bad && t.Stage == analyzers.StageCompleted && !a.Shaken { // its reset overtook its last message
			t.Dropped = true
		}
	case a.Unused:
		t.Stage, t.Cause, t.Clear = analyzers.StageNoData, signatures.ConnectAndClose, false
	case t.Stage == analyzers.StageCompleted && !a.Shaken: // left when the program had enough
		t.Stage, t.Cause, t.Clear = analyzers.StageClosedByOther, signatures.ClosedByClient, false
	}
	return t
}

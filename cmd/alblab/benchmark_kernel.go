package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/alb"
	"github.com/alblab/alblab/lab/embedded"
	"github.com/alblab/alblab/lab/gateway"
	"github.com/alblab/alblab/lab/kernel"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/vnet"
	"github.com/alblab/alblab/scenarios/benchmark"
)

// kernelLabs are the labs that other tools call, in the order of the page.
func kernelLabs() []benchmark.KernelDoc {
	return []benchmark.KernelDoc{
		{Name: "real kernel", Doc: "Programs that nobody here wrote, against the load balancer on sockets of the Linux kernel, which is at both ends: IPv4 and IPv6, " +
			"paths with an MTU of 1500, and of 1400 and 1280 that lose, double and reorder packets, with TCP timestamps and without."},
		{Name: "real kernel, relayed", Doc: "The same programs against the lab's own network, into which loopback is relayed as `alblab serve` does."},
		{Name: "real kernel, alert-close", AlertClose: true, Doc: "The same programs against the load balancer on sockets of the kernel, over IPv4 and over a bad path of IPv6, " +
			"where it refuses with an alert and a FIN instead of a reset, which no experiment has seen."},
	}
}

// benchmarkKernelCommand is what "benchmark" runs in a namespace of its own. Its exit code is 1 where the system forbids what it needs.
func benchmarkKernelCommand(a *app) *cobra.Command {
	var quick bool
	cmd := &cobra.Command{
		Use:    "in-kernel DIR",
		Short:  "The part of the benchmark that runs in a network namespace of its own",
		Hidden: true,
		Args:   exactly(1, "a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := benchmark.KernelOptions{Start: startOnKernel, Dir: filepath.Join(args[0], "0"), Quick: quick, Now: time.Now}
			err := benchmark.KernelTraffic(cmd.Context(), o)
			if errors.Is(err, kernel.ErrUnavailable) {
				a.negate = true
				fmt.Fprintln(a.err, err)
				return nil
			}
			if err != nil {
				return err
			}
			o.Start, o.Dir, o.NoWaits = startRelayed, filepath.Join(args[0], "1"), quick
			if err := benchmark.KernelTraffic(cmd.Context(), o); err != nil {
				return err
			}
			o.Start, o.Dir, o.WireProfile, o.Quick = startOnKernel, filepath.Join(args[0], "2"), "alert-close", true
			o.NoWaits = true // silence ends in the same way there
			return benchmark.KernelTraffic(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "each program at two doors only, without most of the waiting")
	return cmd
}

// benchmarkKernel lets programs call the labs, and judges the findings. Its error wraps kernel.ErrUnavailable where the system does
// not let us.
func benchmarkKernel(ctx context.Context, quick bool) ([]*benchmark.MixResult, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "alblab-kernel-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for evidence: %w", err)
	}
	defer os.RemoveAll(dir)
	args := []string{"in-kernel", dir}
	if quick {
		args = append(args, "--quick")
	}
	cmd := kernel.Command(ctx, self, args...)
	cmd.Args[0] = "alblab" // a test's binary goes by its name
	var words bytes.Buffer
	cmd.Stderr = &words
	err = cmd.Run()
	var exit *exec.ExitError
	switch said := strings.TrimSpace(words.String()); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
	case !errors.As(err, &exit):
		return nil, fmt.Errorf("%w: %w", kernel.ErrUnavailable, err)
	case exit.ExitCode() == exitNegative:
		return nil, fmt.Errorf("%w: %s", kernel.ErrUnavailable, strings.TrimPrefix(said, kernel.ErrUnavailable.Error()+": "))
	default:
		return nil, fmt.Errorf("the programs' part of the benchmark: %w: %s", err, said)
	}
	var all []*benchmark.MixResult
	for i, doc := range kernelLabs() {
		r, err := benchmark.KernelResult(ctx, filepath.Join(dir, fmt.Sprint(i)), doc)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// addKernel measures that part of the page, or says why not.
func (a *app) addKernel(ctx context.Context, r *benchmark.Result) error {
	stop := a.spin("programs on the kernel's TCP")
	mixes, err := benchmarkKernel(ctx, false)
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, kernel.ErrUnavailable):
		a.warn("left out what programs of this computer do on its kernel: %v", err)
		return nil
	case err != nil:
		return err
	}
	r.Kernel, r.KernelWords = mixes, "on "+time.Now().UTC().Format("2 January 2006")
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.KernelWords += ", Linux " + strings.TrimSpace(string(release))
	}
	return nil
}

// kernelLab is a lab that programs reach.
type kernelLab struct {
	*embedded.Lab
	net   *kernel.Network // nil: relayed
	gates map[string]*gateway.Gateway
	spec  lab.Spec
	done  chan error
}

// The ways to the load balancer's nodes; the second zone's are bad ones.
var kernelPaths = []kernel.Path{
	{To: netip.MustParseAddr("10.0.1.10"), From: netip.MustParseAddr("203.0.113.10")},
	{To: netip.MustParseAddr("10.0.2.10"), From: netip.MustParseAddr("203.0.113.11"), MTU: 1400},
	{To: netip.MustParseAddr("2001:db8:1::10"), From: netip.MustParseAddr("2001:db8::10")},
	{To: netip.MustParseAddr("2001:db8:2::10"), From: netip.MustParseAddr("2001:db8::11"), MTU: 1280},
}

func observed(seen func(benchmark.Accepted)) func(*alb.Connection) {
	return func(c *alb.Connection) {
		seen(benchmark.Accepted{Client: c.Client, Port: c.Port, Start: c.Start, Unused: c.In == 0, Shaken: c.Verify == "Success", Fault: c.Err})
	}
}

func startOnKernel(ctx context.Context, spec lab.Spec, dir string, seen func(benchmark.Accepted)) (benchmark.KernelLab, error) {
	k := &kernelLab{spec: spec}
	addrs := make([]netip.Addr, len(kernelPaths))
	for i, p := range kernelPaths {
		addrs[i] = p.To
	}
	var err error
	k.Lab, err = embedded.Start(ctx, spec, &embedded.Options{
		Dir: dir, WallClock: true, PKI: pki.New("lab.alblab.example", addrs...), Observe: observed(seen),
		Attach: func(c vnet.Config) (embedded.Listener, error) {
			var err error
			k.net, err = kernel.New(kernel.Config{VNet: c, Paths: kernelPaths})
			return k.net, err
		},
	})
	if err != nil {
		return nil, err
	}
	for _, v6 := range []bool{false, true} {
		err := k.SetLink(lab.Vantage{Client: 1, IPv6: v6}, lab.Link{Loss: 0.02, Duplicate: 0.01, Reorder: 0.02, Delay: 15 * time.Millisecond, Seed: 1})
		if err != nil {
			return nil, errors.Join(err, k.Close())
		}
	}
	return k, nil
}

func startRelayed(ctx context.Context, spec lab.Spec, dir string, seen func(benchmark.Accepted)) (benchmark.KernelLab, error) {
	k := &kernelLab{spec: spec, gates: map[string]*gateway.Gateway{}, done: make(chan error, len(spec.Listeners))}
	var err error
	if k.Lab, err = embedded.Start(ctx, spec, &embedded.Options{Dir: dir, WallClock: true, Observe: observed(seen)}); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Listeners)) {
		g, err := gateway.Listen("127.0.0.1:0", name, k.Lab, nil)
		if err != nil {
			return nil, errors.Join(err, k.Close())
		}
		k.gates[name] = g
		go func() { k.done <- g.Serve() }()
	}
	return k, nil
}

// Doors implements benchmark.KernelLab.
func (k *kernelLab) Doors() []benchmark.Door {
	if k.net == nil {
		return []benchmark.Door{{Source: k.GatewayAddr(false), Addr: func(name string) netip.AddrPort {
			return netip.MustParseAddrPort(k.gates[name].Addr().String())
		}}}
	}
	var doors []benchmark.Door
	for i, p := range kernelPaths {
		doors = append(doors, benchmark.Door{Source: p.From, Bad: i%2 == 1, Wire: true, Addr: func(name string) netip.AddrPort {
			return netip.AddrPortFrom(p.To, k.spec.Listeners[name].Port)
		}})
	}
	return doors
}

// Variants implements benchmark.KernelLab: as Linux and macOS set it, and as Windows does.
func (k *kernelLab) Variants() []func() error {
	if k.net == nil {
		return nil
	}
	// Linux likes to give the same port to the next connection to the same place. Each takes its ports from a range of its own, or two
	// connections would share a flow-log window.
	set := func(timestamps, ports string) func() error {
		return func() error {
			return errors.Join(k.net.Sysctl("net.ipv4.tcp_timestamps", timestamps), k.net.Sysctl("net.ipv4.ip_local_port_range", ports))
		}
	}
	return []func() error{set("1", "15000 34999"), set("0", "35000 60999")}
}

// Close implements lab.Lab.
func (k *kernelLab) Close() error {
	var errs []error
	for range k.gates {
		defer func() { <-k.done }()
	}
	for _, g := range k.gates {
		errs = append(errs, g.Close())
	}
	errs = append(errs, k.Lab.Close())
	if k.net != nil {
		errs = append(errs, k.net.Close())
	}
	return errors.Join(errs...)
}

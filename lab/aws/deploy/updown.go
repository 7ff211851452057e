package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/alblab/alblab/lab/aws"
)

// Build is what Terraform is called with.
type Build struct {
	Dir      string   // the root module
	VarFiles []string // -var-file, for apply: the last has the private keys of the server certificates, and Done removes it
	f        *Folder
}

// Done removes the private keys once Terraform has applied.
func (b *Build) Done() error { return b.f.remove(keys) }

// Prepare mints the certificates and writes Terraform's variables.
func (f *Folder) Prepare(o Options) (*Build, error) {
	private, err := f.prepare(&o)
	if err != nil {
		return nil, err
	}
	// A file: the arguments of a program can be read by every user of the machine, and tfexec takes no TF_VAR_.
	if err := f.write(keys, map[string]any{"server_private_keys": private}); err != nil {
		return nil, err
	}
	b := f.Teardown()
	b.VarFiles = append(b.VarFiles, filepath.Join(f.dir, keys))
	return b, nil
}

// Teardown is what Terraform is called with to destroy.
func (f *Folder) Teardown() *Build {
	return &Build{Dir: f.config, VarFiles: []string{filepath.Join(f.dir, variables)}, f: f}
}

// Up builds the lab, or brings it to what the options say, and writes its outputs. out gets Terraform's own words. After an
// error, and after Ctrl-C, what was built so far is in the folder's state: Down takes it away.
func (f *Folder) Up(ctx context.Context, o Options, out io.Writer) (aws.Outputs, error) {
	var none aws.Outputs
	b, err := f.Prepare(o)
	if err != nil {
		return none, err
	}
	tf, err := f.terraform(ctx, o.Terraform, out)
	if err == nil {
		var args []tfexec.ApplyOption
		for _, v := range b.VarFiles {
			args = append(args, tfexec.VarFile(v))
		}
		if err = tf.Apply(ctx, args...); err != nil {
			err = &aws.Problem{Err: fmt.Errorf("building the lab: %w", short(ctx, err)), Hint: "'alblab aws down' removes what was built so far"}
		}
	}
	if err = errors.Join(err, b.Done()); err != nil {
		return none, err
	}
	tf.SetStdout(io.Discard) // the outputs' file has them
	values, err := tf.Output(ctx)
	if err != nil {
		return none, fmt.Errorf("reading the lab's outputs: %w", short(ctx, err))
	}
	plain := map[string]any{}
	for name, v := range values {
		plain[name] = v.Value
	}
	return f.WriteOutputs(plain)
}

// WriteOutputs keeps the outputs, as plain values by name.
func (f *Folder) WriteOutputs(values map[string]any) (aws.Outputs, error) {
	if err := f.write(outputsFile, values); err != nil {
		return aws.Outputs{}, err
	}
	return f.Outputs()
}

// downFor is how long Down tries: a load balancer's interfaces stay for minutes after it, and its logs still come.
const (
	downFor   = 15 * time.Minute
	downAgain = 30 * time.Second
)

// Down takes the lab away. A bucket that has got new log files since it was emptied, and what AWS still holds, is tried again
// until it goes. clock is what the waiting goes by; nil is the wall clock.
func (f *Folder) Down(ctx context.Context, program string, out io.Writer, clock aws.Clock) error {
	if clock == nil {
		clock = aws.WallClock()
	}
	if !f.HasState() {
		return f.remove(outputsFile)
	}
	tf, err := f.terraform(ctx, program, out)
	if err != nil {
		return err
	}
	end := clock.Now().Add(downFor)
	for {
		err := tf.Destroy(ctx, tfexec.VarFile(filepath.Join(f.dir, variables)))
		if err == nil {
			return f.remove(outputsFile)
		}
		if ctx.Err() != nil || !Passes(err) || clock.Now().After(end) {
			return &aws.Problem{Err: fmt.Errorf("taking the lab down: %w", short(ctx, err)),
				Hint: "run 'alblab aws down' again; 'alblab aws sweep' lists what is left"}
		}
		fmt.Fprintf(out, "trying again: %v\n", short(ctx, err))
		if err := clock.WaitUntil(ctx, clock.Now().Add(downAgain)); err != nil {
			return err
		}
	}
}

// Passing are the words of errors that pass, see [aws.Passing].
func Passing() []string { return aws.Passing() }

// Passes reports whether destroying may work later.
func Passes(err error) bool {
	for _, s := range Passing() {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// terraform finds the program and initializes the configuration.
func (f *Folder) terraform(ctx context.Context, program string, out io.Writer) (*tfexec.Terraform, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	tf, err := tfexec.NewTerraform(f.config, path)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	tf.SetStdout(out)
	tf.SetStderr(out)
	// On Ctrl-C Terraform is interrupted, and gets time to write its state. (Windows cannot interrupt: the error says so.)
	_ = tf.SetWaitDelay(2 * time.Minute)
	if err := tf.Init(ctx); err != nil {
		return nil, &aws.Problem{Err: fmt.Errorf("terraform init: %w", short(ctx, err)), Hint: "it needs the provider from registry.terraform.io, once"}
	}
	return tf, nil
}

// find looks for Terraform or OpenTofu.
func find(program string) (string, error) {
	names := []string{"terraform", "tofu"}
	if program != "" {
		names = []string{program}
	}
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", &aws.Problem{Err: fmt.Errorf("%s is not installed", strings.Join(names, " or ")),
		Hint: "install Terraform 1.11 or later, or OpenTofu 1.11 or later; --terraform names the program"}
}

// short is what Terraform said last, in one line, or that it was interrupted.
func short(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	var lines []string
	for _, l := range strings.Split(err.Error(), "\n") {
		l = strings.Trim(l, " │╷╵\t\r")
		if l != "" && l != "exit status 1" {
			lines = append(lines, l)
		}
	}
	text := strings.Join(lines, " ")
	if len(text) > 600 {
		text = text[:600] + "..."
	}
	return errors.New(text)
}

// Remove deletes the folder's files, certificates included, once nothing is built any more.
func (f *Folder) Remove() error {
	if f.HasState() {
		return errors.New("the lab is still up")
	}
	return os.RemoveAll(f.dir)
}

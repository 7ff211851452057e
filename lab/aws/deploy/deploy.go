// Package deploy builds the lab in an AWS account and takes it down again: it mints the certificates, writes Terraform's
// variables, and lets Terraform (or OpenTofu) do the rest. Everything that must outlive the command, state, certificates and
// outputs, lies in one folder of the user's.
//
// Start with [Open], then [Folder.Up] and [Folder.Down].
package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/terraform"
)

// Names in the folder.
const (
	configDir   = "terraform"        // the configuration, with its state
	variables   = "lab.tfvars.json"  // no secret is in it
	keys        = "keys.tfvars.json" // there only while Terraform applies
	pkiDir      = "pki"
	outputsFile = "outputs.json"
)

// Folder is where one lab's state is kept.
type Folder struct {
	dir    string
	config string // the root module
}

// Open makes the folder ready, readable by the user alone: with the configuration of the program, or with config, the user's own
// copy of terraform/. State that lies there is kept.
func Open(dir, config string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("making the lab's folder: %w", err)
	}
	f := &Folder{dir: dir, config: config}
	if config != "" {
		if f.config, err = filepath.Abs(config); err == nil {
			_, err = os.Stat(filepath.Join(f.config, "outputs.tf"))
		}
		if err != nil {
			return nil, &aws.Problem{Err: fmt.Errorf("the Terraform configuration: %w", err), Hint: "--config is a copy of the folder terraform/ of alblab's repository"}
		}
		return f, nil
	}
	f.config = filepath.Join(dir, configDir)
	if err := unpack(f.config); err != nil {
		return nil, fmt.Errorf("writing the Terraform configuration: %w", err)
	}
	return f, nil
}

// unpack writes the program's configuration. What a newer version does not have any more goes, state and provider stay.
func unpack(dir string) error {
	old, _ := filepath.Glob(filepath.Join(dir, "*.tf")) // the pattern is good
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "modules")); err != nil {
		return err
	}
	return fs.WalkDir(terraform.Files, ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := terraform.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
}

// Dir is the folder.
func (f *Folder) Dir() string { return f.dir }

// PKI is the folder of the certificates, as pki.Load reads it.
func (f *Folder) PKI() string { return filepath.Join(f.dir, pkiDir) }

// OutputsFile is the file of the outputs, which is there while a lab is up.
func (f *Folder) OutputsFile() string { return filepath.Join(f.dir, outputsFile) }

// Outputs reads them. Where no lab is up the error wraps fs.ErrNotExist.
func (f *Folder) Outputs() (aws.Outputs, error) {
	r, err := os.Open(f.OutputsFile())
	if err != nil {
		return aws.Outputs{}, fmt.Errorf("reading the lab's outputs: %w", err)
	}
	defer r.Close()
	return aws.ReadOutputs(r)
}

// HasState reports whether Terraform knows of anything that it built from here.
func (f *Folder) HasState() bool {
	b, err := os.ReadFile(f.state())
	if err != nil {
		return false
	}
	var s struct {
		Resources []struct {
			Mode string `json:"mode"`
		} `json:"resources"`
	}
	if json.Unmarshal(b, &s) != nil {
		return true // damaged: better to look than to forget
	}
	for _, r := range s.Resources {
		if r.Mode == "managed" {
			return true
		}
	}
	return false
}

// state is where Terraform keeps it by itself: beside the configuration.
func (f *Folder) state() string { return filepath.Join(f.config, "terraform.tfstate") }

// Settings are the variables as they were written by the last [Folder.Up], or fs.ErrNotExist.
func (f *Folder) Settings() (Settings, error) {
	var s Settings
	b, err := os.ReadFile(filepath.Join(f.dir, variables))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("reading the lab's variables: %w", err)
	}
	return s, nil
}

// write replaces a file of the folder as a whole, readable by the user alone.
func (f *Folder) write(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(f.dir, "."+name)
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(tmp, filepath.Join(f.dir, name))
}

func (f *Folder) remove(name string) error {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", name, err)
	}
	return nil
}

// stamp is a time as the variable expires_at has it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

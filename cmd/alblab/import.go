package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/clients/catalog"
	"github.com/alblab/alblab/lab/evidence"
)

const importClientsHelp = `Make a catalogue of your own clients: one text file for each, for the flag
--catalog of 'alblab simulate' and 'alblab probe'.

FILE is a packet capture (pcap, pcapng, what a traffic mirror's target got),
of which every different ClientHello becomes a client; or the client
simulations of testssl.sh, etc/client-simulation.txt, which are read and never
executed.

Random values, key shares, sessions and the names of servers are not kept.
Rename the clients in their files as you like. What cannot be read is warned of
with its place; with --strict the exit code is then 2.`

func importCommand(a *app) *cobra.Command {
	return parent("import", "Import clients from captures and other catalogues", "Import clients from captures and other catalogues.",
		importClientsCommand(a))
}

func importClientsCommand(a *app) *cobra.Command {
	var out string
	var strict bool
	cmd := &cobra.Command{
		Use:   "clients FILE...",
		Short: "Make a catalogue of your own clients",
		Long:  importClientsHelp,
		Example: `  alblab import clients capture.pcap --out my-clients
  alblab simulate --catalog my-clients --policy TLS13-1-2-Res-2021-06`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, errors.New("say which files: captures, or testssl.sh's client simulations"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "clients", "`DIR` for the clients' files, made if it is not there")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 2 if something could not be read")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return hint(fmt.Errorf("making the folder for clients: %w", err), "choose another with --out")
		}
		i := &importer{app: a, dir: out}
		for _, path := range args {
			if err := i.file(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(a.out, "%d clients written to %s", i.written, out)
		if i.there > 0 {
			fmt.Fprintf(a.out, ", %d were there", i.there)
		}
		fmt.Fprintln(a.out)
		switch {
		case i.written+i.there == 0 && i.damaged == 0:
			a.warn("no ClientHello was found")
		case strict && i.damaged > 0:
			return fmt.Errorf("%d places could not be read", i.damaged)
		}
		return nil
	}
	return cmd
}

// importer writes clients into a folder.
type importer struct {
	app                     *app
	dir                     string
	written, there, damaged int
}

// maxWarnings bounds what one file can make us say.
const maxWarnings = 20

// file imports one file, whose kind its first bytes tell.
func (i *importer) file(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return hint(err, "check the path")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return hint(fmt.Errorf("%s is a folder", path), "name the files in it")
	}
	r := bufio.NewReaderSize(f, 64<<10)
	first, err := r.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	o := &evidence.Options{File: path, MaxLine: 1 << 20}
	var found iter.Seq2[*catalog.Client, error]
	kind, _ := evidence.Detect(first, filepath.Base(path))
	switch {
	case kind == evidence.KindCapture || kind == evidence.KindMirror:
		found = catalog.FromCapture(r, "captured, imported from "+filepath.Base(path), o)
	case bytes.IndexByte(first, 0) < 0:
		found = catalog.FromTestSSL(r, "testssl.sh, imported from "+filepath.Base(path), o)
	default:
		return hint(fmt.Errorf("%s is neither a capture nor testssl.sh's client simulations", path), "captures are pcap or pcapng files; tcpdump -w and Wireshark write them")
	}
	warned := 0
	for c, err := range found {
		var damage *evidence.ParseError
		switch {
		case errors.As(err, &damage):
			i.damaged++
			if warned++; warned <= maxWarnings {
				i.app.warn("%v", damage)
			}
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := i.write(c); err != nil {
			return err
		}
	}
	if warned > maxWarnings {
		i.app.warn("%s: %d more places could not be read", path, warned-maxWarnings)
	}
	return nil
}

// write writes a client's file, unless the same is there. A file of that name with another client is not touched: the new one gets
// a number.
func (i *importer) write(c *catalog.Client) error {
	name := c.Name
	for n := 2; ; n++ {
		text, err := c.AppendText(nil)
		if err != nil {
			return err
		}
		path := filepath.Join(i.dir, c.FileName())
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			old, err := os.ReadFile(path)
			if err == nil && bytes.Equal(old, text) {
				i.there++
				return nil
			}
			if n > 1000 {
				return hint(fmt.Errorf("writing %s: there are too many clients of this name", path), "choose another folder with --out")
			}
			c.Name = fmt.Sprintf("%s (%d)", name, n)
			continue
		}
		if err != nil {
			return hint(fmt.Errorf("writing a client: %w", err), "choose another folder with --out")
		}
		_, err = f.Write(text)
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(path)
			return fmt.Errorf("writing a client: %w", err)
		}
		i.written++
		return nil
	}
}

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of alblab",
		Long:  "Print the version of alblab, the commit it was built from, and the Go release.",
		Args:  exactly(0, "no arguments"),
	}
	f := formatFlag(cmd, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		v := readVersion()
		if f.value == "json" {
			return a.json(v)
		}
		commit := v.Commit
		if commit != "" {
			commit = " " + commit
			if v.Modified {
				commit += " (modified)"
			}
		}
		_, err := fmt.Fprintf(a.out, "alblab %s%s %s %s/%s\n", v.Version, commit, v.Go, runtime.GOOS, runtime.GOARCH)
		return err
	}
	return cmd
}

type version struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

// readVersion reads what the Go tool wrote into the program.
func readVersion() version {
	v := version{Schema: "alblab.version/1", Version: "(devel)", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// ManifestName is the file that makes a folder a bundle.
const ManifestName = "manifest.json"

// maxManifest is the size of the largest manifest that is read.
const maxManifest = 64 << 20

// Slot is a piece of a run's time that belongs to scenarios.
type Slot struct {
	Name      string    `json:"name"`
	Scenarios []string  `json:"scenarios,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
}

// File is one entry of a manifest.
type File struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Format  string `json:"format,omitempty"` // flow logs: the format string
	Records int64  `json:"records"`          // -1: not counted
	Lost    int64  `json:"lost,omitempty"`   // records that could not be kept: no room, or a write error
	SHA256  string `json:"sha256,omitempty"`
}

// Schema is the version of the bundle format.
const Schema = "alblab.bundle/1"

// Manifest describes a bundle: manifest.json.
type Manifest struct {
	Schema string          `json:"schema"`
	Lab    string          `json:"lab"` // embedded or aws
	Seed   uint64          `json:"seed,omitempty"`
	Spec   json.RawMessage `json:"spec,omitempty"` // the lab.Spec
	// Account-side names, as they appear in the records.
	LoadBalancer string   `json:"load_balancer,omitempty"` // app/<name>/<id>
	Addresses    []string `json:"addresses,omitempty"`     // the load balancer's own addresses, as flow logs show them
	// Clients are the addresses that the run's own clients have in the records. In an account the Internet knocks too: what
	// comes from others is no part of the run. Empty: all is.
	Clients []string `json:"clients,omitempty"`
	Slots   []Slot   `json:"slots,omitempty"`
	Files   []File   `json:"files"`
}

// errNotManifest is what decodeManifest answers to a JSON document that is something else.
var errNotManifest = errors.New("not a bundle's manifest")

// ReadManifest reads manifest.json at the root of fsys. A folder without one gives fs.ErrNotExist.
func ReadManifest(fsys fs.FS) (Manifest, error) {
	f, err := openRegular(fsys, ManifestName)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the bundle's manifest: %w", err)
	}
	defer f.Close()
	b, err := readAtMost(f, maxManifest)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading %s: %w", ManifestName, err)
	}
	m, err := decodeManifest(b)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading %s: %w", ManifestName, err)
	}
	return m, nil
}

func decodeManifest(b []byte) (Manifest, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Manifest{}, err
	}
	if err := checkSchema(head.Schema); err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, err
	}
	seen := make(map[string]bool, len(m.Files))
	for _, f := range m.Files {
		switch {
		case !fs.ValidPath(f.Name) || f.Name == "." || strings.Contains(f.Name, `\`):
			return Manifest{}, fmt.Errorf("file name %q is not a path inside of the bundle", f.Name)
		case seen[f.Name]:
			return Manifest{}, fmt.Errorf("file %q is listed twice", f.Name)
		}
		seen[f.Name] = true
	}
	return m, nil
}

// checkSchema accepts Schema alone, and says what is the matter with any other.
func checkSchema(s string) error {
	if s == Schema {
		return nil
	}
	version, ours := strings.CutPrefix(s, "alblab.bundle/")
	if !ours {
		return errNotManifest
	}
	if n, err := strconv.Atoi(version); err == nil && n > 1 {
		return fmt.Errorf("schema %s is newer than this version reads (%s)", s, Schema)
	}
	return fmt.Errorf("unknown schema %q (this version reads %s)", s, Schema)
}

// encode returns the manifest as the file holds it.
func (m *Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", ManifestName, err)
	}
	return append(b, '\n'), nil
}

package redact

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/alblab/alblab/lab/evidence"
)

// part is a bundle, and where it lies: "" is the folder that was given.
type part struct {
	bundle   *evidence.Bundle
	from, to string // slash-separated, below the original's and the copy's folder
}

// parts returns a bundle and those that lie in folders below it, as a run on several labs leaves them.
func partsOf(b *evidence.Bundle) ([]*part, error) {
	list := []*part{{bundle: b}}
	for i := 0; i < len(list); i++ { // those below one below as well
		p := list[i]
		for _, sk := range p.bundle.Skipped {
			if !sk.Bundle() {
				continue
			}
			below := &part{from: path.Join(p.from, sk.Name)}
			folder, err := fs.Sub(p.bundle.FS, sk.Name)
			if err == nil {
				below.bundle, err = evidence.Open(folder)
			}
			if err != nil {
				return nil, fmt.Errorf("opening the bundle in %s: %w", below.from, err)
			}
			name := sk.Name
			if !ownFolder.MatchString(name) {
				name = fmt.Sprintf("bundle-%03d", len(list)+1)
			}
			below.to = path.Join(p.to, name)
			list = append(list, below)
		}
	}
	return list, nil
}

// ownFolder are the names that alblab gives to folders, which tell nothing.
var ownFolder = regexp.MustCompile(`^lab-[0-9]+$`)

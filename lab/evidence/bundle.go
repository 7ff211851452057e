package evidence

import "io/fs"

// Bundle is the evidence of a run: a manifest and the files it lists, in a folder on disk or in memory.
type Bundle struct {
	FS       fs.FS
	Manifest Manifest
}

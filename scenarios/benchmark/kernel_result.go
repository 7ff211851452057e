package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/alblab/alblab/lab/evidence"
)

// KernelDoc describes a lab whose clients are programs that we did not write.
type KernelDoc struct {
	Name, Doc  string
	AlertClose bool // its load balancer refuses with an alert and a FIN
}

// KernelResult judges what KernelTraffic left in a folder.
func KernelResult(ctx context.Context, dir string, doc KernelDoc) (*MixResult, error) {
	text, err := os.ReadFile(filepath.Join(dir, kernelBookAs))
	if err != nil {
		return nil, fmt.Errorf("reading the truth: %w", err)
	}
	var book kernelBook
	if err := json.Unmarshal(text, &book); err != nil {
		return nil, fmt.Errorf("reading the truth: %w", err)
	}
	b, err := evidence.Open(os.DirFS(filepath.Join(dir, kernelLabDir)))
	if err != nil {
		return nil, err
	}
	var truths []*truth
	var ports []uint16
	for _, t := range book.Truths {
		truths = append(truths, &truth{shape: t.Shape, client: t.Client, port: t.Port, start: t.Start, stage: t.Stage, cause: t.Cause, code: t.Code, clear: t.Clear, crossed: t.Crossed, dropped: t.Dropped})
		if !slices.Contains(ports, t.Port) {
			ports = append(ports, t.Port)
		}
	}
	mr := &MixResult{Name: doc.Name, Doc: doc.Doc, Unseen: true, Kernel: true, AlertClose: doc.AlertClose, Programs: book.Programs, Missing: book.Missing, Odd: book.Errors, Views: newScores()}
	own, err := os.MkdirTemp(dir, "views-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for views: %w", err)
	}
	v := &viewer{mix: &mix{}, bundle: b, dir: own, ports: ports}
	return mr, v.all(ctx, truths, mr)
}

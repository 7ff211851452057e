package embedded

import (
	"errors"
	"slices"
	"sync"

	"github.com/alblab/alblab/lab/evidence"
)

// mostProblems is how many problems are kept: more than there are files of evidence.
const mostProblems = 16

// problems keeps the first errors of evidence, each once.
type problems struct {
	mu   sync.Mutex
	errs []error
	lost bool // one of them lost records
}

// add takes the errors that err joins. It says whether they are the first, and the first that lost records because memory is full.
func (p *problems) add(err error) (first, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range parts(err) {
		same := func(e error) bool { return e.Error() == err.Error() }
		if len(p.errs) >= mostProblems || slices.ContainsFunc(p.errs, same) {
			continue
		}
		first = first || len(p.errs) == 0
		if errors.Is(err, evidence.ErrNoRoom) && !p.lost {
			p.lost, lost = true, true
		}
		p.errs = append(p.errs, err)
	}
	return first, lost
}

// err joins what is kept.
func (p *problems) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.errs...)
}

// parts are the errors that err joins, itself if it joins none.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}

// firstOf is the one of the errors to tell at once.
func firstOf(err error) error {
	all := parts(err)
	if i := slices.IndexFunc(all, func(e error) bool { return errors.Is(e, evidence.ErrNoRoom) }); i >= 0 {
		return all[i]
	}
	return all[0]
}

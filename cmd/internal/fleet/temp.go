package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	tempPattern = "casebook-worker-*"
	tempLock    = "lock"
)

// scratch is a worker's folder for the uploads that it has. It is locked as long as the worker lives, by which those that killed ones left are known.
type scratch struct {
	dir  string
	lock *flock.Flock
}

// newScratch makes the folder, and removes those that were left.
func newScratch(parent string) (*scratch, error) {
	left, err := filepath.Glob(filepath.Join(parent, tempPattern))
	if err != nil {
		return nil, fmt.Errorf("look into --temp %q: %w", parent, err)
	}
	for _, dir := range left {
		lock := flock.New(filepath.Join(dir, tempLock), flock.SetFlag(os.O_RDWR)) // without it the worker is just beginning
		if ok, err := lock.TryLock(); err == nil && ok {
			_ = lock.Unlock()     // so that every system removes it
			_ = os.RemoveAll(dir) // the next worker tries again
		}
	}
	dir, err := os.MkdirTemp(parent, tempPattern)
	if err != nil {
		return nil, err
	}
	s := &scratch{dir, flock.New(filepath.Join(dir, tempLock))}
	ok, err := s.lock.TryLock()
	if err == nil && !ok {
		err = errors.New("another worker has it")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	return s, nil
}

// folder makes a folder for one job.
func (s *scratch) folder() (string, error) { return os.MkdirTemp(s.dir, "job-*") }

// remove removes all.
func (s *scratch) remove() error { return errors.Join(s.lock.Unlock(), os.RemoveAll(s.dir)) }

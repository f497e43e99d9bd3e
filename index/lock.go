package index

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// patience is how long a writer waits for the archive's lock before it tells who holds it.
const patience = 500 * time.Millisecond

// Holder is who holds the archive's lock.
type Holder struct {
	Process int    `json:"process"`
	Host    string `json:"host"`
	Doing   string `json:"doing"` // what the lock is held for
}

// String names the holder in a sentence.
func (h Holder) String() string {
	if h.Process == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s, which is %s", h.Process, h.Host, h.Doing)
}

// lockArchive takes the lock under which generations are published, and returns what gives it back. It waits until ctx ends; if that takes a while,
// waiting is told who holds the lock, once. waiting may be nil.
func lockArchive(ctx context.Context, dir, doing string, waiting func(Holder)) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, fileLock))
	held, err := lock.TryLock()
	if !held && err == nil {
		soon, cancel := context.WithTimeout(ctx, patience)
		held, _ = lock.TryLockContext(soon, 20*time.Millisecond)
		cancel()
		if !held {
			if waiting != nil && ctx.Err() == nil {
				waiting(holder(dir))
			}
			held, err = lock.TryLockContext(ctx, 20*time.Millisecond)
		}
	}
	if err != nil || !held {
		_ = lock.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("archive: wait for its lock, held by %s: %w", holder(dir), ctx.Err())
		}
		return nil, fmt.Errorf("archive: lock it: %w", err)
	}
	// Who holds the lock stands in a file of its own: on Windows a locked file can't be read by others. It is a courtesy; the lock counts.
	host, _ := os.Hostname()
	if b, err := json.Marshal(Holder{os.Getpid(), host, doing}); err == nil {
		_ = os.WriteFile(filepath.Join(dir, fileHolder), b, 0o600)
	}
	return func() {
		_ = os.Remove(filepath.Join(dir, fileHolder))
		_ = lock.Close()
	}, nil
}

// holder reads who holds the lock, as far as that is known.
func holder(dir string) Holder {
	var h Holder
	if b, err := readFile(dir, fileHolder); err == nil {
		_ = json.Unmarshal(b, &h) // it may be half written; then the holder is another process
	}
	return h
}

package index

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// TestLockHolder waits for a lock that is held: who holds it is told once, and in the error if the wait is given up.
func TestLockHolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockArchive(t.Context(), dir, "merging shards", nil)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan Holder, 8)
	got := make(chan error, 1)
	go func() {
		free, err := lockArchive(context.Background(), dir, "publishing a case", func(h Holder) { told <- h })
		if err == nil {
			free()
		}
		got <- err
	}()
	if h := <-told; h.Process != os.Getpid() || h.Doing != "merging shards" {
		t.Errorf("held by %+v", h)
	}
	soon, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if _, err := lockArchive(soon, dir, "publishing a case", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up with %v", err)
	}
	unlock()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the lock was not handed on")
	}
	if len(told) != 0 {
		t.Error("told more than once")
	}
}

// TestHolderUnknown names a holder of which nothing can be read.
func TestHolderUnknown(t *testing.T) {
	if got := holder(t.TempDir()).String(); got != "another process" {
		t.Errorf("held by %s", got)
	}
}

// TestLabels joins labels.
func TestLabels(t *testing.T) {
	a := Labels{"ticket": {"2"}, "empty": {""}}.clean()
	b := a.Add(Labels{"ticket": {"1", "2"}, "customer": {"acme"}})
	if !b.Has(Labels{"ticket": {"1", "2"}, "customer": {"acme"}}) || b.Has(Labels{"ticket": {"3"}}) || len(b) != 2 || len(a["ticket"]) != 1 {
		t.Errorf("%v and %v", a, b)
	}
	if (Labels{}).clean() != nil || Labels(nil).Add(nil) != nil {
		t.Error("no labels are not nil")
	}
}

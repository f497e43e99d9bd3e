package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrChanged says that the case was written by another since its state was read.
var ErrChanged = errors.New("the case was changed by another writer meanwhile")

// publish renames the case's folders into place and writes the generation that names them.
func (w *Writer) publish(ctx context.Context) error {
	return change(ctx, w.dir, "publishing a case", w.entry.Waiting, func(e *edit) error {
		next := liveCase{ID: w.meta.ID, Key: w.key, Sum: w.sum, Added: w.entry.Added, Labels: w.entry.Labels.clean(), Hold: w.entry.Hold, Uploads: w.uploads}
		next.Name = folderName(w.meta.ID, e.generation)
		next.Shard = next.Name
		old, err := e.find(w.meta.ID)
		if err != nil {
			return err
		}
		state := ""
		if old != nil {
			state = old.Name
			next.Labels, next.Hold = old.Labels.Add(next.Labels), cmp.Or(old.Hold, next.Hold)
			if !old.Added.IsZero() {
				next.Added = old.Added
			}
		}
		if w.entry.Replaces != nil && *w.entry.Replaces != state {
			return fmt.Errorf("archive: case %q: %w", w.meta.ID, ErrChanged)
		}
		for _, d := range []string{dirCases, dirShards} {
			if err := moveIn(filepath.Join(w.tmp, d), filepath.Join(w.dir, d, next.Name)); err != nil {
				return err
			}
		}
		if err := w.publishUploads(next.Uploads); err != nil {
			return err
		}
		if err := joinNotes(w.dir, w.meta.ID, w.notes); err != nil {
			return err
		}
		return e.put(next)
	})
}

// publishUploads moves the uploads that are kept to their place, and enters which of the case's are there.
func (w *Writer) publishUploads(uploads []Upload) error {
	for i := range uploads {
		u := &uploads[i]
		from, to := filepath.Join(w.tmp, dirUploads, u.SHA256), filepath.Join(w.dir, dirUploads, u.SHA256)
		_, err := os.Stat(from)
		if _, there := os.Stat(to); there == nil {
			u.Kept = true
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(w.dir, dirUploads), 0o700); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if err := moveIn(from, to); err != nil {
			return err
		}
		u.Kept = true
	}
	return nil
}

// moveIn renames a folder that is complete and durable into the archive.
func moveIn(from, to string) error {
	if err := os.RemoveAll(to); err != nil { // of a writer that was killed before it wrote its generation
		return fmt.Errorf("archive: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// errUnchanged ends a change that turned out to be none.
var errUnchanged = errors.New("nothing to change")

// change publishes a generation: apply changes the one before. After an error nothing is
// published.
func change(ctx context.Context, dir, doing string, waiting func(Holder), apply func(*edit) error) error {
	unlock, err := lockArchive(ctx, dir, doing, waiting)
	if err != nil {
		return err
	}
	defer unlock()
	if err = prepare(dir); err == nil {
		err = nextGeneration(dir, apply)
	}
	switch {
	case errors.Is(err, errUnchanged):
		return nil
	case err != nil && !errors.Is(err, ErrChanged):
		sweepAll(dir, readable) // what was moved in already
	}
	return err
}

// sumOf returns the SHA-256 of b as hex.
func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// sumFile returns what a file holds.
func sumFile(path string) (sum, error) {
	f, err := os.Open(path)
	if err != nil {
		return sum{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	n, err := io.Copy(h, f)
	return sum{n, hex.EncodeToString(h.Sum(nil))}, err
}

// sums returns what the files of a folder hold, by name.
func sums(dir string, except []string) (map[string]sum, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]sum{}
	for _, e := range list {
		if slices.Contains(except, e.Name()) {
			continue
		}
		if out[e.Name()], err = sumFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}

package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// ErrChanged says that the case was written by another since its state was read.
var ErrChanged = errors.New("the case was changed by another writer meanwhile")

// publish renames the case's folders into place and writes the generation that names them.
func (w *Writer) publish(ctx context.Context) error {
	return change(ctx, w.dir, "publishing a case", w.entry.Waiting, func(m *manifest) error {
		next := liveCase{ID: w.meta.ID, Key: w.key, Sum: w.sum, Added: w.entry.Added, Labels: w.entry.Labels.clean(), Hold: w.entry.Hold, Uploads: w.uploads}
		next.Name = folderName(w.meta.ID, m.Generation)
		next.Shard = next.Name
		old := ""
		i := slices.IndexFunc(m.Cases, func(c liveCase) bool { return c.ID == w.meta.ID })
		if i >= 0 {
			c := &m.Cases[i]
			old = c.Name
			next.Labels, next.Hold = c.Labels.Add(next.Labels), cmp.Or(c.Hold, next.Hold)
			if !c.Added.IsZero() {
				next.Added = c.Added
			}
		}
		if w.entry.Replaces != nil && *w.entry.Replaces != old {
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
		if i >= 0 {
			m.Cases[i] = next
			return nil
		}
		m.Cases = append(m.Cases, next)
		slices.SortFunc(m.Cases, func(a, b liveCase) int { return cmp.Compare(a.ID, b.ID) })
		return nil
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

// change publishes a generation: apply gets the live cases, with the number of the generation that is to be, and changes them. After an error nothing is
// published.
func change(ctx context.Context, dir, doing string, waiting func(Holder), apply func(*manifest) error) error {
	unlock, err := lockArchive(ctx, dir, doing, waiting)
	if err != nil {
		return err
	}
	defer unlock()
	before, now, err := nextGeneration(dir, apply)
	if err == nil {
		sweep(dir, before, now)
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// nextGeneration writes a generation and returns it with the one before. The caller holds the archive's lock.
func nextGeneration(dir string, apply func(*manifest) error) (before, now *manifest, err error) {
	if before, err = latest(dir); err != nil {
		return nil, nil, err
	}
	ns, err := generations(dir)
	if err != nil {
		return nil, nil, err
	}
	// A damaged manifest's number is never used again.
	now = &manifest{Generation: before.Generation + 1, Cases: slices.Clone(before.Cases)}
	if len(ns) > 0 {
		now.Generation = ns[0] + 1
	}
	if err := apply(now); err != nil {
		return nil, nil, err
	}
	b, err := json.Marshal(now)
	if err == nil {
		err = writeFile(dir, generationIs+strconv.Itoa(now.Generation), b)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("archive: %w", err)
	}
	return before, now, nil
}

// sweep removes what neither the generation now nor the one before names: a reader of the one before goes on undisturbed. What can't
// be removed, since a reader has it open on a system that minds, is left to the next writer; it is what sweep returns.
func sweep(dir string, before, now *manifest) (left []string) {
	live := map[string]bool{}
	for _, m := range []*manifest{before, now} {
		for _, c := range m.Cases {
			live[filepath.Join(dirCases, c.Name)] = true
			live[filepath.Join(dirShards, c.Shard)] = true
			for _, u := range c.Uploads {
				live[filepath.Join(dirUploads, u.SHA256)] = true
			}
		}
	}
	for _, d := range []string{dirCases, dirShards, dirUploads} {
		list, err := os.ReadDir(filepath.Join(dir, d))
		if err != nil {
			continue
		}
		for _, e := range list {
			name := filepath.Join(d, e.Name())
			if !live[name] && os.RemoveAll(filepath.Join(dir, name)) != nil {
				left = append(left, name)
			}
		}
	}
	ns, err := generations(dir)
	if err != nil {
		return left
	}
	for _, n := range ns {
		if n < before.Generation {
			_ = os.Remove(filepath.Join(dir, generationIs+strconv.Itoa(n)))
		}
	}
	return left
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

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casebook/index"
	"casebook/ingest"
)

// bundle is a bundle that is to be analysed.
type bundle struct {
	path   string
	upload ingest.Upload // of a file
	folder bool
	labels index.Labels
	err    error // why it can't be read
}

// bytes is how much there is of it.
func (f *bundle) bytes() int64 { return f.upload.Bytes }

// find lists the bundles below the paths, in order of their paths.
func (b *batch) find(ctx context.Context) ([]bundle, error) {
	var out []bundle
	add := func(f bundle) {
		f.labels = labelsOf(f.path, b.patterns)
		out = append(out, f)
	}
	for _, p := range b.paths {
		if err := b.findIn(ctx, p, add); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(x, y bundle) int { return strings.Compare(x.path, y.path) })
	return slices.CompactFunc(out, func(x, y bundle) bool { return x.path == y.path }), nil
}

func (b *batch) findIn(ctx context.Context, path string, add func(bundle)) error {
	if path == "-" {
		lines := bufio.NewScanner(b.app.in)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if line := strings.TrimSuffix(lines.Text(), "\r"); line != "" {
				b.named(filepath.Clean(line), add)
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read the list on stdin: %w", err)
		}
		return nil
	}
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		b.named(path, add)
		return nil //nolint:nilerr // what can't be read is told as a bundle that failed
	}
	if b.flags.dirs {
		return b.folders(path, add)
	}
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			add(bundle{path: p, err: err})
			return nil //nolint:nilerr // the result says it
		case d.IsDir():
			if b.archive != "" && within(p, b.archive) {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			if u, err := ingest.LookAt(p); err != nil || u.Bundle {
				add(bundle{path: p, upload: u, err: err})
			}
		}
		return nil
	})
}

// folders takes each folder directly below path, and the bundles that lie beside them.
func (b *batch) folders(path string, add func(bundle)) error {
	list, err := os.ReadDir(path)
	if err != nil {
		add(bundle{path: path, err: err})
	}
	for _, d := range list {
		p := filepath.Join(path, d.Name())
		switch {
		case d.IsDir():
			if !within(b.archive, p) {
				add(bundle{path: p, folder: true})
			}
		case d.Type().IsRegular():
			if u, err := ingest.LookAt(p); err != nil || u.Bundle {
				add(bundle{path: p, upload: u, err: err})
			}
		}
	}
	return nil
}

// named takes what the user named, whatever it is.
func (b *batch) named(path string, add func(bundle)) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		f := bundle{path: path, folder: true}
		if within(b.archive, path) {
			f.err = fmt.Errorf("the archive %q lies in it", b.archive)
		}
		add(f)
		return
	}
	u, err := ingest.LookAt(path)
	add(bundle{path: path, upload: u, err: err})
}

// mark is what of a bundle changes while it is being copied.
type mark struct {
	bytes, files int64
	modified     time.Time
}

// markOf looks at a bundle's files.
func markOf(f *bundle) mark {
	if !f.folder {
		return mark{f.upload.Bytes, int64(len(f.upload.Parts)), f.upload.Modified}
	}
	var m mark
	_ = filepath.WalkDir(f.path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the analysis says what can't be read
		}
		if info, err := d.Info(); err == nil {
			m.bytes, m.files = m.bytes+info.Size(), m.files+1
			if info.ModTime().After(m.modified) {
				m.modified = info.ModTime()
			}
		}
		return nil
	})
	return m
}

// settled returns those of the bundles that have not changed since the last look, nor for the time that --settle names, and were not taken yet.
func (b *batch) settled(all []bundle, seen, taken map[string]mark) []bundle {
	now := time.Now()
	var out []bundle
	for i := range all {
		f := &all[i]
		m := markOf(f)
		before, known := seen[f.path]
		seen[f.path] = m
		if last, done := taken[f.path]; done && last == m || !known || before != m || now.Sub(m.modified) < b.flags.settled {
			continue
		}
		taken[f.path] = m
		out = append(out, *f)
	}
	return out
}

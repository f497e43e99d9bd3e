package index

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Fetched is what a store elsewhere has of a case.
type Fetched struct {
	Case   Case
	File   func(name string) (io.ReadCloser, error) // one of those that [Spool.Files] gave
	Blocks iter.Seq2[*Block, error]                 // those that [Spool.Blocks] gave, in any order
	Fault  func(what string)                        // is told what is not as it was sent
}

// Fetch makes a sealed spool of what a store elsewhere has of a case, in a folder of its own within the temporary folder dir: the case as it was sent, byte for byte, or faults. It must be
// closed. The error is one of x, or says that so much is missing or damaged that there is no case.
func Fetch(ctx context.Context, dir string, x Fetched) (*Spool, error) {
	if x.Case.Sum == "" {
		return nil, fmt.Errorf("archive: case %q: %w", x.Case.ID, ErrNotStored)
	}
	s, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	s.folder = filepath.Join(s.dir, dirCases)
	if err = os.Mkdir(s.folder, 0o700); err == nil {
		err = s.fetch(ctx, &x)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("archive: case %q: %w", x.Case.ID, err), s.Close())
	}
	return s, nil
}

func (s *Spool) fetch(ctx context.Context, x *Fetched) error {
	if err := s.fetchRest(ctx, x); err != nil {
		return fmt.Errorf("%s: %w", KeptRest, err)
	}
	b, err := readFile(s.folder, fileCase)
	if err != nil {
		return err
	}
	if sumOf(b) != x.Case.Sum {
		return fmt.Errorf("%s is not what was written", fileCase)
	}
	var meta caseFile
	if err := json.Unmarshal(b, &meta); err != nil || meta.Records < 0 {
		return fmt.Errorf("%s is damaged", fileCase)
	}
	for _, name := range []string{KeptReport, KeptHistory} {
		if _, has := meta.Sums[name]; !has {
			continue
		}
		if err := s.fetchFile(x, name, filepath.Join(s.folder, name)); err != nil {
			x.Fault(fmt.Sprintf("the file %s can't be read: %v", name, err))
		}
	}
	records, err := os.Create(filepath.Join(s.folder, fileRecords))
	if err != nil {
		return err
	}
	err = records.Truncate(meta.Records)
	if err == nil {
		err = s.open(&liveCase{ID: x.Case.ID, Key: x.Case.State, Name: x.Case.State, Sum: x.Case.Sum, Uploads: x.Case.Uploads})
	}
	if err == nil {
		err = s.fetchBlocks(ctx, x, records)
	}
	if err = errors.Join(err, records.Close()); err != nil {
		return err
	}
	v := checking{fault: func(format string, args ...any) { x.Fault(fmt.Sprintf(format, args...)) }}
	v.files(s.folder, meta.Sums)
	s.fetched = v.Checked
	return nil
}

// fetchFile writes a file that the store keeps.
func (s *Spool) fetchFile(x *Fetched, name, to string) error {
	r, err := x.File(name)
	if err != nil {
		return err
	}
	err = createFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
	return errors.Join(err, r.Close())
}

// fetchRest writes the files that the store keeps as one.
func (s *Spool) fetchRest(ctx context.Context, x *Fetched) error {
	path := filepath.Join(s.dir, KeptRest)
	if err := s.fetchFile(x, KeptRest, path); err != nil {
		return err
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }() // it was only read
	for _, f := range z.File {
		if kept(strings.TrimPrefix(f.Name, exportCase)) != KeptRest {
			return fmt.Errorf("it holds the file %q", f.Name)
		}
		if err := importFile(ctx, f, s.folder, ""); err != nil {
			return err
		}
	}
	return nil
}

// fetchBlocks writes the frames of the blocks to their places among the records, and compares the findings.
func (s *Spool) fetchBlocks(ctx context.Context, x *Fetched, records io.WriterAt) error {
	c := s.cas
	have := make([]bool, c.meta.Blocks/entrySize)
	said := false
	for b, err := range x.Blocks {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if b.Order == 0 {
			if said = sameFindings(c, b); !said {
				x.Fault("the findings that are searched are not those that were written")
				said = true
			}
			continue
		}
		n := -1
		if b.Order > 0 && b.Order <= len(c.byPath) {
			if a := &c.meta.Artifacts[c.byPath[b.Order-1]]; b.Seq >= 0 && b.Seq < a.Blocks {
				n = a.First + b.Seq
			}
		}
		if n < 0 {
			x.Fault(fmt.Sprintf("%q: there was no block %d", b.Path, b.Seq))
			continue
		}
		e, err := c.entry(n)
		switch {
		case err != nil:
			return err
		case int(e.Size) != len(b.Frame):
			x.Fault(fmt.Sprintf("%q: block %d has %d bytes, %d were written", b.Path, b.Seq, len(b.Frame), e.Size))
			continue
		}
		if _, err := records.WriteAt(b.Frame, e.Offset); err != nil {
			return err
		}
		have[n] = true
	}
	for i := range c.meta.Artifacts {
		a := &c.meta.Artifacts[i]
		for seq := range a.Blocks {
			if !have[a.First+seq] {
				x.Fault(fmt.Sprintf("%q: block %d is missing", a.Path, seq))
			}
		}
	}
	if !said && c.meta.Findings > 0 {
		x.Fault("the findings can't be searched: their block is missing")
	}
	return nil
}

// sameFindings tells whether a block holds the findings of the case.
func sameFindings(c *openCase, b *Block) bool {
	list, err := c.findings()
	if err != nil {
		return false
	}
	want, err := packFindings(list)
	if err != nil {
		return false
	}
	got, err := packFindings(b.Findings)
	return err == nil && bytes.Equal(want, got)
}

// Check looks, for [Checker], at a case that was fetched: whether its blocks can be read, whether a search finds each, and whether evidence stands in the records. finds tells of blocks whether a
// search for a word finds them: of each its order and its number in the artifact. done is added to. The error is that of ctx or of finds.
func (s *Spool) Check(ctx context.Context, done *Checked, finds func(list []Sought) ([]bool, error), fault func(Fault)) error {
	c := s.cas
	v := &checking{Checked: *done}
	v.fault = func(format string, args ...any) {
		v.Faults++
		fault(Fault{c.live.ID, fmt.Sprintf(format, args...)})
	}
	v.Files, v.Bytes = v.Files+s.fetched.Files, v.Bytes+s.fetched.Bytes
	orders := make([]int, len(c.meta.Artifacts))
	for order, number := range c.byPath {
		orders[number] = order + 1
	}
	err := v.blocks(ctx, c, func(list []sought) ([]error, error) {
		asked, out := make([]Sought, len(list)), make([]error, len(list))
		for i, b := range list {
			asked[i] = Sought{Order: orders[b.number], Seq: b.seq, Word: b.word}
		}
		found, err := finds(asked)
		for i := range found {
			if !found[i] {
				out[i] = errNotFound
			}
		}
		return out, err
	})
	if err == nil {
		v.evidence(c)
	}
	*done = v.Checked
	return err
}

// Sought is a block that a search for a word must find.
type Sought struct {
	Order, Seq int    // as [Block] has them
	Word       string // as the tokenizer gives it; "" if the block has none
}

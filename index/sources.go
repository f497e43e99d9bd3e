package index

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"casebook/findings"
	"casebook/ingest"
)

// storedFormat is the version of what a case stores of its uploads, and the newest that this program reads. An archive may hold cases with any, and cases that
// store nothing.
const storedFormat = 1

// maxStored bounds the bytes of the file "facts" when it is unpacked: some kilobytes for each of the largest number of members.
const maxStored = 1 << 30

// ErrNotStored says that a case was written without what an analysis without its uploads needs.
var ErrNotStored = errors.New("it was written by a version that did not store what a new analysis needs")

// Stored is what a case stores, beside its records, so that it can be analysed again without its uploads.
type Stored struct {
	Case    string            `json:"case,omitempty"` // the ID if one was given
	Host    string            `json:"host,omitempty"` // the computer that artifacts without any identity come from
	At      time.Time         `json:"at,omitzero"`    // the incident
	Uploads []findings.Upload `json:"uploads"`        // as the report lists them
	Volume  int               `json:"volume"`         // see [ingest.Bundle.Volume]
	Kept    ingest.Kept       `json:"kept"`           // of the members
}

// storedFile is the file "facts", packed by zstd.
type storedFile struct {
	Format int `json:"format"`
	Stored
	Sources []storedSource `json:"sources,omitempty"` // in order of path
}

// storedSource says where the bytes of a member are in the file "sources": one zstd frame.
type storedSource struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Raw    int64  `json:"raw"` // unpacked
}

// SourceWriter is a [CaseWriter] that stores what an analysis without the uploads needs. [Writer] and [Spool] are.
type SourceWriter interface {
	// Source stores the bytes of a member. It may be called from several goroutines.
	Source(path string, b []byte) error
	// Store stores the rest. It is called once, before Commit.
	Store(s *Stored)
}

// sourcesWriter writes the file "sources".
type sourcesWriter struct {
	mu     sync.Mutex
	file   *os.File
	offset int64
	list   []storedSource
}

// Source implements [SourceWriter].
func (w *Writer) Source(path string, b []byte) error {
	s := &w.sources
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return w.failed(fmt.Errorf("archive: %w", err))
	}
	frame := enc.EncodeAll(b, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.Create(filepath.Join(w.tmp, dirCases, fileSources))
		if err != nil {
			return w.failed(fmt.Errorf("archive: %w", err))
		}
		s.file = f
	}
	if _, err := s.file.Write(frame); err != nil {
		return w.failed(fmt.Errorf("archive: write sources: %w", err))
	}
	s.list = append(s.list, storedSource{path, s.offset, int64(len(frame)), int64(len(b))})
	s.offset += int64(len(frame))
	return nil
}

// failed remembers an error, which Commit returns too.
func (w *Writer) failed(err error) error {
	w.fail(err)
	return err
}

// Store implements [SourceWriter].
func (w *Writer) Store(s *Stored) { w.stored = s }

// finishSources completes the files "sources" and "facts".
func (w *Writer) finishSources() error {
	s := &w.sources
	if s.file != nil {
		err := s.file.Close()
		if s.file = nil; err != nil {
			return fmt.Errorf("archive: write sources: %w", err)
		}
	}
	if w.stored == nil {
		return nil
	}
	slices.SortFunc(s.list, func(a, b storedSource) int { return cmp.Compare(a.Path, b.Path) })
	b, err := json.Marshal(storedFile{storedFormat, *w.stored, s.list})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	enc, ok := w.encoders.Get().(*zstd.Encoder)
	if !ok {
		return errors.New("archive: the compressor refuses its options")
	}
	if err := os.WriteFile(filepath.Join(w.tmp, dirCases, fileFacts), enc.EncodeAll(b, nil), 0o600); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// Sources is what a case stores, open to be read. It may be used from several goroutines until it is closed.
type Sources struct {
	Stored
	ctx     context.Context //nolint:containedctx // its readers live as long as the analysis that it is opened for
	open    *openCase
	release func()
	byPath  map[string]*storedSource
	text    map[string]*caseArtifact

	mu  sync.Mutex
	err error
}

// Sources opens what a case stores. The error is [fs.ErrNotExist] if there is no such case, and [ErrNotStored] if it stores nothing. ctx ends reading from it. It must be closed.
func (a *Archive) Sources(ctx context.Context, id string) (*Sources, error) {
	live, err := a.named(id)
	if err != nil {
		return nil, err
	}
	c, ok, err := a.open(live)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	return newSources(ctx, c, func() { a.release(c) })
}

// newSources opens what an open case stores. release is called when it is closed, or after an error.
func newSources(ctx context.Context, c *openCase, release func()) (*Sources, error) {
	s := &Sources{ctx: ctx, open: c, release: release, byPath: map[string]*storedSource{}, text: map[string]*caseArtifact{}}
	if err := s.load(); err != nil {
		s.Close()
		return nil, c.wrap(err)
	}
	return s, nil
}

// Close lets go of the case.
func (s *Sources) Close() { s.release() }

// load reads the file "facts".
func (s *Sources) load() error {
	if _, there := s.open.meta.Sums[fileFacts]; !there {
		return ErrNotStored
	}
	b, err := readFile(s.open.dir, fileFacts)
	if err != nil {
		return err
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxStored))
	if err != nil {
		return err
	}
	defer d.Close()
	if b, err = d.DecodeAll(b, nil); err != nil {
		return fmt.Errorf("%s is damaged: %w", fileFacts, err)
	}
	var f storedFile
	if err := json.Unmarshal(b, &f); err != nil || f.Format < 1 {
		return fmt.Errorf("%s is damaged: it states no format version", fileFacts)
	}
	if f.Format > storedFormat {
		return fmt.Errorf("what it stores of its uploads has format %d, and this version of casebook reads up to format %d; use a newer casebook", f.Format, storedFormat)
	}
	s.Stored = f.Stored
	for i := range f.Sources {
		s.byPath[f.Sources[i].Path] = &f.Sources[i]
	}
	for i := range s.open.meta.Artifacts {
		if a := &s.open.meta.Artifacts[i]; !a.Registry {
			s.text[a.Path] = a
		}
	}
	return nil
}

// Err returns the first error of a reader of the sources other than that of ctx: the archive is damaged, and what was read of it is not what was stored.
func (s *Sources) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Sources) fail(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	err = s.open.wrap(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = cmp.Or(s.err, err)
	return err
}

// Bytes implements [ingest.KeptSource].
func (s *Sources) Bytes(path string) (io.ReadCloser, error) {
	b, err := s.bytes(path)
	if err != nil {
		return nil, s.fail(fmt.Errorf("the bytes of %q: %w", path, err))
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *Sources) bytes(path string) ([]byte, error) {
	x := s.byPath[path]
	if x == nil {
		return nil, errors.New("they are not stored")
	}
	f, err := os.OpenInRoot(s.open.dir, fileSources)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if x.Offset < 0 || x.Size < 0 || x.Raw < 0 || x.Offset > info.Size() || x.Size > info.Size()-x.Offset {
		return nil, fmt.Errorf("%s has %d bytes, they are to be %d from %d on", fileSources, info.Size(), x.Size, x.Offset)
	}
	frame := make([]byte, x.Size)
	if _, err := f.ReadAt(frame, x.Offset); err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(8<<20, x.Raw))))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	b, err := d.DecodeAll(frame, nil)
	if err == nil && int64(len(b)) != x.Raw {
		err = fmt.Errorf("%d bytes were stored, %d are there", x.Raw, len(b))
	}
	return b, err
}

// Text implements [ingest.KeptSource].
func (s *Sources) Text(path string) (io.ReadCloser, error) {
	a := s.text[path]
	if a == nil {
		return nil, s.fail(fmt.Errorf("%q has no records", path))
	}
	return io.NopCloser(&textReader{sources: s, next: a.First, end: a.First + a.Blocks}), nil
}

// textReader reads the decoded text of an artifact: the records of its blocks, joined.
type textReader struct {
	sources   *Sources
	next, end int // blocks
	mem       scratch
	records   []record
	left      []byte
}

// Read implements [io.Reader].
func (t *textReader) Read(p []byte) (int, error) {
	s := t.sources
	for len(t.left) == 0 {
		if len(t.records) > 0 {
			t.left, t.records = t.records[0].Raw, t.records[1:]
			continue
		}
		if t.next >= t.end {
			return 0, io.EOF
		}
		if err := s.ctx.Err(); err != nil {
			return 0, err
		}
		e, err := s.open.entry(t.next)
		if err == nil {
			t.records, err = s.open.blockInto(t.next, &e, &t.mem)
		}
		if err != nil {
			return 0, s.fail(err)
		}
		t.next++
	}
	n := copy(p, t.left)
	t.left = t.left[n:]
	return n, nil
}

// caseFiles are the files that the folder of a case may hold.
func caseFiles() []string {
	return []string{fileCase, fileReport, fileFindings, fileProfile, fileBlocks, fileRecords, fileHistory, fileFacts, fileSources}
}

var (
	_ SourceWriter = (*Writer)(nil)
	_ SourceWriter = (*Spool)(nil)
)

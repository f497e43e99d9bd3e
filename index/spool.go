package index

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"

	"casebook/findings"
	"casebook/ingest"
)

// Spool is a case on its way to a store elsewhere or back from there, as the folder that it has in an archive. Only when a case is complete is it known whose its artifacts are and
// how their clocks are read, so that it is sent as a whole. A spool of [NewSpool] takes what a [CaseWriter] and a [SourceWriter] take, until [Spool.Seal] ends that; one of
// [Exported.Spool] and of [Fetch] is sealed. A sealed spool gives what the store is to keep ([Spool.Blocks], [Spool.Files]), and what is made of a whole case.
type Spool struct {
	w      *Writer // nil unless the case comes from an analysis
	dir    string  // of the spool
	folder string  // of the case's files, within dir
	traits Traits
	cas    *openCase // nil until it is sealed

	fetched Checked // what was compared with its sum
}

// newSpool makes a folder for a spool.
func newSpool(dir string) (*Spool, error) {
	dir, err := os.MkdirTemp(dir, "casebook-spool-")
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &Spool{dir: dir}, nil
}

// NewSpool makes a spool in a folder of its own within the temporary folder dir, "" for that of the system. It must be closed.
func NewSpool(ctx context.Context, dir string) (*Spool, error) {
	s, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	if s.w, err = newWriter(ctx, filepath.Join(s.dir, "case"), Entry{}); err == nil {
		s.folder = filepath.Join(s.w.tmp, dirCases)
		err = s.w.beginRecords()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Artifact returns the sink that takes the records of a; see [Writer.Artifact].
func (s *Spool) Artifact(a *ingest.Artifact) ingest.Sink { return s.w.Artifact(a) }

// Registry takes the registry values of an artifact; see [Writer.Registry].
func (s *Spool) Registry(path string, kind ingest.Kind, values iter.Seq[RegistryValue]) error {
	return s.w.Registry(path, kind, values)
}

// Withdraw takes back a zone that was lent; see [Writer.Withdraw].
func (s *Spool) Withdraw(path string) { s.w.Withdraw(path) }

// Report takes the case's report; see [Writer.Report].
func (s *Spool) Report(r *findings.Report, encode func(io.Writer) error) error {
	return s.w.Report(r, encode)
}

// Source implements [SourceWriter].
func (s *Spool) Source(path string, b []byte) error { return s.w.Source(path, b) }

// Store implements [SourceWriter].
func (s *Spool) Store(x *Stored) { s.w.Store(x) }

// ID is the case's ID, "" until Report is called.
func (s *Spool) ID() string {
	if s.cas != nil {
		return s.cas.live.ID
	}
	return s.w.meta.ID
}

// Follow says that the case replaces one that the store has, by its history and its report.json. It is called before Seal.
func (s *Spool) Follow(history []Revision, report []byte) error {
	return writeHistory(s.folder, revise(history, report))
}

// Seal ends the case. All sinks must be done.
func (s *Spool) Seal() error {
	if err := s.w.Err(); err != nil {
		return err
	}
	if s.w.meta.ID == "" {
		return errors.New("archive: the case has no ID: no report was given")
	}
	if err := s.w.seal(); err != nil {
		return err
	}
	return s.open(&liveCase{ID: s.w.meta.ID, Sum: s.w.sum, Uploads: s.w.uploads})
}

// open opens the complete folder of the case.
func (s *Spool) open(live *liveCase) error {
	c, err := openCaseFiles(s.folder, live)
	if err != nil {
		return fmt.Errorf("archive: case %q: %w", live.ID, err)
	}
	s.cas = c
	p, err := readProfile(s.folder)
	if err != nil {
		return c.wrap(err)
	}
	s.traits = Traits{Case: live.ID, Confirmed: p.Confirmed, Templates: p.Templates}
	return nil
}

// Case returns the case's ID and uploads, and the sum of its content. The spool must be sealed.
func (s *Spool) Case() Case { return s.cas.live.public() }

// Traits returns what the case is compared by. The spool must be sealed.
func (s *Spool) Traits() Traits { return s.traits }

// The files that a store elsewhere keeps of each state of a case, beside its blocks.
const (
	KeptReport  = fileReport
	KeptHistory = fileHistory // of a case that was evaluated before
	KeptRest    = "rest.zip"  // the others of the case's folder but the records, which are the frames of the blocks
)

// kept tells which file that a store elsewhere keeps holds a file of a case's folder, "" if none does.
func kept(name string) string {
	switch {
	case name == fileReport, name == fileHistory:
		return name
	case name != fileRecords && slices.Contains(caseFiles(), name):
		return KeptRest
	}
	return ""
}

// Files passes the files that a store is to keep of a sealed spool to put, in an order in which the last is complete only if all are.
func (s *Spool) Files(ctx context.Context, put func(name string, r io.Reader) error) error {
	rest := filepath.Join(s.dir, KeptRest)
	err := createFile(rest, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, name := range caseFiles() {
			if kept(name) != KeptRest {
				continue
			}
			if err := storeFile(ctx, z, s.folder, name, exportCase+name); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return z.Close()
	})
	if err != nil {
		return s.cas.wrap(err)
	}
	for _, path := range []string{filepath.Join(s.folder, fileHistory), rest, filepath.Join(s.folder, fileReport)} {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return s.cas.wrap(err)
		}
		err = put(filepath.Base(path), f)
		_ = f.Close() // it was only read
		if err != nil {
			return err
		}
	}
	return nil
}

// Export writes a sealed case as [Archive.Export] does, with what c says of it.
func (s *Spool) Export(ctx context.Context, c Case, notes []Note, w io.Writer) error {
	live := s.cas.live
	live.Key, live.Labels, live.Added, live.Hold = newCaseKey(), c.Labels, c.Added, c.Hold
	return export(ctx, &live, notes, s.folder, "", w)
}

// Sources opens what a sealed case stores. Closing it closes the spool. After an error the spool is closed.
func (s *Spool) Sources(ctx context.Context) (*Sources, error) {
	return newSources(ctx, s.cas, func() { _ = s.Close() }) // it was only read
}

// Blocks yields what is to be kept of a sealed case, in the order in which hits are listed: its findings as one, if it has any, then each artifact's records. A
// block is valid until the next is asked for. An error ends the sequence.
func (s *Spool) Blocks(ctx context.Context) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		c := s.cas
		fs, err := c.findings()
		if err != nil {
			yield(nil, c.wrap(err))
			return
		}
		if len(fs) > 0 && !yield(&Block{Blocks: 1, Records: uint32(len(fs)), Findings: fs}, nil) { //nolint:gosec // bounded by the checks
			return
		}
		var mem scratch
		for order, number := range c.byPath {
			a := &c.meta.Artifacts[number]
			for seq := range a.Blocks {
				if err := ctx.Err(); err != nil {
					yield(nil, err)
					return
				}
				b, err := c.spooled(a, seq, &mem)
				if err != nil {
					yield(nil, c.wrap(err))
					return
				}
				b.Order = order + 1
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

// spooled reads a block with what a store is to know of it.
func (c *openCase) spooled(a *caseArtifact, seq int, mem *scratch) (*Block, error) {
	e, err := c.entry(a.First + seq)
	if err != nil {
		return nil, err
	}
	rs, err := c.blockInto(a.First+seq, &e, mem)
	if err != nil {
		return nil, err
	}
	b := &Block{
		Path: a.Path, Kind: a.Kind, Host: a.Host, Size: a.Size, Registry: a.Registry, Reading: a.Reading, Withdrawn: a.Withdrawn,
		Seq: seq, Blocks: a.Blocks, Records: e.Records, Line: e.Line, Severity: e.Severity, Raw: e.Raw, Timeless: e.Timeless == 1,
		First: math.MaxInt64, Last: math.MinInt64, Frame: mem.frame, records: rs,
	}
	for i := range rs {
		b.End = max(b.End, rs[i].Line+max(1, rs[i].Lines)-1)
		if rs[i].Time.Zone != ingest.ZoneNone {
			b.First, b.Last = min(b.First, micros(rs[i].Time)), max(b.Last, micros(rs[i].Time))
		}
	}
	return b, nil
}

// Close removes the spool.
func (s *Spool) Close() error {
	var errs []error
	if s.cas != nil {
		errs = append(errs, s.cas.close())
		s.cas = nil
	}
	if s.w != nil {
		errs = append(errs, s.w.Abort())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

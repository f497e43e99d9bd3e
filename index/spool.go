package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"

	"casebook/findings"
	"casebook/ingest"
)

// Spool keeps a case on its way to a store elsewhere. Only when a case is complete is it known whose its artifacts are and how their clocks are read, so that
// it is sent as a whole. A Spool takes what a [CaseWriter] takes; [Spool.Seal] ends that, and [Spool.Blocks] gives back what the store is to keep.
type Spool struct {
	w      *Writer
	dir    string
	traits Traits
	cas    *openCase // after Seal
}

// NewSpool makes a spool in a folder of its own within the temporary folder dir, "" for that of the system. It must be closed.
func NewSpool(ctx context.Context, dir string) (*Spool, error) {
	dir, err := os.MkdirTemp(dir, "casebook-spool-")
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	w, err := newWriter(ctx, filepath.Join(dir, "case"), Entry{})
	if err == nil {
		err = w.beginRecords()
	}
	s := &Spool{w: w, dir: dir}
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
	s.traits = TraitsOf(r)
	return s.w.Report(r, encode)
}

// Seal ends the case. All sinks must be done.
func (s *Spool) Seal() error {
	w := s.w
	if err := w.Err(); err != nil {
		return err
	}
	if w.meta.ID == "" {
		return errors.New("archive: the case has no ID: no report was given")
	}
	if err := w.complete(); err != nil {
		return err
	}
	folder := filepath.Join(w.tmp, dirCases)
	b, err := json.Marshal(w.meta)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, fileCase), b, 0o600)
	}
	if err == nil {
		s.cas, err = openCaseFiles(folder, &liveCase{ID: w.meta.ID, Uploads: w.uploads})
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// Case returns the case's ID and uploads. The spool must be sealed.
func (s *Spool) Case() Case { return s.cas.live.public() }

// Traits returns what the case is compared by.
func (s *Spool) Traits() Traits { return s.traits }

// ReportFile is the path of the case's report.json.
func (s *Spool) ReportFile() string { return filepath.Join(s.w.tmp, dirCases, fileReport) }

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

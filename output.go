package casebook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"casebook/findings"
	"casebook/findings/collect"
	"casebook/findings/diff"
	"casebook/index"
	"casebook/ingest"
	"casebook/web"
)

// Names of the files of an output folder.
const (
	ReportFile = "report.json"
	IndexFile  = "index.html"
	ArchiveDir = "archive"

	DiffFile    = "diff.json"    // of a comparison; in a report folder: with the report that --since names
	ChangesFile = "changes.html" // the same as a page, in a report folder
)

// folder is what a kind of output folder holds.
type folder struct {
	what  string
	mark  string   // the file without which it is none
	parts []string // everything that may be in it, in the order in which it is put in place
}

// reportFolder is what analyze writes. The collection script is made later, of the report: that of an earlier one does not stay.
var reportFolder = folder{"report", ReportFile, append([]string{ArchiveDir, ReportFile, DiffFile, ChangesFile, collect.ScriptFile}, web.Parts()...)}

// diffFolder is what diff writes.
var diffFolder = folder{"comparison", DiffFile, []string{DiffFile, IndexFile}}

// Output is a report folder in the making, or that of a comparison. A folder that is not there yet is built beside its place and appears as a whole, or not at all.
// In one that is there (which may be a mount point, or all that the user may write to) the report is built in a hidden folder, and what
// makes it up is moved to its place by one rename each.
type Output struct {
	folder folder
	dir    string // where it will be
	part   string // where it is built
	inside bool   // part lies in dir
	root   *os.Root
	above  []string // folders that were made for it, the innermost first
	placed bool
}

// NewOutput prepares the folder dir. What Commit replaces in a folder that exists is a casebook report; with anything else in it the
// error says so, and nothing is touched.
func NewOutput(dir string) (*Output, error) { return newOutput(dir, reportFolder) }

// NewDiffOutput prepares the folder dir for a comparison, as NewOutput does for a report.
func NewDiffOutput(dir string) (*Output, error) { return newOutput(dir, diffFolder) }

func newOutput(dir string, kind folder) (*Output, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder %q: %w", dir, err)
	}
	if err := kind.check(dir, ""); err != nil {
		return nil, err
	}
	o := &Output{folder: kind, dir: dir}
	parent, pattern := filepath.Dir(dir), "."+filepath.Base(dir)+".partial-*"
	if _, err := os.Stat(dir); err == nil {
		o.inside, parent, pattern = true, dir, ".partial-*"
	}
	for d := parent; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		o.above = append(o.above, d)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		o.Discard()
		return nil, unwritable(dir, err)
	}
	if o.part, err = os.MkdirTemp(parent, pattern); err != nil {
		o.Discard()
		return nil, unwritable(dir, err)
	}
	if o.root, err = os.OpenRoot(o.part); err != nil {
		o.Discard()
		return nil, unwritable(dir, err)
	}
	return o, nil
}

// unwritable says that a folder can't be made. The error of the file system names paths that the user did not give.
func unwritable(dir string, err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("output folder %q can't be written: %w; choose another with -o", dir, err)
}

// CheckOutput says what speaks against writing a report to the folder dir, nil if nothing does: a folder that is there must be empty or
// hold a report.
func CheckOutput(dir string) error { return reportFolder.check(dir, "") }

// check says what speaks against writing to the folder dir, in which the entry with the name own is being built.
func (k folder) check(dir, own string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unwritable(dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("output folder %q is a file; choose another with -o", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unwritable(dir, err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == own })
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		if !slices.Contains(k.parts, e.Name()) {
			return fmt.Errorf("output folder %q holds %q, which is no part of a %s; choose another folder with -o, or empty it", dir, e.Name(), k.what)
		}
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == k.mark }) {
		return fmt.Errorf("output folder %q exists and holds no %s; choose another folder with -o, or empty it", dir, k.what)
	}
	return nil
}

// ArchivePath is the folder in which the case's own index is built.
func (o *Output) ArchivePath() string { return filepath.Join(o.part, ArchiveDir) }

// writeReport writes report.json.
func (o *Output) writeReport(r *findings.Report) error {
	if err := o.put(ReportFile, func(w io.Writer) error { return WriteReport(w, r) }); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Write writes report.json and the report's pages. Logs are shown as far as the archive that open opens, to which Analyze has
// added the case, holds their records; none is if open is nil. What WriteDiff has written before is linked.
func (o *Output) Write(ctx context.Context, r *findings.Report, open func() (index.Reader, error), logs web.Logs) error {
	if err := o.writeReport(r); err != nil {
		return err
	}
	site := web.Site{Report: r, Logs: logs, Workers: runtime.GOMAXPROCS(0)}
	if _, err := o.root.Stat(ChangesFile); err == nil {
		site.Changes = ChangesFile
	}
	done, err := records(ctx, &site, open)
	if err != nil {
		return err
	}
	defer done()
	if err := site.Draw(o.create); err != nil {
		return fmt.Errorf("draw report: %w", err)
	}
	return nil
}

// WriteSingle writes report.json and the report as one document. open is that of Write; an index that was built in the report folder does not stay there.
func (o *Output) WriteSingle(ctx context.Context, r *findings.Report, open func() (index.Reader, error)) error {
	if err := o.writeReport(r); err != nil {
		return err
	}
	site := web.Site{Report: r}
	done, err := records(ctx, &site, open)
	if err != nil {
		return err
	}
	err = o.put(IndexFile, site.WriteSingle)
	done()
	if err != nil {
		return fmt.Errorf("draw report: %w", err)
	}
	if err := o.root.RemoveAll(ArchiveDir); err != nil {
		return fmt.Errorf("remove the index: %w", err)
	}
	return nil
}

// records gives a site the records of the archive that open opens, none if it is nil. done closes the archive.
func records(ctx context.Context, site *web.Site, open func() (index.Reader, error)) (done func(), err error) {
	if open == nil {
		return func() {}, nil
	}
	archive, err := open()
	if err != nil {
		return nil, fmt.Errorf("draw report: %w", err)
	}
	id := site.Report.CaseID()
	site.Records = func(artifact string, from int) iter.Seq2[ingest.Record, error] {
		return archive.Records(ctx, id, artifact, from)
	}
	return func() { _ = archive.Close() }, nil // it was only read
}

// put writes one file of the report.
func (o *Output) put(name string, write func(io.Writer) error) error {
	f, err := o.create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close() // the first error counts
		return err
	}
	return f.Close()
}

// WriteDiff writes diff.json and its page: index.html of a comparison's own folder, changes.html beside a report.
func (o *Output) WriteDiff(d *diff.Diff) error {
	page := IndexFile
	if o.folder.mark == ReportFile {
		page = ChangesFile
	}
	err := o.put(DiffFile, func(w io.Writer) error { return writeJSON(w, d) })
	if err == nil {
		err = o.put(page, func(w io.Writer) error { return web.WriteDiff(w, d) })
	}
	if err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

// create makes a file of the report.
func (o *Output) create(name string) (io.WriteCloser, error) {
	if dir := path.Dir(name); dir != "." {
		if err := o.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return o.root.Create(name)
}

// Commit puts the report in its place and returns the folder's path.
func (o *Output) Commit() (string, error) {
	_ = o.root.Close()
	if o.inside {
		if err := o.folder.check(o.dir, filepath.Base(o.part)); err != nil {
			return "", err
		}
		if err := o.replace(); err != nil {
			return "", fmt.Errorf("publish report: %w", err)
		}
		o.placed = true
		if err := os.RemoveAll(o.part); err != nil {
			return "", fmt.Errorf("remove the earlier report: %w", err)
		}
		return o.dir, nil
	}
	if err := os.Chmod(o.part, 0o755); err != nil { // MkdirTemp made it private
		return "", fmt.Errorf("publish report: %w", err)
	}
	if err := os.Rename(o.part, o.dir); err != nil {
		return "", fmt.Errorf("publish report: %w", err)
	}
	o.placed = true
	return o.dir, nil
}

// replace moves the parts of the earlier report aside and those of the new one to their places. If one can't be moved, the earlier
// report is put back.
func (o *Output) replace() error {
	var undo []func()
	move := func(from, to string) error {
		err := os.Rename(from, to)
		if err == nil {
			undo = append(undo, func() { _ = os.Rename(to, from) }) // the error that led here counts
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, name := range o.folder.parts {
		place := filepath.Join(o.dir, name)
		err := move(place, filepath.Join(o.part, "old-"+name))
		if err == nil {
			err = move(filepath.Join(o.part, name), place)
		}
		if err != nil {
			for _, f := range slices.Backward(undo) {
				f()
			}
			return err
		}
	}
	return nil
}

// Discard removes what was built, and the folders that were made to hold it. After Commit it does nothing.
func (o *Output) Discard() {
	if o.root != nil {
		_ = o.root.Close()
	}
	if o.placed {
		return
	}
	if o.part != "" {
		_ = os.RemoveAll(o.part)
	}
	for _, d := range o.above {
		_ = os.Remove(d) // fails, as it should, if there is something else in it by now
	}
}

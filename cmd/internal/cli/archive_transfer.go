package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"casebook/index"
)

func (a *App) archiveExport() *cobra.Command {
	var f archiveFlags
	var out string
	c := f.common(&cobra.Command{
		Use:   "export CASE -o FILE",
		Short: "Write one case to a file that another archive can import",
		Long: `Writes a case with its report, records, labels, notes and kept uploads as a zip. The file is complete or not there. It is as confidential as the
upload.`,
		Args: exactly(1, 1, "one case"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usagef("-o FILE says where to write it")
			}
			list, err := f.choose(c.Context(), a, args, false)
			if err != nil {
				return err
			}
			archive, err := a.openArchive(c.Context(), f.dir)
			if err != nil {
				return err
			}
			defer func() { _ = archive.Close() }() // it was only read
			exporter, err := able[index.Exporter](archive, "archive export", f.dir)
			if err != nil {
				return err
			}
			if err := writeWhole(out, func(w io.Writer) error { return exporter.Export(c.Context(), list[0].ID, w) }); err != nil {
				return err
			}
			fmt.Fprintln(a.out, printable(out))
			return nil
		},
	}, false)
	c.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`, which must not exist")
	return c
}

// writeWhole writes a new file that is complete or not there.
func writeWhole(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return usagef("%q exists; choose another file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".partial-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// importFlags are the flags of archive import.
type importFlags struct {
	archiveFlags
	from    string
	replace bool
	jobs    int
}

func (a *App) archiveImport() *cobra.Command {
	var f importFlags
	c := f.common(&cobra.Command{
		Use:   "import FILE… | --from ARCHIVE [CASE…]",
		Short: "Add cases of another archive to an archive",
		Long: `Adds cases that archive export wrote, or with --from the cases of another archive, all of them or those that are named or have a label. Either archive may be in a folder or in a store. Every file is compared
with its sum first, and the index is made of the records; labels, hold, notes and the time at which the case came go with it. A case that the archive has already in the same state is skipped, so that the same
command does the rest of one that was interrupted. A case of the same ID in another state is refused, unless --replace is given. A bad case is listed at the end and does not keep the others.

Exit status: 0 all cases are in the archive, 2 the command was used wrongly or could not be done, 3 some could not be imported, 4 none could be.`,
		Example: `  casebook archive import INC48213.casebook --archive /srv/cases
  casebook-fleet archive import --from /srv/cases --archive opensearch+https://search1:9200/casebook`,
		RunE: func(c *cobra.Command, args []string) error { return a.runImport(c.Context(), args, &f) },
	}, true)
	fs := c.Flags()
	fs.StringVar(&f.from, "from", "", "take cases of the archive in `DIR`, or at the address of a store")
	fs.BoolVar(&f.replace, "replace", false, "replace cases of the same ID")
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "import `N` cases side by side (default one for each processor)")
	return c
}

// What became of a case that was to be imported.
const (
	statusImported = "imported"
	statusPresent  = "skipped"
	statusRefused  = "failed"
)

// imported is what became of a case.
type imported struct {
	From   string `json:"from"` // the file, or the case in the other archive
	Case   string `json:"case,omitempty"`
	Status string `json:"status"`
	Why    string `json:"why,omitempty"` // of all but the imported

	got index.Case // what is known of it, as it was imported or would have been
	err error      // of the failed
}

// name is the file, or what the case is called in the other archive.
func (r *imported) name() string {
	if r.got.ID == r.From {
		return calledShort(r.got)
	}
	return printable(r.From)
}

// importTotal counts them.
type importTotal struct {
	Imported int `json:"imported"`
	Skipped  int `json:"skipped"`
	Failed   int `json:"failed"`
}

// parcel is a case that is to be imported.
type parcel struct {
	name  string
	known func() (index.Case, []index.Note, error) // what can be said of it before it is opened; nil for nothing
	open  func() (*os.File, func(), error)         // the exported case, and what gives it up
}

// importer imports cases into an archive.
type importer struct {
	app     *App
	flags   *importFlags
	to      index.Importer
	parcels []parcel
	single  bool // one file, of which only that is said which case it is

	mu      sync.Mutex
	reader  index.Reader // nil until the archive is there
	results []imported
	left    int // kept uploads that were left out
}

func (a *App) runImport(ctx context.Context, args []string, f *importFlags) error {
	switch {
	case f.dir == "":
		return usagef("no archive named: give --archive DIR or set CASEBOOK_ARCHIVE")
	case f.jobs < 0:
		return usagef("-j takes a number from 0 on, not %d", f.jobs)
	case f.from == "" && len(args) == 0:
		return usagef("name exported cases, or the archive that cases are taken of: --from DIR")
	case f.from == "" && len(f.labels) > 0:
		return usagef("--label chooses among the cases of --from DIR")
	}
	x := &importer{app: a, flags: f, to: index.Dir(f.dir), single: f.from == "" && len(args) == 1}
	if scheme(f.dir) != "" {
		s, err := a.store(ctx, f.dir)
		if err != nil {
			return err
		}
		x.reader = s
		defer func() { _ = s.Close() }() // every case is complete when it is imported
		if x.to, err = able[index.Importer](s, "archive import", f.dir); err != nil {
			return err
		}
	}
	if f.from == "" {
		for _, path := range args {
			x.parcels = append(x.parcels, fileParcel(path))
		}
		return x.run(ctx)
	}
	from := archiveFlags{dir: f.from, labels: f.labels}
	list, err := from.choose(ctx, a, args, true)
	if err != nil {
		return err
	}
	source, err := a.openArchive(ctx, f.from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	exporter, err := able[index.Exporter](source, "archive import --from", f.from)
	if err != nil {
		return err
	}
	for i := range list {
		p := caseParcel(ctx, exporter, list[i].ID)
		p.known = func() (index.Case, []index.Note, error) {
			notes, err := source.Notes(ctx, list[i].ID)
			return list[i], notes, err
		}
		x.parcels = append(x.parcels, p)
	}
	return x.run(ctx)
}

// fileParcel is the exported case in a file.
func fileParcel(path string) parcel {
	return parcel{name: path, open: func() (*os.File, func(), error) {
		f, err := os.Open(path)
		return f, func() { _ = f.Close() }, err // it was only read
	}}
}

// caseParcel is a case of another archive, which is exported to a temporary file.
func caseParcel(ctx context.Context, from index.Exporter, id string) parcel {
	return parcel{name: id, open: func() (*os.File, func(), error) {
		f, err := os.CreateTemp("", "casebook-import-")
		if err != nil {
			return nil, nil, err
		}
		done := func() {
			_ = f.Close() // it was read
			_ = os.Remove(f.Name())
		}
		if err := from.Export(ctx, id, f); err != nil {
			done()
			return nil, nil, err
		}
		return f, done, nil
	}}
}

// run imports everything, some cases side by side, and says what became of it.
func (x *importer) run(ctx context.Context) error {
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan *parcel)
	var workers sync.WaitGroup
	for range max(1, min(cmp.Or(x.flags.jobs, runtime.GOMAXPROCS(0)), len(x.parcels))) {
		workers.Go(func() {
			for p := range work {
				if inner.Err() != nil {
					continue
				}
				if err := x.one(inner, p); err != nil {
					stop(err)
				}
			}
		})
	}
	for i := range x.parcels {
		work <- &x.parcels[i]
	}
	close(work)
	workers.Wait()
	if x.reader != nil && scheme(x.flags.dir) == "" {
		_ = x.reader.Close() // it was only read
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; the same command does the rest")
	}
	if err := context.Cause(inner); err != nil {
		return fmt.Errorf("%w; the same command does the rest when that is mended", err)
	}
	return x.report()
}

// one imports a case. An error ends the command: the archive can't be used.
func (x *importer) one(ctx context.Context, p *parcel) error {
	r := x.take(ctx, p)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.err != nil {
		r.Status, r.Why = statusRefused, r.err.Error()
		// Is it the case, or can nothing be imported?
		if reader, err := x.archive(ctx); err != nil {
			return err
		} else if reader != nil {
			if _, err := reader.Case(ctx, cmp.Or(r.Case, p.name)); err != nil && !errors.Is(err, index.ErrNoCase) {
				return err
			}
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.results = append(x.results, r)
	if x.app.json {
		return writeLine(x.app.out, r)
	}
	if !x.app.quiet && !x.single {
		text := fmt.Sprintf("[%d/%d] %s %s", len(x.results), len(x.parcels), r.Status, r.name())
		if r.err != nil {
			text += ": " + printable(r.Why)
		}
		fmt.Fprintln(x.app.err, text)
	}
	return nil
}

// archive opens the archive that is imported into, nil if it is not there yet.
func (x *importer) archive(ctx context.Context) (index.Reader, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reader != nil {
		return x.reader, nil
	}
	r, err := x.app.openArchive(ctx, x.flags.dir)
	if errors.Is(err, index.ErrNoArchive) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the first case makes it
	}
	if err == nil {
		x.reader = r
	}
	return r, err
}

// take imports a case unless it is there.
func (x *importer) take(ctx context.Context, p *parcel) imported {
	r := imported{From: p.name, Status: statusPresent, Why: "the archive has it in the same state"}
	if p.known != nil {
		r.Case = p.name
		there := absent
		c, notes, err := p.known()
		r.got = c
		if err == nil {
			there, err = x.has(ctx, c, notes)
		}
		if err != nil || there == asItIs {
			r.err = err
			return r
		}
	}
	f, done, err := p.open()
	if err != nil {
		r.err = err
		return r
	}
	defer done()
	info, err := f.Stat()
	if err != nil {
		r.err = err
		return r
	}
	e, err := index.OpenExported(f, info.Size())
	if err != nil {
		r.err = err
		return r
	}
	r.Case, r.got = e.Case().ID, e.Case()
	there, err := x.has(ctx, e.Case(), e.Notes())
	if err != nil || there == asItIs {
		r.err = err
		return r
	}
	got, err := x.to.Import(ctx, e, index.ImportOptions{Replace: x.flags.replace || there == lacks, Waiting: x.app.waiting})
	if err != nil {
		r.err = err
		return r
	}
	r.got = got
	r.Status, r.Why = statusImported, ""
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left += keptOf(e.Case()) - keptOf(r.got)
	return r
}

// keptOf counts the uploads that are kept with a case.
func keptOf(c index.Case) int {
	n := 0
	for _, u := range c.Uploads {
		if u.Kept {
			n++
		}
	}
	return n
}

// presence is how a case is in the archive.
type presence int

const (
	absent presence = iota // or there in another state
	lacks                  // in the same state, but without some label, note or hold
	asItIs
)

// has tells whether the archive has a case with all that is filed with it.
func (x *importer) has(ctx context.Context, c index.Case, notes []index.Note) (presence, error) {
	reader, err := x.archive(ctx)
	if err != nil || reader == nil {
		return absent, err
	}
	have, err := reader.Case(ctx, c.ID)
	if errors.Is(err, index.ErrNoCase) {
		return absent, nil
	}
	if err != nil || have.Sum == "" || have.Sum != c.Sum {
		return absent, err
	}
	if !have.Labels.Has(c.Labels) || c.Hold != "" && have.Hold == "" {
		return lacks, nil
	}
	if len(notes) > 0 {
		got, err := reader.Notes(ctx, c.ID)
		if err != nil {
			return absent, err
		}
		if len(index.JoinNotes(got, notes)) != len(got) {
			return lacks, nil
		}
	}
	return asItIs, nil
}

// report says what became of the cases.
func (x *importer) report() error {
	a := x.app
	var t importTotal
	for _, r := range x.results {
		switch r.Status {
		case statusImported:
			t.Imported++
		case statusPresent:
			t.Skipped++
		default:
			t.Failed++
		}
	}
	if x.left > 0 {
		a.complain(fmt.Errorf("%d uploads that were kept with the cases are left out: %s keeps none", x.left, x.flags.dir))
	}
	switch {
	case x.single && t.Failed > 0:
		return fmt.Errorf("%s: %w", x.results[0].From, x.results[0].err)
	case t.Failed > 0 && t.Failed == len(x.results):
		a.code = exitNone
	case t.Failed > 0:
		a.code = exitSome
	}
	if a.json {
		return writeLine(a.out, struct {
			Total importTotal `json:"total"`
		}{t})
	}
	if x.single {
		if r := x.results[0]; r.Status == statusImported {
			a.printCase(r.got)
		} else {
			fmt.Fprintf(a.out, "%s: %s\n", calledShort(r.got), r.Why)
		}
		return nil
	}
	p, w := a.paint(), a.page()
	slices.SortStableFunc(x.results, func(x, y imported) int { return cmp.Compare(x.From, y.From) })
	w.line("", fmt.Sprintf("%s %5d", p.good(pad(statusImported, 12)), t.Imported))
	w.line("", fmt.Sprintf("%s %5d", p.faint(pad(statusPresent, 12)), t.Skipped))
	w.line("", fmt.Sprintf("%s %5d", p.bad(pad(statusRefused, 12)), t.Failed))
	for _, r := range x.results {
		if r.Status == statusRefused {
			w.paragraph("    ", "      ", r.name()+": "+printable(r.Why))
		}
	}
	return nil
}

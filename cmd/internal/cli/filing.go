package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/index"
	"casebook/ingest"
)

// What programs that have further commands make them of.

// Results is where results are written: stdout.
func (a *App) Results() io.Writer { return a.out }

// Notes is where everything else is written: stderr.
func (a *App) Notes() io.Writer { return a.err }

// Input is stdin.
func (a *App) Input() io.Reader { return a.in }

// Log is the log for diagnostics, as text on stderr.
func (a *App) Log() *slog.Logger { return a.log() }

// JSON tells whether results are to be machine-readable.
func (a *App) JSON() bool { return a.json }

// Quiet tells whether only results and errors are to be written.
func (a *App) Quiet() bool { return a.quiet }

// Level is how much of what is done is to be told.
func (a *App) Level() slog.Level {
	switch {
	case a.verbose:
		return slog.LevelDebug
	case a.quiet:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Usagef is the error of a wrong use of the command line.
func Usagef(format string, args ...any) error { return usagef(format, args...) }

// Group makes c a command that only holds others.
func Group(c *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	return group(c, subcommands...)
}

// Exactly is the check of a command that takes between least and most arguments, any number if most is negative; what says so in words.
func Exactly(least, most int, what string) cobra.PositionalArgs { return exactly(least, most, what) }

// WriteLine writes a result as one line of JSON.
func (a *App) WriteLine(v any) error { return writeLine(a.out, v) }

// End sets the exit status that [Program.Run] returns when the command gives no error.
func (a *App) End(status int) { a.code = status }

// Exit statuses of commands that take many bundles.
const (
	ExitSome = exitSome // some could not be used
	ExitNone = exitNone // none could be
)

// Printable is text of strangers as it can be shown on a terminal.
func Printable(s string) string { return printable(s) }

// Size is a number of bytes in words.
func Size(n int64) string { return size(n) }

// Bundle is a bundle that was found below a path.
type Bundle struct {
	Path   string
	File   ingest.Upload // of a file; of a folder it says nothing
	Folder bool
	Labels index.Labels // that its path gives it
	Case   string       // the case that it belongs to, "" for one of its own
	Err    error        // why it can't be read; nil if it can be
}

// Finder is what finds bundles below paths as batch does.
type Finder struct {
	labels   []string
	caseFrom string
}

// Flags adds the flags that say what labels bundles have.
func (f *Finder) Flags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringArrayVar(&f.labels, "label", nil, labelHelp)
	fs.StringVar(&f.caseFrom, "case-from", "", "bundles with the same value of the label `NAME` are one case of that ID")
}

// Find lists the bundles below the paths, in order of their paths; the path - reads a list of them from stdin. The folder without is left out, "" for none.
func (f *Finder) Find(ctx context.Context, a *App, paths []string, without string) ([]Bundle, error) {
	b := &batch{app: a, flags: batchFlags{caseFrom: f.caseFrom}, paths: paths, archive: without}
	var err error
	if b.patterns, err = labelPatterns(f.labels); err != nil {
		return nil, err
	}
	if err := b.checkCaseFrom(); err != nil {
		return nil, err
	}
	if err := areThere(paths); err != nil {
		return nil, err
	}
	all, err := b.find(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Bundle, len(all))
	for i, x := range all {
		out[i] = Bundle{Path: x.path, File: x.upload, Folder: x.folder, Labels: x.labels, Case: b.caseOf(&x), Err: x.err}
	}
	return out, nil
}

// FilingFlags are the flags of a command that files uploads into an archive, as batch does, but gets them otherwise.
type FilingFlags struct{ flags batchFlags }

// Flags adds them to a command.
func (f *FilingFlags) Flags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.flags.archive, "archive", os.Getenv(archiveVariable), "the archive in `DIR`, which is made if it is not there, or the address of a store such as opensearch+https://host:9200/cases; also $"+archiveVariable)
	fs.IntVarP(&f.flags.jobs, "jobs", "j", 0, "analyse `N` cases side by side (default one for each processor)")
	f.flags.analysis(c)
}

// Filing analyses uploads into an archive. Its methods may be called from several goroutines.
type Filing struct {
	batch *batch
	opt   casebook.Options

	mu      sync.Mutex
	results map[string]chan<- batchResult // by path
}

// Filed is what became of an upload.
type Filed struct {
	Status string // analysed, partly-read, skipped or failed
	Why    string // of all but the analysed
	Case   string // its ID; "" if it was not filed
	Found  string // how many findings, in words
	Busy   bool   // another worker is writing the same case: the upload is to be tried again
}

// ErrNotKept says of an upload that a case has that it can't be read again.
var ErrNotKept = errNotKept

// NewFiling checks the flags and opens the archive. earlier returns where an upload that a case has can be read again, and what gives that up, or [ErrNotKept]; log takes what is read.
func (a *App) NewFiling(ctx context.Context, f FilingFlags, log *slog.Logger, earlier func(context.Context, index.Upload) (path string, done func(), err error)) (*Filing, error) {
	f.flags.onCaseTime, f.flags.every = time.Minute, time.Minute // batch has flags for them, and nothing here takes that time
	b, err := a.newBatch(nil, f.flags)
	if err != nil {
		return nil, err
	}
	b.bar, b.stored, b.opt.Log = a.batchBar(nil), earlier, log
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	x := &Filing{batch: b, opt: b.opt, results: map[string]chan<- batchResult{}}
	if x.opt.Workers == 0 {
		x.opt.Workers = max(1, runtime.GOMAXPROCS(0)/b.jobs)
	}
	b.taken = x.take
	b.boundMemory()
	return x, nil
}

// Jobs is how many uploads should be filed side by side.
func (x *Filing) Jobs() int { return x.batch.jobs }

// Archive is where cases are filed.
func (x *Filing) Archive() string { return x.batch.archive }

// Close gives up what was opened.
func (x *Filing) Close() error { return x.batch.close() }

// Check tells whether the archive can be used: nil if it can.
func (x *Filing) Check(ctx context.Context) error {
	_, err := x.batch.inArchive(ctx, "none") // whatever it is that is looked for
	return err
}

// take hands a result to who waits for it.
func (x *Filing) take(r batchResult) {
	x.mu.Lock()
	c := x.results[r.Path]
	x.mu.Unlock()
	c <- r
}

// File analyses the upload that lies at a path of its own, with the labels that it has, into the case with this ID, "" for its own. An upload that the archive holds
// is not analysed again; its labels are added to its case. The error is nil if there is a result, also one that says that the upload is of no use: it is
// ctx's, or says that the archive or an upload that the case already has could not be used.
func (x *Filing) File(ctx context.Context, path, caseID string, labels index.Labels) (Filed, error) {
	u, err := ingest.LookAt(path)
	if err != nil {
		return Filed{}, err
	}
	told := make(chan batchResult, 1)
	x.mu.Lock()
	x.results[path] = told
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.results, path)
		x.mu.Unlock()
	}()
	again, err := x.batch.one(ctx, caseGroup{caseID, []bundle{{path: path, upload: u, labels: labels}}}, x.opt)
	switch {
	case err != nil:
		return Filed{}, err
	case len(again) > 0:
		return Filed{Busy: true}, nil
	}
	r := <-told
	return Filed{Status: r.Status, Why: strings.TrimSpace(r.Why), Case: r.Case, Found: r.Found, Busy: r.busy}, nil
}

// Report returns the report.json of a case; see [index.Reader].
func (x *Filing) Report(ctx context.Context, id string) ([]byte, error) {
	reader, err := x.batch.look(ctx)
	if err == nil && reader == nil {
		err = index.ErrNoCase
	}
	if err != nil {
		return nil, err
	}
	return reader.Report(ctx, id)
}

// Export writes a case as [index.Exporter] does, and returns the state that the case has; "" and nothing written if the archive can't do that.
func (x *Filing) Export(ctx context.Context, id string, w io.Writer) (state string, err error) {
	now, archive, err := x.batch.caseNow(ctx, id)
	if err == nil && now == nil {
		err = index.ErrNoCase
	}
	if err != nil {
		return "", err
	}
	exporter, ok := archive.(index.Exporter)
	if !ok {
		return "", nil
	}
	return now.State, exporter.Export(ctx, id, w)
}

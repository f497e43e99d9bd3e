// Package casebook analyses support bundles offline: it opens an upload, reads every member once, joins what it finds into facts of
// each system, runs the checks over them and writes a report that names the cause with its evidence.
//
// [Analyze] is the whole way of the data on one page.
package casebook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/index"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/ingest/logs"
)

// Options say how a case is analysed. The zero value analyses with all checks and the default limits and writes nothing.
type Options struct {
	Case    string            // the case's ID; "" for the first upload's SHA-256
	Host    string            // the computer that artifacts without any identity come from
	At      time.Time         // the incident; zero if not known
	Checks  []*findings.Check // nil means all
	Limits  ingest.Limits
	Workers int           // members read side by side; 0 means one for each processor
	Index   index.Creator // the archive to which the case is added; nil for none
	Entry   index.Entry   // what the archive files with the case
	Version string        // of casebook

	Passwords   []string                                        // of encrypted archives; each is tried
	AskPassword func(archive string) (password string, ok bool) // asks for a further one; may be nil

	Progress func(ingest.Progress) // may be nil
	Log      *slog.Logger          // nil discards
}

// UnusableError says that uploads could not be analysed at all.
type UnusableError struct {
	Reasons []error // one for each such upload, in their order
	All     bool    // no upload could be analysed
}

// Error gives the reasons, one in a line.
func (e *UnusableError) Error() string { return errors.Join(e.Reasons...).Error() }

// Unwrap returns the reasons.
func (e *UnusableError) Unwrap() []error { return e.Reasons }

// ArchiveError says that the archive could not be written. The uploads are not to blame.
type ArchiveError struct{ Err error }

// Error is that of the archive.
func (e *ArchiveError) Error() string { return e.Err.Error() }

// Unwrap returns the archive's error.
func (e *ArchiveError) Unwrap() error { return e.Err }

// Analyze reads uploads as one case and returns its report. With an [UnusableError] there is a report too: of the uploads that could be
// analysed, and of what is known of the others, which stand among its problems. With every other error the report is nil.
func Analyze(ctx context.Context, uploads []string, opt Options) (*findings.Report, error) {
	return analyze(ctx, nil, uploads, opt)
}

// analyze is Analyze of what a case stores, nil for nothing, and of uploads that come after it.
func analyze(ctx context.Context, from *index.Sources, uploads []string, opt Options) (*findings.Report, error) {
	a, err := newAnalysis(opt)
	if err != nil {
		return nil, err
	}
	opened := make([]*ingest.Bundle, len(uploads)) // nil where the upload could not be opened
	reasons := make([]error, len(uploads))
	var bundles []*ingest.Bundle
	var problems []ingest.Problem
	if from != nil {
		b, unopened, err := stored(from)
		if err != nil {
			return nil, err
		}
		bundles, problems = append(bundles, b), unopened
		a.stored.Uploads, a.stored.Volume = slices.Clone(from.Uploads), from.Volume
	}
	defer func() {
		for _, b := range bundles {
			_ = b.Close() // only temporary files are left to lose
		}
	}()
	for i, u := range uploads {
		b, err := ingest.Open(ctx, u, a.in)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			reasons[i] = err
			p := openProblem(u, err)
			if from != nil || len(uploads) > 1 {
				p.Artifact = filepath.Base(u) // as of uploads that are opened
			}
			problems = append(problems, p)
		default:
			opened[i], bundles = b, append(bundles, b)
		}
	}
	for _, b := range opened {
		if b != nil {
			a.stored.Volume += b.Volume()
		}
	}
	defer a.abort()
	contents, err := a.read(ctx, bundles)
	if from != nil {
		err = cmp.Or(from.Err(), err)
	}
	if err != nil {
		return nil, err
	}
	if contents.Kept != nil {
		contents.Kept.Problems = slices.Concat(problems, contents.Kept.Problems)
	}
	usable := from != nil
	for i, u := range uploads {
		b := opened[i]
		if b == nil {
			a.stored.Uploads = append(a.stored.Uploads, unreadable(u))
			continue
		}
		a.stored.Uploads = append(a.stored.Uploads, findings.Upload{Name: b.Name, SHA256: b.SHA256, Bytes: b.Bytes, Format: b.Format})
		if b.Useless != "" {
			reasons[i] = fmt.Errorf("analyse %q: %s", u, b.Useless)
		} else {
			usable = true
		}
	}
	report, err := a.evaluate(ctx, contents, append(problems, contents.Problems...))
	if err != nil {
		return nil, err
	}
	if usable {
		if err := a.publish(ctx, contents, report); err != nil {
			return nil, err
		}
	}
	if reasons = slices.DeleteFunc(reasons, func(err error) bool { return err == nil }); len(reasons) > 0 {
		return report, &UnusableError{Reasons: reasons, All: !usable}
	}
	return report, nil
}

// analysis is one way of the data: it is read, evaluated and published.
type analysis struct {
	opt       Options
	in        ingest.Options
	collector *facts.Collector
	notes     *findings.Notebook
	archive   index.CaseWriter // nil for none
	keeper    *keeper          // nil if the archive does not store sources
	stored    index.Stored
}

func newAnalysis(opt Options) (*analysis, error) {
	if opt.Checks == nil {
		opt.Checks = checks.All()
	}
	collector, err := facts.NewCollector(checks.Signals(opt.Checks), checks.Watches(opt.Checks))
	if err != nil {
		return nil, fmt.Errorf("compile signals: %w", err)
	}
	a := &analysis{opt: opt, collector: collector, notes: &findings.Notebook{}, stored: index.Stored{Case: opt.Case, Host: opt.Host, At: opt.At}, in: ingest.Options{
		Limits: opt.Limits, Workers: opt.Workers, Readers: logs.All(), Extractors: extract.All(),
		Passwords: opt.Passwords, AskPassword: opt.AskPassword,
		Locales:  locales,
		Progress: opt.Progress, Log: opt.Log,
	}}
	a.in.NewSink = discreet(func(x *ingest.Artifact) ingest.Sink { return sinks{collector.Sink(x)}.with(a.notes.Sink(x)) })
	return a, nil
}

// abort gives the case in the archive up; after its publication it does nothing.
func (a *analysis) abort() {
	if a.archive != nil {
		_ = a.archive.Abort() // the error at hand matters more
	}
}

// read reads the bundles, with the archive among the sinks if there is one.
func (a *analysis) read(ctx context.Context, bundles []*ingest.Bundle) (*ingest.Contents, error) {
	a.collector.Expect(a.stored.Volume)
	if a.opt.Index != nil && len(bundles) > 0 {
		w, err := a.opt.Index.Create(ctx, a.opt.Entry)
		if err != nil {
			return nil, &ArchiveError{err}
		}
		a.archive = w
		a.in.NewSink = discreet(func(x *ingest.Artifact) ingest.Sink {
			return sinks{a.collector.Sink(x), w.Artifact(x)}.with(a.notes.Sink(x))
		})
		if s, ok := w.(index.SourceWriter); ok {
			a.keeper = &keeper{to: s, left: maxSources}
			a.in.Keep = a.keeper.keep
		}
	}
	return ingest.Read(ctx, bundles, a.in)
}

// evaluate makes the report of what was read. problems are all that arose so far.
func (a *analysis) evaluate(ctx context.Context, contents *ingest.Contents, problems []ingest.Problem) (*findings.Report, error) {
	problems = facts.Replay(contents.Extracted, problems)
	if contents.Kept != nil {
		settle(contents.Kept, problems)
	}
	systems, odd := facts.Build(contents.Artifacts, contents.Extracted, a.collector, a.opt.Host)
	problems = append(problems, odd...)
	found, odd, err := findings.Run(ctx, a.opt.Checks, systems)
	if err != nil {
		return nil, err
	}
	return findings.Assemble(findings.Case{
		Tool: findings.Tool{Name: "casebook", Version: a.opt.Version}, ID: a.opt.Case, At: a.opt.At, Uploads: a.stored.Uploads, Systems: systems,
		Artifacts: contents.Artifacts, Findings: found, Problems: append(problems, odd...), Notes: a.notes,
	}), nil
}

// publish completes the case in the archive, if there is one, and makes it visible.
func (a *analysis) publish(ctx context.Context, contents *ingest.Contents, report *findings.Report) error {
	if a.archive == nil {
		return nil
	}
	if a.keeper != nil {
		if a.keeper.err != nil {
			return &ArchiveError{a.keeper.err}
		}
		a.stored.Kept = *contents.Kept
		a.keeper.to.Store(&a.stored)
	}
	if err := publish(ctx, a.archive, contents, report); err != nil {
		return &ArchiveError{err}
	}
	return nil
}

// discreet keeps the lines of files that hold keys from sinks: they are read as typed values only, so that no key gets into a quote or
// an index.
func discreet(sink func(*ingest.Artifact) ingest.Sink) func(*ingest.Artifact) ingest.Sink {
	return func(a *ingest.Artifact) ingest.Sink {
		if a.Kind == ingest.KindSylink {
			return nil
		}
		return sink(a)
	}
}

// openProblem is the problem of an upload that can't be opened. It names no folder of the analysing machine.
func openProblem(upload string, err error) ingest.Problem {
	reason := err.Error()
	if open := (*ingest.OpenError)(nil); errors.As(err, &open) {
		reason = fmt.Sprintf("open %q: %s", filepath.Base(upload), open.Reason())
	}
	return ingest.Problem{Stage: ingest.StageOpen, Message: reason, Refused: ingest.RefusalOf(err), Cut: ingest.CutOf(err)}
}

// unreadable is an upload of which nothing is known but its name.
func unreadable(upload string) findings.Upload {
	return findings.Upload{Name: filepath.Base(upload), Format: ingest.FormatUnreadable}
}

// publish adds what is no record to the case's index and makes the case visible.
func publish(ctx context.Context, w index.CaseWriter, contents *ingest.Contents, report *findings.Report) error {
	for _, e := range contents.Extracted {
		h, ok := e.Value.(*hive.Hive)
		if !ok {
			continue
		}
		if err := w.Registry(e.Artifact.Path, e.Kind, registryValues(ctx, h)); err != nil {
			return err
		}
	}
	for _, a := range contents.Artifacts {
		if a.Withdrawn {
			w.Withdraw(a.Path)
		}
	}
	if err := w.Report(report, func(f io.Writer) error { return WriteReport(f, report) }); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// registryValues yields the values of a hive as the index wants them.
func registryValues(ctx context.Context, h *hive.Hive) iter.Seq[index.RegistryValue] {
	return func(yield func(index.RegistryValue) bool) {
		_ = h.Walk(func(k *hive.Key) error { // the only errors are those that end the walk on purpose
			key := k.Path()
			for _, v := range k.Values() {
				if !yield(index.RegistryValue{Key: key, Name: v.Name, Type: v.Type.String(), Data: v.Display(), Line: v.Line}) {
					return context.Canceled
				}
			}
			return ctx.Err()
		})
	}
}

// locales says what the registries that were read tell of the machine that a path belongs to.
func locales(read []ingest.Extracted) func(path string) ingest.Locale {
	_ = facts.Replay(read, nil) // in the list at hand; what can't be replayed is said when all is read
	return facts.Group(read).Prepare().Locale
}

// Unfinished is the report of uploads whose analysis was given up; why is the problem that says so.
func Unfinished(uploads []string, why string, opt Options) *findings.Report {
	c := findings.Case{
		Tool: findings.Tool{Name: "casebook", Version: opt.Version}, ID: opt.Case, At: opt.At,
		Problems: []ingest.Problem{{Stage: ingest.StageRead, Message: why}},
	}
	for _, u := range uploads {
		c.Uploads = append(c.Uploads, unreadable(u))
	}
	selected := opt.Checks
	if selected == nil {
		selected = checks.All()
	}
	// Without facts every check is not evaluated, which Run says in its own words; nothing in it can be interrupted.
	c.Findings, _, _ = findings.Run(context.Background(), selected, []*facts.Facts{{Registry: &hive.Registry{}}})
	return findings.Assemble(c)
}

// sinks hands what an artifact holds to several sinks.
type sinks []ingest.Sink

// with returns the sinks and one more, which may be nil.
func (s sinks) with(more ingest.Sink) ingest.Sink {
	if more != nil {
		s = append(s, more)
	}
	return s
}

// Records implements ingest.Sink.
func (s sinks) Records(batch []ingest.Record) {
	for _, x := range s {
		x.Records(batch)
	}
}

// Done implements ingest.Sink.
func (s sinks) Done(a *ingest.Artifact) {
	for _, x := range s {
		x.Done(a)
	}
}

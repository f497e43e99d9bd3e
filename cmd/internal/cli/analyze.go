package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/diff"
	"casebook/findings/redact"
	"casebook/index"
	"casebook/ingest"
	"casebook/web"
)

// analyzeFlags are the flags of analyze.
type analyzeFlags struct {
	out, caseID, host, at, archive, failOn string
	only, passwords, passwordFiles, packs  []string
	noArchive, redact, single, beside      bool // beside: reports go beside the bundles, where out names no folder
	since                                  string
	earlier                                *findings.Report // that since names
	logs                                   web.Logs
	format                                 string
	timeout                                time.Duration
	workers                                int
	limits                                 ingest.Limits
	maxBytes, maxMember                    string
}

func (a *App) analyze() *cobra.Command {
	f := new(analyzeFlags)
	c := a.analyzeInto(f)
	c.RunE = func(c *cobra.Command, args []string) error { return a.runAnalyze(c.Context(), args, *f) }
	return c
}

// analyzeInto is the command without what it does: its flags set f, which has their defaults from then on.
func (a *App) analyzeInto(f *analyzeFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "analyze BUNDLE…",
		Short: "Analyse bundles and write a report of each",
		Long: `Analyses each bundle (a zip, 7z, rar, tar or cabinet, a folder, a loose log, hive or registry export) and writes DIR/index.html,
DIR/report.json and the case's index. Without -o the report goes to ./NAME-report. With several bundles each has its own folder below DIR; with --case they
are one case, whose facts are joined. If the archive of --archive has that case with other uploads, they are one with these: they are read where the archive has kept them,
and otherwise what the case stores of them.

Beside the page lie request.txt, the request to the customer, and note.txt for the ticket: a line for each confirmed or suspected cause,
  [Confirmed, active, high] cause · host · file:line "quote" · next step · still needed · version, upload
with the beginning of the upload's SHA-256, and a last line with the whole of it.

` + exitHelp,
		Example: `  casebook analyze ticket-48213.zip
  casebook analyze ticket.zip -o report --fail-on high
  casebook analyze first.zip reply.zip --case 48213`,
		Args: exactly(1, -1, "one or more bundles"),
	}
	fs := c.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "write the report to the folder `DIR` (default ./NAME-report)")
	fs.StringVar(&f.caseID, "case", "", "the bundles are one case with this `ID`")
	fs.StringVar(&f.archive, "archive", os.Getenv("CASEBOOK_ARCHIVE"), "add the case to the archive in `DIR` instead of the report folder's own; also $CASEBOOK_ARCHIVE")
	fs.BoolVar(&f.noArchive, "no-archive", false, "no search index, and no pages of logs")
	fs.BoolVar(&f.redact, "redact", false, "replace users, computers, addresses, SIDs, GUIDs and mail addresses by pseudonyms and take out passwords; writes no index and no pages of logs")
	fs.BoolVar(&f.single, "single-file", false, "write the report as one index.html of at most 5 MB, with the logs cut to what is around the evidence, and no index beside it")
	fs.StringVar(&f.since, "since", "", "also say what has changed since the earlier `REPORT` (report.json or its folder, also the one that is replaced)")
	fs.StringVar(&f.format, "format", "", "print the report in this `FORM` on stdout: text, md, json, csv or timesketch (default text)")
	fs.StringVar((*string)(&f.logs), "logs", string(web.LogsEvidence), "show these logs as pages of the report: `evidence` (those that it cites, and a summary of the others), all or none")
	f.analysis(c)
	return c
}

// analysis adds the flags that every analysis has.
func (f *analyzeFlags) analysis(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.failOn, "fail-on", "", "exit with 1 if a confirmed finding has at least this `SEVERITY`: critical, high, medium, low or info")
	fs.StringSliceVar(&f.only, "only", nil, "run only the checks with these `ID`s, separated by commas")
	fs.StringArrayVar(&f.packs, "checks", nil, packsHelp)
	fs.StringVar(&f.at, "at", "", "`TIME` of the incident, e.g. 2012-03-08T21:16 or 2012-03-08T21:16:55+01:00")
	fs.StringVar(&f.host, "host", "", "files that name no computer come from the computer `NAME`")
	passwordFlags(c, &f.passwords, &f.passwordFiles)
	fs.DurationVar(&f.timeout, "timeout", 0, "give up on a report after this `TIME`, e.g. 10m (default none)")
	fs.IntVar(&f.workers, "workers", 0, "read `N` members side by side (default one for each processor)")
	fs.StringVar(&f.maxBytes, "max-bytes", "64GiB", "read at most `SIZE` decoded bytes of a bundle")
	fs.StringVar(&f.maxMember, "max-member", "16GiB", "read at most `SIZE` decoded bytes of one member")
	fs.IntVar(&f.limits.MaxFiles, "max-files", ingest.Limits{}.WithDefaults().MaxFiles, "read at most `N` members of a bundle, nested ones included")
	fs.IntVar(&f.limits.MaxDepth, "max-depth", ingest.Limits{}.WithDefaults().MaxDepth, "open archives within archives at most `N` deep")
	fs.Int64Var(&f.limits.MaxRatio, "max-ratio", ingest.Limits{}.WithDefaults().MaxRatio, "stop at `N` decoded bytes for each packed one, beyond the first 64 MiB of a member")
}

// checkFailOn says what is wrong with --fail-on.
func (f *analyzeFlags) checkFailOn() error {
	if f.failOn != "" && !slices.Contains(findings.Severities(), findings.Severity(f.failOn)) {
		return usagef("--fail-on is critical, high, medium, low or info, not %q", f.failOn)
	}
	return nil
}

// job is one report to make.
type job struct {
	uploads []string
	out     string
}

func (a *App) runAnalyze(ctx context.Context, args []string, f analyzeFlags) error {
	opt, err := f.options(a.Version)
	if err != nil {
		return err
	}
	if err := f.checkFailOn(); err != nil {
		return err
	}
	if !slices.Contains([]web.Logs{web.LogsEvidence, web.LogsAll, web.LogsNone}, f.logs) {
		return usagef("--logs is evidence, all or none, not %q", f.logs)
	}
	if f.single && f.logs != web.LogsEvidence {
		return usagef("--single-file shows the logs around the evidence; --logs can't be had with it")
	}
	if f.since != "" && f.caseID == "" && len(args) > 1 {
		return usagef("--since compares one report; analyse one bundle, or several as one --case")
	}
	if f.redact && f.logs == web.LogsAll {
		return usagef("--redact shows no logs, so that --logs all can't be had with it")
	}
	if f.format != "" {
		if err := checkForm(f.format, analyzeForms); err != nil {
			return err
		}
		if a.json && f.format != formJSON {
			return usagef("--json and --format %s exclude each other", f.format)
		}
	}
	if f.since != "" {
		if f.earlier, err = readReport(f.since); err != nil {
			return usageError{err}
		}
	}
	opt.Log, opt.AskPassword = a.log(), a.askPassword()
	opt.Entry = index.Entry{Added: time.Now().UTC().Truncate(time.Second), Waiting: a.waiting}
	jobs := plan(args, f)
	for _, j := range jobs {
		if err := j.check(f); err != nil {
			return usageError{err}
		}
	}
	target := memory{base: indexTarget, member: indexMember}
	if f.noArchive {
		target = memory{base: memoryTarget, member: memoryMember}
	}
	bounded := target.bound()
	read, unread, gave := 0, 0, false
	for i, j := range jobs {
		if bounded {
			opt.Progress = target.progress()
		}
		report, changes, dir, err := a.analyzeOne(ctx, j, f, opt)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return fmt.Errorf("interrupted; there is no report of %s", quoted(uploads(jobs[i:])))
		}
		var unusable *casebook.UnusableError
		switch {
		case err != nil && report == nil:
			if f.redact {
				err = redacted(err, redact.New(casebook.Unfinished(j.uploads, err.Error(), opt)))
			}
			a.complain(err)
			unread += len(j.uploads)
		case errors.As(err, &unusable):
			for _, r := range unusable.Reasons {
				a.complain(r)
			}
			unread += len(unusable.Reasons)
			read += len(j.uploads) - len(unusable.Reasons)
		case err != nil:
			a.complain(err)
			unread += len(j.uploads)
		default:
			read += len(j.uploads)
			gave = gave || f.failOn != "" && reaches(report, findings.Severity(f.failOn))
		}
		if report == nil || dir == "" && !a.json {
			continue
		}
		if i > 0 && !a.json && f.format == "" {
			fmt.Fprintln(a.out)
		}
		if err := a.print(f.format, report, dir, err == nil || unusable != nil && !unusable.All); err != nil {
			return err
		}
		a.tellChanges(f.format, changes, dir)
	}
	switch {
	case read == 0:
		a.code = exitNone
	case unread > 0:
		a.code = exitSome
	case gave:
		a.code = exitFindings
	}
	return nil
}

// memory is what an analysis keeps below where it can. Without a target the garbage collector lets the heap grow to twice what is in use, which with
// the matches of thousands of logs is more than the rest of the program takes.
type memory struct {
	base   int64 // bytes
	member int64 // bytes for each member: what is kept of 100,000 has no room in base, and the garbage collector would run all the time in vain
}

// The targets, without an index and with one.
const (
	memoryTarget = 232 << 20
	memoryMember = 2 << 10
	indexTarget  = 400 << 20
	indexMember  = 4 << 10
)

// bound makes the garbage collector run more often near the target and reports that it does, unless GOMEMLIMIT says otherwise. It is no hard
// bound: the runtime gives collecting at most half of the processors.
func (m memory) bound() bool {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return false
	}
	debug.SetMemoryLimit(m.base)
	return true
}

// both returns what tells two of the progress; the first may be nil.
func both(first, second func(ingest.Progress)) func(ingest.Progress) {
	if first == nil {
		return second
	}
	return func(p ingest.Progress) {
		first(p)
		second(p)
	}
}

// progress returns what sets the target by the number of members, once it is known.
func (m memory) progress() func(ingest.Progress) {
	var once sync.Once
	return func(p ingest.Progress) {
		once.Do(func() { debug.SetMemoryLimit(m.base + m.member*int64(p.FilesTotal)) })
	}
}

// tellChanges prints what changed since an earlier report, behind a summary. Other forms hold the report alone.
func (a *App) tellChanges(form string, d *diff.Diff, dir string) {
	if d == nil || a.json || form != "" && form != formText {
		return
	}
	fmt.Fprintln(a.out)
	comparison{palette: a.paint(), page: a.page(), Diff: d}.write()
	if dir != "" {
		fmt.Fprintln(a.out, "\nComparison: "+printable(filepath.Join(relative(dir), casebook.ChangesFile)))
	}
}

// analyzeOne makes one report and returns it with what changed since an earlier one, nil if none was named, and the folder it is in, "" if there is none. Uploads that can't be analysed at all give
// an error; their report, which says so, is written where an output folder was named.
func (a *App) analyzeOne(ctx context.Context, j job, f analyzeFlags, opt casebook.Options) (*findings.Report, *diff.Diff, string, error) {
	out, err := casebook.NewOutput(j.out)
	if err != nil {
		return nil, nil, "", err
	}
	defer out.Discard()
	archive := ""
	if !f.noArchive && !f.redact {
		if archive = cmp.Or(f.archive, out.ArchivePath()); scheme(archive) == "" {
			opt.Index = index.Dir(archive)
		} else {
			s, err := a.store(ctx, archive)
			if err != nil {
				return nil, nil, "", err
			}
			defer func() { _ = s.Close() }() // the case is complete when it was committed
			opt.Index = s
		}
	}
	limited := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	earlier, further := earlierUploads{}, j.uploads
	if f.caseID != "" && f.archive != "" && scheme(archive) == "" && archive != "" {
		earlier, further, err = a.joining(ctx, archive, f.caseID, j.uploads, &opt)
		defer earlier.done()
		if err != nil {
			return nil, nil, "", err
		}
	}
	p := a.progress(baseNames(j.uploads))
	opt.Progress = both(opt.Progress, p.update)
	report, unusable := earlier.analyse(limited, further, opt)
	p.done()
	if unusable != nil && report == nil {
		if ctx.Err() != nil || !errors.Is(unusable, context.DeadlineExceeded) {
			return nil, nil, "", unusable
		}
		why := fmt.Sprintf("not done after %s; --timeout sets the time", f.timeout)
		report, unusable = casebook.Unfinished(j.uploads, why, opt), fmt.Errorf("analyse %s: %s", quoted(j.uploads), why)
	}
	full := report
	var names *redact.Redactor
	if f.redact {
		names = redact.New(report)
		if f.earlier != nil {
			names = redact.New(report, f.earlier)
		}
		report, unusable = names.Report(report), redacted(unusable, names)
	}
	var u *casebook.UnusableError
	analysed := unusable == nil || errors.As(unusable, &u) && !u.All
	if !analysed && f.out == "" {
		return report, nil, "", unusable
	}
	var changes *diff.Diff
	if f.earlier != nil && analysed {
		changes = compared(f.earlier, full, names)
		if err := out.WriteDiff(changes); err != nil {
			return nil, nil, "", err
		}
	}
	var indexed func() (index.Reader, error)
	if analysed && archive != "" {
		indexed = func() (index.Reader, error) { return a.openArchive(ctx, archive) }
	}
	if f.single {
		err = out.WriteSingle(ctx, report, indexed)
	} else {
		err = out.Write(ctx, report, indexed, f.logs)
	}
	if err != nil {
		return nil, nil, "", err
	}
	dir, err := out.Commit()
	if err != nil {
		return nil, nil, "", err
	}
	return report, changes, dir, unusable
}

// redacted returns what is said of uploads that could not be analysed, without names.
func redacted(err error, names *redact.Redactor) error {
	var u *casebook.UnusableError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &u):
		return errors.New(names.Message(err.Error()))
	}
	out := &casebook.UnusableError{All: u.All}
	for _, r := range u.Reasons {
		out.Reasons = append(out.Reasons, errors.New(names.Message(r.Error())))
	}
	return out
}

// check says what is wrong with the places that a job writes to, before any work is done.
func (j job) check(f analyzeFlags) error {
	places := map[string]string{"-o": j.out}
	if f.archive != "" && !f.noArchive && scheme(f.archive) == "" {
		places["--archive"] = f.archive
	}
	for _, u := range j.uploads {
		for _, flag := range []string{"-o", "--archive"} {
			if dir := places[flag]; dir != "" && within(dir, u) {
				return fmt.Errorf("%q lies within the bundle %q, which is left as it is; name a folder elsewhere with %s", dir, u, flag)
			}
		}
	}
	return casebook.CheckOutput(j.out)
}

// within tells whether a folder that may not exist yet is another folder or lies below it, whatever links lead there.
func within(dir, folder string) bool {
	if scheme(dir) != "" {
		return false // a store is in no folder
	}
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false
	}
	outer, err := os.Stat(folder)
	if err != nil || !outer.IsDir() {
		return false
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false
	}
	for {
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			dir = target
		}
		if inner, err := os.Stat(dir); err == nil && os.SameFile(inner, outer) {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

// uploads returns the uploads of jobs.
func uploads(jobs []job) []string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.uploads...)
	}
	return out
}

// quoted lists names for a message.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, ", ")
}

// baseNames lists uploads without their folders.
func baseNames(uploads []string) string {
	out := make([]string, len(uploads))
	for i, u := range uploads {
		out[i] = filepath.Base(u)
	}
	return strings.Join(out, ", ")
}

// options turns flags into options for this version of casebook.
func (f analyzeFlags) options(version string) (casebook.Options, error) {
	opt := casebook.Options{Case: f.caseID, Host: f.host, Limits: f.limits, Workers: f.workers, Version: version}
	var err error
	if opt.Limits.MaxBytes, err = parseSize("--max-bytes", f.maxBytes); err != nil {
		return opt, err
	}
	if opt.Limits.MaxMember, err = parseSize("--max-member", f.maxMember); err != nil {
		return opt, err
	}
	for _, n := range []struct {
		flag  string
		value int64
	}{{"--max-files", int64(f.limits.MaxFiles)}, {"--max-depth", int64(f.limits.MaxDepth)}, {"--max-ratio", f.limits.MaxRatio}} {
		if n.value < 1 {
			return opt, usagef("%s takes a number from 1 on, not %d", n.flag, n.value)
		}
	}
	if opt.Passwords, err = readPasswords(f.passwords, f.passwordFiles); err != nil {
		return opt, err
	}
	if f.workers < 0 {
		return opt, usagef("--workers takes a number from 0 on, not %d", f.workers)
	}
	if f.timeout < 0 {
		return opt, usagef("--timeout takes a time such as 10m, not %s", f.timeout)
	}
	if opt.At, err = parseTime(f.at); err != nil {
		return opt, err
	}
	all, err := allChecks(f.packs, f.archive)
	if err != nil {
		return opt, err
	}
	opt.Checks, err = selectChecks(all, f.only)
	return opt, err
}

// selectChecks returns those of the checks that have these IDs, all for none.
func selectChecks(all []*findings.Check, only []string) ([]*findings.Check, error) {
	if len(only) == 0 {
		return all, nil
	}
	var out []*findings.Check
	for _, id := range only {
		i := slices.IndexFunc(all, func(c *findings.Check) bool { return c.ID == id })
		if i < 0 {
			return nil, noCheck(id, all)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// plan says which reports are made of which uploads, and where.
func plan(args []string, f analyzeFlags) []job {
	if f.caseID != "" {
		return []job{{args, orDefault(f.out, fileName(f.caseID)+"-report")}}
	}
	if len(args) == 1 {
		return []job{{args, orDefault(f.out, f.place(args[0], stem(args[0])))}}
	}
	var jobs []job
	used := map[string]int{}
	for _, u := range args {
		name := stem(u)
		used[strings.ToLower(name)]++
		if n := used[strings.ToLower(name)]; n > 1 {
			name = fmt.Sprintf("%s~%d", name, n)
		}
		if f.out != "" {
			jobs = append(jobs, job{[]string{u}, filepath.Join(f.out, name)})
		} else {
			jobs = append(jobs, job{[]string{u}, f.place(u, name)})
		}
	}
	return jobs
}

// place is the folder of an upload's report where none is named.
func (f analyzeFlags) place(upload, name string) string {
	name += "-report"
	if f.beside {
		if abs, err := filepath.Abs(upload); err == nil {
			return filepath.Join(filepath.Dir(abs), name)
		}
	}
	return name
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// stem is an upload's file name without its archive extension.
func stem(upload string) string {
	abs, err := filepath.Abs(upload)
	if err != nil {
		abs = upload
	}
	name := filepath.Base(abs)
	for _, ext := range []string{".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".cab"} {
		if len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
			return name[:len(name)-len(ext)]
		}
	}
	return name
}

// fileName makes a case ID fit for a folder's name.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, id)
}

// reaches reports whether a confirmed finding is at least as severe as s.
func reaches(r *findings.Report, s findings.Severity) bool {
	all := findings.Severities()
	return slices.ContainsFunc(r.Findings, func(f findings.Finding) bool {
		return f.Verdict == findings.Confirmed && slices.Index(all, f.Severity) <= slices.Index(all, s)
	})
}

// parseSize reads a number of bytes such as 500MB or 64GiB.
func parseSize(flag, s string) (int64, error) {
	units := []struct {
		suffix string
		n      int64
	}{
		{"kib", 1 << 10},
		{"mib", 1 << 20},
		{"gib", 1 << 30},
		{"tib", 1 << 40},
		{"kb", 1e3},
		{"mb", 1e6},
		{"gb", 1e9},
		{"tb", 1e12},
		{"k", 1 << 10},
		{"m", 1 << 20},
		{"g", 1 << 30},
		{"t", 1 << 40},
		{"b", 1},
		{"", 1},
	}
	low := strings.ToLower(strings.ReplaceAll(s, " ", ""))
	for _, u := range units {
		digits, ok := strings.CutSuffix(low, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 62)
		if err != nil || n < 1 || int64(n) > (1<<62)/u.n {
			break
		}
		return int64(n) * u.n, nil
	}
	return 0, usagef("%s is a number of bytes such as 500MB or 64GiB, not %q", flag, s)
}

// parseTime reads --at; a time without an offset is taken as UTC.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--at is a time such as 2012-03-08T21:16 or 2012-03-08T21:16:55+01:00, not %q", s)
}

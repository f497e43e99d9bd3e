package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

const labelHelp = "the named groups of the regular expression `PATTERN` are labels of the case; repeatable"

// batchFlags are the flags of batch.
type batchFlags struct {
	analyzeFlags
	jobs                int
	dirs, keep, watch   bool
	labels              []string
	caseFrom            string
	onCase              string
	onCaseTime, settled time.Duration
	every               time.Duration
}

func (a *App) batch() *cobra.Command {
	var f batchFlags
	c := &cobra.Command{
		Use:   "batch PATH… --archive DIR",
		Short: "Analyse every bundle below folders into a searchable archive",
		Long: `Analyses every bundle below the paths into an archive: archives of every kind that analyze reads, saved mails, registry hives and their exports. Links are not followed. A
path that is a file is taken whatever it is; with --dirs each folder directly below a path is a bundle. The path - reads a list of files and folders from stdin,
one in a line; each is a bundle.

A bundle that the archive holds already (by its SHA-256) is skipped; labels that it lacks are added to its case. A bad bundle is listed at the end and does not keep the others. Several
batches, searches and readers may use one archive at the same time. What an interrupted or killed batch has finished is in the archive; the same command does the rest.

--label takes fields of the case from a bundle's path (with / between folders): each named group of the regular expression, such as
(?P<ticket>INC\d+), is a label. With --case-from ticket the bundles that share this label are one case. If one comes later, the case is evaluated anew with all its uploads,
which are therefore kept in the archive, and the verdicts that changed are listed. Where an earlier upload is not at hand, what the case stores of its uploads is read in its place.

--on-case runs a program when a case is done, with the path of its report.json as the only argument, and CASEBOOK_CASE, CASEBOOK_ARCHIVE, CASEBOOK_REPORT and CASEBOOK_STATUS
(analysed or partly-read) in its environment. No shell is involved. Where the archive is no folder, the file is a copy that is removed when the program has ended.

` + exitHelp,
		Example: `  casebook batch /srv/attachments --archive /srv/cases
  casebook batch /srv/attachments --archive /srv/cases --label '/(?P<customer>[^/]+)/(?P<ticket>INC\d+)' --case-from ticket
  find /mnt -name '*.zip' -mtime -1 | casebook batch - --archive /srv/cases -j 4
  casebook batch /srv/drop --archive /srv/cases --watch --on-case /usr/local/bin/file-report`,
		Args: exactly(1, -1, "one or more folders or bundles"),
		RunE: func(c *cobra.Command, args []string) error { return a.runBatch(c.Context(), args, f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.archive, "archive", os.Getenv(archiveVariable), "the archive in `DIR`, which is made if it is not there; also $CASEBOOK_ARCHIVE")
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "analyse `N` cases side by side (default one for each processor)")
	fs.BoolVar(&f.dirs, "dirs", false, "each folder directly below a path is a bundle")
	fs.StringArrayVar(&f.labels, "label", nil, labelHelp)
	fs.StringVar(&f.caseFrom, "case-from", "", "bundles with the same value of the label `NAME` are one case of that ID; implies --keep-uploads")
	fs.BoolVar(&f.keep, "keep-uploads", false, "copy the uploads into the archive, so that cases can be evaluated anew")
	fs.StringVar(&f.onCase, "on-case", "", "run the program `CMD` with the report.json of each finished case")
	fs.DurationVar(&f.onCaseTime, "on-case-timeout", time.Minute, "stop that program after this `TIME`")
	fs.BoolVar(&f.watch, "watch", false, "go on and take what is put below the paths, until interrupted")
	fs.DurationVar(&f.settled, "settle", 10*time.Second, "with --watch: take a file when it has not changed for this `TIME`")
	fs.DurationVar(&f.every, "every", 5*time.Second, "with --watch: look every `TIME`")
	f.analysis(c)
	return c
}

func (a *App) runBatch(ctx context.Context, args []string, f batchFlags) error {
	b, err := a.newBatch(args, f)
	if err != nil {
		return err
	}
	b.boundMemory()
	err = b.run(ctx)
	if err := b.report(); err != nil {
		return err
	}
	a.code = b.status()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; the same command does the rest")
	case err != nil: // the archive can't be used, so that the rest was not analysed
		a.code = exitNone
		if t := b.total(); t.Analysed+t.PartlyRead+t.Skipped > 0 {
			a.code = exitSome
		}
		return fmt.Errorf("%w; the same command does the rest when that is mended", err)
	}
	return nil
}

// boundMemory sets the target for the memory of all workers together.
func (b *batch) boundMemory() {
	b.memory = memory{base: int64(b.jobs) * indexTarget, member: int64(b.jobs) * indexMember}
	b.bounded = b.memory.bound()
}

// newBatch checks the flags.
func (a *App) newBatch(args []string, f batchFlags) (*batch, error) {
	if f.archive == "" {
		return nil, usagef("no archive named: give --archive DIR or set CASEBOOK_ARCHIVE")
	}
	opt, err := f.options(a.Version)
	if err != nil {
		return nil, err
	}
	if err := f.checkFailOn(); err != nil {
		return nil, err
	}
	if f.jobs < 0 {
		return nil, usagef("-j takes a number from 0 on, not %d", f.jobs)
	}
	if f.onCaseTime <= 0 || f.settled < 0 || f.every <= 0 {
		return nil, usagef("--on-case-timeout, --settle and --every take a time such as 10s")
	}
	if f.watch && slices.Contains(args, "-") {
		return nil, usagef("--watch looks at folders; a list on stdin comes to its end")
	}
	b := &batch{app: a, err: &lockedWriter{w: a.err}, flags: f, opt: opt, paths: args, jobs: f.jobs, held: map[string]string{}, where: map[string]ingest.Upload{}}
	if b.jobs == 0 {
		b.jobs = runtime.GOMAXPROCS(0)
	}
	b.archive = f.archive
	if scheme(f.archive) == "" {
		if b.archive, err = filepath.Abs(f.archive); err != nil {
			return nil, err
		}
	}
	if b.patterns, err = labelPatterns(f.labels); err != nil {
		return nil, err
	}
	if scheme(f.archive) != "" && f.keep {
		return nil, folderOnly("--keep-uploads", f.archive, keptElsewhere)
	}
	if f.caseFrom != "" {
		b.flags.keep = scheme(f.archive) == "" // in a store the earlier uploads of a case must be among the paths
	}
	if err := b.checkCaseFrom(); err != nil {
		return nil, err
	}
	if err := areThere(args); err != nil {
		return nil, err
	}
	if f.onCase != "" {
		if b.hook, err = lookHook(f.onCase); err != nil {
			return nil, err
		}
	}
	b.opt.Log = a.log()
	return b, nil
}

// checkCaseFrom says what is wrong with --case-from.
func (b *batch) checkCaseFrom() error {
	name := b.flags.caseFrom
	if name != "" && !slices.ContainsFunc(b.patterns, func(p *regexp.Regexp) bool { return slices.Contains(p.SubexpNames(), name) }) {
		return usagef("--case-from %s: no --label has a group (?P<%s>…)", name, name)
	}
	return nil
}

// areThere says which of the paths is not there.
func areThere(paths []string) error {
	for _, p := range paths {
		if p == "-" {
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return usagef("there is no %q to analyse", p)
		}
	}
	return nil
}

// labelPatterns compiles the values of --label.
func labelPatterns(texts []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, text := range texts {
		p, err := regexp.Compile(text)
		if err != nil {
			return nil, usagef("--label %q is no regular expression: %s", text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		if !slices.ContainsFunc(p.SubexpNames(), func(s string) bool { return s != "" }) {
			return nil, usagef("--label %q has no named group such as (?P<ticket>INC[0-9]+)", text)
		}
		out = append(out, p)
	}
	return out, nil
}

// labelsOf takes the labels of a bundle from its path.
func labelsOf(path string, patterns []*regexp.Regexp) index.Labels {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	var out index.Labels
	for _, p := range patterns {
		m := p.FindStringSubmatch(path)
		for i, name := range p.SubexpNames() {
			if m != nil && name != "" && m[i] != "" {
				out = out.Add(index.Labels{name: {m[i]}})
			}
		}
	}
	return out
}

// status is the exit status that the contract gives the results.
func (b *batch) status() int {
	read, unread, gave := 0, 0, false
	for _, r := range b.results {
		if r.Status == statusFailed {
			unread++
			continue
		}
		read++
		gave = gave || r.reaches
	}
	switch {
	case read == 0 && unread > 0:
		return exitNone
	case unread > 0:
		return exitSome
	case gave:
		return exitFindings
	}
	return exitOK
}

// batchTotal counts results.
type batchTotal struct {
	Analysed   int     `json:"analysed"`
	Skipped    int     `json:"skipped"`
	PartlyRead int     `json:"partly_read"`
	Failed     int     `json:"failed"`
	Bytes      int64   `json:"bytes"` // of the uploads that were analysed
	Seconds    float64 `json:"seconds"`
}

func (b *batch) total() batchTotal {
	t := batchTotal{Seconds: time.Since(b.start).Round(time.Millisecond).Seconds()}
	for _, r := range b.results {
		switch r.Status {
		case statusAnalysed:
			t.Analysed++
		case statusPartly:
			t.PartlyRead++
		case statusSkipped:
			t.Skipped++
			continue
		case statusFailed:
			t.Failed++
			continue
		}
		t.Bytes += r.Bytes
	}
	return t
}

// report prints the table at the end.
func (b *batch) report() error {
	t := b.total()
	if b.app.json {
		return writeLine(b.app.out, struct {
			Total batchTotal `json:"total"`
		}{t})
	}
	p, w := b.app.paint(), b.app.page()
	slices.SortStableFunc(b.results, func(x, y batchResult) int { return strings.Compare(x.Path, y.Path) })
	for _, s := range []struct {
		status, word string
		n            int
		colour       func(string) string
	}{
		{statusAnalysed, "analysed", t.Analysed, p.good},
		{statusSkipped, "skipped", t.Skipped, p.faint},
		{statusPartly, "partly read", t.PartlyRead, p.warn},
		{statusFailed, "failed", t.Failed, p.bad},
	} {
		w.line("", fmt.Sprintf("%s %5d", s.colour(pad(s.word, 12)), s.n))
		if s.status == statusAnalysed {
			continue
		}
		for _, r := range b.results {
			if r.Status == s.status && (s.status != statusSkipped || b.app.verbose) {
				w.paragraph("    ", "      ", printable(relative(r.Path))+": "+printable(r.Why))
			}
		}
	}
	for _, r := range b.results {
		if r.Earlier == earlierStored {
			w.paragraph("stored   ", "         ", printable(r.Case+": its earlier uploads are not at hand; what it stores of them was read"))
		}
		for _, c := range r.Changes {
			w.paragraph("changed  ", "         ", r.called+": "+printable(fmt.Sprintf("%s: %s", c.Check, stands(c))))
		}
		if r.Hook != "" {
			w.paragraph("on-case  ", "         ", r.called+": "+printable(r.Hook))
		}
	}
	if t.Seconds > 0 && t.Bytes > 0 {
		w.line("", p.faint(fmt.Sprintf("%s of uploads in %s, %s/s", size(t.Bytes), time.Since(b.start).Round(100*time.Millisecond), size(int64(float64(t.Bytes)/t.Seconds)))))
	}
	return nil
}

// verdictsOf counts what a report found, in words.
func verdictsOf(r *findings.Report) string {
	confirmed, suspected := 0, 0
	for _, f := range r.Findings {
		switch f.Verdict {
		case findings.Confirmed:
			confirmed++
		case findings.Suspected:
			suspected++
		case findings.RuledOut, findings.NotEvaluated:
		}
	}
	return fmt.Sprintf("%d confirmed, %d suspected", confirmed, suspected)
}

// partly says what of an upload could not be read, "" if all was.
func partly(r *findings.Report) string {
	n, first := 0, ""
	for _, p := range r.Problems {
		if !slices.Contains([]ingest.Stage{ingest.StageOpen, ingest.StageRead, ingest.StageLimit}, p.Stage) {
			continue
		}
		if n++; n == 1 {
			first = strings.TrimPrefix(p.Artifact+": "+p.Message, ": ")
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return first
	}
	return fmt.Sprintf("%s (and %d more)", first, n-1)
}

// isNotDone tells whether an error is that of a time that ran out.
func isNotDone(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

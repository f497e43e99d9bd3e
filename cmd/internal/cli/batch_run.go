package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"casebook"
	"casebook/findings"
	"casebook/findings/diff"
	"casebook/index"
	"casebook/ingest"
)

// What became of a bundle.
const (
	statusAnalysed = "analysed"
	statusPartly   = "partly-read"
	statusSkipped  = "skipped"
	statusFailed   = "failed"
)

// batchResult is what became of a bundle.
type batchResult struct {
	Path    string             `json:"path"`
	Status  string             `json:"status"`
	Why     string             `json:"why,omitempty"` // of all but the analysed
	Case    string             `json:"case,omitempty"`
	SHA256  string             `json:"sha256,omitempty"`
	Bytes   int64              `json:"bytes"`
	Labels  index.Labels       `json:"labels,omitempty"`
	Report  string             `json:"report,omitempty"`  // the case's report.json
	Found   string             `json:"found,omitempty"`   // how many findings, in words
	Earlier string             `json:"earlier,omitempty"` // stored, if what the case stores of its earlier uploads was read; else ""
	Changes []diff.FindingPair `json:"changes,omitempty"` // verdicts that changed with this upload
	Hook    string             `json:"hook,omitempty"`    // what went wrong with --on-case

	called  string // what people call the case; "" if there is none
	reaches bool   // a confirmed finding is as severe as --fail-on says
	busy    bool   // others write the case: later it could be analysed
}

// batch is one run of the command.
type batch struct {
	app      *App
	err      io.Writer // stderr, for several goroutines
	flags    batchFlags
	opt      casebook.Options
	paths    []string
	archive  string
	jobs     int
	patterns []*regexp.Regexp
	hook     *hook
	start    time.Time
	bar      *batchBar
	memory   memory
	bounded  bool                                                                            // memory holds
	members  atomic.Int64                                                                    // of the largest upload so far
	taken    func(batchResult)                                                               // is given the results; nil: they are kept and told
	stored   func(ctx context.Context, u index.Upload) (path string, done func(), err error) // gets an upload that a case has; nil: it is known or kept

	mu      sync.Mutex
	results []batchResult
	held    map[string]string        // the case of each upload that this run has begun to analyse, by SHA-256; "" as long as it is being analysed
	where   map[string]ingest.Upload // the files of each upload that this run has seen, by SHA-256
	reader  index.Reader
	tidied  func()        // ends the merging of small shards; nil where none is done
	came    chan struct{} // says that a case was published
}

// run analyses everything once, or until ctx ends with --watch.
func (b *batch) run(ctx context.Context) error {
	b.start = time.Now()
	defer b.close() //nolint:errcheck // it was only read
	if err := b.open(ctx); err != nil {
		return err
	}
	if !b.flags.watch {
		all, err := b.find(ctx)
		if err != nil {
			return err
		}
		if len(all) == 0 && !b.app.quiet {
			fmt.Fprintln(b.app.err, "casebook: there is no bundle below the paths")
		}
		return b.all(ctx, all)
	}
	seen, taken := map[string]mark{}, map[string]mark{}
	tick := time.NewTicker(b.flags.every)
	defer tick.Stop()
	for {
		all, err := b.find(ctx)
		if err != nil {
			return err
		}
		if err := b.all(ctx, b.settled(all, seen, taken)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// open says where cases go. An archive in a folder is made with its first case, and its small shards are merged until close is called.
func (b *batch) open(ctx context.Context) error {
	if scheme(b.archive) == "" {
		b.opt.Index, b.tidied = index.Dir(b.archive), b.tidying(ctx)
		return nil
	}
	s, err := b.app.store(ctx, b.archive)
	if err != nil {
		return err
	}
	b.reader, b.opt.Index = s, s
	return nil
}

// close closes the archive that was read.
func (b *batch) close() error {
	if b.tidied != nil {
		b.tidied()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader == nil {
		return nil
	}
	return b.reader.Close()
}

// caseOf is the case that a bundle belongs to, "" for one of its own.
func (b *batch) caseOf(f *bundle) string {
	if values := f.labels[b.flags.caseFrom]; b.flags.caseFrom != "" && len(values) > 0 {
		return values[0]
	}
	return ""
}

// tidying merges small shards while cases come, one group at a time in one goroutine, until the function that it returns is called: a merge that is not done by then is given
// up, and the next batch or casebook archive compact does it.
func (b *batch) tidying(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	b.came = make(chan struct{}, 1)
	var merger sync.WaitGroup
	merger.Go(func() {
		var k *index.Keeper // which knows what it has read of the archive
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.came:
			}
			var err error
			if k == nil {
				k, err = index.Keep(b.archive, nil)
			}
			if err == nil {
				_, err = k.Tidy(ctx)
			}
			if err != nil && ctx.Err() == nil { // the cases are whole; searches open more shards
				b.opt.Log.Warn("small shards were not merged", "archive", b.archive, "error", err)
			}
		}
	})
	return func() {
		cancel()
		merger.Wait()
	}
}

// caseGroup is the bundles that are one case.
type caseGroup struct {
	id      string // "" if each bundle is its own
	bundles []bundle
}

// grouped joins the bundles with the same case ID.
func (b *batch) grouped(all []bundle) []caseGroup {
	var out []caseGroup
	at := map[string]int{}
	for _, f := range all {
		id := b.caseOf(&f)
		if i, ok := at[id]; ok && id != "" {
			out[i].bundles = append(out[i].bundles, f)
			continue
		}
		at[id] = len(out)
		out = append(out, caseGroup{id, []bundle{f}})
	}
	return out
}

// all analyses bundles, some cases side by side. What is there twice is looked at when its first copy is done.
func (b *batch) all(ctx context.Context, list []bundle) error {
	groups := b.grouped(list)
	b.bar = b.app.batchBar(list)
	defer b.bar.done()
	jobs := max(1, min(b.jobs, len(groups)))
	inner := b.opt
	if inner.Workers == 0 {
		inner.Workers = max(1, runtime.GOMAXPROCS(0)/jobs)
	}
	var late []caseGroup
	work := make(chan caseGroup)
	var workers sync.WaitGroup
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for range jobs {
		workers.Go(func() {
			for g := range work {
				if ctx.Err() != nil {
					continue
				}
				again, err := b.one(ctx, g, inner)
				if err != nil {
					stop(err) // the archive can't be used: the others would fail as well
				}
				if len(again) > 0 {
					b.mu.Lock()
					late = append(late, caseGroup{g.id, again})
					b.mu.Unlock()
				}
			}
		})
	}
	for _, g := range groups {
		work <- g
	}
	close(work)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for _, g := range late {
		if _, err := b.one(ctx, g, inner); err != nil {
			return err
		}
	}
	return nil
}

// candidate is a bundle that is not held yet.
type candidate struct {
	bundle
	sum string // "" of a folder, which is known when it was read
}

// one analyses a case. Bundles that another worker is analysing are returned. An error ends the batch: the archive can't be used.
func (b *batch) one(ctx context.Context, g caseGroup, opt casebook.Options) (again []bundle, err error) {
	var fresh []candidate
	for _, f := range g.bundles {
		c := candidate{bundle: f}
		if f.err == nil && !f.folder {
			c.sum, f.err = f.upload.Sum(ctx)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if f.err != nil {
			b.done(batchResult{Path: f.path, Status: statusFailed, Why: reasonOf(f.err), Labels: f.labels}, f.bytes())
			continue
		}
		switch id, state := b.claim(ctx, c); state {
		case claimHeld:
			if err := b.skip(ctx, c, id); err != nil {
				return nil, err
			}
		case claimBusy:
			again = append(again, f)
		case claimNew:
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		return again, nil
	}
	defer b.release(fresh)
	for range 3 {
		err = b.analyse(ctx, g.id, fresh, opt)
		if !errors.Is(err, index.ErrChanged) {
			return again, err
		}
		// Another batch wrote the case first, perhaps with the same uploads.
		rest := fresh[:0:0]
		for _, c := range fresh {
			id, err := b.inArchive(ctx, c.sum)
			if err != nil {
				return nil, err
			}
			if id == "" {
				rest = append(rest, c)
			} else if err := b.skip(ctx, c, id); err != nil {
				return nil, err
			}
		}
		if fresh = rest; len(fresh) == 0 {
			return again, nil
		}
	}
	for _, c := range fresh {
		b.done(batchResult{Path: c.path, Status: statusFailed, Why: "other batches write the same case again and again; run this one later", SHA256: c.sum, Labels: c.labels, busy: true}, c.bytes())
	}
	return again, nil
}

// How a bundle stands to those before it.
type claimState int

const (
	claimNew claimState = iota
	claimBusy
	claimHeld
)

// claim says whether a bundle is to be analysed, and which case holds it if not.
func (b *batch) claim(ctx context.Context, c candidate) (id string, state claimState) {
	if c.sum == "" {
		return "", claimNew
	}
	id, err := b.inArchive(ctx, c.sum)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored == nil {
		b.where[c.sum] = c.upload
	}
	if err == nil && id != "" {
		return id, claimHeld
	}
	if id, ok := b.held[c.sum]; ok {
		if id == "" {
			return "", claimBusy
		}
		return id, claimHeld
	}
	b.held[c.sum] = ""
	return "", claimNew
}

// release ends the claims to bundles: what was analysed is in the archive.
func (b *batch) release(list []candidate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range list {
		if b.held[c.sum] == "" {
			delete(b.held, c.sum)
		}
	}
}

// look returns the archive to look cases up in, nil if it is not there yet.
func (b *batch) look(ctx context.Context) (index.Reader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader != nil {
		return b.reader, nil
	}
	r, err := b.app.openArchive(ctx, b.archive)
	if errors.Is(err, index.ErrNoArchive) {
		return nil, nil //nolint:nilnil // the first case makes it
	}
	if err == nil {
		b.reader = r
	}
	return r, err
}

// inArchive returns the ID of the case that holds an upload, "" if none does.
func (b *batch) inArchive(ctx context.Context, sum string) (string, error) {
	archive, err := b.look(ctx)
	if err != nil || archive == nil || sum == "" {
		return "", err
	}
	list, err := archive.Holding(ctx, sum)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0].ID, nil
}

// caseNow returns a case as it is now, with the archive; nil if it has none of that ID.
func (b *batch) caseNow(ctx context.Context, id string) (*index.Case, index.Reader, error) {
	archive, err := b.look(ctx)
	if err != nil || archive == nil {
		return nil, nil, err
	}
	c, err := archive.Case(ctx, id)
	if errors.Is(err, index.ErrNoCase) {
		return nil, archive, nil
	}
	return &c, archive, err
}

// skip adds the labels of a bundle to the case that holds it.
func (b *batch) skip(ctx context.Context, c candidate, id string) error {
	r := batchResult{Path: c.path, Status: statusSkipped, Case: id, SHA256: c.sum, Bytes: c.bytes(), Labels: c.labels}
	now, _, err := b.caseNow(ctx, id)
	if err != nil {
		return err
	}
	if r.called = calledShort(index.Case{ID: id}); now != nil {
		r.called = calledShort(*now)
	}
	r.Why = "the archive holds it as case " + r.called
	if now != nil && !now.Labels.Has(c.labels) {
		k, done, err := b.app.changer(ctx, b.archive)
		if err != nil {
			return err
		}
		defer done()
		if err := k.Label(ctx, id, c.labels); err != nil {
			return err
		}
		r.Why += "; its labels were added"
	}
	b.done(r, c.bytes())
	return nil
}

// analyse makes one case of bundles, together with the uploads that it has.
func (b *batch) analyse(ctx context.Context, id string, fresh []candidate, opt casebook.Options) error {
	earlier, before, err := b.join(ctx, id, fresh, &opt)
	defer earlier.done()
	if err != nil {
		if errors.Is(err, errNotKept) {
			for _, c := range fresh {
				b.done(batchResult{Path: c.path, Status: statusFailed, Why: err.Error(), Case: id, SHA256: c.sum, Labels: c.labels}, c.bytes())
			}
			return nil
		}
		return err
	}
	limited := ctx
	if b.flags.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, b.flags.timeout)
		defer cancel()
	}
	var total int64
	var paths []string
	for _, c := range fresh {
		total += c.bytes()
		paths = append(paths, c.path)
	}
	opt.Progress = both(b.room(), b.bar.of(filepath.Base(fresh[0].path), total))
	report, err := earlier.analyse(limited, paths, opt)
	unusable, _ := errors.AsType[*casebook.UnusableError](err)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, index.ErrChanged):
		return err
	case errors.As(err, new(*casebook.ArchiveError)) && !isNotDone(err):
		return err // the others would fail as well
	case err != nil && (unusable == nil || unusable.All):
		why := reasonOf(err)
		if isNotDone(err) {
			why = fmt.Sprintf("not done after %s; --timeout sets the time", b.flags.timeout)
		}
		for _, c := range fresh {
			b.done(batchResult{Path: c.path, Status: statusFailed, Why: why, SHA256: c.sum, Labels: c.labels}, c.bytes())
		}
		return nil
	}
	how := ""
	if earlier.from != nil {
		how = earlierStored
	}
	b.tell(ctx, fresh, report, before, how, unusable)
	return nil
}

// room returns what raises the target for the memory when an upload has more members than all before, as if all workers had such a one.
func (b *batch) room() func(ingest.Progress) {
	if !b.bounded {
		return nil
	}
	return func(p ingest.Progress) {
		n := int64(p.FilesTotal)
		if most := b.members.Load(); n > most && b.members.CompareAndSwap(most, n) {
			debug.SetMemoryLimit(b.memory.base + b.memory.member*n)
		}
	}
}

// earlierStored says of a result that what the case stores of its earlier uploads was read.
const earlierStored = "stored"

// join finds the uploads that a case has, and returns its report too, nil if there is none. done must be called of what is found, whatever the error is.
func (b *batch) join(ctx context.Context, id string, fresh []candidate, opt *casebook.Options) (earlier earlierUploads, before *findings.Report, err error) {
	entry := index.Entry{Added: time.Now().UTC().Truncate(time.Second), Waiting: b.app.waiting, Keep: map[string][]string{}}
	for _, c := range fresh {
		entry.Labels = entry.Labels.Add(c.labels)
		if b.flags.keep && c.sum != "" {
			entry.Keep[c.sum] = slices.Concat(c.upload.Parts, c.upload.Beside)
		}
	}
	opt.Case, opt.Entry = id, entry
	key := cmp.Or(id, fresh[0].sum)
	if key == "" { // a folder: its ID is known when it was read
		return earlier, nil, nil
	}
	now, reader, err := b.caseNow(ctx, key)
	if err != nil {
		return earlier, nil, err
	}
	state := ""
	if now != nil {
		state = now.State
		text, err := reader.Report(ctx, key)
		if err == nil {
			before = &findings.Report{}
			err = json.Unmarshal(text, before)
		}
		if err != nil {
			before = nil // it is damaged, and replaced
		}
		replaced := func(u index.Upload) bool {
			return slices.ContainsFunc(fresh, func(c candidate) bool { return c.folder && sameFolder(u, c.path) })
		}
		if earlier, err = lookBack(ctx, reader, now, replaced, func(u index.Upload) (string, func(), error) { return b.earlier(ctx, reader, u) }); err != nil {
			return earlier, nil, err
		}
	}
	opt.Entry.Replaces = &state
	return earlier, before, nil
}

// earlier returns where an upload of a case can be read again, and what is to be called after that.
func (b *batch) earlier(ctx context.Context, reader index.Reader, u index.Upload) (path string, done func(), err error) {
	done = func() {}
	if archive, ok := reader.(*index.Archive); ok {
		if kept, err := archive.Upload(u); err == nil {
			return kept.Path, done, nil
		}
	}
	if b.stored != nil {
		return b.stored(ctx, u)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if files, ok := b.where[u.SHA256]; ok {
		return files.Path, done, nil
	}
	return "", nil, errNotKept
}

// tell reports a case that is in the archive.
func (b *batch) tell(ctx context.Context, fresh []candidate, report, before *findings.Report, earlier string, unusable *casebook.UnusableError) {
	select {
	case b.came <- struct{}{}:
	default: // it is known already
	}
	id := report.CaseID()
	r := batchResult{Status: statusAnalysed, Case: id, called: calledShort(filedAs(report)), Found: verdictsOf(report), Why: partly(report), Earlier: earlier}
	r.reaches = b.flags.failOn != "" && reaches(report, findings.Severity(b.flags.failOn))
	if r.Why != "" {
		r.Status = statusPartly
	}
	if before != nil {
		for _, p := range diff.Reports(before, report).Findings {
			if p.Change != diff.Same {
				r.Changes = append(r.Changes, p)
			}
		}
	}
	if scheme(b.archive) == "" {
		if now, reader, err := b.caseNow(ctx, id); err == nil && now != nil {
			if folder, ok := reader.(*index.Archive); ok {
				r.Report = folder.ReportPath(*now)
			}
		}
	}
	if b.hook != nil && (r.Report != "" || scheme(b.archive) != "") {
		if err := b.runHook(ctx, report, &r); err != nil {
			r.Hook = err.Error()
		}
	}
	for i, c := range fresh {
		one := r
		one.Path, one.SHA256, one.Bytes, one.Labels = c.path, c.sum, c.bytes(), c.labels
		if i > 0 { // what the case has is told once
			one.Changes, one.Hook, one.Earlier = nil, "", ""
		}
		if unusable != nil {
			for _, reason := range unusable.Reasons {
				if strings.Contains(reason.Error(), strconv.Quote(c.path)) {
					one.Status, one.Why, one.reaches = statusFailed, reasonOf(reason), false
				}
			}
		}
		b.done(one, c.bytes())
	}
}

// filedAs is the case that a report becomes.
func filedAs(r *findings.Report) index.Case {
	c := index.Case{ID: r.CaseID()}
	if r.Bundle != nil {
		c.Uploads = append(c.Uploads, index.Upload{Name: r.Bundle.Name})
	}
	for _, u := range r.Bundles {
		c.Uploads = append(c.Uploads, index.Upload{Name: path.Base(u.Name)})
	}
	return c
}

// reasonOf is an error without the path, which stands beside it.
func reasonOf(err error) string {
	if open, ok := errors.AsType[*ingest.OpenError](err); ok {
		return open.Reason()
	}
	return err.Error()
}

// done enters a result and tells it.
func (b *batch) done(r batchResult, bytes int64) {
	if b.taken != nil {
		b.taken(r)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Bytes = bytes
	b.results = append(b.results, r)
	n, all := b.bar.finish(filepath.Base(r.Path), bytes)
	if b.app.json {
		_ = writeLine(b.app.out, r) // the first error of stdout is told at the end
	}
	if b.app.quiet || b.bar.shown() {
		return
	}
	text := cmp.Or(r.Found, r.Why)
	if r.Status == statusFailed || r.Status == statusSkipped {
		text = r.Why
	}
	fmt.Fprintf(b.err, "[%d/%d] %s %s: %s\n", n, all, r.Status, printable(relative(r.Path)), printable(text))
}

// lockedWriter lets several goroutines write.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

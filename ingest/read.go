package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Contents is what the members of one or more uploads hold.
type Contents struct {
	Artifacts []*Artifact // in path order
	Extracted []Extracted // in path order, those of one artifact by kind
	Problems  []Problem   // those of the bundles too; by artifact, stage and message
	Kept      *Kept       // nil without Options.Keep
}

// Read reads every member of the bundles once and returns what is small; records go to the sinks of opt. The bundles are one case: if
// there are several, each path starts with its bundle's name, made unique by ~2, and '/'. The result does not depend on the number of
// workers. The only error is that of ctx; temporary files are then already removed.
func Read(ctx context.Context, bundles []*Bundle, opt Options) (*Contents, error) {
	r := newReading(bundles, opt)
	err := r.read(ctx)
	if err != nil {
		for _, b := range bundles {
			_ = b.Close() // the first error counts
		}
		return nil, err
	}
	c := r.contents()
	for _, b := range bundles {
		b.members = nil // a bundle is read once; of a large archive this list is as large as what was found in it
	}
	return c, nil
}

// task is one member to be read, and what came of it.
type task struct {
	m      *member
	bundle *Bundle
	path   string // of the artifact
	grant  grant

	artifact  *Artifact
	extracted []Extracted
	problems  []memberProblem
	produced  int64
	assumed   string // the code page that the text was read by without being known to be the machine's

	// What is needed to read it again; see KeptMember.
	form      Form
	lost      bool
	cut       bool
	stopped   bool // by a panic
	sensitive string
	headSize  int
	head      []byte
	sealed    []byte
}

// memberProblem is a problem of a member.
type memberProblem struct {
	Problem
	in origin
}

// origin says what shows a problem to whoever looks again.
type origin uint8

const (
	foundOutside origin = iota // the container, or the reading of the bytes
	foundInBytes               // the bytes
	foundInText                // the decoded text too
)

// job is a piece of work for one worker.
type job struct {
	weight int64 // the heaviest begin first
	run    func(ctx context.Context, w *worker) error
}

// reading is one call of Read.
type reading struct {
	opt     Options
	limits  Limits
	bundles []*Bundle
	prefix  []string // of the bundles' paths
	tasks   []*task  // in path order
	left    int64    // bytes that may still be produced
	total   *limitError
	workers []*worker
	skipped int // members that got no byte because of the limit of all bytes

	idle         atomic.Int64 // workers without work
	files, bytes atomic.Int64
	packed       int64
}

func newReading(bundles []*Bundle, opt Options) *reading {
	r := &reading{bundles: bundles, opt: opt, limits: opt.Limits.WithDefaults()}
	if r.opt.Log == nil {
		r.opt.Log = slog.New(slog.DiscardHandler)
	}
	unique := names{}
	var size, produced int64
	archive := len(bundles) > 0
	for _, b := range bundles {
		prefix := ""
		switch {
		case len(bundles) == 1:
		case len(b.joined) > 1: // their names are in the paths
			for _, name := range b.joined {
				unique.unique(name)
			}
		case len(b.joined) == 1:
			prefix = unique.unique(b.joined[0]) + "/"
		default:
			prefix = unique.unique(b.Name) + "/"
		}
		r.prefix = append(r.prefix, prefix)
		r.packed += b.packed
		size, produced = size+b.Bytes, produced+b.produced
		archive = archive && (b.again || b.isArchive())
		for _, m := range b.members {
			r.tasks = append(r.tasks, &task{m: m, bundle: b, path: prefix + m.path})
		}
	}
	slices.SortFunc(r.tasks, func(a, b *task) int { return cmp.Compare(a.path, b.path) })
	r.left, r.total = totalLimit(r.limits, size, archive)
	r.left = max(0, r.left-produced)
	n := opt.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		r.workers = append(r.workers, &worker{r: r, hash: sha256.New()})
	}
	return r
}

// read reads the members in three rounds: those that decide how others are decoded come first.
func (r *reading) read(ctx context.Context) error {
	var rounds [3][]*task
	for _, t := range r.tasks {
		switch t.m.first {
		case firstBinary:
			rounds[0] = append(rounds[0], t)
		case firstText:
			rounds[1] = append(rounds[1], t)
		default:
			rounds[2] = append(rounds[2], t)
		}
	}
	locale := func(string) Locale { return Locale{} }
	for i, round := range rounds {
		var jobs []job
		if i == len(rounds)-1 {
			jobs = r.hashJobs()
		}
		if err := r.round(ctx, round, jobs, locale); err != nil {
			return err
		}
		if i < len(rounds)-1 && r.opt.Locales != nil && (len(round) > 0 || i == 0) {
			if l := r.opt.Locales(r.extracted()); l != nil {
				locale = l
			}
		}
	}
	for _, t := range r.tasks {
		if t.bundle.Format != FormatFile || t.m != t.bundle.members[0] {
			continue
		}
		t.bundle.SHA256 = t.artifact.SHA256
		if t.artifact.Truncated { // a limit ended the reading of the member, not that of the upload
			if err := t.bundle.hash(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// extracted returns what was extracted so far, in path order.
func (r *reading) extracted() []Extracted {
	var list []Extracted
	for _, t := range r.tasks {
		list = append(list, t.extracted...)
	}
	return list
}

// hashJobs returns the work of hashing the uploads that are archives.
func (r *reading) hashJobs() []job {
	var jobs []job
	for _, b := range r.bundles {
		if b.held {
			jobs = append(jobs, job{b.Bytes, func(ctx context.Context, _ *worker) error { return b.hash(ctx) }})
		}
	}
	return jobs
}

// round reads tasks, which are in path order, and does the other jobs.
func (r *reading) round(ctx context.Context, tasks []*task, jobs []job, locale func(string) Locale) error {
	begin := func(t *task) {
		jobs = append(jobs, job{t.m.declared(), func(ctx context.Context, w *worker) error { return w.read(ctx, t, locale(t.path)) }})
	}
	var fresh, waiting []*task
	var members []*member
	for _, t := range tasks {
		if t.m.kept != nil { // it was read within limits before
			t.grant = grant{bytes: math.MaxInt64}
			begin(t)
			continue
		}
		fresh, members = append(fresh, t), append(members, t.m)
	}
	for i, g := range grants(members, r.left, r.limits, r.total) {
		t := fresh[i]
		if g == nil {
			waiting = append(waiting, t)
			continue
		}
		t.grant = *g
		begin(t)
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(b.weight, a.weight) })
	if err := r.run(ctx, jobs); err != nil {
		return err
	}
	for _, t := range fresh {
		r.left -= t.produced
	}
	r.idle.Store(int64(len(r.workers) - 1))
	for _, t := range waiting {
		if r.left <= 0 && !t.m.read {
			r.skip(t)
			continue
		}
		t.grant = grant{min(r.left, t.m.most), r.total}
		if r.limits.MaxMember < t.grant.bytes {
			t.grant = grant{r.limits.MaxMember, memberLimit(r.limits)}
		}
		if err := r.workers[0].read(ctx, t, locale(t.path)); err != nil {
			return err
		}
		r.left -= t.produced
	}
	return nil
}

// skip takes up a member for which no byte is left.
func (r *reading) skip(t *task) {
	t.artifact = &Artifact{Path: t.path, Modified: t.m.modified, ModifiedUTC: t.m.utc, Kind: cmp.Or(t.m.kind, KindBinary), Truncated: true}
	r.skipped++
}

// run does jobs side by side.
func (r *reading) run(ctx context.Context, jobs []job) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	busy := min(len(r.workers), len(jobs))
	r.idle.Store(int64(len(r.workers) - busy))
	for _, w := range r.workers[:busy] {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					r.idle.Add(1)
					return nil
				}
				if err := jobs[i].run(ctx, w); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// progress tells the caller how far the reading has come.
func (r *reading) progress(files, bytes int64) {
	f, b := r.files.Add(files), r.bytes.Add(bytes)
	if r.opt.Progress != nil {
		r.opt.Progress(Progress{Files: int(f), FilesTotal: len(r.tasks), Bytes: b, BytesTotal: r.packed})
	}
}

// contents merges the results in path order.
func (r *reading) contents() *Contents {
	c := &Contents{Extracted: r.extracted()}
	assumed, assumedFirst := 0, (*task)(nil)
	for _, t := range r.tasks {
		c.Artifacts = append(c.Artifacts, t.artifact)
		for _, p := range t.problems {
			c.Problems = append(c.Problems, p.Problem)
		}
		if t.assumed != "" {
			if assumed++; assumedFirst == nil {
				assumedFirst = t
			}
		}
	}
	if assumed > 0 {
		c.Problems = append(c.Problems, Problem{Stage: StageDecode, Message: fmt.Sprintf(
			"no registry says which code page the machine uses; texts that are not Unicode and were read by a likely one: %d (the first: %q by %s)", assumed, assumedFirst.path, assumedFirst.assumed)})
	}
	var whole []Problem // those that are of no member, and that only the bundles show
	if r.skipped > 0 {
		whole = append(whole, Problem{Stage: StageLimit, Refused: RefusalOf(r.total), Message: fmt.Sprintf("members that were not read: %d; the upload %v", r.skipped, r.total)})
	}
	for i, b := range r.bundles {
		if b.Format == FormatDirectory {
			r.sealDirectory(b)
		}
		if !b.again {
			r.judge(b)
		}
		for _, p := range b.Problems {
			switch {
			case p.Artifact != "":
				p.Artifact = r.prefix[i] + p.Artifact
			case r.prefix[i] != "":
				p.Artifact = strings.TrimSuffix(r.prefix[i], "/")
			}
			whole = append(whole, p)
		}
	}
	c.Problems = append(c.Problems, whole...)
	if r.opt.Keep != nil {
		c.Kept = &Kept{Problems: whole}
		for _, t := range r.tasks {
			c.Kept.Members = append(c.Kept.Members, t.kept())
		}
	}
	slices.SortStableFunc(c.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Artifact, b.Artifact), cmp.Compare(a.Stage.order(), b.Stage.order()), cmp.Compare(a.Message, b.Message))
	})
	return c
}

// sealDirectory sets what of a directory is known when its files have been read.
func (r *reading) sealDirectory(b *Bundle) {
	var lines []string
	b.Bytes = 0
	for _, t := range r.tasks {
		if t.bundle == b && t.m.top && t.artifact.SHA256 != "" {
			lines = append(lines, t.m.path+" "+t.artifact.SHA256+"\n")
			b.Bytes += t.artifact.Bytes
		}
	}
	slices.Sort(lines)
	hash := sha256.New()
	for _, l := range lines {
		hash.Write([]byte(l))
	}
	b.SHA256 = hex.EncodeToString(hash.Sum(nil))
}

// hash reads an upload from end to end for its SHA-256.
func (b *Bundle) hash(ctx context.Context) error {
	r, err := b.whole.acquire()
	if err != nil {
		b.Problems = append(b.Problems, Problem{Stage: StageRead, Message: plain(err).Error()})
		return nil
	}
	defer b.whole.release()
	hash := sha256.New()
	buf := make([]byte, chunkSize)
	for at := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.ReadAt(buf, at)
		hash.Write(buf[:n])
		at += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Problems = append(b.Problems, Problem{Stage: StageRead, Message: fmt.Sprintf("can't be read at byte %d: %v", at, plain(err))})
			return nil
		}
	}
	b.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// order returns the place of a stage in the work.
func (s Stage) order() int {
	return slices.Index([]Stage{StageOpen, StageRead, StageLimit, StageDecode, StageParse, StageSystem, StageCheck, StageArchive}, s)
}

// judge finds out whether anything of a bundle can be analysed, and says it as a problem if not.
func (r *reading) judge(b *Bundle) {
	var all []*task
	for _, t := range r.tasks {
		if t.bundle != b {
			continue
		}
		if t.useful() {
			return
		}
		all = append(all, t)
	}
	said := func(t *task) string { // the first problem of a member
		if t.problems != nil {
			return t.problems[0].Message
		}
		for _, p := range b.Problems {
			if p.Artifact == t.m.path {
				return p.Message
			}
		}
		return ""
	}
	at := "" // what the problem is told of
	switch {
	case len(all) == 0 && len(b.Problems) == 1:
		b.Useless = b.Problems[0].Message
		return
	case len(all) == 0:
		b.Useless = "it holds no file; check that it is the right one"
	case b.Format == FormatFile:
		if b.Useless = said(all[0]); b.Useless != "" {
			return
		}
		switch all[0].artifact.Kind {
		case KindEmpty:
			b.Useless = "it has no byte; ask for the upload again"
		case KindHiveLog:
			b.Useless = "a hive's transaction log says nothing without the hive; pass the folder that holds both"
		default:
			b.Useless = "it is neither an archive that can be opened, nor a registry hive, nor text; ask for the upload again"
		}
		at = all[0].m.path
	default:
		b.Useless = fmt.Sprintf("none of its %d files is a text or registry hive that can be read", len(all))
		if len(all) == 1 {
			b.Useless = "its only file is no text or registry hive that can be read"
		}
		for _, t := range all {
			why := said(t)
			if why == "" {
				continue
			}
			b.Useless = fmt.Sprintf("none of its %d files can be read; %q: %s", len(all), t.m.path, why)
			if len(all) == 1 {
				b.Useless = fmt.Sprintf("its only file can't be read; %q: %s", t.m.path, why)
			}
			break
		}
	}
	b.Problems = append(b.Problems, Problem{Artifact: at, Stage: StageOpen, Message: b.Useless})
}

// useful tells whether a member gave anything that can be analysed.
func (t *task) useful() bool {
	if len(t.extracted) > 0 && t.artifact.Kind != KindHiveLog { // a hive's log completes the hive and is nothing by itself
		return true
	}
	switch t.artifact.Kind {
	case KindEmpty, KindBinary, KindArchive, KindUnread, KindHiveLog,
		KindHiveSystem, KindHiveSoftware, KindHiveNTUser, KindHiveSAM, KindHiveSecurity, KindHiveOther:
		return false
	default:
		return t.artifact.Bytes > 0
	}
}

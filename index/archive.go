package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"casebook/findings"
	"casebook/index/query"
	"casebook/ingest"
)

// Archive reads an archive. It may be used from several goroutines, and while others write.
type Archive struct {
	*reading
	scope Scope // what of it is seen
}

// reading is what is open of an archive. Limited views of it share it.
type reading struct {
	dir string

	mu     sync.Mutex
	now    *manifest
	parts  *parts
	opened map[string]*openCase    // by folder name
	shards map[string]*sharedShard // by folder name

	// Of the generation, nil until it is needed: the shard of each case, by folder name, and the names of the shards.
	live       map[string]string
	liveShards map[string]bool
	clock      int64 // counts what is opened
	idle       int   // how many cases were released since letGo

	compared map[string]*profile // of the cases that were compared last, by folder name; replaced, never changed
}

// Open opens the archive in dir to read; dir may be a report folder that holds one in its folder archive. It must be closed.
func Open(dir string) (*Archive, error) {
	err := checkFormat(dir)
	if errors.Is(err, ErrNoArchive) {
		if inner := filepath.Join(dir, "archive"); checkFormat(inner) == nil || !errors.Is(checkFormat(inner), ErrNoArchive) {
			dir, err = inner, checkFormat(inner)
		}
	}
	if err != nil {
		return nil, err
	}
	known := &parts{}
	m, err := latest(dir, known)
	if err != nil {
		return nil, err
	}
	return &Archive{reading: &reading{dir: dir, now: m, parts: known, opened: map[string]*openCase{}, shards: map[string]*sharedShard{}}}, nil
}

// Close frees what the archive holds open. No search may be under way.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, c := range a.opened {
		errs = append(errs, c.close())
	}
	for _, s := range a.shards {
		errs = append(errs, s.index.close())
	}
	clear(a.opened)
	clear(a.shards)
	return errors.Join(errs...)
}

// Cases lists the IDs of the archive's cases, in order.
func (a *Archive) Cases(ctx context.Context) ([]string, error) {
	m, err := a.generation()
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(m.Cases))
	for i, c := range m.Cases {
		ids[i] = c.ID
	}
	return ids, nil
}

// List returns what is known of the archive's cases, in order of their IDs.
func (a *Archive) List(ctx context.Context) ([]Case, error) {
	m, err := a.generation()
	if err != nil {
		return nil, err
	}
	out := make([]Case, len(m.Cases))
	for i := range m.Cases {
		out[i] = m.Cases[i].public()
	}
	return out, nil
}

// named returns a case of the generation. The error is [fs.ErrNotExist] if there is no such case.
func (a *Archive) named(id string) (*liveCase, error) {
	m, err := a.generation()
	if err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(m.Cases, id, func(c liveCase, id string) int { return cmp.Compare(c.ID, id) })
	if !ok {
		return nil, fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	return &m.Cases[i], nil
}

// Case implements [Finder].
func (a *Archive) Case(ctx context.Context, id string) (Case, error) {
	live, err := a.named(id)
	if errors.Is(err, fs.ErrNotExist) {
		return Case{}, fmt.Errorf("archive %q: case %q: %w", a.dir, id, ErrNoCase)
	}
	if err != nil {
		return Case{}, err
	}
	return live.public(), nil
}

// Holding implements [Finder].
func (a *Archive) Holding(ctx context.Context, sha256 string) ([]Case, error) {
	m, err := a.generation()
	if err != nil {
		return nil, err
	}
	var out []Case
	for i := range m.Cases {
		if slices.ContainsFunc(m.Cases[i].Uploads, func(u Upload) bool { return u.SHA256 == sha256 }) {
			out = append(out, m.Cases[i].public())
		}
	}
	return out, nil
}

// ReportPath is the file of a case's report in the state that the case has.
func (a *Archive) ReportPath(c Case) string {
	return filepath.Join(a.dir, dirCases, c.State, fileReport)
}

// Upload returns an upload that is kept, so that it can be analysed again. The error is [fs.ErrNotExist] if it is not.
func (a *Archive) Upload(u Upload) (ingest.Upload, error) {
	if !u.Kept {
		return ingest.Upload{}, fmt.Errorf("archive: the upload %q: %w", u.Name, fs.ErrNotExist)
	}
	kept, err := keptUpload(a.dir, u)
	if err != nil {
		return ingest.Upload{}, fmt.Errorf("archive: the upload %q: %w", u.Name, err)
	}
	return kept, nil
}

// keptUpload looks for the file that stands for a kept upload, with all that are in its folder.
func keptUpload(dir string, u Upload) (ingest.Upload, error) {
	dir = filepath.Join(dir, dirUploads, u.SHA256)
	list, err := os.ReadDir(dir)
	if err != nil {
		return ingest.Upload{}, err
	}
	for _, e := range list {
		kept, err := ingest.LookAt(filepath.Join(dir, e.Name()))
		if err != nil {
			return ingest.Upload{}, err
		}
		if len(kept.Parts)+len(kept.Beside) == len(list) {
			return kept, nil
		}
	}
	return ingest.Upload{}, fs.ErrNotExist
}

// History returns what earlier evaluations of a case said, the oldest first.
func (a *Archive) History(ctx context.Context, c Case) ([]Revision, error) {
	h, err := readHistory(a.dir, c.State)
	if err != nil {
		return nil, fmt.Errorf("archive: case %q: %w", c.ID, err)
	}
	return h, nil
}

// Report returns the bytes of a case's report.json. The error is [fs.ErrNotExist] if there is no such case.
func (a *Archive) Report(ctx context.Context, id string) ([]byte, error) {
	live, err := a.named(id)
	if err != nil {
		return nil, err
	}
	b, err := readFile(filepath.Join(a.dir, dirCases, live.Name), fileReport)
	if err != nil {
		return nil, fmt.Errorf("archive: case %q: %w", id, err)
	}
	return b, nil
}

// generation returns the highest complete generation, of its cases those that the scope holds: everything that is read of the archive begins here.
func (a *Archive) generation() (*manifest, error) {
	m, err := a.newest()
	if err != nil || a.scope == nil {
		return m, err
	}
	limited := &manifest{Generation: m.Generation}
	for i := range m.Cases {
		if a.scope.Holds(m.Cases[i].Labels) {
			c := m.Cases[i]
			c.Labels = a.scope.visible(c.Labels)
			limited.Cases = append(limited.Cases, c)
		}
	}
	return limited, nil
}

// newest returns the highest complete generation.
func (a *reading) newest() (*manifest, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ns, err := generations(a.dir)
	if err != nil {
		return nil, err
	}
	if len(ns) == 0 || ns[0] == a.now.Generation {
		return a.now, nil
	}
	m, err := latest(a.dir, a.parts)
	if err != nil {
		return nil, err
	}
	a.now, a.live = m, nil
	a.letGo()
	return m, nil
}

// maxIdle is how many cases stay open that nobody uses, so that the next search need not open them.
const maxIdle = 256

// letGo closes what nobody uses and the generation does not name, so that the room of what was removed or merged is free, and the cases that were used least lately
// if there are too many. The caller holds the mutex.
func (a *reading) letGo() {
	if a.live == nil {
		a.live = make(map[string]string, len(a.now.Cases))
		a.liveShards = map[string]bool{}
		for i := range a.now.Cases {
			c := &a.now.Cases[i]
			a.live[c.Name], a.liveShards[c.Shard] = c.Shard, true
		}
	}
	var idle []*openCase
	for name, c := range a.opened {
		switch {
		case c.users > 0:
		case a.live[name] != c.live.Shard:
			a.closeCase(c)
		default:
			idle = append(idle, c)
		}
	}
	if len(idle) > maxIdle {
		slices.SortFunc(idle, func(x, y *openCase) int { return cmp.Compare(x.used, y.used) })
		for _, c := range idle[:len(idle)-maxIdle/2] {
			a.closeCase(c)
		}
	}
	for name, s := range a.shards {
		if s.users == 0 && !a.liveShards[name] {
			_ = s.index.close() // it was only read
			delete(a.shards, name)
		}
	}
}

// closeCase closes a case that nobody uses. The caller holds the mutex.
func (a *reading) closeCase(c *openCase) {
	_ = c.close() // it was only read
	c.shard.users--
	delete(a.opened, c.live.Name)
}

// release says that the caller of open no longer uses the case.
func (a *reading) release(c *openCase) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c = c.opened
	if c.users--; c.users > 0 {
		return
	}
	a.idle++
	if a.live == nil || a.live[c.live.Name] != c.live.Shard || a.idle > maxIdle {
		a.idle = 0 // how many were released since it was looked which are too many
		a.letGo()
	}
}

// open returns the opened case, which must be released. A case that was replaced since its generation was
// read, or whose shard was merged, so long ago that its folder is gone, is opened as it is now; ok is false if it is no more.
func (a *Archive) open(live *liveCase) (c *openCase, ok bool, err error) {
	c, err = a.openFolder(live)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err == nil, err
	}
	now, merr := a.current(live)
	switch {
	case merr != nil || now == nil:
		return nil, false, merr
	case now.Name == live.Name && now.Shard == live.Shard:
		return nil, false, err
	}
	c, err = a.openFolder(now)
	return c, err == nil, err
}

// current returns a case as it is now, nil if it is no more.
func (a *Archive) current(live *liveCase) (*liveCase, error) {
	now, err := a.named(live.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // it was removed meanwhile
	}
	return now, err
}

// openFolder returns the opened case with what live says of it: its labels may have changed since it was opened, and not everybody sees all of them.
func (a *reading) openFolder(live *liveCase) (*openCase, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock++
	if c, ok := a.opened[live.Name]; ok {
		c.users++
		c.used = a.clock
		return c.seen(live), nil
	}
	c, err := openCaseFiles(filepath.Join(a.dir, dirCases, live.Name), live)
	if err == nil {
		c.shard, err = a.sharedShard(live.Shard)
	}
	if err != nil {
		if c != nil {
			_ = c.close()
		}
		return nil, fmt.Errorf("archive %q: case %q can't be read: %w", a.dir, live.ID, err)
	}
	c.shard.users++
	c.users, c.used = 1, a.clock
	a.opened[live.Name] = c
	return c.seen(live), nil
}

// seen is the case for one who asks for it. The caller holds the archive's mutex.
func (c *openCase) seen(live *liveCase) *openCase {
	view := *c
	view.live, view.opened = *live, c
	return &view
}

// sharedShard opens a shard that several cases may share. The caller holds the archive's mutex, and counts itself among the shard's users.
func (a *reading) sharedShard(name string) (*sharedShard, error) {
	if s, ok := a.shards[name]; ok {
		return s, nil
	}
	dir := filepath.Join(a.dir, dirShards, name)
	i, err := readShard(dir)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	s := &sharedShard{index: i, outline: sync.OnceValue(func() *outline { return readOutline(dir) })}
	a.shards[name] = s
	return s, nil
}

// withShard lends a shard to f.
func (a *reading) withShard(name string, f func(*sharedShard) error) error {
	a.mu.Lock()
	s, err := a.sharedShard(name)
	if err != nil {
		a.mu.Unlock()
		return err
	}
	s.users++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if s.users--; s.users == 0 && a.live != nil && !a.liveShards[name] {
			a.letGo()
		}
	}()
	return guard(func() error { return f(s) })
}

// promises tells by the index alone whether a case may match a query. It is true if the index can't be read, so that whoever opens the case is told.
func (a *Archive) promises(ctx context.Context, live *liveCase, q query.Node) bool {
	may := true
	err := a.withShard(live.Shard, func(s *sharedShard) error {
		answer, err := s.answer(ctx, q)
		if err == nil {
			p := answer.of(live.Key)
			may = p.any()
		}
		return err
	})
	return may || err != nil
}

// openCase is a case that is being read.
type openCase struct {
	live    liveCase
	dir     string
	meta    caseFile
	byPath  []int // artifact numbers in order of path
	blocks  *os.File
	records *os.File
	shard   *sharedShard // the archive's
	decoder *zstd.Decoder
	opened  *openCase // the archive's, of which this is what somebody sees
	users   int       // the archive's: how many have not released it
	used    int64     // the archive's: when it was asked for last, by its clock
}

// openCaseFiles opens the case in a folder, without its shard.
func openCaseFiles(folder string, live *liveCase) (*openCase, error) {
	c := &openCase{live: *live, dir: folder}
	if err := c.load(); err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// load opens the files of the case.
func (c *openCase) load() error {
	b, err := readFile(c.dir, fileCase)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &c.meta); err != nil || c.meta.ID != c.live.ID {
		return fmt.Errorf("%s is damaged", fileCase)
	}
	if c.blocks, err = openSized(c.dir, fileBlocks, c.meta.Blocks); err != nil {
		return err
	}
	if c.records, err = openSized(c.dir, fileRecords, c.meta.Records); err != nil {
		return err
	}
	total := int(c.meta.Blocks / entrySize)
	for i := range c.meta.Artifacts {
		a := &c.meta.Artifacts[i]
		if a.First < 0 || a.Blocks < 0 || a.First > total || a.Blocks > total-a.First {
			return fmt.Errorf("%s is damaged: artifact %q has blocks that do not exist", fileCase, a.Path)
		}
		c.byPath = append(c.byPath, i)
	}
	slices.SortFunc(c.byPath, func(i, j int) int {
		a, b := &c.meta.Artifacts[i], &c.meta.Artifacts[j]
		switch byPath := strings.Compare(a.Path, b.Path); {
		case byPath != 0 || a.Registry == b.Registry:
			return cmp.Or(byPath, cmp.Compare(i, j))
		case b.Registry:
			return -1
		default:
			return 1
		}
	})
	c.decoder, err = decoder()
	return err
}

// decoder inflates the frames of all cases: it keeps memory for each processor, and nothing of a frame.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBlock))
})

// openSized opens a file of a folder that must have the size stated.
func openSized(dir, name string, size int64) (*os.File, error) {
	f, err := os.OpenInRoot(dir, name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("the file %s has %d bytes, %d were written", name, info.Size(), size)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (c *openCase) close() error {
	var errs []error
	for _, f := range []*os.File{c.blocks, c.records} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// wrap says which case an error is of.
func (c *openCase) wrap(err error) error {
	return fmt.Errorf("archive: case %q: %w", c.live.ID, err)
}

// guard turns a panic of Bleve, which trusts the bytes of its files, into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the index is damaged: %v", r)
		}
	}()
	return f()
}

// entry reads what is known of block n of the file "blocks".
func (c *openCase) entry(n int) (entry, error) {
	var b [entrySize]byte
	var e entry
	if _, err := c.blocks.ReadAt(b[:], int64(n)*entrySize); err != nil {
		return e, fmt.Errorf("block %d: %w", n, err)
	}
	e.get(b[:])
	if e.Offset < 0 || e.Offset > c.meta.Records || int64(e.Size) > c.meta.Records-e.Offset || e.Raw > maxBlock {
		return e, fmt.Errorf("block %d lies outside the records", n)
	}
	return e, nil
}

// block reads the records of block n, into memory of their own.
func (c *openCase) block(n int) ([]record, error) {
	e, err := c.entry(n)
	if err != nil {
		return nil, err
	}
	return c.blockInto(n, &e, &scratch{})
}

// scratch is the memory of a block's records, which the next block takes again.
type scratch struct {
	frame, inflated, raw []byte
	records              []record
	spans                []span
}

// blockInto reads the records of block n, of which e tells. They are valid until mem is used again.
func (c *openCase) blockInto(n int, e *entry, mem *scratch) ([]record, error) {
	mem.frame = slices.Grow(mem.frame[:0], int(e.Size))[:e.Size]
	if _, err := c.records.ReadAt(mem.frame, e.Offset); err != nil {
		return nil, fmt.Errorf("block %d: %w", n, err)
	}
	b, err := c.decoder.DecodeAll(mem.frame, slices.Grow(mem.inflated[:0], int(e.Raw)))
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", n, err)
	}
	mem.inflated = b
	rs, err := readBlock(b, e, mem)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", n, err)
	}
	if int64(e.Artifact) < int64(len(c.meta.Artifacts)) {
		c.meta.Artifacts[e.Artifact].settle(rs)
	}
	return rs, nil
}

// source reads again what is at a place; of a record it reads the whole block.
func (c *openCase) source(p place) (*source, error) {
	if p.block < 0 {
		list, err := c.packed()
		if err != nil || int(p.item) >= len(list) {
			return nil, c.wrap(errors.Join(err, errBlock))
		}
		f := &findings.Finding{}
		if err := json.Unmarshal(list[p.item], f); err != nil {
			return nil, c.wrap(damagedFindings(err))
		}
		return &source{finding: f}, nil
	}
	e, err := c.entry(int(p.block))
	if err != nil {
		return nil, c.wrap(err)
	}
	rs, err := c.block(int(p.block))
	if err == nil && int64(e.Artifact) >= int64(len(c.meta.Artifacts)) {
		err = errBlock
	}
	if err != nil {
		return nil, c.wrap(err)
	}
	return &source{artifact: &c.meta.Artifacts[e.Artifact], entry: &e, records: rs}, nil
}

// picks are the blocks that may hold a match: all of them, or those named, in order.
type picks struct {
	all      bool
	seqs     map[int][]int // by artifact number
	findings bool          // those of the case may hold one too
}

// any tells whether there is one.
func (p *picks) any() bool { return p.all || p.findings || len(p.seqs) > 0 }

// of returns the blocks of an artifact, numbered within it.
func (p *picks) of(number int, a *caseArtifact) iter.Seq[int] {
	return func(yield func(int) bool) {
		if p.all {
			for i := range a.Blocks {
				if !yield(i) {
					return
				}
			}
			return
		}
		for _, i := range p.seqs[number] {
			if i < a.Blocks && !yield(i) {
				return
			}
		}
	}
}

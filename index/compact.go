package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	segments "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/gofrs/flock"
)

const (
	// smallShard is how many bytes a shard may have to be merged with others. A search opens every shard, which costs the more the more there are; a large
	// one gains nothing by being merged.
	smallShard = 32 << 20
	// mergedShard is about how large shards are made by merging.
	mergedShard = 64 << 20
	// mergedCases bounds how many cases share a shard: removing one of them writes the index of the others anew.
	mergedCases = 256
)

// Compacted is what a compaction did.
type Compacted struct {
	Before int `json:"shards_before"`
	After  int `json:"shards_after"`
	Cases  int `json:"cases"` // whose index was written anew
}

// ErrCompacting says that another process merges shards.
var ErrCompacting = errors.New("archive: another process is compacting it")

// shardUse is a live shard with its cases.
type shardUse struct {
	name  string
	bytes int64
	cases []liveCase
	dead  bool // it indexes cases that are no longer
}

// Compact merges small shards, and writes those anew that index cases that are gone. Merged shards are built aside; the archive's lock
// is held only while each is published. progress is called after each; it may be nil.
func (k *Keeper) Compact(ctx context.Context, progress func(done, all int)) (Compacted, error) {
	var c Compacted
	err := k.compacting(func() error {
		m, err := latest(k.dir, &k.parts)
		if err != nil {
			return err
		}
		uses, err := shardUses(k.dir, m)
		if err != nil {
			return err
		}
		c.Before = len(uses)
		groups := mergePlan(uses)
		for i, g := range groups {
			n, err := k.mergeGroup(ctx, g)
			if err != nil {
				return err // what was merged before stays merged
			}
			c.Cases += n
			if progress != nil {
				progress(i+1, len(groups))
			}
		}
		if m, err = latest(k.dir, &k.parts); err == nil {
			c.After = m.shards()
		}
		return err
	})
	return c, err
}

// tidyGroup is how many shards of about the same size are merged while a batch goes on: so many, each eight times as large as those that it was made of, that a
// document is written anew only when eight times as many have come.
const tidyGroup = 16

// Tidy merges shards of about the same size when there are many of them, a group at a time, and returns how many cases got another shard. It costs little if there is
// nothing to do, and is meant to be called again and again while cases come. If another process merges shards, nothing is done.
func (k *Keeper) Tidy(ctx context.Context) (cases int, err error) {
	err = k.compacting(func() error {
		for {
			m, err := latest(k.dir, &k.parts)
			if err != nil || m.shards() < tidyGroup {
				return err
			}
			uses, err := shardUses(k.dir, m)
			if err != nil {
				return err
			}
			group := tidyPlan(uses)
			if group == nil {
				return nil
			}
			n, err := k.mergeGroup(ctx, group)
			if err != nil || n == 0 { // 0 if cases were changed meanwhile: the next call looks again
				return err
			}
			cases += n
		}
	})
	if errors.Is(err, ErrCompacting) {
		err = nil
	}
	return cases, err
}

// tidyPlan returns the smallest shards of about the same size of which there are enough, nil if there are none.
func tidyPlan(uses []*shardUse) []*shardUse {
	tiers := map[int][]*shardUse{}
	for _, u := range uses {
		if u.bytes <= smallShard && len(u.cases) < mergedCases {
			tier := bits.Len64(uint64(u.bytes)>>16) / 3 //nolint:gosec // not negative
			tiers[tier] = append(tiers[tier], u)
		}
	}
	for _, tier := range slices.Sorted(maps.Keys(tiers)) {
		var group []*shardUse
		var bytes int64
		cases := 0
		for _, u := range tiers[tier] {
			if bytes+u.bytes <= mergedShard && cases+len(u.cases) <= mergedCases {
				group, bytes, cases = append(group, u), bytes+u.bytes, cases+len(u.cases)
			}
		}
		if len(tiers[tier]) >= tidyGroup && len(group) > 1 {
			return group
		}
	}
	return nil
}

// compacting runs f while no other process merges shards.
func (k *Keeper) compacting(f func() error) error {
	lock := flock.New(filepath.Join(k.dir, fileCompact))
	held, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if !held {
		return ErrCompacting
	}
	defer func() { _ = lock.Close() }()
	return f()
}

// mergeGroup makes one shard of several and returns how many cases it indexes: 0 if one of them was changed meanwhile, so that it is left to the next time.
func (k *Keeper) mergeGroup(ctx context.Context, group []*shardUse) (int, error) {
	var list []liveCase
	for _, u := range group {
		list = append(list, u.cases...)
	}
	err := k.merge(ctx, list, "merging shards", nil)
	if errors.Is(err, ErrChanged) || errors.Is(err, fs.ErrNotExist) && k.changed(list) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(list), nil
}

// changed tells whether one of the cases is no longer as it was.
func (k *Keeper) changed(list []liveCase) bool {
	m, err := latest(k.dir, &k.parts)
	if err != nil {
		return false
	}
	shardOf := make(map[string]string, len(m.Cases)) // by the folder's name
	for i := range m.Cases {
		shardOf[m.Cases[i].Name] = m.Cases[i].Shard
	}
	return slices.ContainsFunc(list, func(c liveCase) bool { return shardOf[c.Name] != c.Shard })
}

// shardUses lists the live shards in order of their first case.
func shardUses(dir string, m *manifest) ([]*shardUse, error) {
	byName := map[string]*shardUse{}
	var out []*shardUse
	shardOf := make(map[string]string, len(m.Cases)) // by key
	for i := range m.Cases {
		shardOf[m.Cases[i].Key] = m.Cases[i].Shard
	}
	for _, c := range m.Cases {
		u := byName[c.Shard]
		if u == nil {
			f, err := readShardFile(filepath.Join(dir, dirShards, c.Shard))
			if err != nil {
				return nil, fmt.Errorf("archive: case %q: index: %w", c.ID, err)
			}
			u = &shardUse{name: c.Shard}
			for _, n := range f.Files {
				u.bytes += n
			}
			u.dead = slices.ContainsFunc(f.Keys, func(key string) bool { return shardOf[key] != c.Shard })
			byName[c.Shard] = u
			out = append(out, u)
		}
		u.cases = append(u.cases, c)
	}
	return out, nil
}

// mergePlan says which shards become one.
func mergePlan(uses []*shardUse) [][]*shardUse {
	var plan [][]*shardUse
	var group []*shardUse
	var bytes int64
	cases := 0
	end := func() {
		if len(group) > 1 || len(group) == 1 && group[0].dead {
			plan = append(plan, group)
		}
		group, bytes, cases = nil, 0, 0
	}
	for _, u := range uses {
		if u.bytes > smallShard {
			if u.dead {
				plan = append(plan, []*shardUse{u})
			}
			continue
		}
		if bytes+u.bytes > mergedShard || cases+len(u.cases) > mergedCases {
			end()
		}
		group, bytes, cases = append(group, u), bytes+u.bytes, cases+len(u.cases)
	}
	end()
	return plan
}

// merge writes one shard for cases and publishes it. The cases with the IDs in without are removed in the same generation. If one of the cases was changed meanwhile
// nothing is published, and the error is [ErrChanged].
func (k *Keeper) merge(ctx context.Context, list []liveCase, doing string, without []string) error {
	var rest []liveCase
	for _, c := range list {
		if !slices.Contains(without, c.ID) {
			rest = append(rest, c)
		}
	}
	var tmp string
	if len(rest) > 0 {
		var lock *flock.Flock
		var err error
		if tmp, lock, err = newTmp(ctx, k.dir, doing, k.waiting); err != nil {
			return err
		}
		defer func() { _, _ = lock.Unlock(), os.RemoveAll(tmp) }() // what can't be removed the next writer clears
		if err := buildShard(ctx, k.dir, rest, filepath.Join(tmp, dirShards)); err != nil {
			return err
		}
	}
	return change(ctx, k.dir, doing, k.waiting, func(e *edit) error {
		name := fmt.Sprintf("merged~%d", e.generation)
		for i := range list {
			now, err := e.find(list[i].ID)
			switch {
			case err != nil:
				return err
			case now == nil || now.Name != list[i].Name || now.Shard != list[i].Shard:
				return fmt.Errorf("archive: case %q: %w", list[i].ID, ErrChanged)
			case !slices.Contains(without, now.ID):
				now.Shard = name
				err = e.put(*now)
			case now.Hold != "":
				return heldError(now)
			default:
				err = e.remove(now.ID)
			}
			if err != nil {
				return err
			}
		}
		if len(rest) == 0 {
			return nil
		}
		return moveIn(filepath.Join(tmp, dirShards), filepath.Join(k.dir, dirShards, name))
	})
}

// buildShard writes the index of cases into the new folder dir: from the shards that they have, or, if one of those is not as it was written,
// from the records and findings.
func buildShard(ctx context.Context, archive string, cases []liveCase, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, dirStore), 0o700); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	keys := make([]string, len(cases))
	for i := range cases {
		keys[i] = cases[i].Key
	}
	n, err := joinShards(ctx, archive, cases, filepath.Join(dir, dirStore))
	if errors.Is(err, errUnjoinable) {
		n, err = reindex(ctx, archive, cases, dir)
	}
	if err != nil {
		return err
	}
	folders := map[string]liveCase{}
	for _, c := range cases {
		folders[filepath.Join(archive, dirCases, c.Name)] = c
	}
	err = writeOutline(dir, folders)
	if err == nil {
		err = writeShardFile(dir, n, keys)
	}
	if err == nil {
		err = syncTree(dir)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// errUnjoinable says that shards can't be made one as they are.
var errUnjoinable = errors.New("a shard is not as it was written")

// joinShards writes what the shards of cases say of them as one segment into the folder dir, and returns how many documents it has.
func joinShards(ctx context.Context, archive string, cases []liveCase, dir string) (uint64, error) {
	var shards []*shard
	defer func() {
		for _, s := range shards {
			_ = s.close() // it was only read
		}
	}()
	seen, keys := map[string]bool{}, map[string]bool{}
	for i := range cases {
		keys[cases[i].Key] = true
	}
	var list []segments.Segment
	var drops []*roaring.Bitmap
	var n uint64
	for i := range cases {
		name := cases[i].Shard
		if seen[name] {
			continue
		}
		seen[name] = true
		from := filepath.Join(archive, dirShards, name)
		if !sameSums(from) {
			return 0, errUnjoinable
		}
		s, err := readShard(from)
		if err != nil {
			return 0, errors.Join(errUnjoinable, err)
		}
		shards = append(shards, s)
		for _, segment := range s.segments {
			drop, err := dropped(segment, keys)
			if err != nil {
				return 0, errors.Join(errUnjoinable, err)
			}
			list, drops = append(list, segment), append(drops, drop)
			n += segment.Count() - drop.GetCardinality()
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, mergeSegments(ctx, list, drops, filepath.Join(dir, fmt.Sprintf("%012x%s", 1, segmentSuffix)))
}

// dropped returns the documents of a segment that belong to none of the cases with these keys.
func dropped(s segments.Segment, keys map[string]bool) (*roaring.Bitmap, error) {
	drop := roaring.New()
	err := guard(func() error {
		for i := range s.Count() {
			id, err := s.DocID(i)
			if err != nil {
				return err
			}
			if key, _, _, ok := parseDocumentID(string(id)); !ok || !keys[key] {
				drop.Add(uint32(i))
			}
		}
		return nil
	})
	return drop, err
}

// sameSums tells whether the files of a shard are as they were written.
func sameSums(dir string) bool {
	f, err := readShardFile(dir)
	if err != nil {
		return false
	}
	for name, want := range f.Sums {
		if got, err := sumFile(filepath.Join(dir, dirStore, name)); err != nil || got != (sum{f.Files[name], want}) {
			return false
		}
	}
	return true
}

// reindex writes the index of cases, made of their records and findings, into the folder dir, and returns how many documents it has.
func reindex(ctx context.Context, archive string, cases []liveCase, dir string) (uint64, error) {
	if err := os.RemoveAll(filepath.Join(dir, dirStore)); err != nil {
		return 0, fmt.Errorf("archive: %w", err)
	}
	w, err := newShardWriter(dir)
	if err != nil {
		return 0, err
	}
	for i := range cases {
		if err == nil {
			err = reindexCase(ctx, w, archive, &cases[i])
		}
	}
	if cerr := w.close(err != nil); err == nil && cerr != nil {
		err = fmt.Errorf("archive: %w", cerr)
	}
	return w.documents.Load(), err
}

// reindexCase adds a case to an index.
func reindexCase(ctx context.Context, w *shardWriter, archive string, live *liveCase) error {
	return reindexFolder(ctx, w, filepath.Join(archive, dirCases, live.Name), live)
}

// reindexFolder adds the case in a folder to an index.
func reindexFolder(ctx context.Context, w *shardWriter, folder string, live *liveCase) error {
	c, err := openCaseFiles(folder, live)
	if err != nil {
		return fmt.Errorf("archive: case %q can't be read: %w", live.ID, err)
	}
	defer func() { _ = c.close() }() // it was only read
	return c.wrapIf(c.reindex(ctx, w))
}

// reindex adds the documents of the case to an index.
func (c *openCase) reindex(ctx context.Context, w *shardWriter) error {
	b := w.take()
	defer w.put(b)
	for number := range c.meta.Artifacts {
		a := &c.meta.Artifacts[number]
		for seq := range a.Blocks {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := c.entry(a.First + seq)
			if err != nil {
				return err
			}
			if int64(e.Artifact) != int64(number) {
				return errBlock
			}
			rs, err := c.block(a.First + seq)
			if err != nil {
				return err
			}
			for i := range rs {
				b.text(rs[i].Text)
			}
			b.block(documentID(c.live.Key, e.Artifact, uint32(seq)), &e, componentsOf(rs))
			if b.bytes >= batchBytes {
				if err := w.flush(b); err != nil {
					return err
				}
			}
		}
	}
	fs, err := c.findings()
	if err != nil {
		return err
	}
	b.findings(c.live.Key, fs)
	return nil
}

// componentsOf lists the components of records, each once.
func componentsOf(rs []record) [][]byte {
	seen := map[string]bool{}
	var out [][]byte
	for i := range rs {
		if c := rs[i].Component; len(c) > 0 && !seen[string(c)] {
			seen[string(c)] = true
			out = append(out, c)
		}
	}
	return out
}

// Remove removes cases for good: their records, reports, kept uploads and places in the index, in shards that others share too. What can't be removed at once, since a
// reader has it open on a system that minds, is returned; the next writer removes it. A case that is held is not removed, and neither are those named with it.
func (k *Keeper) Remove(ctx context.Context, ids []string) (left []string, err error) {
	for try := range 3 {
		if err = k.remove(ctx, ids, try > 0); !errors.Is(err, ErrChanged) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return k.purge(ctx)
}

// remove removes cases, shard by shard. again says that some of them may be gone.
func (k *Keeper) remove(ctx context.Context, ids []string, again bool) error {
	m, err := latest(k.dir, &k.parts)
	if err != nil {
		return err
	}
	shards := map[string][]liveCase{}
	for _, c := range m.Cases {
		shards[c.Shard] = append(shards[c.Shard], c)
	}
	gone := map[string]bool{}
	for _, id := range ids {
		i := slices.IndexFunc(m.Cases, func(c liveCase) bool { return c.ID == id })
		switch {
		case i < 0 && again:
			continue
		case i < 0:
			return fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
		case m.Cases[i].Hold != "":
			return heldError(&m.Cases[i])
		}
		gone[m.Cases[i].Shard] = true
	}
	// Shard by shard, so that each needs the room for one.
	var alone []liveCase
	for name := range gone {
		list := shards[name]
		if !slices.ContainsFunc(list, func(c liveCase) bool { return !slices.Contains(ids, c.ID) }) {
			alone = append(alone, list...)
			continue
		}
		if err := k.merge(ctx, list, "removing a case", ids); err != nil {
			return err
		}
	}
	if len(alone) == 0 {
		return nil
	}
	slices.SortFunc(alone, func(a, b liveCase) int { return cmp.Compare(a.ID, b.ID) })
	return k.merge(ctx, alone, "removing cases", ids)
}

// heldError says why a case is not removed.
func heldError(c *liveCase) error {
	return fmt.Errorf("archive: case %q is held: %s; casebook archive release ends that", c.ID, c.Hold)
}

// purge removes everything that the latest generation does not name, and returns what could not be removed.
func (k *Keeper) purge(ctx context.Context) ([]string, error) {
	unlock, err := lockArchive(ctx, k.dir, "removing what is no longer used", k.waiting)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m, err := latest(k.dir, &k.parts)
	if err != nil {
		return nil, err
	}
	_, err = clearTmp(filepath.Join(k.dir, dirTmp))
	return append(sweepAll(k.dir, 1), sweepNotes(k.dir, m)...), err
}

// sweepNotes removes the notes about cases that are no longer, and returns those that could not be.
func sweepNotes(dir string, m *manifest) (left []string) {
	live := map[string]bool{}
	for _, c := range m.Cases {
		live[notesName(c.ID)] = true
	}
	list, err := os.ReadDir(filepath.Join(dir, dirNotes))
	if err != nil {
		return nil // there are none
	}
	for _, e := range list {
		if !live[e.Name()] && os.Remove(filepath.Join(dir, dirNotes, e.Name())) != nil {
			left = append(left, filepath.Join(dirNotes, e.Name()))
		}
	}
	return left
}

// wrapIf says which case an error is of, if there is one.
func (c *openCase) wrapIf(err error) error {
	if err == nil {
		return nil
	}
	return c.wrap(err)
}

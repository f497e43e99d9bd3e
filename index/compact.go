package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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

// Compact merges small shards, and writes those anew that index cases that are gone. Merged shards are built aside from the records of their cases; the archive's lock
// is held only while each is published. progress is called after each; it may be nil.
func (k *Keeper) Compact(ctx context.Context, progress func(done, all int)) (Compacted, error) {
	var c Compacted
	lock := flock.New(filepath.Join(k.dir, fileCompact))
	held, err := lock.TryLock()
	if err != nil {
		return c, fmt.Errorf("archive: %w", err)
	}
	if !held {
		return c, ErrCompacting
	}
	defer func() { _ = lock.Close() }()
	m, err := latest(k.dir)
	if err != nil {
		return c, err
	}
	uses, err := shardUses(k.dir, m)
	if err != nil {
		return c, err
	}
	c.Before = len(uses)
	groups := mergePlan(uses)
	for i, g := range groups {
		var list []liveCase
		for _, u := range g {
			list = append(list, u.cases...)
		}
		if err := k.merge(ctx, list, "merging shards", nil); err != nil && !errors.Is(err, ErrChanged) {
			return c, err // what was merged before stays merged; what changed meanwhile is left to the next time
		}
		c.Cases += len(list)
		if progress != nil {
			progress(i+1, len(groups))
		}
	}
	if m, err = latest(k.dir); err != nil {
		return c, err
	}
	names := map[string]bool{}
	for _, l := range m.Cases {
		names[l.Shard] = true
	}
	c.After = len(names)
	return c, nil
}

// shardUses lists the live shards in order of their first case.
func shardUses(dir string, m *manifest) ([]*shardUse, error) {
	byName := map[string]*shardUse{}
	var out []*shardUse
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
			u.dead = slices.ContainsFunc(f.Keys, func(key string) bool {
				return !slices.ContainsFunc(m.Cases, func(l liveCase) bool { return l.Key == key && l.Shard == c.Shard })
			})
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
		if err := reindex(ctx, k.dir, rest, filepath.Join(tmp, dirShards)); err != nil {
			return err
		}
	}
	return change(ctx, k.dir, doing, k.waiting, func(m *manifest) error {
		name := fmt.Sprintf("merged~%d", m.Generation)
		for _, c := range list {
			i := slices.IndexFunc(m.Cases, func(l liveCase) bool { return l.ID == c.ID })
			switch {
			case i < 0 || m.Cases[i].Name != c.Name || m.Cases[i].Shard != c.Shard:
				return fmt.Errorf("archive: case %q: %w", c.ID, ErrChanged)
			case !slices.Contains(without, c.ID):
				m.Cases[i].Shard = name
			case m.Cases[i].Hold != "":
				return heldError(&m.Cases[i])
			default:
				m.Cases = slices.Delete(m.Cases, i, i+1)
			}
		}
		if len(rest) == 0 {
			return nil
		}
		return moveIn(filepath.Join(tmp, dirShards), filepath.Join(k.dir, dirShards, name))
	})
}

// reindex writes the index of cases, made of their records and findings, into the new folder dir.
func reindex(ctx context.Context, archive string, cases []liveCase, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	w, err := newShardWriter(dir)
	if err != nil {
		return err
	}
	var keys []string
	for i := range cases {
		keys = append(keys, cases[i].Key)
		if err == nil {
			err = reindexCase(ctx, w, archive, &cases[i])
		}
	}
	if cerr := w.close(err != nil); err == nil && cerr != nil {
		err = fmt.Errorf("archive: %w", cerr)
	}
	if err != nil {
		return err
	}
	if err := writeShardFile(dir, w.documents.Load(), keys); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := syncTree(dir); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// reindexCase adds a case to an index.
func reindexCase(ctx context.Context, w *shardWriter, archive string, live *liveCase) error {
	return reindexFolder(ctx, w, filepath.Join(archive, dirCases, live.Name), live)
}

// reindexFolder adds the case in a folder to an index.
func reindexFolder(ctx context.Context, w *shardWriter, folder string, live *liveCase) error {
	c, err := openCaseFiles(folder, live, nil)
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
	m, err := latest(k.dir)
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
	m, err := latest(k.dir)
	if err != nil {
		return nil, err
	}
	left := append(sweep(k.dir, m, m), sweepNotes(k.dir, m)...)
	return left, clearTmp(filepath.Join(k.dir, dirTmp))
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

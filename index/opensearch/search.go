package opensearch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/internal/safeio"
)

// found is a block as a search gets it.
type found struct {
	id, key string
	block   *index.Block
	sort    []json.RawMessage
}

// blockHit is a block's document in an answer.
type blockHit struct {
	Source struct {
		Case  string       `json:"case"`
		Key   string       `json:"key"`
		About *index.Block `json:"about"`
	} `json:"_source"`
	Fields struct {
		Frame [][]byte `json:"frame"`
	} `json:"fields"`
	Sort []json.RawMessage `json:"sort"`
}

// errDamaged says of something that it can't be what was sent.
var errDamaged = errors.New("is damaged")

func (h *blockHit) found() (*found, error) {
	b := h.Source.About
	if b == nil {
		return nil, fmt.Errorf("archive: case %q: a block's document %w", h.Source.Case, errDamaged)
	}
	if len(h.Fields.Frame) == 1 {
		b.Frame = h.Fields.Frame[0]
	} else if b.Findings == nil {
		return nil, fmt.Errorf("archive: case %q: %q, block %d, which has no records, %w", h.Source.Case, b.Path, b.Seq, errDamaged)
	}
	return &found{h.Source.Case, h.Source.Key, b, h.Sort}, nil
}

// The orders in which blocks are read.
var (
	byPlace = []object{{fieldCase: "asc"}, {fieldPlace: "asc"}}
	byFirst = []object{{fieldFirst: object{"order": "asc", "missing": "_last"}}, {fieldCase: "asc"}, {fieldPlace: "asc"}}
)

// The sizes of pages of blocks: the first is small since the first hits may be all that is wanted.
const (
	firstPage = 8
	lastPage  = 64
	maxLost   = 5 // how often a moment may be lost in one search
)

// blocksOf passes the blocks of a moment that filters find, in an order, until pass returns false. If the cluster loses the moment, it goes on where it was in a new one.
func (m *moment) blocksOf(ctx context.Context, filters []filter, order []object, pass func(*found) (bool, error)) error {
	var after []json.RawMessage
	lost := 0
	for size := firstPage; m.id != ""; size = min(2*size, lastPage) {
		body := object{"size": size, "sort": order, "track_total_hits": false, "_source": []string{fieldCase, fieldKey, "about"}, "stored_fields": []string{"frame"}}
		if after != nil {
			body["search_after"] = after
		}
		var answer struct {
			Hits struct {
				Hits []blockHit `json:"hits"`
			} `json:"hits"`
		}
		err := m.ask(ctx, filters, body, &answer)
		if errors.Is(err, errLost) && lost < maxLost {
			lost++
			if err = m.renew(ctx, lost); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		for i := range answer.Hits.Hits {
			f, err := answer.Hits.Hits[i].found()
			if err != nil {
				return err
			}
			if more, err := pass(f); !more || err != nil {
				return err
			}
		}
		if len(answer.Hits.Hits) < size {
			return nil
		}
		after = answer.Hits.Hits[len(answer.Hits.Hits)-1].Sort
	}
	return nil
}

// renew takes hold of the blocks as they are now, in the place of a moment that the cluster has lost.
func (m *moment) renew(ctx context.Context, try int) error {
	if err := pause(ctx, try); err != nil {
		return err
	}
	n, err := m.s.now(ctx)
	if err != nil {
		return err
	}
	m.id, m.hidden = n.id, n.hidden
	return nil
}

// named returns blocks by the IDs of their documents.
func (m *moment) named(ctx context.Context, names ...string) (map[string]*found, error) {
	out := map[string]*found{}
	err := m.blocksOf(ctx, []filter{object{"ids": object{"values": names}}}, byPlace, func(f *found) (bool, error) {
		out[nameOf(f.key, f.block.Order, f.block.Seq)] = f
		return true, nil
	})
	return out, err
}

// neighbour returns what gets another block of the artifact of f.
func (m *moment) neighbour(ctx context.Context, f *found) func(int) (*index.Block, error) {
	return func(seq int) (*index.Block, error) {
		name := nameOf(f.key, f.block.Order, seq)
		got, err := m.named(ctx, name)
		if err == nil && got[name] == nil {
			err = fmt.Errorf("archive: case %q: %q: block %d: %w", f.id, f.block.Path, seq, fs.ErrNotExist)
		}
		if err != nil {
			return nil, err
		}
		return got[name].block, nil
	}
}

// maxNamed is how many values one filter may list; OpenSearch takes 65,536.
const maxNamed = 50000

// asked is what a query asks of blocks.
type asked struct {
	cases []filter // which cases are concerned, by ID, labels and scope; none if all are
	words []filter // what words, fields and ranges ask
}

func (a *asked) all() []filter { return slices.Concat(a.cases, a.words) }

// begin begins an evaluation, which must be closed, and returns what the query asks of blocks. labels says that those of the cases are needed in any case.
func (s *Store) begin(ctx context.Context, q query.Node, o index.SearchOptions, labels bool) (*index.Evaluation, *asked, error) {
	a := &asked{}
	f, ok, err := narrow(q)
	if err != nil {
		return nil, nil, err
	}
	if ok {
		a.words = append(a.words, f)
	}
	byCase := hasCase(q) || s.scope != nil
	var known map[string]index.Labels
	var ids []string
	total := 0
	if byCase || labels {
		known = map[string]index.Labels{}
		err := s.eachCase(ctx, term{"type", typeCase}, func(d *caseDoc) error {
			if total++; s.scope.Holds(d.Labels) {
				ids = append(ids, d.ID)
				known[d.ID] = d.Labels
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	x, err := index.Evaluate(ctx, q, o, known)
	if err != nil {
		return nil, nil, err
	}
	if !byCase {
		return x, a, nil
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !x.Concerns(id) })
	if len(ids) == total {
		return x, a, nil
	}
	var lists []filter
	for part := range slices.Chunk(ids, maxNamed) {
		var values []any
		for _, id := range part {
			values = append(values, id)
		}
		lists = append(lists, oneOf(fieldCase, values...))
	}
	a.cases = []filter{anyOf(lists)}
	return x, a, nil
}

// Search finds what matches a query, exactly what [index.Archive.Search] finds, in the same order. An error ends the sequence.
func (s *Store) Search(ctx context.Context, q query.Node, o index.SearchOptions) iter.Seq2[index.Hit, error] {
	return func(yield func(index.Hit, error) bool) {
		if err := s.search(ctx, q, o, func(h index.Hit) bool { return yield(h, nil) }); err != nil {
			yield(index.Hit{}, err)
		}
	}
}

func (s *Store) search(ctx context.Context, q query.Node, o index.SearchOptions, yield func(index.Hit) bool) error {
	x, a, err := s.begin(ctx, q, o, false)
	if err != nil {
		return err
	}
	defer x.Close()
	m, err := s.now(ctx)
	if err != nil {
		return err
	}
	defer func() { m.release(ctx) }()
	if o.Sort != index.ByFile {
		return sorted(ctx, m, x, a, o, yield)
	}
	left := o.Limit
	return m.blocksOf(ctx, a.all(), byPlace, func(f *found) (bool, error) {
		items, err := look(x, f)
		if err != nil {
			return false, err
		}
		for _, i := range items {
			h, err := x.Hit(i, m.neighbour(ctx, f))
			if err != nil {
				return false, err
			}
			left--
			if !yield(h) || left == 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

// look reads a block, unless what is known of it says that nothing in it matches.
func look(x *index.Evaluation, f *found) ([]int, error) {
	if f.block.Findings == nil {
		if _, some := x.Judge(f.id, f.block); !some {
			return nil, nil
		}
	}
	return x.Look(f.id, f.block)
}

// spot is where a hit is: all that is kept of it until its turn comes.
type spot struct {
	cas        *owner
	order, seq int
	item       int
	micro      int64
	score      float64
}

// owner is the state of a case, once for all of its hits.
type owner struct{ id, key string }

func (p *spot) name() string { return nameOf(p.cas.key, p.order, p.seq) }

func compareSpots(a, b spot) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.micro, b.micro), cmp.Compare(a.cas.id, b.cas.id), cmp.Compare(a.order, b.order), cmp.Compare(a.seq, b.seq), cmp.Compare(a.item, b.item))
}

// sorted finds where all hits are, sorts them, and reads their blocks again.
func sorted(ctx context.Context, m *moment, x *index.Evaluation, a *asked, o index.SearchOptions, yield func(index.Hit) bool) error {
	relevance := o.Sort == index.ByRelevance
	order := byFirst
	if relevance {
		order = byPlace
		if err := weigh(ctx, m, x, a); err != nil {
			return err
		}
	}
	var spots []spot
	trim := func() {
		slices.SortFunc(spots, compareSpots)
		if o.Limit > 0 && len(spots) > o.Limit {
			spots = spots[:o.Limit]
		}
	}
	cas := &owner{}
	err := m.blocksOf(ctx, a.all(), order, func(f *found) (bool, error) {
		// Blocks come by their first time: one that begins after the last of enough hits has none that comes before it, nor have those behind it.
		if !relevance && o.Limit > 0 && len(spots) >= o.Limit && f.block.First > spots[o.Limit-1].micro && f.block.Findings == nil {
			if trim(); f.block.First > spots[o.Limit-1].micro {
				return false, nil
			}
		}
		items, err := look(x, f)
		if err != nil {
			return false, err
		}
		if cas.key != f.key {
			cas = &owner{f.id, f.key}
		}
		for _, i := range items {
			p := spot{cas: cas, order: f.block.Order, seq: f.block.Seq, item: i}
			if relevance {
				p.score = x.Score(i)
			} else {
				p.micro = x.Time(i)
			}
			spots = append(spots, p)
		}
		if o.Limit > 0 && len(spots) >= 2*o.Limit+1024 {
			trim()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	trim()
	for part := range slices.Chunk(spots, lastPage) {
		if more, err := m.show(ctx, x, part, yield); !more || err != nil {
			return err
		}
	}
	return nil
}

// show makes hits of spots.
func (m *moment) show(ctx context.Context, x *index.Evaluation, spots []spot, yield func(index.Hit) bool) (more bool, err error) {
	var names []string
	for i := range spots {
		names = append(names, spots[i].name())
	}
	slices.Sort(names)
	blocks, err := m.named(ctx, slices.Compact(names)...)
	if err != nil {
		return false, err
	}
	var last *found
	for i := range spots {
		f := blocks[spots[i].name()]
		if f == nil {
			return false, fmt.Errorf("archive: case %q was replaced while it was searched; search again", spots[i].cas.id)
		}
		if f != last {
			if _, err := x.Look(f.id, f.block); err != nil {
				return false, err
			}
			last = f
		}
		h, err := x.Hit(spots[i].item, m.neighbour(ctx, f))
		if err != nil {
			return false, err
		}
		if !yield(h) {
			return false, nil
		}
	}
	return true, nil
}

// weigh counts how many blocks of the cases that the query concerns may hold each of what is looked for, as the archive in a folder does.
func weigh(ctx context.Context, m *moment, x *index.Evaluation, a *asked) error {
	marks := x.Marks()
	if m.id == "" {
		x.Weigh(0, make([]uint64, len(marks)))
		return nil
	}
	counted := object{}
	for i, mark := range marks {
		for j, list := range mark.Terms() {
			for k, t := range list {
				if t.Glob {
					break
				}
				name := fmt.Sprintf("%d-%d-%d", i, j, k)
				counted[name] = object{"filter": term{wordField(""), clean(t.Prefix)}}
			}
		}
	}
	body := object{"size": 0, "track_total_hits": true}
	if len(counted) > 0 {
		body["aggs"] = counted
	}
	var answer struct {
		Hits struct {
			Total struct {
				Value uint64 `json:"value"`
			} `json:"total"`
		} `json:"hits"`
		Found map[string]struct {
			Count uint64 `json:"doc_count"`
		} `json:"aggregations"`
	}
	if err := m.ask(ctx, a.cases, body, &answer); err != nil {
		return err
	}
	all := answer.Hits.Total.Value
	holding := make([]uint64, len(marks))
	for i, mark := range marks {
		holding[i] = all
		for j, list := range mark.Terms() {
			var n uint64
			for k, t := range list {
				if t.Glob { // what it stands for would have to be looked up
					n = all
					break
				}
				n += answer.Found[fmt.Sprintf("%d-%d-%d", i, j, k)].Count
			}
			holding[i] = min(holding[i], n)
		}
	}
	x.Weigh(all, holding)
	return nil
}

// Report returns the bytes of a case's report.json. The error is [fs.ErrNotExist] if there is no such case.
func (s *Store) Report(ctx context.Context, id string) ([]byte, error) {
	for try := 0; ; try++ {
		d, _, err := s.live(ctx, id, fs.ErrNotExist)
		if err != nil {
			return nil, err
		}
		b, err := s.file(ctx, d.Key, index.KeptReport)
		if !errors.Is(err, fs.ErrNotExist) || try == maxConflicts {
			return b, err
		}
		// The case was replaced between the two requests, or its report is lost.
		if now, _, err := s.live(ctx, id, fs.ErrNotExist); err != nil || now.Key == d.Key {
			return nil, cmp.Or(err, fmt.Errorf("archive: case %q: its report is lost: %w", id, fs.ErrNotExist))
		}
	}
}

// maxFile bounds the bytes of a file that is read into memory.
const maxFile = 512 << 20

// file reads a file of a state.
func (s *Store) file(ctx context.Context, key, name string) ([]byte, error) {
	r, err := s.kept.Open(ctx, key, name)
	if err != nil {
		return nil, err
	}
	b, err := safeio.ReadAll(r, maxFile)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("opensearch: %s of state %s: %w", name, key, err)
	}
	return b, nil
}

// Records yields the records of an artifact of a case; see [index.Archive.Records].
func (s *Store) Records(ctx context.Context, id, artifact string, from int) iter.Seq2[ingest.Record, error] {
	return func(yield func(ingest.Record, error) bool) {
		if err := s.records(ctx, id, artifact, from, func(r ingest.Record) bool { return yield(r, nil) }); err != nil {
			yield(ingest.Record{}, err)
		}
	}
}

func (s *Store) records(ctx context.Context, id, artifact string, from int, yield func(ingest.Record) bool) error {
	d, _, err := s.live(ctx, id, fs.ErrNotExist)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := s.now(ctx)
	if err != nil {
		return err
	}
	defer func() { m.release(ctx) }()
	x, err := index.Evaluate(ctx, query.And{}, index.SearchOptions{}, nil)
	if err != nil {
		return err
	}
	defer x.Close()
	filters := []filter{term{fieldKey, d.Key}, term{fieldPath, keyword(artifact)}, oneOf(fieldClass, classRecords)}
	var begin int64 // the last block that begins before the line: a record that is longer than a block goes on in the next
	before := append(slices.Clone(filters), ranged(fieldLine, object{"lt": from}))
	err = m.blocksOf(ctx, before, []object{{fieldPlace: "desc"}}, func(f *found) (bool, error) {
		if f.block.Path != artifact {
			return true, nil
		}
		begin = placeOf(f.block)
		return false, nil
	})
	if err != nil {
		return err
	}
	rest := append(slices.Clone(filters), ranged(fieldPlace, object{"gte": begin}))
	return m.blocksOf(ctx, rest, byPlace, func(f *found) (bool, error) {
		if f.block.Path != artifact {
			return true, nil
		}
		for r, err := range x.Records(f.block) {
			if err != nil {
				return false, err
			}
			if !yield(r) {
				return false, nil
			}
		}
		return true, nil
	})
}

package opensearch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"casebook/index"
	"casebook/index/query"
)

// What is done with whole cases. A case is fetched into a temporary folder as it was sent, and is there what a case of an archive in a folder is.

// Import implements [index.Importer]. Uploads that the other archive kept are left out.
func (s *Store) Import(ctx context.Context, x *index.Exported, o index.ImportOptions) (index.Case, error) {
	if err := s.prepare(ctx); err != nil {
		return index.Case{}, err
	}
	spool, err := x.Spool(ctx, s.config.Spool)
	if err != nil {
		return index.Case{}, err
	}
	c, none := x.Case(), ""
	w := &writer{Spool: spool, s: s, entry: index.Entry{Labels: c.Labels, Added: c.Added, Hold: c.Hold, Replaces: &none}}
	if o.Replace {
		w.entry.Replaces = nil
	}
	err = w.send(ctx)
	if errors.Is(err, index.ErrChanged) {
		err = fmt.Errorf("archive: case %q: %w", c.ID, index.ErrExists)
	}
	if err = errors.Join(err, w.Abort()); err != nil {
		return index.Case{}, err
	}
	if err := s.joinNotes(ctx, c.ID, x.Notes()); err != nil {
		return index.Case{}, fmt.Errorf("%w; the case was imported without its notes", err)
	}
	return s.Case(ctx, c.ID)
}

// joinNotes adds notes to those about a case, each once.
func (s *Store) joinNotes(ctx context.Context, id string, more []index.Note) error {
	if len(more) == 0 {
		return nil
	}
	for try := 0; ; try++ {
		d, v, err := s.getNotes(ctx, id)
		if err != nil {
			return err
		}
		d.Case, d.Notes = id, index.JoinNotes(d.Notes, more)
		err = s.client.do(ctx, http.MethodPut, s.notesPath(id), v.params(), d, nil)
		if !isStatus(err, http.StatusConflict) || try == maxConflicts {
			return err
		}
	}
}

// fetch makes a spool of a case, which must be closed; the error is [fs.ErrNotExist] if there is no such case. fault is told what is not as it was sent.
func (s *Store) fetch(ctx context.Context, id string, fault func(string)) (*index.Spool, error) {
	for try := 0; ; try++ {
		d, _, err := s.live(ctx, id, fs.ErrNotExist)
		if err != nil {
			return nil, err
		}
		var faults []string
		spool, err := index.Fetch(ctx, s.config.Spool, index.Fetched{
			Case:   d.public(),
			File:   func(name string) (io.ReadCloser, error) { return s.kept.Open(ctx, d.Key, name) },
			Blocks: s.stateBlocks(ctx, d.Key),
			Fault:  func(what string) { faults = append(faults, what) },
		})
		if err == nil && len(faults) == 0 || ctx.Err() != nil {
			return spool, err
		}
		// It may have been replaced or removed meanwhile, which removes what was being fetched.
		now, _, gerr := s.live(ctx, id, fs.ErrNotExist)
		if gerr == nil && (now.Key == d.Key || try == maxConflicts) {
			for _, what := range faults {
				fault(what)
			}
			return spool, err
		}
		if spool != nil {
			_ = spool.Close() // it is of a state that is gone
		}
		if gerr != nil {
			return nil, gerr
		}
	}
}

// stateBlocks are the blocks of a state.
func (s *Store) stateBlocks(ctx context.Context, key string) iter.Seq2[*index.Block, error] {
	return func(yield func(*index.Block, error) bool) {
		m, err := s.now(ctx)
		if err == nil {
			defer func() { m.release(ctx) }()
			err = m.blocksOf(ctx, []filter{term{fieldKey, key}}, byPlace, func(f *found) (bool, error) { return yield(f.block, nil), nil })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// whole fetches a case of which everything is as it was sent.
func (s *Store) whole(ctx context.Context, id string) (*index.Spool, error) {
	first := ""
	spool, err := s.fetch(ctx, id, func(what string) { first = cmp.Or(first, what) })
	if err == nil && first != "" {
		err = errors.Join(fmt.Errorf("archive: case %q is not as it was written: %s", id, first), spool.Close())
	}
	if err != nil {
		return nil, err
	}
	return spool, nil
}

// Export implements [index.Exporter].
func (s *Store) Export(ctx context.Context, id string, w io.Writer) error {
	spool, err := s.whole(ctx, id)
	if err != nil {
		return err
	}
	var notes []index.Note
	c, err := s.Case(ctx, id)
	if err == nil {
		notes, err = s.Notes(ctx, id)
	}
	if err == nil {
		err = spool.Export(ctx, c, notes, w)
	}
	return errors.Join(err, spool.Close())
}

// Sources implements [index.Sourcer].
func (s *Store) Sources(ctx context.Context, id string) (*index.Sources, error) {
	spool, err := s.whole(ctx, id)
	if err != nil {
		return nil, err
	}
	return spool.Sources(ctx)
}

// History implements [index.Rememberer].
func (s *Store) History(ctx context.Context, c index.Case) ([]index.Revision, error) {
	h, err := s.history(ctx, c.State)
	if err != nil {
		return nil, fmt.Errorf("archive: case %q: %w", c.ID, err)
	}
	return h, nil
}

// history reads the history of a state.
func (s *Store) history(ctx context.Context, key string) ([]index.Revision, error) {
	b, err := s.file(ctx, key, index.KeptHistory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return index.ParseHistory(b)
}

// Matching implements [index.Hunter]. Of each case blocks are read up to the first match; then the next case is asked for.
func (s *Store) Matching(ctx context.Context, ids []string, q query.Node, registry bool) []index.Match {
	out := make([]index.Match, len(ids))
	if err := s.matching(ctx, ids, q, registry, out); err != nil {
		for i := range out {
			out[i].Err = cmp.Or(out[i].Err, err)
		}
	}
	return out
}

func (s *Store) matching(ctx context.Context, ids []string, q query.Node, registry bool, out []index.Match) error {
	at := make(map[string]int, len(ids))
	values := make([]any, len(ids))
	for i, id := range ids {
		at[id], values[i] = i, id
		out[i].Err = fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	there := map[string]int{}
	err := s.eachCase(ctx, term{"type", typeCase}, func(d *caseDoc) error {
		if i, asked := at[d.ID]; asked && s.sees(d) {
			out[i].Err, there[d.ID] = nil, i
		}
		return nil
	})
	if err != nil {
		return err
	}
	x, a, err := s.begin(ctx, q, index.SearchOptions{}, false)
	if err != nil {
		return err
	}
	defer x.Close()
	m, err := s.now(ctx)
	if err != nil {
		return err
	}
	defer func() { m.release(ctx) }()
	classes := []any{classRecords}
	if registry {
		classes = append(classes, classRegistry)
	}
	filters := append(a.all(), oneOf(fieldClass, classes...))
	if len(ids) <= maxNamed {
		filters = append(filters, oneOf(fieldCase, values...))
	}
	for last, next := "", ""; ; last = next {
		next = ""
		behind := append(slices.Clone(filters), object{"range": object{fieldCase: object{"gt": last}}})
		err := m.blocksOf(ctx, behind, byPlace, func(f *found) (bool, error) {
			i, ok := there[f.id]
			if !ok {
				return true, nil
			}
			items, err := look(x, f)
			if len(items) > 0 {
				out[i].Holds, next = true, f.id
			}
			return next == "", err
		})
		if err != nil || next == "" {
			return err
		}
	}
}

// Check implements [index.Checker]: every case is fetched and compared with the sums that were made when it was sent, its blocks are decoded, and each must be found by a search for a word of it. An error
// means that the check did not come to its end.
func (s *Store) Check(ctx context.Context, fault func(index.Fault)) (index.Checked, error) {
	var done index.Checked
	list, err := s.List(ctx)
	if err != nil {
		return done, err
	}
	for _, c := range list {
		if err := s.checkCase(ctx, c, &done, fault); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *Store) checkCase(ctx context.Context, c index.Case, done *index.Checked, fault func(index.Fault)) error {
	tell := func(what string) {
		done.Faults++
		fault(index.Fault{Case: c.ID, What: what})
	}
	spool, err := s.fetch(ctx, c.ID, tell)
	switch {
	case errors.Is(err, index.ErrNotStored):
		done.Cases++
		done.Unsummed++
		return nil
	case err != nil:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// Is it the case, or is the cluster away?
		if _, _, there, gerr := s.getCase(ctx, c.ID); gerr != nil || !there {
			return gerr
		}
		done.Cases++
		tell(err.Error())
		return nil
	}
	m, err := s.now(ctx)
	if err == nil {
		defer func() { m.release(ctx) }()
		err = spool.Check(ctx, done, func(list []index.Sought) ([]bool, error) { return m.finds(ctx, spool.Case().State, list) }, fault)
	}
	done.Cases++
	return errors.Join(err, spool.Close())
}

// finds tells of blocks of a state whether a search for a word finds them.
func (m *moment) finds(ctx context.Context, key string, list []index.Sought) ([]bool, error) {
	out := make([]bool, len(list))
	var each []filter
	for i, b := range list {
		if out[i] = b.Word == ""; !out[i] {
			each = append(each, allOf(object{"ids": object{"values": []string{nameOf(key, b.Order, b.Seq)}}}, term{wordField(""), clean([]byte(b.Word))}))
		}
	}
	if len(each) == 0 || m.id == "" {
		return out, nil
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	for lost := 1; ; lost++ {
		err := m.ask(ctx, []filter{anyOf(each)}, object{"size": len(each), "_source": false, "track_total_hits": false}, &answer)
		if errors.Is(err, errLost) && lost <= maxLost {
			err = m.renew(ctx, lost)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		break
	}
	found := map[string]bool{}
	for _, h := range answer.Hits.Hits {
		found[h.ID] = true
	}
	for i, b := range list {
		out[i] = out[i] || found[nameOf(key, b.Order, b.Seq)]
	}
	return out, nil
}

// Stats implements [index.Measurer]. The room is that of all copies in the cluster; of what object storage keeps nothing is counted. The records are among the index, in whose documents they lie.
func (s *Store) Stats(ctx context.Context) (index.Stats, error) {
	list, err := s.List(ctx)
	if err != nil {
		return index.Stats{}, err
	}
	out := index.CountCases(list)
	var indexes []struct {
		Index  string `json:"index"`
		Shards string `json:"pri"`
		Bytes  string `json:"store.size"`
	}
	names := s.blocks() + "-*," + s.files() + "," + s.cases() + "," + s.notes()
	params := url.Values{"format": {"json"}, "h": {"index,pri,store.size"}, "bytes": {"b"}}
	err = s.client.do(ctx, http.MethodGet, "/_cat/indices/"+names, params, nil, &indexes)
	if isStatus(err, http.StatusNotFound) {
		return out, nil // nothing was ever written
	}
	if err != nil {
		return index.Stats{}, err
	}
	for _, i := range indexes {
		shards, err := strconv.Atoi(i.Shards)
		if err != nil {
			return index.Stats{}, fmt.Errorf("opensearch: index %s has %q shards", i.Index, i.Shards)
		}
		size, err := strconv.ParseInt(cmp.Or(i.Bytes, "0"), 10, 64) // nothing while no copy of it is there
		if err != nil {
			return index.Stats{}, fmt.Errorf("opensearch: index %s has %q bytes", i.Index, i.Bytes)
		}
		if strings.HasPrefix(i.Index, s.blocks()+"-") {
			out.Shards += shards
			out.IndexBytes += size
		} else {
			out.CaseBytes += size
		}
	}
	return out, nil
}

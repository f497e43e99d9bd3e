package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// A state is one writing of a case. While it is written, a document of the type state names it, so that searches leave its blocks out; the document of the case makes it live, and
// names the states before it as dead until their blocks are removed.

// The times after which what others began is taken for abandoned. Sending a case takes minutes; burying one takes seconds.
const (
	abandonedState = 6 * time.Hour
	abandonedDead  = 30 * time.Minute
)

// mark enters a state that is being written.
func (s *Store) mark(ctx context.Context, key, id string) error {
	d := caseDoc{Type: typeState, Key: key, Since: s.config.Now().UTC()}
	return s.client.do(ctx, http.MethodPut, s.statePath(key), url.Values{"refresh": {"true"}}, d, nil)
}

// touch says that a state is still being written, if nobody has taken it for abandoned.
func (s *Store) touch(ctx context.Context, key string) error {
	body := object{"doc": object{"since": s.config.Now().UTC()}}
	err := s.client.do(ctx, http.MethodPost, "/"+s.cases()+"/_update/state-"+key, nil, body, nil)
	if isStatus(err, http.StatusNotFound) {
		return errors.New("archive: sending the case took so long that it was taken for abandoned; send it again")
	}
	return err
}

// erase removes the blocks and files of a state, and then what names it.
func (s *Store) erase(ctx context.Context, key string) error {
	if err := s.deleteBy(ctx, s.blocks(), fieldKey, key); err != nil {
		return err
	}
	if err := s.kept.Delete(ctx, key); err != nil {
		return err
	}
	err := s.client.do(ctx, http.MethodDelete, s.statePath(key), url.Values{"refresh": {"true"}}, nil, nil)
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// bury removes the blocks and files of dead states of a case, and then their names from its document; if its own state is dead, the document itself and the notes.
func (s *Store) bury(ctx context.Context, id string, dead []string) error {
	for _, key := range dead {
		if err := s.erase(ctx, key); err != nil {
			return err
		}
	}
	for try := 0; ; try++ {
		d, v, there, err := s.getCase(ctx, id)
		if err != nil || !there {
			return err
		}
		if d.gone() && slices.Contains(dead, d.Key) {
			if err = s.client.do(ctx, http.MethodDelete, s.notesPath(id), nil, nil, nil); err != nil && !isStatus(err, http.StatusNotFound) {
				return err
			}
			err = s.client.do(ctx, http.MethodDelete, s.casePath(id), v.params(), nil, nil)
		} else {
			d.Dead = slices.DeleteFunc(d.Dead, func(key string) bool { return slices.Contains(dead, key) })
			err = s.client.do(ctx, http.MethodPut, s.casePath(id), v.params(), d, nil)
		}
		if !isStatus(err, http.StatusConflict) || try == maxConflicts {
			return err
		}
	}
}

// sweep removes what writers left that are no more.
func (s *Store) sweep(ctx context.Context, now time.Time) error {
	older := func(d time.Duration) filter {
		return object{"range": object{"since": object{"lt": now.Add(-d).UTC().Format(time.RFC3339)}}}
	}
	var list []caseDoc
	take := func(d *caseDoc) error {
		list = append(list, *d)
		return nil
	}
	if err := s.eachCase(ctx, allOf(term{"type", typeState}, older(abandonedState)), take); err != nil {
		return err
	}
	live, err := s.liveAmong(ctx, list)
	if err != nil {
		return err
	}
	for _, d := range list {
		if live[d.Key] { // its writer died between making it live and forgetting it
			if err := s.client.do(ctx, http.MethodDelete, s.statePath(d.Key), url.Values{"refresh": {"true"}}, nil, nil); err != nil && !isStatus(err, http.StatusNotFound) {
				return err
			}
			continue
		}
		// Its writer, if it is slow and not dead, sees by this that it was given up.
		if err := s.client.do(ctx, http.MethodDelete, s.statePath(d.Key), nil, nil, nil); err != nil && !isStatus(err, http.StatusNotFound) {
			return err
		}
		if err := s.erase(ctx, d.Key); err != nil {
			return err
		}
	}
	list = nil
	if err := s.eachCase(ctx, allOf(term{"type", typeCase}, object{"exists": object{"field": "dead"}}, older(abandonedDead)), take); err != nil {
		return err
	}
	for _, d := range list {
		if err := s.bury(ctx, d.ID, d.Dead); err != nil {
			return err
		}
	}
	return s.dropEmpty(ctx)
}

// liveAmong tells which of the states are the live ones of a case.
func (s *Store) liveAmong(ctx context.Context, list []caseDoc) (map[string]bool, error) {
	live := map[string]bool{}
	for part := range slices.Chunk(list, casePage) {
		var keys []any
		for _, d := range part {
			keys = append(keys, d.Key)
		}
		err := s.eachCase(ctx, allOf(term{"type", typeCase}, oneOf(fieldKey, keys...)), func(d *caseDoc) error {
			live[d.Key] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return live, nil
}

// hidden returns the states whose blocks a search must leave out: those that are being written, and dead ones.
func (s *Store) hidden(ctx context.Context) ([]string, error) {
	var begun []caseDoc
	var out []string
	f := anyOf([]filter{term{"type", typeState}, object{"exists": object{"field": "dead"}}})
	err := s.eachCase(ctx, f, func(d *caseDoc) error {
		if d.Type == typeState {
			begun = append(begun, *d)
		}
		out = append(out, d.Dead...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	live, err := s.liveAmong(ctx, begun)
	if err != nil {
		return nil, err
	}
	for _, d := range begun {
		if !live[d.Key] {
			out = append(out, d.Key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// moment is the blocks of all cases as they were at one time.
type moment struct {
	s      *Store
	id     string // of the point in time; "" if there are no blocks at all
	hidden []string
}

// keepMoment is how long the cluster keeps a moment after the last request for it.
const keepMoment = "5m"

// now takes hold of the blocks. What becomes live or dead while that is done is noticed, and it is done again.
func (s *Store) now(ctx context.Context) (*moment, error) {
	before, err := s.hidden(ctx)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		m := &moment{s: s}
		var answer struct {
			ID string `json:"pit_id"`
		}
		err := s.client.do(ctx, http.MethodPost, "/"+s.blocks()+"/_search/point_in_time", url.Values{"keep_alive": {keepMoment}}, nil, &answer)
		if err != nil && !isStatus(err, http.StatusNotFound) {
			return nil, err
		}
		m.id = answer.ID
		after, err := s.hidden(ctx)
		if err != nil {
			m.release(ctx)
			return nil, err
		}
		// A state that was live before and is dead now may lack blocks; one that was begun before and is live now too.
		m.hidden = append(slices.Clone(before), after...)
		slices.Sort(m.hidden)
		m.hidden = slices.Compact(m.hidden)
		if len(m.hidden) == len(before) && slices.Equal(before, after) || try == 5 {
			return m, nil
		}
		m.release(ctx)
		before = after
	}
}

// release lets go of the blocks.
func (m *moment) release(ctx context.Context) {
	if m.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	_ = m.s.client.do(ctx, http.MethodDelete, "/_search/point_in_time", nil, object{"pit_id": []string{m.id}}, nil) // it ends by itself
	m.id = ""
}

// errLost says that the cluster has lost a moment, with the node that kept it.
var errLost = errors.New("the cluster no longer has the state that is being searched")

// ask sends a search of the moment: filters narrow it, and what is hidden is left out.
func (m *moment) ask(ctx context.Context, filters []filter, body object, out any) error {
	not := []filter{}
	if len(m.hidden) > 0 {
		var keys []any
		for _, k := range m.hidden {
			keys = append(keys, k)
		}
		not = append(not, oneOf(fieldKey, keys...))
	}
	body["query"] = object{"bool": object{"filter": filters, "must_not": not}}
	body["pit"] = object{"id": m.id, "keep_alive": keepMoment}
	err := m.s.client.do(ctx, http.MethodPost, "/_search", url.Values{"allow_partial_search_results": {"false"}}, body, out)
	if isStatus(err, http.StatusNotFound, http.StatusInternalServerError) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

package opensearch

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"casebook/findings"
	"casebook/index"
)

// Store is an archive in OpenSearch. It may be used from several goroutines, and by many machines at once.
type Store struct {
	config Config
	client *client
	kept   Files
	scope  index.Scope // what of it is seen
	*state
}

// state is what changes of a store. Limited views of it share it.
type state struct {
	mu       sync.Mutex
	prepared time.Time       // when templates and indexes were last looked after; zero if not yet
	lists    map[string]bool // by index of blocks: whether its fields of words are lists
}

var (
	_ index.Store      = (*Store)(nil)
	_ index.Limiter    = (*Store)(nil)
	_ index.Exporter   = (*Store)(nil)
	_ index.Importer   = (*Store)(nil)
	_ index.Checker    = (*Store)(nil)
	_ index.Measurer   = (*Store)(nil)
	_ index.Rememberer = (*Store)(nil)
	_ index.Hunter     = (*Store)(nil)
)

// Open returns the store that c names, without asking it anything. It must be closed.
func Open(c Config) (*Store, error) {
	if c.Now == nil || len(c.Hosts) == 0 || c.Prefix == "" {
		return nil, errors.New("opensearch: the configuration has no clock, hosts or prefix")
	}
	c.Shards, c.Rollover, c.Patience = cmp.Or(c.Shards, 1), cmp.Or(c.Rollover, "30gb"), cmp.Or(c.Patience, 2*time.Minute)
	c.Replicas = max(0, cmp.Or(c.Replicas, 1))
	cl, err := newClient(&c)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, client: cl, kept: c.Files, state: &state{}}
	if s.kept == nil {
		s.kept = pieces{s}
	}
	return s, nil
}

// Close frees the store's connections.
func (s *Store) Close() error {
	s.client.close()
	return nil
}

// Within implements [index.Limiter]. Closing what it returns does nothing.
func (s *Store) Within(scope index.Scope) index.Reader {
	view := *s
	if scope != nil {
		view.scope = scope
	}
	return limited{&view}
}

// limited is a view of a store that another closes.
type limited struct{ *Store }

// Close does nothing.
func (limited) Close() error { return nil }

// sees tells whether a case is there, and within the scope.
func (s *Store) sees(d *caseDoc) bool { return !d.gone() && s.scope.Holds(d.Labels) }

// The types of documents in the index of cases.
const (
	typeCase  = "case"
	typeState = "state" // that is being written
)

// caseDoc is the document of a case, or of a state that is being written.
type caseDoc struct {
	Type string `json:"type"`
	Key  string `json:"key"` // the state
	ID   string `json:"id,omitempty"`
	// Dead are states of the case that are live no more and whose blocks are not removed yet. A case whose own state is among them is being removed.
	Dead      []string          `json:"dead,omitempty"`
	Since     time.Time         `json:"since"` // when the document was written
	Index     string            `json:"index,omitempty"`
	Sum       string            `json:"sum,omitempty"` // see [index.Case]; "" of a case of which only the report is kept beside the blocks
	Labels    index.Labels      `json:"filed,omitempty"`
	Added     time.Time         `json:"added,omitzero"`
	Hold      string            `json:"hold,omitempty"`
	Held      []index.Upload    `json:"held,omitempty"`
	Uploads   []string          `json:"uploads,omitempty"`   // their SHA-256
	Checks    []string          `json:"checks,omitempty"`    // that are confirmed
	Titles    map[string]string `json:"titles,omitempty"`    // of the confirmed findings
	Templates []string          `json:"templates,omitempty"` // what stands for the kinds of errors
}

func (d *caseDoc) public() index.Case {
	return index.Case{ID: d.ID, Labels: d.Labels, Added: d.Added, Hold: d.Hold, Uploads: d.Held, State: d.Key, Shard: d.Index, Sum: d.Sum}
}

// gone tells whether the case is being removed.
func (d *caseDoc) gone() bool { return slices.Contains(d.Dead, d.Key) }

// version is which writing of a document was read.
type version struct {
	Seq  *int64 `json:"_seq_no"`
	Term *int64 `json:"_primary_term"`
}

// params makes a request succeed only on that version; on none only if there is no document.
func (v version) params() url.Values {
	p := url.Values{"refresh": {"true"}}
	if v.Seq == nil || v.Term == nil {
		p.Set("op_type", "create")
		return p
	}
	p.Set("if_seq_no", strconv.FormatInt(*v.Seq, 10))
	p.Set("if_primary_term", strconv.FormatInt(*v.Term, 10))
	return p
}

// hash is a name of fixed length for a text of any.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func newKey() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *Store) casePath(id string) string   { return "/" + s.cases() + "/_doc/case-" + hash(id) }
func (s *Store) statePath(key string) string { return "/" + s.cases() + "/_doc/state-" + key }

// getCase reads the document of a case as it is now; there is false if there is none.
func (s *Store) getCase(ctx context.Context, id string) (d caseDoc, v version, there bool, err error) {
	var answer struct {
		version
		Source caseDoc `json:"_source"`
	}
	err = s.client.do(ctx, http.MethodGet, s.casePath(id), nil, nil, &answer)
	if isStatus(err, http.StatusNotFound) {
		return caseDoc{}, version{}, false, nil
	}
	return answer.Source, answer.version, err == nil, err
}

// List returns what is known of the cases, in order of their IDs.
func (s *Store) List(ctx context.Context) ([]index.Case, error) {
	out := []index.Case{}
	err := s.eachCase(ctx, term{"type", typeCase}, func(d *caseDoc) error {
		if s.sees(d) {
			out = append(out, d.public())
		}
		return nil
	})
	return out, err
}

// casePage is how many documents of cases are read at once.
const casePage = 1000

// eachCase passes the documents of the index of cases that a filter finds, in order of IDs and states.
func (s *Store) eachCase(ctx context.Context, f filter, found func(*caseDoc) error) error {
	var after []json.RawMessage
	for {
		body := object{
			"size": casePage, "query": allOf(f), "track_total_hits": false,
			"sort": []object{{"id": object{"order": "asc", "missing": "_first"}}, {fieldKey: "asc"}},
		}
		if after != nil {
			body["search_after"] = after
		}
		var answer struct {
			Hits struct {
				Hits []struct {
					Source caseDoc           `json:"_source"`
					Sort   []json.RawMessage `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		err := s.client.do(ctx, http.MethodPost, "/"+s.cases()+"/_search", url.Values{"allow_partial_search_results": {"false"}}, body, &answer)
		if isStatus(err, http.StatusNotFound) {
			return nil // nothing was ever written
		}
		if err != nil {
			return err
		}
		for i := range answer.Hits.Hits {
			if err := found(&answer.Hits.Hits[i].Source); err != nil {
				return err
			}
		}
		if len(answer.Hits.Hits) < casePage {
			return nil
		}
		after = answer.Hits.Hits[len(answer.Hits.Hits)-1].Sort
	}
}

// FindCase returns the ID of the case that name means; see [index.Archive.FindCase].
func (s *Store) FindCase(ctx context.Context, name string) (string, error) {
	if d, _, there, err := s.getCase(ctx, name); err != nil || there && s.sees(&d) {
		return d.ID, err
	}
	var found []string
	if name != "" {
		begins := object{"prefix": object{"id": object{"value": name, "case_insensitive": true}}}
		err := s.eachCase(ctx, allOf(term{"type", typeCase}, begins), func(d *caseDoc) error {
			if len(d.ID) >= len(name) && strings.EqualFold(d.ID[:len(name)], name) && s.sees(d) {
				found = append(found, d.ID)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("archive %q: case %q: %w", s.config.Prefix, name, index.ErrNoCase)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("archive %q: %q may be %q or %q: %w", s.config.Prefix, name, found[0], found[1], index.ErrNoCase)
}

// live reads the document of a case. The error is one of missing if there is no such case.
func (s *Store) live(ctx context.Context, id string, missing error) (caseDoc, version, error) {
	d, v, there, err := s.getCase(ctx, id)
	if err == nil && (!there || !s.sees(&d)) {
		err = fmt.Errorf("archive %q: case %q: %w", s.config.Prefix, id, missing)
	}
	return d, v, err
}

// Similar returns the other cases that resemble the one that r reports of; see [index.Archive.Similar]. Only cases that share something are read.
func (s *Store) Similar(ctx context.Context, r *findings.Report, limit int) ([]index.Likeness, error) {
	mine := index.TraitsOf(r)
	var shares []filter
	for c := range mine.Confirmed {
		shares = append(shares, term{"checks", c})
	}
	for t := mine.Templates; len(t) >= index.TraitLength; t = t[index.TraitLength:] {
		shares = append(shares, term{"templates", t[:index.TraitLength]})
	}
	var others []index.Traits
	err := s.eachCase(ctx, allOf(term{"type", typeCase}, anyOf(shares)), func(d *caseDoc) error {
		if d.ID != mine.Case && s.sees(d) {
			others = append(others, index.Traits{Case: d.ID, Confirmed: d.Titles, Templates: strings.Join(d.Templates, "")})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	compared, err := s.countOthers(ctx, mine.Case)
	if err != nil {
		return nil, err
	}
	found := index.Liken(r, others, compared, limit)
	var errs []error
	for i := range found {
		notes, err := s.Notes(ctx, found[i].Case)
		errs = append(errs, err)
		found[i].Notes = append(found[i].Notes, notes...)
	}
	return found, errors.Join(errs...)
}

// countOthers counts the cases besides one.
func (s *Store) countOthers(ctx context.Context, id string) (int, error) {
	if s.scope != nil {
		n := 0
		err := s.eachCase(ctx, term{"type", typeCase}, func(d *caseDoc) error {
			if d.ID != id && s.sees(d) {
				n++
			}
			return nil
		})
		return n, err
	}
	var answer struct {
		Count int `json:"count"`
	}
	but := object{"bool": object{"filter": []filter{term{"type", typeCase}}, "must_not": []filter{term{"id", id}}}}
	err := s.client.do(ctx, http.MethodPost, "/"+s.cases()+"/_count", nil, object{"query": but}, &answer)
	if isStatus(err, http.StatusNotFound) {
		return 0, nil
	}
	return answer.Count, err
}

// Case implements [index.Finder].
func (s *Store) Case(ctx context.Context, id string) (index.Case, error) {
	d, _, err := s.live(ctx, id, index.ErrNoCase)
	if err != nil {
		return index.Case{}, err
	}
	return d.public(), nil
}

// Holding implements [index.Finder].
func (s *Store) Holding(ctx context.Context, sha256 string) ([]index.Case, error) {
	var out []index.Case
	err := s.eachCase(ctx, allOf(term{"type", typeCase}, term{"uploads", sha256}), func(d *caseDoc) error {
		if s.sees(d) {
			out = append(out, d.public())
		}
		return nil
	})
	return out, err
}

// Label adds labels to a case; see [index.Keeper.Label].
func (s *Store) Label(ctx context.Context, id string, labels index.Labels) error {
	return s.change(ctx, id, func(d *caseDoc) error {
		d.Labels = d.Labels.Add(labels)
		return nil
	})
}

// Hold keeps cases from being removed or expired; see [index.Keeper.Hold]. Those before one that is not there are held.
func (s *Store) Hold(ctx context.Context, ids []string, reason string) error {
	for _, id := range ids {
		err := s.change(ctx, id, func(d *caseDoc) error {
			d.Hold = reason
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Release ends the hold of cases.
func (s *Store) Release(ctx context.Context, ids []string) error { return s.Hold(ctx, ids, "") }

// change changes the document of a case, again if another changes it meanwhile.
func (s *Store) change(ctx context.Context, id string, apply func(*caseDoc) error) error {
	for try := 0; ; try++ {
		d, v, err := s.live(ctx, id, index.ErrNoCase)
		if err != nil {
			return err
		}
		if err := apply(&d); err != nil {
			return err
		}
		err = s.client.do(ctx, http.MethodPut, s.casePath(id), v.params(), d, nil)
		if !isStatus(err, http.StatusConflict) || try == maxConflicts {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// maxConflicts is how often a change is tried again because another changed the same document.
const maxConflicts = 10

// Remove removes cases for good: records, report and notes; see [index.Keeper.Remove]. Nothing is removed if one of them is held. What is removed is found no more at
// once, and the segments that held it are written anew, so that its bytes go too.
func (s *Store) Remove(ctx context.Context, ids []string) (left []string, err error) {
	for _, id := range ids {
		d, _, err := s.live(ctx, id, index.ErrNoCase)
		if err != nil {
			return nil, err
		}
		if d.Hold != "" {
			return nil, heldError(id, d.Hold)
		}
	}
	touched := map[string]bool{}
	for _, id := range ids {
		var dead []string
		err := s.change(ctx, id, func(d *caseDoc) error {
			if d.Hold != "" { // by another, just now
				return heldError(id, d.Hold)
			}
			touched[d.Index] = true
			d.Dead = append(d.Dead, d.Key)
			dead, d.Since = d.Dead, s.config.Now().UTC()
			return nil
		})
		if err != nil {
			return nil, err
		}
		if err := s.bury(ctx, id, dead); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if err := s.client.do(ctx, http.MethodPost, "/"+name+"/_forcemerge", url.Values{"only_expunge_deletes": {"true"}}, nil, nil); err != nil && !isStatus(err, http.StatusNotFound) {
			return nil, err
		}
	}
	return nil, nil
}

func heldError(id, reason string) error {
	return fmt.Errorf("archive: case %q is held: %s", id, reason)
}

// deleteBy removes the documents of an index that have a value in a field.
func (s *Store) deleteBy(ctx context.Context, name, field, value string) error {
	var answer struct {
		Failures []json.RawMessage `json:"failures"`
	}
	params := url.Values{"conflicts": {"proceed"}, "refresh": {"true"}, "scroll_size": {"500"}}
	err := s.client.do(ctx, http.MethodPost, "/"+name+"/_delete_by_query", params, object{"query": allOf(term{field, value})}, &answer)
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	if err == nil && len(answer.Failures) > 0 {
		err = fmt.Errorf("opensearch: remove from %s: %.300s", name, answer.Failures[0])
	}
	return err
}

// Notes returns what was noted about a case, the oldest first.
func (s *Store) Notes(ctx context.Context, id string) ([]index.Note, error) {
	if s.scope != nil {
		if _, _, err := s.live(ctx, id, index.ErrNoCase); err != nil {
			return nil, err
		}
	}
	d, _, err := s.getNotes(ctx, id)
	return d.Notes, err
}

// notesDoc is the document of a case's notes.
type notesDoc struct {
	Case  string       `json:"case"`
	Notes []index.Note `json:"notes"`
}

func (s *Store) notesPath(id string) string { return "/" + s.notes() + "/_doc/" + hash(id) }

func (s *Store) getNotes(ctx context.Context, id string) (notesDoc, version, error) {
	var answer struct {
		version
		Source notesDoc `json:"_source"`
	}
	err := s.client.do(ctx, http.MethodGet, s.notesPath(id), nil, nil, &answer)
	if isStatus(err, http.StatusNotFound) {
		return notesDoc{}, version{}, nil
	}
	return answer.Source, answer.version, err
}

// AddNote writes a note about a case; see [index.Archive.AddNote].
func (s *Store) AddNote(ctx context.Context, id string, n index.Note) error {
	if _, _, err := s.live(ctx, id, index.ErrNoCase); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	for try := 0; ; try++ {
		d, v, err := s.getNotes(ctx, id)
		if err != nil {
			return err
		}
		if d.Notes, err = index.AppendNote(id, d.Notes, n); err != nil {
			return err
		}
		d.Case = id
		err = s.client.do(ctx, http.MethodPut, s.notesPath(id), v.params(), d, nil)
		if !isStatus(err, http.StatusConflict) || try == maxConflicts {
			return err
		}
		// Another wrote, or this note was written and the answer was lost.
		if now, _, err := s.getNotes(ctx, id); err == nil && len(now.Notes) == len(d.Notes) && now.Notes[len(now.Notes)-1] == d.Notes[len(d.Notes)-1] {
			return nil
		}
	}
}

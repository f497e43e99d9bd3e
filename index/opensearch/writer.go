package opensearch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"casebook/index"
	"casebook/index/query"
	"casebook/index/words"
)

// maxID is how long the ID of a case may be: OpenSearch takes no keyword beyond 32,766 bytes.
const maxID = 4096

// maxKeyword is where paths and the like are cut for counting.
const maxKeyword = 8191

// Create begins a case; see [index.Create]. The case is kept in a temporary folder until it is complete, and sent by Commit.
func (s *Store) Create(ctx context.Context, entry index.Entry) (index.CaseWriter, error) {
	if len(entry.Keep) > 0 {
		return nil, errors.New("archive: OpenSearch keeps no uploads")
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	spool, err := index.NewSpool(ctx, s.config.Spool)
	if err != nil {
		return nil, err
	}
	return &writer{Spool: spool, s: s, entry: entry}, nil
}

// writer takes one case.
type writer struct {
	*index.Spool
	s     *Store
	entry index.Entry
	done  bool
}

// Abort implements [index.CaseWriter].
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return w.Close()
}

// Commit implements [index.CaseWriter]: it sends the case and makes it the live state.
func (w *writer) Commit(ctx context.Context) error {
	if w.done {
		return errors.New("archive: the writer has ended")
	}
	err := w.follow(ctx)
	if err == nil {
		err = w.Seal()
	}
	if err == nil {
		err = w.send(ctx)
	}
	return errors.Join(err, w.Abort())
}

// follow takes over the history of the case that is replaced, if there is one.
func (w *writer) follow(ctx context.Context) error {
	if w.ID() == "" {
		return nil // Seal says it
	}
	d, _, there, err := w.s.getCase(ctx, w.ID())
	if err != nil || !there || d.gone() {
		return err
	}
	report, err := w.s.file(ctx, d.Key, index.KeptReport)
	var history []index.Revision
	if err == nil {
		history, err = w.s.history(ctx, d.Key)
	}
	if err != nil {
		return ctx.Err() // a case that is damaged, or replaced by another just now, is replaced
	}
	return w.Follow(history, report)
}

func (w *writer) send(ctx context.Context) error {
	s, id := w.s, w.Case().ID
	if len(id) > maxID {
		return fmt.Errorf("archive: the case's ID has %d bytes; OpenSearch takes up to %d", len(id), maxID)
	}
	target, err := s.writeIndex(ctx)
	if err != nil {
		return err
	}
	key := newKey()
	if err := s.mark(ctx, key, id); err != nil {
		return err
	}
	err = w.fill(ctx, target, key)
	if err == nil {
		err = s.client.do(ctx, http.MethodPost, "/"+target+"/_refresh", nil, nil, nil)
	}
	if err == nil {
		// What is marked for long is taken for a dead writer's, and swept.
		err = s.touch(ctx, key)
	}
	var dead []string
	if err == nil {
		dead, err = w.publish(ctx, target, key)
	}
	if err != nil {
		w.discard(ctx, key)
		return err
	}
	// The case is there. What remains to be done is done later if it fails now: a sweep finds it.
	_ = s.client.do(ctx, http.MethodDelete, s.statePath(key), url.Values{"refresh": {"true"}}, nil, nil)
	if len(dead) > 0 {
		_ = s.bury(ctx, id, dead)
	}
	return nil
}

// discardTime bounds the removal of what an unfinished writer has sent. A sweep removes the rest.
const discardTime = 20 * time.Second

// discard removes what was sent, also when the caller's context has ended.
func (w *writer) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	// An answer that was lost may have been a success: what is live stays.
	if d, _, there, err := w.s.getCase(ctx, w.Case().ID); err != nil || there && d.Key == key {
		return
	}
	_ = w.s.erase(ctx, key)
}

// fill sends the blocks and files of the state key.
func (w *writer) fill(ctx context.Context, target, key string) error {
	lists, err := w.s.listed(ctx, target)
	if err != nil {
		return err
	}
	b := newBulk(ctx, w.s.client, target)
	d := documents{id: w.Case().ID, key: key, lists: lists}
	for block, err := range w.Blocks(ctx) {
		if err == nil {
			err = b.add(d.name(block), d.document(block))
		}
		if err != nil {
			return errors.Join(err, b.close())
		}
	}
	if err := b.close(); err != nil {
		return err
	}
	return w.Files(ctx, func(name string, r io.Reader) error { return w.s.kept.Put(ctx, key, name, r) })
}

// publish makes the state key the live one of the case, and returns the states that were before.
func (w *writer) publish(ctx context.Context, target, key string) (dead []string, err error) {
	s, c, traits := w.s, w.Case(), w.Traits()
	next := caseDoc{
		Type: typeCase, Key: key, ID: c.ID, Index: target, Sum: c.Sum, Since: s.config.Now().UTC(), Held: c.Uploads, Titles: traits.Confirmed,
		Labels: index.Labels{}.Add(w.entry.Labels), Added: w.entry.Added, Hold: w.entry.Hold,
	}
	for _, u := range c.Uploads {
		next.Uploads = append(next.Uploads, u.SHA256)
	}
	for check := range traits.Confirmed {
		next.Checks = append(next.Checks, check)
	}
	for t := traits.Templates; len(t) >= index.TraitLength; t = t[index.TraitLength:] {
		next.Templates = append(next.Templates, t[:index.TraitLength])
	}
	slices.Sort(next.Checks)
	slices.Sort(next.Templates)
	for try := 0; ; try++ {
		old, v, there, err := s.getCase(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		if there && old.Key == key { // an answer was lost
			return old.Dead, nil
		}
		state, now := "", next
		if there && !old.gone() {
			state = old.Key
			now.Labels, now.Hold = old.Labels.Add(now.Labels), cmp.Or(old.Hold, now.Hold)
			if !old.Added.IsZero() {
				now.Added = old.Added
			}
		}
		if w.entry.Replaces != nil && *w.entry.Replaces != state {
			return nil, fmt.Errorf("archive: case %q: %w", c.ID, index.ErrChanged)
		}
		if there {
			now.Dead = append(slices.Clone(old.Dead), old.Key)
			slices.Sort(now.Dead)
			now.Dead = slices.Compact(now.Dead)
		}
		err = s.client.do(ctx, http.MethodPut, s.casePath(c.ID), v.params(), now, nil)
		if err == nil {
			return now.Dead, nil
		}
		if !isStatus(err, http.StatusConflict) || try == maxConflicts {
			return nil, err
		}
	}
}

// documents makes the documents of a case's blocks.
type documents struct {
	id, key string
	lists   bool // fields of words are lists, see wordList
	split   words.Splitter
}

// placeOf orders the blocks of a case: its findings, then its artifacts, each with its blocks in order.
func placeOf(b *index.Block) int64 { return int64(b.Order)<<32 | int64(b.Seq) }

// nameOf is the ID of a block's document, by which what is sent twice is written once.
func nameOf(key string, order, seq int) string { return fmt.Sprintf("%s%08x%08x", key, order, seq) }

func (d *documents) name(b *index.Block) string { return nameOf(d.key, b.Order, b.Seq) }

// classOf is the class of a block.
func classOf(b *index.Block) int {
	switch {
	case b.Findings != nil:
		return classFindings
	case b.Registry:
		return classRegistry
	}
	return classRecords
}

// keyword is a value that is counted by, cut where it is too long for that.
func keyword(s string) string { return clean([]byte(s[:min(len(s), maxKeyword)])) }

// document is what OpenSearch is given of a block.
func (d *documents) document(b *index.Block) object {
	doc := object{
		fieldKey: d.key, fieldCase: d.id, fieldPlace: placeOf(b), fieldClass: classOf(b), fieldRecords: b.Records, fieldSeverity: b.Values(query.Severity), "about": b,
		wordField(""): d.terms(func(emit func([]byte)) { b.Words(&d.split, emit) }),
	}
	for _, name := range worded {
		if v := b.Values(name); len(v) > 0 {
			doc[wordField(name)] = d.terms(func(emit func([]byte)) {
				for _, s := range v {
					d.split.Each([]byte(s), emit)
				}
			})
		}
	}
	if b.Findings != nil {
		doc[fieldLine], doc[fieldEnd] = 0, math.MaxInt32
		return doc
	}
	doc["frame"] = b.Frame
	doc[fieldHost], doc[fieldPath], doc[fieldKind] = keyword(b.Host), keyword(b.Path), keyword(string(b.Kind))
	doc[fieldMask], doc[fieldSize], doc[fieldLine], doc[fieldEnd] = b.Severity, b.Size, b.Line, b.End
	switch hours, some, one := b.Hour(); {
	case !some:
		doc[fieldHour] = noHour
	case one:
		doc[fieldHour] = hours
	}
	if b.First <= b.Last {
		doc[fieldFirst], doc[fieldLast] = b.First, b.Last
	}
	return doc
}

// terms is the value of a field of words: each once.
func (d *documents) terms(each func(emit func([]byte))) any {
	all := d.unique(each)
	if d.lists {
		return strings.Join(all, wordEnd)
	}
	return all
}

// unique lists words, each once.
func (d *documents) unique(each func(emit func([]byte))) []string {
	seen := map[string]bool{}
	list := []string{}
	each(func(t []byte) {
		if seen[string(t)] {
			return
		}
		seen[string(t)] = true
		if list = append(list, clean(t)); len(t) >= words.MaxTerm && !seen[longTerm] {
			seen[longTerm] = true
			list = append(list, longTerm)
		}
	})
	return list
}

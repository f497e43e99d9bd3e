package index

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	segments "github.com/blevesearch/scorch_segment_api/v2"

	"casebook/findings"
	"casebook/index/query"
	"casebook/index/words"
	"casebook/ingest"
)

// maxExpansion is how many terms a wildcard may stand for before looking them up costs more than looking through the blocks.
const maxExpansion = 1024

// termsPerBlock is how many terms are looked through in the time in which a block is read and searched.
const termsPerBlock = 500

// need is what a block must hold for a query to match in it: a part of the query in terms of the index. nil asks for nothing.
type need interface {
	// find returns the numbers of the documents that have it. The bitmap is the caller's.
	find(s segments.Segment) (*roaring.Bitmap, error)
}

type (
	needTerm struct{ field, term string }
	needAll  []need
	needAny  []need // none of them: nothing matches
)

func (n needTerm) find(s segments.Segment) (*roaring.Bitmap, error) {
	return postings(s, n.field, n.term)
}

func (n needAll) find(s segments.Segment) (*roaring.Bitmap, error) {
	var all *roaring.Bitmap
	for _, one := range n {
		found, err := one.find(s)
		if err != nil {
			return nil, err
		}
		if all != nil {
			found.And(all)
		}
		if all = found; all.IsEmpty() {
			break
		}
	}
	return all, nil
}

func (n needAny) find(s segments.Segment) (*roaring.Bitmap, error) {
	found := roaring.New()
	for _, one := range n {
		some, err := one.find(s)
		if err != nil {
			return nil, err
		}
		found.Or(some)
	}
	return found, nil
}

// needOf returns what a query needs. Every block that holds a match has it; a block that has it need not hold a match.
func needOf(n query.Node, s segments.Segment) (need, error) {
	switch n := n.(type) {
	case query.And:
		var all needAll
		for _, c := range n.Nodes {
			m, err := needOf(c, s)
			if err != nil {
				return nil, err
			}
			if m != nil {
				all = append(all, m)
			}
		}
		return all.reduce(), nil
	case query.Or:
		var anyOf needAny
		for _, c := range n.Nodes {
			m, err := needOf(c, s)
			if m == nil || err != nil {
				return nil, err
			}
			anyOf = append(anyOf, m)
		}
		return anyOf, nil
	case query.Text:
		return needTerms(fieldText, n, s)
	case query.Code:
		return needTerms(fieldText, n, s)
	case query.Field:
		switch n.Name {
		case query.Component:
			return needTerms(fieldComponent, n.Text, s)
		case query.Check:
			return needTerms(fieldCheck, n.Text, s)
		case query.Severity:
			return needSeverity(n.Text), nil
		default: // the case, the table of artifacts or the records answer
		}
	}
	return nil, nil //nolint:nilnil // nothing is needed
}

// reduce returns what an AND of needs comes to.
func (n needAll) reduce() need {
	switch len(n) {
	case 0:
		return nil
	case 1:
		return n[0]
	}
	return n
}

// needTerms returns what a matcher needs in a field.
func needTerms(field string, m words.Matcher, s segments.Segment) (need, error) {
	var all needAll
	for _, oneOf := range m.Terms() {
		var list needAny
		known := true
		for _, t := range oneOf {
			if !t.Glob {
				list = append(list, needTerm{field, string(t.Prefix)})
				continue
			}
			var found needAny
			var err error
			if found, known, err = expand(field, t, s); err != nil {
				return nil, err
			}
			if !known {
				break
			}
			list = append(list, found...)
		}
		switch {
		case !known:
		case len(list) == 1:
			all = append(all, list[0])
		default:
			all = append(all, list)
		}
	}
	return all.reduce(), nil
}

// expand returns the terms of a segment that a wildcard stands for, and false if they are too many, or if finding them would cost more than it
// may save: a wildcard at the beginning of a word is compared with all terms.
func expand(field string, t words.Term, s segments.Segment) (found needAny, ok bool, err error) {
	dict, err := s.Dictionary(field)
	if err != nil {
		return nil, false, err
	}
	if len(t.Prefix) == 0 && uint64(dict.Cardinality()) > termsPerBlock*s.Count() { //nolint:gosec // not negative
		return nil, false, nil
	}
	terms, ok := dict.(interface {
		AutomatonIteratorOmitCount(a segments.Automaton, from, to []byte) segments.DictionaryIterator
	})
	if !ok {
		return nil, false, errors.New("the index has a dictionary of another kind")
	}
	for list := terms.AutomatonIteratorOmitCount(nil, t.Prefix, behind(t.Prefix)); ; {
		e, err := list.Next()
		if err != nil {
			return nil, false, err
		}
		if e == nil {
			return found, true, nil
		}
		if t.Match([]byte(e.Term)) {
			if len(found) == maxExpansion {
				return nil, false, nil
			}
			found = append(found, needTerm{field, e.Term})
		}
	}
}

// behind returns the least string that is greater than all that begin with prefix, nil if there is none.
func behind(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// needSeverity returns the severities, of records and of findings, that a matcher matches.
func needSeverity(m words.Matcher) need {
	var names needAny
	add := func(name string) {
		if n := (needTerm{fieldSeverity, name}); m.Match([]byte(name)) && !slices.Contains(names, need(n)) {
			names = append(names, n)
		}
	}
	for s := ingest.SeverityInfo; s <= ingest.SeverityError; s++ {
		add(s.String())
	}
	for _, s := range findings.Severities() {
		add(string(s))
	}
	return names
}

// sharedShard is a shard that is being read.
type sharedShard struct {
	index *shard
	users int // the archive's: cases that are open, and whoever asks it

	mu   sync.Mutex
	last []*answer // of the latest queries, the newest first
}

// maxAnswers is how many queries' answers a shard remembers: its cases are searched one after the other, by some clients at once.
const maxAnswers = 12

// answer is which blocks of the cases of a shard may match a query. A shard never changes, and so an answer stays right.
type answer struct {
	query query.Node
	all   bool              // every block may
	cases map[string]*picks // by key
}

// candidates returns the blocks in which the query may match, and whether the findings may.
func (c *openCase) candidates(ctx context.Context, q query.Node) (p picks, withFindings bool, err error) {
	a, err := c.shard.answer(ctx, q)
	if err != nil {
		return p, false, err
	}
	if a.all {
		return picks{all: true}, true, nil
	}
	if found := a.cases[c.live.Key]; found != nil {
		return *found, found.findings, nil
	}
	return p, false, nil
}

// remembered returns the answer to a query that was asked before, nil if it is forgotten.
func (s *sharedShard) remembered(q query.Node) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range s.last {
		if reflect.DeepEqual(a.query, q) {
			copy(s.last[1:i+1], s.last[:i])
			s.last[0] = a
			return a
		}
	}
	return nil
}

// answer runs a query over the shard, unless it is remembered.
func (s *sharedShard) answer(ctx context.Context, q query.Node) (*answer, error) {
	if a := s.remembered(q); a != nil {
		return a, nil
	}
	a := &answer{query: q, cases: map[string]*picks{}}
	err := guard(func() error { return a.collect(ctx, s.index) })
	if err != nil {
		return nil, err
	}
	for _, p := range a.cases {
		for _, seqs := range p.seqs {
			slices.Sort(seqs)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.Insert(s.last[:min(len(s.last), maxAnswers-1)], 0, a)
	return a, nil
}

// collect enters the blocks of a shard in which the query may match.
func (a *answer) collect(ctx context.Context, s *shard) error {
	needs := make([]need, len(s.segments))
	a.all = true
	for i, segment := range s.segments {
		n, err := needOf(a.query, segment)
		if err != nil {
			return err
		}
		needs[i] = n
		a.all = a.all && n == nil
	}
	if a.all {
		return nil
	}
	for i, segment := range s.segments {
		found := roaring.New()
		if needs[i] == nil { // of this segment nothing is known
			found.AddRange(0, segment.Count())
		} else {
			var err error
			if found, err = needs[i].find(segment); err != nil {
				return err
			}
		}
		if err := a.enter(ctx, segment, found); err != nil {
			return err
		}
	}
	return nil
}

// enter adds documents of a segment.
func (a *answer) enter(ctx context.Context, segment segments.Segment, found *roaring.Bitmap) error {
	for list := found.Iterator(); list.HasNext(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := segment.DocID(uint64(list.Next()))
		if err != nil {
			return err
		}
		key, artifact, seq, ok := parseDocumentID(string(id))
		if !ok {
			continue
		}
		p := a.cases[key]
		if p == nil {
			p = &picks{seqs: map[int][]int{}}
			a.cases[key] = p
		}
		if artifact == noArtifact {
			p.findings = true
			continue
		}
		p.seqs[int(artifact)] = append(p.seqs[int(artifact)], int(seq))
	}
	return nil
}

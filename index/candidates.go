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

// needOf returns what a query needs, nil if that is nothing. Every block that holds a match has it; a block that has it need not hold a match.
func needOf(n query.Node, s segments.Segment) (need, error) {
	narrow := query.Narrowing[need]{
		All: func(list []need) need { return needAll(list) },
		Any: func(list []need) need { return needAny(list) },
		Term: func(field string, t words.Term) (need, bool, error) {
			if !t.Glob {
				return needTerm{field, string(t.Prefix)}, true, nil
			}
			found, ok, err := expand(field, t, s)
			return found, ok, err
		},
	}
	narrow.Leaf = func(n query.Node) (need, bool, error) {
		switch n := n.(type) {
		case query.Text:
			return narrow.Matcher(fieldText, n)
		case query.Code:
			return narrow.Matcher(fieldText, n)
		case query.Field:
			switch n.Name {
			case query.Component:
				return narrow.Matcher(fieldComponent, n.Text)
			case query.Check:
				return narrow.Matcher(fieldCheck, n.Text)
			case query.Severity:
				var list needAny
				for _, name := range Severities(n.Text) {
					list = append(list, needTerm{fieldSeverity, name})
				}
				return list, true, nil
			default: // the case, the table of artifacts or the records answer
			}
		}
		return nil, false, nil
	}
	found, _, err := narrow.Node(n)
	return found, err
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

// Severities returns the names of severities, of records and of findings, that a matcher matches.
func Severities(m words.Matcher) []string {
	var names []string
	add := func(name string) {
		if m.Match([]byte(name)) && !slices.Contains(names, name) {
			names = append(names, name)
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
	index   *shard
	outline func() *outline // read when it is asked for; nil if there is none
	users   int             // the archive's: cases that are open, and whoever asks it

	mu   sync.Mutex
	last []*answer // of the latest queries, the newest first
}

// maxAnswers is how many queries' answers a shard remembers: its cases are searched one after the other, by some clients at once.
const maxAnswers = 12

// answer is which blocks of the cases of a shard may match a query. A shard never changes, and so an answer stays right.
type answer struct {
	query query.Node
	all   bool              // every block may, and the findings, of cases that are not named
	cases map[string]*picks // by key
}

// of returns what of a case may match.
func (a *answer) of(key string) picks {
	switch p := a.cases[key]; {
	case p != nil:
		return *p
	case a.all:
		return picks{all: true, findings: true}
	}
	return picks{}
}

// candidates returns the blocks in which the query may match, and whether the findings may.
func (c *openCase) candidates(ctx context.Context, q query.Node) (p picks, withFindings bool, err error) {
	a, err := c.shard.answer(ctx, q)
	if err != nil {
		return p, false, err
	}
	p = a.of(c.live.Key)
	return p, p.findings, nil
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
	if err == nil && decides(q) {
		if o := s.outline(); o != nil {
			err = a.narrow(ctx, o)
		}
	}
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

package index

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"sync"

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
	// find returns the documents that have it. The set is the caller's.
	find(s *segment) (docSet, error)
}

type (
	needTerm struct {
		field field
		term  string
	}
	needAll []need
	needAny []need // none of them: nothing matches
)

func (n needTerm) find(s *segment) (docSet, error) { return s.documentsOf(n.field, []byte(n.term)) }

func (n needAll) find(s *segment) (docSet, error) {
	var all docSet
	for i, one := range n {
		found, err := one.find(s)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			found.and(all)
		}
		if all = found; all.count() == 0 {
			break
		}
	}
	return all, nil
}

func (n needAny) find(s *segment) (docSet, error) {
	found := newDocSet(s.documents)
	for _, one := range n {
		some, err := one.find(s)
		if err != nil {
			return nil, err
		}
		found.or(some)
	}
	return found, nil
}

// needOf returns what a query needs. Every block that holds a match has it; a block that has it need not hold a match.
func needOf(n query.Node, s *segment) (need, error) {
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
		case query.Verdict:
			names := needAny{}
			for _, v := range []findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated} {
				if n.Text.Match([]byte(v)) {
					names = append(names, needTerm{fieldSeverity, verdictTerm(v)})
				}
			}
			return names, nil
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
func needTerms(f field, m words.Matcher, s *segment) (need, error) {
	var all needAll
	for _, oneOf := range m.Terms() {
		var list needAny
		known := true
		for _, t := range oneOf {
			if !t.Glob {
				list = append(list, needTerm{f, string(t.Prefix)})
				continue
			}
			var found needAny
			var err error
			if found, known, err = expand(f, t, s); err != nil {
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
func expand(f field, t words.Term, s *segment) (found needAny, ok bool, err error) {
	if len(t.Prefix) == 0 && s.tables[f].groups > termsPerBlock/termsPerGroup*s.documents {
		return nil, false, nil
	}
	c, err := s.seek(f, t.Prefix)
	if err != nil {
		return nil, false, err
	}
	for {
		more, err := c.next()
		if err != nil {
			return nil, false, err
		}
		switch begins := more && bytes.HasPrefix(c.term, t.Prefix); {
		case !more, !begins && bytes.Compare(c.term, t.Prefix) > 0:
			return found, true, nil
		case !begins || !t.Match(c.term):
			continue
		case len(found) == maxExpansion:
			return nil, false, nil
		}
		found = append(found, needTerm{f, string(c.term)})
	}
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
	all   bool               // every block may
	cases map[[8]byte]*picks // by key
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
	if found := a.cases[keyOf(c.live.Key)]; found != nil {
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
	a := &answer{query: q, cases: map[[8]byte]*picks{}}
	if err := a.collect(ctx, s.index); err != nil {
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
		all, err := segment.all()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if needs[i] == nil { // of this segment nothing is known
			for n := range all {
				a.enter(&all[n])
			}
			continue
		}
		found, err := needs[i].find(segment)
		if err != nil {
			return err
		}
		for n := range found.all {
			a.enter(&all[n])
		}
	}
	return nil
}

// enter adds a document.
func (a *answer) enter(d *document) {
	p := a.cases[d.key]
	if p == nil {
		p = &picks{seqs: map[int][]int{}}
		a.cases[d.key] = p
	}
	if d.artifact == noArtifact {
		p.findings = true
		return
	}
	p.seqs[int(d.artifact)] = append(p.seqs[int(d.artifact)], int(d.seq))
}

package index

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"
	bleve "github.com/blevesearch/bleve_index_api"

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
	searcher(ctx context.Context, r bleve.IndexReader) (search.Searcher, error)
}

type (
	needTerm struct{ field, term string }
	needAll  []need
	needAny  []need // none of them: nothing matches
)

var unscoredSearch = search.SearcherOptions{Score: "none"}

func (n needTerm) searcher(ctx context.Context, r bleve.IndexReader) (search.Searcher, error) {
	return searcher.NewTermSearcher(ctx, r, n.term, n.field, 1, unscoredSearch)
}

func (n needAll) searcher(ctx context.Context, r bleve.IndexReader) (search.Searcher, error) {
	list, err := searchers(ctx, r, n)
	if err != nil {
		return nil, err
	}
	return searcher.NewConjunctionSearcher(ctx, r, list, unscoredSearch)
}

func (n needAny) searcher(ctx context.Context, r bleve.IndexReader) (search.Searcher, error) {
	if len(n) == 0 {
		return searcher.NewMatchNoneSearcher(r)
	}
	list, err := searchers(ctx, r, n)
	if err != nil {
		return nil, err
	}
	return searcher.NewDisjunctionSearcher(ctx, r, list, 1, unscoredSearch)
}

func searchers(ctx context.Context, r bleve.IndexReader, needs []need) ([]search.Searcher, error) {
	var list []search.Searcher
	for _, n := range needs {
		s, err := n.searcher(ctx, r)
		if err != nil {
			for _, s := range list {
				_ = s.Close()
			}
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// needOf returns what a query needs, nil if that is nothing. Every block that holds a match has it; a block that has it need not hold a match.
func needOf(n query.Node, r bleve.IndexReader) (need, error) {
	narrow := query.Narrowing[need]{
		All: func(list []need) need { return needAll(list) },
		Any: func(list []need) need { return needAny(list) },
		Term: func(field string, t words.Term) (need, bool, error) {
			if !t.Glob {
				return needTerm{field, string(t.Prefix)}, true, nil
			}
			found, ok, err := expand(field, t, r)
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

// expand returns the terms of the index that a wildcard stands for, and false if they are too many, or if finding them would cost more than it
// may save: a wildcard at the beginning of a word is compared with all terms.
func expand(field string, t words.Term, r bleve.IndexReader) (found needAny, ok bool, err error) {
	dict, err := r.FieldDictPrefix(field, t.Prefix)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if cerr := dict.Close(); err == nil {
			err = cerr
		}
	}()
	if len(t.Prefix) == 0 {
		blocks, err := r.DocCount()
		if err != nil || uint64(dict.Cardinality()) > termsPerBlock*blocks { //nolint:gosec // not negative
			return nil, false, err
		}
	}
	for {
		e, err := dict.Next()
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
	index bleve.Index

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
	err := guard(func() error {
		r, err := s.index.Reader()
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		n, err := needOf(q, r)
		if err != nil {
			return err
		}
		if n == nil {
			a.all = true
			return nil
		}
		return a.collect(ctx, n, r)
	})
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

// collect runs a need and enters the blocks found.
func (a *answer) collect(ctx context.Context, n need, r bleve.IndexReader) error {
	s, err := n.searcher(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	sc := &search.SearchContext{DocumentMatchPool: search.NewDocumentMatchPool(s.DocumentMatchPoolSize()+1, 0), IndexReader: r}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := s.Next(sc)
		if m == nil || err != nil {
			return err
		}
		id, err := r.ExternalID(m.IndexInternalID)
		if err != nil {
			return err
		}
		sc.DocumentMatchPool.Put(m)
		key, artifact, seq, ok := parseDocumentID(id)
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
}

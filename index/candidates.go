package index

import (
	"context"
	"slices"

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

// needOf returns what a query needs. Every block that holds a match has it; a block that has it need not hold a match.
func needOf(n query.Node, r bleve.IndexReader) (need, error) {
	switch n := n.(type) {
	case query.And:
		var all needAll
		for _, c := range n.Nodes {
			m, err := needOf(c, r)
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
			m, err := needOf(c, r)
			if m == nil || err != nil {
				return nil, err
			}
			anyOf = append(anyOf, m)
		}
		return anyOf, nil
	case query.Text:
		return needTerms(fieldText, n, r)
	case query.Code:
		return needTerms(fieldText, n, r)
	case query.Field:
		switch n.Name {
		case query.Component:
			return needTerms(fieldComponent, n.Text, r)
		case query.Check:
			return needTerms(fieldCheck, n.Text, r)
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
func needTerms(field string, m words.Matcher, r bleve.IndexReader) (need, error) {
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
			if found, known, err = expand(field, t, r); err != nil {
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

// candidates returns the blocks in which the query may match, and whether the findings may.
func (c *openCase) candidates(ctx context.Context, q query.Node) (p picks, withFindings bool, err error) {
	err = guard(func() error {
		r, err := c.shard.Reader()
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		n, err := needOf(q, r)
		if err != nil {
			return err
		}
		if n == nil {
			p.all, withFindings = true, true
			return nil
		}
		p.seqs = map[int][]int{}
		withFindings, err = c.collect(ctx, n, r, p.seqs)
		return err
	})
	for _, seqs := range p.seqs {
		slices.Sort(seqs)
	}
	return p, withFindings, err
}

// collect runs a need and puts the blocks found into seqs.
func (c *openCase) collect(ctx context.Context, n need, r bleve.IndexReader, seqs map[int][]int) (withFindings bool, err error) {
	s, err := n.searcher(ctx, r)
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Close() }()
	key := c.live.Key
	sc := &search.SearchContext{DocumentMatchPool: search.NewDocumentMatchPool(s.DocumentMatchPoolSize()+1, 0), IndexReader: r}
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		m, err := s.Next(sc)
		if m == nil || err != nil {
			return withFindings, err
		}
		id, err := r.ExternalID(m.IndexInternalID)
		if err != nil {
			return false, err
		}
		sc.DocumentMatchPool.Put(m)
		of, artifact, seq, ok := parseDocumentID(id)
		switch {
		case !ok || of != key:
		case artifact == noArtifact:
			withFindings = true
		default:
			seqs[int(artifact)] = append(seqs[int(artifact)], int(seq))
		}
	}
}

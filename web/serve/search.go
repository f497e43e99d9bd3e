package serve

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"casebook/index"
	"casebook/index/query"
	"casebook/web"
)

// What a page of hits shows, and how long it counts.
const (
	aroundHit   = 1
	maxHitPages = 40
	maxQuery    = 8000 // bytes
	countWithin = 30 * time.Millisecond
	maxCounts   = 256 // that are kept
)

// facets are what the hits are counted by.
var facets = []index.Facet{
	index.FacetSeverity, index.FacetTime, index.FacetCase, index.FacetLabel, index.FacetHost, index.FacetCheck, index.FacetVerdict, index.FacetComponent, index.FacetCode, index.FacetKind,
}

// orders are the names of the orders of hits.
var orders = map[string]index.Sort{"file": index.ByFile, "time": index.ByTime, "relevance": index.ByRelevance}

// search is the page of hits.
func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := web.Search{Query: strings.TrimSpace(q.Get("q")), Sort: q.Get("sort"), Page: min(pageOf(r), maxHitPages), All: q.Get("count") == "all", Guide: query.Guide()}
	if _, ok := orders[p.Sort]; !ok {
		p.Sort = "file"
	}
	status := http.StatusOK
	switch {
	case len(p.Query) > maxQuery:
		return &problem{http.StatusRequestURITooLong, "Too long", fmt.Sprintf("A query has at most %d bytes.", maxQuery)}
	case p.Query != "":
		node, err := query.Parse(p.Query)
		if bad, ok := errors.AsType[*query.Error](err); ok {
			p.Problem, p.Column, status = bad.Reason, bad.Column, http.StatusBadRequest
			s.metrics.searches.WithLabelValues("not understood").Inc()
			break
		} else if err != nil {
			return err
		}
		start := time.Now()
		if err := s.find(r, node, &p); err != nil {
			s.metrics.searches.WithLabelValues("failed").Inc()
			return err
		}
		p.Duration = time.Since(start)
		s.metrics.searches.WithLabelValues("done").Inc()
		s.metrics.searchTime.Observe(p.Duration.Seconds())
	}
	bar := s.bar(r, web.PlaceSearch)
	s.write(w, r, status, func(b *body) error { return web.WriteSearch(b, bar, &p) })
	return nil
}

// find fills a page with its hits, and counts them all in the time that is left for that.
func (s *Server) find(r *http.Request, node query.Node, p *web.Search) error {
	reader, release, err := s.view(r)
	if err != nil {
		return err
	}
	defer release()
	ctx := r.Context()
	cases, err := reader.List(ctx)
	if err != nil {
		return err
	}
	counted, err := s.count(r, cases, p.Query, node)
	if err != nil {
		return err
	}
	late := make(<-chan time.Time)
	if !p.All {
		late = time.After(countWithin)
	}
	size := web.HitsOnPage()
	n, from := 0, (p.Page-1)*size
	var failed error
	for h, err := range reader.Search(ctx, node, index.SearchOptions{Context: aroundHit, Limit: from + size + 1, Sort: orders[p.Sort]}) {
		if ctx.Err() != nil {
			failed = ctx.Err()
			break
		}
		if err != nil {
			failed = err
			continue
		}
		if n++; n > from+size {
			p.More = true
			break
		}
		if n > from {
			p.Hits = append(p.Hits, h)
		}
	}
	c := counting{err: errNotCounted}
	select {
	case c = <-counted:
	case <-late:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.Last = p.Page == maxHitPages
	p.Total, p.Facets, p.Counted = c.total, c.facets, c.err == nil
	p.Cases = casesOf(cases, idsOf(p))
	if c.err != nil && !errors.Is(c.err, errNotCounted) && !errors.Is(c.err, context.DeadlineExceeded) {
		failed = errors.Join(failed, c.err)
	}
	if failed != nil {
		s.metrics.failed.WithLabelValues("search").Inc()
		s.log.ErrorContext(ctx, "a search was not complete", "error", failed.Error())
		p.Failed = "some case can't be read. The server's log says which."
	}
	return nil
}

// idsOf lists the cases that a page of hits names.
func idsOf(p *web.Search) []string {
	var ids []string
	for i := range p.Hits {
		ids = append(ids, p.Hits[i].Case)
	}
	for _, f := range p.Facets {
		if f.Facet == index.FacetCase {
			for _, v := range f.Values {
				ids = append(ids, v.Value)
			}
		}
	}
	return ids
}

// casesOf returns those of a list of cases that have one of the IDs, by ID.
func casesOf(list []index.Case, ids []string) map[string]index.Case {
	wanted := make(map[string]index.Case, len(ids))
	for _, id := range ids {
		wanted[id] = index.Case{ID: id}
	}
	for i := range list {
		if _, ok := wanted[list[i].ID]; ok {
			wanted[list[i].ID] = list[i]
		}
	}
	return wanted
}

// counting is how many hits a query has.
type counting struct {
	total  int
	facets []index.FacetCounts
	err    error
}

// errNotCounted says that nobody has waited until the hits were counted.
var errNotCounted = errors.New("not counted")

// counts keeps what was counted last, so that a page that is turned, or loaded again when counting took longer, needs no count.
type counts struct {
	slots chan struct{} // counts under way
	group sync.WaitGroup

	mu   sync.Mutex
	list map[[sha256.Size]byte]counting
}

// count begins to count the hits of a query in the cases that the user may see, which list has, and goes on when nobody waits any more. Each count takes a processor: where all have one, nothing is counted.
func (s *Server) count(r *http.Request, list []index.Case, text string, node query.Node) (<-chan counting, error) {
	// What the count depends on: the query, and the states and labels of the cases that the user may see.
	sum := sha256.New()
	_, _ = io.WriteString(sum, text) // never fails
	for i := range list {
		_, _ = fmt.Fprintf(sum, "\x00%s\x00%s\x00%v", list[i].ID, list[i].State, list[i].Labels) // never fails
	}
	var key [sha256.Size]byte
	sum.Sum(key[:0])
	out := make(chan counting, 1)
	s.counts.mu.Lock()
	c, ok := s.counts.list[key]
	s.counts.mu.Unlock()
	if ok {
		out <- c
		return out, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.opt.Timeout)
	if r.URL.Query().Get("count") == "all" {
		select {
		case s.counts.slots <- struct{}{}:
		case <-r.Context().Done():
			cancel()
			return nil, r.Context().Err()
		}
	} else {
		select {
		case s.counts.slots <- struct{}{}:
		default:
			cancel()
			out <- counting{err: errNotCounted}
			return out, nil
		}
	}
	reader, release, err := s.view(r)
	if err != nil {
		cancel()
		<-s.counts.slots
		return nil, err
	}
	stop := context.AfterFunc(s.ending, cancel)
	s.counts.group.Go(func() {
		defer func() {
			stop()
			cancel()
			release()
			<-s.counts.slots
		}()
		var c counting
		c.total, c.facets, c.err = reader.Count(ctx, node, facets...)
		for i := range c.facets {
			shorten(&c.facets[i])
		}
		out <- c
		if c.err == nil {
			s.counts.keep(key, c)
		}
	})
	return out, nil
}

func (k *counts) keep(key [sha256.Size]byte, c counting) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.list == nil || len(k.list) >= maxCounts {
		k.list = map[[sha256.Size]byte]counting{}
	}
	k.list[key] = c
}

// maxValues is how many values of a facet are kept.
const maxValues = 60

func shorten(c *index.FacetCounts) {
	if len(c.Values) > maxValues {
		for _, v := range c.Values[maxValues:] {
			c.Others += v.Count
		}
		c.Values = append([]index.FacetValue{}, c.Values[:maxValues]...)
	}
}

package index

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"casebook/findings"
	"casebook/index/query"
	"casebook/index/words"
	"casebook/ingest"
)

// Sort is the order of hits.
type Sort uint8

// The orders.
const (
	ByFile      Sort = iota // case, artifact path, line; findings first
	ByTime                  // time, then as ByFile; what has no time comes last
	ByRelevance             // what says most of the query's words first, then as ByFile
)

// SearchOptions say what of the hits is wanted. The zero value wants all, in order of file, without context.
type SearchOptions struct {
	Context int  // lines before and after a hit; at most 100
	Limit   int  // at most so many hits; 0 means all
	Sort    Sort // all but ByFile keep a few bytes of each hit in memory, of the first Limit ones if that is given
}

// maxContext bounds SearchOptions.Context.
const maxContext = 100

// Class says what a hit is.
type Class string

// The classes of hits.
const (
	ClassRecord   Class = "record"
	ClassRegistry Class = "registry"
	ClassFinding  Class = "finding"
)

// Hit is one record, registry value or finding that a query matches.
type Hit struct {
	Case      string      `json:"case"` // its ID
	Class     Class       `json:"class"`
	Host      string      `json:"host"`     // the id of the system, "" if of none
	Artifact  string      `json:"artifact"` // of a finding that of its first supporting evidence
	Kind      ingest.Kind `json:"kind,omitempty"`
	Line      int         `json:"line,omitempty"`  // the first, in the decoded text; 0 for a binary hive
	Lines     int         `json:"lines,omitempty"` // how many lines the record has
	Key       string      `json:"key,omitempty"`   // registry key
	Value     *string     `json:"value,omitempty"` // registry value's name; nil if the hit is none
	Type      string      `json:"type,omitempty"`  // of the registry value
	Check     string      `json:"check,omitempty"` // of a finding
	Verdict   string      `json:"verdict,omitempty"`
	Time      *time.Time  `json:"time,omitempty"` // nil if there is none
	UTC       bool        `json:"utc"`            // Time is UTC; otherwise it is what the log's clock showed
	Severity  string      `json:"severity,omitempty"`
	Component string      `json:"component,omitempty"`
	Thread    uint64      `json:"thread,omitempty"`
	Text      string      `json:"text"`             // the message, the registry value as key\name = data, the finding's words
	Matches   [][2]int    `json:"matches"`          // byte ranges of Text in which the query's words are found, in order
	Before    []string    `json:"before,omitempty"` // decoded lines before the record
	After     []string    `json:"after,omitempty"`
}

// Search finds what matches the query, in a deterministic order. An error ends the sequence. A case that can't be read
// is an error of its own, after which the other cases follow.
func (a *Archive) Search(ctx context.Context, q query.Node, o SearchOptions) iter.Seq2[Hit, error] {
	o.Context = max(0, min(o.Context, maxContext))
	return func(yield func(Hit, error) bool) {
		m, err := a.generation()
		if err != nil {
			yield(Hit{}, err)
			return
		}
		s := &run{ctx: ctx, query: q, marks: marks(q, nil), options: o}
		if o.Sort != ByFile {
			s.sorted(a, m, yield)
			return
		}
		left := o.Limit
		for i := range m.Cases {
			if !s.begin(&m.Cases[i]) || !a.promises(ctx, s.live, s.open) {
				continue
			}
			c, ok, err := a.open(s.live)
			if err != nil && !yield(Hit{}, err) {
				return
			}
			if ok && !s.yieldCase(a, c, &left, yield) {
				return
			}
		}
	}
}

// yieldCase yields the hits of a case, and releases it. It returns false if the search is at its end.
func (s *run) yieldCase(a *Archive, c *openCase, left *int, yield func(Hit, error) bool) bool {
	defer a.release(c)
	stop := false
	err := s.scan(c, func(p place, src *source) bool {
		h, err := s.hit(c.live.ID, p, src, c.block)
		*left--
		stop = !yield(h, err) || *left == 0
		return !stop
	})
	return !stop && (err == nil || yield(Hit{}, err))
}

// findingPlace is the place of the finding with a number.
func findingPlace(n int) place {
	return place{block: -1, item: uint32(n), micro: math.MaxInt64} //nolint:gosec // bounded by the checks
}

// place is where a hit is: all that is kept of it until its turn comes.
type place struct {
	cas   int32   // index in the generation; used by sorted
	block int32   // index in the file "blocks"; -1 for a finding
	item  uint32  // the record in the block, or the finding
	micro int64   // time, MaxInt64 if it has none
	score float64 // used by ByRelevance
}

// run is one search under way.
type run struct {
	ctx     context.Context //nolint:containedctx // a search lives as long as its call
	query   query.Node
	open    query.Node // what the case that is looked through leaves open of query
	live    *liveCase  // that case, as the generation has it
	marks   []words.Matcher
	options SearchOptions
	weights []float64 // of the marks; used by ByRelevance
	mem     scratch   // of the block that is looked through
	tally   *tally    // takes blocks as a whole where it can; nil in a search
}

// begin makes live the case that is looked through, and returns false if its ID and labels refuse it.
func (s *run) begin(live *liveCase) bool {
	left, answer := reduce(s.query, func(n query.Node) tri { return caseLeaf(n, live) })
	s.open, s.live = left, live
	return answer != no
}

// reduce returns a query without what leaf decides, so that it is not asked again of each record. If leaf decides all of it, the answer is not maybe, and
// the query that is left matches everything.
func reduce(n query.Node, leaf func(query.Node) tri) (query.Node, tri) {
	switch n := n.(type) {
	case query.And:
		left, answer := reduceAll(n.Nodes, no, leaf)
		switch {
		case answer != maybe:
			return query.And{}, answer
		case len(left) == 1:
			return left[0], maybe
		}
		return query.And{Nodes: left}, maybe
	case query.Or:
		left, answer := reduceAll(n.Nodes, yes, leaf)
		switch {
		case answer != maybe:
			return query.And{}, answer
		case len(left) == 1:
			return left[0], maybe
		}
		return query.Or{Nodes: left}, maybe
	case query.Not:
		left, answer := reduce(n.Node, leaf)
		if answer != maybe {
			return left, -answer
		}
		return query.Not{Node: left}, maybe
	default:
		if answer := leaf(n); answer != maybe {
			return query.And{}, answer
		}
		return n, maybe
	}
}

// reduceAll reduces nodes of which one whose answer is decisive decides them all. If all are answered and none is decisive, the answer is the opposite.
func reduceAll(nodes []query.Node, decisive tri, leaf func(query.Node) tri) (left []query.Node, answer tri) {
	for _, c := range nodes {
		switch r, answer := reduce(c, leaf); answer {
		case decisive:
			return nil, decisive
		case maybe:
			left = append(left, r)
		default: // it changes nothing
		}
	}
	if len(left) == 0 {
		return nil, -decisive
	}
	return left, maybe
}

// source is what a hit is made of: a record of a block, or a finding.
type source struct {
	artifact *caseArtifact
	entry    *entry
	records  []record
	item     int
	finding  *findings.Finding
	findings []findings.Finding // of which finding is one, where they stand in a block
}

// tri is an answer in which maybe lies between no and yes, so that AND is the least, OR the greatest and NOT the negative.
type tri int8

const (
	no    tri = -1
	maybe tri = 0
	yes   tri = 1
)

func known(b bool) tri {
	if b {
		return yes
	}
	return no
}

// judge evaluates a query by what leaf says of its terms.
func judge(n query.Node, leaf func(query.Node) tri) tri {
	switch n := n.(type) {
	case query.And:
		v := yes
		for _, c := range n.Nodes {
			if v = min(v, judge(c, leaf)); v == no {
				break
			}
		}
		return v
	case query.Or:
		v := no
		for _, c := range n.Nodes {
			if v = max(v, judge(c, leaf)); v == yes {
				break
			}
		}
		return v
	case query.Not:
		return -judge(n.Node, leaf)
	default:
		return leaf(n)
	}
}

// scan passes the places of all hits of a case to found, in order of findings, artifact path and line, until found returns false. begin must have been called for it.
func (s *run) scan(c *openCase, found func(place, *source) bool) error {
	picked, withFindings, err := c.candidates(s.ctx, s.open)
	if err != nil {
		return c.wrap(err)
	}
	if withFindings {
		more, err := s.scanFindings(c, found)
		if err != nil {
			return c.wrap(err)
		}
		if !more {
			return nil
		}
	}
	for _, number := range c.byPath {
		art := &c.meta.Artifacts[number]
		verdict := judge(s.open, func(n query.Node) tri { return artifactLeaf(n, s.live, art) })
		if verdict == no {
			continue
		}
		more, err := s.scanArtifact(c, art, picked.of(number, art), found)
		if err != nil {
			return c.wrap(err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// scanArtifact looks through blocks of an artifact. It returns false if found did.
func (s *run) scanArtifact(c *openCase, art *caseArtifact, seqs iter.Seq[int], found func(place, *source) bool) (bool, error) {
	for seq := range seqs {
		if err := s.ctx.Err(); err != nil {
			return false, err
		}
		block := art.First + seq
		e, err := c.entry(block)
		if err != nil {
			return false, err
		}
		switch judge(s.open, func(n query.Node) tri { return blockLeaf(n, s.live, art, &e) }) {
		case no:
			continue
		case yes:
			if s.tally != nil && s.tally.block(s.live, art, &e) {
				continue
			}
		case maybe:
		}
		rs, err := c.blockInto(block, &e, &s.mem)
		if err != nil {
			return false, err
		}
		src := &source{artifact: art, entry: &e, records: rs}
		for i := range rs {
			if judge(s.open, func(n query.Node) tri { return recordLeaf(n, s.live, art, &e, &rs[i]) }) != yes {
				continue
			}
			p := place{block: int32(block), item: uint32(i), micro: math.MaxInt64} //nolint:gosec // indexes
			if rs[i].Time.Zone != ingest.ZoneNone {
				p.micro = micros(rs[i].Time)
			}
			src.item = i
			if !found(p, src) {
				return false, nil
			}
		}
	}
	return true, nil
}

// sorted finds all places first, sorts them, and makes hits of them.
func (s *run) sorted(a *Archive, m *manifest, yield func(Hit, error) bool) {
	var places []place
	sortPlaces := func() {
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.micro, b.micro)) })
		if limit := s.options.Limit; limit > 0 && len(places) > limit {
			places = places[:limit]
		}
	}
	if s.options.Sort == ByRelevance {
		if err := s.weigh(a, m); err != nil && !yield(Hit{}, err) {
			return
		}
	}
	opened := map[int32]*openCase{} // those with hits, which must stay as they are until their turn comes
	defer func() {
		for _, c := range opened {
			a.release(c)
		}
	}()
	for i := range m.Cases {
		if !s.begin(&m.Cases[i]) || !a.promises(s.ctx, s.live, s.open) {
			continue
		}
		c, ok, err := a.open(s.live)
		n := int32(i)
		if ok {
			err = s.scan(c, func(p place, src *source) bool {
				if s.options.Sort == ByRelevance {
					p.micro, p.score = 0, s.score(src)
				}
				p.cas = n
				places = append(places, p)
				opened[n] = c
				if limit := s.options.Limit; limit > 0 && len(places) >= 2*limit+1024 {
					sortPlaces()
				}
				return true
			})
			if opened[n] == nil {
				a.release(c)
			}
		}
		if err != nil && !yield(Hit{}, err) {
			return
		}
	}
	sortPlaces()
	var last place
	var src *source
	var err error
	for _, p := range places {
		if err := s.ctx.Err(); err != nil {
			yield(Hit{}, err)
			return
		}
		// Hits that follow each other often come from one block.
		c := opened[p.cas]
		s.live = &m.Cases[p.cas]
		if src == nil || p.block < 0 || last.block != p.block || last.cas != p.cas {
			if src, err = c.source(p); err != nil {
				if src = nil; !yield(Hit{}, err) {
					return
				}
				continue
			}
		}
		last, src.item = p, int(p.item)
		if h, err := s.hit(c.live.ID, p, src, c.block); !yield(h, err) {
			return
		}
	}
}

// timeLeaf answers a time range for a time.
func timeLeaf(n query.Time, micro int64) bool {
	return (n.From.IsZero() || micro >= n.From.UnixMicro()) && (n.To.IsZero() || micro < n.To.UnixMicro())
}

// numberLeaf answers a range for the numbers from lo to hi.
func numberLeaf(n query.Number, lo, hi int64) tri { return known(n.From <= hi && lo <= n.To) }

// caseLeaf answers what a case's ID and labels decide.
func caseLeaf(n query.Node, live *liveCase) tri {
	f, ok := n.(query.Field)
	switch {
	case ok && f.Name == query.Case:
		return known(f.Text.Match([]byte(live.ID)))
	case ok && f.Name == query.Label:
		for s := range live.Labels.pairs() {
			if f.Text.Match([]byte(s)) {
				return yes
			}
		}
		return no
	}
	return maybe
}

func findingLeaf(n query.Node, live *liveCase, f *findings.Finding) tri {
	switch n := n.(type) {
	case query.Text:
		return known(n.Match(findingText(f)))
	case query.Code:
		return known(n.Match(findingWords(f)))
	case query.Number:
		if e := support(f); e != nil && n.Name == query.Line && e.Line > 0 {
			return numberLeaf(n, int64(e.Line), int64(e.Line))
		}
	case query.Field:
		if n.Name == query.Case || n.Name == query.Label {
			return caseLeaf(n, live)
		}
		value := findingValue(n.Name, f)
		return known(n.Text.Match([]byte(value)))
	}
	return no // a finding has no time
}

// findingValue is what a finding has in a field, "" if it has none.
func findingValue(name query.Name, f *findings.Finding) string {
	e := support(f)
	switch name {
	case query.Host:
		return f.System
	case query.Severity:
		return string(f.Severity)
	case query.Check:
		return f.Check
	case query.Verdict:
		return string(f.Verdict)
	case query.File:
		if e != nil {
			return e.Artifact
		}
	case query.Key:
		if e != nil {
			return e.Key
		}
	case query.Value:
		if e != nil && e.Value != nil {
			return *e.Value
		}
	case query.Kind:
		return string(ClassFinding)
	default:
	}
	return ""
}

// support is the evidence by which a finding is located.
func support(f *findings.Finding) *findings.Evidence {
	for i := range f.Evidence {
		if f.Evidence[i].Role == findings.Supports {
			return &f.Evidence[i]
		}
	}
	return nil
}

func artifactLeaf(n query.Node, live *liveCase, a *caseArtifact) tri {
	switch n := n.(type) {
	case query.Number:
		if n.Name == query.Size {
			return numberLeaf(n, a.Size, a.Size)
		}
	case query.Field:
		switch n.Name {
		case query.Host:
			return known(n.Text.Match([]byte(a.Host)))
		case query.File:
			return known(n.Text.Match([]byte(a.Path)))
		case query.Kind:
			return known(n.Text.Match([]byte(a.Kind)))
		case query.Check, query.Verdict:
			return no
		default: // the records answer
		}
	}
	return caseLeaf(n, live)
}

func blockLeaf(n query.Node, live *liveCase, a *caseArtifact, e *entry) tri {
	switch n := n.(type) {
	case query.Time:
		switch {
		case e.First > e.Last, !n.From.IsZero() && e.Last < n.From.UnixMicro(), !n.To.IsZero() && e.First >= n.To.UnixMicro():
			return no
		case e.Timeless == 0 && timeLeaf(n, e.First) && timeLeaf(n, e.Last):
			return yes
		}
		return maybe
	case query.Number:
		switch n.Name {
		case query.Line:
			if e.Line > 0 && n.To < int64(e.Line) {
				return no
			}
			return maybe
		case query.Thread:
			if e.Class != classLog {
				return no
			}
			return maybe
		default:
		}
	case query.Field:
		switch n.Name {
		case query.Severity:
			some, all := false, true
			for s := ingest.SeverityNone; s <= ingest.SeverityError; s++ {
				if e.Severity&(1<<s) != 0 {
					match := n.Text.Match([]byte(s.String()))
					some, all = some || match, all && match
				}
			}
			switch {
			case !some:
				return no
			case all:
				return yes
			}
			return maybe
		case query.Component:
			if e.Class != classLog {
				return no
			}
			return maybe
		case query.Key, query.Value, query.Type:
			if e.Class != classRegistry {
				return no
			}
			return maybe
		default:
		}
	}
	return artifactLeaf(n, live, a)
}

func recordLeaf(n query.Node, live *liveCase, a *caseArtifact, e *entry, r *record) tri {
	switch n := n.(type) {
	case query.Text:
		return known(n.Match(r.Text))
	case query.Code:
		return known(n.Match(r.Text))
	case query.Time:
		return known(r.Time.Zone != ingest.ZoneNone && timeLeaf(n, micros(r.Time)))
	case query.Number:
		switch n.Name {
		case query.Line:
			if r.Line == 0 {
				return no
			}
			return numberLeaf(n, int64(r.Line), int64(r.Line)+int64(max(1, r.Lines))-1)
		case query.Thread:
			return known(e.Class == classLog && r.Thread <= math.MaxInt64 && n.From <= int64(r.Thread) && int64(r.Thread) <= n.To)
		default:
		}
	case query.Field:
		registry := e.Class == classRegistry
		switch n.Name {
		case query.Component:
			return known(!registry && n.Text.Match(r.Component))
		case query.Type:
			return known(registry && n.Text.Match(r.Component))
		case query.Key:
			return known(registry && n.Text.Match(r.Text[:r.Key]))
		case query.Value:
			return known(registry && n.Text.Match(r.valueName()))
		case query.Severity:
			return known(n.Text.Match([]byte(r.Severity.String())))
		default:
		}
	}
	return artifactLeaf(n, live, a)
}

// valueName is the name of a registry value.
func (r *record) valueName() []byte {
	return r.Text[min(r.Key+1, len(r.Text)):min(r.Key+1+r.Name, len(r.Text))]
}

// marks lists what is looked for in texts, to show where they are.
func marks(n query.Node, to []words.Matcher) []words.Matcher {
	switch n := n.(type) {
	case query.And:
		for _, c := range n.Nodes {
			to = marks(c, to)
		}
	case query.Or:
		for _, c := range n.Nodes {
			to = marks(c, to)
		}
	case query.Text:
		to = append(to, n)
	case query.Code:
		to = append(to, n)
	}
	return to
}

// hit makes the hit of a place. read reads the records of another block of the artifact.
func (s *run) hit(id string, p place, src *source, read func(block int) ([]record, error)) (Hit, error) {
	h := Hit{Case: id, Matches: [][2]int{}}
	if f := src.finding; f != nil {
		h.Class, h.Host, h.Check, h.Verdict, h.Severity = ClassFinding, f.System, f.Check, string(f.Verdict), string(f.Severity)
		h.Text = string(findingText(f))
		if e := support(f); e != nil {
			h.Artifact, h.Line, h.Key, h.Value = e.Artifact, e.Line, e.Key, e.Value
		}
		h.Matches = s.matches([]byte(h.Text))
		return h, nil
	}
	r := &src.records[src.item]
	h.Class, h.Host, h.Artifact, h.Kind = ClassRecord, src.artifact.Host, src.artifact.Path, src.artifact.Kind
	h.Line, h.Lines, h.Text = r.Line, r.Lines, string(r.Text)
	h.Matches = s.matches(r.Text)
	if src.entry.Class == classRegistry {
		h.Class, h.Type = ClassRegistry, string(r.Component)
		h.Key = string(r.Text[:r.Key])
		name := string(r.valueName())
		h.Value = &name
		return h, nil
	}
	h.Severity, h.Component, h.Thread = r.Severity.String(), string(r.Component), r.Thread
	if t, ok := r.Time.UTC(); ok {
		h.Time, h.UTC = &t, true
	} else if t, ok := r.Time.Local(); ok {
		h.Time = &t
	}
	if s.options.Context == 0 {
		return h, nil
	}
	var err error
	if h.Before, err = src.linesBefore(int(p.block), s.options.Context, read); err == nil {
		h.After, err = src.linesAfter(int(p.block), s.options.Context, read)
	}
	if err != nil {
		return h, fmt.Errorf("archive: case %q: %w", id, err)
	}
	return h, nil
}

// matches returns where the query's words are in text, in order, those that touch or overlap joined.
func (s *run) matches(text []byte) [][2]int {
	all := [][2]int{}
	for _, p := range s.marks {
		all = append(all, p.Find(text, -1)...)
	}
	slices.SortFunc(all, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	joined := all[:0]
	for _, m := range all {
		if n := len(joined); n > 0 && m[0] <= joined[n-1][1] {
			joined[n-1][1] = max(joined[n-1][1], m[1])
			continue
		}
		joined = append(joined, m)
	}
	return joined
}

// linesBefore returns up to n decoded lines that stand before the record.
func (src *source) linesBefore(block, n int, read func(int) ([]record, error)) ([]string, error) {
	var text []byte
	rs, i := src.records, src.item
	for bytes.Count(text, newline) <= n {
		if i == 0 {
			if block == src.artifact.First {
				break
			}
			block--
			var err error
			if rs, err = read(block); err != nil {
				return nil, fmt.Errorf("read context: %w", err)
			}
			i = len(rs)
			continue
		}
		i--
		text = slices.Concat(rs[i].Raw, text)
	}
	lines := splitLines(text)
	return lines[max(0, len(lines)-n):], nil
}

// linesAfter returns up to n decoded lines that stand behind the record.
func (src *source) linesAfter(block, n int, read func(int) ([]record, error)) ([]string, error) {
	var text []byte
	rs, i := src.records, src.item+1
	for bytes.Count(text, newline) < n {
		if i == len(rs) {
			block++
			if block == src.artifact.First+src.artifact.Blocks {
				break
			}
			var err error
			if rs, err = read(block); err != nil {
				return nil, fmt.Errorf("read context: %w", err)
			}
			i = 0
			continue
		}
		text = append(text, rs[i].Raw...)
		i++
	}
	lines := splitLines(text)
	return lines[:min(n, len(lines))], nil
}

var newline = []byte("\n")

// splitLines cuts text into lines without their ends.
func splitLines(text []byte) []string {
	var lines []string
	for line := range bytes.Lines(text) {
		lines = append(lines, string(bytes.TrimSuffix(bytes.TrimSuffix(line, newline), []byte("\r"))))
	}
	return lines
}

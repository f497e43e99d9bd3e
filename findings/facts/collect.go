package facts

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"casebook/ingest"
	"casebook/internal/match"
)

// What is kept of one signal in one artifact, and of the records that an observer may look back on.
const (
	keepFirst  = 16 // where the case is no larger than roomyCase
	keepLast   = 8
	frequent   = 500  // hits in one artifact, beyond which the last ones keep no lines around them: copying those would cost more than the reading
	inContext  = 4    // of the first ones, and half as many of the last ones, keep the lines around them
	allContext = 64   // records of one artifact that observers keep with the lines around them
	roomyCase  = 1200 // members of a mebibyte or more, up to which all this is kept of each
	lookBack   = 20
	maxPast    = lookBack + contextLines // records kept, so that the twentieth has its lines before it too
	maxTail    = 4 << 10                 // bytes kept of each end of a record for looking back across buffers
	maxCapture = 4 << 10                 // bytes kept of what a named group matched
	maxLoud    = 3
)

var newline = []byte("\n")

// Watch says what a check's observer looks at.
type Watch struct {
	Check string        // the check's ID
	Kinds []ingest.Kind // artifacts to observe
	// Every asks for every record of those artifacts; otherwise the observer sees the records that a signal of its check hits.
	Every bool
	// Only says that the check's signals are for the observer alone, so that they are not kept as matches too.
	Only bool
	New  func(a *ingest.Artifact) Observer
}

// Observer is a check's state machine over the records of one artifact.
type Observer interface {
	// See is called for a record that the observer's Watch asks for.
	See(s *Sight)
	// End returns what was seen, of bounded size; nil if nothing. Observed gives it to the check.
	End() any
}

// Sight is a record before an observer's eyes. It is valid until See returns.
type Sight struct {
	Record *ingest.Record
	Hits   []match.Hit // of the observer's own check

	sink *sink
	at   int // in the sink's batch
}

// Before returns the record n places before this one, n from 1 to 20; nil if there is none. Of a long record only the beginning may be at
// hand.
func (s *Sight) Before(n int) *ingest.Record {
	if n < 1 || n > lookBack {
		return nil
	}
	return s.sink.record(s.at - n)
}

// Hit returns the hit of a signal, nil if the record has none.
func (s *Sight) Hit(signal string) *match.Hit {
	if i := slices.IndexFunc(s.Hits, func(h match.Hit) bool { return h.Name == signal }); i >= 0 {
		return &s.Hits[i]
	}
	return nil
}

// Keep returns the record as a match that may be kept, in the first part of an artifact with the lines around it. Its After is filled in when the
// next records have been read, and the offset of its time is settled when all artifacts have been, so the pointer is to be kept and read
// late: see [Match.UTC].
func (s *Sight) Keep() *Match { return s.sink.keep(s.at, 0, 1, nil, s.sink.mayLookAround()) }

// KeepLine is Keep without the lines around the record, for observers that keep records by the hundred.
func (s *Sight) KeepLine() *Match { return s.sink.keep(s.at, 0, 1, nil, false) }

// KeepHit is KeepLine for a hit of the record: it quotes the lines of the hit and keeps its captures.
func (s *Sight) KeepHit(h *match.Hit) *Match {
	return s.sink.keep(s.at, h.Start, h.End, captured(h), false)
}

// KeepFrom is KeepLine with a quote that goes from an offset in the record's Raw to the record's end: from that byte on in a long line, else from the
// beginning of its line.
func (s *Sight) KeepFrom(start int) *Match {
	return s.sink.keep(s.at, quoteStart(s.Record.Raw, start)-textOffset(s.Record), len(s.Record.Text), nil, false)
}

// quoteStart returns the offset by which a quote shows what stands from start on: of a long line a quote also shows what stands before its offset.
func quoteStart(raw []byte, start int) int {
	const before = maxQuote / 4
	start = max(0, min(start, len(raw)))
	line := bytes.LastIndexByte(raw[:start], '\n') + 1
	if rest, _, _ := bytes.Cut(raw[start:], newline); start-line > before && len(rest) > 0 {
		start += min(before, len(rest)-1)
	}
	return start
}

// KeepBefore returns the record n places before this one, n from 1 to 20, as a match that may be kept, nil if there is none.
func (s *Sight) KeepBefore(n int) *Match {
	if s.Before(n) == nil {
		return nil
	}
	return s.sink.keep(s.at-n, 0, 1, nil, s.sink.mayLookAround())
}

// Bound returns how many records of one artifact an observer keeps that would keep n where memory is no concern: in a case of very many
// logs a smaller number, at least 1.
func (s *Sight) Bound(n int) int { return s.sink.collector.bound(n) }

// Dropped notes that the observer gave up a record that it would have kept where memory is no concern, see [Sight.Bound]. The report then says that
// fewer were kept.
func (s *Sight) Dropped() { s.sink.got.thinned = s.sink.collector.thrift > 0 }

// Collector gathers the lines that signals find, and runs observers, while artifacts are read side by side.
type Collector struct {
	set     *match.Set
	watches []Watch

	thrift uint // how often what is kept of an artifact is halved

	mu    sync.Mutex
	found map[string]*collected
}

// NewCollector compiles the signals of the checks, to which it adds those that tell an artifact's host.
func NewCollector(signals []match.Signal, watches []Watch) (*Collector, error) {
	set, err := match.Compile(append(slices.Clone(signals), hostSignals...))
	if err != nil {
		return nil, err
	}
	return &Collector{set: set, watches: watches, found: map[string]*collected{}}, nil
}

// Expect tells the collector, before the first artifact, how large the case is: see [ingest.Bundle.Volume]. What is kept of each artifact is
// bounded, so memory grows with their number: of a case of thousands of large logs half as much is kept of each, or a fourth, or an
// eighth. All matches are counted all the same, and the choice depends on the uploads alone.
func (c *Collector) Expect(volume int) {
	c.thrift = 0
	for n := roomyCase; volume > n && c.thrift < 3; n *= 2 {
		c.thrift++
	}
}

func (c *Collector) bound(n int) int { return max(1, n>>c.thrift) }

// collected is what was gathered from one artifact. Most artifacts of a large upload give nothing, so maps are made when they are needed.
type collected struct {
	signals  map[string]*kept
	observed []observation
	loud     []*Match
	kinds    []*ErrorKind         // in the order in which they occur
	hosts    map[string]hostClaim // by computer name
	clock    *clock               // of the matches
	thinned  bool                 // fewer records were kept than in a smaller case
}

// observation is what one check's observer made of an artifact.
type observation struct {
	check string // its ID
	value any
}

// kept is what is kept of one signal in one artifact.
type kept struct {
	count int
	first []*Match
	last  []*Match // ring of keepLast
	next  int
}

// add keeps a match, if it is one of the first ones or as long as it is one of the last ones.
func (k *kept) add(m *Match, first, last int) {
	if len(k.first) < first {
		k.first = append(k.first, m)
		return
	}
	if len(k.last) < last {
		k.last = append(k.last, m)
	} else {
		k.last[k.next] = m
		k.next = (k.next + 1) % len(k.last)
	}
}

// settle drops the lines around the last matches but the newest, once it is known which those are.
func (k *kept) settle() {
	for i := range max(0, len(k.last)-inContext/2) {
		m := k.last[(k.next+i)%len(k.last)]
		m.Before, m.After = nil, nil
	}
}

// wantsContext reports whether the next match keeps the lines around it.
func (k *kept) wantsContext(first int) bool {
	return len(k.first) < inContext || len(k.first) == first && k.count <= frequent
}

func (k *kept) all() []Match {
	out := make([]Match, 0, len(k.first)+len(k.last))
	for _, m := range k.first {
		out = append(out, m.settled())
	}
	for i := range k.last {
		out = append(out, k.last[(k.next+i)%len(k.last)].settled())
	}
	return out
}

// Sink returns the sink that gathers from one artifact.
func (c *Collector) Sink(a *ingest.Artifact) ingest.Sink {
	s := &sink{
		collector: c, artifact: a, matcher: c.set.For(string(a.Kind)),
		got: &collected{clock: &clock{}},
	}
	s.hit = func(h match.Hit) { s.hits = append(s.hits, h) }
	s.sight.sink = s
	for _, w := range c.watches {
		if slices.Contains(w.Kinds, a.Kind) {
			s.watching = append(s.watching, watching{w, w.Check + "/", w.New(a)})
		}
	}
	return s
}

type watching struct {
	Watch
	prefix   string // of the names of the check's signals
	observer Observer
}

// sink gathers from one artifact.
type sink struct {
	collector *Collector
	artifact  *ingest.Artifact
	matcher   *match.Matcher
	watching  []watching
	got       *collected

	batch   []ingest.Record
	tail    []past          // the last records of the batches before, at most maxPast
	pending []*Match        // matches whose After is not complete
	around  int             // records that observers have kept with the lines around them
	hits    []match.Hit     // of the record at hand
	hit     func(match.Hit) // appends to hits
	sight   Sight
	kinds   kinds
	firsts  []*Match // the first record of each kind
	recent  recent
}

// past is a copy of a record of an earlier batch. Its buffers are used again.
type past struct {
	record    ingest.Record // its Raw is cut to maxTail bytes
	end       []byte        // the last bytes of its Raw, at most maxTail
	cut       bool          // Raw is longer than maxTail
	component []byte
}

// Records implements ingest.Sink.
func (s *sink) Records(batch []ingest.Record) {
	s.batch = batch
	for i := 0; i < len(batch) && len(s.pending) > 0; i++ {
		s.pending = slices.DeleteFunc(s.pending, func(m *Match) bool {
			m.After = firstLines(m.After, batch[i].Raw, &s.recent)
			return len(m.After) == contextLines
		})
	}
	for i := range batch {
		r := &batch[i]
		s.hits = s.hits[:0]
		s.matcher.Match(r.Text, s.hit)
		for _, h := range s.hits {
			if !s.observedOnly(h.Name) {
				s.count(i, h)
			}
		}
		if r.Severity == ingest.SeverityError {
			s.loud(i, r)
		}
		for _, w := range s.watching {
			s.sight.Hits = s.sight.Hits[:0]
			for _, h := range s.hits {
				if strings.HasPrefix(h.Name, w.prefix) {
					s.sight.Hits = append(s.sight.Hits, h)
				}
			}
			if w.Every || len(s.sight.Hits) > 0 {
				s.sight.Record, s.sight.at = r, i
				w.observer.See(&s.sight)
			}
		}
	}
	s.keepTail()
	s.batch = nil
}

// observedOnly reports whether a signal is for an observer alone.
func (s *sink) observedOnly(signal string) bool {
	for _, w := range s.watching {
		if w.Only && strings.HasPrefix(signal, w.prefix) {
			return true
		}
	}
	return false
}

// count notes that a signal has hit the record at index i.
func (s *sink) count(i int, h match.Hit) {
	if claim, ok := hostSignal(h.Name); ok {
		name := computerName(h.Capture("host"))
		if _, known := s.got.hosts[name]; name != "" && !known && len(s.got.hosts) < maxHosts {
			if s.got.hosts == nil {
				s.got.hosts = map[string]hostClaim{}
			}
			s.got.hosts[name] = claim
		}
		return
	}
	k := s.got.signals[h.Name]
	if k == nil {
		k = &kept{}
		if s.got.signals == nil {
			s.got.signals = map[string]*kept{}
		}
		s.got.signals[h.Name] = k
	}
	k.count++
	first, last := s.collector.bound(keepFirst), s.collector.bound(keepLast)
	k.add(s.keep(i, h.Start, h.End, captured(&h), k.wantsContext(first)), first, last)
	if s.collector.thrift > 0 && k.count > first+last {
		s.got.thinned = true
	}
}

// captured copies what the named groups of a hit matched, each at most maxCapture bytes; nil if there are none.
func captured(h *match.Hit) []capture {
	var out []capture
	for name, text := range h.Captures() {
		if len(text) > maxCapture {
			n := maxCapture
			for n > maxCapture-utf8.UTFMax && !utf8.RuneStart(text[n]) {
				n--
			}
			text = text[:n]
		}
		out = append(out, capture{name, string(text)})
	}
	return out
}

// mayLookAround tells whether one more record that an observer keeps is kept with the lines around it, and counts it.
func (s *sink) mayLookAround() bool {
	s.around++
	return s.around <= s.collector.bound(allContext)
}

// record returns the record at index i of the batch; those of earlier batches have negative indexes. nil if it is not at hand.
func (s *sink) record(i int) *ingest.Record {
	if i >= 0 && i < len(s.batch) {
		return &s.batch[i]
	}
	if i += len(s.tail); i >= 0 && i < len(s.tail) {
		return &s.tail[i].record
	}
	return nil
}

// keep copies the record at index i, see record. start and end are the range in its Text that is to be shown.
func (s *sink) keep(i, start, end int, captures []capture, context bool) *Match {
	r := s.record(i)
	off := textOffset(r)
	lines := linesOf(r.Raw, off+start, off+min(end, len(r.Text)))
	m := &Match{
		Ref:   ingest.Ref{Artifact: s.artifact.Path, Line: r.Line + bytes.Count(r.Raw[:lines.from], newline)},
		Quote: lines.quote(r.Raw, off+start, &s.recent), Time: r.Time, captures: captures, clock: s.got.clock,
	}
	if !context {
		return m
	}
	m.Before = lastLines(nil, r.Raw[:lines.from], false, &s.recent)
	for j := i - 1; len(m.Before) < contextLines; j-- {
		b := s.record(j)
		if b == nil {
			break
		}
		end, cut := b.Raw, false
		if j < 0 {
			p := &s.tail[len(s.tail)+j]
			end, cut = p.end, p.cut
		}
		m.Before = lastLines(m.Before, end, cut, &s.recent)
	}
	slices.Reverse(m.Before)
	m.After = firstLines(nil, r.Raw[min(len(r.Raw), lines.to+1):], &s.recent)
	if i < 0 && s.tail[len(s.tail)+i].cut {
		return m // the lines that follow are not at hand
	}
	for j := i + 1; len(m.After) < contextLines; j++ {
		a := s.record(j)
		if a == nil {
			s.pending = append(s.pending, m)
			break
		}
		m.After = firstLines(m.After, a.Raw, &s.recent)
	}
	return m
}

// keepTail copies the last records of the batch, so that the next one can look back on them.
func (s *sink) keepTail() {
	from := s.batch[max(0, len(s.batch)-maxPast):]
	if n := len(s.tail) + len(from) - maxPast; n > 0 {
		var spare [maxPast]past
		copy(spare[:n], s.tail)
		copy(s.tail, s.tail[n:])
		copy(s.tail[len(s.tail)-n:], spare[:n])
		s.tail = s.tail[:len(s.tail)-n]
	}
	for i := range from {
		if len(s.tail) < cap(s.tail) {
			s.tail = s.tail[:len(s.tail)+1]
		} else {
			s.tail = append(s.tail, past{})
		}
		s.tail[len(s.tail)-1].copy(&from[i])
	}
}

// copy fills p with what is kept of r.
func (p *past) copy(r *ingest.Record) {
	raw, text := p.record.Raw, textOffset(r)
	p.record = *r
	p.record.Raw = append(raw[:0], r.Raw[:min(len(r.Raw), maxTail)]...)
	to := min(len(p.record.Raw), text+len(r.Text))
	p.record.Text = p.record.Raw[min(text, to):to]
	p.end = append(p.end[:0], r.Raw[max(0, len(r.Raw)-maxTail):]...)
	p.cut = len(r.Raw) > maxTail
	if p.component = append(p.component[:0], r.Component...); r.Component != nil {
		p.record.Component = p.component
	}
}

// Done implements ingest.Sink.
func (s *sink) Done(a *ingest.Artifact) {
	for _, w := range s.watching {
		if v := w.observer.End(); v != nil {
			s.got.observed = append(s.got.observed, observation{w.Check, v})
		}
	}
	for _, k := range s.got.signals {
		k.settle()
	}
	for i, k := range s.kinds.order {
		k.First = *s.firsts[i]
	}
	s.got.kinds, s.got.clock.reading = s.kinds.order, a.Reading
	s.tail, s.pending, s.hits, s.sight.Hits = nil, nil, nil, nil
	if s.got.signals == nil && s.got.observed == nil && s.got.loud == nil && s.got.hosts == nil {
		return
	}
	s.collector.mu.Lock()
	defer s.collector.mu.Unlock()
	s.collector.found[a.Path] = s.got
}

// textOffset returns where in the record's Raw its Text begins. Text is part of Raw, so the distance of the two ends of the
// underlying array tells; a Text that is not is taken to begin where Raw does.
func textOffset(r *ingest.Record) int {
	if len(r.Text) == 0 {
		return 0
	}
	off := cap(r.Raw) - cap(r.Text)
	if off >= 0 && off+len(r.Text) <= len(r.Raw) && &r.Raw[off] == &r.Text[0] {
		return off
	}
	return max(0, bytes.Index(r.Raw, r.Text))
}

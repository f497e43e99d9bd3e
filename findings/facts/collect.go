package facts

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"casebook/ingest"
	"casebook/internal/match"
)

// What is kept of one signal in one artifact, and of the records that an observer may look back on.
const (
	keepFirst = 40
	keepLast  = 20
	lookBack  = 20
	maxTail   = 4 << 10 // bytes kept of a record for looking back across buffers
	maxLoud   = 3
)

// Watch says what a check's observer looks at.
type Watch struct {
	Check string        // the check's ID
	Kinds []ingest.Kind // artifacts to observe
	// Every asks for every record of those artifacts; otherwise the observer sees the records that a signal of its check hits.
	Every bool
	New   func(a *ingest.Artifact) Observer
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

	sink  *sink
	batch []ingest.Record
	at    int
}

// Before returns the record n places before this one, n from 1 to 20; nil if there is none or it was read too long ago.
func (s *Sight) Before(n int) *ingest.Record { return s.sink.before(s.batch, s.at, n) }

// Hit returns the hit of a signal, nil if the record has none.
func (s *Sight) Hit(signal string) *match.Hit {
	if i := slices.IndexFunc(s.Hits, func(h match.Hit) bool { return h.Name == signal }); i >= 0 {
		return &s.Hits[i]
	}
	return nil
}

// Keep returns the record as a match that may be kept. Its After is filled in when the next records have been read, so the
// pointer is to be kept, not a copy.
func (s *Sight) Keep() *Match {
	return s.sink.keep(s.batch, s.at, 0, min(len(s.Record.Text), 1), nil)
}

// KeepBefore returns the record n places before this one as a match that may be kept, nil if there is none.
func (s *Sight) KeepBefore(n int) *Match {
	if s.at-n >= 0 {
		return s.sink.keep(s.batch, s.at-n, 0, 1, nil)
	}
	r := s.Before(n)
	if r == nil {
		return nil
	}
	q, _ := quote(r.Raw, 0, 1)
	return &Match{Ref: ingest.Ref{Artifact: s.sink.artifact.Path, Line: r.Line}, Quote: q, Time: r.Time}
}

// Collector gathers the lines that signals find, and runs observers, while artifacts are read side by side.
type Collector struct {
	set     *match.Set
	watches []Watch

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

// collected is what was gathered from one artifact.
type collected struct {
	signals  map[string]*kept
	observed map[string]any // by check ID
	loud     []*Match
	hosts    map[string]hostClaim // by computer name
}

// kept is what is kept of one signal in one artifact.
type kept struct {
	count int
	first []*Match
	last  []*Match // ring of keepLast
	next  int
}

func (k *kept) add(m *Match) {
	if len(k.first) < keepFirst {
		k.first = append(k.first, m)
		return
	}
	if len(k.last) < keepLast {
		k.last = append(k.last, m)
		return
	}
	k.last[k.next] = m
	k.next = (k.next + 1) % keepLast
}

func (k *kept) all() []Match {
	out := make([]Match, 0, len(k.first)+len(k.last))
	for _, m := range k.first {
		out = append(out, *m)
	}
	for i := range k.last {
		out = append(out, *k.last[(k.next+i)%len(k.last)])
	}
	return out
}

// Sink returns the sink that gathers from one artifact.
func (c *Collector) Sink(a *ingest.Artifact) ingest.Sink {
	s := &sink{
		collector: c, artifact: a, matcher: c.set.For(string(a.Kind)),
		got: &collected{signals: map[string]*kept{}, observed: map[string]any{}, hosts: map[string]hostClaim{}},
	}
	for _, w := range c.watches {
		if slices.Contains(w.Kinds, a.Kind) {
			s.watching = append(s.watching, watching{w, w.New(a)})
		}
	}
	return s
}

type watching struct {
	Watch
	observer Observer
}

// sink gathers from one artifact.
type sink struct {
	collector *Collector
	artifact  *ingest.Artifact
	matcher   *match.Matcher
	watching  []watching
	got       *collected

	tail    []ingest.Record // copies of the last records of the batches before
	pending []*Match        // matches whose After is not complete
	hits    []match.Hit     // of the record at hand
}

// Records implements ingest.Sink.
func (s *sink) Records(batch []ingest.Record) {
	for i := 0; i < len(batch) && len(s.pending) > 0; i++ {
		s.fillAfter(&batch[i])
	}
	sight := Sight{sink: s, batch: batch}
	for i := range batch {
		r := &batch[i]
		s.hits = s.hits[:0]
		s.matcher.Match(r.Text, func(h match.Hit) { s.hits = append(s.hits, h) })
		for _, h := range s.hits {
			s.count(batch, i, h)
		}
		if r.Severity == ingest.SeverityError && len(s.got.loud) < maxLoud {
			s.got.loud = append(s.got.loud, s.keep(batch, i, 0, min(len(r.Text), 1), nil))
		}
		for _, w := range s.watching {
			sight.Hits = sight.Hits[:0]
			for _, h := range s.hits {
				if strings.HasPrefix(h.Name, w.Check) && len(h.Name) > len(w.Check) && h.Name[len(w.Check)] == '/' {
					sight.Hits = append(sight.Hits, h)
				}
			}
			if w.Every || len(sight.Hits) > 0 {
				sight.Record, sight.at = r, i
				w.observer.See(&sight)
			}
		}
	}
	s.keepTail(batch)
}

// count notes that a signal has hit the record at index i.
func (s *sink) count(batch []ingest.Record, i int, h match.Hit) {
	if claim, ok := hostSignal(h.Name); ok {
		name := string(bytes.ToUpper(h.Capture("host")))
		if _, known := s.got.hosts[name]; name != "" && !known && len(s.got.hosts) < maxHosts {
			s.got.hosts[name] = claim
		}
		return
	}
	k := s.got.signals[h.Name]
	if k == nil {
		k = &kept{}
		s.got.signals[h.Name] = k
	}
	k.count++
	var captures map[string]string
	for name, text := range h.Captures() {
		if captures == nil {
			captures = map[string]string{}
		}
		captures[name] = strings.Clone(string(text))
	}
	k.add(s.keep(batch, i, h.Start, h.End, captures))
}

// keep copies the record at index i of the batch. start and end are the range in its Text that is to be shown.
func (s *sink) keep(batch []ingest.Record, i, start, end int, captures map[string]string) *Match {
	r := &batch[i]
	off := textOffset(r)
	q, breaks := quote(r.Raw, off+start, off+end)
	m := &Match{
		Ref: ingest.Ref{Artifact: s.artifact.Path, Line: r.Line + breaks}, Quote: q, Time: r.Time, Captures: captures,
	}
	for n := 1; n <= contextLines && len(m.Before) < contextLines; n++ {
		b := s.before(batch, i, n)
		if b == nil {
			break
		}
		lines := strings.Split(strings.TrimRight(string(b.Raw[:min(len(b.Raw), maxTail)]), "\r\n"), "\n")
		for j := len(lines) - 1; j >= 0 && len(m.Before) < contextLines; j-- {
			m.Before = append(m.Before, clip(strings.TrimRight(lines[j], "\r"), maxContext))
		}
	}
	slices.Reverse(m.Before)
	s.pending = append(s.pending, m)
	for j := i + 1; j < len(batch) && j <= i+contextLines; j++ {
		addAfter(m, &batch[j])
	}
	if len(m.After) >= contextLines {
		s.pending = s.pending[:len(s.pending)-1]
	}
	return m
}

func (s *sink) fillAfter(r *ingest.Record) {
	s.pending = slices.DeleteFunc(s.pending, func(m *Match) bool {
		addAfter(m, r)
		return len(m.After) >= contextLines
	})
}

func addAfter(m *Match, r *ingest.Record) {
	for line := range bytes.Lines(r.Raw[:min(len(r.Raw), maxTail)]) {
		if len(m.After) == contextLines {
			return
		}
		m.After = append(m.After, clip(strings.TrimRight(string(line), "\r\n"), maxContext))
	}
}

// before returns the record n places before batch[i], nil if it is not at hand.
func (s *sink) before(batch []ingest.Record, i, n int) *ingest.Record {
	if n < 1 {
		return nil
	}
	if i-n >= 0 {
		return &batch[i-n]
	}
	if t := len(s.tail) + i - n; t >= 0 {
		return &s.tail[t]
	}
	return nil
}

// keepTail copies the last records of the batch, so that the next one can look back on them.
func (s *sink) keepTail(batch []ingest.Record) {
	from := batch[max(0, len(batch)-lookBack):]
	if n := len(s.tail) + len(from) - lookBack; n > 0 {
		s.tail = slices.Delete(s.tail, 0, n)
	}
	for _, r := range from {
		off := textOffset(&r)
		r.Raw = bytes.Clone(r.Raw[:min(len(r.Raw), maxTail)])
		to := min(len(r.Raw), off+len(r.Text))
		r.Text = r.Raw[min(off, to):to]
		r.Component = bytes.Clone(r.Component)
		s.tail = append(s.tail, r)
	}
}

// Done implements ingest.Sink.
func (s *sink) Done(a *ingest.Artifact) {
	for _, w := range s.watching {
		if v := w.observer.End(); v != nil {
			s.got.observed[w.Check] = v
		}
	}
	s.tail, s.pending = nil, nil
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

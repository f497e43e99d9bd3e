package match

import (
	"math/bits"
	"slices"
	"sync"
)

// Matcher finds signals in the records of one artifact kind. It is safe for concurrent use; a nil Matcher matches nothing.
type Matcher struct {
	signals  []*compiled // in index order
	literals []literal
	lanes    []*lane
	scratch  sync.Pool // of *found
}

// literal is a string that is searched for.
type literal struct {
	folded  []byte
	signals []int // positions in Matcher.signals of those that name it
}

// found collects the signals whose literals a record holds.
type found struct {
	signals []uint64 // set of positions in Matcher.signals
	at      []span   // by position: the leftmost, then longest literal
}

type span struct{ start, end int }

// newMatcher returns the matcher of signals, nil if there are none.
func newMatcher(signals []*compiled) *Matcher {
	if len(signals) == 0 {
		return nil
	}
	m := &Matcher{signals: signals}
	known := map[string]int{}
	for i, signal := range signals {
		for _, folded := range signal.literals {
			n, ok := known[string(folded)]
			if !ok {
				n = len(m.literals)
				known[string(folded)] = n
				m.literals = append(m.literals, literal{folded: folded})
			}
			if l := &m.literals[n]; !slices.Contains(l.signals, i) {
				l.signals = append(l.signals, i)
			}
		}
	}
	// One short literal would make narrow windows and short strides for all.
	var short, long []int
	for i, l := range m.literals {
		if len(l.folded) < maxWindow {
			short = append(short, i)
		} else {
			long = append(long, i)
		}
	}
	for _, members := range [][]int{long, short} {
		if len(members) > 0 {
			m.lanes = append(m.lanes, newLane(m.literals, members))
		}
	}
	m.scratch.New = func() any {
		return &found{signals: make([]uint64, (len(signals)+63)/64), at: make([]span, len(signals))}
	}
	return m
}

// Match calls hit once for each signal that a record matches, in the order of the signals' indices. Text is the record's decoded
// text, UTF-8; bytes outside ASCII are compared as they are. Nothing is allocated unless a literal is found.
func (m *Matcher) Match(text []byte, hit func(Hit)) {
	if m == nil {
		return
	}
	var f *found
	for _, l := range m.lanes {
		f = l.scan(m, text, f)
	}
	if f != nil {
		m.report(text, f, hit)
		m.scratch.Put(f)
	}
}

// note adds to f, which is nil as long as nothing is found, the signals that name the literal found at start.
func (m *Matcher) note(l *literal, start int, f *found) *found {
	if f == nil {
		f = m.scratch.Get().(*found)
	}
	end := start + len(l.folded)
	for _, s := range l.signals {
		at, bit := &f.at[s], uint64(1)<<(s%64)
		if f.signals[s/64]&bit == 0 || start < at.start || start == at.start && end > at.end {
			f.signals[s/64] |= bit
			*at = span{start, end}
		}
	}
	return f
}

// report runs the patterns of the signals in f, calls hit for those that match, and empties f.
func (m *Matcher) report(text []byte, f *found, hit func(Hit)) {
	for word, set := range f.signals {
		f.signals[word] = 0
		for ; set != 0; set &= set - 1 {
			s := word*64 + bits.TrailingZeros64(set)
			signal := m.signals[s]
			h := Hit{Signal: signal.index, Name: signal.name, Start: f.at[s].start, End: f.at[s].end, text: text}
			if signal.pattern != nil {
				if signal.named {
					h.pattern = signal.pattern
					h.groups = signal.pattern.FindSubmatchIndex(text)
				} else {
					h.groups = signal.pattern.FindIndex(text)
				}
				if h.groups == nil {
					continue
				}
				h.Start, h.End = h.groups[0], h.groups[1]
			}
			hit(h)
		}
	}
}

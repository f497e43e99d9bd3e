package match

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// Matcher finds signals in the records of one artifact kind. It is safe for concurrent use; a nil Matcher matches nothing.
//
// Literals are found by sampling. Of each literal a window of equal width is chosen, where the literal is rarest in log text.
// A window of w bytes holds w-q+1 grams of q bytes, of which one must stand at a multiple of w-q+1 wherever the literal occurs,
// so only the grams of the text at those places are looked up: in a bit filter first, which is small enough for the
// processor's nearest cache, and then, if the bit is set, in a table of the windows' grams that leads to the literals.
type Matcher struct {
	signals  []*compiled // in index order
	literals []literal

	stride int    // distance in bytes of the grams that are looked up
	gram   int    // length in bytes of a gram: 3 or 4
	mask   uint32 // the bits of a gram in four bytes read in little-endian order
	filter []uint64
	table  map[uint32][]place

	scratch sync.Pool // of *found
}

// literal is a string that is searched for.
type literal struct {
	folded  []byte
	signals []int // positions in Matcher.signals of those that name it
}

// place is where a gram stands in a literal.
type place struct {
	literal, offset int
}

// maxWindow bounds the width of the window that is chosen of each literal: a wider one makes longer strides, but leaves less choice.
const maxWindow = 8

// found collects the signals whose literals a record holds.
type found struct {
	signals []uint64 // set of positions in Matcher.signals
	at      []span   // by position: the leftmost, then longest literal
}

type span struct{ start, end int }

func newMatcher(signals []*compiled) *Matcher {
	if len(signals) == 0 {
		return nil
	}
	m := &Matcher{signals: signals, table: map[uint32][]place{}}
	known := map[string]int{}
	window := maxWindow
	for i, signal := range signals {
		for _, folded := range signal.literals {
			at, ok := known[string(folded)]
			if !ok {
				at = len(m.literals)
				known[string(folded)] = at
				m.literals = append(m.literals, literal{folded: folded})
			}
			if l := &m.literals[at]; !slices.Contains(l.signals, i) {
				l.signals = append(l.signals, i)
			}
			window = min(window, len(folded))
		}
	}
	m.gram = min(4, max(3, window-2))
	m.mask = 1<<(8*m.gram) - 1
	m.stride = window - m.gram + 1
	m.filter = make([]uint64, filterBits/64)
	for i, l := range m.literals {
		start := rarest(l.folded, window)
		for offset := start; offset < start+m.stride; offset++ {
			gram := m.at(l.folded, offset)
			m.table[gram] = append(m.table[gram], place{i, offset})
			bit := hash(gram)
			m.filter[bit/64] |= 1 << (bit % 64)
		}
	}
	m.scratch.New = func() any {
		return &found{signals: make([]uint64, (len(signals)+63)/64), at: make([]span, len(signals))}
	}
	return m
}

const filterBits = 1 << 16

func hash(gram uint32) uint32 { return gram * 0x9e3779b1 >> 16 }

// at returns the gram that stands at an offset in text, which must have so many bytes, with its letters folded.
func (m *Matcher) at(text []byte, offset int) uint32 {
	if len(text)-offset >= 4 {
		return (binary.LittleEndian.Uint32(text[offset:]) | foldMask) & m.mask
	}
	return (uint32(text[offset]) | uint32(text[offset+1])<<8 | uint32(text[offset+2])<<16 | foldMask) & m.mask
}

// Match calls hit once for each signal that the record's text matches, in the order of the signals' indices. Nothing is allocated unless
// a literal is found. Text is decoded UTF-8; bytes outside ASCII are compared as they are. A Hit is valid until text changes.
func (m *Matcher) Match(text []byte, hit func(Hit)) {
	if m == nil {
		return
	}
	var f *found
	for i := 0; i+m.gram <= len(text); i += m.stride {
		gram := m.at(text, i)
		bit := hash(gram)
		if m.filter[bit/64]&(1<<(bit%64)) != 0 {
			f = m.verify(text, i, gram, f)
		}
	}
	if f != nil {
		m.report(text, f, hit)
		m.scratch.Put(f)
	}
}

// verify looks for the literals that hold the gram at offset i of text, and notes them in f, which is nil as long as there is none.
func (m *Matcher) verify(text []byte, i int, gram uint32, f *found) *found {
	for _, p := range m.table[gram] {
		l := &m.literals[p.literal]
		start := i - p.offset
		end := start + len(l.folded)
		if start < 0 || end > len(text) || !equalFold(text[start:end], l.folded) {
			continue
		}
		if f == nil {
			f = m.scratch.Get().(*found)
		}
		for _, s := range l.signals {
			at := &f.at[s]
			switch bit := uint64(1) << (s % 64); {
			case f.signals[s/64]&bit == 0:
				f.signals[s/64] |= bit
				*at = span{start, end}
			case start < at.start || start == at.start && end > at.end:
				*at = span{start, end}
			}
		}
	}
	return f
}

// report runs the patterns of the signals in f, calls hit for those that match, and clears f.
func (m *Matcher) report(text []byte, f *found, hit func(Hit)) {
	for word, set := range f.signals {
		f.signals[word] = 0
		for ; set != 0; set &= set - 1 {
			s := word*64 + bits.TrailingZeros64(set)
			signal := m.signals[s]
			h := Hit{Signal: signal.index, Name: signal.name, Start: f.at[s].start, End: f.at[s].end, text: text}
			if signal.pattern != nil {
				if signal.named {
					h.groups = signal.pattern.FindSubmatchIndex(text)
					h.pattern = signal.pattern
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

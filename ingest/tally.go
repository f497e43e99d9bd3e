package ingest

import (
	"maps"
	"slices"
	"time"
)

// Bin counts the records of a span of time.
type Bin struct {
	Start    int64 // seconds from 1970-01-01 00:00; a multiple of the histogram's width
	Records  uint32
	Warnings uint32
	Errors   uint32
}

func (b *Bin) join(o Bin) {
	b.Records += o.Records
	b.Warnings += o.Warnings
	b.Errors += o.Errors
}

// Histogram counts records by time.
type Histogram struct {
	Width int64 // of a bin in seconds, a power of two; 0 if nothing was counted
	Bins  []Bin // those that are not empty, in the order of time
}

// Wider returns the histogram with bins of a width of at least step seconds.
func (h Histogram) Wider(step int64) Histogram {
	for h.Width > 0 && h.Width < step {
		h = h.doubled()
	}
	return h
}

func (h Histogram) doubled() Histogram {
	out := Histogram{Width: 2 * h.Width}
	for _, b := range h.Bins {
		b.Start = floor(b.Start, out.Width)
		if n := len(out.Bins); n > 0 && out.Bins[n-1].Start == b.Start {
			out.Bins[n-1].join(b)
		} else {
			out.Bins = append(out.Bins, b)
		}
	}
	return out
}

// Jump is a place at which the clock of a log goes back.
type Jump struct {
	Line int   // of the record after it
	At   int64 // the time of the record before it, in seconds from 1970-01-01 00:00
	UTC  bool  // At is UTC; otherwise it is what the log's clock showed
	Back time.Duration
}

// maxJumps is how many jumps of an artifact are kept.
const maxJumps = 8

// Tally says how the records of one artifact lie in time. Its size is bounded, however long the artifact is.
type Tally struct {
	UTC   Histogram // of the records whose offset is known
	Local Histogram // of the others, by the log's own clock as if that showed UTC
	Jumps []Jump    // the first ones, if the log goes forward otherwise
}

// How many bins a histogram has: while it is made, and in the end. Uploads of 100,000 short logs are the reason for the latter.
const (
	maxBins     = 512
	leastBins   = 16
	mostBins    = 256
	recordsABin = 8
)

// tallier makes a tally. The zero value is ready.
type tallier struct{ utc, local counter }

// add counts a record that has a time.
func (t *tallier) add(at *Time, s Severity) {
	if at.Zone < ZoneSystem {
		t.local.add(at.Wall, s)
	} else {
		t.utc.add(at.Wall+int64(at.Bias)*60e6, s)
	}
}

// settled returns what was counted in an artifact with so many records.
func (t *tallier) settled(records int, jumps []Jump) Tally {
	limit := max(leastBins, min(mostBins, records/recordsABin))
	return Tally{UTC: t.utc.histogram(limit), Local: t.local.histogram(limit), Jumps: jumps}
}

// counter counts records whose times come in any order, though nearly always in the same bin as the one before.
type counter struct {
	width int64
	bins  map[int64]*Bin
	last  *Bin
}

// add counts a record at a time in microseconds.
func (c *counter) add(micros int64, s Severity) {
	second := floor(micros, 1e6) / 1e6
	if b := c.last; b == nil || second < b.Start || second >= b.Start+c.width {
		c.find(second)
	}
	b := c.last
	b.Records++
	switch s {
	case SeverityWarning:
		b.Warnings++
	case SeverityError:
		b.Errors++
	case SeverityNone, SeverityInfo:
	}
}

// find makes last the bin of a second.
func (c *counter) find(second int64) {
	if c.bins == nil {
		c.width, c.bins = 1, map[int64]*Bin{}
	}
	for {
		start := floor(second, c.width)
		if b := c.bins[start]; b != nil {
			c.last = b
			return
		}
		if len(c.bins) < maxBins {
			c.last = &Bin{Start: start}
			c.bins[start] = c.last
			return
		}
		c.widen()
	}
}

// widen doubles the width of the bins.
func (c *counter) widen() {
	c.width *= 2
	wider := map[int64]*Bin{}
	for _, b := range c.bins {
		b.Start = floor(b.Start, c.width)
		if sum := wider[b.Start]; sum != nil {
			sum.join(*b)
		} else {
			wider[b.Start] = b
		}
	}
	c.bins, c.last = wider, nil
}

// join adds what another counter, which is not used any more, has counted.
func (c *counter) join(o *counter) {
	if c.bins == nil {
		*c = *o
		return
	}
	for o.bins != nil && c.width < o.width {
		c.widen()
	}
	for _, start := range slices.Sorted(maps.Keys(o.bins)) {
		c.find(start)
		c.last.join(*o.bins[start])
	}
}

// histogram returns what was counted in at most limit bins.
func (c *counter) histogram(limit int) Histogram {
	h := Histogram{Width: c.width}
	for _, start := range slices.Sorted(maps.Keys(c.bins)) {
		h.Bins = append(h.Bins, *c.bins[start])
	}
	for len(h.Bins) > limit {
		h = h.doubled()
	}
	return h
}

// floor is the greatest multiple of width that is no more than x.
func floor(x, width int64) int64 {
	rest := x % width
	if rest < 0 {
		rest += width
	}
	return x - rest
}

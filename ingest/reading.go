package ingest

import (
	"errors"
	"io"
	"time"
)

// Reading says which sign is meant by the biases of an artifact whose writer may mean either. It multiplies Time.Claim.
type Reading int8

// The readings.
const (
	ReadingOpen   Reading = 0  // not known
	ReadingBias   Reading = 1  // Windows' bias: minutes to add to local time to get UTC
	ReadingOffset Reading = -1 // the opposite: the minutes by which local time is ahead of UTC
)

// Read returns t with the offset that its claim means by a reading. A time without a claim comes back as it is.
func (t Time) Read(r Reading) Time {
	if r == ReadingOpen || t.Zone != ZoneUnknown || t.Claim == 0 {
		return t
	}
	bias := int(t.Claim) * int(r)
	t.Claim = 0
	return t.Stated(bias).On(BasisFileTime)
}

// WithoutSystem returns t without an offset that a registry lent.
func (t Time) WithoutSystem() Time {
	if t.Zone == ZoneSystem {
		t.Bias, t.Zone, t.Basis = 0, ZoneUnknown, BasisBare
	}
	return t
}

// utc returns the time in microseconds of UTC where the offset is known, else what the clock showed.
func (t Time) utc() int64 { return t.Wall + int64(t.Bias)*60e6 }

// widen extends the artifact's window of known times by a time.
func (a *Artifact) widen(t Time) {
	if t.Zone < ZoneSystem {
		return
	}
	if a.First.Zone == ZoneNone || t.utc() < a.First.utc() {
		a.First = t
	}
	if a.Last.Zone == ZoneNone || t.utc() > a.Last.utc() {
		a.Last = t
	}
}

// A file's modification time follows the last record by at most fileTimeLag: the writer appends and goes on, or closes the file. It may lie before it by
// fileTimeGrain, since containers keep whole seconds, and some only every second one.
const (
	fileTimeLag   = 5 * time.Minute
	fileTimeGrain = 2 * time.Second
)

// daylight is by how many minutes a claim changes where its writer follows daylight saving time.
const daylight = 60

// openSign follows the records of an artifact that state a bias of open sign.
type openSign struct {
	by          [2]openReading // ReadingBias, ReadingOffset
	local       counter        // the records by the log's clock, should the sign stay open
	first, last int64          // their earliest and latest readings of the clock, in microseconds
	least, most int16          // their claims
	final       Time           // the artifact's last record with a time, if it is one of them
}

// openReading is what the records come to by one reading.
type openReading struct {
	first, last Time // the earliest and the latest, in UTC
	tally       counter
}

// readings are those of openSign.by.
var readings = [2]Reading{ReadingBias, ReadingOffset}

// add takes the time of a record that has a claim.
func (o *openSign) add(t Time, s Severity) {
	if o.local.bins == nil {
		o.first, o.last, o.least, o.most = t.Wall, t.Wall, t.Claim, t.Claim
	}
	o.first, o.last = min(o.first, t.Wall), max(o.last, t.Wall)
	o.least, o.most = min(o.least, t.Claim), max(o.most, t.Claim)
	o.final = t
	o.local.add(t.Wall, s)
	for i := range o.by {
		b, read := &o.by[i], t.Read(readings[i])
		if b.first.Zone == ZoneNone || read.utc() < b.first.utc() {
			b.first = read
		}
		if b.last.Zone == ZoneNone || read.utc() > b.last.utc() {
			b.last = read
		}
		b.tally.add(read.utc(), s)
	}
}

// settled returns the reading by which the last record was written shortly before the file's modification time in UTC, if that is so by one
// of the two only. A file that was copied later has a later time, which settles nothing.
//
// The time speaks of the last record. The others are read alike where their claims are those of one zone in winter and summer, so that the
// writer follows daylight saving time; with one claim throughout it may state the standard bias all year, so that only the records of a day are
// believed.
func (o *openSign) settled(modified time.Time) Reading {
	if o.final.Zone == ZoneNone || modified.IsZero() {
		return ReadingOpen
	}
	switch {
	case (o.least < 0) != (o.most < 0), o.most-o.least != 0 && o.most-o.least != daylight:
		return ReadingOpen
	case o.most == o.least && time.Duration(o.last-o.first)*time.Microsecond >= 24*time.Hour:
		return ReadingOpen
	}
	found := ReadingOpen
	for _, r := range readings {
		at, _ := o.final.Read(r).UTC() // it has an offset then
		if lag := modified.Sub(at); lag < -fileTimeGrain || lag > fileTimeLag {
			continue
		}
		if found != ReadingOpen {
			return ReadingOpen
		}
		found = r
	}
	return found
}

// settleSign finds out what the biases of open sign mean, when the artifact has been read to its end.
func (p *pass) settleSign() {
	o := &p.open
	if o.local.bins == nil {
		return
	}
	if p.a.ModifiedUTC && !p.a.Truncated && errors.Is(p.err, io.EOF) {
		p.a.Reading = o.settled(p.a.Modified)
	}
	if p.a.Reading == ReadingOpen {
		p.tally.local.join(&o.local)
		return
	}
	by := &o.by[0]
	if p.a.Reading == readings[1] {
		by = &o.by[1]
	}
	p.tally.utc.join(&by.tally)
	p.a.widen(by.first)
	p.a.widen(by.last)
	p.a.WallFirst, p.a.WallLast = p.a.WallFirst.Read(p.a.Reading), p.a.WallLast.Read(p.a.Reading)
	p.clock.count[BasisFileTime] += p.clock.count[BasisForeign]
	p.clock.count[BasisForeign] = 0
}

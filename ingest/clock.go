package ingest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Basis is what the offset of a time is known by, or why it is not known.
type Basis uint8

// The bases.
const (
	BasisNone          Basis = iota
	BasisOffset              // the stamp states its offset from UTC
	BasisBias                // the record states Windows' bias, as ConfigMgr's own components write it
	BasisZoneName            // the record names its time zone
	BasisStatusMessage       // a status message, of the hour before at most, states UTC beside the log's clock
	BasisFormat              // the format's times are UTC
	BasisSettled             // the record states a bias whose sign another source settles
	BasisRegistry            // the registry of the artifact's system states the zone
	BasisFileTime            // the record states a bias whose sign the time of the log's file settles, see Reading
	BasisForeign             // the record states a bias, but its writer may mean the opposite sign
	BasisBare                // nothing states an offset
	BasisOpenDate            // the order of day and month is open, so that there is no time
	BasisNoYear              // the date has no year, so that there is no time
	basisCount
)

// basisTexts say what a basis means for a number of records.
var basisTexts = [basisCount]string{
	BasisOffset:        "state their offset from UTC",
	BasisBias:          "state Windows' bias",
	BasisZoneName:      "name their time zone",
	BasisStatusMessage: "follow a status message that states UTC beside the log's clock",
	BasisFormat:        "are in UTC by their format",
	BasisSettled:       "state a bias with a sign that another source settles",
	BasisRegistry:      "state no offset and are read by the zone in their system's registry",
	BasisFileTime:      "state a bias with a sign that the time of the file itself settles",
	BasisForeign:       "state a bias that may be meant with either sign",
	BasisBare:          "state no offset",
	BasisOpenDate:      "have a date whose day and month may be exchanged",
	BasisNoYear:        "have a date without a year",
}

// On returns t with what its offset is known by.
func (t Time) On(b Basis) Time {
	t.Basis = b
	return t
}

// backwards is how far a time may fall behind the one before it without being a jump of the clock: threads write their lines late.
const backwards = 5 * time.Minute

// clockTally counts what the times of one artifact are known by, and where they go back.
type clockTally struct {
	count [basisCount]int
	times int

	last  int64 // microseconds of the time before, in UTC where its offset is known; 0 if there is none
	known bool  // its offset is
	jumps int
	first []Jump // the first of them, at most maxJumps
}

// add takes the time of a record that begins in a line.
func (c *clockTally) add(t *Time, line int) {
	c.count[min(t.Basis, basisCount-1)]++
	if t.Zone == ZoneNone {
		return
	}
	c.times++
	known := t.Zone >= ZoneSystem
	at := t.Wall + int64(t.Bias)*60e6
	if back := time.Duration(c.last-at) * time.Microsecond; c.last != 0 && known == c.known && back > backwards {
		if len(c.first) < maxJumps {
			c.first = append(c.first, Jump{Line: line, At: c.last / 1e6, UTC: known, Back: back})
		}
		c.jumps++
	}
	c.last, c.known = at, known
}

// reason says in words what the times are known by, the most frequent basis first; "" if there is nothing to say.
func (c *clockTally) reason() string {
	var bases []Basis
	for b, n := range c.count {
		if n > 0 && basisTexts[b] != "" {
			bases = append(bases, Basis(b))
		}
	}
	slices.SortStableFunc(bases, func(a, b Basis) int { return c.count[b] - c.count[a] })
	parts := make([]string, len(bases))
	for i, b := range bases {
		if parts[i] = fmt.Sprintf("%d %s", c.count[b], basisTexts[b]); len(bases) == 1 {
			parts[i] = "the records " + basisTexts[b]
		}
	}
	return strings.Join(parts, "; ")
}

// places returns the first places at which the clock was put back. A listing whose newest records come first goes back all the time: that is its order.
func (c *clockTally) places() []Jump {
	if c.jumps*10 > c.times {
		return nil
	}
	return c.first
}

// problem says that the clock was put back; "" if it was not.
func (c *clockTally) problem() string {
	jumps := c.places()
	if len(jumps) == 0 {
		return ""
	}
	again := ""
	if c.jumps > 1 {
		again = fmt.Sprintf("; %d such places in all", c.jumps)
	}
	return fmt.Sprintf("line %d: the time is %v before that of the record above: the clock was put back, the file was put together from several, or its writer goes round in it%s", jumps[0].Line, jumps[0].Back.Round(time.Second), again)
}

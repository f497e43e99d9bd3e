package index

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"casebook/findings"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/internal/wincode"
)

// Facet is what hits are counted by.
type Facet string

// The facets. Each value of one is a value of the query's field of the same name.
const (
	FacetCase      Facet = "case"
	FacetCheck     Facet = "check"
	FacetCode      Facet = "code" // an error code, its Win32 and HRESULT spellings as one; a hit with two codes counts for both
	FacetComponent Facet = "component"
	FacetFile      Facet = "file"
	FacetHost      Facet = "host"
	FacetKind      Facet = "kind"
	FacetLabel     Facet = "label" // of the case, as name=value; a hit counts for each label
	FacetSeverity  Facet = "severity"
	FacetTime      Facet = "time" // hours, days, months or years, whichever gives few enough values
	FacetType      Facet = "type" // of registry values
	FacetVerdict   Facet = "verdict"
)

// Facets lists the facets.
func Facets() []Facet {
	return []Facet{
		FacetCase, FacetCheck, FacetCode, FacetComponent, FacetFile, FacetHost, FacetKind, FacetLabel, FacetSeverity, FacetTime, FacetType, FacetVerdict,
	}
}

// maxValues bounds the values of a facet that are told apart: a hostile log may have a component a line.
const maxValues = 1 << 16

// FacetValue is a value and how many hits have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// FacetCounts are the hits counted by one facet.
type FacetCounts struct {
	Facet  Facet        `json:"facet"`
	Values []FacetValue `json:"values"` // the most frequent first; of a time in its order
	None   int          `json:"none"`   // hits that have no value
	Others int          `json:"others"` // hits whose values are more than can be told apart
}

// Count counts the hits of a query, and, of each facet, its values. Blocks of which the index knows all that is asked are counted without
// being read. With an error that concerns single cases the others are counted all the same.
func (a *Archive) Count(ctx context.Context, q query.Node, facets ...Facet) (total int, counts []FacetCounts, err error) {
	if err := knownFacets(facets); err != nil {
		return 0, nil, err
	}
	m, err := a.generation()
	if err != nil {
		return 0, nil, err
	}
	t := newTally(facets)
	s := &run{ctx: ctx, query: q, tally: t}
	var errs []error
	for i := range m.Cases {
		if !s.begin(&m.Cases[i]) || !a.promises(ctx, s.live, s.open) {
			continue
		}
		c, ok, err := a.open(s.live)
		if ok {
			err = s.scan(c, func(p place, src *source) bool {
				t.hit(s.live, src)
				return true
			})
			a.release(c)
		}
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		errs = append(errs, err)
	}
	return t.total, t.counts(), errors.Join(errs...)
}

// tally counts hits.
type tally struct {
	total  int
	facets []Facet
	values []map[string]int // of each facet; of FacetTime in hours instead
	none   []int
	others []int
	hours  map[int64]int // hits in each hour since 1970
}

func newTally(facets []Facet) *tally {
	t := &tally{facets: facets, values: make([]map[string]int, len(facets)), none: make([]int, len(facets)), others: make([]int, len(facets)), hours: map[int64]int{}}
	for i := range facets {
		t.values[i] = map[string]int{}
	}
	return t
}

// knownFacets refuses what is no facet.
func knownFacets(facets []Facet) error {
	for _, f := range facets {
		if !slices.Contains(Facets(), f) {
			return fmt.Errorf("archive: there is no facet %q", f)
		}
	}
	return nil
}

const microHour = int64(time.Hour / time.Microsecond)

// hour is the hour of a time in microseconds, rounded down.
func hour(micro int64) int64 {
	h := micro / microHour
	if micro%microHour < 0 {
		h--
	}
	return h
}

func (t *tally) add(facet int, value string, n int) {
	values := t.values[facet]
	if _, ok := values[value]; !ok && len(values) >= maxValues {
		t.others[facet] += n
		return
	}
	values[value] += n
}

// addOrNone counts hits whose value is "" if they have none.
func (t *tally) addOrNone(facet int, value string, n int) {
	if value == "" {
		t.none[facet] += n
		return
	}
	t.add(facet, value, n)
}

// block counts all records of a block. It returns false, and counts nothing, if it has to be read for that.
func (t *tally) block(live *liveCase, art *caseArtifact, e *entry) bool {
	for _, f := range t.facets {
		known := false
		switch f {
		case FacetCase, FacetHost, FacetFile, FacetKind, FacetLabel, FacetCheck, FacetVerdict:
			known = true
		case FacetSeverity:
			known = e.Severity&(e.Severity-1) == 0 // one bit
		case FacetTime:
			known = e.First > e.Last || e.Timeless == 0 && hour(e.First) == hour(e.Last)
		case FacetComponent:
			known = e.Class == classRegistry
		case FacetType:
			known = e.Class == classLog
		case FacetCode:
		}
		if !known {
			return false
		}
	}
	n := int(e.Records)
	t.total += n
	for i, f := range t.facets {
		switch f {
		case FacetSeverity:
			for s := ingest.SeverityNone; s <= ingest.SeverityError; s++ {
				if e.Severity == 1<<s {
					t.addOrNone(i, s.String(), n)
				}
			}
		case FacetTime:
			if e.First > e.Last {
				t.none[i] += n
			} else {
				t.hours[hour(e.First)] += n
			}
		default:
			t.ofArtifact(i, f, live, art, n)
		}
	}
	return true
}

// ofArtifact counts hits by what is the same for all of an artifact.
func (t *tally) ofArtifact(i int, f Facet, live *liveCase, art *caseArtifact, n int) {
	switch f {
	case FacetCase:
		t.add(i, live.ID, n)
	case FacetHost:
		t.addOrNone(i, art.Host, n)
	case FacetFile:
		t.add(i, art.Path, n)
	case FacetKind:
		t.addOrNone(i, string(art.Kind), n)
	case FacetLabel:
		t.labels(i, live, n)
	default:
		t.none[i] += n
	}
}

// hit counts one hit.
func (t *tally) hit(live *liveCase, src *source) {
	t.total++
	for i, f := range t.facets {
		if src.finding != nil {
			t.finding(i, f, live, src.finding)
			continue
		}
		r, registry := &src.records[src.item], src.entry.Class == classRegistry
		switch {
		case f == FacetComponent && !registry, f == FacetType && registry:
			t.addOrNone(i, string(r.Component), 1)
		case f == FacetSeverity:
			t.addOrNone(i, r.Severity.String(), 1)
		case f == FacetTime && r.Time.Zone != ingest.ZoneNone:
			t.hours[hour(micros(r.Time))]++
		case f == FacetCode:
			t.codes(i, r.Text, wincode.Context{Kind: string(src.artifact.Kind), Component: string(r.Component)})
		default:
			t.ofArtifact(i, f, live, src.artifact, 1)
		}
	}
}

func (t *tally) finding(i int, f Facet, live *liveCase, found *findings.Finding) {
	value := ""
	switch f {
	case FacetCase:
		value = live.ID
	case FacetHost:
		value = found.System
	case FacetFile:
		if e := support(found); e != nil {
			value = e.Artifact
		}
	case FacetKind:
		value = string(ClassFinding)
	case FacetSeverity:
		value = string(found.Severity)
	case FacetCheck:
		value = found.Check
	case FacetVerdict:
		value = string(found.Verdict)
	case FacetCode:
		t.codes(i, findingWords(found), wincode.Context{})
		return
	case FacetLabel:
		t.labels(i, live, 1)
		return
	case FacetComponent, FacetTime, FacetType: // a finding has none
	}
	t.addOrNone(i, value, 1)
}

// labels counts hits for each label of their case.
func (t *tally) labels(i int, live *liveCase, n int) {
	if len(live.Labels) == 0 {
		t.none[i] += n
		return
	}
	for s := range live.Labels.pairs() {
		t.add(i, s, n)
	}
}

// codes counts a hit for each error code in its text.
func (t *tally) codes(i int, text []byte, ctx wincode.Context) {
	var seen []uint32
	if bytes.ContainsAny(text, "0123456789") {
		for _, f := range wincode.Scan(string(text), ctx) {
			c := query.SameCode(f.Code)
			if f.Form == wincode.FormMessage || f.Form == wincode.FormAction || slices.Contains(seen, c) {
				continue
			}
			seen = append(seen, c)
			t.add(i, codeName(c), 1)
		}
	}
	if seen == nil {
		t.none[i]++
	}
}

func codeName(c uint32) string {
	if c <= 0xFFFF {
		return strconv.FormatUint(uint64(c), 10)
	}
	return fmt.Sprintf("0x%08X", c)
}

// counts returns what was counted.
func (t *tally) counts() []FacetCounts {
	out := make([]FacetCounts, len(t.facets))
	for i, f := range t.facets {
		c := FacetCounts{Facet: f, Values: []FacetValue{}, None: t.none[i], Others: t.others[i]}
		if f == FacetTime {
			c.Values = append(c.Values, t.periods()...)
		} else {
			for v, n := range t.values[i] {
				c.Values = append(c.Values, FacetValue{v, n})
			}
			slices.SortFunc(c.Values, func(a, b FacetValue) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
		}
		out[i] = c
	}
	return out
}

// maxPeriods is how many hours, days or months are shown before the next longer period is taken.
const maxPeriods = 48

// periods joins the hours that have hits to the shortest periods of which there are no more than maxPeriods; years may be more.
func (t *tally) periods() []FacetValue {
	hours := slices.Sorted(maps.Keys(t.hours))
	var out []FacetValue
	for _, layout := range []string{"2006-01-02T15", "2006-01-02", "2006-01", "2006"} {
		out = nil
		for _, h := range hours {
			name := time.UnixMicro(h * microHour).UTC().Format(layout)
			if n := len(out); n > 0 && out[n-1].Value == name {
				out[n-1].Count += t.hours[h]
				continue
			}
			out = append(out, FacetValue{name, t.hours[h]})
		}
		if len(out) <= maxPeriods {
			break
		}
	}
	return out
}

package ingest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTally(t *testing.T) {
	second := func(s int64) *Time { return &Time{Wall: s * 1e6, Zone: ZoneStated} }
	for name, test := range map[string]struct {
		times   []int64
		records int
		want    Histogram
	}{
		"none":             {},
		"a second is one":  {times: []int64{5, 5, 6}, records: 3, want: Histogram{Width: 1, Bins: []Bin{{Start: 5, Records: 2}, {Start: 6, Records: 1}}}},
		"before the epoch": {times: []int64{-3, -1}, records: 2, want: Histogram{Width: 1, Bins: []Bin{{Start: -3, Records: 1}, {Start: -1, Records: 1}}}},
		"out of order":     {times: []int64{9, 2, 9}, records: 3, want: Histogram{Width: 1, Bins: []Bin{{Start: 2, Records: 1}, {Start: 9, Records: 2}}}},
		"few records have wide bins": {
			times: []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, records: 17,
			want: Histogram{Width: 2, Bins: []Bin{
				{Start: 0, Records: 2},
				{Start: 2, Records: 2},
				{Start: 4, Records: 2},
				{Start: 6, Records: 2},
				{Start: 8, Records: 2},
				{Start: 10, Records: 2},
				{Start: 12, Records: 2},
				{Start: 14, Records: 2},
				{Start: 16, Records: 1},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c tallier
			for _, s := range test.times {
				c.add(second(s), SeverityInfo)
			}
			if diff := cmp.Diff(Tally{UTC: test.want}, c.settled(test.records, nil)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTallyCounts compares with counting one by one: every record is in the bin of its time, and there are no more bins than allowed.
func TestTallyCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(-1e9, 4e9), 1, 1500).Draw(t, "times")
		var c tallier
		for i, s := range times {
			zone := ZoneUnknown
			if i%3 == 0 {
				zone = ZoneSystem
			}
			c.add(&Time{Wall: s * 1e6, Bias: 0, Zone: zone}, Severity(i%4))
		}
		got := c.settled(len(times), nil)
		for name, h := range map[string]Histogram{"utc": got.UTC, "local": got.Local} {
			if len(h.Bins) > max(leastBins, len(times)/recordsABin) {
				t.Fatalf("%s: %d bins of %d records", name, len(h.Bins), len(times))
			}
			want := map[int64]Bin{}
			for i, s := range times {
				if (i%3 == 0) != (name == "utc") {
					continue
				}
				start := floor(s, h.Width)
				b := want[start]
				b.Start = start
				b.Records++
				switch Severity(i % 4) {
				case SeverityWarning:
					b.Warnings++
				case SeverityError:
					b.Errors++
				case SeverityNone, SeverityInfo:
				}
				want[start] = b
			}
			last := int64(-1 << 62)
			for _, b := range h.Bins {
				if b != want[b.Start] || b.Start <= last {
					t.Fatalf("%s: bin %+v, want %+v", name, b, want[b.Start])
				}
				last = b.Start
			}
			if len(want) != len(h.Bins) {
				t.Fatalf("%s: %d bins, want %d", name, len(h.Bins), len(want))
			}
		}
	})
}

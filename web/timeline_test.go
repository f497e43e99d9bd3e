package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// TestChartAxis clips the axis to where nearly all records lie, and says what lies outside.
func TestChartAxis(t *testing.T) {
	log := func(name string, step int64, times ...string) findings.TimelineLog {
		l := findings.TimelineLog{Artifact: name, UTC: true, StepSeconds: step}
		for _, s := range times {
			l.Bins = append(l.Bins, findings.TimelineBin{Time: s, Records: 1})
		}
		return l
	}
	var day []string
	for i := range 400 {
		day = append(day, time.Date(2012, 3, 8, 0, 0, i*64, 0, time.UTC).Format(time.RFC3339))
	}
	mark := func(at string) findings.Mark {
		return findings.Mark{Time: at, UTC: true, Kind: findings.MarkFinding, Label: "x"}
	}
	tests := []struct {
		name     string
		timeline findings.Timeline
		from, to string // days that the axis begins and ends in
		outside  int    // records
		beyond   int    // marks
	}{
		{"all", findings.Timeline{StepSeconds: 64, Logs: []findings.TimelineLog{log("a", 64, day...)}}, "2012-03-07", "2012-03-08", 0, 0},
		{"wrong-dates", findings.Timeline{StepSeconds: 64, Logs: []findings.TimelineLog{log("a", 64, append([]string{"1980-01-01T00:00:00Z"}, day...)...), log("b", 64, "2099-01-01T00:00:00Z")}}, "2012-03-07", "2012-03-08", 2, 0},
		{"a-near-mark", findings.Timeline{StepSeconds: 64, Logs: []findings.TimelineLog{log("a", 64, append([]string{"1980-01-01T00:00:00Z"}, day...)...)}, Marks: []findings.Mark{mark("2012-03-08T11:00:00Z")}}, "2012-03-07", "2012-03-08", 1, 0},
		{"a-far-mark", findings.Timeline{StepSeconds: 64, Logs: []findings.TimelineLog{log("a", 64, day...)}, Marks: []findings.Mark{mark("2011-01-01T11:00:00Z")}}, "2012-03-07", "2012-03-08", 0, 1},
		{"twice-the-span", findings.Timeline{StepSeconds: 64, Logs: []findings.TimelineLog{log("a", 64, append([]string{"2012-03-07T18:00:00Z"}, day...)...)}}, "2012-03-07", "2012-03-08", 0, 0},
		{"one-record", findings.Timeline{StepSeconds: 1, Logs: []findings.TimelineLog{log("a", 1, "2012-03-08T00:00:00Z")}}, "2012-03-08", "2012-03-08", 0, 0},
		{"marks-alone", findings.Timeline{Marks: []findings.Mark{mark("2012-03-08T11:00:00Z")}}, "2012-03-08", "2012-03-08", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newChart(&tt.timeline, true)
			from, to := time.Unix(c.from, 0).UTC().Format(time.DateOnly), time.Unix(c.to, 0).UTC().Format(time.DateOnly)
			if from != tt.from || to != tt.to {
				t.Errorf("the axis goes from %s to %s, want %s to %s", from, to, tt.from, tt.to)
			}
			outside := 0
			for _, o := range c.outside {
				outside += o.records
			}
			if outside != tt.outside || c.beyond() != tt.beyond {
				t.Errorf("%d records and %d marks outside, want %d and %d", outside, c.beyond(), tt.outside, tt.beyond)
			}
			if len(c.columns) > maxColumns+2*maxColumns/50+2 {
				t.Errorf("%d columns", len(c.columns))
			}
			drawn := 0.0
			for _, x := range c.columns {
				drawn += x.records
			}
			records, _, _ := c.sums()
			if got := int(drawn+0.5) + outside; got != records {
				t.Errorf("%d records are drawn or said to lie outside, of %d", got, records)
			}
		})
	}
	if newChart(&findings.Timeline{}, true) != nil {
		t.Error("a chart of nothing")
	}
}

// TestChartTicks labels axes of every length at few round times.
func TestChartTicks(t *testing.T) {
	begin := time.Date(2012, 3, 8, 20, 15, 30, 0, time.UTC)
	for _, span := range []time.Duration{time.Second, time.Minute, 50 * time.Minute, 7 * time.Hour, 26 * time.Hour, 9 * 24 * time.Hour, 100 * 24 * time.Hour, 900 * 24 * time.Hour, 20000 * 24 * time.Hour} {
		c := &chart{from: begin.Unix(), to: begin.Add(span).Unix()}
		ticks := c.ticks()
		if len(ticks) < 1 || len(ticks) > maxTicks+2 {
			t.Errorf("%v: %d ticks", span, len(ticks))
		}
		last := -1.0
		for _, x := range ticks {
			if x.at < 0 || x.at > 1 || x.at <= last || x.label == "" {
				t.Errorf("%v: a tick %+v", span, x)
			}
			last = x.at
		}
	}
}

// TestMarks joins marks of one kind that would cover each other, and no others.
func TestMarks(t *testing.T) {
	line := findings.Timeline{StepSeconds: 60, Logs: []findings.TimelineLog{{Artifact: "a", UTC: true, StepSeconds: 60, Bins: []findings.TimelineBin{{Time: "2012-03-08T00:00:00Z", Records: 1}, {Time: "2012-03-09T00:00:00Z", Records: 1}}}}}
	for i, kind := range []findings.MarkKind{findings.MarkBoot, findings.MarkFinding, findings.MarkFinding, findings.MarkFinding} {
		line.Marks = append(line.Marks, findings.Mark{Time: fmt.Sprintf("2012-03-08T12:0%d:00Z", i), UTC: true, Kind: kind, Label: "x"})
	}
	line.Marks = append(line.Marks, findings.Mark{Time: "2012-03-08T20:00:00Z", UTC: true, Kind: findings.MarkFinding, Label: "y"})
	got := map[findings.MarkKind][]int{}
	for _, l := range newChart(&line, true).lanes {
		for _, g := range l.glyphs {
			got[l.kind] = append(got[l.kind], len(g.marks))
		}
	}
	if diff := cmp.Diff(map[findings.MarkKind][]int{findings.MarkBoot: {1}, findings.MarkFinding: {3, 1}}, got); diff != "" {
		t.Errorf("marks of each glyph (-want +got):\n%s", diff)
	}
}

// TestBefore lists what happened before the incident, the latest first, each once.
func TestBefore(t *testing.T) {
	r := &findings.Report{
		Incident: &findings.Incident{Time: "2012-03-08T12:00:00Z"},
		Notable:  []findings.Evidence{{Artifact: "a", Line: 1, Time: "2012-03-08T10:00:00Z", Quote: "first"}, {Artifact: "a", Line: 9, Time: "2012-03-08T13:00:00Z", Quote: "later"}, {Artifact: "b", Line: 2, Quote: "no time"}},
		Errors:   []findings.ErrorKind{{Template: "first", Count: 1, First: findings.Evidence{Artifact: "a", Line: 1, Time: "2012-03-08T10:00:00Z"}}, {Template: "#", Count: 7, First: findings.Evidence{Artifact: "c", Line: 3, Time: "2012-03-08T11:30:00Z"}}},
		Timeline: findings.Timeline{Marks: []findings.Mark{
			{Time: "2012-03-07T12:00:00Z", UTC: true, Kind: findings.MarkBoot, Label: "boot"},
			{Time: "2012-03-08T12:00:00Z", UTC: true, Kind: findings.MarkIncident, Label: "incident"},
			{Time: "2012-03-08T11:00:00", Kind: findings.MarkGap, Label: "offset unknown"},
		}},
	}
	var got []string
	for _, e := range newView(r).Before() {
		got = append(got, e.kind+" "+e.what+", "+e.ago)
	}
	want := []string{"first of 7 errors #, 30 minutes before", "error first, 2 hours before", "boot boot, 24 hours before"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	r.Incident = nil
	if list := newView(r).Before(); len(list) != 0 {
		t.Errorf("without an incident: %v", list)
	}
}

// TestSpread puts folders before what they hold, and begins a page when one is full.
func TestSpread(t *testing.T) {
	v := newView(&findings.Report{Artifacts: []findings.Artifact{{Path: "b.log"}, {Path: "a/z/y.log"}, {Path: "a/b.log"}, {Path: "a-b/x.log"}, {Path: "a/c.log", Kind: ingest.KindText}}})
	v.spread()
	var order []string
	for _, f := range v.Files {
		order = append(order, f.Path)
	}
	if diff := cmp.Diff([]string{"b.log", "a/b.log", "a/c.log", "a/z/y.log", "a-b/x.log"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	var pages []string
	for _, l := range pagesOf(v.Files, 2) {
		s := []string{l.page + ":"}
		for _, d := range l.folders {
			s = append(s, fmt.Sprintf("%q %d %v", d.name, len(d.files), d.anchor != ""))
		}
		pages = append(pages, strings.Join(s, " "))
	}
	want := []string{`files.html: "" 1 true "a" 1 true`, `files/2.html: "a" 1 false "a/z" 1 true`, `files/3.html: "a-b" 1 true`}
	if diff := cmp.Diff(want, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// TestNote keeps one line a finding, whatever its strings hold.
func TestNote(t *testing.T) {
	const odd = "a\r\nb\u202ec\x1b[31m"
	note := Note(&findings.Report{
		Tool: findings.Tool{Name: "casebook", Version: "1"}, Bundle: &findings.Upload{Name: "x", SHA256: "abc"},
		Findings: []findings.Finding{{
			Check: "x", Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Title: "T " + odd, System: odd, Remedy: []string{odd},
			Evidence: []findings.Evidence{{Artifact: "logs/" + odd, Line: 7, Quote: odd, Role: findings.Supports}}, Missing: []findings.Missing{{What: odd}},
		}},
	})
	if strings.Count(note, "\n") != 2 || strings.ContainsAny(note, "\r\u202e\x1b") {
		t.Errorf("%q", note)
	}
	const esc = `a\u000D\u000Ab\u202Ec\u001B[31m`
	want := "[Confirmed, active, high] T " + esc + " · " + esc + " · " + esc + `:7 "` + esc + `" · next: ` + esc + " · still needed: " + esc + " · casebook 1, upload abc\nUpload: x SHA-256 abc\n"
	if diff := cmp.Diff(want, note); diff != "" {
		t.Errorf("note (-want +got):\n%s", diff)
	}
}

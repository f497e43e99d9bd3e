package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

// Timeline says how the records of the bundle lie in time, and what happened when.
type Timeline struct {
	StepSeconds int64         `json:"step_seconds"` // the least width of a bin; 0 if no record has a time
	Logs        []TimelineLog `json:"logs"`         // by path
	LeftOut     int           `json:"left_out"`     // how many logs are not listed: those with the fewest errors, warnings and records
	Marks       []Mark        `json:"marks"`        // by time, those in UTC first
}

// TimelineLog is one log. A log of which some offsets are known and some are not is listed twice.
type TimelineLog struct {
	Artifact    string        `json:"artifact"`
	UTC         bool          `json:"utc"`          // its times are UTC; otherwise they are what its clock showed
	StepSeconds int64         `json:"step_seconds"` // the width of its bins
	Bins        []TimelineBin `json:"bins"`         // those that hold records, in the order of time
}

// TimelineBin counts the records of a span of time.
type TimelineBin struct {
	Time     string `json:"time"`    // its beginning: RFC 3339, without an offset if the log's is not known
	Records  int    `json:"records"` // all, warnings and errors among them
	Warnings int    `json:"warnings,omitempty"`
	Errors   int    `json:"errors,omitempty"`
}

// Mark is something that happened at a time.
type Mark struct {
	Time     string   `json:"time"` // RFC 3339, without an offset if UTC is false
	UTC      bool     `json:"utc"`
	Kind     MarkKind `json:"kind"`
	Label    string   `json:"label"`
	System   string   `json:"system"`
	Artifact string   `json:"artifact"`
	Line     int      `json:"line,omitempty"`
}

// MarkKind says what happened. The vocabulary is closed.
type MarkKind string

// The kinds of marks.
const (
	MarkIncident  MarkKind = "incident"    // the time that the user gave
	MarkFinding   MarkKind = "finding"     // evidence that supports a confirmed or suspected finding
	MarkKey       MarkKind = "key-written" // a registry key that is such evidence was last written: when its values came to be what they are is not known
	MarkBoot      MarkKind = "boot"        // the machine started
	MarkShutdown  MarkKind = "shutdown"    // the machine was shut down
	MarkInstall   MarkKind = "install"     // an Installer log begins
	MarkCapture   MarkKind = "capture"     // a hive was last written: the bundle is not older
	MarkClockJump MarkKind = "clock-jump"  // a log's clock goes back
	MarkGap       MarkKind = "gap"         // a log that writes steadily is silent for long
)

// The limits of a time line.
const (
	maxTimelineLogs = 60
	timelineSteps   = 160
	maxMarks        = 200
	maxFindingMarks = 3 // of one finding
	maxGaps         = 12
	minGap          = time.Hour
	gapFactor       = 20 // a gap is so many times the usual distance of a log's bins
	gapBins         = 8  // a log with fewer bins has no usual distance
	offsetRoom      = 3  // how many times the span of nearly all records the offsets of a zone are listed before and after it
	offsetLeast     = 30 * 24 * time.Hour
)

// timeline makes the time line of a report whose other parts are made.
func timeline(r *Report, artifacts []*ingest.Artifact, systems []*facts.Facts) Timeline {
	type row struct {
		path  string
		utc   bool
		times ingest.Histogram
		sum   ingest.Bin
	}
	var rows []row
	for _, a := range artifacts {
		for _, x := range []row{{path: a.Path, utc: true, times: a.Tally.UTC}, {path: a.Path, times: a.Tally.Local}} {
			for _, b := range x.times.Bins {
				x.sum.Records += b.Records
				x.sum.Warnings += b.Warnings
				x.sum.Errors += b.Errors
			}
			if x.sum.Records > 0 {
				rows = append(rows, x)
			}
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(
			-cmp.Compare(a.sum.Errors, b.sum.Errors), -cmp.Compare(a.sum.Warnings, b.sum.Warnings), -cmp.Compare(a.sum.Records, b.sum.Records),
			strings.Compare(a.path, b.path), compareBool(b.utc, a.utc))
	})
	t := Timeline{Logs: []TimelineLog{}, Marks: []Mark{}, LeftOut: max(0, len(rows)-maxTimelineLogs)}
	rows = rows[:len(rows)-t.LeftOut]
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(strings.Compare(a.path, b.path), compareBool(b.utc, a.utc)) })
	var all []ingest.Histogram
	for _, x := range rows {
		all = append(all, x.times)
	}
	t.StepSeconds = step(all)
	for _, x := range rows {
		h := x.times.Wider(t.StepSeconds)
		log := TimelineLog{Artifact: x.path, UTC: x.utc, StepSeconds: h.Width, Bins: make([]TimelineBin, len(h.Bins))}
		for i, b := range h.Bins {
			log.Bins[i] = TimelineBin{Time: markTime(b.Start, x.utc), Records: int(b.Records), Warnings: int(b.Warnings), Errors: int(b.Errors)}
		}
		t.Logs = append(t.Logs, log)
	}
	t.Marks = append(t.Marks, marks(r, artifacts, systems)...)
	return t
}

// offsets adds to the zones of the machines which offsets their rules put in force while the time line lasts. Of records with a wrong date, far from nearly all others, it may not
// know: the time line's axis is clipped where they take several times the span of the others.
func offsets(r *Report, systems []*facts.Facts) {
	type moment struct {
		at      time.Time
		records int
	}
	var all []moment
	add := func(s string, records int) {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			all = append(all, moment{t, records})
		}
	}
	total := 0
	for _, l := range r.Timeline.Logs {
		for _, b := range l.Bins {
			if l.UTC {
				add(b.Time, b.Records)
				total += b.Records
			}
		}
	}
	for _, m := range r.Timeline.Marks {
		if m.UTC && total == 0 {
			add(m.Time, 1)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	from, to, seen := all[0].at, all[0].at, 0
	for _, m := range all {
		if seen*200 < total { // half a percent of the records
			from = m.at
		}
		if seen*200 <= total*199 {
			to = m.at
		}
		seen += m.records
	}
	room := offsetRoom*to.Sub(from) + offsetLeast
	from, to = from.Add(-room), to.Add(room)
	for _, s := range r.Systems {
		i := slices.IndexFunc(systems, func(f *facts.Facts) bool { return f.ID == s.ID && !f.Mixed })
		if s.TimeZone == nil || i < 0 {
			continue
		}
		if z, err := systems[i].Registry.TimeZone(); err == nil {
			for _, o := range z.Offsets(from, to) {
				out := ZoneOffset{BiasMinutes: o.Bias}
				if !o.From.IsZero() {
					out.From = Timestamp(o.From)
				}
				s.TimeZone.Offsets = append(s.TimeZone.Offsets, out)
			}
		}
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// step is the width of bins of which about [timelineSteps] cover nearly all of the records: a few with a wrong date do not make all others one bin.
func step(all []ingest.Histogram) int64 {
	var bins []ingest.Bin
	var width int64
	total := 0
	for _, h := range all {
		bins = append(bins, h.Bins...)
		width = max(width, h.Width)
		for _, b := range h.Bins {
			total += int(b.Records)
		}
	}
	if len(bins) == 0 {
		return 0
	}
	slices.SortFunc(bins, func(a, b ingest.Bin) int { return cmp.Compare(a.Start, b.Start) })
	at := func(share int) int64 { // the time before which so many thousandths of the records lie
		seen := 0
		for _, b := range bins {
			if seen += int(b.Records); seen*1000 >= total*share {
				return b.Start
			}
		}
		return bins[len(bins)-1].Start
	}
	s := int64(1)
	for s*timelineSteps < at(995)-at(5)+1 {
		s *= 2
	}
	return s
}

// markTime is a time in seconds as a mark or a bin states it.
func markTime(seconds int64, utc bool) string {
	at := time.Unix(seconds, 0).UTC()
	if utc {
		return Timestamp(at)
	}
	return at.Format("2006-01-02T15:04:05")
}

// marks lists what happened when.
func marks(r *Report, artifacts []*ingest.Artifact, systems []*facts.Facts) []Mark {
	var out []Mark
	if r.Incident != nil {
		out = append(out, Mark{Time: r.Incident.Time, UTC: true, Kind: MarkIncident, Label: "the incident"})
	}
	for _, f := range r.Findings {
		if f.Verdict != Confirmed && f.Verdict != Suspected {
			continue
		}
		n := 0
		for _, e := range f.Evidence {
			if e.Role != Supports || e.Time == "" && e.LocalTime == "" || n == maxFindingMarks {
				continue
			}
			n++
			m := Mark{Time: cmp.Or(e.Time, e.LocalTime), UTC: e.Time != "", Kind: MarkFinding, Label: f.Title, System: f.System, Artifact: e.Artifact, Line: e.Line}
			if e.Key != "" {
				m.Kind, m.Label = MarkKey, "a registry key was last written that is evidence of: "+f.Title
			}
			out = append(out, m)
		}
	}
	owner := map[string]string{}
	for _, f := range systems {
		for _, a := range f.Artifacts {
			owner[a.Path] = f.ID
		}
		out = append(out, machineMarks(f)...)
	}
	var gaps []gap
	for _, a := range artifacts {
		for _, j := range a.Tally.Jumps {
			out = append(out, Mark{
				Time: markTime(j.At, j.UTC), UTC: j.UTC, Kind: MarkClockJump, Label: fmt.Sprintf("the clock goes back by %v", j.Back.Round(time.Second)),
				System: owner[a.Path], Artifact: a.Path, Line: j.Line,
			})
		}
		if a.Kind == ingest.KindLogMSI && a.WallFirst.Zone != ingest.ZoneNone {
			m := Mark{Kind: MarkInstall, Label: "Windows Installer begins", System: owner[a.Path], Artifact: a.Path, Line: 1}
			if at, ok := a.First.UTC(); ok {
				m.Time, m.UTC = Timestamp(at), true
			} else {
				m.Time = local(a.WallFirst)
			}
			out = append(out, m)
		}
		for _, g := range []gap{longestGap(a.Path, a.Tally.UTC, true), longestGap(a.Path, a.Tally.Local, false)} {
			if g.length > 0 {
				gaps = append(gaps, g)
			}
		}
	}
	slices.SortFunc(gaps, func(a, b gap) int {
		return cmp.Or(-cmp.Compare(a.length, b.length), strings.Compare(a.artifact, b.artifact))
	})
	for _, g := range gaps[:min(len(gaps), maxGaps)] {
		out = append(out, Mark{
			Time: markTime(g.from, g.utc), UTC: g.utc, Kind: MarkGap, Label: fmt.Sprintf("silent for %v", time.Duration(g.length)*time.Second),
			System: owner[g.artifact], Artifact: g.artifact,
		})
	}
	slices.SortStableFunc(out, func(a, b Mark) int {
		return cmp.Or(compareBool(b.UTC, a.UTC), strings.Compare(a.Time, b.Time), strings.Compare(string(a.Kind), string(b.Kind)),
			strings.Compare(a.Artifact, b.Artifact), cmp.Compare(a.Line, b.Line), strings.Compare(a.Label, b.Label))
	})
	out = slices.Compact(out)
	return out[:min(len(out), maxMarks)]
}

// machineMarks are the boots, shutdowns and captures that a system's registry and PFRO.log tell of.
func machineMarks(f *facts.Facts) []Mark {
	var out []Mark
	if at, found, err := f.Registry.LastShutdown(); err == nil && !at.IsZero() {
		out = append(out, Mark{Time: Timestamp(at), UTC: true, Kind: MarkShutdown, Label: "the machine was shut down", System: f.ID, Artifact: found.Source, Line: found.Value.Line})
	}
	if keys := f.Registry.Keys("SYSTEM"); len(keys) > 0 {
		if at := f.Registry.Hive(keys[0].Source).LastWritten(); !at.IsZero() {
			out = append(out, Mark{Time: Timestamp(at), UTC: true, Kind: MarkCapture, Label: "the SYSTEM hive was last written", System: f.ID, Artifact: keys[0].Source})
		}
	}
	zone, zoneErr := f.Registry.TimeZone()
	for _, p := range facts.Values[*extract.PFRO](f) {
		for _, s := range p.Value.Successes {
			wall, err := time.Parse("1/2/2006 15:4:5", s.Date+" "+s.Time)
			if err != nil {
				continue
			}
			m := Mark{Kind: MarkBoot, Label: "the machine booted", System: f.ID, Artifact: p.Artifact.Path, Line: s.Line}
			if zoneErr == nil {
				m.Time, m.UTC = Timestamp(wall.Add(time.Duration(zone.BiasAt(wall))*time.Minute)), true
			} else {
				m.Time = markTime(wall.Unix(), false)
			}
			out = append(out, m)
		}
	}
	return out
}

// gap is a span of time in which a log is silent.
type gap struct {
	artifact     string
	utc          bool
	from, length int64 // seconds
}

// longestGap returns the longest silence of a log that else writes steadily; its length is 0 if there is none.
func longestGap(artifact string, h ingest.Histogram, utc bool) gap {
	if len(h.Bins) < gapBins {
		return gap{}
	}
	var distances []int64
	longest := gap{artifact: artifact, utc: utc}
	for i, b := range h.Bins[1:] {
		d := b.Start - h.Bins[i].Start
		distances = append(distances, d)
		if d > longest.length {
			longest.from, longest.length = h.Bins[i].Start+h.Width, d-h.Width
		}
	}
	slices.Sort(distances)
	if longest.length < gapFactor*distances[len(distances)/2] || longest.length < int64(minGap/time.Second) {
		return gap{}
	}
	return longest
}

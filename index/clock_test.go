package index_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// TestLateClock: what became known of an artifact's clock after its records were written holds for hits, their order, ranges of time and the
// records that are read back.
func TestLateClock(t *testing.T) {
	at := func(hour int) ingest.Time { return ingest.WallTime(2012, 3, 1, hour, 0, 0, 0) }
	lent := func(hour, bias int) ingest.Time { // by a registry
		u := at(hour)
		u.Bias, u.Zone, u.Basis = int16(bias), ingest.ZoneSystem, ingest.BasisRegistry
		return u
	}
	claim := func(hour, minutes int) ingest.Time {
		u := at(hour)
		u.Claim, u.Basis = int16(minutes), ingest.BasisForeign
		return u
	}
	artifacts := []struct {
		path    string
		time    ingest.Time
		reading ingest.Reading
	}{
		{"lent.log", lent(10, -600), 0},           // 00:00 UTC
		{"open.log", claim(11, 120), 0},           // of unknown offset
		{"own.log", at(12).Stated(300), 0},        // 17:00 UTC
		{"settled.log", claim(13, 480), -1},       // 05:00 UTC
		{"settled-bias.log", claim(14, -120), +1}, // 12:00 UTC
		{"withdrawn.log", lent(15, -600), 0},      // 05:00 UTC, but for the registry's being another computer's
	}
	dir := t.TempDir()
	w, err := index.Create(t.Context(), dir, index.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	report := &findings.Report{Case: "X"}
	for _, x := range artifacts {
		a := &ingest.Artifact{Path: x.path, Kind: ingest.KindLogCCM}
		s := w.Artifact(a)
		s.Records([]ingest.Record{{Line: 1, Lines: 1, Raw: []byte("word\n"), Text: []byte("word"), Time: x.time}})
		a.Reading = x.reading
		s.Done(a)
		report.Artifacts = append(report.Artifacts, findings.Artifact{Path: x.path})
	}
	w.Withdraw("withdrawn.log")
	if err := publish(w, w.Report(report, emptyReport)); err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, dir)
	show := func(hits []index.Hit) (out []string) {
		for _, h := range hits {
			clock := "local"
			if h.UTC {
				clock = "UTC"
			}
			out = append(out, fmt.Sprintf("%s %s %s", h.Artifact, h.Time.Format("15:04"), clock))
		}
		return out
	}
	want := []string{
		"lent.log 00:00 UTC", "settled.log 05:00 UTC", "open.log 11:00 local", "settled-bias.log 12:00 UTC", "withdrawn.log 15:00 local", "own.log 17:00 UTC",
	}
	if diff := cmp.Diff(want, show(find(t, a, "word", index.SearchOptions{Sort: index.ByTime}))); diff != "" {
		t.Errorf("by time: %s", diff)
	}
	for q, want := range map[string][]string{
		"time:>=2012-03-01T04:59:00 time:<2012-03-01T05:01:00": {"settled.log 05:00 UTC"},
		"time:>=2012-03-01T14:59:00 time:<2012-03-01T15:01:00": {"withdrawn.log 15:00 local"},
		"time:>=2012-03-01T12:30:00 time:<2012-03-01T14:30:00": nil,
		"time:<2012-03-01T00:01:00":                            {"lent.log 00:00 UTC"},
	} {
		if diff := cmp.Diff(want, show(find(t, a, q, index.SearchOptions{}))); diff != "" {
			t.Errorf("%s: %s", q, diff)
		}
	}
	for artifact, want := range map[string]ingest.Zone{
		"lent.log": ingest.ZoneSystem, "withdrawn.log": ingest.ZoneUnknown, "settled.log": ingest.ZoneStated, "open.log": ingest.ZoneUnknown,
	} {
		for r, err := range a.Records(t.Context(), "X", artifact, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Time.Zone != want || want == ingest.ZoneUnknown && r.Time.Bias != 0 {
				t.Errorf("%s: %+v, want the zone %d", artifact, r.Time, want)
			}
			if u, ok := r.Time.UTC(); ok && artifact == "settled.log" && !u.Equal(time.Date(2012, 3, 1, 5, 0, 0, 0, time.UTC)) {
				t.Errorf("%s: %v", artifact, u)
			}
		}
	}
}

package facts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook"
	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/internal/match"
)

// probe is a check that shows the facts of each system to look.
func probe(look func(*facts.Facts)) *findings.Check {
	return &findings.Check{
		ID: "test-probe", Title: "A probe", Severity: findings.Info, Product: findings.Product{Name: "anything", Words: []string{""}},
		Signals: []match.Signal{{Name: "test-probe/started", Literals: []string{"started"}}},
		Observe: &facts.Watch{Check: "test-probe", Kinds: []ingest.Kind{ingest.KindLogText, ingest.KindLogMSI}, Every: true, New: func(*ingest.Artifact) facts.Observer { return &keeper{} }},
		Run: func(f *facts.Facts) ([]findings.Finding, error) {
			look(f)
			return []findings.Finding{{Verdict: findings.NotEvaluated, Summary: "A probe."}}, nil
		},
	}
}

// keeper keeps every record.
type keeper struct{ kept []*facts.Match }

func (k *keeper) See(s *facts.Sight) { k.kept = append(k.kept, s.Keep()) }
func (k *keeper) End() any           { return k.kept }

// seen returns the facts of each system of a bundle by ID.
func seen(t *testing.T, bundle string) (map[string]*facts.Facts, *findings.Report) {
	t.Helper()
	by := map[string]*facts.Facts{}
	c := probe(func(f *facts.Facts) { by[f.ID] = f })
	r := analyse(t, uploads(t, bundle), casebook.Options{Checks: []*findings.Check{c}})
	return by, r
}

func paths[T any](list []facts.Of[T]) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Artifact.Path)
	}
	return out
}

// TestLentZone takes back the zone that the nearest registry lent to a log that turns out to be another computer's, also from what signals
// and observers keep.
func TestLentZone(t *testing.T) {
	by, r := seen(t, `a/SYSTEM system ALPHA
		a/own.log log started
		x/inst.log msi BETA
		x/env.txt text COMPUTERNAME=BETA`)
	own := by["ALPHA"].Matches("test-probe/started").Kept
	if len(own) != 1 {
		t.Fatalf("%d matches of the system's own log", len(own))
	}
	if at, ok := own[0].UTC(); !ok || at.Format("15:04") != "09:00" {
		t.Errorf("the own log's line is at %v (known: %v), want 09:00 UTC", at, ok)
	}
	stranger := by["BETA"]
	for _, o := range facts.Observed[[]*facts.Match](stranger, "test-probe") {
		for _, m := range o.Value {
			if at, ok := m.UTC(); ok {
				t.Errorf("%s:%d was given the time %v by another computer's zone", m.Ref.Artifact, m.Ref.Line, at)
			}
			if e := findings.FromMatch(*m, findings.Context, ""); e.Time != "" {
				t.Errorf("evidence of %s:%d has the time %s", e.Artifact, e.Line, e.Time)
			}
		}
	}
	if r.Window.From != "2012-03-01T09:00:00Z" || r.Window.To != "2012-03-01T09:00:00Z" {
		t.Errorf("the window is %+v, want that of the own log alone", r.Window)
	}
}

// TestLentZoneInIndex: what a search shows of that log has no zone either.
func TestLentZoneInIndex(t *testing.T) {
	bundle := uploads(t, `a/SYSTEM system ALPHA
		a/own.log log started
		x/inst.log msi BETA
		x/env.txt text COMPUTERNAME=BETA`)
	dir := t.TempDir()
	if _, err := casebook.Analyze(t.Context(), bundle, casebook.Options{Index: index.Dir(dir)}); err != nil {
		t.Fatal(err)
	}
	a, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	for path, want := range map[string]bool{"a/own.log": true, "x/inst.log": false} {
		q, err := query.Parse("file:" + path)
		if err != nil {
			t.Fatal(err)
		}
		timed := 0
		for h, err := range a.Search(t.Context(), q, index.SearchOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if h.Time == nil || h.Class != index.ClassRecord {
				continue
			}
			if timed++; h.UTC != want {
				t.Errorf("%s:%d is shown at %v, in UTC: %v", path, h.Line, h.Time, h.UTC)
			}
		}
		if timed == 0 {
			t.Errorf("%s has no record with a time", path)
		}
	}
}

// TestLentCodePage says so where a text was read by the code page of what turns out to be another computer.
func TestLentCodePage(t *testing.T) {
	_, r := seen(t, `a/SYSTEM system ALPHA
		x/env.txt@windows-1251 text COMPUTERNAME=BETA|Привет
		a/own.txt@windows-1251 text Привет`)
	var got []string
	for _, p := range r.Problems {
		if p.Stage == ingest.StageSystem {
			got = append(got, p.Artifact+": "+p.Message)
		}
	}
	want := []string{`x/env.txt: was read by the code page of "ALPHA", which is not its computer; characters beyond ASCII may be others (windows-1251)`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

// TestOlderCopies keeps older copies out of the registry that answers.
func TestOlderCopies(t *testing.T) {
	tests := []struct {
		name, bundle string
		hives, older []string
		from         string // what the value that is in every copy says
		outdated     []string
	}{
		{
			name: "regback", bundle: `config/RegBack/SYSTEM system PC1 2012-03-09T00:00:00Z
				config/SYSTEM system PC1 2012-03-01T00:00:00Z`,
			hives: []string{"config/SYSTEM"}, older: []string{"config/RegBack/SYSTEM"}, from: "config/SYSTEM.hive.reg", outdated: []string{"config/RegBack/SYSTEM"},
		},
		{
			name: "regback-alone", bundle: `config/RegBack/SYSTEM system PC1`,
			hives: []string{"config/RegBack/SYSTEM"}, from: "config/RegBack/SYSTEM.hive.reg", outdated: []string{"config/RegBack/SYSTEM"},
		},
		{
			name: "two-captures", bundle: `a/SYSTEM system PC1 2012-03-01T00:00:00Z
				b/SYSTEM system PC1 2012-03-09T00:00:00Z`,
			hives: []string{"b/SYSTEM"}, older: []string{"a/SYSTEM"}, from: "b/SYSTEM.hive.reg", outdated: []string{"a/SYSTEM"},
		},
		{
			name: "export-before-and-after", bundle: `after/s.reg reg HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa "From"="after"
				before/s.reg reg HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa "Gone"="1"`,
			hives: []string{"after/s.reg"}, older: []string{"before/s.reg"}, outdated: []string{"before/s.reg"},
		},
		{
			name: "export-of-long-before-the-hive", bundle: `SYSTEM system PC1 2012-06-01T00:00:00Z
				s.reg reg HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa "X"="1"`,
			hives: []string{"SYSTEM"}, older: []string{"s.reg"}, from: "SYSTEM.hive.reg", outdated: []string{"s.reg"},
		},
		{
			name: "export-beside-the-hive", bundle: `SYSTEM system PC1 2012-03-10T08:00:00Z
				s.reg reg HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Lsa "X"="1"`,
			hives: []string{"SYSTEM", "s.reg"}, from: "SYSTEM.hive.reg",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			by, r := seen(t, tt.bundle)
			if len(by) != 1 {
				t.Fatalf("systems: %v", r.Systems)
			}
			for _, f := range by {
				if diff := cmp.Diff([][]string{tt.hives, tt.older}, [][]string{paths(f.Hives), paths(f.Older)}); diff != "" {
					t.Errorf("hives and older copies (-want +got):\n%s", diff)
				}
				if v, _ := f.Registry.Value(`SYSTEM\CurrentControlSet\Control\Session Manager`, "From"); tt.from != "" && v.Value.String() != tt.from {
					t.Errorf("the registry answers from %q, want %q", v.Value.String(), tt.from)
				}
				var outdated []string
				for _, a := range f.Artifacts {
					if f.Outdated(a.Path) {
						outdated = append(outdated, a.Path)
						if f.Reliable(a.Path) {
							t.Errorf("%s is outdated and may rule out", a.Path)
						}
					}
				}
				if diff := cmp.Diff(tt.outdated, outdated); diff != "" {
					t.Errorf("outdated (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestMixed marks what belongs to none of several computers.
func TestMixed(t *testing.T) {
	by, _ := seen(t, `a/SYSTEM system ALPHA
		b/SYSTEM system BETA
		x.log log started`)
	for id, f := range by {
		if f.Mixed != (id == "") {
			t.Errorf("system %q: mixed is %v", id, f.Mixed)
		}
	}
	alone, _ := seen(t, `x.log log started`)
	if f := alone[""]; f == nil || f.Mixed {
		t.Errorf("an upload without any identity is one system, not %+v", f)
	}
}

// TestFactsOfOne reads the facts of one system through every accessor, beside another system that has the same.
func TestFactsOfOne(t *testing.T) {
	by, _ := seen(t, `a/SYSTEM system ALPHA
		a/ZENworks/x.log log started first
		a/ZENworks/y.log log started second
		b/SYSTEM system BETA
		b/x.log log started elsewhere`)
	f := by["ALPHA"]
	m := f.Matches("test-probe/started")
	first, _ := m.First()
	last, _ := m.Last()
	if m.Count != 2 || !m.Any() || !strings.HasSuffix(first.Quote, "started first") || !strings.HasSuffix(last.Quote, "started second") {
		t.Errorf("%d matches from %q to %q", m.Count, first.Quote, last.Quote)
	}
	none := f.Matches("test-probe/none")
	if _, ok := none.First(); ok || none.Any() {
		t.Error("a signal that hits nothing has a first match")
	}
	if _, ok := none.Last(); ok {
		t.Error("a signal that hits nothing has a last match")
	}
	if !f.Has(ingest.KindHiveSystem) || f.Has(ingest.KindLogMSI) || !f.Has(ingest.KindLogMSI, ingest.KindLogText) {
		t.Error("Has is wrong about the kinds")
	}
	if !f.Mentions("zenWORKS") || by["BETA"].Mentions("zenworks") {
		t.Error("Mentions is wrong about the paths")
	}
	if f.Artifact("b/x.log") != nil || f.Artifact("a/SYSTEM") == nil {
		t.Error("Artifact is wrong about whose an artifact is")
	}
	if got := paths(facts.Values[*hive.Hive](f)); !slices.Equal(got, []string{"a/SYSTEM"}) {
		t.Errorf("typed values come from %v", got)
	}
	if got := len(facts.Observed[[]*facts.Match](f, "test-probe")); got != 2 {
		t.Errorf("observed values of %d artifacts", got)
	}
	if _, ok := f.Line("a/ZENworks/x.log", 1); ok {
		t.Error("a line of a text that was not kept is quoted")
	}
}

// TestShowsAbsence tells what can show that something is absent.
func TestShowsAbsence(t *testing.T) {
	by, _ := seen(t, `a.reg reg HKEY_LOCAL_MACHINE\SOFTWARE\X "A"="1"
		q.txt text |HKEY_LOCAL_MACHINE\SOFTWARE\Y|    A    REG_SZ    1|
		x.log log started`)
	for _, f := range by {
		for path, want := range map[string][2]bool{"a.reg": {true, true}, "q.txt": {true, false}, "x.log": {true, true}} {
			if got := [2]bool{f.Reliable(path), f.ShowsAbsence(path)}; got != want {
				t.Errorf("%s: reliable and complete are %v, want %v", path, got, want)
			}
		}
		if len(f.Hives) != 2 {
			t.Errorf("registries: %v", paths(f.Hives))
		}
	}
}

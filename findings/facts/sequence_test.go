package facts

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

func TestSequence(t *testing.T) {
	artifact := func(path string, minute int) *ingest.Artifact {
		at := ingest.WallTime(2012, 3, 1, 10, minute, 0, 0)
		return &ingest.Artifact{Path: path, Kind: ingest.KindLogText, Records: 1, WallFirst: at, WallLast: at}
	}
	f := &Facts{Artifacts: []*ingest.Artifact{artifact("a.log", 50), artifact("z.log", 30), artifact("z.log.1", 20), artifact("z.log.2", 10)}}
	f.sequence()
	var paths []string
	for _, a := range f.ordered() {
		paths = append(paths, a.Path)
	}
	if d := cmp.Diff([]string{"a.log", "z.log.2", "z.log.1", "z.log"}, paths); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"z.log.2", "z.log.1", "z.log"}, f.Sequence("z.log.1")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a.log"}, f.Sequence("a.log")); d != "" {
		t.Error(d)
	}
	in := func(path string, line, minute int) Match {
		return Match{Ref: ingest.Ref{Artifact: path, Line: line}, Time: ingest.WallTime(2012, 3, 1, 10, minute, 0, 0)}
	}
	for _, c := range []struct {
		name string
		a, b Match
		want bool
	}{
		{"same-file", in("z.log", 9, 0), in("z.log", 8, 0), true},
		{"rotated", in("z.log", 1, 0), in("z.log.1", 99, 0), true},
		{"rotated-before", in("z.log.2", 99, 0), in("z.log", 1, 0), false},
		{"other-log-by-clock", in("a.log", 1, 50), in("z.log", 1, 30), true},
		{"no-time", Match{Ref: ingest.Ref{Artifact: "a.log", Line: 1}}, in("z.log", 1, 30), false},
	} {
		if got := f.Later(c.a, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestOvercome wants a success behind all failures: one between two failures, one at an unknown time and one at the same time cure nothing.
func TestOvercome(t *testing.T) {
	f := &Facts{}
	f.sequence()
	at := func(path string, line, minute int) Match {
		return Match{Ref: ingest.Ref{Artifact: path, Line: line}, Time: ingest.WallTime(2012, 3, 1, 10, minute, 0, 0)}
	}
	undated := Match{Ref: ingest.Ref{Artifact: "b.log", Line: 1}}
	for _, c := range []struct {
		name                string
		failures, successes []Match
		line                int // of the success; 0 for none
	}{
		{"after-all", []Match{at("a.log", 1, 0), at("b.log", 1, 5)}, []Match{at("a.log", 2, 3), at("a.log", 3, 6)}, 3},
		{"between-two", []Match{at("a.log", 1, 0), at("b.log", 1, 5)}, []Match{at("a.log", 2, 3)}, 0},
		{"before", []Match{at("a.log", 2, 0)}, []Match{at("a.log", 1, 0)}, 0},
		{"same-time", []Match{at("a.log", 1, 5)}, []Match{at("b.log", 2, 5)}, 0},
		{"undated", []Match{at("a.log", 1, 5)}, []Match{undated}, 0},
		{"nothing-failed", nil, []Match{at("a.log", 1, 5)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := f.Overcome(c.failures, c.successes); got.Ref.Line != c.line || ok != (c.line > 0) {
				t.Errorf("line %d, %v; want line %d", got.Ref.Line, ok, c.line)
			}
		})
	}
}

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

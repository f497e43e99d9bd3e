package casebook_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/index"
	"casebook/internal/fixture"
)

// hunt runs checks over all cases of an archive.
func hunt(t *testing.T, dir string, list []*findings.Check) (map[string]casebook.Hunted, int) {
	t.Helper()
	a, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	cases, err := a.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, evaluated := map[string]casebook.Hunted{}, 0
	if err := casebook.Hunt(t.Context(), a, cases, list, casebook.Options{Version: "test"}, func(h casebook.Hunted) error {
		if h.Err != nil || len(h.Problems) > 0 {
			t.Errorf("case %s: %v, %v", h.Case, h.Err, h.Problems)
		}
		evaluated += len(h.Evaluated)
		out[h.Case] = h
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out, evaluated
}

// TestHunt hunts with the checks of the embedded packs in an archive of the bundles of their tests, and of all samples: what is found by the index is what a full evaluation of
// every case finds, and of the checks that rest on lines most cases are not looked at.
func TestHunt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	add := func(id, upload string) {
		t.Helper()
		if _, err := casebook.Analyze(t.Context(), []string{upload}, casebook.Options{Version: "test", Case: id, Index: index.Dir(dir), Checks: checks.All()[:1]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range samples(t) {
		add("sample-"+strings.TrimSuffix(filepath.Base(file), ".txtar"), pack(t, file))
	}
	var hunted, full []*findings.Check
	resting := 0
	for _, p := range checks.Packs() {
		for _, c := range p.Checks {
			hunted = append(hunted, c)
			x := *c
			x.Rests = nil
			full = append(full, &x)
			if c.Rests() != nil {
				resting++
			}
		}
		for _, test := range p.Tests {
			bundle := t.TempDir()
			for _, f := range test.Files {
				if err := fixture.Write(bundle, f.Path, f.Data); err != nil {
					t.Fatal(err)
				}
			}
			if err := fixture.Write(bundle, "bystander.txt", []byte("nothing of any product\n")); err != nil {
				t.Fatal(err)
			}
			add(test.Check.ID+"-"+test.Name, bundle)
		}
	}
	got, few := hunt(t, dir, hunted)
	want, all := hunt(t, dir, full)
	hits := 0
	for id, w := range want {
		hits += len(w.Findings)
		if diff := cmp.Diff(w.Findings, got[id].Findings); diff != "" {
			t.Errorf("case %s: the index hides findings (-all +found):\n%s", id, diff)
		}
	}
	t.Logf("%d cases, %d of %d checks rest on lines, %d findings; %d evaluations by the index, %d of all", len(want), resting, len(hunted), hits, few, all)
	if unbound := (len(hunted) - resting) * len(want); hits < resting || (few-unbound)*4 > all-unbound {
		t.Errorf("the index saves too little")
	}
}

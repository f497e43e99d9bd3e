package casebook_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/facts"
	"casebook/index"
	"casebook/ingest"
	"casebook/internal/fixture"
	"casebook/internal/match"
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
			if c.Rests().Any() {
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

// TestHuntWritten holds the texts that checks written in Go rest on against the bundles of all fixtures and all samples: every finding is in a case that the index finds by them, and where a check
// rests on signals alone it finds nothing without them.
func TestHuntWritten(t *testing.T) {
	packed := map[string]bool{}
	for _, p := range checks.Packs() {
		for _, c := range p.Checks {
			packed[c.ID] = true
		}
	}
	var resting, without []*findings.Check
	for _, c := range checks.All() {
		if packed[c.ID] || c.Rests == nil || !c.Rests().Any() {
			continue
		}
		resting = append(resting, c)
		rests := c.Rests()
		for _, name := range rests.Signals {
			if !slices.ContainsFunc(c.Signals, func(s match.Signal) bool { return s.Name == name }) {
				t.Errorf("%s rests on %s, which is no signal of it", c.ID, name)
			}
		}
		if len(rests.Texts) > 0 || slices.Equal(rests.Signals, []string{c.ID + "/code"}) { // other signals may hit the same lines
			continue
		}
		x := *c
		x.Signals = slices.DeleteFunc(slices.Clone(c.Signals), func(s match.Signal) bool { return slices.Contains(rests.Signals, s.Name) })
		without = append(without, &x)
	}
	dir := filepath.Join(t.TempDir(), "archive")
	want, cases := map[string][]findings.Finding{}, 0
	add := func(id, bundle string) {
		t.Helper()
		r, err := casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Version: "test", Case: id, Checks: resting})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
				want[id] = append(want[id], f)
			}
		}
		if cases++; want[id] == nil && cases%8 > 0 { // of those without a finding some do
			return
		}
		if _, err := casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Version: "test", Case: id, Checks: checks.All()[:1], Index: index.Dir(dir)}); err != nil {
			t.Fatal(err)
		}
		r, err = casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Version: "test", Case: id, Checks: without})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
				t.Errorf("%s: %s is %s without a hit of a signal that it rests on", id, f.Check, f.Verdict)
			}
		}
	}
	for _, file := range samples(t) {
		add("sample-"+strings.TrimSuffix(filepath.Base(file), ".txtar"), pack(t, file))
	}
	fixtures, err := filepath.Glob("findings/checks/testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, file := range fixtures {
		check := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if testing.Short() && !slices.ContainsFunc(resting, func(c *findings.Check) bool { return c.ID == check }) {
			continue
		}
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dirs := map[string]string{}
		for _, f := range a.Files {
			name, rest, _ := strings.Cut(f.Name, "/")
			if rest == "want" || rest == "" {
				continue
			}
			if dirs[name] == "" {
				dirs[name] = t.TempDir()
			}
			if err := fixture.Write(dirs[name], rest, f.Data); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(dirs)) {
			add(check+"-"+name, dirs[name])
		}
	}
	got, evaluated := hunt(t, dir, resting)
	found := map[string]int{}
	for id, list := range want {
		if diff := cmp.Diff(list, got[id].Findings); diff != "" {
			t.Errorf("case %s: the index hides findings (-all +found):\n%s", id, diff)
		}
		for _, f := range list {
			found[f.Check]++
		}
	}
	for _, c := range resting {
		if found[c.ID] == 0 {
			t.Errorf("%s rests on texts, and no bundle shows that it finds anything by them", c.ID)
		}
	}
	t.Logf("%d checks rest on texts; %d of %d evaluations", len(resting), evaluated, len(got)*len(resting))
	if evaluated*2 > len(got)*len(resting) {
		t.Errorf("the index saves too little")
	}
}

// lineCheck confirms where a line holds a text, and rests on that.
func lineCheck(id, literal string) *findings.Check {
	signal := match.Signal{Name: id + "/line", Kinds: []string{string(ingest.KindText), string(ingest.KindLogText), string(ingest.KindLogCCM)}, Literals: []string{literal}}
	return &findings.Check{
		ID: id, Title: "A line", Severity: findings.Low, Product: findings.Product{Name: "anything", Words: []string{""}}, Signals: []match.Signal{signal},
		Rests: func() findings.Traces { return findings.Traces{Signals: []string{signal.Name}} },
		Run: func(f *facts.Facts) ([]findings.Finding, error) {
			m, ok := f.Matches(signal.Name).First()
			if !ok {
				return []findings.Finding{{Verdict: findings.NotEvaluated, Summary: "There is no such line."}}, nil
			}
			return []findings.Finding{{Verdict: findings.Confirmed, Summary: "There is such a line.", Evidence: []findings.Evidence{findings.FromMatch(m, findings.Supports, "")}}}, nil
		},
	}
}

// TestHuntByIndex draws texts that are parts of lines, cut anywhere and in any case: the index finds all cases with such a line.
func TestHuntByIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	lines := []string{
		"RegTask: Failed to get certificate. Error: 0x80004005", "MainEngineThread is returning 1603", `MoveFileEx \\?\Volume{c0a5b7e2-2d4f-11e1-8b77-00505696001a}\novell.zenworks.dll`,
		"Größe der Datei ist überschritten, siehe CLICORE.EXE", "PolicyAgent_ReplyAssignments {8097EE64-1F0A-4E5B-9F0A-0123456789AB}", "a  b\tc;d=e,f",
		"Ошибка 5: доступ запрещён", "sms_def.mof compiled, 12 classes; code=-2147023293", "エラーが発生しました (0x643)", "The quick brown fox", "x86_64-w64 build-17763.rs5_release",
	}
	for i := range 24 {
		var text strings.Builder
		for j, l := range lines {
			if (i+j)%3 == 0 || i == j {
				fmt.Fprintf(&text, "%d %s %d\n", i*j, l, i)
			}
		}
		bundle := t.TempDir()
		if err := os.WriteFile(filepath.Join(bundle, "notes.txt"), []byte(text.String()+"end\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Case: fmt.Sprint("case", i), Index: index.Dir(dir), Checks: checks.All()[:1]}); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		line := []rune(rapid.SampledFrom(lines).Draw(rt, "line"))
		from := rapid.IntRange(0, len(line)-3).Draw(rt, "from")
		literal := string(line[from:rapid.IntRange(from+3, len(line)).Draw(rt, "to")])
		if rapid.Bool().Draw(rt, "upper") {
			literal = strings.Map(func(r rune) rune {
				if 'a' <= r && r <= 'z' {
					r -= 'a' - 'A'
				}
				return r
			}, literal)
		}
		c := lineCheck("test-line", literal)
		all := *c
		all.Rests = nil
		got, _ := hunt(t, dir, []*findings.Check{c})
		want, _ := hunt(t, dir, []*findings.Check{&all})
		for id, w := range want {
			found += len(w.Findings)
			if len(w.Findings) != len(got[id].Findings) {
				rt.Fatalf("%q: case %s has %d findings, by the index %d", literal, id, len(w.Findings), len(got[id].Findings))
			}
			if len(w.Findings) == 0 && len(got[id].Evaluated) > 0 {
				rt.Fatalf("%q: case %s was evaluated without need", literal, id)
			}
		}
	})
	if found == 0 {
		t.Error("nothing was found")
	}
}

// TestHuntTouchesNothingElse: of cases without the line not even the files are read that an evaluation needs.
func TestHuntTouchesNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	for id, text := range map[string]string{"hit": "one needle here\n", "miss": "nothing here\n"} {
		bundle := t.TempDir()
		if err := os.WriteFile(filepath.Join(bundle, "notes.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Case: id, Index: index.Dir(dir), Checks: checks.All()[:1]}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "cases", "miss~*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, f := range files {
		if filepath.Base(f) == "case.json" {
			continue
		}
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, make([]byte, info.Size()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := treeSums(t, dir)
	got, evaluated := hunt(t, dir, []*findings.Check{lineCheck("test-line", "needle")})
	if evaluated != 1 || len(got["hit"].Findings) != 1 || got["miss"].Evaluated != nil {
		t.Errorf("hunted %+v", got)
	}
	if diff := cmp.Diff(before, treeSums(t, dir)); diff != "" {
		t.Errorf("the hunt changed the archive:\n%s", diff)
	}
}

// treeSums returns the SHA-256 of all files below a folder.
func treeSums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package index_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/index"
)

// manifest is what a test reads of a generation.
type manifest struct {
	Generation int `json:"generation"`
	Parts      []struct {
		Name  string `json:"name"`
		First string `json:"first"`
		Cases int    `json:"cases"`
	} `json:"parts"`
	Shards map[string]int `json:"shards"`
}

func readGeneration(t *testing.T, dir string, n int) (m manifest) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("generation-%d", n)))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// whole rewrites generation n as formats 1 and 2 had it, with all cases in it.
func whole(t *testing.T, dir string, n int) {
	t.Helper()
	var all []json.RawMessage
	for _, p := range readGeneration(t, dir, n).Parts {
		var some []json.RawMessage
		b, err := os.ReadFile(filepath.Join(dir, "parts", p.Name))
		if err == nil {
			err = json.Unmarshal(b, &some)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	b, err := json.Marshal(map[string]any{"generation": n, "cases": all})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, fmt.Sprintf("generation-%d", n)), string(b))
	remove(t, filepath.Join(dir, "parts"))
}

// one is the log of a small case.
func one(text string) []testArtifact {
	return []testArtifact{{path: "a.log", kind: "log/ccm", records: plainRecords(2, func(int) string { return text })}}
}

// TestParts changes an archive of some hundred cases one by one: each change writes the part that it concerns, the list of cases is right after each, and what is no longer named goes.
func TestParts(t *testing.T) {
	dir := manyCases(t, 600)
	a := openArchive(t, dir)
	want := cases(t, a)
	if len(want) != 600 {
		t.Fatalf("%d cases", len(want))
	}
	k := keeper(t, dir)
	generation := 2
	check := func(what string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, cases(t, a)); diff != "" {
			t.Errorf("%s: an open archive lists (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(want, cases(t, openArchive(t, dir))); diff != "" {
			t.Errorf("%s: a new one lists (-want +got):\n%s", what, diff)
		}
		m := readGeneration(t, dir, generation)
		total, before := 0, ""
		for i, p := range m.Parts {
			if p.Cases < 1 || p.Cases > 256 || i > 0 && p.First <= before {
				t.Errorf("%s: part %d: %+v", what, i, p)
			}
			total, before = total+p.Cases, p.First
		}
		indexed := 0
		for _, n := range m.Shards {
			indexed += n
		}
		if total != len(want) || indexed != total {
			t.Errorf("%s: %d cases in parts, %d in shards, want %d", what, total, indexed, len(want))
		}
	}
	check("at first")

	writeCase(t, dir, "AAA", one("x"), nil, nil) // before all
	writeCase(t, dir, "ZZZ", one("x"), nil, nil) // behind all
	writeCase(t, dir, "INC0000300x", one("x"), nil, nil)
	generation += 3
	want = append(want, "AAA", "ZZZ", "INC0000300x")
	check("after three more")

	untouched := readGeneration(t, dir, generation).Parts
	if err := k.Label(t.Context(), "ZZZ", index.Labels{"customer": {"last"}}); err != nil {
		t.Fatal(err)
	}
	generation++
	now := readGeneration(t, dir, generation).Parts
	if n := len(now) - 1; len(now) != len(untouched) || !cmp.Equal(now[:n], untouched[:n]) || now[n].Name == untouched[n].Name {
		t.Errorf("a label of the last case made of parts %+v these: %+v", untouched, now)
	}
	check("after a label")

	for i := range 60 { // the first part fills up, and becomes two
		id := fmt.Sprintf("B%03d", i)
		writeCase(t, dir, id, one("y"), nil, nil)
		want = append(want, id)
	}
	generation += 60
	if now := readGeneration(t, dir, generation).Parts; len(now) != len(untouched)+1 {
		t.Errorf("%d parts after 60 more cases, %d before", len(now), len(untouched))
	}
	check("after sixty more")

	var gone []string
	for _, c := range want {
		if c > "B" && c < "INC0000299" && c != "INC0000000" { // the copies share the shard of the first
			gone = append(gone, c)
		}
	}
	if _, err := k.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(id string) bool { return slices.Contains(gone, id) })
	a = openArchive(t, dir)
	ns := entries(t, dir)
	for _, name := range ns {
		if n := 0; strings.HasPrefix(name, "generation-") {
			if _, err := fmt.Sscanf(name, "generation-%d", &n); err != nil {
				t.Fatal(err)
			}
			generation = n
		}
	}
	check("after removing many")

	// Everything that lies there is named.
	var named []string
	for _, p := range readGeneration(t, dir, generation).Parts {
		named = append(named, p.Name)
	}
	slices.Sort(named)
	if diff := cmp.Diff(named, entries(t, filepath.Join(dir, "parts"))); diff != "" {
		t.Errorf("the folder parts (-named +there):\n%s", diff)
	}
	if n := len(entries(t, filepath.Join(dir, "cases"))); n != len(want) {
		t.Errorf("%d folders of %d cases", n, len(want))
	}
}

// TestReplacedGoes replaces a case: its old folders are there for one generation more, and then gone.
func TestReplacedGoes(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "INC1", one("x"), nil, nil)
	for i, want := range []int{2, 2, 1} { // the old one stays for a generation; then that of the first replacement does
		id := "INC1"
		if i == 2 {
			id = "INC2"
		}
		writeCase(t, dir, id, one("x"), nil, nil)
		inc1 := 0
		for _, name := range entries(t, filepath.Join(dir, "cases")) {
			if strings.HasPrefix(name, "inc1") {
				inc1++
			}
		}
		if inc1 != want {
			t.Errorf("%d: %d folders of INC1, want %d", i, inc1, want)
		}
	}
	if parts := entries(t, filepath.Join(dir, "parts")); len(parts) != 2 {
		t.Errorf("parts %v", parts)
	}
}

// TestWholeManifest changes an archive as earlier versions left it.
func TestWholeManifest(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"a-case": func(t *testing.T, dir string) { writeCase(t, dir, "INC9", one("x"), nil, nil) },
		"a-label": func(t *testing.T, dir string) {
			if err := keeper(t, dir).Label(t.Context(), "INC1", index.Labels{"customer": {"ACME"}}); err != nil {
				t.Fatal(err)
			}
		},
		"compacting": func(t *testing.T, dir string) {
			if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i := range 3 {
				writeCase(t, dir, fmt.Sprintf("INC%d", i), one("x"), nil, nil)
			}
			whole(t, dir, 3)
			write(t, filepath.Join(dir, "casebook.json"), `{"format":2}`)
			a := openArchive(t, dir)
			before := cases(t, a)
			change(t, dir)
			after := slices.DeleteFunc(cases(t, a), func(id string) bool { return id == "INC9" })
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("cases (-before +after):\n%s", diff)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "casebook.json")); err != nil || strings.TrimSpace(string(b)) != fmt.Sprintf(`{"format":%d}`, index.Format) {
				t.Errorf("casebook.json: %s, error %v", b, err)
			}
			sound(t, dir)
		})
	}
}

// TestDamagedPart damages parts: what the newest generation wrote makes it incomplete; what it shares with the one before is told.
func TestDamagedPart(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "INC1", one("x"), nil, nil)
	writeCase(t, dir, "INC2", one("x"), nil, nil)
	garble(t, filepath.Join(dir, "parts", "2-1"))
	if diff := cmp.Diff([]string{"INC1"}, cases(t, openArchive(t, dir))); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	writeCase(t, dir, "INC3", one("x"), nil, nil)
	if diff := cmp.Diff([]string{"INC1", "INC3"}, cases(t, openArchive(t, dir))); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	garble(t, filepath.Join(dir, "parts", "1-1"))
	garble(t, filepath.Join(dir, "parts", "3-1"))
	if _, err := index.Open(dir); err == nil || !strings.Contains(err.Error(), "part 3-1 of the manifest is damaged") {
		t.Errorf("error %v", err)
	}
}

// TestKilledBeforePublishing leaves what a writer moved in before it was killed: the next one removes it.
func TestKilledBeforePublishing(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "INC1", one("x"), nil, nil)
	for _, d := range []string{"cases/inc2~2", "shards/inc2~2", "tmp/case-1"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, d, "lock"), "")
	}
	writeCase(t, dir, "INC3", one("x"), nil, nil)
	for _, d := range []string{"cases", "shards"} {
		if slices.Contains(entries(t, filepath.Join(dir, d)), "inc2~2") {
			t.Errorf("%s has what was never published", d)
		}
	}
	if left := entries(t, filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("tmp has %v", left)
	}
}

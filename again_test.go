package casebook_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/index"
	"casebook/internal/fixture"
	"casebook/internal/need"
)

// encoded is a report as report.json has it.
func encoded(t *testing.T, r *findings.Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources opens what an archive stores of its only case.
func sources(t *testing.T, dir string) *index.Sources {
	t.Helper()
	a, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	ids, err := a.Cases(t.Context())
	if err != nil || len(ids) != 1 {
		t.Fatalf("cases %v: %v", ids, err)
	}
	s, err := a.Sources(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sameAgain analyses uploads, and then twice what the case stores: the second time what the first one stored. With short only once. All reports are equal.
func sameAgain(t *testing.T, uploads []string, opt casebook.Options, short bool) {
	t.Helper()
	opt.Version = "test"
	dir := filepath.Join(t.TempDir(), "archive")
	opt.Index = index.Dir(dir)
	first, err := casebook.Analyze(t.Context(), uploads, opt)
	unusable := (*casebook.UnusableError)(nil)
	if errors.As(err, &unusable) && unusable.All {
		return // there is no case
	}
	if err != nil && unusable == nil {
		t.Fatal(err)
	}
	want := encoded(t, first)
	rounds := []string{dir, dir, ""}
	if short {
		rounds = rounds[2:]
	}
	for i, to := range rounds {
		opt := casebook.Options{Version: "test", Checks: opt.Checks, Workers: 1 + i}
		if to != "" {
			opt.Index = index.Dir(to)
		}
		again, err := casebook.Again(t.Context(), sources(t, dir), opt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(encoded(t, again), "\n")); diff != "" {
			t.Fatalf("analysed again, the case has another report (-first +again):\n%s", diff)
		}
	}
}

// TestAgain analyses bundles of every kind from what their cases store.
func TestAgain(t *testing.T) {
	for _, file := range samples(t) {
		t.Run("sample/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			sameAgain(t, []string{pack(t, file)}, casebook.Options{}, false)
		})
	}
	fixtures, err := filepath.Glob("findings/checks/testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, file := range fixtures {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		var names []string
		for _, f := range a.Files {
			name, rest, _ := strings.Cut(f.Name, "/")
			if rest == "want" || rest == "" {
				continue
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			if err := fixture.Write(filepath.Join(dir, name), rest, f.Data); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			t.Run("fixture/"+strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				sameAgain(t, []string{filepath.Join(dir, name)}, casebook.Options{}, true)
			})
		}
	}
}

// TestAgainSeveral joins uploads of which one can't be read.
func TestAgainSeveral(t *testing.T) {
	list := samples(t)
	broken := filepath.Join(t.TempDir(), "broken.zip")
	if err := os.WriteFile(broken, []byte("PK\x03\x04 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	sameAgain(t, []string{pack(t, list[0]), broken, pack(t, list[1]), filepath.Join(t.TempDir(), "missing.zip")}, casebook.Options{Case: "48213", Host: "PC7"}, false)
}

// TestAgainCorpus does so with real files: folders of the corpus as bundles, and some of them as a case of several. Those that are left out hold bundles
// themselves, most of them hostile, whose reading takes minutes.
func TestAgainCorpus(t *testing.T) {
	corpus := need.Corpus(t)
	list, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		if !e.IsDir() || e.Name() == "archives" || testing.Short() && e.Name() == "hives" {
			continue
		}
		dir := filepath.Join(corpus, e.Name())
		if strings.HasPrefix(e.Name(), "logs") {
			all = append(all, dir)
		}
		t.Run(e.Name(), func(t *testing.T) { sameAgain(t, []string{dir}, casebook.Options{}, true) })
	}
	t.Run("together", func(t *testing.T) { sameAgain(t, all, casebook.Options{}, false) })
}

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
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/internal/fixture"
	"casebook/internal/need"
	"casebook/internal/regftest"
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
		for i, name := range names {
			if testing.Short() && i%5 > 0 {
				continue
			}
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
		if !e.IsDir() || e.Name() == "archives" || testing.Short() && (e.Name() == "hives" || e.Name() == "evtx") {
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

// joined analyses uploads as one case, one after the other: of those before only what the case stores is left. The report is that of all uploads together, and so is what the case stores then.
func joined(t *testing.T, uploads []string, first casebook.Options) *findings.Report {
	t.Helper()
	first.Version, first.Case = "test", "48213"
	all := first
	whole := filepath.Join(t.TempDir(), "whole")
	all.Index = index.Dir(whole)
	want, err := casebook.Analyze(t.Context(), uploads, all)
	if err != nil && !errors.As(err, new(*casebook.UnusableError)) {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "archive")
	first.Index = index.Dir(dir)
	got, err := casebook.Analyze(t.Context(), uploads[:1], first)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range uploads[1:] {
		opt := casebook.Options{Version: "test", Case: "48213", Index: index.Dir(dir), Workers: 1 + i}
		if got, err = casebook.Join(t.Context(), sources(t, dir), []string{u}, opt); err != nil && !errors.As(err, new(*casebook.UnusableError)) {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(encoded(t, want), "\n"), strings.Split(encoded(t, got), "\n")); diff != "" {
		t.Errorf("joined one by one, the case has another report than of all uploads (-all +joined):\n%s", diff)
	}
	again, err := casebook.Again(t.Context(), sources(t, dir), casebook.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, got), encoded(t, again)); diff != "" {
		t.Errorf("analysed again, the joined case has another report (-joined +again):\n%s", diff)
	}
	// By what a text was read stays known, also where the registry of a further upload bears it out.
	if diff := cmp.Diff(sources(t, whole).Stored, sources(t, dir).Stored, cmpopts.IgnoreFields(ingest.KeptMember{}, "Assumed")); diff != "" {
		t.Errorf("the joined case stores something else (-all +joined):\n%s", diff)
	}
	return got
}

// TestJoin adds uploads to cases of which only what they store is left.
func TestJoin(t *testing.T) {
	list := samples(t)
	for i, file := range list {
		if testing.Short() && i%4 > 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			joined(t, []string{pack(t, file), pack(t, list[(i+1)%len(list)])}, casebook.Options{})
		})
	}
	broken := filepath.Join(t.TempDir(), "broken.zip")
	if err := os.WriteFile(broken, []byte("PK\x03\x04 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("several", func(t *testing.T) {
		same := pack(t, list[0]) // two uploads of one name
		joined(t, []string{same, broken, pack(t, list[1]), filepath.Join(t.TempDir(), "missing.zip"), pack(t, list[0]), pack(t, list[2])}, casebook.Options{Host: "PC7"})
	})
}

// TestJoinCorpus does so with real logs and hives.
func TestJoinCorpus(t *testing.T) {
	corpus := need.Corpus(t)
	var all []string
	for _, pattern := range []string{"logs*", "hives"} {
		found, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if pattern == "hives" && testing.Short() {
			continue
		}
		all = append(all, found...)
	}
	joined(t, all, casebook.Options{})
}

// TestJoinDecoded adds the registry of a machine to a case with a text of unknown encoding, whose bytes are gone.
func TestJoinDecoded(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("\xcf\xf0\xe8\xe2\xe5\xf2\r\n"), 0o600); err != nil { // Cyrillic by code page 1251
		t.Fatal(err)
	}
	for page, say := range map[string]bool{"1251": true, "1252": false} {
		t.Run(page, func(t *testing.T) {
			hive, err := regftest.Build(`Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName]
"ComputerName"="WS-EAST"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Nls\CodePage]
"ACP"="` + page + `"
"OEMCP"="866"
`)
			if err != nil {
				t.Fatal(err)
			}
			registry := filepath.Join(t.TempDir(), "SYSTEM")
			if err := os.WriteFile(registry, hive, 0o600); err != nil {
				t.Fatal(err)
			}
			if !say {
				joined(t, []string{text, registry}, casebook.Options{})
				return
			}
			dir := filepath.Join(t.TempDir(), "archive")
			opt := casebook.Options{Version: "test", Case: "48213", Index: index.Dir(dir)}
			if _, err := casebook.Analyze(t.Context(), []string{text}, opt); err != nil {
				t.Fatal(err)
			}
			r, err := casebook.Join(t.Context(), sources(t, dir), []string{registry}, opt)
			if err != nil {
				t.Fatal(err)
			}
			const want = "its characters outside ASCII were read by windows-1252; by what the case holds now they would be read by windows-1251, but its bytes are no longer at hand"
			if !slices.ContainsFunc(r.Problems, func(p ingest.Problem) bool {
				return p.Artifact == "notes.txt/notes.txt" && strings.HasPrefix(p.Message, want)
			}) {
				t.Errorf("it is not said: %+v", r.Problems)
			}
		})
	}
}

package casebook_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/redact"
	"casebook/internal/fixture"
	"casebook/web"
)

// What the test takes for names, by expressions of its own.
var (
	machineShape = regexp.MustCompile(`\b(?:[A-Z]{2,}[A-Z0-9]*(?:-[A-Z0-9]+)*-?[0-9]{2,}|[A-Z]{2,}(?:-[A-Z]+)*-[0-9]{2,}|(?:wks|nb|pc|srv|ws)-?(?:[a-z]{3}-)?[0-9]{3,})\b`)
	domainShape  = regexp.MustCompile(`(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.example(?:\.com|\.net)?\b|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.example\.com\b`)
)

var guids = regexp.MustCompile(`[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// noMachines have the form of a machine's name and are none: programs and their logs, platforms, packages by their site's code, updates, codes of errors,
// parts of GUIDs, versions of test files.
var noMachines = regexp.MustCompile(`^(?i:ccim32|launch32|clicor16|slwnt32|smsman16|amd64|win32|sep64|swdist32|odpsys32|kb[0-9]+|(?:cen|abc|xyz|muc)[0-9a-f]{5}|hh100042|tbm[0-9]+|symefa64|srtspx64|utf-16|cp[0-9]+|iso-.*|windows-.*)$`)

// TestRedactedNames looks in redacted documents for every machine and domain that a bundle names where the analysis can know that it is one.
func TestRedactedNames(t *testing.T) {
	dir := t.TempDir()
	total := 0
	look := func(what string, r *findings.Report) {
		names := map[string]bool{}
		for _, s := range r.Systems {
			names[strings.ToLower(s.ComputerName)] = true
		}
		for _, n := range r.Names {
			names[n.Name] = true
		}
		shown := guids.ReplaceAllString(string(reportJSON(t, r)), "") // those of products stay
		for _, re := range []*regexp.Regexp{machineShape, domainShape} {
			for _, name := range re.FindAllString(shown, -1) {
				if !noMachines.MatchString(name) {
					names[strings.ToLower(name)] = true
				}
			}
		}
		delete(names, "")
		total += len(names)
		hidden := redact.Report(r)
		var page bytes.Buffer
		if err := (&web.Site{Report: hidden}).WriteSingle(&page); err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{"page": page.String(), "report.json": string(reportJSON(t, hidden)), "note": web.Note(hidden), "request": web.RequestText(hidden)} {
			low := strings.ToLower(text)
			for _, name := range slices.Sorted(maps.Keys(names)) {
				if at := findWord(low, name); at >= 0 {
					t.Errorf("%s: the %s holds %q: …%s…", what, form, name, text[max(0, at-80):min(len(text), at+60)])
				}
			}
		}
		for form, text := range map[string]string{"page": page.String(), "note": web.Note(hidden), "request": web.RequestText(hidden)} {
			if !strings.Contains(text, "look this through") {
				t.Errorf("%s: the %s does not say what can't be known", what, form)
			}
		}
	}
	for _, sample := range samples(t) {
		r, err := casebook.Analyze(t.Context(), []string{pack(t, sample)}, casebook.Options{Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		look(filepath.Base(sample), r)
	}
	fixtures, err := filepath.Glob("findings/checks/testdata/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for i, file := range fixtures {
		if testing.Short() {
			break
		}
		one := slices.DeleteFunc(checks.All(), func(c *findings.Check) bool { return c.ID+".txtar" != filepath.Base(file) })
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases := map[string][]txtar.File{}
		for _, f := range a.Files {
			if name, rest, ok := strings.Cut(f.Name, "/"); ok && rest != "want" {
				cases[name] = append(cases[name], txtar.File{Name: rest, Data: f.Data})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			if !strings.HasPrefix(name, "confirmed") {
				continue
			}
			bundle := filepath.Join(dir, fmt.Sprintf("upload%d-%s", i, name))
			for _, f := range cases[name] {
				if err := fixture.Write(bundle, f.Name, f.Data); err != nil {
					t.Fatal(err)
				}
			}
			r, err := casebook.Analyze(t.Context(), []string{bundle}, casebook.Options{Checks: one, Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			look(filepath.Base(file)+" "+name, r)
			break // a verdict's words about a machine are alike in all cases
		}
	}
	if total < 60 && !testing.Short() {
		t.Errorf("%d names: too few for this test", total)
	}
}

// reportJSON is a report as report.json has it.
func reportJSON(t *testing.T, r *findings.Report) []byte {
	t.Helper()
	data, err := casebook.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// findWord returns where a text in lower case holds a name that is no part of a longer word, -1 if it does not.
func findWord(text, name string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return -1
		}
		at += from
		before, after := at == 0 || !wordByte(text[at-1]), at+len(name) == len(text) || !wordByte(text[at+len(name)])
		if before && after {
			return at
		}
		from = at + len(name)
	}
}

func wordByte(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

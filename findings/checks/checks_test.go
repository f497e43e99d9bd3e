package checks_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/ingest"
	"casebook/internal/fixture"
	"casebook/internal/match"
)

var update = flag.Bool("update", false, "rewrite the want members of the fixtures")

// TestFixtures analyses the bundles of each check's fixture with that check alone, verifies every quote at its place and compares the
// verdicts with the fixture's want members.
func TestFixtures(t *testing.T) {
	for _, c := range written() {
		t.Run(c.ID, func(t *testing.T) {
			file := filepath.Join("testdata", c.ID+".txtar")
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			changed := false
			for _, name := range caseNames(a) {
				t.Run(name, func(t *testing.T) {
					got := analyse(t, c, a, name)
					want := member(a, name+"/want")
					if want == nil {
						t.Fatalf("%s has no member %s/want", file, name)
					}
					if *update {
						changed = changed || !bytes.Equal(want.Data, []byte(got))
						want.Data = []byte(got)
						return
					}
					if diff := cmp.Diff(string(want.Data), got); diff != "" {
						t.Errorf("verdicts differ (-want +got):\n%s", diff)
					}
				})
			}
			if changed {
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// caseNames are the first path elements of the fixture's members.
func caseNames(a *txtar.Archive) []string {
	var names []string
	for _, f := range a.Files {
		name, _, _ := strings.Cut(f.Name, "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func member(a *txtar.Archive, name string) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	return nil
}

// analyse runs one check over one case of a fixture and returns its verdicts in the form of a want member.
func analyse(t *testing.T, c *findings.Check, a *txtar.Archive, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		rest, ok := strings.CutPrefix(f.Name, name+"/")
		if !ok || rest == "want" {
			continue
		}
		if err := fixture.Write(dir, rest, f.Data); err != nil {
			t.Fatal(err)
		}
	}
	r, err := casebook.Analyze(context.Background(), []string{dir}, casebook.Options{Checks: []*findings.Check{c}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	bad, err := casebook.Verify(context.Background(), r, []string{dir}, casebook.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range bad {
		t.Errorf("evidence is not borne out: %s", m)
	}
	for i := range r.Findings {
		for _, v := range r.Findings[i].Rivals {
			if !stands.MatchString(v.Verdict) {
				t.Errorf("the rival %q does not say where it stands: %q", v.Name, v.Verdict)
			}
		}
		if f := &r.Findings[i]; !saysWhyNot(r, f, c) {
			t.Errorf("%s on %q does not say which condition failed and where: %q", f.Verdict, f.System, f.Unmet)
		}
		if f := &r.Findings[i]; (f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected) && (f.Risk == "" || f.Undo == "" || f.Cured == "" || f.Overturns == "") {
			t.Errorf("%s on %q lacks the risk of its remedy, the way back, the sign of the cure or what overturns it", f.Verdict, f.Subject)
		}
	}
	return verdicts(r)
}

// stands is how the verdict on a rival explanation begins: with what the bundle says of it, and not with what another one would.
var stands = regexp.MustCompile(`^(?:Excluded|Supported|Not borne out|Open): [^\n]*[^.;:]\.$`)

// saysWhyNot reports whether a finding that did not fire names an artifact, what is lacking, or the product that nothing shows.
func saysWhyNot(r *findings.Report, f *findings.Finding, c *findings.Check) bool {
	if f.Verdict != findings.RuledOut && f.Verdict != findings.NotEvaluated {
		return f.Unmet == ""
	}
	names := []string{}
	for _, a := range r.Artifacts {
		names = append(names, a.Path)
	}
	if f.Verdict == findings.NotEvaluated {
		for _, m := range f.Missing {
			names = append(names, m.What)
		}
		if f.Reason == findings.ProductAbsent {
			names = append(names, c.Product.Name, f.Summary)
		}
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(f.Unmet, n) })
}

// verdicts renders findings a line each: verdict, severity, state (or reason), system, subject, and the places of the evidence with
// + for what supports, - for what contradicts and ~ for context; then a line for each missing thing and each problem of the check.
func verdicts(r *findings.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		state := string(f.State)
		if f.Verdict == findings.NotEvaluated {
			state = string(f.Reason)
		}
		fmt.Fprintf(&b, "%s %s %s", f.Verdict, f.Severity, state)
		if f.System != "" {
			fmt.Fprintf(&b, " on %s", f.System)
		}
		if f.Subject != "" {
			fmt.Fprintf(&b, ": %s", f.Subject)
		}
		b.WriteString("\n")
		for _, e := range f.Evidence {
			sign := map[findings.Role]string{findings.Supports: "+", findings.Contradicts: "-", findings.Context: "~"}[e.Role]
			fmt.Fprintf(&b, "  %s %s", sign, e.Artifact)
			if e.Line > 0 {
				fmt.Fprintf(&b, ":%d", e.Line)
			}
			if e.Key != "" {
				fmt.Fprintf(&b, " %s", path.Base(strings.ReplaceAll(e.Key, `\`, "/")))
			}
			if e.Value != nil {
				fmt.Fprintf(&b, " %s", *e.Value)
			}
			if e.Absent {
				b.WriteString(" absent")
			}
			b.WriteString("\n")
		}
		for _, v := range f.Rivals {
			fmt.Fprintf(&b, "  rival: %s\n", v.Name)
		}
		for _, m := range f.Missing {
			fmt.Fprintf(&b, "  missing: %s\n", m.What)
		}
	}
	for _, p := range r.Problems {
		if p.Stage == ingest.StageCheck {
			fmt.Fprintf(&b, "problem: %s\n", p.Message)
		}
	}
	return b.String()
}

// TestKnowledge holds every check to what a reader of a report needs.
func TestKnowledge(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	var ids []string
	for _, c := range written() {
		ids = append(ids, c.ID)
		t.Run(c.ID, func(t *testing.T) {
			if !id.MatchString(c.ID) || strings.HasPrefix(c.ID, "no-") {
				t.Errorf("the ID is not the name of a bad state in kebab-case")
			}
			file := strings.ReplaceAll(c.ID, "-", "_") + ".go"
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("the check has no file of its name: %v", err)
			}
			if bytes.Contains(src, []byte("ControlSet001")) {
				t.Errorf("%s names a control set literally", file)
			}
			d := c.Doc
			for what, empty := range map[string]bool{
				"title": c.Title == "", "severity": c.Severity == "", "product": c.Product.Name == "", "cause": d.Cause == "",
				"remedy": len(d.Remedy) == 0, "proof": len(d.Proves) == 0, "suggestion": len(d.Suggests) == 0, "exoneration": len(d.Exonerates) == 0,
				"risk of the remedy": d.Risk == "", "way back": d.Undo == "", "sign of the cure": d.Cured == "", "what overturns it": d.Overturns == "",
				"false positives": d.FalsePositives == "", "limits": d.NotCovered == "", "reference": len(d.References) == 0,
				"need": len(c.Needs) == 0, "Run": (c.Run == nil) == (c.RunAll == nil),
			} {
				if empty {
					t.Errorf("the check lacks: %s", what)
				}
			}
			for _, r := range d.References {
				if !strings.HasPrefix(r.URL, "https://") || r.Title == "" {
					t.Errorf("reference %q at %q is no titled https page", r.Title, r.URL)
				}
			}
			for _, n := range c.Needs {
				if n.What == "" || n.Why == "" || n.Collect == "" {
					t.Errorf("need %q lacks what, why or how", n.What)
				}
			}
			counted := regexp.MustCompile(`\{\d*,\d{3,}\}`)
			for _, s := range c.Signals {
				if counted.MatchString(s.Pattern) {
					t.Errorf("signal %q: a repetition counted to hundreds makes the matcher slow", s.Name)
				}
				if !strings.HasPrefix(s.Name, c.ID+"/") {
					t.Errorf("signal %q does not begin with the check's ID", s.Name)
				}
				if m := regexp.MustCompile(`[a-z0-9]\.(exe|dll|msi|msp|log|ini|tcf|xml|sys|dat)\b`).FindString(s.Pattern); m != "" {
					t.Errorf("signal %q: the dot of %q is not escaped", s.Name, m)
				}
			}
			if _, err := match.Compile(c.Signals); err != nil {
				t.Error(err)
			}
			a, err := txtar.ParseFile(filepath.Join("testdata", c.ID+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			names := caseNames(a)
			for _, kind := range []string{"confirmed", "suspected", "ruled-out", "not-evaluated", "near-miss"} {
				if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, kind) }) {
					t.Errorf("the fixture has no %s case", kind)
				}
			}
			if n := len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return longest(n) != "near-miss" })); n < 2 {
				t.Errorf("the fixture has fewer than two near misses: all the symptoms and another cause")
			}
			for _, n := range names {
				kind := longest(n)
				if w := member(a, n+"/want"); w != nil && kind != "near-miss" && kind != "" && !bytes.HasPrefix(w.Data, []byte(kind)) {
					t.Errorf("case %s wants %q", n, firstLine(w.Data))
				}
				if w := member(a, n+"/want"); w != nil && kind == "near-miss" && bytes.Contains(w.Data, []byte("confirmed")) {
					t.Errorf("near miss %s is confirmed", n)
				}
			}
		})
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("the list of checks is not in the order of unique IDs: %v", ids)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if id := strings.TrimSuffix(filepath.Base(f), ".txtar"); !slices.Contains(ids, id) {
			t.Errorf("%s belongs to no check that is listed", f)
		}
	}
}

// TestBefore holds what the checks say of the order of remedies to checks that exist, and to an order.
func TestBefore(t *testing.T) {
	over := map[string][]string{}
	for _, c := range checks.All() {
		over[c.ID] = nil
		for _, b := range c.Before {
			over[c.ID] = append(over[c.ID], b.Over...)
			if b.Why == "" || strings.HasSuffix(b.Why, ".") {
				t.Errorf("%s comes before others and does not say why in a clause: %q", c.ID, b.Why)
			}
		}
	}
	for id, list := range over {
		reached := map[string]bool{}
		for next := slices.Clone(list); len(next) > 0; {
			other := next[len(next)-1]
			next = next[:len(next)-1]
			later, ok := over[other]
			if !ok {
				t.Errorf("%s comes before %s, which there is not", id, other)
			}
			if other == id {
				t.Errorf("the remedy of %s has to wait for itself", id)
			}
			if !reached[other] {
				reached[other] = true
				next = append(next, later...)
			}
		}
	}
}

// TestRemediesInOrder: no finding of a bundle asks for what another one warns of.
func TestRemediesInOrder(t *testing.T) {
	a, err := txtar.ParseFile("../../testdata/samples/zenworks-mount-point.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		if err := fixture.Write(dir, f.Name, f.Data); err != nil {
			t.Fatal(err)
		}
	}
	r, err := casebook.Analyze(context.Background(), []string{dir}, casebook.Options{Checks: checks.All(), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Findings, func(f findings.Finding) bool { return f.Check == "windows-pending-reboot" })
	if i < 0 || r.Findings[i].Verdict != findings.Confirmed {
		t.Fatal("the sample shows no pending restart")
	}
	if first := r.Findings[i].Remedy[0]; !strings.Contains(first, "zenworks-mount-point") {
		t.Errorf("the restart does not wait for the mount point: %q", first)
	}
}

// longest is the kind of case that a case's name begins with, "" if none.
func longest(name string) string {
	for _, kind := range []string{"confirmed", "suspected", "ruled-out", "not-evaluated", "near-miss"} {
		if strings.HasPrefix(name, kind) {
			return kind
		}
	}
	return ""
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

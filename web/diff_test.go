package web_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"casebook/findings"
	"casebook/findings/diff"
	"casebook/web"
)

// change is a comparison in which every part of the page has something to show.
func change() *diff.Diff {
	stand := func(v findings.Verdict, s findings.State) *diff.Stand {
		return &diff.Stand{Verdict: v, Severity: findings.High, State: s, Title: "it broke"}
	}
	pair := func(c diff.Change, r diff.Receipt) diff.FindingPair {
		return diff.FindingPair{
			Check: "some-state", Subject: `C:\Agent`, System: "PC1", Title: "it broke", Change: c, Receipt: r, Why: "The second upload says so.",
			Before: stand(findings.Confirmed, findings.Active), After: stand(findings.RuledOut, findings.Unknown),
		}
	}
	came := pair(diff.Came, "")
	came.Before, came.Why = nil, ""
	window := findings.Window{From: "2012-03-01T10:00:00Z", To: "2012-03-05T10:00:00Z"}
	kind := findings.ErrorKind{Template: "failed with #", Count: 3, First: findings.Evidence{Artifact: "a.log", Line: 4}}
	return &diff.Diff{
		Schema: diff.Schema, Later: diff.LaterYes,
		Before:   diff.Side{Name: "before.zip", SHA256: strings.Repeat("a", 64), Window: window},
		After:    diff.Side{Name: "after.zip", SHA256: strings.Repeat("b", 64), Window: window},
		Findings: []diff.FindingPair{came, pair(diff.Same, diff.NotCured), pair(diff.Changed, diff.CameBack), pair(diff.Went, diff.CannotTell), pair(diff.Went, diff.Cured)},
		Systems: []diff.SystemChange{
			{System: "PC1", Facts: []diff.FactChange{{Kind: diff.FactService, Name: "BITS", Before: "disabled", After: "automatic"}}},
			{System: "PC2", Only: "after", Facts: []diff.FactChange{}},
			{System: "PC3", Only: "before", Facts: []diff.FactChange{}},
		},
		Errors: diff.ErrorChanges{Came: []findings.ErrorKind{kind}, Stopped: []findings.ErrorKind{kind}, OnlyBefore: []findings.ErrorKind{kind}}, Caveats: []string{"Something is not compared."},
	}
}

func renderDiff(t *testing.T, d *diff.Diff) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := web.WriteDiff(&b, d); err != nil {
		t.Fatal(err)
	}
	sound(t, b.Bytes())
	return b.Bytes()
}

// TestDiff tells what is not well first, and says of nothing that it is cured what is not.
func TestDiff(t *testing.T) {
	page := renderDiff(t, change())
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if n.Data == "span" && a.Key == "class" && strings.HasPrefix(a.Val, "tag ") {
				tags = append(tags, content(n))
			}
		}
	}
	if d := cmp.Diff([]string{"Not cured", "Came back", "New", "Can't tell", "Cured"}, tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	for _, want := range []string{"1 not cured, 1 came back, 1 new, 1 can't tell, 1 cured.", "Only the second upload tells of it.", "no finding → ruled out", "a.log:4", "disabled", "automatic"} {
		if !strings.Contains(content(doc), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !bytes.Equal(page, renderDiff(t, change())) {
		t.Error("two pages of one comparison differ")
	}
	empty := renderDiff(t, diff.Reports(&findings.Report{}, &findings.Report{}))
	if !strings.Contains(string(empty), "Neither upload shows a known problem.") {
		t.Error("the page of nothing does not say so")
	}
}

// TestDiffHostile fills every string of a comparison with each payload.
func TestDiffHostile(t *testing.T) {
	harmless := change()
	if n := fill(reflect.ValueOf(harmless), false, func() string { return "pay" }); n < 50 {
		t.Fatalf("%d strings filled", n)
	}
	want := skeleton(t, renderDiff(t, harmless))
	for _, payload := range payloads {
		for _, vocabulary := range []bool{false, true} {
			d := change()
			fill(reflect.ValueOf(d), vocabulary, func() string { return payload })
			got := skeleton(t, renderDiff(t, d))
			if vocabulary || strings.TrimSpace(payload) == "" || len(payload) > 1000 {
				continue // other words leave elements out
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q changes the page's elements (-harmless +got):\n%s", payload, d)
			}
		}
	}
}

// TestDiffBounds draws very long lists: the page stays small and says what it leaves out.
func TestDiffBounds(t *testing.T) {
	d := change()
	for range 20_000 {
		d.Findings = append(d.Findings, d.Findings[1])
		d.Errors.Came = append(d.Errors.Came, d.Errors.Came[0])
		d.Systems[0].Facts = append(d.Systems[0].Facts, d.Systems[0].Facts[0])
		d.Systems = append(d.Systems, diff.SystemChange{System: "PC", Only: "after"})
	}
	page := renderDiff(t, d)
	if len(page) > 1<<20 {
		t.Errorf("%d bytes", len(page))
	}
	if n := bytes.Count(page, []byte("more in diff.json")); n != 4 {
		t.Errorf("%d lists say that they go on, want 4", n)
	}
}

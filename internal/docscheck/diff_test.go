package docscheck

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/diff"
)

// fullDiff is a comparison in which every field is set.
func fullDiff() *diff.Diff {
	stand := &diff.Stand{Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Title: "t"}
	side := diff.Side{Name: "a.zip", SHA256: strings.Repeat("0a", 32), Window: findings.Window{From: "2011-01-08T20:16:41Z", To: "2011-01-08T20:16:42Z"}}
	kinds := full().Errors
	return &diff.Diff{
		Schema: diff.Schema, Before: side, After: side, Later: diff.LaterYes,
		Findings: []diff.FindingPair{{
			Check: "some-state", Subject: "s", System: "PC1", Title: "t", Change: diff.Same, Before: stand, After: stand, Receipt: diff.NotCured, Why: "w",
		}},
		Systems: []diff.SystemChange{{System: "PC1", Only: "after", Paired: diff.PairedByName, Facts: []diff.FactChange{{Kind: diff.FactRename, Name: "n", Before: "b", After: "a"}}}},
		Errors:  diff.ErrorChanges{Came: kinds, Stopped: kinds, OnlyBefore: kinds}, Caveats: []string{"c"},
	}
}

func encodeDiff(t *testing.T, d *diff.Diff) []byte {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDiff holds a full and an empty comparison against the schema, which refuses others.
func TestDiff(t *testing.T) {
	Diff(t, encodeDiff(t, fullDiff()))
	Diff(t, encodeDiff(t, diff.Reports(&findings.Report{}, &findings.Report{})))
	for name, spoil := range map[string]func(*diff.Diff){
		"null list":                 func(d *diff.Diff) { d.Caveats = nil },
		"unknown receipt":           func(d *diff.Diff) { d.Findings[0].Receipt = "maybe" },
		"receipt of what came":      func(d *diff.Diff) { d.Findings[0].Change = diff.Came },
		"no receipt of what stayed": func(d *diff.Diff) { d.Findings[0].Receipt = "" },
		"unknown fact":              func(d *diff.Diff) { d.Systems[0].Facts[0].Kind = "other" },
		"local time":                func(d *diff.Diff) { d.After.Window.To = "2011-01-08T20:16:41+01:00" },
	} {
		t.Run(name, func(t *testing.T) {
			d := fullDiff()
			spoil(d)
			s := &sieve{TB: t}
			Diff(s, encodeDiff(t, d))
			if !s.failed {
				t.Error("the schema accepts it")
			}
		})
	}
}

// TestDiffSchema compares the schema with the Go types, its vocabularies with the code and the document, and what it shares with the report's schema with that.
func TestDiffSchema(t *testing.T) {
	root := readSchema(t, "diff")
	compareFields(t, reflect.TypeFor[diff.Diff](), root)
	doc, err := os.ReadFile(filepath.Join(Root(t), "docs", "diff.md"))
	if err != nil {
		t.Fatal(err)
	}
	for typeName, n := range map[string]*node{
		"Later": root.Defs["diff"].Properties["later"], "Change": root.Defs["pair"].Properties["change"],
		"Receipt": root.Defs["pair"].Properties["receipt"], "FactKind": root.Defs["fact"].Properties["kind"],
	} {
		want := constants(t, "findings/diff", typeName)
		if d := cmp.Diff(want, slices.Sorted(slices.Values(n.Enum))); d != "" {
			t.Errorf("%s: the code (-) and the schema (+):\n%s", typeName, d)
		}
		for _, word := range want {
			if !strings.Contains(string(doc), "`"+word+"`") {
				t.Errorf("docs/diff.md does not explain %q", word)
			}
		}
	}
	report := readSchema(t, "report")
	shared := 0
	for name, n := range root.Defs {
		if of := report.Defs[name]; of != nil {
			shared++
			if d := cmp.Diff(of, n); d != "" {
				t.Errorf("%s differs from that of the report's schema:\n%s", name, d)
			}
		}
	}
	if shared < 4 {
		t.Errorf("%d definitions are those of the report", shared)
	}
}

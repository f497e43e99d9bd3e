package index

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index/query"
)

// TestPackedFindings reads findings as they are written now and as earlier versions wrote them, and their heads.
func TestPackedFindings(t *testing.T) {
	want := []findings.Finding{
		{Check: "a-check", Subject: `C:\x ","state":"no"`, System: "PC-1", Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Title: "one\n]"},
		{Check: "b-check", Verdict: findings.NotEvaluated, Title: "two,\n{"},
	}
	packed, err := packFindings(want)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"now": packed, "earlier": plain} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileFindings), data, 0o600); err != nil {
				t.Fatal(err)
			}
			c := &openCase{dir: dir, meta: caseFile{Findings: len(want)}}
			got, err := c.findings()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			list, err := c.packed()
			if err != nil || len(list) != len(want) {
				t.Fatal(len(list), err)
			}
			for i, text := range list {
				head, ok := headOf(text)
				if w := want[i]; !ok || head.Check != w.Check || head.Subject != w.Subject || head.System != w.System || head.Verdict != w.Verdict || head.Severity != w.Severity || head.Title != "" {
					t.Errorf("the head of %d is %+v, %t", i, head, ok)
				}
			}
		})
	}
}

// TestCodesOfFindings finds a code where a finding tells of it, and not in the cause, which explains the check; a word of the cause is found.
func TestCodesOfFindings(t *testing.T) {
	fs := []findings.Finding{
		{Check: "msi-install-failed", Title: "Agent failed with 1603", Cause: "The code says little (1603 is any fatal error)."},
		{Check: "msi-installer-busy", Title: "Agent failed with 1618", Cause: "Unlike 1603 it says that another installation runs."},
	}
	live := &liveCase{}
	for expr, want := range map[string][]tri{"code:1603": {yes, no}, "code:1618": {no, yes}, "1603": {yes, yes}, "fatal": {yes, no}} {
		q, err := query.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		for i := range fs {
			if got := findingLeaf(q, live, &fs[i]); got != want[i] {
				t.Errorf("%s of %s: %d, want %d", expr, fs[i].Title, got, want[i])
			}
		}
	}
}

package index

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
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

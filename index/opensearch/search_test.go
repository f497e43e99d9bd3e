package opensearch_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// smallCases are cases with all that can be asked for.
func smallCases() []testCase {
	value := "PendingFileRenameOperations"
	log := func(n int) []ingest.Record {
		var rs []ingest.Record
		for i := range n {
			text := fmt.Sprintf("record %d: PolicyState failed with 0x80070643 (1603) at CLICORE.EXE", i)
			if i%3 == 0 {
				text = fmt.Sprintf("ok %d Öffnen {8097EE64-5D7B-1603-9F00-0123456789AB}", i)
			}
			r := ingest.Record{
				Line: i + 1, Lines: 1, Raw: []byte("<" + text + ">\n"), Text: []byte(text), Component: []byte([]string{"execmgr", "PolicyAgent"}[i%2]),
				Severity: ingest.Severity(i % 4), Thread: uint64(i % 5),
			}
			if i%7 != 0 {
				r.Time = ingest.WallTime(2012, 3, 8, i/1000, i/50%60, i%60, 0)
			}
			rs = append(rs, r)
		}
		return rs
	}
	return []testCase{
		{
			id: "INC2",
			artifacts: []testArtifact{
				{path: "PC1/ccm/execmgr.log", kind: ingest.KindLogCCM, host: "PC1", bytes: 5000, records: log(2500)},
				{path: "PC2/setup.log", kind: "text/plain", host: "PC2", bytes: 100, records: log(10)},
				{path: "empty.log", kind: "text/plain"},
			},
			registry: map[string][]index.RegistryValue{"PC1/SYSTEM": {
				{Key: `ControlSet001\Control\Session Manager`, Name: value, Type: "REG_MULTI_SZ", Data: `\??\C:\Windows\Temp\x.tmp`},
				{Key: `Software\CCM`, Name: "", Type: "REG_SZ", Data: "1603"},
			}},
			findings: []findings.Finding{
				{
					Check: "reboot-pending", Title: "A restart is pending", System: "PC1", Verdict: findings.Confirmed, Severity: findings.High, Summary: "Windows waits for a restart",
					Evidence: []findings.Evidence{{Role: findings.Supports, Artifact: "PC1/SYSTEM", Key: `ControlSet001\Control\Session Manager`, Value: &value}},
				},
				{Check: "policy-error", Title: "policy failed with 1603", Verdict: findings.RuledOut, Severity: findings.Low, Evidence: []findings.Evidence{{Role: findings.Supports, Artifact: "PC1/ccm/execmgr.log", Line: 7}}},
			},
			errors: []findings.ErrorKind{{Template: "policy failed with code #"}, {Template: "no such file or folder #"}},
			entry:  index.Entry{Labels: index.Labels{"ticket": {"INC2"}}},
		},
		{
			id: "INC1", artifacts: []testArtifact{{path: "a.log", kind: ingest.KindLogCCM, host: "PC9", bytes: 2048, records: log(300)}},
			findings: []findings.Finding{{Check: "reboot-pending", Title: "A restart is pending", Verdict: findings.Confirmed, Severity: findings.High}},
			errors:   []findings.ErrorKind{{Template: "policy failed with code #"}},
		},
		{id: "inc 3 öä", artifacts: []testArtifact{{path: "x.log", kind: "text/plain", records: log(40)}}},
	}
}

// TestEqualsFolder compares what OpenSearch answers with what an archive in a folder does.
func TestEqualsFolder(t *testing.T) {
	store := openStore(t)
	dir := t.TempDir()
	for _, c := range smallCases() {
		c.write(t, index.Dir(dir))
		c.write(t, store)
	}
	folder, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	sorts := []index.SearchOptions{{}, {Context: 3, Limit: 40}, {Sort: index.ByTime}, {Sort: index.ByTime, Limit: 17}, {Sort: index.ByRelevance, Limit: 30}, {Sort: index.ByRelevance}, {Limit: 1}}
	for _, s := range []string{
		"1603", "code:1603", "policystate", "state", "*state", "öffnen", "clicore.exe", "nothing", "severity:error", "-severity:error", "host:pc1", "host:pc1 severity:>info -1603", "case:inc1", "-case:inc1 1603",
		"time:2012-03-08T00:10", "time:>2012-03-08T01", "line:100..120", "thread:2", "size:>1KB", "kind:finding", "verdict:confirmed", "check:reboot*", "key:control", "value:pending*", "type:REG_SZ", "component:exec*",
		"/8007064\\d/", "file:ccm\\execmgr.log", "-kind:finding", "severity:high OR host:pc2", "8097ee64", "5d7b-1603", "restart", `"failed with"`, "0x????????", "severity:info time:2012-03-08", "label:ticket=inc2 1603", "-label:ticket 1603",
	} {
		facets := [][]index.Facet{nil, {index.FacetHost, index.FacetKind}, {index.FacetTime}, {index.FacetSeverity, index.FacetCase}, index.Facets()}
		for i, o := range sorts {
			same(t, s, folder, store, parse(t, s), o, facets[i%len(facets)]...)
		}
	}
	wantCases, err := folder.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gotCases, err := store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range wantCases {
		wantCases[i].State, wantCases[i].Shard = "", ""
	}
	for i := range gotCases {
		gotCases[i].State, gotCases[i].Shard = "", ""
	}
	if diff := cmp.Diff(wantCases, gotCases); diff != "" {
		t.Errorf("cases (-folder +opensearch):\n%s", diff)
	}
	for _, c := range wantCases {
		want, err := folder.Report(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Report(t.Context(), c.ID)
		if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
			t.Errorf("report of %s: %v (-folder +opensearch):\n%s", c.ID, err, diff)
		}
	}
	for _, scope := range []index.Scope{{}, {{"ticket": {"INC2"}}}} {
		same(t, "scope", folder.Within(scope), store.Within(scope), parse(t, "1603"), index.SearchOptions{Sort: index.ByRelevance}, index.FacetCase, index.FacetLabel)
		if _, err := store.Within(scope).Report(t.Context(), "INC1"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("scope %v: the report of a case outside of it: %v", scope, err)
		}
	}
	r := &findings.Report{Case: "INC1", Findings: smallCases()[1].findings, Errors: smallCases()[1].errors}
	want, err := folder.Similar(t.Context(), r, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Similar(t.Context(), r, 0)
	if diff := cmp.Diff(want, got); err != nil || diff != "" || len(want) == 0 {
		t.Errorf("similar: %v (-folder +opensearch):\n%s", err, diff)
	}
	for _, from := range []int{0, 1, 1500, 2400, 9999} {
		var want, got []int
		for r, err := range folder.Records(t.Context(), "INC2", "PC1/ccm/execmgr.log", from) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, r.Line)
		}
		for r, err := range store.Records(t.Context(), "INC2", "PC1/ccm/execmgr.log", from) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Line)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("records from line %d (-folder +opensearch):\n%s", from, diff)
		}
	}
}

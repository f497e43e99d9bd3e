package index_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// shown writes what was counted in one line.
func shown(total int, counts []index.FacetCounts) string {
	parts := []string{strconv.Itoa(total)}
	for _, c := range counts {
		parts = append(parts, string(c.Facet))
		for _, v := range c.Values {
			parts = append(parts, fmt.Sprintf("%s=%d", v.Value, v.Count))
		}
		parts = append(parts, fmt.Sprintf("none=%d", c.None))
	}
	return strings.Join(parts, " ")
}

func TestCount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	writeEvents(t, dir, "testdata/searches/mixed/events.jsonl")
	writeCase(t, dir, "INC2", []testArtifact{{path: "a.log", kind: ingest.KindLogCCM, records: []ingest.Record{
		{Line: 1, Lines: 1, Raw: []byte("setup exit code 1603, hr=0x80070643, error 0x80070005"), Text: []byte("setup exit code 1603, hr=0x80070643, error 0x80070005")},
	}}}, nil, nil)
	k, err := index.Keep(dir, nil)
	if err == nil {
		err = k.Label(t.Context(), "INC2", index.Labels{"customer": {"ACME Ltd"}, "ticket": {"2", "3"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, dir)
	tests := []struct {
		query  string
		facets []index.Facet
		want   string
	}{
		{"1603", nil, "4"},
		{"absent", []index.Facet{index.FacetHost}, "0 host none=0"},
		{"1603", []index.Facet{index.FacetCase}, "4 case INC0012345=3 INC2=1 none=0"},
		{"1603", []index.Facet{index.FacetLabel}, "4 label customer=ACME Ltd=1 ticket=2=1 ticket=3=1 none=3"},
		{"file:a.log OR kind:finding", []index.Facet{index.FacetLabel}, "3 label customer=ACME Ltd=1 ticket=2=1 ticket=3=1 none=2"},
		{"1603", []index.Facet{index.FacetKind, index.FacetHost}, "4 kind log/ccm=2 finding=1 text/plain=1 none=0 host WKS01=2 WKS02=1 none=1"},
		{"case:INC2", []index.Facet{index.FacetCode}, "1 code 0x80070005=1 1603=1 none=0"},
		{"kind:finding", []index.Facet{index.FacetCheck, index.FacetVerdict}, "2 check configmgr-provisioning-mode=1 msi-install-failed=1 none=0 verdict confirmed=1 suspected=1 none=0"},
		{"severity:error", []index.Facet{index.FacetComponent}, "3 component CCIM32=1 UpdatesHandler=1 execmgr=1 none=0"},
		{"kind:hive", []index.Facet{index.FacetType, index.FacetSeverity}, "3 type REG_SZ=3 none=0 severity none=3"},
		{"file:execmgr.log", []index.Facet{index.FacetTime}, "4 time 2012-03-08T20=2 2012-03-08T23=1 2012-03-09T22=1 none=0"},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			n, err := query.Parse(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			total, counts, err := a.Count(t.Context(), n, tt.facets...)
			if got := shown(total, counts); err != nil || got != tt.want {
				t.Errorf("counted %q, want %q; error %v", got, tt.want, err)
			}
		})
	}
	if _, _, err := a.Count(t.Context(), query.Text{}, "colour"); err == nil || !strings.Contains(err.Error(), `"colour"`) {
		t.Errorf("error %v, want one that names the facet", err)
	}
}

// TestPeriods holds that a long time is counted in longer periods.
func TestPeriods(t *testing.T) {
	dir := t.TempDir()
	years := func(n int) []ingest.Record {
		rs := plainRecords(n, func(int) string { return "x" })
		for i := range rs {
			rs[i].Time = ingest.WallTime(1960+i, 3, 8, 21, 0, 0, 0)
		}
		return rs
	}
	writeCase(t, dir, "one", []testArtifact{{path: "few.log", records: years(3)}, {path: "many.log", records: years(60)}}, nil, nil)
	a := openArchive(t, dir)
	for _, tt := range []struct {
		query, first string
		n            int
	}{{"file:few.log", "1960-03-08T21", 3}, {"file:many.log", "1960", 60}} {
		n, err := query.Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		_, counts, err := a.Count(t.Context(), n, index.FacetTime)
		if err != nil || len(counts[0].Values) != tt.n || counts[0].Values[0] != (index.FacetValue{Value: tt.first, Count: 1}) {
			t.Errorf("%s: %v, error %v; want %d periods from %s on", tt.query, counts, err, tt.n, tt.first)
		}
	}
}

func TestRelevance(t *testing.T) {
	dir := t.TempDir()
	texts := []string{
		"installation", "rare installation", "installation of " + strings.Repeat("many words ", 200), "installation", "installation failed", "rare rare",
	}
	records := plainRecords(len(texts), func(i int) string { return texts[i] })
	records[4].Severity = ingest.SeverityError
	writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: records}}, nil, []findings.Finding{
		{Check: "confirmed", Title: "installation", Verdict: findings.Confirmed},
		{Check: "ruled-out", Title: "installation", Verdict: findings.RuledOut},
	})
	other := plainRecords(2000, func(int) string { return "installation" })
	writeCase(t, dir, "INC2", []testArtifact{{path: "b.log", records: other}}, nil, nil)
	a := openArchive(t, dir)
	for _, tt := range []struct {
		query string
		limit int
		want  []string
	}{
		{"case:INC1 installation", 0, []string{"confirmed", "a.log:5", "a.log:1", "a.log:4", "a.log:2", "ruled-out", "a.log:3"}},
		{"installation OR rare", 3, []string{"confirmed", "a.log:2", "a.log:6"}},
		{"severity:error", 1, []string{"a.log:5"}},
	} {
		var got []string
		for _, h := range find(t, a, tt.query, index.SearchOptions{Sort: index.ByRelevance, Limit: tt.limit}) {
			got = append(got, ref(h))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}
}

// TestLabelQuery searches by labels, which may change while a case is open.
func TestLabelQuery(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	for _, id := range []string{"A", "B", "C"} {
		writeCase(t, dir, id, []testArtifact{{path: "a.log", records: plainRecords(2, func(i int) string { return fmt.Sprintf("word%d", i) })}}, nil,
			[]findings.Finding{{Check: "check-of-" + strings.ToLower(id), Title: "word0", Verdict: findings.Confirmed}})
	}
	k, err := index.Keep(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	label := func(id string, l index.Labels) {
		t.Helper()
		if err := k.Label(t.Context(), id, l); err != nil {
			t.Fatal(err)
		}
	}
	label("A", index.Labels{"customer": {"ACME Ltd"}, "ticket": {"INC1"}})
	label("B", index.Labels{"customer": {"Acme Holding"}})
	a := openArchive(t, dir)
	check := func(query, want string) {
		t.Helper()
		var got []string
		for _, h := range find(t, a, query, index.SearchOptions{}) {
			got = append(got, h.Case+" "+ref(h))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s found %q, want %q", query, s, want)
		}
	}
	check("label:acme word1", "A a.log:2, B a.log:2")
	check("label:customer=acme word1", "A a.log:2, B a.log:2")
	check(`label:customer="acme ltd" word1`, "A a.log:2")
	check(`label:"acme holding" word1`, "B a.log:2")
	check("label:ticket=INC* word1", "A a.log:2")
	check("label:ticket word1", "A a.log:2")
	check("label:/^customer=acme/ word1", "A a.log:2, B a.log:2")
	check("-label:customer word1", "C a.log:2")
	check("label:(ticket=INC1 OR holding) word1", "A a.log:2, B a.log:2")
	check("(label:ticket word1) OR (case:C kind:finding)", "A a.log:2, C check-of-c")
	check("label:ticket", "A check-of-a, A a.log:1, A a.log:2")
	check("label:ticket -label:acme", "")
	label("C", index.Labels{"ticket": {"INC1"}})
	check("label:ticket=INC1 word1", "A a.log:2, C a.log:2")
}

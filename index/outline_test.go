package index_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// writeOutlined writes three cases that differ in what an outline tells of them.
func writeOutlined(t *testing.T, dir string) {
	t.Helper()
	for i, host := range []string{"ALPHA", "BETA", "GAMMA"} {
		log := testArtifact{path: "logs/" + host + ".log", kind: "log/ccm", host: host, bytes: int64(1000 * (i + 1)), records: plainRecords(30, func(int) string { return "common word" })}
		for j := range log.records {
			log.records[j].Time = ingest.WallTime(2020+i, 3, 4, 5, j, 0, 0)
		}
		fs := []findings.Finding{
			{
				Check: "msi-install-failed", System: host, Title: "common trouble", Severity: findings.High, Verdict: []findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut}[i],
				Evidence: []findings.Evidence{{Role: findings.Supports, Artifact: "logs/" + host + ".log", Line: 3}},
			},
			{Check: "windows-disk-full", System: host, Title: "common room", Severity: findings.Info, Verdict: findings.NotEvaluated},
		}
		values := map[string][]index.RegistryValue{"SOFTWARE-" + host: {{Key: `Microsoft\Thing`, Name: "Name", Type: "REG_SZ", Data: "common value"}}}
		writeCase(t, dir, "INC-"+host, []testArtifact{log}, values, fs)
	}
}

// outlined are queries that an outline narrows, with the number of hits.
var outlined = map[string]int{
	"file:beta":                           32, // with the value and the finding
	"file:alpha common":                   32,
	"host:GAMMA severity:high":            1,
	"time:2021 common":                    30,
	"time:2021-03-04T05:29 OR time:2022":  31,
	"NOT file:alpha":                      2*32 + 3, // findings that are located nowhere are none of that file
	"verdict:confirmed":                   1,
	"verdict:suspected check:msi*":        1,
	"kind:finding verdict:not-evaluated":  3,
	"size:>1500 word":                     60,
	"kind:hive common":                    3,
	"line:3":                              6,
	"file:nowhere OR host:nobody":         0,
	"time:2019":                           0,
	"check:windows-disk-full host:ALPHA":  1,
	"verdict:confirmed file:gamma":        0,
	"time:2021 kind:finding":              0,
	"NOT time:2000..2030":                 3 + 6,
	"key:thing file:software-beta common": 1,
}

// TestOutline asks an archive what its outlines can refuse: with them, merged, without them and with damaged ones it finds the same.
func TestOutline(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"each": func(*testing.T, string) {},
		"merged": func(t *testing.T, dir string) {
			if done, err := keeper(t, dir).Compact(t.Context(), nil); err != nil || done.After != 1 {
				t.Fatalf("%+v, %v", done, err)
			}
		},
		"damaged": func(t *testing.T, dir string) { eachOutline(t, dir, func(path string) { garble(t, path) }) },
		"none": func(t *testing.T, dir string) { // as an earlier version left it
			eachOutline(t, dir, func(path string) {
				remove(t, path)
				shard := filepath.Join(filepath.Dir(path), "..", "shard.json")
				var f map[string]any
				b, err := os.ReadFile(shard)
				if err == nil {
					err = json.Unmarshal(b, &f)
				}
				if err != nil {
					t.Fatal(err)
				}
				delete(f["files"].(map[string]any), "outline") //nolint:forcetypeassert // a test
				b, err = json.Marshal(f)
				if err != nil {
					t.Fatal(err)
				}
				write(t, shard, string(b))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeOutlined(t, dir)
			change(t, dir)
			a := openArchive(t, dir)
			got := map[string]int{}
			for q := range outlined {
				got[q] = len(find(t, a, q, index.SearchOptions{}))
				n, err := query.Parse(q)
				if err != nil {
					t.Fatal(err)
				}
				if total, _, err := a.Count(t.Context(), n); err != nil || total != got[q] {
					t.Errorf("%s: %d hits, counted %d, %v", q, got[q], total, err)
				}
			}
			if diff := cmp.Diff(outlined, got); diff != "" {
				t.Errorf("hits (-want +got):\n%s", diff)
			}
		})
	}
}

// eachOutline does something to each outline.
func eachOutline(t *testing.T, dir string, do func(path string)) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "shards", "*", "store", "outline"))
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	for _, path := range list {
		do(path)
	}
}

// TestOutlineRefuses sees that a case which the outline refuses is not opened: its files are gone.
func TestOutlineRefuses(t *testing.T) {
	dir := t.TempDir()
	writeOutlined(t, dir)
	if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(glob(t, dir, "cases/inc-alpha*"), "case.json"))
	a := openArchive(t, dir)
	for _, q := range []string{"file:beta common", "host:GAMMA", "time:2021 common", "verdict:suspected", "size:2000"} {
		if hits := find(t, a, q, index.SearchOptions{}); len(hits) == 0 {
			t.Errorf("%s finds nothing", q)
		}
	}
	n, err := query.Parse("file:alpha")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range a.Search(t.Context(), n, index.SearchOptions{}) {
		if err != nil {
			return
		}
	}
	t.Error("a case whose files are gone was searched")
}

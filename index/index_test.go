package index_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// event is a line of a data set's events.jsonl: a record, a registry value or a finding.
type event struct {
	Artifact  string      `json:"artifact"`
	Kind      ingest.Kind `json:"kind"`
	Host      string      `json:"host"`
	Raw       string      `json:"raw"` // with its line ends; the text if it is left out
	Text      string      `json:"text"`
	Component string      `json:"component"`
	Severity  string      `json:"severity"`
	Thread    uint64      `json:"thread"`
	Bytes     int64       `json:"bytes"` // of the artifact
	Time      string      `json:"time"`  // RFC 3339, or without an offset if that is not known

	Key  *string `json:"key"`
	Name string  `json:"name"`
	Type string  `json:"type"`
	Data string  `json:"data"`

	Check string `json:"check"`
	Title string `json:"title"`

	Verdict findings.Verdict `json:"verdict"`
}

// TestSearches runs the searches of each data set: a folder of testdata/searches with events.jsonl and searches.txt. A line of
// searches.txt is a query, " => ", and the places of its hits in order: path:line, path|key|name with _ for spaces, or check.
func TestSearches(t *testing.T) {
	sets, err := filepath.Glob("testdata/searches/*")
	if err != nil || len(sets) == 0 {
		t.Fatalf("no data sets: %v", err)
	}
	for _, dir := range sets {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "archive")
			writeEvents(t, archive, filepath.Join(dir, "events.jsonl"))
			a := openArchive(t, filepath.Dir(archive)) // the folder that holds it, as a report's does
			b, err := os.ReadFile(filepath.Join(dir, "searches.txt"))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(b)) {
				q, want, ok := strings.Cut(strings.TrimSpace(line), " =>")
				if !ok || strings.HasPrefix(q, "#") {
					continue
				}
				t.Run(q, func(t *testing.T) {
					var got []string
					for _, h := range find(t, a, q, index.SearchOptions{}) {
						got = append(got, ref(h))
					}
					if diff := cmp.Diff(strings.Fields(want), got, cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
						t.Errorf("hits (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

// TestGuide runs the examples of the guide to the language: each finds something of the sample data, and not all of it.
func TestGuide(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	writeEvents(t, dir, "testdata/searches/mixed/events.jsonl")
	writeCase(t, dir, "INC0012346", []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "nothing to see" })}}, nil, nil)
	k, err := index.Keep(dir, nil)
	if err == nil {
		err = k.Label(t.Context(), "INC0012345", index.Labels{"customer": {"ACME Ltd"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, dir)
	all := len(find(t, a, "* OR NOT *", index.SearchOptions{}))
	for _, s := range query.Guide() {
		for _, e := range s.Examples {
			if strings.HasPrefix(e.Query, "casebook ") {
				continue // run by the tests of the command
			}
			t.Run(e.Query, func(t *testing.T) {
				if n := len(find(t, a, e.Query, index.SearchOptions{})); n == 0 || n == all {
					t.Errorf("%d of %d hits", n, all)
				}
			})
		}
	}
}

// ref is a hit's place.
func ref(h index.Hit) string {
	switch h.Class {
	case index.ClassFinding:
		return h.Check
	case index.ClassRegistry:
		return strings.ReplaceAll(h.Artifact+"|"+h.Key+"|"+*h.Value, " ", "_")
	default:
		return h.Artifact + ":" + strconv.Itoa(h.Line)
	}
}

// writeEvents makes a case of a data set.
func writeEvents(t *testing.T, dir, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var arts []testArtifact
	registry := map[string][]index.RegistryValue{}
	var found []findings.Finding
	at := map[string]int{}
	lines := map[string]int{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var e event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch {
		case e.Check != "":
			found = append(found, findings.Finding{Check: e.Check, Title: e.Title, System: e.Host, Severity: findings.Severity(e.Severity), Verdict: e.Verdict})
			continue
		case e.Key != nil:
			registry[e.Artifact] = append(registry[e.Artifact], index.RegistryValue{Key: *e.Key, Name: e.Name, Type: e.Type, Data: e.Data})
			continue
		}
		i, ok := at[e.Artifact]
		if !ok {
			i = len(arts)
			at[e.Artifact] = i
			arts = append(arts, testArtifact{path: e.Artifact, kind: e.Kind, host: e.Host, bytes: e.Bytes})
		}
		if e.Raw == "" {
			e.Raw = e.Text + "\r\n"
		}
		r := ingest.Record{Line: lines[e.Artifact] + 1, Lines: strings.Count(e.Raw, "\n"), Raw: []byte(e.Raw), Text: []byte(e.Text), Thread: e.Thread}
		lines[e.Artifact] += r.Lines
		if e.Component != "" {
			r.Component = []byte(e.Component)
		}
		for s := ingest.SeverityNone; s <= ingest.SeverityError; s++ {
			if s.String() == e.Severity {
				r.Severity = s
			}
		}
		if e.Time != "" {
			v, err := time.Parse(time.RFC3339, e.Time)
			if err != nil {
				if v, err = time.Parse("2006-01-02T15:04:05", e.Time); err != nil {
					t.Fatal(err)
				}
				r.Time = ingest.Time{Wall: v.UnixMicro(), Zone: ingest.ZoneUnknown}
			} else {
				_, offset := v.Zone()
				r.Time = ingest.Time{Wall: v.UnixMicro() + int64(offset)*1e6}.Stated(-offset / 60)
			}
		}
		arts[i].records = append(arts[i].records, r)
	}
	writeCase(t, dir, "INC0012345", arts, registry, found)
}

// plainRecords makes n records of one line each.
func plainRecords(n int, text func(i int) string) []ingest.Record {
	rs := make([]ingest.Record, n)
	for i := range rs {
		s := text(i)
		rs[i] = ingest.Record{
			Line: i + 1, Lines: 1, Raw: []byte("<" + s + ">\r\n"), Text: []byte(s),
			Time: ingest.WallTime(2012, 3, 8, 21, 0, 0, 0), Severity: ingest.SeverityInfo, Thread: uint64(i),
		}
		rs[i].Time.Wall += int64(n-i) * 1e6 // backwards
	}
	return rs
}

func TestHit(t *testing.T) {
	dir := t.TempDir()
	name := "ProvisioningMode"
	writeCase(t, dir, "INC1", []testArtifact{{
		path: "logs/a.log", kind: ingest.KindLogCCM, host: "WKS01",
		records: []ingest.Record{
			{Line: 1, Lines: 1, Raw: []byte("head\r\n"), Text: []byte("head")},
			{
				Line: 2, Lines: 2, Raw: []byte("<![Failed to run\nCLICORE.EXE]!>\r\n"), Text: []byte("Failed to run\nCLICORE.EXE"),
				Component: []byte("execmgr"), Thread: 12, Severity: ingest.SeverityError,
				Time: ingest.WallTime(2012, 3, 8, 21, 0, 0, 5).Stated(-60),
			},
			{Line: 4, Lines: 1, Raw: []byte("tail"), Text: []byte("tail")},
		},
	}}, map[string][]index.RegistryValue{
		"software": {{Key: `Microsoft\CCM\CcmExec`, Name: name, Type: "REG_SZ", Data: "true"}},
	}, []findings.Finding{{
		Check: "x-check", Title: "It is so", System: "WKS01", Severity: findings.High, Verdict: findings.Suspected,
		Evidence: []findings.Evidence{
			{Artifact: "none", Role: findings.Context},
			{Artifact: "software", Key: "K", Value: &name, Role: findings.Supports},
		},
	}})
	a := openArchive(t, dir)
	when := time.Date(2012, 3, 8, 20, 0, 0, 5000, time.UTC)
	tests := []struct {
		query string
		want  index.Hit
	}{
		{"clicore.exe failed", index.Hit{
			Case: "INC1", Class: index.ClassRecord, Host: "WKS01", Artifact: "logs/a.log", Kind: ingest.KindLogCCM, Line: 2, Lines: 2,
			Time: &when, UTC: true, Severity: "error", Component: "execmgr", Thread: 12,
			Text: "Failed to run\nCLICORE.EXE", Matches: [][2]int{{0, 6}, {14, 25}}, Before: []string{"head"}, After: []string{"tail"},
		}},
		{`CCM\CcmExec\ProvisioningMode`, index.Hit{
			Case: "INC1", Class: index.ClassRegistry, Artifact: "software", Kind: ingest.KindHiveSoftware,
			Key: `Microsoft\CCM\CcmExec`, Value: &name, Type: "REG_SZ",
			Text: `Microsoft\CCM\CcmExec\ProvisioningMode = true`, Matches: [][2]int{{10, 38}},
		}},
		{"check:x-check", index.Hit{
			Case: "INC1", Class: index.ClassFinding, Host: "WKS01", Artifact: "software", Key: "K", Value: &name,
			Check: "x-check", Verdict: "suspected", Severity: "high", Text: "It is so\nx-check", Matches: [][2]int{},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			if diff := cmp.Diff([]index.Hit{tt.want}, find(t, a, tt.query, index.SearchOptions{Context: 2})); diff != "" {
				t.Errorf("hits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestContextCrossesBlocks(t *testing.T) {
	dir := t.TempDir()
	const n = 5000
	writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: plainRecords(n, func(i int) string { return fmt.Sprintf("line%d", i+1) })}}, nil, nil)
	a := openArchive(t, dir)
	for _, line := range []int{1, 2, 1023, 1024, 1025, 1026, 2048, 4096, n - 1, n} {
		hits := find(t, a, fmt.Sprintf("line%d", line), index.SearchOptions{Context: 3})
		if len(hits) != 1 || hits[0].Line != line {
			t.Fatalf("line %d: hits %v", line, hits)
		}
		var before, after []string
		for i := max(1, line-3); i < line; i++ {
			before = append(before, fmt.Sprintf("<line%d>", i))
		}
		for i := line + 1; i <= min(n, line+3); i++ {
			after = append(after, fmt.Sprintf("<line%d>", i))
		}
		if diff := cmp.Diff([][]string{before, after}, [][]string{hits[0].Before, hits[0].After}); diff != "" {
			t.Errorf("line %d (-want +got):\n%s", line, diff)
		}
	}
}

func TestOrderAndLimit(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"INC2", "INC1"} {
		writeCase(t, dir, id, []testArtifact{
			{path: "b.log", records: plainRecords(3, func(int) string { return "x" })},
			{path: "a.log", records: plainRecords(2, func(int) string { return "x" })},
			{path: "c.txt", records: []ingest.Record{{Line: 1, Lines: 1, Raw: []byte("x"), Text: []byte("x")}}},
		}, nil, []findings.Finding{{Check: "f", Title: "x"}})
	}
	a := openArchive(t, dir)
	one := []string{"f", "a.log:1", "a.log:2", "b.log:1", "b.log:2", "b.log:3", "c.txt:1"}
	tests := []struct {
		name    string
		options index.SearchOptions
		want    []string
	}{
		{"by-file", index.SearchOptions{}, slices.Concat(one, one)},
		{"by-file-limited", index.SearchOptions{Limit: 8}, slices.Concat(one, one[:1])},
		{"by-time", index.SearchOptions{Sort: index.ByTime}, []string{
			"a.log:2", "b.log:3", "a.log:2", "b.log:3", "a.log:1", "b.log:2", "a.log:1", "b.log:2", "b.log:1", "b.log:1", "f", "c.txt:1", "f", "c.txt:1",
		}},
		{"by-time-limited", index.SearchOptions{Sort: index.ByTime, Limit: 3}, []string{"a.log:2", "b.log:3", "a.log:2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, h := range find(t, a, "x", tt.options) {
				got = append(got, ref(h))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hits (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"INC1", "INC2"}, cases(t, a)); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return fmt.Sprintf("run%d", i) })}}, nil, nil)
	}
	a := openArchive(t, dir)
	if hits := find(t, a, "run4", index.SearchOptions{}); len(hits) != 1 {
		t.Errorf("the last run is found %d times", len(hits))
	}
	if hits := find(t, a, "run3", index.SearchOptions{}); len(hits) != 0 {
		t.Errorf("a replaced run is found: %v", hits)
	}
	// A reader goes on while the case is replaced, and sees the new one with its next search.
	writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "run5" })}}, nil, nil)
	if hits := find(t, a, "run5", index.SearchOptions{}); len(hits) != 1 {
		t.Errorf("the new run is found %d times", len(hits))
	}
	for _, d := range []string{"cases", "shards"} {
		if list := entries(t, filepath.Join(dir, d)); len(list) != 2 {
			t.Errorf("%s holds %v, want those of the last two generations", d, list)
		}
	}
	if list := entries(t, filepath.Join(dir, "tmp")); len(list) != 0 {
		t.Errorf("tmp holds %v", list)
	}
}

// TestReplaceDuringSearch replaces a case so often that its folder is gone when a search comes to it.
func TestReplaceDuringSearch(t *testing.T) {
	dir := t.TempDir()
	arts := []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "x" })}}
	writeCase(t, dir, "INC1", arts, nil, nil)
	writeCase(t, dir, "INC2", arts, nil, nil)
	n, err := query.Parse("x")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for h, err := range openArchive(t, dir).Search(t.Context(), n, index.SearchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if found = append(found, h.Case); len(found) == 1 {
			for range 3 {
				writeCase(t, dir, "INC2", arts, nil, nil)
			}
		}
	}
	if diff := cmp.Diff([]string{"INC1", "INC2"}, found); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

// TestReadWhileWriting searches while two writers publish: nothing fails, and results only grow.
func TestReadWhileWriting(t *testing.T) {
	dir := t.TempDir()
	arts := []testArtifact{{path: "a.log", records: plainRecords(5, func(int) string { return "x" })}}
	writeCase(t, dir, "INC", arts, nil, nil)
	const each = 6
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range each {
				if err := publish(buildCase(dir, fmt.Sprintf("INC%d-%d", w, i), arts, nil, nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		writers.Wait()
		close(done)
	}()
	a := openArchive(t, dir)
	for last := 0; ; {
		now := len(find(t, a, "x", index.SearchOptions{Sort: index.ByTime}))
		if now < last || now%5 != 0 {
			t.Fatalf("%d hits after %d", now, last)
		}
		last = now
		select {
		case <-done:
			if now = len(find(t, a, "x", index.SearchOptions{})); now != 5*(2*each+1) {
				t.Errorf("%d hits in the end", now)
			}
			return
		default:
		}
	}
}

func TestEmptyCase(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "INC1", nil, nil, nil)
	a := openArchive(t, dir)
	for _, q := range []string{"x", "NOT x", "severity:error", "x*", "time:2012"} {
		if hits := find(t, a, q, index.SearchOptions{}); len(hits) != 0 {
			t.Errorf("%s: %v", q, hits)
		}
	}
}

func TestSearchIsCancelled(t *testing.T) {
	dir := t.TempDir()
	writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: plainRecords(9, func(int) string { return "x" })}}, nil, nil)
	a := openArchive(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, q := range []string{"x", "NOT y"} {
		n, err := query.Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range a.Search(ctx, n, index.SearchOptions{}) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v", q, err)
			}
		}
		if err == nil {
			t.Errorf("%s: no error", q)
		}
	}
}

// cases lists the cases of an archive.
func cases(t *testing.T, a *index.Archive) []string {
	t.Helper()
	ids, err := a.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestUnfinishedWriters(t *testing.T) {
	dir := t.TempDir()
	arts := []testArtifact{{path: "a.log", records: plainRecords(10, func(int) string { return "old" })}}
	writeCase(t, dir, "INC1", arts, nil, nil)

	aborted, err := buildCase(dir, "INC2", arts, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := aborted.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := aborted.Commit(context.Background()); err == nil {
		t.Error("an aborted case can be published")
	}
	alive, err := buildCase(dir, "INC3", arts, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "tmp", "case-dead")
	if err := os.MkdirAll(filepath.Join(dead, "cases"), 0o700); err != nil {
		t.Fatal(err)
	}
	// A writer that was killed between renaming its folders and writing its generation.
	if err := os.MkdirAll(filepath.Join(dir, "cases", "inc9~2"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeCase(t, dir, "INC4", arts, nil, nil)
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a dead writer left is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cases", "inc9~2")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder of no generation is still there: %v", err)
	}
	if err := alive.Commit(context.Background()); err != nil {
		t.Errorf("a writer at work was disturbed: %v", err)
	}
	if diff := cmp.Diff([]string{"INC1", "INC3", "INC4"}, cases(t, openArchive(t, dir))); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestCaseIDs(t *testing.T) {
	dir := t.TempDir()
	ids := []string{"..", "../../x", "CON", "INC1", "a/b", `a\b`, "inc1", strings.Repeat("x", 300), "инцидент 1", "~1"}
	for _, id := range ids {
		writeCase(t, dir, id, []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "x" })}}, nil, nil)
	}
	a := openArchive(t, dir)
	slices.Sort(ids)
	if diff := cmp.Diff(ids, cases(t, a)); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if hits := find(t, a, "x", index.SearchOptions{}); len(hits) != len(ids) {
		t.Errorf("%d hits, want one of each of %d cases", len(hits), len(ids))
	}
	if list := entries(t, filepath.Join(dir, "cases")); len(list) != len(ids) {
		t.Errorf("folders: %q", list)
	}
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string // a part of the error of Open or of a search
	}{
		{"no-folder", func(t *testing.T, dir string) { remove(t, dir) }, "not an archive"},
		{"no-archive", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "casebook.json")) }, "not an archive"},
		{"newer", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "casebook.json"), `{"format":9}`) }, "use a newer casebook"},
		{"no-version", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "casebook.json"), `{}`) }, "states no format version"},
		{"manifest-cut", func(t *testing.T, dir string) { cut(t, filepath.Join(dir, "generation-1"), 0) }, "generation-1 is damaged"},
		{"manifest-leads-out", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "generation-1"), `{"generation":1,"cases":[{"id":"INC1","name":"../../x","shard":"x"}]}`)
		}, `names the folder "../../x"`},
		{"no-case", func(t *testing.T, dir string) { remove(t, glob(t, dir, "cases/*")) }, `case "INC1" can't be read`},
		{"case-cut", func(t *testing.T, dir string) { cut(t, glob(t, dir, "cases/*/case.json"), 1) }, "case.json is damaged"},
		{"blocks-cut", func(t *testing.T, dir string) { cut(t, glob(t, dir, "cases/*/blocks"), 1) }, "were written"},
		{"records-cut", func(t *testing.T, dir string) { cut(t, glob(t, dir, "cases/*/records"), 1) }, "were written"},
		{"records-garbled", func(t *testing.T, dir string) { garble(t, glob(t, dir, "cases/*/records")) }, `case "INC1"`},
		{"blocks-garbled", func(t *testing.T, dir string) { garble(t, glob(t, dir, "cases/*/blocks")) }, `case "INC1"`},
		{"findings-garbled", func(t *testing.T, dir string) { garble(t, glob(t, dir, "cases/*/findings.json")) }, "findings.json is damaged"},
		{"no-shard", func(t *testing.T, dir string) { remove(t, glob(t, dir, "shards/*")) }, "index"},
		{"shard-cut", func(t *testing.T, dir string) { cut(t, glob(t, dir, "shards/*/store/*.zap"), 10) }, "were written"},
		{"segment-garbled", func(t *testing.T, dir string) { garble(t, glob(t, dir, "shards/*/store/*.zap")) }, "index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeCase(t, dir, "INC1", []testArtifact{{path: "a.log", records: plainRecords(3000, func(i int) string { return fmt.Sprintf("x line%d", i) })}},
				nil, []findings.Finding{{Check: "f", Title: "x"}})
			tt.spoil(t, dir)
			a, err := index.Open(dir)
			if err == nil {
				defer func() { _ = a.Close() }()
				n, perr := query.Parse("x")
				if perr != nil {
					t.Fatal(perr)
				}
				for _, serr := range a.Search(t.Context(), n, index.SearchOptions{}) {
					err = errors.Join(err, serr)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDamagedNewestGeneration(t *testing.T) {
	dir := t.TempDir()
	arts := []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "x" })}}
	writeCase(t, dir, "INC1", arts, nil, nil)
	writeCase(t, dir, "INC2", arts, nil, nil)
	cut(t, filepath.Join(dir, "generation-2"), 0)
	if diff := cmp.Diff([]string{"INC1"}, cases(t, openArchive(t, dir))); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	writeCase(t, dir, "INC3", arts, nil, nil)
	if diff := cmp.Diff([]string{"INC1", "INC3"}, cases(t, openArchive(t, dir))); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestCreateErrors(t *testing.T) {
	foreign := t.TempDir()
	write(t, filepath.Join(foreign, "letter.txt"), "x")
	newer := t.TempDir()
	write(t, filepath.Join(newer, "casebook.json"), `{"format":9}`)
	tests := []struct{ name, dir, want string }{
		{"foreign-files", foreign, "other files"},
		{"newer", newer, "newer casebook"},
		{"a-file", filepath.Join(foreign, "letter.txt"), "archive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := index.Create(context.Background(), tt.dir, index.Entry{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// cut removes n bytes from the end of a file; half of it if n is 0.
func cut(t *testing.T, path string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		n = len(b) / 2
	}
	write(t, path, string(b[:len(b)-n]))
}

// garble overwrites a file without changing its length.
func garble(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Repeat("\xa5", int(info.Size())))
}

// glob returns the one path that matches.
func glob(t *testing.T, dir, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return list[0]
}

// TestFirstWriters lets several writers make one archive.
func TestFirstWriters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "archive")
	arts := []testArtifact{{path: "a.log", records: plainRecords(1, func(int) string { return "x" })}}
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			if err := publish(buildCase(dir, strconv.Itoa(i), arts, nil, nil)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if hits := find(t, openArchive(t, dir), "x", index.SearchOptions{}); len(hits) != 4 {
		t.Errorf("%d hits, want 4", len(hits))
	}
}

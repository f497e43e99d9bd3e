package index_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/index"
	"casebook/index/query"
)

// small writes cases with a record of their own each.
func small(t testing.TB, dir string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		writeCase(t, dir, fmt.Sprintf("INC%03d", i), []testArtifact{{path: "a.log", records: plainRecords(20, func(n int) string { return fmt.Sprintf("common own%d line%d", i, n) })}}, nil, nil)
	}
}

// TestTidy holds that shards are merged when there are many, that searches find the same, and that few cases are left alone.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	small(t, dir, 0, 15)
	k := keeper(t, dir)
	if n, err := k.Tidy(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d of 15 cases were merged, error %v", n, err)
	}
	small(t, dir, 15, 16)
	a := openArchive(t, dir)
	before := find(t, a, "own7 OR line3", index.SearchOptions{})
	if n, err := k.Tidy(t.Context()); n != 16 || err != nil {
		t.Fatalf("%d of 16 cases were merged, error %v", n, err)
	}
	if diff := cmp.Diff(before, find(t, a, "own7 OR line3", index.SearchOptions{})); diff != "" {
		t.Errorf("hits (-before +after):\n%s", diff)
	}
	if s, err := a.Stats(t.Context()); err != nil || s.Shards != 1 {
		t.Errorf("%d shards, error %v", s.Shards, err)
	}
	if n, err := k.Tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("%d cases were merged again, error %v", n, err)
	}
	sound(t, dir)
}

// TestTidyBesideCompact leaves merging to the process that is at it.
func TestTidyBesideCompact(t *testing.T) {
	dir := t.TempDir()
	small(t, dir, 0, 16)
	k := keeper(t, dir)
	n := -1
	if _, err := k.Compact(t.Context(), func(int, int) {
		var err error
		if n, err = k.Tidy(t.Context()); err != nil {
			t.Error(err)
		}
	}); err != nil || n != 0 {
		t.Errorf("%d cases were merged meanwhile, error %v", n, err)
	}
}

// TestDamagedShardIsMadeAnew merges shards of which one is damaged: that one is made of the records.
func TestDamagedShardIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	small(t, dir, 0, 3)
	garble(t, glob(t, dir, "shards/inc001*/store/*.zap"))
	if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if hits := find(t, openArchive(t, dir), "common", index.SearchOptions{}); len(hits) != 60 {
		t.Errorf("%d hits, want 60", len(hits))
	}
	sound(t, dir)
}

// TestEarlierFormat reads an archive of the first format, whose shards have the file of Bleve's engine beside their segments, and compacts it.
func TestEarlierFormat(t *testing.T) {
	dir := t.TempDir()
	small(t, dir, 0, 2)
	write(t, filepath.Join(dir, "casebook.json"), `{"format":1}`)
	whole(t, dir, 2)
	write(t, filepath.Join(glob(t, dir, "shards/inc001*/store"), "root.bolt"), "of the engine")
	shard := glob(t, dir, "shards/inc001*/shard.json")
	b, err := os.ReadFile(shard)
	if err != nil {
		t.Fatal(err)
	}
	engine := fmt.Sprintf("%x", sha256.Sum256([]byte("of the engine")))
	b = bytes.Replace(b, []byte(`"files":{`), []byte(`"files":{"root.bolt":13,`), 1)
	b = bytes.Replace(b, []byte(`"sums":{`), []byte(`"sums":{"root.bolt":"`+engine+`",`), 1)
	write(t, shard, string(b))
	a := openArchive(t, dir)
	for range 2 {
		for q, n := range map[string]int{"common": 40, "own1": 20, "own1 line3": 1, "own0": 20, "nowhere": 0, "com*": 40} {
			for _, sort := range []index.Sort{index.ByFile, index.ByRelevance} {
				if hits := find(t, a, q, index.SearchOptions{Sort: sort}); len(hits) != n {
					t.Errorf("%s finds %d, want %d", q, len(hits), n)
				}
			}
		}
		sound(t, dir)
		if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "casebook.json")); err != nil || strings.TrimSpace(string(b)) != fmt.Sprintf(`{"format":%d}`, index.Format) {
		t.Errorf("casebook.json: %s, error %v", b, err)
	}
}

// TestReaderLetsGo holds that a reader which stays open closes what a later generation does not name, as soon as no search uses it.
func TestReaderLetsGo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks at /proc/self/fd")
	}
	dir := t.TempDir()
	small(t, dir, 0, 6)
	a := openArchive(t, dir)
	held := func() (gone, open int) {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		for _, e := range list {
			to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
			if err == nil && strings.HasPrefix(to, dir) {
				open++
				if strings.HasSuffix(to, "(deleted)") {
					gone++
				}
			}
		}
		return gone, open
	}
	common, err := query.Parse("common")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range a.Search(t.Context(), common, index.SearchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 70 { // within the fourth case
			if _, err := keeper(t, dir).Compact(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			small(t, dir, 6, 7) // after which the shards that were merged are removed
			small(t, dir, 0, 1) // a case that was searched is replaced
		}
	}
	if n != 120 {
		t.Errorf("%d hits of a generation that was replaced meanwhile, want 120", n)
	}
	if hits := find(t, a, "common", index.SearchOptions{}); len(hits) != 140 {
		t.Errorf("%d hits now, want 140", len(hits))
	}
	if _, err := a.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone, open := held(); gone > 0 || open == 0 {
		t.Errorf("%d files are open, %d of them removed", open, gone)
	}
}

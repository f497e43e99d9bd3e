package index_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
	"casebook/internal/need"
)

// corpusLogs are the UTF-8 logs of the corpus, a record a line, so that their vocabulary meets the index. Of each at most 20,000 lines are taken.
func corpusLogs(t *testing.T) []testArtifact {
	t.Helper()
	root := need.Corpus(t)
	var arts []testArtifact
	total := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(path), ".log") || total > 2<<20 {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		a := testArtifact{path: filepath.ToSlash(name), kind: ingest.KindLogCCM, host: strings.ToUpper(filepath.Base(filepath.Dir(path))), bytes: int64(len(b))}
		for line := range bytes.Lines(b) {
			if len(a.records) == 20000 {
				break
			}
			n := len(a.records)
			text := bytes.TrimRight(line, "\r\n")
			a.records = append(a.records, ingest.Record{
				Line: n + 1, Lines: 1, Raw: line, Text: text, Severity: ingest.Severity(n % 4), Thread: uint64(n % 7),
				Time: ingest.WallTime(2012, 3, 8, 0, n/100, n%60, 0),
			})
			total += len(line)
		}
		arts = append(arts, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(arts) == 0 {
		t.Skip("the corpus has no log in UTF-8")
	}
	return arts
}

// TestSearchEqualsScanOfCorpus compares 500 generated queries over real logs with a plain scan of all records, by the same matchers: what is
// tested is that the index names all blocks that hold a match.
func TestSearchEqualsScanOfCorpus(t *testing.T) {
	arts := corpusLogs(t)
	dir := t.TempDir()
	writeCase(t, dir, "case", arts, nil, nil)
	a := openArchive(t, dir)
	r := rand.New(rand.NewPCG(7, 500))
	found := 0
	const queries = 500
	for range queries {
		s := corpusQuery(r, arts)
		q, err := query.Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		want := map[string]int{}
		for i := range arts {
			for j := range arts[i].records {
				if scanLine(q, &arts[i], &arts[i].records[j]) {
					want[fmt.Sprintf("%s:%d", arts[i].path, arts[i].records[j].Line)]++
				}
			}
		}
		got := map[string]int{}
		for h, err := range a.Search(t.Context(), q, index.SearchOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			got[ref(h)]++
			for _, m := range h.Matches {
				if m[0] < 0 || m[0] >= m[1] || m[1] > len(h.Text) {
					t.Fatalf("%s: %s marks %v of %d bytes", s, ref(h), m, len(h.Text))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-scan +search):\n%s", s, diff)
		}
		if n, _, err := a.Count(t.Context(), q); err != nil || n != len(want) {
			t.Fatalf("%s: %d counted, %d found; %v", s, n, len(want), err)
		}
		if len(want) > 0 {
			found++
		}
	}
	if found < queries/3 {
		t.Errorf("only %d of %d queries found anything", found, queries)
	}
}

// corpusQuery makes a query of what a random line says.
func corpusQuery(r *rand.Rand, arts []testArtifact) string {
	term := func() string {
		a := &arts[r.IntN(len(arts))]
		if len(a.records) == 0 {
			return "nothing"
		}
		line := string(a.records[r.IntN(len(a.records))].Text)
		words := strings.FieldsFunc(line, func(c rune) bool { return !letter(c) })
		if len(words) == 0 {
			return "nothing"
		}
		at := r.IntN(len(words))
		w := words[at]
		switch r.IntN(9) {
		case 0:
			return strings.ToUpper(w)
		case 1: // from the middle of the line, cut in the middle of words
			cut := []rune(line)
			from := r.IntN(len(cut))
			piece := strings.TrimSpace(string(cut[from:min(len(cut), from+3+r.IntN(12))]))
			if piece == "" || strings.Contains(piece, "/") {
				return w
			}
			return "/" + regexp.QuoteMeta(piece) + "/"
		case 2:
			return w[:1+r.IntN(len(w))] + "*"
		case 3:
			return "*" + w[r.IntN(len(w)):]
		case 4:
			from := strings.Index(line, w)
			return `"` + strings.ReplaceAll(line[from:min(len(line), from+len(w)+8)], `"`, `""`) + `"`
		case 5:
			return fmt.Sprintf("code:%d", r.IntN(5)+1600)
		case 6:
			return fmt.Sprintf("line:%d..%d", at, at+r.IntN(500))
		case 7:
			return []string{"severity:error", "severity:>info", "time:>2012-03-08T00:20", "thread:2..3", "size:>10KB"}[r.IntN(5)]
		default:
			return `"` + w + `"`
		}
	}
	s := strings.ToValidUTF8(term(), "")
	switch r.IntN(4) {
	case 0:
		return s + " " + strings.ToValidUTF8(term(), "")
	case 1:
		return s + " OR " + strings.ToValidUTF8(term(), "")
	case 2:
		return "(" + s + ") -(" + strings.ToValidUTF8(term(), "") + ")"
	}
	return s
}

// scanLine evaluates a query on a record by the matchers of its terms.
func scanLine(q query.Node, a *testArtifact, r *ingest.Record) bool {
	switch q := q.(type) {
	case query.And:
		for _, n := range q.Nodes {
			if !scanLine(n, a, r) {
				return false
			}
		}
		return true
	case query.Or:
		for _, n := range q.Nodes {
			if scanLine(n, a, r) {
				return true
			}
		}
		return false
	case query.Not:
		return !scanLine(q.Node, a, r)
	case query.Text:
		return q.Match(r.Text)
	case query.Code:
		return q.Match(r.Text)
	default:
		return scan(q, a, r)
	}
}

package opensearch_test

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
	"unicode"
	"unicode/utf8"

	"casebook/index"
	"casebook/ingest"
	"casebook/internal/need"
)

// corpusLogs are UTF-8 logs of the corpus, a record a line, half a megabyte of them.
func corpusLogs(t *testing.T) []testArtifact {
	t.Helper()
	root := need.Corpus(t)
	var arts []testArtifact
	total := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(path), ".log") || total > 512<<10 {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
			return err
		}
		a := testArtifact{path: filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator))), kind: ingest.KindLogCCM, host: strings.ToUpper(filepath.Base(filepath.Dir(path))), bytes: int64(len(b))}
		for line := range bytes.Lines(b) {
			n := len(a.records)
			if n == 5000 {
				break
			}
			a.records = append(a.records, ingest.Record{
				Line: n + 1, Lines: 1, Raw: line, Text: bytes.TrimRight(line, "\r\n"), Severity: ingest.Severity(n % 4), Thread: uint64(n % 7),
				Component: []byte([]string{"", "execmgr", "Agent"}[n%3]), Time: ingest.WallTime(2012, 3, 8, n/3600, n/60%60, n%60, 0),
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

// generated are records of words in every shape, several of which share parts.
func generated(r *rand.Rand) testArtifact {
	vocabulary := []string{
		"error", "Error", "ERRORS", "0x80040669", "1603", "PolicyState", "CCM_Policy", "policyid", "XMLFile", "Win32Product", "CLICORE.EXE", `C:\Windows\CCM`, `\\SERVER\share$`,
		"{8097EE64-5D7B-1603-9F00-0123456789AB}", "8097ee64", "5d7b-1603", "Öffnen", "öFFNEN", "ОШИБКА", "安装失败", "x", "=>", "[Active]", "a.b.c", "10.1.2.3",
		strings.Repeat("Base64", 20), strings.Repeat("ö", 50), "\xff\xfe", "line\nbreak",
	}
	a := testArtifact{path: `generated\words.log`, kind: "text/plain", host: "Gen", bytes: 1 << 20}
	line := 1
	for range 1500 {
		var words []string
		for range r.IntN(5) {
			words = append(words, vocabulary[r.IntN(len(vocabulary))])
		}
		text := strings.Join(words, []string{" ", "", ".", "-"}[r.IntN(4)])
		rec := ingest.Record{Line: line, Lines: 1 + strings.Count(text, "\n"), Raw: []byte("<" + text + ">\n"), Text: []byte(text), Severity: ingest.Severity(r.IntN(4)), Thread: uint64(r.IntN(5))}
		if r.IntN(2) == 0 {
			rec.Time = ingest.WallTime(2012, 3, 8, r.IntN(24), r.IntN(60), 0, 0)
		}
		line += rec.Lines
		a.records = append(a.records, rec)
	}
	return a
}

// TestEqualsFolderOverCorpus asks 500 generated queries over real logs and over generated ones, and compares hits, counts and facets with those of an archive in a folder.
func TestEqualsFolderOverCorpus(t *testing.T) {
	store, dir := openStore(t), t.TempDir()
	r := rand.New(rand.NewPCG(7, 500))
	arts := append(corpusLogs(t), generated(r))
	half := len(arts) / 2
	for _, c := range []testCase{{id: "case", artifacts: arts[half:]}, {id: "another", artifacts: arts[:half]}} {
		c.write(t, index.Dir(dir))
		c.write(t, store)
	}
	folder, err := index.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	queries := 500
	if testing.Short() {
		queries = 60
	}
	found := 0
	for i := range queries {
		s := corpusQuery(r, arts)
		q := parse(t, s)
		// Every order of hits, with and without a limit, comes with every tenth query or so.
		o := index.SearchOptions{Sort: index.Sort(i % 3), Limit: []int{0, 5, 100}[i/3%3], Context: i / 9 % 2}
		if o.Limit == 0 {
			o.Context = 0
		}
		var facets []index.Facet
		if all := index.Facets(); i%2 == 0 {
			facets = all[i%len(all):][:1]
		} else if i%5 == 0 {
			facets = all
		}
		if same(t, s, folder, store, q, o, facets...) > 0 {
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
		line := strings.ToValidUTF8(string(a.records[r.IntN(len(a.records))].Text), "")
		words := strings.FieldsFunc(line, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c) })
		if len(words) == 0 {
			return "nothing"
		}
		at := r.IntN(len(words))
		w := words[at]
		switch r.IntN(10) {
		case 0:
			return `"` + strings.ToUpper(w) + `"` // NOT and the like would be operators
		case 1: // from the middle of the line, cut in the middle of words
			cut := []rune(line)
			from := r.IntN(len(cut))
			piece := strings.TrimSpace(string(cut[from:min(len(cut), from+3+r.IntN(12))]))
			if piece == "" || strings.ContainsAny(piece, "/\n") {
				return w
			}
			return "/" + regexp.QuoteMeta(piece) + "/"
		case 2:
			return strings.ToValidUTF8(w[:1+r.IntN(len(w))], "") + "*"
		case 3:
			return "*" + strings.ToValidUTF8(w[r.IntN(len(w)):], "")
		case 4:
			from := strings.Index(line, w)
			piece := strings.ToValidUTF8(line[from:min(len(line), from+len(w)+8)], "")
			return `"` + strings.ReplaceAll(piece, `"`, `""`) + `"`
		case 5:
			return fmt.Sprintf("code:%d", r.IntN(5)+1600)
		case 6:
			return fmt.Sprintf("line:%d..%d", at, at+r.IntN(500))
		case 7:
			return []string{"severity:error", "severity:>info", "time:>2012-03-08T00:20", "time:2012-03-08T01", "thread:2..3", "size:>10KB", "component:exec*", "case:case", "kind:log"}[r.IntN(9)]
		case 8:
			return `file:"` + filepath.Base(a.path) + `"`
		default:
			return `"` + w + `"`
		}
	}
	s := term()
	switch r.IntN(4) {
	case 0:
		return s + " " + term()
	case 1:
		return s + " OR " + term()
	case 2:
		return "(" + s + ") -(" + term() + ")"
	}
	return s
}

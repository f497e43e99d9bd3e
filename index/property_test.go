package index_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"casebook/index"
	"casebook/index/query"
	"casebook/ingest"
)

// vocabulary has words of every shape, several of which share parts, so that generated queries hit now and then.
var vocabulary = []string{
	"error", "Error", "ERRORS", "0x80040669", "1603", "PolicyState", "CCM_Policy", "policyid", "XMLFile", "Win32Product", "CLICORE.EXE", `C:\Windows\CCM`,
	`\\SERVER\share$`, "{8097EE64-5D7B-1603-9F00-0123456789AB}", "8097ee64", "5d7b-1603", "Öffnen", "öFFNEN", "ОШИБКА", "安装失败", "x", "=>", "[Active]", "a.b.c", "10.1.2.3",
}

// searched are the strings that queries are made of.
var searched = append([]string{
	"error", "policy", "state", "id", "xml", "file", "exe", "clicore.exe", "windows\\ccm", "server", "5d7b", "1603", "安装", "ошибка", "a.b", "b", "2.3",
	`/err/`, `/exe$/`, `/[a-z]{5} error/`, `/(?-i)Error|ccm_/`, `/8004/`, `/5d7b-16/`, `/^.?x\b/`, `/öff|安/`,
	"code:1603", "code:0x80070643", "code:0x80040669", "code:-2147219863",
	"err*", "*state", "?", "0x????????", "cli*.e*", "win*", "{8097ee64-5d7b", "9f00-0123456789ab",
}, vocabulary...)

func genQuery(depth int) *rapid.Generator[query.Node] {
	return rapid.Custom(func(t *rapid.T) query.Node {
		kinds := 8
		if depth == 0 {
			kinds = 5
		}
		kids := func() []query.Node { return rapid.SliceOfN(genQuery(depth-1), 2, 3).Draw(t, "nodes") }
		var s string
		switch rapid.IntRange(0, kinds).Draw(t, "kind") {
		case 0:
			s = "severity:" + rapid.SampledFrom([]string{"error", "warning", "info", "*r*", ">=warning", "<error", "low..medium"}).Draw(t, "severity")
		case 1:
			s = rapid.SampledFrom([]string{
				"host:h1", "file:b.log", `file:dir\a`, "kind:log", "component:exec*",
				"component:agent", "check:x",
				"case:case", "case:other", "label:acme", "label:customer=acme", "label:customer=AC*", `label:customer="Ac me"`, "label:/^ticket=inc[12]$/", "label:inc", "label:other", "file:/a\\.log$/", "component:/^exec/", "key:x", "type:REG_SZ", "verdict:confirmed", "line:3", "line:5..9", "line:>20",
				"thread:2..3", "thread:<0x1", "size:>1KB", "size:..1024",
			}).Draw(t, "field")
		case 2:
			s = "time:" + rapid.SampledFrom([]string{">2012-03-08T00:01", "<=2012-03-08T00:02", "2012-03-08T00:01", "2012", "2013.."}).Draw(t, "time")
		case 3:
			s = `"` + rapid.SampledFrom(vocabulary).Draw(t, "first") + " " + rapid.SampledFrom(vocabulary).Draw(t, "second") + `"`
		case 6:
			return query.And{Nodes: kids()}
		case 7:
			return query.Or{Nodes: kids()}
		case 8:
			return query.Not{Node: genQuery(depth-1).Draw(t, "node")}
		default:
			s = rapid.SampledFrom(searched).Draw(t, "word")
		}
		n, err := query.Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		return n
	})
}

// TestSearchEqualsScan compares searches with a plain scan, whose idea of a match is written down anew below.
func TestSearchEqualsScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := tempDir(t)
		var arts []testArtifact
		for _, path := range []string{"dir/a.log", "dir/b.log", "c.txt"} {
			a := testArtifact{path: path, kind: rapid.SampledFrom([]ingest.Kind{"log/ccm", "text/plain"}).Draw(t, "kind"), host: rapid.SampledFrom([]string{"H1", "H2", ""}).Draw(t, "host"), bytes: rapid.SampledFrom([]int64{0, 1024, 5000}).Draw(t, "bytes")}
			line := 1
			for i := range rapid.IntRange(0, 40).Draw(t, "records") {
				sep := rapid.SampledFrom([]string{" ", "", "\n", "  ", ".", "-"}).Draw(t, "separator")
				text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 4).Draw(t, "words"), sep)
				r := ingest.Record{
					Line: line, Lines: 1 + strings.Count(text, "\n"), Raw: []byte("<" + text + ">\n"), Text: []byte(text),
					Severity: ingest.Severity(rapid.IntRange(0, 3).Draw(t, "severity")), Thread: uint64(i % 5),
				}
				if c := rapid.SampledFrom([]string{"", "execmgr", "PolicyAgent"}).Draw(t, "component"); c != "" {
					r.Component = []byte(c)
				}
				if rapid.Bool().Draw(t, "timed") {
					r.Time = ingest.WallTime(2012, 3, 8, 0, i%4, i, 0)
				}
				line += r.Lines
				a.records = append(a.records, r)
			}
			arts = append(arts, a)
		}
		if err := publish(buildCase(dir, "case", arts, nil, nil)); err != nil {
			t.Fatal(err)
		}
		labels := rapid.SampledFrom([]index.Labels{nil, {"customer": {"ACME"}}, {"customer": {"Ac me", "other"}, "ticket": {"INC1"}}}).Draw(t, "labels")
		k, err := index.Keep(dir, nil)
		if err == nil {
			err = k.Label(t.Context(), "case", labels)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range arts {
			arts[i].labels = labels
		}
		a, err := index.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		for range 10 {
			q := genQuery(2).Draw(t, "query")
			want := []string{}
			for _, art := range []testArtifact{arts[2], arts[0], arts[1]} {
				for i := range art.records {
					if scan(q, &art, &art.records[i]) {
						want = append(want, fmt.Sprintf("%s:%d", art.path, art.records[i].Line))
					}
				}
			}
			got := []string{}
			for h, err := range a.Search(t.Context(), q, index.SearchOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ref(h))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-scan +search):\n%s", q, diff)
			}
			countsEqualHits(t, a, q, labels)
			byRelevance := []string{}
			for h, err := range a.Search(t.Context(), q, index.SearchOptions{Sort: index.ByRelevance}) {
				if err != nil {
					t.Fatal(err)
				}
				byRelevance = append(byRelevance, ref(h))
			}
			slices.Sort(byRelevance)
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), byRelevance, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s by relevance (-scan +search):\n%s", q, diff)
			}
			byTime := []string{}
			var last *time.Time
			for h, err := range a.Search(t.Context(), q, index.SearchOptions{Sort: index.ByTime}) {
				if err != nil {
					t.Fatal(err)
				}
				if last != nil && h.Time != nil && h.Time.Before(*last) || len(byTime) > 0 && last == nil && h.Time != nil {
					t.Fatalf("%s: %v comes after %v", q, h.Time, last)
				}
				last = h.Time
				byTime = append(byTime, ref(h))
			}
			slices.Sort(byTime)
			slices.Sort(want)
			if diff := cmp.Diff(want, byTime); diff != "" {
				t.Fatalf("%s by time (-scan +search):\n%s", q, diff)
			}
		}
	})
}

// countsEqualHits compares what is counted, of which blocks need not be read, with the hits.
func countsEqualHits(t *rapid.T, a *index.Archive, q query.Node, labels index.Labels) {
	t.Helper()
	n := 0
	want := map[index.Facet]map[string]int{}
	for _, f := range index.Facets() {
		want[f] = map[string]int{}
	}
	for h, err := range a.Search(t.Context(), q, index.SearchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		hour := ""
		if h.Time != nil {
			hour = h.Time.Format("2006-01-02T15")
		}
		for f, v := range map[index.Facet]string{
			index.FacetCase: h.Case, index.FacetHost: h.Host, index.FacetFile: h.Artifact, index.FacetKind: string(h.Kind), index.FacetSeverity: h.Severity,
			index.FacetComponent: h.Component, index.FacetTime: hour, index.FacetCheck: h.Check, index.FacetVerdict: h.Verdict, index.FacetType: h.Type,
		} {
			want[f][v]++
		}
		for name, values := range labels {
			for _, v := range values {
				want[index.FacetLabel][name+"="+v]++
			}
		}
		if len(labels) == 0 {
			want[index.FacetLabel][""]++
		}
	}
	for _, facets := range [][]index.Facet{nil, {index.FacetHost, index.FacetKind}, {index.FacetTime}, {index.FacetSeverity}, {index.FacetLabel}, slices.DeleteFunc(index.Facets(), func(f index.Facet) bool { return f == index.FacetCode })} {
		total, counts, err := a.Count(t.Context(), q, facets...)
		if err != nil || total != n {
			t.Fatalf("%s: %d counted, %d found: %v", q, total, n, err)
		}
		for _, c := range counts {
			got := map[string]int{}
			for _, v := range c.Values {
				got[v.Value] = v.Count
			}
			if c.None > 0 {
				got[""] = c.None
			}
			if diff := cmp.Diff(want[c.Facet], got); diff != "" || c.Others > 0 {
				t.Fatalf("%s by %s, %d others (-hits +counted):\n%s", q, c.Facet, c.Others, diff)
			}
		}
	}
}

// scan evaluates a query on a record.
func scan(q query.Node, a *testArtifact, r *ingest.Record) bool {
	switch q := q.(type) {
	case query.And:
		return !slices.ContainsFunc(q.Nodes, func(n query.Node) bool { return !scan(n, a, r) })
	case query.Or:
		return slices.ContainsFunc(q.Nodes, func(n query.Node) bool { return scan(n, a, r) })
	case query.Not:
		return !scan(q.Node, a, r)
	case query.Text:
		return holds(q, q.Value, string(r.Text))
	case query.Code:
		return holdsCode(q, string(r.Text))
	case query.Time:
		at, ok := r.Time.Local()
		return ok && !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To))
	case query.Number:
		switch q.Name {
		case query.Size:
			return q.From <= a.bytes && a.bytes <= q.To
		case query.Thread:
			return q.From <= int64(r.Thread) && int64(r.Thread) <= q.To
		default:
			for line := r.Line; line < r.Line+r.Lines; line++ {
				if q.From <= int64(line) && int64(line) <= q.To {
					return true
				}
			}
			return false
		}
	case query.Field:
		if q.Name == query.Label {
			for name, values := range a.labels {
				if slices.ContainsFunc(values, func(v string) bool { return holds(q.Text, q.Text.Value, name+"="+v) }) {
					return true
				}
			}
			return false
		}
		values := map[query.Name]string{
			query.Case: "case", query.Host: a.host, query.File: a.path, query.Kind: string(a.kind), query.Severity: r.Severity.String(), query.Component: string(r.Component),
		}
		value, ok := values[q.Name]
		if !ok {
			return false // of findings or of the registry
		}
		if accepted, ok := map[string][]string{">=warning": {"warning", "error"}, "<error": {"info", "warning"}, ">info": {"warning", "error"}, "low..medium": {"warning"}}[q.Text.Value]; ok {
			return slices.Contains(accepted, value)
		}
		text := q.Text.Value
		if q.Text.Form != query.Regexp {
			text = strings.ReplaceAll(text, `\`, "/")
		}
		return holds(q.Text, text, value)
	}
	return false
}

func holds(q query.Text, pattern, text string) bool {
	if q.Form == query.Regexp {
		return regexp.MustCompile("(?im)" + pattern).MatchString(text)
	}
	return occurs(pattern, q.Form == query.Words, text)
}

// holdsCode says whether a text of the vocabulary holds a code: as a number that nothing of a name or of another number touches.
func holdsCode(q query.Code, text string) bool {
	number := "0x80040669"
	if strings.Contains(q.Text.Value, "643") || q.Text.Value == "1603" {
		number = "1603"
	}
	t := []rune(text)
	n := []rune(number)
	at := func(i int) rune {
		if i < 0 || i >= len(t) {
			return ' '
		}
		return t[i]
	}
	digit := func(r rune) bool { return '0' <= r && r <= '9' }
	for i := range t {
		if i+len(n) > len(t) || !strings.EqualFold(string(t[i:i+len(n)]), number) || innerGroup(t, i) {
			continue
		}
		before, after := at(i-1), at(i+len(n))
		switch {
		case letter(before), letter(after), strings.ContainsRune(`_\$`, before), strings.ContainsRune(`_\$`, after),
			before == '.' && letter(at(i-2)), after == '.' && letter(at(i+len(n)+1)),
			before == '-' && !unicode.IsLetter(at(i-2)), after == '-' && digit(at(i+len(n)+1)):
			continue
		}
		if hex := regexp.MustCompile(`(?i)^-[0-9a-f]{4}-`); after == '-' && hex.MatchString(string(t[i+len(n):])) {
			continue
		}
		return true
	}
	return false
}

// occurs says whether a pattern occurs in text, by trying every stretch of it.
func occurs(pattern string, wildcards bool, text string) bool {
	p, t := []rune(pattern), []rune(text)
	for from := 0; from <= len(t); from++ {
		for to := from + 1; to <= len(t); to++ {
			if spells(p, t[from:to], wildcards) && wordwise(t, from, to, p, wildcards) {
				return true
			}
		}
	}
	return false
}

// spells says whether a whole stretch spells the pattern, words aside.
func spells(p, t []rune, wildcards bool) bool {
	if len(p) == 0 {
		return len(t) == 0
	}
	switch {
	case wildcards && p[0] == '*':
		return spells(p[1:], t, wildcards) || len(t) > 0 && letter(t[0]) && spells(p, t[1:], wildcards)
	case len(t) == 0:
		return false
	case wildcards && p[0] == '?':
		return letter(t[0]) && spells(p[1:], t[1:], wildcards)
	case unicode.IsSpace(p[0]):
		return unicode.IsSpace(t[0]) && (spells(p[1:], t[1:], wildcards) || spells(p, t[1:], wildcards))
	}
	return strings.EqualFold(string(p[0]), string(t[0])) && spells(p[1:], t[1:], wildcards)
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// edge says whether a word begins or ends before t[i].
func edge(t []rune, i int) bool {
	return i == 0 || i == len(t) || !letter(t[i-1]) || !letter(t[i]) || unicode.Is(unicode.Han, t[i-1]) || unicode.Is(unicode.Han, t[i])
}

// hump says whether a part of a CamelCase word begins at t[i].
func hump(t []rune, i int) bool {
	ascii := func(i int, lo, hi rune) bool { return i >= 0 && i < len(t) && lo <= t[i] && t[i] <= hi }
	return !edge(t, i) && ascii(i, 'A', 'Z') && (unicode.IsLower(t[i-1]) || ascii(i+1, 'a', 'z'))
}

// wordwise says whether the stretch from-to begins and ends as the words of a pattern must.
func wordwise(t []rune, from, to int, p []rune, wildcards bool) bool {
	isWord := func(r rune) bool { return letter(r) || wildcards && (r == '*' || r == '?') }
	if isWord(p[0]) {
		end := from + 1 // of the first word of the stretch
		for end < to && !edge(t, end) {
			end++
		}
		switch {
		case edge(t, from) && (edge(t, end) || hump(t, end) && !humps(t, from+1, end)): // a word or its first part
		case hump(t, from) && (edge(t, end) || hump(t, end)) && !humps(t, from+1, end): // another part
		default:
			return false
		}
		// Within a GUID a search begins at an inner group only if it has the form of one and a letter.
		first := strings.ToLower(string(t[from:end]))
		plain := !strings.ContainsAny(string(p), "*?") || !wildcards
		if innerGroup(t, from) && (!plain || len(first) != 4 || !strings.ContainsAny(first, "abcdef")) {
			return false
		}
	}
	if isWord(p[len(p)-1]) {
		start := to - 1
		for start > from && !edge(t, start) {
			start--
		}
		switch {
		case edge(t, to):
			return edge(t, start) || hump(t, start) && !humps(t, start+1, to)
		case hump(t, to):
			return !humps(t, start+1, to) && (edge(t, start) || hump(t, start)) && !innerGroup(t, start)
		}
		return false
	}
	return true
}

func humps(t []rune, from, to int) bool {
	for i := from; i < to; i++ {
		if hump(t, i) {
			return true
		}
	}
	return false
}

// innerGroup says whether t[i] stands in an inner group of the vocabulary's GUID.
func innerGroup(t []rune, i int) bool {
	guid := []rune("8097EE64-5D7B-1603-9F00-0123456789AB")
	for at := 0; at+len(guid) <= len(t); at++ {
		if slices.Equal(t[at:at+len(guid)], guid) && edge(t, at) && edge(t, at+len(guid)) && i >= at+9 && i < at+24 {
			return true
		}
	}
	return false
}

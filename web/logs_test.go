package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"casebook/findings"
	"casebook/ingest"
	"casebook/web"
)

// maxPage is the size that no page of a log reaches.
const maxPage = 2_000_000

// files is a site in memory.
type files struct {
	mu   sync.Mutex
	data map[string][]byte
	made func(name string, size int) // called for each file if it is not nil, which is then not kept
}

func (f *files) create(name string) (io.WriteCloser, error) {
	if !regexp.MustCompile(`^([a-z0-9-]+/)?[a-z0-9.-]+$`).MatchString(name) {
		return nil, fmt.Errorf("a file with the name %q", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil {
		f.data = map[string][]byte{}
	}
	if _, twice := f.data[name]; twice {
		return nil, fmt.Errorf("the file %q twice", name)
	}
	f.data[name] = nil
	return &file{name: name, to: f}, nil
}

type file struct {
	bytes.Buffer
	name string
	to   *files
}

func (f *file) Close() error {
	f.to.mu.Lock()
	defer f.to.mu.Unlock()
	if f.to.made != nil {
		f.to.made(f.name, f.Len())
		return nil
	}
	f.to.data[f.name] = f.Bytes()
	return nil
}

// drawSite draws a site and returns its files.
func drawSite(t testing.TB, s *web.Site) map[string][]byte {
	t.Helper()
	var f files
	if err := s.Draw(f.create); err != nil {
		t.Fatal(err)
	}
	return f.data
}

// recordsOf serves logs from memory, by blocks of 100 records as an index does. The records' bytes are gone when the next one is asked for.
func recordsOf(logs map[string][]ingest.Record) func(string, int) iter.Seq2[ingest.Record, error] {
	return func(artifact string, from int) iter.Seq2[ingest.Record, error] {
		return func(yield func(ingest.Record, error) bool) {
			rs := logs[artifact]
			first := 0
			for i := 0; i < len(rs); i += 100 {
				if rs[i].Line < from {
					first = i
				}
			}
			var raw, component []byte
			for _, r := range rs[first:] {
				at := bytes.Index(r.Raw, r.Text)
				raw, component = append(raw[:0], r.Raw...), append(component[:0], r.Component...)
				r.Raw, r.Text, r.Component = raw, raw[at:at+len(r.Text)], component
				if !yield(r, nil) {
					return
				}
				for i := range raw {
					raw[i] = '!'
				}
			}
		}
	}
}

// entry is a record whose text is all of it.
func entry(line int, text string) ingest.Record {
	return ingest.Record{
		Line: line, Lines: 1 + strings.Count(text, "\n"), Raw: []byte(text + "\r\n"), Text: []byte(text), Component: []byte("Agent"), Thread: 1200,
		Time: ingest.WallTime(2012, 3, 8, 21, 16, 0, 0).Stated(-60), Severity: ingest.SeverityInfo,
	}
}

// entries makes records that follow each other.
func entries(n int, text func(i int) string) []ingest.Record {
	rs, line := make([]ingest.Record, n), 1
	for i := range rs {
		rs[i] = entry(line, text(i))
		rs[i].Time.Wall += int64(i) * 1_250_000
		line += rs[i].Lines
	}
	return rs
}

// logSite is a site whose logs have these records, with a finding for which the lines of cited are evidence.
func logSite(logs map[string][]ingest.Record, cited map[string][]int) *web.Site {
	r := &findings.Report{Schema: findings.Schema, Bundle: &findings.Upload{Name: "ticket.zip"}, Systems: []findings.System{{ID: "WKS"}}}
	f := findings.Finding{Check: "windows-pending-reboot", Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Title: "A restart is pending"}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		a := findings.Artifact{Path: name, Kind: ingest.KindLogText, Encoding: "UTF-8", SHA256: sum(name), Records: len(logs[name]), Clock: "stated", System: "WKS"}
		for _, x := range logs[name] {
			a.Bytes += int64(len(x.Raw))
		}
		r.Artifacts = append(r.Artifacts, a)
		for _, line := range cited[name] {
			f.Evidence = append(f.Evidence, findings.Evidence{Artifact: name, Line: line, Quote: "x", Role: findings.Supports})
		}
	}
	r.Findings = []findings.Finding{f}
	return &web.Site{Report: r, Records: recordsOf(logs)}
}

// soundSite reports what the pages of a site must not hold, and links that lead nowhere.
func soundSite(t testing.TB, site map[string][]byte) {
	t.Helper()
	type aim struct{ from, to, id string }
	ids := map[string]map[string]bool{}
	var aims []aim
	for _, name := range slices.Sorted(maps.Keys(site)) {
		if path.Ext(name) != ".html" {
			continue
		}
		page := site[name]
		if len(page) > maxPage {
			t.Errorf("%s has %d bytes", name, len(page))
		}
		if i := bytes.IndexFunc(page, hidden); i >= 0 {
			t.Errorf("%s: a character that can't be seen: …%q…", name, page[max(0, i-60):min(len(page), i+20)])
		}
		doc, err := html.Parse(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = map[string]bool{}
		var policy, script, style string
		headings := 0
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch n.Data {
			case "iframe", "object", "embed", "img", "math", "link", "base", "form", "audio", "video", "template":
				t.Errorf("%s: an element <%s>", name, n.Data)
			case "script":
				script += "|" + content(n)
			case "style":
				style += n.FirstChild.Data
			case "h1":
				headings++
			}
			for _, a := range n.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset", a.Key == "action":
					t.Errorf("%s: <%s> has %s=%q", name, n.Data, a.Key, a.Val)
				case a.Key == "id":
					if ids[name][a.Val] {
						t.Errorf("%s: two elements are called %q", name, a.Val)
					}
					ids[name][a.Val] = true
				case a.Key == "content" && strings.HasPrefix(a.Val, "default-src"):
					policy = a.Val
				case a.Key == "href" && n.Data != "a":
					t.Errorf("%s: <%s> loads %q", name, n.Data, a.Val)
				case a.Key == "href" && !strings.HasPrefix(a.Val, "https://"):
					to, id, _ := strings.Cut(a.Val, "#")
					if to = path.Join(path.Dir(name), to); strings.HasPrefix(a.Val, "#") {
						to = name
					}
					aims = append(aims, aim{name, to, id})
				}
			}
		}
		digest := func(s string) string {
			d := sha256.Sum256([]byte(s))
			return "'sha256-" + base64.StdEncoding.EncodeToString(d[:]) + "'"
		}
		want := []string{"base-uri 'none'", "default-src 'none'", "form-action 'none'", "style-src " + digest(style)}
		if script != "" {
			want = append(want, "script-src "+digest(script[1:]))
		}
		slices.Sort(want)
		got := strings.Split(policy, "; ")
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: policy (-want +got):\n%s", name, diff)
		}
		if headings != 1 {
			t.Errorf("%s: %d first headings, want 1", name, headings)
		}
	}
	for _, a := range aims {
		switch {
		case site[a.to] == nil:
			t.Errorf("%s leads to %s, which is not there", a.from, a.to)
		case a.id != "" && !ids[a.to][a.id]:
			t.Errorf("%s leads to %s#%s, which is not there", a.from, a.to, a.id)
		}
	}
}

// row is a record as a page shows it.
type row struct {
	Line                      int
	Class                     string
	Severity, Time, Component string
	Thread, Message           string
	Marked                    []string
}

// rowsOf reads the records of a page; what is left out between them is a row with the line 0.
func rowsOf(t testing.TB, page []byte) []row {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for n := range doc.Descendants() {
		if n.Data != "tr" || n.Parent.Data != "tbody" {
			continue
		}
		var r row
		var cells []string
		for _, a := range n.Attr {
			if a.Key == "class" {
				r.Class = a.Val
			}
		}
		for c := range n.ChildNodes() {
			cells = append(cells, content(c))
			for m := range c.Descendants() {
				if m.Data == "mark" {
					r.Marked = append(r.Marked, content(m))
				}
			}
		}
		if len(cells) == 6 {
			r.Line, _ = strconv.Atoi(cells[0])
			r.Severity, r.Time, r.Component, r.Thread, r.Message = cells[1], cells[2], cells[3], cells[4], cells[5]
		} else {
			r.Message = strings.Join(cells, "|")
		}
		rows = append(rows, r)
	}
	return rows
}

// leaves returns the names of a log's pages in the order in which they lead to each other.
func leaves(t testing.TB, site map[string][]byte, first string) []string {
	t.Helper()
	next := regexp.MustCompile(`<a rel="next" href="\.\./([^"]*)">Later`)
	names := []string{first}
	if site[first] == nil { // the log has one page
		names[0] = strings.TrimSuffix(first, ".1.html") + ".html"
	}
	for {
		m := next.FindSubmatch(site[names[len(names)-1]])
		if m == nil {
			return names
		}
		if names = append(names, string(m[1])); len(names) > len(site) {
			t.Fatal("the pages lead in a circle")
		}
	}
}

// TestLog draws a long log: every record is on one of its pages, in order, and every link has an aim.
func TestLog(t *testing.T) {
	rs := entries(9_500, func(i int) string {
		if i%1000 == 7 {
			return fmt.Sprintf("message %d\nof two lines", i)
		}
		return fmt.Sprintf("message %d", i)
	})
	cited := []int{1, 3, 4500, rs[9_499].Line}
	s := logSite(map[string][]ingest.Record{"logs/agent.log": rs}, map[string][]int{"logs/agent.log": cited})
	site := drawSite(t, s)
	soundSite(t, site)
	index := string(site["index.html"])
	shown := 0
	pages := leaves(t, site, "logs/logs-agent-log.1.html")
	if len(pages) != 3 {
		t.Fatalf("pages: %q", pages)
	}
	for _, name := range pages {
		for _, r := range rowsOf(t, site[name]) {
			want := rs[shown]
			evidence := slices.Contains(cited, r.Line)
			text, _, _ := strings.Cut(r.Message, "Evidence: ")
			if r.Line != want.Line || text != string(want.Text) || r.Component != "Agent" || r.Thread != "1200" || evidence != (r.Class == "x") {
				t.Fatalf("%s: row %+v, want record %d %q, evidence %v", name, r, want.Line, want.Text, evidence)
			}
			if evidence {
				if link := fmt.Sprintf(`href="%s#L%d"`, name, r.Line); !strings.Contains(index, link) {
					t.Errorf("index.html lacks %s", link)
				}
				if !strings.Contains(r.Message, "Evidence: A restart is pending") || !slices.Equal(r.Marked, []string{string(want.Text)}) {
					t.Errorf("line %d is shown as %+v", r.Line, r)
				}
			}
			shown++
		}
	}
	if shown != len(rs) {
		t.Errorf("%d of %d records are shown", shown, len(rs))
	}
	list := string(site["logs/logs-agent-log.html"])
	for _, want := range []string{"3 pages", `href="../logs/logs-agent-log.2.html#L4500"`, "2012-03-08 21:16:00"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list of pages lacks %q", want)
		}
	}
}

// TestLogRows shows single records as they are.
func TestLogRows(t *testing.T) {
	at := func(line int, text string, change func(*ingest.Record)) ingest.Record {
		r := entry(line, text)
		change(&r)
		return r
	}
	head := ingest.Record{ // the text stands behind two lines
		Line: 20, Lines: 5, Raw: []byte("<head>\n<more>\nfirst\nsecond <b>\ntail\n"), Text: []byte("first\nsecond <b>\n"),
	}
	rs := []ingest.Record{
		at(1, "error & <b>", func(r *ingest.Record) { r.Severity = ingest.SeverityError }),
		at(2, "warning", func(r *ingest.Record) { r.Severity, r.Component, r.Thread = ingest.SeverityWarning, nil, 0 }),
		at(3, "a fraction", func(r *ingest.Record) { r.Time.Wall += 123_000 }),
		at(4, "microseconds", func(r *ingest.Record) { r.Time.Wall += 123_456 }),
		at(5, "whole", func(*ingest.Record) {}),
		at(6, "summer", func(r *ingest.Record) { r.Time = r.Time.Stated(-120) }),
		at(7, "west", func(r *ingest.Record) { r.Time = r.Time.Stated(210) }),
		at(8, "no offset", func(r *ingest.Record) { r.Time = ingest.WallTime(2012, 3, 9, 0, 0, 0, 0) }),
		at(9, "no time", func(r *ingest.Record) { r.Time = ingest.Time{} }),
		at(10, "before 1970", func(r *ingest.Record) { r.Time = ingest.WallTime(1969, 12, 31, 23, 59, 58, 500_000).Stated(-60) }),
		at(11, "three\r\nlines\r\nhere", func(*ingest.Record) {}),
		at(14, "bidi \u202e, nul \x00, Ü, Ж, 漢, é́́́́́́́", func(*ingest.Record) {}),
		at(15, "", func(*ingest.Record) {}),
		head,
		at(25, "RegTask: Failed to get certificate. Error: 0x80004005, twice 0x80004005", func(r *ingest.Record) { r.Severity = ingest.SeverityError }),
	}
	site := drawSite(t, logSite(map[string][]ingest.Record{"a.log": rs}, map[string][]int{"a.log": {12, 20, 21, 23, 24}}))
	soundSite(t, site)
	const time, component = "2012-03-08 21:16:00", "Agent"
	evidence := func(line int) string { return fmt.Sprintf("Evidence in line %d: A restart is pending", line) }
	want := []row{
		{1, "E", "E", time, component, "1200", "error & <b>", nil},
		{2, "W", "W", time, "", "", "warning", nil},
		{3, "", "", time + ".123", component, "1200", "a fraction", nil},
		{4, "", "", time + ".123456", component, "1200", "microseconds", nil},
		{5, "", "", time + ".000", component, "1200", "whole", nil},
		{6, "", "", time + ".000+02:00", component, "1200", "summer", nil},
		{7, "", "", time + ".000-03:30", component, "1200", "west", nil},
		{8, "", "", "2012-03-09 00:00:00.000?", component, "1200", "no offset", nil},
		{9, "", "", "", component, "1200", "no time", nil},
		{10, "", "", "1969-12-31 23:59:58.500", component, "1200", "before 1970", nil},
		{11, "x", "", time + ".000", component, "1200", "three\nlines\nhereEvidence: A restart is pending", []string{"lines"}},
		{14, "", "", time + ".000", component, "1200", "bidi \\u202E, nul \\u0000, Ü, Ж, 漢, é́́́́\\u0301\\u0301\\u0301", nil},
		{15, "", "", time + ".000", component, "1200", "", nil},
		{20, "x", "", "", "", "", "first\nsecond <b>" + evidence(20) + evidence(21) + evidence(23) + evidence(24), []string{"second <b>"}},
		{25, "E", "E", time + ".000", component, "1200", "RegTask: Failed to get certificate. Error: 0x80004005, twice 0x80004005", nil},
	}
	page := site["logs/a-log.html"]
	if diff := cmp.Diff(want, rowsOf(t, page)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, want := range []string{`<span id=L12><mark>lines`, `<span id=L21></span>`, `<span id=L24></span>`, `<abbr title="0x80004005 is E_FAIL`, "1 error code on this page", `data-bias="-60"`, "UTC+01:00"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestLogHead says what a log is, in which state, and what it goes on from.
func TestLogHead(t *testing.T) {
	logs := map[string][]ingest.Record{}
	for _, name := range []string{"a.lo_", "a.log", "a.log.1"} {
		logs[name] = entries(4100, func(i int) string { return name + strconv.Itoa(i) })
	}
	s := logSite(logs, map[string][]int{"a.log": {7}, "a.log.1": {7}, "a.lo_": {7}})
	a := &s.Report.Artifacts[1]
	a.Truncated, a.ClockReason, a.FirstTime, a.LastTime = true, "the log states its offset", "2012-03-08T20:16:00Z", "2012-03-08T21:16:00Z"
	s.Report.Problems = []ingest.Problem{{Artifact: "a.log", Stage: ingest.StageRead, Message: "the member ends <early>"}, {Artifact: "x", Message: "of another"}}
	s.Report.Sequences = []findings.Sequence{{Name: "a.log", Parts: []findings.SequencePart{{Artifact: "a.log.1"}, {Artifact: "a.lo_"}, {Artifact: "a.log"}}}}
	site := drawSite(t, s)
	soundSite(t, site)
	for name, wants := range map[string][]string{
		"logs/a-log.1.html": {
			"the log states its offset", "stated in the log", "Cut short", "the member ends &lt;early&gt;", sum("a.log"), "2012-03-08 20:16:00 to 21:16:00 UTC",
			">WKS</a>", "log/text, UTF-8", "4,100 in", `href="../logs/a-lo.html#end">The file before`, "Before: a.lo_",
		},
		"logs/a-log.2.html":   {`href="../logs/a-log.1.html">Earlier`},
		"logs/a-lo.1.html":    {`href="../logs/a-log-1.html#end">The file before`},
		"logs/a-lo.2.html":    {`href="../logs/a-log.html">The file after`},
		"logs/a-log-1.2.html": {`href="../logs/a-lo.html">The file after`},
	} {
		for _, want := range wants {
			if !bytes.Contains(site[name], []byte(want)) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		if bytes.Contains(site[name], []byte("of another")) {
			t.Errorf("%s tells a problem of another file", name)
		}
	}
}

// TestLogHostile puts payloads where a log has text: nothing but that text changes.
func TestLogHostile(t *testing.T) {
	draw := func(payload string) map[string][]byte {
		rs := entries(30, func(int) string { return "message" })
		for i := range rs {
			r := &rs[i]
			r.Line, r.Lines = 1000*i+1, 1
			r.Severity = ingest.Severity(i % 4)
			text := "error 0x80004005 " + payload
			r.Raw, r.Component = []byte("<![LOG["+text+"]LOG]!>\r\n"), []byte(payload)
			r.Text = r.Raw[len("<![LOG["):][:len(text)]
		}
		s := logSite(map[string][]ingest.Record{"logs/a.log": rs}, map[string][]int{"logs/a.log": {1, 2001}})
		f := &s.Report.Findings[0]
		f.Title, f.Subject, f.System = payload, payload, payload
		a := &s.Report.Artifacts[0]
		a.ClockReason, a.Encoding, a.FirstLocal, a.LastLocal, a.SHA256 = payload, payload, payload, "x", payload
		s.Report.Bundle.Name = payload
		s.Report.Problems = []ingest.Problem{{Artifact: "logs/a.log", Stage: ingest.StageRead, Message: payload}}
		s.Report.Systems[0].ID, a.System = payload, payload
		return drawSite(t, s)
	}
	const page = "logs/logs-a-log.html"
	want := skeleton(t, draw("pay")[page])
	for i, payload := range payloads {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			site := draw(payload)
			soundSite(t, site)
			if strings.TrimSpace(payload) == "" {
				return // empty strings leave elements out
			}
			if diff := cmp.Diff(want, skeleton(t, site[page])); diff != "" {
				t.Errorf("the payload changes the page's elements (-harmless +got):\n%s", diff)
			}
			rows := rowsOf(t, site[page])
			if len(rows) != 30 || strings.Contains(payload, "pay") && !strings.Contains(rows[5].Message, "pay") {
				t.Errorf("the payload is not shown: %+v", rows)
			}
		})
	}
}

// TestLogNames gives logs names that meet, are long, or mean something to a file system.
func TestLogNames(t *testing.T) {
	names := []string{
		"a.log", "a-log", "A.LOG", "a_log", "a.log.1", "a-log-1.html", "con", "AUX", "com1", "lpt9", "console", "..", "../../x.log", "C:/x.log", "日本語.log", "日本.log", " ", "",
		strings.Repeat("long/", 400) + "x.log", strings.Repeat("long/", 400) + "y.log", "x<script>.log", "a\x00b", "a\u202eb", "index.html", "logs",
	}
	logs, cited := map[string][]ingest.Record{}, map[string][]int{}
	for i, name := range names {
		logs[name] = entries(4001+i, func(n int) string { return fmt.Sprintf("%d of log %d", n, i) })
		cited[name] = []int{4000}
	}
	site := drawSite(t, logSite(logs, cited))
	soundSite(t, site)
	seen := map[string]bool{}
	for name, page := range site {
		base, _, _ := strings.Cut(path.Base(name), ".")
		if slices.Contains([]string{"con", "aux", "com1", "lpt9"}, base) {
			t.Errorf("the file %s is a device", name)
		}
		if len(name) > 100 {
			t.Errorf("the name %s has %d characters", name, len(name))
		}
		for _, r := range rowsOf(t, page) {
			if strings.HasPrefix(r.Message, "0 of log ") {
				seen[r.Message] = true
			}
		}
	}
	if len(seen) != len(names) {
		t.Errorf("%d of %d logs are shown: %v", len(seen), len(names), seen)
	}
}

// TestLogChoice shows logs as far as --logs and the budget say.
func TestLogChoice(t *testing.T) {
	logs := map[string][]ingest.Record{"none.log": nil}
	for _, name := range []string{"cited.log", "huge.log", "other.log", "small.log"} {
		logs[name] = entries(6000, func(i int) string { return fmt.Sprintf("%s %d", name, i+1) })
	}
	logs["small.log"] = logs["small.log"][:50]
	choose := func(choice web.Logs) *web.Site {
		s := logSite(logs, map[string][]int{"cited.log": {5}, "huge.log": {150, 300, 4000}, "none.log": {1}})
		s.Logs = choice
		for i, a := range s.Report.Artifacts {
			if a.Path == "huge.log" {
				s.Report.Artifacts[i].Bytes = 300 << 20
			}
		}
		s.Report.Errors = []findings.ErrorKind{{Template: "x", Count: 1, First: findings.Evidence{Artifact: "other.log", Line: 3000}}}
		return s
	}
	lines := func(site map[string][]byte, log string) (spans []string) {
		first, last := 0, 0
		flush := func() {
			if first > 0 {
				spans = append(spans, fmt.Sprintf("%d-%d", first, last))
			}
			first = 0
		}
		for _, name := range leaves(t, site, "logs/"+log+".1.html") {
			for _, r := range rowsOf(t, site[name]) {
				switch {
				case r.Line == 0:
					flush()
					spans = append(spans, r.Message)
					continue
				case first == 0:
					first = r.Line
				case r.Line != last+1:
					t.Errorf("%s: line %d follows line %d", name, r.Line, last)
				}
				last = r.Line
			}
		}
		flush()
		return spans
	}
	t.Run("evidence", func(t *testing.T) {
		site := drawSite(t, choose(""))
		soundSite(t, site)
		for log, want := range map[string][]string{
			"cited-log": {"1-6000"},
			"huge-log":  {"1-500", "Lines 501 to 3,799 are not shown here", "3800-4200", "The lines from 4,201 on are not shown here"},
			"other-log": {"1-100", "Lines 101 to 2,979 are not shown here", "2980-3020", "Lines 3,021 to 5,900 are not shown here", "5901-6000"},
			"small-log": {"1-50"},
		} {
			if diff := cmp.Diff(want, lines(site, log)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", log, diff)
			}
		}
		for name, want := range map[string]string{
			"logs/huge-log.html":  "the lines around its evidence are shown. Analyse with --logs all",
			"logs/other-log.html": "This log holds no evidence",
			"files.html":          `title="This log is long: the lines around its evidence are shown. Analyse with --logs all to have it in full.">in part`,
		} {
			if !bytes.Contains(site[name], []byte(want)) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if site["logs/none-log.html"] != nil {
			t.Error("a log without records has a page")
		}
	})
	t.Run("all", func(t *testing.T) {
		site := drawSite(t, choose(web.LogsAll))
		soundSite(t, site)
		for _, log := range []string{"cited-log", "huge-log", "other-log"} {
			if diff := cmp.Diff([]string{"1-6000"}, lines(site, log)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", log, diff)
			}
		}
		if bytes.Contains(site["index.html"], []byte("--logs")) {
			t.Error("index.html speaks of logs that are not shown")
		}
	})
	for name, s := range map[string]*web.Site{"none": choose(web.LogsNone), "no-records": {Report: choose("").Report}} {
		t.Run(name, func(t *testing.T) {
			site := drawSite(t, s)
			soundSite(t, site)
			for name := range site {
				if strings.HasPrefix(name, "logs/") {
					t.Errorf("a page %s", name)
				}
			}
		})
	}
}

// TestLogSizes keeps pages below their size, whatever the records are.
func TestLogSizes(t *testing.T) {
	const size = ingest.MaxRecord
	lines := strings.Repeat("x\n", 30_000)
	for name, text := range map[string]string{
		"plain": strings.Repeat("x", size), "markup": strings.Repeat("&<>", size/3), "controls": strings.Repeat("\x01", size), "mixed": strings.Repeat("&\x01", size/2),
		"marks": strings.Repeat("\u0301", size/2), "no-utf-8": strings.Repeat("\xff", size), "cut": strings.Repeat("x", 64<<10-1) + "漢字", "wide": strings.Repeat("漢", size/3),
		"codes": strings.Repeat("error 0x80004005 ", size/17), "lines": lines,
	} {
		t.Run(name, func(t *testing.T) {
			rs := entries(24, func(int) string { return text })
			var cited []int
			for _, r := range rs {
				r.Component = []byte(text)
				cited = append(cited, r.Line)
			}
			for i := range 5000 {
				cited = append(cited, i+1)
			}
			s := logSite(map[string][]ingest.Record{"a.log": rs}, map[string][]int{"a.log": cited})
			s.Report.Findings[0].Title = strings.Repeat("\x01&", 5000)
			for i := range rs {
				rs[i].Severity, rs[i].Component = ingest.SeverityError, []byte(text)
			}
			site := drawSite(t, s)
			delete(site, "index.html") // says 5,000 times where its evidence stands
			for name, page := range site {
				if len(page) > maxPage {
					t.Errorf("%s has %d bytes", name, len(page))
				}
			}
			rows := 0
			for _, name := range leaves(t, site, "logs/a-log.1.html") {
				rows += len(rowsOf(t, site[name]))
			}
			if rows != len(rs) {
				t.Errorf("%d of %d records are shown", rows, len(rs))
			}
		})
	}
}

// TestLogPieces shows a line that is longer than a record, which is read in pieces with the same number.
func TestLogPieces(t *testing.T) {
	var rs []ingest.Record
	for i := range 9000 {
		rs = append(rs, entry(1+i/6000, strconv.Itoa(i)))
	}
	site := drawSite(t, logSite(map[string][]ingest.Record{"a.log": rs}, map[string][]int{"a.log": {1, 2}}))
	soundSite(t, site)
	rows := 0
	for _, name := range leaves(t, site, "logs/a-log.1.html") {
		rows += len(rowsOf(t, site[name]))
	}
	if rows != len(rs) {
		t.Errorf("%d of %d pieces are shown", rows, len(rs))
	}
}

// TestLogSame draws a site with one worker and with eight.
func TestLogSame(t *testing.T) {
	logs, cited := map[string][]ingest.Record{}, map[string][]int{}
	for i := range 40 {
		name := fmt.Sprintf("%d/agent.log", i%20+i)
		logs[name] = entries(100+150*i, func(n int) string { return fmt.Sprintf("%d error 0x8000400%d", n, n%7) })
		if i%2 == 0 {
			cited[name] = []int{1, 50}
		}
	}
	s := logSite(logs, cited)
	want := drawSite(t, s)
	zone := time.Local
	defer func() { time.Local = zone }()
	time.Local = time.FixedZone("x", 5*60*60)
	s.Workers = 8
	got := drawSite(t, s)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("files of two sites of one report:\n%s", diff)
	}
	for name := range want {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// TestLogErrors passes on what goes wrong.
func TestLogErrors(t *testing.T) {
	bad := errors.New("the disk is full")
	rs := entries(5000, strconv.Itoa)
	s := logSite(map[string][]ingest.Record{"a.log": rs, "b.log": rs}, map[string][]int{"a.log": {1}, "b.log": {1}})
	for _, workers := range []int{1, 4} {
		s.Workers = workers
		var f files
		err := s.Draw(func(name string) (io.WriteCloser, error) {
			if strings.Contains(name, "b-log") {
				return nil, bad
			}
			return f.create(name)
		})
		if !errors.Is(err, bad) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
	s.Records = func(string, int) iter.Seq2[ingest.Record, error] {
		return func(yield func(ingest.Record, error) bool) { yield(ingest.Record{}, bad) }
	}
	var f files
	if err := s.Draw(f.create); !errors.Is(err, bad) || !strings.Contains(err.Error(), "a.log") {
		t.Errorf("an error of the records gives %v", err)
	}
}

// endless is a log of n records, of which every spacing-th is evidence, that is made while it is read.
func endless(n, spacing int) *web.Site {
	s := logSite(map[string][]ingest.Record{"a.log": {entry(1, "x")}}, nil)
	s.Report.Artifacts[0].Records, s.Report.Artifacts[0].Bytes = n, int64(n)*100
	f := &s.Report.Findings[0]
	for line := 1; line <= n; line += spacing {
		f.Evidence = append(f.Evidence, findings.Evidence{Artifact: "a.log", Line: line, Quote: "x", Role: findings.Supports})
	}
	s.Records = func(_ string, from int) iter.Seq2[ingest.Record, error] {
		return func(yield func(ingest.Record, error) bool) {
			r := entry(1, "")
			var b []byte
			for i := max(1, min(from, n)); i <= n; i++ {
				b = fmt.Appendf(b[:0], "message %d with some words behind it, {6F3A3D7E-52C1-11E0-8D6B-%012X}, failed with 0x%08X", i, i, 0x80070000+i%50)
				r.Line, r.Raw, r.Text, r.Severity = i, b, b, ingest.SeverityInfo
				r.Time.Wall += 37_000
				if i%20 == 0 {
					r.Severity = ingest.SeverityError
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	return s
}

// heap draws a site without keeping it, and returns the most memory in use at the end of a page, and the bytes of all pages.
func heap(t testing.TB, s *web.Site) (most uint64, total int) {
	t.Helper()
	var m runtime.MemStats
	f := files{made: func(name string, n int) {
		total += n
		if n > maxPage && name != "index.html" {
			t.Errorf("%s has %d bytes", name, n)
		}
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
	}}
	runtime.GC()
	if err := s.Draw(f.create); err != nil {
		t.Fatal(err)
	}
	return most, total
}

// TestLogMemory draws logs that grow: the memory does not.
func TestLogMemory(t *testing.T) {
	small, _ := heap(t, endless(20_000, 200))
	large, _ := heap(t, endless(200_000, 2000))
	if limit := small + 40<<20; large > limit {
		t.Errorf("200,000 records take %d MB, 20,000 take %d MB", large>>20, small>>20)
	}
}

// BenchmarkLog draws a log of a million records with 5,000 lines of evidence.
func BenchmarkLog(b *testing.B) {
	s := endless(1_000_000, 200)
	var most uint64
	total := 0
	for b.Loop() {
		most, total = heap(b, s)
	}
	b.SetBytes(int64(total))
	b.ReportMetric(float64(most)/1e6, "MB-heap")
	b.ReportMetric(math.Round(float64(total)/1e6), "MB-pages")
}

package serve_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/web/serve"
)

// TestCrawl follows every link from the first page: all lead somewhere, each to an anchor that exists, and every answer has the headers that protect it.
func TestCrawl(t *testing.T) {
	dir := smallArchive(t)
	s := start(t, serve.Options{Open: opener(dir), Uploads: uploads(t, dir)})
	pages := s.crawl("/", 1500)
	for _, want := range []string{
		"/cases", "/upload", "/case/INC-1/index.html", "/case/INC-2/logs/logs-agent-log.html", "/case/INC-2/logs/logs-agent-log.2001.html", "/case/INC-2/logs/logs-agent-log.last.html",
		"/case/INC-1/notes", "/case/INC-1/similar", "/case/INC-1/note.txt", "/case/~inc%203~1%C3%A4/index.html", "/cases?label=customer%3Dsouth",
	} {
		if _, ok := pages[want]; !ok {
			t.Errorf("no link leads to %s", want)
		}
	}
	for path, a := range pages {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if p := a.header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: the policy is %q", path, p)
		}
		switch kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); kind {
		case "text/html", "":
		case "text/plain", "application/json":
			if !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s is sent as %s and not as a file to be saved", path, kind)
			}
		default:
			t.Errorf("%s is sent as %q", path, kind)
		}
	}
	t.Logf("%d pages", len(pages))
}

// TestPages asks for pages and looks for what they must say, or must not.
func TestPages(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t))})
	tests := []struct {
		name, path string
		status     int
		has, lacks string
	}{
		{"overview", "/", 200, "msi-install-failed", "/upload"},
		{"cases", "/cases", 200, "INC-2", ""},
		{"newest-first", "/cases", 200, "INC-2", ""},
		{"by-label", "/cases?label=customer%3Dnorth", 200, "INC-2", "inc 3/ä"},
		{"by-label-value", "/cases?label=south", 200, "inc 3/ä", "INC-2"},
		{"by-other-label", "/cases?label=site%3Dnorth", 200, "No case fits", "INC-2"},
		{"by-verdict", "/cases?verdict=suspected", 200, "inc 3/ä", "INC-1"},
		{"by-no-verdict", "/cases?verdict=none", 200, "No case fits", "INC-1"},
		{"by-check", "/cases?check=msi-install-failed", 200, "INC-1", "No case fits"},
		{"by-other-check", "/cases?check=other", 200, "No case fits", "INC-1"},
		{"by-host", "/cases?host=wks-inc-1", 200, "INC-1", "INC-2"},
		{"by-text", "/cases?text=inc-2", 200, "INC-2", "INC-1"},
		{"far-page", "/cases?page=99", 200, "INC-2", ""},
		{"search", "/search?q=failed+kind:log", 200, "installation <mark>failed</mark> with", ""},
		{"search-code", "/search?q=code:1603", 200, "<mark>1603</mark>", ""},
		{"search-none", "/search?q=nowhere&count=all", 200, "0 hits", "class=\"hit\""},
		{"search-narrow", "/search?q=step+case:INC-2&page=2", 200, "step 28 of", "INC-1"},
		{"search-time", "/search?q=step&sort=time", 200, "step 3 of", ""},
		{"search-relevance", "/search?q=step&sort=relevance", 200, "<b aria-current=\"true\">relevance</b>", ""},
		{"search-wrong", "/search?q=(a", 400, "this ( is not closed", ""},
		{"search-facets", "/search?q=failed&count=all", 200, "q=failed+case%3A%22INC-1%22", ""},
		{"search-guide", "/search", 200, "ERROR_INSTALL_FAILURE", ""},
		{"case", "/case/INC-1/", 303, "", ""},
		{"case-page", "/case/INC-1/index.html", 200, "An installation failed on WKS-INC-1", ""},
		{"case-odd-name", "/case/~inc%203~1%C3%A4/index.html", 200, "inc 3/ä", ""},
		{"log", "/case/INC-1/logs/logs-agent-log.html", 200, "id=L3", ""},
		{"log-part", "/case/INC-2/logs/logs-agent-log.4711.html", 200, "id=L4711", "id=L4000>"},
		{"log-far", "/case/INC-2/logs/logs-agent-log.9999999.html", 200, "", ""},
		{"log-odd", "/case/INC-2/logs/logs-agent-log.007.html", 404, "", "agent starts"},
		{"log-none", "/case/INC-2/logs/other.html", 404, "", ""},
		{"no-case", "/case/INC-9/index.html", 404, "no such case", ""},
		{"part-of-id", "/case/INC/index.html", 404, "no such case", ""},
		{"no-page", "/case/INC-1/other.html", 404, "", ""},
		{"no-path", "/other", 404, "", ""},
		{"up", "/case/INC-1/../../../../etc/passwd", 0, "", "root:"},
		{"up-escaped", "/case/INC-1/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 0, "", "root:"},
		{"up-case", "/case/..%2f..%2f..%2fetc/passwd", 404, "", "root:"},
		{"up-log", "/case/INC-1/logs/..%2f..%2freport.json", 404, "", "Schema"},
		{"no-upload", "/upload", 404, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.get(tt.path)
			if tt.status != 0 && a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
			if !strings.Contains(a.body, tt.has) {
				t.Errorf("%q is not on the page:\n%s", tt.has, content(a.body))
			}
			if tt.lacks != "" && strings.Contains(a.body, tt.lacks) {
				t.Errorf("%q is on the page", tt.lacks)
			}
		})
	}
	t.Run("methods", func(t *testing.T) {
		for _, m := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "TRACE", "X"} {
			r, err := http.NewRequestWithContext(t.Context(), m, s.URL+"/cases", nil)
			if err != nil {
				t.Fatal(err)
			}
			if a := s.do(r); a.status < 400 {
				t.Errorf("%s: %d", m, a.status)
			}
		}
	})
}

// TestCutShort marks a case of which an upload is cut short in the lists, the overview and on the case's pages, and no other.
func TestCutShort(t *testing.T) {
	dir := smallArchive(t)
	writeSample(t, dir, sample{id: "CUT-4", lines: logLines("cut", 20), report: func(r *findings.Report) {
		r.Problems = []ingest.Problem{{Stage: ingest.StageOpen, Message: "the directory at its end is missing", Cut: ingest.CutUnlisted}}
	}})
	s := start(t, serve.Options{Open: opener(dir)})
	const mark = `href="/case/CUT-4/index.html#cut" title="The upload is cut short: files are missing">cut short</a>`
	tests := []struct {
		path, mark string
		n          int
	}{
		{"/cases", mark, 1},
		{"/", mark, 1},
		{"/case/CUT-4/index.html", "The upload is cut short: files are missing", 1},
		{"/case/CUT-4/files.html", `href="index.html#cut"`, 1},
		{"/case/INC-1/files.html", "#cut", 0},
		{"/cases?text=inc", "#cut", 0},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			body := s.get(tt.path).body
			if n := strings.Count(body, tt.mark); n != tt.n {
				t.Errorf("%q stands there %d times, want %d:\n%s", tt.mark, n, tt.n, content(body))
			}
		})
	}
}

// content is a page from its heading on.
func content(page string) string {
	if _, after, ok := strings.Cut(page, "<main"); ok {
		return after[:min(len(after), 3000)]
	}
	return page[:min(len(page), 500)]
}

// TestEvidence follows a hit to its line, and evidence to its line.
func TestEvidence(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t))})
	at := s.get("/case/INC-2/at?" + url.Values{"file": {"logs/agent.log"}, "line": {"4321"}}.Encode())
	if got, want := at.header.Get("Location"), "/case/INC-2/logs/logs-agent-log.4321.html#L4321"; got != want {
		t.Fatalf("the hit leads to %s, want %s", got, want)
	}
	if page := s.get("/case/INC-2/logs/logs-agent-log.4321.html"); !strings.Contains(page.body, "id=L4321") || !strings.Contains(page.body, "step 4320 of north two") {
		t.Error("the page lacks the line")
	}
	first := s.get("/case/INC-2/index.html").body
	if !strings.Contains(first, `href="logs/logs-agent-log.3.html#L3"`) {
		t.Error("the evidence does not lead to its line")
	}
}

// TestParts reads a log page by page, forwards and backwards, and finds each line once.
func TestParts(t *testing.T) {
	s := start(t, serve.Options{Open: opener(smallArchive(t))})
	var lines, pages int
	walk := func(first, rel string) (all []string) {
		for page := first; page != "" && pages < 100; pages++ {
			a := s.get("/case/INC-2/logs/" + page)
			if a.status != http.StatusOK {
				t.Fatalf("%s: %d", page, a.status)
			}
			var here []string
			for _, part := range strings.Split(a.body, "<tr\nid=L")[1:] {
				n, _, _ := strings.Cut(part, ">")
				n, _, _ = strings.Cut(n, " ")
				here = append(here, n)
			}
			lines += len(here)
			if rel == "prev" {
				all = append(here, all...)
			} else {
				all = append(all, here...)
			}
			_, after, ok := strings.Cut(a.body, `<a rel="`+rel+`" href="../logs/`)
			page = ""
			if ok {
				page, _, _ = strings.Cut(after, `"`)
			}
		}
		return all
	}
	forwards := walk("logs-agent-log.html", "next")
	backwards := walk("logs-agent-log.last.html", "prev")
	if len(forwards) != 5000 || !slices.Equal(forwards, backwards) {
		t.Errorf("%d lines forwards and %d backwards, want the same 5,000", len(forwards), len(backwards))
	}
}

// TestCalled calls cases by their uploads, each only to who may know of it.
func TestCalled(t *testing.T) {
	dir := smallArchive(t)
	for digit, name := range map[string]string{"1": "north-upload.zip", "2": "south-<b>upload.zip"} {
		customer, _, _ := strings.Cut(name, "-")
		writeSample(t, dir, sample{
			labels: index.Labels{"customer": {customer}}, lines: logLines(customer, 20), added: zeroDay.AddDate(1, 0, 0),
			report: func(r *findings.Report) {
				r.Bundle = &findings.Upload{Name: name, SHA256: strings.Repeat(digit, 64), Bytes: 1234, Format: "zip"}
				r.Problems = []ingest.Problem{{Stage: ingest.StageRead, Message: "a member is cut short"}}
			},
		})
	}
	all := start(t, serve.Options{Open: opener(dir), Auth: passwordAuth(t, "anna", "ben"), Users: readUsers(t, "anna: *\nben: customer=north")})
	north := "/case/" + strings.Repeat("1", 64) + "/"
	for _, place := range []string{"/", "/cases", "/search?q=failed&count=all", "/case/INC-1/similar"} {
		anna, ben := all.as("anna").get(place).body, all.as("ben").get(place).body
		for _, want := range []string{"north-upload.zip", "111111111111", "south-&lt;b&gt;upload.zip", "222222222222"} {
			if !strings.Contains(anna, want) {
				t.Errorf("%s: %q is not on the page:\n%s", place, want, content(anna))
			}
			if strings.Contains(ben, want) == strings.ContainsAny(want, "2&") {
				t.Errorf("%s: who may know of one customer: %q: %v", place, want, strings.Contains(ben, want))
			}
		}
		if strings.Contains(anna, ">"+strings.Repeat("1", 64)) {
			t.Errorf("%s: the whole ID is text of the page", place)
		}
	}
	page := all.as("ben").get(north + "index.html").body
	_, head, _ := strings.Cut(page, "<h1>")
	if head, _, _ = strings.Cut(head, "</header>"); !strings.HasPrefix(head, "north-upload.zip<") || !strings.Contains(head, "case 111111111111") {
		t.Errorf("the heading is %s", head)
	}
}

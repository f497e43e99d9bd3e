package serve_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"casebook"
	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/web/serve"
)

// sample is a case as a test writes it.
type sample struct {
	id     string
	labels index.Labels
	added  time.Time
	report func(r *findings.Report) // changes the report; may be nil
	lines  []string                 // of its log
	log    string                   // the log's path
}

// zeroDay is when samples come into the archive.
var zeroDay = time.Date(2012, 3, 8, 20, 0, 0, 0, time.UTC)

// writeSample puts a case into an archive: a log whose third line is evidence of a confirmed finding.
func writeSample(t testing.TB, dir string, s sample) {
	t.Helper()
	ctx := context.Background()
	if s.log == "" {
		s.log = "logs/agent.log"
	}
	if s.added.IsZero() {
		s.added = zeroDay
	}
	w, err := index.Create(ctx, dir, index.Entry{Labels: s.labels, Added: s.added})
	if err != nil {
		t.Fatal(err)
	}
	a := &ingest.Artifact{Path: s.log, Kind: ingest.KindLogText}
	var records []ingest.Record
	for i, l := range s.lines {
		severity := ingest.SeverityInfo
		if strings.Contains(l, "failed") {
			severity = ingest.SeverityError
		}
		records = append(records, ingest.Record{Line: i + 1, Lines: 1, Raw: []byte(l + "\r\n"), Text: []byte(l), Component: []byte("Agent"), Thread: 4660, Severity: severity})
	}
	sink := w.Artifact(a)
	for batch := range slices.Chunk(records, 100) {
		sink.Records(batch)
	}
	sink.Done(a)
	host := "WKS-" + s.id
	r := &findings.Report{
		Schema: findings.Schema, Tool: findings.Tool{Name: "casebook", Version: "test"}, Case: s.id,
		Bundle:    &findings.Upload{Name: s.id + ".zip", SHA256: strings.Repeat("ab", 32), Bytes: 1234, Format: "zip"},
		Systems:   []findings.System{{ID: host, ComputerName: host}},
		Artifacts: []findings.Artifact{{Path: s.log, Kind: ingest.KindLogText, Bytes: 5000, Records: len(records), Clock: "none", System: host, Encoding: "UTF-8"}},
		Errors:    []findings.ErrorKind{{Template: "the installation of # failed", Count: 1, First: findings.Evidence{Artifact: s.log, Line: 3, Quote: "x"}}},
		Findings: []findings.Finding{{
			Check: "msi-install-failed", System: host, Verdict: findings.Confirmed, Severity: findings.High, Title: "An installation failed on " + host, Summary: "It failed.",
			Evidence: []findings.Evidence{{Artifact: s.log, Line: 3, Quote: "failed", Role: findings.Supports}},
		}},
	}
	if s.report != nil {
		s.report(r)
	}
	if err := w.Report(r, func(out io.Writer) error { return json.NewEncoder(out).Encode(r) }); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
}

// logLines are lines of a log whose third one tells of a failure.
func logLines(about string, n int) []string {
	out := []string{"the agent starts for " + about, "policy arrives", "installation failed with exit code 1603 for " + about}
	for i := len(out); i < n; i++ {
		out = append(out, fmt.Sprintf("step %d of %s is done", i, about))
	}
	return out
}

// smallArchive is an archive of three cases of two customers.
func smallArchive(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	writeSample(t, dir, sample{id: "INC-1", labels: index.Labels{"customer": {"north"}}, lines: logLines("north one", 20), added: zeroDay})
	writeSample(t, dir, sample{id: "INC-2", labels: index.Labels{"customer": {"north"}}, lines: logLines("north two", 5000), added: zeroDay.AddDate(0, 0, 3)})
	writeSample(t, dir, sample{id: "inc 3/ä", labels: index.Labels{"customer": {"south"}}, lines: logLines("south", 20), added: zeroDay.AddDate(0, 1, 0), report: func(r *findings.Report) {
		r.Problems = []ingest.Problem{{Stage: ingest.StageRead, Message: "a member is cut short"}}
		r.Findings[0].Verdict = findings.Suspected
	}})
	return dir
}

// opener opens an archive as a server does.
func opener(dir string) func(context.Context) (index.Reader, error) {
	return func(context.Context) (index.Reader, error) { return index.Open(dir) }
}

// uploads are options to take uploads into an archive.
func uploads(t testing.TB, dir string) *serve.Uploads {
	t.Helper()
	in := filepath.Join(dir, "incoming")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	return &serve.Uploads{Store: index.Dir(dir), Dir: in, Options: casebook.Options{Version: "test"}}
}

// running is a server under test.
type running struct {
	*httptest.Server
	t      testing.TB
	client *http.Client
	user   string // asks as this user, with the password of the same name
}

// start starts a server of an archive for the length of the test. Listen is a loopback address unless opt says otherwise.
func start(t testing.TB, opt serve.Options) *running {
	t.Helper()
	if opt.Listen == "" {
		opt.Listen = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s, err := serve.New(ctx, opt)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		h.Close()
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	r := &running{Server: h, t: t, client: client}
	r.waitReady()
	return r
}

// as is the same server, asked by a user.
func (s *running) as(user string) *running {
	c := *s
	c.user = user
	return &c
}

func (s *running) waitReady() {
	s.t.Helper()
	for range 1000 {
		if a := s.get("/readyz"); a.status == http.StatusOK {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("the server does not become ready")
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *running) do(r *http.Request) answer {
	s.t.Helper()
	if s.user != "" {
		r.SetBasicAuth(s.user, s.user)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (s *running) get(path string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(r)
}

// post sends a form; change may be nil.
func (s *running) post(path string, form url.Values, change func(*http.Request)) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	return s.do(r)
}

var tokenField = regexp.MustCompile(`name="token" value="([0-9a-f]+)"`)

// token is that of the form on a page.
func (s *running) token(page string) string {
	s.t.Helper()
	m := tokenField.FindStringSubmatch(s.get(page).body)
	if m == nil {
		s.t.Fatalf("no form on %s", page)
	}
	return m[1]
}

// crawl follows all links from a page, and returns the answers by path. Every page has what its policy allows and nothing else.
func (s *running) crawl(from string, limit int) map[string]answer {
	s.t.Helper()
	seen := map[string]answer{}
	ids := map[string]map[string]bool{}
	type aim struct{ page, id, from string }
	var aims []aim
	queue := []aim{{page: from}}
	for len(queue) > 0 && len(seen) < limit {
		at := queue[0]
		queue = queue[1:]
		if _, ok := seen[at.page]; ok {
			continue
		}
		a := s.get(at.page)
		seen[at.page] = a
		if a.status >= 400 {
			s.t.Errorf("%s, which %s leads to: %d", at.page, at.from, a.status)
			continue
		}
		base, err := url.Parse(at.page)
		if err != nil {
			s.t.Fatal(err)
		}
		if to := a.header.Get("Location"); to != "" {
			u, err := base.Parse(to)
			if err != nil {
				s.t.Fatal(err)
			}
			aims = append(aims, aim{without(u), u.Fragment, at.page})
			queue = append(queue, aim{page: without(u), from: at.page})
			continue
		}
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		doc, err := html.Parse(strings.NewReader(a.body))
		if err != nil {
			s.t.Fatal(err)
		}
		ids[at.page] = map[string]bool{"": true}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch n.Data {
			case "iframe", "object", "embed", "img", "math", "link", "base", "audio", "video", "template", "foreignObject":
				s.t.Errorf("%s: an element <%s>", at.page, n.Data)
			}
			for _, x := range n.Attr {
				switch {
				case strings.HasPrefix(x.Key, "on"), x.Key == "style", x.Key == "src":
					s.t.Errorf("%s: <%s> has %s=%q", at.page, n.Data, x.Key, x.Val)
				case x.Key == "id":
					if ids[at.page][x.Val] {
						s.t.Errorf("%s: two elements are called %q", at.page, x.Val)
					}
					ids[at.page][x.Val] = true
				case x.Key == "href" && !strings.HasPrefix(x.Val, "https://"):
					u, err := base.Parse(x.Val)
					if err != nil || u.Host != "" || u.Scheme != "" {
						s.t.Errorf("%s: a link to %q", at.page, x.Val)
						continue
					}
					aims = append(aims, aim{without(u), u.Fragment, at.page})
					queue = append(queue, aim{page: without(u), from: at.page})
				}
			}
		}
	}
	for _, x := range aims {
		if there, ok := ids[x.page]; ok && !there[x.id] {
			s.t.Errorf("%s leads to %s#%s, which is not there", x.from, x.page, x.id)
		}
	}
	return seen
}

// without is an address without its fragment.
func without(u *url.URL) string {
	v := *u
	v.Fragment, v.RawFragment = "", ""
	return v.String()
}

// bundle is a small upload: a zip with a log.
func bundle(t testing.TB, about string) []byte {
	t.Helper()
	var b strings.Builder
	z := zip.NewWriter(&b)
	w, err := z.Create("logs/agent.log")
	if err == nil {
		_, err = io.WriteString(w, "2012-03-08 20:00:00 the agent starts for "+about+"\r\n2012-03-08 20:00:01 error: installation failed\r\n")
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

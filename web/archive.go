package web

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/internal/secrets"
)

// The names of the pages of a case that only [Live] has.
const (
	PageNotes   = "notes"
	PageSimilar = "similar"
)

// The places of the archive's own pages.
const (
	PlaceOverview = "/"
	PlaceCases    = "/cases"
	PlaceSearch   = "/search"
	PlaceUpload   = "/upload"
	placeCase     = "/case/"
)

// What pages of an archive show of long lists and texts.
const (
	maxRowFindings = 4
	maxRowHosts    = 4
	maxRowLabels   = 6
	maxHitText     = 1200 // bytes of a hit's text
	maxHitLine     = 400  // characters of a line beside it
	maxFacetValues = 8
	maxReasons     = 12
)

//go:embed live.css
var styleLive string

//go:embed live.js
var scriptLive string

// Bar is what the pages of an archive have above their content.
type Bar struct {
	Here    string // the place of the page, "" if it is none of the bar's
	User    string // who is logged in; "" if nobody has to be
	Upload  bool   // there is a page to upload
	Query   string // in the field for searches
	Refresh int    // seconds until the page is to be loaded anew; 0 for never
}

// script is what a page runs: nil is that of a report on its own.
func (b *Bar) script(script string) string {
	if b == nil {
		return script
	}
	return script + scriptLive
}

func (b *Bar) style() string {
	if b == nil {
		return styleSheet
	}
	return styleSheet + styleLive
}

// LivePolicy is the Content-Security-Policy of all pages of an archive together, for the header of a response: each page states its own, which is narrower.
func LivePolicy() string {
	var hashes []string
	for _, s := range []string{"", scriptTools, scriptTools + scriptTimeline, logScript} {
		hashes = append(hashes, "'"+digest(s+scriptLive)+"'")
	}
	return "default-src 'none'; script-src " + strings.Join(hashes, " ") + "; style-src '" + digest(styleSheet+styleLive) +
		"'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// CaseSlug is a case's part of an address. IDs may hold what addresses can't.
func CaseSlug(id string) string {
	if id != "" && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == "" && strings.Trim(id, ".") != "" {
		return id
	}
	return "~" + url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(id, "~", "~0"), "/", "~1"))
}

// CaseOf is the ID of the case of which s, without the escapes of an address, is the part.
func CaseOf(s string) string {
	id, ok := strings.CutPrefix(s, "~")
	if !ok {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(id, "~1", "/"), "~0", "~")
}

// CasePlace is where a page of a case is; "" is the first.
func CasePlace(id, page string) string {
	if page == "" {
		page = PageIndex
	}
	return placeCase + CaseSlug(id) + "/" + page
}

func caseLink(id, page string) templ.SafeURL { return templ.SafeURL(CasePlace(id, page)) }

// hitLink leads to where a hit stands in the case's report.
func hitLink(h index.Hit) templ.SafeURL {
	q := url.Values{}
	if h.Class == index.ClassFinding {
		q.Set("check", h.Check)
	} else {
		q.Set("file", h.Artifact)
	}
	if h.Class != index.ClassFinding && h.Line > 0 {
		q.Set("line", strconv.Itoa(h.Line))
	}
	return templ.SafeURL(CasePlace(h.Case, "at") + "?" + q.Encode())
}

// Told is a finding in a list of cases.
type Told struct {
	Check    string
	Title    string
	Verdict  findings.Verdict
	Severity findings.Severity
}

// CaseRow is a case in a list.
type CaseRow struct {
	ID        string
	Labels    index.Labels
	Added     time.Time // zero if not known
	Hold      string
	Uploads   []index.Upload
	Hosts     []string
	Told      []Told // confirmed and suspected, the gravest first
	Confirmed int
	Suspected int
	Problems  int    // what could not be read
	Trouble   string // the first of that
	Cut       bool   // an upload, or an archive in one, is cut short or lacks a part
	Pending   bool   // nothing is known of its report yet
}

// Overview is the first page of an archive.
type Overview struct {
	Cases, Uploads, Hosts int
	Bytes                 int64
	Confirmed             int // cases with a confirmed finding
	Pending               int // cases whose report is not read yet
	Over                  []index.FacetValue
	Checks                []CheckCount
	Latest                []CaseRow
	Problems              []CaseRow
	Troubled              int // cases with problems
}

// CheckCount says in how many cases a check found something.
type CheckCount struct {
	Check, Title         string
	Confirmed, Suspected int
}

// WriteOverview writes the first page of an archive.
func WriteOverview(w io.Writer, bar *Bar, o *Overview) error {
	return overviewPage(bar, o).Render(context.Background(), w)
}

// Choice is what a list of cases is filtered by. The zero value is all cases.
type Choice struct {
	Text    string // a part of the ID, a label or a title
	Label   string // name=value, or a value
	Verdict string
	Check   string
	Host    string
	Sort    string // "" is the newest first, "severity" the gravest first, "id" by ID
}

// Values are the choice as the query of an address.
func (c Choice) Values() url.Values {
	v := url.Values{}
	for name, s := range map[string]string{"text": c.Text, "label": c.Label, "verdict": c.Verdict, "check": c.Check, "host": c.Host, "sort": c.Sort} {
		if s != "" {
			v.Set(name, s)
		}
	}
	return v
}

func (c Choice) link(page int) templ.SafeURL { return placeWith(PlaceCases, c.Values(), page) }

func (c Choice) sorted(order string) templ.SafeURL {
	c.Sort = order
	return c.link(1)
}

// placeWith is an address with a query and the number of a page.
func placeWith(place string, v url.Values, page int) templ.SafeURL {
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) > 0 {
		place += "?" + v.Encode()
	}
	return templ.SafeURL(place)
}

// CaseList is a page of the list of cases.
type CaseList struct {
	Choice
	Rows    []CaseRow
	Page    int // from 1
	Pages   int
	Shown   int // cases that fit the choice
	Total   int
	Pending int
	Checks  []string // that found something in a case
}

// WriteCases writes a page of the list of cases.
func WriteCases(w io.Writer, bar *Bar, l *CaseList) error {
	return casesPage(bar, l).Render(context.Background(), w)
}

// Search is a page of hits.
type Search struct {
	Query    string
	Problem  string // why the query can't be understood
	Column   int    // where, from 1
	Failed   string // what could not be searched
	Sort     string // file, time, relevance
	Hits     []index.Hit
	Cases    map[string]index.Case // what is known of the cases of the hits and of the facet, by ID
	Page     int                   // from 1
	More     bool                  // there are hits behind these
	Last     bool                  // no further page is shown
	Total    int
	Counted  bool // Total and Facets are known
	All      bool // counting was asked for, however long it takes
	Facets   []index.FacetCounts
	Duration time.Duration
	Guide    []query.Section
}

// WriteSearch writes a page of hits.
func WriteSearch(w io.Writer, bar *Bar, s *Search) error {
	return searchPage(bar, s).Render(context.Background(), w)
}

func (s *Search) values() url.Values {
	v := url.Values{"q": {s.Query}}
	if s.Sort != "" && s.Sort != "file" {
		v.Set("sort", s.Sort)
	}
	if s.All {
		v.Set("count", "all")
	}
	return v
}

func (s *Search) link(page int) templ.SafeURL { return placeWith(PlaceSearch, s.values(), page) }

func (s *Search) sorted(order string) templ.SafeURL {
	v := s.values()
	v.Del("sort")
	if order != "file" {
		v.Set("sort", order)
	}
	return placeWith(PlaceSearch, v, 1)
}

func (s *Search) counting() templ.SafeURL {
	v := s.values()
	v.Set("count", "all")
	return placeWith(PlaceSearch, v, 1)
}

// with is the search for what has a value of a facet besides; false for a value that the language can't say.
func (s *Search) with(f index.Facet, value string) (templ.SafeURL, bool) {
	if _, err := query.Parse(term(string(f), value)); err != nil {
		return "", false
	}
	v := s.values()
	q := strings.TrimSpace(s.Query)
	if strings.Contains(q, " OR ") {
		q = "(" + q + ")"
	}
	v.Set("q", strings.TrimSpace(q+" "+term(string(f), value)))
	return placeWith(PlaceSearch, v, 1), true
}

// term is a field with a value as it has to be typed.
func term(field, value string) string {
	switch field {
	case string(index.FacetTime), string(index.FacetCode):
		return field + ":" + value
	}
	return field + `:"` + strings.ReplaceAll(value, `"`, `""`) + `"`
}

func searchLink(q string) templ.SafeURL {
	return placeWith(PlaceSearch, url.Values{"q": {q}}, 1)
}

// searchIn leads to the search within a case.
func searchIn(id string) templ.SafeURL { return searchLink(term("case", id) + " ") }

// NotePage is what is noted about a case, and the form for another note.
type NotePage struct {
	Notes  []index.Note
	Token  string // of the form; "" if there is none
	Draft  string // a note that was not taken
	Failed string // why
}

// WriteNotes writes the page of a case's notes.
func (l *Live) WriteNotes(w io.Writer, bar *Bar, p *NotePage) error {
	return notesPage(l.on(PageNotes, bar), p).Render(context.Background(), w)
}

// WriteSimilar writes the page of the cases that resemble the case. cases has what is known of them, by ID; failed says what could not be compared, "" if all was.
func (l *Live) WriteSimilar(w io.Writer, bar *Bar, list []index.Likeness, cases map[string]index.Case, failed string) error {
	return similarPage(l.on(PageSimilar, bar), list, cases, failed).Render(context.Background(), w)
}

// UploadPage is the form that takes an upload.
type UploadPage struct {
	Token    string
	Most     int64    // bytes of an upload; 0 for any number
	Groups   []string // the labels that the case may get, one set in a line; nil if they are free
	Failed   string
	Jobs     []Job
	Full     bool // no further upload is taken now
	Keeping  bool // uploads are kept
	Workers  bool // uploads are put into object storage, and analysed by workers, who take no passwords
	Password bool
}

// WriteUpload writes the form that takes an upload.
func WriteUpload(w io.Writer, bar *Bar, p *UploadPage) error {
	return uploadPage(bar, p).Render(context.Background(), w)
}

// Job is an upload that is being analysed.
type Job struct {
	ID     string
	Name   string // of the file
	Bytes  int64
	State  string // waiting, running, done, failed
	Ahead  int    // uploads that are analysed before
	Done   int64  // bytes read
	Failed string // why
	Case   string // that it became
}

// WriteJob writes the page on which the analysis of an upload is followed.
func WriteJob(w io.Writer, bar *Bar, j *Job) error {
	return jobPage(bar, j).Render(context.Background(), w)
}

// WriteMessage writes a page that says one thing, such as why a request is refused.
func WriteMessage(w io.Writer, bar *Bar, title, message string) error {
	return messagePage(bar, title, message).Render(context.Background(), w)
}

// share is a number in percent of the greatest.
func share(n, most int) string {
	if most <= 0 {
		return "0"
	}
	return strconv.Itoa(int(math.Round(100 * float64(n) / float64(most))))
}

func mostOf(list []index.FacetValue) int {
	most := 0
	for _, v := range list {
		most = max(most, v.Count)
	}
	return most
}

func day10(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02")
}

// excerpt is the part of a hit's text that is shown, with what was found in it.
type excerpt struct {
	text   string
	marks  [][2]int
	before bool // text in front is left out
	after  bool
}

// excerptOf cuts a hit's text around what was found. Of a finding, whose words are many, it takes the lines of it.
func excerptOf(h index.Hit) excerpt {
	text, marks := h.Text, h.Matches
	if secrets.Maybe([]byte(text)) {
		if clean := secrets.Remove(text); clean != text {
			text, marks = clean, nil
		}
	}
	text = strings.TrimRight(text, "\r\n")
	from, to := 0, len(text)
	if to > maxHitText {
		if len(marks) > 0 && marks[0][0] > maxHitText/4 {
			from = marks[0][0] - maxHitText/4
			for from > 0 && !utf8.RuneStart(text[from]) {
				from--
			}
		}
		to = min(len(text), from+maxHitText)
		for to < len(text) && !utf8.RuneStart(text[to]) {
			to--
		}
	}
	x := excerpt{text: text[from:to], before: from > 0, after: to < len(text)}
	for _, m := range marks {
		a, b := max(m[0], from), min(m[1], to)
		if n := len(x.marks); a < b && (n == 0 || x.marks[n-1][1] <= a-from) {
			x.marks = append(x.marks, [2]int{a - from, b - from})
		}
	}
	return x
}

// pieces cuts the excerpt into what was found and what stands between.
func (x excerpt) pieces() []markedPiece {
	var out []markedPiece
	at := 0
	for _, m := range x.marks {
		if m[0] > at {
			out = append(out, markedPiece{x.text[at:m[0]], false})
		}
		out = append(out, markedPiece{x.text[m[0]:m[1]], true})
		at = m[1]
	}
	if at < len(x.text) {
		out = append(out, markedPiece{x.text[at:], false})
	}
	return out
}

// marked shows an excerpt with what was found in it, without a space that the text does not have.
func marked(x excerpt) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		write := func(markup string) error {
			_, err := io.WriteString(w, markup)
			return err
		}
		left := `<span class="quiet">…</span>`
		if x.before {
			if err := write(left); err != nil {
				return err
			}
		}
		for _, p := range x.pieces() {
			before, after := "", ""
			if p.found {
				before, after = "<mark>", "</mark>"
			}
			if err := errors.Join(write(before), block(p.text).Render(ctx, w), write(after)); err != nil {
				return err
			}
		}
		if x.after {
			return write(left)
		}
		return nil
	})
}

type markedPiece struct {
	text  string
	found bool
}

// beside is a line in front of a hit or behind it.
func beside(line string) string {
	if secrets.Maybe([]byte(line)) {
		line = secrets.Remove(line)
	}
	return clip(line, maxHitLine)
}

// hitTime is when a hit was logged.
func hitTime(h index.Hit) string {
	if h.Time == nil {
		return ""
	}
	s := h.Time.Format("2006-01-02 15:04:05")
	if h.UTC {
		s += " UTC"
	}
	return s
}

// facetTitle names a facet.
func facetTitle(f index.Facet) string {
	switch f {
	case index.FacetCase:
		return "Case"
	case index.FacetCheck:
		return "Check"
	case index.FacetCode:
		return "Error code"
	case index.FacetComponent:
		return "Component"
	case index.FacetFile:
		return "File"
	case index.FacetHost:
		return "Machine"
	case index.FacetKind:
		return "Kind of file"
	case index.FacetLabel:
		return "Label"
	case index.FacetSeverity:
		return "Severity"
	case index.FacetTime:
		return "Time"
	case index.FacetType:
		return "Type of value"
	case index.FacetVerdict:
		return "Verdict"
	}
	return string(f)
}

// shownFacets are the facets that tell hits apart.
func (s *Search) shownFacets() []index.FacetCounts {
	return slices.DeleteFunc(slices.Clone(s.Facets), func(f index.FacetCounts) bool { return len(f.Values) == 0 })
}

// jobWord says how far an upload is.
func jobWord(j *Job) string {
	switch j.State {
	case "waiting":
		if j.Ahead == 0 {
			return "Waiting to be analysed."
		}
		return "Waiting: " + count(j.Ahead, "upload is", "uploads are") + " analysed before it."
	case "running":
		if j.Done > 0 {
			return "Being analysed: " + size(j.Done) + " read so far."
		}
		return "Being analysed."
	case "done":
		return "Analysed."
	}
	return "It could not be analysed."
}

// pluralOf is the word that agrees with a number which stands elsewhere.
func pluralOf(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// columnHeight is the height of a column of a hundred; what is not zero is seen.
func columnHeight(n, most int) int {
	if n == 0 || most == 0 {
		return 0
	}
	return max(3, 100*n/most)
}

func columnsLabel(list []index.FacetValue) string {
	return "From " + list[0].Value + " to " + list[len(list)-1].Value + ", at most " + number(mostOf(list)) + " at a time; the numbers stand below"
}

// casesSay says how many cases a list has.
func casesSay(l *CaseList) string {
	if l.Shown == l.Total {
		return count(l.Total, "case", "cases")
	}
	return number(l.Shown) + " of " + count(l.Total, "case", "cases")
}

// labelList writes labels as name=value.
func labelList(l index.Labels) []string {
	var out []string
	for name, values := range l.All() {
		for _, v := range values {
			out = append(out, name+"="+v)
		}
	}
	out, _ = head(out, maxRowLabels)
	return out
}

func searchTitle(s *Search) string {
	if s.Query == "" {
		return "Search"
	}
	return "Search: " + clip(s.Query, 80)
}

// searchTally says how many hits there are.
func searchTally(s *Search) string {
	switch {
	case s.Counted:
		return count(s.Total, "hit", "hits")
	case len(s.Hits) == 0:
		return "No hit"
	case s.More || s.Page > 1:
		return "More than " + count(firstHit(s)+len(s.Hits)-2, "hit", "hits")
	}
	return count(len(s.Hits), "hit", "hits")
}

func tookWords(d time.Duration) string { return " in " + strconv.Itoa(int(d.Milliseconds())) + " ms" }

// hitsOnPage is how many hits a page shows.
const hitsOnPage = 25

// HitsOnPage is how many hits a page of a search has.
func HitsOnPage() int { return hitsOnPage }

func firstHit(s *Search) int { return (s.Page-1)*hitsOnPage + 1 }

// hitPlace names where a hit stands.
func hitPlace(h index.Hit) string {
	switch {
	case h.Class == index.ClassFinding:
		return h.Check
	case h.Line > 0:
		return clip(h.Artifact, 160) + ":" + strconv.Itoa(h.Line)
	}
	return clip(h.Artifact, 160)
}

// sharedBy says how rare a reason is.
func sharedBy(n int) string {
	if n == 1 {
		return "(no other case does)"
	}
	return "(as " + number(n) + " cases do)"
}

// maxCalled is how many characters of a case's name a page shows.
const maxCalled = 100

// calledCase is what a case is called in lists.
func calledCase(c index.Case) string {
	name, _ := c.Called()
	return clip(name, maxCalled)
}

// behindCase is what tells more of a case where there is room.
func behindCase(c index.Case) string {
	_, behind := c.Called()
	return clip(behind, maxCalled)
}

// known returns a case of a list, with its ID alone if it is not there.
func known(cases map[string]index.Case, id string) index.Case {
	c := cases[id]
	c.ID = id
	return c
}

func (r *CaseRow) known() index.Case { return index.Case{ID: r.ID, Uploads: r.Uploads} }

// about is what tells more of a case in a short list: when it came, its first machine and its labels.
func (r *CaseRow) about() string {
	var parts []string
	if s := day10(r.Added); s != "" {
		parts = append(parts, s)
	}
	if len(r.Hosts) > 0 && r.Hosts[0] != "" {
		host := clip(r.Hosts[0], maxCalled)
		if n := len(r.Hosts) - 1; n > 0 {
			host += " and " + number(n) + " more"
		}
		parts = append(parts, host)
	}
	for _, l := range labelList(r.Labels) {
		parts = append(parts, clip(l, maxCalled))
	}
	return strings.Join(parts, " · ")
}

func (j *Job) known() index.Case {
	return index.Case{ID: j.Case, Uploads: []index.Upload{{Name: j.Name}}}
}

func (s *Search) caseOf(id string) index.Case { return known(s.Cases, id) }

// facetWord is what the value of a facet is called.
func (s *Search) facetWord(f index.Facet, value string) string {
	if f == index.FacetCase {
		return calledCase(s.caseOf(value))
	}
	return value
}

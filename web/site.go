package web

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
)

// Logs says which logs a report shows in full.
type Logs string

// The choices.
const (
	LogsEvidence Logs = "evidence" // those that evidence cites, as far as the budget reaches
	LogsAll      Logs = "all"
	LogsNone     Logs = "none"
)

// The names of what a site consists of. Pages of logs lie in the folder logs.
const (
	PageIndex    = "index.html"
	PageTimeline = "timeline.html"
	PageRegistry = "registry.html"
	PageFiles    = "files.html"
	FileNote     = "note.txt"
	FileRequest  = "request.txt"
	FolderLogs   = "logs"

	FolderRegistry = "registry" // a page for each machine, where there are several
	FolderFiles    = "files"    // the pages of the list of files behind the first
)

// Parts lists the names of everything that [Site.Draw] may create, files and folders.
func Parts() []string {
	return []string{PageIndex, PageTimeline, PageRegistry, PageFiles, FileNote, FileRequest, FolderLogs, FolderRegistry, FolderFiles}
}

// Site is a report and what its pages are drawn from.
type Site struct {
	Report *findings.Report
	// Records yields the records of an artifact in the order of its lines, from a record that begins no later than line from; where the artifact has no such
	// line, the last ones. It is nil if they are not at hand, so that no log is shown.
	Records func(artifact string, from int) iter.Seq2[ingest.Record, error]
	Logs    Logs   // "" is LogsEvidence
	Changes string // the file of the page that compares the report with an earlier one, beside index.html; "" if there is none
	// Workers is how many logs are drawn side by side; above 1 Records and the create of Draw are called from several goroutines. The pages are the same.
	Workers int

	live   bool              // each page is drawn when it is asked for
	places map[string][]leaf // where the records of an artifact are shown, in the order of their lines
	pages  map[string]string // the first page of a log, below the site, by path
	unseen map[string]string // why a log is not shown, or not all of it, by path
}

// Draw draws the report's pages, and beside them the ticket note and the request to the customer as text. create makes a file of the site; its
// name is relative and separated by /, with one folder at most. The error is that of create, of a file or of Records.
func (s *Site) Draw(create func(name string) (io.WriteCloser, error)) error {
	v := newView(s.Report)
	v.site = s
	v.paginate()
	s.places, s.pages, s.unseen = map[string][]leaf{}, map[string]string{}, map[string]string{}
	if err := s.drawLogs(v, create); err != nil {
		return err
	}
	for _, p := range v.sitePages() {
		if err := draw(create, p.name, p.drawn(v.on(p.name))); err != nil {
			return err
		}
	}
	if err := put(create, FileNote, []byte(Note(s.Report))); err != nil {
		return err
	}
	return put(create, FileRequest, []byte(RequestText(s.Report)))
}

// sitePages lists the pages of a site but those of logs.
func (v *view) sitePages() []sitePage {
	pages := []sitePage{{PageIndex, indexPage}, {PageTimeline, timelinePage}, {PageRegistry, registryPage}, {PageFiles, filesPage}}
	for _, m := range v.Machines {
		if m.page != PageRegistry {
			pages = append(pages, sitePage{m.page, func(v *view) templ.Component { return machinePage(v, m) }})
		}
	}
	for i := range v.leaves {
		if i > 0 {
			pages = append(pages, sitePage{v.leaves[i].page, filesPage})
		}
	}
	return pages
}

// sitePage is a page that is to be drawn.
type sitePage struct {
	name  string
	drawn func(*view) templ.Component
}

// draw writes one page.
func draw(create func(name string) (io.WriteCloser, error), name string, page templ.Component) error {
	var b bytes.Buffer
	if err := page.Render(context.Background(), &b); err != nil {
		return err
	}
	return put(create, name, b.Bytes())
}

// put writes one file.
func put(create func(name string) (io.WriteCloser, error), name string, data []byte) error {
	w, err := create(name)
	if err != nil {
		return err
	}
	if _, err = w.Write(data); err != nil {
		_ = w.Close() // the error that came first counts
		return err
	}
	return w.Close()
}

// leafOf returns the page that has an anchor for a line of an artifact; false if none has.
func (s *Site) leafOf(artifact string, line int) (leaf, bool) {
	if s == nil || line < 1 {
		return leaf{}, false
	}
	if s.live {
		name, ok := s.pages[artifact]
		return leaf{file: partName(name, line)}, ok
	}
	list := s.places[artifact]
	i, _ := slices.BinarySearchFunc(list, line, func(l leaf, line int) int { return l.last - line })
	if i == len(list) {
		return leaf{}, false
	}
	if _, found := slices.BinarySearch(list[i].anchors, line); !found {
		return leaf{}, false
	}
	return list[i], true
}

// up leads from a page to the site's folder: "../" for pages of logs.
func up(name string) string { return strings.Repeat("../", strings.Count(name, "/")) }

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
)

// Parts lists the names of everything that [Site.Draw] may create, files and folders.
func Parts() []string {
	return []string{PageIndex, PageTimeline, PageRegistry, PageFiles, FileNote, FileRequest, FolderLogs}
}

// logBudget is how many decoded bytes of logs are shown in full unless all are asked for.
const logBudget = 256 << 20

// Site is a report and what its pages are drawn from.
type Site struct {
	Report *findings.Report
	// Records yields the records of an artifact in the order of its lines; nil if they are not at hand, so that no log is shown.
	Records func(artifact string) iter.Seq2[ingest.Record, error]
	Logs    Logs // "" is LogsEvidence

	places map[string][]leaf // where the records of an artifact are shown, in the order of their lines
	unseen map[string]string // why a log that could be shown is not, by path
}

// leaf is a page of a log.
type leaf struct {
	file        string // below the site
	first, last int    // lines
	from, to    string // time of the first and of the last record that has one
	records     int
	warnings    int
	errors      int
	cited       []int // lines that evidence cites
}

// Draw draws the report's pages. create makes a file of the site; its name is relative and separated by /, with one folder at most. The error is
// that of create, of a file or of Records.
func (s *Site) Draw(create func(name string) (io.WriteCloser, error)) error {
	v := newView(s.Report)
	v.site = s
	s.places, s.unseen = map[string][]leaf{}, map[string]string{}
	if err := s.drawLogs(v, create); err != nil {
		return err
	}
	for _, page := range []struct {
		name  string
		drawn templ.Component
	}{{PageIndex, index(v)}} {
		if err := draw(create, page.name, page.drawn); err != nil {
			return err
		}
	}
	return nil
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

// leafOf returns the page that shows a line of an artifact; false if none does.
func (s *Site) leafOf(artifact string, line int) (leaf, bool) {
	if s == nil || line < 1 {
		return leaf{}, false
	}
	list := s.places[artifact]
	i, _ := slices.BinarySearchFunc(list, line, func(l leaf, line int) int { return l.last - line })
	if i == len(list) || line < list[i].first {
		return leaf{}, false
	}
	return list[i], true
}

// up leads from a page to the site's folder: "../" for pages of logs.
func up(name string) string { return strings.Repeat("../", strings.Count(name, "/")) }

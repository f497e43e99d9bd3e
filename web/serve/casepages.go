package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
	"casebook/web"
)

// sites keeps the reports that were looked at last, ready to draw pages of.
type sites struct {
	mu   sync.Mutex
	list []*site // the one used last comes last
}

// site is a case's report.
type site struct {
	id, state string
	bytes     int // of report.json
	report    *findings.Report
	live      *web.Live
}

// What is kept of reports.
const (
	maxSites     = 32
	maxSiteBytes = 48 << 20 // of report.json of all of them; in memory it is a multiple
)

func (s *sites) get(id, state string) *site {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(x *site) bool { return x.id == id && x.state == state })
	if i < 0 {
		return nil
	}
	x := s.list[i]
	s.list = append(slices.Delete(s.list, i, i+1), x)
	return x
}

func (s *sites) put(x *site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(y *site) bool { return y.id == x.id })
	s.list = append(s.list, x)
	bytes := 0
	for i, y := range slices.Backward(s.list) {
		if bytes += y.bytes; bytes > maxSiteBytes && i < len(s.list)-1 || len(s.list)-i > maxSites {
			s.list = slices.Delete(s.list, 0, i+1)
			return
		}
	}
}

// open returns the case that a request names, through what its user may see. A case that they may not see is one that does not exist. release must be called
// unless there is an error.
func (s *Server) open(r *http.Request) (x *site, reader index.Reader, release func(), err error) {
	reader, release, err = s.view(r)
	if err != nil {
		return nil, nil, nil, err
	}
	x, err = s.site(r.Context(), reader, web.CaseOf(r.PathValue("case")))
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	return x, reader, release, nil
}

func (s *Server) site(ctx context.Context, reader index.Reader, id string) (*site, error) {
	now, err := reader.Case(ctx, id)
	if errors.Is(err, index.ErrNoCase) {
		return nil, errNotFound
	} else if err != nil {
		return nil, err
	}
	if x := s.sites.get(id, now.State); x != nil {
		return x, nil
	}
	b, err := reader.Report(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotFound
	} else if err != nil {
		return nil, err
	}
	x := &site{id: id, state: now.State, bytes: len(b), report: &findings.Report{}}
	if err := json.Unmarshal(b, x.report); err != nil {
		return nil, fmt.Errorf("case %q: its report can't be read: %w", id, err)
	}
	x.report.Case = id
	x.live = web.NewLive(x.report)
	s.sites.put(x)
	return x, nil
}

// caseStart leads to the first page of a case.
func (s *Server) caseStart(w http.ResponseWriter, r *http.Request) error {
	x, _, release, err := s.open(r)
	if err != nil {
		return err
	}
	release()
	http.Redirect(w, r, web.CasePlace(x.id, ""), http.StatusSeeOther)
	return nil
}

// casePage draws a page of a case's report.
func (s *Server) casePage(w http.ResponseWriter, r *http.Request) error {
	x, reader, release, err := s.open(r)
	if err != nil {
		return err
	}
	defer release()
	name := r.PathValue("page")
	switch name {
	case "report.json":
		b, err := reader.Report(r.Context(), x.id)
		if errors.Is(err, fs.ErrNotExist) {
			return errNotFound
		} else if err != nil {
			return err
		}
		download(w, name, "application/json", b)
		return nil
	case web.FileNote:
		download(w, name, "text/plain; charset=utf-8", []byte(x.live.Note()))
		return nil
	case web.FileRequest:
		download(w, name, "text/plain; charset=utf-8", []byte(x.live.Request()))
		return nil
	}
	records := func(artifact string, from int) iter.Seq2[ingest.Record, error] {
		return reader.Records(r.Context(), x.id, artifact, from)
	}
	s.write(w, r, http.StatusOK, func(b *body) error {
		err := x.live.Draw(b, name, s.bar(r, ""), records)
		if errors.Is(err, fs.ErrNotExist) {
			return errNotFound
		}
		return err
	})
	return nil
}

// caseAt leads to where a hit stands: a line of a log, a file of the list, or a finding.
func (s *Server) caseAt(w http.ResponseWriter, r *http.Request) error {
	x, _, release, err := s.open(r)
	if err != nil {
		return err
	}
	defer release()
	q := r.URL.Query()
	page := web.PageIndex
	if check := q.Get("check"); check != "" {
		page = x.live.CheckPage(check)
	} else {
		line, _ := strconv.Atoi(q.Get("line")) // none is the first
		if to, ok := x.live.LogPage(q.Get("file"), line); ok {
			page = to
		} else if to, ok := x.live.FilePage(q.Get("file")); ok {
			page = to
		}
	}
	http.Redirect(w, r, web.CasePlace(x.id, page), http.StatusSeeOther) //nolint:gosec // page is one of this case, which the request only chose
	return nil
}

// notes is the page of a case's notes.
func (s *Server) notes(w http.ResponseWriter, r *http.Request) error {
	x, reader, release, err := s.open(r)
	if err != nil {
		return err
	}
	defer release()
	return s.showNotes(w, r, http.StatusOK, x, reader, web.NotePage{})
}

func (s *Server) showNotes(w http.ResponseWriter, r *http.Request, status int, x *site, reader index.Reader, p web.NotePage) error {
	var err error
	if p.Notes, err = reader.Notes(r.Context(), x.id); err != nil {
		return err
	}
	p.Token = s.token(r)
	s.write(w, r, status, func(b *body) error { return x.live.WriteNotes(b, s.bar(r, ""), &p) })
	return nil
}

// addNote attaches a note to a case.
func (s *Server) addNote(w http.ResponseWriter, r *http.Request) error {
	x, reader, release, err := s.open(r)
	if err != nil {
		return err
	}
	defer release()
	if err := r.ParseForm(); err != nil {
		return &problem{http.StatusRequestEntityTooLarge, "Too long", "The form is too long, or can't be read."}
	}
	if !s.fromForm(r, r.PostForm.Get("token")) {
		return errBadForm
	}
	text := strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")
	err = reader.AddNote(r.Context(), x.id, index.Note{Time: time.Now(), Author: viewerOf(r).name, Text: text})
	if err != nil {
		s.log.Error("a note was not taken", "case", x.id, "error", err.Error())
		return s.showNotes(w, r, http.StatusBadRequest, x, reader, web.NotePage{Draft: text, Failed: "The note was not taken: it is empty or too long, or the archive takes none."})
	}
	http.Redirect(w, r, web.CasePlace(x.id, web.PageNotes), http.StatusSeeOther)
	return nil
}

// maxSimilar is how many similar cases are listed.
const maxSimilar = 20

// similar is the page of the cases that resemble one.
func (s *Server) similar(w http.ResponseWriter, r *http.Request) error {
	x, reader, release, err := s.open(r)
	if err != nil {
		return err
	}
	defer release()
	list, err := reader.Similar(r.Context(), x.report, maxSimilar)
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	failed := ""
	if err != nil {
		s.log.Error("a comparison was not complete", "case", x.id, "error", err.Error())
		failed = "some case can't be read. The server's log says which."
	}
	s.write(w, r, http.StatusOK, func(b *body) error { return x.live.WriteSimilar(b, s.bar(r, ""), list, failed) })
	return nil
}

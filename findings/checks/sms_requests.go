package checks

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest/extract"
	"casebook/internal/wincode"
)

// What is kept of one artifact.
const (
	maxRequestHosts = 2000
	maxVersionRows  = 5000
)

// requests are those for one computer in one log.
type requests struct {
	host      string       // as written
	retried   int          // how often one was stored in or taken from the queue Retry
	first     *facts.Match // of those
	last      *facts.Match
	refused   int // attempts that ended at the administrative share
	refusal   *facts.Match
	code      uint32 // the error of the last refusal, 0 if not stated
	completed *facts.Match
}

// requestLog is what the observer keeps of one artifact.
type requestLog struct {
	hosts  map[string]*requests // by upper-case name
	ids    map[string]string    // the computer of a request, by its upper-case ID
	more   int                  // computers that were not kept
	seen   int                  // requests in any queue
	travel *facts.Match
	later  *facts.Match // a line of SMS 2003 or later
	sites  []string     // that the status messages name
	rows   []versionRow
}

// versionRow is a line that states a release, with its words in upper case.
type versionRow struct {
	line  *facts.Match
	words []string
}

type requestWatch struct{ log requestLog }

// of returns the requests for a computer, nil if too many are kept.
func (w *requestWatch) of(host string) *requests {
	key := hostKey(host)
	r := w.log.hosts[key]
	if r == nil {
		if len(w.log.hosts) >= maxRequestHosts {
			w.log.more++
			return nil
		}
		r = &requests{host: host}
		w.log.hosts[key] = r
	}
	return r
}

// hostKey is a computer's name without its domain, in upper case.
func hostKey(host string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(host, `\`), ".")
	return strings.ToUpper(name)
}

// See implements facts.Observer.
func (w *requestWatch) See(s *facts.Sight) {
	for i := range s.Hits {
		h := &s.Hits[i]
		capture := func(name string) string { return string(h.Capture(name)) }
		switch strings.TrimPrefix(h.Name, retryID+"/") {
		case "request":
			w.log.seen++
			r := w.of(capture("host"))
			if r == nil {
				continue
			}
			if len(w.log.ids) < 4*maxRequestHosts {
				w.log.ids[strings.ToUpper(capture("id"))] = r.host
			}
			if strings.EqualFold(capture("queue"), "Retry") {
				r.retried++
				r.last = s.Keep()
				if r.first == nil {
					r.first = r.last
				}
			}
		case "completed":
			if r := w.of(capture("host")); r != nil {
				r.completed = s.Keep()
			}
		case "no-share":
			w.refuse(s, capture("host"), capture("code"), false)
		case "no-access":
			w.refuse(s, capture("host"), capture("code"), true)
		case "travel":
			w.log.travel = s.Keep()
		case "later-product":
			if w.log.later == nil {
				w.log.later = s.Keep()
			}
		case "site":
			if code := strings.ToUpper(capture("site")); !slices.Contains(w.log.sites, code) && len(w.log.sites) < 10 {
				w.log.sites = append(w.log.sites, code)
			}
		case "version":
			if len(w.log.rows) < maxVersionRows {
				words := cellBreak.Split(strings.ToUpper(string(s.Record.Text[:min(len(s.Record.Text), 2000)])), 60)
				w.log.rows = append(w.log.rows, versionRow{s.Keep(), words})
			}
		}
	}
}

// refuse notes a failure to reach a computer. Each attempt ends with one line of the second kind, after lines of the first for each account.
func (w *requestWatch) refuse(s *facts.Sight, host, code string, ends bool) {
	r := w.of(host)
	if r == nil {
		return
	}
	if ends {
		r.refused++
	}
	if n, ok := wincode.Parse(code); ok {
		r.code = n
	}
	r.refusal = s.Keep()
}

// End implements facts.Observer.
func (w *requestWatch) End() any { return &w.log }

// requestLogs are the artifacts of a system that hold client configuration requests.
func requestLogs(f *facts.Facts) []facts.Of[*requestLog] {
	return slices.DeleteFunc(facts.Observed[*requestLog](f, retryID), func(o facts.Of[*requestLog]) bool {
		return o.Value.seen == 0 && !ccmLog.MatchString(path.Base(o.Artifact.Path)) || o.Artifact.Records == 0
	})
}

var ccmLog = regexp.MustCompile(`(?i)^ccm\.(?:log?|lo_|old)$`)

// queued is a request that waits in Ccrretry.box.
type queued struct {
	host     string // "" if neither the file's name nor its text tells
	name     string
	bare     bool // the name has no domain: it is random and no computer's, or a computer's
	noSuffix bool // HOST.DOM, which is never retried
	stale    bool // older than the seven days of the retries
	evidence findings.Evidence
}

// retryFolder is a Ccrretry.box of which the bundle shows the content.
type retryFolder struct {
	artifact string // that lists it, or the first of its files
	path     string
	line     int // of the folder in a listing
	files    []queued
	complete bool // a listing that shows the folder whole
}

// retryQueue returns the folders of a system's retry queue, from listings and from copies of its files.
func retryQueue(f *facts.Facts) []retryFolder {
	var out []retryFolder
	now := lastRequestTime(f)
	for _, v := range facts.Values[*extract.Listing](f) {
		for _, folder := range v.Value.Folders {
			if !strings.EqualFold(path.Base(strings.ReplaceAll(folder.Path, `\`, "/")), "ccrretry.box") {
				continue
			}
			box := retryFolder{artifact: v.Artifact.Path, path: folder.Path, line: folder.Line, complete: folder.Complete && folder.Pattern == ""}
			stale := staleEntries(folder.Entries, now)
			for i, e := range folder.Entries {
				if e.Dir {
					continue
				}
				q := newQueued(e.Name)
				q.stale = stale[i]
				q.evidence = findings.FromLine(f, v.Artifact.Path, e.Line, findings.Supports, q.note())
				box.files = append(box.files, q)
			}
			out = append(out, box)
		}
	}
	copied := map[string]*retryFolder{}
	for _, m := range f.Matches(retryID + "/ccr").Kept {
		dir := path.Dir(m.Ref.Artifact)
		if !strings.EqualFold(path.Base(dir), "ccrretry.box") {
			continue
		}
		box := copied[dir]
		if box == nil {
			box = &retryFolder{artifact: m.Ref.Artifact, path: dir}
			copied[dir] = box
		}
		q := newQueued(path.Base(m.Ref.Artifact))
		q.host, q.bare = m.Capture("host"), false
		q.evidence = findings.FromMatch(m, findings.Supports, "a request for "+q.host+" in the retry queue")
		box.files = append(box.files, q)
	}
	for _, dir := range slices.Sorted(maps.Keys(copied)) {
		out = append(out, *copied[dir])
	}
	return out
}

func newQueued(name string) queued {
	q := queued{name: name}
	base := name
	if ext := path.Ext(name); strings.EqualFold(ext, ".ccr") {
		base = strings.TrimSuffix(name, ext)
	} else if ext != "" {
		q.noSuffix = true
	}
	// COMPUTER.DOMAIN.CCR, COMPUTER.CCR, or a random name of eight characters.
	var domain bool
	q.host, _, domain = strings.Cut(base, ".")
	q.bare = !domain
	return q
}

func (q queued) note() string {
	switch {
	case q.noSuffix:
		return "a request without .CCR, which is never retried and stays"
	case q.stale:
		return "a request older than the seven days of the retries"
	}
	return "a request that waits for its retry"
}

// lastRequestTime is the latest reading of the clock in the system's logs of requests; the zero time if there is none.
func lastRequestTime(f *facts.Facts) time.Time {
	var last time.Time
	for _, l := range requestLogs(f) {
		if t, ok := l.Artifact.WallLast.Local(); ok && t.After(last) {
			last = t
		}
	}
	return last
}

var numericDate = regexp.MustCompile(`^\D*(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})`)

// staleEntries says which files of a folder are older than seven days, by the newest of them or by now if that is later. The order of day and
// month is the locale's: a file is stale only if it is in every order that fits all dates.
func staleEntries(entries []extract.Entry, now time.Time) []bool {
	stale := make([]bool, len(entries))
	for i := range stale {
		stale[i] = true
	}
	fits := false
	for _, order := range [][3]int{{1, 2, 3}, {3, 1, 2}, {3, 2, 1}} { // where year, month and day stand
		times := make([]time.Time, len(entries))
		newest, ok := now, true
		for i, e := range entries {
			m := numericDate.FindStringSubmatch(e.ModifiedText)
			if m == nil {
				continue
			}
			year := m[order[0]]
			if len(year) == 2 {
				century := "20"
				if year >= "70" {
					century = "19"
				}
				year = century + year
			}
			t, err := time.Parse("2006-1-2", year+"-"+m[order[1]]+"-"+m[order[2]])
			if err != nil {
				ok = false
				break
			}
			if times[i] = t; t.After(newest) {
				newest = t
			}
		}
		if !ok {
			continue
		}
		fits = true
		for i, t := range times {
			stale[i] = stale[i] && !t.IsZero() && newest.Sub(t) >= 8*24*time.Hour // a date is without its time of day
		}
	}
	if !fits {
		clear(stale)
	}
	return stale
}

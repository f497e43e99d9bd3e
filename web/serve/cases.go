package serve

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
	"casebook/index"
	"casebook/web"
)

// What the pages list.
const (
	casesOnPage  = 50
	maxChecks    = 12
	maxLatest    = 8
	maxTroubles  = 6
	maxPeriods   = 60
	maxFieldSize = 1000 // bytes of a filter
)

// overview is the first page.
func (s *Server) overview(w http.ResponseWriter, r *http.Request) error {
	reader, release, err := s.view(r)
	if err != nil {
		return err
	}
	defer release()
	rows, pending, err := s.catalogue.rows(r.Context(), reader)
	if err != nil {
		return err
	}
	o := web.Overview{Cases: len(rows), Pending: pending, Over: periods(rows), Checks: topChecks(rows)}
	hosts := map[string]bool{}
	for _, row := range rows {
		o.Uploads += len(row.Uploads)
		for _, u := range row.Uploads {
			o.Bytes += u.Bytes
		}
		for _, h := range row.Hosts {
			hosts[h] = true
		}
		if row.Confirmed > 0 {
			o.Confirmed++
		}
	}
	o.Hosts = len(hosts)
	slices.SortStableFunc(rows, newest)
	o.Latest = rows[:min(len(rows), maxLatest)]
	for _, row := range rows {
		if row.Problems > 0 {
			if o.Troubled++; len(o.Problems) < maxTroubles {
				o.Problems = append(o.Problems, row)
			}
		}
	}
	s.write(w, r, http.StatusOK, func(b *body) error { return web.WriteOverview(b, s.bar(r, web.PlaceOverview), &o) })
	return nil
}

func newest(a, b web.CaseRow) int { return b.Added.Compare(a.Added) }

// periods counts the cases by day, month or year, whichever gives few enough columns, with those in between that have none.
func periods(rows []web.CaseRow) []index.FacetValue {
	var first, last time.Time
	for _, r := range rows {
		if r.Added.IsZero() {
			continue
		}
		if t := r.Added.UTC(); first.IsZero() || t.Before(first) {
			first = t
		}
		if t := r.Added.UTC(); t.After(last) {
			last = t
		}
	}
	if first.IsZero() {
		return nil
	}
	for _, p := range []struct {
		layout              string
		years, months, days int
	}{{"2006-01-02", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		at := map[string]int{}
		var out []index.FacetValue
		start := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.UTC)
		if p.days == 0 {
			start = start.AddDate(0, 0, 1-start.Day())
		}
		for t := start; !t.After(last) && len(out) <= maxPeriods || len(out) > 0 && out[len(out)-1].Value < last.Format(p.layout) && len(out) <= maxPeriods; t = t.AddDate(p.years, p.months, p.days) {
			name := t.Format(p.layout)
			at[name] = len(out)
			out = append(out, index.FacetValue{Value: name})
		}
		if len(out) > maxPeriods && p.years == 0 {
			continue
		}
		for _, r := range rows {
			if i, ok := at[r.Added.UTC().Format(p.layout)]; ok && !r.Added.IsZero() {
				out[i].Count++
			}
		}
		return out
	}
	return nil
}

// topChecks counts in how many cases each check found something, the most frequent first.
func topChecks(rows []web.CaseRow) []web.CheckCount {
	counts := map[string]*web.CheckCount{}
	for _, r := range rows {
		in := map[string]findings.Verdict{} // of a case, the surest of each check
		for _, t := range r.Told {
			if t.Severity == findings.Info {
				continue
			}
			if counts[t.Check] == nil {
				counts[t.Check] = &web.CheckCount{Check: t.Check, Title: t.Title}
			}
			if in[t.Check] != findings.Confirmed {
				in[t.Check] = t.Verdict
			}
		}
		for check, v := range in {
			if v == findings.Confirmed {
				counts[check].Confirmed++
			} else {
				counts[check].Suspected++
			}
		}
	}
	var out []web.CheckCount
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b web.CheckCount) int {
		return cmp.Or(cmp.Compare(b.Confirmed+b.Suspected, a.Confirmed+a.Suspected), cmp.Compare(b.Confirmed, a.Confirmed), cmp.Compare(a.Check, b.Check))
	})
	return out[:min(len(out), maxChecks)]
}

// cases is the list of cases.
func (s *Server) cases(w http.ResponseWriter, r *http.Request) error {
	reader, release, err := s.view(r)
	if err != nil {
		return err
	}
	defer release()
	rows, pending, err := s.catalogue.rows(r.Context(), reader)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	field := func(name string) string { return strings.TrimSpace(q.Get(name)[:min(len(q.Get(name)), maxFieldSize)]) }
	l := web.CaseList{
		Choice: web.Choice{Text: field("text"), Label: field("label"), Verdict: field("verdict"), Check: field("check"), Host: field("host"), Sort: field("sort")},
		Total:  len(rows), Pending: pending,
	}
	checks := map[string]bool{}
	for _, row := range rows {
		for _, t := range row.Told {
			checks[t.Check] = true
		}
	}
	l.Checks = slices.Sorted(maps.Keys(checks))
	rows = slices.DeleteFunc(rows, func(row web.CaseRow) bool { return !fits(&row, &l.Choice) })
	switch l.Sort {
	case "id": // as they come
	case "severity":
		slices.SortStableFunc(rows, newest)
		slices.SortStableFunc(rows, func(a, b web.CaseRow) int { return cmp.Compare(gravity(&a), gravity(&b)) })
	default:
		l.Sort = ""
		slices.SortStableFunc(rows, newest)
	}
	l.Shown = len(rows)
	l.Pages = max(1, (len(rows)+casesOnPage-1)/casesOnPage)
	l.Page = min(pageOf(r), l.Pages)
	from := (l.Page - 1) * casesOnPage
	l.Rows = rows[from:min(len(rows), from+casesOnPage)]
	s.write(w, r, http.StatusOK, func(b *body) error { return web.WriteCases(b, s.bar(r, web.PlaceCases), &l) })
	return nil
}

// pageOf is the number of the page that is asked for, from 1.
func pageOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

func gravity(r *web.CaseRow) int {
	if len(r.Told) == 0 {
		return 100
	}
	return rankOf(r.Told[0])
}

// fits reports whether a case is of the choice. Case never matters.
func fits(r *web.CaseRow, c *web.Choice) bool {
	has := func(s, part string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(part)) }
	if c.Text != "" {
		found := has(r.ID, c.Text) ||
			slices.ContainsFunc(r.Told, func(t web.Told) bool { return has(t.Title, c.Text) || has(t.Check, c.Text) }) ||
			slices.ContainsFunc(r.Uploads, func(u index.Upload) bool { return has(u.Name, c.Text) })
		for name, values := range r.Labels.All() {
			for _, v := range values {
				found = found || has(name+"="+v, c.Text)
			}
		}
		if !found {
			return false
		}
	}
	if c.Label != "" {
		name, value, named := strings.Cut(c.Label, "=")
		if !named {
			value = c.Label
		}
		found := false
		for n, values := range r.Labels.All() {
			found = found || (!named || strings.EqualFold(n, strings.TrimSpace(name))) &&
				slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, strings.TrimSpace(value)) })
		}
		if !found {
			return false
		}
	}
	if c.Host != "" && !slices.ContainsFunc(r.Hosts, func(h string) bool { return has(h, c.Host) }) {
		return false
	}
	told := func(verdict string) bool {
		return slices.ContainsFunc(r.Told, func(t web.Told) bool {
			return (c.Check == "" || t.Check == c.Check) && (verdict == "" || string(t.Verdict) == verdict && t.Severity != findings.Info)
		})
	}
	switch c.Verdict {
	case "none":
		return !r.Pending && r.Confirmed+r.Suspected == 0 && (c.Check == "" || told(""))
	case "":
		return c.Check == "" || told("")
	}
	return told(c.Verdict)
}

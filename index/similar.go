package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"

	"casebook/findings"
)

// Likeness is a case that resembles another.
type Likeness struct {
	Case    string   `json:"case"`
	Score   float64  `json:"score"` // sum of the reasons' weights
	Reasons []Reason `json:"reasons"`
	Notes   []Note   `json:"notes"`
}

// Reason is something that two cases share: a finding, or a kind of error in their logs.
type Reason struct {
	Check    string  `json:"check,omitempty"`
	Title    string  `json:"title,omitempty"`    // of the finding, as the case in the archive has it
	Template string  `json:"template,omitempty"` // of the errors, with # for numbers that are no codes
	Cases    int     `json:"cases"`              // so many cases of the archive have it
	Weight   float64 `json:"weight"`             // the rarer, the more
}

// How cases are compared.
const (
	// findingWeight is what a confirmed finding counts beside a kind of error: it is a cause, the other a trace.
	findingWeight = 4
	// maxTemplates is how many shared kinds of errors count, the rarest first: cases of the same product share many.
	maxTemplates = 10
	// minLetters is how many letters a template must have to say anything.
	minLetters = 8
)

// profile is what a case is compared by, and profile.json: a small file, so that many cases are compared soon.
type profile struct {
	Confirmed map[string]string `json:"confirmed,omitempty"` // the title of each confirmed check
	// Templates are the kinds of errors in its logs: of each the SHA-256, cut to eight bytes in hex, one after another. One string is read sooner than many.
	Templates string `json:"templates,omitempty"`
}

// newProfile makes the profile of a report.
func newProfile(r *findings.Report) *profile {
	p := &profile{}
	for i := range r.Findings {
		p.finding(r.Findings[i].Check, r.Findings[i].Verdict, r.Findings[i].Title)
	}
	for i := range r.Errors {
		p.template(r.Errors[i].Template)
	}
	return p
}

func (p *profile) finding(check string, v findings.Verdict, title string) {
	if v != findings.Confirmed || p.Confirmed[check] != "" {
		return
	}
	if p.Confirmed == nil {
		p.Confirmed = map[string]string{}
	}
	p.Confirmed[check] = title
}

func (p *profile) template(s string) {
	letters := 0
	for _, c := range s {
		if unicode.IsLetter(c) {
			letters++
		}
	}
	if letters >= minLetters {
		p.Templates += templateSum(s)
	}
}

// templates lists what stands for the kinds of errors, each once.
func (p *profile) templates() map[string]bool {
	all := map[string]bool{}
	for t := p.Templates; len(t) >= sumLength; t = t[sumLength:] {
		all[t[:sumLength]] = true
	}
	return all
}

// sumLength is how long what stands for a kind of errors is.
const sumLength = 16

// templateSum stands for a kind of errors.
func templateSum(s string) string { return sumOf([]byte(s))[:sumLength] }

// writeProfile writes the profile of a case into its folder.
func writeProfile(dir string, r *findings.Report) error {
	b, err := json.Marshal(newProfile(r))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fileProfile), b, 0o600)
}

// partReport is the part of a report.json that a profile needs; the rest, which is most of it, is not decoded.
type partReport struct {
	Findings []struct {
		Check   string           `json:"check"`
		Verdict findings.Verdict `json:"verdict"`
		Title   string           `json:"title"`
	} `json:"findings"`
	Errors []struct {
		Template string `json:"template"`
	} `json:"errors"`
}

// readProfile reads the profile in the folder of a case; of a case that was written before there were profiles it is made of the report.
func readProfile(dir string) (*profile, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileProfile))
	if err == nil {
		p := &profile{}
		if err := json.Unmarshal(b, p); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", fileProfile, err)
		}
		return p, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if b, err = readFile(dir, fileReport); err != nil {
		return nil, err
	}
	var part partReport
	if err := json.Unmarshal(b, &part); err != nil {
		return nil, fmt.Errorf("its report can't be read: %w", err)
	}
	p := &profile{}
	for _, f := range part.Findings {
		p.finding(f.Check, f.Verdict, f.Title)
	}
	for _, e := range part.Errors {
		p.template(e.Template)
	}
	return p, nil
}

// profile reads the profile of a case as it is now, if it was replaced since its generation was read; nil if it is no more.
func (a *Archive) profile(c *liveCase) (*profile, error) {
	p, err := readProfile(filepath.Join(a.dir, dirCases, c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		now, nerr := a.current(c)
		switch {
		case now == nil || nerr != nil:
			return nil, nerr
		case now.Name != c.Name:
			p, err = readProfile(filepath.Join(a.dir, dirCases, now.Name))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("archive: case %q: %w", c.ID, err)
	}
	return p, nil
}

// profiles returns the profiles of cases, in their order; one that can't be read is nil, and an error. They are remembered until all cases are compared and theirs is gone.
func (a *Archive) profiles(ctx context.Context, cases []liveCase) ([]*profile, error) {
	a.mu.Lock()
	known := a.compared
	a.mu.Unlock()
	out, errs := make([]*profile, len(cases)), make([]error, len(cases))
	var readers sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(cases)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(cases)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				c := &cases[i]
				if out[i] = known[c.Name]; out[i] != nil {
					continue
				}
				out[i], errs[i] = a.profile(c)
			}
		})
	}
	readers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := make(map[string]*profile, len(cases))
	if a.scope != nil { // a part of the cases; the others are still asked for
		maps.Copy(now, known)
	}
	for i, p := range out {
		if p != nil {
			now[cases[i].Name] = p
		}
	}
	a.mu.Lock()
	a.compared = now
	a.mu.Unlock()
	return out, errors.Join(errs...)
}

// Similar returns the other cases of the archive that resemble the one that r reports of, the most similar first, at most limit of them;
// 0 means all. What few cases share counts more. With an error that concerns single cases the others are compared all the same.
func (a *Archive) Similar(ctx context.Context, r *findings.Report, limit int) ([]Likeness, error) {
	m, err := a.generation()
	if err != nil {
		return nil, err
	}
	profiles, err := a.profiles(ctx, m.Cases)
	if profiles == nil && err != nil {
		return nil, err
	}
	errs := []error{err}
	id := r.CaseID()
	others := make([]Traits, 0, len(profiles))
	for i, p := range profiles {
		if p != nil && m.Cases[i].ID != id {
			others = append(others, Traits{Case: m.Cases[i].ID, Confirmed: p.Confirmed, Templates: p.Templates})
		}
	}
	found := Liken(r, others, len(others), limit)
	for i := range found {
		notes, err := a.Notes(ctx, found[i].Case)
		errs = append(errs, err)
		found[i].Notes = append(found[i].Notes, notes...)
	}
	return found, errors.Join(errs...)
}

// Traits are what a case is compared by.
type Traits struct {
	Case      string            // its ID
	Confirmed map[string]string // the title of each confirmed check
	Templates string            // the kinds of errors in its logs, each as TraitLength bytes that stand for it, one after another
}

// TraitLength is how long what stands for a kind of errors is.
const TraitLength = sumLength

// TraitsOf returns the traits of the case that a report is of.
func TraitsOf(r *findings.Report) Traits {
	p := newProfile(r)
	return Traits{Case: r.CaseID(), Confirmed: p.Confirmed, Templates: p.Templates}
}

// Liken returns those of other cases that share a trait with the one that r reports of, the most similar first, at most limit of them; 0 means all. Of all others, compared in number, those that
// share none may be left out. Notes are empty.
func Liken(r *findings.Report, all []Traits, compared, limit int) []Likeness {
	mine := newProfile(r)
	wanted := mine.templates()
	text := map[string]string{} // of the templates of r
	for i := range r.Errors {
		text[templateSum(r.Errors[i].Template)] = r.Errors[i].Template
	}
	// What both of two cases have.
	type common struct {
		id        string
		confirmed map[string]string
		templates []string
	}
	var others []common
	checks, templates := map[string]int{}, map[string]int{} // in how many other cases
	for _, p := range all {
		c := common{id: p.Case, confirmed: map[string]string{}}
		for check, title := range p.Confirmed {
			if _, both := mine.Confirmed[check]; both {
				checks[check]++
				c.confirmed[check] = title
			}
		}
		for t := p.Templates; len(t) >= sumLength; t = t[sumLength:] {
			if s := t[:sumLength]; wanted[s] && !slices.Contains(c.templates, s) {
				templates[s]++
				c.templates = append(c.templates, s)
			}
		}
		if len(c.confirmed)+len(c.templates) > 0 {
			others = append(others, c)
		}
	}
	weight := func(holding int) float64 { return math.Log(float64(compared+2) / float64(holding+1)) }
	found := []Likeness{}
	for _, c := range others {
		l := Likeness{Case: c.id, Reasons: []Reason{}, Notes: []Note{}}
		for _, check := range slices.Sorted(maps.Keys(c.confirmed)) {
			l.Reasons = append(l.Reasons, Reason{Check: check, Title: c.confirmed[check], Cases: checks[check], Weight: findingWeight * weight(checks[check])})
		}
		var shared []Reason
		for _, s := range c.templates {
			shared = append(shared, Reason{Template: text[s], Cases: templates[s], Weight: weight(templates[s])})
		}
		slices.SortFunc(shared, byWeight)
		l.Reasons = append(l.Reasons, shared[:min(len(shared), maxTemplates)]...)
		slices.SortStableFunc(l.Reasons, byWeight)
		for _, reason := range l.Reasons {
			l.Score += reason.Weight
		}
		found = append(found, l)
	}
	slices.SortFunc(found, func(x, y Likeness) int { return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Case, y.Case)) })
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found
}

func byWeight(a, b Reason) int {
	return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Template, b.Template))
}

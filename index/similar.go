package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
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
	Template string  `json:"template,omitempty"` // of the errors, with # for numbers
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

// Traits are what a case is compared by.
type Traits struct {
	Case      string            // its ID
	Confirmed map[string]string // the title of each confirmed check
	Templates map[string]bool   // the kinds of errors in its logs
}

// TraitsOf returns the traits of the case that a report is of.
func TraitsOf(r *findings.Report) Traits {
	t := Traits{Case: r.CaseID(), Confirmed: map[string]string{}, Templates: map[string]bool{}}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Verdict == findings.Confirmed && t.Confirmed[f.Check] == "" {
			t.Confirmed[f.Check] = f.Title
		}
	}
	for i := range r.Errors {
		letters := 0
		for _, c := range r.Errors[i].Template {
			if unicode.IsLetter(c) {
				letters++
			}
		}
		if letters >= minLetters {
			t.Templates[r.Errors[i].Template] = true
		}
	}
	return t
}

// partReport is the part of a report.json that likeness needs; the rest, which is most of it, is not decoded.
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

// traitsOf reads the traits of a case of the archive.
func (a *Archive) traitsOf(ctx context.Context, id string) (Traits, error) {
	b, err := a.Report(ctx, id)
	if err != nil {
		return Traits{}, err
	}
	var part partReport
	if err := json.Unmarshal(b, &part); err != nil {
		return Traits{}, fmt.Errorf("archive: case %q: its report can't be read: %w", id, err)
	}
	r := findings.Report{Case: id}
	for _, f := range part.Findings {
		r.Findings = append(r.Findings, findings.Finding{Check: f.Check, Verdict: f.Verdict, Title: f.Title})
	}
	for _, e := range part.Errors {
		r.Errors = append(r.Errors, findings.ErrorKind{Template: e.Template})
	}
	return TraitsOf(&r), nil
}

// Similar returns the other cases of the archive that resemble the one that r reports of, the most similar first, at most limit of them;
// 0 means all. What few cases share counts more. With an error that concerns single cases the others are compared all the same.
func (a *Archive) Similar(ctx context.Context, r *findings.Report, limit int) ([]Likeness, error) {
	mine := TraitsOf(r)
	ids, err := a.Cases(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	others := make([]Traits, 0, len(ids))
	counts := TraitCounts{Checks: map[string]int{}, Templates: map[string]int{}}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if id == mine.Case {
			continue
		}
		t, err := a.traitsOf(ctx, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		maps.DeleteFunc(t.Templates, func(s string, _ bool) bool { return !mine.Templates[s] }) // what is not shared is not kept
		for c := range t.Confirmed {
			counts.Checks[c]++
		}
		for s := range t.Templates {
			counts.Templates[s]++
		}
		others = append(others, t)
	}
	counts.Cases = len(others)
	found := Liken(mine, others, counts, limit)
	for i := range found {
		notes, err := a.Notes(ctx, found[i].Case)
		errs = append(errs, err)
		found[i].Notes = append(found[i].Notes, notes...)
	}
	return found, errors.Join(errs...)
}

// TraitCounts says how common traits are.
type TraitCounts struct {
	Cases     int            // that are compared with one, all but itself
	Checks    map[string]int // in how many of them a check is confirmed
	Templates map[string]int // in how many of them errors of a kind are logged
}

// Liken returns those of the others that share a trait with a case, the most similar first, at most limit of them; 0 means all. Others that share none
// may be left out if counts counts them. Notes are empty.
func Liken(mine Traits, others []Traits, counts TraitCounts, limit int) []Likeness {
	weight := func(holding int) float64 { return math.Log(float64(counts.Cases+2) / float64(holding+1)) }
	found := []Likeness{}
	for _, t := range others {
		l := Likeness{Case: t.Case, Reasons: []Reason{}, Notes: []Note{}}
		for _, c := range slices.Sorted(maps.Keys(t.Confirmed)) {
			if _, both := mine.Confirmed[c]; both {
				l.Reasons = append(l.Reasons, Reason{Check: c, Title: t.Confirmed[c], Cases: counts.Checks[c], Weight: findingWeight * weight(counts.Checks[c])})
			}
		}
		var shared []Reason
		for s := range t.Templates {
			if mine.Templates[s] {
				shared = append(shared, Reason{Template: s, Cases: counts.Templates[s], Weight: weight(counts.Templates[s])})
			}
		}
		slices.SortFunc(shared, byWeight)
		l.Reasons = append(l.Reasons, shared[:min(len(shared), maxTemplates)]...)
		slices.SortStableFunc(l.Reasons, byWeight)
		for _, reason := range l.Reasons {
			l.Score += reason.Weight
		}
		if len(l.Reasons) > 0 {
			found = append(found, l)
		}
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

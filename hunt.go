package casebook

import (
	"context"
	"errors"
	"regexp"
	"slices"

	"casebook/findings"
	"casebook/index"
	"casebook/index/query"
	"casebook/index/words"
	"casebook/ingest"
)

// Hunted is what a hunt found in a case.
type Hunted struct {
	Case      string             // its ID
	Evaluated []string           // the checks that were evaluated, in order; none if the index shows that none of them can have a finding
	Findings  []findings.Finding // confirmed and suspected, in the order of a report
	Problems  []ingest.Problem   // of the checks
	Err       error              // why the case could not be looked at; nil if it was
}

// Hunt runs checks over cases of an archive and tells each of what it found, in the order of the cases. Of a check that rests on its signals ([findings.Check].Rests) only cases are
// evaluated in which the index finds the text of one of them; the others are not touched. Nothing is changed. Of opt, Workers and Version are looked at. tell may end the hunt by an
// error, which is returned; otherwise the only error is that of ctx.
func Hunt(ctx context.Context, archive index.Hunter, cases []index.Case, hunted []*findings.Check, opt Options, tell func(Hunted) error) error {
	todo := make([][]*findings.Check, len(cases))
	failed := make([]error, len(cases))
	ids := make([]string, len(cases))
	for i := range cases {
		ids[i] = cases[i].ID
	}
	for _, c := range hunted { // one query after the other: a shard remembers its answer for all of its cases
		var matching []index.Match
		if q := trace(c); q != nil {
			matching = archive.Matching(ctx, ids, q)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for i := range cases {
			switch {
			case matching == nil || matching[i].Holds:
				todo[i] = append(todo[i], c)
			case failed[i] == nil:
				failed[i] = matching[i].Err
			}
		}
	}
	for i := range cases {
		h := Hunted{Case: cases[i].ID, Err: failed[i]}
		if h.Err == nil && len(todo[i]) > 0 {
			h.look(ctx, archive, todo[i], opt)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := tell(h); err != nil {
			return err
		}
	}
	return nil
}

// trace is the query for the texts of which a case holds one if a check can have a finding; nil if it may have one anyhow.
func trace(c *findings.Check) query.Node {
	if c.Rests == nil {
		return nil
	}
	rests := c.Rests()
	if rests == nil {
		return nil
	}
	oneOf := query.Or{}
	for _, s := range c.Signals {
		if !slices.Contains(rests, s.Name) {
			continue
		}
		for _, l := range s.Literals {
			text := regexp.QuoteMeta(l)
			m, err := words.CompileRegexp(text)
			if err != nil {
				return nil
			}
			oneOf.Nodes = append(oneOf.Nodes, query.Text{Value: text, Form: query.Regexp, Matcher: m})
		}
	}
	return oneOf
}

// look evaluates checks in a case.
func (h *Hunted) look(ctx context.Context, archive index.Sourcer, checks []*findings.Check, opt Options) {
	for _, c := range checks {
		h.Evaluated = append(h.Evaluated, c.ID)
	}
	s, err := archive.Sources(ctx, h.Case)
	var r *findings.Report
	if err == nil {
		defer s.Close()
		r, err = Again(ctx, s, Options{Checks: checks, Workers: opt.Workers, Version: opt.Version, Progress: opt.Progress, Log: opt.Log})
	}
	if err != nil {
		h.Evaluated, h.Err = nil, err
		return
	}
	for _, f := range r.Findings {
		if f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected {
			h.Findings = append(h.Findings, f)
		}
	}
	for _, p := range r.Problems {
		if p.Stage == ingest.StageCheck {
			h.Problems = append(h.Problems, p)
		}
	}
}

// NotStored tells whether an error says that a case was written without what a new analysis needs.
func NotStored(err error) bool {
	var lacking *LackingError
	return errors.Is(err, index.ErrNotStored) || errors.As(err, &lacking)
}

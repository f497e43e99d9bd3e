package casebook

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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

// Hunt runs checks over cases of an archive and tells each of what it found, in the order of the cases. Of a check that rests on texts ([findings.Check].Rests) only cases are
// evaluated in which the index finds one of them; the others are not touched. Nothing is changed. Of opt, Workers and Version are looked at. tell may end the hunt by an
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
		if q, registry := trace(c); q != nil {
			matching = archive.Matching(ctx, ids, q, registry)
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

// trace is the query for the texts of which a case holds one if a check can have a finding, and whether registry values may hold them too; nil if it may have one anyhow.
func trace(c *findings.Check) (q query.Node, registry bool) {
	if c.Rests == nil {
		return nil, false
	}
	rests := c.Rests()
	if !rests.Any() {
		return nil, false
	}
	texts := slices.Clone(rests.Texts)
	for _, s := range c.Signals {
		if slices.Contains(rests.Signals, s.Name) {
			texts = append(texts, s.Literals...)
		}
	}
	oneOf := query.Or{}
	for _, l := range beginnings(texts) {
		text := regexp.QuoteMeta(l)
		m, err := words.CompileRegexp(text)
		if err != nil {
			return nil, false
		}
		oneOf.Nodes = append(oneOf.Nodes, query.Text{Value: text, Form: query.Regexp, Matcher: m})
	}
	return oneOf, len(rests.Texts) > 0
}

// enough is how many bytes texts must share for them to be looked for by their beginning: of an error code, all but the last two digits.
const enough = 6

// beginnings returns texts so that each of the given ones begins with one of them, in any case of letters. Every text that is looked for reads the words of every shard, and some checks know forty codes of one
// family; what else begins so costs an evaluation.
func beginnings(texts []string) []string {
	list := make([]string, len(texts))
	for i, t := range texts {
		list[i] = strings.ToLower(t)
	}
	slices.Sort(list)
	var out []string
	for _, t := range list {
		if n := len(out); n > 0 {
			same := 0
			for same < min(len(t), len(out[n-1])) && t[same] == out[n-1][same] {
				same++
			}
			for same > 0 && same < len(t) && !utf8.RuneStart(t[same]) {
				same--
			}
			if same >= enough || same == len(out[n-1]) {
				out[n-1] = t[:same]
				continue
			}
		}
		out = append(out, t)
	}
	return out
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

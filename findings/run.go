package findings

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"casebook/findings/facts"
	"casebook/ingest"
)

// Run runs the checks over the systems' facts and returns the findings in the order of a report: by verdict, severity, check,
// system and subject; and the problems that arose. It returns early with ctx's error.
func Run(ctx context.Context, checks []*Check, all []*facts.Facts) ([]Finding, []ingest.Problem, error) {
	var out []Finding
	var problems []ingest.Problem
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		r := runner{check: c, all: all}
		r.run()
		out = append(out, r.findings...)
		problems = append(problems, r.problems...)
	}
	slices.SortStableFunc(out, compare)
	return out, problems, nil
}

// runner runs one check.
type runner struct {
	check    *Check
	all      []*facts.Facts
	findings []Finding
	problems []ingest.Problem
}

func (r *runner) run() {
	c := r.check
	var ready []*facts.Facts
	for _, f := range r.all {
		if !slices.ContainsFunc(c.Needs, func(n Need) bool { return !n.met(f) }) {
			ready = append(ready, f)
		}
	}
	if len(ready) == 0 {
		r.findings = []Finding{r.unmet()}
		return
	}
	crashed := false
	if c.RunAll != nil {
		crashed = !r.try(func() ([]Finding, error) { return c.RunAll(ready) }, ready, "")
	} else {
		for _, f := range ready {
			crashed = !r.try(func() ([]Finding, error) { return c.Run(f) }, []*facts.Facts{f}, f.ID) || crashed
		}
	}
	r.join()
	if len(r.findings) == 0 && !crashed {
		r.problem(fmt.Sprintf("check %s gave no verdict", c.ID))
	}
	if len(r.findings) == 0 {
		r.findings = []Finding{r.notEvaluated(DataMissing, "The check ended without a verdict; see the problems of this report.", nil)}
	}
}

// try calls the check and takes its findings; a panic or an error is a problem and costs only this verdict.
func (r *runner) try(call func() ([]Finding, error), about []*facts.Facts, system string) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = false
			r.problem(fmt.Sprintf("check %s crashed: %v at %s", r.check.ID, p, crashSite(debug.Stack())))
		}
	}()
	got, err := call()
	if err != nil {
		r.problem(fmt.Sprintf("check %s: %v", r.check.ID, err))
		return false
	}
	for i := range got {
		r.accept(&got[i], about, system)
	}
	return true
}

// accept completes a finding and refuses claims that its evidence does not carry.
func (r *runner) accept(f *Finding, about []*facts.Facts, system string) {
	c := r.check
	f.Check = c.ID
	f.System = cmp.Or(f.System, system)
	f.Title = cmp.Or(f.Title, c.Title)
	f.Severity = cmp.Or(f.Severity, c.Severity)
	f.State = cmp.Or(f.State, Unknown)
	f.References = append(f.References, c.Doc.References...)
	if f.Verdict == RuledOut || f.Verdict == NotEvaluated {
		f.State = Unknown
	}
	if f.Verdict == Confirmed || f.Verdict == Suspected {
		f.Cause = cmp.Or(f.Cause, c.Doc.Cause)
		if len(f.Remedy) == 0 {
			f.Remedy = c.Doc.Remedy
		}
	}
	for i := range f.Evidence {
		f.Evidence[i].Quote = clip(f.Evidence[i].Quote)
	}
	supports := func(e Evidence) bool { return e.Role == Supports }
	sound := func(e Evidence) bool {
		return supports(e) && !slices.ContainsFunc(about, func(x *facts.Facts) bool { return x.Conflicting(e.Artifact) })
	}
	switch {
	case (f.Verdict == Confirmed || f.Verdict == Suspected) && !slices.ContainsFunc(f.Evidence, supports):
		r.problem(fmt.Sprintf("check %s called %q %s without supporting evidence; the verdict was refused", c.ID, f.Subject, f.Verdict))
		*f = r.notEvaluated(DataMissing, "The check gave no evidence for its verdict.", f.Missing)
	case f.Verdict == Confirmed && !slices.ContainsFunc(f.Evidence, sound):
		f.Verdict = Suspected
		f.Summary += " All of the evidence lies in artifacts whose computer is in doubt, so nothing is confirmed."
	case f.Verdict == RuledOut:
		if e, ok := unreliable(f.Evidence, about); ok {
			m := Missing{
				What:    "a complete and current copy of " + e.Artifact,
				Why:     "what the bundle holds is cut short or was being written when it was copied, so that it can't show that something is absent",
				Collect: e.Artifact,
			}
			n := r.notEvaluated(DataMissing, fmt.Sprintf("Nothing of it is to be seen, but %s can't show absence: it is cut short, or was being written when it was copied. %s", e.Artifact, f.Summary), append(f.Missing, m))
			n.System, n.Evidence = f.System, f.Evidence
			*f = n
		}
	case f.Verdict == Confirmed, f.Verdict == Suspected, f.Verdict == NotEvaluated:
	}
	r.findings = append(r.findings, *f)
}

// unreliable returns the evidence of a ruled-out finding that can't carry it.
func unreliable(evidence []Evidence, about []*facts.Facts) (Evidence, bool) {
	for _, e := range evidence {
		if e.Role == Context {
			continue
		}
		for _, f := range about {
			if !f.Reliable(e.Artifact) {
				return e, true
			}
		}
	}
	return Evidence{}, false
}

// join makes one finding of the not-evaluated ones: none if another system gave a verdict, else one for the whole bundle.
func (r *runner) join() {
	isOpen := func(f Finding) bool { return f.Verdict == NotEvaluated }
	open := slices.DeleteFunc(slices.Clone(r.findings), func(f Finding) bool { return !isOpen(f) })
	if len(open) == 0 {
		return
	}
	r.findings = slices.DeleteFunc(r.findings, isOpen)
	if len(r.findings) > 0 {
		return
	}
	first := open[0]
	for _, f := range open[1:] {
		first.Evidence = append(first.Evidence, f.Evidence...)
		for _, m := range f.Missing {
			if !slices.Contains(first.Missing, m) {
				first.Missing = append(first.Missing, m)
			}
		}
		first.System, first.Subject = "", ""
	}
	r.findings = []Finding{first}
}

// unmet is the finding of a check whose needs no system meets.
func (r *runner) unmet() Finding {
	c := r.check
	if !slices.ContainsFunc(r.all, c.Product.seen) {
		return r.notEvaluated(ProductAbsent, fmt.Sprintf("Nothing in the bundle shows %s.", c.Product.Name), needed(c.Needs, nil))
	}
	// What is missing is told for the system that lacks least.
	best := slices.MinFunc(r.all, func(a, b *facts.Facts) int {
		return cmp.Compare(len(needed(c.Needs, a)), len(needed(c.Needs, b)))
	})
	missing := needed(c.Needs, best)
	what := make([]string, len(missing))
	for i, m := range missing {
		what[i] = m.What
	}
	return r.notEvaluated(DataMissing, fmt.Sprintf("The bundle shows %s, but lacks %s.", c.Product.Name, strings.Join(what, " and ")), missing)
}

// needed lists what a system lacks; everything for nil.
func needed(needs []Need, f *facts.Facts) []Missing {
	var out []Missing
	for _, n := range needs {
		if f == nil || !n.met(f) {
			out = append(out, n.Missing())
		}
	}
	return out
}

func (r *runner) notEvaluated(why Reason, summary string, missing []Missing) Finding {
	c := r.check
	return Finding{
		Check: c.ID, Verdict: NotEvaluated, Severity: c.Severity, State: Unknown, Reason: why, Title: c.Title, Summary: summary,
		References: c.Doc.References, Missing: missing,
	}
}

func (r *runner) problem(message string) {
	r.problems = append(r.problems, ingest.Problem{Stage: ingest.StageCheck, Message: message})
}

// crashSite returns the place in casebook's own checks that panicked.
func crashSite(stack []byte) string {
	for line := range strings.Lines(string(stack)) {
		line = strings.TrimSpace(line)
		if i := strings.Index(line, "findings/checks/"); i >= 0 && strings.Contains(line, ".go:") {
			return strings.Fields(line[i:])[0]
		}
	}
	return "an unknown place"
}

func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(verdictRank(a.Verdict), verdictRank(b.Verdict)),
		cmp.Compare(slices.Index(Severities(), a.Severity), slices.Index(Severities(), b.Severity)),
		strings.Compare(a.Check, b.Check),
		strings.Compare(a.System, b.System),
		strings.Compare(a.Subject, b.Subject),
	)
}

func verdictRank(v Verdict) int {
	return slices.Index([]Verdict{Confirmed, Suspected, RuledOut, NotEvaluated}, v)
}

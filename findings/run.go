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
	"casebook/internal/safeio"
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
	inOrder(checks, out, all)
	return out, problems, nil
}

// runner runs one check.
type runner struct {
	check    *Check
	all      []*facts.Facts
	findings []Finding
	broken   []Finding // of systems on which the check failed
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
	if c.RunAll != nil {
		r.try(func() ([]Finding, error) { return c.RunAll(r.all) }, r.all, nil)
	} else {
		for _, f := range ready {
			r.try(func() ([]Finding, error) { return c.Run(f) }, []*facts.Facts{f}, f)
		}
	}
	r.join()
	r.findings = append(r.findings, r.broken...)
}

// try calls the check and takes its findings. A panic, an error and the lack of a verdict are problems and cost only this verdict. one is
// the system that the check looks at, nil if it sees several.
func (r *runner) try(call func() ([]Finding, error), about []*facts.Facts, one *facts.Facts) {
	system, on := "", ""
	if one != nil {
		system = one.ID
		if len(r.all) > 1 {
			on = " on " + safeio.Quote(system)
		}
	}
	broken := func(format string, args ...any) {
		r.problems = append(r.problems, ingest.Problem{
			Stage: ingest.StageCheck, Message: fmt.Sprintf("check %s%s: ", r.check.ID, on) + fmt.Sprintf(format, args...),
		})
		n := r.notEvaluated(DataMissing, "The check ended without a verdict; see the problems of this report.", nil)
		n.System = system
		r.broken = append(r.broken, n)
	}
	defer func() {
		if p := recover(); p != nil {
			broken("crashed: %v at %s", p, crashSite(debug.Stack()))
		}
	}()
	got, err := call()
	if err != nil {
		broken("%v", err)
		return
	}
	if len(got) == 0 {
		broken("gave no verdict")
		return
	}
	for _, f := range got {
		if one != nil {
			f.System = one.ID
		}
		r.accept(f, about, one)
	}
}

// accept completes a finding and refuses claims that its evidence does not carry.
func (r *runner) accept(f Finding, about []*facts.Facts, one *facts.Facts) {
	c := r.check
	f.Check = c.ID
	f.Title = cmp.Or(f.Title, c.Title)
	if !slices.Contains(Severities(), f.Severity) {
		f.Severity = c.Severity
	}
	f.References = union(f.References, c.Doc.References)
	f.Evidence = once(f.Evidence)
	for i := range f.Evidence {
		e := &f.Evidence[i]
		decode(e, kindOf(about, e.Artifact))
	}
	switch f.Verdict {
	case Confirmed, Suspected:
		f.Reason = ""
		f.State = cmp.Or(f.State, Unknown)
		f.Cause = cmp.Or(f.Cause, c.Doc.Cause)
		if len(f.Remedy) == 0 {
			f.Remedy = c.Doc.Remedy
		}
		f.Risk, f.Undo = cmp.Or(f.Risk, c.Doc.Risk), cmp.Or(f.Undo, c.Doc.Undo)
		f.Cured, f.Overturns = cmp.Or(f.Cured, c.Doc.Cured), cmp.Or(f.Overturns, c.Doc.Overturns)
		f.Unmet = ""
		f = r.weigh(f, about, one)
	case RuledOut:
		f.Reason, f.State = "", Unknown
		f.Unmet = cmp.Or(f.Unmet, unmetBy(f.Evidence))
		f = r.clear(f, about, one)
	case NotEvaluated:
		f.Reason, f.State = cmp.Or(f.Reason, DataMissing), Unknown
		f.Unmet = cmp.Or(f.Unmet, lacking(f.Missing), f.Summary)
	default:
		f = r.refuse(f, fmt.Sprintf("the verdict %q, which there is not", f.Verdict))
	}
	r.findings = append(r.findings, f)
}

// unmetBy names the first evidence against a check as the condition that failed; "" if there is none.
func unmetBy(evidence []Evidence) string {
	for _, e := range evidence {
		if e.Role != Contradicts {
			continue
		}
		switch {
		case e.Absent && e.Note != "":
			return fmt.Sprintf("Absent from %s: %s.", e.Place(), e.Note)
		case e.Absent:
			return "It is not in " + e.Place() + "."
		case e.Note != "":
			return fmt.Sprintf("Contradicted by %s: %s.", e.Place(), e.Note)
		default:
			return "Contradicted by " + e.Place() + "."
		}
	}
	return ""
}

// lacking names the first thing that a check lacked as the condition that failed; "" if it lacked nothing.
func lacking(missing []Missing) string {
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("The bundle lacks %s.", missing[0].What)
}

// refuse makes a finding whose claim can't stand a not-evaluated one, and a problem.
func (r *runner) refuse(f Finding, gave string) Finding {
	r.problems = append(r.problems, ingest.Problem{
		Stage: ingest.StageCheck, Message: fmt.Sprintf("check %s gave %s on subject %s; it was refused", r.check.ID, gave, safeio.Quote(f.Subject)),
	})
	n := r.notEvaluated(DataMissing, "The check gave no evidence for its verdict.", f.Missing)
	n.System = f.System
	return n
}

// weigh lowers a confirmed finding to what its evidence carries.
func (r *runner) weigh(f Finding, about []*facts.Facts, one *facts.Facts) Finding {
	supporting := slices.DeleteFunc(slices.Clone(f.Evidence), func(e Evidence) bool { return e.Role != Supports })
	if len(supporting) == 0 {
		return r.refuse(f, fmt.Sprintf("the verdict %s without supporting evidence", f.Verdict))
	}
	if f.Verdict != Confirmed {
		return f
	}
	has := func(e Evidence, is func(*facts.Facts, string) bool) bool {
		return slices.ContainsFunc(about, func(x *facts.Facts) bool { return is(x, e.Artifact) })
	}
	sound := slices.ContainsFunc(supporting, func(e Evidence) bool {
		return !has(e, (*facts.Facts).Conflicting) && !has(e, (*facts.Facts).Outdated) && !has(e, (*facts.Facts).Script)
	})
	first := supporting[0]
	lower := func(summary string, m Missing) {
		f.Verdict = Suspected
		f.Summary = strings.TrimSpace(f.Summary + " " + summary)
		f.Missing = append(slices.Clone(f.Missing), m)
	}
	switch {
	case !sound && has(first, (*facts.Facts).Outdated):
		lower("All of the evidence lies in older copies of the registry, which say how the system was, so nothing is confirmed.",
			whole(first.Artifact, about, "the bundle holds an older copy only"))
	case !sound && has(first, (*facts.Facts).Script):
		lower("All of the evidence lies in .reg files that ask for deletions, so they are scripts of changes and not exports of a machine; nothing is confirmed.",
			whole(first.Artifact, about, "a script says what would be set, not what is"))
	case !sound:
		lower("All of the evidence lies in artifacts whose computer is in doubt, so nothing is confirmed.", Missing{
			What: "a copy of " + shown(first.Artifact) + " together with the name of the computer that it comes from",
			Why:  "the bundle contradicts itself about whose it is", Collect: shown(first.Artifact),
		})
	case one != nil && one.Mixed && slices.ContainsFunc(supporting, func(e Evidence) bool { return e.Artifact != first.Artifact }):
		lower("The evidence lies in several artifacts of which nothing says that they come from one computer, so nothing is confirmed.", Missing{
			What: "the name of the computer that " + shown(first.Artifact) + " comes from",
			Why:  "the bundle is of several computers and does not say whose it is", Collect: "hostname",
		})
	}
	return f
}

// clear turns a ruled-out finding whose evidence can't show that something is absent into a not-evaluated one.
func (r *runner) clear(f Finding, about []*facts.Facts, one *facts.Facts) Finding {
	carrying := slices.DeleteFunc(slices.Clone(f.Evidence), func(e Evidence) bool { return e.Role == Context })
	if len(f.Evidence) == 0 {
		return r.refuse(f, fmt.Sprintf("the verdict %s without evidence", f.Verdict))
	}
	undo := func(summary string, m Missing) Finding {
		n := r.notEvaluated(DataMissing, strings.TrimSpace(summary+" "+f.Summary), append(slices.Clone(f.Missing), m))
		n.System, n.Evidence, n.Unmet = f.System, f.Evidence, summary
		return n
	}
	for _, e := range carrying {
		for _, x := range about {
			if x.Conflicting(e.Artifact) {
				return undo(fmt.Sprintf("Nothing of it is to be seen, but whose %s is can't be told.", shown(e.Artifact)), Missing{
					What: "a copy of " + shown(e.Artifact) + " together with the name of the computer that it comes from",
					Why:  "the bundle contradicts itself about whose it is", Collect: shown(e.Artifact),
				})
			}
			if !x.Reliable(e.Artifact) || e.Absent && !x.ShowsAbsence(e.Artifact) {
				const why = "what the bundle holds is damaged, cut short, out of date or a part, so that it can't show that something is absent"
				return undo(fmt.Sprintf("Nothing of it is to be seen, but %s can't show absence: it is damaged, cut short, out of date or a part.", shown(e.Artifact)),
					whole(e.Artifact, about, why))
			}
		}
	}
	if one != nil && one.Mixed {
		supports := slices.IndexFunc(carrying, func(e Evidence) bool { return e.Role == Supports })
		if supports >= 0 && slices.ContainsFunc(carrying, func(e Evidence) bool { return e.Role == Contradicts && e.Artifact != carrying[supports].Artifact }) {
			return undo("What contradicts it may come from another computer.", Missing{
				What: "the name of the computer that " + shown(carrying[supports].Artifact) + " comes from",
				Why:  "the bundle is of several computers and does not say whose it is", Collect: "hostname",
			})
		}
	}
	return f
}

// whole asks for an artifact as it ought to be, a hive by the command that saves it from a running system.
func whole(artifact string, about []*facts.Facts, why string) Missing {
	m := Missing{What: "a complete and current copy of " + shown(artifact), Why: why, Collect: shown(artifact)}
	names := map[ingest.Kind]string{
		ingest.KindHiveSystem: "SYSTEM", ingest.KindHiveSoftware: "SOFTWARE", ingest.KindHiveSAM: "SAM", ingest.KindHiveSecurity: "SECURITY",
	}
	for _, x := range about {
		if a := x.Artifact(artifact); a != nil && names[a.Kind] != "" {
			m.Collect = `reg save HKLM\` + names[a.Kind] + ` "%PUBLIC%\` + names[a.Kind] + `.hiv" /y`
		}
	}
	return m
}

// shown is a path of the bundle as a sentence may hold it: quoted if it could be misread.
func shown(path string) string {
	if q := safeio.Quote(path); q != `"`+path+`"` {
		return q
	}
	return path
}

// shownKey is a registry key or value's name as a sentence may hold it, its backslashes as they are.
func shownKey(key string) string {
	if q := safeio.Quote(key); q != `"`+strings.ReplaceAll(key, `\`, `\\`)+`"` {
		return q
	}
	return key
}

// once returns the evidence with each fact at its place a single time, however many of a check's arguments rest on it, so that nobody counts
// one line as two proofs. The first stays, with the notes of the others and with a role that says more than context.
func once(list []Evidence) []Evidence {
	type fact struct {
		place, quote string
		absent       bool
	}
	var out []Evidence
	at := map[fact]int{}
	for _, e := range list {
		e.Quote = clip(e.Quote)
		k := fact{e.Place(), e.Quote, e.Absent}
		i, known := at[k]
		if !known || e.Line == 0 && e.Key == "" {
			// Evidence of a whole artifact has no place of its own: only its note tells it from another.
			at[k] = len(out)
			out = append(out, e)
			continue
		}
		if e.Note != "" && !strings.Contains(out[i].Note, e.Note) {
			out[i].Note = join(out[i].Note, e.Note)
		}
		if out[i].Role == Context {
			out[i].Role = e.Role
		}
	}
	return out
}

// union returns the values of both lists, each once.
func union[T comparable](a, b []T) []T {
	var out []T
	for _, v := range slices.Concat(a, b) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// join makes one finding of the not-evaluated ones: none if another system gave a verdict, else one for the whole bundle. Those on matters
// of their own stay beside the verdicts on others.
func (r *runner) join() {
	isOpen := func(f Finding) bool { return f.Verdict == NotEvaluated }
	open := slices.DeleteFunc(slices.Clone(r.findings), func(f Finding) bool { return !isOpen(f) })
	if len(open) == 0 {
		return
	}
	r.findings = slices.DeleteFunc(r.findings, isOpen)
	if len(r.findings) > 0 {
		if r.check.Apart {
			r.findings = append(r.findings, open...)
		}
		return
	}
	// What is said for all is said for a system that shows the product, if there is one.
	slices.SortStableFunc(open, func(a, b Finding) int { return compareReason(a.Reason, b.Reason) })
	first := open[0]
	for _, f := range open[1:] {
		first.Evidence = once(slices.Concat(first.Evidence, f.Evidence))
		if f.Reason == first.Reason {
			first.Missing = union(first.Missing, f.Missing)
		}
		first.System, first.Subject = "", ""
	}
	r.findings = []Finding{first}
}

// compareReason orders the lack of data before the lack of the product.
func compareReason(a, b Reason) int {
	rank := func(r Reason) int { return slices.Index([]Reason{DataMissing, ProductAbsent}, r) }
	return cmp.Compare(rank(a), rank(b))
}

// unmet is the finding of a check whose needs no system meets.
func (r *runner) unmet() Finding {
	c := r.check
	if !slices.ContainsFunc(r.all, c.Product.seen) {
		n := r.notEvaluated(ProductAbsent, fmt.Sprintf("Nothing in the bundle shows %s.", c.Product.Name), needed(c.Needs, nil))
		n.Unmet = n.Summary
		return n
	}
	// What is missing is told for the system that lacks least of those that show the product.
	shows := slices.DeleteFunc(slices.Clone(r.all), func(f *facts.Facts) bool { return !c.Product.seen(f) })
	best := slices.MinFunc(shows, func(a, b *facts.Facts) int {
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
		References: c.Doc.References, Missing: missing, Unmet: cmp.Or(lacking(missing), summary),
	}
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
		strings.Compare(a.Title, b.Title),
		strings.Compare(a.Summary, b.Summary),
	)
}

func verdictRank(v Verdict) int {
	return slices.Index([]Verdict{Confirmed, Suspected, RuledOut, NotEvaluated}, v)
}

package findings

import (
	"fmt"
	"slices"

	"casebook/findings/facts"
)

// Precedence says that what a check's finding asks to be done comes before the remedies of other checks on the same system: what these ask for
// would fail until then, do harm, or take the evidence away.
type Precedence struct {
	Over []string // the IDs of the checks whose remedies wait
	Why  string   // a clause that follows "because" in the remedies that wait
	// If tells of a finding of the check whether it comes first; nil if every one does.
	If func(*Finding) bool
}

// holdsUp reports whether something is to be done or settled for a finding before other remedies are tried. What was overcome and a mere hint
// hold nothing up.
func holdsUp(f *Finding) bool {
	slight := f.Severity == Low || f.Severity == Info
	return f.State != Resolved && (f.Verdict == Confirmed || f.Verdict == Suspected && !slight)
}

// inOrder puts before each remedy that has to wait a step that says for what.
func inOrder(checks []*Check, list []Finding, all []*facts.Facts) {
	for _, c := range checks {
		for _, p := range c.Before {
			for i := range list {
				first := &list[i]
				if first.Check != c.ID || !holdsUp(first) || p.If != nil && !p.If(first) {
					continue
				}
				for j := range list {
					if later := &list[j]; waits(later) && slices.Contains(p.Over, later.Check) && concerns(first, later, all) {
						later.Remedy = slices.Insert(slices.Clone(later.Remedy), 0, p.step(first))
					}
				}
			}
		}
	}
}

// waits reports whether a finding has a remedy that can wait.
func waits(f *Finding) bool {
	return f.State != Resolved && (f.Verdict == Confirmed || f.Verdict == Suspected)
}

// step is the step that defers a remedy to the finding that comes first.
func (p Precedence) step(first *Finding) string {
	do := "First do what the finding \"%s\" (%s) says, because %s. The steps below come after that."
	if first.Verdict == Suspected {
		do = "First settle the suspicion \"%s\" (%s), because %s. The steps below come after that."
	}
	return fmt.Sprintf(do, first.Title, first.Check, p.Why)
}

// concerns reports whether two findings are about one system. A finding about several systems is about those whose artifacts it cites.
func concerns(first, later *Finding, all []*facts.Facts) bool {
	if first.System == later.System {
		return true
	}
	if first.System != "" {
		return false
	}
	return slices.ContainsFunc(all, func(f *facts.Facts) bool {
		return f.ID == later.System && slices.ContainsFunc(first.Evidence, func(e Evidence) bool { return f.Artifact(e.Artifact) != nil })
	})
}

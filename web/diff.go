package web

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"casebook/findings"
	"casebook/findings/diff"
)

//go:embed diff.css
var styleDiff string

// What the page of a comparison shows of long lists; diff.json has all.
const (
	maxPairs     = 500
	maxCompared  = 100 // machines
	maxFacts     = 500 // of one machine
	maxDiffKinds = 200 // kinds of errors that came, and that stopped
)

// moreInDiff says that a list goes on.
func moreInDiff(n int) string { return "… and " + number(n) + " more in diff.json." }

// WriteDiff writes the comparison of two reports to w as one HTML document in UTF-8 that needs nothing beside it. The error is that of w.
func WriteDiff(w io.Writer, d *diff.Diff) error {
	return comparison(d).Render(context.Background(), w)
}

// receiptOrder is the order in which the page tells of findings: what hurts first.
var receiptOrder = []diff.Receipt{diff.NotCured, diff.CameBack, "", diff.CannotTell, diff.Cured}

// ranked returns the pairs in the order of their receipts.
func ranked(d *diff.Diff) []diff.FindingPair {
	var out []diff.FindingPair
	for _, r := range receiptOrder {
		for _, p := range d.Findings {
			if p.Receipt == r {
				out = append(out, p)
			}
		}
	}
	return out
}

// receiptWord says what became of a finding, and receiptClass how it is drawn.
func receiptWord(p diff.FindingPair) string {
	switch p.Receipt {
	case diff.Cured:
		return "Cured"
	case diff.NotCured:
		return "Not cured"
	case diff.CameBack:
		return "Came back"
	case diff.CannotTell:
		return "Can't tell"
	}
	return "New"
}

func receiptClass(p diff.FindingPair) string {
	switch {
	case p.Receipt != "":
		return string(p.Receipt)
	case p.After != nil && p.After.Verdict == findings.Confirmed:
		return "new sure"
	}
	return "new"
}

// receiptTally is the outcome in one sentence.
func receiptTally(d *diff.Diff) string {
	counts := map[string]int{}
	for _, p := range d.Findings {
		counts[receiptWord(p)]++
	}
	var parts []string
	for _, word := range []string{"Not cured", "Came back", "New", "Can't tell", "Cured"} {
		if n := counts[word]; n > 0 {
			parts = append(parts, number(n)+" "+strings.ToLower(word))
		}
	}
	if len(parts) == 0 {
		return "Neither upload shows a known problem."
	}
	s := strings.Join(parts, ", ") + "."
	return strings.ToUpper(s[:1]) + s[1:]
}

// tallyClass colours the outcome: it is well only if everything is cured and nothing is new.
func tallyClass(d *diff.Diff) string {
	class := "over"
	for _, p := range d.Findings {
		switch {
		case p.Receipt == diff.NotCured || p.Receipt == diff.CameBack || receiptClass(p) == "new sure":
			return "confirmed"
		case p.Receipt != diff.Cured:
			class = "suspected"
		}
	}
	if len(d.Findings) == 0 {
		return "none"
	}
	return class
}

// standsWords says the verdicts in both reports.
func standsWords(p diff.FindingPair) string {
	word := func(s *diff.Stand) string {
		switch {
		case s == nil:
			return "no finding"
		case s.State == "" || s.State == findings.Unknown:
			return strings.ToLower(verdictWord(s.Verdict))
		}
		return strings.ToLower(verdictWord(s.Verdict)) + ", " + stateWord(s.State)
	}
	if before, after := word(p.Before), word(p.After); before != after {
		return before + " → " + after
	}
	return word(p.After) + " in both"
}

// factWord names the kind of a fact.
func factWord(k diff.FactKind) string {
	switch k {
	case diff.FactSystem:
		return "Machine"
	case diff.FactService:
		return "Service"
	case diff.FactPackage:
		return "Product or patch"
	case diff.FactRename:
		return "Pending rename"
	case diff.FactMount:
		return "Mounted device"
	case diff.FactEnvironment:
		return "Environment"
	case diff.FactRegistryValue:
		return "Registry value"
	}
	return string(k)
}

// sideWindow is the time that one of the reports covers.
func sideWindow(s diff.Side) string {
	if w := span(s.Window.From, s.Window.To); w != "" {
		return "records of " + w
	}
	return "no record with a known offset"
}

func machineAnchor(i int) string { return fmt.Sprintf("machine-%d", i+1) }

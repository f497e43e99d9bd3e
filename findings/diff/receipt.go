package diff

import (
	"cmp"
	"path"
	"strings"

	"casebook/findings"
)

// receipt says what became of a problem of the first report. b is the second report's finding on the same subject, general its verdict on the check,
// other a finding of the check on the same machine with another subject; each may be nil. end is when the first report's records end, "" if
// that is not known.
func (d *Diff) receipt(a, b, general, other *findings.Finding, end string) (Receipt, string) {
	if d.Later == LaterNo {
		return CannotTell, "The second upload does not end later than the first."
	}
	if claims(b) {
		return d.still(a, b, end)
	}
	if b == nil && claims(other) && general == nil {
		return CannotTell, "The second upload has no verdict on it, but shows the same problem elsewhere on the machine: " + sentence(other.Title)
	}
	if b == nil {
		b = general
	}
	switch {
	case b == nil:
		return CannotTell, "The second upload has no verdict of this check on it."
	case b.Verdict == findings.RuledOut && d.Later == LaterUnknown:
		return CannotTell, "The second upload rules it out, but nothing says that it is the later one."
	case b.Verdict == findings.RuledOut && a.State == findings.Predicted:
		return Cured, "It had not happened yet, and the second upload rules it out: " + sentence(cmp.Or(b.Unmet, b.Title))
	case b.Verdict == findings.RuledOut:
		return Cured, "The second upload rules it out: " + sentence(cmp.Or(b.Unmet, b.Title))
	default:
		return CannotTell, "The second upload lacks what the check needs: " + sentence(cmp.Or(b.Unmet, b.Summary))
	}
}

// still is the receipt of a problem that the second report has confirmed or suspected, too.
func (d *Diff) still(a, b *findings.Finding, end string) (Receipt, string) {
	proven := b.Verdict == findings.Confirmed
	switch {
	case b.State == findings.Resolved && d.Later == LaterUnknown:
		return CannotTell, "The second upload shows that it was over by its end, but nothing says that it is the later one."
	case b.State == findings.Resolved && proven:
		return Cured, "The second upload shows it, and that it was over by its end."
	case b.State == findings.Resolved:
		return CannotTell, "The second upload only suggests it, and that it was over by its end."
	case old(a, b, end):
		return CannotTell, "The second upload shows only what the first showed already: none of its evidence is later than the first upload's last record."
	case !proven && a.Verdict == findings.Confirmed:
		return CannotTell, "The second upload only suggests it: what would prove it is not there."
	case !proven:
		return CannotTell, "The second upload suggests it still, and neither proves it."
	case a.State == findings.Resolved && d.Later == LaterUnknown:
		return CannotTell, "It was over in the first upload and the second shows it, but nothing says which is the later one."
	case a.State == findings.Resolved:
		return CameBack, "It was over in the first upload, and the second shows it again."
	case a.State == findings.Predicted && b.State == findings.Active:
		return NotCured, "What the first upload foretold has happened by the second."
	case b.State == findings.Predicted:
		return NotCured, "It has not happened by the end of the second upload, which still foretells it."
	case a.Verdict == findings.Suspected:
		return NotCured, "The second upload proves what the first only suggested."
	}
	return NotCured, "The second upload shows it still."
}

// old reports whether all that supports b was there when the first upload was made: a log that was not cleared still holds the failure that has since been
// mended. Evidence without a time, such as a registry value, is of the second upload's own time.
func old(a, b *findings.Finding, end string) bool {
	seen := map[[3]string]bool{}
	for _, e := range a.Evidence {
		if e.LocalTime != "" {
			seen[[3]string{path.Base(e.Artifact), e.LocalTime, e.Quote}] = true
		}
	}
	supports := 0
	for _, e := range b.Evidence {
		if e.Role != findings.Supports {
			continue
		}
		supports++
		before := e.Time != "" && end != "" && e.Time <= end || // RFC 3339 in UTC sorts by time
			e.LocalTime != "" && seen[[3]string{path.Base(e.Artifact), e.LocalTime, e.Quote}]
		if !before {
			return false
		}
	}
	return supports > 0
}

func sentence(s string) string { return strings.TrimSuffix(s, ".") + "." }

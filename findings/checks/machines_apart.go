package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
)

const computerNameKey = `SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`

// clockMargin is how far the clocks of two computers may differ before their order in time is doubted.
const clockMargin = time.Hour

// separation is the proof that two systems are two computers and not one that was renamed between two captures.
type separation struct {
	text     string // what proves it, a sentence; "" if nothing does
	evidence []findings.Evidence
}

// separate looks for what tells two computers from one that was renamed. Of one computer the later capture shows that its name was set after the
// earlier capture; so two hives each of whose names was set before the other hive was last written to are of two computers. From Windows 8 on a
// hive also lists each mainboard that Windows has started on.
func separate(a, b *facts.Facts) separation {
	ta, at, oka := named(a)
	tb, bt, okb := named(b)
	if oka && okb {
		ca, cb := lastWrite(a, at.Source), lastWrite(b, bt.Source)
		if ta.Add(clockMargin).Before(cb) && tb.Add(clockMargin).Before(ca) {
			return separation{
				text: fmt.Sprintf("They are two computers and not one that was renamed: %s got its name at %s and %s at %s, and both were in use under these names later (%s and %s).",
					a.ID, findings.Timestamp(ta), b.ID, findings.Timestamp(tb), findings.Timestamp(ca), findings.Timestamp(cb)),
				evidence: []findings.Evidence{
					findings.FromValue(at, findings.Supports, "the name was set before the other computer's hive was last written to"),
					findings.FromValue(bt, findings.Supports, "the name was set before the other computer's hive was last written to"),
				},
			}
		}
	}
	ba, bb := boardOf(a), boardOf(b)
	if ba.own != "" && bb.own != "" && !slices.Contains(ba.all, bb.own) && !slices.Contains(bb.all, ba.own) {
		return separation{
			text: fmt.Sprintf("They are two computers and not one that was renamed: Windows has started on the hardware %s there and on %s here, and neither registry knows the other's.", ba.own, bb.own),
			evidence: []findings.Evidence{
				findings.FromValue(ba.at, findings.Supports, "the hardware that Windows last started on"),
				findings.FromValue(bb.at, findings.Supports, "the hardware that Windows last started on"),
			},
		}
	}
	return separation{}
}

// named returns when a system was given its computer name; false if no hive file tells.
func named(f *facts.Facts) (time.Time, hive.Found, bool) {
	at, err := f.Registry.Value(computerNameKey, "ComputerName")
	if err != nil || at.KeyLastWritten.IsZero() || f.Outdated(at.Source) || f.Conflicting(at.Source) {
		return time.Time{}, at, false
	}
	return at.KeyLastWritten, at, true
}

// lastWrite returns when the last of a hive's keys was written: the hive can't have been copied before.
func lastWrite(f *facts.Facts, artifact string) time.Time {
	var last time.Time
	h := f.Registry.Hive(artifact)
	if h == nil {
		return last
	}
	_ = h.Walk(func(k *hive.Key) error { // the function returns no error
		if t := k.LastWritten(); t.After(last) {
			last = t
		}
		return nil
	})
	return last
}

// board is the hardware that a registry knows.
type board struct {
	own string   // the one that Windows last started on
	all []string // each that it has started on
	at  hive.Found
}

func boardOf(f *facts.Facts) board {
	const key = `SYSTEM\HardwareConfig`
	at, err := f.Registry.Value(key, "LastConfig")
	if err != nil {
		return board{}
	}
	out := board{own: strings.ToLower(strings.TrimSpace(at.Value.String())), at: at}
	for _, k := range f.Registry.Keys(key) {
		for _, c := range k.Children() {
			out.all = append(out.all, strings.ToLower(c.Name()))
		}
	}
	return out
}

// fitsRename says that the captures of two systems fit one computer that was renamed: the later name was set after the earlier capture. "" if they
// do not, or nothing tells.
func fitsRename(a, b *facts.Facts) string {
	if a.Host == b.Host {
		return ""
	}
	ta, at, oka := named(a)
	tb, bt, okb := named(b)
	if !oka || !okb {
		return ""
	}
	if ta.After(tb) {
		a, b, at, bt, tb = b, a, bt, at, ta
	}
	captured := lastWrite(a, at.Source)
	if tb.Before(captured) {
		return ""
	}
	return fmt.Sprintf("the times fit it: %s got its name at %s, after the hive of %s was last written to (%s); see %s.", b.ID, findings.Timestamp(tb), a.ID, findings.Timestamp(captured), bt.Source)
}

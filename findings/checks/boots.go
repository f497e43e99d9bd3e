package checks

import (
	"fmt"
	"slices"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest/extract"
)

const (
	sessionManagerKey = `SYSTEM\CurrentControlSet\Control\Session Manager`
	pendingValue      = "PendingFileRenameOperations"
)

// queue is what a system's registry says of the file operations that wait for a boot.
type queue struct {
	pairs   []hive.PendingRename
	known   bool       // the registry shows the queue, or that there is none
	cut     bool       // a value's data is cut short
	at      hive.Found // the value, or the nearest key that shows that there is none
	written time.Time  // when the key was last written; zero where the registry does not say
}

func readQueue(f *facts.Facts) queue {
	var q queue
	q.pairs, _ = f.Registry.PendingRenames() // what is damaged is among the hive's problems, and an odd string is a pair of its own
	var err error
	q.at, err = f.Registry.Value(sessionManagerKey, pendingValue)
	q.known = err == nil || q.at.Source != ""
	if len(q.pairs) > 0 {
		q.known, q.at = true, q.pairs[0].Found
	}
	for _, p := range q.pairs {
		q.cut = q.cut || p.Found.Value.Truncated
	}
	q.cut = q.cut || q.at.Value.Truncated
	if k, err := f.Registry.Key(sessionManagerKey); err == nil {
		q.written = k.KeyLastWritten
	}
	return q
}

// absent is the evidence that nothing waits.
func (q queue) absent(role findings.Role) findings.Evidence {
	if len(q.at.Value.Name) > 0 {
		return findings.FromValue(q.at, role, "the value is there and holds no operation")
	}
	name := pendingValue
	return findings.AbsentValue(q.at, q.at.Key, &name, role, "no operation on files waits for a boot")
}

// sinceShutdown says how the queue and the last shutdown relate; "" if neither is known.
func (q queue) sinceShutdown(f *facts.Facts) string {
	down, _, err := f.Registry.LastShutdown()
	switch {
	case err != nil && q.written.IsZero():
		return ""
	case err != nil:
		return fmt.Sprintf("The key was last written at %s; no later boot is shown.", findings.Timestamp(q.written))
	case q.written.IsZero():
		return fmt.Sprintf("The last shutdown was at %s.", findings.Timestamp(down))
	case down.After(q.written):
		if run := q.outlived(f); run != nil {
			return run.says(q, down)
		}
		return fmt.Sprintf("The machine was shut down (%s) after the key was last written (%s): the queue outlived a restart, or the hive was copied before it.", findings.Timestamp(down), findings.Timestamp(q.written))
	}
	return fmt.Sprintf("The key was last written at %s, after the last shutdown (%s); no later boot is shown.", findings.Timestamp(q.written), findings.Timestamp(down))
}

// runKeys are keys below Session Manager that the running Windows writes, with values that show that it did: the session manager and the memory manager
// note the page files there, and the prefetcher counts the boots. Neither a shutdown's last moments nor the servicing of an image that is not running
// writes them. A transaction log puts back what the running Windows wrote, with its time.
var runKeys = []struct{ key, value string }{
	{`Memory Management`, "ExistingPageFiles"}, {`Memory Management`, "PagefileUsage"}, {`Memory Management\PrefetchParameters`, "BootId"},
}

// shutdownLength is how long after the time of the last shutdown keys may still be written by that shutdown.
const shutdownLength = 10 * time.Minute

// laterRun is what shows that Windows ran after its last shutdown.
type laterRun struct {
	at   hive.Found // the key that was written then
	fast *hive.Found
	full bool // the registry says that the machine can't have come back by a fast startup, which resumes the old kernel
}

// outlived returns what shows that the machine was started after a shutdown that the queue is older than, nil if nothing does. The hive was then copied after that
// start, so that the queue is still there in spite of it.
func (q queue) outlived(f *facts.Facts) *laterRun {
	down, _, err := f.Registry.LastShutdown()
	if err != nil || q.written.IsZero() || !down.After(q.written) {
		return nil
	}
	var run *laterRun
	for _, k := range runKeys {
		v, err := f.Registry.Value(sessionManagerKey+`\`+k.key, k.value)
		if err != nil || v.Source != q.at.Source || v.ControlSet != q.at.ControlSet || v.KeyLastWritten.Before(down.Add(shutdownLength)) {
			continue
		}
		if key, err := f.Registry.Key(sessionManagerKey + `\` + k.key); err == nil && (run == nil || key.KeyLastWritten.After(run.at.KeyLastWritten)) {
			run = &laterRun{at: key}
		}
	}
	if run == nil {
		return nil
	}
	v, err := f.Registry.Value(sessionManagerKey+`\Power`, "HiberbootEnabled")
	if err != nil { // before Windows 8 there is no fast startup
		p, err := f.Registry.Product()
		run.full = err == nil && p.Major > 0 && (p.Major < 6 || p.Major == 6 && p.Minor < 2)
		return run
	}
	n, ok := v.Value.Uint()
	run.full = ok && n == 0
	if ok && n != 0 {
		run.fast = &v
	}
	return run
}

// says tells how the queue outlived the start.
func (r *laterRun) says(q queue, down time.Time) string {
	s := fmt.Sprintf("The machine was shut down (%s) after the key was last written (%s), and Windows ran again after that: it wrote %s at %s. The hive was copied after that start, so the queue outlived it",
		findings.Timestamp(down), findings.Timestamp(q.written), r.at.Key, findings.Timestamp(r.at.KeyLastWritten))
	switch {
	case r.full:
		return s + ", although Windows takes the queue away at every boot."
	case r.fast != nil:
		return s + ". Fast startup is on: a start by it resumes the old kernel and leaves the queue alone, which Restart does not."
	}
	return s + ". Unless that start was a fast startup, which resumes the old kernel and leaves the queue alone, Windows would have taken it away."
}

// evidence is what shows that Windows ran later, and how it was started.
func (r *laterRun) evidence() []findings.Evidence {
	out := []findings.Evidence{findings.FromKey(r.at, findings.Context, "written by the running Windows at "+findings.Timestamp(r.at.KeyLastWritten)+", after the last shutdown")}
	if r.fast != nil {
		out = append(out, findings.FromValue(*r.fast, findings.Context, "fast startup is on"))
	}
	return out
}

// pairEvidence is the evidence of a pair of the queue.
func pairEvidence(p hive.PendingRename, role findings.Role, note string) findings.Evidence {
	return findings.FromQuotedValue(p.Found, p.Quote, role, note)
}

// boot is one boot at which the session manager worked on a queue, as PFRO.log tells.
type boot struct {
	artifact  string
	wall      time.Time // by the machine's clock, in the UTC location; the zero time if it can't be read
	line      int       // the first of its lines, or that which counts the successes
	successes int64
	failures  []extract.PFROFailure
}

// bootLength is how far apart the lines of one boot may lie.
const bootLength = 2 * time.Minute

// readBoots returns the boots of a system's PFRO.log files, the oldest first.
func readBoots(f *facts.Facts) []boot {
	var out []boot
	for _, p := range facts.Values[*extract.PFRO](f) {
		var of []boot
		at := func(date, clock string, line int) *boot {
			t, err := time.Parse("1/2/2006 15:4:5", date+" "+clock)
			if err != nil {
				t = time.Time{}
			}
			for i := range of {
				if d := of[i].wall.Sub(t); d < bootLength && d > -bootLength {
					return &of[i]
				}
			}
			of = append(of, boot{artifact: p.Artifact.Path, wall: t, line: line})
			return &of[len(of)-1]
		}
		for _, e := range p.Value.Failures {
			b := at(e.Date, e.Time, e.Line)
			b.failures = append(b.failures, e)
		}
		for _, s := range p.Value.Successes {
			b := at(s.Date, s.Time, s.Line)
			b.successes += s.Count
			b.line = s.Line
		}
		out = append(out, of...)
	}
	slices.SortStableFunc(out, func(a, b boot) int { return a.wall.Compare(b.wall) })
	return out
}

// unknownZone is the farthest that a clock of an unknown zone may be from UTC.
const unknownZone = 14 * time.Hour

// after reports whether the boot is certain to have been after t.
func (b boot) after(f *facts.Facts, t time.Time) bool {
	if b.wall.IsZero() || t.IsZero() {
		return false
	}
	if z, err := f.Registry.TimeZone(); err == nil {
		return b.wall.Add(time.Duration(z.BiasAt(b.wall)) * time.Minute).After(t)
	}
	return b.wall.After(t.Add(unknownZone))
}

// bootAfter returns the last boot of PFRO.log that is certain to have been after the queue was last written, so that the queue is older
// than the bundle's end; nil if there is none.
func bootAfter(f *facts.Facts, all []boot, q queue) *boot {
	for i := range slices.Backward(all) {
		if all[i].after(f, q.written) {
			return &all[i]
		}
	}
	return nil
}

// stamp is the boot's time by the machine's clock.
func (b boot) stamp() string {
	if b.wall.IsZero() {
		return "at a time that can't be read"
	}
	return b.wall.Format(time.DateTime)
}

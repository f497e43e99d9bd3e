package checks

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const pendingRebootID = "windows-pending-reboot"

// A pending reboot is a state and not a fault: it explains why new files are not in use yet, and why installers refuse or return 3010. What
// the registry queues is proof. Several markers are volatile keys, which no hive file holds, so their absence proves nothing.
var windowsPendingReboot = &findings.Check{
	ID:       pendingRebootID,
	Title:    "The machine waits for a restart",
	Severity: findings.Info,
	Product: findings.Product{
		Name: "a Windows machine's registry or an Installer log", Words: []string{"windows/", ".msi", "ccmsetup"},
		Kinds: []ingest.Kind{
			ingest.KindHiveSoftware, ingest.KindRegExport, ingest.KindRegQuery, ingest.KindLogMSI, ingest.KindLogSEP, ingest.KindLogCCM, ingest.KindLogPFRO,
		},
	},
	Needs: []findings.Need{pendingRebootNeed},
	Signals: []match.Signal{
		{
			Name: pendingRebootID + "/property", Kinds: installerLogs,
			Literals: []string{"MsiSystemRebootPending = 1", "MsiSystemRebootPending property. "},
			Pattern:  `^(?:Property\([SCN]\): )?MsiSystemRebootPending = 1\s*$|\bMsiSystemRebootPending property\. .*'1'`,
		},
		{
			// What PowerShell prints of a value with several strings, cut at the width of its window: a live registry, without the empty strings.
			Name: pendingRebootID + "/listed", Kinds: []string{string(ingest.KindText), string(ingest.KindLogText)},
			Literals: []string{"PendingFileRenameOperations"}, Pattern: `^\s*PendingFileRenameOperations2?\s+: \{[^}\r\n]*[^},\s]`,
		},
		{
			Name: pendingRebootID + "/installer", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning 3010", "MainEngineThread is returning 1641"},
			Pattern:  `MainEngineThread is returning (?P<code>3010|1641)\b`,
		},
		{
			Name: pendingRebootID + "/configmgr", Kinds: []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogText)},
			Literals: []string{
				"code 3010", "code: 3010", "code:3010", "code=3010", "code = 3010", "code is 3010", "code of 3010", "returned 3010", "value 3010", "value: 3010",
				"code 1641", "code: 1641", "code:1641", "code=1641", "code = 1641", "code is 1641", "code of 1641", "returned 1641", "value 1641", "value: 1641",
			},
			Pattern: `(?:\b(?:[Ee]xit|EXIT|[Rr]eturn|RETURN|[Ee]rror|ERROR|[Ww]ith)[ _]?(?:[Cc]ode|CODE)|\b[Rr]eturned|\b[Rr]eturn [Vv]alue) ?[:=]? ?(?:is |of )?(?P<code>3010|1641)\b`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"EventLog": boots["eventlog"], "Kernel-General": boots["kernel-general"]})
		},
	},
	Doc: findings.Doc{
		Cause: "A program could not replace files in use, changed a component that Windows services at boot, or gave the computer a new name or domain, and left the rest to the next boot. Until then old and new files run side by side, and installers that look for it refuse to start or return 3010.",
		Remedy: []string{
			"Restart the machine at a time that suits its users; let services finish first.",
			"If the same files are queued again after the restart, find the product that queues them; if a rename fails at each boot, see zenworks-mount-point for what to look at.",
		},
		Risk:      "Everything that is queued is done at the restart, also what products that nobody thinks of have left there; services are down meanwhile, and unsaved work is lost. A queue that is deleted by hand instead leaves files of two versions side by side.",
		Undo:      `A restart is not taken back: files that it has replaced come back only from a backup or by installing the former version. Before a value of the queue is deleted by hand, export HKLM\SYSTEM\CurrentControlSet\Control\Session Manager with reg export; importing it queues the operations again.`,
		Cured:     "The next SYSTEM hive has no PendingFileRenameOperations (or only pairs of a later date), the markers of this finding are gone from SOFTWARE, and PFRO.log (Windows Vista and later) shows a later boot without a new error.",
		Overturns: "A boot in PFRO.log or the System event log after the Session Manager key was last written: the registry was copied before it. A value that stands in another control set than the current one.",
		Proves: []string{
			"A pair in PendingFileRenameOperations or …2 of the current control set.",
			"A marker in the registry: Component Based Servicing, Windows Update, Server Manager, UpdateExeVolatile, DVDRebootSignal, Netlogon's JoinDomain or AvoidSpnSet.",
			"An active computer name that differs from the configured one.",
		},
		Suggests: []string{
			"MsiSystemRebootPending is 1 in an Installer log.",
			"PendingFileRenameOperations as PowerShell prints it, which leaves out the empty strings that part its pairs.",
			"Return code 3010 (reboot required) or 1641 (reboot begun) in an Installer or ConfigMgr log without the registry.",
		},
		Exonerates: []string{
			"The Session Manager key of the current control set has no pending value, and no marker stands in the registry that was sent.",
			"PFRO.log or the System event log shows a boot after the key was last written, or after the log asked for one: the finding is then resolved.",
		},
		FalsePositives: "Many products queue deletes of temporary files all the time; a queue of those needs no haste. 1641 means that Installer itself began the restart.",
		NotCovered:     "Volatile keys (WindowsUpdate RebootRequired, Component Based Servicing RebootPending on many versions) never stand in a hive file; ConfigMgr's own restart state is in WMI.",
		References: []findings.Reference{
			{Title: "MoveFileExW and PendingFileRenameOperations", URL: "https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-movefileexw"},
			{Title: "Windows Installer: MsiSystemRebootPending property", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/msisystemrebootpending"},
		},
	},
	Run: runPendingReboot,
}

var pendingRebootNeed = findings.Need{
	Met: func(f *facts.Facts) bool {
		return readQueue(f).known || len(f.Registry.RebootMarkers()) > 0 || rebootHints(f)
	},
	What:    "the SYSTEM registry hive, or an export of its Session Manager key",
	Why:     "the file operations that wait for a boot are values of that key",
	Collect: findings.RegistryCollect(`HKLM\`+sessionManagerKey, "session-manager.reg"),
}

// rebootedRemedy is what is to be done where the machine was restarted since.
var rebootedRemedy = []string{"Nothing is to be done for what was queued then: the machine was restarted since. If an installer still refuses to start, look at the Session Manager key of now, which shows what is queued since."}

// hintSignals are the signals of texts that say that a reboot is required.
var hintSignals = []string{"/property", "/installer", "/configmgr", "/listed"}

// rebootHints reports whether a log says that a reboot is required.
func rebootHints(f *facts.Facts) bool {
	return slices.ContainsFunc(hintSignals, func(s string) bool { return f.Matches(pendingRebootID + s).Any() })
}

func runPendingReboot(f *facts.Facts) ([]findings.Finding, error) {
	q := readQueue(f)
	markers := f.Registry.RebootMarkers()
	subject := f.Host
	if subject == "" {
		subject = f.ID
	}
	switch {
	case len(q.pairs) > 0 || len(markers) > 0:
		return []findings.Finding{pendingReboot(f, subject, q, markers)}, nil
	case q.known && !q.cut && !olderThanInstaller(f, q):
		return []findings.Finding{noPendingReboot(f, q)}, nil
	}
	return []findings.Finding{hintedReboot(f, subject, q)}, nil
}

// olderThanInstaller reports whether Installer required a reboot after the key was last written. A boot since would have taken the queue away
// and so written the key, so the registry was then copied before the installation.
func olderThanInstaller(f *facts.Facts, q queue) bool {
	m, ok := f.Matches(pendingRebootID + "/installer").Last()
	if !ok || m.Capture("code") != "3010" || q.written.IsZero() {
		return false
	}
	t, known := m.Time.UTC()
	return known && t.After(q.written)
}

// pendingReboot is the finding of a registry that queues something.
func pendingReboot(f *facts.Facts, subject string, q queue, markers []hive.RebootMarker) findings.Finding {
	out := findings.Finding{Verdict: findings.Confirmed, Severity: findings.Info, State: findings.Active, Subject: subject}
	var says, titles []string
	if len(q.pairs) > 0 {
		renames, deletes, unpaired := 0, 0, 0
		for _, p := range q.pairs {
			switch p.Operation {
			case hive.OperationRename:
				renames++
			case hive.OperationDelete:
				deletes++
			case hive.OperationUnpaired:
				unpaired++
			}
		}
		var what []string
		if renames > 0 {
			what = append(what, count(renames, "file")+" to be renamed or replaced")
		}
		if deletes > 0 {
			what = append(what, count(deletes, "file")+" to be deleted")
		}
		if unpaired > 0 {
			what = append(what, count(unpaired, "file operation")+" of an unknown kind")
		}
		queued := strings.Join(what, " and ")
		titles = append(titles, queued)
		say := fmt.Sprintf("The next boot is to work on %s: %s.", queued, folderCounts(q.pairs))
		if renames == 0 && unpaired == 0 {
			say += " Nothing but deletes is queued, so no new file waits to be used."
		}
		says = append(says, say)
		for _, p := range shownPairs(q.pairs) {
			note := string(p.Operation)
			if p.ReplaceExisting {
				note += ", replacing the file that is there"
			}
			out.Evidence = append(out.Evidence, pairEvidence(p, findings.Supports, note))
		}
	}
	var names []string
	for _, m := range markers {
		names = append(names, m.Name)
		if m.Found.Value.Name != "" {
			out.Evidence = append(out.Evidence, findings.FromValue(m.Found, findings.Supports, markerMeaning(m.Name)))
		} else {
			out.Evidence = append(out.Evidence, findings.FromKey(m.Found, findings.Supports, markerMeaning(m.Name)))
		}
	}
	if len(names) > 0 {
		for _, n := range names {
			if meaning := markerMeaning(n); !slices.Contains(titles, meaning) {
				titles = append(titles, meaning)
			}
		}
		says = append(says, fmt.Sprintf("The registry holds the %s %s.", plural(len(names), "marker", "markers"), strings.Join(slices.Compact(names), ", ")))
	}
	out.Title = "The machine waits for a restart: " + strings.Join(titles, "; ")
	if c, err := f.Registry.ComputerName(); err == nil && c.RenamePending() {
		says = append(says, fmt.Sprintf("The computer is still called %s and will be %s after the boot.", c.Active, c.Name))
		out.Evidence = append(out.Evidence, findings.FromValue(c.NameAt, findings.Supports, "the configured name; the active one differs"))
	}
	if e := eventBootAfter(f, q.written); e != nil && len(q.pairs) > 0 && bootAfter(f, readBoots(f), q) == nil {
		says = append(says, fmt.Sprintf("But the event log shows a boot after the key was last written (%s): the registry was copied before it, and the queue has been worked on since.", findings.Timestamp(q.written)))
		out.Evidence = append(out.Evidence, findings.FromMatch(*e, findings.Contradicts, "a boot after the queue was written"))
		if len(markers) == 0 {
			out.State = findings.Resolved
			out.Remedy, out.Risk, out.Undo = rebootedRemedy, "None: nothing is changed.", "Nothing is to be taken back."
			out.Cured = fmt.Sprintf("This upload shows it already: the boot in line %d of %s.", e.Ref.Line, e.Ref.Artifact)
			out.Title = "The machine waited for a restart, which has been made since: " + strings.Join(titles, "; ")
		}
	} else if b := bootAfter(f, readBoots(f), q); b != nil && len(q.pairs) > 0 {
		says = append(says, fmt.Sprintf("But PFRO.log shows a boot (%s) after the key was last written (%s): the registry was copied before it, and the queue has been worked on since.", b.stamp(), findings.Timestamp(q.written)))
		out.Evidence = append(out.Evidence, findings.FromLine(f, b.artifact, b.line, findings.Contradicts, "a boot after the queue was written"))
		if len(markers) == 0 {
			out.State = findings.Resolved
			out.Remedy, out.Risk, out.Undo = rebootedRemedy, "None: nothing is changed.", "Nothing is to be taken back."
			out.Cured = fmt.Sprintf("This upload shows it already: the boot in line %d of %s.", b.line, b.artifact)
			out.Title = "The machine waited for a restart, which has been made since: " + strings.Join(titles, "; ")
		}
	} else if since := q.sinceShutdown(f); since != "" && len(q.pairs) > 0 {
		says = append(says, since)
	}
	if out.Subject == "" {
		out.Subject = "the machine of " + out.Evidence[0].Artifact
	}
	out.Evidence = append(out.Evidence, hintEvidence(f, findings.Context)...)
	out.Summary = strings.Join(says, " ")
	return out
}

// shownPairs picks the pairs that a finding quotes: the first renames, then the first of what else there is.
func shownPairs(all []hive.PendingRename) []hive.PendingRename {
	var first, rest []hive.PendingRename
	for _, p := range all {
		if p.Operation == hive.OperationRename {
			first = append(first, p)
		} else {
			rest = append(rest, p)
		}
	}
	return append(first[:min(len(first), shownRenames)], rest[:min(len(rest), 2)]...)
}

// markerMeaning says what a marker tells.
func markerMeaning(name string) string {
	switch name {
	case "RebootPending", "RebootInProgress", "PackagesPending":
		return "Component Based Servicing has work left for the boot"
	case "RebootRequired", "PostRebootReporting", `Services\Pending`:
		return "Windows Update waits for a reboot"
	case "CurrentRebootAttempts":
		return "Server Manager waits for a reboot"
	case "UpdateExeVolatile":
		return "an update's installer waits for a reboot"
	case "DVDRebootSignal":
		return "the installation of a feature waits for a reboot"
	case "JoinDomain", "AvoidSpnSet":
		return "the machine was joined to a domain and not booted since"
	case "ActiveComputerName":
		return "the name in use, which differs from the configured one"
	}
	return "waits for a reboot"
}

// folderCounts says which folders the queued files belong to, the busiest first: the first two folders below the volume tell the product.
func folderCounts(pairs []hive.PendingRename) string {
	counts := map[string]int{}
	spelled := map[string]string{}
	for _, p := range pairs {
		path := p.Target
		if path == "" {
			path = p.Source
		}
		dir := productFolder(path)
		key := strings.ToLower(dir)
		counts[key]++
		if _, ok := spelled[key]; !ok {
			spelled[key] = dir
		}
	}
	keys := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	var out []string
	for i, k := range keys {
		if i == 4 {
			out = append(out, fmt.Sprintf("and %d more", len(keys)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s (%d)", spelled[k], counts[k]))
	}
	return strings.Join(out, ", ")
}

// productFolder is the part of a path that tells whose file it is: the volume and up to three folders.
func productFolder(path string) string {
	const depth = 4
	dir := winpath.Dir(path)
	if dir == "" {
		return winpath.Clean(path)
	}
	parts := strings.Split(dir, `\`)
	return strings.Join(parts[:min(len(parts), depth)], `\`)
}

// formerQueues is what free cells of the hive tell of queues that were worked on at an earlier boot, at most three of them.
func formerQueues(f *facts.Facts) []findings.Evidence {
	const most = 3
	var out []findings.Evidence
	for _, d := range f.Registry.DeletedPendingRenames() {
		if len(out) == most {
			break
		}
		p := d.Pairs[0]
		out = append(out, findings.Evidence{
			Artifact: d.Source, Role: findings.Context,
			Note: fmt.Sprintf("a deleted %s is left in free cells of the hive, at offset 0x%x: %s, the first a %s of %s; it was queued once, when is not known",
				p.Found.Value.Name, d.Offset, count(len(d.Pairs), "operation"), p.Operation, p.Source),
		})
	}
	return out
}

// noPendingReboot is the finding of a registry that shows that nothing is queued.
func noPendingReboot(f *facts.Facts, q queue) findings.Finding {
	out := findings.Finding{Verdict: findings.RuledOut, Severity: findings.Info, State: findings.Unknown, Title: "No restart is pending in the registry that was sent"}
	out.Summary = "The Session Manager key of the current control set queues no file operation"
	out.Evidence = append(out.Evidence, q.absent(findings.Contradicts))
	out.Unmet = fmt.Sprintf("No file operation is queued (%s), and no marker of a pending reboot stands in the registry that was sent.", out.Evidence[0].Place())
	if p, err := f.Registry.Product(); err == nil {
		out.Summary += ", and the SOFTWARE registry holds no marker of a pending reboot"
		out.Evidence = append(out.Evidence, findings.FromKey(p.Found, findings.Context, "the SOFTWARE registry in which no marker stands"))
	} else {
		out.Summary += "; the SOFTWARE registry, which holds other markers, is not in the bundle"
	}
	if a := damagedSoftware(f); a != "" {
		return findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
			Summary:  fmt.Sprintf("The Session Manager key of the current control set queues no file operation; %s, which may hold markers of a pending reboot, is damaged or cut short.", a),
			Unmet:    a + " can't show that no marker is in it.",
			Evidence: []findings.Evidence{q.absent(findings.Context)},
			Missing: []findings.Missing{{
				What: "a complete copy of the SOFTWARE registry hive", Why: "it holds the markers of Windows Update and of Component Based Servicing", Collect: `reg save HKLM\SOFTWARE "%PUBLIC%\SOFTWARE.hiv" /y`,
			}},
		}
	}
	if c, err := f.Registry.ComputerName(); err == nil && c.Active != "" {
		out.Evidence = append(out.Evidence, findings.FromValue(c.ActiveAt, findings.Context, "the active computer name is the configured one"))
	}
	out.Evidence = append(out.Evidence, formerQueues(f)...)
	out.Summary += ". Volatile markers (of Windows Update and of Component Based Servicing) never stand in a hive file, so they are not excluded."
	if hints := hintEvidence(f, findings.Context); len(hints) > 0 {
		out.Summary += " A log of the bundle says that a reboot was required; the registry does not show it any more, or not yet."
		out.Evidence = append(out.Evidence, hints...)
	}
	return out
}

// damagedSoftware is a SOFTWARE hive that could not be read, or not to its end; "" if there is none.
func damagedSoftware(f *facts.Facts) string {
	for _, h := range f.Hives {
		if h.Value.Kind() == hive.KindSoftware && !f.Reliable(h.Artifact.Path) {
			return h.Artifact.Path
		}
	}
	if _, err := f.Registry.Product(); err == nil {
		return ""
	}
	for _, a := range f.Artifacts {
		name := strings.ToUpper(path.Base(a.Path))
		if name == "SOFTWARE" || strings.HasPrefix(name, "SOFTWARE.HIV") {
			if !slices.ContainsFunc(f.Hives, func(h facts.Of[*hive.Hive]) bool { return h.Artifact == a && f.Reliable(a.Path) }) {
				return a.Path
			}
		}
	}
	return ""
}

// hintEvidence is what the logs say of a reboot that is required.
func hintEvidence(f *facts.Facts, role findings.Role) []findings.Evidence {
	var out []findings.Evidence
	for _, s := range hintSignals {
		m, ok := f.Matches(pendingRebootID + s).Last()
		if !ok {
			continue
		}
		note := "Installer found a reboot pending when it began"
		if s == "/listed" {
			note = "operations on files wait for a reboot, as PowerShell prints the value"
		}
		switch m.Capture("code") {
		case "3010":
			note = "3010: success, and a reboot is required"
		case "1641":
			note = "1641: success, and a reboot was begun"
		}
		out = append(out, findings.FromMatch(m, role, note))
	}
	return out
}

// hintedReboot is the finding of a system whose logs speak of a reboot and whose registry is missing, or does not tell.
func hintedReboot(f *facts.Facts, subject string, q queue) findings.Finding {
	need := pendingRebootNeed.Missing()
	hints := hintEvidence(f, findings.Supports)
	if len(hints) == 0 {
		return findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, State: findings.Unknown,
			Summary: "The value that queues file operations is cut short, and nothing else tells whether a reboot is pending.", Missing: []findings.Missing{need},
			Evidence: []findings.Evidence{q.absent(findings.Context)},
			Unmet:    fmt.Sprintf("The queue of file operations is cut short (%s).", q.absent(findings.Context).Place()),
		}
	}
	out := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Info, State: findings.Unknown, Subject: subject, Evidence: hints, Missing: []findings.Missing{need},
		Title: "A log says that the machine has to be restarted",
	}
	if subject == "" {
		out.Subject = "the machine of " + hints[0].Artifact
	}
	if len(hints) == 1 && f.Matches(pendingRebootID+"/listed").Any() {
		out.Title = "Operations on files wait for a restart, by what PowerShell printed"
	}
	var says []string
	for _, e := range hints {
		says = append(says, fmt.Sprintf("%s, line %d: %s.", e.Artifact, e.Line, e.Note))
	}
	if q.known && !q.cut {
		says = append(says, "The registry queues no file operation, but its Session Manager key was last written before that ("+findings.Timestamp(q.written)+"), so that it may have been copied before the installation.")
		out.Evidence = append(out.Evidence, q.absent(findings.Contradicts))
	}
	if e := bootSince(f); e != nil {
		out.State = findings.Resolved
		out.Remedy, out.Risk, out.Undo = rebootedRemedy, "None: nothing is changed.", "Nothing is to be taken back."
		out.Title = "A log asked for a restart, which has been made since"
		out.Cured = fmt.Sprintf("This upload shows it already: the boot in line %d of %s.", e.Ref.Line, e.Ref.Artifact)
		out.Evidence = append(out.Evidence, findings.FromMatch(*e, findings.Contradicts, "a boot after the log asked for one"))
		says = append(says, "The event log shows a boot after that; the SYSTEM registry, which would show whether anything was queued since, is not in the bundle or older.")
	} else if !q.known || q.cut {
		says = append(says, "The SYSTEM registry is not in the bundle, so whether the reboot still waits is not shown.")
	}
	out.Summary = strings.Join(says, " ")
	if b := readBoots(f); len(b) > 0 {
		last := b[len(b)-1]
		out.Evidence = append(out.Evidence, findings.FromLine(f, last.artifact, last.line, findings.Context, "the last boot that PFRO.log shows"))
	}
	return out
}

// eventBootAfter returns a boot of the event log that is certain to have been after t, nil if there is none.
func eventBootAfter(f *facts.Facts, t time.Time) *facts.Match {
	if t.IsZero() {
		return nil
	}
	for _, m := range eventsSeen(f, pendingRebootID) {
		if at, known := m.UTC(); known && at.After(t) {
			return &m
		}
	}
	return nil
}

// bootSince returns a boot of the event log that came after everything that asks for one in the logs, nil if there is none. What PowerShell
// printed has no time.
func bootSince(f *facts.Facts) *facts.Match {
	var asked []facts.Match
	for _, s := range hintSignals {
		if m, ok := f.Matches(pendingRebootID + s).Last(); ok {
			asked = append(asked, m)
		}
	}
	if b, ok := f.Overcome(asked, eventsSeen(f, pendingRebootID)); ok {
		return &b
	}
	return nil
}

package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const zenMountID = "zenworks-mount-point"

// A file that is in use is replaced at the next boot: MoveFileEx writes a pair of names into the registry without looking at volumes, and
// the session manager renames at boot. A rename can't cross volumes, and nothing copies instead. So what decides is whether source and
// target of a pair lie on different volumes; a mount point above the agent's folder is the usual reason, and named only where it is shown.
// TID 7004370 of the vendor cites KB948601, which is about dynamic disks of Windows 2003 and XP, and return code 1603, where
// message 1603 is meant.
var zenworksMountPoint = &findings.Check{
	ID:       zenMountID,
	Title:    "ZENworks agent files can't be replaced at boot: the rename crosses volumes",
	Severity: findings.High,
	Product:  findings.Product{Name: "the ZENworks agent", Words: []string{"zenworks", "zmd-messages"}, Seen: showsZENworks},
	Needs:    []findings.Need{zenQueueNeed},
	Signals: []match.Signal{
		{
			// Installer's messages begin with a localised word and the number: "Info 1902." Behind it stand localised words and one
			// or two paths.
			Name: zenMountID + "/message", Kinds: installerLogs, Literals: []string{"1603", "1902", "1903"},
			Pattern: `^(?:[^\n]+? -- )?[^\d\n\\/:=(]{1,40}(?P<number>1603|1902|1903)[.。:：]?(?P<rest>[^\n]*[A-Za-z]:[\\/][^\n]*)`,
		},
		{
			Name: zenMountID + "/home", Literals: []string{"ZENWORKS_HOME"},
			Pattern: `(?i)^(?:Property\([SCN]\): )?ZENWORKS_HOME ?= ?(?P<home>[A-Za-z]:[\\/][^\r\n]*\S)\s*$`,
		},
		{
			Name: zenMountID + "/returning", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning 1603"}, Pattern: `MainEngineThread is returning 1603\b`,
		},
	},
	Observe: &facts.Watch{
		Kinds: []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP},
		New:   func(*ingest.Artifact) facts.Observer { return &zenMessages{} },
	},
	Before: []findings.Precedence{{
		Over: restarts, Why: "a restart can't do renames that cross volumes, and may take the queue away that shows them",
		If: func(f *findings.Finding) bool { return f.State != findings.Predicted }, // nothing of the agent is queued yet
	}},
	Doc: findings.Doc{
		Cause:     zenCause,
		Remedy:    zenRemedy,
		Risk:      "The machine is not managed while the agent's services are stopped. What else lies on the mounted volume is out of reach by its old path, a folder copied without its permissions (robocopy /copyall keeps them) locks the agent out, and until the upgrade has run again the agent works with files of two versions.",
		Undo:      `Keep the old folder until the upgrade has gone through. To go back, stop the services, move the new folder aside and mount the volume again: mountvol FOLDER \\?\Volume{GUID}\ with the name that mountvol FOLDER /L gave before (note it first); a junction is made again with mklink /J.`,
		Cured:     "PendingFileRenameOperations of the next SYSTEM hive holds no file of the agent after the restart, PFRO.log shows no new error for one, and all files of the agent's bin folder have one version.",
		Overturns: "mountvol, fsutil or MountedDevices showing that both paths are one volume, mounted at two places; a reparse point that is no mount point (a OneDrive or deduplication tag); a PFRO.log with a later boot at which the same renames succeeded.",
		Proves: []string{
			"A rename in PendingFileRenameOperations or …2 of the current control set whose source or target is a file of the agent and whose two paths lie on different volumes.",
			"A rename of an agent's file in PFRO.log with status 0xc00000d4 (not the same device).",
			"Message 1902 of the agent's Installer log with two paths on different volumes, where no SYSTEM hive shows what became of it.",
		},
		Suggests: []string{
			"Status 0xc000003a (path not found) in PFRO.log for a rename of an agent's file: the volume may not have been there yet.",
			"Renames of agent's files between folders whose volumes the bundle does not tell apart.",
			"Agent's files that are still queued after a later boot; the agent on a dynamic disk of Windows XP or 2003 (KB948601); a mount point above the agent's folder with nothing queued.",
		},
		Exonerates: []string{
			"All renames of agent's files stay within one volume: source and target in one folder or beneath one mount point. Such a queue is normal before the first restart.",
			"A queue that only deletes files of the agent, or that holds files of other products alone.",
		},
		FalsePositives: "Queues are seldom empty: updaters, printer drivers and virus scanners use them too. A .rbf file is the old file that Installer put aside; its return to its place is a rollback. Return code 1603 of the engine is a failed installation and not this problem.",
		NotCovered:     "Short (8.3) names are not resolved. Windows XP and 2003 write no PFRO.log, so that a failure there leaves no trace but the old files.",
		References: []findings.Reference{
			{Title: "TID 7004370: ZENworks agent upgrade fails to upgrade .dll files beneath a mount point", URL: "https://support.microfocus.com/kb/doc.php?id=7004370"},
			{Title: "MoveFileExW: delayed renames can't move across volumes", URL: "https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-movefileexw"},
			{Title: "Windows Installer: logging of reboot requests", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/logging-of-reboot-requests"},
		},
	},
	Run: runZENworksMountPoint,
}

var zenQueueNeed = findings.Need{
	Met: func(f *facts.Facts) bool {
		return readQueue(f).known || len(facts.Values[*extract.PFRO](f))+len(facts.Values[*extract.Mounts](f)) > 0 || len(installerMessages(f)) > 0
	},
	What:    "the SYSTEM registry hive, or an export of its Session Manager key",
	Why:     "the file operations that wait for a boot, and ZENWORKS_HOME, are values of that key",
	Collect: findings.RegistryCollect(`HKLM\`+sessionManagerKey, "session-manager.reg"),
}

const zenCause = "Windows Installer could not overwrite files of the agent that were in use and scheduled their replacement for the next boot. The session manager then renames, and a rename never crosses from one volume to another: it fails at every boot, nothing is copied instead, and the old files stay beside new ones. " +
	"Which volume a file lies on is decided by the innermost mount point or junction above it, not by its drive letter."

var zenRemedy = []string{
	`Find the volumes: run "mountvol" and "fsutil reparsepoint query" for the agent's folder and every folder above it. A mount point or junction to another volume above ZENWORKS_HOME is not supported by the vendor.`,
	"Stop the agent's services, copy the folder to a plain directory of the system volume, set its permissions anew (inheritance from Program Files), take the mount point away and put the directory in its place.",
	"Run the agent's upgrade again and restart: moving the folder cures the next upgrade, not the files that the last one left behind.",
}

func runZENworksMountPoint(f *facts.Facts) ([]findings.Finding, error) {
	z := readZENworks(f)
	if z.home == "" {
		return []findings.Finding{z.noAgent()}, nil
	}
	if crossers := z.crossers(); len(crossers) > 0 {
		return []findings.Finding{z.confirmed(crossers)}, nil
	}
	if s, ok := z.suspected(); ok {
		return []findings.Finding{s}, nil
	}
	return []findings.Finding{z.cleared()}, nil
}

// noAgent is the finding of a system that shows no agent.
func (z *zenFacts) noAgent() findings.Finding {
	n := findings.Finding{
		Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, State: findings.Unknown,
		Summary: "Neither the machine's environment (ZENWORKS_HOME) nor a file operation that waits for a boot or failed at one names the ZENworks agent.",
	}
	if z.facts.Mentions("zenworks", "zmd-messages") || len(z.facts.Registry.Keys(`SOFTWARE\Novell\ZCM`)) > 0 {
		n.Reason = findings.DataMissing
		n.Summary = "The bundle shows the ZENworks agent, but not its folder: ZENWORKS_HOME is not in the registry that was sent, and no operation on files names it."
		n.Missing = []findings.Missing{{
			What: "the SYSTEM registry hive, or an export of its Session Manager key", Why: "ZENWORKS_HOME is a variable in its Environment",
			Collect: findings.RegistryCollect(`HKLM\`+sessionManagerKey, "session-manager.reg"),
		}}
	}
	return n
}

// crossers are the renames that prove the problem: those that failed because they cross volumes, those that wait and cross, and, where no
// registry shows the queue, those that Installer scheduled.
func (z *zenFacts) crossers() []zenRename {
	var out []zenRename
	crosses := func(r zenRename) bool { return r.crossing.relation == relationCrosses }
	for _, r := range z.failed {
		if r.status == statusNotSameDevice || crosses(r) {
			out = append(out, r)
		}
	}
	for _, r := range z.pending {
		if crosses(r) {
			out = append(out, r)
		}
	}
	if !z.queue.known && !z.bootedWell() {
		for _, r := range z.scheduled {
			if crosses(r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// shownRenames is how many renames of one sort a finding quotes.
const shownRenames = 5

// proof puts the evidence of renames that cross volumes in the order in which it convinces: one rename of each stage, what makes
// the volumes differ, and then the other renames.
func (z *zenFacts) proof(pending, failed, scheduled []zenRename, by crossing) []findings.Evidence {
	var first, rest []findings.Evidence
	for _, stage := range [][]zenRename{pending, failed, scheduled} {
		for i, r := range stage[:min(len(stage), shownRenames)] {
			e := r.evidence(findings.Supports, r.note()+rollback(r))
			if i == 0 {
				first = append(first, e)
			} else {
				rest = append(rest, e)
			}
		}
	}
	return slices.Concat(first, z.crossingEvidence(by), rest)
}

// scheduledNote is what is said of a rename that Installer scheduled.
const scheduledNote = "a message of Installer: a rename at the next boot, to another volume"

// note says what a rename proves.
func (r zenRename) note() string {
	switch {
	case r.stage == zenScheduled:
		return scheduledNote
	case r.stage == zenFailed && r.status == statusNotSameDevice:
		return statusName(r.status) + ": source and target are on different volumes"
	case r.stage == zenFailed:
		return statusName(r.status)
	}
	return "source and target are on different volumes"
}

func (z *zenFacts) confirmed(crossers []zenRename) findings.Finding {
	f := findings.Finding{Verdict: findings.Confirmed, Severity: findings.High, Subject: z.home, State: findings.Active}
	var failed, pending, scheduled []zenRename
	for _, r := range crossers {
		switch r.stage {
		case zenWaits:
			pending = append(pending, r)
		case zenFailed:
			failed = append(failed, r)
		case zenScheduled:
			scheduled = append(scheduled, r)
		}
	}
	decisive := crossers[0]
	if i := slices.IndexFunc(crossers, func(r zenRename) bool { return r.crossing.relation == relationCrosses && r.crossing.by != nil }); i >= 0 {
		decisive = crossers[i]
	} else if i := slices.IndexFunc(crossers, func(r zenRename) bool { return r.crossing.relation == relationCrosses }); i >= 0 {
		decisive = crossers[i]
	}

	var says []string
	if n := len(pending); n > 0 {
		says = append(says, fmt.Sprintf("%s of the agent's files %s for a boot in %s, and %s to another volume, for example %s.",
			count(n, "rename"), plural(n, "waits", "wait"), z.queue.at.Value.Name, plural(n, "leads", "lead"), pending[0].describe()))
	}
	if n := len(failed); n > 0 {
		last := failed[n-1]
		example := last.describe()
		if len(pending) > 0 {
			example = winpath.Base(last.target)
		}
		says = append(says, fmt.Sprintf("PFRO.log shows %s of the agent's files that failed at a boot (%s by the machine's clock) with %s, for example %s.",
			count(n, "rename"), last.boot.stamp(), statusName(last.status), example))
	}
	if n := len(scheduled); n > 0 {
		says = append(says, fmt.Sprintf("Installer scheduled %s of the agent's files that %s volumes, for example %s; the registry that would show the queue is not in the bundle.",
			count(n, "rename"), plural(n, "crosses", "cross"), scheduled[0].describe()))
	}
	f.Cause = zenCause
	if c := decisive.crossing; c.relation == relationCrosses {
		says = append(says, "The volumes are different because "+c.why+", so a rename between them can't succeed at any boot.")
		if c.by != nil {
			f.Remedy = append([]string{"Replace " + c.by.name() + " by an ordinary folder of the same path: the vendor does not support another volume above ZENWORKS_HOME. Note first what else lies beneath it."}, zenRemedy[1:]...)
			f.Undo = c.by.undo()
			f.Cause = upperFirst(c.by.describe()) + " stands on the way to the agent's files, so that one of the two paths lies on another volume than its drive letter says. " + f.Cause
		} else {
			f.Cause = "The bundle does not show a mount point as the reason: " + c.why + ". " + f.Cause
		}
	} else {
		says = append(says, "The status itself says that source and target are on different volumes; what makes them so is not in the bundle.")
		f.Cause = "What makes the volumes differ is not in the bundle; a mount point or junction above the agent's folder is the usual reason. " + f.Cause
	}
	f.Title = zenTitle(len(pending), len(failed), len(scheduled), decisive)

	f.Evidence = append(f.Evidence, z.proof(pending, failed, scheduled, decisive.crossing)...)
	says = append(says, z.rebooted(&f, len(pending) > 0, failed)...)
	f.Evidence = append(f.Evidence, z.context(f.Evidence)...)
	f.Rivals = z.rivals()
	if !slices.ContainsFunc(crossers, func(r zenRename) bool { return rollback(r) == "" }) {
		says = append(says, "All of them move .rbf files, in which Installer keeps old files, so they may be the end of a rollback rather than of an upgrade.")
	}
	if decisive.crossing.by == nil {
		f.Missing = append(f.Missing, z.missingMounts("names the reason why the volumes differ"))
	}
	if len(pending) == 0 && len(failed) == 0 {
		f.Missing = append(f.Missing, zenQueueNeed.Missing())
	}
	f.Summary = strings.Join(says, " ")
	if f.State == findings.Resolved {
		f.Title += "; a later boot shows no failure"
		f.Cured = "PFRO.log of this upload shows a later boot without a failure; a listing of the agent's bin folder in which all files have one version would complete the proof."
	}
	return f
}

// crossingEvidence is what shows that two volumes are different.
func (z *zenFacts) crossingEvidence(c crossing) []findings.Evidence {
	var out []findings.Evidence
	seen := map[*link]bool{}
	links := []*link{c.by, c.a.by, c.b.by}
	if c.by != nil {
		links = append(links, c.by.to.by) // a junction into a folder that is itself a mount point
	}
	for _, l := range links {
		if l != nil && !seen[l] && c.relation == relationCrosses && c.by != nil {
			seen[l] = true
			out = append(out, findings.FromLine(z.facts, l.artifact, l.mount.Line, findings.Supports, l.describe()))
			for _, a := range l.also[:min(len(l.also), 2)] {
				out = append(out, findings.FromLine(z.facts, a.artifact, a.value.Line, findings.Supports, "the same, by "+a.value.Tool))
			}
			if d, ok := z.volumes.device(l.to.volume); ok {
				out = append(out, findings.FromValue(d.Found, findings.Context, "the volume behind "+l.name()+": "+d.Detail))
			}
		}
	}
	for _, l := range c.listed {
		out = append(out, findings.FromLine(z.facts, l.artifact, l.value.Line, findings.Supports, "one of the two volumes, by "+l.value.Tool))
	}
	for _, d := range c.devices {
		out = append(out, findings.FromValue(d.Found, findings.Supports, d.Detail))
	}
	return out
}

// sameEvidence is what shows that two places are on one volume: the links above them, and the device that two names stand for.
func (z *zenFacts) sameEvidence(c crossing) []findings.Evidence {
	var out []findings.Evidence
	for i, l := range []*link{c.a.by, c.b.by} {
		if l != nil && (i == 0 || l != c.a.by) {
			out = append(out, findings.FromLine(z.facts, l.artifact, l.mount.Line, findings.Context, l.describe()))
		}
	}
	if c.a.volume != c.b.volume {
		for _, name := range []string{c.a.volume, c.b.volume} {
			if d, ok := z.volumes.devices[name]; ok {
				out = append(out, findings.FromValue(d.Found, findings.Context, d.Detail))
			}
		}
	}
	return out
}

// rebooted says whether the machine was booted since, and sets the state.
func (z *zenFacts) rebooted(f *findings.Finding, pending bool, failed []zenRename) []string {
	var says []string
	if len(failed) > 0 {
		last := failed[len(failed)-1].boot
		for i := range slices.Backward(z.boots) {
			b := &z.boots[i]
			if b.wall.After(last.wall) && b.successes > 0 && !z.agentFailed(b) && (!pending || z.later != nil) {
				f.State = findings.Resolved
				f.Evidence = append(f.Evidence, findings.FromLine(z.facts, b.artifact, b.line, findings.Contradicts, "a later boot without a failure of the agent's files"))
				says = append(says, fmt.Sprintf("At a later boot (%s) %s succeeded and none of the agent's failed; PFRO.log does not name those that succeed.", b.stamp(), count(int(b.successes), "operation")))
				break
			}
		}
	}
	switch {
	case !pending:
	case z.later != nil && !z.agentFailed(z.later) && z.later.successes > 0 && len(failed) == 0:
		f.State = findings.Resolved
		f.Evidence = append(f.Evidence, findings.FromLine(z.facts, z.later.artifact, z.later.line, findings.Contradicts, "a boot after the queue was written, without a failure of the agent's files"))
		says = append(says, fmt.Sprintf("The queue is older than the bundle's end: PFRO.log shows a later boot (%s) at which %s succeeded and none of the agent's failed.", z.later.stamp(), count(int(z.later.successes), "operation")))
	case z.later != nil:
		says = append(says, fmt.Sprintf("PFRO.log shows a boot after the queue was last written (%s), so the registry was copied before it.", z.later.stamp()))
	case len(failed) > 0 && z.queuedSince(failed[len(failed)-1].boot):
		says = append(says, fmt.Sprintf("Files were queued again after that boot (the key was last written at %s).", findings.Timestamp(z.queue.written)))
	default:
		says = append(says, z.queue.sinceShutdown(z.facts))
	}
	return slices.DeleteFunc(says, func(s string) bool { return s == "" })
}

// queuedSince reports whether the queue is certain to have been written after a boot.
func (z *zenFacts) queuedSince(b *boot) bool {
	zone, err := z.facts.Registry.TimeZone()
	if err != nil || b.wall.IsZero() || z.queue.written.IsZero() {
		return false
	}
	return z.queue.written.After(b.wall.Add(time.Duration(zone.BiasAt(b.wall))*time.Minute + bootLength))
}

func (z *zenFacts) agentFailed(b *boot) bool {
	return slices.ContainsFunc(b.failures, func(e extract.PFROFailure) bool {
		return !e.Delete && (z.agent(e.Source) || z.agent(e.Target))
	})
}

// context is what else a reader wants to see: the agent's folder and Installer's messages about its files.
func (z *zenFacts) context(shownAlready []findings.Evidence) []findings.Evidence {
	var out []findings.Evidence
	if z.homeAt != nil {
		out = append(out, *z.homeAt)
	}
	shown := map[string]int{}
	for _, m := range z.messages {
		if slices.ContainsFunc(shownAlready, func(e findings.Evidence) bool {
			return e.Artifact == m.match.Ref.Artifact && e.Line == m.match.Ref.Line
		}) {
			continue
		}
		if shown[m.number]++; shown[m.number] > 2 {
			continue
		}
		out = append(out, findings.FromMatch(*m.match, findings.Context, map[string]string{
			"1603": "message 1603: the file is held in use (not return code 1603)",
			"1902": "message 1902: a rename at the next boot",
			"1903": "message 1903: a delete at the next boot",
		}[m.number]))
	}
	return out
}

// rivals are the other explanations of an agent with old files.
func (z *zenFacts) rivals() []findings.Rival {
	restart := rivalOpen + "no restart after the queue was written is shown; whether the renames stay within one volume is not either."
	if len(z.crossers()) > 0 {
		restart = rivalExcluded + "a rename that crosses volumes is done at no restart."
	}
	out := []findings.Rival{{Name: "The restart is merely still to come", Verdict: restart}}
	if len(z.failed)+len(z.refused) > 0 {
		out[0].Verdict = rivalExcluded + "PFRO.log shows that the machine was booted and that renames failed."
	}
	failed := findings.Rival{Name: "The installation itself failed (msi-install-failed)", Verdict: rivalExcluded + "no Installer log of the bundle ends with return code 1603."}
	if m, ok := z.facts.Matches(zenMountID + "/returning").First(); ok {
		failed.Verdict = rivalSupported + fmt.Sprintf("%s ends a session with return code 1603 (line %d): see msi-install-failed; a failed installation rolls back and is a different fault.", m.Ref.Artifact, m.Ref.Line)
	} else if !z.facts.Has(ingest.KindLogMSI) {
		failed.Verdict = rivalOpen + "an Installer log is not in the upload."
	}
	out = append(out, failed)
	access := findings.Rival{Name: "The rename is refused for another reason (permissions, a file in use at boot)", Verdict: rivalOpen + "PFRO.log is not in the upload."}
	switch {
	case z.beforeVista():
		access.Verdict = rivalOpen + "Windows XP and 2003 write no PFRO.log that would tell it."
	case len(z.refused) > 0:
		access.Verdict = rivalSupported + fmt.Sprintf("PFRO.log shows %s of the agent's files with another status, the last %s.", count(len(z.refused), "failed rename"), statusName(z.refused[len(z.refused)-1].status))
	case len(z.boots) > 0:
		access.Verdict = rivalExcluded + "PFRO.log shows no failure of the agent's files with another status."
	}
	return append(out, access)
}

func (z *zenFacts) missingMounts(why string) findings.Missing {
	return findings.Missing{
		What: "the mount points above " + z.home, Why: why,
		Collect: fmt.Sprintf(`(mountvol & for %%d in (%s) do @(echo fsutil reparsepoint query %%d& fsutil reparsepoint query %%d)) > "%%PUBLIC%%\mounts.txt" 2>&1`, quotedAncestors(z.home)),
	}
}

// quotedAncestors lists a folder and those above it, without the root, for a loop of the command line.
func quotedAncestors(dir string) string {
	var out []string
	for d := winpath.Clean(dir); winpath.Dir(d) != ""; d = winpath.Dir(d) {
		if strings.HasPrefix(winpath.Volume(d), "volume") {
			out = append(out, `"\\?\`+d+`"`)
			continue
		}
		out = append(out, `"`+d+`"`)
	}
	slices.Reverse(out)
	return strings.Join(out, " ")
}

// cleared is the finding of a system on which nothing suggests the problem.
func (z *zenFacts) cleared() findings.Finding {
	f := findings.Finding{Verdict: findings.RuledOut, Severity: findings.High, State: findings.Unknown, Subject: ""}
	if !z.queue.known || z.queue.cut {
		f.Verdict, f.Reason = findings.NotEvaluated, findings.DataMissing
		f.Summary = "Nothing suggests that a rename of the agent's files crosses volumes, but the registry that would show the queue is not in the bundle, or is cut short."
		f.Missing = []findings.Missing{zenQueueNeed.Missing()}
		return f
	}
	others := ""
	if z.others > 0 {
		others = fmt.Sprintf(" The queue's other operations (%d) are on files of other products.", z.others)
	}
	switch {
	case len(z.pending) > 0:
		f.Title = "The renames of ZENworks agent files stay within one volume"
		f.Summary = fmt.Sprintf("%s of the agent's files %s for a boot, and none leaves its volume (%s). A queue is normal before the first restart after an upgrade: restart, and look again.%s",
			upperFirst(count(len(z.pending), "rename")), plural(len(z.pending), "waits", "wait"), z.withinWhy(), others)
		if z.later != nil {
			f.Summary += fmt.Sprintf(" PFRO.log shows a boot (%s) after the queue was written, so it has been worked on since the registry was copied.", z.later.stamp())
		}
		for _, r := range z.pending[:min(len(z.pending), shownRenames)] {
			f.Evidence = append(f.Evidence, r.evidence(findings.Contradicts, "source and target are on one volume"+rollback(r)))
		}
		f.Unmet = fmt.Sprintf("No rename in %s (%s) crosses volumes (%s).", z.queue.at.Value.Name, count(len(z.queue.pairs), "pair"), f.Evidence[0].Place())
		f.Evidence = append(f.Evidence, z.sameEvidence(z.pending[0].crossing)...)
	case len(z.deletes) > 0:
		f.Title = "The queue only deletes files of the ZENworks agent"
		f.Summary = fmt.Sprintf("The queue holds %s of the agent's files and no rename; a delete crosses no volume and leaves no old file behind.%s", count(len(z.deletes), "delete"), others)
		f.Evidence = append(f.Evidence, pairEvidence(z.deletes[0], findings.Contradicts, "a delete"))
		f.Unmet = fmt.Sprintf("No queued pair (of %d) renames a file of the agent (%s).", len(z.queue.pairs), f.Evidence[0].Place())
	case len(z.queue.pairs) > 0:
		f.Title = "No file of the ZENworks agent waits for a boot"
		f.Summary = fmt.Sprintf("None of the %s that wait for a boot is on a file of the agent (%s).", count(len(z.queue.pairs), "operation"), z.home)
		f.Evidence = append(f.Evidence, pairEvidence(z.queue.pairs[0], findings.Contradicts, "a file of another product"))
		f.Unmet = fmt.Sprintf("No queued pair (of %d) is of a file of the agent (%s).", len(z.queue.pairs), f.Evidence[0].Place())
	default:
		f.Title = "No file of the ZENworks agent waits for a boot"
		f.Summary = fmt.Sprintf("No file operation waits for a boot, so none of the agent's files (%s) does.", z.home)
		f.Evidence = append(f.Evidence, z.queue.absent(findings.Contradicts))
		f.Unmet = fmt.Sprintf("No file operation is queued (%s).", f.Evidence[0].Place())
	}
	if slices.ContainsFunc(z.scheduled, func(r zenRename) bool { return r.crossing.relation == relationCrosses }) {
		f.Summary += " Installer had scheduled renames whose paths are on different volumes, but PFRO.log shows a boot after that at which none of the agent's files failed."
	}
	if m, ok := z.facts.Matches(zenMountID + "/returning").First(); ok {
		f.Summary += " Return code 1603 in the Installer log is a failed installation (see msi-install-failed) and not message 1603 of a file in use."
		f.Evidence = append(f.Evidence, findings.FromMatch(m, findings.Context, "return code 1603: a fatal error, not a file in use"))
	}
	if len(z.refused) > 0 {
		f.Summary += fmt.Sprintf(" Renames of agent's files that failed at a boot (%d) failed for another reason, the last with %s.", len(z.refused), statusName(z.refused[len(z.refused)-1].status))
		f.Evidence = append(f.Evidence, z.refused[len(z.refused)-1].evidence(findings.Contradicts, "not a matter of volumes"))
	} else if len(z.boots) > 0 {
		b := z.boots[len(z.boots)-1]
		f.Evidence = append(f.Evidence, findings.FromLine(z.facts, b.artifact, b.line, findings.Context, "the last boot of PFRO.log, without a failure of the agent's files"))
	}
	if l := z.volumes.listing; l != nil {
		f.Evidence = append(f.Evidence, findings.FromLine(z.facts, l.artifact, l.value.Line, findings.Context, "the list of volumes"))
	}
	f.Evidence = append(f.Evidence, z.context(f.Evidence)...)
	return f
}

// withinWhy says what shows that the renames stay within a volume.
func (z *zenFacts) withinWhy() string {
	var out []string
	for _, r := range z.pending {
		if !slices.Contains(out, r.crossing.why) && len(out) < 2 {
			out = append(out, r.crossing.why)
		}
	}
	return strings.Join(out, "; ")
}

// zenTitle is the finding's line.
func zenTitle(pending, failed, scheduled int, r zenRename) string {
	n, what := pending, "wait for a rename"
	switch {
	case failed > 0 && pending == 0:
		n, what = failed, "failed to be renamed"
	case pending == 0:
		n, what = scheduled, "are scheduled for a rename"
	}
	subject := fmt.Sprintf("%d ZENworks agent files %s", n, what)
	if n == 1 {
		subject = "A ZENworks agent file " + strings.NewReplacer("wait ", "waits ", "are ", "is ").Replace(what)
	}
	kept := ", which no restart can do: " + plural(n, "it keeps its", "they keep their") + " old version"
	if c := r.crossing; c.relation == relationCrosses && c.by != nil {
		return subject + " across " + c.by.name() + kept
	}
	return subject + " across volumes" + kept
}

// rollback says of a rename of Installer's own copy of an old file what it is.
func rollback(r zenRename) string {
	switch {
	case strings.HasSuffix(strings.ToLower(r.source), ".rbf"):
		return "; a .rbf is the old file that Installer put aside, so this may be a rollback"
	case strings.HasSuffix(strings.ToLower(r.target), ".rbf"):
		return "; the target is where Installer puts the old file aside"
	}
	return ""
}

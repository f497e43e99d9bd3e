package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/winpath"
)

// suspicion is one reason to suspect the problem.
type suspicion struct {
	severity findings.Severity
	state    findings.State
	title    string
	says     string
	evidence []findings.Evidence
	missing  []findings.Missing
	cause    string // where it is not that of the check
	remedy   []string
	risk     string
	undo     string
	cured    string
	wrong    string // what overturns it
}

// suspected looks for what merely suggests the problem, the strongest reason first.
func (z *zenFacts) suspected() (findings.Finding, bool) {
	var all []suspicion
	for _, look := range []func() (suspicion, bool){
		z.failedForLackOfPath, z.openLinks, z.queuedAfterBoot, z.goneFromQueue, z.dynamicDisk, z.mountedHome, z.namelessMount, z.sameLetter, z.onlyScheduled, z.unpairedPaths,
	} {
		if s, ok := look(); ok {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return findings.Finding{}, false
	}
	f := findings.Finding{
		Verdict: findings.Suspected, Subject: z.home, Severity: all[0].severity, State: all[0].state, Title: all[0].title, Rivals: z.rivals(),
		Cause: all[0].cause, Remedy: all[0].remedy, Risk: all[0].risk, Undo: all[0].undo, Cured: all[0].cured,
		Overturns: all[0].wrong,
	}
	var says []string
	for _, s := range all {
		says = append(says, s.says)
		f.Evidence = append(f.Evidence, s.evidence...)
		for _, m := range s.missing {
			if m == missingPFRO && z.beforeVista() || slices.ContainsFunc(f.Missing, func(o findings.Missing) bool { return o.What == m.What }) {
				continue
			}
			f.Missing = append(f.Missing, m)
		}
	}
	f.Summary = strings.Join(says, " ")
	f.Evidence = append(f.Evidence, z.context(f.Evidence)...)
	return f, true
}

// failedForLackOfPath: the folder was not there at boot, as that of a volume is that comes later.
func (z *zenFacts) failedForLackOfPath() (suspicion, bool) {
	if len(z.failed) == 0 {
		return suspicion{}, false
	}
	last := z.failed[len(z.failed)-1]
	s := suspicion{
		severity: findings.Medium, state: findings.Active, title: "Renames of ZENworks agent files failed at boot for lack of their path",
		says: fmt.Sprintf("PFRO.log shows %s of the agent's files that failed at a boot (%s) because a path was not found, the last %s. That happens where the files lie on a volume that is mounted later in the boot, but also where a folder was removed.",
			count(len(z.failed), "rename"), last.boot.stamp(), last.describe()),
		missing: []findings.Missing{z.missingMounts("shows whether the agent's folder lies on a mounted volume")},
	}
	for _, r := range z.failed[:min(len(z.failed), shownRenames)] {
		s.evidence = append(s.evidence, r.evidence(findings.Supports, statusName(r.status)+rollback(r)))
	}
	return s, true
}

// openLinks: renames whose volumes the bundle leaves open.
func (z *zenFacts) openLinks() (suspicion, bool) {
	open := slices.DeleteFunc(slices.Concat(z.pending, z.ifUnknown(z.scheduled)), func(r zenRename) bool { return r.crossing.relation != relationOpen })
	if len(open) == 0 {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Medium, state: findings.Active, title: "Renames of ZENworks agent files may cross volumes",
		says:    fmt.Sprintf("%s of the agent's files %s for a boot, and the bundle does not tell whether source and target are on one volume, for example %s.", upperFirst(count(len(open), "rename")), plural(len(open), "waits", "wait"), open[0].describe()),
		missing: []findings.Missing{z.missingMounts("tells whether source and target are on one volume")},
	}
	links := map[*link]bool{}
	for i, r := range open {
		if i < shownRenames {
			s.evidence = append(s.evidence, r.evidence(findings.Supports, "the volume of one of the paths is not known"+rollback(r)))
		}
		for _, l := range []*link{r.crossing.a.open, r.crossing.b.open} {
			if l != nil && !links[l] {
				links[l] = true
				s.says += " " + upperFirst(l.describe()) + " is a mount point or a junction; the capture does not show where it leads."
				s.evidence = append(s.evidence, findings.FromLine(z.facts, l.artifact, l.mount.Line, findings.Supports, "a mount point or a junction; its target is not shown"))
			}
		}
	}
	return s, true
}

// ifUnknown returns what Installer scheduled if no registry shows what became of it.
func (z *zenFacts) ifUnknown(scheduled []zenRename) []zenRename {
	if z.queue.known {
		return nil
	}
	return scheduled
}

// queuedAfterBoot: files that Installer scheduled are still in the queue although the machine was booted.
func (z *zenFacts) queuedAfterBoot() (suspicion, bool) {
	for _, r := range z.pending {
		for _, m := range z.messages {
			if !slices.ContainsFunc(m.paths, func(p string) bool { return winpath.Equal(p, r.target) || winpath.Equal(p, r.source) }) {
				continue
			}
			when, e, ok := z.bootedAfter(m.at)
			if !ok {
				continue
			}
			return suspicion{
				severity: findings.Medium, state: findings.Active, title: "ZENworks agent files are still queued after a boot",
				says: fmt.Sprintf("Installer scheduled %s for the next boot, the machine was restarted since (%s), and the registry still queues it.", winpath.Base(r.target), when),
				evidence: []findings.Evidence{
					findings.FromMatch(*m.match, findings.Supports, "scheduled here"), e,
					r.evidence(findings.Supports, "and still queued"+rollback(r)),
				},
				missing: []findings.Missing{z.missingMounts("shows whether the rename crosses volumes"), missingPFRO},
			}, true
		}
	}
	return suspicion{}, false
}

var missingPFRO = findings.Missing{
	What: "PFRO.log of the machine", Why: "it says with which status each rename failed at boot; 0xc00000d4 proves that it crosses volumes",
	Collect: `%SystemRoot%\PFRO.log`,
}

// bootedAfter returns a boot or shutdown that was after a record.
func (z *zenFacts) bootedAfter(t ingest.Time) (string, findings.Evidence, bool) {
	wall, ok := t.Local()
	if !ok {
		return "", findings.Evidence{}, false
	}
	for i := range slices.Backward(z.boots) {
		b := z.boots[i]
		if b.wall.After(wall) { // two clocks of one machine
			return b.stamp(), findings.FromLine(z.facts, b.artifact, b.line, findings.Supports, "a boot after it"), true
		}
	}
	utc, known := t.UTC()
	down, at, err := z.facts.Registry.LastShutdown()
	if err == nil && known && down.After(utc) {
		return findings.Timestamp(down), findings.FromValue(at, findings.Supports, "the last shutdown, "+findings.Timestamp(down)), true
	}
	return "", findings.Evidence{}, false
}

// goneFromQueue: a rename that crosses volumes was scheduled, and the registry no longer holds it.
func (z *zenFacts) goneFromQueue() (suspicion, bool) {
	if !z.queue.known {
		return suspicion{}, false
	}
	gone := slices.DeleteFunc(slices.Clone(z.scheduled), func(r zenRename) bool {
		return r.crossing.relation != relationCrosses
	})
	if len(gone) == 0 || z.bootedWell() {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Medium, state: findings.Unknown, title: "Renames of ZENworks agent files that cross volumes are no longer queued",
		says: fmt.Sprintf("Installer scheduled %s of the agent's files that %s volumes, because %s; the registry no longer queues %s. At a boot such a rename fails, but the bundle does not show that one took place.",
			count(len(gone), "rename"), plural(len(gone), "crosses", "cross"), gone[0].crossing.why, plural(len(gone), "it", "them")),
		missing: []findings.Missing{missingPFRO},
	}
	for _, r := range gone[:min(len(gone), shownRenames)] {
		s.evidence = append(s.evidence, r.evidence(findings.Supports, scheduledNote+rollback(r)))
	}
	s.evidence = append(s.evidence, z.crossingEvidence(gone[0].crossing)...)
	return s, true
}

// bootedWell reports whether PFRO.log, which holds every failure, shows a boot after Installer's last message without one of the agent's files.
func (z *zenFacts) bootedWell() bool {
	var last time.Time
	for _, m := range z.messages {
		wall, ok := m.at.Local()
		if ok && wall.After(last) {
			last = wall
		}
	}
	return !last.IsZero() && slices.ContainsFunc(z.boots, func(b boot) bool {
		return b.wall.After(last) && b.successes > 0 && !z.agentFailed(&b)
	})
}

// beforeVista reports whether the machine runs Windows XP or 2003, which write no PFRO.log.
func (z *zenFacts) beforeVista() bool {
	p, err := z.facts.Registry.Product()
	return err == nil && p.Major == 5
}

// dynamicDisk: Windows 2003 and XP work on the queue before they mount dynamic volumes.
func (z *zenFacts) dynamicDisk() (suspicion, bool) {
	if !z.beforeVista() {
		return suspicion{}, false
	}
	p, _ := z.facts.Registry.Product()
	system := cmp.Or(winpath.Volume(p.SystemRoot), "C:")
	home, known := z.volumes.device(z.volumes.locate(z.home).volume)
	root, too := z.volumes.device(system)
	if !known || !too || home.Kind != hive.DeviceDynamic || root.Kind != hive.DeviceMBR {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Medium, state: findings.Predicted, title: "The ZENworks agent lies on a dynamic disk that Windows mounts too late",
		says: fmt.Sprintf("The agent's folder is on a dynamic disk (%s) and the system volume %s on a basic one. %s works on the queue before it mounts dynamic volumes and says nothing of what fails (KB948601).", home.Name, system, cmp.Or(p.Name, "This Windows")),
		evidence: []findings.Evidence{
			findings.FromValue(home.Found, findings.Supports, home.Detail), findings.FromValue(root.Found, findings.Supports, root.Detail),
		},
		missing: []findings.Missing{{
			What: "a listing of the agent's files with versions, made after a restart", Why: "files of two versions show that replacements at boot were lost",
			Collect: fmt.Sprintf(`for %%f in ("%s\bin\*.dll") do @filever "%%f" >> "%%ALLUSERSPROFILE%%\zen-versions.txt"`, z.home),
		}},
	}
	s.cause = "Windows Installer could not overwrite files of the agent that were in use and schedules their replacement for the next boot. The session manager of Windows XP and 2003 works on that queue before dynamic volumes are mounted: it does not find the files, drops the operations and reports nothing, and the old files stay beside new ones."
	s.remedy = []string{
		"Install the agent on a basic disk, best on the system volume: remove it and install it anew with that folder.",
		"Where it has to stay, stop the agent's services before each upgrade, so that no file is in use and none has to wait for a boot.",
		"Compare the versions of the agent's files after the restart, and run the upgrade again if they differ.",
	}
	s.risk = "The machine is not managed while the agent is removed, and what it had stored locally goes with it."
	s.wrong = "A diskpart or Disk Management listing that shows the agent's disk as a basic one; files of one version after an upgrade that found some in use."
	s.undo = "Install the agent again in its former folder. A dynamic disk is not made a basic one without losing its volumes: leave it as it is."
	s.cured = "All files of the agent's bin folder have one version after the next upgrade and restart; Windows XP and 2003 write no PFRO.log that would say so."
	for _, r := range z.pending[:min(len(z.pending), shownRenames)] {
		s.state = findings.Active
		s.evidence = append(s.evidence, r.evidence(findings.Supports, "waits for the next boot"+rollback(r)))
	}
	return s, true
}

// mountedHome: nothing of the agent is renamed, but its folder lies on a mounted volume.
func (z *zenFacts) mountedHome() (suspicion, bool) {
	l := z.volumes.above(z.home)
	if l == nil || len(z.pending) > 0 {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Medium, state: findings.Predicted, title: "The ZENworks agent lies beneath a mount point",
		says:     fmt.Sprintf("The agent's folder lies beneath %s, which the vendor does not support. No rename of its files that crosses volumes is shown; the next upgrade that finds a file in use may need one.", l.describe()),
		evidence: []findings.Evidence{findings.FromLine(z.facts, l.artifact, l.mount.Line, findings.Supports, l.describe())},
	}
	if l.unknown {
		s.says = fmt.Sprintf("The agent's folder lies beneath %s; the capture does not show whether it leads to another volume. No rename of its files that crosses volumes is shown.", l.describe())
		s.missing = append(s.missing, z.missingMounts("shows where the reparse point leads"))
	}
	if !z.queue.known {
		s.missing = append(s.missing, zenQueueNeed.Missing())
	}
	s.missing = append(s.missing, findings.Missing{
		What: "the agent's Installer log of the next or the last upgrade", Why: "its messages 1902 name the renames that it leaves to the next boot",
		Collect: z.home + `\logs\system-update`,
	})
	if len(z.deletes) > 0 {
		s.evidence = append(s.evidence, pairEvidence(z.deletes[0], findings.Context, "a delete, which crosses no volume"))
	}
	return s, true
}

// namelessMount: fsutil does not print the folder that it was asked about, so a capture without its command shows a mount point somewhere.
func (z *zenFacts) namelessMount() (suspicion, bool) {
	within := len(z.pending) > 0 && !slices.ContainsFunc(z.pending, func(r zenRename) bool { return r.crossing.relation != relationSame })
	if len(z.volumes.nameless) == 0 || within || z.volumes.above(z.home) != nil {
		return suspicion{}, false
	}
	m := z.volumes.nameless[0]
	s := suspicion{
		severity: findings.Medium, state: findings.Unknown, title: "A mount point or junction is shown, perhaps above the ZENworks agent",
		says:     m.artifact + " shows a mount point or junction, but not of which folder; if it stands above the agent's folder, renames of its files may cross volumes.",
		evidence: []findings.Evidence{findings.FromLine(z.facts, m.artifact, m.value.Line, findings.Supports, "a reparse point whose folder is not shown")},
		missing:  []findings.Missing{z.missingMounts("shows which folders on the way to the agent's files are mount points")},
	}
	for _, r := range z.pending[:min(len(z.pending), shownRenames)] {
		s.state = findings.Active
		s.evidence = append(s.evidence, r.evidence(findings.Supports, "waits for a boot"+rollback(r)))
	}
	if !z.queue.known {
		s.missing = append(s.missing, zenQueueNeed.Missing())
	}
	return s, true
}

// sameLetter: both paths have one drive letter, and nothing shows whether one lies beneath a mount point.
func (z *zenFacts) sameLetter() (suspicion, bool) {
	var open []zenRename
	for _, r := range slices.Concat(z.pending, z.ifUnknown(z.scheduled)) {
		if r.crossing.relation == relationLetter {
			open = append(open, r)
		}
	}
	free, known := z.volumes.unlettered()
	if len(open) == 0 || known && len(free) == 0 {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Low, state: findings.Unknown, title: "Renames of ZENworks agent files wait for a boot; a mount point is not excluded",
		says: fmt.Sprintf("%s of the agent's files %s for a boot between folders of one drive letter, for example %s. That is normal before the first restart, unless a mount point or junction lies above one of the folders, which nothing in the bundle shows or excludes.",
			upperFirst(count(len(open), "rename")), plural(len(open), "waits", "wait"), open[0].describe()),
		missing: []findings.Missing{z.missingMounts("shows whether the files lie on a mounted volume")},
	}
	for _, r := range open[:min(len(open), shownRenames)] {
		s.evidence = append(s.evidence, r.evidence(findings.Supports, "waits for a boot"+rollback(r)))
	}
	if len(free) > 0 {
		s.says += fmt.Sprintf(" MountedDevices holds %s without a drive letter, which may be mounted in a folder or hold the boot files.", count(len(free), "volume"))
		s.evidence = append(s.evidence, findings.FromValue(free[0].Found, findings.Context, "a volume without a drive letter: "+free[0].Detail))
	}
	return s, true
}

// onlyScheduled: Installer's messages without the registry that would show the queue.
func (z *zenFacts) onlyScheduled() (suspicion, bool) {
	if z.queue.known || len(z.messages) == 0 || len(z.failed) > 0 {
		return suspicion{}, false
	}
	s := suspicion{
		severity: findings.Low, state: findings.Unknown, title: "ZENworks agent files were in use and wait for a restart",
		says:    fmt.Sprintf("The Installer log shows %s about agent's files in use or left to the next boot (1603 held in use, 1902 rename, 1903 delete). Whether the restart replaced them is not in the bundle.", count(len(z.messages), "message")),
		missing: []findings.Missing{zenQueueNeed.Missing()},
	}
	if l := z.volumes.above(z.home); l == nil || l.unknown { // else the bundle shows it already
		s.missing = append(s.missing, z.missingMounts("shows whether the renames cross volumes"))
	}
	s.missing = append(s.missing, missingPFRO)
	for _, m := range z.messages[:min(len(z.messages), 1)] {
		s.evidence = append(s.evidence, findings.FromMatch(*m.match, findings.Supports, "message "+m.number))
	}
	return s, true
}

// unpairedPaths: strings of the queue that can't be paired.
func (z *zenFacts) unpairedPaths() (suspicion, bool) {
	if len(z.unpaired) == 0 {
		return suspicion{}, false
	}
	return suspicion{
		severity: findings.Low, state: findings.Unknown, title: "Queued ZENworks agent files can't be told to be renames or deletes",
		says:     "The queue names files of the agent in strings that can't be paired: the empty strings of deletes are lost, or the value is damaged.",
		evidence: []findings.Evidence{pairEvidence(z.unpaired[0], findings.Supports, "has no certain partner")},
		missing:  []findings.Missing{zenQueueNeed.Missing()},
	}, true
}

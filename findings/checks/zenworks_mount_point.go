package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
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
			Pattern: `^(?:[^\n]{1,200}? -- )?[^\d\n\\/:=(]{1,40}(?P<number>1603|1902|1903)[.。:：]?(?P<rest>[^\n]*[A-Za-z]:[\\/][^\n]*)`,
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
	Doc: findings.Doc{
		Cause:  zenCause,
		Remedy: zenRemedy,
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
	"Run the agent's upgrade again and restart: moving the folder cures the next upgrade, not the files that the last one left behind. Risk: until then the agent runs with files of two versions.",
	"Cured when PendingFileRenameOperations holds no file of the agent after the restart, PFRO.log shows no new error for one, and all files in the agent's bin folder have one version.",
}

// The statuses of PFRO.log that matter here ([MS-ERREF] 2.3.1).
const (
	statusNotSameDevice = 0xc00000d4
	statusPathNotFound  = 0xc000003a
)

// zenStage is how far a rename has come.
type zenStage uint8

// The stages.
const (
	zenWaits     zenStage = iota // in the registry's queue
	zenFailed                    // at a boot, by PFRO.log
	zenScheduled                 // by Installer, with message 1902
)

// zenRename is a rename of an agent's file.
type zenRename struct {
	stage          zenStage
	source, target string
	status         uint32 // of a failure
	boot           *boot  // of a failure
	crossing       crossing
	evidence       func(role findings.Role, note string) findings.Evidence
}

func (r zenRename) describe() string { return r.source + " → " + r.target }

// zenMessage is one of Installer's messages about a file in use.
type zenMessage struct {
	number string   // 1603 held in use, 1902 rename at boot, 1903 delete at boot
	paths  []string // one, or source and target
	match  *facts.Match
	at     ingest.Time // of the record, or of the last one before it that has a time
}

// zenFacts is what a system tells of the agent.
type zenFacts struct {
	facts   *facts.Facts
	volumes *volumes
	home    string // as it is called in the finding; "" if unknown
	homeAt  *findings.Evidence
	queue   queue
	boots   []boot
	later   *boot // a boot after the queue was written

	pending   []zenRename
	failed    []zenRename
	scheduled []zenRename
	messages  []zenMessage         // about the agent's files
	deletes   []hive.PendingRename // of the agent's files
	unpaired  []hive.PendingRename // that name the agent's files
	others    int                  // operations on other files
	refused   []zenRename          // failures of the agent's files that another status explains
}

// showsZENworks reports whether a system's registry or logs name the agent.
func showsZENworks(f *facts.Facts) bool {
	z := readZENworks(f)
	return z.home != "" || len(f.Registry.Keys(`SOFTWARE\Novell\ZCM`))+len(f.Registry.Keys(`SOFTWARE\Novell\ZENworks`)) > 0 ||
		f.Matches(zenMountID+"/home").Any()
}

func readZENworks(f *facts.Facts) *zenFacts {
	z := &zenFacts{facts: f, volumes: newVolumes(f), queue: readQueue(f), boots: readBoots(f)}
	z.later = bootAfter(f, z.boots, z.queue)
	messages := installerMessages(f)
	z.findHome(messages)
	for _, p := range z.queue.pairs {
		if !z.agent(p.Source) && !z.agent(p.Target) {
			z.others++
			continue
		}
		switch p.Operation {
		case hive.OperationDelete:
			z.deletes = append(z.deletes, p)
		case hive.OperationUnpaired:
			z.unpaired = append(z.unpaired, p)
		case hive.OperationRename:
			z.pending = append(z.pending, zenRename{
				stage: zenWaits, source: p.Source, target: p.Target, crossing: z.volumes.compare(z.plainPath(p.Source), z.plainPath(p.Target)),
				evidence: func(role findings.Role, note string) findings.Evidence { return pairEvidence(p, role, note) },
			})
		}
	}
	for i := range z.boots {
		b := &z.boots[i]
		for _, e := range b.failures {
			if e.Delete || !z.agent(e.Source) && !z.agent(e.Target) {
				continue
			}
			r := zenRename{
				stage: zenFailed, source: e.Source, target: e.Target, status: e.Status, boot: b, crossing: z.volumes.compare(z.plainPath(e.Source), z.plainPath(e.Target)),
				evidence: func(role findings.Role, note string) findings.Evidence {
					return findings.FromLine(f, b.artifact, e.Line, role, note)
				},
			}
			if e.Status == statusNotSameDevice || e.Status == statusPathNotFound || r.crossing.relation == relationCrosses {
				z.failed = append(z.failed, r)
			} else {
				z.refused = append(z.refused, r)
			}
		}
	}
	for _, m := range messages {
		if !slices.ContainsFunc(m.paths, z.agent) {
			continue
		}
		z.messages = append(z.messages, m)
		known := func(r zenRename) bool {
			return len(m.paths) == 2 && winpath.Equal(r.source, m.paths[0]) && winpath.Equal(r.target, m.paths[1])
		}
		if m.number != "1902" || len(m.paths) != 2 || slices.ContainsFunc(z.scheduled, known) {
			continue
		}
		z.scheduled = append(z.scheduled, zenRename{
			stage: zenScheduled, source: m.paths[0], target: m.paths[1], crossing: z.volumes.compare(m.paths[0], m.paths[1]),
			evidence: func(role findings.Role, note string) findings.Evidence {
				return findings.FromMatch(*m.match, role, note)
			},
		})
	}
	return z
}

var zenFolder = regexp.MustCompile(`(?i)^(.*\\novell\\zenworks)(?:\\|$)`)

// findHome takes the agent's folder from ZENWORKS_HOME in the registry, else from a listing of the environment or an Installer log, else
// from the first path that shows it.
func (z *zenFacts) findHome(messages []zenMessage) {
	env := z.facts.Registry.Environment()
	for _, v := range env {
		if strings.EqualFold(v.Name, "ZENWORKS_HOME") && strings.TrimSpace(v.Value) != "" {
			e := findings.FromValue(v.Found, findings.Context, "the agent's folder")
			z.home, z.homeAt = winpath.Clean(winpath.Expand(v.Value, z.variable)), &e
			return
		}
	}
	if m, ok := z.facts.Matches(zenMountID + "/home").First(); ok {
		e := findings.FromMatch(m, findings.Context, "the agent's folder")
		z.home, z.homeAt = winpath.Clean(m.Capture("home")), &e
		return
	}
	take := func(path string) bool {
		if z.home == "" {
			if m := zenFolder.FindStringSubmatch(winpath.Clean(path)); m != nil {
				z.home = m[1]
			}
		}
		return z.home != ""
	}
	for _, p := range z.queue.pairs {
		if take(p.Target) || take(p.Source) {
			return
		}
	}
	for _, b := range z.boots {
		for _, e := range b.failures {
			if take(e.Target) || take(e.Source) {
				return
			}
		}
	}
	for _, m := range messages {
		if slices.ContainsFunc(m.paths, take) {
			return
		}
	}
	for _, s := range z.facts.Registry.Services() {
		if image := strings.Trim(s.ImagePath, `"`); take(image) {
			e := findings.FromKey(s.Found, findings.Context, "a service of the agent's folder")
			z.homeAt = &e
			return
		}
	}
}

// variable looks a variable up in the machine's environment and, for those that Windows itself sets, in the registry's values that it takes
// them from.
func (z *zenFacts) variable(name string) (string, bool) {
	for _, v := range z.facts.Registry.Environment() {
		if strings.EqualFold(v.Name, name) {
			return v.Value, true
		}
	}
	value := func(value string) (string, bool) {
		v, err := z.facts.Registry.Value(`SOFTWARE\Microsoft\Windows\CurrentVersion`, value)
		return v.Value.String(), err == nil && v.Value.String() != ""
	}
	switch strings.ToUpper(name) {
	case "SYSTEMROOT", "WINDIR":
		p, err := z.facts.Registry.Product()
		return p.SystemRoot, err == nil && p.SystemRoot != ""
	case "SYSTEMDRIVE":
		p, err := z.facts.Registry.Product()
		return winpath.Volume(p.SystemRoot), err == nil && winpath.Volume(p.SystemRoot) != ""
	case "PROGRAMFILES", "PROGRAMW6432":
		return value("ProgramFilesDir")
	case "PROGRAMFILES(X86)":
		return value("ProgramFilesDir (x86)")
	}
	return "", false
}

// plainPath turns \SystemRoot, which the session manager understands, into the folder that it stands for.
func (z *zenFacts) plainPath(path string) string {
	if rest, ok := winpath.Rel(path, `\SystemRoot`); ok {
		if root, known := z.variable("SystemRoot"); known {
			return winpath.Join(root, rest)
		}
	}
	return path
}

// agent reports whether a path is that of a file of the agent.
func (z *zenFacts) agent(path string) bool {
	if path == "" {
		return false
	}
	if zenFolder.MatchString(winpath.Clean(path)) || z.home != "" && winpath.Beneath(path, z.home) {
		return true
	}
	if winpath.Volume(z.home) == "" {
		return false
	}
	// The same folder by the name of its volume.
	home, at := z.volumes.locate(z.home), z.volumes.locate(path)
	return home.rel != "" && z.volumes.same(home.volume, at.volume) && beneath(at.rel, home.rel)
}

// maxZenMessages bounds how many messages of one log are kept.
const maxZenMessages = 1000

// zenMessages collects Installer's messages about files in use of one log. The messages have no time of their own, so that of a record just
// above is noted.
type zenMessages struct{ kept []zenMessage }

// See implements facts.Observer.
func (z *zenMessages) See(s *facts.Sight) {
	h := s.Hit(zenMountID + "/message")
	if h == nil || len(z.kept) == maxZenMessages {
		return
	}
	m := zenMessage{number: string(h.Capture("number")), paths: messagePaths(string(h.Capture("rest"))), at: s.Record.Time}
	if len(m.paths) == 0 {
		return
	}
	for n := 1; m.at.Zone == ingest.ZoneNone; n++ {
		r := s.Before(n)
		if r == nil {
			break
		}
		m.at = r.Time
	}
	if m.at.Zone == ingest.ZoneNone && len(z.kept) > 0 {
		m.at = z.kept[len(z.kept)-1].at
	}
	m.match = s.Keep()
	z.kept = append(z.kept, m)
}

// End implements facts.Observer.
func (z *zenMessages) End() any {
	if len(z.kept) == 0 {
		return nil
	}
	return z.kept
}

// installerMessages are Installer's messages about files in use, of all logs of a system.
func installerMessages(f *facts.Facts) []zenMessage {
	var out []zenMessage
	for _, o := range facts.Observed[[]zenMessage](f, zenMountID) {
		out = append(out, o.Value...)
	}
	return out
}

var (
	driveStart = regexp.MustCompile(`[A-Za-z]:[\\/]`)
	// A file's name ends with an extension before a blank, a mark or a letter of another script; a name without an extension at a blank.
	fileName = regexp.MustCompile(`^(?:[^\\/:*?"<>|]*?\.[A-Za-z0-9_~$-]{1,10}|[^\s\\/:*?"<>|]+)(?:[.,;]?(?:[\s"'»”’)\]。、，,;]|$)|[^\x00-\x7f])`)
)

// messagePaths finds the absolute paths in a sentence of any language. Where a file's name ends among the words around it is told by its
// extension; its folder is certain.
func messagePaths(s string) []string {
	starts := driveStart.FindAllStringIndex(s, 3)
	var out []string
	for i, at := range starts {
		if i == 2 {
			break
		}
		end := len(s)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		part := s[at[0]:end]
		cut := strings.LastIndexAny(part, `\/`) + 1
		name := fileName.FindString(part[cut:])
		name = strings.TrimRightFunc(name, func(r rune) bool {
			return r > 0x7f || strings.ContainsRune(" \t\"'.,;)]", r)
		})
		if name == "" {
			continue
		}
		out = append(out, winpath.Clean(part[:cut]+name))
	}
	return out
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
	if !z.queue.known {
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
		says = append(says, fmt.Sprintf("Installer scheduled %s of the agent's files that %s volumes (message 1902), for example %s; the registry that would show the queue is not in the bundle.",
			count(n, "rename"), plural(n, "crosses", "cross"), scheduled[0].describe()))
	}
	f.Cause = zenCause
	if c := decisive.crossing; c.relation == relationCrosses {
		says = append(says, "The volumes are different because "+c.why+", so a rename between them can't succeed at any boot.")
		if c.by != nil {
			f.Remedy = append([]string{upperFirst(c.by.name()) + " leads to another volume; the vendor does not support that above ZENWORKS_HOME. Note what else lies beneath it before it is taken away."}, zenRemedy[1:]...)
			f.Cause = upperFirst(c.by.describe()) + " stands on the way to the agent's files, so that one of the two paths lies on another volume than its drive letter says. " + f.Cause
		} else {
			f.Cause = "The bundle does not show a mount point as the reason: " + c.why + ". " + f.Cause
		}
	} else {
		says = append(says, "The status itself says that source and target are on different volumes; what makes them so is not in the bundle.")
		f.Cause = "What makes the volumes differ is not in the bundle; a mount point or junction above the agent's folder is the usual reason. " + f.Cause
	}
	f.Title = zenTitle(len(pending), len(failed), len(scheduled), decisive)

	for _, r := range pending[:min(len(pending), shownRenames)] {
		f.Evidence = append(f.Evidence, r.evidence(findings.Supports, "source and target are on different volumes"+rollback(r)))
	}
	for _, r := range failed[:min(len(failed), shownRenames)] {
		note := statusName(r.status)
		if r.status == statusNotSameDevice {
			note += ": source and target are on different volumes"
		}
		f.Evidence = append(f.Evidence, r.evidence(findings.Supports, note+rollback(r)))
	}
	for _, r := range scheduled[:min(len(scheduled), shownRenames)] {
		f.Evidence = append(f.Evidence, r.evidence(findings.Supports, "message 1902: a rename at the next boot, to another volume"+rollback(r)))
	}
	f.Evidence = append(f.Evidence, z.crossingEvidence(decisive.crossing)...)
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
	}
	return f
}

// crossingEvidence is what shows that two volumes are different.
func (z *zenFacts) crossingEvidence(c crossing) []findings.Evidence {
	var out []findings.Evidence
	seen := map[*link]bool{}
	for _, l := range []*link{c.by, c.a.by, c.b.by} {
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
	out := []findings.Rival{{Name: "The restart is merely still to come", Verdict: "A queue within one volume would be done at the next boot; one that crosses volumes never is."}}
	if len(z.failed)+len(z.refused) > 0 {
		out[0].Verdict = "PFRO.log shows that the machine was booted and that renames failed."
	}
	failed := findings.Rival{Name: "The installation itself failed (msi-install-failed)", Verdict: "No Installer log of the bundle ends with return code 1603."}
	if m, ok := z.facts.Matches(zenMountID + "/returning").First(); ok {
		failed.Verdict = fmt.Sprintf("%s ends a session with return code 1603 (line %d): see msi-install-failed; a failed installation rolls back and is a different fault.", m.Ref.Artifact, m.Ref.Line)
	} else if !z.facts.Has(ingest.KindLogMSI) {
		failed.Verdict = "The bundle has no Installer log."
	}
	out = append(out, failed)
	access := findings.Rival{Name: "The rename is refused for another reason (permissions, a file in use at boot)", Verdict: "PFRO.log is not in the bundle."}
	switch {
	case len(z.refused) > 0:
		access.Verdict = fmt.Sprintf("PFRO.log shows %s of the agent's files with another status, the last %s.", count(len(z.refused), "failed rename"), statusName(z.refused[len(z.refused)-1].status))
	case len(z.boots) > 0:
		access.Verdict = "PFRO.log shows no failure of the agent's files with another status."
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

// suspicion is one reason to suspect the problem.
type suspicion struct {
	severity findings.Severity
	state    findings.State
	title    string
	says     string
	evidence []findings.Evidence
	missing  []findings.Missing
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
	}
	var says []string
	for _, s := range all {
		says = append(says, s.says)
		f.Evidence = append(f.Evidence, s.evidence...)
		for _, m := range s.missing {
			if !slices.ContainsFunc(f.Missing, func(o findings.Missing) bool { return o.What == m.What }) {
				f.Missing = append(f.Missing, m)
			}
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
		s.evidence = append(s.evidence, r.evidence(findings.Supports, "message 1902: a rename at the next boot, to another volume"+rollback(r)))
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

// dynamicDisk: Windows 2003 and XP work on the queue before they mount dynamic volumes.
func (z *zenFacts) dynamicDisk() (suspicion, bool) {
	p, err := z.facts.Registry.Product()
	if err != nil || p.Major != 5 {
		return suspicion{}, false
	}
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
		says:     fmt.Sprintf("%s shows a mount point or junction, but not of which folder; if it stands above the agent's folder, renames of its files may cross volumes.", m.artifact),
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
		says: fmt.Sprintf("The Installer log shows %s about agent's files in use or left to the next boot (1603 held in use, 1902 rename, 1903 delete). Whether the restart replaced them is not in the bundle.", count(len(z.messages), "message")),
		missing: []findings.Missing{
			zenQueueNeed.Missing(), z.missingMounts("shows whether the renames cross volumes"), missingPFRO,
		},
	}
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
		f.Evidence = append(f.Evidence, z.sameEvidence(z.pending[0].crossing)...)
	case len(z.deletes) > 0:
		f.Title = "The queue only deletes files of the ZENworks agent"
		f.Summary = fmt.Sprintf("The queue holds %s of the agent's files and no rename; a delete crosses no volume and leaves no old file behind.%s", count(len(z.deletes), "delete"), others)
		f.Evidence = append(f.Evidence, pairEvidence(z.deletes[0], findings.Contradicts, "a delete"))
	case len(z.queue.pairs) > 0:
		f.Title = "No file of the ZENworks agent waits for a boot"
		f.Summary = fmt.Sprintf("None of the %s that wait for a boot is on a file of the agent (%s).", count(len(z.queue.pairs), "operation"), z.home)
		f.Evidence = append(f.Evidence, pairEvidence(z.queue.pairs[0], findings.Contradicts, "a file of another product"))
	default:
		f.Title = "No file of the ZENworks agent waits for a boot"
		f.Summary = fmt.Sprintf("No file operation waits for a boot, so none of the agent's files (%s) does.", z.home)
		f.Evidence = append(f.Evidence, z.queue.absent(findings.Contradicts))
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
	if c := r.crossing; c.relation == relationCrosses && c.by != nil {
		return subject + " across " + c.by.name()
	}
	return subject + " across volumes"
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

// statusName names a status of PFRO.log ([MS-ERREF] 2.3.1).
func statusName(status uint32) string {
	name := map[uint32]string{
		0xc0000022: "access denied", 0xc0000033: "invalid name", 0xc0000034: "name not found", 0xc0000035: "the target exists and is not to be replaced",
		statusPathNotFound: "path not found", 0xc0000043: "sharing violation", 0xc00000ba: "the file is a folder",
		statusNotSameDevice: "not the same device", 0xc0000101: "the folder is not empty",
	}[status]
	if name == "" {
		return fmt.Sprintf("status 0x%08x", status)
	}
	return fmt.Sprintf("status 0x%08x (%s)", status, name)
}

// stamp is the boot's time by the machine's clock.
func (b boot) stamp() string {
	if b.wall.IsZero() {
		return "at a time that can't be read"
	}
	return b.wall.Format(time.DateTime)
}

// count is a number with its noun.
func count(n int, noun string) string {
	return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s"))
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

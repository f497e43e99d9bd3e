package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const diskFullID = "windows-disk-full"

// How much room a volume has to have: with less than the first nothing can be written, below the second installers and updates fail, from the third on there is
// no want of it.
const (
	noRoom     = 1 << 20
	littleRoom = 200 << 20
	plentyRoom = 1 << 30
)

// volumeAtCapacity is the event of the server service about a volume that is nearly full.
const volumeAtCapacity = 2013

// Programs say that a volume is full by a code, and few say which volume. Messages 1601 and 1605 of Windows Installer name it; return codes of the same
// numbers mean other things.
var windowsDiskFull = &findings.Check{
	ID:       diskFullID,
	Title:    "A volume is full: installations, updates and logs are cut short",
	Severity: findings.High,
	Product:  findings.Product{Name: "a sign of a full volume, or the free space of one"},
	Needs: []findings.Need{{
		Met:  func(f *facts.Facts) bool { return len(readVolumes(f)) > 0 },
		What: "the free space of the volumes", Why: "it shows whether one of them is full", Collect: freeSpaceNow.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: diskFullID + "/code", Kinds: logKinds(),
			Literals: []string{"0x80070070", "0xC000007F", "0x80070027", "2147942512", "-2147024784", "2147942439", "-2147024857", "ERROR_DISK_FULL", "ERROR_HANDLE_DISK_FULL", "not enough space on the disk"},
			Pattern:  `(?i)(?P<code>0x80070070|0xC000007F|0x80070027|\b2147942512\b|-2147024784\b|\b2147942439\b|-2147024857\b|ERROR_(?:HANDLE_)?DISK_FULL|not enough space on the disk)`,
		},
		{
			Name: diskFullID + "/win32", Kinds: logKinds(),
			Literals: []string{"rror 112", "rror: 112", "rror:112", "rror = 112", "rror=112", "ode 112", "ode: 112", "(112)", "rror 39", "rror: 39", "rror = 39", "gle=112", "gle=0x00000070"},
			Pattern:  `(?i)(?:\b(?:win32 |system |last |os )?error(?: ?code)?(?:: ?| ?= ?| )(?:112|39)\b|\bgle=(?:112|0x0*70)\b|(?:fail|error|unable|cannot|could not).*\(112\))`,
		},
		{
			Name: diskFullID + "/note", Kinds: []string{string(ingest.KindLogMSI), string(ingest.KindLogSEP)}, Literals: []string{"Note: 1: 1601 2: ", "Note: 1: 1605 2: "},
			Pattern: `\bNote: 1: (?:1601|1605) 2: (?P<volume>[A-Za-z]:)\S* 3: (?P<need>\d+) 4: (?P<free>\d+)`,
		},
		{
			// The message is translated; the volume and the two sizes stand in this order.
			Name: diskFullID + "/message", Kinds: []string{string(ingest.KindLogMSI), string(ingest.KindLogSEP)}, Literals: []string{" 1601. ", " 1605. "},
			Pattern: `\s(?:1601|1605)\. [^\r\n]*?\b(?P<volume>[A-Za-z]:)[^\d\r\n]+(?P<need>\d(?:[\d.,\x{a0}\x{202f} ]*\d)?)[^\d\r\n]+(?P<free>\d(?:[\d.,\x{a0}\x{202f} ]*\d)?)`,
		},
		{
			Name: diskFullID + "/property", Kinds: []string{string(ingest.KindLogMSI), string(ingest.KindLogSEP)},
			Literals: []string{"OutOfDiskSpace = 1", "OutOfNoRbDiskSpace = 1"}, Pattern: `^(?:Property\([SCN]\): )?OutOf(?:NoRb)?DiskSpace = 1\s*$`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"srv": {volumeAtCapacity}})
		},
	},
	Before: []findings.Precedence{{
		Over: []string{
			"configmgr-client-certificate", "configmgr-client-hotfix", "configmgr-client-store-corrupt", "configmgr-program-retry", "msi-cached-package-missing",
			"msi-install-failed", "msi-source-missing", "sep-cached-msi-missing", "vcm-install-step", "windows-bits-failing", "windows-component-store-corrupt",
			"windows-group-policy-file-corrupt", "windows-update-agent-damaged", "windows-wmi-repository-inconsistent",
		},
		Why: "what is installed, repaired or written anew is cut short again on a volume without room",
	}},
	Doc: findings.Doc{
		Cause: "Something could not be written because the volume, or the user's quota on it, had no room left. What was being written is cut short or empty: installations are rolled back, registry and key files are damaged, services stop.",
		Remedy: []string{
			"Find out what fills the volume before anything is deleted: the largest folders, and which of them grow (logs, memory dumps, SoftwareDistribution\\Download, the client's cache, shadow copies).",
			"Make room with each product's own means: Disk Cleanup, the cache settings of the ConfigMgr client, the retention of logs. Never empty Windows\\Installer or WinSxS by hand.",
			"Start what failed again, and look for files of zero bytes from the time of the failure.",
			"If the volume has room, look at quotas (fsutil quota query) and at the volume that the program really writes to: %TEMP%, the share, the volume of the package.",
		},
		Risk:      "Deleted logs and dumps are lost as evidence: save what the case needs first. A cache that is emptied is filled again over the network.",
		Undo:      "Move what is in doubt to another volume instead of deleting it, and move it back.",
		Cured:     "A listing of the volume in the next upload shows more than a gigabyte free, and no new code 0x80070070 follows.",
		Overturns: "A listing from the time of the failure that shows room, or a quota.",
		Proves: []string{
			"A code that means nothing else: 0x80070070, Win32 error 112 or 39, status 0xC000007F.",
			"Message 1601 or 1605 of Windows Installer with volume, required and available space.",
			"Event 2013 of the server service: a volume is at or near its capacity.",
			"A dir listing whose last line states less than a megabyte free.",
		},
		Suggests:       []string{"A dir listing that states less than 200 MB free on its folder's volume.", "The Installer property OutOfDiskSpace = 1."},
		Exonerates:     []string{"dir listings state more than a gigabyte free, and no log holds a code of a full volume."},
		FalsePositives: "A listing's free space is that of the listed folder's volume: beneath a mount point that is not the volume of the drive letter, and the finding then names the folder. The code may be that of another computer's share, or of a user's quota. Return code 1601 (the Installer service can't be reached) and 1605 (unknown product) have nothing to do with it.",
		NotCovered:     "Volumes that filled up and were tidied without a trace; free space in other outputs than dir's.",
		References: []findings.Reference{
			{Title: "System error codes: ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL", URL: "https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499-"},
			{Title: "Windows Installer error messages", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/windows-installer-error-messages"},
		},
	},
	Run: runDiskFull,
}

// logKinds are the kinds of logs: in them a code is an event, while other texts may list codes to explain them.
func logKinds() []string {
	var kinds []string
	for _, k := range ingest.Kinds() {
		if strings.HasPrefix(string(k), "log/") {
			kinds = append(kinds, string(k))
		}
	}
	return kinds
}

var freeSpaceNow = findings.Missing{
	What: "the free space of the volumes", Why: "it shows which volume is full, and whether it still is",
	Collect: `dir /a %SystemDrive%\ > "%PUBLIC%\volumes.txt" (and the same with >> for every other drive)`,
}

// volumeState is what a system tells of one volume.
type volumeState struct {
	name     string // a drive letter, a share, or the folder whose volume it is; "" where nothing names it
	mounted  bool   // the folder is known to be a mount point or a junction
	evidence []findings.Evidence
	says     []string
	failed   bool // a write failed for want of room
	near     bool // it is at or near its capacity
	hint     bool
	free     *extract.VolumeFree // the least that a listing states
	freeAt   string              // the listing
}

var (
	pathInText = regexp.MustCompile(`(?:^|[^A-Za-z0-9])([A-Za-z]:[\\/][^"'<>|*?\r\n]*)`)
	driveAlone = regexp.MustCompile(`(?:^|[^A-Za-z0-9])([A-Za-z]:)(?:[^A-Za-z0-9]|$)`)
)

// volumeIn returns the only volume that the drives or paths of a line lie on, "" if it names none or several.
func volumeIn(v *volumes, text string, form *regexp.Regexp) string {
	name := ""
	for _, m := range form.FindAllStringSubmatch(text, 20) {
		of := volumeOfPath(v, m[1])
		if name != "" && name != of {
			return ""
		}
		name = of
	}
	return name
}

// volumeOfPath names the volume that a path lies on: that of its drive letter, unless a link is known to stand above it. What a link leads
// to has the name of the link's folder where no letter is known.
func volumeOfPath(v *volumes, path string) string {
	at := v.locate(path)
	switch {
	case at.open != nil:
		return winpath.Clean(at.open.mount.Directory)
	case at.volume == "" || v.same(at.volume, winpath.Volume(path)):
		return winpath.Volume(path)
	case v.letter(at.volume) != "":
		return v.letter(at.volume)
	case at.by != nil:
		return winpath.Clean(at.by.mount.Directory)
	}
	return at.volume
}

// volumeOfListing names the volume of which a listing of folder states the free space. A mount point above the folder, which most bundles
// neither show nor exclude, would make it another than that of the drive letter, and the folder is then all that names it.
func volumeOfListing(v *volumes, folder string) string {
	name := volumeOfPath(v, folder)
	if name == winpath.Volume(folder) && isLetter(name) && winpath.Dir(folder) != "" && !v.covered(winpath.Join(folder, "x")) {
		return winpath.Clean(folder)
	}
	return name
}

// call is how a sentence speaks of the volume.
func (v *volumeState) call() string {
	switch {
	case v.name == "":
		return "a volume that is not named"
	case winpath.Dir(v.name) != "":
		return "the volume of " + v.name
	}
	return v.name
}

// readVolumes gathers what a system tells of its volumes, in the order of their names.
func readVolumes(f *facts.Facts) []*volumeState {
	var list []*volumeState
	known := newVolumes(f)
	at := func(name string) *volumeState {
		i := slices.IndexFunc(list, func(v *volumeState) bool { return v.name == name })
		if i < 0 {
			i = len(list)
			list = append(list, &volumeState{name: name})
		}
		return list[i]
	}
	add := func(m facts.Match, volume, says, note string) *volumeState {
		v := at(volume)
		if !slices.Contains(v.says, says) {
			v.says = append(v.says, says)
		}
		const shown = 6
		if len(v.evidence) < shown {
			v.evidence = append(v.evidence, findings.FromMatch(m, findings.Supports, note))
		}
		return v
	}
	for _, m := range slices.Concat(f.Matches(diskFullID+"/note").Kept, f.Matches(diskFullID+"/message").Kept) {
		volume := strings.ToUpper(m.Capture("volume"))
		add(m, volume, fmt.Sprintf("Windows Installer had no room there (required: %s KB, available: %s KB)", m.Capture("need"), m.Capture("free")), "message 1601 or 1605: out of disk space").failed = true
	}
	for _, s := range []struct{ signal, says, note string }{
		{"/code", "a write failed because the volume was full", "the code of a full disk"},
		{"/win32", "a write failed because the volume was full", "Win32 error 112 (ERROR_DISK_FULL) or 39 (ERROR_HANDLE_DISK_FULL)"},
	} {
		for _, m := range ends(f.Matches(diskFullID + s.signal)) {
			add(m, volumeIn(known, m.Quote, pathInText), s.says, s.note).failed = true
		}
	}
	for _, l := range facts.Observed[*eventLog](f, diskFullID) {
		for _, g := range l.Value.groups {
			add(*g.last, volumeIn(known, g.said(), driveAlone), fmt.Sprintf("the server service says that it is at or near its capacity (event %d, %s)", volumeAtCapacity, g.span()), "event 2013 of the server service").near = true
		}
	}
	if m, ok := f.Matches(diskFullID + "/property").Last(); ok {
		add(m, "", "Windows Installer reckoned that the room does not suffice", "OutOfDiskSpace: the selected features need more room than there is").hint = true
	}
	for _, l := range facts.Values[*extract.Listing](f) {
		for _, free := range l.Value.Free {
			v := at(volumeOfListing(known, free.Folder))
			v.mounted = v.name == volumeOfPath(known, free.Folder)
			if v.free == nil || free.Bytes < v.free.Bytes {
				v.free, v.freeAt = &free, l.Artifact.Path
			}
		}
	}
	// What names no volume is most likely of the one that others name.
	unnamed := slices.IndexFunc(list, func(v *volumeState) bool { return v.name == "" })
	named := slices.IndexFunc(list, func(v *volumeState) bool { return v.name != "" && v.failed })
	if unnamed >= 0 && named >= 0 {
		for _, e := range list[unnamed].evidence {
			list[named].evidence = append(list[named].evidence, withRole(e, findings.Context, e.Note+"; which volume is not said"))
		}
		list = slices.Delete(list, unnamed, unnamed+1)
	}
	slices.SortFunc(list, func(a, b *volumeState) int { return strings.Compare(a.name, b.name) })
	return list
}

// ends returns the first and the last match of a signal.
func ends(m facts.Matches) []facts.Match {
	first, ok := m.First()
	last, _ := m.Last()
	switch {
	case !ok:
		return nil
	case first.Ref == last.Ref:
		return []facts.Match{first}
	}
	return []facts.Match{first, last}
}

func runDiskFull(f *facts.Facts) ([]findings.Finding, error) {
	var out []findings.Finding
	var well []*volumeState
	for _, v := range readVolumes(f) {
		switch {
		case v.failed || v.near || v.hint || v.free.Bytes < littleRoom:
			out = append(out, v.finding(f))
		default:
			well = append(well, v)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	least := slices.MinFunc(well, func(a, b *volumeState) int { return cmp.Compare(a.free.Bytes, b.free.Bytes) })
	at := findings.FromLine(f, least.freeAt, least.free.Line, findings.Contradicts, "the free space of "+least.call())
	if least.free.Bytes < plentyRoom {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent,
			Summary:  fmt.Sprintf("A listing states %s free on %s, which is enough for most purposes and not for all; no log holds a code of a full volume.", bytesText(least.free.Bytes), least.call()),
			Evidence: []findings.Evidence{withRole(at, findings.Context, "")},
		}}, nil
	}
	return []findings.Finding{{
		Verdict:  findings.RuledOut,
		Summary:  fmt.Sprintf("Listings state the free space of %s; the least is %s on %s. No log of the bundle holds a code of a full volume.", count(len(well), "volume"), bytesText(least.free.Bytes), least.call()),
		Evidence: []findings.Evidence{at},
	}}, nil
}

func (v *volumeState) finding(f *facts.Facts) findings.Finding {
	name := v.call()
	out := findings.Finding{Subject: v.name, Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Unknown, Evidence: v.evidence}
	if winpath.Dir(v.name) != "" {
		out.Subject = name
	}
	out.Title = upperFirst(name) + " was full: what was being written is cut short or missing"
	if len(v.says) > 0 {
		out.Summary = fmt.Sprintf("Of %s the logs say: %s.", name, strings.Join(v.says, "; "))
	}
	var listed string
	room := findings.Evidence{}
	if v.free != nil {
		room = findings.FromLine(f, v.freeAt, v.free.Line, findings.Supports, "the free space of the volume when it was listed")
		listed = fmt.Sprintf("A listing states %s free on %s", bytesText(v.free.Bytes), name)
		if winpath.Dir(v.name) != "" && !v.mounted {
			listed += ", which is that of " + winpath.Volume(v.name) + " only if no folder above is a mount point"
		}
	}
	switch {
	case v.failed:
		out.Verdict, out.Severity = findings.Confirmed, findings.High
	case v.near:
		out.Verdict, out.Severity = findings.Confirmed, findings.Medium
		out.Title = upperFirst(name) + " is nearly full: installations and updates will fail for want of room"
	case v.hint:
		out.Title = "An installation needs more room than " + name + " has"
	}
	switch {
	case v.free == nil:
	case v.free.Bytes < noRoom:
		out.Verdict, out.Severity, out.State = findings.Confirmed, findings.High, findings.Active
		out.Title = upperFirst(name) + " is full: nothing more can be written there"
		out.Summary = strings.TrimSpace(out.Summary + " " + listed + ".")
		out.Evidence = append(slices.Clone(out.Evidence), room)
	case v.free.Bytes < littleRoom:
		out.State = findings.Active
		if len(v.says) == 0 {
			out.Title = fmt.Sprintf("%s has only %s free: installations and updates may fail", upperFirst(name), bytesText(v.free.Bytes))
		}
		out.Summary = strings.TrimSpace(out.Summary + " " + listed + "; that is too little for most installations and updates.")
		out.Evidence = append(slices.Clone(out.Evidence), room)
	default:
		out.Summary += " " + listed + ", so it was tidied after the failure, or has filled up since the listing."
		out.Evidence = append(slices.Clone(out.Evidence), withRole(room, findings.Context, ""))
	}
	if v.name == "" {
		out.Summary += " Which volume it was is not said."
	}
	if out.State == findings.Unknown || out.Verdict == findings.Suspected {
		out.Missing = []findings.Missing{freeSpaceNow}
	}
	quota := rivalOpen + "the code is the same for both; the bundle holds no quota report (fsutil quota query)."
	if v.free != nil {
		quota = rivalOpen + "dir states what is left of the user's quota where one is in force, so it does not tell the two apart; the bundle holds no quota report (fsutil quota query)."
	}
	out.Rivals = []findings.Rival{{Name: "A quota, or the volume of a share", Verdict: quota}}
	return out
}

// bytesText is a number of bytes as people say it.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MB", float64(n)/(1<<20))
	}
	return count(int(n), "byte")
}

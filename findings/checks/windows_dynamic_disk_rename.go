package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/internal/winpath"
)

const dynamicRenameID = "windows-dynamic-disk-rename"

// Windows XP and Server 2003 work on the queue of file operations before they mount the volumes of dynamic disks, unless the system itself
// is on one. What is queued for such a volume fails without a word, and the queue is gone.
var windowsDynamicDiskRename = &findings.Check{
	ID:       dynamicRenameID,
	Title:    "Files on a dynamic disk are queued to be replaced at boot, before Windows mounts the disk",
	Severity: findings.Medium,
	Product: findings.Product{
		Name: "a dynamic disk with file operations that wait for a boot",
		Seen: func(f *facts.Facts) bool { return len(newDynamic(f).waiting) > 0 },
	},
	Needs: []findings.Need{
		{
			Met:  func(f *facts.Facts) bool { _, err := f.Registry.Product(); return err == nil },
			What: "the version of Windows (the SOFTWARE registry hive, or its CurrentVersion key)", Why: "only Windows XP and Server 2003 mount dynamic disks too late; later versions use the same form for GPT partitions",
			Collect: findings.RegistryCollect(`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "version.reg"),
		},
		{
			Met:  func(f *facts.Facts) bool { devices, _ := f.Registry.MountedDevices(); return len(devices) > 0 },
			What: "the MountedDevices key of the SYSTEM registry", Why: "it says which drive letters are on dynamic disks",
			Collect: findings.RegistryCollect(`HKLM\SYSTEM\MountedDevices`, "mounted-devices.reg"),
		},
		{
			Met:  func(f *facts.Facts) bool { return readQueue(f).known },
			What: pendingRebootNeed.What, Why: pendingRebootNeed.Why, Collect: pendingRebootNeed.Collect,
		},
	},
	Before: []findings.Precedence{{
		Over: restarts, Why: "at a restart the renames on the dynamic volume are lost without a word, and the queue that shows them is gone",
		If: func(f *findings.Finding) bool { return f.Severity != findings.Info }, // those of the ZENworks agent alone have a check of their own
	}},
	Doc: findings.Doc{
		Cause: "The session manager of Windows XP and Server 2003 works on PendingFileRenameOperations before the volumes of dynamic disks are mounted when the system volume itself is a basic one. Every operation on a dynamic volume then fails, nothing is logged, and the queue is deleted: the files in use are never replaced, and the old and the new versions stay mixed (KB948601).",
		Remedy: []string{
			"Install Microsoft's fix of KB948601, or apply the workaround that the article gives, then queue the replacement again by installing or repairing the product.",
			"Or stop the services that hold the files, so that the installer can replace them at once and queues nothing.",
			"Or move the product to a basic volume.",
		},
		Risk:      "Stopping the services that hold the files interrupts their users; converting a dynamic disk to a basic one destroys its volumes.",
		Undo:      "The fix can be removed in the list of installed programs; a stopped service is started again.",
		Cured:     "After the next restart the target has the new version and the temporary source file is gone.",
		Overturns: "That the fix is installed, that the letter is on a basic disk today, that the target has the new version after the restart, or that the source file was made anew since.",
		Proves: []string{
			"Windows 5.1 or 5.2 with a basic system volume, a rename on a dynamic volume that stood in a queue that is worked off (left in free cells of the hive), and a listing that still shows the source file: it was not done.",
		},
		Suggests: []string{"Windows 5.1 or 5.2 with a basic system volume, and renames that wait for a boot on a dynamic volume: they will fail unless the fix is installed."},
		Exonerates: []string{
			"A later Windows, on which MountedDevices uses the same form for GPT partitions.",
			"No rename waits on a dynamic volume, or the system volume is dynamic too.",
		},
		FalsePositives: "MountedDevices keeps letters of disks that are long gone. Deletes that fail leave a temporary file and do no harm. " +
			"The ZENworks agent's files are judged by zenworks-mount-point, which knows what they mean for the agent.",
		NotCovered: "Whether the fix of KB948601 is installed, volumes on which Windows' own files lie, and Windows 2000, which the article does not name.",
		References: []findings.Reference{{Title: "KB948601: file renames on dynamic volumes are not done at boot", URL: "https://support.microsoft.com/kb/948601"}},
	},
	Run: runDynamicRename,
}

// dynamic is what a system's registry says of dynamic volumes and of operations on them.
type dynamic struct {
	volumes *volumes
	queue   queue
	waiting []hive.PendingRename // renames of the queue on a volume that is, or may be, dynamic
	deletes int                  // of the queue, there
	left    []leftRename
	agent   int // of waiting those of the ZENworks agent
}

// leftRename is a rename of a queue that was worked off, whose source is still there.
type leftRename struct {
	hive.PendingRename
	source string // artifact
	offset int64
	at     sighting
}

// onDynamic returns what MountedDevices says of the volume of a path if it has the form of dynamic volumes.
func (d *dynamic) onDynamic(path string) (hive.MountedDevice, bool) {
	if path == "" {
		return hive.MountedDevice{}, false
	}
	at, known := d.volumes.device(d.volumes.locate(path).volume)
	return at, known && at.GUID != ""
}

func (d *dynamic) touches(p hive.PendingRename) bool {
	_, source := d.onDynamic(p.Source)
	_, target := d.onDynamic(p.Target)
	return source || target
}

func newDynamic(f *facts.Facts) *dynamic {
	d := &dynamic{volumes: newVolumes(f), queue: readQueue(f)}
	var agent *zenFacts
	for _, p := range d.queue.pairs {
		switch {
		case !d.touches(p) || p.Operation == hive.OperationUnpaired:
		case p.Operation == hive.OperationDelete:
			d.deletes++
		default:
			d.waiting = append(d.waiting, p)
			if agent == nil {
				agent = readZENworks(f)
			}
			if agent.agent(p.Source) || agent.agent(p.Target) {
				d.agent++
			}
		}
	}
	files := newInventory(f)
	if len(files.listings) == 0 {
		return d
	}
	for _, former := range f.Registry.DeletedPendingRenames() {
		for _, p := range former.Pairs {
			// A value that grows leaves its former data behind: only what is queued no more was worked on.
			waits := slices.ContainsFunc(d.queue.pairs, func(q hive.PendingRename) bool { return winpath.Equal(q.Source, p.Source) })
			if p.Operation != hive.OperationRename || p.Target == "" || waits || !d.touches(p) {
				continue
			}
			if at := files.find(p.Source); at.there() {
				d.left = append(d.left, leftRename{p, former.Source, former.Offset, at})
			}
		}
	}
	return d
}

func runDynamicRename(f *facts.Facts) ([]findings.Finding, error) {
	d := newDynamic(f)
	product, err := f.Registry.Product()
	if err != nil {
		return nil, err
	}
	release := cmp.Or(product.Name, "Windows "+product.Version)
	version := findings.FromKey(product.Found, findings.Contradicts, release+", version "+product.Version)
	ruledOut := func(summary string, evidence ...findings.Evidence) ([]findings.Finding, error) {
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "No file operation is lost to a dynamic disk", Summary: summary, Evidence: evidence,
		}}, nil
	}
	if product.Major != 5 || product.Minor < 1 {
		return ruledOut(fmt.Sprintf("This is %s (version %s). Only Windows XP and Server 2003 work on the queue before they mount dynamic disks; on later versions MountedDevices has the same form for GPT partitions.", release, product.Version), version)
	}
	system := cmp.Or(winpath.Volume(product.SystemRoot), "C:")
	root, known := d.volumes.device(system)
	switch {
	case len(d.waiting) == 0 && len(d.left) == 0:
		summary := "No rename that waits for a boot touches a volume of a dynamic disk."
		if d.deletes > 0 {
			summary = fmt.Sprintf("Only deletes are queued on a dynamic volume (%d); one that fails leaves a temporary file and no old version.", d.deletes)
		}
		return ruledOut(summary, d.queue.judged())
	case known && root.Kind == hive.DeviceDynamic:
		return ruledOut(fmt.Sprintf("The system volume %s is on a dynamic disk itself, which Windows then mounts before it works on the queue.", system), findings.FromValue(root.Found, findings.Contradicts, root.Detail))
	}
	return []findings.Finding{d.finding(f, product, release, system, root, known)}, nil
}

// judged is evidence of a queue that names no file of interest.
func (q queue) judged() findings.Evidence {
	if len(q.pairs) > 0 {
		return pairEvidence(q.pairs[0], findings.Contradicts, fmt.Sprintf("the first of %s, none of them a rename on a dynamic volume", count(len(q.pairs), "operation")))
	}
	return q.absent(findings.Contradicts)
}

func (d *dynamic) finding(f *facts.Facts, product hive.Product, release, system string, root hive.MountedDevice, known bool) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Predicted,
		Evidence: []findings.Evidence{findings.FromKey(product.Found, findings.Context, release+", version "+product.Version)},
	}
	devices := map[string]bool{}
	device := func(path string) {
		if at, ok := d.onDynamic(path); ok && !devices[at.Name] {
			devices[at.Name] = true
			out.Evidence = append(out.Evidence, findings.FromValue(at.Found, findings.Supports, at.Detail))
		}
	}
	out.Subject = cmp.Or(f.Host, f.ID, "the machine of "+product.Found.Source)
	basic := ""
	if known {
		basic = fmt.Sprintf(" The system volume %s is on a basic disk.", system)
		out.Evidence = append(out.Evidence, findings.FromValue(root.Found, findings.Supports, root.Detail))
	}
	if len(d.left) > 0 {
		first := d.left[0]
		out.Verdict, out.State, out.Severity = findings.Confirmed, findings.Active, findings.High
		if !known || root.Kind != hive.DeviceMBR {
			out.Verdict, out.Severity = findings.Suspected, findings.Medium
			out.Missing = append(out.Missing, findings.Missing{
				What: "the list of volumes", Why: "it shows whether the system volume is on a basic disk", Collect: `(echo list volume & echo list disk) | diskpart > "%PUBLIC%\volumes.txt"`,
			})
		}
		out.Title = winpath.Base(first.Target) + " was to be replaced at boot and was not: it lies on a dynamic disk"
		out.Summary = fmt.Sprintf("A queue that %s has worked off had %s to become %s, and a listing still shows the source: the rename was not done.%s It works on the queue before it mounts dynamic volumes and says nothing of what fails (KB948601).", release, first.Source, first.Target, basic)
		for i, l := range d.left {
			if i == 2 {
				break
			}
			device(l.Source)
			device(l.Target)
			out.Evidence = append(out.Evidence,
				findings.Evidence{
					Artifact: l.source, Role: findings.Supports,
					Note: fmt.Sprintf("a deleted queue is left in free cells of the hive, at offset 0x%x: %s to become %s", l.offset, l.Source, l.Target),
				},
				l.at.evidence(f, findings.Supports))
		}
		out.Rivals = []findings.Rival{
			{Name: "A tool deleted the queue before a boot could work on it", Verdict: rivalOpen + "the hive does not tell who deleted it."},
			{Name: "The rename was refused for another reason (permissions, an existing target without the mark to replace it)", Verdict: replaceVerdict(first.PendingRename)},
		}
	}
	if len(d.waiting) > 0 {
		for i, p := range d.waiting {
			if i == 3 {
				break
			}
			device(p.Source)
			device(p.Target)
			out.Evidence = append(out.Evidence, pairEvidence(p, findings.Supports, "waits for the next boot"))
		}
		text := fmt.Sprintf("%s on a dynamic volume %s for the next boot, the first for %s.%s %s works on the queue before it mounts dynamic volumes and says nothing of what fails (KB948601).",
			count(len(d.waiting), "rename"), plural(len(d.waiting), "waits", "wait"), d.waiting[0].Target, basic, release)
		if out.Title == "" {
			out.Title = count(len(d.waiting), "rename") + " on a dynamic disk will be lost at the next boot"
			out.Summary = text
			out.Missing = append(out.Missing, findings.Missing{
				What: "a listing of the target's folder with the queued files, made after a restart", Why: "a source that is still there, and a target with its old date, show that the rename was lost",
				Collect: fmt.Sprintf(`dir /a %q > "%%ALLUSERSPROFILE%%\after-restart.txt"`, winpath.Dir(d.waiting[0].Target)),
			})
			out.Rivals = []findings.Rival{{Name: "The fix of KB948601 is installed", Verdict: rivalOpen + "the registry does not tell, and the version of smss.exe is not in the upload."}}
		} else {
			out.Summary += " " + text
		}
		if d.agent == len(d.waiting) && len(d.left) == 0 {
			out.Severity = findings.Info
			out.Summary += " All of them are the ZENworks agent's, so zenworks-mount-point judges what they mean."
		}
	}
	return out
}

// replaceVerdict says whether a rename had the mark to replace its target.
func replaceVerdict(p hive.PendingRename) string {
	if p.ReplaceExisting || strings.Contains(p.TargetMarkers, "!") {
		return rivalOpen + "the rename was marked to replace its target; of permissions the bundle tells nothing."
	}
	return rivalOpen + "the rename was not marked to replace its target, so it fails as well if the target was there."
}

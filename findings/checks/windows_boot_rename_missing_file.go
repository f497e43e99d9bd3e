package checks

import (
	"cmp"
	"fmt"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const bootRenameID = "windows-boot-rename-missing-file"

// The session manager of Windows NT 4.0 ends, and the system with it, when it can't finish a queued rename because the file or a folder is
// not there. Later versions pass over such an entry.
var windowsBootRenameMissingFile = &findings.Check{
	ID:       bootRenameID,
	Title:    "Windows NT stops at boot because a queued file is missing",
	Severity: findings.High,
	Product: findings.Product{
		Name: "a stop of the session manager (c000021a), or a queue of file operations on Windows NT 4.0",
		Seen: func(f *facts.Facts) bool { return hasBootStop(f) || ntQueue(f) },
	},
	Needs: []findings.Need{
		{
			Met:  func(f *facts.Facts) bool { return readQueue(f).known },
			What: "the SYSTEM hive of the installation that does not start", Why: "its Session Manager key queues the file operations",
			Collect: `from a parallel installation or a boot disk: copy %SystemRoot%\system32\config\SYSTEM and SOFTWARE of the installation that does not start`,
		},
		{
			Met:  func(f *facts.Facts) bool { _, err := f.Registry.Product(); return err == nil || hasBootStop(f) },
			What: "the SOFTWARE hive of the same installation", Why: "it states the version of Windows; only NT 4.0 stops for such an entry",
			Collect: `from a parallel installation or a boot disk: copy %SystemRoot%\system32\config\SOFTWARE of the installation that does not start`,
		},
	},
	Signals: []match.Signal{
		{Name: bootRenameID + "/stop", Literals: []string{"c000021a", "C000021A"}},
		{Name: bootRenameID + "/status", Literals: []string{"0xc0000017", "0xC0000017", "0XC0000017"}},
	},
	Before: []findings.Precedence{{Over: restarts, Why: "Windows NT 4.0 does not start any more while a file that is queued for the boot is missing"}},
	Doc: findings.Doc{
		Cause: "Windows NT 4.0 works on PendingFileRenameOperations early in the boot. Where an operation can't be finished because its file or folder does not exist, the session manager ends with 0xc0000017, and the system stops with c000021a (Q317189). An uninstallation, a tool that tidied temporary folders or a restored volume takes such files away.",
		Remedy: []string{
			"Install Windows NT in parallel (Q259003), load the SYSTEM hive of the installation that does not start, and find its current control set in Select.",
			"Note and then delete PendingFileRenameOperations in Control\\Session Manager of that control set; remove entries of that name from RunOnce and RunOnceEx of the SOFTWARE hive too.",
			"Unload the hives, start the original installation, and install the product again that queued the operations.",
		},
		Risk:      "The operations that are deleted are never done: the product that queued them stays half replaced.",
		Undo:      "Copy the hives before they are changed, and put the copies back.",
		Cured:     "The installation starts, and its Session Manager key has no PendingFileRenameOperations.",
		Overturns: "A listing that shows the file, or a stop with another status than 0xc0000017.",
		Proves:    []string{"The stop c000021a with status 0xc0000017 is in the bundle, the registry is that of Windows NT 4.0, and its queue names a file or folder that a complete listing lacks."},
		Suggests: []string{
			"The stop, and a queue on Windows NT 4.0, without a listing of the files.",
			"A queue on Windows NT 4.0 that names a missing file, without the stop: the next boot will stop.",
		},
		Exonerates:     []string{"A version later than Windows NT 4.0.", "No operation is queued, or listings show the files of all."},
		FalsePositives: "c000021a with other statuses (0xc0000005 after a service pack, 0xc000003a after a changed drive letter) has other causes.",
		NotCovered:     "Windows 2000 and later, which pass over such an entry, and the registry damage of Q160658.",
		References: []findings.Reference{
			{Title: "Q317189: Stop c000021a, the session manager initialization system process terminated", URL: "https://jeffpar.github.io/kbarchive/kb/317/Q317189/"},
		},
	},
	Rests: func() findings.Traces { return findings.Traces{Texts: []string{pendingValue}} },
	Run:   runBootRename,
}

// bootStop is the line with the status of a stop c000021a that the session manager's end with 0xc0000017 is the reason of: the screen
// has both within a few lines.
func bootStop(f *facts.Facts) (facts.Match, bool) {
	const screen = 4
	for _, stop := range f.Matches(bootRenameID + "/stop").Kept {
		for _, status := range f.Matches(bootRenameID + "/status").Kept {
			if d := status.Ref.Line - stop.Ref.Line; status.Ref.Artifact == stop.Ref.Artifact && d >= 0 && d < screen {
				return status, true
			}
		}
	}
	return facts.Match{}, false
}

func hasBootStop(f *facts.Facts) bool {
	_, ok := bootStop(f)
	return ok
}

// isNT4 reports whether the registry is that of Windows NT 4.0; known is false where it does not say.
func isNT4(f *facts.Facts) (is, known bool) {
	const nt4 = 4
	p, err := f.Registry.Product()
	return err == nil && p.Major == nt4, err == nil && p.Major != 0
}

func ntQueue(f *facts.Facts) bool {
	is, _ := isNT4(f)
	return is && len(readQueue(f).pairs) > 0
}

func runBootRename(f *facts.Facts) ([]findings.Finding, error) {
	is, known := isNT4(f)
	q := readQueue(f)
	stop, stopped := bootStop(f)
	product, _ := f.Registry.Product()
	if known && !is {
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "This Windows does not stop for a missing queued file",
			Summary:  fmt.Sprintf("This is %s (version %s); only Windows NT 4.0 stops when a queued file is missing.", cmp.Or(product.Name, "Windows"), product.Version),
			Evidence: []findings.Evidence{findings.FromKey(product.Found, findings.Contradicts, "version "+product.Version)},
		}}, nil
	}
	if len(q.pairs) == 0 {
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "No file operation waits for the boot",
			Summary:  "The Session Manager key of the current control set queues no file operation, so none can stop the boot.",
			Evidence: []findings.Evidence{q.absent(findings.Contradicts)},
		}}, nil
	}
	files := newInventory(f)
	var missing, there []sighting
	at := map[string]hive.PendingRename{}
	for _, p := range q.pairs {
		s := files.find(files.absolute(p.Source))
		switch {
		case s.missing():
			missing = append(missing, s)
			at[s.path] = p
		case s.there():
			there = append(there, s)
		}
	}
	if !stopped && len(missing) == 0 && len(there) == len(q.pairs) {
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "Every queued file is there",
			Summary:  fmt.Sprintf("Listings show the files of all %s that wait for the boot.", count(len(q.pairs), "operation")),
			Evidence: []findings.Evidence{pairEvidence(q.pairs[0], findings.Contradicts, "waits for the boot"), there[0].evidence(f, findings.Contradicts)},
		}}, nil
	}
	if !stopped && len(missing) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
			Summary:  "Operations wait for the boot of a Windows NT 4.0, and no listing shows whether their files are there.",
			Evidence: []findings.Evidence{pairEvidence(q.pairs[0], findings.Context, "waits for the boot")},
			Missing:  []findings.Missing{queuedFolder(q.pairs[0])},
		}}, nil
	}
	out := findings.Finding{Verdict: findings.Suspected, Severity: findings.High, State: findings.Predicted, Subject: cmp.Or(f.Host, f.ID, "the machine of "+q.at.Source)}
	if is {
		out.Evidence = append(out.Evidence, findings.FromKey(product.Found, findings.Supports, "Windows NT 4.0"))
	}
	for i, s := range missing {
		if i < 3 {
			out.Evidence = append(out.Evidence, pairEvidence(at[s.path], findings.Supports, "queued for the boot"), s.evidence(f, findings.Supports))
		}
	}
	switch {
	case stopped && len(missing) > 0 && is:
		out.Verdict, out.State, out.Severity = findings.Confirmed, findings.Active, findings.Critical
		out.Title = fmt.Sprintf("Windows NT stops at boot: %s is queued to be renamed and is not there", winpath.Base(missing[0].path))
		out.Summary = fmt.Sprintf("The boot stops with c000021a and status 0xc0000017. The current control set queues an operation on %s, and the complete listing of %s has no %s.", missing[0].path, missing[0].gone[0].folder, missing[0].gone[0].name)
	case stopped:
		out.State = findings.Active
		out.Title = "Windows stops at boot in the session manager, with file operations queued"
		out.Summary = fmt.Sprintf("The boot stops with c000021a and status 0xc0000017, and %s queued.", count(len(q.pairs), "file operation")+plural(len(q.pairs), " is", " are"))
		if len(missing) == 0 {
			out.Summary += " Whether their files are there no listing shows."
			out.Evidence = append(out.Evidence, pairEvidence(q.pairs[0], findings.Supports, "queued for the boot"))
			out.Missing = append(out.Missing, queuedFolder(q.pairs[0]))
		}
		if !known {
			out.Summary += " The version of Windows is not known."
			out.Missing = append(out.Missing, windowsBootSoftware)
		}
	default:
		out.Title = fmt.Sprintf("Windows NT will stop at the next boot: %s is queued to be renamed and is not there", winpath.Base(missing[0].path))
		out.Summary = fmt.Sprintf("The current control set queues an operation on %s, and the complete listing of %s has no %s. Windows NT 4.0 stops at boot for that; the bundle shows no such stop yet.", missing[0].path, missing[0].gone[0].folder, missing[0].gone[0].name)
		out.Missing = append(out.Missing, queuedFolder(at[missing[0].path]))
	}
	if stopped {
		out.Evidence = append(out.Evidence, findings.FromMatch(stop, findings.Supports, "the session manager ends with 0xc0000017"))
	}
	out.Rivals = []findings.Rival{{Name: "The stop has another cause (a damaged system file, a changed drive letter)", Verdict: rivalOpen + "no stop is shown yet."}}
	if stopped {
		out.Rivals[0].Verdict = rivalExcluded + "those end with other statuses than 0xc0000017."
	}
	return []findings.Finding{out}, nil
}

var windowsBootSoftware = findings.Missing{
	What: "the SOFTWARE hive of the same installation", Why: "it states the version of Windows; only NT 4.0 stops for such an entry",
	Collect: `from a parallel installation or a boot disk: copy %SystemRoot%\system32\config\SOFTWARE of the installation that does not start`,
}

func queuedFolder(p hive.PendingRename) findings.Missing {
	return findings.Missing{
		What: "a listing of the folder of " + winpath.Base(p.Source), Why: "it shows whether the queued file is there",
		Collect: fmt.Sprintf(`dir /a %q > queued-files.txt`, winpath.Dir(p.Source)),
	}
}

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const policyFileID = "windows-group-policy-file-corrupt"

// The file itself is the proof. The handler's words are only a sign, and a conflict with a domain's policy gives the second of its codes just as well.
var windowsGroupPolicyFileCorrupt = &findings.Check{
	ID:       policyFileID,
	Title:    "The machine's group policy file (registry.pol) is corrupt, so policy is not applied",
	Severity: findings.High,
	Product: findings.Product{
		Name: "the machine's group policy file or a log of its readers", Words: []string{"registry.pol", "wuahandler", "scanagent"}, Kinds: []ingest.Kind{ingest.KindRegistryPol},
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(policyFiles(f)) > 0 || slices.ContainsFunc([]string{"unreadable", "conflict", "well"}, func(s string) bool { return f.Matches(policyFileID + "/" + s).Any() }) ||
				len(eventsSeen(f, policyFileID)) > 0
		},
		What: "WUAHandler.log of the client", Why: "it shows whether the machine's group policy can be read",
		Collect: `%windir%\CCM\Logs\WUAHandler.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
	}},
	Signals: []match.Signal{
		{
			Name: policyFileID + "/unreadable", Kinds: ccmKinds,
			Literals: []string{"WUA Group Policy object"}, Pattern: `read existing WUA Group Policy object\. Error = (?P<code>(?:0[xX])?[0-9a-fA-F]{8})\b`,
		},
		{Name: policyFileID + "/conflict", Kinds: ccmKinds, Literals: []string{"87d00692"}, Pattern: `0[xX]87[dD]00692\b`},
		{Name: policyFileID + "/overwritten", Kinds: ccmKinds, Literals: []string{"overwritten by a higher authority"}},
		{
			Name: policyFileID + "/well", Kinds: ccmKinds,
			Literals: []string{"WUA Managed server was already set", "Successfully completed scan"},
		},
		{
			Name: policyFileID + "/invalid", Kinds: []string{string(ingest.KindLogEvents)},
			Literals: []string{"registry.pol"}, Pattern: `(?s)EventID[^>]*>1096<.*?ErrorCode['"]>13<.*?(?P<file>[^<>"']*\\[Gg]roup[Pp]olicy\\[Mm]achine\\[Rr]egistry\.pol)`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"GroupPolicy": {policyNotApplied}, "Userenv": {policyNotApplied}})
		},
	},
	Doc: findings.Doc{
		Cause: "%windir%\\System32\\GroupPolicy\\Machine\\registry.pol holds the values of the machine's own group policy. A crash or a scanner damaged it, and whoever reads it fails: group policy no longer applies, and ConfigMgr's " +
			"handler can't set the WSUS server, which it does through this file, so that no search for updates begins.",
		Remedy: []string{
			`Rename %windir%\System32\GroupPolicy\Machine\registry.pol to registry.bak; see in gpedit.msc which values the machine's own policy is to have, they are lost with the file.`,
			`gpupdate /force, restart the ConfigMgr agent (net stop ccmexec & net start ccmexec) and begin a Software Updates Scan Cycle; the handler writes the file anew.`,
			`Exclude the folder GroupPolicy from the virus scanner if it happens again.`,
		},
		Risk:      "Settings of the machine's own policy that nothing else sets are gone until they are set again; settings of the domain come back by themselves.",
		Undo:      "Rename registry.bak back.",
		Cured:     "WUAHandler.log has \"Existing WUA Managed server was already set\" or \"Successfully completed scan\" behind the last failure, and registry.pol begins with PReg.",
		Overturns: "A copy of the file that was taken whole and reads well: then the copy in the bundle was damaged, and not the file.",
		Proves: []string{
			"A whole registry.pol in the bundle that does not begin with PReg and version 1, or breaks off within an entry.",
			"A listing that shows registry.pol of fewer bytes than its header has, together with a handler that can't read it.",
			"Event 1096 with error code 13 (the data is invalid) and the path of the file.",
		},
		Suggests: []string{
			"\"Unable to read existing WUA Group Policy object. Error = 0x80004005\" of ConfigMgr's handler.", "0x87D00692 without a line that a domain's policy overwrote the setting.", "Event 1096 without its error code.",
		},
		Exonerates: []string{
			"A registry.pol that reads well to its end.", "\"Group policy settings were overwritten by a higher authority\": the policy of the domain names another server, which gives 0x87D00692 without any damage.",
			"The handler read the policy later.",
		},
		FalsePositives: "A file that was damaged on its way into the bundle; event 1096 of a domain's policy whose file could not be reached over the network.",
		NotCovered:     "registry.pol of users and of the domain's policies, unless it is in the bundle; damage of other files of group policy.",
		References: []findings.Reference{
			{Title: "[MS-GPREG] Registry Policy Message Syntax", URL: "https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-gpreg/5c092c22-bf6b-4e7f-b180-b20743d368f5"},
			{Title: "Troubleshoot software update scan failures in Configuration Manager", URL: "https://learn.microsoft.com/en-us/troubleshoot/mem/configmgr/update-management/troubleshoot-software-update-scan-failures"},
		},
	},
	Run: runPolicyFileCorrupt,
}

// ccmKinds are the kinds in which ConfigMgr's logs and what viewers copy of them are read.
var ccmKinds = []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS)}

// policyFile is a registry.pol of the bundle.
type policyFile struct {
	path   string
	size   int
	damage string // "" if it reads well
}

// policyFiles are the files of that name and those that are one by their content.
func policyFiles(f *facts.Facts) []policyFile {
	var out []policyFile
	for _, p := range facts.Values[*extract.RegistryPol](f) {
		x := policyFile{path: p.Artifact.Path, size: p.Value.Size, damage: p.Value.Damage}
		if x.damage != "" {
			x.damage = fmt.Sprintf("at offset 0x%x: %s", p.Value.Offset, p.Value.Damage)
		}
		out = append(out, x)
	}
	for _, a := range f.Artifacts {
		if a.Kind == ingest.KindEmpty && strings.EqualFold(path.Base(a.Path), "registry.pol") {
			out = append(out, policyFile{path: a.Path, damage: "it has no byte"})
		}
	}
	return out
}

// listedPolicy is the machine's registry.pol as a listing of its folder shows it.
type listedPolicy struct {
	entry    extract.Entry
	artifact string
}

func listedPolicies(f *facts.Facts) []listedPolicy {
	var out []listedPolicy
	for _, l := range facts.Values[*extract.Listing](f) {
		for _, d := range l.Value.Folders {
			at := strings.ToLower(winpath.Clean(d.Path))
			if !strings.HasSuffix(at, `\grouppolicy\machine`) {
				continue
			}
			if e := d.Find("registry.pol"); e != nil && !e.Dir {
				out = append(out, listedPolicy{*e, l.Artifact.Path})
			}
		}
	}
	return out
}

// polHeader is how many bytes the header of a registry.pol has: a shorter file is none.
const polHeader = 8

// policyNotApplied is the event of the values of a registry.pol that could not be applied; its path stands in the text, or in the details of the
// event. Until Windows XP and Server 2003 its source is Userenv.
const policyNotApplied = 1096

func runPolicyFileCorrupt(f *facts.Facts) ([]findings.Finding, error) {
	var unreadable []facts.Match // lines by which the handler can't read the policy, whatever refuses it
	for _, m := range f.Matches(policyFileID + "/unreadable").Kept {
		if !strings.HasSuffix(strings.ToLower(m.Capture("code")), "80070002") { // no policy is set, which is no fault
			unreadable = append(unreadable, m)
		}
	}
	conflicts, overwritten, events := f.Matches(policyFileID+"/conflict").Kept, f.Matches(policyFileID+"/overwritten"), eventsSeen(f, policyFileID)
	wells := f.Matches(policyFileID + "/well").Kept
	files := policyFiles(f)
	signs := signEvidence(unreadable, conflicts, overwritten.Any())
	fixed, over := f.Overcome(slices.Concat(unreadable, conflicts), wells)

	for _, file := range files {
		if file.damage == "" || !f.Reliable(file.path) {
			continue
		}
		x := findings.Finding{
			Verdict: findings.Confirmed, Severity: findings.Medium, State: findings.Active, Subject: machineOf(f, file.path),
			Title:    "The group policy file " + path.Base(file.path) + " is corrupt, so policy is not applied",
			Summary:  fmt.Sprintf("%s (%d bytes) is no sound registry.pol: %s.", file.path, file.size, file.damage),
			Evidence: []findings.Evidence{{Artifact: file.path, Role: findings.Supports, Note: file.damage}},
		}
		switch {
		case len(signs) > 0:
			x.Severity = findings.High
			x.Summary += " ConfigMgr's handler of updates fails on it."
		case len(events) > 0:
			x.Severity = findings.High
			x.Summary += " Event 1096 says that its values could not be applied."
		default:
			x.Summary += " No log of the bundle shows what fails by it; the copy may have been damaged on its way."
			if file.size == 0 {
				x.Verdict, x.State = findings.Suspected, findings.Unknown
				x.Missing = []findings.Missing{policyFileMissing}
			}
		}
		x.Evidence = append(x.Evidence, allAs(signs, findings.Context)...)
		if len(events) > 0 {
			x.Evidence = append(x.Evidence, findings.FromMatch(events[len(events)-1], findings.Context, "event 1096: values of a group policy could not be applied"))
		}
		if over {
			x.Summary += fmt.Sprintf(" Later, in line %d of %s, the handler read the policy, so that the copy may be older.", fixed.Ref.Line, fixed.Ref.Artifact)
			x.Evidence = append(x.Evidence, findings.FromMatch(fixed, findings.Contradicts, "the handler read the policy later"))
			x.State = findings.Resolved
		}
		return []findings.Finding{x}, nil
	}
	if x, ok := eventCorrupt(f, signs); ok {
		return []findings.Finding{x}, nil
	}
	if x, ok := policyWell(files, overwritten, unreadable, conflicts, events, over, fixed, wells); ok {
		return []findings.Finding{x}, nil
	}
	return []findings.Finding{policySuspected(f, signs, events, overwritten)}, nil
}

// policyFileMissing asks for the file.
var policyFileMissing = findings.Missing{
	What: "the machine's group policy file", Why: "its bytes show whether it is sound",
	Collect: `copy "%windir%\System32\GroupPolicy\Machine\registry.pol" "%PUBLIC%\registry.pol" & dir /a "%windir%\System32\GroupPolicy\Machine" > "%PUBLIC%\policydir.txt"`,
}

// signEvidence is what the handler says: that it can't read the policy, or that setting it failed.
func signEvidence(unreadable, conflicts []facts.Match, overwritten bool) []findings.Evidence {
	var out []findings.Evidence
	if n := len(unreadable); n > 0 {
		out = append(out, findings.FromMatch(unreadable[n-1], findings.Supports, "ConfigMgr's handler can't read the machine's group policy"))
	}
	if n := len(conflicts); n > 0 && !overwritten {
		out = append(out, findings.FromMatch(conflicts[n-1], findings.Supports, "0x87D00692: the server that the handler set was not taken over, and no line says that a domain's policy overwrote it"))
	}
	return out
}

func allAs(list []findings.Evidence, role findings.Role) []findings.Evidence {
	out := slices.Clone(list)
	for i := range out {
		out[i].Role = role
	}
	return out
}

// eventCorrupt is the finding of an event that says that the data of the machine's own file are invalid.
func eventCorrupt(f *facts.Facts, signs []findings.Evidence) (findings.Finding, bool) {
	for _, m := range slices.Backward(f.Matches(policyFileID + "/invalid").Kept) {
		if !inMachineFolder(strings.ReplaceAll(m.Capture("file"), `\`, "/")) {
			continue
		}
		return findings.Finding{
			Verdict: findings.Confirmed, State: findings.Active, Subject: machineOf(f, m.Ref.Artifact),
			Summary:  fmt.Sprintf("Event 1096 says that the values of %s could not be applied because its data are invalid (error code 13).", m.Capture("file")),
			Evidence: append([]findings.Evidence{findings.FromMatch(m, findings.Supports, "event 1096, error code 13: the data of the file are invalid")}, allAs(signs, findings.Context)...),
		}, true
	}
	return findings.Finding{}, false
}

// policyWell is the finding of a bundle that shows that nothing is wrong with the file, or what else is.
func policyWell(files []policyFile, overwritten facts.Matches, unreadable, conflicts, events []facts.Match, over bool, fixed facts.Match, wells []facts.Match) (findings.Finding, bool) {
	x := findings.Finding{Verdict: findings.RuledOut}
	sound := slices.IndexFunc(files, func(p policyFile) bool { return p.damage == "" && inMachineFolder(p.path) })
	switch {
	case sound >= 0:
		x.Summary = "The machine's registry.pol is in the bundle and reads well from its header to its last entry."
		x.Evidence = []findings.Evidence{{Artifact: files[sound].path, Role: findings.Contradicts, Note: fmt.Sprintf("%d bytes, read to the end", files[sound].size)}}
		if len(unreadable) > 0 {
			x.Evidence = append(x.Evidence, findings.FromMatch(unreadable[0], findings.Context, "the symptom, which has another cause"))
		}
	case over:
		x.Summary = "ConfigMgr's handler failed on the policy once and read it later, so that the file is not corrupt any more, or was not."
		x.Evidence = []findings.Evidence{findings.FromMatch(fixed, findings.Contradicts, "the handler read the policy")}
	case len(unreadable) == 0 && len(conflicts) > 0 && overwritten.Any():
		m, _ := overwritten.Last()
		x.Summary = "0x87D00692 comes from a conflict and not from a damaged file: the handler says that a higher authority, the domain's group policy, overwrote the server that it had set."
		x.Evidence = []findings.Evidence{
			findings.FromMatch(m, findings.Contradicts, "the domain's policy overwrote the setting"), findings.FromMatch(conflicts[len(conflicts)-1], findings.Context, "the symptom"),
		}
	case len(unreadable) == 0 && len(conflicts) == 0 && len(events) == 0 && len(wells) > 0:
		x.Summary = "ConfigMgr's handler of updates read the machine's group policy without an error."
		x.Evidence = []findings.Evidence{findings.FromMatch(wells[len(wells)-1], findings.Contradicts, "the handler read the policy")}
	default:
		return x, false
	}
	return x, true
}

// inMachineFolder reports whether a file may be the machine's policy by its place: it does not lie in a folder of users or of the domain.
func inMachineFolder(p string) bool {
	p = strings.ToLower(p)
	return !strings.Contains(p, "/user/") && !strings.Contains(p, "sysvol") && !strings.Contains(p, "/grouppolicyusers/") && !strings.Contains(p, "/policies/{")
}

// policySuspected is the finding of signs without the file; with a listing that shows that the file can't be one it is confirmed.
func policySuspected(f *facts.Facts, signs []findings.Evidence, events []facts.Match, overwritten facts.Matches) findings.Finding {
	x := findings.Finding{Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active, Evidence: signs, Missing: []findings.Missing{policyFileMissing}}
	if n := len(events); n > 0 {
		role := findings.Supports
		if len(signs) > 0 {
			role = findings.Context
		}
		x.Evidence = append(x.Evidence, findings.FromMatch(events[n-1], role, "event 1096: values of a group policy could not be applied"))
	}
	if len(x.Evidence) == 0 {
		return findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Missing: []findings.Missing{policyFileMissing},
			Summary: "The registry.pol of the bundle are cut short or not the machine's, and no log says whether the machine's own can be read.",
		}
	}
	x.Subject = machineOf(f, x.Evidence[0].Artifact)
	x.Title = "The machine's group policy is not applied, and its file may be corrupt"
	if len(signs) > 0 {
		x.Summary = strings.TrimSuffix(upperFirst(signs[0].Note), ".") + ". The file itself is not in the bundle."
	} else {
		x.Severity = findings.Low
		x.Summary = "Event 1096 says that the values of a registry.pol could not be applied; whether its data are invalid or it could not be reached, and which file it is, the text does not decide."
	}
	conflict := findings.Rival{Name: "The domain's group policy names another WSUS server", Verdict: rivalSilent + "no line says that a higher authority overwrote the setting."}
	if m, ok := overwritten.Last(); ok {
		conflict.Verdict = rivalSupported + fmt.Sprintf("line %d of %s says so; it gives 0x87D00692, not an unreadable policy.", m.Ref.Line, m.Ref.Artifact)
	}
	x.Rivals = []findings.Rival{conflict}
	listed := listedPolicies(f)
	if len(listed) == 0 {
		return x
	}
	l := listed[0]
	e := findings.FromLine(f, l.artifact, l.entry.Line, findings.Context, fmt.Sprintf("registry.pol, %d bytes, last changed %s", l.entry.Size, l.entry.ModifiedText))
	if l.entry.HasSize && l.entry.Size < polHeader && len(signs) > 0 {
		e.Role = findings.Supports
		x.Verdict, x.Severity, x.Missing = findings.Confirmed, findings.High, nil
		x.Title = "The machine's group policy file registry.pol is cut off, so policy is not applied"
		x.Summary = fmt.Sprintf("%s, and the listing shows registry.pol with %d bytes, which is less than its header.", strings.TrimSuffix(upperFirst(signs[0].Note), "."), l.entry.Size)
	} else {
		x.Summary += fmt.Sprintf(" A listing shows it with %d bytes, last changed %s: a date long before the failures fits a file that nothing can write any more.", l.entry.Size, l.entry.ModifiedText)
	}
	x.Evidence = append(x.Evidence, e)
	return x
}

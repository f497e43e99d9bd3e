package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

const lastKnownGoodID = "windows-last-known-good-boot"

// A boot with the last known good configuration takes an older control set for the current one. Whatever was written to the newer one since
// the last good logon is lost with it: services, drivers, and the queue of files that wait for a boot.
var windowsLastKnownGoodBoot = &findings.Check{
	ID:       lastKnownGoodID,
	Title:    "Windows fell back to an older configuration: drivers and services installed since are missing",
	Severity: findings.High,
	Product:  findings.Product{Name: "the Select key of the SYSTEM registry, or an event of a boot that fell back"},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			sets, err := f.Registry.ControlSets()
			return err == nil && sets.Found.Source != "" && (sets.Current != 0 || sets.Failed != 0) || len(fallbacks(f)) > 0
		},
		What: "the SYSTEM registry hive, or its Select key", Why: "Select says which control set failed and which is used",
		Collect: `reg query HKLM\SYSTEM\Select > "%PUBLIC%\select.txt"`,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{
				serviceManager: {reverted, revertingFor, runningLastGood}, "EventLog": boots["eventlog"], "Kernel-General": boots["kernel-general"],
			}, serviceManager)
		},
	},
	Before: []findings.Precedence{{
		Over: []string{"windows-driver-failed-at-boot", "windows-service-broken"},
		Why:  "the registry that is in use is that of an earlier boot, and what made the later one fail comes back with what is installed again",
		If:   func(f *findings.Finding) bool { return f.Verdict == findings.Confirmed }, // Failed can keep its number for years
	}},
	Doc: findings.Doc{
		Cause: "A boot failed, or a driver or service whose ErrorControl is severe or critical did not start, and Windows (or somebody at the boot menu) took the control set of the last boot at which somebody could log on. Services and drivers that were installed since are unknown to the current control set, although their files are there, and file operations that were queued in the failed set are not done.",
		Remedy: []string{
			"Find what made the boot fail before anything is installed again: the events of that boot, and the services that only the failed control set has.",
			"Repair or reinstall the products whose services or drivers are missing from the current control set; reinstalling writes their keys again.",
			"Do not copy keys from the failed control set back as a whole: what made the boot fail is among them.",
		},
		Risk:      "Installing the same driver again can make the next boot fail in the same way.",
		Undo:      "A further boot with the last known good configuration, or a copy of the SYSTEM hive that was made before.",
		Cured:     "The next Select key has Current equal to Default, no event 7007, 7021 or 7027 follows the boot, and the missing services are there again. Failed may keep its number.",
		Overturns: "A clone or a restored hive whose Select key was written on another machine or long ago.",
		Proves: []string{
			"Events 7007 (reverted), 7021 (about to revert) or 7027 (running with the last known good configuration) of the Service Control Manager.",
			"Select\\Failed is not 0: it is the number of the control set that the last known good one has replaced.",
		},
		Suggests:   []string{"Select\\Current and Default differ, and no control set is marked as failed."},
		Exonerates: []string{"Select\\Failed is 0 and Current equals Default."},
		FalsePositives: "Failed can keep its number for years, so it may tell of a boot of years ago, or of the machine that an image was made of. " +
			"A control set with a higher number than Current is usual and means nothing.",
		NotCovered: "Fallbacks by System Restore, startup repair and automatic repair of Windows 8 and later, which bring back whole hives.",
		References: []findings.Reference{
			{Title: "Q100010: What are control sets? What is CurrentControlSet?", URL: "https://jeffpar.github.io/kbarchive/kb/100/Q100010/"},
			{Title: "Services registry tree: ErrorControl", URL: "https://learn.microsoft.com/en-us/windows-hardware/drivers/install/hklm-system-currentcontrolset-services-registry-tree"},
		},
	},
	Run: runLastKnownGood,
}

// Numbers of the service manager's events about a boot that fell back.
const (
	reverted        = 7007
	revertingFor    = 7021
	runningLastGood = 7027
)

// fallbacks are the events about boots that fell back, the newest first.
func fallbacks(f *facts.Facts) []eventAt {
	var out []eventAt
	for _, o := range facts.Observed[*eventLog](f, lastKnownGoodID) {
		for _, g := range o.Value.groups {
			if g.source == strings.ToLower(serviceManager) {
				out = append(out, eventAt{o, g})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b eventAt) int {
		if earlier(b.group.last.Time, a.group.last.Time) {
			return -1
		}
		if earlier(a.group.last.Time, b.group.last.Time) {
			return 1
		}
		return 0
	})
	return out
}

// selectEvidence is evidence of a value of the Select key.
func selectEvidence(f *facts.Facts, name string, role findings.Role, note string) (findings.Evidence, bool) {
	v, err := f.Registry.Value(`SYSTEM\Select`, name)
	if err != nil {
		return findings.Evidence{}, false
	}
	return findings.FromValue(v, role, note), true
}

func runLastKnownGood(f *facts.Facts) ([]findings.Finding, error) {
	sets, err := f.Registry.ControlSets()
	known := err == nil && sets.Found.Source != "" && (sets.Current != 0 || sets.Failed != 0)
	events := fallbacks(f)
	subject := cmp.Or(f.Host, f.ID)
	differ := known && sets.Current != 0 && sets.Default != 0 && sets.Current != sets.Default
	switch {
	case len(events) > 0:
		out := eventFallback(f, events, subject)
		if known {
			addSets(f, &out, sets)
		}
		return []findings.Finding{out}, nil
	case known && sets.Failed != 0:
		return []findings.Finding{setFallback(f, sets, subject)}, nil
	case differ:
		out := findings.Finding{
			Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active, Subject: cmp.Or(subject, "the machine of "+sets.Found.Source),
			Title:   fmt.Sprintf("Windows runs with control set %d and not with the default one, %d", sets.Current, sets.Default),
			Summary: fmt.Sprintf("Select\\Current is %d and Default is %d. They differ while Windows runs with another than the configured control set, as after a boot with the last known good configuration; but no control set is marked as failed.", sets.Current, sets.Default),
			Missing: []findings.Missing{systemLog},
			Rivals:  []findings.Rival{{Name: "The hive was copied in the middle of a boot", Verdict: rivalOpen + "Default is written after the first logon of a boot; no System log of that boot is in the upload."}},
		}
		for _, name := range []string{"Current", "Default"} {
			if e, ok := selectEvidence(f, name, findings.Supports, ""); ok {
				out.Evidence = append(out.Evidence, e)
			}
		}
		return []findings.Finding{out}, nil
	}
	failed, ok := selectEvidence(f, "Failed", findings.Contradicts, "no control set has failed")
	if !ok || sets.Current == 0 || sets.Default == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
			Summary: "The Select key in the bundle is not whole, so that it does not tell whether a control set has failed.",
			Missing: []findings.Missing{windowsSelect},
		}}, nil
	}
	current, _ := selectEvidence(f, "Current", findings.Contradicts, fmt.Sprintf("the default control set is %d as well", sets.Default))
	return []findings.Finding{{
		Verdict: findings.RuledOut, Severity: findings.Info, Title: "No boot fell back to the last known good configuration",
		Summary:  fmt.Sprintf("Select\\Failed is 0, and Current and Default are both %d.", sets.Current),
		Evidence: []findings.Evidence{failed, current},
	}}, nil
}

var windowsSelect = findings.Missing{
	What: "the whole Select key of the SYSTEM registry", Why: "its value Failed names the control set that was given up",
	Collect: `reg query HKLM\SYSTEM\Select > "%PUBLIC%\select.txt"`,
}

// eventFallback is the finding of events.
func eventFallback(f *facts.Facts, events []eventAt, subject string) findings.Finding {
	newest := events[0]
	out := findings.Finding{
		Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Subject: cmp.Or(subject, "the machine of "+newest.log.Artifact.Path),
		Title: "A boot fell back to the last known good configuration",
	}
	if t, ok := newest.group.last.Time.Local(); ok {
		out.Title += ", on " + t.Format("2006-01-02 15:04")
	}
	says := map[int]string{
		reverted: "the system was set back to the last known good configuration", revertingFor: "the system is about to be set back because a service failed to start",
		runningLastGood: "the system runs with the last known good configuration",
	}
	for i, e := range events {
		if i == 4 {
			break
		}
		out.Evidence = append(out.Evidence, findings.FromMatch(*e.group.last, findings.Supports, says[e.group.id]))
		if name, _ := e.group.serviceOf(f.Registry.Services()); e.group.id == revertingFor && name != "" {
			out.Summary = fmt.Sprintf("The service or driver %s failed to start and was important enough for Windows to give the configuration up. ", name)
		}
	}
	out.Summary += fmt.Sprintf("Event %d of the Service Control Manager says that %s (%s).", newest.group.id, says[newest.group.id], newest.group.span())
	if b := newest.log.Value.bootedSince(newest.group.last.Time); b != nil && newest.group.id == runningLastGood {
		out.Evidence = append(out.Evidence, findings.FromMatch(*b, findings.Context, "a later start of Windows without such an event"))
		out.Summary += " A later start has no such event; what was lost with the failed control set is not back by that."
	}
	out.Rivals = []findings.Rival{byHand}
	return out
}

var byHand = findings.Rival{Name: "Somebody chose the last known good configuration at the boot menu", Verdict: rivalOpen + "the registry looks the same; event 7021 before it speaks for a failure, its absence proves nothing."}

// setFallback is the finding of a Select key alone.
func setFallback(f *facts.Facts, sets hive.ControlSets, subject string) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Confirmed, Severity: findings.Medium, State: findings.Unknown, Subject: cmp.Or(subject, "the machine of "+sets.Found.Source),
		Title: fmt.Sprintf("Control set %d has failed and Windows uses an older one, which lacks what was installed in between", sets.Failed),
	}
	out.Summary = fmt.Sprintf("Select\\Failed is %d: this control set was given up for the last known good one. When that was the key does not say.", sets.Failed)
	if !sets.Found.KeyLastWritten.IsZero() {
		out.Summary += fmt.Sprintf(" The Select key was last written at %s.", findings.Timestamp(sets.Found.KeyLastWritten))
	}
	addSets(f, &out, sets)
	out.Rivals = []findings.Rival{byHand, {Name: "The number is of an image's machine, or of years ago", Verdict: rivalOpen + "Failed can keep its number for years; no event of the boot that fell back is in the upload."}}
	return out
}

// addSets adds what the Select key and the failed control set tell.
func addSets(f *facts.Facts, out *findings.Finding, sets hive.ControlSets) {
	if e, ok := selectEvidence(f, "Failed", findings.Supports, "the control set that was given up"); ok && sets.Failed != 0 {
		out.Evidence = append(out.Evidence, e)
	}
	if e, ok := selectEvidence(f, "Current", findings.Context, fmt.Sprintf("the control set in use; the default is %d", sets.Default)); ok {
		out.Evidence = append(out.Evidence, e)
	}
	if sets.Failed == 0 || sets.Failed == sets.Used {
		return
	}
	if sets.Current != 0 && sets.Default == sets.Failed && sets.Current != sets.Failed {
		out.State, out.Severity = findings.Active, findings.High
		out.Summary += " The failed set is still the default, so the running boot is the one that fell back."
	}
	lost := onlyIn(f, sets.Failed, sets.Used)
	if len(lost) > 0 {
		const shown = 5
		var names []string
		for i, k := range lost {
			if i == shown {
				break
			}
			names = append(names, k.Name())
			if i < 2 {
				out.Evidence = append(out.Evidence, findings.FromKey(k.Found(), findings.Context, "the control set in use has no such service"))
			}
		}
		more := ""
		if n := len(lost) - shown; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		out.Summary += fmt.Sprintf(" %s only in the failed set, so what made the boot fail may be among them and their products lack them now: %s%s.",
			upperFirst(number(len(lost)))+plural(len(lost), " service is", " services are"), strings.Join(names, ", "), more)
	}
	queue, err := f.Registry.Value(fmt.Sprintf(`SYSTEM\ControlSet%03d\Control\Session Manager`, sets.Failed), pendingValue)
	if err == nil && len(queue.Value.Data) > 4 {
		out.Evidence = append(out.Evidence, findings.FromValue(queue, findings.Context, "operations on files that were queued in the failed set and will not be done"))
		out.Summary += " The failed set also holds a queue of file operations that will not be done."
	}
}

// onlyIn returns the services that one control set has and another has not, in the order of their names; nil where either is not shown.
func onlyIn(f *facts.Facts, set, other int) []hive.FoundKey {
	services := func(n int) []hive.FoundKey {
		for _, k := range f.Registry.Keys(fmt.Sprintf(`SYSTEM\ControlSet%03d\Services`, n)) {
			return k.Children()
		}
		return nil
	}
	have := map[string]bool{}
	for _, k := range services(other) {
		have[strings.ToLower(k.Name())] = true
	}
	if len(have) == 0 {
		return nil
	}
	var out []hive.FoundKey
	for _, k := range services(set) {
		if _, err := k.Value("Start"); err == nil && !have[strings.ToLower(k.Name())] {
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(a, b hive.FoundKey) int {
		return strings.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name()))
	})
	return out
}

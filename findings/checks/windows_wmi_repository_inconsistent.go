package checks

import (
	"fmt"
	"path"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const wmiRepositoryID = "windows-wmi-repository-inconsistent"

// winmgmt itself tells. The codes that products meet when they ask WMI are met by every product whose own classes are not there, so they never prove
// anything of the repository.
var windowsWMIRepositoryInconsistent = &findings.Check{
	ID:       wmiRepositoryID,
	Title:    "The WMI repository is inconsistent, so inventory and agents that ask WMI fail",
	Severity: findings.High,
	Product:  findings.Product{Name: "a test of the WMI repository", Kinds: []ingest.Kind{ingest.KindWinmgmt}},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(facts.Values[*extract.Winmgmt](f)) > 0 || len(eventsSeen(f, wmiRepositoryID)) > 0 || len(wmiSigns(f)) > 0
		},
		What: wmiTest.What, Why: wmiTest.Why, Collect: wmiTest.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: wmiRepositoryID + "/code", Kinds: ccmKinds,
			Literals: []string{"80041014", "80041010", "8004100e", "80041002"}, Pattern: `\b(?:0[xX])?(?P<code>80041014|80041010|8004100[eE]|80041002)\b`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"WMI": {wmiBegunAnew}, "WinMgmt": {wmiBegunAnew}})
		},
	},
	Doc: findings.Doc{
		Cause: "The database of Windows Management Instrumentation below %windir%\\System32\\wbem\\Repository contradicts itself, mostly after a crash or because a scanner or a cleaner touched its files. Everything that asks WMI fails then: ConfigMgr's " +
			"client, inventories, system monitoring, scripts.",
		Remedy: []string{
			"Save it first: winmgmt /backup %PUBLIC%\\wmi.bak, and note which products register classes of their own.",
			"winmgmt /salvagerepository (Windows Vista and later): it builds a new repository and merges what can be read of the old one. Run winmgmt /verifyrepository again.",
			"Only if that fails winmgmt /resetrepository; then register the classes of the products again, e.g. repair ConfigMgr's client (ccmrepair), and restart.",
		},
		Risk:      "A reset loses the classes of products that do not register themselves for recovery; they have to be repaired one by one. A repository that is only large or slow gains nothing by it.",
		Undo:      "winmgmt /restore %PUBLIC%\\wmi.bak 1",
		Cured:     "winmgmt /verifyrepository says that the repository is consistent, also a day later, and the products no longer meet the codes.",
		Overturns: "A later run of winmgmt /verifyrepository on the same machine that says that the repository is consistent, without a repair in between.",
		Proves:    []string{"The output of winmgmt /verifyrepository, in whatever language, that the repository is inconsistent.", "Event 5600 of WMI: the service found the repository inconsistent and begins a new one."},
		Suggests:  []string{"0x80041014 (initialization failed) in a log of ConfigMgr's client, or 0x80041010 (no such class) and 0x8004100E (no such namespace) time and again, but for its setup."},
		Exonerates: []string{
			"The output of winmgmt /verifyrepository that the repository is consistent.", "A later run in the same text that says so: the finding is then resolved.",
		},
		FalsePositives: "winmgmt calls a repository inconsistent too where it may not read it or cannot get its lock; from an elevated prompt and a second time it says otherwise. 0x8004100E and 0x80041010 are usual before a product has registered its classes.",
		NotCovered:     "A consistent repository from which the classes of a product are missing, and WMI's permissions.",
		References: []findings.Reference{
			{Title: "winmgmt", URL: "https://learn.microsoft.com/en-us/windows/win32/wmisdk/winmgmt"},
			{Title: "WMI: repository corruption, or not?", URL: "https://techcommunity.microsoft.com/t5/ask-the-performance-team/wmi-repository-corruption-or-not/ba-p/375484"},
			{Title: "Event ID 5600, WMI repository availability and integrity", URL: "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/cc775100(v=ws.10)"},
		},
	},
	Run: runWMIRepository,
}

// wmiBegunAnew is the event of a service that found the repository inconsistent, could not recover it, and begins a new one.
const wmiBegunAnew = 5600

var wmiTest = findings.Missing{
	What: "the test of the WMI repository", Why: "it says whether the repository is consistent",
	Collect: `winmgmt /verifyrepository > "%PUBLIC%\wmi.txt"`,
}

// oftenMissing is how often the codes of missing classes and namespaces have to be met to be worth a question.
const oftenMissing = 3

// wmiSigns are the lines of ConfigMgr's client that make a question worth while; nil if there are too few.
func wmiSigns(f *facts.Facts) []facts.Match {
	var failed, missing []facts.Match
	for _, m := range f.Matches(wmiRepositoryID + "/code").Kept {
		if strings.Contains(strings.ToLower(path.Base(m.Ref.Artifact)), "ccmsetup") || strings.Contains(strings.ToLower(m.Quote), `component="ccmsetup"`) {
			continue // the client's setup asks for classes that it is about to register
		}
		switch strings.ToUpper(m.Capture("code")) {
		case "80041014":
			failed = append(failed, m)
		case "80041010", "8004100E":
			missing = append(missing, m)
		}
	}
	if len(failed) > 0 {
		return failed
	}
	if len(missing) >= oftenMissing {
		return missing
	}
	return nil
}

func runWMIRepository(f *facts.Facts) ([]findings.Finding, error) {
	type run struct {
		extract.WinmgmtRun
		artifact string
	}
	var bad, well, unclear []run
	healed := false // the last run of a text that has a bad one is well
	for _, w := range facts.Values[*extract.Winmgmt](f) {
		was := false
		for i, r := range w.Value.Runs {
			x := run{r, w.Artifact.Path}
			switch r.State {
			case extract.WMIInconsistent:
				bad, was = append(bad, x), true
			case extract.WMIConsistent:
				well = append(well, x)
				healed = healed || was && i == len(w.Value.Runs)-1
			case extract.WMIFailed, extract.WMIUnknown:
				unclear = append(unclear, x)
			}
		}
	}
	line := func(r run, role findings.Role, note string) findings.Evidence {
		return findings.FromLine(f, r.artifact, r.Line, role, note)
	}
	events, signs := eventsSeen(f, wmiRepositoryID), wmiSigns(f)
	x := findings.Finding{Verdict: findings.Confirmed, State: findings.Active}
	context := func() {
		for _, m := range signs[:min(len(signs), 2)] {
			x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Context, codeNote(m)))
		}
	}
	switch {
	case len(bad) > 0:
		last := bad[len(bad)-1]
		x.Subject = machineOf(f, last.artifact)
		x.Summary = fmt.Sprintf("winmgmt says in line %d of %s that the repository is inconsistent.", last.Line, last.artifact)
		x.Evidence = []findings.Evidence{line(last, findings.Supports, "the repository is inconsistent")}
		switch {
		case healed && len(well) > 0:
			x.State = findings.Resolved
			x.Summary += " A later run in the same text says that it is consistent, so that it was repaired in between."
			x.Evidence = append(x.Evidence, line(well[len(well)-1], findings.Contradicts, "a later run: consistent"))
		case len(well) > 0:
			x.State = findings.Unknown
			x.Summary += fmt.Sprintf(" In line %d of %s it says that it is consistent; which of the two is the later one is not shown.", well[0].Line, well[0].artifact)
			x.Evidence = append(x.Evidence, line(well[0], findings.Contradicts, "consistent"))
		}
		if len(signs) > 0 {
			x.Summary += " The client's logs show what fails by it."
		}
		context()
	case len(events) > 0:
		m := events[len(events)-1]
		x.Subject, x.State = machineOf(f, m.Ref.Artifact), findings.Unknown
		x.Title = "The WMI repository was inconsistent and has been begun anew"
		x.Summary = "Event 5600 says that the service of WMI found its repository inconsistent, could not recover it and begins a new one. Classes of products that do not register themselves for recovery are missing in it."
		x.Remedy = []string{
			"winmgmt /verifyrepository on the machine; if it is consistent now, repair the products whose classes are missing, e.g. ConfigMgr's client (ccmrepair).",
			"Look for what damaged it: crashes before the event, a full disk, a scanner that opens the files below wbem\\Repository.",
		}
		x.Evidence = []findings.Evidence{findings.FromMatch(m, findings.Supports, "event 5600: the repository was inconsistent")}
		if len(well) > 0 {
			x.Summary += fmt.Sprintf(" winmgmt says in line %d of %s that it is consistent, before or after that.", well[0].Line, well[0].artifact)
			x.Evidence = append(x.Evidence, line(well[0], findings.Contradicts, "consistent"))
		}
		context()
	case len(well) > 0:
		x = findings.Finding{Verdict: findings.RuledOut, Summary: "winmgmt says that the repository is consistent.", Evidence: []findings.Evidence{line(well[len(well)-1], findings.Contradicts, "the repository is consistent")}}
		if len(signs) > 0 {
			x.Summary += " What ConfigMgr's client does not find in it, it has not registered."
			context()
		}
	case len(signs) > 0:
		last := signs[len(signs)-1]
		x = findings.Finding{
			Verdict: findings.Suspected, Severity: findings.Low, State: findings.Unknown, Subject: machineOf(f, last.Ref.Artifact), Missing: []findings.Missing{wmiTest},
			Title:    "ConfigMgr's client fails at WMI, whose repository may be inconsistent",
			Summary:  fmt.Sprintf("ConfigMgr's client met %s. That is a sign only: what is not registered is missed in the same way, and nothing in the bundle tests the repository.", codeNote(last)),
			Evidence: []findings.Evidence{findings.FromMatch(last, findings.Supports, codeNote(last))},
			Rivals: []findings.Rival{
				{Name: "The client's own classes are not registered", Verdict: rivalOpen + "the logs do not tell; a repair of the client (ccmrepair) registers them."},
				{Name: "The service of WMI does not run, or refuses the caller", Verdict: rivalExcluded + "the codes in the bundle are not those of a refusal (0x80041003, 0x80070005) and not those of a service that does not answer (0x800706BA)."},
			},
		}
	default:
		x = findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Missing: []findings.Missing{wmiTest},
			Summary: "The test of the repository in the bundle did not come to a result that can be read.",
		}
		for _, r := range unclear {
			note := "the result is told in words that are not known"
			if r.State == extract.WMIFailed {
				note = "the test itself failed; it needs an elevated prompt"
				if r.Code != 0 {
					note = fmt.Sprintf("the test itself failed with %s; it needs an elevated prompt", codeText(r.Code))
				}
				x.Missing[0].Why = "the test in the bundle failed; it has to be run from an elevated prompt"
			}
			x.Evidence = append(x.Evidence, line(r, findings.Context, note))
		}
	}
	return []findings.Finding{x}, nil
}

// codeNote says what the code of a line means to a caller of WMI.
func codeNote(m facts.Match) string {
	switch strings.ToUpper(m.Capture("code")) {
	case "80041014":
		return "0x80041014 (WBEM_E_INITIALIZATION_FAILURE): WMI could not initialize a component"
	case "80041010":
		return "0x80041010 (WBEM_E_INVALID_CLASS): WMI has no such class"
	case "8004100E":
		return "0x8004100E (WBEM_E_INVALID_NAMESPACE): WMI has no such namespace"
	}
	return "0x80041002 (WBEM_E_NOT_FOUND): WMI has no such object"
}

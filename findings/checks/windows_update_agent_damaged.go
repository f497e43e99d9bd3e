package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
)

const updateAgentID = "windows-update-agent-damaged"

// The codes are those that Microsoft's guide to scan failures lists for damaged components of the agent. A code is a symptom: most of them have other
// causes too. Proof is only where the registry shows that a service of the agent is gone or disabled.
var windowsUpdateAgentDamaged = &findings.Check{
	ID:       updateAgentID,
	Title:    "The Windows Update agent is damaged, so the machine gets no updates",
	Severity: findings.High,
	Product:  scanProduct,
	Needs:    []findings.Need{scanNeed(updateAgentID)},
	Signals:  scanSignals(updateAgentID, slices.Sorted(maps.Keys(agentCodes))),
	Observe:  scanWatch(updateAgentID),
	Doc: findings.Doc{
		Cause: "A part of the agent is missing, disabled, not registered or unreadable: its services (wuauserv, BITS), its COM classes, its data store below SoftwareDistribution, or the trust in what it downloads. " +
			"Searches for updates then end within the machine, whatever the server does.",
		Remedy:    agentRepair,
		Risk:      "Renaming SoftwareDistribution takes the history of updates that the agent shows, and the next search downloads everything about updates anew: not on hundreds of machines in the same hour.",
		Undo:      "Stop the services and rename the folders back.",
		Cured:     "The next log has a search that ended well (\"Found N updates and N categories in search\", or \"Successfully completed scan\" in WUAHandler.log).",
		Overturns: "A search that ended well later; a registry of the time of the failure in which the service is there and starts; or the same code on many machines at one time, which points to the server or to what lies on the way.",
		Proves: []string{
			"A search that ended with 0x80070424, 0x80070422, 0x8DDD0018 or 0x80246008, and a registry in which the agent's service (wuauserv or BITS) is missing or disabled.",
		},
		Suggests: []string{"A search that ended with one of 0x80245003, 0x80070514, 0x8DDD0018, 0x80246008, 0x80200013, 0x80004015, 0x800A0046, 0x800A01AD, 0x80070424, 0x80070422, 0x800B0100 or 0x80248011 and no later one that ended well."},
		Exonerates: []string{
			"Searches that ended well, or with other codes.", "A later search ended well.",
		},
		FalsePositives: "0x800B0100 is also what an update without a valid signature gets, 0x80200013 a proxy or server that gives no parts of files, 0x80070422 a machine on which somebody disabled the service by intention.",
		NotCovered:     "Damage that shows while updates are installed (see the component store) and codes that the list does not have.",
		References: []findings.Reference{
			{Title: "Troubleshoot software update scan failures in Configuration Manager", URL: "https://learn.microsoft.com/en-us/troubleshoot/mem/configmgr/update-management/troubleshoot-software-update-scan-failures"},
			{Title: "Windows Update Agent: success and error codes", URL: "https://learn.microsoft.com/en-us/windows/win32/wua_sdk/wua-success-and-error-codes-"},
			{Title: "Additional resources for Windows Update: reset its components", URL: "https://learn.microsoft.com/en-us/troubleshoot/windows-client/installing-updates-features-roles/additional-resources-for-windows-update"},
		},
	},
	Rests: restsOn(updateAgentID + "/code"), // whatever line tells one of the codes
	Run:   runUpdateAgentDamaged,
}

var agentRepair = []string{
	`See that the services are there and start: sc qc wuauserv, sc qc bits, sc qc cryptsvc; then net start wuauserv.`,
	`Repair the system's files: sfc /scannow; Windows 8 and later: dism /online /cleanup-image /restorehealth.`,
	`If searches still fail, stop the services wuauserv, bits and cryptsvc, rename %windir%\SoftwareDistribution and %windir%\System32\catroot2, start the services and search again.`,
	`Before Windows Vista register the agent's libraries again (regsvr32 /s for wuapi.dll, wuaueng.dll, wups.dll, wups2.dll, wucltui.dll, atl.dll, msxml3.dll) or run the agent's installer with /wuforce.`,
}

// agentCode is what one of the codes says.
type agentCode struct {
	meaning  string
	services []string // of which one is gone or disabled, where the code says that
	rival    string   // another cause of the same code, "" if none is common
}

var agentCodes = map[uint32]agentCode{
	0x80245003: {meaning: "the agent could not use the file that names its server's services"},
	0x80070514: {meaning: "the agent lacks a privilege"},
	0x8DDD0018: {meaning: "a service that the agent needs is disabled", services: []string{"wuauserv", "BITS", "EventLog"}},
	0x80246008: {meaning: "the agent's download manager could not use the background transfer service", services: []string{"BITS"}},
	0x80200013: {meaning: "the server, or something on the way to it, gives no parts of files", rival: "A proxy or server removes the Range header of requests"},
	0x80004015: {meaning: "a COM class runs as another account than the caller asks for"},
	0x800A0046: {meaning: "a script or class was denied its permission"},
	0x800A01AD: {meaning: "a component could not be created"},
	0x80070424: {meaning: "a service does not exist", services: []string{"wuauserv", "BITS", "CryptSvc"}},
	0x80070422: {meaning: "a service is disabled", services: []string{"wuauserv", "BITS", "CryptSvc"}},
	0x800B0100: {meaning: "a file carries no signature that is trusted", rival: "The update itself carries no valid signature, e.g. one published locally whose certificate the machine does not trust"},
	0x80248011: {meaning: "the agent's data store could not be opened"},
}

func runUpdateAgentDamaged(f *facts.Facts) ([]findings.Finding, error) {
	s := readScans(f, updateAgentID)
	ours := func(list []*scanCode) []*scanCode {
		return slices.DeleteFunc(slices.Clone(list), func(c *scanCode) bool { _, known := agentCodes[c.code]; return !known })
	}
	list, ended := ours(s.ended), true
	if len(list) == 0 {
		list, ended = ours(s.met), false
	}
	if len(list) == 0 {
		return []findings.Finding{s.reached("The searches for updates in the logs met none of the codes of a damaged agent")}, nil
	}
	c := list[0]
	for _, o := range list[1:] {
		if f.Later(*o.last, *c.last) {
			c = o
		}
	}
	code := agentCodes[c.code]
	if well, ok := f.Overcome(lasts(list), s.wells); ok {
		return []findings.Finding{{
			Verdict: findings.RuledOut,
			Summary: fmt.Sprintf("The agent met %s (%s), and a later search for updates ended well, so that it was not damaged for good.", codeText(c.code), code.meaning),
			Unmet:   fmt.Sprintf("The codes were over by line %d of %s, where a search ended well.", well.Ref.Line, well.Ref.Artifact),
			Evidence: []findings.Evidence{
				findings.FromMatch(well, findings.Contradicts, "a later search that ended well"), findings.FromMatch(*c.last, findings.Context, codeText(c.code)+": "+code.meaning),
			},
		}}, nil
	}
	x := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active, Subject: machineOf(f, c.last.Ref.Artifact),
		Title:    "The Windows Update agent may be damaged: " + code.meaning,
		Evidence: []findings.Evidence{findings.FromMatch(*c.last, findings.Supports, codeText(c.code)+": "+code.meaning)},
	}
	if ended {
		x.Summary = fmt.Sprintf("%s ended with %s: %s. No later search is shown that ended well.", searches(c.count), codeText(c.code), code.meaning)
	} else {
		x.Severity = findings.Low
		x.Summary = fmt.Sprintf("A step of the agent met %s: %s. The logs do not show how a search for updates ended after it.", codeText(c.code), code.meaning)
	}
	for _, o := range list {
		if o != c {
			x.Evidence = append(x.Evidence, findings.FromMatch(*o.last, findings.Context, codeText(o.code)+": "+agentCodes[o.code].meaning))
		}
	}
	if code.rival != "" {
		x.Rivals = append(x.Rivals, findings.Rival{Name: code.rival, Verdict: rivalOpen + "the bundle does not tell; the same code on many machines at one time speaks for it."})
	}
	if len(code.services) == 0 {
		x.Summary += " The code has other causes too, so that the damage is not proven."
		x.Missing = []findings.Missing{{
			What: "the agent's log of a search after a repair of its components", Why: "a search that ends well after it proves the damage; the same code after it refutes it",
			Collect: strings.Join([]string{"net stop wuauserv & net stop bits", `ren "%windir%\SoftwareDistribution" SoftwareDistribution.old`, "net start bits & net start wuauserv", "wuauclt /detectnow", "then " + scanLogs}, "\n"),
		}}
		return []findings.Finding{x}, nil
	}
	judgeAgentServices(f, c, code, &x)
	return []findings.Finding{x}, nil
}

// judgeAgentServices joins a code that names a service's fault with what the registry says of the services.
func judgeAgentServices(f *facts.Facts, c *scanCode, code agentCode, x *findings.Finding) {
	var well []string
	unknown := false
	for _, name := range code.services {
		s := readService(f, name)
		switch s.state {
		case serviceDisabled, serviceMissing:
			is := "is disabled"
			if s.state == serviceMissing {
				is = "is missing in the registry"
			}
			s.at.Role = findings.Supports
			x.Evidence = append(x.Evidence, s.at)
			x.Verdict, x.Severity = findings.Confirmed, findings.High
			x.Title = fmt.Sprintf("Searches for updates fail because the service %s %s", name, is)
			met, _, _ := strings.Cut(x.Summary, ".")
			x.Summary = fmt.Sprintf("%s. The registry bears it out: the service %s %s.", met, name, is)
			x.Cause = "The agent cannot work without the service, so that every search for updates ends within the machine."
			if s.state == serviceDisabled {
				x.Remedy = []string{
					fmt.Sprintf("Find out who disabled it, a group policy (gpresult /h) or a person, and whether by intention; then sc config %s start= demand (EventLog and CryptSvc: auto) and net start %s.", name, name),
					"Search again: wuauclt /detectnow (Windows 10 and later: usoclient StartScan).",
				}
			}
			return
		case serviceStarts:
			well = append(well, name)
			x.Evidence = append(x.Evidence, s.at)
		case serviceUnknown:
			unknown = true
		}
	}
	if unknown {
		x.Summary += " The registry that would show the service is not in the bundle."
		x.Missing = []findings.Missing{systemHiveMissing("it shows whether the service that the code means is missing or disabled")}
		return
	}
	x.Summary += fmt.Sprintf(" In the registry the services (%s) are there and not disabled, so that the code has another reason, or was met before or after the registry was copied.", strings.Join(well, ", "))
	x.Missing = []findings.Missing{{
		What: "the events of the service control manager around a failure", Why: "they show whether the service was stopped, failed or was changed then",
		Collect: `wevtutil qe System /q:"*[System[Provider[@Name='Service Control Manager']]]" /f:text /c:300 /rd:true > "%PUBLIC%\scm.txt"`,
	}}
}

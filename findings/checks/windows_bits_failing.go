package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

const bitsFailingID = "windows-bits-failing"

// A job's error code says what stops it. BITS tries again by itself, so that a code which a later transfer outlived is over, and codes of a network
// that is gone for a while are not worth more than a suspicion.
var windowsBITSFailing = &findings.Check{
	ID:       bitsFailingID,
	Title:    "Background transfers (BITS) fail, so updates and packages are not downloaded",
	Severity: findings.High,
	Product:  findings.Product{Name: "a log of background transfers", Words: []string{"datatransferservice", "bitsadmin"}},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(bitsLogs(f)) > 0 || len(bitsCodeLines(f)) > 0 || f.Matches(bitsFailingID+"/service").Any() || len(bitsAnswerLines(f)) > 0
		},
		What: bitsJobs.What, Why: bitsJobs.Why, Collect: bitsJobs.Collect,
	}},
	Signals: bitsSignals(),
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"Bits-Client": {bitsTransferStopped}})
		},
	},
	Doc: findings.Doc{
		Cause: "Windows Update and ConfigMgr download in the background by BITS. Its jobs fail where the service does not run, where the server or something on the way does not speak HTTP as BITS needs it (file sizes and parts of files), " +
			"where a policy or a limit forbids the job, or where something holds or changes the files at the destination.",
		Remedy: []string{
			"Look at the job: bitsadmin /list /allusers /verbose shows its error, the context of the error and the file.",
			"Remove what the code names (see the note beside the line), then let the job go on: bitsadmin /resume JOB, or begin the download again.",
		},
		Risk:      "bitsadmin /reset cancels the jobs of all users; downloads begin anew.",
		Undo:      "Nothing of the steps lasts but changes of the service's start type: sc qc bits before it shows what was set.",
		Cured:     "DataTransferService.log or WindowsUpdate.log shows a job that completed behind the last error.",
		Overturns: "A later job that completed, or a registry of the time of the failure in which the service starts.",
		Proves: []string{
			"A job that failed with a code of BITS (0x80200…) that does not pass by itself, and no later transfer that completed.",
			"A client that could not use the service (0x80070422, 0x80070424, 0x80246008), and a registry in which BITS, or a service that it depends on, is disabled or missing.",
		},
		Suggests: []string{
			"A code of a network that was gone, without a later transfer that completed.", "An answer of the server that BITS passes on (0x80190…), without a later transfer that completed.",
			"A client that could not use the service, without the registry.",
		},
		Exonerates: []string{
			"Transfers completed and no code of BITS is met.",
			"A later transfer completed: codes that pass by themselves and answers of the server are then ruled out, others are resolved.",
		},
		FalsePositives: "Codes of jobs that were cancelled or cleaned up (0x80200001 to 0x80200003) mean nothing. A laptop's jobs meet 0x80200010 each time it leaves the network.",
		NotCovered:     "Why a server answers as it does (0x80190…), which its own log tells, and transfers that are merely slow.",
		References: []findings.Reference{
			{Title: "BITS return values", URL: "https://learn.microsoft.com/en-us/windows/win32/bits/bits-return-values"},
			{Title: "HTTP requirements for BITS downloads", URL: "https://learn.microsoft.com/en-us/windows/win32/bits/http-requirements-for-bits-downloads"},
		},
	},
	Rests: restsOn(bitsFailingID+"/code", bitsFailingID+"/tool", bitsFailingID+"/answer", bitsFailingID+"/tool-answer", bitsFailingID+"/service"),
	Run:   runBITSFailing,
}

var bitsJobs = findings.Missing{
	What: "the jobs of BITS and the log of the client that downloads by it", Why: "they show which job fails with which error, and whether later ones complete",
	Collect: "bitsadmin /list /allusers /verbose > \"%PUBLIC%\\bits.txt\"\n" + `%windir%\CCM\Logs\DataTransferService.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs), or WindowsUpdate.log`,
}

// bitsCause is what one of the codes says of a job.
type bitsCause struct {
	meaning string
	remedy  string // "" where the code tells none
	passing bool   // it passes by itself
}

const (
	bitsHTTPRemedy  = "Let what lies between pass HEAD requests, Content-Length and Range of HTTP 1.1 unchanged for the server's addresses (proxy, firewall, virus scanner for web traffic), or go around it."
	bitsLimitRemedy = "Clear jobs that nobody waits for (bitsadmin /list /allusers, then /cancel), and look at the limits of the policy below HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\BITS."
	bitsProxyRemedy = "Correct the proxy of the account that owns the job (bitsadmin /util /getieproxy localsystem) and the machine-wide one (netsh winhttp show proxy)."
)

// bitsCauses are the codes with a meaning of their own; the other codes of BITS are called by their names.
var bitsCauses = map[uint32]bitsCause{
	0x80200004: {meaning: "the file is not available any more", passing: true},
	0x8020000D: {"the destination is locked by another program", "Find out who holds the destination, often a virus scanner, and exclude the folder.", false},
	0x8020000E: {"the volume of the destination has changed", "", false},
	0x80200010: {meaning: "the network was gone", passing: true},
	0x80200011: {"the server does not say how large the file is", bitsHTTPRemedy, false},
	0x80200012: {"the server does not speak HTTP 1.1 as BITS needs it", bitsHTTPRemedy, false},
	0x80200013: {"the server, or something on the way, does not give parts of files", bitsHTTPRemedy, false},
	0x80200018: {"the list of proxies is too long", bitsProxyRemedy, false},
	0x80200019: {"the list of addresses without a proxy is too long", bitsProxyRemedy, false},
	0x8020001D: {"the file was changed at the destination while it was transferred", "Exclude the destination (for ConfigMgr the folder of the cache, for Windows Update SoftwareDistribution\\Download) from the virus scanner and from cleaners.", false},
	0x8020003E: {"a group policy forbids the transfer", "Look at the policies below HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\BITS, and at the costs of the connection (metered).", false},
	0x8020003F: {"the proxy that is set is not valid", bitsProxyRemedy, false},
	0x80200040: {"the credentials for the server or proxy are not valid", bitsProxyRemedy, false},
	0x80200047: {meaning: "caching among peers is disabled", passing: true},
	0x80200048: {meaning: "the record of the cache is in use", passing: true},
	0x80200049: {"the user has too many jobs", bitsLimitRemedy, false},
	0x80200050: {"the machine has too many jobs", bitsLimitRemedy, false},
	0x80200051: {"the job has too many files", bitsLimitRemedy, false},
	0x80200052: {"a file of the job has too many ranges", bitsLimitRemedy, false},
	0x80200053: {"the file that came is not the one that was asked for", "Publish the content again at its source, and look at what may change files on the way (proxy caches, virus scanner for web traffic).", false},
	0x80200054: {"the time that a policy allows for a download is over", "Raise \"Maximum active download time\" of the policy for BITS, or the bandwidth that it may use.", false},
}

// bitsCodes are the codes that are looked for: those of the family without the ones of jobs that are cancelled or cleaned up.
func bitsCodes() []uint32 {
	const first, last = 0x80200004, 0x80200054
	var out []uint32
	for c := uint32(first); c <= last; c++ {
		if len(wincode.Lookup(c)) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// bitsAnswers is the family of codes in which BITS passes on the HTTP status that the server, or a proxy, answered: 0x80190000 and the status.
const bitsAnswers = 0x80190000

// bitsAnswer is what an answer of the server says of a job.
func bitsAnswer(code uint32) bitsCause {
	const file = "See that the server has the file and lets the account of the job read it: ask for the address of the log line with a browser on the same network; for ConfigMgr update the content on that distribution point and validate it."
	c := bitsCause{meaning: fmt.Sprintf("the server, or a proxy, answered HTTP %d", code-bitsAnswers)}
	switch status := code - bitsAnswers; status {
	case 400:
		c.meaning, c.remedy = c.meaning+" (bad request)", bitsHTTPRemedy
	case 401:
		c.meaning, c.remedy = c.meaning+" (the server demands credentials)", file
	case 403:
		c.meaning, c.remedy = c.meaning+" (forbidden)", file
	case 404:
		c.meaning, c.remedy = c.meaning+" (the file is not there)", file
	case 407:
		c.meaning, c.remedy = c.meaning+" (the proxy demands credentials)", bitsProxyRemedy
	case 416:
		c.meaning, c.remedy = c.meaning+" (it can't give this part of the file)", bitsHTTPRemedy
	default:
		if status >= 500 {
			c.meaning, c.remedy = c.meaning+" (an error of the server or gateway)", "Look at the log of the web server, or of the gateway, at the time of the line, and cure what fails there."
		}
	}
	return c
}

func bitsSignals() []match.Signal {
	literals, pattern := codeForms(bitsCodes())
	const status = `(?:0[xX])?801901(?:9[0-9a-fA-F]|[A-Fa-f][0-9a-fA-F])`
	kinds := []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogWindowsUpdate), string(ingest.KindLogEvents)}
	return []match.Signal{
		{Name: bitsFailingID + "/code", Kinds: kinds, Literals: literals, Pattern: pattern},
		{Name: bitsFailingID + "/banner", Kinds: []string{string(ingest.KindText), string(ingest.KindLogText)}, Literals: []string{"BITSADMIN"}, Pattern: `^\s*BITSADMIN\b.*\d`},
		{
			// What bitsadmin prints of a job, below its banner, in the language of Windows: a label, the code, its text. A letter that mentions a code is no job.
			Name: bitsFailingID + "/tool", Kinds: []string{string(ingest.KindText), string(ingest.KindLogText)}, Literals: literals,
			Pattern: `^\s*\p{L}[\p{L} ]{3,30}:\s*0[xX](?P<code>` + pattern[strings.Index(pattern, "<code>")+len("<code>"):],
		},
		{
			// The agents of Windows Update and ConfigMgr meet the same statuses without BITS, so the line must speak of it.
			Name: bitsFailingID + "/answer", Kinds: kinds, Literals: []string{"801901"},
			Pattern: `\b(?:BITS|DTS)[^\n]*\b(?P<code>` + status + `)\b|\b(?P<before>` + status + `)\b[^\n]*\b(?:BITS|DTS)`,
		},
		{
			Name: bitsFailingID + "/tool-answer", Kinds: []string{string(ingest.KindText), string(ingest.KindLogText)}, Literals: []string{"0x801901"},
			Pattern: `^\s*\p{L}[\p{L} ]{3,30}:\s*(?P<code>` + status + `)\b`,
		},
		{
			Name: bitsFailingID + "/service", Kinds: kinds, Literals: []string{"80070422", "80070424", "80246008"},
			Pattern: `BITS[^\n]*\b(?:0[xX])?(?P<code>8007042[24])\b|\b(?:0[xX])?(?P<before>8007042[24])\b[^\n]*BITS|\b(?:0[xX])?(?P<agent>80246008)\b`,
		},
		{
			Name: bitsFailingID + "/well", Kinds: kinds,
			Literals: []string{"completed successfully", "processed download completion", "has completed", "successfully completed download"},
			Pattern:  `BITS job \{[^}]+\} completed successfully|processed download completion|DTSJob \{[^}]+\} successfully completed download|DTS ?[Jj]ob (?:ID=')?\{[^}]+\}'? has completed`,
		},
		{Name: bitsFailingID + "/disk", Kinds: kinds, Literals: []string{"80070070"}},
	}
}

// bitsTransferStopped is the event of a transfer that stopped without an error.
const bitsTransferStopped = 60

// bitsLogs are the logs that would show a failed job.
func bitsLogs(f *facts.Facts) []*ingest.Artifact {
	var out []*ingest.Artifact
	for _, a := range f.Artifacts {
		if strings.HasPrefix(strings.ToLower(path.Base(a.Path)), "datatransferservice") && a.Records > 0 {
			out = append(out, a)
		}
	}
	return out
}

// bitsCodeLines are the lines with a code of BITS: of logs, and of the output of bitsadmin.
func bitsCodeLines(f *facts.Facts) []facts.Match {
	return append(slices.Clone(f.Matches(bitsFailingID+"/code").Kept), bitsPrinted(f, "/tool")...)
}

// bitsAnswerLines are the lines in which BITS passes on an answer of the server.
func bitsAnswerLines(f *facts.Facts) []facts.Match {
	return append(slices.Clone(f.Matches(bitsFailingID+"/answer").Kept), bitsPrinted(f, "/tool-answer")...)
}

// bitsPrinted are the lines of a signal that stand below the banner of bitsadmin.
func bitsPrinted(f *facts.Facts, signal string) []facts.Match {
	var out []facts.Match
	banners := f.Matches(bitsFailingID + "/banner").Kept
	for _, m := range f.Matches(bitsFailingID + signal).Kept {
		if slices.ContainsFunc(banners, func(b facts.Match) bool { return b.Ref.Artifact == m.Ref.Artifact && b.Ref.Line < m.Ref.Line }) {
			out = append(out, m)
		}
	}
	return out
}

// bitsCodeOf is the code of a line.
func bitsCodeOf(m facts.Match) uint32 {
	digits := strings.ToLower(m.Capture("code") + m.Capture("before") + m.Capture("agent"))
	code, _ := wincode.Parse("0x" + strings.TrimPrefix(digits, "0x"))
	return code
}

func runBITSFailing(f *facts.Facts) ([]findings.Finding, error) {
	wells := slices.Concat(f.Matches(bitsFailingID+"/well").Kept, eventsSeen(f, bitsFailingID))
	codes, service := bitsCodeLines(f), f.Matches(bitsFailingID+"/service")
	var lasting, passing []facts.Match
	for _, m := range codes {
		if bitsCauses[bitsCodeOf(m)].passing {
			passing = append(passing, m)
		} else {
			lasting = append(lasting, m)
		}
	}
	if _, over := f.Overcome(service.Kept, wells); service.Any() && !over {
		return []findings.Finding{bitsService(f, service.Kept)}, nil
	}
	if len(lasting) > 0 {
		return []findings.Finding{bitsJobFailed(f, lasting, wells, findings.Confirmed)}, nil
	}
	if answers := bitsAnswerLines(f); len(answers) > 0 {
		if _, over := f.Overcome(answers, wells); !over {
			return []findings.Finding{bitsJobFailed(f, answers, wells, findings.Suspected)}, nil
		}
		passing = append(passing, answers...)
	}
	well, over := f.Overcome(slices.Concat(passing, service.Kept), wells)
	if len(passing) > 0 && !over {
		return []findings.Finding{bitsJobFailed(f, passing, wells, findings.Suspected)}, nil
	}
	x := findings.Finding{Verdict: findings.RuledOut, Summary: "Background transfers completed and met no error of BITS."}
	switch {
	case over:
		x.Summary = "Background transfers met errors that passed: a later transfer completed."
		x.Unmet = fmt.Sprintf("The errors were over by line %d of %s, where a transfer completed.", well.Ref.Line, well.Ref.Artifact)
		x.Evidence = append(x.Evidence, findings.FromMatch(well, findings.Contradicts, "a later transfer that completed"))
		for _, m := range slices.Concat(passing, service.Kept)[:1] {
			x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Context, "an error that passed"))
		}
	case len(wells) > 0:
		x.Evidence = append(x.Evidence, findings.FromMatch(wells[len(wells)-1], findings.Contradicts, "a transfer that completed"))
		for _, a := range bitsLogs(f) {
			x.Evidence = append(x.Evidence, findings.AbsentLine(a.Path, findings.Contradicts, "no error of BITS among its "+count(a.Records, "record")))
		}
	default:
		// A log without an end of a transfer, or with failures of another kind alone, says nothing for BITS.
		x = findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Missing: []findings.Missing{bitsJobs},
			Summary: "The logs of background transfers hold no error of BITS, and no transfer that completed either, so that they do not show whether BITS works.",
		}
		for _, a := range bitsLogs(f) {
			x.Evidence = append(x.Evidence, findings.AbsentLine(a.Path, findings.Context, "no error of BITS and no completed transfer among its "+count(a.Records, "record")))
			x.Unmet = fmt.Sprintf("None of the %s of %s tells of a transfer that completed, or that failed with a code of BITS.", count(a.Records, "record"), a.Path)
		}
	}
	return []findings.Finding{x}, nil
}

// bitsJobFailed is the finding of jobs that met codes of BITS.
func bitsJobFailed(f *facts.Facts, list, wells []facts.Match, verdict findings.Verdict) findings.Finding {
	last := list[0]
	for _, m := range list[1:] {
		if !f.Later(last, m) {
			last = m
		}
	}
	code := bitsCodeOf(last)
	cause := bitsCauses[code]
	answer := code&0xFFFF0000 == bitsAnswers
	if answer {
		cause = bitsAnswer(code)
	} else if cause.meaning == "" {
		cause.meaning = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(wincode.Name(code), "BG_E_"), "_", " "))
	}
	x := findings.Finding{
		Verdict: verdict, Severity: findings.Medium, State: findings.Active, Subject: machineOf(f, last.Ref.Artifact),
		Title:    "Background transfers fail: " + cause.meaning,
		Summary:  fmt.Sprintf("A job of BITS met %s: %s.", codeText(code), cause.meaning),
		Evidence: []findings.Evidence{findings.FromMatch(last, findings.Supports, codeText(code)+": "+cause.meaning)},
	}
	if cause.remedy != "" {
		x.Remedy = []string{cause.remedy, "Begin the download again, and look whether bitsadmin /list /allusers /verbose still shows the error."}
	}
	same := 0
	for _, m := range list {
		if c := bitsCodeOf(m); c == code {
			same++
			if m.Ref != last.Ref && same <= 2 {
				x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Context, "the same error"))
			}
		} else {
			x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Context, codeText(c)))
		}
	}
	x.Evidence = x.Evidence[:min(len(x.Evidence), 6)]
	if same > 1 {
		x.Summary = fmt.Sprintf("Jobs of BITS met %s again and again: %s.", codeText(code), cause.meaning)
	}
	disk := findings.Rival{Name: "The disk of the destination is full", Verdict: rivalSilent + "no line of the logs has 0x80070070."}
	if m, ok := f.Matches(bitsFailingID + "/disk").Last(); ok {
		disk.Verdict = rivalSupported + fmt.Sprintf("line %d of %s has 0x80070070.", m.Ref.Line, m.Ref.Artifact)
	}
	x.Rivals = []findings.Rival{disk}
	if set := readWinHTTP(f); set.proxy != "" {
		x.Summary += fmt.Sprintf(" The machine-wide proxy is set to %s.", set.proxy)
		x.Evidence = append(x.Evidence, findings.FromValue(set.at, findings.Context, "the machine-wide proxy: "+set.proxy))
	}
	if s := readService(f, "BITS"); s.state == serviceDisabled {
		x.Summary += " The registry has the service disabled now."
		x.Evidence = append(x.Evidence, s.at)
	}
	switch well, over := f.Overcome(list, wells); {
	case over:
		x.State = findings.Resolved
		x.Summary += " A later transfer completed, so that it was over by then."
		x.Evidence = append(x.Evidence, findings.FromMatch(well, findings.Contradicts, "a later transfer that completed"))
	case answer:
		x.Summary += " BITS itself works as far as that; no later transfer is shown that completed. Whether the server lacks the file, or something on the way answers for it, the log of the server tells."
		x.Cause = "BITS asked for the file, and what answered did not give it: the content is not on the server or may not be read there, or a proxy or gateway answers in its place."
		x.Missing = []findings.Missing{{
			What: "the log of the web server that was asked, of the time of the line", Why: "it shows whether the request arrived there and what it was answered",
			Collect: `%SystemDrive%\inetpub\logs\LogFiles\W3SVC1 of the distribution point or update server`,
		}}
	case verdict == findings.Suspected:
		x.Severity = findings.Low
		x.Summary += " BITS tries again by itself; no later transfer is shown that completed."
		x.Missing = []findings.Missing{bitsJobs}
	default:
		x.Summary += " No later transfer is shown that completed."
	}
	return x
}

// bitsService is the finding of a client that could not use the service.
func bitsService(f *facts.Facts, list []facts.Match) findings.Finding {
	last := list[len(list)-1]
	code := bitsCodeOf(last)
	meaning := map[uint32]string{0x80070422: "the service is disabled", 0x80070424: "there is no such service", 0x80246008: "the agent could not use the service"}[code]
	x := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active, Subject: machineOf(f, last.Ref.Artifact),
		Title:    "Background transfers may fail because the service BITS is not there or disabled",
		Summary:  fmt.Sprintf("A client of BITS met %s: %s.", codeText(code), meaning),
		Evidence: []findings.Evidence{findings.FromMatch(last, findings.Supports, codeText(code)+": "+meaning)},
	}
	names := []string{"BITS"}
	if s, err := f.Registry.Service("BITS"); err == nil {
		names = append(names, dependencies(s)...)
	}
	shown := 0
	for _, n := range names {
		s := readService(f, n)
		if s.state == serviceUnknown {
			continue
		}
		shown++
		if s.state == serviceStarts {
			x.Evidence = append(x.Evidence, s.at)
			continue
		}
		is := map[serviceState]string{serviceDisabled: "is disabled", serviceMissing: "is missing in the registry"}[s.state]
		s.at.Role = findings.Supports
		x.Evidence = append(x.Evidence, s.at)
		x.Verdict, x.Severity = findings.Confirmed, findings.High
		x.Title = fmt.Sprintf("Background transfers fail because the service %s %s", n, is)
		x.Summary += fmt.Sprintf(" The registry bears it out: the service %s %s", n, is)
		if n != "BITS" {
			x.Summary += ", on which BITS depends"
		}
		x.Summary += "."
		x.Cause = "Windows Update and ConfigMgr download by the service BITS, which can't run so."
		x.Remedy = []string{
			fmt.Sprintf("Find out who disabled or removed %s, and whether by intention; then sc config %s start= demand and net start bits. Where the service is missing, copy its key from a sound machine of the same Windows, or repair Windows.", n, n),
			"Begin the download again.",
		}
		return x
	}
	if shown == 0 {
		x.Summary += " The registry that would show the service is not in the bundle."
		x.Missing = []findings.Missing{systemHiveMissing("it shows whether BITS, or a service that it depends on, is disabled or missing")}
		return x
	}
	x.Summary += " In the registry the service is there and not disabled, so that the code has another reason, or was met before or after the registry was copied."
	x.Missing = []findings.Missing{{
		What: "the events of BITS", Why: "they show when the service was started and why transfers stopped",
		Collect: `wevtutil qe Microsoft-Windows-Bits-Client/Operational /f:text /c:300 /rd:true > "%PUBLIC%\bitsevents.txt"`,
	}}
	return x
}

// dependencies are the services, without groups of services, on which a service depends.
func dependencies(s hive.Service) []string {
	return slices.DeleteFunc(slices.Clone(s.DependsOn), func(n string) bool { return n == "" || strings.HasPrefix(n, "+") })
}

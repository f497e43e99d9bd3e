package checks

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

const msiBusyID = "msi-installer-busy"

// Windows runs one installation at a time: whoever comes second gets 1618 and is to come again. That is no fault of the package, and worth a look only
// where nobody came again, or where what holds the engine never ends. Who held it another log tells whose session was open at that time.
var msiInstallerBusy = &findings.Check{
	ID:       msiBusyID,
	Title:    "An installation was refused because another one was running",
	Severity: findings.Low,
	Product:  findings.Product{Name: "Windows Installer", Kinds: []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP}},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return f.Has(ingest.KindLogMSI, ingest.KindLogSEP) || f.Matches(msiBusyID+"/refused").Any() || f.Matches(msiBusyID+"/ran").Any()
		},
		What: "the Windows Installer logs of the time of the refusal", Why: "they show which installation was refused and which one was running",
		Collect: `copy "%TEMP%\MSI*.LOG" "%PUBLIC%\" & copy "%windir%\Temp\MSI*.LOG" "%PUBLIC%\"`,
	}},
	Signals: []match.Signal{
		{Name: msiBusyID + "/header", Kinds: installerLogs, Literals: []string{"=== "}, Pattern: `^=== .*\d.* ===\s*$`},
		{
			Name: msiBusyID + "/returning", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning "}, Pattern: `MainEngineThread is returning (?P<code>-?\d+)`,
		},
		{Name: msiBusyID + "/mutex", Kinds: installerLogs, Literals: []string{"Failed to grab execution mutex"}},
		{
			Name: msiBusyID + "/property", Kinds: installerLogs,
			Literals: []string{"): ProductName = "}, Pattern: `^Property\([SCN]\): ProductName = (?P<value>.*\S)`,
		},
		{
			Name: msiBusyID + "/package", Kinds: installerLogs,
			Literals: []string{"******* Product: "}, Pattern: `^\s*\*{7} Product: (?P<value>.*\S)`,
		},
		{
			Name: msiBusyID + "/refused", Kinds: append(slices.Clone(ccmKinds), string(ingest.KindLogWindowsUpdate)),
			Literals: []string{"code is 1618", "code 1618", "code: 1618", "exitcode: 1618", "80070652", "-2147023278"},
			Pattern:  `Execution is complete for program (?P<program>[^\n]+?)\. The exit code is (?:1618|-2147023278)\b|Program: (?P<script>[^\n]+?) failed with exit code 1618\b|(?:[Ee]xit|[Ee]rror|[Rr]eturn) ?[Cc]ode:? (?:is )?(?:1618|-2147023278)\b|\b0[xX]80070652\b`,
		},
		{
			Name: msiBusyID + "/ran", Kinds: ccmKinds,
			Literals: []string{"exit code is 0", "exit code is 3010", "exit code 0", "exit code 3010", "exitcode: 0", "exitcode: 3010"},
			Pattern:  `^(?:Execution is complete for program (?P<program>[^\n]+?)\. The exit code is (?:0|3010)\b|[^\n]*[Ee]xit ?[Cc]ode:? (?:0|3010)\b)`,
		},
	},
	Observe: &facts.Watch{Kinds: []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP}, Only: true, New: func(*ingest.Artifact) facts.Observer { return &msiSpans{} }},
	Doc: findings.Doc{
		Cause: "Windows Installer holds the mutex _MSIExecute while it carries out an installation, a removal or a repair, also one that Windows Update or a self-repair began. A second one gets 1618 (or 0x80070652) and changes nothing.",
		Remedy: []string{
			"If the installation ran later, nothing is to be done; otherwise run it again. ConfigMgr does so by itself, 1618 is among the codes that it retries.",
			"If it is refused time and again, look for an installation that never ends: msiexec.exe beside the service's own, and the key HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\InProgress, which names it. Let it end, or restart the machine.",
			"Give installations of one machine different times, or begin one from the other's end.",
		},
		Risk:       "Ending msiexec.exe in the midst of an installation leaves that product half installed.",
		Undo:       "Nothing is changed by running the installation again; a product that was interrupted is repaired by its own installation.",
		Cured:      "The next log of the same installation ends with MainEngineThread is returning 0 or 3010, or the program with exit code 0.",
		Overturns:  "Nothing, for the refusal: the code has one meaning. That a product held the engine is overturned by a clock of its log that was wrong.",
		Proves:     []string{"A session that ends with MainEngineThread is returning 1618, or a program or update that ended with 1618 (0x80070652)."},
		Suggests:   []string{"\"Failed to grab execution mutex\" in a log without the end of its session."},
		Exonerates: []string{"Sessions and programs that ended with other codes.", "A later session of the same product, or run of the same program, that ended well: the finding is then resolved."},
		FalsePositives: "Return code 1618 and message 1618 are one thing here, unlike 1603. A session that was open at the time of the refusal held the engine only while it carried out its actions, " +
			"so that of two open sessions either may have held it.",
		NotCovered: "Installations without a log, and clocks of logs without a date.",
		References: []findings.Reference{
			{Title: "_MSIExecute mutex", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/-msiexecute-mutex"},
			{Title: "Windows Installer: error codes", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/error-codes"},
		},
	},
	// Of the engine's last lines only one with the code of a refusal counts.
	Rests: func() findings.Traces {
		return findings.Traces{Signals: []string{msiBusyID + "/mutex", msiBusyID + "/refused"}, Texts: []string{"is returning 1618"}}
	},
	Run: runMSIBusy,
}

// installerBusy is Installer's return code for an engine that is in use (ERROR_INSTALL_ALREADY_RUNNING).
const installerBusy = 1618

// msiSpan is a session of an Installer log and the time that it takes.
type msiSpan struct {
	product      string
	begun, ended *facts.Match // its header, and the engine's last line; nil where the log lacks it
	mutex        *facts.Match // the engine could not be had
	code         uint32       // of ended
}

// msiSpans finds the sessions of one Installer log.
type msiSpans struct {
	open msiSpan
	done []msiSpan
}

// See implements facts.Observer.
func (m *msiSpans) See(s *facts.Sight) {
	for i := range s.Hits {
		h := &s.Hits[i]
		switch strings.TrimPrefix(h.Name, msiBusyID+"/") {
		case "header":
			m.close()
			m.open.begun = s.KeepLine()
		case "returning":
			if code, ok := wincode.Parse(string(h.Capture("code"))); ok {
				m.open.code, m.open.ended = code, s.Keep()
			}
		case "mutex":
			m.open.mutex = s.Keep()
		case "property":
			m.open.product = string(h.Capture("value"))
		case "package":
			m.open.product = cmp.Or(m.open.product, baseName(string(bytes.Trim(h.Capture("value"), `"`))))
		}
	}
}

func (m *msiSpans) close() {
	if (m.open.ended != nil || m.open.mutex != nil) && len(m.done) < maxMSISessions {
		m.done = append(m.done, m.open)
	}
	m.open = msiSpan{}
}

// End implements facts.Observer.
func (m *msiSpans) End() any {
	m.close()
	if len(m.done) == 0 {
		return nil
	}
	return m.done
}

// covers reports whether the session was open when m was written, by the clock of the machine.
func (s msiSpan) covers(m facts.Match) bool {
	if s.begun == nil || s.ended == nil || s.ended.Ref == m.Ref {
		return false
	}
	begun, ok1 := s.begun.Time.Local()
	ended, ok2 := s.ended.Time.Local()
	at, ok3 := m.Time.Local()
	return ok1 && ok2 && ok3 && !at.Before(begun) && !at.After(ended)
}

// busyInstall is what refused installations of one product or program came to.
type busyInstall struct {
	name string
	at   []facts.Match
	well []facts.Match // runs of the same that ended well
}

func runMSIBusy(f *facts.Facts) ([]findings.Finding, error) {
	var spans []msiSpan
	for _, o := range facts.Observed[[]msiSpan](f, msiBusyID) {
		spans = append(spans, o.Value...)
	}
	var refused []*busyInstall
	group := func(name string) *busyInstall {
		i := slices.IndexFunc(refused, func(r *busyInstall) bool { return strings.EqualFold(r.name, name) })
		if i < 0 {
			refused = append(refused, &busyInstall{name: name})
			i = len(refused) - 1
		}
		return refused[i]
	}
	var waited, others []facts.Match // that the engine could not be had, of sessions without an end; sessions and programs that ended otherwise
	for _, s := range spans {
		switch {
		case s.ended == nil:
			waited = append(waited, *s.mutex)
		case s.code == installerBusy:
			r := group(s.product)
			r.at = append(r.at, *s.ended)
		default:
			others = append(others, *s.ended)
		}
	}
	list := f.Matches(msiBusyID + "/refused").Kept
	for _, m := range list {
		name := programOf(m)
		if name == "" && slices.ContainsFunc(list, func(o facts.Match) bool { return programOf(o) != "" && sameRun(o, m) }) {
			continue // the same end of the same program, said without its name
		}
		r := group(name)
		if n := len(r.at); n > 0 && sameRun(r.at[n-1], m) {
			r.at[n-1] = m // several lines tell one end
		} else {
			r.at = append(r.at, m)
		}
	}
	ran := f.Matches(msiBusyID + "/ran").Kept
	others = append(others, ran...)
	for _, r := range refused {
		for _, s := range spans {
			if s.ended != nil && succeeded(s.code) && s.product != "" && strings.EqualFold(s.product, r.name) {
				r.well = append(r.well, *s.ended)
			}
		}
		for _, m := range ran {
			same := m.Ref.Artifact == r.at[0].Ref.Artifact
			if p := m.Capture("program"); p == "" && r.name == "" && same || p != "" && strings.EqualFold(p, r.name) {
				r.well = append(r.well, m)
			}
		}
	}
	var out []findings.Finding
	for _, r := range refused {
		out = append(out, msiRefused(f, r, spans))
	}
	switch {
	case len(out) > 0:
		return out, nil
	case len(waited) > 0:
		return []findings.Finding{{
			Verdict: findings.Suspected, State: findings.Unknown, Subject: "an installation", Severity: findings.Low,
			Summary:  "Installer could not get its mutex, which another installation holds while it runs; the log lacks the end of the session, so that its outcome is not shown.",
			Evidence: []findings.Evidence{findings.FromMatch(waited[len(waited)-1], findings.Supports, "the mutex _MSIExecute was held by another installation")},
			Missing:  []findings.Missing{{What: "the whole verbose Windows Installer log", Why: "only the engine's last line says how the installation ended", Collect: verboseInstallerLog.Collect}},
		}}, nil
	case len(others) > 0:
		x := findings.Finding{Verdict: findings.RuledOut, Summary: "No installation in the logs was refused because another one was running."}
		for _, m := range others[:min(len(others), 8)] {
			x.Evidence = append(x.Evidence, findings.FromMatch(m, findings.Contradicts, "an installation that ended otherwise"))
		}
		x.Unmet = fmt.Sprintf("No installation ended with 1618; line %d of %s shows another end.", others[0].Ref.Line, others[0].Ref.Artifact)
		return []findings.Finding{x}, nil
	}
	return []findings.Finding{{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Summary: "The Installer logs of the bundle hold no end of a session.",
		Missing: []findings.Missing{findings.InstallerEvents},
	}}, nil
}

// programOf is the program that a line of ConfigMgr names, "" if it names none.
func programOf(m facts.Match) string { return cmp.Or(m.Capture("program"), m.Capture("script")) }

// sameRun reports whether two lines of one log may tell the end of the same run of a program.
func sameRun(a, b facts.Match) bool {
	return a.Ref.Artifact == b.Ref.Artifact && !apart(a.Time, b.Time)
}

// longRefused is how long refusals may go on before something that never ends must be thought of.
const longRefused = time.Hour

// msiRefused is the finding of one product or program.
func msiRefused(f *facts.Facts, r *busyInstall, spans []msiSpan) findings.Finding {
	first, last := r.at[0], r.at[0]
	for _, m := range r.at[1:] {
		if f.Later(m, last) {
			last = m
		}
		if f.Later(first, m) {
			first = m
		}
	}
	called := r.name
	if called == "" {
		called = "An installation"
	}
	x := findings.Finding{
		Verdict: findings.Confirmed, Severity: findings.Low, State: findings.Active, Subject: cmp.Or(r.name, "an unnamed installation"),
		Title:    called + " was refused with 1618: another installation was running",
		Summary:  fmt.Sprintf("%s ended with 1618 (ERROR_INSTALL_ALREADY_RUNNING) in line %d of %s.", called, last.Ref.Line, last.Ref.Artifact),
		Evidence: []findings.Evidence{findings.FromMatch(last, findings.Supports, "1618 is ERROR_INSTALL_ALREADY_RUNNING: another installation was running")},
	}
	if len(r.at) > 1 {
		x.Summary = fmt.Sprintf("%s ended with 1618 (ERROR_INSTALL_ALREADY_RUNNING) %d times, the last time in line %d of %s.", called, len(r.at), last.Ref.Line, last.Ref.Artifact)
		x.Evidence = append(x.Evidence, findings.FromMatch(first, findings.Context, "the first refusal"))
	}
	var holders []string
	for _, s := range spans {
		if s.code == installerBusy || !s.covers(last) || f.Mixed {
			continue
		}
		name := cmp.Or(s.product, "a product that its log does not name")
		holders = append(holders, name)
		x.Evidence = append(x.Evidence, findings.FromMatch(*s.begun, findings.Context, "a session of "+name+" that was open at the time of the refusal begins"),
			findings.FromMatch(*s.ended, findings.Context, "and ends"))
	}
	switch len(holders) {
	case 0:
		x.Summary += " None of the logs in the bundle has a session that was open then, so that who held the engine is not shown."
	case 1:
		x.Summary += fmt.Sprintf(" At that time a session of %s was open.", holders[0])
	default:
		x.Summary += fmt.Sprintf(" At that time sessions of %s were open; either may have held the engine.", strings.Join(holders[:min(len(holders), 4)], " and "))
	}
	if well, ok := f.Overcome(r.at, r.well); ok {
		x.State = findings.Resolved
		x.Summary += " It ran later and ended well."
		x.Evidence = append(x.Evidence, findings.FromMatch(well, findings.Contradicts, "a later run that ended well"))
		return x
	}
	x.Summary += " No later run is shown that ended well."
	begun, ok1 := first.Time.Local()
	ended, ok2 := last.Time.Local()
	if ok1 && ok2 && ended.Sub(begun) > longRefused {
		x.Severity = findings.Medium
		x.Summary += fmt.Sprintf(" Between the first refusal and the last lie %s, so that an installation may hang that never lets the engine go.", ended.Sub(begun).Round(time.Minute))
		x.Rivals = []findings.Rival{{Name: "Several installations one after the other, and none that hangs", Verdict: rivalOpen + "the processes of the machine and its Installer logs of the whole time are not in the upload."}}
	}
	return x
}

package checks

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

const msiFailedID = "msi-install-failed"

// Installer's action lines and messages are localised; the lines of its engine, the property dump and the numbers of messages are not.
// So the verdict comes from the engine, the failing action from the shape of its line, the cause from a message's number.
var msiInstallFailed = &findings.Check{
	ID:       msiFailedID,
	Title:    "An installation, repair or removal by Windows Installer failed",
	Severity: findings.High,
	Product: findings.Product{
		Name: "Windows Installer", Words: []string{".msi", "msiexec", "_msi", "msi_", "msi."},
		Kinds: []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP},
		Seen:  func(f *facts.Facts) bool { return len(facts.Observed[[]*msiEnd](f, msiFailedID)) > 0 },
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return f.Has(verboseInstallerLog.AnyOf...) || len(facts.Observed[[]*msiEnd](f, msiFailedID)) > 0
		},
		What: findings.InstallerEvents.What, Why: findings.InstallerEvents.Why, Collect: findings.InstallerEvents.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: msiFailedID + "/returning", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning "}, Pattern: `MainEngineThread is returning (?P<code>-?\d+)`,
		},
		{
			Name: msiFailedID + "/custom-action", Kinds: installerLogs,
			Literals: []string{"returned actual error code"}, Pattern: `CustomAction (?P<action>\S+) returned actual error code (?P<code>-?\d+)`,
		},
		{
			Name: msiFailedID + "/property", Kinds: installerLogs,
			Literals: []string{"): ProductName = ", "): ProductCode = ", "): ProductVersion = "},
			Pattern:  `^Property\([SCN]\): (?P<name>ProductName|ProductCode|ProductVersion) = (?P<value>.*\S)`,
		},
		{
			Name: msiFailedID + "/package", Kinds: installerLogs,
			Literals: []string{"******* Product: "}, Pattern: `^\s*\*{7} Product: (?P<path>.*\S)`,
		},
		{
			// Only where the log holds no dump of the properties, which is not localised.
			Name: msiFailedID + "/named", Kinds: installerLogs,
			Literals: []string{"Product Name: ", "Product: "}, Pattern: `^Product: (?P<short>[^\n]+?) -- |\bProduct Name: (?P<full>[^\n]+?)\. Product Version: `,
		},
	},
	Observe: &facts.Watch{
		Kinds: []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP, ingest.KindLogEvents}, Every: true,
		New: func(a *ingest.Artifact) facts.Observer {
			if a.Kind == ingest.KindLogEvents {
				return &msiEnds{}
			}
			return &msiSessions{open: &msiSession{}}
		},
	},
	Doc: findings.Doc{
		Cause:     "Windows Installer gave its caller an error code. Most codes name their cause: another installation was running (1618), the package could not be opened (1619) or its source is missing (1612). 1603 is any fatal error: an action returned a failure, Installer rolled the transaction back, and the message just above the first action that ended with return value 3 says why.",
		Remedy:    msiRemedy,
		Risk:      "The package runs again from the start: what the rollback left (files in use, services, registry values of custom actions) may be changed twice, and the machine may restart on its own with code 1641; use /norestart.",
		Undo:      "msiexec /x PRODUCTCODE takes the product away if the new run succeeds and is not wanted; a run that fails is rolled back by Installer. A service or permission that was changed to remove the cause is set back by hand: note its old state first.",
		Cured:     `The next log of the same product ends with "MainEngineThread is returning 0" (or 3010) and holds no "return value 3".`,
		Overturns: "A later session of the same product code that returned 0, 1641 or 3010; for the cause, a message nearer to the first action with return value 3 than the one that is quoted, or the custom action's own log.",
		Proves:    []string{"The engine's last line \"MainEngineThread is returning N\" of a session, N being none of 0, 1641 and 3010."},
		Suggests: []string{
			"An action that ended with return value 3 in a log that breaks off before the engine's last line.",
			"An event of MsiInstaller (1033 to 1037 with a return code, 11708, 11725, 11729) that tells of a failure, without a log of the same product.",
		},
		Exonerates: []string{"Every session of the logs ends with 0, 1641 or 3010.", "A later session of the same product succeeded: the finding is then resolved."},
		FalsePositives: "Return code 1603 (a fatal error) and message 1603 (a file is held in use, which ends with 3010) are different things. " +
			"1602, 1605, 1618 and 1638 are not faults of the package. Notes such as 1: 2203 for inprogressinstallinfo.ipi or 1: 2205 stand in every log.",
		NotCovered: "Failures inside a custom action's own program, and installers that do not use Windows Installer.",
		References: []findings.Reference{
			{Title: "Windows Installer: error codes", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/error-codes"},
			{Title: "Windows Installer: error messages", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/windows-installer-error-messages"},
		},
	},
	Run: runMSIInstallFailed,
}

// msiRemedy is the remedy; a finding that knows the cause says it in place of the first step.
var msiRemedy = []string{
	"Read the cause line of this finding: it names the service, file, key or custom action that failed.",
	"Remove that cause (see the note beside the line), then run the same package again with /l*v.",
	"If a custom action failed without a message, ask the package's vendor for that action's own log.",
}

var verboseInstallerLog = findings.Need{
	AnyOf:   []ingest.Kind{ingest.KindLogMSI, ingest.KindLogSEP},
	What:    "the verbose Windows Installer log of the failing installation",
	Why:     "only the engine's own log names the action that failed and the message above it",
	Collect: `msiexec /i "PACKAGE.msi" /l*v "%PUBLIC%\install.log"`,
}

var installerLogs = []string{string(ingest.KindLogMSI), string(ingest.KindLogSEP)}

// msiMessages say in a few words what Installer's numbered messages mean that usually stand above a failure.
var msiMessages = map[int]string{
	1301: "a file could not be created because a folder has its name", 1303: "access to a folder is denied", 1304: "a file could not be written",
	1305: "a file could not be read", 1306: "another program holds a file exclusively", 1307: "a disk has not enough space", 1308: "a source file is missing",
	1309: "a source file could not be read", 1310: "a file could not be written; permissions or a program that holds it", 1311: "a source cabinet is missing",
	1312: "a folder could not be created", 1316: "a network or source error at a path that has changed", 1317: "a folder could not be created",
	1321: "access to a file is denied", 1324: "a path holds an invalid character", 1327: "a drive is invalid or not connected", 1330: "a cabinet's signature is invalid",
	1335: "a cabinet is damaged", 1336: "a temporary file could not be created", 1401: "a registry key could not be created", 1402: "a registry key could not be opened: access is denied or it is missing",
	1403: "a registry value could not be deleted", 1404: "a registry key could not be deleted", 1406: "a registry value could not be written", 1500: "another installation holds the transaction",
	1601: "there is not enough disk space", 1605: "there is not enough disk space", 1606: "a network or shell folder could not be reached", 1612: "the source of the product is missing",
	1618: "another installation was running", 1620: "the package could not be opened", 1638: "another version is installed", 1706: "no valid source of the product was found",
	1713: "a required product could not be installed", 1714: "the older version could not be removed", 1718: "policy rejected a file's signature", 1719: "the Installer service could not be reached",
	1720: "a script of a custom action failed", 1721: "a custom action's program could not be started", 1722: "a custom action's program failed", 1723: "a custom action's DLL could not be run",
	1730: "administrator rights are missing to remove the product", 1903: "a file is to be deleted at the next restart", 1904: "a module could not be registered", 1905: "a module could not be unregistered",
	1911: "a type library could not be registered", 1919: "an ODBC data source could not be configured", 1920: "a service did not start", 1921: "a service could not be stopped",
	1922: "a service could not be deleted", 1923: "a service could not be installed: permissions, or it waits for deletion", 1925: "administrator rights are missing",
	1926: "file security could not be set", 1931: "a protected system file is newer", 1935: "an assembly could not be installed", 1937: "an assembly's signature is invalid",
}

// maxMSISessions bounds what is kept of one log.
const maxMSISessions = 200

// msiSession is one run of the engine, from a header line to the next.
type msiSession struct {
	name, version, code, pkg string // of the product; the package's path
	called                   string // the product's name in an English message
	returning                *facts.Match
	result                   uint32
	over                     bool   // the client's engine has returned: what begins behind it is another session
	action                   string // the first that ended with return value 3
	failed                   *facts.Match
	cause                    cause
	custom                   *facts.Match // the last custom action that returned an error
	lines                    int
	headed, engine           bool // it begins behind a header; it has a line of the engine that does the work
}

// product is how the session's product is called.
func (s *msiSession) product() string {
	return cmp.Or(s.name, s.called, baseName(s.pkg), s.code)
}

// same reports whether two sessions are about the same product.
func (s *msiSession) same(o *msiSession) bool {
	if s.code != "" && o.code != "" {
		return strings.EqualFold(s.code, o.code) || s.name != "" && strings.EqualFold(s.name, o.name)
	}
	p := s.product()
	return p != "" && strings.EqualFold(p, o.product())
}

// clientEngine is what the lines of the engine within the program that asked for the installation begin with.
var clientEngine = []byte("MSI (c) ")

// serverEngine is what the lines of the engine that does the work begin with.
var serverEngine = []byte("MSI (s) ")

// msiSessions finds the sessions of one Installer log.
type msiSessions struct {
	open   *msiSession
	headed bool // a header line was seen
	done   []*msiSession
}

// See implements facts.Observer.
func (m *msiSessions) See(s *facts.Sight) {
	text := bytes.TrimSpace(s.Record.Text)
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // files that were put together each begin with one
	if bytes.HasPrefix(text, []byte("=== ")) && bytes.HasSuffix(text, []byte(" ===")) {
		m.headed = true
		m.close()
		return
	}
	if m.open.over && bytes.HasPrefix(s.Record.Raw, clientEngine) && bytes.HasSuffix(text, []byte("Resetting cached policy values")) {
		m.close() // excerpts lack the headers
	}
	if len(text) == 0 {
		return
	}
	o := m.open
	o.lines++
	o.engine = o.engine || bytes.HasPrefix(s.Record.Raw, serverEngine)
	for i := range s.Hits {
		h := &s.Hits[i]
		switch strings.TrimPrefix(h.Name, msiFailedID+"/") {
		case "returning":
			if code, ok := wincode.Parse(string(h.Capture("code"))); ok {
				o.result, o.returning = code, s.Keep()
				o.over = bytes.HasPrefix(s.Record.Raw, clientEngine) // the client's engine ends last
			}
		case "custom-action":
			o.custom = s.Keep()
		case "property":
			value := string(h.Capture("value"))
			switch string(h.Capture("name")) {
			case "ProductName":
				o.name = value
			case "ProductCode":
				o.code = value
			case "ProductVersion":
				o.version = value
			}
		case "package":
			o.pkg = string(h.Capture("path"))
		case "named":
			o.called = cmp.Or(string(h.Capture("full")), string(h.Capture("short")), o.called)
		}
	}
	if o.failed == nil {
		if action, code, ok := actionEnded(text); ok && code == 3 {
			o.action, o.failed = action, s.Keep()
			o.cause = causeAbove(s)
		}
	}
}

// close ends the session at hand.
func (m *msiSessions) close() {
	if (m.open.returning != nil || m.open.failed != nil || m.open.headed && m.open.engine) && len(m.done) < maxMSISessions {
		m.done = append(m.done, m.open)
	}
	m.open = &msiSession{headed: m.headed}
}

// End implements facts.Observer.
func (m *msiSessions) End() any {
	m.close()
	return m.done
}

// actionEnded reads the line that ends an action: words, a time of day, the action's name and a return value, in whatever language:
// "Action ended 21:16:55: InstallFinalize. Return value 3."
func actionEnded(text []byte) (action string, code int, ok bool) {
	line, stopped := trimStop(text)
	if !stopped {
		return "", 0, false
	}
	digits := len(line)
	for digits > 0 && line[digits-1] >= '0' && line[digits-1] <= '9' {
		digits--
	}
	if digits == len(line) || len(line)-digits > 4 {
		return "", 0, false
	}
	code, err := strconv.Atoi(string(line[digits:]))
	if err != nil {
		return "", 0, false
	}
	at := timeOfDay.FindIndex(line[:digits])
	if at == nil {
		return "", 0, false
	}
	rest := strings.TrimLeft(string(line[at[1]:digits]), " \u00a0:：")
	for _, stop := range []string{". ", "。", ".\u00a0"} {
		if name, _, found := strings.Cut(rest, stop); found && name != "" && !strings.ContainsAny(name, " \t") {
			return name, code, true
		}
	}
	return "", 0, false
}

var timeOfDay = regexp.MustCompile(`\b\d{1,2}[:.]\d{2}[:.]\d{2}`)

// trimStop takes away a full stop at the end, in Latin or ideographic form.
func trimStop(b []byte) ([]byte, bool) {
	for _, stop := range []string{".", "。"} {
		if cut, ok := bytes.CutSuffix(b, []byte(stop)); ok {
			return bytes.TrimSpace(cut), true
		}
	}
	return b, false
}

var (
	numberedMessage = regexp.MustCompile(`^(?:[^\n]+? -- )?\p{L}[\p{L}’' ]{0,30}? ?(?P<n>1[3-9]\d\d|2[0-9]\d\d)[.。][ \x{a0}]?\S`)
	installerNote   = regexp.MustCompile(`^Note: 1: (?P<n>\d{4})\b`)
	customActionEnd = regexp.MustCompile(`^CustomAction \S+ returned actual error code -?\d+`)
)

// quiet are numbers of messages and notes that stand above failures without being their cause: files in use, and lookups that
// fail in every installation.
var quiet = map[int]bool{
	1603: true, 1604: true, 1708: true, 1709: true, 1729: true, 1902: true, 1903: true, 1324: true, 1402: true, 1406: true, 2203: true, 2205: true, 2228: true, 2262: true, 2265: true,
	2318: true, 2329: true, 2711: true, 2729: true, 2898: true,
}

// cause is the line that says why an action failed.
type cause struct {
	line    *facts.Match // nil if there is none
	text    string       // its message, without what the engine puts before it
	number  int          // of Installer's message, 0 if it has none
	meaning string       // of the number, in a few words; "" if it is not known
}

// note is what stands beside the line.
func (c cause) note() string {
	switch {
	case c.number != 0 && c.meaning != "":
		return fmt.Sprintf("Installer message %d: %s", c.number, c.meaning)
	case c.number != 0:
		return fmt.Sprintf("Installer message %d", c.number)
	}
	return c.meaning
}

// causeAbove picks, from the twenty records above the end of a failed action, the one that says why it failed: a numbered message
// before a custom action's error code, that before a record marked as an error or an uncommon note, and else the line directly above.
func causeAbove(s *facts.Sight) cause {
	var best cause
	at, weight, above := 0, 0, 0
	for n := 1; n <= 20; n++ {
		r := s.Before(n)
		if r == nil {
			break
		}
		text := bytes.TrimSpace(r.Text)
		if len(text) == 0 {
			continue
		}
		if _, _, ended := actionEnded(text); ended || bytes.HasPrefix(text, []byte("=== ")) {
			break // what stands above belongs to an earlier action
		}
		w, c := weigh(text, r.Severity)
		if w == 0 && above == 0 {
			above = n
		}
		if w > weight {
			at, weight, best = n, w, c
		}
	}
	if at == 0 && above != 0 {
		at = above
		best.text = string(bytes.TrimSpace(s.Before(above).Text))
	}
	if at != 0 {
		best.line = s.KeepBefore(at)
	}
	return best
}

// weigh says how much a line looks like the cause of the failure below it; 0 for not at all.
func weigh(text []byte, severity ingest.Severity) (int, cause) {
	c := cause{text: string(text)}
	if m := numberedMessage.FindSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(string(m[1])); !quiet[n] || n == 1402 || n == 1406 {
			c.number, c.meaning = n, msiMessages[n]
			if bytes.Contains(text, []byte(" -- ")) {
				return 6, c // the engine's copy of the message, with the product's name before it
			}
			return 7, c
		}
		return 0, c
	}
	if customActionEnd.Match(text) {
		c.meaning = "the custom action itself reported the failure"
		return 5, c
	}
	if m := installerNote.FindSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(string(m[1])); !quiet[n] {
			c.number, c.meaning = n, msiMessages[n]
			return 2, c
		}
		return 0, c
	}
	if severity == ingest.SeverityError {
		return 3, c
	}
	return 0, c
}

func runMSIInstallFailed(f *facts.Facts) ([]findings.Finding, error) {
	type placed struct {
		*msiSession
		artifact string
	}
	var all []placed
	for _, o := range facts.Observed[[]*msiSession](f, msiFailedID) {
		for _, s := range o.Value {
			all = append(all, placed{s, o.Artifact.Path})
		}
	}
	var out []findings.Finding
	var well []findings.Evidence
	broken := false
	unended := "" // an artifact with a session that has neither an end nor a failed action
	for i, s := range all {
		switch {
		case s.returning == nil && s.failed == nil:
			unended = s.artifact
		case s.returning == nil:
			broken = true
			out = append(out, msiBrokenOff(s.msiSession))
		case succeeded(s.result):
			well = append(well, findings.FromMatch(*s.returning, findings.Contradicts, "the engine's last line: "+wincode.Name(s.result)))
		default:
			cured := slices.IndexFunc(all, func(o placed) bool {
				return o.returning != nil && succeeded(o.result) && o.same(s.msiSession) && f.Later(*o.returning, *s.returning)
			})
			var by *facts.Match
			if cured >= 0 {
				by = all[cured].returning
			}
			out = append(out, msiFailure(all[i].msiSession, by))
		}
	}
	out = append(out, msiEventFailures(f, func(product string) bool {
		return slices.ContainsFunc(all, func(s placed) bool { return strings.EqualFold(s.product(), product) })
	})...)
	switch {
	case len(out) > 0:
		return out, nil
	case len(well) > 0 && unended != "":
		for i := range well {
			well[i].Role = findings.Context
		}
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
			Summary:  fmt.Sprintf("A session in %s has no end, because the log was cut or copied while it was written; the sessions that have one (%d) ended well.", unended, len(well)),
			Unmet:    fmt.Sprintf("A session in %s has no end.", unended),
			Evidence: well[:min(len(well), 20)],
			Missing: []findings.Missing{{
				What: unended + " to its end", Why: "only the engine's last line says how the installation ended", Collect: unended,
			}},
		}}, nil
	case len(well) > 0 && !broken:
		return []findings.Finding{{
			Verdict: findings.RuledOut, Subject: "", Severity: findings.High,
			Summary:  fmt.Sprintf("Every Installer session in the logs (%d) ended well.", len(well)),
			Evidence: well[:min(len(well), 20)],
			Unmet:    fmt.Sprintf("No session (of %d) returned anything but 0, 1641 or 3010 (the first: %s).", len(well), well[0].Place()),
		}}, nil
	}
	return []findings.Finding{{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The Installer logs of the bundle hold no end of a session: neither the engine's last line nor an action that failed.",
		Missing: []findings.Missing{findings.InstallerEvents},
	}}, nil
}

// succeeded reports whether a return code of Installer is no failure.
func succeeded(code uint32) bool { return code == 0 || code == 1641 || code == 3010 }

// msiFailure is the finding of a session that the engine ended with a failure; by is the end of a later session that succeeded, nil if
// there is none.
func msiFailure(s *msiSession, by *facts.Match) findings.Finding {
	ret, known := msiReturns[s.result]
	if !known {
		ret = msiReturn{meaning: strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(wincode.Name(s.result), "ERROR_"), "_", " ")), severity: findings.High}
		ret.cause = fmt.Sprintf("Windows Installer ended the transaction with %s: %s.", wincode.Name(s.result), ret.meaning)
	}
	code, verb := strconv.FormatUint(uint64(s.result), 10), "failed"
	if s.result > 0xFFFF { // an HRESULT
		code = fmt.Sprintf("0x%08X", s.result)
	}
	if ret.severity == findings.Low { // not a fault of the package
		verb = "ended"
	}
	f := findings.Finding{
		Verdict: findings.Confirmed, Subject: s.product(), Severity: ret.severity, State: findings.Active,
		Title: fmt.Sprintf("%s %s with %s", cmp.Or(s.name, s.called, "The installation of "+s.product()), verb, code),
	}
	if s.product() == "" {
		f.Subject, f.Title = "an unnamed product", fmt.Sprintf("An installation %s with %s", verb, code)
	}
	f.Evidence = append(f.Evidence, findings.FromMatch(*s.returning, findings.Supports, fmt.Sprintf("%s is %s: %s", code, wincode.Name(s.result), ret.meaning)))
	f.Summary = fmt.Sprintf("The engine ended with %s: %s.", code, ret.meaning)
	if s.failed != nil {
		f.Summary += fmt.Sprintf(" The first action that failed is %s.", s.action)
		f.Evidence = append(f.Evidence, findings.FromMatch(*s.failed, findings.Supports, "the first action that ended with return value 3"))
	}
	if s.cause.line != nil {
		f.Summary += " Above it the log says: " + strings.TrimRight(shorten(s.cause.text, 200), ".。") + "."
		f.Evidence = append(f.Evidence, findings.FromMatch(*s.cause.line, findings.Supports, s.cause.note()))
	}
	f.Cause = ret.because(s)
	explained := s.cause.number != 0 && s.cause.meaning != ""
	switch {
	case explained:
		f.Title += ": " + s.cause.meaning
	case s.result != 1603:
		f.Title += ": " + ret.meaning
	case s.failed != nil:
		f.Title += " in the action " + s.action
	}
	switch {
	case ret.remedy != "": // the code says more than a message that led to it
		f.Remedy, f.Risk, f.Undo = []string{ret.remedy}, ret.risk, ret.undo
	case explained:
		f.Remedy = append([]string{fmt.Sprintf("Remove the cause that message %d names: %s.", s.cause.number, s.cause.meaning)}, msiRemedy[1:]...)
	}
	if s.custom != nil && (s.cause.line == nil || s.custom.Ref != s.cause.line.Ref) {
		f.Evidence = append(f.Evidence, findings.FromMatch(*s.custom, findings.Context, "the last custom action that returned an error"))
	}
	if s.failed == nil && ret.severity == findings.High && !ret.early {
		f.Summary += " The log shows no action that failed, so the cause lies before the engine's actions began, or in lines that this log level does not write."
	}
	if by != nil {
		f.State = findings.Resolved
		f.Summary += " A later session of the same product succeeded."
		f.Evidence = append(f.Evidence, findings.FromMatch(*by, findings.Contradicts, "a later session of the product ended well"))
		f.Cured = fmt.Sprintf("This upload shows it already: line %d of %s.", by.Ref.Line, by.Ref.Artifact)
	}
	return f
}

// msiBrokenOff is the finding of a session that has a failed action and no end.
func msiBrokenOff(s *msiSession) findings.Finding {
	f := findings.Finding{
		Verdict: findings.Suspected, Subject: cmp.Or(s.product(), "an unnamed product"), Severity: findings.Medium, State: findings.Unknown,
		Summary:  fmt.Sprintf("The action %s ended with return value 3, but the log lacks the engine's last line (MainEngineThread is returning), because it breaks off or is not verbose, so the outcome is not shown.", s.action),
		Evidence: []findings.Evidence{findings.FromMatch(*s.failed, findings.Supports, "the first action that ended with return value 3")},
		Missing: []findings.Missing{{
			What: "the whole verbose Windows Installer log", Why: "only the engine's last line says how the installation ended",
			Collect: verboseInstallerLog.Collect,
		}},
	}
	f.Title = fmt.Sprintf("%s: the action %s failed, and the outcome is not shown", cmp.Or(s.product(), "An installation"), s.action)
	if s.cause.line != nil {
		f.Evidence = append(f.Evidence, findings.FromMatch(*s.cause.line, findings.Supports, s.cause.note()))
		f.Summary += " Above the action the log says: " + strings.TrimRight(shorten(s.cause.text, 200), ".。") + "."
	}
	return f
}

// shorten cuts a quote for use in a sentence.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}

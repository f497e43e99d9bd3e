package checks

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/wincode"
)

const programRetryID = "configmgr-program-retry"

// The client runs a failed program again only if its exit code is in the site's list of codes that come from outside the program. The log says
// that the program failed and often what the client made of it; how often and how long it goes on only the site control file says.
var configmgrProgramRetry = &findings.Check{
	ID:       programRetryID,
	Title:    "An advertised program failed, and its exit code decides whether it is tried again",
	Severity: findings.Medium,
	Product: findings.Product{
		Name: "the ConfigMgr client", Words: []string{"clientidmanagerstartup", "execmgr", "ccmexec", "policyagent", "/ccm/", "locationservices", "ccmsetup"},
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			// The site control file comes from another computer than the client's logs.
			return len(retryLogs(f)) > 0 || len(programRuns(f)) > 0 || len(retryPolicies([]*facts.Facts{f})) > 0
		},
		What: "execmgr.log of the client", Why: "it records every run of an advertised program, its exit code, and whether the client will run it again",
		Collect: `%windir%\CCM\Logs\execmgr.log and execmgr.lo_ (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
	}},
	Signals: []match.Signal{
		{
			Name: programRetryID + "/complete", Literals: []string{"Execution is complete for program"},
			Pattern: `Execution is complete for program (?P<program>[^\n]+?)\.? +The exit code is (?P<code>-?\w{1,11}), the execution status is (?P<status>\w+)`,
		},
		{
			Name: programRetryID + "/script", Literals: []string{"with exit code"},
			Pattern: `Package: ?(?P<package>\w{1,20}), Program: ?(?P<program>[^\n]+?) (?P<how>failed|succeeded) with exit code (?P<code>-?\w{1,11})`,
		},
		{
			Name: programRetryID + "/tried", Literals: []string{"has been tried"},
			Pattern: `Program (?P<program>[^\n]+?) has been tried (?P<tries>\d{1,9}) times?\b`,
		},
		{
			Name: programRetryID + "/state", Literals: []string{"state change from"},
			Pattern: `Execution Request for (?:advert \w+ )?package (?P<package>\w{1,20}) program (?P<program>[^\n]+?) state change from (?P<from>\w+) to (?P<status>\w+)`,
		},
		{
			Name: programRetryID + "/event", Literals: []string{"SoftDistProgramErrorEvent", "SoftDistProgramCompletedSuccessfullyEvent"},
			Pattern: `SoftDistProgram(?P<how>Error|CompletedSuccessfully)Event\b`,
		},
		{Name: programRetryID + "/exit", Literals: []string{"Program exit code"}, Pattern: `Program exit code:? (?P<code>-?\w{1,11})`},
		{
			Name: programRetryID + "/word", Literals: []string{"FailureRetry", "FailureNonRetry", "WaitingRetry"},
			Pattern: `(?i)(?:\bprogram:? "?(?P<program>[^\s",.]+)"?[^\n]*?)?\b(?P<status>FailureRetry|FailureNonRetry|WaitingRetry)\b`,
		},
		{Name: programRetryID + "/start", Literals: []string{"Executing program"}, Pattern: `Executing program (?P<line>[^\n]+?) in \w+ context`},
	},
	Observe: &facts.Watch{
		// A log that was copied out of a viewer keeps its records only as lines of text.
		Kinds: []ingest.Kind{ingest.KindLogCCM, ingest.KindLogSMS, ingest.KindLogText, ingest.KindLogTable, ingest.KindText},
		Only:  true,
		New:   func(*ingest.Artifact) facts.Observer { return &retryObserver{} },
	},
	Doc: findings.Doc{
		Cause: "The program ended with an exit code that is no success. Where the code is in the site's list of codes that come from outside the program (access, network, a full disk, another installation), " +
			"the client runs it again at an interval up to a number of times; any other code is taken for a fault of the program itself and never retried.",
		Remedy:     retryRepair,
		Risk:       retryRepairRisk,
		Undo:       retryRepairUndo,
		Cured:      "execmgr.log holds a later run of the same program with exit code 0, or 3010 (a restart is required).",
		Overturns:  "A sitectrl.ct0 of the client's own site whose list of codes, count or interval differs from the one that was used here; a line behind the failure in execmgr.log that says otherwise (FailureRetry, FailureNonRetry); a later run with exit code 0 or 3010.",
		Proves:     []string{"execmgr.log shows the failure with its exit code, and the site control file holds the list, the count and the interval.", "The log shows that a later run succeeded."},
		Suggests:   []string{"The failure without the site control file: the outcome follows from the defaults (1008 times, each 600 seconds, 39 codes), which a site may have changed."},
		Exonerates: []string{"execmgr.log holds no run that failed."},
		FalsePositives: "A program that waits for a retry is left as it is: it may succeed by itself. Its disappearance after the advertisement was removed is normal. " +
			"The tries lie further apart than the interval where the user is shown a countdown first, by default 300 seconds.",
		NotCovered: "Applications and their enforcement (AppEnforce.log), task sequences, and programs whose package's own settings rerun them by schedule.",
		References: []findings.Reference{
			{Title: "ConfigMgr and failed program retry", URL: "https://www.catapultsystems.com/blogs/configmgr-and-failed-program-retry/"},
			{Title: "System error codes", URL: "https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes"},
		},
	},
	Rests:  restsOn(programRetryID+"/complete", programRetryID+"/script", programRetryID+"/tried", programRetryID+"/state", programRetryID+"/event", programRetryID+"/exit", programRetryID+"/word"),
	RunAll: runProgramRetry,
}

var (
	retryRepair = []string{
		"Run the program's command line by hand as the same account (SYSTEM for programs with administrative rights) and read its own log.",
		"Repair the package or the command line, update the distribution points, and let the advertisement run again: the client does not do so by itself.",
		"Check it on one computer before the advertisement is run again for all.",
	}
	retryWait = []string{
		"Remove what the exit code names (access to the share, the network, a full disk, another installation); the client then succeeds by itself at one of the next tries.",
		"To stop the retries remove the advertisement; the client forgets the program with its next policy.",
	}
)

// The risks of both, and the ways back.
const (
	retryRepairRisk = "A program that half succeeded may do its work twice when it runs again."
	retryRepairUndo = "Remove the new advertisement before its time. What the program has changed on a computer only its own removal takes back."
	retryWaitRisk   = "Removing the advertisement takes the program from all computers of its collection, also from those on which it has not run yet."
	retryWaitUndo   = "Assign the advertisement again: the client takes it with its next policy, and counts the retries from the start."
)

// The site's settings where nobody has changed them.
const (
	retryCount     = 1008
	retryInterval  = 600
	retryCountdown = 300 // seconds that a user is shown before a mandatory program runs
)

var retryCodes = []int64{
	4, 5, 8, 13, 14, 39, 51, 53, 54, 55, 59, 64, 65, 67, 70, 71, 85, 86, 87, 112, 128, 170, 267, 999, 1003, 1203, 1219,
	1220, 1222, 1231, 1232, 1238, 1265, 1311, 1323, 1326, 1330, 1618, 1622, 2250,
}

// successCodes are what a program returns that succeeded, unless a site has changed that.
var successCodes = []int64{0, 1604, 1641, 1707, 3010}

// retryMeanings say what the codes of the list mean.
var retryMeanings = map[int64]string{
	1: "incorrect function, by which most programs mean any failure", 2: "a file is not found", 3: "a path is not found", 1603: "a fatal error of Windows Installer", 1612: "the installation source is missing", 1619: "the package could not be opened",
	4: "too many open files", 5: "access is denied", 8: "not enough memory", 13: "the data is invalid", 14: "out of memory", 39: "the disk is full", 51: "the remote computer is not available",
	53: "the network path was not found", 54: "the network is busy", 55: "the network resource is no longer available", 59: "an unexpected network error", 64: "the network name is no longer available",
	65: "network access is denied", 67: "the network name was not found", 70: "the server is paused", 71: "the server accepts no more connections", 85: "the local device name is in use",
	86: "the network password is wrong", 87: "a parameter is wrong", 112: "the disk is full", 128: "there are no child processes to wait for", 170: "the resource is in use", 267: "the directory name is invalid",
	999: "no cause of Windows' own: it is in the list by its number", 1003: "the function can't be completed", 1203: "no network provider accepted the path", 1219: "connections to the server with two user names",
	1220: "the server has too many sessions", 1222: "there is no network", 1231: "the network can't be reached", 1232: "the host can't be reached", 1238: "no more connections to the computer are allowed", 1265: "the authentication was downgraded",
	1311: "no logon server is available", 1323: "the present password is wrong", 1326: "user name or password is wrong", 1330: "the password has expired", 1618: "another installation is running",
	1622: "the installation's log file could not be opened", 2250: "the network connection does not exist",
}

// codeMeaning names an exit code.
func codeMeaning(code int64) string {
	if m := retryMeanings[code]; m != "" {
		return m
	}
	if known := wincode.Lookup(uint32(code)); len(known) > 0 { //nolint:gosec // the same 32 bits
		return known[0].Symbol
	}
	return "a code of the program's own"
}

// siteControlNeed asks for the site's settings.
var siteControlNeed = findings.Missing{
	What: "sitectrl.ct0, the site control file of the client's site", Why: "its properties Execution Failure Retry Count, Interval and Error Codes decide whether, how often and how long the client runs the program again",
	Collect: `copy "\\SITESERVER\SMS_SITECODE\inboxes\sitectrl.box\sitectrl.ct0" "%PUBLIC%\sitectrl.ct0"`,
}

func retryLogs(f *facts.Facts) []*ingest.Artifact {
	var out []*ingest.Artifact
	for _, a := range f.Artifacts {
		if logNamed("execmgr")(a) && a.Records > 0 {
			out = append(out, a)
		}
	}
	return out
}

// programRun is what a line says of a program.
type programRun struct {
	at      *facts.Match
	kind    string // the signal's name
	program string
	pkg     string
	code    int64
	hasCode bool
	codeAt  *facts.Match // the line that states the code, if it is another one
	status  string       // as the client calls it, in lower case
	outcome runOutcome
	tries   int    // how often the client says that it has been tried, 0 if it does not say
	gone    bool   // the client gives up a program that waits for its retry
	site    string // the code of the client's site, "" if the line does not state it
}

type runOutcome uint8

const (
	runOpen runOutcome = iota // neither: a state on the way
	runSucceeded
	runFailed
)

// maxRuns bounds what is kept of one log: the first lines and the last ones, as many of each.
const maxRuns = 120

// retryObserver reads the runs of one log.
type retryObserver struct {
	lines       int // kept so far
	first, last []programRun
	next        int               // the oldest of last, once it is full
	exit        *facts.Match      // the last "Program exit code", a line without a program's name
	code        int64             // that it states
	thread      uint64            // that wrote it
	pkgs        map[string]string // by program in lower case, the package that was last named with it
	line        string            // the last command line that was started
	unnamed     *programRun       // a failure in a log whose lines name no program
}

// See implements facts.Observer.
func (o *retryObserver) See(s *facts.Sight) {
	named := false
	for i := range s.Hits {
		h := &s.Hits[i]
		name := strings.TrimPrefix(h.Name, programRetryID+"/")
		switch name {
		case "start":
			o.line, o.exit = string(h.Capture("line")), nil
			continue
		case "exit":
			if c, ok := exitCode(string(h.Capture("code"))); ok {
				o.exit, o.code, o.thread, o.unnamed = o.keepLine(s), c, s.Record.Thread, nil
				if !slices.Contains(successCodes, c) {
					o.unnamed = &programRun{at: o.exit, kind: name, program: cmp.Or(o.line, "(not named)"), code: c, hasCode: true, outcome: runFailed}
				}
			}
			continue
		}
		if name == "word" && named {
			continue
		}
		named = true
		r := newRun(name, h)
		if name == "event" {
			r.readEvent(s.Record.Text[h.End:])
		}
		if !r.hasCode && r.outcome == runFailed && o.exit != nil && o.thread == s.Record.Thread {
			r.code, r.hasCode, r.codeAt = o.code, o.code != 0, o.exit
		}
		if r.program == "" {
			if r.hasCode {
				r.at, r.program = o.keepLine(s), cmp.Or(o.line, "(not named)")
				o.unnamed = &r
			}
			continue
		}
		o.keep(s, r)
	}
}

// readEvent reads the properties of the event whose name stands before text: "instance of NAME { ExitCode = "5"; ProgramName = "…"; … };".
func (r *programRun) readEvent(text []byte) {
	if end := bytes.IndexByte(text, '}'); end >= 0 {
		text = text[:end]
	}
	for property := range bytes.SplitSeq(text, []byte(";")) {
		before, value, _ := bytes.Cut(property, []byte("="))
		name := bytes.Fields(before)
		value = bytes.TrimSpace(value)
		if len(name) == 0 || len(value) < 2 || value[0] != '"' {
			continue
		}
		value, _, _ = bytes.Cut(value[1:], []byte(`"`))
		switch strings.ToLower(string(name[len(name)-1])) {
		case "exitcode":
			r.code, r.hasCode = exitCode(string(value))
		case "packagename":
			r.pkg = string(value)
		case "sitecode":
			r.site = strings.ToUpper(string(value[:min(len(value), 3)]))
		case "programname":
			r.program = strings.TrimSpace(string(value[:min(len(value), 200)]))
		}
	}
}

// newRun reads a line's hit.
func newRun(name string, h *match.Hit) programRun {
	r := programRun{kind: name, program: strings.TrimSpace(string(h.Capture("program"))), pkg: string(h.Capture("package")), status: strings.ToLower(string(h.Capture("status")))}
	r.code, r.hasCode = exitCode(string(h.Capture("code")))
	how := strings.ToLower(string(h.Capture("how")))
	switch {
	case how == "failed" || how == "error":
		r.outcome = runFailed
	case how != "":
		r.outcome = runSucceeded
	case name == "tried":
		r.outcome = runFailed
		r.tries, _ = strconv.Atoi(string(h.Capture("tries")))
	case strings.HasPrefix(r.status, "failure") || r.status == "waitingretry":
		r.outcome = runFailed
	case strings.HasPrefix(r.status, "success"):
		r.outcome = runSucceeded
	case r.status == "notexist":
		r.gone = strings.EqualFold(string(h.Capture("from")), "WaitingRetry")
	case name == "complete" && r.hasCode && r.code != 0:
		r.outcome = runFailed
	}
	return r
}

func (o *retryObserver) keep(s *facts.Sight, r programRun) {
	key := strings.ToLower(r.program)
	if o.pkgs == nil {
		o.pkgs = map[string]string{}
	}
	if r.pkg != "" && (len(o.pkgs) < maxRuns || o.pkgs[key] != "") {
		o.pkgs[key] = r.pkg
	}
	r.pkg = o.pkgs[key]
	r.at = o.keepLine(s)
	half := s.Bound(maxRuns / 2)
	if len(o.first) == half && len(o.last) == 0 {
		o.first = settledRuns(o.first)
	}
	switch {
	case len(o.first) < half && len(o.last) == 0:
		o.first = append(o.first, r)
	case len(o.last) < half:
		o.last = append(o.last, r)
	default:
		if half < maxRuns/2 {
			s.Dropped()
		}
		o.last[o.next] = r
		o.next = (o.next + 1) % len(o.last)
	}
}

// settledRuns drops from the beginning of a log what no later line can make matter: of each program what comes before the success that its
// last failures follow, and of successes in a row all but the last.
func settledRuns(runs []programRun) []programRun {
	type history struct {
		success, before int  // index of the last success, and of the last one before the last failure; -1 if there is none
		failed          bool // since the last success
	}
	key := func(r *programRun) string { return strings.ToLower(r.program) + "\n" + strings.ToLower(r.pkg) }
	of := map[string]*history{}
	drop := make([]bool, len(runs))
	for i := range runs {
		r := &runs[i]
		h := of[key(r)]
		if h == nil {
			h = &history{success: -1, before: -1}
			of[key(r)] = h
		}
		switch {
		case r.outcome == runFailed && !h.failed:
			h.failed = true
			if h.success >= 0 {
				h.before = h.success
			}
		case r.outcome == runSucceeded:
			if !h.failed && h.success >= 0 {
				drop[h.success] = true
			}
			h.success, h.failed = i, false
		}
	}
	kept := runs[:0]
	for i := range runs {
		if h := of[key(&runs[i])]; i >= h.before && !drop[i] {
			kept = append(kept, runs[i])
		}
	}
	return kept
}

// keepLine keeps a record, the first ones of a log with the lines around them.
func (o *retryObserver) keepLine(s *facts.Sight) *facts.Match {
	if o.lines++; o.lines <= 20 {
		return s.Keep()
	}
	return s.KeepLine()
}

// End implements facts.Observer.
func (o *retryObserver) End() any {
	runs := slices.Concat(o.first, o.last[o.next:], o.last[:o.next])
	if len(runs) == 0 && o.unnamed != nil {
		runs = append(runs, *o.unnamed)
	}
	if len(runs) == 0 {
		return nil
	}
	return runs
}

// exitCode reads an exit code; those above 2^31 are the same as negative ones.
func exitCode(s string) (int64, bool) {
	c, ok := wincode.Parse(s)
	return int64(int32(c)), ok //nolint:gosec // the same 32 bits
}

// programHistory is everything that a system's logs say of one program.
type programHistory struct {
	program, pkg string
	runs         []programRun // in the order of time
}

// programRuns puts the lines of a system together by program, and by package where two packages have a program of the same name.
func programRuns(f *facts.Facts) []*programHistory {
	byKey := map[string]*programHistory{}
	var out []*programHistory
	for _, log := range facts.Observed[[]programRun](f, programRetryID) {
		for _, r := range log.Value {
			key := strings.ToLower(r.program) + "\n" + strings.ToLower(r.pkg)
			h := byKey[key]
			if h == nil {
				h = &programHistory{program: r.program, pkg: r.pkg}
				byKey[key] = h
				out = append(out, h)
			}
			h.runs = append(h.runs, r)
		}
	}
	// Lines before the first that names the package belong to the only package that has such a program.
	for _, h := range out {
		if h.pkg != "" {
			continue
		}
		var same []*programHistory
		for _, o := range out {
			if o.pkg != "" && strings.EqualFold(o.program, h.program) {
				same = append(same, o)
			}
		}
		if len(same) == 1 {
			same[0].runs, h.runs = append(h.runs, same[0].runs...), nil
		}
	}
	out = slices.DeleteFunc(out, func(h *programHistory) bool { return len(h.runs) == 0 })
	for _, h := range out {
		// A log without times has only its order; execmgr.lo_ comes before execmgr.log by its name.
		if !slices.ContainsFunc(h.runs, func(r programRun) bool { _, ok := r.at.Time.Local(); return !ok }) {
			slices.SortStableFunc(h.runs, func(a, b programRun) int {
				x, _ := a.at.Time.Local()
				y, _ := b.at.Time.Local()
				return x.Compare(y)
			})
		}
	}
	slices.SortStableFunc(out, func(a, b *programHistory) int { return cmp.Compare(a.program+"\n"+a.pkg, b.program+"\n"+b.pkg) })
	return out
}

// retryPolicy is what a site control file says of programs that fail.
type retryPolicy struct {
	site                  string // the code of the site whose file it is, "" if the file does not state it
	count, interval       int64
	codes                 []int64
	hasCount, hasInterval bool
	hasCodes              bool
	unsure                bool // a part of the list could not be read, or the file states a property twice and differently
	evidence              []findings.Evidence
}

// same reports whether two files say the same.
func (p *retryPolicy) same(o *retryPolicy) bool {
	return p.site == o.site && p.count == o.count && p.interval == o.interval && p.hasCount == o.hasCount && p.hasInterval == o.hasInterval && p.hasCodes == o.hasCodes && slices.Equal(p.codes, o.codes)
}

// retryPolicies reads the site control files of all systems: the site server is another computer than the client.
func retryPolicies(all []*facts.Facts) []*retryPolicy {
	var out []*retryPolicy
	for _, f := range all {
		for _, s := range facts.Values[*extract.SiteControl](f) {
			p := &retryPolicy{site: s.Value.Site}
			number := func(name string) (n int64, ok bool) {
				for i, x := range s.Value.Find(name) {
					v, err := x.Uint()
					switch {
					case !err || v > 1<<40:
						p.unsure = true
						continue
					case i == 0:
						n, ok = int64(v), true
						p.evidence = append(p.evidence, findings.FromLine(f, s.Artifact.Path, x.Line, findings.Supports, "the site's own setting"))
					case int64(v) != n:
						p.unsure = true
					}
				}
				return n, ok
			}
			p.count, p.hasCount = number(extract.PropertyRetryCount)
			p.interval, p.hasInterval = number(extract.PropertyRetryInterval)
			for i, x := range s.Value.Find(extract.PropertyRetryCodes) {
				codes, bad := x.Codes()
				slices.Sort(codes)
				codes = slices.Compact(codes)
				p.unsure = p.unsure || len(bad) > 0 || i > 0 && !slices.Equal(codes, p.codes)
				if i == 0 {
					p.codes, p.hasCodes = codes, true
					p.evidence = append(p.evidence, findings.FromLine(f, s.Artifact.Path, x.Line, findings.Supports, "the site's own list of codes that are retried: "+listChanges(codes)))
				}
			}
			if (p.hasCount || p.hasInterval || p.hasCodes) && !slices.ContainsFunc(out, p.same) {
				out = append(out, p)
			}
		}
	}
	return out
}

// listChanges says how a site's list differs from the default one.
func listChanges(codes []int64) string {
	var added, removed []string
	for _, c := range codes {
		if !slices.Contains(retryCodes, c) {
			added = append(added, strconv.FormatInt(c, 10))
		}
	}
	for _, c := range retryCodes {
		if !slices.Contains(codes, c) {
			removed = append(removed, strconv.FormatInt(c, 10))
		}
	}
	var parts []string
	if len(added) > 0 {
		parts = append(parts, "it has "+shortList(added)+" besides the default ones")
	}
	if len(removed) > 0 {
		parts = append(parts, "it lacks "+shortList(removed)+" of the default ones")
	}
	if len(parts) == 0 {
		return "it is the default one"
	}
	return strings.Join(parts, " and ")
}

// shortList names at most twelve.
func shortList(list []string) string {
	if len(list) > 12 {
		return strings.Join(list[:12], ", ") + fmt.Sprintf(" and %d more", len(list)-12)
	}
	return strings.Join(list, ", ")
}

func runProgramRetry(all []*facts.Facts) ([]findings.Finding, error) {
	policies := retryPolicies(all)
	var out []findings.Finding
	for _, f := range all {
		var failed []*programHistory
		programs := programRuns(f)
		for _, h := range programs {
			if slices.ContainsFunc(h.runs, func(r programRun) bool { return r.outcome == runFailed }) {
				failed = append(failed, h)
			}
		}
		for _, h := range failed {
			x := judgeProgram(h, policies)
			x.System, x.Subject = f.ID, h.program
			if slices.ContainsFunc(failed, func(o *programHistory) bool { return o != h && strings.EqualFold(o.program, h.program) }) {
				x.Subject = h.program + " of " + cmp.Or(h.pkg, "an unnamed package")
			}
			out = append(out, x)
		}
		if len(failed) > 0 || len(programs) == 0 && len(retryLogs(f)) == 0 {
			continue
		}
		n := findings.Finding{System: f.ID, Verdict: findings.RuledOut, Subject: f.ID, Summary: "execmgr.log holds no program that failed."}
		for _, a := range retryLogs(f) {
			n.Evidence = append(n.Evidence, findings.AbsentLine(a.Path, findings.Contradicts, "no failed program among its "+count(a.Records, "record")))
		}
		for _, h := range programs {
			if i := slices.IndexFunc(h.runs, func(r programRun) bool { return r.outcome == runSucceeded }); i >= 0 && len(n.Evidence) < 6 {
				n.Evidence = append(n.Evidence, findings.FromMatch(*h.runs[i].at, findings.Contradicts, "the program "+h.program+" succeeded"))
			}
		}
		if len(n.Evidence) > 0 {
			n.Unmet = fmt.Sprintf("No program is recorded with an exit code that is a failure (%s).", n.Evidence[0].Place())
		} else {
			n.Verdict, n.Reason, n.Summary = findings.NotEvaluated, findings.DataMissing, "The logs name programs whose runs did not end within them."
			n.Missing = []findings.Missing{configmgrRetryLog}
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Summary: "The bundle holds a site control file and no log of a client.", Missing: []findings.Missing{configmgrRetryLog},
		}}, nil
	}
	return out, nil
}

// configmgrRetryLog asks for a log that goes on.
var configmgrRetryLog = findings.Missing{
	What: "execmgr.log of the client", Why: "it shows how the programs ended", Collect: `%windir%\CCM\Logs\execmgr.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
}

// failureSeries is the last row of failures of a program, after its last success if that came before.
type failureSeries struct {
	first, last programRun
	coded       *programRun // the last that has an exit code
	said        *programRun // the last in which the client says what it will do
	retried     bool        // what it says
	attempts    int
	tries       int // as the client counted them last
	triesAt     programRun
	gap         time.Duration // between the last two tries that the log shows, 0 if it does not
	cured       *programRun
	gone        *programRun // a state after the last failure that ends the retries
}

// site is the code of the client's site as the last line that states it has it, "" if none does.
func (h *programHistory) site() string {
	for i := range slices.Backward(h.runs) {
		if h.runs[i].site != "" {
			return h.runs[i].site
		}
	}
	return ""
}

// policiesOf returns the settings of the client's site if they can be told from the others, else all.
func policiesOf(site string, all []*retryPolicy) []*retryPolicy {
	own := slices.DeleteFunc(slices.Clone(all), func(p *retryPolicy) bool { return p.site != site })
	if site == "" || len(own) == 0 || slices.ContainsFunc(all, func(p *retryPolicy) bool { return p.site == "" }) {
		return all
	}
	return own
}

// series reads a program's history.
func (h *programHistory) series() failureSeries {
	var s failureSeries
	kinds := map[string]int{}
	lastOf := map[string]time.Time{}
	for i := range h.runs {
		r := &h.runs[i]
		switch r.outcome {
		case runSucceeded:
			if s.attempts > 0 || s.coded != nil || s.said != nil {
				s.cured = r
			}
		case runFailed:
			if s.cured != nil {
				s = failureSeries{}
				clear(kinds)
				clear(lastOf)
			}
			if len(kinds) == 0 {
				s.first = *r
			}
			s.last, s.gone = *r, nil
			kinds[r.kind]++
			s.attempts = max(s.attempts, kinds[r.kind], r.tries)
			if at, ok := r.at.Time.Local(); ok {
				if before, seen := lastOf[r.kind]; seen && at.After(before) {
					s.gap = at.Sub(before)
				}
				lastOf[r.kind] = at
			}
			if r.hasCode && (r.codeAt == nil || s.coded == nil || s.coded.codeAt != nil) {
				s.coded = r
			}
			if r.tries > 0 {
				s.tries, s.triesAt = r.tries, *r
			}
			if retry := r.kind == "tried" || r.status == "failureretry" || r.status == "waitingretry"; retry || r.status == "failurenonretry" {
				s.said, s.retried = r, retry
			}
		default:
			if r.gone {
				s.gone = r
			}
			for _, end := range []string{"removed", "deleted", "cancel", "ceased"} {
				if strings.Contains(r.status, end) {
					s.gone = r
				}
			}
		}
	}
	return s
}

// judgeProgram judges what becomes of one program.
func judgeProgram(h *programHistory, policies []*retryPolicy) findings.Finding {
	s := h.series()
	out := findings.Finding{State: findings.Active}
	name := fmt.Sprintf("Program %q", h.program)
	if h.pkg != "" {
		name += " of package " + h.pkg
	}
	headline := name + " failed"
	failed := headline
	if s.coded != nil {
		headline += fmt.Sprintf(" with exit code %d", s.coded.code)
		failed = fmt.Sprintf("%s (%s)", headline, codeMeaning(s.coded.code))
	}
	out.Evidence = s.evidence()
	switch {
	case s.cured != nil:
		out.Verdict, out.State, out.Severity = findings.Confirmed, findings.Resolved, findings.Low
		out.Title = name + " failed and succeeded later"
		out.Summary = fmt.Sprintf("%s, tried %s, and a later run succeeded (line %d of %s).", failed, count(s.attempts, "time"), s.cured.at.Ref.Line, s.cured.at.Ref.Artifact)
		out.Evidence = append(out.Evidence, findings.FromMatch(*s.cured.at, findings.Supports, "a later run succeeded"))
		out.Remedy = []string{"Nothing is to be done: the program has run."}
		out.Undo = "Nothing is to be taken back."
		out.Cured = fmt.Sprintf("This upload shows it already: line %d of %s.", s.cured.at.Ref.Line, s.cured.at.Ref.Artifact)
		out.Overturns = "A still later failure of the same program in a newer execmgr.log."
		return out
	case s.gone != nil:
		out.Verdict, out.State, out.Severity = findings.Confirmed, findings.Unknown, findings.Low
		out.Title = name + " failed and is no longer tried"
		out.Summary = failed + ", and the client then gave it up, as it does when the advertisement is removed: it will not be retried."
		out.Evidence = append(out.Evidence, findings.FromMatch(*s.gone.at, findings.Supports, "the client has given the program up"))
		return out
	}
	policies = policiesOf(h.site(), policies)
	p := &retryPolicy{count: retryCount, interval: retryInterval, codes: retryCodes, unsure: true}
	if len(policies) > 0 {
		p = policies[0]
	}
	j := decide(&s, p)
	agree := len(policies) > 0
	for _, o := range policies {
		k := decide(&s, o)
		agree = agree && k.retried == j.retried && k.why == "" && (!k.retried || o.limit() == p.limit() && o.pause() == p.pause())
	}
	known := len(policies) == 1
	role := findings.Context
	if known || agree {
		role = findings.Supports
	}
	for _, o := range policies {
		for _, e := range o.evidence {
			e.Role = role
			out.Evidence = append(out.Evidence, e)
		}
	}
	out.Verdict = findings.Suspected
	switch {
	case len(policies) == 0:
		j.why = strings.TrimSpace(j.why + " The site's own settings are not in the bundle, so this is what the defaults say.")
	case !known && !agree:
		j.why += fmt.Sprintf(" The bundle holds %d site control files that differ in these settings, and nothing says which is the client's; this is what the first one says.", len(policies))
	case j.why == "":
		out.Verdict = findings.Confirmed
	}
	out.Title, out.Remedy = headline+" and is not retried", retryRepair
	if j.retried {
		out.Title, out.Remedy = headline+" and is retried", retryWait
		out.Risk, out.Undo = retryWaitRisk, retryWaitUndo
	}
	sentences := []string{failed + ", " + j.outcome + "."}
	if j.retried {
		sentences = append(sentences, s.until(p))
	}
	if j.why != "" {
		sentences = append(sentences, strings.TrimSpace(j.why))
	}
	if agree && !known {
		sentences = append(sentences, fmt.Sprintf("The %d site control files of the bundle differ, and lead to the same.", len(policies)))
	}
	if s.coded != nil && s.said != nil && s.retried == j.retried && j.why == "" {
		sentences = append(sentences, fmt.Sprintf("The client's log says so too (line %d of %s).", s.said.at.Ref.Line, s.said.at.Ref.Artifact))
	}
	if p.hasCodes && known {
		if changes := listChanges(p.codes); changes != listChanges(retryCodes) {
			sentences = append(sentences, "The site's list is not the default one: "+changes+".")
		}
	}
	out.Summary = strings.Join(sentences, " ")
	if out.Verdict == findings.Suspected {
		m := siteControlNeed
		if len(policies) > 0 {
			m.Why = "the settings of the site that the client is assigned to, as they are now, decide; those in the bundle do not settle it"
		}
		out.Missing = []findings.Missing{m}
	}
	out.Rivals = s.rivals(p, known || agree, j.retried)
	return out
}

// judgement is what will become of a program.
type judgement struct {
	retried bool
	outcome string // the rest of a sentence
	why     string // why this is not proven, "" if it is
}

// decide applies a site's settings, or the defaults, to a series of failures.
func decide(s *failureSeries, p *retryPolicy) judgement {
	codes, list := retryCodes, "the default list"
	if p.hasCodes {
		codes, list = p.codes, "the site's list"
	}
	inList := s.coded != nil && slices.Contains(codes, s.coded.code)
	var j judgement
	switch {
	case s.coded == nil && s.said == nil:
		j.outcome, j.why = "and the log states neither its exit code nor what the client made of it", "Without the exit code the settings do not tell whether it is retried."
	case s.coded == nil:
		j.retried = s.retried
		j.outcome = "and the client says that it " + map[bool]string{true: "will run it again", false: "will not run it again"}[s.retried]
	case s.said != nil && !s.retried && inList && int64(s.attempts) >= p.limit():
		j.outcome = fmt.Sprintf("which is in %s of codes that are retried, but the site's count of retries is %d and it was tried %s, so the client does not run it again", list, p.limit(), count(s.attempts, "time"))
	case s.said != nil && s.retried != inList:
		j.retried = s.retried
		j.outcome = fmt.Sprintf("and the client says that it %s, although the code is %s", map[bool]string{true: "will run it again", false: "will not run it again"}[s.retried], map[bool]string{true: "in " + list, false: "not in " + list}[inList])
		j.why = "The list that the client acted by is another one: the site's settings were changed, or this is not the client's site."
	case inList:
		j.retried = true
		j.outcome = "which is in " + list + " of codes that are retried"
	default:
		j.outcome = "which is not in " + list + " of codes that are retried, so the client will not run it again by itself"
		if p.hasCodes && p.unsure {
			j.why = "A part of the site's list could not be read, or the file states it twice."
		}
	}
	if p.evidence != nil && !p.hasCodes && j.why == "" {
		j.why = "The site control file in the bundle lacks the list of codes, or it could not be read; the default list is taken instead."
	}
	if !j.retried {
		return j
	}
	limit := p.limit()
	switch {
	case limit == 0:
		j.retried = false
		j.outcome += ", but the site's count of retries is 0, so the client will not run it again"
	case int64(s.attempts) >= limit && p.evidence == nil:
		j.why = fmt.Sprintf("It was tried %d times already, as often as the default allows or more.", s.attempts)
	case int64(s.attempts) > limit && s.said != nil && s.retried:
		j.why = fmt.Sprintf("It was tried %s already and the site allows %d, and the client still says that it will run it again: it acts by other settings than these.", count(s.attempts, "time"), limit)
	case int64(s.attempts) >= limit:
		j.retried = false
		j.outcome += fmt.Sprintf(", but it was tried %s already and the site allows %d, so the client will not run it again", count(s.attempts, "time"), limit)
	}
	if p.evidence != nil && j.why == "" && (!p.hasCount || !p.hasInterval || p.unsure) {
		j.why = "The site control file in the bundle does not state count and interval unequivocally; where it is silent the default is taken."
	}
	return j
}

// limit is how often a program is run again.
func (p *retryPolicy) limit() int64 {
	if p.evidence != nil && p.hasCount {
		return p.count
	}
	return retryCount
}

// pause is the time between two runs in seconds.
func (p *retryPolicy) pause() int64 {
	if p.evidence != nil && p.hasInterval {
		return p.interval
	}
	return retryInterval
}

// until says how often, at which interval and until when a program is retried.
func (s *failureSeries) until(p *retryPolicy) string {
	limit, pause := p.limit(), p.pause()
	text := fmt.Sprintf("It was tried %s so far; it is run again up to %d times, every %d seconds (%d x %d s = %s)", count(s.attempts, "time"), limit, pause, limit, pause, span(limit, pause))
	left, from := limit, s.first
	if s.tries > 0 {
		left, from = limit-int64(s.tries), s.triesAt
	}
	at, ok := from.at.Time.Local()
	if !ok || left <= 0 || left > 1<<31 || pause > 1<<31 || left*(pause+retryCountdown) > 100*365*86400 {
		return text + "."
	}
	zone := "by the log's clock"
	if t, known := from.at.UTC(); known {
		at, zone = t, "UTC"
	}
	const layout = "2006-01-02 15:04"
	return fmt.Sprintf("%s, that is until about %s %s; where the user is shown the countdown of %d seconds before each run, until %s at the latest.", text,
		at.Add(time.Duration(left*pause)*time.Second).Format(layout), zone, retryCountdown, at.Add(time.Duration(left*(pause+retryCountdown))*time.Second).Format(layout))
}

// span is a product of seconds in words.
func span(n, seconds int64) string {
	total := float64(n) * float64(seconds)
	number := func(x float64) string { return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0") }
	switch {
	case total >= 2*86400:
		return number(total/86400) + " days"
	case total >= 2*3600:
		return number(total/3600) + " hours"
	}
	return number(total/60) + " minutes"
}

// evidence are the lines that show the failures.
func (s *failureSeries) evidence() []findings.Evidence {
	var out []findings.Evidence
	add := func(m *facts.Match, note string) {
		if !slices.ContainsFunc(out, func(e findings.Evidence) bool { return e.Artifact == m.Ref.Artifact && e.Line == m.Ref.Line }) {
			out = append(out, findings.FromMatch(*m, findings.Supports, note))
		}
	}
	if s.coded != nil {
		add(cmp.Or(s.coded.codeAt, s.coded.at), fmt.Sprintf("exit code %d: %s", s.coded.code, codeMeaning(s.coded.code)))
	}
	if s.said != nil {
		add(s.said.at, map[bool]string{true: "the client will run the program again", false: "the client takes this for a fault of the program and will not run it again"}[s.retried])
	}
	add(s.last.at, "the last line of the failure")
	return out
}

// rivals names what else may become of the program.
func (s *failureSeries) rivals(p *retryPolicy, known, retried bool) []findings.Rival {
	out := []findings.Rival{{Name: "The site's settings were changed since the client received its policy", Verdict: rivalOpen + "the client's own policy is not in the upload, and no status in the log can be compared with the site's list."}}
	if s.said != nil && known {
		out[0].Verdict = rivalExcluded + "what the client says in its log agrees with the site control file."
		if s.coded != nil && p.hasCodes && slices.Contains(p.codes, s.coded.code) != s.retried {
			out[0].Verdict = rivalSupported + "what the client says in its log contradicts the site control file."
		}
	}
	if !retried {
		return out
	}
	out = append(out, findings.Rival{Name: "The advertisement was removed", Verdict: rivalSilent + "no line after the last failure shows that the client gave the program up."})
	pause := time.Duration(min(p.pause(), 1<<31)) * time.Second
	if s.gap > 0 {
		apart := fmt.Sprintf("the last two tries lie %d seconds apart", int64(s.gap.Seconds()))
		v := rivalExcluded + fmt.Sprintf("%s, as the interval of %d seconds demands.", apart, p.pause())
		switch over := s.gap - pause; {
		case over < -time.Minute || over > (retryCountdown+120)*time.Second:
			v = rivalSupported + fmt.Sprintf("%s, which does not fit the interval of %d seconds: the client may act by another one, or was off.", apart, p.pause())
		case over > 2*time.Minute:
			v = rivalExcluded + fmt.Sprintf("%s: the interval of %d seconds and the countdown before a mandatory program.", apart, p.pause())
		}
		out = append(out, findings.Rival{Name: "The client retries at another interval", Verdict: v})
	}
	return out
}

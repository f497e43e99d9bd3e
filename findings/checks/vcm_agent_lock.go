package checks

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const vcmLockID = "vcm-agent-lock"

// There are two locks. IsLocked in the registry stops every installation until somebody sets it to 0. The file ECMMachineActionLock.dat keeps
// Collectors out of each other's way: with action, time and request it refuses the next installation, which at the same time releases it
// partly, so that the one after that passes. How long a lock holds is not published, so an age is told and never called expired.
var vcmAgentLock = &findings.Check{
	ID:       vcmLockID,
	Title:    "A lock of the VCM agent refuses installations",
	Severity: findings.Critical,
	Product:  vcmProduct,
	Needs:    []findings.Need{vcmLockNeed},
	Signals: []match.Signal{{
		Name: vcmLockID + "/refused", Kinds: []string{string(ingest.KindLogText), string(ingest.KindLogCCM), string(ingest.KindLogSMS)},
		Literals: []string{"MachineActionLock", "agent is locked", "agent lock", "IsLocked"},
		Pattern:  `(?i)(?:MachineActionLock|agent is (?:currently )?locked|agent (?:runtime )?lock\b|IsLocked)[^\r\n]*(?:fail|refus|denied|abort|cannot|can not|unable|locked by)|(?:fail|refus|abort|cannot|unable)[^\r\n]*(?:MachineActionLock|agent is (?:currently )?locked|IsLocked)`,
	}},
	Before: []findings.Precedence{{
		Over: []string{"vcm-install-step"}, Why: "an installation is refused, or meets one that is still at work, as long as the lock is set",
	}},
	Doc: findings.Doc{
		Cause: "An installation of the VCM agent looks for two locks before it changes anything: the registry value IsLocked, which nothing but a person removes, and ECMMachineActionLock.dat in the root of the agent's folder, which another request holds while it installs, uninstalls or collects, or left behind when it was cut off. Either refuses the installation.",
		Remedy: []string{
			"Find out who holds the lock: look for the request's id in the job history of every Collector, and ask whether the agent was locked on purpose. Wait for a running request.",
			"Lock file: run the installation once more. A refused one is meant to zero the time and purge the request, so that the next passes unless another Collector has locked it again. If it is refused again, stop all requests for this machine, rename ECMMachineActionLock.dat, keep it, and try again.",
			"Registry: note the value of IsLocked, set it to 0 under the key that the finding names (64-bit Windows: Wow6432Node), and run the installation again.",
			"Let one Collector alone manage the machine.",
		},
		Risk:      "A request that is still at work and loses its lock, or is cancelled, leaves the agent half installed; two Collectors at once do the same. An agent that was locked on purpose is then changed against that purpose.",
		Undo:      "Stop all requests for the machine, then set IsLocked back to the value that was noted, or rename the kept ECMMachineActionLock.dat back.",
		Cured:     "The job history of the next installation ends with Fully Release Lock done; the registry shows IsLocked 0 or absent, and ECMMachineActionLock.dat is all zeros.",
		Overturns: "A job history in which the request of the lock is running, so that the lock does its work; a refusal whose message names something else than the lock; an IsLocked that is 0 in the hive of after the refusal.",
		Proves: []string{
			"IsLocked of the agent, under Configuresoft\\ECM of 64-bit or 32-bit programs, is not 0.",
			"A lock file with action, time and request, together with an installation of the same machine that was refused.",
		},
		Suggests: []string{
			"A lock file with action, time and request alone: it may be a request that is running.",
			"One whose time is missing, in a form that means several times, or more than a day before the refusal or the bundle's last record.",
			"A refusal in a job history or log without the locks.",
		},
		Exonerates: []string{
			"IsLocked is 0 or absent, the lock file is zeroed.",
			"A lock file with an action alone: time and request were purged by a refusal, so that installations pass; collections fail until one succeeds.",
		},
		FalsePositives: "A lock that was copied while a request was running is as it should be.",
		NotCovered:     "The layout of the lock file and how long a lock holds are not published: the finding says how the file was read.",
		References:     vcmGuide,
	},
	RunAll: runVCMLocks,
}

var vcmLockNeed = findings.Need{
	Met: func(f *facts.Facts) bool {
		l := readVCMLocks(f)
		return len(l.registry)+len(l.unset)+len(l.files)+len(l.empty) > 0 || len(vcmRows([]*facts.Facts{f})) > 0 || f.Matches(vcmLockID+"/refused").Any()
	},
	What:    "the agent's two locks: IsLocked in the registry and ECMMachineActionLock.dat",
	Why:     "either of them stops an installation",
	Collect: vcmLockCollect,
}

const vcmLockCollect = `reg query "HKLM\SOFTWARE\Configuresoft" /s > "%PUBLIC%\vcm.txt" & reg query "HKLM\SOFTWARE\Wow6432Node\Configuresoft" /s >> "%PUBLIC%\vcm.txt" & for /f "delims=" %f in ('dir /a /b /s "%SystemDrive%\ECMMachineActionLock.dat"') do copy "%f" "%PUBLIC%\"`

// lockAge is the age beyond which a lock is not taken for one that holds.
const lockAge = 24 * time.Hour

// vcmLocks are the locks of one machine.
type vcmLocks struct {
	registry []hive.Found // IsLocked
	unset    []hive.Found // Agent keys without it
	files    []facts.Of[*extract.VCMLock]
	empty    []string // lock files without a byte
}

func readVCMLocks(f *facts.Facts) vcmLocks {
	l := vcmLocks{registry: extract.VCMRegistryLocks(f.Registry), files: facts.Values[*extract.VCMLock](f)}
	for _, base := range [2]string{`SOFTWARE\Configuresoft\ECM`, `SOFTWARE\Wow6432Node\Configuresoft\ECM`} {
		for _, ecm := range f.Registry.Keys(base) {
			for _, release := range ecm.Children() {
				for _, k := range release.Children() {
					if _, err := k.Value("IsLocked"); err != nil && strings.EqualFold(k.Name(), "Agent") {
						l.unset = append(l.unset, k.Found())
					}
				}
			}
		}
	}
	for _, h := range f.Older {
		if f.Unsure(h.Artifact.Path) { // it may as well be the newer one
			var one hive.Registry
			one.Add(h.Artifact.Path, h.Value)
			l.registry = append(l.registry, extract.VCMRegistryLocks(&one)...)
		}
	}
	for _, a := range f.Artifacts {
		if a.Bytes == 0 && !a.Truncated && strings.Contains(strings.ToLower(path.Base(a.Path)), "machineactionlock") {
			l.empty = append(l.empty, a.Path)
		}
	}
	return l
}

// isSet reports whether a value of IsLocked is not 0. What is no number counts by whether it says no.
func isSet(v hive.Value) bool {
	if n, ok := v.Uint(); ok {
		return n != 0
	}
	text := strings.ToLower(strings.Trim(v.Display(), " 0"))
	return text != "" && text != "false" && text != "no" && text != "x"
}

// lockReading is what a lock file means for an installation.
type lockReading int

const (
	lockCleared lockReading = iota
	lockPartial
	lockUndated // or not to be read to the end
	lockHeld
)

// idleActions are words for no action.
var idleActions = []string{"none", "idle", "null", "n/a", "unlocked", "clear", "cleared", "-"}

// knownActions are the actions that the reader of lock files tells by their words.
var knownActions = map[string]bool{"installing": true, "uninstalling": true, "collecting": true}

// readingOf is what a lock file says.
func readingOf(l *extract.VCMLock) lockReading {
	idle := slices.Contains(idleActions, strings.ToLower(l.Action)) || l.Action == ""
	switch {
	case l.State() == extract.VCMLockCleared, idle && l.TimeText == "" && l.Request == "" && l.Unread == 0 && zeros(l):
		return lockCleared
	case l.State() == extract.VCMLockPartial && (knownActions[l.Action] || strings.Trim(l.Action, "0123456789") == ""):
		return lockPartial
	case l.State() == extract.VCMLockHeld && !l.Time.IsZero() && !idle:
		return lockHeld
	}
	return lockUndated
}

var onlyZeros = regexp.MustCompile(`^[0\s:./TZ{}x-]*$`)

// zeros reports whether every field of a text is empty, zero or a word for none.
func zeros(l *extract.VCMLock) bool {
	return !slices.ContainsFunc(l.Fields, func(f extract.VCMLockField) bool {
		return !onlyZeros.MatchString(f.Value) && !slices.Contains(idleActions, strings.ToLower(f.Value))
	})
}

// vcmHost is one machine with its locks and the rows of job histories that are about it.
type vcmHost struct {
	facts *facts.Facts
	name  string
	vcmLocks
	rows    []vcmRow
	refused []refusal
	last    time.Time // of the records of the bundle; zero if there are none
}

// refusal is an installation that was refused.
type refusal struct {
	request string
	named   bool // the text names the lock
	time    time.Time
	how     string
	findings.Evidence
}

func runVCMLocks(all []*facts.Facts) ([]findings.Finding, error) {
	rows := vcmRows(all)
	var last time.Time
	var hosts []*vcmHost
	for _, f := range all {
		if !vcmLockNeed.Met(f) { // the times of a machine that shows nothing of VCM say nothing of a lock's age
			continue
		}
		for _, a := range f.Artifacts {
			t, ok := a.Last.UTC()
			if w := a.WallLast; !ok && w.Zone != ingest.ZoneNone {
				t = time.UnixMicro(w.Wall).UTC() // a local clock is near enough to tell days
			}
			if t.After(last) {
				last = t
			}
		}
		h := &vcmHost{facts: f, name: cmp.Or(f.Host, f.ID), vcmLocks: readVCMLocks(f)}
		if len(h.registry)+len(h.unset)+len(h.files)+len(h.empty) > 0 {
			hosts = append(hosts, h)
		}
	}
	var out []findings.Finding
	for _, h := range hosts {
		h.last = last
		h.assign(rows, len(hosts) == 1)
		for _, f := range all {
			if f == h.facts || len(hosts) == 1 && f.Host == "" {
				for _, m := range f.Matches(vcmLockID + "/refused").Kept {
					t, _ := m.UTC()
					h.refused = append(h.refused, refusal{named: true, time: t, how: "a log says that the lock refused it", Evidence: findings.FromMatch(m, findings.Supports, "an installation that the lock refused")})
				}
			}
		}
		out = append(out, h.finding())
	}
	if len(out) == 0 {
		return onlyRefusals(all, rows), nil
	}
	return out, nil
}

var (
	lockWords  = regexp.MustCompile(`(?i)\b(?:un)?lock(?:ed|s|ing)?\b|actionlock|islocked|gesperrt|verrouill|bloquead`)
	otherCause = regexp.MustCompile(`(?i)\bshare\b|access|denied|network|credential|log ?on|password|path|unreachable|\brpc\b|firewall|disk space|0x8007|\berror (?:5|53|67|1219|1326)\b`)
)

// refuses returns how a row shows that the lock refused it, "" if it does not.
func refuses(r vcmRow) (how string, named bool) {
	switch text := r.StateText + " " + r.Message; {
	case r.State != extract.VCMStepFailed:
		return "", false
	case lockWords.MatchString(text):
		return "its message names the lock", true
	case r.Step == extract.VCMStepInstallSimpleInstaller && !r.cut && !otherCause.MatchString(text):
		return "the step that looks for the lock failed, and no other cause is stated", false
	}
	return "", false
}

// assign gives the machine the rows that are about it. alone says that no other machine of the bundle has a lock.
func (h *vcmHost) assign(rows []vcmRow, alone bool) {
	named := map[string]bool{}
	for _, r := range rows {
		if r.Host != "" {
			named[firstLabel(r.Host)] = true
		}
	}
	for _, r := range rows {
		switch {
		case r.Host != "" && h.facts.Host != "":
			if !sameComputer(r.Host, h.facts.Host) {
				continue
			}
		case r.facts == h.facts && len(named) <= 1, alone && len(named) <= 1:
		default:
			continue
		}
		h.rows = append(h.rows, r)
	}
	// An installation of another request that went through later shows that a refusal is over.
	over := func(i int) bool {
		for j, r := range h.rows {
			if r.State != extract.VCMStepDone || r.Step != extract.VCMStepInstallModule && r.Step != extract.VCMStepReleaseLock || r.Request != "" && r.Request == h.rows[i].Request {
				continue
			}
			later := r.artifact == h.rows[i].artifact && j > i
			if a, b := r.latest(), h.rows[i].latest(); !a.IsZero() && !b.IsZero() && !a.Equal(b) { // the newest may come first
				later = a.After(b)
			}
			if later {
				return true
			}
		}
		return false
	}
	for i, r := range h.rows {
		how, named := refuses(r)
		if how == "" || over(i) {
			continue
		}
		h.refused = append(h.refused, refusal{request: r.Request, named: named, time: r.latest(), how: how, Evidence: r.evidence(findings.Supports, r.label()+" failed: "+how)})
	}
	if h.name == "" && len(named) == 1 && len(h.rows) > 0 {
		h.name = h.rows[0].Host
	}
}

// running returns a row of a request that is still at work; false if there is none.
func (h *vcmHost) running(request string) (vcmRow, bool) {
	for _, r := range h.rows {
		if r.State == extract.VCMStepRunning && (request == "" || r.Request == "" || strings.EqualFold(r.Request, request)) {
			return r, true
		}
	}
	return vcmRow{}, false
}

// lastOf returns the last row of a request, nil if there is none.
func (h *vcmHost) lastOf(request string) *vcmRow {
	for i := range h.rows {
		if r := &h.rows[len(h.rows)-1-i]; request != "" && strings.EqualFold(r.Request, request) {
			return r
		}
	}
	return nil
}

// lockEvidence is the lock file as evidence: the line that decides, if it is a text.
func (h *vcmHost) lockEvidence(v facts.Of[*extract.VCMLock], role findings.Role, note string) []findings.Evidence {
	l := v.Value
	if !l.Zero {
		note += "; read as " + l.Reading
	}
	var lines []int
	for _, n := range [3]int{l.ActionLine, l.TimeLine, l.RequestLine} {
		if n > 0 && !slices.Contains(lines, n) {
			lines = append(lines, n)
		}
	}
	if len(lines) == 0 {
		for _, f := range l.Fields {
			if f.Value != "" && f.Line > 0 {
				lines = []int{f.Line}
				break
			}
		}
	}
	var out []findings.Evidence
	for _, n := range lines {
		if m, ok := h.facts.Line(v.Artifact.Path, n); ok && m.Quote != "" {
			out = append(out, findings.FromMatch(m, role, note))
		}
	}
	if len(out) == 0 {
		out = []findings.Evidence{{Artifact: v.Artifact.Path, Role: role, Note: note}}
	}
	return out
}

// finding judges one machine by its strictest lock.
func (h *vcmHost) finding() findings.Finding {
	out := findings.Finding{System: h.facts.ID, Subject: h.name, Verdict: findings.RuledOut}
	out.Rivals = h.rivals("")
	var set []hive.Found
	for _, v := range h.registry {
		if isSet(v.Value) {
			set = append(set, v)
		}
	}
	var strictest *facts.Of[*extract.VCMLock]
	for i, v := range h.files {
		if strictest == nil || readingOf(v.Value) > readingOf(strictest.Value) {
			strictest = &h.files[i]
		}
	}
	set, unset := h.disagreeing(set)
	switch {
	case len(set) > 0:
		h.registryLock(&out, set)
		if len(unset) > 0 {
			out.Verdict, out.Severity = findings.Suspected, findings.High
			out.Title = fmt.Sprintf("The VCM agent of %s is locked by one of two copies of its registry (IsLocked is %s) and not by the other", h.on(), set[0].Value.Display())
			out.Summary += fmt.Sprintf(" But %s holds IsLocked = %s for the same key, and nothing tells which of the two is the later one.", unset[0].Source, unset[0].Value.Display())
			for _, v := range unset {
				out.Evidence = append(out.Evidence, findings.FromValue(v, findings.Contradicts, "the same value, not set"))
			}
			out.Missing = []findings.Missing{{What: "IsLocked of the VCM agent in the registry as it is now", Why: "the bundle holds two values that contradict each other", Collect: vcmLockCollect}}
		}
	case strictest != nil && readingOf(strictest.Value) == lockHeld:
		h.fileLock(&out, *strictest)
	case strictest != nil && readingOf(strictest.Value) == lockUndated:
		h.undatedLock(&out, *strictest)
	default:
		h.free(&out, strictest)
	}
	return out
}

// disagreeing parts the values of IsLocked that are set from those of the same keys that another artifact shows as not set. Where both say when they
// were written, the later one alone counts.
func (h *vcmHost) disagreeing(set []hive.Found) (still, unset []hive.Found) {
	place := func(key string) string {
		key = strings.ToLower(key)
		if i := strings.Index(key, "configuresoft"); i >= 0 {
			wow := strings.Contains(key[:i], "wow6432node")
			return fmt.Sprint(wow, key[i:])
		}
		return key
	}
	for _, v := range set {
		over := false
		var open []hive.Found
		for _, o := range h.registry {
			if o.Source == v.Source || isSet(o.Value) || place(o.Key) != place(v.Key) {
				continue
			}
			switch a, b := o.KeyLastWritten, v.KeyLastWritten; {
			case a.IsZero() || b.IsZero() || a.Equal(b):
				open = append(open, o)
			case a.After(b):
				over = true
			}
		}
		if !over {
			still, unset = append(still, v), append(unset, open...)
		}
	}
	return still, unset
}

// rivals are the other explanations of a lock that holds.
func (h *vcmHost) rivals(request string) []findings.Rival {
	busy := rivalSilent + "no step of this machine is recorded as running in the job history."
	if len(h.rows) == 0 {
		busy = rivalOpen + "a job history of this machine is not in the upload."
	}
	if r := h.lastOf(request); r != nil {
		busy = rivalSilent + fmt.Sprintf("the last that the job history records of request %s is %s, %q (%s line %d); no step of this machine is recorded as running.", request, r.label(), r.StateText, r.artifact, r.Line)
	} else if request != "" && len(h.rows) > 0 {
		busy = rivalOpen + fmt.Sprintf("the job history in the bundle does not record request %s, and no step of this machine as running; another Collector may have sent it.", request)
	}
	if r, ok := h.running(request); ok {
		busy = rivalSupported + fmt.Sprintf("%s is recorded as %q (%s line %d): the lock may be doing its work.", r.label(), r.StateText, r.artifact, r.Line)
	}
	return []findings.Rival{
		{Name: "an installation or collection that is still running", Verdict: busy},
		{Name: "an agent that was locked on purpose", Verdict: rivalOpen + "the lock does not say who set it; ask the administrators before it is removed."},
	}
}

func (h *vcmHost) on() string {
	if h.name == "" {
		return "the machine"
	}
	return h.name
}

func (h *vcmHost) registryLock(out *findings.Finding, set []hive.Found) {
	v := set[0]
	out.Verdict, out.Severity, out.State = findings.Confirmed, findings.Critical, findings.Active
	out.Title = fmt.Sprintf("The VCM agent of %s is locked in the registry (IsLocked is %s): it can't be installed, upgraded or removed", h.on(), v.Value.Display())
	out.Remedy = []string{
		"Ask the administrators whether the agent was locked on purpose, and see in the job history that no request is at work on the machine.",
		fmt.Sprintf("Set IsLocked of %s to 0; it is %s now.", v.Key, v.Value.Display()),
		"Run the installation again, from one Collector alone.",
	}
	out.Undo = fmt.Sprintf("Set IsLocked of %s back to %s.", v.Key, v.Value.Display())
	out.Cured = fmt.Sprintf("The next upload's registry shows IsLocked of %s as 0 or absent, and the job history of the next installation ends with Fully Release Lock done.", v.Key)
	out.Summary = fmt.Sprintf("%s holds IsLocked = %s. An installation can neither remove nor change that lock, so the agent can't be installed, upgraded or uninstalled until it is set to 0.", v.Key, v.Value.Display())
	for _, v := range set {
		out.Evidence = append(out.Evidence, findings.FromValue(v, findings.Supports, "the registry lock"))
	}
	for _, v := range h.files {
		out.Evidence = append(out.Evidence, h.lockEvidence(v, findings.Context, "the runtime lock: "+says(v.Value))...)
	}
	if len(h.refused) > 0 {
		r := h.refused[0].Evidence
		r.Role = findings.Context
		out.Evidence = append(out.Evidence, r)
		out.Summary += " An installation that was refused is recorded too."
	}
}

// says is a lock file's content in words.
func says(l *extract.VCMLock) string {
	when := "no time"
	switch {
	case !l.Time.IsZero() && l.Local:
		when = "the time " + l.Time.Format("2006-01-02 15:04:05") + " (local)"
	case !l.Time.IsZero():
		when = "the time " + l.Time.Format("2006-01-02 15:04:05") + " UTC"
	case l.TimeText != "":
		when = fmt.Sprintf("the time %q, which can be read in several ways,", l.TimeText)
	}
	request := "no request"
	if l.Request != "" {
		request = "the request " + l.Request
	}
	switch readingOf(l) {
	case lockCleared:
		return "all zero"
	case lockPartial:
		return fmt.Sprintf("the action %s without time and request", action(l))
	case lockUndated, lockHeld:
	}
	if l.Action == "" {
		return fmt.Sprintf("no action that can be told, %s and %s", when, request)
	}
	return fmt.Sprintf("the action %s, %s and %s", action(l), when, request)
}

// action is the action in words; of binary data it may be a number.
func action(l *extract.VCMLock) string {
	if strings.Trim(l.Action, "0123456789") == "" {
		return "number " + l.Action
	}
	return l.Action
}

func (h *vcmHost) fileLock(out *findings.Finding, v facts.Of[*extract.VCMLock]) {
	l := v.Value
	out.State, out.Severity = findings.Active, findings.High
	out.Rivals = h.rivals(l.Request)
	out.Evidence = h.lockEvidence(v, findings.Supports, "the runtime lock holds "+says(l))
	read := fmt.Sprintf("%s (read as %s) holds %s.", v.Artifact.Path, l.Reading, says(l))
	if len(h.registry) > 0 {
		read += " The registry lock is not set."
		out.Evidence = append(out.Evidence, findings.FromValue(h.registry[0], findings.Context, "the registry lock is not set"))
	}
	// The refusal that the lock's own request does not explain comes first.
	var by *refusal
	for i := range h.refused {
		r := &h.refused[i]
		// The id of a lock file that is cut may be the beginning of the request's.
		own := strings.EqualFold(r.request, l.Request) || l.Open && l.Request != "" && l.RequestLine == lastField(l) && strings.HasPrefix(strings.ToLower(r.request), strings.ToLower(l.Request))
		if !r.named && r.request != "" && own {
			continue
		}
		if by == nil || r.named && !by.named {
			by = r
		}
	}
	at := h.last
	since := "the bundle's last record"
	if by != nil && !by.time.IsZero() {
		at, since = by.time, "the refusal"
	}
	age := at.Sub(l.Time)
	switch {
	case !at.IsZero() && age > lockAge:
		out.Verdict, out.Severity = findings.Suspected, findings.Medium
		out.Title = fmt.Sprintf("A VCM lock of %s is %s old and may still refuse installations", h.on(), lapse(age))
		out.Summary = read + fmt.Sprintf(" That is %s before %s, so the request that set it may be long over: an installation that takes the lock for expired zeroes it and goes on. How long a lock holds is not published.", lapse(age), since)
		out.Missing = []findings.Missing{h.jobs(l.Request)}
		if by != nil {
			out.Evidence = append(out.Evidence, by.Evidence)
		}
		out.Remedy = heldRemedy(l)
	case by != nil && h.releasedCopy(v) != nil:
		o := h.releasedCopy(v)
		out.Verdict, out.Severity, out.State = findings.Suspected, findings.Medium, findings.Unknown
		out.Title = fmt.Sprintf("Two copies of the VCM lock of %s contradict each other: one holds a request, one is released", h.on())
		out.Summary = read + fmt.Sprintf(" But %s holds %s, and nothing tells which of the two is the later one. An installation of this machine was refused: %s.", o.Artifact.Path, says(o.Value), by.how)
		out.Evidence = append(out.Evidence, h.lockEvidence(*o, findings.Contradicts, "another copy of the lock: "+says(o.Value))...)
		out.Evidence = append(out.Evidence, by.Evidence)
		out.Missing = []findings.Missing{{What: "ECMMachineActionLock.dat of the agent's folder as it is now", Why: "the bundle holds two copies that contradict each other", Collect: vcmLockCollect}}
		out.Remedy = heldRemedy(l)
	case by != nil:
		out.Verdict = findings.Confirmed
		out.Title = fmt.Sprintf("The VCM runtime lock of %s refused an installation of the agent, and still holds its request", h.on())
		out.Summary = read + fmt.Sprintf(" An installation of this machine was refused: %s.", by.how) + by.after(l) +
			" A refusal is meant to zero the time and purge the request, and the file still holds both: as it stands it refuses the next installation too, unless it was copied before the refusal."
		out.Evidence = append(out.Evidence, by.Evidence)
		out.Remedy = heldRemedy(l)
	default:
		out.Verdict, out.Severity = findings.Suspected, findings.Medium
		out.Title = "A VCM runtime lock is set on " + h.on() + ": while it holds, installations are refused"
		age := " How old the lock is can't be told, for the bundle has no dated record to compare it with."
		if !at.IsZero() {
			age = ""
		}
		out.Summary = read + age + " While it holds, the next installation is refused at the step Install Simple Installer. No refused installation is in the bundle, so it may as well be a request at work."
		out.Missing = []findings.Missing{h.jobs(l.Request)}
	}
}

// releasedCopy is another lock file of the machine that lets installations pass, nil if there is none.
func (h *vcmHost) releasedCopy(v facts.Of[*extract.VCMLock]) *facts.Of[*extract.VCMLock] {
	for i := range h.files {
		if r := readingOf(h.files[i].Value); h.files[i].Artifact != v.Artifact && (r == lockCleared || r == lockPartial) {
			return &h.files[i]
		}
	}
	return nil
}

// lastField is the line of the last field of a lock that is text.
func lastField(l *extract.VCMLock) int {
	last := 0
	for _, f := range l.Fields {
		last = max(last, f.Line)
	}
	return last
}

// after says when the refusal was, compared with the lock, and of which request; "" if neither is recorded.
func (r *refusal) after(l *extract.VCMLock) string {
	says := ""
	if r.request != "" && l.Request != "" && !strings.EqualFold(r.request, l.Request) {
		says = fmt.Sprintf(" The refused request is %s, the lock's is %s.", r.request, l.Request)
	}
	if r.time.IsZero() {
		return says + " When it was refused is not recorded, so how old the lock was then is not known."
	}
	says += fmt.Sprintf(" The refusal is dated %s by the clock of its record", r.time.Format(time.DateTime))
	if l.Time.Sub(r.time) > lockAge { // beyond what time zones explain
		return says + ", before the lock was set, so a later request has locked the agent again."
	}
	return says + ", within a day of the lock's time."
}

// heldRemedy are the steps for a lock file that holds a request.
func heldRemedy(l *extract.VCMLock) []string {
	whose := "the request of the lock"
	if l.Request != "" {
		whose = "request " + l.Request
	}
	return []string{
		fmt.Sprintf("Look for %s in the job history of every Collector. If it is still at work, wait for its end; ask also whether the agent was locked on purpose.", whose),
		"Otherwise run the installation once more: if the refusal has released the lock in part, it passes.",
		"If it is refused again, stop all requests for this machine, rename ECMMachineActionLock.dat, keep it, and try again.",
		"Let one Collector alone manage the machine.",
	}
}

// jobs asks for what settles whether a lock holds.
func (h *vcmHost) jobs(request string) findings.Missing {
	what := "the job history of " + h.on() + " from the VCM console, with request, steps, states, messages and times"
	if request != "" {
		what += ", above all of request " + request
	}
	return findings.Missing{
		What: what, Why: "it shows whether the request that set the lock is at work, and whether the lock refused an installation",
		Collect: "VCM console: Administration, Job Manager, History, the machine's installation jobs with their details, exported as CSV",
	}
}

func (h *vcmHost) undatedLock(out *findings.Finding, v facts.Of[*extract.VCMLock]) {
	l := v.Value
	out.Verdict, out.Severity, out.State = findings.Suspected, findings.Medium, findings.Unknown
	out.Rivals = h.rivals(l.Request)
	out.Title = fmt.Sprintf("A VCM lock file of %s is not cleared, and whether it still refuses installations is not shown", h.on())
	out.Summary = fmt.Sprintf("%s (%s, read as %s) is not zero and holds %s. A lock refuses an installation only with an action, a request and a time that has not expired, which these bytes do not show.", v.Artifact.Path, count(l.Bytes, "byte"), l.Reading, says(l))
	out.Evidence = h.lockEvidence(v, findings.Supports, "the runtime lock holds "+says(l))
	if len(h.refused) > 0 {
		out.Evidence = append(out.Evidence, h.refused[0].Evidence)
		out.Summary += " An installation that was refused is recorded."
	}
	out.Missing = []findings.Missing{h.jobs(l.Request)}
}

// free is the finding of a machine whose locks let installations pass.
func (h *vcmHost) free(out *findings.Finding, strictest *facts.Of[*extract.VCMLock]) {
	out.Rivals = nil
	var parts []string
	for _, v := range h.registry {
		parts = append(parts, v.Key+" holds IsLocked = "+v.Value.Display())
		out.Evidence = append(out.Evidence, findings.FromValue(v, findings.Contradicts, "the registry lock is not set"))
	}
	if len(h.registry) == 0 {
		name := "IsLocked"
		for _, v := range h.unset {
			parts = append(parts, v.Key+" has no IsLocked")
			out.Evidence = append(out.Evidence, findings.AbsentValue(v, v.Key, &name, findings.Contradicts, "there is no registry lock"))
		}
	}
	for _, v := range h.files {
		read := "is all zero"
		if readingOf(v.Value) != lockCleared {
			read = fmt.Sprintf("holds %s, read as %s", says(v.Value), v.Value.Reading)
		}
		parts = append(parts, fmt.Sprintf("%s (%s) %s", v.Artifact.Path, count(v.Value.Bytes, "byte"), read))
		out.Evidence = append(out.Evidence, h.lockEvidence(v, findings.Contradicts, "the runtime lock: "+says(v.Value))...)
	}
	for _, p := range h.empty {
		parts = append(parts, p+" is empty")
		out.Evidence = append(out.Evidence, findings.Evidence{Artifact: p, Role: findings.Contradicts, Note: "the runtime lock is empty"})
	}
	out.Title = "No VCM lock blocks an installation on " + h.on()
	out.Summary = upperFirst(strings.Join(parts, "; ")) + "."
	if strictest != nil && readingOf(strictest.Value) == lockPartial {
		out.Title = fmt.Sprintf("The VCM lock of %s is partly released: installations pass, collections fail", h.on())
		out.Summary += " That is a partly released lock: an earlier installation or uninstallation failed. The next installation may go on, but until one succeeds the agent does no useful work and collections fail."
	} else {
		out.Summary += " That lets an installation pass."
	}
	if len(h.refused) > 0 {
		r := h.refused[0].Evidence
		r.Role = findings.Context
		out.Evidence = append(out.Evidence, r)
		out.Summary += " A refused installation is recorded, which was before the lock was released or has another cause."
	}
	if len(out.Evidence) > 0 {
		what := "No lock file holds action, time and request"
		if out.Evidence[0].Value != nil {
			what = "IsLocked is not set"
		}
		out.Unmet = fmt.Sprintf("%s (%s).", what, out.Evidence[0].Place())
	}
	switch {
	case len(h.files)+len(h.empty) == 0:
		out.Summary += " The lock file is not in the bundle."
		out.Missing = []findings.Missing{{What: "ECMMachineActionLock.dat of the agent's folder", Why: "it is the second lock, which the registry does not show", Collect: vcmLockCollect}}
	case len(h.registry)+len(h.unset) == 0:
		out.Summary += " The registry lock is not in the bundle."
		out.Missing = []findings.Missing{{What: "IsLocked of the VCM agent in the registry", Why: "it is the second lock, which the file does not show", Collect: vcmLockCollect}}
	}
}

// onlyRefusals is the outcome of a bundle that holds no lock.
func onlyRefusals(all []*facts.Facts, rows []vcmRow) []findings.Finding {
	byHost := map[string]int{}
	var out []findings.Finding
	add := func(host, system, how string, e findings.Evidence) {
		key := firstLabel(host)
		i, ok := byHost[key]
		if !ok {
			i = len(out)
			byHost[key] = i
			h := vcmHost{name: host}
			out = append(out, findings.Finding{
				Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Unknown, Subject: host, System: system,
				Title:   "A VCM lock may have refused an installation on " + h.on(),
				Summary: "An installation was refused: " + how + ". The locks themselves are not in the bundle, so whether one still holds is open.",
				Rivals:  h.rivals(""), Missing: []findings.Missing{vcmLockNeed.Missing()},
			})
		}
		out[i].Evidence = append(out[i].Evidence, e)
	}
	for _, r := range rows {
		if how, named := refuses(r); named {
			host := cmp.Or(r.Host, r.facts.Host)
			system := ""
			if sameComputer(host, r.facts.Host) {
				system = r.facts.ID
			}
			add(host, system, how, r.evidence(findings.Supports, r.label()+" failed: "+how))
		}
	}
	for _, f := range all {
		for _, m := range f.Matches(vcmLockID + "/refused").Kept {
			add(cmp.Or(f.Host, f.ID), f.ID, "a log says that the lock refused it", findings.FromMatch(m, findings.Supports, "an installation that the lock refused"))
		}
	}
	if len(out) > 0 {
		return out
	}
	return []findings.Finding{{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The bundle holds job histories of VCM, and neither IsLocked nor ECMMachineActionLock.dat of an agent.", Missing: []findings.Missing{vcmLockNeed.Missing()},
	}}
}

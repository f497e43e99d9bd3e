package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/safeio"
)

const vcmStepID = "vcm-install-step"

// An installation of the VCM agent is a fixed row of steps, of which the Collector records each with its state. The first that failed names the
// place to look; the ones that clean up behind it run always and are not the cause.
var vcmInstallStep = &findings.Check{
	ID:       vcmStepID,
	Title:    "The VCM agent is not installed: a step of its installation failed",
	Severity: findings.High,
	Product:  vcmProduct,
	Needs:    []findings.Need{vcmStepNeed},
	Signals: []match.Signal{{
		Name: vcmStepID + "/step", Kinds: []string{string(ingest.KindLogText), string(ingest.KindLogTable), string(ingest.KindLogCCM), string(ingest.KindLogSMS)},
		Literals: []string{"Detect Previous", "Validate Install", "Validate Environment", "Interrogate Target", "Resolve Uninstall", "Uninstall Module", "Simple Installer", "Install Module", "Release Lock"},
		Pattern: `(?i)(?:\b(?P<class>error|exception)\b[^\r\n]{0,80}?)?\b(?P<step>detect previous install|validate (?:installation )?environment|interrogate target|resolve uninstall dependencies|` +
			`uninstall module installer|uninstall module|install simple installer|install module installer|install module|(?:fully|partially) release lock)\b(?P<rest>[^\r\n]*)`,
	}},
	Doc: findings.Doc{
		Cause: "The Collector installs an agent in a fixed order: it detects a previous installation, validates the environment, interrogates the target, resolves what to uninstall, uninstalls, then lays down the simple installer, the module installer and the modules, and releases its lock. A step that fails ends the installation; the finalisation behind it only releases the lock partly and cleans up.",
		Remedy: []string{
			"Read the message of the failed step first, and the debug events that the target keeps when its step is rolled back.",
			"Validate Installation Environment: look for a registry lock (vcm-agent-lock) and whether the machine is itself a Collector (CDInstall is 2 under the Installer key).",
			"Install Simple Installer: from the Collector, open the share that the job names with the account that it uses (net use \\\\TARGET\\ADMIN$), see that the services Server and Remote Registry run, and look for a lock file (vcm-agent-lock).",
			"Uninstall Module and Install Module: look whether the agent's services run on the target and answer the Collector.",
			"Run the installation again once.",
		},
		Risk:       "An installation removes the former agent before it lays down the new one: if it fails again behind that step, the machine has no agent that works, and its data is not collected until a run goes through.",
		Undo:       "Install the former version of the agent from its Collector; what was collected before stays in the database. Rights that were given for the share or the service account are taken away again.",
		Cured:      "The job history of the next installation shows the failed step as done and ends with Fully Release Lock done.",
		Overturns:  "A later run of the same request in which the step is done; a console in another language in which the word of its state means success; a message of the step that says that there was nothing to do.",
		Proves:     []string{"A step that a job history or a log of the Collector or the agent records as failed, with no later success of the same step in the same request."},
		Suggests:   []string{"A history that ends in a step whose state is in words that are not known, or differs from that of all steps before it.", "A history that ends in a step that was still running.", "A step that is recorded as cancelled."},
		Exonerates: []string{"Every recorded step is done, or was left out because there was nothing to do."},
		FalsePositives: "A step that failed and went through when it was repeated. Partially Release Lock among the last steps is normal: the finalisation always runs it. " +
			"Uninstall Module Installer is left out unless the agent is removed.",
		NotCovered: "Why a step failed, beyond its message: the debug log lies in the Collector's database.",
		References: vcmGuide,
	},
	RunAll: runVCMSteps,
}

var vcmStepNeed = findings.Need{
	Met: func(f *facts.Facts) bool {
		return len(vcmRows([]*facts.Facts{f})) > 0 || slices.ContainsFunc(f.Matches(vcmStepID+"/step").Kept, func(m facts.Match) bool { return loggedState(m) != extract.VCMStepUnknown })
	},
	What:    "the job history of the agent's installation with its steps and their states",
	Why:     "it records which step failed",
	Collect: "VCM console: Administration, Job Manager, History: the installation job's details, exported as CSV; and its debug log",
}

// vcmDoes says what each step does, so that a reader knows what was not done.
var vcmDoes = map[extract.VCMStep]string{
	extract.VCMStepDetect:                   "looks for an agent that is there already",
	extract.VCMStepValidate:                 "checks that the agent is not locked in the registry and the machine is no Collector",
	extract.VCMStepInterrogate:              "asks the target which modules it has",
	extract.VCMStepResolve:                  "works out which modules to uninstall and which to install",
	extract.VCMStepUninstallModule:          "connects to the module installer, renews the runtime lock and uninstalls module after module",
	extract.VCMStepUninstallModuleInstaller: "removes the agent for good; in any other installation it does nothing",
	extract.VCMStepInstallSimpleInstaller:   "contacts the simple installer, else attaches to the target's share, looks at the runtime lock, removes what would be in the way and installs ECMCommon, ECMSimpleInstaller and ECMComSocketListener",
	extract.VCMStepInstallModuleInstaller:   "installs the module installer by way of the simple installer",
	extract.VCMStepInstallModule:            "installs module after module",
	extract.VCMStepReleaseLock:              "zeroes the runtime lock",
	extract.VCMStepSubmitRequest:            "submits the request that follows the installation",
	extract.VCMStepPartlyReleaseLock:        "purges time and request from a lock that is still held, whatever happened before",
	extract.VCMStepCleanup:                  "cleans up",
}

// vcmParts are the parts of Install Simple Installer in their order, told by what its message speaks of.
var vcmParts = []struct {
	form *regexp.Regexp
	part string
	next string
}{
	{lockWords, "the look at the runtime lock", "the removal of what would be in the way, and the installation of its three modules"},
	{regexp.MustCompile(`(?i)\bshare\b|admin\$|\b[a-z]\$|attach|access|denied|credential|log ?on|network|\berror (?:5|53|67|1219|1326)\b|0x800700(?:05|35|43)`), "the connection to the target's share", "the look at the runtime lock, then the removal of what would be in the way and the installation of its three modules"},
	{regexp.MustCompile(`(?i)pre-?install|socketlistener|debug ?event|subsystem|singleton`), "the check before the installation", "the installation of its three modules"},
}

// installation is one run over a machine.
type installation struct {
	host, request string
	rows          []vcmStepRow
}

// vcmStepRow is a step with its evidence, from a table or a log.
type vcmStepRow struct {
	facts     *facts.Facts
	step      extract.VCMStep
	label     string
	name      string
	state     extract.VCMStepState
	stateText string
	message   string
	host      string
	request   string
	artifact  string
	time      time.Time // the latest that a row of a table states, as the clock on its wall; zero if it states none
	evidence  func(role findings.Role, note string) findings.Evidence
}

var (
	logFailed = regexp.MustCompile(`(?i)\b(?:fail(?:ed|s|ure)?|errors?|exception|aborted|timed out|refused)\b`)
	logDone   = regexp.MustCompile(`(?i)\b(?:succeeded|successful(?:ly)?|success|completed?|done|finished|skipped)\b`)
	logDenied = regexp.MustCompile(`(?i)\b(?:no|0|without|un)[ -]?(?:errors?|failures?|failed|exceptions?)\b`)
	logUndone = regexp.MustCompile(`(?i)\b(?:not (?:yet )?|in|un)(?:completed?|done|finished|succeed(?:ed)?|successful(?:ly)?)\b|\b(?:if|when|unless|will|should|may|might)\b`)
)

// logSupposed is what stands before a step of which a line does not say that it was made.
var logSupposed = regexp.MustCompile(`(?i)\b(?:if|when|whenever|unless|until|before|whether|should|in case)\b[^.;!?]*$`)

// loggedState is the state that a line of a log gives a step, unknown if it gives none.
func loggedState(m facts.Match) extract.VCMStepState {
	rest := logDenied.ReplaceAllString(m.Capture("rest"), "")
	before, _, _ := strings.Cut(m.Quote, m.Capture("step"))
	switch {
	case logUndone.MatchString(rest), logSupposed.MatchString(before):
		return extract.VCMStepUnknown
	case logFailed.MatchString(rest), m.Capture("class") != "":
		return extract.VCMStepFailed
	case logDone.MatchString(rest):
		return extract.VCMStepDone
	}
	return extract.VCMStepUnknown
}

// stepOfName returns the step of that name.
func stepOfName(name string) extract.VCMStep {
	name = strings.ToLower(strings.Join(strings.Fields(name), " "))
	for s := extract.VCMStepDetect; s <= extract.VCMStepCleanup; s++ {
		if strings.ToLower(s.String()) == name {
			return s
		}
	}
	if name == "validate environment" {
		return extract.VCMStepValidate
	}
	return extract.VCMStepOther
}

// vcmSteps gathers the steps of all histories and logs.
func vcmSteps(all []*facts.Facts) []vcmStepRow {
	var out []vcmStepRow
	for _, r := range vcmRows(all) {
		out = append(out, vcmStepRow{
			facts: r.facts, step: r.Step, label: r.label(), name: cmp.Or(r.Step.String(), r.Name), state: r.State, stateText: r.StateText, message: r.Message,
			host: cmp.Or(r.Host, r.facts.Host), request: r.Request, artifact: r.artifact, time: r.latest(), evidence: r.evidence,
		})
	}
	for _, f := range all {
		for _, m := range f.Matches(vcmStepID + "/step").Kept {
			state := loggedState(m)
			if state == extract.VCMStepUnknown {
				continue
			}
			step := stepOfName(m.Capture("step"))
			out = append(out, vcmStepRow{
				facts: f, step: step, label: vcmStepLabel(step, m.Capture("step")), name: cmp.Or(step.String(), m.Capture("step")), state: state, message: m.Quote,
				host: f.Host, artifact: m.Ref.Artifact,
				evidence: func(role findings.Role, note string) findings.Evidence { return findings.FromMatch(m, role, note) },
			})
		}
	}
	return out
}

// installations puts the steps of one run together: same artifact, machine and request, and a new run where the first step comes again.
func installations(rows []vcmStepRow) []*installation {
	type key struct{ artifact, host, request string }
	groups := map[key][]vcmStepRow{}
	var order []key
	for _, r := range rows {
		k := key{r.artifact, firstLabel(r.host), r.request}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	var out []*installation
	for _, k := range order {
		list := groups[k]
		up, down := 0, 0
		for i := 1; i < len(list); i++ {
			switch a, b := list[i-1].step, list[i].step; {
			case a == extract.VCMStepOther || b == extract.VCMStepOther:
			case b > a:
				up++
			case b < a:
				down++
			}
		}
		if down > up { // the newest first
			slices.Reverse(list)
		}
		var run *installation
		first := extract.VCMStepOther
		for _, r := range list {
			if run == nil || first != extract.VCMStepOther && r.step == first {
				run = &installation{host: r.host, request: r.request}
				out = append(out, run)
				first = r.step
			}
			if first == extract.VCMStepOther {
				first = r.step
			}
			run.rows = append(run.rows, r)
		}
	}
	return out
}

// failed returns the first row that failed and was not repeated with success, nil if there is none.
func (in *installation) failed() *vcmStepRow {
	type which struct {
		step extract.VCMStep
		name string
	}
	var first *vcmStepRow
	repaired := map[which]bool{}
	for i := len(in.rows) - 1; i >= 0; i-- {
		switch r := &in.rows[i]; {
		case r.state == extract.VCMStepDone:
			repaired[which{r.step, r.name}] = true
		case r.state == extract.VCMStepFailed && !repaired[which{r.step, r.name}]:
			first = r
		}
	}
	return first
}

// unclear returns the row whose state may be a failure: one that was stopped, the one in words that are not known among known ones, or the first
// whose words are others than those of all rows before it. why says which. nil if there is none.
func (in *installation) unclear() (row *vcmStepRow, why string) {
	unknown := 0
	var stopped *vcmStepRow
	for i, r := range in.rows {
		switch r.state {
		case extract.VCMStepUnknown:
			unknown++
			row = &in.rows[i]
		case extract.VCMStepStopped:
			if stopped == nil {
				stopped = &in.rows[i]
			}
		default:
		}
	}
	last := &in.rows[len(in.rows)-1]
	switch {
	case stopped != nil:
		return stopped, fmt.Sprintf("is recorded as %q, so that somebody or something stopped the installation there", stopped.stateText)
	case unknown == 0 && last.state == extract.VCMStepRunning && last.step < extract.VCMStepReleaseLock:
		return last, "was still running or had not begun when the history was made"
	case unknown == 0:
		return nil, ""
	case unknown < len(in.rows):
		return row, fmt.Sprintf("is in the state %q, whose words are not known, among states that are", row.stateText)
	}
	// All words are unknown. The state of the first steps is success; of one that differs, and behind which no step but those of the end is in that
	// state again, the installation did not come further.
	well := in.rows[0].stateText
	i := slices.IndexFunc(in.rows, func(r vcmStepRow) bool { return !strings.EqualFold(r.stateText, well) })
	if i < 2 || slices.ContainsFunc(in.rows[i:], func(r vcmStepRow) bool {
		return r.step != extract.VCMStepPartlyReleaseLock && r.step != extract.VCMStepCleanup && strings.EqualFold(r.stateText, well)
	}) {
		return nil, ""
	}
	return &in.rows[i], fmt.Sprintf("is in the state %q, and all %d steps before it are in another (%q)", in.rows[i].stateText, i, well)
}

// complete reports whether every row is done, was left out, or failed and was repeated with success.
func (in *installation) complete() bool {
	return in.failed() == nil && !slices.ContainsFunc(in.rows, func(r vcmStepRow) bool {
		return r.state == extract.VCMStepUnknown || r.state == extract.VCMStepRunning || r.state == extract.VCMStepStopped
	})
}

// logged reports whether the steps are lines of a log and no rows of a history.
func (in *installation) logged() bool { return in.rows[0].stateText == "" }

// ended is when the last of the rows was, zero if they state no time.
func (in *installation) ended() time.Time {
	var last time.Time
	for i := range in.rows {
		if t := in.rows[i].time; t.After(last) {
			last = t
		}
	}
	return last
}

// behind reports whether an installation was after another: by their times, else by their order in the same artifact.
func (in *installation) behind(o *installation, order int) bool {
	if a, b := in.ended(), o.ended(); !a.IsZero() && !b.IsZero() && !a.Equal(b) {
		return a.After(b)
	}
	return in.rows[0].artifact == o.rows[0].artifact && order > 0
}

// copyOf reports whether two failures are one that two exports hold.
func (in *installation) copyOf(o *installation) bool {
	a, b := in.failed(), o.failed()
	return a != nil && b != nil && in.request != "" && in.request == o.request && sameComputer(in.host, o.host) && a.artifact != b.artifact && a.step == b.step && a.name == b.name && a.time.Equal(b.time)
}

func runVCMSteps(all []*facts.Facts) ([]findings.Finding, error) {
	runs := installations(vcmSteps(all))
	last := map[string]*installation{} // by artifact
	several := map[string]bool{}
	for _, in := range runs {
		several[firstLabel(in.host)] = true
		last[in.rows[0].artifact] = in
	}
	cut := map[*installation]bool{} // of which rows may be missing
	for _, f := range all {
		for _, v := range facts.Values[*extract.VCMJobs](f) {
			if in := last[v.Artifact.Path]; in != nil && (v.Value.Cut && !in.reaches(extract.VCMStepReleaseLock) || v.Value.Open && !in.reaches(extract.VCMStepInstallModule)) {
				cut[in] = true
			}
		}
	}
	through := map[string][]int{} // installations of a machine that went through
	for i, in := range runs {
		if in.complete() && in.reaches(extract.VCMStepInstallModule) {
			through[firstLabel(in.host)] = append(through[firstLabel(in.host)], i)
		}
	}
	var out []findings.Finding
	var open, well []*installation
	judged := map[string]bool{} // machines
	for i, in := range runs {
		if r := in.failed(); r != nil {
			judged[firstLabel(in.host)] = true
			if !slices.ContainsFunc(runs[i+1:], in.copyOf) { // the last copy stands for all
				resolved := slices.IndexFunc(through[firstLabel(in.host)], func(j int) bool { return runs[j].behind(in, j-i) })
				var by *installation
				if resolved >= 0 {
					by = runs[through[firstLabel(in.host)][resolved]]
				}
				out = append(out, in.finding(r, by, len(several) > 1))
			}
		} else if r, why := in.unclear(); r != nil {
			out = append(out, in.suspicion(r, why, len(several) > 1))
			judged[firstLabel(in.host)] = true
		} else if in.complete() && !cut[in] && (!in.logged() || in.reaches(extract.VCMStepInstallModule)) {
			well = append(well, in)
		} else {
			open = append(open, in)
		}
	}
	slices.Reverse(well) // the last one of each machine
	for _, in := range well {
		if h := firstLabel(in.host); !judged[h] {
			judged[h] = true
			out = append(out, in.wellInstalled())
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	f := findings.Finding{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The bundle holds steps of VCM installations, and none of their states is in words that are known.", Missing: []findings.Missing{vcmStepNeed.Missing()},
	}
	for _, in := range open {
		switch {
		case in.complete() && in.logged():
			f.Summary = "The log of the VCM installation ends before Install Module: no step before it has failed, and what came behind it is not shown."
		case cut[in]:
			f.Summary = "The history of the VCM installation ends within a row: no step before it has failed, and what came behind it is not shown."
		}
		f.Evidence = append(f.Evidence, in.rows[0].evidence(findings.Context, "a step and its state"))
	}
	return []findings.Finding{f}, nil
}

// reaches reports whether a step is recorded as done, or one behind it.
func (in *installation) reaches(step extract.VCMStep) bool {
	return slices.ContainsFunc(in.rows, func(r vcmStepRow) bool { return r.step >= step && r.state == extract.VCMStepDone })
}

// about fills in whose step it is.
func (in *installation) about(f *findings.Finding, r *vcmStepRow, several bool) string {
	f.Subject = r.name
	if r.facts.Host != "" && sameComputer(in.host, r.facts.Host) {
		f.System = r.facts.ID
	}
	if in.host == "" {
		return ""
	}
	if several {
		f.Subject += " on " + in.host
	}
	return " on " + in.host
}

// next says what would have come behind a step.
func next(s extract.VCMStep) string {
	switch s {
	case extract.VCMStepOther:
		return ""
	case extract.VCMStepUninstallModule:
		s++ // which does nothing unless the agent is removed
	case extract.VCMStepCleanup:
		return "It is the last step."
	default:
	}
	s++
	return fmt.Sprintf("Next would have come %s, which %s.", vcmStepLabel(s, ""), vcmDoes[s])
}

// maxFailed is how many failed steps of one installation are quoted.
const maxFailed = 10

// finding is the finding of an installation whose row r failed. by is a later one of the same machine that went through, nil if there is none.
func (in *installation) finding(r *vcmStepRow, by *installation, several bool) findings.Finding {
	out := findings.Finding{Verdict: findings.Confirmed, State: findings.Active}
	on := in.about(&out, r, several)
	out.Title = fmt.Sprintf("The VCM agent installation%s failed at %s", on, r.label)
	said := "is recorded as failed"
	if r.stateText != "" {
		said = fmt.Sprintf("is recorded as %q", r.stateText)
	}
	out.Summary = upperFirst(r.label) + on + " " + said
	if in.request != "" {
		out.Summary += " in request " + in.request
	}
	if r.message != "" && r.stateText != "" {
		// A path keeps its single backslashes.
		out.Summary += ", with the message " + strings.ReplaceAll(safeio.Quote(strings.TrimRight(r.message, ". ")), `\\`, `\`)
	}
	out.Summary += "."
	part := ""
	if r.step == extract.VCMStepInstallSimpleInstaller {
		for _, p := range vcmParts {
			if p.form.MatchString(r.stateText + " " + r.message) {
				part = p.part
				out.Summary += fmt.Sprintf(" By its message it stopped at %s; of the same step there was still to come %s.", p.part, p.next)
				break
			}
		}
	}
	if does := vcmDoes[r.step]; part == "" && does != "" {
		out.Summary += " The step " + does + "."
	}
	if n := next(r.step); n != "" {
		out.Summary += " " + n
	}
	if by != nil {
		out.State, out.Severity = findings.Resolved, findings.Low
		out.Summary += " A later installation of the same machine went through."
		out.Remedy = []string{"Nothing is to be done: a later installation went through."}
		out.Risk = "None: the agent is installed."
		out.Undo = "Nothing is to be taken back."
		out.Cured = "This upload shows it already: the later installation of the same machine in " + by.rows[0].artifact + "."
	}
	out.Evidence = append(out.Evidence, r.evidence(findings.Supports, r.label+" failed"))
	var before *vcmStepRow
	after := false
	for i := range in.rows {
		switch o := &in.rows[i]; {
		case o == r:
			after = true
		case !after && o.state == extract.VCMStepDone:
			before = o
		case after && o.state == extract.VCMStepFailed && len(out.Evidence) < maxFailed:
			out.Evidence = append(out.Evidence, o.evidence(findings.Context, o.label+" failed too"))
		}
	}
	if by != nil {
		end := &by.rows[len(by.rows)-1]
		out.Evidence = append(out.Evidence, end.evidence(findings.Contradicts, "the end of the later installation"))
	}
	if before != nil {
		out.Evidence = append(out.Evidence, before.evidence(findings.Context, "the last step before it that is done"))
	}
	if r.message == "" {
		out.Missing = []findings.Missing{{
			What: "the debug log of the failed installation" + on, Why: "the history says which step failed and not why",
			Collect: "VCM console: Administration, Job Manager, the job: Extract the Debug Log; and the debug event files that the target keeps in the agent's folder",
		}}
	}
	lock := rivalSilent + "neither its message nor its place speaks of it."
	switch {
	case part == vcmParts[0].part, lockWords.MatchString(r.message):
		lock = rivalSupported + "its message names the lock; see vcm-agent-lock."
	case part != "":
		lock = rivalExcluded + "by its message it stopped at something else."
	case r.step == extract.VCMStepInstallSimpleInstaller || r.step == extract.VCMStepValidate:
		lock = rivalOpen + "the step looks for a lock, and no message says that it found none; see vcm-agent-lock."
	}
	out.Rivals = []findings.Rival{{Name: "a lock of the agent", Verdict: lock}}
	if r.step == extract.VCMStepValidate {
		out.Rivals = append(out.Rivals, findings.Rival{Name: "a machine that is itself a Collector", Verdict: collectorVerdict(r.facts)})
	}
	return out
}

// collectorVerdict says whether the registry beside a history shows a Collector, on which no agent can be installed.
func collectorVerdict(f *facts.Facts) string {
	for _, base := range [2]string{`SOFTWARE\Configuresoft\ECM`, `SOFTWARE\Wow6432Node\Configuresoft\ECM`} {
		for _, ecm := range f.Registry.Keys(base) {
			for _, release := range ecm.Children() {
				k, ok := release.Subkey("Installer")
				if !ok {
					continue
				}
				for _, name := range [2]string{"CDInstall", "CDInstallor"} { // the guide has both
					if v, err := k.Value(name); err == nil {
						if v.Display() == "2" {
							return rivalSupported + k.Path() + " holds " + name + " = 2: it is one."
						}
						return rivalExcluded + k.Path() + " holds " + name + " = " + v.Display() + ", which is not 2: it is none."
					}
				}
			}
		}
	}
	return rivalOpen + "the upload does not hold CDInstall under the Installer key, where 2 means a Collector."
}

func (in *installation) suspicion(r *vcmStepRow, why string, several bool) findings.Finding {
	out := findings.Finding{Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Unknown}
	on := in.about(&out, r, several)
	out.Title = fmt.Sprintf("The VCM agent installation%s may have stopped at %s", on, r.label)
	out.Summary = fmt.Sprintf("%s%s %s, so it may have failed.", upperFirst(r.label), on, why)
	if n := next(r.step); n != "" {
		out.Summary += " " + n
	}
	out.Evidence = []findings.Evidence{r.evidence(findings.Supports, "the state that is not clear")}
	out.Missing = []findings.Missing{{
		What: "the finished job history of the installation" + on + ", exported from a console in English", Why: "the state of the step would then tell whether it failed", Collect: vcmStepNeed.Collect,
	}}
	if r.state == extract.VCMStepStopped {
		out.Evidence = []findings.Evidence{r.evidence(findings.Supports, "the step at which it was stopped")}
		out.Remedy = []string{"Ask who cancelled the job and why; a job that was cancelled on purpose needs nothing more than a new run.", "Otherwise read its debug log for a fault before the step, remove that, and run the installation again once."}
		out.Title = fmt.Sprintf("The VCM agent installation%s was stopped at %s", on, r.label)
		out.Summary = fmt.Sprintf("%s%s %s.", upperFirst(r.label), on, why)
		if n := next(r.step); n != "" {
			out.Summary += " " + n
		}
		out.Missing[0] = findings.Missing{
			What: "the debug log of the stopped installation" + on + ", and whether a person cancelled it", Why: "the history says where it was stopped, and not by whom or whether a fault came first",
			Collect: "VCM console: Administration, Job Manager, the job: Extract the Debug Log",
		}
		out.Rivals = []findings.Rival{{Name: "a person who cancelled the job", Verdict: rivalOpen + "the history does not say who stopped it."}}
		return out
	}
	out.Rivals = []findings.Rival{{Name: "an installation that is still running", Verdict: rivalOpen + "the history alone does not show that it had come to its end."}}
	return out
}

// wellInstalled is the finding of a machine whose installation went through.
func (in *installation) wellInstalled() findings.Finding {
	out := findings.Finding{Verdict: findings.RuledOut}
	on := in.about(&out, &in.rows[0], false)
	out.Subject = in.host
	last := &in.rows[len(in.rows)-1]
	out.Title = "Every recorded step of the VCM agent installation" + on + " is done"
	out.Summary = fmt.Sprintf("All %d recorded steps%s are done or had nothing to do; the last is %s.", len(in.rows), on, last.label)
	if !in.reaches(extract.VCMStepInstallModule) {
		out.Summary += " The history ends before Install Module, so what came after it is not shown."
	}
	for i := range in.rows {
		if r := &in.rows[i]; len(out.Evidence) < 13 {
			out.Evidence = append(out.Evidence, r.evidence(findings.Contradicts, r.label+" is done or had nothing to do"))
		}
	}
	out.Unmet = fmt.Sprintf("No step (of %d) is recorded as failed (the last: %s).", len(in.rows), last.evidence(findings.Contradicts, "").Place())
	return out
}

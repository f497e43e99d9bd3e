package extract

// Job histories of VCM (vCenter Configuration Manager) as the console exports them or people copy them: any table with a column of the steps of an
// agent's installation and one of their states.
//
//	Machine;Step;Status;Start                     Step                               Result
//	PC1;3. Interrogate Target;Succeeded;…         ---------------------------------  ---------
//	PC1;7. Install Simple Installer;Failed;…      Resolve Uninstall Dependencies     Completed
//
// The steps, in the order in which they run, are those of the VCM Troubleshooting Guide ("Agent installation"). The product speaks English; a state
// in other words is kept as it is written and counts as unknown, unless it is one of some translations.

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/ingest"
)

// VCMStep is a step of an agent's installation, by its number in the guide; VCMStepOther is a step that is none of them.
type VCMStep int

// The steps. Those behind the ninth have no number in the guide that every edition shares.
const (
	VCMStepOther VCMStep = iota
	VCMStepDetect
	VCMStepValidate
	VCMStepInterrogate
	VCMStepResolve
	VCMStepUninstallModule
	VCMStepUninstallModuleInstaller
	VCMStepInstallSimpleInstaller
	VCMStepInstallModuleInstaller
	VCMStepInstallModule
	VCMStepReleaseLock
	VCMStepSubmitRequest
	VCMStepPartlyReleaseLock
	VCMStepCleanup
)

// vcmSteps are the steps by what their names hold, as plainName makes them: the longer first where one holds the other.
var vcmSteps = []struct {
	part string
	step VCMStep
	name string
}{
	{"detectprevious", VCMStepDetect, "Detect Previous Install"},
	{"validateinstall", VCMStepValidate, "Validate Installation Environment"},
	{"validateenvironment", VCMStepValidate, "Validate Installation Environment"},
	{"interrogatetarget", VCMStepInterrogate, "Interrogate Target"},
	{"resolveuninstall", VCMStepResolve, "Resolve Uninstall Dependencies"},
	{"uninstallmoduleinstaller", VCMStepUninstallModuleInstaller, "Uninstall Module Installer"},
	{"uninstallmodule", VCMStepUninstallModule, "Uninstall Module"},
	{"installsimpleinstaller", VCMStepInstallSimpleInstaller, "Install Simple Installer"},
	{"installmoduleinstaller", VCMStepInstallModuleInstaller, "Install Module Installer"},
	{"installmodule", VCMStepInstallModule, "Install Module"},
	{"partiallyreleaselock", VCMStepPartlyReleaseLock, "Partially Release Lock"},
	{"partialreleaselock", VCMStepPartlyReleaseLock, "Partially Release Lock"},
	{"fullyreleaselock", VCMStepReleaseLock, "Fully Release Lock"},
	{"releaselock", VCMStepReleaseLock, "Fully Release Lock"},
	{"submitrequest", VCMStepSubmitRequest, "Submit Request"},
	{"cleanup", VCMStepCleanup, "Cleanup"},
}

// String returns the step's name in the guide, "" for another step.
func (s VCMStep) String() string {
	for _, k := range vcmSteps {
		if k.step == s {
			return k.name
		}
	}
	return ""
}

// VCMStepState is what became of a step.
type VCMStepState string

// The states of a step.
const (
	VCMStepDone    VCMStepState = "done"
	VCMStepFailed  VCMStepState = "failed"
	VCMStepRunning VCMStepState = "running" // or not begun
	VCMStepSkipped VCMStepState = "skipped" // it had nothing to do
	VCMStepStopped VCMStepState = "stopped" // somebody or something cancelled it
	VCMStepUnknown VCMStepState = "unknown" // in words that are not known
)

// vcmStates are the words of states. The first that fits holds, so that "completed with errors" has failed. An HRESULT that fails has its highest bit set.
var vcmStates = []struct {
	pattern *regexp.Regexp
	state   VCMStepState
}{
	{regexp.MustCompile(anywhere + `(?:no|0|without|ohne|sans|sin) (?:errors?|failures?|fehler|erreurs?)` + wordEnd), VCMStepDone},
	{regexp.MustCompile(anywhere + `(?:fail(?:ed|ure)?|errors?|exception|aborted|timed out|fehlgeschlagen|fehler|échouée?|échoué|échec|erreur|error(?:es)?|fallido|fallito|selhalo|chyba|misslyckades|mislukt|неудача|ошибка|не выполнено)` + wordEnd), VCMStepFailed},
	{regexp.MustCompile(`失敗|失败|エラー|错误|^(?:0x8[0-9A-Fa-f]{7}|-2147\d{6})` + wordEnd), VCMStepFailed},
	{regexp.MustCompile(`(?i)^(?:cancell?ed|abgebrochen|annulée?|annulé|cancelado|annullato|avbruten|отменено|取消|キャンセル)` + wordEnd), VCMStepStopped},
	{regexp.MustCompile(`(?i)^(?:not run|not started|skipped|no-?op|übersprungen|ignorée?|ignoré|omitido|přeskočeno|пропущено|スキップ|跳过)` + wordEnd), VCMStepSkipped},
	{regexp.MustCompile(`(?i)^(?:running|in progress|pending|queued|waiting|started|active|scheduled|läuft|ausstehend|en cours|en curso|probíhá|выполняется|実行中)` + wordEnd), VCMStepRunning},
	{regexp.MustCompile(`(?i)^(?:succe(?:eded|ssful(?:ly)?|ss)|completed?|done|ok|finished|passed|erfolgreich|abgeschlossen|fertig|réussie?|réussi|terminée?|terminé|correcto|completado|completato|dokončeno|úspěch|klart|geslaagd|успешно|выполнено|成功|完了|完成|0x0+)` + wordEnd), VCMStepDone},
}

// A word of any script begins behind what is no letter, and ends before it.
const (
	anywhere = `(?i)(?:^|.*\P{L})`
	wordEnd  = `(?:\P{L}.*)?$`
)

// VCMJobs is a table of steps.
type VCMJobs struct {
	Steps []VCMJobStep // in the order of the text
	Cut   bool         // the text ends within a row, so that there may have been more
	Open  bool         // the last line has no end, so that it may be cut off
}

// VCMJobStep is a row.
type VCMJobStep struct {
	Step      VCMStep
	Name      string // as written
	Number    int    // that stands before the name or in a column of its own, 0 if there is none
	State     VCMStepState
	StateText string // as written
	Host      string // the machine, "" if the table has no such column
	Request   string // the request's or job's id, "" if the table has no such column
	Message   string // of a column of messages, "" if there is none
	Line      int
}

var vcmNumber = regexp.MustCompile(`^\(?(\d{1,2})[.):\s]`)

func vcmJobs() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindVCMJobs, Sniff: sniffVCMJobs, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		j, cut := parseVCMJobs(in.Lines)
		j.Open = in.Open
		var problems []ingest.Problem
		if cut > 0 {
			problems = append(problems, problem(in, "line %d: the first %d rows are kept", cut, maxEntries))
		}
		if len(j.Steps) == 0 {
			return nil, problems
		}
		if j.Cut {
			problems = append(problems, problem(in, "line %d: the text ends within a row, so that there may have been more", len(in.Lines)))
		}
		unknown, line := 0, 0
		for _, s := range j.Steps {
			if s.State == VCMStepUnknown {
				if unknown++; unknown == 1 {
					line = s.Line
				}
			}
		}
		if unknown > 0 {
			problems = append(problems, problem(in, "%d steps are in states whose words are not known, the first is line %d", unknown, line))
		}
		return j, problems
	}}
}

// vcmMarks are parts of steps' names that no other product has; one of them is in every history.
var vcmMarks = [][]byte{[]byte("simple installer"), []byte("simpleinstaller"), []byte("module installer"), []byte("moduleinstaller"), []byte("interrogate target"), []byte("interrogatetarget"), []byte("resolve uninstall"), []byte("resolveuninstall"), []byte("detect previous install"), []byte("detectpreviousinstall"), []byte("validate install"), []byte("validateinstall")}

// sniffVCMJobs cannot pass over texts with times in every line as others do: histories have them.
func sniffVCMJobs(_ string, head []byte) int {
	head = head[:min(len(head), sampleSize)]
	low := bytes.ToLower(head)
	for _, m := range vcmMarks {
		if bytes.Contains(low, m) {
			if j, _ := parseVCMJobs(headLines(head)); len(j.Steps) > 0 {
				return 80
			}
			return 0
		}
	}
	return 0
}

// parseVCMJobs reads all tables of steps, and the line at which there were too many rows, 0 if there were not.
func parseVCMJobs(lines []string) (*VCMJobs, int) {
	j := &VCMJobs{}
	tables, cut := readTables(lines)
	for i := range tables {
		j.add(&tables[i], len(lines))
	}
	return j, cut
}

// add reads a table, if it is one of steps. last is the number of the text's last line.
func (j *VCMJobs) add(t *table, last int) {
	rows := t.all()
	step, state := t.vcmColumns(rows)
	if step < 0 || state < 0 {
		return
	}
	number := t.find("step", "stepnumber", "no", "number", "order", "sequence", "seq", "nr")
	if number == step || number == state {
		number = -1
	}
	host := t.find(hostHeads...)
	request := t.find("requestid", "request", "jobid", "job", "instance", "instanceid")
	message := t.find("message", "messages", "details", "detail", "description", "error", "errormessage", "comment", "notes")
	for _, c := range [3]*int{&host, &request, &message} {
		if *c == step || *c == state {
			*c = -1
		}
	}
	if n := len(rows) - 1; n > 0 && !t.Marked && rows[n].Line == last && len(rows[n].Cells) < len(t.Head) &&
		!slices.ContainsFunc(rows[:n], func(r tableRow) bool { return len(r.Cells) < len(t.Head) }) {
		if j.Cut = true; len(rows[n].Cells) <= max(step, state)+1 {
			rows = rows[:n]
		}
	}
	for i := range rows {
		r := &rows[i]
		name, text := unquote(r.cell(step)), unquote(r.cell(state))
		if name == "" || text == "" || !t.Marked && r.Line == t.Line && (vcmState(text) == VCMStepUnknown || vcmStep(name) == VCMStepOther) { // the head
			continue
		}
		x := VCMJobStep{Step: vcmStep(name), Name: name, State: vcmState(text), StateText: text, Host: unquote(r.cell(host)), Request: unquote(r.cell(request)), Message: unquote(r.cell(message)), Line: r.line(state)}
		if m := vcmNumber.FindStringSubmatch(name); m != nil {
			x.Number, _ = strconv.Atoi(m[1]) // two digits
		} else if n := unquote(r.cell(number)); digits(n) == len(n) && len(n) > 0 && len(n) <= 2 {
			x.Number, _ = strconv.Atoi(n)
		}
		j.Steps = append(j.Steps, x)
	}
}

// vcmColumns finds the columns of steps and states: the one with most names of steps, and of the others the one with most words of states or the
// head of one. They are -1 where there are none.
func (t *table) vcmColumns(rows []tableRow) (step, state int) {
	rows = rows[:min(len(rows), sampleRows)]
	step, state = -1, -1
	most := 0
	for c := range min(len(t.Head), 64) {
		hits := 0
		for i := range rows {
			if vcmStep(rows[i].cell(c)) != VCMStepOther {
				hits++
			}
		}
		if hits > most && hits*3 >= len(rows)-1 {
			step, most = c, hits
		}
	}
	if step < 0 {
		return -1, -1
	}
	most = 0
	for c := range min(len(t.Head), 64) {
		hits := 0
		for i := range rows {
			// A head such as "Finished" is no state.
			if vcmStep(rows[i].cell(step)) != VCMStepOther && vcmState(unquote(rows[i].cell(c))) != VCMStepUnknown {
				hits++
			}
		}
		if c != step && hits > most && hits*2 >= len(rows)-1 {
			state, most = c, hits
		}
	}
	if state < 0 {
		if state = t.find("status", "state", "result", "stepstatus", "stepstate", "outcome", "zustand", "ergebnis", "stav", "état", "resultat", "résultat"); state == step || state < 0 {
			state = t.fewWords(rows, step)
		}
	}
	return step, state
}

// fewWords returns the column, other than that of the steps, whose cells are words without a number of which there are two to four different ones:
// states in a language that is not known. It is -1 if there is no such column or more than one.
func (t *table) fewWords(rows []tableRow, step int) int {
	found := -1
	for c := range min(len(t.Head), 64) {
		different := map[string]bool{}
		words := true
		for i := range rows {
			cell := unquote(rows[i].cell(c))
			if !t.Marked && rows[i].Line == t.Line || cell == "" { // it may be the head
				continue
			}
			different[cell] = true
			words = words && len(cell) <= 80 && len(different) <= 4 && vcmStep(cell) == VCMStepOther && !strings.ContainsAny(cell, "0123456789")
		}
		if c == step || !words || len(different) < 2 {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = c
	}
	return found
}

// vcmStep returns the step that a name means.
func vcmStep(name string) VCMStep {
	if len(name) > 120 {
		return VCMStepOther
	}
	name = plainName(name)
	for _, k := range vcmSteps {
		if strings.Contains(name, k.part) {
			return k.step
		}
	}
	return VCMStepOther
}

// vcmState returns the state that words mean.
func vcmState(text string) VCMStepState {
	if len(text) > 80 {
		return VCMStepUnknown
	}
	for _, k := range vcmStates {
		if k.pattern.MatchString(text) {
			return k.state
		}
	}
	return VCMStepUnknown
}

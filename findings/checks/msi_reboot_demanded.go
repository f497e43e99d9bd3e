package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/winpath"
)

const rebootDemandedID = "msi-reboot-demanded"

// Installer notes in the Application log why a product wants a restart (1038), which process holds which file (1025), and that a product
// that is not restarted yet must be (1029). Numbers and strings are the same in every language.
var msiRebootDemanded = &findings.Check{
	ID:       rebootDemandedID,
	Title:    "An installation is complete only after a restart",
	Severity: findings.Low,
	Product:  findings.Product{Name: "events of Windows Installer"},
	Needs: []findings.Need{{
		Met:  func(f *facts.Facts) bool { return len(installerEvents(f)) > 0 },
		What: applicationLog.What, Why: applicationLog.Why, Collect: applicationLog.Collect,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{
				msiSource: {fileHeld, restartWaits, restartDemanded}, "EventLog": boots["eventlog"], "Kernel-General": boots["kernel-general"],
			}, msiSource)
		},
	},
	Doc: findings.Doc{
		Cause: "An installation could not replace a file that a process held, or its package asked for a restart by itself. Installer queues what is left for the next boot and notes the product, the type of restart and the reason. Until the restart old and new files run side by side, and other installations may refuse to begin.",
		Remedy: []string{
			"Restart the machine at a time that suits its users.",
			"For the next rollout: where a process held files, stop it before the installation (event 1025 names it); where the package or a custom action schedules the restart, use REBOOT=ReallySuppress and restart in a maintenance window.",
			"If the demand comes back after a restart, see windows-pending-reboot and zenworks-mount-point for renames that fail at every boot.",
		},
		Risk:      "Stopping a process that holds files interrupts what it does; suppressing a restart leaves the product half updated until one is made.",
		Undo:      "Nothing is changed by a restart that was not queued already.",
		Cured:     "The next logs show a boot after the event, and no new 1038 or 1029 for the product.",
		Overturns: "A boot after the event that the logs at hand do not show.",
		Proves: []string{
			"Event 1038 of MsiInstaller: its fields are the product, the type of restart and the reason.",
			"Event 1029: the product must be restarted before it works, and was not.",
		},
		Suggests:   []string{"Event 1025 alone: a process holds a file of the product, and what came of it is not in the log."},
		Exonerates: []string{"MsiInstaller's events are in the log and neither 1038, 1029 nor 1025 is among them."},
		FalsePositives: "A demand before the last boot is done: it is told as resolved. Type 1 says that the machine was restarted at once. " +
			"1025 for a process that ended before the installation wrote the file leaves nothing behind.",
		NotCovered: "Restarts that a program asks for by its exit code 3010 without an event (windows-pending-reboot), and Windows Installer 3.1 and earlier, which have no events 1029 and 1038.",
		References: []findings.Reference{
			{Title: "Windows Installer: event logging", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/event-logging"},
			{Title: "Windows Installer: logging of reboot requests", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/logging-of-reboot-requests"},
		},
	},
	Run: runRebootDemanded,
}

var applicationLog = findings.Missing{
	What: "the Application event log as text", Why: "Installer notes there which product wants a restart, and why",
	Collect: findings.InstallerEvents.Collect,
}

// msiSource is the source of Windows Installer's events.
const msiSource = "MsiInstaller"

// Numbers of Installer's events about restarts.
const (
	fileHeld        = 1025
	restartWaits    = 1029
	restartDemanded = 1038
)

// restartReasons are the values of the field "Reason for Restart" of event 1038.
var restartReasons = map[string]string{
	"0": "no reason is stated", "1": "a file in use had to be replaced", "2": "the package scheduled it (ScheduleReboot)",
	"3": "the package forced it (ForceReboot)", "4": "a custom action asked for it (MsiSetMode)",
}

// restartTypes are the values of its field "Type of System Restart".
var restartTypes = map[string]string{"1": "the machine was restarted at once", "2": "the restart was deferred, by a user or by REBOOT=ReallySuppress"}

// installerEvents are the logs to which Windows Installer has written.
func installerEvents(f *facts.Facts) []facts.Of[*eventLog] {
	return slices.DeleteFunc(facts.Observed[*eventLog](f, rebootDemandedID), func(o facts.Of[*eventLog]) bool {
		return o.Value.shown[strings.ToLower(msiSource)] == nil
	})
}

// demand is what the events of one system say of one product.
type demand struct {
	product, version string
	kind, reason     string // of 1038, as numbers; "" where they can't be told
	events           []eventAt
	newest           eventAt
	held             []heldFile
}

// heldFile is a file of the product that a process holds.
type heldFile struct{ file, process, id string }

// Fields of the messages: the numbers and the path are told by their forms and places, whatever the labels are called.
var (
	demandNumbers = regexp.MustCompile(`[:：]\s*(\d)\s*[.。][^:：\d]*[:：]\s*(\d)\s*(?:[.。]|$)`)
	heldPath      = regexp.MustCompile(`(?i)(?:[a-z]:\\|\\\\)[^<>"|?*\r\n:]*?\.[a-z0-9_]{1,8}\b`)
	versionField  = regexp.MustCompile(`[:：]\s*(\d+(?:\.\d+){1,3})\s*[.。]`)
	sentenceEnd   = regexp.MustCompile(`\.(?:\s|$)|。`)
)

// restartFields reads the product and the numbers of a 1038: the strings of XML, else the message.
func restartFields(g *eventGroup) (product, version, kind, reason string) {
	const language, ofKind, ofReason = 2, 3, 4
	if len(g.strings) > ofReason {
		return g.strings[0], g.strings[language-1], strings.TrimSpace(g.strings[ofKind]), strings.TrimSpace(g.strings[ofReason])
	}
	text := strings.TrimSpace(g.text)
	for _, m := range demandNumbers.FindAllStringSubmatch(text, -1) {
		kind, reason = m[1], m[2]
	}
	return productField(text), versionOf(text), kind, reason
}

// productField is the first field of a message of Installer: behind the first colon, up to the full stop before the next label or the end.
func productField(text string) string {
	at := versionField.FindStringIndex(text)
	head := text
	if at != nil {
		head = text[:at[0]]
		// What stands between is "NAME. Label of the version".
		if i := strings.LastIndexAny(head, ".。"); i > 0 {
			head = head[:i]
		}
	}
	_, name, ok := strings.Cut(head, ":")
	if wide, after, found := strings.Cut(head, "："); found && (!ok || len(wide) < len(head)-len(name)-1) {
		name, ok = after, true
	}
	if !ok {
		return ""
	}
	if at == nil {
		if at := sentenceEnd.FindStringIndex(name); at != nil {
			name = name[:at[0]]
		}
	}
	return strings.TrimSpace(name)
}

func versionOf(text string) string {
	if m := versionField.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// heldFields reads a 1025: "Product: P. The file F is being used by the following process: Name: N, Id I."
func heldFields(g *eventGroup) (product string, h heldFile) {
	if len(g.strings) >= 4 {
		return g.strings[0], heldFile{g.strings[1], g.strings[2], g.strings[3]}
	}
	text := strings.TrimSpace(g.text)
	product = productField(text)
	h.file = heldPath.FindString(text)
	_, rest, ok := strings.Cut(text, h.file)
	if h.file == "" || !ok {
		return product, h
	}
	// What follows the last colon is the name, and behind a comma the number of the process.
	if i := strings.LastIndexAny(rest, ":："); i >= 0 {
		rest = strings.TrimLeft(rest[i:], ":：")
	}
	name, number, _ := strings.Cut(rest, ",")
	h.process = strings.Trim(name, " .。\"'")
	h.id = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	return product, h
}

// demands gathers the events by product.
func demands(f *facts.Facts) []*demand {
	by := map[string]*demand{}
	var out []*demand
	for _, o := range installerEvents(f) {
		for _, g := range o.Value.groups {
			if g.source != strings.ToLower(msiSource) {
				continue
			}
			var product, version, kind, reason string
			var held heldFile
			switch g.id {
			case restartDemanded:
				product, version, kind, reason = restartFields(g)
			case restartWaits:
				product = productField(g.text)
				if len(g.strings) > 0 {
					product = g.strings[0]
				}
			case fileHeld:
				product, held = heldFields(g)
			}
			name := cmp.Or(product, "a product that the event names")
			d := by[strings.ToLower(name)]
			if d == nil {
				d = &demand{product: name}
				by[strings.ToLower(name)] = d
				out = append(out, d)
			}
			at := eventAt{o, g}
			d.events = append(d.events, at)
			d.version, d.kind, d.reason = cmp.Or(d.version, version), cmp.Or(d.kind, kind), cmp.Or(d.reason, reason)
			if held.file != "" {
				d.held = append(d.held, held)
			}
			if g.id != fileHeld && (d.newest.group == nil || earlier(d.newest.group.last.Time, g.last.Time)) {
				d.newest = at
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *demand) int { return strings.Compare(strings.ToLower(a.product), strings.ToLower(b.product)) })
	return out
}

func runRebootDemanded(f *facts.Facts) ([]findings.Finding, error) {
	var out []findings.Finding
	for _, d := range demands(f) {
		out = append(out, d.finding(f))
	}
	if len(out) > 0 {
		return out, nil
	}
	well := findings.Finding{Verdict: findings.RuledOut, Severity: findings.Info, Title: "Windows Installer demands no restart in the log"}
	for _, o := range installerEvents(f) {
		if o.Value.unread > 0 {
			return []findings.Finding{{
				Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
				Summary: "Events of Windows Installer are there whose numbers could not be read.", Missing: []findings.Missing{applicationLog},
			}}, nil
		}
		m := o.Value.shown[strings.ToLower(msiSource)]
		well.Evidence = append(well.Evidence, findings.FromMatch(*m, findings.Contradicts, "Installer writes to this log; none of its events is 1025, 1029 or 1038"))
		well.Summary = strings.TrimSpace(fmt.Sprintf("%s %s holds %s %s, those of Windows Installer among them, and no 1025, 1029 or 1038.", well.Summary, o.Artifact.Path, count(o.Value.total, "event"), o.Value.window()))
	}
	return []findings.Finding{well}, nil
}

func (d *demand) finding(f *facts.Facts) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Confirmed, Severity: findings.Low, State: findings.Unknown, Subject: d.product,
		Title: fmt.Sprintf("The installation of %s demands a restart", strings.TrimSpace(d.product+" "+d.version)),
	}
	var holds []string
	for _, h := range d.held {
		text := winpath.Base(h.file)
		if h.process != "" {
			text += " is held by " + h.process
		}
		if h.id != "" {
			text += " (process " + h.id + ")"
		}
		if !slices.Contains(holds, text) {
			holds = append(holds, text)
		}
	}
	held := strings.Join(holds[:min(len(holds), 4)], ", ")
	if d.newest.group == nil {
		out.Verdict = findings.Suspected
		out.Title = fmt.Sprintf("A process holds a file of %s while it is installed", d.product)
		out.Summary = fmt.Sprintf("Event 1025 of Windows Installer names files of %s that a process holds (%s). Installer then replaces them at the next restart; no event of the log says that it demanded one.", d.product, cmp.Or(held, "which, the message says"))
		out.Missing = []findings.Missing{verboseInstallerLog.Missing()}
	} else {
		g := d.newest.group
		out.Summary = fmt.Sprintf("Event %d of Windows Installer says that %s must be followed by a restart (%s).", g.id, strings.TrimSpace(d.product+" "+d.version), g.span())
		if why, ok := restartReasons[d.reason]; ok {
			out.Summary += fmt.Sprintf(" Its reason is %s: %s.", d.reason, why)
			if d.reason == "1" {
				out.Title += ", because files were in use"
			}
		}
		if kind, ok := restartTypes[d.kind]; ok {
			out.Summary += fmt.Sprintf(" Its type is %s: %s.", d.kind, kind)
		}
		if held != "" {
			out.Summary += fmt.Sprintf(" Event 1025 names what was in use: %s.", held)
		}
	}
	for i, e := range d.events {
		if i == 4 {
			break
		}
		note := map[int]string{fileHeld: "a process holds a file of the product", restartWaits: "the product works only after a restart", restartDemanded: "the installation demands a restart"}[e.group.id]
		out.Evidence = append(out.Evidence, findings.FromMatch(*e.group.last, findings.Supports, note))
	}
	if d.newest.group == nil {
		return out
	}
	last := d.newest.group.last
	if b := restartSince(f, last); b != nil {
		out.State = findings.Resolved
		out.Summary += " Windows was started again after it."
		out.Evidence = append(out.Evidence, findings.FromMatch(*b, findings.Contradicts, "a later start of Windows"))
	} else if down, at, err := f.Registry.LastShutdown(); err == nil {
		if t, ok := last.UTC(); ok && down.After(t) {
			out.State = findings.Resolved
			out.Summary += fmt.Sprintf(" The registry has a later shutdown (%s).", findings.Timestamp(down))
			out.Evidence = append(out.Evidence, findings.FromValue(at, findings.Contradicts, "the last shutdown, at "+findings.Timestamp(down)))
		} else if ok {
			out.State = findings.Active
			out.Summary += fmt.Sprintf(" The last shutdown that the registry knows is of before (%s).", findings.Timestamp(down))
			out.Evidence = append(out.Evidence, findings.FromValue(at, findings.Context, "the last shutdown, at "+findings.Timestamp(down)))
		}
	}
	if q := readQueue(f); len(q.pairs) > 0 && out.State != findings.Resolved {
		out.State = findings.Active
		out.Evidence = append(out.Evidence, pairEvidence(q.pairs[0], findings.Context, "a file operation that waits for the restart"))
		out.Summary += fmt.Sprintf(" %s waiting in the registry.", upperFirst(count(len(q.pairs), "file operation"))+plural(len(q.pairs), " is", " are"))
	}
	out.Rivals = []findings.Rival{{Name: "The restart has been made since", Verdict: map[findings.State]string{
		findings.Resolved: rivalSupported + "a later start is in the log.", findings.Active: rivalSilent + "nothing in the bundle shows one after the event.", findings.Unknown: rivalOpen + "no start of Windows after the event is in the upload's logs.",
	}[out.State]}}
	return out
}

// restartSince is the first log's start of Windows after an event, within any of the system's event logs; nil if none is certain.
func restartSince(f *facts.Facts, m *facts.Match) *facts.Match {
	for _, o := range facts.Observed[*eventLog](f, rebootDemandedID) {
		b := o.Value.booted()
		if b == nil {
			continue
		}
		if f.Later(*b, *m) && (b.Ref.Artifact != m.Ref.Artifact || earlier(m.Time, b.Time)) {
			return b
		}
		if b.Ref.Artifact == m.Ref.Artifact && earlier(m.Time, b.Time) { // an export may have the newest first
			return b
		}
	}
	return nil
}

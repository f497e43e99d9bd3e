package checks

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/internal/safeio"
)

const serviceCrashingID = "windows-service-crashing"

// The service manager notes every service that ends without being asked to, and every one that does not answer. Number and source tell;
// the messages are in the language of Windows.
var windowsServiceCrashing = &findings.Check{
	ID:       serviceCrashingID,
	Title:    "A service crashes, ends with an error or does not answer",
	Severity: findings.Medium,
	Product: findings.Product{
		Name: "the System event log, or a program that crashed",
		Seen: func(f *facts.Facts) bool {
			return slices.ContainsFunc(facts.Observed[*eventLog](f, serviceCrashingID), func(o facts.Of[*eventLog]) bool { return o.Value.shown[programCrash] != nil })
		},
	},
	Needs: []findings.Need{{
		Met:  func(f *facts.Facts) bool { return len(systemLogs(f, serviceCrashingID)) > 0 },
		What: systemLog.What, Why: systemLog.Why, Collect: systemLog.Collect,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			ids := []int{serviceChanged}
			for _, e := range crashEvents {
				ids = append(ids, e.id)
			}
			o := newEventObserver(map[string][]int{serviceManager: ids}, serviceManager, "EventLog", programCrash)
			// Changes of state are by the thousand; only their data tells which state.
			o.accept = func(e plainEvent) bool { return e.id != serviceChanged || e.binary != "" }
			return o
		},
	},
	Doc: findings.Doc{
		Cause: "A service's process ended without a stop request (an unhandled exception, a kill, an update that replaced its files), its own code gave up and returned an error, or it did not answer the service manager in time because it, the disk or the machine was too slow. What the service does for others stops until it runs again.",
		Remedy: []string{
			"Look at the Application log at the same minute: events 1000 (Application Error) and 1001 (Windows Error Reporting) name the faulting module of a crash.",
			"Where an error code stands beside the event, look at what it names first (a file, an account, a port, a dependency).",
			"Where services time out together after a boot, look at the disk, the antivirus and the number of automatic services before any single service is blamed.",
			"Bring the product to its current fix level. Let recovery actions (sc failure) restart the service meanwhile.",
		},
		Risk:      "Recovery actions hide a crash from users, not from the log; a service that restarts in a loop costs more than one that stays down.",
		Undo:      "sc failure NAME reset= 0 actions= \"\" takes recovery actions back.",
		Cured:     "A later System log of at least the same length has none of these events for the service.",
		Overturns: "That an administrator ended the process, or that the events lie within an update's or a shutdown's minutes.",
		Proves: []string{
			"Events 7031 or 7034: the service ended unexpectedly; the count is in the log.",
			"Events 7023 or 7024: the service ended with an error.",
			"Events 7009, 7011 or 7022 at least three times for one service: it does not answer.",
		},
		Suggests:   []string{"A service that did not answer once or twice (7009, 7011, 7022)."},
		Exonerates: []string{"The System log is there and the service manager writes to it, and none of these events stands in it."},
		FalsePositives: "Timeouts right after a boot or during an update are common and pass. A 7031 or 7034 in the minutes of a product's upgrade is how some installers stop a service. " +
			"An application that crashes (Application Error 1000) is no service.",
		NotCovered: "Services that hang and still answer the service manager.",
		References: []findings.Reference{
			{Title: "Service Control Manager events", URL: "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/dd349385(v=ws.10)"},
			{Title: "sc failure", URL: "https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/sc-failure"},
		},
	},
	// Only logs count in which one of these sources writes; the numbers of the events are too short to be looked for.
	Rests: func() findings.Traces { return findings.Traces{Texts: []string{serviceManager, "eventlog"}} },
	Run:   runServiceCrashing,
}

// programCrash is the source of the event that a program has crashed, a service's or any other.
const programCrash = "application error"

// serviceChanged is the event that a service has entered a state.
const serviceChanged = 7036

// crashEvents are what each event says of a service, the gravest first.
var crashEvents = []struct {
	id   int
	what string // of the service, to follow its name
	kind crashKind
}{
	{7031, "ended unexpectedly, and a recovery action followed", kindCrash},
	{7034, "ended unexpectedly", kindCrash},
	{7024, "ended with an error of its own", kindError},
	{7023, "ended with an error", kindError},
	{7022, "hung when it was started", kindTimeout},
	{7009, "did not connect in time when it was started", kindTimeout},
	{7011, "did not answer a control request in time", kindTimeout},
}

// crashKind is how a service failed.
type crashKind uint8

// The kinds, the gravest first.
const (
	kindCrash crashKind = iota
	kindError
	kindTimeout
)

// enoughTimeouts is how many timeouts of one service are more than a slow start.
const enoughTimeouts = 3

// crashing is what the events of one system say of one service.
type crashing struct {
	name   string // "" where the language's words hide it
	key    *hive.Service
	kind   crashKind
	counts map[int]int
	events []eventAt
	newest eventAt
	why    string
}

func crashMeaning(id int) (what string, kind crashKind, ok bool) {
	for _, e := range crashEvents {
		if e.id == id {
			return e.what, e.kind, true
		}
	}
	return "", 0, false
}

// timedOutService is the name in a timeout's strings: 7009 and 7011 state the milliseconds first.
func timedOutService(g *eventGroup) *eventGroup {
	if len(g.strings) > 1 && isDigits(strings.TrimSpace(g.strings[0])) {
		turned := *g
		turned.strings = g.strings[1:]
		return &turned
	}
	return g
}

// crashes gathers the failures by service, the gravest first.
func crashes(f *facts.Facts) []*crashing {
	services := f.Registry.Services()
	by := map[string]*crashing{}
	var out []*crashing
	for _, o := range systemLogs(f, serviceCrashingID) {
		for _, g := range o.Value.groups {
			_, kind, ok := crashMeaning(g.id)
			if !ok {
				continue
			}
			name, key := timedOutService(g).serviceOf(services)
			if key != nil {
				name = key.Name
			}
			id := strings.ToLower(name)
			if name == "" {
				id = fmt.Sprintf("\x00%d %s", g.id, eventKey(plainEvent{message: g.text, strings: g.strings}))
			}
			c := by[id]
			if c == nil {
				c = &crashing{name: name, key: key, kind: kind, counts: map[int]int{}}
				by[id] = c
				out = append(out, c)
			}
			c.kind = min(c.kind, kind)
			c.counts[g.id] += g.count
			at := eventAt{o, g}
			c.events = append(c.events, at)
			if c.newest.group == nil || earlier(c.newest.group.last.Time, g.last.Time) {
				c.newest = at
			}
			if n := len(g.strings); (g.id == 7023 || g.id == 7024) && n > 1 {
				c.why = cmp.Or(c.why, insertedCode(g.strings[1]))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *crashing) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)))
	})
	return out
}

func runServiceCrashing(f *facts.Facts) ([]findings.Finding, error) {
	var out []findings.Finding
	for _, c := range crashes(f) {
		out = append(out, serviceCrashed(f, c))
	}
	if len(out) > 0 {
		return out, nil
	}
	logs := systemLogs(f, serviceCrashingID)
	finding := findings.Finding{Verdict: findings.RuledOut, Severity: findings.Info, Title: "No service failed in the System log"}
	for _, o := range logs {
		m := o.Value.shown[strings.ToLower(serviceManager)]
		if m == nil || o.Value.unread > 0 {
			continue
		}
		finding.Evidence = append(finding.Evidence, findings.FromMatch(*m, findings.Contradicts, "the service manager writes to this log, and none of its events is of a service that failed"))
		finding.Summary = strings.TrimSpace(fmt.Sprintf("%s %s holds %s %s, those of the service manager among them, and none of 7009, 7011, 7022, 7023, 7024, 7031 and 7034.", finding.Summary, o.Artifact.Path, count(o.Value.total, "event"), o.Value.window()))
	}
	if len(finding.Evidence) > 0 {
		return []findings.Finding{finding}, nil
	}
	return []findings.Finding{{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The events of the bundle that could be read hold none of the service manager, so they do not tell how services fared.",
		Missing: []findings.Missing{systemLog},
	}}, nil
}

// serviceCrashed is the finding of one service.
func serviceCrashed(f *facts.Facts, c *crashing) findings.Finding {
	out := findings.Finding{Verdict: findings.Confirmed, Subject: c.name, State: findings.Unknown, Severity: findings.Medium}
	who := "the service " + c.name
	if c.name == "" {
		who = "a service that the message names"
		out.Subject = fmt.Sprintf("event %d: %s", c.newest.group.id, firstLineOf(c.newest.group.said()))
	}
	total := 0
	var says []string
	for _, e := range crashEvents {
		n := c.counts[e.id]
		if n == 0 {
			continue
		}
		total += n
		says = append(says, fmt.Sprintf("%s: %s (event %d)", e.what, times(n), e.id))
	}
	switch {
	case c.kind == kindTimeout && total < enoughTimeouts:
		out.Verdict, out.Severity = findings.Suspected, findings.Info
		out.Title = upperFirst(who) + " did not answer in time"
		out.Missing = []findings.Missing{{What: systemLog.What + " of a longer time", Why: "it shows whether the service goes on not answering, or was slow once", Collect: systemLog.Collect}}
	case c.kind == kindTimeout:
		out.Title = fmt.Sprintf("%s did not answer in time %s", upperFirst(who), times(total))
	case c.kind == kindError:
		out.Title = fmt.Sprintf("%s ended with an error %s", upperFirst(who), times(total))
	default:
		out.Title = fmt.Sprintf("%s crashed %s", upperFirst(who), times(c.counts[7031]+c.counts[7034]))
		if n := needFor(c.name); n != nil || total >= enoughTimeouts {
			out.Severity = findings.High
		}
	}
	first, last := c.events[0].group.first, c.newest.group.last
	for _, e := range c.events {
		if earlier(e.group.first.Time, first.Time) {
			first = e.group.first
		}
	}
	out.Summary = fmt.Sprintf("By the Service Control Manager's events %s %s", who, strings.Join(says, "; "))
	_, ok := first.Time.Local()
	to, too := last.Time.Local()
	switch {
	case ok && too && total > 1:
		out.Summary += fmt.Sprintf(", from %s to %s.", clockText(first.Time), clockText(last.Time))
	case ok:
		out.Summary += fmt.Sprintf(", on %s.", clockText(first.Time))
	default:
		out.Summary += "."
	}
	if c.why != "" {
		out.Summary += " Error " + c.why + "."
	}
	for i, e := range c.events {
		if i == 3 {
			break
		}
		what, _, _ := crashMeaning(e.group.id)
		out.Evidence = append(out.Evidence, findings.FromMatch(*e.group.last, findings.Supports, fmt.Sprintf("%s; %s", what, e.group.span())))
	}
	if c.key != nil {
		out.Evidence = append(out.Evidence, startEvidence(f, *c.key, findings.Context))
	}
	if m := c.runningSince(); m != nil {
		out.State = findings.Resolved
		out.Summary += " After the last of them the service entered the running state, and no further failure follows in the log."
		out.Evidence = append(out.Evidence, findings.FromMatch(*m, findings.Contradicts, "the service runs again"))
	} else if end, known := c.newest.log.Value.newest.Local(); known && too && end.Sub(to) < 24*time.Hour {
		out.State = findings.Active
		if d := end.Sub(to).Round(time.Minute); d >= time.Minute {
			out.Summary += fmt.Sprintf(" The log ends %s later.", strings.TrimSuffix(d.String(), "0s"))
		}
	}
	out.Rivals = []findings.Rival{
		{Name: "An installer, an update or an administrator ended the process", Verdict: rivalOpen + "the event does not say who did, nor whether something was installed in that minute."},
	}
	if c.kind == kindTimeout {
		out.Rivals[0] = findings.Rival{Name: "The whole machine was slow (disk, memory, antivirus) and not this service", Verdict: rivalOpen + "time-outs of several services in the same minutes speak for it; the other findings of this check, if there are any, name them."}
	}
	return out
}

// runningSince is the event that the service entered the running state after its last failure; nil if the log does not show it. The
// state's name is in the language of Windows; the event's data, which XML shows, ends in "/" and the state's number.
func (c *crashing) runningSince() *facts.Match {
	const running = "/4"
	for _, g := range c.newest.log.Value.groups {
		if g.id != serviceChanged || g.binary == "" {
			continue
		}
		data, err := hex.DecodeString(g.binary)
		if err != nil {
			continue
		}
		name, ok := strings.CutSuffix(strings.TrimRight(safeio.UTF16LE(data), "\x00"), running)
		if !ok {
			continue
		}
		same := strings.EqualFold(name, c.name) || c.key != nil && strings.EqualFold(name, c.key.Name) || len(g.strings) > 0 && strings.EqualFold(g.strings[0], c.name)
		if same && earlier(c.newest.group.last.Time, g.last.Time) {
			return g.last
		}
	}
	return nil
}

package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
)

// Windows Installer's events of how a transaction ended: 1033 to 1037 hold the product and, as their last field, the return code; 11708, 11725 and
// 11729 say that an installation, a removal or a change of the configuration failed (the messages 1708, 1725 and 1729). They name no action, so
// they are a symptom of which the log has the proof.

// Numbers of these events.
const (
	firstEnded, lastEnded                        = 1033, 1037
	installFailed, removalFailed, changingFailed = 11708, 11725, 11729
)

// msiEnd is one such event.
type msiEnd struct {
	product string
	code    uint32 // of 1033 to 1037
	coded   bool
	at      *facts.Match
}

func (e *msiEnd) failed() bool { return !e.coded || !succeeded(e.code) }

// msiEnds gathers the events of one log, the first of them where there are too many.
type msiEnds struct{ list []*msiEnd }

var (
	// endMessage is the line of 1033 to 1037: a version stands in the midst of it and the return code at its end, whatever the labels are called.
	endMessage = regexp.MustCompile(`[:：]\s*\d+(?:\.\d+){1,3}\s*[.。].*[:：]\s*(\d{1,10})\s*[.。]?\s*$`)
	ofProduct  = regexp.MustCompile(`^[^:：]{1,40}[:：]\s*(.{1,200}?) -- `)
)

// See implements facts.Observer.
func (o *msiEnds) See(s *facts.Sight) {
	if len(o.list) == maxMSISessions || !strings.EqualFold(eventSource(s.Record.Component), msiSource) {
		return
	}
	e, ok := readEvent(s.Record.Raw)
	if !ok {
		return
	}
	var end msiEnd
	switch {
	case e.id >= firstEnded && e.id <= lastEnded:
		const status = 3
		number := ""
		if len(e.strings) > status {
			end.product, number = e.strings[0], strings.TrimSpace(e.strings[status])
		} else if text := messageLine(e, s.Record.Raw, endMessage); text != "" {
			end.product, number = productField(text), endMessage.FindStringSubmatch(text)[1]
		}
		code, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return
		}
		end.code, end.coded = uint32(code), true
	case e.id == installFailed, e.id == removalFailed, e.id == changingFailed:
		if text := messageLine(e, s.Record.Raw, ofProduct); text != "" {
			end.product = ofProduct.FindStringSubmatch(text)[1]
		}
	default:
		return
	}
	end.at = s.KeepFrom(e.from)
	o.list = append(o.list, &end)
}

// messageLine is the line of an event's message that has a form, "" if there is none. Texts with fewer labels than Windows' own tools print are searched
// as a whole.
func messageLine(e plainEvent, raw []byte, form *regexp.Regexp) string {
	for _, text := range append([]string{e.message, string(raw)}, e.strings...) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); form.MatchString(line) {
				return line
			}
		}
	}
	return ""
}

// End implements facts.Observer.
func (o *msiEnds) End() any {
	if !slices.ContainsFunc(o.list, (*msiEnd).failed) {
		return nil
	}
	return o.list
}

// msiEventFailures are the findings of products of which events say that Installer failed, and no log of the bundle tells of a session.
func msiEventFailures(f *facts.Facts, logged func(product string) bool) []findings.Finding {
	var all []*msiEnd
	for _, o := range facts.Observed[[]*msiEnd](f, msiFailedID) {
		all = append(all, o.Value...)
	}
	var out []findings.Finding
	done := map[string]bool{}
	for _, e := range all {
		key := strings.ToLower(e.product)
		if !e.failed() || done[key] || logged(e.product) {
			continue
		}
		done[key] = true
		of := slices.DeleteFunc(slices.Clone(all), func(o *msiEnd) bool { return !strings.EqualFold(o.product, e.product) })
		out = append(out, msiEventFailure(e.product, of))
	}
	return out
}

// msiEventFailure is the finding of one product, of which all are the events, at least one of them a failure.
func msiEventFailure(product string, all []*msiEnd) findings.Finding {
	name := product
	if name == "" {
		name = "an unnamed product"
	}
	f := findings.Finding{
		Verdict: findings.Suspected, Subject: name, Severity: findings.Medium, State: findings.Active,
		Missing: []findings.Missing{verboseInstallerLog.Missing()},
		Remedy:  []string{"Run the same installation, change or removal again with /l*v: the log names the action that failed and, above it, the message that says why.", "Remove that cause before the next run."},
	}
	// The last failure, and of those at one time the one with a code.
	last := all[slices.IndexFunc(all, (*msiEnd).failed)]
	for _, e := range all {
		if e.failed() && (earlier(last.at.Time, e.at.Time) || !earlier(e.at.Time, last.at.Time) && e.coded && !last.coded) {
			last = e
		}
	}
	said := "an event says that an installation, a change or a removal of it failed"
	if last.coded {
		code := strconv.FormatUint(uint64(last.code), 10)
		said = "an event states the return code " + code
		if ret, ok := msiReturns[last.code]; ok {
			said += " (" + ret.meaning + ")"
			if ret.severity == findings.Low {
				f.Severity = findings.Low
			}
			if ret.remedy != "" {
				f.Remedy, f.Risk, f.Undo = []string{ret.remedy}, ret.risk, ret.undo
			}
		}
	}
	f.Title = fmt.Sprintf("Windows Installer failed on %s, by its event; why is in its log, which is not in the upload", name)
	f.Summary = fmt.Sprintf("Of %s %s. The event names neither the action that failed nor its message; no Installer log of this product is in the upload.", name, said)
	f.Evidence = []findings.Evidence{findings.FromMatch(*last.at, findings.Supports, "Windows Installer's event of the failure")}
	for _, e := range all {
		if !e.failed() && earlier(last.at.Time, e.at.Time) {
			f.State, f.Severity = findings.Resolved, findings.Low
			f.Remedy, f.Risk, f.Undo = []string{"Nothing is to be done as long as the product works: a later run succeeded."}, "None: nothing is changed.", "Nothing is to be taken back."
			f.Summary += " A later event of the same product tells of a success."
			f.Cured = fmt.Sprintf("This upload shows it already: line %d of %s.", e.at.Ref.Line, e.at.Ref.Artifact)
			f.Evidence = append(f.Evidence, findings.FromMatch(*e.at, findings.Contradicts, "a later success"))
			break
		}
	}
	return f
}

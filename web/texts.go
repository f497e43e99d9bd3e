package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// The names of the pages, and words that stand in several places.
const (
	titleIndex    = "Report"
	titleTimeline = "Time line"
	titleRegistry = "Registry"
	titleFiles    = "Files"
	titleChanges  = "Changes"
	titleNotes    = "Notes"
	titleSimilar  = "Seen before"

	titleUTC   = "Logs and events, in UTC"
	titleLocal = "Logs whose offset from UTC is not known"

	nothingConfirmed = "Nothing confirmed"
	onceMore         = "Please send the upload once more, as a zip of the log folders and an export of the registry: nothing in it could be read."
	unreadableHead   = "This upload gives nothing to judge by: no log, no registry and no other text could be read."
	cutHead          = "The upload is cut short: files are missing"
	redactedLine     = "Redacted: placeholders stand for the names, addresses and IDs that are known as such; free text may hold others, so look this through before you pass it on."
	offsetUnknown    = "offset unknown"
	notThere         = "not there"
	nextStep         = "next: "
	stillNeeded      = "still needed: "
	firstError       = "first error in the logs: "

	openHead = "The finding is proven, not that nothing else plays a part. This upload does not exclude:"

	wordsHead = "What the customer wrote"
	wordsNote = "Mails and notes in the upload, found by their shape and quoted as they stand. What they say is not checked."
)

// The words of the vocabularies. A value that is none of them is shown as it stands.

func verdictWord(x findings.Verdict) string {
	switch x {
	case findings.Confirmed:
		return "Confirmed"
	case findings.Suspected:
		return "Suspected"
	case findings.RuledOut:
		return "Ruled out"
	case findings.NotEvaluated:
		return "Not evaluated"
	}
	return string(x)
}

// verdictClass is the style sheet's class of a verdict, never a string of the report.
func verdictClass(x findings.Verdict) string {
	switch x {
	case findings.Confirmed:
		return "confirmed"
	case findings.Suspected:
		return "suspected"
	case findings.RuledOut:
		return "ruled-out"
	default:
		return "not-evaluated"
	}
}

func severityWord(x findings.Severity) string {
	switch x {
	case findings.Critical, findings.High, findings.Medium, findings.Low:
		return string(x) + " severity"
	case findings.Info:
		return "for information"
	}
	return string(x)
}

func stateWord(x findings.State) string {
	switch x {
	case findings.Active:
		return "still active"
	case findings.Resolved:
		return "resolved by the end of the capture"
	case findings.Predicted:
		return "has not happened yet, but will"
	case findings.Unknown:
		return "state unknown"
	}
	return string(x)
}

func roleWord(x findings.Role) string {
	switch x {
	case findings.Supports:
		return "supports"
	case findings.Contradicts:
		return "speaks against"
	case findings.Context:
		return "context"
	}
	return string(x)
}

func roleClass(x findings.Role) string {
	switch x {
	case findings.Supports:
		return "for"
	case findings.Contradicts:
		return "against"
	default:
		return "ctx"
	}
}

func clockWord(clock string) string {
	switch clock {
	case "stated":
		return "stated in the log"
	case "system":
		return "from the machine's zone"
	case "unknown":
		return "offset unknown"
	case "none", "":
		return ""
	}
	return clock
}

// sureness says in a sentence how sure a finding is and why.
func sureness(f findings.Finding) string {
	w := weigh(f.Evidence)
	pro := count(w.supports, "piece of evidence", "pieces of evidence")
	if w.files > 1 {
		pro += " in " + count(w.files, "file", "files")
	}
	if w.supports == 1 {
		pro += " supports it"
	} else {
		pro += " support it"
	}
	contra := "nothing in it speaks against it"
	if w.contradicts > 0 {
		contra = count(w.contradicts, "piece speaks against it", "pieces speak against it")
	}
	if f.Verdict == findings.Confirmed {
		return fmt.Sprintf("Proven by this upload: %s, %s.", pro, contra)
	}
	return fmt.Sprintf("Not proven: %s, %s.", pro, contra)
}

// rivalsHead heads the other explanations of a finding.
func rivalsHead(f item) string {
	if f.Verdict == findings.Confirmed {
		return "Other explanations, and what this upload says of each"
	}
	return "Competing explanations"
}

// provenWord says of a finding among its rivals what it is.
func provenWord(f item) string {
	if f.Verdict == findings.Confirmed {
		return "Proven by this upload."
	}
	return "Suspected, not proven."
}

// standingMeaning says what the standing of another explanation means to the reader.
func standingMeaning(s standingWord) string {
	switch s {
	case rivalOpen:
		return "Can't be excluded"
	case rivalSupported:
		return "Supported too"
	case rivalExcluded:
		return "Excluded"
	case rivalSilent:
		return "Nothing shows it"
	}
	return ""
}

// standingClass is the style sheet's class of a standing.
func standingClass(s standingWord) string {
	switch s {
	case rivalOpen, rivalSupported:
		return "suspected"
	case rivalExcluded:
		return "ruled-out"
	case rivalSilent:
	}
	return "not-evaluated"
}

// noCauseHead is the verdict where nothing is confirmed or suspected: a check that decided nothing found nothing either.
func noCauseHead(v *view) string {
	if len(v.RuledOut)+len(v.Notes) == 0 {
		return "No check had what it needs: nothing is found, and nothing is ruled out."
	}
	what := "problem"
	if len(v.Notes) > 0 { // a check whose finding is no fault knows what it found
		what = "fault"
	}
	if v.IsCut() {
		return "No known " + what + " was found in the part of the upload that could be read."
	}
	return "No known " + what + " was found in this upload."
}

// informed says what is found that is no fault, where nothing else is; "" if there is none.
func informed(v *view) string {
	if len(v.Notes) == 0 {
		return ""
	}
	s := verdictWord(v.Notes[0].Verdict) + " as information: " + strings.TrimSuffix(shorten(v.Notes[0].Title, maxNoteTitle), ".")
	if n := len(v.Notes) - 1; n > 0 {
		s += ", and " + number(n) + " more"
	}
	return s + "."
}

// noCauseTag is how sure the verdict is where nothing but notes is confirmed or suspected.
func noCauseTag(v *view) string {
	if len(v.Notes) > 0 && v.Notes[0].Verdict == findings.Confirmed {
		return "No fault confirmed"
	}
	return nothingConfirmed
}

// noCause is the verdict's text where nothing is confirmed or suspected.
func noCause(v *view) string {
	var s []string
	if n := checks(v.Notes); n > 0 {
		s = append(s, count(n, "check found something worth knowing that is no fault", "checks found things worth knowing that are no faults"))
	}
	if n := checks(v.RuledOut); n > 0 {
		s = append(s, count(n, "check found its problem ruled out", "checks found their problem ruled out")+" for the time covered")
	}
	if n := checks(v.DataMissing); n > 0 {
		s = append(s, count(n, "check lacked the data", "checks lacked the data")+" to decide")
	}
	if n := checks(v.ProductUnmet); n > 0 {
		s = append(s, count(n, "check concerns a product", "checks concern products")+" that nothing in the upload shows")
	}
	if len(s) == 0 {
		return "No check was run."
	}
	return strings.Join(s, "; ") + "."
}

// nothingToAsk says why the request is empty.
func nothingToAsk(v *view) string {
	if n := checks(v.DataMissing); n > 0 {
		return "Nothing: " + count(n, "check lacks data, but knows nothing that is worth asking for", "checks lack data, but know nothing that is worth asking for") + "."
	}
	return "Nothing: no verdict waits for data."
}

// checks counts the different checks of the findings.
func checks(list []item) int {
	seen := map[string]bool{}
	for _, it := range list {
		seen[it.Check] = true
	}
	return len(seen)
}

// tally counts the verdicts.
func tally(v *view) string {
	s := []string{
		number(len(v.Causes)) + " confirmed",
		number(len(v.Suspected)) + " suspected",
		number(len(v.RuledOut)) + " ruled out",
	}
	if len(v.Notes) > 0 {
		s = append(s, number(len(v.Notes))+" for information")
	}
	s = append(s, number(len(v.DataMissing))+" not evaluated for lack of data")
	if len(v.ProductUnmet) > 0 {
		s = append(s, number(len(v.ProductUnmet))+" not relevant (no trace of the product)")
	}
	return strings.Join(s, ", ")
}

// uploadWord heads the hashes of the uploads.
func uploadWord(n int) string {
	if n == 1 {
		return "Upload: "
	}
	return "Uploads: "
}

// statementWord says what somebody wrote.
func statementWord(k findings.StatementKind) string {
	switch k {
	case findings.StatementMail:
		return "A mail"
	case findings.StatementNote:
		return "A note"
	}
	return string(k)
}

// moreLines says what a quote leaves out of a text.
func moreLines(n int) string {
	return "… and " + count(n, "more line", "more lines") + " in that file."
}

// unmetHead heads the checks of products that nothing shows.
func unmetHead(v *view) string {
	return "Not relevant: no trace of the product in this upload (" + count(checks(v.ProductUnmet), "check", "checks") + ")"
}

// moreInReport says what a shortened list leaves out.
func moreInReport(n int) string { return "… and " + number(n) + " more in report.json." }

// pageTitle is the document's title: the verdict, then the upload.
func pageTitle(v *view) string {
	s := strings.TrimSuffix(noCauseHead(v), ".")
	switch lead := v.Lead(); {
	case lead != nil:
		s = verdictWord(lead.Verdict) + ": " + lead.Title
	case v.Unreadable():
		s = "Nothing could be read"
	}
	return s + " - " + nameOf(v) + " - casebook"
}

// nameOf names what the report is about: the case's ID where one was given, else the uploads.
func nameOf(v *view) string {
	switch {
	case v.Case != "" && (index.ShortID(v.Case) == v.Case || len(v.Uploads) == 0):
		return v.Case
	case len(v.Uploads) == 0:
		return "unnamed upload"
	case len(v.Uploads) == 1:
		return v.Uploads[0].Name
	}
	return v.Uploads[0].Name + " and " + number(len(v.Uploads)-1) + " more"
}

// known is the case as its archive knows it.
func (v *view) known() index.Case {
	c := index.Case{ID: v.Case}
	for _, u := range v.Uploads {
		c.Uploads = append(c.Uploads, index.Upload{Name: u.Name})
	}
	return c
}

// systemName is how the page calls a machine.
func systemName(id string) string {
	if id == "" {
		return "unnamed machine"
	}
	return id
}

// count is a number with the word that agrees with it.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number writes n with a comma at each thousand.
func number[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes in decimal units.
func size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, units := float64(n)/1000, []string{"kB", "MB", "GB", "TB"}
	for len(units) > 1 && f >= 999.5 {
		f, units = f/1000, units[1:]
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f %s", f, units[0])
	}
	return fmt.Sprintf("%.0f %s", f, units[0])
}

// moment writes a time of the report; a string that is no RFC 3339 time is shown as it stands.
func moment(rfc3339 string) string {
	t, err := time.Parse(time.RFC3339Nano, rfc3339)
	if err != nil {
		return rfc3339
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// span writes a window of time.
func span(from, to string) string {
	a, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		return ""
	}
	b, err := time.Parse(time.RFC3339Nano, to)
	if err != nil {
		return ""
	}
	a, b = a.UTC(), b.UTC()
	const day = "2 January 2006"
	if a.Format(day+" 15:04") == b.Format(day+" 15:04") {
		return a.Format(day+", 15:04") + " UTC"
	}
	if a.Format(day) == b.Format(day) {
		return a.Format(day+", 15:04") + " to " + b.Format("15:04") + " UTC"
	}
	return a.Format(day+", 15:04") + " to " + b.Format(day+", 15:04") + " UTC"
}

// coveredWords says where an incident lies to the time covered, and what follows from it.
func coveredWords(c findings.Covered) string {
	switch c {
	case findings.CoveredWithin:
		return "within the time covered"
	case findings.CoveredBefore:
		return "before the first record: older logs are needed"
	case findings.CoveredAfter:
		return "after the last record: logs of that time are needed"
	case findings.CoveredUnknown:
	}
	return "which can't be placed without a record of known time"
}

// offset writes Windows' bias, which is added to local time to get UTC, the other way round, as people write it.
func offset(bias int) string {
	sign := "+"
	if bias > 0 {
		sign = "−"
	} else {
		bias = -bias
	}
	return fmt.Sprintf("UTC%s%02d:%02d", sign, bias/60, bias%60)
}

// proofLink is the text of the link from the verdict to the finding.
func proofLink(f item) string {
	switch n := len(f.Remedy); {
	case n > maxSteps:
		return "Proof, all " + strconv.Itoa(n) + " steps and what they risk"
	case f.Risk != "":
		return "Proof, and what that risks"
	}
	return "Proof"
}

// suspectedHead heads the suspected findings of the verdict.
func suspectedHead(v *view) string {
	if lead := v.Lead(); lead != nil && lead.Verdict == findings.Suspected {
		return "Also suspected"
	}
	return "Suspected, not proven"
}

// clockTally says of how many logs the offset from UTC is known.
func clockTally(certain, logs int) string {
	if certain == 1 && logs == 1 {
		return "the offset from UTC is known in the only log with times"
	}
	if certain == logs {
		return "the offset from UTC is known in all " + count(logs, "log", "logs")
	}
	return "the offset from UTC is known in " + number(certain) + " of " + count(logs, "log", "logs") + "; times of the others can't be compared with certainty"
}

// times says how often something occurs.
func times(n int) string {
	if n == 1 {
		return "once:"
	}
	return number(n) + " times, first:"
}

// hasHive says whether any machine's SYSTEM facts are known.
func hasHive(v *view) bool {
	for _, s := range v.Systems {
		if s.Hive != "" {
			return true
		}
	}
	return false
}

// hiveWord says in what state a machine's hive is and when it was last written.
func hiveWord(s findings.System, w findings.Window) string {
	state := s.HiveState
	switch state {
	case "":
		state = "state unknown"
	case "clean":
		state = "complete"
	}
	if s.HiveWritten != "" {
		state += ", written " + moment(s.HiveWritten) + hiveAge(s.HiveWritten, w)
	}
	return state
}

// hiveAge says how much older a hive is than the logs, from a day on; "" if it is not, or if that is not known.
func hiveAge(written string, w findings.Window) string {
	at, err := time.Parse(time.RFC3339Nano, written)
	first, err2 := time.Parse(time.RFC3339Nano, w.From)
	if days := int(first.Sub(at).Hours() / 24); err == nil && err2 == nil && days > 0 {
		return ": " + count(days, "day", "days") + " before the first record of the logs"
	}
	return ""
}

// hostTally says what was found on one of several machines.
func hostTally(v *view, system string) string {
	confirmed, suspected := v.Of(system)
	switch {
	case confirmed > 0 && suspected > 0:
		return number(confirmed) + " confirmed, " + number(suspected) + " suspected"
	case confirmed > 0:
		return number(confirmed) + " confirmed"
	case suspected > 0:
		return number(suspected) + " suspected"
	}
	return "nothing found"
}

// systemsHead heads the part on machines.
func systemsHead(v *view) string {
	if v.Hosts() {
		return "The machines"
	}
	return "The machine"
}

// pendingHead heads the pending renames of a machine. None recorded says nothing where there is no registry to record them.
func pendingHead(s findings.System) string {
	switch {
	case len(s.PendingRenames) > 0:
	case s.Hive == "":
		return "Pending file renames: not known, without this machine's SYSTEM hive or an export of it"
	default:
		return "No pending file renames are recorded"
	}
	return count(len(s.PendingRenames), "pending file rename", "pending file renames")
}

// renameWord says what the session manager is asked to do with a pair.
func renameWord(p findings.PendingRename) string {
	if p.Operation == "rename" && p.ReplaceExisting {
		return "rename, replacing the target"
	}
	return p.Operation
}

// pair is the number of the i-th rename within its registry value, from 1.
func pair(list []findings.PendingRename, i int) string {
	n := 1
	for _, p := range list[:i] {
		if p.Value == list[i].Value {
			n++
		}
	}
	return strconv.Itoa(n)
}

// codePages names a machine's ANSI and OEM code pages.
func codePages(s findings.System) string {
	ansi, oem := "unknown", "unknown"
	if s.CodePage != 0 {
		ansi = strconv.Itoa(s.CodePage)
	}
	if s.OEMCodePage != 0 {
		oem = strconv.Itoa(s.OEMCodePage)
	}
	return "ANSI " + ansi + ", OEM " + oem
}

// controlSet is the number as it stands in the key's name.
func controlSet(n int) string { return fmt.Sprintf("%03d", n) }

// between writes the first and last time of an artifact, the day once if it is the same.
func between(from, to string) (first, last string) {
	first, last = strings.TrimSuffix(moment(from), " UTC"), strings.TrimSuffix(moment(to), " UTC")
	const day = len("2006-01-02")
	switch {
	case first == "" || first == last:
		return last, ""
	case len(first) > day && len(last) > day && first[:day] == last[:day]:
		return first, last[day+1:]
	}
	return first, last
}

// reasonText says why a check that found nothing found nothing.
func reasonText(f item) string {
	switch {
	case f.Summary != "":
		return f.Summary
	case f.Reason == findings.ProductAbsent:
		return "Nothing in the upload shows the product."
	case f.Reason == findings.DataMissing:
		return "The upload lacks what the check needs."
	}
	return ""
}

// evidenceID is the anchor of a finding's piece of evidence.
func evidenceID(f item, i int) string { return f.Anchor + ".e" + strconv.Itoa(i+1) }

// madeBy says what made the page and where else its facts stand.
func madeBy(v *view) string {
	return "Made by " + strings.TrimSpace(v.Tool.Name+" "+v.Tool.Version) + " from the upload alone. The same facts, complete, stand in report.json (" + v.Schema + ") beside this page."
}

// stageMeaning says what a part of the work is.
func stageMeaning(s ingest.Stage) string {
	switch s {
	case ingest.StageOpen:
		return "could not be opened, or its name had to be changed"
	case ingest.StageRead:
		return "could not be read to its end"
	case ingest.StageLimit:
		return "left out by a limit; the message names the flag that raises it"
	case ingest.StageDecode:
		return "holds text that its encoding does not explain"
	case ingest.StageParse:
		return "holds something that its format does not allow"
	case ingest.StageSystem:
		return "could not be given to one machine for certain"
	case ingest.StageCheck:
		return "a check failed; that is a fault of casebook"
	case ingest.StageArchive:
		return "could not be added to the index"
	}
	return string(s)
}

// kindWord is what a mark of the time line is.
func kindWord(k findings.MarkKind) string {
	switch k {
	case findings.MarkIncident:
		return "incident"
	case findings.MarkFinding:
		return "findings"
	case findings.MarkKey:
		return "keys written"
	case findings.MarkBoot:
		return "boots"
	case findings.MarkShutdown:
		return "shutdowns"
	case findings.MarkInstall:
		return "installs"
	case findings.MarkCapture:
		return "capture"
	case findings.MarkClockJump:
		return "clock goes back"
	case findings.MarkGap:
		return "gaps"
	}
	return "other"
}

// sideWord heads what speaks for an explanation, or against it.
func sideWord(r findings.Role) string {
	if r == findings.Contradicts {
		return "against"
	}
	return "for"
}

// kindWords says how much a kind of artifacts holds.
func kindWords(k kindCount) string {
	s := " " + size(k.bytes)
	if k.records > 0 {
		s += ", " + count(k.records, "record", "records")
	}
	return s
}

// countsLabel names the table of a chart's numbers.
func countsLabel(c *chart) string {
	if c.utc {
		return "Records by time, in UTC"
	}
	return "Records by time, offset unknown"
}

// legendHead says what is drawn, up to the errors.
func legendHead(c *chart) string {
	if c.utc {
		return ". Above the line all records, below it"
	}
	return ", by each log's own clock, offset unknown. Above the line all records, below it"
}

// legendTail says the rest.
func legendTail(c *chart) string {
	if c.incident >= 0 {
		return ". Heights are logarithmic. The dashed line is the incident."
	}
	return ". Heights are logarithmic."
}

// markWord is what one mark of the time line is.
func markWord(k findings.MarkKind) string {
	switch k {
	case findings.MarkIncident:
		return "the incident"
	case findings.MarkFinding:
		return "finding"
	case findings.MarkKey:
		return "key written"
	case findings.MarkBoot:
		return "boot"
	case findings.MarkShutdown:
		return "shutdown"
	case findings.MarkInstall:
		return "installation"
	case findings.MarkCapture:
		return "capture"
	case findings.MarkClockJump:
		return "clock"
	case findings.MarkGap:
		return "gap"
	}
	return string(k)
}

// plotLabel describes the plot of all logs.
func plotLabel(c *chart) string {
	records, warnings, errors := c.sums()
	return fmt.Sprintf("%s, %s, %s in %s from %s", count(records, "record", "records"), count(warnings, "warning", "warnings"), count(errors, "error", "errors"), count(len(c.rows), "log", "logs"), c.span())
}

// stripCounts says what a log holds.
func stripCounts(s strip) string {
	out := count(s.records, "record", "records")
	if s.warnings > 0 {
		out += ", " + count(s.warnings, "warning", "warnings")
	}
	if s.errors > 0 {
		out += ", " + count(s.errors, "error", "errors")
	}
	return out
}

// stripLabel describes the plot of one log.
func stripLabel(s strip) string {
	return s.Artifact + ": " + stripCounts(s) + ", from " + wall(s.first) + " to " + wall(s.last)
}

// laneLabel describes a row of marks.
func laneLabel(l lane) string {
	var s []string
	for _, g := range l.glyphs {
		s = append(s, glyphTitle(g))
	}
	return kindWord(l.kind) + ": " + clip(strings.Join(s, "; "), maxLine)
}

// localTime says what a log's clock showed, where that is not UTC, and of a registry key what its time is.
func localTime(e findings.Evidence) string {
	reading, zone := wallOf(e.LocalTime)
	switch {
	case e.Key != "" && e.Time != "":
		return "the key was last written"
	case reading == "" || zone == "UTC+00:00":
		return ""
	case zone == "":
		return "clock: " + reading
	}
	return "clock: " + reading + ", " + zone
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	first, _, _ := strings.Cut(s, " ")
	if r == utf8.RuneError || strings.ContainsAny(strings.TrimRight(first, ".,:;"), "./\\") { // the name of a file keeps its letters
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

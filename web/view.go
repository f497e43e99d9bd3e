package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	slashed "path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
)

// What the page shows of long lists; the rest is in report.json, and the page says how many that are.
const (
	maxFindings   = 200 // findings shown in full, of those confirmed and suspected
	maxRows       = 500 // rows of the matrix of checks, of each of its parts
	maxEvidence   = 40  // pieces of evidence of one finding
	openEvidence  = 6   // of which so many stand open; the rest is folded
	maxContext    = 8   // lines before, and lines after a quote
	maxLine       = 300 // characters of such a line
	maxNotable    = 20  // first errors
	maxMachines   = 100
	maxUploads    = 200
	maxArtifacts  = 2000 // rows of the table of artifacts; those that evidence cites come in addition
	maxProblems   = 2000
	maxPending    = 500 // of one system
	maxMounted    = 200 // of one system
	maxVariables  = 200 // of one system's environment
	maxUnsettled  = 3   // missing things named in the verdict for each suspected finding
	maxSteps      = 4   // steps of the first finding's remedy in the verdict
	maxBriefs     = 6   // findings named in the verdict beside the first
	maxSame       = 12  // rows of one check in the matrix, of each of its parts
	maxAbout      = 12  // findings named at a machine
	maxContenders = 4   // other suspicions beside a suspicion
	maxScales     = 3   // pieces of evidence for an explanation, and against it, where several stand side by side
	maxGist       = 160 // characters of such a piece
	maxBefore     = 10  // what happened before the incident
	maxErrorKinds = 15
	maxShort      = 8    // problems that the first page lists; if there are more it counts them
	maxServices   = 2000 // rows of services, and of products and patches, of one system
	maxFolders    = 400
	maxSequences  = 200

	// The first page stays small: once the findings have taken so many bytes, the others are shown with less, and then not at all.
	fullFindings = 220_000
	allFindings  = 330_000
)

// view is a report in the order in which it is read, with an anchor for everything that can be linked to.
type view struct {
	*findings.Report
	Uploads []findings.Upload // of one or of several

	// The findings by what the page does with them. Info never counts as a cause, whatever its verdict.
	Causes       []item // confirmed, gravest first, those that are over last
	Suspected    []item
	Notes        []item // confirmed or suspected, of severity info
	RuledOut     []item
	DataMissing  []item // not evaluated: the product is there, the data is not
	ProductUnmet []item // not evaluated: nothing shows the product

	Told     []item    // the causes, suspicions and notes that the page shows in full
	Machines []machine // the systems that the page shows
	All      []file    // the artifacts
	Files    []file    // those that one document shows

	// How many of these the page leaves out.
	Untold, Unshown, Unlisted int

	byName   map[string]string   // a file's name in lower case to the first artifact that has it
	owners   map[string]string   // an artifact to the id of its system
	machines map[string]string   // a shown system's id to its anchor
	files    map[string]place    // a shown artifact's path to its row
	anchored map[string]bool     // the anchors of the findings that the page shows
	keys     map[keyName]keyLink // the registry keys that are shown
	leaves   []filesLeaf         // the pages of the list of files
	utc      *chart              // of the logs whose offset is known, nil if there are none
	local    *chart              // of the others
	attached *attachments        // nil where the report is more than one document, or no records are at hand
	site     *Site               // nil where one document is all there is
	bar      *Bar                // nil where the page is none of an archive that is served
	here     string              // the page that is drawn
	depths   map[string]depth    // how deeply a finding is shown, by anchor
}

// depth says how much of a finding's evidence is shown.
type depth struct {
	evidence int // pieces
	context  int // lines before and after each
}

// How deeply a finding is shown.
var (
	fully   = depth{maxEvidence, maxContext}
	briefly = depth{openEvidence, 0}
)

// place is where something is shown.
type place struct{ page, anchor string }

// item is a finding with its anchor.
type item struct {
	findings.Finding
	Anchor string
}

// machine is a system with its anchor.
type machine struct {
	findings.System
	Anchor string
	page   string // where its registry is shown
}

// file is an artifact with its anchor.
type file struct {
	findings.Artifact
	Anchor    string
	dir, base string // the folder, "" for that of the upload, and the name within
}

func newView(r *findings.Report) *view {
	v := &view{Report: r, Uploads: r.Bundles, here: PageIndex}
	if r.Bundle != nil {
		v.Uploads = append([]findings.Upload{*r.Bundle}, v.Uploads...)
	}
	v.owners = make(map[string]string, len(r.Artifacts))
	v.byName = make(map[string]string, len(r.Artifacts))
	for _, a := range r.Artifacts {
		v.owners[a.Path] = a.System
		if name := strings.ToLower(slashed.Base(a.Path)); v.byName[name] == "" {
			v.byName[name] = a.Path
		}
	}
	used := anchors{}
	for _, name := range sections {
		used.take(name)
	}
	v.place(used)
	var list []findings.System
	list, v.Unshown = head(r.Systems, maxMachines)
	v.machines = make(map[string]string, len(list))
	for _, s := range list {
		m := machine{System: s, Anchor: used.take("system-" + slug(s.ID)), page: PageRegistry}
		v.Machines = append(v.Machines, m)
		v.machines[s.ID] = m.Anchor
	}
	v.list(used)
	v.excerpts(used)
	v.utc, v.local = newChart(&r.Timeline, true), newChart(&r.Timeline, false)
	return v
}

// paginate spreads what is long over the pages of a site.
func (v *view) paginate() {
	if len(v.Machines) > 1 {
		for i := range v.Machines {
			v.Machines[i].page = FolderRegistry + "/" + strings.TrimPrefix(v.Machines[i].Anchor, "system-") + ".html"
		}
	}
	v.spread()
}

// on is the view for another page.
func (v *view) on(page string) *view {
	w := *v
	w.here = page
	return &w
}

// href is the link to an anchor of a page; "" is the page itself.
func (v *view) href(page, anchor string) templ.SafeURL {
	if v.site == nil || page == v.here {
		return link(cmp.Or(anchor, "content"))
	}
	to := up(v.here) + page
	if anchor != "" {
		to += "#" + anchor
	}
	return templ.SafeURL(to)
}

// namedPage is a page with its name for people.
type namedPage struct{ name, title string }

// pages lists the pages of the site that the heading of each leads to.
func (v *view) pages() []namedPage {
	pages := []namedPage{{PageIndex, titleIndex}, {PageTimeline, titleTimeline}, {PageRegistry, titleRegistry}, {PageFiles, titleFiles}}
	if v.site != nil && v.site.live {
		pages = append(pages, namedPage{PageNotes, titleNotes}, namedPage{PageSimilar, titleSimilar})
	}
	if v.site != nil && v.site.Changes != "" {
		pages = append(pages, namedPage{v.site.Changes, titleChanges})
	}
	return pages
}

// place sorts the findings into their groups and gives each its anchor: the check's ID, and its subject's where the check says several things.
func (v *view) place(used anchors) {
	several := map[string]int{}
	for i := range v.Findings {
		several[v.Findings[i].Check]++
	}
	order := slices.Clone(v.Findings)
	slices.SortStableFunc(order, func(a, b findings.Finding) int {
		return cmp.Or(
			cmp.Compare(verdictRank(a.Verdict), verdictRank(b.Verdict)),
			cmp.Compare(stateRank(a.State), stateRank(b.State)),
			cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
		)
	})
	for _, f := range order {
		id := slug(f.Check)
		if several[f.Check] > 1 {
			id = strings.TrimSuffix(id+"-"+slug(cmp.Or(f.Subject, f.System)), "-")
		}
		it := item{Finding: f, Anchor: used.take(id)}
		told := f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected
		switch {
		case told && f.Severity == findings.Info:
			v.Notes = append(v.Notes, it)
		case f.Verdict == findings.Confirmed:
			v.Causes = append(v.Causes, it)
		case f.Verdict == findings.Suspected:
			v.Suspected = append(v.Suspected, it)
		case f.Verdict == findings.RuledOut:
			v.RuledOut = append(v.RuledOut, it)
		case f.Reason == findings.ProductAbsent:
			v.ProductUnmet = append(v.ProductUnmet, it)
		default:
			v.DataMissing = append(v.DataMissing, it)
		}
	}
	v.Told, v.Untold = head(slices.Concat(v.Causes, v.Suspected, v.Notes), maxFindings)
	v.anchored, v.depths = map[string]bool{}, map[string]depth{}
	taken := 0
	for i, it := range v.Told {
		n, d := weightOf(it.Finding, fully), fully
		if taken+n > fullFindings {
			n, d = weightOf(it.Finding, briefly), briefly
		}
		if taken += n; taken > allFindings && i > 0 {
			v.Untold += len(v.Told) - i
			v.Told = v.Told[:i]
			break
		}
		v.anchored[it.Anchor], v.depths[it.Anchor] = true, d
	}
	for _, group := range [][]item{v.RuledOut, v.DataMissing} {
		shown, _ := v.shownRows(group)
		for _, it := range shown {
			v.anchored[it.Anchor] = true
		}
	}
	for _, it := range v.shownUnmet() {
		v.anchored[it.Anchor] = true
	}
}

// weightOf estimates the bytes that a finding takes on the page.
func weightOf(f findings.Finding, d depth) int {
	n := 2500 + len(f.Title) + 2*len(f.Summary) + len(f.Cause) + len(f.Risk) + len(f.Undo) + len(f.Cured) + len(f.Overturns)
	for _, s := range f.Remedy {
		n += 20 + len(s)
	}
	for _, m := range f.Missing {
		n += 100 + len(m.What) + len(m.Why) + len(m.Collect)
	}
	for i, e := range f.Evidence {
		if i == d.evidence {
			break
		}
		n += 900 + len(e.Quote) + len(e.Note)
		for _, s := range slices.Concat(tail(e.Before, d.context), e.After[:min(d.context, len(e.After))]) {
			n += 90 + min(len(s), maxLine)
		}
	}
	return n
}

// shownRows returns the findings of a part of the matrix that have a row: some of each check, so that none hides the others.
func (v *view) shownRows(group []item) (list []item, more int) {
	same := map[string]int{}
	for _, it := range group {
		if same[it.Check]++; same[it.Check] > maxSame || len(list) == maxRows {
			more++
			continue
		}
		list = append(list, it)
	}
	return list, more
}

// shownUnmet returns the checks of products that nothing shows, each once.
func (v *view) shownUnmet() []item {
	list, _ := head(v.ProductUnmet, maxRows)
	return list
}

// hostOf is the anchor of the machine that a finding is about, "" if it is about none or several.
func (v *view) hostOf(f item) string { return v.machines[f.System] }

// About lists what was confirmed and suspected of a machine.
func (v *view) About(system string) []item {
	var out []item
	for _, it := range v.Told {
		if it.System == system {
			out = append(out, it)
		}
	}
	return out
}

// piece is a piece of evidence with the link to where it is shown.
type piece struct {
	findings.Evidence
	to templ.SafeURL
}

// pieces lists a finding's evidence of a role.
func (v *view) pieces(f item, role findings.Role) []piece {
	var out []piece
	for i, e := range byRole(f.Evidence) {
		if e.Role != role {
			continue
		}
		to := v.Link(f)
		if v.anchored[f.Anchor] && i < v.depths[f.Anchor].evidence {
			to = v.href(PageIndex, evidenceID(f, i))
		}
		out = append(out, piece{e, to})
	}
	return out
}

// notableContext is how many lines stand around a first error.
func (v *view) notableContext() int {
	if v.Lead() == nil {
		return 2
	}
	return 0
}

// list gives each artifact its anchor. A site shows all of them; one document the first ones, and all that evidence cites.
func (v *view) list(used anchors) {
	cited := map[string]bool{}
	cite := func(list []findings.Evidence) {
		for _, e := range list {
			cited[e.Artifact] = true
		}
	}
	for i := range v.Findings {
		cite(v.Findings[i].Evidence)
	}
	cite(v.Notable)
	v.files = make(map[string]place, len(v.Artifacts))
	for i, a := range v.Artifacts {
		dir, base := "", a.Path
		if at := strings.LastIndexByte(a.Path, '/'); at >= 0 {
			dir, base = a.Path[:at], a.Path[at+1:]
		}
		f := file{Artifact: a, Anchor: used.take("f-" + shortHash(a.Path)), dir: dir, base: base}
		v.All = append(v.All, f)
		if i < maxArtifacts || cited[a.Path] {
			v.Files = append(v.Files, f)
			v.files[a.Path] = place{PageFiles, f.Anchor}
		}
	}
	v.Unlisted = len(v.Artifacts) - len(v.Files)
}

// Lead returns the finding that the page opens with, or nil if nothing is confirmed or suspected that counts as a cause.
// A problem that is over yields to one that is suspected and not over.
func (v *view) Lead() *item {
	switch {
	case len(v.Causes) > 0 && v.Causes[0].State != findings.Resolved:
		return &v.Causes[0]
	case len(v.Suspected) > 0 && v.Suspected[0].State != findings.Resolved:
		return &v.Suspected[0]
	case len(v.Causes) > 0:
		return &v.Causes[0]
	case len(v.Suspected) > 0:
		return &v.Suspected[0]
	}
	return nil
}

// Beside returns the findings of list without the lead: those that are over, or those that are not.
func (v *view) Beside(list []item, over bool) []item {
	lead := v.Lead()
	return slices.DeleteFunc(slices.Clone(list), func(it item) bool {
		return lead != nil && it.Anchor == lead.Anchor || (it.State == findings.Resolved) != over
	})
}

// Unreadable says whether the upload gave nothing to judge by: no artifact at all, or none that is a text or a registry.
func (v *view) Unreadable() bool {
	return !slices.ContainsFunc(v.Artifacts, func(a findings.Artifact) bool {
		switch a.Kind {
		case ingest.KindEmpty, ingest.KindBinary, ingest.KindArchive, ingest.KindUnread, ingest.KindHiveLog:
			return false
		default:
			return a.SHA256 != ""
		}
	})
}

// Contenders returns what stands beside a finding as another explanation: if many things are suspected none of them, since then they are not rivals
// but a list.
func (v *view) Contenders(it item) []item {
	if list := v.Rivals(it); len(list) <= maxContenders {
		return list
	}
	return nil
}

// Rivals returns what else is suspected of the machine of a suspicion: nothing is proven yet, so each may be the cause.
func (v *view) Rivals(it item) []item {
	var rivals []item
	if it.Verdict != findings.Suspected {
		return nil
	}
	for _, s := range v.Suspected {
		if s.Anchor != it.Anchor && (s.System == it.System || s.System == "" || it.System == "") {
			rivals = append(rivals, s)
		}
	}
	return rivals
}

// namedFile is a file of the upload that a text names.
type namedFile struct{ name, path string }

// citedFile is the name of a file in a sentence of a check.
var citedFile = regexp.MustCompile(`\b[A-Za-z0-9_-]+\.(?i:log|lo_|evtx?|csv|txt|ini|dat|xml|ct0|tcf|pol)\b`)

// named returns the files of the upload that the answer to another explanation names, the first of each name.
func (v *view) named(r findings.Rival) []namedFile {
	var out []namedFile
	for _, name := range citedFile.FindAllString(r.Verdict, -1) {
		if path, ok := v.byName[strings.ToLower(name)]; ok && !slices.Contains(out, namedFile{name, path}) {
			out = append(out, namedFile{name, path})
		}
	}
	return out
}

// standingWord is how another explanation stands, by the word that the answer to it begins with.
type standingWord string

// The words with which checks begin their answers.
const (
	rivalOpen      standingWord = "Open"
	rivalSupported standingWord = "Supported"
	rivalExcluded  standingWord = "Excluded"
	rivalSilent    standingWord = "Not borne out"
)

// standsAt parts the answer to another explanation into how it stands and why; the standing is "" where the answer begins otherwise.
func standsAt(r findings.Rival) (s standingWord, why string) {
	for _, s := range []standingWord{rivalOpen, rivalSupported, rivalExcluded, rivalSilent} {
		if rest, ok := strings.CutPrefix(r.Verdict, string(s)+": "); ok {
			return s, rest
		}
	}
	return "", r.Verdict
}

// doubts are the explanations beside a proven finding that the upload does not exclude.
func doubts(f item) []findings.Rival {
	if f.Verdict != findings.Confirmed {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Rivals), func(r findings.Rival) bool {
		s, _ := standsAt(r)
		return s != rivalOpen && s != rivalSupported
	})
}

// Clocks counts the logs whose times have a known offset, and the logs that have times.
func (v *view) Clocks() (certain, logs int) {
	for _, a := range v.Artifacts {
		if !strings.HasPrefix(string(a.Kind), "log/") {
			continue
		}
		switch a.Clock {
		case "stated", "system":
			certain++
			logs++
		case "unknown":
			logs++
		}
	}
	return certain, logs
}

// Unread counts the artifacts that were not read, or not to their end.
func (v *view) Unread() int {
	paths := map[string]bool{}
	for _, a := range v.Artifacts {
		if a.Truncated || a.Kind == ingest.KindUnread {
			paths[a.Path] = true
		}
	}
	for _, p := range v.Problems {
		switch p.Stage {
		case ingest.StageOpen, ingest.StageRead, ingest.StageLimit, ingest.StageDecode, ingest.StageParse:
			paths[p.Artifact] = true
		default: // of our own work, not of the reading
		}
	}
	delete(paths, "")
	return len(paths)
}

// Refused returns the problems that are refusals, and the others.
func (v *view) Refused() (refused, other []ingest.Problem) {
	for _, p := range v.Problems {
		if p.Refused != "" {
			refused = append(refused, p)
		} else {
			other = append(other, p)
		}
	}
	return refused, other
}

// Bytes is how much the artifacts hold.
func (v *view) Bytes() int64 {
	var n int64
	for _, a := range v.Artifacts {
		n += a.Bytes
	}
	return n
}

// Hosts says whether the page has to say which machine something is about.
func (v *view) Hosts() bool { return len(v.Systems) > 1 }

// Of returns the counts of confirmed and suspected causes of a system.
func (v *view) Of(system string) (confirmed, suspected int) {
	of := func(list []item) (n int) {
		for _, it := range list {
			if it.System == system || it.System == "" && v.names(it, system) {
				n++
			}
		}
		return n
	}
	return of(v.Causes), of(v.Suspected)
}

// names reports whether a finding about several machines rests on evidence from this one.
func (v *view) names(it item, system string) bool {
	return slices.ContainsFunc(it.Evidence, func(e findings.Evidence) bool {
		owner, ok := v.owners[e.Artifact]
		return ok && owner == system && e.Role == findings.Supports
	})
}

// Link returns the link to a finding, or to the part of the page that says how many are left out.
func (v *view) Link(it item) templ.SafeURL {
	if v.anchored[it.Anchor] {
		return v.href(PageIndex, it.Anchor)
	}
	return v.href(PageIndex, "checks")
}

// CheckLink returns the link to the first finding of a check, false if the page shows none.
func (v *view) CheckLink(check string) (templ.SafeURL, bool) {
	for _, list := range [][]item{v.Told, v.RuledOut, v.DataMissing, v.ProductUnmet} {
		for _, it := range list {
			if it.Check == check && v.anchored[it.Anchor] {
				return v.href(PageIndex, it.Anchor), true
			}
		}
	}
	return "", false
}

// MachineLink returns the link to what the report says of a machine, false if it is not shown.
func (v *view) MachineLink(id string) (templ.SafeURL, bool) {
	anchor, ok := v.machines[id]
	return v.href(PageIndex, anchor), ok
}

// FileLink returns the link to an artifact's row, false if no table has it.
func (v *view) FileLink(path string) (templ.SafeURL, bool) {
	to, ok := v.files[path]
	return v.href(to.page, to.anchor), ok
}

// LogLink returns the link to an artifact's records, false if none are shown.
func (v *view) LogLink(path string) (templ.SafeURL, bool) {
	if v.site == nil {
		return "", false
	}
	name, ok := v.site.pages[path]
	return templ.SafeURL(up(v.here) + name), ok
}

// LogNote says why an artifact's records are not shown, or not all of them; "" if they are, or were not asked for.
func (v *view) LogNote(path string) string {
	if v.site == nil {
		return ""
	}
	return v.site.unseen[path]
}

// RecordLink returns the link to a line's record, false if that is not shown.
func (v *view) RecordLink(artifact string, line int) (templ.SafeURL, bool) {
	if to, ok := v.attached.link(artifact, line); ok {
		return to, true
	}
	l, ok := v.site.leafOf(artifact, line)
	return templ.SafeURL(up(v.here) + l.file + "#L" + strconv.Itoa(line)), ok
}

// weight tells how the evidence of a finding is spread.
type weight struct{ supports, contradicts, files int }

func weigh(list []findings.Evidence) weight {
	var w weight
	paths := map[string]bool{}
	for _, e := range list {
		switch e.Role {
		case findings.Supports:
			w.supports++
			paths[e.Artifact] = true
		case findings.Contradicts:
			w.contradicts++
		default: // context weighs nothing
		}
	}
	w.files = len(paths)
	return w
}

// byRole returns the evidence with supporting pieces first, then contradicting ones, then context, each in the check's order.
func byRole(list []findings.Evidence) []findings.Evidence {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b findings.Evidence) int { return cmp.Compare(roleRank(a.Role), roleRank(b.Role)) })
	return list
}

// rank is the place of x in the order of a vocabulary; what is no part of it comes last.
func rank[T comparable](order []T, x T) int {
	if i := slices.Index(order, x); i >= 0 {
		return i
	}
	return len(order)
}

func verdictRank(x findings.Verdict) int {
	return rank([]findings.Verdict{findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated}, x)
}

// stateRank puts what is over behind what is not.
func stateRank(x findings.State) int {
	if x == findings.Resolved {
		return 1
	}
	return 0
}

func severityRank(x findings.Severity) int { return rank(findings.Severities(), x) }

func roleRank(x findings.Role) int {
	return rank([]findings.Role{findings.Supports, findings.Contradicts, findings.Context}, x)
}

// head returns the first n of list and how many are left out.
func head[T any](list []T, n int) (first []T, more int) {
	if len(list) <= n {
		return list, 0
	}
	return list[:n], len(list) - n
}

// tail returns the last n of list.
func tail[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// clip cuts a line of context after n characters.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// parts cuts a registry value's quote after each ` | ` that joins its strings, so that each can have its own line. Joined, the parts
// are the quote. An empty last string has no line.
func parts(e findings.Evidence) []string {
	if e.Value == nil {
		return []string{e.Quote}
	}
	list := strings.SplitAfter(e.Quote, " | ")
	if n := len(list) - 1; n > 0 && list[n] == "" {
		list = list[:n]
	}
	return list
}

// link is the link to an anchor of this page.
func link(id string) templ.SafeURL { return templ.SafeURL("#" + id) }

// external returns the link to a reference, false if the address is anything but https: it is then shown as text.
func external(address string) (templ.SafeURL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || plain(address) != address {
		return "", false
	}
	return templ.SafeURL(u.String()), true
}

// sections are the anchors of the page's own parts; no finding takes them.
var sections = []string{
	"content", "verdict", "findings", "notable", "request", "checks", "systems", "artifacts", "problems", "upload", "attached",
	"note", "before", "errors", "timeline", "marks", "logs", "logs-local", "registry", "keys", "files", "folders", "lacking", "sequences", "sensitive", "hosts", "contest", "verdict-say", "reports", "absent", "counts", "counts-local", "timeline-local", "refused",
}

// anchors are the ids that a page has given away.
type anchors map[string]bool

// take returns the id, made unique by a number.
func (a anchors) take(id string) string {
	id = cmp.Or(id, "x")
	unique := id
	for n := 2; a[unique]; n++ {
		unique = id + "-" + strconv.Itoa(n)
	}
	a[unique] = true
	return unique
}

// maxSlug bounds an id's length; longer strings, and those with nothing to keep, are told apart by their hash.
const maxSlug = 48

// slug turns a string into a part of an id: lower-case ASCII letters, digits and hyphens. The same string always gives the same slug.
func slug(s string) string {
	var b strings.Builder
	lost := false
	for _, r := range s {
		switch {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		default:
			lost = lost || r > 0x7f
			r = '-'
		}
		if r == '-' && (b.Len() == 0 || strings.HasSuffix(b.String(), "-")) {
			continue
		}
		if b.Len() == maxSlug {
			lost = true
			break
		}
		b.WriteRune(r)
	}
	id := strings.TrimSuffix(b.String(), "-")
	if s != "" && (lost || id == "") {
		id = strings.TrimPrefix(id+"-"+shortHash(s), "-")
	}
	return id
}

// shortHash tells strings apart well enough for an id.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const boundaryHangID = "configmgr-updates-boundary-hang"

// A client asks for the sources of an update by its place in the network. A machine that no boundary covers gets none, and the step waits for
// them without end. The code alone has other causes too, so the proof is the list of boundaries.
var configmgrUpdatesBoundaryHang = &findings.Check{
	ID:       boundaryHangID,
	Title:    "Install Software Updates hangs: no boundary covers the machine, so it is given no source for the updates",
	Severity: findings.High,
	Product: findings.Product{
		// Many bundles of a client have nothing to do with updates, and their senders are not asked for these logs.
		Name: "software updates by ConfigMgr", Words: []string{"smsts", "updateshandler", "updatehandler", "updatesdeployment", "updatesstore", "wuahandler"},
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(updateLogs(f)) > 0 || len(facts.Values[*extract.Boundaries](f)) > 0
		},
		What: "UpdatesHandler.log and smsts.log of the machine", Why: "they show the code and how far the installation of the updates came",
		Collect: updatesLogs,
	}},
	Signals: append([]match.Signal{
		{
			Name: boundaryHangID + "/code", Kinds: clientLogKinds, Literals: []string{"80040669", "-2147219863", "2147747433"},
			Pattern: `(?i)\b(?:0x)?80040669\b|-2147219863\b|\b2147747433\b`,
		},
		{
			Name: boundaryHangID + "/installing", Kinds: clientLogKinds, Literals: []string{"Installing update", "Installing software update", "wird installiert", "Installation de la mise"},
			Pattern: `(?i)\bInstalling (?:software )?updates?\b(?:\W{0,4}(?P<n>\d{1,4}) ?(?:of|/) ?(?P<of>\d{1,4}))?|\bUpdate \d{1,4} von \d{1,4} wird installiert|Installation de la mise à jour \d{1,4} sur \d{1,4}`,
		},
		{
			Name: boundaryHangID + "/ended", Kinds: clientLogKinds,
			Literals: []string{
				"The action (", "Start executing", "Execution engine result", "successfully installed", "been installed", "were installed", "Installation of", "Failed to install",
				"installation completed", "installation failed", "install completed", "Successfully completed", "Task sequence", "finished installing",
			},
			Pattern: `(?i)The action \(.+?\) (?:has|was|is|failed|completed)|Start executing (?:an |the )?(?:instruction|command)|Execution engine result code` +
				`|\bupdates? (?:\S+ )?(?:has|have|was|were) (?:been )?(?:successfully )?installed|(?:successfully|finished) install(?:ed|ing) (?:\S+ )?(?:software )?updates?` +
				`|Installation of (?:the |all )?(?:software )?updates? (?:\S+ )?(?:is |was |has |have )?(?:been )?(?:completed?|finished|succeeded|failed)|Failed to install (?:the |all )?(?:software )?updates?` +
				`|updates? install(?:ation)? (?:completed|failed)|Successfully completed (?:the )?task sequence|Task sequence (?:execution |engine )?(?:completed|succeeded|failed)`,
		},
		{
			// The handler of updates at work: it was asked to install, or has done a job.
			Name: boundaryHangID + "/worked", Kinds: clientLogKinds, Literals: []string{"CompleteJob - Job", "action (INSTALL)", "Updates scan completion received, result = 0x0"},
		},
		{
			Name: boundaryHangID + "/management-point", Kinds: clientLogKinds,
			Literals: []string{"management point", "0x87d00231", "ailed to send location", "No MP "},
			Pattern:  `(?i)(?:failed|unable|cannot|can't|could not|no|not)\b[^\n]*?\bmanagement point|management point[^\n]*?\b(?:not found|failed|unavailable|not respond)|0x87d00231|failed to send location|\bNo MP `,
		},
		{
			Name: boundaryHangID + "/content", Kinds: clientLogKinds,
			Literals: []string{"distribution point", "no content", "content location", "0 DP", "No locations"},
			Pattern:  `(?i)\b(?:no|0|failed|without|zero|empty)\b[^\n]*?\b(?:distribution points?|DPs?|content locations?|locations)\b|distribution points?[^\n]*?\b(?:not found|not available|none)`,
		},
		{
			Name: boundaryHangID + "/update-point", Kinds: clientLogKinds,
			Literals: []string{"Scan failed", "overwritten by a higher authority", "0x8024", "no WSUS", "software update point"},
			Pattern:  `(?i)scan failed|overwritten by a higher authority|0x8024[0-9a-f]{4}|no WSUS|(?:no|failed|not)\b[^\n]*?software update point`,
		},
	}, networkSignals(boundaryHangID)...),
	Observe: &facts.Watch{Kinds: networkKinds, New: func(*ingest.Artifact) facts.Observer { return &networkObserver{id: boundaryHangID} }},
	Doc: findings.Doc{
		Cause: "The machine lies in no boundary of the site, so that it is given no distribution point for the updates, and the step waits for their content without a limit of time. " +
			"Boundaries that are Active Directory sites do not cover a machine outside the domain, which a build-and-capture task sequence runs on.",
		Remedy: []string{
			"Add an IP range boundary that covers the machine's addresses to the site, and assign distribution points to it; a range works for machines outside the domain too.",
			"Before that, check that the range overlaps no boundary of another site.",
			"Restart the task sequence; the step that hangs does not recover by itself.",
		},
		Risk:       "A client in boundaries of two sites may be assigned to either, and takes its content from a distribution point that may lie behind a slow line. The task sequence begins again, so that what it did before the step is done twice.",
		Undo:       "Delete the boundary (or take it out of its group) in the console; clients see it with their next location request. A task sequence that was ended can't be taken up where it stood.",
		Cured:      `smsts.log has lines behind the last "Installing update", and UpdatesHandler.log of the same run holds no 0x80040669.`,
		Overturns:  "A whole list of the boundaries of every site in which a range, subnet or AD site covers the machine; an ipconfig of the machine with another address at the time; an end of the step in smsts.log; an error of management point, content or update point in the same minutes (LocationServices.log, ContentTransferManager.log, WUAHandler.log).",
		Proves:     []string{"The code 0x80040669, an \"Installing update\" without an end, and a list of the site's boundaries none of which covers an address of the machine, or can: a site's name covers no machine outside the domain."},
		Suggests:   []string{"The code and the unfinished installation without a list of boundaries, or where the list or the machine's place does not decide.", "The code alone."},
		Exonerates: []string{"A range, a subnet or the machine's own site covers one of its addresses.", "The step ended.", "UpdatesHandler.log holds neither such a code nor another error, or logs that show an installation of updates hold no such code."},
		FalsePositives: "The meaning of 0x80040669 is published nowhere, and it was met with other causes. A long update looks like a hang: installing a service pack may take an hour. " +
			"A subnet boundary holds the subnet's first address, which only together with the machine's mask tells whether it covers it.",
		NotCovered: "Boundary groups and which distribution points they hold, and boundaries of other sites that are not in the list.",
		References: []findings.Reference{
			{Title: "SMS_Boundary server WMI class", URL: "https://learn.microsoft.com/en-us/mem/configmgr/develop/reference/core/servers/configure/sms_boundary-server-wmi-class"},
			{Title: "Define site boundaries", URL: "https://learn.microsoft.com/en-us/mem/configmgr/core/servers/deploy/configure/boundaries"},
		},
	},
	Rests:  restsOn(boundaryHangID+"/code", boundaryHangID+"/installing"),
	RunAll: runBoundaryHang,
}

const updatesLogs = `%windir%\CCM\Logs\UpdatesHandler.log and smsts.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs; smsts.log of a running task sequence also in its subfolder SMSTSLog or in %TEMP%\SMSTSLog)`

var clientLogKinds = []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogText), string(ingest.KindLogTable), string(ingest.KindText)}

// What settles a case that is only suspected.
var (
	boundaryListNeed = findings.Missing{
		What: "the list of the site's boundaries", Why: "whether one of them covers the machine is what proves or refutes the cause",
		Collect: `powershell "Get-WmiObject -ComputerName SITESERVER -Namespace root\sms\site_SITECODE -Class SMS_Boundary | Select-Object DisplayName,BoundaryType,Value | Export-Csv $env:PUBLIC\boundaries.csv -NoTypeInformation"`,
	}
	addressNeed = findings.Missing{
		What: "the machine's addresses at the time of the hang", Why: "they tell whether a boundary covers it",
		Collect: `ipconfig /all > "%PUBLIC%\ipconfig.txt"`,
	}
	domainNeed = findings.Missing{
		What: "whether the machine is in a domain, and its Active Directory site", Why: "a boundary that is a site covers only a machine of the domain in that site",
		Collect: `(wmic computersystem get Domain,PartOfDomain /value & nltest /dsgetsite) > "%PUBLIC%\domain.txt"
reg query HKLM\SYSTEM\CurrentControlSet\Services\Netlogon\Parameters /v DynamicSiteName /reg:64 >> "%PUBLIC%\domain.txt"`,
	}
	updatesHandlerNeed = findings.Missing{What: "UpdatesHandler.log of the machine", Why: "it shows whether the installation met 0x80040669", Collect: updatesLogs}
	laterNeed          = findings.Missing{What: "smsts.log and UpdatesHandler.log of an hour later, or the word that the step still stands there", Why: "they show that the step hangs and is not merely slow", Collect: updatesLogs}
	smstsNeed          = findings.Missing{What: "smsts.log of the task sequence", Why: "it shows whether the installation of the updates came to an end", Collect: updatesLogs}
)

// isUpdateLog tells by the name of an artifact whether it is a log in which the step leaves traces.
func isUpdateLog(a *ingest.Artifact) (handler, sequence bool) {
	return logNamed("updatehandler", "updateshandler")(a), logNamed("smsts")(a)
}

func updateLogs(f *facts.Facts) []*ingest.Artifact {
	var out []*ingest.Artifact
	for _, a := range f.Artifacts {
		if h, s := isUpdateLog(a); (h || s) && a.Records > 0 {
			out = append(out, a)
		}
	}
	for _, m := range slices.Concat(stepLines(f, "code"), stepLines(f, "installing")) {
		if a := f.Artifact(m.Ref.Artifact); a != nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// stepLines are the lines of a signal that the step or its handler has written; the code and the words occur in other logs too.
func stepLines(f *facts.Facts, signal string) []facts.Match {
	var out []facts.Match
	for _, m := range f.Matches(boundaryHangID + "/" + signal).Kept {
		handler, sequence := isUpdateLog(&ingest.Artifact{Path: m.Ref.Artifact})
		text := strings.ToLower(m.Quote)
		for _, component := range []string{"updatehandler", "updateshandler", "smsts", "installswupdate", "tsmanager", "tsmbootstrap", "tsprogress", "osdsw"} {
			sequence = sequence || strings.Contains(text, component)
		}
		if handler || sequence {
			out = append(out, m)
		}
	}
	return out
}

// updateHang is what the logs of one system show of the step.
type updateHang struct {
	code       *facts.Match
	installing *facts.Match // the last one
	ended      *facts.Match // a line after it that shows that the step came to its end
	apart      bool         // more than a day lies between the code and that line, so that they are of two runs
}

func readHang(f *facts.Facts) updateHang {
	var h updateHang
	codes := stepLines(f, "code")
	if len(codes) > 0 {
		h.code = &codes[len(codes)-1]
	}
	for _, m := range stepLines(f, "installing") {
		if h.installing == nil || f.Later(m, *h.installing) {
			h.installing = &m
		}
	}
	if h.installing == nil {
		return h
	}
	for _, m := range stepLines(f, "ended") {
		if f.Later(m, *h.installing) {
			h.ended = &m
		}
	}
	for i := range codes {
		at, ok := codes[i].Time.Local()
		last, known := h.installing.Time.Local()
		if h.apart = ok && known && last.Sub(at).Abs() > 24*time.Hour; !h.apart {
			h.code = &codes[i]
			break
		}
	}
	return h
}

// hangLength is how long the machine's logs have to go on after the last sign of an installation for its silence to be a hang: a service pack
// alone may take so long.
const hangLength = time.Hour

// silence returns for how long the client's logs go on after the last sign of the installation, and the artifact that goes on longest; false if
// the line has no time.
func (h updateHang) silence(f *facts.Facts) (time.Duration, string, bool) {
	from, ok := h.installing.Time.Local()
	if !ok {
		return 0, "", false
	}
	longest, of := time.Duration(0), h.installing.Ref.Artifact
	for _, a := range f.Artifacts {
		to, ok := a.WallLast.Local()
		if ok && a.Kind == ingest.KindLogCCM && to.Sub(from) > longest && to.Sub(from) < maxSilence {
			longest, of = to.Sub(from), a.Path
		}
	}
	return longest, of, true
}

// maxSilence is beyond what a step waits: what is later is of another run, or of a clock that was set in between.
const maxSilence = 14 * 24 * time.Hour

// siteBoundary is a boundary with the artifact that lists it.
type siteBoundary struct {
	extract.Boundary
	from *facts.Facts
	path string
}

func (b siteBoundary) row(role findings.Role, note string) findings.Evidence {
	return findings.FromLine(b.from, b.path, b.Line, role, note)
}

// siteBoundaries are the boundaries of all lists of the bundle; whole says that the lists could be read to their ends.
func siteBoundaries(all []*facts.Facts) (list []siteBoundary, whole bool) {
	whole = true
	for _, f := range all {
		for _, v := range facts.Values[*extract.Boundaries](f) {
			whole = whole && f.Reliable(v.Artifact.Path)
			for _, b := range v.Value.List {
				list = append(list, siteBoundary{b, f, v.Artifact.Path})
			}
		}
	}
	return list, whole
}

// coverage is what a list of boundaries says of a machine.
type coverage struct {
	covered  *siteBoundary
	by       *findings.Evidence // the address, or the site, by which it is covered
	open     []siteBoundary     // those of which it can't be told
	sites    int                // boundaries that are sites
	reasons  []string           // why it can't be told, as clauses
	missing  []findings.Missing
	evidence []findings.Evidence
}

func (c *coverage) undecided(why string, m findings.Missing) {
	if !slices.Contains(c.reasons, why) {
		c.reasons = append(c.reasons, why)
	}
	if !slices.Contains(c.missing, m) {
		c.missing = append(c.missing, m)
	}
}

// cover compares a machine with the boundaries.
func cover(n *machineNetwork, list []siteBoundary, whole bool) coverage {
	var c coverage
	if len(list) == 0 {
		c.undecided("the bundle holds no list of the site's boundaries", boundaryListNeed)
		return c
	}
	if !whole {
		c.undecided("the list of boundaries could not be read to its end", boundaryListNeed)
	}
	if len(n.addresses) == 0 && slices.ContainsFunc(list, func(b siteBoundary) bool { return b.Type != extract.BoundaryADSite }) {
		c.undecided("nothing in the bundle shows the machine's addresses", addressNeed)
	}
	for i := range list {
		b := &list[i]
		if b.Type == extract.BoundaryADSite && !b.Strange {
			c.site(n, b)
			continue
		}
		if c.address(n, b); c.covered != nil {
			return c
		}
	}
	if c.covered != nil {
		return c
	}
	for _, b := range list[:min(len(list), 8)] {
		note := "covers none of the machine's addresses"
		if b.Type == extract.BoundaryADSite {
			note = "a site, which covers no machine outside the domain"
			if n.workgroup == nil {
				note = "another site than the machine's"
			}
		}
		open := slices.ContainsFunc(c.open, func(o siteBoundary) bool { return o.Line == b.Line && o.path == b.path })
		if open || len(n.addresses) == 0 && b.Type != extract.BoundaryADSite {
			c.evidence = append(c.evidence, b.row(findings.Context, "whether it covers the machine is not shown"))
			continue
		}
		c.evidence = append(c.evidence, b.row(findings.Supports, note))
	}
	return c
}

// site compares the machine with a boundary that is an Active Directory site.
func (c *coverage) site(n *machineNetwork, b *siteBoundary) {
	c.sites++
	switch {
	case !n.domainKnown():
		c.open = append(c.open, *b)
		c.undecided("the bundle does not say whether the machine is in the domain, without which a site covers nothing", domainNeed)
	case n.workgroup != nil:
	case n.siteAt == nil:
		c.open = append(c.open, *b)
		c.undecided("the machine is in a domain and its site is not shown", domainNeed)
	case strings.EqualFold(n.site, b.Value) && c.covered == nil:
		c.covered, c.by = b, n.siteAt
	}
}

// address compares the machine's addresses with a boundary.
func (c *coverage) address(n *machineNetwork, b *siteBoundary) {
	if b.Type == extract.BoundaryIPv6 && !n.complete {
		if len(n.addresses) > 0 {
			c.open = append(c.open, *b)
			c.undecided("the list has IPv6 prefixes, and only ipconfig shows all IPv6 addresses", addressNeed)
		}
		return
	}
	for i := range n.addresses {
		a := &n.addresses[i]
		covered, known := b.Covers(a.ip, a.bits)
		switch {
		case covered:
			c.covered, c.by = b, &a.at
			return
		case !known && b.Subnet.IsValid() && !b.Strange:
			c.open = append(c.open, *b)
			c.undecided("the list has subnets without masks, and the machine's mask is not shown", addressNeed)
		case !known:
			c.open = append(c.open, *b)
			c.undecided(fmt.Sprintf("what the boundary %q covers can't be told from the list", b.Value), boundaryListNeed)
		}
	}
}

func runBoundaryHang(all []*facts.Facts) ([]findings.Finding, error) {
	list, whole := siteBoundaries(all)
	var out []findings.Finding
	for _, f := range all {
		if len(updateLogs(f)) == 0 {
			continue
		}
		x := judgeHang(f, list, whole)
		x.System, x.Subject = f.ID, f.ID
		out = append(out, x)
	}
	if len(out) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Summary: "The bundle lists boundaries and holds no log of an installation of updates.",
			Missing: []findings.Missing{updatesHandlerNeed},
		}}, nil
	}
	return out, nil
}

// judgeHang judges one system.
func judgeHang(f *facts.Facts, list []siteBoundary, whole bool) findings.Finding {
	h := readHang(f)
	if x, ok := noHang(f, &h); ok {
		return x
	}
	n := readNetwork(f, boundaryHangID)
	c := cover(&n, list, whole)
	if c.covered != nil {
		x := findings.Finding{Verdict: findings.RuledOut}
		x.Unmet = fmt.Sprintf("A boundary does cover the machine (%s).", c.covered.row(findings.Contradicts, "").Place())
		x.Summary = fmt.Sprintf("The boundary %q covers the machine, so that a missing boundary is not why the updates are not installed.", c.covered.Value)
		x.Evidence = []findings.Evidence{c.covered.row(findings.Contradicts, "this boundary covers the machine")}
		x.Evidence = append(x.Evidence, asContext(*c.by))
		for _, m := range []*facts.Match{h.code, h.installing} {
			if m != nil {
				x.Evidence = append(x.Evidence, findings.FromMatch(*m, findings.Context, "the symptom, which has another cause"))
			}
		}
		return x
	}
	x := findings.Finding{Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active, Rivals: hangRivals(f)}
	var shown []string
	if h.code != nil {
		x.Evidence = append(x.Evidence, findings.FromMatch(*h.code, findings.Supports, "0x80040669, a code of the client's own whose meaning is not published"))
		shown = append(shown, "meets the code 0x80040669")
	}
	if h.installing != nil {
		x.Evidence = append(x.Evidence, findings.FromMatch(*h.installing, findings.Supports, "the last sign of the installation; nothing after it shows its end"))
		shown = append(shown, "does not come to an end after its last \"Installing update\" line")
	}
	x.Summary = "The installation of the updates " + strings.Join(shown, " and ") + "."
	x.Title = "Install Software Updates does not end: no boundary covers the machine, so it is given no source for the updates"
	if h.installing != nil {
		silent, of, timed := h.silence(f)
		switch {
		case !timed:
			x.Summary += " The line has no time, so how long it waited is not shown."
		case silent >= hangLength:
			x.Title = fmt.Sprintf("Install Software Updates hangs for %s: no boundary covers the machine, so it is given no source for the updates", lapse(silent))
			x.Summary += fmt.Sprintf(" %s goes on for %s after that line.", of, lapse(silent))
		default:
			x.Summary += fmt.Sprintf(" The client's logs go on for only %s after that line (%s), in which an installation may still be at work; that the step hangs is not shown by its length.", lapse(silent), of)
			x.Missing = append(x.Missing, laterNeed)
		}
	}
	switch {
	case h.code == nil:
		x.Severity = findings.Low
		x.Summary += " The log of the updates' handler, which would show the code, is not in the bundle; a long update looks the same."
		x.Missing = append(x.Missing, updatesHandlerNeed)
	case h.installing == nil:
		x.Severity = findings.Low
		x.Title = "An installation of updates met 0x80040669 on a machine that no boundary covers"
		x.Summary += " No line shows that the installation hangs, and the code alone has other causes too."
		x.Missing = append(x.Missing, smstsNeed)
	}
	x.Evidence = append(x.Evidence, c.evidence...)
	x.Evidence = append(x.Evidence, n.evidence(&c)...)
	if len(c.reasons) > 0 {
		x.Title = "Install Software Updates does not end, and whether a boundary covers the machine is not shown"
		x.Summary += fmt.Sprintf(" Whether a boundary covers the machine is not decided: %s.", strings.Join(c.reasons, "; "))
		x.Missing = append(x.Missing, c.missing...)
		return x
	}
	x.Summary += " " + n.uncovered(&c, len(list))
	if h.code == nil || h.installing == nil {
		return x
	}
	if h.apart {
		x.Summary += " More than a day lies between the code and the installation, so they may belong to two runs."
		x.Missing = append(x.Missing, updatesHandlerNeed, smstsNeed)
		return x
	}
	if !f.Reliable(h.installing.Ref.Artifact) {
		x.Summary += fmt.Sprintf(" %s is not whole, so the end of the step may be in what it lacks.", h.installing.Ref.Artifact)
		x.Missing = append(x.Missing, smstsNeed)
		return x
	}
	if f.Mixed {
		x.Summary += " The lines and the addresses lie in artifacts of which nothing says that they come from one computer."
		x.Missing = append(x.Missing, findings.Missing{What: "the names of the computers that the logs and the addresses come from", Why: "the bundle is of several computers", Collect: "hostname"})
		return x
	}
	x.Verdict, x.Severity = findings.Confirmed, findings.High
	return x
}

// noHang is the verdict where the logs show no hang of this kind; false if they show signs of one.
func noHang(f *facts.Facts, h *updateHang) (findings.Finding, bool) {
	x := findings.Finding{Verdict: findings.RuledOut}
	var handlers, others []*ingest.Artifact
	for _, a := range updateLogs(f) {
		if handler, _ := isUpdateLog(a); handler {
			handlers = append(handlers, a)
		} else {
			others = append(others, a)
		}
	}
	switch {
	case h.ended != nil:
		x.Summary = "The installation of the updates came to an end: lines of the task sequence follow the last \"Installing update\"."
		x.Unmet = fmt.Sprintf("No \"Installing update\" is without an end: the step ended (%s line %d).", h.ended.Ref.Artifact, h.ended.Ref.Line)
		x.Evidence = []findings.Evidence{
			findings.FromMatch(*h.ended, findings.Contradicts, "the step came to its end"), findings.FromMatch(*h.installing, findings.Context, "the last sign of the installation"),
		}
		if h.code != nil {
			x.Evidence = append(x.Evidence, findings.FromMatch(*h.code, findings.Context, "the code, without a hang"))
		}
		return x, true
	case h.code != nil || h.installing != nil && len(handlers) == 0:
		return x, false
	}
	// The code stands in UpdatesHandler.log, which rules it out unless it tells of other errors; of other logs one must show an installation.
	quiet := len(handlers) > 0 && !slices.ContainsFunc(f.Loud(), func(m facts.Match) bool {
		return slices.ContainsFunc(handlers, func(a *ingest.Artifact) bool { return a.Path == m.Ref.Artifact })
	})
	if !quiet && h.installing == nil && len(stepLines(f, "ended")) == 0 && len(stepLines(f, "worked")) == 0 {
		x = findings.Finding{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Summary: "The logs hold no 0x80040669, and no installation of updates that could have met it.",
			Missing: []findings.Missing{{What: "UpdatesHandler.log and smsts.log of the machine, of the time of an installation of updates", Why: "they show the code and how far the installation came", Collect: updatesLogs}},
		}
		for _, a := range slices.Concat(handlers, others) {
			x.Evidence = append(x.Evidence, findings.AbsentLine(a.Path, findings.Context, "neither an installation of updates nor 0x80040669 among its "+count(a.Records, "record")))
			x.Unmet = fmt.Sprintf("No installation of updates is shown in %s.", a.Path)
		}
		return x, true
	}
	x.Summary = "The logs of the installation of updates hold no 0x80040669."
	for _, a := range slices.Concat(handlers, others) {
		x.Evidence = append(x.Evidence, findings.AbsentLine(a.Path, findings.Contradicts, "no code 0x80040669 among its "+count(a.Records, "record")))
	}
	if len(x.Evidence) > 0 {
		x.Unmet = fmt.Sprintf("The code 0x80040669 is not in the logs of the updates (%s).", x.Evidence[0].Place())
	}
	if h.installing != nil {
		x.Evidence = append(x.Evidence, findings.FromMatch(*h.installing, findings.Context, "the last sign of the installation"))
	}
	return x, true
}

// asContext is the same evidence as context.
func asContext(e findings.Evidence) findings.Evidence {
	e.Role = findings.Context
	return e
}

// evidence is what the bundle shows of the machine, as far as the boundaries ask for it.
func (n *machineNetwork) evidence(c *coverage) []findings.Evidence {
	var out []findings.Evidence
	add := func(e findings.Evidence) {
		// A location request states address, domain and site in one line.
		if e.Line == 0 || !slices.ContainsFunc(out, func(o findings.Evidence) bool { return o.Artifact == e.Artifact && o.Line == e.Line }) {
			out = append(out, e)
		}
	}
	for _, a := range n.addresses[:min(len(n.addresses), 4)] {
		add(a.at)
	}
	if c.sites == 0 {
		return out
	}
	for _, e := range []*findings.Evidence{n.workgroup, n.joined, n.siteAt} {
		if e != nil && (e != n.siteAt || n.workgroup == nil) {
			add(*e)
		}
	}
	return out
}

// uncovered says that no boundary covers the machine.
func (n *machineNetwork) uncovered(c *coverage, boundaries int) string {
	machine := "the machine"
	if len(n.addresses) > 0 {
		var ips []string
		for _, a := range n.addresses[:min(len(n.addresses), 4)] {
			ips = append(ips, a.ip.String())
		}
		machine += "'s " + plural(len(n.addresses), "address ", "addresses ") + strings.Join(ips, ", ")
	}
	text := "The only boundary in the list does not cover " + machine
	if boundaries > 1 {
		text = fmt.Sprintf("None of the %d boundaries in the list covers %s", boundaries, machine)
	}
	switch {
	case c.sites > 0 && n.workgroup != nil && boundaries == 1:
		text += ": it is an Active Directory site, which covers no machine outside the domain, and this one is in none"
	case c.sites == 1 && n.workgroup != nil:
		text += ": one of them is an Active Directory site, which covers no machine outside the domain, and this one is in none"
	case c.sites > 1 && n.workgroup != nil:
		text += fmt.Sprintf(": %d of them are Active Directory sites, which cover no machine outside the domain, and this one is in none", c.sites)
	case c.sites > 0:
		text += fmt.Sprintf(", and its site %q is none of those in the list", n.site)
	}
	return text + "."
}

// hangRivals names the other explanations of the hang and what the bundle says of them.
func hangRivals(f *facts.Facts) []findings.Rival {
	rival := func(signal, name, some, what string, logs ...string) findings.Rival {
		r := silentIn(f, name, "line of it", what, logNamed(logs...))
		if m, ok := f.Matches(boundaryHangID + "/" + signal).First(); ok {
			r.Verdict = rivalSupported + fmt.Sprintf(some, m.Ref.Line, m.Ref.Artifact)
		}
		return r
	}
	return []findings.Rival{
		rival("management-point", "The client does not reach its management point", "line %d of %s points to the management point.", "LocationServices.log", "locationservices"),
		rival("content", "The content of the updates is on no distribution point", "line %d of %s says that there is no source of the content, which a missing boundary brings about too.", "CAS.log or ContentTransferManager.log", "cas.", "cas-", "contenttransfermanager"),
		rival("update-point", "The software update point does not answer, or a policy points elsewhere", "line %d of %s points to the software update point.", "WUAHandler.log or ScanAgent.log", "wuahandler", "scanagent"),
	}
}

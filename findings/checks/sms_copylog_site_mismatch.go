package checks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const copylogID = "sms-copylog-site-mismatch"

// The bootstrap of the SMS 2.0 client reads in Copylog.tcf which site supplied Clicore.exe and then uses that site's configuration and
// checksums. An unpatched site writes itself into the file when it has only checked the logon point, so that the file names a site that
// never supplied the program. That is proven when the named site runs an older release than the program on the logon point.
var smsCopylogSiteMismatch = &findings.Check{
	ID:       copylogID,
	Title:    "Clients get mixed SMS releases: Copylog.tcf names a site for Clicore.exe that did not supply it",
	Severity: findings.Critical,
	Product: findings.Product{
		Name: "an SMS 2.0 logon point", Words: []string{"smslogon", "copylog", "clicore", "ccim32", "wn_logon", "wnmanual", "nt_logon", "clisvc", "/ms/sms/"},
		Kinds: []ingest.Kind{ingest.KindCopylog},
	},
	Needs: []findings.Need{{
		Met:     func(f *facts.Facts) bool { return f.Has(ingest.KindCopylog) || len(blankCopylogs(f)) > 0 },
		What:    "Copylog.tcf of the logon point",
		Why:     "it names the site that supplied Clicore.exe",
		Collect: `\\PDC\SMSLOGON\Config\Copylog.tcf`,
	}},
	Signals: []match.Signal{
		{
			Name: copylogID + "/base-files", Literals: []string{"Base client files are version "},
			Pattern: `Base client files are version (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			Name: copylogID + "/client-core", Literals: []string{"Client core file version (from cliver.exe) is "},
			Pattern: `(?i)Client core file version \(from cliver\.exe\) is (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			Name: copylogID + "/cap-release", Literals: []string{"The CAP base release (from "},
			Pattern: `(?i)The CAP base release \(from (?P<cap>[^)]*?\\CAP_(?P<site>[A-Za-z0-9]{3})\b[^)]*)\) is (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)(?: \(client release is (?P<client>[\d.]+)\))?`,
		},
		{
			Name: copylogID + "/no-compver", Literals: []string{"No COMPVER.INI found for site "},
			Pattern: `(?i)No COMPVER\.INI found for site (?P<site>[A-Z0-9]{3})\b`,
		},
		{
			// A table of sites (SQL grid, CSV, list) or a support engineer's note; statedReleases tells which site the version is of.
			Name: copylogID + "/site-version", Kinds: plainTexts(),
			Literals: []string{"2.00.1239", "2.00.1380", "2.00.1493", "2.0.1239", "2.0.1380", "2.0.1493"},
			Pattern:  `\b2\.0{1,2}\.(?:1239|1380|1493)(?:\.\d+)?\b`,
		},
	},
	Before: []findings.Precedence{{
		Over: []string{"sms-mixed-client-installation"}, Why: "clients take the older site's files again at the next logon as long as Copylog.tcf names it",
	}},
	Doc: findings.Doc{
		Cause: "A site whose Nt_logon.dll lacks the update of Q251070 (no service pack) or Q249077 (SP1) writes its own code into the shared lines of Copylog.tcf whenever it has checked the logon point, although it copied nothing. Clients then match the newer Clicore.exe with the configuration and checksums of the older site: new installations are blocked, and clients of the older release end in a mixed installation.",
		Remedy: []string{
			"Edit \\\\PDC\\SMSLOGON\\Config\\Copylog.tcf on the primary domain controller: in the line X86.BIN\\CLICORE.EXE=… set the code of the site that runs the newer release. Keep a copy of the file first.",
			"Until the older sites are updated, make the file read-only and give Full Control to one domain administrator's account only and Read to Everyone.",
			"Apply Q251070 or Q249077 to every site of the older release, wait until Copylog.tcf is rewritten on every logon point, then upgrade all sites, the central site first, within hours.",
		},
		Risk:       "While the file is read-only no site can write it: new installations in the boundaries of the older sites stay off that long, and a site that does replace Clicore.exe is not named. A wrong code in the line sends every client to the wrong configuration at its next logon.",
		Undo:       "Put the kept copy of Copylog.tcf back, and give the file its former permissions (note them with cacls first); take the read-only mark away after the last site is upgraded. The service-pack level of a site is not taken back.",
		Cured:      `The line X86.BIN\CLICORE.EXE= of the next Copylog.tcf names a site of the release of Clicore.exe, and Wn_logon.log of a client that logged on since reports no missing Compver.ini.`,
		Overturns:  "A Compver.ini or log of the named site that states the release of the logon point's Clicore.exe; a newer Clicore.log that states another release of the program; a second copy of the file, taken hours later, that names another site.",
		Proves:     []string{"The site in the line X86.BIN\\CLICORE.EXE= runs an older build or service pack than the Clicore.exe of the logon point, by the client's own logs or by the site's files."},
		Suggests:   []string{"The file lacks the CLICORE line (a corrupt file: clients retry seven times ten minutes).", "The named site has no lines of its own under SITES, its code is reserved or not three characters, or a line under SITES names another site.", "Copies of the file from several domain controllers name different sites."},
		Exonerates: []string{"The named site runs the release of the Clicore.exe on the logon point."},
		FalsePositives: "A copy taken while the sites are being upgraded in turn: the file is right again after each site has run its Logon Server Manager. " +
			"Clicore.log alone claims \"Installing\" at each logon of a healthy client.",
		NotCovered: "Which program version lies on other logon points than the ones whose logs are in the bundle.",
		References: []findings.Reference{
			{Title: "KB 264630: SMS 2.0 SP1 and SP2 interoperability issues", URL: "https://jeffpar.github.io/kbarchive/kb/264/Q264630/"},
			{Title: "KB 249077: Copylog.tcf does not show the site that updated the logon point", URL: "https://jeffpar.github.io/kbarchive/kb/249/Q249077/"},
			{Title: "KB 264976: a normal and a corrupt Copylog.tcf", URL: "https://jeffpar.github.io/kbarchive/kb/264/Q264976/"},
		},
	},
	RunAll: runCopylog,
}

// copylogFacts are the releases that the bundle shows, of the program on the logon point and of sites.
type copylogFacts struct {
	clicore []releaseSeen
	sites   map[string][]releaseSeen // by upper-case site code
	// unversioned are the sites whose Compver.ini a client did not find, which is what it sees of a site that is wrongly credited.
	unversioned map[string]findings.Evidence
}

var (
	// siteFolder is a site's folder on its client access point or on a logon point.
	siteFolder = regexp.MustCompile(`(?i)(?:^|/)(?:CAP_|SITES/)([A-Z0-9]{3})/`)

	cellBreak = regexp.MustCompile(`[\s,;|"'=:()\[\]{}\\/]+`)
	siteCode  = regexp.MustCompile(`^[A-Z0-9]{3}$`)
	siteField = regexp.MustCompile(`(?i)^\W*site ?code"?\s*[:=]\s*"?([A-Z0-9]{3})"?\s*$`)
	nextCell  = regexp.MustCompile(`^"?\s*[,;|\t]`)
)

// noSites are words of three characters that stand beside versions and are no site codes.
var noSites = []string{"SMS", "SQL", "SP1", "SP2", "SP3", "SP4", "RTM", "CAP", "PDC", "BDC", "NT4", "ICP"}

// statedReleases reads which sites a line with versions is about, and the newest version of each, so that nobody is accused by the
// version before an upgrade. The site is the first word of the line, or the first before the version, that has the form of a site code,
// in a delimited row without one the first behind it, and in a list the field Site Code up to two lines away.
func statedReleases(m facts.Match) map[string]string {
	out := map[string]string{}
	newest := map[string]smsRelease{}
	code, from := "", 0
	found := smsVersion.FindAllStringIndex(m.Quote, -1)
	for n, at := range found {
		before := m.Quote[from:at[0]]
		from = at[1]
		if n == 0 {
			if first := cellBreak.Split(strings.TrimLeft(before, " \t\"'"), 2)[0]; siteCode.MatchString(first) && first != "SMS" {
				before = first
				code = first
			}
		}
		// A version without a site of its own is one more of the site before it.
		if c := firstSite(before); c != "" {
			code = c
		}
		if code == "" && nextCell.MatchString(m.Quote[at[1]:]) && len(found) == 1 {
			code = firstSite(m.Quote[at[1]:])
		}
		for _, l := range slices.Concat(m.Before, m.After) {
			if f := siteField.FindStringSubmatch(l); f != nil && code == "" {
				code = strings.ToUpper(f[1])
			}
		}
		r, ok := parseSMSRelease(m.Quote[at[0]:at[1]])
		if old, seen := newest[code]; code != "" && ok && (!seen || r.compare(old) > 0) {
			newest[code], out[code] = r, r.text
		}
	}
	return out
}

// firstSite is the first word of a text that has the form of a site code, "" if none has.
func firstSite(text string) string {
	for _, word := range cellBreak.Split(text, -1) {
		if siteCode.MatchString(word) && !slices.Contains(noSites, word) {
			return word
		}
	}
	return ""
}

func gatherReleases(all []*facts.Facts) copylogFacts {
	c := copylogFacts{sites: map[string][]releaseSeen{}, unversioned: map[string]findings.Evidence{}}
	site := func(code, version string, e findings.Evidence) {
		if r, ok := parseSMSRelease(version); ok {
			code = strings.ToUpper(code)
			c.sites[code] = append(c.sites[code], releaseSeen{r, e})
		}
	}
	for _, f := range all {
		for _, s := range []string{"/base-files", "/client-core"} {
			for _, m := range f.Matches(copylogID + s).Kept {
				if r, ok := parseSMSRelease(m.Capture("version")); ok {
					c.clicore = append(c.clicore, releaseSeen{r, findings.FromMatch(m, findings.Supports, "the release of the client files that the logon point gave")})
				}
			}
		}
		for _, m := range f.Matches(copylogID + "/cap-release").Kept {
			site(m.Capture("site"), m.Capture("version"), findings.FromMatch(m, findings.Supports, "the release of site "+strings.ToUpper(m.Capture("site"))+", from its client access point"))
			if r, ok := parseSMSRelease(m.Capture("client")); ok {
				c.clicore = append(c.clicore, releaseSeen{r, findings.FromMatch(m, findings.Supports, "the client's release, from the logon point")})
			}
		}
		for _, m := range f.Matches(copylogID + "/site-version").Kept {
			stated := statedReleases(m)
			for _, code := range slices.Sorted(maps.Keys(stated)) {
				site(code, stated[code], findings.FromMatch(m, findings.Supports, "the release of site "+code))
			}
		}
		for _, m := range f.Matches(copylogID + "/no-compver").Kept {
			code := strings.ToUpper(m.Capture("site"))
			if _, ok := c.unversioned[code]; !ok {
				c.unversioned[code] = findings.FromMatch(m, findings.Supports, "a client found no version of site "+code)
			}
		}
		for _, v := range facts.Values[*extract.Compver](f) {
			code := siteFolder.FindStringSubmatch(v.Artifact.Path)
			if code == nil || len(v.Value.Versions) == 0 {
				continue
			}
			first := v.Value.Versions[0]
			site(code[1], first.Text, findings.FromLine(f, v.Artifact.Path, first.Line, findings.Supports, "the release of site "+strings.ToUpper(code[1])+", from its Compver.ini"))
		}
		if code, release, ok := registeredSite(f); ok {
			site(code.Value.String(), release.Value.String(), findings.FromValue(release, findings.Supports, "the release of site "+code.Value.String()))
		}
	}
	return c
}

// release returns the newest release seen of the program on a copy's logon point: an older one in the same log is of an earlier run. Of
// several copies each has the logs that lie with it alone, since each domain has logon points and clients of its own; a copy without such
// logs has all.
func (c copylogFacts) release(of string, copies []copylogCopy) (releaseSeen, bool) {
	list := c.clicore
	var others []string
	for _, o := range copies {
		if o.Artifact.Path != of {
			others = append(others, o.Artifact.Path)
		}
	}
	if len(others) > 0 {
		folder := ownFolder([]string{of}, others)
		own := slices.DeleteFunc(slices.Clone(list), func(r releaseSeen) bool { return !strings.HasPrefix(r.evidence.Artifact, folder+"/") })
		if len(own) > 0 {
			list = own
		}
	}
	if len(list) == 0 {
		return releaseSeen{}, false
	}
	return slices.MaxFunc(list, func(a, b releaseSeen) int { return a.compare(b.smsRelease) }), true
}

// of returns the newest release seen of a site, so that nobody is accused by an old line.
func (c copylogFacts) of(site string) (releaseSeen, bool) {
	list := c.sites[strings.ToUpper(site)]
	if len(list) == 0 {
		return releaseSeen{}, false
	}
	return slices.MaxFunc(list, func(a, b releaseSeen) int { return a.compare(b.smsRelease) }), true
}

// copy is one Copylog.tcf of the bundle.
type copylogCopy struct {
	facts *facts.Facts
	facts.Of[*extract.Copylog]
	blank   bool                   // the file holds no byte, or no text
	clicore *extract.CopylogEntry  // of x86.bin; nil if there is none
	rivals  []extract.CopylogEntry // further lines of the same file that credit another site
	others  []extract.CopylogEntry // of other platforms
}

func (c copylogCopy) site() string {
	if c.clicore == nil {
		return ""
	}
	return strings.ToUpper(c.clicore.Site)
}

func (c copylogCopy) line(n int, role findings.Role, note string) findings.Evidence {
	return findings.FromLine(c.facts, c.Artifact.Path, n, role, note)
}

var copylogName = regexp.MustCompile(`(?i)(?:^|/)[^/]*copylog[^/]*\.tcf$`)

// blankCopylogs are the artifacts of a system that are called Copylog.tcf and hold no text.
func blankCopylogs(f *facts.Facts) []*ingest.Artifact {
	return slices.DeleteFunc(slices.Clone(f.Artifacts), func(a *ingest.Artifact) bool {
		return a.Kind != ingest.KindEmpty && a.Kind != ingest.KindBinary || !copylogName.MatchString(a.Path)
	})
}

func runCopylog(all []*facts.Facts) ([]findings.Finding, error) {
	known := gatherReleases(all)
	var copies []copylogCopy
	for _, f := range all {
		for _, a := range blankCopylogs(f) {
			copies = append(copies, copylogCopy{facts: f, Of: facts.Of[*extract.Copylog]{Artifact: a, Value: &extract.Copylog{}}, blank: true})
		}
		for _, v := range facts.Values[*extract.Copylog](f) {
			c := copylogCopy{facts: f, Of: v}
			for _, e := range v.Value.Clicore() {
				switch {
				case !strings.HasPrefix(strings.ToLower(e.Path), "x86"):
					c.others = append(c.others, e)
				case c.clicore == nil:
					c.clicore = &e
				case !strings.EqualFold(e.Site, c.clicore.Site):
					c.rivals = append(c.rivals, e)
				}
			}
			copies = append(copies, c)
		}
	}
	var out []findings.Finding
	var well, open []findings.Finding
	for _, c := range copies {
		f := judgeCopylog(c, copies, known)
		f.Evidence = oncePlaced(f.Evidence) // one line may state both releases
		switch f.Verdict {
		case findings.RuledOut:
			well = append(well, f)
		case findings.NotEvaluated:
			open = append(open, f)
		case findings.Confirmed, findings.Suspected:
			out = append(out, f)
		}
	}
	switch {
	case len(out) > 0:
		out = append(out, well...) // differing copies have a finding each
	case len(open) > 0:
		out = open
	case len(well) > 1:
		sum := findings.Finding{Verdict: findings.RuledOut, Summary: fmt.Sprintf("All %d copies of Copylog.tcf name a site of the release that the logon point gives.", len(well))}
		for _, f := range well {
			sum.Evidence = append(sum.Evidence, f.Evidence...)
		}
		sum.Unmet = fmt.Sprintf("None of the %d copies names a site of an older release (the first: %s).", len(well), sum.Evidence[0].Place())
		out = []findings.Finding{sum}
	default:
		out = well
	}
	return out, nil
}

// judgeCopylog gives the verdict on one copy.
func judgeCopylog(c copylogCopy, copies []copylogCopy, known copylogFacts) findings.Finding {
	f := findings.Finding{Subject: c.Artifact.Path, System: c.facts.ID, State: findings.Active}
	if c.clicore == nil {
		return copylogCorrupt(c, f)
	}
	site := c.site()
	credit := c.line(c.clicore.Line, findings.Supports, "Clicore.exe is said to be of site "+site)
	program, programKnown := known.release(c.Artifact.Path, copies)
	owner, ownerKnown := known.of(site)
	if len(c.rivals) > 0 {
		return copylogAmbiguous(c, f, credit)
	}
	switch {
	case programKnown && ownerKnown && owner.compare(program.smsRelease) < 0:
		f.Verdict = findings.Confirmed
		f.Title = fmt.Sprintf("Clients get mixed SMS releases at logon: Copylog.tcf names site %s for Clicore.exe, which came from another", site)
		f.Summary = fmt.Sprintf("Copylog.tcf says that site %s supplied Clicore.exe, but site %s runs %s (%s), and the logon point gives client files of %s (%s), which that site does not have. Clients match the newer program with the older site's configuration and checksums.",
			site, site, owner.name(), owner.text, program.name(), program.text)
		f.Evidence = append(f.Evidence, credit, owner.evidence, program.evidence)
		f.Evidence = append(f.Evidence, copylogOddities(c, findings.Context)...)
		f.Evidence = append(f.Evidence, known.rows(site, "site "+site+" runs %s")...)
		if better := known.suppliers(program); len(better) > 0 {
			f.Remedy = slices.Concat(correctLine(c, better, program), smsCopylogSiteMismatchRemedy)
			f.Summary += fmt.Sprintf(" Of the sites that the bundle tells of, %s %s that release.", strings.Join(better, ", "), plural(len(better), "runs", "run"))
			for _, b := range better[:min(len(better), 3)] {
				f.Evidence = append(f.Evidence, known.rows(b, "site "+b+" runs %s, the release of Clicore.exe")...)
			}
		}
		f.Rivals = []findings.Rival{{
			Name:    "The copy was taken while the sites were being upgraded in turn",
			Verdict: rivalOpen + "one copy is of one moment; a second one, taken hours later, is not in the upload.",
		}}
		return f
	case programKnown && ownerKnown && owner.compare(program.smsRelease) > 0:
		f.Verdict, f.Severity = findings.Suspected, findings.Medium
		f.Title = fmt.Sprintf("Copylog.tcf names site %s for Clicore.exe, and its release is newer: clients may match the wrong files", site)
		f.Summary = fmt.Sprintf("Site %s runs %s (%s), but the client files that the logon point gave are of %s (%s). Either the site has not replaced them yet, or it is named without having supplied them.",
			site, owner.name(), owner.text, program.name(), program.text)
		f.Evidence = append(f.Evidence, credit, owner.evidence, program.evidence)
		f.Rivals = []findings.Rival{{
			Name: "The site was upgraded after the client's logs were written", Verdict: rivalOpen + "no client logs of after the upgrade are in the upload.",
		}}
		f.Missing = copylogMissing(site, false, true)
		return f
	case programKnown && ownerKnown:
		credit.Role, owner.evidence.Role, program.evidence.Role = findings.Contradicts, findings.Contradicts, findings.Contradicts
		if odd := copylogOddities(c, findings.Supports); len(odd) > 0 {
			f.Verdict, f.Severity = findings.Suspected, findings.Medium
			f.Title = "Copylog.tcf names the right site for Clicore.exe, but other lines are wrong"
			f.Summary = fmt.Sprintf("Site %s runs %s, the release of the client files on the logon point, so the CLICORE line is in order; other lines are not.", site, owner.name())
			f.Evidence = append(odd, credit, owner.evidence, program.evidence)
			f.Missing = copylogMissing(site, true, true)
			return f
		}
		f.Verdict = findings.RuledOut
		f.Unmet = fmt.Sprintf("The named site %s does not run an older release than the logon point's Clicore.exe (%s).", site, credit.Place())
		f.Summary = fmt.Sprintf("Copylog.tcf names site %s for Clicore.exe, and that site runs %s, as the client files of the logon point do.", site, owner.name())
		f.Evidence = append(f.Evidence, credit, owner.evidence, program.evidence)
		return f
	}
	var why []string
	if odd := copylogOddities(c, findings.Supports); len(odd) > 0 {
		f.Evidence = append(f.Evidence, odd...)
		why = append(why, odd[0].Note)
	}
	if m, ok := known.unversioned[site]; ok {
		f.Evidence = append(f.Evidence, credit, m)
		why = append(why, "a client found no Compver.ini of that site")
	}
	for _, o := range copies {
		if o.Artifact.Path != c.Artifact.Path && o.site() != site {
			f.Evidence = append(f.Evidence, credit, differing(o))
			why = append(why, "the copies in the bundle do not agree on the site")
			break
		}
	}
	if programKnown {
		program.evidence.Role = findings.Context
		f.Evidence = append(f.Evidence, program.evidence)
	}
	f.Missing = copylogMissing(site, programKnown, ownerKnown)
	if len(why) > 0 {
		f.Title = fmt.Sprintf("Copylog.tcf may name site %s for a Clicore.exe that it did not supply, which would give clients mixed releases", site)
		f.Verdict, f.Severity = findings.Suspected, findings.Medium
		f.Summary = fmt.Sprintf("Copylog.tcf names site %s for Clicore.exe. Whether that site supplied it can't be told without the releases of both, but %s.", site, strings.Join(why, ", and "))
		if !slices.ContainsFunc(f.Evidence, func(e findings.Evidence) bool { return e.Line == c.clicore.Line && e.Artifact == c.Artifact.Path }) {
			credit.Role = findings.Context
			f.Evidence = append(f.Evidence, credit)
		}
		return f
	}
	f.Verdict, f.Reason, f.State = findings.NotEvaluated, findings.DataMissing, findings.Unknown
	credit.Role = findings.Context
	f.Evidence = append(f.Evidence, credit)
	f.Unmet = fmt.Sprintf("The releases of site %s and of the logon point's Clicore.exe can't be compared; the line that names the site is there (%s).", site, credit.Place())
	f.Summary = fmt.Sprintf("Copylog.tcf names site %s for Clicore.exe, but the bundle lacks the releases of that site and of the program on the logon point.", site)
	if programKnown {
		f.Summary = fmt.Sprintf("Copylog.tcf names site %s for Clicore.exe, and the logon point gives %s, but the bundle does not say which release site %s runs.", site, program.name(), site)
	} else if ownerKnown {
		f.Summary = fmt.Sprintf("Copylog.tcf names site %s, which runs %s, for Clicore.exe, but the bundle does not say which release the logon point's Clicore.exe is.", site, owner.name())
	}
	return f
}

// correctLine are the steps that name the right site.
func correctLine(c copylogCopy, better []string, program releaseSeen) []string {
	set := fmt.Sprintf(`In its line %d change X86.BIN\CLICORE.EXE=%s to X86.BIN\CLICORE.EXE=%s, a site that runs %s as Clicore.exe does.`, c.clicore.Line, c.site(), better[0], program.name())
	if len(better) > 1 {
		set += fmt.Sprintf(" %s %s it too; take the one that serves the logon point.", strings.Join(better[1:], ", "), plural(len(better)-1, "runs", "run"))
	}
	return []string{`On the primary domain controller open \\PDC\SMSLOGON\Config\Copylog.tcf (PDC being its name) and keep a copy of it.`, set}
}

// rows are lines in which a site's release is stated, at most two of them; note has a place for the release.
func (c copylogFacts) rows(code, note string) []findings.Evidence {
	const most = 2
	var out []findings.Evidence
	for _, r := range c.sites[code] {
		e := r.evidence
		e.Note = fmt.Sprintf(note, r.name())
		if !slices.ContainsFunc(out, func(o findings.Evidence) bool { return o.Place() == e.Place() }) && len(out) < most {
			out = append(out, e)
		}
	}
	return out
}

// smsCopylogSiteMismatchRemedy is the remedy of the check, for findings that say more before it.
var smsCopylogSiteMismatchRemedy = []string{
	"Until the older sites are updated, make the file read-only and give Full Control to one domain administrator's account only and Read to Everyone.",
	"Apply Q251070 or Q249077 to every site of the older release, wait until Copylog.tcf is rewritten on every logon point, then upgrade all sites, the central site first, within hours.",
}

// suppliers are the sites whose release is that of the program.
func (c copylogFacts) suppliers(program releaseSeen) []string {
	var out []string
	for _, code := range slices.Sorted(maps.Keys(c.sites)) {
		if r, ok := c.of(code); ok && r.compare(program.smsRelease) == 0 {
			out = append(out, code)
		}
	}
	return out
}

// differing is the evidence that another copy credits another site.
func differing(o copylogCopy) findings.Evidence {
	if o.clicore == nil {
		return findings.AbsentLine(o.Artifact.Path, findings.Supports, "this copy has no CLICORE line")
	}
	return o.line(o.clicore.Line, findings.Supports, "this copy names site "+o.site())
}

// copylogAmbiguous is the verdict on a file with several lines for the one Clicore.exe.
func copylogAmbiguous(c copylogCopy, f findings.Finding, credit findings.Evidence) findings.Finding {
	f.Verdict, f.Severity = findings.Suspected, findings.High
	f.Title = "Copylog.tcf names several sites for one Clicore.exe, so clients may match the wrong files"
	f.Evidence = []findings.Evidence{credit}
	sites := []string{c.site()}
	for _, e := range c.rivals[:min(len(c.rivals), 4)] {
		f.Evidence = append(f.Evidence, c.line(e.Line, findings.Supports, "Clicore.exe is said to be of site "+strings.ToUpper(e.Site)))
		sites = append(sites, strings.ToUpper(e.Site))
	}
	f.Summary = fmt.Sprintf("Copylog.tcf has several lines for X86.BIN\\CLICORE.EXE, which name the sites %s. A sound file has one, so the file was merged or edited badly, and at most one of the lines can be right.", strings.Join(sites, ", "))
	f.Missing = []findings.Missing{copylogMaster}
	return f
}

// copylogMaster is the copy that all others follow.
var copylogMaster = findings.Missing{
	What: "Copylog.tcf from the primary domain controller, and its folder's time stamps", Why: "the copy of the primary domain controller is the master; it shows whether only this copy is damaged",
	Collect: `copy \\PDC\SMSLOGON\Config\Copylog.tcf "%PUBLIC%\" && dir /a \\PDC\SMSLOGON\Config > "%PUBLIC%\smslogon-config.txt"`,
}

func copylogCorrupt(c copylogCopy, f findings.Finding) findings.Finding {
	f.Verdict, f.Severity = findings.Suspected, findings.High
	f.Title = "Copylog.tcf lacks the line of Clicore.exe: clients retry at logon for over an hour"
	f.Cause = "The file is corrupt: without the lines of x86.bin the bootstrap does not know whose client files it has, and retries seven times, ten minutes each, so that a logon takes over an hour."
	f.Summary = "Copylog.tcf has no line X86.BIN\\CLICORE.EXE=, as a corrupt file has: clients can't tell which site supplied the program."
	note := "no line X86.BIN\\CLICORE.EXE= with a site code"
	if c.blank {
		f.Summary = "Copylog.tcf holds no text at all, and so no line X86.BIN\\CLICORE.EXE=: either the file is corrupt on the logon point, or only the copy of it is."
		note = "the file holds no text"
	} else if !c.Value.FileSource {
		note += ", and there is no [FILE SOURCE] section"
	}
	f.Evidence = append(f.Evidence, findings.AbsentLine(c.Artifact.Path, findings.Supports, note))
	for _, e := range c.Value.SyntaxErrors[:min(3, len(c.Value.SyntaxErrors))] {
		f.Evidence = append(f.Evidence, c.line(e.Line, findings.Context, "not of the form path=site"))
	}
	for _, e := range c.others[:min(2, len(c.others))] {
		f.Evidence = append(f.Evidence, c.line(e.Line, findings.Context, "the line of another platform is there"))
	}
	f.Missing = []findings.Missing{copylogMaster}
	return f
}

// oncePlaced drops evidence whose line stands in the list before.
func oncePlaced(list []findings.Evidence) []findings.Evidence {
	var out []findings.Evidence
	for _, e := range list {
		if e.Line == 0 || !slices.ContainsFunc(out, func(o findings.Evidence) bool { return o.Artifact == e.Artifact && o.Line == e.Line }) {
			out = append(out, e)
		}
	}
	return out
}

var reservedSites = []string{"AUX", "CON", "NUL", "PRN"}

// copylogOddities is evidence of other faults of the file: a credited site that has no files on the logon point, a reserved code, a line
// under SITES that names another site.
func copylogOddities(c copylogCopy, role findings.Role) []findings.Evidence {
	var out []findings.Evidence
	site := c.site()
	if slices.Contains(reservedSites, site) {
		out = append(out, c.line(c.clicore.Line, role, site+" is a reserved name and can be no site code"))
	}
	sites := c.Value.Sites()
	found := len(sites) == 0 || len(out) > 0
	for code := range sites {
		found = found || strings.EqualFold(code, site)
	}
	if !found {
		out = append(out, c.line(c.clicore.Line, role, fmt.Sprintf("site %s is named for Clicore.exe and has no line of its own under SITES", site)))
	}
	for _, code := range slices.Sorted(maps.Keys(sites)) {
		for _, e := range sites[code] {
			if !strings.EqualFold(e.Site, code) {
				out = append(out, c.line(e.Line, role, fmt.Sprintf("a file of site %s is said to be of site %s", strings.ToUpper(code), strings.ToUpper(e.Site))))
				break
			}
		}
	}
	return out[:min(len(out), 6)]
}

// copylogMissing is what would tell the releases.
func copylogMissing(site string, programKnown, ownerKnown bool) []findings.Missing {
	var out []findings.Missing
	if !ownerKnown {
		out = append(out, findings.Missing{
			What: "the release of site " + site, Why: "a site of an older release than Clicore.exe can't have supplied it",
			Collect: fmt.Sprintf(`on the site server of %s: regedit /e "%%TEMP%%\sms-%s.reg" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SMS" (it holds Setup\Full Version and Identification\Site Code)`, site, site),
		})
	}
	if !programKnown {
		out = append(out, findings.Missing{
			What: "Clicore.log and Ccim32.log of a client of this logon point", Why: "they state the release of the client files that the logon point gives",
			Collect: `%windir%\MS\SMS\Logs\Clicore.log and %windir%\MS\SMS\Logs\Ccim32.log`,
		})
	}
	return out
}

package checks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/safeio"
)

const siteDomainID = "sms-site-code-domain"

// Two components of an SMS 2.0 site write accounts into Mastercfg.cfg: one under the name of the domain, the other under the code of the site. Where
// both are the same word they overwrite each other, and one of them logs on with the other's password until the account is locked out.
var smsSiteCodeDomain = &findings.Check{
	ID:       siteDomainID,
	Title:    "The code of an SMS 2.0 site is also the name of a domain, so its accounts are locked out",
	Severity: findings.High,
	Product:  findings.Product{Name: "SMS 2.0 sites", Words: []string{"copylog.tcf", "smslogon", "ms/sms/", "inboxmgr", "nt_logon"}},
	Needs: []findings.Need{{
		Met:  func(f *facts.Facts) bool { return len(siteCodes(f)) > 0 || len(domainNames(f)) > 0 },
		What: "the SMS registry of a site server", Why: "it states the site's code and its release", Collect: siteRegistry.Collect,
	}},
	Signals: []match.Signal{
		{
			Name: siteDomainID + "/site", Kinds: []string{string(ingest.KindLogSMS)}, Literals: []string{"STATMSG: "},
			Pattern: `STATMSG: .*?\bSITE=(?P<site>[A-Za-z0-9]{3})\s`,
		},
		{
			Name: siteDomainID + "/account", Kinds: smsTexts(), Literals: []string{"using account "},
			Pattern: `using account (?P<domain>[^\s\\"']{1,15})\\(?P<account>[^\s\\"'(]+)`,
		},
		{
			Name: siteDomainID + "/locked", Kinds: smsTexts(), Literals: []string{"(1909)", "rror 1909", "ode 1909", "ode: 1909", "2147944309", "0x80070775"},
			Pattern: `(?i)(?:\(1909\)|\b(?:error|code):? 1909\b|\b2147944309\b|\b0x80070775\b)`,
		},
	},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"security": {539, 644}, "security-auditing": {4740}})
		},
	},
	Doc: findings.Doc{
		Cause: "The Windows Networking Logon Server Manager and the Logon Discovery Manager both keep account information in Mastercfg.cfg, the one by the name of the domain, the other by the code of the site. If the two are the same word, each overwrites the other's entry, and components log on with wrong credentials: the service account and the server connection accounts are locked out again and again.",
		Remedy: []string{
			"Install SMS 2.0 Service Pack 2 or later on the site, which keeps the two apart.",
			"Until then unlock the accounts, and turn off Windows Networking Logon Discovery or Logon Installation of the site: with one of the two nothing is overwritten.",
			"Choose another code when the site is installed anew; a site's code can't be changed.",
		},
		Risk:      "A service pack stops the site's services while it is installed and makes clients upgrade. Without logon discovery or installation new clients are not found or not installed.",
		Undo:      "Turn the two methods on again; a service pack is taken back only from a backup of the site.",
		Cured:     "The next Security log shows no lockout of the SMS accounts, and SMS\\Setup\\Full Version states build 1493.",
		Overturns: "The release of the site turns out to be SP2 or later, or the locked accounts to be others than those of SMS.",
		Proves: []string{
			"A site's code is the name of a domain, the site runs SMS 2.0 before SP2, and accounts of SMS are locked out: code 1909 in the site's logs, or event 644, 539 or 4740 that names such an account.",
		},
		Suggests:       []string{"The code is the name of a domain, and the release is not known or no lockout is shown."},
		Exonerates:     []string{"No site's code is the name of a domain.", "The site runs SP2 or later."},
		FalsePositives: "Accounts are also locked out by a changed password that one of the sites does not know yet, or by client connection accounts after their rotation.",
		NotCovered:     "Domains that only trusts name; Mastercfg.cfg itself, whose entries are encrypted.",
		References: []findings.Reference{
			{Title: "Q256963: lockouts if the site code conflicts with a domain name", URL: "https://jeffpar.github.io/kbarchive/kb/256/Q256963/"},
			{Title: "Q237759: avoiding lockouts of client connection accounts", URL: "https://jeffpar.github.io/kbarchive/kb/237/Q237759/"},
		},
	},
	RunAll: runSiteDomain,
}

var (
	siteRegistry = findings.Missing{
		What: "the SMS registry of the site server", Why: "it states the site's code and its release; from SP2 on the names do no harm",
		Collect: `on the site server: regedit /e "%TEMP%\sms.reg" "HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\SMS" (it holds Setup\Full Version and Identification\Site Code)`,
	}
	domainName = findings.Missing{
		What: "the name of the site server's domain", Why: "the trouble comes of a site code that is a domain's name", Collect: `set USERD > "%TEMP%\domain.txt" & net config workstation >> "%TEMP%\domain.txt"`,
	}
	lockoutEvents = findings.Missing{
		What: "the lockouts in the Security log of the primary domain controller", Why: "they show whether accounts of SMS are locked out",
		Collect: `in the Event Viewer of the PDC: the Security log, filtered by the event 644, saved as text`,
	}
)

// namedPlace is a name with the evidence for it.
type namedPlace struct {
	name string // upper case
	at   findings.Evidence
}

// siteCodes are the site codes that a system states, each once.
func siteCodes(f *facts.Facts) []namedPlace {
	var out []namedPlace
	add := func(code string, at findings.Evidence) {
		code = strings.ToUpper(strings.TrimSpace(code))
		if len(code) == 3 && !slices.ContainsFunc(out, func(p namedPlace) bool { return p.name == code }) {
			out = append(out, namedPlace{code, at})
		}
	}
	if v, err := f.Registry.Value(`SOFTWARE\Microsoft\SMS\Identification`, "Site Code"); err == nil {
		add(v.Value.String(), findings.FromValue(v, findings.Supports, "the site's code"))
	}
	for _, c := range facts.Values[*extract.Copylog](f) {
		for _, s := range c.Value.Sections {
			for _, e := range s.Entries {
				add(e.Site, findings.FromLine(f, c.Artifact.Path, e.Line, findings.Supports, "a site that supplies the logon point"))
			}
		}
	}
	for _, m := range f.Matches(siteDomainID + "/site").Kept {
		add(m.Capture("site"), findings.FromMatch(m, findings.Supports, "the site of a status message"))
	}
	return out
}

// domainNames are the NetBIOS names of domains that a system states, each once.
func domainNames(f *facts.Facts) []namedPlace {
	var out []namedPlace
	add := func(name string, at findings.Evidence) {
		name = strings.ToUpper(strings.TrimSpace(name))
		if name != "" && name != "." && name != f.Host && !strings.Contains(name, ".") && !slices.ContainsFunc(out, func(p namedPlace) bool { return p.name == name }) {
			out = append(out, namedPlace{name, at})
		}
	}
	for _, value := range []string{"CachePrimaryDomain", "DefaultDomainName"} {
		if v, err := f.Registry.Value(`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`, value); err == nil {
			add(v.Value.String(), findings.FromValue(v, findings.Supports, "a domain's name"))
		}
	}
	if v, err := f.Registry.Value(`SECURITY\Policy\PolPrDmN`, ""); err == nil {
		if name := unicodeString(v); name != "" {
			quoted := findings.FromValue(v, findings.Supports, "holds the name of the machine's domain, "+name)
			quoted.Quote = ""
			add(name, quoted)
		}
	}
	for _, m := range f.Matches(siteDomainID + "/account").Kept {
		add(m.Capture("domain"), findings.FromMatch(m, findings.Supports, "an account of this domain"))
	}
	for _, v := range facts.Values[*extract.Machines](f) {
		for _, m := range v.Value.List {
			if m.Domain.Line > 0 {
				add(m.Domain.Text, findings.FromLine(f, v.Artifact.Path, m.Domain.Line, findings.Supports, "the machine's domain"))
			}
		}
	}
	return out
}

// unicodeString reads the counted string of a value of the security policy: its length and the room for it in bytes (16 bits each), the offset of
// its characters (32 bits), and the characters as UTF-16.
func unicodeString(v hive.Found) string {
	const head = 8
	data := v.Value.Data
	n, ok := safeio.U16(data, 0)
	if !ok || int(n) > len(data)-head || n%2 != 0 {
		return ""
	}
	return safeio.UTF16LE(data[head : head+int(n)])
}

// smsAccount is the name of an account that SMS uses, as it makes or proposes them.
var smsAccount = regexp.MustCompile(`(?i)\bSMS(?:Service|Server_|Client_|Cli|Logon|Admin)?\w*`)

// lockouts are the lockouts of SMS accounts that a system shows.
func lockouts(f *facts.Facts) []findings.Evidence {
	var out []findings.Evidence
	if m, ok := f.Matches(siteDomainID + "/locked").Last(); ok {
		out = append(out, findings.FromMatch(m, findings.Supports, "1909 (ERROR_ACCOUNT_LOCKED_OUT): the account is locked out"))
	}
	for _, l := range facts.Observed[*eventLog](f, siteDomainID) {
		for _, g := range l.Value.groups {
			if account := smsAccount.FindString(g.said()); account != "" && len(out) < 3 {
				out = append(out, findings.FromMatch(*g.last, findings.Supports, fmt.Sprintf("event %d: the account %s is locked out", g.id, account)))
			}
		}
	}
	return out
}

// siteRelease is what the bundle tells of the release of SMS: whether names of sites and domains still collide in it.
type siteRelease struct {
	affected, sound bool
	text            string
	at              findings.Evidence
}

func readSiteRelease(all []*facts.Facts) siteRelease {
	var out siteRelease
	for _, f := range all {
		v, err := f.Registry.Value(`SOFTWARE\Microsoft\SMS\Setup`, "Full Version")
		if err != nil {
			continue
		}
		text := v.Value.String()
		r, ok := parseSMSRelease(text)
		major, _, _ := strings.Cut(text, ".")
		switch {
		case ok && r.build > 0 && r.build < 1493:
			// Of several sites the oldest is the one at fault.
			return siteRelease{affected: true, text: r.name(), at: findings.FromValue(v, findings.Supports, "the release of the site: "+r.name())}
		case ok && r.build >= 1493, len(major) == 1 && major > "2":
			out = siteRelease{sound: true, text: text, at: findings.FromValue(v, findings.Contradicts, "a release that keeps the two apart")}
		}
	}
	if out.text != "" {
		return out
	}
	for _, f := range all {
		for _, a := range f.Artifacts {
			if a.Kind == ingest.KindLogCCM && a.Records > 0 {
				return siteRelease{sound: true, text: "a release later than SMS 2.0", at: findings.Evidence{Artifact: a.Path, Role: findings.Contradicts, Note: "a log of a release later than SMS 2.0"}}
			}
		}
	}
	return out
}

func runSiteDomain(all []*facts.Facts) ([]findings.Finding, error) {
	sites, domains := map[string]findings.Evidence{}, map[string]findings.Evidence{}
	var locked []findings.Evidence
	for _, f := range all {
		for _, p := range siteCodes(f) {
			if _, seen := sites[p.name]; !seen {
				sites[p.name] = p.at
			}
		}
		for _, p := range domainNames(f) {
			if _, seen := domains[p.name]; !seen {
				domains[p.name] = p.at
			}
		}
		locked = append(locked, lockouts(f)...)
	}
	codes, names := slices.Sorted(maps.Keys(sites)), slices.Sorted(maps.Keys(domains))
	if len(codes) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Summary: "Nothing in the bundle shows the code of an SMS site.",
		}}, nil
	}
	release := readSiteRelease(all)
	// Later releases name their sites in their logs too, and there the names do no harm.
	copylog := slices.ContainsFunc(all, func(f *facts.Facts) bool { return f.Has(ingest.KindCopylog) })
	if len(names) == 0 && !release.affected && !copylog && len(locked) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent,
			Summary: "The bundle names a site, but no domain, and nothing in it shows SMS 2.0 before Service Pack 2.",
		}}, nil
	}
	if len(names) == 0 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.Low,
			Summary:  fmt.Sprintf("The bundle names the %s %s, but no domain.", plural(len(codes), "site", "sites"), strings.Join(codes, ", ")),
			Evidence: []findings.Evidence{withRole(sites[codes[0]], findings.Context, "")}, Missing: []findings.Missing{domainName},
		}}, nil
	}
	var out []findings.Finding
	for _, code := range codes {
		at, both := domains[code]
		if !both {
			continue
		}
		out = append(out, siteDomain(code, sites[code], at, locked, release))
	}
	if len(out) == 0 {
		out = append(out, findings.Finding{
			Verdict: findings.RuledOut,
			Summary: fmt.Sprintf("The bundle names the %s %s and the %s %s; none is both.",
				plural(len(codes), "site", "sites"), strings.Join(codes, ", "), plural(len(names), "domain", "domains"), strings.Join(names, ", ")),
			Evidence: []findings.Evidence{
				withRole(sites[codes[0]], findings.Contradicts, "a site's code that is no domain's name"), withRole(domains[names[0]], findings.Context, "a domain's name"),
			},
		})
	}
	return out, nil
}

// siteDomain is the finding of a name that a site and a domain share.
func siteDomain(name string, site, domain findings.Evidence, locked []findings.Evidence, release siteRelease) findings.Finding {
	out := findings.Finding{Subject: name, Verdict: findings.Suspected, State: findings.Active}
	out.Title = fmt.Sprintf("The site code %s is also the name of a domain, so its accounts are locked out", name)
	out.Summary = name + " is both the code of an SMS site and the name of a domain."
	if release.sound {
		out.Verdict, out.Severity = findings.RuledOut, ""
		out.Title = fmt.Sprintf("The site code %s is also the name of a domain, which does no harm in this release", name)
		out.Summary += fmt.Sprintf(" The bundle shows %s, and SMS 2.0 SP2 and later keep the two apart.", release.text)
		out.Evidence = []findings.Evidence{release.at, withRole(site, findings.Context, ""), withRole(domain, findings.Context, "")}
		return out
	}
	out.Evidence = append([]findings.Evidence{site, domain}, locked...)
	out.Rivals = []findings.Rival{{Name: "A password that was changed and is not known everywhere", Verdict: rivalOpen + "the bundle does not show when the accounts' passwords were changed."}}
	if release.affected {
		out.Evidence = append(out.Evidence, release.at)
		out.Summary += fmt.Sprintf(" The site runs %s, in which the two overwrite each other's accounts in Mastercfg.cfg.", release.text)
	} else {
		out.Summary += " The release is not shown; before SP2 the two overwrite each other's accounts in Mastercfg.cfg."
		out.Missing = append(out.Missing, siteRegistry)
	}
	if len(locked) == 0 {
		out.Severity, out.State = findings.Low, findings.Predicted
		out.Summary += " No lockout of an SMS account is shown."
		out.Missing = append(out.Missing, lockoutEvents)
		return out
	}
	out.Summary += " Accounts of SMS are locked out."
	out.Severity = findings.Medium
	if release.affected {
		out.Verdict, out.Severity = findings.Confirmed, findings.High
	}
	return out
}

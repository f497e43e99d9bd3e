package checks

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const mixedID = "sms-mixed-client-installation"

// A client that takes the core of a newer release from a shared logon point, while its own site still offers the components of an older
// one, stands between the two: the service refuses programs whose checksum is of the other release, and the installation manager waits
// for components that nobody offers. Each line of the client's logs also has other causes, so that they are weighed together, and only
// two releases stated side by side prove the state.
var smsMixedClientInstallation = &findings.Check{
	ID:       mixedID,
	Title:    "The SMS 2.0 client mixes two releases, so its components do not start",
	Severity: findings.High,
	Product: findings.Product{
		Name: "an SMS 2.0 client", Words: []string{"smslogon", "copylog", "clicore", "ccim32", "wn_logon", "wnmanual", "clisvc", "launch32", "smscli", "/ms/sms/"},
		Kinds: []ingest.Kind{ingest.KindCopylog},
		Seen:  func(f *facts.Facts) bool { return len(mixedArtifacts(f)) > 0 },
	},
	Needs: []findings.Need{{
		// Copylog.tcf says nothing of a client's state, but it lies with another computer and is needed beside the logs.
		Met:  func(f *facts.Facts) bool { return len(mixedArtifacts(f)) > 0 || f.Has(ingest.KindCopylog) },
		What: "Clicore.log and Ccim32.log of the client", Why: "they state the releases of the client's core and of what its site offers",
		Collect: mixedCollect,
	}},
	Signals: mixedSignals(),
	Doc: findings.Doc{
		Cause: "Sites of different releases share the logon point. The client copied Clicore.exe of the newer site from it, while the client access point of its own site gives the components, configuration and checksums of the older release. The client service refuses to run programs whose checksum is of another release, and the installation manager holds back the components until it finds a client access point of the core's release.",
		Remedy: []string{
			"Correct the line X86.BIN\\CLICORE.EXE= of \\\\PDC\\SMSLOGON\\Config\\Copylog.tcf first if it names the older site, else the client falls back into the state.",
			"Upgrade every site that serves the client to the newest release, the central site first, within hours: this repairs and upgrades mixed clients. The updates of Q249077 and Q251070 prevent new cases and repair none.",
			"Have a local administrator log on once where the client does not recover: with a user of fewer rights it can't replace its services.",
		},
		Risk:      "Between the upgrade of the first site and that of the last the clients of all of them may fall into this state. Upgrading a site has no way back, and its clients are upgraded with it at their next logon.",
		Undo:      "A site goes back to its former release only by its backup of before the upgrade, and a client only by removing it (Smsman /u) and installing it from such a site. The edited Copylog.tcf is put back from its copy.",
		Cured:     `Clicore.log states one release in "Base client files are version" and "Current clibase version is", Ccim32.log no longer calls the client access point older, and Clisvc.log starts the programs.`,
		Overturns: "A later run in Clicore.log or Ccim32.log that states one release; a hotfix that was installed on the client alone, or a token file that Inbox Manager held for days, which lead to the same lines with equal versions.",
		Proves: []string{
			"Clicore.log states two releases in one run (\"Base client files are version\", \"Current clibase version is\"), or Ccim32.log states that the client access point's release is older than the client's; and the signs in the client's logs count six or more together. A contradiction of versions counts four; a missing Compver.ini three; an unregistered installation manager, a refused program and an offer out of step two each; the rest one.",
		},
		Suggests:   []string{"Weights of three to five: the contradiction alone, or signs without it."},
		Exonerates: []string{"The logs state one release throughout, and the signs are few or have another cause that the bundle shows.", "A later run states one release again (the finding is then resolved)."},
		FalsePositives: "A healthy client shows two releases for the minutes of an upgrade, and its Clicore.log says \"Installing\" at each logon. A hotfix that was " +
			"installed on the client alone leads to the same refusals, and a token held by Inbox Manager to the same waiting, both with equal versions.",
		NotCovered: "Clients of SMS 2003 and later, and 16-bit clients.",
		References: []findings.Reference{
			{Title: "KB 264630: SMS 2.0 SP1 and SP2 interoperability issues", URL: "https://jeffpar.github.io/kbarchive/kb/264/Q264630/"},
			{Title: "KB 236596: client components fail to install", URL: "https://jeffpar.github.io/kbarchive/kb/236/Q236596/"},
			{Title: "KB 270912: the client service is not authorised to run an application", URL: "https://jeffpar.github.io/kbarchive/kb/270/Q270912/"},
			{Title: "KB 322967: Inbox Manager's token file", URL: "https://jeffpar.github.io/kbarchive/kb/322/Q322967/"},
		},
	},
	RunAll: runMixed,
}

const mixedCollect = `%windir%\MS\SMS\Logs\Clicore.log and %windir%\MS\SMS\Logs\Ccim32.log (best the whole folder %windir%\MS\SMS\Logs)`

// What the weights have to reach.
const (
	mixedProof     = 6
	mixedSuspicion = 3
)

// contradictionWeight is the weight of two releases stated side by side.
const contradictionWeight = 4

// mixedSign is a kind of line that clients in the state write.
type mixedSign struct {
	name     string
	weight   int
	most     int    // how many lines count
	says     string // what the line says
	literals []string
	pattern  string
}

// mixedSigns are in the order of their weight. Patterns match anywhere in a line: programs put marks before the text, and copies of a log
// viewer put its columns behind it.
var mixedSigns = []mixedSign{
	{
		name: "no-compver", weight: 3, most: 1, says: "the bootstrap finds no release of the site that is named for the logon point",
		literals: []string{"No COMPVER.INI found for site "}, pattern: `(?i)No COMPVER\.INI found for site (?P<site>[A-Z0-9]{3})\b`,
	},
	{
		name: "not-registered", weight: 2, most: 1, says: "the bootstrap could not register the installation manager",
		literals: []string{"Could not register CCIM"}, pattern: `(?i)Could not register CCIM.{0,80}?AppRegister return code ?= ?(?P<code>\d+)`,
	},
	{
		name: "not-authorised", weight: 2, most: 1, says: "the client service refuses a program whose checksum is not the one it was given",
		literals: []string{"The Client Service is not authori"}, pattern: `(?i)The Client Service is not authori[sz]ed to run this application! \((?P<code>\d+)\)`,
	},
	{
		name: "offer-version", weight: 2, most: 1, says: "a component's configuration is of another release than its offer",
		literals: []string{"out of sync with offer file version"}, pattern: `(?i)version \([^)]*\) out of sync with offer file version \([^)]*\)`,
	},
	{
		name: "no-scm", weight: 1, most: 1, says: "the bootstrap may not install the services (a plain user's logon looks the same)",
		literals: []string{"Unable to open the service control manager to install the SMS Client"},
	},
	{
		name: "not-started", weight: 1, most: 1, says: "the programs for advertisements do not start",
		literals: []string{"Failed to start "}, pattern: `(?i)Failed to start \S.*?\\SWDist32\\bin\\sms(?:wiz|mon)32\.exe`,
	},
	{
		name: "launch", weight: 1, most: 1, says: "the client service could not launch a program and verifies it",
		literals: []string{" - Error launching (#", "Doing App Verify", "AppVerify("},
		pattern:  `(?i) - Error launching \(#?0x[0-9a-f]+\)|Problem starting App \(\d+\)\. Doing App Verify|AppVerify\([^)]+\) returned [1-9]\d*`,
	},
	{
		name: "held-back", weight: 1, most: 2, says: "a component is held back by the installation manager",
		literals: []string{"Not launching until CCIM indicates", " - Not Launching application"},
	},
	{
		name: "no-uplevel", weight: 1, most: 2, says: "no client access point offers the component in the core's release",
		literals: []string{"could not find a site CAP with uplevel version of component "},
	},
	{
		name: "apm", weight: 1, most: 1, says: "the installation manager can't finish its operations",
		literals: []string{"Unable to establish a connection with APM", "CClientOfferArray::ResolvePendingOperations returned ", "moved from index "},
		pattern:  `(?i)Unable to establish a connection with APM|ResolvePendingOperations returned [1-9]\d*|Component ".{1,80}?" moved from index \d+ to \d+`,
	},
	{
		name: "repair-pending", weight: 1, most: 1, says: "a component waits for its repair",
		literals: []string{"Repair Pending"},
	},
	{
		name: "clilog", weight: 1, most: 1, says: "a DLL of the client's core is missing",
		literals: []string{"Clilog.dll"}, pattern: `(?i)Clilog\.dll.{0,60}\b(?:not (?:be )?found|missing|126)\b|\b(?:unable|could not|failed|missing|required)\b.{0,60}Clilog\.dll`,
	},
}

// mixedRival is another cause of the same lines that a line shows.
type mixedRival struct {
	signal, name, text string
	literals           []string
	pattern            string
	clears             bool // it explains the signs where the versions are equal
}

var mixedRivals = []mixedRival{
	{
		signal: "token", name: "Inbox Manager's token is held, so that the site's files are not copied (Q322967)", clears: true,
		text:     "the bundle shows the token or a file that could not be copied. It makes components wait just so, but with equal versions.",
		literals: []string{"inboxlck.tok", "Inbox manager token file found", "because of sharing violation"},
	},
	{
		signal: "deinstall", name: "The client is flagged for deinstallation (Q293117)", clears: true,
		text:     "the log says that the flag is set: the client takes no assignments whatever its release.",
		literals: []string{"Client deinstall flag set"},
	},
	{
		signal: "installing", name: "A healthy client whose Clicore.log says \"Installing\" at each logon (Q277783)", clears: true,
		text:     "Coreinst.log says that files were skipped, which is what really happened: the line in Clicore.log is no installation.",
		literals: []string{"Skipped File:"},
	},
	{
		signal: "time-zone", name: "A change of the time zone made the client copy its files again (Q251164)",
		text:     "the bundle mentions a change of the time zone. It leads to copying, not to two releases.",
		literals: []string{"time zone", "timezone", "time-zone"}, pattern: `(?i)time[ -]?zone.{0,60}\bchang|\bchang\w*\b.{0,40}time[ -]?zone`,
	},
	{
		signal: "encrypted", name: "The folder of SMS_LOCAL_DIR is encrypted (Q227025)", clears: true,
		text:     "the bundle shows that a DLL of the client could not be loaded, or the encrypted folder itself.",
		literals: []string{"Load of DLL CliEx32.dll failed", "SMS_LOCAL_DIR"}, pattern: `(?i)Load of DLL CliEx32\.dll failed|SMS_LOCAL_DIR.{0,80}\bencrypt|\bencrypt\w*.{0,80}SMS_LOCAL_DIR`,
	},
	{
		signal: "password-age", name: "An account policy keeps the bootstrap from registering the installation manager (Q221218)",
		text:     "the log gives AppRegister's code 1060 or the error 1327, which is that policy's; the line was not counted.",
		literals: []string{"AppRegister return code", "(1327)"}, pattern: `(?i)AppRegister return code ?= ?1060\b|CCIM.*?\(1327\)`,
	},
	{
		signal: "hotfix", name: "A hotfix was installed on the client without its files in the site's \\SMS\\bin (Q246331, Q270912)", clears: true,
		text:     "the bundle names such a hotfix. It leads to refused programs, with equal versions.",
		literals: []string{"Q246331", "Q270912", "KB246331", "KB270912"},
	},
}

func mixedSignals() []match.Signal {
	kinds := smsTexts()
	out := []match.Signal{
		{
			Name: mixedID + "/base-files", Kinds: kinds, Literals: []string{"Base client files are version "},
			Pattern: `(?i)Base client files are version (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			Name: mixedID + "/clibase", Kinds: kinds, Literals: []string{"Current clibase version is "},
			Pattern: `(?i)Current clibase version is (?P<version>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{
			Name: mixedID + "/cap-release", Kinds: kinds, Literals: []string{"The CAP base release (from "},
			Pattern: `(?i)The CAP base release \(from (?P<cap>[^)]*)\) is (?P<version>\d+\.\d+\.\d+(?:\.\d+)?) \(client release is (?P<client>\d+\.\d+\.\d+(?:\.\d+)?)`,
		},
		{Name: mixedID + "/client-core", Kinds: kinds, Literals: []string{"Client core file version (from cliver.exe) is "}},
	}
	// What tells a published article, whose lines are examples: its keywords, which no translation changes, and its head.
	out = append(out, match.Signal{Name: mixedID + "/article", Kinds: kinds, Literals: []string{"kbsms200", "This article was previously published under Q"}})
	for _, s := range mixedSigns {
		out = append(out, match.Signal{Name: mixedID + "/" + s.name, Kinds: kinds, Literals: s.literals, Pattern: s.pattern})
	}
	for _, r := range mixedRivals {
		out = append(out, match.Signal{Name: mixedID + "/" + r.signal, Kinds: kinds, Literals: r.literals, Pattern: r.pattern})
	}
	return out
}

// statesVersions matches the names of the logs that state releases, rotated ones too.
var statesVersions = regexp.MustCompile(`(?i)(?:^|[_. -])(?:clicore|ccim32)[^/]*\.(?:log?|lo_|old|txt)$`)

// clientLog matches the names of all logs of a client that bear on its installation.
var clientLog = regexp.MustCompile(`(?i)(?:^|[_. -])(?:clicore|ccim32|clisvc|launch32|smscli|coreinst|wn_?logon|wn_?manual|wn_?remote)[^/]*\.(?:log?|lo_|old|txt)$`)

// mixedArtifacts are the artifacts of a system that tell of a client's installation, in path order.
func mixedArtifacts(f *facts.Facts) []string {
	var out []string
	for _, a := range f.Artifacts {
		if a.Records > 0 && clientLog.MatchString(path.Base(a.Path)) {
			out = append(out, a.Path)
		}
	}
	names := []string{"base-files", "clibase", "cap-release", "client-core"}
	for _, s := range mixedSigns {
		names = append(names, s.name)
	}
	for _, n := range names {
		for _, m := range f.Matches(mixedID + "/" + n).Kept {
			out = append(out, m.Ref.Artifact)
		}
	}
	var articles []string
	for _, m := range f.Matches(mixedID + "/article").Kept {
		articles = append(articles, m.Ref.Artifact)
	}
	out = slices.DeleteFunc(out, func(a string) bool { return slices.Contains(articles, a) })
	slices.Sort(out)
	return slices.Compact(out)
}

// smsClient is one client with the artifacts that tell of it.
type smsClient struct {
	facts     *facts.Facts
	subject   string
	artifacts []string
}

// smsClients tells the clients of a system's artifacts apart. SMS 2.0 logs name no computer, so that the folders of several clients may
// make up one nameless system: two logs of one name are of two clients. What belongs to no one of several computers is of as many
// clients as it has folders.
func smsClients(f *facts.Facts) []smsClient {
	list := mixedArtifacts(f)
	if len(list) == 0 {
		return nil
	}
	if f.ID != "" {
		return []smsClient{{f, f.ID, list}}
	}
	groups := splitClients(list)
	if f.Mixed {
		groups = nil
		for _, a := range list {
			i := slices.IndexFunc(groups, func(g []string) bool { return clientFolder(g[0]) == clientFolder(a) })
			if i < 0 {
				groups = append(groups, []string{a})
				continue
			}
			groups[i] = append(groups[i], a)
		}
	}
	if len(groups) == 1 && !f.Mixed {
		if out := prefixedClients(f, list); len(out) > 1 {
			return out
		}
		return []smsClient{{f, "", list}}
	}
	var out []smsClient
	for i, g := range groups {
		if named := prefixedClients(f, g); len(named) > 1 {
			out = append(out, named...)
			continue
		}
		out = append(out, smsClient{f, ownFolder(g, slices.Concat(slices.Concat(groups[:i]...), slices.Concat(groups[i+1:]...))), g})
	}
	return out
}

// logPrefix matches the name of a client's log behind the name of its computer: WKS7_Clicore.log.
var logPrefix = regexp.MustCompile(`(?i)^([a-z0-9][a-z0-9-]{0,14})[_. -](?:clicore|ccim32|clisvc|launch32|smscli|coreinst|wn_?logon|wn_?manual|wn_?remote)(?:[^/]*)$`)

// prefixedClients tells clients apart by what stands before the names of their logs; of what has no such name is made a client of its own.
func prefixedClients(f *facts.Facts, list []string) []smsClient {
	var out []smsClient
	for _, a := range list {
		name := ""
		if m := logPrefix.FindStringSubmatch(path.Base(a)); m != nil {
			name = strings.ToUpper(m[1])
		}
		i := slices.IndexFunc(out, func(c smsClient) bool { return c.subject == name })
		if i < 0 {
			i = len(out)
			out = append(out, smsClient{facts: f, subject: name})
		}
		out[i].artifacts = append(out[i].artifacts, a)
	}
	return out
}

// ownFolder is the topmost folder that holds all of a client's artifacts and none of the others'; the first artifact if there is no such
// folder.
func ownFolder(own, others []string) string {
	folder := ""
	for name := range strings.SplitSeq(commonFolder(own), "/") {
		folder = path.Join(folder, name)
		if folder != "" && !slices.ContainsFunc(others, func(o string) bool { return strings.HasPrefix(o, folder+"/") }) {
			return folder
		}
	}
	return own[0]
}

// splitClients splits artifacts, in path order, by their first folder that differs, as long as two have one name.
func splitClients(list []string) [][]string {
	seen := map[string]bool{}
	twice := false
	for _, a := range list {
		base := strings.ToLower(path.Base(a))
		twice = twice || seen[base]
		seen[base] = true
	}
	if !twice {
		return [][]string{list}
	}
	common := commonFolder(list)
	first := func(a string) string {
		folder, _, below := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(a, common), "/"), "/")
		if !below {
			return ""
		}
		return folder
	}
	var names []string
	groups := map[string][]string{}
	for _, a := range list {
		n := first(a)
		if _, ok := groups[n]; !ok {
			names = append(names, n)
		}
		groups[n] = append(groups[n], a)
	}
	if len(names) == 1 {
		return [][]string{list}
	}
	var out [][]string
	for _, n := range names {
		out = append(out, splitClients(groups[n])...)
	}
	return out
}

// commonFolder is the deepest folder that holds all artifacts, "" if that is the bundle.
func commonFolder(list []string) string {
	common := path.Dir(list[0])
	for _, a := range list[1:] {
		for common != "." && !strings.HasPrefix(a, common+"/") {
			common = path.Dir(common)
		}
	}
	if common == "." {
		return ""
	}
	return common
}

// clientFolder is the folder above the client's own ones: host of host/WINNT/MS/SMS/Logs/Clisvc.log is host/WINNT.
func clientFolder(artifact string) string {
	dir := path.Dir(artifact)
	for slices.Contains([]string{"logs", "log", "bin", "core", "data", "clicomp", "sms", "ms"}, strings.ToLower(path.Base(dir))) {
		dir = path.Dir(dir)
	}
	if dir == "." {
		return ""
	}
	return dir
}

// matches are the lines of the client that a signal has found.
func (c smsClient) matches(signal string) []facts.Match {
	return slices.DeleteFunc(slices.Clone(c.facts.Matches(mixedID+"/"+signal).Kept), func(m facts.Match) bool {
		return !slices.Contains(c.artifacts, m.Ref.Artifact)
	})
}

// versions are two releases that a log states side by side.
type versions struct {
	core, offered smsRelease    // of the core, and of what the client has or its site offers
	lines         []facts.Match // one or two
	site          string        // whose client access point offers it, "" if the log does not say
}

func (v versions) contradict() bool { return v.core.compare(v.offered) != 0 }

func (v versions) evidence(role findings.Role) []findings.Evidence {
	if len(v.lines) == 2 {
		return []findings.Evidence{
			findings.FromMatch(v.lines[0], role, "the release of the core that the logon point gives: "+v.core.name()),
			findings.FromMatch(v.lines[1], role, "the release that the client has in the same run: "+v.offered.name()),
		}
	}
	note := fmt.Sprintf("the client access point offers %s, the client's core is %s", v.offered.name(), v.core.name())
	return []findings.Evidence{findings.FromMatch(v.lines[0], role, note)}
}

// says is the pair in words.
func (v versions) says() string {
	if len(v.lines) == 2 {
		return fmt.Sprintf("%s states that the core from the logon point is %s (%s) and that the client has %s (%s)",
			path.Base(v.lines[0].Ref.Artifact), v.core.name(), v.core.text, v.offered.name(), v.offered.text)
	}
	of := "the client access point"
	if v.site != "" {
		of += " of site " + v.site
	}
	return fmt.Sprintf("%s states that %s offers %s (%s) to a client whose core is %s (%s)",
		path.Base(v.lines[0].Ref.Artifact), of, v.offered.name(), v.offered.text, v.core.name(), v.core.text)
}

var capSite = regexp.MustCompile(`(?i)[\\/]CAP_([A-Z0-9]{3})(?:[\\/]|$)`)

// runs are the releases that Clicore.log states, a run each in the order of the text, and those of Ccim32.log.
func (c smsClient) runs() (core, offers []versions) {
	base, have := c.matches("base-files"), c.matches("clibase")
	for i, b := range base {
		last := i+1 == len(base) || base[i+1].Ref.Artifact != b.Ref.Artifact
		for _, h := range have {
			if h.Ref.Artifact != b.Ref.Artifact || h.Ref.Line < b.Ref.Line || !last && h.Ref.Line >= base[i+1].Ref.Line {
				continue
			}
			x, ok := parseSMSRelease(b.Capture("version"))
			y, ok2 := parseSMSRelease(h.Capture("version"))
			if ok && ok2 && x.build > 0 && y.build > 0 {
				core = append(core, versions{core: x, offered: y, lines: []facts.Match{b, h}})
			}
			break
		}
	}
	for _, m := range c.matches("cap-release") {
		x, ok := parseSMSRelease(m.Capture("client"))
		y, ok2 := parseSMSRelease(m.Capture("version"))
		if !ok || !ok2 || x.build == 0 || y.build == 0 || y.compare(x) > 0 {
			continue // a client that is older than its site waits for its upgrade, which is no contradiction
		}
		v := versions{core: x, offered: y, lines: []facts.Match{m}}
		if s := capSite.FindStringSubmatch(m.Capture("cap")); s != nil {
			v.site = strings.ToUpper(s[1])
		}
		offers = append(offers, v)
	}
	return core, offers
}

// judged is what a series of statements says in the end.
type judged struct {
	against *versions // the last that contradicts itself
	agrees  *versions // the last that does not
	cured   bool      // the agreement is the later one
}

func judgeRuns(f *facts.Facts, list []versions) judged {
	var j judged
	for i := range list {
		v := &list[i]
		at := &j.agrees
		if v.contradict() {
			at = &j.against
		}
		if *at == nil || !f.Later((*at).lines[0], v.lines[0]) {
			*at = v
		}
	}
	j.cured = j.against != nil && j.agrees != nil && f.Later(j.agrees.lines[0], j.against.lines[0])
	return j
}

func runMixed(all []*facts.Facts) ([]findings.Finding, error) {
	credit := copylogCredit(all)
	var out, open []findings.Finding
	for _, f := range all {
		for _, c := range smsClients(f) {
			if g := judgeMixed(c, credit); g.Verdict == findings.NotEvaluated {
				open = append(open, g)
			} else {
				out = append(out, g)
			}
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case len(open) > 0:
		return open, nil
	}
	return []findings.Finding{{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: "The bundle holds a Copylog.tcf, but no log of a client.",
		Missing: []findings.Missing{{What: "Clicore.log and Ccim32.log of the client", Why: "they state the releases of the client's core and of what its site offers", Collect: mixedCollect}},
	}}, nil
}

// copylogCredits is which site Copylog.tcf credits with Clicore.exe.
type copylogCredits struct {
	site     string // "" if there is no such file or line
	evidence findings.Evidence
}

func copylogCredit(all []*facts.Facts) copylogCredits {
	for _, f := range all {
		for _, v := range facts.Values[*extract.Copylog](f) {
			for _, e := range v.Value.Clicore() {
				if strings.HasPrefix(strings.ToLower(e.Path), "x86") {
					site := strings.ToUpper(e.Site)
					return copylogCredits{site, findings.FromLine(f, v.Artifact.Path, e.Line, findings.Context, "Copylog.tcf names site "+site+" for the core")}
				}
			}
		}
	}
	return copylogCredits{}
}

// judgeMixed gives the verdict on one client.
func judgeMixed(c smsClient, credit copylogCredits) findings.Finding {
	f := findings.Finding{Subject: c.subject, System: c.facts.ID, State: findings.Active}
	coreRuns, offers := c.runs()
	var sum int
	var against, agreed []*versions
	cured := true
	for _, j := range []judged{judgeRuns(c.facts, coreRuns), judgeRuns(c.facts, offers)} {
		if j.against != nil {
			sum += contradictionWeight
			against = append(against, j.against)
			cured = cured && j.cured
		}
		if j.agrees != nil && (j.against == nil || j.cured) {
			agreed = append(agreed, j.agrees)
		}
	}
	var signs []findings.Evidence
	var said []string
	refusals, others := 0, 0
	for _, s := range mixedSigns {
		found := c.matches(s.name)
		if s.name == "not-registered" {
			found = slices.DeleteFunc(found, func(m facts.Match) bool { return m.Capture("code") == "1060" })
		}
		n := min(len(found), s.most)
		sum += n * s.weight
		for _, m := range found[:n] {
			note := s.says
			if site := m.Capture("site"); site != "" {
				note += "; the site is " + strings.ToUpper(site)
			}
			signs = append(signs, findings.FromMatch(m, findings.Supports, note))
		}
		if n > 0 {
			said = append(said, s.says)
			if s.name == "not-authorised" || s.name == "launch" {
				refusals++
			} else {
				others++
			}
		}
	}
	rivals, clears, rivalEvidence := mixedRivalsOf(c)
	if len(against) == 0 && refusals > 0 && others == 0 && !slices.ContainsFunc(rivals, func(r findings.Rival) bool { return strings.Contains(r.Name, "Q246331") }) {
		rivals = append(rivals, findings.Rival{Name: mixedRivals[len(mixedRivals)-1].name, Verdict: rivalOpen + "only refused programs are shown, which is what such a hotfix leads to; the bundle does not name one."})
	}
	for _, v := range against {
		f.Evidence = append(f.Evidence, v.evidence(findings.Supports)...)
	}
	f.Rivals = rivals
	switch {
	case len(against) > 0:
		f.Evidence = append(f.Evidence, signs...)
		mixedContradiction(&f, c, against, sum, said, credit)
		if cured {
			f.State = findings.Resolved
			f.Summary += " A later run states one release again, so that the client has recovered."
			for _, v := range agreed {
				f.Evidence = append(f.Evidence, v.evidence(findings.Contradicts)...)
			}
		} else {
			f.Rivals = append(f.Rivals, findings.Rival{
				Name:    "The logs were written during an upgrade that ended well since",
				Verdict: rivalSilent + "no later run in the logs states one release.",
			})
		}
	case sum >= mixedSuspicion && (len(agreed) == 0 || !clears && !c.statesOffer()):
		f.Verdict, f.Severity = findings.Suspected, findings.Medium
		f.Title = "An SMS 2.0 client shows signs of a core and components of different releases"
		f.Summary = fmt.Sprintf("The client's logs hold signs of a mixed installation: %s. No line states two releases side by side, which alone would prove it.", strings.Join(said, "; "))
		f.Evidence = append(f.Evidence, signs...)
		for _, v := range agreed {
			f.Evidence = append(f.Evidence, v.evidence(findings.Contradicts)...)
			f.Summary += " " + v.says() + ", which speaks against it."
		}
		f.Missing = c.missing()
	case len(agreed) > 0 || c.versionLog() != "":
		mixedWell(&f, c, agreed, sum, said, signs)
	default:
		f.Verdict, f.Reason = findings.NotEvaluated, findings.DataMissing
		f.Summary = "The bundle holds logs of the client, but none that states the client's releases."
		if len(signs) > 0 {
			f.Summary = "The bundle holds a few lines that a client of mixed releases writes, but too few to mean anything, and no log that states the client's releases."
		}
		for _, e := range signs {
			e.Role = findings.Context
			f.Evidence = append(f.Evidence, e)
		}
		f.Missing = c.missing()
	}
	f.Evidence = oncePlaced(append(f.Evidence, rivalEvidence...))
	return f
}

// mixedContradiction fills in the finding on a client whose logs state two releases.
func mixedContradiction(f *findings.Finding, c smsClient, against []*versions, sum int, said []string, credit copylogCredits) {
	on := "An SMS 2.0 client"
	if c.subject != "" {
		on = "The SMS 2.0 client of " + c.subject
	}
	v := against[len(against)-1]
	f.Summary = v.says() + "."
	if len(against) > 1 {
		f.Summary = against[0].says() + ", and " + v.says() + "."
	}
	f.Verdict = findings.Confirmed
	f.Title = fmt.Sprintf("%s mixes a core of %s with components of %s", on, v.core.name(), v.offered.name())
	switch {
	case len(said) > 0 && sum >= mixedProof:
		more := ""
		if n := len(said) - 3; n > 0 {
			more = fmt.Sprintf("; and %d more %s", n, plural(n, "kind of line", "kinds of lines"))
			said = said[:3]
		}
		f.Summary += fmt.Sprintf(" Further lines bear it out: %s%s.", strings.Join(said, "; "), more)
	case sum >= mixedProof:
		f.Summary += " Two logs state it independently."
	default:
		f.Verdict, f.Severity = findings.Suspected, findings.Medium
		f.Title = fmt.Sprintf("%s may mix a core of %s with components of %s", on, v.core.name(), v.offered.name())
		f.Summary += " A healthy client states the same during an upgrade, and the bundle shows too few signs that the client is stuck."
		f.Missing = c.missing()
	}
	site := ""
	for _, a := range against {
		site = cmp.Or(a.site, site)
	}
	if credit.site == "" {
		return
	}
	f.Evidence = append(f.Evidence, credit.evidence)
	if site == "" || site != credit.site {
		f.Summary += fmt.Sprintf(" Copylog.tcf names site %s for the core; whether that is right is the matter of %s.", credit.site, copylogID)
		return
	}
	f.Summary += fmt.Sprintf(" Copylog.tcf names this very site %s, which has only %s, for the core: that is the cause, see %s.", site, v.offered.name(), copylogID)
	if f.Verdict == findings.Confirmed {
		f.Severity = findings.Critical
	}
}

// mixedWell fills in the finding on a client that is in order as far as its releases go.
func mixedWell(f *findings.Finding, c smsClient, agreed []*versions, sum int, said []string, signs []findings.Evidence) {
	f.Verdict = findings.RuledOut
	for _, v := range agreed {
		f.Evidence = append(f.Evidence, v.evidence(findings.Contradicts)...)
	}
	if len(agreed) > 0 {
		f.Summary = agreed[0].says() + ": one release."
		f.Unmet = fmt.Sprintf("The logs state one release and not two (%s).", f.Evidence[0].Place())
	} else {
		log := c.versionLog()
		f.Evidence = append(f.Evidence, findings.AbsentLine(log, findings.Contradicts, "no two releases are stated side by side"))
		f.Summary = path.Base(log) + " states no two releases side by side."
		f.Unmet = fmt.Sprintf("No two releases are stated side by side (%s).", log)
	}
	for _, e := range signs {
		e.Role = findings.Context
		f.Evidence = append(f.Evidence, e)
	}
	if sum >= mixedSuspicion {
		f.Summary += " The client's logs do hold lines that a mixed installation leads to, so they have another cause: " + strings.Join(said, "; ") + "."
	}
}

// mixedRivalsOf returns the other causes that the client's own artifacts, or those that belong to its system, show. clears reports
// whether one of them explains the signs of a client whose versions are equal.
func mixedRivalsOf(c smsClient) (rivals []findings.Rival, clears bool, evidence []findings.Evidence) {
	for _, r := range mixedRivals {
		for _, m := range c.facts.Matches(mixedID + "/" + r.signal).Kept {
			if !c.near(m.Ref.Artifact) {
				continue
			}
			rivals = append(rivals, findings.Rival{Name: r.name, Verdict: rivalSupported + r.text})
			evidence = append(evidence, findings.FromMatch(m, findings.Context, "another cause: "+r.name))
			clears = clears || r.clears
			break
		}
	}
	if e, ok := foreignChecksum(c.facts); ok && c.facts.ID != "" {
		rivals = append(rivals, findings.Rival{
			Name:    "A program of the client has another checksum than its site states (Q270912)",
			Verdict: rivalSupported + "the registry shows it for the program below; a hotfix on the client alone leads to it as well as a mixed installation.",
		})
		evidence = append(evidence, e...)
	}
	return rivals, clears, evidence
}

// near reports whether an artifact may be of the client: any of a system that is one client, else one in its folder or in none.
func (c smsClient) near(artifact string) bool {
	if c.subject == c.facts.ID {
		return true
	}
	return slices.Contains(c.artifacts, artifact) || strings.HasPrefix(artifact, c.subject+"/")
}

// foreignChecksum finds a program of which the client's registry holds another checksum than the one that its site gave.
func foreignChecksum(f *facts.Facts) ([]findings.Evidence, bool) {
	const client = `SOFTWARE\Microsoft\SMS\Client\`
	for _, k := range f.Registry.Keys(client + `Configuration\Verification Data`) {
		for _, v := range k.Values() {
			for _, shared := range f.Registry.Keys(client + `Sites\Shared`) {
				for _, site := range shared.Children() {
					given, err := f.Registry.Value(client+`Sites\Shared\`+site.Name()+`\configuration\client properties\reserved1`, v.Name)
					if err == nil && len(given.Value.Data) > 0 && given.Value.Display() != v.Display() {
						return []findings.Evidence{
							findings.FromValue(k.At(v), findings.Context, "the checksum by which the client verifies "+v.Name),
							findings.FromValue(given, findings.Context, "the checksum that site "+site.Name()+" gives"),
						}, true
					}
				}
			}
		}
	}
	return nil, false
}

// versionLog is the client's log that would state two releases, Ccim32.log before Clicore.log; "" if there is none.
func (c smsClient) versionLog() string {
	found := ""
	for _, a := range c.artifacts {
		if statesVersions.MatchString(path.Base(a)) && (found == "" || strings.Contains(strings.ToLower(path.Base(a)), "ccim32")) {
			found = a
		}
	}
	return found
}

// statesOffer reports whether the client's logs tell what its site offers, so that an older offer would be seen.
func (c smsClient) statesOffer() bool {
	return len(c.matches("client-core")) > 0 || len(c.matches("cap-release")) > 0
}

// missing are the logs that would settle the verdict and are not there.
func (c smsClient) missing() []findings.Missing {
	has := func(name string) bool {
		return slices.ContainsFunc(c.facts.Artifacts, func(a *ingest.Artifact) bool {
			return c.near(a.Path) && strings.Contains(strings.ToLower(path.Base(a.Path)), name)
		})
	}
	var out []findings.Missing
	for _, l := range []struct{ prefix, name, why string }{
		{"ccim32", "Ccim32.log", "it states the release that the client access point offers beside the client's own"},
		{"clicore", "Clicore.log", "it states the release of the core on the logon point beside the one that the client has"},
		{"clisvc", "Clisvc.log", "it shows whether the client service refuses programs"},
	} {
		if !has(l.prefix) {
			out = append(out, findings.Missing{What: l.name + " of the client", Why: l.why, Collect: `%windir%\MS\SMS\Logs\` + l.name})
		}
	}
	if len(out) == 0 {
		out = append(out, findings.Missing{
			What: "the client's logs after one more logon of a local administrator", Why: "a client that is not mixed states one release by then",
			Collect: `the folder %windir%\MS\SMS\Logs`,
		})
	}
	return out
}

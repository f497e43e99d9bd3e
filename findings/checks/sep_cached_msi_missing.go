package checks

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const sepID = "sep-cached-msi-missing"

// The upgrade opens the cached package of the installed version to build its tables of files to migrate, syLink.xml among them. Without
// the package there is no table, and the new version starts with the unmanaged syLink.xml of the upgrade package.
var sepCachedMSIMissing = &findings.Check{
	ID:       sepID,
	Title:    "The cached package of Endpoint Protection is missing, so an upgrade cuts the client off from its manager",
	Severity: findings.High,
	Product: findings.Product{
		Name: "Symantec Endpoint Protection", Words: []string{"symantec", "sep_inst", "sylink", "endpoint protection", "setaid"},
		Kinds: []ingest.Kind{ingest.KindLogSEP, ingest.KindSylink},
		Seen:  func(f *facts.Facts) bool { return len(sepPackages(f)) > 0 },
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return len(facts.Observed[[]*sepUpgrade](f, sepID)) > 0 || len(sepPackages(f)) > 0 || len(facts.Values[*extract.Sylink](f)) > 0
		},
		What: sepLog.What, Why: sepLog.Why, Collect: sepLog.Collect,
	}},
	Signals: []match.Signal{
		{Name: sepID + "/action", Kinds: installerLogs, Literals: []string{"ScriptGen: Action "}, Pattern: `^ScriptGen: Action (?P<edge>start|end) (?P<action>\w+)`},
		{
			Name: sepID + "/unable", Kinds: installerLogs, Literals: []string{"ScriptGen: Unable to open "},
			Pattern: `^ScriptGen: Unable to open (?P<path>.+?\.msi) for product code (?P<code>\{[0-9A-Fa-f-]{36}\})`,
		},
		{
			Name: sepID + "/note", Kinds: installerLogs, Literals: []string{"Note: 1: 2203 2: "},
			Pattern: `Note: 1: 2203 2: (?P<path>.+?\.msi) 3: (?P<code>-?\d+)`,
		},
		{
			Name: sepID + "/gone", Kinds: installerLogs, Literals: []string{"Local cached package '"},
			Pattern: `Local cached package '(?P<path>[^']+\.msi)' is missing`,
		},
		{
			Name: sepID + "/no-database", Kinds: installerLogs, Literals: []string{"ScriptBuilder::CMigrateAppData::Install"},
			Pattern: `CMigrateAppData::Install ?-? ?Unable to get (?:active database from handle|cached MSI database): \d+`,
		},
		{Name: sepID + "/opening", Kinds: installerLogs, Literals: []string{"Opening cached msi file: "}, Pattern: `^ScriptGen:\s+Opening cached msi file: (?P<path>.+\S)`},
		{Name: sepID + "/migrated", Kinds: installerLogs, Literals: []string{"Processing SymMigration table entry: "}, Pattern: `(?i)^ScriptGen: Processing SymMigration table entry: (?P<path>.*\bsylink\.xml)\s*$`},
		{
			Name: sepID + "/returned", Kinds: installerLogs,
			Literals: []string{"MainEngineThread is returning "}, Pattern: `MainEngineThread is returning (?P<code>\d+)`,
		},
		{Name: sepID + "/reset", Kinds: installerLogs, Literals: []string{"MIGRATESETTINGS = 0", "MIGRATESETTINGS=0"}},
		{Name: sepID + "/setaid", Literals: []string{"KeepPreviousSetting="}, Pattern: `(?im)^\s*KeepPreviousSetting\s*=\s*(?P<keep>\d)`},
		{Name: sepID + "/cache-wiped", Literals: []string{"configuration data cache folder was not secured properly"}},
	},
	Observe: &facts.Watch{
		Kinds: []ingest.Kind{ingest.KindLogSEP, ingest.KindLogMSI}, Every: true,
		New: func(a *ingest.Artifact) facts.Observer {
			return &sepObserver{open: &sepUpgrade{}, own: a.Kind == ingest.KindLogSEP}
		},
	},
	Doc: findings.Doc{
		Cause: "AutoUpgrade builds its table of files to keep from the installed version's package in Windows' Installer folder. That package is gone (the folder was cleaned, or Windows itself emptied it), so nothing is migrated, and the client starts with the unmanaged syLink.xml of the upgrade package: it becomes self-managed.",
		Remedy: []string{
			`Before the next upgrade repair the installed version, which puts its package back: msiexec /f "C:\ProgramData\Symantec\Symantec Endpoint Protection\CurrentVersion\Data\Cached Installs\Sep64.msi" /q`,
			"A client that is already self-managed: put the group's syLink.xml back (SylinkDrop, or a communication update package from the manager).",
			"Or deploy a managed package with \"Remove all previous logs and policies, and reset the client-server communications settings\".",
			"Find out what cleans the Installer folder, and stop it.",
		},
		Risk:      "The repair writes the installed version's files and services anew and may ask for a restart; protection is off for its minutes. A managed package that resets the settings discards the local logs, quarantine records and policies. syLink.xml of the wrong group puts the client under that group's policy.",
		Undo:      "A repair is not taken back; the version stays. Keep the client's present syLink.xml: SylinkDrop with that file puts the client back as it was. Discarded logs and policies are gone: export them first.",
		Cured:     "The next SEP_Inst.log opens the cached package within MigrateAppData and names syLink.xml among the files that it migrates; syLink.xml of the client lists a server; dir /a of the Installer folder shows the package that LocalPackage names.",
		Overturns: "A line of the same session that opens the cached package or migrates syLink.xml; KeepPreviousSetting=0 in setAid.ini of the upgrade package; a syLink.xml of after the upgrade that lists the manager; note 2203 with a code of denied access instead of -2147287038.",
		Proves: []string{
			"In the upgrade's log the action MigrateAppData cannot open the cached package (ScriptGen: Unable to open, or note 2203 with -2147287038 for a package in the Installer folder), and syLink.xml is not among the files that the same upgrade migrates.",
		},
		Suggests: []string{
			"LocalPackage of the product names a file that a complete listing of the Installer folder lacks: the next AutoUpgrade will fail to migrate.",
			"The client's syLink.xml names no server, and the upgrade's log is not in the bundle.",
			"SEP_Inst.log says that the cached package is missing, and does not show the migration.",
			"The upgrade that missed the package failed and was rolled back, and no syLink.xml shows a client without a manager.",
		},
		Exonerates: []string{
			"The log opens the cached package and migrates syLink.xml.",
			"The package was set to discard the previous settings (KeepPreviousSetting=0).",
			"LocalPackage names a file that is in the Installer folder.",
		},
		FalsePositives: "Note 2203 for inprogressinstallinfo.ipi stands in nearly every log. 2203 with -2147287035 or -2147287008 means that access was denied or the file was in use, not that it is missing.",
		NotCovered:     "Clients that lose management for other reasons, such as a replaced server certificate.",
		References: []findings.Reference{
			{Title: "Broadcom 212696: Endpoint Protection clients may become self-managed after AutoUpgrade", URL: "https://knowledge.broadcom.com/external/article/212696/endpoint-protection-clients-may-become-s.html"},
			{Title: "Windows Installer: event logging (event 1028)", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/event-logging"},
		},
	},
	Run: runSEPCachedMSI,
}

// The things that settle what is only suspected.
var (
	sepLog = findings.Missing{
		What: "SEP_Inst.log of the upgrade", Why: "it shows whether the cached package was opened and syLink.xml migrated",
		Collect: `%windir%\Temp\SEP_INST.log (or %TEMP%\SEP_INST.log of the user who installed)`,
	}
	clientSylink = findings.Missing{
		What: "the client's syLink.xml, or whether the client's Help > Troubleshooting shows a server", Why: "it shows whether the client is managed",
		Collect: `findstr /i "<Server DomainId" "%ProgramData%\Symantec\Symantec Endpoint Protection\CurrentVersion\Data\Config\SyLink.xml" > "%PUBLIC%\sylink-servers.txt" (the whole file holds the communication key)`,
	}
	installerListing = findings.Missing{
		What: "a listing of the Installer folder", Why: "it shows whether the cached package is there",
		Collect: `dir /a "%windir%\Installer" > "%PUBLIC%\installer-folder.txt"`,
	}
	installerRegistry = findings.Missing{
		What: "the registered products of Windows Installer", Why: "LocalPackage names the cached package that the upgrade will open",
		Collect: findings.RegistryCollect(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products`, "installer-products.reg"),
	}
)

// sepUpgrade is what one session of the installation says of the migration.
type sepUpgrade struct {
	headed    bool // the session's header was seen
	migrating bool // within the action MigrateAppData
	began     bool
	ended     bool
	gone      *facts.Match   // Installer misses the package, outside of the migration
	unable    []*facts.Match // the package could not be found, at most a few
	missing   bool           // Installer's own code says that there is no such file
	denied    []*facts.Match // it could not be read for another reason
	database  *facts.Match
	path      string // of the missing package
	opened    *facts.Match
	sylink    *facts.Match
	reset     *facts.Match
	failed    *facts.Match // the engine's last line, if it tells of a failure: everything was rolled back
}

func (u *sepUpgrade) broken() bool { return len(u.unable) > 0 }

// maxSEPLines bounds the lines kept of one session.
const maxSEPLines = 4

// sepObserver follows the migration through the sessions of a log.
type sepObserver struct {
	own  bool // the log is Endpoint Protection's by its name or its script builder, not any of Installer's
	open *sepUpgrade
	done []*sepUpgrade
}

// A package as Installer names it in its cache, with and without its folder. The folder is hidden, the packages in it are not.
var (
	cachedPackage = regexp.MustCompile(`(?i)[\\/]Installer[\\/][0-9a-f]{1,8}\.msi$`)
	cachedName    = regexp.MustCompile(`(?i)^[0-9a-f]{1,8}\.msi$`)
)

// See implements facts.Observer.
func (o *sepObserver) See(s *facts.Sight) {
	u := o.open
	// Files that were put together each begin with a byte order mark.
	if t := bytes.TrimPrefix(s.Record.Text, []byte("\ufeff")); len(t) > 4 && string(t[:4]) == "=== " {
		o.close()
		o.open.headed = true
		return
	}
	for i := range s.Hits {
		h := &s.Hits[i]
		switch strings.TrimPrefix(h.Name, sepID+"/") {
		case "action":
			if !u.headed && u.ended && u.broken() && string(h.Capture("edge")) == "start" {
				// Excerpts lack the header between two upgrades: what begins after a migration that ended without the package is of the next.
				o.close()
				u = o.open
			}
			if string(h.Capture("action")) != "MigrateAppData" {
				continue
			}
			u.migrating = string(h.Capture("edge")) == "start"
			u.began = u.began || u.migrating
			u.ended = u.ended || !u.migrating
		case "unable":
			if len(u.unable) < maxSEPLines {
				u.unable = append(u.unable, s.Keep())
			}
			u.path = string(h.Capture("path"))
		case "note":
			if !cachedPackage.Match(h.Capture("path")) {
				continue
			}
			code := string(h.Capture("code"))
			if !u.migrating {
				if o.own && u.gone == nil && notFound(code) {
					u.gone, u.path = s.Keep(), cmp.Or(u.path, string(h.Capture("path")))
				}
				continue
			}
			switch {
			case notFound(code):
				u.missing = true
				if len(u.unable) < maxSEPLines {
					u.unable = append(u.unable, s.Keep())
				}
				if u.path == "" {
					u.path = string(h.Capture("path"))
				}
			default:
				if len(u.denied) < maxSEPLines {
					u.denied = append(u.denied, s.Keep())
				}
			}
		case "gone":
			if o.own && u.gone == nil && cachedPackage.Match(h.Capture("path")) {
				u.gone, u.path = s.Keep(), cmp.Or(u.path, string(h.Capture("path")))
			}
		case "no-database":
			if u.database == nil {
				u.database = s.Keep()
			}
		case "opening":
			if u.opened == nil {
				u.opened = s.Keep()
			}
		case "migrated":
			if u.sylink == nil {
				u.sylink = s.Keep()
			}
		case "returned":
			// Sessions within the session end before it does.
			u.failed = nil
			if code, err := strconv.ParseUint(string(h.Capture("code")), 10, 32); err == nil && !succeeded(uint32(code)) {
				u.failed = s.Keep()
			}
		case "reset":
			if u.reset == nil {
				u.reset = s.Keep()
			}
		}
	}
}

// notFound reports whether a code of note 2203 is STG_E_FILENOTFOUND or STG_E_PATHNOTFOUND.
func notFound(code string) bool { return code == "-2147287038" || code == "-2147287037" }

func (o *sepObserver) close() {
	u := o.open
	if (u.began || u.gone != nil || u.broken() || u.opened != nil || u.sylink != nil) && len(o.done) < maxMSISessions {
		// The script builder says "unable to open" for any reason. Installer's code beside it tells: denied access, or a file in use,
		// means that the package is there.
		if len(u.denied) > 0 && !u.missing {
			u.unable = nil
		}
		o.done = append(o.done, u)
	}
	o.open = &sepUpgrade{}
}

// End implements facts.Observer.
func (o *sepObserver) End() any {
	o.close()
	if len(o.done) == 0 {
		return nil
	}
	return o.done
}

// sepPackages are the registered products of Endpoint Protection.
func sepPackages(f *facts.Facts) []hive.InstallerPackage {
	return slices.DeleteFunc(f.Registry.InstallerPackages(), func(p hive.InstallerPackage) bool {
		n := strings.ToLower(p.DisplayName)
		return p.Patch || !strings.Contains(n, "endpoint protection") || strings.Contains(n, "manager")
	})
}

func runSEPCachedMSI(f *facts.Facts) ([]findings.Finding, error) {
	var upgrades []*sepUpgrade
	truncated := map[*sepUpgrade]bool{}
	for _, o := range facts.Observed[[]*sepUpgrade](f, sepID) {
		for _, u := range o.Value {
			upgrades = append(upgrades, u)
			truncated[u] = o.Artifact.Truncated
		}
	}
	var lost *sepUpgrade // the last one
	var well []findings.Evidence
	for _, u := range upgrades {
		switch {
		case u.broken() && u.sylink == nil:
			// One that was rolled back changed nothing.
			if lost == nil || (lost.failed == nil) == (u.failed == nil) && !f.Later(*lost.unable[0], *u.unable[0]) || lost.failed != nil && u.failed == nil {
				lost = u
			}
		case u.sylink != nil:
			well = append(well, findings.FromMatch(*u.sylink, findings.Contradicts, "syLink.xml is migrated"))
			if u.opened != nil {
				well = append(well, findings.FromMatch(*u.opened, findings.Contradicts, "the cached package is opened"))
			}
		}
	}
	if lost != nil { // one subject, the host: the last upgrade tells its state
		return []findings.Finding{sepLost(f, lost, truncated[lost], upgrades)}, nil
	}
	if p := sepPreventive(f); p != nil {
		if p.Verdict == findings.Suspected || len(well) == 0 {
			return []findings.Finding{*p}, nil
		}
		well = append(well, p.Evidence...)
	}
	if len(well) > 0 {
		return []findings.Finding{{
			Verdict: findings.RuledOut, Subject: f.ID, Evidence: well, Unmet: fmt.Sprintf("The upgrade did not miss its package: it migrated syLink.xml (%s).", well[0].Place()),
			Summary: "The upgrade opened the cached package and migrated syLink.xml, so management was kept.",
		}}, nil
	}
	for _, u := range upgrades {
		if u.gone != nil {
			return []findings.Finding{sepGone(f, u)}, nil
		}
	}
	return []findings.Finding{sepOpen(f, upgrades)}, nil
}

// sepGone is the finding of a log in which Installer misses the package, but which shows no migration.
func sepGone(f *facts.Facts, u *sepUpgrade) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Suspected, Subject: f.ID, State: findings.Unknown, Severity: findings.Medium,
		Title:    fmt.Sprintf("The cached package %s of Endpoint Protection is missing; what an upgrade migrates without it is not shown", baseName(u.path)),
		Summary:  fmt.Sprintf("The log of Endpoint Protection says that the cached package %s is missing, but does not show the action MigrateAppData, in which an upgrade needs it to keep syLink.xml.", u.path),
		Evidence: []findings.Evidence{findings.FromMatch(*u.gone, findings.Supports, "Installer does not find the cached package")},
		Missing:  []findings.Missing{clientSylink, installerListing},
	}
	if e, ok := packageAbsent(f, u.path); ok {
		out.Evidence = append(out.Evidence, e)
	} else if e, ok := packagePresent(f, u.path); ok {
		out.Evidence = append(out.Evidence, e)
	}
	return out
}

// sepLost is the finding of an upgrade that could not open the package and did not migrate syLink.xml. all are the upgrades of the host.
func sepLost(f *facts.Facts, u *sepUpgrade, truncated bool, all []*sepUpgrade) findings.Finding {
	out := findings.Finding{Verdict: findings.Confirmed, Subject: f.ID, State: findings.Active, Severity: findings.High}
	for i, m := range u.unable {
		if i < 2 {
			out.Evidence = append(out.Evidence, findings.FromMatch(*m, findings.Supports, "the upgrade does not find the cached package"))
		}
	}
	if u.database != nil {
		out.Evidence = append(out.Evidence, findings.FromMatch(*u.database, findings.Supports, "so it has no table of files to migrate"))
	}
	out.Title = fmt.Sprintf("The upgrade of Endpoint Protection did not find its cached package %s and did not migrate syLink.xml, its link to the manager", baseName(u.path))
	out.Summary = fmt.Sprintf("The upgrade looked for the cached package %s and did not find it, so it could build no table of files to migrate, and syLink.xml is not among the files that it migrates.", u.path)
	if m, ok := keptNothing(f, u); ok {
		out.Verdict, out.Title, out.State = findings.RuledOut, "", findings.Unknown
		for i := range out.Evidence {
			out.Evidence[i].Role = findings.Context
		}
		out.Unmet = fmt.Sprintf("Nothing was to be migrated: the package discards the previous settings (%s).", m.Place())
		out.Evidence = append(out.Evidence, m)
		out.Summary += " The package was set to discard the previous settings, so the new syLink.xml is what was wanted."
		return out
	}
	if truncated || !u.ended && u.database == nil {
		out.Verdict, out.Severity, out.State = findings.Suspected, findings.Medium, findings.Unknown
		out.Title = fmt.Sprintf("The upgrade of Endpoint Protection did not find its cached package %s and may lose management", baseName(u.path))
		out.Summary += " The log breaks off before the migration ends, so what was migrated afterwards is not shown."
		out.Missing = append(out.Missing, sepLog, clientSylink)
	}
	if e, ok := packageAbsent(f, u.path); ok {
		out.Evidence = append(out.Evidence, e)
	} else if e, ok := packagePresent(f, u.path); ok {
		e.Role, e.Note = findings.Context, "the cached package is there in this listing: it is of before the package went, or the package was put back since"
		out.Evidence = append(out.Evidence, e)
	}
	if u.failed != nil && !selfManaged(f) {
		out.Verdict, out.Severity, out.State = findings.Suspected, findings.High, findings.Predicted
		out.Title = fmt.Sprintf("The upgrade of Endpoint Protection did not find its cached package %s and was rolled back: the next one will lose management", baseName(u.path))
		out.Summary += " Installer ended this upgrade with a failure and took it back, so the former version and its syLink.xml stay; the next upgrade will miss the package too, unless it is put back."
		out.Evidence = append(out.Evidence, findings.FromMatch(*u.failed, findings.Context, "the upgrade failed and was rolled back"))
		if len(facts.Values[*extract.Sylink](f)) == 0 {
			out.Missing = append(out.Missing, clientSylink)
		}
		out.Missing = append(out.Missing, findings.Missing{
			What: "a new listing of the Installer folder", Why: "a repair since this upgrade would have put " + baseName(u.path) + " back", Collect: installerListing.Collect,
		})
	}
	for _, v := range facts.Values[*extract.Sylink](f) {
		managed, known := v.Value.Managed()
		switch {
		case known && managed && out.State == findings.Predicted:
			out.Evidence = append(out.Evidence, findings.FromLine(f, v.Artifact.Path, v.Value.Line, findings.Context, "the client's syLink.xml names servers: it is still managed"))
		case known && !managed:
			if out.Verdict == findings.Confirmed {
				out.Severity = findings.Critical
				out.Title = fmt.Sprintf("The upgrade of Endpoint Protection did not find its cached package %s, and the client is self-managed", baseName(u.path))
			}
			out.Evidence = append(out.Evidence, findings.FromLine(f, v.Artifact.Path, v.Value.Line, findings.Supports, "the client's syLink.xml names no server: it is self-managed"))
			out.Summary += " The client's syLink.xml names no server."
		case known:
			out.Evidence = append(out.Evidence, findings.FromLine(f, v.Artifact.Path, v.Value.Line, findings.Context, "this syLink.xml names servers: it is of before the upgrade, or was put back since"))
			out.State = findings.Unknown
		}
	}
	if m, ok := f.Matches(sepID + "/cache-wiped").First(); ok {
		out.Evidence = append(out.Evidence, findings.FromMatch(m, findings.Context, "Windows Installer itself emptied its folder, because it was not secured properly"))
		out.Rivals = append(out.Rivals, findings.Rival{Name: "A cleaning tool removed the package", Verdict: rivalExcluded + "Windows Installer says that it emptied the folder itself."})
	} else {
		out.Rivals = append(out.Rivals, silentIn(f, "Windows Installer emptied its own folder (event 1028)", "event 1028 of MsiInstaller", "the Application event log", ofKind(ingest.KindLogEvents)))
	}
	for _, l := range all {
		if l.sylink == nil || f.Later(*u.unable[0], *l.sylink) {
			continue
		}
		if !f.Later(*l.sylink, *u.unable[0]) {
			out.State = findings.Unknown
			out.Evidence = append(out.Evidence, findings.FromMatch(*l.sylink, findings.Context, "another upgrade migrates syLink.xml; which of the two is the later one is not shown"))
			continue
		}
		if out.State != findings.Resolved {
			out.State = findings.Resolved
			out.Evidence = append(out.Evidence, findings.FromMatch(*l.sylink, findings.Contradicts, "a later upgrade migrates syLink.xml"))
			out.Cured = fmt.Sprintf("This upload shows it already: line %d of %s.", l.sylink.Ref.Line, l.sylink.Ref.Artifact)
			out.Summary += " A later upgrade migrates it."
		}
	}
	return out
}

// selfManaged reports whether a syLink.xml of the client names no server.
func selfManaged(f *facts.Facts) bool {
	return slices.ContainsFunc(facts.Values[*extract.Sylink](f), func(v facts.Of[*extract.Sylink]) bool {
		managed, known := v.Value.Managed()
		return known && !managed
	})
}

// keptNothing is evidence that the upgrade was told to discard the previous settings.
func keptNothing(f *facts.Facts, u *sepUpgrade) (findings.Evidence, bool) {
	if u.reset != nil {
		return findings.FromMatch(*u.reset, findings.Contradicts, "the upgrade discards the previous settings on purpose"), true
	}
	for _, m := range f.Matches(sepID + "/setaid").Kept {
		if m.Capture("keep") == "0" {
			return findings.FromMatch(m, findings.Contradicts, "the package discards the previous settings on purpose"), true
		}
	}
	return findings.Evidence{}, false
}

// packageAbsent is evidence of a complete listing of the package's folder that lacks it.
func packageAbsent(f *facts.Facts, path string) (findings.Evidence, bool) {
	dir, name := splitPath(path)
	for _, v := range facts.Values[*extract.Listing](f) {
		for i := range v.Value.Folders {
			folder := &v.Value.Folders[i]
			if strings.EqualFold(strings.TrimRight(folder.Path, `\`), dir) && (folder.Lacks(name) || folder.LacksBeside(name, cachedName)) {
				return findings.AbsentLine(v.Artifact.Path, findings.Supports, fmt.Sprintf("the listing of %s has no %s", folder.Path, name)), true
			}
		}
	}
	return findings.Evidence{}, false
}

// packagePresent is evidence of a listing of the package's folder that has it.
func packagePresent(f *facts.Facts, path string) (findings.Evidence, bool) {
	dir, name := splitPath(path)
	for _, v := range facts.Values[*extract.Listing](f) {
		for i := range v.Value.Folders {
			folder := &v.Value.Folders[i]
			if !strings.EqualFold(strings.TrimRight(folder.Path, `\`), dir) {
				continue
			}
			if e := folder.Find(name); e != nil {
				return findings.FromLine(f, v.Artifact.Path, e.Line, findings.Contradicts, "the cached package is there"), true
			}
		}
	}
	return findings.Evidence{}, false
}

// sepPreventive judges the registered package of the installed version; nil if nothing is known of it.
func sepPreventive(f *facts.Facts) *findings.Finding {
	for _, p := range sepPackages(f) {
		if p.LocalPackage == "" {
			continue
		}
		if e, ok := packageAbsent(f, p.LocalPackage); ok {
			out := &findings.Finding{
				Verdict: findings.Suspected, Subject: f.ID, State: findings.Predicted, Severity: findings.High,
				Title:   "The cached package of Endpoint Protection is missing: the next AutoUpgrade will lose management",
				Summary: fmt.Sprintf("The registry names %s as the cached package of %s, and the listing of its folder lacks it. The next AutoUpgrade can't migrate syLink.xml and will leave the client self-managed.", p.LocalPackage, p.DisplayName),
				Evidence: []findings.Evidence{
					findings.FromValue(p.Found, findings.Supports, "the cached package of "+p.DisplayName), e,
				},
				Missing: []findings.Missing{
					{
						What: "a new listing of the Installer folder", Why: "a repair since this listing would have put " + baseName(p.LocalPackage) + " back",
						Collect: installerListing.Collect,
					},
					sepLog,
				},
			}
			if there, ok := packagePresent(f, p.LocalPackage); ok {
				out.Severity = findings.Medium
				out.Summary += fmt.Sprintf(" But %s has it, and nothing tells which of the two listings is the later one.", there.Artifact)
				out.Evidence = append(out.Evidence, there)
			}
			return out
		}
		if e, ok := packagePresent(f, p.LocalPackage); ok {
			return &findings.Finding{
				Verdict: findings.RuledOut, Subject: f.ID,
				Summary:  fmt.Sprintf("The cached package %s of %s is in the Installer folder.", p.LocalPackage, p.DisplayName),
				Unmet:    fmt.Sprintf("The registered package is not missing: %s is listed (%s).", baseName(p.LocalPackage), e.Place()),
				Evidence: []findings.Evidence{findings.FromValue(p.Found, findings.Contradicts, "the cached package of "+p.DisplayName), e},
			}
		}
	}
	return nil
}

// sepOpen is the verdict where neither an upgrade nor the cache can be judged.
func sepOpen(f *facts.Facts, upgrades []*sepUpgrade) findings.Finding {
	out := findings.Finding{Subject: f.ID}
	for _, v := range facts.Values[*extract.Sylink](f) {
		if managed, known := v.Value.Managed(); known && !managed {
			out.Verdict, out.Severity, out.State = findings.Suspected, findings.Medium, findings.Active
			out.Summary = "The client's syLink.xml names no server, so it is self-managed; whether an upgrade lost its management is not shown."
			out.Evidence = []findings.Evidence{findings.FromLine(f, v.Artifact.Path, v.Value.Line, findings.Supports, "no server and no domain: self-managed")}
			out.Rivals = []findings.Rival{{Name: "The client was installed self-managed", Verdict: rivalOpen + "the log of the upgrade is not in the upload."}}
			out.Missing = []findings.Missing{sepLog}
			return out
		}
	}
	out.Verdict, out.Reason = findings.NotEvaluated, findings.DataMissing
	switch {
	case len(sepPackages(f)) > 0:
		out.Summary = "The registry names the cached package of Endpoint Protection, but the bundle has no complete listing of its folder and no log of an upgrade."
		out.Missing = []findings.Missing{installerListing, sepLog}
	case slices.ContainsFunc(upgrades, func(u *sepUpgrade) bool { return len(u.denied) > 0 }):
		out.Summary = "The upgrade could not read the cached package because access was denied or the file was in use, which is another problem than a missing package."
		for _, u := range upgrades {
			for _, m := range u.denied {
				out.Evidence = append(out.Evidence, findings.FromMatch(*m, findings.Context, "not STG_E_FILENOTFOUND: the file is there"))
				out.Unmet = fmt.Sprintf("The code is not that of a missing file (%s).", out.Evidence[0].Place())
			}
		}
		out.Missing = []findings.Missing{installerListing}
	default:
		out.Summary = "The bundle shows Endpoint Protection, but neither the log of an upgrade nor the registered package with a listing of its folder."
		out.Missing = []findings.Missing{sepLog, installerRegistry, installerListing}
	}
	return out
}

// splitPath parts a Windows path into folder and name.
func splitPath(p string) (dir, name string) {
	p = strings.ReplaceAll(p, "/", `\`)
	i := strings.LastIndexByte(p, '\\')
	if i < 0 {
		return "", p
	}
	return p[:i], p[i+1:]
}

func baseName(p string) string {
	_, name := splitPath(p)
	return name
}

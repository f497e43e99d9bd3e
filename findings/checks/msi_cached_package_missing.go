package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
	"casebook/internal/winpath"
)

const cachedMissingID = "msi-cached-package-missing"

// LocalPackage names the copy of a package that Installer made when it installed the product or the patch. Nothing looks at it until the
// product is repaired, patched, upgraded or removed, so a cache that was tidied shows up weeks later and one product at a time.
var msiCachedPackageMissing = &findings.Check{
	ID:       cachedMissingID,
	Title:    "The cached package of a product is missing, so its repair, patch or removal fails",
	Severity: findings.High,
	Product: findings.Product{
		Name: "a listing of Windows' Installer folder, or an Installer log that misses a cached package",
		Seen: func(f *facts.Facts) bool {
			return showsInstallerFolder(f) || f.Matches(cachedMissingID+"/gone").Any()
		},
	},
	Needs: []findings.Need{
		{
			Met: func(f *facts.Facts) bool {
				return len(cachedPackages(f)) > 0 || f.Matches(cachedMissingID+"/gone").Any()
			},
			What: installerUsers.What, Why: installerUsers.Why, Collect: installerUsers.Collect,
		},
		{
			Met:  func(f *facts.Facts) bool { return showsInstallerFolder(f) || f.Matches(cachedMissingID+"/gone").Any() },
			What: installerListing.What, Why: "it shows which of the registered packages are there", Collect: installerListing.Collect,
		},
	},
	Signals: []match.Signal{{
		Name: cachedMissingID + "/gone", Kinds: []string{string(ingest.KindLogMSI)},
		Literals: []string{"Local cached package '"}, Pattern: `Local cached package '(?P<path>[^']+\.ms[ip])' is missing`,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			return newEventObserver(map[string][]int{"MsiInstaller": {cacheWiped}})
		},
	},
	Doc: findings.Doc{
		Cause: "Windows Installer keeps a copy of every package and patch that it has installed in Windows' Installer folder and opens it again to repair, patch, upgrade or remove the product. That copy is gone: the folder was tidied by hand or by a tool, restored from an image, or emptied by Windows itself because its owner was wrong (event 1028). The product runs on; its next repair, patch or removal asks for the source and fails with 1612, 1635 or 1714.",
		Remedy: []string{
			"Take the original package of exactly the registered version (same product code) and put its cached copy back: msiexec /fv \"PACKAGE.msi\" /qn. For a patch, apply the same .msp again.",
			"Where many are missing, restore the folder from a backup of this same machine; packages of other machines have other names.",
			"Where the original can't be found, remove the registration with the vendor's cleaning tool or Microsoft's program install and uninstall troubleshooter, then install anew.",
			"Find out what empties the folder, and stop it. Nothing in that folder is temporary.",
		},
		Risk:      "Recaching repairs files and settings of the product, may want a reboot, and fails if the package is of another build. Removing the registration leaves the product's files behind.",
		Undo:      "Recaching adds one file; delete nothing. Export the product's Installer keys before a registration is removed.",
		Cured:     "A new listing of the Installer folder shows the file that LocalPackage names.",
		Overturns: "A listing made with /a after the registration that shows the file, or a LocalPackage value that has changed since.",
		Proves: []string{
			"LocalPackage of a registered product or patch names a file that a complete listing of its folder lacks.",
			"Installer itself says \"Local cached package '…' is missing\" for the file that LocalPackage names.",
		},
		Suggests:   []string{"The listing is older than the registration.", "An Installer log misses a cached package, and the registry of the machine is not in the bundle."},
		Exonerates: []string{"Every package that LocalPackage names is in the listing of its folder."},
		FalsePositives: "Products of a user are cached in the same folder. A listing without /a still shows packages, which are not hidden; one with a wildcard, or that was cut short, proves nothing. " +
			"What is missing of Endpoint Protection is judged by sep-cached-msi-missing.",
		NotCovered: "Packages that are there and damaged, products that were registered without a cached package, and the SourceHash files beside the packages.",
		References: []findings.Reference{
			{Title: "Microsoft: restore missing Windows Installer cache files", URL: "https://learn.microsoft.com/en-us/troubleshoot/sql/database-engine/install/windows/restore-missing-windows-installer-cache-files"},
			{Title: "Windows Installer: event logging (event 1028)", URL: "https://learn.microsoft.com/en-us/windows/win32/msi/event-logging"},
		},
	},
	Run: runCachedMissing,
}

// cacheWiped is MsiInstaller's event that it has emptied its folder, because the folder was not secured.
const cacheWiped = 1028

// manyMissing is from how many on the missing packages are one finding about the folder.
const manyMissing = 4

var installerUsers = findings.Missing{
	What: "the registered products and patches of Windows Installer", Why: "LocalPackage names the cached package of each",
	Collect: findings.RegistryCollect(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData`, "installer-userdata.reg"),
}

// cachedPackages are the registered products and patches that state a cached package with an absolute path.
func cachedPackages(f *facts.Facts) []hive.InstallerPackage {
	return slices.DeleteFunc(f.Registry.InstallerPackages(), func(p hive.InstallerPackage) bool { return winpath.Volume(p.LocalPackage) == "" })
}

// showsInstallerFolder reports whether a listing shows a folder with the name of the cache.
func showsInstallerFolder(f *facts.Facts) bool {
	for _, l := range facts.Values[*extract.Listing](f) {
		for i := range l.Value.Folders {
			if strings.EqualFold(winpath.Base(l.Value.Folders[i].Path), "Installer") {
				return true
			}
		}
	}
	return false
}

// cached is what the bundle says of one registered package.
type cached struct {
	hive.InstallerPackage
	sighting
	said  *facts.Match // Installer misses it
	stale bool         // the listing is older than the registration
}

// name is how a report speaks of the package.
func (c cached) name() string {
	switch {
	case c.DisplayName != "" && c.Version != "":
		return c.DisplayName + " " + c.Version
	case c.DisplayName != "":
		return c.DisplayName
	case c.Patch:
		return "patch " + c.Code
	}
	return c.Code
}

func (c cached) isSEP() bool {
	n := strings.ToLower(c.DisplayName)
	return strings.Contains(n, "endpoint protection") && !strings.Contains(n, "manager")
}

func runCachedMissing(f *facts.Facts) ([]findings.Finding, error) {
	files := newInventory(f)
	said := f.Matches(cachedMissingID + "/gone").Kept
	var missing, there, open []cached
	claimed := map[string]bool{}
	for _, p := range cachedPackages(f) {
		c := cached{InstallerPackage: p, sighting: files.find(p.LocalPackage)}
		for i := range said {
			if winpath.Equal(said[i].Capture("path"), p.LocalPackage) {
				c.said, claimed[said[i].Capture("path")] = &said[i], true
			}
		}
		for _, at := range c.gone {
			// The time of a listing's file is local time of an unknown zone.
			if a := f.Artifact(at.artifact); a != nil && !a.Modified.IsZero() && p.Found.KeyLastWritten.After(a.Modified.Add(unknownZone)) {
				c.stale = true
			}
		}
		switch {
		case c.missing() || c.said != nil:
			missing = append(missing, c)
		case c.there():
			there = append(there, c)
		default:
			open = append(open, c)
		}
	}
	var out []findings.Finding
	ours := slices.DeleteFunc(slices.Clone(missing), cached.isSEP)
	if len(ours) >= manyMissing {
		out = append(out, cacheEmptied(f, missing, there))
	} else {
		for _, c := range missing {
			out = append(out, packageMissing(f, c, there))
		}
	}
	for i := range said {
		if p := said[i].Capture("path"); !claimed[p] && len(out) < 2*manyMissing {
			claimed[p] = true
			out = append(out, packageSaidMissing(f, said[i]))
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case len(there) > 0 && len(open) == 0:
		first := there[0]
		return []findings.Finding{{
			Verdict: findings.RuledOut, Severity: findings.Info, Title: "Every registered package is in the Installer cache",
			Summary: fmt.Sprintf("All %s whose cached package the registry names are in the listing of its folder.", count(len(there), "product and patch registration")),
			Evidence: []findings.Evidence{
				findings.FromValue(first.Found, findings.Contradicts, "the cached package of "+first.name()), first.evidence(f, findings.Contradicts),
			},
		}}, nil
	}
	n := findings.Finding{
		Verdict: findings.NotEvaluated, Reason: findings.DataMissing,
		Summary: fmt.Sprintf("The registry names %s, of which no complete listing of the folder shows whether they are there.", count(len(open), "cached package")),
		Missing: []findings.Missing{{What: installerListing.What, Why: "it shows which of the registered packages are there", Collect: installerListing.Collect}},
	}
	for _, c := range open[:min(len(open), 1)] {
		n.Evidence = append(n.Evidence, findings.FromValue(c.Found, findings.Context, "the cached package of "+c.name()))
	}
	return []findings.Finding{n}, nil
}

// cachedEvidence is what shows that one package is missing, or was.
func cachedEvidence(f *facts.Facts, c cached) []findings.Evidence {
	out := []findings.Evidence{findings.FromValue(c.Found, findings.Supports, "the cached package of "+c.name())}
	if c.missing() {
		out = append(out, c.evidence(f, findings.Supports))
	}
	if c.said != nil {
		out = append(out, findings.FromMatch(*c.said, findings.Supports, "Installer itself misses the package"))
	}
	if c.there() {
		out = append(out, c.evidence(f, findings.Contradicts))
	}
	return out
}

// packageMissing is the finding of one registered package that is not there.
func packageMissing(f *facts.Facts, c cached, there []cached) findings.Finding {
	out := findings.Finding{
		Verdict: findings.Confirmed, Subject: c.name(), State: findings.Active, Severity: findings.High, Evidence: cachedEvidence(f, c),
		Title: fmt.Sprintf("The cached package %s of %s is missing: its next repair, patch or removal will fail", winpath.Base(c.LocalPackage), c.name()),
	}
	what := "product"
	if c.Patch {
		what = "patch"
		out.Severity = findings.Medium
	}
	out.Summary = fmt.Sprintf("The registry names %s as the cached package of the %s %s (%s)", c.LocalPackage, what, c.name(), c.Code)
	switch {
	case c.missing() && c.said != nil:
		out.Summary += fmt.Sprintf(". The listing of %s lacks it, and Installer's own log misses it too.", c.gone[0].folder)
	case c.missing():
		out.Summary += fmt.Sprintf(", and the complete listing of %s lacks %s.", c.gone[0].folder, c.gone[0].name)
	default:
		out.Summary += ", and Installer's own log says that it is missing."
	}
	switch {
	case c.there():
		out.State, out.Severity = findings.Unknown, findings.Low
		out.Title = fmt.Sprintf("The cached package %s of %s was missing for Installer and is in the folder's listing", winpath.Base(c.LocalPackage), c.name())
		out.Summary += " A listing shows it: it was put back, or the listing is of before it went."
	case c.stale:
		out.Verdict, out.State = findings.Suspected, findings.Unknown
		out.Title = fmt.Sprintf("The cached package %s of %s is not in a listing older than its registration", winpath.Base(c.LocalPackage), c.name())
		out.Summary += " But the registration was written after the listing's file, so that the package may have come later."
		out.Missing = []findings.Missing{{What: "a new listing of the Installer folder", Why: "the one at hand is older than the registration", Collect: installerListing.Collect}}
	}
	if c.isSEP() && out.State == findings.Active {
		out.Severity = findings.Info
		out.Summary += " What it means for the client's management is judged by sep-cached-msi-missing."
	}
	if len(there) > 0 {
		out.Evidence = append(out.Evidence, there[0].evidence(f, findings.Context))
		out.Summary += fmt.Sprintf(" %s there, so the folder as a whole was not emptied.", upperFirst(number(len(there)))+" other registered "+plural(len(there), "package is", "packages are"))
	}
	out.Rivals = cacheRivals(f, &out, there)
	return out
}

// cacheEmptied is the finding of a cache that lacks many packages.
func cacheEmptied(f *facts.Facts, missing, there []cached) findings.Finding {
	const shown = 5
	dir := winpath.Dir(missing[0].LocalPackage)
	out := findings.Finding{
		Verdict: findings.Confirmed, Subject: dir, State: findings.Active, Severity: findings.High,
		Title: fmt.Sprintf("%d of %d registered packages are missing from %s: the Installer cache was emptied", len(missing), len(missing)+len(there), dir),
	}
	var names []string
	var said *facts.Match
	lists := map[string][]string{} // what each listing lacks
	stale := 0
	for i, c := range missing {
		if c.stale {
			stale++
		}
		if i < shown {
			names = append(names, fmt.Sprintf("%s (%s)", c.name(), winpath.Base(c.LocalPackage)))
			out.Evidence = append(out.Evidence, findings.FromValue(c.Found, findings.Supports, "the cached package of "+c.name()))
		}
		if c.said != nil && said == nil {
			said = c.said
		}
		if c.missing() {
			lists[c.gone[0].artifact] = append(lists[c.gone[0].artifact], c.gone[0].name)
		}
	}
	for _, artifact := range slices.Sorted(maps.Keys(lists)) {
		of := lists[artifact]
		note := fmt.Sprintf("the listing of %s has none of %s", dir, strings.Join(of[:min(len(of), shown)], ", "))
		if len(of) > shown {
			note += fmt.Sprintf(" and %d more", len(of)-shown)
		}
		out.Evidence = append(out.Evidence, findings.AbsentLine(artifact, findings.Supports, note))
	}
	if said != nil {
		out.Evidence = append(out.Evidence, findings.FromMatch(*said, findings.Supports, "Installer itself misses one of the packages"))
	}
	more := ""
	if n := len(missing) - shown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	out.Summary = fmt.Sprintf("The registry names cached packages that the complete listing of %s lacks: %s%s. So many at once are not one product's fault: the folder was tidied, restored or emptied.", dir, strings.Join(names, ", "), more)
	if len(there) > 0 {
		out.Evidence = append(out.Evidence, there[0].evidence(f, findings.Context))
		out.Summary += fmt.Sprintf(" %s registered %s still there.", upperFirst(number(len(there))), plural(len(there), "package is", "packages are"))
	}
	if stale > 0 && len(missing)-stale < manyMissing {
		out.Verdict, out.State = findings.Suspected, findings.Unknown
		out.Summary += " But registrations were written after the listing's file, so that packages may have come later."
		out.Missing = []findings.Missing{{What: "a new listing of the Installer folder", Why: "the one at hand is older than the registrations", Collect: installerListing.Collect}}
	}
	out.Rivals = cacheRivals(f, &out, there)
	return out
}

// cacheRivals says what the bundle tells of the ways in which packages vanish.
func cacheRivals(f *facts.Facts, out *findings.Finding, there []cached) []findings.Rival {
	wiped := silentIn(f, "Windows Installer emptied its own folder (event 1028)", "event 1028 of MsiInstaller", "the Application event log", ofKind(ingest.KindLogEvents))
	for _, o := range facts.Observed[*eventLog](f, cachedMissingID) {
		for _, g := range o.Value.groups {
			wiped.Verdict = rivalSupported + fmt.Sprintf("event 1028 stands in %s (%s): that is how packages went; all that were cached before it are gone.", o.Artifact.Path, g.span())
			out.Evidence = append(out.Evidence, findings.FromMatch(*g.last, findings.Context, "Windows Installer emptied its folder because it was not secured properly"))
		}
	}
	image := findings.Rival{Name: "The registry and the folder are of different times or machines (an image, a restored folder)"}
	switch {
	case len(there) > 0:
		image.Verdict = rivalExcluded + "the same listing shows other packages that this registry names."
	case slices.ContainsFunc(out.Evidence, func(e findings.Evidence) bool { return e.Absent }):
		image.Verdict = rivalOpen + "the listing shows no package that this registry names, so it can't be told apart."
	default:
		image.Verdict = rivalOpen + "a listing of the folder is not in the upload."
	}
	return []findings.Rival{wiped, image}
}

// packageSaidMissing is the finding of a log alone.
func packageSaidMissing(f *facts.Facts, m facts.Match) findings.Finding {
	path := m.Capture("path")
	out := findings.Finding{
		Verdict: findings.Suspected, Subject: path, State: findings.Unknown, Severity: findings.Medium,
		Title:    "Windows Installer misses the cached package " + winpath.Base(path),
		Summary:  fmt.Sprintf("An Installer log says that the local cached package %s is missing. Which product it belongs to, and whether it is missing still, the bundle does not show.", path),
		Evidence: []findings.Evidence{findings.FromMatch(m, findings.Supports, "Installer does not find the cached package")},
		Missing:  []findings.Missing{installerUsers, {What: installerListing.What, Why: "it shows whether the package is missing still", Collect: installerListing.Collect}},
	}
	if s := newInventory(f).find(path); s.there() {
		out.Severity = findings.Low
		out.Evidence = append(out.Evidence, s.evidence(f, findings.Contradicts))
		out.Summary += " A listing shows the file: it was put back, or the listing is of before it went."
	} else if s.missing() {
		out.Evidence = append(out.Evidence, s.evidence(f, findings.Supports))
		out.Summary = fmt.Sprintf("An Installer log says that the local cached package %s is missing, and the listing of its folder lacks it. Which product it belongs to the bundle does not show.", path)
		out.Missing = out.Missing[:1]
	}
	out.Rivals = []findings.Rival{{Name: "The package was put back since", Verdict: rivalOpen + "the log does not show it, and no listing made after it is in the upload."}}
	return out
}

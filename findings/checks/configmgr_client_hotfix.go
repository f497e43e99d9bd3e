package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

const hotfixID = "configmgr-client-hotfix"

// A hotfix for the client raises the version of one component, by which alone it is told: the client lists no hotfixes, and the numbers of the
// articles are not in the order of the builds.
var configmgrClientHotfix = &findings.Check{
	ID:       hotfixID,
	Apart:    true,
	Title:    "A ConfigMgr 2007 client lacks a hotfix, so what it mends still fails there",
	Severity: findings.Medium,
	Product: findings.Product{
		// Where ConfigMgr 2007 has its logs; later releases need none of these hotfixes.
		Name: "the ConfigMgr 2007 client", Words: []string{"system32/ccm/", "syswow64/ccm/", "sms_ccm/", "pwrprovider"},
		// A table may be of SMS 2.0, or of other programs.
		Seen: func(f *facts.Facts) bool { return len(clientVersions(f)) > 0 },
	},
	Needs: []findings.Need{{
		AnyOf: []ingest.Kind{ingest.KindComponents},
		Met:   func(f *facts.Facts) bool { return len(clientVersions(f)) > 0 },
		What:  "the versions of the ConfigMgr client's components", Why: "a hotfix for the client is told only by the version of the component that it replaces",
		Collect: componentsCommand,
	}},
	Doc: findings.Doc{
		Cause: "The hotfix was never deployed to this client, its installation failed, or the client was installed anew without the hotfix's patch. " +
			"The client then still runs the component as the service pack brought it, with the defect that the hotfix removes.",
		Remedy:     hotfixSteps,
		Risk:       "The hotfix restarts the client's service SMS Agent Host: a program or task sequence that runs just then is cut off, so let them end first. A client that is not of SP2 refuses the patch.",
		Undo:       "msiexec /i PRODUCT MSIPATCHREMOVE=PATCH, with the product code of the ConfigMgr client and the patch code of the hotfix's .msp; where the patch can't be removed, ccmsetup /uninstall and an installation without PATCH=.",
		Cured:      "The next table of CCM_InstalledComponent lists the component of this finding with at least the hotfix's version.",
		Overturns:  "A table made on the client itself, or a later inventory, in which the component has the hotfix's version or a higher one; a version 5.00 of any component of this client.",
		Proves:     []string{"A table of component versions lists the hotfix's own component of this computer with a lower version than the hotfix brings."},
		Suggests:   []string{"The hotfix's own component is not listed, and other components that come with it are older.", "Two rows of one component contradict each other, or rows of several computers name none."},
		Exonerates: []string{"The component has the hotfix's version or a higher one.", "The client is of a later release (5.00…), which holds the corrections of all three."},
		FalsePositives: "An inventory shows the client as it was at its last hardware inventory. A component that a table lacks says nothing of its hotfix. " +
			"SmsPowerManagement is there on every SP2 client, with 977384 or without.",
		NotCovered: "Other hotfixes than 977384, 978754 and 2444668, and hotfixes for the site server.",
		References: []findings.Reference{
			{Title: "KB 977384: prerequisite hotfix for ConfigMgr 2007 R3", URL: "https://mskb.pkisolutions.com/kb/977384"},
			{Title: "KB 978754, a hotfix for ConfigMgr 2007 SP2", URL: "https://mskb.pkisolutions.com/kb/978754"},
			{Title: "KB 2444668, a hotfix for ConfigMgr 2007 SP2", URL: "https://mskb.pkisolutions.com/kb/2444668"},
		},
	},
	RunAll: runClientHotfix,
}

// hotfixSteps is the remedy for a client of SP2.
var hotfixSteps = []string{
	"Check that the client is of ConfigMgr 2007 SP2 (build 6487); the hotfixes install on no other.",
	"Deploy the hotfix's client package (\\\\SERVER\\SMS_SITE\\Client\\i386\\hotfix\\KBnnnnnn) to the computers that are named here; for new installations add PATCH= with the hotfix's .msp to the command line of ccmsetup.",
	"Run the hardware inventory on the client, so that the site learns of the new version.",
}

const componentsCommand = `wmic /namespace:\\root\ccm path CCM_InstalledComponent get Name,Version > "%PUBLIC%\ccm-components.txt"
(of many clients, on the site's database: SELECT S.Netbios_Name0, A.Name0, A.Version0 FROM v_GS_SMS_ADVANCED_CLIENT_STAT A JOIN v_R_System S ON S.ResourceID = A.ResourceID)`

// The bounds of what is said of a table with many computers.
const (
	maxHotfixHosts = 2000 // computers with findings of their own
	maxHotfixWell  = 20   // computers that are well and have findings of their own; more are summed up
)

// clientHotfix is a hotfix and what it brings.
type clientHotfix struct {
	kb        string
	component string
	version   [4]uint32
	purpose   string
	others    []hotfixComponent // what it raises too; they tell nothing by themselves, since other hotfixes raise them as well
}

type hotfixComponent struct {
	name    string
	version [4]uint32
}

var clientHotfixes = []clientHotfix{
	{kb: "977384", component: "SmsPowerManagement", version: [4]uint32{4, 0, 6487, 2157}, purpose: "the power management of R3 needs it on every client", others: []hotfixComponent{
		{"CcmFramework", [4]uint32{4, 0, 6487, 2155}}, {"SmsSoftwareDistribution", [4]uint32{4, 0, 6487, 2154}},
	}},
	{kb: "978754", component: "SmsOSDeployment", version: [4]uint32{4, 0, 6487, 2115}, purpose: "it replaces the component for operating system deployment"},
	{kb: "2444668", component: "SmsInventory", version: [4]uint32{4, 0, 6487, 2161}, purpose: "it replaces the inventory component"},
}

// sp2 is the build of ConfigMgr 2007 SP2, on which the hotfixes install.
const sp2 = 6487

func versionText(v [4]uint32) string { return fmt.Sprintf("%d.%d.%d.%d", v[0], v[1], v[2], v[3]) }

// clientVersion is a row of a table of components.
type clientVersion struct {
	extract.ComponentVersion
	from *facts.Facts
	path string
}

// compare compares the version with another one; ok is false if it is written too short to tell.
func (v clientVersion) compare(w [4]uint32) (c int, ok bool) {
	for i := range w {
		if i >= v.Parts {
			return 0, false
		}
		if c := cmp.Compare(v.Numbers[i], w[i]); c != 0 {
			return c, true
		}
	}
	return 0, true
}

// clientVersions are the rows of a system's tables that tell of an Advanced Client: SMS 2.0 has components of other names.
func clientVersions(f *facts.Facts) []clientVersion {
	var out []clientVersion
	for _, t := range facts.Values[*extract.Components](f) {
		for _, v := range t.Value.Versions {
			if v.Numbers[0] > 2 || v.Numbers[0] == 2 && v.Numbers[1] > 0 {
				out = append(out, clientVersion{v, f, t.Artifact.Path})
			}
		}
	}
	return out
}

// hotfixHost is one computer of the tables.
type hotfixHost struct {
	name     string // "" if nothing names it
	system   string
	versions map[string][]clientVersion // by component in lower case
	order    []clientVersion
}

// hotfixHosts puts the rows together by computer. A row that names none is of the system that its table lies with.
func hotfixHosts(all []*facts.Facts) []*hotfixHost {
	byKey := map[string]*hotfixHost{}
	var out []*hotfixHost
	for _, f := range all {
		for _, v := range clientVersions(f) {
			name, system := f.ID, f.ID
			if v.Host != "" {
				name, system = strings.ToUpper(v.Host), ""
				label, _, _ := strings.Cut(name, ".")
				for _, o := range all {
					if o.Host != "" && strings.EqualFold(label, o.Host) {
						name, system = o.ID, o.ID
					}
				}
			}
			h := byKey[name]
			if h == nil {
				h = &hotfixHost{name: name, system: system, versions: map[string][]clientVersion{}}
				byKey[name] = h
				out = append(out, h)
			}
			key := strings.ToLower(v.Name)
			if !slices.ContainsFunc(h.versions[key], func(o clientVersion) bool { return o.Numbers == v.Numbers && o.Parts == v.Parts }) {
				h.versions[key] = append(h.versions[key], v)
				h.order = append(h.order, v)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *hotfixHost) int { return cmp.Compare(a.name, b.name) })
	return out
}

// on is the subject: the hotfix and the computer.
func (h *hotfixHost) on(x *clientHotfix) string {
	if h.name == "" {
		return "KB" + x.kb
	}
	return "KB" + x.kb + " on " + h.name
}

func (h *hotfixHost) called() string { return cmp.Or(h.name, "the client") }

// later is a row of a release after ConfigMgr 2007.
func (h *hotfixHost) later() (clientVersion, bool) {
	for _, v := range h.order {
		if v.Numbers[0] >= 5 {
			return v, true
		}
	}
	return clientVersion{}, false
}

func runClientHotfix(all []*facts.Facts) ([]findings.Finding, error) {
	hosts := hotfixHosts(all)
	var out []findings.Finding
	for i := range clientHotfixes {
		x := &clientHotfixes[i]
		var well, blind []findings.Finding
		left := 0
		for _, h := range hosts {
			f := judgeHotfix(x, h)
			f.System, f.Subject = h.system, h.on(x)
			switch {
			case f.Verdict == findings.RuledOut:
				well = append(well, f)
			case f.Verdict == findings.NotEvaluated:
				blind = append(blind, f)
			case len(out) >= maxHotfixHosts*(i+1):
				left++
			default:
				out = append(out, f)
			}
		}
		if left > 0 {
			last := &out[len(out)-1]
			last.Summary += fmt.Sprintf(" The tables show %s more with the same finding, which are not listed one by one.", count(left, "computer"))
		}
		if len(blind) == len(hosts) && len(hosts) > 0 {
			out = append(out, unlistedAnywhere(x, blind))
		}
		out = append(out, sumUp(x, well, "have the hotfix's version of "+x.component+" or a later one")...)
	}
	return out, nil
}

// unlistedAnywhere is the finding on a hotfix of whose component no computer's version is known.
func unlistedAnywhere(x *clientHotfix, blind []findings.Finding) findings.Finding {
	f := blind[0]
	if len(blind) == 1 {
		return f
	}
	f.Subject, f.System = "KB"+x.kb, ""
	f.Title = "Whether KB" + x.kb + " is installed is not shown"
	f.Summary = fmt.Sprintf("The tables list %s and of none a version of %s that could be compared, which says nothing of the hotfix.", count(len(blind), "computer"), x.component)
	f.Missing = []findings.Missing{{
		What: "the versions of " + x.component + " on the computers of the tables", Why: "they alone tell whether KB" + x.kb + " is installed", Collect: componentsCommand,
	}}
	return f
}

// sumUp makes one finding of many computers of which there is the same to say.
func sumUp(x *clientHotfix, list []findings.Finding, what string) []findings.Finding {
	if len(list) <= maxHotfixWell {
		return list
	}
	f := list[0]
	f.Subject, f.System = "KB"+x.kb, ""
	f.Title = fmt.Sprintf("%d computers do not lack KB%s", len(list), x.kb)
	f.Summary = fmt.Sprintf("%d computers of the tables %s.", len(list), what)
	f.Unmet = fmt.Sprintf("None of the %d computers has an older %s (the first: %s).", len(list), x.component, f.Evidence[0].Place())
	f.Evidence = nil
	for i := range list[:maxHotfixWell] {
		f.Evidence = append(f.Evidence, list[i].Evidence...)
	}
	return []findings.Finding{f}
}

// judgeHotfix judges one hotfix on one computer.
func judgeHotfix(x *clientHotfix, h *hotfixHost) findings.Finding {
	rows := h.versions[strings.ToLower(x.component)]
	want := versionText(x.version)
	newer, later := h.later()
	var below, enough, short []clientVersion
	for _, v := range rows {
		switch c, ok := v.compare(x.version); {
		case !ok:
			short = append(short, v)
		case c < 0:
			below = append(below, v)
		default:
			enough = append(enough, v)
		}
	}
	out := findings.Finding{State: findings.Active, Title: fmt.Sprintf("KB%s is missing on %s: its %s is older than the hotfix's", x.kb, h.called(), x.component)}
	switch {
	case len(below) > 0 && (len(enough) > 0 || later):
		return hotfixDisputed(x, h, below[0], append(enough, newer)[0])
	case len(below) > 0:
		return hotfixMissing(out, x, h, below)
	case len(enough) > 0:
		v := enough[0]
		out.Verdict, out.Title = findings.RuledOut, notMissing(x, h)
		out.Summary = fmt.Sprintf("%s has %s %s; KB%s brings %s.", upperFirst(h.called()), x.component, v.Version, x.kb, want)
		if v.Numbers[0] >= 5 {
			out.Summary = fmt.Sprintf("%s has %s %s, a release after ConfigMgr 2007 that needs none of its hotfixes.", upperFirst(h.called()), x.component, v.Version)
		}
		out.Evidence = []findings.Evidence{hotfixRow(v, findings.Contradicts, "at least "+want+", the version that KB"+x.kb+" brings")}
		out.Unmet = fmt.Sprintf("%s %s of %s is not below %s (%s).", x.component, v.Version, h.called(), want, out.Evidence[0].Place())
		out.Evidence = append(out.Evidence, x.context(h)...)
		return out
	case later:
		out.Verdict, out.Title = findings.RuledOut, notMissing(x, h)
		out.Summary = fmt.Sprintf("%s has %s %s, a release after ConfigMgr 2007 that needs none of its hotfixes.", upperFirst(h.called()), newer.Name, newer.Version)
		out.Evidence = []findings.Evidence{hotfixRow(newer, findings.Contradicts, "a release after ConfigMgr 2007")}
		out.Unmet = fmt.Sprintf("%s is no client of ConfigMgr 2007: %s has version %s (%s).", h.called(), newer.Name, newer.Version, out.Evidence[0].Place())
		return out
	}
	return hotfixUnlisted(out, x, h, short)
}

// notMissing is the title where a computer has the hotfix's version or a later one.
func notMissing(x *clientHotfix, h *hotfixHost) string {
	return fmt.Sprintf("KB%s is not missing on %s", x.kb, h.called())
}

// hotfixMissing is the verdict where the hotfix's own component is too old.
func hotfixMissing(out findings.Finding, x *clientHotfix, h *hotfixHost, below []clientVersion) findings.Finding {
	want, v := versionText(x.version), below[0]
	out.Verdict = findings.Confirmed
	out.Cured = x.cured(h)
	out.Evidence = []findings.Evidence{hotfixRow(v, findings.Supports, fmt.Sprintf("lower than %s, the version that KB%s brings", want, x.kb))}
	out.Evidence = append(out.Evidence, x.context(h)...)
	first := ""
	switch {
	case v.Numbers[0] < 4:
		first = "The client is of a release before ConfigMgr 2007: it has to be upgraded to ConfigMgr 2007 SP2 first."
	case v.Numbers[0] == 4 && v.Numbers[1] == 0 && v.Numbers[2] < sp2:
		first = fmt.Sprintf("Its build %d is older than %d, that of Service Pack 2, on which alone the hotfix installs: SP2 comes first.", v.Numbers[2], sp2)
	}
	out.Summary = strings.TrimSpace(fmt.Sprintf("%s has %s %s, and KB%s brings %s, so the hotfix is not installed (%s). %s", upperFirst(h.called()), x.component, v.Version, x.kb, want, x.purpose, first))
	if first != "" {
		out.Remedy = append([]string{"Upgrade the client to ConfigMgr 2007 SP2 first; what the hotfix needs is not there before."}, hotfixSteps...)
		out.Risk = "The upgrade installs the whole client anew and, like the hotfix after it, stops the service SMS Agent Host: programs and task sequences that run are cut off."
		out.Undo = "There is no way back from SP2 but ccmsetup /uninstall and the older client's own installation; the hotfix alone goes with msiexec /i PRODUCT MSIPATCHREMOVE=PATCH."
	}
	out.Rivals = []findings.Rival{{
		Name:    "The hotfix was installed after the table was made",
		Verdict: rivalOpen + "the table does not say when the client last reported its versions; one that is made on the client itself is of now.",
	}}
	if x.component == "SmsPowerManagement" {
		out.Rivals = append(out.Rivals, findings.Rival{
			Name:    "SmsPowerManagement shows that the hotfix is there",
			Verdict: rivalExcluded + "the component is part of SP2 with the hotfix or without, and its version is too low.",
		})
	}
	return out
}

// cured says what the next table must show.
func (x *clientHotfix) cured(h *hotfixHost) string {
	return fmt.Sprintf("The next table of CCM_InstalledComponent lists %s of %s with %s or a higher version.", x.component, h.called(), versionText(x.version))
}

// hotfixDisputed is the verdict where rows of one computer, or rows that name none, contradict each other.
func hotfixDisputed(x *clientHotfix, h *hotfixHost, low, high clientVersion) findings.Finding {
	out := findings.Finding{Verdict: findings.Suspected, Severity: findings.Low, State: findings.Unknown, Title: fmt.Sprintf("KB%s may be missing on %s", x.kb, h.called())}
	out.Summary = fmt.Sprintf("The tables list %s %s, too old for KB%s, and also %s %s.", low.Name, low.Version, x.kb, high.Name, high.Version)
	why := "a row that is out of date and one of the present client can't be told apart"
	if h.name == "" {
		out.Title = fmt.Sprintf("KB%s may be missing on some clients", x.kb)
		out.Summary += " The rows name no computer: they are of several clients of which at least one lacks the hotfix, or of one client at different times."
		why = "only a column with the computers' names tells which of them lack the hotfix"
	} else {
		out.Summary += " One of them is out of date, and the tables do not say which."
	}
	out.Evidence = []findings.Evidence{
		hotfixRow(low, findings.Supports, "lower than "+versionText(x.version)), hotfixRow(high, findings.Contradicts, "at least "+versionText(x.version)),
	}
	out.Cured = x.cured(h)
	out.Missing = []findings.Missing{{What: "the present component versions with the computers' names", Why: why, Collect: componentsCommand}}
	return out
}

// hotfixUnlisted is the verdict where no version of the hotfix's own component can be compared.
func hotfixUnlisted(out findings.Finding, x *clientHotfix, h *hotfixHost, short []clientVersion) findings.Finding {
	out.Title = "Whether KB" + x.kb + " is installed on " + h.called() + " is not shown"
	out.Missing = []findings.Missing{{
		What: "the version of " + x.component + " on " + h.called(), Why: "it alone tells whether KB" + x.kb + " is installed", Collect: componentsCommand,
	}}
	out.Verdict, out.Reason = findings.NotEvaluated, findings.DataMissing
	out.Summary = fmt.Sprintf("The tables list %s of %s without %s; what a table lacks says nothing of the hotfix.", count(len(h.order), "component version"), h.called(), x.component)
	if len(short) > 0 {
		out.Summary = fmt.Sprintf("The version of %s is written as %s, too short to compare it with %s.", x.component, short[0].Version, versionText(x.version))
		out.Unmet = fmt.Sprintf("The version of %s is too short to compare (%s).", x.component, hotfixRow(short[0], findings.Context, "").Place())
	} else if len(h.order) > 0 {
		out.Unmet = fmt.Sprintf("No row of %s lists %s of %s.", h.order[0].path, x.component, h.called())
	}
	for _, o := range x.others {
		for _, v := range h.versions[strings.ToLower(o.name)] {
			if c, ok := v.compare(o.version); !ok || c >= 0 {
				continue
			}
			out.Verdict, out.Reason, out.Severity, out.State = findings.Suspected, "", findings.Low, findings.Unknown
			out.Title = fmt.Sprintf("KB%s may be missing on %s", x.kb, h.called())
			out.Evidence = append(out.Evidence, hotfixRow(v, findings.Supports, "lower than "+versionText(o.version)+", the version that comes with KB"+x.kb))
		}
	}
	if out.Verdict == findings.Suspected {
		out.Cured = x.cured(h)
		out.Summary += " Other components that the hotfix raises are older than it would leave them."
	}
	return out
}

// context are the rows of the other components that the hotfix raises.
func (x *clientHotfix) context(h *hotfixHost) []findings.Evidence {
	var out []findings.Evidence
	for _, o := range x.others {
		for _, v := range h.versions[strings.ToLower(o.name)] {
			note := "at least " + versionText(o.version) + ", the version that comes with KB" + x.kb
			if c, ok := v.compare(o.version); !ok {
				continue
			} else if c < 0 {
				note = "lower than " + versionText(o.version) + ", the version that comes with KB" + x.kb
			}
			out = append(out, hotfixRow(v, findings.Context, note))
		}
	}
	return out
}

func hotfixRow(v clientVersion, role findings.Role, note string) findings.Evidence {
	return findings.FromLine(v.from, v.path, v.Line, role, note)
}

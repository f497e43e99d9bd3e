package checks

import (
	"cmp"
	"fmt"
	"maps"
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

const duplicateGUIDID = "sms-duplicate-guid"

// A client is known to its site by one identifier, which it keeps in SMSCFG.INI, in the registry (SMS 2.0, the SMS 2003 Legacy Client) and in Smsuid.dat. An
// image that was made of a client carries it to every copy. A computer that was renamed keeps it too, and is no duplicate.
var smsDuplicateGUID = &findings.Check{
	ID:       duplicateGUIDID,
	Title:    "Several computers hold one SMS unique identifier, so the site takes them for one",
	Severity: findings.High,
	Product: findings.Product{
		Name: "an SMS or ConfigMgr client's identity", Kinds: []ingest.Kind{ingest.KindSMSCFG, ingest.KindSMSUID},
		Seen: func(f *facts.Facts) bool {
			return f.Matches(duplicateGUIDID+"/registered").Any() || len(registryIDs(f)) > 0
		},
	},
	Needs: []findings.Need{duplicateGUIDNeed},
	Signals: []match.Signal{{
		Name: duplicateGUIDID + "/registered", Kinds: []string{string(ingest.KindLogCCM), string(ingest.KindLogSMS), string(ingest.KindLogText)},
		Literals: []string{"assigned ClientID is GUID:"}, Pattern: `assigned ClientID is GUID:(?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})`,
	}},
	Doc: findings.Doc{
		Cause: "The computers were made from an image of a machine on which the client already had its identity, or SMSCFG.INI or Smsuid.dat was copied between them. The site takes them for one client: their inventories overwrite each other, and advertisements run on the wrong one.",
		Remedy: []string{
			"Find all computers with the identifier first: ask the site's database for records whose name changes from one discovery to the next. The bundle shows only some of them.",
			"On all of them but one, or on all of them: stop the client (net stop ccmexec; SMS 2.0 and the Legacy Client: clisvc), rename %windir%\\SMSCFG.INI and every Smsuid.dat on the disk, and remove the value \"SMS Unique Identifier\" of HKLM\\SOFTWARE\\Microsoft\\SMS\\Client\\Configuration\\Client Properties. A client with certificates also needs new ones: remove those in the store SMS.",
			"Start the client again; it makes itself a new identifier. Then delete the old record at the site.",
			"Take the identity out of the image: install the client there without starting it, or remove the files and the value last of all before the image is taken.",
		},
		Risk:      "A new identity is a new client to the site: direct memberships of collections, the history of inventory and what ran before stay with the old record, and what is advertised to all may run again.",
		Undo:      "Stop the client, put SMSCFG.INI, Smsuid.dat and the registry value back, and start it.",
		Cured:     "SMSCFG.INI of each computer in the next upload states an identifier of its own.",
		Overturns: "One of the names turns out to be the former name of the same computer, or one of the files to be a copy from the other computer.",
		Proves: []string{
			"The same identifier in the identity files or registries of two computers of different names whose MachineGuids differ, or that are shown to be two: each got its name before the other's hive was last written to, or neither knows the other's hardware.",
		},
		Suggests: []string{
			"The same identifier under two computer names, without proof that it is not one computer that was renamed between two captures.",
			"The same identifier in files of several folders that name no computer.",
			"Two different identifiers on one computer, or a note of a former one: the client changed its identity because of new hardware, or because it noticed that it is a copy.",
		},
		Exonerates:     []string{"Each computer of the bundle has an identifier of its own."},
		FalsePositives: "A computer that was renamed keeps its identifier; so does one whose SMSCFG.INI was restored on purpose when Windows was set up anew.",
		NotCovered:     "Computers of which nothing is in the bundle; records that the site's database holds twice for one client after new hardware.",
		References: []findings.Reference{
			{Title: "Q257808: avoiding duplicate IDs in SMS 2.0", URL: "https://jeffpar.github.io/kbarchive/kb/257/Q257808/"},
			{Title: "Managing duplicate SMS unique identifiers", URL: "https://technet.microsoft.com/en-us/library/cc917513.aspx"},
		},
	},
	RunAll: runDuplicateGUID,
}

var duplicateGUIDNeed = findings.Need{
	Met:  func(f *facts.Facts) bool { return len(clientIDs(f)) > 0 },
	What: "SMSCFG.INI of the client", Why: "it holds the client's unique identifier",
	Collect: `copy "%windir%\SMSCFG.INI" "%PUBLIC%\%COMPUTERNAME%-SMSCFG.INI"`,
}

// clientID is an identifier with the computer that holds it.
type clientID struct {
	guid   string // upper case
	f      *facts.Facts
	place  string // of what names no computer: the folder that stands for one
	former bool   // the identifier that the client had before
	at     findings.Evidence
}

// holder names the computer of an identifier.
func (c clientID) holder() string { return c.f.ID + "|" + c.place }

func (c clientID) name() string {
	switch {
	case c.f.Host != "":
		return c.f.Host
	case c.place != "":
		return "the computer of " + c.place
	case c.f.ID != "":
		return "the computer of " + c.f.ID
	}
	return "the computer of " + c.at.Artifact
}

var clientGUID = regexp.MustCompile(`(?i)^\s*(?:GUID:)?([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})\s*$`)

// emptyGUID is what an identity has that was not made yet.
const emptyGUID = "00000000-0000-0000-0000-000000000000"

func parseClientGUID(s string) (string, bool) {
	m := clientGUID.FindStringSubmatch(s)
	if m == nil || m[1] == emptyGUID {
		return "", false
	}
	return strings.ToUpper(m[1]), true
}

// isFormerID reports whether a key or value names the identifier that the client had before; its name differs by release.
func isFormerID(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "previous") || strings.Contains(name, "former")
}

// registryIDs reads the identifiers in the registry.
func registryIDs(f *facts.Facts) []clientID {
	var out []clientID
	for _, view := range []string{`SOFTWARE\Microsoft`, `SOFTWARE\Wow6432Node\Microsoft`} {
		for _, k := range f.Registry.Keys(view + `\SMS\Client\Configuration\Client Properties`) {
			for _, v := range k.Values() {
				guid, ok := parseClientGUID(v.String())
				if former := isFormerID(v.Name); ok && (former || strings.EqualFold(v.Name, "SMS Unique Identifier")) {
					out = append(out, clientID{guid: guid, f: f, former: former, at: findings.FromValue(k.At(v), findings.Supports, "")})
				}
			}
		}
	}
	return out
}

// clientIDs reads all identifiers of a system, those of files first.
func clientIDs(f *facts.Facts) []clientID {
	var out []clientID
	for _, v := range facts.Values[*extract.SMSCFG](f) {
		if guid, ok := parseClientGUID(v.Value.UniqueID); ok {
			out = append(out, clientID{guid: guid, f: f, at: findings.FromLine(f, v.Artifact.Path, v.Value.UniqueIDLine, findings.Supports, "")})
		}
		for _, k := range v.Value.Keys {
			if guid, ok := parseClientGUID(k.Value); ok && isFormerID(k.Key) {
				out = append(out, clientID{guid: guid, f: f, former: true, at: findings.FromLine(f, v.Artifact.Path, k.Line, findings.Supports, "")})
			}
		}
	}
	for _, v := range facts.Values[*extract.SMSUID](f) {
		for _, id := range v.Value.IDs {
			if guid, ok := parseClientGUID(id.UniqueID); ok {
				note := fmt.Sprintf("GUID:%s stands at offset %d", guid, id.Offset)
				out = append(out, clientID{guid: guid, f: f, at: findings.Evidence{Artifact: v.Artifact.Path, Role: findings.Supports, Note: note}})
			}
		}
	}
	out = append(out, registryIDs(f)...)
	if m, ok := f.Matches(duplicateGUIDID + "/registered").Last(); ok {
		if guid, ok := parseClientGUID(m.Capture("guid")); ok {
			out = append(out, clientID{guid: guid, f: f, at: findings.FromMatch(m, findings.Supports, "")})
		}
	}
	return out
}

// locate gives a place to the identifiers of what belongs to no computer: the folder in which the identity files of one computer lie together.
func locate(ids []clientID) {
	var dirs []string
	for i := range ids {
		if ids[i].f.ID != "" && !ids[i].f.Mixed {
			continue
		}
		ids[i].place = identityRoot(ids[i].at.Artifact)
		dirs = append(dirs, ids[i].place)
	}
	slices.Sort(dirs)
	if len(slices.Compact(dirs)) > 1 {
		return
	}
	for i := range ids {
		ids[i].place = ""
	}
}

// identityRoot is the folder above the Windows folder, or the drive, in which an identity file lies.
func identityRoot(p string) string {
	dir := path.Dir(p)
	for range 3 {
		switch base := strings.ToLower(path.Base(dir)); {
		case base == "windows", base == "winnt", base == "ccm", base == "logs", base == "system32", base == "syswow64", len(base) == 1 && base != ".", len(base) == 2 && base[1] == ':':
			dir = path.Dir(dir)
		default:
			return dir
		}
	}
	return dir
}

func runDuplicateGUID(all []*facts.Facts) ([]findings.Finding, error) {
	var ids []clientID
	for _, f := range all {
		ids = append(ids, clientIDs(f)...)
	}
	locate(ids)
	byGUID := map[string][]clientID{}
	holders := map[string][]clientID{}
	for _, id := range ids {
		holders[id.holder()] = append(holders[id.holder()], id)
		if !id.former {
			byGUID[id.guid] = append(byGUID[id.guid], id)
		}
	}
	var out []findings.Finding
	shared := map[string]bool{} // holders of an identifier that another one holds too
	for _, guid := range slices.Sorted(maps.Keys(byGUID)) {
		of := oneEach(byGUID[guid])
		if len(of) < 2 {
			continue
		}
		for _, id := range of {
			shared[id.holder()] = true
		}
		out = append(out, duplicateGUID(guid, of))
	}
	for _, h := range slices.Sorted(maps.Keys(holders)) {
		switch own := holders[h]; {
		case shared[h]:
		case changedID(own):
			out = append(out, changedIdentity(own))
		case len(holders) > 1:
			out = append(out, ownIdentity(own[0], len(holders)))
		default:
			out = append(out, findings.Finding{
				Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.Low, System: own[0].f.ID,
				Title:    "Whether another computer holds the same SMS unique identifier is not shown",
				Summary:  fmt.Sprintf("The bundle holds the identifier GUID:%s of one computer, %s; a duplicate shows only beside another one's.", own[0].guid, own[0].name()),
				Evidence: []findings.Evidence{withRole(own[0].at, findings.Context, "the client's identifier")},
				Missing: []findings.Missing{{
					What: "SMSCFG.INI of a second computer that was made from the same image", Why: "a duplicate identifier shows only beside another computer's",
					Collect: duplicateGUIDNeed.Collect,
				}},
			})
		}
	}
	return out, nil
}

// oneEach returns the first identifier of each holder.
func oneEach(ids []clientID) []clientID {
	var out []clientID
	for _, id := range ids {
		if !slices.ContainsFunc(out, func(o clientID) bool { return o.holder() == id.holder() }) {
			out = append(out, id)
		}
	}
	return out
}

func withRole(e findings.Evidence, role findings.Role, note string) findings.Evidence {
	e.Role, e.Note = role, cmp.Or(note, e.Note)
	return e
}

// duplicateGUID is the finding of an identifier that several hold.
func duplicateGUID(guid string, of []clientID) findings.Finding {
	const shown = 8
	out := findings.Finding{Subject: "GUID:" + guid, State: findings.Active, Verdict: findings.Suspected, Severity: findings.Medium}
	var names []string
	for i, id := range of {
		names = append(names, id.name())
		if i < shown {
			out.Evidence = append(out.Evidence, withRole(id.at, findings.Supports, strings.TrimPrefix(id.at.Note+"; the identifier of "+id.name(), "; ")))
		}
	}
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	out.Title = fmt.Sprintf("%s hold one SMS unique identifier (GUID:%s), so the site takes them for one", list, guid)
	out.Summary = fmt.Sprintf("%s hold the identifier GUID:%s.", list, guid)
	said := ""
	for i, a := range of {
		for _, b := range of[i+1:] {
			if a.f.Host == "" || b.f.Host == "" || a.f.Host == b.f.Host || a.f == b.f {
				continue
			}
			if text, evidence := twoClients(a.f, b.f); text != "" && said == "" {
				said = text
				out.Verdict, out.Severity = findings.Confirmed, findings.High
				out.Evidence = append(out.Evidence, evidence...)
			}
		}
	}
	if said != "" {
		out.Summary += " " + said + " The site takes them for one client."
		return out
	}
	renamed := findings.Rival{Name: "One computer that was renamed, or captured twice", Verdict: rivalOpen + "nothing in the bundle excludes it."}
	if text := fitsRename(of[0].f, of[1].f); len(of) == 2 && text != "" {
		renamed.Verdict, out.Severity = rivalSupported+text, findings.Low
	}
	out.Rivals = []findings.Rival{renamed}
	out.Summary += " Whether these are several computers, or one that was renamed or captured twice, is not shown, so nothing is confirmed."
	out.Missing = []findings.Missing{{
		What: "the name and the hardware's serial numbers of each of the computers", Why: "they tell several computers from one that was renamed or captured twice",
		Collect: `(hostname & wmic csproduct get uuid,identifyingnumber) > "%PUBLIC%\%COMPUTERNAME%-hardware.txt"`,
	}}
	return out
}

// twoClients says what proves that two systems of different names are two computers, or two installations of Windows; "" if nothing does.
func twoClients(a, b *facts.Facts) (string, []findings.Evidence) {
	if s := separate(a, b); s.text != "" {
		return s.text, s.evidence
	}
	ga, fa, erra := a.Registry.MachineGUID()
	gb, fb, errb := b.Registry.MachineGUID()
	if erra == nil && errb == nil && ga != "" && gb != "" && !strings.EqualFold(strings.Trim(ga, "{} "), strings.Trim(gb, "{} ")) {
		const note = "the MachineGuid of this installation; the other one has another"
		return fmt.Sprintf("%s and %s are two installations of Windows: their MachineGuids differ.", a.ID, b.ID),
			[]findings.Evidence{findings.FromValue(fa, findings.Supports, note), findings.FromValue(fb, findings.Supports, note)}
	}
	return "", nil
}

// changedID reports whether a computer holds more than one identifier.
func changedID(own []clientID) bool {
	return slices.ContainsFunc(own, func(id clientID) bool { return id.guid != own[0].guid })
}

// changedIdentity is the finding of a computer whose client has, or had, another identifier.
func changedIdentity(own []clientID) findings.Finding {
	// What the files and the registry state now comes before what they were.
	slices.SortStableFunc(own, func(a, b clientID) int { return cmp.Compare(former(a), former(b)) })
	now := own[0]
	other := own[slices.IndexFunc(own, func(id clientID) bool { return id.guid != now.guid })]
	out := findings.Finding{
		Verdict: findings.Suspected, Severity: findings.Low, System: now.f.ID, Subject: "GUID:" + now.guid,
		Rivals: []findings.Rival{{Name: "New hardware", Verdict: rivalOpen + "the client also makes a new identity when enough of the hardware, or the machine's SID, is new; the bundle does not say what happened."}},
		Missing: []findings.Missing{{
			What: "the site's list of computers with the former identifier", Why: "a second computer that still has it shows that the client was a copy",
			Collect: fmt.Sprintf(`in the site's database: SELECT Name0, SMS_Unique_Identifier0, Creation_Date0 FROM v_R_System WHERE SMS_Unique_Identifier0 IN ('GUID:%s','GUID:%s')`, other.guid, now.guid),
		}},
	}
	if other.former {
		out.State = findings.Resolved
		out.Title = fmt.Sprintf("The client of %s has changed its SMS unique identifier", now.name())
		out.Summary = fmt.Sprintf("The client of %s has the identifier GUID:%s and notes GUID:%s as its former one. It makes a new identity where it notices that it was copied to other hardware, or that much of its hardware is new.", now.name(), now.guid, other.guid)
		out.Evidence = []findings.Evidence{withRole(other.at, findings.Supports, "the former identifier"), withRole(now.at, findings.Context, "the present identifier")}
		return out
	}
	out.State, out.Severity = findings.Active, findings.Medium
	out.Title = upperFirst(now.name()) + " holds two different SMS unique identifiers"
	out.Summary = fmt.Sprintf("Of %s one place states the identifier GUID:%s and another GUID:%s. One of them came with an image or a copied file, or was left when the client made itself a new identity.", now.name(), now.guid, other.guid)
	out.Evidence = []findings.Evidence{withRole(now.at, findings.Supports, "one identifier"), withRole(other.at, findings.Supports, "another identifier")}
	return out
}

func former(id clientID) int {
	if id.former {
		return 1
	}
	return 0
}

// ownIdentity is the finding of a computer whose identifier none of the others has.
func ownIdentity(id clientID, computers int) findings.Finding {
	return findings.Finding{
		Verdict: findings.RuledOut, System: id.f.ID,
		Title:    upperFirst(id.name()) + " has an SMS unique identifier of its own",
		Summary:  fmt.Sprintf("The identifier GUID:%s of %s is not that of any other of the %d computers whose identifiers the bundle holds.", id.guid, id.name(), computers),
		Evidence: []findings.Evidence{withRole(id.at, findings.Contradicts, "an identifier that no other computer of the bundle has")},
		Unmet:    fmt.Sprintf("No second computer of the bundle has the identifier in %s.", id.at.Artifact),
	}
}

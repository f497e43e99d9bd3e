package checks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

const duplicateMachineID = "windows-duplicate-machine-guid"

// Setup makes MachineGuid once; sysprep makes a new one. Two computers with one MachineGuid were copied from one disk without it. A computer that
// was renamed keeps its MachineGuid and is one computer all the same, so the name alone decides nothing.
var windowsDuplicateMachineGUID = &findings.Check{
	ID:       duplicateMachineID,
	Title:    "Several computers have the same MachineGuid, so servers may take them for one",
	Severity: findings.Medium,
	Product:  findings.Product{Name: "two computers with their MachineGuids"},
	Needs: []findings.Need{{
		Met:     func(f *facts.Facts) bool { return machineGUIDOf(f) != "" },
		What:    "the MachineGuids of both computers",
		Why:     "a duplicate shows only beside another computer's",
		Collect: machineGUID.Collect,
	}},
	Before: []findings.Precedence{{
		Over: []string{"configmgr-client-certificate", "windows-machine-keys-leak", "windows-rdp-key-unreadable"},
		Why:  "a machine that gets an identity of its own makes its keys anew, and keys that are repaired before that are lost with the old one",
	}},
	Doc: findings.Doc{
		Cause: "A disk or a virtual machine was copied without being generalized by sysprep. MachineGuid names the machine to Windows' key containers and to many products; with it the copies share what else an image carries: the machine's SID, the Windows Update identifier, agents' identities.",
		Remedy: []string{
			"Find out which computer is the original and which are copies, and what else the copies share: SusClientId, SMSCFG.INI, the identities of the antivirus and backup agents.",
			"Set the copies up anew from an image that sysprep /generalize /oobe has prepared. Writing another MachineGuid by hand is no cure: keys and certificates that were made under the old one are not found any more.",
			"If a copy can't be set up anew: give each product a new identity by its maker's own way (for Windows Update: stop wuauserv, delete SusClientId and SusClientIdValidation, start it, wuauclt /resetauthorization /detectnow).",
			"Prepare the image or the template anew, so that it makes no more copies.",
		},
		Risk:      "Sysprep takes a computer's name, its domain membership and its settings; a new identity of an agent is a new client to its server. A changed MachineGuid hides the machine's RSA keys, and with them its certificates.",
		Undo:      "A computer that was set up anew is restored from the backup that was made before; a deleted SusClientId is put back from an export of its key.",
		Cured:     "The SOFTWARE hives of the computers in the next upload state different MachineGuids.",
		Overturns: "One of the names turns out to be the former name of the same computer, or one hive to be a copy of the other computer's.",
		Proves: []string{
			"The same MachineGuid in the registries of computers of different names that are shown to be two: each got its name before the other's hive was last written to, or neither registry knows the other's hardware.",
		},
		Suggests:       []string{"The same MachineGuid under two computer names, without proof that it is not one computer that was renamed between two captures."},
		Exonerates:     []string{"Each computer of the bundle has a MachineGuid of its own.", "Registries of the same name and MachineGuid are one computer; older copies of its hives are no duplicate."},
		FalsePositives: "A computer that was renamed between two captures keeps its MachineGuid.",
		NotCovered:     "Computers of which the bundle holds no SOFTWARE registry; copies that sysprep has given new identities and that share other things.",
		References: []findings.Reference{
			{Title: "The naming of key container files, and MachineGuid", URL: "https://jensign.com/UniqueKeyContainer/index.html"},
			{Title: "Sysprep (generalize) a Windows installation", URL: "https://learn.microsoft.com/en-us/windows-hardware/manufacture/desktop/sysprep--generalize--a-windows-installation"},
		},
	},
	Rests:  func() findings.Traces { return findings.Traces{Texts: []string{"MachineGuid"}} },
	RunAll: runDuplicateMachine,
}

// machineGUIDOf returns a system's MachineGuid in lower case, "" if it states none.
func machineGUIDOf(f *facts.Facts) string {
	guid, _, err := f.Registry.MachineGUID()
	guid = strings.ToLower(strings.Trim(strings.TrimSpace(guid), "{}"))
	if err != nil || strings.Trim(guid, "0-") == "" {
		return ""
	}
	return guid
}

func runDuplicateMachine(all []*facts.Facts) ([]findings.Finding, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(f *facts.Facts) bool { return machineGUIDOf(f) == "" })
	if len(all) == 1 {
		return []findings.Finding{{
			Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent,
			Summary: "The bundle holds the MachineGuid of one computer only; a duplicate shows only beside another one's.",
		}}, nil
	}
	byGUID := map[string][]*facts.Facts{}
	for _, f := range all {
		byGUID[machineGUIDOf(f)] = append(byGUID[machineGUIDOf(f)], f)
	}
	var out []findings.Finding
	for _, guid := range slices.Sorted(maps.Keys(byGUID)) {
		of := byGUID[guid]
		if len(of) > 1 {
			out = append(out, duplicateMachine(guid, of))
			continue
		}
		_, at, _ := of[0].Registry.MachineGUID() // it was read before
		out = append(out, findings.Finding{
			Verdict: findings.RuledOut, System: of[0].ID,
			Title:    of[0].ID + " has a MachineGuid of its own",
			Summary:  fmt.Sprintf("The MachineGuid %s of %s is not that of any other of the %d computers whose registries the bundle holds.", guid, of[0].ID, len(all)),
			Evidence: []findings.Evidence{findings.FromValue(at, findings.Contradicts, "a MachineGuid that no other computer of the bundle has")},
			Unmet:    fmt.Sprintf("No second computer of the bundle has the MachineGuid in %s.", at.Source),
		})
	}
	return out, nil
}

// duplicateMachine is the finding of a MachineGuid that several systems have.
func duplicateMachine(guid string, of []*facts.Facts) findings.Finding {
	const shown = 8
	out := findings.Finding{Subject: guid, Verdict: findings.Suspected, Severity: findings.Low, State: findings.Active}
	var names []string
	for i, f := range of {
		names = append(names, f.ID)
		_, at, _ := f.Registry.MachineGUID() // it was read before
		if i < shown {
			out.Evidence = append(out.Evidence, findings.FromValue(at, findings.Supports, "the MachineGuid of "+f.ID))
		}
	}
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	out.Title = fmt.Sprintf("%s have the same MachineGuid %s, so servers may take them for one", list, guid)
	out.Summary = fmt.Sprintf("The registries of %s state the MachineGuid %s.", list, guid)
	rename := ""
pairs:
	for i, a := range of {
		for _, b := range of[i+1:] {
			if a.Host == "" || b.Host == "" || a.Host == b.Host {
				continue
			}
			if s := separate(a, b); s.text != "" {
				out.Verdict, out.Severity = findings.Confirmed, findings.Medium
				out.Summary += " " + s.text
				out.Evidence = append(out.Evidence, s.evidence...)
				break pairs
			}
			if rename == "" {
				rename = fitsRename(a, b)
			}
		}
	}
	shares(&out, of)
	if out.Verdict == findings.Confirmed {
		out.Summary += " So they are copies of one installation that sysprep has not generalized."
		return out
	}
	rival := findings.Rival{Name: "One computer that was renamed between two captures", Verdict: rivalOpen + "nothing in the bundle excludes it."}
	if rename != "" {
		rival.Verdict = rivalSupported + rename
	}
	out.Rivals = []findings.Rival{rival}
	out.Summary += " Whether these are copies of one installation, or one computer that was renamed between two captures, is not shown, so nothing is confirmed."
	out.Missing = []findings.Missing{{
		What: "the serial numbers of each computer's hardware", Why: "they tell copies from one computer that was renamed",
		Collect: `(hostname & wmic csproduct get uuid,identifyingnumber) > "%PUBLIC%\%COMPUTERNAME%-hardware.txt"`,
	}}
	return out
}

// shares adds what else of an image the first two systems have in common.
func shares(out *findings.Finding, of []*facts.Facts) {
	ids := make([]hive.Found, 0, 2)
	for _, f := range of {
		at, err := f.Registry.Value(`SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate`, "SusClientId")
		if err == nil && at.Value.String() != "" {
			ids = append(ids, at)
		}
	}
	if i := samePair(ids, func(a, b hive.Found) bool { return strings.EqualFold(a.Value.String(), b.Value.String()) }); i > 0 {
		out.Summary += " They also have the same SusClientId, so that a WSUS server takes them for one client."
		out.Evidence = append(out.Evidence,
			findings.FromValue(ids[0], findings.Context, "the identifier to Windows Update and WSUS"), findings.FromValue(ids[i], findings.Context, "the same identifier"))
		if out.Verdict == findings.Confirmed {
			out.Severity = findings.High
		}
	}
	sids := make([]machineSID, 0, 2)
	for _, f := range of {
		if s, ok := readMachineSID(f); ok {
			sids = append(sids, s)
		}
	}
	switch i := samePair(sids, func(a, b machineSID) bool { return a.text == b.text }); {
	case i > 0:
		out.Summary += fmt.Sprintf(" They also have the same machine SID %s.", sids[0].text)
		out.Evidence = append(out.Evidence, sids[0].evidence(), sids[i].evidence())
	case len(sids) > 1:
		out.Summary += fmt.Sprintf(" Their machine SIDs differ (%s, %s): one of them was given a new SID and not a new MachineGuid.", sids[0].text, sids[1].text)
		out.Evidence = append(out.Evidence, sids[0].evidence(), sids[1].evidence())
	}
}

// samePair returns the index of the first value that is the same as the first one, 0 if there is none.
func samePair[T any](list []T, same func(a, b T) bool) int {
	for i := 1; i < len(list); i++ {
		if same(list[0], list[i]) {
			return i
		}
	}
	return 0
}

// machineSID is the SID of a machine's own account database.
type machineSID struct {
	text string
	at   hive.Found
}

func (s machineSID) evidence() findings.Evidence {
	// The data is binary; what it means stands beside the value.
	name := s.at.Value.Name
	return findings.Evidence{Artifact: s.at.Source, Line: s.at.Line, Key: s.at.Key, Value: &name, Role: findings.Context, Note: "holds the machine SID " + s.text}
}

// readMachineSID reads the SID from the SECURITY hive (Policy\PolAcDmS, a whole SID), else from the SAM hive (the last 12 bytes of the account domain's V).
func readMachineSID(f *facts.Facts) (machineSID, bool) {
	if !f.Has(ingest.KindHiveSecurity, ingest.KindHiveSAM, ingest.KindRegExport, ingest.KindRegQuery) {
		return machineSID{}, false
	}
	// Revision 1, four sub-authorities, authority 5, the first sub-authority 21; three more follow.
	head := []byte{1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0}
	const tail = 12
	if at, err := f.Registry.Value(`SECURITY\Policy\PolAcDmS`, ""); err == nil {
		if d := at.Value.Data; len(d) == len(head)+tail && bytes.HasPrefix(d, head) {
			return machineSID{sidText(d[len(head):]), at}, true
		}
	}
	if at, err := f.Registry.Value(`SAM\SAM\Domains\Account`, "V"); err == nil {
		if d := at.Value.Data; len(d) >= 2*tail && !at.Value.Truncated {
			return machineSID{sidText(d[len(d)-tail:]), at}, true
		}
	}
	return machineSID{}, false
}

func sidText(b []byte) string {
	return fmt.Sprintf("S-1-5-21-%d-%d-%d", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]))
}

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
)

const rdpKeyID = "windows-rdp-key-unreadable"

// The events of Remote Desktop's own certificate. Their numbers and sources are never translated.
const (
	rdpCertificateMade   = 1056  // a new self-signed certificate was made
	rdpCertificateFailed = 1057  // making one failed
	rdpRenewalFailed     = 1058  // replacing the expired one failed
	schannelKeyFailed    = 36870 // the private key of a TLS server credential could not be opened; any service's
)

const (
	rdpManager  = "terminalservices-remoteconnectionmanager"
	termService = "termservice"
	schannel    = "schannel"
)

var rdpKeyHash = extract.KeyFileName("TSSecKeySet1")

// Remote Desktop makes itself a certificate whose key lies in the container TSSecKeySet1. Where the key file or its folder does not let it, there
// is no certificate, and every connection over TLS fails.
var windowsRDPKeyUnreadable = &findings.Check{
	ID:       rdpKeyID,
	Title:    "Remote Desktop refuses connections: it cannot use the key of its certificate",
	Severity: findings.High,
	Product:  findings.Product{Name: "events of Remote Desktop or TLS, or a fault of Remote Desktop's key"},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			e := readRDPEvents(f)
			return e.failed != nil || e.schannel != nil || e.system != nil || readRDPKey(f).fault
		},
		What: "the events of Remote Desktop and TLS in the System log", Why: "events 1057, 1058 and 36870 show that the key could not be used",
		Collect: rdpEventsMissing.Collect,
	}},
	Observe: &facts.Watch{
		Kinds: eventKinds, Every: true,
		New: func(*ingest.Artifact) facts.Observer {
			ids := []int{rdpCertificateMade, rdpCertificateFailed, rdpRenewalFailed}
			return newEventObserver(map[string][]int{rdpManager: ids, termService: ids, schannel: {schannelKeyFailed}}, systemSources...)
		},
	},
	Doc: findings.Doc{
		Cause: "The permissions of the key file TSSecKeySet1 or of the MachineKeys folder were changed, or the file is damaged. The service, which runs as NETWORK SERVICE since Windows Vista, can then neither open the key nor replace it, and connections are ended before the logon.",
		Remedy: []string{
			"Save the permissions first: icacls \"%ProgramData%\\Microsoft\\Crypto\\RSA\\MachineKeys\" /save \"%PUBLIC%\\machinekeys.acl\" /t /c.",
			"Give the key file back what it ought to have: SYSTEM Full Control, NETWORK SERVICE Read. If it is damaged, rename the file f686aace6942fb7f7ceb231212eef4a4_*.",
			"Check the folder: Administrators Full Control and Everyone special (list, read attributes, create files, write), both on this folder only.",
			"Delete the expired self-signed certificate in the machine's store Remote Desktop, and restart the service (net stop TermService, net start TermService) from the console: it makes a new certificate.",
		},
		Risk:      "The restart ends all Remote Desktop sessions, one's own too: have another way to the console. Clients warn of the new certificate once. Rename no other key file of the folder.",
		Undo:      "icacls \"%ProgramData%\\Microsoft\\Crypto\\RSA\" /restore \"%PUBLIC%\\machinekeys.acl\"; give the renamed file its name again.",
		Cured:     "Event 1056 follows the last 1057 or 1058, and connections succeed.",
		Overturns: "Event 1056 after the last failure, or a listener that is bound to another certificate.",
		Proves: []string{
			"Event 1057 or 1058, and the key file's permissions deny SYSTEM or NETWORK SERVICE, or lack Full Control for SYSTEM or Read for NETWORK SERVICE.",
			"Event 1057 or 1058, and the key file is empty, or a complete listing has none of this machine's GUID.",
		},
		Suggests: []string{
			"Event 1057 or 1058 without a sign in the listing of what is wrong with the key.",
			"Event 36870 with a key that can't be used: Schannel does not say whose key it was.",
			"A key that can't be used, without events.",
		},
		Exonerates: []string{"Event 1056 after the last failure.", "A System log of several writers without these events."},
		FalsePositives: "Event 36870 alone is as often about the certificate of a web server or of directory services. " +
			"Administrators have no rights on key files, so \"Access is denied\" in a listing is normal.",
		NotCovered: "Listeners with a certificate of a PKI, and failures of TLS by its versions or ciphers.",
		References: []findings.Reference{
			{Title: "Remote Desktop connection issues by event ID", URL: "https://learn.microsoft.com/en-us/troubleshoot/azure/virtual-machines/event-id-troubleshoot-vm-rdp-connecton"},
			{Title: "KB 278381: default permissions for the MachineKeys folder", URL: "https://learn.microsoft.com/en-us/troubleshoot/windows-server/windows-security/default-permissions-machinekeys-folders"},
		},
	},
	Run: runRDPKey,
}

// What settles what is only suspected.
var (
	rdpEventsMissing = findings.Missing{
		What: "the events of Remote Desktop and TLS in the System log", Why: "events 1057 and 1058 show that Remote Desktop can't make its certificate",
		Collect: `wevtutil qe System /q:"*[System[(EventID=1056 or EventID=1057 or EventID=1058 or EventID=36870)]]" /f:text > "%PUBLIC%\rdp-events.txt"`,
	}
	rdpKeyListing = findings.Missing{
		What: "the permissions of Remote Desktop's key file and of its folder", Why: "they show whether SYSTEM and NETWORK SERVICE may use the key, and whether it is there",
		Collect: `dir /a /q "%ProgramData%\Microsoft\Crypto\RSA\MachineKeys" > "%PUBLIC%\machinekeys.txt"
icacls "%ProgramData%\Microsoft\Crypto\RSA\MachineKeys\f686aace6942fb7f7ceb231212eef4a4_*" > "%PUBLIC%\rdp-key-acl.txt"
icacls "%ProgramData%\Microsoft\Crypto\RSA\MachineKeys" >> "%PUBLIC%\rdp-key-acl.txt"`,
	}
	rdpFolder = findings.Missing{
		What: "the permissions of the MachineKeys folder and the free space of the volume", Why: "a new key is a new file there",
		Collect: `(icacls "%ProgramData%\Microsoft\Crypto\RSA\MachineKeys" & fsutil volume diskfree %SystemDrive%) > "%PUBLIC%\machinekeys-folder.txt"`,
	}
)

// rdpEvents is what the event logs of a system tell.
type rdpEvents struct {
	failed   *eventGroup // the last failure of making or replacing the certificate
	made     *eventGroup // the last certificate that was made
	schannel *eventGroup
	system   *facts.Match // an event that shows that the System log is there
	failures int
}

func readRDPEvents(f *facts.Facts) rdpEvents {
	var out rdpEvents
	latest := func(to **eventGroup, g *eventGroup) {
		if *to == nil || !earlier(g.last.Time, (*to).last.Time) {
			*to = g
		}
	}
	for _, l := range facts.Observed[*eventLog](f, rdpKeyID) {
		if m := completeLog(l.Value); m != nil && out.system == nil {
			out.system = m
		}
		for _, g := range l.Value.groups {
			switch g.id {
			case rdpCertificateMade:
				latest(&out.made, g)
			case rdpCertificateFailed, rdpRenewalFailed:
				out.failures += g.count
				latest(&out.failed, g)
			case schannelKeyFailed:
				latest(&out.schannel, g)
			}
		}
	}
	return out
}

// rdpKey is what listings and permissions show of the key file.
type rdpKey struct {
	fault    bool
	missing  bool   // there is no file
	sound    bool   // its permissions and its size are as they ought to be
	verdict  string // a clause
	evidence []findings.Evidence
}

func readRDPKey(f *facts.Facts) rdpKey {
	guid := machineGUIDOf(f)
	var own, all []smsKey
	var whole *keyFolder
	for _, folder := range keyFolders(f) {
		if folder.Complete && (folder.ShowsHidden || len(folder.Files) > 0) && whole == nil {
			whole = &folder
		}
		for _, k := range folder.Files {
			if k.Hash != rdpKeyHash {
				continue
			}
			all = append(all, smsKey{k, folder.artifact})
			if guid == "" || k.GUID == guid {
				own = append(own, smsKey{k, folder.artifact})
			}
		}
	}
	permitted, known := rdpPermissions(f, own)
	if permitted.fault {
		return permitted
	}
	if i := slices.IndexFunc(own, func(k smsKey) bool { return k.HasSize && k.Size == 0 }); i >= 0 {
		return rdpKey{
			fault: true, verdict: "its key file TSSecKeySet1 has no byte",
			evidence: []findings.Evidence{findings.FromLine(f, own[i].artifact, own[i].Line, findings.Supports, "an empty key file")},
		}
	}
	if known {
		return permitted
	}
	if len(own) > 0 {
		return rdpKey{
			verdict:  "its key file TSSecKeySet1 is there, and nothing in the bundle shows what is wrong with it",
			evidence: []findings.Evidence{findings.FromLine(f, own[0].artifact, own[0].Line, findings.Context, "the key file of Remote Desktop")},
		}
	}
	if whole == nil {
		return rdpKey{verdict: "the bundle holds no listing of its key file"}
	}
	out := rdpKey{
		missing: true, verdict: "a complete listing of the machine keys has no file of the container TSSecKeySet1",
		evidence: []findings.Evidence{findings.AbsentLine(whole.artifact, findings.Supports, "no file begins with "+rdpKeyHash+", the name of the container TSSecKeySet1")},
	}
	if len(all) > 0 {
		_, at, _ := f.Registry.MachineGUID() // it was read before
		out.verdict = fmt.Sprintf("the only key file of the container TSSecKeySet1 carries the GUID %s, while this machine's MachineGuid is %s", all[0].GUID, guid)
		out.evidence = []findings.Evidence{
			findings.FromLine(f, all[0].artifact, all[0].Line, findings.Supports, "a key that was made under another MachineGuid"),
			findings.FromValue(at, findings.Supports, "the MachineGuid under which Windows looks for keys"),
		}
	}
	return out
}

// rdpPermissions judges the permissions of the key file; false if none are shown that can be judged.
func rdpPermissions(f *facts.Facts, own []smsKey) (rdpKey, bool) {
	windows, _ := f.Registry.Product() // the zero value says nothing
	for _, v := range facts.Values[*extract.ACL](f) {
		for _, o := range v.Value.Objects {
			name := strings.ToLower(path.Base(strings.ReplaceAll(o.Path, `\`, "/")))
			if len(o.Entries) == 0 || !slices.ContainsFunc(own, func(k smsKey) bool { return strings.HasPrefix(name, k.Hash+"_"+k.GUID) }) {
				continue
			}
			bad := func(line int, verdict, note string) (rdpKey, bool) {
				return rdpKey{fault: true, verdict: verdict, evidence: []findings.Evidence{findings.FromLine(f, v.Artifact.Path, line, findings.Supports, note)}}, true
			}
			var system, service extract.Access
			sure, others := true, false
			for _, e := range o.Entries {
				sure = sure && !e.Guessed
				if e.InheritOnly || e.Label {
					continue
				}
				p := extract.PrincipalOf(e.Account)
				if e.Deny && (p == extract.PrincipalSystem || p == extract.PrincipalNetworkService || p == extract.PrincipalEveryone) {
					return bad(e.Line, "the permissions of its key file TSSecKeySet1 deny access to "+e.Account, "access is denied")
				}
				switch {
				case e.Deny:
				case p == extract.PrincipalSystem, p == extract.PrincipalAdministrators: // SYSTEM is an administrator
					system |= e.Access
				case p == extract.PrincipalNetworkService:
					service |= e.Access
				case p == extract.PrincipalEveryone:
					system, service = system|e.Access, service|e.Access
				case p == extract.PrincipalOther:
					others = true // a group to which either may belong
				}
			}
			switch {
			case !sure || others:
				continue
			case system&extract.AccessFull != extract.AccessFull:
				return bad(o.Line, "the permissions of its key file TSSecKeySet1 lack Full Control for SYSTEM", "SYSTEM has no Full Control")
			case service&extract.AccessRead == 0 && windows.Major >= 6:
				return bad(o.Line, "the permissions of its key file TSSecKeySet1 lack Read for NETWORK SERVICE, as which Remote Desktop runs", "NETWORK SERVICE has no rights")
			}
			return rdpKey{
				sound: true, verdict: "the permissions of its key file TSSecKeySet1 are as they ought to be",
				evidence: []findings.Evidence{findings.FromLine(f, v.Artifact.Path, o.Line, findings.Context, "SYSTEM and the service may use the key")},
			}, true
		}
	}
	return rdpKey{}, false
}

func runRDPKey(f *facts.Facts) ([]findings.Finding, error) {
	e, key := readRDPEvents(f), readRDPKey(f)
	out := findings.Finding{Subject: f.ID, State: findings.Active}
	switch {
	case e.failed != nil && e.made != nil && earlier(e.failed.last.Time, e.made.last.Time):
		return []findings.Finding{{
			Verdict: findings.RuledOut,
			Summary: fmt.Sprintf("Remote Desktop failed to make its certificate (event %d, %s) and has made one since (event %d).", e.failed.id, e.failed.span(), rdpCertificateMade),
			Evidence: []findings.Evidence{
				findings.FromMatch(*e.made.last, findings.Contradicts, "event 1056: a new certificate was made after the last failure"),
				findings.FromMatch(*e.failed.last, findings.Context, "the last failure"),
			},
		}}, nil
	case e.failed != nil:
		what := "make its self-signed certificate"
		if e.failed.id == rdpRenewalFailed {
			what = "replace its expired certificate"
		}
		out.Verdict, out.Severity = findings.Suspected, findings.Medium
		out.Summary = fmt.Sprintf("Remote Desktop failed to %s (event %d, %s in all), and %s.", what, e.failed.id, count(e.failures, "time"), key.verdict)
		out.Evidence = append(out.Evidence, findings.FromMatch(*e.failed.last, findings.Supports, fmt.Sprintf("event %d: Remote Desktop can't %s", e.failed.id, what)))
		if key.fault || key.missing {
			out.Verdict, out.Severity = findings.Confirmed, findings.High
		} else {
			out.Missing = []findings.Missing{rdpKeyListing}
			if key.sound {
				out.Missing = []findings.Missing{rdpFolder}
			}
			out.Rivals = []findings.Rival{{Name: "The folder's permissions, or a disk that is full", Verdict: rivalOpen + "nothing in the bundle shows either; the new key is a new file in the MachineKeys folder."}}
		}
		out.Evidence = append(out.Evidence, key.evidence...)
	case e.schannel != nil && key.fault:
		out.Verdict, out.Severity = findings.Suspected, findings.Medium
		out.Summary = fmt.Sprintf("Schannel could not open the private key of a TLS server's credential (event %d, %s), and %s. Schannel does not say whose key it was.", schannelKeyFailed, e.schannel.span(), key.verdict)
		out.Evidence = append([]findings.Evidence{findings.FromMatch(*e.schannel.last, findings.Supports, "event 36870: the private key of a TLS server's credential can't be opened")}, key.evidence...)
		out.Missing = []findings.Missing{rdpEventsMissing}
		out.Rivals = schannelRivals
	case e.schannel != nil && key.sound:
		return []findings.Finding{{
			Verdict: findings.RuledOut,
			Summary: fmt.Sprintf("Schannel could not open the private key of a TLS server's credential (event %d, %s), but %s, and Remote Desktop itself reports no failure: it is another service's key.", schannelKeyFailed, e.schannel.span(), key.verdict),
			Evidence: []findings.Evidence{
				withRole(key.evidence[0], findings.Contradicts, ""),
				findings.FromMatch(*e.schannel.last, findings.Context, "event 36870 does not say whose key it was"),
			},
		}}, nil
	case e.schannel != nil:
		out.Verdict, out.Severity = findings.Suspected, findings.Low
		out.Summary = fmt.Sprintf("Schannel could not open the private key of a TLS server's credential (event %d, %s); %s. It may as well be another service's key.", schannelKeyFailed, e.schannel.span(), key.verdict)
		out.Evidence = []findings.Evidence{findings.FromMatch(*e.schannel.last, findings.Supports, "event 36870: the private key of a TLS server's credential can't be opened")}
		out.Missing = []findings.Missing{rdpKeyListing}
		out.Rivals = schannelRivals
	case key.fault:
		out.Verdict, out.Severity, out.State = findings.Suspected, findings.Low, findings.Predicted
		out.Summary = upperFirst(key.verdict) + ". No event of the bundle shows a failure, so Remote Desktop may use another certificate, or fail when it next opens the key."
		out.Evidence = key.evidence
		out.Missing = []findings.Missing{rdpEventsMissing}
	default:
		return []findings.Finding{{
			Verdict: findings.RuledOut,
			Summary: "The System log of the bundle holds neither event 1057 or 1058 of Remote Desktop nor event 36870 of Schannel, for the time that it covers.",
			Evidence: []findings.Evidence{
				findings.AbsentLine(e.system.Ref.Artifact, findings.Contradicts, "no event 1057, 1058 or 36870"),
				findings.FromMatch(*e.system, findings.Context, "an event of the System log, in which those events would stand"),
			},
		}}, nil
	}
	return []findings.Finding{out}, nil
}

var schannelRivals = []findings.Rival{{
	Name: "The key of another TLS server: IIS, directory services, SQL Server", Verdict: rivalOpen + "the event does not say whose key it was; netstat and the bindings of each service do.",
}}

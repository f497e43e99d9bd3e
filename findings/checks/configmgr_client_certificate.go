package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/internal/match"
)

const certificateID = "configmgr-client-certificate"

// The client keeps its certificates' private key in the machine key container named SMS, in a file whose name ends in the MachineGuid of
// the machine. Windows looks for the container under the current MachineGuid, so a key that was made under another one is not found.
var configmgrClientCertificate = &findings.Check{
	ID:       certificateID,
	Title:    "The ConfigMgr client gets no certificate, so it is not managed",
	Severity: findings.Critical,
	Product: findings.Product{
		Name: "the ConfigMgr client", Words: []string{"clientidmanagerstartup", "execmgr", "ccmexec", "policyagent", "/ccm/", "locationservices", "ccmsetup"},
	},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return f.Matches(certificateID+"/failed").Any() || certificateLog(f) != nil || len(smsKeys(f)) > 0 || len(keyFolders(f)) > 0
		},
		What:    "ClientIDManagerStartup.log of the client",
		Why:     "it records each attempt of the client to get its certificate",
		Collect: `%windir%\CCM\Logs\ClientIDManagerStartup.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
	}},
	Signals: []match.Signal{
		{Name: certificateID + "/failed", Literals: []string{"Failed to get certificate. Error:"}, Pattern: `(?i)RegTask\W{1,6}Failed to get certificate\. Error: (?P<code>0x[0-9A-Fa-f]{8})`},
		{
			Name:     certificateID + "/registered",
			Literals: []string{"Client is registered", "Client is already registered", "Server assigned ClientID", "Successfully created certificate", "Successfully retrieved certificate"},
			Pattern:  `Client is (?:already )?registered|Server assigned ClientID|Successfully (?:created|retrieved) certificate`,
		},
		{
			Name:     certificateID + "/pki",
			Literals: []string{"PKI cert", "PKI issued cert", "PKI client cert", "found in the 'MY'", "certificate present in the certificate store"},
			Pattern:  `(?i)PKI (?:issued |client )?cert|[1-9]\d* certificate\(s\) found in the 'MY'|only one certificate present`,
		},
		{Name: certificateID + "/disk-full", Literals: []string{"0x80070070"}},
	},
	Doc: findings.Doc{
		Cause: "The private key of the client's certificates lies in the machine key container SMS. If its file is empty or damaged, was made under another MachineGuid (a clone, a restored image), may not be read by SYSTEM, or is gone, the client finds no certificate, can't register and drops out of management.",
		Remedy: []string{
			"Stop the service SMS Agent Host (net stop ccmexec).",
			"In the MachineKeys folder rename the file that begins with 19c5cf9c7b5dc9de3e548adb70398402, and keep it.",
			"Start the service again; the client makes a new key and new certificates.",
		},
		Risk:      "While the service is stopped the machine takes no policy and runs no deployment. With a new key the client registers anew: its old record may stay in the console beside the new one until the site clears it. Another file of MachineKeys renamed by mistake takes away the key of IIS, Remote Desktop or another program, so compare the whole name.",
		Undo:      `Stop the service, delete the file that it has made, rename the old file back and start the service.`,
		Cured:     `ClientIDManagerStartup.log holds "Client is registered" (or "already registered") after the service was started, and no "Failed to get certificate. Error:" behind it; a listing of MachineKeys shows 19c5cf9c7b5dc9de3e548adb70398402_MACHINEGUID with more than 0 bytes and a date since.`,
		Overturns: "A registration in ClientIDManagerStartup.log after the last failure; a MachineGuid in the current SOFTWARE hive in which the name of the key file does end; a listing made with hidden and system files (dir /a) in which the file has its bytes; a log that says that the client uses a certificate of a PKI.",
		Proves: []string{
			"The client fails to get its certificate, and the SMS key file of this machine has no byte.",
			"The failure repeats at least three times within an hour, and the only SMS key files carry another MachineGuid.",
			"The failure repeats, and the key file's permissions lack Full Control for SYSTEM, or deny access to it or to Administrators or Everyone, to which it belongs.",
			"The failure repeats, and the permissions of the MachineKeys folder name neither SYSTEM nor Administrators nor Everyone.",
			"The failure repeats, and a complete listing that shows hidden and system files has no SMS key file, while nothing shows another kind of certificate.",
		},
		Suggests:   []string{"The failure repeats, and the key file has the right name and an ordinary size, or no listing of the folder is in the bundle.", "The failure repeats, and two listings, or two prints of the permissions, contradict each other.", "An empty or foreign key file without the client's log."},
		Exonerates: []string{"The client's log shows no failure, or a later registration.", "No SMS key file and no failure: the client uses another certificate."},
		FalsePositives: "The retry lines also stand in the log of a healthy client's first start; without repetition they say little. " +
			"Administrators have no rights on key files, so \"Access is denied\" in a listing is normal.",
		NotCovered: "Certificates of a PKI, and an expired certificate whose key is in order.",
		References: []findings.Reference{
			{Title: "The naming of key container files", URL: "https://jensign.com/UniqueKeyContainer/index.html"},
			{Title: "KB 278381: default permissions for the MachineKeys folder", URL: "https://learn.microsoft.com/en-us/troubleshoot/windows-server/windows-security/default-permissions-machinekeys-folders"},
			{Title: "About log files in Configuration Manager", URL: "https://learn.microsoft.com/en-us/mem/configmgr/core/plan-design/hierarchy/about-log-files"},
		},
	},
	Run: runClientCertificate,
}

// What to do where the permissions of the key file are at fault: the key itself may be sound, so it stays.
const (
	accessRisk = "Rights that are given too widely let other programs read the private key: give them to SYSTEM alone, and Administrators at most. What took the rights away, often a hardening policy, may do so again."
	accessUndo = `icacls "FOLDER" /restore "%PUBLIC%\machinekey-acl.txt" with the file of the first step.`
)

var accessRemedy = []string{
	`Keep the present permissions: icacls "FILE" /save "%PUBLIC%\machinekey-acl.txt", FILE being the key file that this finding names.`,
	"Give SYSTEM Full Control of the file, and the MachineKeys folder its default permissions.",
	"Restart the service SMS Agent Host.",
}

// What to do where the permissions of the folder are at fault.
const (
	folderRisk = "Everyone needs to add files to this folder and no right to those that are in it: rights that are inherited by the files let other programs read private keys. What took the rights away, often a hardening policy, may do so again."
	folderUndo = `icacls with the folder above it and /restore "%PUBLIC%\machinekey-acl.txt", the file of the first step.`
)

var folderRemedy = []string{
	`Keep the present permissions: icacls "FOLDER" /save "%PUBLIC%\machinekey-acl.txt", FOLDER being the one that this finding names.`,
	"Give the folder its default permissions: Administrators Full Control, Everyone the right to list it and to add files, both for this folder only.",
	"Restart the service SMS Agent Host.",
}

// The things that settle what is only suspected.
var (
	keyListing = findings.Missing{
		What: "a listing of the machine keys", Why: "an empty, foreign or missing key file of the client is seen there",
		Collect: `dir /a /q "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys" > "%PUBLIC%\machinekeys.txt"
icacls "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5cf9c7b5dc9de3e548adb70398402*" > "%PUBLIC%\machinekeys-acl.txt"
(Windows XP and 2003: "%ALLUSERSPROFILE%\Application Data\Microsoft\Crypto\RSA\MachineKeys", and cacls instead of icacls)`,
	}
	machineGUID = findings.Missing{
		What: "the machine's MachineGuid", Why: "it tells whether the key file was made on this machine",
		Collect: `reg query HKLM\SOFTWARE\Microsoft\Cryptography /v MachineGuid /reg:64 > "%PUBLIC%\machineguid.txt"`,
	}
	keyTest = findings.Missing{
		What: "the client's log after a test with a fresh key", Why: "whether a key file of ordinary size is damaged inside is only seen by doing without it",
		Collect: `net stop ccmexec
ren "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys\19c5cf9c7b5dc9de3e548adb70398402_*" *.old
net start ccmexec
then, after ten minutes, send %windir%\CCM\Logs\ClientIDManagerStartup.log`,
	}
	certificateStore = findings.Missing{
		What: "the certificates of the machine", Why: "whether the certificate that the client uses is valid and has its private key is seen there",
		Collect: `(certutil -v -store My & certutil -v -store SMS) > "%PUBLIC%\machine-certificates.txt"`,
	}
	certificateLogNeed = findings.Missing{
		What: "ClientIDManagerStartup.log of the client", Why: "it shows whether the client fails to get its certificate",
		Collect: `%windir%\CCM\Logs\ClientIDManagerStartup.log (ConfigMgr 2007: %windir%\System32\CCM\Logs or %windir%\SysWOW64\CCM\Logs)`,
	}
)

// smsKey is a key file of the container SMS with the artifact that lists it. Line is 0 where the artifact is a copy of the file itself.
type smsKey struct {
	extract.KeyFile
	artifact string
}

// evidence is the line that lists the key file, or the copy of it.
func (k smsKey) evidence(f *facts.Facts, role findings.Role, note string) findings.Evidence {
	if k.Line == 0 {
		return findings.Evidence{Artifact: k.artifact, Role: role, Note: note + "; the bundle holds a copy of the file, of " + count(int(k.Size), "byte")}
	}
	return findings.FromLine(f, k.artifact, k.Line, role, note)
}

var smsKeyHash = extract.KeyFileName("SMS")

func smsKeys(f *facts.Facts) []smsKey {
	var out []smsKey
	for _, v := range facts.Values[*extract.MachineKeys](f) {
		for _, folder := range v.Value.Folders {
			for _, k := range folder.Files {
				if k.Hash == smsKeyHash {
					out = append(out, smsKey{k, v.Artifact.Path})
				}
			}
		}
	}
	for _, a := range f.Artifacts {
		if k, ok := extract.KeyFileOf(path.Base(a.Path)); ok && k.Hash == smsKeyHash {
			k.Size, k.HasSize = a.Bytes, !a.Truncated
			out = append(out, smsKey{k, a.Path})
		}
	}
	return out
}

type keyFolder struct {
	extract.KeyFolder
	artifact string
}

func keyFolders(f *facts.Facts) []keyFolder {
	var out []keyFolder
	for _, v := range facts.Values[*extract.MachineKeys](f) {
		for _, folder := range v.Value.Folders {
			out = append(out, keyFolder{folder, v.Artifact.Path})
		}
	}
	return out
}

// certificateLog is the client's log of its registration, by the name that the client gives it; nil if the system has none.
func certificateLog(f *facts.Facts) *ingest.Artifact {
	for _, a := range f.Artifacts {
		if strings.HasPrefix(strings.ToLower(path.Base(a.Path)), "clientidmanagerstartup") && a.Records > 0 {
			return a
		}
	}
	return nil
}

// certificateLoop is what the client's log says of its attempts.
type certificateLoop struct {
	failures int // since the last registration, if one stands before them
	first    facts.Match
	last     facts.Match
	loop     bool         // three failures within an hour
	cured    *facts.Match // a registration after the last failure
}

func readLoop(f *facts.Facts) certificateLoop {
	failed := f.Matches(certificateID + "/failed")
	if !failed.Any() {
		return certificateLoop{}
	}
	l := certificateLoop{failures: failed.Count}
	kept := slices.Clone(failed.Kept)
	slices.SortStableFunc(kept, func(a, b facts.Match) int {
		x, _ := a.Time.Local()
		y, _ := b.Time.Local()
		return x.Compare(y)
	})
	l.last = kept[len(kept)-1]
	registered := f.Matches(certificateID + "/registered").Kept
	for _, m := range registered {
		if f.Later(m, l.last) {
			l.cured = &m
		}
		// What failed before a registration was over with it.
		if open := slices.DeleteFunc(slices.Clone(kept), func(k facts.Match) bool { return f.Later(m, k) }); len(open) > 0 && len(open) < len(kept) {
			kept, l.failures = open, len(open)
		}
	}
	l.first = kept[0]
	for i := 0; i+2 < len(kept); i++ {
		x, okx := kept[i].Time.Local()
		y, oky := kept[i+2].Time.Local()
		// A log without times has only its order.
		if okx && oky && y.Sub(x) <= time.Hour || !okx && !oky {
			l.loop = true
		}
	}
	return l
}

// keyState is what the bundle shows of the SMS key file.
type keyState struct {
	evidence []findings.Evidence
	title    string // what is wrong with the file, behind the check's title; "" if nothing is shown to be
	verdict  string // one clause for the summary
	proof    bool   // it explains the failure by itself
	needLoop bool   // only together with a repeated failure
	missing  []findings.Missing
	fault    bool // the file is at fault even without a failure
	denied   bool // the permissions are at fault and not what is in the file
	folder   bool // those of the folder
}

func runClientCertificate(f *facts.Facts) ([]findings.Finding, error) {
	loop := readLoop(f)
	key := readKey(f)
	out := findings.Finding{Subject: f.ID, State: findings.Active}
	switch {
	case loop.failures == 0 || loop.cured != nil:
		return []findings.Finding{certificateWell(f, loop, key)}, nil
	case key.proof && (loop.loop || !key.needLoop):
		out.Verdict = findings.Confirmed
	case loop.loop:
		out.Verdict, out.Severity = findings.Suspected, findings.High
	default:
		out.Verdict, out.Severity = findings.Suspected, findings.Medium
	}
	if key.denied {
		out.Remedy, out.Risk, out.Undo = accessRemedy, accessRisk, accessUndo
		if key.folder {
			out.Remedy, out.Risk, out.Undo = folderRemedy, folderRisk, folderUndo
		}
	}
	if key.title != "" {
		out.Title = "The ConfigMgr client gets no certificate and is not managed: " + key.title
	}
	n := loop.failures
	note := fmt.Sprintf("the first of %d failures", n)
	if n == 1 {
		note = "the only failure"
	}
	out.Evidence = append(out.Evidence, findings.FromMatch(loop.first, findings.Supports, note))
	if n > 1 {
		out.Evidence = append(out.Evidence, findings.FromMatch(loop.last, findings.Supports, "the last failure; no registration follows"))
	}
	out.Evidence = append(out.Evidence, key.evidence...)
	how := "and does not get it later in the log"
	if loop.loop {
		how = "again and again"
	}
	out.Summary = fmt.Sprintf("The client fails to get its certificate %s (%d %s, code %s), and %s.", how, n, plural(n, "time", "times"), loop.first.Capture("code"), key.verdict)
	if out.Verdict == findings.Suspected {
		out.Missing = key.missing
		if !loop.loop {
			out.Summary += " Fewer than three failures within an hour also stand in the log of a healthy client's first start."
			out.Missing = append(out.Missing, findings.Missing{
				What: "a newer ClientIDManagerStartup.log", Why: "it shows whether the failure repeats or the client has registered since",
				Collect: certificateLogNeed.Collect,
			})
		}
	}
	out.Rivals = certificateRivals(f)
	return []findings.Finding{out}, nil
}

// certificateWell is the verdict where the log shows no lasting failure.
func certificateWell(f *facts.Facts, loop certificateLoop, key keyState) findings.Finding {
	out := findings.Finding{Subject: f.ID}
	log := certificateLog(f)
	switch {
	case loop.cured != nil:
		out.Verdict = findings.RuledOut
		out.Summary = "The client failed to get its certificate for a time and is registered later in the log."
		out.Evidence = []findings.Evidence{
			findings.FromMatch(*loop.cured, findings.Contradicts, "the client is registered after its last failure"),
			findings.FromMatch(loop.last, findings.Context, "its last failure"),
		}
		out.Unmet = fmt.Sprintf("The failures did not last: the client is registered after the last of them (%s).", out.Evidence[0].Place())
	case key.fault:
		out.Verdict, out.Severity, out.State = findings.Suspected, findings.Medium, findings.Predicted
		out.Title = "The ConfigMgr client may get no certificate at its next start: " + key.title
		out.Summary = "The bundle shows no failure of the client to get its certificate, but " + key.verdict + ", so that it may fail when the agent next starts."
		out.Evidence = key.evidence
		if log == nil {
			out.Missing = []findings.Missing{certificateLogNeed}
		} else {
			out.Evidence = append(out.Evidence, findings.AbsentLine(log.Path, findings.Contradicts, "no failure to get the certificate"))
			out.Missing = []findings.Missing{keyTest}
		}
	case log != nil:
		out.Verdict = findings.RuledOut
		out.Summary = "ClientIDManagerStartup.log holds no failure to get the certificate."
		out.Evidence = []findings.Evidence{findings.AbsentLine(log.Path, findings.Contradicts, "no line \"Failed to get certificate\" among its "+strconv.Itoa(log.Records)+" records")}
		out.Unmet = fmt.Sprintf("None of the %s says \"Failed to get certificate\" (%s).", count(log.Records, "record"), log.Path)
	default:
		out.Verdict, out.Reason = findings.NotEvaluated, findings.DataMissing
		out.Summary = "The bundle lists the machine keys but lacks the client's log, so that it does not show whether the client fails."
		out.Missing = []findings.Missing{certificateLogNeed}
		out.Unmet = "The bundle lacks ClientIDManagerStartup.log of the client, which alone shows whether the client fails; a listing of the machine keys is there."
	}
	return out
}

// wholeGUID is a MachineGuid that is not cut off.
var wholeGUID = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// readKey judges what the listings show of the SMS key file.
func readKey(f *facts.Facts) keyState {
	guid, at, err := f.Registry.MachineGUID()
	guid = strings.ToLower(strings.Trim(guid, "{} "))
	known := err == nil && wholeGUID.MatchString(guid)
	keys := smsKeys(f)
	if len(keys) == 0 {
		return noKey(f)
	}
	own := keys
	if known {
		own = slices.DeleteFunc(slices.Clone(keys), func(k smsKey) bool { return k.GUID != guid })
	}
	if len(own) == 0 {
		s := keyState{proof: true, needLoop: true, fault: true, title: "its key file was made under another MachineGuid"}
		s.verdict = fmt.Sprintf("the only SMS key file carries the GUID %s, while this machine's MachineGuid is %s", keys[0].GUID, guid)
		for _, k := range keys[:min(3, len(keys))] {
			s.evidence = append(s.evidence, k.evidence(f, findings.Supports, "the SMS key was made under another MachineGuid: a clone, a restored image, or a reinstalled system"))
		}
		s.evidence = append(s.evidence, findings.FromValue(at, findings.Supports, "the MachineGuid under which Windows looks for keys"))
		return s
	}
	if i := slices.IndexFunc(own, func(k smsKey) bool { return k.HasSize && k.Size == 0 }); i >= 0 && (known || len(own) == 1) {
		s := keyState{proof: true, fault: true, title: "its key file is empty", verdict: "the SMS key file has no byte"}
		s.evidence = append(s.evidence, own[i].evidence(f, findings.Supports, "an empty key file: damaged, by a full disk or another program"))
		if j := slices.IndexFunc(own, func(k smsKey) bool { return k.HasSize && k.Size > 0 && k.GUID == own[i].GUID }); j >= 0 {
			// Which of the two is the later one can't be told: the order of a date's parts is the locale's.
			s.proof, s.fault, s.title, s.missing = false, false, "", []findings.Missing{keyListing, keyTest}
			s.verdict = fmt.Sprintf("%s shows the SMS key file without a byte while %s shows it with %s, so that what it is like now is not shown", own[i].artifact, own[j].artifact, count(int(own[j].Size), "byte"))
			s.evidence = append(s.evidence, own[j].evidence(f, findings.Contradicts, "here the key file has its bytes"))
		}
		if known {
			s.evidence = append(s.evidence, findings.FromValue(at, findings.Context, "the file carries this machine's MachineGuid"))
		}
		return s
	}
	if s, ok := unreadableKey(f, own); ok {
		return s
	}
	s := keyState{verdict: "the SMS key file has this machine's name and an ordinary size, so whether it is damaged inside is not shown", missing: []findings.Missing{keyTest}}
	k := own[0] // the permissions of a file name it without a size
	if i := slices.IndexFunc(own, func(k smsKey) bool { return k.HasSize }); i >= 0 {
		k = own[i]
	}
	switch {
	case !known:
		s.verdict = "whether the SMS key file belongs to this machine is not shown, because its MachineGuid is not in the bundle"
		s.missing = []findings.Missing{machineGUID, keyTest}
	case !k.HasSize:
		s.verdict = "the SMS key file is there, but its size is not shown"
		s.missing = []findings.Missing{keyListing, keyTest}
	}
	s.evidence = append(s.evidence, k.evidence(f, findings.Context, "the SMS key file"))
	if !known {
		if other, artifact, ok := otherKey(f, keys); ok {
			s.verdict += ", while other machine keys carry " + other.GUID + " and none of the SMS keys does"
			s.evidence = append(s.evidence, findings.FromLine(f, artifact, other.Line, findings.Supports, "a key of another container with another GUID: perhaps the machine's present one"))
		}
	}
	return s
}

// otherKey is a key file of another container whose GUID none of the SMS keys carries.
func otherKey(f *facts.Facts, sms []smsKey) (key extract.KeyFile, artifact string, ok bool) {
	for _, folder := range keyFolders(f) {
		for _, k := range folder.Files {
			if !slices.ContainsFunc(sms, func(o smsKey) bool { return o.GUID == k.GUID }) {
				return k, folder.artifact, true
			}
		}
	}
	return extract.KeyFile{}, "", false
}

// negated are words that turn a line about a certificate into its lack. Of a "potential" one every client of ConfigMgr 2012 and later speaks when it starts.
var negated = regexp.MustCompile(`(?i)\b(?:no|not|none|without|failed|unable|cannot|missing|potential)\b`)

// pkiCertificate is a line that speaks of another certificate than those that the client makes itself.
func pkiCertificate(f *facts.Facts) (facts.Match, bool) {
	for _, m := range f.Matches(certificateID + "/pki").Kept {
		if !negated.MatchString(m.Quote) {
			return m, true
		}
	}
	return facts.Match{}, false
}

// noKey judges listings without an SMS key file, or the lack of listings.
func noKey(f *facts.Facts) keyState {
	if s, ok := unreadableFolder(f); ok {
		return s
	}
	for _, folder := range keyFolders(f) {
		// Key files are hidden and system files: a listing that shows any of them shows all.
		if folder.Complete && (folder.ShowsHidden || len(folder.Files) > 0) {
			s := keyState{
				proof: true, needLoop: true, title: "its key file is missing",
				verdict:  "a complete listing of the machine keys has no SMS key file",
				evidence: []findings.Evidence{findings.AbsentLine(folder.artifact, findings.Supports, "no file begins with "+smsKeyHash+", the name of the container SMS")},
			}
			if m, ok := pkiCertificate(f); ok {
				s.proof, s.title, s.missing = false, "", []findings.Missing{certificateStore, keyTest}
				s.verdict += ", which is normal for a client with a certificate of a PKI, and the log speaks of one"
				s.evidence[0].Role = findings.Context
				s.evidence = append(s.evidence, findings.FromMatch(m, findings.Context, "the client may use this certificate and need no SMS key"))
			}
			return s
		}
	}
	s := keyState{verdict: "the bundle holds no listing of the machine keys", missing: []findings.Missing{keyListing}}
	if len(keyFolders(f)) > 0 {
		s.verdict = "no listing shows all of the machine keys, hidden files and whole names included, so that whether the SMS key is there is not shown"
	}
	if g, _, err := f.Registry.MachineGUID(); err != nil || !wholeGUID.MatchString(strings.ToLower(strings.Trim(g, "{} "))) {
		s.missing = append(s.missing, machineGUID)
	}
	return s
}

// systemAccess is what the permissions of a file leave to the account SYSTEM. It is a member of Administrators and of Everyone, so it has the
// rights of these too, and what they are denied.
type systemAccess struct {
	allowed extract.Access
	denied  *extract.ACE // an entry that denies it reading; nil if none does
	own     bool         // an entry of SYSTEM itself grants Full Control
	sure    bool         // every entry could be read, and none is of a group to which SYSTEM may belong
}

func accessOfSystem(entries []extract.ACE) systemAccess {
	a := systemAccess{sure: true}
	for i, e := range entries {
		a.sure = a.sure && !e.Guessed
		if e.InheritOnly || e.Label {
			continue
		}
		switch p := extract.PrincipalOf(e.Account); {
		case p == extract.PrincipalOther && extract.IsBuiltin(e.Account) && !e.Deny:
			a.sure = false
		case p == extract.PrincipalOther, p == extract.PrincipalNetworkService:
		case e.Deny && e.Access&extract.AccessRead != 0, slices.Contains(e.Rights, "N"): // the tools print N for an entry that denies all
			a.denied = &entries[i]
		case e.Deny:
		default:
			a.own = a.own || p == extract.PrincipalSystem && e.Access&extract.AccessFull == extract.AccessFull
			a.allowed |= e.Access
		}
	}
	return a
}

// unreadableKey judges the permissions of the key files: SYSTEM, as which the client runs, must be able to read its own. Permissions of another
// time in which it may are told beside it, and then neither proves anything.
func unreadableKey(f *facts.Facts, own []smsKey) (keyState, bool) {
	var bad *keyState
	var well *findings.Evidence
	for _, v := range facts.Values[*extract.ACL](f) {
		for _, o := range v.Value.Objects {
			name := strings.ToLower(path.Base(strings.ReplaceAll(o.Path, `\`, "/")))
			if !slices.ContainsFunc(own, func(k smsKey) bool { return strings.HasPrefix(name, k.Hash+"_"+k.GUID) }) || len(o.Entries) == 0 {
				continue
			}
			s := keyState{proof: true, needLoop: true, fault: true, denied: true}
			at, note := o.Line, "SYSTEM, as which the client runs, may not read it"
			switch a := accessOfSystem(o.Entries); {
			case a.denied != nil:
				s.title, s.verdict = "SYSTEM is denied access to its key file", "the permissions of the SMS key file deny access to "+a.denied.Account
				at, note = a.denied.Line, "SYSTEM, as which the client runs, is denied"
			case a.sure && a.allowed&extract.AccessRead == 0:
				s.title, s.verdict = "SYSTEM can't read its key file", "the permissions of the SMS key file give SYSTEM, and the groups that it belongs to, no right to read it"
			case !a.own && a.sure:
				note = "SYSTEM has no entry of its own with Full Control, only what its groups have"
				if a.allowed&extract.AccessFull != extract.AccessFull {
					note = "SYSTEM may read the file and has no Full Control of it"
				}
				s.title, s.verdict = "SYSTEM has no Full Control of its key file", "the permissions of the SMS key file are not as Windows sets them on every machine key: "+note
			case a.own && well == nil:
				e := findings.FromLine(f, v.Artifact.Path, o.Line, findings.Contradicts, "here SYSTEM has Full Control of the key file")
				well = &e
				continue
			default:
				continue
			}
			if bad == nil {
				s.evidence = []findings.Evidence{findings.FromLine(f, v.Artifact.Path, at, findings.Supports, note)}
				bad = &s
			}
		}
	}
	switch {
	case bad == nil:
		return unreadableFolder(f)
	case well != nil:
		bad.proof, bad.fault, bad.denied, bad.title, bad.missing = false, false, false, "", []findings.Missing{keyListing, keyTest}
		bad.verdict += fmt.Sprintf(", while %s shows them in order, so that what they are now is not shown", well.Artifact)
		bad.evidence = append(bad.evidence, *well)
	}
	return *bad, true
}

// unreadableFolder judges the permissions of the folder of the machine keys, in which the client makes its key: by default Everyone may add files
// to it and Administrators have Full Control.
func unreadableFolder(f *facts.Facts) (keyState, bool) {
	for _, v := range facts.Values[*extract.ACL](f) {
		for _, o := range v.Value.Objects {
			if !strings.EqualFold(path.Base(strings.ReplaceAll(o.Path, `\`, "/")), "MachineKeys") || len(o.Entries) == 0 {
				continue
			}
			if a := accessOfSystem(o.Entries); a.sure && a.denied == nil && a.allowed == 0 {
				return keyState{
					proof: true, needLoop: true, fault: true, denied: true, folder: true, title: "SYSTEM has no access to the folder of the machine keys",
					verdict:  "the permissions of the folder of the machine keys give SYSTEM, and the groups that it belongs to, no right at all",
					evidence: []findings.Evidence{findings.FromLine(f, v.Artifact.Path, o.Line, findings.Supports, "SYSTEM, as which the client runs, is in none of the folder's entries, nor are Administrators and Everyone")},
				}, true
			}
		}
	}
	return keyState{}, false
}

// certificateRivals names the other explanations and what the bundle says of them.
func certificateRivals(f *facts.Facts) []findings.Rival {
	var out []findings.Rival
	full := silentIn(f, "The disk was full when the key was written", "code 0x80070070", "a log of the client", ofKind(ingest.KindLogCCM, ingest.KindLogSMS))
	if m, ok := f.Matches(certificateID + "/disk-full").First(); ok {
		full.Verdict = rivalSupported + fmt.Sprintf("the code 0x80070070 (disk full) stands in %s, line %d.", m.Ref.Artifact, m.Ref.Line)
	}
	out = append(out, full)
	pki := silentIn(f, "The client uses a certificate of a PKI that it does not find", "line about a PKI certificate", "a log of the client", ofKind(ingest.KindLogCCM, ingest.KindLogSMS))
	if m, ok := pkiCertificate(f); ok {
		pki.Verdict = rivalSupported + fmt.Sprintf("the log speaks of a PKI certificate in %s, line %d.", m.Ref.Artifact, m.Ref.Line)
	}
	out = append(out, pki)
	if f.Mentions("malwarebytes", "mbam") {
		out = append(out, findings.Rival{Name: "A security program damaged the key file", Verdict: rivalOpen + "files of Malwarebytes are in the upload, and what it did to the key file stands in none of them that could be read."})
	}
	return out
}

package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest/extract"
)

const keysLeakID = "windows-machine-keys-leak"

// A healthy machine has some tens of machine keys, a busy web server some hundreds. From fifty thousand on, makers of software document slow logons
// and failing certificates; a tenth of that is no ordinary number either, and grows.
const (
	manyKeys    = 50_000
	growingKeys = 5_000
)

var windowsMachineKeysLeak = &findings.Check{
	ID:       keysLeakID,
	Title:    "The MachineKeys folder fills up with key files, which slows encryption and fills the disk",
	Severity: findings.High,
	Product:  findings.Product{Name: "a listing of the machine keys", Words: []string{"machinekeys"}, Seen: func(f *facts.Facts) bool { return len(keyFolders(f)) > 0 }},
	Needs: []findings.Need{{
		Met: func(f *facts.Facts) bool {
			return slices.ContainsFunc(keyFolders(f), func(k keyFolder) bool { return len(k.Files) > 0 || k.Complete && k.ShowsHidden })
		},
		What: keyListing.What, Why: "the number of key files, their dates and their owners are seen there; without /a the folder looks empty", Collect: keyListing.Collect,
	}},
	Doc: findings.Doc{
		Cause: "A program makes a new key container with each call and never deletes it. Each is a file in one folder that Windows opens and lists when it makes or looks for a key: cryptography, logons over TLS and registrations become slow, and the volume of the system fills.",
		Remedy: []string{
			"Find the writer first: the owner (dir /q) and the times of the newest files, and a trace of who creates files there (Process Monitor, or auditing of the folder). Stop or update it; files that are deleted before that come back.",
			"Never delete by number or age alone. Keep every file that a certificate uses: certutil -v -store My (and the other stores of the machine) prints each one's \"Unique container name\", which is the file's name. Keep the well-known containers: SMS, TSSecKeySet1, iisConfigurationKey, iisWasKey, NetFrameworkConfigurationKey, WMSvc, and the other names of IIS.",
			"Take a backup of the folder with its permissions (as SYSTEM; administrators may not read the files), then move the orphaned files of the found writer, in portions, to another folder, and watch the machine for some days before they are deleted.",
		},
		Risk:      "A deleted key can't be made again: the certificate that it belongs to is useless, and what was encrypted to it is lost. The keys of IIS protect its configuration and the passwords of application pools.",
		Undo:      "Put the files back into the folder with their permissions; their names must stay as they were.",
		Cured:     "A listing in the next upload shows fewer files, and none newer than the day on which the writer was stopped.",
		Overturns: "The server is known to hold that many certificates, such as an issuer of certificates or a gateway with one for each client.",
		Proves:    []string{"A listing shows more than 50,000 key files in one folder."},
		Suggests:  []string{"A listing shows more than 5,000: no ordinary machine has so many."},
		Exonerates: []string{
			"A complete listing that shows hidden and system files has fewer than 5,000.",
		},
		FalsePositives: "A server that really holds a certificate for each of thousands of clients.",
		NotCovered:     "Which program writes the files: no listing tells that. Keys of users, and keys in the stores of other providers.",
		References: []findings.Reference{
			{Title: "KB 278381: default permissions for the MachineKeys folder", URL: "https://learn.microsoft.com/en-us/troubleshoot/windows-server/windows-security/default-permissions-machinekeys-folders"},
			{Title: "The naming of key container files", URL: "https://jensign.com/UniqueKeyContainer/index.html"},
		},
	},
	Run: runKeysLeak,
}

func runKeysLeak(f *facts.Facts) ([]findings.Finding, error) {
	folders := keyFolders(f)
	folder := slices.MaxFunc(folders, func(a, b keyFolder) int { return cmp.Compare(len(a.Files), len(b.Files)) })
	n := len(folder.Files)
	where := cmp.Or(folder.Path, "the folder of machine keys")
	if n < growingKeys {
		i := slices.IndexFunc(folders, func(k keyFolder) bool { return k.Complete && (k.ShowsHidden || len(k.Files) > 0) })
		if i < 0 {
			return []findings.Finding{{
				Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.Low,
				Summary:  fmt.Sprintf("The bundle names %s of %s, but no listing shows all of the folder.", count(n, "key file"), where),
				Evidence: []findings.Evidence{findings.FromLine(f, folder.artifact, folder.Files[0].Line, findings.Context, "a key file")},
				Missing:  []findings.Missing{{What: keyListing.What, Why: "only a complete listing shows how many key files there are", Collect: keyListing.Collect}},
			}}, nil
		}
		folder = folders[i]
		n = len(folder.Files)
		return []findings.Finding{{
			Verdict: findings.RuledOut,
			Summary: fmt.Sprintf("A complete listing of %s shows %s, an ordinary number.", cmp.Or(folder.Path, where), count(n, "key file")),
			Evidence: []findings.Evidence{findings.FromLine(f, folder.artifact, folder.Line, findings.Contradicts,
				fmt.Sprintf("the listing holds %s; fewer than %s are ordinary", count(n, "key file"), thousands(growingKeys)))},
		}}, nil
	}
	out := findings.Finding{Subject: where, Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active}
	p := profile(folder)
	out.Title = fmt.Sprintf("%s holds %s key files, which slow encryption and fill the disk", upperFirst(where), thousands(n))
	out.Summary = fmt.Sprintf("The listing shows %s key files in %s where an ordinary machine has some tens. %s", thousands(n), where, p.text)
	out.Evidence = append(out.Evidence,
		findings.FromLine(f, folder.artifact, folder.Files[0].Line, findings.Supports, fmt.Sprintf("the first of %s key files", thousands(n))),
		findings.FromLine(f, folder.artifact, folder.Files[n-1].Line, findings.Supports, "the last of them"))
	for _, k := range p.known {
		out.Evidence = append(out.Evidence, findings.FromLine(f, folder.artifact, k.Line, findings.Context, "container "+extract.Container(k.Hash)+": never delete it"))
	}
	if guid := machineGUIDOf(f); guid != "" {
		foreign := 0
		for _, k := range folder.Files {
			if k.GUID != guid {
				foreign++
			}
		}
		_, at, _ := f.Registry.MachineGUID() // it was read before
		out.Evidence = append(out.Evidence, findings.FromValue(at, findings.Context, "Windows looks for keys under this GUID"))
		rival := findings.Rival{Name: "Keys that an image or a restored system has left", Verdict: rivalExcluded + "all files carry the machine's own MachineGuid, so they were made on this installation."}
		if foreign > 0 {
			rival.Verdict = rivalSupported + fmt.Sprintf("%s of the %s files carry another GUID than the machine's %s and can't be opened by container name under the present one.", thousands(foreign), thousands(n), guid)
		}
		out.Rivals = append(out.Rivals, rival)
	}
	if n > manyKeys {
		out.Verdict, out.Severity = findings.Confirmed, findings.High
		out.Summary += " At this number cryptography on the machine becomes slow, and registrations and logons over TLS fail."
		return []findings.Finding{out}, nil
	}
	out.Summary += " That is fewer than the 50,000 from which failures are documented; whether the number grows is not shown."
	out.Missing = []findings.Missing{{
		What: "a second listing of the machine keys, a day later", Why: "it shows whether the files become more, and when the newest were written",
		Collect: `dir /a /q /o-d "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys" > "%PUBLIC%\machinekeys-later.txt"`,
	}}
	return []findings.Finding{out}, nil
}

// keyProfile is what most of a folder's files have in common.
type keyProfile struct {
	text  string
	known []extract.KeyFile // one of each well-known container
}

func profile(folder keyFolder) keyProfile {
	containers, owners, guids := map[string]int{}, map[string]int{}, map[string]int{}
	known := map[string]bool{}
	for _, name := range extract.WellKnownContainers {
		known[extract.KeyFileName(name)] = true
	}
	var p keyProfile
	sized, small, largest := 0, int64(0), int64(0)
	for _, k := range folder.Files {
		if containers[k.Hash]++; containers[k.Hash] == 1 && known[k.Hash] {
			p.known = append(p.known, k)
		}
		guids[k.GUID]++
		if k.Owner != "" {
			owners[k.Owner]++
		}
		if k.HasSize {
			if sized++; sized == 1 || k.Size < small {
				small = k.Size
			}
			largest = max(largest, k.Size)
		}
	}
	n := len(folder.Files)
	var says []string
	switch hash, of := most(containers); {
	case of*2 > n:
		name := extract.Container(hash)
		says = append(says, fmt.Sprintf("%s of them are of one container, %s, under different GUIDs", thousands(of), cmp.Or(name, hash)))
	default:
		says = append(says, fmt.Sprintf("they are of %s different containers, as a program leaves them that invents a name for each", thousands(len(containers))))
	}
	if owner, of := most(owners); of == n {
		says = append(says, "all belong to "+owner)
	} else if of*2 > n {
		says = append(says, fmt.Sprintf("%s belong to %s", thousands(of), owner))
	}
	if guid, of := most(guids); of > 0 && of < n {
		says = append(says, fmt.Sprintf("%s carry the GUID %s", thousands(of), guid))
	}
	switch {
	case sized < n:
	case small == largest:
		says = append(says, fmt.Sprintf("each has %d bytes", small))
	default:
		says = append(says, fmt.Sprintf("their sizes are from %d to %d bytes", small, largest))
	}
	if len(p.known) > 0 {
		var names []string
		for _, k := range p.known {
			names = append(names, extract.Container(k.Hash))
		}
		says = append(says, "among them are keys that must stay ("+strings.Join(names, ", ")+")")
	}
	p.text = upperFirst(strings.Join(says, "; ")) + "."
	return p
}

// most returns the key with the highest count, the first of several in order.
func most(counts map[string]int) (string, int) {
	best, n := "", 0
	for k, c := range counts {
		if c > n || c == n && k < best {
			best, n = k, c
		}
	}
	return best, n
}

// thousands is a number with its digits in groups.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

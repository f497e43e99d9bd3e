package extract

// Machine key files: %ProgramData%\Microsoft\Crypto\RSA\MachineKeys (Application Data of All Users before Windows Vista). A key container's
// file is called
//
//	<32 hex digits>_<MachineGuid>
//
// The digits are the MD5 of the container's name in lower case with one NUL behind it, printed as four little-endian 32-bit numbers
// (jensign.com, "Unique Key Container Names"); the GUID is the machine's at the time the container was made. The files have the system
// attribute, so that a plain dir shows an empty folder. Names are found in listings, in permissions and in bare lists.

import (
	"crypto/md5" //nolint:gosec // the naming rule of Windows, not a protection
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"casebook/ingest"
)

// MachineKeys are the key files of one folder that a text shows.
type MachineKeys struct {
	Folders []KeyFolder
}

// KeyFolder is a folder of key files as one part of a text shows it.
type KeyFolder struct {
	Path         string // "" if the text does not show it
	Line         int
	Files        []KeyFile
	EmptyListing bool   // a listing of the folder that shows no key file at all
	Switches     string // of the listing's command
	ShowsHidden  bool   // the listing is known to show hidden and system files; without that EmptyListing proves nothing
	Complete     bool   // all of the folder is listed, and no name is cut off; false for names that come from permissions or a bare list
}

// KeyFile is a key file's name with what the text says of it.
type KeyFile struct {
	Hash         string // 32 hex digits in lower case, names the container
	GUID         string // in lower case, without braces
	Ext          string // what follows the GUID, with its dot; normally ""
	Size         int64  // bytes, if HasSize
	HasSize      bool
	ModifiedText string // as printed
	Owner        string
	Line         int
}

var keyName = regexp.MustCompile(`(?i)(?:^|[^0-9a-z_])([0-9a-f]{32})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.[a-z0-9]{1,4})?(?:[^0-9a-z_-]|$)`)

// bareKey is a line that holds a key file's name alone, with or without its folder.
var bareKey = regexp.MustCompile(`(?i)^["' \t]*(?:[a-z]:\\[^"<>|?*:]*\\|\\\\[^"<>|?*:]*\\|\.\\)?[0-9a-f]{32}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.[a-z0-9]{1,4})?["' \t]*$`)

// KeyFileName returns the 32 digits that the key file of a container's name begins with. Names outside ASCII are hashed as UTF-8, which
// Windows may do otherwise.
func KeyFileName(container string) string {
	sum := md5.Sum([]byte(strings.ToLower(container) + "\x00")) //nolint:gosec // see the import
	var out [16]byte
	for i := 0; i < len(sum); i += 4 {
		binary.BigEndian.PutUint32(out[i:], binary.LittleEndian.Uint32(sum[i:]))
	}
	return hex.EncodeToString(out[:])
}

// WellKnownContainers are the names of machine key containers that Windows and its management agents make.
var WellKnownContainers = []string{
	"SMS", // certificates of the SMS and ConfigMgr client
	"TSSecKeySet1",
	"NetFrameworkConfigurationKey",
	"iisConfigurationKey",
	"iisWasKey",
	"Microsoft Internet Information Server",
	"MS IIS DCOM Server",
	"MS IIS DCOM ConfigServer",
	"MS IIS DCOM Client",
	"WMSvc Certificate Key Container",
}

// Container returns the well-known container that a key file's 32 digits stand for, "" if it is none.
func Container(hash string) string {
	for _, name := range WellKnownContainers {
		if strings.EqualFold(KeyFileName(name), hash) {
			return name
		}
	}
	return ""
}

func machineKeys() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindListing, Sniff: sniffMachineKeys, Extract: extractMachineKeys}
}

// sniffMachineKeys is barely sure of any listing or permissions, because the folder may come far behind the head.
func sniffMachineKeys(name string, head []byte) int {
	lines := headLines(head)
	if isLog(lines) { // or a table with a column of times that have seconds
		return min(1, sniffListing(name, head))
	}
	bare, all := 0, 0
	for _, l := range lines {
		if trim(l) == "" {
			continue
		}
		all++
		if bareKey.MatchString(l) {
			bare++
		}
	}
	if bare > 0 && bare*2 > all {
		return 85
	}
	if sniffListing(name, head) > 0 || sniffACL(name, head) > 0 {
		return 1
	}
	return 0
}

// KeyFileOf reads the name of a file, without its folder, as that of a key file; false if it is none. Only what the name says is filled in.
func KeyFileOf(name string) (KeyFile, bool) {
	if !bareKey.MatchString(name) {
		return KeyFile{}, false
	}
	return parseKeyFile(name)
}

// parseKeyFile reads a key file's name out of s.
func parseKeyFile(s string) (KeyFile, bool) {
	if len(s) < 69 { // 32 digits, _ and a GUID
		return KeyFile{}, false
	}
	m := keyName.FindStringSubmatch(s)
	if m == nil {
		return KeyFile{}, false
	}
	return KeyFile{Hash: strings.ToLower(m[1]), GUID: strings.ToLower(m[2]), Ext: m[3]}, true
}

// cutOff reports whether a table was too narrow for an entry's name, as PowerShell's is for the names of keys.
func cutOff(e Entry) bool {
	return strings.HasSuffix(e.Name, "...") || strings.HasSuffix(e.Name, "…")
}

// isKeyFolder reports whether a path is that of machine keys.
func isKeyFolder(path string) bool {
	return strings.EqualFold(path[strings.LastIndexByte(path, '\\')+1:], "MachineKeys")
}

// mentionsKeys reports whether any line holds a key file's name or its beginning, or the folder's name. Most listings hold neither.
func mentionsKeys(lines []string) bool {
	const folder = "MachineKeys"
	for _, l := range lines {
		for at := 0; ; at++ {
			i := strings.IndexAny(l[at:], "_mM")
			if i < 0 {
				break
			}
			at += i
			if l[at] == '_' && at >= 32 && hexDigits(l[at-32:at]) || l[at] != '_' && at+len(folder) <= len(l) && strings.EqualFold(l[at:at+len(folder)], folder) {
				return true
			}
		}
	}
	return false
}

// hexDigits reports whether s consists of hexadecimal digits.
func hexDigits(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

func extractMachineKeys(in ingest.Input) (any, []ingest.Problem) {
	if !mentionsKeys(in.Lines) {
		return nil, nil
	}
	seen := map[int]bool{} // lines whose name a listing or permissions have given
	var keys MachineKeys
	files := 0
	add := func(f *KeyFolder, k KeyFile) {
		if files++; files <= maxEntries {
			f.Files = append(f.Files, k)
		}
	}
	listed, _ := parseListing(in) // its problems are the listing extractor's to tell
	if listed != nil {
		for i := range listed.Folders {
			f := &listed.Folders[i]
			k := KeyFolder{Path: f.Path, Line: f.Line, Switches: f.Switches, Complete: f.Whole() && !slices.ContainsFunc(f.Entries, cutOff)}
			k.ShowsHidden, _ = f.ShowsHidden()
			for _, e := range f.Entries {
				if file, ok := parseKeyFile(e.Name); ok {
					file.Size, file.HasSize, file.ModifiedText, file.Owner, file.Line = e.Size, e.HasSize, e.ModifiedText, e.Owner, e.Line
					add(&k, file)
					seen[e.Line] = true
				}
			}
			k.EmptyListing = isKeyFolder(f.Path) && len(k.Files) == 0
			if len(k.Files) > 0 || k.EmptyListing {
				keys.Folders = append(keys.Folders, k)
			}
		}
	}
	permitted, _ := parseACL(in)
	byPath := map[string]int{}
	at := func(path string, line int) *KeyFolder {
		i, ok := byPath[strings.ToLower(path)]
		if !ok {
			i = len(keys.Folders)
			byPath[strings.ToLower(path)] = i
			keys.Folders = append(keys.Folders, KeyFolder{Path: path, Line: line})
		}
		return &keys.Folders[i]
	}
	if permitted != nil {
		for _, o := range permitted.Objects {
			if file, ok := parseKeyFile(o.Path); ok && !seen[o.Line] {
				file.Line, file.Owner = o.Line, o.Owner
				add(at(folderOf(o.Path), o.Line), file)
				seen[o.Line] = true
			}
		}
		for _, f := range permitted.Failures {
			if file, ok := parseKeyFile(f.Path); ok && !seen[f.Line] {
				file.Line = f.Line
				add(at(folderOf(f.Path), f.Line), file)
				seen[f.Line] = true
			}
		}
	}
	for i, line := range in.Lines {
		if len(line) < 69 || seen[i+1] || !bareKey.MatchString(line) {
			continue
		}
		if file, ok := parseKeyFile(line); ok {
			file.Line = i + 1
			add(at(folderOf(strings.Trim(trim(line), `"'`)), i+1), file)
		}
	}
	if len(keys.Folders) == 0 {
		return nil, nil
	}
	if files > maxEntries {
		return &keys, []ingest.Problem{problem(in, "the text names %d key files, of which the first %d are kept", files, maxEntries)}
	}
	return &keys, nil
}

// folderOf returns the folder of an absolute path, "" for a bare name.
func folderOf(path string) string {
	if pathStart(path) != 0 {
		return ""
	}
	return cleanFolder(path[:strings.LastIndexByte(path, '\\')+1])
}

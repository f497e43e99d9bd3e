package extract

// What shows that a directory is a mounted volume or a junction. Every tool but dir prints in the language of the machine around these fixed parts:
//
//	    \\?\Volume{6e5a…}\              mountvol: the volume, below it
//	        C:\Data\                    a drive's root or a folder; a line that is no path says that there is none
//
//	Reparse Tag Value : 0xa0000003      fsutil reparsepoint query DIRECTORY
//	Substitute Name:  \??\Volume{6e5a…}\
//	0000:  00 00 60 00 62 00 00 00 …    REPARSE_DATA_BUFFER of the Windows driver headers, all that XP and 2003 print
//
//	  Volume ###  Ltr  Label        Fs     Type        Size     Status     Info       diskpart: list volume, the columns
//	  ----------  ---  -----------  -----  ----------  -------  ---------  --------   are those of the dashes
//	  Volume 2         Data         NTFS   Partition     50 GB  Healthy
//	    C:\Data\                        the folder of a volume without a letter
//
//	Name     : C:\Data\                                          Win32_Volume, Format-List or wmic's /format:list with = for the colon
//	DeviceID : \\?\Volume{6e5a…}\
//
//	Name                 DeviceID                               the same as a table of any kind, or wmic volume get DeviceID,Name
//	----                 --------
//	C:\Data\             \\?\Volume{6e5a…}\
//
//	Directory : Win32_Directory.Name="C:\\Data"                     WMI's Win32_MountPoint
//	Volume    : Win32_Volume.DeviceID="\\\\?\\Volume{6e5a…}\\"
//	AccessPaths : {C:\Data\, \\?\Volume{6e5a…}\}                    Get-Partition
//
// dir's <JUNCTION> rows are those of the listing's grammar.

import (
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf16"

	"casebook/ingest"
)

// Mounts is what a text shows of mount points and their like.
type Mounts struct {
	Mounts  []Mount
	Volumes []Volume // that a tool lists
	Plain   []Plain  // directories that are shown to be no reparse points
}

// MountKind is what a directory was shown to be.
type MountKind string

// The kinds.
const (
	MountPoint   MountKind = "mount-point" // a mounted volume
	MountRoot    MountKind = "drive-root"  // a volume at its drive letter
	MountJoin    MountKind = "junction"    // a junction to another directory
	MountLink    MountKind = "symlink"
	MountUnknown MountKind = "unknown" // a mount point or a junction: the text does not say which
)

// Mount is a directory that is another place.
type Mount struct {
	Directory  string // absolute, without a trailing backslash unless it is a drive's root; "" if the text does not show it
	VolumeGUID string // of the mounted volume in lower case without braces, "" if not shown
	Target     string // as printed, "" if not shown
	Kind       MountKind
	Tool       string // mountvol, fsutil, dir, diskpart, Win32_Volume, Win32_MountPoint or Get-Partition
	Line       int
}

// Volume is a volume that a tool lists.
type Volume struct {
	GUID      string   // in lower case without braces, "" if the tool does not print it
	Letter    string   // such as C, "" if it has none or the tool does not print it
	Label     string   // diskpart only
	Paths     []string // where it is mounted
	Unmounted bool     // the tool says that it is mounted nowhere
	Tool      string
	Line      int
}

// Plain is a directory that is no reparse point.
type Plain struct {
	Directory string
	Tool      string
	Line      int
}

var (
	volumeGUID    = regexp.MustCompile(`(?i)(?:^|\\(?:\?\?|\\\?|\\\.)\\)Volume\{([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}`)
	volumeLine    = regexp.MustCompile(`(?i)^\s*\\\\\?\\Volume\{([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}\\?\s*$`)
	reparseTag    = regexp.MustCompile(`(?i)[:：]\s*0x([0-9a-f]{8})\s*$`)
	ntTarget      = regexp.MustCompile(`[:：]\s*(\\\?\?\\.+?)\s*$`)
	hexLine       = regexp.MustCompile(`(?i)^\s*([0-9a-f]{4,8}):\s+((?:[0-9a-f]{2}\s+){0,15}[0-9a-f]{2})(?:\s|$)`)
	notReparse    = regexp.MustCompile(`\b4390\b`)
	wmiDirectory  = regexp.MustCompile(`Win32_Directory(?:\.Name ?= ?| \(Name = )"([^"]+)"`)
	wmiVolume     = regexp.MustCompile(`(?i)Win32_Volume(?:\.DeviceID ?= ?| \(DeviceID = )"[\\?.]*Volume\{([0-9a-f-]{36})\}`)
	volumeField   = regexp.MustCompile(`^\s*(DeviceID|Name|Caption|DriveLetter) *[:=] ?(\S.*?)\s*$`)
	letterOnly    = regexp.MustCompile(`^[A-Z]$`)
	partitionPath = regexp.MustCompile(`^AccessPaths *: \{(.*)$`)
)

// The reparse tags that name other places ([MS-FSCC] 2.1.2.1).
const (
	tagMountPoint = 0xa0000003 // mount points and junctions alike
	tagSymlink    = 0xa000000c
)

func mounts() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindMounts, Sniff: sniffMounts, Extract: extractMounts}
}

func sniffMounts(_ string, head []byte) int {
	lines := headLines(head)
	if isLog(lines) {
		return 0
	}
	best := 0
	for i, l := range lines {
		switch {
		case volumeLine.MatchString(l) && i+1 < len(lines) && indent(lines[i+1]) > indent(l):
			return 95
		case isDiskpartHead(lines, i), isVolumeTable(lines, i), wmiDirectory.MatchString(l), partitionPath.MatchString(l), isVolumeField(l):
			return 95
		case fsutilTag(l) != 0:
			best = max(best, 90)
		default:
			if c, ok := parseCommand(l, i+1); ok && (isReparseQuery(c) || isVolumeQuery(c)) {
				best = max(best, 90)
			}
			if r, ok := scanRow(l); ok && r.aligned && reparseRow(r) {
				best = max(best, 95)
			}
		}
	}
	return best
}

// isReparseQuery reports whether a command is fsutil reparsepoint query DIRECTORY.
func isReparseQuery(c command) bool {
	return c.Name == "fsutil" && len(c.Args) > 2 && strings.EqualFold(c.Args[0], "reparsepoint")
}

// isVolumeQuery reports whether a command is mountvol DIRECTORY /L.
func isVolumeQuery(c command) bool {
	return c.Name == "mountvol" && len(c.Args) > 1 && strings.EqualFold(c.Args[1], "/l")
}

// reparseRow reports whether a row of dir is surely a reparse point's, without knowing the language's word for a directory.
func reparseRow(r row) bool {
	if r.tag == "" || r.tag == "DIR" || r.tag == "REP" {
		return false
	}
	name := trim(r.text[column(r.text, r.field):])
	return strings.EqualFold(r.tag, ReparseJunction) || strings.EqualFold(r.tag, ReparseDirLink) || strings.HasSuffix(name, "]") && strings.Contains(name, " [")
}

// fsutilTag returns the reparse tag that a line states, 0 if none.
func fsutilTag(line string) uint32 {
	m := reparseTag.FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	b, err := hex.DecodeString(m[1])
	if err != nil {
		return 0
	}
	if tag := binary.BigEndian.Uint32(b); tag == tagMountPoint || tag == tagSymlink {
		return tag
	}
	return 0
}

// isDiskpartHead reports whether line i holds diskpart's column heads: the dashes below it begin with the volume's column and that of the
// letter, which is three wide.
func isDiskpartHead(lines []string, i int) bool {
	if i+1 >= len(lines) || !dashes.MatchString(lines[i+1]) {
		return false
	}
	s := spans(lines[i+1])
	return len(s) >= 6 && s[0].from == 2 && s[1].to-s[1].from == 3 && strings.Contains(lines[i], "###")
}

// mountsParser collects what the tools say.
type mountsParser struct {
	in      ingest.Input
	out     Mounts
	dropped int
}

func (p *mountsParser) full() bool {
	if len(p.out.Mounts)+len(p.out.Volumes)+len(p.out.Plain) < maxEntries {
		return false
	}
	p.dropped++
	return true
}

func (p *mountsParser) mount(m Mount) {
	if !p.full() {
		m.Directory = cleanFolder(m.Directory)
		p.out.Mounts = append(p.out.Mounts, m)
	}
}

func extractMounts(in ingest.Input) (any, []ingest.Problem) {
	p := &mountsParser{in: in}
	lines := in.Lines
	reparse := false
	for i := 0; i < len(lines); {
		if r, ok := scanRow(lines[i]); ok {
			reparse = reparse || reparseRow(r)
			i++
			continue
		}
		i = max(i+1, p.step(lines, i))
	}
	if reparse {
		p.listed()
	}
	if len(p.out.Mounts)+len(p.out.Volumes)+len(p.out.Plain) == 0 {
		return nil, nil
	}
	if p.dropped > 0 {
		return &p.out, []ingest.Problem{problem(in, "the first %d mounts and volumes are kept, %d are left out", maxEntries, p.dropped)}
	}
	return &p.out, nil
}

// step reads what begins at line i and returns the line behind it.
func (p *mountsParser) step(lines []string, i int) int {
	line := lines[i]
	switch c, ok := parseCommand(line, i+1); {
	case ok && isReparseQuery(c):
		return p.fsutil(lines, i+1, c.absolute(c.Args[2]), i+1)
	case ok && isVolumeQuery(c):
		return p.mountvolOf(lines, i+1, c.absolute(c.Args[0]))
	case ok:
		return i + 1
	case volumeLine.MatchString(line):
		return p.mountvol(lines, i)
	case isVolumeField(line):
		return p.win32Volume(lines, i)
	case isDiskpartHead(lines, i):
		return p.diskpart(lines, i)
	case isVolumeTable(lines, i):
		return p.volumeTable(lines, i)
	case fsutilTag(line) != 0:
		return p.fsutil(lines, i, "", i+1)
	case wmiDirectory.MatchString(line):
		return p.wmi(lines, i)
	case partitionPath.MatchString(line):
		return p.partition(lines, i)
	}
	return i + 1
}

// mountvol reads a volume and the places below it.
func (p *mountsParser) mountvol(lines []string, i int) int {
	v := Volume{GUID: strings.ToLower(volumeLine.FindStringSubmatch(lines[i])[1]), Tool: "mountvol", Line: i + 1}
	base := indent(lines[i])
	said := false
	for i++; i < len(lines) && trim(lines[i]) != "" && indent(lines[i]) > base; i++ {
		path := trim(lines[i])
		said = true
		if !isPath(path) {
			continue
		}
		v.Paths = append(v.Paths, cleanFolder(path))
		p.mount(Mount{Directory: path, VolumeGUID: v.GUID, Kind: kindOfPath(path), Tool: "mountvol", Line: i + 1})
	}
	v.Unmounted = said && len(v.Paths) == 0
	if !p.full() {
		p.out.Volumes = append(p.out.Volumes, v)
	}
	return i
}

// mountvolOf reads the answer of mountvol DIRECTORY /L: the volume mounted there. Its command is the line before i.
func (p *mountsParser) mountvolOf(lines []string, i int, dir string) int {
	for at := i; i < len(lines) && i < at+2; i++ {
		if m := volumeLine.FindStringSubmatch(lines[i]); m != nil {
			p.mount(Mount{Directory: dir, VolumeGUID: strings.ToLower(m[1]), Kind: kindOfPath(cleanFolder(dir)), Tool: "mountvol", Line: i + 1})
			return i + 1
		}
	}
	return i
}

// isVolumeField reports whether the line is the device of a Win32_Volume.
func isVolumeField(line string) bool {
	m := volumeField.FindStringSubmatch(line)
	return m != nil && m[1] == "DeviceID" && volumeLine.MatchString(m[2])
}

// win32Volume reads the block of properties around a device at line i, and returns the line behind the block.
func (p *mountsParser) win32Volume(lines []string, i int) int {
	from := i
	for from > 0 && i-from < 64 && trim(lines[from-1]) != "" {
		from--
	}
	v := Volume{GUID: strings.ToLower(volumeGUID.FindStringSubmatch(lines[i])[1]), Tool: "Win32_Volume", Line: i + 1}
	to := from
	for ; to < len(lines) && trim(lines[to]) != "" && to < i+64; to++ {
		m := volumeField.FindStringSubmatch(lines[to])
		switch {
		case m == nil || to > i && m[1] == "DeviceID":
		case m[1] == "DriveLetter" && len(m[2]) == 2:
			v.Letter = m[2][:1]
		case m[1] == "Name" && isPath(m[2]) && m[2][0] != '\\':
			v.Paths = append(v.Paths, cleanFolder(m[2]))
			p.mount(Mount{Directory: m[2], VolumeGUID: v.GUID, Kind: kindOfPath(m[2]), Tool: "Win32_Volume", Line: to + 1})
		case m[1] == "Name" && volumeLine.MatchString(m[2]): // the name of a volume without a place
			v.Unmounted = true
		}
	}
	if !p.full() {
		p.out.Volumes = append(p.out.Volumes, v)
	}
	return max(to, i+1)
}

// isVolumeTable reports whether line i holds the heads of a table of Win32_Volume: a device's name stands in one of the next rows.
func isVolumeTable(lines []string, i int) bool {
	if !strings.Contains(lines[i], "DeviceID") || !strings.Contains(lines[i], "Name") && !strings.Contains(lines[i], "Caption") {
		return false
	}
	for _, l := range lines[i+1 : min(len(lines), i+6)] {
		if strings.Contains(l, `\\?\Volume{`) {
			return true
		}
	}
	return false
}

// maxVolumeRows is how many lines a table of volumes is read to.
const maxVolumeRows = 2000

// volumeTable reads a table of Win32_Volume whose heads stand at line i, and returns the line behind it.
func (p *mountsParser) volumeTable(lines []string, i int) int {
	tables, _ := readTables(lines[i:min(len(lines), i+maxVolumeRows)])
	if len(tables) == 0 {
		return i + 1
	}
	t := &tables[0]
	device, letter := t.find("deviceid"), t.find("driveletter")
	end := i + 1
	for k := range t.Rows {
		r := &t.Rows[k]
		end = i + r.Line
		g := volumeGUID.FindStringSubmatch(unquote(r.cell(device)))
		if g == nil {
			continue
		}
		v := Volume{GUID: strings.ToLower(g[1]), Tool: "Win32_Volume", Line: end}
		if l := unquote(r.cell(letter)); len(l) == 2 && l[1] == ':' {
			v.Letter = l[:1]
		}
		for _, column := range []string{"name", "caption"} {
			path := unquote(r.cell(t.find(column)))
			switch {
			case volumeGUID.MatchString(path): // the name of a volume without a place
				v.Unmounted = true
			case isPath(path) && path[0] != '\\' && len(v.Paths) == 0:
				v.Paths = append(v.Paths, cleanFolder(path))
				p.mount(Mount{Directory: path, VolumeGUID: v.GUID, Kind: kindOfPath(path), Tool: "Win32_Volume", Line: end})
			}
		}
		if !p.full() {
			p.out.Volumes = append(p.out.Volumes, v)
		}
	}
	return end
}

// kindOfPath tells a drive's root from a folder on which a volume is mounted.
func kindOfPath(path string) MountKind {
	if len(path) <= 3 {
		return MountRoot
	}
	return MountPoint
}

// diskpart reads the rows of list volume, and the folders below rows.
func (p *mountsParser) diskpart(lines []string, i int) int {
	cols := spans(lines[i+1])
	var v *Volume
	for i += 2; i < len(lines) && trim(lines[i]) != ""; i++ {
		line := lines[i]
		if path := trim(line); indent(line) >= 3 && isPath(path) {
			if v != nil {
				v.Paths = append(v.Paths, cleanFolder(path))
				p.mount(Mount{Directory: path, Kind: kindOfPath(path), Tool: "diskpart", Target: v.Label, Line: i + 1})
			}
			continue
		}
		row := cells(line, cols)
		if indent(line) > 2 && !strings.HasPrefix(line, "* ") || row[0] == "" {
			break
		}
		if p.full() {
			continue
		}
		p.out.Volumes = append(p.out.Volumes, Volume{Label: row[2], Tool: "diskpart", Line: i + 1})
		v = &p.out.Volumes[len(p.out.Volumes)-1]
		if letterOnly.MatchString(row[1]) {
			v.Letter = row[1]
			v.Paths = append(v.Paths, row[1]+`:\`)
			p.mount(Mount{Directory: row[1] + `:\`, Kind: MountRoot, Tool: "diskpart", Line: i + 1})
		}
	}
	return i
}

// fsutil reads the answer of fsutil reparsepoint query, which begins at line i. at is the line of its command, or of the tag.
func (p *mountsParser) fsutil(lines []string, i int, dir string, at int) int {
	tag, target, substituted := uint32(0), "", false
	var data []byte
	first := ""
	start := i
	for ; i < len(lines); i++ {
		line := lines[i]
		if _, ok := parseCommand(line, i+1); ok {
			break
		}
		if t := fsutilTag(line); t != 0 {
			if tag != 0 {
				break // the next answer
			}
			tag = t
			continue
		}
		if m := ntTarget.FindStringSubmatch(line); m != nil && !substituted && tag != 0 {
			target, substituted = m[1], true
			continue
		}
		if m := hexLine.FindStringSubmatch(line); m != nil && len(data) < 1<<15 {
			if b, err := hex.DecodeString(strings.Join(strings.Fields(m[2]), "")); err == nil {
				data = append(data, b...)
			}
			continue
		}
		if trim(line) == "" {
			if tag == 0 && first != "" || len(data) > 0 {
				break
			}
			continue
		}
		if first == "" {
			first = line
		}
		if i > start+24 && len(data) == 0 { // an answer is shorter
			break
		}
	}
	switch {
	case tag == 0:
		if dir != "" && (notReparse.MatchString(first) || strings.Contains(first, "is not a reparse point")) && !p.full() {
			p.out.Plain = append(p.out.Plain, Plain{Directory: cleanFolder(dir), Tool: "fsutil", Line: at})
		}
		return max(i, start)
	case target == "":
		target = substituteName(data, tag)
	}
	m := Mount{Directory: dir, Target: target, Tool: "fsutil", Line: at}
	m.VolumeGUID, m.Kind = kindOfTarget(target, tag == tagSymlink)
	p.mount(m)
	return i
}

// kindOfTarget tells what a reparse point with that target is.
func kindOfTarget(target string, symlink bool) (guid string, kind MountKind) {
	if g := volumeGUID.FindStringSubmatchIndex(target); g != nil {
		guid = strings.ToLower(target[g[2]:g[3]])
		if strings.Trim(target[g[1]:], `\`) == "" && !symlink {
			return guid, MountPoint
		}
	}
	switch {
	case symlink:
		return guid, MountLink
	case target == "":
		return "", MountUnknown
	}
	return guid, MountJoin
}

// substituteName reads the name out of the reparse data, which begins with offset and length of the substitute and the print name (four 16-bit
// numbers), for a symbolic link then 32 bits of flags, and then the names in UTF-16LE.
func substituteName(data []byte, tag uint32) string {
	names := 8
	if tag == tagSymlink {
		names = 12
	}
	if len(data) < names {
		return ""
	}
	from := names + int(binary.LittleEndian.Uint16(data))
	to := from + int(binary.LittleEndian.Uint16(data[2:]))
	if to > len(data) || from >= to {
		return ""
	}
	var units []uint16
	for ; from+1 < to; from += 2 {
		units = append(units, binary.LittleEndian.Uint16(data[from:]))
	}
	return string(utf16.Decode(units))
}

// wmi reads a Win32_MountPoint: a directory, and a volume in the same line or one of the next two.
func (p *mountsParser) wmi(lines []string, i int) int {
	m := wmiDirectory.FindStringSubmatch(lines[i])
	dir := m[1]
	if strings.Contains(m[0], ".Name") { // a WMI object path escapes backslashes
		dir = strings.ReplaceAll(dir, `\\`, `\`)
	}
	mount := Mount{Directory: dir, Kind: kindOfPath(dir), Tool: "Win32_MountPoint", Line: i + 1}
	for j := i; j < len(lines) && j <= i+2; j++ {
		if j > i && wmiDirectory.MatchString(lines[j]) {
			break
		}
		if v := wmiVolume.FindStringSubmatch(lines[j]); v != nil {
			mount.VolumeGUID = strings.ToLower(v[1])
			break
		}
	}
	if isPath(dir) {
		p.mount(mount)
	}
	return i + 1
}

// partition reads the access paths of Get-Partition, which may go on in indented lines up to the closing brace.
func (p *mountsParser) partition(lines []string, i int) int {
	at := i + 1
	text := partitionPath.FindStringSubmatch(lines[i])[1]
	open := func() bool { return strings.Count(text, "{")+1 > strings.Count(text, "}") } // a volume's name has braces of its own
	for i++; open() && i < len(lines) && indent(lines[i]) > 0 && i < at+8; i++ {
		// A value is broken at a blank where it has one; a volume's name has none.
		last := text[strings.LastIndex(text, ", ")+1:]
		if !strings.HasPrefix(trim(last), `\\`) {
			text = trimRight(text) + " "
		}
		text += trim(lines[i])
	}
	text = strings.TrimSuffix(trim(text), "}")
	v := Volume{Tool: "Get-Partition", Line: at}
	if g := volumeGUID.FindStringSubmatch(text); g != nil {
		v.GUID = strings.ToLower(g[1])
	}
	for part := range strings.SplitSeq(text, ", ") {
		if path := trim(part); isPath(path) && !strings.HasPrefix(path, `\\`) {
			v.Paths = append(v.Paths, cleanFolder(path))
			p.mount(Mount{Directory: path, VolumeGUID: v.GUID, Kind: kindOfPath(path), Tool: "Get-Partition", Line: at})
		}
	}
	if !p.full() && (v.GUID != "" || len(v.Paths) > 0) {
		v.Unmounted = v.GUID != "" && len(v.Paths) == 0 && !strings.HasSuffix(text, "...") && !strings.HasSuffix(text, "…")
		p.out.Volumes = append(p.out.Volumes, v)
	}
	return i
}

// listed takes the reparse points of the text's listings.
func (p *mountsParser) listed() {
	l, _ := parseListing(p.in) // its problems are the listing extractor's to tell
	if l == nil {
		return
	}
	for _, m := range l.Mounts() {
		p.mount(m)
	}
}

// Mounts returns the folders of a listing that are reparse points, in the order of the text.
func (l *Listing) Mounts() []Mount {
	var out []Mount
	for i := range l.Folders {
		f := &l.Folders[i]
		for _, e := range f.Entries {
			if e.Reparse == "" || !e.Dir {
				continue
			}
			m := Mount{Directory: f.Join(e.Name), Target: e.Target, Tool: "dir", Line: e.Line}
			m.VolumeGUID, m.Kind = kindOfTarget(e.Target, e.Reparse == ReparseDirLink)
			if e.Reparse == ReparseOther && e.Target == "" {
				m.Kind = MountUnknown
			}
			out = append(out, m)
		}
	}
	return out
}

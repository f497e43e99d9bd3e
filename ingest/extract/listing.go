package extract

// Listings of files: cmd's dir, PowerShell's Get-ChildItem, and texts of absolute paths. This file has what they have in common; the
// grammars stand in listing_dir.go and listing_shell.go. dir /b prints names alone, dir /b /s absolute paths.

import (
	"regexp"
	"slices"
	"strings"

	"casebook/ingest"
)

// Listing is what a text shows of folders.
type Listing struct {
	Folders []Folder     // in the order of the text
	Free    []VolumeFree // what dir says of the free space of volumes, in the order of the text
}

// VolumeFree is the free space of a folder's volume when dir ran; where quotas are in force, what is left of the user's.
type VolumeFree struct {
	// Folder is the listed folder, the topmost where dir went through those below it. A folder beneath a mount point lies on another volume
	// than its drive letter says.
	Folder string
	Bytes  int64
	Line   int
}

// Folder is one folder's part of a listing.
type Folder struct {
	Path     string  // absolute, without a trailing backslash unless it is a drive's root; "" if the text does not show it
	Line     int     // where the path stands, or the first entry if it stands nowhere
	Entries  []Entry // without . and ..
	Complete bool    // the end of the folder's block was read: dir's summary, with the number of files that were read, or the blank line behind a table
	Dots     bool    // . and .. are listed, as dir does unless a wildcard or /a-d leaves them out
	Command  string  // the command that printed it, as typed; "" if the text does not show it
	Switches string  // the command's switches, joined by blanks
	Pattern  string  // the wildcard, filter or file name of the command; "" if it has none or is not shown

	dir bool // printed by dir with a head, which shows . and ..
	cut bool // not all entries were kept
}

// Entry is one file or folder of a listing.
type Entry struct {
	Name         string // without folder
	Size         int64  // bytes, if HasSize
	HasSize      bool
	Dir          bool   // a directory, be it a reparse point or not
	Reparse      string // JUNCTION, SYMLINKD or SYMLINK; REPARSE if only the reparse attribute is shown; "" for an ordinary entry
	Target       string // of a reparse point, as printed; "" if it is not printed (Windows XP and 2003 never print it)
	ModifiedText string // date and time as printed; their order is the locale's
	Owner        string // "" if not shown
	Attributes   string // PowerShell's mode or attribute names as printed; "" for dir
	Line         int
}

// The values of Entry.Reparse.
const (
	ReparseJunction = "JUNCTION" // a junction or a volume mount point: dir prints the same for both
	ReparseDirLink  = "SYMLINKD"
	ReparseFileLink = "SYMLINK"
	ReparseOther    = "REPARSE"
)

// Find returns the entry of that name, case folded, and nil if there is none.
func (f *Folder) Find(name string) *Entry {
	for i := range f.Entries {
		if strings.EqualFold(f.Entries[i].Name, name) {
			return &f.Entries[i]
		}
	}
	return nil
}

// ShowsHidden reports whether the listing shows hidden and system files. known is false if neither the command nor an
// entry tells; without the proper switch such files are left out, so that their absence then proves nothing.
func (f *Folder) ShowsHidden() (shown, known bool) {
	for _, e := range f.Entries {
		if m := strings.ToLower(e.Attributes); mode.MatchString(m) && strings.ContainsAny(m[1:], "hs") || strings.Contains(m, "hidden") || strings.Contains(m, "system") {
			return true, true
		}
	}
	if f.Command == "" {
		return false, false
	}
	for s := range strings.FieldsSeq(strings.ToLower(f.Switches)) {
		switch {
		case len(s) > 1 && strings.HasPrefix("-force", s):
			return true, true
		case s == "/a", s == "/a:", s == "/a-d", s == "/a:-d":
			return true, true
		}
	}
	return false, true
}

// Lacks reports whether the listing proves that the folder held no file of that name: its end was read, hidden and system files are
// shown, no wildcard left files out, and the name is not there, not even cut off.
func (f *Folder) Lacks(name string) bool {
	shown, known := f.ShowsHidden()
	return known && shown && f.misses(name)
}

// LacksBeside reports whether the listing proves that the folder held no file of that name by the others of its kind: they are not
// hidden, one whose name fits alike is listed, and so would be this one. Hidden files need not be shown.
func (f *Folder) LacksBeside(name string, alike *regexp.Regexp) bool {
	return f.misses(name) && slices.ContainsFunc(f.Entries, func(e Entry) bool { return !e.Dir && alike.MatchString(e.Name) })
}

// misses reports whether the whole folder is listed and the name is not there, not even cut off.
func (f *Folder) misses(name string) bool {
	if !f.Whole() || f.Find(name) != nil {
		return false
	}
	for _, e := range f.Entries {
		cut := strings.TrimRight(e.Name, ".…")
		if cut != e.Name && len(name) >= len(cut) && strings.EqualFold(name[:len(cut)], cut) {
			return false
		}
	}
	return true
}

// Whole reports whether all of the folder that the command would show is listed: its end was read, and no wildcard left files out.
func (f *Folder) Whole() bool {
	if !f.Complete || f.Pattern != "" {
		return false
	}
	for s := range strings.FieldsSeq(strings.ToLower(f.Switches)) {
		if attributes, ok := strings.CutPrefix(strings.ReplaceAll(s, ":", ""), "/a"); ok && attributes != "" && attributes != "-d" {
			return false // /ah lists hidden files alone
		}
	}
	// What leaves out . and .. may leave out others.
	return !f.dir || f.Dots || strings.HasSuffix(f.Path, `:\`) || strings.Contains(strings.ReplaceAll(strings.ToLower(f.Switches), ":", ""), "/a-d")
}

func listing() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindListing, Sniff: sniffListing, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		l, problems := parseListing(in)
		if l == nil {
			return nil, problems
		}
		return l, problems
	}}
}

// sniffListing wants the frame of a listing, not only rows that look like one, because many programs begin a line with a date.
func sniffListing(_ string, head []byte) int {
	lines := headLines(head)
	log := isLog(lines)
	rows, heads, summaries, tables, paths, texts := 0, 0, 0, 0, 0, 0
	for i, l := range lines {
		if trim(l) == "" {
			continue
		}
		texts++
		if log { // it may still be a table with a column of times that have seconds
			if texts > 10 {
				return 0
			}
			if isTableHead(lines, i) || isCSVHead(l) || isListHead(lines, i) {
				tables++
			}
			continue
		}
		if c, ok := parseCommand(l, i+1); ok && isLister(c) && bare(c) && i+1 < len(lines) {
			tables++ // names alone follow
			continue
		}
		switch r, ok := scanRow(l); {
		case ok && r.aligned:
			rows++
		case isSummary(l):
			summaries++
		case isPath(l):
			paths++
		case isDirHead(lines, i):
			heads++
		case isTableHead(lines, i) || isCSVHead(l) || isListHead(lines, i):
			tables++
		}
	}
	switch {
	case tables > 0 && texts > 1:
		return 90
	case log:
		return 0
	case heads > 0 && (rows > 0 || summaries > 0):
		return 90
	case rows >= 3 && rows*2 > texts, heads > 0 && texts <= heads+6:
		return 70
	case paths >= 3 && paths*10 >= texts*9:
		return 60
	}
	return 0
}

// listingParser reads a listing line by line.
type listingParser struct {
	in       ingest.Input
	folders  []*Folder
	byPath   map[string]*Folder // of entries that state their whole path
	problems []ingest.Problem

	entries    int // seen
	taken      int
	complaints int

	cmd     *command // the last command that lists, until its output has ended
	folder  *Folder  // the open one
	rows    []row    // of the open folder, dir
	dirTags map[string]bool
}

// parseListing reads all folders of the text, nil if there is none.
func parseListing(in ingest.Input) (*Listing, []ingest.Problem) {
	p := &listingParser{in: in, byPath: map[string]*Folder{}}
	lines := in.Lines
	for i := 0; i < len(lines); {
		i = max(i+1, p.step(lines, i))
	}
	p.close()
	if len(p.folders) == 0 {
		p.paths(lines)
	}
	if p.complaints > maxComplaints {
		p.problems = append(p.problems, problem(in, "%d more rows and folders of the listing could not be read in full", p.complaints-maxComplaints))
	}
	if p.taken < p.entries {
		p.problems = append(p.problems, problem(in, "the listing has %d entries, of which %d are kept", p.entries, p.taken))
	}
	if len(p.folders) == 0 {
		return nil, p.problems
	}
	l := &Listing{Folders: make([]Folder, 0, len(p.folders))}
	for _, f := range p.folders {
		l.Folders = append(l.Folders, *f)
	}
	l.Free = freeSpace(lines, p.folders)
	return l, p.problems
}

// step reads what begins at line i and returns the next line to look at.
func (p *listingParser) step(lines []string, i int) int {
	line := lines[i]
	if trim(line) == "" {
		return i + 1
	}
	if c, ok := parseCommand(line, i+1); ok {
		p.close()
		p.cmd = nil
		if isLister(c) {
			p.cmd = &c
			if bare(c) {
				return p.bareNames(lines, i+1)
			}
			p.silent(lines, i+1)
		}
		return i + 1
	}
	if r, ok := scanRow(line); ok && (r.aligned || p.folder != nil) {
		if p.folder == nil {
			p.open("", i+1)
		}
		r.line = i + 1
		p.rows = append(p.rows, r)
		return i + 1
	}
	switch {
	case p.folder != nil && isSummary(line):
		p.summary(line)
		return i + 1
	case isDirHead(lines, i):
		p.close()
		path, word := dirHead(line)
		if p.cmd != nil && word {
			// The command tells where the path ends and the language's words begin.
			if dir, _ := target(*p.cmd, ""); dir != "" && len(line) > len(dir) && strings.EqualFold(line[1:1+len(dir)], dir) && strings.HasPrefix(line[1+len(dir):], " ") {
				path = dir
			}
		}
		p.open(path, i+1).dir = true
		return i + 1
	case isTableHead(lines, i):
		return p.table(lines, i, "", i+1)
	case isCSVHead(line):
		return p.csv(lines, i)
	case isListHead(lines, i):
		return p.list(lines, i, "", i+1)
	}
	if path := shellHead(line); path != "" {
		return p.shell(lines, i, path)
	}
	return i + 1
}

// silent adds an empty folder for a PowerShell command that printed nothing: the next prompt follows at once.
func (p *listingParser) silent(lines []string, i int) {
	for i < len(lines) && trim(lines[i]) == "" {
		i++
	}
	if i == len(lines) || !strings.HasPrefix(lines[p.cmd.Line-1], "PS ") || !strings.HasPrefix(lines[i], "PS ") || strings.ContainsAny(p.cmd.Text, ">|;=") {
		return
	}
	if dir, _ := target(*p.cmd, ""); dir != "" {
		p.open("", p.cmd.Line).Complete = true
		p.folder = nil
	}
}

// isLister reports whether the command lists files.
func isLister(c command) bool {
	switch c.Name {
	case "dir", "gci", "ls", "get-childitem":
		return true
	}
	return false
}

// bare reports whether the command prints names alone.
func bare(c command) bool {
	for _, a := range c.Args {
		if strings.Contains(strings.ToLower(a)+"/", "/b/") {
			return true
		}
	}
	return false
}

// target returns the folder that a listing command names and the wildcard or filter that it gives, if any. What it names may as well be a
// file: shown is the folder that the output states, if it does, and then the last part of a name that is none of its folders is a file's.
func target(c command, shown string) (dir, pattern string) {
	path, value := "", false
	for _, a := range c.Args {
		switch {
		case value: // of -Filter, -Include, -Exclude
			pattern, value = a, false
		case strings.HasPrefix(a, "/"):
		case strings.HasPrefix(a, "-"):
			switch strings.ToLower(a) {
			case "-filter", "-include", "-exclude":
				value = true
			}
		case path == "":
			path = a
		}
	}
	if i := strings.LastIndexByte(path, '\\') + 1; strings.ContainsAny(path[i:], "*?") {
		if w := path[i:]; w != "*" && w != "*.*" {
			pattern = w
		}
		path = path[:i]
	}
	if _, pipe, ok := strings.Cut(c.Text, "|"); ok && pattern == "" {
		// A pipeline may leave files out; what only shapes the output does not.
		for stage := range strings.SplitSeq(pipe, "|") {
			words := strings.Fields(strings.ToLower(stage))
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case "format-list", "fl", "format-table", "ft", "sort-object", "sort", "out-file", "out-string", "export-csv", "more", "tee-object", "tee":
			case "select-object", "select":
				if strings.Contains(stage, "-") {
					pattern = trim(pipe)
				}
			default:
				pattern = trim(pipe)
			}
		}
	}
	if last := strings.TrimRight(path, `\`); pattern == "" && shown != "" {
		last = last[strings.LastIndexByte(last, '\\')+1:]
		within := last == "" || strings.HasSuffix(last, ":") || strings.HasPrefix(last, ".") && strings.Trim(last, ".") == ""
		for part := range strings.SplitSeq(shown, `\`) {
			within = within || strings.EqualFold(part, last)
		}
		if !within {
			pattern = last
		}
	}
	return cleanFolder(c.absolute(path)), pattern
}

// cleanFolder removes a trailing backslash, but not a drive root's.
func cleanFolder(path string) string {
	t := strings.TrimRight(path, `\`)
	if len(t) == 2 && t[1] == ':' {
		return t + `\`
	}
	return t
}

// open begins a folder. Without a path of its own it is the one that the command names.
func (p *listingParser) open(path string, line int) *Folder {
	f := &Folder{Path: cleanFolder(path), Line: line}
	if c := p.cmd; c != nil {
		dir, pattern := target(*c, f.Path)
		if f.Path == "" {
			f.Path = dir
		}
		f.Command, f.Pattern = c.Text, pattern
		var switches []string
		for _, a := range c.Args {
			if strings.HasPrefix(a, "-") {
				switches = append(switches, a)
			} else if strings.HasPrefix(a, "/") {
				for s := range strings.SplitSeq(a[1:], "/") {
					switches = append(switches, "/"+s)
				}
			}
		}
		f.Switches = strings.Join(switches, " ")
	}
	p.folder = f
	p.folders = append(p.folders, f)
	return f
}

// maxComplaints is how many problems of single rows and folders are told one by one.
const maxComplaints = 20

// complain adds a problem, or counts it where there are many already.
func (p *listingParser) complain(format string, args ...any) {
	if p.complaints++; p.complaints <= maxComplaints {
		p.problems = append(p.problems, problem(p.in, format, args...))
	}
}

// keep are the folders, by their last part in lower case, whose entries are kept beyond maxEntries: in a listing of a whole drive they come late,
// and they are what such a listing is asked for.
var keep = map[string]bool{"installer": true, "machinekeys": true}

// add puts an entry into a folder. Beyond maxEntries only those of the folders in keep and reparse points are taken, as many again.
func (p *listingParser) add(f *Folder, e Entry) {
	p.entries++
	if p.taken >= maxEntries && (p.taken >= 2*maxEntries || e.Reparse == "" && !keep[strings.ToLower(f.Path[strings.LastIndexByte(f.Path, '\\')+1:])]) {
		f.cut = true
		return
	}
	p.taken++
	f.Entries = append(f.Entries, e)
}

// close ends the open folder where the text ends or something else begins.
func (p *listingParser) close() {
	if p.folder != nil {
		p.settle()
		p.folder = nil
	}
}

// addPath puts an entry whose name is a whole path into its folder. Such folders are never complete: the text lists
// what it lists, in any order.
func (p *listingParser) addPath(e Entry) {
	i := strings.LastIndexByte(e.Name, '\\')
	dir := cleanFolder(e.Name[:i+1])
	e.Name = e.Name[i+1:]
	if e.Name == "" {
		return
	}
	key := strings.ToLower(dir)
	f := p.byPath[key]
	if f == nil {
		f = p.open(dir, e.Line)
		p.folder = nil
		p.byPath[key] = f
	}
	p.add(f, e)
}

// bareNames reads what dir /b prints: names, or paths with /s, up to a blank line or the next prompt.
func (p *listingParser) bareNames(lines []string, i int) int {
	var f *Folder
	for ; i < len(lines) && trim(lines[i]) != ""; i++ {
		line := trimRight(lines[i])
		if _, ok := parseCommand(line, i+1); ok {
			break
		}
		switch {
		case isPath(line):
			p.addPath(Entry{Name: line, Line: i + 1})
		case strings.ContainsAny(line, `\/:*?"<>|`): // a message
		default:
			if f == nil {
				f = p.open("", p.cmd.Line)
				p.folder = nil
			}
			p.add(f, Entry{Name: line, Line: i + 1})
		}
	}
	if f != nil {
		f.Complete = !f.cut && i < len(lines)
		if len(f.Entries) == 1 && strings.EqualFold(f.Path[strings.LastIndexByte(f.Path, '\\')+1:], f.Entries[0].Name) {
			f.Path, f.Pattern = folderOf(f.Path), f.Entries[0].Name // what was named is a file
		}
	}
	return i
}

// paths reads a text that holds nothing but absolute paths.
func (p *listingParser) paths(lines []string) {
	n, all := 0, 0
	for _, l := range lines {
		if trim(l) == "" {
			continue
		}
		all++
		if isPath(trimRight(l)) {
			n++
		}
	}
	if n < 3 || n*10 < all*9 {
		return
	}
	for i, l := range lines {
		if l = trimRight(l); isPath(l) {
			p.addPath(Entry{Name: l, Line: i + 1})
		}
	}
}

// Join returns the absolute path of an entry, "" if the folder's own path is not known.
func (f *Folder) Join(name string) string {
	if f.Path == "" {
		return ""
	}
	return strings.TrimRight(f.Path, `\`) + `\` + name
}

// PlainDirectories returns the directories that rows of dir show to be no reparse points, by their absolute path in lower case, with
// the line. Only folders whose path is known count, and only where every tag of the folder is known.
func (l *Listing) PlainDirectories() map[string]int {
	out := map[string]int{}
	for i := range l.Folders {
		f := &l.Folders[i]
		if !f.Complete || f.Path == "" {
			continue
		}
		for _, e := range f.Entries {
			if e.Dir && e.Reparse == "" && e.Attributes == "" {
				out[strings.ToLower(f.Join(e.Name))] = e.Line
			}
		}
	}
	return out
}

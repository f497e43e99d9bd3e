package extract

// Listings of files, as cmd's dir and PowerShell's Get-ChildItem print them.
//
// dir (Windows' dir command, NT 4 and later, any language). Everything but the brackets is translated:
//
//	 Volume in drive C is OS                      skipped
//	 Volume Serial Number is 1A2B-3C4D            skipped
//
//	 Directory of C:\Windows\Installer            one blank, the path at the end; Japanese, Chinese, Korean and Turkish put it first
//
//	08/14/2012  10:01 AM    <DIR>          .      date and time in the locale's form
//	08/14/2012  10:01 AM         1,389,056 1a2b.msi
//	14.08.2012  10:01    <JUNCTION>     Data [\??\Volume{…}\]
//	               1 File(s)      1,389,056 bytes ends the folder
//	               2 Dir(s)  12,345,678 bytes free
//
// A tag is followed by blanks up to its 15th column; a size is right-aligned before the same column. /x puts 13 columns with the
// short name there, /q then 23 columns with the owner.
//
// Get-ChildItem (FileSystem.format.ps1xml): a head with the folder at its end, a table with dashes under the column heads; the property
// names are never translated:
//
//	    Directory: C:\Windows\Installer
//
//	Mode                LastWriteTime     Length Name
//	----                -------------     ------ ----
//	-a-hs        14.08.2012     10:01    1389056 1a2b.msi
//
// Names that do not fit go on in the next line, indented to the column. Format-List prints "Name : value" blocks; Select-Object
// prints tables of FullName and Length, Export-Csv the same as CSV. dir /s /b prints absolute paths alone.

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/ingest"
)

// Listing is what a text shows of folders.
type Listing struct {
	Folders []Folder // in the order of the text
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
	if !f.Complete || !known || !shown || f.Pattern != "" || f.Find(name) != nil {
		return false
	}
	if f.dir && !f.Dots && !strings.HasSuffix(f.Path, `:\`) && !strings.Contains(strings.ReplaceAll(strings.ToLower(f.Switches), ":", ""), "/a-d") {
		return false // what leaves out . and .. may leave out others
	}
	for _, e := range f.Entries {
		cut := strings.TrimRight(e.Name, ".…")
		if cut != e.Name && len(name) >= len(cut) && strings.EqualFold(name[:len(cut)], cut) {
			return false
		}
	}
	return true
}

// mode is PowerShell's attribute column: six characters, five before version 3.
var mode = regexp.MustCompile(`^[dl-][a-][r-][h-][s-][l-]?$`)

// tagWidth is how far behind the beginning of a tag dir prints the name.
const tagWidth = 15

// The widths of the columns that dir /x and dir /q put before the name.
const (
	shortWidth = 13
	ownerWidth = 23
)

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
	rows, heads, summaries, modes, tables, paths, texts := 0, 0, 0, 0, 0, 0, 0
	for i, l := range lines {
		if trim(l) == "" {
			continue
		}
		texts++
		if log { // it may still be a table with a column of times that have seconds
			if isTableHead(lines, i) || isCSVHead(l) || isListHead(lines, i) {
				tables++
			}
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
		default:
			if m := spans(l); len(m) > 2 && m[0].from == 0 && mode.MatchString(l[:column(l, m[0].to)]) {
				modes++
			}
		}
	}
	switch {
	case tables > 0 && (modes > 0 || texts > 1):
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

// row is a line of dir before its columns are settled.
type row struct {
	line    int
	when    string
	tag     string // without <>, "" for a size
	field   int    // column behind the size and one blank, or behind the tag's width
	alt     int    // the same if a blank in the size is none of its separators; 0 if it has none
	text    string // the whole line
	aligned bool   // at least two blanks, or a tab, stand before tag or size
}

// scanStamp returns the length of the date and the time without seconds, in any locale's form, that s begins with; 0 if it does
// not. The date is three parts with . / or -, a weekday before it and a month by name allowed; the time has : or . and the half of the
// day before or behind it.
func scanStamp(s string) int {
	if s == "" || isBlank(rune(s[0])) || s[0] == '<' {
		return 0
	}
	at := 0
	if n := letters(s, 9); n > 0 { // weekday
		at = n
		if at < len(s) && (s[at] == '.' || s[at] == ',') {
			at++
		}
		if at == len(s) || s[at] != ' ' {
			return 0
		}
		at++
	}
	for part := range 3 {
		n := digits(s[at:])
		switch {
		case n >= 1 && n <= 4 && (part != 1 || n <= 2):
			at += n
		case part == 1 && n == 0 && letters(s[at:], 12) >= 2:
			at += letters(s[at:], 12)
			if strings.HasPrefix(s[at:], ".") && !strings.HasPrefix(s[at:], ". ") && digits(s[at+1:]) == 0 {
				at++
			}
		default:
			return 0
		}
		if part == 2 {
			break
		}
		if at == len(s) || s[at] != '.' && s[at] != '/' && s[at] != '-' {
			return 0
		}
		at++
		if at < len(s) && s[at] == ' ' {
			at++
		}
	}
	if strings.HasPrefix(s[at:], ".") {
		at++
	}
	blank := len(s[at:]) - len(trimLeft(s[at:]))
	if blank == 0 || blank > 16 {
		return 0
	}
	at += blank
	if digits(s[at:]) == 0 { // the half of the day before the time
		end := strings.IndexAny(s[at:], "0123456789<>:")
		if end < 1 || end > 32 || s[at+end] < '0' || s[at+end] > '9' {
			return 0
		}
		if word := trim(s[at : at+end]); strings.IndexFunc(word, isBlank) >= 0 {
			return 0
		}
		at += end
	}
	hour := digits(s[at:])
	if hour < 1 || hour > 2 || at+hour == len(s) || s[at+hour] != ':' && s[at+hour] != '.' || digits(s[at+hour+1:]) != 2 {
		return 0
	}
	at += hour + 3
	if n := halfOfDay(s[at:], 6); n > 0 {
		at += n
		at += halfOfDay(s[at:], 2) // the second letter of "a. m."
	}
	return at
}

// halfOfDay returns the length of the word for the half of the day that s begins with: a blank or none, a letter, and letters and dots up to
// most characters; 0 if s begins with none.
func halfOfDay(s string, most int) int {
	at := 0
	if r, width := utf8.DecodeRuneInString(s); isBlank(r) && r != '\t' {
		at = width
	}
	n := 0
	for i, r := range s[at:] {
		if !unicode.IsLetter(r) && (r != '.' || i == 0) {
			break
		}
		if n++; n > most {
			return 0
		}
	}
	if n == 0 {
		return 0
	}
	return at + column(s[at:], n)
}

// letters returns the length of the letters that s begins with, 0 if they are more than most.
func letters(s string, most int) int {
	n := 0
	for i, r := range s {
		if !unicode.IsLetter(r) {
			return i
		}
		if n++; n > most {
			return 0
		}
	}
	return len(s)
}

// scanRow reads the part of a row that does not depend on other rows.
func scanRow(line string) (row, bool) {
	stamp := scanStamp(line)
	rest := line[stamp:]
	blank := len(rest) - len(trimLeft(rest))
	body := rest[blank:]
	if stamp == 0 || blank == 0 || body == "" {
		return row{}, false
	}
	r := row{when: line[:stamp], text: line, aligned: blank > 1 || rest[0] == '\t'}
	at := utf8.RuneCountInString(line[:stamp+blank])
	switch body[0] {
	case '<':
		end := strings.IndexByte(body, '>')
		if end < 2 || end > 24 || strings.ContainsAny(body[1:end], `<"=:\/`) {
			return row{}, false
		}
		r.tag = body[1:end]
		r.field = at + max(tagWidth, utf8.RuneCountInString(body[:end+1]))
		// Text whose columns were lost has the name right behind the tag.
		if between := line[column(line, at+utf8.RuneCountInString(body[:end+1])):column(line, r.field)]; trim(between) != "" {
			r.field = at + utf8.RuneCountInString(body[:end+1]) + indent(body[end+1:])
		}
	default:
		open := 0
		if body[0] == '(' { // the size of a file that was moved to tape
			open = 1
		}
		size := count(body[open:])
		after := body[open+len(size):]
		if open == 1 {
			after = strings.TrimPrefix(after, ")")
		}
		if size == "" || after == "" || !startsBlank(after) {
			return row{}, false
		}
		r.field = at + open + utf8.RuneCountInString(size) + open + 1
		if i := strings.IndexByte(size, ' '); i > 0 {
			r.alt = at + open + utf8.RuneCountInString(size[:i]) + 1
		}
	}
	return r, trim(line[column(line, r.field):]) != ""
}

// isSummary reports whether the line is one of dir's totals: deeply indented, a number, then a word.
func isSummary(line string) bool {
	if indent(line) < 4 || strings.HasSuffix(line, ":$DATA") { // dir /r lists streams in the same place
		return false
	}
	rest := trimLeft(line)
	n := count(rest)
	after := rest[len(n):]
	return n != "" && trim(after) != "" && !strings.ContainsAny(after[:1], "0123456789.,:/-") && !strings.ContainsAny(after, `\<>`)
}

// dirHead reads the line with the folder's path: " Directory of C:\x" with the path at the end, or behind one blank
// with one word of the language after it. word says that the last word was taken for the language's.
func dirHead(line string) (path string, word bool) {
	if len(line) < 4 || line[0] != ' ' || startsBlank(line[1:]) {
		return "", false
	}
	at := pathStart(line)
	if at < 0 {
		return "", false
	}
	path = trimRight(line[at:])
	if at == 1 {
		if i := strings.LastIndexByte(path, ' '); i > 0 {
			return path[:i], true
		}
	}
	return path, false
}

// isDirHead reports whether line i is a folder's head: rows follow, or blank lines stand around it.
func isDirHead(lines []string, i int) bool {
	path, _ := dirHead(lines[i])
	if path == "" || !isPath(path) {
		return false
	}
	for j := i + 1; j < len(lines) && j <= i+2; j++ {
		if _, ok := scanRow(lines[j]); ok {
			return true
		}
	}
	return (i == 0 || trim(lines[i-1]) == "") && (i+1 == len(lines) || trim(lines[i+1]) == "")
}

// shellHead reads PowerShell's line with the folder: an indentation, a word with a colon, the path.
func shellHead(line string) string {
	if !strings.HasPrefix(line, "  ") {
		return ""
	}
	at := pathStart(line)
	if at < 4 {
		return ""
	}
	before := trimRight(line[:at])
	if !strings.HasSuffix(before, ":") && !strings.HasSuffix(before, "：") {
		return ""
	}
	return trimRight(line[at:])
}

// isTableHead reports whether line i holds the column heads of a PowerShell table of files.
func isTableHead(lines []string, i int) bool {
	return i+1 < len(lines) && strings.Contains(lines[i], "Name") && dashes.MatchString(lines[i+1]) && len(fileColumns(strings.Fields(lines[i]))) > 0
}

// isListHead reports whether line i begins a Format-List block of a file.
func isListHead(lines []string, i int) bool {
	if !strings.HasPrefix(lines[i], "Name") && !strings.HasPrefix(lines[i], "FullName") {
		return false
	}
	m := property.FindStringSubmatch(lines[i])
	if m == nil || m[1] != "Name" && m[1] != "FullName" || i+1 >= len(lines) {
		return false
	}
	n := property.FindStringSubmatch(lines[i+1])
	return n != nil && (n[1] == "Length" || n[1] == "FullName" || n[1] == "LastWriteTime" || n[1] == "CreationTime")
}

// isCSVHead reports whether the line is the head of a CSV of files.
func isCSVHead(line string) bool {
	_, cols := csvHead(line)
	return len(cols) > 0
}

// fileColumns returns the index of each column that is read, nil if the columns are not those of files.
func fileColumns(names []string) map[string]int {
	cols := map[string]int{}
	for i, n := range names {
		switch n {
		case "Name", "FullName", "Length", "LastWriteTime", "Mode", "Attributes", "Directory", "DirectoryName", "Owner", "Target", "LinkType":
			cols[n] = i
		}
	}
	_, full := cols["FullName"]
	_, name := cols["Name"]
	if full || name && (has(cols, "Length") || has(cols, "Mode") || has(cols, "Attributes")) {
		return cols
	}
	return nil
}

func has(m map[string]int, k string) bool { _, ok := m[k]; return ok }

// csvHead reads the head of a CSV of files and finds its separator.
func csvHead(line string) (sep byte, cols map[string]int) {
	if !strings.Contains(line, "Name") {
		return 0, nil
	}
	for _, sep := range []byte{',', ';', '\t'} {
		if fields := csvFields(line, sep); len(fields) > 1 {
			if cols := fileColumns(fields); cols != nil {
				return sep, cols
			}
		}
	}
	return 0, nil
}

// csvFields cuts one line of CSV; a quoted field ends in the line that it begins in.
func csvFields(line string, sep byte) []string {
	var out []string
	for {
		if strings.HasPrefix(line, `"`) {
			var field strings.Builder
			rest := line[1:]
			for {
				i := strings.IndexByte(rest, '"')
				if i < 0 {
					return append(out, field.String()+rest)
				}
				field.WriteString(rest[:i])
				rest = rest[i+1:]
				if !strings.HasPrefix(rest, `"`) {
					break
				}
				field.WriteByte('"')
				rest = rest[1:]
			}
			i := strings.IndexByte(rest, sep)
			if i < 0 {
				return append(out, field.String()+rest)
			}
			out = append(out, field.String()+rest[:i])
			line = rest[i+1:]
			continue
		}
		i := strings.IndexByte(line, sep)
		if i < 0 {
			return append(out, line)
		}
		out = append(out, line[:i])
		line = line[i+1:]
	}
}

// listingParser reads a listing line by line.
type listingParser struct {
	in       ingest.Input
	folders  []*Folder
	byPath   map[string]*Folder // of entries that state their whole path
	problems []ingest.Problem
	entries  int
	dropped  int

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
		i = p.step(lines, i)
	}
	p.close()
	if len(p.folders) == 0 {
		p.paths(lines)
	}
	if p.dropped > 0 {
		p.problems = append(p.problems, problem(in, "the listing has %d entries, of which the first %d are kept", p.entries, maxEntries))
	}
	if len(p.folders) == 0 {
		return nil, p.problems
	}
	l := &Listing{Folders: make([]Folder, 0, len(p.folders))}
	for _, f := range p.folders {
		l.Folders = append(l.Folders, *f)
	}
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

// add puts an entry into a folder.
func (p *listingParser) add(f *Folder, e Entry) {
	p.entries++
	if p.entries > maxEntries {
		p.dropped++
		f.Complete = false
		return
	}
	f.Entries = append(f.Entries, e)
}

// stampNT4 is the end of a stamp of Windows NT 4, whose summary counts directories as files.
var stampNT4 = regexp.MustCompile(`\d[ap]$`)

// summary ends a folder of dir. It is complete if the summary counts as many files as were read.
func (p *listingParser) summary(line string) {
	f := p.folder
	rows := -1
	if len(p.rows) > 0 && stampNT4.MatchString(p.rows[0].when) {
		rows = len(p.rows)
	}
	p.settle()
	files := 0
	for _, e := range f.Entries {
		if !e.Dir {
			files++
		}
	}
	n, ok := number(count(trimLeft(line)))
	f.Complete = ok && (n == int64(files) || n == int64(rows)) && p.dropped == 0
	if ok && !f.Complete && p.dropped == 0 {
		p.problems = append(p.problems, problem(p.in, "line %d: the listing of %q says that it has %d files, %d could be read", f.Line, f.Path, n, files))
	}
	p.folder = nil
}

// close ends the open folder where the text ends or something else begins.
func (p *listingParser) close() {
	if p.folder != nil {
		p.settle()
		p.folder = nil
	}
}

// settle turns the rows of the open folder into entries, now that all of them show where the columns are.
func (p *listingParser) settle() {
	f, rows := p.folder, p.rows
	p.rows = nil
	field := 0
	for _, r := range rows { // a tag, else a size without blanks, shows the column of the names
		if r.tag != "" {
			field = r.field
			break
		}
		if r.alt == 0 && field == 0 {
			field = r.field
		}
	}
	rest := make([]string, len(rows))
	for i, r := range rows {
		at := r.field
		if r.alt > 0 && field > 0 && r.field != field && r.alt == field {
			at = r.alt
			rows[i].field = at
		}
		rest[i] = r.text[column(r.text, at):]
	}
	if p.dirTags == nil {
		p.dirTags = map[string]bool{"DIR": true, "REP": true}
	}
	short := hasShort(rest) || strings.Contains(strings.ToLower(f.Switches)+" ", "/x ")
	owner := strings.Contains(strings.ToLower(f.Switches)+" ", "/q ")
	for i, r := range rows {
		text := rest[i]
		if short {
			text = text[column(text, shortWidth):]
		}
		if r.tag != "" && (strings.HasSuffix(text, " .") || strings.HasSuffix(text, " ..")) && trim(text) != "." && trim(text) != ".." {
			owner = true
		}
		if before, _, _ := strings.Cut(text, " ["); strings.Contains(before, `\`) {
			owner = true // no file name holds a backslash
		}
		if last := trim(text[strings.LastIndexByte(text, ' ')+1:]); r.tag != "" && (last == "." || last == "..") {
			p.dirTags[r.tag] = true
		}
	}
	for i, r := range rows {
		e := Entry{Line: r.line, ModifiedText: r.when}
		text := rest[i]
		if short {
			text = text[column(text, shortWidth):]
		}
		if owner {
			at := column(text, ownerWidth)
			e.Owner, text = trim(text[:at]), text[at:]
		}
		name := trimRight(text)
		if r.tag != "" {
			name = trimLeft(name)
			p.tagged(&e, r.tag, name)
		} else {
			e.Name = name
			size := r.text[len(r.when):column(r.text, r.field)]
			e.Size, e.HasSize = number(size)
		}
		switch e.Name {
		case "":
			p.problems = append(p.problems, problem(p.in, "line %d: the row of a listing has no name", r.line))
		case ".", "..":
			f.Dots = true
		default:
			p.add(f, e)
		}
	}
}

// tagged reads what stands behind a tag. The tag of . and .. is that of ordinary directories in the language of the text; any other is a
// reparse point's, and what a link leads to stands in brackets behind the name.
func (p *listingParser) tagged(e *Entry, tag, name string) {
	e.Name, e.Dir = name, true
	if p.dirTags[tag] {
		return
	}
	if strings.HasSuffix(name, "]") {
		if i := strings.LastIndex(name, " ["); i > 0 {
			e.Name, e.Target = name[:i], name[i+2:len(name)-1]
		}
	}
	switch {
	case strings.EqualFold(tag, ReparseFileLink):
		e.Reparse, e.Dir = ReparseFileLink, false
	case strings.EqualFold(tag, ReparseDirLink):
		e.Reparse = ReparseDirLink
	case e.Target != "" || strings.EqualFold(tag, ReparseJunction) || len(p.dirTags) > 2:
		e.Reparse = ReparseJunction
	default:
		e.Reparse = ReparseOther
	}
}

// hasShort reports whether every name has the column of dir /x before it: blank for at least one, ending in a blank for all.
func hasShort(rest []string) bool {
	blank := false
	for _, s := range rest {
		at := column(s, shortWidth)
		if at == len(s) || s[at-1] != ' ' {
			return false
		}
		blank = blank || trim(s[:at]) == ""
	}
	return blank
}

// shell reads what follows PowerShell's head with the folder: the rest of a path that did not fit, then a table or a list.
func (p *listingParser) shell(lines []string, i int, path string) int {
	p.close()
	at := i + 1
	parts := []string{path}
	for i++; i < len(lines) && trim(lines[i]) != "" && i < at+4; i++ {
		if isTableHead(lines, i) || isListHead(lines, i) {
			break
		}
		parts = append(parts, trimRight(lines[i]))
	}
	path = strings.Join(parts, "")
	for i < len(lines) && trim(lines[i]) == "" {
		i++
	}
	if i < len(lines) && isPath(path) {
		switch {
		case isTableHead(lines, i):
			return p.table(lines, i, path, at)
		case isListHead(lines, i):
			return p.list(lines, i, path, at)
		}
	}
	return i
}

// table reads the rows of a PowerShell table up to the blank line behind it.
func (p *listingParser) table(lines []string, i int, path string, at int) int {
	p.close()
	under := spans(lines[i+1])
	names := make([]string, len(under))
	for k, name := range cells(lines[i], under) {
		names[k] = name
	}
	cols := fileColumns(names)
	if cols == nil { // heads and dashes do not stand above each other
		return i + 2
	}
	_, full := cols["FullName"]
	var f *Folder
	if !full {
		f = p.open(path, at)
	}
	last := len(under) - 1
	width := 0
	for i += 2; i < len(lines) && trim(lines[i]) != ""; i++ {
		line := lines[i]
		if _, ok := parseCommand(line, i+1); ok {
			break
		}
		width = max(width, utf8.RuneCountInString(trimRight(lines[i])))
		if n := indent(line); f != nil && n >= under[last].from && n > 0 && len(f.Entries) > 0 && names[last] == "Name" {
			// A name that did not fit: within a word if the line before is full, else at a blank.
			prev := &f.Entries[len(f.Entries)-1]
			if utf8.RuneCountInString(trimRight(lines[i-1])) < width {
				prev.Name += " "
			}
			prev.Name += trim(line)
			continue
		}
		var e Entry
		var ok bool
		if has(cols, "Mode") {
			e, ok = modeRow(line, under[last].from)
		}
		if !ok {
			e = cellsEntry(cells(line, under), cols)
		}
		e.Line = i + 1
		if e.Name == "" {
			continue
		}
		switch {
		case !full:
			p.add(f, e)
		case pathStart(e.Name) == 0 && strings.Contains(e.Name, `\`):
			p.addPath(e)
		default:
			p.problems = append(p.problems, problem(p.in, "line %d: %q is no whole path", i+1, e.Name))
		}
	}
	if f != nil {
		f.Complete = p.dropped == 0 && i < len(lines)
	}
	p.folder = nil
	return i
}

// modeRow reads a row of Get-ChildItem's own table, whose date and time may hold any number of blanks.
func modeRow(line string, nameCol int) (Entry, bool) {
	s := spans(line)
	if len(s) < 3 || s[0].from != 0 {
		return Entry{}, false
	}
	attrs := line[:column(line, s[0].to)]
	if !mode.MatchString(attrs) {
		return Entry{}, false
	}
	rest := trimLeft(line[len(attrs):])
	stamp := rest[:scanStamp(rest)]
	if stamp == "" {
		return Entry{}, false
	}
	e := Entry{Attributes: attrs, ModifiedText: stamp, Dir: attrs[0] == 'd' || attrs[0] == 'l' && len(attrs) == 6 && attrs[1] == '-'}
	tail := rest[len(stamp):]
	from := utf8.RuneCountInString(line) - utf8.RuneCountInString(tail)
	size, name := "", ""
	if at := nameCol - from; at > 0 && at <= utf8.RuneCountInString(tail) && isBlank([]rune(tail)[at-1]) {
		size, name = trim(tail[:column(tail, at)]), tail[column(tail, at):]
	}
	if n, ok := number(size); name == "" || size != "" && (!ok || count(size) != size) {
		tail = trimLeft(tail)
		size, name = count(tail), tail
		if rest := tail[len(size):]; size != "" && rest != trimLeft(rest) {
			name = trim(rest)
		} else {
			size = ""
		}
	} else if size != "" {
		e.Size, e.HasSize = n, true
	}
	if size != "" && !e.HasSize {
		e.Size, e.HasSize = number(size)
	}
	if strings.Contains(attrs[1:], "l") || attrs[0] == 'l' {
		e.Reparse = ReparseOther
		if link, to, ok := strings.Cut(name, " -> "); ok {
			name, e.Target = link, to
		}
	}
	e.Name = trimRight(name)
	return e, e.Name != ""
}

// cellsEntry makes an entry of named cells.
func cellsEntry(fields []string, cols map[string]int) Entry {
	get := func(name string) string {
		if i, ok := cols[name]; ok && i < len(fields) {
			return trim(fields[i])
		}
		return ""
	}
	e := Entry{Name: get("FullName"), ModifiedText: get("LastWriteTime"), Owner: get("Owner"), Attributes: get("Attributes"), Target: get("Target")}
	if e.Name == "" {
		e.Name = get("Name")
		dir := get("DirectoryName")
		if dir == "" {
			dir = get("Directory")
		}
		if e.Name != "" && pathStart(dir) == 0 {
			e.Name = strings.TrimRight(dir, `\`) + `\` + e.Name
		}
	}
	if e.Attributes == "" {
		e.Attributes = get("Mode")
	}
	if size := get("Length"); size != "" {
		e.Size, e.HasSize = number(size)
	}
	low := strings.ToLower(e.Attributes)
	e.Dir = strings.HasPrefix(low, "d") && mode.MatchString(low) || strings.Contains(low, "directory")
	switch strings.ToLower(get("LinkType")) {
	case "junction":
		e.Reparse = ReparseJunction
	case "symboliclink":
		e.Reparse = ReparseFileLink
		if e.Dir {
			e.Reparse = ReparseDirLink
		}
	default:
		if strings.Contains(low, "reparsepoint") || mode.MatchString(low) && strings.Contains(low[1:], "l") {
			e.Reparse = ReparseOther
		}
	}
	e.Target = strings.Trim(e.Target, "{}")
	return e
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

// csv reads the rows of Export-Csv.
func (p *listingParser) csv(lines []string, i int) int {
	p.close()
	sep, cols := csvHead(lines[i])
	at := i + 1
	var loose *Folder
	for i++; i < len(lines) && trim(lines[i]) != ""; i++ {
		e := cellsEntry(csvFields(lines[i], sep), cols)
		e.Line = i + 1
		switch {
		case e.Name == "":
		case pathStart(e.Name) == 0:
			p.addPath(e)
		default:
			if loose == nil {
				loose = p.open("", at)
				p.folder = nil
			}
			p.add(loose, e)
		}
	}
	return i
}

// list reads Format-List's blocks until something else begins.
func (p *listingParser) list(lines []string, i int, path string, at int) int {
	p.close()
	cols := map[string]int{}
	var fields []string
	var f *Folder
	start := 0
	flush := func() {
		if len(fields) == 0 {
			return
		}
		e := cellsEntry(fields, cols)
		e.Line = start
		cols, fields = map[string]int{}, nil
		switch {
		case e.Name == "":
		case pathStart(e.Name) == 0:
			p.addPath(e)
		default:
			if f == nil {
				f = p.open(path, at)
				p.folder = nil
			}
			p.add(f, e)
		}
	}
	for ; i < len(lines); i++ {
		line := lines[i]
		m := property.FindStringSubmatch(line)
		switch {
		case trim(line) == "":
			flush()
			continue
		case m == nil && len(fields) > 0 && indent(line) > 0: // the rest of a long value
			continue
		case m == nil:
			flush()
			if f != nil {
				f.Complete = p.dropped == 0
			}
			return i
		}
		if has(cols, m[1]) { // blocks without a blank line between them
			flush()
		}
		if len(fields) == 0 {
			start = i + 1
		}
		cols[m[1]] = len(fields)
		fields = append(fields, m[2])
	}
	flush()
	if f != nil {
		f.Complete = p.dropped == 0 && i > 0 && trim(lines[i-1]) == ""
	}
	return i
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
		f.Complete = p.dropped == 0 && i < len(lines)
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

// String names the folder and how many entries it has, for messages.
func (f *Folder) String() string { return fmt.Sprintf("%q with %d entries", f.Path, len(f.Entries)) }

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

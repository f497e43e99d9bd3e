package extract

// PowerShell's Get-ChildItem (its FileSystem.format.ps1xml): a head with the folder at its end, and a table with dashes under the column
// heads. The property names are never translated, the word of the head is:
//
//	    Directory: C:\Windows\Installer
//
//	Mode                LastWriteTime     Length Name
//	----                -------------     ------ ----
//	-a-hs        14.08.2012     10:01    1389056 1a2b.msi
//
// Names that do not fit go on in the next line, indented to the column. Format-List prints "Name : value" blocks; Select-Object
// prints tables of the columns chosen, such as FullName and Length; Export-Csv writes the same as CSV with , or ;.

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// mode is PowerShell's attribute column: six characters, five before version 3.
var mode = regexp.MustCompile(`^[dl-][a-][r-][h-][s-][l-]?$`)

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
	return n != nil && slices.Contains([]string{"Length", "FullName", "LastWriteTime", "CreationTime", "Mode", "Attributes", "LinkType"}, n[1])
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
			p.complain("line %d: %q is no whole path", i+1, e.Name)
		}
	}
	if f != nil {
		f.Complete = !f.cut && i < len(lines)
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
	e.Name = trim(name) // a table that was typed off need not be aligned to the column
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
		e.Reparse, e.Dir = ReparseJunction, true
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
				f.Complete = !f.cut
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
		f.Complete = !f.cut && i > 0 && trim(lines[i-1]) == ""
	}
	return i
}

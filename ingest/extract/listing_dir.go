package extract

// Windows' dir command (NT 4 and later, any language). Everything but the brackets is translated:
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

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tagWidth is how far behind the beginning of a tag dir prints the name.
const tagWidth = 15

// The widths of the columns that dir /x and dir /q put before the name.
const (
	shortWidth = 13
	ownerWidth = 23
)

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
	f.Complete = ok && (n == int64(files) || n == int64(rows)) && !f.cut
	if ok && !f.Complete && !f.cut {
		p.complain("line %d: the listing of %q says that it has %d files, %d could be read", f.Line, f.Path, n, files)
	}
	p.folder = nil
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
			p.complain("line %d: the row of a listing has no name", r.line)
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

// freeSpace reads the free space that dir prints in the line behind the number of files. With /s it stands once, at the end, and is that of
// the first folder.
func freeSpace(lines []string, folders []*Folder) []VolumeFree {
	var out []VolumeFree
	next, first := 0, 0
	var of *Folder
	for i := 1; i < len(lines) && len(out) < maxEntries; i++ {
		for next < len(folders) && folders[next].Line <= i {
			of = folders[next]
			next++
		}
		if of == nil || !of.dir || !isSummary(lines[i]) || !isSummary(lines[i-1]) {
			continue
		}
		// The number of folders and its word stand before the bytes; Windows NT 4 prints the bytes alone.
		text := trimLeft(lines[i])
		free := count(text)
		if rest := text[len(free):]; strings.ContainsAny(rest, "0123456789") {
			free = count(rest[strings.IndexAny(rest, "0123456789"):])
		}
		top := of
		for _, f := range folders[first:next] {
			if f.dir && holds(f.Path, of.Path) {
				top = f
				break
			}
		}
		first = next
		if n, ok := number(free); ok && isPath(top.Path) {
			out = append(out, VolumeFree{Folder: top.Path, Bytes: n, Line: i + 1})
		}
	}
	return out
}

// holds reports whether path is the folder dir or lies below it; both are as dir prints them.
func holds(dir, path string) bool {
	dir = strings.TrimSuffix(dir, `\`)
	return len(path) >= len(dir) && strings.EqualFold(path[:len(dir)], dir) && (len(path) == len(dir) || path[len(dir)] == '\\')
}

package extract

// Tables as people export them: a console's Format-Table or SQL grid with dashes under the heads, CSV with any separator, Markdown and
// mysql frames, wmic's columns, and the list form of PowerShell, WMI and MOF, one property a line. What a table means is told by those who
// ask for it; here are only its rows, each cell with the line that it stands in.
//
//	Name0;Version0                    Name              Version         Name    : CcmFramework
//	CcmFramework;4.00.6487.2000       ----              -------         Version : 4.00.6487.2000
//	                                  CcmFramework      4.00.6487.2000

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"casebook/ingest"
)

// The bounds of a table.
const (
	maxColumns = 256      // of one table; what stands behind them is not read
	maxJoined  = 50       // lines that a quoted cell goes over
	maxCell    = 64 << 10 // bytes of a row that goes over several lines
	sampleRows = 1000     // rows by which it is told what the columns are
)

// table is a block of rows.
type table struct {
	Head   []string // the first row of a delimited block, be it heads or not; the property names of a list
	Line   int      // where the head stands; of a list, where its first property does
	Marked bool     // a rule of dashes shows that the head is one, or the table is a list
	List   bool
	Rows   []tableRow
}

// tableRow is a row, or a block of properties.
type tableRow struct {
	Cells []string // in the order of the head; it may be shorter or longer
	Line  int      // where it begins
	Lines []int    // of a list: the line of each cell, 0 where the block lacks the property; else nil
}

// cell returns the i-th cell, "" if there is none.
func (r *tableRow) cell(i int) string {
	if i < 0 || i >= len(r.Cells) {
		return ""
	}
	return r.Cells[i]
}

// line returns the line of the i-th cell.
func (r *tableRow) line(i int) int {
	if i >= 0 && i < len(r.Lines) && r.Lines[i] > 0 {
		return r.Lines[i]
	}
	return r.Line
}

// all returns the rows, and before them the head as a row if nothing shows that it is one.
func (t *table) all() []tableRow {
	if t.Marked {
		return t.Rows
	}
	return slices.Insert(slices.Clone(t.Rows), 0, tableRow{Cells: t.Head, Line: t.Line})
}

// find returns the first column whose head is one of the names, letters' case and what is neither letter nor digit aside; -1 if there is none.
func (t *table) find(names ...string) int {
	for _, n := range names {
		for i, h := range t.Head {
			if plainName(h) == n {
				return i
			}
		}
	}
	return -1
}

// column returns the column most of whose cells match, at least half of the rows that have one; -1 if there is none.
func (t *table) column(rows []tableRow, form *regexp.Regexp) int {
	rows = rows[:min(len(rows), sampleRows)]
	best, most := -1, 0
	for i := range min(len(t.Head), maxColumns) {
		hits, filled := 0, 0
		for j := range rows {
			if cell := unquote(rows[j].cell(i)); cell != "" {
				filled++
				if form.MatchString(cell) {
					hits++
				}
			}
		}
		if !t.Marked && filled > 1 { // one of the cells may be the head
			filled--
		}
		if hits*2 >= filled && hits > most {
			best, most = i, hits
		}
	}
	return best
}

// plainName keeps the letters and digits of a head, in lower case.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r | 0x20
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r >= 0x80:
			return r
		}
		return -1
	}, s)
}

var (
	// listProperty is a property of a list: an identifier of .NET or WMI, never translated.
	listProperty = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_.]{1,60})\s*[:=]\s?(.*)$`)
	// manyBlanks separates the columns of a table without dashes.
	manyBlanks = regexp.MustCompile(`\t+|[ \x{a0}]{2,}`)
)

// isRule reports whether a line only draws: dashes under heads, a frame's border.
func isRule(line string) bool {
	return strings.Count(line, "-") >= 2 && strings.Trim(line, "-+|=:;, \t") == ""
}

// tableReader reads the tables of a text.
type tableReader struct {
	lines []string
	out   []table
	rows  int // kept in all
	cut   int // the line at which the rows were too many, 0 if they were not
}

// readTables returns all tables of a text, and the line at which there were more than maxEntries rows, 0 if there were not.
func readTables(lines []string) ([]table, int) {
	r := tableReader{lines: lines}
	for i := 0; i < len(lines) && r.cut == 0; {
		i = max(i+1, r.step(i))
	}
	return r.out, r.cut
}

// cutShort reports whether a text breaks off within the last row of a delimited table: its last line has no end and lacks cells, or the end
// of a quoted one, or the last cell is but the beginning of the one above.
func cutShort(in ingest.Input, tables []table) bool {
	if !in.Open || len(tables) == 0 {
		return false
	}
	t := &tables[len(tables)-1]
	if t.Marked || len(t.Rows) == 0 {
		return false
	}
	last, text := &t.Rows[len(t.Rows)-1], in.Lines[len(in.Lines)-1]
	switch len(in.Lines) {
	case last.Line:
		if len(last.Cells) < len(t.Head) || strings.Count(text, `"`)%2 == 1 {
			return true
		}
		n := len(t.Head) - 1
		above := t.Head[n]
		if len(t.Rows) > 1 {
			above = t.Rows[len(t.Rows)-2].cell(n)
		}
		return last.cell(n) != above && strings.HasPrefix(above, last.cell(n))
	case last.Line + 1: // the separator of the first cell is not there yet
		return trim(text) != ""
	}
	return false
}

// keep adds a row, unless there are too many.
func (r *tableReader) keep(t *table, row tableRow) bool {
	if r.rows == maxEntries {
		r.cut = row.Line
		return false
	}
	r.rows++
	t.Rows = append(t.Rows, row)
	return true
}

// step reads what begins at line i and returns the next line to look at.
func (r *tableReader) step(i int) int {
	line := r.lines[i]
	if trim(line) == "" || isRule(line) || strings.HasPrefix(line, "#TYPE ") {
		return i + 1
	}
	if i+1 < len(r.lines) && dashes.MatchString(r.lines[i+1]) && !strings.ContainsAny(line, ";|") {
		return r.grid(i)
	}
	if listProperty.MatchString(line) {
		if n := r.list(i); n > i {
			return n
		}
	}
	if n := r.delimited(i); n > i {
		return n
	}
	return r.columns(i)
}

// grid reads a table whose heads are underlined, up to a blank line.
func (r *tableReader) grid(i int) int {
	under := spans(r.lines[i+1])
	if len(under) > maxColumns {
		under = under[:maxColumns]
	}
	t := table{Line: i + 1, Marked: true}
	end := i + 2
	aligned, others := 0, 0
	for ; end < len(r.lines) && trim(r.lines[end]) != ""; end++ {
		if fits(r.lines[end], under) {
			aligned++
		} else {
			others++
		}
	}
	split := func(line string) []string {
		if others > aligned { // the blanks that aligned it are gone: the last column alone may hold any
			return words(line, len(under))
		}
		return cells(line, under)
	}
	t.Head = split(r.lines[i])
	for j := i + 2; j < end; j++ {
		if !r.keep(&t, tableRow{Cells: split(r.lines[j]), Line: j + 1}) {
			break
		}
	}
	r.out = append(r.out, t)
	return end
}

// fits reports whether a blank stands before each column of a row.
func fits(line string, cols []span) bool {
	at, n := 0, 0
	for i := 1; i < len(cols); i++ {
		for n < cols[i].from-1 && at < len(line) {
			_, size := utf8.DecodeRuneInString(line[at:])
			at += size
			n++
		}
		if at >= len(line) {
			return true
		}
		if !startsBlank(line[at:]) {
			return false
		}
	}
	return true
}

// words cuts a line at blanks into at most n parts; the last one may hold blanks.
func words(line string, n int) []string {
	var out []string
	for s := trim(line); s != ""; {
		i := strings.IndexFunc(s, isBlank)
		if i < 0 || len(out) == n-1 {
			return append(out, s)
		}
		out = append(out, s[:i])
		s = trimLeft(s[i:])
	}
	return out
}

// list reads blocks of properties, and returns the line behind them; i if there is only one property.
func (r *tableReader) list(i int) int {
	t := table{Line: i + 1, Marked: true, List: true}
	cols := map[string]int{}
	var row tableRow
	full := true
	flush := func() {
		if row.Line > 0 && full {
			full = r.keep(&t, row)
		}
		row = tableRow{}
	}
	j, gap, found := i, 0, 0
	for ; j < len(r.lines) && full; j++ {
		m := listProperty.FindStringSubmatch(r.lines[j])
		if m == nil {
			flush()
			if trim(r.lines[j]) != "" {
				// MOF has braces and the class between two instances; other text ends the list.
				if gap++; gap > 3 {
					break
				}
			}
			continue
		}
		col, known := cols[m[1]]
		if !known {
			if len(cols) == maxColumns {
				break
			}
			col = len(cols)
			cols[m[1]] = col
			t.Head = append(t.Head, m[1])
		}
		if col < len(row.Lines) && row.Lines[col] > 0 {
			flush()
		}
		if row.Line == 0 {
			row.Line = j + 1
		}
		for len(row.Cells) <= col {
			row.Cells, row.Lines = append(row.Cells, ""), append(row.Lines, 0)
		}
		row.Cells[col], row.Lines[col] = unquote(strings.TrimSuffix(trim(m[2]), ";")), j+1
		gap, found = 0, found+1
	}
	flush()
	if found < 2 {
		r.rows -= len(t.Rows)
		return i
	}
	if len(t.Head) < 2 { // the same again and again is no list of properties
		r.rows -= len(t.Rows)
		return j
	}
	r.out = append(r.out, t)
	return j
}

// unquote removes quotes and blanks around a value.
func unquote(s string) string {
	s = trim(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return trim(s)
}

// split cuts a row at a separator. A frame's bars at both ends are no separators.
func split(line string, sep byte) []string {
	if sep == '|' {
		line = strings.TrimSuffix(strings.TrimPrefix(trim(line), "|"), "|")
	}
	fields := csvFields(line, sep)
	if len(fields) > maxColumns {
		fields = fields[:maxColumns]
	}
	for i := range fields {
		fields[i] = trim(fields[i])
	}
	return fields
}

// joined returns the row that begins at line i, with the lines that its quoted cells go on in, and the line behind it.
func (r *tableReader) joined(i int) (string, int) {
	line := r.lines[i]
	for n := 1; strings.Count(line, `"`)%2 == 1 && n < maxJoined; n++ {
		if i+n >= len(r.lines) || len(line)+len(r.lines[i+n]) > maxCell {
			break
		}
		longer := line + " " + r.lines[i+n]
		if strings.Count(longer, `"`)%2 == 0 {
			return longer, i + n + 1
		}
		line = longer
	}
	return r.lines[i], i + 1
}

// next returns the next line from i on that is neither blank nor a rule; len(lines) if there is none within three lines.
func (r *tableReader) next(i int) int {
	for n := 0; n < 3 && i < len(r.lines); n++ {
		if trim(r.lines[i]) != "" && !isRule(r.lines[i]) {
			return i
		}
		i++
	}
	return len(r.lines)
}

// delimited reads rows with a separator, and returns the line behind them; i if the line is none.
func (r *tableReader) delimited(i int) int {
	first, after := r.joined(i)
	second := ""
	if n := r.next(after); n < len(r.lines) {
		second, _ = r.joined(n)
	}
	var sep byte
	var head []string
	for _, s := range []byte{'\t', ';', '|', ','} {
		if strings.IndexByte(first, s) < 0 {
			continue
		}
		if h := split(first, s); len(h) > max(len(head), 1) && (second == "" || len(split(second, s)) == len(h)) {
			sep, head = s, h
		}
	}
	if sep == 0 {
		return i
	}
	t := table{Head: head, Line: i + 1}
	j := after
	for j < len(r.lines) {
		if isRule(r.lines[j]) {
			t.Marked = t.Marked || len(t.Rows) == 0
			j++
			continue
		}
		if trim(r.lines[j]) == "" {
			// wmic's CSV has a blank line behind each line; elsewhere it ends the table.
			n := r.next(j)
			if n == len(r.lines) || len(split(r.lines[n], sep)) != len(head) {
				break
			}
			j = n
			continue
		}
		if strings.IndexByte(r.lines[j], sep) < 0 {
			break
		}
		row, end := r.joined(j)
		if !r.keep(&t, tableRow{Cells: split(row, sep), Line: j + 1}) {
			break
		}
		j = end
	}
	r.out = append(r.out, t)
	return j
}

// columns reads a table whose columns are only aligned: the heads show where they begin. It returns the line behind it.
func (r *tableReader) columns(i int) int {
	var cols []span
	at := 0
	for _, h := range manyBlanks.Split(trimRight(r.lines[i]), maxColumns) {
		if h != "" {
			from := at + strings.Index(r.lines[i][at:], h)
			n := utf8.RuneCountInString(r.lines[i][:from])
			cols = append(cols, span{n, n + utf8.RuneCountInString(h)})
			at = from + len(h)
		}
	}
	if len(cols) < 2 {
		return i + 1
	}
	t := table{Head: cells(r.lines[i], cols), Line: i + 1}
	j := i + 1
	for ; j < len(r.lines); j++ {
		if trim(r.lines[j]) == "" {
			if n := r.next(j); j > i+1 && n < len(r.lines) && n > j+1 || n == len(r.lines) || !fits(r.lines[n], cols) {
				break
			}
			continue
		}
		if !fits(r.lines[j], cols) || !r.keep(&t, tableRow{Cells: cells(r.lines[j], cols), Line: j + 1}) {
			break
		}
	}
	r.out = append(r.out, t)
	return j
}

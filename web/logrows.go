package web

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/a-h/templ"

	"casebook/findings"
	"casebook/ingest"
	"casebook/internal/secrets"
)

// What a page shows of one record. A byte of text becomes at most 18 bytes of HTML, so that the second limit on the text keeps a row below that on the row.
const (
	maxRecordText  = 64 << 10
	leastText      = 8 << 10   // of a record whose text would take more than maxRowHTML
	maxRowHTML     = 256 << 10 // of the text; the citations come in addition
	maxCitedLines  = 4000
	maxCitations   = 4        // of one line
	maxCitedHTML   = 64 << 10 // of one record
	maxTitle       = 200      // characters of a citation
	maxLogName     = 200      // bytes of a component
	maxCodeText    = 1000     // bytes of a record that are searched for codes
	maxPageDecodes = 20       // texts of a page that are searched for codes, besides evidence
	maxLogCodes    = 2000     // texts of which the codes are kept in mind
	maxPageCodes   = 60       // codes that a page lists
)

// row draws one record. Rows are written by hand, with unquoted attributes and without the end tags that HTML lets out: a log has up to millions.
func (d *logDrawer) row(r *ingest.Record) {
	l := &d.leaf
	again := l.records > 0 && r.Line <= l.last // a line that is longer than a record
	if l.records == 0 {
		l.first = r.Line
	}
	l.records++
	l.last = r.Line + max(1, r.Lines) - 1
	at, _ := slices.BinarySearch(d.log.named, r.Line)
	named := d.log.named[at:]
	for n := range named {
		if named[n] > l.last {
			named = named[:n]
			break
		}
	}
	if again || len(named) > maxCitedLines {
		named = named[:min(len(named), maxCitedLines)]
	}
	cited := false
	for _, n := range named {
		if !again || n > r.Line {
			l.anchors = append(l.anchors, n)
		}
		if d.log.cited[n] != nil {
			if !again || n > r.Line {
				l.evidence = append(l.evidence, n)
			}
			cited = true
		}
	}
	letter := byte(0)
	switch r.Severity {
	case ingest.SeverityError:
		letter = 'E'
		l.errors++
	case ingest.SeverityWarning:
		letter = 'W'
		l.warnings++
	case ingest.SeverityInfo, ingest.SeverityNone:
	}

	// The line break stands within the tag: behind it, it would be text of the cell before.
	b := append(d.rows, "<tr\n"...)
	if !again {
		b = append(b, "id=L"...)
		b = strconv.AppendInt(b, int64(r.Line), 10)
	}
	switch {
	case letter != 0 && cited:
		b = append(b, ` class="`...)
		b = append(b, letter)
		b = append(b, ` x"`...)
	case letter != 0:
		b = append(b, " class="...)
		b = append(b, letter)
	case cited:
		b = append(b, " class=x"...)
	}
	b = append(b, "><th scope=row><a href=#L"...)
	b = strconv.AppendInt(b, int64(r.Line), 10)
	b = append(b, '>')
	b = strconv.AppendInt(b, int64(r.Line), 10)
	b = append(b, "</a><td>"...)
	if letter != 0 {
		b = append(b, letter)
	}
	b = append(b, "<td>"...)
	b = d.time(b, r.Time)
	b = append(b, "<td>"...)
	b = appendText(b, clipText(r.Component, maxLogName))
	b = append(b, "<td>"...)
	if r.Thread != 0 {
		b = strconv.AppendUint(b, r.Thread, 10)
	}
	b = append(b, "<td>"...)

	text := bytes.TrimRight(r.Text, "\r\n")
	if secrets.Maybe(text) {
		text = []byte(secrets.Remove(string(text)))
	}
	var codes []code
	if cited || letter != 0 {
		codes = d.decode(r, text, cited)
	}
	start, cut := len(b), clipText(text, maxRecordText)
	b = d.message(b, r, cut, named, codes)
	if len(b)-start > maxRowHTML {
		cut = clipText(text, leastText)
		b = d.message(b[:start], r, cut, named, codes)
	}
	if len(cut) < len(text) {
		b = append(b, ` <span class=quiet>… (`...)
		b = append(b, size(int64(len(text)))...)
		b = append(b, ` in all)</span>`...)
	}
	if cited && !again {
		b = d.cite(b, named)
	}
	d.rows = b
}

// gap says that lines are left out.
func (d *logDrawer) gap(from, to int) {
	d.rows = fmt.Appendf(d.rows, "<tr\nclass=gap><td colspan=6>%s", gapWords(from, to))
}

// gapWords says which lines a page leaves out.
func gapWords(from, to int) string {
	if from == to {
		return "Line " + number(from) + " is not shown here"
	}
	return "Lines " + number(from) + " to " + number(to) + " are not shown here"
}

// clipText returns the first n bytes of a text, without cutting a character.
func clipText(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for range utf8.UTFMax - 1 {
		if utf8.RuneStart(text[n]) {
			break
		}
		n--
	}
	return text[:n]
}

// day keeps the date that was written last.
type day struct {
	number int64 // from 1970-01-01
	date   []byte
}

const dayMicros = 24 * 60 * 60 * 1e6

// time writes a record's time by the log's own clock, and its offset where that is not the page's.
func (d *logDrawer) time(b []byte, t ingest.Time) []byte {
	wall, ok := t.Local()
	if !ok {
		return b
	}
	l := &d.leaf
	if !l.timed {
		l.timed, l.bias, l.zone = true, t.Bias, t.Zone
	}
	day := t.Wall / dayMicros
	if t.Wall%dayMicros < 0 {
		day--
	}
	if d.day.date == nil || d.day.number != day {
		d.day.number, d.day.date = day, wall.AppendFormat(d.day.date[:0], "2006-01-02 ")
	}
	start := len(b)
	b = append(b, d.day.date...)
	micros := t.Wall - day*dayMicros
	seconds := micros / 1e6
	b = appendTwo(b, seconds/3600)
	b = append(b, ':')
	b = appendTwo(b, seconds/60%60)
	b = append(b, ':')
	b = appendTwo(b, seconds%60)
	if micros %= 1e6; micros != 0 || d.fraction {
		d.fraction = true
		b = append(b, '.', byte('0'+micros/1e5), byte('0'+micros/1e4%10), byte('0'+micros/1e3%10))
		if micros%1000 != 0 {
			b = append(b, byte('0'+micros/100%10), byte('0'+micros/10%10), byte('0'+micros%10))
		}
	}
	if l.from == "" {
		l.from = string(b[start:])
	}
	d.lastTime = append(d.lastTime[:0], b[start:]...)
	known, page := t.Zone >= ingest.ZoneSystem, l.zone >= ingest.ZoneSystem
	if known != page || t.Bias != l.bias {
		b = append(b, "<i>"...)
		if known {
			b = append(b, shortOffset(int(t.Bias))...)
		} else {
			b = append(b, '?')
		}
		b = append(b, "</i>"...)
	}
	return b
}

func appendTwo(b []byte, n int64) []byte {
	const digits = "0123456789"
	return append(b, digits[n/10%10], digits[n%10])
}

// shortOffset writes Windows' bias the other way round, as it stands behind a time.
func shortOffset(bias int) string {
	sign := '+'
	if bias > 0 {
		sign = '-'
	} else {
		bias = -bias
	}
	return fmt.Sprintf("%c%02d:%02d", sign, bias/60, bias%60)
}

// message writes a record's text. The lines that evidence cites are marked; every line that the report names has an anchor.
func (d *logDrawer) message(b []byte, r *ingest.Record, text []byte, named []int, codes []code) []byte {
	if len(named) == 0 {
		return appendCoded(b, text, codes)
	}
	line := r.Line
	if r.Lines > 1 {
		line += bytes.Count(r.Raw[:max(0, bytes.Index(r.Raw, text))], []byte("\n"))
	}
	for len(named) > 0 && named[0] < line { // above the text
		if named[0] != r.Line {
			b = appendAnchor(b, named[0])
		}
		named = named[1:]
	}
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			end = len(text)
		}
		here := len(named) > 0 && named[0] == line
		if here {
			named = named[1:]
		}
		inner, mark := here && line != r.Line, here && d.log.cited[line] != nil
		if inner {
			b = append(b, "<span id=L"...)
			b = strconv.AppendInt(b, int64(line), 10)
			b = append(b, '>')
		}
		if mark {
			b = append(b, "<mark>"...)
		}
		b = appendCoded(b, bytes.TrimSuffix(text[:end], []byte("\r")), codes)
		if mark {
			b = append(b, "</mark>"...)
		}
		if inner {
			b = append(b, "</span>"...)
		}
		if end < len(text) {
			b = append(b, '\n')
			end++
		}
		text = text[end:]
		line++
	}
	for _, n := range named { // behind the text, or in what of it is not shown
		if n != r.Line {
			b = appendAnchor(b, n)
		}
	}
	return b
}

func appendAnchor(b []byte, line int) []byte {
	b = append(b, "<span id=L"...)
	b = strconv.AppendInt(b, int64(line), 10)
	return append(b, "></span>"...)
}

// cite says what the record's lines are evidence of.
func (d *logDrawer) cite(b []byte, named []int) []byte {
	start, left := len(b), 0
	for _, n := range named {
		for i, c := range d.log.cited[n] {
			if i >= maxCitations || len(b)-start > maxCitedHTML {
				left++
				continue
			}
			b = append(b, `<p class=cite>Evidence`...)
			if len(named) > 1 {
				b = append(b, " in line "...)
				b = append(b, number(n)...)
			}
			b = append(b, ": "...)
			if c.anchor != "" {
				b = append(b, `<a href="../`+PageIndex+`#`...)
				b = append(b, html.EscapeString(c.anchor)...)
				b = append(b, `">`...)
			}
			b = appendText(b, []byte(clip(c.title, maxTitle)))
			if c.anchor != "" {
				b = append(b, "</a>"...)
			}
			b = append(b, "</p>"...)
		}
	}
	if left > 0 {
		b = append(b, `<p class=cite>and `...)
		b = append(b, count(left, "more piece of evidence", "more pieces of evidence")...)
		b = append(b, "</p>"...)
	}
	return b
}

// decode returns the error codes of a record, and notes them for the page. Searching a text takes some ten microseconds: logs repeat themselves, so texts that differ in
// identifiers only are searched once, and of a page that has very many different ones the first.
func (d *logDrawer) decode(r *ingest.Record, text []byte, cited bool) []code {
	text = clipText(text, maxCodeText)
	if !maybeCode(text) {
		return nil
	}
	l := &d.leaf
	d.key = append(append(d.key[:0], r.Component...), 0)
	from := len(d.key)
	d.key = appendMasked(d.key, text)
	codes, ok := d.codes[string(d.key)]
	if !ok {
		if l.decoded == maxPageDecodes && !cited {
			l.more++
			return nil
		}
		if !cited {
			l.decoded++
		}
		if len(d.codes) >= maxLogCodes {
			clear(d.codes)
		}
		for _, c := range findings.Codes(string(bytes.ToValidUTF8(d.key[from:], nil)), d.log.Kind, string(r.Component)) {
			codes = append(codes, code{c, templ.EscapeString(plain(c.Meaning))})
		}
		d.codes[string(d.key)] = codes
	}
	for _, c := range codes {
		if len(l.codes) < maxPageCodes && !slices.ContainsFunc(l.codes, func(n codeNote) bool { return n.Code == c.Code }) {
			l.codes = append(l.codes, codeNote{c.Code, r.Line})
		}
	}
	return codes
}

// maybeCode says whether a text can hold an error code: a digit, in a number by itself or in a hexadecimal one.
func maybeCode(text []byte) bool {
	before := byte(' ')
	for _, c := range text {
		if '0' <= c && c <= '9' && !isWord(before) {
			return true
		}
		before = c
	}
	return false
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

// appendMasked appends a text in which identifiers that are no error codes are blanks: GUIDs, longer words with digits in them, and numbers that are too long for a code and
// too short for an HRESULT.
func appendMasked(b, text []byte) []byte {
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			b = append(b, text[i])
			i++
			continue
		}
		end, digits := i, 0
		for end < len(text) && isWord(text[end]) {
			if '0' <= text[end] && text[end] <= '9' {
				digits++
			}
			end++
		}
		word := text[i:end]
		switch {
		case isGUID(text[i:]):
			b = append(b, '_')
			end = i + guidLength
		case digits > 0 && len(word) > 10, len(word) == 9 && digits > 0 && word[1] != 'x', digits == len(word) && 6 <= digits && digits <= 8 && word[0] != '8':
			b = append(b, '_')
		default:
			b = append(b, word...)
		}
		i = end
	}
	return b
}

const guidLength = 36

func isGUID(s []byte) bool {
	return len(s) >= guidLength && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && bytes.IndexByte(s[:8], ' ') < 0
}

// appendCoded writes text in which the error codes are explained where they stand first.
func appendCoded(b, text []byte, codes []code) []byte {
	for len(codes) > 0 {
		first, at := -1, math.MaxInt
		for i := range codes {
			if n := indexWord(text, codes[i].Text); n >= 0 && n < at {
				first, at = i, n
			}
		}
		if first < 0 {
			break
		}
		c := &codes[first]
		b = appendText(b, text[:at])
		b = append(b, `<abbr title="`...)
		b = append(b, c.title...)
		b = append(b, `">`...)
		b = appendText(b, []byte(c.Text))
		b = append(b, "</abbr>"...)
		text = text[at+len(c.Text):]
		codes = slices.Delete(slices.Clone(codes), first, first+1)
	}
	return appendText(b, text)
}

// indexWord is where a word stands in a text by itself, -1 if it does not.
func indexWord(text []byte, word string) int {
	for from := 0; word != ""; {
		n := bytes.Index(text[from:], []byte(word))
		if n < 0 {
			break
		}
		n += from
		end := n + len(word)
		if (n == 0 || !isWord(text[n-1]) || !isWord(word[0])) && (end == len(text) || !isWord(text[end])) {
			return n
		}
		from = n + 1
	}
	return -1
}

// asIs are the bytes that are written as they stand.
var asIs = func() (t [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		t[c] = c != '&' && c != '<' && c != '>'
	}
	t['\n'], t['\t'] = true, true
	return t
}()

// appendText writes text of a log: markup escaped, and what can't be seen as visible escapes. Nearly all text is plain ASCII, which is copied in runs.
func appendText(b, s []byte) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if asIs[c] {
			continue
		}
		switch c {
		case '&':
			b = append(append(b, s[start:i]...), "&amp;"...)
		case '<':
			b = append(append(b, s[start:i]...), "&lt;"...)
		case '>':
			b = append(append(b, s[start:i]...), "&gt;"...)
		default:
			if n := letter(s[i:]); n > 0 {
				i += n - 1
				continue
			}
			if c == '\r' && i+1 < len(s) && s[i+1] == '\n' {
				b = append(b, s[start:i]...)
				break
			}
			return appendRest(append(b, s[start:i]...), s[i:])
		}
		start = i + 1
	}
	return append(b, s[start:]...)
}

// letter is the length of the character that s begins with if it is surely a letter that is seen, of Latin, Cyrillic, Kana, Hangul or Han; else 0.
func letter(s []byte) int {
	r, n := utf8.DecodeRune(s)
	if 0xc0 <= r && r < 0x250 || 0x410 <= r && r < 0x480 || 0x3041 <= r && r <= 0x3096 || 0x30a1 <= r && r <= 0x30fa || 0x4e00 <= r && r <= 0x9fa5 || 0xac00 <= r && r <= 0xd7a3 {
		return n
	}
	return 0
}

// appendRest writes text that begins with a character that is not known to be seen.
func appendRest(b, s []byte) []byte {
	pieces(string(bytes.ReplaceAll(s, []byte("\r\n"), []byte("\n"))), true, func(piece string, visible bool) {
		if visible {
			b = append(b, templ.EscapeString(piece)...)
			return
		}
		b = append(b, "<span class=esc>"...)
		b = append(b, piece...)
		b = append(b, "</span>"...)
	})
	return b
}

package query

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/internal/wincode"
)

// maxAround bounds in bytes how far to each side of a number is read what it may be a part of.
const maxAround = 512

// isOther reports whether what surrounds the number at text[from:to] on its line proves that it is no error code: that it is the number of an Installer's message or of a
// field of it, or a part of a time, a date, an address, a URL, a path or a device's name, a line of source code, an offset in a program, an ID or an amount. Where the
// surroundings leave it open the number may be a code. Only short numbers are doubted: 0x80070643 and -2147023293 are codes by their form.
func isOther(text []byte, from, to int) bool {
	if to-from > len("0xFFFF") || text[from] == '-' {
		return false
	}
	n := suspect{text[from:to], text[max(0, from-maxAround):from], text[to:min(len(text), to+maxAround)]}
	if i := bytes.LastIndexAny(n.before, "\r\n"); i >= 0 {
		n.before = n.before[i+1:]
	}
	if i := bytes.IndexAny(n.after, "\r\n"); i >= 0 {
		n.after = n.after[:i]
	}
	if !decimal(n.self) {
		return n.offset()
	}
	return n.inNote() || n.inClock() || n.inDate() || n.inPath() || n.sourceLine() || n.named() || n.amount()
}

// suspect is a number and what surrounds it on its line.
type suspect struct{ self, before, after []byte }

// offset reports whether a hexadecimal number says where in a program something is: ntdll.dll+0x643.
func (n suspect) offset() bool {
	at, plus := bytes.CutSuffix(n.before, []byte("+"))
	r, _ := utf8.DecodeLastRune(at)
	return plus && isWord(r)
}

// inNote reports whether the number is that of a message in a note of Windows Installer or of one of the note's fields: "Note: 1: 1603 2: C:\a.dll 3: 5" has the message 1603
// (a file is in use) and three fields, of which the last holds a system error. "Note" is not localised. A message's number that no error has is what is asked for.
func (n suspect) inNote() bool {
	const note = "Note: 1: "
	if bytes.HasSuffix(n.before, []byte("Note: ")) && bytes.HasPrefix(n.after, []byte(": ")) {
		return true
	}
	i := bytes.LastIndex(n.before, []byte(note))
	if i < 0 {
		return false
	}
	fields := n.before[i+len(note):]
	if len(fields) == 0 {
		code, err := strconv.ParseUint(string(n.self), 10, 16)
		return err == nil && wincode.Lookup(uint32(code)) != nil
	}
	if len(n.self) > 1 || !bytes.HasSuffix(fields, []byte(" ")) || !bytes.HasPrefix(n.after, []byte(":")) {
		return false
	}
	for field := byte('2'); ; field++ {
		if field == n.self[0] {
			return !bytes.Contains(fields, []byte{' ', field, ':'})
		}
		_, rest, ok := bytes.Cut(fields, []byte{' ', field, ':'})
		if !ok {
			return false
		}
		fields = rest
	}
}

// inClock reports whether the number is a part of a time of day, of a network card's address, or of the process and thread at the beginning of a line of Windows
// Installer, "MSI (s) (40:94)".
func (n suspect) inClock() bool {
	part := func(r rune) bool {
		return r == ':' || '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
	}
	head, tail := runBefore(n.before, part), runAfter(n.after, part)
	if !bytes.HasSuffix(head, []byte(":")) && !bytes.HasPrefix(tail, []byte(":")) {
		return false
	}
	before, after := n.before[:len(n.before)-len(head)], n.after[len(tail):]
	if r, _ := utf8.DecodeLastRune(before); isWord(r) && r != 'T' {
		return false
	}
	groups := strings.Split(string(head)+string(n.self)+strings.TrimSuffix(string(tail), ":"), ":")
	last := len(groups) - 1
	for i, g := range groups {
		switch {
		case len(g) == 2, i == 0 && len(g) == 1:
		case i > 2 && i == last && decimal([]byte(g)) && len(g) <= 7: // parts of a second
		default:
			return false
		}
	}
	if last != 1 {
		return last > 1
	}
	if b := before; bytes.HasSuffix(b, []byte(") (")) && len(b) >= len("MSI (s) (") && string(b[len(b)-9:len(b)-4]) == "MSI (" {
		return true
	}
	half := strings.ToLower(string(bytes.TrimLeft(after[:min(3, len(after))], " ")))
	day, _ := utf8.DecodeLastRune(bytes.TrimRight(before, " T"))
	return strings.HasPrefix(half, "am") || strings.HasPrefix(half, "pm") || len(before) > 0 && unicode.IsDigit(day)
}

// inDate reports whether the number is a part of a date with slashes.
func (n suspect) inDate() bool {
	part := func(r rune) bool { return r == '/' || '0' <= r && r <= '9' }
	groups := strings.Split(string(runBefore(n.before, part))+string(n.self)+string(runAfter(n.after, part)), "/")
	if len(groups) != 3 {
		return false
	}
	year := func(s string) bool { return len(s) == 4 && "1900" <= s && s < "2200" }
	day := func(s string) bool { return len(s) == 1 || len(s) == 2 && s < "32" }
	return year(groups[0]) && day(groups[1]) && day(groups[2]) || day(groups[0]) && day(groups[1]) && (year(groups[2]) || len(groups[2]) == 2)
}

// inPath reports whether the number is a part of a URL before its query, of a path with slashes, of a short name (PROGRA~1), or of a device's name (5&1603&0, USB#VID_0001#1603#).
// What stands between backslashes is told by [standsAlone].
func (n suspect) inPath() bool {
	part := func(r rune) bool { return !unicode.IsSpace(r) && !strings.ContainsRune(`"'<>|,;`, r) }
	head, tail := runBefore(n.before, part), runAfter(n.after, part)
	if i := bytes.LastIndex(head, []byte("://")); i >= 0 {
		return !bytes.ContainsAny(head[i:], "?=#()")
	}
	if len(head) == 0 {
		return false
	}
	further, _ := utf8.DecodeLastRune(head[:len(head)-1])
	var next byte
	beyond := utf8.RuneError
	if len(tail) > 0 {
		next = tail[0]
		beyond, _ = utf8.DecodeRune(tail[1:])
	}
	device := bytes.ContainsAny(head, `\#`) && !bytes.ContainsAny(head, "?=")
	switch head[len(head)-1] {
	case '/':
		drive := len(head) > 2 && head[1] == ':' && head[2] == '/'
		return (drive || head[0] == '/' || head[0] == '.') && isWord(further) // "5/1603/0" and "failed/1603" may be codes
	case '~':
		return unicode.IsLetter(further)
	case '#':
		return bytes.ContainsAny(head[:len(head)-1], `\#`) && (next == '#' || next == '&' && isWord(beyond))
	case '&':
		return device && isWord(further)
	case ':': // a port
		address := runBefore(head[:len(head)-1], func(r rune) bool { return r == '.' || '0' <= r && r <= '9' })
		return bytes.Count(address, []byte(".")) == 3
	}
	return false
}

// sources are the endings of files of source code, whose lines logs name.
var sources = []string{".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".inl", ".cs", ".vb", ".vbs", ".js", ".ps1", ".psm1", ".py", ".asp", ".aspx"}

// sourceLine reports whether the number is a line of source code: setup.cpp:1603, Default.asp(1603).
func (n suspect) sourceLine() bool {
	name, colon := bytes.CutSuffix(n.before, []byte(":"))
	if !colon {
		var open bool
		if name, open = bytes.CutSuffix(n.before, []byte("(")); !open || !bytes.HasPrefix(n.after, []byte(")")) && !bytes.HasPrefix(n.after, []byte(",")) {
			return false
		}
	}
	ext := bytes.LastIndexByte(name, '.')
	if ext < 1 || !slices.Contains(sources, strings.ToLower(string(name[ext:]))) {
		return false
	}
	r, _ := utf8.DecodeLastRune(name[:ext])
	return isWord(r)
}

// names are the words of a number that is no code, where they stand right before it.
var names = []string{"pid", "tid", "process id", "processid", "thread id", "threadid", "port", "version", "eventrecordid"}

// named reports whether a word before the number names it: PID 1603, version: 1603, ThreadID='1603', at line 1603.
func (n suspect) named() bool {
	const longest = len(", source line   = ")
	words := strings.ToLower(string(n.before[max(0, len(n.before)-longest):]))
	told := strings.TrimRight(words, " :=#'\">")
	if told == words {
		return false
	}
	for _, w := range names {
		if rest, ok := strings.CutSuffix(told, w); ok {
			r, _ := utf8.DecodeLastRuneInString(rest)
			return rest == "" || !isWord(r)
		}
	}
	rest, ok := strings.CutSuffix(told, "line")
	if !ok {
		return false
	}
	rest = strings.TrimRight(rest, " ")
	return strings.HasSuffix(rest, ",") || strings.HasSuffix(rest, "(") || strings.HasSuffix(rest, " at") || strings.HasSuffix(rest, " in") || strings.HasSuffix(rest, " on")
}

// amountUnits are what amounts are counted in.
var amountUnits = []string{"byte", "bytes", "kb", "mb", "gb", "ms"}

// amount reports whether a unit follows the number.
func (n suspect) amount() bool {
	if rest, ok := bytes.CutPrefix(n.after, []byte("%")); ok {
		r, _ := utf8.DecodeRune(rest)
		return len(rest) == 0 || !isWord(r) && r != '%'
	}
	after, ok := bytes.CutPrefix(n.after, []byte(" "))
	if !ok {
		return false
	}
	unit := runAfter(after, isWord)
	if rest := after[len(unit):]; len(rest) > 1 && rest[0] == ' ' && unicode.IsDigit(rune(rest[1])) { // "1603 KB 4012345" is an update
		return false
	}
	return slices.Contains(amountUnits, strings.ToLower(string(unit)))
}

// runBefore returns the characters at the end of text that are of a kind.
func runBefore(text []byte, of func(rune) bool) []byte {
	i := bytes.LastIndexFunc(text, func(r rune) bool { return !of(r) })
	if i < 0 {
		return text
	}
	_, size := utf8.DecodeRune(text[i:])
	return text[i+size:]
}

// runAfter returns the characters at the beginning of text that are of a kind.
func runAfter(text []byte, of func(rune) bool) []byte {
	if i := bytes.IndexFunc(text, func(r rune) bool { return !of(r) }); i >= 0 {
		return text[:i]
	}
	return text
}

func decimal(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

package hive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"casebook/internal/safeio"
)

// Specification: "Use registration entries (.reg) files to add, modify, or delete registry subkeys and values"
// (support.microsoft.com, 310516), and the exports of regedit and reg.exe themselves. After a header line:
//
//	[HKEY_LOCAL_MACHINE\SYSTEM\Select]     a key; [-…] asks to delete it with all below it
//	"name"="text with \\ and \""           REG_SZ; @ in place of "name" is the default value
//	"name"=dword:0000000a                  REG_DWORD
//	"name"=hex:01,02,\                     REG_BINARY, continued on the next line
//	  03
//	"name"=hex(7):61,00,00,00,00,00        any type by its number in hexadecimal
//	"name"=-                               asks to delete the value
//	; comment
//
// In version 5 the bytes of strings are UTF-16, in REGEDIT4 they are in the ANSI code page.
const (
	exportHeader5 = "Windows Registry Editor Version 5.00"
	exportHeader4 = "REGEDIT4"
)

// SniffExport reports whether decoded text begins as a .reg file does.
func SniffExport(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != ';' {
			return isExportHeader(string(line)) || bytes.HasPrefix(line, []byte("[HKEY_")) || bytes.HasPrefix(line, []byte("[-HKEY_"))
		}
	}
	return false
}

func isExportHeader(line string) bool {
	line = strings.TrimRight(line, " \t")
	return line == exportHeader5 || line == exportHeader4
}

// exportParser reads the lines of one .reg file.
type exportParser struct {
	lines    []string
	i        int // the line that is read next
	ansi     func([]byte) string
	tree     *textTree
	problems *problems
	key      int32
	inKey    bool
	cut      bool // the text ends in the middle of an entry
	deletes  int  // how many lines ask to delete something
	first    int  // the first of them, counted from 0
}

// ParseExport reads the decoded lines of a .reg file, version 5 or REGEDIT4. ansi decodes the bytes of strings that a
// REGEDIT4 file holds in hexadecimal; nil means Windows-1252. The error says that the text is no .reg file.
func ParseExport(lines []string, ansi func([]byte) string) (*Hive, error) {
	h := &Hive{format: FormatExport}
	p := exportParser{lines: lines, tree: newTextTree(), problems: &h.problems}
	for p.i < len(lines) && p.line() == "" {
		p.i++
	}
	switch {
	case p.i == len(lines):
		return nil, errors.New("hive: the text is empty, no .reg file")
	case isExportHeader(p.line()):
		if strings.HasPrefix(p.line(), exportHeader4) {
			if p.ansi = ansi; ansi == nil {
				p.ansi = windows1252
			}
		}
		p.i++
	case SniffExport([]byte(p.line())):
		p.problem(p.i, "no header line: read as version 5.00")
	default:
		return nil, fmt.Errorf("hive: line %d: %s is no header of a .reg file", p.i+1, safeio.Quote(clip(p.line())))
	}
	for p.i < len(lines) {
		p.entry()
	}
	if p.deletes > 0 {
		h.script = true
		p.tree.compact()
		more := ""
		if p.deletes > 1 {
			more = fmt.Sprintf(" (the first of %d such lines)", p.deletes)
		}
		p.problem(p.first, "the line asks to delete something%s, which no export does: the file is a script of changes. It shows what would be set, not what a machine has, "+
			"so that it confirms nothing and rules nothing out", more)
	}
	h.store, h.truncated = p.tree, p.cut
	h.kind = p.tree.kind(h)
	return h, nil
}

// deletion notes a line that asks to delete something.
func (p *exportParser) deletion(line int) {
	if p.deletes == 0 {
		p.first = line
	}
	p.deletes++
}

// windows1252 decodes bytes of code page 1252.
func windows1252(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = charmap.Windows1252.DecodeByte(c)
	}
	return string(out)
}

// clip bounds what a message quotes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// line returns the next line from its first letter on. Blanks at its end may be part of a string that goes on.
func (p *exportParser) line() string {
	s := p.lines[p.i]
	if p.i == 0 {
		s = strings.TrimPrefix(s, "\ufeff")
	}
	return strings.TrimLeft(strings.TrimSuffix(s, "\r"), " \t")
}

// problem notes what is wrong with line i, counted from 0.
func (p *exportParser) problem(i int, format string, args ...any) {
	p.problems.add(Problem{Line: i + 1, Message: fmt.Sprintf(format, args...)})
}

// entry reads one line with the lines that continue it.
func (p *exportParser) entry() {
	start, line := p.i, p.line()
	p.i++
	switch {
	case line == "" || line[0] == ';':
	case line[0] == '[':
		p.keyLine(start, line)
	case line[0] == '"' || line[0] == '@':
		p.valueLine(start, line)
	case isExportHeader(line): // several exports in one file
	default:
		p.problem(start, "%s is neither a key nor a value", safeio.Quote(clip(line)))
	}
}

func (p *exportParser) keyLine(start int, line string) {
	p.inKey = false
	end := strings.LastIndexByte(line, ']')
	if end < 0 {
		p.cut = p.cut || p.i == len(p.lines)
		p.problem(start, "key %s has no closing bracket", safeio.Quote(clip(line)))
		return
	}
	path := line[1:end]
	if path, ok := strings.CutPrefix(path, "-"); ok {
		p.deletion(start)
		p.tree.remove(path)
		return
	}
	id, ok := p.tree.add(path, start+1)
	if !ok {
		p.problem(start, "key %s lies deeper than the registry goes", safeio.Quote(clip(path)))
		return
	}
	p.key, p.inKey = id, true
}

func (p *exportParser) valueLine(start int, line string) {
	name, rest := "", line[1:]
	if line[0] == '"' {
		var ok bool
		if name, rest, ok = p.quoted(line); !ok {
			p.problem(start, "the name of a value has no closing quote")
			return
		}
	}
	rest = strings.TrimLeft(rest, " \t")
	if !strings.HasPrefix(rest, "=") {
		p.problem(start, "no = behind the name of value %s", safeio.Quote(clip(name)))
		return
	}
	data := strings.TrimLeft(rest[1:], " \t")
	if strings.TrimRight(data, " \t") == "-" {
		p.deletion(start)
		if p.inKey {
			p.tree.unset(p.key, name)
		}
		return
	}
	v, ok := p.data(start, data)
	v.Name, v.Line = name, start+1
	switch {
	case !ok:
		p.problem(start, "the data of value %s can't be read: %s", safeio.Quote(clip(name)), safeio.Quote(clip(rest)))
	case !p.inKey:
		p.problem(start, "value %s stands below no key", safeio.Quote(clip(name)))
	case p.tree.set(p.key, v):
		p.problem(start, "value %s is stated twice; the last one counts", safeio.Quote(clip(name)))
	}
}

// data reads what stands behind the =.
func (p *exportParser) data(start int, s string) (Value, bool) {
	if strings.HasPrefix(s, `"`) {
		text, _, closed := p.quoted(s)
		if !closed {
			p.problem(start, "a string has no closing quote")
		}
		return Value{Type: TypeSZ, Data: sz(text), Truncated: !closed}, true
	}
	kind, s, ok := strings.Cut(s, ":")
	kind = strings.ToLower(kind)
	switch {
	case !ok:
		return Value{}, false
	case kind == "dword":
		digits, _, _ := strings.Cut(s, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 32)
		return Value{Type: TypeDWord, Data: binary.LittleEndian.AppendUint32(nil, uint32(n))}, err == nil
	case kind == "hex":
		b, whole := p.hex(start, s)
		return Value{Type: TypeBinary, Data: b, Truncated: !whole}, true
	case strings.HasPrefix(kind, "hex(") && strings.HasSuffix(kind, ")"):
		n, err := strconv.ParseUint(kind[len("hex("):len(kind)-1], 16, 32)
		b, whole := p.hex(start, s)
		v := Value{Type: Type(n), Data: b, Truncated: !whole}
		if p.ansi != nil && v.text() && !looksUTF16(b) {
			v.Data = safeio.AppendUTF16LE(nil, p.ansi(b))
		}
		return v, err == nil
	default:
		return Value{}, false
	}
}

// sz returns a string as a hive holds it.
func sz(s string) []byte {
	return append(safeio.AppendUTF16LE(make([]byte, 0, 2*len(s)+2), s), 0, 0)
}

// looksUTF16 reports whether the bytes of a string in a REGEDIT4 file are UTF-16 all the same, as some tools write
// them: every second byte is zero, and at least two letters stand side by side, which no list of single ANSI letters has.
func looksUTF16(b []byte) bool {
	letters := 0
	for i := 1; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
		if b[i-1] != 0 {
			letters++
		}
	}
	return len(b)%2 == 0 && letters > 1
}

// quoted reads a string in quotes from the start of s, and from the lines that follow while it is open, and returns it, what
// stands behind it, and whether it was closed. Only \ and " are escaped; line breaks stand as they are.
func (p *exportParser) quoted(s string) (text, rest string, closed bool) {
	var b strings.Builder
	s = s[1:]
	for {
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '"':
				return b.String(), s[i+1:], true
			case c == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			default:
				b.WriteByte(c)
			}
		}
		if p.i == len(p.lines) || strings.HasPrefix(p.lines[p.i], "[HKEY_") {
			p.cut = p.cut || p.i == len(p.lines)
			return b.String(), "", false
		}
		b.WriteString("\r\n")
		s = strings.TrimSuffix(p.lines[p.i], "\r")
		p.i++
	}
}

// hex reads bytes in hexadecimal from s and the lines that continue it, and reports whether all could be read.
func (p *exportParser) hex(start int, s string) ([]byte, bool) {
	out := make([]byte, 0, len(s)/3+1)
	for {
		s, _, _ = strings.Cut(s, ";")
		s = strings.TrimRight(s, " \t\r")
		body, more := strings.CutSuffix(s, `\`)
		more = more || strings.HasSuffix(body, ",")
		var bad string
		if out, bad = appendHex(out, body); bad != "" {
			p.problem(p.i-1, "%s is no byte in hexadecimal; the data before it is kept", safeio.Quote(clip(bad)))
			p.skipContinuation(more)
			return out, false
		}
		if !more {
			return out, true
		}
		if p.i == len(p.lines) || !isHexLine(p.lines[p.i]) {
			p.cut = p.cut || p.i == len(p.lines)
			p.problem(start, "the data should be continued behind line %d, and is not", p.i)
			return out, false
		}
		s = p.lines[p.i]
		p.i++
	}
}

// appendHex appends the bytes that s lists, one or two digits each, parted by commas and blanks. It stops at what is no byte and
// returns that.
func appendHex(out []byte, s string) ([]byte, string) {
	for i := 0; i < len(s); {
		if c := s[i]; c == ',' || c == ' ' || c == '\t' {
			i++
			continue
		}
		end := i
		n := 0
		for end < len(s) && end < i+2 && isHexDigit(s[end]) {
			n = n<<4 | hexDigit(s[end])
			end++
		}
		if end == i || end < len(s) && s[end] != ',' && s[end] != ' ' && s[end] != '\t' {
			bad, _, _ := strings.Cut(s[i:], ",")
			return out, bad
		}
		out = append(out, byte(n))
		i = end
	}
	return out, ""
}

// hexDigit returns the value of a digit that isHexDigit accepts.
func hexDigit(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}

// skipContinuation passes over the rest of data that can't be read.
func (p *exportParser) skipContinuation(more bool) {
	for more && p.i < len(p.lines) && isHexLine(p.lines[p.i]) {
		more = strings.HasSuffix(strings.TrimRight(p.lines[p.i], " \t\r"), `\`)
		p.i++
	}
}

// isHexLine reports whether a line can continue data in hexadecimal.
func isHexLine(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return line != "" && line[0] != '[' && line[0] != '"' && line[0] != '@'
}

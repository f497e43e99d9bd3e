package hive

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"casebook/internal/safeio"
)

// The output of reg query, in every language of Windows: an empty line, the key at the left margin, its values
// indented by four blanks, the columns four blanks apart (Windows XP and 2003: a tab), then the subkeys.
//
//	HKEY_LOCAL_MACHINE\SYSTEM\Select
//	    Current    REG_DWORD    0x1
//
// The default value is named by a word of the language in parentheses, <NO NAME> in old versions, and the strings of
// a REG_MULTI_SZ are parted by \0.

// rootNames are the names of the root keys, long and short.
var rootNames = []string{
	"HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER", "HKEY_CLASSES_ROOT", "HKEY_USERS", "HKEY_CURRENT_CONFIG",
	"HKLM", "HKCU", "HKCR", "HKU", "HKCC",
}

// SniffQuery reports whether decoded text looks like the output of reg query: a key at the left margin, and below it a value,
// or another key.
func SniffQuery(head []byte) bool {
	if SniffExport(head) {
		return false
	}
	afterKey := false
	for line := range bytes.Lines(bytes.TrimPrefix(head, []byte("\ufeff"))) {
		s := strings.TrimRight(string(line), "\r\n")
		switch {
		case strings.TrimSpace(s) == "":
		case isQueryKey(s):
			if afterKey {
				return true
			}
			afterKey = true
		case afterKey:
			if _, ok := cutQueryValue(s); ok {
				return true
			}
			afterKey = false
		}
	}
	return false
}

// isQueryKey reports whether a line is a key.
func isQueryKey(line string) bool {
	root, _, below := strings.Cut(line, `\`)
	for _, name := range rootNames {
		if strings.TrimRight(root, " ") == name {
			return below || len(name) > 4 && strings.TrimRight(line, " ") == name
		}
	}
	return false
}

// queryValue is a value line cut into its columns.
type queryValue struct{ name, typ, data string }

// cutQueryValue cuts a value line; false if it is none.
func cutQueryValue(line string) (queryValue, bool) {
	body, ok := strings.CutPrefix(line, "    ")
	if !ok {
		if body, ok = strings.CutPrefix(line, "\t"); !ok {
			return queryValue{}, false
		}
	}
	for from := 0; ; {
		at := strings.Index(body[from:], "REG_")
		if at < 0 {
			return queryValue{}, false
		}
		at += from
		from = at + len("REG_")
		name, ok := cutColumn(body[:at])
		if !ok {
			continue
		}
		end := at
		for end < len(body) && (body[end] == '_' || 'A' <= body[end] && body[end] <= 'Z') {
			end++
		}
		data := body[end:]
		if number, rest, ok := strings.Cut(data, ")"); ok && strings.HasPrefix(number, " (") && strings.Trim(number[2:], "0123456789") == "" {
			data = rest // /z shows the number of the type, too
		}
		for _, sep := range []string{"    ", "\t"} {
			if rest, ok := strings.CutPrefix(data, sep); ok {
				return queryValue{name, body[at:end], rest}, true
			}
		}
		if strings.TrimSpace(data) == "" {
			return queryValue{name, body[at:end], ""}, true
		}
	}
}

// cutColumn removes the separator behind a column.
func cutColumn(s string) (string, bool) {
	if s, ok := strings.CutSuffix(s, "\t"); ok {
		return s, true
	}
	return strings.CutSuffix(s, "    ")
}

// ParseQuery reads the decoded lines of the output of reg query, in any language of Windows. The error says that no
// line is a key. Lines at the left margin that are no keys (the prompt, the count of matches, a message) are passed over.
func ParseQuery(lines []string) (*Hive, error) {
	h := &Hive{format: FormatQuery}
	tree := newTextTree()
	key, inKey := int32(0), false
	var last *Value // the value that the line before belongs to
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		switch v, isValue := cutQueryValue(line); {
		case strings.TrimSpace(line) == "":
			last = nil
		case isQueryKey(line):
			last = nil
			if key, inKey = tree.add(strings.TrimRight(line, " "), i+1); !inKey {
				h.problems.add(Problem{Line: i + 1, Message: fmt.Sprintf("key %s lies deeper than the registry goes", safeio.Quote(clip(line)))})
			}
		case !inKey:
		case isValue:
			val, set, err := v.value(len(tree.keys[key].vals) == 0)
			if err != nil {
				h.problems.add(Problem{Line: i + 1, Message: fmt.Sprintf("value %s: %v", safeio.Quote(clip(v.name)), err)})
			}
			last = nil
			if !set {
				continue
			}
			val.Line = i + 1
			tree.set(key, val)
			last = &tree.keys[key].vals[tree.byValue[childName{key, foldString(val.Name)}]]
		case last != nil && last.text(): // a line break within a string
			last.Data = appendLine(*last, line)
		case strings.HasPrefix(line, "    "), strings.HasPrefix(line, "\t"):
			h.problems.add(Problem{Line: i + 1, Message: safeio.Quote(clip(strings.TrimSpace(line))) + " is no value"})
		}
	}
	if len(tree.keys) == 1 {
		return nil, errors.New("hive: no line is a key as reg query prints it")
	}
	h.store = tree
	h.kind = tree.kind(h)
	return h, nil
}

// appendLine returns the data of a string value with another line behind it.
func appendLine(v Value, line string) []byte {
	end := len(v.Data) - 2
	if v.Type == TypeMultiSZ {
		end -= 2
	}
	data := safeio.AppendUTF16LE(v.Data[:max(end, 0)], "\r\n"+line)
	for range len(v.Data) - end {
		data = append(data, 0)
	}
	return data
}

// value decodes the columns. first says that the value is the first of its key, where a default value stands. It returns false where there is no value: the
// default value, not set, is printed all the same. A value whose data can't be read is returned with what of it can.
func (q queryValue) value(first bool) (Value, bool, error) {
	v := Value{Name: q.name}
	if q.name == "<NO NAME>" || first && inParentheses(q.name) {
		v.Name = ""
		if q.typ == "REG_SZ" && inParentheses(q.data) {
			return Value{}, false, nil
		}
	}
	known := false
	for n, name := range typeNames {
		if name == q.typ {
			v.Type, known = Type(n), true
		}
	}
	if !known {
		v.Truncated = true
		return v, true, fmt.Errorf("type %q is not known", clip(q.typ))
	}
	var err error
	switch v.Type {
	case TypeSZ, TypeExpandSZ, TypeLink:
		v.Data = sz(q.data)
	case TypeMultiSZ:
		for _, s := range splitMulti(v.Name, q.data) {
			v.Data = append(v.Data, sz(s)...)
		}
		v.Data = append(v.Data, 0, 0)
	case TypeDWord, TypeDWordBigEndian, TypeQWord:
		v.Data, err = queryNumber(v.Type, q.data)
	default:
		v.Data, err = hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(q.data), " ", ""))
	}
	v.Truncated = err != nil
	return v, true, err
}

// inParentheses reports whether s is something in parentheses and nothing else.
func inParentheses(s string) bool {
	for _, p := range [][2]string{{"(", ")"}, {"（", "）"}} {
		if rest, ok := strings.CutPrefix(s, p[0]); ok && len(rest) > len(p[1]) && strings.Index(rest, p[1]) == len(rest)-len(p[1]) {
			return true
		}
	}
	return false
}

// queryNumber decodes 0x….
func queryNumber(t Type, s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	bits := 32
	if t == TypeQWord {
		bits = 64
	}
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		return nil, fmt.Errorf("%s is no number", safeio.Quote(clip(s)))
	}
	switch t {
	case TypeQWord:
		return binary.LittleEndian.AppendUint64(nil, n), nil
	case TypeDWordBigEndian:
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil //nolint:gosec // parsed as 32 bits
	default:
		return binary.LittleEndian.AppendUint32(nil, uint32(n)), nil //nolint:gosec // parsed as 32 bits
	}
}

// splitMulti cuts the strings of a REG_MULTI_SZ at \0. In the paths of pending renames a \0 may also be the start of a file name
// (C:\0a.tmp): there only what the next string's shape confirms is a separator.
func splitMulti(name, s string) []string {
	const sep = `\0`
	if !isPendingName(name) {
		return strings.Split(s, sep)
	}
	var out []string
	for from, at := 0, 0; ; {
		i := strings.Index(s[at:], sep)
		if i < 0 {
			return append(out, s[from:])
		}
		at += i
		next := s[at+len(sep):]
		if next == "" || strings.HasPrefix(next, sep) || startsPendingPath(next) {
			out = append(out, s[from:at])
			at += len(sep)
			from = at
			continue
		}
		at += len(sep)
	}
}

// startsPendingPath reports whether s begins with \??\, perhaps behind markers.
func startsPendingPath(s string) bool {
	i := strings.Index(s, `\??\`)
	return i >= 0 && i <= maxMarkers && !strings.ContainsAny(s[:i], `\:`)
}

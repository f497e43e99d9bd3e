package facts

import (
	"bytes"
	"hash/maphash"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"casebook/ingest"
)

// How many kinds of errors are kept of one artifact, and how much of a record tells its kind. Short logs have few: an upload may hold 100,000 of them.
const (
	maxKinds    = 64
	leastKinds  = 4
	linesAKind  = 64 // more lines read allow one more kind
	maxTemplate = 200
)

// ErrorKind is what all records have in common that differ in numbers and identifiers only, of those that their writers call errors.
type ErrorKind struct {
	Template string // the text with # for each number and identifier; error codes stay
	Count    int
	First    Match // the first of them
}

// kinds counts the kinds of errors of one artifact. What comes when the list is full is counted by none.
type kinds struct {
	seed  maphash.Seed
	byKey map[uint64]*ErrorKind
	order []*ErrorKind
	buf   []byte
}

// add counts a record that begins in a line and reports whether it is the first of a new kind.
func (k *kinds) add(text []byte, line int) bool {
	if k.byKey == nil {
		k.byKey, k.seed = map[uint64]*ErrorKind{}, maphash.MakeSeed()
	}
	k.buf = appendTemplate(k.buf[:0], text)
	key := maphash.Bytes(k.seed, k.buf)
	if kind := k.byKey[key]; kind != nil {
		kind.Count++
		return false
	}
	if len(k.order) >= min(maxKinds, leastKinds+line/linesAKind) {
		return false
	}
	kind := &ErrorKind{Template: strings.ToValidUTF8(string(k.buf), "\uFFFD"), Count: 1}
	k.byKey[key] = kind
	k.order = append(k.order, kind)
	return true
}

// Template returns what a record's text has in common with others of its kind: numbers, GUIDs and other identifiers are #, error codes (0x and eight
// digits of which the first is 8 to F) stay, and blanks are one. It is cut after 200 bytes of the text's first line that holds any.
func Template(text string) string { return string(appendTemplate(nil, []byte(text))) }

func appendTemplate(out, text []byte) []byte {
	text = bytes.TrimLeft(text, " \t\r\n")
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		text = text[:n]
	}
	for i := 0; i < len(text) && len(out) < maxTemplate; {
		c := text[i]
		switch {
		case isWordByte(c):
			end := i + 1
			digits := isDigit(c)
			for end < len(text) && isWordByte(text[end]) {
				digits = digits || isDigit(text[end])
				end++
			}
			word := text[i:end]
			if digits || inIdentifier(out) && isHex(word) {
				out = appendNumbers(out, word)
			} else {
				out = append(out, word...)
			}
			i = end
		case c == ' ' || c == '\t' || c == '\r':
			for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r') {
				i++
			}
			if i < len(text) {
				out = append(out, ' ')
			}
		default:
			out = append(out, c)
			i++
		}
	}
	if len(out) > maxTemplate {
		n := maxTemplate
		for n > 0 && !utf8.RuneStart(out[n]) {
			n--
		}
		out = out[:n]
	}
	return out
}

// appendNumbers appends a word that holds digits: an error code as it stands, else the word with # for each run of digits, and # alone if it is
// hexadecimal through and through.
func appendNumbers(out, word []byte) []byte {
	if len(word) == 10 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') && word[2] >= '8' && isHex(word[2:]) {
		return append(append(out, "0x"...), bytes.ToUpper(word[2:])...)
	}
	hex := bytes.TrimPrefix(bytes.TrimPrefix(word, []byte("0x")), []byte("0X"))
	if isHex(hex) {
		if inIdentifier(out) { // a further group of it
			return out[:len(out)-1]
		}
		return append(out, '#')
	}
	digits := false
	for _, c := range word {
		if isDigit(c) {
			if !digits {
				out = append(out, '#')
			}
			digits = true
			continue
		}
		digits = false
		out = append(out, c)
	}
	return out
}

// inIdentifier reports whether what follows goes on with a GUID or another identifier whose groups hyphens join.
func inIdentifier(out []byte) bool { return bytes.HasSuffix(out, []byte("#-")) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isHex(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(s) > 0
}

// ErrorKinds returns the kinds of errors of the system's logs, each once with the count over all logs, in the order of their templates. Of each
// log at most 64 kinds are known.
func (f *Facts) ErrorKinds() []ErrorKind {
	byTemplate := map[string]*ErrorKind{}
	for _, a := range f.ordered() {
		c := f.collected[a.Path]
		if c == nil {
			continue
		}
		for _, k := range c.kinds {
			if sum := byTemplate[k.Template]; sum != nil {
				sum.Count += k.Count
				continue
			}
			one := *k
			one.First = one.First.settled()
			byTemplate[k.Template] = &one
		}
	}
	out := make([]ErrorKind, 0, len(byTemplate))
	for _, k := range byTemplate {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b ErrorKind) int { return strings.Compare(a.Template, b.Template) })
	return out
}

// loud keeps what a record that its writer calls an error adds: its kind, and the first record of each of the first kinds with the lines around it. Words in what is no log (a ticket's text, names of settings)
// report nothing, and an exit code that asks for a restart is a success, whatever the line calls it. An event is quoted with all its fields, and its kind is
// told by its description.
func (s *sink) loud(i int, r *ingest.Record) {
	if kind := s.artifact.Kind; !strings.HasPrefix(string(kind), "log/") && kind != ingest.KindVCMJobs || asksForRestart(r.Text) {
		return
	}
	end, telling := 1, r.Text
	if s.artifact.Kind == ingest.KindLogEvents {
		end, telling = len(r.Text), longestLine(r.Text)
	}
	if s.kinds.add(telling, r.Line) {
		m := s.keep(i, 0, end, nil, len(s.got.loud) < maxLoud)
		if len(s.got.loud) < maxLoud {
			s.got.loud = append(s.got.loud, m)
		}
		s.firsts = append(s.firsts, m)
	}
}

// restartCode are the exit codes of an installation that succeeded: ERROR_SUCCESS_REBOOT_REQUIRED and ERROR_SUCCESS_REBOOT_INITIATED (winerror.h).
var restartCode = regexp.MustCompile(`(?i)\b(?:exit|return|result)(?:ed|ing|s)?[ _]?(?:code|value|status)?(?: is| was| with|:|=|[ "'(])*(?:3010|1641)\b`)

// asksForRestart reports whether the exit code that a line states is one of success.
func asksForRestart(text []byte) bool {
	return (bytes.Contains(text, []byte("3010")) || bytes.Contains(text, []byte("1641"))) && restartCode.Match(text)
}

// longestLine is the line of an event in text form that is likeliest its description.
func longestLine(text []byte) []byte {
	var longest []byte
	for line := range bytes.Lines(text) {
		if len(line) > len(longest) {
			longest = line
		}
	}
	return longest
}

package facts

import (
	"bytes"
	"hash/maphash"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"casebook/ingest"
	"casebook/internal/wincode"
)

// How many kinds of errors are kept of one artifact, and how much of a record tells its kind. Short logs have few: an upload may hold 100,000 of them.
const (
	maxKinds    = 64
	leastKinds  = 4
	linesAKind  = 64 // more lines read allow one more kind
	maxTemplate = 200
)

// How codes are looked for in the kinds of errors of one artifact: it takes longer than all the rest, and what looks like a code may be a counter.
const (
	maxScans = 16 // records of one text, but for its numbers, after which is known where its codes stand
	maxCodes = 8  // kinds of one text that differ in codes; further codes are # as well
)

// ErrorKind is what all records have in common that differ in numbers and identifiers only, of those that their writers call errors.
type ErrorKind struct {
	Template string // the text with # for each number and identifier; error and return codes stay
	Count    int
	First    Match // the first of them
}

// kinds counts the kinds of errors of one artifact. What comes when the list is full is counted by none.
type kinds struct {
	seed  maphash.Seed
	byKey map[uint64]*ErrorKind
	order []*ErrorKind
	coded map[uint64]*coded // by the text with # for all numbers; as many as there may be kinds
	buf   []byte
}

// coded says which numbers of a text are codes.
type coded struct {
	scans    int
	places   uint64 // a bit for each number that was a code in one of the records
	variants map[uint64]bool
}

// add counts a record of an artifact of a kind, which begins in a line, and reports whether it is the first of a new kind of error. The kind begins with head as it is, which may be empty.
func (k *kinds) add(head, text []byte, line int, of ingest.Kind) bool {
	if k.byKey == nil {
		k.byKey, k.coded, k.seed = map[uint64]*ErrorKind{}, map[uint64]*coded{}, maphash.MakeSeed()
	}
	head = head[:min(len(head), maxTemplate/2)]
	k.buf = appendTemplate(append(k.buf[:0], head...), text, nil)
	key := maphash.Bytes(k.seed, k.buf)
	if bytes.IndexByte(k.buf, '#') >= 0 {
		key = k.withCodes(key, head, text, line, of)
	}
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

// withCodes puts the codes of a text into its template in k.buf, whose key is given, and returns the key that it then has.
func (k *kinds) withCodes(masked uint64, head, text []byte, line int, of ingest.Kind) uint64 {
	c := k.coded[masked]
	if c == nil {
		if len(k.coded) >= min(maxKinds, leastKinds+line/linesAKind) {
			return masked
		}
		c = &coded{variants: map[uint64]bool{}}
		k.coded[masked] = c
	}
	if c.scans < maxScans {
		c.scans++
		k.buf = appendTemplate(append(k.buf[:0], head...), text, codesIn(text, of, &c.places))
	} else if c.places != 0 {
		k.buf = appendTemplate(append(k.buf[:0], head...), text, func(n, _, _ int, word []byte) bool {
			return n < 64 && c.places&(1<<n) != 0 && len(bytes.Trim(word, "0xX")) > 0
		})
	}
	key := maphash.Bytes(k.seed, k.buf)
	if key != masked && !c.variants[key] {
		if len(c.variants) >= maxCodes {
			k.buf = appendTemplate(append(k.buf[:0], head...), text, nil)
			return masked
		}
		c.variants[key] = true
	}
	return key
}

// codesIn returns what tells whether a number of a text is a code, and notes in places which are.
func codesIn(text []byte, of ingest.Kind, places *uint64) func(n, from, to int, word []byte) bool {
	found := wincode.Scan(string(firstLine(text)), wincode.Context{Kind: string(of)})
	return func(n, from, to int, _ []byte) bool {
		is := n < 64 && slices.ContainsFunc(found, func(f wincode.Found) bool { return f.From <= from && to <= f.To })
		if is {
			*places |= 1 << n
		}
		return is
	}
}

// firstLine is the first line of a text that holds anything.
func firstLine(text []byte) []byte {
	text = bytes.TrimLeft(text, " \t\r\n")
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		text = text[:n]
	}
	return text
}

// Template returns what a record's text has in common with others of its kind: numbers, GUIDs and other identifiers are #, error and return codes stay, and blanks
// are one. It is cut after 200 bytes of the text's first line that holds any.
func Template(text string) string {
	var places uint64
	return string(appendTemplate(nil, []byte(text), codesIn([]byte(text), "", &places)))
}

// appendTemplate appends the template of a text. stays tells of the n-th number of the first line, which stands in its bytes from and to, whether it stays; nil is for none. Error codes of
// 0x and eight digits, of which the first is 8 to F, always do.
func appendTemplate(out, text []byte, stays func(n, from, to int, word []byte) bool) []byte {
	text = firstLine(text)
	n := -1
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
			switch {
			case digits && isNumber(word) && !inIdentifier(out):
				if n++; stays != nil && stays(n, i, end, word) {
					out = append(out, word...)
				} else {
					out = append(out, '#')
				}
			case digits || inIdentifier(out) && isHex(word):
				out = appendNumbers(out, word)
			default:
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
		cut := maxTemplate
		for cut > 0 && !utf8.RuneStart(out[cut]) {
			cut--
		}
		out = out[:cut]
	}
	return out
}

// appendNumbers appends a word that holds digits: an error code as it stands, else the word with # for each run of digits, and # alone if it is
// hexadecimal through and through.
func appendNumbers(out, word []byte) []byte {
	if isCode(word) {
		return append(append(out, "0x"...), bytes.ToUpper(word[2:])...)
	}
	if isHex(digitsOf(word)) {
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

// isCode reports whether a word is an error code by its form alone.
func isCode(word []byte) bool {
	return len(word) == 10 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') && word[2] >= '8' && isHex(word[2:])
}

// isNumber reports whether a word is a number whose form does not tell what it is.
func isNumber(word []byte) bool { return !isCode(word) && isHex(digitsOf(word)) }

// digitsOf is a number without the prefix of hexadecimal ones.
func digitsOf(word []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimPrefix(word, []byte("0x")), []byte("0X"))
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
// report nothing, and an exit code that asks for a restart is a success, whatever the line calls it. An event is quoted with all its fields, one in XML from its own part on, and
// its kind is told by its description, in XML by source, number and strings.
func (s *sink) loud(i int, r *ingest.Record) {
	if kind := s.artifact.Kind; !strings.HasPrefix(string(kind), "log/") && kind != ingest.KindVCMJobs || asksForRestart(r.Text) {
		return
	}
	start, end, telling := 0, 1, r.Text
	var head []byte
	if s.artifact.Kind == ingest.KindLogEvents {
		if head, telling, start = tellingEvent(r.Text); start == 0 {
			telling = longestLine(r.Text)
		} else {
			start = quoteStart(r.Text, start)
		}
		end = len(r.Text)
	}
	if s.kinds.add(head, telling, r.Line, s.artifact.Kind) {
		m := s.keep(i, start, end, nil, len(s.got.loud) < maxLoud)
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

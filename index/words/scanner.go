package words

import (
	"unicode"
	"unicode/utf8"
)

// MaxTerm is the length in bytes to which [Each] cuts words: longer ones are encoded data that nobody types to their end.
const MaxTerm = 64

// The classes of ASCII bytes.
const (
	separator = iota
	small     // a small letter
	capital
	digit
	wildcard // * and ?, a separator unless the scanner reads a pattern
)

// classes and folded are looked up for each byte of every log, so they are tables.
var (
	classes = func() (t [utf8.RuneSelf]uint8) {
		for c := range t {
			switch {
			case 'a' <= c && c <= 'z':
				t[c] = small
			case 'A' <= c && c <= 'Z':
				t[c] = capital
			case '0' <= c && c <= '9':
				t[c] = digit
			case c == '*' || c == '?':
				t[c] = wildcard
			}
		}
		return t
	}()
	folded = func() (t [utf8.RuneSelf]byte) {
		for c := range t {
			t[c] = byte(c)
			if 'A' <= c && c <= 'Z' {
				t[c] += 'a' - 'A'
			}
		}
		return t
	}()
)

// unspaced are the scripts whose texts do not separate words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

// fold maps the characters that differ only in case to one. Going through the capital joins final and medial sigma, long and
// round s, dotless and dotted i.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		return rune(folded[r])
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// part is where a part of a word begins.
type part struct {
	text int // offset in the text
	fold int // offset in the folded word
}

// scanner walks the words of a text. After next it holds one word.
type scanner struct {
	text []byte
	glob bool // the text is a pattern: * and ? belong to words

	start, end int    // of the word in text
	guid       [2]int // where the second and the last group of the GUID last seen begin
	fold       []byte // the word, folded
	parts      []part // where its parts begin, the first at its beginning
}

// reset makes the scanner walk text from offset at.
func (s *scanner) reset(text []byte, at int) {
	s.text, s.end, s.guid = text, at, [2]int{}
}

// inner reports whether the word is an inner group of a GUID: the second, third or fourth.
func (s *scanner) inner() bool { return s.guid[0] <= s.start && s.start < s.guid[1] }

// guidLen is the length of a GUID without braces.
const guidLen = len("8097ee64-5d7b-4c2e-9f00-0123456789ab")

// isGUID reports whether a GUID, and not a longer word, stands at the beginning of text.
func isGUID(text []byte) bool {
	if len(text) < guidLen {
		return false
	}
	for i, c := range text[:guidLen] {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	if len(text) == guidLen {
		return true
	}
	r, _ := utf8.DecodeRune(text[guidLen:])
	return !isWord(r)
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// seek makes the scanner go on at offset at, behind the word on which it stands.
func (s *scanner) seek(at int) { s.end = at }

// next moves to the next word and reports whether there is one.
func (s *scanner) next() bool {
	text, i := s.text, s.end
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			if k := classes[c]; k != separator && (k != wildcard || s.glob) {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if isWord(r) {
			break
		}
		i += n
	}
	if i >= len(text) {
		s.start, s.end = i, i
		return false
	}
	s.start = i
	s.fold = s.fold[:0]
	s.parts = append(s.parts[:0], part{text: i})
	before := uint8(separator)
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			k := classes[c]
			if k == separator || k == wildcard && !s.glob {
				break
			}
			if k == capital && i > s.start {
				if before == small || i+1 < len(text) && text[i+1] < utf8.RuneSelf && classes[text[i+1]] == small {
					s.parts = append(s.parts, part{i, len(s.fold)})
				}
			}
			s.fold = append(s.fold, folded[c])
			before = k
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if !isWord(r) {
			break
		}
		if unicode.In(r, unspaced...) {
			if i == s.start {
				s.fold = utf8.AppendRune(s.fold, fold(r))
				i += n
			}
			break
		}
		s.fold = utf8.AppendRune(s.fold, fold(r))
		if before = small; unicode.IsUpper(r) {
			before = capital
		}
		i += n
	}
	s.end = i
	if s.inner() {
		s.parts = s.parts[:1]
	}
	if i-s.start == 8 && i < len(text) && text[i] == '-' && isGUID(text[s.start:]) {
		s.guid = [2]int{s.start + 9, s.start + 24}
	}
	return true
}

// anyGUID is the term of a text that holds a GUID. No word can be equal to it.
var anyGUID = []byte{0}

// Splitter cuts texts into terms. The zero value is ready; it keeps its buffers from one text to the next.
type Splitter struct{ s scanner }

// Each passes every word of text and every part of a word, folded and cut to [MaxTerm] bytes, to emit. The slice is valid
// during the call only. A word that occurs twice comes twice. For the inner groups of all GUIDs there is one common term, since each
// would be a term that hardly any other text has.
func (p *Splitter) Each(text []byte, emit func(term []byte)) {
	s := &p.s
	s.reset(text, 0)
	for s.next() {
		if s.inner() {
			if s.start == s.guid[0] {
				emit(anyGUID)
			}
			continue
		}
		emit(clip(s.fold))
		if len(s.parts) == 1 {
			continue
		}
		for i := range s.parts {
			emit(clip(s.part(i)))
		}
	}
	s.text = nil
}

// part returns the folded part i of the word.
func (s *scanner) part(i int) []byte {
	if i+1 < len(s.parts) {
		return s.fold[s.parts[i].fold:s.parts[i+1].fold]
	}
	return s.fold[s.parts[i].fold:]
}

// partEnd returns the offset in the text at which part i ends.
func (s *scanner) partEnd(i int) int {
	if i+1 < len(s.parts) {
		return s.parts[i+1].text
	}
	return s.end
}

func clip(term []byte) []byte { return term[:min(len(term), MaxTerm)] }

package words

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Pattern finds a string in texts, word by word. It is immutable and may be used from several goroutines.
//
// A pattern matches where its words and the punctuation between them stand, whatever their case. White space in it matches
// any white space, line ends included. Where it begins or ends with a word, a part of a CamelCase word will do as well: "state"
// is found in PolicyState, "tat" is not. With wildcards, * stands for any number of word characters and ? for one.
type Pattern struct {
	lead []rune // separators before the first word; everything if there is no word
	segs []segment
	fast prefilter
}

// segment is a word and the separators behind it.
type segment struct {
	word  []rune // folded; * and ? only if glob
	plain []byte // the word in UTF-8, if it is no glob
	glob  bool
	group bool // the word has the form of an inner group of a GUID
	tail  []rune
}

// Compile makes a pattern of s. With wildcards, * and ? in s are wildcards, otherwise they are themselves.
func Compile(s string, wildcards bool) *Pattern {
	p := &Pattern{}
	text := []byte(s)
	sc := scanner{glob: wildcards}
	sc.reset(text, 0)
	done := 0
	for sc.next() {
		between := []rune(string(text[done:sc.start]))
		if n := len(p.segs); n > 0 {
			p.segs[n-1].tail = between
		} else {
			p.lead = between
		}
		glob := wildcards && bytes.ContainsAny(sc.fold, "*?")
		seg := segment{word: []rune(string(sc.fold)), glob: glob}
		if !glob {
			seg.plain = bytes.Clone(sc.fold)
			seg.group = len(sc.fold) == 4 && isHex(sc.fold[0]) && isHex(sc.fold[1]) && isHex(sc.fold[2]) && isHex(sc.fold[3])
		}
		p.segs = append(p.segs, seg)
		done = sc.end
	}
	if n := len(p.segs); n > 0 {
		p.segs[n-1].tail = []rune(string(text[done:]))
	} else {
		p.lead = []rune(s)
	}
	var plain [][]byte // what stands in every text that matches; of a glob the runs between its wildcards
	for i := range p.segs {
		if s := &p.segs[i]; s.glob {
			plain = append(plain, bytes.FieldsFunc([]byte(string(s.word)), func(r rune) bool { return r == '*' || r == '?' })...)
		} else {
			plain = append(plain, s.plain)
		}
	}
	p.fast = newPrefilter(plain)
	return p
}

// Matcher finds something in texts and says by which words an index finds the texts.
type Matcher interface {
	// Match reports whether it occurs in text.
	Match(text []byte) bool
	// Find returns the byte ranges of the first n places at which it occurs, in order and without overlap; of all places if n is negative.
	Find(text []byte, n int) [][2]int
	// Terms returns what a text must hold to match: of each list at least one term, as [Splitter.Each] gives them. It is empty if
	// nothing narrows the search.
	Terms() [][]Term
}

// Term is a word, or a form of word, that a text may hold.
type Term struct {
	// Prefix is what the term begins with; if Glob is false, the whole term. It is cut to [MaxTerm] bytes.
	Prefix []byte
	Glob   bool
	form   []rune // of a glob, folded, with * and ?
}

// Match reports whether a term of an index may be the word. Terms that were cut match if their beginning does.
func (t Term) Match(term []byte) bool {
	if !t.Glob {
		return bytes.Equal(term, t.Prefix)
	}
	return bytes.HasPrefix(term, t.Prefix) && (len(term) >= MaxTerm || globMatch(t.form, term))
}

// Form is a glob's whole form, folded, with * for any number of characters and ? for one. Terms that were cut need not have it.
func (t Term) Form() string { return string(t.form) }

// Terms implements [Matcher]. A pattern without words has none.
func (p *Pattern) Terms() [][]Term {
	var terms [][]Term
	for i := range p.segs {
		s := &p.segs[i]
		behind := i > 0 && len(p.segs[i-1].tail) == 1 && p.segs[i-1].tail[0] == '-'
		if behind && (s.group || s.glob) {
			continue // it may be an inner group, which is no term
		}
		if !s.glob {
			oneOf := []Term{{Prefix: clip(s.plain)}}
			if i == 0 && p.beginsInGUID() {
				oneOf = append(oneOf, Term{Prefix: anyGUID})
			}
			terms = append(terms, oneOf)
			continue
		}
		n := 0
		for n < len(s.word) && s.word[n] != '*' && s.word[n] != '?' {
			n++
		}
		if n == 0 && len(s.word) == 1 && s.word[0] == '*' {
			continue
		}
		terms = append(terms, []Term{{Prefix: clip([]byte(string(s.word[:n]))), Glob: true, form: s.word}})
	}
	return terms
}

// beginsInGUID reports whether a match may begin at an inner group of a GUID: the first word has the form of one and a letter.
// Numbers are not looked for there, where they would be found by accident: 1603 is an error code.
func (p *Pattern) beginsInGUID() bool {
	return p.segs[0].group && bytes.ContainsAny(p.segs[0].plain, "abcdef")
}

// Match implements [Matcher].
func (p *Pattern) Match(text []byte) bool { return len(p.Find(text, 1)) > 0 }

// Find implements [Matcher].
func (p *Pattern) Find(text []byte, n int) [][2]int {
	var found [][2]int
	if len(p.segs) == 0 {
		for at := 0; at < len(text) && len(p.lead) > 0 && len(found) != n; {
			if end, ok := separators(text, at, p.lead); ok {
				found = append(found, [2]int{at, end})
				at = end
				continue
			}
			_, size := utf8.DecodeRune(text[at:])
			at += size
		}
		return found
	}
	if !p.fast.pass(text) {
		return nil
	}
	var s, rest scanner
	s.reset(text, 0)
	for len(found) != n && s.next() {
		start, end, ok := p.at(&s, &rest)
		if !ok || len(found) > 0 && start < found[len(found)-1][1] {
			continue // or its first separators are the last of the place before
		}
		found = append(found, [2]int{start, end})
		s.seek(max(s.end, end))
	}
	return found
}

// at tries to match the pattern with its first word in the word on which s stands.
func (p *Pattern) at(s, rest *scanner) (start, end int, ok bool) {
	first := &p.segs[0]
	if s.inner() && !p.beginsInGUID() {
		return 0, 0, false
	}
	if len(p.segs) > 1 { // the word must reach to the end of the text's word
		from := s.start
		if !first.match(s.fold) {
			last := len(s.parts) - 1
			if last == 0 || !first.match(s.part(last)) {
				return 0, 0, false
			}
			from = s.parts[last].text
		}
		if start, ok = separatorsBefore(s.text, from, p.lead); !ok {
			return 0, 0, false
		}
		rest.text, rest.guid = s.text, s.guid
		end, ok = p.follow(s.text, s.end, rest)
		return start, end, ok
	}
	try := func(from, to int) bool {
		if start, ok = separatorsBefore(s.text, from, p.lead); !ok {
			return false
		}
		end, ok = separators(s.text, to, first.tail)
		return ok
	}
	if first.match(s.fold) && try(s.start, s.end) {
		return start, end, true
	}
	if len(s.parts) > 1 {
		for i := range s.parts {
			if first.match(s.part(i)) && try(s.parts[i].text, s.partEnd(i)) {
				return start, end, true
			}
		}
	}
	return 0, 0, false
}

// follow matches what comes behind the first word, whose end is at. s is a scanner of text.
func (p *Pattern) follow(text []byte, at int, s *scanner) (end int, ok bool) {
	if at, ok = separators(text, at, p.segs[0].tail); !ok {
		return 0, false
	}
	for i := 1; i < len(p.segs); i++ {
		seg := &p.segs[i]
		s.seek(at)
		if !s.next() || s.start != at {
			return 0, false
		}
		end = s.end
		if !seg.match(s.fold) {
			if i+1 < len(p.segs) || len(s.parts) == 1 || !seg.match(s.part(0)) {
				return 0, false
			}
			end = s.partEnd(0)
		}
		if at, ok = separators(text, end, seg.tail); !ok {
			return 0, false
		}
	}
	return at, true
}

// match reports whether the folded word is the segment's.
func (s *segment) match(word []byte) bool {
	if !s.glob {
		return bytes.Equal(s.plain, word)
	}
	return globMatch(s.word, word)
}

// globMatch matches a pattern with * and ? against a whole word. Only the last * seen is ever tried again, so that the time is
// at most the product of the lengths.
func globMatch(pattern []rune, word []byte) bool {
	p, w := 0, 0
	star, mark := -1, 0
	for w < len(word) {
		r, n := utf8.DecodeRune(word[w:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, w
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == r):
			p++
			w += n
		case star >= 0:
			_, n = utf8.DecodeRune(word[mark:])
			mark += n
			p, w = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// separators matches seps in text from at on and returns where they end. A white space matches one or more.
func separators(text []byte, at int, seps []rune) (int, bool) {
	for i := 0; i < len(seps); i++ {
		r, n := utf8.DecodeRune(text[at:])
		if n == 0 {
			return 0, false
		}
		if !unicode.IsSpace(seps[i]) {
			if r != seps[i] {
				return 0, false
			}
			at += n
			continue
		}
		if !unicode.IsSpace(r) {
			return 0, false
		}
		for n > 0 && unicode.IsSpace(r) {
			at += n
			r, n = utf8.DecodeRune(text[at:])
		}
		for i+1 < len(seps) && unicode.IsSpace(seps[i+1]) {
			i++
		}
	}
	return at, true
}

// separatorsBefore matches seps in text so that they end at at, and returns where they begin.
func separatorsBefore(text []byte, at int, seps []rune) (int, bool) {
	for i := len(seps) - 1; i >= 0; i-- {
		r, n := utf8.DecodeLastRune(text[:at])
		if n == 0 {
			return 0, false
		}
		if !unicode.IsSpace(seps[i]) {
			if r != seps[i] {
				return 0, false
			}
			at -= n
			continue
		}
		if !unicode.IsSpace(r) {
			return 0, false
		}
		for n > 0 && unicode.IsSpace(r) {
			at -= n
			r, n = utf8.DecodeLastRune(text[:at])
		}
		for i > 0 && unicode.IsSpace(seps[i-1]) {
			i--
		}
	}
	return at, true
}

package words

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Regexp finds a regular expression in texts. It is immutable and may be used from several goroutines.
//
// The syntax is that of RE2, whose time is linear in the text. Case does not matter unless the expression says (?-i), ^ and $ match
// at lines too, and words mean nothing: "tat" is found in PolicyState.
type Regexp struct {
	re    *regexp.Regexp
	terms [][]Term
	fast  prefilter
}

// flags are those with which an expression begins.
const flags = "(?im)"

// CompileRegexp makes a Regexp of s. An error says in a few words what is wrong with s.
func CompileRegexp(s string) (*Regexp, error) {
	if _, err := syntax.Parse(s, syntax.Perl); err != nil { // without the flags, which errors would quote
		if bad, ok := err.(*syntax.Error); ok { //nolint:errorlint // Parse documents that its errors are of this type
			return nil, fmt.Errorf("%s: %q", bad.Code, bad.Expr)
		}
		return nil, err
	}
	tree, err := syntax.Parse(flags+s, syntax.Perl)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(flags + s)
	if err != nil {
		return nil, err
	}
	r := &Regexp{re: re}
	var must pieces
	must.require(tree)
	r.terms = must.terms()
	r.fast = newPrefilter(must.words())
	return r, nil
}

// Match implements [Matcher].
func (r *Regexp) Match(text []byte) bool { return r.fast.pass(text) && r.re.Match(text) }

// Find implements [Matcher]. Places of no length are left out.
func (r *Regexp) Find(text []byte, n int) [][2]int {
	if !r.fast.pass(text) {
		return nil
	}
	var found [][2]int
	for _, m := range r.re.FindAllIndex(text, -1) {
		if len(found) == n {
			break
		}
		if m[0] < m[1] {
			found = append(found, [2]int{m[0], m[1]})
		}
	}
	return found
}

// Terms implements [Matcher].
func (r *Regexp) Terms() [][]Term { return r.terms }

// piece is a run of ASCII letters and digits, folded, that every match holds.
type piece struct {
	word        []byte
	left, right bool // a separator stands before it, behind it
}

// pieces are what every match of an expression holds: all of all, and of each list of either the pieces of one of its members.
type pieces struct {
	all    []piece
	either [][]pieces
}

// require adds what every match of re holds.
func (p *pieces) require(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		p.literal(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		p.require(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			p.require(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			p.require(sub)
		}
	case syntax.OpAlternate:
		either := make([]pieces, len(re.Sub))
		for i, sub := range re.Sub {
			either[i].require(sub)
		}
		p.either = append(p.either, either)
	default: // what may be left out, classes and places
	}
}

// literal adds the runs of a literal. What stands beside it in the text is not known, nor whether a character beyond ASCII separates.
func (p *pieces) literal(rs []rune) {
	kind := func(i int) (word, known bool) {
		if i < 0 || i >= len(rs) || rs[i] >= utf8.RuneSelf {
			return false, false
		}
		k := classes[rs[i]]
		return k != separator && k != wildcard, true
	}
	for i := 0; i < len(rs); i++ {
		if word, _ := kind(i); !word {
			continue
		}
		run := piece{}
		_, run.left = kind(i - 1)
		for ; ; i++ {
			word, known := kind(i)
			if !word {
				run.right = known
				break
			}
			run.word = append(run.word, byte(fold(rs[i]))) //nolint:gosec // ASCII
		}
		p.all = append(p.all, run)
	}
}

// words lists the runs that every match holds.
func (p *pieces) words() [][]byte {
	var out [][]byte
	for _, run := range p.all {
		out = append(out, run.word)
	}
	return out
}

// minOpen is the length from which a piece of which the beginning of the word is not known is looked up: shorter ones are in
// too many words.
const minOpen = 3

// terms returns the lists of terms of which a text must hold one each. Looking up a piece whose word's beginning is not known means
// to read all terms, so that it is done only where nothing better is known.
func (p *pieces) terms() [][]Term {
	var whole, open [][]Term
	for _, run := range p.all {
		oneOf := []Term{run.term()}
		if len(run.word) <= 4 && !slices.ContainsFunc(run.word, func(c byte) bool { return !isHex(c) }) {
			oneOf = append(oneOf, Term{Prefix: anyGUID}) // it may be within an inner group
		}
		switch {
		case run.left && (run.right || len(run.word) >= minOpen):
			whole = append(whole, oneOf)
		case len(run.word) >= minOpen:
			open = append(open, oneOf)
		}
	}
	for _, either := range p.either {
		var oneOf []Term
		for i := range either {
			best := shortest(either[i].terms())
			if best == nil {
				oneOf = nil
				break
			}
			oneOf = append(oneOf, best...)
		}
		if oneOf != nil {
			open = append(open, oneOf)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return open
}

// shortest returns the list with the fewest terms, among equal ones that with the longest first term; nil if there is none.
func shortest(lists [][]Term) []Term {
	var best []Term
	for _, l := range lists {
		if best == nil || len(l) < len(best) || len(l) == len(best) && len(l[0].form)+len(l[0].Prefix) > len(best[0].form)+len(best[0].Prefix) {
			best = l
		}
	}
	return best
}

// term is the term that the run is, or the form of those that hold it.
func (r piece) term() Term {
	if r.left && r.right {
		return Term{Prefix: clip(r.word)}
	}
	form := bytes.Runes(r.word)
	t := Term{Glob: true}
	if r.left {
		t.Prefix = clip(r.word)
	} else {
		form = slices.Insert(form, 0, '*')
	}
	if !r.right {
		form = append(form, '*')
	}
	t.form = form
	return t
}

// AnyOf returns lists of terms that a text must hold if it matches one of ms: for each the list that says most.
func AnyOf[M Matcher](ms []M) [][]Term {
	var oneOf []Term
	for _, m := range ms {
		best := shortest(m.Terms())
		if best == nil {
			return nil
		}
		oneOf = append(oneOf, best...)
	}
	return [][]Term{oneOf}
}

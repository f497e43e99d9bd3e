package query

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"casebook/index/words"
	"casebook/internal/wincode"
)

// parseCode reads what stands behind code:.
func parseCode(t Text) (Node, string) {
	if t.Form == Regexp {
		return nil, "code: takes no regular expression; write a code, as in code:1603"
	}
	codes := wincode.Find(t.Value)
	if len(codes) == 0 {
		return nil, fmt.Sprintf("%q is no error code; write 1603, 0x80070643, -2147023293 or a name such as ERROR_INSTALL_FAILURE", t.Value)
	}
	return Code{t, newSpellings(codes)}, ""
}

// leastBare is the least Win32 code that is looked for as a bare number when the HRESULT that carries it was asked for: few of the
// smaller numbers in a log are codes.
const leastBare = 1000

// SameCode returns the code that c is searched and counted as: the Win32 code that an HRESULT carries, unless it is so small that its bare
// number would mean anything.
func SameCode(c uint32) uint32 {
	if c>>16 == 0x8007 && c&0xFFFF >= leastBare {
		return c & 0xFFFF
	}
	return c
}

// spellings finds codes in all their spellings.
type spellings struct {
	numbers []*words.Pattern
	cores   words.Hint // of the numbers: of each text in which one stands one of these passes
	names   []*words.Pattern
	terms   [][]words.Term
}

func newSpellings(codes []uint32) *spellings {
	var numbers, names []string
	for _, c := range codes {
		c = SameCode(c) // whose spellings are those of the HRESULT too
		for _, s := range wincode.Spellings(c) {
			numbers = append(numbers, s)
			digits, ok := strings.CutPrefix(s, "0x")
			if !ok {
				continue
			}
			for _, width := range []int{len(digits), 4, 8} {
				padded := "0x" + strings.Repeat("0", max(0, width-len(digits))) + digits
				numbers = append(numbers, padded, padded+"L")
			}
			numbers = append(numbers, digits+"h")
			if len(digits) == 8 && strings.ContainsRune("8CD", rune(digits[0])) {
				numbers = append(numbers, digits)
			}
		}
		same := []uint32{c}
		if c <= 0xFFFF {
			same = append(same, 0x80070000|c)
		}
		for _, c := range same {
			for _, known := range wincode.Lookup(c) {
				if strings.Contains(known.Symbol, "_") { // others are words like any
					names = append(names, known.Symbol)
				}
			}
		}
	}
	s := &spellings{}
	compile := func(list []string) (ps []*words.Pattern) {
		slices.Sort(list)
		for _, v := range slices.Compact(list) {
			ps = append(ps, words.Compile(v, false))
		}
		return ps
	}
	s.numbers, s.names = compile(numbers), compile(names)
	s.cores = words.NewHint(cores(numbers)...)
	s.terms = words.AnyOf(slices.Concat(s.numbers, s.names))
	return s
}

// cores returns the digits that numbers have in common, without signs, leading zeros and marks of their base. A core that holds another is left out.
func cores(numbers []string) []string {
	var all []string
	for _, n := range numbers {
		if digits, hex := strings.CutPrefix(n, "0x"); hex || strings.HasSuffix(n, "h") {
			n = strings.TrimRight(digits, "Lh")
		}
		if n = strings.TrimLeft(n, "-0"); n == "" {
			n = "0"
		}
		all = append(all, strings.ToLower(n))
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var out []string
	for _, n := range all {
		if !slices.ContainsFunc(out, func(core string) bool { return strings.Contains(n, core) }) {
			out = append(out, n)
		}
	}
	return out
}

func (s *spellings) Terms() [][]words.Term { return s.terms }

func (s *spellings) Match(text []byte) bool {
	for _, p := range s.candidates(text) {
		for _, m := range p.Find(text, -1) {
			if isCode(text, m[0], m[1]) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.names, func(p *words.Pattern) bool { return p.Match(text) })
}

// candidates returns the numbers that may stand in text.
func (s *spellings) candidates(text []byte) []*words.Pattern {
	if !s.cores.Pass(text) {
		return nil
	}
	return s.numbers
}

func (s *spellings) Find(text []byte, n int) [][2]int {
	var found [][2]int
	for _, p := range s.candidates(text) {
		found = append(found, slices.DeleteFunc(p.Find(text, -1), func(m [2]int) bool { return !isCode(text, m[0], m[1]) })...)
	}
	for _, p := range s.names {
		found = append(found, p.Find(text, -1)...)
	}
	slices.SortFunc(found, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	apart := found[:0]
	for _, m := range found {
		if len(apart) == n {
			break
		}
		if k := len(apart); k == 0 || m[0] >= apart[k-1][1] {
			apart = append(apart, m)
		}
	}
	return apart
}

// isCode reports whether the number at text[from:to] may be an error code.
func isCode(text []byte, from, to int) bool {
	return standsAlone(text, from, to) && !isOther(text, from, to)
}

// standsAlone reports whether the number at text[from:to] is one of its own, and not a part of a name, a path, a version, a GUID or
// a negative number.
func standsAlone(text []byte, from, to int) bool {
	before, n := utf8.DecodeLastRune(text[:from])
	further, _ := utf8.DecodeLastRune(text[:from-n])
	after, m := utf8.DecodeRune(text[to:])
	beyond, _ := utf8.DecodeRune(text[to+m:])
	switch {
	case from > 0 && (isWord(before) || strings.ContainsRune(`_\$`, before)):
		return false
	case before == '.' && isWord(further), before == ',' && unicode.IsDigit(further) && text[from] != '-': // 10.0.1603, 12,160
		return false
	case before == '-' && !unicode.IsLetter(further): // -1603, 3-1603
		return false
	case to < len(text) && (isWord(after) || strings.ContainsRune(`_\$`, after)):
		return false
	case after == '.' && isWord(beyond): // 1603.0, 1603.log
		return false
	case after == '-' && unicode.IsDigit(beyond), after == '-' && inGUID(text[to:]):
		return false
	}
	return true
}

// inGUID reports whether a group of four hexadecimal digits between hyphens stands at the beginning of text.
func inGUID(text []byte) bool {
	if len(text) < 6 || text[5] != '-' {
		return false
	}
	_, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return err == nil
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

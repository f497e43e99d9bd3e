package query

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"casebook/index/words"
)

// limits takes a range apart: a..b, >a, >=a, <a, <=a or a. What is open is ""; overFrom and underTo say that the end itself lies outside. A
// reason says what is wrong with it.
func limits(s string) (from, to string, overFrom, underTo bool, reason string) {
	if lo, hi, ok := strings.Cut(s, ".."); ok {
		if lo == "" && hi == "" {
			return "", "", false, false, "the range has neither beginning nor end; write one of them before or behind .."
		}
		return lo, hi, false, false, ""
	}
	value := strings.TrimLeft(s, "<>=")
	if value == "" {
		return "", "", false, false, "a value is missing behind " + s
	}
	switch s[:len(s)-len(value)] {
	case "":
		return value, value, false, false, ""
	case ">":
		return value, "", true, false, ""
	case ">=":
		return value, "", false, false, ""
	case "<":
		return "", value, false, true, ""
	case "<=":
		return "", value, false, false, ""
	default:
		return "", "", false, false, "a value is compared with >, >=, < or <="
	}
}

// parseNumber reads what stands behind a field of [Numbers].
func parseNumber(name Name, s string) (Node, string) {
	n := Number{Name: name, From: math.MinInt64, To: math.MaxInt64, Expr: s}
	from, to, over, under, reason := limits(s)
	if reason != "" {
		return nil, reason
	}
	ok := true
	read := func(s string) int64 {
		v, good := number(name, s)
		ok = ok && good
		return v
	}
	if from != "" {
		n.From = read(from)
	}
	if to != "" {
		n.To = read(to)
	}
	switch {
	case !ok:
		return nil, fmt.Sprintf("%q is no %s; write %s:%s or the like", s, name, name, example(name))
	case over:
		n.From++
	case under:
		n.To--
	}
	if from != "" && to != "" && n.From > n.To {
		return nil, "the range ends before it begins"
	}
	return n, ""
}

// units of a size, each 1,024 times the one before.
const units = "KMGT"

// number reads a whole number: of a thread also hexadecimal with 0x, of a size with a unit: KB, MB, GB, TB or their first letter.
func number(name Name, s string) (int64, bool) {
	base, factor := 10, int64(1)
	s = strings.ToUpper(s)
	switch name {
	case Thread:
		if h, ok := strings.CutPrefix(s, "0X"); ok {
			s, base = h, 16
		}
	case Size:
		s = strings.TrimSuffix(s, "B")
		if n := len(s); n > 0 {
			if i := strings.IndexByte(units, s[n-1]); i >= 0 {
				s, factor = s[:n-1], 1<<(10*(i+1))
			}
		}
	default:
	}
	v, err := strconv.ParseUint(s, base, 63)
	if err != nil || v > uint64(math.MaxInt64/factor)-1 { //nolint:gosec // positive
		return 0, false
	}
	return int64(v) * factor, true
}

// severities are those of records and of findings, the least first. Those of one rank are as grave as each other.
var severities = [][]string{{"info"}, {"low"}, {"warning", "medium"}, {"error", "high"}, {"critical"}}

// parseSeverities reads a range of severities.
func parseSeverities(s string) (words.Matcher, string) {
	from, to, over, under, reason := limits(s)
	if reason != "" {
		return nil, reason
	}
	lo, hi := 0, len(severities)-1
	for _, end := range []struct {
		name string
		set  *int
	}{{from, &lo}, {to, &hi}} {
		if end.name == "" {
			continue
		}
		rank := slices.IndexFunc(severities, func(names []string) bool { return slices.Contains(names, strings.ToLower(end.name)) })
		if rank < 0 {
			return nil, fmt.Sprintf("there is no severity %q; in order there is info, low, warning or medium, error or high, critical", end.name)
		}
		*end.set = rank
	}
	if over {
		lo++
	}
	if under {
		hi--
	}
	if lo > hi {
		return nil, "no severity lies in this range"
	}
	return oneOf(slices.Concat(severities[lo : hi+1]...)), ""
}

// oneOf matches the names that it lists.
type oneOf []string

func (o oneOf) Match(text []byte) bool { return slices.Contains(o, string(text)) }

func (o oneOf) Find(text []byte, n int) [][2]int {
	if n == 0 || !o.Match(text) {
		return nil
	}
	return [][2]int{{0, len(text)}}
}

func (o oneOf) Terms() [][]words.Term { return nil }

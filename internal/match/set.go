package match

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// minLiteral is the length in bytes of the shortest literal that is worth a search: anything shorter stands in nearly every record.
const minLiteral = 3

// Set holds compiled signals. It is safe for concurrent use.
type Set struct {
	byKind map[string]func() *Matcher // of every kind that a signal names
	rest   func() *Matcher            // of every other kind: the signals without kinds
}

// compiled is a signal ready to be matched.
type compiled struct {
	index    int // in the list given to Compile
	name     string
	kinds    []string
	literals [][]byte       // folded
	pattern  *regexp.Regexp // nil if a literal alone decides
	named    bool           // pattern has named groups
}

// Compile checks and compiles the signals of all checks. An error names the signal that is at fault: its name is empty or given
// twice, it has no literal, a literal has less than three bytes, or its pattern is not a regular expression.
func Compile(signals []Signal) (*Set, error) {
	all := make([]*compiled, len(signals))
	kinds := map[string]bool{}
	names := map[string]bool{}
	for i, signal := range signals {
		if signal.Name == "" {
			return nil, fmt.Errorf("signal %d: no name", i)
		}
		if names[signal.Name] {
			return nil, fmt.Errorf("signal %q: the name is given twice", signal.Name)
		}
		names[signal.Name] = true
		c, err := compile(i, signal)
		if err != nil {
			return nil, fmt.Errorf("signal %q: %w", signal.Name, err)
		}
		all[i] = c
		for _, kind := range signal.Kinds {
			kinds[kind] = true
		}
	}
	// A matcher is made when its kind is first asked for: an upload holds few of the kinds.
	matcher := func(concerned func(kinds []string) bool) func() *Matcher {
		return sync.OnceValue(func() *Matcher {
			var chosen []*compiled
			for _, c := range all {
				if len(c.kinds) == 0 || concerned(c.kinds) {
					chosen = append(chosen, c)
				}
			}
			return newMatcher(chosen)
		})
	}
	s := &Set{
		byKind: make(map[string]func() *Matcher, len(kinds)),
		rest:   matcher(func([]string) bool { return false }),
	}
	for kind := range kinds {
		s.byKind[kind] = matcher(func(kinds []string) bool { return slices.Contains(kinds, kind) })
	}
	return s, nil
}

func compile(index int, signal Signal) (*compiled, error) {
	c := &compiled{index: index, name: signal.Name, kinds: slices.Clone(signal.Kinds)}
	if len(signal.Literals) == 0 {
		return nil, errors.New("no literal")
	}
	for _, literal := range signal.Literals {
		switch {
		case literal == "":
			return nil, errors.New("an empty literal")
		case len(literal) < minLiteral:
			return nil, fmt.Errorf("literal %q is shorter than %d bytes", literal, minLiteral)
		}
		c.literals = append(c.literals, foldBytes(literal))
	}
	if signal.Pattern == "" {
		return c, nil
	}
	pattern, err := regexp.Compile(signal.Pattern)
	if err != nil {
		return nil, err
	}
	c.pattern = pattern
	c.named = slices.ContainsFunc(pattern.SubexpNames(), func(name string) bool { return name != "" })
	return c, nil
}

// For returns the matcher of the signals that concern an artifact kind: those that name it and those that name none. It
// returns nil, which matches nothing, if there is no such signal.
func (s *Set) For(kind string) *Matcher {
	if matcher, ok := s.byKind[kind]; ok {
		return matcher()
	}
	return s.rest()
}

package query

import (
	"fmt"
	"slices"
	"strings"
)

// Hints says, of a query that found nothing, what in it may mean something else than its writer thinks: words that are no operators because they are in lower case, and what
// looks like a field and is none. There may be none.
func Hints(n Node) []string {
	var out []string
	hint := func(format string, args ...any) {
		if s := fmt.Sprintf(format, args...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	each(n, func(t Text) {
		if t.Form != Words {
			return
		}
		name, rest, isPair := strings.Cut(t.Value, ":")
		switch {
		case slices.Contains([]string{"and", "or", "not"}, t.Value):
			hint("%q was searched as a word; the operators are AND, OR and NOT", t.Value)
		case isPair && rest != "" && isName(name):
			hint("%q is no field, so that %q was searched as text; the fields are %s", name, t.Value, strings.Join(fields(), ", "))
		}
	})
	return out
}

// each calls f with each text that is looked for in records, also if it must not be there.
func each(n Node, f func(Text)) {
	switch n := n.(type) {
	case And:
		for _, c := range n.Nodes {
			each(c, f)
		}
	case Or:
		for _, c := range n.Nodes {
			each(c, f)
		}
	case Not:
		each(n.Node, f)
	case Text:
		f(n)
	}
}

// isName reports whether s could be a field's name: letters, more than the one of a drive.
func isName(s string) bool {
	return len(s) > 1 && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz") == ""
}

// fields lists what may stand before a colon.
func fields() []string {
	out := []string{string(code), string(time_)}
	for _, n := range slices.Concat(Names(), Numbers()) {
		out = append(out, string(n))
	}
	slices.Sort(out)
	return out
}

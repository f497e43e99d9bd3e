package checks

import (
	"cmp"
	"fmt"
	"strings"

	"casebook/findings/facts"
)

// count is a number with its noun.
func count(n int, noun string) string {
	return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s"))
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// machineOf is how a finding about a computer calls it: its name, or where nothing names it the artifact that shows the problem.
func machineOf(f *facts.Facts, artifact string) string {
	return cmp.Or(f.Host, f.ID, "the machine of "+artifact)
}

package checks

import (
	"fmt"
	"strings"
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

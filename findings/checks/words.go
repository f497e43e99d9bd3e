package checks

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// number is a number as it stands at the beginning of a sentence.
func number(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	if n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

// times is how often something happened.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// lapse is a length of time in words, in the greatest unit of which there are two.
func lapse(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return count(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return count(int(d.Minutes()), "minute")
	case d < 2*day:
		return count(int(d.Hours()), "hour")
	}
	return count(int(d/day), "day")
}

// firstLineOf is the first line of a message, cut to a length that a title may have.
func firstLineOf(s string) string {
	const longest = 100
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(strings.TrimSpace(line)); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return strings.TrimSpace(line)
}

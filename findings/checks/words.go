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

// eventPattern is the pattern of an event of a source (a pattern itself) by its number, in all forms in which the event log is sent as text: XML,
// blocks of labels and values, rows of a table. The words of an event are translated, its source and number are not.
func eventPattern(source string, id int) string {
	number := fmt.Sprintf(`(?:EventID[^>]*>%[1]d<|:[ \t]*%[1]d[\r\n]|[,;\t]%[1]d[,;\t])`, id)
	return `(?s)` + source + `.*?` + number + `|` + number + `.*?` + source
}

package query_test

import (
	"fmt"
	"strings"
	"testing"

	"casebook/index/query"
)

func ExampleParse() {
	n, err := query.Parse(`failed -"exit code 0" severity:(error OR warning)`)
	fmt.Println(n, err)
	_, err = query.Parse("failed file: smsts.log")
	fmt.Println(err)
	// Output:
	// failed AND NOT "exit code 0" AND (severity:error OR severity:warning) <nil>
	// query, column 8: file: needs a value right behind it, as in file:smsts.log; quote "file:" to look for the text
}

// TestHelp parses the examples of the help and looks for every field in it.
func TestHelp(t *testing.T) {
	for line := range strings.Lines(query.Help) {
		example, _, ok := strings.Cut(strings.TrimPrefix(line, "  "), "   ")
		if !ok || !strings.HasPrefix(line, "  ") {
			continue
		}
		if _, err := query.Parse(example); err != nil {
			t.Errorf("%q: %v", example, err)
		}
	}
	for _, n := range query.Names() {
		if !strings.Contains(query.Help, "  "+string(n)+":") {
			t.Errorf("the help lacks %s:", n)
		}
	}
}

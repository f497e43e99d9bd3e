package query_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

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

var update = flag.Bool("update", false, "write docs/search.md")

// TestGuide parses the examples, looks for every field among them, and compares docs/search.md with the guide.
func TestGuide(t *testing.T) {
	text := query.Help()
	for _, s := range query.Guide() {
		for _, e := range s.Examples {
			if strings.HasPrefix(e.Query, "casebook ") {
				continue
			}
			if _, err := query.Parse(e.Query); err != nil {
				t.Errorf("%q: %v", e.Query, err)
			}
		}
	}
	for _, n := range slices.Concat(query.Names(), query.Numbers(), []query.Name{"code", "time"}) {
		if !strings.Contains(text, "  "+string(n)+":") {
			t.Errorf("the help lacks %s:", n)
		}
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(line); n > 140 {
			t.Errorf("the help has a line of %d characters: %s", n, line)
		}
	}
	const doc = "../../docs/search.md"
	if *update {
		if err := os.WriteFile(doc, []byte(query.Markdown()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(query.Markdown(), string(b)); diff != "" {
		t.Errorf("docs/search.md is not what make generate writes (-want +got):\n%s", diff)
	}
}

package main

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casebook/internal/docscheck"
)

var update = flag.Bool("update", false, "write the tables of docs/scale.md anew")

// TestDocument holds the table of docs/scale.md against the model.
func TestDocument(t *testing.T) {
	const begin, end = "<!-- go run ./internal/capacity -->\n", "<!-- end -->"
	path := filepath.Join(docscheck.Root(t), "docs", "scale.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	var want bytes.Buffer
	standard().tables(&want, []float64{1e4, 1e5, 1e6})
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want.String()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want.String() {
		t.Errorf("docs/scale.md is not what the model says (go test ./internal/capacity -update):\n%s", want.String())
	}
}

// TestModel checks what must hold of any such model.
func TestModel(t *testing.T) {
	m := standard()
	sum := 0.0
	for _, share := range week() {
		sum += share
	}
	if math.Abs(sum-5.2) > 1e-9 {
		t.Errorf("a week has %v working days", sum)
	}
	for _, uploads := range []float64{1, 100, 1e4, 1e6} {
		n := m.processors(uploads)
		if got := m.run(uploads, n, 0, 0); got.wait > m.wait {
			t.Errorf("%v uploads: with %v processors the wait is %v", uploads, n, got.wait)
		}
		if n > 1 && m.run(uploads, n-1, 0, 0).wait <= m.wait {
			t.Errorf("%v uploads: %v processors are too many", uploads, n)
		}
		if least := uploads * 5.2 * m.decoded / m.rate / (7 * 86400); n < least {
			t.Errorf("%v uploads: %v processors do not do the work of a week, which is that of %v", uploads, n, least)
		}
		if m.run(uploads, n, 8, 4).wait <= m.run(uploads, n, 0, 0).wait {
			t.Errorf("%v uploads: an outage makes nobody wait", uploads)
		}
	}
}

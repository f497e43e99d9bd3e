// Package docscheck keeps docs/ true: its tests compare the documents with the code that they describe. Only tests import it.
package docscheck

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Root returns the module's folder, from the folder of any package's test.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}

// Report fails the test if data, the bytes of a report.json, does not satisfy docs/report.schema.json.
func Report(t testing.TB, data []byte) {
	t.Helper()
	validate(t, "report", data)
}

// Diff fails the test if data, the bytes of a diff.json, does not satisfy docs/diff.schema.json.
func Diff(t testing.TB, data []byte) {
	t.Helper()
	validate(t, "diff", data)
}

func validate(t testing.TB, form string, data []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s.json: %v", form, err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(Root(t), "docs", form+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s.json: %v", form, err)
	}
}

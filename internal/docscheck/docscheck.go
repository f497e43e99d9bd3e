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
	report, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("report.json: %v", err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(Root(t), "docs", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(report); err != nil {
		t.Errorf("report.json: %v", err)
	}
}

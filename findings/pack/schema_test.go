package pack

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"casebook/findings"
	"casebook/ingest"
)

// schemaFile is the schema that editors use.
const schemaFile = "../../docs/check-pack.schema.json"

// TestSchemaAndTypes compares the properties of the schema, all the way down, with the keys that the reader knows.
func TestSchemaAndTypes(t *testing.T) {
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	agree(t, "the pack", schema, reflect.TypeFor[file]())
	check := property(schema, "checks", "items")
	for where, want := range map[string][]string{
		"the severity": words(findings.Severities()),
		"the kinds":    words(ingest.Kinds()),
		"the verdicts": words(verdicts),
		"the states":   words(states),
		"the reasons":  words(reasons),
		"the roles":    words(roles),
		"the tables":   tableNames(),
	} {
		var got any
		row := property(check, "verdicts", "items")
		switch where {
		case "the severity":
			got = property(check, "severity")["enum"]
		case "the kinds":
			got = schema["$defs"].(map[string]any)["kind"].(map[string]any)["enum"]
		case "the verdicts":
			got = property(row, "verdict")["enum"]
		case "the states":
			got = property(row, "state")["enum"]
		case "the reasons":
			got = property(row, "reason")["enum"]
		case "the roles":
			got = property(property(row, "evidence", "items"), "role")["enum"]
		case "the tables":
			got = property(property(check, "tables", "items"), "table")["enum"]
		}
		var list []string
		for _, v := range got.([]any) {
			list = append(list, v.(string))
		}
		slices.Sort(list)
		slices.Sort(want)
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("%s differ (-reader +schema):\n%s", where, diff)
		}
	}
}

func words[T ~string](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

func tableNames() []string {
	var out []string
	for name := range tableKinds {
		out = append(out, name)
	}
	return out
}

// property returns the schema of a property, or of the items of a list.
func property(schema map[string]any, name string, rest ...string) map[string]any {
	p := schema["properties"].(map[string]any)[name].(map[string]any)
	for _, r := range rest {
		p = p[r].(map[string]any)
	}
	return p
}

// agree compares an object of the schema with a struct.
func agree(t *testing.T, where string, schema map[string]any, of reflect.Type) {
	t.Helper()
	if schema["additionalProperties"] != false {
		t.Errorf("%s: the schema lets unknown keys pass", where)
	}
	known := map[string]bool{}
	for f := range of.Fields() {
		name := f.Tag.Get("yaml")
		known[name] = true
		p, ok := schema["properties"].(map[string]any)[name].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema has no %s", where, name)
			continue
		}
		typ := f.Type
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			if typ.Kind() == reflect.Slice {
				if p["type"] != "array" {
					t.Errorf("%s.%s is a list for the reader", where, name)
					break
				}
				p = p["items"].(map[string]any)
			}
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Struct && typ != reflect.TypeFor[text]() {
			agree(t, where+"."+name, p, typ)
		}
	}
	for name, p := range schema["properties"].(map[string]any) {
		if !known[name] {
			t.Errorf("%s: the reader does not know %s", where, name)
		}
		if p.(map[string]any)["description"] == nil && !strings.Contains(where, ".want") && !strings.Contains(name, "within") {
			t.Errorf("%s.%s has no description", where, name)
		}
	}
}

// TestEmbeddedPacksAndSchema validates every embedded pack against the schema.
func TestEmbeddedPacksAndSchema(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("../checks/packs/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no embedded packs: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := yaml.YAMLToJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

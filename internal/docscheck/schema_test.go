package docscheck

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// full is a report in which every field is set.
func full() *findings.Report {
	one, name := 1, "PendingFileRenameOperations"
	sum := strings.Repeat("0a", 32)
	evidence := findings.Evidence{
		Artifact: "logs/setup.log", Line: 7, Key: `ControlSet001\Control\Session Manager`, Value: &name, Quote: "Return value 3.",
		Time: "2011-01-08T20:16:41.250Z", LocalTime: "2011-01-08T15:16:41.250-05:00", Absent: true, Role: findings.Supports, Note: "fatal error", Before: []string{"a"}, After: []string{"b"},
	}
	missing := findings.Missing{What: "the SYSTEM hive", Why: "it holds the queue", Collect: "reg save HKLM\\SYSTEM system.hiv"}
	upload := findings.Upload{Name: "ticket.zip", SHA256: sum, Bytes: 22, Format: "zip"}
	return &findings.Report{
		Schema:   findings.Schema,
		Tool:     findings.Tool{Name: "casebook", Version: "v1.0.0"},
		Bundle:   &upload,
		Bundles:  []findings.Upload{upload},
		Case:     "T-1",
		Window:   findings.Window{From: "2011-01-08T20:16:41Z", To: "2011-01-08T20:16:42Z"},
		Incident: &findings.Incident{Time: "2011-01-08T20:16:41.500Z", Covered: findings.CoveredWithin},
		Systems: []findings.System{{
			ID: "PC1", ComputerName: "PC1", ControlSet: &one,
			TimeZone: &findings.TimeZone{Name: "W. Europe Standard Time", BiasMinutes: -60, Offsets: []findings.ZoneOffset{{From: "2012-03-25T01:00:00Z", BiasMinutes: -120}}},
			CodePage: 1252, OEMCodePage: 850, Hive: "SYSTEM", HiveState: "clean", HiveWritten: "2011-01-08T20:16:41Z",
			Product: "Windows 7", MachineGUID: "00000000-0000-0000-0000-000000000001", Environment: map[string]string{"ComSpec": "cmd.exe"},
			PendingRenames: []findings.PendingRename{{
				Operation: "rename", Source: `C:\a`, Target: `C:\b`, ReplaceExisting: true, ControlSet: &one, Value: name,
			}},
			MountedDevices: []findings.MountedDevice{{Name: `\DosDevices\C:`, Kind: "mbr", Detail: "signature 1"}},
			ControlSets:    &findings.ControlSets{Current: 1, Default: 1, Failed: 2, LastKnownGood: 3, Existing: []int{1, 3}},
			Services: []findings.Service{{
				Name: "CcmExec", DisplayName: "SMS Agent Host", Type: 16, Start: 4, ImagePath: `C:\a b\CcmExec.exe`, ServiceDLL: "a.dll", Account: "LocalSystem",
				Odd: []findings.Odd{findings.OddDisabled},
			}},
			Packages: []findings.Package{{Code: "{0}", Patch: true, Name: "App", Version: "1.0", Publisher: "Vendor", LocalPackage: `C:\Windows\Installer\1.msp`}},
		}},
		Artifacts: []findings.Artifact{{
			Path: "logs/setup.log", SHA256: sum, Bytes: 9, Kind: ingest.KindLogMSI, Encoding: "utf-16le", Records: 4,
			FirstTime: "2011-01-08T20:16:41Z", LastTime: "2011-01-08T20:16:42Z", FirstLocal: "2011-01-08T15:16:41-05:00", LastLocal: "2011-01-08T15:16:42",
			Clock: "stated", ClockReason: "the records state their offset from UTC", System: "PC1", Truncated: true,
		}},
		Sequences: []findings.Sequence{{Name: "logs/a.log", Parts: []findings.SequencePart{{Artifact: "logs/a.lo_", GapSeconds: 1}, {Artifact: "logs/a.log", GapSeconds: -5}}}},
		Sensitive: []findings.Sensitive{{Artifact: "a.pfx", What: "a private key"}},
		Findings: []findings.Finding{{
			Check: "msi-install-failed", Subject: "App", System: "PC1", Verdict: findings.NotEvaluated, Severity: findings.High,
			State: findings.Active, Reason: findings.DataMissing, Title: "t", Summary: "s", Cause: "c", Remedy: []string{"r"},
			Risk: "k", Undo: "u", Cured: "d", Overturns: "o", Unmet: "m",
			References: []findings.Reference{{Title: "doc", URL: "https://example.com/"}},
			Rivals:     []findings.Rival{{Name: "disk full", Verdict: "nothing shows it"}},
			Evidence:   []findings.Evidence{evidence}, Missing: []findings.Missing{missing},
			Names: []findings.Name{{Name: "PC2", Kind: findings.NameHost}},
		}},
		Request: findings.Request{Text: "Please send …", Items: []findings.RequestItem{{
			What: missing.What, Why: missing.Why, Risk: "it installs", Collect: missing.Collect, Settles: []string{"msi-install-failed"}, Systems: []string{"PC1"},
		}}},
		Problems: []ingest.Problem{{Artifact: "x", Stage: ingest.StageRead, Message: "m", Refused: ingest.RefusedRatio, Cut: ingest.CutListed}},
		Timeline: findings.Timeline{
			StepSeconds: 1, LeftOut: 1,
			Logs:  []findings.TimelineLog{{Artifact: "logs/setup.log", UTC: true, StepSeconds: 1, Bins: []findings.TimelineBin{{Time: "2011-01-08T20:16:41Z", Records: 4, Warnings: 1, Errors: 2}}}},
			Marks: []findings.Mark{{Time: "2011-01-08T20:16:41Z", UTC: true, Kind: findings.MarkFinding, Label: "t", System: "PC1", Artifact: "logs/setup.log", Line: 4}},
		},
		Registry: []findings.KeyExcerpt{{
			Artifact: "SYSTEM", Key: "Select", LastWritten: "2011-01-08T20:16:41Z", Subkeys: []string{"x"}, LeftOut: 1,
			Values: []findings.ValueExcerpt{{Name: "Current", Type: "REG_DWORD", Data: "1", Line: 3}},
		}},
		Errors:     []findings.ErrorKind{{Template: "failed with #", Count: 2, System: "PC1", First: evidence}},
		Notable:    []findings.Evidence{evidence},
		Statements: []findings.Statement{{Artifact: "a.eml/message.txt", Kind: findings.StatementMail, Quotes: []findings.Evidence{evidence}, LeftOut: 1}},
		Names:      []findings.Name{{Name: "pc2", Kind: findings.NameHost}},
		Redacted:   "what was replaced",
	}
}

// encode marshals a report and fails the test if it can't.
func encode(t *testing.T, r *findings.Report) []byte {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestFullReport holds a report with every field set against the schema, once with one upload and once with several.
func TestFullReport(t *testing.T) {
	var unset func(v reflect.Value, path string)
	unset = func(v reflect.Value, path string) {
		if v.IsZero() {
			t.Errorf("%s is not set: the test's report must show every field", path)
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			unset(v.Elem(), path)
		case reflect.Slice:
			for i := range v.Len() {
				unset(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				unset(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		default: // the zero value is all that can be wrong
		}
	}
	unset(reflect.ValueOf(full()), "Report")

	single, several := full(), full()
	single.Bundles, several.Bundle = nil, nil
	Report(t, encode(t, single))
	Report(t, encode(t, several))
}

// TestEmptyReport holds the report of a case in which nothing could be opened against the schema.
func TestEmptyReport(t *testing.T) {
	Report(t, encode(t, &findings.Report{
		Schema: findings.Schema, Tool: findings.Tool{Name: "casebook", Version: "devel"},
		Systems: []findings.System{}, Artifacts: []findings.Artifact{}, Sequences: []findings.Sequence{}, Sensitive: []findings.Sensitive{}, Findings: []findings.Finding{},
		Request: findings.Request{Items: []findings.RequestItem{}}, Problems: []ingest.Problem{}, Notable: []findings.Evidence{},
		Timeline: findings.Timeline{Logs: []findings.TimelineLog{}, Marks: []findings.Mark{}}, Registry: []findings.KeyExcerpt{}, Errors: []findings.ErrorKind{},
	}))
}

// sieve stands in for a test and notes whether it would fail.
type sieve struct {
	testing.TB
	failed bool
}

func (s *sieve) Helper() {}

func (s *sieve) Errorf(string, ...any) { s.failed = true }

// TestSchemaRefuses shows that the schema can say no.
func TestSchemaRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(r *findings.Report)
	}{
		{"one-and-several-uploads", func(r *findings.Report) { r.Bundles = []findings.Upload{*r.Bundle} }},
		{"null-list", func(r *findings.Report) { r.Problems = nil }},
		{"unknown-kind", func(r *findings.Report) { r.Artifacts[0].Kind = "log/other" }},
		{"unknown-encoding", func(r *findings.Report) { r.Artifacts[0].Encoding = "latin1" }},
		{"unknown-stage", func(r *findings.Report) { r.Problems[0].Stage = "later" }},
		{"local-time", func(r *findings.Report) { r.Window.From = "2011-01-08T20:16:41+01:00" }},
		{"upper-case-sum", func(r *findings.Report) { r.Artifacts[0].SHA256 = strings.Repeat("0A", 32) }},
		{"confirmed-without-support", func(r *findings.Report) {
			f := &r.Findings[0]
			f.Verdict, f.Reason, f.Evidence[0].Role = findings.Confirmed, "", findings.Context
		}},
		{"reason-of-a-verdict", func(r *findings.Report) { r.Findings[0].Verdict = findings.Suspected }},
		{"not-evaluated-without-reason", func(r *findings.Report) { r.Findings[0].Reason = "" }},
		{"delete-with-target", func(r *findings.Report) { r.Systems[0].PendingRenames[0].Operation = "delete" }},
		{"plain-http-reference", func(r *findings.Report) { r.Findings[0].References[0].URL = "http://example.com/" }},
		{"long-quote", func(r *findings.Report) { r.Findings[0].Evidence[0].Quote = strings.Repeat("x", 402) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := full()
			r.Bundles = nil
			test.spoil(r)
			s := &sieve{TB: t}
			Report(s, encode(t, r))
			if !s.failed {
				t.Error("the schema accepts it")
			}
		})
	}
}

// node is what the test reads of a JSON Schema.
type node struct {
	Ref        string           `json:"$ref"`
	Type       any              `json:"type"`
	Enum       []string         `json:"enum"`
	Properties map[string]*node `json:"properties"`
	Required   []string         `json:"required"`
	Additional any              `json:"additionalProperties"`
	Items      *node            `json:"items"`
	OneOf      []*node          `json:"oneOf"`
	Defs       map[string]*node `json:"$defs"`
}

func readSchema(t *testing.T, form string) *node {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Root(t), "docs", form+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	return &root
}

// resolve follows references, and takes the alternative that is not null.
func (n *node) resolve(root *node) *node {
	for n != nil {
		switch {
		case len(n.Properties) > 0:
			return n
		case n.Ref != "":
			n = root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
		case len(n.OneOf) > 0:
			n = n.OneOf[0]
		default:
			return n
		}
	}
	return nil
}

// TestSchemaHasEveryField compares the schema's objects with the Go types: names, which are required, and that no others are allowed.
func TestSchemaHasEveryField(t *testing.T) {
	compareFields(t, reflect.TypeFor[findings.Report](), readSchema(t, "report"))
}

// compareFields compares the objects of a schema with the Go type that is encoded.
func compareFields(t *testing.T, whole reflect.Type, root *node) {
	t.Helper()
	seen := map[reflect.Type]bool{}
	var compare func(typ reflect.Type, n *node, path string)
	compare = func(typ reflect.Type, n *node, path string) {
		n = n.resolve(root)
		if n == nil {
			t.Errorf("%s: not in the schema", path)
			return
		}
		switch typ.Kind() {
		case reflect.Pointer:
			compare(typ.Elem(), n, path)
			return
		case reflect.Slice:
			if n.Items == nil {
				t.Errorf("%s: the schema has no items", path)
				return
			}
			compare(typ.Elem(), n.Items, path+"[]")
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] {
			return
		}
		seen[typ] = true
		if n.Additional != false {
			t.Errorf("%s: additionalProperties is not false", path)
		}
		var names, required []string
		for field := range typ.Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" {
				continue // never written
			}
			if name == "" {
				t.Errorf("%s: field %s has no JSON name", path, field.Name)
				continue
			}
			names = append(names, name)
			if options != "omitempty" {
				required = append(required, name)
			}
			if p := n.Properties[name]; p != nil {
				compare(field.Type, p, path+"."+name)
			}
		}
		slices.Sort(names)
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(n.Properties))); diff != "" {
			t.Errorf("%s: fields of the Go type (-) and of the schema (+):\n%s", path, diff)
		}
		slices.Sort(required)
		if diff := cmp.Diff(required, slices.Sorted(slices.Values(n.Required))); diff != "" {
			t.Errorf("%s: fields that are always written (-) and required ones (+):\n%s", path, diff)
		}
	}
	compare(whole, root, "document")
}

// constants returns the values of a package's string constants of a type, read from its source.
func constants(t *testing.T, folder, typeName string) []string {
	t.Helper()
	var out []string
	for _, file := range parsePackage(t, folder) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !isNamed(spec.Type, typeName) {
				return true
			}
			for _, v := range spec.Values {
				lit, ok := v.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					t.Errorf("%s: a constant of type %s is no plain string", folder, typeName)
					continue
				}
				out = append(out, constant.StringVal(constant.MakeFromLiteral(lit.Value, lit.Kind, 0)))
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Errorf("package %s has no constants of type %s", folder, typeName)
	}
	slices.Sort(out)
	return out
}

func isNamed(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// parsePackage parses the files of a package without its tests.
func parsePackage(t *testing.T, folder string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(Root(t), folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}

// TestVocabularies compares the schema's closed vocabularies with those of the code, and docs/report.md with both.
func TestVocabularies(t *testing.T) {
	root := readSchema(t, "report")
	doc, err := os.ReadFile(filepath.Join(Root(t), "docs", "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		place string // in the schema: definition, or definition.property
		want  []string
	}{
		{"kind", constants(t, "ingest", "Kind")},
		{"encoding", append(ingest.Encodings(), "")},
		{"format", ingest.Formats()},
		{"stage", constants(t, "ingest", "Stage")},
		{"refusal", constants(t, "ingest", "Refusal")},
		{"cut", constants(t, "ingest", "Cut")},
		{"incident.covered", constants(t, "findings", "Covered")},
		{"finding.verdict", constants(t, "findings", "Verdict")},
		{"finding.severity", constants(t, "findings", "Severity")},
		{"finding.state", constants(t, "findings", "State")},
		{"finding.reason", constants(t, "findings", "Reason")},
		{"evidence.role", constants(t, "findings", "Role")},
		{"mountedDevice.kind", constants(t, "hive", "DeviceKind")},
		{"mark.kind", constants(t, "findings", "MarkKind")},
	}
	for _, test := range tests {
		t.Run(test.place, func(t *testing.T) {
			def, property, _ := strings.Cut(test.place, ".")
			n := root.Defs[def]
			if property != "" {
				n = n.Properties[property]
			}
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, slices.Sorted(slices.Values(n.Enum))); diff != "" {
				t.Errorf("the code (-) and the schema (+):\n%s", diff)
			}
			for _, value := range test.want {
				if value != "" && !strings.Contains(string(doc), "`"+value+"`") {
					t.Errorf("docs/report.md does not explain %s", strconv.Quote(value))
				}
			}
		})
	}
}

package casebook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"casebook"
	"casebook/findings"
	"casebook/ingest"
)

// TestWriteReport compares the report that is written piece by piece with what the standard encoder makes of it as a whole.
func TestWriteReport(t *testing.T) {
	one := 1
	upload := findings.Upload{Name: "a<b>&\u2028.zip", SHA256: "00", Bytes: 1, Format: "zip"}
	long := findings.Finding{
		Check: "x", Title: "a\nb\t\"c\" \u0001", Remedy: []string{}, References: []findings.Reference{{Title: "t", URL: "https://example.com/?a=1&b=2"}},
		Evidence: []findings.Evidence{{Artifact: "a", Before: []string{"1", "2"}}, {Artifact: "b", Absent: true}},
	}
	reports := map[string]*findings.Report{
		"zero":  {},
		"empty": {Systems: []findings.System{}, Artifacts: []findings.Artifact{}, Findings: []findings.Finding{}, Problems: []ingest.Problem{}},
		"one-upload": {
			Schema: findings.Schema, Bundle: &upload, Systems: []findings.System{{ID: "A", ControlSet: &one, Environment: map[string]string{"b": "2", "a": "1"}}},
			Artifacts: []findings.Artifact{{Path: "a"}}, Findings: []findings.Finding{long}, Request: findings.Request{Items: []findings.RequestItem{{What: "w"}}},
		},
		"several": {
			Schema: findings.Schema, Bundles: []findings.Upload{upload, upload}, Case: "T-1", Incident: &findings.Incident{Time: "x"},
			Artifacts: []findings.Artifact{{Path: "a"}, {Path: "b"}, {Path: "c"}}, Sequences: []findings.Sequence{{Name: "l", Parts: []findings.SequencePart{{Artifact: "a"}}}},
			Sensitive: []findings.Sensitive{{Artifact: "k"}}, Findings: []findings.Finding{long, long}, Problems: []ingest.Problem{{Artifact: "a", Stage: ingest.StageRead, Message: "<&>"}, {}},
			Notable: []findings.Evidence{{Quote: "q"}}, Tool: findings.Tool{Name: "casebook"}, Window: findings.Window{From: "x"},
			Timeline: findings.Timeline{StepSeconds: 1}, Registry: []findings.KeyExcerpt{{Key: "<k>"}}, Errors: []findings.ErrorKind{{Template: "&"}},
			Statements: []findings.Statement{{Artifact: "m.eml/message.txt"}, {Kind: findings.StatementNote}},
			Names:      []findings.Name{{Name: "pc-0815", Kind: findings.NameHost}, {Name: "corp.example.com", Kind: findings.NameDomain}}, Redacted: "r",
		},
	}
	for i := range reflect.TypeFor[findings.Report]().NumField() {
		field := reflect.TypeFor[findings.Report]().Field(i).Name
		if reflect.ValueOf(*reports["one-upload"]).Field(i).IsZero() && reflect.ValueOf(*reports["several"]).Field(i).IsZero() {
			t.Errorf("no report has the field %s, so that nothing is known of how it is written", field)
		}
	}
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			var want bytes.Buffer
			e := json.NewEncoder(&want)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
			got, err := casebook.EncodeReport(r)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
			}
		})
	}
}

// fullDisk takes so many bytes.
type fullDisk int

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if *d -= fullDisk(len(p)); *d < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestWriteReportFull says what a full disk said, wherever it became full.
func TestWriteReportFull(t *testing.T) {
	r := &findings.Report{Artifacts: make([]findings.Artifact, 2000)}
	for _, room := range []fullDisk{0, 100 << 10} {
		if err := casebook.WriteReport(&room, r); !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
	}
}

package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"casebook/findings"
	"casebook/findings/export"
	"casebook/ingest"
)

// sample is a report of which every string that comes from a bundle or a check is s.
func sample(s string) *findings.Report {
	value := s
	evidence := findings.Evidence{
		Artifact: s, Line: 3, Key: s, Value: &value, Quote: s, Time: "2012-03-01T10:00:00Z", LocalTime: "2012-03-01T11:00:00+01:00", Role: findings.Supports, Note: s,
	}
	missing := findings.Missing{What: s, Why: s, Collect: s}
	told := findings.Finding{
		Check: "some-state", Subject: s, System: s, Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active, Title: s, Summary: s, Cause: s,
		Remedy: []string{s, s}, Risk: s, Undo: s, Cured: s, Overturns: s, Evidence: []findings.Evidence{evidence}, Missing: []findings.Missing{missing},
	}
	cleared := findings.Finding{
		Check: "other-state", System: s, Verdict: findings.RuledOut, Severity: findings.Low, Title: s, Unmet: s, Evidence: []findings.Evidence{evidence},
	}
	open := findings.Finding{Check: "third-state", Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.Low, Title: s, Unmet: s}
	return &findings.Report{
		Tool: findings.Tool{Name: "casebook", Version: "test"}, Bundle: &findings.Upload{Name: s}, Window: findings.Window{From: "2012-03-01T10:00:00Z", To: "2012-03-01T11:00:00Z"},
		Artifacts: []findings.Artifact{{Path: s, System: s, Records: 2}},
		Findings:  []findings.Finding{told, cleared, open}, Request: findings.Request{Text: s},
		Problems: []ingest.Problem{{Artifact: s, Message: s}, {Message: s}},
		Timeline: findings.Timeline{Marks: []findings.Mark{
			{Time: "2012-03-01T09:00:00Z", UTC: true, Kind: findings.MarkBoot, Label: s, System: s, Artifact: s},
			{Time: "2012-03-01T09:00:00", Kind: findings.MarkGap, Label: s},
		}},
		Notable: []findings.Evidence{evidence},
	}
}

var payloads = []string{
	"# heading", "- item", "1. item", "```", "````\n# out", "`code", "``", "*b* _i_ ~~s~~", "[l](https://evil.example)", "![i](https://evil.example/x.png)", "<https://evil.example>",
	"https://evil.example", "www.evil.example", "a@evil.example", "<script>pay</script>", "<!-- pay", "&lt;&#60;", "a\n\n# b", "a\r\n---\r\n", "| a | b |\n|---|---|", "[ref]: https://evil.example",
	"> quote", "    indented", "\\", "a\\", "\u202egnp.exe", "\x00\x1b[31m", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", `"`, `","`, "$x$", "{{ x }}", ":smile:", "\xff\xfe",
}

// skeleton lists the kinds of a document's nodes without those that only carry text.
func skeleton(t *testing.T, md string) []string {
	t.Helper()
	source := []byte(md)
	var kinds []string
	err := ast.Walk(goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && n.Kind() != ast.KindText && n.Kind() != ast.KindString {
			kinds = append(kinds, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

// TestMarkdownHoldsNoMarkupOfTheBundle compares the structure of each hostile report with that of a harmless one.
func TestMarkdownHoldsNoMarkupOfTheBundle(t *testing.T) {
	render := func(s string) string {
		var b strings.Builder
		if err := export.Markdown(&b, sample(s)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := skeleton(t, render("pay"))
	for _, p := range payloads {
		t.Run(fmt.Sprintf("%q", p), func(t *testing.T) {
			md := render(p)
			if diff := cmp.Diff(want, skeleton(t, md)); diff != "" {
				t.Errorf("structure (-harmless +got):\n%s\n%s", diff, md)
			}
		})
	}
}

// TestCSV reads the table back: a row for each piece of evidence, every cell text.
func TestCSV(t *testing.T) {
	for _, p := range append(payloads, "plain") {
		t.Run(fmt.Sprintf("%q", p), func(t *testing.T) {
			var b bytes.Buffer
			if err := export.CSV(&b, sample(p)); err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(&b).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) != 4 || rows[1][0] != "some-state" || rows[3][1] != "not-evaluated" {
				t.Fatalf("%d rows: %q", len(rows), rows)
			}
			for _, row := range rows {
				for _, cell := range row {
					if strings.ContainsAny(cell, "\x00\r\n\t") || cell != "" && strings.Contains("=+-@", cell[:1]) {
						t.Errorf("cell %q", cell)
					}
				}
			}
		})
	}
}

// TestTimesketch holds every line to what the importer asks for.
func TestTimesketch(t *testing.T) {
	records := func(string) iter.Seq2[ingest.Record, error] {
		return func(yield func(ingest.Record, error) bool) {
			_ = yield(ingest.Record{Line: 1, Text: []byte("one\r\n"), Time: ingest.Time{Wall: 1e6, Zone: ingest.ZoneStated}, Severity: ingest.SeverityWarning}, nil) &&
				yield(ingest.Record{Line: 2, Text: []byte("two"), Time: ingest.Time{Wall: 1e6, Zone: ingest.ZoneUnknown}}, nil)
		}
	}
	var b bytes.Buffer
	leftOut, err := export.Timesketch(&b, sample("x"), records)
	if err != nil {
		t.Fatal(err)
	}
	if leftOut != 2 {
		t.Errorf("%d left out, want the mark and the record without an offset", leftOut)
	}
	var got []export.Event
	for line := range strings.Lines(b.String()) {
		var e export.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339Nano, e.Datetime); err != nil || e.Message == "" || e.TimestampDesc == "" {
			t.Errorf("event %s: %v", line, err)
		}
		got = append(got, e)
	}
	if len(got) != 5 || got[0].TimestampDesc != "Mark: boot" || !reflect.DeepEqual(got[4], export.Event{
		Message: "one", Datetime: "1970-01-01T00:00:01.000000+00:00", TimestampDesc: "Log record", System: "x", Artifact: "x", Line: 1, Severity: "warning",
	}) {
		t.Errorf("events %+v", got)
	}
}

// TestMarkdownHead holds that the first sentence agrees with the findings that follow it.
func TestMarkdownHead(t *testing.T) {
	fault := findings.Finding{Verdict: findings.Confirmed, Severity: findings.High, Title: "A setup failed"}
	info := findings.Finding{Verdict: findings.Confirmed, Severity: findings.Info, Title: "The machine waits for a restart"}
	maybe := findings.Finding{Verdict: findings.Suspected, Severity: findings.Info, Title: "Perhaps it waits"}
	tests := []struct {
		name string
		list []findings.Finding
		want string
	}{
		{"fault", []findings.Finding{info, fault}, "**A setup failed**"},
		{"information", []findings.Finding{maybe, info}, "**No fault is confirmed. Confirmed as information: The machine waits for a restart**"},
		{"suspected-information", []findings.Finding{maybe}, "**Nothing is confirmed.**"},
		{"nothing", nil, "**Nothing is confirmed.**"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := export.Markdown(&b, &findings.Report{Bundle: &findings.Upload{Name: "u.zip"}, Findings: tt.list}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Split(b.String(), "\n")[2]; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

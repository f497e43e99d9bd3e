package casebook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"casebook/findings"
)

// EncodeReport returns a report as report.json holds it: see [WriteReport].
func EncodeReport(r *findings.Report) ([]byte, error) {
	var b bytes.Buffer
	if err := WriteReport(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteReport writes a report as report.json holds it: indented, keys in the order of the schema, without HTML escapes, and a line break at
// the end. Lists are written one element after the other: the report of an upload of 100,000 members takes a hundred megabytes, of which the
// standard encoder would keep several copies.
func WriteReport(w io.Writer, r *findings.Report) error {
	e := newReportEncoder(w)
	e.field("schema", r.Schema)
	e.field("tool", r.Tool)
	if r.Bundle != nil {
		e.field("bundle", r.Bundle)
	}
	if len(r.Bundles) > 0 {
		e.field("bundles", r.Bundles)
	}
	if r.Case != "" {
		e.field("case", r.Case)
	}
	e.field("window", r.Window)
	if r.Incident != nil {
		e.field("incident", r.Incident)
	}
	list(e, "systems", r.Systems)
	list(e, "artifacts", r.Artifacts)
	list(e, "sequences", r.Sequences)
	list(e, "sensitive", r.Sensitive)
	list(e, "findings", r.Findings)
	e.field("request", r.Request)
	list(e, "problems", r.Problems)
	e.field("timeline", r.Timeline)
	list(e, "registry", r.Registry)
	list(e, "errors", r.Errors)
	list(e, "notable", r.Notable)
	if len(r.Statements) > 0 {
		list(e, "statements", r.Statements)
	}
	if len(r.Names) > 0 {
		list(e, "names", r.Names)
	}
	if r.Redacted != "" {
		e.field("redacted", r.Redacted)
	}
	return e.close()
}

// writeJSON writes a value as [WriteReport] writes reports.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// reportEncoder writes the fields of one JSON object.
type reportEncoder struct {
	w     *bufio.Writer
	value bytes.Buffer
	enc   *json.Encoder
	begun bool
	err   error // the first
}

func newReportEncoder(w io.Writer) *reportEncoder {
	e := &reportEncoder{w: bufio.NewWriterSize(w, 64<<10)}
	e.enc = json.NewEncoder(&e.value)
	e.enc.SetEscapeHTML(false)
	return e
}

// text writes what can't fail before the flush: a bufio.Writer keeps its first error.
func (e *reportEncoder) text(s string) { _, _ = e.w.WriteString(s) }

// name begins a field.
func (e *reportEncoder) name(name string) {
	if !e.begun {
		e.text("{")
	} else {
		e.text(",")
	}
	e.begun = true
	e.text("\n  \"" + name + "\": ")
}

// json writes a value whose further lines begin with prefix.
func (e *reportEncoder) json(prefix string, v any) {
	if e.err != nil {
		return
	}
	e.value.Reset()
	e.enc.SetIndent(prefix, "  ")
	if e.err = e.enc.Encode(v); e.err == nil {
		_, _ = e.w.Write(bytes.TrimSuffix(e.value.Bytes(), []byte("\n"))) // see text
	}
}

func (e *reportEncoder) field(name string, v any) {
	e.name(name)
	e.json("  ", v)
}

// list writes a field that is a list, one element at a time.
func list[T any](e *reportEncoder, name string, elements []T) {
	if len(elements) == 0 {
		e.field(name, elements)
		return
	}
	e.name(name)
	for i := range elements {
		if i == 0 {
			e.text("[\n    ")
		} else {
			e.text(",\n    ")
		}
		e.json("    ", &elements[i])
	}
	e.text("\n  ]")
}

func (e *reportEncoder) close() error {
	e.text("\n}\n")
	if e.err != nil {
		return fmt.Errorf("encode report: %w", e.err)
	}
	if err := e.w.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

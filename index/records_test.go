package index_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/index"
	"casebook/ingest"
)

// TestRecords reads the records of one artifact back as they were written, whatever else the archive holds.
func TestRecords(t *testing.T) {
	dir := t.TempDir()
	make3000 := func(name string) (rs []ingest.Record) {
		for i := range 3000 {
			raw := fmt.Appendf(nil, "<![LOG[%s %d]LOG]!>\r\n", name, i)
			rs = append(rs, ingest.Record{
				Line: i + 1, Lines: 1, Raw: raw, Text: raw[7 : len(raw)-9], Component: []byte("Comp"), Thread: uint64(i % 5),
				Time: ingest.Time{Wall: int64(i) * 1e6, Bias: -60, Zone: ingest.ZoneStated}, Severity: ingest.Severity(i % 4),
			})
		}
		return rs
	}
	a, b := make3000("a"), make3000("b")
	value := []index.RegistryValue{{Key: `HKEY_LOCAL_MACHINE\X`, Name: "v", Type: "REG_SZ", Data: "d", Line: 2}}
	writeCase(t, dir, "one", []testArtifact{{path: "a.log", kind: ingest.KindLogCCM, records: a}, {path: "b.log", kind: ingest.KindLogCCM, records: b}}, map[string][]index.RegistryValue{"b.log": value}, nil)
	writeCase(t, dir, "two", []testArtifact{{path: "b.log", kind: ingest.KindLogCCM, records: a[:3]}}, nil, nil)
	archive := openArchive(t, dir)
	read := func(id, path string) (out []ingest.Record) {
		for r, err := range archive.Records(t.Context(), id, path, 1) {
			if err != nil {
				t.Fatal(err)
			}
			r.Raw, r.Text, r.Component = bytes.Clone(r.Raw), bytes.Clone(r.Text), bytes.Clone(r.Component) // the next record takes their memory
			out = append(out, r)
		}
		return out
	}
	for _, test := range []struct {
		id, path string
		want     []ingest.Record
	}{{"one", "a.log", a}, {"one", "b.log", b}, {"two", "b.log", a[:3]}, {"two", "a.log", nil}, {"three", "a.log", nil}} {
		if diff := cmp.Diff(test.want, read(test.id, test.path)); diff != "" {
			t.Errorf("%s of case %s (-written +read):\n%.2000s", test.path, test.id, diff)
		}
	}
	for _, test := range []struct{ from, least, most int }{{0, 1, 1}, {1, 1, 1}, {500, 1, 500}, {1025, 1, 1025}, {2900, 1900, 2900}, {3000, 1900, 3000}, {math.MaxInt, 1900, 3000}} {
		var lines []int
		for r, err := range archive.Records(t.Context(), "one", "b.log", test.from) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, r.Line)
		}
		if len(lines) == 0 || lines[0] < test.least || lines[0] > test.most || lines[len(lines)-1] != 3000 || len(lines) != 3001-lines[0] {
			t.Errorf("from line %d: %d records from %d to %d", test.from, len(lines), lines[0], lines[len(lines)-1])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range archive.Records(ctx, "one", "a.log", 1) {
		if err == nil {
			t.Fatal("a record was read after the end of the context")
		}
	}
}

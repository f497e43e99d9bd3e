package index

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

// testBlock builds a block.
func testBlock(class uint8, rs []ingest.Record) ([]byte, entry) {
	b := newBlockBuilder(class)
	for i := range rs {
		key, name := 0, 0
		if class == classRegistry {
			key, name = 3, 2
		}
		b.add(&rs[i], rs[i].Text, key, name)
	}
	return bytes.Clone(b.bytes()), b.entry
}

var testRecords = []ingest.Record{
	{Line: 1, Lines: 1, Raw: []byte("<one 1>\r\n"), Text: []byte("one 1"), Component: []byte("c"), Thread: 1 << 40, Severity: ingest.SeverityError, Time: ingest.WallTime(2012, 3, 8, 21, 0, 0, 1)},
	{Line: 2, Lines: 3, Raw: []byte("two\n\n\n"), Text: []byte("two\n"), Component: []byte{}, Time: ingest.WallTime(1999, 1, 1, 0, 0, 0, 0).Stated(-720)},
	{Line: 9, Lines: 1, Raw: []byte("three"), Text: []byte("three"), Component: []byte("c")},
	{Line: 10, Lines: 1, Raw: []byte("empty"), Text: []byte{}},
}

func TestBlock(t *testing.T) {
	for _, class := range []uint8{classLog, classRegistry} {
		rs := testRecords
		if class == classRegistry {
			rs = []ingest.Record{{Raw: []byte(`key\na = x`), Text: []byte(`key\na = x`), Component: []byte("REG_SZ")}}
		}
		b, e := testBlock(class, rs)
		got, err := readBlock(b, &e, &scratch{})
		if err != nil {
			t.Fatal(err)
		}
		var back []ingest.Record
		for _, r := range got {
			if class == classRegistry && (r.Key != 3 || r.Name != 2) {
				t.Errorf("key %d, name %d bytes", r.Key, r.Name)
			}
			// The case keeps how an offset is known, not what that rests on.
			r.Time.Basis = rs[len(back)].Time.Basis
			back = append(back, ingest.Record{Line: r.Line, Lines: r.Lines, Raw: r.Raw, Text: r.Text, Component: r.Component, Thread: r.Thread, Time: r.Time, Severity: r.Severity})
		}
		if diff := cmp.Diff(rs, back); diff != "" {
			t.Errorf("class %d (-written +read):\n%s", class, diff)
		}
	}
}

// TestTextOutsideRaw holds that a text that its record does not contain is not searched: it could not be quoted.
func TestTextOutsideRaw(t *testing.T) {
	b, e := testBlock(classLog, []ingest.Record{{Line: 1, Lines: 1, Raw: []byte("what it says"), Text: []byte("something else")}})
	got, err := readBlock(b, &e, &scratch{})
	if err != nil {
		t.Fatal(err)
	}
	if string(got[0].Text) != "what it says" {
		t.Errorf("text %q", got[0].Text)
	}
}

func FuzzReadBlock(f *testing.F) {
	b, e := testBlock(classLog, testRecords)
	f.Add(b, e.Records, e.Class)
	b, e = testBlock(classRegistry, []ingest.Record{{Raw: []byte(`key\na = x`), Text: []byte(`key\na = x`)}})
	f.Add(b, e.Records, e.Class)
	f.Fuzz(func(t *testing.T, b []byte, records uint32, class uint8) {
		rs, err := readBlock(b, &entry{Records: records, Class: class}, &scratch{})
		if err != nil {
			return
		}
		total := 0
		for _, r := range rs {
			total += len(r.Raw)
			if !bytes.Contains(r.Raw, r.Text) || r.Key+r.Name > len(r.Text) {
				t.Fatalf("record %+v", r)
			}
		}
		if total > len(b) || len(rs) != int(records) {
			t.Fatalf("%d bytes in %d records from %d bytes", total, len(rs), len(b))
		}
	})
}

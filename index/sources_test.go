package index_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"casebook/index"
	"casebook/ingest"
)

// writeStored writes a case that stores the bytes of a hive beside the records of a log.
func writeStored(t *testing.T, dir string, raw []byte) *index.Stored {
	t.Helper()
	w, err := buildCase(dir, "48213", []testArtifact{{path: "a.log", kind: ingest.KindLogText, records: []ingest.Record{
		{Line: 1, Lines: 1, Raw: []byte("first line\r\n"), Text: []byte("first line")},
		{Line: 2, Lines: 2, Raw: []byte("second\nand third\n"), Text: []byte("second")},
	}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &index.Stored{Case: "48213", Host: "PC7", Volume: 3, Kept: ingest.Kept{Members: []ingest.KeptMember{
		{Path: "SYSTEM", Form: ingest.FormBytes, Bytes: int64(len(raw))}, {Path: "a.log", Form: ingest.FormText, Encoding: "utf-8"},
	}}}
	if err := w.Source("SYSTEM", raw); err != nil {
		t.Fatal(err)
	}
	w.Store(s)
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// all reads what a source opens.
func all(t *testing.T, open func(string) (io.ReadCloser, error), path string) (string, error) {
	t.Helper()
	r, err := open(path)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.String(), errors.Join(err, r.Close())
}

// TestSources reads back what a case stores.
func TestSources(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	raw := []byte(strings.Repeat("regf and more ", 10_000))
	want := writeStored(t, dir, raw)
	writeCase(t, dir, "older", nil, nil, nil)
	a := openArchive(t, dir)
	s, err := a.Sources(t.Context(), "48213")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*want, s.Stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if got, err := all(t, s.Bytes, "SYSTEM"); err != nil || got != string(raw) {
		t.Errorf("%d bytes of SYSTEM: %v", len(got), err)
	}
	if got, err := all(t, s.Text, "a.log"); err != nil || got != "first line\r\nsecond\nand third\n" {
		t.Errorf("the text is %q: %v", got, err)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
	if _, err := s.Bytes("a.log"); err == nil || s.Err() == nil {
		t.Error("bytes of what stores none")
	}
	if _, err := a.Sources(t.Context(), "older"); !errors.Is(err, index.ErrNotStored) {
		t.Errorf("the case that stores nothing: %v", err)
	}
	if _, err := a.Sources(t.Context(), "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no case: %v", err)
	}
}

// TestSourcesDamaged tells damage, and refuses a newer format.
func TestSourcesDamaged(t *testing.T) {
	newer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte(strings.Repeat("regf and more ", 10_000))
	for name, tt := range map[string]struct {
		file, says string
		content    func([]byte) []byte
	}{
		"newer-format":   {"facts", "use a newer casebook", func([]byte) []byte { return newer.EncodeAll([]byte(`{"format":99}`), nil) }},
		"no-format":      {"facts", "states no format version", func([]byte) []byte { return newer.EncodeAll([]byte(`{}`), nil) }},
		"no-frame":       {"facts", "damaged", func([]byte) []byte { return []byte("nothing") }},
		"cut-sources":    {"sources", "they are to be", func(b []byte) []byte { return b[:len(b)/2] }},
		"damaged-source": {"sources", "SYSTEM", func(b []byte) []byte { return make([]byte, len(b)) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "archive")
			writeStored(t, dir, raw)
			files, err := filepath.Glob(filepath.Join(dir, "cases", "*", tt.file))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v: %v", files, err)
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], tt.content(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := openArchive(t, dir).Sources(t.Context(), "48213")
			if err == nil {
				_, err = all(t, s.Bytes, "SYSTEM")
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v", err)
			}
		})
	}
}

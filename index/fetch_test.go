package index_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// elsewhere is a store that keeps a case in memory.
type elsewhere struct {
	cas    index.Case
	files  map[string][]byte
	blocks []index.Block
}

// send makes a spool of a case and keeps what it gives.
func send(t *testing.T) *elsewhere {
	t.Helper()
	s, err := index.NewSpool(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // what it gave was taken
	art := &ingest.Artifact{Path: "a.log", Kind: ingest.KindLogCCM}
	sink := s.Artifact(art)
	for i := range 3000 {
		text := fmt.Sprintf("record %d of a long log that is several blocks", i)
		sink.Records([]ingest.Record{{Line: i + 1, Lines: 1, Raw: []byte(text + "\n"), Text: []byte(text)}})
	}
	sink.Done(art)
	if err := s.Source("SYSTEM", []byte("regf and so on")); err != nil {
		t.Fatal(err)
	}
	s.Store(&index.Stored{Case: "INC1"})
	r := &findings.Report{Case: "INC1", Findings: []findings.Finding{{
		Check: "a-check", Title: "It is so", Verdict: findings.Confirmed, Evidence: []findings.Evidence{{Role: findings.Supports, Artifact: "a.log", Line: 5, Quote: "record 4 of"}},
	}}}
	err = s.Report(r, func(w io.Writer) error {
		_, err := io.WriteString(w, `{"case":"INC1"}`)
		return err
	})
	if err == nil {
		err = s.Follow(nil, []byte(`{"case":"INC1"}`))
	}
	if err == nil {
		err = s.Seal()
	}
	if err != nil {
		t.Fatal(err)
	}
	e := &elsewhere{cas: s.Case(), files: map[string][]byte{}}
	e.cas.State = "0123456789abcdef"
	err = s.Files(t.Context(), func(name string, r io.Reader) (err error) {
		e.files[name], err = io.ReadAll(r)
		return err
	})
	for b, berr := range s.Blocks(t.Context()) {
		if berr != nil {
			t.Fatal(berr)
		}
		x := *b
		x.Frame = slices.Clone(b.Frame)
		e.blocks = append(e.blocks, x)
	}
	if err != nil || len(e.blocks) < 3 || len(e.files) != 3 {
		t.Fatalf("%d blocks, %d files: %v", len(e.blocks), len(e.files), err)
	}
	return e
}

// fetch fetches the case, and returns what was said of it.
func (e *elsewhere) fetch(t *testing.T) (*index.Spool, []string, error) {
	t.Helper()
	var faults []string
	s, err := index.Fetch(t.Context(), t.TempDir(), index.Fetched{
		Case: e.cas,
		File: func(name string) (io.ReadCloser, error) {
			b, ok := e.files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(bytes.NewReader(b)), nil
		},
		Blocks: iter.Seq2[*index.Block, error](func(yield func(*index.Block, error) bool) {
			for i := range slices.Backward(e.blocks) { // in any order
				if !yield(&e.blocks[i], nil) {
					return
				}
			}
		}),
		Fault: func(what string) { faults = append(faults, what) },
	})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return s, faults, err
}

// TestFetch takes a case to pieces and puts it together again: it is the same, sum for sum, and can do what a case of a folder can.
func TestFetch(t *testing.T) {
	e := send(t)
	s, faults, err := e.fetch(t)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%q: %v", faults, err)
	}
	if diff := cmp.Diff(e.cas, s.Case()); diff != "" {
		t.Errorf("the case (-sent +fetched):\n%s", diff)
	}
	var done index.Checked
	asked := 0
	err = s.Check(t.Context(), &done, func(list []index.Sought) ([]bool, error) {
		asked += len(list)
		out := make([]bool, len(list))
		for i, b := range list {
			out[i] = b.Order == 1 && b.Word != "" && b.Seq != 1
		}
		return out, nil
	}, func(f index.Fault) {
		if f.Case != "INC1" || !strings.Contains(f.What, "a search does not find block 1") {
			t.Errorf("%+v", f)
		}
	})
	if err != nil || done.Faults != 1 || done.Blocks != asked-1 || asked != len(e.blocks)-1 || done.Quotes != 1 || done.Files < 7 {
		t.Errorf("%+v of %d blocks: %v", done, asked, err)
	}
	var out bytes.Buffer
	if err := s.Export(t.Context(), e.cas, nil, &out); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := importInto(t, dir, out.Bytes(), false)
	if err != nil || c.Sum != e.cas.Sum {
		t.Errorf("%+v: %v", c, err)
	}
	sound(t, dir)
	if h, err := openArchive(t, dir).History(t.Context(), c); err != nil || len(h) != 1 {
		t.Errorf("history %+v: %v", h, err)
	}
	stored, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	for name, open := range map[string]func(string) (io.ReadCloser, error){"SYSTEM": stored.Bytes, "a.log": stored.Text} {
		r, err := open(name)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(b), "re") {
			t.Errorf("%s holds %.20q: %v", name, b, err)
		}
	}
}

// TestFetchDamaged damages what a store has of a case: it is told, and what can't be a case is none.
func TestFetchDamaged(t *testing.T) {
	whole := send(t)
	for _, tt := range []struct {
		name   string
		damage func(e *elsewhere)
		want   string // of a fault, or of the error
		none   bool   // there is no case
	}{
		{"frame-changed", func(e *elsewhere) { e.blocks[2].Frame[20] ^= 1 }, "records is not what was written", false},
		{"frame-shorter", func(e *elsewhere) { e.blocks[2].Frame = e.blocks[2].Frame[1:] }, "bytes, ", false},
		{"block-missing", func(e *elsewhere) { e.blocks = slices.Delete(e.blocks, 2, 3) }, "block 1 is missing", false},
		{"block-too-many", func(e *elsewhere) { e.blocks[2].Seq = 99 }, "there was no block 99", false},
		{"artifact-too-many", func(e *elsewhere) { e.blocks[2].Order = 99 }, "there was no block 1", false},
		{"findings-changed", func(e *elsewhere) { e.blocks[0].Findings = nil }, "not those that were written", false},
		{"findings-missing", func(e *elsewhere) { e.blocks = e.blocks[1:] }, "their block is missing", false},
		{"report-changed", func(e *elsewhere) { e.files["report.json"] = []byte("{}") }, "report.json is not what was written", false},
		{"report-missing", func(e *elsewhere) { delete(e.files, "report.json") }, "report.json can't be read", false},
		{"history-missing", func(e *elsewhere) { delete(e.files, "history.json") }, "history.json can't be read", false},
		{"rest-missing", func(e *elsewhere) { delete(e.files, "rest.zip") }, "rest.zip", true},
		{"rest-changed", func(e *elsewhere) { e.files["rest.zip"] = []byte("PK") }, "rest.zip", true},
		{"rest-foreign", func(e *elsewhere) { e.files["rest.zip"] = foreignZip(t) }, `it holds the file "../evil"`, true},
		{"another-case", func(e *elsewhere) { e.cas.Sum = strings.Repeat("0", 64) }, "case.json is not what was written", true},
		{"without-sum", func(e *elsewhere) { e.cas.Sum = "" }, index.ErrNotStored.Error(), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &elsewhere{whole.cas, maps.Clone(whole.files), slices.Clone(whole.blocks)}
			e.blocks[2].Frame = slices.Clone(e.blocks[2].Frame)
			tt.damage(e)
			s, faults, err := e.fetch(t)
			if (s == nil) != tt.none || (err != nil) != tt.none {
				t.Fatalf("%v, %v", s, err)
			}
			if said := fmt.Sprint(faults, err); !strings.Contains(said, tt.want) {
				t.Errorf("it said %q, nothing of %q", said, tt.want)
			}
		})
	}
	if _, _, err := (&elsewhere{cas: index.Case{ID: "INC1"}}).fetch(t); !errors.Is(err, index.ErrNotStored) {
		t.Errorf("a case that was written without: %v", err)
	}
}

// foreignZip is a zip whose member lies outside of it.
func foreignZip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	_, err := z.CreateHeader(&zip.FileHeader{Name: "../evil"})
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

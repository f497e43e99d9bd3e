package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// postings maps terms to documents.
type testPostings map[string][]uint32

// writeTestSegment writes a segment with n documents and terms in the field of texts.
func writeTestSegment(t testing.TB, path string, first uint32, n int, terms testPostings) *segment {
	t.Helper()
	w, err := createSegment(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		w.document(&document{key: [8]byte{byte(i % 3)}, artifact: first, seq: uint32(i)})
	}
	for _, term := range slices.Sorted(maps.Keys(terms)) {
		w.term([]byte(term), terms[term])
	}
	for range fields {
		w.endField()
	}
	if err := w.close(nil); err != nil {
		t.Fatal(err)
	}
	s, err := openSegment(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}

// read lists what a segment holds in the field of texts.
func read(s *segment) (testPostings, error) {
	out := testPostings{}
	c, err := s.seek(fieldText, nil)
	for err == nil {
		var more bool
		if more, err = c.next(); !more {
			break
		}
		var docs []uint32
		err = c.postings.each(s.documents, func(d uint32) { docs = append(docs, d) })
		out[string(c.term)] = docs
	}
	return out, err
}

func randomPostings(r *rand.Rand, documents, terms int) testPostings {
	out := testPostings{}
	for range terms {
		term := strconv.FormatUint(r.Uint64N(1<<(1+r.IntN(40))), 16)
		var docs []uint32
		dense := r.IntN(20) + 1
		for d := range documents {
			if r.IntN(dense) == 0 || len(docs) == 0 && d == documents-1 {
				docs = append(docs, uint32(d))
			}
		}
		out[term] = docs
	}
	return out
}

func TestSegment(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, tt := range []struct{ documents, terms int }{{0, 0}, {1, 1}, {1, 100}, {63, 31}, {64, 32}, {65, 33}, {1000, 500}, {70, 5000}} {
		t.Run(fmt.Sprintf("%d-documents-%d-terms", tt.documents, tt.terms), func(t *testing.T) {
			want := randomPostings(r, tt.documents, tt.terms)
			s := writeTestSegment(t, filepath.Join(t.TempDir(), "a.terms"), 7, tt.documents, want)
			got, err := read(s)
			if err != nil || !maps.EqualFunc(want, got, slices.Equal) {
				t.Fatalf("read %d terms, want %d; error %v", len(got), len(want), err)
			}
			for term, docs := range want {
				set, err := s.documentsOf(fieldText, []byte(term))
				if err != nil || !slices.Equal(docs, slices.Collect(set.all)) || set.count() != len(docs) {
					t.Fatalf("%q is in %v, want %v; error %v", term, slices.Collect(set.all), docs, err)
				}
			}
			for _, absent := range []string{"", "/", "zz", "8x"} {
				if set, err := s.documentsOf(fieldText, []byte(absent)); err != nil || set.count() != 0 {
					t.Errorf("%q is in %d documents, error %v", absent, set.count(), err)
				}
			}
			all, err := s.all()
			if err != nil || len(all) != tt.documents || tt.documents > 0 && all[tt.documents-1] != (document{[8]byte{byte((tt.documents - 1) % 3)}, 7, uint32(tt.documents - 1)}) {
				t.Errorf("documents %v, error %v", all, err)
			}
		})
	}
}

// TestMergeSegments compares merged segments with what they were made of, with some documents dropped.
func TestMergeSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	want := map[string][]document{} // of each term
	var list []*segment
	for i := range uint32(5) {
		n := 1 + r.IntN(200)
		terms := randomPostings(r, n, 300)
		for term, docs := range terms {
			for _, d := range docs {
				if d%3 != 1 {
					want[term] = append(want[term], document{[8]byte{byte(d % 3)}, i, d})
				}
			}
		}
		list = append(list, writeTestSegment(t, filepath.Join(dir, strconv.FormatUint(uint64(i), 10)), i, n, terms))
	}
	path := filepath.Join(dir, "merged")
	if err := mergeSegments(t.Context(), list, func(d *document) bool { return d.key[0] != 1 }, path); err != nil {
		t.Fatal(err)
	}
	s, err := openSegment(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	got, err := read(s)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d terms, want %d; error %v", len(got), len(want), err)
	}
	all, err := s.all()
	if err != nil {
		t.Fatal(err)
	}
	for term, docs := range got {
		var found []document
		for _, d := range docs {
			found = append(found, all[d])
		}
		if !slices.Equal(found, want[term]) {
			t.Errorf("%q is in %v, want %v", term, found, want[term])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mergeSegments(ctx, list, nil, path); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a merge that was ended", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an unfinished segment was left")
	}
}

// FuzzSegment reads segments of any bytes: all terms and each term's documents, within the file.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for i, n := range []int{0, 1, 70} {
		path := filepath.Join(dir, strconv.Itoa(i))
		writeTestSegment(f, path, 0, n, randomPostings(r, n, 3*n))
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		if i == 2 {
			b = bytes.Clone(b)
			b[len(b)/2] ^= 0xff
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "a.terms")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openSegment(path)
		if err != nil {
			return
		}
		defer func() { _ = s.close() }()
		all, err := s.all()
		if err == nil && len(all)*documentSize > len(b) {
			t.Fatalf("%d documents in %d bytes", len(all), len(b))
		}
		terms, err := read(s)
		if err != nil {
			return
		}
		for term, docs := range terms {
			for _, d := range docs {
				if int(d) >= s.documents {
					t.Fatalf("%q is in document %d of %d", term, d, s.documents)
				}
			}
			if _, err := s.documentsOf(fieldText, []byte(term)); err != nil && !errors.Is(err, errSegment) {
				t.Fatal(err)
			}
		}
	})
}

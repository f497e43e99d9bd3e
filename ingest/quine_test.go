package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// literal is the head of a stored block of n bytes: five bytes.
func literal(n int) []byte {
	return []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}
}

// repeat is a block of fixed codes that repeats the last n bytes, 13 to 20, by two matches: five bytes too.
func repeat(n, final int) []byte {
	var w bitWriter
	w.bits(final, 1)
	w.bits(1, 2)
	for _, length := range []int{(n + 1) / 2, n / 2} {
		w.code(length-2, 7) // lengths 3 to 10 are the symbols 257 to 264, whose codes are 1 to 8
		if n > 16 {
			w.code(8, 5)
			w.bits(n-17, 3)
		} else {
			w.code(7, 5)
			w.bits(n-13, 2)
		}
	}
	w.code(0, 7)
	return w.out
}

// gzipQuine makes gzip data that unpack to themselves. What a stored block holds is printed, and what a match repeats is printed again; the
// blocks are arranged so that the printed bytes are the blocks. All blocks' heads have five bytes, so that they can stand for each other. The
// checksum is part of what it is taken of: it is the solution of 32 linear equations over the field of two elements.
func gzipQuine(t *testing.T) []byte {
	t.Helper()
	for salt := range byte(100) {
		head := []byte{0x1f, 0x8b, 8, 8, salt, 0, 0, 0, 0, 255, 'q', 0}
		build := func(sum uint32) []byte {
			tail := binary.LittleEndian.AppendUint32(nil, sum)
			l0, l1, l4, r4 := literal(0), literal(5), literal(20), repeat(20, 0)
			lHead, rHead := literal(len(head)+5), repeat(len(head)+5, 0)
			lTail, rTail := literal(5+8), repeat(5+8, 1)
			size := 0
			for {
				end := binary.LittleEndian.AppendUint32(bytes.Clone(tail), uint32(size))
				all := bytes.Join([][]byte{
					head, lHead, head, lHead, rHead, l1, rHead, l1, l1, l4, rHead, l1, l1, l4, r4, l4, r4, l4, r4, l4, r4,
					l4, r4, l0, l0, lTail, r4, l0, l0, lTail, rTail, end, rTail, end,
				}, nil)
				if len(all) == size {
					return all
				}
				size = len(all)
			}
		}
		sumOf := func(c uint32) uint32 { return crc32.ChecksumIEEE(build(c)) }
		// Each equation: the bits of the unknown in the lower half, the right side above them.
		zero := sumOf(0)
		var rows [32]uint64
		for j := range 32 {
			column := sumOf(1<<j) ^ zero ^ 1<<j
			for i := range 32 {
				rows[i] |= uint64(column>>i&1) << j
			}
		}
		for i := range 32 {
			rows[i] |= uint64(zero>>i&1) << 32
		}
		if c, ok := solve(rows); ok {
			if q := build(c); crc32.ChecksumIEEE(q) == c {
				return q
			}
		}
	}
	t.Fatal("no checksum fits")
	return nil
}

// solve solves 32 linear equations over the field of two elements; false if they have no single solution.
func solve(rows [32]uint64) (x uint32, ok bool) {
	for j := range 32 {
		pivot := -1
		for i := j; i < 32; i++ {
			if rows[i]>>j&1 == 1 {
				pivot = i
				break
			}
		}
		if pivot < 0 {
			return 0, false
		}
		rows[j], rows[pivot] = rows[pivot], rows[j]
		for i := range 32 {
			if i != j && rows[i]>>j&1 == 1 {
				rows[i] ^= rows[j]
			}
		}
	}
	for i := range 32 {
		x |= uint32(rows[i]>>32&1) << i
	}
	return x, true
}

// TestQuine opens data that unpack to themselves, loose and within a zip: they are opened as deep as archives may be nested, and no deeper.
func TestQuine(t *testing.T) {
	quine := gzipQuine(t)
	r, err := gzip.NewReader(bytes.NewReader(quine))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, quine) {
		t.Fatalf("no quine: %v, %d of %d bytes", err, len(got), len(quine))
	}
	tests := []struct {
		name, file string
		data       []byte
		artifacts  int // with a depth of 4
	}{
		{"gzip", "q.gz", quine, 5},
		{"gzip-in-a-zip", "q.zip", makeZip(t, file{name: "q.gz", body: string(quine)}), 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			opt := Options{Limits: Limits{MaxDepth: 4}}
			start := time.Now()
			b, err := Open(t.Context(), path, opt)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close() //nolint:errcheck // only read
			c, err := Read(t.Context(), []*Bundle{b}, opt)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if len(c.Artifacts) != tt.artifacts {
				t.Errorf("%d artifacts, want %d", len(c.Artifacts), tt.artifacts)
			}
			refused := 0
			for _, p := range c.Problems {
				if p.Refused == RefusedDepth {
					refused++
					if strings.Count(p.Artifact, "/") == 0 || !strings.Contains(p.Message, "--max-depth") {
						t.Errorf("refused: %+v", p)
					}
				}
			}
			if refused != 1 {
				t.Errorf("%d refusals for depth, want 1: %+v", refused, c.Problems)
			}
		})
	}
}

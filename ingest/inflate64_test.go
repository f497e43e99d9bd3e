package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

// inflateAll reads Deflate64 data with reads of the given size.
func inflateAll(data []byte, piece int) (string, error) {
	f := newInflate64(bufio.NewReader(bytes.NewReader(data)))
	var out bytes.Buffer
	buf := make([]byte, piece)
	for {
		n, err := f.Read(buf)
		out.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil || out.Len() > 64<<20 {
			return out.String(), err
		}
	}
}

// TestInflate64Shared reads what deflate and Deflate64 have in common: stored, fixed and dynamic blocks without a copy of 258 bytes and with
// distances below 32 KiB.
func TestInflate64Shared(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 400_000 {
		fmt.Fprintf(&text, "%06d MSI (s) (%02X:%02X): action %d\r\n", r.IntN(1e6), r.IntN(256), r.IntN(256), r.IntN(300))
	}
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for _, body := range []string{"", "a", "abcabcabcabc", text.String(), string(random)} {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression, flate.HuffmanOnly} {
			var b bytes.Buffer
			w, err := flate.NewWriter(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(body)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, piece := range []int{1, 1000, 1 << 20} {
				if got, err := inflateAll(b.Bytes(), piece); got != body || err != nil {
					t.Errorf("%d bytes at level %d by %d: got %d bytes, %v", len(body), level, piece, len(got), err)
				}
			}
			if got, err := inflateAll(b.Bytes()[:b.Len()/2], 4096); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(body, got) {
				t.Errorf("%d bytes at level %d, cut: %v", len(body), level, err)
			}
		}
	}
}

// bitWriter writes the fixed code of RFC 1951, 3.2.6.
type bitWriter struct {
	out []byte
	n   uint
}

// bits writes the low bits of v, the lowest first.
func (w *bitWriter) bits(v, count int) {
	for i := range count {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[len(w.out)-1] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// code writes a Huffman code, the highest bit first.
func (w *bitWriter) code(v, count int) {
	for i := count - 1; i >= 0; i-- {
		w.bits(v>>i&1, 1)
	}
}

func (w *bitWriter) literal(c byte) {
	if c < 144 {
		w.code(0x30+int(c), 8)
	} else {
		w.code(0x190+int(c)-144, 9)
	}
}

// TestInflate64Own reads what only Deflate64 has.
func TestInflate64Own(t *testing.T) {
	var w bitWriter
	w.bits(3, 3) // the last block, fixed codes
	want := []byte("0123456789")
	for _, c := range want {
		w.literal(c)
	}
	copyOf := func(length, distanceCode, distance int) {
		w.code(0xC0+285-280, 8)
		w.bits(length-3, 16)
		w.code(distanceCode, 5)
		width := distanceCode/2 - 1
		w.bits(distance-1-(2+distanceCode&1)<<width, width)
		for range length {
			want = append(want, want[len(want)-distance])
		}
	}
	copyOf(65538, 6, 10) // the longest copy
	copyOf(258, 30, 40_000)
	copyOf(3, 31, 65_536) // the farthest one
	w.code(0, 7)
	got, err := inflateAll(w.out, 4096)
	if err != nil || got != string(want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
	entry := rawEntry{name: "a.log", method: zipDeflate64, size: uint32(len(want)), packed: w.out, crc: crc32.ChecksumIEEE(want)}
	c, _, _ := analyze(t, save(t, "t.zip", rawZip(entry)), Options{})
	if len(c.Problems) > 0 || c.Artifacts[0].SHA256 != sum(string(want)) {
		t.Errorf("got %q", summary(c))
	}

	t.Run("too-far", func(t *testing.T) {
		var w bitWriter
		w.bits(3, 3)
		w.literal('a')
		w.code(1, 7) // length 3
		w.code(1, 5) // distance 2
		if got, err := inflateAll(w.out, 10); !errors.Is(err, errDeflate64) || got != "a" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func FuzzInflate64(f *testing.F) {
	for _, s := range []string{"", "abc", strings.Repeat("0123456789", 50)} {
		f.Add(deflated(f, []byte(s)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err1 := inflateAll(data, 7)
		two, err2 := inflateAll(data, 1<<16)
		if n := min(len(one), len(two)); one[:n] != two[:n] || len(one) < 64<<20 && len(two) < 64<<20 && (err1 == nil) != (err2 == nil) {
			t.Errorf("reads of 7 bytes give %d bytes and %v, large ones %d and %v", len(one), err1, len(two), err2)
		}
	})
}

func BenchmarkInflate64(b *testing.B) {
	body := bytes.Repeat([]byte("12:00:01 something happened in component 17\r\n"), 20_000)
	for i := range body { // no copy of 258 bytes, which the two formats encode differently
		if i%97 == 0 {
			body[i] = byte('a' + i/97%26)
		}
	}
	data := deflated(b, body)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if got, err := inflateAll(data, 64<<10); err != nil || len(got) == 0 {
			b.Fatal(err)
		}
	}
}

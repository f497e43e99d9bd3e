package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchZip packs 32 MB of logs: two thirds as ASCII, one third as UTF-16.
func benchZip(b *testing.B) (data []byte, size int64) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"Policy", "state", "for", "is", "currently", "[Active]", "Error:", "0x80004005", "Copying", `C:\WINDOWS\system32\CCM\Cache`, "the", "retry", "update", "found"}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range 16 {
		var text bytes.Buffer
		for text.Len() < 2<<20 {
			fmt.Fprintf(&text, `<![LOG[`)
			for range 4 + r.IntN(16) {
				fmt.Fprintf(&text, "%s %d ", words[r.IntN(len(words))], r.IntN(100000))
			}
			fmt.Fprintf(&text, "]LOG]!><time=\"%02d:%02d:%02d.%03d+300\" date=\"01-08-2011\" thread=\"%d\">\r\n", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(4000))
		}
		body := text.Bytes()
		if i%3 == 2 {
			body = append([]byte("\xff\xfe"), utf16Bytes(string(body[:len(body)/2]), false)...)
		}
		m, err := w.Create(fmt.Sprintf("logs/%d.log", i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Write(body); err != nil {
			b.Fatal(err)
		}
		size += int64(len(body))
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), size
}

// BenchmarkRead inflates, hashes, decodes and splits a zip of logs into lines.
func BenchmarkRead(b *testing.B) {
	data, size := benchZip(b)
	path := save(b, "bench.zip", data)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers-%d", workers), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			opt := Options{Workers: workers, NewSink: func(*Artifact) Sink { return &collectedNothing{} }}
			for b.Loop() {
				bundle, err := Open(b.Context(), path, opt)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Read(context.Background(), []*Bundle{bundle}, opt); err != nil {
					b.Fatal(err)
				}
				if err := bundle.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// collectedNothing is a sink that looks at nothing.
type collectedNothing struct{}

func (*collectedNothing) Records([]Record) {}
func (*collectedNothing) Done(*Artifact)   {}

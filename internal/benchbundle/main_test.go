package main

import (
	"archive/zip"
	"bytes"
	"testing"
)

// TestWrite shows that a bundle has the size that was asked for and depends on nothing but its size and seed.
func TestWrite(t *testing.T) {
	bundle := func(seed uint64) []byte {
		var b bytes.Buffer
		if err := write(&b, 300_000, seed); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := bundle(1)
	if !bytes.Equal(first, bundle(1)) {
		t.Error("the same seed gives other bytes")
	}
	if bytes.Equal(first, bundle(2)) {
		t.Error("another seed gives the same bytes")
	}
	z, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	var size uint64
	for _, f := range z.File {
		size += f.UncompressedSize64
	}
	if size < 300_000 || size > 301_000 {
		t.Errorf("%d bytes of logs, want 300,000 and at most a line more", size)
	}
}

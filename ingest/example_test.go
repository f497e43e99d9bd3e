package ingest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"casebook/ingest"
)

// printer prints the records of one artifact.
type printer struct{ path string }

func (p printer) Records(batch []ingest.Record) {
	for _, r := range batch {
		fmt.Printf("%s:%d %s\n", p.path, r.Line, r.Text)
	}
}

func (printer) Done(a *ingest.Artifact) {
	fmt.Printf("%s is %s in %s\n", a.Path, a.Kind, a.Encoding)
}

func ExampleRead() {
	dir, err := os.MkdirTemp("", "example-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an example
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.Create(`..\logs\install.log`)
	if err != nil {
		panic(err)
	}
	if _, err := m.Write([]byte("started\r\nf\xfcnf\r\n")); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "ticket.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		panic(err)
	}

	ctx := context.Background()
	opt := ingest.Options{Workers: 1, NewSink: func(a *ingest.Artifact) ingest.Sink { return printer{a.Path} }}
	bundle, err := ingest.Open(ctx, path, opt)
	if err != nil {
		panic(err)
	}
	defer bundle.Close() //nolint:errcheck // an example
	contents, err := ingest.Read(ctx, []*ingest.Bundle{bundle}, opt)
	if err != nil {
		panic(err)
	}
	for _, p := range contents.Problems {
		fmt.Printf("%s: %s: %s\n", p.Artifact, p.Stage, p.Message)
	}
	// Output:
	// logs/install.log:1 started
	// logs/install.log:2 fünf
	// logs/install.log is text/plain in windows-1252
	// : decode: no registry says which code page the machine uses; texts that are not Unicode and were read by a likely one: 1 (the first: "logs/install.log" by windows-1252)
	// logs/install.log: open: the name "..\\logs\\install.log" leaves its folder by ..; the member is called "logs/install.log" here
}

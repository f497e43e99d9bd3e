// Command samples packs the sample bundles, which are written as text in testdata/samples, into the zips that a customer would send.
//
//	go run ./internal/samples -o build/samples
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"casebook/internal/fixture"
)

func main() {
	from := flag.String("from", filepath.Join("testdata", "samples"), "folder of txtar files")
	to := flag.String("o", "", "folder for the zips")
	flag.Parse()
	if *to == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: samples [-from FOLDER] -o FOLDER")
		os.Exit(2)
	}
	if err := pack(*from, *to); err != nil {
		fmt.Fprintf(os.Stderr, "samples: %v\n", err)
		os.Exit(1)
	}
}

// pack writes a zip for each txtar file of the folder from into the folder to.
func pack(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.txtar"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no sample", from)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			return err
		}
		data, err := fixture.Zip(a.Files)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar") + ".zip"
		if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

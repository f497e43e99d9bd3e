// Command newcheck begins a check: it writes findings/checks/ID.go and findings/checks/testdata/ID.txtar, with every field that the
// tests ask for and none of them filled in. docs/new-check.md says how to go on.
//
//	go run ./internal/newcheck vendor-bad-state
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"go/build"
	"go/format"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed check.go.tmpl
var checkTemplate string

//go:embed fixture.txtar.tmpl
var fixtureTemplate string

// idPattern is a name of at least two words in kebab-case.
var idPattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/newcheck ID")
		os.Exit(2)
	}
	if err := create(os.Stdout, filepath.Join("findings", "checks"), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "newcheck:", err)
		os.Exit(1)
	}
}

// create writes the two files of a check below dir and says on w what to do next. It refuses an ID that is not the name of a bad state in
// kebab-case, and files that exist.
func create(w io.Writer, dir, id string) error {
	if err := validate(id); err != nil {
		return err
	}
	words := strings.Split(id, "-")
	names := struct{ ID, Var string }{id, words[0]}
	for _, word := range words[1:] {
		names.Var += strings.ToUpper(word[:1]) + word[1:]
	}
	files := []struct{ path, template string }{
		{filepath.Join(dir, strings.Join(words, "_")+".go"), checkTemplate},
		{filepath.Join(dir, "testdata", id+".txtar"), fixtureTemplate},
	}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return fmt.Errorf("%s exists", f.path)
		}
	}
	for _, f := range files {
		var b strings.Builder
		if err := template.Must(template.New(f.path).Parse(f.template)).Execute(&b, names); err != nil {
			return err
		}
		data := []byte(b.String())
		if filepath.Ext(f.path) == ".go" {
			var err error
			if data, err = format.Source(data); err != nil {
				return fmt.Errorf("template of %s: %w", f.path, err)
			}
		}
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.path, data, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(w, f.path)
	}
	fmt.Fprintf(w, "Next: add %s to All in %s, in the order of the IDs; docs/new-check.md has the steps.\n", names.Var, filepath.Join(dir, "checks.go"))
	return nil
}

// validate says why an ID can't name a check.
func validate(id string) error {
	switch {
	case !idPattern.MatchString(id):
		return fmt.Errorf("%q: an ID is at least two words of a-z and 0-9, joined by hyphens, the product first", id)
	case strings.HasPrefix(id, "no-"):
		return fmt.Errorf("%q: an ID names the bad state that is there, not what is missing", id)
	}
	// A file name that ends in the name of a system or a processor is compiled there only, and one in _test not at all.
	file := strings.ReplaceAll(id, "-", "_") + ".go"
	anywhere := build.Context{GOOS: "none", GOARCH: "none", Compiler: "gc", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package checks\n")), nil
	}}
	if ok, err := anywhere.MatchFile(".", file); err != nil || !ok || strings.HasSuffix(file, "_test.go") {
		return errors.Join(fmt.Errorf("%q: Go would not compile %s everywhere; choose another order of the words", id, file), err)
	}
	return nil
}

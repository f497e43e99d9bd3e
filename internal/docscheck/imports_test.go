package docscheck

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is what the test knows of one Go file.
type source struct {
	path    string // below the module's folder, '/'-separated
	folder  string // "." for the module's folder
	test    bool
	imports []string
}

// sources parses the imports of every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	root := Root(t)
	var out []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			name := d.Name()
			if p != root && (name == "testdata" || name == "build" || name == "dist" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		case filepath.Ext(p) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), test: strings.HasSuffix(p, "_test.go")}
		s.folder = path.Dir(s.path)
		for _, group := range file.Comments {
			for _, c := range group.List {
				if x, err := constraint.Parse(c.Text); err == nil && x.String() == "deps" {
					return nil // keeps modules in go.mod and is no part of the program
				}
			}
		}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rows returns the cells of the lines of a document that are table rows beginning with a name in code font; of the name only the name.
func rows(t *testing.T, document string) [][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Root(t), "docs", document))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("^`([^` ]+)`$")
	var out [][]string
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if m := name.FindStringSubmatch(cells[0]); m != nil && len(cells) > 1 {
			out = append(out, append([]string{m[1]}, cells[1:]...))
		}
	}
	return out
}

// TestImportTable compares the imports of every package with the table of docs/architecture.md.
func TestImportTable(t *testing.T) {
	const module = "casebook"
	allowed := map[string][]string{} // by folder; nil means everything above it
	var order []string
	codeSpan := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows(t, "architecture.md") {
		if len(row) != 4 {
			continue // of another table
		}
		folder, cell := row[0], row[2]
		var list []string
		switch {
		case cell == "-":
		case strings.HasPrefix(cell, "all of the above"):
			list = slices.Clone(order)
		case strings.HasPrefix(cell, "the above"):
			list = slices.Clone(order)
			for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
				list = slices.DeleteFunc(list, func(s string) bool { return s == m[1] })
			}
		default:
			for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
				if !slices.Contains(order, m[1]) {
					t.Errorf("%s may import %s, which does not stand above it", folder, m[1])
				}
				list = append(list, m[1])
			}
		}
		allowed[folder] = list
		order = append(order, folder)
	}
	if len(order) < 10 {
		t.Fatalf("docs/architecture.md lists only %v", order)
	}
	tools := map[string]bool{}
	for _, row := range rows(t, "architecture.md") {
		if len(row) == 2 && strings.HasPrefix(row[0], "internal/") {
			tools[row[0]] = true
		}
	}
	for _, s := range sources(t) {
		if s.test || tools[s.folder] {
			continue
		}
		list, known := allowed[s.folder]
		if !known {
			t.Errorf("docs/architecture.md has no row for the package of %s", s.path)
			continue
		}
		for _, imported := range s.imports {
			folder, ours := strings.CutPrefix(imported, module+"/")
			if imported == module {
				folder, ours = ".", true
			}
			if ours && !slices.Contains(list, folder) {
				t.Errorf("%s imports %s, which the table of docs/architecture.md does not allow", s.path, imported)
			}
		}
	}
}

// TestDependencies compares docs/dependencies.md with the modules that the code imports and with go.mod.
func TestDependencies(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(Root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+`).FindAllStringSubmatch(string(data), -1) {
		required = append(required, m[1])
	}
	if len(required) < 10 {
		t.Fatalf("go.mod requires only %v", required)
	}
	listed := map[string]bool{}
	for _, row := range rows(t, "dependencies.md") {
		if len(row) != 4 {
			continue // those that were left out
		}
		listed[row[0]] = true
		if !slices.Contains(required, row[0]) {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require", row[0])
		}
		if row[1] == "" || row[2] == "" {
			t.Errorf("docs/dependencies.md says neither licence nor reason of %s", row[0])
		}
	}
	reported := map[string]bool{}
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			best := ""
			for _, m := range required {
				if (imported == m || strings.HasPrefix(imported, m+"/")) && len(m) > len(best) {
					best = m
				}
			}
			if best != "" && !listed[best] && !reported[best] {
				reported[best] = true
				t.Errorf("%s imports %s, whose module %s is not in docs/dependencies.md", s.path, imported, best)
			}
		}
	}
}

// TestLinks follows the relative links of every Markdown document.
func TestLinks(t *testing.T) {
	root := Root(t)
	documents, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.md", filepath.Join("decisions", "*.md")} {
		more, err := filepath.Glob(filepath.Join(root, "docs", pattern))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, more...)
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("`[^`]*`")
	for _, document := range documents {
		data, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(data), ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: link to %s leads nowhere", filepath.Base(document), m[1])
			}
		}
	}
}

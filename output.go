package casebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"casebook/findings"
	"casebook/web"
)

// Names of the files of a report folder.
const (
	ReportFile = "report.json"
	IndexFile  = "index.html"
	ArchiveDir = "archive"
)

// Output is a report folder in the making. It is built aside and appears as a whole, or not at all.
type Output struct {
	dir  string // where it will be
	part string // where it is built
	root *os.Root
}

// NewOutput prepares the folder dir. A folder that exists is replaced by Commit if it is empty or holds a casebook report;
// with anything else in it the error says so, and nothing is touched.
func NewOutput(dir string) (*Output, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder %q: %w", dir, err)
	}
	if err := replaceable(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // a report folder is as readable as the user's umask allows
		return nil, fmt.Errorf("output folder: %w", err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".partial-")
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	root, err := os.OpenRoot(part)
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	return &Output{dir: dir, part: part, root: root}, nil
}

// replaceable says whether a folder may be replaced by a report.
func replaceable(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("output folder %q is a file; choose another with -o", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	ours := map[string]bool{ReportFile: true, IndexFile: true, ArchiveDir: true}
	isReport := false
	for _, e := range entries {
		if !ours[e.Name()] {
			return fmt.Errorf("output folder %q holds %q, which is no part of a report; choose another folder with -o, or empty it", dir, e.Name())
		}
		isReport = isReport || e.Name() == ReportFile
	}
	if !isReport {
		return fmt.Errorf("output folder %q exists and holds no report; choose another folder with -o, or empty it", dir)
	}
	return nil
}

// ArchivePath is the folder in which the case's own index is built.
func (o *Output) ArchivePath() string { return filepath.Join(o.part, ArchiveDir) }

// Write writes report.json and index.html.
func (o *Output) Write(r *findings.Report) error {
	data, err := EncodeReport(r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := web.Write(&page, r); err != nil {
		return fmt.Errorf("draw %s: %w", IndexFile, err)
	}
	for name, data := range map[string][]byte{ReportFile: data, IndexFile: page.Bytes()} {
		if err := o.root.WriteFile(name, data, 0o644); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// Commit puts the folder in its place and returns its path.
func (o *Output) Commit() (string, error) {
	_ = o.root.Close()
	if err := os.Chmod(o.part, 0o755); err != nil { //nolint:gosec // MkdirTemp made it private; a report is as readable as other files of the user
		return "", fmt.Errorf("publish report: %w", err)
	}
	if err := replaceable(o.dir); err != nil {
		return "", err
	}
	old := o.part + ".old"
	replaced := os.Rename(o.dir, old) == nil
	if err := os.Rename(o.part, o.dir); err != nil {
		if replaced {
			_ = os.Rename(old, o.dir) // the earlier report is better than none
		}
		return "", fmt.Errorf("publish report: %w", err)
	}
	if err := os.RemoveAll(old); err != nil {
		return "", fmt.Errorf("remove the earlier report: %w", err)
	}
	return o.dir, nil
}

// Discard removes what was built. After Commit it does nothing.
func (o *Output) Discard() {
	_ = o.root.Close()
	_ = os.RemoveAll(o.part)
}

// EncodeReport returns a report as report.json holds it: indented, keys in the order of the schema, without HTML escapes, and a
// line break at the end.
func EncodeReport(r *findings.Report) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return b.Bytes(), nil
}

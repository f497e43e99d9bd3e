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
	dir    string // where it will be
	part   string // where it is built
	root   *os.Root
	above  []string // folders that were made for it, the innermost first
	placed bool
}

// NewOutput prepares the folder dir. A folder that exists is replaced by Commit if it is empty or holds a casebook report;
// with anything else in it the error says so, and nothing is touched.
func NewOutput(dir string) (*Output, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder %q: %w", dir, err)
	}
	if err := CheckOutput(dir); err != nil {
		return nil, err
	}
	o := &Output{dir: dir}
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		o.above = append(o.above, d)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // a report folder is as readable as the user's umask allows
		o.Discard()
		return nil, unwritable(dir, err)
	}
	if o.part, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".partial-"); err != nil {
		o.Discard()
		return nil, unwritable(dir, err)
	}
	if o.root, err = os.OpenRoot(o.part); err != nil {
		o.Discard()
		return nil, unwritable(dir, err)
	}
	return o, nil
}

// unwritable says that a folder can't be made. The error of the file system names paths that the user did not give.
func unwritable(dir string, err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("output folder %q can't be written: %w; choose another with -o", dir, err)
}

// CheckOutput says what speaks against writing a report to the folder dir, nil if nothing does: a folder that is there must be empty or
// hold a report.
func CheckOutput(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unwritable(dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("output folder %q is a file; choose another with -o", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return unwritable(dir, err)
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
	if err := o.root.WriteFile(ReportFile, data, 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := o.root.WriteFile(IndexFile, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Commit puts the folder in its place and returns its path.
func (o *Output) Commit() (string, error) {
	_ = o.root.Close()
	if err := os.Chmod(o.part, 0o755); err != nil { //nolint:gosec // MkdirTemp made it private; a report is as readable as other files of the user
		return "", fmt.Errorf("publish report: %w", err)
	}
	if err := CheckOutput(o.dir); err != nil {
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
	o.placed = true
	if err := os.RemoveAll(old); err != nil {
		return "", fmt.Errorf("remove the earlier report: %w", err)
	}
	return o.dir, nil
}

// Discard removes what was built, and the folders that were made to hold it. After Commit it does nothing.
func (o *Output) Discard() {
	if o.root != nil {
		_ = o.root.Close()
	}
	if o.placed {
		return
	}
	if o.part != "" {
		_ = os.RemoveAll(o.part)
	}
	for _, d := range o.above {
		_ = os.Remove(d) // fails, as it should, if there is something else in it by now
	}
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

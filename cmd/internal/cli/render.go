package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/findings/redact"
	"casebook/web"
)

func (a *App) render() *cobra.Command {
	var form, out string
	var hide bool
	c := &cobra.Command{
		Use:   "render REPORT --format FORM",
		Short: "A report that is there already in another form",
		Long: `Prints a report.json as text, Markdown, CSV, JSON lines for Timesketch, one HTML document or JSON. The bundle is not needed. REPORT is a report.json or the folder
that holds it.`,
		Example: `  casebook render ticket-48213-report --format md
  casebook render ticket-48213-report --format html --redact -o for-the-vendor.html`,
		Args: exactly(1, 1, "one report"),
		RunE: func(_ *cobra.Command, args []string) error {
			if a.json {
				return usagef("render takes --format json instead of --json")
			}
			if err := checkForm(form, renderForms); err != nil {
				return err
			}
			r, err := readReport(args[0])
			if err != nil {
				return usageError{err}
			}
			if hide {
				r = redact.Report(r)
			}
			if out == "" {
				return a.write(a.out, form, r)
			}
			return a.writeFile(out, form, r)
		},
	}
	c.Flags().StringVar(&form, "format", formText, "the `FORM`: "+listed(renderForms))
	c.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` instead of stdout")
	c.Flags().BoolVar(&hide, "redact", false, "replace users, computers, addresses, SIDs, GUIDs and mail addresses by pseudonyms and take out passwords")
	return c
}

// writeFile writes a report in a form to a file. What is there already is replaced, unless it is no plain file.
func (a *App) writeFile(name, form string, r *findings.Report) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return usagef("%q is no file; choose another with -o", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".render-*")
	if err != nil {
		return usagef("%q can't be written: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // after the rename there is none
	w := bufio.NewWriter(f)
	err = a.write(w, form, r)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}

// html writes a report as one document.
func html(w io.Writer, r *findings.Report) error { return web.Write(w, r) }

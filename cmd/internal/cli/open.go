package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"casebook"
)

func (a *App) open() *cobra.Command {
	return &cobra.Command{
		Use:   "open [DIR]",
		Short: "Show a report in the browser",
		Long: `Opens the first page of a report folder, or of a comparison, in the default browser. DIR is the folder, its report.json or its index.html; without it, the report
in the current folder, or the only one below it.

Nothing else is ever opened: the page must be a file that lies beside a report.json or a diff.json.`,
		Example: `  casebook open ticket-48213-report`,
		Args:    exactly(0, 1, "one report folder at most"),
		RunE: func(c *cobra.Command, args []string) error {
			place := "."
			if len(args) == 1 {
				place = args[0]
			} else if !isOutput(".") {
				var err error
				if place, err = onlyReport(); err != nil {
					return usageError{err}
				}
			}
			page, err := firstPage(place)
			if err != nil {
				return usageError{err}
			}
			if err := a.browse(c.Context(), page); err != nil {
				return err
			}
			fmt.Fprintln(a.out, "Opened "+printable(relative(page)))
			return nil
		},
	}
}

// isOutput reports whether a folder holds a report or a comparison.
func isOutput(dir string) bool {
	for _, mark := range []string{casebook.ReportFile, casebook.DiffFile} {
		if info, err := os.Stat(filepath.Join(dir, mark)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// onlyReport returns the folder below the current one that holds a report.
func onlyReport() (string, error) {
	entries, err := os.ReadDir(".")
	if err != nil {
		return "", fmt.Errorf("the current folder can't be read: %w", err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && isOutput(e.Name()) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", errors.New("there is no report here; name its folder")
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there are %d reports here; name one of %s", len(found), quoted(found))
}

// firstPage returns the absolute path of index.html of the report that a path leads to.
func firstPage(place string) (string, error) {
	dir := place
	info, err := os.Stat(place)
	if err != nil {
		return "", fmt.Errorf("there is no %q", place)
	}
	if !info.IsDir() {
		switch filepath.Base(place) {
		case casebook.ReportFile, casebook.DiffFile, casebook.IndexFile:
			dir = filepath.Dir(place)
		default:
			return "", fmt.Errorf("%q is no report: only report folders, their report.json and their index.html are opened", place)
		}
	}
	if !isOutput(dir) {
		return "", fmt.Errorf("%q holds no report", dir)
	}
	page, err := filepath.Abs(filepath.Join(dir, casebook.IndexFile))
	if err != nil {
		return "", fmt.Errorf("%q: %w", dir, err)
	}
	if info, err := os.Lstat(page); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%q holds no page; analyse the bundle again", dir)
	}
	return page, nil
}

// browserPatience is how long the program that opens the browser may take to say that it can't.
const browserPatience = 3 * time.Second

// browse shows a page of ours in the default browser.
func (a *App) browse(ctx context.Context, page string) error {
	name, args := "xdg-open", []string{page}
	switch runtime.GOOS {
	case "windows":
		// Not "start": the command interpreter gives names such as "a & b" a meaning.
		name, args = filepath.Join(os.Getenv("SystemRoot"), "System32", "rundll32.exe"), []string{"url.dll,FileProtocolHandler", page}
	case "darwin":
		name = "open"
	}
	instead := "open this page yourself: " + printable(page)
	program, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("there is no %s to start a browser with; %s", filepath.Base(name), instead)
	}
	c := exec.Command(program, args...) //nolint:gosec,noctx // the program is the system's own, the argument a file that was looked at; it outlives this run
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w; %s", filepath.Base(name), err, instead)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s found no browser (%w); %s", filepath.Base(name), err, instead)
		}
	case <-time.After(browserPatience): // the browser itself, in the foreground
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// dropped analyses bundles that stand alone on the command line, as they do when files are dropped on the program: the reports are written beside them, and
// shown where somebody is looking.
func (a *App) dropped(ctx context.Context, args []string, f analyzeFlags) error {
	f.beside = true
	if err := a.runAnalyze(ctx, args, f); err != nil {
		return err
	}
	if a.tty == nil || a.code == exitNone {
		return nil
	}
	page, err := firstPage(plan(args, f)[0].out)
	if err != nil {
		return err
	}
	return a.browse(ctx, page)
}

// isThere reports whether an argument that is no command may be a bundle.
func isThere(arg string) bool {
	_, err := os.Stat(arg)
	return err == nil
}

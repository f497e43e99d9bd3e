package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/internal/safeio"
)

// maxReport bounds the report.json that verify reads.
const maxReport = 1 << 30

// verifyFlags are the flags of verify.
type verifyFlags struct {
	bundles                  []string
	passwords, passwordFiles []string
}

func (a *App) verify() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify REPORT --bundle BUNDLE",
		Short: "Read every quote of a report again at its place",
		Long: `Reads the bundle again and compares every piece of the report's evidence with its place. REPORT is a report.json or its folder.
With a case of several bundles give --bundle once for each, in the order in which they were analysed; of encrypted ones give the
passwords too.

Exit status: 0 every quote stands where the report says, 1 some do not, 2 the command was used wrongly, 4 the bundle could not be read.`,
		Args: exactly(1, 1, "a report.json or its folder"),
		RunE: func(c *cobra.Command, args []string) error { return a.runVerify(c.Context(), args[0], f) },
	}
	c.Flags().StringArrayVar(&f.bundles, "bundle", nil, "the `BUNDLE` that the report is of; once for each of a case")
	passwordFlags(c, &f.passwords, &f.passwordFiles)
	return c
}

// verifyJSON and mismatchJSON are the result as --json shows it.
type verifyJSON struct {
	Evidence   int            `json:"evidence"` // pieces that were looked up
	Mismatches []mismatchJSON `json:"mismatches"`
}

type mismatchJSON struct {
	Check    string            `json:"check"`
	Evidence findings.Evidence `json:"evidence"`
	Why      string            `json:"why"`
}

func (a *App) runVerify(ctx context.Context, path string, f verifyFlags) error {
	if len(f.bundles) == 0 {
		return usagef("verify needs the bundle: give --bundle BUNDLE")
	}
	r, err := readReport(path)
	if err != nil {
		return usageError{err}
	}
	opt := casebook.Options{AskPassword: a.askPassword()}
	if opt.Passwords, err = readPasswords(f.passwords, f.passwordFiles); err != nil {
		return err
	}
	bad, err := casebook.Verify(ctx, r, f.bundles, opt)
	if err != nil {
		a.code = exitNone
		return err
	}
	n := casebook.Claims(r)
	if len(bad) > 0 {
		a.code = exitFindings
	}
	if a.json {
		out := verifyJSON{Evidence: n, Mismatches: []mismatchJSON{}}
		for _, m := range bad {
			out.Mismatches = append(out.Mismatches, mismatchJSON{m.Check, m.Evidence, m.Why})
		}
		return a.writeJSON(out)
	}
	for _, m := range bad {
		fmt.Fprintf(a.out, "%s\n", printable(m.String()))
	}
	fmt.Fprintf(a.out, "%d of %d pieces of evidence stand where the report says.\n", n-len(bad), n)
	return nil
}

// readReport reads a report.json, or that of a report folder.
func readReport(path string) (*findings.Report, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, casebook.ReportFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("there is no report to read: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := safeio.ReadAll(f, maxReport)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var r findings.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s is no report.json: %w", path, err)
	}
	if r.Schema != findings.Schema {
		return nil, fmt.Errorf("%s has the schema %q; this version reads %q", path, r.Schema, findings.Schema)
	}
	return &r, nil
}

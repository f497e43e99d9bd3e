package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/pack"
	"casebook/internal/safeio"
)

const packsHelp = "also run the checks of `PACK`, a file or a folder of .yaml files; may be given several times"

// maxPacks is how many files of packs are read at once.
const maxPacks = 1000

// allChecks returns casebook's own checks with those of the packs that the user named: by --checks, by the folder or file in $CASEBOOK_CHECKS, and by
// the folder checks.d beside the archive that is in use.
func allChecks(named []string, archive string) ([]*findings.Check, error) {
	if env := os.Getenv("CASEBOOK_CHECKS"); env != "" {
		named = append(slices.Clone(named), filepath.SplitList(env)...)
	}
	if archive != "" && scheme(archive) == "" {
		beside := filepath.Join(filepath.Dir(filepath.Clean(archive)), "checks.d")
		if st, err := os.Stat(beside); err == nil && st.IsDir() { //nolint:gosec // the user named the archive, and the folder is part of that
			named = append(slices.Clone(named), beside)
		}
	}
	packs, err := readPacks(named)
	if err != nil {
		return nil, err
	}
	all, err := pack.Join(checks.All(), packs...)
	if err != nil {
		return nil, usageError{err}
	}
	return all, nil
}

// readPacks reads packs from files, and from the .yaml and .yml files in folders. A file that is named twice is read once.
func readPacks(named []string) ([]*pack.Pack, error) {
	var out []*pack.Pack
	var bad []error
	seen := map[string]bool{}
	for _, name := range named {
		files, err := packFiles(name)
		if err != nil {
			return nil, usageError{err}
		}
		for _, f := range files {
			key := f
			if abs, err := filepath.Abs(f); err == nil {
				key = abs
			}
			if seen[key] {
				continue
			}
			seen[key] = true
			if len(seen) > maxPacks {
				return nil, usagef("more than %d packs", maxPacks)
			}
			p, err := readPack(f)
			if err != nil {
				bad = append(bad, err)
				continue
			}
			out = append(out, p)
		}
	}
	if len(bad) > 0 {
		return nil, usageError{errors.Join(bad...)}
	}
	return out, nil
}

// packFiles returns the files that a name stands for, in the order of their names.
func packFiles(name string) ([]string, error) {
	st, err := os.Stat(name) //nolint:gosec // reading the pack that the user named is the point
	if err != nil {
		return nil, fmt.Errorf("checks of %q: %w", name, reason(err))
	}
	if !st.IsDir() {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("checks of %q: %w", name, reason(err))
	}
	var out []string
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			out = append(out, filepath.Join(name, e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// reason is what went wrong without the path, which the message names.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func readPack(name string) (*pack.Pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("checks of %q: %w", name, reason(err))
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := safeio.ReadAll(f, pack.MaxSize+1)
	if err != nil && len(data) == 0 {
		return nil, fmt.Errorf("checks of %q: %w", name, reason(err))
	}
	return pack.Parse(filepath.ToSlash(name), data)
}

func (a *App) testPacks() *cobra.Command {
	return &cobra.Command{
		Use:   "test PACK…",
		Short: "Run the tests that packs carry",
		Long: `Analyses the bundle of each test in the packs (files, or folders of .yaml files) and compares the findings with those that the test wants. Every quote
is read again at its place.

Exit status: 0 all tests passed; 1 a test failed, or there is none; 2 a pack can't be read or compiled.`,
		Example: "  casebook checks test checks.d\n  casebook checks test our-checks.yaml --json",
		Args:    exactly(1, -1, "one or more packs"),
		RunE:    func(c *cobra.Command, args []string) error { return a.runPackTests(c.Context(), args) },
	}
}

// testJSON is a test's result as --json shows it.
type testJSON struct {
	Pack  string   `json:"pack"`
	Line  int      `json:"line"`
	Check string   `json:"check"`
	Test  string   `json:"test"`
	OK    bool     `json:"ok"`
	Want  []string `json:"want"`
	Got   []string `json:"got"`
	Notes []string `json:"notes"` // what else is wrong: problems, evidence that is not borne out
}

func (a *App) runPackTests(ctx context.Context, named []string) error {
	packs, err := readPacks(named)
	if err != nil {
		return err
	}
	// Casebook's own packs may be tested as files too, so those are no second checks of the same ID.
	foreign := slices.DeleteFunc(slices.Clone(packs), func(p *pack.Pack) bool { return slices.ContainsFunc(checks.Packs(), p.Same) })
	if _, err := pack.Join(checks.All(), foreign...); err != nil {
		return usageError{err}
	}
	results := []testJSON{}
	for _, p := range packs {
		for _, t := range p.Tests {
			r, err := casebook.RunPackTest(ctx, t)
			if err != nil {
				return err
			}
			out := testJSON{Pack: p.Name, Line: t.Line, Check: t.Check.ID, Test: t.Name, OK: r.OK(), Want: []string{}, Got: []string{}, Notes: []string{}}
			for _, w := range t.Want {
				out.Want = append(out.Want, w.String())
			}
			for _, f := range r.Findings {
				out.Got = append(out.Got, pack.Got(f))
			}
			out.Notes = append(out.Notes, r.Notes...)
			results = append(results, out)
		}
	}
	if slices.ContainsFunc(results, func(t testJSON) bool { return !t.OK }) || len(results) == 0 {
		a.code = exitFindings
	}
	if a.json {
		return a.writeJSON(results)
	}
	a.tellTests(results)
	return nil
}

// tellTests prints a line for each test, and below those that failed what was wanted and what came.
func (a *App) tellTests(results []testJSON) {
	p := a.paint()
	width, failed := 0, 0
	for _, t := range results {
		width = max(width, columns(t.Check))
	}
	for _, t := range results {
		if t.OK {
			fmt.Fprintf(a.out, "%s    %s  %s\n", p.bold("ok"), pad(t.Check, width), printable(t.Test))
			continue
		}
		failed++
		fmt.Fprintf(a.out, "%s  %s  %s (%s:%d)\n", p.bold("FAIL"), pad(t.Check, width), printable(t.Test), printable(t.Pack), t.Line)
		for _, w := range t.Want {
			fmt.Fprintf(a.out, "        want  %s\n", printable(w))
		}
		for _, g := range t.Got {
			fmt.Fprintf(a.out, "        got   %s\n", printable(g))
		}
		for _, n := range t.Notes {
			fmt.Fprintf(a.out, "        note  %s\n", printable(n))
		}
	}
	switch {
	case len(results) == 0:
		fmt.Fprintln(a.out, "There is no test in what was named.")
	case failed == 0:
		fmt.Fprintf(a.out, "%d of %d passed\n", len(results), len(results))
	default:
		fmt.Fprintf(a.out, "%d of %d failed\n", failed, len(results))
	}
}

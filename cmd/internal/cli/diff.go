package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/diff"
	"casebook/findings/redact"
)

func (a *App) diff() *cobra.Command {
	var f diffFlags
	var passwords, passwordFiles []string
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER [-o DIR]",
		Short: "What changed from one upload to the next, and whether the problem is cured",
		Long: `Compares two uploads: findings that came, went or changed, with a receipt for each problem of the first (cured, not cured, came back, cannot tell); what
changed on each machine (services, products, pending renames, registry values that evidence names); kinds of errors that came or stopped.

BEFORE and AFTER are each a report.json, a report folder, or a bundle, which is then analysed without writing anything. With -o the comparison is also written
as a page, DIR/index.html, and as DIR/diff.json. With --redact nothing of this names people and machines: each has the same pseudonym throughout, on both sides.

A problem counts as cured only if the second upload ends later and holds what rules it out, or shows that it was over by its end. Failures of the first upload
that still stand in a log of the second are not held against the cure.

Exit status: 0 done, 2 the command was used wrongly, 4 one of the two could not be read.`,
		Example: `  casebook diff monday-report tuesday.zip
  casebook diff before.zip after.zip -o changes
  casebook diff before.zip after.zip --redact -o for-the-vendor
  casebook diff before.zip after.zip --json`,
		Args: exactly(2, 2, "two reports or bundles"),
		RunE: func(c *cobra.Command, args []string) error {
			words, err := readPasswords(passwords, passwordFiles)
			if err != nil {
				return err
			}
			return a.runDiff(c.Context(), args[0], args[1], f, words)
		},
	}
	c.Flags().StringVarP(&f.out, "output", "o", "", "write the comparison to the folder `DIR`")
	c.Flags().BoolVar(&f.redact, "redact", false, "replace users, computers, addresses, SIDs, GUIDs and mail addresses by pseudonyms and take out passwords")
	passwordFlags(c, &passwords, &passwordFiles)
	return c
}

// diffFlags are what diff is asked for.
type diffFlags struct {
	out    string
	redact bool
}

func (a *App) runDiff(ctx context.Context, before, after string, f diffFlags, passwords []string) error {
	dir := f.out
	var out *casebook.Output
	if dir != "" {
		for _, u := range []string{before, after} {
			if within(dir, u) {
				return usagef("%q lies within %q, which is left as it is; name a folder elsewhere with -o", dir, u)
			}
		}
		var err error
		if out, err = casebook.NewDiffOutput(dir); err != nil {
			return usageError{err}
		}
		defer out.Discard()
	}
	var reports [2]*findings.Report
	for i, path := range []string{before, after} {
		r, err := a.reportOf(ctx, path, passwords)
		if err != nil {
			if errors.As(err, new(usageError)) || ctx.Err() != nil {
				return err
			}
			a.code = exitNone
			return err
		}
		reports[i] = r
	}
	var names *redact.Redactor
	if f.redact {
		names = redact.New(reports[0], reports[1])
	}
	d := compared(reports[0], reports[1], names)
	if out != nil {
		if err := out.WriteDiff(d); err != nil {
			return err
		}
		var err error
		if dir, err = out.Commit(); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(d)
	}
	comparison{palette: a.paint(), page: a.page(), Diff: d}.write()
	if dir != "" {
		fmt.Fprintln(a.out, "\nComparison: "+printable(filepath.Join(relative(dir), casebook.IndexFile)))
	}
	return nil
}

// compared returns what changed from one report to another, without what names people and machines if names is not nil. Redacted reports are not compared: in them
// may be the same what was not.
func compared(before, after *findings.Report, names *redact.Redactor) *diff.Diff {
	d := diff.Reports(before, after)
	if names == nil {
		return d
	}
	d = redact.Value(names, d)
	d.Before.Name, d.After.Name = names.Name(before), names.Name(after)
	d.Caveats = append(d.Caveats, redact.Caveat)
	return d
}

// reportOf reads a report, or makes that of a bundle.
func (a *App) reportOf(ctx context.Context, path string, passwords []string) (*findings.Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usagef("there is no %q to compare", path)
	}
	isReport := !info.IsDir() && strings.EqualFold(filepath.Ext(path), ".json")
	if info.IsDir() {
		_, err := os.Stat(filepath.Join(path, casebook.ReportFile))
		isReport = err == nil
	}
	if isReport {
		r, err := readReport(path)
		if err != nil {
			return nil, usageError{err}
		}
		return r, nil
	}
	p := a.progress(baseNames([]string{path}))
	defer p.done()
	return casebook.Analyze(ctx, []string{path}, casebook.Options{
		Version: a.Version, Log: a.log(), Passwords: passwords, AskPassword: a.askPassword(), Progress: p.update,
	})
}

// What a comparison prints of long lists; --json has all.
const (
	maxChanges    = 20 // of one machine
	maxErrorKinds = 8
)

// comparison is what changed in a few lines.
type comparison struct {
	palette
	page
	*diff.Diff
}

func (c comparison) write() {
	for _, s := range []struct {
		word string
		side diff.Side
	}{{"Before", c.Before}, {"After", c.After}} {
		end := ""
		if s.side.Window.To != "" {
			end = ", records to " + s.side.Window.To
		}
		c.paragraph(c.bold(pad(s.word, 6))+"  ", "        ", printable(s.side.Name)+end)
	}
	for _, text := range c.Caveats {
		c.paragraph("", "", printable(text))
	}
	c.line("", "")
	c.findings()
	for _, s := range c.Systems {
		c.system(s)
	}
	came := "Errors that came"
	if c.Later != diff.LaterYes {
		came = "Errors that only the second upload has"
	}
	c.errors(came, c.Errors.Came)
	c.errors("Errors that stopped", c.Errors.Stopped)
	c.errors("Errors that only the first upload has; the second does not tell of longer", c.Errors.OnlyBefore)
	if len(c.Findings)+len(c.Systems)+len(c.Errors.Came)+len(c.Errors.Stopped)+len(c.Errors.OnlyBefore) == 0 {
		c.line("", "Nothing that casebook looks at differs.")
	}
}

func (c comparison) findings() {
	if len(c.Findings) == 0 {
		c.line("", "Neither has a finding.")
		return
	}
	c.line("", c.bold("Findings"))
	for _, p := range c.Findings {
		word, colour := findingWord(p)
		start := "  " + map[string]func(string) string{"good": c.good, "bad": c.bad, "warn": c.warn}[colour](pad(word, 11)) + "  "
		title := printable(p.Title)
		if p.System != "" {
			title += " (" + printable(p.System) + ")"
		}
		rest := strings.Repeat(" ", columns(start))
		c.paragraph(start, rest, title)
		c.paragraph(rest, rest, c.faint(p.Check+": "+stands(p)))
		if p.Why != "" {
			c.paragraph(rest, rest, printable(p.Why))
		}
	}
}

// findingWord says what became of a finding in one word, and how good that is.
func findingWord(p diff.FindingPair) (word, colour string) {
	switch p.Receipt {
	case diff.Cured:
		return "cured", "good"
	case diff.NotCured:
		return "not cured", "bad"
	case diff.CameBack:
		return "came back", "bad"
	case diff.CannotTell:
		return "cannot tell", "warn"
	}
	if p.After != nil && p.After.Verdict == findings.Confirmed {
		return "new", "bad"
	}
	return "new", "warn"
}

// stands says the verdicts before and after.
func stands(p diff.FindingPair) string {
	word := func(s *diff.Stand) string {
		if s == nil {
			return "no finding"
		}
		if s.State == findings.Unknown || s.State == "" {
			return string(s.Verdict)
		}
		return string(s.Verdict) + ", " + string(s.State)
	}
	if before, after := word(p.Before), word(p.After); before != after {
		return before + " → " + after
	}
	return word(p.After) + " in both"
}

func (c comparison) system(s diff.SystemChange) {
	c.line("", "")
	name := printable(s.System)
	if name == "" {
		name = "the machine"
	}
	c.line("", c.bold("On "+name))
	if s.Only != "" {
		c.line("  ", "only the upload "+s.Only+" tells of it")
		return
	}
	if reason := s.Paired.Reason(); reason != "" && s.Paired != diff.PairedByBoth {
		c.paragraph("  ", "  ", c.faint(reason))
	}
	for _, f := range s.Facts[:min(len(s.Facts), maxChanges)] {
		start := "  " + pad(string(f.Kind), 11) + "  "
		rest := strings.Repeat(" ", len(start))
		c.paragraph(start, rest, printable(f.Name))
		if f.Before != "" {
			c.paragraph(rest+c.bad("- "), rest+"  ", printable(f.Before))
		}
		if f.After != "" {
			c.paragraph(rest+c.good("+ "), rest+"  ", printable(f.After))
		}
	}
	if n := len(s.Facts) - maxChanges; n > 0 {
		c.line("  ", fmt.Sprintf("… and %d more; --json has them all", n))
	}
}

func (c comparison) errors(title string, kinds []findings.ErrorKind) {
	if len(kinds) == 0 {
		return
	}
	c.line("", "")
	c.line("", c.bold(title))
	for _, k := range kinds[:min(len(kinds), maxErrorKinds)] {
		start := fmt.Sprintf("  %5d ×  ", k.Count)
		c.paragraph(start, strings.Repeat(" ", columns(start)), printable(k.Template))
	}
	if n := len(kinds) - maxErrorKinds; n > 0 {
		c.line("  ", fmt.Sprintf("… and %d more; --json has them all", n))
	}
}

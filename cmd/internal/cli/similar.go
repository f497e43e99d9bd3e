package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"casebook/findings"
	"casebook/index"
)

func (a *App) similar() *cobra.Command {
	var dir string
	var limit int
	c := &cobra.Command{
		Use:   "similar REPORT|CASE",
		Short: "Cases of an archive that resemble one, with the reason and what was noted about them",
		Long: `Lists the cases of an archive that share confirmed findings or kinds of errors in their logs with a case, the most similar first. What few cases of the archive
share counts more than what many share, and a finding more than a kind of error. The case is named by its report.json or report folder, which need not be in the archive, or by its ID in the archive
or a beginning of that. Notes are shown that 'casebook note' attached to the cases found.

The answer names other cases, perhaps of other customers: it is printed, and never becomes a part of a report.

Exit status: 0 something was found, 1 nothing, 2 the command was used wrongly.`,
		Example: `  casebook similar ticket-48213-report --archive /srv/cases
  casebook similar INC0012345 -n 3`,
		Args: exactly(1, 1, "a report or a case's ID"),
		RunE: func(c *cobra.Command, args []string) error { return a.runSimilar(c.Context(), args[0], dir, limit) },
	}
	c.Flags().StringVar(&dir, "archive", os.Getenv(archiveVariable), "the archive `DIR`; also $"+archiveVariable)
	c.Flags().IntVarP(&limit, "max", "n", 10, "show at most `N` cases, 0 for all")
	return c
}

func (a *App) runSimilar(ctx context.Context, name, dir string, limit int) error {
	if limit < 0 {
		return usagef("-n takes a number from 0 on")
	}
	archive, err := a.openArchive(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // it was only read
	r, err := reportOrCase(ctx, archive, name)
	if err != nil {
		return usageError{err}
	}
	likes, err := archive.Similar(ctx, r, limit)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.complain(err)
	}
	a.found(len(likes), err)
	p := a.paint()
	for i, l := range likes {
		if a.json {
			if err := writeLine(a.out, l); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintf(a.out, "%s  %s\n", p.bold(printable(l.Case)), p.faint(fmt.Sprintf("score %.1f", l.Score)))
		for _, reason := range l.Reasons {
			if reason.Check != "" {
				fmt.Fprintf(a.out, "  both confirm %s: %s %s\n", p.bold(reason.Check), printable(reason.Title), p.faint(ofCases(reason.Cases)))
			} else {
				fmt.Fprintf(a.out, "  both logged %q %s\n", reason.Template, p.faint(ofCases(reason.Cases)))
			}
		}
		a.printNotes(l.Notes, "  ")
	}
	return nil
}

// ofCases says how many cases of the archive have something besides the one that is compared.
func ofCases(n int) string {
	if n == 1 {
		return "(no other case)"
	}
	return fmt.Sprintf("(%d cases)", n)
}

// reportOrCase reads a report from a file or a folder, or of a case of the archive.
func reportOrCase(ctx context.Context, archive index.Reader, name string) (*findings.Report, error) {
	if _, err := os.Stat(name); err == nil {
		return readReport(name)
	}
	id, err := archive.FindCase(ctx, name)
	if errors.Is(err, index.ErrNoCase) {
		return nil, fmt.Errorf("%w, and no report of that name", err)
	}
	if err != nil {
		return nil, err
	}
	b, err := archive.Report(ctx, id)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("case %q was removed meanwhile", id)
		}
		return nil, err
	}
	var r findings.Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("the report of case %q can't be read: %w", id, err)
	}
	r.Case = id
	return &r, nil
}

// printNotes prints notes with their day and author, each line behind indent.
func (a *App) printNotes(notes []index.Note, indent string) {
	p := a.paint()
	for _, n := range notes {
		lines := strings.Split(strings.TrimSpace(n.Text), "\n")
		head := "note of " + n.Time.Format("2006-01-02")
		if n.Author != "" {
			head += " by " + printable(n.Author)
		}
		fmt.Fprintf(a.out, "%s%s %s\n", indent, p.faint(head+":"), printable(strings.TrimSuffix(lines[0], "\r")))
		for _, l := range lines[1:] {
			fmt.Fprintf(a.out, "%s  %s\n", indent, printable(strings.TrimSuffix(l, "\r")))
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/pack"
	"casebook/index"
)

// huntFlags are the flags of archive hunt.
type huntFlags struct {
	archiveFlags
	packs, only []string
	workers     int
	record      bool
}

// quarry is a finding of a hunt as --json shows it.
type quarry struct {
	Case     string              `json:"case"`
	Uploads  []string            `json:"uploads,omitempty"`
	Check    string              `json:"check"`
	Verdict  findings.Verdict    `json:"verdict"`
	Severity findings.Severity   `json:"severity"`
	State    findings.State      `json:"state"`
	System   string              `json:"system"`
	Subject  string              `json:"subject"`
	Title    string              `json:"title"`
	Summary  string              `json:"summary"`
	Evidence []findings.Evidence `json:"evidence"`
}

// missed is a case that could not be looked at.
type missed struct {
	Case    string   `json:"case"`
	Uploads []string `json:"uploads,omitempty"`
	Why     string   `json:"why"`
}

// huntTotal is what a hunt came to.
type huntTotal struct {
	Cases     int `json:"cases"`
	Evaluated int `json:"evaluated"` // in which a check was evaluated; the index shows that the others have nothing
	Hits      int `json:"hits"`      // with a finding
	Findings  int `json:"findings"`
	Missed    int `json:"missed"` // that could not be looked at
	Recorded  int `json:"recorded"`
}

func (a *App) archiveHunt() *cobra.Command {
	var f huntFlags
	c := f.common(&cobra.Command{
		Use:   "hunt [CASE…] --checks PACK",
		Short: "Run new checks over the cases of the archive",
		Long: `Runs the checks of packs over all cases of the archive, or those named, and shows what they confirm or suspect. The uploads are not needed: checks are evaluated from what the cases store.
Of a check whose findings rest on lines of logs, the index tells first which cases hold the text of such a line; only these are evaluated. Nothing in the archive is changed, unless --record
evaluates the cases with a finding anew, with all checks, and keeps what was found before in their history.

With --json each finding is a line on stdout, so is each case that could not be looked at ({"case", "why"}), and the last line is {"total": …}.

Exit status: 0 something was found, 1 nothing, 2 the command was used wrongly or could not be done, 3 some cases could not be looked at, whatever was found in the others.`,
		Example: `  casebook archive hunt --checks new-problem.yaml --archive /srv/cases
  casebook archive hunt --only windows-pending-reboot --label customer=acme --archive /srv/cases`,
		RunE: func(c *cobra.Command, args []string) error { return a.runHunt(c.Context(), args, &f) },
	}, true)
	fs := c.Flags()
	fs.StringArrayVar(&f.packs, "checks", nil, "hunt with the checks of `PACK`, a file or a folder of .yaml files; may be given several times")
	fs.StringSliceVar(&f.only, "only", nil, "hunt with the checks with these `ID`s, separated by commas, of the packs or casebook's own")
	fs.IntVar(&f.workers, "workers", 0, "read `N` members of a case side by side (default one for each processor)")
	fs.BoolVar(&f.record, "record", false, "evaluate the cases with a finding anew, with all checks, and store the result")
	return c
}

// hunted returns the checks to hunt with, and all that a case is evaluated with where the result is recorded.
func (f *huntFlags) hunted() (hunted, all []*findings.Check, err error) {
	if len(f.packs) == 0 && len(f.only) == 0 {
		return nil, nil, usagef("name what to hunt with: --checks PACK, or --only ID of a check")
	}
	packs, err := readPacks(f.packs)
	if err != nil {
		return nil, nil, err
	}
	if all, err = pack.Join(checks.All(), packs...); err != nil {
		return nil, nil, usageError{err}
	}
	if len(f.only) > 0 {
		hunted, err = selectChecks(all, f.only)
		return hunted, all, err
	}
	own := checks.All()
	for _, c := range all {
		if !slices.ContainsFunc(own, func(o *findings.Check) bool { return o.ID == c.ID }) {
			hunted = append(hunted, c)
		}
	}
	if len(hunted) == 0 {
		return nil, nil, usagef("the packs hold no check")
	}
	return hunted, all, nil
}

func (a *App) runHunt(ctx context.Context, args []string, f *huntFlags) error {
	hunted, all, err := f.hunted()
	if err != nil {
		return err
	}
	if f.workers < 0 {
		return usagef("--workers takes a number from 0 on, not %d", f.workers)
	}
	list, err := f.choose(ctx, a, args, true)
	if err != nil {
		return err
	}
	archive, err := a.openArchive(ctx, f.dir)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // it was only read
	hunter, err := able[index.Hunter](archive, "archive hunt", f.dir)
	if err != nil {
		return err
	}
	opt := casebook.Options{Workers: f.workers, Version: a.Version, Log: a.log()}
	total := huntTotal{Cases: len(list)}
	at := 0
	err = casebook.Hunt(ctx, hunter, list, hunted, opt, func(h casebook.Hunted) error {
		c := list[at]
		at++
		total.add(&h)
		if err := a.printHunted(c, &h); err != nil || !f.record || len(h.Findings) == 0 {
			return err
		}
		if err := a.record(ctx, hunter, c, f, opt, all); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.complain(fmt.Errorf("case %s is not recorded: %w", calledShort(c), err))
			total.Missed++
			return nil
		}
		total.Recorded++
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case total.Missed > 0:
		a.code = exitSome
	case total.Findings == 0:
		a.code = exitFindings
	}
	return a.printHuntTotal(total)
}

func (t *huntTotal) add(h *casebook.Hunted) {
	t.Findings += len(h.Findings)
	switch {
	case h.Err != nil:
		t.Missed++
	case len(h.Evaluated) > 0:
		t.Evaluated++
	}
	if len(h.Findings) > 0 {
		t.Hits++
	}
}

// record evaluates a case anew with all checks.
func (a *App) record(ctx context.Context, archive index.Sourcer, c index.Case, f *huntFlags, opt casebook.Options, all []*findings.Check) error {
	to, err := creator(archive, f.dir)
	if err != nil {
		return err
	}
	stored, err := archive.Sources(ctx, c.ID)
	if err != nil {
		return err
	}
	defer stored.Close()
	opt.Checks, opt.Index, opt.Entry = all, to, index.Entry{Replaces: &c.State, Waiting: a.waiting}
	_, err = casebook.Again(ctx, stored, opt)
	return err
}

// printHunted prints what was found in a case.
func (a *App) printHunted(c index.Case, h *casebook.Hunted) error {
	if h.Err != nil {
		if a.json {
			return writeLine(a.out, missed{h.Case, c.UploadNames(), h.Err.Error()})
		}
		a.complain(fmt.Errorf("case %s could not be looked at: %w", calledShort(c), unwrapped(h.Err)))
	}
	for _, p := range h.Problems {
		a.complain(fmt.Errorf("case %s: %s", calledShort(c), p.Message))
	}
	for i := range h.Findings {
		x := &h.Findings[i]
		if a.json {
			if err := writeLine(a.out, quarry{h.Case, c.UploadNames(), x.Check, x.Verdict, x.Severity, x.State, x.System, x.Subject, x.Title, x.Summary, x.Evidence}); err != nil {
				return err
			}
			continue
		}
		w, p := a.page(), a.paint()
		about := ""
		if x.Subject != "" {
			about = "  " + printable(x.Subject)
		}
		fmt.Fprintf(a.out, "%s  %s  %s%s\n", p.bold(calledShort(c)), x.Verdict, printable(x.Check), about)
		w.paragraph("  ", "  ", printable(x.Title))
		for _, e := range x.Evidence {
			if e.Role == findings.Supports {
				w.line("  ", p.faint(printable(e.Place())+": ")+printable(e.Quote))
				break
			}
		}
	}
	return nil
}

func (a *App) printHuntTotal(t huntTotal) error {
	if a.json {
		return writeLine(a.out, struct {
			Total huntTotal `json:"total"`
		}{t})
	}
	text := fmt.Sprintf("%d %s in %d of %d %s; %d evaluated, %d without a line that the checks look for",
		t.Findings, plural(t.Findings, "finding"), t.Hits, t.Cases, plural(t.Cases, "case"), t.Evaluated, t.Cases-t.Evaluated-t.Missed)
	if t.Missed > 0 {
		text += fmt.Sprintf(", %d could not be looked at", t.Missed)
	}
	if t.Recorded > 0 {
		text += fmt.Sprintf("; %d evaluated anew and stored", t.Recorded)
	}
	a.page().paragraph("", "", text+".")
	return nil
}

package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook/index"
)

// archiveFlags are flags that commands of archive share.
type archiveFlags struct {
	dir    string
	labels []string
	dryRun bool
}

func (a *App) archive() *cobra.Command {
	c := &cobra.Command{
		Use:   "archive",
		Short: "Look after an archive: what is in it, whether it is whole, what goes",
		Long: `Looks after an archive that batch and analyze --archive fill. All commands may run beside others that read or write it; what is written appears as a whole.

Exit status: 0 done, 1 verify found something, 2 the command was used wrongly or could not be done.`,
	}
	return group(c, a.archiveStats(), a.archiveList(), a.archiveVerify(), a.archiveRemove(), a.archiveCompact(), a.archiveExpire(), a.archiveHold(), a.archiveRelease(),
		a.archiveExport(), a.archiveImport(), a.archiveRecheck(), a.archiveHunt())
}

// common adds the flags that select an archive, and cases of it.
func (f *archiveFlags) common(c *cobra.Command, selects bool) *cobra.Command {
	c.Flags().StringVar(&f.dir, "archive", os.Getenv("CASEBOOK_ARCHIVE"), "the archive in `DIR`, or the address of a store; also $CASEBOOK_ARCHIVE")
	if selects {
		c.Flags().StringArrayVar(&f.labels, "label", nil, "cases with the label `NAME=VALUE`; with several those that have all")
	}
	return c
}

// keeper opens the archive to change it.
func (f *archiveFlags) keeper(a *App) (*index.Keeper, error) {
	if f.dir == "" {
		return nil, usagef("no archive named: give --archive DIR or set CASEBOOK_ARCHIVE")
	}
	if err := folderOnly("archive compact", f.dir, "leave it out, the service merges its index by itself"); err != nil {
		return nil, err
	}
	return index.Keep(f.dir, a.waiting)
}

// wanted parses --label.
func (f *archiveFlags) wanted() (index.Labels, error) {
	var out index.Labels
	for _, l := range f.labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok || name == "" || value == "" {
			return nil, usagef("--label is NAME=VALUE, not %q", l)
		}
		out = out.Add(index.Labels{name: {value}})
	}
	return out, nil
}

// choose returns the cases that are named, by ID or by its beginning, or that have the labels.
func (f *archiveFlags) choose(ctx context.Context, a *App, args []string, all bool) ([]index.Case, error) {
	wanted, err := f.wanted()
	if err != nil {
		return nil, err
	}
	if len(args) == 0 && wanted == nil && !all {
		return nil, usagef("name cases, or give --label NAME=VALUE")
	}
	archive, err := a.openArchive(ctx, f.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }() // it was only read
	list, err := archive.List(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, arg := range args {
		id, err := theCase(list, arg)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	var out []index.Case
	for _, c := range list {
		if (len(ids) == 0 || slices.Contains(ids, c.ID)) && c.Labels.Has(wanted) {
			out = append(out, c)
		}
	}
	return out, nil
}

// leastID is how much of a case's ID must be given.
const leastID = 6

// theCase returns the ID of the case that an argument names.
func theCase(list []index.Case, arg string) (string, error) {
	var like []string
	for _, c := range list {
		if c.ID == arg {
			return arg, nil
		}
		if len(arg) >= leastID && strings.HasPrefix(c.ID, arg) {
			like = append(like, c.ID)
		}
	}
	switch len(like) {
	case 0:
		return "", usagef("the archive has no case %q", arg)
	case 1:
		return like[0], nil
	}
	return "", usagef("%d cases begin with %q; give more of the ID", len(like), arg)
}

func idsOf(list []index.Case) []string {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

func (a *App) archiveStats() *cobra.Command {
	var f archiveFlags
	return f.common(&cobra.Command{
		Use:   "stats",
		Short: "How much is in the archive, and how much room it takes",
		Args:  exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			archive, err := a.openArchive(c.Context(), f.dir)
			if err != nil {
				return err
			}
			defer func() { _ = archive.Close() }() // it was only read
			measurer, err := able[index.Measurer](archive, "archive stats", f.dir)
			if err != nil {
				return err
			}
			s, err := measurer.Stats(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			w := a.page()
			row := func(name, value string) { w.line("", pad(name, 12)+"  "+value) }
			held := ""
			if s.Held > 0 {
				held = fmt.Sprintf(", %d held", s.Held)
			}
			row("cases", strconv.Itoa(s.Cases)+held)
			row("uploads", fmt.Sprintf("%d, %s; %d kept in the archive", s.Uploads, size(s.Received), s.Kept))
			row("shards", strconv.Itoa(s.Shards))
			row("room", fmt.Sprintf("%s: %s of records and reports, %s of index, %s of uploads",
				size(s.CaseBytes+s.IndexBytes+s.UploadBytes), size(s.CaseBytes), size(s.IndexBytes), size(s.UploadBytes)))
			for _, m := range s.Months {
				name := m.Month
				if name == "" {
					name = "undated"
				}
				row(name, fmt.Sprintf("%d %s, %s", m.Cases, plural(m.Cases, "case"), size(m.Bytes)))
			}
			return nil
		},
	}, false)
}

func (a *App) archiveList() *cobra.Command {
	var f archiveFlags
	return f.common(&cobra.Command{
		Use:   "list [CASE…]",
		Short: "The cases of the archive with their labels and uploads",
		RunE: func(c *cobra.Command, args []string) error {
			list, err := f.choose(c.Context(), a, args, true)
			if err != nil {
				return err
			}
			for _, c := range list {
				if a.json {
					if err := writeLine(a.out, c); err != nil {
						return err
					}
					continue
				}
				a.printCase(c)
			}
			return nil
		},
	}, true)
}

// printCase prints a case in a line.
func (a *App) printCase(c index.Case) {
	var about []string
	if !c.Added.IsZero() {
		about = append(about, c.Added.UTC().Format(time.DateOnly))
	}
	for name, values := range c.Labels.All() {
		about = append(about, printable(name)+"="+printable(strings.Join(values, ",")))
	}
	name, behind := c.Called()
	if name == c.ID {
		for _, u := range c.Uploads {
			about = append(about, printable(u.Name))
		}
	}
	if c.Hold != "" {
		about = append(about, "held: "+printable(c.Hold))
	}
	if name != c.ID && behind != "" {
		about = append(about, behind)
	}
	fmt.Fprintf(a.out, "%s  %s\n", a.paint().bold(printable(name)), strings.Join(about, "  "))
}

func (a *App) archiveVerify() *cobra.Command {
	var f archiveFlags
	return f.common(&cobra.Command{
		Use:   "verify",
		Short: "Read everything in the archive again and compare it with what was written",
		Long: `Computes the SHA-256 of every file, reads every block of records, looks whether a search for a word of each block finds it, and whether the evidence of the reports stands in the
records. Exit status: 0 all is as it was written, 1 something is not, 2 the check could not be done.`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			archive, err := a.openArchive(c.Context(), f.dir)
			if err != nil {
				return err
			}
			defer func() { _ = archive.Close() }() // it was only read
			checker, err := able[index.Checker](archive, "archive verify", f.dir)
			if err != nil {
				return err
			}
			faults, names := []index.Fault{}, newCaller(archive)
			done, err := checker.Check(c.Context(), func(x index.Fault) {
				faults = append(faults, x)
				if !a.json {
					fmt.Fprintf(a.out, "%s: %s\n", calledShort(names.of(c.Context(), x.Case)), printable(x.What))
				}
			})
			if err != nil {
				return err
			}
			if done.Faults > 0 {
				a.code = exitFindings
			}
			if a.json {
				return a.writeJSON(struct {
					index.Checked
					List []index.Fault `json:"list"`
				}{done, faults})
			}
			w := a.page()
			w.paragraph("", "", fmt.Sprintf("%d %s, %d files of %s, %d blocks found by search, %d quotes proven; %d faults.",
				done.Cases, plural(done.Cases, "case"), done.Files, size(done.Bytes), done.Blocks, done.Quotes, done.Faults))
			if done.Unproven > 0 {
				w.paragraph("", "", fmt.Sprintf("%d pieces of evidence are registry values, tell of absence or come from files without records; verify REPORT --bundle proves them.", done.Unproven))
			}
			if done.Unsummed > 0 {
				w.paragraph("", "", fmt.Sprintf("%d cases were written without sums: of them only what was read is proven.", done.Unsummed))
			}
			return nil
		},
	}, false)
}

func (a *App) archiveRemove() *cobra.Command {
	var f archiveFlags
	c := f.common(&cobra.Command{
		Use:   "remove CASE…",
		Short: "Remove cases for good, also from the index",
		Long: `Removes cases that are named, by ID or the first six characters of it, or that have a label: records, report, kept uploads, and their words in index shards that they share with others, which are
written anew. Nothing is removed if one of the cases is held. A file system may keep the bytes of deleted files, and backups have copies: both are beyond casebook.`,
		Example: `  casebook archive remove 48213 --archive /srv/cases
  casebook archive remove --label customer=acme --archive /srv/cases --dry-run`,
		RunE: func(c *cobra.Command, args []string) error {
			list, err := f.choose(c.Context(), a, args, false)
			if err != nil {
				return err
			}
			return a.removeCases(c.Context(), &f, list)
		},
	}, true)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be removed")
	return c
}

// removeCases removes cases and says so.
func (a *App) removeCases(ctx context.Context, f *archiveFlags, list []index.Case) error {
	if !f.dryRun && len(list) > 0 {
		k, done, err := a.changer(ctx, f.dir)
		if err != nil {
			return err
		}
		defer done()
		left, err := k.Remove(ctx, idsOf(list))
		if err != nil {
			return err
		}
		for _, l := range left {
			a.complain(fmt.Errorf("%s can't be removed while it is read; the next command that writes the archive removes it", l))
		}
	}
	if a.json {
		return a.writeJSON(struct {
			Removed []string `json:"removed"`
			DryRun  bool     `json:"dry_run"`
		}{idsOf(list), f.dryRun})
	}
	word := "removed"
	if f.dryRun {
		word = "would be removed"
	}
	for _, c := range list {
		fmt.Fprintf(a.out, "%s: %s\n", calledShort(c), word)
	}
	if len(list) == 0 && !a.quiet {
		fmt.Fprintln(a.err, "casebook: no case is meant; nothing was removed")
	}
	return nil
}

func (a *App) archiveCompact() *cobra.Command {
	var f archiveFlags
	return f.common(&cobra.Command{
		Use:   "compact",
		Short: "Merge small shards of the index, so that searches open fewer",
		Long: `Merges the small shards of many cases into larger ones, made of the cases' records. Readers and writers go on meanwhile; the merged shards appear one after the other. The old
ones are removed when the next generation is written, so that a reader which has just begun finds them.`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := f.keeper(a)
			if err != nil {
				return err
			}
			done, err := k.Compact(c.Context(), func(n, all int) {
				if a.verbose {
					fmt.Fprintf(a.err, "casebook: %d of %d merged shards are written\n", n, all)
				}
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(done)
			}
			fmt.Fprintf(a.out, "%d shards before, %d now; the index of %d cases was written anew.\n", done.Before, done.After, done.Cases)
			return nil
		},
	}, false)
}

func (a *App) archiveExpire() *cobra.Command {
	var f archiveFlags
	var older string
	c := f.common(&cobra.Command{
		Use:   "expire --older-than AGE",
		Short: "Remove the cases that came into the archive long ago, unless they are held",
		Long: `Removes, as remove does, the cases that came into the archive longer ago than AGE: a number of days (365d) or years (3y). Cases that are held stay, and so do those of which it is not
known when they came.`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			before, err := agesAgo(time.Now(), older)
			if err != nil {
				return err
			}
			list, err := f.choose(c.Context(), a, nil, true)
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(c index.Case) bool {
				return c.Hold != "" || c.Added.IsZero() || !c.Added.Before(before)
			})
			return a.removeCases(c.Context(), &f, list)
		},
	}, true)
	c.Flags().StringVar(&older, "older-than", "", "`AGE` such as 365d or 3y")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be removed")
	return c
}

// agesAgo is the time an age before now.
func agesAgo(now time.Time, age string) (time.Time, error) {
	bad := usagef("--older-than is a number of days or years such as 365d or 3y, not %q", age)
	if age == "" {
		return time.Time{}, bad
	}
	n, err := strconv.Atoi(age[:len(age)-1])
	if err != nil || n < 1 || n > 100_000 {
		return time.Time{}, bad
	}
	switch age[len(age)-1] {
	case 'd':
		return now.AddDate(0, 0, -n), nil
	case 'y':
		return now.AddDate(-n, 0, 0), nil
	}
	return time.Time{}, bad
}

func (a *App) archiveHold() *cobra.Command {
	var f archiveFlags
	var reason string
	c := f.common(&cobra.Command{
		Use:   "hold CASE… --reason TEXT",
		Short: "Keep cases from being removed or expired",
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usagef("--reason says why the cases must be kept")
			}
			return a.hold(c.Context(), &f, args, reason)
		},
	}, true)
	c.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why")
	return c
}

func (a *App) archiveRelease() *cobra.Command {
	var f archiveFlags
	return f.common(&cobra.Command{
		Use:   "release CASE…",
		Short: "End the hold of cases",
		RunE:  func(c *cobra.Command, args []string) error { return a.hold(c.Context(), &f, args, "") },
	}, true)
}

// hold sets or ends the hold of cases.
func (a *App) hold(ctx context.Context, f *archiveFlags, args []string, reason string) error {
	list, err := f.choose(ctx, a, args, false)
	if err != nil {
		return err
	}
	k, done, err := a.changer(ctx, f.dir)
	if err != nil {
		return err
	}
	defer done()
	if reason == "" {
		err = k.Release(ctx, idsOf(list))
	} else {
		err = k.Hold(ctx, idsOf(list), reason)
	}
	if err != nil {
		return err
	}
	for _, c := range list {
		c.Hold = reason
		if a.json {
			if err := writeLine(a.out, c); err != nil {
				return err
			}
			continue
		}
		a.printCase(c)
	}
	return nil
}

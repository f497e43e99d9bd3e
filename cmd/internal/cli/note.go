package cli

import (
	"context"
	"errors"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook/index"
)

func (a *App) note() *cobra.Command {
	var dir, author string
	c := &cobra.Command{
		Use:   "note CASE [TEXT]",
		Short: "Attach a note to a case of an archive, or show its notes",
		Long: `Writes down what is worth knowing about a case next time, such as what fixed it. Without a TEXT it shows the case's notes. CASE is the case's ID in the archive, or a
beginning of it that no other case has.

Notes stay in the archive, also when the case is analysed anew, and appear where 'casebook similar' finds the case. They are never put into a report folder, and an archive within a report folder
takes none, since a report is handed on.

A note has its time and its author: the name that --author gives, else that of the user who runs the program.

Exit status: 0 done, 1 the case has no notes to show, 2 the command was used wrongly.`,
		Example: `  casebook note INC0012345 'fixed by KB2509007; see also INC0011873' --archive /srv/cases
  casebook note INC0012345`,
		Args: exactly(1, -1, "a case's ID and the note"),
		RunE: func(c *cobra.Command, args []string) error {
			n := index.Note{Time: time.Now(), Author: author, Text: strings.Join(args[1:], " ")}
			if !c.Flags().Changed("author") {
				n.Author = userName()
			}
			return a.runNote(c.Context(), dir, args[0], n, len(args) > 1)
		},
	}
	c.Flags().StringVar(&dir, "archive", os.Getenv(archiveVariable), "the archive `DIR`; also $"+archiveVariable)
	c.Flags().StringVar(&author, "author", "", "the note is by `NAME`, empty for nobody in particular (default your user name)")
	return c
}

// userName is the name of who runs the program, "" if the system does not tell.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func (a *App) runNote(ctx context.Context, dir, name string, n index.Note, write bool) error {
	archive, err := a.openArchive(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }() // notes are complete when AddNote returns
	id, err := archive.FindCase(ctx, name)
	if err != nil {
		return usageError{err}
	}
	if write {
		if err := archive.AddNote(ctx, id, n); err != nil {
			return errors.Join(err, ctx.Err())
		}
		return nil
	}
	notes, err := archive.Notes(ctx, id)
	if err != nil {
		return err
	}
	a.found(len(notes), nil)
	if !a.json {
		a.printNotes(notes, "")
		return nil
	}
	for _, n := range notes {
		if err := writeLine(a.out, n); err != nil {
			return err
		}
	}
	return nil
}

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/findings"
	"casebook/findings/diff"
	"casebook/index"
	"casebook/ingest"
)

// recheckFlags are the flags of archive recheck.
type recheckFlags struct {
	archiveFlags
	analyze analyzeFlags
	uploads []string
	force   bool
}

// rechecked is what became of a case.
type rechecked struct {
	Case    string             `json:"case"`
	Uploads []string           `json:"uploads,omitempty"`
	Status  string             `json:"status"`         // rechecked, current or not-rechecked
	From    string             `json:"from,omitempty"` // uploads, or stored: what the case stores of them
	Why     string             `json:"why,omitempty"`
	Before  string             `json:"before,omitempty"` // the version that evaluated it
	Changes []diff.FindingPair `json:"changes,omitempty"`
}

func (a *App) archiveRecheck() *cobra.Command {
	var f recheckFlags
	c := f.common(&cobra.Command{
		Use:   "recheck [CASE…]",
		Short: "Evaluate cases anew with the checks of this version",
		Long: `Analyses again the cases that another version of casebook evaluated, and lists the verdicts that changed. What the earlier evaluations said stays in the case's history. The uploads
are read if all of a case are there: those that the archive keeps (batch --keep-uploads), or that lie below the paths of --uploads, told by their SHA-256. Otherwise the case is analysed from what
it stores: the records, the hives and the other typed artifacts. A case for which neither does, since an earlier version wrote it or a hive was too large, is left as it is, and said so.

Exit status: 0 all were evaluated, 2 the command was used wrongly, 3 some could not be, 4 none could be.`,
		RunE: func(c *cobra.Command, args []string) error { return a.runRecheck(c.Context(), args, &f) },
	}, true)
	c.Flags().StringArrayVar(&f.uploads, "uploads", nil, "look for uploads below `PATH`; repeatable")
	c.Flags().BoolVar(&f.force, "force", false, "also those that this version evaluated")
	f.analyze.analysis(c)
	return c
}

func (a *App) runRecheck(ctx context.Context, args []string, f *recheckFlags) error {
	opt, err := f.analyze.options(a.Version)
	if err != nil {
		return err
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
	sourcer, err := able[index.Sourcer](archive, "archive recheck", f.dir)
	if err != nil {
		return err
	}
	given, err := f.given(ctx, a)
	if err != nil {
		return err
	}
	opt.Log = a.log()
	if opt.Index, err = creator(archive, f.dir); err != nil {
		return err
	}
	done, not := 0, 0
	for _, c := range list {
		r, err := a.recheckOne(ctx, archive, sourcer, c, given, f, opt)
		if err != nil {
			return err
		}
		switch r.Status {
		case "rechecked":
			done++
		case "not-rechecked":
			not++
		}
		if err := a.printRecheck(c, r); err != nil {
			return err
		}
	}
	switch {
	case not > 0 && done == 0:
		a.code = exitNone
	case not > 0:
		a.code = exitSome
	}
	return nil
}

// given finds the uploads below the paths of --uploads, by SHA-256.
func (f *recheckFlags) given(ctx context.Context, a *App) (map[string]ingest.Upload, error) {
	out := map[string]ingest.Upload{}
	if len(f.uploads) == 0 {
		return out, nil
	}
	b := &batch{app: a, paths: f.uploads}
	var err error
	if scheme(f.dir) == "" {
		if b.archive, err = filepath.Abs(f.dir); err != nil {
			return nil, err
		}
	}
	all, err := b.find(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if x.err != nil || x.folder {
			continue
		}
		sum, err := x.upload.Sum(ctx)
		if err != nil {
			a.complain(err)
			continue
		}
		out[sum] = x.upload
	}
	return out, nil
}

// recheckOne evaluates a case anew. An error ends the command.
func (a *App) recheckOne(ctx context.Context, archive index.Reader, sourcer index.Sourcer, c index.Case, given map[string]ingest.Upload, f *recheckFlags, opt casebook.Options) (rechecked, error) {
	r := rechecked{Case: c.ID, Uploads: c.UploadNames(), Status: "not-rechecked"}
	text, err := archive.Report(ctx, c.ID)
	if errors.Is(err, fs.ErrNotExist) {
		r.Why = "it was removed meanwhile"
		return r, nil
	}
	var before findings.Report
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	if err != nil {
		r.Why = err.Error()
		return r, nil
	}
	r.Before = before.Tool.Version
	if before.Tool.Version == a.Version && !f.force {
		r.Status = "current"
		return r, nil
	}
	var paths []string
	lacking := "" // what the archive lacks of the uploads
	for _, u := range c.Uploads {
		if folder, ok := archive.(*index.Archive); ok {
			if kept, err := folder.Upload(u); err == nil {
				paths = append(paths, kept.Path)
				continue
			}
		}
		if g, ok := given[u.SHA256]; ok {
			paths = append(paths, g.Path)
			continue
		}
		lacking = fmt.Sprintf("the archive has not kept the upload %q, none of --uploads is it", u.Name)
		break
	}
	if len(c.Uploads) == 0 {
		lacking = "the archive does not know its uploads"
	}
	opt.Entry = index.Entry{Replaces: &c.State, Waiting: a.waiting}
	p := a.progress(calledShort(c))
	opt.Progress = p.update
	var after *findings.Report
	stored, serr := sourcer.Sources(ctx, c.ID)
	if serr == nil {
		defer stored.Close()
	}
	switch {
	case lacking == "" && len(c.Uploads) > 0:
		r.From = "uploads"
		if c.ID != c.Uploads[0].SHA256 {
			opt.Case = c.ID
		}
		if serr == nil {
			opt.Host = cmp.Or(opt.Host, stored.Host)
			if opt.At.IsZero() {
				opt.At = stored.At
			}
		}
		after, err = casebook.Analyze(ctx, paths, opt)
	case serr == nil:
		r.From = "stored"
		after, err = casebook.Again(ctx, stored, opt)
	default:
		err = serr
	}
	p.done()
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		r.Why, r.From = err.Error(), ""
		if casebook.NotStored(err) && lacking != "" {
			r.Why = lacking + ", and " + unwrapped(err).Error()
		}
		return r, nil
	}
	r.Status = "rechecked"
	for _, x := range diff.Reports(&before, after).Findings {
		if x.Change != diff.Same {
			r.Changes = append(r.Changes, x)
		}
	}
	return r, nil
}

// unwrapped is the reason of an error of the archive, without the case, which is told already.
func unwrapped(err error) error {
	var lacking *casebook.LackingError
	switch {
	case errors.Is(err, index.ErrNotStored):
		return index.ErrNotStored
	case errors.As(err, &lacking):
		return lacking
	}
	return err
}

func (a *App) printRecheck(c index.Case, r rechecked) error {
	if a.json {
		return writeLine(a.out, r)
	}
	w := a.page()
	what := cmp.Or(r.Why, fmt.Sprintf("%d %s changed", len(r.Changes), plural(len(r.Changes), "verdict")))
	if r.From == "stored" {
		what += ", without its uploads"
	}
	if r.Status == "current" {
		what = "this version evaluated it"
	}
	w.paragraph("", "  ", calledShort(c)+": "+r.Status+": "+printable(what))
	for _, x := range r.Changes {
		w.paragraph("  ", "    ", printable(x.Check+": "+stands(x)))
	}
	return nil
}

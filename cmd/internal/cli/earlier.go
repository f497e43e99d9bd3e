package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"casebook"
	"casebook/findings"
	"casebook/index"
	"casebook/ingest"
)

// errNotKept says that a case can't be evaluated anew.
var errNotKept = errors.New("the archive has not kept its bytes")

// earlierUploads are those that a case has when further ones join it.
type earlierUploads struct {
	paths []string       // where they can be read, in the order of the case; nil with from
	from  *index.Sources // what the case stores of them, if not all can be read; else nil
	ends  []func()
}

// lookBack finds the uploads of a case. find says where one can be read and what is to be called after that, or gives errNotKept. replaced tells whether one of the further uploads takes
// the place of one; it may be nil. Unless all can be read, what the case stores has to do for all of them. done must be called whatever the error is.
func lookBack(ctx context.Context, reader index.Reader, c *index.Case, replaced func(index.Upload) bool, find func(index.Upload) (string, func(), error)) (e earlierUploads, err error) {
	lacking, gone := "", false
	for _, u := range c.Uploads {
		if replaced != nil && replaced(u) {
			gone = true
			continue
		}
		path, end, err := find(u)
		switch {
		case errors.Is(err, errNotKept):
			lacking = cmp.Or(lacking, u.Name)
		case err != nil:
			return e, err
		default:
			e.paths, e.ends = append(e.paths, path), append(e.ends, end)
		}
	}
	if lacking == "" {
		return e, nil
	}
	e.paths = nil
	var why error
	archive, ok := reader.(index.Sourcer)
	switch {
	case !ok:
		why = errors.New("it stores nothing else to read them from")
	case gone:
		why = errors.New("what it stores holds the folder that comes again")
	default:
		if e.from, why = archive.Sources(ctx, c.ID); why == nil {
			e.ends = append(e.ends, e.from.Close)
			why = casebook.Complete(e.from)
		}
	}
	if why != nil {
		return e, fmt.Errorf("case %s has the upload %q too, and %w (%w): name it among the paths, so that both are evaluated together", calledShort(*c), lacking, errNotKept, unwrapped(why))
	}
	return e, nil
}

// done ends the use of what was found.
func (e *earlierUploads) done() {
	for _, end := range e.ends {
		end()
	}
}

// analyse evaluates the earlier uploads and further ones together.
func (e *earlierUploads) analyse(ctx context.Context, further []string, opt casebook.Options) (*findings.Report, error) {
	if e.from != nil {
		return casebook.Join(ctx, e.from, further, opt)
	}
	return casebook.Analyze(ctx, slices.Concat(e.paths, further), opt)
}

// joining finds the uploads that a case of the archive has beside those at hand, and returns what is to be analysed after them: all that is at hand if there are none.
func (a *App) joining(ctx context.Context, dir, id string, uploads []string, opt *casebook.Options) (e earlierUploads, further []string, err error) {
	archive, err := index.Open(dir)
	if errors.Is(err, index.ErrNoArchive) {
		return e, uploads, nil
	}
	if err != nil {
		return e, nil, err
	}
	defer func() { e.ends = append(e.ends, func() { _ = archive.Close() }) }() // it was only read
	c, err := archive.Case(ctx, id)
	if errors.Is(err, index.ErrNoCase) {
		return e, uploads, nil
	}
	if err != nil {
		return e, nil, err
	}
	held := map[string]string{} // the paths of those that the case has, by SHA-256
	for _, path := range uploads {
		sum := ""
		if u, err := ingest.LookAt(path); err == nil { // of a folder and of what can't be read the analysis says more
			if sum, err = u.Sum(ctx); err != nil {
				sum = ""
			}
		}
		if c.Holds(sum) {
			held[sum] = path
		} else {
			further = append(further, path)
		}
	}
	replaced := func(u index.Upload) bool {
		return slices.ContainsFunc(further, func(path string) bool { return sameFolder(u, path) })
	}
	if !slices.ContainsFunc(c.Uploads, func(u index.Upload) bool { return held[u.SHA256] == "" && !replaced(u) }) {
		return e, uploads, nil
	}
	e, err = lookBack(ctx, archive, &c, replaced, func(u index.Upload) (string, func(), error) {
		if path := held[u.SHA256]; path != "" {
			return path, func() {}, nil
		}
		kept, err := archive.Upload(u)
		if err != nil {
			return "", nil, errNotKept
		}
		return kept.Path, func() {}, nil
	})
	if err == nil && !a.quiet {
		what := "which are read too"
		if e.from != nil {
			what = "which are not all at hand: what it stores of them is read"
		}
		fmt.Fprintf(a.err, "casebook: case %s has earlier uploads, %s\n", printable(index.ShortID(id)), what)
	}
	opt.Entry.Replaces = &c.State
	return e, further, err
}

// sameFolder tells whether a folder that is analysed takes the place of an upload: what is in it is known when it was read, so that it is told by its name.
func sameFolder(u index.Upload, path string) bool {
	return u.Format == ingest.FormatDirectory && filepath.Base(path) == u.Name
}

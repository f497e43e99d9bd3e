package cli

import (
	"context"

	"casebook/index"
)

// maxLookups is how many cases are looked up one by one before all are listed.
const maxLookups = 100

// caller says what the cases of an archive are called. No case is opened for it, and each is looked up once.
type caller struct {
	archive index.Reader
	known   map[string]index.Case
	listed  bool
}

func newCaller(archive index.Reader) *caller {
	return &caller{archive: archive, known: map[string]index.Case{}}
}

// of returns what is known of a case; of one that can't be looked up, or is no more, its ID alone.
func (k *caller) of(ctx context.Context, id string) index.Case {
	if c, ok := k.known[id]; ok || k.listed {
		c.ID = id
		return c
	}
	c := index.Case{ID: id}
	if len(k.known) < maxLookups {
		if now, err := k.archive.Case(ctx, id); err == nil {
			c = now
		}
		k.known[id] = c
		return c
	}
	k.listed = true
	list, _ := k.archive.List(ctx) // without it the IDs are shown
	for _, one := range list {
		k.known[one.ID] = one
	}
	return k.of(ctx, id)
}

// calledLine is what a case is called in a line of its own, with what tells more behind.
func (a *App) calledLine(c index.Case) string {
	name, behind := c.Called()
	line := a.paint().bold(printable(name))
	if behind != "" {
		line += "  " + a.paint().faint(printable(behind))
	}
	return line
}

// calledShort is what a case is called at the beginning of a line: the ID that was given, else the upload with the beginning of the ID.
func calledShort(c index.Case) string {
	name, behind := c.Called()
	if behind == "" || name == c.ID {
		return printable(name)
	}
	return printable(name) + " (" + printable(behind) + ")"
}

// foundJSON is a hit with the names of its case's uploads.
type foundJSON struct {
	index.Hit
	Uploads []string `json:"uploads,omitempty"`
}

// likenessJSON is a likeness with the names of its case's uploads.
type likenessJSON struct {
	index.Likeness
	Uploads []string `json:"uploads,omitempty"`
}

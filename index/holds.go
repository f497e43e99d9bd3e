package index

import (
	"context"
	"fmt"
	"io/fs"

	"casebook/index/query"
)

// Match is whether a record of a case matches a query.
type Match struct {
	Holds bool
	Err   error // why that is not known; nil if it is
}

// Matching implements [Hunter]. A case is read up to the first match, and not at all if the index shows that it has none.
func (a *Archive) Matching(ctx context.Context, ids []string, q query.Node, registry bool) []Match {
	out := make([]Match, len(ids))
	for i, id := range ids {
		out[i].Holds, out[i].Err = a.holds(ctx, id, q, registry)
	}
	return out
}

// holds tells whether a query matches a record of a case, or with registry a registry value.
func (a *Archive) holds(ctx context.Context, id string, q query.Node, registry bool) (bool, error) {
	live, err := a.named(id)
	if err != nil {
		return false, err
	}
	s := &run{ctx: ctx, query: q, marks: marks(q, nil)}
	if !s.begin(live) || !a.promises(ctx, s.live, s.open) {
		return false, nil
	}
	c, ok, err := a.open(s.live)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return false, fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	defer a.release(c)
	holds := false
	err = s.scan(c, func(_ place, src *source) bool {
		holds = src.finding == nil && (registry || !src.artifact.Registry)
		return !holds
	})
	return holds, err
}

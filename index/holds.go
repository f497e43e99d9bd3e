package index

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"casebook/index/query"
)

// Holds tells whether the query matches a record of a case, or with registry a registry value; findings are not looked at. It ends at the first one. The error is [fs.ErrNotExist] if there is no
// such case.
func (a *Archive) Holds(ctx context.Context, id string, q query.Node, registry bool) (bool, error) {
	m, err := a.generation()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(m.Cases, func(c liveCase) bool { return c.ID == id })
	if i < 0 {
		return false, fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
	}
	s := &run{ctx: ctx, query: q, marks: marks(q, nil)}
	if !s.begin(&m.Cases[i]) || !a.promises(ctx, s.live, s.open) {
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

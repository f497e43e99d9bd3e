package index

import (
	"context"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
)

// Keeper looks after an archive: it changes what is filed with cases, removes them, and merges their shards.
type Keeper struct {
	dir     string
	waiting func(Holder)
}

// Keep returns a keeper of the archive in dir. waiting is told who holds the archive's lock if that takes a while; it may be nil.
func Keep(dir string, waiting func(Holder)) (*Keeper, error) {
	if err := checkFormat(dir); err != nil {
		return nil, err
	}
	return &Keeper{dir, waiting}, nil
}

// each changes what is filed with cases. The error is [fs.ErrNotExist] if there is no such case.
func (k *Keeper) each(ctx context.Context, doing string, ids []string, apply func(*liveCase) error) error {
	return change(ctx, k.dir, doing, k.waiting, func(m *manifest) error {
		changed := false
		for _, id := range ids {
			i := slices.IndexFunc(m.Cases, func(c liveCase) bool { return c.ID == id })
			if i < 0 {
				return fmt.Errorf("archive: case %q: %w", id, fs.ErrNotExist)
			}
			c := m.Cases[i]
			if err := apply(&c); err != nil {
				return fmt.Errorf("archive: case %q: %w", id, err)
			}
			changed = changed || !reflect.DeepEqual(c, m.Cases[i])
			m.Cases[i] = c
		}
		if !changed {
			return errUnchanged
		}
		return nil
	})
}

// Label adds labels to a case.
func (k *Keeper) Label(ctx context.Context, id string, labels Labels) error {
	labels = labels.clean()
	return k.each(ctx, "labelling a case", []string{id}, func(c *liveCase) error {
		c.Labels = c.Labels.Add(labels)
		return nil
	})
}

// Hold keeps cases from being removed or expired; reason says why and must not be empty.
func (k *Keeper) Hold(ctx context.Context, ids []string, reason string) error {
	return k.each(ctx, "placing a hold", ids, func(c *liveCase) error {
		c.Hold = reason
		return nil
	})
}

// Release ends the hold of cases.
func (k *Keeper) Release(ctx context.Context, ids []string) error { return k.Hold(ctx, ids, "") }

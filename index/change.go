package index

import (
	"context"
	"fmt"
	"io/fs"
	"reflect"
)

// Keeper looks after an archive: it changes what is filed with cases, removes them, and merges their shards.
type Keeper struct {
	dir     string
	waiting func(Holder)
	parts   parts
}

// Keep returns a keeper of the archive in dir. waiting is told who holds the archive's lock if that takes a while; it may be nil.
func Keep(dir string, waiting func(Holder)) (*Keeper, error) {
	if err := checkFormat(dir); err != nil {
		return nil, err
	}
	return &Keeper{dir: dir, waiting: waiting}, nil
}

// each changes what is filed with cases. The error is [fs.ErrNotExist] if there is no such case.
func (k *Keeper) each(ctx context.Context, doing string, ids []string, apply func(*liveCase) error) error {
	return change(ctx, k.dir, doing, k.waiting, func(e *edit) error {
		changed := false
		for _, id := range ids {
			old, err := e.find(id)
			if err == nil && old == nil {
				err = fs.ErrNotExist
			}
			if err != nil {
				return fmt.Errorf("archive: case %q: %w", id, err)
			}
			c := *old
			if err := apply(&c); err != nil {
				return fmt.Errorf("archive: case %q: %w", id, err)
			}
			if reflect.DeepEqual(c, *old) {
				continue
			}
			changed = true
			if err := e.put(c); err != nil {
				return err
			}
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

package ingest

import (
	"context"
	"io/fs"
	"math"
	"os"
)

// directory catalogues a folder. It is opened as an os.Root: whatever links lie in it, nothing outside is read.
func (c *catalogue) directory(ctx context.Context, path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return plain(err)
	}
	c.b.Format, c.b.root = FormatDirectory, root
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.full {
			return fs.SkipAll
		}
		switch {
		case err != nil && name == ".":
			return plain(err)
		case err != nil:
			c.problem(c.path(entry{name: name}), StageOpen, "the folder can't be read: %v", plain(err))
			return nil
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			c.refuse(c.path(entry{name: name}), StageOpen, RefusedLink, "a symbolic link, which is not followed")
			return nil
		case !d.Type().IsRegular():
			c.refuse(c.path(entry{name: name}), StageOpen, RefusedDevice, "not a regular file; it is not read")
			return nil
		}
		info, err := d.Info()
		if err != nil {
			c.problem(c.path(entry{name: name}), StageOpen, "%v", plain(err))
			return nil
		}
		open := func() (*os.File, error) { return root.Open(name) }
		return c.add(ctx, entry{
			name: name, src: fileSource{open}, openFile: open, top: true,
			size: info.Size(), most: math.MaxInt64, packed: info.Size(), modified: info.ModTime().UTC(), utc: true,
		})
	})
}

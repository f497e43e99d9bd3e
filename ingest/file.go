package ingest

import (
	"context"
	"io"
	"io/fs"
	"math"
	"os"
)

// source is where a member's bytes come from.
type source interface {
	// open returns the bytes from the start. The error names no path: the caller knows it.
	open() (stream, error)
}

// stream is a member's bytes. Read returns an error other than io.EOF where they are damaged or cut short, together with or
// after the bytes that could be read.
type stream interface {
	io.ReadCloser
	packed() int64 // bytes of the container that were read so far
}

// fileSource is a file of the file system.
type fileSource struct {
	openFile func() (*os.File, error)
}

func (s fileSource) open() (stream, error) {
	f, err := s.openFile()
	if err != nil {
		return nil, plain(err)
	}
	return &fileStream{File: f}, nil
}

type fileStream struct {
	*os.File
	n int64
}

func (s *fileStream) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	s.n += int64(n)
	return n, plain(err)
}

func (s *fileStream) packed() int64 { return s.n }

// file catalogues an upload that is one file: a zip, or a loose file.
func (c *catalogue) file(ctx context.Context, path string, info fs.FileInfo) error {
	c.b.Bytes = info.Size()
	open := func() (*os.File, error) { return os.Open(path) } //nolint:gosec // the user names the upload
	f, err := open()
	if err != nil {
		return plain(err)
	}
	n, err := f.ReadAt(c.peek[:], 0)
	_ = f.Close() // it was only read
	if n == 0 && err != nil && info.Size() > 0 {
		return plain(err)
	}
	c.b.whole = &content{size: info.Size(), open: open}
	if isZip(c.peek[:n]) {
		return c.zipFile(ctx)
	}
	if zipName(c.b.Name) && n > 0 { // the archive of a self-extractor, or one with something before it
		if err := c.zipFile(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		c.problem(c.b.Name, StageOpen, "named like a zip, but it neither starts like one nor has a usable directory at its end; ask for it again if it is to be one")
	}
	c.b.Format = FormatFile
	return c.add(ctx, entry{
		name: c.b.Name, src: fileSource{open}, openFile: open,
		size: info.Size(), most: math.MaxInt64, packed: info.Size(), modified: info.ModTime().UTC(),
	})
}

// zipFile catalogues an upload that is a zip.
func (c *catalogue) zipFile(ctx context.Context) error {
	whole := c.b.whole
	if _, err := whole.acquire(); err != nil { // it stays open as long as the bundle
		return plain(err)
	}
	list, damage, err := readZip(ctx, whole, c.limits.MaxFiles)
	if err != nil {
		whole.release()
		return err
	}
	c.b.Format, c.b.held = FormatZip, true
	if damage != nil {
		c.problem("", StageOpen, "the zip is read in part: %v", damage)
	}
	if err := c.addZip(ctx, list, "", 0); err != nil {
		return err
	}
	if len(c.b.members) == 0 && len(c.b.Problems) == 0 {
		c.problem("", StageOpen, "the zip holds no file; ask for the upload again")
	}
	return nil
}

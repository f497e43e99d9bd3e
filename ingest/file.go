package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
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

// file catalogues an upload that is one file: an archive, or a loose file.
func (c *catalogue) file(ctx context.Context, path string, info fs.FileInfo) error {
	c.b.Bytes = info.Size()
	open := func() (*os.File, error) { return os.Open(path) }
	file, err := open()
	if err != nil {
		return plain(err)
	}
	n, err := file.ReadAt(c.peek[:], 0)
	_ = file.Close() // it was only read
	if n == 0 && err != nil && info.Size() > 0 {
		return plain(err)
	}
	c.b.whole = &content{size: info.Size(), open: open}
	f := containerOf(c.peek[:n])
	set, err := siblings(path, info)
	switch {
	case err != nil:
		return plain(err)
	case set != nil:
		return c.setFile(ctx, set)
	case f == containerZip && !strings.HasSuffix(strings.ToLower(c.b.Name), ".xlsx"):
		return c.zipFile(ctx, c.b.whole)
	case c.archiveFile(f):
		return c.containerFile(ctx, f, &unpacking{in: c.b.whole, base: c.b.Name})
	}
	if zipName(c.b.Name) && f == containerNone && n > 0 { // the archive of a self-extractor, or one with something before it
		if err := c.zipFile(ctx, c.b.whole); err == nil || ctx.Err() != nil {
			return err
		}
		c.problem(c.b.Name, StageOpen, "named like a zip, but it neither starts like one nor has a usable directory at its end; ask for it again if it is to be one")
	}
	c.b.Format = FormatFile
	logs := hiveLogs(path, c.peek[:n])
	if err := c.add(ctx, looseFile(c.b.Name, info, open)); err != nil {
		return err
	}
	for _, log := range logs {
		info, err := os.Stat(log)
		if err != nil {
			c.problem(filepath.Base(log), StageOpen, "it can't be read: %v", plain(err))
			continue
		}
		if err := c.add(ctx, looseFile(filepath.Base(log), info, func() (*os.File, error) { return os.Open(log) })); err != nil {
			return err
		}
	}
	return nil
}

// looseFile is a file that is a member as it is.
func looseFile(name string, info fs.FileInfo, open func() (*os.File, error)) entry {
	return entry{
		name: name, src: fileSource{open}, openFile: open,
		size: info.Size(), most: math.MaxInt64, packed: info.Size(), modified: info.ModTime().UTC(), utc: true,
	}
}

// zipFile catalogues an upload that is a zip.
func (c *catalogue) zipFile(ctx context.Context, in *content) error {
	whole := c.b.whole
	if _, err := whole.acquire(); err != nil { // it stays open as long as the bundle
		return plain(err)
	}
	list, damage, err := readZip(ctx, in, c.limits.MaxFiles)
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

// archiveFile tells whether an upload of that format is an archive, whose members have paths of their own, rather than a loose file that is
// packed. What is packed is an archive if it is a tar.
func (c *catalogue) archiveFile(f container) bool {
	if f == containerNone || f == containerZip { // a workbook is a loose file that holds its sheets
		return false
	}
	if containers[f].format != FormatFile {
		c.b.Format = containers[f].format
		return true
	}
	r, err := c.b.whole.acquire()
	if err != nil {
		return false
	}
	defer c.b.whole.release()
	z, _, _, err := decompress(f, io.NewSectionReader(r, 0, c.b.Bytes))
	if err != nil {
		return false
	}
	defer z.Close() //nolint:errcheck // it was only read
	var head [tarBlock]byte
	n, _ := io.ReadFull(z, head[:]) // what is damaged is met again
	if isTar(head[:n]) {
		c.b.Format = FormatTar
		return true
	}
	return false
}

// setFile catalogues an upload that is split: the parts lie beside each other.
func (c *catalogue) setFile(ctx context.Context, s *splitSet) error {
	if s.gap > 0 {
		c.problem("", StageOpen, "%v", cutf(CutUnlisted, "part %d of the split archive is missing: put all parts beside each other", s.gap))
	}
	whole := s.join()
	c.b.whole, c.b.Bytes = whole, whole.size
	in, f, err := s.list(whole)
	switch {
	case err != nil:
		return err
	case f == containerZip:
		return c.zipFile(ctx, in)
	case !c.archiveFile(f):
		return errors.New("its parts are not those of an archive that can be opened")
	}
	u := &unpacking{in: in, base: strings.TrimSuffix(c.b.Name, filepath.Ext(c.b.Name))}
	if s.parts[0].style == splitRAR {
		u.volumes = s
	}
	return c.containerFile(ctx, f, u)
}

// containerFile catalogues an upload that is an archive other than a zip.
func (c *catalogue) containerFile(ctx context.Context, f container, u *unpacking) error {
	whole := c.b.whole
	if _, err := whole.acquire(); err != nil { // it stays open as long as the bundle
		return plain(err)
	}
	c.b.held = true
	err := c.unpack(ctx, f, u)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && u.members == 0:
		return fmt.Errorf("the %s can't be read: %w", containers[f].name, err)
	case err != nil:
		c.problem("", stageOf(err), "the %s is read in part: %v", containers[f].name, err)
	case u.members == 0 && len(c.b.Problems) == 0:
		c.problem("", StageOpen, "the %s holds no file; ask for the upload again", containers[f].name)
	}
	return nil
}

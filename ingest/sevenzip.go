package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/bodgit/sevenzip"
)

// sevenZip lists the members of a 7z archive.
func (u *unpacking) sevenZip(ctx context.Context) error {
	shape, r, err := u.plainSevenZip(ctx)
	if err != nil || r == nil {
		return err
	}
	password, lockedBy := shape.password, error(nil)
	z, err := sevenzip.NewReaderWithPassword(r, r.size(), password)
	if err != nil {
		return sevenZipDamage(err)
	}
	if shape.locked() && !shape.lockedHeader {
		password, lockedBy = u.c.unlock(ctx, u.archive(), func(p string) bool { return shape.opens(ctx, r, p) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if lockedBy == nil {
			if z, err = sevenzip.NewReaderWithPassword(r, r.size(), password); err != nil {
				return sevenZipDamage(err)
			}
		}
	}
	for _, f := range z.File {
		if err := u.room(ctx); err != nil {
			return err
		}
		h := sevenZipHeader(f)
		switch {
		case u.special(h):
			continue
		case lockedBy != nil && f.UncompressedSize > 0 && shape.aes[f.Stream]:
			if err := u.lock(ctx, h, lockedBy); err != nil {
				return err
			}
			continue
		}
		m, err := f.Open()
		if err != nil {
			if err := u.lock(ctx, h, sevenZipDamage(err)); err != nil {
				return err
			}
			continue
		}
		err = u.unpacked(ctx, h, &checked{r: m, want: f.CRC32, size: int64(min(f.UncompressedSize, 1<<62))})
		_ = m.Close() // it was only read
		if err != nil {
			return err
		}
	}
	return nil
}

// opens tells whether a password opens the first encrypted member.
func (s *sevenZipShape) opens(ctx context.Context, r *overlay, password string) bool {
	z, err := sevenzip.NewReaderWithPassword(r, r.size(), password)
	if err != nil {
		return false
	}
	for _, f := range z.File {
		if f.UncompressedSize == 0 || f.FileInfo().IsDir() || !s.aes[f.Stream] {
			continue
		}
		m, err := f.Open()
		if err != nil {
			return false
		}
		defer m.Close() //nolint:errcheck // it was only read
		return trial(ctx, &checked{r: m, want: f.CRC32, size: int64(min(f.UncompressedSize, 1<<62))})
	}
	return true
}

// sevenZipDamage words an error of the library.
func sevenZipDamage(err error) error {
	text := err.Error()
	for _, prefix := range []string{"sevenzip: read error: ", "sevenzip: error seeking: ", "sevenzip: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return cutf(CutUnlisted, "cut short: its header, which stands at its end, is missing; ask for it again")
	case strings.Contains(text, "unsupported compression algorithm"):
		return errors.New("packed by a method that is not read; unpack it and pass the folder")
	}
	return fmt.Errorf("damaged: %s", text)
}

// sevenZipHeader returns what a 7z archive says of a member.
func sevenZipHeader(f *sevenzip.File) header {
	h := header{name: f.Name, size: int64(min(f.UncompressedSize, 1<<62)), modified: f.Modified.UTC(), utc: true}
	switch mode := f.Mode(); {
	case f.FileInfo().IsDir():
		h.mode = fs.ModeDir
	case mode&fs.ModeSymlink != 0:
		h.mode = fs.ModeSymlink
	case mode&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		h.mode = fs.ModeDevice
	case !mode.IsRegular():
		h.mode = fs.ModeNamedPipe
	}
	if h.modified.Year() <= 1601 { // a FILETIME of zero is no time
		h.modified = time.Time{}
	}
	return h
}

// checked compares a member's bytes with the CRC and the size that its archive states.
type checked struct {
	r    io.Reader
	want uint32 // 0 if the archive states none
	size int64
	sum  uint32
	n    int64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	c.n += int64(n)
	if errors.Is(err, io.EOF) {
		switch {
		case c.n < c.size:
			err = io.ErrUnexpectedEOF
		case c.want != 0 && c.want != c.sum:
			err = fmt.Errorf("its CRC is %08x, the archive says %08x", c.sum, c.want)
		}
	}
	return n, err
}

package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/nwaples/rardecode/v2"
)

// rar lists the members of a RAR archive, of version 4 or 5, whose volumes are joined.
func (u *unpacking) rar(ctx context.Context) error {
	var opts []rardecode.Option
	var lockedBy error
	if u.rarLocked(ctx) {
		var password string
		if password, lockedBy = u.c.unlock(ctx, u.archive(), func(p string) bool { return u.rarOpens(ctx, p) }); lockedBy == nil {
			opts = append(opts, rardecode.Password(password))
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := u.openRAR(opts...)
	if err == nil {
		defer r.Close() //nolint:errcheck // it was only read
	}
	for err == nil {
		if err := u.room(ctx); err != nil {
			return err
		}
		var f *rardecode.FileHeader
		if f, err = r.Next(); err != nil {
			break
		}
		h := rarHeader(f)
		switch {
		case u.special(h):
		case f.Encrypted && lockedBy != nil:
			if err := u.lock(ctx, h, lockedBy); err != nil {
				return err
			}
		default:
			if err := u.unpacked(ctx, h, rarMember{r.Reader}); err != nil {
				return err
			}
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case lockedBy != nil && (errors.Is(err, rardecode.ErrArchiveEncrypted) || errors.Is(err, rardecode.ErrBadPassword)):
		return lockedBy
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, fs.ErrNotExist):
		return cutf(CutUnlisted, "its next volume is missing: put all parts of the set beside each other")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, rardecode.ErrUnexpectedArcEnd):
		return cutf(CutUnlisted, "cut short behind member %d", u.members)
	}
	if errors.Is(err, rardecode.ErrDictionaryTooLarge) {
		return refusef(RefusedMemory, "its member %d asks for a dictionary of more than %d bytes; unpack it and pass the folder", u.members+1, maxDictionary)
	}
	return fmt.Errorf("damaged behind member %d: %s", u.members, strings.TrimPrefix(err.Error(), "rardecode: "))
}

// openRAR opens the archive from its start.
func (u *unpacking) openRAR(opts ...rardecode.Option) (*rarArchive, error) {
	opts = append(opts, rardecode.MaxDictionarySize(maxDictionary))
	if u.volumes != nil {
		r, err := rardecode.OpenReader(firstVolume, append(opts, rardecode.FileSystem(u.volumes.volumes()))...)
		if err != nil {
			return nil, err
		}
		return &rarArchive{&r.Reader, r}, nil
	}
	r, err := rardecode.NewReader(io.NewSectionReader(u.r, 0, u.in.size), opts...)
	if err != nil {
		return nil, err
	}
	return &rarArchive{r, io.NopCloser(nil)}, nil
}

// rarArchive is an open archive.
type rarArchive struct {
	*rardecode.Reader
	io.Closer
}

// rarLocked tells whether anything in the archive is encrypted. Only headers are read.
func (u *unpacking) rarLocked(ctx context.Context) (locked bool) {
	defer func() { _ = recover() }() // rar meets the same, and reports it
	r, err := u.openRAR()
	if err == nil {
		defer r.Close() //nolint:errcheck // it was only read
	}
	for n := 0; err == nil && n < u.c.limits.MaxFiles && ctx.Err() == nil; n++ {
		var f *rardecode.FileHeader
		if f, err = r.Next(); err == nil && f.Encrypted {
			return true
		}
	}
	return errors.Is(err, rardecode.ErrArchiveEncrypted)
}

// rarOpens tells whether a password opens the first encrypted member.
func (u *unpacking) rarOpens(ctx context.Context, password string) (opens bool) {
	defer func() { _ = recover() }() // a wrong password makes anything of the headers
	r, err := u.openRAR(rardecode.Password(password))
	if err == nil {
		defer r.Close() //nolint:errcheck // it was only read
	}
	for n := 0; err == nil && n < u.c.limits.MaxFiles && ctx.Err() == nil; n++ {
		var f *rardecode.FileHeader
		if f, err = r.Next(); err == nil && f.Encrypted && !f.IsDir {
			return trial(ctx, r)
		}
	}
	return errors.Is(err, io.EOF)
}

// rarMember words what is wrong with a member.
type rarMember struct{ r *rardecode.Reader }

func (m rarMember) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case errors.Is(err, rardecode.ErrBadFileChecksum):
		return n, errors.New("its checksum is wrong")
	case errors.Is(err, rardecode.ErrMultiVolume), errors.Is(err, fs.ErrNotExist):
		return n, errors.New("the next volume is missing: put all parts of the set beside each other")
	case errors.Is(err, rardecode.ErrShortFile), errors.Is(err, rardecode.ErrUnexpectedArcEnd):
		return n, io.ErrUnexpectedEOF
	}
	return n, errors.New(strings.TrimPrefix(err.Error(), "rardecode: "))
}

// rarHeader returns what a RAR archive says of a member. Its times are UTC in version 5 and local time in version 4.
func rarHeader(f *rardecode.FileHeader) header {
	h := header{name: f.Name, size: f.UnPackedSize, link: f.LinkTarget}
	if t := f.ModificationTime; !t.IsZero() {
		h.modified = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		if t.Location() != time.Local { //nolint:gosmopolitan // version 4 has no zone, which the library shows as the local one
			h.modified, h.utc = t.UTC(), true
		}
	}
	if f.UnKnownSize {
		h.size = -1
	}
	switch {
	case f.IsDir:
		h.mode = fs.ModeDir
	case f.LinkType == rardecode.LinkTypeHardLink || f.LinkType == rardecode.LinkTypeFileCopy:
		h.mode = fs.ModeIrregular
	case f.LinkType != rardecode.LinkTypeNone, f.Mode()&fs.ModeSymlink != 0:
		h.mode = fs.ModeSymlink
	}
	return h
}

package ingest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// tarBlock is the length of a tar header and of what data is padded to (POSIX.1-2017, pax, "ustar Interchange Format").
const tarBlock = 512

const (
	// maxBreaks is how often the reading of a damaged tar goes on behind the damage.
	maxBreaks = 20
	// tarSlack is how many bytes of a tar may belong to headers and padding beyond what its members are allowed: MaxFiles of them.
	tarSlack = 1 << 30
)

// gnuDumpDir is the type of a folder with the names in it, which GNU tar writes into incremental backups.
const gnuDumpDir = 'D'

// isTar tells whether head starts with a tar header of any generation: its checksum, an octal number at 148, is the sum of the block's bytes
// with blanks in its own place; old writers summed signed bytes.
func isTar(head []byte) bool {
	if len(head) < tarBlock || head[0] == 0 {
		return false
	}
	field := strings.Trim(string(head[148:156]), " \x00")
	want, err := strconv.ParseInt(field, 8, 32)
	if err != nil {
		return false
	}
	var unsigned, signed int64
	for i, b := range head[:tarBlock] {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed
}

// tar lists the members of a tar. Those of one that is not packed are read where they stand, but for sparse files.
func (u *unpacking) tar(ctx context.Context, r io.Reader, inPlace bool) error {
	tr := tar.NewReader(r)
	for breaks := 0; ; {
		if err := u.room(ctx); err != nil {
			return err
		}
		t, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tar.ErrInsecurePath): // names are cleaned here
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if breaks++; inPlace && breaks <= maxBreaks {
				if next := u.nextTarHeader(ctx, r.(*io.SectionReader)); next >= 0 {
					u.c.problem(u.within, StageOpen, "the tar archive is damaged behind its member %d; it is read on from the next header, at byte %d", u.members, next)
					tr = tar.NewReader(r)
					continue
				}
			}
			return tarDamage(u.members, err)
		}
		h := tarHeader(t)
		if u.special(h) {
			continue
		}
		if inPlace && !sparse(t) {
			off, serr := r.(io.Seeker).Seek(0, io.SeekCurrent)
			if serr != nil {
				return plain(serr)
			}
			if err := u.inPlace(ctx, h, off); err != nil {
				return err
			}
			continue
		}
		if err := u.unpacked(ctx, h, tr); err != nil {
			return err
		}
	}
}

// nextTarHeader seeks the next header of a damaged tar, at a block's border behind the place where the reader stands. It returns its place,
// and -1 if there is none.
func (u *unpacking) nextTarHeader(ctx context.Context, r *io.SectionReader) int64 {
	at, _ := r.Seek(0, io.SeekCurrent) // a position is known without an error
	at = (at + tarBlock - 1) / tarBlock * tarBlock
	buf := make([]byte, 256<<10)
	for ctx.Err() == nil {
		n, err := r.ReadAt(buf, at)
		for i := 0; i+tarBlock <= n; i += tarBlock {
			if string(buf[i+257:i+262]) == "ustar" && isTar(buf[i:n]) {
				at += int64(i)
				if _, err := r.Seek(at, io.SeekStart); err != nil {
					return -1
				}
				return at
			}
		}
		if err != nil {
			return -1
		}
		at += int64(n / tarBlock * tarBlock)
	}
	return -1
}

// tarDamage words what the tar reader met behind so many members.
func tarDamage(members int, err error) error {
	var limit *limitError
	switch {
	case errors.As(err, &limit):
		return limit
	case errors.Is(err, io.ErrUnexpectedEOF):
		return cutf(CutUnlisted, "cut short behind member %d", members)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("damaged: what follows member %d is no tar header", members)
	}
	return fmt.Errorf("damaged behind member %d: %w", members, plain(err))
}

// tarHeader returns what a tar says of a member.
func tarHeader(t *tar.Header) header {
	h := header{name: t.Name, size: t.Size, modified: t.ModTime.UTC(), utc: true, link: t.Linkname}
	if t.ModTime.Unix() == 0 { // not known
		h.modified = time.Time{}
	}
	switch t.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse, '\x00':
		if strings.HasSuffix(t.Name, "/") { // how tar wrote folders before POSIX
			h.mode = fs.ModeDir
		}
	case tar.TypeDir, gnuDumpDir:
		h.mode = fs.ModeDir
	case tar.TypeSymlink:
		h.mode = fs.ModeSymlink
	case tar.TypeLink:
		h.mode = fs.ModeIrregular
	case tar.TypeChar, tar.TypeBlock:
		h.mode = fs.ModeDevice
	default:
		h.mode = fs.ModeNamedPipe
	}
	if !utf8.ValidString(h.name) { // cp437 maps every byte, as for zips without the UTF-8 flag
		h.name, _ = decodeZipName(h.name, 0, nil)
	}
	h.name = strings.Clone(cutString(h.name, maxName+utf8.UTFMax))
	return h
}

// sparse tells whether the data of a member are not its bytes: GNU's old format, and the three of pax.
func sparse(t *tar.Header) bool {
	if t.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range t.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

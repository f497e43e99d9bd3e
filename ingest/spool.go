package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// memberInMemory is how many bytes of an unpacked member are kept in memory at most.
const memberInMemory = 4 << 20

// spoolFile holds what was unpacked and is too much for memory: one file for a bundle, one piece behind the other.
type spoolFile struct {
	whole content
	file  *os.File // open for writing as long as the catalogue is made
}

// spool unpacks one member. damage says why it is not whole; an error, which is that of ctx or of the temporary file, that there is none.
func (u *unpacking) spool(ctx context.Context, r io.Reader) (in *content, damage error, err error) {
	b := u.c.b
	if u.chunk == nil {
		u.chunk = make([]byte, chunkSize)
	}
	var mem bytes.Buffer
	start, size, onDisk := int64(0), int64(0), false
	for damage == nil {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		left, limit := u.left(size)
		chunk := u.chunk
		if int64(len(chunk)) > left {
			chunk = chunk[:left+1] // one more byte tells a member that is too long from one that just fits
		}
		n, rerr := r.Read(chunk)
		if int64(n) > left {
			n, rerr = int(left), limit
		}
		size += int64(n)
		u.produced += int64(n)
		b.spooled += int64(n)
		if !onDisk && (size > memberInMemory || b.memory+size > nestedInMemory) {
			if start, err = b.spoolStart(); err != nil {
				return nil, nil, noRoom(err)
			}
			onDisk = true
			if err := b.spoolWrite(mem.Bytes()); err != nil {
				return nil, nil, noRoom(err)
			}
			mem = bytes.Buffer{}
		}
		if !onDisk {
			mem.Write(chunk[:n])
		} else if err := b.spoolWrite(chunk[:n]); err != nil {
			return nil, nil, noRoom(err)
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		if rerr != nil {
			damage = partly(size, rerr)
		}
	}
	if onDisk {
		return &content{size: size, parent: &b.spool.whole, off: start}, damage, nil
	}
	b.memory += size
	return &content{size: size, mem: bytes.Clone(mem.Bytes())}, damage, nil
}

// left returns how many bytes a member of which size bytes are unpacked may still have, and the limit that says so.
func (u *unpacking) left(size int64) (int64, *limitError) {
	l, b := u.c.limits, u.c.b
	total, limit := totalLimit(l, b.Bytes, b.isArchive())
	left := total - b.produced - b.spooled
	if n := l.MaxMember - size; n < left {
		left, limit = n, memberLimit(l)
	}
	if n := max(ratioFrom, mulCapped(u.in.size, l.MaxRatio)) - u.produced; n < left {
		left, limit = n, &limitError{flag: "max-ratio", limit: fmt.Sprintf("%d bytes for each byte of an archive", l.MaxRatio)}
	}
	return max(0, left), limit
}

// partly words the error that ended a member after size bytes.
func partly(size int64, err error) error {
	if l := (*limitError)(nil); errors.As(err, &l) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cut short: its packed bytes end after %d bytes of it", size)
	}
	return fmt.Errorf("damaged after %d bytes: %w", size, plain(err))
}

// noRoom words an error of the temporary file.
func noRoom(err error) error {
	return fmt.Errorf("there is no room for a temporary copy: %w", plain(err))
}

// spoolStart returns the place in the bundle's spool at which the next piece begins.
func (b *Bundle) spoolStart() (int64, error) {
	if b.spool.file == nil {
		f, err := b.tempFile()
		if err != nil {
			return 0, err
		}
		name := f.Name()
		b.spool.file = f
		b.spool.whole.open = func() (*os.File, error) { return os.Open(name) }
	}
	return b.spool.whole.size, nil
}

// spoolWrite appends to the piece that was started.
func (b *Bundle) spoolWrite(p []byte) error {
	n, err := b.spool.file.Write(p)
	b.spool.whole.size += int64(n)
	return err
}

// spoolEnd ends the writing of the spool.
func (b *Bundle) spoolEnd() error {
	f := b.spool.file
	if f == nil {
		return nil
	}
	b.spool.file = nil
	return f.Close()
}

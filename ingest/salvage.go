package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// localHeaderLen is the length of a local file header without name and extra field.
const localHeaderLen = 30

const (
	localSignature      = "PK\x03\x04"
	descriptorSignature = "PK\x07\x08"
)

// zipDescriptor is the general purpose bit 3: the sizes follow the data (APPNOTE.TXT 4.4.4).
const zipDescriptor = 8

// salvageZip lists the members of a zip without its central directory, by following the local file headers from the start
// (APPNOTE.TXT 4.3.7):
//
//	signature 0x04034b50, version 2, flags 2, method 2, time 2, date 2, crc 4, compressed 4, uncompressed 4,
//	name length 2, extra length 2, name, extra, data
//
// A member whose sizes follow its data is inflated to find its end. Where no header follows, the next one is sought.
func salvageZip(ctx context.Context, in *content, r io.ReaderAt, limit int) ([]*zipEntry, error) {
	var list []*zipEntry
	for at := int64(0); len(list) <= limit; {
		e, next := localHeader(in, r, at)
		if e == nil {
			at = nextHeader(ctx, r, at+1, in.size)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if at == in.size {
				break
			}
			continue
		}
		if e.flags&zipDescriptor != 0 && e.size == 0 {
			size, ok := descriptorSize(ctx, r, e, in.size)
			if !ok && e.stored() {
				size, ok = storedSize(ctx, r, e, in.size)
			}
			if !ok {
				size = nextHeader(ctx, r, e.off, in.size) - e.off
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			e.size, e.want, e.crc = size, -1, 0
			next = e.off + size
			if crc, want, known := descriptor(r, next, size); known {
				e.crc, e.want = crc, want
			}
			e.endless = !ok && e.stored()
		}
		list = append(list, e)
		if at = next; e.flags&zipDescriptor != 0 {
			at = afterDescriptor(r, at)
		}
	}
	return list, nil
}

// localHeader reads the local file header at a place and returns the entry and the place behind its data; nil if there is none.
func localHeader(in *content, r io.ReaderAt, at int64) (e *zipEntry, next int64) {
	le := binary.LittleEndian
	var header [localHeaderLen]byte
	if n, _ := r.ReadAt(header[:], at); n < localHeaderLen || string(header[:4]) != localSignature {
		return nil, 0
	}
	e = &zipEntry{
		in: in, flags: le.Uint16(header[6:]), method: le.Uint16(header[8:]), crc: le.Uint32(header[14:]),
		time: dosTime(le.Uint16(header[12:]), le.Uint16(header[10:])), clock: le.Uint16(header[10:]),
	}
	nameLen, extraLen := int64(le.Uint16(header[26:])), int64(le.Uint16(header[28:]))
	tail := make([]byte, nameLen+extraLen) // 128 KiB at most
	if n, _ := r.ReadAt(tail, at+localHeaderLen); n < len(tail) {
		return nil, 0
	}
	e.setName(string(tail[:nameLen]), tail[nameLen:])
	packed, unpacked := zip64Sizes(tail[nameLen:], uint64(le.Uint32(header[18:])), uint64(le.Uint32(header[22:])))
	e.off = at + localHeaderLen + nameLen + extraLen
	e.want = clampSize(unpacked)
	e.size = min(clampSize(packed), in.size-e.off)
	return e, e.off + e.size
}

// nextHeader returns the place of the next local header from a place on, or end. What may be a header by chance is refused: a known
// version of the format and a name must follow the signature.
func nextHeader(ctx context.Context, r io.ReaderAt, from, end int64) int64 {
	buf := make([]byte, 256<<10)
	for at := from; at < end && ctx.Err() == nil; {
		n, _ := r.ReadAt(buf, at)
		b := buf[:n]
		for i := 0; i+localHeaderLen <= len(b); i++ {
			j := bytes.Index(b[i:], []byte(localSignature))
			if j < 0 || i+j+localHeaderLen > len(b) {
				break
			}
			i += j
			nameLen := binary.LittleEndian.Uint16(b[i+26:])
			if b[i+4] <= 63 && b[i+9] == 0 && nameLen > 0 && nameLen <= maxName {
				return at + int64(i)
			}
		}
		if n <= localHeaderLen {
			break
		}
		at += int64(n - localHeaderLen)
	}
	return end
}

// zip64Sizes replaces the sizes that a zip64 extra field (APPNOTE.TXT 4.5.3) states.
func zip64Sizes(extra []byte, packed, unpacked uint64) (uint64, uint64) {
	const stated = 0xFFFFFFFF
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, size := le.Uint16(extra), int(le.Uint16(extra[2:]))
		extra = extra[4:]
		if size > len(extra) {
			break
		}
		field := extra[:size]
		extra = extra[size:]
		if id != 1 {
			continue
		}
		if unpacked == stated && len(field) >= 8 {
			unpacked, field = le.Uint64(field), field[8:]
		}
		if packed == stated && len(field) >= 8 {
			packed = le.Uint64(field)
		}
	}
	return packed, unpacked
}

// descriptorSize inflates a member to find how many packed bytes it has; false if they can't be told.
func descriptorSize(ctx context.Context, r io.ReaderAt, e *zipEntry, end int64) (int64, bool) {
	if e.method != zipDeflate || e.flags&zipEncrypted != 0 {
		return 0, false
	}
	section := io.NewSectionReader(r, e.off, end-e.off)
	buf := bufio.NewReaderSize(section, 64<<10)
	f := flate.NewReader(buf)
	defer f.Close() //nolint:errcheck // nothing is written
	scratch := make([]byte, 64<<10)
	for {
		if ctx.Err() != nil {
			return 0, false
		}
		_, err := f.Read(scratch)
		if errors.Is(err, io.EOF) {
			at, _ := section.Seek(0, io.SeekCurrent) // a position is known without an error
			return at - int64(buf.Buffered()), true
		}
		if err != nil {
			return 0, false
		}
	}
}

// storedSize seeks the data descriptor of a member that is not packed: the signature, and the size that lies between it and the data. What else
// the data hold, such as the headers of an archive, does not have both.
func storedSize(ctx context.Context, r io.ReaderAt, e *zipEntry, end int64) (int64, bool) {
	const length = 16
	buf := make([]byte, 256<<10)
	for at := e.off; at < end && ctx.Err() == nil; {
		n, _ := r.ReadAt(buf, at)
		b := buf[:n]
		for i := 0; i+length <= len(b); i++ {
			j := bytes.Index(b[i:], []byte(descriptorSignature))
			if j < 0 {
				break
			}
			i += j
			size := at + int64(i) - e.off
			if _, _, ok := descriptor(r, e.off+size, size); ok {
				return size, true
			}
		}
		if n <= length {
			break
		}
		at += int64(n - length)
	}
	return 0, false
}

// descriptor reads the data descriptor (APPNOTE.TXT 4.3.9) at a place, if it is that of a member of so many packed bytes: an optional signature, the
// CRC, and the packed and the unpacked size of 4 or 8 bytes.
func descriptor(r io.ReaderAt, at, size int64) (crc uint32, want int64, ok bool) {
	le := binary.LittleEndian
	var buf [24]byte
	n, _ := r.ReadAt(buf[:], at) // what is missing is no descriptor
	b := buf[:n]
	if bytes.HasPrefix(b, []byte(descriptorSignature)) {
		b = b[4:]
	}
	switch {
	case len(b) >= 20 && le.Uint64(b[4:]) == uint64(size): //nolint:gosec // a size is not negative
		return le.Uint32(b), clampSize(le.Uint64(b[12:])), true
	case len(b) >= 12 && int64(le.Uint32(b[4:])) == size:
		return le.Uint32(b), int64(le.Uint32(b[8:])), true
	}
	return 0, 0, false
}

// afterDescriptor returns where the next header is sought behind a data descriptor (APPNOTE.TXT 4.3.9): an optional signature, the CRC and
// two sizes of 4 or 8 bytes.
func afterDescriptor(r io.ReaderAt, at int64) int64 {
	var b [28]byte
	n, _ := r.ReadAt(b[:], at)
	for _, skip := range []int{16, 12, 24, 20, 0} {
		if skip+4 <= n && strings.HasPrefix(string(b[skip:]), localSignature) {
			return at + int64(skip)
		}
	}
	return at + 16
}

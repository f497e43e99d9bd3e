package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
)

// localHeaderLen is the length of a local file header without name and extra field.
const localHeaderLen = 30

// salvageZip lists the members of a zip without its central directory, by following the local file headers from the start
// (APPNOTE.TXT 4.3.7):
//
//	signature 0x04034b50, version 2, flags 2, method 2, time 2, date 2, crc 4, compressed 4, uncompressed 4,
//	name length 2, extra length 2, name, extra, data
//
// A member whose sizes follow its data is inflated to find its end. The list ends at the first place that is no header.
func salvageZip(ctx context.Context, in *content, r io.ReaderAt, limit int) ([]*zipEntry, error) {
	var list []*zipEntry
	var header [localHeaderLen]byte
	le := binary.LittleEndian
	for at := int64(0); len(list) <= limit; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n, _ := r.ReadAt(header[:], at); n < localHeaderLen || le.Uint32(header[:]) != 0x04034b50 {
			break // also at the end of the file
		}
		e := &zipEntry{
			in: in, flags: le.Uint16(header[6:]), method: le.Uint16(header[8:]), crc: le.Uint32(header[14:]),
			time: dosTime(le.Uint16(header[12:]), le.Uint16(header[10:])),
		}
		packed, unpacked := uint64(le.Uint32(header[18:])), uint64(le.Uint32(header[22:]))
		nameLen, extraLen := int64(le.Uint16(header[26:])), int64(le.Uint16(header[28:]))
		tail := make([]byte, nameLen+extraLen)
		if n, _ := r.ReadAt(tail, at+localHeaderLen); n < len(tail) {
			break
		}
		e.setName(string(tail[:nameLen]), tail[nameLen:])
		packed, unpacked = zip64Sizes(tail[nameLen:], packed, unpacked)
		e.off = at + localHeaderLen + nameLen + extraLen
		e.size, e.want = clampSize(packed), clampSize(unpacked)
		if e.flags&8 != 0 && packed == 0 {
			size, ok := descriptorSize(ctx, r, e, in.size)
			e.size, e.want, e.crc = size, -1, 0
			if !ok {
				e.size = in.size - e.off
			}
		}
		e.size = max(0, min(e.size, in.size-e.off))
		list = append(list, e)
		at = e.off + e.size
		if e.flags&8 != 0 {
			at = afterDescriptor(r, at)
		}
	}
	return list, nil
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

// afterDescriptor returns where the next header is sought behind a data descriptor (APPNOTE.TXT 4.3.9): an optional signature, the CRC and
// two sizes of 4 or 8 bytes.
func afterDescriptor(r io.ReaderAt, at int64) int64 {
	var b [28]byte
	n, _ := r.ReadAt(b[:], at)
	for _, skip := range []int{16, 12, 24, 20, 0} {
		if skip+4 <= n && strings.HasPrefix(string(b[skip:]), "PK\x03\x04") {
			return at + int64(skip)
		}
	}
	return at + 16
}

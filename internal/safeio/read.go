package safeio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// ErrLimit says that more bytes came than the caller allows.
var ErrLimit = errors.New("limit reached")

// ReadAll reads r to its end, at most limit bytes. Where r holds more it returns the first limit bytes with [ErrLimit]; an
// error of r is returned with what was read before it. The buffer grows with what really comes, never from a declared size.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	limit = max(limit, 0)
	var buf bytes.Buffer
	_, err := buf.ReadFrom(io.LimitReader(r, limit))
	if err != nil || int64(buf.Len()) < limit {
		return buf.Bytes(), err
	}
	var one [1]byte
	switch _, err = io.ReadFull(r, one[:]); {
	case err == nil:
		return buf.Bytes(), ErrLimit
	case errors.Is(err, io.EOF):
		return buf.Bytes(), nil
	default:
		return buf.Bytes(), err
	}
}

// Slice returns the n bytes of b at off, and false if b does not hold all of them.
func Slice(b []byte, off, n int64) ([]byte, bool) {
	if off < 0 || n < 0 || off > int64(len(b)) || n > int64(len(b))-off {
		return nil, false
	}
	return b[off : off+n : off+n], true
}

// U16 returns the little-endian number at off, and false if b does not reach that far.
func U16(b []byte, off int) (uint16, bool) {
	if off < 0 || off > len(b)-2 {
		return 0, false
	}
	return binary.LittleEndian.Uint16(b[off:]), true
}

// U32 returns the little-endian number at off, and false if b does not reach that far.
func U32(b []byte, off int) (uint32, bool) {
	if off < 0 || off > len(b)-4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b[off:]), true
}

// U64 returns the little-endian number at off, and false if b does not reach that far.
func U64(b []byte, off int) (uint64, bool) {
	if off < 0 || off > len(b)-8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[off:]), true
}

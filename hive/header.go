package hive

import (
	"encoding/binary"
	"time"

	"casebook/internal/safeio"
)

// Header is what a hive file's base block says, right or wrong; File holds it as it is, whatever logs were replayed.
type Header struct {
	Primary, Secondary uint32    // sequence numbers
	LastWritten        time.Time // UTC; Windows 8.1 and later do not keep it up to date
	Major, Minor       uint32    // version of the format
	Root               int64     // where in the file the root key should be
	Bins               int64     // how many bytes of bins there should be
	Name               string    // the end of the path that the hive had, as far as it has room
	Checksum           uint32    // as stored
	ChecksumOK         bool
}

// Header returns the base block of a hive file; false for a text.
func (h *Hive) Header() (Header, bool) {
	b := h.file
	if len(b) < baseBlockSize {
		return Header{}, false
	}
	le := binary.LittleEndian
	base := readBase(b)
	return Header{
		Primary: base.primary, Secondary: base.secondary, LastWritten: safeio.Filetime(base.written),
		Major: le.Uint32(b[20:]), Minor: le.Uint32(b[24:]), Root: baseBlockSize + int64(le.Uint32(b[36:])), Bins: int64(base.bins),
		Name: base.name, Checksum: le.Uint32(b[checksumAt:]), ChecksumOK: le.Uint32(b[checksumAt:]) == checksum(b),
	}, true
}

package eventlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"casebook/internal/safeio"
)

// An .evt file is a header and records, in a ring:
//
//	header  length 48, "LfLe", major 4, minor 4, first record's offset 4, end's offset 4, next number 4, oldest number 4, size of the file 4, flags 4, retention 4, length 48
//	record  length 4, "LfLe", number 4, generated 4, written 4 (seconds since 1970, UTC), event ID 4, type 2, strings 2, category 2, 2 reserved, 4 reserved,
//	        strings' offset 4, SID's length 4, SID's offset 4, data's length 4, data's offset 4, source, computer, SID, strings, data, padding, length 4
//
// A record that reaches the end of the file goes on behind the header. A log that was copied while Windows wrote to it has a stale header, so that records are found by their signature and told by their two lengths.
//
// The text is what Event Viewer of Windows Vista and later makes of such a file, without the channel, which the file does not name.

const (
	evtHeader     = 48
	evtRecord     = 56 // bytes of a record without its strings
	evtEnd        = 40 // bytes of what marks the end of the ring
	maxEVTRecord  = 1 << 20
	evtPiece      = 1 << 20 // bytes that are searched at a time
	maxEVTRecords = 4 << 20 // records of one file, whole or damaged, of which the places are held
)

type evt struct {
	r       io.ReaderAt
	size    int64
	records []evtAt // in the order of their numbers
	now     int
	buf     []byte
	x       renderer
	losses
}

// evtAt is where a record lies.
type evtAt struct {
	at     int64
	length uint32
	number uint32
}

func openEVT(r io.ReaderAt, size int64) (*evt, error) {
	e := &evt{r: r, size: size}
	buf := make([]byte, evtPiece+8)
	next := int64(evtHeader) // where no record begins before
	for at := int64(evtHeader); at < size; at += evtPiece {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		for i := 0; ; {
			j := bytes.Index(buf[i:n], []byte(evtMagic))
			if j < 0 || i+j > evtPiece+4 {
				break
			}
			start := at + int64(i+j) - 4
			i += j + 4
			if start < next || start%4 != 0 {
				continue
			}
			rec, err := e.candidate(start)
			switch {
			case rec.length == evtEnd: // the end's last four bytes lie over the first of a record that was given up
			case len(e.records)+e.places == maxEVTRecords:
				return nil, fmt.Errorf("it has more than %d records", maxEVTRecords)
			case err != nil:
				e.place(start, err)
			default:
				e.records = append(e.records, rec)
				next = start + int64(rec.length)
			}
		}
	}
	slices.SortStableFunc(e.records, func(a, b evtAt) int { return cmp.Compare(a.number, b.number) })
	return e, nil
}

// candidate looks at what lies at a place like a record.
func (e *evt) candidate(at int64) (evtAt, error) {
	var head [12]byte
	if err := e.read(head[:], at); err != nil {
		return evtAt{}, err
	}
	le := binary.LittleEndian
	rec := evtAt{at, le.Uint32(head[:]), le.Uint32(head[8:])}
	if rec.length < evtRecord+4 || rec.length > maxEVTRecord || rec.length%4 != 0 {
		return rec, fmt.Errorf("a record says that it has %d bytes", rec.length)
	}
	var tail [4]byte
	if err := e.read(tail[:], at+int64(rec.length)-4); err != nil {
		return rec, err
	}
	if le.Uint32(tail[:]) != rec.length {
		return rec, fmt.Errorf("record %d of %d bytes does not end as it begins", rec.number, rec.length)
	}
	return rec, nil
}

// read reads all of b from a place of the ring.
func (e *evt) read(b []byte, at int64) error {
	if at >= e.size {
		at += evtHeader - e.size
	}
	n := min(int64(len(b)), e.size-at)
	if n < 0 || int64(len(b))-n > e.size-evtHeader {
		return errors.New("a record is longer than the file")
	}
	if _, err := e.r.ReadAt(b[:n], at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := e.r.ReadAt(b[n:], evtHeader); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (e *evt) damage() error { return e.err() }

// next renders some records.
func (e *evt) next() ([]byte, error) {
	e.x.out = e.x.out[:0]
	for ; e.now < len(e.records) && len(e.x.out) < pieceSize; e.now++ {
		rec := e.records[e.now]
		if e.buf = slices.Grow(e.buf[:0], int(rec.length))[:rec.length]; e.read(e.buf, rec.at) != nil {
			continue // it was read before
		}
		mark := len(e.x.out)
		if err := e.x.record(e.buf); err != nil {
			e.x.out = e.x.out[:mark]
			e.place(rec.at, fmt.Errorf("record %d: %w", rec.number, err))
		}
	}
	if len(e.x.out) == 0 {
		return nil, io.EOF
	}
	return e.x.out, nil
}

// record writes a record of an .evt file.
func (x *renderer) record(b []byte) error {
	le := binary.LittleEndian
	u32 := func(off int) uint32 { return le.Uint32(b[off:]) }
	body := b[:len(b)-4]
	source, off, ok := zeroed(body, evtRecord)
	if !ok {
		return errors.New("its source has no end")
	}
	computer, _, ok := zeroed(body, off)
	if !ok {
		return errors.New("its computer has no end")
	}
	level, keywords := evtLevel(le.Uint16(b[24:]))
	id := u32(20)
	x.out = append(x.out, "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='"...)
	x.out = append(appendText(x.out, source, true), "'/><EventID Qualifiers='"...)
	x.uint(uint64(id >> 16))
	x.out = append(x.out, "'>"...)
	x.uint(uint64(id & 0xFFFF))
	x.out = fmt.Appendf(x.out, "</EventID><Level>%d</Level><Task>%d</Task><Keywords>%#x</Keywords><TimeCreated SystemTime='", level, le.Uint16(b[28:]), keywords)
	x.out = time.Unix(int64(u32(12)), 0).UTC().AppendFormat(x.out, "2006-01-02T15:04:05.0000000Z")
	x.out = append(x.out, "'/><EventRecordID>"...)
	x.uint(uint64(u32(8)))
	x.out = append(x.out, "</EventRecordID><Computer>"...)
	x.out = append(appendText(x.out, computer, false), "</Computer><Security"...)
	if sid, ok := safeio.Slice(body, int64(u32(44)), int64(u32(40))); ok && len(sid) > 0 {
		x.out = append(x.out, " UserID='"...)
		x.sid(sid)
		x.out = append(x.out, '\'')
	}
	x.out = append(x.out, "/></System><EventData>"...)
	at := int(min(u32(36), maxEVTRecord))
	for range le.Uint16(b[26:]) {
		s, next, ok := zeroed(body, at)
		if !ok {
			return errors.New("its strings have no end")
		}
		x.out = append(appendText(append(x.out, "<Data>"...), s, false), "</Data>"...)
		at = next
	}
	data, ok := safeio.Slice(body, int64(u32(52)), int64(u32(48)))
	if !ok && u32(48) > 0 {
		return errors.New("its data lies outside of it")
	}
	if len(data) > 0 {
		x.out = append(x.out, "<Binary>"...)
		x.hex(data)
		x.out = append(x.out, "</Binary>"...)
	}
	x.out = append(x.out, "</EventData></Event>\n"...)
	return nil
}

// zeroed returns the UTF-16 string at off up to its zero, and where the next one begins.
func zeroed(b []byte, off int) (s []byte, next int, ok bool) {
	if off < 0 || off > len(b) {
		return nil, off, false
	}
	n, skip := stringLen(b[off:], true)
	return b[off : off+n], off + n + skip, skip > 0
}

// evtLevel returns level and keywords of a type of events.
func evtLevel(typ uint16) (level int, keywords uint64) {
	const classic, success, failure = 1 << 55, 1 << 53, 1 << 52
	switch typ {
	case 1:
		return 2, classic
	case 2:
		return 3, classic
	case 8:
		return 0, classic | success
	case 16:
		return 0, classic | failure
	}
	return 4, classic
}

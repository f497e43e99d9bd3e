package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"casebook/ingest"
)

// A block ends at the record that reaches one of these. Larger blocks make the index and the records smaller and a hit dearer to
// read. Of 90 MB of CCM, SMS and Installer logs, blocks of 256 records made an index of 13.7 % and of 1,024 one of 11.9 %, and frames of
// 64 KiB took 15.5 % and of 256 KiB 13.7 % (zstd's fastest level, text alone); reading one takes about half a millisecond.
const (
	blockRecords = 1024
	blockBytes   = 256 << 10
)

// maxBlock bounds the bytes of a block. A block ends with the record that makes it full, and a record is little longer than
// [ingest.MaxRecord].
const maxBlock = 16 * ingest.MaxRecord

// The classes of blocks.
const (
	classLog      = 0 // records of a text artifact
	classRegistry = 1 // registry values
)

var errBlock = errors.New("the block's fields do not fit its bytes")

// entry is what the file "blocks" says of a block: where it is, and what a query can be refused by without reading it.
type entry struct {
	Offset   int64  // of the zstd frame in the file "records"
	Size     uint32 // of the frame
	Raw      uint32 // of the block, inflated
	Records  uint32
	Line     uint32 // of the first record
	First    int64  // earliest record time in microseconds, UTC where known, else by the log's clock; MaxInt64 if no record has one
	Last     int64  // latest such time; MinInt64 if no record has one
	Artifact uint32
	Severity uint8 // bit s is set if a record has severity s
	Class    uint8
	Timeless uint8 // 1 if a record has no time
	_        uint8
}

// entrySize is the length of an entry in the file: its fields in order, little-endian.
const entrySize = 48

func (e *entry) put(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Offset)) //nolint:gosec // not negative
	b = binary.LittleEndian.AppendUint32(b, e.Size)
	b = binary.LittleEndian.AppendUint32(b, e.Raw)
	b = binary.LittleEndian.AppendUint32(b, e.Records)
	b = binary.LittleEndian.AppendUint32(b, e.Line)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.First)) //nolint:gosec // two's complement
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Last))  //nolint:gosec // two's complement
	b = binary.LittleEndian.AppendUint32(b, e.Artifact)
	return append(b, e.Severity, e.Class, e.Timeless, 0)
}

func (e *entry) get(b []byte) {
	e.Offset = int64(binary.LittleEndian.Uint64(b)) //nolint:gosec // checked by its reader
	e.Size = binary.LittleEndian.Uint32(b[8:])
	e.Raw = binary.LittleEndian.Uint32(b[12:])
	e.Records = binary.LittleEndian.Uint32(b[16:])
	e.Line = binary.LittleEndian.Uint32(b[20:])
	e.First = int64(binary.LittleEndian.Uint64(b[24:])) //nolint:gosec // two's complement
	e.Last = int64(binary.LittleEndian.Uint64(b[32:]))  //nolint:gosec // two's complement
	e.Artifact = binary.LittleEndian.Uint32(b[40:])
	e.Severity, e.Class, e.Timeless = b[44], b[45], b[46]
}

// record is a record of a block, as it is read back. Its slices point into the block.
type record struct {
	Line, Lines int
	Raw         []byte
	Text        []byte // what is searched: the message, or a registry value as one text
	Component   []byte // of a registry value its type
	Key, Name   int    // lengths in Text of a registry value's key and name
	Thread      uint64
	Time        ingest.Time
	Severity    ingest.Severity
}

// The columns of a block: a field of all records stands together, which compresses far better than record by record.
const (
	colFlags     = iota // byte: severity in bits 0-1, zone in bits 2-3
	colGap              // uvarint: lines between the end of the record before and this one; of the first its line
	colLines            // uvarint: how many lines it has
	colHead             // uvarint: bytes of the raw text before the text that is searched
	colText             // uvarint: bytes of the text
	colTail             // uvarint: bytes of the raw text behind it
	colComponent        // uvarint: number of the component plus one, 0 for none
	colThread           // uvarint
	colKey              // uvarint: bytes of the registry key (class registry only)
	colName             // uvarint: bytes of the registry value's name (class registry only)
	colWall             // uvarint: unit in microseconds; then varint: units from the time of the record with a time before (if the zone is not none)
	colBias             // varint: bias, or the claim of a time whose zone is unknown (if the zone is not none)
	columns
)

// blockBuilder collects the records of one artifact. The block's bytes are
//
//	uvarint number of components, then each as uvarint length and bytes
//	the columns, each as uvarint length and bytes
//	the texts of all records
//	the heads and tails of all records
type blockBuilder struct {
	class      uint8
	columns    [columns][]byte
	texts      []byte
	around     []byte // what stands before and behind the texts
	components map[string]int
	names      [][]byte // the components in order
	entry      entry
	line       int     // after the last record
	walls      []int64 // the differences of colWall in microseconds
	wall       int64   // of the last record with a time
	out        []byte
}

func (b *blockBuilder) reset() {
	for i := range b.columns {
		b.columns[i] = b.columns[i][:0]
	}
	b.texts, b.around, b.names = b.texts[:0], b.around[:0], b.names[:0]
	clear(b.components)
	b.entry = entry{First: math.MaxInt64, Last: math.MinInt64, Class: b.class}
	b.line, b.wall, b.walls = 0, 0, b.walls[:0]
}

func (b *blockBuilder) full() bool {
	return b.entry.Records >= blockRecords || len(b.texts)+len(b.around) >= blockBytes
}

// add takes a record of which text is the part that is searched. key and name are lengths within it.
func (b *blockBuilder) add(r *ingest.Record, text []byte, key, name int) {
	off := bytes.Index(r.Raw, text)
	raw := r.Raw
	if off < 0 { // no part of it: what can't be quoted is not searched
		off, text = 0, raw
	}
	e := &b.entry
	if e.Records == 0 {
		e.Line = uint32(min(r.Line, math.MaxUint32)) //nolint:gosec // clamped
	}
	e.Records++
	e.Severity |= 1 << (r.Severity & 3)
	b.columns[colFlags] = append(b.columns[colFlags], byte(r.Severity&3)|byte(r.Time.Zone&3)<<2)
	b.put(colGap, max(0, r.Line-b.line))
	b.put(colLines, max(0, r.Lines))
	b.line = max(b.line, r.Line) + max(0, r.Lines)
	b.put(colHead, off)
	b.put(colText, len(text))
	b.put(colTail, len(raw)-off-len(text))
	b.put(colComponent, b.component(r.Component))
	b.columns[colThread] = binary.AppendUvarint(b.columns[colThread], r.Thread)
	if b.class == classRegistry {
		b.put(colKey, key)
		b.put(colName, name)
	}
	if r.Time.Zone == ingest.ZoneNone {
		e.Timeless = 1
	} else {
		b.walls = append(b.walls, r.Time.Wall-b.wall)
		b.columns[colBias] = binary.AppendVarint(b.columns[colBias], int64(r.Time.Bias+r.Time.Claim)) // one of them is 0
		b.wall = r.Time.Wall
		e.First = min(e.First, micros(r.Time))
		e.Last = max(e.Last, micros(r.Time))
	}
	b.texts = append(b.texts, text...)
	b.around = append(append(b.around, raw[:off]...), raw[off+len(text):]...)
}

// put appends a number that is not negative to a column.
func (b *blockBuilder) put(column, v int) {
	b.columns[column] = binary.AppendUvarint(b.columns[column], uint64(v)) //nolint:gosec // not negative
}

// component returns the number of a component in the block, from 1; 0 for none.
func (b *blockBuilder) component(c []byte) int {
	if c == nil {
		return 0
	}
	if n, ok := b.components[string(c)]; ok {
		return n
	}
	b.names = append(b.names, bytes.Clone(c))
	b.components[string(c)] = len(b.names)
	return len(b.names)
}

// bytes returns the block. It is valid until the next call.
func (b *blockBuilder) bytes() []byte {
	// Most clocks count milliseconds or seconds, which takes a byte less and compresses better.
	unit := int64(1e6)
	for _, d := range b.walls {
		for d%unit != 0 {
			unit /= 1000
		}
	}
	b.columns[colWall] = binary.AppendUvarint(b.columns[colWall][:0], uint64(unit))
	for _, d := range b.walls {
		b.columns[colWall] = binary.AppendVarint(b.columns[colWall], d/unit)
	}
	b.out = binary.AppendUvarint(b.out[:0], uint64(len(b.names)))
	for _, c := range b.names {
		b.out = binary.AppendUvarint(b.out, uint64(len(c)))
		b.out = append(b.out, c...)
	}
	for _, c := range b.columns {
		b.out = binary.AppendUvarint(b.out, uint64(len(c)))
		b.out = append(b.out, c...)
	}
	b.out = append(b.out, b.texts...)
	return append(b.out, b.around...)
}

// micros is the time by which records are compared: UTC where the offset is known, else the log's own clock.
func micros(t ingest.Time) int64 { return t.Wall + int64(t.Bias)*60e6 }

// cursor reads the fields of a block; after the first field that does not fit, all are 0 and bad is set.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}

// length reads a count of bytes of which at most limit exist.
func (c *cursor) length(limit int) int {
	v := c.uvarint()
	if v > uint64(limit) { //nolint:gosec // not negative
		c.bad = true
		return 0
	}
	return int(v) //nolint:gosec // within limit
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad = true
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// span are the lengths of a record's text and of what stands around it.
type span struct{ head, text, tail int }

// readBlock reads the records of block b, of which e tells. They point into b and mem.
func readBlock(b []byte, e *entry, mem *scratch) ([]record, error) {
	bad := fmt.Errorf("%d bytes, %d records: %w", len(b), e.Records, errBlock)
	c := cursor{b: b}
	var names [][]byte
	for n := c.length(len(b)); n > 0 && !c.bad; n-- {
		names = append(names, c.take(c.length(len(b))))
	}
	var col [columns]cursor
	for i := range col {
		col[i].b = c.take(c.length(len(b)))
	}
	// A record has a byte of flags, so that the number of records is one that the block can hold.
	if c.bad || len(col[colFlags].b) != int(e.Records) {
		return nil, bad
	}
	var line int
	var wall int64
	unit := int64(col[colWall].length(1e6))
	mem.records = slices.Grow(mem.records[:0], int(e.Records))[:e.Records]
	mem.spans = slices.Grow(mem.spans[:0], int(e.Records))[:e.Records]
	rs, spans := mem.records, mem.spans
	clear(rs)
	texts, total := 0, 0
	for i := range rs {
		r := &rs[i]
		flags := col[colFlags].take(1)[0]
		r.Severity, r.Time.Zone = ingest.Severity(flags&3), ingest.Zone(flags>>2&3)
		r.Line = line + col[colGap].length(math.MaxInt32)
		r.Lines = col[colLines].length(math.MaxInt32)
		line = r.Line + r.Lines
		s := span{col[colHead].length(len(b)), col[colText].length(len(b)), col[colTail].length(len(b))}
		spans[i] = s
		texts += s.text
		total += s.head + s.text + s.tail
		if n := col[colComponent].length(len(names)); n > 0 {
			r.Component = names[n-1]
		}
		r.Thread = col[colThread].uvarint()
		if e.Class == classRegistry {
			r.Key, r.Name = col[colKey].length(s.text), col[colName].length(s.text)
			if r.Key+r.Name > s.text {
				return nil, bad
			}
		}
		if r.Time.Zone != ingest.ZoneNone {
			wall += unit * col[colWall].varint()
			bias := int16(max(-1440, min(1440, col[colBias].varint())))
			if r.Time.Wall = wall; r.Time.Zone == ingest.ZoneUnknown {
				r.Time.Claim = bias
			} else {
				r.Time.Bias = bias
			}
		}
	}
	for i := range col {
		if col[i].bad || len(col[i].b) > 0 {
			return nil, bad
		}
	}
	if total != len(c.b) {
		return nil, bad
	}
	text, around := cursor{b: c.take(texts)}, cursor{b: c.b}
	raw := slices.Grow(mem.raw[:0], total)
	mem.raw = raw
	for i, s := range spans {
		from := len(raw)
		raw = append(raw, around.take(s.head)...)
		raw = append(raw, text.take(s.text)...)
		raw = append(raw, around.take(s.tail)...)
		rs[i].Raw = raw[from:len(raw):len(raw)]
		rs[i].Text = rs[i].Raw[s.head : s.head+s.text]
	}
	return rs, nil
}

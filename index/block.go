package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"casebook/ingest"
)

// A block ends at the record that reaches one of these. Larger blocks make the index smaller and a hit dearer to read.
const (
	blockRecords = 256
	blockBytes   = 64 << 10
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

// blockBuilder collects the records of one artifact. The block's bytes are
//
//	uvarint number of components, then each as uvarint length and bytes
//	for each record:
//	  byte    severity in bits 0-1, zone in bits 2-3
//	  uvarint lines between the end of the record before and this one (of the first its line)
//	  uvarint lines
//	  uvarint length of the raw text
//	  uvarint offset, uvarint length of the text in it
//	  uvarint component plus one, 0 for none
//	  uvarint thread
//	  uvarint, uvarint lengths of key and name (class registry only)
//	  varint  wall time less that of the record before, varint bias (if the zone is not none)
//	the raw texts
type blockBuilder struct {
	class      uint8
	fields     []byte
	raw        []byte
	components map[string]int
	names      [][]byte // the components in order
	entry      entry
	line       int   // after the last record
	wall       int64 // of the last record with a time
	out        []byte
}

func (b *blockBuilder) reset() {
	b.fields, b.raw, b.names = b.fields[:0], b.raw[:0], b.names[:0]
	clear(b.components)
	b.entry = entry{First: math.MaxInt64, Last: math.MinInt64, Class: b.class}
	b.line, b.wall = 0, 0
}

func (b *blockBuilder) full() bool {
	return b.entry.Records >= blockRecords || len(b.raw) >= blockBytes
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
	b.fields = append(b.fields, byte(r.Severity&3)|byte(r.Time.Zone&3)<<2)
	b.fields = binary.AppendUvarint(b.fields, uint64(max(0, r.Line-b.line))) //nolint:gosec // not negative
	b.fields = binary.AppendUvarint(b.fields, uint64(max(0, r.Lines)))       //nolint:gosec // not negative
	b.line = max(b.line, r.Line) + max(0, r.Lines)
	b.fields = binary.AppendUvarint(b.fields, uint64(len(raw)))
	b.fields = binary.AppendUvarint(b.fields, uint64(off)) //nolint:gosec // not negative
	b.fields = binary.AppendUvarint(b.fields, uint64(len(text)))
	b.fields = binary.AppendUvarint(b.fields, uint64(b.component(r.Component))) //nolint:gosec // not negative
	b.fields = binary.AppendUvarint(b.fields, r.Thread)
	if b.class == classRegistry {
		b.fields = binary.AppendUvarint(b.fields, uint64(key))  //nolint:gosec // a length
		b.fields = binary.AppendUvarint(b.fields, uint64(name)) //nolint:gosec // a length
	}
	if r.Time.Zone == ingest.ZoneNone {
		e.Timeless = 1
	} else {
		b.fields = binary.AppendVarint(b.fields, r.Time.Wall-b.wall)
		b.fields = binary.AppendVarint(b.fields, int64(r.Time.Bias))
		b.wall = r.Time.Wall
		e.First = min(e.First, micros(r.Time))
		e.Last = max(e.Last, micros(r.Time))
	}
	b.raw = append(b.raw, raw...)
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
	b.out = binary.AppendUvarint(b.out[:0], uint64(len(b.names)))
	for _, c := range b.names {
		b.out = binary.AppendUvarint(b.out, uint64(len(c)))
		b.out = append(b.out, c...)
	}
	b.out = append(b.out, b.fields...)
	return append(b.out, b.raw...)
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

// readBlock takes the block b of which e tells apart. The records point into b.
func readBlock(b []byte, e *entry, into []record) ([]record, error) {
	c := cursor{b: b}
	names := make([][]byte, 0, 16)
	for n := c.length(len(b)); n > 0 && !c.bad; n-- {
		names = append(names, c.take(c.length(len(b))))
	}
	var line, total int
	var wall int64
	rs := into[:0]
	spans := make([][3]int, 0, blockRecords) // raw length, text offset, text length
	for i := uint32(0); i < e.Records && !c.bad; i++ {
		flags := c.take(1)
		if c.bad {
			break
		}
		r := record{Severity: ingest.Severity(flags[0] & 3), Time: ingest.Time{Zone: ingest.Zone(flags[0] >> 2 & 3)}}
		r.Line = line + c.length(math.MaxInt32)
		r.Lines = c.length(math.MaxInt32)
		line = r.Line + r.Lines
		span := [3]int{c.length(len(b)), c.length(len(b)), c.length(len(b))}
		if span[1]+span[2] > span[0] {
			c.bad = true
		}
		if n := c.length(len(names)); n > 0 {
			r.Component = names[n-1]
		}
		r.Thread = c.uvarint()
		if e.Class == classRegistry {
			r.Key, r.Name = c.length(span[2]), c.length(span[2])
			if r.Key+r.Name > span[2] {
				c.bad = true
			}
		}
		if r.Time.Zone != ingest.ZoneNone {
			wall += c.varint()
			bias := c.varint()
			r.Time.Wall, r.Time.Bias = wall, int16(max(-1440, min(1440, bias))) //nolint:gosec // clamped
		}
		total += span[0]
		spans = append(spans, span)
		rs = append(rs, r)
	}
	if c.bad || total != len(c.b) {
		return nil, fmt.Errorf("%d bytes, %d records: %w", len(b), e.Records, errBlock)
	}
	for i := range rs {
		rs[i].Raw = c.take(spans[i][0])
		rs[i].Text = rs[i].Raw[spans[i][1] : spans[i][1]+spans[i][2]]
	}
	return rs, nil
}

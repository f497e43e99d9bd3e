package eventlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// An .evtx file is a header and chunks of 64 KiB, each with the names and templates that its own records refer to:
//
//	file header   "ElfFile\0", first chunk 8, last chunk 8, next record 8, header size 4, minor 2, major 2, block size 2, chunks 2, 76 reserved, flags 4, CRC-32 4
//	chunk         "ElfChnk\0", first number 8, last number 8, first record 8, last record 8, header size 4, last record's offset 4, free space's offset 4,
//	              CRC-32 of the records 4, 64 reserved, flags 4, CRC-32 of the header 4, 64 offsets of names 4, 32 offsets of templates 4, records
//	record        "**\0\0", size 4, record 8, FILETIME 8, BinXml, size 4
//
// Chunks are used in turn: in a log that has wrapped, the oldest lies behind the newest. A log that was copied while Windows wrote to it has a stale file header, so that chunks are found where they must lie, not by its count.

const (
	evtxBlock   = 4096
	chunkSize   = 64 << 10
	chunkHead   = 512
	recordHead  = 24
	recordMagic = "**\x00\x00"
	chunkMagic  = "ElfChnk\x00"
	pieceSize   = 1 << 20 // bytes of text that are made at a time, but for the last event
)

type evtx struct {
	r      io.ReaderAt
	chunks []chunkAt // in the order of their records
	buf    []byte
	x      renderer
	losses

	// The chunk at hand.
	b          []byte
	at         int64 // in the file
	off        int   // of the next record
	free       int   // where the free space begins, by the header
	first, end uint64
	last       uint64 // number of the record before, 0 if there is none
}

// chunkAt is where a chunk lies.
type chunkAt struct {
	at    int64
	first uint64 // number of its first record
}

func openEVTX(r io.ReaderAt, size int64) (*evtx, error) {
	e := &evtx{r: r, buf: make([]byte, chunkSize)}
	var head [evtxBlock]byte
	n, err := r.ReadAt(head[:min(size, evtxBlock)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < len(head) {
		return nil, fmt.Errorf("cut short: %d of the %d bytes of its header are there", n, evtxBlock)
	}
	at := int64(evtxBlock)
	if b := int64(binary.LittleEndian.Uint16(head[40:])); b >= chunkHead && b%chunkHead == 0 {
		at = b
	}
	for ; at < size; at += chunkSize {
		var head [chunkHead + recordHead]byte
		n, err := r.ReadAt(head[:min(size-at, int64(len(head)))], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		b := head[:n]
		if len(bytes.Trim(b, "\x00")) == 0 {
			continue // not used yet
		}
		if len(b) < len(head) {
			e.piece(at, fmt.Errorf("the file ends after %d bytes of the chunk", n))
			continue
		}
		named, recorded := string(b[:8]) == chunkMagic, string(b[chunkHead:chunkHead+4]) == recordMagic
		switch {
		case !named && !recorded:
			e.piece(at, errors.New("neither the chunk nor its first record begins as it should"))
		case recorded:
			e.chunks = append(e.chunks, chunkAt{at, binary.LittleEndian.Uint64(b[chunkHead+8:])})
		case binary.LittleEndian.Uint32(b[48:]) <= chunkHead: // no record yet
		default:
			e.chunks = append(e.chunks, chunkAt{at, binary.LittleEndian.Uint64(b[24:])})
		}
	}
	slices.SortStableFunc(e.chunks, func(a, b chunkAt) int { return cmp.Compare(a.first, b.first) })
	return e, nil
}

func (e *evtx) damage() error { return e.err() }

// next renders the next records.
func (e *evtx) next() ([]byte, error) {
	e.x.out = e.x.out[:0]
	for len(e.x.out) < pieceSize {
		if e.b == nil {
			if len(e.chunks) == 0 {
				break
			}
			c := e.chunks[0]
			e.chunks = e.chunks[1:]
			n, err := e.r.ReadAt(e.buf, c.at)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			e.begin(e.buf[:n], c.at)
		}
		if !e.record() {
			e.b = nil
		}
	}
	if len(e.x.out) == 0 {
		return nil, io.EOF
	}
	return e.x.out, nil
}

// begin takes a chunk that lies at a byte of the file.
func (e *evtx) begin(b []byte, at int64) {
	le := binary.LittleEndian
	e.b, e.at, e.off, e.last = b, at, chunkHead, 0
	e.free = int(min(le.Uint32(b[48:]), chunkSize))
	e.first, e.end = le.Uint64(b[24:]), le.Uint64(b[32:])
	if why := chunkDamage(b, e.free); why != nil {
		e.piece(at, why)
	}
	e.x.begin(b)
}

// record renders the next record of the chunk at hand; false if there is none.
func (e *evtx) record() bool {
	b, off := e.b, e.off
	if off+recordHead > len(b) {
		return false
	}
	le := binary.LittleEndian
	size := int(min(le.Uint32(b[off+4:]), chunkSize))
	number := le.Uint64(b[off+8:])
	var why error
	switch {
	case off >= e.free && (string(b[off:off+4]) != recordMagic || number != e.last+1):
		// Behind the free space's beginning lies what is left of earlier records. Where the header is stale, the next ones do.
		return false
	case string(b[off:off+4]) != recordMagic:
		why = errors.New("no record begins where the one before ends")
	case size < recordHead+4 || off+size > len(b):
		why = fmt.Errorf("record %d has %d bytes, of which %d are there", number, le.Uint32(b[off+4:]), len(b)-off)
	}
	if why != nil {
		e.place(e.at+int64(off), why)
		e.off = nextRecord(b, off+4, e.free)
		return e.off >= 0
	}
	if err := e.x.event(off+recordHead, off+size-4); err != nil {
		e.place(e.at+int64(off), fmt.Errorf("record %d: %w", number, err))
	}
	// In a log that was copied while it changed, records of another chunk may lie between.
	if number == e.last+1 || number >= e.first && number <= e.end {
		e.last = number
	}
	e.off += size
	return true
}

// chunkDamage tells what is wrong with a chunk as a whole. A sum of zero is that of a writer who makes none.
func chunkDamage(b []byte, free int) error {
	if string(b[:8]) != chunkMagic {
		return errors.New("its header is overwritten")
	}
	if len(b) < chunkSize && len(b) < free {
		return fmt.Errorf("the file ends after %d bytes of the chunk", len(b))
	}
	le := binary.LittleEndian
	if sum := le.Uint32(b[124:]); sum != 0 && sum != crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:chunkHead]) {
		return errors.New("the checksum of its header is wrong: it is damaged, or was copied while Windows wrote to it")
	}
	if sum := le.Uint32(b[52:]); sum != 0 && free >= chunkHead && sum != crc32.ChecksumIEEE(b[chunkHead:free]) {
		return errors.New("the checksum of its records is wrong: it is damaged, or was copied while Windows wrote to it")
	}
	return nil
}

// nextRecord returns where the next whole record begins from off on and below end, -1 if none does.
func nextRecord(b []byte, off, end int) int {
	le := binary.LittleEndian
	for end = min(end, len(b)); off+recordHead+4 <= end; off++ {
		i := bytes.Index(b[off:end], []byte(recordMagic))
		if i < 0 || off+i+recordHead+4 > end {
			return -1
		}
		off += i
		size := int(min(le.Uint32(b[off+4:]), chunkSize))
		if size >= recordHead+4 && off+size <= len(b) && le.Uint32(b[off+size-4:]) == le.Uint32(b[off+4:]) {
			return off
		}
	}
	return -1
}

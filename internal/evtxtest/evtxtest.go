// Package evtxtest writes event logs, .evtx and .evt, for fixtures and tests.
package evtxtest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/internal/safeio"
)

// Event is one event.
type Event struct {
	Time     time.Time
	Level    uint8 // 1 critical to 5 verbose
	Provider string
	ID       uint16
	Computer string
	Names    []string // of the strings, for a provider of Windows Vista and later; nil for a classic one
	Strings  []string
	Binary   []byte // of a classic event
}

// levels are the names of levels in the text that [Parse] reads.
var levels = []string{"", "critical", "error", "warning", "information", "verbose"}

// Parse reads events from text, a line for each, whose parts a bar separates: time (RFC 3339), level, provider, ID, computer, and the strings. A string NAME=VALUE has a name; the
// last may be 0x and the event's binary data in hexadecimal. Empty lines and those that begin with # say nothing.
func Parse(text string) ([]Event, error) {
	var events []Event
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		if len(parts) < 5 {
			return nil, fmt.Errorf("line %d: an event has time, level, provider, ID and computer", n)
		}
		t, err := time.Parse(time.RFC3339Nano, parts[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		level := slices.Index(levels, parts[1])
		id, err := strconv.ParseUint(parts[3], 10, 16)
		if level < 1 || err != nil {
			return nil, fmt.Errorf("line %d: %q is no level, or %q no ID", n, parts[1], parts[3])
		}
		e := Event{Time: t, Level: uint8(level), Provider: parts[2], ID: uint16(id), Computer: parts[4]} //nolint:gosec // one of six
		for _, s := range parts[5:] {
			if digits, ok := strings.CutPrefix(s, "0x"); ok {
				if e.Binary, err = hex.DecodeString(digits); err != nil {
					return nil, fmt.Errorf("line %d: %w", n, err)
				}
				continue
			}
			if name, value, ok := strings.Cut(s, "="); ok {
				e.Names, s = append(e.Names, name), value
			}
			e.Strings = append(e.Strings, s)
		}
		if len(e.Names) > 0 && len(e.Names) != len(e.Strings) {
			return nil, fmt.Errorf("line %d: some strings have a name, others have none", n)
		}
		events = append(events, e)
	}
	return events, nil
}

var le = binary.LittleEndian

// Log writes an .evtx file; its records are numbered from 1. The error says that an event is larger than a chunk.
func Log(events ...Event) ([]byte, error) {
	var w Writer
	number := uint64(0)
	for i := range events {
		number++
		if err := w.Add(number, events[i].Time, func(x *XML) { x.Event(number, &events[i]) }); err != nil {
			return nil, fmt.Errorf("event %d: %w", number, err)
		}
	}
	return w.File(), nil
}

// The sizes of an .evtx file.
const (
	chunkSize  = 64 << 10
	chunkHead  = 512
	fileHead   = 4096
	recordHead = 24
)

// Writer makes an .evtx file of records whose XML the caller writes.
type Writer struct {
	chunks []*chunk
	next   uint64
}

type chunk struct {
	b           []byte
	first, last uint64
	record      int // where the last one begins
	names       map[string]int
	templates   map[uint32]int
}

// Add adds a record of that number. Where the chunk has no room for it, write is called again, for a chunk of its own.
func (w *Writer) Add(number uint64, written time.Time, write func(*XML)) error {
	for range 2 {
		if len(w.chunks) == 0 {
			w.begin(number)
		}
		c := w.chunks[len(w.chunks)-1]
		before := *c
		before.names, before.templates = maps.Clone(c.names), maps.Clone(c.templates)
		c.record, c.last = len(c.b), number
		c.b = le.AppendUint32(append(c.b, "**\x00\x00"...), 0)
		c.b = le.AppendUint64(le.AppendUint64(c.b, number), Filetime(written))
		x := &XML{c: c, bare: true}
		x.Fragment(func() { write(x) })
		for (len(c.b)+4-c.record)%8 != 0 {
			c.b = append(c.b, 0)
		}
		size := uint32(len(c.b) + 4 - c.record) //nolint:gosec // of a chunk
		c.b = le.AppendUint32(c.b, size)
		le.PutUint32(c.b[c.record+4:], size)
		if len(c.b) <= chunkSize {
			w.next = number + 1
			return nil
		}
		if *c = before; len(c.b) == chunkHead {
			return errors.New("it is larger than a chunk")
		}
		c.b = slices.Clip(c.b)
		w.begin(number)
	}
	return errors.New("it is larger than a chunk")
}

// begin makes the next record begin a chunk.
func (w *Writer) begin(number uint64) {
	w.chunks = append(w.chunks, &chunk{b: make([]byte, chunkHead, chunkSize), first: number, names: map[string]int{}, templates: map[uint32]int{}})
}

// File returns the file, with its checksums.
func (w *Writer) File() []byte {
	head := make([]byte, fileHead)
	copy(head, "ElfFile\x00")
	le.PutUint64(head[16:], uint64(max(0, len(w.chunks)-1)))
	le.PutUint64(head[24:], w.next)
	le.PutUint32(head[32:], 128)
	le.PutUint16(head[36:], 1)
	le.PutUint16(head[38:], 3)
	le.PutUint16(head[40:], fileHead)
	le.PutUint16(head[42:], uint16(len(w.chunks))) //nolint:gosec // of a test's log
	le.PutUint32(head[124:], crc32.ChecksumIEEE(head[:120]))
	out := head
	for _, c := range w.chunks {
		b := make([]byte, chunkSize)
		copy(b, c.b)
		copy(b, "ElfChnk\x00")
		for i, n := range []uint64{c.first, c.last, c.first, c.last} {
			le.PutUint64(b[8+8*i:], n)
		}
		le.PutUint32(b[40:], 128)
		le.PutUint32(b[44:], uint32(c.record)) //nolint:gosec // of a chunk
		le.PutUint32(b[48:], uint32(len(c.b))) //nolint:gosec // of a chunk
		Sum(b)
		out = append(out, b...)
	}
	return out
}

// Sum writes the checksums of a chunk.
func Sum(b []byte) {
	le.PutUint32(b[52:], crc32.ChecksumIEEE(b[chunkHead:min(len(b), int(le.Uint32(b[48:])))]))
	le.PutUint32(b[124:], crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:chunkHead]))
}

// Filetime is a time as FILETIME.
func Filetime(t time.Time) uint64 {
	return uint64(t.Unix()+11644473600)*1e7 + uint64(t.Nanosecond()/100) //nolint:gosec // after 1601
}

// Old writes an .evt file of size bytes, in which as many of the last events as fit are there, as Windows leaves a log that it has gone round in. The records are numbered from 1. size is a multiple of 4.
func Old(size int, events ...Event) []byte {
	const head = 48
	b := make([]byte, size)
	at, first, number := head, head, uint32(1)
	type place struct {
		at, length int
		number     uint32
	}
	var kept []place
	free := size - head
	put := func(rec []byte) {
		for len(rec) > 0 {
			n := copy(b[at:], rec)
			rec = rec[n:]
			if at += n; at == size {
				at = head
			}
		}
	}
	const end = 40
	for i := range events {
		rec := oldRecord(number, &events[i])
		if size-at < 56 { // a record's fixed part is never parted
			for free -= size - at; at < size; at += 4 {
				le.PutUint32(b[at:], 0x27)
			}
			at = head
		}
		for free < len(rec)+end && len(kept) > 0 {
			free += kept[0].length
			kept = kept[1:]
		}
		kept = append(kept, place{at, len(rec), number})
		free -= len(rec)
		put(rec)
		number++
	}
	var oldest uint32
	if len(kept) > 0 {
		first, oldest = kept[0].at, kept[0].number
	}
	stop := at
	mark := le.AppendUint32(nil, end)
	for i := range uint32(4) {
		mark = le.AppendUint32(mark, 0x11111111*(i+1))
	}
	for _, n := range []int{first, stop, int(number), int(oldest), end} {
		mark = le.AppendUint32(mark, uint32(n)) //nolint:gosec // of a test's log
	}
	put(mark)
	for i, n := range []int{head, 0x654c664c, 1, 1, first, stop, int(number), int(oldest), size, 0, 0, head} {
		le.PutUint32(b[4*i:], uint32(n)) //nolint:gosec // of a test's log
	}
	return b
}

// oldRecord is an event as EVENTLOGRECORD.
func oldRecord(number uint32, e *Event) []byte {
	text := func(b []byte, s string) []byte { return append(safeio.AppendUTF16LE(b, s), 0, 0) }
	typ := map[uint8]uint16{1: 1, 2: 1, 3: 2}[e.Level]
	if typ == 0 {
		typ = 4
	}
	b := le.AppendUint32(nil, 0)
	b = le.AppendUint32(append(b, "LfLe"...), number)
	b = le.AppendUint32(b, uint32(e.Time.Unix())) //nolint:gosec // before 2106
	b = le.AppendUint32(b, uint32(e.Time.Unix())) //nolint:gosec // before 2106
	b = le.AppendUint32(b, uint32(e.ID))
	b = le.AppendUint16(b, typ)
	b = le.AppendUint16(b, uint16(len(e.Strings))) //nolint:gosec // of a test's event
	b = append(b, make([]byte, 28)...)
	b = text(text(b, e.Provider), e.Computer)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	le.PutUint32(b[44:], uint32(len(b))) //nolint:gosec // no SID
	le.PutUint32(b[36:], uint32(len(b))) //nolint:gosec // of a test's event
	for _, s := range e.Strings {
		b = text(b, s)
	}
	le.PutUint32(b[48:], uint32(len(e.Binary))) //nolint:gosec // of a test's event
	le.PutUint32(b[52:], uint32(len(b)))        //nolint:gosec // of a test's event
	b = append(b, e.Binary...)
	b = append(b, bytes.Repeat([]byte{0}, (4-len(b)%4)%4)...)
	b = le.AppendUint32(b, uint32(len(b)+4)) //nolint:gosec // of a test's event
	le.PutUint32(b, uint32(len(b)))          //nolint:gosec // of a test's event
	return b
}

package eventlog

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	evtxMagic = "ElfFile\x00"
	// evtMagic stands at the fifth byte of an .evt file and of each of its records.
	evtMagic = "LfLe"
)

// Is tells whether a file that starts with head is an event log of either format.
func Is(head []byte) bool { return isEVTX(head) || isEVT(head) }

func isEVTX(head []byte) bool {
	return strings.HasPrefix(string(head[:min(len(head), len(evtxMagic))]), evtxMagic)
}

// isEVT tells by the header's own length, 48, and its signature.
func isEVT(head []byte) bool {
	return len(head) >= 8 && string(head[:8]) == "\x30\x00\x00\x00"+evtMagic
}

// Reader gives a log as text: UTF-8, an event in each line. It reads the log a piece at a time. A Reader is for one goroutine.
type Reader struct {
	source
	out  []byte // what is left of the last piece
	done bool
}

// source makes the text of a log piece by piece.
type source interface {
	// next returns the next piece, which is valid until the next call, and [io.EOF] after the last one.
	next() ([]byte, error)
	// damage says what could not be read of the pieces so far, nil if nothing is wrong.
	damage() error
}

// NewReader returns a reader of the log of size bytes in r. The error says that it is no event log, or that its beginning can't be read.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	var head [8]byte
	if _, err := r.ReadAt(head[:min(size, int64(len(head)))], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var s source
	var err error
	switch {
	case isEVTX(head[:]):
		s, err = openEVTX(r, size)
	case isEVT(head[:]):
		s, err = openEVT(r, size)
	default:
		return nil, errors.New("not an event log")
	}
	if err != nil {
		return nil, err
	}
	return &Reader{source: s}, nil
}

// Read implements [io.Reader]. Damage of the log is no error of Read; see [Reader.Damage].
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.done {
			return 0, io.EOF
		}
		var err error
		if r.out, err = r.next(); errors.Is(err, io.EOF) {
			r.done = true
		} else if err != nil {
			return 0, err
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// Damage says what of the log could not be read, nil if nothing is wrong with it. It is complete when Read has returned [io.EOF].
func (r *Reader) Damage() error { return r.damage() }

// losses counts what could not be read.
type losses struct {
	pieces, places int
	first          error
}

// piece notes a piece of the log that is damaged as a whole.
func (l *losses) piece(at int64, why error) {
	l.pieces++
	l.note(at, why)
}

// place notes a place where an event should be and can't be read.
func (l *losses) place(at int64, why error) {
	l.places++
	l.note(at, why)
}

func (l *losses) note(at int64, why error) {
	if l.first == nil {
		l.first = fmt.Errorf("the first at byte %d: %w", at, why)
	}
}

// err words what was lost.
func (l *losses) err() error {
	var lost []string
	if l.pieces > 0 {
		lost = append(lost, plural(l.pieces, "chunk is damaged", "chunks are damaged"))
	}
	if l.places > 0 {
		lost = append(lost, "no event can be read at "+plural(l.places, "place", "places"))
	}
	if lost == nil {
		return nil
	}
	return fmt.Errorf("%s, %w", strings.Join(lost, " and "), l.first)
}

func plural(n int, one, more string) string {
	if n == 1 {
		more = one
	}
	return fmt.Sprintf("%d %s", n, more)
}

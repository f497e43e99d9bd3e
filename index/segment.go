package index

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"sort"
	"sync"
)

// A segment is an immutable inverted index: which documents have which terms. Numbers of fixed width are little-endian, the others varints as of encoding/binary:
//
//	magic
//	documents: of each the case's key (8 bytes), the artifact and the block's number in it (uint32 each)
//	of each field its terms in order of their bytes, in groups of termsPerGroup; then the offset of each group (uint64)
//	of each field: number of groups, offset of its first group, offset of the list of their offsets (uint64 each)
//	number of documents (uint64), magic
//
// A term is the length of what it shares with the term before in its group, the length of the rest, the rest, and its postings: the length of their bytes, doubled, plus
// one if they are a bitmap of the documents; otherwise they are the number of the first document and the distances from each to the next.
//
// Why it is not the segment of a general engine is told in docs/decisions/006-segments.md.
const (
	segmentMagic  = "casebk\x01\n"
	termsPerGroup = 32
	documentSize  = 16
	footerSize    = 8 + len(segmentMagic) + int(fields)*3*8
)

// The fields of a block's document.
type field uint8

const (
	fieldText      field = iota // the words of the records' texts
	fieldComponent              // the words of the records' components
	fieldSeverity               // the names of the records' severities, or of the findings', and their verdicts
	fieldCheck                  // the words of the findings' checks
	fields
)

// document names a block of a case.
type document struct {
	key      [8]byte // of the case; hex in the manifest
	artifact uint32  // noArtifact for the case's findings
	seq      uint32
}

// keyOf returns a case's key as documents have it.
func keyOf(key string) (k [8]byte) {
	_, _ = hex.Decode(k[:], []byte(key)[:min(len(key), 2*len(k))]) // a manifest's key that is none names no document
	return k
}

// docSet is a set of documents of a segment, by their numbers.
type docSet []uint64

func newDocSet(documents int) docSet { return make(docSet, (documents+63)/64) }

func (s docSet) add(n uint32) { s[n/64] |= 1 << (n % 64) }

func (s docSet) or(other docSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s docSet) and(other docSet) {
	for i := range s {
		s[i] &= other[i]
	}
}

func (s docSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// all yields the numbers in order.
func (s docSet) all(yield func(uint32) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(uint32(64*i + bits.TrailingZeros64(w))) { //nolint:gosec // fewer than the documents
				return
			}
		}
	}
}

// termTable is where a field's terms are.
type termTable struct {
	groups  int
	first   int64 // offset of the first group
	offsets int64 // of the list of the groups' offsets, which begins where the last group ends
}

// segment is a segment that is open to read. It may be used from several goroutines.
type segment struct {
	f         *os.File
	documents int
	tables    [fields]termTable

	once sync.Once
	list []document
	bad  error // why list could not be read
}

var errSegment = errors.New("the index is damaged")

// openSegment opens a segment. Its footer is checked; the rest is when it is read.
func openSegment(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &segment{f: f}
	if err := s.readFooter(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func (s *segment) close() error { return s.f.Close() }

func (s *segment) readFooter() error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	end := info.Size() - int64(footerSize)
	if end < int64(len(segmentMagic)) {
		return errSegment
	}
	b := make([]byte, footerSize)
	if _, err := s.f.ReadAt(b, end); err != nil {
		return err
	}
	number := func() int64 {
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		if n > uint64(end) { //nolint:gosec // not negative
			return -1
		}
		return int64(n) //nolint:gosec // within end
	}
	at := int64(0)
	for i := range s.tables {
		groups, first, offsets := number(), number(), number()
		if groups < 0 || first < at || offsets < first || groups > (end-offsets)/8 {
			return errSegment
		}
		s.tables[i] = termTable{int(groups), first, offsets}
		at = offsets + 8*groups
	}
	documents := number()
	if documents < 0 || documents > (s.tables[0].first-int64(len(segmentMagic)))/documentSize || string(b) != segmentMagic {
		return errSegment
	}
	s.documents = int(documents)
	return nil
}

// all lists the documents, by their numbers.
func (s *segment) all() ([]document, error) {
	s.once.Do(func() {
		b := make([]byte, s.documents*documentSize)
		if _, s.bad = s.f.ReadAt(b, int64(len(segmentMagic))); s.bad != nil {
			return
		}
		s.list = make([]document, s.documents)
		for i := range s.list {
			d := b[i*documentSize:]
			copy(s.list[i].key[:], d)
			s.list[i].artifact, s.list[i].seq = binary.LittleEndian.Uint32(d[8:]), binary.LittleEndian.Uint32(d[12:])
		}
	})
	return s.list, s.bad
}

// bounds returns where group n of a table is.
func (s *segment) bounds(t *termTable, n int) (from, to int64, err error) {
	var b [16]byte
	want := b[:]
	if n == t.groups-1 {
		want = b[:8]
	}
	if _, err := s.f.ReadAt(want, t.offsets+8*int64(n)); err != nil {
		return 0, 0, err
	}
	from, to = int64(binary.LittleEndian.Uint64(b[:])), t.offsets //nolint:gosec // checked below
	if len(want) == len(b) {
		to = int64(binary.LittleEndian.Uint64(b[8:])) //nolint:gosec // checked below
	}
	if from < t.first || to < from || to > t.offsets {
		return 0, 0, errSegment
	}
	return from, to, nil
}

// group reads group n of a table.
func (s *segment) group(t *termTable, n int, b []byte) ([]byte, error) {
	from, to, err := s.bounds(t, n)
	if err != nil {
		return nil, err
	}
	b = append(b[:0], make([]byte, to-from)...)
	_, err = s.f.ReadAt(b, from)
	return b, err
}

// firstTerm reads the first term of group n.
func (s *segment) firstTerm(t *termTable, n int, b []byte) ([]byte, error) {
	from, to, err := s.bounds(t, n)
	if err != nil {
		return nil, err
	}
	for length := int64(64); ; length = to - from { // most terms are short
		length = min(length, to-from)
		b = append(b[:0], make([]byte, length)...)
		if _, err := s.f.ReadAt(b, from); err != nil {
			return nil, err
		}
		c := cursor{b: b}
		shared, rest := c.uvarint(), c.uvarint()
		if shared == 0 && rest <= uint64(len(c.b)) && !c.bad {
			return c.b[:rest], nil
		}
		if length == to-from {
			return nil, errSegment
		}
	}
}

// posted are the postings of a term, as they are stored.
type posted struct {
	b      []byte
	bitmap bool
}

// each passes the documents in order.
func (p posted) each(documents int, yield func(uint32)) error {
	if p.bitmap {
		if len(p.b) != (documents+7)/8 {
			return errSegment
		}
		for i, b := range p.b {
			for ; b != 0; b &= b - 1 {
				n := 8*i + bits.TrailingZeros8(b)
				if n >= documents {
					return errSegment
				}
				yield(uint32(n)) //nolint:gosec // fewer than the documents
			}
		}
		return nil
	}
	n := uint64(0)
	for b := p.b; len(b) > 0; {
		d, k := binary.Uvarint(b)
		if k <= 0 || d >= uint64(documents) || n+d >= uint64(documents) { //nolint:gosec // not negative
			return errSegment
		}
		n += d
		yield(uint32(n)) //nolint:gosec // fewer than the documents
		b = b[k:]
	}
	return nil
}

// termCursor goes through the terms of a field in order.
type termCursor struct {
	s     *segment
	table *termTable
	group int // the next one
	left  cursor
	b     []byte

	// The term at hand, valid until the next.
	term     []byte
	postings posted
}

// seek returns a cursor that has yet to be moved to the first term that is not less than from, or to one before it.
func (s *segment) seek(f field, from []byte) (*termCursor, error) {
	c := &termCursor{s: s, table: &s.tables[f]}
	if len(from) == 0 {
		return c, nil
	}
	var head []byte
	var failed error
	// The group before the first that begins behind from may hold it.
	n := sort.Search(c.table.groups, func(n int) bool {
		var err error
		if head, err = s.firstTerm(c.table, n, head); err != nil {
			failed = err
			return true
		}
		return bytes.Compare(head, from) > 0
	})
	c.group = max(0, n-1)
	return c, failed
}

// next moves to the next term; false says that there is none.
func (c *termCursor) next() (bool, error) {
	if len(c.left.b) == 0 {
		if c.group == c.table.groups {
			return false, nil
		}
		var err error
		if c.b, err = c.s.group(c.table, c.group, c.b); err != nil {
			return false, err
		}
		c.group++
		c.left = cursor{b: c.b}
		c.term = c.term[:0]
	}
	shared := c.left.length(len(c.term))
	c.term = append(c.term[:shared], c.left.take(c.left.length(len(c.left.b)))...)
	size := c.left.uvarint()
	c.postings = posted{c.left.take(int(min(size/2, math.MaxInt32))), size%2 == 1}
	if c.left.bad {
		return false, errSegment
	}
	return true, nil
}

// find returns the postings of a term in a field, none if there is no such term.
func (s *segment) find(f field, term []byte) (posted, error) {
	c, err := s.seek(f, term)
	if err != nil {
		return posted{}, err
	}
	for {
		more, err := c.next()
		if !more || err != nil {
			return posted{}, err
		}
		switch bytes.Compare(c.term, term) {
		case 0:
			return c.postings, nil
		case 1:
			return posted{}, nil
		}
	}
}

// documentsOf returns the documents that have a term in a field.
func (s *segment) documentsOf(f field, term []byte) (docSet, error) {
	found := newDocSet(s.documents)
	p, err := s.find(f, term)
	if err == nil {
		err = p.each(s.documents, found.add)
	}
	return found, err
}

// segmentWriter writes a segment: first its documents, then field by field the terms in order.
type segmentWriter struct {
	f         *os.File
	out       *bufio.Writer
	at        int64
	documents int
	tables    [fields]termTable
	offsets   []int64 // of the groups of the field at hand
	field     field
	inGroup   int
	last      []byte
	buf       []byte
	err       error
}

func createSegment(path string) (*segmentWriter, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	w := &segmentWriter{f: f, out: bufio.NewWriterSize(f, 256<<10)}
	w.write([]byte(segmentMagic))
	w.tables[0].first = w.at
	return w, nil
}

func (w *segmentWriter) write(b []byte) {
	n, err := w.out.Write(b)
	w.at += int64(n)
	if w.err == nil {
		w.err = err
	}
}

// document enters the next document.
func (w *segmentWriter) document(d *document) {
	w.buf = append(w.buf[:0], d.key[:]...)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, d.artifact)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, d.seq)
	w.write(w.buf)
	w.documents++
	w.tables[0].first = w.at
}

// term enters the next term of the field with its documents, in order; one without documents is left out.
func (w *segmentWriter) term(term []byte, docs []uint32) {
	if len(docs) == 0 {
		return
	}
	if w.inGroup == 0 {
		w.offsets = append(w.offsets, w.at)
		w.last = w.last[:0]
	}
	w.inGroup = (w.inGroup + 1) % termsPerGroup
	shared := 0
	for shared < len(w.last) && shared < len(term) && w.last[shared] == term[shared] {
		shared++
	}
	b := binary.AppendUvarint(w.buf[:0], uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(term)-shared)) //nolint:gosec // not negative
	b = append(b, term[shared:]...)
	b = w.postings(b, docs)
	w.write(b)
	w.buf = b
	w.last = append(w.last[:shared], term[shared:]...)
}

// postings appends documents in the shorter of the two forms.
func (w *segmentWriter) postings(b []byte, docs []uint32) []byte {
	size, last := 0, uint32(0)
	for _, d := range docs {
		size += (bits.Len32((d-last)|1) + 6) / 7
		last = d
	}
	if bitmap := (w.documents + 7) / 8; bitmap < size {
		b = binary.AppendUvarint(b, uint64(2*bitmap+1)) //nolint:gosec // not negative
		from := len(b)
		b = append(b, make([]byte, bitmap)...)
		for _, d := range docs {
			b[from+int(d/8)] |= 1 << (d % 8)
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(2*size))
	last = 0
	for _, d := range docs {
		b = binary.AppendUvarint(b, uint64(d-last))
		last = d
	}
	return b
}

// endField ends a field; the next term belongs to the next one.
func (w *segmentWriter) endField() {
	t := &w.tables[w.field]
	t.groups, t.offsets = len(w.offsets), w.at
	for _, at := range w.offsets {
		w.write(binary.LittleEndian.AppendUint64(w.buf[:0], uint64(at))) //nolint:gosec // not negative
	}
	w.offsets, w.inGroup = w.offsets[:0], 0
	if w.field++; w.field < fields {
		w.tables[w.field].first = w.at
	}
}

// close completes the file, whose fields must all be ended, or removes it if the segment is not wanted for the error given.
func (w *segmentWriter) close(err error) error {
	var b []byte
	for _, t := range w.tables {
		for _, n := range []int64{int64(t.groups), t.first, t.offsets} {
			b = binary.LittleEndian.AppendUint64(b, uint64(n)) //nolint:gosec // not negative
		}
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(w.documents)) //nolint:gosec // not negative
	w.write(append(b, segmentMagic...))
	err = errors.Join(err, w.err, w.out.Flush(), w.f.Close())
	if err != nil {
		_ = os.Remove(w.f.Name())
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}

// mergeSegments writes one segment of the documents of others, in order, of those that are to be kept; keep may be nil. A term that only the others have is not in it.
// The files are read once from beginning to end.
func mergeSegments(ctx context.Context, list []*segment, keep func(*document) bool, path string) error {
	w, err := createSegment(path)
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return w.close(w.merge(ctx, list, keep))
}

// dropped is the new number of a document that is not kept.
const dropped = math.MaxUint32

func (w *segmentWriter) merge(ctx context.Context, list []*segment, keep func(*document) bool) error {
	numbers := make([][]uint32, len(list)) // the new ones, by the old
	for i, s := range list {
		all, err := s.all()
		if err != nil {
			return err
		}
		numbers[i] = make([]uint32, len(all))
		for n := range all {
			numbers[i][n] = dropped
			if keep == nil || keep(&all[n]) {
				numbers[i][n] = uint32(w.documents) //nolint:gosec // bounded by the blocks of the cases of a shard
				w.document(&all[n])
			}
		}
	}
	for f := range fields {
		if err := w.mergeField(ctx, f, list, numbers); err != nil {
			return err
		}
	}
	return nil
}

// mergeField writes the terms of a field of all segments.
func (w *segmentWriter) mergeField(ctx context.Context, f field, list []*segment, numbers [][]uint32) error {
	h := &mergeHeap{}
	for i, s := range list {
		c, err := s.seek(f, nil)
		if err == nil {
			err = h.advance(mergeItem{c, i})
		}
		if err != nil {
			return err
		}
	}
	var term []byte
	var docs []uint32
	for n := 0; h.Len() > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		term, docs = append(term[:0], (*h)[0].term...), docs[:0]
		for h.Len() > 0 && bytes.Equal((*h)[0].term, term) {
			item, _ := heap.Pop(h).(mergeItem)
			of := numbers[item.segment]
			err := item.postings.each(len(of), func(d uint32) {
				if of[d] != dropped {
					docs = append(docs, of[d])
				}
			})
			if err == nil {
				err = h.advance(item)
			}
			if err != nil {
				return err
			}
		}
		w.term(term, docs)
	}
	w.endField()
	return w.err
}

// mergeItem is a segment that is being merged.
type mergeItem struct {
	*termCursor
	segment int
}

// mergeHeap has the segments with terms left, that of the least term first, and of those with the same the first.
type mergeHeap []mergeItem

// advance enters a segment with its next term, if it has one.
func (h *mergeHeap) advance(item mergeItem) error {
	more, err := item.next()
	if more {
		heap.Push(h, item)
	}
	return err
}

func (h mergeHeap) Len() int      { return len(h) }
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h mergeHeap) Less(i, j int) bool {
	c := bytes.Compare(h[i].term, h[j].term)
	return c < 0 || c == 0 && h[i].segment < h[j].segment
}

// Push implements [heap.Interface].
func (h *mergeHeap) Push(x any) {
	if item, ok := x.(mergeItem); ok {
		*h = append(*h, item)
	}
}

// Pop implements [heap.Interface].
func (h *mergeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

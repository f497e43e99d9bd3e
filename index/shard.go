package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	bleve "github.com/blevesearch/bleve_index_api"
	segments "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"

	"casebook/findings"
	"casebook/index/words"
	"casebook/ingest"
)

// The fields of a block's document.
const (
	fieldText      = "text"      // the words of the records' texts
	fieldComponent = "component" // the words of the records' components
	fieldSeverity  = "severity"  // the names of the records' severities, or of the findings'
	fieldCheck     = "check"     // the words of the findings' checks
)

// batchBytes is how many bytes of text go into one segment, which is about half of the decoded bytes of a log with time stamps.
// Bigger segments share more of their dictionaries and cost memory: each worker fills one.
const batchBytes = 8 << 20

// joinedBytes is how many bytes of text the batches that are left at a case's end may have together to become one segment. It costs far less to join batches than segments.
const joinedBytes = 2 * batchBytes

// documentBytes is what a document counts besides its text: of an upload of very short logs the documents and their terms are more than the texts.
const documentBytes = 2 << 10

// segmentSuffix ends the names of segments: immutable inverted indexes in the format of Bleve, which are opened, built and merged without an engine around
// them. Archives that were written with Bleve's engine have its root.bolt beside them, which says nothing more.
const segmentSuffix = ".zap"

// shardFile is shard.json: the files of the index, so that a short one is seen before it is mapped.
type shardFile struct {
	Files     map[string]int64  `json:"files"`          // bytes of the files in store, by name
	Sums      map[string]string `json:"sums,omitempty"` // SHA-256 of the files
	Documents uint64            `json:"documents"`      // in all segments
	Keys      []string          `json:"keys,omitempty"` // of the cases that are indexed
}

// writeShardFile lists the files of the index in dir, which has so many documents, of the cases with these keys.
func writeShardFile(dir string, documents uint64, keys []string) error {
	store, err := sums(filepath.Join(dir, dirStore), nil)
	if err != nil {
		return err
	}
	f := shardFile{Files: map[string]int64{}, Sums: map[string]string{}, Documents: documents, Keys: keys}
	for name, s := range store {
		f.Files[name], f.Sums[name] = s.Bytes, s.SHA256
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fileShard), b, 0o600)
}

// readShardFile reads shard.json of the shard in dir.
func readShardFile(dir string) (shardFile, error) {
	var f shardFile
	b, err := readFile(dir, fileShard)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil || f.Files == nil {
		return f, fmt.Errorf("%s is damaged", fileShard)
	}
	for name := range f.Files {
		if !filepath.IsLocal(name) {
			return f, fmt.Errorf("%s names the file %q", fileShard, name)
		}
	}
	return f, nil
}

// shard is an index that is open to read: its segments, in order of their names. Its methods must be called within guard, since segments trust their bytes.
type shard struct {
	segments []segments.Segment
}

// readShard opens the index in dir to read, if it is as its writer left it.
func readShard(dir string) (s *shard, err error) {
	f, err := readShardFile(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, size := range f.Files {
		info, err := os.Stat(filepath.Join(dir, dirStore, name))
		if err != nil {
			return nil, err
		}
		if info.Size() != size {
			return nil, fmt.Errorf("the file %s has %d bytes, %d were written", name, info.Size(), size)
		}
		if strings.HasSuffix(name, segmentSuffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	s = &shard{}
	for _, name := range names {
		err = guard(func() error {
			segment, err := new(zap.ZapPlugin).Open(filepath.Join(dir, dirStore, name))
			if err == nil {
				s.segments = append(s.segments, segment)
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the file %s: %w", name, err), s.close())
		}
	}
	if n := s.count(); n != f.Documents {
		return nil, errors.Join(fmt.Errorf("the index has %d blocks, %d were written", n, f.Documents), s.close())
	}
	return s, nil
}

// count returns how many documents the shard has.
func (s *shard) count() uint64 {
	var n uint64
	for _, segment := range s.segments {
		n += segment.Count()
	}
	return n
}

func (s *shard) close() error {
	var errs []error
	for _, segment := range s.segments {
		errs = append(errs, guard(segment.Close))
	}
	s.segments = nil
	return errors.Join(errs...)
}

// postings returns the numbers of a segment's documents that have a term.
func postings(segment segments.Segment, field, term string) (*roaring.Bitmap, error) {
	found := roaring.New()
	list, err := postingsList(segment, field, term)
	if err == nil {
		list.OrInto(found)
	}
	return found, err
}

func postingsList(segment segments.Segment, field, term string) (*zap.PostingsList, error) {
	dict, err := segment.Dictionary(field)
	if err != nil {
		return nil, err
	}
	list, err := dict.PostingsList([]byte(term), nil, nil)
	if err != nil {
		return nil, err
	}
	p, ok := list.(*zap.PostingsList)
	if !ok {
		return nil, errors.New("the index has postings of another kind")
	}
	return p, nil
}

// holding returns how many documents have a term in their text.
func (s *shard) holding(term string) (n uint64, err error) {
	for _, segment := range s.segments {
		p, err := postingsList(segment, fieldText, term)
		if err != nil {
			return 0, err
		}
		n += p.Count()
	}
	return n, nil
}

// holds tells whether the document of that ID has a term in its text; that of an empty term has it.
func (s *shard) holds(term, id string) (bool, error) {
	if term == "" {
		return true, nil
	}
	for _, segment := range s.segments {
		found, err := postings(segment, fieldText, term)
		if err != nil {
			return false, err
		}
		for i := found.Iterator(); i.HasNext(); {
			got, err := segment.DocID(uint64(i.Next()))
			if err != nil || string(got) == id {
				return err == nil, err
			}
		}
	}
	return false, nil
}

// shardWriter fills an index. Several goroutines each fill a batch of their own.
type shardWriter struct {
	dir string // of the segments

	documents atomic.Uint64 // written
	names     atomic.Uint64 // given to segments

	mu   sync.Mutex
	all  []*batch
	idle []*batch // in nobody's hands
}

func newShardWriter(dir string) (*shardWriter, error) {
	w := &shardWriter{dir: filepath.Join(dir, dirStore)}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the index: %w", err)
	}
	return w, nil
}

// take lends a batch to the caller until it is put back.
func (w *shardWriter) take() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		b := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return b
	}
	b := newBatch()
	w.all = append(w.all, b)
	return b
}

func (w *shardWriter) put(b *batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, b)
}

// next returns the path of the next segment.
func (w *shardWriter) next() string {
	return filepath.Join(w.dir, fmt.Sprintf("%012x%s", w.names.Add(1), segmentSuffix))
}

// segment makes a segment of the documents of b in memory, and empties it.
func (w *shardWriter) segment(b *batch) (segments.Segment, error) {
	s, _, err := new(zap.ZapPlugin).New(b.documents())
	if err != nil {
		return nil, fmt.Errorf("make the index: %w", err)
	}
	w.documents.Add(uint64(len(b.docs)))
	b.reset()
	return s, nil
}

// flush writes the documents of b as one segment.
func (w *shardWriter) flush(b *batch) error {
	if len(b.docs) == 0 {
		return nil
	}
	s, err := w.segment(b)
	if err != nil {
		return err
	}
	return writeSegment(w.next(), s)
}

// writeSegment writes a segment that was made in memory. Whoever publishes it flushes it.
func writeSegment(path string, s segments.Segment) error {
	from, ok := s.(io.WriterTo)
	if !ok {
		return errors.New("write the index: the segment is none of a new one")
	}
	err := createFile(path, func(to io.Writer) error {
		_, err := from.WriteTo(to)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}

// close writes what is left, also what a sink that never came to its end has not put back, unless the index is to be thrown away.
func (w *shardWriter) close(discard bool) error {
	all := w.all
	w.all, w.idle = nil, nil
	if discard {
		return nil
	}
	// Each worker left a batch that is not full; together they are a good part of a small case.
	all = slices.DeleteFunc(all, func(b *batch) bool { return len(b.docs) == 0 })
	slices.SortFunc(all, func(x, y *batch) int { return cmp.Compare(y.bytes, x.bytes) })
	var rest []*batch
	for _, b := range all {
		if n := len(rest); n > 0 && rest[n-1].bytes+b.bytes <= joinedBytes {
			rest[n-1].absorb(b)
		} else {
			rest = append(rest, b)
		}
	}
	errs := make([]error, len(rest))
	var flushes sync.WaitGroup
	for i, b := range rest {
		flushes.Go(func() { errs[i] = w.flush(b) })
	}
	flushes.Wait()
	return errors.Join(errs...)
}

// mergeSegments writes one segment of the documents of others, without those whose numbers are dropped; drops may be nil. A term that only they have is
// not in it.
func mergeSegments(ctx context.Context, list []segments.Segment, drops []*roaring.Bitmap, path string) error {
	if drops == nil {
		drops = make([]*roaring.Bitmap, len(list))
	}
	stop := make(chan struct{})
	defer context.AfterFunc(ctx, func() { close(stop) })()
	err := guard(func() error {
		_, _, err := new(zap.ZapPlugin).Merge(list, drops, path, stop, nil)
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("merge the index: %w", err)
	}
	return nil
}

// batch is the vocabulary and the documents of a segment to be. Terms are numbered in order of appearance; a document is the list
// of its terms' numbers.
type batch struct {
	seed  maphash.Seed
	slots []uint64 // hash table, open addressing: hash in the upper, number plus one in the lower half
	arena []byte   // the terms one after another
	ends  []uint32 // of the terms in arena
	seen  []uint32 // the document in which each term was last seen
	ids   []uint32 // the terms of the documents one after another
	docs  []blockDoc
	bytes int // of text, and documentBytes for each document

	doc   uint32 // number of the document being built, from 1
	begin int    // of its terms in ids
	split words.Splitter
	emit  func([]byte)
}

// blockDoc is a document: a block's terms.
type blockDoc struct {
	id         string
	from, to   int // the terms of its text in ids
	components []string
	severities []string
	checks     []string
}

func newBatch() *batch {
	b := &batch{seed: maphash.MakeSeed(), slots: make([]uint64, 1<<16)}
	b.emit = b.term
	b.reset()
	return b
}

func (b *batch) reset() {
	clear(b.slots)
	b.arena, b.ends, b.seen, b.ids = b.arena[:0], b.ends[:0], b.seen[:0], b.ids[:0]
	clear(b.docs)
	b.docs = b.docs[:0]
	b.bytes, b.doc, b.begin = 0, 1, 0
}

// text adds a text's words to the document being built.
func (b *batch) text(t []byte) {
	b.bytes += len(t)
	b.split.Each(t, b.emit)
}

// term adds a term to the document being built.
func (b *batch) term(t []byte) {
	if n := b.number(t); b.seen[n] != b.doc {
		b.seen[n] = b.doc
		b.ids = append(b.ids, n)
	}
}

// number returns the number of a term, a new one if it has none yet.
func (b *batch) number(t []byte) uint32 {
	h := maphash.Bytes(b.seed, t)
	mask := uint64(len(b.slots) - 1) //nolint:gosec // a power of two
	tag := h &^ 0xffffffff
	for i := h & mask; ; i = (i + 1) & mask {
		s := b.slots[i]
		if s == 0 {
			n := uint32(len(b.ends)) //nolint:gosec // fewer terms than bytes of text
			b.slots[i] = tag | uint64(n+1)
			b.arena = append(b.arena, t...)
			b.ends = append(b.ends, uint32(len(b.arena))) //nolint:gosec // a batch's text is far below 4 GiB
			b.seen = append(b.seen, 0)
			if 2*len(b.ends) > len(b.slots) {
				b.grow()
			}
			return n
		}
		if s&^0xffffffff != tag {
			continue
		}
		if n := uint32(s) - 1; string(b.at(n)) == string(t) { //nolint:gosec // the lower half
			return n
		}
	}
}

// absorb adds the documents of another batch, which is not to be used any more.
func (b *batch) absorb(o *batch) {
	numbers := make([]uint32, len(o.ends))
	for n := range numbers {
		numbers[n] = b.number(o.at(uint32(n)))
	}
	from := len(b.ids)
	for _, n := range o.ids {
		b.ids = append(b.ids, numbers[n])
	}
	for _, d := range o.docs {
		d.from, d.to = d.from+from, d.to+from
		b.docs = append(b.docs, d)
	}
	b.bytes += o.bytes
	b.begin = len(b.ids)
	b.doc += o.doc
}

// at returns term n.
func (b *batch) at(n uint32) []byte {
	if n == 0 {
		return b.arena[:b.ends[0]]
	}
	return b.arena[b.ends[n-1]:b.ends[n]]
}

func (b *batch) grow() {
	b.slots = make([]uint64, 4*len(b.slots))
	mask := uint64(len(b.slots) - 1) //nolint:gosec // a power of two
	for n := range b.ends {
		h := maphash.Bytes(b.seed, b.at(uint32(n)))
		i := h & mask
		for b.slots[i] != 0 {
			i = (i + 1) & mask
		}
		b.slots[i] = h&^0xffffffff | uint64(n+1)
	}
}

// word adds the words of a field's value to list, each once.
func (b *batch) word(list *[]string, value []byte) {
	b.split.Each(value, func(t []byte) {
		if !slices.Contains(*list, string(t)) {
			*list = append(*list, string(t))
		}
	})
}

// end ends the document being built; d lacks its text.
func (b *batch) end(d blockDoc) {
	d.from, d.to = b.begin, len(b.ids)
	b.docs = append(b.docs, d)
	b.bytes += documentBytes
	b.begin = len(b.ids)
	b.doc++
}

// block ends the document of a block whose texts were added.
func (b *batch) block(id string, e *entry, components [][]byte) {
	doc := blockDoc{id: id}
	if e.Class == classLog {
		for _, c := range components {
			b.word(&doc.components, c)
		}
	}
	for v := ingest.SeverityInfo; v <= ingest.SeverityError; v++ {
		if e.Severity&(1<<v) != 0 {
			doc.severities = append(doc.severities, v.String())
		}
	}
	b.end(doc)
}

// findings adds the document of a case's findings, if it has any.
func (b *batch) findings(key string, fs []findings.Finding) {
	if len(fs) == 0 {
		return
	}
	doc := blockDoc{id: documentID(key, noArtifact, 0)}
	for i := range fs {
		b.text(findingText(&fs[i]))
		b.word(&doc.checks, []byte(fs[i].Check))
		doc.severities = append(doc.severities, string(fs[i].Severity))
	}
	b.end(doc)
}

// unscored is the entry of every term: how often it occurs in a block and where is not kept.
var unscored = &bleve.TokenFreq{}

// documents returns the documents in the form that Bleve takes. They share the maps that they give out, which is well because
// Bleve looks at one document after the other.
func (b *batch) documents() []bleve.Document {
	all := string(b.arena)
	terms := make([]string, len(b.ends))
	from := uint32(0)
	for n, to := range b.ends {
		terms[n] = all[from:to]
		from = to
	}
	text, few := bleve.TokenFrequencies{}, [4]bleve.TokenFrequencies{{}, {}, {}, {}}
	list := func(m bleve.TokenFrequencies, terms ...string) func() bleve.TokenFrequencies {
		return func() bleve.TokenFrequencies {
			clear(m)
			for _, t := range terms {
				m[t] = unscored
			}
			return m
		}
	}
	const searched = bleve.IndexField | bleve.SkipFreqNorm
	docs := make([]bleve.Document, len(b.docs))
	for i := range b.docs {
		d := &b.docs[i]
		docs[i] = &document{id: d.id, fields: []bleve.Field{
			&field{name: "_id", options: bleve.IndexField | bleve.StoreField, value: []byte(d.id), fill: list(few[0], d.id)},
			&field{name: fieldText, options: searched, fill: func() bleve.TokenFrequencies {
				clear(text)
				for _, n := range b.ids[d.from:d.to] {
					text[terms[n]] = unscored
				}
				return text
			}},
			&field{name: fieldComponent, options: searched, fill: list(few[1], d.components...)},
			&field{name: fieldSeverity, options: searched, fill: list(few[2], d.severities...)},
			&field{name: fieldCheck, options: searched, fill: list(few[3], d.checks...)},
		}}
	}
	return docs
}

// document is a block to Bleve.
type document struct {
	id     string
	fields []bleve.Field
}

func (d *document) ID() string                                 { return d.id }
func (d *document) Size() int                                  { return 0 }
func (d *document) VisitFields(visit bleve.FieldVisitor)       { each(d.fields, visit) }
func (d *document) VisitComposite(bleve.CompositeFieldVisitor) {}
func (d *document) HasComposite() bool                         { return false }
func (d *document) NumPlainTextBytes() uint64                  { return 0 }
func (d *document) AddIDField()                                {} // it is among the fields
func (d *document) StoredFieldsBytes() uint64                  { return 0 }
func (d *document) Indexed() bool                              { return true }

func each(fields []bleve.Field, visit bleve.FieldVisitor) {
	for _, f := range fields {
		visit(f)
	}
}

// field is a field of a document. Its terms are made when Bleve asks for them, so that a batch holds them once, as numbers.
type field struct {
	name    string
	options bleve.FieldIndexingOptions
	value   []byte // stored
	fill    func() bleve.TokenFrequencies
}

func (f *field) Name() string                                     { return f.name }
func (f *field) Value() []byte                                    { return f.value }
func (f *field) ArrayPositions() []uint64                         { return nil }
func (f *field) EncodedFieldType() byte                           { return 't' }
func (f *field) Analyze()                                         {} // done while the records came
func (f *field) Options() bleve.FieldIndexingOptions              { return f.options }
func (f *field) AnalyzedLength() int                              { return 0 }
func (f *field) AnalyzedTokenFrequencies() bleve.TokenFrequencies { return f.fill() }
func (f *field) NumPlainTextBytes() uint64                        { return 0 }

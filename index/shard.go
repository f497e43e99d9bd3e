package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/bleve/v2/index/scorch"
	bleve "github.com/blevesearch/bleve_index_api"

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

// batchBytes is how many bytes of text go into one Bleve segment, which is about half of the decoded bytes of a log with time stamps.
// Bigger segments share more of their dictionaries and cost memory: each worker fills one.
const batchBytes = 8 << 20

// documentBytes is what a document counts besides its text: of an upload of very short logs the documents and their terms are more than the texts.
const documentBytes = 2 << 10

// openShard opens the Bleve index in dir, for writing or to read. Bleve's own merging is held back: what is written once is
// merged once, by whoever compacts the archive. queue may be nil for a reader.
func openShard(dir string, queue *bleve.AnalysisQueue) (bleve.Index, error) {
	config := map[string]any{
		"path":         filepath.Join(dir, dirStore),
		"read_only":    queue == nil,
		"bolt_timeout": "2s",
		"scorchPersisterOptions": map[string]any{
			"MemoryPressurePauseThreshold": 0, // no merging of segments in memory before they are written
		},
		"scorchMergePlanOptions": map[string]any{
			"MaxSegmentsPerTier":   1 << 20,
			"MaxSegmentSize":       1 << 30,
			"SegmentsPerMergeTask": 10,
			"FloorSegmentSize":     1,
		},
	}
	i, err := scorch.NewScorch(scorch.Name, config, queue)
	if err != nil {
		return nil, err
	}
	if err := i.Open(); err != nil {
		return nil, err
	}
	return i, nil
}

// shardFile is shard.json: the files of the index, so that a short one is seen before it is mapped.
type shardFile struct {
	Files     map[string]int64  `json:"files"`          // bytes of the files in store, by name
	Sums      map[string]string `json:"sums,omitempty"` // SHA-256 of the files
	Documents uint64            `json:"documents"`      // Bleve leaves out segments that it can't read, and says nothing
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
	if err := json.Unmarshal(b, &f); err != nil || len(f.Files) == 0 {
		return f, fmt.Errorf("%s is damaged", fileShard)
	}
	for name := range f.Files {
		if !filepath.IsLocal(name) {
			return f, fmt.Errorf("%s names the file %q", fileShard, name)
		}
	}
	return f, nil
}

// readShard opens the index in dir to read, if it is as its writer left it.
func readShard(dir string) (i bleve.Index, err error) {
	f, err := readShardFile(dir)
	if err != nil {
		return nil, err
	}
	for name, size := range f.Files {
		info, err := os.Stat(filepath.Join(dir, dirStore, name))
		if err != nil {
			return nil, err
		}
		if info.Size() != size {
			return nil, fmt.Errorf("the file %s has %d bytes, %d were written", name, info.Size(), size)
		}
	}
	err = guard(func() error {
		if i, err = openShard(dir, nil); err != nil {
			return err
		}
		r, err := i.Reader()
		if err != nil {
			return err
		}
		n, err := r.DocCount()
		if err == nil && n != f.Documents {
			err = fmt.Errorf("%d of %d blocks can be read", n, f.Documents)
		}
		return errors.Join(err, r.Close())
	})
	if err != nil && i != nil {
		err = errors.Join(err, guard(i.Close))
		i = nil
	}
	return i, err
}

// shardWriter fills a Bleve index. Several goroutines each fill a batch of their own.
type shardWriter struct {
	index bleve.Index
	queue *bleve.AnalysisQueue

	documents atomic.Uint64 // written

	mu   sync.Mutex
	all  []*batch
	idle []*batch // in nobody's hands
}

func newShardWriter(dir string) (*shardWriter, error) {
	queue := bleve.NewAnalysisQueue(1)
	i, err := openShard(dir, queue)
	if err != nil {
		queue.Close()
		return nil, fmt.Errorf("make the index: %w", err)
	}
	return &shardWriter{index: i, queue: queue}, nil
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

// flush writes the documents of b as one segment.
func (w *shardWriter) flush(b *batch) error {
	if len(b.docs) == 0 {
		return nil
	}
	batch := bleve.NewBatch()
	for _, d := range b.documents() {
		batch.Update(d)
	}
	if err := w.index.Batch(batch); err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	w.documents.Add(uint64(len(b.docs)))
	b.reset()
	return nil
}

// close writes what is left, also what a sink that never came to its end has not put back, unless the index is to be thrown away.
func (w *shardWriter) close(discard bool) error {
	var err error
	if !discard {
		// Each worker left a batch that is not full; together they are a good part of a small case.
		errs := make([]error, len(w.all))
		var flushes sync.WaitGroup
		for i, b := range w.all {
			flushes.Go(func() { errs[i] = w.flush(b) })
		}
		flushes.Wait()
		err = errors.Join(errs...)
	}
	w.all, w.idle = nil, nil
	if cerr := w.index.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close the index: %w", cerr)
	}
	w.queue.Close()
	return err
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
	h := maphash.Bytes(b.seed, t)
	mask := uint64(len(b.slots) - 1) //nolint:gosec // a power of two
	tag := h &^ 0xffffffff
	for i := h & mask; ; i = (i + 1) & mask {
		s := b.slots[i]
		if s == 0 {
			b.slots[i] = tag | uint64(len(b.ends)+1)
			b.ids = append(b.ids, uint32(len(b.ends))) //nolint:gosec // fewer terms than bytes of text
			b.arena = append(b.arena, t...)
			b.ends = append(b.ends, uint32(len(b.arena))) //nolint:gosec // a batch's text is far below 4 GiB
			b.seen = append(b.seen, b.doc)
			if 2*len(b.ends) > len(b.slots) {
				b.grow()
			}
			return
		}
		if s&^0xffffffff != tag {
			continue
		}
		n := uint32(s) - 1 //nolint:gosec // the lower half
		if string(b.at(n)) != string(t) {
			continue
		}
		if b.seen[n] != b.doc {
			b.seen[n] = b.doc
			b.ids = append(b.ids, n)
		}
		return
	}
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

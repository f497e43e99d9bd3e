package index

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"casebook/findings"
	"casebook/index/words"
	"casebook/ingest"
)

// batchBytes is how many bytes of text go into one segment, which is about half of the decoded bytes of a log with time stamps.
// Bigger segments share more of their dictionaries and cost memory: each worker fills one.
const batchBytes = 8 << 20

// documentBytes is what a document counts besides its text: of an upload of very short logs the documents and their terms are more than the texts.
const documentBytes = 2 << 10

// segmentSuffix ends the names of segments.
const segmentSuffix = ".terms"

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

// shard is an index that is open to read: its segments, in order of their names.
type shard struct {
	segments []*segment
	foreign  bool // it was written by an earlier version, which used other segments: any block may match
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
	s = &shard{foreign: f.foreign()}
	for _, name := range names {
		segment, err := openSegment(filepath.Join(dir, dirStore, name))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the file %s: %w", name, err), s.close())
		}
		s.segments = append(s.segments, segment)
	}
	if n := s.count(); n != f.Documents && !s.foreign {
		return nil, errors.Join(fmt.Errorf("the index has %d blocks, %d were written", n, f.Documents), s.close())
	}
	return s, nil
}

// foreign tells whether the shard has segments of an earlier version only.
func (f *shardFile) foreign() bool {
	for name := range f.Files {
		if strings.HasSuffix(name, segmentSuffix) {
			return false
		}
	}
	return f.Documents > 0
}

// count returns how many documents the shard has.
func (s *shard) count() uint64 {
	var n uint64
	for _, segment := range s.segments {
		n += uint64(segment.documents) //nolint:gosec // not negative
	}
	return n
}

func (s *shard) close() error {
	var errs []error
	for _, segment := range s.segments {
		errs = append(errs, segment.close())
	}
	s.segments = nil
	return errors.Join(errs...)
}

// holding returns how many documents have a term in their text.
func (s *shard) holding(term []byte) (n uint64, err error) {
	for _, segment := range s.segments {
		found, err := segment.documentsOf(fieldText, term)
		if err != nil {
			return 0, err
		}
		n += uint64(found.count()) //nolint:gosec // not negative
	}
	return n, nil
}

// holds tells whether a document has a term in its text; that of an empty term has it.
func (s *shard) holds(term string, want document) (bool, error) {
	if term == "" || s.foreign {
		return true, nil
	}
	for _, segment := range s.segments {
		found, err := segment.documentsOf(fieldText, []byte(term))
		if err != nil {
			return false, err
		}
		all, err := segment.all()
		if err != nil {
			return false, err
		}
		for n := range found.all {
			if all[n] == want {
				return true, nil
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

// flush writes the documents of b as one segment, and empties it.
func (w *shardWriter) flush(b *batch) error {
	if len(b.docs) == 0 {
		return nil
	}
	s, err := createSegment(w.next())
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	b.write(s)
	if err := s.close(nil); err != nil {
		return err
	}
	w.documents.Add(uint64(len(b.docs)))
	b.reset()
	return nil
}

// close writes what is left, also what a sink that never came to its end has not put back, unless the index is to be thrown away. The segments become one.
func (w *shardWriter) close(discard bool) error {
	all := w.all
	w.all, w.idle = nil, nil
	if discard {
		return nil
	}
	// Each worker left a batch that is not full; together they are a good part of a small case.
	errs := make([]error, len(all))
	var flushes sync.WaitGroup
	for i, b := range all {
		flushes.Go(func() { errs[i] = w.flush(b) })
	}
	flushes.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return w.join()
}

// join makes one segment of those that were written.
func (w *shardWriter) join() error {
	list, err := os.ReadDir(w.dir)
	if err != nil || len(list) < 2 {
		return err
	}
	s := &shard{}
	for _, e := range list {
		segment, err := openSegment(filepath.Join(w.dir, e.Name()))
		if err != nil {
			return errors.Join(err, s.close())
		}
		s.segments = append(s.segments, segment)
	}
	err = errors.Join(mergeSegments(context.Background(), s.segments, nil, w.next()), s.close())
	for _, e := range list {
		if err == nil {
			err = os.Remove(filepath.Join(w.dir, e.Name()))
		}
	}
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
	document
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
func (b *batch) block(d document, e *entry, components [][]byte) {
	doc := blockDoc{document: d}
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

// verdictTerm stands for a finding's verdict among the severities, of which none has a colon.
func verdictTerm(v findings.Verdict) string { return "verdict:" + string(v) }

// findings adds the document of a case's findings, if it has any.
func (b *batch) findings(key string, fs []findings.Finding) {
	if len(fs) == 0 {
		return
	}
	doc := blockDoc{document: document{keyOf(key), noArtifact, 0}}
	for i := range fs {
		b.text(findingText(&fs[i]))
		b.word(&doc.checks, []byte(fs[i].Check))
		doc.severities = append(doc.severities, string(fs[i].Severity), verdictTerm(fs[i].Verdict))
	}
	b.end(doc)
}

// write writes the documents and their terms.
func (b *batch) write(w *segmentWriter) {
	for i := range b.docs {
		w.document(&b.docs[i].document)
	}
	// The documents of each term stand together, in order: first it is counted how many there are, then each is put to its place.
	at := make([]uint32, len(b.ends)+1)
	for _, t := range b.ids {
		at[t+1]++
	}
	for t := range b.ends {
		at[t+1] += at[t]
	}
	docs := make([]uint32, len(b.ids))
	to := slices.Clone(at)
	for i := range b.docs {
		for _, t := range b.ids[b.docs[i].from:b.docs[i].to] {
			docs[to[t]] = uint32(i)
			to[t]++
		}
	}
	order := make([]uint32, len(b.ends))
	for t := range order {
		order[t] = uint32(t)
	}
	slices.SortFunc(order, func(x, y uint32) int { return bytes.Compare(b.at(x), b.at(y)) })
	for _, t := range order {
		w.term(b.at(t), docs[at[t]:at[t+1]])
	}
	w.endField()
	for _, words := range []func(*blockDoc) []string{
		func(d *blockDoc) []string { return d.components },
		func(d *blockDoc) []string { return d.severities },
		func(d *blockDoc) []string { return d.checks },
	} {
		terms := map[string][]uint32{}
		for i := range b.docs {
			for _, t := range words(&b.docs[i]) {
				if all := terms[t]; len(all) == 0 || all[len(all)-1] != uint32(i) {
					terms[t] = append(all, uint32(i))
				}
			}
		}
		for _, t := range slices.Sorted(maps.Keys(terms)) {
			w.term([]byte(t), terms[t])
		}
		w.endField()
	}
}

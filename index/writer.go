package index

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/zstd"

	"casebook/findings"
	"casebook/ingest"
)

// caseFile is case.json: what a reader needs before it reads anything else of the case.
type caseFile struct {
	ID        string         `json:"id"`
	Artifacts []caseArtifact `json:"artifacts"`
	Blocks    int64          `json:"blocks"`  // bytes of the file "blocks"
	Records   int64          `json:"records"` // bytes of the file "records"
	Findings  int            `json:"findings"`
	Sums      map[string]sum `json:"sums,omitempty"` // of the other files, by name
}

// sum is what a file holds.
type sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// caseArtifact is an artifact of a case, in order of its number.
type caseArtifact struct {
	Path     string      `json:"path"`
	Kind     ingest.Kind `json:"kind"`
	Host     string      `json:"host"`               // the id of its system
	Size     int64       `json:"size"`               // bytes, as the report states them
	Registry bool        `json:"registry,omitempty"` // its blocks hold registry values; its records, if any, are entered apart
	First    int         `json:"first"`              // its first block in the file "blocks"
	Blocks   int         `json:"blocks"`
	// What became known of its clock when its records were already written; see [ingest.Artifact].
	Reading   ingest.Reading `json:"reading,omitempty"`
	Withdrawn bool           `json:"withdrawn,omitempty"`
}

// settle gives the times of records what became known of their clock later.
func (a *caseArtifact) settle(rs []record) {
	if a.Reading == ingest.ReadingOpen && !a.Withdrawn {
		return
	}
	for i := range rs {
		t := rs[i].Time.Read(a.Reading)
		if a.Withdrawn {
			t = t.WithoutSystem()
		}
		rs[i].Time = t
	}
}

// maxOffset is the farthest that a time may lie from what was known of it when its block was written.
const maxOffset = 24 * time.Hour

// settleEntry makes the times that refuse a block hold whatever the offset of its records is.
func (a *caseArtifact) settleEntry(e *entry) {
	if (a.Reading != ingest.ReadingOpen || a.Withdrawn) && e.First <= e.Last {
		e.First -= maxOffset.Microseconds()
		e.Last += maxOffset.Microseconds()
	}
}

// noArtifact is the artifact number of the document of a case's findings.
const noArtifact = 1<<32 - 1

// Writer builds one case aside and publishes it.
type Writer struct {
	dir   string // the archive
	tmp   string // what is built, below dir
	entry Entry
	key   string
	lock  *flock.Flock // held while tmp is in use
	shard *shardWriter // nil if the words are not indexed here

	mu      sync.Mutex
	err     error // the first; nothing is written after it
	meta    caseFile
	blocks  []entry
	seqs    []uint32                      // the number of each block in its artifact
	known   map[string]*findings.Artifact // what the report says of them
	uploads []Upload
	notes   []Note // that an imported case comes with
	sum     string // of case.json
	// withdrawn are the artifacts whose records lose the zone that a registry lent them.
	withdrawn map[string]bool
	records   *os.File
	out       *bufio.Writer
	offset    int64
	finished  bool
	encoders  sync.Pool
	sources   sourcesWriter
	stored    *Stored // nil if nothing is stored
}

// Create begins a case in the archive dir, which is made if it is not there. What dead writers left is removed. The case becomes
// visible with Commit; Abort removes what was written. One of the two must be called. ctx ends the wait for another writer.
func Create(ctx context.Context, dir string, entry Entry) (*Writer, error) {
	w, err := newWriter(ctx, dir, entry)
	if err != nil {
		return nil, err
	}
	if err := w.begin(); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// newWriter makes the folder in which a case is built.
func newWriter(ctx context.Context, dir string, entry Entry) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := usable(dir); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, entry: entry, key: newCaseKey(), meta: caseFile{Artifacts: []caseArtifact{}}, known: map[string]*findings.Artifact{}, withdrawn: map[string]bool{}}
	// The better level makes the records 15.1 % of the decoded text, where the fastest makes them 16.0 %; with it and two workers
	// 120 MB/s are written, and 160 MB/s without the record store.
	w.encoders.New = func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
		if err != nil {
			return nil
		}
		return e
	}
	var err error
	if w.tmp, w.lock, err = newTmp(ctx, dir, "beginning a case", entry.Waiting); err != nil {
		return nil, err
	}
	for _, d := range []string{dirCases, dirShards} {
		if err := os.Mkdir(filepath.Join(w.tmp, d), 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("archive: %w", err), w.Abort())
		}
	}
	return w, nil
}

// newTmp makes a folder to build in, and the lock that tells others that it is in use. What dead writers left is removed.
func newTmp(ctx context.Context, dir, doing string, waiting func(Holder)) (string, *flock.Flock, error) {
	unlock, err := lockArchive(ctx, dir, doing, waiting)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	if err := prepare(dir); err != nil {
		return "", nil, err
	}
	died, err := clearTmp(filepath.Join(dir, dirTmp))
	if err != nil {
		return "", nil, err
	}
	if died { // it may have moved in what it did not publish
		sweepAll(dir, readable)
	}
	tmp, err := os.MkdirTemp(filepath.Join(dir, dirTmp), "case-")
	if err != nil {
		return "", nil, fmt.Errorf("archive: %w", err)
	}
	lock := flock.New(filepath.Join(tmp, fileLock))
	if err := lock.Lock(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("archive: %w", err), os.RemoveAll(tmp))
	}
	return tmp, lock, nil
}

// begin opens what the records are written to.
func (w *Writer) begin() error {
	err := w.beginRecords()
	if err == nil {
		w.shard, err = newShardWriter(filepath.Join(w.tmp, dirShards))
	}
	return err
}

// beginRecords opens the record store.
func (w *Writer) beginRecords() error {
	var err error
	if w.records, err = os.Create(filepath.Join(w.tmp, dirCases, fileRecords)); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	w.out = bufio.NewWriterSize(w.records, 1<<20)
	return nil
}

// usable refuses a folder that is not an archive, or not one of ours, and could not become one without touching foreign files.
func usable(dir string) error {
	err := checkFormat(dir)
	if !errors.Is(err, ErrNoArchive) {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() == fileArchive }) {
		return nil // another writer has made it one by now
	}
	for _, e := range list {
		switch e.Name() {
		case fileLock, fileHolder, fileArchive + newSuffix: // another writer is beginning
		default:
			return fmt.Errorf("archive %q: the folder holds other files, such as %q; name an empty or a new one", dir, e.Name())
		}
	}
	return nil
}

// prepare makes an archive of the empty folder dir, unless it is one; one of an earlier format gets the present one, since such shards will be in it. The caller holds the
// archive's lock.
func prepare(dir string) error {
	format, err := formatOf(dir)
	if errors.Is(err, ErrNoArchive) || err == nil && format < Format {
		var b []byte
		if b, err = json.Marshal(header{Format: Format}); err == nil {
			err = writeFile(dir, fileArchive, append(b, '\n'))
		}
	}
	if err != nil {
		return err
	}
	for _, d := range []string{dirCases, dirShards, dirParts, dirTmp} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
	}
	return nil
}

// clearTmp removes what writers left that are no more: nobody holds the lock in their folders; died tells whether there were any. The caller holds the archive's lock,
// so that no writer is between making its folder and locking it.
func clearTmp(tmp string) (died bool, err error) {
	list, err := os.ReadDir(tmp)
	if err != nil {
		return false, fmt.Errorf("archive: %w", err)
	}
	for _, e := range list {
		dir := filepath.Join(tmp, e.Name())
		lock := flock.New(filepath.Join(dir, fileLock))
		if held, err := lock.TryLock(); err != nil || !held {
			continue
		}
		died = true
		if err := errors.Join(lock.Unlock(), os.RemoveAll(dir)); err != nil {
			return died, fmt.Errorf("archive: clear what an interrupted run left: %w", err)
		}
	}
	return died, nil
}

// fail remembers the first error.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// Err returns the first error of the writer or of a sink, which Commit returns too.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Artifact returns the sink that takes the records of a. It may be called from several goroutines; each sink belongs to one. The
// artifact's kind and host are taken when Done is called; Report may name another host.
func (w *Writer) Artifact(a *ingest.Artifact) ingest.Sink {
	return &sink{w: w, number: w.number(caseArtifact{Path: a.Path, Kind: a.Kind}), block: newBlockBuilder(classLog)}
}

// number enters an artifact and returns its number.
func (w *Writer) number(a caseArtifact) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meta.Artifacts = append(w.meta.Artifacts, a)
	return uint32(len(w.meta.Artifacts) - 1) //nolint:gosec // bounded by the limit on files
}

func newBlockBuilder(class uint8) blockBuilder {
	b := blockBuilder{class: class, components: map[string]int{}}
	b.reset()
	return b
}

// sink takes the records of one artifact.
type sink struct {
	w      *Writer
	number uint32
	seq    uint32
	block  blockBuilder
	batch  *batch // nil until the first record and after Done
	frame  []byte
	failed bool
}

// Records implements [ingest.Sink].
func (s *sink) Records(rs []ingest.Record) {
	for i := range rs {
		s.add(&rs[i], rs[i].Text, 0, 0)
	}
}

func (s *sink) add(r *ingest.Record, text []byte, key, name int) {
	if s.failed {
		return
	}
	s.block.add(r, text, key, name)
	if s.w.shard != nil {
		if s.batch == nil {
			s.batch = s.w.shard.take()
		}
		s.batch.text(text)
	}
	if s.block.full() {
		s.end()
	}
}

// end ends the block.
func (s *sink) end() {
	if s.failed || s.block.entry.Records == 0 {
		return
	}
	if s.batch != nil {
		s.batch.block(documentID(s.w.key, s.number, s.seq), &s.block.entry, s.block.names)
	}
	err := s.w.store(s)
	s.seq++
	s.block.reset()
	if err == nil && s.batch != nil && s.batch.bytes >= batchBytes {
		err = s.w.shard.flush(s.batch)
	}
	if err != nil {
		s.failed = true
		s.w.fail(err)
	}
}

// Done implements [ingest.Sink].
func (s *sink) Done(a *ingest.Artifact) {
	s.end()
	if s.batch != nil {
		s.w.shard.put(s.batch)
		s.batch = nil
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	art := &s.w.meta.Artifacts[s.number]
	art.Kind, art.Host, art.Reading = a.Kind, a.Host, a.Reading
}

// store appends the sink's block to the record store.
func (w *Writer) store(s *sink) error {
	enc, ok := w.encoders.Get().(*zstd.Encoder)
	if !ok {
		return errors.New("archive: the compressor refuses its options")
	}
	b := s.block.bytes()
	s.frame = enc.EncodeAll(b, s.frame[:0])
	w.encoders.Put(enc)

	if len(b) > maxBlock {
		return fmt.Errorf("archive: line %d: a record of %d bytes is longer than records may be", s.block.entry.Line, len(b))
	}
	e := s.block.entry
	e.Raw, e.Size, e.Artifact = uint32(len(b)), uint32(len(s.frame)), s.number //nolint:gosec // bounded by maxBlock
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	e.Offset = w.offset
	if _, err := w.out.Write(s.frame); err != nil {
		return fmt.Errorf("archive: write records: %w", err)
	}
	w.offset += int64(e.Size)
	w.blocks = append(w.blocks, e)
	w.seqs = append(w.seqs, s.seq)
	return nil
}

// RegistryValue is a value of a hive or an export, as it is shown.
type RegistryValue struct {
	Key  string // below the hive's root, or as the export states it
	Name string // "" for the default value
	Type string // REG_SZ …
	Data string // decoded, as evidence quotes it; cut after 256 KiB
	Line int    // of an export; 0 for a hive
}

// maxData is the length at which a registry value's data is cut.
const maxData = 256 << 10

// Registry indexes the registry values of an artifact. It may be called beside the sinks and for an artifact that has one.
func (w *Writer) Registry(path string, kind ingest.Kind, values iter.Seq[RegistryValue]) error {
	s := &sink{w: w, number: w.number(caseArtifact{Path: path, Kind: kind, Registry: true}), block: newBlockBuilder(classRegistry)}
	var text []byte
	for v := range values {
		// The name stands between the key and the data so that a query for a path and its value finds them in one text.
		text = append(append(text[:0], v.Key...), '\\')
		text = append(append(text, v.Name...), " = "...)
		text = append(text, cutData(v.Data)...)
		r := ingest.Record{Line: v.Line, Raw: text, Component: []byte(v.Type)}
		s.add(&r, text, len(v.Key), len(v.Name))
	}
	s.end()
	if s.batch != nil {
		w.shard.put(s.batch)
		s.batch = nil
	}
	return w.Err()
}

// cutData cuts long data before a character.
func cutData(s string) string {
	if len(s) <= maxData {
		return s
	}
	n := maxData
	for n > maxData-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Withdraw takes back the zone that a registry lent to the records of an artifact, since it turned out to be another computer's. It is called when
// all sinks are done.
func (w *Writer) Withdraw(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.withdrawn[path] = true
}

// Report stores the case's report, which encode writes as report.json, indexes its findings and takes from it which system each
// artifact belongs to. It is called once, after all artifacts.
func (w *Writer) Report(r *findings.Report, encode func(io.Writer) error) error {
	b, err := packFindings(r.Findings)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	dir := filepath.Join(w.tmp, dirCases)
	if err := errors.Join(createFile(filepath.Join(dir, fileReport), encode), os.WriteFile(filepath.Join(dir, fileFindings), b, 0o600), writeProfile(dir, r)); err != nil {
		w.fail(fmt.Errorf("archive: %w", err))
		return w.Err()
	}
	w.mu.Lock()
	w.meta.ID = r.CaseID()
	w.meta.Findings = len(r.Findings)
	w.uploads = uploadsOf(r)
	for i := range r.Artifacts {
		w.known[r.Artifacts[i].Path] = &r.Artifacts[i]
	}
	w.mu.Unlock()
	if w.shard != nil {
		batch := w.shard.take()
		batch.findings(w.key, r.Findings)
		w.shard.put(batch)
	}
	return nil
}

// createFile writes a file with what write gives it.
func createFile(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// findingText is what is searched of a finding.
func findingText(f *findings.Finding) []byte {
	b := findingWords(f)
	if f.Cause != "" && len(b) > 0 {
		b = append(b, '\n')
	}
	return append(b, f.Cause...)
}

// findingWords is what a finding says of its case. The cause explains the check, with codes that the case need not have.
func findingWords(f *findings.Finding) []byte {
	var b []byte
	for _, s := range []string{f.Title, f.Subject, f.Check, f.Summary} {
		if s != "" && len(b) > 0 {
			b = append(b, '\n')
		}
		b = append(b, s...)
	}
	return b
}

// Abort removes what was written. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.finished {
		return nil
	}
	w.finished = true
	var errs []error
	if w.shard != nil {
		_ = w.shard.close(true) // it is thrown away
	}
	if w.records != nil {
		_ = w.records.Close()
	}
	if w.sources.file != nil {
		_ = w.sources.file.Close()
	}
	errs = append(errs, w.lock.Unlock(), os.RemoveAll(w.tmp))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// Commit makes the case durable and publishes it in a new generation, in the place of an earlier case of the same ID. All sinks
// must be done. ctx ends the wait for another writer that is publishing. After an error nothing is published, and what
// was written is removed.
func (w *Writer) Commit(ctx context.Context) error {
	if w.finished {
		return errors.New("archive: the writer has ended")
	}
	err := w.finish()
	if err == nil {
		err = w.publish(ctx)
	}
	return errors.Join(err, w.Abort())
}

// finish completes the files and flushes them.
func (w *Writer) finish() error {
	if err := w.Err(); err != nil {
		return err
	}
	if w.meta.ID == "" {
		return errors.New("archive: the case has no ID: no report was given")
	}
	shard := w.shard
	w.shard = nil
	if err := shard.close(false); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := w.history(); err != nil {
		return err
	}
	if err := w.seal(); err != nil {
		return err
	}
	if err := w.keep(); err != nil {
		return err
	}
	if err := w.writeShard(shard, filepath.Join(w.tmp, dirCases), &liveCase{ID: w.meta.ID, Key: w.key}); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, d := range []string{dirCases, dirShards, dirUploads} {
		if err := syncTree(filepath.Join(w.tmp, d)); err != nil && (d != dirUploads || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("archive: %w", err)
		}
	}
	return nil
}

// seal completes the files of the case's folder, and writes their sums.
func (w *Writer) seal() error {
	if err := w.complete(); err != nil {
		return err
	}
	if err := w.finishSources(); err != nil {
		return err
	}
	dir := filepath.Join(w.tmp, dirCases)
	var err error
	if w.meta.Sums, err = sums(dir, nil); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	b, err := json.Marshal(w.meta)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	w.sum = sumOf(b)
	if err := os.WriteFile(filepath.Join(dir, fileCase), b, 0o600); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// writeShard completes the index of the case in a folder.
func (w *Writer) writeShard(shard *shardWriter, folder string, live *liveCase) error {
	dir := filepath.Join(w.tmp, dirShards)
	if err := writeOutline(dir, map[string]liveCase{folder: *live}); err != nil {
		return err
	}
	return writeShardFile(dir, shard.documents.Load(), []string{w.key})
}

// complete ends the record store and writes the table of its blocks.
func (w *Writer) complete() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("archive: write records: %w", err)
	}
	if err := w.records.Close(); err != nil {
		return fmt.Errorf("archive: write records: %w", err)
	}
	w.records = nil
	for i := range w.meta.Artifacts {
		a := &w.meta.Artifacts[i]
		if said, ok := w.known[a.Path]; ok {
			a.Host, a.Size = said.System, said.Bytes
		}
		a.Withdrawn = w.withdrawn[a.Path]
	}
	blocks := w.table()
	if err := os.WriteFile(filepath.Join(w.tmp, dirCases, fileBlocks), blocks, 0o600); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	w.meta.Blocks, w.meta.Records = int64(len(blocks)), w.offset
	return nil
}

// history writes what the earlier evaluations of the case said.
func (w *Writer) history() error {
	old, err := findCase(w.dir, w.meta.ID)
	if err != nil || old == nil {
		return err
	}
	before, err := readHistory(w.dir, old.Name)
	if err != nil {
		return nil //nolint:nilerr // a case that is damaged is replaced
	}
	report, err := readFile(filepath.Join(w.dir, dirCases, old.Name), fileReport)
	if err != nil {
		return nil //nolint:nilerr // the same
	}
	return writeHistory(filepath.Join(w.tmp, dirCases), revise(before, report))
}

// writeHistory writes the history of a case into its folder.
func writeHistory(folder string, list []Revision) error {
	b, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, fileHistory), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// readHistory reads the history of the case in a folder of cases.
func readHistory(dir, name string) ([]Revision, error) {
	b, err := readFile(filepath.Join(dir, dirCases, name), fileHistory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseHistory(b)
}

// ParseHistory reads a file [KeptHistory].
func ParseHistory(b []byte) ([]Revision, error) {
	var out []Revision
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", fileHistory, err)
	}
	return out, nil
}

// keep copies the uploads that are to be kept.
func (w *Writer) keep() error {
	for i := range w.uploads {
		u := &w.uploads[i]
		files := w.entry.Keep[u.SHA256]
		if len(files) == 0 {
			continue
		}
		dir := filepath.Join(w.tmp, dirUploads, u.SHA256)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("archive: keep the upload %q: %w", u.Name, err)
		}
		for _, f := range files {
			if err := copyFile(f, filepath.Join(dir, filepath.Base(f))); err != nil {
				return fmt.Errorf("archive: keep the upload %q: %w", u.Name, err)
			}
		}
	}
	return nil
}

// copyFile copies a file to a new one.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	return createFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// table returns the content of the file "blocks", in order of artifacts and of blocks within them, and enters in the artifacts
// where theirs are.
func (w *Writer) table() []byte {
	order := make([]int, len(w.blocks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(w.blocks[a].Artifact, w.blocks[b].Artifact), cmp.Compare(w.seqs[a], w.seqs[b]))
	})
	out := make([]byte, 0, len(order)*entrySize)
	for i, n := range order {
		a := &w.meta.Artifacts[w.blocks[n].Artifact]
		if a.Blocks == 0 {
			a.First = i
		}
		a.Blocks++
		a.settleEntry(&w.blocks[n])
		out = w.blocks[n].put(out)
	}
	return out
}

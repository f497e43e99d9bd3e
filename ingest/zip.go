package ingest

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"casebook/internal/safeio"
)

// The structures are those of PKWARE's APPNOTE.TXT 6.3.10. The central directory is read by the zip library; the members' bytes are
// read here, so that what stands before a break is kept.

// Compression methods (APPNOTE.TXT 4.4.5).
const (
	zipStored    = 0
	zipDeflate   = 8
	zipDeflate64 = 9
	zipBzip2     = 12
	zipLZMA      = 14
	zipZstd      = 93
	zipXZ        = 95
)

// zipEncrypted is the general purpose bit 0 (APPNOTE.TXT 4.4.4).
const zipEncrypted = 1

// zipMarker is the general purpose bit 1 of LZMA data: a marker ends them.
const zipMarker = 2

// errTooMany stops the reading of a directory that has more entries than are wanted.
var errTooMany = errors.New("too many entries")

// zipEntry is one file of a zip.
type zipEntry struct {
	in     *content
	name   string // as the archive writes it, decoded to UTF-8
	bad    string // what is wrong with the name itself, "" if nothing is
	off    int64  // of the packed bytes
	size   int64  // of the packed bytes
	method uint16
	flags  uint16
	crc    uint32
	want   int64 // the size that the archive declares, -1 if it does not
	attrs  fs.FileMode
	time   time.Time
	utc    bool   // time is UTC
	clock  uint16 // MS-DOS time, as it stands there
	err    error  // why the entry can't be read, nil if it can

	endless bool // salvaged without knowing where it ends

	aes      aesField // of an entry that is encrypted by AES
	password string   // of an encrypted entry
}

// readZip lists the entries of a zip, at most limit of them. If the central directory can't be used, the local headers are followed
// instead, and damage says so. An error means that nothing can be listed.
func readZip(ctx context.Context, in *content, limit int) (list []*zipEntry, damage error, err error) {
	r, err := in.acquire()
	if err != nil {
		return nil, nil, plain(err)
	}
	defer in.release()
	defer func() {
		if v := recover(); v != nil {
			list, damage, err = nil, nil, fmt.Errorf("can't be opened: internal error: %v", v)
		}
	}()
	n, held := 0, 0
	zr, err := zip.NewReaderWithOptions(r, in.size, zip.ReaderOptions{NameDecoder: func(h *zip.FileHeader) error {
		if n&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		// Names, comments and extra fields may have 64 KiB each: what is kept of them is bounded with the number of entries.
		h.Comment, h.Extra = "", slimExtra(h.Extra)
		held += len(h.Name) + len(h.Extra)
		if n++; n > limit+1 || held > (limit+maxName)*pathAverage {
			return errTooMany
		}
		return nil
	}})
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if errors.Is(err, zip.ErrInsecurePath) { // names are cleaned here
		err = nil
	}
	if err == nil {
		list, lost, lerr := zipEntries(ctx, in, zr.File)
		if lerr != nil {
			return nil, nil, lerr
		}
		if lost > 0 && lost < len(list) && headless(r, in.size) {
			return list, cutf(CutListed, "bytes of it are missing, and with them %d of the %d members that its directory names", lost, len(list)), nil
		}
		if lost < len(list) {
			return list, zipBefore(r, list), nil
		}
	}
	found, serr := salvageZip(ctx, in, r, limit)
	switch {
	case serr != nil:
		return nil, nil, serr
	case len(found) > 0 && errors.Is(err, errTooMany):
		return found, nil, nil
	case len(found) > 0:
		return salvaged(in, r, found, limit)
	case err != nil:
		return nil, nil, cutf(CutUnlisted, "is cut short or damaged: it has no directory at its end and no member at its start; ask for it again")
	}
	list, _, err = zipEntries(ctx, in, zr.File)
	return list, nil, err
}

// salvaged returns the members that were found by their own headers, and what is wrong with the zip: it lacks its directory, as where its end is cut
// off, or bytes before it, as where a part of a set is missing. Then the directory says which members those were; they are listed too.
func salvaged(in *content, r io.ReaderAt, found []*zipEntry, limit int) ([]*zipEntry, error, error) {
	place, end := zipEnd(r, in.size)
	if end == nil || place+zipEndLen+int64(binary.LittleEndian.Uint16(end[20:])) != in.size { // the end of an archive within is none
		return found, cutf(CutUnlisted, "it is cut short: its directory, which stands at its end, is missing; members found by their own headers: %d", len(found)), nil
	}
	there := map[string]bool{}
	for _, e := range found {
		there[e.name] = true
	}
	listed, missing := directoryNames(in, r, place, end, limit), 0
	for _, e := range listed {
		if !there[e.name] && len(found) <= limit {
			found = append(found, e)
			missing++
		}
	}
	if missing > 0 {
		return found, cutf(CutListed, "bytes of it are missing, and with them %d of the %d members that its directory names", missing, len(listed)), nil
	}
	return found, fmt.Errorf("its directory at the end is damaged; members found by their own headers: %d", len(found)), nil
}

// headless tells whether a zip has fewer bytes before its directory than its end record says.
func headless(r io.ReaderAt, size int64) bool {
	le := binary.LittleEndian
	place, end := zipEnd(r, size)
	return end != nil && le.Uint32(end[16:]) != math.MaxUint32 && int64(le.Uint32(end[16:]))+int64(le.Uint32(end[12:])) > place
}

// directoryNames reads the central directory that stands before the end record at a place (APPNOTE.TXT 4.3.12) as a list of members without bytes.
func directoryNames(in *content, r io.ReaderAt, place int64, end []byte, limit int) []*zipEntry {
	const length = 46
	le := binary.LittleEndian
	size := int64(le.Uint32(end[12:]))
	if size > place || size > maxDirectory {
		return nil
	}
	b := make([]byte, size) // no more than the file holds
	if _, err := r.ReadAt(b, place-size); err != nil {
		return nil
	}
	var list []*zipEntry
	for len(b) >= length && string(b[:4]) == "PK\x01\x02" && len(list) <= limit {
		names, extras := length+int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
		if names+extras > len(b) {
			break
		}
		e := &zipEntry{
			in: in, flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), time: dosTime(le.Uint16(b[14:]), le.Uint16(b[12:])), clock: le.Uint16(b[12:]),
			want: int64(le.Uint32(b[24:])), err: errors.New("its bytes are missing from the archive"),
		}
		e.setName(string(b[length:names]), b[names:names+extras])
		if !e.isDir() {
			list = append(list, e)
		}
		b = b[min(len(b), names+extras+int(le.Uint16(b[32:]))):]
	}
	return list
}

// zipEndLen is the length of an end of central directory record without its comment (APPNOTE.TXT 4.3.16).
const zipEndLen = 22

// zipBefore tells whether another archive stands before the first member of a zip, as where two were copied into one file: its directory is not
// that of the zip, which counts as for every other program, so that its members are not read. What a self-extractor begins with has no
// directory.
func zipBefore(r io.ReaderAt, list []*zipEntry) error {
	first := int64(math.MaxInt64)
	for _, e := range list {
		if e.err == nil {
			first = min(first, e.off)
		}
	}
	if first == math.MaxInt64 {
		return nil
	}
	le := binary.LittleEndian
	from := max(0, first-(256<<10)) // a comment, a local header, its name and its fields have 64 KiB at most each
	buf := make([]byte, first-from)
	n, _ := r.ReadAt(buf, from) // what can't be read is no directory
	buf = buf[:n]
	for at := len(buf); ; {
		if at = bytes.LastIndex(buf[:at], []byte("PK\x05\x06")); at < 0 {
			return nil
		}
		b := buf[at:]
		if len(b) < zipEndLen || zipEndLen+int(le.Uint16(b[20:])) > len(b) {
			continue
		}
		members, size := le.Uint16(b[10:]), int64(le.Uint32(b[12:]))
		var signature [4]byte
		if dir := from + int64(at) - size; members > 0 && dir >= 0 {
			if _, err := r.ReadAt(signature[:], dir); err == nil && string(signature[:]) == "PK\x01\x02" {
				return fmt.Errorf("another archive of %d members stands before it in the same file, up to byte %d; its members are not read: cut the file there and pass both parts", members, from+int64(at)+zipEndLen+int64(le.Uint16(b[20:])))
			}
		}
	}
}

// zipEntries lists the files of a central directory. lost is how many of them have no data where the directory says.
func zipEntries(ctx context.Context, in *content, files []*zip.File) (list []*zipEntry, lost int, err error) {
	for _, f := range files {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		e := &zipEntry{
			in: in, method: f.Method, flags: f.Flags, crc: f.CRC32, attrs: f.Mode(),
			time:  dosTime(f.ModifiedDate, f.ModifiedTime), //nolint:staticcheck // Modified mixes clocks with and without a zone
			clock: f.ModifiedTime,                          //nolint:staticcheck // the encryption checks passwords by it
			size:  clampSize(f.CompressedSize64), want: clampSize(f.UncompressedSize64),
		}
		e.setName(f.Name, f.Extra)
		if off, err := f.DataOffset(); err != nil || off < 0 || off > in.size {
			e.err = errors.New("its data is missing: the archive's directory points to no local header")
			e.size = 0
			lost++
		} else {
			e.off, e.size = off, min(e.size, in.size-off)
		}
		list = append(list, e)
	}
	markOverlaps(list)
	return list, lost, nil
}

// setName decodes the raw name, and reads what else the extra fields say.
func (e *zipEntry) setName(raw string, extra []byte) {
	if t, ok := zipFileTime(extra); ok {
		e.time, e.utc = t, true
	}
	if e.method == zipAES {
		e.aes, _ = findAESField(extra)
	}
	name, ok := decodeZipName(raw, e.flags, extra)
	e.name = strings.Clone(cutString(name, maxName+utf8.UTFMax)) // cleanName cuts the rest and says so
	if !ok {
		e.bad = "claims to be UTF-8 and is not"
	}
}

// slimExtra returns a copy of the extra fields that are looked at: the zip64 sizes, how AES was used, the times in UTC, and a Unicode path of moderate
// length.
func slimExtra(extra []byte) []byte {
	var slim []byte
	for len(extra) >= 4 {
		id, size := uint16(extra[0])|uint16(extra[1])<<8, int(extra[2])|int(extra[3])<<8
		if 4+size > len(extra) {
			break
		}
		if (id == 1 || id == zipAESExtra || id == zipNTFSTimes || id == zipUnixTimes) && size <= 64 || id == zipUnicodePath && size <= maxName {
			slim = append(slim, extra[:4+size]...)
		}
		extra = extra[4+size:]
	}
	return slim
}

// Extra fields with times in UTC: that of PKZIP and of archivers of Windows (APPNOTE.TXT 4.5.5), and Info-ZIP's (its "extrafld.txt", "UT").
const (
	zipNTFSTimes = 0x000A
	zipUnixTimes = 0x5455
)

// zipFileTime returns the modification time that extra fields state in UTC, and false if they state none. NTFS's is finer, so that it counts
// where both are there:
//
//	0x000A  reserved 4, then attributes: tag 2, size 2; tag 1 has the FILETIMEs of modification, access and creation
//	0x5455  flags 1, then seconds from 1970 in 4 bytes: of the modification if bit 0 is set
func zipFileTime(extra []byte) (t time.Time, ok bool) {
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, size := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if 4+size > len(extra) {
			break
		}
		field := extra[4 : 4+size]
		extra = extra[4+size:]
		switch {
		case id == zipNTFSTimes && len(field) > 4:
			for field := field[4:]; len(field) >= 4; {
				tag, n := le.Uint16(field), int(le.Uint16(field[2:]))
				if 4+n > len(field) {
					break
				}
				if tag == 1 && n >= 8 {
					if at := safeio.Filetime(le.Uint64(field[4:])); !at.IsZero() {
						return at, true
					}
				}
				field = field[4+n:]
			}
		case id == zipUnixTimes && len(field) >= 5 && field[0]&1 != 0:
			if seconds := int32(le.Uint32(field[1:])); seconds != 0 { //nolint:gosec // the field is signed
				t, ok = time.Unix(int64(seconds), 0).UTC(), true
			}
		}
	}
	return t, ok
}

// clampSize turns a declared size into one that sums can be made of.
func clampSize(n uint64) int64 { return int64(min(n, 1<<56)) }

// dosTime returns an MS-DOS date and time (APPNOTE.TXT 4.4.6), whose zone is unknown, in the UTC location; zero if there is none.
func dosTime(date, clock uint16) time.Time {
	if date == 0 {
		return time.Time{}
	}
	return time.Date(1980+int(date>>9), time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
}

// markOverlaps refuses entries whose packed bytes are another's too: no packer writes such, and archive bombs are made of them.
func markOverlaps(list []*zipEntry) {
	byOffset := make([]*zipEntry, 0, len(list))
	for _, e := range list {
		if e.err == nil && e.size > 0 {
			byOffset = append(byOffset, e)
		}
	}
	slices.SortStableFunc(byOffset, func(a, b *zipEntry) int {
		if a.off != b.off {
			return int(max(-1, min(1, a.off-b.off)))
		}
		return 0
	})
	var last *zipEntry
	for _, e := range byOffset {
		if last != nil && e.off < last.off+last.size {
			e.err = refusef(RefusedOverlap, "not read: its packed bytes at %d are also those of %q, which only a damaged or malicious archive has", e.off, last.name)
			continue
		}
		last = e
	}
}

// isDir tells whether the entry is a folder.
func (e *zipEntry) isDir() bool {
	return (strings.HasSuffix(e.name, "/") || strings.HasSuffix(e.name, `\`) || e.attrs.IsDir()) && e.want <= 0
}

// most returns how many bytes the entry can produce whatever it declares.
func (e *zipEntry) most() int64 {
	if e.how() == zipStored {
		return e.size
	}
	if e.how() == zipDeflate {
		return mulCapped(e.size, maxExpansion)
	}
	return 1 << 56
}

// stored tells whether the packed bytes are the member's bytes.
func (e *zipEntry) stored() bool {
	return e.method == zipStored && e.flags&zipEncrypted == 0 && e.err == nil
}

var (
	packedReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}
	inflaters     = sync.Pool{New: func() any { return flate.NewReader(strings.NewReader("")) }}
)

func (e *zipEntry) open() (stream, error) {
	if e.err != nil {
		return nil, e.err
	}
	if !e.packed() {
		return nil, fmt.Errorf("packed by method %d, which is not read; unpack the archive and pass the folder", e.how())
	}
	r, err := e.in.acquire()
	if err != nil {
		return nil, plain(err)
	}
	s := &zipStream{entry: e, section: io.NewSectionReader(r, e.off, e.size)}
	if err := s.start(); err != nil {
		_ = s.Close() // the first error counts
		return nil, err
	}
	return s, nil
}

// how returns the method by which the entry was packed, whether or not it was then encrypted.
func (e *zipEntry) how() uint16 {
	if e.method == zipAES && e.flags&zipEncrypted != 0 {
		return e.aes.method
	}
	return e.method
}

// packed tells whether the entry is packed by a method that is read.
func (e *zipEntry) packed() bool {
	switch e.how() {
	case zipStored, zipDeflate, zipDeflate64, zipBzip2, zipLZMA, zipZstd, zipXZ:
		return true
	}
	return false
}

// start begins the reading of the entry.
func (s *zipStream) start() (err error) {
	var packed io.Reader = s.section
	if s.entry.flags&zipEncrypted != 0 {
		if packed, s.mac, err = s.entry.decrypt(s.section); err != nil {
			return err
		}
	}
	how := s.entry.how()
	if how == zipStored {
		s.r = packed
		return nil
	}
	s.buf = packedReaders.Get().(*bufio.Reader)
	s.buf.Reset(packed)
	switch how {
	case zipDeflate:
		s.inflater = inflaters.Get().(io.ReadCloser)
		s.r = s.inflater
		return s.inflater.(flate.Resetter).Reset(s.buf, nil)
	case zipDeflate64:
		s.r = newInflate64(s.buf)
	case zipBzip2:
		s.r = bzip2.NewReader(s.buf)
	case zipLZMA:
		s.r, err = zipLZMAReader(s.buf, s.entry)
	case zipXZ:
		s.r, err = xz.NewReader(s.buf, maxDictionary)
	case zipZstd:
		s.zstd, err = zstd.NewReader(s.buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		s.r = s.zstd
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut short: its packed bytes end before its first byte")
	}
	return err
}

// zipLZMAReader reads the front of LZMA data (APPNOTE.TXT 5.8.8): version 2, length of the properties 2, properties 5.
func zipLZMAReader(r io.Reader, e *zipEntry) (io.Reader, error) {
	var front [9]byte
	if _, err := io.ReadFull(r, front[:]); err != nil {
		return nil, err
	}
	if front[2] != 5 || front[3] != 0 {
		return nil, errors.New("damaged: its LZMA properties are none")
	}
	size := uint64(math.MaxUint64)
	if e.flags&zipMarker == 0 && e.want >= 0 {
		size = uint64(e.want)
	}
	return newLZMA([5]byte(front[4:]), size, r)
}

// zipStream reads one entry.
type zipStream struct {
	entry    *zipEntry
	section  *io.SectionReader
	buf      *bufio.Reader
	inflater io.ReadCloser
	zstd     *zstd.Decoder
	mac      *aesReader // nil unless the entry is authenticated
	r        io.Reader
	crc      uint32
	n        int64
	err      error
}

func (s *zipStream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, p[:n])
	s.n += int64(n)
	if err != nil {
		s.err = s.verdict(err)
	}
	return n, s.err
}

// verdict turns the end of the packed bytes into io.EOF, or into what is wrong with the member.
func (s *zipStream) verdict(err error) error {
	e := s.entry
	switch {
	case errors.Is(err, io.EOF) && e.want >= 0 && s.n < e.want:
		return fmt.Errorf("cut short: %d of %d bytes are there", s.n, e.want)
	case errors.Is(err, io.EOF) && s.mac != nil:
		if verr := s.mac.verify(); verr != nil {
			return fmt.Errorf("damaged: of its %d bytes %w", s.n, verr)
		}
		if e.aes.version != 1 || e.want < 0 || e.crc == s.crc {
			return io.EOF
		}
		return fmt.Errorf("damaged: its %d bytes have the CRC %08x, the archive says %08x", s.n, s.crc, e.crc)
	case errors.Is(err, io.EOF) && e.endless:
		return fmt.Errorf("cut short: nothing states its end; %d bytes are there", s.n)
	case errors.Is(err, io.EOF) && e.want < 0:
		return io.EOF
	case errors.Is(err, io.EOF) && e.crc != s.crc && (e.crc != 0 || s.n != e.want):
		return fmt.Errorf("damaged: its %d bytes have the CRC %08x, the archive says %08x", s.n, s.crc, e.crc)
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("cut short: its packed bytes end after %d bytes of it", s.n)
	default:
		return fmt.Errorf("damaged after %d bytes: %w", s.n, plain(err))
	}
}

func (s *zipStream) packed() int64 {
	at, _ := s.section.Seek(0, io.SeekCurrent) // a position is known without an error
	return at
}

func (s *zipStream) Close() error {
	if s.entry == nil {
		return nil
	}
	if s.inflater != nil {
		inflaters.Put(s.inflater)
	}
	if s.zstd != nil {
		s.zstd.Close()
	}
	if s.buf != nil {
		s.buf.Reset(nil)
		packedReaders.Put(s.buf)
	}
	s.entry.in.release()
	s.entry, s.err = nil, fs.ErrClosed
	return nil
}

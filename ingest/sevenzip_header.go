package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/bodgit/sevenzip"
	"github.com/ulikunitz/xz/lzma"
)

// The library that reads 7z archives allocates what their headers declare. So each header is looked at here first, by the grammar of
// 7zFormat.txt (7-Zip's DOC folder): what it declares has to fit into the bytes that it has and into the limits. A header that is packed
// itself is unpacked as if it were the only member of the archive, looked at, and given to the library in the clear.

const (
	// sevenZipStart is the length of the signature header: signature 6, version 2, CRC 4, and of the next header its offset 8, size 8 and CRC 4.
	sevenZipStart = 32
	// maxSevenZipHeader is how long the header of an archive may be: of 200,000 members with long names it has 40 MB.
	maxSevenZipHeader = 64 << 20
	// maxHeaderLayers is how often a header may be packed.
	maxHeaderLayers = 4
	// maxCoders is how many coders, and streams of a coder, 7-Zip allows in a folder.
	maxCoders = 32
	// maxFolderSteps bounds the work of finding the folder of each member, for which the library looks through all folders.
	maxFolderSteps = 4 << 30
)

// Property IDs of 7zFormat.txt.
const (
	propEnd, propHeader, propArchive               = 0x00, 0x01, 0x02
	propStreams, propFiles, propPack               = 0x04, 0x05, 0x06
	propUnpack, propSubStreams, propSize, propCRC  = 0x07, 0x08, 0x09, 0x0A
	propFolder, propUnpackSize, propUnpackStreams  = 0x0B, 0x0C, 0x0D
	propEncodedHeader                              = 0x17
	methodLZMA, methodPPMD, methodAES, methodLZMA2 = "\x03\x01\x01", "\x03\x04\x01", "\x06\xf1\x07\x01", "\x21"
)

var errSevenZipHeader = errors.New("damaged: its header is not that of a 7z archive")

// sevenZipShape is what the look at a header found.
type sevenZipShape struct {
	aes          []bool // by folder: whether it is encrypted
	lockedHeader bool
	password     string // of the header
}

// locked tells whether any member is encrypted.
func (s *sevenZipShape) locked() bool { return slices.Contains(s.aes, true) }

// plainSevenZip returns the archive with its header in the clear, or nothing if the archive is empty.
func (u *unpacking) plainSevenZip(ctx context.Context) (*sevenZipShape, *overlay, error) {
	var start [sevenZipStart]byte
	if _, err := u.r.ReadAt(start[:], 0); err != nil {
		return nil, nil, cutf(CutUnlisted, "cut short: it has no header")
	}
	le := binary.LittleEndian
	off, size := le.Uint64(start[12:]), le.Uint64(start[20:])
	switch {
	case crc32.ChecksumIEEE(start[12:]) != le.Uint32(start[8:]):
		return nil, nil, errors.New("damaged: its first header has a wrong CRC")
	case size == 0:
		return nil, nil, nil
	case off > uint64(u.in.size) || size > uint64(u.in.size)-off || off+size+sevenZipStart > uint64(u.in.size): //nolint:gosec // a size is not negative
		return nil, nil, cutf(CutUnlisted, "cut short: its header should stand at byte %d, and it ends at %d; ask for it again", off+sevenZipStart, u.in.size)
	case size > maxSevenZipHeader:
		return nil, nil, fmt.Errorf("damaged: its header has %d bytes", size)
	}
	head := make([]byte, size)
	if _, err := u.r.ReadAt(head, int64(off)+sevenZipStart); err != nil { //nolint:gosec // it was compared with the size
		return nil, nil, plain(err)
	}
	if crc32.ChecksumIEEE(head) != le.Uint32(start[28:]) {
		return nil, nil, errors.New("damaged: its header has a wrong CRC")
	}
	cappedOnce.Do(capDictionaries)
	shape := &sevenZipShape{}
	for range maxHeaderLayers {
		p := &sevenZipParser{b: head, maxFiles: uint64(u.c.limits.MaxFiles)} //nolint:gosec // a limit is not negative
		switch id := p.byte(); {
		case id == propHeader:
			p.header()
			if p.err != nil {
				return nil, nil, p.err
			}
			shape.aes = p.aes
			return shape, newOverlay(u.r, u.in.size, p.b), nil
		case id != propEncodedHeader:
			return nil, nil, errSevenZipHeader
		}
		p.streams()
		if p.err != nil {
			return nil, nil, p.err
		}
		wrapped := slices.Concat([]byte{propHeader, propStreams}, head[1:p.at], []byte{propFiles, 1, propEnd, propEnd})
		r := newOverlay(u.r, u.in.size, wrapped)
		if !slices.Contains(p.aes, true) {
			var err error
			if head, err = unpackedHeader(ctx, r, ""); err != nil {
				return nil, nil, err
			}
			continue
		}
		password, err := u.c.unlock(ctx, u.archive(), func(password string) bool {
			h, err := unpackedHeader(ctx, r, password)
			if err == nil && len(h) > 0 && (h[0] == propHeader || h[0] == propEncodedHeader) {
				head = h
				return true
			}
			return false
		})
		if err != nil {
			return nil, nil, err
		}
		shape.lockedHeader, shape.password = true, password
	}
	return nil, nil, errSevenZipHeader
}

// unpackedHeader unpacks a header that is the only member of an archive.
func unpackedHeader(ctx context.Context, r *overlay, password string) (head []byte, err error) {
	z, err := sevenzip.NewReaderWithPassword(r, r.size(), password)
	if err != nil || len(z.File) != 1 {
		return nil, errSevenZipHeader
	}
	f := z.File[0]
	m, err := f.Open()
	if err != nil {
		return nil, sevenZipDamage(err)
	}
	defer m.Close() //nolint:errcheck // it was only read
	var b bytes.Buffer
	src := &checked{r: io.LimitReader(m, maxSevenZipHeader+1), want: f.CRC32}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := io.CopyN(&b, src, packedBuffer); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, errSevenZipHeader
		}
	}
	if b.Len() > maxSevenZipHeader {
		return nil, fmt.Errorf("damaged: its header has more than %d bytes", maxSevenZipHeader)
	}
	return b.Bytes(), nil
}

// overlay is a 7z archive with another header, which stands behind its end.
type overlay struct {
	start [sevenZipStart]byte
	in    io.ReaderAt
	end   int64
	head  []byte
}

func newOverlay(in io.ReaderAt, end int64, head []byte) *overlay {
	o := &overlay{in: in, end: end, head: head}
	le := binary.LittleEndian
	copy(o.start[:], "7z\xbc\xaf\x27\x1c\x00\x04")
	le.PutUint64(o.start[12:], uint64(end-sevenZipStart)) //nolint:gosec // the archive has a signature header
	le.PutUint64(o.start[20:], uint64(len(head)))
	le.PutUint32(o.start[28:], crc32.ChecksumIEEE(head))
	le.PutUint32(o.start[8:], crc32.ChecksumIEEE(o.start[12:]))
	return o
}

func (o *overlay) size() int64 { return o.end + int64(len(o.head)) }

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		var m int
		var err error
		switch at := off + int64(n); {
		case at < sevenZipStart:
			m = copy(p[n:], o.start[at:])
		case at < o.end:
			m, err = o.in.ReadAt(p[n:n+int(min(int64(len(p)-n), o.end-at))], at)
			if errors.Is(err, io.EOF) && m > 0 {
				err = nil
			}
		case at < o.size():
			m = copy(p[n:], o.head[at-o.end:])
		default:
			err = io.EOF
		}
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// sevenZipParser walks through a header. After an error all further values are 0.
type sevenZipParser struct {
	b        []byte
	at       int
	err      error
	maxFiles uint64
	folders  uint64
	aes      []bool // by folder
}

func (p *sevenZipParser) fail() {
	if p.err == nil {
		p.err = errSevenZipHeader
	}
	p.at = len(p.b)
}

func (p *sevenZipParser) left() uint64 { return uint64(len(p.b) - p.at) } //nolint:gosec // at is never behind the end

func (p *sevenZipParser) byte() byte {
	if p.left() == 0 {
		p.fail()
		return 0
	}
	p.at++
	return p.b[p.at-1]
}

func (p *sevenZipParser) skip(n uint64) {
	if n > p.left() {
		p.fail()
		return
	}
	p.at += int(n) //nolint:gosec // it was compared with what is left
}

// number reads a NUMBER: the leading ones of the first byte count the bytes that follow, in little-endian order.
func (p *sevenZipParser) number() uint64 {
	first := p.byte()
	var v uint64
	for i := range 8 {
		mask := byte(0x80) >> i
		if first&mask == 0 {
			return v | uint64(first&(mask-1))<<(8*i)
		}
		v |= uint64(p.byte()) << (8 * i)
	}
	return v
}

// count reads a number of things of which each has at least one byte.
func (p *sevenZipParser) count() uint64 {
	n := p.number()
	if n > p.left() {
		p.fail()
		return 0
	}
	return n
}

// digests skips Digests: AllAreDefined, else a bit for each, and a CRC for each that is defined.
func (p *sevenZipParser) digests(n uint64) {
	defined := n
	if p.byte() == 0 {
		defined = 0
		for i := range (n + 7) / 8 {
			b := p.byte()
			for j := range min(8, n-8*i) {
				defined += uint64(b >> (7 - j) & 1)
			}
			if p.err != nil {
				return
			}
		}
	}
	p.skip(defined * 4)
}

// header reads Header behind its ID.
func (p *sevenZipParser) header() {
	id := p.byte()
	if id == propArchive { // which the library does not read, and nobody needs
		from := p.at - 1
		p.properties(func(byte) { p.skip(p.number()) })
		if p.err == nil {
			p.b = slices.Concat(p.b[:from], p.b[p.at:])
			p.at = from
		}
		id = p.byte()
	}
	if id == propStreams {
		p.streams()
		id = p.byte()
	}
	if id == propFiles {
		n := p.number()
		switch {
		case n > p.maxFiles:
			p.err = fmt.Errorf("it declares %d members, more than %d; --max-files raises the limit", n, p.maxFiles)
			p.at = len(p.b)
		case n*max(1, p.folders) > maxFolderSteps:
			p.err = fmt.Errorf("its %d members in %d folders are too many to be read; unpack it and pass the folder", n, p.folders)
			p.at = len(p.b)
		}
		return // what follows is bounded by n and by the bytes
	}
	if id != propEnd {
		p.fail()
	}
}

// streams reads StreamsInfo.
func (p *sevenZipParser) streams() {
	for p.err == nil {
		switch p.byte() {
		case propPack:
			p.number()
			n := p.count()
			p.properties(func(id byte) {
				switch id {
				case propSize:
					for range n {
						p.number()
					}
				case propCRC:
					p.digests(n)
				default:
					p.fail()
				}
			})
		case propUnpack:
			p.unpackInfo()
		case propSubStreams:
			p.subStreams()
		case propEnd:
			return
		default:
			p.fail()
		}
	}
}

// properties calls f for each ID up to the end.
func (p *sevenZipParser) properties(f func(id byte)) {
	for p.err == nil {
		id := p.byte()
		if id == propEnd {
			return
		}
		f(id)
	}
}

// unpackInfo reads CodersInfo.
func (p *sevenZipParser) unpackInfo() {
	if p.byte() != propFolder {
		p.fail()
	}
	p.folders = p.count()
	if p.folders > p.maxFiles || p.byte() != 0 { // External: no packer writes it
		p.fail()
	}
	var outs []uint64
	for range p.folders {
		outs = append(outs, p.folder())
		if p.err != nil {
			return
		}
	}
	p.properties(func(id byte) {
		switch id {
		case propUnpackSize:
			for _, n := range outs {
				for range n {
					p.number()
				}
			}
		case propCRC:
			p.digests(p.folders)
		default:
			p.fail()
		}
	})
}

// folder reads Folder and returns the number of its out streams.
func (p *sevenZipParser) folder() uint64 {
	coders := p.count()
	if coders == 0 || coders > maxCoders {
		p.fail()
	}
	var in, out uint64
	aes := false
	for range coders {
		flags := p.byte()
		at := p.at
		p.skip(uint64(flags & 15))
		method := string(p.b[at:p.at])
		ins, outs := uint64(1), uint64(1)
		if flags&0x10 != 0 {
			ins, outs = p.number(), p.number()
		}
		if ins > maxCoders || outs > maxCoders {
			p.fail()
		}
		var props []byte
		if flags&0x20 != 0 {
			n := p.count()
			at := p.at
			p.skip(n)
			props = p.b[at:p.at]
		}
		if p.err != nil {
			return 0
		}
		in, out = in+ins, out+outs
		aes = aes || method == methodAES
		if method == methodPPMD && (len(props) < 5 || binary.LittleEndian.Uint32(props[1:]) > maxDictionary) {
			p.err = refusef(RefusedMemory, "it asks for more than %d bytes of memory; unpack it and pass the folder", maxDictionary)
			p.at = len(p.b)
		}
	}
	if out == 0 || in < out-1 {
		p.fail()
		return 0
	}
	for range 2 * (out - 1) {
		p.number()
	}
	if packed := in - (out - 1); packed > 1 {
		for range packed {
			p.number()
		}
	}
	p.aes = append(p.aes, aes)
	return out
}

// subStreams reads SubStreamsInfo.
func (p *sevenZipParser) subStreams() {
	streams := make([]uint64, len(p.aes))
	files := uint64(len(p.aes))
	for i := range streams {
		streams[i] = 1
	}
	p.properties(func(id byte) {
		switch id {
		case propUnpackStreams:
			files = 0
			for i := range streams {
				streams[i] = p.number()
				if streams[i] > p.maxFiles || files+streams[i] > p.maxFiles {
					p.err = fmt.Errorf("it declares more than %d members; --max-files raises the limit", p.maxFiles)
					p.at = len(p.b)
					return
				}
				files += streams[i]
			}
		case propSize:
			for _, n := range streams {
				for range max(n, 1) - 1 {
					p.number()
				}
			}
		case propCRC: // of those whose folder has none, or of all: bounded by files, and checked by the library
			at := p.at
			p.digests(files)
			if p.err != nil { // of some
				p.err, p.at = nil, at
				p.skip(p.left())
			}
		default:
			p.fail()
		}
	})
}

var cappedOnce sync.Once

// capDictionaries replaces the library's LZMA decoders: they allocate the dictionary that a header asks for, whereas no more is needed
// than the stream has bytes.
func capDictionaries() {
	sevenzip.RegisterDecompressor([]byte(methodLZMA), func(props []byte, size uint64, in []io.ReadCloser) (io.ReadCloser, error) {
		if len(props) < 5 || len(in) != 1 {
			return nil, errSevenZipHeader
		}
		r, err := newLZMA([5]byte(props), size, in[0])
		return readCloser{r, in[0]}, err
	})
	sevenzip.RegisterDecompressor([]byte(methodLZMA2), func(props []byte, size uint64, in []io.ReadCloser) (io.ReadCloser, error) {
		if len(props) != 1 || props[0] > 40 || len(in) != 1 {
			return nil, errSevenZipHeader
		}
		dict := uint64(2|props[0]&1) << (props[0]/2 + 11)
		capped, err := dictionary(dict, size)
		if err != nil {
			return nil, err
		}
		r, err := lzma.Reader2Config{DictCap: capped}.NewReader2(in[0])
		return readCloser{r, in[0]}, err
	})
}

// readCloser joins a decoder with what it reads from.
type readCloser struct {
	io.Reader
	io.Closer
}

// dictionary returns the length of the dictionary that a stream of size bytes needs of the one that it asks for.
func dictionary(asked, size uint64) (int, error) {
	need := max(min(asked, size), lzma.MinDictCap)
	if need > maxDictionary {
		return 0, refusef(RefusedMemory, "it asks for a dictionary of %d bytes, more than %d; unpack it and pass the folder", need, maxDictionary)
	}
	return int(need), nil
}

// newLZMA returns a decoder of a raw LZMA stream: props are the byte of lc, lp and pb, and the length of the dictionary. The size is that of
// what it decodes to, all ones if a marker ends it.
func newLZMA(props [5]byte, size uint64, in io.Reader) (io.Reader, error) {
	dict, err := dictionary(uint64(binary.LittleEndian.Uint32(props[1:])), size)
	if err != nil {
		return nil, err
	}
	head := []byte{props[0]}
	head = binary.LittleEndian.AppendUint32(head, uint32(dict)) //nolint:gosec // it was compared
	head = binary.LittleEndian.AppendUint64(head, size)
	return lzma.NewReader(io.MultiReader(bytes.NewReader(head), in))
}

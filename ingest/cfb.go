package ingest

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
)

// Compound files are read by [MS-CFB]: a file system of sectors in chains.
//
//	header   signature 8, CLSID 16, version 4, byte order 2, sector shift 2, mini sector shift 2, 6 reserved, directory sectors 4, FAT sectors 4,
//	         first directory sector 4, transaction 4, mini stream cutoff 4, first mini FAT sector 4, mini FAT sectors 4, first DIFAT sector 4,
//	         DIFAT sectors 4, the first 109 DIFAT entries 4 each
//	entry    name 64, its length 2, type 1, colour 1, left 4, right 4, child 4, CLSID 16, state 4, times 16, first sector 4, size 8

const (
	cfbSignature   = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	cfbHeaderLen   = 512
	cfbEntryLen    = 128
	cfbEnd         = 0xFFFFFFFA // this and above are no sectors
	cfbMaxEntries  = 100_000
	cfbInHeader    = 109 // DIFAT entries in the header
	cfbStorage     = 1
	cfbStream      = 2
	cfbRoot        = 5
	cfbMaxChain    = 1 << 24 // sectors of a chain: 8 GiB of the usual ones
	cfbMiniSector  = 64
	cfbMiniMaximum = 4096
)

var errCFB = errors.New("damaged: its header is not that of a compound file")

// cfbFile is an open compound file.
type cfbFile struct {
	r       io.ReaderAt
	shift   uint // of a sector's length
	fat     []uint32
	mini    []uint32
	root    []uint32 // sectors of the mini stream
	entries []cfbEntry
}

// cfbEntry is a storage or a stream.
type cfbEntry struct {
	name               string
	kind               byte
	left, right, child uint32
	start              uint32
	size               int64
}

// openCFB reads the tables of a compound file of that length. Each sector is read once at most, whatever the chains say.
func openCFB(r io.ReaderAt, length int64) (*cfbFile, error) {
	var h [cfbHeaderLen]byte
	if _, err := r.ReadAt(h[:], 0); err != nil || string(h[:8]) != cfbSignature {
		return nil, errCFB
	}
	le := binary.LittleEndian
	f := &cfbFile{r: r, shift: uint(le.Uint16(h[30:]))}
	if f.shift != 9 && f.shift != 12 {
		return nil, errCFB
	}
	sectors := int(min(length>>f.shift+1, cfbMaxChain))
	difat := make([]uint32, 0, cfbInHeader)
	for i := range cfbInHeader {
		difat = append(difat, le.Uint32(h[76+4*i:]))
	}
	sector := make([]byte, 1<<f.shift)
	for next, n := le.Uint32(h[68:]), 0; next < cfbEnd && n < sectors; n++ {
		if !f.read(next, sector) {
			break
		}
		last := len(sector) - 4
		for i := 0; i < last; i += 4 {
			difat = append(difat, le.Uint32(sector[i:]))
		}
		next = le.Uint32(sector[last:])
	}
	for _, s := range difat {
		if s >= cfbEnd || len(f.fat) > sectors+cfbEntryLen<<f.shift || !f.read(s, sector) {
			continue
		}
		for i := 0; i < len(sector); i += 4 {
			f.fat = append(f.fat, le.Uint32(sector[i:]))
		}
	}
	for _, s := range f.chain(f.fat, le.Uint32(h[60:]), sectors) {
		if !f.read(s, sector) {
			break
		}
		for i := 0; i < len(sector); i += 4 {
			f.mini = append(f.mini, le.Uint32(sector[i:]))
		}
	}
	for _, s := range f.chain(f.fat, le.Uint32(h[48:]), sectors) {
		if !f.read(s, sector) || len(f.entries) > cfbMaxEntries {
			break
		}
		for b := sector; len(b) >= cfbEntryLen; b = b[cfbEntryLen:] {
			f.entries = append(f.entries, cfbEntryOf(b))
		}
	}
	if len(f.entries) == 0 || f.entries[0].kind != cfbRoot {
		return nil, errCFB
	}
	f.root = f.chain(f.fat, f.entries[0].start, sectors)
	return f, nil
}

// cfbEntryOf reads a directory entry.
func cfbEntryOf(b []byte) cfbEntry {
	le := binary.LittleEndian
	n := min(int(le.Uint16(b[64:])), 64) / 2
	units := make([]uint16, 0, 32)
	for i := range n {
		if u := le.Uint16(b[2*i:]); u != 0 {
			units = append(units, u)
		}
	}
	return cfbEntry{
		name: string(utf16.Decode(units)), kind: b[66], left: le.Uint32(b[68:]), right: le.Uint32(b[72:]), child: le.Uint32(b[76:]),
		start: le.Uint32(b[116:]), size: int64(le.Uint32(b[120:])), // files of version 3 leave garbage in the upper half
	}
}

// read reads a sector.
func (f *cfbFile) read(sector uint32, buf []byte) bool {
	n, _ := f.r.ReadAt(buf, (int64(sector)+1)<<f.shift) // what is missing is not there
	return n == len(buf)
}

// chain returns the sectors of a chain, at most limit: a chain that runs in a circle ends there.
func (f *cfbFile) chain(table []uint32, start uint32, limit int) []uint32 {
	var list []uint32
	for s := start; s < cfbEnd && int64(s) < int64(len(table)) && len(list) < limit; s = table[s] {
		list = append(list, s)
	}
	return list
}

// children returns the entries of a storage, by name.
func (f *cfbFile) children(parent int) map[string]int {
	list := map[string]int{}
	todo := []uint32{f.entries[parent].child}
	seen := map[uint32]bool{}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if int64(i) >= int64(len(f.entries)) || seen[i] {
			continue
		}
		seen[i] = true
		e := f.entries[i]
		if e.kind == cfbStorage || e.kind == cfbStream {
			list[e.name] = int(i)
		}
		todo = append(todo, e.left, e.right)
	}
	return list
}

// open returns the bytes of a stream.
func (f *cfbFile) open(entry int) io.Reader {
	e := f.entries[entry]
	s := &cfbReader{f: f, left: e.size, shift: f.shift}
	if e.size < cfbMiniMaximum {
		s.shift = 6
		s.sectors = f.chain(f.mini, e.start, cfbMiniMaximum/cfbMiniSector)
	} else {
		s.sectors = f.chain(f.fat, e.start, int(min(e.size>>f.shift+1, cfbMaxChain)))
	}
	return s
}

// cfbReader reads a stream.
type cfbReader struct {
	f       *cfbFile
	sectors []uint32
	shift   uint
	at      int64 // in the current sector
	left    int64
}

func (s *cfbReader) Read(p []byte) (int, error) {
	switch {
	case s.left == 0:
		return 0, io.EOF
	case len(s.sectors) == 0:
		return 0, io.ErrUnexpectedEOF
	}
	place := (int64(s.sectors[0])+1)<<s.shift + s.at
	if s.shift == 6 && s.f.shift != 6 { // in the mini stream
		off := int64(s.sectors[0])<<6 + s.at
		i := off >> s.f.shift
		if i >= int64(len(s.f.root)) {
			return 0, io.ErrUnexpectedEOF
		}
		place = (int64(s.f.root[i])+1)<<s.f.shift + off&(1<<s.f.shift-1)
	}
	n, err := s.f.r.ReadAt(p[:min(int64(len(p)), s.left, 1<<s.shift-s.at)], place)
	s.left -= int64(n)
	if s.at += int64(n); s.at == 1<<s.shift {
		s.at, s.sectors = 0, s.sectors[1:]
	}
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return 0, err
}

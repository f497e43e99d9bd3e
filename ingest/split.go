package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Archives are split in three ways: cut into pieces of bytes that are joined again as they are (X.7z.001, what 7-Zip and split write), zips whose
// offsets count from the beginning of a piece (X.z01 … X.zip, APPNOTE.TXT 8.3), and volumes of RAR, each with headers of its own (X.part1.rar …,
// or X.rar, X.r00 …).

// splitStyle is a way of splitting.
type splitStyle uint8

const (
	splitNone splitStyle = iota
	splitBytes
	splitZip
	splitRAR
)

// maxParts is how many parts a set may have: names with three digits count to it.
const maxParts = 1000

// part is the place of a file in a set.
type part struct {
	set   string // what the names of the set's parts have in common, in lower case
	style splitStyle
	n     int  // from 1 on; of the zip that ends a set: maxParts
	sure  bool // whether the name alone tells it
}

// partOf tells from a file's name which part of a set it is. X.zip and X.rar may be parts too: whether they are, their content says.
func partOf(name string) (p part, ok bool) {
	name = strings.ToLower(name)
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if len(ext) < 4 {
		return part{}, false
	}
	n, err := strconv.Atoi(ext[2:])
	switch {
	case ext == ".zip":
		return part{stem, splitZip, maxParts, false}, true
	case ext == ".rar":
		inner := path.Ext(stem)
		if digits, is := strings.CutPrefix(inner, ".part"); is {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 && n < maxParts {
				return part{strings.TrimSuffix(stem, inner), splitRAR, n, true}, true
			}
		}
		return part{stem, splitRAR, 1, false}, true
	case err != nil || n < 0 || n >= maxParts || strings.ContainsAny(ext, "+-"):
		return part{}, false
	case ext[1] == 'z' && n > 0:
		return part{stem, splitZip, n, true}, true
	case ext[1] >= 'r' && ext[1] <= 'v' && len(ext) == 4:
		return part{stem, splitRAR, 2 + n + 100*int(ext[1]-'r'), true}, true
	case ext[1] >= '0' && ext[1] <= '9':
		n, _ := strconv.Atoi(ext[1:]) // digits, as was seen
		switch path.Ext(stem) {
		case ".7z", ".zip", ".tar", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst":
			return part{stem, splitBytes, n, true}, n > 0
		}
	}
	return part{}, false
}

// isSplit tells whether a file of that name and content is part of a set: one that no name but X.zip or X.rar tells says so itself.
func isSplit(p part, in io.ReaderAt, size int64) bool {
	switch {
	case p.sure:
		return true
	case p.style == splitZip:
		_, end := zipEnd(in, size)
		return end != nil && binary.LittleEndian.Uint16(end[4:]) > 0 && binary.LittleEndian.Uint16(end[4:]) < maxParts
	}
	return isVolume(in)
}

// isVolume tells from the main header of a RAR archive whether it is one volume of several: archive flag 1 in both versions.
func isVolume(in io.ReaderAt) bool {
	var b [64]byte
	n, _ := in.ReadAt(b[:], 0) // what is missing is zero
	head := b[:n]
	switch {
	case len(head) >= 12 && string(head[:7]) == "Rar!\x1a\x07\x00":
		return head[9] == 0x73 && head[10]&1 != 0
	case len(head) >= 16 && string(head[:8]) == "Rar!\x1a\x07\x01\x00":
		var fields [4]uint64 // header size, type, header flags, then the size of the extra area or the archive flags
		rest := head[12:]
		for i := range fields {
			v, n := binary.Uvarint(rest)
			if n <= 0 {
				return false
			}
			fields[i], rest = v, rest[n:]
		}
		if fields[2]&1 != 0 {
			v, n := binary.Uvarint(rest)
			return n > 0 && fields[1] == 1 && v&1 != 0
		}
		return fields[1] == 1 && fields[3]&1 != 0
	}
	return false
}

// zipEnd returns the place and the bytes of the end record of a zip (APPNOTE.TXT 4.3.16), nil if there is none.
func zipEnd(in io.ReaderAt, size int64) (int64, []byte) {
	const length = 22
	from := max(0, size-length-1<<16)
	buf := make([]byte, size-from)
	n, _ := in.ReadAt(buf, from) // what is missing is not found
	for i := n - length; i >= 0; i-- {
		if string(buf[i:i+4]) == "PK\x05\x06" {
			return from + int64(i), buf[i : i+length]
		}
	}
	return 0, nil
}

// piece of a set that was found.
type setPart struct {
	part
	m    *member // nil in a folder beside an upload
	e    entry
	file string // beside an upload
	in   *content
}

// splitSet is a set of parts in order.
type splitSet struct {
	parts []setPart
	gap   int // number of the first part that is missing, 0 if none is known to be
}

// newSplitSet orders parts.
func newSplitSet(parts []setPart) *splitSet {
	slices.SortStableFunc(parts, func(a, b setPart) int { return cmp.Compare(a.n, b.n) })
	parts = slices.CompactFunc(parts, func(a, b setPart) bool { return a.n == b.n })
	s := &splitSet{parts: parts}
	for i, p := range parts {
		if p.n != i+1 && p.n != maxParts {
			s.gap = i + 1
			s.parts = parts[:i]
			return s
		}
	}
	if last := parts[len(parts)-1]; last.style == splitZip && last.n != maxParts {
		s.gap = len(parts) + 1
	}
	return s
}

// name is what the first part is called, or the zip that ends the set: the part that stands for it.
func (s *splitSet) head() *setPart {
	if last := &s.parts[len(s.parts)-1]; last.style == splitZip {
		return last
	}
	return &s.parts[0]
}

// join returns the set as one content. Volumes of RAR are joined too, but only to be hashed.
func (s *splitSet) join() *content {
	whole := &content{}
	for _, p := range s.parts {
		whole.parts = append(whole.parts, p.in)
		whole.size += p.in.size
	}
	return whole
}

// list returns the content to be listed, and its format.
func (s *splitSet) list(whole *content) (*content, container, error) {
	if len(s.parts) == 0 {
		return nil, containerNone, cutf(CutUnlisted, "the first part of the set is missing: put all parts beside each other")
	}
	if s.parts[0].style == splitZip {
		in, err := s.zip(whole)
		return in, containerZip, err
	}
	r, err := whole.acquire()
	if err != nil {
		return nil, containerNone, plain(err)
	}
	defer whole.release()
	var head [peekSize]byte
	n, _ := r.ReadAt(head[:], 0) // what can't be read is no container
	return whole, containerOf(head[:n]), nil
}

// zip returns a split zip as one that is not: offsets in its directory count from the beginning of the whole.
func (s *splitSet) zip(whole *content) (*content, error) {
	r, err := whole.acquire()
	if err != nil {
		return nil, plain(err)
	}
	defer whole.release()
	starts, at := []int64{}, int64(0)
	for _, p := range s.parts {
		starts = append(starts, at)
		at += p.in.size
	}
	le := binary.LittleEndian
	place, end := zipEnd(r, whole.size)
	if end == nil {
		return whole, nil // what stands in the local headers is salvaged
	}
	disk, size, off := int(le.Uint16(end[6:])), int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	if disk >= len(starts) || starts[disk]+off+size > place || size > maxDirectory {
		return whole, nil
	}
	directory := make([]byte, size)
	if _, err := r.ReadAt(directory, starts[disk]+off); err != nil {
		return nil, plain(err)
	}
	const length = 46
	for b := directory; len(b) >= length && string(b[:4]) == "PK\x01\x02"; {
		if disk := int(le.Uint16(b[34:])); disk < len(starts) {
			if abs := starts[disk] + int64(le.Uint32(b[42:])); abs < 1<<32-1 {
				le.PutUint16(b[34:], 0)
				le.PutUint32(b[42:], uint32(abs)) //nolint:gosec // it was compared
			}
		}
		b = b[min(len(b), length+int(le.Uint16(b[28:]))+int(le.Uint16(b[30:]))+int(le.Uint16(b[32:]))):]
	}
	end = slices.Clone(end)
	le.PutUint32(end[4:], 0)
	le.PutUint16(end[8:], le.Uint16(end[10:]))
	le.PutUint32(end[16:], uint32(min(whole.size, 1<<32-1))) //nolint:gosec // a larger one has the zip64 form, and is salvaged
	le.PutUint16(end[20:], 0)
	tail := &content{mem: slices.Concat(directory, end)}
	tail.size = int64(len(tail.mem))
	return &content{size: whole.size + tail.size, parts: []*content{whole, tail}}, nil
}

// maxDirectory is how long the directory of a split zip may be in bytes.
const maxDirectory = 64 << 20

// takePart keeps a member that is part of a set for joinSets, and tells whether it is one. head is its beginning.
func (c *catalogue) takePart(ctx context.Context, m *member, e entry, f container, head []byte) (bool, error) {
	p, ok := partOf(m.base)
	lastZip := p.style == splitZip && p.n == maxParts
	switch {
	case !ok, lastZip && f != containerNone: // nested looks at the end of what starts as a zip
		return false, nil
	case p.style == splitRAR && (f != containerRAR || !p.sure && !isVolume(bytes.NewReader(head))):
		return false, nil
	}
	in, err := c.randomAccess(ctx, m, e)
	if err != nil || in == nil {
		return err == nil, err
	}
	if lastZip && !endsSplit(in) {
		m.read, m.sum = false, "" // a file that is called so
		return false, nil
	}
	c.keepPart(p, m, e, in)
	return true, nil
}

// keepPart keeps a part of a set for joinSets.
func (c *catalogue) keepPart(p part, m *member, e entry, in *content) {
	m.kind = KindArchive
	p.set = path.Dir(m.path) + "/" + p.set
	c.parts = append(c.parts, setPart{part: p, m: m, e: e, in: in})
}

// endsSplit tells whether the end record of a zip says that the zip is the last part of a set.
func endsSplit(in *content) bool {
	r, err := in.acquire()
	if err != nil {
		return false
	}
	defer in.release()
	return isSplit(part{style: splitZip, n: maxParts}, r, in.size)
}

// joinSets opens the sets whose parts were found among the members.
func (c *catalogue) joinSets(ctx context.Context) error {
	for len(c.parts) > 0 { // a set may hold sets
		parts := c.parts
		c.parts = nil
		slices.SortStableFunc(parts, func(a, b setPart) int { return cmp.Or(cmp.Compare(a.set, b.set), cmp.Compare(a.style, b.style)) })
		for len(parts) > 0 {
			n := 1
			for n < len(parts) && parts[n].set == parts[0].set && parts[n].style == parts[0].style {
				n++
			}
			if err := c.joinSet(ctx, parts[:n]); err != nil {
				return err
			}
			parts = parts[n:]
		}
	}
	return nil
}

// setFree makes a part a member like any other: Read recognises and reads it.
func (p setPart) setFree() {
	p.m.kind, p.m.read, p.m.sum = "", false, ""
}

// joinSet opens a set.
func (c *catalogue) joinSet(ctx context.Context, parts []setPart) error {
	s, one := newSplitSet(slices.Clone(parts)), parts[0].m
	if s.gap > 0 {
		c.problem(one.path, StageOpen, "%v", cutf(CutUnlisted, "part %d of the set that it belongs to is missing: put all parts beside each other", s.gap))
	}
	for _, p := range parts { // those that are not joined are files like any other
		if !slices.ContainsFunc(s.parts, func(q setPart) bool { return q.m == p.m }) {
			p.setFree()
		}
	}
	if len(s.parts) == 0 {
		return nil
	}
	m, depth := s.head().m, s.head().e.depth
	if depth >= c.limits.MaxDepth {
		m.kind = KindUnread
		c.refuse(m.path, StageLimit, RefusedDepth, "not opened: archives are nested more than %d deep; --max-depth raises the limit", c.limits.MaxDepth)
		return nil
	}
	in, f, err := s.list(s.join())
	if err != nil || f == containerNone {
		for _, p := range s.parts {
			p.setFree()
		}
		c.problem(m.path, StageOpen, "named like a part of a split archive, but the parts are not those of an archive that can be opened; they are read one by one")
		return nil
	}
	m.kind = KindUnread
	if f == containerZip {
		err := c.nestedZip(ctx, m, in, depth)
		if m.kind == KindUnread {
			for _, p := range s.parts {
				p.setFree()
			}
		}
		return err
	}
	u := &unpacking{in: in, within: m.path, base: strings.TrimSuffix(path.Base(m.path), path.Ext(m.path)), depth: depth + 1}
	if s.parts[0].style == splitRAR {
		u.volumes = s
	}
	return c.nestedContainer(ctx, m, f, u)
}

// siblings returns the set that a file belongs to, of those in its folder; nil if it is none.
func siblings(file string, info fs.FileInfo) (*splitSet, error) {
	p, ok := partOf(filepath.Base(file))
	if !ok {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	split := isSplit(p, f, info.Size())
	_ = f.Close() // it was only read
	if !split {
		return nil, nil
	}
	dir := filepath.Dir(file)
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var parts []setPart
	for _, d := range list {
		q, ok := partOf(d.Name())
		if !ok || q.set != p.set || q.style != p.style || !d.Type().IsRegular() {
			continue
		}
		i, err := d.Info()
		if err != nil {
			continue // it is missing by now, which shows as a gap
		}
		full := filepath.Join(dir, d.Name())
		open := func() (*os.File, error) { return os.Open(full) }
		parts = append(parts, setPart{part: q, file: full, in: &content{size: i.Size(), open: open}})
	}
	s := newSplitSet(parts)
	if len(s.parts) > 0 && s.head().n != p.n {
		return nil, fmt.Errorf("it is part %d of a split archive: pass the part that stands for all (X.zip, X.7z.001, X.part1.rar or X.rar), with the others beside it", p.n)
	}
	return s, nil
}

// volumes shows the parts of a RAR set to the library by the names that it makes of the first one's.
func (s *splitSet) volumes() fs.FS { return volumeFS{s} }

// firstVolume is the name by which the first volume of a set is opened.
const firstVolume = "v.part1.rar"

type volumeFS struct{ s *splitSet }

func (v volumeFS) Open(name string) (fs.File, error) {
	n := 0
	if p, ok := partOf(name); ok {
		n = p.n
	}
	if n < 1 || n > len(v.s.parts) {
		return nil, fs.ErrNotExist
	}
	in := v.s.parts[n-1].in
	r, err := in.acquire()
	if err != nil {
		return nil, err
	}
	return &volumeFile{SectionReader: io.NewSectionReader(r, 0, in.size), in: in}, nil
}

// volumeFile is an open volume.
type volumeFile struct {
	*io.SectionReader
	in *content
}

func (f *volumeFile) Close() error {
	f.in.release()
	return nil
}

func (f *volumeFile) Stat() (fs.FileInfo, error) { return volumeInfo{f.in.size}, nil }

// volumeInfo describes a volume, of which the library wants to know no more than that it is one.
type volumeInfo struct{ size int64 }

func (volumeInfo) Name() string       { return firstVolume }
func (i volumeInfo) Size() int64      { return i.size }
func (volumeInfo) Mode() fs.FileMode  { return 0o400 }
func (volumeInfo) ModTime() time.Time { return time.Time{} }
func (volumeInfo) IsDir() bool        { return false }
func (volumeInfo) Sys() any           { return nil }

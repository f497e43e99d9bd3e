package hive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"casebook/internal/safeio"
)

// regf is the store of a hive file. [regf.readTree] checks every structure once and keeps the offsets of those that are sound; all
// other methods read only what it let through, change nothing, and can't fail.
type regf struct {
	bins     []byte // from file offset 4096 to the end; nil if they lie in several runs
	image    *image
	problems *problems
	reading  bool   // the tree is being read; from then on nothing below changes
	torn     bool   // a cell reaches from one run into another, so that nothing that was read counts
	used     bitmap // the units of 8 bytes of the bins in which a structure has been read
	nodes    []node
	ids      []int32         // 0, 1, 2 …: the children of a node are consecutive, and this is what slices of them are cut from
	vals     []uint32        // offsets of vk cells; the values of a node are consecutive
	lost     map[uint32]bool // vk cells whose data, and nk cells whose class name, can't be read or belongs to another
	replayed *replayed       // nil if no log was replayed
}

// newRegf returns the store of an image of which nothing is read yet.
func newRegf(m *image, p *problems, r *replayed) *regf {
	s := &regf{image: m, problems: p, replayed: r, used: make(bitmap, m.size/512+1)}
	if m.page == nil {
		s.bins = m.runs[0].data
	}
	// A key takes some 350 bytes of a hive with all that belongs to it, a value 160.
	s.nodes, s.vals = make([]node, 0, m.size/350), make([]uint32, 0, m.size/160)
	return s
}

// node is a key: its cell, and where its children and values are.
type node struct {
	cell              uint32 // offset in bins
	parent            int32  // -1 for the root
	firstKey, keys    int32
	firstValue, count int32
}

// bitmap is a set of small numbers.
type bitmap []uint64

// has reports whether i is in the set.
func (b bitmap) has(i int64) bool {
	return i>>6 < int64(len(b)) && b[i>>6]&(1<<(i&63)) != 0
}

// add adds i to the set.
func (b *bitmap) add(i int64) {
	for int64(len(*b)) <= i>>6 {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

// claim marks n bytes at off as read, in a set of units of 8 bytes that reaches to the end of the bins. It returns false, and marks
// nothing, if some of them were read before: no two structures of a sound hive share bytes, and in a hostile one sharing is how a small
// file becomes an endless tree.
func (b bitmap) claim(off uint32, n int) bool {
	first, last := int(off)>>3, (int(off)+max(n, 1)-1)>>3
	mask := func(word int) uint64 {
		m := ^uint64(0)
		if word == first>>6 {
			m <<= first & 63
		}
		if word == last>>6 {
			m &= ^uint64(0) >> (63 - last&63)
		}
		return m
	}
	for word := first >> 6; word <= last>>6; word++ {
		if b[word]&mask(word) != 0 {
			return false
		}
	}
	for word := first >> 6; word <= last>>6; word++ {
		b[word] |= mask(word)
	}
	return true
}

// problem notes damage at an offset in the bins.
func (s *regf) problem(off uint32, format string, args ...any) {
	if s.problems.total >= maxProblems {
		s.problems.total++
		return
	}
	s.problems.add(Problem{Offset: baseBlockSize + int64(off), Message: fmt.Sprintf(format, args...)})
}

// cell returns what the cell at off holds, as much of it as the file has; nil if there is none.
//
// A cell is an int32 size, negative if the cell is in use, that counts itself, and then its data.
func (s *regf) cell(off uint32) []byte {
	b, at := s.bins, int64(off)
	if b == nil {
		b, at = s.image.at(at), 0
	}
	if at+4 > int64(len(b)) {
		s.tear(off, 4)
		return nil
	}
	size := int64(int32(binary.LittleEndian.Uint32(b[at:]))) //nolint:gosec // the sign is the cell's allocation state
	if size < 0 {
		size = -size
	}
	end := at + size
	if end > int64(len(b)) {
		s.tear(off, size)
		end = int64(len(b))
	}
	if end <= at+4 {
		return nil
	}
	return b[at+4 : end : end]
}

// tear notes that n bytes at off, of which not all lie in one run, do not all lie behind the end either.
func (s *regf) tear(off uint32, n int64) {
	if s.reading && s.bins == nil && int64(off) < s.image.size && int64(off)+int64(len(s.image.at(int64(off)))) < min(int64(off)+n, s.image.size) {
		s.torn = true
	}
}

// size returns the size field of the cell at off, and false if it lies outside the file.
func (s *regf) size(off uint32) (int64, bool) {
	raw, ok := safeio.U32(s.image.at(int64(off)), 0)
	return int64(int32(raw)), ok //nolint:gosec // see cell
}

// absent says why there is no cell at off.
func (s *regf) absent(off uint32) string {
	if _, ok := s.size(off); ok {
		return "is a cell of no size"
	}
	return "lies outside the file"
}

// inUse reports whether the cell at off, which exists, is allocated.
func (s *regf) inUse(off uint32) bool {
	size, _ := s.size(off)
	return size < 0
}

// checkCell notes that the cell at off, which exists, is marked as free or is larger than the file.
func (s *regf) checkCell(off uint32, what string) {
	size, _ := s.size(off)
	if size >= 0 {
		s.problem(off, "a %s's cell is marked as free", what)
	}
	if size = max(size, -size); int64(off)+size > s.image.size {
		s.problem(off, "a %s's cell of %d bytes reaches behind the end of the file", what, size)
	}
}

// signature reports whether a cell begins with the two letters.
func signature(cell []byte, sig string) bool { return len(cell) >= 2 && string(cell[:2]) == sig }

// Key node, the fields that are read:
//
//	 0  "nk"
//	 2  flags: 0x04 root of the hive, 0x20 name in Latin-1 instead of UTF-16
//	 4  FILETIME of the last write
//	16  offset of the parent
//	20  number of subkeys
//	28  offset of the subkey list
//	36  number of values
//	40  offset of the value list
//	48  offset of the class name
//	72  length of the name in bytes
//	74  length of the class name in bytes
//	76  name
const (
	nkSize        = 76
	nkFlagRoot    = 0x04
	nkFlagLatin1  = 0x20
	nkParent      = 16
	nkClass       = 48
	nkNameLength  = 72
	nkClassLength = 74
)

// Key value:
//
//	 0  "vk"
//	 2  length of the name in bytes
//	 4  length of the data in bytes; with the top bit set, up to 4 bytes of data stand in place of the offset
//	 8  offset of the data
//	12  type
//	16  flags: 1 name in Latin-1
//	20  name
const (
	vkSize       = 20
	vkFlagLatin1 = 1
	vkInline     = 1 << 31
)

// segmentSize is how many bytes of data a segment of a big-data record holds.
const segmentSize = 16344

// pathOf formats the path of a node for a message.
type pathOf struct {
	s  *regf
	id int
}

// String returns the quoted path; it is asked for only if the message is kept.
func (p pathOf) String() string {
	k := Key{h: &Hive{store: p.s}, id: int32(p.id)} //nolint:gosec // see readTree
	return safeio.Quote(clip(k.Path()))
}

// nk returns the key node at off with at least its fixed part and its name; nil, with the reason, if it is none.
func (s *regf) nk(off uint32) ([]byte, string) {
	cell := s.cell(off)
	switch {
	case cell == nil:
		return nil, s.absent(off)
	case !signature(cell, "nk"):
		return nil, "is no key"
	case len(cell) < nkSize:
		return nil, fmt.Sprintf("has %d bytes, less than a key has", len(cell))
	case len(cell) < nkSize+int(binary.LittleEndian.Uint16(cell[nkNameLength:])):
		return nil, fmt.Sprintf("has %d bytes, too few for its name", len(cell))
	}
	return cell, ""
}

// findRoot returns the offset of the root key: the one that the base block names, or the one above it that is marked as a root, else the first key
// that is so marked, else the key in the first cell; noCell if there is none.
func (s *regf) findRoot(off uint32) uint32 {
	_, reason := s.nk(off)
	if reason == "" {
		if top := s.above(off); top != off {
			s.problem(off, "the root key that the base block names lies below the key at 0x%x, which is marked as a root and taken", baseBlockSize+int64(top))
			return top
		}
		return off
	}
	for at := range s.keyCells() {
		if cell, _ := s.nk(at); cell[2]&nkFlagRoot != 0 {
			s.problem(off, "the root key that the base block names %s; the key at 0x%x, marked as a root, is taken", reason, baseBlockSize+int64(at))
			return at
		}
	}
	if _, why := s.nk(firstCell); why == "" && s.inUse(firstCell) {
		s.problem(off, "the root key that the base block names %s, and no key is marked as a root; the key in the first cell, where Windows puts the root, is taken", reason)
		return firstCell
	}
	s.problem(off, "the root key that the base block names %s, and no other key is marked as a root: keys whose parents are gone are shown side by side", reason)
	return noCell
}

// above returns the marked root to which the parents of a key lead that is not marked itself; off if they lead to none.
func (s *regf) above(off uint32) uint32 {
	at := off
	for range maxDepth {
		cell, reason := s.nk(at)
		switch {
		case reason != "":
			return off
		case cell[2]&nkFlagRoot != 0:
			return at
		}
		at = binary.LittleEndian.Uint32(cell[nkParent:])
	}
	return off
}

// keyCells yields the offsets of the keys in cells in use, wherever bins may begin.
func (s *regf) keyCells() iter.Seq[uint32] {
	if s.bins == nil {
		s.torn = true // a search goes on from bin to bin
	}
	return func(yield func(uint32) bool) {
		for at := 0; at+4+nkSize <= len(s.bins); at += 8 {
			if s.bins[at+4] != 'n' || s.bins[at+5] != 'k' || s.bins[at+3]&0x80 == 0 {
				continue
			}
			off := uint32(at)
			if _, reason := s.nk(off); reason == "" && !yield(off) {
				return
			}
		}
	}
}

// treeReader reads the tree below the root. Each cell is visited once, while what stands near it is in the processor's caches: a key's
// values are read as soon as the key is found, and subkeys before the keys that follow, the order in which most of a hive was written.
type treeReader struct {
	*regf
	waiting []branch // keys whose subkeys are not read yet, the next one last
}

// branch is a key with subkeys.
type branch struct {
	id          int32
	depth       int32  // levels above it
	list, count uint32 // offset of the subkey list, and how many subkeys it should hold
}

// siblings are the subkeys of one key as they are being read.
type siblings struct {
	parent, depth int32
	first         int    // the first one's place among the nodes
	name          []byte // of the last one, as it is stored
	latin1        bool
}

// readOrphans makes a root without a name, whose subkeys are the keys of which the parent can't be read.
func (t *treeReader) readOrphans() {
	t.nodes = append(t.nodes, node{cell: noCell, parent: -1})
	for off := range t.keyCells() {
		cell, _ := t.nk(off)
		if _, reason := t.nk(binary.LittleEndian.Uint32(cell[nkParent:])); reason != "" {
			t.readKey(off, &siblings{depth: 1, first: len(t.nodes)})
		}
	}
	t.nodes[0].firstKey, t.nodes[0].keys = 1, int32(len(t.nodes)-1) //nolint:gosec // see readTree
}

// readTree finds the root, which should be at off, checks the tree below it and fills nodes and vals.
func (s *regf) readTree(off uint32) {
	s.reading = true
	root := s.findRoot(off)
	t := treeReader{regf: s}
	if root == noCell {
		t.readOrphans()
	} else {
		t.readKey(root, &siblings{parent: -1})
	}
	slices.Reverse(t.waiting)
	for n := len(t.waiting); n > 0 && !t.torn; n = len(t.waiting) {
		b := t.waiting[n-1]
		t.waiting = t.waiting[:n-1]
		t.readSubkeys(b)
		slices.Reverse(t.waiting[n-1:])
	}
	s.reading = false
	s.ids = make([]int32, len(s.nodes))
	for i := range s.ids {
		s.ids[i] = int32(i) // keys are fewer than the 2^29 units of 8 bytes that offsets of 32 bits reach
	}
}

// readSubkeys appends the subkeys of a node to nodes.
func (t *treeReader) readSubkeys(b branch) {
	off, id := t.nodes[b.id].cell, int(b.id)
	if b.depth >= maxDepth {
		t.problem(off, "key %v lies %d levels deep, where the registry ends; its %d subkeys are not read", pathOf{t.regf, id}, b.depth, b.count)
		return
	}
	f := siblings{parent: b.id, depth: b.depth + 1, first: len(t.nodes)}
	t.readList(b.list, &f, false)
	n := len(t.nodes) - f.first
	if n != int(b.count) {
		t.problem(off, "key %v should have %d subkeys, %d can be read", pathOf{t.regf, id}, b.count, n)
	}
	t.nodes[id].firstKey, t.nodes[id].keys = int32(f.first), int32(n) //nolint:gosec // see readTree
}

// readList appends the keys of a subkey list to nodes. Layout: a signature, a uint16 count, and as many entries
//
//	li  offset of a key
//	lf  offset of a key, four letters of its name
//	lh  offset of a key, hash of its name
//	ri  offset of a list of another kind
func (t *treeReader) readList(off uint32, f *siblings, nested bool) {
	list := t.cell(off)
	if len(list) < 4 {
		t.problem(off, "a subkey list can't be read: it lies outside the file, or its cell has no room for one")
		return
	}
	width := 4
	switch string(list[:2]) {
	case "lf", "lh":
		width = 8
	case "li":
	case "ri":
		if nested {
			t.problem(off, "an index of subkey lists names another such index")
			return
		}
	default:
		t.problem(off, "a subkey list begins with %q", list[:2])
		return
	}
	count := int(binary.LittleEndian.Uint16(list[2:]))
	if have := (len(list) - 4) / width; have < count {
		t.problem(off, "a subkey list should have %d entries, its cell holds %d", count, have)
		count = have
	}
	if !t.used.claim(off, 8+count*width) {
		t.problem(off, "a subkey list shares its bytes with something read before")
		return
	}
	for i := range count {
		entry := binary.LittleEndian.Uint32(list[4+i*width:])
		if list[0] == 'r' {
			t.readList(entry, f, true)
			continue
		}
		t.readKey(entry, f)
	}
}

// readKey appends one key to nodes, with its values.
func (t *treeReader) readKey(off uint32, f *siblings) {
	cell, reason := t.nk(off)
	if reason != "" {
		t.problem(off, "a subkey %s", reason)
		return
	}
	name, latin1 := nkName(cell)
	if !t.used.claim(off, 4+nkSize+len(name)) {
		t.problem(off, "a subkey shares its bytes with something read before")
		return
	}
	id := len(t.nodes)
	t.nodes = append(t.nodes, node{cell: off, parent: f.parent})
	if f.parent >= 0 {
		t.checkCell(off, "key")
		// Lists are sorted, so twins are neighbours; of two, a lookup finds the first.
		if id > f.first && latin1 == f.latin1 && bytes.Equal(name, f.name) {
			t.problem(off, "two keys are named %v", pathOf{t.regf, id})
		}
		f.name, f.latin1 = name, latin1
	}
	t.readValues(id, cell)
	t.readClass(id, cell)
	if count := binary.LittleEndian.Uint32(cell[20:]); count > 0 {
		t.waiting = append(t.waiting, branch{int32(id), f.depth, binary.LittleEndian.Uint32(cell[28:]), count}) //nolint:gosec // see readTree
	}
}

// readClass checks the class name of a node.
func (s *regf) readClass(id int, cell []byte) {
	off := s.nodes[id].cell
	length := int(binary.LittleEndian.Uint16(cell[nkClassLength:]))
	at := binary.LittleEndian.Uint32(cell[nkClass:])
	if length == 0 || at == noCell {
		return
	}
	if class := s.cell(at); len(class) < length || !s.used.claim(at, 4+length) {
		s.problem(off, "the class name of key %v can't be read", pathOf{s, id})
		s.lose(off)
	}
}

// lose marks a cell as one of which a part can't be read.
func (s *regf) lose(off uint32) {
	if s.lost == nil {
		s.lost = make(map[uint32]bool)
	}
	s.lost[off] = true
}

// readValues appends the values of a node to vals. A value list is a cell with the offsets of the values.
func (s *regf) readValues(id int, cell []byte) {
	off := s.nodes[id].cell
	count, at := int64(binary.LittleEndian.Uint32(cell[36:])), binary.LittleEndian.Uint32(cell[40:])
	if count == 0 {
		return
	}
	list := s.cell(at)
	if have := int64(len(list) / 4); have < count {
		s.problem(off, "key %v should have %d values, the cell of their list holds %d", pathOf{s, id}, count, have)
		count = have
	}
	if count == 0 {
		return
	}
	if !s.used.claim(at, 4+int(count)*4) {
		s.problem(at, "a value list shares its bytes with something read before")
		return
	}
	first := len(s.vals)
	for i := range int(count) {
		s.readValue(binary.LittleEndian.Uint32(list[4*i:]))
	}
	s.nodes[id].firstValue, s.nodes[id].count = int32(first), int32(len(s.vals)-first) //nolint:gosec // see readTree
}

// readValue appends one value to vals and checks that its data is its own.
func (s *regf) readValue(off uint32) {
	vk := s.cell(off)
	switch {
	case vk == nil:
		s.problem(off, "a value %s", s.absent(off))
		return
	case !signature(vk, "vk") || len(vk) < vkSize || len(vk) < vkSize+int(binary.LittleEndian.Uint16(vk[2:])):
		s.problem(off, "a value's cell holds no value")
		return
	case !s.used.claim(off, 4+vkSize+int(binary.LittleEndian.Uint16(vk[2:]))):
		s.problem(off, "a value shares its bytes with something read before")
		return
	}
	s.checkCell(off, "value")
	s.vals = append(s.vals, off)
	ok := true
	got := int64(0)
	length := s.eachPart(vk, func(at uint32, part []byte) bool {
		ok = s.used.claim(at, 4+len(part))
		got += int64(len(part))
		return ok
	})
	switch {
	case !ok:
		s.problem(off, "the data of value %s shares its bytes with something read before", safeio.Quote(latin1OrUTF16(vk[vkSize:], vkNameLength(vk), vkLatin1(vk))))
		s.lose(off)
	case got < length:
		s.problem(off, "value %s should have %d bytes of data, %d can be read", safeio.Quote(latin1OrUTF16(vk[vkSize:], vkNameLength(vk), vkLatin1(vk))), length, got)
	}
}

// eachPart calls fn for each run of the value's data outside the vk cell, with the offset of its cell, until fn returns
// false, and returns the length that the data should have in all. Data in the vk cell itself is no part, and the length is then 0.
//
// Data longer than a segment lies, from minor version 4 on, in a big-data record: "db", a uint16 count of segments, and the
// offset of a list of their offsets.
func (s *regf) eachPart(vk []byte, fn func(at uint32, part []byte) bool) int64 {
	raw, at := binary.LittleEndian.Uint32(vk[4:]), binary.LittleEndian.Uint32(vk[8:])
	if raw&vkInline != 0 || raw == 0 {
		return 0
	}
	length := int64(raw)
	data := s.cell(at)
	if data == nil {
		return length
	}
	if length <= segmentSize || int64(len(data)) >= length || !signature(data, "db") || len(data) < 8 {
		fn(at, data[:min(length, int64(len(data)))])
		return length
	}
	list := s.cell(binary.LittleEndian.Uint32(data[4:]))
	count := min(int(binary.LittleEndian.Uint16(data[2:])), len(list)/4)
	for rest, i := length, 0; i < count && rest > 0; i++ {
		segmentAt := binary.LittleEndian.Uint32(list[4*i:])
		segment := s.cell(segmentAt)
		if segment == nil {
			break
		}
		want := min(rest, segmentSize)
		if !fn(segmentAt, segment[:min(want, int64(len(segment)))]) || int64(len(segment)) < want {
			break // after a short segment the rest would stand at the wrong place
		}
		rest -= want
	}
	return length
}

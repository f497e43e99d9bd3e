package hive

import (
	"encoding/binary"
	"iter"
	"time"
	"unicode"

	"casebook/internal/safeio"
)

// Deleted is what is left of keys and values in cells that nothing in the hive refers to any more: they were deleted, or the list that
// named them is damaged. They are never part of what Key, Value and Walk show. What is found was in the hive once; when, and
// whether it was still valid when it was given up, is not known.
type Deleted struct {
	Keys   []DeletedKey   // in the order of the file
	Values []DeletedValue // those of no deleted key, in the order of the file
}

// DeletedKey is what is left of a key.
type DeletedKey struct {
	Path        string // through the parents as their cells stand now; begins with ?\ where a parent is gone
	LastWritten time.Time
	Offset      int64 // of the cell in the hive's bytes
	InUse       bool  // the cell is not marked as free: a damaged list has lost the key
	Values      []DeletedValue
}

// DeletedValue is what is left of a value. Its Truncated says that its data, or a part of it, is gone.
type DeletedValue struct {
	Value
	Offset int64 // of the cell in the hive's bytes
	InUse  bool  // as in DeletedKey; false for a value of a deleted key
}

// Deleted searches the hive for deleted keys and values; it takes about as long as reading the hive. A text has none.
func (h *Hive) Deleted() Deleted {
	s, ok := h.store.(*regf)
	if !ok {
		return Deleted{}
	}
	whole := *s // cells that are free may reach from bin to bin
	if whole.bins == nil {
		whole.image = fileImage(h.image.flat())
		whole.bins = whole.image.runs[0].data
	}
	d := carver{regf: &whole, used: append(bitmap(nil), s.used...), live: make(map[uint32]int32, len(s.nodes))}
	if d.end = len(whole.bins); string(h.image.base[:4]) == "regf" {
		d.end = min(d.end, int(binary.LittleEndian.Uint32(h.image.base[40:])))
	}
	for id, n := range s.nodes {
		d.live[n.cell] = int32(id)
	}
	var out Deleted
	for off, free := range d.remnants('n') {
		if k, ok := d.key(off); ok {
			k.InUse = !free
			out.Keys = append(out.Keys, k)
		}
	}
	for off, free := range d.remnants('v') {
		if v, ok := d.value(off); ok {
			v.InUse = !free
			out.Values = append(out.Values, v)
		}
	}
	return out
}

// carver searches what the tree does not use. Like the tree it reads no byte for two keys or values.
type carver struct {
	*regf
	used bitmap
	end  int              // of the last bin
	live map[uint32]int32 // nodes of the tree by their cells
}

// remnants yields the offsets at which a key ('n') or a value ('v') may have its cell, outside of all that is in use, and whether
// it stands in a cell that is marked as free. What lies behind the last bin was never part of this hive.
func (d *carver) remnants(letter byte) iter.Seq2[uint32, bool] {
	begins := func(at int) bool {
		return d.bins[at+4] == letter && d.bins[at+5] == 'k' && !d.used.has(int64(at>>3))
	}
	return func(yield func(uint32, bool) bool) {
		for at, end := range d.cells() {
			size := int32(binary.LittleEndian.Uint32(d.bins[at:])) //nolint:gosec // see cell
			if size < 0 {
				end = at + 8 // a cell in use holds one structure
			}
			for ; at+4+vkSize <= len(d.bins) && at < end; at += 8 {
				if begins(at) && !yield(uint32(at), size > 0) { //nolint:gosec // see keyCells
					return
				}
			}
		}
	}
}

// cells yields the start and the end of every cell. After a bin that is damaged it goes on with the next one.
func (d *carver) cells() iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for bin := 0; bin+firstCell < d.end; {
			size := int(binary.LittleEndian.Uint32(d.bins[bin+8:]))
			if string(d.bins[bin:bin+4]) != "hbin" || size <= 0 || size%4096 != 0 {
				bin += 4096
				continue
			}
			last := min(bin+size, d.end)
			for at := bin + firstCell; at+8 <= last; {
				n := int(int32(binary.LittleEndian.Uint32(d.bins[at:]))) //nolint:gosec // see cell
				n = max(n, -n)
				if n < 8 || n%8 != 0 || n > last-at {
					break
				}
				if !yield(at, at+n) {
					return
				}
				at += n
			}
			bin = last
		}
	}
}

// remnant returns the bytes of a cell that once began at off. Freed cells that lie side by side become one, whose size stands in the
// first; the sizes of the others stay as they were.
func (d *carver) remnant(off uint32, fixed, lengthAt int) []byte {
	cell := d.cell(off)
	if len(cell) < fixed || (len(cell)+4)%8 != 0 || !plausible(cell, fixed, lengthAt) {
		return nil
	}
	return cell
}

// plausible reports whether the name in a cell can be one: no longer than names may be, and without control characters.
func plausible(cell []byte, fixed, lengthAt int) bool {
	const longest = 16383 // characters in the name of a value
	n := int(binary.LittleEndian.Uint16(cell[lengthAt:]))
	latin1 := cell[16]&vkFlagLatin1 != 0
	if fixed == nkSize {
		latin1 = cell[2]&nkFlagLatin1 != 0
	}
	if n > len(cell)-fixed || n > 2*longest || !latin1 && n%2 != 0 {
		return false
	}
	for _, r := range latin1OrUTF16(cell[fixed:], n, latin1) {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}

// key decodes what is left of a key at off, with the values that are left.
func (d *carver) key(off uint32) (DeletedKey, bool) {
	cell := d.remnant(off, nkSize, nkNameLength)
	if cell == nil {
		return DeletedKey{}, false
	}
	n := int(binary.LittleEndian.Uint16(cell[nkNameLength:]))
	written := safeio.Filetime(binary.LittleEndian.Uint64(cell[4:]))
	if n == 0 || written.Year() < 1980 || written.Year() > 2200 || !d.used.claim(off, 4+nkSize+n) {
		return DeletedKey{}, false
	}
	k := DeletedKey{Path: d.path(off), LastWritten: written, Offset: baseBlockSize + int64(off)}
	count, at := int64(binary.LittleEndian.Uint32(cell[36:])), binary.LittleEndian.Uint32(cell[40:])
	list := d.cell(at)
	if count > int64(len(list)/4) || count == 0 || !d.used.claim(at, 4+4*int(count)) {
		return k, true // the list is gone
	}
	for i := range int(count) {
		if v, ok := d.value(binary.LittleEndian.Uint32(list[4*i:])); ok {
			k.Values = append(k.Values, v)
		}
	}
	return k, true
}

// path joins the names of the parents as far as they can be followed.
func (d *carver) path(off uint32) string {
	path := ""
	for range maxDepth {
		cell, reason := d.nk(off)
		if reason != "" {
			return `?\` + path
		}
		if id, ok := d.live[off]; ok {
			k := Key{h: &Hive{store: d.regf}, id: id}
			if above := k.Path(); above != "" {
				path = above + `\` + path
			}
			return path
		}
		name, latin1 := nkName(cell)
		if s := latin1OrUTF16(name, len(name), latin1); path == "" {
			path = s
		} else {
			path = s + `\` + path
		}
		off = binary.LittleEndian.Uint32(cell[nkParent:])
	}
	return `?\` + path
}

// value decodes what is left of a value at off.
func (d *carver) value(off uint32) (DeletedValue, bool) {
	if !signature(d.cell(off), "vk") {
		return DeletedValue{}, false
	}
	vk := d.remnant(off, vkSize, 2)
	if vk == nil || vk[16]&^3 != 0 || vk[17] != 0 {
		return DeletedValue{}, false
	}
	n, typ := vkNameLength(vk), Type(binary.LittleEndian.Uint32(vk[12:]))
	known := int64(typ) < int64(len(typeNames))
	if raw := binary.LittleEndian.Uint32(vk[4:]); n == 0 && !known || raw&vkInline != 0 && raw&^vkInline > 4 || raw&vkInline == 0 && int64(raw) > int64(len(d.bins)) {
		return DeletedValue{}, false
	}
	if !d.used.claim(off, 4+vkSize+n) {
		return DeletedValue{}, false
	}
	v := DeletedValue{Value: Value{Name: latin1OrUTF16(vk[vkSize:], n, vkLatin1(vk)), Type: typ}, Offset: baseBlockSize + int64(off)}
	if raw := binary.LittleEndian.Uint32(vk[4:]); raw&vkInline != 0 {
		m := raw &^ vkInline
		v.Data = vk[8 : 8+m : 8+m]
		return v, true
	}
	length := d.eachPart(vk, func(at uint32, part []byte) bool {
		if !d.used.claim(at, 4+len(part)) {
			return false // in use again
		}
		v.Data = append(v.Data, part...)
		return true
	})
	v.Truncated = int64(len(v.Data)) < length
	return v, true
}

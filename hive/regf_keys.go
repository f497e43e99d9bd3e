package hive

import (
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf8"

	"casebook/internal/safeio"
)

// noRoot is the root of a hive whose own can't be found, see readOrphans.
var noRoot = make([]byte, nkSize)

func (s *regf) nkOf(id int32) []byte {
	if cell := s.nodes[id].cell; cell != noCell {
		return s.cell(cell)
	}
	return noRoot
}

func nkName(nk []byte) (name []byte, latin1 bool) {
	n := int(binary.LittleEndian.Uint16(nk[nkNameLength:]))
	return nk[nkSize : nkSize+n], nk[2]&nkFlagLatin1 != 0
}

func vkNameLength(vk []byte) int { return int(binary.LittleEndian.Uint16(vk[2:])) }

func vkLatin1(vk []byte) bool { return vk[16]&vkFlagLatin1 != 0 }

// latin1OrUTF16 decodes the first n bytes of b, which b holds.
func latin1OrUTF16(b []byte, n int, latin1 bool) string {
	b = b[:n]
	if !latin1 {
		return safeio.UTF16LE(b)
	}
	for i, c := range b {
		if c >= utf8.RuneSelf {
			out := append(make([]byte, 0, n+n/2), b[:i]...)
			for _, c := range b[i:] {
				out = utf8.AppendRune(out, rune(c))
			}
			return string(out)
		}
	}
	return string(b)
}

// nameIs reports whether a stored name is the same as name to the registry.
func nameIs(stored []byte, latin1 bool, name string) bool {
	if !latin1 {
		return equalFold(safeio.UTF16LE(stored), name)
	}
	for _, c := range stored {
		r, n := utf8.DecodeRuneInString(name)
		if n == 0 || r != rune(c) && fold(r) != fold(rune(c)) {
			return false
		}
		name = name[n:]
	}
	return name == ""
}

func (s *regf) name(id int32) string {
	name, latin1 := nkName(s.nkOf(id))
	return latin1OrUTF16(name, len(name), latin1)
}

func (s *regf) class(id int32) string {
	nk := s.nkOf(id)
	length := int64(binary.LittleEndian.Uint16(nk[nkClassLength:]))
	at := binary.LittleEndian.Uint32(nk[48:])
	if length == 0 || at == noCell || s.lost[s.nodes[id].cell] {
		return ""
	}
	return safeio.UTF16LE(s.cell(at)[:length])
}

func (s *regf) parent(id int32) int32 { return s.nodes[id].parent }

func (s *regf) children(id int32) []int32 {
	n := s.nodes[id]
	return s.ids[n.firstKey : n.firstKey+n.keys]
}

func (s *regf) child(id int32, name string) (int32, bool) {
	for _, kid := range s.children(id) {
		if stored, latin1 := nkName(s.nkOf(kid)); nameIs(stored, latin1, name) {
			return kid, true
		}
	}
	return 0, false
}

func (s *regf) values(id int32) []Value {
	offs := s.valuesOf(id)
	out := make([]Value, len(offs))
	for i, off := range offs {
		out[i] = s.read(off)
		out[i].Replayed = s.replayed.value(s, id, off, out[i])
	}
	return out
}

func (s *regf) value(id int32, name string) (Value, bool) {
	for _, off := range s.valuesOf(id) {
		vk := s.cell(off)
		if nameIs(vk[vkSize:vkSize+vkNameLength(vk)], vkLatin1(vk), name) {
			v := s.read(off)
			v.Replayed = s.replayed.value(s, id, off, v)
			return v, true
		}
	}
	return Value{}, false
}

func (s *regf) valuesOf(id int32) []uint32 {
	n := s.nodes[id]
	return s.vals[n.firstValue : n.firstValue+n.count]
}

// read decodes the value at off, which readTree let through.
func (s *regf) read(off uint32) Value {
	vk := s.cell(off)
	v := Value{
		Name: latin1OrUTF16(vk[vkSize:], vkNameLength(vk), vkLatin1(vk)),
		Type: Type(binary.LittleEndian.Uint32(vk[12:])),
	}
	if raw := binary.LittleEndian.Uint32(vk[4:]); raw&vkInline != 0 {
		n := raw &^ vkInline
		v.Data, v.Truncated = vk[8:8+min(n, 4):12], n > 4
		return v
	}
	if s.lost[off] {
		v.Truncated = true
		return v
	}
	parts := 0
	length := s.eachPart(vk, func(_ uint32, part []byte) bool {
		if parts++; parts == 1 {
			v.Data = slices.Clip(part)
		} else { // the first part has no capacity to spare, so this copies it
			v.Data = append(v.Data, part...)
		}
		return true
	})
	v.Truncated = int64(len(v.Data)) < length
	return v
}

func (s *regf) lastWritten(id int32) time.Time {
	return safeio.Filetime(binary.LittleEndian.Uint64(s.nkOf(id)[4:]))
}

func (s *regf) line(int32) int { return 0 }

func (s *regf) count() (keys, values int) { return len(s.nodes), len(s.vals) }

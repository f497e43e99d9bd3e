package regftest

import (
	"bytes"
	"encoding/binary"
)

// Damage is a hive with one thing wrong.
type Damage struct {
	Name string
	Data []byte
}

// damageText is the hive that the damage is done to: five keys and three values.
const damageText = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\alpha]
"one"=dword:00000001
"two"="some text"
[HKEY_LOCAL_MACHINE\SYSTEM\alpha\child]
[HKEY_LOCAL_MACHINE\SYSTEM\beta]
"three"=hex:01,02,03,04,05,06,07,08
[HKEY_LOCAL_MACHINE\SYSTEM\gamma]
`

// Damages writes one hive for every way in which hives are damaged in the field or could be by someone who means harm, the sound one
// first: root, bins, lists, cells, sizes, counts.
func Damages() ([]Damage, error) {
	sound, err := Build(damageText)
	if err != nil {
		return nil, err
	}
	out := []Damage{{"sound", sound}}
	for _, d := range damages {
		i := image(bytes.Clone(sound))
		d.do(i)
		out = append(out, Damage{d.name, i})
	}
	for _, n := range []int{baseBlock + 700, len(sound) - 8} {
		out = append(out, Damage{"file cut in the middle", bytes.Clone(sound[:n])})
	}
	return out, nil
}

// image is a hive of damageText whose bytes are changed. Its methods find what the text states; the data of a cell reaches to
// the end of the hive.
type image []byte

func (i image) key(name string) []byte   { return i.named("nk", 72, nkSize, name) }
func (i image) value(name string) []byte { return i.named("vk", 2, vkSize, name) }

func (i image) named(sig string, lengthAt, nameAt int, name string) []byte {
	for at := baseBlock; at+4+nameAt+len(name) <= len(i); at += 8 {
		c := i[at+4 : len(i) : len(i)]
		if string(c[:2]) == sig && int(binary.LittleEndian.Uint16(c[lengthAt:])) == len(name) && string(c[nameAt:nameAt+len(name)]) == name {
			return c
		}
	}
	return nil
}

// follow returns the data of the cell whose offset stands at c[at:].
func (i image) follow(c []byte, at int) []byte {
	return i[baseBlock+4+int(get32(c, at)) : len(i) : len(i)]
}

// list returns the subkey list of a key, values the value list.
func (i image) list(key string) []byte   { return i.follow(i.key(key), 28) }
func (i image) values(key string) []byte { return i.follow(i.key(key), 40) }

// offset returns the offset in the bins of the cell whose data is c.
func (i image) offset(c []byte) uint32 { return uint32(len(i) - len(c) - 4 - baseBlock) } //nolint:gosec // two bins

// size returns the size field of the cell whose data is c.
func (i image) size(c []byte) []byte { return i[baseBlock+i.offset(c):] }

func get32(b []byte, at int) uint32    { return binary.LittleEndian.Uint32(b[at:]) }
func set32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func set16(b []byte, at int, v uint16) { binary.LittleEndian.PutUint16(b[at:], v) }

// outside is an offset that no small file reaches; huge is a count or size of 4 GiB.
const (
	outside = 0x7ffffff0
	huge    = 0xffffffff
)

var damages = []struct {
	name string
	do   func(i image)
}{
	// The root.
	{"root outside the file", func(i image) { set32(i, 36, outside) }},
	{"root is a value", func(i image) { set32(i, 36, i.offset(i.value("two"))) }},
	{"root is a key below it", func(i image) { set32(i, 36, i.offset(i.key("child"))) }},
	{"root key is overwritten", func(i image) { copy(i.key(rootName), "xx") }},
	{"no base block", func(i image) { clear(i[:baseBlock]) }},
	{"no signature", func(i image) { clear(i[:4]) }},

	// The bins.
	{"bins larger than the file", func(i image) { set32(i, 40, 0x10000) }},
	{"bins of 4 GiB", func(i image) { set32(i, 40, huge&^0xfff) }},
	{"bin without header", func(i image) { clear(i[baseBlock : baseBlock+4]) }},
	{"bin of no size", func(i image) { set32(i, baseBlock+8, 0) }},
	{"bin of an odd size", func(i image) { set32(i, baseBlock+8, 4097) }},
	{"bin larger than the file", func(i image) { set32(i, baseBlock+8, 1<<20) }},
	{"bin at another offset", func(i image) { set32(i, baseBlock+4, 4096) }},

	// Lists of subkeys.
	{"index list names itself", func(i image) {
		l := i.list(rootName)
		copy(l, "ri\x01\x00")
		set32(l, 4, i.offset(l))
	}},
	{"index lists name each other", func(i image) {
		a, b := i.list(rootName), i.list("alpha")
		copy(a, "ri\x01\x00")
		copy(b, "ri\x01\x00")
		set32(a, 4, i.offset(b))
		set32(b, 4, i.offset(a))
	}},
	{"subkey list names its own key", func(i image) { set32(i.list("alpha"), 4, i.offset(i.key("alpha"))) }},
	{"subkey list names the root", func(i image) { set32(i.list("alpha"), 4, get32(i, 36)) }},
	{"two keys are each other's subkey", func(i image) {
		set32(i.key("child"), 20, 1)
		copy(i.key("child")[28:32], i.key(rootName)[28:32])
	}},
	{"two keys with one subkey list", func(i image) {
		set32(i.key("gamma"), 20, 1)
		copy(i.key("gamma")[28:32], i.key("alpha")[28:32])
	}},
	{"subkey count too large", func(i image) { set16(i.list(rootName), 2, 0xffff) }},
	{"key states too many subkeys", func(i image) { set32(i.key("alpha"), 20, huge) }},
	{"subkey list of another kind", func(i image) { copy(i.list(rootName), "xx") }},
	{"subkey list outside the file", func(i image) { set32(i.key(rootName), 28, 0xfffffff8) }},
	{"subkey outside the file", func(i image) { set32(i.list(rootName), 4, outside) }},
	{"subkey at an odd end", func(i image) { set32(i.list(rootName), 4, uint32(len(i)-baseBlock-2)) }},
	{"subkey is a value", func(i image) { set32(i.list(rootName), 4, i.offset(i.value("two"))) }},
	{"two keys of one name", func(i image) {
		c := i.key("gamma")
		set16(c, 72, 4)
		copy(c[nkSize:], "beta")
	}},

	// Lists of values, values, data.
	{"two keys with one value list", func(i image) { copy(i.key("gamma")[36:44], i.key("alpha")[36:44]) }},
	{"value count too large", func(i image) { set32(i.key("beta"), 36, huge) }},
	{"value list outside the file", func(i image) { set32(i.key("beta"), 40, 0xfffffff0) }},
	{"value outside the file", func(i image) { set32(i.values("beta"), 0, 0xfffffff0) }},
	{"value is a key", func(i image) { set32(i.values("beta"), 0, i.offset(i.key("beta"))) }},
	{"value name too long", func(i image) { set16(i.value("one"), 2, 0xfff0) }},
	{"two values with one data", func(i image) { copy(i.value("three")[4:12], i.value("two")[4:12]) }},
	{"data outside the file", func(i image) {
		set32(i.value("one"), 4, 4)
		set32(i.value("one"), 8, outside)
	}},
	{"data longer than its cell", func(i image) { set32(i.value("two"), 4, huge>>1) }},

	// Cells and keys.
	{"cell of no size", func(i image) { set32(i.size(i.key("gamma")), 0, 0) }},
	{"cell of 2 GiB", func(i image) { set32(i.size(i.key("gamma")), 0, 0x80000000) }},
	{"cell too small for its key", func(i image) { set32(i.size(i.key("gamma")), 0, huge-16+1) }},
	{"key in a free cell", func(i image) {
		s := i.size(i.key("gamma"))
		set32(s, 0, -get32(s, 0))
	}},
	{"value in a free cell", func(i image) {
		s := i.size(i.value("three"))
		set32(s, 0, -get32(s, 0))
	}},
	{"key name too long", func(i image) { set16(i.key("gamma"), 72, 0xfff0) }},
	{"class outside the file", func(i image) {
		set16(i.key("beta"), 74, 8)
		set32(i.key("beta"), 48, 0xfffffff0)
	}},
}

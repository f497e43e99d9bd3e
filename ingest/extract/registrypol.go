package extract

// registry.pol of the group policy client: the registry values of one group policy object, of the machine's own below
// %windir%\System32\GroupPolicy\Machine.
//
//	file  = "PReg" version entry…             version is a little-endian 32-bit 1
//	entry = "[" key NUL ";" name NUL ";" type ";" size ";" data "]"
//
// Brackets, semicolons, key and name are UTF-16LE; type and size are little-endian 32-bit numbers, data has size bytes.
//
// Source: [MS-GPREG] 2.2.1, "Registry Policy Message Syntax".

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"casebook/ingest"
)

const (
	polHeader  = 8
	maxPolName = 16 << 10 // characters: beyond it a key or name is no key or name
)

var polSignature = []byte("PReg")

// RegistryPol is a registry.pol.
type RegistryPol struct {
	Entries []PolEntry // in the order of the file, up to the damage
	Damage  string     // why the group policy client can't read it to its end; "" if it can
	Offset  int        // of the damage
	Size    int        // of the file in bytes
}

// PolEntry is one value that the policy sets.
type PolEntry struct {
	Key, Name string // below the hive of the machine or the user; Name may begin with ** (a directive, as **del.)
	Type      uint32 // as in the registry
	Data      []byte // shares the file's bytes
	Offset    int    // of the entry in the file
}

func registryPol() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindRegistryPol, Binary: true, Sniff: sniffRegistryPol, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		p := parseRegistryPol(in.Bytes)
		if p.Damage != "" {
			return p, []ingest.Problem{problem(in, "at offset 0x%x: %s", p.Offset, p.Damage)}
		}
		return p, nil
	}}
}

// sniffRegistryPol claims what begins with the signature, and any content of a file of that name: what stands in the place of the policy is what
// the client tries to read.
func sniffRegistryPol(name string, head []byte) int {
	switch {
	case bytes.HasPrefix(head, polSignature) && len(head) >= polHeader:
		return 95
	case len(head) > 0 && strings.EqualFold(name, "registry.pol"):
		return 90
	}
	return 0
}

func parseRegistryPol(data []byte) *RegistryPol {
	p := &RegistryPol{Size: len(data)}
	damaged := func(at int, format string, args ...any) *RegistryPol {
		p.Damage, p.Offset = fmt.Sprintf(format, args...), at
		return p
	}
	if len(data) < polHeader || !bytes.HasPrefix(data, polSignature) {
		if len(bytes.Trim(data, "\x00")) == 0 {
			return damaged(0, "all %d bytes are zero", len(data))
		}
		return damaged(0, "it does not begin with the signature PReg")
	}
	if v := binary.LittleEndian.Uint32(data[4:]); v != 1 {
		return damaged(4, "its version is %d, not 1", v)
	}
	for at := polHeader; at < len(data); {
		if len(p.Entries) == maxEntries {
			return p
		}
		e, next, err := polEntry(data, at)
		if err != "" {
			return damaged(next, "%s", err)
		}
		p.Entries = append(p.Entries, e)
		at = next
	}
	return p
}

// polEntry reads the entry at an offset and returns where the next one begins; else what is wrong, and where.
func polEntry(data []byte, at int) (e PolEntry, next int, wrong string) {
	e.Offset = at
	i := at
	mark := func(c byte) bool {
		if i+2 > len(data) || data[i] != c || data[i+1] != 0 {
			return false
		}
		i += 2
		return true
	}
	text := func() (string, bool) {
		var units []uint16
		for ; i+2 <= len(data) && len(units) <= maxPolName; i += 2 {
			u := binary.LittleEndian.Uint16(data[i:])
			if u == 0 {
				i += 2
				return string(utf16.Decode(units)), true
			}
			units = append(units, u)
		}
		return "", false
	}
	number := func() (uint32, bool) {
		if i+4 > len(data) {
			return 0, false
		}
		i += 4
		return binary.LittleEndian.Uint32(data[i-4:]), true
	}
	var ok bool
	if !mark('[') {
		return e, i, "an entry does not begin with ["
	}
	if e.Key, ok = text(); !ok || !mark(';') {
		return e, at, "the key of the entry has no end"
	}
	if e.Name, ok = text(); !ok || !mark(';') {
		return e, at, "the name of the entry's value has no end"
	}
	if e.Type, ok = number(); !ok || !mark(';') {
		return e, at, "the type of the entry's value is not followed by a semicolon"
	}
	size, ok := number()
	if !ok || !mark(';') {
		return e, at, "the size of the entry's value is not followed by a semicolon"
	}
	if int64(size) > int64(len(data)-i) {
		return e, at, fmt.Sprintf("the entry's value has %d bytes, the file %d more", size, len(data)-i)
	}
	e.Data = data[i : i+int(size)]
	i += int(size)
	if !mark(']') {
		return e, at, "the entry does not end with ]"
	}
	return e, i, ""
}

package hive

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// bootKeys are the keys below Control\Lsa whose class names, eight hexadecimal digits in UTF-16 each, are together the boot key.
var bootKeys = []string{"JD", "Skew1", "GBG", "Data"}

const bootKeyPart = 16

// WithoutBootKey returns a copy of a SYSTEM hive without the boot key, by which Windows encrypts the secrets of the machine: zeros stand in the place of the class
// names that are its parts, as far as the cells of the bins can be walked.
func WithoutBootKey(file []byte) []byte {
	out := bytes.Clone(file)
	walkCells(out, func(bins, cell []byte, used bool) {
		if used {
			clearBootKey(bins, cell)
		}
	})
	return out
}

// WithoutUnused returns a copy of a hive with zeros in the cells that are not in use, in which what was deleted may still stand, as far as the cells of the bins can be walked.
func WithoutUnused(file []byte) []byte {
	out := bytes.Clone(file)
	walkCells(out, func(_, cell []byte, used bool) {
		if !used {
			clear(cell)
		}
	})
	return out
}

// walkCells passes the cells of a hive's bins, without the four bytes that state their length, to visit, together with all bins.
func walkCells(file []byte, visit func(bins, cell []byte, used bool)) {
	if len(file) < baseBlockSize {
		return
	}
	bins := file[baseBlockSize:]
	for bin := 0; bin+binHeader <= len(bins); {
		size := int(binary.LittleEndian.Uint32(bins[bin+8:]))
		if string(bins[bin:bin+4]) != "hbin" || size < binHeader || size%4096 != 0 || size > len(bins)-bin {
			bin += 4096
			continue
		}
		for at := bin + firstCell; at+4 <= bin+size; {
			length, used := cellLength(bins[at:])
			if length < 8 || length > bin+size-at {
				break
			}
			visit(bins, bins[at+4:at+length], used)
			at += length
		}
		bin += size
	}
}

// cellLength returns the length of a cell with the four bytes that state it, and whether it is in use.
func cellLength(cell []byte) (length int, used bool) {
	n := int64(int32(binary.LittleEndian.Uint32(cell))) //nolint:gosec // negative where the cell is used
	return int(max(n, -n)), n < 0
}

// clearBootKey overwrites the class name of a key node in a cell, if it is a part of the boot key.
func clearBootKey(bins, cell []byte) {
	if len(cell) < nkSize || string(cell[:2]) != "nk" || binary.LittleEndian.Uint16(cell[nkClassLength:]) != bootKeyPart {
		return
	}
	name := cell[nkSize:]
	name = name[:min(len(name), int(binary.LittleEndian.Uint16(cell[nkNameLength:])))]
	at := int64(binary.LittleEndian.Uint32(cell[nkClass:]))
	if !slices.Contains(bootKeys, string(name)) || at%8 != 0 || at+4+bootKeyPart > int64(len(bins)) {
		return
	}
	if class := bins[at+4 : at+4+bootKeyPart]; isHexUTF16(class) {
		clear(class)
	}
}

// isHexUTF16 tells whether text in UTF-16 is hexadecimal digits alone.
func isHexUTF16(b []byte) bool {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i+1] != 0 || !strings.ContainsRune("0123456789abcdefABCDEF", rune(b[i])) {
			return false
		}
	}
	return true
}

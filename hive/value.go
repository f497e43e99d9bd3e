package hive

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"casebook/internal/safeio"
)

// Type is the type of a value's data.
type Type uint32

// The types, as winnt.h numbers them.
const (
	TypeNone                     Type = 0
	TypeSZ                       Type = 1
	TypeExpandSZ                 Type = 2
	TypeBinary                   Type = 3
	TypeDWord                    Type = 4
	TypeDWordBigEndian           Type = 5
	TypeLink                     Type = 6
	TypeMultiSZ                  Type = 7
	TypeResourceList             Type = 8
	TypeFullResourceDescriptor   Type = 9
	TypeResourceRequirementsList Type = 10
	TypeQWord                    Type = 11
)

var typeNames = [...]string{
	"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK", "REG_MULTI_SZ",
	"REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
}

// String returns the name in winnt.h, or REG_0x… for a number that has none.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("REG_0x%x", uint32(t))
}

// Value is one value of a key.
type Value struct {
	Name      string // "" for the default value
	Type      Type
	Data      []byte // as a hive file holds it, strings in UTF-16LE whatever the source; shared, not to be changed
	Line      int    // 1-based line on which the value begins in a text; 0 for regf
	Truncated bool   // the data is cut short or could not be reached
	Replayed  bool   // the hive file itself holds no such value, or another type or other data: it comes from a transaction log
}

// text reports whether the data is a string or several.
func (v Value) text() bool {
	return v.Type == TypeSZ || v.Type == TypeExpandSZ || v.Type == TypeMultiSZ || v.Type == TypeLink
}

// String returns the string up to its first NUL, or the first string of a REG_MULTI_SZ; "" for data that is no string.
func (v Value) String() string {
	if !v.text() {
		return ""
	}
	for i := 0; i+1 < len(v.Data); i += 2 {
		if v.Data[i] == 0 && v.Data[i+1] == 0 {
			return safeio.UTF16LE(v.Data[:i])
		}
	}
	return safeio.UTF16LE(v.Data)
}

// Strings returns the strings of a REG_MULTI_SZ, empty ones in between included, without the final empty one that ends the
// list; of other string types the one string; nil for data that is no string.
func (v Value) Strings() []string {
	if !v.text() {
		return nil
	}
	if v.Type != TypeMultiSZ {
		return []string{v.String()}
	}
	all := v.raw()
	if n := len(all); n > 0 && all[n-1] == "" {
		all = all[:n-1]
	}
	return all
}

// raw cuts the data after each NUL: every string that a NUL ends, and what stands behind the last NUL if anything.
func (v Value) raw() []string {
	s := safeio.UTF16LE(v.Data)
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\x00"), "\x00")
}

// Uint returns the number of a REG_DWORD, REG_DWORD_BIG_ENDIAN or REG_QWORD, and false for another type or short data.
func (v Value) Uint() (uint64, bool) {
	switch {
	case v.Type == TypeDWord && len(v.Data) >= 4:
		return uint64(binary.LittleEndian.Uint32(v.Data)), true
	case v.Type == TypeDWordBigEndian && len(v.Data) >= 4:
		return uint64(binary.BigEndian.Uint32(v.Data)), true
	case v.Type == TypeQWord && len(v.Data) >= 8:
		return binary.LittleEndian.Uint64(v.Data), true
	default:
		return 0, false
	}
}

// Display returns the data as evidence quotes it: a string, the strings of a REG_MULTI_SZ joined by " | ", a number in
// decimal, everything else in lower-case hexadecimal.
func (v Value) Display() string {
	if v.text() {
		return strings.Join(v.Strings(), " | ")
	}
	if n, ok := v.Uint(); ok {
		return strconv.FormatUint(n, 10)
	}
	return hex.EncodeToString(v.Data)
}

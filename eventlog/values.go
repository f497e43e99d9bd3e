package eventlog

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"casebook/internal/safeio"
)

// The types of values, [MS-EVEN6] 2.2.14.
const (
	typeNull       = 0x00
	typeString     = 0x01 // UTF-16
	typeANSI       = 0x02
	typeInt8       = 0x03
	typeUInt8      = 0x04
	typeInt16      = 0x05
	typeUInt16     = 0x06
	typeInt32      = 0x07
	typeUInt32     = 0x08
	typeInt64      = 0x09
	typeUInt64     = 0x0A
	typeReal32     = 0x0B
	typeReal64     = 0x0C
	typeBool       = 0x0D
	typeBinary     = 0x0E
	typeGUID       = 0x0F
	typeSizeT      = 0x10
	typeFiletime   = 0x11
	typeSystemTime = 0x12
	typeSID        = 0x13
	typeHexInt32   = 0x14
	typeHexInt64   = 0x15
	typeBinXML     = 0x21
	typeList       = 0x80 // is set in the type of a list
)

// sizes are the bytes of values of a fixed size.
var sizes = map[byte]int{
	typeInt8: 1, typeUInt8: 1, typeInt16: 2, typeUInt16: 2, typeInt32: 4, typeUInt32: 4, typeInt64: 8, typeUInt64: 8, typeReal32: 4, typeReal64: 8, typeBool: 4,
	typeGUID: 16, typeFiletime: 8, typeSystemTime: 16, typeHexInt32: 4, typeHexInt64: 8,
}

// each yields the values of a list. Strings end with a zero each, a list of another type without a fixed size is one value of bytes.
func (x *renderer) each(v value) iter.Seq[value] {
	return func(yield func(value) bool) {
		typ := v.typ &^ typeList
		unit := sizes[typ]
		if typ != typeString && typ != typeANSI && unit == 0 {
			if v.size > 0 {
				yield(value{typeBinary, v.at, v.size})
			}
			return
		}
		for at, end := v.at, v.at+v.size; at < end; {
			n, skip := unit, 0
			if unit == 0 {
				n, skip = stringLen(x.b[at:end], typ == typeString)
			}
			if at+n > end {
				n = end - at
				typ = typeBinary
			}
			if !yield(value{typ, at, n}) {
				return
			}
			at += n + skip
		}
	}
}

// stringLen returns how many bytes the first string of a list has, and how many end it.
func stringLen(b []byte, wide bool) (n, skip int) {
	if !wide {
		if i := strings.IndexByte(string(b), 0); i >= 0 {
			return i, 1
		}
		return len(b), 0
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return i, 2
		}
	}
	return len(b), 0
}

// value writes a value as Windows does: numbers in decimal but those that are typed as hexadecimal, times in UTC. A value whose size is not that of its type is written as bytes.
func (x *renderer) value(v value, s *scope) error {
	b := x.b[v.at : v.at+v.size]
	le := binary.LittleEndian
	if n, ok := sizes[v.typ]; ok && n != len(b) {
		if len(b) > 0 {
			x.hex(b)
		}
		return nil
	}
	switch v.typ {
	case typeNull:
	case typeString:
		x.out = appendText(x.out, trimZeros(b), s.inValue)
	case typeANSI:
		for _, c := range b {
			if c != 0 {
				x.out = appendRune(x.out, rune(c), s.inValue)
			}
		}
	case typeInt8:
		x.int(int64(int8(b[0]))) //nolint:gosec // the sign is meant
	case typeUInt8:
		x.uint(uint64(b[0]))
	case typeInt16:
		x.int(int64(int16(le.Uint16(b)))) //nolint:gosec // the sign is meant
	case typeUInt16:
		x.uint(uint64(le.Uint16(b)))
	case typeInt32:
		x.int(int64(int32(le.Uint32(b)))) //nolint:gosec // the sign is meant
	case typeUInt32:
		x.uint(uint64(le.Uint32(b)))
	case typeInt64:
		x.int(int64(le.Uint64(b))) //nolint:gosec // the sign is meant
	case typeUInt64:
		x.uint(le.Uint64(b))
	case typeReal32:
		x.out = strconv.AppendFloat(x.out, float64(math.Float32frombits(le.Uint32(b))), 'g', -1, 32)
	case typeReal64:
		x.out = strconv.AppendFloat(x.out, math.Float64frombits(le.Uint64(b)), 'g', -1, 64)
	case typeBool:
		x.out = strconv.AppendBool(x.out, le.Uint32(b) != 0)
	case typeGUID:
		x.out = fmt.Appendf(x.out, "{%08x-%04x-%04x-%x-%x}", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
	case typeFiletime:
		x.filetime(le.Uint64(b))
	case typeSystemTime:
		part := func(i int) int { return int(le.Uint16(b[2*i:])) }
		x.out = time.Date(part(0), time.Month(part(1)), part(3), part(4), part(5), part(6), part(7)*1e6, time.UTC).AppendFormat(x.out, "2006-01-02T15:04:05.000Z")
	case typeSID:
		x.sid(b)
	case typeHexInt32:
		x.hexNumber(uint64(le.Uint32(b)))
	case typeHexInt64:
		x.hexNumber(le.Uint64(b))
	case typeSizeT:
		switch len(b) {
		case 4:
			x.hexNumber(uint64(le.Uint32(b)))
		case 8:
			x.hexNumber(le.Uint64(b))
		default:
			x.hex(b)
		}
	case typeBinXML:
		if s.inValue {
			return nil // no attribute holds elements
		}
		in := s.within()
		in.bare, in.values = true, nil
		_, err := x.nodes(v.at, v.at+v.size, in)
		return err
	default:
		if v.typ&typeList == 0 {
			x.hex(b)
			return nil
		}
		first := true
		for one := range x.each(v) {
			if err := x.step(); err != nil {
				return err
			}
			if !first {
				x.out = append(x.out, ',')
			}
			first = false
			if err := x.value(one, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *renderer) int(n int64)   { x.out = strconv.AppendInt(x.out, n, 10) }
func (x *renderer) uint(n uint64) { x.out = strconv.AppendUint(x.out, n, 10) }

func (x *renderer) hexNumber(n uint64) { x.out = strconv.AppendUint(append(x.out, "0x"...), n, 16) }

// hex writes bytes as Windows does, in upper case.
func (x *renderer) hex(b []byte) {
	from := len(x.out)
	x.out = hex.AppendEncode(x.out, b)
	for i := from; i < len(x.out); i++ {
		if x.out[i] >= 'a' {
			x.out[i] -= 'a' - 'A'
		}
	}
}

// filetime writes a FILETIME in UTC with all its digits, also one of zero; as a number one that is none.
func (x *renderer) filetime(ft uint64) {
	t := safeio.Filetime(ft)
	switch {
	case ft == 0:
		t = time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.IsZero():
		x.uint(ft)
		return
	}
	x.out = t.AppendFormat(x.out, "2006-01-02T15:04:05.0000000Z")
}

// sid writes a security identifier ([MS-DTYP] 2.4.2): revision, count of the parts, authority of six bytes that are big-endian, parts of four.
func (x *renderer) sid(b []byte) {
	if len(b) < 8 || len(b) < 8+4*int(b[1]) {
		x.hex(b)
		return
	}
	x.out = append(strconv.AppendUint(append(x.out, "S-"...), uint64(b[0]), 10), '-')
	x.uint(uint64(b[2])<<40 | uint64(b[3])<<32 | uint64(binary.BigEndian.Uint32(b[4:])))
	for i := range int(b[1]) {
		x.out = append(x.out, '-')
		x.uint(uint64(binary.LittleEndian.Uint32(b[8+4*i:])))
	}
}

// trimZeros removes the zeros that end a UTF-16 string.
func trimZeros(b []byte) []byte {
	b = b[:len(b)&^1]
	for len(b) > 0 && b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	return b
}

// appendText appends UTF-16 as XML text, or as the value of an attribute.
func appendText(out, b []byte, attribute bool) []byte {
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(binary.LittleEndian.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+3 < len(b) {
				low = rune(binary.LittleEndian.Uint16(b[i+2:]))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 2
			}
		}
		out = appendRune(out, r, attribute)
	}
	return out
}

// appendRune appends a character as XML text. Line breaks are written as references, so that each event is one line; so are control characters, which XML can't hold: they were there.
func appendRune(out []byte, r rune, attribute bool) []byte {
	switch {
	case r == '<':
		return append(out, "&lt;"...)
	case r == '>':
		return append(out, "&gt;"...)
	case r == '&':
		return append(out, "&amp;"...)
	case r == '\'' && attribute:
		return append(out, "&apos;"...)
	case r == '"' && attribute:
		return append(out, "&quot;"...)
	case r < 0x20 && (attribute || r != '\t'), r == 0x7F:
		return append(strconv.AppendInt(append(out, "&#"...), int64(r), 10), ';')
	}
	return utf8.AppendRune(out, r)
}

// cleanName replaces what no name of an element has.
func cleanName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ':' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= 0xC0 {
			return r
		}
		return '_'
	}, s)
}

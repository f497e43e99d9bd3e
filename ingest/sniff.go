package ingest

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// headSize is how much of a member readers and extractors see to recognise it.
const headSize = 64 << 10

// peekSize is how much of each member Open looks at: enough for every magic number and for the first lines of a registry's text.
const peekSize = 4 << 10

// magic is a format that is told by fixed bytes.
type magic struct {
	bytes string
	kind  Kind
}

// magics lists the formats that are told by fixed bytes and are no containers: hives and their transaction logs.
var magics = []magic{
	{"regf", KindHiveOther},
	{"HvLE", KindHiveLog},
	{"DIRT", KindHiveLog},
}

// recognise returns the format of a member that starts with head, nil if its magic is none of the list.
func recognise(head []byte) *magic {
	for i := range magics {
		if m := &magics[i]; bytes.HasPrefix(head, []byte(m.bytes)) {
			return m
		}
	}
	return nil
}

// isZip tells whether head is that of a zip: a local header, the end record of an empty zip, or the mark of a spanned one.
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) || bytes.HasPrefix(head, []byte("PK\x07\x08PK"))
}

// textEncoding tells whether a member that starts with head is text, and in which encoding if the first bytes decide: a byte order mark,
// or the zero bytes of UTF-16. bom is the length of the mark.
func textEncoding(head []byte) (enc string, bom int, text bool) {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return encUTF8, 3, isText(head[3:])
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return encUTF16LE, 2, isText16(head[2:], binary.LittleEndian.Uint16)
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return encUTF16BE, 2, isText16(head[2:], binary.BigEndian.Uint16)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		switch {
		case beginsInBytes(head): // the decoder finds where UTF-16 begins
		case shaped16(head, binary.LittleEndian.Uint16):
			return encUTF16LE, 0, true
		case shaped16(head, binary.BigEndian.Uint16):
			return encUTF16BE, 0, true
		}
	}
	if at, wide, _ := wideStart(head, true); wide != "" && at >= narrowHead {
		return "", 0, isText(head[:at])
	}
	return "", 0, isText(head)
}

// isText tells text of bytes from binary data. Control characters other than the usual ones are rare in a log, however damaged, and
// make up a ninth of random or packed data. NULs are found in texts whose writer was interrupted: in long runs. Structures have them
// scattered between control characters.
func isText(head []byte) bool {
	var controls, nuls, runs int
	last := byte(1)
	for _, c := range head {
		switch {
		case c == 0:
			nuls++
			if last != 0 {
				runs++
			}
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\b' && c != 0x1B && c != 0x1A || c == 0x7F:
			controls++
		}
		last = c
	}
	others := len(head) - nuls
	if others == 0 {
		return false
	}
	return controls*20 <= others && (runs <= 4 || runs*50 <= others)
}

// isText16 tells text behind a UTF-16 byte order mark from binary data that happens to start so.
func isText16(head []byte, unit func([]byte) uint16) bool {
	controls, units := 0, len(head)/2
	for i := range units {
		if u := unit(head[2*i:]); u < 0x20 && u != 0 && u != '\t' && u != '\n' && u != '\r' && u != '\f' && u != 0x1B || u == 0xFFFF || u == 0xFFFE {
			controls++
		}
	}
	return controls*20 <= units
}

// shaped16 tells UTF-16 text without a byte order mark: whole units, no control characters, no broken pairs, and a fair share of
// ASCII, which every log has in its digits, blanks and line ends.
func shaped16(head []byte, unit func([]byte) uint16) bool {
	units, ascii, nuls, strange := 0, 0, 0, 0
	for i := 0; i+1 < len(head); i += 2 {
		u := unit(head[i:])
		units++
		switch {
		case u == 0:
			nuls++
		case u == '\t' || u == '\n' || u == '\r' || u >= 0x20 && u < 0x7F:
			ascii++
		case u < 0x20 || u >= 0x7F && u < 0xA0 || u >= 0xFFF0:
			strange++
		case u >= 0xDC00 && u < 0xE000:
			strange++
		case u >= 0xD800 && u < 0xDC00:
			if i+3 < len(head) {
				if utf16.DecodeRune(rune(u), rune(unit(head[i+2:]))) == 0xFFFD {
					strange++
				}
				units++
				i += 2
			}
		}
	}
	units -= nuls
	if units < 1 || strange*50 > units || nuls*2 > units {
		return false
	}
	if units < 32 {
		return ascii*4 >= units*3
	}
	return ascii*20 >= units
}

// narrowHead is how many bytes at the start show that a text does not begin in UTF-16.
const narrowHead = 32

// beginsInBytes tells a text of bytes to which UTF-16 was appended from text in UTF-16, which has a zero byte in its first characters
// unless they are ideographs, and these are not made of ASCII bytes.
func beginsInBytes(head []byte) bool {
	if len(head) < narrowHead {
		return false
	}
	plain := 0
	for _, c := range head[:narrowHead] {
		if c == 0 {
			return false
		}
		if plainASCII(c) {
			plain++
		}
	}
	return plain >= narrowHead*3/4
}

// headText returns the decoded beginning of a text for those who recognise it, up to headSize bytes, cut anywhere. It is part of raw, or
// of d's buffer. likely says that fallback is not known to be the machine's page.
func headText(d *decoder, raw []byte, enc string, bom int, fallback *codePage, likely bool) []byte {
	raw = raw[bom:]
	raw = raw[:min(len(raw), headSize)]
	if enc == encUTF8 || enc == "" && asciiLen(raw) == len(raw) {
		return raw
	}
	d.reset(enc, fallback)
	d.likely = likely
	n := copy(d.space(len(raw)), raw)
	text := d.decode(n, n < headSize)
	return text[:min(len(text), headSize)]
}

// hiveKind tells a hive from its transaction log, which starts with a copy of the hive's base block: the file type at 28 is 0 for
// a primary file (Windows registry file format, "Base block").
func hiveKind(head []byte) Kind {
	if len(head) >= 32 && binary.LittleEndian.Uint32(head[28:]) != 0 {
		return KindHiveLog
	}
	return KindHiveOther
}

// hiveNames are the names of the files in which Windows keeps its registry.
var hiveNames = []string{"system", "software", "sam", "security", "default", "ntuser.dat", "usrclass.dat", "components", "bcd"}

// isHiveName tells whether a base name in lower case is that of a hive.
func isHiveName(base string) bool {
	for _, n := range hiveNames {
		if base == n || base == n+".hiv" || base == n+".hive" {
			return true
		}
	}
	return strings.HasSuffix(base, ".hiv") || strings.HasSuffix(base, ".hive")
}

// zipName tells whether a file's name is that of a zip.
func zipName(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".zip") }

package ingest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// maxName is the length in bytes at which a member's name is cut. Real paths are far shorter; a zip allows 64 KiB, which a hostile
// one multiplies by the number of its entries.
const maxName = 1024

// zipUnicodePath is the header ID of the Info-ZIP Unicode Path extra field (APPNOTE.TXT 4.6.9).
const zipUnicodePath = 0x7075

// zipUTF8 is the general purpose bit 11: name and comment are UTF-8 (APPNOTE.TXT 4.4.4).
const zipUTF8 = 0x800

// decodeZipName returns a zip entry's name as UTF-8. The Info-ZIP Unicode Path field is believed if its CRC is that of the raw
// name; else the name is UTF-8 with the UTF-8 flag and cp437 without. ok is false if the flag claims UTF-8 that is none; the name is
// then read as cp437, which maps every byte.
func decodeZipName(raw string, flags uint16, extra []byte) (name string, ok bool) {
	if u := unicodePath(raw, extra); u != "" {
		return u, true
	}
	if isASCII(raw) {
		return raw, true
	}
	ok = true
	if flags&zipUTF8 != 0 {
		if utf8.ValidString(raw) {
			return raw, true
		}
		ok = false
	}
	b := make([]byte, 0, len(raw)*2)
	for i := range len(raw) {
		b = utf8.AppendRune(b, charmap.CodePage437.DecodeByte(raw[i]))
	}
	return string(b), ok
}

// unicodePath returns the name in an Info-ZIP Unicode Path field, "" if there is none that fits raw. Layout:
//
//	0x7075  2 bytes
//	size    2 bytes
//	version 1 byte, 1
//	NameCRC32 4 bytes, of the raw name
//	name    size-5 bytes, UTF-8
func unicodePath(raw string, extra []byte) string {
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if size > len(extra) {
			return ""
		}
		field := extra[:size]
		extra = extra[size:]
		if id != zipUnicodePath || size < 6 || field[0] != 1 {
			continue
		}
		if name := field[5:]; binary.LittleEndian.Uint32(field[1:]) == crc32.ChecksumIEEE([]byte(raw)) && utf8.Valid(name) {
			return string(name)
		}
	}
	return ""
}

// cleanName turns the name that a container gives a member into a path of ours: '/'-separated, relative, NFC, without control
// characters. why says what was wrong with the name, "" if nothing was: a backslash and a "." segment are not.
func cleanName(name string) (clean, why string) {
	var reasons []string
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "\uFFFD")
		reasons = append(reasons, "is not valid UTF-8")
	}
	if strings.ContainsFunc(name, unprintable) {
		name = strings.Map(func(r rune) rune {
			if unprintable(r) {
				return '\uFFFD'
			}
			return r
		}, name)
		reasons = append(reasons, "holds control characters")
	}
	name = norm.NFC.String(strings.ReplaceAll(name, `\`, "/"))
	if strings.HasPrefix(name, "/") || hasDrive(name) {
		reasons = append(reasons, "is an absolute path")
		name = strings.TrimLeft(name, "/")
		if hasDrive(name) { // C:/Windows becomes C/Windows, so that the drive stays visible
			name = name[:1] + "/" + name[2:]
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == ".." {
			reasons = append(reasons, "leaves its folder by ..")
			break
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if len(name) > maxName {
		name = cutString(name, maxName)
		if at := strings.LastIndexByte(name, '/'); at >= 0 && strings.Trim(name[at:], "/.") == "" { // of a name that begins with dots they may be left
			name = name[:at]
		}
		reasons = append(reasons, fmt.Sprintf("is longer than %d bytes", maxName))
	}
	if name == "" {
		name = "unnamed"
		reasons = append(reasons, "names no file")
	}
	return name, strings.Join(reasons, " and ")
}

// collectedName undoes the escaping of Velociraptor's offline collector, which keeps a file in a folder called by its volume, as in
// uploads/auto/C%3A/Windows/… and uploads/ntfs/%5C%5C.%5CC%3A/Windows/…: the volume becomes its letter, as in the names of other collectors, and
// the names below it what they were. Names without such a folder are left alone: a percent sign may belong to them.
func collectedName(name string) string {
	if !strings.Contains(name, "%3") {
		return name
	}
	segments := strings.Split(strings.ReplaceAll(name, `\`, "/"), "/")
	below := false
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		switch {
		case err != nil:
		case below:
			if !strings.ContainsAny(plain, "/\\\x00") && plain != "." && plain != ".." {
				segments[i] = plain
			}
		case i < len(segments)-1 && plain != s && hasDrive(strings.TrimPrefix(plain, `\\.\`)) && len(strings.TrimPrefix(plain, `\\.\`)) == 2:
			segments[i] = plain[len(plain)-2 : len(plain)-1]
			below = true
		}
	}
	if !below {
		return name
	}
	return strings.Join(segments, "/")
}

// hasDrive tells whether a name starts with a drive letter and a colon.
func hasDrive(name string) bool {
	return len(name) >= 2 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z')
}

// unprintable tells control characters and the marks that reorder or hide text from those that a path may show.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF' ||
		(r >= '\u200B' && r <= '\u200D')
}

// isASCII tells whether s has no byte above 0x7F.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cutString returns the beginning of s, at most n bytes, without cutting a character.
func cutString(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// names makes paths unique. It holds every path, with the number that the next one of that name gets.
type names map[string]int

// unique returns name, or name with the first of ~2, ~3 … behind it that makes it new.
func (n names) unique(name string) string {
	u := name
	for n[u] > 0 {
		n[name]++
		u = name + "~" + strconv.Itoa(n[name])
	}
	n[u] = 1
	return u
}

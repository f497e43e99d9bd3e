package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// chunkSize is how many bytes of a member are read at a time.
const chunkSize = 256 << 10

// decoder turns a member's bytes into UTF-8. It owns one buffer in which decoded text and, behind it, bytes that wait for their
// continuation stand:
//
//	buf[start:end]  decoded and not yet taken
//	buf[end:fill]   the beginning of a character, or of a line whose encoding is in doubt
//
// UTF-8 is checked where it stands and never copied.
type decoder struct {
	buf              []byte
	start, end, fill int

	encoding string       // of the bytes at hand, one of the IANA names; "" while all bytes were ASCII
	began    string       // the encoding of the part before the first change; only if changes is not 0
	changes  int          // how many times the encoding changed, as in a log to which programs append in their own
	changeAt int          // line of the first change
	verbatim bool         // the bytes are decoded text already
	fallback *codePage    // the page of text that is neither UTF-8 nor UTF-16
	likely   bool         // fallback is only the usual one, and gives way to the page that the text shows
	page     *pageDecoder // of fallback; nil until it is needed
	raw      []byte       // scratch: bytes to be decoded, while buf takes their text
	rest     []byte       // scratch: bytes behind a change of the encoding

	line     int // number of the line at buf[start]
	damaged  int // how many times bytes were none of the encoding
	damageAt int // line of the first such bytes
	nuls     int
	nulAt    int // line of the first NUL
}

// reset prepares the decoder for the next artifact. enc is the encoding that the first bytes show, "" if they leave it open.
func (d *decoder) reset(enc string, fallback *codePage) {
	*d = decoder{buf: d.buf, raw: d.raw, rest: d.rest, encoding: enc, fallback: fallback, line: 1}
}

// space returns n bytes to be filled with the next bytes of the artifact.
func (d *decoder) space(n int) []byte {
	if d.start > 0 {
		copy(d.buf, d.buf[d.start:d.fill])
		d.end, d.fill, d.start = d.end-d.start, d.fill-d.start, 0
	}
	if d.fill+n > len(d.buf) {
		grown := make([]byte, max(d.fill+n, len(d.buf)+len(d.buf)/4))
		copy(grown, d.buf[:d.fill])
		d.buf = grown
	}
	return d.buf[d.fill : d.fill+n]
}

// text returns the decoded text that was not yet taken. It is valid until the next call of space.
func (d *decoder) text() []byte { return d.buf[d.start:d.end] }

// take removes n bytes with the given number of line ends from the start of the text.
func (d *decoder) take(n, lines int) {
	d.start += n
	d.line += lines
}

// decode takes the first n bytes of the space that was filled and returns the text that came to be.
func (d *decoder) decode(n int, atEOF bool) []byte {
	from := d.end
	d.fill += n
	if d.verbatim {
		d.end = d.fill
		if !atEOF {
			d.end -= partial(d.buf[from:d.fill])
		}
		return d.buf[from:d.end]
	}
	for d.part(atEOF) {
	}
	fresh := d.buf[from:d.end]
	if bytes.IndexByte(fresh, 0) >= 0 {
		if d.nuls == 0 {
			d.nulAt = d.line + bytes.Count(d.buf[d.start:from+bytes.IndexByte(fresh, 0)], newline)
		}
		d.nuls += bytes.Count(fresh, nul)
	}
	return fresh
}

// partial returns how many bytes at the end of b are the beginning of a character.
func partial(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

var newline, nul = []byte{'\n'}, []byte{0}

// part decodes buf[end:fill] as far as its encoding goes, and returns true if bytes of another encoding follow.
func (d *decoder) part(atEOF bool) (more bool) {
	if d.encoding == encUTF16LE || d.encoding == encUTF16BE {
		unit := binary.LittleEndian.Uint16
		if d.encoding == encUTF16BE {
			unit = binary.BigEndian.Uint16
		}
		if !d.decodeUTF16(unit, atEOF) {
			return false
		}
		d.change("")
		return true
	}
	if d.changes >= maxChanges {
		d.decodeBytes(atEOF)
		return false
	}
	cut, next, mark := wideStart(d.buf[d.end:d.fill], atEOF)
	d.rest = append(d.rest[:0], d.buf[d.end+cut:d.fill]...)
	d.fill = d.end + cut
	d.decodeBytes(atEOF && len(d.rest) == 0 || next != "")
	if len(d.rest) > 0 { // it stands behind what waits
		d.restore(d.buf[:d.fill], d.rest[mark:])
	}
	if next == "" {
		return false
	}
	d.change(next)
	return true
}

// change notes that the encoding changes to another behind the decoded text.
func (d *decoder) change(to string) {
	if d.changes == 0 {
		d.began, d.changeAt = d.name(), d.line+bytes.Count(d.text(), newline)
	}
	d.changes++
	d.encoding = to
}

// decodeBytes decodes buf[end:fill], which is not UTF-16.
func (d *decoder) decodeBytes(atEOF bool) {
	switch d.encoding {
	case "":
		d.settle(atEOF)
	case encUTF8:
		d.decodeUTF8(atEOF)
	default:
		d.decodePage(atEOF)
	}
}

const byteOrderMark = 0xFEFF

const (
	// wideSample is how many bytes of UTF-16 show that a part of it begins.
	wideSample = 64
	// narrowSample is how many bytes of ASCII in a row show that a part of UTF-16 has ended: as UTF-16 they would be as many
	// characters of East Asia without a single blank, digit or line end between them.
	narrowSample, narrowAtEnd = 48, 24
	// maxChanges bounds the changes of one text: a log has a few, and each costs a copy.
	maxChanges = 1000
)

// wideStart returns where in a text of bytes a part in UTF-16 begins, its encoding, and the length of the byte order mark it begins with. Without
// one, the encoding is "", and what stands at cut and behind has to wait for more bytes.
func wideStart(raw []byte, atEOF bool) (cut int, encoding string, mark int) {
	for at := 0; ; at++ {
		i := bytes.IndexByte(raw[at:], 0)
		if i < 0 {
			break
		}
		at += i
		start, enc, skip := at-1, encUTF16LE, 0
		// The bytes before the first NUL: a character, or a mark and perhaps characters that are not ASCII.
		if m := bytes.LastIndex(raw[max(0, at-wideSample):at], []byte("\xff\xfe")); m >= 0 {
			start, skip = max(0, at-wideSample)+m, 2
		} else if m := bytes.LastIndex(raw[max(0, at-wideSample):at], []byte("\xfe\xff")); m >= 0 {
			start, enc, skip = max(0, at-wideSample)+m, encUTF16BE, 2
		}
		if start < 0 {
			continue
		}
		unit := binary.LittleEndian.Uint16
		if enc == encUTF16BE {
			unit = binary.BigEndian.Uint16
		}
		sample := raw[start+skip:]
		if len(sample) < wideSample && !atEOF {
			if len(sample) < 4 || shaped16(sample, unit) {
				return start, "", 0
			}
			continue
		}
		sample = sample[:min(len(sample), wideSample)&^1]
		if len(sample) >= 8 && shaped16(sample, unit) {
			return start, enc, skip
		}
	}
	if atEOF {
		return len(raw), "", 0
	}
	return max(0, len(raw)-wideSample), "", 0 // what comes may show that a part begins here
}

// narrowRun returns how many bytes at the start of b are ASCII text.
func narrowRun(b []byte) int {
	for i, c := range b {
		if !plainASCII(c) {
			return i
		}
	}
	return len(b)
}

// plainASCII tells whether a byte is printable ASCII, a tab or of a line end.
func plainASCII(c byte) bool { return c >= 0x20 && c < 0x7F || c == '\t' || c == '\r' || c == '\n' }

// settle chooses between UTF-8 and the code page at the first byte that is not ASCII.
func (d *decoder) settle(atEOF bool) {
	tail := d.buf[d.end:d.fill]
	n := asciiLen(tail)
	d.end += n
	if n == len(tail) {
		return
	}
	good, bad := countUTF8(tail[n:], atEOF)
	switch {
	case good == 0 && bad == 0: // the beginning of a character
	case good > bad:
		d.encoding = encUTF8
		d.decodeUTF8(atEOF)
	case d.likely && !atEOF && len(tail)-n < likelySample: // what comes shows which page it is
	default:
		if d.likely {
			d.fallback, d.page, d.likely = likelyPage(tail, d.fallback), nil, false
		}
		d.encoding = d.fallback.name
		d.decodePage(atEOF)
	}
}

// countUTF8 counts the characters of more than one byte, and the bytes that belong to none. A few bytes of a legacy page are
// valid UTF-8 by chance (C3 A9 in a GBK text), and a few of a UTF-8 text may be damaged, so that the more frequent wins.
func countUTF8(b []byte, atEOF bool) (good, bad int) {
	for len(b) > 0 {
		n := asciiLen(b)
		b = b[n:]
		for len(b) > 0 && b[0] >= utf8.RuneSelf {
			if !atEOF && !utf8.FullRune(b) {
				return good, bad
			}
			r, size := utf8.DecodeRune(b)
			if r == utf8.RuneError && size == 1 {
				bad++
			} else {
				good++
			}
			b = b[size:]
		}
	}
	return good, bad
}

// decodeUTF8 checks buf[end:fill]. Lines that are not UTF-8 are read by the code page.
func (d *decoder) decodeUTF8(atEOF bool) {
	tail := d.buf[d.end:d.fill]
	n := utf8Len(tail)
	if n == len(tail) || (!atEOF && !utf8.FullRune(tail[n:])) {
		d.end += n
		return
	}
	// From here on lines are decoded one by one, from a copy, since a line that is not UTF-8 grows.
	lineStart := bytes.LastIndexByte(tail[:n], '\n') + 1
	d.end += lineStart
	d.raw = append(d.raw[:0], tail[lineStart:]...)
	rest, dst := d.raw, d.buf[:d.end]
	for len(rest) > 0 {
		line := rest
		i := bytes.IndexByte(rest, '\n')
		if i >= 0 {
			line = rest[:i+1]
		} else if !atEOF && len(rest) < chunkSize {
			break // the line's end decides
		}
		valid := utf8Len(line)
		switch {
		case valid == len(line):
			dst = append(dst, line...)
		case i < 0 && !atEOF && !utf8.FullRune(line[valid:]):
			dst = append(dst, line[:valid]...)
			line = line[:valid]
		default:
			d.damage(dst)
			dst, _ = d.pageDecoder().append(dst, line, true)
		}
		rest = rest[len(line):]
	}
	d.end = len(dst)
	d.restore(dst, rest)
}

// utf8Len returns the length of the beginning of b that is valid UTF-8.
func utf8Len(b []byte) int {
	if utf8.Valid(b) {
		return len(b)
	}
	i := 0
	for {
		i += asciiLen(b[i:])
		for i < len(b) && b[i] >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return i
			}
			i += size
		}
		if i == len(b) {
			return i
		}
	}
}

// decodePage decodes buf[end:fill] by the code page.
func (d *decoder) decodePage(atEOF bool) {
	d.raw = append(d.raw[:0], d.buf[d.end:d.fill]...)
	dst, n := d.pageDecoder().append(d.buf[:d.end], d.raw, atEOF)
	d.end = len(dst)
	d.restore(dst, d.raw[n:])
}

func (d *decoder) pageDecoder() *pageDecoder {
	if d.page == nil {
		d.page = newPageDecoder(d.fallback)
	}
	return d.page
}

// decodeUTF16 decodes buf[end:fill], and returns true if it stopped before a part that is not UTF-16. Half a pair of surrogates, and half a unit at
// the end, become U+FFFD.
func (d *decoder) decodeUTF16(unit func([]byte) uint16, atEOF bool) (ended bool) {
	d.raw = append(d.raw[:0], d.buf[d.end:d.fill]...)
	src := d.raw
	little := d.encoding == encUTF16LE
	dst := slices.Grow(d.buf[:d.end], len(src)/2*3+utf8.UTFMax)
	for len(src) >= 2 {
		if little {
			var n int
			dst, n = appendASCII16(dst, src)
			if src = src[n:]; len(src) < 2 {
				break
			}
		}
		r := rune(unit(src))
		size := 2
		if src[0] != 0 && src[1] != 0 && src[0] < 0x7F && src[1] < 0x7F && d.changes < maxChanges {
			run := narrowRun(src[:min(len(src), narrowSample)])
			if run >= narrowSample || atEOF && run == len(src) && run >= narrowAtEnd {
				ended = true
				break
			}
			if run == len(src) && !atEOF {
				break // more of it decides
			}
		}
		if utf16.IsSurrogate(r) {
			if len(src) < 4 && !atEOF && r < 0xDC00 {
				break
			}
			pair := utf8.RuneError
			if len(src) >= 4 {
				pair = utf16.DecodeRune(r, rune(unit(src[2:])))
			}
			if pair == utf8.RuneError {
				d.damage(dst)
			} else {
				size = 4
			}
			r = pair
		}
		src = src[size:]
		if r == byteOrderMark && (len(dst) == d.start || dst[len(dst)-1] == '\n') {
			continue // of a program that appended its own
		}
		dst = utf8.AppendRune(dst, r)
	}
	if atEOF && !ended && len(src) > 0 {
		d.damage(dst)
		dst = utf8.AppendRune(dst, utf8.RuneError)
		src = nil
	}
	d.end = len(dst)
	d.restore(dst, src)
	return ended
}

// appendASCII16 appends the ASCII characters at the start of UTF-16LE text, as far as they come in fours, and returns how many bytes
// of src they are. dst has room for them.
func appendASCII16(dst, src []byte) ([]byte, int) {
	n, m := 0, len(dst)
	out := dst[m:cap(dst)]
	for len(src)-n >= 8 && len(out) >= 4 {
		x := binary.LittleEndian.Uint64(src[n:])
		if x&0xFF80FF80FF80FF80 != 0 {
			break
		}
		x |= x >> 8
		binary.LittleEndian.PutUint16(out, uint16(x))         //nolint:gosec // the low two characters
		binary.LittleEndian.PutUint16(out[2:], uint16(x>>32)) //nolint:gosec // the high two characters
		out = out[4:]
		n += 8
	}
	return dst[:m+n/2], n
}

// damage counts bytes that are none of the encoding; dst ends where they stand.
func (d *decoder) damage(dst []byte) {
	if d.damaged == 0 {
		d.damageAt = d.line + bytes.Count(dst[d.start:], newline)
	}
	d.damaged++
}

// restore makes dst, to which text was appended, the buffer, and puts the bytes that wait behind it.
func (d *decoder) restore(dst, rest []byte) {
	dst = append(dst, rest...)
	d.fill = len(dst)
	d.buf = dst[:cap(dst)]
}

// problems says what was wrong with the text.
func (d *decoder) problems(path string) []Problem {
	var list []Problem
	if d.damaged > 0 {
		what := "bytes that are not UTF-16 were read as U+FFFD"
		if d.encoding == encUTF8 {
			what = "lines that are not UTF-8 were read as " + d.fallback.name
		}
		list = append(list, Problem{Artifact: path, Stage: StageDecode, Message: fmt.Sprintf("from line %d on, in %d places: %s", d.damageAt, d.damaged, what)})
	}
	if d.changes > 0 {
		list = append(list, Problem{Artifact: path, Stage: StageDecode, Message: fmt.Sprintf("line %d: %s ends and another encoding begins, the first of %d changes; each part is read in its own", d.changeAt, d.began, d.changes)})
	}
	if d.nuls > 0 {
		list = append(list, Problem{Artifact: path, Stage: StageDecode, Message: fmt.Sprintf("the text holds NUL characters: %d, the first in line %d", d.nuls, d.nulAt)})
	}
	return list
}

// name returns the IANA name of the encoding; of the first part's if it changes.
func (d *decoder) name() string {
	if d.changes > 0 {
		return d.began
	}
	if d.encoding == "" {
		return encUTF8 // ASCII is UTF-8
	}
	return d.encoding
}

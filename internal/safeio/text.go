package safeio

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// UTF16LE decodes little-endian UTF-16 to UTF-8. An odd last byte is left out, a lone surrogate becomes U+FFFD; NULs are kept.
func UTF16LE(b []byte) string {
	n := len(b) / 2
	ascii := true
	for i := range n {
		if b[2*i] >= utf8.RuneSelf || b[2*i+1] != 0 {
			ascii = false
			break
		}
	}
	out := make([]byte, 0, n)
	if ascii {
		for i := range n {
			out = append(out, b[2*i])
		}
		return string(out)
	}
	for i := 0; i < n; i++ {
		r := rune(binary.LittleEndian.Uint16(b[2*i:]))
		if utf16.IsSurrogate(r) {
			if i+1 < n {
				if pair := utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(b[2*i+2:]))); pair != unicode.ReplacementChar {
					out = utf8.AppendRune(out, pair)
					i++
					continue
				}
			}
			r = unicode.ReplacementChar
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// AppendUTF16LE appends s as little-endian UTF-16, without a terminator.
func AppendUTF16LE(b []byte, s string) []byte {
	for _, r := range s {
		if r >= 0x10000 {
			hi, lo := utf16.EncodeRune(r)
			b = binary.LittleEndian.AppendUint16(b, uint16(hi)) //nolint:gosec // a surrogate is 16 bits
			b = binary.LittleEndian.AppendUint16(b, uint16(lo)) //nolint:gosec // a surrogate is 16 bits
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(r)) //nolint:gosec // below 0x10000
	}
	return b
}

// Quote returns s in double quotes with everything that could mislead a reader as a Go escape: control characters,
// bidirectional and other format characters, invalid UTF-8. Letters of every script stay readable.
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[s[i]>>4])
			b.WriteByte("0123456789abcdef"[s[i]&15])
		case r == '\\' || r == '"' || !unicode.IsPrint(r):
			q := strconv.QuoteRuneToASCII(r)
			if r == '"' {
				q = `'\"'`
			}
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}

// Printable returns s for a line of text: what [Quote] would escape is escaped, but quotation marks and backslashes stay as they are, so that a path is
// one that can be copied.
func Printable(s string) string {
	q := Quote(s)
	return unquoter.Replace(q[1 : len(q)-1])
}

var unquoter = strings.NewReplacer(`\"`, `"`, `\\`, `\`)

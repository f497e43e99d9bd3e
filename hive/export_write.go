package hive

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode"

	"casebook/internal/safeio"
)

// hexColumn is the column behind which regedit continues data on the next line.
const hexColumn = 76

// WriteExport writes the key with all below it as a .reg file of version 5 with CRLF. Only names of keys and values can be outside ASCII; they are
// written in UTF-8, where regedit wants a file that has any in UTF-16LE behind a byte order mark. Paths begin with prefix, such as HKEY_LOCAL_MACHINE\SYSTEM for the root of a hive file; a text's
// paths have their own beginning, and prefix is then "". What such a file can't state stands in it as a comment, and the number of such keys and
// values is returned: names that hold control characters, and data that could not be read to its end.
func WriteExport(w io.Writer, k *Key, prefix string) (omitted int, err error) {
	e := exporter{w: bufio.NewWriter(w)}
	e.line(exportHeader5)
	top := join(prefix, k.Path())
	if err := k.h.walk(k.id, func(k *Key) error {
		path := join(prefix, k.Path())
		if !k.Stated() {
			return nil // nothing is known of it but that keys stand below it
		}
		e.line("")
		if hasControl(path) {
			e.omit("key %s", path)
			return nil
		}
		e.line("[" + path + "]")
		for _, v := range k.Values() {
			e.value(v)
		}
		return e.w.Flush()
	}); err != nil {
		return e.omitted, fmt.Errorf("export %s: %w", safeio.Quote(top), err)
	}
	return e.omitted, e.w.Flush()
}

// join joins two paths of which one may be "".
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + `\` + b
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// exporter writes lines; an error of its writer stays until Flush.
type exporter struct {
	w       *bufio.Writer
	omitted int
}

func (e *exporter) line(s string) { _, _ = e.w.WriteString(s + "\r\n") } // see exporter

func (e *exporter) omit(format string, args ...string) {
	e.omitted++
	quoted := make([]any, len(args))
	for i, a := range args {
		quoted[i] = safeio.Quote(a)
	}
	e.line("; left out: " + fmt.Sprintf(format, quoted...))
}

var exportEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// value writes one value.
func (e *exporter) value(v Value) {
	switch {
	case hasControl(v.Name):
		e.omit("value %s", v.Name)
		return
	case v.Truncated:
		e.omit("value %s, of which not all data can be read", v.Name)
		return
	}
	name := "@="
	if v.Name != "" {
		name = `"` + exportEscaper.Replace(v.Name) + `"=`
	}
	if s, ok := plain(v); ok {
		e.line(name + `"` + exportEscaper.Replace(s) + `"`)
		return
	}
	switch {
	case v.Type == TypeDWord && len(v.Data) == 4:
		e.line(fmt.Sprintf("%sdword:%08x", name, binary.LittleEndian.Uint32(v.Data)))
		return
	case v.Type == TypeBinary:
		name += "hex:"
	default:
		name += fmt.Sprintf("hex(%x):", uint32(v.Type))
	}
	e.hex(name, v.Data)
}

// hex writes bytes in hexadecimal, continued as regedit does.
func (e *exporter) hex(start string, data []byte) {
	const digits = "0123456789abcdef"
	_, _ = e.w.WriteString(start) // see exporter
	column := len([]rune(start))
	for i, c := range data {
		_ = e.w.WriteByte(digits[c>>4])  // see exporter
		_ = e.w.WriteByte(digits[c&0xf]) // see exporter
		if i == len(data)-1 {
			break
		}
		_ = e.w.WriteByte(',') // see exporter
		if column += 3; column > hexColumn {
			_, _ = e.w.WriteString("\\\r\n  ") // see exporter
			column = 2
		}
	}
	e.line("")
}

// plain returns the text of a REG_SZ that every reader takes for the same bytes: one NUL, at its end, and ASCII without control characters. Other
// text is written as bytes, so that only names make it matter how the file is encoded.
func plain(v Value) (string, bool) {
	n := len(v.Data)
	if v.Type != TypeSZ || n < 2 || n%2 != 0 || v.Data[n-1] != 0 || v.Data[n-2] != 0 {
		return "", false
	}
	for i := 0; i < n-2; i += 2 {
		if v.Data[i+1] != 0 || v.Data[i] < ' ' || v.Data[i] > '~' {
			return "", false
		}
	}
	return safeio.UTF16LE(v.Data[:n-2]), true
}

package hive

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold maps a rune to upper case as the registry does: one UTF-16 unit to one, nothing above U+FFFF, and without the
// mappings that Unicode has and the table of Windows has not.
func fold(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	case r == 'µ', r == 'ı', r == 'ſ', r == '\u0345', r == '\u1fbe', r > 0xffff:
		return r
	}
	return unicode.ToUpper(r)
}

// equalFold reports whether two names are the same to the registry.
func equalFold(a, b string) bool {
	for len(a) > 0 && len(b) > 0 {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb && fold(ra) != fold(rb) {
			return false
		}
		a, b = a[na:], b[nb:]
	}
	return a == "" && b == ""
}

// IsLogName reports whether a file called log, lying beside a hive file called name, is by its name a transaction log of that hive:
// name with .LOG, .LOG1 or .LOG2 behind it. With stem, an extension of the hive's own name may be missing in the log's: SYSTEM.LOG1
// beside SYSTEM.hiv.
func IsLogName(name, log string, stem bool) bool {
	dot := strings.LastIndexByte(log, '.')
	if dot < 0 || equalFold(name, log) {
		return false
	}
	switch strings.ToUpper(log[dot:]) {
	case ".LOG", ".LOG1", ".LOG2":
	default:
		return false
	}
	if stem {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	return equalFold(name, log[:dot])
}

// Package wincode names Windows error codes: Win32, Windows Installer, COM, Windows Update, BITS, WMI and cryptography.
//
// The names come from Microsoft's Win32 documentation (see NOTICE); what they mean here stands in the code that uses them.
package wincode

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed errorcodes.tsv
var table string

// Code is one error code of the table.
type Code struct {
	Family string // win32, msi, com, wua, bits, wmi or crypto
	Code   uint32
	Symbol string
}

var load = sync.OnceValue(func() map[uint32][]Code {
	m := make(map[uint32][]Code, 6000)
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) < 4 || strings.HasPrefix(line, "#") {
			continue
		}
		n, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			continue
		}
		m[uint32(n)] = append(m[uint32(n)], Code{f[0], uint32(n), f[3]})
	}
	return m
})

// Lookup returns what the table knows of a code, in the table's order; nil if nothing. An HRESULT of FACILITY_WIN32 (0x8007nnnn) is also looked up as the Win32 code
// that it carries. The list is the table's own and not to be changed.
func Lookup(code uint32) []Code {
	out := load()[code]
	if code>>16 == 0x8007 && len(out) == 0 {
		out = load()[code&0xFFFF]
	}
	return out
}

// Parse reads a code as logs write it: decimal, negative decimal (the same 32 bits), or hexadecimal with 0x. It returns 0 and false for
// what is none, or needs more than 32 bits.
func Parse(s string) (uint32, bool) {
	s = strings.TrimSpace(s)
	if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		n, err := strconv.ParseUint(h, 16, 32)
		if err != nil {
			return 0, false
		}
		return uint32(n), true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > 0xFFFFFFFF || n < -0x80000000 {
		return 0, false
	}
	return uint32(n), true
}

// Name returns the symbol of a code, the first family's if several have it, and the code itself in hexadecimal if none has.
func Name(code uint32) string {
	if c := Lookup(code); len(c) > 0 {
		return c[0].Symbol
	}
	return fmt.Sprintf("0x%08X", code)
}

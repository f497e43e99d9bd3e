// Package wincode knows Windows error codes: Win32, Windows Installer, COM, Windows Update, BITS, WMI, cryptography, NTSTATUS, ConfigMgr and servicing. It names and
// explains them ([Candidates]), takes them apart ([Split]) and finds them in lines of logs ([Scan]).
//
// The names come from Microsoft's Win32 documentation (see NOTICE); the explanations are casebook's own.
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

// Family is the set of codes that a code belongs to. The same number may mean different things in two families.
type Family string

// The families. The first seven are those of the table of names.
const (
	Win32      Family = "win32"
	MSI        Family = "msi"         // return codes of Windows Installer
	MSIMessage Family = "msi-message" // numbers of Installer's messages, as in "Error 1920." and "Note: 1: 2203"
	MSIAction  Family = "msi-action"  // return values of an Installer's action, as in "Return value 3."
	COM        Family = "com"         // HRESULTs of COM, storage, RPC, setup and the like
	Crypto     Family = "crypt"       // HRESULTs of cryptography, certificates, trust and security support providers
	WUA        Family = "wua"         // HRESULTs of the Windows Update agent
	BITS       Family = "bits"        // HRESULTs of BITS
	WMI        Family = "wmi"         // HRESULTs of WMI
	ConfigMgr  Family = "configmgr"   // HRESULTs of the ConfigMgr client
	Servicing  Family = "servicing"   // HRESULTs of component based servicing (CBS)
	NTStatus   Family = "ntstatus"
	HTTP       Family = "http" // status codes of HTTP
)

// Families lists the families in the order in which rival meanings of a number are told if nothing else decides.
func Families() []Family {
	return []Family{Win32, MSI, MSIMessage, MSIAction, COM, Crypto, WUA, BITS, WMI, ConfigMgr, Servicing, NTStatus, HTTP}
}

// Title is what the family's codes are called.
func (f Family) Title() string {
	switch f {
	case Win32:
		return "Win32 error"
	case MSI:
		return "Windows Installer return code"
	case MSIMessage:
		return "Windows Installer message"
	case MSIAction:
		return "Windows Installer action's return value"
	case COM:
		return "COM"
	case Crypto:
		return "cryptography and trust"
	case WUA:
		return "Windows Update"
	case BITS:
		return "BITS"
	case WMI:
		return "WMI"
	case ConfigMgr:
		return "ConfigMgr"
	case Servicing:
		return "servicing"
	case NTStatus:
		return "NTSTATUS"
	case HTTP:
		return "HTTP status"
	}
	return string(f)
}

// Code is one error code of the table.
type Code struct {
	Family Family // one of the families of the table: win32, msi, com, wua, bits, wmi or crypt
	Code   uint32
	Symbol string
}

// names is the table by code and by symbol.
type names struct {
	byCode   map[uint32][]Code
	bySymbol map[string][]Code
}

var load = sync.OnceValue(func() names {
	n := names{make(map[uint32][]Code, 6000), make(map[string][]Code, 6000)}
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) < 4 || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			continue
		}
		c := Code{Family(f[0]), uint32(v), f[3]}
		n.byCode[c.Code] = append(n.byCode[c.Code], c)
		n.bySymbol[c.Symbol] = append(n.bySymbol[c.Symbol], c)
	}
	return n
})

// Lookup returns what the table knows of a code, in the table's order; nil if nothing. An HRESULT of FACILITY_WIN32 (0x8007nnnn) is also looked up as the Win32 code
// that it carries. The list is the table's own and not to be changed.
func Lookup(code uint32) []Code {
	out := load().byCode[code]
	if code>>16 == 0x8007 && len(out) == 0 {
		out = load().byCode[code&0xFFFF]
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

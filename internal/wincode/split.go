package wincode

import (
	"fmt"
	"strconv"
)

// Parts is a 32-bit code taken apart by the layout of HRESULT and NTSTATUS: two bits of severity, the customer's bit, N (an NTSTATUS
// in the form of an HRESULT), the facility and the code. Source: [MS-ERREF] sections 2.1 and 2.3.
type Parts struct {
	Failure  bool   // the top bit: of an HRESULT failure, of an NTSTATUS a warning or an error
	Customer bool   // the customer's bit: an application's own code
	NTStatus bool   // an NTSTATUS: by its severity (0xC…), or by the N bit of an HRESULT (0xD…)
	Facility uint32 // 11 bits
	Code     uint32 // 16 bits
}

// Split takes a code apart. A number below 0x10000 has no parts but the code.
func Split(code uint32) Parts {
	return Parts{
		Failure: code>>31 == 1, Customer: code>>29&1 == 1, NTStatus: code>>29 == 6 || code>>28&1 == 1,
		Facility: code >> 16 & 0x7FF, Code: code & 0xFFFF,
	}
}

// facilities are the names of HRESULT facilities in winerror.h; 2000 is what the ConfigMgr client uses for its own.
var facilities = map[uint32]string{
	0: "FACILITY_NULL", 1: "FACILITY_RPC", 2: "FACILITY_DISPATCH", 3: "FACILITY_STORAGE", 4: "FACILITY_ITF", 7: "FACILITY_WIN32", 8: "FACILITY_WINDOWS", 9: "FACILITY_SSPI",
	10: "FACILITY_CONTROL", 11: "FACILITY_CERT", 12: "FACILITY_INTERNET", 13: "FACILITY_MEDIASERVER", 14: "FACILITY_MSMQ", 15: "FACILITY_SETUPAPI", 16: "FACILITY_SCARD",
	17: "FACILITY_COMPLUS", 18: "FACILITY_AAF", 19: "FACILITY_URT", 20: "FACILITY_ACS", 21: "FACILITY_DPLAY", 22: "FACILITY_UMI", 23: "FACILITY_SXS", 24: "FACILITY_WINDOWS_CE",
	25: "FACILITY_HTTP", 32: "FACILITY_BACKGROUNDCOPY", 33: "FACILITY_CONFIGURATION", 34: "FACILITY_STATE_MANAGEMENT", 35: "FACILITY_METADIRECTORY", 36: "FACILITY_WINDOWSUPDATE",
	37: "FACILITY_DIRECTORYSERVICE", 38: "FACILITY_GRAPHICS", 40: "FACILITY_TPM_SERVICES", 41: "FACILITY_TPM_SOFTWARE", 48: "FACILITY_PLA", 49: "FACILITY_FVE", 50: "FACILITY_FWP",
	51: "FACILITY_WINRM", 52: "FACILITY_NDIS", 2000: "the ConfigMgr client's",
}

// FacilityName is the name of the code's facility, "" if it has none that is known. An NTSTATUS has facilities of its own, which are not named.
func (p Parts) FacilityName() string {
	if p.NTStatus || p.Customer {
		return ""
	}
	return facilities[p.Facility]
}

// Spellings are the forms in which logs write a code, without doubles: hexadecimal, negative and unsigned decimal; and for a number below 0x10000 also those of
// the HRESULT that carries it as a Win32 code.
func Spellings(code uint32) []string {
	if code > 0xFFFF {
		out := []string{fmt.Sprintf("0x%08X", code)}
		if code>>31 == 1 {
			out = append(out, strconv.Itoa(int(int32(code)))) //nolint:gosec // the same 32 bits
		}
		return append(out, strconv.FormatUint(uint64(code), 10))
	}
	out := []string{strconv.FormatUint(uint64(code), 10), fmt.Sprintf("0x%X", code)}
	if code != 0 {
		out = append(out, Spellings(0x80070000|code)...)
	}
	return out
}

package wincode_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"casebook/internal/wincode"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want uint32
		ok   bool
	}{
		{"1603", 1603, true},
		{" 5 ", 5, true},
		{"0", 0, true},
		{"0x80070005", 0x80070005, true},
		{"0X8007000E", 0x8007000E, true},
		{"-2147024891", 0x80070005, true},
		{"-1", 0xFFFFFFFF, true},
		{"-2147483648", 0x80000000, true},
		{"4294967295", 0xFFFFFFFF, true},
		{"2147942405", 0x80070005, true},
		{"4294967296", 0, false},
		{"-2147483649", 0, false},
		{"0x100000000", 0, false},
		{"0x", 0, false},
		{"0x-1", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"80070005h", 0, false},
		{"1_603", 0, false},
		{"1603.", 0, false},
		{"99999999999999999999", 0, false},
	}
	for _, tt := range tests {
		if got, ok := wincode.Parse(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("Parse(%q) = %d, %v, want %d, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

// TestParseSpellings reads every spelling of a code as the same.
func TestParseSpellings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.Uint32().Draw(t, "code")
		for _, s := range []string{strconv.FormatUint(uint64(code), 10), strconv.Itoa(int(int32(code))), fmt.Sprintf("0x%x", code), fmt.Sprintf("0X%08X", code)} {
			if got, ok := wincode.Parse(s); got != code || !ok {
				t.Fatalf("Parse(%q) = %d, %v, want %d", s, got, ok, code)
			}
		}
	})
}

func TestName(t *testing.T) {
	tests := []struct {
		code uint32
		want string
	}{
		{0, "ERROR_SUCCESS"},
		{5, "ERROR_ACCESS_DENIED"},
		{17, "ERROR_NOT_SAME_DEVICE"},
		{1603, "ERROR_INSTALL_FAILURE"},
		{0x80070005, "E_ACCESSDENIED"},           // has a name of its own
		{0x80070643, "ERROR_INSTALL_FAILURE"},    // HRESULT_FROM_WIN32(1603)
		{0x80030002, "STG_E_FILENOTFOUND"},       // what Installer prints as -2147287038
		{0x80FF0005, "0x80FF0005"},               // another facility carries no Win32 code
		{0xDEADBEEF, "0xDEADBEEF"},               // not in the table
		{0x8007FFFF, "0x8007FFFF"},               // no such Win32 code either
		{0x80190194, "BG_E_HTTP_ERROR_404"},      // BITS
		{0x80240016, "WU_E_INSTALL_NOT_ALLOWED"}, // Windows Update
		{0x80041003, "WBEM_E_ACCESS_DENIED"},     // WMI
		{0x80090016, "NTE_BAD_KEYSET"},           // cryptography
	}
	for _, tt := range tests {
		if got := wincode.Name(tt.code); got != tt.want {
			t.Errorf("Name(%#x) = %s, want %s", tt.code, got, tt.want)
		}
	}
}

// TestLookup returns a code's names of all families, an HRESULT's Win32 code as what it carries.
func TestLookup(t *testing.T) {
	for _, c := range wincode.Lookup(0x80070643) {
		if c.Code != 1603 || !strings.HasPrefix(c.Symbol, "ERROR_INSTALL") || c.Family == "" {
			t.Errorf("0x80070643 is %+v", c)
		}
	}
	if diff := cmp.Diff(wincode.Lookup(1603), wincode.Lookup(0x80070643)); diff != "" {
		t.Errorf("1603 and the HRESULT that carries it (-plain +carried):\n%s", diff)
	}
	if got := wincode.Lookup(0xDEADBEEF); len(got) != 0 {
		t.Errorf("an unknown code is %+v", got)
	}
}

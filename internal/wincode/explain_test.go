package wincode_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/wincode"
)

// unlisted are codes of the table's families that the table lacks; their symbols are those of Microsoft's other pages.
var unlisted = []uint32{
	12002, 12005, 12007, 12019, 12029, 12030, 12031, 12037, 12038, 12044, 12045, 12152, 12157, 12175, // WinINet and WinHTTP
	0x8013141A, 0x80131500, 0x80131700, // .NET
	0x800A0046, // script engines
	0x80240438, 0x80242006, 0x8024200B, 0x8024200D, 0x80243FFF, 0x80244007, 0x80244010, 0x8024402F, 0x80246007, 0x80246008, 0x80248007, 0x80248014, 0x8024D009, 0x80245003, 0x80248011, 0x8DDD0018,
	0x80190193, 0x801901F4, // statuses of HTTP without a name
}

// TestExplanations holds the file of explanations to its form.
func TestExplanations(t *testing.T) {
	data, err := os.ReadFile("explanations.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 7 {
			t.Errorf("%d fields: %q", len(f), line)
			continue
		}
		if code, ok := wincode.Parse(f[1]); !ok || code > 0xFFFF && f[1] != fmt.Sprintf("0x%08X", code) || code <= 0xFFFF && f[1] != strconv.FormatUint(uint64(code), 10) {
			t.Errorf("the code %q is not in its form", f[1])
		}
		for i, text := range f {
			if text == "" || text != strings.TrimSpace(text) || strings.Contains(text, "  ") || text == "-" && i != 2 && i != 6 {
				t.Errorf("%s %s: field %d is %q", f[0], f[1], i+1, text)
			}
			if i >= 3 && strings.HasSuffix(text, ".") {
				t.Errorf("%s %s: %q ends with a full stop", f[0], f[1], text)
			}
		}
		if strings.Contains(f[3], ";") || len(f[3]) > 160 {
			t.Errorf("%s %s: the meaning %q is not a few words", f[0], f[1], f[3])
		}
	}
	all := wincode.Explanations()
	if len(all) != lines || lines < 200 {
		t.Errorf("%d of %d lines are read", len(all), lines)
	}
	var missing []uint32
	for i, x := range all {
		rank := slices.Index(wincode.Families(), x.Family)
		if rank < 0 {
			t.Errorf("%s is no family", x.Family)
		}
		if i > 0 {
			before := all[i-1]
			if r := slices.Index(wincode.Families(), before.Family); r > rank || r == rank && before.Code >= x.Code {
				t.Errorf("%s %#x does not stand in its order", x.Family, x.Code)
			}
		}
		switch x.Family {
		case wincode.MSIMessage, wincode.MSIAction, wincode.ConfigMgr, wincode.Servicing, wincode.NTStatus, wincode.HTTP:
		default:
			// The table knows the code under this name; families are told more narrowly here.
			if !slices.ContainsFunc(wincode.Lookup(x.Code), func(c wincode.Code) bool { return c.Symbol == x.Symbol }) {
				missing = append(missing, x.Code)
			}
		}
		if c := wincode.Candidates(x.Code, wincode.Context{}); !slices.ContainsFunc(c, func(c wincode.Candidate) bool { return c.Explanation != nil && *c.Explanation == x }) {
			t.Errorf("%s %#x is explained and not found", x.Family, x.Code)
		}
	}
	slices.Sort(missing)
	want := slices.Sorted(slices.Values(unlisted))
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("codes that the table lacks or names otherwise (-listed +found):\n%s", diff)
	}
}

func TestCandidates(t *testing.T) {
	tests := []struct {
		name      string
		code      uint32
		kind      string
		component string
		want      string
	}{
		{"return-and-message", 1603, "", "", "msi ERROR_INSTALL_FAILURE, msi-message 1603"},
		{"hresult-carries-no-message", 0x80070643, "", "", "msi ERROR_INSTALL_FAILURE by HRESULT_FROM_WIN32"},
		{"installer-and-win32", 1653, "log/msi", "", "msi ERROR_ROLLBACK_DISABLED, win32 ERROR_FAIL_FAST_EXCEPTION"},
		{"rpc-and-message", 1722, "", "", "win32 RPC_S_SERVER_UNAVAILABLE, msi-message 1722"},
		{"general-win32", 87, "", "", "win32 ERROR_INVALID_PARAMETER"},
		{"hresult-with-own-name", 0x80070005, "", "", "com E_ACCESSDENIED"},
		{"hresult-of-win32", 0x800706BA, "", "", "win32 RPC_S_SERVER_UNAVAILABLE by HRESULT_FROM_WIN32"},
		{"winhttp", 0x80072EE7, "", "", "win32 ERROR_INTERNET_NAME_NOT_RESOLVED by HRESULT_FROM_WIN32"},
		{"status", 0xC00000D4, "log/pfro", "", "ntstatus STATUS_NOT_SAME_DEVICE"},
		{"status-as-hresult", 0xD0000022, "", "", "ntstatus STATUS_ACCESS_DENIED by HRESULT_FROM_NT"},
		{"crypto", 0x80090016, "", "", "crypt NTE_BAD_KEYSET"},
		{"wmi", 0x8004100E, "log/ccm", "CcmExec", "wmi WBEM_E_INVALID_NAMESPACE"},
		{"configmgr-of-2007", 0x80040669, "log/ccm", "UpdatesHandler", "configmgr 0x80040669"},
		{"configmgr", 0x87D00692, "", "", "configmgr 0x87D00692"},
		{"http-as-hresult", 0x801901F4, "", "", "bits 0x801901F4"},
		{"cut-exit-code", 16389, "", "", "com E_FAIL by the low word of 0x80004005"},
		{"servicing", 0x800F081F, "log/servicing", "", "servicing CBS_E_SOURCE_MISSING"},
		{"nothing", 0x8004ABCD, "", "", ""},
		{"other-facility", 0x80FF0005, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range wincode.Candidates(tt.code, wincode.Context{Kind: tt.kind, Component: tt.component}) {
				s := string(c.Family) + " "
				if c.Symbol != "" {
					s += c.Symbol
				} else {
					s += short(c.Code)
				}
				if c.Carried != "" {
					s += " by " + c.Carried
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	tests := []struct {
		in   string
		want []uint32
	}{
		{"1603", []uint32{1603}},
		{" -2147023293", []uint32{0x80070643}},
		{"0x80070643", []uint32{0x80070643}},
		{"0X643", []uint32{0x643}},
		{"80070643", []uint32{0x80070643}},
		{"c0000022", []uint32{0xC0000022}},
		{"80070643h", []uint32{0x80070643}},
		{"643h", []uint32{0x643}},
		{"87D", []uint32{0x87D}},
		{"12345678", []uint32{12345678}},
		{"2147944003", []uint32{0x80070643}},
		{"ERROR_INSTALL_FAILURE", []uint32{1603}},
		{"e_accessdenied", []uint32{0x80070005}},
		{"STATUS_ACCESS_DENIED", []uint32{0xC0000022}},
		{"WU_E_DS_NODATA", []uint32{0x80248007}},
		{"", nil},
		{"0x", nil},
		{"h", nil},
		{"0x123456789", nil},
		{"ERROR_OF_NOBODY", nil},
		{"1603.5", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, wincode.Find(tt.in)); diff != "" {
			t.Errorf("Find(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		code uint32
		want wincode.Parts
		name string
	}{
		{0x80070643, wincode.Parts{Failure: true, Facility: 7, Code: 1603}, "FACILITY_WIN32"},
		{0x00040000, wincode.Parts{Facility: 4}, "FACILITY_ITF"},
		{0x87D00692, wincode.Parts{Failure: true, Facility: 2000, Code: 0x692}, "the ConfigMgr client's"},
		{0xC00000D4, wincode.Parts{Failure: true, NTStatus: true, Code: 0xD4}, ""},
		{0xD0000022, wincode.Parts{Failure: true, NTStatus: true, Code: 0x22}, ""},
		{0xA0070005, wincode.Parts{Failure: true, Customer: true, Facility: 7, Code: 5}, ""},
		{0x87FF0001, wincode.Parts{Failure: true, Facility: 0x7FF, Code: 1}, ""},
	}
	for _, tt := range tests {
		got := wincode.Split(tt.code)
		if got != tt.want || got.FacilityName() != tt.name {
			t.Errorf("Split(%#x) = %+v, %q", tt.code, got, got.FacilityName())
		}
	}
}

// TestSpellings gives only what Parse reads back as the code, or as the HRESULT that carries it.
func TestSpellings(t *testing.T) {
	for _, code := range []uint32{0, 5, 1603, 65535, 65536, 0x80070643, 0xC0000022, 0xFFFFFFFF} {
		all := wincode.Spellings(code)
		for i, s := range all {
			got, ok := wincode.Parse(s)
			if !ok || got != code && (code > 0xFFFF || got != 0x80070000|code) || slices.Contains(all[:i], s) {
				t.Errorf("Spellings(%#x) has %q", code, s)
			}
		}
	}
}

package hive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
)

func export(t testing.TB, text string) *hive.Hive {
	t.Helper()
	h, err := hive.ParseExport(strings.Split(text, "\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// lines shows a hive as one line for each value: line, path, name, type, data.
func lines(t testing.TB, h *hive.Hive) []string {
	t.Helper()
	var out []string
	err := h.Walk(func(k *hive.Key) error {
		for _, v := range k.Values() {
			cut := ""
			if v.Truncated {
				cut = " cut"
			}
			out = append(out, fmt.Sprintf("%d %s [%s] %v %s%s", v.Line, k.Path(), v.Name, v.Type, v.Display(), cut))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseExport(t *testing.T) {
	const key = "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n"
	const at = ` HKEY_LOCAL_MACHINE\SYSTEM\a `
	for name, tc := range map[string]struct {
		text     string
		want     []string
		problems []string
	}{
		"string":                      {key + `"x"="C:\\dir \"y\" ; no comment"`, []string{`4` + at + `[x] REG_SZ C:\dir "y" ; no comment`}, nil},
		"default value":               {key + `@="z"`, []string{`4` + at + `[] REG_SZ z`}, nil},
		"name with escapes":           {key + `"a\"=\\b"="z"`, []string{`4` + at + `[a"=\b] REG_SZ z`}, nil},
		"number":                      {key + `"n"=dword:FFFFFFC4`, []string{`4` + at + `[n] REG_DWORD 4294967236`}, nil},
		"number, comment":             {key + `"n"=dword:0000000a ; ten`, []string{`4` + at + `[n] REG_DWORD 10`}, nil},
		"blanks around =":             {key + `"n" = dword:00000001`, []string{`4` + at + `[n] REG_DWORD 1`}, nil},
		"long number":                 {key + `"q"=hex(b):01,00,00,00,01,00,00,00`, []string{`4` + at + `[q] REG_QWORD 4294967297`}, nil},
		"binary":                      {key + `"b"=hex:de,AD`, []string{`4` + at + `[b] REG_BINARY dead`}, nil},
		"binary, empty":               {key + `"b"=hex:`, []string{`4` + at + `[b] REG_BINARY `}, nil},
		"continued":                   {key + "\"b\"=hex:01,\\\r\n  02,\\\r\n  03\r\n\"n\"=dword:2", []string{`4` + at + `[b] REG_BINARY 010203`, `7` + at + `[n] REG_DWORD 2`}, nil},
		"continued without backslash": {key + "\"b\"=hex:01,\n  02\n", []string{`4` + at + `[b] REG_BINARY 0102`}, nil},
		"list":                        {key + `"m"=hex(7):61,00,00,00,00,00,62,00,00,00,00,00`, []string{`4` + at + `[m] REG_MULTI_SZ a |  | b`}, nil},
		"string in hex":               {key + `"s"=hex(1):61,00,00,00,58,00`, []string{`4` + at + `[s] REG_SZ a`}, nil},
		"type of no name":             {key + `"s"=hex(80000001):01`, []string{`4` + at + `[s] REG_0x80000001 01`}, nil},
		"line break":                  {key + "\"s\"=\"one\r\n\r\ntwo\"\n\"t\"=\"\"", []string{"4" + at + "[s] REG_SZ one\r\n\r\ntwo", `7` + at + `[t] REG_SZ `}, nil},
		"blank before a line break":   {key + "\"s\"=\"one  \n two\"  ", []string{"4" + at + "[s] REG_SZ one  \r\n two"}, nil},
		"blanks at line ends":         {"Windows Registry Editor Version 5.00 \n[HKEY_LOCAL_MACHINE\\SYSTEM\\a] \n \"n\"=dword:1 \n\"b\"=hex:01,\\ \n  02 ", []string{`3` + at + `[n] REG_DWORD 1`, `4` + at + `[b] REG_BINARY 0102`}, nil},
		"bracket in a key":            {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\[x]]\n\"n\"=dword:1", []string{`3 HKEY_LOCAL_MACHINE\SYSTEM\[x] [n] REG_DWORD 1`}, nil},
		"key stated twice":            {key + "\"n\"=dword:1\n[HKEY_LOCAL_MACHINE\\SYSTEM\\A]\n\"m\"=dword:2", []string{`4` + at + `[n] REG_DWORD 1`, `6` + at + `[m] REG_DWORD 2`}, nil},
		"two exports":                 {key + "\"n\"=dword:1\n" + key + "\"m\"=dword:2", []string{`4` + at + `[n] REG_DWORD 1`, `8` + at + `[m] REG_DWORD 2`}, nil},
		"byte order mark":             {"\ufeff" + key + `"n"=dword:1`, []string{`4` + at + `[n] REG_DWORD 1`}, nil},
		"no header":                   {"\n" + `[HKEY_LOCAL_MACHINE\SYSTEM\a]` + "\n\"n\"=dword:1", []string{`3` + at + `[n] REG_DWORD 1`}, []string{"line 2: no header"}},

		"value stated twice": {key + "\"n\"=dword:1\n\"N\"=dword:2", []string{`5` + at + `[N] REG_DWORD 2`}, []string{"line 5: value \"N\" is stated twice"}},
		"deleted key":        {"REGEDIT4\n[-HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n\"n\"=dword:1", nil, []string{"line 3: value \"n\" stands below no key", "line 2: the line asks to delete something, which no export does: the file is a script"}},
		"deleted value":      {key + `"n"=-`, nil, []string{"line 4: the line asks to delete something"}},
		"deletions in order": {
			key + "\"n\"=dword:1\n\"m\"=dword:2\n\"N\"=-\n\"o\"=dword:3\n\"m\"=-\n\"m\"=dword:4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\b\\c]\n\"x\"=dword:5\n[-HKEY_LOCAL_MACHINE\\system\\B]\n[-HKEY_LOCAL_MACHINE\\SYSTEM\\none]\n[HKEY_LOCAL_MACHINE\\SYSTEM\\b]\n\"y\"=dword:6",
			[]string{`7` + at + `[o] REG_DWORD 3`, `9` + at + `[m] REG_DWORD 4`, `15 HKEY_LOCAL_MACHINE\SYSTEM\b [y] REG_DWORD 6`},
			[]string{"line 6: the line asks to delete something (the first of 4 such lines)"},
		},
		"root deleted":        {key + "\"n\"=dword:1\n[-]\n[-\\]", []string{`4` + at + `[n] REG_DWORD 1`}, []string{"line 5: the line asks to delete"}},
		"value before a key":  {"REGEDIT4\n\"n\"=dword:1", nil, []string{"line 2: value \"n\" stands below no key"}},
		"no bracket":          {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM", nil, []string{"line 2: key"}},
		"no equals":           {key + `"n" 1`, nil, []string{"line 4: no ="}},
		"bad number":          {key + `"n"=dword:xyz`, nil, []string{"line 4: the data of value \"n\""}},
		"number too large":    {key + `"n"=dword:123456789`, nil, []string{"line 4: the data of value \"n\""}},
		"bad byte":            {key + "\"b\"=hex:01,zz,\\\n  02\n\"n\"=dword:1", []string{`4` + at + `[b] REG_BINARY 01 cut`, `6` + at + `[n] REG_DWORD 1`}, []string{"line 4: \"zz\" is no byte"}},
		"unknown form":        {key + `"n"=qword:1`, nil, []string{"line 4: the data"}},
		"cut in a string":     {key + `"s"="abc`, []string{`4` + at + `[s] REG_SZ abc cut`}, []string{"line 4: a string has no closing quote"}},
		"open quote":          {key + "\"s\"=\"abc\n[HKEY_LOCAL_MACHINE\\SYSTEM\\b]\n\"n\"=dword:1", []string{`4` + at + `[s] REG_SZ abc cut`, `6 HKEY_LOCAL_MACHINE\SYSTEM\b [n] REG_DWORD 1`}, []string{"line 4: a string has no closing quote"}},
		"cut in a name":       {key + `"abc`, nil, []string{"line 4: the name of a value"}},
		"cut in hex":          {key + `"b"=hex:01,02,\`, []string{`4` + at + `[b] REG_BINARY 0102 cut`}, []string{"line 4: the data should be continued"}},
		"cut before a value":  {key + "\"b\"=hex:01,02,\\\n\"n\"=dword:1", []string{`4` + at + `[b] REG_BINARY 0102 cut`, `5` + at + `[n] REG_DWORD 1`}, []string{"line 4: the data should be continued"}},
		"something else":      {key + "hello \u202e", nil, []string{`line 4: "hello \u202e" is neither`}},
		"comment, blank line": {key + "; hello\n\n\t\n", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := export(t, tc.text)
			if d := cmp.Diff(tc.want, lines(t, h)); d != "" {
				t.Error(d)
			}
			if cut := strings.HasPrefix(name, "cut in") || name == "no bracket"; h.Truncated() != cut || h.Sound() != (tc.problems == nil) {
				t.Errorf("truncated %v, sound %v", h.Truncated(), h.Sound())
			}
			got := h.Problems()
			if len(got) != len(tc.problems) {
				t.Fatalf("problems %v, want %q", got, tc.problems)
			}
			for i, p := range got {
				if !strings.HasPrefix(p.String(), tc.problems[i]) {
					t.Errorf("problem %q, want %q", p, tc.problems[i])
				}
			}
		})
	}
}

// TestParseExportANSI has a REGEDIT4 file, whose strings in hexadecimal are in the ANSI code page.
func TestParseExportANSI(t *testing.T) {
	const text = "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n" +
		"\"e\"=hex(2):25,54,25,5c,80,00\n" + // %T%\€ in 1252
		"\"m\"=hex(7):61,00,00,62,00,00\n" +
		"\"u\"=hex(7):61,00,62,00,00,00,00,00\n" + // UTF-16 all the same
		"\"b\"=hex:80\n"
	want := []string{
		`4 HKEY_LOCAL_MACHINE\SYSTEM\a [e] REG_EXPAND_SZ %T%\€`,
		`5 HKEY_LOCAL_MACHINE\SYSTEM\a [m] REG_MULTI_SZ a |  | b`,
		`6 HKEY_LOCAL_MACHINE\SYSTEM\a [u] REG_MULTI_SZ ab`,
		`7 HKEY_LOCAL_MACHINE\SYSTEM\a [b] REG_BINARY 80`,
	}
	if d := cmp.Diff(want, lines(t, export(t, text))); d != "" {
		t.Error(d)
	}
	h, err := hive.ParseExport(strings.Split(text, "\n"), func(b []byte) string { return strings.ReplaceAll(string(b), "\x80", "Ђ") })
	if err != nil {
		t.Fatal(err)
	}
	want[0] = `4 HKEY_LOCAL_MACHINE\SYSTEM\a [e] REG_EXPAND_SZ %T%\Ђ`
	if d := cmp.Diff(want, lines(t, h)); d != "" {
		t.Error(d)
	}
}

func TestParseExportRefuses(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "blank": "\n \n", "a log": "2012-03-10 hello", "an INI file": "[section]\nx=1"} {
		t.Run(name, func(t *testing.T) {
			if h, err := hive.ParseExport(strings.Split(text, "\n"), nil); err == nil {
				t.Errorf("read as %v", lines(t, h))
			}
		})
	}
}

func TestExportKind(t *testing.T) {
	for text, want := range map[string]hive.Kind{
		`[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control]`:                                       hive.KindSystem,
		`[HKEY_LOCAL_MACHINE\offline\ControlSet001\Control]`:                                          hive.KindSystem,
		`[\ControlSet001\Control]`:                                                                    hive.KindSystem,
		`[HKEY_LOCAL_MACHINE\SOFTWARE\Vendor]`:                                                        hive.KindSoftware,
		`[HKEY_CURRENT_USER\Software\Vendor]`:                                                         hive.KindNTUser,
		`[HKEY_USERS\S-1-5-18\Software]`:                                                              hive.KindNTUser,
		`[HKEY_LOCAL_MACHINE\SAM]`:                                                                    hive.KindSAM,
		`[HKEY_LOCAL_MACHINE\SECURITY]`:                                                               hive.KindSecurity,
		`[HKEY_LOCAL_MACHINE\HARDWARE]`:                                                               hive.KindOther,
		"[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor]":                hive.KindOther,
		"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor]\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Wow6432Node\\Vendor]": hive.KindSoftware,
		"[HKEY_LOCAL_MACHINE\\loaded\\Microsoft\\Windows NT\\CurrentVersion]":                         hive.KindSoftware,
	} {
		if got := export(t, "REGEDIT4\n"+text).Kind(); got != want {
			t.Errorf("%s: kind %q, want %q", text, got, want)
		}
	}
}

func TestSniffExport(t *testing.T) {
	for _, text := range []string{
		"Windows Registry Editor Version 5.00\r\n",
		"\ufeffWindows Registry Editor Version 5.00\r\n",
		"\r\nREGEDIT4\r\n",
		"; a note\n[HKEY_CURRENT_USER\\x]\n",
		"[HKEY_CURRENT_USER\\x]",
	} {
		if !hive.SniffExport([]byte(text)) {
			t.Errorf("%q is an export", text)
		}
	}
	for _, text := range []string{"[section]\nHKEY_", "REGEDIT5", "", "HKEY_LOCAL_MACHINE\\x"} {
		if hive.SniffExport([]byte(text)) {
			t.Errorf("%q is no export", text)
		}
	}
}

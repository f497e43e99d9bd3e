package hive_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
)

func TestParseQuery(t *testing.T) {
	const at = ` HKEY_LOCAL_MACHINE\SYSTEM\a `
	for name, tc := range map[string]struct {
		text     string
		want     []string
		problems []string
	}{
		"Windows 7": {`
HKEY_LOCAL_MACHINE\SYSTEM\a
    (Default)    REG_SZ    x
    two words    REG_EXPAND_SZ    %SystemRoot%\y
    n    REG_DWORD    0xffffffc4
    q    REG_QWORD    0x100000000
    m    REG_MULTI_SZ    one\0two
    b    REG_BINARY    DEAD
    e    REG_SZ    
    none    REG_NONE

HKEY_LOCAL_MACHINE\SYSTEM\a\b
    n    REG_DWORD    0x1
`, []string{
			`3` + at + `[] REG_SZ x`, `4` + at + `[two words] REG_EXPAND_SZ %SystemRoot%\y`, `5` + at + `[n] REG_DWORD 4294967236`,
			`6` + at + `[q] REG_QWORD 4294967296`, `7` + at + `[m] REG_MULTI_SZ one | two`, `8` + at + `[b] REG_BINARY dead`, `9` + at + `[e] REG_SZ `,
			`10` + at + `[none] REG_NONE `, `13 HKEY_LOCAL_MACHINE\SYSTEM\a\b [n] REG_DWORD 1`,
		}, nil},
		"Windows XP":                     {"! REG.EXE VERSION 3.0\r\n\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\r\n    <NO NAME>\tREG_SZ\tx\r\n    n\tREG_DWORD\t0x1\r\n", []string{`4` + at + `[] REG_SZ x`, `5` + at + `[n] REG_DWORD 1`}, nil},
		"German":                         {"\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\n    (Standard)    REG_SZ    (Wert nicht gesetzt)\n    n    REG_DWORD    0x1\n\nSuchende: 1 Übereinstimmung(en) gefunden.\n", []string{`4` + at + `[n] REG_DWORD 1`}, nil},
		"French":                         {"\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\n    (par défaut)    REG_SZ    x\n", []string{`3` + at + `[] REG_SZ x`}, nil},
		"prompt":                         {"C:\\>reg query HKLM\\SYSTEM\\a\n\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_DWORD    0x1\n\nC:\\>", []string{`4` + at + `[n] REG_DWORD 1`}, nil},
		"short root":                     {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_DWORD    0x1", []string{`2` + at + `[n] REG_DWORD 1`}, nil},
		"name in parentheses, not first": {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_DWORD    0x1\n    (x)    REG_SZ    y", []string{`2` + at + `[n] REG_DWORD 1`, `3` + at + `[(x)] REG_SZ y`}, nil},
		"type in a name":                 {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    REG_SZ is a name    REG_SZ    y", []string{`2` + at + `[REG_SZ is a name] REG_SZ y`}, nil},
		"line break":                     {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    s    REG_SZ    one\ntwo\n    m    REG_MULTI_SZ    three\nfour\n\nfive", []string{"2" + at + "[s] REG_SZ one\r\ntwo", "4" + at + "[m] REG_MULTI_SZ three\r\nfour"}, nil},

		"bad number":   {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_DWORD    one", []string{`2` + at + `[n] REG_DWORD  cut`}, []string{`line 2: value "n"`}},
		"bad bytes":    {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_BINARY    0AF", []string{`2` + at + `[n] REG_BINARY 0a cut`}, []string{`line 2: value "n"`}},
		"unknown type": {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n    n    REG_OTHER    1", []string{`2` + at + `[n] REG_NONE  cut`}, []string{`line 2: value "n": type "REG_OTHER"`}},
		"no value":     {"HKEY_LOCAL_MACHINE\\SYSTEM\\a\n\n    what is this", nil, []string{`line 3: "what is this" is no value`}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := hive.ParseQuery(strings.Split(tc.text, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, lines(t, h)); d != "" {
				t.Error(d)
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

func TestParseQueryRefuses(t *testing.T) {
	for _, text := range []string{"", "hello", "    n    REG_DWORD    0x1", "HKEY_LOCAL_MACHINE_X\\a", "  HKEY_LOCAL_MACHINE\\a"} {
		if h, err := hive.ParseQuery(strings.Split(text, "\n")); err == nil {
			t.Errorf("%q is read as %v", text, lines(t, h))
		}
	}
}

func TestSniffQuery(t *testing.T) {
	for text, want := range map[string]bool{
		"\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\r\n    n    REG_DWORD    0x1\r\n":                 true,
		"C:\\>reg query x\r\n\r\nHKEY_LOCAL_MACHINE\\a\r\n    n    REG_DWORD    0x1\r\n":     true,
		"! REG.EXE VERSION 3.0\r\n\r\nHKEY_LOCAL_MACHINE\\a\r\n    n\tREG_DWORD\t0x1\r\n":    true,
		"HKEY_LOCAL_MACHINE\\a\\b\r\nHKEY_LOCAL_MACHINE\\a\\c\r\n":                           true,
		"HKEY_LOCAL_MACHINE\\a was read\r\nand something else\r\n":                           false,
		"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\a]\r\n\"x\"=\"y\"": false,
		"[HKEY_LOCAL_MACHINE\\a]\r\n":                                                        false,
		"2012-03-10 opened HKEY_LOCAL_MACHINE\\a\r\n":                                        false,
		"": false,
	} {
		if got := hive.SniffQuery([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

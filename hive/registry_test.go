package hive_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
)

// registry joins sources of which each begins with its kind: "hive" text is built into a hive file, "reg" is read as an export, "query" as output of reg query.
func registry(t testing.TB, sources ...string) *hive.Registry {
	t.Helper()
	var r hive.Registry
	for i, s := range sources {
		kind, text, _ := strings.Cut(s, "\n")
		name := fmt.Sprintf("%s%d", kind, i)
		switch kind {
		case "hive":
			r.Add(name, open(t, build(t, text)))
		case "reg":
			r.Add(name, export(t, header+text))
		case "query":
			h, err := hive.ParseQuery(strings.Split(text, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			r.Add(name, h)
		default:
			t.Fatalf("source %q", kind)
		}
	}
	return &r
}

// place shows where something was found.
func place(f hive.Found) string {
	s := fmt.Sprintf("%s:%d %s [%s]", f.Source, f.Line, f.Key, f.Value.Name)
	if f.ControlSet > 0 {
		s += fmt.Sprintf(" set %d", f.ControlSet)
	}
	return s
}

func TestRegistryControlSet(t *testing.T) {
	const current = `SYSTEM\CurrentControlSet\Control\X`
	sets := func(root, kind, sel string, nums ...int) string {
		var b strings.Builder
		b.WriteString(kind + "\n")
		if sel != "" {
			fmt.Fprintf(&b, "[%s\\Select]\n%s\n", root, sel)
		}
		for _, n := range nums {
			fmt.Fprintf(&b, "[%s\\ControlSet%03d\\Control\\X]\n\"v\"=dword:%08x\n", root, n, n)
		}
		return b.String()
	}
	const lm = `HKEY_LOCAL_MACHINE\SYSTEM`
	sel := func(current, def, failed, good int) string {
		return fmt.Sprintf("\"Current\"=dword:%08x\n\"Default\"=dword:%08x\n\"Failed\"=dword:%08x\n\"LastKnownGood\"=dword:%08x", current, def, failed, good)
	}
	for name, tc := range map[string]struct {
		sources []string
		want    string
		problem string
	}{
		"hive":                      {[]string{sets(lm, "hive", sel(2, 2, 0, 1), 1, 2)}, `hive0:0 ControlSet002\Control\X [v] set 2`, ""},
		"hive, three digits":        {[]string{sets(lm, "hive", sel(12, 12, 0, 1), 1, 12)}, `hive0:0 ControlSet012\Control\X [v] set 12`, ""},
		"current is not there":      {[]string{sets(lm, "hive", sel(3, 2, 0, 1), 1, 2)}, `hive0:0 ControlSet002\Control\X [v] set 2`, "ControlSet003"},
		"neither is the default":    {[]string{sets(lm, "hive", sel(3, 4, 0, 2), 1, 2)}, `hive0:0 ControlSet002\Control\X [v] set 2`, "ControlSet003"},
		"the first failed":          {[]string{sets(lm, "hive", sel(9, 9, 1, 9), 1, 2)}, `hive0:0 ControlSet002\Control\X [v] set 2`, "ControlSet009"},
		"no Select, several sets":   {[]string{sets(lm, "hive", "", 2, 3)}, `hive0:0 ControlSet002\Control\X [v] set 2`, "no value of Select says which control set is current; of 2, ControlSet002 is read"},
		"no Select":                 {[]string{sets(lm, "hive", "", 2)}, `hive0:0 ControlSet002\Control\X [v] set 2`, ""},
		"export of current":         {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\X]\n\"v\"=dword:1"}, `reg0:4 HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\X [v]`, ""},
		"export of a set":           {[]string{sets(lm, "reg", "", 2)}, `reg0:4 HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\X [v] set 2`, ""},
		"export with Select":        {[]string{sets(lm, "reg", sel(2, 2, 0, 1), 1, 2)}, `reg0:11 HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\X [v] set 2`, ""},
		"export of a loaded hive":   {[]string{sets(`HKEY_LOCAL_MACHINE\old`, "reg", sel(2, 2, 0, 1), 1, 2)}, `reg0:11 HKEY_LOCAL_MACHINE\old\ControlSet002\Control\X [v] set 2`, ""},
		"Select in another source":  {[]string{sets(lm, "reg", "", 1, 2), sets(lm, "reg", sel(2, 2, 0, 1))}, `reg0:6 HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\X [v] set 2`, ""},
		"the first source answers":  {[]string{sets(lm, "hive", sel(1, 1, 0, 1), 1), sets(lm, "reg", "", 2)}, `hive0:0 ControlSet001\Control\X [v] set 1`, ""},
		"the second source answers": {[]string{"hive\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]", sets(lm, "reg", "", 2)}, `reg1:4 HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\X [v] set 2`, ""},
		"reg query":                 {[]string{"query\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\X\n    v    REG_DWORD    0x1"}, `query0:2 HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\X [v]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := registry(t, tc.sources...)
			at, err := r.Value(current, "V")
			if err != nil {
				t.Fatal(err)
			}
			if got := place(at); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			c, err := r.ControlSets()
			if err != nil {
				t.Fatal(err)
			}
			if said := fmt.Sprint(c.Problems); tc.problem == "" && len(c.Problems) > 0 || !strings.Contains(said, tc.problem) {
				t.Errorf("problems %s, want %q", said, tc.problem)
			}
		})
	}
}

// TestRegistryAbsent asks for what is not there: who shows it absent?
func TestRegistryAbsent(t *testing.T) {
	for name, tc := range map[string]struct {
		sources    []string
		path, want string
	}{
		"hive shows it":                  {[]string{"hive\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]"}, `SYSTEM\a\b`, `hive0:0 a\b []`},
		"hive shows the key is absent":   {[]string{"hive\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]"}, `SYSTEM\a\x\y`, `hive0:0 a []`},
		"export of the key":              {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]"}, `SYSTEM\a\b`, `reg0:3 HKEY_LOCAL_MACHINE\SYSTEM\a\b []`},
		"export of a key above":          {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]"}, `SYSTEM\a\x\y`, `reg0:3 HKEY_LOCAL_MACHINE\SYSTEM\a []`},
		"export of a key below only":     {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]"}, `SYSTEM\a`, `:0  []`},
		"export of another key":          {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]"}, `SYSTEM\c`, `:0  []`},
		"output of reg query shows none": {[]string{"query\nHKEY_LOCAL_MACHINE\\SYSTEM\\a\n    v    REG_DWORD    0x1"}, `SYSTEM\a`, `:0  []`},
		"another hive":                   {[]string{"reg\n[HKEY_LOCAL_MACHINE\\SOFTWARE]"}, `SYSTEM\a`, `:0  []`},
		"nothing":                        {nil, `SYSTEM\a`, `:0  []`},
	} {
		t.Run(name, func(t *testing.T) {
			sources := tc.sources
			for i, s := range sources {
				if strings.HasPrefix(s, "hive") && !strings.Contains(s, "ControlSet001") {
					sources[i] += "\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]"
				}
			}
			at, err := registry(t, sources...).Value(tc.path, "absent")
			if !errors.Is(err, hive.ErrNotExist) {
				t.Fatal(err)
			}
			if got := place(at); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRegistryKey(t *testing.T) {
	r := registry(t,
		"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]\n",
		"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\c]\n",
	)
	at, err := r.Key(`system\A`)
	if err != nil || place(at) != `reg1:3 HKEY_LOCAL_MACHINE\SYSTEM\a []` {
		t.Errorf("%s, %v", place(at), err)
	}
	var subkeys []string
	for _, k := range r.Keys(`SYSTEM\a`) {
		for _, sub := range k.Children() {
			subkeys = append(subkeys, sub.Source+" "+sub.Name())
		}
	}
	if d := cmp.Diff([]string{"reg0 b", "reg1 c"}, subkeys); d != "" {
		t.Error(d)
	}
	if _, err := r.Key(`SYSTEM\x`); !errors.Is(err, hive.ErrNotExist) {
		t.Error(err)
	}
	if got := len(r.Keys(`SYSTEM\x`)); got != 0 {
		t.Errorf("%d keys", got)
	}
}

// TestRegistryRoots has every way in which texts name where a hive is mounted.
func TestRegistryRoots(t *testing.T) {
	const sets = `\ControlSet001\a]` + "\n\"v\"=dword:1\n"
	for name, tc := range map[string]struct{ source, path string }{
		"long":          {"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM" + sets, `SYSTEM\ControlSet001\a`},
		"short":         {"reg\n[HKLM\\SYSTEM" + sets, `SYSTEM\ControlSet001\a`},
		"lower-case":    {"reg\n[hkey_local_machine\\system" + sets, `SYSTEM\ControlSet001\a`},
		"loaded":        {"reg\n[HKLM\\TEMP" + sets, `SYSTEM\ControlSet001\a`},
		"loaded-user":   {"reg\n[HKEY_USERS\\TEMP" + sets, `SYSTEM\ControlSet001\a`},
		"from-the-root": {"reg\n[" + sets[1:], `SYSTEM\ControlSet001\a`},
		"classes":       {"reg\n[HKEY_CLASSES_ROOT\\Installer]\n\"v\"=dword:1\n", `SOFTWARE\Classes\Installer`},
		"classes-short": {"query\nHKCR\\Installer\n    v    REG_DWORD    0x1\n", `software\classes\INSTALLER`},
		"user":          {"reg\n[HKEY_CURRENT_USER\\Software\\x]\n\"v\"=dword:1\n", `NTUSER\Software\x`},
		"user-short":    {"query\nHKCU\\Software\\x\n    v    REG_DWORD    0x1\n", `NTUSER\Software\x`},
		"user-classes":  {"reg\n[HKEY_USERS\\S-1-5-21-1_Classes\\CLSID]\n\"v\"=dword:1\n", `NTUSER\Software\Classes\CLSID`},
		"users-default": {"reg\n[HKU\\.DEFAULT\\Control Panel]\n\"v\"=dword:1\n", `NTUSER\Control Panel`},
		"config":        {"reg\n[HKEY_CURRENT_CONFIG\\System\\x]\n\"v\"=dword:1\n", `SYSTEM\CurrentControlSet\Hardware Profiles\Current\System\x`},
		"config-short":  {"query\nHKCC\\Software\n    v    REG_DWORD    0x1\n", `system\currentcontrolset\hardware profiles\current\software`},
		"user-by-sid":   {"reg\n[HKEY_USERS\\S-1-5-18\\Software\\x]\n\"v\"=dword:1\n", `NTUSER\Software\x`},
	} {
		t.Run(name, func(t *testing.T) {
			r := registry(t, tc.source)
			if v, err := r.Value(tc.path, "v"); err != nil || v.Value.Display() != "1" {
				t.Errorf("%v, %v", v, err)
			}
			if _, err := r.Value(`SOFTWARE\ClassesX`, "v"); !errors.Is(err, hive.ErrNotExist) {
				t.Errorf("another key: %v", err)
			}
		})
	}
	// What Windows links into a hive is not the hive.
	if c, err := registry(t, "reg\n[HKEY_CURRENT_CONFIG\\System\\ControlSet001]\n").ControlSets(); !errors.Is(err, hive.ErrNotExist) {
		t.Errorf("control sets of HKEY_CURRENT_CONFIG: %+v, %v", c, err)
	}
	// Several exports make one registry.
	r := registry(t, "reg\n[HKLM\\SYSTEM"+sets, "reg\n[HKLM\\SYSTEM\\ControlSet001\\b]\n\"w\"=dword:2\n", "query\nHKEY_CLASSES_ROOT\\x\n    y    REG_SZ    z\n")
	for at, want := range map[[2]string]string{
		{`SYSTEM\ControlSet001\a`, "v"}: "1", {`SYSTEM\ControlSet001\b`, "w"}: "2", {`SOFTWARE\Classes\x`, "y"}: "z",
	} {
		if v, err := r.Value(at[0], at[1]); err != nil || v.Value.Display() != want {
			t.Errorf("%v: %v, %v", at, v, err)
		}
	}
}

// TestRegistryFileName reaches a hive whose keys do not tell what it is by the name of its file.
func TestRegistryFileName(t *testing.T) {
	for name, want := range map[string]bool{"config/SOFTWARE": true, "software.hiv": true, "SOFTWARE.old": false, "SYSTEM": false, "other": false} {
		var r hive.Registry
		r.Add(name, open(t, build(t, "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor]\n\"v\"=\"1\"\n")))
		if _, err := r.Value(`SOFTWARE\Vendor`, "v"); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSound(t *testing.T) {
	r := registry(t,
		"hive\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]",
		"hive\n; dirty\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]",
		"reg\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n\"x\"=\"y",
		"query\nHKLM\\SYSTEM\\a\n    v    REG_DWORD    0x1",
	)
	for source, want := range map[string]bool{"hive0": true, "hive1": false, "reg2": false, "query3": false} {
		if got := r.Hive(source).Sound(); got != want {
			t.Errorf("%s: %v", source, got)
		}
	}
	if r.Hive("other") != nil {
		t.Error("a hive that was not added")
	}
}

func TestValueForms(t *testing.T) {
	for name, tc := range map[string]struct {
		v       hive.Value
		str     string
		list    []string
		n       uint64
		number  bool
		display string
	}{
		"string":            {hive.Value{Type: hive.TypeSZ, Data: utf16("ab\x00")}, "ab", []string{"ab"}, 0, false, "ab"},
		"no terminator":     {hive.Value{Type: hive.TypeSZ, Data: utf16("ab")}, "ab", []string{"ab"}, 0, false, "ab"},
		"behind the NUL":    {hive.Value{Type: hive.TypeExpandSZ, Data: utf16("ab\x00cd")}, "ab", []string{"ab"}, 0, false, "ab"},
		"odd length":        {hive.Value{Type: hive.TypeSZ, Data: append(utf16("ab"), 'x')}, "ab", []string{"ab"}, 0, false, "ab"},
		"list":              {hive.Value{Type: hive.TypeMultiSZ, Data: utf16("a\x00\x00b\x00\x00")}, "a", []string{"a", "", "b"}, 0, false, "a |  | b"},
		"list, unended":     {hive.Value{Type: hive.TypeMultiSZ, Data: utf16("a\x00b")}, "a", []string{"a", "b"}, 0, false, "a | b"},
		"empty list":        {hive.Value{Type: hive.TypeMultiSZ, Data: utf16("\x00")}, "", []string{}, 0, false, ""},
		"no data":           {hive.Value{Type: hive.TypeMultiSZ}, "", nil, 0, false, ""},
		"number":            {hive.Value{Type: hive.TypeDWord, Data: []byte{1, 2, 0, 0}}, "", nil, 513, true, "513"},
		"big-endian number": {hive.Value{Type: hive.TypeDWordBigEndian, Data: []byte{0, 0, 2, 1}}, "", nil, 513, true, "513"},
		"long number":       {hive.Value{Type: hive.TypeQWord, Data: []byte{0, 0, 0, 0, 1, 0, 0, 0}}, "", nil, 1 << 32, true, "4294967296"},
		"short number":      {hive.Value{Type: hive.TypeDWord, Data: []byte{1, 2}}, "", nil, 0, false, "0102"},
		"binary":            {hive.Value{Type: hive.TypeBinary, Data: []byte{0xde, 0xad}}, "", nil, 0, false, "dead"},
	} {
		t.Run(name, func(t *testing.T) {
			n, number := tc.v.Uint()
			if tc.v.String() != tc.str || n != tc.n || number != tc.number || tc.v.Display() != tc.display {
				t.Errorf("%q, %d %v, %q", tc.v.String(), n, number, tc.v.Display())
			}
			if d := cmp.Diff(tc.list, tc.v.Strings()); d != "" {
				t.Error(d)
			}
		})
	}
	if got := hive.Type(12).String() + hive.TypeQWord.String(); got != "REG_0xcREG_QWORD" {
		t.Error(got)
	}
}

// utf16 encodes ASCII.
func utf16(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

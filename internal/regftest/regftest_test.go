package regftest_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/hive"
	"casebook/internal/need"
	"casebook/internal/regftest"
)

// sample exercises every feature of the writer.
func sample() string {
	var b strings.Builder
	b.WriteString(`Windows Registry Editor Version 5.00

; last written: 2012-03-10T08:11:00.1234567Z
[HKEY_LOCAL_MACHINE\SYSTEM]

[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
@="default"

; last written: 2009-07-14T04:34:14Z
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):5c,00,3f,00,3f,00,5c,00,43,00,3a,00,5c,00,61,\
  00,00,00,00,00,00,00
"empty"=""
"none"=hex(0):
"three"=hex:01,02,03
"qword"=hex(b):01,00,00,00,00,00,00,80
"Größe"="Latin-1"
"имя"="UTF-16"

[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Straße]
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Жа]
`)
	// A value of one byte more than two segments, and one of exactly one segment.
	for _, n := range []int{16344, 2*16344 + 1} {
		fmt.Fprintf(&b, "[HKEY_LOCAL_MACHINE\\SYSTEM\\big]\n\"%d\"=hex:%02x", n, 0)
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, ",%02x", byte(i*7))
		}
		b.WriteString("\n")
	}
	for i := range 600 { // two leaves
		fmt.Fprintf(&b, "[HKEY_LOCAL_MACHINE\\SYSTEM\\many\\key%04d]\n\"n\"=dword:%08x\n", i, i)
	}
	return b.String()
}

// tree is a hive as plain values.
func tree(t *testing.T, h *hive.Hive, mount string) map[string][]hive.Value {
	t.Helper()
	out := map[string][]hive.Value{}
	err := h.Walk(func(k *hive.Key) error {
		path, ok := strings.CutPrefix(k.Path(), mount)
		if !ok {
			return nil
		}
		path = strings.TrimPrefix(path, `\`)
		var vals []hive.Value
		for _, v := range k.Values() {
			v.Line = 0
			vals = append(vals, v)
		}
		out[path] = vals
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var variants = map[string]regftest.Options{
	"default": {},
	"lf":      {List: regftest.ListLF},
	"li":      {List: regftest.ListLI},
	"nt4":     {List: regftest.ListLF, Minor: 3},
}

func TestBuildRoundTrip(t *testing.T) {
	text := sample()
	want, err := hive.ParseExport(strings.Split(text, "\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range variants {
		t.Run(name, func(t *testing.T) {
			data, err := o.Build(text)
			if err != nil {
				t.Fatal(err)
			}
			again, err := o.Build(text)
			if err != nil || !bytes.Equal(data, again) {
				t.Errorf("the same text gave other bytes (%v)", err)
			}
			h, err := hive.Open(data)
			if err != nil {
				t.Fatal(err)
			}
			if p := h.Problems(); len(p) > 0 {
				t.Errorf("problems: %v", p)
			}
			if dirty, why := h.Dirty(); dirty {
				t.Errorf("dirty: %s", why)
			}
			if d := cmp.Diff(tree(t, want, `HKEY_LOCAL_MACHINE\SYSTEM`), tree(t, h, ""), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
			for path, stamp := range map[string]string{
				"":                                      "2012-03-10T08:11:00.1234567Z",
				`ControlSet001\Control\Session Manager`: "2009-07-14T04:34:14Z",
				`Select`:                                "2012-01-01T00:00:00Z",
			} {
				k, err := h.Key(path)
				if err != nil {
					t.Fatalf("%q: %v", path, err)
				}
				if got := k.LastWritten().Format(time.RFC3339Nano); got != stamp {
					t.Errorf("%q was last written %s, want %s", path, got, stamp)
				}
			}
		})
	}
}

func TestBuildDirty(t *testing.T) {
	data, err := regftest.Build("REGEDIT4\n; dirty\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\n")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hive.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if dirty, _ := h.Dirty(); !dirty {
		t.Error("not dirty")
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no header":   {"hello", "no header"},
		"bad line":    {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\nhello", "neither a key nor a value"},
		"two hives":   {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\b]\n", "2 hives"},
		"two roots":   {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n[HKEY_CURRENT_USER\\b]\n", "2 roots"},
		"bad time":    {"REGEDIT4\n; last written: yesterday\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n", "line 2"},
		"no key":      {"REGEDIT4\n", "0 roots"},
		"a deletion":  {"REGEDIT4\n[-HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n", "delete"},
		"current set": {"REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet]\n", "ControlSet001"},
		"root itself": {"REGEDIT4\n[HKEY_LOCAL_MACHINE]\n", "0 hives"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := regftest.Build(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// tool runs a program over a hive file, and skips the test where the program is not installed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := need.Tool(t, name)
	var stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PERL_UNICODE=S")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	// reglookup shows names in US-ASCII alone, and says so for each name of another script.
	said := slices.DeleteFunc(strings.Split(stderr.String(), "\n"), func(line string) bool {
		return line == "" || strings.Contains(line, "name to encoding US-ASCII")
	})
	if err != nil || len(said) > 0 {
		t.Fatalf("%s: %v\n%q", name, err, said)
	}
	return string(out)
}

// TestBuildForeignReaders opens what the writer wrote with readers by others.
func TestBuildForeignReaders(t *testing.T) {
	text := sample()
	for name, o := range variants {
		data, err := o.Build(text)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "hive")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := hive.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		keys, values := h.Counts()
		t.Run(name+"/hivexml", func(t *testing.T) {
			xml := tool(t, "hivexml", file)
			if k, v := strings.Count(xml, "<node "), strings.Count(xml, "<value "); k != keys || v != values {
				t.Errorf("hivexml counts %d keys and %d values, want %d and %d", k, v, keys, values)
			}
		})
		t.Run(name+"/reglookup", func(t *testing.T) {
			out := tool(t, "reglookup", file)
			k, v := 0, 0
			for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
				if strings.Contains(line, ",KEY,") {
					k++
				} else {
					v++
				}
			}
			if k != keys || v != values {
				t.Errorf("reglookup counts %d keys and %d values, want %d and %d", k, v, keys, values)
			}
			if !strings.Contains(out, "/Select,KEY,,2012-01-01 00:00:00") {
				t.Error("reglookup does not show the time of Select")
			}
		})
		t.Run(name+"/hivexget", func(t *testing.T) {
			if got := tool(t, "hivexget", file, `Select`, "Current"); strings.TrimSpace(got) != "dword:00000001" && strings.TrimSpace(got) != "1" {
				t.Errorf("Current is %q", got)
			}
			if got := tool(t, "hivexget", file, `many\key0599`, "n"); !strings.Contains(got, "599") && !strings.Contains(got, "257") {
				t.Errorf("n is %q", got)
			}
		})
		t.Run(name+"/hivexregedit", func(t *testing.T) {
			out := tool(t, "hivexregedit", "--export", "--prefix", `HKEY_LOCAL_MACHINE\SYSTEM`, file, `\`)
			back, err := hive.ParseExport(strings.Split(out, "\n"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if p := back.Problems(); len(p) > 0 {
				t.Errorf("problems: %v", p)
			}
			byName := cmpopts.SortSlices(func(a, b hive.Value) bool { return a.Name < b.Name }) // hivexregedit sorts
			if d := cmp.Diff(tree(t, h, ""), tree(t, back, `HKEY_LOCAL_MACHINE\SYSTEM`), cmpopts.EquateEmpty(), byName); d != "" {
				t.Error(d)
			}
		})
	}
}

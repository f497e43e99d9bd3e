package hive_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
	"casebook/internal/need"
	"casebook/internal/regftest"
)

const systemRoot = `HKEY_LOCAL_MACHINE\SYSTEM`

// exported returns the export of a whole hive.
func exported(t testing.TB, h *hive.Hive) string {
	t.Helper()
	var out bytes.Buffer
	prefix := systemRoot
	if h.Format() != hive.FormatRegf {
		prefix = ""
	}
	if _, err := hive.WriteExport(&out, h.Root(), prefix); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func parse(t testing.TB, text string) *hive.Hive {
	t.Helper()
	h, err := hive.ParseExport(strings.Split(text, "\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := h.Problems(); len(p) > 0 {
		t.Fatalf("problems: %v", p)
	}
	return h
}

// content is a hive as plain values, by path and name in lower case; a key without values is there by its path. Of two keys or values of one
// name the first counts, as it does for a lookup.
func content(t testing.TB, h *hive.Hive) map[string]string {
	t.Helper()
	out := map[string]string{}
	set := func(at, what string) {
		if at = strings.ToLower(at); out[at] == "" {
			out[at] = what
		}
	}
	err := h.Walk(func(k *hive.Key) error {
		path := k.Path()
		if h.Format() != hive.FormatRegf {
			var ok bool
			if path, ok = strings.CutPrefix(path, systemRoot); !ok {
				return nil
			}
			path = strings.TrimPrefix(path, `\`)
		}
		set(path, "key")
		for _, v := range k.Values() {
			set(path+"\x00"+v.Name, fmt.Sprintf("%v %v ", v.Type, v.Truncated)+string(v.Data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// diff says what first differs between two hives; "" if nothing does.
func diff(a, b map[string]string) string {
	for _, at := range slices.Sorted(maps.Keys(a)) {
		if a[at] != b[at] {
			return fmt.Sprintf("%q is %.200q and %.200q", at, a[at], b[at])
		}
	}
	for _, at := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[at]; !ok {
			return fmt.Sprintf("%q is only in the second", at)
		}
	}
	return ""
}

func TestWriteExport(t *testing.T) {
	h := open(t, build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\a]
@="the \"default\" C:\\x"
"empty"=""
"Größe"="Жа"
"no NUL"=hex(1):41,00
"two NULs"=hex(1):41,00,00,00,00,00
"line break"=hex(1):41,00,0d,00,0a,00,42,00,00,00
"half a pair"=hex(1):00,d8,00,00
"odd"=hex(1):41,00,00
"number"=dword:0000000a
"short number"=hex(4):01,02
"none"=hex(0):
"list"=hex(7):61,00,00,00,00,00
"other"=hex(ffff0010):01
"binary"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,16,17,18,19,1a,1b,1c,1d,1e,1f
[HKEY_LOCAL_MACHINE\SYSTEM\a\b]
`))
	const want = `Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM]

[HKEY_LOCAL_MACHINE\SYSTEM\a]
@="the \"default\" C:\\x"
"empty"=""
"Größe"=hex(1):16,04,30,04,00,00
"no NUL"=hex(1):41,00
"two NULs"=hex(1):41,00,00,00,00,00
"line break"=hex(1):41,00,0d,00,0a,00,42,00,00,00
"half a pair"=hex(1):00,d8,00,00
"odd"=hex(1):41,00,00
"number"=dword:0000000a
"short number"=hex(4):01,02
"none"=hex(0):
"list"=hex(7):61,00,00,00,00,00
"other"=hex(ffff0010):01
"binary"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,\
  16,17,18,19,1a,1b,1c,1d,1e,1f

[HKEY_LOCAL_MACHINE\SYSTEM\a\b]
`
	got := exported(t, h)
	if d := cmp.Diff(strings.ReplaceAll(want, "\n", "\r\n"), got); d != "" {
		t.Error(d)
	}
	back := parse(t, got)
	if d := diff(content(t, h), content(t, back)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(got, exported(t, back)); d != "" {
		t.Errorf("the export of the export differs:\n%s", d)
	}
	b, err := h.Key(`a\b`)
	if err != nil {
		t.Fatal(err)
	}
	var part bytes.Buffer
	if _, err := hive.WriteExport(&part, b, systemRoot); err != nil || part.String() != "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b]\r\n" {
		t.Errorf("%q, %v", part.String(), err)
	}
	if _, err := hive.WriteExport(full{}, h.Root(), systemRoot); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// full is a writer that can't write.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

// TestWriteExportOmits has what a .reg file can't state.
func TestWriteExportOmits(t *testing.T) {
	data := build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"brake"="x"
"three"=hex:01,02,03,04,05
[HKEY_LOCAL_MACHINE\SYSTEM\aXb]
"in"="x"
`)
	vk(t, data, "brake")[20+3] = '\n'
	put32(vk(t, data, "three")[8:], 0x7ffffff0)
	nk(t, data, "aXb")[76+1] = '\r'
	var out bytes.Buffer
	n, err := hive.WriteExport(&out, open(t, data).Root(), systemRoot)
	for _, want := range []string{`; left out: value "bra\ne"`, `; left out: value "three", of which not all data can be read`, `; left out: key "HKEY_LOCAL_MACHINE\\SYSTEM\\a\rb"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
	if n != 3 || err != nil || len(parse(t, out.String()).Root().Subkeys()) != 1 {
		t.Errorf("%d left out, %v", n, err)
	}
}

// refused lists the sound hives that hivexregedit does not export as they are, with the reason.
var refused = map[string]string{
	"EricZimmerman+Registry__SAN(OTHER)": "hivex refuses a hive whose checksum is wrong",
}

// TestCorpusExport compares our export with that of hivexregedit and with the hive: every key, value name, type and byte. hivexregedit writes strings in
// hexadecimal, sorts values, and puts a \ behind the root's path; the parsed texts have none of these differences.
func TestCorpusExport(t *testing.T) {
	tool := need.Tool(t, "hivexregedit")
	if testing.Short() {
		t.Skip("exporting every hive of the corpus takes a minute")
	}
	for _, file := range corpus(t, "hives") {
		want, ok := sound[filepath.Base(file)]
		if !ok || want.kind == "" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			h := open(t, read(t, file))
			ours := content(t, parse(t, exported(t, h)))
			if d := diff(content(t, h), ours); d != "" {
				t.Errorf("our export is not the hive: %s", d)
			}
			cmd := exec.Command(tool, "--export", "--prefix", systemRoot, file, `\`)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PERL_UNICODE=S")
			out, err := cmd.Output()
			if why := refused[filepath.Base(file)]; why != "" || err != nil {
				if (err != nil) != (why != "") {
					t.Errorf("hivexregedit: %v, the table says %q", err, why)
				}
				return
			}
			if d := diff(content(t, parse(t, string(out))), ours); d != "" {
				t.Errorf("hivexregedit exports something else: %s", d)
			}
		})
	}
}

// TestCorpusImport lets hivexregedit merge our export into an empty hive, and compares the hive that it writes.
func TestCorpusImport(t *testing.T) {
	tool := need.Tool(t, "hivexregedit")
	if testing.Short() {
		t.Skip("hivex needs half a minute for it")
	}
	empty, err := regftest.Build(header + "[HKEY_LOCAL_MACHINE\\SYSTEM]\n")
	if err != nil {
		t.Fatal(err)
	}
	imported := 0
	for _, file := range corpus(t, "hives") {
		want, ok := sound[filepath.Base(file)]
		if !ok || want.kind == "" || want.keys > 2200 { // hivex needs minutes for more
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			h := open(t, read(t, file))
			dir := t.TempDir()
			into, text := filepath.Join(dir, "hive"), filepath.Join(dir, "export.reg")
			for name, data := range map[string][]byte{into: empty, text: []byte(exported(t, h))} {
				if err := os.WriteFile(name, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(tool, "--merge", "--prefix", systemRoot, into, text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %.500s", err, out)
			}
			if d := diff(content(t, h), content(t, open(t, read(t, into)))); d != "" {
				t.Errorf("what was imported differs: %s", d)
			}
			imported++
		})
	}
	t.Logf("%d hives", imported)
}

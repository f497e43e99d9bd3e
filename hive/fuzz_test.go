package hive_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/hive"
	"casebook/internal/regftest"
)

// use asks a hive everything. What it reads of a hive file must not exceed the file by more than the decoding of text adds.
func use(t *testing.T, h *hive.Hive, size int) {
	t.Helper()
	data := 0
	keys, values := 0, 0
	err := h.Walk(func(k *hive.Key) error {
		keys++
		_, _, _ = k.Name(), k.ClassName(), k.Stated()
		for _, v := range k.Values() {
			values++
			data += len(v.Data)
			_, _, _ = v.Strings(), v.Display(), v.Type.String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if k, v := h.Counts(); k != keys || v != values {
		t.Errorf("Counts says %d and %d, the walk %d and %d", k, v, keys, values)
	}
	if data > 4*size {
		t.Errorf("%d bytes of data from %d", data, size)
	}
	if len(h.Problems()) > 101 {
		t.Errorf("%d problems", len(h.Problems()))
	}
	var r hive.Registry
	r.Add("x", h)
	_, _ = r.PendingRenames()
	_, _ = r.MountedDevices()
	_, _ = r.TimeZone()
	_, _ = r.ControlSets()
	_, _ = r.ComputerName()
	_, _ = r.CodePages()
	_, _ = r.Product()
	_, _, _ = r.MachineGUID()
	_, _, _ = r.LastShutdown()
	_ = r.Environment()
	_ = r.Services()
	_ = r.RebootMarkers()
	_ = r.InstallerPackages()
	_ = r.SeenVolumes()
	gone := 0
	d := h.Deleted()
	for _, k := range d.Keys {
		d.Values = append(d.Values, k.Values...)
	}
	for _, v := range d.Values {
		gone += len(v.Data)
	}
	if gone > size {
		t.Errorf("%d bytes of deleted data from %d", gone, size)
	}
}

// seedText has something for every view.
const seedText = `[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\MountedDevices]
"\\DosDevices\\C:"=hex:78,56,34,12,00,7e,00,00,00,00,00,00
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):5c,00,3f,00,00,00,00,00,\
  00,00
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\x]
"Start"=dword:00000002
@="text"
`

func FuzzOpen(f *testing.F) {
	f.Add(build(f, seedText+europe))
	f.Add(build(f, bigText(40000)))
	f.Add(build(f, `[HKEY_LOCAL_MACHINE\SYSTEM\Жа\text/html]`))
	list, err := regftest.Damages()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range list {
		f.Add(d.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		h, err := hive.Open(data)
		if err != nil {
			return
		}
		use(t, h, len(data))
		if !bytes.Equal(before, data) {
			t.Error("the input was changed")
		}
		for _, p := range h.Problems() {
			if p.Offset < 0 || p.Offset > 1<<32+4096 {
				t.Errorf("offset of %v", p)
			}
		}
		again, err := hive.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(h.Problems(), again.Problems()); d != "" {
			t.Error(d)
		}
	})
}

func FuzzParseExport(f *testing.F) {
	f.Add(header + seedText + europe)
	f.Add("REGEDIT4\n[HKEY_CURRENT_USER\\a]\n\"x\"=hex(2):80,\\\n00\n\"open")
	f.Add(header + seedText + "\"Start\"=-\n[-HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001]\n" + seedText)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := hive.ParseExport(strings.Split(text, "\n"), nil)
		if err == nil {
			use(t, h, len(text))
			places(t, h, strings.Count(text, "\n")+1)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	f.Add("\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\n    PendingFileRenameOperations    REG_MULTI_SZ    \\??\\C:\\a\\0\\0\\??\\C:\\b\\0!\\??\\C:\\c\n    n    REG_DWORD    0x1\n    s    REG_SZ    a\nb\n")
	f.Add("HKLM\\a\n    <NO NAME>\tREG_SZ\tx\n    b\tREG_BINARY\tDEAD\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := hive.ParseQuery(strings.Split(text, "\n"))
		if err == nil {
			use(t, h, len(text))
			places(t, h, strings.Count(text, "\n")+1)
		}
	})
}

// places checks that every line is one of the text.
func places(t *testing.T, h *hive.Hive, last int) {
	t.Helper()
	for _, p := range h.Problems() {
		if p.Line < 0 || p.Line > last {
			t.Errorf("line of %v", p)
		}
	}
	err := h.Walk(func(k *hive.Key) error {
		for _, v := range k.Values() {
			if v.Line < 1 || v.Line > last {
				t.Errorf("line %d of value %q", v.Line, v.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzReplay replays whatever stands in a log.
func FuzzReplay(f *testing.F) {
	p := dirtyHive(f)
	b, c := build(f, between), build(f, after)
	f.Add(p, regftest.Log(1, p, b, c), []byte{})
	f.Add(p, regftest.Log(3, b, c), regftest.Log(2, p, b))
	f.Add(p, regftest.VectorLog(p, c), regftest.Log(9, p, b))
	f.Fuzz(func(t *testing.T, primary, one, two []byte) {
		primary, one, two = bytes.Clone(primary), bytes.Clone(one), bytes.Clone(two)
		for _, log := range [][]byte{one, two} { // checksums that no fuzzer guesses
			if len(log) >= 512 {
				regftest.SealHeader(log)
			}
			if len(log) > 512+40 && len(log)%512 == 0 {
				regftest.Seal(log[512:])
			}
		}
		if len(primary) >= 4096 && primary[4] != primary[8] {
			regftest.SealHeader(primary)
		}
		kept := bytes.Clone(primary)
		h, err := hive.OpenWithLogs(primary, one, two)
		if err != nil {
			return
		}
		size := len(primary) + len(one) + len(two)
		use(t, h, size)
		sameAsImage(t, h)
		if len(h.Image()) > 3*size+4096 {
			t.Errorf("%d bytes from %d", len(h.Image()), size)
		}
		if !bytes.Equal(primary, kept) || !bytes.Equal(h.File(), kept) {
			t.Error("the input was changed")
		}
		again, err := hive.OpenWithLogs(primary, one, two)
		if err != nil || !bytes.Equal(again.Image(), h.Image()) {
			t.Errorf("read twice it is not the same (%v)", err)
		}
	})
}

// FuzzRoundTrip writes what an export says into a hive, and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("SYSTEM", "key", "name", uint32(1), []byte("x\x00\x00\x00"))
	f.Add("SYSTEM", `a\b`, "имя", uint32(7), bytes.Repeat([]byte("0123456789abcdef"), 2100))
	f.Fuzz(func(t *testing.T, root, path, name string, typ uint32, data []byte) {
		if !utf8.ValidString(root) || !utf8.ValidString(path) || !utf8.ValidString(name) {
			return // texts are decoded before they are parsed
		}
		if strings.Contains(root+path+name, "\r") {
			return // a line end is one line end, however it is written
		}
		text := header + exportOf(root, path, name, typ, data)
		want, err := hive.ParseExport(strings.Split(text, "\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := regftest.Build(text)
		if err != nil {
			return // a name that an export can't state
		}
		h, err := hive.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if p := h.Problems(); len(p) > 0 {
			t.Errorf("problems: %v", p)
		}
		if d := cmp.Diff(everything(t, want), everything(t, h), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	})
}

// exportOf states one value.
func exportOf(root, path, name string, typ uint32, data []byte) string {
	var b strings.Builder
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	fmt.Fprintf(&b, "[HKEY_LOCAL_MACHINE\\%s\\%s]\n\"%s\"=hex(%x):", root, path, quote.Replace(name), typ)
	for i, c := range data {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%02x", c)
	}
	return b.String() + "\n"
}

// everything returns all values by path and name, of an export below the key that becomes a hive's root.
func everything(t *testing.T, h *hive.Hive) map[string]hive.Value {
	t.Helper()
	depth := 0
	if h.Format() != hive.FormatRegf {
		depth = 2
	}
	out := map[string]hive.Value{}
	err := h.Walk(func(k *hive.Key) error {
		path := strings.Split(k.Path(), `\`)
		if len(path) < depth {
			return nil
		}
		for _, v := range k.Values() {
			v.Line = 0
			out[strings.Join(path[depth:], `\`)+`\\`+v.Name] = v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

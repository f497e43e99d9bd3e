package hive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
	"casebook/internal/regftest"
)

const header = "Windows Registry Editor Version 5.00\n\n"

// build makes a hive of keys below HKEY_LOCAL_MACHINE\SYSTEM.
func build(t testing.TB, text string) []byte {
	t.Helper()
	data, err := regftest.Build(header + text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t testing.TB, data []byte) *hive.Hive {
	t.Helper()
	h, err := hive.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// nk and vk return the data of the cell of the key or value of that name, which must be Latin-1 and occur once.
func nk(t testing.TB, data []byte, name string) []byte { return named(t, data, "nk", 72, 76, name) }
func vk(t testing.TB, data []byte, name string) []byte { return named(t, data, "vk", 2, 20, name) }

func named(t testing.TB, data []byte, sig string, lengthAt, nameAt int, name string) []byte {
	t.Helper()
	for off := 4096; off+4+nameAt+len(name) <= len(data); off += 8 {
		c := data[off+4:]
		if string(c[:2]) == sig && int(binary.LittleEndian.Uint16(c[lengthAt:])) == len(name) && string(c[nameAt:nameAt+len(name)]) == name {
			return c
		}
	}
	t.Fatalf("no %s named %q", sig, name)
	return nil
}

// cellAt returns the data of the cell whose offset stands at c[at:].
func cellAt(data, c []byte, at int) []byte {
	return data[4096+4+int(binary.LittleEndian.Uint32(c[at:])):]
}

func put32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }

func get32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// offsetOf returns the offset in the bins of the cell whose data is c.
func offsetOf(data, c []byte) uint32 {
	return uint32(cap(data) - cap(c) - 4 - 4096)
}

func TestOpenRefuses(t *testing.T) {
	sound := build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\Select]`)
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "the file is empty"},
		"short":             {sound[:4096], "less than a base block and one bin"},
		"zeros":             {make([]byte, 8192), `not with "regf"`},
		"log":               {append(append(bytes.Clone(sound[:28]), 1), sound[29:]...), "transaction log"},
		"new log":           {append(append(bytes.Clone(sound[:28]), 6), sound[29:]...), "transaction log"},
		"bins of zeros":     {append(bytes.Clone(sound[:4096]), make([]byte, 4096)...), "no other key is marked as a root"},
		"text":              {bytes.Repeat([]byte("REGEDIT4\n"), 1000), `begins with "REGE"`},
		"signature is late": {append([]byte(" "), sound...), `not with "regf"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hive.Open(tc.data)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestOpenNames has the names that a reader of bytes gets wrong: UTF-16, Latin-1, a slash, and case outside ASCII.
func TestOpenNames(t *testing.T) {
	h := open(t, build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\Жа]
"Größe"=dword:00000007
"имя"="x"
[HKEY_LOCAL_MACHINE\SYSTEM\Content Type\text/html]
[HKEY_LOCAL_MACHINE\SYSTEM\ı]
[HKEY_LOCAL_MACHINE\SYSTEM\𐐨]
`))
	for path, want := range map[string]string{
		`Жа`:                      `Жа`,
		`жА`:                      `Жа`,
		`content type\TEXT/html`:  `Content Type\text/html`,
		`\Content Type\text/html`: `Content Type\text/html`,
		`Content Type/text/html`:  "",
		`I`:                       "", // ı has no upper case in the table of Windows
		`ı`:                       "ı",
		`𐐀`:                       "", // nor has anything above U+FFFF
		`𐐨`:                       "𐐨",
		"":                        "",
		"no":                      "",
	} {
		k, err := h.Key(path)
		if err != nil {
			if !errors.Is(err, hive.ErrNotExist) || want != "" {
				t.Errorf("%q: %v", path, err)
			}
			continue
		}
		if k.Path() != want {
			t.Errorf("%q is %q, want %q", path, k.Path(), want)
		}
	}
	k, err := h.Key("Жа")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"größe", "GRÖSSE", "ИМЯ"} {
		v, err := k.Value(name)
		if found := name != "GRÖSSE"; found != (err == nil) {
			t.Errorf("value %q: %v %v", name, v, err)
		}
	}
}

func TestOpenTimes(t *testing.T) {
	data := build(t, `; last written: 2012-03-10T08:11:00.1496853Z
[HKEY_LOCAL_MACHINE\SYSTEM\a]
[HKEY_LOCAL_MACHINE\SYSTEM\never]
`)
	clear(nk(t, data, "never")[4:12])
	h := open(t, data)
	a, _ := h.Key("a")
	never, _ := h.Key("never")
	if got, want := a.LastWritten(), time.Date(2012, 3, 10, 8, 11, 0, 149685300, time.UTC); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("last written %v, want %v", got, want)
	}
	if got := never.LastWritten(); !got.IsZero() {
		t.Errorf("zero FILETIME is %v", got)
	}
	if got, want := h.LastWritten(), a.LastWritten(); !got.Equal(want) {
		t.Errorf("hive last written %v, want %v", got, want)
	}
}

// TestOpenInline has data of up to four bytes, which stands in the value itself.
func TestOpenInline(t *testing.T) {
	h := open(t, build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\a]
"0"=hex:
"1"=hex:01
"2"=hex(1):41,00
"3"=hex:01,02,03
"4"=hex:01,02,03,04
"5"=hex:01,02,03,04,05
`))
	k, _ := h.Key("a")
	for i, v := range k.Values() {
		if len(v.Data) != i || v.Truncated {
			t.Errorf("value %s has %d bytes, truncated %v", v.Name, len(v.Data), v.Truncated)
		}
		if i == 2 && v.String() != "A" {
			t.Errorf("value 2 is %q, want A", v)
		}
	}
}

// bigText is a key with a binary value of n bytes.
func bigText(n int) string {
	var b strings.Builder
	b.WriteString("[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n\"big\"=hex:00")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, ",%02x", byte(i*7))
	}
	return b.String() + "\n"
}

func TestOpenBigData(t *testing.T) {
	const n = 2*16344 + 100
	for name, tc := range map[string]struct {
		damage func(data []byte)
		want   int
	}{
		"sound": {func([]byte) {}, n},
		"fewer segments": {func(data []byte) {
			binary.LittleEndian.PutUint16(cellAt(data, vk(t, data, "big"), 8)[2:], 2)
		}, 2 * 16344},
		"more segments": {func(data []byte) {
			binary.LittleEndian.PutUint16(cellAt(data, vk(t, data, "big"), 8)[2:], 0xffff)
		}, n},
		"segment twice": {func(data []byte) {
			list := cellAt(data, cellAt(data, vk(t, data, "big"), 8), 4)
			copy(list[4:8], list[:4])
		}, 0},
		"segment outside the file": {func(data []byte) {
			put32(cellAt(data, cellAt(data, vk(t, data, "big"), 8), 4)[4:], 0x7ffffff0)
		}, 16344},
		"list outside the file": {func(data []byte) { put32(cellAt(data, vk(t, data, "big"), 8)[4:], 0xfffffff0) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			data := build(t, bigText(n))
			tc.damage(data)
			h := open(t, data)
			k, _ := h.Key("a")
			v, err := k.Value("big")
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Data) != tc.want || v.Truncated != (tc.want < n) || v.Truncated != (len(h.Problems()) > 0) {
				t.Errorf("%d bytes, truncated %v, problems %v; want %d", len(v.Data), v.Truncated, h.Problems(), tc.want)
			}
			for i, c := range v.Data {
				if c != byte(i*7) {
					t.Fatalf("byte %d is %d", i, c)
				}
			}
		})
	}
}

// TestOpenDeep has keys deeper than the registry allows.
func TestOpenDeep(t *testing.T) {
	data := build(t, `[HKEY_LOCAL_MACHINE\SYSTEM`+strings.Repeat(`\a`, 511)+"]\n")
	h := open(t, data)
	if keys, _ := h.Counts(); keys != 512 || len(h.Problems()) > 0 {
		t.Errorf("%d keys, problems %v", keys, h.Problems())
	}
	_, err := hive.ParseExport([]string{"REGEDIT4", `[HKEY_LOCAL_MACHINE` + strings.Repeat(`\a`, 600) + "]"}, nil)
	if err != nil {
		t.Error(err)
	}
}

// chain makes a hive by hand whose keys are nested n deep, which the writer refuses to.
func chain(t *testing.T, n int) []byte {
	t.Helper()
	const nkCell, listCell = 88, 16 // a key with a name of one letter, a list with one entry
	out := build(t, "[HKEY_LOCAL_MACHINE\\SYSTEM]\n")[:4096]
	bins := make([]byte, 32, 32+n*(nkCell+listCell)+4096)
	copy(bins, "hbin")
	for i := range n {
		at := len(bins)
		c := make([]byte, nkCell+listCell)
		put32(c, uint32(0xffffffff-nkCell+1))
		copy(c[4:], "nk")
		c[4+2] = 0x20
		if i < n-1 {
			put32(c[4+20:], 1)
		}
		put32(c[4+28:], uint32(at+nkCell))
		c[4+72] = 1
		c[4+76] = 'a'
		put32(c[nkCell:], uint32(0xffffffff-listCell+1))
		copy(c[nkCell+4:], "li\x01\x00")
		put32(c[nkCell+8:], uint32(at+nkCell+listCell))
		bins = append(bins, c...)
	}
	bins = append(bins, make([]byte, 4096-len(bins)%4096)...)
	put32(bins[8:], uint32(len(bins)))
	put32(out[36:], 32)
	put32(out[40:], uint32(len(bins)))
	return append(out, bins...)
}

func TestOpenTooDeep(t *testing.T) {
	h := open(t, chain(t, 100_000))
	if keys, _ := walk(t, h); keys != 513 || !strings.Contains(fmt.Sprint(h.Problems()), "512 levels deep") {
		t.Errorf("%d keys, problems %v", keys, h.Problems())
	}
}

// TestOpenOverlap has a million keys that share a value list and its data: what is read must not exceed the file.
func TestOpenOverlap(t *testing.T) {
	var b strings.Builder
	b.WriteString(bigText(16000))
	for i := range 2000 {
		fmt.Fprintf(&b, "[HKEY_LOCAL_MACHINE\\SYSTEM\\k%d]\n\"v%d\"=hex:00,01,02,03,04\n", i, i)
	}
	data := build(t, b.String())
	big := vk(t, data, "big")
	for i := range 2000 {
		copy(vk(t, data, fmt.Sprintf("v%d", i))[4:12], big[4:12])
	}
	h := open(t, data)
	total := 0
	err := h.Walk(func(k *hive.Key) error {
		for _, v := range k.Values() {
			total += len(v.Data)
		}
		return nil
	})
	if err != nil || total > len(data) {
		t.Errorf("%d bytes of data from a file of %d (%v)", total, len(data), err)
	}
	p := h.Problems()
	if len(p) != 101 || !strings.Contains(p[100].Message, "2000 problems in all") {
		t.Errorf("%d problems, the last %v", len(p), p[len(p)-1])
	}
}

func TestDirty(t *testing.T) {
	sound := build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\Select]`)
	for name, tc := range map[string]struct {
		damage func(data []byte)
		want   string
	}{
		"clean":            {func([]byte) {}, ""},
		"sequence numbers": {func(data []byte) { data[4] ^= 1; data[508] ^= 1 }, "sequence numbers differ (3 and 2)"},
		"checksum":         {func(data []byte) { data[508]++ }, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			data := bytes.Clone(sound)
			tc.damage(data)
			dirty, why := open(t, data).Dirty()
			if dirty != (tc.want != "") || !strings.Contains(why, tc.want) {
				t.Errorf("%v %q, want %q", dirty, why, tc.want)
			}
		})
	}
}

func TestClassName(t *testing.T) {
	data := build(t, "[HKEY_LOCAL_MACHINE\\SYSTEM\\a]\n\"text\"=\"class\"\n[HKEY_LOCAL_MACHINE\\SYSTEM\\b]\n")
	v, k := vk(t, data, "text"), nk(t, data, "b")
	copy(k[48:52], v[8:12]) // the value's data becomes the class name of b
	binary.LittleEndian.PutUint16(k[74:], 10)
	put32(v[4:], 1<<31)
	h := open(t, data)
	b, _ := h.Key("b")
	a, _ := h.Key("a")
	if got := []string{a.ClassName(), b.ClassName()}; !cmp.Equal(got, []string{"", "class"}) {
		t.Errorf("class names %q", got)
	}
}

func TestWalkStops(t *testing.T) {
	h := open(t, build(t, `[HKEY_LOCAL_MACHINE\SYSTEM\a\b]`))
	stop := errors.New("stop")
	var seen []string
	err := h.Walk(func(k *hive.Key) error {
		seen = append(seen, k.Path())
		if k.Path() == "a" {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || !cmp.Equal(seen, []string{"", "a"}) {
		t.Errorf("%v after %q", err, seen)
	}
}

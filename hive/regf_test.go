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

// TestOpenDamage changes bytes of a sound hive. Each case states what is still read and what is said.
func TestOpenDamage(t *testing.T) {
	const text = `[HKEY_LOCAL_MACHINE\SYSTEM\alpha]
"one"=dword:00000001
"two"="some text"
[HKEY_LOCAL_MACHINE\SYSTEM\alpha\child]
[HKEY_LOCAL_MACHINE\SYSTEM\beta]
"three"=hex:01,02,03,04,05,06,07,08
[HKEY_LOCAL_MACHINE\SYSTEM\gamma]
`
	list := func(data []byte, key string) []byte { return cellAt(data, nk(t, data, key), 28) }
	root := "CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}"
	for name, tc := range map[string]struct {
		damage       func(data []byte)
		keys, values int
		say          string // in a problem; "" for none
	}{
		"sound": {func([]byte) {}, 5, 3, ""},
		"index list names itself": {func(data []byte) {
			l := list(data, root)
			copy(l, "ri")
			put32(l[4:], offsetOf(data, l))
		}, 1, 0, "names another such index"},
		"subkey list names its own key": {func(data []byte) {
			put32(list(data, "alpha")[4:], offsetOf(data, nk(t, data, "alpha")))
		}, 4, 3, "shares its bytes"},
		"subkey list names the root": {func(data []byte) {
			put32(list(data, "alpha")[4:], get32(data[36:]))
		}, 4, 3, "shares its bytes"},
		"two keys with one subkey list": {func(data []byte) {
			put32(nk(t, data, "gamma")[20:], 1)
			copy(nk(t, data, "gamma")[28:32], nk(t, data, "alpha")[28:32])
		}, 5, 3, "shares its bytes"},
		"two keys with one value list": {func(data []byte) {
			copy(nk(t, data, "gamma")[36:44], nk(t, data, "alpha")[36:44])
		}, 5, 3, "shares its bytes"},
		"two values with one data": {func(data []byte) {
			copy(vk(t, data, "three")[4:12], vk(t, data, "two")[4:12])
		}, 5, 3, `the data of value "three" shares`},
		"subkey count too large": {func(data []byte) {
			l := list(data, root)
			binary.LittleEndian.PutUint16(l[2:], 0xffff)
		}, 5, 3, "should have 65535 entries, its cell holds 3"},
		"subkey list of another kind": {func(data []byte) { copy(list(data, root), "xx") }, 1, 0, `begins with "xx"`},
		"subkey outside the file":     {func(data []byte) { put32(list(data, root)[4:], 0x7ffffff0) }, 3, 1, "lies outside the file"},
		"subkey at an odd end":        {func(data []byte) { put32(list(data, root)[4:], uint32(len(data)-4096-2)) }, 3, 1, "lies outside the file"},
		"subkey that is a value": {func(data []byte) {
			put32(list(data, root)[4:], offsetOf(data, vk(t, data, "two")))
		}, 3, 1, "is no key"},
		"subkey list outside the file": {func(data []byte) { put32(nk(t, data, root)[28:], 0xfffffff8) }, 1, 0, "subkey list can't be read"},
		"value count too large":        {func(data []byte) { put32(nk(t, data, "beta")[36:], 0xffffffff) }, 5, 3, "should have 4294967295 values, the cell of their list holds 1"},
		"value list outside the file":  {func(data []byte) { put32(nk(t, data, "beta")[40:], 0xfffffff0) }, 5, 2, "cell of their list holds 0"},
		"value outside the file":       {func(data []byte) { put32(cellAt(data, nk(t, data, "beta"), 40), 0xfffffff0) }, 5, 2, "a value lies outside the file"},
		"value that is a key": {func(data []byte) {
			put32(cellAt(data, nk(t, data, "beta"), 40), offsetOf(data, nk(t, data, "beta")))
		}, 5, 2, "holds no value"},
		"key name too long":       {func(data []byte) { binary.LittleEndian.PutUint16(nk(t, data, "gamma")[72:], 0xfff0) }, 4, 3, "too few for its name"},
		"value name too long":     {func(data []byte) { binary.LittleEndian.PutUint16(vk(t, data, "one")[2:], 0xfff0) }, 5, 2, "holds no value"},
		"number past the end":     {func(data []byte) { put32(vk(t, data, "one")[4:], 4); put32(vk(t, data, "one")[8:], 0x7ffffff0) }, 5, 3, `value "one" should have 4 bytes of data, 0 can be read`},
		"data longer than a cell": {func(data []byte) { put32(vk(t, data, "two")[4:], 0x7fffffff) }, 5, 3, `value "two" should have 2147483647 bytes of data, 20 can be read`},
		"class outside the file": {func(data []byte) {
			binary.LittleEndian.PutUint16(nk(t, data, "beta")[74:], 8)
			put32(nk(t, data, "beta")[48:], 0xfffffff0)
		}, 5, 3, "class name"},
		"key in a free cell": {func(data []byte) {
			c := nk(t, data, "gamma")
			at := offsetOf(data, c) + 4096
			put32(data[at:], -get32(data[at:]))
		}, 5, 3, "marked as free"},
		"two keys of one name": {func(data []byte) {
			c := nk(t, data, "gamma")
			c[72] = 4
			copy(c[76:], "beta")
		}, 5, 3, `two keys are named "beta"`},
		"root outside the file": {func(data []byte) { put32(data[36:], 0x7ffffff0) }, 5, 3, "marked as a root, is taken"},
		"no base block":         {func(data []byte) { clear(data[:4]) }, 5, 3, "the base block begins with"},
		"bins larger than file": {func(data []byte) { put32(data[40:], 0x10000) }, 5, 3, "the file is cut"},
		"bin without header":    {func(data []byte) { clear(data[4096:4100]) }, 5, 3, "no bin header"},
		"bin of no size":        {func(data []byte) { put32(data[4096+8:], 0) }, 5, 3, "no multiple of 4096"},
		"cell of no size": {func(data []byte) {
			put32(data[offsetOf(data, nk(t, data, "gamma"))+4096:], 0)
		}, 4, 3, "a cell of no size"},
	} {
		t.Run(name, func(t *testing.T) {
			data := build(t, text)
			data = append(make([]byte, 0, len(data)), data...) // cap is len: offsetOf counts on it
			tc.damage(data)
			h := open(t, data)
			if keys, values := walk(t, h); keys != tc.keys || values != tc.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, tc.keys, tc.values)
			}
			said := fmt.Sprint(h.Problems())
			if tc.say == "" && len(h.Problems()) > 0 || !strings.Contains(said, tc.say) {
				t.Errorf("problems %s, want %q", said, tc.say)
			}
		})
	}
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
	if got, want := h.LastWritten(), time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
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

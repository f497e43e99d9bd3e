package hive_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/hive"
)

// corpusDeleted states how many keys and values lie in the free cells of hives, as counted by a program in Python of 25 lines that
// walks the cells of the file and looks for the signatures of keys and values in those that are free; and which key is the first. The name of a
// 113th value in the first hive is overwritten in its middle.
var corpusDeleted = map[string]struct {
	keys, values int
	lost         int // keys in cells in use that no list names
	path         string
}{
	"EricZimmerman+Registry__UsrClassDeletedBags.dat": {4, 112, 0, `Local Settings\Software\Microsoft\Windows\Shell\BagMRU\1\0\0`},
	"mkorman90+regipy__NTUSER.DAT":                    {0, 29, 0, ""},
	"mkorman90+regipy__NTUSER_modified.DAT":           {1, 29, 1, `Software\Microsoft\Cryptography\CertificateTemplateCache\DomainControllerAuthentication`},
}

func TestCorpusDeleted(t *testing.T) {
	for _, file := range corpus(t, "hives") {
		want, ok := corpusDeleted[filepath.Base(file)]
		if !ok {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			d := open(t, read(t, file)).Deleted()
			keys, values, lost, first := 0, len(d.Values), 0, ""
			for _, k := range d.Keys {
				values += len(k.Values)
				if k.InUse {
					lost++
					continue
				}
				if keys++; keys == 1 {
					first = k.Path
				}
			}
			if keys != want.keys || values != want.values || lost != want.lost || first != want.path {
				t.Errorf("%d keys, %d values, %d lost keys, first %q, want %+v", keys, values, lost, first, want)
			}
		})
	}
}

func deleted(d hive.Deleted) []string {
	var out []string
	for _, k := range d.Keys {
		out = append(out, fmt.Sprintf("%s %v", k.Path, k.InUse))
		for _, v := range k.Values {
			out = append(out, fmt.Sprintf("%s: %s=%s %v", k.Path, v.Name, v.Display(), v.Truncated))
		}
	}
	for _, v := range d.Values {
		out = append(out, fmt.Sprintf("%s=%s %v", v.Name, v.Display(), v.InUse))
	}
	return out
}

func TestDeleted(t *testing.T) {
	const text = `[HKEY_LOCAL_MACHINE\SYSTEM\kept]
"live"="here"
; last written: 2012-03-10T08:11:00.1496853Z
; deleted
[HKEY_LOCAL_MACHINE\SYSTEM\kept\Жа]
"one"=dword:00000001
"two"="some text"
[HKEY_LOCAL_MACHINE\SYSTEM\kept\Жа\below]
"three"=hex:01,02,03,04,05,06
`
	whole := []string{
		`kept\Жа false`, `kept\Жа: one=1 false`, `kept\Жа: two=some text false`,
		`kept\Жа\below false`, `kept\Жа\below: three=010203040506 false`,
	}
	for name, tc := range map[string]struct {
		change func(data []byte)
		want   []string
	}{
		"deleted-key": {func([]byte) {}, whole},
		"overwritten-list": {func(data []byte) {
			put32(nk(t, data, "below")[40:], get32(nk(t, data, "kept")[40:])) // in use by another key now
		}, append(whole[:4:4], "three=010203040506 false")},
		"overwritten-data": {func(data []byte) {
			put32(vk(t, data, "three")[8:], get32(vk(t, data, "live")[8:]))
		}, append(whole[:4:4], `kept\Жа\below: three= true`)},
		"overwritten-parent": {func(data []byte) { put32(nk(t, data, "below")[16:], 0x7ffffff0) }, append(whole[:3:3],
			`?\below false`, `?\below: three=010203040506 false`)},
		"overwritten-key": {func(data []byte) { copy(nk(t, data, "below"), "xx") }, append(whole[:3:3], "three=010203040506 false")},
		"deleted-value": {func(data []byte) {
			put32(nk(t, data, "kept")[36:], 0)
			at := 4096 + offsetOf(data, vk(t, data, "live"))
			put32(data[at:], -get32(data[at:]))
		}, append(whole[:5:5], "live=here false")},
		"lost-value": {func(data []byte) { put32(nk(t, data, "kept")[36:], 0) }, append(whole[:5:5], "live=here true")},
	} {
		t.Run(name, func(t *testing.T) {
			data := build(t, text)
			data = append(make([]byte, 0, len(data)), data...) // cap is len: offsetOf counts on it
			tc.change(data)
			h := open(t, data)
			if d := cmp.Diff(tc.want, deleted(h.Deleted())); d != "" {
				t.Error(d)
			}
			if keys, values := walk(t, h); keys != 2 || values > 1 {
				t.Errorf("%d live keys and %d values", keys, values)
			}
		})
	}
	k := open(t, build(t, text)).Deleted().Keys[0]
	if want := time.Date(2012, 3, 10, 8, 11, 0, 149685300, time.UTC); !k.LastWritten.Equal(want) || k.Offset < 4096+32 {
		t.Errorf("last written %v at %d, want %v", k.LastWritten, k.Offset, want)
	}
	text4, err := hive.ParseExport(strings.Split(header+text, "\n"), nil)
	if err != nil || len(deleted(text4.Deleted())) > 0 {
		t.Errorf("deleted of a text: %v %v", deleted(text4.Deleted()), err)
	}
}

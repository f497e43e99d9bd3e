package extract

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

// pol makes a registry.pol of entries key, name, data (REG_SZ).
func pol(entries ...[3]string) []byte {
	b := []byte("PReg\x01\x00\x00\x00")
	wide := func(s string) {
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
	}
	for _, e := range entries {
		wide("[" + e[0] + "\x00;" + e[1] + "\x00;")
		b = binary.LittleEndian.AppendUint32(b, 1)
		wide(";")
		b = binary.LittleEndian.AppendUint32(b, uint32(2*len(utf16.Encode([]rune(e[2])))))
		wide(";" + e[2] + "]")
	}
	return b
}

func TestRegistryPol(t *testing.T) {
	sound := pol([3]string{`Software\Policies\Microsoft\Windows\WindowsUpdate`, "WUServer", "http://a\x00"}, [3]string{`Software\Ключ`, "**del.x", " \x00"})
	flip := func(at int, c byte) []byte {
		b := bytes.Clone(sound)
		b[at] = c
		return b
	}
	tests := []struct {
		name    string
		data    []byte
		names   []string
		damage  string // a part of it
		offset  int
		claimed bool // under another name too
	}{
		{"sound", sound, []string{"WUServer", "**del.x"}, "", 0, true},
		{"no-entry", []byte("PReg\x01\x00\x00\x00"), nil, "", 0, true},
		{"zeros", make([]byte, 4096), nil, "all 4096 bytes are zero", 0, false},
		{"other-content", []byte("<html>not found</html>"), nil, "signature", 0, false},
		{"header-cut", []byte("PReg\x01"), nil, "signature", 0, false},
		{"version", flip(4, 2), nil, "version is 2", 4, true},
		{"cut-in-the-second", sound[:len(sound)-1], []string{"WUServer"}, "does not end", bytes.LastIndexByte(sound, '['), true},
		{"size-too-large", flip(bytes.LastIndexByte(sound, ']')-5, 0xff), []string{"WUServer"}, "", 0, true},
		{"zeros-behind", append(bytes.Clone(sound), make([]byte, 64)...), []string{"WUServer", "**del.x"}, "begin with [", len(sound), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffRegistryPol("Registry.pol", tt.data) == 0 || (sniffRegistryPol("x.bin", tt.data) > 0) != tt.claimed {
				t.Error("claimed wrongly")
			}
			v, problems := registryPol().Extract(ingest.Input{Bytes: tt.data})
			p, ok := v.(*RegistryPol)
			if !ok {
				t.Fatalf("a %T", v)
			}
			var names []string
			for _, e := range p.Entries {
				names = append(names, e.Name)
			}
			if d := cmp.Diff(tt.names, names); d != "" {
				t.Error(d)
			}
			if tt.name == "size-too-large" {
				tt.damage, tt.offset = p.Damage, p.Offset
				if p.Damage == "" {
					t.Error("no damage")
				}
			}
			if !strings.Contains(p.Damage, tt.damage) || (p.Damage == "") != (tt.damage == "") || p.Offset != tt.offset || (len(problems) > 0) != (tt.damage != "") {
				t.Errorf("damage %q at %d, problems %v", p.Damage, p.Offset, problems)
			}
		})
	}
}

func FuzzRegistryPol(f *testing.F) {
	f.Add(pol([3]string{`Software\A`, "b", "c"}))
	f.Add([]byte("PReg\x01\x00\x00\x00[\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parseRegistryPol(data)
		if p.Offset < 0 || p.Offset > len(data) {
			t.Errorf("damage at %d of %d bytes", p.Offset, len(data))
		}
		last := 0
		for _, e := range p.Entries {
			if e.Offset <= last || e.Offset >= len(data) || len(e.Data) > len(data) {
				t.Errorf("entry at %d behind %d", e.Offset, last)
			}
			last = e.Offset
		}
		if d := cmp.Diff(p, parseRegistryPol(data)); d != "" {
			t.Error(d)
		}
	})
}

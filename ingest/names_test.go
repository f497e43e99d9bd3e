package ingest

import (
	"hash/crc32"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	tests := []struct{ name, in, want, why string }{
		{"plain", "logs/a.log", "logs/a.log", ""},
		{"backslashes", `C_drive\Windows\PFRO.log`, "C_drive/Windows/PFRO.log", ""},
		{"dot-segments", "./logs//a.log", "logs/a.log", ""},
		{"absolute", "/etc/passwd", "etc/passwd", "is an absolute path"},
		{"drive", `C:\Windows\a.log`, "C/Windows/a.log", "is an absolute path"},
		{"drive-relative", "c:a.log", "c/a.log", "is an absolute path"},
		{"slash-and-drive", "/D:/a", "D/a", "is an absolute path"},
		{"unc", `\\server\share\a`, "server/share/a", "is an absolute path"},
		{"device", `\\?\C:\a`, "?/C:/a", "is an absolute path"},
		{"parent", "../../a", "a", "leaves its folder by .."},
		{"parent-backslash", `..\..\a`, "a", "leaves its folder by .."},
		{"parent-inside", "a/../../../b", "b", "leaves its folder by .."},
		{"only-parent", "..", "unnamed", "leaves its folder by .. and names no file"},
		{"empty", "", "unnamed", "names no file"},
		{"slash", "/", "unnamed", "is an absolute path and names no file"},
		{"nul", "a\x00.log", "a\uFFFD.log", "holds control characters"},
		{"newline", "a\n.log", "a\uFFFD.log", "holds control characters"},
		{"bidi", "a\u202Egol.exe", "a\uFFFDgol.exe", "holds control characters"},
		{"invalid-utf8", "a\xff.log", "a\uFFFD.log", "is not valid UTF-8"},
		{"decomposed", "u\u0308.log", "\u00FC.log", ""},
		{"dots-are-names", "...", "...", ""},
		{"colon-later", "a/b:c", "a/b:c", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := cleanName(tt.in)
			if got != tt.want || why != tt.why {
				t.Errorf("cleanName(%q) = %q, %q; want %q, %q", tt.in, got, why, tt.want, tt.why)
			}
		})
	}
	long, why := cleanName(strings.Repeat("ü/", 5000))
	if len(long) > maxName || !utf8.ValidString(long) || why == "" {
		t.Errorf("a long name became %d bytes, %q", len(long), why)
	}
}

// TestCutName cuts a long name just behind the dots with which its last segment begins.
func TestCutName(t *testing.T) {
	for dots := range 4 {
		long := strings.Repeat("a", maxName-1-dots) + "/" + strings.Repeat(".", dots) + "rest"
		if got, _ := cleanName(long); got != long[:maxName-1-dots] {
			t.Errorf("with %d dots the name ends with %q", dots, got[max(0, len(got)-8):])
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a/../b", `C:\x`, "\x00", "//", "é/\u202e", strings.Repeat("../", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, _ := cleanName(s)
		if got == "" || got[0] == '/' || len(got) > maxName || !utf8.ValidString(got) {
			t.Fatalf("cleanName(%q) = %q", s, got)
		}
		for segment := range strings.SplitSeq(got, "/") {
			if segment == "" || segment == "." || segment == ".." {
				t.Fatalf("cleanName(%q) = %q has the segment %q", s, got, segment)
			}
		}
	})
}

// unicodeField makes an Info-ZIP Unicode Path field for raw.
func unicodeField(raw, name string) []byte {
	crc := crc32.ChecksumIEEE([]byte(raw))
	size := 5 + len(name)
	return append([]byte{0x75, 0x70, byte(size), byte(size >> 8), 1, byte(crc), byte(crc >> 8), byte(crc >> 16), byte(crc >> 24)}, name...)
}

func TestDecodeZipName(t *testing.T) {
	tests := []struct {
		name, raw string
		flags     uint16
		extra     []byte
		want      string
		ok        bool
	}{
		{"ascii", "a.log", 0, nil, "a.log", true},
		{"cp437", "\x81ber.log", 0, nil, "über.log", true},
		{"utf8-without-flag-is-cp437", "\xc3\xbc", 0, nil, "├╝", true},
		{"utf8-flag", "ü", zipUTF8, nil, "ü", true},
		{"utf8-flag-invalid", "\x81ber", zipUTF8, nil, "über", false},
		{"unicode-field", "?.log", 0, unicodeField("?.log", "я.log"), "я.log", true},
		{"unicode-field-of-another-name", "\x81", 0, unicodeField("x", "я.log"), "ü", true},
		{"unicode-field-cut", "\x81", 0, unicodeField("\x81", "я.log")[:10], "ü", true},
		{"unicode-field-behind-another", "\x81", 0, append([]byte{1, 0, 2, 0, 9, 9}, unicodeField("\x81", "я")...), "я", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := decodeZipName(tt.raw, tt.flags, tt.extra)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeAll decodes data in pieces of the given size and returns text, encoding and decoder.
func decodeAll(data []byte, piece int, page *codePage) (string, *decoder) {
	enc, bom, _ := textEncoding(data[:min(len(data), headSize)])
	return decodeFrom(data, piece, page, enc, bom)
}

// decodeFrom does so with the encoding of the beginning, which has a byte order mark of the given length.
func decodeFrom(data []byte, piece int, page *codePage, enc string, bom int) (string, *decoder) {
	var d decoder
	d.reset(enc, page)
	data = data[bom:]
	var text strings.Builder
	for {
		n := min(piece, len(data))
		copy(d.space(n), data[:n])
		data = data[n:]
		text.Write(d.decode(n, len(data) == 0))
		d.take(len(d.text()), 0)
		if len(data) == 0 {
			return text.String(), &d
		}
	}
}

// utf16Bytes encodes s.
func utf16Bytes(s string, big bool) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

func TestDecode(t *testing.T) {
	german := "Grüße aus Köln: nicht ausgeführt\r\n"
	russian := "Ошибка: файл занят другим процессом, 0x80070020\r\n"
	japanese := "エラー: ファイルが見つかりません 12345\r\n"
	header := "=== Verbose logging started: 3/8/2012  21:16:41 ===\r\n"
	mixed := "a𝄞b " + german + russian + japanese
	tests := []struct {
		name, in string
		page     int
		enc      string
		want     string
		damaged  int
	}{
		{"empty", "", 0, "utf-8", "", 0},
		{"ascii", "abc\r\ndef", 0, "utf-8", "abc\r\ndef", 0},
		{"utf8", mixed, 0, "utf-8", mixed, 0},
		{"utf8-mark", "\xef\xbb\xbf" + german, 0, "utf-8", german, 0},
		{"utf16le-mark", "\xff\xfe" + string(utf16Bytes(mixed, false)), 0, "utf-16le", mixed, 0},
		{"utf16be-mark", "\xfe\xff" + string(utf16Bytes(mixed, true)), 0, "utf-16be", mixed, 0},
		{"utf16le-bare", string(utf16Bytes(german, false)), 0, "utf-16le", german, 0},
		{"utf16be-bare", string(utf16Bytes(german, true)), 0, "utf-16be", german, 0},
		{"utf16le-bare-russian", string(utf16Bytes(russian, false)), 0, "utf-16le", russian, 0},
		{"utf16le-odd-byte", "\xff\xfea\x00b\x00c", 0, "utf-16le", "ab\uFFFD", 1},
		{"utf16le-half-pair", "\xff\xfea\x00\x34\xd8b\x00", 0, "utf-16le", "a\uFFFDb", 1},
		{"utf16le-low-half", "\xff\xfea\x00\x1e\xddb\x00", 0, "utf-16le", "a\uFFFDb", 1},
		{"utf16le-pair-cut-at-end", "\xff\xfea\x00\x34\xd8", 0, "utf-16le", "a\uFFFD", 1},
		{"bytes-then-utf16le", header + "Gr\xfc\xdfe\r\n\xff\xfe" + string(utf16Bytes(header+german, false)), 0, "windows-1252", header + "Grüße\r\n" + header + german, 0},
		{"bytes-then-utf16le-without-mark", header + string(utf16Bytes(header+german, false)), 0, "utf-8", header + header + german, 0},
		{"utf16le-then-bytes", "\xff\xfe" + string(utf16Bytes(german+header, false)) + header + "Gr\xfc\xdfe\r\n", 0, "utf-16le", german + header + header + "Grüße\r\n", 0},
		{"utf16le-then-utf8-then-utf16le", "\xff\xfe" + string(utf16Bytes(german, false)) + header + german + string(utf16Bytes(header, false)), 0, "utf-16le", german + header + german + header, 0},
		{"utf16le-japanese-is-no-splice", "\xff\xfe" + string(utf16Bytes(strings.Repeat(japanese, 9), false)), 0, "utf-16le", strings.Repeat(japanese, 9), 0},
		{"windows-1252", "Gr\xfc\xdfe\r\n\x80 5", 0, "windows-1252", "Grüße\r\n€ 5", 0},
		{"windows-1251", "\xce\xf8\xe8\xe1\xea\xe0", 1251, "windows-1251", "Ошибка", 0},
		{"ibm850", "Gr\x81\xe1e", 850, "ibm850", "Grüße", 0},
		{"ibm857-own-table", "\x9f\x8d", 857, "ibm857", "şı", 0},
		{"cp737-own-table", "\x80\x81", 737, "cp737", "ΑΒ", 0},
		{"shift-jis", "\x83\x47\x83\x89\x81[ 1\r\n", 932, "shift_jis", "エラー 1\r\n", 0},
		{"gbk-that-looks-like-utf8", "\xc1\xaa\xcd\xa8 \xb4\xed\xce\xf3\xb4\xed\xce\xf3", 936, "gbk", "联通 错误错误", 0},
		{"unknown-page-is-1252", "\xe4", 4711, "windows-1252", "ä", 0},
		{"utf8-with-a-damaged-line", "ü\r\n\xfcber ü\r\nä\r\n", 0, "utf-8", "ü\r\nüber Ã¼\r\nä\r\n", 1},
		{"utf8-cut-in-a-character", "üü\xc3", 0, "utf-8", "Ã¼Ã¼Ã", 1},
	}
	for _, tt := range tests {
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, piece), func(t *testing.T) {
				if piece < 16 && tt.damaged > 0 && tt.enc == "utf-8" || piece < 4 && tt.name == "gbk-that-looks-like-utf8" {
					t.Skip("what is settled on, or read by the page, depends on how much is seen at once")
				}
				got, d := decodeAll([]byte(tt.in), piece, pageOf(tt.page, defaultANSI))
				if got != tt.want || d.name() != tt.enc || d.damaged != tt.damaged {
					t.Errorf("got %q in %s, damaged %d; want %q in %s, %d", got, d.name(), d.damaged, tt.want, tt.enc, tt.damaged)
				}
			})
		}
	}
}

// TestDecodeSpliced: programs append to a log in encodings of their own, each at any byte.
func TestDecodeSpliced(t *testing.T) {
	narrow := "=== Logging started: 3/8/2012  21:16:41 ===\r\nMSI (c) (40:94): Grüße\r\n"
	ansi := strings.ReplaceAll(strings.ReplaceAll(narrow, "ü", "\xfc"), "ß", "\xdf")
	wide := "MSI (s) (40:94) [21:16:55:233]: Executing op: Größe\r\nProperty(S): A = Ошибка\r\n"
	le, be := string(utf16Bytes(wide, false)), string(utf16Bytes(wide, true))
	for _, tt := range []struct {
		name, in, want, enc string
		changes             int
	}{
		{"ansi-then-utf16", ansi + le, narrow + wide, "windows-1252", 1},
		{"odd-ansi-then-utf16", "x" + ansi + le, "x" + narrow + wide, "windows-1252", 1},
		{"utf8-then-utf16-with-mark", narrow + "\xff\xfe" + le, narrow + wide, "utf-8", 1},
		{"ansi-then-utf16be-with-mark", ansi + "\xfe\xff" + be, narrow + wide, "windows-1252", 1},
		{"mark-and-no-ascii-at-once", narrow + "\xff\xfe" + string(utf16Bytes("Ошибка установки\r\n"+wide, false)), narrow + "Ошибка установки\r\n" + wide, "utf-8", 1},
		{"utf16-then-ansi", "\xff\xfe" + le + ansi, wide + narrow, "utf-16le", 1},
		{"utf16be-then-ansi", "\xfe\xff" + be + ansi, wide + narrow, "utf-16be", 1},
		{"back-and-forth", "\xff\xfe" + le + ansi + le + "x" + ansi + "\xff\xfe" + le, wide + narrow + wide + "x" + narrow + wide, "utf-16le", 4},
		{"short-end", "\xff\xfe" + le + "=== Logging stopped: 3/8/2012 ===", wide + "=== Logging stopped: 3/8/2012 ===", "utf-16le", 1},
		{"second-mark", "\xff\xfe" + le + "\xff\xfe" + le, wide + wide, "utf-16le", 0},
		{"half-a-mark-at-the-end", narrow + "\xff", strings.Replace(narrow, "ü", "ü", 1) + "ÿ", "utf-8", 0},
		{"chinese-is-no-splice", "\xff\xfe" + string(utf16Bytes(strings.Repeat("昔者莊周夢為胡蝶栩栩然胡蝶也\n", 20), false)), strings.Repeat("昔者莊周夢為胡蝶栩栩然胡蝶也\n", 20), "utf-16le", 0},
		{"zeros-are-no-splice", "a log\r\n" + string(make([]byte, 200)) + "goes on\r\n", "a log\r\n" + string(make([]byte, 200)) + "goes on\r\n", "utf-8", 0},
	} {
		for _, piece := range []int{1, 3, 64, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, piece), func(t *testing.T) {
				enc, bom, _ := textEncoding([]byte(tt.in))
				if enc == encUTF16LE && bom == 0 || enc == encUTF16BE && bom == 0 {
					enc = "" // what the head shows depends on how much of each part stands in it; here the first part comes first
				}
				got, d := decodeFrom([]byte(tt.in), piece, pageOf(1252, defaultANSI), enc, bom)
				if got != tt.want || d.name() != tt.enc || d.changes != tt.changes || d.damaged > 0 && d.changes > 0 {
					t.Errorf("got %q in %s, %d changes, %d damaged; want %q in %s, %d", got, d.name(), d.changes, d.damaged, tt.want, tt.enc, tt.changes)
				}
			})
		}
	}
}

// TestDecodeSplicedHead: whatever the head of a spliced text is taken for, its parts are read.
func TestDecodeSplicedHead(t *testing.T) {
	narrow := strings.Repeat("=== Logging started: 3/8/2012  21:16:41 === and more of it\r\n", 9)
	wide := strings.Repeat("MSI (s) (40:94) [21:16:55:233]: Executing op\r\n", 9)
	for _, in := range []string{narrow + string(utf16Bytes(wide, false)), "x" + narrow + string(utf16Bytes(wide, false))} {
		got, d := decodeAll([]byte(in), 1<<20, pageOf(1252, defaultANSI))
		if want := narrow + wide; strings.TrimPrefix(got, "x") != want || d.changes == 0 {
			t.Errorf("%d changes: %q", d.changes, got)
		}
	}
}

func TestDecodeDamage(t *testing.T) {
	text := strings.Repeat("fünf\r\n", 100) + "l\xfcge\r\n" + strings.Repeat("fünf\x00\r\n", 3)
	got, d := decodeAll([]byte(text), 1<<20, pageOf(1252, defaultANSI))
	if want := strings.ReplaceAll(text, "\xfc", "ü"); got != want {
		t.Errorf("got %q", got)
	}
	if d.damageAt != 101 || d.nuls != 3 || d.nulAt != 102 {
		t.Errorf("damage in line %d, %d NULs from line %d; want 101, 3, 102", d.damageAt, d.nuls, d.nulAt)
	}
}

func TestEveryCodePage(t *testing.T) {
	for i := range codePages {
		p := &codePages[i]
		t.Run(p.name, func(t *testing.T) {
			if n := utf8.RuneCountInString(p.high); p.high != "" && n != 128 {
				t.Fatalf("the table has %d characters", n)
			}
			var all []byte
			for c := 0x20; c < 0x100; c++ {
				all = append(all, byte(c))
			}
			got, n := newPageDecoder(p).append(nil, all, true)
			if n != len(all) || !utf8.Valid(got) {
				t.Errorf("took %d of %d bytes, valid %v", n, len(all), utf8.Valid(got))
			}
			if !strings.HasPrefix(string(got), " !\"#$") {
				t.Errorf("ASCII is not itself: %q", got[:16])
			}
			if p.multi == nil && utf8.RuneCount(got) != len(all) {
				t.Errorf("%d bytes became %d characters", len(all), utf8.RuneCount(got))
			}
		})
	}
}

func TestTextEncoding(t *testing.T) {
	random := make([]byte, 4096)
	src := rand.NewChaCha8([32]byte{1})
	if _, err := src.Read(random); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		in   string
		enc  string
		text bool
	}{
		{"log", "line one\r\nline two\r\n", "", true},
		{"random", string(random), "", false},
		{"zeros", string(make([]byte, 4096)), "", false},
		{"program", "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00" + string(make([]byte, 64)), "", false},
		{"database", "SQLite format 3\x00\x10\x00\x01\x01\x00@  \x00\x00\x00\x1b\x00\x00\x00\x08\x00\x00\x00\x05\x00\x00\x00\x03", "", false},
		{"log-with-a-tail-of-zeros", "12:00:01 started\r\n" + string(make([]byte, 4000)), "", true},
		{"log-with-a-few-nuls", "12:00:01 sta\x00rted\r\n12:00:02 st\x00opped\r\n", "", true},
		{"cyrillic", strings.Repeat("\xce\xf8\xe8\xe1\xea\xe0 1\r\n", 9), "", true},
		{"escapes", "\x1b[31mred\x1b[0m\r\n", "", true},
		{"short-utf16", "o\x00k\x00", "utf-16le", true},
		{"utf16-with-zeros-at-the-end", string(utf16Bytes("12:00:01 started\r\n12:00:02 stopped\r\n", false)) + string(make([]byte, 20)), "utf-16le", true},
		{"two-byte-integers", "\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00", "", false},
		{"mark-and-noise", "\xff\xfe\x01\x00\x02\x00\x03\x00\x04\x00", "utf-16le", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			enc, _, text := textEncoding([]byte(tt.in))
			if enc != tt.enc || text != tt.text {
				t.Errorf("got %q, text %v; want %q, %v", enc, text, tt.enc, tt.text)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("ü\r\n\xfcber\r\n"), uint16(3), uint16(1252))
	f.Add([]byte("\xff\xfea\x00\x34\xd8\x1e\xdd"), uint16(1), uint16(0))
	f.Add([]byte("\x83\x47\x83\x89 1\r\n"), uint16(2), uint16(932))
	f.Add([]byte("\xfe\xff\x00a\xd8\x34"), uint16(5), uint16(1251))
	f.Add([]byte("\xff\xfe\xff000000000000000000000000000000000"), uint16(55), uint16(15))
	f.Fuzz(func(t *testing.T, data []byte, piece, page uint16) {
		if len(data) > 8<<10 {
			t.Skip("pieces of one byte make long inputs slow")
		}
		cp := pageOf(int(page), defaultANSI)
		text, d := decodeAll(data, int(piece)%4096+1, cp)
		if !utf8.ValidString(text) {
			t.Fatalf("the text is not UTF-8: %q", text)
		}
		if d.start != d.fill {
			t.Fatalf("%d bytes stay undecoded", d.fill-d.start)
		}
		if d.changes > 0 || strings.Contains(text, "\uFEFF") || bytes.Contains(data, []byte("\xff\xfe")) || bytes.Contains(data, []byte("\xfe\xff")) {
			return // parts of several encodings, or marks that are dropped
		}
		if strings.Count(text, "\n") < bytes.Count(data, newline) && d.encoding != encUTF16LE && d.encoding != encUTF16BE && cp.multi == nil {
			t.Fatal("line ends are lost")
		}
		switch enc, bom, _ := textEncoding(data[:min(len(data), headSize)]); {
		case d.encoding == encUTF16LE || d.encoding == encUTF16BE:
			if n := len(utf16.Encode([]rune(text))); n != (len(data)-bom+1)/2 {
				t.Fatalf("%d bytes of %s became %d units", len(data)-bom, enc, n)
			}
		case d.encoding == encUTF8 && d.damaged == 0 || d.encoding == "":
			if text != string(data[bom:]) {
				t.Fatalf("UTF-8 %q became %q", data[bom:], text)
			}
		case d.encoding == cp.name && cp.multi == nil:
			if n := utf8.RuneCountInString(text); n != len(data) {
				t.Fatalf("%d bytes became %d characters", len(data), n)
			}
		}
	})
}

func BenchmarkDecodeUTF16(b *testing.B) {
	data := utf16Bytes(strings.Repeat("MSI (s) (40:94) [21:16:55:233]: Executing op: FileCopy(SourceName=setup.exe)\r\n", 1600), false)
	var d decoder
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	d.reset(encUTF16LE, pageOf(0, defaultANSI))
	for b.Loop() {
		copy(d.space(len(data)), data)
		d.decode(len(data), false)
		d.take(len(d.text()), 0)
	}
}

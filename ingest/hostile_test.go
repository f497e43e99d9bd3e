package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
)

// rawEntry is a zip member of which a test controls every field.
type rawEntry struct {
	name     string
	flags    uint16
	method   uint16
	crc      uint32
	size     uint32 // declared
	packed   []byte
	extra    []byte
	attrs    uint32
	at       int // where the header is said to be; 0 means where it is
	packedAs int // how many packed bytes are declared; 0 means as many as there are
}

// rawZip writes a zip of raw entries, without correcting them.
func rawZip(entries ...rawEntry) []byte {
	var b, dir bytes.Buffer
	le := binary.LittleEndian
	for _, e := range entries {
		at := uint32(b.Len())
		if e.at != 0 {
			at = uint32(e.at)
		}
		packed := uint32(len(e.packed))
		if e.packedAs != 0 {
			packed = uint32(e.packedAs)
		}
		var h []byte
		h = le.AppendUint16(h, 20)
		h = le.AppendUint16(h, e.flags)
		h = le.AppendUint16(h, e.method)
		h = le.AppendUint32(h, 0x3e345000) // 2011-01-20 10:00
		h = le.AppendUint32(h, e.crc)
		h = le.AppendUint32(h, packed)
		h = le.AppendUint32(h, e.size)
		h = le.AppendUint16(h, uint16(len(e.name)))
		h = le.AppendUint16(h, uint16(len(e.extra)))
		b.WriteString("PK\x03\x04")
		b.Write(h)
		b.WriteString(e.name)
		b.Write(e.extra)
		b.Write(e.packed)
		dir.WriteString("PK\x01\x02\x14\x03")
		dir.Write(h)
		dir.Write(make([]byte, 6))
		dir.Write(le.AppendUint32(nil, e.attrs))
		dir.Write(le.AppendUint32(nil, at))
		dir.WriteString(e.name)
		dir.Write(e.extra)
	}
	at := uint32(b.Len())
	b.Write(dir.Bytes())
	b.WriteString("PK\x05\x06\x00\x00\x00\x00")
	var end []byte
	end = le.AppendUint16(end, uint16(len(entries)))
	end = le.AppendUint16(end, uint16(len(entries)))
	end = le.AppendUint32(end, uint32(dir.Len()))
	end = le.AppendUint32(end, at)
	b.Write(append(end, 0, 0))
	return b.Bytes()
}

// plainEntry is a stored member without fault.
func plainEntry(name, body string) rawEntry {
	return rawEntry{name: name, size: uint32(len(body)), packed: []byte(body), crc: crc32.ChecksumIEEE([]byte(body))}
}

// deflated packs body.
func deflated(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// change returns e after f changed it.
func change(e rawEntry, f func(*rawEntry)) rawEntry {
	f(&e)
	return e
}

func TestHostileZip(t *testing.T) {
	log := strings.Repeat("12:00 something happened\r\n", 40)
	packedLog := deflated(t, []byte(log))
	logEntry := rawEntry{name: "a.log", method: zipDeflate, size: uint32(len(log)), packed: packedLog, crc: crc32.ChecksumIEEE([]byte(log))}
	ok := plainEntry("ok.log", "fine\n")
	const okLine = "ok.log text/plain 5"
	tests := []struct {
		name string
		zip  []byte
		want []string
	}{
		{"absolute-and-parent-names", rawZip(plainEntry("/etc/passwd", "x\n"), plainEntry("../../up.log", "x\n"), plainEntry(`C:\Windows\w.log`, "x\n"), ok), []string{
			"C/Windows/w.log text/plain 2", "etc/passwd text/plain 2", okLine, "up.log text/plain 2",
			`! C/Windows/w.log [open] the name "C:\\Windows\\w.log" is an absolute path; the member is called "C/Windows/w.log" here`,
			`! etc/passwd [open] the name "/etc/passwd" is an absolute path; the member is called "etc/passwd" here`,
			`! up.log [open] the name "../../up.log" leaves its folder by ..; the member is called "up.log" here`,
		}},
		{"duplicates-and-case", rawZip(plainEntry("a.log", "1\n"), plainEntry("A.log", "22\n"), plainEntry("a.log", "333\n")), []string{
			"A.log text/plain 3", "a.log text/plain 2", "a.log~2 text/plain 4",
			`! a.log~2 [open] another member has the same path "a.log"`,
		}},
		{"cp437-and-unicode-field", rawZip(plainEntry("\x81.log", "1\n"), change(plainEntry("?.log", "2\n"), func(e *rawEntry) { e.extra = unicodeField("?.log", "я.log") })), []string{
			"ü.log text/plain 2", "я.log text/plain 2",
		}},
		{"utf8-flag-on-cp437", rawZip(change(plainEntry("\x81.log", "1\n"), func(e *rawEntry) { e.flags = zipUTF8 })), []string{
			"ü.log text/plain 2",
			`! ü.log [open] the name "ü.log" claims to be UTF-8 and is not; the member is called "ü.log" here`,
		}},
		{"folders", rawZip(plainEntry("d/", ""), plainEntry(`e\`, ""), plainEntry("f/", "has bytes\n"), ok), []string{"f text/plain 10", okLine}},
		{"symbolic-link", rawZip(change(plainEntry("link", "/etc/passwd"), func(e *rawEntry) { e.attrs = 0o120777 << 16 }), ok), []string{
			okLine, "! link [open] a symbolic link, which is not followed",
		}},
		{"wrong-crc", rawZip(change(logEntry, func(e *rawEntry) { e.crc++ }), ok), []string{
			"a.log text/plain 1040 truncated", okLine,
			fmt.Sprintf("! a.log [read] damaged: its 1040 bytes have the CRC %08x, the archive says %08x", logEntry.crc, logEntry.crc+1),
		}},
		{"cut-deflate", rawZip(change(logEntry, func(e *rawEntry) { e.packed = e.packed[:len(e.packed)-6] }), ok), []string{
			"a.log text/plain 542 truncated", okLine, "! a.log [read] cut short: its packed bytes end after 542 bytes of it",
		}},
		{"corrupt-deflate", rawZip(change(logEntry, func(e *rawEntry) { e.packed = append([]byte{0xff}, e.packed[1:]...) }), ok), []string{
			"a.log binary 0 truncated", okLine, "! a.log [read] damaged after 0 bytes: flate: corrupt input before offset 1",
		}},
		{"stored-shorter-than-declared", rawZip(change(plainEntry("a.log", "abc\n"), func(e *rawEntry) { e.size = 9 }), ok), []string{
			"a.log text/plain 4 truncated", okLine, "! a.log [read] cut short: 4 of 9 bytes are there",
		}},
		{"longer-than-declared", rawZip(change(logEntry, func(e *rawEntry) { e.size = 9 }), ok), []string{"a.log text/plain 1040", okLine}},
		{"encrypted", rawZip(change(logEntry, func(e *rawEntry) { e.flags = zipEncrypted }), ok), []string{
			"a.log binary 0 truncated", okLine, "! a.log [read] encrypted, and no password was given: ask the sender for it and pass it with --password or --password-file",
		}},
		{"unknown-method", rawZip(change(logEntry, func(e *rawEntry) { e.method = 98 }), ok), []string{
			"a.log binary 0 truncated", okLine, "! a.log [read] packed by method 98, which is not read; unpack the archive and pass the folder",
		}},
		{"no-local-header", rawZip(change(logEntry, func(e *rawEntry) { e.at = 77 }), ok), []string{
			"a.log binary 0 truncated", okLine, "! a.log [read] its data is missing: the archive's directory points to no local header",
		}},
		{"header-behind-the-end", rawZip(change(logEntry, func(e *rawEntry) { e.at = 1 << 30 }), ok), []string{
			"a.log binary 0 truncated", okLine, "! a.log [read] its data is missing: the archive's directory points to no local header",
		}},
		{"directory-with-wrong-places", rawZip(change(plainEntry("a.log", "abc\n"), func(e *rawEntry) { e.at = 7 })), []string{
			"a.log text/plain 4",
			"!  [open] the zip is read in part: its directory at the end is damaged; members found by their own headers: 1",
		}},
		{"nested-that-is-none", rawZip(plainEntry("in.zip", "PK\x03\x04 and no more"), ok), []string{
			"in.zip archive/other 16", okLine,
			"! in.zip [open] the zip is cut short or damaged: it has no directory at its end and no member at its start; ask for it again",
		}},
		{"nested-cut", rawZip(plainEntry("in.zip", string(rawZip(ok, logEntry)[:60])), ok), []string{
			"in.zip archive 60 truncated", "in.zip/ok.log text/plain 5", okLine,
			"! in.zip [open] the zip is read in part: it is cut short: its directory, which stands at its end, is missing; members found by their own headers: 1",
		}},
		{"nested-names-that-leave", rawZip(plainEntry("in.zip", string(rawZip(plainEntry("../../x.log", "x\n"))))), []string{
			fmt.Sprintf("in.zip archive %d", len(rawZip(plainEntry("../../x.log", "x\n")))), "in.zip/x.log text/plain 2",
			`! in.zip/x.log [open] the name "../../x.log" leaves its folder by ..; the member is called "in.zip/x.log" here`,
		}},
		{"member-that-looks-nested", rawZip(plainEntry("in.zip", string(rawZip(ok))), plainEntry("in.zip/ok.log", "other\n")), []string{
			fmt.Sprintf("in.zip archive %d", len(rawZip(ok))), "in.zip/ok.log text/plain 5", "in.zip/ok.log~2 text/plain 6",
			`! in.zip/ok.log~2 [open] another member has the same path "in.zip/ok.log"`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _ := analyze(t, save(t, "t.zip", tt.zip), Options{})
			if diff := cmp.Diff(tt.want, summary(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeptBytes(t *testing.T) {
	log := strings.Repeat("12:00 something happened\r\n", 40)
	e := rawEntry{name: "a.log", method: zipDeflate, size: uint32(len(log)), packed: deflated(t, []byte(log)), crc: 1}
	c, got, _ := analyze(t, save(t, "t.zip", rawZip(e)), Options{})
	if got.text("a.log") != log || !c.Artifacts[0].Truncated {
		t.Error("what stands before the wrong CRC is not kept")
	}
	e.packed = e.packed[:len(e.packed)-6]
	_, got, _ = analyze(t, save(t, "t.zip", rawZip(e)), Options{})
	if text := got.text("a.log"); len(text) < 26 || !strings.HasPrefix(log, text) {
		t.Errorf("what stands before the break is not kept: %q", text)
	}
}

func TestOverlaps(t *testing.T) {
	body := deflated(t, bytes.Repeat([]byte("0123456789abcdef"), 1000))
	inner := rawZip(rawEntry{name: "inner", method: zipDeflate, size: 16000, packed: body})
	quoted := rawEntry{name: "quoting", method: zipStored, size: uint32(len(inner)), packed: inner}
	list := []rawEntry{
		{name: "a.log", method: zipDeflate, size: 16000, packed: body, crc: crc32.ChecksumIEEE(bytes.Repeat([]byte("0123456789abcdef"), 1000))},
		{name: "b.log", method: zipDeflate, size: 16000, packedAs: len(body)},
		quoted,
		{name: "within", method: zipDeflate, size: 16000, packedAs: len(body)},
	}
	// b.log points to the header of a.log, within to the header inside the stored member quoting.
	data := rawZip(list...)
	at := bytes.Index(data, inner)
	list[3].at = at
	data = rawZip(list...)
	dir := bytes.Index(data[at+len(inner):], []byte("PK\x01\x02")) + at + len(inner)
	second := dir + 46 + len("a.log")
	binary.LittleEndian.PutUint32(data[second+42:], 0)
	c, _, _ := analyze(t, save(t, "t.zip", data), Options{})
	got := strings.Join(summary(c), "\n")
	for _, want := range []string{
		"a.log text/plain 16000\n", "b.log binary 0 truncated", "within binary 0 truncated",
		`! b.log [read] not read: its packed bytes at 35 are also those of "a.log", which only a damaged or malicious archive has`,
		`are also those of "quoting"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestBombs(t *testing.T) {
	zeros := func(n int) []byte { return deflated(t, make([]byte, n)) }
	ok := plainEntry("ok.log", "fine\n")
	const okLine = "ok.log text/plain 5"
	bomb := func(name string, n int) rawEntry {
		return rawEntry{name: name, method: zipDeflate, size: uint32(n), packed: zeros(n), crc: crc32.ChecksumIEEE(make([]byte, n))}
	}
	deep := rawZip(ok)
	for range 7 {
		deep = rawZip(plainEntry("n.zip", string(deep)))
	}
	tests := []struct {
		name   string
		zip    []byte
		limits Limits
		want   []string
	}{
		{"ratio", rawZip(bomb("0.bin", 80<<20), ok), Limits{}, []string{
			"0.bin binary 67141632 truncated", okLine, // a little above ratioFrom
			"! 0.bin [limit] reached the limit of 1000 bytes for each packed byte of a member; --max-ratio raises it",
		}},
		{"member", rawZip(bomb("0.bin", 2<<20), ok), Limits{MaxMember: 1 << 20}, []string{
			"0.bin binary 1048576 truncated", okLine, "! 0.bin [limit] reached the limit of 1048576 bytes for one member; --max-member raises it",
		}},
		{"member-of-just-that-size", rawZip(bomb("0.bin", 1<<20), ok), Limits{MaxMember: 1 << 20}, []string{"0.bin binary 1048576", okLine}},
		{"flat", rawZip(bomb("0.bin", 1<<20), bomb("1.bin", 1<<20), bomb("2.bin", 1<<20), ok), Limits{MaxBytes: 1500 << 10}, []string{
			"0.bin binary 1048576", "1.bin binary 487419 truncated", "2.bin binary 0 truncated", okLine,
			"!  [limit] members that were not read: 1; the upload reached the limit of 1536000 bytes for all members together; --max-bytes raises it",
			"! 1.bin [limit] reached the limit of 1536000 bytes for all members together; --max-bytes raises it",
		}},
		{"declares-little", rawZip(change(bomb("0.bin", 1<<20), func(e *rawEntry) { e.size = 1 }), ok), Limits{MaxBytes: 1 << 10}, []string{
			"0.bin binary 510 truncated", okLine, "! 0.bin [limit] reached the limit of 1024 bytes for all members together; --max-bytes raises it",
		}},
		{"declares-much", rawZip(change(plainEntry("0.log", "x\n"), func(e *rawEntry) { e.size = 1 << 31 }), ok), Limits{MaxBytes: 1 << 10}, []string{
			"0.log text/plain 2 truncated", okLine, "! 0.log [read] cut short: 2 of 2147483648 bytes are there",
		}},
		{"files", rawZip(plainEntry("a", "1\n"), plainEntry("b", "2\n"), plainEntry("c", "3\n")), Limits{MaxFiles: 2}, []string{
			"a text/plain 2", "b text/plain 2", "!  [limit] more than 2 members, or very long paths; the rest is not read; --max-files raises the limit",
		}},
		{"many-files", rawZip(plainEntry("a", "1\n"), plainEntry("b", "2\n"), plainEntry("c", "3\n"), plainEntry("d", "4\n")), Limits{MaxFiles: 2}, []string{
			"a text/plain 2", "b text/plain 2", "!  [limit] more than 2 members, or very long paths; the rest is not read; --max-files raises the limit",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, _ := analyze(t, save(t, "t.zip", tt.zip), Options{Limits: tt.limits})
			if diff := cmp.Diff(tt.want, summary(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("names", func(t *testing.T) {
		var list []rawEntry
		for range 20_000 {
			list = append(list, rawEntry{name: "same"})
		}
		for range 300 {
			list = append(list, rawEntry{name: strings.Repeat("../x", 10_000)})
		}
		c, _, _ := analyze(t, save(t, "t.zip", rawZip(list...)), Options{})
		if len(c.Artifacts) != 20_300 || len(c.Problems) != 102 {
			t.Errorf("%d artifacts, %d problems", len(c.Artifacts), len(c.Problems))
		}
	})
	t.Run("long-names", func(t *testing.T) {
		var list []rawEntry
		for range 300 {
			list = append(list, rawEntry{name: strings.Repeat("x", 60_000)})
		}
		c, _, _ := analyze(t, save(t, "t.zip", rawZip(list...)), Options{Limits: Limits{MaxFiles: 1000}})
		size := 0
		for _, a := range c.Artifacts {
			size += len(a.Path)
		}
		for _, p := range c.Problems {
			size += len(p.Artifact) + len(p.Message)
		}
		if size > 1<<20 || len(c.Problems) == 0 {
			t.Errorf("%d artifacts and %d problems hold %d bytes", len(c.Artifacts), len(c.Problems), size)
		}
	})
	t.Run("deep", func(t *testing.T) {
		c, _, _ := analyze(t, save(t, "t.zip", deep), Options{})
		got := summary(c)
		path := "n.zip" + strings.Repeat("/n.zip", 5)
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, path+" archive/other ") }) ||
			!slices.Contains(got, "! "+path+" [limit] not opened: archives are nested more than 5 deep; --max-depth raises the limit") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("nested-bytes", func(t *testing.T) {
		inner := rawZip(plainEntry("x.log", strings.Repeat("x\n", 4000)))
		data := makeZip(t, file{name: "in.zip", body: string(inner)}, file{name: "ok.log", body: "fine\n"})
		c, _, _ := analyze(t, save(t, "t.zip", data), Options{Limits: Limits{MaxMember: 4096}})
		got := summary(c)
		if !slices.Contains(got, "! in.zip [limit] reached the limit of 4096 bytes for one member; --max-member raises it") || !slices.Contains(got, okLine) {
			t.Errorf("got %q", got)
		}
	})
}

func TestSalvage(t *testing.T) {
	body := strings.Repeat("12:00 something happened\r\n", 4000)
	whole := makeZip(t, file{name: "a.log", body: body}, file{name: "ü.log", body: body, set: stored}, file{name: "c.log", body: body})
	cut := whole[:len(whole)-250]
	c, got, b := analyze(t, save(t, "t.zip", cut), Options{})
	if got.text("a.log") != body {
		t.Errorf("a.log has %d of %d bytes", len(got.text("a.log")), len(body))
	}
	s := summary(c)
	if !slices.ContainsFunc(s, func(p string) bool {
		return strings.HasPrefix(p, "!  [open] the zip is read in part: it is cut short: its directory")
	}) {
		t.Errorf("got %q", s)
	}
	if b.SHA256 != sum(string(cut)) {
		t.Error("wrong SHA-256")
	}
	t.Run("damaged-in-the-middle", func(t *testing.T) {
		damaged := slices.Clone(cut)
		second := bytes.Index(damaged, []byte("ü.log"))
		copy(damaged[second-localHeaderLen:], "????") // the header of ü.log
		_, got, _ := analyze(t, save(t, "t.zip", damaged), Options{})
		if got.text("a.log") != body || !strings.HasPrefix(body, got.text("c.log")) || got.text("c.log") == "" {
			t.Errorf("a.log has %d, c.log %d bytes", len(got.text("a.log")), len(got.text("c.log")))
		}
	})
	t.Run("something-before-it", func(t *testing.T) {
		_, got, _ := analyze(t, save(t, "t.zip", append([]byte("MZ junk PK\x03\x04 junk"), cut...)), Options{})
		if got.text("a.log") != body {
			t.Errorf("a.log has %d bytes", len(got.text("a.log")))
		}
	})
	t.Run("sizes-in-the-headers", func(t *testing.T) {
		data := rawZip(plainEntry("a.log", "1\n"), plainEntry("b.log", "22\n"), plainEntry("c.log", "333\n"))
		c, got, _ := analyze(t, save(t, "t.zip", data[:bytes.Index(data, []byte("PK\x01\x02"))-2]), Options{})
		if got.text("b.log") != "22\n" || got.text("c.log") != "33" || !c.Artifacts[2].Truncated {
			t.Errorf("got %q", summary(c))
		}
	})
}

// FuzzOpenZip opens arbitrary bytes as an upload. It must neither panic nor hang, and paths and records must hold what they promise.
func FuzzOpenZip(f *testing.F) {
	f.Add(makeZip(f, file{name: "a.log", body: "one\ntwo\n"}, file{name: "in.zip", body: string(makeZip(f, file{name: "b", body: "x"}))}))
	f.Add(rawZip(plainEntry("../a", "1\n"), plainEntry("a\x00", "2\n")))
	f.Add(makeZip(f, file{name: "u.log", body: "\xff\xfea\x00\n\x00"})[:60])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := dir + "/t.zip"
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Limits: Limits{MaxBytes: 1 << 20, MaxFiles: 50}}
		got := &collector{}
		opt.NewSink = got.sink
		b, err := Open(t.Context(), path, opt)
		if err != nil {
			return
		}
		defer b.Close() //nolint:errcheck // TestReadZip looks at it
		c, err := Read(context.Background(), []*Bundle{b}, opt)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		total := int64(0)
		for _, a := range c.Artifacts {
			if !fs.ValidPath(a.Path) || seen[a.Path] {
				t.Errorf("path %q", a.Path)
			}
			seen[a.Path] = true
			total += a.Bytes
			line := 1
			if s := got.texts[a.Path]; s != nil {
				for _, r := range s.records {
					if r.Line != line {
						t.Fatalf("%s: record at line %d, want %d", a.Path, r.Line, line)
					}
					line += bytes.Count(r.Raw, newline)
				}
			}
		}
		if len(c.Artifacts) > 50 {
			t.Errorf("%d artifacts", len(c.Artifacts))
		}
	})
}

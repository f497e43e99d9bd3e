package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// sevenZipOf makes an archive without data whose header is given.
func sevenZipOf(header ...byte) []byte {
	le := binary.LittleEndian
	var next []byte
	next = le.AppendUint64(next, 0)
	next = le.AppendUint64(next, uint64(len(header)))
	next = le.AppendUint32(next, crc32.ChecksumIEEE(header))
	out := []byte("7z\xbc\xaf\x27\x1c\x00\x04")
	out = le.AppendUint32(out, crc32.ChecksumIEEE(next))
	return slices.Concat(out, next, header)
}

// TestHostileHeaders opens archives whose headers declare what they don't have. None may cost memory.
func TestHostileHeaders(t *testing.T) {
	big := []byte{0xF0, 0xFF, 0xFF, 0xFF, 0xFF} // 4,294,967,295
	const none = "the 7z archive can't be read: damaged: its header is not that of a 7z archive"
	files := "the 7z archive can't be read: it declares 4294967295 members, more than 200000; --max-files raises the limit"
	lzma := append([]byte{propHeader, propStreams, propPack, 0, 1, propSize, 4, propEnd, propUnpack, propFolder, 1, 0, 1, 0x23, 3, 1, 1, 5, 0x5d}, 0xff, 0xff, 0xff, 0xff)
	lzma = append(lzma, propUnpackSize, 0xF0, 0xff, 0xff, 0xff, 0x7f, propEnd, propEnd, propFiles, 1, propEnd, propEnd)
	const block = "\x02\x00\x21\x01\x28\x00\x00\x00" // of xz: LZMA2 with a dictionary of 4 GiB
	tests := []struct {
		name string
		data []byte
		want string // the error of Open, or the first problem
	}{
		{"7z-files", sevenZipOf(slices.Concat([]byte{propHeader, propFiles}, big, []byte{propEnd, propEnd})...), files},
		{"7z-pack-streams", sevenZipOf(slices.Concat([]byte{propHeader, propStreams, propPack, 0}, big, []byte{propCRC, 1, 0, 0})...), none},
		{"7z-folders", sevenZipOf(slices.Concat([]byte{propHeader, propStreams, propUnpack, propFolder}, big, []byte{0, 0, 0})...), none},
		{"7z-properties", sevenZipOf(slices.Concat([]byte{propHeader, propStreams, propUnpack, propFolder, 1, 0, 1, 0x21, 0x21}, big, []byte{0, 0, 0})...), none},
		{"7z-dictionary", sevenZipOf(lzma...), "it asks for a dictionary of 2147483647 bytes, more than 268435456; unpack it and pass the folder"},
		{"7z-header-behind-the-end", append(sevenZipOf(propHeader)[:12], bytes.Repeat([]byte{0xff}, 30)...), "the 7z archive can't be read: damaged: its first header has a wrong CRC"},
		{"7z-cut", sevenZipOf(propHeader, propEnd)[:33], "the 7z archive can't be read: cut short: its header should stand at byte 32, and it ends at 33; ask for it again"},
		{"xz-dictionary", binary.LittleEndian.AppendUint32([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"+block), crc32.ChecksumIEEE([]byte(block))), "the xz data can't be read: damaged at its beginning: xz: LZMA2 dictionary size exceeds max"},
		{"cab-files", append(makeCab(t, false)[:28], 0xff, 0xff, 0, 0, 0, 0, 0, 0), "the cabinet can't be read: damaged: its header is not that of a cabinet"},
		{"tar-size", func() []byte {
			b := makeTar(t, member1("a.log", "one\n"))
			copy(b[124:], "77777777777\x00")
			sum := int64(0)
			copy(b[148:], "        ")
			for _, c := range b[:512] {
				sum += int64(c)
			}
			copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
			return b
		}(), "cut short: 1536 of 8589934591 bytes are there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			path := save(t, "t.bin", tt.data)
			b, err := Open(t.Context(), path, Options{})
			var got []string
			if err != nil {
				var open *OpenError
				if !errors.As(err, &open) {
					t.Fatal(err)
				}
				got = []string{open.Reason()}
			} else {
				c, err := Read(t.Context(), []*Bundle{b}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range c.Problems {
					got = append(got, p.Message)
				}
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, tt.want) }) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 64<<20 {
				t.Errorf("%d bytes were allocated", after.TotalAlloc-before.TotalAlloc)
			}
		})
	}
}

// TestDepth nests packed tars in each other and a packed file in itself.
func TestDepth(t *testing.T) {
	data := gzipped(t, "", makeTar(t, member1("ok.log", "fine\n")))
	for range 7 {
		data = gzipped(t, "", makeTar(t, member1("n.tgz", string(data))))
	}
	c, _, _ := analyze(t, save(t, "t.tgz", data), Options{})
	path := "n.tgz" + strings.Repeat("/n.tgz", 5)
	if s := summary(c); !slices.Contains(s, "! "+path+" [limit] not opened: archives are nested more than 5 deep; --max-depth raises the limit") {
		t.Errorf("got %q", s)
	}
	data = []byte("one\n")
	for range 9 {
		data = gzipped(t, "", data)
	}
	c, _, _ = analyze(t, save(t, "x.gz", data), Options{})
	if s := summary(c); len(c.Artifacts) != 6 || !strings.Contains(s[len(s)-1], "nested more than 5 deep") {
		t.Errorf("got %q", s)
	}
}

// TestInterrupted ends the reading of every kind of container when the context does.
func TestInterrupted(t *testing.T) {
	zeros := strings.Repeat("0123456789abcdef\n", 4<<20)
	for name, data := range map[string][]byte{
		"t.tgz": gzipped(t, "", makeTar(t, member1("a.log", zeros))),
		"t.zst": zstandard(t, []byte(zeros)),
		"t.cab": makeCab(t, true, file{name: "a.log", body: zeros[:1<<20]}),
		"t.zip": makeZip(t, file{name: "in.tgz", body: string(gzipped(t, "", makeTar(t, member1("a.log", zeros))))}),
	} {
		t.Run(name, func(t *testing.T) {
			path := save(t, name, data)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := Open(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			b, err := Open(ctx, path, Options{})
			if err == nil {
				_, err = Read(ctx, []*Bundle{b}, Options{})
				_ = b.Close() // temporary files are gone already, or go now
			}
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestReservedNames keeps names that Windows reserves: they are text, and never become a file.
func TestReservedNames(t *testing.T) {
	c, _, _ := analyze(t, save(t, "t.zip", rawZip(plainEntry("CON", "1\n"), plainEntry("aux.log", "2\n"), plainEntry("a.log:stream", "3\n"), plainEntry("x. ", "4\n"), change(plainEntry("a\u202Egol.exe", "5\n"), func(e *rawEntry) { e.flags = zipUTF8 }), plainEntry("n\x00ul", "6\n"))), Options{})
	want := []string{
		"CON text/plain 2", "a.log:stream text/plain 2", "aux.log text/plain 2", "a\uFFFDgol.exe text/plain 2", "n\uFFFDul text/plain 2", "x.  text/plain 2",
	}
	got := summary(c)
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%q is not in %q", w, got)
		}
	}
}

// TestManyMembers reads an upload of 100,000 small members.
func TestManyMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	var list []rawEntry
	for i := range 100_000 {
		list = append(list, plainEntry(fmt.Sprintf("logs/%03d/%d.log", i%500, i), "x\n"))
	}
	// The end record counts 16 bits of entries: without zip64 the number is wrong, as in the zips of careless programs.
	c, _, _ := analyze(t, save(t, "t.zip", rawZip(list...)), Options{})
	if len(c.Artifacts) < 100_000%65536 {
		t.Errorf("%d artifacts", len(c.Artifacts))
	}
	var members []tarMember
	for i := range 100_000 {
		members = append(members, member1(fmt.Sprintf("logs/%03d/%d.log", i%500, i), "x\n"))
	}
	c, _, _ = analyze(t, save(t, "t.tgz", gzipped(t, "", makeTar(t, members...))), Options{})
	if len(c.Artifacts) != 100_000 || len(c.Problems) > 0 {
		t.Errorf("%d artifacts, %d problems", len(c.Artifacts), len(c.Problems))
	}
}

// cfbNode is a storage or a stream of a compound file that a test makes.
type cfbNode struct {
	name     string
	data     string
	children []cfbNode
}

// makeCFB writes a compound file of version 3. Siblings are a chain to the right; every stream is in the mini stream if it is shorter than its cutoff.
func makeCFB(nodes ...cfbNode) []byte {
	le := binary.LittleEndian
	type entry struct {
		cfbEntry
		data string
	}
	entries := []entry{{cfbEntry: cfbEntry{name: "Root Entry", kind: cfbRoot, left: ^uint32(0), right: ^uint32(0), child: ^uint32(0)}}}
	var add func(nodes []cfbNode) uint32
	add = func(nodes []cfbNode) uint32 {
		if len(nodes) == 0 {
			return ^uint32(0)
		}
		i := len(entries)
		n := nodes[0]
		e := entry{cfbEntry: cfbEntry{name: n.name, kind: cfbStream, left: ^uint32(0), right: ^uint32(0), child: ^uint32(0)}, data: n.data}
		entries = append(entries, e)
		if n.children != nil {
			entries[i].kind = cfbStorage
			entries[i].child = add(n.children)
		}
		entries[i].right = add(nodes[1:])
		return uint32(i)
	}
	entries[0].child = add(nodes)
	var mini, body []byte
	var miniFAT, fat []uint32
	chain := func(fat []uint32, sectors int) []uint32 {
		for i := range sectors {
			next := uint32(len(fat) + 1)
			if i == sectors-1 {
				next = 0xFFFFFFFE
			}
			fat = append(fat, next)
		}
		return fat
	}
	put := func(data []byte) uint32 {
		start := uint32(len(fat))
		fat = chain(fat, (len(data)+511)/512)
		body = append(body, data...)
		body = append(body, make([]byte, -len(data)&511)...)
		return start
	}
	for i := range entries {
		e := &entries[i]
		e.size = int64(len(e.data))
		switch {
		case e.kind != cfbStream:
		case len(e.data) >= cfbMiniMaximum:
			e.start = put([]byte(e.data))
		default:
			e.start = uint32(len(miniFAT))
			miniFAT = chain(miniFAT, (len(e.data)+63)/64)
			mini = append(mini, e.data...)
			mini = append(mini, make([]byte, -len(e.data)&63)...)
		}
	}
	entries[0].start, entries[0].size = put(mini), int64(len(mini))
	var table []byte
	for _, s := range miniFAT {
		table = le.AppendUint32(table, s)
	}
	miniStart := put(table)
	var dir []byte
	for _, e := range entries {
		var b [cfbEntryLen]byte
		units := utf16.Encode([]rune(e.name))
		for i, u := range units {
			le.PutUint16(b[2*i:], u)
		}
		le.PutUint16(b[64:], uint16(2*len(units)+2))
		b[66] = e.kind
		le.PutUint32(b[68:], e.left)
		le.PutUint32(b[72:], e.right)
		le.PutUint32(b[76:], e.child)
		le.PutUint32(b[116:], e.start)
		le.PutUint32(b[120:], uint32(e.size))
		dir = append(dir, b[:]...)
	}
	dirStart := put(dir)
	fatStart := uint32(len(fat))
	fat = append(fat, 0xFFFFFFFD)
	table = nil
	for _, s := range fat {
		table = le.AppendUint32(table, s)
	}
	body = append(body, append(table, bytes.Repeat([]byte{0xff}, -len(table)&511)...)...)
	var h [cfbHeaderLen]byte
	copy(h[:], cfbSignature)
	le.PutUint16(h[26:], 3)
	le.PutUint16(h[30:], 9)
	le.PutUint16(h[32:], 6)
	le.PutUint32(h[44:], 1)
	le.PutUint32(h[48:], dirStart)
	le.PutUint32(h[56:], cfbMiniMaximum)
	le.PutUint32(h[60:], miniStart)
	le.PutUint32(h[68:], 0xFFFFFFFE)
	for i := range cfbInHeader {
		le.PutUint32(h[76+4*i:], ^uint32(0))
	}
	le.PutUint32(h[76:], fatStart)
	return append(h[:], body...)
}

// unicodeProperty is a text property of a mail.
func unicodeProperty(tag, text string) cfbNode {
	return cfbNode{name: msgPrefix + tag + msgUnicode, data: string(utf16Bytes(text, false))}
}

func TestMsg(t *testing.T) {
	log := strings.Repeat("12:00 something happened\r\n", 400)
	data := makeCFB(
		unicodeProperty(msgSubject, "Agent läuft nicht"), unicodeProperty(msgFrom, "Support"), unicodeProperty(msgBody, "Grüße\r\n"),
		cfbNode{name: msgAttachment + "00000000", children: []cfbNode{
			unicodeProperty(msgLongName, `..\a.log`), {name: msgPrefix + msgData + msgBinary, data: log},
		}},
		cfbNode{name: msgAttachment + "00000001", children: []cfbNode{
			{name: msgPrefix + msgData + msgEmbedded, children: []cfbNode{unicodeProperty(msgSubject, "inner"), {name: msgPrefix + msgBody + msgANSI, data: "inside"}}},
		}},
	)
	c, got, b := analyze(t, save(t, "ticket.msg", data), Options{})
	want := []string{
		fmt.Sprintf("ticket.msg archive %d", len(data)),
		fmt.Sprintf("ticket.msg/.._a.log text/plain %d", len(log)),
		"ticket.msg/message.txt text/plain 52",
		"ticket.msg/part-2/message.txt text/plain 22",
	}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	if b.Format != FormatFile || got.text("ticket.msg/.._a.log") != log || got.text("ticket.msg/message.txt") != "From: Support\nSubject: Agent läuft nicht\n\nGrüße\r\n" {
		t.Errorf("%s: got %q", b.Format, got.text("ticket.msg/message.txt"))
	}
	cut := data[:len(data)-512] // the FAT is gone
	if c, _, _ := analyze(t, save(t, "cut.msg", cut), Options{}); len(c.Problems) == 0 {
		t.Errorf("got %q", summary(c))
	}
}

// FuzzMsg opens arbitrary bytes as a compound file.
func FuzzMsg(f *testing.F) {
	f.Add(makeCFB(unicodeProperty(msgSubject, "x"), cfbNode{name: msgAttachment + "00000000", children: []cfbNode{{name: msgPrefix + msgData + msgBinary, data: strings.Repeat("x\n", 3000)}}}))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "t.msg")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Limits: Limits{MaxBytes: 1 << 20, MaxFiles: 50}}
		b, err := Open(t.Context(), path, opt)
		if err != nil {
			return
		}
		defer b.Close() //nolint:errcheck // TestSpool looks at it
		if _, err := Read(t.Context(), []*Bundle{b}, opt); err != nil {
			t.Fatal(err)
		}
	})
}

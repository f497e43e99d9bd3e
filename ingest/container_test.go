package ingest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// makeTar packs headers with their bodies, in order.
func makeTar(t testing.TB, members ...tarMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		h.Size = int64(len(m.body))
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type tarMember struct {
	tar.Header
	body string
}

func member1(name, body string) tarMember { return tarMember{tar.Header{Name: name}, body} }

// gzipped packs data.
func gzipped(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = name
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// xzipped packs data.
func xzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zstandard packs data.
func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// bzipped is "one\ntwo\n" as bzip2 packs it.
const bzipped = "BZh91AY&SY\xa7\x14+w\x00\x00\x02\xc1\x80\x00\x10\x02\x01\x84\x80 \x00!\x80\x0c\x028\xf5\x1b\x8b\xb9\x22\x9c(HS\x8a\x15\xbb\x80"

func TestContainers(t *testing.T) {
	plain := makeTar(t, member1("logs/a.log", "one\n"), member1("logs/b.log", "two\n"))
	members := []string{"logs/a.log text/plain 4", "logs/b.log text/plain 4"}
	old := bytes.Clone(plain)
	tests := []struct {
		name   string
		file   string
		data   []byte
		format string
		want   []string
	}{
		{"tar", "t.tar", plain, FormatTar, members},
		{"tar-gz", "t.tar.gz", gzipped(t, "", plain), FormatTar, members},
		{"tgz-of-any-name", "upload", gzipped(t, "", plain), FormatTar, members},
		{"tar-xz", "t.txz", xzipped(t, plain), FormatTar, members},
		{"tar-zst", "t.tar.zst", zstandard(t, plain), FormatTar, members},
		{"tar-cut", "t.tar", old[:512+2], FormatTar, []string{
			"logs/a.log text/plain 2 truncated",
			"!  [read] the tar archive is read in part: cut short behind member 1",
			"! logs/a.log [read] cut short: 2 of 4 bytes are there",
		}},
		{"tar-gz-cut", "t.tar.gz", gzipped(t, "", makeTar(t, member1("a.log", strings.Repeat("0123456789\n", 40_000))))[:300], FormatTar, nil},
		{"gz", "a.log.gz", gzipped(t, "", []byte("one\n")), FormatFile, []string{"a.log.gz archive 28", "a.log.gz/a.log text/plain 4"}},
		{"gz-with-its-own-name", "upload", gzipped(t, "C:\\x\\b.log", []byte("one\n")), FormatFile, []string{"upload archive 39", "upload/b.log text/plain 4"}},
		{"xz", "a.log.xz", xzipped(t, []byte("one\n")), FormatFile, []string{fmt.Sprintf("a.log.xz archive %d", len(xzipped(t, []byte("one\n")))), "a.log.xz/a.log text/plain 4"}},
		{"zst", "a.log.zst", zstandard(t, []byte("one\n")), FormatFile, []string{fmt.Sprintf("a.log.zst archive %d", len(zstandard(t, []byte("one\n")))), "a.log.zst/a.log text/plain 4"}},
		{"bz2", "a.log.bz2", []byte(bzipped), FormatFile, []string{"a.log.bz2 archive 45", "a.log.bz2/a.log text/plain 8"}},
		{"nested", "t.tar.gz", gzipped(t, "", makeTar(t, tarMember{tar.Header{Name: "in.zip"}, string(rawZip(plainEntry("x.log.gz", string(gzipped(t, "", []byte("x\n"))))))})), FormatTar, []string{
			fmt.Sprintf("in.zip archive %d", len(rawZip(plainEntry("x.log.gz", string(gzipped(t, "", []byte("x\n"))))))),
			"in.zip/x.log.gz archive 26", "in.zip/x.log.gz/x.log text/plain 2",
		}},
		{"tar-in-zip", "t.zip", makeZip(t, file{name: "t.tar", body: string(plain)}), FormatZip, []string{
			fmt.Sprintf("t.tar archive %d", len(plain)), "t.tar/logs/a.log text/plain 4", "t.tar/logs/b.log text/plain 4",
		}},
		{"tar-gz-in-zip", "t.zip", makeZip(t, file{name: "t.tgz", body: string(gzipped(t, "", plain))}), FormatZip, []string{
			fmt.Sprintf("t.tgz archive %d", len(gzipped(t, "", plain))), "t.tgz/logs/a.log text/plain 4", "t.tgz/logs/b.log text/plain 4",
		}},
		{"links-and-devices", "t.tar", makeTar(t,
			tarMember{tar.Header{Name: "s", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""},
			tarMember{tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "a.log"}, ""},
			tarMember{tar.Header{Name: "dev", Typeflag: tar.TypeBlock}, ""},
			tarMember{tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, ""},
			tarMember{tar.Header{Name: "d/", Typeflag: tar.TypeDir}, ""},
			member1("../../up.log", "x\n"), member1("/abs.log", "x\n")), FormatTar, []string{
			"abs.log text/plain 2", "up.log text/plain 2",
			`! abs.log [open] the name "/abs.log" is an absolute path; the member is called "abs.log" here`,
			"! dev [open] a device; it is not opened",
			"! fifo [open] neither a file nor a folder; it is not read",
			`! h [open] a hard link to "a.log", which is not followed: the member of that name, if there is one, holds its bytes`,
			`! s [open] a symbolic link to "/etc/passwd", which is not followed`,
			`! up.log [open] the name "../../up.log" leaves its folder by ..; the member is called "up.log" here`,
		}},
		{"tar-damaged-in-the-middle", "t.tar", func() []byte {
			b := makeTar(t, member1("a.log", "one\n"), member1("b.log", "two\n"), member1("c.log", "three\n"))
			copy(b[1024:], "????")
			return b
		}(), FormatTar, []string{
			"a.log text/plain 4", "c.log text/plain 6",
			"!  [open] the tar archive is damaged behind its member 1; it is read on from the next header, at byte 2048",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, b := analyze(t, save(t, tt.file, tt.data), Options{})
			if b.Format != tt.format {
				t.Errorf("format %q, want %q", b.Format, tt.format)
			}
			if b.SHA256 != sum(string(tt.data)) {
				t.Error("wrong SHA-256")
			}
			if tt.want == nil { // what can be had of it depends on the packer
				if s := summary(c); len(s) < 2 || !strings.HasPrefix(s[0], "a.log text/plain ") || !strings.HasSuffix(s[0], " truncated") {
					t.Errorf("got %q", s)
				}
				return
			}
			if diff := cmp.Diff(tt.want, summary(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSpool unpacks more than memory is meant to hold, and finds it again.
func TestSpool(t *testing.T) {
	var members []tarMember
	line := strings.Repeat("0123456789abcdef", 63) + "0123456789abcd\r\n"
	for i := range 9 {
		members = append(members, member1(fmt.Sprintf("%d.log", i), strings.Repeat(strconv.Itoa(i)+line[1:], (i+1)<<10)))
	}
	path := save(t, "t.tar.gz", gzipped(t, "", makeTar(t, members...)))
	_, got, b := analyze(t, path, Options{})
	for _, m := range members {
		if got.text(m.Name) != m.body {
			t.Errorf("%s: %d of %d bytes", m.Name, len(got.text(m.Name)), len(m.body))
		}
	}
	temp := b.temp
	if temp == "" {
		t.Fatal("no temporary file was made")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", temp, err)
	}
}

// TestContainerLimits holds containers that are no zips to the limits.
func TestContainerLimits(t *testing.T) {
	zeros := strings.Repeat("\x00", 80<<20)
	tests := []struct {
		name   string
		data   []byte
		limits Limits
		want   string // the last problem
	}{
		{"ratio", zstandard(t, []byte(zeros)), Limits{MaxRatio: 10}, "reached the limit of 10 bytes for each byte of an archive; --max-ratio raises it"},
		{"member", gzipped(t, "", []byte(zeros)), Limits{MaxMember: 1 << 20}, "reached the limit of 1048576 bytes for one member; --max-member raises it"},
		{"all", gzipped(t, "", makeTar(t, member1("a", zeros[:1<<20]), member1("b", zeros[:1<<20]))), Limits{MaxBytes: 1<<20 + 10}, "reached the limit of 1048586 bytes for all members together; --max-bytes raises it"},
		{"files", makeTar(t, member1("a", "x"), member1("b", "x"), member1("c", "x")), Limits{MaxFiles: 2}, "more than 2 members, or very long paths; the rest is not read; --max-files raises the limit"},
		{"skipped-by-the-tar-reader", gzipped(t, "", makeTar(t, tarMember{tar.Header{Name: "d", Typeflag: 'Z'}, zeros})), Limits{MaxBytes: 1 << 20}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, b := analyze(t, save(t, "t.bin", tt.data), Options{Limits: tt.limits})
			if limit := tt.limits.WithDefaults().MaxBytes; b.spooled > limit {
				t.Errorf("%d bytes were unpacked", b.spooled)
			}
			if tt.want != "" && !slices.ContainsFunc(summary(c), func(s string) bool { return strings.HasSuffix(s, tt.want) }) {
				t.Errorf("got %q", summary(c))
			}
		})
	}
}

// makeCab packs files into one folder, in blocks of MSZIP data or stored.
func makeCab(t testing.TB, mszip bool, files ...file) []byte {
	t.Helper()
	if !mszip {
		return cabOf(cabStored, func(piece []byte) []byte { return piece }, files...)
	}
	var window []byte
	return cabOf(cabMSZIP, func(piece []byte) []byte {
		var b bytes.Buffer
		b.WriteString("CK")
		w, err := flate.NewWriterDict(&b, 9, window)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		window = piece
		return b.Bytes()
	}, files...)
}

// cabOf makes a cabinet of one folder, whose blocks pack packs one after the other.
func cabOf(method uint16, pack func(piece []byte) []byte, files ...file) []byte {
	le := binary.LittleEndian
	var list, body []byte
	for _, f := range files {
		list = le.AppendUint32(list, uint32(len(f.body)))
		list = le.AppendUint32(list, uint32(len(body)))
		list = le.AppendUint16(list, 0)
		list = le.AppendUint16(list, 0x3e34)
		list = le.AppendUint16(list, 0x5000)
		list = le.AppendUint16(list, cabUTF8)
		list = append(list, f.name+"\x00"...)
		body = append(body, f.body...)
	}
	var data []byte
	blocks := 0
	for piece := range slices.Chunk(body, cabBlock) {
		packed := pack(piece)
		sizes := le.AppendUint16(le.AppendUint16(nil, uint16(len(packed))), uint16(len(piece)))
		data = le.AppendUint32(data, cabSum(sizes, cabSum(packed, 0)))
		data = append(append(data, sizes...), packed...)
		blocks++
	}
	at := cabHeaderLen + cabFolderLen + len(list)
	out := []byte("MSCF\x00\x00\x00\x00")
	out = le.AppendUint32(out, uint32(at+len(data)))
	out = le.AppendUint32(out, 0)
	out = le.AppendUint32(out, cabHeaderLen+cabFolderLen)
	out = le.AppendUint32(out, 0)
	out = append(out, 3, 1)
	for _, n := range []int{1, len(files), 0, 7, 0} {
		out = le.AppendUint16(out, uint16(n))
	}
	out = le.AppendUint32(out, uint32(at))
	out = le.AppendUint16(out, uint16(blocks))
	out = le.AppendUint16(out, method)
	return slices.Concat(out, list, data)
}

func TestCab(t *testing.T) {
	long := strings.Repeat("12:00 something happened\r\n", 4000) // four blocks
	files := []file{{name: `Windows\a.log`, body: "one\n"}, {name: "b.log", body: long}, {name: "ü.log", body: "three\n"}}
	for _, mszip := range []bool{false, true} {
		c, got, b := analyze(t, save(t, "t.cab", makeCab(t, mszip, files...)), Options{})
		if b.Format != FormatCab || got.text("b.log") != long || got.text("Windows/a.log") != "one\n" || got.text("ü.log") != "three\n" {
			t.Errorf("mszip %v: got %q", mszip, summary(c))
		}
		if want := time.Date(2011, 1, 20, 10, 0, 0, 0, time.UTC); !c.Artifacts[0].Modified.Equal(want) {
			t.Errorf("modified %v", c.Artifacts[0].Modified)
		}
	}
	damaged := makeCab(t, true, files...)
	damaged[len(damaged)-5] ^= 1
	c, _, _ := analyze(t, save(t, "t.cab", damaged), Options{})
	if s := summary(c); !slices.Contains(s, "! b.log [read] damaged after 98300 bytes: the checksum of a block is wrong") {
		t.Errorf("got %q", s)
	}
	cut := makeCab(t, false, files...)
	c, got, _ := analyze(t, save(t, "t.cab", cut[:60_000]), Options{})
	if text := got.text("b.log"); len(text) < 32<<10-4 || !strings.HasPrefix(long, text) {
		t.Errorf("%d bytes before the cut: %q", len(text), summary(c))
	}
}

// FuzzContainers opens arbitrary bytes as any container but a zip.
func FuzzContainers(f *testing.F) {
	f.Add(makeTar(f, member1("a.log", "one\n"), member1("../b", "two\n")))
	f.Add(gzipped(f, "", makeTar(f, member1("a.log", "one\n"))))
	f.Add(xzipped(f, []byte("one\n")))
	f.Add(zstandard(f, []byte("one\n")))
	f.Add([]byte(bzipped))
	f.Add(makeCab(f, true, file{name: "a", body: "one\n"}))
	f.Add(makeLZXCab(f, 15, 0, []lzxBlock{{lzxVerbatim, 100}}, file{name: "a", body: "one\n"}))
	if dir := os.Getenv("CASEBOOK_CORPUS"); dir != "" {
		for _, name := range []string{"bodgit+sevenzip__t0.7z", "bodgit+sevenzip__t4.7z", "libarchive+libarchive__test_read_format_rar5_stored.rar", "libarchive+libarchive__test_read_format_rar_noeof.rar"} {
			data, err := os.ReadFile(filepath.Join(dir, "archives", name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "t.bin")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Limits: Limits{MaxBytes: 1 << 20, MaxFiles: 50}, Passwords: []string{"x"}}
		b, err := Open(t.Context(), path, opt)
		if err != nil {
			return
		}
		defer b.Close() //nolint:errcheck // TestSpool looks at it
		if b.spooled > 1<<20 {
			t.Errorf("%d bytes were unpacked", b.spooled)
		}
		c, err := Read(t.Context(), []*Bundle{b}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Artifacts) > 50 {
			t.Errorf("%d artifacts", len(c.Artifacts))
		}
	})
}

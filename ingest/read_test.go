package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestReadZip(t *testing.T) {
	inner := makeZip(t, file{name: "b.log", body: "inner\r\n"}, file{name: "deep.zip", body: string(makeZip(t, file{name: "c.log", body: "deep\n"})), set: stored})
	data := makeZip(t,
		file{name: "logs/a.log", body: "one\r\ntwo\r\nthree"},
		file{name: "inner.zip", body: string(inner)},
		file{name: "inner-stored.zip", body: string(inner), set: stored},
		file{name: "dir/"},
		file{name: "empty.txt"},
		file{name: "x.bin", body: "\x01\x02\x03\x04\x05\x06\x07\x00\x00\x01\x02\x03\x01\x01"},
	)
	c, got, b := analyze(t, save(t, "ticket.zip", data), Options{})
	want := []string{
		"empty.txt empty 0",
		fmt.Sprintf("inner-stored.zip archive %d", len(inner)),
		"inner-stored.zip/b.log text/plain 7",
		fmt.Sprintf("inner-stored.zip/deep.zip archive %d", len(makeZip(t, file{name: "c.log", body: "deep\n"}))),
		"inner-stored.zip/deep.zip/c.log text/plain 5",
		fmt.Sprintf("inner.zip archive %d", len(inner)),
		"inner.zip/b.log text/plain 7",
		fmt.Sprintf("inner.zip/deep.zip archive %d", len(makeZip(t, file{name: "c.log", body: "deep\n"}))),
		"inner.zip/deep.zip/c.log text/plain 5",
		"logs/a.log text/plain 15",
		"x.bin binary 14",
	}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	if b.Name != "ticket.zip" || b.Format != FormatZip || b.Bytes != int64(len(data)) || b.SHA256 != sum(string(data)) {
		t.Errorf("bundle is %q %s %d %s", b.Name, b.Format, b.Bytes, b.SHA256)
	}
	for _, a := range c.Artifacts {
		if a.Path == "inner.zip" && a.SHA256 != sum(string(inner)) || a.Path == "inner-stored.zip" && a.SHA256 != sum(string(inner)) || a.Path == "logs/a.log" && a.SHA256 != sum("one\r\ntwo\r\nthree") {
			t.Errorf("%s has the wrong SHA-256", a.Path)
		}
	}
	var lines []string
	for _, r := range got.texts["logs/a.log"].records {
		lines = append(lines, fmt.Sprintf("%d+%d %q %q", r.Line, r.Lines, r.Raw, r.Text))
	}
	if diff := cmp.Diff([]string{`1+1 "one\r\n" "one"`, `2+1 "two\r\n" "two"`, `3+1 "three" "three"`}, lines); diff != "" {
		t.Error(diff)
	}
	if s := got.texts["logs/a.log"]; s.done != 1 {
		t.Errorf("Done was called %d times", s.done)
	}
}

func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, body string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	zipped := string(makeZip(t, file{name: "c.log", body: "c\n"}))
	write("b/b.log", "b\n")
	write("a.log", "a\n")
	write("in.zip", zipped)
	c, _, b := analyze(t, dir, Options{})
	want := []string{"a.log text/plain 2", "b/b.log text/plain 2", fmt.Sprintf("in.zip archive %d", len(zipped)), "in.zip/c.log text/plain 2"}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	if s := sum("a.log " + sum("a\n") + "\nb/b.log " + sum("b\n") + "\nin.zip " + sum(zipped) + "\n"); b.SHA256 != s || b.Format != FormatDirectory || b.Bytes != int64(4+len(zipped)) {
		t.Errorf("bundle is %s %d %s, want %s", b.Format, b.Bytes, b.SHA256, s)
	}

	t.Run("hostile", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("symbolic links and modes are those of POSIX")
		}
		outside := save(t, "secret.txt", []byte("secret\n"))
		for link, target := range map[string]string{"link.txt": outside, "up": "..", "loop": "."} {
			if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		write(`back\slash.log`, "d\n")
		write("nl\n.log", "e\n")
		c, got, _ := analyze(t, dir, Options{})
		want := []string{
			"a.log text/plain 2", "b/b.log text/plain 2", "back/slash.log text/plain 2", fmt.Sprintf("in.zip archive %d", len(zipped)), "in.zip/c.log text/plain 2", "nl\uFFFD.log text/plain 2",
			"! link.txt [open] a symbolic link, which is not followed",
			"! loop [open] a symbolic link, which is not followed",
			`! nl` + "\uFFFD" + `.log [open] the name "nl\n.log" holds control characters; the member is called "nl` + "\uFFFD" + `.log" here`,
			"! up [open] a symbolic link, which is not followed",
		}
		if diff := cmp.Diff(want, summary(c)); diff != "" {
			t.Error(diff)
		}
		for p := range got.texts {
			if strings.Contains(got.text(p), "secret") {
				t.Errorf("%s shows a file outside the folder", p)
			}
		}
	})
	t.Run("gone", func(t *testing.T) {
		b := open(t, dir, Options{})
		if err := os.Remove(filepath.Join(dir, "b", "b.log")); err != nil {
			t.Fatal(err)
		}
		c, err := Read(t.Context(), []*Bundle{b}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := summary(c)
		if !slices.Contains(got, "! b/b.log [read] no such file or directory") || !slices.Contains(got, "a.log text/plain 2") {
			t.Errorf("got %q", got)
		}
		write("b/b.log", "b\n")
	})
	t.Run("unreadable", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("modes are those of POSIX")
		}
		if err := os.Chmod(filepath.Join(dir, "a.log"), 0); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			asNobody(t, dir)
		}
		c, _, _ := analyze(t, dir, Options{})
		if got := summary(c); !slices.Contains(got, "! a.log [read] permission denied") || !slices.Contains(got, "b/b.log text/plain 2") {
			t.Errorf("got %q", got)
		}
	})
}

// TestUseless holds what an upload is called of which nothing can be analysed, and that others are not called so.
func TestUseless(t *testing.T) {
	empty := func(t *testing.T) string { return t.TempDir() }
	zipped := func(files ...file) func(t *testing.T) string {
		return func(t *testing.T) string { return save(t, "t.zip", makeZip(t, files...)) }
	}
	picture := file{name: "a.png", body: "\x89PNG\r\n\x1a\n\x00\x00\x00\x01\x02\x03"}
	tests := []struct {
		name   string
		upload func(t *testing.T) string
		want   string
	}{
		{"empty-folder", empty, "it holds no file; check that it is the right one"},
		{"empty-zip", zipped(), "the zip holds no file; ask for the upload again"},
		{"pictures", zipped(picture), "its only file is no text or registry hive that can be read"},
		{"packed", zipped(file{name: "a.log.gz", body: "\x1f\x8b\x08\x00"}), `its only file can't be read; "a.log.gz": the gzip data can't be read: cut short: its packed bytes end before its first byte`},
		{"a-log-among-pictures", zipped(picture, file{name: "a.log", body: "x\n"}), ""},
		{"log", func(t *testing.T) string { return save(t, "a.log", []byte("x\n")) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, b := analyze(t, tt.upload(t), Options{})
			if b.Useless != tt.want {
				t.Errorf("got %q, want %q", b.Useless, tt.want)
			}
			said := slices.ContainsFunc(c.Problems, func(p Problem) bool { return p.Message == tt.want })
			if said != (tt.want != "") {
				t.Errorf("problems are %v", c.Problems)
			}
		})
	}
}

func TestReadFile(t *testing.T) {
	tests := []struct {
		name, file, body string
		want             []string
	}{
		{"log", "a.log", "x\r\n", []string{"a.log text/plain 3"}},
		{"empty", "a.log", "", []string{"a.log empty 0", "! a.log [open] it has no byte; ask for the upload again"}},
		{"empty-hive", "SYSTEM", "", []string{"SYSTEM empty 0", "! SYSTEM [read] a registry hive of zero bytes: it was probably in use when it was copied; save it with reg save, or copy it from a shadow copy"}},
		{"hive", "SYSTEM", "regf\x01\x00\x00\x00", []string{"SYSTEM hive/other 8", "! SYSTEM [open] it is neither an archive that can be opened, nor a registry hive, nor text; ask for the upload again"}},
		{"hive-log", "SYSTEM.LOG1", "regf" + strings.Repeat("\x00", 24) + "\x06\x00\x00\x00", []string{"SYSTEM.LOG1 hive/log 32", "! SYSTEM.LOG1 [open] a hive's transaction log says nothing without the hive; pass the folder that holds both"}},
		{"gzip", "a.log.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00", []string{"a.log.gz archive/other 8", "! a.log.gz [read] the gzip data can't be read: cut short: its packed bytes end before its first byte"}},
		{"event-log", "System.evtx", "ElfFile\x00\x00\x00", []string{"System.evtx archive/other 10", "! System.evtx [read] the event log can't be read: cut short: 10 of the 4096 bytes of its header are there"}},
		{"zip-by-name-only", "a.zip", "no zip\n", []string{"a.zip text/plain 7", "! a.zip [open] named like a zip, but it neither starts like one nor has a usable directory at its end; ask for it again if it is to be one"}},
		{"nuls", "a.log", "abc\ndef\x00ghi\n", []string{"a.log text/plain 12", "! a.log [decode] the text holds NUL characters: 1, the first in line 2"}},
		{"zeros", "lock.dat", "\x00\x00\x00\x00", []string{"lock.dat binary 4", "! lock.dat [open] it is neither an archive that can be opened, nor a registry hive, nor text; ask for the upload again"}},
		{"zeros-first", "a.log", strings.Repeat("\x00", 5000) + "abc\n", []string{"a.log text/plain 5004", "! a.log [decode] the text holds NUL characters: 5000, the first in line 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, b := analyze(t, save(t, tt.file, []byte(tt.body)), Options{})
			if diff := cmp.Diff(tt.want, summary(c)); diff != "" {
				t.Error(diff)
			}
			if b.SHA256 != sum(tt.body) || b.Format != FormatFile || b.Bytes != int64(len(tt.body)) {
				t.Errorf("bundle is %s %d %s", b.Format, b.Bytes, b.SHA256)
			}
		})
	}
}

func TestSumOfAFileBeyondTheLimit(t *testing.T) {
	body := strings.Repeat("x\n", 5000)
	c, _, b := analyze(t, save(t, "a.log", []byte(body)), Options{Limits: Limits{MaxMember: 100}})
	if b.SHA256 != sum(body) || b.Bytes != int64(len(body)) || c.Artifacts[0].SHA256 != sum(body[:100]) || !c.Artifacts[0].Truncated {
		t.Errorf("bundle %s of %d bytes, artifact %+v", b.SHA256, b.Bytes, c.Artifacts[0])
	}
}

func TestProgress(t *testing.T) {
	var mu sync.Mutex
	var last Progress
	opt := Options{Workers: 2, Progress: func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		last.Files, last.Bytes = max(last.Files, p.Files), max(last.Bytes, p.Bytes)
		last.FilesTotal, last.BytesTotal = p.FilesTotal, p.BytesTotal
	}}
	inner := makeZip(t, file{name: "b.log", body: "b\n"})
	analyze(t, save(t, "t.zip", makeZip(t, file{name: "a.log", body: "a\n"}, file{name: "in.zip", body: string(inner)}, file{name: "e"})), opt)
	if last.Files != 4 || last.FilesTotal != 4 || last.Bytes != last.BytesTotal || last.Bytes == 0 {
		t.Errorf("got %+v", last)
	}
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name, file string
		body       []byte
		want       string
	}{
		{"absent", "", nil, "there is no such file or folder; check the path"},
		{"zip-of-four-bytes", "a.zip", []byte("PK\x03\x04"), "is cut short or damaged: it has no directory at its end and no member at its start; ask for it again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "absent.zip")
			if tt.file != "" {
				path = save(t, tt.file, tt.body)
			}
			_, err := Open(t.Context(), path, Options{})
			if want := fmt.Sprintf("open %q: %s", path, tt.want); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestReadCase(t *testing.T) {
	one := open(t, save(t, "a.zip", makeZip(t, file{name: "x.log", body: "1\n"})), Options{})
	two := open(t, save(t, "a.zip", makeZip(t, file{name: "x.log", body: "2\n"}, file{name: "l", set: func(h *zip.FileHeader) { h.SetMode(os.ModeSymlink | 0o777) }})), Options{})
	three := open(t, save(t, "e.zip", makeZip(t)), Options{})
	c, err := Read(t.Context(), []*Bundle{one, two, three}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a.zip/x.log text/plain 2", "a.zip~2/x.log text/plain 2",
		"! a.zip~2/l [open] a symbolic link, which is not followed", "! e.zip [open] the zip holds no file; ask for the upload again",
	}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
}

// stampReader reads lines that start with an hour and a minute.
var stampReader = Reader{
	Kind:  KindLogText,
	Sniff: func(_ string, head []byte) int { return 10 },
	New:   func() Splitter { return stampSplitter{} },
}

type stampSplitter struct{}

func (stampSplitter) Split(text []byte, atEOF bool, emit func(Record)) int {
	return lineSplitter{}.Split(text, atEOF, func(r Record) {
		var h, m int
		if n, _ := fmt.Sscanf(string(r.Text), "%d:%d", &h, &m); n == 2 {
			r.Time = WallTime(2012, time.March, 8, h, m, 0, 0)
		}
		emit(r)
	})
}

// registry is a First extractor that finds a code page and a bias in its artifact, binary or text.
func registry(binary bool) Extractor {
	magic := "HIVE"
	if !binary {
		magic = "Registry"
	}
	return Extractor{
		Kind: KindHiveOther, Binary: binary, First: true,
		Sniff: func(_ string, head []byte) int {
			if bytes.HasPrefix(head, []byte(magic)) {
				return 90
			}
			return 0
		},
		Extract: func(in Input) (any, []Problem) {
			in.Artifact.Kind, in.Artifact.Host = KindHiveSystem, "HOST"
			if binary {
				return string(in.Bytes), nil
			}
			return strings.Join(in.Lines, "|"), []Problem{{Artifact: in.Artifact.Path, Stage: StageParse, Message: "half"}}
		},
	}
}

func TestLocale(t *testing.T) {
	hive := "HIVE\x00\x00\x01\x01\x01\x02"
	data := makeZip(t,
		file{name: "a.log", body: "10:30 \xce\xf8\n11:00 ok\n"},
		file{name: "dir.txt", body: "listing \x81\n"},
		file{name: "z/SYSTEM", body: hive},
		file{name: "z/b.reg", body: "Registry\r\nl\xe9\r\n"},
	)
	var calls []int
	listing := Extractor{
		Kind:    KindListing,
		Sniff:   func(_ string, head []byte) int { return 50 * bytes.Count(head[:7], []byte("listing")) },
		Extract: func(in Input) (any, []Problem) { return in.Lines, nil },
	}
	opt := Options{
		Workers: 3, Readers: []Reader{stampReader}, Extractors: []Extractor{listing, registry(false), registry(true)},
		Locales: func(list []Extracted) func(string) Locale {
			calls = append(calls, len(list))
			return func(path string) Locale {
				return Locale{ANSI: 1251, OEM: 850, Bias: func(wall time.Time) int16 {
					if wall.Hour() < 11 {
						return 60
					}
					return 0
				}}
			}
		},
	}
	c, got, _ := analyze(t, save(t, "t.zip", data), opt)
	if diff := cmp.Diff([]int{1, 2}, calls); diff != "" {
		t.Error(diff)
	}
	type seen struct {
		Kind     Kind
		Encoding string
		Host     string
		Text     string
	}
	have := map[string]seen{}
	for _, a := range c.Artifacts {
		have[a.Path] = seen{a.Kind, a.Encoding, a.Host, got.text(a.Path)}
	}
	if diff := cmp.Diff(map[string]seen{
		"a.log":    {KindLogText, "windows-1251", "", "10:30 Ош\n11:00 ok\n"},
		"dir.txt":  {KindListing, "ibm850", "", "listing ü\n"},
		"z/SYSTEM": {KindHiveSystem, "", "HOST", ""},
		"z/b.reg":  {KindHiveSystem, "windows-1251", "HOST", "Registry\r\nlй\r\n"},
	}, have); diff != "" {
		t.Error(diff)
	}
	var values []any
	for _, x := range c.Extracted {
		values = append(values, x.Artifact.Path, x.Kind, x.Value)
	}
	if diff := cmp.Diff([]any{"dir.txt", KindListing, []string{"listing ü"}, "z/SYSTEM", KindHiveSystem, hive, "z/b.reg", KindHiveSystem, "Registry|lй"}, values); diff != "" {
		t.Error(diff)
	}
	a := c.Artifacts[0]
	first, _ := a.First.UTC()
	last, _ := a.Last.UTC()
	if first.Format("15:04") != "11:00" || last.Format("15:04") != "11:30" || a.First.Zone != ZoneSystem {
		t.Errorf("window is %s to %s", first, last)
	}
	if wall, _ := a.WallLast.Local(); wall.Format("15:04") != "11:00" {
		t.Errorf("last wall time is %s", wall)
	}
}

func TestKinds(t *testing.T) {
	at := func(k Kind, score int, value any) Extractor {
		return Extractor{Kind: k, Sniff: func(string, []byte) int { return score }, Extract: func(Input) (any, []Problem) { return value, nil }}
	}
	timed, plain := "10:00 a\n", "a\n"
	dull := Reader{Kind: KindLogCCM, Sniff: stampReader.Sniff, New: func() Splitter { return lineSplitter{} }}
	tests := []struct {
		name, body string
		readers    []Reader
		extractors []Extractor
		want       Kind
		values     int
	}{
		{"no-reader", plain, nil, nil, KindText, 0},
		{"general-with-times", timed, []Reader{stampReader}, nil, KindLogText, 0},
		{"general-without-times", plain, []Reader{stampReader}, nil, KindText, 0},
		{"reads-more-last", timed, []Reader{dull, stampReader}, nil, KindLogText, 0},
		{"reads-more-first", timed, []Reader{stampReader, dull}, nil, KindLogText, 0},
		{"extractor-surer", timed, []Reader{stampReader}, []Extractor{at(KindACL, 20, 1)}, KindACL, 1},
		{"reader-surer", timed, []Reader{stampReader}, []Extractor{at(KindACL, 5, 1)}, KindLogText, 1},
		{"extractor-finds-nothing", timed, []Reader{stampReader}, []Extractor{at(KindACL, 20, nil)}, KindLogText, 0},
		{"two-extractors", timed, []Reader{stampReader}, []Extractor{at(KindMounts, 20, 1), at(KindACL, 30, 1)}, KindACL, 2},
		{"surest-finds-nothing", timed, []Reader{stampReader}, []Extractor{at(KindMounts, 20, 1), at(KindACL, 30, nil)}, KindMounts, 1},
		{"equals", timed, []Reader{stampReader}, []Extractor{at(KindMounts, 20, 1), at(KindACL, 20, 1)}, KindACL, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got, _ := analyze(t, save(t, "a.txt", []byte(tt.body)), Options{Readers: tt.readers, Extractors: tt.extractors})
			if c.Artifacts[0].Kind != tt.want || len(c.Extracted) != tt.values || got.text("a.txt") != tt.body {
				t.Errorf("kind %s, %d values, text %q", c.Artifacts[0].Kind, len(c.Extracted), got.text("a.txt"))
			}
		})
	}
}

func TestLongRecord(t *testing.T) {
	body := "short\n" + strings.Repeat("ü", 3<<20) + "\nend\n"
	c, got, _ := analyze(t, save(t, "a.log", []byte(body)), Options{})
	if got.text("a.log") != body {
		t.Error("the text is not whole")
	}
	for _, r := range got.texts["a.log"].records {
		if len(r.Raw) > MaxRecord+chunkSize || r.Line < 1 || r.Line > 3 || r.Lines != 1 {
			t.Errorf("record of %d bytes at %d+%d", len(r.Raw), r.Line, r.Lines)
		}
	}
	want := []string{fmt.Sprintf("a.log text/plain %d", len(body)), "! a.log [parse] line 2: longer than 1048576 bytes; it is read in pieces of that length"}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
}

func TestLongTextIsNotExtracted(t *testing.T) {
	called := false
	x := Extractor{
		Kind: KindACL, Sniff: func(string, []byte) int { return 1 },
		Extract: func(Input) (any, []Problem) { called = true; return nil, nil },
	}
	c, _, _ := analyze(t, save(t, "a.txt", bytes.Repeat([]byte("0123456789abcde\n"), maxLines/16+1)), Options{Extractors: []Extractor{x}})
	if len(c.Problems) != 1 || c.Problems[0].Stage != StageParse || called || c.Artifacts[0].Records != maxLines/16+1 {
		t.Errorf("problems %v, extractor called: %v, %d records", c.Problems, called, c.Artifacts[0].Records)
	}
}

func TestLinesAcrossChunks(t *testing.T) {
	var want []string
	var body strings.Builder
	for i := range 60_000 {
		line := strings.Repeat("x", i%97) + strconv.Itoa(i)
		want = append(want, line)
		body.WriteString(line + []string{"\n", "\r\n"}[i%2])
	}
	var got []string
	x := Extractor{
		Kind: KindACL, Sniff: func(string, []byte) int { return 1 },
		Extract: func(in Input) (any, []Problem) { got = in.Lines; return 1, nil },
	}
	analyze(t, save(t, "a.txt", []byte(body.String())), Options{Extractors: []Extractor{x}})
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

func TestPanicIsAProblem(t *testing.T) {
	boom := Extractor{
		Kind: KindACL, Sniff: func(base string, _ []byte) int { return strings.Count(base, "bad") },
		Extract: func(Input) (any, []Problem) { panic("boom") },
	}
	c, _, _ := analyze(t, save(t, "t.zip", makeZip(t, file{name: "bad.txt", body: "x\n"}, file{name: "good.txt", body: "x\n"})), Options{Extractors: []Extractor{boom}})
	want := []string{"bad.txt text/plain 2 truncated", "good.txt text/plain 2", "! bad.txt [parse] reading stopped: internal error: boom"}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
}

func TestWorkersDoNotShow(t *testing.T) {
	var files []file
	for i := range 60 {
		files = append(files, file{name: fmt.Sprintf("d%d/f%02d.log", i%7, i), body: strings.Repeat(fmt.Sprintf("10:%02d line \xe4\n", i), 1+i*37%5000)})
	}
	path := save(t, "t.zip", makeZip(t, files...))
	render := func(workers int, limits Limits) string {
		c, got, _ := analyze(t, path, Options{Workers: workers, Limits: limits, Readers: []Reader{stampReader}})
		var s strings.Builder
		for _, a := range c.Artifacts {
			fmt.Fprintf(&s, "%+v %s\n", *a, sum(got.text(a.Path)))
		}
		fmt.Fprintln(&s, c.Problems)
		return s.String()
	}
	for _, limits := range []Limits{{}, {MaxBytes: 300_000}, {MaxBytes: 50_000}, {MaxMember: 10_000}} {
		one := render(1, limits)
		for _, workers := range []int{2, 8} {
			if diff := cmp.Diff(one, render(workers, limits)); diff != "" {
				t.Errorf("limits %+v, %d workers: %s", limits, workers, diff)
			}
		}
	}
}

// TestReadAhead reads one large member while other workers are idle: the goroutine that reads ahead changes nothing and ends.
func TestReadAhead(t *testing.T) {
	body := strings.Repeat("10:00 five\n", 1<<20)
	packed := deflated(t, []byte(body))
	damaged := slices.Clone(packed)
	damaged[len(damaged)/2] ^= 0xff
	for _, workers := range []int{1, 4} {
		entry := rawEntry{name: "a.log", method: zipDeflate, size: uint32(len(body)), packed: packed, crc: crc32.ChecksumIEEE([]byte(body))}
		c, got, _ := analyze(t, save(t, "t.zip", rawZip(entry)), Options{Workers: workers})
		if got.text("a.log") != body || c.Artifacts[0].SHA256 != sum(body) || len(c.Problems) > 0 {
			t.Errorf("%d workers: %d of %d bytes, problems %v", workers, len(got.text("a.log")), len(body), c.Problems)
		}
		entry.packed = damaged
		c, got, _ = analyze(t, save(t, "t.zip", rawZip(entry)), Options{Workers: workers})
		if len(c.Problems) != 1 || !c.Artifacts[0].Truncated || c.Artifacts[0].SHA256 != sum(got.text("a.log")) {
			t.Errorf("%d workers: damaged member has problems %v", workers, c.Problems)
		}
		ctx, cancel := context.WithCancel(t.Context())
		b := open(t, save(t, "a.log", []byte(body)), Options{})
		opt := Options{Workers: workers, NewSink: func(*Artifact) Sink { return sinkFunc(func([]Record) { cancel() }) }}
		if _, err := Read(ctx, []*Bundle{b}, opt); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		opt.NewSink = func(*Artifact) Sink { return sinkFunc(func([]Record) { panic("sink") }) }
		c, err := Read(t.Context(), []*Bundle{b}, opt)
		if err != nil || len(c.Problems) != 1 || !strings.Contains(c.Problems[0].Message, "internal error: sink") {
			t.Errorf("got %v, %v", c, err)
		}
	}
}

// sinkFunc is a sink that only looks at records.
type sinkFunc func([]Record)

func (f sinkFunc) Records(batch []Record) { f(batch) }
func (sinkFunc) Done(*Artifact)           {}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opt := Options{NewSink: func(*Artifact) Sink { cancel(); return nil }}
	inner := makeZip(t, file{name: "big", body: strings.Repeat("0123456789abcdef", 5<<20), set: stored})
	b := open(t, save(t, "t.zip", makeZip(t, file{name: "in.zip", body: string(inner)}, file{name: "b.log", body: "x\n"})), opt)
	if _, err := os.Stat(b.temp); b.temp == "" || err != nil {
		t.Errorf("a nested archive of %d bytes is in %q: %v", len(inner), b.temp, err)
	}
	temp := b.temp
	if _, err := Read(ctx, []*Bundle{b}, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	if _, err := Open(ctx, b.Name, opt); err == nil {
		t.Error("Open went on after the end of the context")
	}
}

func TestNestedInTemporaryFile(t *testing.T) {
	body := strings.Repeat("0123456789abcde\n", 5<<20)
	inner := makeZip(t, file{name: "big.log", body: body, set: stored})
	b := open(t, save(t, "t.zip", makeZip(t, file{name: "in.zip", body: string(inner)})), Options{})
	temp := b.temp
	c, err := Read(t.Context(), []*Bundle{b}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf("in.zip archive %d", len(inner)), fmt.Sprintf("in.zip/big.log text/plain %d", len(body))}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	if c.Artifacts[0].SHA256 != sum(string(inner)) || c.Artifacts[1].SHA256 != sum(body) {
		t.Error("wrong SHA-256")
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(temp); temp == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary folder %q: %v", temp, err)
	}
}

// TestMemory reads a log eight times as large as another: what is allocated on the way stays the same.
func TestMemory(t *testing.T) {
	allocated := func(lines int) int64 {
		path := save(t, "t.zip", makeZip(t, file{name: "a.log", body: strings.Repeat("10:00 0123456789 0123456789\n", lines)}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		opt := Options{Workers: 1, NewSink: func(*Artifact) Sink { return sinkFunc(func([]Record) {}) }}
		b := open(t, path, opt)
		if _, err := Read(t.Context(), []*Bundle{b}, opt); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	allocated(1000) // fills the pools
	small, large := allocated(100_000), allocated(800_000)
	if large > small+1<<20 {
		t.Errorf("%d bytes for a small log, %d for a large one", small, large)
	}
}

// TestLineEnds: a line ends at CRLF or LF, also where both stand in one text; a lone CR and a NUL are part of it, and NULs are said.
func TestLineEnds(t *testing.T) {
	const body = "one\r\ntwo\nthr\ree\r\r\nfo\x00ur\n\r\nsix"
	c, got, _ := analyze(t, save(t, "a.log", []byte(body)), Options{})
	var lines []string
	for _, r := range got.texts["a.log"].records {
		lines = append(lines, fmt.Sprintf("%d+%d %q", r.Line, r.Lines, r.Raw))
	}
	want := []string{`1+1 "one\r\n"`, `2+1 "two\n"`, `3+1 "thr\ree\r\r\n"`, `4+1 "fo\x00ur\n"`, `5+1 "\r\n"`, `6+1 "six"`}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if s := summary(c); len(s) != 2 || !strings.HasPrefix(s[1], "! a.log [decode] ") || !strings.Contains(s[1], "NUL") {
		t.Errorf("got %q", s)
	}
}

// TestHugeLine reads a line of 100 MB in pieces and says so; what follows keeps its place.
func TestHugeLine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const size = 100 << 20
	body := "short\n" + strings.Repeat("0123456789abcdef", size/16) + "\nend\n"
	data := makeZip(t, file{name: "a.log", body: body})
	bytesSeen, last, longest := 0, Record{}, 0
	opt := Options{NewSink: func(*Artifact) Sink {
		return sinkFunc(func(batch []Record) {
			for _, r := range batch {
				bytesSeen, last, longest = bytesSeen+len(r.Raw), r, max(longest, len(r.Raw))
			}
		})
	}}
	b := open(t, save(t, "t.zip", data), opt)
	c, err := Read(t.Context(), []*Bundle{b}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if bytesSeen != len(body) || last.Line != 3 || longest > MaxRecord+chunkSize {
		t.Errorf("%d of %d bytes, the last record at line %d, the longest of %d bytes", bytesSeen, len(body), last.Line, longest)
	}
	want := []string{fmt.Sprintf("a.log text/plain %d", len(body)), "! a.log [parse] line 2: longer than 1048576 bytes; it is read in pieces of that length"}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
}

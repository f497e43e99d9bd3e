package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/evtxtest"
)

func TestCollectedName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"uploads/auto/C%3A/Windows/System32/config/SYSTEM", "uploads/auto/C/Windows/System32/config/SYSTEM"},
		{"uploads/ntfs/%5C%5C.%5CC%3A/Windows/a%20b.log", "uploads/ntfs/C/Windows/a b.log"},
		{"uploads/auto/D%3A/Logs/Microsoft-Windows-CAPI2%254Operational.evtx", "uploads/auto/D/Logs/Microsoft-Windows-CAPI2%4Operational.evtx"},
		{"uploads/auto/C%3A/%2E%2E/%2e%2e/x.log", "uploads/auto/C/%2E%2E/%2e%2e/x.log"},
		{"uploads/auto/C%3A/a%2Fb%5Cc%00.log", "uploads/auto/C/a%2Fb%5Cc%00.log"},
		{"logs/100%3A.log", "logs/100%3A.log"},
		{"C%3A", "C%3A"},
		{"CPU 50%/a.log", "CPU 50%/a.log"},
		{"a%3Ab/x%20.log", "a%3Ab/x%20.log"},
	}
	for _, tt := range tests {
		if got := collectedName(tt.name); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMail(t *testing.T) {
	attached := makeZip(t, file{name: "a.log", body: "one\n"})
	mail := strings.ReplaceAll(`Received: from a.example by b.example
From: =?utf-8?Q?J=C3=BCrgen?= <j@example.com>
To: support@example.com
Date: Thu, 20 Jan 2011 10:00:00 +0100
Subject: =?iso-8859-1?Q?Agent_l=E4uft?=
 nicht
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="out"

preamble
--out
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe
--in
Content-Type: text/html; charset=utf-8

<p>x</p>
--in--
--out
Content-Type: application/zip
Content-Disposition: attachment; filename="..\..\logs.zip"
Content-Transfer-Encoding: base64

`+base64Lines(attached)+`
--out
Content-Type: message/rfc822

From: a@example.com
Subject: inner

inside
--out--
`, "\n", "\r\n")
	c, got, b := analyze(t, save(t, "ticket.eml", []byte(mail)), Options{})
	if b.Format != FormatFile || b.SHA256 != sum(mail) {
		t.Errorf("format %q, sum %s", b.Format, b.SHA256)
	}
	want := []string{
		fmt.Sprintf("ticket.eml archive %d", len(mail)),
		fmt.Sprintf("ticket.eml/logs.zip archive %d", len(attached)),
		"ticket.eml/logs.zip/a.log text/plain 4",
		"ticket.eml/message.html text/plain 8",
		"ticket.eml/message.txt text/plain 128",
		"ticket.eml/part-4.eml archive 45",
		"ticket.eml/part-4.eml/message.txt text/plain 42",
	}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	text := "From: Jürgen <j@example.com>\nTo: support@example.com\nDate: Thu, 20 Jan 2011 10:00:00 +0100\nSubject: Agent läuft nicht\n\nGrüße"
	if got.text("ticket.eml/message.txt") != text {
		t.Errorf("got %q", got.text("ticket.eml/message.txt"))
	}
	t.Run("cut", func(t *testing.T) {
		c, _, _ := analyze(t, save(t, "ticket.eml", []byte(mail[:strings.Index(mail, "<p>")+1])), Options{})
		if s := summary(c); !slices.Contains(s, "! ticket.eml/message.html [read] cut short: its packed bytes end after 1 bytes of it") {
			t.Errorf("got %q", s)
		}
	})
	t.Run("no-mail", func(t *testing.T) {
		c, _, _ := analyze(t, save(t, "ticket.eml", []byte("this: is\nno mail\n")), Options{})
		if s := summary(c); s[0] != "ticket.eml text/plain 17" {
			t.Errorf("got %q", s)
		}
	})
}

// base64Lines encodes data in lines.
func base64Lines(data []byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var b strings.Builder
	for i := 0; i < len(data); i += 3 {
		var v uint32
		n := min(3, len(data)-i)
		for j := range 3 {
			v <<= 8
			if j < n {
				v |= uint32(data[i+j])
			}
		}
		for j := range 4 {
			if j <= n {
				b.WriteByte(digits[v>>(18-6*j)&63])
			} else {
				b.WriteByte('=')
			}
		}
		if i%57 == 54 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestWorkbook(t *testing.T) {
	book := makeZip(t,
		file{name: "[Content_Types].xml", body: "<Types/>"},
		file{name: "xl/workbook.xml", body: `<workbook xmlns:r="r"><sheets><sheet name="Boundaries" r:id="rId1"/><sheet name="a/b" r:id="rId2"/><sheet name="lost" r:id="rId9"/></sheets></workbook>`},
		file{name: "xl/_rels/workbook.xml.rels", body: `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>`},
		file{name: "xl/sharedStrings.xml", body: `<sst><si><t>BoundaryType</t></si><si><r><t>Val</t></r><r><t>ue</t></r><rPh><t>no</t></rPh></si></sst>`},
		file{name: "xl/worksheets/sheet1.xml", body: `<worksheet><sheetData><row><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row><c r="A2"><v>3</v></c><c r="D2" t="inlineStr"><is><t>10.0.0.1&amp;
x</t></is></c></row></sheetData></worksheet>`},
		file{name: "xl/worksheets/sheet2.xml", body: `<worksheet><sheetData><row><c r="A1" t="s"><v>77</v></c></row>`},
	)
	c, got, _ := analyze(t, save(t, "b.xlsx", book), Options{})
	if text := got.text("b.xlsx/Boundaries.txt"); text != "BoundaryType\tValue\n3\t\t\t10.0.0.1& x\n" {
		t.Errorf("got %q", text)
	}
	if got.text("b.xlsx/a_b.txt") != "\uFFFD\n" {
		t.Errorf("got %q", got.text("b.xlsx/a_b.txt"))
	}
	s := summary(c)
	for _, want := range []string{fmt.Sprintf("b.xlsx archive %d", len(book)), "b.xlsx/a_b.txt text/plain 4 truncated", "! b.xlsx/lost.txt [read] the workbook lacks the part that should hold this sheet"} {
		if !slices.Contains(s, want) {
			t.Errorf("%q is not in %q", want, s)
		}
	}
}

// TestEventLogs reads logs of both formats within a zip: the text is a member, and what is damaged makes it one that is cut short.
func TestEventLogs(t *testing.T) {
	events := []evtxtest.Event{
		{Time: time.Unix(1331186405, 0), Level: 2, Provider: "Service Control Manager", ID: 7034, Computer: "PC1", Strings: []string{"Spooler", "1"}},
		{Time: time.Unix(1331186406, 0), Level: 4, Provider: "Service Control Manager", ID: 7036, Computer: "PC1", Strings: []string{"Spooler"}},
	}
	log, err := evtxtest.Log(events...)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(log)
	damaged[4096+52]++
	none, err := evtxtest.Log()
	if err != nil {
		t.Fatal(err)
	}
	zip := makeZip(t,
		file{name: "logs/System.evtx", body: string(log)}, file{name: "logs/sysevent.evt", body: string(evtxtest.Old(4096, events...))},
		file{name: "logs/damaged.evtx", body: string(damaged)}, file{name: "logs/none.evtx", body: string(none)}, file{name: "logs/cut.evtx", body: string(log[:100])})
	c, got, _ := analyze(t, save(t, "a.zip", zip), Options{})
	for _, path := range []string{"logs/System.evtx/events.xml", "logs/sysevent.evt/events.xml", "logs/damaged.evtx/events.xml"} {
		if text := got.text(path); strings.Count(text, "</Event>\n") != 2 || !strings.Contains(text, "<Computer>PC1</Computer><Security/></System><EventData><Data>Spooler</Data><Data>1</Data></EventData>") {
			t.Errorf("%s: %q", path, text)
		}
	}
	size := len(got.text("logs/damaged.evtx/events.xml"))
	s := summary(c)
	for _, want := range []string{
		fmt.Sprintf("logs/System.evtx archive %d", len(log)),
		fmt.Sprintf("logs/System.evtx/events.xml text/plain %d", size),
		fmt.Sprintf("logs/damaged.evtx/events.xml text/plain %d truncated", size),
		fmt.Sprintf("logs/none.evtx archive %d", len(none)),
		"! logs/damaged.evtx/events.xml [read] 1 chunk is damaged, the first at byte 4096: the checksum of its header is wrong: it is damaged, or was copied while Windows wrote to it",
		"! logs/cut.evtx [read] the event log can't be read: cut short: 100 of the 4096 bytes of its header are there",
	} {
		if !slices.Contains(s, want) {
			t.Errorf("%q is not in %q", want, s)
		}
	}
	for _, line := range s {
		if strings.Contains(line, "none.evtx/") || strings.HasPrefix(line, "! logs/none.evtx") {
			t.Errorf("a log without events is no problem: %s", line)
		}
	}
}

// splitZipFile cuts a zip into parts and makes its offsets count from the beginning of a part, as APPNOTE.TXT 8.3 has it.
func splitZipFile(data []byte, size int) [][]byte {
	le := binary.LittleEndian
	data = bytes.Clone(data)
	end := bytes.LastIndex(data, []byte("PK\x05\x06"))
	dir := int(le.Uint32(data[end+16:]))
	for at := dir; at < end; at += 46 + int(le.Uint16(data[at+28:])) + int(le.Uint16(data[at+30:])) + int(le.Uint16(data[at+32:])) {
		off := int(le.Uint32(data[at+42:]))
		le.PutUint16(data[at+34:], uint16(off/size))
		le.PutUint32(data[at+42:], uint32(off%size))
	}
	le.PutUint16(data[end+4:], uint16(end/size))
	le.PutUint16(data[end+6:], uint16(dir/size))
	le.PutUint32(data[end+16:], uint32(dir%size))
	return slices.Collect(slices.Chunk(data, size))
}

func TestSplit(t *testing.T) {
	body := func(c string) string { return strings.Repeat(c+"2:00 something happened\r\n", 30) }
	var entries []rawEntry
	for _, c := range []string{"1", "2", "3", "4"} {
		entries = append(entries, plainEntry(c+".log", body(c)))
	}
	whole := rawZip(entries...)
	tgz := gzipped(t, "", makeTar(t, member1("a.log", body("1"))))
	zipParts := func(base string) (list []file) {
		parts := splitZipFile(whole, 1000)
		for i, p := range parts {
			name := fmt.Sprintf("%s.z%02d", base, i+1)
			if i == len(parts)-1 {
				name = base + ".zip"
			}
			list = append(list, file{name: name, body: string(p)})
		}
		return list
	}
	byteParts := func(base string, data []byte) (list []file) {
		for p := range slices.Chunk(data, 40) {
			list = append(list, file{name: fmt.Sprintf("%s.%03d", base, len(list)+1), body: string(p)})
		}
		return list
	}
	folder := func(t *testing.T, list []file) string {
		dir := t.TempDir()
		for _, f := range list {
			if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	t.Run("zip-beside-each-other", func(t *testing.T) {
		dir := folder(t, zipParts("X"))
		c, got, b := analyze(t, filepath.Join(dir, "X.zip"), Options{})
		if b.Format != FormatZip || got.text("1.log") != body("1") || got.text("4.log") != body("4") || len(c.Problems) > 0 {
			t.Errorf("%s: %q", b.Format, summary(c))
		}
		if _, err := Open(t.Context(), filepath.Join(dir, "X.z01"), Options{}); err == nil || !strings.Contains(err.Error(), "part 1 of a split archive") {
			t.Errorf("the first part alone: %v", err)
		}
	})
	t.Run("zip-in-a-folder", func(t *testing.T) {
		c, got, _ := analyze(t, folder(t, zipParts("x")), Options{})
		if got.text("x.zip/1.log") != body("1") || got.text("x.zip/4.log") != body("4") || len(c.Problems) > 0 {
			t.Errorf("got %q", summary(c))
		}
	})
	t.Run("zip-in-a-zip", func(t *testing.T) {
		for _, set := range []func(*zip.FileHeader){nil, stored} {
			list := zipParts("x")
			for i := range list {
				list[i].set = set
			}
			c, got, _ := analyze(t, save(t, "t.zip", makeZip(t, list...)), Options{})
			if got.text("x.zip/1.log") != body("1") || got.text("x.zip/4.log") != body("4") || len(c.Problems) > 0 {
				t.Errorf("got %q", summary(c))
			}
		}
	})
	t.Run("bytes", func(t *testing.T) {
		dir := folder(t, byteParts("x.tar.gz", tgz))
		c, got, b := analyze(t, filepath.Join(dir, "x.tar.gz.001"), Options{})
		if b.Format != FormatTar || b.SHA256 != sum(string(tgz)) || got.text("a.log") != body("1") {
			t.Errorf("%s: %q", b.Format, summary(c))
		}
		c, got, _ = analyze(t, dir, Options{})
		if got.text("x.tar.gz.001/a.log") != body("1") || len(c.Problems) > 0 {
			t.Errorf("got %q", summary(c))
		}
	})
	t.Run("part-missing", func(t *testing.T) {
		list := byteParts("x.zip", whole)
		c, got, _ := analyze(t, folder(t, slices.Delete(list, 30, 31)), Options{})
		s := summary(c)
		if got.text("x.zip.001/1.log") != body("1") || !slices.ContainsFunc(s, func(s string) bool {
			return strings.HasSuffix(s, "part 31 of the set that it belongs to is missing: put all parts beside each other")
		}) {
			t.Errorf("got %q", s)
		}
	})
	t.Run("first-missing", func(t *testing.T) {
		c, _, _ := analyze(t, folder(t, append(byteParts("x.zip", whole)[1:], file{name: "ok.log", body: "x\n"})), Options{})
		if !slices.ContainsFunc(c.Artifacts, func(a *Artifact) bool { return a.Path == "x.zip.002" && a.Kind == KindText }) {
			t.Error("a part that is not joined is not read as what it is")
		}
		if s := summary(c); !slices.ContainsFunc(s, func(s string) bool {
			return strings.HasSuffix(s, "part 1 of the set that it belongs to is missing: put all parts beside each other")
		}) {
			t.Errorf("got %q", s)
		}
	})
	t.Run("no-set", func(t *testing.T) { // a backup of a log and a zip like any other
		c, _, _ := analyze(t, folder(t, []file{{name: "a.log.001", body: "x\n"}, {name: "b.zip", body: string(rawZip(plainEntry("b.log", "y\n")))}, {name: "c.zip", body: "no zip\n"}, {name: "d.r01", body: "a log\n"}, {name: "e.z01", body: "another\n"}}), Options{})
		want := []string{
			"a.log.001 text/plain 2", "b.zip archive 110", "b.zip/b.log text/plain 2", "c.zip text/plain 7", "d.r01 text/plain 6", "e.z01 text/plain 8",
			"! e.z01 [open] part 2 of the set that it belongs to is missing: put all parts beside each other",
			"! e.z01 [open] the zip is cut short or damaged: it has no directory at its end and no member at its start; ask for it again",
		}
		if diff := cmp.Diff(want, summary(c)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSalvageCuts cuts a zip at every fiftieth of its length. Whatever stands before the cut is found; nothing that never stood there is.
func TestSalvageCuts(t *testing.T) {
	line := "12:00 something %d happened at place %d\r\n"
	var files []file
	bodies := map[string]string{}
	for i := range 12 {
		var b strings.Builder
		for j := range 200 * (i + 1) {
			fmt.Fprintf(&b, line, i, i*j*7919%1009)
		}
		f := file{name: fmt.Sprintf("logs/%02d.log", i), body: b.String()}
		if i%3 == 1 {
			f.set = stored
		}
		if i%4 == 3 {
			f = file{name: fmt.Sprintf("logs/%02d.zip", i), body: string(makeZip(t, file{name: "in.log", body: b.String()}))}
			bodies[f.name+"/in.log"] = b.String()
		} else {
			bodies[f.name] = f.body
		}
		files = append(files, f)
	}
	whole := makeZip(t, files...)
	last := 0
	for i := 1; i <= 50; i++ {
		cut := len(whole) * i / 50
		c, got, b := analyze(t, save(t, "t.zip", whole[:cut]), Options{})
		if b.SHA256 != sum(string(whole[:cut])) {
			t.Errorf("cut %d: wrong SHA-256", i)
		}
		whole, total := 0, 0
		for path, s := range got.texts {
			text, body := s.raw.String(), bodies[path]
			if !strings.HasPrefix(body, text) {
				t.Errorf("cut %d: %s is not the beginning of what it was: %q", i, path, text[:min(60, len(text))])
			}
			if len(text) < len(body) && !s.a.Truncated {
				t.Errorf("cut %d: %s has %d of %d bytes and is not marked", i, path, len(text), len(body))
			}
			if text == body {
				whole++
			}
			total += len(text)
		}
		if total < last {
			t.Errorf("cut %d: %d bytes, and %d in a shorter one", i, total, last)
		}
		last = total
		if i < 50 && !slices.ContainsFunc(summary(c), func(s string) bool { return strings.HasPrefix(s, "!  [open] the zip is read in part") }) {
			t.Errorf("cut %d: no problem in %q", i, summary(c))
		}
		if i == 50 && (whole != len(bodies) || len(c.Problems) > 0) {
			t.Errorf("whole: %d of %d members, %q", whole, len(bodies), c.Problems)
		}
	}
}

// TestTwoDirectories reads a zip behind which the directory of another one stands: the last one counts, as for every other program.
func TestTwoDirectories(t *testing.T) {
	first, second := rawZip(plainEntry("a.log", "1\n")), rawZip(plainEntry("b.log", "22\n"))
	c, _, _ := analyze(t, save(t, "t.zip", append(first, second...)), Options{})
	want := []string{"b.log text/plain 3", fmt.Sprintf("!  [open] the zip is read in part: another archive of 1 members stands before it in the same file, up to byte %d; its members are not read: cut the file there and pass both parts", len(first))}
	if diff := cmp.Diff(want, summary(c)); diff != "" {
		t.Error(diff)
	}
	c, _, _ = analyze(t, save(t, "t.zip", append([]byte("MZ a program that unpacks itself PK\x05\x06 and more of it"), second...)), Options{})
	if diff := cmp.Diff([]string{"b.log text/plain 3"}, summary(c)); diff != "" {
		t.Errorf("bytes before the archive: %s", diff)
	}
	junk := append(bytes.Clone(first), "trailing garbage, and more of it"...)
	c, _, _ = analyze(t, save(t, "t.zip", junk), Options{})
	if s := summary(c); s[0] != "a.log text/plain 2" {
		t.Errorf("got %q", s)
	}
}

// lockedEntry encrypts a stored member in the traditional way.
func lockedEntry(name, body, password string) rawEntry {
	e := plainEntry(name, body)
	keys := newZipCrypto(password)
	plain := append([]byte("12345678901"), byte(e.crc>>24))
	plain = append(plain, body...)
	for i, b := range plain {
		t := keys[2] | 2
		plain[i] = b ^ byte(t*(t^1)>>8)
		keys.update(b)
	}
	e.packed, e.flags = plain, zipEncrypted
	return e
}

func TestPasswords(t *testing.T) {
	data := rawZip(lockedEntry("a.log", "one\n", "first"), lockedEntry("b.log", "two\n", "zweit\xe4r"), plainEntry("c.log", "three\n"))
	path := save(t, "t.zip", data)
	c, got, _ := analyze(t, path, Options{Passwords: []string{"x", "first", "zweitär"}})
	if got.text("a.log") != "one\n" || got.text("b.log") != "two\n" || len(c.Problems) > 0 {
		t.Errorf("got %q", summary(c))
	}
	var asked []string
	c, got, _ = analyze(t, path, Options{Passwords: []string{"x"}, AskPassword: func(archive string) (string, bool) {
		asked = append(asked, archive)
		return "first", len(asked) == 1
	}})
	if got.text("a.log") != "one\n" || got.text("c.log") != "three\n" || len(asked) != 2 || asked[0] != "t.zip" {
		t.Errorf("got %q after %q", summary(c), asked)
	}
	if s := summary(c); !slices.Contains(s, "! b.log [read] encrypted, and none of the given passwords opens it: ask the sender for the right one and pass it with --password or --password-file") {
		t.Errorf("got %q", s)
	}
}

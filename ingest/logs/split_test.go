package logs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"casebook/ingest"
)

// entry is a record as the tests compare it.
type entry struct {
	Text      string
	Component string
	Thread    uint64
	Time      string // "" none; with "Z" if the offset is known, then in UTC
	Severity  string
}

func entryOf(r ingest.Record) entry {
	e := entry{Text: string(r.Text), Component: string(r.Component), Thread: r.Thread, Severity: r.Severity.String()}
	if u, ok := r.Time.UTC(); ok {
		e.Time = u.Format("2006-01-02 15:04:05.000000Z")
	} else if l, ok := r.Time.Local(); ok {
		e.Time = l.Format("2006-01-02 15:04:05.000000")
	}
	return e
}

// kept is a record that outlives its buffer.
type kept struct {
	Raw       string
	Text      string
	At        int // of the text within the raw bytes
	Component string
	Thread    uint64
	Time      ingest.Time
	Severity  ingest.Severity
}

func keep(r ingest.Record) kept {
	return kept{
		Raw: string(r.Raw), Text: string(r.Text), At: inside(r.Raw, r.Text), Component: string(r.Component), Thread: r.Thread, Time: r.Time,
		Severity: r.Severity,
	}
}

// inside returns where part lies within whole, -1 if it does not share its memory.
func inside(whole, part []byte) int {
	if len(part) == 0 {
		return 0
	}
	for i := 0; i+len(part) <= len(whole); i++ {
		if &whole[i] == &part[0] {
			return i
		}
	}
	return -1
}

// split feeds text in pieces of the sizes that next returns, as package ingest does: what a splitter leaves comes again with more behind it.
func split(t testing.TB, s ingest.Splitter, text []byte, next func() int, emit func(ingest.Record)) {
	t.Helper()
	start, end := 0, 0
	for {
		last := end == len(text)
		// The three-index slice ends where the text does, so that a splitter which reads beyond it is found out.
		n := s.Split(text[start:end:end], last, emit)
		if n < 0 || n > end-start {
			t.Fatalf("Split took %d of %d bytes", n, end-start)
		}
		start += n
		if last {
			if start != end {
				t.Fatalf("Split left %d bytes at the end", end-start)
			}
			return
		}
		if n == 0 && end-start > ingest.MaxRecord {
			t.Fatalf("Split took nothing of %d bytes", end-start)
		}
		end = min(len(text), end+max(1, next()))
	}
}

func splitAll(t testing.TB, r ingest.Reader, text []byte) []kept {
	t.Helper()
	var out []kept
	split(t, r.New(), text, func() int { return len(text) }, func(rec ingest.Record) { out = append(out, keep(rec)) })
	return out
}

func entries(t testing.TB, r ingest.Reader, text string) []entry {
	t.Helper()
	var out []entry
	split(t, r.New(), []byte(text), func() int { return len(text) }, func(rec ingest.Record) { out = append(out, entryOf(rec)) })
	return out
}

// check fails if the records do not join to the text, hold an empty one, or hold a text that is not their own.
func check(t testing.TB, text []byte, records []kept) {
	t.Helper()
	at := 0
	for i, r := range records {
		if r.Raw == "" {
			t.Fatalf("record %d is empty", i)
		}
		if !bytes.HasPrefix(text[at:], []byte(r.Raw)) {
			t.Fatalf("record %d is not the text at %d", i, at)
		}
		if r.At < 0 {
			t.Fatalf("text of record %d is not part of it", i)
		}
		if len(r.Raw) > ingest.MaxRecord {
			t.Fatalf("record %d has %d bytes", i, len(r.Raw))
		}
		at += len(r.Raw)
	}
	if at != len(text) {
		t.Fatalf("records hold %d bytes of %d", at, len(text))
	}
}

// checkPieces fails if the records depend on how the text was cut.
func checkPieces(t testing.TB, r ingest.Reader, text []byte, next func() int) {
	t.Helper()
	whole := splitAll(t, r, text)
	check(t, text, whole)
	var pieces []kept
	split(t, r.New(), text, next, func(rec ingest.Record) { pieces = append(pieces, keep(rec)) })
	if d := cmp.Diff(whole, pieces); d != "" {
		t.Fatalf("%s: records depend on the pieces (-whole +pieces):\n%s", r.Kind, d)
	}
}

// surest returns the reader that the scores choose.
func surest(name string, head []byte) ingest.Reader {
	readers := All()
	best, score := readers[len(readers)-1], 0
	for _, r := range readers {
		if s := r.Sniff(name, head); s > score {
			best, score = r, s
		}
	}
	return best
}

// scraps are what the formats are made of; joined at random they make texts that are nearly right.
var scraps = []string{
	"<![LOG[", "]LOG]!>", "<time=", `"10:00:00.000+240"`, ` date="7-04-2012" component="CAS" context="" type="3" thread="12" file="a.cpp:1">`,
	`<time="10:00:00.000+240" date="07-04-2012" component="CAS" context="" type="1" thread="12" file="a.cpp:1">`, "\r\n", "\n", "\n\n", " ", "\t", "~",
	"text", "error", "failover", "日本", "é", "\xff", "\x00", "  $$<CCIM32>", "<Fri Dec 10 01:12:40.304 1999 Pacific Standard Time>", "<thread=322 (0x142)>",
	"<Tue May 16 13:17:10.854 2000>", "<07-15-2023 09:12:45.332+240>", "\tCCIM32\t9/20/99 5:24:00 PM\t227 (0xE3)", "$$<", "$", "<", ">", "(0x",
	"=== Verbose logging started: 3/8/2012  21:16:41  Build type: SHIP ===\n", "=== Verbose logging stopped: 9.3.2012  0:00:01 ===\n",
	"MSI (s) (40!94) [21:16:55:233]: ", "MSI (c) (40:94): ", "Aktion beendet um 23:59:59: X. Rückgabewert 3.", "Property(S): UserLanguageID = 1031\n",
	"ScriptGen: Action start X 10:00:00.000\n", "6/14/2016 19:14:22 - PFRO Error: ", "21 Successful PFRO operations", "2024-01-15 08:00:00, Info  CBS  ",
	"2024/02/16 06:05:19.349", "15.07.2007 12:44:16", "[1/22/2007 12:09:15 PM] ", "Sep  1 11:40:53 ", "Wed Apr 29 12:40:46 2026", "29/Mar/2026:18:48:23 +0200",
	"07/29/26,09:20:00", "02/14 21:41:35", "2026-03-29T18:48:23Z", "#Fields: date time\n", "Event[0]:\n  Level: Error\n", "12", "0", ":", "/", "-", "[", "]", "STATMSG: SEV=E GMTDATE=Tue Jul 18 21:38:07.530 2000 ",
}

// TestPieces joins scraps at random and cuts the text at random.
func TestPieces(t *testing.T) {
	for _, r := range All() {
		t.Run(string(r.Kind), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				text := []byte{}
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(scraps)-1), 0, 60).Draw(rt, "scraps") {
					text = append(text, scraps[i]...)
				}
				sizes := rapid.SliceOfN(rapid.IntRange(1, 40), 1, 20).Draw(rt, "sizes")
				i := 0
				checkPieces(t, r, text, func() int { i++; return sizes[i%len(sizes)] })
			})
		})
	}
}

// hostile are texts that punish a splitter which searches twice, 1.5 MiB each.
func hostile() map[string][]byte {
	const size = 3 << 19
	fill := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)+1)[:size] }
	return map[string][]byte{
		"no-end":       append([]byte(ccmStart), fill("x")...),
		"starts":       fill(ccmStart),
		"start-lines":  fill(ccmStart + "\n"),
		"ends":         fill(ccmEnd),
		"end-blank":    fill(ccmEnd + " \n"),
		"open-trailer": append([]byte(ccmStart), fill(`]LOG]!><time="`)...),
		"brackets":     fill("]"),
		"dollars":      fill("$$<"),
		"dollar":       fill("$"),
		"open-dollar":  fill("$$<a><b"),
		"lines":        fill("a\n"),
		"empty-lines":  fill("\n"),
		"nul":          fill("\x00"),
		"one-line":     fill("word "),
		"digits":       fill("1"),
		"dates":        fill("2024-01-15 "),
		"runes":        fill("語"),
		"half-runes":   fill("\xe8\xaa"),
		"paste":        fill("(0x1)\n"),
	}
}

// TestHostile bounds the time and cuts over-long records in the same places whatever the pieces.
func TestHostile(t *testing.T) {
	for name, text := range hostile() {
		for _, r := range All() {
			t.Run(name+"/"+string(r.Kind), func(t *testing.T) {
				var whole, pieces []int
				split(t, r.New(), text, func() int { return len(text) }, func(rec ingest.Record) { whole = append(whole, len(rec.Raw)) })
				// The best of three tries, so that a busy machine is no failure.
				const limit = 2 * time.Second
				took := limit + 1
				for range 3 {
					if took <= limit {
						break
					}
					pieces = pieces[:0]
					start := time.Now()
					split(t, r.New(), text, func() int { return 8 << 10 }, func(rec ingest.Record) { pieces = append(pieces, len(rec.Raw)) })
					took = min(took, time.Since(start))
				}
				if took > limit {
					t.Errorf("1.5 MiB took longer than %v", limit)
				}
				if !slices.Equal(whole, pieces) {
					t.Errorf("%d records of the whole, %d of its pieces, or of other lengths", len(whole), len(pieces))
				}
				sum := 0
				for _, n := range whole {
					if n <= 0 || n > ingest.MaxRecord {
						t.Fatalf("a record has %d bytes", n)
					}
					sum += n
				}
				if sum != len(text) {
					t.Errorf("records hold %d bytes of %d", sum, len(text))
				}
			})
		}
	}
}

func fuzzReader(f *testing.F, r ingest.Reader, seeds ...string) {
	for _, s := range append(seeds, scraps...) {
		f.Add([]byte(s), uint8(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		for _, other := range All() {
			if s := other.Sniff("x.log", text); s < 0 || s > 100 {
				t.Fatalf("score %d", s)
			}
		}
		checkPieces(t, r, text, func() int { return int(size) + 1 })
	})
}

func FuzzCCM(f *testing.F)      { fuzzReader(f, ccmReader, ccmSample) }
func FuzzSMS(f *testing.F)      { fuzzReader(f, smsReader, smsSample) }
func FuzzMSI(f *testing.F)      { fuzzReader(f, msiReader, msiSample) }
func FuzzPFRO(f *testing.F)     { fuzzReader(f, pfroReader, pfroSample) }
func FuzzSetupAPI(f *testing.F) { fuzzReader(f, setupapiReader, setupapiSample) }
func FuzzText(f *testing.F)     { fuzzReader(f, textReader, textSample) }

const (
	ccmSample = "half]LOG]!><time=\"09:59:59.000+240\" date=\"7-04-2012\" component=\"CAS\" context=\"\" type=\"1\" thread=\"12\" file=\"a.cpp:1\">\r\n" +
		"<![LOG[Raising event:\n\ninstance of X\n]LOG]!><time=\"10:00:00.123+240\" date=\"07-04-2012\" component=\"execmgr\" context=\"\" type=\"3\" thread=\"1234\" file=\"a.cpp:1\">\r\n" +
		"stray\n<![LOG[cut\n<![LOG[good]LOG]!><time=\"10:00:01.1234567\" date=\"7-4-2012\" component=\"IME\" context=\"\" type=\"2\" thread=\"1\" file=\"\">"
	smsSample = "first\nsecond~~  $$<APM ><Tue May 16 13:17:10.854 2000 ><thread=1512 (0x5E8)>\r\n" +
		"STATMSG: ID=1 SEV=W GMTDATE=Tue Jul 18 21:38:07.530 2000 ISTR0=\"\"  $$<X><Tue Jul 18 17:38:08.100 2000><thread=4294758987 (0xFFFCD24B)>\n"
	msiSample = "=== Verbose logging started: 24/03/2026  23:59:49  Build type: SHIP ===\r\nMSI (s) (40!94) [23:59:55:233]: a\r\nMSI (s) (40:94) [00:00:01:000]: b\r\n" +
		"Action ended 0:00:02: INSTALL. Return value 3.\r\nProperty(S): A = b\r\n"
	pfroSample     = "6/14/2016 19:14:22 - PFRO Error: \\??\\C:\\a, b\\c.tmp, |delete operation|, 0xc000003a\r\n6/4/2016 9:4:2 - 21 Successful PFRO operations\r\n"
	setupapiSample = "[Device Install Log]\r\n[Boot Session: 2015/11/22 17:58:03.498]\r\n>>>  [Device Install]\r\n>>>  Section start 2015/11/22 23:59:28.110\r\n" +
		"!!!  dvi: {Build Driver List} 00:00:01.176\r\n!    inf: b\r\n<<<  Section end 2015/11/23 00:00:02.000\r\n<<<  [Exit status: FAILURE(0x00000005)]\r\n"
	textSample = "2024-01-15 08:00:00, Info                  CBS    a\r\n  more\r\n2024-01-15 08:00:02, Error  CBS  b\r\n"
)

func ExampleAll() {
	for _, r := range All() {
		fmt.Println(r.Kind, r.Sniff("wuahandler.log", []byte(ccmStart+"text]LOG]!><time=")))
	}
	// Output:
	// log/ccm 95
	// log/sms 0
	// log/sep-inst 0
	// log/msi 0
	// log/pfro 0
	// log/setupapi 0
	// log/sep-client 0
	// log/sep-client 0
	// log/zenworks 0
	// log/windows-update 0
	// log/reporting-events 0
	// log/servicing 0
	// log/w3c 0
	// log/netlogon 0
	// log/crash 0
	// log/events 0
	// log/events 0
	// log/events 0
	// log/events 0
	// log/table 0
	// log/text 0
	// text/plain 1
}

// TestCut tells logs that end within a record from those that are whole.
func TestCut(t *testing.T) {
	const ccm = `<![LOG[one]LOG]!><time="10:00:00.000+000" date="01-12-2011" component="x" context="" type="1" thread="1" file="x.cpp:1">` + "\r\n"
	const sms = "one  $$<CCIM32><Tue May 16 09:17:10.854 2000><thread=151 (0x97)>\r\n"
	const copied = "one\tCCIM32\t9/20/00 5:24:00 PM\t227 (0xE3)\r\n"
	tests := []struct {
		name, text string
		reader     ingest.Reader
		want       bool
	}{
		{"ccm-whole", ccm + ccm, ccmReader, false},
		{"ccm-without-last-line-end", ccm + strings.TrimSpace(ccm), ccmReader, false},
		{"ccm-begins-within-a-record", ccm[9:] + ccm, ccmReader, false},
		{"ccm-record-without-end-in-the-middle", ccm[:9] + "\r\n" + ccm, ccmReader, false},
		{"ccm-cut-in-the-text", ccm + ccm[:9], ccmReader, true},
		{"ccm-cut-in-the-trailer", ccm + ccm[:40], ccmReader, true},
		{"sms-whole", sms + sms, smsReader, false},
		{"sms-without-last-line-end", sms + strings.TrimSpace(sms), smsReader, false},
		{"sms-cut-in-the-text", sms + sms[:2], smsReader, true},
		{"sms-cut-in-the-trailer", sms + sms[:20], smsReader, true},
		{"sms-line-behind", sms + "a line of its own\r\n", smsReader, false},
		{"copy-of-a-viewer", copied + "the last line", smsReader, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.reader.New()
			ignore := func(ingest.Record) {}
			half := len(tt.text) / 2
			taken := s.Split([]byte(tt.text[:half]), false, ignore)
			s.Split([]byte(tt.text[taken:]), true, ignore)
			e, ok := s.(ingest.Ender)
			if !ok {
				t.Fatal("the splitter does not tell where its text ends")
			}
			if got := e.Cut(); got != tt.want {
				t.Errorf("cut is %v, want %v", got, tt.want)
			}
		})
	}
}

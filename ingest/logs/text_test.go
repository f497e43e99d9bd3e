package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

// TestTextStamps: one line of each shape, as it stands in real logs.
func TestTextStamps(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       entry
	}{
		{"level-beats-words", "2024-01-15 08:00:01, Info                  DISM   failed", entry{Text: "Info                  DISM   failed", Time: "2024-01-15 08:00:01.000000", Severity: "info"}},
		{"level-word-in-a-sentence", "2024-01-15 08:00:01 Information about the failure", entry{Text: "Information about the failure", Time: "2024-01-15 08:00:01.000000", Severity: "error"}},
		{"level-word-behind", "2024-01-15 08:00:01 Failed getting info", entry{Text: "Failed getting info", Time: "2024-01-15 08:00:01.000000", Severity: "error"}},
		{"level-in-small-letters", "2024-01-15 08:00:01 [info] failed", entry{Text: "[info] failed", Time: "2024-01-15 08:00:01.000000", Severity: "info"}},
		{"level-in-small-letters-first", "2024-01-15 08:00:01 info: failed", entry{Text: "info: failed", Time: "2024-01-15 08:00:01.000000", Severity: "info"}},
		{"no-message", "2024-01-15 08:00:01, ", entry{Time: "2024-01-15 08:00:01.000000"}},
		{"windows-update-converted", "2017/01/15 10:06:42.4942438 900   1234  Agent x", entry{Text: "900   1234  Agent x", Time: "2017-01-15 10:06:42.494243"}},
		{"iso-utc", "2021-02-13T19:56:35.990Z started", entry{Text: "started", Time: "2021-02-13 19:56:35.990000Z"}},
		{"iso-offset", "2024-03-15 16:00:00.000001-0700 x", entry{Text: "x", Time: "2024-03-15 23:00:00.000001Z"}},
		{"iso-offset-colon", "2024-03-15T16:00:00+05:30 x", entry{Text: "x", Time: "2024-03-15 10:30:00.000000Z"}},
		{"iso-comma", "2024-03-15 12:00:00,123456+0100 x", entry{Text: "x", Time: "2024-03-15 11:00:00.123456Z"}},
		{"utc-word", "2024-03-15 12:00:00 UTC x", entry{Text: "x", Time: "2024-03-15 12:00:00.000000Z"}},
		{"no-offset-but-number", "2024-03-15 12:00:00 -12 x", entry{Text: "-12 x", Time: "2024-03-15 12:00:00.000000"}},
		{"german", "15.07.2007 12:44:16 Fehler", entry{Text: "Fehler", Time: "2007-07-15 12:44:16.000000"}},
		{"german-open-looking", "03.08.2007 12:44:16 x", entry{Text: "x", Time: "2007-08-03 12:44:16.000000"}},
		{"korean", "2012-03-08 오후 9:16:41 x", entry{Text: "x", Time: "2012-03-08 21:16:41.000000"}},
		{"chinese", "2012/3/8 上午 12:16:41 x", entry{Text: "x", Time: "2012-03-08 00:16:41.000000"}},
		{"greek", "8/3/2012 9:16:41 μμ x", entry{Text: "x"}}, // the twelve-hour clock is no sign of the United States here
		{"greek-proved", "25/3/2012 9:16:41 μμ x", entry{Text: "x", Time: "2012-03-25 21:16:41.000000"}},
		{"us-unpadded", "8/3/2012 9:16:41 PM x", entry{Text: "x", Time: "2012-08-03 21:16:41.000000"}},
		{"spanish", "25/03/2012 09:16:41 p. m. x", entry{Text: "x", Time: "2012-03-25 21:16:41.000000"}},
		{"word-behind", "25/03/2012 09:16:41 amount x", entry{Text: "amount x", Time: "2012-03-25 09:16:41.000000"}},
		{"no-such-hour", "25/03/2012 13:16:41 PM x", entry{Text: "25/03/2012 13:16:41 PM x"}},
		{"slash-open", "07/08/2026 09:40:00 x", entry{Text: "x"}},
		{"slash-same", "07/07/2026 09:40:00 x", entry{Text: "x", Time: "2026-07-07 09:40:00.000000"}},
		{"slash-proved", "07/29/2026 09:40:00~[x]", entry{Text: "[x]", Time: "2026-07-29 09:40:00.000000"}},
		{"two-digit-year", "11,07/29/26,09:20:00,Renew", entry{Text: "11,07/29/26,09:20:00,Renew", Time: "2026-07-29 09:20:00.000000"}},
		{"two-digit-year-in-front-or-behind", "26-03-29 09:20:00 x", entry{Text: "x"}},
		{"syslog", "Sep  1 11:40:53 host x", entry{Text: "host x"}},
		{"priority", "<1>Sep  1 11:40:53 x", entry{Text: "x"}},
		{"month-day", "02/14 21:41:35 [4636] x", entry{Text: "[4636] x"}},
		{"c-time", "Tue Apr 28 12:40:46 2026 x", entry{Text: "x", Time: "2026-04-28 12:40:46.000000"}},
		{"named-month", "[2019-Feb-14 21:36:39.060753] [DEBUG] x", entry{Text: "[DEBUG] x", Time: "2019-02-14 21:36:39.060753", Severity: "info"}},
		{"apache", "10.1.2.3 - - [29/Mar/2026:18:48:23 +0200] \"GET /\"", entry{Text: "10.1.2.3 - - [29/Mar/2026:18:48:23 +0200] \"GET /\"", Time: "2026-03-29 16:48:23.000000Z"}},
		{"words-before", "Section start 2022/02/05 11:20:49.867 x", entry{Text: "Section start 2022/02/05 11:20:49.867 x", Time: "2022-02-05 11:20:49.867000"}},
		{"pipes", "2026-05-12 08:18:00:001 | Portal | W | 2 | x", entry{Text: "Portal | W | 2 | x", Time: "2026-05-12 08:18:00.001000", Severity: "warning"}},
		{"no-such-date", "2024-02-30 08:00:01 x", entry{Text: "x"}},
		{"no-such-time", "2024-02-20 25:00:01 x", entry{Text: "2024-02-20 25:00:01 x"}},
		{"date-alone", "2024-02-20 x", entry{Text: "2024-02-20 x"}},
		{"version", "10.0.19041.3636 x", entry{Text: "10.0.19041.3636 x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff([]entry{c.want}, entries(t, textReader, c.line+"\r\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTextOrder: what a file of open dates tells about their order.
func TestTextOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		dates []string
		want  []string
	}{
		{"later-day-proves", []string{"03/04/2012", "13/04/2012"}, []string{"2012-04-03", "2012-04-13"}},
		{"later-month-proves", []string{"03/04/2012", "03/14/2012"}, []string{"2012-03-04", "2012-03-14"}},
		{"second-field-moves", []string{"03/04/2012", "03/05/2012", "03/06/2012"}, []string{"2012-03-04", "2012-03-05", "2012-03-06"}},
		{"first-field-moves", []string{"03/04/2012", "04/04/2012", "05/04/2012"}, []string{"2012-04-03", "2012-04-04", "2012-04-05"}},
		{"open", []string{"03/04/2012", "05/06/2012"}, []string{"", ""}},
		{"both-orders", []string{"03/14/2012", "14/03/2012", "03/04/2012"}, []string{"2012-03-14", "2012-03-14", ""}},
		{"padded-second", []string{"8/03/2012", "9/05/2012"}, []string{"2012-03-08", "2012-05-09"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text strings.Builder
			for _, d := range c.dates {
				text.WriteString(d + " 10:00:00 x\n")
			}
			for i, e := range entries(t, textReader, text.String()) {
				if got, _, _ := strings.Cut(e.Time, " "); got != c.want[i] {
					t.Errorf("%s: got %q, want %q", c.dates[i], got, c.want[i])
				}
			}
		})
	}
}

// TestTextOrderLater: a date beyond the head that proves the order settles those that follow it, not those before.
func TestTextOrderLater(t *testing.T) {
	line := "03/04/2012 10:00:00 " + strings.Repeat("x", 100) + "\n"
	n := headSize/len(line) + 10
	got := entries(t, textReader, strings.Repeat(line, n)+"13/04/2012 10:00:00 x\n"+line)
	if got[0].Time != "" || got[n].Time != "2012-04-13 10:00:00.000000" || got[n+1].Time != "2012-04-03 10:00:00.000000" {
		t.Errorf("first %q, proof %q, next %q", got[0].Time, got[n].Time, got[n+1].Time)
	}
}

func TestTextContinuation(t *testing.T) {
	stamped := "2024-01-15 08:00:00, Info  CBS  x"
	for _, c := range []struct {
		name, text string
		want       []entry
	}{
		{"lines-belong-to-the-stamp", "before\n" + stamped + "\r\n  more\r\n\r\nat 2024-01-15 09:00:00 y\r\n" + stamped, []entry{
			{Text: "before"},
			{Text: "Info  CBS  x\r\n  more\r\n\r\nat 2024-01-15 09:00:00 y", Time: "2024-01-15 08:00:00.000000", Severity: "info"},
			{Text: "Info  CBS  x", Time: "2024-01-15 08:00:00.000000", Severity: "info"},
		}},
		{"severity-of-the-lines", "2024-01-15 08:00:00 x\nfailed\n2024-01-15 08:00:00 y\n", []entry{
			{Text: "x\nfailed", Time: "2024-01-15 08:00:00.000000", Severity: "error"},
			{Text: "y", Time: "2024-01-15 08:00:00.000000"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, entries(t, textReader, c.text)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTextLimits: a record ends after so many lines or bytes; what follows it has no time.
func TestTextLimits(t *testing.T) {
	stamped := "2024-01-15 08:00:00 x\n"
	got := entries(t, textReader, strings.Repeat(stamped, 100)+strings.Repeat("more\n", 250)+stamped)
	if n := strings.Count(got[99].Text, "\n"); n != maxRecordLines-1 {
		t.Errorf("the record has %d line ends", n)
	}
	if want := 100 + 250 - (maxRecordLines - 1) + 1; len(got) != want || got[100].Time != "" || got[100].Text != "more" || got[want-1].Time == "" {
		t.Errorf("%d records, want %d", len(got), want)
	}
	got = entries(t, textReader, strings.Repeat(stamped, 100)+strings.Repeat("a line of some length that is no stamp\n", 10)+strings.Repeat("x", maxContinuation)+"\n"+stamped)
	if len(got) != 102 || len(got[99].Text) > maxContinuation {
		t.Errorf("%d records, the one before the long line has %d bytes", len(got), len(got[99].Text))
	}
}

// TestTextWithoutStamps: dates in a text do not make it a log.
func TestTextWithoutStamps(t *testing.T) {
	for name, text := range map[string]string{
		"systeminfo": strings.Repeat("Key:            value\r\n", 40) + "System Boot Time:          3/8/2012, 9:16:41 PM\r\n",
		"listing":    strings.Repeat("03/08/2012  09:16 PM    <DIR>          Windows\r\n", 20),
		"ini":        "[FILE SOURCE]\r\nA=B\r\n",
		"empty":      "",
	} {
		if s := textReader.Sniff("x.txt", []byte(text)); s != 0 {
			t.Errorf("%s: score %d", name, s)
		}
		if r := surest("x.txt", []byte(text)); r.Kind != ingest.KindText {
			t.Errorf("%s is read as %s", name, r.Kind)
		}
	}
}

func TestSniff(t *testing.T) {
	stamps := strings.Repeat("2024-01-15 08:00:00, Info  CBS  x\n", 10)
	for _, c := range []struct {
		name, file, head string
		want             ingest.Kind
	}{
		{"ccm", "execmgr.log", ccmLine("x", "10:00:00.123+240", "CAS", "1", ""), ingest.KindLogCCM},
		{"ccm-rolled", "execmgr.lo_", ccmSample, ingest.KindLogCCM},
		{"ccm-in-a-text", "x.txt", "see\n" + ccmLine("x", "10:00:00.123+240", "CAS", "1", ""), ingest.KindLogCCM},
		{"sms", "ccm.log", smsSample, ingest.KindLogSMS},
		{"sms-quoted-in-ccm", "x.log", ccmLine("a $$<A><Tue May 16 13:17:10.854 2000><thread=1>", "10:00:00.123+240", "CAS", "1", ""), ingest.KindLogCCM},
		{"copies", "paste.txt", "a\tCCIM32\t9/20/99 5:24:00 PM\t227 (0xE3)\nb\tCCIM32\t9/20/99 5:24:00 PM\t227 (0xE3)\n", ingest.KindLogSMS},
		{"msi", "x.log", msiSample, ingest.KindLogMSI},
		{"msi-without-header", "x.log", "\r\nMSI (s) (40:94) [21:16:55:233]: x\r\n", ingest.KindLogMSI},
		{"msi-that-quotes-ccm", "x.log", msiSample + ccmLine("x", "10:00:00.123+240", "CAS", "1", ""), ingest.KindLogMSI},
		{"msi-excerpt", "x.txt", "pasted:\nProperty(S): A = b\n", ingest.KindLogMSI},
		{"sep-by-content", "x.log", msiSample + "ScriptGen: Action start X\n", ingest.KindLogSEP},
		{"sep-by-name", "sep_inst.log", msiSample, ingest.KindLogSEP},
		{"sep-by-name-rolled", "sep_inst_2012.log", msiSample, ingest.KindLogSEP},
		{"sep-by-name-alone", "sep_inst.log", stamps, ingest.KindLogServicing},
		{"pfro", "x.txt", pfroSample, ingest.KindLogPFRO},
		{"pfro-by-name", "pfro.log", "6/14/2016 19:14:22 - other\n", ingest.KindLogPFRO},
		{"setupapi", "setupapi.dev.log", setupapiSample, ingest.KindLogSetupAPI},
		{"stamps", "cbs.log", stamps, ingest.KindLogServicing},
		{"plain", "readme.txt", "hello\n", ingest.KindText},
		{"bars-without-a-heading", "portal.log", strings.Repeat("2026-05-12 08:18:00:001 | Portal | I | 26 | x\n", 3), ingest.KindLogText},
		{"name-alone", "execmgr.log", "hello\n", ingest.KindText},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := surest(c.file, []byte(c.head)); got.Kind != c.want {
				t.Errorf("read as %s, want %s", got.Kind, c.want)
			}
		})
	}
}

func TestTextSeverity(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"nothing":    "",
		"an Error":   "error",
		"xERROR":     "error",
		"it failed":  "error",
		"FAILURE":    "error",
		"a failover": "",
		"Installation success or error status: 0.":    "",
		"Installation success or error status: 1603.": "error",
		"Failover failed":           "error",
		"NOERROR":                   "",
		"a warning":                 "warning",
		"warning, then an error":    "error",
		"warn":                      "",
		"WARN: failed to get":       "warning",
		"[Warning] error":           "warning",
		"warned: failed":            "error",
		"fai":                       "",
		"erro":                      "",
		"terrain, aired, warren, r": "",
	} {
		// At each place of the three that the search looks at.
		for pad := range 4 {
			if got := textSeverity([]byte(strings.Repeat(" ", pad) + text)).String(); got != want {
				t.Errorf("%q after %d blanks: %q, want %q", text, pad, got, want)
			}
		}
	}
}

func TestDate(t *testing.T) {
	for year := 1980; year < 2200; year++ {
		for month := 1; month <= 12; month++ {
			for day := range 33 {
				want := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
				exists := want.Day() == day && int(want.Month()) == month
				got, ok := date(year, month, day)
				if ok != exists || ok && got != want.UnixMicro() {
					t.Fatalf("%d-%d-%d: %d, %v; want %d, %v", year, month, day, got, ok, want.UnixMicro(), exists)
				}
			}
		}
	}
	for _, y := range []int{-1, 0, 1979, 2200} {
		if _, ok := date(y, 1, 1); ok {
			t.Errorf("year %d", y)
		}
	}
}

func ExampleAll_split() {
	s := All()[0].New()
	text := []byte(ccmLine("Policy arrived", "10:00:00.123+240", "PolicyAgent", "1", "policyagent.cpp:12"))
	s.Split(text, true, func(r ingest.Record) {
		utc, _ := r.Time.UTC()
		fmt.Printf("%s %s %s: %s\n", utc.Format("2006-01-02 15:04:05Z"), r.Component, r.Severity, r.Text)
	})
	// Output: 2012-07-04 14:00:00Z PolicyAgent info: Policy arrived
}

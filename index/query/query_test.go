package query

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct{ name, query, want string }{
		{"word", "0x80040669", "0x80040669"},
		{"words", "failed  to\tstart", "failed AND to AND start"},
		{"and", "a AND b", "a AND b"},
		{"or-binds-looser", "a b OR c", "a AND b OR c"},
		{"parentheses", "a (b OR c)", "a AND (b OR c)"},
		{"not", "a NOT b", "a AND NOT b"},
		{"minus", "a -b -(c d)", "a AND NOT b AND NOT (c AND d)"},
		{"minus-within", "sms-agent", "sms-agent"},
		{"lone-minus", "a - b", "a AND - AND b"},
		{"double-not", "NOT NOT a", "NOT NOT a"},
		{"lower-case-operators-are-words", "a and b or not", "a AND and AND b AND or AND not"},
		{"phrase", `"exit code 1603"`, `"exit code 1603"`},
		{"quote-in-phrase", `"say ""hello"" now"`, `"say ""hello"" now"`},
		{"operator-in-quotes", `"AND"`, `"AND"`},
		{"field", "host:WKS01", "host:WKS01"},
		{"field-name-in-capitals", "Host:WKS01", "host:WKS01"},
		{"field-phrase", `component:"a b"`, `component:"a b"`},
		{"field-group", "severity:(error OR warning) x", "(severity:error OR severity:warning) AND x"},
		{"not-field", "-file:a.log", "NOT file:a.log"},
		{"path", `C:\Windows\ccm.log`, `C:\Windows\ccm.log`},
		{"colon-is-text", "GUID:1234 {A}:b", "GUID:1234 AND {A}:b"},
		{"url", "http://server:80/ccm", "http://server:80/ccm"},
		{"parentheses-in-word", "Default.asp(12) f(x)(y)", "Default.asp(12) AND f(x)(y)"},
		{"parenthesis-behind-word", "f(a b)", "f AND (a AND b)"},
		{"day", "time:2012-03-08", "time:2012-03-08"},
		{"range", "time:2012-03-08..2012-03-09", "time:2012-03-08..2012-03-09"},
		{"compared", "time:>2012-03-08T21:00 x", "time:>2012-03-08T21:00 AND x"},
		{"zone", "time:<=2012-03-08T21:00+02:00", "time:<=2012-03-08T21:00+02:00"},
		{"wildcards", "cli*.e?e", "cli*.e?e"},
		{"not-ascii", "ошибка OR 失败", "ошибка OR 失败"},
		{"regexp", `/exit code \d+/ x`, `/exit code \d+/ AND x`},
		{"regexp-in-field", `file:/\.log$/`, `file:/\.log$/`},
		{"regexp-in-parentheses", `(/a b/ OR /c/)`, `/a b/ OR /c/`},
		{"regexp-with-slashes", `/a/b\/ c/`, `/a/b\/ c/`},
		{"slash-is-a-word", `/quiet /norestart`, `/quiet AND /norestart`},
		{"two-slashes", `// a`, `// AND a`},
		{"code", `code:0x80070643`, `code:0x80070643`},
		{"negative-code", `code:-2147023293`, `code:-2147023293`},
		{"negative-code-in-parentheses", `code:(-2147023293 OR 5)`, `code:-2147023293 OR code:5`},
		{"no-code", `code:(NOT 5)`, `NOT code:5`},
		{"label", `label:ACME label:customer=AC*`, `label:ACME AND label:customer=AC*`},
		{"label-with-quoted-value", `label:customer="ACME Ltd" x`, `label:"customer=ACME Ltd" AND x`},
		{"labels-in-parentheses", `label:(customer="A B" OR "ticket=1")`, `label:"customer=A B" OR label:"ticket=1"`},
		{"label-beside-phrase", `label:customer= "A B"`, `label:customer= AND "A B"`},
		{"path-is-file", `path:a\b`, `file:a\b`},
		{"number", `size:>10MB thread:0x1234`, `size:>10MB AND thread:0x1234`},
		{"severity-range", `severity:>=warning`, `severity:>=warning`},
		{"short-name-is-no-misspelt-field", `Tile:x`, `Tile:x`},
		{"no-break-space", "a\u00a0b", "a AND b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if n.String() != tt.want {
				t.Errorf("%q is read as %q, want %q", tt.query, n, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, query string
		column      int
		reason      string // a part of it
	}{
		{"empty", "  ", 1, "empty"},
		{"open-quote", `ä "b`, 3, "not closed"},
		{"empty-phrase", `a "" b`, 3, "empty"},
		{"open-parenthesis", "a (b", 3, "not closed"},
		{"closing-parenthesis", "a b)", 4, "closes nothing"},
		{"empty-parentheses", "a ()", 4, "missing"},
		{"and-first", "AND a", 1, "on its left"},
		{"or-twice", "a OR OR b", 6, "on its left"},
		{"not-last", "a NOT", 6, "ends"},
		{"and-last", "a AND", 6, "ends"},
		{"field-without-value", "file: a", 1, "right behind"},
		{"field-at-the-end", "a host:", 8, "host:WKS01"},
		{"field-before-operator", "host:AND", 6, "needs a value"},
		{"field-in-field", "host:(file:a)", 7, "within the parentheses of host:"},
		{"label-without-value", "label: ACME", 1, "label:customer=ACME"},
		{"label-with-open-quote", `label:a="b`, 9, "not closed"},
		{"misspelt-field", "hosts:WKS01", 1, "host:WKS01"},
		{"no-severity", "x severity:fatal", 12, `no severity "fatal"`},
		{"no-time", "time:yesterday", 6, `"yesterday" is no time`},
		{"no-such-day", "time:2012-02-30", 6, "is no time"},
		{"range-without-ends", "time:..", 6, "neither"},
		{"range-backwards", "time:2012-03-09..2012-03-08", 6, "ends before"},
		{"comparison", "time:=>2012", 6, "compared"},
		{"regexp", "x /a(b/", 3, "missing closing )"},
		{"regexp-of-a-time", "time:/2012/", 6, "takes no regular expression"},
		{"regexp-of-a-code", "code:/1603/", 6, "takes no regular expression"},
		{"no-code", "code:abcxyz", 6, "is no error code"},
		{"code-without-value", "code: 1603", 1, "code:1603"},
		{"no-number", "line:x", 6, `"x" is no line`},
		{"no-size", "size:10XB", 6, "is no size"},
		{"size-beyond-64-bits", "size:9999999999TB", 6, "is no size"},
		{"number-range-without-ends", "size:..", 6, "neither"},
		{"number-range-backwards", "line:5..2", 6, "ends before"},
		{"comparison-without-value", "line:>", 6, "missing behind >"},
		{"no-severity-in-range", "severity:>fatal", 10, `no severity "fatal"`},
		{"nothing-above", "severity:>critical", 10, "no severity lies"},
		{"no-verdict", "verdict:guilty", 9, "confirmed, suspected"},
		{"letter-too-many", "componnent:x", 1, "component:x"},
		{"letter-missing", "sverity:error", 1, "severity:error"},
		{"letter-wrong", "verdikt:confirmed", 1, "verdict:confirmed"},
		{"too-deep", strings.Repeat("(", 200) + "a" + strings.Repeat(")", 200), 102, "nested"},
		{"too-long", strings.Repeat("a", 10000), 1, "longer"},
		{"not-utf8", "a\xff", 1, "UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse(tt.query)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%q is read as %v, error %v", tt.query, n, err)
			}
			if e.Column != tt.column || !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("error %q, want column %d and %q", e, tt.column, tt.reason)
			}
		})
	}
}

func TestTime(t *testing.T) {
	tests := []struct{ expr, from, to string }{
		{"2012", "2012-01-01T00:00:00Z", "2013-01-01T00:00:00Z"},
		{"2012-02", "2012-02-01T00:00:00Z", "2012-03-01T00:00:00Z"},
		{"2012-02-29", "2012-02-29T00:00:00Z", "2012-03-01T00:00:00Z"},
		{"2012-03-08T21", "2012-03-08T21:00:00Z", "2012-03-08T22:00:00Z"},
		{"2012-03-08t21:05z", "2012-03-08T21:05:00Z", "2012-03-08T21:06:00Z"},
		{"2012-03-08T21:05:07", "2012-03-08T21:05:07Z", "2012-03-08T21:05:08Z"},
		{"2012-03-08T21:05:07.5", "2012-03-08T21:05:07.5Z", "2012-03-08T21:05:07.500001Z"},
		{"2012-03-08T21:05+02:00", "2012-03-08T19:05:00Z", "2012-03-08T19:06:00Z"},
		{">2012-03-08", "2012-03-09T00:00:00Z", ""},
		{">=2012-03-08", "2012-03-08T00:00:00Z", ""},
		{"<2012-03-08", "", "2012-03-08T00:00:00Z"},
		{"<=2012-03-08", "", "2012-03-09T00:00:00Z"},
		{"2012-03-08..", "2012-03-08T00:00:00Z", ""},
		{"..2012-03-08", "", "2012-03-09T00:00:00Z"},
		{"2012-03-08..2012-03-08", "2012-03-08T00:00:00Z", "2012-03-09T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			n, err := Parse("time:" + tt.expr)
			if err != nil {
				t.Fatal(err)
			}
			r, ok := n.(Time)
			if !ok {
				t.Fatalf("read as %T", n)
			}
			show := func(v time.Time) string {
				if v.IsZero() {
					return ""
				}
				return v.Format("2006-01-02T15:04:05.999999Z07:00")
			}
			if show(r.From) != tt.from || show(r.To) != tt.to {
				t.Errorf("from %s to %s, want from %s to %s", show(r.From), show(r.To), tt.from, tt.to)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	const least, most = math.MinInt64, math.MaxInt64
	tests := []struct {
		query    string
		from, to int64
	}{
		{"line:5", 5, 5},
		{"line:2..5", 2, 5},
		{"line:2..", 2, most},
		{"line:..5", least, 5},
		{"line:>5", 6, most},
		{"line:>=5", 5, most},
		{"line:<5", least, 4},
		{"line:<=5", least, 5},
		{"thread:0x1234", 4660, 4660},
		{"size:10", 10, 10},
		{"size:10b", 10, 10},
		{"size:1k..2KB", 1024, 2048},
		{"size:>1MB", 1<<20 + 1, most},
		{"size:<1G", least, 1<<30 - 1},
		{"size:2TB", 2 << 40, 2 << 40},
	}
	for _, tt := range tests {
		n, err := Parse(tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if r, ok := n.(Number); !ok || r.From != tt.from || r.To != tt.to {
			t.Errorf("%s is read as %#v, want %d to %d", tt.query, n, tt.from, tt.to)
		}
	}
}

// FuzzParse holds that a query's String is a query of the same meaning.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`a b OR -c "d e" host:(x OR y*)`, `time:>2012-03-08T21:00 NOT (a (b))`, `f(a b)`, `"say ""x"""`, `C:\x -"1" - --`, "a)b(", `/a b/ -/c\/ d/ code:(-5 OR 1) size:1KB.. severity:<error`, "file:\"AND\" OR",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > len(s)+1 || e.Reason == "" {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		again, err := Parse(n.String())
		if len(n.String()) > maxLength || strings.Count(n.String(), "(") > maxDepth/2 {
			return
		}
		if err != nil {
			t.Fatalf("%q is written as %q: %v", s, n, err)
		}
		if again.String() != n.String() {
			t.Fatalf("%q is written as %q, which is read as %q", s, n, again)
		}
	})
}

// TestCodeSpellings holds that a code is found in each of its spellings, in the midst of a text.
func TestCodeSpellings(t *testing.T) {
	for code, spellings := range map[string][]string{
		"1603":       {"1603", "0x643", "0x00000643", "0X0643L", "643h", "0x80070643", "80070643", "-2147023293", "2147944003", "error_install_failure"},
		"0x80040669": {"0x80040669", "80040669", "0x80040669L", "-2147219863", "2147747433"},
		"0xC0000005": {"0xc0000005", "C0000005", "-1073741819", "3221225477"},
		"5":          {"5", "0x5", "0x00000005", "-2147024891", "0x80070005"},
		"0":          {"0", "0x0", "0x00000000"},
		"0xFFFFFFFF": {"0xFFFFFFFF", "-1", "4294967295"},
	} {
		n, err := Parse("code:" + code)
		if err != nil {
			t.Fatal(err)
		}
		c, ok := n.(Code)
		if !ok {
			t.Fatalf("%s: %T", code, n)
		}
		for _, s := range spellings {
			for _, text := range []string{s, "gave " + s + ", then more", "(" + s + ")"} {
				if !c.Match([]byte(text)) || len(c.Find([]byte(text), -1)) != 1 {
					t.Errorf("code:%s is not found once in %q: %v", code, text, c.Find([]byte(text), -1))
				}
			}
		}
		if c.Match([]byte("neither 16031 nor 0x6430, 12.643 or {80070643-0000}")) {
			t.Errorf("code:%s is found in what holds no code", code)
		}
	}
}

// TestCodeSurroundings holds that a number is no code where its surroundings prove it, and only there.
func TestCodeSurroundings(t *testing.T) {
	tests := []struct {
		name, code, text string
		want             bool
	}{
		{"installer-returned", "1603", "MSI (s) (40:94) [21:16:55:233]: MainEngineThread is returning 1603", true},
		{"installer-status", "1603", "Installation success or error status: 1603.", true},
		{"installer-message-number", "1603", `MSI (s) (40:94) [21:16:50:100]: Note: 1: 1603 2: C:\Program Files\Agent\a.dll 3: 2`, false},
		{"installer-message-number-at-end", "1603", "Note: 1: 1603", false},
		{"installer-message-of-no-error", "2318", `Note: 1: 2318 2: C:\Config.Msi\144c57.rbf`, true},
		{"installer-note-field", "1603", "Note: 1: 1721 2: Setup 3: 1603 4: x", true},
		{"installer-note-field-at-end", "5", `Note: 1: 1402 2: HKEY_LOCAL_MACHINE\Software\Agent 3: 5`, true},
		{"installer-note-label", "3", "Note: 1: 2228 2:  3: Error 4: SELECT `Message` FROM `Error`", false},
		{"installer-note-first-label", "1", "Note: 1: 2228 2:  3: Error", false},
		{"installer-note-last-label", "4", "Note: 1: 2228 2:  3: Error 4: SELECT `Message`", false},
		{"installer-note-value-like-a-label", "2", "Note: 1: 1721 2: Setup 3: failed with 2: not found", true},
		{"installer-message-and-code", "1603", "Note: 1: 1603 2: a.dll\r\nsetup returned 1603", true},
		{"installer-message-as-told", "1603", "Product: Agent -- Error 1603. A fatal error occurred during installation.", true},
		{"installer-process-and-thread", "40", "MSI (s) (40:94) [21:16:55:233]: done", false},
		{"installer-milliseconds", "233", "MSI (s) (40:94) [21:16:55:233]: done", false},

		{"exit-code", "1603", "setup.exe exited with exit code 1603", true},
		{"word-and-colon", "1603", "error:1603", true},
		{"word-and-hash", "1603", "Error #1603", true},
		{"equals", "1603", `C:\Setup\agent.exe=1603`, true},
		{"program-and-colon", "1603", `C:\Setup\agent.exe:1603`, true},
		{"program-and-parenthesis", "1603", `C:\Setup\agent.exe(1603)`, true},
		{"column", "1603", "agent\t1603\t2012-03-08 21:16:55", true},
		{"csv", "1603", "agent,1603,21:16:55", true},
		{"two-codes", "1603", "0/1603/3010", true},
		{"event-parameter", "1603", "failed with %%1603", true},
		{"query-of-a-url", "1603", "https://srv/report?result=1603&x=1", true},
		{"at-the-end-of-a-line", "1603", "on line\n1603", true},
		{"japanese", "1603", "エラー コード 1603。", true},
		{"german", "1603", "Fehlercode: 1603 (Schwerwiegender Fehler)", true},
		{"signed", "1603", "error -2147023293 at 21:16:55", true},
		{"hex", "1603", "hr=0x643 cleanup", true},
		{"before-a-time", "1603", "1603: 21:16:55", true},
		{"before-an-update", "1603", "error 1603 KB 4012345", true},
		{"command-line", "1603", "result of command line: 1603", true},
		{"version-and-code", "1603", "version 5 returned 1603", true},

		{"device-volume", "1603", `\Device\HarddiskVolume1603\Windows`, false},
		{"device-number", "1603", `\Device\1603\Windows`, false},
		{"device-usb", "1603", `USB\VID_1603&PID_0001\6&1603&0&2`, false},
		{"device-pci", "1603", `PCI\VEN_8086&DEV_1603&SUBSYS_16031603`, false},
		{"device-instance", "1603", `PCI\VEN_8086&DEV_9D03\3&1603&0&B8`, false},
		{"device-interface", "1603", `\\?\USB#VID_046D#1603#{a5dcbf10-6530-11d2-901f-00c04fb951ed}`, false},
		{"short-name", "2", `C:\PROGRA~2\Agent\setup.log`, false},
		{"file-name", "1603", `C:\Logs\KB1603.log`, false},
		{"file-of-digits", "1603", "opened 1603.log", false},
		{"path-with-slashes", "1603", "/var/cache/1603/a.log", false},
		{"path-of-a-drive", "1603", "C:/Agent/1603/a.log", false},
		{"path-of-a-url", "1603", "http://srv.example/Content/1603/setup.exe", false},
		{"port-of-a-url", "1603", "http://srv.example:1603/Content", false},
		{"port-of-an-address", "1603", "connect to 10.1.2.3:1603 failed", false},
		{"port", "1603", "listening on port 1603", false},
		{"version", "1603", "1.2.1603.4", false},
		{"version-word", "1603", "Windows 10 Version 1603", false},
		{"hours", "16", "at 16:03:00 the setup began", false},
		{"seconds", "55", "[21:16:55] done", false},
		{"afternoon", "5", "5:10 PM setup began", false},
		{"time-behind-a-date", "16", "2012-03-08 16:03 setup began", false},
		{"time-in-iso", "16", "2012-03-08T16:03:00Z", false},
		{"address-of-a-card", "16", "adapter 00:15:5D:16:03:05 is up", false},
		{"day", "16", "on 3/16/2012 setup began", false},
		{"year", "2012", "on 3/16/2012 setup began", false},
		{"source-line", "1603", "regtask.cpp:1603 done", false},
		{"source-line-in-parentheses", "1603", "at regtask.cpp(1603) : done", false},
		{"line", "1603", "in setup.ini, line 1603", false},
		{"line-of", "1603", "syntax error at line 1603", false},
		{"pid", "1603", "started, PID: 1603", false},
		{"thread", "1603", "ThreadId=1603", false},
		{"number-of-an-event", "1603", "<EventRecordID>1603</EventRecordID>", false},
		{"process-of-an-event", "1603", "<Execution ProcessID='1603' ThreadID='556'/>", false},
		{"code-in-an-event", "1603", "<Data Name='ErrorCode'>1603</Data><Data>1603</Data>", true},
		{"number-of-a-source", "1603", "<EventID Qualifiers='0'>1603</EventID>", true},
		{"offset", "1603", "ntdll.dll+0x643", false},
		{"percent", "16", "16% done", false},
		{"bytes", "1603", "read 1603 bytes", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse("code:" + tt.code)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.(Code).Match([]byte(tt.text)); got != tt.want {
				t.Errorf("code:%s in %q: %t", tt.code, tt.text, got)
			}
		})
	}
}

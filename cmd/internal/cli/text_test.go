package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64 // 0: refused
	}{
		{"1", 1},
		{"500MB", 500e6},
		{"64 GiB", 64 << 30},
		{"2k", 2048},
		{"7b", 7},
		{"3tib", 3 << 40},
		{"0", 0},
		{"-1", 0},
		{"+1", 0},
		{"", 0},
		{"MB", 0},
		{"1.5GB", 0},
		{"1e9", 0},
		{"9999999999999999999", 0},
		{"9000000000GB", 0},
		{"12 parsecs", 0},
	}
	for _, tt := range tests {
		got, err := parseSize("--max-bytes", tt.in)
		if got != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("parseSize(%q) is %d, %v", tt.in, got, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	tests := []struct{ in, want string }{
		{"2012-03-08", "2012-03-08T00:00:00Z"},
		{"2012-03-08T21:16", "2012-03-08T21:16:00Z"},
		{"2012-03-08 21:16:55", "2012-03-08T21:16:55Z"},
		{"2012-03-08T21:16:55+01:00", "2012-03-08T20:16:55Z"},
		{"2012-03-08T21:16+01:00", "2012-03-08T20:16:00Z"},
		{"2012-03-08T21:16:55.25Z", "2012-03-08T21:16:55.25Z"},
		{"08.03.2012", ""},
		{"2012-02-30", ""},
	}
	for _, tt := range tests {
		got, err := parseTime(tt.in)
		if tt.want == "" {
			if err == nil {
				t.Errorf("parseTime(%q) is %v", tt.in, got)
			}
			continue
		}
		if s := got.Format(time.RFC3339Nano); err != nil || s != tt.want {
			t.Errorf("parseTime(%q) is %s, %v", tt.in, s, err)
		}
	}
	if got, err := parseTime(""); err != nil || !got.IsZero() {
		t.Errorf("no time is %v, %v", got, err)
	}
}

func TestStem(t *testing.T) {
	for in, want := range map[string]string{
		"a/ticket.zip": "ticket", "ticket.TAR.GZ": "ticket", "x.tgz": "x", "agent.log": "agent.log", ".zip": ".zip", "folder/": "folder", "a.b.7z": "a.b",
	} {
		if got := stem(in); got != want {
			t.Errorf("stem(%q) is %q, not %q", in, got, want)
		}
	}
}

func TestParagraph(t *testing.T) {
	const esc = "\x1b[1m"
	tests := []struct {
		name, first, rest, text, want string
	}{
		{"short", "- ", "  ", "one two", "- one two\n"},
		{"broken", "- ", "  ", "one two three four", "- one two\n  three four\n"},
		{"exact", "", "", "123456789012", "123456789012\n"},
		{"long-word", "", "  ", "a C:\\Windows\\System32 b", "a\n  C:\\Windows\\System32\n  b\n"},
		{"colour-takes-no-room", "", "", esc + "one two thr\x1b[0m", esc + "one two thr\x1b[0m\n"},
		{"wide", "", "", "漢字漢字 漢字", "漢字漢字\n漢字\n"},
		{"combining", "", "", "e\u0301e\u0301e\u0301e\u0301e\u0301 fghijk", "e\u0301e\u0301e\u0301e\u0301e\u0301 fghijk\n"},
		{"empty", "- ", "", "", "-\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			page{out: &out, width: 12}.paragraph(tt.first, tt.rest, tt.text)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClipped(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"漢字漢字", 8, "漢字漢字"},
		{"漢字漢字", 7, "漢字漢…"},
		{"漢字漢字", 6, "漢字…"},
		{"", 3, ""},
	}
	for _, tt := range tests {
		if got := clipped(tt.in, tt.n); got != tt.want {
			t.Errorf("clipped(%q, %d) is %q, not %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	got := printable("a\x1b[31mb\u202ec\x00d\"e\\f")
	if strings.ContainsAny(got, "\x1b\x00") || strings.ContainsRune(got, '\u202e') {
		t.Errorf("got %q", got)
	}
	if !strings.HasSuffix(got, `d"e\f`) {
		t.Errorf("quotes and backslashes are changed: %s", got)
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"analyse", "analyze", 1}, {"gte", "get", 2}, {"kitten", "sitting", 3}}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) is %d, not %d", tt.a, tt.b, got, tt.want)
		}
	}
}

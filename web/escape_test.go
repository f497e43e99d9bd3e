package web

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"
)

func TestEscape(t *testing.T) {
	tests := []struct {
		name, in          string
		text, block, attr string // in the element, in an element that keeps white space, in an attribute
	}{
		{"plain", `C:\Program Files\x`, `C:\Program Files\x`, `C:\Program Files\x`, `C:\Program Files\x`},
		{"markup", `<b a="1">&amp;'`, `&lt;b a=&#34;1&#34;&gt;&amp;amp;&#39;`, `&lt;b a=&#34;1&#34;&gt;&amp;amp;&#39;`, `<b a="1">&amp;'`},
		{"letters", "Größe Ж 漢字 שלום e\u0301", "Größe Ж 漢字 שלום e\u0301", "Größe Ж 漢字 שלום e\u0301", "Größe Ж 漢字 שלום e\u0301"},
		{"right-to-left-override", "a\u202eb", `a<span class="esc">\u202E</span>b`, `a<span class="esc">\u202E</span>b`, `a\u202Eb`},
		{"run-of-escapes", "\x00\x01b", `<span class="esc">\u0000\u0001</span>b`, `<span class="esc">\u0000\u0001</span>b`, `\u0000\u0001b`},
		{"line-break", "a\r\nb\tc", `a<span class="esc">\u000D\u000A</span>b<span class="esc">\u0009</span>c`, "a<span class=\"esc\">\\u000D</span>\nb\tc", `a\u000D\u000Ab\u0009c`},
		{"no-utf-8", "a\xffb", `a<span class="esc">\xFF</span>b`, `a<span class="esc">\xFF</span>b`, `a\xFFb`},
		{"replacement-character", "a\ufffdb", "a\ufffdb", "a\ufffdb", "a\ufffdb"},
		{"beyond-the-first-plane", "a\U000e0041", `a<span class="esc">\U000E0041</span>`, `a<span class="esc">\U000E0041</span>`, `a\U000E0041`},
		{"space-at-the-end", "x.exe ", `x.exe<span class="esc">\u0020</span>`, "x.exe ", `x.exe\u0020`},
		{"only-a-space", "\u00a0", `<span class="esc">\u00A0</span>`, "\u00a0", `\u00A0`},
		{"many-marks", "e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301" + `<span class="esc">\u0301</span>`, "e\u0301\u0301\u0301\u0301" + `<span class="esc">\u0301</span>`, "e\u0301\u0301\u0301\u0301" + `\u0301`},
		{"empty", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := drawn(t, text(tt.in)); got != tt.text {
				t.Errorf("text: got %q, want %q", got, tt.text)
			}
			if got := drawn(t, block(tt.in)); got != tt.block {
				t.Errorf("block: got %q, want %q", got, tt.block)
			}
			if got := plain(tt.in); got != tt.attr {
				t.Errorf("plain: got %q, want %q", got, tt.attr)
			}
		})
	}
}

func TestLongText(t *testing.T) {
	got := drawn(t, text(strings.Repeat("ж", maxText)))
	if want := strings.Repeat("ж", maxText/2) + "… (8.0 kB, the rest is in report.json)"; got != want {
		t.Errorf("got %d bytes that end in %q", len(got), got[len(got)-60:])
	}
}

func drawn(t testing.TB, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var escSpan = regexp.MustCompile(`<span class="esc">((?:\\x[0-9A-F]{2}|\\u[0-9A-F]{4}|\\U[0-9A-F]{8})+)</span>`)

// FuzzText holds against text that its markup is its own escapes and nothing else, and that it says the same as plain.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "<script>", "a\u202eb\xff", " a ", "\U0010ffff", "e\u0301\u0301\u0301\u0301\u0301\u0301", "\r\n", "&amp;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxText {
			return
		}
		got := escSpan.ReplaceAllString(drawn(t, text(s)), "$1")
		if strings.ContainsAny(got, `<>"'`) {
			t.Errorf("markup: %q", got)
		}
		if got = html.UnescapeString(got); got != plain(s) {
			t.Errorf("text says %q, plain says %q", got, plain(s))
		}
		for _, r := range got {
			if !isSeen(r) && r != '\u0301' {
				t.Errorf("%U is shown as it is", r)
			}
		}
	})
}

package match_test

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"casebook/internal/match"
)

// hit is a match.Hit in a form that can be compared.
type hit struct {
	Signal     int
	Name       string
	Start, End int
	Captures   []string // name=text
}

func collect(m *match.Matcher, text []byte) []hit {
	var got []hit
	m.Match(text, func(h match.Hit) {
		x := hit{Signal: h.Signal, Name: h.Name, Start: h.Start, End: h.End}
		for name, value := range h.Captures() {
			x.Captures = append(x.Captures, fmt.Sprintf("%s=%s", name, value))
		}
		got = append(got, x)
	})
	return got
}

// asciiLower folds A-Z alone: bytes.ToLower would change the length of some texts.
func asciiLower(s []byte) []byte {
	out := bytes.Clone(s)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

// reference says what Match is to find, in the simplest way.
func reference(signals []match.Signal, kind string, text []byte) []hit {
	var want []hit
	folded := asciiLower(text)
	for i, s := range signals {
		concerned := len(s.Kinds) == 0
		for _, k := range s.Kinds {
			concerned = concerned || k == kind
		}
		start, end := -1, -1
		for _, l := range s.Literals {
			at := bytes.Index(folded, asciiLower([]byte(l)))
			if at >= 0 && (start < 0 || at < start || at == start && at+len(l) > end) {
				start, end = at, at+len(l)
			}
		}
		if !concerned || start < 0 {
			continue
		}
		h := hit{Signal: i, Name: s.Name, Start: start, End: end}
		if s.Pattern != "" {
			re := regexp.MustCompile(s.Pattern)
			loc := re.FindSubmatchIndex(text)
			if loc == nil {
				continue
			}
			h.Start, h.End = loc[0], loc[1]
			for g, name := range re.SubexpNames() {
				if name != "" && loc[2*g] >= 0 {
					h.Captures = append(h.Captures, fmt.Sprintf("%s=%s", name, text[loc[2*g]:loc[2*g+1]]))
				}
			}
		}
		want = append(want, h)
	}
	return want
}

func TestMatchAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A small alphabet makes literals that overlap, share prefixes and contain each other.
		piece := rapid.SampledFrom([]string{"a", "A", "b", "B", "ab", "x", "[", "{", "@", "`", " ", "\r", "-", "ä", "Ä", "é", "ж", "\xff", "\xdf", "error ", "Failed"})
		str := func(min, max int) *rapid.Generator[string] {
			return rapid.Custom(func(t *rapid.T) string {
				var b bytes.Buffer
				for range rapid.IntRange(min, max).Draw(t, "pieces") {
					b.WriteString(piece.Draw(t, "piece"))
				}
				return b.String()
			})
		}
		shortest := rapid.IntRange(3, 14).Draw(t, "shortest")
		var signals []match.Signal
		var literals []string
		for i := range rapid.IntRange(1, 12).Draw(t, "signals") {
			s := match.Signal{Name: fmt.Sprint("s", i)}
			for range rapid.IntRange(1, 3).Draw(t, "literals") {
				l := str(shortest, 20).Draw(t, "literal")
				if len(literals) > 0 && rapid.Bool().Draw(t, "derive") {
					old := rapid.SampledFrom(literals).Draw(t, "old")
					cut := rapid.IntRange(0, len(old)-shortest).Draw(t, "cut")
					l = old[cut:rapid.IntRange(cut+shortest, len(old)).Draw(t, "end")]
				}
				literals = append(literals, l)
				s.Literals = append(s.Literals, l)
			}
			s.Kinds = rapid.SliceOfN(rapid.SampledFrom([]string{"log/ccm", "log/msi"}), 0, 2).Draw(t, "kinds")
			s.Pattern = rapid.SampledFrom([]string{"", "", "(?i)a+b", `(?P<first>a)(?P<second>x)?`, `(?s)b.*b`, `^a`, `x?$`, `[\[{](?P<n>[a-z ]*)`}).Draw(t, "pattern")
			signals = append(signals, s)
		}
		set, err := match.Compile(signals)
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			var text bytes.Buffer
			for range rapid.IntRange(0, 8).Draw(t, "parts") {
				if rapid.Bool().Draw(t, "literal") {
					text.WriteString(rapid.SampledFrom(literals).Draw(t, "which"))
				} else {
					text.WriteString(str(0, 12).Draw(t, "between"))
				}
			}
			kind := rapid.SampledFrom([]string{"log/ccm", "log/msi", "log/text"}).Draw(t, "kind")
			if diff := cmp.Diff(reference(signals, kind, text.Bytes()), collect(set.For(kind), text.Bytes())); diff != "" {
				t.Fatalf("%q: -want +got\n%s", text.Bytes(), diff)
			}
		}
	})
}

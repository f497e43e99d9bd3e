package match_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
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

// compile compiles signals that are without fault.
func compile(t testing.TB, signals []match.Signal) *match.Set {
	t.Helper()
	set, err := match.Compile(signals)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// collect returns what m finds in text.
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
		str := func(least, most int) *rapid.Generator[string] {
			return rapid.Custom(func(t *rapid.T) string {
				var b bytes.Buffer
				for range rapid.IntRange(least, most).Draw(t, "pieces") {
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

// A literal is found at every alignment, at the start and the end of texts that are hardly longer than it, and between others.
func TestMatchAtEveryPlace(t *testing.T) {
	const alphabet = "The quick brown fox jumps"
	for shortest := 3; shortest <= 12; shortest++ {
		literals := []string{alphabet[:shortest], alphabet[7 : 7+shortest], alphabet[2:20]}
		for _, literal := range literals {
			signals := []match.Signal{{Name: "s", Literals: []string{literal}}, {Name: "shortest", Literals: []string{alphabet[:shortest]}}}
			m := compile(t, signals).For("")
			for before := range 40 {
				for after := range 12 {
					text := []byte(strings.Repeat(".", before) + strings.ToUpper(literal) + strings.Repeat(".", after))
					if diff := cmp.Diff(reference(signals, "", text), collect(m, text)); diff != "" {
						t.Fatalf("%q: -want +got\n%s", text, diff)
					}
				}
				cut := append(bytes.Repeat([]byte("."), before), literal[:len(literal)-1]...)
				if diff := cmp.Diff(reference(signals, "", cut), collect(m, cut)); diff != "" {
					t.Fatalf("%q, cut: -want +got\n%s", cut, diff)
				}
			}
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal match.Signal
		text   string
		want   []hit
	}{
		{"leftmost-literal", match.Signal{Literals: []string{"second", "first"}}, "a first, a second", []hit{{Start: 2, End: 7}}},
		{"longest-of-those", match.Signal{Literals: []string{"Info", "Info 1603", "Info 16"}}, "INFO 1603.", []hit{{Start: 0, End: 9}}},
		{"literal-without-pattern-match", match.Signal{Literals: []string{"exit code"}, Pattern: `exit code [1-9]`}, "exit code 0", nil},
		{"pattern-keeps-its-case", match.Signal{Literals: []string{"exit code"}, Pattern: `exit code`}, "Exit Code", nil},
		{"pattern-elsewhere", match.Signal{Literals: []string{"exit code"}, Pattern: `0x\d+`}, "0x80 exit code", []hit{{Start: 0, End: 4}}},
		{"no-unicode-folding", match.Signal{Literals: []string{"größe"}}, "GRÖSSE GRÖßE", nil},
		{"utf8-as-it-is", match.Signal{Literals: []string{"größe"}}, "die GRößE", []hit{{Start: 4, End: 11}}},
		{"kelvin-sign-is-no-k", match.Signal{Literals: []string{"lock"}}, "loc\u212a", nil},
		{"punctuation-is-not-folded", match.Signal{Literals: []string{"[log"}}, "{LOG", nil},
		{"text-shorter-than-a-gram", match.Signal{Literals: []string{"abc"}}, "ab", nil},
		{"text-equals-literal", match.Signal{Literals: []string{"abc"}}, "ABC", []hit{{Start: 0, End: 3}}},
		{"nul-bytes", match.Signal{Literals: []string{"a\x00b"}}, "xA\x00Bx", []hit{{Start: 1, End: 4}}},
		{
			"captures",
			match.Signal{Literals: []string{"returned"}, Pattern: `(\w+) returned (?P<code>\d+)(?P<why>: .*)?(?P<rest>.*)`},
			"it returned 1603",
			[]hit{{Start: 0, End: 16, Captures: []string{"code=1603", "rest="}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.signal.Name = "s"
			for i := range c.want {
				c.want[i].Name = "s"
			}
			if diff := cmp.Diff(c.want, collect(compile(t, []match.Signal{c.signal}).For(""), []byte(c.text))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestCapture(t *testing.T) {
	m := compile(t, []match.Signal{
		{Name: "groups", Literals: []string{"code"}, Pattern: `code (?P<code>\d+)(?P<why>:.*)?(?P<rest>.*)`},
		{Name: "none", Literals: []string{"code"}, Pattern: `code (\d+)`},
	}).For("")
	m.Match([]byte("exit code 5"), func(h match.Hit) {
		for name, want := range map[string]*string{"code": new("5"), "rest": new(""), "why": nil, "other": nil, "": nil} {
			got := h.Capture(name)
			if h.Name == "none" {
				want = nil
			}
			if cap(got) != len(got) {
				t.Errorf("%s: Capture(%q) leaves room to append over the text", h.Name, name)
			}
			if (got == nil) != (want == nil) || want != nil && string(got) != *want {
				t.Errorf("%s: Capture(%q) = %q, want %v", h.Name, name, got, want)
			}
		}
		for range h.Captures() {
			break // an early end is allowed
		}
	})
}

// A hit may start another match with the same matcher.
func TestMatchWithinHit(t *testing.T) {
	m := compile(t, []match.Signal{{Name: "a", Literals: []string{"aaa"}}, {Name: "b", Literals: []string{"bbb"}}}).For("")
	var got []string
	m.Match([]byte("bbb aaa"), func(h match.Hit) {
		got = append(got, h.Name)
		m.Match([]byte("bbb"), func(h match.Hit) { got = append(got, "inner "+h.Name) })
	})
	if diff := cmp.Diff([]string{"a", "inner b", "b", "inner b"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMatchAllocatesNothingWithoutHit(t *testing.T) {
	m := compile(t, append(benchSignals(100), match.Signal{Name: "short", Literals: []string{"qzx"}})).For("log/ccm")
	text := []byte(`<![LOG[Evaluation isn't required: failed to certify]LOG]!><time="00:00:00.881+300" component="CAS" thread="1244">` + "\r\n")
	hits := 0
	if n := testing.AllocsPerRun(100, func() { m.Match(text, func(match.Hit) { hits++ }) }); n != 0 || hits != 0 {
		t.Errorf("%v allocations, %d hits, want none", n, hits)
	}
}

// One Set serves all workers, also while its matchers are being made.
func TestMatchConcurrently(t *testing.T) {
	signals := append(benchSignals(200), match.Signal{Name: "short", Kinds: []string{"log/msi"}, Literals: []string{"log"}})
	records := benchRecords(1 << 17)
	want := map[string][][]hit{}
	kinds := []string{"log/ccm", "log/msi"}
	for _, kind := range kinds {
		for _, record := range records {
			want[kind] = append(want[kind], reference(signals, kind, record))
		}
	}
	set := compile(t, signals)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			kind := kinds[worker%len(kinds)]
			m := set.For(kind)
			for i, record := range records {
				if diff := cmp.Diff(want[kind][i], collect(m, record)); diff != "" {
					t.Errorf("%s: %q: -want +got\n%s", kind, record, diff)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzMatch(f *testing.F) {
	f.Add("Failed to get certificate", "certificate", "no", []byte("failed to get certificate: 0x80004005"))
	f.Add("aaaaaaaaaa", "aaaaaaaaa", "aab", []byte("aaaaaaaaaaaaaaaab"))
	f.Add("größe", "[LOG[", "\x00\x00\x00", []byte("{log{ GRößE \x00\x00\x00\xff"))
	f.Fuzz(func(t *testing.T, a, b, c string, text []byte) {
		signals := []match.Signal{
			{Name: "a", Literals: []string{a}},
			{Name: "b", Literals: []string{b, a}, Pattern: `(?s)(?P<first>.).*(?P<last>.)`},
			{Name: "c", Literals: []string{c}, Kinds: []string{"log/msi"}},
		}
		set, err := match.Compile(signals)
		if min(len(a), len(b), len(c)) < 3 {
			if err == nil {
				t.Fatalf("Compile accepted literals %q, %q, %q", a, b, c)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"log/ccm", "log/msi"} {
			if diff := cmp.Diff(reference(signals, kind, text), collect(set.For(kind), text)); diff != "" {
				t.Fatalf("%s: -want +got\n%s", kind, diff)
			}
		}
	})
}

package words

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// terms returns the terms of a text in order.
func terms(text string) []string {
	var p Splitter
	var out []string
	p.Each([]byte(text), func(t []byte) { out = append(out, string(t)) })
	return out
}

func TestEach(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"punctuation", " \t--__//..", nil},
		{"code", "Error: 0x80040669!", []string{"error", "0x80040669"}},
		{"file", "CLICORE.EXE", []string{"clicore", "exe"}},
		{"unc", `\\server\share$`, []string{"server", "share"}},
		{"underscore", "CCM_Policy", []string{"ccm", "policy"}},
		{"camel-case", "PolicyState", []string{"policystate", "policy", "state"}},
		{"acronym-first", "XMLFile", []string{"xmlfile", "xml", "file"}},
		{"acronym-last", "PolicyID", []string{"policyid", "policy", "id"}},
		{"digit-before-capital", "Win32Product", []string{"win32product", "win32", "product"}},
		{"digits-within", "8097EE64", []string{"8097ee64"}},
		{"capitals", "CLICORE", []string{"clicore"}},
		{"guid", "{8097EE64-5D7B-4C2E-9F00-0123456789AB}", []string{"8097ee64", "\x00", "0123456789ab"}},
		{"no-guid-but-longer", "8097EE64-5D7B-4C2E-9F00-0123456789ABC", []string{"8097ee64", "5d7b", "4c2e", "9f00", "0123456789abc"}},
		{"no-guid-but-cut", "8097EE64-5D7B-4C2E-9F00-01234567", []string{"8097ee64", "5d7b", "4c2e", "9f00", "01234567"}},
		{"unicode", "Übertragung ПРОВЕРКА", []string{"übertragung", "проверка"}},
		{"sigma", "ΟΔΟΣ οδος", []string{"οδοσ", "οδοσ"}},
		{"turkish", "DIŞI dışı", []string{"dişi", "dişi"}},
		{"latin-capital-after-other-letter", "üPath", []string{"üpath", "ü", "path"}},
		{"han", "安装 KB123失败", []string{"安", "装", "kb123", "失", "败"}},
		{"combining-mark", "e\u0301a", []string{"e\u0301a"}},
		{"invalid-utf8", "a\xffb", []string{"a", "b"}},
		{"long", strings.Repeat("x", 100), []string{strings.Repeat("x", MaxTerm)}},
		{"wildcards-are-punctuation", "a*b?c", []string{"a", "b", "c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, terms(tt.text)); diff != "" {
				t.Errorf("terms of %q (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	const guid = "Job {8097EE64-5D7B-1603-9F00-0123456789AB} done"
	tests := []struct {
		name, pattern string
		quoted        bool
		text          string
		want          []string // what is found, in order
	}{
		{"word", "error", false, "Error: errors, ERROR", []string{"Error", "ERROR"}},
		{"not-within-a-word", "tat", false, "PolicyState", nil},
		{"part", "state", false, "PolicyState", []string{"State"}},
		{"whole-before-part", "policystate", false, "PolicyState", []string{"PolicyState"}},
		{"two-parts-are-no-part", "policystate", false, "CcmPolicyState", nil},
		{"file", "clicore.exe", false, `C:\SMS\CLICORE.EXE failed`, []string{"CLICORE.EXE"}},
		{"file-needs-its-dot", "clicore.exe", false, "CLICORE EXE", nil},
		{"part-before-dot", "state.log", false, "PolicyState.log", []string{"State.log"}},
		{"part-behind-dot", "ccm.policy", false, "ccm.PolicyState", []string{"ccm.Policy"}},
		{"part-in-the-middle", "a.policy.b", false, "a.PolicyState.b", nil},
		{"unc", `\\server\share`, false, `from \\SERVER\share\x`, []string{`\\SERVER\share`}},
		{"unc-needs-both", `\\server\share`, false, `from \SERVER\share\x`, nil},
		{"phrase-over-spaces", "exit code 1603", true, "exit  code\r\n1603", []string{"exit  code\r\n1603"}},
		{"phrase-needs-order", "code exit", true, "exit code", nil},
		{"phrase-with-space-around", " code ", true, "exit\tcode!", nil},
		{"star", "clicore.*", false, "CLICORE.EXE", []string{"CLICORE.EXE"}},
		{"star-stays-in-its-word", "cli*exe", false, "CLICORE.EXE", nil},
		{"star-is-nothing-too", "error*", false, "error errors", []string{"error", "errors"}},
		{"stars", "*o*o*", false, "foo fo oxo", []string{"foo", "oxo"}},
		{"question-mark", "w?s01", false, "WKS01 WS01 WKKS01", []string{"WKS01"}},
		{"star-in-quotes", "a*", true, "ab a*", []string{"a*"}},
		{"only-punctuation", "===", false, "=== x ====", []string{"===", "==="}},
		{"guid", "{8097ee64-5d7b-1603-9f00-0123456789ab}", false, guid, []string{"{8097EE64-5D7B-1603-9F00-0123456789AB}"}},
		{"guid-first-group", "8097ee64", false, guid, []string{"8097EE64"}},
		{"guid-last-group", "0123456789ab", false, guid, []string{"0123456789AB"}},
		{"guid-first-groups", "8097EE64-5D7B", false, guid, []string{"8097EE64-5D7B"}},
		{"guid-inner-group", "5d7b", false, guid, []string{"5D7B"}},
		{"guid-inner-number-is-none", "1603", false, guid, nil},
		{"folded", "straße", false, "STRAßE", []string{"STRAßE"}},
		{"other-length-folded", "k", false, "\u212a.", []string{"\u212a"}},
		{"han", "安装失", false, "重新安装失败", []string{"安装失"}},
		{"mark", "e", false, "e\u0301", nil},
		{"nothing", "", false, "abc", nil},
		{"shared-separator", "-a-", false, "-a-a-a-", []string{"-a-", "-a-"}},
		{"space", " ", true, "a b", []string{" "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Compile(tt.pattern, !tt.quoted).Find([]byte(tt.text), -1) {
				got = append(got, tt.text[f[0]:f[1]])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%q in %q (-want +got):\n%s", tt.pattern, tt.text, diff)
			}
		})
	}
}

// FuzzPattern holds that a match stands where it is said to, and that the terms of a pattern are among those of the text.
func FuzzPattern(f *testing.F) {
	f.Add("PolicyState of {8097EE64-5D7B-4C2E-9F00-0123456789AB}", "5d7b", true)
	f.Add("8097EE64-aB12-4C2E-9F00-0123456789AB", "8097ee64-a", true)
	f.Add("C:\\Windows\\CCM\\Logs", "w*s\\c?m", true)
	f.Add("安装 失败 K\u0130x", "装 失", false)
	f.Add(strings.Repeat("aB", 60), strings.Repeat("ab", 60), false)
	f.Fuzz(func(t *testing.T, text, pattern string, wildcards bool) {
		p := Compile(pattern, wildcards)
		found := p.Find([]byte(text), -1)
		at := 0
		for _, m := range found {
			if m[0] < at || m[1] <= m[0] || m[1] > len(text) {
				t.Fatalf("%q in %q: range %v after %d", pattern, text, m, at)
			}
			at = m[1]
		}
		if len(found) == 0 {
			return
		}
		holdsTerms(t, p, pattern, text)
	})
}

// holdsTerms holds that a text in which m is found has the terms that m names.
func holdsTerms(t *testing.T, m Matcher, name, text string) {
	t.Helper()
	all := terms(text)
	for _, oneOf := range m.Terms() {
		if !slices.ContainsFunc(oneOf, func(n Term) bool { return slices.ContainsFunc(all, func(s string) bool { return n.Match([]byte(s)) }) }) {
			t.Fatalf("%q is found in %q, whose terms %q lack all of %v", name, text, all, oneOf)
		}
	}
}

func TestRegexp(t *testing.T) {
	tests := []struct {
		name, expr, text string
		want             [][2]int
		terms            string // the needed terms: lists separated by blanks, their members by |
	}{
		{"words", `exit code \d+`, "the Exit Code 1603", [][2]int{{4, 18}}, "code"},
		{"within-a-word", `tat`, "PolicyState", [][2]int{{7, 10}}, "*tat*"},
		{"case-matters", `(?-i)State`, "state State", [][2]int{{6, 11}}, "*state*"},
		{"lines", `^b$`, "a\nb\nc", [][2]int{{2, 3}}, ""},
		{"either", `(?:failed|error) to`, "error to", [][2]int{{0, 8}}, "*failed*|*error*"},
		{"either-alone", `\bfoobar\b|0x8004\w+`, "0x80040669", [][2]int{{0, 10}}, "*foobar*|*0x8004*"},
		{"nothing-needed", `[0-9]+`, "a 12", [][2]int{{2, 4}}, ""},
		{"inner-group-of-a-guid", `-5d7b-`, "{8097EE64-5D7B-4C2E-9F00-0123456789AB}", [][2]int{{9, 15}}, "5d7b|\x00"},
		{"not-there", `code \d+`, "code x", nil, "*code"},
		{"repeated", `(?:ab_){2}x`, "ab_ab_x", [][2]int{{0, 7}}, ""},
		{"empty-places", `x*`, "axxa", [][2]int{{1, 3}}, ""},
		{"kelvin", `disk`, "DIS\u212a", [][2]int{{0, 6}}, "*disk*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := CompileRegexp(tt.expr)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Find([]byte(tt.text), -1)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			var lists []string
			for _, oneOf := range r.Terms() {
				var names []string
				for _, n := range oneOf {
					name := string(n.Prefix)
					if n.Glob {
						name = string(n.form)
					}
					names = append(names, name)
				}
				lists = append(lists, strings.Join(names, "|"))
			}
			if got := strings.Join(lists, " "); got != tt.terms {
				t.Errorf("needs %q, want %q", got, tt.terms)
			}
			if tt.want != nil {
				holdsTerms(t, r, tt.expr, tt.text)
			}
		})
	}
	if _, err := CompileRegexp("a(b"); err == nil || !strings.Contains(err.Error(), "missing closing )") {
		t.Errorf("error %v, want one of the parenthesis", err)
	}
}

// FuzzRegexp holds that a text in which an expression is found has the terms that are looked up, and that the expression alone
// decides.
func FuzzRegexp(f *testing.F) {
	f.Add(`exit code \d+`, "the exit code 1603")
	f.Add(`(a|bcd)+_x{2,}`, "BCD_xx")
	f.Add(`5d7b|k\x{212a}`, "{8097EE64-5D7B-4C2E-9F00-0123456789AB}")
	f.Add(`.code.`, "安code失")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 {
			return
		}
		r, err := CompileRegexp(expr)
		if err != nil {
			return
		}
		if got, want := r.Match([]byte(text)), r.re.MatchString(text); got != want {
			t.Fatalf("%q in %q: %v, without the prefilter %v", expr, text, got, want)
		} else if want {
			holdsTerms(t, r, expr, text)
		}
	})
}

// FuzzPrefilter holds that no text is refused in which the pattern is found without the prefilter.
func FuzzPrefilter(f *testing.F) {
	f.Add("x PolicyState", "state")
	f.Add("\u212aey", "key")
	f.Add("D\u0131\u017fk", "disk")
	f.Add("0x80040669", "0x80040669")
	f.Add("D\u0131\u017fk PolicyState", "?i*k *stat?")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		fast := Compile(pattern, strings.ContainsAny(pattern, "*?"))
		slow := *fast
		slow.fast = prefilter{}
		if diff := cmp.Diff(slow.Find([]byte(text), -1), fast.Find([]byte(text), -1)); diff != "" {
			t.Fatalf("%q in %q (-without +with):\n%s", pattern, text, diff)
		}
	})
}

func BenchmarkEach(b *testing.B) {
	line := []byte(`Copying \\WKS0017\SMSPKGD$\CEN00A3\data12.cab to C:\WINDOWS\system32\CCM\Cache\CEN00A3.7.System\data12.cab, job {8097EE64-5D7B-4C2E-9F00-0123456789AB}`)
	var p Splitter
	n := 0
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		p.Each(line, func(t []byte) { n += len(t) })
	}
	if n == 0 {
		b.Fatal("no term")
	}
}

func BenchmarkFind(b *testing.B) {
	text := bytes.Repeat([]byte("Evaluation not required. No changes detected. PolicyState of C:\\WINDOWS\\CCM is [Active]\r\n"), 100)
	p := Compile("0x80040669", true)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if p.Match(text) {
			b.Fatal("found")
		}
	}
}

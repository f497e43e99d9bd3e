package match_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/match"
)

func TestCompileNamesTheSignalAtFault(t *testing.T) {
	good := match.Signal{Name: "good", Literals: []string{"abc"}}
	for _, c := range []struct {
		name    string
		signals []match.Signal
		want    []string // in the error
	}{
		{"no-name", []match.Signal{good, {Literals: []string{"abc"}}}, []string{"signal 1", "no name"}},
		{"duplicate-name", []match.Signal{good, good}, []string{`"good"`, "twice"}},
		{"no-literal", []match.Signal{{Name: "bad", Pattern: "x"}}, []string{`"bad"`, "no literal"}},
		{"empty-literal", []match.Signal{{Name: "bad", Literals: []string{"abc", ""}}}, []string{`"bad"`, "empty literal"}},
		{"short-literal", []match.Signal{{Name: "bad", Literals: []string{"ab"}}}, []string{`"bad"`, `"ab"`, "shorter than 3 bytes"}},
		{"bad-pattern", []match.Signal{{Name: "bad", Literals: []string{"abc"}, Pattern: "a("}}, []string{`"bad"`, "missing closing )"}},
		{"lookbehind", []match.Signal{{Name: "bad", Literals: []string{"abc"}, Pattern: "(?<!x)abc"}}, []string{`"bad"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := match.Compile(c.signals)
			if err == nil || set != nil {
				t.Fatalf("Compile = %v, %v, want an error alone", set, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestFor(t *testing.T) {
	set := compile(t, []match.Signal{
		{Name: "ccm", Kinds: []string{"log/ccm"}, Literals: []string{"error"}},
		{Name: "both", Kinds: []string{"log/msi", "log/ccm", "log/msi"}, Literals: []string{"error"}},
	})
	for kind, want := range map[string][]string{"log/ccm": {"ccm", "both"}, "log/msi": {"both"}, "log/text": nil, "": nil} {
		var got []string
		set.For(kind).Match([]byte("an Error"), func(h match.Hit) { got = append(got, h.Name) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", kind, diff)
		}
	}
	if m := set.For("log/text"); m != nil {
		t.Errorf("For(log/text) = %v, want nil: no signal concerns it", m)
	}
	if m := compile(t, nil).For("log/ccm"); m != nil {
		t.Errorf("For = %v, want nil: there is no signal", m)
	}
	if first, second := set.For("log/ccm"), set.For("log/ccm"); first != second {
		t.Error("For made a second matcher of the same kind")
	}
}

// The signals may be changed after Compile although matchers are made later.
func TestCompileKeepsNoReference(t *testing.T) {
	signals := []match.Signal{{Name: "a", Kinds: []string{"log/ccm"}, Literals: []string{"error"}}}
	set := compile(t, signals)
	signals[0].Kinds[0] = "log/msi"
	signals[0].Literals[0] = "other"
	if got := collect(set.For("log/ccm"), []byte("error")); len(got) != 1 {
		t.Errorf("got %v, want the signal as it was compiled", got)
	}
}

package need

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// outcome stands in for a test: it records how the test would have ended.
type outcome struct {
	testing.TB
	verdict, message string
}

func (o *outcome) Helper() {}

func (o *outcome) Skipf(format string, args ...any) { o.end("skip", format, args...) }

func (o *outcome) Skip(args ...any) { o.end("skip", "%s", fmt.Sprint(args...)) }

func (o *outcome) Fatalf(format string, args ...any) { o.end("fail", format, args...) }

func (o *outcome) end(verdict, format string, args ...any) {
	o.verdict, o.message = verdict, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run calls f as a test of its own and returns how it ended.
func run(t *testing.T, f func(testing.TB)) *outcome {
	t.Helper()
	o := &outcome{TB: t, verdict: "pass"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(o)
	}()
	<-done
	return o
}

func TestNeeds(t *testing.T) {
	corpus := t.TempDir()
	tests := []struct {
		name    string
		env     map[string]string
		call    func(testing.TB)
		verdict string
		says    string
	}{
		{"tool-there", nil, func(t testing.TB) { Tool(t, "go") }, "pass", ""},
		{"tool-absent", nil, func(t testing.TB) { Tool(t, "casebook-no-such-program") }, "skip", "casebook-no-such-program"},
		{"tool-absent-required", map[string]string{"CASEBOOK_REQUIRE_TOOLS": "1"}, func(t testing.TB) { Tool(t, "casebook-no-such-program") }, "fail", "CASEBOOK_REQUIRE_TOOLS"},
		{"tool-absent-packaged", map[string]string{"PATH": ""}, func(t testing.TB) { Tool(t, "hivexget") }, "skip", "libhivex-bin"},
		{"browser-named", map[string]string{"CASEBOOK_BROWSER": "/opt/browser"}, func(t testing.TB) {
			if got := Browser(t); got != "/opt/browser" {
				t.Fatalf("browser %q", got)
			}
		}, "pass", ""},
		{"corpus-unset", nil, func(t testing.TB) { Corpus(t) }, "skip", "CASEBOOK_CORPUS"},
		{"corpus-unset-required", map[string]string{"CASEBOOK_REQUIRE_TOOLS": "1"}, func(t testing.TB) { Corpus(t) }, "skip", "CASEBOOK_CORPUS"},
		{"corpus-relative", map[string]string{"CASEBOOK_CORPUS": "corpus"}, func(t testing.TB) { Corpus(t) }, "fail", "absolute"},
		{"corpus-wrong", map[string]string{"CASEBOOK_CORPUS": corpus}, func(t testing.TB) { Corpus(t, "no", "such") }, "fail", filepath.Join("no", "such")},
		{"corpus-there", map[string]string{"CASEBOOK_CORPUS": corpus}, func(t testing.TB) {
			if got := Corpus(t); got != corpus {
				t.Fatalf("corpus %q, want %q", got, corpus)
			}
		}, "pass", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CASEBOOK_CORPUS", "")
			t.Setenv("CASEBOOK_REQUIRE_TOOLS", "")
			t.Setenv("CASEBOOK_BROWSER", "")
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			o := run(t, test.call)
			if o.verdict != test.verdict || !strings.Contains(o.message, test.says) {
				t.Errorf("got %s %q, want %s with %q", o.verdict, o.message, test.verdict, test.says)
			}
		})
	}
}

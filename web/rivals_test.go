package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
)

// TestDoubts holds that a proven finding names what the upload does not exclude, and nothing else.
func TestDoubts(t *testing.T) {
	f := item{Finding: findings.Finding{Verdict: findings.Confirmed, Rivals: []findings.Rival{
		{Name: "a", Verdict: "Open: a.log is not in the upload."},
		{Name: "b", Verdict: "Supported: b.log shows it."},
		{Name: "c", Verdict: "Excluded: no."},
		{Name: "d", Verdict: "Not borne out: no line."},
		{Name: "e", Verdict: "Of a team's own check."},
		{Name: "g", Verdict: "Opened"},
	}}}
	names := func(f item) (out []string) {
		for _, r := range doubts(f) {
			out = append(out, r.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(f)); diff != "" {
		t.Errorf("doubts (-want +got):\n%s", diff)
	}
	if f.Verdict = findings.Suspected; names(f) != nil {
		t.Errorf("what is only suspected has the doubts %v", names(f))
	}
	if s, why := standsAt(f.Rivals[4]); s != "" || why != f.Rivals[4].Verdict {
		t.Errorf("%q, %q", s, why)
	}
}

// TestNamed finds the files that an answer names, and no others.
func TestNamed(t *testing.T) {
	v := newView(&findings.Report{Artifacts: []findings.Artifact{{Path: "a/CAS.log"}, {Path: "b/cas.log"}, {Path: "b/x.ini"}}})
	got := v.named(findings.Rival{Verdict: "Not borne out: cas.log, Other.log and a/x.ini have no line, nor has cas.log."})
	if diff := cmp.Diff([]namedFile{{"cas.log", "a/CAS.log"}, {"x.ini", "b/x.ini"}}, got, cmp.AllowUnexported(namedFile{})); diff != "" {
		t.Errorf("named (-want +got):\n%s", diff)
	}
}

// TestShorten cuts at the ends of sentences and parts of them, and never within a command or a path.
func TestShorten(t *testing.T) {
	for text, want := range map[string]string{
		"short":                                   "short",
		"One sentence. Another one that is long.": "One sentence.",
		`Repair it, which puts it back: msiexec /f "C:\Program Files\x.msi"`: "Repair it, which puts it back…",
		"no stops in a text that is too long for it":                        "no stops in a text that is too…",
	} {
		if got := shorten(text, 32); got != want {
			t.Errorf("%q is shortened to %q, want %q", text, got, want)
		}
	}
}

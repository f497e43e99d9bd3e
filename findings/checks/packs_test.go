package checks_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"casebook"
	"casebook/findings"
	"casebook/findings/checks"
	"casebook/findings/pack"
)

// written returns the checks that are written in Go.
func written() []*findings.Check {
	return slices.DeleteFunc(checks.All(), func(c *findings.Check) bool {
		return slices.ContainsFunc(checks.Packs(), func(p *pack.Pack) bool { return slices.Contains(p.Checks, c) })
	})
}

// TestPacks runs the tests that the embedded packs carry, the whole way that an upload goes.
func TestPacks(t *testing.T) {
	for _, p := range checks.Packs() {
		for _, test := range p.Tests {
			t.Run(test.Check.ID+"/"+test.Name, func(t *testing.T) {
				r, err := casebook.RunPackTest(context.Background(), test)
				if err != nil {
					t.Fatal(err)
				}
				if !r.OK() {
					for _, w := range test.Want {
						t.Errorf("want %s", w)
					}
					for _, f := range r.Findings {
						t.Errorf("got  %s: %s", pack.Got(f), f.Summary)
					}
					for _, n := range r.Notes {
						t.Error(n)
					}
				}
				for _, f := range r.Findings {
					if strings.Contains(f.Summary, "  ") || strings.Contains(f.Title, "  ") || f.Summary == "" || strings.Contains(f.Summary, "line 0") {
						t.Errorf("title or summary is not well made: %q: %q", f.Title, f.Summary)
					}
				}
			})
		}
	}
}

// TestPackKnowledge holds the embedded packs to what is asked of the checks that are written in Go.
func TestPackKnowledge(t *testing.T) {
	counted := regexp.MustCompile(`\{\d*,\d{3,}\}`)
	for _, p := range checks.Packs() {
		if len(p.Checks) != 1 || filepath.Base(p.Name) != p.Checks[0].ID+".yaml" {
			t.Errorf("%s is not one check in a file of its name", p.Name)
			continue
		}
		c := p.Checks[0]
		t.Run(c.ID, func(t *testing.T) {
			d := c.Doc
			for what, empty := range map[string]bool{
				"proof": len(d.Proves) == 0, "suggestion": len(d.Suggests) == 0, "exoneration": len(d.Exonerates) == 0, "risk": d.Risk == "", "undo": d.Undo == "",
				"cured": d.Cured == "", "overturns": d.Overturns == "", "false positives": d.FalsePositives == "", "limits": d.NotCovered == "", "reference": len(d.References) == 0,
			} {
				if empty {
					t.Errorf("the check lacks: %s", what)
				}
			}
			for _, s := range c.Signals {
				if counted.MatchString(s.Pattern) {
					t.Errorf("signal %q: a repetition counted to hundreds makes the matcher slow", s.Name)
				}
				if m := regexp.MustCompile(`[a-z0-9]\.(exe|dll|msi|msp|log|ini|tcf|xml|sys|dat)\b`).FindString(s.Pattern); m != "" {
					t.Errorf("signal %q: the dot of %q is not escaped", s.Name, m)
				}
			}
			src, err := os.ReadFile(filepath.FromSlash(p.Name))
			if err != nil {
				t.Fatal(err)
			}
			verdict := func(v findings.Verdict) bool {
				return bytes.Contains(src, []byte("        verdict: "+string(v)+"\n")) || bytes.Contains(src, []byte("- verdict: "+string(v)+"\n"))
			}
			for kind, wanted := range map[string]bool{
				"confirmed": true, "suspected": verdict(findings.Suspected), "ruled-out": false, "not-evaluated": true, "near-miss": true,
			} {
				if wanted && !slices.ContainsFunc(p.Tests, func(x pack.Test) bool { return strings.HasPrefix(x.Name, kind) }) {
					t.Errorf("no test %s", kind)
				}
			}
			for _, x := range p.Tests {
				kind := longest(x.Name)
				if kind == "" {
					t.Errorf("the test %q does not say of which kind it is", x.Name)
				}
				for _, w := range x.Want {
					if kind == "near-miss" && w.Verdict == findings.Confirmed {
						t.Errorf("near miss %s is confirmed", x.Name)
					}
				}
				if kind != "near-miss" && kind != "" && string(x.Want[0].Verdict) != kind {
					t.Errorf("test %s wants %s", x.Name, x.Want[0].Verdict)
				}
			}
		})
	}
}

// TestPackProofNeedsItsEvidence takes from every confirmed test of the embedded packs each file that supports the finding: without it the
// finding must weaken.
func TestPackProofNeedsItsEvidence(t *testing.T) {
	for _, p := range checks.Packs() {
		for _, test := range p.Tests {
			if !strings.HasPrefix(test.Name, "confirmed") {
				continue
			}
			t.Run(test.Check.ID+"/"+test.Name, func(t *testing.T) {
				whole, err := casebook.RunPackTest(context.Background(), test)
				if err != nil {
					t.Fatal(err)
				}
				before := proven(whole.Findings)
				for i, f := range test.Files {
					supports := slices.ContainsFunc(whole.Findings, func(x findings.Finding) bool {
						return x.Verdict == findings.Confirmed && slices.ContainsFunc(x.Evidence, func(e findings.Evidence) bool {
							return e.Role == findings.Supports && strings.HasPrefix(f.Path, e.Artifact)
						})
					})
					if !supports {
						continue
					}
					less := test
					less.Files = slices.Delete(slices.Clone(test.Files), i, i+1)
					after, err := casebook.RunPackTest(context.Background(), less)
					if err != nil {
						t.Fatal(err)
					}
					if n := proven(after.Findings); n >= before && !lowered(whole.Findings, after.Findings) {
						t.Errorf("%d findings stay confirmed without %s: %s", n, f.Path, after.Findings[0].Summary)
					}
				}
			})
		}
	}
}

func proven(list []findings.Finding) int {
	n := 0
	for _, f := range list {
		if f.Verdict == findings.Confirmed {
			n++
		}
	}
	return n
}

// lowered reports whether the first finding claims less: its state is not known any more.
func lowered(before, after []findings.Finding) bool {
	return len(before) > 0 && len(after) > 0 && before[0].State != findings.Unknown && after[0].State == findings.Unknown
}

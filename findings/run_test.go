package findings_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

// registry parses the text of an export, or of reg query output, as the artifact of that path.
func registry(t *testing.T, path, text string) ingest.Extracted {
	t.Helper()
	lines := strings.Split(text, "\n")
	parse, kind := hive.ParseQuery, ingest.KindRegQuery
	if strings.HasPrefix(text, "Windows Registry") {
		parse = func(l []string) (*hive.Hive, error) { return hive.ParseExport(l, nil) }
		kind = ingest.KindRegExport
	}
	h, err := parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	return ingest.Extracted{Artifact: &ingest.Artifact{Path: path, Kind: kind}, Kind: kind, Value: h, Lines: lines}
}

const named = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName]
"ComputerName"="%s"
`

// built returns the facts of artifacts and registries: ALPHA has alpha/system.reg, BETA beta/system.reg.
func built(t *testing.T, artifacts []*ingest.Artifact, extracted ...ingest.Extracted) []*facts.Facts {
	t.Helper()
	c, err := facts.NewCollector(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range extracted {
		artifacts = append(artifacts, e.Artifact)
	}
	slices.SortFunc(artifacts, func(a, b *ingest.Artifact) int { return strings.Compare(a.Path, b.Path) })
	all, _ := facts.Build(artifacts, extracted, c, "")
	return all
}

func log(path string) *ingest.Artifact { return &ingest.Artifact{Path: path, Kind: ingest.KindLogText} }

// check is a check that needs a text log and gives what run gives.
func check(run func(*facts.Facts) ([]findings.Finding, error)) *findings.Check {
	return &findings.Check{
		ID: "some-state", Title: "Some state", Severity: findings.High, Product: findings.Product{Name: "the product", Words: []string{"product"}},
		Needs: []findings.Need{{AnyOf: []ingest.Kind{ingest.KindLogText}, What: "the log", Why: "it tells", Collect: "send the log"}},
		Doc:   findings.Doc{Cause: "the cause", Remedy: []string{"the remedy"}, References: []findings.Reference{{Title: "a page", URL: "https://example.com/"}}},
		Run:   run,
	}
}

func gives(list ...findings.Finding) func(*facts.Facts) ([]findings.Finding, error) {
	return func(*facts.Facts) ([]findings.Finding, error) { return list, nil }
}

func evidence(artifact string, role findings.Role) findings.Evidence {
	return findings.Evidence{Artifact: artifact, Line: 1, Quote: "x", Role: role}
}

// lines renders findings and problems, a line each.
func lines(list []findings.Finding, problems []ingest.Problem) []string {
	var out []string
	for _, f := range list {
		s := []string{string(f.Verdict), string(f.Severity), string(f.State)}
		if f.Reason != "" {
			s = append(s, string(f.Reason))
		}
		if f.System != "" {
			s = append(s, "on "+f.System)
		}
		if f.Subject != "" {
			s = append(s, "of "+f.Subject)
		}
		for _, m := range f.Missing {
			s = append(s, "missing "+m.What)
		}
		out = append(out, strings.Join(s, " "))
	}
	for _, p := range problems {
		out = append(out, string(p.Stage)+": "+p.Message)
	}
	return out
}

// TestRun takes each way that a check's outcome may go.
func TestRun(t *testing.T) {
	alpha := registry(t, "alpha/system.reg", fmt.Sprintf(named, "ALPHA"))
	beta := registry(t, "beta/system.reg", fmt.Sprintf(named, "BETA"))
	foreign := log("alpha/foreign.log")
	foreign.Host = "BETA"
	cut := log("alpha/cut.log")
	cut.Truncated = true
	query := registry(t, "alpha/q.txt", "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\X\n    A    REG_SZ    1\n")
	one := built(t, []*ingest.Artifact{log("product/a.log"), cut}, alpha, query)
	two := built(t, []*ingest.Artifact{log("alpha/product.log"), log("beta/a.log"), foreign, log("x.log"), log("y.log")}, alpha, beta)
	alone := built(t, []*ingest.Artifact{log("a.log")})
	onlyOn := func(id string, f findings.Finding) func(*facts.Facts) ([]findings.Finding, error) {
		return func(x *facts.Facts) ([]findings.Finding, error) {
			if x.ID == id {
				return []findings.Finding{f}, nil
			}
			return []findings.Finding{{Verdict: findings.NotEvaluated}}, nil
		}
	}
	supports, contradicts := evidence("alpha/product.log", findings.Supports), evidence("alpha/product.log", findings.Contradicts)
	value := "V"
	tests := []struct {
		name string
		all  []*facts.Facts
		run  func(*facts.Facts) ([]findings.Finding, error)
		edit func(*findings.Check)
		want []string
	}{
		{
			name: "confirmed", all: two, run: onlyOn("ALPHA", findings.Finding{Verdict: findings.Confirmed, Subject: "s", State: findings.Active, Evidence: []findings.Evidence{supports}}),
			want: []string{"confirmed high active on ALPHA of s"},
		},
		{
			name: "system-is-the-one-looked-at", all: two, run: onlyOn("ALPHA", findings.Finding{Verdict: findings.Confirmed, System: "BETA", Evidence: []findings.Evidence{supports}}),
			want: []string{"confirmed high unknown on ALPHA"},
		},
		{
			name: "confirmed-without-evidence", all: two, run: onlyOn("ALPHA", findings.Finding{Verdict: findings.Confirmed, Subject: "s", Evidence: []findings.Evidence{contradicts}}),
			want: []string{
				"not-evaluated high unknown data-missing",
				"check: check some-state gave the verdict confirmed without supporting evidence on subject \"s\"; it was refused",
			},
		},
		{
			name: "suspected-without-evidence", all: alone, run: gives(findings.Finding{Verdict: findings.Suspected}),
			want: []string{
				"not-evaluated high unknown data-missing",
				"check: check some-state gave the verdict suspected without supporting evidence on subject \"\"; it was refused",
			},
		},
		{
			name: "ruled-out-without-evidence", all: alone, run: gives(findings.Finding{Verdict: findings.RuledOut}),
			want: []string{
				"not-evaluated high unknown data-missing",
				"check: check some-state gave the verdict ruled-out without evidence on subject \"\"; it was refused",
			},
		},
		{
			name: "no-such-verdict", all: alone, run: gives(findings.Finding{Verdict: "fine"}),
			want: []string{
				"not-evaluated high unknown data-missing",
				"check: check some-state gave the verdict \"fine\", which there is not on subject \"\"; it was refused",
			},
		},
		{
			name: "ruled-out", all: two, run: onlyOn("ALPHA", findings.Finding{Verdict: findings.RuledOut, State: findings.Active, Severity: "grave", Evidence: []findings.Evidence{contradicts}}),
			want: []string{"ruled-out high unknown on ALPHA"},
		},
		{
			name: "ruled-out-by-a-truncated-log", all: one, run: gives(findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{evidence("alpha/cut.log", findings.Contradicts)}}),
			want: []string{"not-evaluated high unknown data-missing on ALPHA missing a complete and current copy of alpha/cut.log"},
		},
		{
			name: "ruled-out-with-a-truncated-log-as-context", all: one, run: gives(findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{
				evidence("alpha/cut.log", findings.Context), evidence("product/a.log", findings.Contradicts),
			}}),
			want: []string{"ruled-out high unknown on ALPHA"},
		},
		{
			name: "ruled-out-by-what-a-query-does-not-show", all: one, run: gives(findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{
				findings.AbsentValue(hive.Found{Source: "alpha/q.txt"}, `HKEY_LOCAL_MACHINE\SOFTWARE\X`, &value, findings.Contradicts, ""),
			}}),
			want: []string{"not-evaluated high unknown data-missing on ALPHA missing a complete and current copy of alpha/q.txt"},
		},
		{
			name: "ruled-out-by-what-a-query-shows", all: one, run: gives(findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{evidence("alpha/q.txt", findings.Contradicts)}}),
			want: []string{"ruled-out high unknown on ALPHA"},
		},
		{
			name: "confirmed-by-a-conflicting-artifact", all: two, run: onlyOn("BETA", findings.Finding{Verdict: findings.Confirmed, Evidence: []findings.Evidence{evidence("alpha/foreign.log", findings.Supports)}}),
			want: []string{"suspected high unknown on BETA missing a copy of alpha/foreign.log together with the name of the computer that it comes from"},
		},
		{
			name: "confirmed-by-a-conflicting-artifact-and-another", all: two, run: onlyOn("BETA", findings.Finding{Verdict: findings.Confirmed, Evidence: []findings.Evidence{
				evidence("alpha/foreign.log", findings.Supports), evidence("beta/a.log", findings.Supports),
			}}),
			want: []string{"confirmed high unknown on BETA"},
		},
		{
			name: "ruled-out-by-a-conflicting-artifact", all: two, run: onlyOn("BETA", findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{evidence("alpha/foreign.log", findings.Contradicts)}}),
			want: []string{"not-evaluated high unknown data-missing missing a copy of alpha/foreign.log together with the name of the computer that it comes from"},
		},
		{
			name: "confirmed-by-one-artifact-of-nobody", all: two, run: onlyOn("", findings.Finding{Verdict: findings.Confirmed, Evidence: []findings.Evidence{evidence("x.log", findings.Supports)}}),
			want: []string{"confirmed high unknown"},
		},
		{
			name: "confirmed-by-two-artifacts-of-nobody", all: two, run: onlyOn("", findings.Finding{Verdict: findings.Confirmed, Evidence: []findings.Evidence{
				evidence("x.log", findings.Supports), evidence("y.log", findings.Supports),
			}}),
			want: []string{"suspected high unknown missing the name of the computer that x.log comes from"},
		},
		{
			name: "ruled-out-by-another-artifact-of-nobody", all: two, run: onlyOn("", findings.Finding{Verdict: findings.RuledOut, Evidence: []findings.Evidence{
				evidence("x.log", findings.Supports), evidence("y.log", findings.Contradicts),
			}}),
			want: []string{"not-evaluated high unknown data-missing missing the name of the computer that x.log comes from"},
		},
		{
			name: "need-not-met-product-seen", all: built(t, []*ingest.Artifact{{Path: "product.ini", Kind: ingest.KindText}}),
			run: gives(), want: []string{"not-evaluated high unknown data-missing missing the log"},
		},
		{
			name: "need-not-met-product-absent", all: built(t, []*ingest.Artifact{{Path: "other.ini", Kind: ingest.KindText}}),
			run: gives(), want: []string{"not-evaluated high unknown product-absent missing the log"},
		},
		{
			name: "no-system-at-all", run: gives(), want: []string{"not-evaluated high unknown product-absent missing the log"},
		},
		{
			name: "need-of-the-system-that-shows-the-product",
			all:  built(t, []*ingest.Artifact{{Path: "alpha/product.ini", Kind: ingest.KindText}, {Path: "beta/a.csv", Kind: ingest.KindListing}}, alpha, beta),
			edit: func(c *findings.Check) {
				c.Needs = append(c.Needs, findings.Need{AnyOf: []ingest.Kind{ingest.KindListing}, What: "the listing", Why: "it lists", Collect: "dir"})
			},
			run: gives(), want: []string{"not-evaluated high unknown data-missing missing the log missing the listing"},
		},
		{
			name: "need-by-content", all: alone, edit: func(c *findings.Check) {
				c.Needs[0].Met = func(*facts.Facts) bool { return false }
				c.Product.Seen = func(*facts.Facts) bool { return true }
			},
			run: gives(), want: []string{"not-evaluated high unknown data-missing missing the log"},
		},
		{
			name: "panic", all: alone, run: func(*facts.Facts) ([]findings.Finding, error) { panic("at the disco") },
			want: []string{"not-evaluated high unknown data-missing", "check: check some-state: crashed: at the disco at an unknown place"},
		},
		{
			name: "panic-on-one-system", all: two, run: func(f *facts.Facts) ([]findings.Finding, error) {
				if f.ID == "BETA" {
					panic("no")
				}
				return []findings.Finding{{Verdict: findings.RuledOut, Evidence: []findings.Evidence{contradicts}}}, nil
			},
			want: []string{
				"ruled-out high unknown", "ruled-out high unknown on ALPHA", "not-evaluated high unknown data-missing on BETA",
				"check: check some-state on \"BETA\": crashed: no at an unknown place",
			},
		},
		{
			name: "error", all: alone, run: func(*facts.Facts) ([]findings.Finding, error) { return nil, errors.New("it can't be told") },
			want: []string{"not-evaluated high unknown data-missing", "check: check some-state: it can't be told"},
		},
		{
			name: "no-verdict", all: alone, run: gives(),
			want: []string{"not-evaluated high unknown data-missing", "check: check some-state: gave no verdict"},
		},
		{
			name: "not-evaluated-everywhere-is-one", all: two, run: func(f *facts.Facts) ([]findings.Finding, error) {
				n := findings.Finding{Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Missing: []findings.Missing{{What: "nothing"}}}
				if f.ID == "BETA" {
					n.Reason, n.Missing = findings.DataMissing, []findings.Missing{{What: "more"}}
				}
				return []findings.Finding{n}, nil
			},
			want: []string{"not-evaluated high unknown data-missing missing more"},
		},
		{
			name: "several-systems-at-once", all: two, edit: func(c *findings.Check) {
				c.Run, c.RunAll = nil, func(all []*facts.Facts) ([]findings.Finding, error) {
					return []findings.Finding{{Verdict: findings.Suspected, Subject: strconv.Itoa(len(all)), Evidence: []findings.Evidence{supports}}}, nil
				}
			},
			want: []string{"suspected high unknown of 3"},
		},
		{
			name: "one-system-of-several-meets-the-need", all: two, edit: func(c *findings.Check) {
				c.Needs = []findings.Need{{Met: func(f *facts.Facts) bool { return f.ID == "BETA" }, What: "what BETA has"}}
				c.Run, c.RunAll = nil, func(all []*facts.Facts) ([]findings.Finding, error) {
					return []findings.Finding{{Verdict: findings.Suspected, Subject: strconv.Itoa(len(all)), Evidence: []findings.Evidence{supports}}}, nil
				}
			},
			want: []string{"suspected high unknown of 3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := check(tt.run)
			if tt.edit != nil {
				tt.edit(c)
			}
			list, problems, err := findings.Run(context.Background(), []*findings.Check{c}, tt.all)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(list, problems)); diff != "" {
				t.Errorf("outcome differs (-want +got):\n%s", diff)
			}
			for _, f := range list {
				if len(f.References) != 1 || f.Title == "" || f.Check != c.ID {
					t.Errorf("the finding is not completed: %+v", f)
				}
				if claims := f.Verdict == findings.Confirmed || f.Verdict == findings.Suspected; claims != (f.Cause != "") || claims != (len(f.Remedy) > 0) {
					t.Errorf("%s has cause %q and remedy %v", f.Verdict, f.Cause, f.Remedy)
				}
			}
		})
	}
}

// TestRunOrder sorts findings, whatever the order of checks, and ends with the context.
func TestRunOrder(t *testing.T) {
	all := built(t, []*ingest.Artifact{log("a.log")})
	var checks []*findings.Check
	for i, v := range []findings.Verdict{findings.RuledOut, findings.Confirmed, findings.NotEvaluated, findings.Suspected, findings.Confirmed} {
		c := check(gives(findings.Finding{Verdict: v, Evidence: []findings.Evidence{evidence("a.log", findings.Supports)}}))
		c.ID = fmt.Sprintf("check-%d", i)
		c.Severity = findings.Severities()[i]
		checks = append(checks, c)
	}
	want := []string{"check-1", "check-4", "check-3", "check-0", "check-2"}
	for range 2 {
		list, _, err := findings.Run(context.Background(), checks, all)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list {
			got = append(got, f.Check)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order differs (-want +got):\n%s", diff)
		}
		slices.Reverse(checks)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := findings.Run(ctx, checks, all); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is cancelled returns %v", err)
	}
}

// TestRunLeavesChecks runs a check twice: what it shares with its findings is not changed.
func TestRunLeavesChecks(t *testing.T) {
	all := built(t, []*ingest.Artifact{log("a.log")})
	shared := findings.Finding{
		Verdict: findings.Confirmed, Evidence: []findings.Evidence{{Artifact: "a.log", Quote: strings.Repeat("q", 500), Role: findings.Supports}},
		References: []findings.Reference{{Title: "a page", URL: "https://example.com/"}},
	}
	c := check(gives(shared))
	for range 2 {
		list, _, err := findings.Run(context.Background(), []*findings.Check{c}, all)
		if err != nil {
			t.Fatal(err)
		}
		if n := len([]rune(list[0].Evidence[0].Quote)); n != 401 || len(list[0].References) != 1 {
			t.Errorf("%d characters are quoted, %d references", n, len(list[0].References))
		}
	}
	if len(shared.Evidence[0].Quote) != 500 {
		t.Error("the check's own evidence was changed")
	}
}

// TestRunOneFactOnce: a line that carries two of a check's arguments is one piece of evidence.
func TestRunOneFactOnce(t *testing.T) {
	value := "V"
	at := func(line int, quote string, role findings.Role, note string) findings.Evidence {
		return findings.Evidence{Artifact: "product/a.log", Line: line, Quote: quote, Role: role, Note: note}
	}
	pair := func(quote string) findings.Evidence {
		return findings.Evidence{Artifact: "alpha/system.reg", Line: 2, Key: `SYSTEM\K`, Value: &value, Quote: quote, Role: findings.Supports}
	}
	tests := []struct {
		name      string
		gave, got []findings.Evidence
	}{
		{
			"two-arguments-of-one-line",
			[]findings.Evidence{at(1, "x", findings.Supports, "the account"), at(2, "y", findings.Supports, ""), at(1, "x", findings.Supports, "the code")},
			[]findings.Evidence{at(1, "x", findings.Supports, "the account; the code"), at(2, "y", findings.Supports, "")},
		},
		{
			"context-that-supports",
			[]findings.Evidence{at(1, "x", findings.Context, "n"), at(1, "x", findings.Supports, "n"), at(2, "y", findings.Supports, ""), at(2, "y", findings.Context, "")},
			[]findings.Evidence{at(1, "x", findings.Supports, "n"), at(2, "y", findings.Supports, "")},
		},
		{"two-parts-of-one-value", []findings.Evidence{pair("a | b"), pair("c | d"), pair("a | b")}, []findings.Evidence{pair("a | b"), pair("c | d")}},
		{
			"an-artifact-as-a-whole",
			[]findings.Evidence{at(0, "", findings.Supports, "it lacks the one"), at(0, "", findings.Supports, "it lacks the other")},
			[]findings.Evidence{at(0, "", findings.Supports, "it lacks the one"), at(0, "", findings.Supports, "it lacks the other")},
		},
	}
	all := built(t, []*ingest.Artifact{log("product/a.log")}, registry(t, "alpha/system.reg", fmt.Sprintf(named, "ALPHA")))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := findings.Run(context.Background(), []*findings.Check{check(gives(findings.Finding{Verdict: findings.Suspected, Evidence: tt.gave}))}, all)
			if err != nil || len(got) != 1 {
				t.Fatalf("%d findings, %v", len(got), err)
			}
			if diff := cmp.Diff(tt.got, got[0].Evidence); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRunInOrder: a remedy that another finding's has to precede says so first.
func TestRunInOrder(t *testing.T) {
	const waits = `First do what the finding "cause" (cause-state) says, because it is the cause. The steps below come after that.`
	const open = `First settle the suspicion "cause" (cause-state), because it is the cause. The steps below come after that.`
	tests := []struct {
		name        string
		first       findings.Finding
		firstOn     string // the system of the first finding; "" for one about several
		later       findings.Finding
		alpha, beta string // the first step of the remedy on either system
	}{
		{"confirmed", findings.Finding{Verdict: findings.Confirmed}, "ALPHA", findings.Finding{Verdict: findings.Confirmed}, waits, "restart"},
		{"suspected", findings.Finding{Verdict: findings.Suspected}, "ALPHA", findings.Finding{Verdict: findings.Suspected}, open, "restart"},
		{"of-several-systems", findings.Finding{Verdict: findings.Confirmed}, "", findings.Finding{Verdict: findings.Confirmed}, "restart", waits},
		{"slight-suspicion", findings.Finding{Verdict: findings.Suspected, Severity: findings.Low}, "ALPHA", findings.Finding{Verdict: findings.Confirmed}, "restart", "restart"},
		{"overcome", findings.Finding{Verdict: findings.Confirmed, State: findings.Resolved}, "ALPHA", findings.Finding{Verdict: findings.Confirmed}, "restart", "restart"},
		{"not-this-one", findings.Finding{Verdict: findings.Confirmed, State: findings.Predicted}, "ALPHA", findings.Finding{Verdict: findings.Confirmed}, "restart", "restart"},
		{"nothing-to-defer", findings.Finding{Verdict: findings.Confirmed}, "ALPHA", findings.Finding{Verdict: findings.Confirmed, State: findings.Resolved}, "restart", "restart"},
	}
	all := built(t, []*ingest.Artifact{log("alpha/a.log"), log("beta/a.log")},
		registry(t, "alpha/system.reg", fmt.Sprintf(named, "ALPHA")), registry(t, "beta/system.reg", fmt.Sprintf(named, "BETA")))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := check(nil)
			first.ID, first.Run = "cause-state", nil
			first.Before = []findings.Precedence{{
				Over: []string{"restart-state"}, Why: "it is the cause", If: func(f *findings.Finding) bool { return f.State != findings.Predicted },
			}}
			first.RunAll = func([]*facts.Facts) ([]findings.Finding, error) {
				f := tt.first
				f.Title, f.System, f.Evidence = "cause", tt.firstOn, []findings.Evidence{evidence("beta/a.log", findings.Supports)}
				return []findings.Finding{f}, nil
			}
			later := check(func(f *facts.Facts) ([]findings.Finding, error) {
				x := tt.later
				x.Remedy, x.Evidence = []string{"restart"}, []findings.Evidence{evidence(strings.ToLower(f.ID)+"/a.log", findings.Supports)}
				return []findings.Finding{x}, nil
			})
			later.ID = "restart-state"
			got, _, err := findings.Run(context.Background(), []*findings.Check{first, later}, all)
			if err != nil {
				t.Fatal(err)
			}
			steps := map[string]string{}
			for _, f := range got {
				if f.Check == later.ID {
					steps[f.System] = f.Remedy[0]
				}
			}
			if diff := cmp.Diff(map[string]string{"ALPHA": tt.alpha, "BETA": tt.beta}, steps); diff != "" {
				t.Error(diff)
			}
		})
	}
}

package diff_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/diff"
)

func machine(id, name, guid string) findings.System {
	return findings.System{ID: id, ComputerName: name, MachineGUID: guid, Hive: "SYSTEM"}
}

// TestMachines pairs the machines of two reports, however they are called.
func TestMachines(t *testing.T) {
	for name, test := range map[string]struct {
		before, after []findings.System
		want          string // the systems that differ, with what differs
	}{
		"the same":                    {[]findings.System{machine("A", "A", "1"), machine("B", "B", "2")}, []findings.System{machine("B", "b", "2"), machine("A", "A", "1")}, "B:computer name"},
		"renamed":                     {[]findings.System{machine("A", "A", "1"), machine("B", "B", "2")}, []findings.System{machine("C", "C", "1"), machine("B", "B", "2")}, "A:computer name"},
		"installed anew":              {[]findings.System{machine("A", "A", "1"), machine("B", "B", "2")}, []findings.System{machine("A", "A", "9"), machine("B", "B", "2")}, "A:MachineGuid"},
		"two of a name":               {[]findings.System{machine("A", "A", "1"), machine("A~2", "A", "2")}, []findings.System{machine("A", "A", "2"), machine("A~2", "A", "1")}, ""},
		"clones are told by name":     {[]findings.System{machine("A", "A", "1"), machine("B", "B", "1")}, []findings.System{machine("A", "A", "1"), machine("B", "B", "1")}, ""},
		"one without a name":          {[]findings.System{machine("dir", "", "")}, []findings.System{machine("A", "A", "1")}, ""},
		"another machine":             {[]findings.System{machine("A", "A", "1")}, []findings.System{machine("B", "B", "2")}, "A:only before|B:only after"},
		"another machine of the name": {[]findings.System{machine("A", "A", "1"), machine("A~2", "A", "2")}, []findings.System{machine("A", "A", "2"), machine("A~2", "A", "3")}, "A:MachineGuid"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := report("01"), report("02")
			before.Systems, after.Systems = test.before, test.after
			var got []string
			for _, s := range diff.Reports(before, after).Systems {
				var what []string
				if s.Only != "" {
					what = append(what, "only "+s.Only)
				}
				for _, f := range s.Facts {
					what = append(what, f.Name)
				}
				got = append(got, s.System+":"+strings.Join(what, ","))
			}
			if d := cmp.Diff(test.want, strings.Join(got, "|")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestOldEvidence does not hold against a cure what the first upload held already.
func TestOldEvidence(t *testing.T) {
	at := func(times ...string) findings.Finding {
		f := finding(findings.Confirmed, findings.Active)
		for _, x := range times {
			f.Evidence = append(f.Evidence, findings.Evidence{Artifact: "x/a.log", Line: 1, Quote: "failed", Time: x, Role: findings.Supports})
		}
		return f
	}
	local := at("")
	local.Evidence[0].LocalTime = "2012-03-01T00:30:00"
	elsewhere := local
	elsewhere.Evidence = []findings.Evidence{local.Evidence[0]}
	elsewhere.Evidence[0].Artifact = "y/a.log"
	predicted, foretold := at("2012-03-01T00:30:00Z"), at("2012-03-01T01:30:00Z")
	predicted.State, foretold.State = findings.Predicted, findings.Predicted
	suspected := at("2012-03-01T00:30:00Z")
	suspected.Verdict = findings.Suspected
	for name, test := range map[string]struct {
		before, after findings.Finding
		want          diff.Receipt
		why           string
	}{
		"only old":             {at("2012-03-01T00:30:00Z"), at("2012-03-01T00:30:00Z"), diff.CannotTell, "only what the first showed already"},
		"one is new":           {at("2012-03-01T00:30:00Z"), at("2012-03-01T00:30:00Z", "2012-03-01T01:30:00Z"), diff.NotCured, "shows it still"},
		"a value has no time":  {at("2012-03-01T00:30:00Z"), at("2012-03-01T00:30:00Z", ""), diff.NotCured, "shows it still"},
		"old by a local clock": {local, elsewhere, diff.CannotTell, "only what the first showed already"},
		"foretold and came":    {predicted, at("2012-03-01T01:30:00Z"), diff.NotCured, "foretold has happened"},
		"still foretold":       {predicted, foretold, diff.NotCured, "still foretells"},
		"proven now":           {suspected, at("2012-03-01T01:30:00Z"), diff.NotCured, "only suggested"},
	} {
		t.Run(name, func(t *testing.T) {
			got := diff.Reports(report("01", test.before), report("02", test.after)).Findings[0]
			if got.Receipt != test.want || !strings.Contains(got.Why, test.why) {
				t.Errorf("%s: %s", got.Receipt, got.Why)
			}
		})
	}
}

// TestRepacked pairs a subject that is a file of the upload with the same file in another folder, unless there are two of its name.
func TestRepacked(t *testing.T) {
	of := func(hour string, paths ...string) *findings.Report {
		r := report(hour)
		for _, p := range paths {
			f := finding(findings.Confirmed, findings.Active)
			f.Subject = p
			r.Findings = append(r.Findings, f)
			r.Artifacts = append(r.Artifacts, findings.Artifact{Path: p})
		}
		return r
	}
	for name, test := range map[string]struct {
		before, after []string
		want          int // pairs
	}{
		"another folder": {[]string{"monday/Copylog.tcf"}, []string{"tuesday/copylog.tcf"}, 1},
		"another name":   {[]string{"monday/a.tcf"}, []string{"tuesday/b.tcf"}, 2},
		"two of a name":  {[]string{"x/a.tcf", "y/a.tcf"}, []string{"z/a.tcf"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := diff.Reports(of("01", test.before...), of("02", test.after...)).Findings; len(got) != test.want {
				t.Errorf("%d pairs, want %d: %+v", len(got), test.want, got)
			}
		})
	}
}

// TestErrorsOfOneLog compares kinds of errors only where both uploads hold the log.
func TestErrorsOfOneLog(t *testing.T) {
	before, after := report("01"), report("02")
	kind := func(text, log string) findings.ErrorKind {
		return findings.ErrorKind{Template: text, Count: 1, First: findings.Evidence{Artifact: log, Line: 1}}
	}
	before.Errors = []findings.ErrorKind{kind("a", "x/setup.log"), kind("b", "x/agent-20120301-101010.log")}
	after.Artifacts = []findings.Artifact{{Path: "y/Agent.log", Records: 3}}
	d := diff.Reports(before, after)
	if len(d.Errors.Stopped) != 1 || d.Errors.Stopped[0].Template != "b" {
		t.Errorf("stopped: %+v", d.Errors.Stopped)
	}
	if !strings.Contains(strings.Join(d.Caveats, " "), "One kind of error of the first upload stands in a log that the other lacks") {
		t.Errorf("caveats: %q", d.Caveats)
	}
}

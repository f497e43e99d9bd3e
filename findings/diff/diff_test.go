package diff_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/diff"
)

// report makes a report whose last record is of the hour, with one machine.
func report(hour string, fs ...findings.Finding) *findings.Report {
	r := &findings.Report{
		Schema: findings.Schema, Bundle: &findings.Upload{Name: hour + ".zip", SHA256: strings.Repeat(hour[:1], 64)},
		Systems: []findings.System{{ID: "PC1", ComputerName: "PC1", Hive: "SYSTEM"}}, Findings: fs,
	}
	if hour != "none" {
		r.Window = findings.Window{From: "2012-03-01T00:00:00Z", To: "2012-03-01T" + hour + ":00:00Z"}
	}
	return r
}

func finding(verdict findings.Verdict, state findings.State) findings.Finding {
	return findings.Finding{
		Check: "c", Subject: `C:\Agent`, System: "PC1", Verdict: verdict, Severity: findings.High, State: state, Title: "it broke", Summary: "Nothing shows it.",
		Unmet: "the key is gone",
	}
}

func TestReceipts(t *testing.T) {
	const confirmed, suspected, ruledOut, notEvaluated = findings.Confirmed, findings.Suspected, findings.RuledOut, findings.NotEvaluated
	broken := finding(confirmed, findings.Active)
	over := finding(confirmed, findings.Resolved)
	general := finding(ruledOut, findings.Unknown)
	general.Subject = ""
	elsewhere := finding(ruledOut, findings.Unknown)
	elsewhere.Subject, elsewhere.System = "", "PC2"
	unknown := finding(notEvaluated, findings.Unknown)
	unknown.Subject, unknown.System = "", ""
	slashes := broken
	slashes.Subject = `c:/agent`
	for name, test := range map[string]struct {
		before, after findings.Finding
		hours         [2]string
		change        diff.Change
		receipt       diff.Receipt
		why           string
	}{
		"ruled out on the subject":           {broken, finding(ruledOut, findings.Unknown), [2]string{"01", "02"}, diff.Went, diff.Cured, "the key is gone"},
		"ruled out on the machine":           {broken, general, [2]string{"01", "02"}, diff.Went, diff.Cured, "the key is gone"},
		"ruled out on another machine":       {broken, elsewhere, [2]string{"01", "02"}, diff.Went, diff.CannotTell, "no verdict"},
		"over in the second":                 {broken, over, [2]string{"01", "02"}, diff.Changed, diff.Cured, "over by its end"},
		"still there":                        {broken, slashes, [2]string{"01", "02"}, diff.Same, diff.NotCured, "shows it still"},
		"came back":                          {over, broken, [2]string{"01", "02"}, diff.Changed, diff.CameBack, "shows it again"},
		"only suggested now":                 {broken, finding(suspected, findings.Unknown), [2]string{"01", "02"}, diff.Changed, diff.CannotTell, "only suggests"},
		"data missing":                       {broken, unknown, [2]string{"01", "02"}, diff.Went, diff.CannotTell, "lacks what the check needs"},
		"the second is older":                {broken, general, [2]string{"02", "01"}, diff.Went, diff.CannotTell, "does not end later"},
		"nothing says which is later":        {broken, general, [2]string{"01", "none"}, diff.Went, diff.CannotTell, "nothing says that it is the later one"},
		"still there, whichever is later":    {broken, broken, [2]string{"01", "none"}, diff.Same, diff.NotCured, "shows it still"},
		"not evaluated before, nothing said": {unknown, broken, [2]string{"01", "02"}, diff.Came, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := diff.Reports(report(test.hours[0], test.before), report(test.hours[1], test.after))
			if len(d.Findings) != 1 {
				t.Fatalf("%d findings: %+v", len(d.Findings), d.Findings)
			}
			got := d.Findings[0]
			if got.Change != test.change || got.Receipt != test.receipt || !strings.Contains(got.Why, test.why) {
				t.Errorf("%s, %q because %q; want %s, %q because … %s", got.Change, got.Receipt, got.Why, test.change, test.receipt, test.why)
			}
		})
	}
}

// TestFacts lists what differs on a machine, and nothing of what one upload did not hold.
func TestFacts(t *testing.T) {
	before, after := report("01"), report("02")
	a, b := &before.Systems[0], &after.Systems[0]
	a.Services = []findings.Service{{Name: "Gone", Start: 2, ImagePath: "g.exe"}, {Name: "Same", Start: 3, ImagePath: "s.exe"}, {Name: "BITS", Start: 4, ImagePath: "svchost.exe"}}
	b.Services = []findings.Service{{Name: "Same", Start: 3, ImagePath: "s.exe"}, {Name: "BITS", Start: 2, ImagePath: "svchost.exe"}}
	a.PendingRenames = []findings.PendingRename{{Operation: "rename", Source: `C:\new`, Target: `C:\old`}}
	a.Packages = []findings.Package{{Code: "{1}", Name: "App", Version: "1.0"}} // the second upload holds no SOFTWARE hive
	a.Product, b.Product = "Windows 7", "Windows 7 Service Pack 1"
	a.TimeZone = &findings.TimeZone{Name: "UTC"} // unknown in the second
	before.Artifacts = []findings.Artifact{{Path: "a/SYSTEM", System: "PC1"}}
	after.Artifacts = []findings.Artifact{{Path: "b/SYSTEM", System: "PC1"}}
	before.Registry = []findings.KeyExcerpt{{Artifact: "a/SYSTEM", Key: `ControlSet001\X`, Values: []findings.ValueExcerpt{{Name: "v", Data: "1"}, {Name: "w", Data: "5"}}}}
	after.Registry = []findings.KeyExcerpt{{Artifact: "b/SYSTEM", Key: `controlset001\x`, Values: []findings.ValueExcerpt{{Name: "v", Data: "2"}, {Name: "w", Data: "5"}}}}
	d := diff.Reports(before, after)
	want := []diff.SystemChange{{System: "PC1", Paired: diff.PairedByName, Facts: []diff.FactChange{
		{Kind: diff.FactSystem, Name: "Windows", Before: "Windows 7", After: "Windows 7 Service Pack 1"},
		{Kind: diff.FactRename, Name: `C:\new`, Before: `rename to C:\old`},
		{Kind: diff.FactService, Name: "BITS", Before: "disabled svchost.exe", After: "automatic svchost.exe"},
		{Kind: diff.FactService, Name: "Gone", Before: "automatic g.exe"},
		{Kind: diff.FactRegistryValue, Name: `controlset001\x\v`, Before: "1", After: "2"},
	}}}
	if diff := cmp.Diff(want, d.Systems); diff != "" {
		t.Errorf("facts differ (-want +got):\n%s", diff)
	}
}

// TestSystems pairs machines by name, and two lone ones of which one is unnamed.
func TestSystems(t *testing.T) {
	before, after := report("01", finding(findings.Confirmed, findings.Active)), report("02", finding(findings.Confirmed, findings.Active))
	after.Systems[0] = findings.System{ID: "folder", Hive: "SYSTEM"}
	after.Findings[0].System = "folder"
	if d := diff.Reports(before, after); len(d.Findings) != 1 || d.Findings[0].Receipt != diff.NotCured || len(d.Systems) != 0 {
		t.Errorf("an unnamed machine: %+v, %+v", d.Findings, d.Systems)
	}
	after.Systems[0] = findings.System{ID: "PC2", ComputerName: "PC2", Hive: "SYSTEM"}
	after.Findings[0].System = "PC2"
	d := diff.Reports(before, after)
	want := []diff.SystemChange{{System: "PC1", Only: "before", Facts: []diff.FactChange{}}, {System: "PC2", Only: "after", Facts: []diff.FactChange{}}}
	if diff := cmp.Diff(want, d.Systems); diff != "" {
		t.Errorf("another machine (-want +got):\n%s", diff)
	}
	if len(d.Findings) != 2 {
		t.Errorf("findings of two machines are joined: %+v", d.Findings)
	}
}

func TestErrors(t *testing.T) {
	before, after := report("01"), report("02")
	before.Errors = []findings.ErrorKind{{Template: "old #", Count: 2}, {Template: "both #", Count: 1}}
	after.Errors = []findings.ErrorKind{{Template: "both #", Count: 9}, {Template: "new #", Count: 3}}
	got := diff.Reports(before, after).Errors
	want := diff.ErrorChanges{Came: []findings.ErrorKind{{Template: "new #", Count: 3}}, Stopped: []findings.ErrorKind{{Template: "old #", Count: 2}}, OnlyBefore: []findings.ErrorKind{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s", diff)
	}
}

// TestStopped calls no error stopped of which the second upload does not tell for longer.
func TestStopped(t *testing.T) {
	log := func(last, local string) findings.Artifact {
		return findings.Artifact{Path: "x/agent.log", System: "PC1", Records: 3, LastTime: last, LastLocal: local}
	}
	for name, tt := range map[string]struct {
		hour          string // of the second upload's end; the first ends at 05
		before, after findings.Artifact
		stopped       bool
	}{
		"later":                  {"09", log("2012-03-01T04:00:00Z", ""), log("2012-03-01T08:00:00Z", ""), true},
		"earlier-upload":         {"02", log("2012-03-01T04:00:00Z", ""), log("2012-03-01T08:00:00Z", ""), false},
		"undated-upload":         {"none", log("2012-03-01T04:00:00Z", ""), log("2012-03-01T08:00:00Z", ""), false},
		"log-ends-before":        {"09", log("2012-03-01T04:00:00Z", ""), log("2012-03-01T03:00:00Z", ""), false},
		"same-log":               {"09", log("2012-03-01T04:00:00Z", ""), log("2012-03-01T04:00:00Z", ""), false},
		"later-by-its-clock":     {"09", log("", "2012-03-01T04:00:00"), log("", "2012-03-01T04:00:01"), true},
		"not-later-by-its-clock": {"09", log("", "2012-03-01T04:00:00+01:00"), log("", "2012-03-01T04:00:00"), false},
		"no-times":               {"09", log("", ""), log("", ""), true},
		"times-in-one":           {"09", log("", "2012-03-01T04:00:00"), log("", ""), false},
		"of-another-machine":     {"09", log("2012-03-01T04:00:00Z", ""), findings.Artifact{Path: "x/agent.log", System: "PC2", Records: 3, LastTime: "2012-03-01T08:00:00Z"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := report("05"), report(tt.hour)
			before.Artifacts, after.Artifacts = []findings.Artifact{tt.before}, []findings.Artifact{tt.after}
			before.Errors = []findings.ErrorKind{{Template: "old", Count: 1, First: findings.Evidence{Artifact: "x/agent.log", Line: 2}}}
			got := diff.Reports(before, after).Errors
			if len(got.Stopped)+len(got.OnlyBefore) != 1 || (len(got.Stopped) == 1) != tt.stopped {
				t.Errorf("stopped %+v, only before %+v; want stopped: %v", got.Stopped, got.OnlyBefore, tt.stopped)
			}
		})
	}
}

// TestPaired names what machines were paired by.
func TestPaired(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after findings.System
		want          diff.Pairing
	}{
		"both":         {findings.System{ID: "A", ComputerName: "A", MachineGUID: "1"}, findings.System{ID: "A", ComputerName: "A", MachineGUID: "1"}, diff.PairedByBoth},
		"name":         {findings.System{ID: "A", ComputerName: "A", MachineGUID: "1"}, findings.System{ID: "A", ComputerName: "A", MachineGUID: "2"}, diff.PairedByName},
		"machine-guid": {findings.System{ID: "A", ComputerName: "A", MachineGUID: "1"}, findings.System{ID: "B", ComputerName: "B", MachineGUID: "1"}, diff.PairedByGUID},
		"id":           {findings.System{ID: "x"}, findings.System{ID: "x"}, diff.PairedByID},
		"only-machine": {findings.System{ID: "x"}, findings.System{ID: "B", ComputerName: "B"}, diff.PairedByCount},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := report("01"), report("02")
			tt.before.Product, tt.after.Product = "Windows 7", "Windows 10" // something differs
			before.Systems, after.Systems = []findings.System{tt.before}, []findings.System{tt.after}
			got := diff.Reports(before, after).Systems
			if len(got) != 1 || got[0].Paired != tt.want || got[0].Paired.Reason() == "" {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// TestStable compares reports with many changes several times: the order of maps must not show, and no list is null.
func TestStable(t *testing.T) {
	before, after := report("01", finding(findings.Confirmed, findings.Active)), report("02")
	for i := range 30 {
		name := strings.Repeat("s", i+1)
		before.Systems[0].Services = append(before.Systems[0].Services, findings.Service{Name: name, Start: 2})
		after.Systems[0].Services = append(after.Systems[0].Services, findings.Service{Name: name, Start: 4})
		f := finding(findings.Suspected, findings.Active)
		f.Subject = name
		after.Findings = append(after.Findings, f)
	}
	first := ""
	for range 5 {
		data, err := json.Marshal(diff.Reports(before, after))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		}
		if string(data) != first {
			t.Fatal("two comparisons of the same reports differ")
		}
	}
	data, err := json.Marshal(diff.Reports(report("none"), report("none")))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), ":null") {
		t.Errorf("a list is null: %s", data)
	}
}

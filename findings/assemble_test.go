package findings_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/ingest"
	"casebook/internal/docscheck"
)

var upload = findings.Upload{Name: "u.zip", SHA256: strings.Repeat("0", 64), Bytes: 1, Format: "zip"}

func wall(hour int) ingest.Time { return ingest.WallTime(2012, 3, 1, hour, 0, 0, 0) }

func lent(hour int) ingest.Time {
	t := wall(hour)
	t.Bias, t.Zone = -60, ingest.ZoneSystem
	return t
}

// TestAssembleEmpty has every list, none of them null, and satisfies the schema.
func TestAssembleEmpty(t *testing.T) {
	r := findings.Assemble(findings.Case{
		Tool: findings.Tool{Name: "casebook", Version: "test"}, Uploads: []findings.Upload{upload},
		Findings: []findings.Finding{{Check: "some-state", Verdict: findings.NotEvaluated, Severity: findings.Low, State: findings.Unknown, Reason: findings.ProductAbsent, Title: "t", Summary: "s"}},
	})
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	docscheck.Report(t, data)
	if strings.Contains(string(data), ":null") && !strings.Contains(string(data), `"control_set":null`) {
		t.Errorf("a list is null: %s", data)
	}
	if r.Window != (findings.Window{}) || r.Name() != "u.zip" || r.Headline() != "" {
		t.Errorf("window %+v, name %q, headline %q", r.Window, r.Name(), r.Headline())
	}
}

// TestWindow takes certain times only, and tells how the clock of each artifact is known.
func TestWindow(t *testing.T) {
	at := func(path string, first, last ingest.Time, walls bool) *ingest.Artifact {
		a := &ingest.Artifact{Path: path, Kind: ingest.KindLogText, First: first, Last: last}
		if walls {
			a.WallFirst = wall(1)
		}
		return a
	}
	list := []*ingest.Artifact{
		at("stated", wall(10).Stated(-60), wall(12).Stated(-60), true),
		at("system", lent(8), lent(9), true),
		at("mixed", wall(11).Stated(-60), lent(14), true),
		at("unknown", ingest.Time{}, ingest.Time{}, true),
		at("none", ingest.Time{}, ingest.Time{}, false),
		at("last-only", ingest.Time{}, wall(15).Stated(-60), true),
	}
	r := findings.Assemble(findings.Case{Uploads: []findings.Upload{upload}, Artifacts: list})
	if want := (findings.Window{From: "2012-03-01T07:00:00Z", To: "2012-03-01T14:00:00Z"}); r.Window != want {
		t.Errorf("window is %+v, want %+v", r.Window, want)
	}
	got := map[string]string{}
	var order []string
	for _, a := range r.Artifacts {
		got[a.Path] = a.Clock + " " + a.FirstTime + " " + a.LastTime
		order = append(order, a.Path)
	}
	want := map[string]string{
		"stated": "stated 2012-03-01T09:00:00Z 2012-03-01T11:00:00Z", "system": "system 2012-03-01T07:00:00Z 2012-03-01T08:00:00Z",
		"mixed": "system 2012-03-01T10:00:00Z 2012-03-01T13:00:00Z", "unknown": "unknown  ", "none": "none  ", "last-only": "stated  2012-03-01T14:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clocks differ (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(order) {
		t.Errorf("artifacts are not in path order: %v", order)
	}
}

// TestAssembleSystem states the registry facts of a system as the contract says.
func TestAssembleSystem(t *testing.T) {
	text := `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000002
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName]
"ComputerName"="WRONG"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\ComputerName\ComputerName]
"ComputerName"="Pc1"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\TimeZoneInformation]
"Bias"=dword:ffffffc4
"StandardName"="W. Europe Standard Time"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\Nls\CodePage]
"ACP"="1252"
"OEMCP"="850"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\Session Manager\Environment]
"TEMP"="C:\\temp"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):` + multi(`\??\C:\z`, `!\??\C:\y`, `\??\C:\a`, ``) + `
"PendingFileRenameOperations2"=hex(7):` + multi(`\??\C:\b`, ``) + `
[HKEY_LOCAL_MACHINE\SYSTEM\MountedDevices]
"\\DosDevices\\C:"=hex:01,02,03,04,00,00,10,00,00,00,00,00
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]
"ProductName"="Windows 7"
"CSDVersion"="Service Pack 1"
"CurrentBuildNumber"="7601"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]
"MachineGuid"="AbC"`
	e := registry(t, "all.reg", text)
	r := findings.Assemble(findings.Case{Uploads: []findings.Upload{upload}, Systems: built(t, nil, e), Artifacts: []*ingest.Artifact{e.Artifact}})
	two := 2
	want := []findings.System{{
		ID: "PC1", ComputerName: "PC1", ControlSet: &two, TimeZone: &findings.TimeZone{Name: "W. Europe Standard Time", BiasMinutes: -60},
		CodePage: 1252, OEMCodePage: 850, Hive: "all.reg", HiveState: "text export", Product: "Windows 7 Service Pack 1 (build 7601)", MachineGUID: "AbC",
		Environment: map[string]string{"TEMP": `C:\temp`},
		PendingRenames: []findings.PendingRename{
			{Operation: "rename", Source: `C:\z`, Target: `C:\y`, ReplaceExisting: true, ControlSet: &two, Value: "PendingFileRenameOperations"},
			{Operation: "delete", Source: `C:\a`, ControlSet: &two, Value: "PendingFileRenameOperations"},
			{Operation: "delete", Source: `C:\b`, ControlSet: &two, Value: "PendingFileRenameOperations2"},
		},
		MountedDevices: r.Systems[0].MountedDevices, ControlSets: &findings.ControlSets{Current: 2, Existing: []int{1, 2}},
		Services: []findings.Service{}, Packages: []findings.Package{},
	}}
	if diff := cmp.Diff(want, r.Systems); diff != "" {
		t.Errorf("system differs (-want +got):\n%s", diff)
	}
	if d := r.Systems[0].MountedDevices; len(d) != 1 || d[0].Name != `\DosDevices\C:` || d[0].Kind != "mbr" {
		t.Errorf("mounted devices: %+v", d)
	}
	if r.Artifacts[0].System != "PC1" {
		t.Errorf("the artifact is of %q", r.Artifacts[0].System)
	}

	current := registry(t, "c.reg", "Windows Registry Editor Version 5.00\n"+
		"[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\n\"PendingFileRenameOperations\"=hex(7):"+strings.TrimSuffix(multi(`\??\C:\a`, ``, `\??\C:\odd`), ",00,00"))
	r = findings.Assemble(findings.Case{Uploads: []findings.Upload{upload}, Systems: built(t, nil, current)})
	s := r.Systems[0]
	if s.ControlSet != nil || len(s.PendingRenames) != 1 || s.PendingRenames[0].ControlSet != nil {
		t.Errorf("of an export of CurrentControlSet: %+v", s)
	}
	if len(r.Problems) != 1 || r.Problems[0].Artifact != "c.reg" || !strings.Contains(r.Problems[0].Message, "odd number") {
		t.Errorf("the string without a partner is not told: %+v", r.Problems)
	}
}

// multi is the data of a multi-string in the form of an export.
func multi(list ...string) string {
	var b strings.Builder
	for _, s := range append(list, "") {
		for _, c := range []byte(s) {
			b.WriteString(hex(c) + ",00,")
		}
		b.WriteString("00,00,")
	}
	return strings.TrimSuffix(b.String(), ",")
}

func hex(c byte) string { return string([]byte{"0123456789abcdef"[c>>4], "0123456789abcdef"[c&15]}) }

// TestAssembleOrder gives the same report for every order of the parts, and each problem once.
func TestAssembleOrder(t *testing.T) {
	alpha := registry(t, "alpha/s.reg", strings.ReplaceAll(named, "%s", "ALPHA"))
	beta := registry(t, "beta/s.reg", strings.ReplaceAll(named, "%s", "BETA"))
	artifacts := []*ingest.Artifact{log("x.log"), log("alpha/a.log"), log("beta/b.log"), alpha.Artifact, beta.Artifact}
	systems := built(t, []*ingest.Artifact{log("x.log"), log("alpha/a.log"), log("beta/b.log")}, alpha, beta)
	c := findings.Case{
		ID: "T-1", Uploads: []findings.Upload{upload, {Name: "v.zip"}}, Systems: systems, Artifacts: artifacts,
		Findings: []findings.Finding{
			{Check: "b", Verdict: findings.Confirmed, Severity: findings.Info, Title: "merely"},
			{Check: "a", Verdict: findings.Suspected, Severity: findings.High},
			{Check: "c", Verdict: findings.Confirmed, Severity: findings.Low, Title: "the cause"},
		},
		Problems: []ingest.Problem{
			{Artifact: "b", Stage: ingest.StageRead, Message: "m"},
			{Artifact: "a", Stage: ingest.StageRead, Message: "n"},
			{Artifact: "b", Stage: ingest.StageRead, Message: "m"},
			{Artifact: "a", Stage: ingest.StageRead, Message: "m"},
		},
	}
	encode := func() string {
		data, err := json.Marshal(findings.Assemble(c))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := encode()
	r := findings.Assemble(c)
	if len(r.Problems) != 3 || r.Headline() != "the cause" || r.Name() != "T-1 (u.zip, v.zip)" || r.Bundle != nil || len(r.Bundles) != 2 {
		t.Errorf("problems %v, headline %q, name %q", r.Problems, r.Headline(), r.Name())
	}
	var ids []string
	for _, s := range r.Systems {
		ids = append(ids, s.ID)
	}
	if diff := cmp.Diff([]string{"ALPHA", "BETA"}, ids); diff != "" {
		t.Errorf("systems (-want +got):\n%s", diff)
	}
	slices.Reverse(c.Systems)
	slices.Reverse(c.Artifacts)
	slices.Reverse(c.Findings)
	slices.Reverse(c.Problems)
	if diff := cmp.Diff(first, encode()); diff != "" {
		t.Errorf("the order of the parts changes the report:\n%s", diff)
	}
}

// TestNotable lists the earliest certain errors first, then those of unknown time by place, twelve at most, of each log one of a kind.
func TestNotable(t *testing.T) {
	c, err := facts.NewCollector(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var artifacts []*ingest.Artifact
	times := []ingest.Time{wall(9), wall(9).Stated(0), wall(7).Stated(0), {}, wall(8).Stated(0)}
	for i, at := range times {
		a := log(string(rune('a'+i)) + ".log")
		artifacts = append(artifacts, a)
		sink := c.Sink(a)
		for line := range 8 {
			raw := []byte("bad " + strings.Repeat("x", line/2) + "\n")
			sink.Records([]ingest.Record{{Line: line + 1, Lines: 1, Raw: raw, Text: raw[:len(raw)-1], Time: at, Severity: ingest.SeverityError}})
		}
		sink.Done(a)
	}
	systems, _ := facts.Build(artifacts, nil, c, "")
	r := findings.Assemble(findings.Case{Uploads: []findings.Upload{upload}, Systems: systems, Artifacts: artifacts})
	var got []string
	for _, e := range r.Notable {
		got = append(got, e.Artifact+":"+string(rune('0'+e.Line)))
		if e.Role != findings.Context || !strings.HasPrefix(e.Quote, "bad") {
			t.Errorf("notable is %+v", e)
		}
	}
	want := []string{"c.log:1", "c.log:3", "c.log:5", "e.log:1", "e.log:3", "e.log:5", "b.log:1", "b.log:3", "b.log:5", "a.log:1", "a.log:3", "a.log:5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notable (-want +got):\n%s", diff)
	}
	if r.Notable[0].Time != findings.Timestamp(time.Date(2012, 3, 1, 7, 0, 0, 0, time.UTC)) {
		t.Errorf("the first is of %s", r.Notable[0].Time)
	}
}

// TestAssembleLogs holds what the report says of clocks, of logs in several files and of what is sensitive.
func TestAssembleLogs(t *testing.T) {
	at := func(minute, bias int) ingest.Time { return ingest.WallTime(2012, 3, 1, 10, minute, 0, 0).Stated(bias) }
	newer := &ingest.Artifact{
		Path: "logs/CAS.log", Kind: ingest.KindLogCCM, Records: 2, First: at(20, 300), Last: at(30, 300), WallFirst: at(20, 300), WallLast: at(30, 300),
		Clock: "the records state Windows' bias",
	}
	older := &ingest.Artifact{Path: "logs/CAS.lo_", Kind: ingest.KindLogCCM, Records: 2, WallFirst: ingest.WallTime(2012, 3, 1, 10, 0, 0, 0), WallLast: ingest.WallTime(2012, 3, 1, 10, 19, 0, 0)}
	key := &ingest.Artifact{Path: "x.pfx", Kind: ingest.KindBinary, Sensitive: "a private key"}
	r := findings.Assemble(findings.Case{Artifacts: []*ingest.Artifact{older, newer, key}})
	want := []findings.Sequence{{Name: "logs/CAS.log", Parts: []findings.SequencePart{{Artifact: "logs/CAS.lo_"}, {Artifact: "logs/CAS.log", GapSeconds: 60}}}}
	if diff := cmp.Diff(want, r.Sequences); diff != "" {
		t.Errorf("sequences (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]findings.Sensitive{{Artifact: "x.pfx", What: "a private key"}}, r.Sensitive); diff != "" {
		t.Errorf("sensitive (-want +got):\n%s", diff)
	}
	if a := r.Artifacts[0]; a.FirstLocal != "2012-03-01T10:00:00" || a.Clock != "unknown" {
		t.Errorf("without an offset: %q, %s", a.FirstLocal, a.Clock)
	}
	if a := r.Artifacts[1]; a.FirstLocal != "2012-03-01T10:20:00-05:00" || a.LastLocal != "2012-03-01T10:30:00-05:00" || a.Clock != "stated" || a.ClockReason != newer.Clock {
		t.Errorf("with an offset: %q to %q, %s, %q", a.FirstLocal, a.LastLocal, a.Clock, a.ClockReason)
	}
}

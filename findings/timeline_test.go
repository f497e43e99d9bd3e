package findings_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// hours makes a histogram with one record, the last an error, at the beginning of each of the hours.
func hours(at ...int64) ingest.Histogram {
	h := ingest.Histogram{Width: 1}
	for _, x := range at {
		h.Bins = append(h.Bins, ingest.Bin{Start: x * 3600, Records: 1})
	}
	h.Bins[len(h.Bins)-1].Errors = 1
	return h
}

func TestTimeline(t *testing.T) {
	steady := hours(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 90, 91)
	r := findings.Assemble(findings.Case{
		Uploads: []findings.Upload{upload},
		Artifacts: []*ingest.Artifact{
			{Path: "b.log", Kind: ingest.KindLogCCM, Tally: ingest.Tally{UTC: steady, Jumps: []ingest.Jump{{Line: 7, At: 3600, UTC: true, Back: 2e9}}}},
			{Path: "a.log", Kind: ingest.KindLogMSI, WallFirst: wall(3), Tally: ingest.Tally{Local: hours(1, 2)}},
			{Path: "empty.log", Kind: ingest.KindLogCCM},
		},
		Findings: []findings.Finding{
			{Check: "c", Verdict: findings.Confirmed, Title: "it broke", System: "PC1", Evidence: []findings.Evidence{
				{Artifact: "b.log", Line: 3, Time: "1970-01-01T02:00:00Z", Role: findings.Supports},
				{Artifact: "b.log", Line: 4, Time: "1970-01-01T02:00:00Z", Role: findings.Context},
				{Artifact: "a.log", Line: 1, LocalTime: "1970-01-01T02:30:00", Role: findings.Supports},
				{Artifact: "SYSTEM", Key: "Setup", Value: new(string), Time: "1970-01-01T03:00:00Z", Role: findings.Supports},
			}},
			{Check: "d", Verdict: findings.RuledOut, Title: "it did not", Evidence: []findings.Evidence{{Artifact: "b.log", Line: 9, Time: "1970-01-01T02:00:00Z", Role: findings.Supports}}},
		},
	})
	got := r.Timeline
	if got.StepSeconds != 2048 || len(got.Logs) != 2 || got.LeftOut != 0 {
		t.Fatalf("step %d, %d logs, %d left out", got.StepSeconds, len(got.Logs), got.LeftOut)
	}
	if l := got.Logs[0]; l.Artifact != "a.log" || l.UTC || l.Bins[0].Time != "1970-01-01T00:34:08" || l.Bins[1].Errors != 1 {
		t.Errorf("the log without an offset is %+v", l)
	}
	if l := got.Logs[1]; l.Artifact != "b.log" || !l.UTC || l.Bins[0] != (findings.TimelineBin{Time: "1970-01-01T00:00:00Z", Records: 1}) {
		t.Errorf("the log in UTC is %+v", l)
	}
	want := []findings.Mark{
		{Time: "1970-01-01T01:00:00Z", UTC: true, Kind: findings.MarkClockJump, Label: "the clock goes back by 2s", Artifact: "b.log", Line: 7},
		{Time: "1970-01-01T02:00:00Z", UTC: true, Kind: findings.MarkFinding, Label: "it broke", System: "PC1", Artifact: "b.log", Line: 3},
		{Time: "1970-01-01T03:00:00Z", UTC: true, Kind: findings.MarkKey, Label: "a registry key was last written that is evidence of: it broke", System: "PC1", Artifact: "SYSTEM"},
		{Time: "1970-01-01T09:00:01Z", UTC: true, Kind: findings.MarkGap, Label: "silent for 80h59m59s", Artifact: "b.log"},
		{Time: "1970-01-01T02:30:00", Kind: findings.MarkFinding, Label: "it broke", System: "PC1", Artifact: "a.log", Line: 1},
		{Time: "2012-03-01T03:00:00", Kind: findings.MarkInstall, Label: "Windows Installer begins", Artifact: "a.log", Line: 1},
	}
	if diff := cmp.Diff(want, got.Marks); diff != "" {
		t.Errorf("marks differ (-want +got):\n%s", diff)
	}
}

// TestInventory lists services with what is odd about them, packages, and the keys that evidence names with their neighbours.
func TestInventory(t *testing.T) {
	e := registry(t, "all.reg", `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
"LastKnownGood"=dword:00000002
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Plain]
"Type"=dword:00000010
"Start"=dword:00000002
"ImagePath"="C:\\Windows\\plain.exe -k"
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Blank]
"Type"=dword:00000010
"Start"=dword:00000002
"ImagePath"="C:\\Program Files\\b.exe"
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Driver]
"Type"=dword:00000001
"Start"=dword:00000004
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Lost]
"Type"=dword:00000010
"Start"=dword:00000002
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Temp]
"Type"=dword:00000010
"Start"=dword:00000003
"ImagePath"="C:\\Users\\x\\AppData\\Local\\Temp\\t.exe"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\00000000000000000000000000000001\InstallProperties]
"DisplayName"="App"
"DisplayVersion"="1.2"
"LocalPackage"="C:\\Windows\\Installer\\1.msi"
`)
	const key = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Blank`
	name := "Start"
	r := findings.Assemble(findings.Case{
		Uploads: []findings.Upload{upload}, Systems: built(t, nil, e), Artifacts: []*ingest.Artifact{e.Artifact},
		Findings: []findings.Finding{{Check: "c", Verdict: findings.Suspected, Title: "t", Evidence: []findings.Evidence{
			{Artifact: "all.reg", Key: key, Value: &name, Role: findings.Supports},
			{Artifact: "all.reg", Key: key, Role: findings.Context},
			{Artifact: "all.reg", Key: `HKEY_LOCAL_MACHINE\SYSTEM\nowhere`, Absent: true, Role: findings.Context},
		}}},
	})
	got := map[string][]findings.Odd{}
	for _, s := range r.Systems[0].Services {
		got[s.Name] = s.Odd
	}
	want := map[string][]findings.Odd{
		"Plain": nil, "Blank": {findings.OddUnquoted}, "Driver": {findings.OddDisabled}, "Lost": {findings.OddNoProgram}, "Temp": {findings.OddTemporary},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("odd services differ (-want +got):\n%s", diff)
	}
	if p := r.Systems[0].Packages; len(p) != 1 || p[0].Name != "App" || p[0].Version != "1.2" || p[0].Patch {
		t.Errorf("packages: %+v", p)
	}
	if c := r.Systems[0].ControlSets; c == nil || c.Current != 1 || c.LastKnownGood != 2 {
		t.Errorf("control sets: %+v", c)
	}
	excerpt := []findings.KeyExcerpt{{
		Artifact: "all.reg", Key: key, Subkeys: []string{},
		Values: []findings.ValueExcerpt{
			{Name: "Type", Type: "REG_DWORD", Data: "16", Line: 10},
			{Name: "Start", Type: "REG_DWORD", Data: "2", Line: 11},
			{Name: "ImagePath", Type: "REG_SZ", Data: `C:\Program Files\b.exe`, Line: 12},
		},
	}}
	if diff := cmp.Diff(excerpt, r.Registry); diff != "" {
		t.Errorf("excerpts differ (-want +got):\n%s", diff)
	}
}

// TestOffsets lists the offsets of a machine while the time line lasts, and none where the registry does not tell its rules.
func TestOffsets(t *testing.T) {
	const zone = `[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\TimeZoneInformation]
"Bias"=dword:ffffffc4
"DaylightBias"=dword:ffffffc4
`
	const rules = `"StandardStart"=hex:00,00,0a,00,05,00,03,00,00,00,00,00,00,00,00,00
"DaylightStart"=hex:00,00,03,00,05,00,02,00,00,00,00,00,00,00,00,00
`
	march := time.Date(2012, 3, 20, 0, 0, 0, 0, time.UTC).Unix() / 3600
	for name, test := range map[string]struct {
		reg  string
		want []findings.ZoneOffset
	}{
		"rules":    {zone + rules, []findings.ZoneOffset{{BiasMinutes: -60}, {From: "2012-03-25T01:00:00Z", BiasMinutes: -120}}},
		"no rules": {zone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := registry(t, "system.reg", fmt.Sprintf(named, "PC1")+test.reg)
			r := findings.Assemble(findings.Case{
				Uploads: []findings.Upload{upload}, Systems: built(t, nil, e),
				Artifacts: []*ingest.Artifact{{Path: "b.log", Kind: ingest.KindLogCCM, Tally: ingest.Tally{UTC: hours(march, march+24, march+48)}}},
			})
			if got := r.Systems[0].TimeZone; got == nil || got.BiasMinutes != -60 || !cmp.Equal(got.Offsets, test.want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

package findings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/findings/facts"
	"casebook/hive"
	"casebook/ingest"
)

func TestFromMatch(t *testing.T) {
	wall := ingest.WallTime(2012, 3, 1, 10, 0, 0, 250_000)
	m := facts.Match{Ref: ingest.Ref{Artifact: "a.log", Line: 3}, Quote: "q", Time: wall, Before: []string{"b"}, After: []string{"c"}}
	got := findings.FromMatch(m, findings.Supports, "n")
	want := findings.Evidence{Artifact: "a.log", Line: 3, Quote: "q", LocalTime: "2012-03-01T10:00:00.250", Role: findings.Supports, Note: "n", Before: []string{"b"}, After: []string{"c"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without a zone (-want +got):\n%s", diff)
	}
	m.Time = wall.Stated(-60)
	if got := findings.FromMatch(m, findings.Context, ""); got.Time != "2012-03-01T09:00:00.250Z" || got.LocalTime != "2012-03-01T10:00:00.250+01:00" {
		t.Errorf("with a stated zone the time is %q, local %q", got.Time, got.LocalTime)
	}
}

func TestFromRegistry(t *testing.T) {
	e := registry(t, "x.reg", "Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n@=\"standard\"\n\"L\"=hex(7):61,00,00,00,62,00,00,00,00,00\n\"Long\"=\""+strings.Repeat("é", 401)+"\"")
	var reg hive.Registry
	reg.Add("x.reg", e.Value.(*hive.Hive))
	get := func(name string) hive.Found {
		v, err := reg.Value(`SOFTWARE\X`, name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	standard, list, none := "", "L", "None"
	const key = `HKEY_LOCAL_MACHINE\SOFTWARE\X`
	missing, err := reg.Value(`SOFTWARE\X`, none)
	if err == nil {
		t.Fatal("a value that is not there is found")
	}
	at := get("L")
	at.KeyLastWritten = time.Date(2012, 3, 1, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name      string
		got, want findings.Evidence
	}{
		{"default-value", findings.FromValue(get(""), findings.Supports, ""), findings.Evidence{Artifact: "x.reg", Line: 3, Key: key, Value: &standard, Quote: "standard", Role: findings.Supports}},
		{"multi-string", findings.FromValue(at, findings.Context, ""), findings.Evidence{Artifact: "x.reg", Line: 4, Key: key, Value: &list, Quote: "a | b", Time: "2012-03-01T09:00:00Z", Role: findings.Context}},
		{"part-of-a-value", findings.FromQuotedValue(get("L"), "b", findings.Context, "n"), findings.Evidence{Artifact: "x.reg", Line: 4, Key: key, Value: &list, Quote: "b", Role: findings.Context, Note: "n"}},
		{"absent-value", findings.AbsentValue(missing, missing.Key, &none, findings.Contradicts, ""), findings.Evidence{Artifact: "x.reg", Key: key, Value: &none, Absent: true, Role: findings.Contradicts}},
		{"absent-line", findings.AbsentLine("a.log", findings.Contradicts, "n"), findings.Evidence{Artifact: "a.log", Absent: true, Role: findings.Contradicts, Note: "n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("evidence differs (-want +got):\n%s", diff)
			}
		})
	}
	if got, want := findings.FromValue(get("Long"), findings.Context, "").Quote, strings.Repeat("é", 400)+"…"; got != want {
		t.Errorf("a long value is quoted as %d characters", len([]rune(got)))
	}
	k, err := reg.Key(`SOFTWARE\X`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(findings.Evidence{Artifact: "x.reg", Line: 2, Key: key, Role: findings.Supports}, findings.FromKey(k, findings.Supports, "")); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
}

// TestFromLine quotes a line of a typed text with the lines around it, and none that is not there.
func TestFromLine(t *testing.T) {
	e := registry(t, "x.reg", "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\n\"A\"=\"1\"\n\"B\"=\"2\"")
	f := built(t, nil, e)[0]
	want := findings.Evidence{
		Artifact: "x.reg", Line: 4, Quote: `"A"="1"`, Role: findings.Supports, Note: "n",
		Before: []string{"", `[HKEY_LOCAL_MACHINE\SOFTWARE\X]`}, After: []string{`"B"="2"`},
	}
	if diff := cmp.Diff(want, findings.FromLine(f, "x.reg", 4, findings.Supports, "n")); diff != "" {
		t.Errorf("line 4 (-want +got):\n%s", diff)
	}
	for _, line := range []int{0, -1, 6} {
		if got := findings.FromLine(f, "x.reg", line, findings.Supports, ""); got.Quote != "" || got.Line != line {
			t.Errorf("line %d is quoted: %+v", line, got)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for want, in := range map[string]time.Time{
		"2012-03-01T09:00:00Z":     time.Date(2012, 3, 1, 10, 0, 0, 999_999, time.FixedZone("", 3600)),
		"2012-03-01T09:00:00.001Z": time.Date(2012, 3, 1, 9, 0, 0, 1_999_999, time.UTC),
	} {
		if got := findings.Timestamp(in); got != want {
			t.Errorf("%v is %s, want %s", in, got, want)
		}
	}
}

func TestRegistryCollect(t *testing.T) {
	want := `reg export "HKLM\SOFTWARE\X" "%PUBLIC%\x.reg" /y /reg:64`
	if got := findings.RegistryCollect(`HKLM\SOFTWARE\X\`, "x.reg"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

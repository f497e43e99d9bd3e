package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/ingest"
)

const manifestText = `casebook collection manifest 1
case: 48213
upload: ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB
asked: PC1
computer: "pc2"
processor: AMD64 
windows: Microsoft Windows [Version 10.0.19045.3803]
chcp: Aktive Codepage: 850.
begin: 21.03.2024 10:12:44,05
elevated: 2
HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName
    ComputerName    REG_SZ    PC2

step 1: 0 session-manager.reg
step 2: absent 002
step 3: -2147024891 mounts.txt
by-hand: 2
end: 21.03.2024 10:12:51,33`

// TestManifest reads manifests, whole and broken off.
func TestManifest(t *testing.T) {
	tests := []struct {
		name, text string
		want       *Manifest
		problems   []string
	}{
		{
			name: "whole", text: manifestText,
			want: &Manifest{
				Case: "48213", Upload: strings.Repeat("ab", 32), Asked: "PC1", Computer: "PC2", Windows: "Microsoft Windows [Version 10.0.19045.3803]", CodePage: 850,
				Steps:  []ManifestStep{{Number: 1, File: "session-manager.reg", Line: 14}, {Number: 2, Absent: true, File: "002", Line: 15}, {Number: 3, Status: -2147024891, File: "mounts.txt", Line: 16}},
				ByHand: []int{2}, Ended: true, Line: 5,
			},
			problems: []string{
				`line 5: the collection was made for "PC1" and ran on "PC2"`,
				`line 16: step 3 of the collection, whose result is "mounts.txt", returned -2147024891`,
				`files that the collection was to copy were not there: steps 2`,
				`the collection did not run as administrator, and steps of it failed`,
			},
		},
		{
			name: "broken-off", text: "casebook collection manifest 1\r\ncomputer: \"PC1\"\r\nchcp: \u043a\u043e\u0434\u043e\u0432\u0430\u044f \u0441\u0442\u0440\u0430\u043d\u0438\u0446\u0430: 866\r\nelevated: 0",
			want:     &Manifest{Computer: "PC1", CodePage: 866, Elevated: true, Line: 2},
			problems: []string{"the collection did not come to its end"},
		},
		{
			name: "hostile", text: "casebook collection manifest 1\ncomputer: \"..\\..\\x\"\nchcp: 99999999\nstep 99999: 0 x\nstep 1: 99999999999999999999 x\nby-hand: 99999999999999999999\nend: ",
			want: &Manifest{CodePage: 99999, Ended: true, Line: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for l := range strings.SplitSeq(tt.text, "\n") {
				lines = append(lines, strings.TrimSuffix(l, "\r"))
			}
			a := &ingest.Artifact{Path: "casebook-manifest.txt"}
			value, problems := manifest().Extract(ingest.Input{Artifact: a, Lines: lines})
			if diff := cmp.Diff(tt.want, value, cmpopts.IgnoreUnexported(Manifest{})); diff != "" {
				t.Errorf("manifest differs (-want +got):\n%s", diff)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.Message)
			}
			if diff := cmp.Diff(tt.problems, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
			if a.Host != tt.want.Computer {
				t.Errorf("the artifact is of %q", a.Host)
			}
		})
	}
}

// TestSniffManifest: the first line tells.
func TestSniffManifest(t *testing.T) {
	for text, want := range map[string]int{manifestText: 100, "\ufeff" + manifestText: 100, " \n" + manifestText: 0, "casebook collection manifest 12": 0, "": 0} {
		if got := manifest().Sniff("x.txt", []byte(text)); got != want {
			t.Errorf("%.40q: got %d, want %d", text, got, want)
		}
	}
}

// FuzzManifest: every line lies within the text, what is bounded is, and reading twice gives the same.
func FuzzManifest(f *testing.F) {
	f.Add(manifestText)
	f.Add("casebook collection manifest 1\nstep 1: 0 a\n" + strings.Repeat("step 2: 1 b\n", 50))
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		in := ingest.Input{Artifact: &ingest.Artifact{}, Lines: lines}
		m, problems := parseManifest(in)
		again, _ := parseManifest(in)
		if diff := cmp.Diff(m, again, cmp.AllowUnexported(Manifest{})); diff != "" {
			t.Fatal(diff)
		}
		if m.Line > len(lines) || len(m.Steps) > maxManifestSteps || len(problems) > 40 {
			t.Fatalf("line %d of %d, %d steps, %d problems", m.Line, len(lines), len(m.Steps), len(problems))
		}
		for _, s := range m.Steps {
			if s.Line < 1 || s.Line > len(lines) {
				t.Fatalf("step on line %d of %d", s.Line, len(lines))
			}
		}
	})
}

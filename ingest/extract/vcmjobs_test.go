package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVCMJobs(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // line number step state host request
		problems   int
	}{
		{
			name: "csv-with-times", text: "Machine,Request ID,Step,Status,Start\r\nPC1,4711,1. Detect Previous Install,Succeeded,2009-10-01 10:01:02\r\nPC1,4711,6. Uninstall Module Installer,Skipped,2009-10-01 10:01:03\r\nPC1,4711,7. Install Simple Installer,Failed,2009-10-01 10:01:04\r\n",
			want: []string{"2 1 Detect Previous Install done PC1 4711", "3 6 Uninstall Module Installer skipped PC1 4711", "4 7 Install Simple Installer failed PC1 4711"},
		},
		{
			name: "grid-and-other-words", text: "Step Job                            Result\n---- ------------------------------ ---------------------\n   4 Resolve Uninstall Dependencies Completed\n   5 Uninstall Module               Completed with errors\n   9 Install Module                 Pending\n  12 Something of ours              Completed\n",
			want: []string{"3 4 Resolve Uninstall Dependencies done  ", "4 5 Uninstall Module failed  ", "5 9 Install Module running  ", "6 12  done  "},
		},
		{
			name: "tabs-without-heads", text: "Interrogate Target\tOK\nInstall Simple Installer\tException: access denied\n",
			want: []string{"1 0 Interrogate Target done  ", "2 0 Install Simple Installer failed  "},
		},
		{
			name: "words-that-deny", text: "Step;Status\nInterrogate Target;Completed without errors\nInstall Module;0 errors\nCleanup;Not completed\nUninstall Module;Unsuccessful\n",
			want: []string{"2 0 Interrogate Target done  ", "3 0 Install Module done  ", "4 0 Cleanup unknown  ", "5 0 Uninstall Module unknown  "}, problems: 1,
		},
		{
			name: "german", text: "Rechner;Schritt;Ergebnis\nPC1;Interrogate Target;Erfolgreich\nPC1;Install Simple Installer;Fehlgeschlagen\n",
			want: []string{"2 0 Interrogate Target done PC1 ", "3 0 Install Simple Installer failed PC1 "},
		},
		{
			name: "words-of-no-known-language", text: "Step;Status\nInterrogate Target;abc\nInstall Simple Installer;def\n", problems: 1,
			want: []string{"2 0 Interrogate Target unknown  ", "3 0 Install Simple Installer unknown  "},
		},
		{
			name: "heads-and-words-of-no-known-language", text: "Gép;Lépés;Állapot\nPC1;Interrogate Target;Sikeres\nPC1;Resolve Uninstall Dependencies;Sikeres\nPC1;Install Simple Installer;Sikertelen\n", problems: 1,
			want: []string{"2 0 Interrogate Target unknown  ", "3 0 Resolve Uninstall Dependencies unknown  ", "4 0 Install Simple Installer unknown  "},
		},
		{
			name: "list", text: "Step   : Interrogate Target\nStatus : Completed\n\nStep   : Fully Release Lock\nStatus : Error\n",
			want: []string{"2 0 Interrogate Target done  ", "5 0 Fully Release Lock failed  "},
		},
		{name: "the-guide", text: "7. Install Simple Installer\na. Install Simple Installer lays down the installation infrastructure, and an attempt is made.\nb. If it fails, the installation fails.\n"},
		{name: "another-installer", text: "Component,Status\nSetup,Failed\nmodule installer of another product,unknown\nCleaner,OK\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffVCMJobs("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			v, problems := vcmJobs().Extract(input(tt.text))
			var got []string
			if j, ok := v.(*VCMJobs); ok {
				for _, s := range j.Steps {
					got = append(got, fmt.Sprintf("%d %d %s %s %s %s", s.Line, s.Number, s.Step, s.State, s.Host, s.Request))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func FuzzVCMJobs(f *testing.F) {
	f.Add("Machine,Step,Status\nPC1,7. Install Simple Installer,Failed\n")
	fuzzExtract(f, vcmJobs(), "x.csv")
}

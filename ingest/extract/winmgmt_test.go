package extract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWinmgmt(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		problems   int
	}{
		{name: "consistent", text: "WMI repository is consistent\r\n", want: []string{"1 consistent 0"}},
		{name: "not-consistent", text: "WMI repository is not consistent\n", want: []string{"1 inconsistent 0"}},
		{name: "inconsistent", text: "C:\\>winmgmt /verifyrepository\nWMI repository is inconsistent\n", want: []string{"2 inconsistent 0"}},
		{name: "german", text: "Das WMI-Repository ist konsistent.\n", want: []string{"1 consistent 0"}},
		{name: "german-not", text: "WMI-Repository ist nicht konsistent\n", want: []string{"1 inconsistent 0"}},
		{name: "swedish-not", text: "WMI-lagringsplatsen är inkonsekvent\n", want: []string{"1 inconsistent 0"}},
		{name: "finnish-not", text: "WMI-säilö on epäyhtenäinen\n", want: []string{"1 inconsistent 0"}},
		{name: "french-not", text: "Le référentiel WMI n'est pas cohérent.\n", want: []string{"1 inconsistent 0"}},
		{name: "french-by-another-code-page", text: "Le r‚f‚rentiel WMI n'est pas coh‚rent.\n", want: []string{"1 inconsistent 0"}},
		{name: "japanese", text: "WMI リポジトリは一致しています\n", want: []string{"1 consistent 0"}},
		{name: "failed-with-code", text: "C:\\>winmgmt /verifyrepository\nWMI repository verification failed\nError code:\t0x80041003\n", want: []string{"2 failed 80041003"}},
		{name: "unknown-words", text: "PS C:\\> winmgmt /verifyrepository\nWMI xyz abc\n", want: []string{"2 unknown 0"}, problems: 1},
		{name: "among-other-commands", text: "C:\\>hostname\nPC1\n" + strings.Repeat("other output\n", 400) + "C:\\>winmgmt.exe /VerifyRepository\nWMI repository is consistent\n", want: []string{"404 consistent 0"}},
		{name: "letter", text: "Hello,\nthe update failed again.\nWMI repository is inconsistent, says the tool.\nRegards\n"},
		{name: "prose", text: "The WMI repository is described in chapter two.\n"},
		{name: "log", text: strings.Repeat("10:01:02 WMI repository is consistent\n", 5)},
		{name: "a-long-text", text: strings.Repeat("About something else.\n", 50) + "Whether the WMI repository is consistent is not known.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffWinmgmt("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			if tt.want == nil {
				return
			}
			v, problems := winmgmt().Extract(input(tt.text))
			var got []string
			if w, ok := v.(*Winmgmt); ok {
				for _, r := range w.Runs {
					got = append(got, fmt.Sprintf("%d %s %x", r.Line, r.State, r.Code))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func FuzzWinmgmt(f *testing.F) {
	f.Add("C:\\>winmgmt /verifyrepository\nWMI repository verification failed\nError code: 0x80041003\n")
	fuzzExtract(f, winmgmt(), "x.txt")
}

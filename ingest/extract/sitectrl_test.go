package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

const wrappedSiteControl = `	BEGIN_CLIENT_COMPONENT
		<Software Distribution>
		<8>
		PROPERTY <Execution Failure Retry Count><REG_DWORD><><1008>
		PROPERTY <Execution Failure Retry Interval><REG_DWORD><><600>
		PROPERTY <Execution Failure Retry Error Codes><REG_SZ><{4,5,1203,1219,
1220,1622,2250}><0>
		BEGIN_PROPERTY_LIST
			<Names>
			<one>
		END_PROPERTY_LIST
		PROPERTY <Countdown Minutes> <REG_DWORD> <> <5>
	END_CLIENT_COMPONENT
	PROPERTY <Öffentlich><REG_SZ><größer><0>
`

func TestSiteControl(t *testing.T) {
	tests := []struct {
		name, text string
		want       *SiteControl
		problems   []string
	}{
		{
			name: "sections-and-wrapped-list", text: wrappedSiteControl,
			want: &SiteControl{Properties: []SiteProperty{
				{Section: "CLIENT_COMPONENT Software Distribution", Name: PropertyRetryCount, Type: "REG_DWORD", Number: "1008", Line: 4, EndLine: 4},
				{Section: "CLIENT_COMPONENT Software Distribution", Name: PropertyRetryInterval, Type: "REG_DWORD", Number: "600", Line: 5, EndLine: 5},
				{Section: "CLIENT_COMPONENT Software Distribution", Name: PropertyRetryCodes, Type: "REG_SZ", Text: "{4,5,1203,1219,1220,1622,2250}", Number: "0", Line: 6, EndLine: 7},
				{Section: "CLIENT_COMPONENT Software Distribution", Name: "Countdown Minutes", Type: "REG_DWORD", Number: "5", Line: 12, EndLine: 12},
				{Name: "Öffentlich", Type: "REG_SZ", Text: "größer", Number: "0", Line: 14, EndLine: 14},
			}},
		},
		{
			name: "wrapped-thrice-within-a-number-of-lines", text: "PROPERTY <Execution Failure Retry Error Codes><REG_SZ><{4,\r\n  5,\r\n  8}>\r\n<0>\r\nPROPERTY <A><REG_DWORD><><1>\r\n",
			want: &SiteControl{Properties: []SiteProperty{
				{Name: PropertyRetryCodes, Type: "REG_SZ", Text: "{4,5,8}", Number: "0", Line: 1, EndLine: 4},
				{Name: "A", Type: "REG_DWORD", Number: "1", Line: 5, EndLine: 5},
			}},
		},
		{
			name: "cut-at-its-end", text: "PROPERTY <A><REG_DWORD><><1>\nPROPERTY <Execution Failure Retry Error Codes><REG_SZ><{4,5,\n12",
			want:     &SiteControl{Properties: []SiteProperty{{Name: "A", Type: "REG_DWORD", Number: "1", Line: 1, EndLine: 1}}, Cut: []int{2}},
			problems: []string{"1 properties are cut off or of another form, the first is line 2"},
		},
		{
			name: "cut-before-the-next", text: "PROPERTY <Execution Failure Retry Error Codes><REG_SZ><{4,\nPROPERTY <A><REG_DWORD><><1>\n",
			want:     &SiteControl{Properties: []SiteProperty{{Name: "A", Type: "REG_DWORD", Number: "1", Line: 2, EndLine: 2}}, Cut: []int{1}},
			problems: []string{"1 properties are cut off or of another form, the first is line 1"},
		},
		{
			name: "unbalanced-sections", text: "END_COMPONENT\nBEGIN_COMPONENT\n<8>\nPROPERTY <A><REG_SZ><x><0>\n",
			want: &SiteControl{Properties: []SiteProperty{{Section: "COMPONENT 8", Name: "A", Type: "REG_SZ", Text: "x", Number: "0", Line: 4, EndLine: 4}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffSiteControl("x.txt", []byte(tt.text)) == 0 {
				t.Error("not taken for a site control file")
			}
			v, problems := extractSiteControl(input(tt.text))
			if diff := cmp.Diff(any(tt.want), v); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, messages(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSiteControlRetry(t *testing.T) {
	v, _ := extractSiteControl(input(strings.ReplaceAll(wrappedSiteControl, "2250", "x,0x8CA")))
	s, ok := v.(*SiteControl)
	if !ok {
		t.Fatalf("a %T", v)
	}
	codes := s.Find("execution failure retry error codes")
	if len(codes) != 1 {
		t.Fatalf("%d properties", len(codes))
	}
	got, bad := codes[0].Codes()
	if diff := cmp.Diff([]int64{4, 5, 1203, 1219, 1220, 1622, 2250}, got); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x"}, bad); diff != "" {
		t.Errorf("bad codes (-want +got):\n%s", diff)
	}
	if n, ok := s.Find(PropertyRetryCount)[0].Uint(); !ok || n != 1008 {
		t.Errorf("count %d %v", n, ok)
	}
	if _, ok := (&SiteProperty{Number: "-1"}).Uint(); ok {
		t.Error("-1 is a count")
	}
}

func TestSniffSiteControlNearMisses(t *testing.T) {
	tests := []struct{ name, text string }{
		{"installer-log", "Property(S): DiskPrompt = [1]\nPROPERTY CHANGE: Adding X property. Its value is 'y'.\n"},
		{"log-that-quotes-it", "10:01:02 read PROPERTY <Execution Failure Retry Count><REG_DWORD><><1008>\n"},
		{"prose", "The line PROPERTY <name><type> is explained.\n"},
		{"xml", "<PROPERTY NAME=\"x\"><VALUE/></PROPERTY>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := sniffSiteControl("sitectrl.ct0", []byte(tt.text)); n != 0 {
				t.Errorf("claimed by %d", n)
			}
		})
	}
}

func FuzzSiteControl(f *testing.F) {
	f.Add(wrappedSiteControl)
	f.Add("BEGIN_A\n<b>\nPROPERTY <a><b><c\n><1>\n")
	fuzzExtract(f, siteControl(), "sitectrl.ct0")
}

// TestSiteControlSite reads whose file it is.
func TestSiteControlSite(t *testing.T) {
	const property = "PROPERTY <A><REG_DWORD><><1>\n"
	for name, tt := range map[string]struct{ text, want string }{
		"colon":         {"FILE TYPE: 1\nSITE CODE: abc\n" + property, "ABC"},
		"brackets":      {"FILETYPE <14>\nSITE <CEN>\n" + property, "CEN"},
		"none":          {property, ""},
		"behind":        {property + "SITE <CEN>\n", ""},
		"more-than-one": {"SITE <CEN>\nSITE <PR1>\n" + property, "CEN"},
		"server":        {"SITE SERVER: SRV1\n" + property, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := extractSiteControl(ingest.Input{Artifact: &ingest.Artifact{Path: "sitectrl.ct0"}, Lines: strings.Split(tt.text, "\n")})
			s, ok := v.(*SiteControl)
			if !ok || s.Site != tt.want {
				t.Errorf("got %+v, want the site %q", v, tt.want)
			}
		})
	}
}

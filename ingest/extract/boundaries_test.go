package extract

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBoundaries(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // line type value name
		problems   int
	}{
		{
			name: "csv", text: "DisplayName,BoundaryType,Value\r\nPrague,3,10.1.0.1-10.1.0.254\r\nHQ,1,Default-First-Site-Name\r\nLab,0,10.2.0.0\r\nSix,2,2001:db8:0:1::/64\r\n",
			want: []string{"2 3 10.1.0.1-10.1.0.254 Prague", "3 1 Default-First-Site-Name HQ", "4 0 10.2.0.0 Lab", "5 2 2001:db8:0:1::/64 Six"},
		},
		{
			name: "export-csv", text: "#TYPE IResultObject#SMS_Boundary\n\"BoundaryID\",\"BoundaryType\",\"DisplayName\",\"Value\"\n\"16777217\",\"1\",\"\",\"HQ\"\n",
			want: []string{"3 1 HQ "},
		},
		{
			name: "powershell-list", text: "BoundaryType : 3\nDisplayName  : Prague\nValue        : 10.1.0.1-10.1.0.254\n\nBoundaryType : 1\nDisplayName  : \nValue        : HQ\n",
			want: []string{"3 3 10.1.0.1-10.1.0.254 Prague", "7 1 HQ "},
		},
		{
			name: "sql-grid", text: "BoundaryType Value                          Description\n------------ ------------------------------ -----------\n           3 10.1.0.1-10.1.0.254            Prague\n           0 10.2.0.0                       Lab two\n",
			want: []string{"3 3 10.1.0.1-10.1.0.254 Prague", "4 0 10.2.0.0 Lab two"},
		},
		{
			name: "without-heads", text: "3;10.1.0.1-10.1.0.254\n1;HQ\n0;10.2.0.0\n",
			want: []string{"1 3 10.1.0.1-10.1.0.254 ", "2 1 HQ ", "3 0 10.2.0.0 "},
		},
		{
			name: "german-console", text: "Grenze\tTyp\tBeschreibung\n10.1.0.1-10.1.0.254\tIP-Adressbereich\tPrag\n10.2.0.0\tIP-Subnetz\tLabor\nHQ\tActive Directory-Standort\tZentrale\n",
			want: []string{"2 3 10.1.0.1-10.1.0.254 ", "3 0 10.2.0.0 ", "4 1 HQ "},
		},
		{
			name: "words-of-no-known-language", text: "BoundaryType,Value\nabc,10.1.0.1-10.1.0.254\ndef,Some Site\n",
			want: []string{"2 3 10.1.0.1-10.1.0.254 ", "3 1 Some Site "},
		},
		{
			name: "type-and-value-differ", text: "BoundaryType,Value\n3,10.1.0.0\n3,10.1.0.9-10.1.0.1\n0,10.2.0.0/255.255.255.0\n",
			want: []string{"2 3 10.1.0.0  strange", "3 3 10.1.0.9-10.1.0.1  strange", "4 0 10.2.0.0/255.255.255.0 "}, problems: 1,
		},
		{name: "dns-check", text: "Name,IP,Reverse,Status\nxyz1,10.1.0.1,abc5,IP registered to another system\nxyz3,10.1.0.3,xyz3,OK\n"},
		{name: "counts-and-addresses", text: "id,address\n1,10.1.0.1\n2,10.1.0.2\n3,10.1.0.3\n"},
		{name: "exit-codes-and-addresses", text: "0,10.1.0.1\n0,10.1.0.2\n1,pc3\n"},
		{name: "adapter-in-reg-query", text: "HKEY_LOCAL_MACHINE\\SYSTEM\\X\n    EnableDHCP    REG_DWORD    0x1\n    DhcpIPAddress    REG_SZ    10.1.0.2\n    DhcpSubnetMask    REG_SZ    255.255.255.0\n"},
		{name: "scopes", text: "Scope,Range,State\nA,10.1.0.1-10.1.0.254,Active\nB,10.2.0.1-10.2.0.254,Active\n"},
		{name: "value-of-something", text: "Name : x\nValue : 10.1.0.1\nType : 3\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffBoundaries("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			v, problems := boundaries().Extract(input(tt.text))
			var got []string
			if b, ok := v.(*Boundaries); ok {
				for _, x := range b.List {
					s := fmt.Sprintf("%d %d %s %s", x.Line, x.Type, x.Value, x.Name)
					if x.Strange {
						s += " strange"
					}
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("boundaries (-want +got):\n%s", diff)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

// TestBoundariesCutShort: a list that breaks off within a row shows no absence.
func TestBoundariesCutShort(t *testing.T) {
	const list = "DisplayName,BoundaryType,Value,SiteCode\nPrague,3,10.1.0.1-10.1.0.254,CEN\nBrno,3,10.2.0.1-10.2.0.254,CEN\n"
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"whole":                 {list, false},
		"without-last-line-end": {strings.TrimSpace(list), false},
		"in-the-first-cell":     {list + "Ost", true},
		"in-the-value":          {list + "Ostrava,3,10.3.0.1-10.3", true},
		"before-the-last-cell":  {list + "Ostrava,3,10.3.0.1-10.3.0.9,", true},
		"in-the-last-cell":      {list + "Ostrava,3,10.3.0.1-10.3.0.9,CE", true},
		"in-a-quoted-cell":      {list + `Ostrava,3,10.3.0.1-10.3.0.9,"CEN`, true},
		"a-line-behind":         {list + "\n(2 rows affected)", false},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(tt.text)
			in.Open = !strings.HasSuffix(tt.text, "\n")
			if _, problems := boundaries().Extract(in); in.Artifact.Truncated != tt.want || len(problems) > 0 != tt.want {
				t.Errorf("truncated is %v, problems are %v", in.Artifact.Truncated, problems)
			}
		})
	}
}

func TestBoundaryCovers(t *testing.T) {
	tests := []struct {
		name, kind, value, ip string
		bits                  int
		covered, known        bool
	}{
		{"range", "3", "10.1.0.1-10.1.0.254", "10.1.0.254", -1, true, true},
		{"range-with-blanks", "3", "10.1.0.1 – 10.1.0.254", "10.1.0.1", -1, true, true},
		{"below-the-range", "3", "10.1.0.1-10.1.0.254", "10.1.0.0", -1, false, true},
		{"range-of-the-other-family", "3", "10.1.0.1-10.1.0.254", "2001:db8::1", -1, false, true},
		{"subnet", "0", "10.1.0.0", "10.1.0.77", 24, true, true},
		{"subnet-of-another-mask", "0", "10.1.0.0", "10.1.1.77", 24, false, true},
		{"subnet-without-mask", "0", "10.1.0.0", "10.1.0.77", -1, false, false},
		{"below-a-subnet-without-mask", "0", "10.1.0.0", "10.0.255.255", -1, false, true},
		{"subnet-with-mask", "0", "10.1.0.0/24", "10.1.0.77", -1, true, true},
		{"prefix", "2", "2001:db8:0:1::/64", "2001:db8:0:1::5", -1, true, true},
		{"prefix-without-length", "2", "2001:db8:0:1", "2001:db8:0:1::5", -1, true, true},
		{"other-prefix", "2", "2001:db8:0:1::/64", "2001:db8:0:2::5", -1, false, true},
		{"site", "1", "HQ", "10.1.0.1", 24, false, false},
		{"strange", "3", "10.1.0.0", "10.1.0.0", 24, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBoundary(tt.kind, tt.value)
			if covered, known := b.Covers(netip.MustParseAddr(tt.ip), tt.bits); covered != tt.covered || known != tt.known {
				t.Errorf("covered %v, known %v", covered, known)
			}
		})
	}
}

func FuzzBoundaries(f *testing.F) {
	f.Add("DisplayName,BoundaryType,Value\nPrague,3,10.1.0.1-10.1.0.254\nSix,2,2001:db8:0:1::/64\n")
	f.Add("3;10.1.0.1-10.1.0.254\n0;10.2.0.0/255.255.255.0\n")
	fuzzExtract(f, boundaries(), "x.csv")
}

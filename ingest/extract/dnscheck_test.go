package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDNSCheck(t *testing.T) {
	four := []string{"xyz1 10.1.0.1 abc5 other", "xyz2 - - unresolved", "xyz3 10.1.0.3 xyz3 ok", "xyz4 10.1.0.4 - no-reverse"}
	at := func(lines ...int) []string {
		var out []string
		for i, n := range lines {
			out = append(out, fmt.Sprintf("%d %s", n, four[i]))
		}
		return out
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{
			name: "blanks-lost-and-prose-behind", want: at(4, 5, 6, 7),
			text: "Sample output:\nName IP Reverse Status\n---- -- ------- ------\nxyz1 10.1.0.1 abc5 IP registered to another system\nxyz2 - - Could not Resolve IP\nxyz3 10.1.0.3 xyz3 OK\nxyz4 10.1.0.4 - IP Address not found in reverse zone\nActual interpretations of each of them are subjective.\n",
		},
		{
			name: "aligned", want: at(4, 5, 6, 7),
			text: "\nName IP        Reverse Status\n---- --        ------- ------\nxyz1 10.1.0.1  abc5    IP registered to another system\nxyz2 -         -       Could not Resolve IP\nxyz3 10.1.0.3  xyz3    OK\nxyz4 10.1.0.4  -       IP Address not found in reverse zone\n\n",
		},
		{
			name: "aligned-with-empty-cells", want: at(3, 4, 5, 6),
			text: "Name IP        Reverse Status\n---- --        ------- ------\nxyz1 10.1.0.1  abc5    IP registered to another system\nxyz2                   Could not Resolve IP\nxyz3 10.1.0.3  xyz3    OK\nxyz4 10.1.0.4          IP Address not found in reverse zone\n",
		},
		{
			name: "export-csv", want: at(3, 4, 5, 6),
			text: "#TYPE System.Management.Automation.PSCustomObject\r\n\"Name\",\"IP\",\"Reverse\",\"Status\"\r\n\"xyz1\",\"10.1.0.1\",\"abc5\",\"IP registered to another system\"\r\n\"xyz2\",\"-\",\"-\",\"Could not Resolve IP\"\r\n\"xyz3\",\"10.1.0.3\",\"xyz3\",\"OK\"\r\n\"xyz4\",\"10.1.0.4\",\"-\",\"IP Address not found in reverse zone\"\r\n",
		},
		{
			name: "german-csv", want: at(2, 3, 4, 5),
			text: "Name;IP;Reverse;Status\nxyz1;10.1.0.1;abc5;IP gehört einem anderen System\nxyz2;-;-;IP nicht auflösbar\nxyz3;10.1.0.3;xyz3;In Ordnung\nxyz4;10.1.0.4;-;Nicht in der Reversezone\n",
		},
		{
			name: "heads-of-another-language", want: at(2, 3, 4, 5),
			text: "Počítač;Adresa;Zpětně;Stav\nxyz1;10.1.0.1;abc5;jiný\nxyz2;-;-;nic\nxyz3;10.1.0.3;xyz3;dobře\nxyz4;10.1.0.4;-;chybí\n",
		},
		{
			name: "format-list", want: []string{"2 xyz1 10.1.0.1 abc5 other"},
			text: "Name    : xyz1\nIP      : 10.1.0.1\nReverse : abc5\nStatus  : IP registered to another system\n",
		},
		{
			name: "without-heads", want: []string{"1 xyz1 10.1.0.1 abc5 other"},
			text: "xyz1 10.1.0.1 abc5 IP registered to another system\n",
		},
		{
			name: "domains-case-and-a-status-that-differs", want: []string{"2 PC1 2001:db8::1 pc1.corp.example.com ok", "3 pc2.corp.example.com 10.1.0.2 pc3.corp.example.com other differs"},
			text: "Name,IP,Reverse,Status\nPC1,2001:db8::1,pc1.corp.example.com,OK\npc2.corp.example.com,10.1.0.2,pc3.corp.example.com,OK\n",
		},
		{name: "hosts-with-notes", text: "pc1 10.1.0.1 rack5 production server\npc2 10.1.0.2 rack6 test server\n"},
		{name: "services", text: "Name,IP,Status\nweb,10.1.0.1,OK\n"},
		{name: "netstat", text: "  TCP    10.1.0.1:135    10.1.0.2:4711    ESTABLISHED\n"},
		{name: "prose", text: "The status Could not Resolve IP is one of four.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffDNSCheck("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			v, _ := dnsCheck().Extract(input(tt.text))
			var got []string
			if c, ok := v.(*DNSCheck); ok {
				for _, r := range c.Rows {
					ip, reverse := "-", "-"
					if r.IP.IsValid() {
						ip = r.IP.String()
					}
					if r.Reverse != "" {
						reverse = r.Reverse
					}
					s := fmt.Sprintf("%d %s %s %s %s", r.Line, r.Name, ip, reverse, r.Outcome)
					if r.Differs {
						s += " differs"
					}
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzDNSCheck(f *testing.F) {
	f.Add("Name IP Reverse Status\n---- -- ------- ------\nxyz1 10.1.0.1 abc5 IP registered to another system\nxyz2 - - Could not Resolve IP\n")
	f.Add("Name;IP;Reverse;Status\nxyz1;10.1.0.1;abc5;anders\n")
	fuzzExtract(f, dnsCheck(), "x.csv")
}

package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComponents(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{
			name: "sql-csv", text: "Netbios_Name0,Name0,Version0\r\nPC1,CcmFramework,4.00.6487.2000\r\nPC2,SmsInventory,4.00.6487.2161\r\n",
			want: []string{"2 PC1 CcmFramework [4 0 6487 2000]/4", "3 PC2 SmsInventory [4 0 6487 2161]/4"},
		},
		{
			name: "sql-grid", text: "Name0                          Version0\n------------------------------ ---------------\nCcmFramework                   4.0.6487.2155\nSmsPowerManagement             4.00.6487.2157\n\n(2 row(s) affected)\n",
			want: []string{"3  CcmFramework [4 0 6487 2155]/4", "4  SmsPowerManagement [4 0 6487 2157]/4"},
		},
		{
			name: "german-heads-other-order", text: "Version;Komponente;Rechner\n4.00.6487.2000;CcmFramework;PC1\n4.00.6487.2115;SmsOSDeployment;PC1\n",
			want: []string{"2 PC1 CcmFramework [4 0 6487 2000]/4", "3 PC1 SmsOSDeployment [4 0 6487 2115]/4"},
		},
		{
			name: "without-heads", text: "CcmFramework\t4.00.6487.2000\nSmsInventory\t4.00.6487.2161\n",
			want: []string{"1  CcmFramework [4 0 6487 2000]/4", "2  SmsInventory [4 0 6487 2161]/4"},
		},
		{
			name: "powershell-list", text: "\nDisplayName    : SMS Inventory Agent\nName           : SmsInventory\nVersion        : 4.00.6487.2161\nPSComputerName : PC3\n\nDisplayName    : CCM\nName           : CcmFramework\nVersion        : 4.00.6487.2000\nPSComputerName : PC3\n\n",
			want: []string{"4 PC3 SmsInventory [4 0 6487 2161]/4", "9 PC3 CcmFramework [4 0 6487 2000]/4"},
		},
		{
			name: "wmi-dump", text: "__CLASS : CCM_InstalledComponent\n__SERVER : PC3\nName : SmsInventory\nVersion : 4.00.6487.2161\n\n__CLASS : CCM_InstalledComponent\n__SERVER : PC3\nName : CcmExec\nVersion : 4.00.6487.2000\n",
			want: []string{"4 PC3 SmsInventory [4 0 6487 2161]/4", "9 PC3 CcmExec [4 0 6487 2000]/4"},
		},
		{
			name: "mof", text: "instance of CCM_InstalledComponent\n{\n\tDisplayName = \"SMS Client Core\";\n\tName = \"SmsClient\";\n\tVersion = \"5.00.9068.1000\";\n};\n",
			want: []string{"5  SmsClient [5 0 9068 1000]/4"},
		},
		{
			name: "wmic-columns", text: "Name                    Version         \nCcmFramework            4.00.6487.2000  \n\nSmsInventory            4.00.6487.2161  \n",
			want: []string{"2  CcmFramework [4 0 6487 2000]/4", "4  SmsInventory [4 0 6487 2161]/4"},
		},
		{
			name: "a-column-for-each", text: "Machine,CcmFramework,SmsInventory\nPC1,4.00.6487.2000,\nPC2,4.00.6487.2012,4.00.6487.2161\n",
			want: []string{"2 PC1 CcmFramework [4 0 6487 2000]/4", "3 PC2 CcmFramework [4 0 6487 2012]/4", "3 PC2 SmsInventory [4 0 6487 2161]/4"},
		},
		{
			name: "sms-2", text: "Computer,Component,Version\nPC1,Software Inventory Agent,2.00.1493.2006\nPC1,Remote Control,2.00.1493.2001\n",
			want: []string{"2 PC1 Software Inventory Agent [2 0 1493 2006]/4", "3 PC1 Remote Control [2 0 1493 2001]/4"},
		},
		{name: "installed-programs", text: "Name,Version\nEditor,7.8.1.0\nBrowser,4.00.6487.2000\nViewer,3.1.2.3\n"},
		{name: "sites", text: "SiteCode : PRI\nName     : Main\nVersion  : 2.00.1493.4009\n\nSiteCode : XW2\nName     : Branch\nVersion  : 2.00.1493.2009\n"},
		{name: "of-another-kind", text: "Name,Status\nCcmExec,Running\nsmstsmgr,Stopped\n"},
		{name: "prose", text: "CcmFramework, version 4.00.6487.2012, is what the query asks for.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffComponents("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			v, problems := components().Extract(input(tt.text))
			var got []string
			if c, ok := v.(*Components); ok {
				for _, x := range c.Versions {
					got = append(got, fmt.Sprintf("%d %s %s %v/%d", x.Line, x.Host, x.Name, x.Numbers, x.Parts))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func FuzzComponents(f *testing.F) {
	f.Add("Machine,CcmFramework\nPC1,4.00.6487.2000\n")
	f.Add("Name : CcmFramework\nVersion : 4.00.6487.2000\n")
	fuzzExtract(f, components(), "x.csv")
}

package extract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

const (
	englishIPConfig = `
Windows IP Configuration

   Host Name . . . . . . . . . . . . : pc1
   Primary Dns Suffix  . . . . . . . : corp.example.com
   Node Type . . . . . . . . . . . . : Hybrid
   IP Routing Enabled. . . . . . . . : No
   WINS Proxy Enabled. . . . . . . . : No
   DNS Suffix Search List. . . . . . : corp.example.com
                                       example.com

Ethernet adapter Local Area Connection:

   Connection-specific DNS Suffix  . : lab.example.com
   Description . . . . . . . . . . . : Intel(R) PRO/1000
   Physical Address. . . . . . . . . : 00-11-22-33-44-55
   DHCP Enabled. . . . . . . . . . . : Yes
   Link-local IPv6 Address . . . . . : fe80::1%11(Preferred) 
   IPv4 Address. . . . . . . . . . . : 10.1.0.1(Preferred) 
   Subnet Mask . . . . . . . . . . . : 255.255.254.0
   Lease Obtained. . . . . . . . . . : Saturday, January 08, 2011 8:16:41 PM
   Lease Expires . . . . . . . . . . : Sunday, January 09, 2011 8:16:41 PM
   Default Gateway . . . . . . . . . : 10.1.0.254
   DHCP Server . . . . . . . . . . . : 10.1.0.2
   DHCPv6 IAID . . . . . . . . . . . : 234884137
   DNS Servers . . . . . . . . . . . : 10.1.0.53
                                       10.1.0.54
   NetBIOS over Tcpip. . . . . . . . : Enabled

Tunnel adapter isatap.corp.example.com:

   Media State . . . . . . . . . . . : Media disconnected
   Connection-specific DNS Suffix  . : 
`
	germanIPConfig = `
Windows-IP-Konfiguration

        Hostname. . . . . . . . . . . . . : PC2
        Primäres DNS-Suffix . . . . . . . :
        Knotentyp . . . . . . . . . . . . : Unbekannt
        IP-Routing aktiviert. . . . . . . : Nein
        WINS-Proxy aktiviert. . . . . . . : Nein

Ethernetadapter LAN-Verbindung:

        Verbindungsspezifisches DNS-Suffix:
        Beschreibung. . . . . . . . . . . : AMD PCNET
        Physikalische Adresse . . . . . . : 00-11-22-33-44-66
        DHCP aktiviert. . . . . . . . . . : Nein
        IP-Adresse. . . . . . . . . . . . : 10.2.0.1
        Subnetzmaske. . . . . . . . . . . : 255.255.255.0
        Standardgateway . . . . . . . . . :
        DNS-Server. . . . . . . . . . . . : 10.2.0.53
`
	englishSystemInfo = `
Host Name:                 PC1
OS Name:                   Microsoft Windows 7 Enterprise 
OS Version:                6.1.7601 Service Pack 1 Build 7601
OS Manufacturer:           Microsoft Corporation
Registered Organization:   
Product ID:                00000-000-0000000-00000
Original Install Date:     6/1/2010, 9:00:00 AM
System Boot Time:          1/8/2011, 8:16:41 PM
Processor(s):              1 Processor(s) Installed.
                           [01]: Intel64 Family 6 Model 26
BIOS Version:              Phoenix 6.00, 5/19/2009
Page File Location(s):     C:\pagefile.sys
Domain:                    corp.example.com
Logon Server:              \\DC1
Hotfix(s):                 1 Hotfix(s) Installed.
                           [01]: KB977384
Network Card(s):           1 NIC(s) Installed.
                           [01]: Intel(R) PRO/1000
                                 Connection Name: Local Area Connection
                                 DHCP Enabled:    Yes
                                 IP address(es)
                                 [01]: 10.1.0.1
                                 [02]: fe80::1
`
	frenchSystemInfo = `
Nom de l'hôte:                              PC3
Nom du système d'exploitation:              Microsoft Windows 10 Professionnel
Version du système:                         10.0.19045 N/A version 19045
Fabricant du système d'exploitation:        Microsoft Corporation
Date d'installation originale:              01/06/2010, 09:00:00
Heure de démarrage du système:              08/01/2011, 20:16:41
Emplacements des fichiers d'échange:        C:\pagefile.sys
Domaine:                                    WORKGROUP
Serveur d'ouverture de session:             N/A
`
	germanMSInfo = "Systeminformationsbericht erstellt am: 08.01.11 20:16:41\nSystemname: PC4\n[Systemübersicht]\n\nElement\tWert\t\nBetriebssystemname\tMicrosoft Windows 7 Enterprise\t\nVersion\t6.1.7601 Service Pack 1 Build 7601\t\nSystemname\tPC4\t\n[Adapter]\n\nElement\tWert\t\nName\t[00000007] Intel\t\nIP-Adresse\t10.4.0.1, fe80::1\t\nIP-Subnetz\t255.255.255.0, 64\t\nStandard-IP-Gateway\t10.4.0.254\t\nDHCP-Server\t10.4.0.2\t\nMAC-Adresse\t\u202a00:11:22:33:44:77\u202c\t\n"
)

// told is a machine in a few lines.
func told(m *Machine) []string {
	out := []string{fmt.Sprintf("%d host %s@%d domain %s@%d boot %s@%d version %s@%d", m.Line, m.Host.Text, m.Host.Line, m.Domain.Text, m.Domain.Line, m.Boot.Text, m.Boot.Line, m.Version.Text, m.Version.Line)}
	for _, s := range m.Suffixes {
		out = append(out, fmt.Sprintf("suffix %s@%d", s.Text, s.Line))
	}
	for _, a := range m.Adapters {
		var s strings.Builder
		fmt.Fprintf(&s, "adapter %s@%d %s %s", a.Name, a.Line, a.Suffix.Text, a.MAC)
		for _, x := range a.Addresses {
			fmt.Fprintf(&s, " %v/%d@%d", x.IP, x.Bits, x.Line)
		}
		fmt.Fprintf(&s, " %v %v", a.Gateways, a.DNSServers)
		out = append(out, s.String())
	}
	return out
}

func TestMachines(t *testing.T) {
	pc1 := []string{
		"2 host pc1@4 domain corp.example.com@5 boot @0 version @0", "suffix corp.example.com@9", "suffix example.com@10",
		"adapter Ethernet adapter Local Area Connection@12 lab.example.com 00-11-22-33-44-55 fe80::1/-1@18 10.1.0.1/23@19 [10.1.0.254] [10.1.0.53 10.1.0.54]",
		"adapter Tunnel adapter isatap.corp.example.com@30   [] []",
	}
	tests := []struct {
		name     string
		tool     ingest.Extractor
		text     string
		host     string
		want     []string
		problems int
	}{
		{name: "ipconfig", tool: ipconfig(), text: englishIPConfig, host: "PC1", want: pc1},
		{
			name: "ipconfig-german-xp-without-lease", tool: ipconfig(), text: germanIPConfig, host: "PC2",
			want: []string{"2 host PC2@4 domain @0 boot @0 version @0", "adapter Ethernetadapter LAN-Verbindung@10  00-11-22-33-44-66 10.2.0.1/24@16 [] [10.2.0.53]"},
		},
		{
			name: "ipconfig-without-all", tool: ipconfig(), text: "\nWindows IP Configuration\n\n\nEthernet adapter LAN:\n\n   Connection-specific DNS Suffix  . : corp.example.com\n   IPv4 Address. . . . . . . . . . . : 10.1.0.1\n   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n   Default Gateway . . . . . . . . . : 10.1.0.254\n",
			want: []string{"2 host @0 domain @0 boot @0 version @0", "adapter Ethernet adapter LAN@5 corp.example.com  10.1.0.1/24@8 [10.1.0.254] []"},
		},
		{
			name: "ipconfig-of-two-without-all", tool: ipconfig(),
			text: "Windows IP Configuration\n\nEthernet adapter LAN:\n\n   IPv4 Address. . . . . . . . . . . : 10.1.0.1\n   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n   Default Gateway . . . . . . . . . :\n\nWindows IP Configuration\n\nEthernet adapter LAN:\n\n   IPv4 Address. . . . . . . . . . . : 10.1.0.2\n   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n   Default Gateway . . . . . . . . . :\n",
			want: []string{"1 host @0 domain @0 boot @0 version @0", "adapter Ethernet adapter LAN@3   10.1.0.1/24@5 [] []", "9 host @0 domain @0 boot @0 version @0", "adapter Ethernet adapter LAN@11   10.1.0.2/24@13 [] []"},
		},
		{name: "ipconfig-of-two", tool: ipconfig(), text: englishIPConfig + germanIPConfig, problems: 1, want: append(append([]string{}, pc1...), "35 host PC2@37 domain @0 boot @0 version @0", "adapter Ethernetadapter LAN-Verbindung@43  00-11-22-33-44-66 10.2.0.1/24@49 [] [10.2.0.53]")},
		{
			name: "systeminfo", tool: systemInfo(), text: englishSystemInfo, host: "PC1",
			want: []string{"2 host PC1@2 domain corp.example.com@14 boot 1/8/2011, 8:16:41 PM@9 version 6.1.7601 Service Pack 1 Build 7601@4", "adapter Intel(R) PRO/1000@19   10.1.0.1/-1@23 fe80::1/-1@24 [] []"},
		},
		{
			name: "systeminfo-french", tool: systemInfo(), text: frenchSystemInfo, host: "PC3",
			want: []string{"2 host PC3@2 domain WORKGROUP@9 boot 08/01/2011, 20:16:41@7 version 10.0.19045 N/A version 19045@4"},
		},
		{
			name: "systeminfo-of-two", tool: systemInfo(), text: frenchSystemInfo + frenchSystemInfo, host: "PC3",
			want: []string{"2 host PC3@2 domain WORKGROUP@9 boot 08/01/2011, 20:16:41@7 version 10.0.19045 N/A version 19045@4", "12 host PC3@12 domain WORKGROUP@19 boot 08/01/2011, 20:16:41@17 version 10.0.19045 N/A version 19045@14"},
		},
		{
			name: "systeminfo-japanese", tool: systemInfo(), host: "PC5", text: "ホスト名:               PC5\nOS 名:                  Microsoft Windows 7\nOS バージョン:          6.1.7601 Service Pack 1 ビルド 7601\n",
			want: []string{"1 host PC5@1 domain @0 boot @0 version 6.1.7601 Service Pack 1 ビルド 7601@3"},
		},
		{
			name: "systeminfo-csv", tool: systemInfo(), host: "PC6",
			text: "\"Host\",\"b\",\"c\"" + strings.Repeat(",\"x\"", 28) + "\n\"PC6\",\"Microsoft Windows 7\",\"6.1.7601 Service Pack 1 Build 7601\"" + strings.Repeat(",\"x\"", 6) + ",\"01.06.2010, 09:00:00\",\"08.01.2011, 20:16:41\"" + strings.Repeat(",\"x\"", 14) + ",\"C:\\pagefile.sys\",\"corp.example.com\",\"\\\\DC1\",\"x\",\"1 NIC(s), [01]: Intel, [01]: 10.6.0.1\",\"x\"\n",
			want: []string{"1 host PC6@2 domain corp.example.com@2 boot 08.01.2011, 20:16:41@2 version 6.1.7601 Service Pack 1 Build 7601@2", "adapter @2   10.6.0.1/-1@2 [] []"},
		},
		{
			name: "msinfo32-german", tool: msinfo(), text: germanMSInfo, host: "PC4",
			want: []string{"1 host PC4@2 domain @0 boot @0 version 6.1.7601 Service Pack 1 Build 7601@7", "adapter Adapter@9  00:11:22:33:44:77 10.4.0.1/24@13 fe80::1/64@13 [10.4.0.254] []"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, e := range []ingest.Extractor{ipconfig(), systemInfo(), msinfo()} {
				if got := e.Sniff("x.txt", []byte(tt.text)) > 0; got != (e.Kind == tt.tool.Kind) {
					t.Errorf("claimed as %s: %v", e.Kind, got)
				}
			}
			in := input(tt.text)
			v, problems := tt.tool.Extract(in)
			var got []string
			if m, ok := v.(*Machines); ok {
				for i := range m.List {
					got = append(got, told(&m.List[i])...)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("machines (-want +got):\n%s", diff)
			}
			if in.Artifact.Host != tt.host {
				t.Errorf("host %q, want %q", in.Artifact.Host, tt.host)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestMachineAddresses(t *testing.T) {
	v, _ := ipconfig().Extract(input(englishIPConfig))
	m, ok := v.(*Machines)
	if !ok {
		t.Fatalf("a %T", v)
	}
	if got := m.List[0].Addresses(); len(got) != 1 || got[0].IP.String() != "10.1.0.1" {
		t.Errorf("%v", got)
	}
}

func TestSniffMachinesNearMisses(t *testing.T) {
	tests := []struct{ name, text string }{
		{"table-of-contents", "Contents\n\n   Introduction . . . . . . . . : 1\n   Installing. . . . . . . . . : 5\n"},
		{"labels", "Name:      PC1\nOwner:     someone\nVersion:   1.2.3\n"},
		{"labels-not-in-a-column", "Host: PC1\nProduct: App\nVersion: 6.1.7601 of the product\n"},
		{"list-of-sites", "SiteCode : PRI\nName     : Main\nVersion  : 2.00.1493.4009\n\nSiteCode : XW2\nName     : Branch\nVersion  : 2.00.1493.2009\n"},
		{"ini-with-tabs", "Title: x\nName: PC1\n[a]\nb=c\n"},
		{"log", strings.Repeat("10:01:02    IPv4 Address. . . . . . . . . . . : 10.1.0.1\n", 5)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, e := range []ingest.Extractor{ipconfig(), systemInfo(), msinfo()} {
				if n := e.Sniff("x.txt", []byte(tt.text)); n != 0 {
					t.Errorf("claimed as %s by %d", e.Kind, n)
				}
			}
		})
	}
}

func FuzzIPConfig(f *testing.F) {
	f.Add(englishIPConfig)
	f.Add(germanIPConfig)
	fuzzExtract(f, ipconfig(), "x.txt")
}

func FuzzSystemInfo(f *testing.F) {
	f.Add(englishSystemInfo)
	f.Add("\"a\"\n\"PC6\",\"b\",\"6.1.7601\"\n")
	fuzzExtract(f, systemInfo(), "x.txt")
}

func FuzzMSInfo(f *testing.F) {
	f.Add(germanMSInfo)
	fuzzExtract(f, msinfo(), "x.txt")
}

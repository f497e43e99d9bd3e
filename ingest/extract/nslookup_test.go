package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNslookup(t *testing.T) {
	const server = "Server:  dc1.corp.example.com\nAddress:  10.1.0.53\n\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"found", server + "Name:    pc1.corp.example.com\nAddress:  10.1.0.1\n\n", []string{"4 ?<dc1.corp.example.com pc1.corp.example.com [10.1.0.1]"}},
		{
			"several-addresses", "C:\\>nslookup pc1\n" + server + "Name:    pc1.corp.example.com\nAddresses:  2001:db8::1\n\t  10.1.0.1\n\n",
			[]string{"5 pc1?<dc1.corp.example.com pc1.corp.example.com [2001:db8::1 10.1.0.1]"},
		},
		{"not-found", server + "*** dc1.corp.example.com can't find pc9: Non-existent domain\n", []string{"4 pc9?<dc1.corp.example.com failed"}},
		{"not-found-german", server + "*** dc1.corp.example.com kann pc9 nicht finden: Non-existent domain\n", []string{"4 pc9?<dc1.corp.example.com failed"}},
		{"french", "Serveur :   dc1.corp.example.com\nAddress:  10.1.0.53\n\nNom :    pc1.corp.example.com\nAddress:  10.1.0.1\n", []string{"4 ?<dc1.corp.example.com pc1.corp.example.com [10.1.0.1]"}},
		{
			"reverse-and-two-runs", "C:\\>nslookup 10.1.0.1\n" + server + "Name:    abc5.corp.example.com\nAddress:  10.1.0.1\n\n\nC:\\>nslookup 10.1.0.4\n" + server + "*** dc1.corp.example.com can't find 10.1.0.4: Non-existent domain\n",
			[]string{"5 10.1.0.1?<dc1.corp.example.com abc5.corp.example.com [10.1.0.1]", "13 10.1.0.4?<dc1.corp.example.com failed"},
		},
		{
			"runs-of-a-script-without-commands", server + "Name:    pc1.corp.example.com\nAddress:  10.1.0.1\n\n" + server + "Name:    pc2.corp.example.com\nAddress:  10.1.0.2\n\n",
			[]string{"4 ?<dc1.corp.example.com pc1.corp.example.com [10.1.0.1]", "10 ?<dc1.corp.example.com pc2.corp.example.com [10.1.0.2]"},
		},
		{
			"interactive", "Default Server:  dc1.corp.example.com\nAddress:  10.1.0.53\n\n> pc1\n" + server + "Name:    pc1.corp.example.com\nAddress:  10.1.0.1\n\n> pc9\n" + server + "*** dc1.corp.example.com can't find pc9: Non-existent domain\n",
			[]string{"8 pc1?<dc1.corp.example.com pc1.corp.example.com [10.1.0.1]", "15 pc9?<dc1.corp.example.com failed"},
		},
		{
			"timed-out", "C:\\>nslookup pc1\nDNS request timed out.\n    timeout was 2 seconds.\nServer:  UnKnown\nAddress:  10.1.0.53\n\nDNS request timed out.\n    timeout was 2 seconds.\n*** Request to UnKnown timed-out\n",
			[]string{"9 pc1?<UnKnown failed timeout"},
		},
		{"not-authoritative", server + "Non-authoritative answer:\nName:    pc1.corp.example.com\nAddress:  10.1.0.1\nAliases:  www.corp.example.com\n\n", []string{"5 ?<dc1.corp.example.com pc1.corp.example.com [10.1.0.1]"}},
		{
			"server-without-a-name", "*** Can't find server name for address 10.1.0.53: Timed out\nServer:  UnKnown\nAddress:  10.1.0.53\n\nName:    pc1.corp.example.com\nAddress:  10.1.0.1\n\n*** Can't find server name for address 10.1.0.53: Timed out\nServer:  UnKnown\nAddress:  10.1.0.53\n\n*** UnKnown can't find pc9: Non-existent domain\n",
			[]string{"5 ?<UnKnown pc1.corp.example.com [10.1.0.1]", "12 pc9?<UnKnown failed"},
		},
		{
			"other-systems", "Server:\t\t10.1.0.53\nAddress:\t10.1.0.53#53\n\nName:\tpc1.corp.example.com\nAddress: 10.1.0.1\n\nServer:\t\t10.1.0.53\nAddress:\t10.1.0.53#53\n\n** server can't find pc9.corp.example.com: NXDOMAIN\n\n",
			[]string{"4 ?<10.1.0.53 pc1.corp.example.com [10.1.0.1]", "10 pc9.corp.example.com?<10.1.0.53 failed"},
		},
		{"properties", "Name: x\nAddress: 10.1.0.1\n", nil},
		{"prose", "Server: the machine\nAddress: unknown\n", nil},
		{"ipconfig", "   DNS Servers . . . . . . . . . . . : 10.1.0.53\n   IPv4 Address. . . . . . . . . . . : 10.1.0.1\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffNslookup("x.txt", []byte(tt.text)) > 0; got != (tt.want != nil) {
				t.Errorf("claimed: %v", got)
			}
			v, _ := nslookup().Extract(input(tt.text))
			var got []string
			if n, ok := v.(*Nslookup); ok {
				for _, a := range n.Answers {
					s := fmt.Sprintf("%d %s?<%s ", a.Line, a.Query, a.Server)
					if a.Failed {
						s += "failed"
					} else {
						s += fmt.Sprintf("%s %v", a.Name, a.Addresses)
					}
					if a.TimedOut {
						s += " timeout"
					}
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostList(t *testing.T) {
	tests := []struct {
		name, file, text string
		claimed          bool
		want             []string
	}{
		{"by-file-name", "sys.txt", "xyz1\r\nxyz2\r\n\r\n# old\r\nxyz3 # lab\r\n", true, []string{"1 xyz1", "2 xyz2", "5 xyz3"}},
		{"by-file-name-with-head", "computers.csv", "\"Name\"\n\"xyz1\"\n\"xyz2\"\n", true, []string{"2 xyz1", "3 xyz2"}},
		{"by-domain", "list.txt", "pc1.corp.example.com\npc2.corp.example.com\n", true, []string{"1 pc1.corp.example.com", "2 pc2.corp.example.com"}},
		{"hosts-file", "hosts", "# Copyright\n127.0.0.1 localhost\n10.1.0.1\tpc1.corp.example.com pc1 # room\n", true, []string{"2 localhost 127.0.0.1", "3 pc1.corp.example.com 10.1.0.1", "3 pc1 10.1.0.1"}},
		{"words", "words.txt", "KB977384\nKB978754\nKB2444668\n", false, []string{"1 KB977384", "2 KB978754", "3 KB2444668"}},
		{"file-names", "files.txt", "setup.exe\ninstall.exe\n", false, []string{"1 setup.exe", "2 install.exe"}},
		{"versions", "sys.txt", "1.2.3\n4.5.6\n", false, []string{"1 1.2.3", "2 4.5.6"}},
		{"quotes-and-blanks", "computers.csv", "\" \"\npc1\n", true, []string{"2 pc1"}},
		{"prose", "computers.txt", "These are the computers:\nthey are old.\n", false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sniffHostList(tt.file, []byte(tt.text)) > 0; got != tt.claimed {
				t.Errorf("claimed: %v", got)
			}
			v, _ := hostList().Extract(input(tt.text))
			var got []string
			if l, ok := v.(*HostList); ok {
				for _, h := range l.Hosts {
					s := fmt.Sprintf("%d %s", h.Line, h.Name)
					if h.IP.IsValid() {
						s += " " + h.IP.String()
					}
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzNslookup(f *testing.F) {
	f.Add("C:\\>nslookup pc1\nServer:  dc1\nAddress:  10.1.0.53\n\nName:    pc1\nAddresses:  2001:db8::1\n\t  10.1.0.1\n\n*** dc1 can't find pc9: x\n")
	fuzzExtract(f, nslookup(), "x.txt")
}

func FuzzHostList(f *testing.F) {
	f.Add("10.1.0.1 pc1 # x\npc2\n")
	fuzzExtract(f, hostList(), "hosts")
}

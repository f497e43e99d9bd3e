package extract

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"casebook/ingest"
)

const soundCopylog = `[FILE SOURCE]
x86.bin\smsboot1.exe=SP2
X86.BIN\CLICORE.EXE=SP1
alpha.bin\CLICORE.EXE = SP2

SITES\SP1\cli_inst.cfg=SP1
SITES\SP2\cli_inst.cfg=SP2
SITES\SP2\caplist.ini=SP2
`

func TestCopylog(t *testing.T) {
	tests := []struct {
		name, text string
		file       string
		want       *Copylog
		clicore    []CopylogEntry
		sites      []string
		problems   []string
	}{
		{
			name: "sound", text: soundCopylog, file: "whatever.txt",
			want: &Copylog{FileSource: true, Sections: []CopylogSection{{Name: "FILE SOURCE", Line: 1, Entries: []CopylogEntry{
				{`x86.bin\smsboot1.exe`, "SP2", 2},
				{`X86.BIN\CLICORE.EXE`, "SP1", 3},
				{`alpha.bin\CLICORE.EXE`, "SP2", 4},
				{`SITES\SP1\cli_inst.cfg`, "SP1", 6},
				{`SITES\SP2\cli_inst.cfg`, "SP2", 7},
				{`SITES\SP2\caplist.ini`, "SP2", 8},
			}}}},
			clicore: []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "SP1", 3}, {`alpha.bin\CLICORE.EXE`, "SP2", 4}},
			sites:   []string{"SP1", "SP2"},
		},
		{
			name: "corrupt-without-core", text: "[FILE SOURCE]\nSITES\\ABC\\cli_inst.cfg=ABC\nSITES\\AB", file: "copylog_dc2.tcf",
			want: &Copylog{
				FileSource:   true,
				Sections:     []CopylogSection{{Name: "FILE SOURCE", Line: 1, Entries: []CopylogEntry{{`SITES\ABC\cli_inst.cfg`, "ABC", 2}}}},
				SyntaxErrors: []CopylogError{{3, `SITES\AB`}},
			},
			sites:    []string{"ABC"},
			problems: []string{"1 lines are neither section nor entry, the first is line 3"},
		},
		{
			name: "one-pasted-line", text: "X86.BIN\\CLICORE.EXE=xyz\n", file: "ticket.txt",
			want:    &Copylog{Sections: []CopylogSection{{Entries: []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "xyz", 1}}}}},
			clicore: []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "xyz", 1}},
		},
		{
			name: "other-section", text: "[OTHER]\nX86.BIN\\CLICORE.EXE=OLD\n[file source]\nX86.BIN\\CLICORE.EXE=NEW\nX86.BIN\\CLICORE.EXE=LONG\n", file: "temp.tcf",
			want: &Copylog{
				FileSource: true,
				Sections: []CopylogSection{
					{Name: "OTHER", Line: 1, Entries: []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "OLD", 2}}},
					{Name: "file source", Line: 3, Entries: []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "NEW", 4}}},
				},
				SyntaxErrors: []CopylogError{{5, `X86.BIN\CLICORE.EXE=LONG`}},
			},
			clicore:  []CopylogEntry{{`X86.BIN\CLICORE.EXE`, "NEW", 4}},
			problems: []string{"1 lines are neither section nor entry, the first is line 5"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffCopylog(tt.file, []byte(tt.text)) == 0 {
				t.Error("not taken for a Copylog.tcf")
			}
			v, problems := extractCopylog(input(tt.text))
			c, ok := v.(*Copylog)
			if !ok {
				t.Fatalf("a %T", v)
			}
			if diff := cmp.Diff(tt.want, c); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.clicore, c.Clicore()); diff != "" {
				t.Errorf("Clicore (-want +got):\n%s", diff)
			}
			sites := c.Sites()
			if len(sites) != len(tt.sites) {
				t.Errorf("Sites: %v", sites)
			}
			for _, s := range tt.sites {
				if len(sites[s]) == 0 {
					t.Errorf("Sites lacks %s", s)
				}
			}
			if diff := cmp.Diff(tt.problems, messages(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompver(t *testing.T) {
	const text = "; written by setup\n[Component]\nName = Software Distribution\nVersion=\"2.00.1493.2009\"\nDate=2000.01.02.\n[i386]\nfile.dll=2.00.1380.1,12345\nbroken\n"
	if sniffCompver("compver.ini", []byte(text)) == 0 {
		t.Error("not taken for a compver.ini")
	}
	if sniffCompver("compver.log", []byte(strings.Repeat("10:01:02 a=b\n", 9))) != 0 {
		t.Error("a log is taken for a compver.ini")
	}
	v, problems := extractCompver(input(text))
	c, ok := v.(*Compver)
	if !ok {
		t.Fatalf("a %T", v)
	}
	var got []string
	for _, v := range c.Versions {
		got = append(got, fmt.Sprintf("%d [%s] %s=%s %v/%d", v.Line, v.Section, v.Key, v.Text, v.Numbers, v.Parts))
	}
	want := []string{
		"4 [Component] Version=2.00.1493.2009 [2 0 1493 2009]/4",
		"7 [i386] file.dll=2.00.1380.1 [2 0 1380 1]/4",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if len(c.Keys) != 4 || len(problems) != 1 || !strings.Contains(problems[0].Message, "line 8") {
		t.Errorf("keys %v, problems %v", c.Keys, problems)
	}
}

func TestPFRO(t *testing.T) {
	const text = `6/14/2016 19:14:22 - PFRO Error: \??\C:\Config.Msi\a, b.tmp, |delete operation|, 0xc000003a
6/14/2016 19:14:22 - PFRO Error: \??\C:\Config.Msi\a, b.rbf, !\??\C:\Program Files\Novell\x, y.dll, 0xc00000d4
6/14/2016 19:14:22 - PFRO Error: \??\C:\c.tmp, \??\C:\c.dll, 0xC0000035
6/14/2016 19:14:22 - PFRO Error: \??\C:\d.tmp, , 0xc0000034
6/14/2016 19:14:22 - PFRO Error: \??\C:\a path that the writer cut o
6/14/2016 19:14:22 - Error logging PFRO error
1/4/2017 9:4:2 - 21 Successful PFRO operations
`
	if sniffPFRO("x.log", []byte(text)) == 0 {
		t.Error("not taken for a PFRO.log")
	}
	v, problems := extractPFRO(input(text))
	want := &PFRO{
		Failures: []PFROFailure{
			{Line: 1, Date: "6/14/2016", Time: "19:14:22", Source: `C:\Config.Msi\a, b.tmp`, Delete: true, Status: 0xc000003a},
			{Line: 2, Date: "6/14/2016", Time: "19:14:22", Source: `C:\Config.Msi\a, b.rbf`, Target: `C:\Program Files\Novell\x, y.dll`, Replace: true, Status: 0xc00000d4},
			{Line: 3, Date: "6/14/2016", Time: "19:14:22", Source: `C:\c.tmp`, Target: `C:\c.dll`, Status: 0xc0000035},
			{Line: 4, Date: "6/14/2016", Time: "19:14:22", Source: `C:\d.tmp`, Delete: true, Status: 0xc0000034},
		},
		Successes: []PFROSuccess{{Line: 7, Date: "1/4/2017", Time: "9:4:2", Count: 21}},
		Cut:       []int{5, 6},
	}
	if diff := cmp.Diff(any(want), v); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2 entries are cut off or of another form, the first is line 5"}, messages(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

const managedSylink = `<?xml version="1.0" encoding="ISO-8859-1"?>
<ServerSettings DomainId="9D1A2B3C4D5E6F708192A3B4C5D6E7F8" NameSpace="rpc">
  <CommConf>
    <AgentCommunicationSetting AlwaysConnect="1" CommunicationMode="PUSH" Kcs="SECRETKEY" UploadOpStateData="1"/>
    <ServerList Name="Default">
      <ServerPriorityBlock Name="Priority1">
        <Server Address="sepm.example.com" HttpPort="8014"
          HttpsVerifyCA="0"/>
      </ServerPriorityBlock>
    </ServerList>
    <ServerCertList>
      <Certificate Name="sepm">SECRETCERT</Certificate>
    </ServerCertList>
  </CommConf>
</ServerSettings>
`

func TestSylink(t *testing.T) {
	tests := []struct {
		name, text     string
		managed, known bool
		servers        []SylinkServer
		secrets        []string
		problems       int
	}{
		{
			name: "managed", text: managedSylink, managed: true, known: true,
			servers: []SylinkServer{{Line: 7, List: "Priority1"}},
			secrets: []string{"AgentCommunicationSetting/@Kcs 4 9", "Certificate 12 10"},
		},
		{name: "unmanaged", text: "<ServerSettings DomainId=\"\" NameSpace=\"rpc\"><CommConf><AgentCommunicationSetting CommunicationMode=\"PULL\" Kcs=\"\"/><ServerList/></CommConf></ServerSettings>\n", known: true},
		{name: "unmanaged-null-domain", text: "<ServerSettings DomainId=\"00000000000000000000000000000000\"><CommConf/></ServerSettings>\n", known: true},
		{name: "domain-without-server", text: "<ServerSettings DomainId=\"9D1A\"><CommConf/></ServerSettings>\n"},
		{name: "cut-off", text: managedSylink[:strings.Index(managedSylink, "<Server Address")], secrets: []string{"AgentCommunicationSetting/@Kcs 4 9"}, problems: 1},
		{name: "entity", text: "<!DOCTYPE a [<!ENTITY x \"SECRET\">]><ServerSettings DomainId=\"\"><CommConf/>&x;</ServerSettings>\n", known: true, secrets: []string{"ServerSettings 1 3"}},
		{name: "secret-in-a-later-line", text: "<ServerSettings DomainId=\"\"><CommConf><A\n  Kcs=\"SECRET\"/><Certificate>\n SECRETTOO</Certificate></CommConf></ServerSettings>", known: true, secrets: []string{"A/@Kcs 2 6", "Certificate 3 9"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, problems := extractSylink(input(tt.text))
			s, ok := v.(*Sylink)
			if !ok {
				t.Fatalf("a %T, %v", v, problems)
			}
			if managed, known := s.Managed(); managed != tt.managed || known != tt.known {
				t.Errorf("managed %v, known %v", managed, known)
			}
			if diff := cmp.Diff(tt.servers, s.Servers); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			var secrets []string
			lines := input(tt.text).Lines
			for _, x := range s.Secrets {
				if got := lines[x.Line-1][x.From:x.To]; x.To > 0 && !strings.HasPrefix(got, "SECRET") && got != "&x;" {
					t.Errorf("%s is said to be %q", x.Name, got)
				}
				secrets = append(secrets, fmt.Sprintf("%s %d %d", x.Name, x.Line, x.Bytes))
			}
			if diff := cmp.Diff(tt.secrets, secrets); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
			if len(problems) != tt.problems {
				t.Errorf("problems: %v", problems)
			}
			if text := fmt.Sprintf("%+v %v", s, problems); strings.Contains(text, "SECRET") || strings.Contains(text, "example.com") {
				t.Errorf("a secret is kept: %s", text)
			}
		})
	}
}

func TestSylinkDepth(t *testing.T) {
	v, problems := extractSylink(input("<ServerSettings>" + strings.Repeat("<a>", 100000)))
	if v != nil || len(problems) != 1 {
		t.Errorf("%v, %v", v, problems)
	}
}

func TestKeyFileName(t *testing.T) {
	tests := []struct{ container, want string }{
		{"MyCoolContainer", "52ab417621a9d74c73e3e0f1bc374e0a"},
		{"SMS", "19c5cf9c7b5dc9de3e548adb70398402"},
		{"TSSecKeySet1", "f686aace6942fb7f7ceb231212eef4a4"},
		{"NetFrameworkConfigurationKey", "d6d986f09a1ee04e24c949879fdb506c"},
		{"iisConfigurationKey", "6de9cb26d2b98c01ec4e9e8b34824aa2"},
		{"iisWasKey", "76944fb33636aeddb9590521c2e8815a"},
		{"Microsoft Internet Information Server", "c2319c42033a5ca7f44e731bfd3fa2b5"},
		{"MS IIS DCOM Server", "7a436fe806e483969f48a894af2fe9a1"},
		{"WMSvc Certificate Key Container", "bedbf0b4da5f8061b6444baedf4c00b1"},
		{"MS IIS DCOM ConfigServer", "ed26fa3ad3b36970f664a090e094955c"},
		{"MS IIS DCOM Client", "f515ddc66062954646728bb3ac394c94"},
	}
	for _, tt := range tests {
		if got := KeyFileName(tt.container); got != tt.want {
			t.Errorf("KeyFileName(%q) is %s, want %s", tt.container, got, tt.want)
		}
	}
	if got := Container("19C5CF9C7B5DC9DE3E548ADB70398402"); got != "SMS" {
		t.Errorf("Container is %q", got)
	}
	if got := Container(strings.Repeat("0", 32)); got != "" {
		t.Errorf("Container is %q", got)
	}
}

func TestMachineKeys(t *testing.T) {
	const (
		smsHash = "19c5cf9c7b5dc9de3e548adb70398402"
		guid    = "50e417e0-e461-474b-96e2-077b80325612"
		name    = smsHash + "_" + guid
		folder  = `C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys`
	)
	tests := []struct {
		name, text string
		want       *MachineKeys
	}{
		{
			name: "dir-all",
			text: "C:\\>dir /a " + folder + "\n\n Directory of " + folder + "\n\n08/14/2012  10:01 AM    <DIR>          .\n08/14/2012  10:01 AM             2,247 " + strings.ToUpper(name) + ".sys\n08/14/2012  10:01 AM                 5 other\n               2 File(s)          2,252 bytes\n",
			want: &MachineKeys{[]KeyFolder{{Path: folder, Line: 3, Switches: "/a", ShowsHidden: true, Complete: true, Files: []KeyFile{
				{Hash: smsHash, GUID: guid, Ext: ".sys", Size: 2247, HasSize: true, ModifiedText: "08/14/2012  10:01 AM", Line: 6},
			}}}},
		},
		{
			name: "plain-dir-shows-nothing",
			text: "C:\\>dir " + folder + "\n\n Verzeichnis von " + folder + "\n\n14.08.2012  10:01    <DIR>          .\n               0 Datei(en),              0 Bytes\n",
			want: &MachineKeys{[]KeyFolder{{Path: folder, Line: 3, EmptyListing: true, Complete: true}}},
		},
		{
			name: "icacls-in-the-folder",
			text: name + " NT AUTHORITY\\SYSTEM:(F)\n\n" + strings.Replace(name, "19", "20", 1) + ": Zugriff verweigert\n1 a, 1 b\n",
			want: &MachineKeys{[]KeyFolder{{Line: 1, Files: []KeyFile{
				{Hash: smsHash, GUID: guid, Line: 1},
				{Hash: "20c5cf9c7b5dc9de3e548adb70398402", GUID: guid, Line: 3},
			}}}},
		},
		{
			name: "bare-names",
			text: name + "\n" + strings.Replace(name, "19", "20", 1) + "\n",
			want: &MachineKeys{[]KeyFolder{{Line: 1, Files: []KeyFile{
				{Hash: smsHash, GUID: guid, Line: 1},
				{Hash: "20c5cf9c7b5dc9de3e548adb70398402", GUID: guid, Line: 2},
			}}}},
		},
		{
			name: "names-table",
			text: "PS C:\\> gci -Force " + folder + " | Select Name,Length\n\nName                                                                  Length\n----                                                                  ------\n" + name + "   2247\n\n",
			want: &MachineKeys{[]KeyFolder{{Path: folder, Line: 3, Switches: "-Force", ShowsHidden: true, Complete: true, Files: []KeyFile{
				{Hash: smsHash, GUID: guid, Size: 2247, HasSize: true, Line: 5},
			}}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if sniffMachineKeys("a.txt", []byte(tt.text)) == 0 {
				t.Error("not looked at")
			}
			v, problems := extractMachineKeys(input(tt.text))
			if diff := cmp.Diff(any(tt.want), v); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
		})
	}
	if v, _ := extractMachineKeys(input(" Directory of C:\\Windows\n\n08/14/2012  10:01 AM    <DIR>          .\n")); v != nil {
		t.Errorf("keys in another folder: %v", v)
	}
}

// fuzzExtract checks that an extractor neither panics nor reads the same text in two ways.
func fuzzExtract(f *testing.F, e ingest.Extractor, name string) {
	f.Fuzz(func(t *testing.T, text string) {
		e.Sniff(name, []byte(text))
		one, problems := e.Extract(input(text))
		two, again := e.Extract(input(text))
		if diff := cmp.Diff(one, two, cmpopts.IgnoreUnexported(Sylink{}, Folder{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("two readings differ:\n%s", diff)
		}
		if diff := cmp.Diff(problems, again); diff != "" {
			t.Errorf("problems of two readings differ:\n%s", diff)
		}
	})
}

func FuzzCopylog(f *testing.F) {
	f.Add(soundCopylog)
	fuzzExtract(f, copylog(), "copylog.tcf")
}

func FuzzCompver(f *testing.F) {
	f.Add("[a]\nb=2.00.1493.2009\n")
	fuzzExtract(f, compver(), "compver.ini")
}

func FuzzPFRO(f *testing.F) {
	f.Add("6/14/2016 19:14:22 - PFRO Error: \\??\\C:\\a, b, !\\??\\C:\\c, 0xc00000d4\n1/4/2017 9:4:2 - 21 Successful PFRO operations\n")
	fuzzExtract(f, pfro(), "pfro.log")
}

func FuzzSylink(f *testing.F) {
	f.Add(managedSylink)
	fuzzExtract(f, sylink(), "sylink.xml")
}

func FuzzMachineKeys(f *testing.F) {
	f.Add("19c5cf9c7b5dc9de3e548adb70398402_50e417e0-e461-474b-96e2-077b80325612 NT AUTHORITY\\SYSTEM:(F)\n Directory of C:\\MachineKeys\n\n")
	fuzzExtract(f, machineKeys(), "keys.txt")
}

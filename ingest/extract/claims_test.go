package extract

import (
	"fmt"
	"strings"
	"testing"

	"casebook/ingest"
)

// samples are texts of every kind that a table, a tool or an ini file makes; each is claimed by its own kind alone.
var samples = []struct {
	kind       ingest.Kind
	file, text string
}{
	{ingest.KindCopylog, "copylog.tcf", soundCopylog},
	{ingest.KindCompver, "compver.ini", "[Component]\nName=Software Distribution\nVersion=2.00.1493.2009\n"},
	{ingest.KindSylink, "sylink.xml", managedSylink},
	{ingest.KindListing, "dir.txt", " Directory of C:\\Windows\n\n08/14/2012  10:01 AM    <DIR>          .\n08/14/2012  10:01 AM             1,389 a.msi\n               1 File(s)          1,389 bytes\n"},
	{ingest.KindListing, "files.csv", "\"FullName\",\"Length\"\n\"C:\\a.msi\",\"12\"\n"},
	{ingest.KindListing, "ls.txt", "\n    Directory: C:\\Windows\n\nMode                LastWriteTime     Length Name\n----                -------------     ------ ----\n-a---        14.08.2012     10:01    1389056 1a2b.msi\n\n"},
	{ingest.KindACL, "acl.txt", "C:\\Data BUILTIN\\Administrators:(OI)(CI)(F)\n        NT AUTHORITY\\SYSTEM:(I)(F)\n\nSuccessfully processed 1 files; Failed processing 0 files\n"},
	{ingest.KindLogPFRO, "pfro.log", "6/14/2016 19:14:22 - PFRO Error: \\??\\C:\\a.tmp, |delete operation|, 0xc000003a\n"},
	{ingest.KindRegQuery, "query.txt", "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Configuresoft\\ECM\\4.0\\Agent\n    IsLocked    REG_DWORD    0x1\n\n"},
	{ingest.KindRegExport, "x.reg", "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\n\"B\"=dword:00000001\n"},
	{ingest.KindSiteControl, "sitectrl.ct0", wrappedSiteControl},
	{ingest.KindComponents, "components.csv", "Netbios_Name0,Name0,Version0\nPC1,CcmFramework,4.00.6487.2000\n"},
	{ingest.KindComponents, "components.txt", "Name    : CcmFramework\nVersion : 4.00.6487.2000\n\nName    : SmsInventory\nVersion : 4.00.6487.2161\n"},
	{ingest.KindBoundaries, "boundaries.csv", "DisplayName,BoundaryType,Value\nPrague,3,10.1.0.1-10.1.0.254\nHQ,1,Default-First-Site-Name\n"},
	{ingest.KindDNSCheck, "check.txt", "Name IP Reverse Status\n---- -- ------- ------\nxyz1 10.1.0.1 abc5 IP registered to another system\nxyz3 10.1.0.3 xyz3 OK\n"},
	{ingest.KindDNSZone, "corp.example.com.dns", windowsZone},
	{ingest.KindHosts, "sys.txt", "xyz1\nxyz2\nxyz3\n"},
	{ingest.KindHosts, "hosts", "127.0.0.1 localhost\n10.1.0.1 pc1.corp.example.com pc1\n"},
	{ingest.KindNslookup, "ns.txt", "Server:  dc1.corp.example.com\nAddress:  10.1.0.53\n\nName:    pc1.corp.example.com\nAddress:  10.1.0.1\n\n"},
	{ingest.KindVCMJobs, "jobs.csv", "Machine;Step;Status;Start\nPC1;3. Interrogate Target;Succeeded;2009-10-01 10:01:02\nPC1;7. Install Simple Installer;Failed;2009-10-01 10:01:03\n"},
	{ingest.KindSetAid, "setaid.ini", soundSetAid},
	{ingest.KindSMSCFG, "smscfg.ini", "[Configuration - Client Properties]\nSMS Unique Identifier=GUID:0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9\n"},
	{ingest.KindIPConfig, "net.txt", englishIPConfig},
	{ingest.KindSystemInfo, "info.txt", englishSystemInfo},
	{ingest.KindMSInfo, "msinfo.txt", germanMSInfo},
	{ingest.KindWinmgmt, "wmi.txt", "WMI repository is not consistent\n"},
	{ingest.KindManifest, "casebook-manifest.txt", "casebook collection manifest 1\ncase: 48213\ncomputer: \"PC1\"\nchcp: Active code page: 850\nstep 1: 0 a.reg\n"},
}

func TestSamplesAreClaimedOnce(t *testing.T) {
	for _, s := range samples {
		for _, ends := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s%q", s.file, ends), func(t *testing.T) {
				got := claims(s.file, strings.ReplaceAll(s.text, "\n", ends))
				for kind, n := range got {
					if n == 1 { // machineKeys looks at every listing and permission for keys, and names no kind
						delete(got, kind)
					}
				}
				if got[s.kind] == 0 || len(got) != 1 {
					t.Errorf("claimed as %v, want %s", got, s.kind)
				}
			})
		}
	}
}

// TestSamplesCutAnywhere reads every sample up to each of its bytes, as a head that is cut and as a text that is: neither may panic.
func TestSamplesCutAnywhere(t *testing.T) {
	for _, s := range samples {
		t.Run(s.file, func(t *testing.T) {
			for _, e := range All() {
				if e.Binary || e.Kind != s.kind {
					continue
				}
				for n := range len(s.text) {
					e.Sniff(s.file, []byte(s.text[:n]))
					e.Extract(input(s.text[:n]))
				}
			}
		})
	}
}

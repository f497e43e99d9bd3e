package web_test

import (
	"fmt"
	"strings"
	"time"

	"casebook/findings"
	"casebook/ingest"
)

// samples are reports as an analysis makes them, one for each way in which the page can open.
var samples = []struct {
	name   string
	report func() *findings.Report
}{
	{"two-hosts", twoHosts},
	{"nothing-confirmed", nothingConfirmed},
	{"suspected", suspectedOnly},
	{"unreadable", unreadable},
}

func sum(s string) string {
	return strings.Repeat(fmt.Sprintf("%08x", len(s)*2654435761%4294967291), 8)
}

// twoHosts is a case with two confirmed causes on two machines, one suspicion and one problem that is over.
func twoHosts() *findings.Report {
	const system = "WKS-0417/C/Windows/System32/config/SYSTEM"
	const session = `ControlSet002\Control\Session Manager`
	return &findings.Report{
		Schema: findings.Schema,
		Tool:   findings.Tool{Name: "casebook", Version: "0.1.0"},
		Bundle: &findings.Upload{Name: "ticket-48213.zip", SHA256: sum("ticket"), Bytes: 38_214_118, Format: "zip"},
		Window: findings.Window{From: "2012-03-07T06:12:44Z", To: "2012-03-10T08:11:02Z"},
		Systems: []findings.System{
			{
				ID: "DC-EAST", ComputerName: "DC-EAST", CodePage: 1252, OEMCodePage: 437, Product: "Windows 2000 Server SP4",
				TimeZone: &findings.TimeZone{Name: "Eastern Standard Time", BiasMinutes: 300},
				Hive:     "DC-EAST/system.reg", HiveState: "export", Environment: map[string]string{"OS": "Windows_NT"},
			},
			{
				ID: "WKS-0417", ComputerName: "WKS-0417", ControlSet: new(2), CodePage: 1252, OEMCodePage: 850,
				TimeZone: &findings.TimeZone{Name: "W. Europe Standard Time", BiasMinutes: -60},
				Hive:     system, HiveState: "clean", HiveWritten: "2012-03-10T08:11:02Z",
				Product: "Windows 7 Enterprise SP1 (6.1.7601)", MachineGUID: "6f3a3d7e-52c1-4f0e-8d6b-806e6f6e6963",
				Environment: map[string]string{
					"ZENWORKS_HOME": `C:\Program Files\Novell\ZENworks`,
					"Path":          `%SystemRoot%\system32;%SystemRoot%;C:\Program Files\Novell\ZENworks\bin`,
					"TEMP":          `%SystemRoot%\TEMP`,
				},
				PendingRenames: []findings.PendingRename{
					{Operation: "rename", Source: `C:\Config.Msi\PT3F1A.tmp`, Target: `C:\Program Files\Novell\ZENworks\bin\ZenNotifyIcon.dll`, ReplaceExisting: true, ControlSet: new(2), Value: "PendingFileRenameOperations"},
					{Operation: "rename", Source: `C:\Config.Msi\PT3F1B.tmp`, Target: `C:\Program Files\Novell\ZENworks\bin\ZenworksWindowsService.exe`, ReplaceExisting: true, ControlSet: new(2), Value: "PendingFileRenameOperations"},
					{Operation: "delete", Source: `C:\Windows\Temp\~nsu.tmp\Au_.exe`, ControlSet: new(2), Value: "PendingFileRenameOperations2"},
				},
				ControlSets: &findings.ControlSets{Current: 2, Default: 2, LastKnownGood: 3, Existing: []int{1, 2}},
				Services: []findings.Service{
					{Name: "BITS", DisplayName: "Background Intelligent Transfer Service", Type: 0x20, Start: 3, ImagePath: `%SystemRoot%\System32\svchost.exe -k netsvcs`, ServiceDLL: `%SystemRoot%\System32\qmgr.dll`, Account: "LocalSystem"},
					{Name: "CcmExec", DisplayName: "SMS Agent Host", Type: 0x10, Start: 2, ImagePath: `C:\Windows\CCM\CcmExec.exe`, Account: "LocalSystem"},
					{Name: "RemoteRegistry", DisplayName: "Remote Registry", Type: 0x20, Start: 4, ImagePath: `%SystemRoot%\system32\svchost.exe -k LocalService`, Odd: []findings.Odd{findings.OddDisabled}},
					{Name: "ZenNotify", DisplayName: "ZENworks Notify", Type: 0x10, Start: 2, ImagePath: `C:\Program Files\Novell\ZENworks\bin\notify.exe`, Account: `.\zen`, Odd: []findings.Odd{findings.OddUnquoted}},
					{Name: "disk", Type: 1, Start: 0, ImagePath: `system32\drivers\disk.sys`},
				},
				Packages: []findings.Package{
					{Code: "{7E2F1C80-4C3A-4D9B-9B57-0E5D11C0F3A1}", Name: "ZENworks Adaptive Agent", Version: "10.2.1", Publisher: "Novell", LocalPackage: `C:\Windows\Installer\3f1a.msi`},
					{Code: "{0A3B5C60-1111-4D9B-9B57-0E5D11C0F3A1}", Patch: true, Name: "Hotfix 948601", LocalPackage: `C:\Windows\Installer\77.msp`},
				},
				MountedDevices: []findings.MountedDevice{
					{Name: `\DosDevices\C:`, Kind: "mbr", Detail: "disk signature 8a3f11c2, offset 1048576"},
					{Name: `\??\Volume{6f3a3d7e-52c1-11e0-8d6b-806e6f6e6963}`, Kind: "mbr", Detail: "disk signature 51d20e77, offset 32256"},
				},
			},
		},
		Artifacts: []findings.Artifact{
			{Path: "DC-EAST/SMSLOGON/Config/Copylog.tcf", SHA256: sum("a"), Bytes: 1_734, Kind: ingest.KindCopylog, Encoding: "US-ASCII", Records: 41, Clock: "none", System: "DC-EAST"},
			{Path: "DC-EAST/SMSLOGON/x86.bin/Clicore.exe.txt", SHA256: sum("ab"), Bytes: 612, Kind: ingest.KindListing, Encoding: "IBM437", Clock: "none", System: "DC-EAST"},
			{Path: "DC-EAST/system.reg", SHA256: sum("abc"), Bytes: 44_120, Kind: ingest.KindRegExport, Encoding: "UTF-16LE", Records: 0, Clock: "none", System: "DC-EAST"},
			{Path: system, SHA256: sum("abcd"), Bytes: 11_534_336, Kind: ingest.KindHiveSystem, Clock: "none", System: "WKS-0417"},
			{Path: "WKS-0417/C/Windows/PFRO.log", SHA256: sum("abcde"), Bytes: 8_214, Kind: ingest.KindLogPFRO, Encoding: "UTF-16LE", Records: 61, FirstTime: "2011-06-02T04:58:12Z", LastTime: "2012-03-09T05:58:02Z", Clock: "system", System: "WKS-0417"},
			{Path: "WKS-0417/logs/ClientIDManagerStartup.log", SHA256: sum("abcdef"), Bytes: 249_877, Kind: ingest.KindLogCCM, Encoding: "US-ASCII", Records: 1_804, FirstTime: "2012-03-07T06:12:44Z", LastTime: "2012-03-10T07:59:30Z", FirstLocal: "2012-03-07T07:12:44+01:00", LastLocal: "2012-03-10T08:59:30+01:00", Clock: "stated", ClockReason: "each record states its offset", System: "WKS-0417"},
			{Path: "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", SHA256: sum("abcdefg"), Bytes: 9_811_204, Kind: ingest.KindLogMSI, Encoding: "UTF-16LE", Records: 91_336, FirstTime: "2012-03-08T20:11:01Z", LastTime: "2012-03-08T20:19:40Z", Clock: "system", System: "WKS-0417"},
			{Path: "WKS-0417/logs/setupapi.app.log", SHA256: sum("abcdefgh"), Bytes: 1_048_576, Kind: ingest.KindLogText, Encoding: "windows-1252", Records: 7_201, FirstLocal: "2012-03-09T08:00:00", LastLocal: "2012-03-09T17:30:00", Clock: "unknown", System: "WKS-0417", Truncated: true},
			{Path: "WKS-0417/tools/mountvol.txt", SHA256: sum("abcdefghi"), Bytes: 1_022, Kind: ingest.KindMounts, Encoding: "IBM850", Clock: "none", System: "WKS-0417"},
		},
		Findings: []findings.Finding{
			{
				Check: "zenworks-mount-point", Subject: `C:\Program Files\Novell\ZENworks`, System: "WKS-0417",
				Verdict: findings.Confirmed, Severity: findings.High, State: findings.Active,
				Title: "The ZENworks agent keeps its old files: its folder lies beneath a mounted volume, and files cannot be renamed into it at the restart",
				Summary: `Eleven pending renames lead from C:\Config.Msi to files beneath C:\Program Files\Novell, which mountvol shows to be a mount point of another volume. ` +
					`PFRO.log records that the same renames failed on 9 March with STATUS_NOT_SAME_DEVICE.`,
				Cause: "Windows Installer schedules locked files to be replaced at the next boot. The session manager renames and never copies, so a rename from one volume to another always fails, and the agent runs with files of two versions.",
				Remedy: []string{
					`Keep the path, and replace the mounted volume at C:\Program Files\Novell by an ordinary folder: stop the agent service and copy the data aside.`,
					`Remove the mount point (mountvol "C:\Program Files\Novell" /D), make an ordinary folder of the same name, put the data back.`,
					"Reset the folder's permissions to those of Program Files, and restart.",
					"Run the upgrade again. It is cured when the queue of pending renames is empty after a restart.",
				},
				References: []findings.Reference{
					{Title: "TID 7004370: ZENworks agent installed beneath an NTFS mount point", URL: "https://support.microfocus.com/kb/doc.php?id=7004370"},
					{Title: "MoveFileEx: what a delayed move can do", URL: "https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-movefileexw"},
				},
				Rivals: []findings.Rival{
					{Name: "The disk is full", Verdict: "Excluded: system-info.txt shows 41 GB free on the target volume."},
					{Name: "Another program locks the files at boot", Verdict: "Open: a trace of the boot is not in the upload."},
					{Name: "The restart is still to come", Verdict: "PFRO.log tells of one."},
				},
				Evidence: []findings.Evidence{
					{
						Artifact: system, Key: session, Value: new("PendingFileRenameOperations"), Role: findings.Supports,
						Quote: `\??\C:\Config.Msi\PT3F1A.tmp | !\??\C:\Program Files\Novell\ZENworks\bin\ZenNotifyIcon.dll`,
						Note:  "Pair 1 of 13: the source lies on C:, the target on the mounted volume.",
					},
					{
						Artifact: "WKS-0417/tools/mountvol.txt", Line: 14, Role: findings.Supports, Quote: `        C:\Program Files\Novell\`,
						Before: []string{`    \\?\Volume{1c0ff1e0-52c1-11e0-9a2b-806e6f6e6963}\`, `        C:\`, "", `    \\?\Volume{6f3a3d7e-52c1-11e0-8d6b-806e6f6e6963}\`},
						After:  []string{"", `    \\?\Volume{1c0ff1e3-52c1-11e0-9a2b-806e6f6e6963}\`},
					},
					{
						Artifact: "WKS-0417/C/Windows/PFRO.log", Line: 58, Role: findings.Supports, Time: "2012-03-09T05:58:02Z",
						Quote:  `3/9/2012 6:58:2 - PFRO Error: \??\C:\Config.Msi\PT3E02.tmp, !\??\C:\Program Files\Novell\ZENworks\bin\ZenNotifyIcon.dll, 0xc00000d4`,
						Before: []string{"3/9/2012 6:58:2 - Number of successful PFRO operations: 3"},
						Note:   "0xc00000d4 is STATUS_NOT_SAME_DEVICE: source and target are on different volumes.",
					},
					{
						Artifact: "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", Line: 48112, Role: findings.Context, Time: "2012-03-08T20:16:55Z",
						Quote:  `Info 1603. The file C:\Program Files\Novell\ZENworks\bin\ZenNotifyIcon.dll is being held in use by the following process: Name: ZenNotifyIcon, Id: 2216.`,
						Before: []string{"MSI (s) (A4:1C) [21:16:55:102]: Executing op: FileCopy(SourceName=ZENNOT~1.DLL|ZenNotifyIcon.dll)"},
						After:  []string{"Info 1902. Scheduling reboot operation: Renaming file C:\\Config.Msi\\PT3F1A.tmp. Must reboot to complete operation."},
						Note:   "Message 1603 says that a file is in use. It is no failure of the installation.",
					},
				},
			},
			{
				Check: "sms-copylog-site-mismatch", Subject: "DC-EAST/SMSLOGON/Config/Copylog.tcf", System: "DC-EAST",
				Verdict: findings.Confirmed, Severity: findings.Medium, State: findings.Active,
				Title:   "Copylog.tcf credits site E01 with the client core, but the logon point's Clicore.exe is that of site W02",
				Summary: "The [FILE SOURCE] section names E01 for x86.bin\\CLICORE.EXE. The file at the logon point has the version and size that site W02 supplies.",
				Cause:   "Two sites of different service packs share one logon point, and the logon server manager copied a file after the record was written.",
				Remedy: []string{
					"On the site of the latest service pack, start the update of its logon points.",
					"When Nt_logon.log shows the copy, compare Copylog.tcf again.",
				},
				References: []findings.Reference{{Title: "Q264976: SMS: normal and corrupt Copylog.tcf", URL: "https://jeffpar.github.io/kbarchive/kb/264/Q264976/"}},
				Evidence: []findings.Evidence{
					{
						Artifact: "DC-EAST/SMSLOGON/Config/Copylog.tcf", Line: 4, Quote: `x86.bin\CLICORE.EXE=E01`, Role: findings.Supports,
						Before: []string{"[FILE SOURCE]", `x86.bin\smsboot1.exe=W02`, `x86.bin\boot32wn.exe=W02`}, After: []string{`x86.bin\00000409\SMSMan.exe=W02`},
					},
					{Artifact: "DC-EAST/SMSLOGON/x86.bin/Clicore.exe.txt", Line: 6, Quote: "03/08/2001  11:02a             741,888 CLICORE.EXE", Role: findings.Supports, Note: "The size of release 2.00.1493.4001."},
				},
			},
			{
				Check: "configmgr-client-certificate", System: "WKS-0417", Verdict: findings.Suspected, Severity: findings.Medium, State: findings.Active,
				Title:   "The ConfigMgr client cannot get its certificate",
				Summary: "ClientIDManagerStartup.log repeats the certificate loop since 7 March, 413 times. The upload holds no listing of the MachineKeys folder, so a corrupt key file is likely and not proven.",
				Cause:   "The client's certificate needs the machine key of the container SMS. If its file is corrupt or belongs to another machine, the client can't make or open the certificate.",
				Remedy:  []string{"Get the listing named here first. If the key is of ordinary size: stop the agent, rename the key file, start the agent, and send the log."},
				References: []findings.Reference{
					{Title: "UniqueKeyContainer: how key files are named", URL: "https://jensign.com/UniqueKeyContainer/index.html"},
				},
				Evidence: []findings.Evidence{{
					Artifact: "WKS-0417/logs/ClientIDManagerStartup.log", Line: 221, Time: "2012-03-07T06:14:01Z", Role: findings.Supports,
					Quote: `<![LOG[RegTask: Failed to get certificate. Error: 0x80004005]LOG]!><time="07:14:01.412-60" date="03-07-2012" component="ClientIDManagerStartup" context="" type="3" thread="2712" file="regtask.cpp:387">`,
					Note:  "0x80004005 is E_FAIL, an unspecified failure. 412 more lines like it.",
				}},
				Missing: []findings.Missing{
					{What: "A listing of the MachineKeys folder", Why: "it shows whether the client's key is damaged or foreign", Collect: `dir /a /q "%ALLUSERSPROFILE%\Microsoft\Crypto\RSA\MachineKeys" > "%PUBLIC%\machinekeys.txt"`},
					{What: "The machine's GUID", Why: "the key's name ends in it", Collect: `reg query HKLM\SOFTWARE\Microsoft\Cryptography /v MachineGuid > "%PUBLIC%\machineguid.txt"`},
				},
			},
			{
				Check: "msi-install-failed", Subject: "ZENworks Adaptive Agent 10.2.0", System: "WKS-0417", Verdict: findings.Confirmed, Severity: findings.Medium, State: findings.Resolved,
				Title:   "The installation of ZENworks Adaptive Agent 10.2.0 failed at InstallFiles, and a later one succeeded",
				Summary: "The engine returned 1603 at 20:12 after error 1304 in InstallFiles. The next session, at 20:16, returned 3010.",
				Cause:   "A file could not be written while the agent still ran.",
				Remedy:  []string{"Nothing: the later installation succeeded."},
				Evidence: []findings.Evidence{
					{Artifact: "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", Line: 20114, Time: "2012-03-08T20:12:40Z", Role: findings.Supports, Quote: "MSI (s) (A4:1C) [21:12:40:884]: MainEngineThread is returning 1603"},
					{Artifact: "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", Line: 91320, Time: "2012-03-08T20:19:40Z", Role: findings.Contradicts, Quote: "MSI (s) (A4:1C) [21:19:40:010]: MainEngineThread is returning 3010"},
				},
			},
			{
				Check: "windows-pending-reboot", System: "WKS-0417", Verdict: findings.Confirmed, Severity: findings.Info, State: findings.Active,
				Title: "Three file operations wait for a restart", Summary: "PendingFileRenameOperations holds three pairs.",
				Evidence: []findings.Evidence{{Artifact: system, Key: session, Value: new("PendingFileRenameOperations2"), Role: findings.Supports, Quote: `\??\C:\Windows\Temp\~nsu.tmp\Au_.exe | `}},
			},
			{
				Check: "sep-cached-msi-missing", System: "WKS-0417", Verdict: findings.RuledOut, Severity: findings.High, State: findings.Unknown,
				Title: "SEP finds its cached package", Summary: "The LocalPackage of Symantec Endpoint Protection exists in the listing of the Installer folder.",
				Evidence: []findings.Evidence{{Artifact: system, Key: `ControlSet002\Services\SmcService`, Absent: true, Role: findings.Supports, Note: "No upgrade waits."}},
			},
			{
				Check: "windows-pending-reboot", System: "DC-EAST", Verdict: findings.RuledOut, Severity: findings.Info, State: findings.Unknown,
				Title: "No restart is pending", Summary: "The export of the Session Manager key holds no pending renames.",
				Evidence: []findings.Evidence{{Artifact: "DC-EAST/system.reg", Key: `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager`, Value: new("PendingFileRenameOperations"), Absent: true, Role: findings.Supports}},
			},
			{
				Check: "configmgr-updates-boundary-hang", Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.High, State: findings.Unknown,
				Title:   "Install Software Updates hangs outside all boundaries",
				Summary: "ConfigMgr is here; the list of boundaries is not.",
				Missing: []findings.Missing{{What: "The site's boundaries as CSV", Why: "they say whether the machine is covered", Collect: "Get-CMBoundary | Export-Csv boundaries.csv"}},
			},
			{Check: "vcm-agent-lock", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Severity: findings.High, State: findings.Unknown, Title: "A VCM agent lock blocks an installation"},
			{Check: "dns-stale-computer", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Severity: findings.Low, State: findings.Unknown, Title: "DNS calls a computer stale"},
		},
		Request: findings.Request{
			Text: "To finish the analysis we need two more things from WKS-0417:\n\n" +
				"1. The list of machine keys, to see whether the client's key file is damaged. In an elevated prompt:\n\n" +
				"       dir /a /q \"%ALLUSERSPROFILE%\\Microsoft\\Crypto\\RSA\\MachineKeys\" > \"%PUBLIC%\\machinekeys.txt\"\n\n" +
				"2. The machine's identifier, to see whether that key belongs to it:\n\n" +
				"       reg query HKLM\\SOFTWARE\\Microsoft\\Cryptography /v MachineGuid > \"%PUBLIC%\\machineguid.txt\"\n",
			Items: []findings.RequestItem{
				{What: "A listing of the MachineKeys folder", Why: "it shows whether the client's key is damaged or foreign", Collect: "dir /a /q …", Settles: []string{"configmgr-client-certificate"}},
				{What: "The machine's GUID", Why: "the key's name ends in it", Collect: "reg query …", Settles: []string{"configmgr-client-certificate", "configmgr-updates-boundary-hang"}},
			},
		},
		Problems: []ingest.Problem{
			{Artifact: "WKS-0417/logs/setupapi.app.log", Stage: ingest.StageRead, Message: "the member ends after 1,048,576 of 2,218,004 bytes: the archive is cut short; ask for the upload again"},
			{Artifact: "WKS-0417/memory.dmp.7z", Stage: ingest.StageOpen, Message: "an encrypted 7z archive: give --password"},
		},
		Timeline: twoHostsTimeline(),
		Errors: []findings.ErrorKind{
			{Template: "Error #: the service # did not start", Count: 1, System: "WKS-0417", First: findings.Evidence{
				Artifact: "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", Line: 20101, Time: "2012-03-08T20:12:31Z", Role: findings.Context, Quote: "Error 1920: the service ZENworks did not start",
			}},
			{Template: "RegTask: Failed to get certificate. Error: 0x80004005", Count: 413, System: "WKS-0417", First: findings.Evidence{
				Artifact: "WKS-0417/logs/ClientIDManagerStartup.log", Line: 221, Time: "2012-03-07T06:14:01Z", LocalTime: "2012-03-07T07:14:01+01:00", Role: findings.Context,
				Quote: "RegTask: Failed to get certificate. Error: 0x80004005", Note: "0x80004005 is E_FAIL",
			}},
		},
		Registry: []findings.KeyExcerpt{
			{
				Artifact: system, Key: session, LastWritten: "2012-03-10T08:10:55Z", Subkeys: []string{"Environment", "Memory Management"}, LeftOut: 3,
				Values: []findings.ValueExcerpt{
					{Name: "BootExecute", Type: "REG_MULTI_SZ", Data: "autocheck autochk *"},
					{Name: "PendingFileRenameOperations", Type: "REG_MULTI_SZ", Data: `\??\C:\Config.Msi\PT3F1A.tmp | !\??\C:\Program Files\Novell\ZENworks\bin\ZenNotifyIcon.dll`},
					{Name: "PendingFileRenameOperations2", Type: "REG_MULTI_SZ", Data: `\??\C:\Windows\Temp\~nsu.tmp\Au_.exe | `},
				},
			},
			{
				Artifact: "DC-EAST/system.reg", Key: `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager`, Subkeys: []string{},
				Values: []findings.ValueExcerpt{{Name: "", Type: "REG_SZ", Data: "mnmsrvc", Line: 12}},
			},
		},
		Sequences: []findings.Sequence{{Name: "WKS-0417/logs/ClientIDManagerStartup.log", Parts: []findings.SequencePart{
			{Artifact: "WKS-0417/logs/ClientIDManagerStartup-20120307.log"}, {Artifact: "WKS-0417/logs/ClientIDManagerStartup.log", GapSeconds: 95},
		}}},
		Notable: []findings.Evidence{
			{Artifact: "WKS-0417/logs/ClientIDManagerStartup.log", Line: 221, Time: "2012-03-07T06:14:01Z", Role: findings.Context, Quote: "RegTask: Failed to get certificate. Error: 0x80004005", Note: "0x80004005 E_FAIL"},
		},
	}
}

// nothingConfirmed is an upload in which no check finds anything.
func nothingConfirmed() *findings.Report {
	const agent, exec = "logs/ccmexec.log", "logs/execmgr.log"
	return &findings.Report{
		Schema: findings.Schema, Tool: findings.Tool{Name: "casebook", Version: "0.1.0"},
		Bundle:  &findings.Upload{Name: "LAPTOP-77-logs.zip", SHA256: sum("laptop"), Bytes: 1_204_118, Format: "zip"},
		Window:  findings.Window{From: "2014-11-03T07:01:10Z", To: "2014-11-03T15:22:41Z"},
		Systems: []findings.System{{ID: "LAPTOP-77", ComputerName: "LAPTOP-77"}},
		Artifacts: []findings.Artifact{
			{Path: agent, SHA256: sum("x"), Bytes: 204_118, Kind: ingest.KindLogCCM, Encoding: "UTF-8", Records: 1_411, FirstTime: "2014-11-03T07:01:10Z", LastTime: "2014-11-03T15:22:41Z", Clock: "stated", System: "LAPTOP-77"},
			{Path: exec, SHA256: sum("xy"), Bytes: 90_551, Kind: ingest.KindLogCCM, Encoding: "UTF-8", Records: 702, FirstTime: "2014-11-03T07:02:30Z", LastTime: "2014-11-03T14:10:00Z", Clock: "stated", System: "LAPTOP-77"},
			{Path: "logs/vendor.log", SHA256: sum("xyz"), Bytes: 8_551, Kind: ingest.KindLogText, Encoding: "windows-1252", Records: 88, Clock: "unknown", System: "LAPTOP-77"},
		},
		Findings: []findings.Finding{
			{Check: "configmgr-client-certificate", System: "LAPTOP-77", Verdict: findings.RuledOut, Severity: findings.Medium, State: findings.Unknown, Title: "The client has its certificate", Summary: "The client registered at 07:02 with a certificate of its own.", Evidence: []findings.Evidence{
				{Artifact: agent, Line: 14, Time: "2014-11-03T07:02:01Z", Role: findings.Supports, Quote: "Registered AAD and client certificate"},
			}},
			{Check: "configmgr-program-retry", Verdict: findings.RuledOut, Severity: findings.Low, State: findings.Unknown, Title: "No program failed", Summary: "execmgr.log holds no failed program."},
			{Check: "windows-pending-reboot", Verdict: findings.NotEvaluated, Reason: findings.DataMissing, Severity: findings.Info, State: findings.Unknown, Title: "A restart is pending", Summary: "The upload has no SYSTEM or SOFTWARE hive.", Missing: []findings.Missing{
				{What: "An export of the Session Manager key", Why: "it lists the renames that wait for a restart", Collect: `reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" sm.reg /y`},
			}},
			{Check: "zenworks-mount-point", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Severity: findings.High, State: findings.Unknown, Title: "Agent files cannot be replaced at reboot"},
			{Check: "sep-cached-msi-missing", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Severity: findings.High, State: findings.Unknown, Title: "SEP AutoUpgrade finds the cached MSI missing"},
		},
		Request: findings.Request{
			Text:  "To go on we need one more thing from LAPTOP-77. In an elevated prompt:\n\n1. reg export \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\" sm.reg /y\n",
			Items: []findings.RequestItem{{What: "An export of the Session Manager key", Why: "it lists the renames that wait for a restart", Collect: "reg export …", Settles: []string{"windows-pending-reboot"}}},
		},
		Notable: []findings.Evidence{
			{
				Artifact: exec, Line: 31, Time: "2014-11-03T07:20:12Z", Role: findings.Context, Quote: "Execution Request for advert S0120041 package S0100035 program Install state change from WaitingContent to NotifyExecution failed 0x87d00215",
				Before: []string{"Content is available for program Install.", "CExecutionRequest::Overriding Service Windows as per policy."}, After: []string{"Raising event:"}, Note: "0x87d00215: item not found",
			},
			{Artifact: agent, Line: 220, Time: "2014-11-03T09:11:40Z", Role: findings.Context, Quote: "Failed to open to WMI namespace '\\\\.\\root\\ccm' (80041003)", Note: "0x80041003 is WBEM_E_ACCESS_DENIED"},
			{Artifact: "logs/vendor.log", Line: 9, Role: findings.Context, Quote: "ERROR kann Datei »Übersicht« nicht öffnen"},
		},
	}
}

// suspectedOnly is an upload whose best lead is a suspicion.
func suspectedOnly() *findings.Report {
	r := twoHosts()
	r.Bundle.Name = "certificate.zip"
	r.Systems = r.Systems[1:]
	r.Artifacts = r.Artifacts[3:]
	r.Findings = append(r.Findings[2:3:3], r.Findings[5], r.Findings[7], r.Findings[8])
	return r
}

// unreadable is an upload of which nothing could be read.
func unreadable() *findings.Report {
	return &findings.Report{
		Schema: findings.Schema, Tool: findings.Tool{Name: "casebook", Version: "0.1.0"},
		Bundle:  &findings.Upload{Name: "upload.zip", SHA256: sum("upload"), Bytes: 4_096, Format: "zip"},
		Systems: []findings.System{{}},
		Findings: []findings.Finding{
			{Check: "windows-pending-reboot", Verdict: findings.NotEvaluated, Reason: findings.ProductAbsent, Severity: findings.Info, State: findings.Unknown, Title: "A restart is pending"},
		},
		Problems: []ingest.Problem{{Stage: ingest.StageOpen, Message: "upload.zip ends in the middle: 4,096 bytes without a directory; the transfer was probably cut off"}},
	}
}

// twoHostsTimeline is a time line with all kinds of marks, an outlier, and a log of unknown offset.
func twoHostsTimeline() findings.Timeline {
	const ccm, msi, api = "WKS-0417/logs/ClientIDManagerStartup.log", "WKS-0417/logs/novell-zenworks-primary-agent-10.2.1.msi.log", "WKS-0417/logs/setupapi.app.log"
	const system = "WKS-0417/C/Windows/System32/config/SYSTEM"
	t := findings.Timeline{StepSeconds: 2048, LeftOut: 2}
	begin := time.Date(2012, 3, 7, 6, 0, 0, 0, time.UTC)
	bins := func(layout string, from, n, every int) (out []findings.TimelineBin) {
		for i := range n {
			b := findings.TimelineBin{Time: begin.Add(time.Duration(2048*(from+i*every)) * time.Second).Format(layout), Records: 5 + i*i%37}
			if i%5 == 2 {
				b.Warnings, b.Errors = 2, 3
			}
			out = append(out, b)
		}
		return out
	}
	const wall = "2006-01-02T15:04:05"
	t.Logs = []findings.TimelineLog{
		{Artifact: ccm, UTC: true, StepSeconds: 2048, Bins: append([]findings.TimelineBin{{Time: "1980-01-01T00:00:00Z", Records: 1}}, bins(time.RFC3339, 0, 60, 2)...)},
		{Artifact: msi, UTC: true, StepSeconds: 2048, Bins: bins(time.RFC3339, 66, 3, 1)},
		{Artifact: api, StepSeconds: 4096, Bins: bins(wall, 90, 9, 2)},
	}
	t.Marks = []findings.Mark{
		{Time: "2012-03-08T20:11:01Z", UTC: true, Kind: findings.MarkInstall, Label: "Windows Installer begins", System: "WKS-0417", Artifact: msi, Line: 1},
		{Time: "2012-03-08T20:16:00Z", UTC: true, Kind: findings.MarkFinding, Label: "Agent files cannot be replaced at reboot", System: "WKS-0417", Artifact: msi, Line: 48112},
		{Time: "2012-03-08T21:16:00Z", UTC: true, Kind: findings.MarkIncident, Label: "the incident"},
		{Time: "2012-03-09T05:57:00Z", UTC: true, Kind: findings.MarkShutdown, Label: "the machine was shut down", System: "WKS-0417", Artifact: system},
		{Time: "2012-03-09T05:58:02Z", UTC: true, Kind: findings.MarkBoot, Label: "the machine booted", System: "WKS-0417", Artifact: "WKS-0417/C/Windows/PFRO.log", Line: 3},
		{Time: "2012-03-09T07:00:00Z", UTC: true, Kind: findings.MarkGap, Label: "silent for 5h0m0s", System: "WKS-0417", Artifact: ccm},
		{Time: "2012-03-09T08:00:00Z", UTC: true, Kind: findings.MarkClockJump, Label: "the clock goes back by 1h0m0s", System: "WKS-0417", Artifact: ccm, Line: 900},
		{Time: "2012-03-10T08:11:02Z", UTC: true, Kind: findings.MarkCapture, Label: "the SYSTEM hive was last written", System: "WKS-0417", Artifact: system},
		{Time: "2012-03-09T09:00:00", Kind: findings.MarkGap, Label: "silent for 2h0m0s", System: "WKS-0417", Artifact: api},
	}
	return t
}

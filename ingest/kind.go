package ingest

// Kind says what an artifact is. The vocabulary is closed and stands in docs/report.md and in the JSON Schema.
type Kind string

// The kinds of artifacts.
const (
	KindEmpty   Kind = "empty"         // no byte at all
	KindBinary  Kind = "binary"        // not text, and of no format that is read
	KindText    Kind = "text/plain"    // text without time stamps
	KindArchive Kind = "archive"       // a container whose members are artifacts of their own
	KindUnread  Kind = "archive/other" // a container that is recognised and not opened

	KindLogCCM             Kind = "log/ccm"              // CCM/CMTrace: <![LOG[…]LOG]!>
	KindLogSMS             Kind = "log/sms"              // SMS 1.x to 2003 and ConfigMgr server logs: $$<component><time><thread>
	KindLogMSI             Kind = "log/msi"              // Windows Installer log
	KindLogSEP             Kind = "log/sep-inst"         // SEP_Inst.log: an Installer log with ScriptGen lines
	KindLogPFRO            Kind = "log/pfro"             // PFRO.log: what came of pending file renames at boot
	KindLogSEPClient       Kind = "log/sep-client"       // logs of the Symantec Endpoint Protection client: AVMan, syslog, seclog and its kin, the daily scan logs
	KindLogZENworks        Kind = "log/zenworks"         // message log of a ZENworks agent or server: [level] [time] [user] [component] …
	KindLogWindowsUpdate   Kind = "log/windows-update"   // WindowsUpdate.log, as written or as converted from traces
	KindLogReportingEvents Kind = "log/reporting-events" // ReportingEvents.log of Windows Update
	KindLogServicing       Kind = "log/servicing"        // CBS.log, dism.log, and setupact.log and its kin of Windows Setup
	KindLogSetupAPI        Kind = "log/setupapi"         // setupapi.*.log: device installation
	KindLogW3C             Kind = "log/w3c"              // W3C extended log: IIS, Windows firewall
	KindLogNetlogon        Kind = "log/netlogon"         // netlogon.log
	KindLogCrash           Kind = "log/crash"            // drwtsn32.log, Crash.log of SMS
	KindLogEvents          Kind = "log/events"           // events of Windows' event log as text: copied, exported, or by wevtutil
	KindLogTable           Kind = "log/table"            // a delimited table with a column of times
	KindLogText            Kind = "log/text"             // any other text whose lines carry time stamps

	KindHiveSystem   Kind = "hive/system"
	KindHiveSoftware Kind = "hive/software"
	KindHiveNTUser   Kind = "hive/ntuser"
	KindHiveSAM      Kind = "hive/sam"
	KindHiveSecurity Kind = "hive/security"
	KindHiveOther    Kind = "hive/other"
	KindHiveLog      Kind = "hive/log"        // transaction log of a hive
	KindRegExport    Kind = "registry/export" // .reg text
	KindRegQuery     Kind = "registry/query"  // reg query output

	KindCopylog     Kind = "text/copylog"    // Copylog.tcf of an SMS 2.0 logon point
	KindCompver     Kind = "text/compver"    // compver.ini of an SMS 2.0 CAP or client
	KindListing     Kind = "text/listing"    // a listing of files: dir, Get-ChildItem
	KindACL         Kind = "text/acl"        // icacls or cacls output
	KindMounts      Kind = "text/mounts"     // what shows mount points: mountvol, dir /AL, fsutil reparsepoint query, diskpart list volume
	KindSylink      Kind = "text/sylink"     // sylink.xml of Symantec Endpoint Protection
	KindSiteControl Kind = "text/sitectrl"   // sitectrl.ct0 of a site: its PROPERTY lines
	KindComponents  Kind = "text/components" // versions of SMS and ConfigMgr client components
	KindBoundaries  Kind = "text/boundaries" // list of a ConfigMgr site's boundaries
	KindDNSCheck    Kind = "text/dnscheck"   // table of a DNS check: name, address, reverse name, status
	KindDNSZone     Kind = "text/dnszone"    // a DNS zone: master file, dnscmd, Get-DnsServerResourceRecord
	KindHosts       Kind = "text/hosts"      // a list of computers, or a hosts file
	KindNslookup    Kind = "text/nslookup"   // nslookup output
	KindVCMLock     Kind = "vcm/lock"        // ECMMachineActionLock.dat of a VCM agent, text or binary
	KindVCMJobs     Kind = "text/vcm-jobs"   // job history of VCM: a table of an installation's steps and their states
	KindSetAid      Kind = "text/setaid"     // SetAid.ini of a Symantec Endpoint Protection package
	KindSMSCFG      Kind = "text/smscfg"     // SMSCFG.INI of an SMS or ConfigMgr client
	KindSMSUID      Kind = "sms/uid"         // Smsuid.dat of an SMS client, text or binary
	KindIPConfig    Kind = "text/ipconfig"   // ipconfig output
	KindSystemInfo  Kind = "text/systeminfo" // systeminfo output
	KindMSInfo      Kind = "text/msinfo"     // msinfo32 report as text
	KindWinmgmt     Kind = "text/winmgmt"    // winmgmt /verifyrepository output
	KindRegistryPol Kind = "policy/registry" // registry.pol: the registry values of a group policy object

	KindManifest Kind = "text/casebook-manifest" // what casebook's collection script says of its run
)

// Kinds lists the vocabulary in the order of the constants.
func Kinds() []Kind {
	return []Kind{
		KindEmpty, KindBinary, KindText, KindArchive, KindUnread,
		KindLogCCM, KindLogSMS, KindLogMSI, KindLogSEP, KindLogPFRO,
		KindLogSEPClient, KindLogZENworks, KindLogWindowsUpdate, KindLogReportingEvents, KindLogServicing, KindLogSetupAPI, KindLogW3C,
		KindLogNetlogon, KindLogCrash, KindLogEvents, KindLogTable, KindLogText,
		KindHiveSystem, KindHiveSoftware, KindHiveNTUser, KindHiveSAM, KindHiveSecurity, KindHiveOther, KindHiveLog,
		KindRegExport, KindRegQuery,
		KindCopylog, KindCompver, KindListing, KindACL, KindMounts, KindSylink, KindSiteControl, KindComponents, KindBoundaries,
		KindDNSCheck, KindDNSZone, KindHosts, KindNslookup, KindVCMLock, KindVCMJobs, KindSetAid, KindSMSCFG, KindSMSUID,
		KindIPConfig, KindSystemInfo, KindMSInfo, KindWinmgmt, KindRegistryPol,
		KindManifest,
	}
}

package logs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/ingest"
)

// Samples of the formats, made up in their shapes.
const (
	sepClientSample = "00000000\t00080000\t00000000\t00000002\t00000000\t0000000000002a70\t0000000e\r\n" +
		"000000b4\t01d45f6a30f2a02b\t1207030c\t00000000\t00000002\t00000000\tDownload failed.\r\n\r\nRemote file path: /content/x\tCVE\t\r\n" +
		"000000b5\t01d45f6a3142e933\t12070800\t00000002\t00000000\t00000000\tInstalled.\tLiveUpdate Manager\t\x00\x00\r\n"
	sepAVSample = "31041D081228,14,2,8,computer1,SYSTEM,,,,,,,16777216,\"Services startup was successful.\",0,,0\r\n" +
		"31041D08122E,51,1,2,computer1,user,WS.Reputation.1,c:\\a.exe,4,4,4,64,33554436,\"\",0,,0\r\n"
	zenworksSample = "[DEBUG] [1/22/2007 12:09:15 PM] [] [ZMD] [] [refreshing QuickTaskRefresh(GeneralRefresh)] [] [].\r\n" +
		"[ERROR] [1/22/2007 12:09:16 PM] [1740] [ZenworksWindowsService] [24] [] [Remote Management] [RM.EVENT] [Unable to open the [x] event:\r\n   at a.b()] [] [].\r\n"
	windowsUpdateSample = "2012-03-08\t21:16:41:123\t 900\tdd0\tAgent\tWARNING: x\r\n2012-03-08\t21:16:42:123\t 900\tdd0\tAU\tFATAL: y\r\n"
	windowsUpdateTraced = "2017/01/15 10:06:42.4942438 900   1234  Agent           * START *  Finding updates\r\n"
	reportingSample     = "{11111111-1111-1111-1111-111111111111}\t2012-01-15 08:00:00:123+0100\t1\t182 [AGENT_INSTALLING_FAILED]\t101\t{22222222-2222-2222-2222-222222222222}\t200\t80070643\tAutomaticUpdates\tFailure\tContent Install\tInstallation Failure: x\r\n" +
		"{33333333-1111-1111-1111-111111111111}\t2012-01-15 08:00:01:123-0500\t1\t147 [x]\t101\t{22222222-2222-2222-2222-222222222222}\t0\t0\tAutomaticUpdates\tSuccess\tSoftware Synchronization\tdetected 0 updates with error\r\n"
	servicingSample = "2024-01-15 08:00:01, Error                 CSI    00000009 x\r\n  more\r\n2024-01-15 08:00:02, Info                  DISM   DISM Package Manager: PID=100 TID=200 failed\r\n" +
		"2024-01-15 08:00:03, Warning               [0x0803e6] IBS    gle=0x00000002\r\n2024-01-15 08:00:04, Perf                  text\r\n"
	w3cSample = "#Software: Microsoft Internet Information Services 10.0\r\n#Date: 2026-03-29 18:48:23\r\n#Fields: date time cs-method sc-status\r\n2026-03-29 18:48:23 CCM_POST 500\r\n" +
		"#Fields: time sc-status cs-uri-stem\r\n18:48:24 404 /error\r\n18:48:25.125 401 /\r\n"
	firewallSample = "#Version: 1.5\n#Time Format: Local\n#Fields: date time action\n2026-03-29 18:48:23 DROP\n"
	netlogonSample = "03/28 10:15:01 [LOGON] SamLogon: Transitive Network logon of A\\b from C Entered\r\n03/28 10:15:02 [CRITICAL] [1234] A: NlPrint: cannot\r\n" +
		"03/28 10:15:03 A: NO_CLIENT_SITE: WKS1 10.1.2.3\r\n"
	watsonSample = "Microsoft (R) DrWtsn32\r\n\r\nAnwendungsausnahme aufgetreten:\r\n        Anwendung: C:\\a\\b.exe (pid=1234)\r\n        Wann: 15.7.2004 @ 10:11:12.125\r\n        Ausnahmenummer: c0000005 (Zugriffsverletzung)\r\n\r\nDump\r\n"
	crashSample  = "EXCEPTION INFORMATION\r\n\r\nTime = 03/04/1999 16:55:47\r\nService name = SMS_EXECUTIVE\r\nException = 0xC0000005 (EXCEPTION_ACCESS_VIOLATION)\r\n"
	clipSample   = "Event Type:\tError\r\nEvent Source:\tNETLOGON\r\nEvent Category:\tNone\r\nEvent ID:\t5778\r\nDate:\t\t3/28/2004\r\nTime:\t\t10:15:01 AM\r\nUser:\t\tN/A\r\nComputer:\tDC1\r\nDescription:\r\nNo site.\r\n" +
		"Data:\r\n0000: 00 00\r\n\r\nEvent Type:\tWarning\r\nEvent Source:\tW32Time\r\nEvent Category:\tNone\r\nEvent ID:\t36\r\nDate:\t\t3/2/2004\r\nTime:\t\t11:15:01 PM\r\nUser:\t\tN/A\r\nComputer:\tDC1\r\nDescription:\r\nNot synchronised.\r\n"
	clipGerman = "Protokollname: System\r\nQuelle:        Service Control Manager\r\nDatum:         01.03.2012 10:11:12\r\nEreignis-ID:   7000\r\nAufgabenkategorie:Keine\r\nEbene:         Fehler\r\nSchlüsselwörter:Klassisch\r\nBenutzer:      Nicht zutreffend\r\nComputer:      PC1\r\nBeschreibung:\r\nDer Dienst.\r\n"
	eventCSV   = "Ebene,Datum und Uhrzeit,Quelle,Ereignis-ID,Aufgabenkategorie\r\nFehler,01.03.2012 10:11:12,Service Control Manager,7000,Keine,\"Der Dienst\r\nstartete nicht.\"\r\nInformationen,01.03.2012 10:11:10,Service Control Manager,7036,Keine,Gut.\r\n"
	eventTSV   = "3/28/2004\t10:15:01 AM\tNETLOGON\tError\tNone\t5778\tN/A\tDC1\tNo site.\r\n3/28/2004\t10:14:01 AM\tW32Time\tWarning\tNone\t36\tN/A\tDC1\tNot synchronised.\r\n"
	wevtSample = "Event[0]:\r\n  Log Name: System\r\n  Source: Service Control Manager\r\n  Date: 2012-03-01T10:11:12.000\r\n  Event ID: 7000\r\n  Task: N/A\r\n  Level: Error\r\n  Opcode: N/A\r\n  Keyword: Classic\r\n  User: N/A\r\n  User Name: N/A\r\n  Computer: PC1\r\n" +
		"  Description: \r\nat 2011-01-01 10:00:00\r\n\r\nEvent[1]\r\n  Log Name: System\r\n  Source: X\r\n  Date: 2012-03-01T10:11:13.0000000Z\r\n"
	eventXML = "<?xml version=\"1.0\"?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Service Control Manager' Guid='{x}'/><EventID Qualifiers='49152'>7000</EventID><Level>2</Level><Keywords>0x8080000000000000</Keywords>" +
		"<TimeCreated SystemTime='2012-03-01T09:11:12.123456700Z'/><Execution ProcessID='4' ThreadID='88'/><Computer>PC1</Computer></System><EventData><Data Name='p'>x &lt;/Event></Data></EventData></Event>\r\n" +
		"<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System><Provider Name=\"Microsoft-Windows-Security-Auditing\"/><Level>0</Level><Keywords>0x8010000000000000</Keywords><TimeCreated SystemTime=\"2012-03-01T09:11:13.000Z\"/></System></Event></Events>\r\n"
	tableSample = "Machine,Time,Class,Message\r\nPC1,13/03/2012 10:11:12,Info,\"started\r\nagain\"\r\nPC1,14/03/2012 10:11:13,Exception,\"no lock, none\"\r\nPC1,,Error,x\r\n"
)

// TestFormats reads a sample of each format, surest reader first.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		kind             ingest.Kind
		want             []entry
	}{
		{"sep-system", "syslog.log", sepClientSample, ingest.KindLogSEPClient, []entry{
			{Text: "00000000\t00080000\t00000000\t00000002\t00000000\t0000000000002a70\t0000000e"},
			{Text: "Download failed.\r\n\r\nRemote file path: /content/x", Component: "CVE", Time: "2018-10-09 00:51:19.296618Z", Severity: "error"},
			{Text: "Installed.", Component: "LiveUpdate Manager", Time: "2018-10-09 00:51:19.822776Z", Severity: "info"},
		}},
		{"sep-scan", "05292019.log", sepAVSample, ingest.KindLogSEPClient, []entry{
			{Text: `14,2,8,computer1,SYSTEM,,,,,,,16777216,"Services startup was successful.",0,,0`, Time: "2019-05-29 08:18:40.000000", Severity: "info"},
			{Text: `51,1,2,computer1,user,WS.Reputation.1,c:\a.exe,4,4,4,64,33554436,"",0,,0`, Time: "2019-05-29 08:18:46.000000", Severity: "warning"},
		}},
		{"zenworks", "zmd-messages.log", zenworksSample, ingest.KindLogZENworks, []entry{
			{Text: "refreshing QuickTaskRefresh(GeneralRefresh)", Component: "ZMD", Time: "2007-01-22 12:09:15.000000", Severity: "info"},
			{Text: "Unable to open the [x] event:\r\n   at a.b()] [] [].", Component: "ZenworksWindowsService", Thread: 24, Time: "2007-01-22 12:09:16.000000", Severity: "error"},
		}},
		{"zenworks-european", "a.log", "[ERROR] [03-07-2007 12:44:16] [] [a] [] [x] [] []\n[INFORMATION] [15-07-2007 12:44:16] [] [a] [] [y] [] []\n", ingest.KindLogZENworks, []entry{
			{Text: "x", Component: "a", Time: "2007-07-03 12:44:16.000000", Severity: "error"},
			{Text: "y", Component: "a", Time: "2007-07-15 12:44:16.000000", Severity: "info"},
		}},
		{"zenworks-open", "a.log", "[ERROR] [03/07/2007 12:44:16] [] [a] [] [x] [] []\n", ingest.KindLogZENworks, []entry{
			{Text: "x", Component: "a", Severity: "error"},
		}},
		{"windows-update", "windowsupdate.log", windowsUpdateSample, ingest.KindLogWindowsUpdate, []entry{
			{Text: "WARNING: x", Component: "Agent", Thread: 0xdd0, Time: "2012-03-08 21:16:41.123000", Severity: "warning"},
			{Text: "FATAL: y", Component: "AU", Thread: 0xdd0, Time: "2012-03-08 21:16:42.123000", Severity: "error"},
		}},
		{"windows-update-traced", "windowsupdate.log", windowsUpdateTraced, ingest.KindLogWindowsUpdate, []entry{
			{Text: "* START *  Finding updates", Component: "Agent", Thread: 1234, Time: "2017-01-15 10:06:42.494243"},
		}},
		{"reporting-events", "reportingevents.log", reportingSample, ingest.KindLogReportingEvents, []entry{
			{Text: strings.SplitAfterN(strings.TrimSuffix(strings.SplitAfter(reportingSample, "\r\n")[0], "\r\n"), "\t", 3)[2], Component: "AutomaticUpdates", Time: "2012-01-15 07:00:00.123000Z", Severity: "error"},
			{Text: strings.SplitAfterN(strings.TrimSuffix(strings.SplitAfter(reportingSample, "\r\n")[1], "\r\n"), "\t", 3)[2], Component: "AutomaticUpdates", Time: "2012-01-15 13:00:01.123000Z", Severity: "info"},
		}},
		{"servicing", "cbs.log", servicingSample, ingest.KindLogServicing, []entry{
			{Text: "00000009 x\r\n  more", Component: "CSI", Time: "2024-01-15 08:00:01.000000", Severity: "error"},
			{Text: "DISM Package Manager: PID=100 TID=200 failed", Component: "DISM", Thread: 200, Time: "2024-01-15 08:00:02.000000", Severity: "info"},
			{Text: "gle=0x00000002", Component: "IBS", Time: "2024-01-15 08:00:03.000000", Severity: "warning"},
			{Text: "text", Time: "2024-01-15 08:00:04.000000", Severity: "info"},
		}},
		{"w3c", "u_ex260329.log", w3cSample, ingest.KindLogW3C, []entry{
			{Text: "#Software: Microsoft Internet Information Services 10.0"},
			{Text: "#Date: 2026-03-29 18:48:23"},
			{Text: "#Fields: date time cs-method sc-status"},
			{Text: "2026-03-29 18:48:23 CCM_POST 500", Time: "2026-03-29 18:48:23.000000Z", Severity: "error"},
			{Text: "#Fields: time sc-status cs-uri-stem"},
			{Text: "18:48:24 404 /error", Time: "2026-03-29 18:48:24.000000Z", Severity: "warning"},
			{Text: "18:48:25.125 401 /", Time: "2026-03-29 18:48:25.125000Z", Severity: "info"},
		}},
		{"firewall", "pfirewall.log", firewallSample, ingest.KindLogW3C, []entry{
			{Text: "#Version: 1.5"},
			{Text: "#Time Format: Local"},
			{Text: "#Fields: date time action"},
			{Text: "2026-03-29 18:48:23 DROP", Time: "2026-03-29 18:48:23.000000"},
		}},
		{"netlogon", "netlogon.log", netlogonSample, ingest.KindLogNetlogon, []entry{
			{Text: "SamLogon: Transitive Network logon of A\\b from C Entered", Component: "LOGON"},
			{Text: "[1234] A: NlPrint: cannot", Component: "CRITICAL", Severity: "error"},
			{Text: "A: NO_CLIENT_SITE: WKS1 10.1.2.3", Severity: "warning"},
		}},
		{"dr-watson-german", "drwtsn32.log", watsonSample, ingest.KindLogCrash, []entry{
			{Text: "Microsoft (R) DrWtsn32"},
			{},
			{Text: "Anwendungsausnahme aufgetreten:"},
			{Text: "        Anwendung: C:\\a\\b.exe (pid=1234)\r\n        Wann: 15.7.2004 @ 10:11:12.125\r\n        Ausnahmenummer: c0000005 (Zugriffsverletzung)\r\n\r\nDump", Time: "2004-07-15 10:11:12.125000", Severity: "error"},
		}},
		{"sms-crash", "crash.log", crashSample, ingest.KindLogCrash, []entry{
			{Text: "EXCEPTION INFORMATION"},
			{},
			{Text: "Time = 03/04/1999 16:55:47\r\nService name = SMS_EXECUTIVE\r\nException = 0xC0000005 (EXCEPTION_ACCESS_VIOLATION)", Time: "1999-03-04 16:55:47.000000", Severity: "error"},
		}},
		{"event-clip", "events.txt", clipSample, ingest.KindLogEvents, []entry{
			{Text: strings.TrimRight(clipSample[:strings.LastIndex(clipSample, "Event Type")], "\r\n"), Component: "NETLOGON", Time: "2004-03-28 10:15:01.000000", Severity: "error"},
			{Text: strings.TrimRight(clipSample[strings.LastIndex(clipSample, "Event Type"):], "\r\n"), Component: "W32Time", Time: "2004-03-02 23:15:01.000000", Severity: "warning"},
		}},
		{"event-clip-german", "ereignis.txt", clipGerman, ingest.KindLogEvents, []entry{
			{Text: strings.TrimRight(clipGerman, "\r\n"), Component: "Service Control Manager", Time: "2012-03-01 10:11:12.000000", Severity: "error"},
		}},
		{"event-csv-german", "system.csv", eventCSV, ingest.KindLogEvents, []entry{
			{Text: "Ebene,Datum und Uhrzeit,Quelle,Ereignis-ID,Aufgabenkategorie"},
			{Text: "Service Control Manager,7000,Keine,\"Der Dienst\r\nstartete nicht.\"", Component: "Service Control Manager", Time: "2012-03-01 10:11:12.000000", Severity: "error"},
			{Text: "Service Control Manager,7036,Keine,Gut.", Component: "Service Control Manager", Time: "2012-03-01 10:11:10.000000", Severity: "info"},
		}},
		{"event-text-xp", "system.txt", eventTSV, ingest.KindLogEvents, []entry{
			{Text: "NETLOGON\tError\tNone\t5778\tN/A\tDC1\tNo site.", Component: "NETLOGON", Time: "2004-03-28 10:15:01.000000", Severity: "error"},
			{Text: "W32Time\tWarning\tNone\t36\tN/A\tDC1\tNot synchronised.", Component: "W32Time", Time: "2004-03-28 10:14:01.000000", Severity: "warning"},
		}},
		{"wevtutil", "system.txt", wevtSample, ingest.KindLogEvents, []entry{
			{Text: strings.TrimRight(wevtSample[:strings.Index(wevtSample, "Event[1]")], "\r\n"), Component: "Service Control Manager", Time: "2012-03-01 10:11:12.000000", Severity: "error"},
			{Text: "Event[1]\r\n  Log Name: System\r\n  Source: X\r\n  Date: 2012-03-01T10:11:13.0000000Z", Component: "X", Time: "2012-03-01 10:11:13.000000Z"},
		}},
		{"event-xml", "system.xml", eventXML, ingest.KindLogEvents, []entry{
			{Text: `<?xml version="1.0"?><Events>`},
			{Text: eventXML[strings.Index(eventXML, "<Event "):strings.Index(eventXML, "\r\n")], Component: "Service Control Manager", Thread: 88, Time: "2012-03-01 09:11:12.123456Z", Severity: "error"},
			{Text: strings.TrimSuffix(eventXML[strings.LastIndex(eventXML, "<Event "):], "</Events>\r\n"), Component: "Microsoft-Windows-Security-Auditing", Time: "2012-03-01 09:11:13.000000Z", Severity: "warning"},
			{Text: "</Events>"},
		}},
		{"table", "job.csv", tableSample, ingest.KindLogTable, []entry{
			{Text: "Machine,Time,Class,Message"},
			{Text: "PC1,13/03/2012 10:11:12,Info,\"started\r\nagain\"", Time: "2012-03-13 10:11:12.000000", Severity: "info"},
			{Text: "PC1,14/03/2012 10:11:13,Exception,\"no lock, none\"", Time: "2012-03-14 10:11:13.000000", Severity: "error"},
			{Text: "PC1,,Error,x", Severity: "error"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := surest(c.file, []byte(c.text))
			if r.Kind != c.kind {
				t.Errorf("read as %s, want %s", r.Kind, c.kind)
			}
			if d := cmp.Diff(c.want, entries(t, r, c.text)); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzSEPClient(f *testing.F) { fuzzReader(f, sepClientReader, sepClientSample) }
func FuzzSEPAV(f *testing.F)     { fuzzReader(f, sepAVReader, sepAVSample) }
func FuzzZENworks(f *testing.F)  { fuzzReader(f, zenworksReader, zenworksSample) }
func FuzzWindowsUpdate(f *testing.F) {
	fuzzReader(f, windowsUpdateReader, windowsUpdateSample, windowsUpdateTraced)
}
func FuzzReportingEvents(f *testing.F) { fuzzReader(f, reportingEventsReader, reportingSample) }
func FuzzServicing(f *testing.F)       { fuzzReader(f, servicingReader, servicingSample) }
func FuzzW3C(f *testing.F)             { fuzzReader(f, w3cReader, w3cSample, firewallSample) }
func FuzzNetlogon(f *testing.F)        { fuzzReader(f, netlogonReader, netlogonSample) }
func FuzzCrash(f *testing.F)           { fuzzReader(f, crashReader, watsonSample, crashSample) }
func FuzzEventClip(f *testing.F)       { fuzzReader(f, eventClipReader, clipSample, clipGerman) }
func FuzzEventTable(f *testing.F)      { fuzzReader(f, eventTableReader, eventCSV, eventTSV) }
func FuzzWevtutil(f *testing.F)        { fuzzReader(f, wevtutilReader, wevtSample) }
func FuzzEventXML(f *testing.F)        { fuzzReader(f, eventXMLReader, eventXML) }
func FuzzTable(f *testing.F)           { fuzzReader(f, tableReader, tableSample) }

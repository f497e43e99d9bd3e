package wincode_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/internal/wincode"
)

// formNames are the forms in their order.
var formNames = []string{"code", "program", "msi", "message", "action", "http"}

// scanned renders what Scan finds: the text of each number, its code and form.
func scanned(text string, ctx wincode.Context) string {
	var out []string
	for _, f := range wincode.Scan(text, ctx) {
		out = append(out, fmt.Sprintf("%s %s %s", text[f.From:f.To], short(f.Code), formNames[f.Form]))
	}
	return strings.Join(out, ", ")
}

func short(code uint32) string {
	if code > 0xFFFF {
		return fmt.Sprintf("0x%08X", code)
	}
	return strconv.FormatUint(uint64(code), 10)
}

func TestScan(t *testing.T) {
	tests := []struct{ name, kind, text, want string }{
		{"installer-engine", "log/msi", "MSI (s) (40:94) [21:16:55:233]: MainEngineThread is returning 1603", "1603 1603 msi"},
		{"installer-engine-elsewhere", "log/text", "MainEngineThread is returning 3010", "3010 3010 msi"},
		{"note", "log/msi", `MSI (s) (40:94) [21:16:50:100]: Note: 1: 2203 2: C:\Windows\Installer\inprogressinstallinfo.ipi 3: -2147287038`, "2203 2203 message, -2147287038 0x80030002 code"},
		{"note-system-error", "log/msi", `MSI (s) (40:94) [21:16:50:100]: Note: 1: 1402 2: HKEY_CURRENT_USER\Software\Policies\Explorer 3: 2`, "1402 1402 message, 2 2 code"},
		{"note-sharing", "log/msi", `MSI (s) (40:94): Note: 1: 2329 2: 32 3: C:\Program Files\Agent 2: 5\a.dll`, "2329 2329 message, 32 32 code"},
		{"note-file", "log/msi", `MSI (s) (40:94): Note: 1: 2318 2: C:\Config.Msi\144c57.rbf`, "2318 2318 message"},
		{"message-english", "log/msi", "Error 1920. Service 'Inventory Agent' (AgentSvc) failed to start.", "1920 1920 message"},
		{"message-german", "log/msi", "Fehler 1920. Der Dienst konnte nicht gestartet werden.", "1920 1920 message"},
		{"message-in-use", "log/msi", `Info 1603. The file C:\a.dll is being held in use.`, "1603 1603 message"},
		{"message-repeated", "log/msi", "MSI (s) (40:94) [21:16:56:233]: Product: Inventory Agent -- Error 1920. Service", "1920 1920 message"},
		{"message-as-event", "log/events", "Produkt: Agent -- Fehler 1714. Die alte Version konnte nicht entfernt werden.", "1714 1714 message"},
		{"message-system-error", "log/msi", `Error 1310. Error writing to file: C:\Program Files\Agent\agent.dll.  System error 5.  Verify that you have access`, "1310 1310 message, 5 5 code"},
		{"action-english", "log/msi", "Action ended 21:16:55: InstallFinalize. Return value 3.", "3 3 action"},
		{"action-german", "log/msi", "Aktion beendet um 21:16:55: InstallFinalize. Rückgabewert 3.", "3 3 action"},
		{"action-japanese", "log/msi", "アクション終了 21:16:55: InstallFinalize。戻り値 3。", "3 3 action"},
		{"action-elsewhere", "log/text", "Action ended 21:16:55: INSTALL. Return value 3.", "3 3 action"},
		{"custom-action", "log/msi", "CustomAction RegisterConnector.8E2D returned actual error code 1603 (note this may not be 100% accurate if translation happened inside sandbox)", "1603 1603 msi"},
		{"hresult", "log/ccm", `<![LOG[RegTask: Failed to get certificate. Error: 0x80004005]LOG]!><time="09:00:05.123+300" date="01-10-2011" component="ClientIDManagerStartup" context="" type="3" thread="1603" file="regtask.cpp:1603">`, "0x80004005 0x80004005 code"},
		{"negative", "log/ccm", "<![LOG[Failed to get a source for the update, error = -2147219863]LOG]!>", "-2147219863 0x80040669 code"},
		{"method-failed", "log/ccm", "<![LOG[Method failed 0x80040669]LOG]!>", "0x80040669 0x80040669 code"},
		{"zero", "log/ccm", "<![LOG[Failed to get a source for the update, error = 0x00000000]LOG]!>", ""},
		{"exit-code", "log/ccm", "Program exit code 1603", "1603 1603 program"},
		{"exit-code-sentence", "log/ccm", "Execution is complete for program Retry Test. The exit code is 999, the execution status is FailureRetry", "999 999 program"},
		{"exit-code-negative", "log/ccm", "Program exit code -2147467259", "-2147467259 0x80004005 program"},
		{"exit-code-unsigned", "log/ccm", "exit code 3221225781", "3221225781 0xC0000135 program"},
		{"returned", "log/sms", "ending - CClientOfferArray::ResolvePendingOperations returned 123  $$<CCIM32><Tue May 16 13:17:10.854 2000><thread=5 (0x5)>", "123 123 program"},
		{"return-code-equals", "log/sms", "AppRegister return code =1060", "1060 1060 program"},
		{"win32-error", "log/sms", "Unable to install the SMS Client Service and CCIM. Win32 Error: 5  $$<SMS_CLIENT_CONFIG_MANAGER><Mon Jan 10 00:00:00 2000><thread=322 (0x142)>", "5 5 code"},
		{"error-number", "log/sms", "Load of DLL CliEx32.dll failed, error 126  $$<CCIM32><Tue May 16 13:21:10.854 2000><thread=1512 (0x5E8)>", "126 126 program"},
		{"error-code", "log/sms", `Retry for request: "01MOLQGI", machine name: "SPARC", error code: 67`, "67 67 program"},
		{"pfro", "log/pfro", `6/14/2016 19:14:22 - PFRO Error: \??\C:\Program Files\Novell\ZENworks\bin\a,b.dll, 0xc00000d4`, "0xc00000d4 0xC00000D4 code"},
		{"bare-hex-after-hr", "log/text", "proxyName=;hr=8004da0e", "8004da0e 0x8004DA0E code"},
		{"servicing", "log/servicing", "2013-01-01 00:00:00, Error CBS Failed to resolve package [HRESULT = 0x80070490 - ERROR_NOT_FOUND]", "0x80070490 0x80070490 code"},
		{"windows-update", "log/windows-update", "2012-03-08\t21:16:55:233\t1234\t5a8\tPT\tWARNING: GetConfig failure, error = 0x8024402C, soap client error = 10, soap error code = 0, HTTP status code = 503", "0x8024402C 0x8024402C code, 503 503 http"},
		{"reporting-events", "log/reporting-events", "{9D6A}\t2012-03-08 21:16:55:233+0100\t1\t148\t101\t{D67661EB}\t0\t80070643\tAutomaticUpdates\tFailure", "80070643 0x80070643 code"},
		{"event-parameter", "log/events", "The service terminated: %%2147942405", "%%2147942405 0x80070005 code"},
		{"event-error-parameter", "log/events", "The service terminated with the following error: %%1067", "1067 1067 program"},
		{"setupapi", "log/setupapi", "!!!  sig:  Verifying file against specific (valid) catalog failed! (0x800b0109)", "0x800b0109 0x800B0109 code"},
		{"socket", "log/text", "connect failed, Errorcode=10060", "10060 10060 program"},
		{"http", "log/text", "HTTP status code 404 from http://server/", "404 404 http"},

		{"setup-error", "log/setupapi", "<<<  [Exit status: FAILURE(0xe000020b)]", "0xe000020b 0xE000020B code"},
		{"package-message", "log/msi", "DEBUG: Error 2911:  Could not remove the folder C:\\Config.Msi\\.", "2911 2911 message"},
		{"action-with-code", "log/msi", "Action ended 05:17:54: LaunchApplication. Return value 1631.", "1631 1631 program"},

		{"note-with-words", "log/msi", "MSI (c) (34:70) [05:15:50:293]: Note: 1: 2228 2:  3: Error 4: SELECT `Message` FROM `Error` WHERE `Error` = 1603", "2228 2228 message"},
		{"action-went-well", "log/msi", "Action ended 8:00:02: InstallInitialize. Return value 1.", ""},
		{"s-false", "log/text", "RegisterSModeChangeListener: hr = 0x1", ""},
		{"flags-as-status", "log/text", "Device Status: 0x01802400, status=0x40070000", ""},
		{"unknown-amount", "log/text", "the service returned 0x0ABCDEF1 with no further detail", ""},
		{"pid", "log/text", "Process 1603 started, PID 1618, thread 1722", ""},
		{"size", "log/text", "Size (bytes): 1606.\tREP\t0x00000646", ""},
		{"time", "log/text", "returned 16:03:00", ""},
		{"date", "log/text", "status 10/11/2012", ""},
		{"version", "log/text", "error 1.603.5", ""},
		{"count-of-rows", "log/text", "Query returned 1603 rows", ""},
		{"count-of", "log/text", "status 3 of 5", ""},
		{"percent", "log/text", "result: 1603%", ""},
		{"line-number", "log/text", "setup.cpp:1603 done", ""},
		{"control-of-errors", "log/setupapi", "     Error Control = 1", ""},
		{"reparse-tag", "text/mounts", "Reparse Tag Value : 0xa0000003", ""},
		{"flags", "log/text", "flags=0x80000000, statusex=0x80000000", ""},
		{"other-product-number", "log/text", "IdentifyRequest: ID = 0, IC = -2100253538, IsTemporaryID = 0", ""},
		{"guid", "log/text", `{c03aceb3-a7d2-374d-b2c8-a447807EC61C} 0x80070005-1`, ""},
		{"thread", "log/sms", "done  $$<CCIM32><Tue May 16 13:21:10.854 2000><thread=4294758987 (0xC0000142)>", ""},
		{"state", "log/text", "status = 3, result: 17", ""},
		{"count-with-comma", "log/sep-client", "Error:0,12", ""},
		{"file-name", "log/text", `error 1394.inf`, ""},
		{"package-name", "log/text", `Unable to open E:\WINNT\Installer\9c01.msi`, ""},
		{"handle", "log/sep-inst", "ScriptGen: ScriptBuilder::CMigrateAppData::Install Unable to get active database from handle: 1612", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, scanned(tt.text, wincode.Context{Kind: tt.kind})); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestComponentOf(t *testing.T) {
	tests := []struct{ text, want string }{
		{`<![LOG[done]LOG]!><time="09:00:05.123+300" date="01-10-2011" component="UpdatesHandler" context="" type="1" thread="5" file="a.cpp:1">`, "UpdatesHandler"},
		{`done  $$<SMS_CLIENT_CONFIG_MANAGER><Mon Jan 10 00:00:00 2000><thread=322 (0x142)>`, "SMS_CLIENT_CONFIG_MANAGER"},
		{`component="x" in plain text`, ""},
		{``, ""},
	}
	for _, tt := range tests {
		if got := wincode.ComponentOf(tt.text); got != tt.want {
			t.Errorf("ComponentOf(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// FuzzScan finds only numbers that stand in the text, each byte in one of them at most.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"Note: 1: 2203 2: a.msi 3: -2147287038", "error 0x80070005 and exit code 1603", "hr=8004da0e %%2147942405", "Error 1920. x", "\xff\xfe error \xff5"} {
		for _, kind := range []string{"log/msi", "log/ccm", "log/reporting-events"} {
			f.Add(s, kind)
		}
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		end := 0
		for _, c := range wincode.Scan(text, wincode.Context{Kind: kind}) {
			if c.From < end || c.To <= c.From || c.To > len(text) {
				t.Fatalf("%+v after %d in %d bytes", c, end, len(text))
			}
			end = c.To
			if strings.Trim(text[c.From:c.To], "0123456789abcdefABCDEFxX-%") != "" {
				t.Fatalf("%q is no number", text[c.From:c.To])
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	const line = `<![LOG[Execution is complete for program Retry Test. The exit code is 999, the execution status is FailureRetry]LOG]!><time="09:15:05.123+360" date="01-10-2011" component="execmgr" context="" type="1" thread="3180" file="execreqmgr.cpp:4097">`
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		wincode.Scan(line, wincode.Context{Kind: "log/ccm"})
	}
}

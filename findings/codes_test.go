package findings_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// TestCodes runs a check over a quote and looks at what the runner says beside it.
func TestCodes(t *testing.T) {
	value := func(name string) *string { return &name }
	const ccm = `]LOG]!><time="10:00:00.123+360" date="01-10-2011" component="UpdatesHandler" context="" type="3" thread="1603" file="a.cpp:1618">`
	tests := []struct {
		name string
		kind ingest.Kind
		e    findings.Evidence
		want string
	}{
		{
			"hresult-of-win32", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[EnforceApp failed with error 0x80070643" + ccm},
			"0x80070643 is ERROR_INSTALL_FAILURE (Windows Installer return code 1603): a fatal error during the installation, the code alone does not say which",
		},
		{
			"beside-the-check's-words", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[RegTask: Failed to get certificate. Error: 0x80090016" + ccm, Note: "the last failure"},
			"the last failure; 0x80090016 is NTE_BAD_KEYSET (cryptography and trust): the key container can't be opened",
		},
		{
			"told-by-name", ingest.KindLogMSI,
			findings.Evidence{Quote: "MSI (s) (40:94): MainEngineThread is returning 1603", Note: "1603 is ERROR_INSTALL_FAILURE: see above"},
			"1603 is ERROR_INSTALL_FAILURE: see above",
		},
		{
			"told-by-number", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[Program exit code 5" + ccm, Note: "exit code 5: access is denied"},
			"exit code 5: access is denied",
		},
		{
			"number-in-a-longer-one", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[Program exit code 5" + ccm, Note: "it ran 15: too long"},
			"it ran 15: too long; 5 is ERROR_ACCESS_DENIED (Win32 error, unless the number is the program's own): access was denied",
		},
		{
			"message-is-not-the-return-code", ingest.KindLogMSI,
			findings.Evidence{Quote: "Info 1603. The file C:\\a.dll is being held in use."},
			"message 1603 of Windows Installer: a file is held in use, and a restart may be needed",
		},
		{
			"message-in-another-language", ingest.KindLogMSI,
			findings.Evidence{Quote: "Fehler 1920. Der Dienst konnte nicht gestartet werden."},
			"message 1920 of Windows Installer: a service did not start",
		},
		{
			"action", ingest.KindLogMSI,
			findings.Evidence{Quote: "Aktion beendet um 21:16:55: InstallFinalize. Rückgabewert 3."},
			"return value 3 of an action of Windows Installer: the action failed",
		},
		{
			"note-with-storage-error", ingest.KindLogMSI,
			findings.Evidence{Quote: `MSI (s) (40:94): Note: 1: 2203 2: C:\Windows\Installer\23f63.msi 3: -2147287035`},
			"message 2203 of Windows Installer: a database (package, patch or cached copy) could not be opened; -2147287035 = 0x80030005 is STG_E_ACCESSDENIED (COM): access to the file was denied",
		},
		{
			"configmgr", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[error = 0x87d00692" + ccm},
			"0x87d00692 is a code of ConfigMgr: a group policy conflicts with the client's update settings",
		},
		{
			"each-component-for-itself", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[Method failed 0x80040206" + ccm},
			"0x80040206 is EVENT_E_INTERNALERROR (COM, unless the component defines the code for itself)",
		},
		{
			"nobody-knows", ingest.KindLogCCM,
			findings.Evidence{Quote: "<![LOG[Method failed 0x8004ABCD" + ccm},
			"0x8004ABCD is a failure of FACILITY_ITF (code 0xABCD), whose meaning the component that returned it defines",
		},
		{
			"nobody-knows-of-a-facility", ingest.KindLogText,
			findings.Evidence{Quote: "failed with 0x80240ABC"},
			"0x80240ABC is a failure of facility 36, FACILITY_WINDOWSUPDATE (code 0xABC), with no meaning that casebook knows",
		},
		{
			"name-alone", ingest.KindLogWindowsUpdate,
			findings.Evidence{Quote: "WARNING: 0x80240036"},
			"0x80240036 is WU_E_INVALID_OPERATION (Windows Update)",
		},
		{
			"mount-point", ingest.KindLogPFRO,
			findings.Evidence{Quote: `6/14/2016 19:14:22 - PFRO Error: \??\C:\a.dll, !\??\D:\b.dll, 0xc00000d4`},
			"0xc00000d4 is STATUS_NOT_SAME_DEVICE (NTSTATUS): a rename would cross volumes",
		},
		{
			"http", ingest.KindLogText,
			findings.Evidence{Quote: "HTTP status code 503"},
			"HTTP status 503: the service is not available",
		},
		{
			"same-code-twice", ingest.KindLogText,
			findings.Evidence{Quote: "hr=0x80004004; failed with 0x80004004"},
			"0x80004004 is E_ABORT (COM): the operation was aborted",
		},
		{
			"at-most-four", ingest.KindLogText,
			findings.Evidence{Quote: "0x80004004 0x80004001 0x80004002 0x80004003 0x80004005"},
			"0x80004004 is E_ABORT (COM): the operation was aborted; 0x80004001 is E_NOTIMPL (COM): the function is not there; " +
				"0x80004002 is E_NOINTERFACE (COM): the object lacks the interface; 0x80004003 is E_POINTER (COM): a pointer is not valid",
		},
		{"own-number-of-a-program", ingest.KindLogCCM, findings.Evidence{Quote: "<![LOG[Program exit code 999" + ccm}, ""},
		{"one", ingest.KindLogCCM, findings.Evidence{Quote: "<![LOG[Program exit code 1" + ccm}, ""},
		{"unlisted-message", ingest.KindLogMSI, findings.Evidence{Quote: "Note: 1: 2727 2:  "}, ""},
		{"no-code", ingest.KindLogText, findings.Evidence{Quote: "Process 1603 wrote 1618 bytes at 17:22:05"}, ""},
		{"registry-code", ingest.KindRegExport, findings.Evidence{Quote: "2149842967", Value: value("LastError"), Key: `Auto Update\Results\Detect`}, "2149842967 = 0x80240017 is WU_E_NOT_APPLICABLE (Windows Update): no update applies"},
		{"registry-code-in-hexadecimal", ingest.KindRegExport, findings.Evidence{Quote: "0x80240017", Value: value("ResultCode")}, "0x80240017 is WU_E_NOT_APPLICABLE (Windows Update): no update applies"},
		{"registry-flags", ingest.KindRegExport, findings.Evidence{Quote: "0x80070005", Value: value("Flags")}, ""},
		{"registry-default", ingest.KindRegExport, findings.Evidence{Quote: "0x80070005", Value: value("")}, ""},
		{"no-quote", ingest.KindLogText, findings.Evidence{Absent: true, Note: "no line with 0x80070005"}, "no line with 0x80070005"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Artifact, tt.e.Role = "a.log", findings.Supports
			all := built(t, []*ingest.Artifact{log("b.log"), {Path: "a.log", Kind: tt.kind}})
			c := check(gives(findings.Finding{Verdict: findings.Suspected, Evidence: []findings.Evidence{tt.e}}))
			got, _, err := findings.Run(context.Background(), []*findings.Check{c}, all)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || len(got[0].Evidence) != 1 {
				t.Fatalf("findings: %+v", got)
			}
			e := got[0].Evidence[0]
			if diff := cmp.Diff(tt.want, e.Note); diff != "" {
				t.Errorf("note (-want +got):\n%s", diff)
			}
			if e.Quote != tt.e.Quote {
				t.Errorf("the quote became %q", e.Quote)
			}
		})
	}
}

package logs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const started = "=== Verbose logging started: 24/03/2026  23:59:49  Build type: SHIP UNICODE 5.00.10011.00  Calling process: C:\\Windows\\system32\\msiexec.exe ===\r\n"

func TestMSIRecords(t *testing.T) {
	text := started +
		"MSI (s) (40!94) [23:59:55:233]: Note: 1: 2205 2:  3: Error \r\n" +
		"MSI (c) (40:94): no time\r\n" +
		"Action 0:00:01: InstallFinalize. Removing backup files\r\n" +
		"MSI (s) (40:98) [23:59:59:900]: a late line of the day before\r\n" +
		"Action ended 0:00:02: INSTALL. Return value 3.\r\n" +
		"\r\n" +
		"Property(S): ERROR = failed\r\n" +
		"Error 1920. Service x failed to start.\r\n" +
		"Info 1603. The file x is being held in use.\r\n" +
		"MSI (s) (40:94) [00:00:03:000]: Product: X -- Error 1920. y\r\n" +
		"MSI (s) (40:94) [00:00:04:000]: MainEngineThread is returning 1603\r\n" +
		"MSI (s) (40:94) [00:00:04:000]: MainEngineThread is returning 3010\r\n" +
		"=== Verbose logging stopped: 25/03/2026  0:00:05 ===\r\n"
	want := []entry{
		{Text: started[:len(started)-2], Time: "2026-03-24 23:59:49.000000", Severity: "info"},
		{Text: "Note: 1: 2205 2:  3: Error ", Thread: 0x4094, Time: "2026-03-24 23:59:55.233000", Severity: "info"},
		{Text: "no time", Thread: 0x4094, Severity: "info"},
		{Text: "Action 0:00:01: InstallFinalize. Removing backup files", Time: "2026-03-25 00:00:01.000000", Severity: "info"},
		{Text: "a late line of the day before", Thread: 0x4098, Time: "2026-03-24 23:59:59.900000", Severity: "info"},
		{Text: "Action ended 0:00:02: INSTALL. Return value 3.", Time: "2026-03-25 00:00:02.000000", Severity: "error"},
		{},
		{Text: "Property(S): ERROR = failed", Severity: "info"},
		{Text: "Error 1920. Service x failed to start.", Severity: "error"},
		{Text: "Info 1603. The file x is being held in use.", Severity: "info"},
		{Text: "Product: X -- Error 1920. y", Thread: 0x4094, Time: "2026-03-25 00:00:03.000000", Severity: "error"},
		{Text: "MainEngineThread is returning 1603", Thread: 0x4094, Time: "2026-03-25 00:00:04.000000", Severity: "error"},
		{Text: "MainEngineThread is returning 3010", Thread: 0x4094, Time: "2026-03-25 00:00:04.000000", Severity: "info"},
		{Text: "=== Verbose logging stopped: 25/03/2026  0:00:05 ===", Time: "2026-03-25 00:00:05.000000", Severity: "info"},
	}
	if d := cmp.Diff(want, entries(t, msiReader, text)); d != "" {
		t.Error(d)
	}
}

// TestMSILocalised: action lines and messages are told by structure, in any language.
func TestMSILocalised(t *testing.T) {
	for _, c := range []struct{ name, line, wantTime, wantSeverity string }{
		{"german", "Aktion beendet um 10:00:00: INSTALL. Rückgabewert 3.", "2026-03-25 10:00:00.000000", "error"},
		{"german-success", "Aktion beendet um 10:00:00: INSTALL. Rückgabewert 1.", "2026-03-25 10:00:00.000000", "info"},
		{"japanese", "アクション終了 10:00:00: INSTALL。戻り値 3。", "2026-03-25 10:00:00.000000", "error"},
		{"start", "Action start 10:00:00: Step3.", "2026-03-25 10:00:00.000000", "info"},
		{"description", "Action 10:00:00: CopyFiles. Copying all of the files of the product to the folder of feature 3.", "2026-03-25 10:00:00.000000", "info"},
		{"ignored-failure", "Action ended 10:00:00: X. Return value 13.", "2026-03-25 10:00:00.000000", "info"},
		{"points", "Handling afsluttet 10.00.00: INSTALL. Returværdi 3.", "2026-03-25 10:00:00.000000", "error"},
		{"french-message", "Erreur 1920. Le service x ne démarre pas.", "", "error"},
		{"german-message", "Fehler 1920. Dienst x", "", "error"},
		{"german-info", "Information 1603. Die Datei x", "", "info"},
		{"polish-in-use", "Informacja 1603. Plik x", "", "info"},
		{"german-warning", "Warnung 1909. Verknüpfung", "", "warning"},
		{"no-message", "Kapitel 12. Text", "", ""},
		{"property-with-time", "Uhrzeit = 10:00:00: x", "", ""},
		{"script", "ScriptGen: Action start MigrateAppData 10:00:00.250", "2026-03-25 10:00:00.250000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := entries(t, msiReader, started+c.line+"\r\n")
			if len(got) != 2 || got[1].Time != c.wantTime || got[1].Severity != c.wantSeverity {
				t.Errorf("got %+v", got[1:])
			}
		})
	}
}

// TestMSIDate: the order of a header's date, and what it needs to be certain.
func TestMSIDate(t *testing.T) {
	header := func(date string) string { return "=== Logging started: " + date + "  21:16:41 ===\r\n" }
	for _, c := range []struct{ name, text, want string }{
		{"day-above-twelve", header("24/03/2026"), "2026-03-24"},
		{"month-first-proved", header("3/24/2026"), "2026-03-24"},
		{"points", header("08.03.2012"), "2012-03-08"},
		{"year-first", header("2012-03-08"), "2012-03-08"},
		{"hungarian", header("2012.03.08."), "2012-03-08"},
		{"bare-fields", header("3/8/2012"), "2012-03-08"},
		{"padded-fields", header("08/03/2012"), "2012-03-08"},
		{"padded-month-only", header("8/03/2012"), "2012-03-08"},
		{"open", header("10/11/2012"), ""},
		{"same-field", header("11/11/2012"), "2012-11-11"},
		{"footer-tells", header("10/11/2012") + "=== Logging stopped: 13/11/2012  00:16:41 ===\r\n", "2012-11-10"},
		{"locale-tells-british", header("10/11/2012") + "Property(S): UserLanguageID = 2057\r\n", "2012-11-10"},
		{"locale-tells-us", header("10/11/2012") + "Property(C): UserLanguageID = 1033\r\n", "2012-10-11"},
		{"locale-against-padding", header("08/03/2012") + "Property(C): UserLanguageID = 1033\r\n", "2012-08-03"},
		{"property-date-tells", header("10/11/2012") + "Property(S): Date = 25/11/2012\r\n", "2012-11-10"},
		{"other-words", "=== Ausführliche Protokollierung gestartet: 24.03.2026  21:16:41  Buildtyp: SHIP ===\r\n", "2026-03-24"},
		{"no-such-day", header("31/02/2026"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want != "" {
				want += " 21:16:41.000000"
			}
			if got := entries(t, msiReader, c.text)[0].Time; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestMSISessions: each header starts the clock anew; without one a time of day has no date.
func TestMSISessions(t *testing.T) {
	engine := "MSI (s) (40:94) [02:30:00:000]: x\r\n"
	text := engine + "=== Logging started: 24/03/2026  01:00:00 ===\r\n" + engine + "=== Logging started: 10/11/2012  01:00:00 ===\r\n" + engine +
		"=== Logging started: 29.10.2023  02:59:00 ===\r\n" + engine
	var got []string
	for _, e := range entries(t, msiReader, text) {
		got = append(got, e.Time)
	}
	want := []string{
		"", "2026-03-24 01:00:00.000000", "2026-03-24 02:30:00.000000", "2012-11-10 01:00:00.000000", "2012-11-10 02:30:00.000000",
		"2023-10-29 02:59:00.000000", "2023-10-29 02:30:00.000000", // the end of summer time is no midnight
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

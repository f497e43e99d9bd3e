package casebook_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"casebook"
	"casebook/findings"
	"casebook/ingest"
	"casebook/internal/regftest"
)

// TestReplayedHive analyses a hive that was copied while it was written, with the log in which its pending rename stands.
func TestReplayedHive(t *testing.T) {
	const text = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName]
"ComputerName"="WS-EAST"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
`
	primary, err := regftest.Options{Dirty: true}.Build(text)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := regftest.Build(text + `"PendingFileRenameOperations"=hex(7):5c,00,3f,00,3f,00,5c,00,43,00,3a,00,5c,00,61,00,00,00,00,00,00,00` + "\n")
	if err != nil {
		t.Fatal(err)
	}
	log := regftest.Log(1, primary, changed)
	for name, tc := range map[string]struct {
		log     []byte
		state   string
		verdict findings.Verdict
	}{
		"with-log":    {log, "replayed 1 log entry, sequence number 1", findings.Confirmed},
		"without-log": {nil, "dirty: the sequence numbers differ (2 and 1): a write had begun and not ended; no transaction log lies beside it", findings.NotEvaluated},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "upload")
			for file, data := range map[string][]byte{"config/SYSTEM": primary, "config/system.LOG1": tc.log} {
				if data == nil {
					continue
				}
				file = filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, upload := range []string{dir, filepath.Join(dir, "config", "SYSTEM")} { // the folder, and the hive alone beside which its log lies
				r, err := casebook.Analyze(t.Context(), []string{upload}, casebook.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Systems) != 1 || !strings.HasPrefix(r.Systems[0].HiveState, tc.state) {
					t.Errorf("systems %+v", r.Systems)
				}
				for _, f := range r.Findings {
					if f.Check != "windows-pending-reboot" {
						continue
					}
					if f.Verdict != tc.verdict {
						t.Errorf("%s: %s", f.Verdict, f.Summary)
					}
					for _, e := range f.Evidence {
						if e.Value != nil && *e.Value == "PendingFileRenameOperations" && !e.Absent && !strings.Contains(e.Note, "transaction log") {
							t.Errorf("the evidence does not say that it comes from the log: %+v", e)
						}
					}
				}
				if bad, err := casebook.Verify(t.Context(), r, []string{upload}, casebook.Options{}); err != nil || len(bad) > 0 {
					t.Errorf("evidence that is not borne out: %v %v", bad, err)
				}
			}
			h, err := casebook.OpenHive(t.Context(), filepath.Join(dir, "config", "SYSTEM"))
			if err != nil || !strings.HasPrefix(tc.state, h.State()) {
				t.Errorf("state %q (%v)", h.State(), err)
			}
		})
	}
}

// TestScript analyses an export, and the same text with a deletion, which makes it a script of changes: it confirms nothing.
func TestScript(t *testing.T) {
	const text = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName]
"ComputerName"="WS-EAST"
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager]
"PendingFileRenameOperations"=hex(7):5c,00,3f,00,3f,00,5c,00,43,00,3a,00,5c,00,61,00,00,00,00,00,00,00
`
	for name, tc := range map[string]struct {
		text    string
		verdict findings.Verdict
		say     string
	}{
		"export":          {text, findings.Confirmed, ""},
		"deletion-behind": {text + "[-HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Old]\n", findings.Suspected, "scripts of changes"},
		"value-deleted":   {text + "\"PendingFileRenameOperations\"=-\n", findings.NotEvaluated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "machine.reg")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := casebook.Analyze(t.Context(), []string{file}, casebook.Options{})
			if err != nil {
				t.Fatal(err)
			}
			said := slices.ContainsFunc(r.Problems, func(p ingest.Problem) bool { return strings.Contains(p.Message, "the file is a script of changes") })
			if said != (tc.text != text) {
				t.Errorf("problems %v", r.Problems)
			}
			for _, f := range r.Findings {
				if f.Check == "windows-pending-reboot" && (f.Verdict != tc.verdict || !strings.Contains(f.Summary, tc.say)) {
					t.Errorf("%s: %s", f.Verdict, f.Summary)
				}
			}
			if bad, err := casebook.Verify(t.Context(), r, []string{file}, casebook.Options{}); err != nil || len(bad) > 0 {
				t.Errorf("evidence that is not borne out: %v %v", bad, err)
			}
		})
	}
}

// TestReplayedAway analyses a hive whose pending rename is no more in the state that its log gives.
func TestReplayedAway(t *testing.T) {
	const text = `Windows Registry Editor Version 5.00
[HKEY_LOCAL_MACHINE\SYSTEM\Select]
"Current"=dword:00000001
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName]
"ComputerName"="WS-EAST"
[HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Control\Session Manager]
`
	primary, err := regftest.Options{Dirty: true}.Build(text + `"PendingFileRenameOperations"=hex(7):5c,00,3f,00,3f,00,5c,00,43,00,3a,00,5c,00,61,00,00,00,00,00,00,00` + "\n")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := regftest.Build(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"SYSTEM": primary, "SYSTEM.LOG1": regftest.Log(1, primary, changed)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := casebook.Analyze(t.Context(), []string{dir}, casebook.Options{})
	if err != nil {
		t.Fatal(err)
	}
	noted := false
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			noted = noted || e.Absent && e.Value != nil && *e.Value == "PendingFileRenameOperations" && strings.Contains(e.Note, "its transaction log removes it")
		}
		if f.Check == "windows-pending-reboot" && f.Verdict == findings.Confirmed {
			t.Errorf("%s: %s", f.Verdict, f.Summary)
		}
	}
	if !noted {
		t.Error("no evidence says that the log removes the value")
	}
}
